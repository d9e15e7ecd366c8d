"""A small mixture with frames and their posteriors, and sums over them written out."""

from dataclasses import dataclass, fields

import numpy as np
import pytest

from gmmspeech.gmm.mixture import DiagonalGMM


@dataclass
class Case:
    """Frames that fit the mixture only roughly, so that there is something to gain."""

    gmm: DiagonalGMM
    frames: np.ndarray

    @property
    def posteriors(self):
        return self.gmm.predict_proba(self.frames)

    @property
    def model(self):
        return self.gmm.means_, self.gmm.covariances_

    def everything(self):
        return self.frames, self.posteriors, *self.model

    def check_sparse_and_single(self, accumulate, layout):
        """Sums by posteriors that are mostly zero, and by frames of single precision, are those by dense ones."""
        frames, posteriors, *model = self.everything()
        posteriors[posteriors < 0.1] = 0
        dense, thin = accumulate(frames, posteriors, *model), accumulate(frames, layout(posteriors), *model)
        single = accumulate(frames.astype(np.float32), posteriors.astype(np.float32), *model)
        for name in (field.name for field in fields(dense)):
            expected, found = getattr(dense, name), getattr(thin, name)
            np.testing.assert_allclose(found, expected, rtol=1e-12)
            np.testing.assert_allclose(getattr(single, name), expected, rtol=1e-5, atol=1e-4)
            assert type(found) is type(expected)
            assert np.asarray(getattr(single, name)).dtype == np.float64

    def naive_auxiliary(self, transform, means=None):
        """Expected log-likelihood of the transformed frames with fixed posteriors, frame by frame, no constants."""
        dim = self.frames.shape[1]
        matrix, offset = transform[:, :dim], transform[:, dim:].sum(axis=1)
        means = self.gmm.means_ if means is None else means
        total = 0.0
        for x, gamma in zip(self.frames, self.posteriors, strict=True):
            y = matrix @ x + offset
            for k, weight in enumerate(gamma):
                distance = ((y - means[k]) ** 2 / self.gmm.covariances_[k]).sum()
                total += weight * (np.log(abs(np.linalg.det(matrix))) - 0.5 * distance)
        return total


@pytest.fixture(scope="session")
def make_case():
    """A function: seed and sizes to a Case."""

    def make(seed, t=60, k=3, d=2):
        rng = np.random.default_rng(seed)
        gmm = DiagonalGMM.from_parameters(
            rng.dirichlet(np.full(k, 3.0)), rng.normal(0, 3, (k, d)), rng.uniform(0.3, 2, (k, d)), random_state=seed
        )
        mixing = np.eye(d) + rng.uniform(-0.4, 0.4, (d, d))
        return Case(gmm, gmm.sample(t)[0] @ mixing.T + rng.normal(0, 0.5, d))

    return make
