"""Statistics come in the same batches from a list and from memory, and what is wrong with them is named."""

import numpy as np
import pytest

from gmmspeech.errors import FeatureError, ModelError
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.stats import GMMStats
from gmmspeech.gmm.utterance_stats import StatsBatch, check_same_ubm, gmm_digest, stats_batches


def statistics(count=7, k=2, d=3):
    rng = np.random.default_rng(0)
    return [GMMStats(*(rng.random((k, *d_)) for d_ in ((), (d,), (d,))), 0.0, i + 1.0) for i in range(count)]


def as_batch(stats, **origin):
    return StatsBatch(*(np.array([getattr(s, f) for s in stats]) for f in ("n", "sum_x", "num_frames")), **origin)


@pytest.mark.parametrize("size", [1, 3, 7, 20])
def test_a_list_and_a_batch_give_the_same(size):
    stats = statistics()
    for source in (stats, tuple(stats), as_batch(stats)):
        batches = list(stats_batches(source, (2, 3), size))
        assert [len(b) for b in batches] == [size] * (7 // size) + [7 % size] * (7 % size > 0)
        for field in ("n", "sum_x", "num_frames"):
            found = np.concatenate([getattr(b, field) for b in batches])
            np.testing.assert_array_equal(found, [getattr(s, field) for s in stats])
    assert list(stats_batches([], (2, 3), 4)) == []


def test_centered_statistics():
    rng = np.random.default_rng(1)
    batch, deviations = as_batch(statistics()), rng.uniform(1, 2, (2, 3))
    for means in (rng.normal(size=(2, 3)), rng.normal(size=(7, 2, 3))):
        expected = [
            (s.sum_x - s.n[:, None] * m) / deviations
            for s, m in zip(statistics(), np.broadcast_to(means, (7, 2, 3)), strict=True)
        ]
        np.testing.assert_allclose(batch.centered(means, deviations), expected, rtol=1e-14)


def test_bad_statistics_are_named():
    stats = statistics()
    with pytest.raises(ModelError, match=r"statistics 0: found shape \(2, 3\) \(components, dimension\)"):
        list(stats_batches(stats, (2, 4), 3))
    with pytest.raises(ModelError, match=r"statistics: found shape \(2, 3\)"):
        list(stats_batches(as_batch(stats), (4, 3), 3))
    none = GMMStats(np.zeros(2), np.zeros((2, 3)), np.zeros((2, 3)), 0.0, 0.0)
    with pytest.raises(FeatureError, match="statistics 7: found 0 frames, expected one or more"):
        list(stats_batches([*stats, none], (2, 3), 4))
    stats[5].sum_x[1, 1] = np.nan
    with pytest.raises(FeatureError, match="statistics 5: found NaN or infinity"):
        list(stats_batches(stats, (2, 3), 4))


def test_a_mixture_has_a_name_of_its_own():
    gmm = DiagonalGMM.from_parameters([0.5, 0.5], [[0.0], [1.0]], [[1.0], [1.0]])
    same = DiagonalGMM.from_parameters([0.5, 0.5], [[0.0], [1.0]], [[1.0], [1.0]], max_iter=3)
    assert gmm_digest(gmm) == gmm_digest(same)
    others = [([0.25, 0.75], [[0], [1]], [[1], [1]]), ([0.5, 0.5], [[0], [1 + 1e-15]], [[1], [1]])]
    assert len({gmm_digest(gmm), *(gmm_digest(DiagonalGMM.from_parameters(*o)) for o in others)}) == 3


def test_statistics_of_elsewhere_are_refused():
    stats = statistics()
    known = as_batch(stats, ubm_digest="a" * 64, front_end='{"num_ceps": 13}')
    for source, digest, front_end in ((stats, "b", "{}"), (known, None, None), (known, "a" * 64, '{"num_ceps": 13}')):
        check_same_ubm(source, digest, front_end, model="m")
    for nothing in (stats[0], {"u": stats[0]}):
        with pytest.raises(FeatureError, match=r"found \w+, expected a list of GMMStats or a StatisticsStore"):
            check_same_ubm(nothing, None, None, model="m")
    with pytest.raises(ModelError, match="found statistics under background model aaaaaaaaaaaa, expected bbb as m has"):
        check_same_ubm(known, "bbb", None, model="m")
    with pytest.raises(FeatureError, match="num_ceps = 13, expected num_ceps = 20 as m was trained on"):
        check_same_ubm(known, None, '{"num_ceps": 20}', model="m")
