"""Mixtures with full, tied, diagonal and spherical covariances against scikit-learn's, live, from the same start."""

import pickle

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.mixture import GaussianMixture
from sklearn.utils.estimator_checks import check_estimator

import gmmspeech as gs
from gmmspeech.errors import ConfigError, FeatureError, GmmSpeechWarning, ModelError
from gmmspeech.gmm import covariance_types
from gmmspeech.gmm.full import GMM

KINDS = covariance_types.KINDS
SHAPES = {"full": (3, 4, 4), "tied": (4, 4), "diag": (3, 4), "spherical": (3,)}


def data(n=900, dtype=np.float64):
    """Three clusters of correlated columns, of different scales, far from zero."""
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(n // 3, 4)) @ rng.normal(size=(4, 4)) + 3 * rng.normal(size=4) for _ in range(3)]
    return (np.concatenate(x) * [1, 0.1, 5, 2] + [0, 300, 0, -50]).astype(dtype)


def fitted(kind, x=None, **options):
    options = {"max_iter": 4, "tol": 0, "variance_floor": 0, "random_state": 0, **options}
    return GMM(3, covariance_type=kind, **options).fit(data() if x is None else x)


def peer(gmm, x, max_iter):
    start = {f"{name}_init": getattr(gmm.to_sklearn(), f"{name}_") for name in ("weights", "means", "precisions")}
    options = {"covariance_type": gmm.covariance_type, "reg_covar": 0, "tol": 0, "max_iter": max_iter}
    with np.errstate(all="ignore"):
        return GaussianMixture(3, **options, **start).fit(x)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_from_the_same_start_it_is_scikit_learns(kind):
    x, start = data(), fitted(kind, max_iter=2)
    found, expected = fitted(kind, init=start, max_iter=5), peer(start, x, 5)
    assert found.n_iter_ == 5
    assert found.covariances_.shape == SHAPES[kind]
    for name in ("weights_", "means_", "covariances_"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.score_samples(x), expected.score_samples(x), rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.predict_proba(x), expected.predict_proba(x), rtol=0, atol=1e-6)
    assert (found.predict(x) == expected.predict(x)).all()
    assert found.bic(x) == pytest.approx(expected.bic(x), rel=1e-7)
    assert found.aic(x) == pytest.approx(expected.aic(x), rel=1e-7)
    again = GMM.from_sklearn(expected)
    np.testing.assert_allclose(again.score_samples(x), expected.score_samples(x), rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.to_sklearn().score_samples(x), found.score_samples(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_densities_are_scipys_and_samples_have_them(kind):
    x, gmm = data(), fitted(kind)
    weights, means, matrices = covariance_types.as_kind("full", gmm._internal())
    joint = [w * multivariate_normal(m, c).pdf(x) for w, m, c in zip(weights, means, matrices, strict=True)]
    np.testing.assert_allclose(np.exp(gmm.score_samples(x)), np.sum(joint, axis=0), rtol=1e-8)
    frames, components = gmm.set_params(random_state=1).sample(30_000)
    k = int(weights.argmax())
    deviations = np.sqrt(np.diag(matrices[k]))
    assert (np.abs(np.cov(frames[components == k].T) - matrices[k]) < 0.05 * np.outer(deviations, deviations)).all()
    assert gmm.score(frames) == pytest.approx(gmm.score(gmm.sample(30_000)[0]), abs=0.05)
    np.testing.assert_allclose(gmm.variances(), np.einsum("kii->ki", matrices))


@pytest.mark.parametrize("kind", KINDS)
def test_the_likelihood_never_falls_whatever_the_floor(kind):
    x = data()
    for floor in (0, 0.2, 0.9):
        gmm = GMM(9, covariance_type=kind, max_iter=30, tol=0, variance_floor=floor, random_state=0)
        with pytest.warns(GmmSpeechWarning) if floor == 0.9 and kind != "spherical" else _nothing():
            history = gmm.fit(x).history_
        assert (np.diff(history) >= 0).all()
        for matrix in covariance_types.as_kind("full", gmm._internal())[2] if kind != "spherical" else ():
            relative = matrix / np.sqrt(np.outer(gmm.floor_, gmm.floor_))
            assert np.linalg.eigvalsh(relative)[0] > 1 - 1e-8 or floor == 0


def _nothing():
    import contextlib

    return contextlib.nullcontext()


def test_a_start_below_the_floor_does_not_fall():
    x, start = data(), fitted("full", max_iter=3)
    with pytest.warns(GmmSpeechWarning, match="ended on the floor"):
        gmm = fitted("full", init=start, variance_floor=0.99, max_iter=10)
    assert (np.diff(gmm.history_) >= 0).all()
    assert gmm.score(x) > start.score(x)


@pytest.mark.parametrize("kind", ["full", "tied"])
def test_more_components_than_clusters_and_directions_without_spread(kind):
    """A constant column, and two that are the same: covariances stay positive definite."""
    x = data()
    x = np.column_stack([x, np.full(len(x), 7.0), x[:, 0]])
    with pytest.warns(GmmSpeechWarning, match="ended on the floor: columns nearly follow from each other"):
        gmm = GMM(8, covariance_type=kind, random_state=0).fit(x)
    assert np.isfinite(gmm.score(x))
    assert (np.linalg.eigvalsh(gmm.covariances_) > 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_weights_threads_lists_and_types_of_numbers(kind):
    x = data(60_000 if kind == "full" else 900)
    weight = np.random.default_rng(1).integers(1, 3, 900)
    one, two = (fitted(kind, x, max_iter=2, n_jobs=n) for n in (1, 2))
    np.testing.assert_array_equal(one.covariances_, two.covariances_)
    start, x = one, data()
    options = {"init": start, "max_iter": 2, "tol": 0, "covariance_type": kind}
    weighted = GMM(3, **options).fit(x, sample_weight=weight)
    repeated = GMM(3, **options).fit(np.repeat(x, weight, axis=0))
    np.testing.assert_allclose(weighted.covariances_, repeated.covariances_, rtol=1e-6, atol=1e-8)
    single = GMM(3, **options).fit([x[:100].astype(np.float32), x[100:].astype(np.float32)])
    np.testing.assert_allclose(single.covariances_, GMM(3, **options).fit(x).covariances_, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_statistics_add(kind):
    x, gmm = data(), fitted(kind)
    whole = gmm.accumulate(x)
    other = fitted(kind, max_iter=1).accumulate(x[:50])  # about another center
    parts = gmm.accumulate(x[:200]) + gmm.accumulate(x[200:])
    for name in ("n", "sum_x", "scatter"):
        if getattr(whole, name) is not None:
            np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-9, atol=1e-6)
    if kind in covariance_types.MATRICES:
        both, center = whole + other, x.mean(axis=0)
        posterior = [gmm.predict_proba(x), fitted(kind, max_iter=1).predict_proba(x[:50])]
        naive = sum(
            np.einsum("tk,ti,tj->kij", p, part - center, part - center)
            for p, part in zip(posterior, (x, x[:50]), strict=True)
        )
        count = len(both.scatter)
        expected = naive if count == 3 else naive.sum(axis=0, keepdims=True)
        np.testing.assert_allclose(both.scatter_about(center, count), expected, rtol=1e-6, atol=1e-5)
        with pytest.raises(ModelError, match=r"statistics: found .* sums of products of columns, expected"):
            whole.scatter_about(center, 4 - count)


@pytest.mark.parametrize("kind", KINDS)
def test_saved_loaded_cloned_and_pickled(kind, tmp_path):
    x, gmm = data(), fitted(kind)
    gmm.save(tmp_path / "gmm.h5")
    for again in (gs.load(tmp_path / "gmm.h5"), pickle.loads(pickle.dumps(gmm))):
        np.testing.assert_array_equal(again.score_samples(x), gmm.score_samples(x))
        assert (again.covariance_type, again.history_, again.num_frames_) == (kind, gmm.history_, 900)
        np.testing.assert_array_equal(again.floor_, gmm.floor_)
    np.testing.assert_array_equal(clone(gmm).fit(x).means_, gmm.means_)
    assert any("components, 4 dim" in line for line in gmm.describe())


@pytest.mark.usefixtures("kept_at_once")
@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_goes_on_to_the_same_bits(kind, tmp_path):
    expected, seen = fitted(kind), []

    def stop(monitor):
        seen.append(monitor)
        if len(seen) == 3:
            raise KeyboardInterrupt

    unfitted = GMM(3, covariance_type=kind, max_iter=4, tol=0, variance_floor=0, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        unfitted.fit(data(), checkpoint=gs.Checkpoint(tmp_path / "c"), callback=stop)
    found = unfitted.fit(data(), checkpoint=gs.Checkpoint(tmp_path / "c"))
    np.testing.assert_array_equal(found.covariances_, expected.covariances_)
    other = clone(unfitted).set_params(covariance_type="diag" if kind != "diag" else "full")
    with pytest.raises(gs.GmmSpeechError, match="another training: covariance_type"):
        other.fit(data(), checkpoint=gs.Checkpoint(tmp_path / "c"))


def test_scikit_learn_takes_it_for_an_estimator():
    found = check_estimator(GMM(2, covariance_type="tied"), on_fail=None, on_skip=None)
    assert [(one["check_name"], str(one["exception"])) for one in found if one["status"] == "failed"] == []
    x = data()
    np.testing.assert_array_equal(fitted("full").fit_predict(x), fitted("full").predict(x))


def test_as_a_background_model():
    x = data()
    ubm = GMM(3, init=gs.DiagonalGMM(3, random_state=0).fit(x), random_state=0).fit(x)
    model = gs.map_adapt(ubm, x[:100], relevance_factor=4)
    stats = ubm.accumulate(x[:100])
    alpha = (stats.n / (stats.n + 4))[:, None]
    expected = alpha * stats.sum_x / stats.n[:, None] + (1 - alpha) * ubm.means_
    np.testing.assert_allclose(model.means_, expected, rtol=1e-12)
    np.testing.assert_array_equal(model.covariances_, ubm.covariances_)
    ratio = gs.log_likelihood_ratio(model, ubm, x[:100])
    assert ratio == pytest.approx(model.score(x[:100]) - ubm.score(x[:100]))
    assert ratio > 0
    with pytest.raises(ConfigError, match="update: found 'mv' with a GMM, expected m or w"):
        gs.map_adapt(ubm, x, update="mv")
    with pytest.raises(ConfigError, match=r"ubm: found .*GMM.*, expected a DiagonalGMM with top_c"):
        gs.log_likelihood_ratio(model, ubm, x, top_c=2)


def test_bad_input():
    x = data()
    with pytest.raises(ConfigError, match="covariance_type: found 'fulll', expected full, tied, diag or spherical"):
        GMM(covariance_type="fulll").fit(x)
    with pytest.raises(ConfigError, match=r"init: found .*, expected kmeans or random or a DiagonalGMM or GMM"):
        GMM(init=x[:1]).fit(x)
    with pytest.raises(ModelError, match=r"init: found a mixture of shape \(3, 4\)"):
        GMM(2, init=fitted("full")).fit(x)
    with pytest.raises(ModelError, match="this GMM is not fitted yet"):
        GMM().score(x)
    with pytest.raises(FeatureError, match="GMM is expecting 4 features"):
        fitted("tied").score(x[:, :2])
    x[3, 1] = np.nan
    with pytest.raises(FeatureError, match="frame 3, column 1: found nan"):
        GMM().fit(x)
    eye = np.eye(2)
    for kind, bad, message in (
        ("full", [eye, eye], r"found means, covariances of shapes \(1, 2\), \(2, 2, 2\), expected"),
        ("tied", [eye], r"expected \(K, D\), \(2, 2\) \(tied\)"),
        ("spherical", [[1.0]], r"expected \(K, D\), \(1,\) \(spherical\)"),
        ("full", [[[1, 0.5], [0.4, 1]]], "component 0: found a covariance that is not symmetric and finite"),
        ("tied", [[1, 2], [2, 1]], "component 0: found a covariance that is not positive definite"),
        ("full", [[[0, 0], [0, 1]]], "component 0: found variance 0.0"),
        ("spherical", [-1.0], "component 0: found variance -1.0"),
    ):
        with pytest.raises(ModelError, match=message):
            GMM.from_parameters([1.0], [[0.0, 0.0]], bad, covariance_type=kind)
