"""The projection against LDA of frames that are spliced by hand, and MLLT's purpose."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from gmmspeech.errors import FeatureError
from gmmspeech.phones.gmm.projection import project, train_projection
from gmmspeech.phones.labels.labels import Label
from gmmspeech.phones.labels.segments import label_utterances


def corpus(seed=0):
    rng = np.random.default_rng(seed)
    names = rng.choice(["AA", "S", "T"], (4, 30))
    places = {"AA": (0, 1, 0), "S": (2, 0, 1), "T": (0, 3, 1)}
    mixing = rng.normal(size=(3, 3))
    frames, labels = {}, {}
    for i, row in enumerate(names):
        frames[f"u{i}"] = (np.repeat([places[n] for n in row], 5, axis=0) + rng.normal(size=(150, 3))) @ mixing
        labels[f"u{i}"] = [Label(t / 20, (t + 1) / 20, n) for t, n in enumerate(row)]
    return label_utterances(frames, labels, dict.fromkeys(frames, "ann"), times="start")


def spliced_by_hand(data, context):
    out = []
    for rows in data.utterance_rows():
        x = data.frames[rows]
        padded = np.concatenate([x[:1]] * context + [x] + [x[-1:]] * context)
        out.append(np.concatenate([padded[c : c + len(x)] for c in range(2 * context + 1)], axis=1))
    return np.concatenate(out)


def test_lda_of_spliced_frames():
    data = corpus()
    projection = train_projection(data, context=1, dim=2, parts=1, rounds=0)
    found = project(data, projection).frames
    classes = np.repeat(data.phones, np.diff(data.ranges)[:, 0])
    expected = LinearDiscriminantAnalysis(solver="eigen").fit_transform(spliced_by_hand(data, 1), classes)[:, :2]
    for d in range(2):
        assert abs(np.corrcoef(found[:, d], expected[:, d])[0, 1]) == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize(("context", "parts"), [(1, 1), (0, 3)])
def test_by_default_it_gives_no_more_dimensions_than_there_can_be(context, parts):
    data = corpus()
    projection = train_projection(data, context=context, parts=parts, rounds=0)
    spliced = (2 * context + 1) * data.frames.shape[1]
    assert projection.shape == (min(spliced, len(np.unique(data.phones)) * parts - 1), spliced)


def test_mllt_makes_the_covariances_of_classes_diagonal():
    data = corpus()
    classes = np.repeat(data.phones, np.diff(data.ranges)[:, 0])

    def likelihood(frames, projection):
        """Of one diagonal Gaussian a class, but for constants."""
        spread = [np.log(frames[classes == c].var(axis=0)).sum() * np.mean(classes == c) for c in set(classes)]
        return np.linalg.slogdet(projection)[1] - 0.5 * sum(spread)

    before, after = (train_projection(data, context=0, dim=2, parts=1, rounds=n) for n in (0, 2))
    rotation = after @ np.linalg.pinv(before)
    frames = project(data, before).frames
    assert likelihood(frames @ rotation.T, rotation) >= likelihood(frames, np.eye(2))
    np.testing.assert_allclose(project(data, after).frames, frames @ rotation.T, atol=1e-8)


def test_frames_of_another_size_are_refused():
    data = corpus()
    projection = train_projection(data, context=1, dim=2, parts=1, rounds=0)
    with pytest.raises(FeatureError, match="found frames of 2 columns, expected 9 divided by an odd number"):
        project(data.with_frames(data.frames[:, :2]), projection)
