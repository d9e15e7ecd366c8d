"""mfcc and fbank against Kaldi, HTK, librosa and a plain float64 evaluation."""

import inspect

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray

from gmmspeech.errors import ConfigError, FeatureError, GmmSpeechWarning, counted
from gmmspeech.features.deltas import add_deltas
from gmmspeech.features.mfcc import fbank, lfcc, mfcc
from gmmspeech.features.options import DEFAULTS, FbankOptions, LfccOptions, MfccOptions, validated
from gmmspeech.features.static import static_features

RATE = 16000


def noise(num_samples: int, seed: int = 0) -> NDArray[np.float32]:
    return (0.1 * np.random.default_rng(seed).standard_normal(num_samples)).astype(np.float32)


# ---- Kaldi ----


@pytest.mark.usefixtures("either_kernel")
@pytest.mark.parametrize(
    "name",
    [
        *("mfcc_default16", "mfcc_hanning16", "mfcc_hires16", "mfcc_htk16", "mfcc_sre16", "mfcc_sre8"),
        *("mfcc_nonpow2_16", "fbank40_16", "fbank80_16"),
    ],
)
def test_equals_kaldi(name, kaldi_conf, kaldi_feats, kaldi_wav):
    compute = mfcc if name.startswith("mfcc") else fbank
    for utterance, expected in kaldi_feats(name).items():
        found = compute(*kaldi_wav(utterance), **kaldi_conf(name))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-3)


@pytest.mark.usefixtures("either_kernel")
def test_equals_kaldi_in_linear_magnitudes(kaldi_conf, kaldi_feats, kaldi_wav):
    for utterance, expected in kaldi_feats("fbank_mag_linear16").items():
        found = fbank(*kaldi_wav(utterance), **kaldi_conf("fbank_mag_linear16"))
        # magnitudes run to 2e6, where the last bit of a float32 is worth 0.125
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-3)


# ---- HTK ----


@pytest.mark.usefixtures("either_kernel")
@pytest.mark.parametrize(
    ("number", "options"),
    [(1, {"use_energy": False}), (2, {}), (3, {"low_freq": 20.0})],
    ids=["c0", "energy", "lofreq"],
)
def test_equals_htk(number, options, golden, htk_feats):
    signal, rate = soundfile.read(golden / "htk" / "test.wav", dtype="int16")
    expected = htk_feats(f"test.wav.fea_htk.{number}")
    static = mfcc(signal, rate, convention="htk", preemphasis_coefficient=0.0, **options)
    np.testing.assert_allclose(static, expected[:, :13], atol=1e-3)
    np.testing.assert_allclose(add_deltas(static)[10:-10], expected[10:-10], atol=1e-2)


@pytest.mark.usefixtures("either_kernel")
@pytest.mark.parametrize(("number", "low_freq"), [(1, 0.0), (2, 25.0)])
def test_log_mel_equals_htk(number, low_freq, golden, htk_feats):
    signal, rate = soundfile.read(golden / "htk" / "test.wav", dtype="int16")
    found = fbank(signal, rate, convention="htk", preemphasis_coefficient=0.0, low_freq=low_freq)
    np.testing.assert_allclose(found, htk_feats(f"test.wav.fbank_htk.{number}"), atol=1e-3)


# ---- librosa ----


def assert_equal_to_librosa(found: NDArray, expected: NDArray) -> None:
    # c0 runs to -600, where two roundings of float32 (librosa's and ours) are 1e-4
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=2e-7)


@pytest.mark.usefixtures("either_kernel")
@pytest.mark.parametrize("utterance", ["1688-142285-0002", "george-0-01"])
def test_equals_librosa(librosa, utterance, kaldi_wav):
    signal, rate = kaldi_wav(utterance)
    assert_equal_to_librosa(mfcc(signal, rate, convention="librosa"), librosa.feature.mfcc(y=signal, sr=rate).T)
    decibels = librosa.power_to_db(librosa.feature.melspectrogram(y=signal, sr=rate)).T
    # float32 against librosa's float64 FFT, in bands 70 dB below the loudest
    np.testing.assert_allclose(fbank(signal, rate, convention="librosa"), decibels, atol=1e-3)


def test_equals_librosa_with_other_options(librosa, kaldi_wav):
    signal, rate = kaldi_wav("1998-15444-0001")
    found = mfcc(
        *(signal, rate),
        convention="librosa",
        num_ceps=13,
        num_mel_bins=40,
        frame_length=25,
        frame_shift=10,
        window_type="hamming",
        low_freq=50,
        high_freq=7000,
        cepstral_lifter=22,
        snip_edges=True,
    )
    sizes = {"n_fft": 512, "win_length": 400, "hop_length": 160, "window": "hamming", "center": False}
    expected = librosa.feature.mfcc(y=signal, sr=rate, n_mfcc=13, n_mels=40, fmin=50, fmax=7000, lifter=22, **sizes)
    np.testing.assert_allclose(found, expected.T, atol=1e-3)  # the lifter multiplies by up to 12
    magnitudes = librosa.feature.melspectrogram(y=signal, sr=rate, power=1.0)
    found = fbank(signal, rate, convention="librosa", use_power=False, use_log_fbank=False)
    np.testing.assert_allclose(found, magnitudes.T, rtol=1e-3, atol=1e-4)


def test_integers_equal_reading_the_file_as_floats(golden):
    path = golden / "kaldi" / "wav" / "george-0-00.wav"
    floats, rate = soundfile.read(path, dtype="float32")
    integers, _ = soundfile.read(path, dtype="int16")
    for convention in DEFAULTS:
        np.testing.assert_array_equal(
            mfcc(floats, rate, convention=convention), mfcc(integers, rate, convention=convention)
        )
        np.testing.assert_allclose(
            mfcc(floats.astype(np.float64), rate, convention=convention), mfcc(floats, rate, convention=convention)
        )


# ---- a plain evaluation of the definitions ----


def mel_scale(frequency: float) -> float:
    return 1127 * np.log(1 + frequency / 700)


def naive_kaldi(
    signal: NDArray, rate: float, num_ceps: int, num_mel_bins: int, low: float, high: float, mel=mel_scale
) -> NDArray:
    """Kaldi's MFCC with c0, frame by frame in float64."""
    edges = np.linspace(mel(low), mel(high), num_mel_bins + 2)
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 399)) ** 0.85
    rows = []
    for start in range(0, len(signal) - 399, 160):
        x = 32768 * signal[start : start + 400].astype(np.float64)
        x -= x.mean()
        x = np.append(x[0] - 0.97 * x[0], x[1:] - 0.97 * x[:-1]) * window
        power = np.abs(np.fft.rfft(x, 512)) ** 2
        log_mel = np.zeros(num_mel_bins)
        for m in range(num_mel_bins):
            total = 0.0
            for k in range(256):
                at = mel(k * rate / 512)
                rise = (at - edges[m]) / (edges[m + 1] - edges[m])
                fall = (edges[m + 2] - at) / (edges[m + 2] - edges[m + 1])
                total += power[k] * max(0.0, min(rise, fall))
            log_mel[m] = np.log(total)
        rows.append(
            [
                np.sqrt((1 if n == 0 else 2) / num_mel_bins)
                * (1 + 11 * np.sin(np.pi * n / 22))
                * sum(log_mel * np.cos(np.pi * n * (np.arange(num_mel_bins) + 0.5) / num_mel_bins))
                for n in range(num_ceps)
            ]
        )
    return np.array(rows)


def test_equals_the_definition():
    signal = noise(720)
    found = mfcc(signal, RATE, num_ceps=15, num_mel_bins=25, low_freq=100, high_freq=-500, use_energy=False)
    np.testing.assert_allclose(found, naive_kaldi(signal, RATE, 15, 25, 100, 7500), atol=1e-3)


@pytest.mark.parametrize("htk_compat", [False, True])
def test_lfcc_equals_the_definition(htk_compat):
    signal = noise(880) + 0.05 * np.sin(np.arange(880) / 10).astype(np.float32)
    found = lfcc(
        *(signal, RATE),
        num_ceps=15,
        num_mel_bins=30,
        low_freq=100,
        high_freq=-500,
        use_energy=False,
        htk_compat=htk_compat,
    )
    expected = naive_kaldi(signal, RATE, 15, 30, 100, 7500, mel=lambda f: f)
    if htk_compat:
        expected = np.roll(expected * np.append(np.sqrt(2), np.ones(14)), -1, axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_lfcc_where_bands_differ_by_a_lot(kaldi_wav):
    signal, rate = kaldi_wav("1688-142285-0002")
    found = lfcc(signal[:16000], rate, use_energy=False)
    np.testing.assert_allclose(found, naive_kaldi(signal[:16000], rate, 13, 23, 20, 8000, mel=lambda f: f), atol=2e-3)


def test_energies():
    signal = noise(400) + np.float32(0.2)
    samples = 32768 * signal.astype(np.float64)
    raw = np.log(np.sum((samples - samples.mean()) ** 2))
    assert mfcc(signal, RATE)[0, 0] == pytest.approx(raw, rel=1e-6)
    assert mfcc(signal, RATE, energy_floor=1e15)[0, 0] == pytest.approx(np.log(1e15), rel=1e-6)
    assert mfcc(signal, RATE, convention="htk")[0, -1] == pytest.approx(np.log(np.sum(samples**2)), rel=1e-6)
    assert mfcc(signal, RATE, raw_energy=False)[0, 0] < raw
    assert fbank(signal, RATE, use_energy=True)[0, 0] == pytest.approx(raw, rel=1e-6)
    assert fbank(signal, RATE, use_energy=True, htk_compat=True)[0, -1] == pytest.approx(raw, rel=1e-6)


def test_energy_survives_a_large_offset():
    quiet = np.round(3 * np.sin(0.3 * np.arange(400)))
    signal = (quiet + 3000).astype(np.int16)
    expected = np.log(np.sum((quiet - quiet.mean()) ** 2))
    assert mfcc(signal, RATE)[0, 0] == pytest.approx(expected, abs=1e-5)


def test_digital_silence_meets_the_floors():
    silence = np.zeros(800)
    eps = np.log(np.finfo(np.float32).eps)
    np.testing.assert_allclose(fbank(silence, RATE), eps, rtol=1e-6)
    np.testing.assert_allclose(fbank(silence, RATE, mel_floor=1.0), 0.0)
    np.testing.assert_allclose(fbank(silence, RATE, convention="htk"), 0.0)
    np.testing.assert_allclose(mfcc(silence, RATE)[:, 0], eps, rtol=1e-6)
    np.testing.assert_allclose(fbank(silence, RATE, convention="librosa"), -100.0)


# ---- properties ----


@pytest.mark.filterwarnings("ignore:n_fft=512 is too large")
@settings(max_examples=40, deadline=None)
@given(
    num_samples=st.integers(400, 3000),
    snip_edges=st.booleans(),
    shift=st.sampled_from([5.0, 10.0, 12.5]),
)
def test_frame_counts(librosa, num_samples, snip_edges, shift):
    hop = int(16 * shift)
    count = 1 + (num_samples - 400) // hop if snip_edges else (num_samples + hop // 2) // hop
    signal = noise(num_samples)
    assert len(mfcc(signal, RATE, frame_shift=shift, snip_edges=snip_edges)) == count
    found = len(mfcc(signal, RATE, convention="librosa", frame_length=25, frame_shift=shift))
    assert found == librosa.feature.mfcc(y=signal, sr=RATE, n_fft=512, hop_length=hop, n_mels=40).shape[1]


@settings(max_examples=20, deadline=None)
@given(frames=st.integers(1, 200), seed=st.integers(0, 10))
def test_a_shift_by_whole_frames_shifts_the_result(frames, seed):
    signal = noise(40000, seed)
    np.testing.assert_allclose(mfcc(signal[160 * frames :], RATE), mfcc(signal, RATE)[frames:], atol=1e-4)


def test_gain_moves_only_the_energy():
    signal = noise(4000)
    difference = mfcc(signal, RATE) - mfcc(signal / 4, RATE)
    np.testing.assert_allclose(difference[:, 0], np.log(16), rtol=1e-5)
    np.testing.assert_allclose(difference[:, 1:], 0, atol=1e-3)


def test_mirrored_edges():
    signal = noise(1000)
    mirrored = np.concatenate([signal[:120][::-1], signal])
    whole, inside = mfcc(signal, RATE, snip_edges=False), mfcc(mirrored, RATE)
    np.testing.assert_allclose(whole[: len(inside)], inside, atol=1e-4)
    assert len(mfcc(noise(90), RATE, snip_edges=False)) == 1  # mirrored more than once


def test_dither_is_seeded():
    signal = noise(8000)
    first, again = (mfcc(signal, RATE, dither=1.0, random_state=3) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - mfcc(signal, RATE, dither=1.0, random_state=4)).max() > 1e-4
    energies = mfcc(np.zeros(RATE), RATE, dither=2.0)[:, 0]
    assert np.exp(energies).mean() == pytest.approx(399 * 4, rel=0.02)


def test_magnitudes():
    linear = {"use_log_fbank": False, "num_mel_bins": 200, "frame_length": 100, "window_type": "rectangular"}
    tone = np.sin(2 * np.pi * 1000 * np.arange(1600) / RATE)
    power, magnitude = fbank(tone, RATE, **linear), fbank(tone, RATE, use_power=False, **linear)
    assert np.argmax(power) == np.argmax(magnitude)
    assert np.log(power.max()) / np.log(magnitude.max()) == pytest.approx(2, rel=0.1)


def test_the_longest_filter_ends_at_the_nyquist_frequency():
    assert fbank(noise(400), 8000).shape == (3, 23)


def test_arguments_are_the_options():
    for function, kind in ((mfcc, MfccOptions), (fbank, FbankOptions), (lfcc, LfccOptions)):
        arguments = set(inspect.signature(function).parameters) - {"signal", "rate", "random_state"}
        assert arguments == set(kind.model_fields) - {"type"}


# ---- what goes wrong ----


@pytest.mark.parametrize("convention", ["kaldi", "htk"])
@pytest.mark.parametrize("num_samples", [0, 1, 399])
def test_a_signal_shorter_than_a_frame(num_samples, convention):
    signal = np.zeros(num_samples)
    with pytest.warns(GmmSpeechWarning, match=f"{counted(num_samples, 'sample')} has no frame, expected at least 400"):
        assert mfcc(signal, RATE, convention=convention, num_ceps=20).shape == (0, 20)
    with pytest.warns(GmmSpeechWarning):
        assert fbank(signal, RATE, convention=convention, use_energy=True).shape == (0, 24)


def test_an_empty_signal_has_no_frame_in_librosa_either():
    with pytest.warns(GmmSpeechWarning, match="at least 1 sample"):
        assert mfcc([], RATE, convention="librosa").shape == (0, 20)
    assert len(mfcc([0.1], RATE, convention="librosa")) == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_bad_samples_are_named(bad):
    signal = noise(1000)
    signal[[700, 900]] = bad
    with pytest.raises(FeatureError, match=rf"found {bad} at sample 700, expected finite"):
        mfcc(signal, RATE)


def test_signals_of_the_wrong_kind():
    with pytest.raises(FeatureError, match=r"\(400, 2\).*channel="):
        mfcc(np.zeros((400, 2)), RATE)
    with pytest.raises(FeatureError, match="complex128"):
        mfcc(np.zeros(400, dtype=complex), RATE)
    with pytest.raises(FeatureError, match="bool"):
        fbank(np.zeros(400, dtype=bool), RATE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_ceps": 24}, "num_ceps: found 24, expected at most num_mel_bins, 23"),
        ({"num_ceps": 0}, "num_ceps: found 0, expected greater than or equal to 1"),
        ({"num_mel_bins": 2}, "num_mel_bins: found 2, expected"),
        ({"num_mel_bins": 200}, "num_mel_bins: found 200, expected fewer"),
        ({"high_freq": 8001.0}, "high_freq: found 8001 Hz, expected at most 8000 Hz"),
        ({"high_freq": -8000}, "low_freq: found 20 Hz, expected less than the highest frequency, 0 Hz"),
        ({"low_freq": 4000, "high_freq": 3000}, "low_freq: found 4000 Hz"),
        ({"frame_length": 0}, "frame_length: found 0, expected greater than 0"),
        ({"frame_length": 0.1}, "frame_length: found 1 sample at 16000 Hz, expected 2 or more"),
        ({"frame_shift": 0.01}, "frame_shift: found 0 samples"),
        ({"frame_shift": float("nan")}, "frame_shift: found nan"),
        ({"window_type": "kaiser"}, "window_type: found 'kaiser', expected 'povey'"),
        ({"convention": "matlab"}, "convention: found 'matlab', expected 'kaldi', 'htk' or 'librosa'"),
        ({"use_energy": "yes"}, "use_energy: found 'yes', expected a valid boolean"),
        ({"mel_floor": 0}, "mel_floor: found 0"),
    ],
)
def test_unreasonable_options(options, message):
    with pytest.raises(ConfigError) as caught:
        mfcc(noise(400), RATE, **options)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rate", [0, -8000, float("nan")])
def test_unreasonable_rates(rate):
    with pytest.raises(ConfigError, match="sampling rate"):
        mfcc(noise(400), rate)


def test_numpy_scalars_are_numbers():
    found = mfcc(noise(400), np.int64(RATE), num_ceps=np.int64(20), low_freq=np.float32(20))
    np.testing.assert_array_equal(found, mfcc(noise(400), RATE, num_ceps=20))


def test_log_energies_come_with_the_features():
    signal = noise(1000)
    features, log_energy = static_features(signal, RATE, validated(MfccOptions, {"use_energy": True}))
    np.testing.assert_array_equal(features[:, 0], log_energy)
