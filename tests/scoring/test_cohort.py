"""Cohort statistics in blocks against those of the whole, for many rows and speakers."""

import numpy as np
import pytest

from gmmspeech.errors import DataError
from gmmspeech.scoring import cohort
from gmmspeech.scoring.cohort import Cohort


@pytest.mark.parametrize("top_n", [None, 10, 37])
@pytest.mark.parametrize("block", [1 << 20, 64])
def test_any_speaker_left_out_of_any_row(top_n, block, monkeypatch):
    """As numpy's mean and standard deviation of what remains."""
    monkeypatch.setattr(cohort, "BLOCK", block)
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(30, 60))
    codes = rng.integers(0, 20, 60)
    codes[codes == 7] = 8  # one speaker has none
    rows, excluded = rng.integers(0, 30, 500), rng.integers(-1, 25, 500)
    means, deviations = Cohort(scores, "test", top_n=top_n, codes=codes).statistics(rows, excluded)
    for row, code, mean, deviation in zip(rows, excluded, means, deviations, strict=True):
        kept = np.sort(scores[row, codes != code])[-top_n if top_n else None :]
        assert mean == pytest.approx(kept.mean(), rel=1e-10, abs=1e-13)
        assert deviation == pytest.approx(kept.std(ddof=1), rel=1e-10)


def test_scores_that_vary_by_rounding_alone_do_not_vary():
    for value in (0.1, 1e-7, -1e9 / 3):
        with pytest.raises(DataError, match=r"test 1: found scores against the cohort that are all .*, expected them"):
            Cohort(np.stack([np.arange(9.0), np.full(9, value)]), "test", top_n=None, codes=None).statistics(
                np.arange(2), np.full(2, -1)
            )
