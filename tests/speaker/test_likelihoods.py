"""Means of utterances that are evaluated together are those of each alone, to the bit."""

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.gmm.kernels import native_kernel
from gmmspeech.speaker.likelihoods import TOGETHER, mean_log_likelihoods, of_claims

rng = np.random.default_rng(0)


def mixture(backend="auto"):
    means = rng.normal(size=(20, 7))
    return gs.DiagonalGMM.from_parameters(np.full(20, 0.05), means, np.full((20, 7), 0.5), backend=backend)


@pytest.mark.skipif(not native_kernel.available(), reason="installed without a C compiler")
@pytest.mark.parametrize("dtypes", [(np.float32,), (np.float64,), (np.float32, np.float64)])
def test_short_and_long_utterances_have_the_means_that_each_has_alone(dtypes):
    lengths = [*rng.integers(1, 60, 300), TOGETHER, 3 * TOGETHER + 1, 1]
    parts = [rng.normal(size=(n, 7)).astype(dtypes[i % len(dtypes)]) for i, n in enumerate(lengths)]
    under = mixture("native")._log_likelihood()
    assert mean_log_likelihoods(under, parts).tolist() == [under(part).mean() for part in parts]


def test_a_call_gets_few_frames_together():
    calls = []
    mean_log_likelihoods(lambda frames: calls.append(len(frames)) or np.zeros(len(frames)), [np.zeros((50, 1))] * 1000)
    assert len(calls) <= 50_000 // TOGETHER + 1
    assert max(calls) < TOGETHER + 50


def test_each_test_is_scored_by_the_models_that_claim_it_in_their_order():
    under = {name: mixture()._log_likelihood() for name in "abc"}
    tests = [rng.normal(size=(n, 7)) for n in (3, 40, 5)]
    claims = [["c", "a"], [], ["a", "b", "a"]]
    expected = [[under[name](X).mean() for name in names] for names, X in zip(claims, tests, strict=True)]
    for n_jobs in (1, 2):
        found = of_claims(claims, tests, under, n_jobs=n_jobs)
        assert [scores.tolist() for scores in found] == [pytest.approx(scores, rel=1e-12) for scores in expected]
