"""Pictures of speech and its labels."""

from __future__ import annotations

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.errors import ConfigError, DataError, FeatureError
from gmmspeech.phones.labels.labels import Label
from gmmspeech.plot.spectrograms import features, spectrogram

pytest.importorskip("matplotlib")
RATE = 8000
# silence, then a tone of 2 kHz from 0.5 s on
SIGNAL = np.where(np.arange(RATE) < RATE // 2, 0.0, np.sin(2 * np.pi * 2000 * np.arange(RATE) / RATE))
TIERS = {"a": [Label(0.0, 0.5, "SIL"), Label(0.5, 1.0, "IY")], "b": [Label(0.0, 0.45, "SIL"), Label(0.45, 1.0, "AA")]}


def test_dark_where_and_when_the_tone_is() -> None:
    picture, above, below = spectrogram(SIGNAL, RATE, labels=TIERS, start=0.2, end=5.0).child_axes
    left, right, bottom, top = picture.images[0].get_extent()
    assert (left, right, bottom, top) == pytest.approx((0.2, 1.0, 0.0, 4.0))
    levels = np.asarray(picture.images[0].get_array())
    seconds = np.linspace(left, right, levels.shape[1])
    assert levels[:, seconds < 0.48].max() < levels.max() - 50
    loudest = levels[:, seconds > 0.55].argmax(axis=0) / levels.shape[0] * top
    np.testing.assert_allclose(loudest, 2.0, atol=0.1)
    assert [text.get_text() for text in above.texts] == ["SIL", "IY"]
    assert below.get_ylabel() == "b"
    # both boundaries lie over the spectrogram
    drawn = [path.vertices[:, 0].tolist() for lines in picture.collections for path in lines.get_paths()]
    assert drawn == [[0.5, 0.5], [0.45, 0.45]]


def test_only_labels_in_the_stretch_are_drawn() -> None:
    axes = spectrogram(SIGNAL, RATE, labels=TIERS["a"], start=0.6, end=0.9)
    assert [text.get_text() for text in axes.child_axes[1].texts] == ["IY"]


def test_without_labels_the_axes_are_the_spectrogram() -> None:
    axes = spectrogram(SIGNAL, RATE)
    assert (len(axes.images), axes.child_axes) == (1, [])
    assert axes.get_xlim() == pytest.approx((0.0, 1.0))


def test_frames_lie_at_their_centers() -> None:
    frames = gs.fbank(SIGNAL, RATE, num_mel_bins=12)
    axes = features(frames)
    image = axes.images[0]
    np.testing.assert_array_equal(np.asarray(image.get_array()), frames.T)
    left, right, bottom, top = image.get_extent()
    centers = left + (np.arange(len(frames)) + 0.5) * (right - left) / len(frames)
    np.testing.assert_allclose(centers, 0.0125 + 0.01 * np.arange(len(frames)))
    assert (bottom, top) == (-0.5, 11.5)


def test_what_is_refused() -> None:
    with pytest.raises(DataError, match="signal: found 1 s, expected some after 2 s"):
        spectrogram(SIGNAL, RATE, start=2.0, end=3.0)
    with pytest.raises(DataError, match="tiers: found 0, expected 1 to 12"):
        spectrogram(SIGNAL, RATE, labels={})
    with pytest.raises(ConfigError, match="labels: found str, expected an Alignment, labels, or tiers by name"):
        spectrogram(SIGNAL, RATE, labels="a.TextGrid")
    with pytest.raises(FeatureError, match="found frames of shape"):
        features(SIGNAL)
