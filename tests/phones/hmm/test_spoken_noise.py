"""Spoken noise: a phone that fits any speech a little."""

import numpy as np

from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.spoken_noise import add_spoken_noise


def test_a_gaussian_a_phone_with_the_moments_of_its_states():
    rng = np.random.default_rng(0)
    model = PhoneHMM(
        phones=("AA", "SIL", "S"),
        state_offsets=[0, 2, 3, 5],
        self_loop=[0.5, 0.75, 0.9, 0.5, 0.5],
        mixture_offsets=[0, 2, 3, 4, 5, 6],
        weights=[0.25, 0.75, 1, 1, 1, 1],
        means=rng.normal(0, 5, (6, 2)),
        variances=rng.uniform(0.5, 2, (6, 2)),
    )
    noisy = add_spoken_noise(model)
    assert noisy.phones == ("AA", "SIL", "S", "SPN")
    assert (noisy.num_states, noisy.num_gaussians) == (7, 10)
    # a state of AA lasts 2 frames, the other 4
    drawn = [
        rng.normal(model.means[g], np.sqrt(model.variances[g]), (n, 2))
        for g, n in enumerate([50_000, 150_000, 400_000])
    ]
    frames = np.concatenate(drawn)
    first = noisy.mixture_offsets[noisy.states("SPN")[0]]
    np.testing.assert_allclose(noisy.means[first], frames.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(noisy.variances[first], frames.var(axis=0), rtol=0.02)
    np.testing.assert_allclose(noisy.means[first + 1], model.means[4:6].mean(axis=0))
    np.testing.assert_array_equal(noisy.means[:6], model.means)
    np.testing.assert_array_equal(noisy.weights[6:], 0.5)
    assert add_spoken_noise(noisy) is noisy
