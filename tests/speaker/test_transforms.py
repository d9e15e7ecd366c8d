"""Transforms of i-vectors against their definitions, scikit-learn's LDA and bob's numbers."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from gmmspeech.errors import ConfigError, DataError, FeatureError, ModelError
from gmmspeech.speaker.backend import train_backend
from gmmspeech.speaker.plda import train_plda
from gmmspeech.speaker.transforms import (
    AffineTransform,
    average_sessions,
    class_statistics,
    cosine_scores,
    lda,
    length_normalize,
    wccn,
    whitening,
)

# data of bob.learn.em's tests of whitening and WCCN
BOB = np.array([[1.2622, -1.6443, 0.1889], [0.4286, -0.8922, 1.3020], [-0.6613, 0.0430, 0.6377],
                [-0.8718, -0.4788, 0.3988], [-0.0098, -0.3121, -0.1807], [0.4301, 0.4886, -0.1456]])  # fmt: skip


@pytest.fixture
def speakers():
    """Vectors (120, 4) of 30 speakers, and the speakers' names."""
    rng = np.random.default_rng(0)
    names = np.array([f"s{i}" for i in range(30)])[np.arange(120) % 30]
    mixing = rng.normal(size=(4, 4))
    return 5 + (2 * rng.normal(size=(30, 4))[np.arange(120) % 30] + rng.normal(size=(120, 4))) @ mixing, names


def test_class_statistics(speakers):
    x, names = speakers
    stats = class_statistics(x, names)
    assert stats.counts.tolist() == [4.0] * 30
    within, between = np.zeros((4, 4)), np.zeros((4, 4))
    for name in np.unique(names):
        mine = x[names == name]
        for vector in mine:
            within += np.outer(vector - mine.mean(axis=0), vector - mine.mean(axis=0)) / 120
            between += np.outer(mine.mean(axis=0) - x.mean(axis=0), mine.mean(axis=0) - x.mean(axis=0)) / 120
    np.testing.assert_allclose(stats.within, within, rtol=1e-10)
    np.testing.assert_allclose(stats.between, between, rtol=1e-10)
    np.testing.assert_allclose(stats.within + stats.between, np.cov(x.T, bias=True), rtol=1e-10)


def test_whitening(speakers):
    x, _ = speakers
    white = whitening(x)(x)
    np.testing.assert_allclose(white.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.cov(white.T, bias=True), np.eye(4), atol=1e-10)


def test_whitening_is_bobs_but_for_a_rotation_and_its_divisor():
    """Bob divides by N - 1 and uses the Cholesky factor: lengths are the same but for that."""
    found = whitening(BOB)
    np.testing.assert_allclose(found.mean, [0.096324163333333, -0.465965438333333, 0.366839091666667], atol=5e-5)
    expected = np.linalg.norm([5.942255453628436, 4.984316201643742, 4.739998188373740])
    assert np.linalg.norm(found([[1.0, 2, 3]])) * np.sqrt(5 / 6) == pytest.approx(expected, rel=1e-4)


def test_wccn(speakers):
    x, names = speakers
    normalized = wccn(x, names)(x)
    np.testing.assert_allclose(class_statistics(normalized, names).within, np.eye(4), atol=1e-10)


def test_wccn_is_bobs_but_for_a_rotation_and_its_divisor():
    """Bob divides the scatter by the number of classes, not of vectors, of which there are twice as many."""
    found = wccn(BOB, [0, 0, 1, 1, 2, 2])([[1.0, 2, 3]])
    expected = np.linalg.norm([50.55905765, -0.83273618, 6.45174511])
    assert np.linalg.norm(found) == pytest.approx(np.sqrt(2) * expected, rel=1e-6)


def test_lda_is_scikit_learns(speakers):
    x, names = speakers
    ours = lda(x, names, 3)
    theirs = LinearDiscriminantAnalysis(solver="eigen", n_components=3).fit(x, names).transform(x)
    for a, b in zip(ours(x).T, theirs.T, strict=True):
        assert abs(np.corrcoef(a, b)[0, 1]) == pytest.approx(1, abs=1e-9)
    stats = class_statistics(ours(x), names)
    np.testing.assert_allclose(stats.within, np.eye(3), atol=1e-10)
    ratios = np.diagonal(stats.between)
    np.testing.assert_allclose(stats.between, np.diag(ratios), atol=1e-10)
    assert (np.diff(ratios) < 0).all()


@pytest.mark.parametrize(
    "make", [whitening, lambda x: wccn(x, np.arange(120) % 30), lambda x: lda(x, np.arange(120) % 30, 2)]
)
def test_units_of_dimensions_do_not_matter(speakers, make):
    """But for signs: distances after the transform are the same."""
    x, _ = speakers
    units = np.array([1.0, 1e-6, 1e3, 1e6])
    a, b = make(x)(x), make(x * units)(x * units)
    np.testing.assert_allclose(np.linalg.norm(a - a[0], axis=1), np.linalg.norm(b - b[0], axis=1), rtol=1e-6, atol=1e-9)


def test_length_and_cosine():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 3)), rng.normal(size=(4, 3))
    np.testing.assert_allclose(np.linalg.norm(length_normalize(a), axis=1), 1)
    expected = [[x @ y / np.linalg.norm(x) / np.linalg.norm(y) for y in b] for x in a]
    np.testing.assert_allclose(cosine_scores(a, b), expected, rtol=1e-12)
    np.testing.assert_allclose(AffineTransform(a[0], np.eye(3), unit_length=True)(b), length_normalize(b - a[0]))


def test_average_of_sessions():
    vectors = {"a1": np.array([1.0, 0.0]), "a2": np.array([3.0, 2.0]), "b1": np.array([5.0, 5.0])}
    means, counts = average_sessions(vectors, {"b": ["b1"], "a": ["a1", "a2"]})
    np.testing.assert_array_equal(means, [[5.0, 5.0], [2.0, 1.0]])
    np.testing.assert_array_equal(counts, [1, 2])
    with pytest.raises(DataError, match="model a: utterance a3 has no vector"):
        average_sessions(vectors, {"a": ["a1", "a3"]})
    with pytest.raises(DataError, match="model a: found no utterance"):
        average_sessions(vectors, {"a": []})


def test_singular_covariances_are_errors(speakers):
    x, names = speakers
    for singular, match in (
        (np.column_stack([x, x[:, 0] - 2 * x[:, 1]]), "found it singular, from 120 vectors"),
        (np.column_stack([x, np.ones(120)]), "found it singular, from 120 vectors"),
    ):
        for function in (whitening, lambda v: wccn(v, names), lambda v: lda(v, names, 2)):
            with pytest.raises(ModelError, match=match):
                function(singular)
    with pytest.raises(ModelError, match="whitening: covariance: found it singular, from 4 vectors in 4 dimensions"):
        whitening(x[:4])
    one_each = np.arange(120)
    with pytest.raises(ModelError, match="wccn: within-class covariance: found it singular, from 120 vectors of 120"):
        wccn(x, one_each)
    with pytest.raises(ModelError, match="lda: within-class covariance"):
        lda(x, one_each, 2)


def test_bad_vectors_and_labels(speakers):
    x, names = speakers
    for dim in (0, 5):
        with pytest.raises(ConfigError, match=f"found dim = {dim}, expected 1 to 4, with 4 dimensions and 30 classes"):
            lda(x, names, dim)
    with pytest.raises(ConfigError, match="expected 1 to 1, with 4 dimensions and 2 classes"):
        lda(x, names == "s0", 2)
    with pytest.raises(DataError, match=r"labels: found shape \(119,\), expected \(120,\)"):
        wccn(x, names[1:])
    with pytest.raises(DataError, match=r"^found no vector, expected one or more$"):
        wccn(np.empty((0, 3)), [])
    bad = x.copy()
    bad[7, 1] = np.inf
    with pytest.raises(FeatureError, match="vector 7: found NaN or infinity"):
        whitening(bad)
    with pytest.raises(FeatureError, match=r"found vectors of shape \(4,\), expected two dimensions"):
        length_normalize(x[0])
    with pytest.raises(FeatureError, match=r"found vectors of shape \(120, 3\), expected \(utterances, 4\)"):
        whitening(x)(x[:, :3])
    with pytest.raises(FeatureError, match="vector 1: found length 0"):
        length_normalize([[1.0], [0.0]])
    with pytest.raises(FeatureError, match=r"expected \(utterances, 4\)"):
        cosine_scores(x, x[:, :3])
    with pytest.raises(ModelError, match="transform: found mean and matrix of shapes"):
        AffineTransform(np.zeros(3), np.eye(2))


def repeated(rng, count, repeats):
    return np.repeat(rng.normal(size=(count, 5)), repeats, axis=0), np.repeat(np.arange(count), repeats)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize(("repeats", "offset"), [(2, 0.0), (3, 0.0), (3, 100.0), (7, -1000.0)])
def test_what_rounding_leaves_of_repeated_vectors_is_no_covariance(unit, repeats, offset):
    x, names = repeated(np.random.default_rng(0), 60, repeats)
    x = (x + offset) * unit
    cause = r"0 in 5 of them, as every class has one distinct vector; expected different vectors of the same class"
    calls = [lambda: wccn(x, names), lambda: lda(x, names, 2), lambda: train_plda(x, names)]
    for call in [*calls, lambda: train_backend(x, names), lambda: train_backend(x, names, steps=("wccn",), plda=False)]:
        with pytest.raises(ModelError, match=cause):
            call()
    assert np.isfinite(whitening(x).matrix).all()  # of 60 distinct vectors, which vary


def test_why_a_covariance_is_singular():
    rng = np.random.default_rng(1)
    x, names = repeated(rng, 60, 2)
    few = np.concatenate([x, rng.normal(size=(4, 5))]), np.append(names, [0, 1, 2, 2])
    for function, cause in (
        (lambda: wccn(*few), r"0 in 1 of them, as so many vectors, 64 of them distinct, vary in no more dimensions"),
        (lambda: wccn(x, np.arange(120)), r"0 in 5 of them, as every class has one vector; expected"),
        (lambda: whitening(np.repeat(x[::2][:4], 30, axis=0)), r"0 in 2 of them, as so many vectors, 4 of them dis"),
        (lambda: whitening(np.column_stack([x, np.full(120, 0.1)])), r"0 in 1 .* dimension 5 is the same in all vec"),
        (lambda: whitening(np.column_stack([x, x[:, 0] - 2 * x[:, 1]])), r"0 in 1 .* is a combination of others"),
    ):
        with pytest.raises(ModelError, match=cause):
            function()


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_units_change_no_decision(unit, speakers):
    x, names = speakers
    for steps, plda in ((("whiten", "length"), True), (("center", "lda", "wccn"), False), (("center", "lda"), True)):
        options = {"steps": steps, "plda": plda, "lda_dim": 2 if "lda" in steps else None}
        scores = []
        for vectors in (x, x * unit):
            backend = train_backend(vectors, names, **options)
            y = backend.transform(vectors)
            scores.append(backend.score(y[:20], y))
        np.testing.assert_allclose(scores[1], scores[0], rtol=1e-5, atol=1e-6)


def test_speakers_that_do_not_differ_are_refused():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(60, 3))
    x = np.concatenate([x, 2 * x.mean(axis=0) - x])
    with pytest.raises(ModelError, match="PLDA: found the same mean in all 60 classes, expected them to differ"):
        train_plda(x, np.tile(np.arange(60), 2))
