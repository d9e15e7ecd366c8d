"""Pictures of speech and its labels."""

from __future__ import annotations

import numpy as np
import pytest

from gmmspeech.errors import DataError
from gmmspeech.phones.labels.labels import Label
from gmmspeech.plot.spectrogram import plot_labels

pytest.importorskip("matplotlib")
RATE = 8000
# silence, then a tone of 2 kHz from 0.5 s on
SIGNAL = np.where(np.arange(RATE) < RATE // 2, 0.0, np.sin(2 * np.pi * 2000 * np.arange(RATE) / RATE))
TIERS = {"a": [Label(0.0, 0.5, "SIL"), Label(0.5, 1.0, "IY")], "b": [Label(0.0, 0.45, "SIL"), Label(0.45, 1.0, "AA")]}


def test_dark_where_and_when_the_tone_is() -> None:
    figure = plot_labels(SIGNAL, RATE, TIERS, 0.2, 5.0, title="tone")
    spectrogram, above, below = figure.axes
    left, right, bottom, top = spectrogram.images[0].get_extent()
    assert (left, right, bottom, top) == pytest.approx((0.2, 1.0, 0.0, 4.0))
    levels = np.asarray(spectrogram.images[0].get_array())
    seconds = np.linspace(left, right, levels.shape[1])
    assert levels[:, seconds < 0.48].max() < levels.max() - 50
    loudest = levels[:, seconds > 0.55].argmax(axis=0) / levels.shape[0] * top
    np.testing.assert_allclose(loudest, 2.0, atol=0.1)
    assert [text.get_text() for text in above.texts] == ["SIL", "IY"]
    assert below.get_ylabel() == "b"
    # both boundaries lie over the spectrogram
    assert sorted(line.get_xdata()[0] for line in spectrogram.lines) == [0.45, 0.5]


def test_only_labels_in_the_stretch_are_drawn() -> None:
    figure = plot_labels(SIGNAL, RATE, {"a": TIERS["a"]}, 0.6, 0.9)
    assert [text.get_text() for text in figure.axes[1].texts] == ["IY"]


def test_what_is_refused() -> None:
    with pytest.raises(DataError, match="u1: found 1 s, expected some after 2 s"):
        plot_labels(SIGNAL, RATE, TIERS, 2.0, 3.0, title="u1")
    with pytest.raises(DataError, match="found 0, expected 1 to 3"):
        plot_labels(SIGNAL, RATE, {}, 0.0, 1.0)
