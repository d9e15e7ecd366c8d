"""Adaptation to speakers whose frames are shifted and scaled: it brings the phones back."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.phones.gmm.adaptation import (
    component_posteriors,
    frame_parts,
    known_parts,
    segment_parts,
    train_speaker_adapter,
)
from gmmspeech.phones.gmm.phone_gmm import PhoneGMM
from gmmspeech.phones.labels.labels import Label
from gmmspeech.phones.labels.segments import LabeledFrames, label_utterances

PLACES = {"AA": (0.0, 0.0), "IY": (4.0, 0.0), "S": (0.0, 4.0)}


def speakers(count, seed, spread=1.2) -> LabeledFrames:
    """Speakers whose frames are scaled and shifted, an utterance of 40 segments and a gap each."""
    rng = np.random.default_rng(seed)
    frames, labels = {}, {}
    for i in range(count):
        names = rng.choice(list(PLACES), 40)
        x = np.repeat([PLACES[n] for n in names], 6, axis=0) + rng.normal(size=(240, 2))
        frames[f"u{i}"] = np.concatenate([x, x[:10]]) * rng.uniform(0.8, 1.25, 2) + rng.normal(0, spread, 2)
        labels[f"u{i}"] = [Label(t * 0.06, (t + 1) * 0.06, n) for t, n in enumerate(names)]
    return label_utterances(frames, labels, {name: name for name in frames}, times="start")


@pytest.fixture(scope="module")
def trained():
    return train_speaker_adapter(speakers(20, 0), PhoneGMM(2, parts=2, random_state=0), prior_frames=50.0)


def right(model, data):
    return np.mean(model.predict_segments(data.frames, data.ranges) == data.phones)


def posteriors(model, data):
    scaled = copy.copy(model).set_params(scale=0.3)
    return np.exp(scaled.segment_log_posteriors(data.frames, data.ranges))


def adapt(adapter, data, boundaries):
    if not boundaries:
        return adapter.adapt_frames(data)
    return adapter.adapt_segments(data, posteriors(adapter.unadapted, data))


@pytest.mark.parametrize("boundaries", [False, True])
def test_adapted_speakers_are_recognized_better(trained, boundaries):
    adapter, _ = trained
    unseen = speakers(10, 1)
    found = adapt(adapter, unseen, boundaries)
    assert right(adapter.adapted, found) > right(adapter.unadapted, unseen) + 0.03
    again = adapt(adapter, unseen, boundaries)
    np.testing.assert_array_equal(found.frames, again.frames)


def test_training_speakers_come_together(trained):
    _, adapted = trained
    data = speakers(20, 0)

    def spread(frames):
        means = [frames[data.frame_speakers() == name].mean(axis=0) for name in data.speakers]
        return np.var(means, axis=0).sum()

    assert spread(adapted.frames) < 0.3 * spread(data.frames)


def test_names_of_segments_are_not_looked_at(trained):
    adapter, _ = trained
    unseen = speakers(2, 2)
    hidden = replace(unseen, phones=np.full_like(unseen.phones, "?"))
    for boundaries in (False, True):
        found = [adapt(adapter, data, boundaries).frames for data in (unseen, hidden)]
        np.testing.assert_array_equal(*found)


def test_much_prior_leaves_all_speakers_alike():
    adapter, _ = train_speaker_adapter(speakers(5, 0), PhoneGMM(1, random_state=0), prior_frames=1e9)
    unseen = speakers(2, 3)
    found = adapter.adapt_frames(unseen, passes=1).frames
    np.testing.assert_allclose(found - unseen.frames, (found - unseen.frames)[:1].repeat(len(found), 0), atol=0.5)


def test_posteriors_of_parts(trained):
    model, data = trained[0].unadapted, speakers(2, 4)
    known = known_parts(model, data).toarray()
    labeled = known.sum(axis=1) > 0
    assert labeled.sum() == 480  # the gaps have no part
    assert np.array_equal(known.sum(axis=1), labeled)
    joint = model.log_likelihoods(data.frames) + np.log(model.part_priors_)
    expected = np.exp(joint - np.logaddexp.reduce(joint, axis=1, keepdims=True))
    np.testing.assert_allclose(frame_parts(model, data.frames).toarray(), expected, atol=1e-3)
    given = posteriors(model, data)
    of_segments = segment_parts(data, given, 2).toarray()
    first, stop = data.ranges[7]
    np.testing.assert_allclose(of_segments[first, ::2], given[7], atol=1e-3)  # its first half
    np.testing.assert_allclose(of_segments[stop - 1, 1::2], given[7], atol=1e-3)
    assert np.array_equal(of_segments[first, 1::2], np.zeros(3))
    with pytest.raises(DataError, match="posteriors: found 79 rows, expected 80"):
        segment_parts(data, given[1:], 2)


def test_posteriors_of_components(trained):
    model, data = trained[0].unadapted, speakers(2, 4)
    parts = frame_parts(model, data.frames)
    found = component_posteriors(model, data.frames, parts).toarray()
    each = [m.predict_proba(data.frames) * parts[:, [i]].toarray() for i, m in enumerate(model.models_)]
    np.testing.assert_allclose(found, np.concatenate(each, axis=1), atol=1.01e-3)


def test_what_is_refused(trained):
    with pytest.raises(ConfigError, match="passes: found 0"):
        trained[0].adapt_frames(speakers(1, 0), passes=0)
    with pytest.raises(ConfigError, match="prior_frames: found 0"):
        train_speaker_adapter(speakers(1, 0), PhoneGMM(1), prior_frames=0)
