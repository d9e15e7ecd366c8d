"""Log-likelihoods of states against naive ones in float64, with compiled sums and without."""

import itertools

import numpy as np
import pytest

from gmmspeech.phones.hmm.densities import BLOCK, state_log_likelihoods
from gmmspeech.phones.hmm.native import mixture_kernel


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("num_frames", [0, 1, BLOCK + 3])
def test_log_likelihoods_are_naive_ones(compiled, num_frames, monkeypatch):
    if compiled and not mixture_kernel.available():
        pytest.skip("installed without a C compiler")
    monkeypatch.setattr(mixture_kernel, "available", lambda: compiled)
    rng = np.random.default_rng(0)
    offsets = np.array([0, 3, 4, 9, 12])
    forms = rng.normal(0, 1, (12, 11)).astype(np.float32)
    z = rng.normal(0, 2, (num_frames, 5))
    joint = np.concatenate([z, z**2, np.ones((num_frames, 1))], axis=1) @ forms.T.astype(np.float64)
    expected = [np.logaddexp.reduce(joint[:, a:b], axis=1) for a, b in itertools.pairwise(offsets)]
    found = state_log_likelihoods(z, forms, offsets)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.stack(expected, axis=1), rtol=1e-5, atol=1e-5)
