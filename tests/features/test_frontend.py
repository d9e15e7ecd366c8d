"""The front end: order of work, configuration files, and every way to get them wrong."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gmmspeech.errors import ConfigError, FeatureError
from gmmspeech.features.conf_files import SHIPPED
from gmmspeech.features.deltas import add_deltas, shifted_deltas
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.features.mfcc import fbank, lfcc, mfcc
from gmmspeech.features.normalization import cmvn, rasta, sliding_cmvn
from gmmspeech.features.plp import plp
from gmmspeech.features.vad import energy_vad, relative_energy_vad
from gmmspeech.features.warping import feature_warp

RATE = 16000


@pytest.fixture
def speech(kaldi_wav) -> NDArray[np.float32]:
    return kaldi_wav("1688-142285-0002")[0]


def loud_then_quiet(num_samples: int = 16000) -> NDArray[np.float32]:
    noise = np.random.default_rng(0).standard_normal(num_samples)
    return (noise * np.where(np.arange(num_samples) < num_samples // 2, 0.1, 1e-5)).astype(np.float32)


# ---- order of work ----


def test_sre_recipe_step_by_step(speech, kaldi_feats):
    front = FrontEnd.from_toml("mfcc_sre")
    static = mfcc(speech, RATE, num_ceps=20, low_freq=20, high_freq=7600, snip_edges=False)
    voiced = energy_vad(static, vad_energy_threshold=5.5)
    expected = sliding_cmvn(add_deltas(static, window=3), cmn_window=300, center=True)[voiced]
    np.testing.assert_array_equal(front(speech, RATE), expected)
    np.testing.assert_array_equal(front.voiced(speech, RATE), kaldi_feats("vad_sre")["1688-142285-0002"] == 1)
    assert front.dim == expected.shape[1] == 60


def test_utterance_cmvn_sees_only_voiced_frames():
    front = FrontEnd.from_toml("channels_differ")
    signal = loud_then_quiet()
    static = mfcc(signal, RATE, **front.features.model_dump(exclude={"type"}))
    energy = mfcc(signal, RATE, use_energy=True)[:, 0]
    voiced = relative_energy_vad(energy)
    assert 0 < voiced.sum() < len(voiced)
    np.testing.assert_array_equal(front(signal, RATE), cmvn(add_deltas(static)[voiced]))
    np.testing.assert_allclose(front(signal, RATE).mean(axis=0), 0, atol=1e-4)


def test_speaker_cmvn_sees_all_utterances_of_the_speaker(speech):
    front = FrontEnd(cmvn={"method": "speaker", "norm_vars": True})
    parts = [speech[:9000], speech[9000:]]
    plain = [FrontEnd()(part, RATE) for part in parts]
    frames = front.of_speaker([front.unnormalized(part, RATE) for part in parts])
    assert [len(x) for x in frames] == [len(x) for x in plain]
    np.testing.assert_array_equal(np.concatenate(frames), cmvn(np.concatenate(plain), norm_vars=True))
    np.testing.assert_array_equal(front(parts[0], RATE), cmvn(plain[0], norm_vars=True))  # all there is of the speaker
    assert front.describe().endswith("speaker CMVN")


def test_without_steps_there_are_only_features(speech):
    front = FrontEnd(features={"type": "fbank", "num_mel_bins": 40, "use_energy": True})
    found = front(speech, RATE)
    np.testing.assert_array_equal(found, fbank(speech, RATE, num_mel_bins=40, use_energy=True))
    assert found.dtype == np.float32
    assert front.dim == 41
    assert front.voiced(speech, RATE).all()


@pytest.mark.parametrize("convention", ["kaldi", "htk", "librosa"])
@pytest.mark.parametrize("vad", [{"method": "energy"}, {"method": "relative"}])
def test_vad_looks_at_energy_whatever_the_columns(convention, vad, speech):
    front = FrontEnd(features={"type": "mfcc", "convention": convention, "use_energy": False}, vad=vad)
    voiced = front.voiced(speech, RATE)
    assert 0.5 < voiced.mean() <= 1
    assert len(front(speech, RATE)) == voiced.sum()


@pytest.mark.parametrize("kind", ["mfcc", "fbank", "plp", "lfcc"])
def test_every_kind_with_its_defaults(kind, speech):
    function = {"mfcc": mfcc, "fbank": fbank, "plp": plp, "lfcc": lfcc}[kind]
    np.testing.assert_array_equal(FrontEnd(features={"type": kind})(speech, RATE), function(speech, RATE))


def test_other_steps_in_their_order(speech):
    front = FrontEnd(
        rasta={"pole": 0.94},
        sdc={"num_blocks": 3},
        cmvn={"method": "sliding", "center": True},
        warp={"window": 101},
        vad={"method": "energy"},
    )
    static = mfcc(speech, RATE)
    frames = shifted_deltas(rasta(static, pole=0.94), num_blocks=3)
    expected = feature_warp(sliding_cmvn(frames, center=True), window=101)[energy_vad(static)]
    np.testing.assert_array_equal(front(speech, RATE), expected)
    assert front.dim == expected.shape[1] == 52
    assert front.describe() == (
        "RASTA 13 MFCC + SDC 1-3-3, 25/10 ms, energy VAD 5 + 0.5 mean, sliding CMN 600, warping 101"
    )
    assert FrontEnd.from_json(front.to_json()) == front


def test_sections_that_came_later_leave_the_text_of_others_as_it_was():
    sections = json.loads(FrontEnd().to_json())
    assert sections.keys() == {"sample_frequency", "resample", "features", "deltas", "vad", "cmvn"}


def test_mean_scale():
    cmn = {"method": "utterance", "mean_scale": 0.5}
    signal = loud_then_quiet()
    plain, half = FrontEnd()(signal, RATE), FrontEnd(cmvn=cmn)(signal, RATE)
    np.testing.assert_allclose(half, plain - 0.5 * plain.mean(axis=0), atol=1e-4)


def test_dither_depends_on_the_utterance_and_not_on_the_order():
    front = FrontEnd(features={"type": "mfcc", "dither": 1.0})
    signal = loud_then_quiet()
    a, b = front(signal, RATE, "a"), front(signal, RATE, "b")
    np.testing.assert_array_equal(front(signal, RATE, "a"), a)
    assert np.abs(a - b).max() > 0


def test_integers_and_floats_agree():
    signal = np.round(3000 * np.sin(0.1 * np.arange(8000))).astype(np.int16)
    for resample_from in (RATE, 8000):
        front = FrontEnd(resample=True)
        np.testing.assert_allclose(
            front(signal, resample_from), front(signal / np.float32(32768), resample_from), atol=1e-4
        )


# ---- configuration ----


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_configurations(path):
    front = FrontEnd.from_toml(path.stem)
    assert front == FrontEnd.from_toml(path) == FrontEnd.from_toml(str(path)) == FrontEnd.from_toml(path.name)
    signal = np.random.default_rng(0).standard_normal(front.sample_frequency).astype(np.float32) * 0.1
    assert front(signal, front.sample_frequency).shape[1] == front.dim
    assert FrontEnd.from_json(front.to_json()) == front
    assert path.read_text().startswith("#")


def test_what_the_shipped_configurations_are(speech, kaldi_feats):
    found = FrontEnd.from_toml("mfcc_kaldi")(speech, RATE)
    np.testing.assert_array_equal(found, mfcc(speech, RATE))
    assert FrontEnd.from_toml("mfcc_htk").dim == 39


def test_equal_configurations_have_equal_text():
    default = FrontEnd(deltas={"order": 2, "window": 2}, features={"type": "mfcc"})
    spelled = FrontEnd(features={"low_freq": 20, "num_ceps": 13, "type": "mfcc"}, deltas={}, sample_frequency=16000)
    assert default.to_json() == spelled.to_json()
    assert default.fingerprint == spelled.fingerprint
    assert re.fullmatch("[0-9a-f]{12}", default.fingerprint)
    assert FrontEnd(deltas={"order": 0}) == FrontEnd()
    assert FrontEnd(features={"type": "mfcc", "num_ceps": 14}).fingerprint != FrontEnd().fingerprint


@pytest.mark.parametrize("convention", ["kaldi", "htk", "librosa"])
def test_json_spells_out_every_default(convention):
    front = FrontEnd(features={"type": "mfcc", "convention": convention})
    options = json.loads(front.to_json())["features"]
    assert {"num_ceps", "low_freq", "window_type", "mel_floor"} <= options.keys()
    assert FrontEnd.from_json(front.to_json()) == front


def test_it_is_frozen_and_hashable():
    front = FrontEnd()
    with pytest.raises(ValueError):
        front.resample = True
    assert len({front, FrontEnd()}) == 1


@pytest.mark.parametrize(
    ("sections", "text"),
    [
        ({}, "13 MFCC, 25/10 ms, no VAD, no CMVN"),
        (
            {
                "features": {"type": "mfcc", "num_ceps": 24, "num_mel_bins": 30},
                "deltas": {"order": 2},
                "vad": {"method": "relative"},
            },
            "24 MFCC + Δ + ΔΔ, 25/10 ms, relative VAD 50 dB, no CMVN",
        ),
        (
            {
                "features": {"type": "fbank", "convention": "librosa"},
                "cmvn": {"method": "utterance", "norm_vars": True, "mean_scale": 0.5},
            },
            "128 mel bands, 128/32 ms, no VAD, utterance CMVN x 0.5",
        ),
    ],
)
def test_describe(sections, text):
    assert FrontEnd(**sections).describe() == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resampel = true", "unknown key 'resampel'; the nearest known key is 'resample'"),
        ('[features]\ntype="mfcc"\nnum_cep=3', "[features] unknown key 'num_cep'; the nearest known key is 'num_ceps'"),
        ('[vad]\nmethod = "relative"\nrange = 40', "[vad] unknown key 'range'; the nearest known key is 'range_db'"),
        ('[features]\ntype = "mfcc"\nnum_ceps = "20"', "[features] num_ceps: found '20', expected a valid integer"),
        ('[features]\ntype = "mfcc"\nuse_energy = 1', "[features] use_energy: found 1, expected a valid boolean"),
        ('[features]\ntype = "mfc"', "[features] type: found 'mfc', expected 'mfcc' or 'fbank' or 'plp' or 'lfcc'"),
        ("[features]\nnum_ceps = 20", "[features] type: missing, expected 'mfcc' or 'fbank' or 'plp' or 'lfcc'"),
        ('[features]\ntype="mfcc"\nnum_ceps=40', "[features] num_ceps: found 40, expected at most num_mel_bins, 23"),
        (
            'sample_frequency = 8000\n[features]\ntype = "mfcc"\nhigh_freq = 7600',
            "[features] high_freq: found 7600 Hz, expected at most 4000 Hz, half the sampling rate",
        ),
        ("[sdc]\n[deltas]", "[sdc] found beside [deltas], expected one of them"),
        ("[warp]\nwidth = 3", "[warp] unknown key 'width', expected one of 'window'"),
        ("[rasta]\npole = 1.0", "[rasta] pole: found 1.0, expected less than 1"),
        ("sample_frequency = 0", "sample_frequency: found 0, expected greater than or equal to 1"),
        ("[deltas]\norder = -1", "[deltas] order: found -1, expected greater than or equal to 0"),
        ("deltas = 2", "deltas: found 2, expected a section of options"),
        ('[cmvn]\nmethod = "gauss"', "[cmvn] method: found 'gauss', expected 'utterance' or 'speaker' or 'static'"),
        ('[cmvn]\nmethod = "sliding"\ncmn_window = 0', "[cmvn] cmn_window: found 0"),
        ("sample_frequency = ", "not readable as TOML"),
        ("a = " + "[" * 100_000, "not readable as TOML"),
        ("a = " + "9" * 5000, "not readable as TOML"),
        ("sample_frequency = 1000000000000", "sample_frequency: found 1000000000000, expected less than or equal to"),
        (
            '[features]\ntype = "mfcc"\nframe_length = 1e10',
            "[features] frame_length: found 1.6e+11 samples at",
        ),
        ('[features]\ntype = "mfcc"\nframe_shift = 1e300', "[features] frame_shift: found 1.6e+301 samples"),
        ('[features]\ntype = "mfcc"\nnum_mel_bins = 1000000000', "[features] num_mel_bins: found 1000000000, expected"),
        ('[features]\ntype = "plp"\nlpc_order = 1000000000', "[features] lpc_order: found 1000000000, expected"),
        ("[deltas]\norder = 1000000", "[deltas] order: found 1000000, expected less than or equal to 10"),
        ("[deltas]\nwindow = 1000000000", "[deltas] window: found 1000000000, expected"),
        ("[sdc]\nnum_blocks = 1000000000", "[sdc] num_blocks: found 1000000000, expected"),
        ("[warp]\nwindow = 1000000000", "[warp] window: found 1000000000, expected"),
        ('[vad]\nmethod = "relative"\ncontext = 1000000000', "[vad] context: found 1000000000, expected"),
        ('[cmvn]\nmethod = "sliding"\ncmn_window = 1000000000', "[cmvn] cmn_window: found 1000000000, expected"),
        ("a = 1\na = 2", "not readable as TOML"),
    ],
)
def test_mistakes_in_toml(text, message, tmp_path):
    path = tmp_path / "front.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        FrontEnd.from_toml(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: {message}")
    assert "\n" not in line


def test_toml_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "front.toml"
    path.write_text("\ufeffsample_frequency = 8000\n", encoding="utf-8")
    assert FrontEnd.from_toml(path).sample_frequency == 8000


def test_a_missing_file_names_what_there_is():
    with pytest.raises(ConfigError, match=r"nowhere.*mfcc_kaldi, mfcc_sre"):
        FrontEnd.from_toml("nowhere")
    with pytest.raises(ConfigError, match=r"conf/mfcc_sre\.toml"):
        FrontEnd.from_toml(Path("somewhere/conf/mfcc_sre.toml"))


def test_bad_bytes_in_toml(tmp_path):
    path = tmp_path / "front.toml"
    path.write_bytes(b"resample = true\n\xff")
    with pytest.raises(ConfigError, match=r"front\.toml:2: found byte 0xff, expected UTF-8 text"):
        FrontEnd.from_toml(path)


@pytest.mark.parametrize("text", ["", "[]", "3", '{"features": 3}', '{"vad": {"method": "x"}}'])
def test_mistakes_in_json(text):
    with pytest.raises(ConfigError):
        FrontEnd.from_json(text)


# ---- what goes wrong with signals ----


def test_another_rate_is_refused_by_name():
    with pytest.raises(FeatureError) as caught:
        FrontEnd()(np.zeros(8000), 8000, "ann-1")
    assert str(caught.value).startswith("utterance ann-1: found 8000 Hz, expected 16000 Hz; set resample = true")


def test_a_rate_of_no_audio_is_refused():
    front = FrontEnd(sample_frequency=16000, resample=True, features={"type": "mfcc"})
    assert len(front(np.ones(400), 320))
    with pytest.raises(FeatureError, match="utterance u: found 1 Hz, expected at least 320 Hz to convert to 16000"):
        front(np.ones(40000), 1, "u")


def test_resampling():
    front = FrontEnd(sample_frequency=8000, resample=True)
    t = np.arange(16000) / RATE
    tone = 0.3 * np.sin(2 * np.pi * 440 * t)
    found, expected = front(tone, RATE), front(tone[::2], 8000)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found[5:-5, 0], expected[5:-5, 0], atol=0.01)


def test_silence_is_refused_by_name():
    front = FrontEnd(vad={"method": "relative"})
    with pytest.raises(FeatureError, match=r"utterance ann-1: found no voiced frame among 98 \(silence\?\)"):
        front(np.zeros(16000), RATE, "ann-1")
    assert not front.voiced(np.zeros(16000), RATE).any()
    assert FrontEnd()(np.zeros(16000), RATE).shape == (98, 13)


def test_too_short_is_refused_by_name():
    with pytest.raises(FeatureError, match="utterance ann-1: found 399 samples at 16000 Hz, expected at least 400"):
        FrontEnd()(np.zeros(399), RATE, "ann-1")
    with pytest.raises(FeatureError, match=r"^found 0 samples"):
        FrontEnd()(np.zeros(0), RATE)


def test_bad_samples_are_refused_by_name():
    signal = np.zeros(1000)
    signal[17] = np.nan
    with pytest.raises(FeatureError, match="utterance ann-1: signal: found nan at sample 17"):
        FrontEnd()(signal, RATE, "ann-1")


def test_deltas_alone():
    signal = np.random.default_rng(0).normal(0, 0.1, 8000)
    both, alone = (FrontEnd(deltas={"window": 3, "static": static}) for static in (True, False))
    frames = alone(signal, 16000)
    assert alone.dim == frames.shape[1] == 26
    np.testing.assert_array_equal(frames, both(signal, 16000)[:, 13:])
    assert alone.describe() == "Δ + ΔΔ of 13 MFCC, 25/10 ms, no VAD, no CMVN"
    assert FrontEnd.from_json(alone.to_json()) == alone
    assert "static" not in both.to_json()
    with pytest.raises(ConfigError, match=r"\[deltas\] static: found false without deltas"):
        FrontEnd(deltas={"order": 0, "static": False})
    with pytest.raises(ConfigError, match=r"\[cmvn\] static: found true where deltas stand alone"):
        FrontEnd(deltas={"static": False}, cmvn={"method": "speaker", "static": True})
