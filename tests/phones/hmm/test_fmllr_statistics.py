"""Statistics for fMLLR of frames in states, beside those of posteriors in float64."""

import numpy as np
import pytest

from gmmspeech.linear.fmllr import accumulate_fmllr
from gmmspeech.phones.hmm import fmllr_statistics as module
from gmmspeech.phones.hmm.adaptation import gaussian_posteriors
from gmmspeech.phones.hmm.corpus import path_posteriors
from gmmspeech.phones.hmm.fmllr_statistics import fmllr_statistics
from gmmspeech.phones.hmm.model import PhoneHMM

RNG = np.random.default_rng(0)
DIM, SIZES = 5, [1, 3, 2, 4]


def make_model(offset, scale):
    total = sum(SIZES)
    weights = np.concatenate([RNG.dirichlet(np.ones(size)) for size in SIZES])
    means = offset + scale * RNG.normal(size=(total, DIM))
    variances = scale**2 * RNG.uniform(0.5, 2, (total, DIM))
    return PhoneHMM(("SIL", "A"), [0, 2, 4], np.full(4, 0.5), np.cumsum([0, *SIZES]), weights, means, variances)


@pytest.mark.parametrize(("offset", "scale"), [(0.0, 1.0), (1000.0, 1.0), (-3.0, [1e-3, 1.0, 1e3, 1.0, 1.0])])
@pytest.mark.parametrize("count", [1, 200, 1000])
def test_are_those_of_posteriors_in_float64(monkeypatch, offset, scale, count):
    monkeypatch.setattr(module, "FRAMES", 300)
    model = make_model(offset, np.asarray(scale))
    frames = offset + np.asarray(scale) * RNG.normal(size=(count, DIM))
    states = RNG.choice([0, 1, 3], count)
    found = fmllr_statistics(model, frames, states)
    posteriors = gaussian_posteriors(model, frames, path_posteriors(model, states))
    expected = accumulate_fmllr(frames, posteriors, model.means, model.variances)
    assert found.beta == count
    size = np.sqrt(np.einsum("dii,djj->dij", expected.g, expected.g))
    np.testing.assert_allclose(found.g / size, expected.g / size, atol=1e-6)
    largest = np.append(np.abs(frames).max(axis=0), 1.0) * expected.k[:, -1:]  # what the sums of k are made of
    np.testing.assert_array_less(np.abs(found.k - expected.k), 1e-6 * (np.abs(largest) + size[:, -1]))
    np.testing.assert_allclose(found.g, found.g.transpose(0, 2, 1), rtol=1e-12)


def test_of_no_frames_are_zeros():
    found = fmllr_statistics(make_model(0.0, 1.0), np.empty((0, DIM)), np.empty(0, np.intp))
    assert found.beta == 0
    assert not found.k.any()
    assert not found.g.any()
