"""`SegmentGaussian` against scipy's densities of covariances made in plain loops."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from gmmspeech.errors import ConfigError, DataError, FeatureError, ModelError
from gmmspeech.phones.gmm.segment_gaussian import SegmentGaussian


def vectors(seed=0):
    rng = np.random.default_rng(seed)
    names = rng.choice(["AA", "S", "T"], 300, p=[0.6, 0.3, 0.1])
    mixing = {name: rng.normal(size=(4, 4)) for name in ("AA", "S", "T")}
    return np.array([rng.normal(ord(name[0]) % 3, 1, 4) @ mixing[name] for name in names]), names


@pytest.mark.parametrize("shrinkage", [0.0, 20.0])
def test_densities(shrinkage):
    x, names = vectors()
    own = {name: np.cov(x[names == name].T, bias=True) for name in ("AA", "S", "T")}
    pooled = sum(np.mean(names == name) * covariance for name, covariance in own.items())
    scores = SegmentGaussian(shrinkage=shrinkage).fit(x, names).log_likelihoods(x)
    for i, (name, covariance) in enumerate(own.items()):
        n = np.sum(names == name)
        drawn = (n * covariance + shrinkage * pooled) / (n + shrinkage)
        expected = multivariate_normal(x[names == name].mean(axis=0), drawn).logpdf(x)
        np.testing.assert_allclose(scores[:, i], expected, rtol=1e-8)


def test_much_shrinkage_is_linear_discriminant_analysis():
    x, names = vectors()
    model = SegmentGaussian(shrinkage=1e9).fit(x, names)
    reference = LinearDiscriminantAnalysis(solver="lsqr").fit(x, names)
    found = np.asarray(model.phones_)[(model.log_likelihoods(x) + np.log(reference.priors_)).argmax(axis=1)]
    np.testing.assert_array_equal(found, reference.predict(x))


def test_what_is_refused():
    x, names = vectors()
    with pytest.raises(ModelError, match="covariances of 300 vectors of 5 dimensions are singular"):
        SegmentGaussian(shrinkage=5.0).fit(np.column_stack([x, np.ones(300)]), names)
    with pytest.raises(DataError, match="found 300 vectors and 299 phones"):
        SegmentGaussian().fit(x, names[1:])
    with pytest.raises(ConfigError, match="shrinkage: found -1"):
        SegmentGaussian(shrinkage=-1).fit(x, names)
    with pytest.raises(ModelError, match="not fitted"):
        SegmentGaussian().log_likelihoods(x)
    model = SegmentGaussian().fit(x, names)
    with pytest.raises(FeatureError, match="found vectors of 3 columns, expected 4"):
        model.log_likelihoods(x[:, :3])
    with pytest.raises(FeatureError, match="found nan"):
        model.log_likelihoods(np.full((1, 4), np.nan))


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_repeated_segments_have_no_covariance(unit):
    phones = np.repeat(["AA", "IY", "S"], 40)
    x = np.repeat(np.random.default_rng(0).normal(size=(3, 4)), 40, axis=0) * unit
    for shrinkage in (0.0, 10.0):
        with pytest.raises(ModelError, match="segment vectors: the covariances of 120 vectors of 4 dimensions are sin"):
            SegmentGaussian(shrinkage=shrinkage).fit(x, phones)
