"""Acoustic models of the Montreal Forced Aligner: those of Kaldi's in its layout, and what is wrong with bad ones."""

import json
import shutil
import zipfile

import numpy as np
import pytest

from gmmspeech.errors import GmmSpeechError
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.formats.kaldi.folder import write_kaldi_matrix
from gmmspeech.formats.kaldi.hmm import write_kaldi_hmm
from gmmspeech.formats.loading import load
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem
from gmmspeech.phones.hmm.model import PhoneHMM

FEATURES = {"feature_type": "mfcc", "use_energy": False, "snip_edges": False, "frame_shift": 10, "uses_deltas": True}
META = {"version": "3.0.0", "architecture": "gmm-hmm", "features": FEATURES, "optional_silence_phone": "sil"}


def packed(folder, path, meta="meta.json", top="", **changed):
    """Pack files of a folder as MFA does, with a text of meta data."""
    given = changed.pop("text", json.dumps(META | changed))
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, top + file.name)
        if given is not None:
            archive.writestr(top + meta, given)
    return path


@pytest.fixture
def made(tmp_path):
    model = PhoneHMM.from_phones(["sil", "spn", "a", "ɔ"], mean=np.zeros(39), variance=np.ones(39), silence="sil")
    write_kaldi_hmm(tmp_path / "model", model)
    return tmp_path / "model"


def test_a_model_of_kaldis_in_an_archive(golden, tmp_path):
    folder = golden / "kaldi_models/mono"
    (tmp_path / "model").mkdir()
    for name in ("final.mdl", "tree", "phones.txt"):
        shutil.copyfile(folder / name, tmp_path / "model" / name)
    own = dict(line.strip().removeprefix("--").split("=") for line in (folder / "mfcc.conf").read_text().split())
    features = {"use_energy": own.get("use-energy") == "true", "dither": 0, "high_frequency": 0}
    path = packed(tmp_path / "model", tmp_path / "own.zip", top="own/", features=features, optional_silence_phone="SIL")
    found, expected = load(path), load(folder / "final.mdl")
    assert found.phones == expected.phones
    np.testing.assert_array_equal(found.means, expected.means)
    assert (FrontEnd.from_json(found.front_end).dim, found.silence) == (39, "SIL")


def test_the_front_end_is_what_meta_tells(made, tmp_path):
    front = FrontEnd.from_json(load(packed(made, tmp_path / "m.zip")).front_end)
    assert (front.features.low_freq, front.features.high_freq, front.features.snip_edges) == (20, 7800, False)
    assert (front.deltas.order, front.cmvn.method) == (2, "speaker")
    for text, meta in (
        ("features:\n  type: mfcc\n  pitch: false\n  deltas: true\nversion: 2.0.0\n", "meta.yaml"),
        ('{"features": "mfcc+deltas"}', "meta.json"),
        (None, "meta.json"),
    ):
        older = load(packed(made, tmp_path / "m.zip", meta, text=text))
        assert (FrontEnd.from_json(older.front_end).features.high_freq, older.silence) == (7800, "sil")


def test_an_adapted_system(tmp_path):
    model = PhoneHMM.from_phones(["sil", "a"], mean=np.zeros(5), variance=np.ones(5), silence="sil")
    folder = tmp_path / "model"
    write_kaldi_hmm(folder, model)
    shutil.copyfile(folder / "final.mdl", folder / "final.alimdl")
    write_kaldi_matrix(folder / "lda.mat", np.random.default_rng(0).normal(size=(5, 91)))
    system = load(packed(folder, tmp_path / "m.zip"))
    assert isinstance(system, AdaptedSystem)
    assert (system.transform.context, system.dim) == (3, 13)
    assert FrontEnd.from_json(system.front_end).dim == 13


def test_a_system_of_deltas_is_its_model_of_any_speaker(tmp_path):
    folder = tmp_path / "model"
    for mean, name in ((1, "final.alimdl"), (2, "final.mdl")):
        write_kaldi_hmm(
            folder, PhoneHMM.from_phones(["sil", "a"], mean=np.full(39, mean), variance=np.ones(39), silence="sil")
        )
        (folder / "final.mdl").rename(folder / name)
    model = load(packed(folder, tmp_path / "m.zip"))
    assert isinstance(model, PhoneHMM)
    assert (model.means == 1).all()


def test_phones_of_version_1(tmp_path):
    names = [f"{p}{q}" for p in ("sil", "sp", "spn") for q in ("", "_B", "_E", "_I", "_S")]
    names += [f"{p}_{q}" for p in ("AA1", "B") for q in "BEIS"]
    model = PhoneHMM.from_phones(names, mean=np.zeros(39), variance=np.ones(39), silence="sil")
    write_kaldi_hmm(tmp_path / "model", model)
    (tmp_path / "model/phones.txt").unlink()
    text = "architecture: gmm-hmm\nfeatures: mfcc+deltas\nphones: [B, AA1]\nversion: 1.0.0\n"
    found = load(packed(tmp_path / "model", tmp_path / "m.zip", "meta.yaml", text=text))
    assert (found.phones, found.silence) == (tuple(names), "sil")


def test_bad_archives(made, tmp_path):
    path = tmp_path / "m.zip"
    for changes, match in (
        ({"features": {"use_pitch": True}}, "found use_pitch, expected a model of cepstra alone"),
        ({"features": {"feature_type": "plp"}}, "feature_type: found plp, expected mfcc"),
        ({"features": {"wavelets": 3}}, "features: found wavelets"),
        ({"features": {"use_energy": "maybe"}}, "use.energy"),
        ({"features": {"num_coefficients": 20}}, "39 columns"),
        ({"features": 3}, "features: found 3"),
        ({"optional_silence_phone": "pau"}, "optional_silence_phone: found pau, expected one of the 5 phones"),
        ({"text": "{"}, "meta: can't be read"),
        ({"text": "[]"}, r"meta: found \[\], expected names"),
    ):
        with pytest.raises(GmmSpeechError, match=match) as caught:
            load(packed(made, path, **changes))
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)
    (made / "phones.txt").unlink()
    with pytest.raises(GmmSpeechError, match=r"found no phones\.txt and no phones in meta"):
        load(packed(made, path))
    with pytest.raises(GmmSpeechError, match=r"m\.zip: phones\.txt: found no name for phone"):
        load(packed(made, path, phone_mapping={"<eps>": 0, "sil": 1}))
    (made / "tree").unlink()
    with pytest.raises(GmmSpeechError, match=r"m\.zip: found no tree, expected an acoustic model of MFA"):
        load(packed(made, path))
    whole = path.read_bytes()
    for bad in (whole[: len(whole) // 2], whole.replace(b"final.mdl", b"final.mdx"), whole[:4]):
        path.write_bytes(bad)
        with pytest.raises(GmmSpeechError, match=r"m\.zip: "):
            load(path)
