"""Mel energies by what was compiled and by NumPy alone, of all conventions."""

import numpy as np
import pytest

from gmmspeech.features.mel import mel_filters
from gmmspeech.features.native import mel_kernel
from gmmspeech.features.options import MfccOptions, validated
from gmmspeech.features.spectra import lane_product, mel_energies
from gmmspeech.features.window import framed

SIGNAL = (0.1 * np.random.default_rng(0).standard_normal(16_000) + 0.02).astype(np.float32)


@pytest.mark.parametrize("convention", ["kaldi", "htk", "librosa"])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"use_power": False, "raw_energy": False, "snip_edges": False},
        {"round_to_power_of_two": False, "frame_length": 25.0, "frame_shift": 10.0},
        {"dither": 2.0, "frame_length": 20.0, "frame_shift": 7.0},
    ],
    ids=["defaults", "magnitudes", "any size", "dither"],
)
def test_with_a_compiler_and_without(convention, given, monkeypatch):
    options = validated(MfccOptions, {"convention": convention, "num_mel_bins": 30, **given})
    points = options.frame_sizes(16000)[2]
    filters = mel_filters(convention, 30, points, 16000, 20.0, 7800.0)
    frames = framed(SIGNAL, 16000, options)

    def energies():
        noise = np.random.default_rng(1) if options.dither else None
        return mel_energies(frames, 16000, options, filters, scale=32768.0, noise=noise)

    compiled = energies()
    monkeypatch.setattr(mel_kernel, "_library", lambda: None)
    for found, expected in zip(compiled, energies(), strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-9 * np.abs(expected).max())


@pytest.mark.usefixtures("either_kernel")
@pytest.mark.parametrize("num_rows", [0, 1, 40])
def test_a_row_of_a_product_does_not_depend_on_the_number_of_rows(num_rows):
    rng = np.random.default_rng(0)
    x, matrix = rng.standard_normal((40, 23)).astype(np.float32), rng.standard_normal((23, 13))
    whole = lane_product(x, matrix)
    np.testing.assert_allclose(whole, x @ matrix, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(lane_product(x[:num_rows], matrix), whole[:num_rows])
