"""scikit-learn's own tests of `GaussianMixture`, from the package that is installed, with our mixture in its place.

The adapter leaves to scikit-learn the checks of arguments and the starts, for whose options (``init_params``,
``n_init``, ``warm_start``) there is nothing here; EM, its convergence, densities, posteriors, criteria and samples are
ours, with diagonal covariances. Tests of scikit-learn's private functions are left out.
"""

import warnings

import numpy as np
import pytest
import sklearn.mixture.tests.test_gaussian_mixture as theirs
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.utils import check_random_state
from sklearn.utils._array_api import get_namespace
from sklearn.utils.validation import check_is_fitted, validate_data

from gmmspeech.gmm.mixture import DiagonalGMM

OF_PRIVATE_FUNCTIONS = (
    "test_check_means",
    "test_check_precisions",
    "test_check_weights",
    "test_compute_log_det_cholesky",
    "test_gaussian_mixture_estimate_log_prob_resp",
    "test_gaussian_mixture_log_probabilities",
    "test_gaussian_suffstat_sk_spherical",
    "test_suffstat_sk_diag",
    "test_suffstat_sk_full",
    "test_suffstat_sk_tied",
)
OF_STARTS = (  # which are scikit-learn's
    "test_gaussian_mixture_all_init_does_not_estimate_gaussian_parameters",
    "test_init",
    "test_init_means_not_duplicated",
    "test_means_for_all_inits",
)
OF_OTHER_ARRAYS = (  # torch's and CuPy's
    "test_gaussian_mixture_array_api_compliance",
    "test_gaussian_mixture_raises_where_array_api_not_implemented",
)
# the one difference: parameters are float64, whatever the frames are
FLOAT64_PARAMETERS = (
    "test_fitted_precision_covariance_concistency",
    "test_gaussian_mixture_fit",
    "test_gaussian_mixture_fit_predict",
    "test_gaussian_mixture_precisions_init_diag",
)
COVARIANCE_TYPES = list(theirs.COVARIANCE_TYPE)


class OurMixture(GaussianMixture):
    """`DiagonalGMM` behind the interface of `GaussianMixture`; other than diagonal covariances stay scikit-learn's."""

    def fit_predict(self, X, y=None):
        """Train by our EM from scikit-learn's starts."""
        if self.covariance_type != "diag":
            return super().fit_predict(X, y)
        self._validate_params()
        X = validate_data(self, X, dtype=[np.float64, np.float32], ensure_min_samples=2)
        if len(X) < self.n_components:
            raise ValueError(
                f"Expected n_samples >= n_components but got n_components = {self.n_components}, n_samples = {len(X)}"
            )
        self._check_parameters(X, xp=get_namespace(X)[0])
        anew = not (self.warm_start and hasattr(self, "converged_"))
        random_state = check_random_state(self.random_state)
        fits = [self._fit_once(X, random_state, anew) for _ in range(self.n_init if anew else 1)]
        best = max(fits, key=lambda gmm: gmm.history_[-1] if gmm.history_ else -np.inf)
        self._take(best)
        gain = np.inf if anew else best.history_[0] - self.lower_bound_
        self.converged_ = getattr(best, "converged_", False) or abs(gain) < self.tol
        self.n_iter_ = len(best.history_)
        self.lower_bounds_ = best.history_
        self.lower_bound_ = best.history_[-1] if best.history_ else -np.inf
        if not self.converged_ and self.max_iter > 0:
            hint = "Try different init parameters, or increase max_iter, tol, or check for degenerate data."
            warnings.warn(f"Best performing initialization did not converge. {hint}", ConvergenceWarning)
        return self.predict(X)

    def score_samples(self, X):
        """Log-likelihood of every frame."""
        return self._ours("score_samples", X)

    def predict_proba(self, X):
        """Posteriors."""
        return self._ours("predict_proba", X)

    def predict(self, X):
        """Most probable components."""
        return self._ours("predict", X)

    def bic(self, X):
        """Schwarz's criterion."""
        return self._ours("bic", X)

    def aic(self, X):
        """Akaike's criterion."""
        return self._ours("aic", X)

    def _fit_once(self, X, random_state, anew):
        if anew:
            self._initialize_parameters(X, random_state, xp=get_namespace(X)[0])
        start = self._mixture()
        if self.max_iter == 0:
            return start
        gmm = DiagonalGMM(self.n_components, init=start, max_iter=self.max_iter, tol=self.tol)
        return gmm.fit(X)

    def _take(self, gmm):
        self.weights_, self.means_, self.covariances_ = gmm.parameters()
        self.precisions_ = 1 / self.covariances_
        self.precisions_cholesky_ = np.sqrt(self.precisions_)

    def _ours(self, method, X):
        check_is_fitted(self)
        if self.covariance_type != "diag":
            return getattr(super(), method)(X)
        X = validate_data(self, X, reset=False)
        return getattr(self._mixture(), method)(X)

    def _mixture(self):
        return DiagonalGMM.from_parameters(self.weights_, self.means_, self.precisions_cholesky_**-2.0)


class Data(theirs.RandomData):
    """Their data, those of all kinds of covariances."""

    def __init__(self, *args, **options):
        theirs.COVARIANCE_TYPE = COVARIANCE_TYPES
        super().__init__(*args, **options)
        theirs.COVARIANCE_TYPE = ["diag"]


OurMixture.__name__ = "GaussianMixture"  # for messages


@pytest.fixture(autouse=True)
def in_its_place(monkeypatch):
    monkeypatch.setattr(theirs, "GaussianMixture", OurMixture)
    monkeypatch.setattr(theirs, "RandomData", Data)
    monkeypatch.setattr(theirs, "COVARIANCE_TYPE", ["diag"])


@pytest.fixture
def global_random_seed():
    return 42


@pytest.fixture(params=["float32", "float64"])
def global_dtype(request):
    if request.param == "float32" and request.node.originalname in FLOAT64_PARAMETERS:
        return np.dtype(np.float64)
    return np.dtype(request.param)


globals().update(
    {
        name: test
        for name, test in vars(theirs).items()
        if name.startswith("test_") and name not in (*OF_PRIVATE_FUNCTIONS, *OF_STARTS, *OF_OTHER_ARRAYS)
    }
)
