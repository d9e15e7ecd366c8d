"""Features and mixtures keep their numbers from format to format."""

import json

import numpy as np
import pytest
from said import stops

from gmmspeech.commands.copy import copy_features, copy_model
from gmmspeech.commands.show import describe
from gmmspeech.errors import ConfigError, DataError, FeatureError, GmmSpeechWarning
from gmmspeech.features.compatibility import told_shift
from gmmspeech.formats.htk import read_htk
from gmmspeech.formats.loading import load
from gmmspeech.formats.mmf import read_mmf
from gmmspeech.gmm.classifier import GMMClassifier
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.phones.hmm.adaptation import SplicedTransform, model_statistics
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.stores.features import FeatureStore, write_store

FRAMES = {f"u-{i}": np.random.default_rng(i).normal(size=(n, 3)).astype(np.float32) for i, n in enumerate([4, 1, 6])}


@pytest.fixture
def h5(tmp_path):
    front = json.dumps({"features": {"type": "mfcc", "frame_shift": 12.5}})
    write_store(tmp_path / "feats.h5", FRAMES.items(), front_end=front)
    return str(tmp_path / "feats.h5")


def same(path, tolerance=0.0):
    with FeatureStore(path) as store:
        assert sorted(store) == sorted(FRAMES)
        for utterance, frames in FRAMES.items():
            np.testing.assert_allclose(store[utterance], frames, rtol=0, atol=tolerance)


def test_around_the_formats(h5, tmp_path):
    t = tmp_path
    way = [
        (h5, f"ark,scp:{t}/a.ark,{t}/a.scp", f"scp:{t}/a.scp"),
        (f"scp:{t}/a.scp", f"ark,t:{t}/a.txt", f"ark:{t}/a.txt"),
        (f"ark:{t}/a.txt", f"htk:{t}/htk", f"htk:{t}/htk"),
        (f"htk:{t}/htk", f"ark,t,scp:{t}/b.ark,{t}/b.scp", f"scp:{t}/b.scp"),
        (f"scp:{t}/b.scp", f"ark:{t}/c.ark", f"ark:{t}/c.ark"),
        (f"ark:{t}/c.ark", f"{t}/again.h5", f"{t}/again.h5"),
    ]
    for source, out, result in way:
        assert copy_features(source, out) == (3, 11)
        same(result)
    assert (t / "a.txt").read_text().startswith("u-0  [\n")
    assert FeatureStore(f"{t}/again.h5").front_end is None


def test_what_htks_files_say(h5, tmp_path):
    copy_features(h5, f"htk:{tmp_path}/htk", kind="MFCC_E", compress=True)
    assert read_htk(tmp_path / "htk/u-0.htk")[1:] == ("MFCC_E_C", 12.5)
    same(f"htk:{tmp_path}/htk", 1e-4)
    for out in ("again", "kept.h5"):  # which have the shift of what is copied
        out = f"htk:{tmp_path}/{out}" if out == "again" else f"{tmp_path}/{out}"
        copy_features(f"htk:{tmp_path}/htk", out)
        with FeatureStore(out) as store:
            assert (store.frame_shift or told_shift(store.front_end)) == 12.5
    with pytest.warns(GmmSpeechWarning, match="found frames every 12.5 ms by their headers, which archives of Kaldi's"):
        copy_features(f"htk:{tmp_path}/htk", f"ark:{tmp_path}/d.ark")
    copy_features(f"htk:{tmp_path}/htk", f"htk:{tmp_path}/other", frame_shift=5)
    assert read_htk(tmp_path / "other/u-0.htk")[1:] == ("USER", 5.0)
    copy_features(h5, f"ark:{tmp_path}/c.ark", compress=True)
    same(f"ark:{tmp_path}/c.ark", 0.2)


def test_outputs_that_make_no_sense(h5, tmp_path):
    for out, options in {
        "ark,x:a": {},
        "ark,scp:a": {},
        "ark,scp:a,": {},
        "ark:": {},
        "scp:a.scp": {},
        "ark,t:a": {"compress": True},
        f"{tmp_path}/a.h5": {"compress": True},
        f"htk:{tmp_path}/htk": {"kind": "MFC"},
    }.items():
        with pytest.raises(ConfigError):
            copy_features(h5, out, **options)
    (tmp_path / "bad.ark").write_text("u1  [\n 1 2 ]\nu2  [\n nan 2 ]\n")
    with pytest.raises(FeatureError, match=r"utterance u2: .*nan"):
        copy_features(f"ark:{tmp_path}/bad.ark", f"ark,scp:{tmp_path}/new.ark,{tmp_path}/new.scp")
    assert not list(tmp_path.glob("new*"))


def test_ids_that_are_no_names_of_files(tmp_path):
    ids = ["/abs/x", "../../x", "a/b", "a%2Fb", ".", "..", "a\nb", "ü ü", "A" * 190 + "/b"]
    write_store(tmp_path / "f.h5", [(id, FRAMES["u-0"] + i) for i, id in enumerate(ids)])
    copy_features(str(tmp_path / "f.h5"), f"htk:{tmp_path}/out/htk")
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_dir()) == ["htk", "out"]
    written = [path for path in tmp_path.rglob("*") if path.suffix == ".htk"]
    assert {path.parent for path in written} == {tmp_path / "out" / "htk"}
    assert len(written) == len(ids)
    with FeatureStore(f"htk:{tmp_path}/out/htk") as store:
        assert set(ids) == set(store)
        for i, id in enumerate(ids):
            np.testing.assert_array_equal(store[id], FRAMES["u-0"] + i)


@pytest.mark.parametrize("id", ["x" * 300, "ü" * 100, "A" * 197 + "/"])
def test_ids_that_a_file_name_would_cut_are_refused(tmp_path, id):
    write_store(tmp_path / "f.h5", [("a", FRAMES["u-0"]), (id, FRAMES["u-0"])])
    with pytest.raises(DataError, match=r"f.h5: utterance .*: found an id of \d+ bytes, expected one that the name of"):
        copy_features(str(tmp_path / "f.h5"), f"htk:{tmp_path}/out")
    assert not (tmp_path / "out").exists()
    copy_features(str(tmp_path / "f.h5"), f"ark:{tmp_path}/f.ark")
    with FeatureStore(f"ark:{tmp_path}/f.ark") as store:
        assert list(store) == ["a", id]


def test_mixtures(golden, tmp_path):
    original = load(golden / "kaldi/gmm/after.bin")
    before = golden / "kaldi/gmm/after.bin"
    for name in ("a.h5", "b.dubm", "c.txt", "d.mmf", "e.hdf5"):
        assert copy_model(before, tmp_path / name) == 1
        for found, expected in zip(load(tmp_path / name).parameters(), original.parameters(), strict=True):
            np.testing.assert_allclose(found, expected, rtol=3e-7)
        before = tmp_path / name
    assert copy_model(golden / "kaldi/gmm/after.txt", tmp_path / "final", format="kaldi") == 1
    assert (tmp_path / "final").read_bytes().startswith(b"\0B<DiagGMM> ")
    assert list(read_mmf(tmp_path / "d.mmf")) == ["c"]
    full = golden / "kaldi_models/ivector/final.ubm"
    assert copy_model(full, tmp_path / "a.h5") == copy_model(tmp_path / "a.h5", tmp_path / "a.ubm") == 1
    assert len((tmp_path / "a.ubm").read_bytes()) == len(full.read_bytes())
    with pytest.raises(DataError, match="found a GMM, expected a mixture with diagonal covariances"):
        copy_model(full, tmp_path / "a.mmf")
    with pytest.raises(DataError, match=r"final\.ubm: found full covariances for .*a\.dubm, expected diagonal ones"):
        copy_model(full, tmp_path / "a.dubm")
    assert not (tmp_path / "a.dubm").exists()
    with pytest.raises(ConfigError, match=r"found format '\.xyz', expected format=FORMAT, one of hdf5"):
        copy_model(before, tmp_path / "a.xyz")
    with pytest.raises(ConfigError, match="found format 'alize'"):
        copy_model(before, tmp_path / "a.h5", format="alize")


def test_how_to_say_the_format_of_a_stream(run_command, tmp_path):
    DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]]).save(tmp_path / "a.h5")
    done = run_command("copy-model", tmp_path / "a.h5", "-")
    stops(done, "standard output: found format '', expected --to=FORMAT, one of hdf5 (.h5 .hdf5), kaldi")


def test_a_classifier_becomes_hmms(tmp_path):
    frames = np.concatenate(list(FRAMES.values()))
    classifier = GMMClassifier(1).fit(frames, [1, 2] * 5 + [1])
    classifier.save(tmp_path / "c.h5")
    assert copy_model(tmp_path / "c.h5", tmp_path / "c.mmf") == 2
    models = read_mmf(tmp_path / "c.mmf")
    assert list(models) == ["1", "2"]
    np.testing.assert_allclose(models["2"].means_, classifier.models_[1].means_, rtol=1e-8)
    with pytest.raises(DataError, match="found a GMMClassifier, expected a mixture"):
        copy_model(tmp_path / "c.h5", tmp_path / "c.dubm")


def test_phone_hmms_there_and_back(golden, tmp_path):
    original = golden / "kaldi_models/mono/final.mdl"
    assert copy_model(original, tmp_path / "a.h5") == 0
    for name, format in (("one", None), ("two", "kaldi-text")):
        (tmp_path / name).mkdir()
        copy_model(tmp_path / "a.h5", tmp_path / name / "final.mdl", format=format)
        np.testing.assert_allclose(load(tmp_path / name / "final.mdl").means, load(original).means, rtol=1e-6)
    with pytest.raises(ConfigError, match=r"found a.mdl, expected final.mdl"):
        copy_model(tmp_path / "a.h5", tmp_path / "a.mdl")
    (tmp_path / "one/final.mdl").unlink()
    with pytest.raises(DataError, match="expected a folder of its own"):
        copy_model(tmp_path / "a.h5", tmp_path / "one/final.mdl")
    with pytest.raises(DataError, match="found a PhoneHMM, expected a mixture"):
        copy_model(original, tmp_path / "a.mmf")


def test_adapted_systems_there_and_back(tmp_path):
    model = PhoneHMM.from_phones(["SIL", "A"], mean=np.zeros(2), variance=np.ones(2))
    transform = SplicedTransform(1, np.random.default_rng(0).normal(size=(2, 9)))
    AdaptedSystem(transform, model, model, model_statistics(model), 10.0).save(tmp_path / "a.h5")
    (tmp_path / "out").mkdir()
    copy_model(tmp_path / "a.h5", tmp_path / "out/final.mdl")
    again = load(tmp_path / "out/final.mdl")
    np.testing.assert_allclose(again.transform.matrix, transform.matrix, rtol=1e-6)
    assert (again.dim, again.transform.context) == (3, 1)
    assert again.prior_frames == 10.0
    np.testing.assert_allclose(again.prior.g, model_statistics(model).g, rtol=1e-12)
    copy_model(tmp_path / "out/final.mdl", tmp_path / "again.h5")
    (tmp_path / "more").mkdir()
    copy_model(tmp_path / "again.h5", tmp_path / "more/final.mdl")
    for path in (tmp_path / "out").iterdir():
        assert (tmp_path / "more" / path.name).read_bytes() == path.read_bytes()
    copy_model(tmp_path / "out/final.mdl", tmp_path / "more/final.mdl", format="kaldi-text")
    (tmp_path / "out/final.mdl").write_bytes((tmp_path / "more/final.mdl").read_bytes())
    with pytest.raises(DataError, match="fmllr_prior: found the prior of another model"):
        load(tmp_path / "out/final.mdl")
    assert load(tmp_path / "out/final.alimdl").prior_frames == 100.0  # which has no prior of its own
    expected = "prior of speakers for fMLLR: statistics of 2 columns, which count as 10 frames"
    assert describe(str(tmp_path / "out/fmllr_prior")) == [expected]
