"""Folders of Kaldi's models: which frames a model is of, and systems of spliced and transformed frames."""

import json

import numpy as np
import pytest

from gmmspeech.commands.copy import copy_model
from gmmspeech.errors import ConfigError, DataError, GmmSpeechWarning
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.features.sections import DeltaOptions, SpeakerCmvnOptions
from gmmspeech.features.stored import SLIDING, StoredCmvn, StoredFrontEnd, joined_options
from gmmspeech.formats.kaldi.folder import (
    kaldi_steps,
    read_kaldi_matrix,
    stored_steps,
    write_kaldi_matrix,
    write_kaldi_model,
)
from gmmspeech.formats.kaldi.hmm import write_kaldi_hmm
from gmmspeech.formats.loading import load
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem
from gmmspeech.phones.hmm.model import PhoneHMM


def written(folder, dim):
    write_kaldi_hmm(folder, PhoneHMM.from_phones(["SIL", "A"], mean=np.zeros(dim), variance=np.ones(dim)))
    return folder / "final.mdl"


def test_the_front_end_of_what_lies_beside(tmp_path):
    path = written(tmp_path, 39)
    assert load(path).front_end is None
    (tmp_path / "mfcc.conf").write_text("--use-energy=false\n--dither=0\n")
    (tmp_path / "cmvn_opts").write_text("--norm-means=true --norm-vars=true\n")
    front = FrontEnd.from_json(load(path).front_end)
    assert (front.dim, front.deltas.order, front.cmvn.norm_vars, front.cmvn.static) == (39, 2, True, True)
    for text, expected in (("True", True), ("T", True), ("1", True), ("False", False), ("0", False)):
        (tmp_path / "cmvn_opts").write_text(f"--norm-means=TRUE --norm-vars={text}\n")
        assert FrontEnd.from_json(load(path).front_end).cmvn.norm_vars is expected
    (tmp_path / "delta_opts").write_text("--delta-window=3\n")
    assert FrontEnd.from_json(load(path).front_end).deltas.window == 3
    (tmp_path / "cmvn_opts").write_text("--norm-means=false\n")
    assert FrontEnd.from_json(load(path).front_end).cmvn is None
    for name, text, match in (
        ("cmvn_opts", "--norm-means=false --norm-vars=true", "variances without means"),
        ("cmvn_opts", "--center=true", "cmvn_opts: line 1: unknown option --center"),
        ("cmvn_opts", "--norm-vars=maybe", "cmvn_opts: line 1: norm_vars: found 'maybe', expected true or false"),
        ("delta_opts", "--delta-order=abc", "delta_opts: line 1: delta_order: found 'abc', expected a number"),
        ("delta_opts", "--delta-order=1.5", "delta_order: found 1.5, expected a whole number"),
        ("delta_opts", "--delta-order=", "delta_order: found '', expected a number"),
        ("delta_opts", "--delta-order=-1", "delta_opts: delta order: found -1"),
        ("delta_opts", "--delta-order=2 --delta-window=x", "delta_opts: line 1: delta_window: found 'x'"),
        ("delta_opts", "--delta-order=1", "expected the 39 columns"),
        ("plp.conf", "--use-energy=false", "expected the configuration of one kind"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises((DataError, ConfigError), match=match):
            load(path)
        (tmp_path / name).write_text("") if name != "plp.conf" else (tmp_path / name).unlink()


def with_steps(**steps):
    steps = StoredFrontEnd(columns=13, **steps)
    return PhoneHMM.from_phones(["SIL", "A"], mean=np.zeros(steps.dim), variance=np.ones(steps.dim)).with_front_end(
        joined_options({}, steps)
    )


@pytest.mark.parametrize(
    "steps",
    [
        {"cmvn": StoredCmvn(owner="speaker", norm_vars=True), "deltas": DeltaOptions(order=2)},
        {"cmvn": StoredCmvn(owner="speaker")},
        {"deltas": DeltaOptions(order=1, window=3)},
        {},
    ],
)
def test_steps_of_stored_features_there_and_back(tmp_path, steps):
    path = tmp_path / "final.mdl"
    write_kaldi_model(path, with_steps(**steps))
    assert stored_steps(path, load(path)) == StoredFrontEnd(columns=13, **steps)
    copy_model(path, tmp_path / "m.h5")
    assert kaldi_steps(load(tmp_path / "m.h5")) == StoredFrontEnd(columns=13, **steps)


def test_steps_over_features_whose_front_end_is_known(tmp_path):
    front = FrontEnd(sample_frequency=16000, features={"type": "mfcc", "frame_shift": 5.0})
    deltas = DeltaOptions(order=2)
    text = joined_options(
        json.loads(front.to_json()), StoredFrontEnd(columns=13, cmvn=StoredCmvn(owner="speaker"), deltas=deltas)
    )
    path = tmp_path / "final.mdl"
    write_kaldi_model(path, with_steps(deltas=deltas).with_front_end(text))
    found = FrontEnd.from_json(load(path).front_end)
    assert (found.features, found.deltas) == (front.features, deltas)
    assert found.cmvn == SpeakerCmvnOptions(static=True)
    normalized = front.model_copy(update={"cmvn": SpeakerCmvnOptions()})
    text = joined_options(json.loads(normalized.to_json()), StoredFrontEnd(columns=13, deltas=deltas))
    with pytest.warns(GmmSpeechWarning, match="steps over stored features"):
        write_kaldi_model(tmp_path / "other" / "final.mdl", with_steps(deltas=deltas).with_front_end(text))
    assert load(tmp_path / "other" / "final.mdl").front_end is None


def test_steps_that_kaldi_has_no_file_for_are_refused(tmp_path):
    for steps, match in (
        ({"sliding": SLIDING}, "sliding CMVN"),
        ({"vad": True}, "voice activity"),
        ({"paste": 2}, "past"),
        ({"frame_shift": 5.0}, "a frame shift of 5 ms"),
    ):
        with pytest.raises(ConfigError, match=f"final.mdl: found a model of frames behind {match}"):
            write_kaldi_model(tmp_path / "final.mdl", with_steps(**steps))
    assert not list(tmp_path.iterdir())


def of_recordings(sections):
    sections = dict(sections)
    features = {"type": "mfcc", **sections.pop("features", {})}
    front = FrontEnd(sample_frequency=16000, features=features, **sections)
    model = PhoneHMM.from_phones(["SIL", "A"], mean=np.zeros(front.dim), variance=np.ones(front.dim))
    return front, model.with_front_end(front.to_json())


@pytest.mark.parametrize(
    "sections",
    [
        {"features": {"type": "mfcc", "num_ceps": 16, "num_mel_bins": 26, "use_energy": False, "low_freq": 64.5}},
        {"features": {"type": "plp"}, "deltas": {"order": 1, "window": 3}},
        {
            "features": {"type": "fbank", "use_log_fbank": True},
            "cmvn": {"method": "speaker", "norm_vars": True, "static": True},
        },
        {"deltas": {}, "cmvn": {"method": "speaker", "static": True}, "resample": "down", "resampler": "kaldi"},
    ],
)
def test_front_ends_there_and_back(tmp_path, sections):
    front, model = of_recordings(sections)
    write_kaldi_model(tmp_path / "final.mdl", model)
    assert FrontEnd.from_json(load(tmp_path / "final.mdl").front_end) == front
    steps = kaldi_steps(model)  # of the same frames, from feats.scp
    assert (steps.columns, steps.dim) == (front.features.dim, front.dim)
    assert (steps.cmvn is None) == (front.cmvn is None)


@pytest.mark.parametrize(
    ("sections", "match"),
    [
        ({"deltas": {}, "cmvn": {"method": "speaker"}}, "CMVN behind deltas is not among"),
        ({"cmvn": {"method": "utterance"}}, "CMVN of method utterance"),
        ({"features": {"type": "lfcc"}}, "all that is done is not"),
        ({"features": {"convention": "htk"}}, "all that is done is not"),
        ({"vad": {"method": "energy"}}, "voice activity"),
    ],
)
def test_front_ends_that_are_not_kaldis_are_told(tmp_path, sections, match):
    _, model = of_recordings(sections)
    with pytest.warns(GmmSpeechWarning, match=match):
        write_kaldi_model(tmp_path / "final.mdl", model)
    assert load(tmp_path / "final.mdl").front_end is None
    assert "all that is done" in match or kaldi_steps(model) is None


def test_cmvn_before_deltas(tmp_path):
    path = written(tmp_path, 39)
    (tmp_path / "mfcc.conf").write_text("--use-energy=false\n--dither=0\n")
    (tmp_path / "cmvn_opts").write_text("--norm-vars=true\n")
    front = FrontEnd.from_json(load(path).front_end)
    signals = [np.random.default_rng(i).normal(0, 0.1, 8000).astype(np.float32) for i in range(2)]
    found = front.of_speaker([front.unnormalized(signal, 16000) for signal in signals])
    plain = FrontEnd.from_kaldi_conf(tmp_path / "mfcc.conf")
    static = [plain(signal, 16000).astype(np.float64) for signal in signals]
    together = np.concatenate(static)
    from gmmspeech.features.deltas import add_deltas

    for frames, x in zip(found, static, strict=True):
        expected = add_deltas((x - together.mean(0)) / together.std(0), order=2, window=2)
        np.testing.assert_allclose(frames, expected, atol=2e-4)


def test_systems_of_transformed_frames(tmp_path):
    path, rng = written(tmp_path, 4), np.random.default_rng(0)
    matrix = rng.normal(size=(4, 9))
    write_kaldi_matrix(tmp_path / "final.mat", matrix)
    (tmp_path / "splice_opts").write_text("--left-context=1 --right-context=1\n")
    system = load(path)
    assert isinstance(system, AdaptedSystem)
    assert system.dim == 3
    assert system.unadapted is system.adapted or system.unadapted.num_states == system.adapted.num_states
    x = rng.normal(size=(5, 3))
    spliced = np.concatenate([x[[0, 0, 1, 2, 3]], x, x[[1, 2, 3, 4, 4]]], axis=1)
    np.testing.assert_allclose(system.transform(x), spliced @ matrix.T, rtol=1e-5, atol=1e-6)
    path.rename(tmp_path / "final.alimdl")
    written(tmp_path, 4)
    (tmp_path / "final.mat").rename(tmp_path / "aside")
    with pytest.raises(DataError, match=r"final.mdl: found final.alimdl without final.mat, expected"):
        load(path)
    assert isinstance(load(tmp_path / "final.alimdl"), PhoneHMM)
    (tmp_path / "aside").rename(tmp_path / "final.mat")
    assert load(path).unadapted.num_states == 6
    np.testing.assert_allclose(read_kaldi_matrix(tmp_path / "final.mat"), matrix, rtol=1e-6)
    for text, match in (
        ("--left-context=2\n", "found 2 frames before and 4"),
        ("--left-context=a\n", "splice_opts: line 1: left_context: found 'a', expected a number"),
        ("--left-context=-1 --right-context=-1\n", "found -1 frames before"),
        ("", "expected .4, a multiple of 9"),
    ):
        (tmp_path / "splice_opts").write_text(text)
        write_kaldi_matrix(tmp_path / "final.mat", matrix[:, :8])
        with pytest.raises(DataError, match=match):
            load(path)
