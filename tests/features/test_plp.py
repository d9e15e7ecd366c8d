"""plp against Kaldi, HTK and a plain float64 evaluation."""

import inspect

import numpy as np
import pytest
import scipy.linalg
import soundfile

from gmmspeech.errors import ConfigError
from gmmspeech.features.lpc import levinson_durbin, predictor_cepstrum
from gmmspeech.features.mfcc import fbank
from gmmspeech.features.options import PlpOptions
from gmmspeech.features.plp import plp

RATE = 16000


@pytest.mark.usefixtures("either_kernel")
@pytest.mark.parametrize("name", ["plp_default16", "plp_13_8"])
def test_equals_kaldi(name, kaldi_conf, kaldi_feats, kaldi_wav):
    for utterance, expected in kaldi_feats(name).items():
        found = plp(*kaldi_wav(utterance), **kaldi_conf(name))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-3)


@pytest.mark.usefixtures("either_kernel")
def test_equals_htk(golden, htk_feats):
    signal, rate = soundfile.read(golden / "htk" / "test.wav", dtype="int16")
    expected = htk_feats("test.wav.plp_htk.1")
    found = plp(signal, rate, convention="htk", preemphasis_coefficient=0.0, use_energy=False)
    np.testing.assert_allclose(found, expected[:, :13], atol=1e-4)


def naive_plp(mel: np.ndarray, centers: np.ndarray, order: int, factor: float) -> list[float]:
    """Log of the prediction error and cepstrum of one frame, by the normal equations and a power series."""
    square = centers**2
    loud = mel * (square / (square + 1.6e5)) ** 2 * (square + 1.44e6) / (square + 9.61e6)
    loud = np.concatenate([loud[:1], loud, loud[-1:]]) ** factor
    spectrum = np.concatenate([loud, loud[-2:0:-1]])  # over the whole circle
    autocorrelation = np.fft.ifft(spectrum).real[: order + 1]
    a = scipy.linalg.solve_toeplitz(autocorrelation[:-1], autocorrelation[1:])
    error = autocorrelation[0] - a @ autocorrelation[1:]
    response = -np.log(np.abs(np.fft.fft(np.append(1, -a), 4096)))  # of 1 / A, whose cepstrum is causal
    return [np.log(error), *(2 * np.fft.ifft(response).real[1 : order + 1])]


def test_equals_the_definition():
    signal = 0.1 * np.random.default_rng(0).standard_normal(880)
    options = {"num_mel_bins": 25, "low_freq": 100.0, "high_freq": 7000.0}
    mel = fbank(signal, RATE, use_log_fbank=False, **options).astype(np.float64)
    edges = 1127 * np.log1p(np.array([100.0, 7000.0]) / 700)
    centers = 700 * np.expm1(np.linspace(*edges, 27)[1:-1] / 1127)
    expected = np.array([naive_plp(row, centers, 16, 0.4) for row in mel])
    found = plp(
        *(signal, RATE), lpc_order=16, num_ceps=17, compress_factor=0.4, use_energy=False, cepstral_lifter=0, **options
    )
    np.testing.assert_allclose(found, expected, atol=1e-4)
    scaled = plp(
        *(signal, RATE),
        lpc_order=16,
        num_ceps=5,
        compress_factor=0.4,
        use_energy=False,
        cepstral_scale=10.0,
        htk_compat=True,
        **options,
    )
    lifter = 1 + 11 * np.sin(np.pi * np.arange(5) / 22)
    np.testing.assert_allclose(scaled, np.roll(10 * lifter * expected[:, :5], -1, axis=1), atol=1e-3)


def test_recursions_equal_the_normal_equations():
    x = np.random.default_rng(1).standard_normal((5, 64))
    power = np.abs(np.fft.fft(x, 128)) ** 2
    autocorrelation = np.fft.ifft(power).real[:, :9]
    predictor, error = levinson_durbin(autocorrelation)
    for r, a, e, c in zip(autocorrelation, predictor, error, predictor_cepstrum(predictor), strict=True):
        np.testing.assert_allclose(a, scipy.linalg.solve_toeplitz(r[:-1], r[1:]))
        assert e == pytest.approx(r[0] - a @ r[1:])
        log_response = -2 * np.log(np.abs(np.fft.fft(np.append(1, -a), 8192)))
        np.testing.assert_allclose(c, np.fft.ifft(log_response).real[1:9], atol=1e-9)


@pytest.mark.parametrize("convention", ["kaldi", "htk"])
@pytest.mark.parametrize("use_energy", [True, False])
def test_digital_silence_is_finite(convention, use_energy):
    found = plp(np.zeros(800), RATE, convention=convention, use_energy=use_energy)
    assert np.isfinite(found).all()


def test_arguments_are_the_options():
    arguments = set(inspect.signature(plp).parameters) - {"signal", "rate", "random_state"}
    assert arguments == set(PlpOptions.model_fields) - {"type"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_ceps": 14}, "num_ceps: found 14, expected at most lpc_order + 1, 13"),
        ({"lpc_order": 0}, "lpc_order: found 0"),
        ({"compress_factor": 0}, "compress_factor: found 0"),
        ({"convention": "librosa"}, "convention: found 'librosa', expected 'kaldi' or 'htk'"),
    ],
)
def test_unreasonable_options(options, message):
    with pytest.raises(ConfigError) as caught:
        plp(np.zeros(400), RATE, **options)
    assert str(caught.value).startswith(message)
