"""Score files read in blocks."""

import tracemalloc

import numpy as np
import pytest

from gmmspeech.errors import DataError
from gmmspeech.formats import score_files
from gmmspeech.formats.score_files import map_scores, read_score_blocks
from gmmspeech.formats.trials import read_scores, write_scores
from gmmspeech.scoring.score_normalizer import ScoreNormalizer
from gmmspeech.scoring.trials import Scores


@pytest.mark.parametrize("block", [1, 7, 100, 1000])
def test_blocks_are_the_file(tmp_path, monkeypatch, block):
    monkeypatch.setattr(score_files, "BLOCK", block)
    rng = np.random.default_rng(0)
    scores = Scores([f"é{i % 9}" for i in range(100)], [f"t{i}" for i in range(100)], rng.normal(size=100))
    write_scores(tmp_path / "scores", scores)
    blocks = list(read_score_blocks(tmp_path / "scores"))
    assert max(map(len, blocks)) == min(block, 100)
    whole = read_scores(tmp_path / "scores")
    assert [m for b in blocks for m in b.models] == list(whole.models)
    assert [t for b in blocks for t in b.tests] == list(whole.tests)
    np.testing.assert_array_equal(np.concatenate([b.values for b in blocks]), whole.values)


@pytest.mark.parametrize("block", [2, 1000])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a u 1.5\nb u 2\na v high\n", ":3: found 'high', expected a number as the score$"),
        ("a u 1\nb u 2\na u nan\n", ":3: found 'nan', expected a number"),
        ("a u 1\nb u 2\nc u\n", r":3: found 2 fields, expected 3 \(model test score\)$"),
        ("a u\nb u\n", r":1: found 2 fields, expected 3 \(model test score\)$"),
        ("a u 1\nb u 2 3\n", ":2: found 4 fields"),
        ("a u 1\n\nb u 2\n", ":2: found an empty line"),
        ("a u 1\nb u 2\n c u 3\n", ":3: found a blank before c, expected the id to begin the line$"),
        ("", ": found 0 bytes, expected one entry a line$"),
    ],
)
def test_malformed_files(tmp_path, monkeypatch, block, content, message):
    monkeypatch.setattr(score_files, "BLOCK", block)
    path = tmp_path / "scores"
    path.write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        list(read_score_blocks(path))
    assert str(caught.value).startswith(str(path))
    with pytest.raises(DataError, match=message):
        map_scores(path, tmp_path / "out", lambda scores: scores)
    assert [p.name for p in tmp_path.iterdir()] == ["scores"]


def test_files_that_are_no_text(tmp_path):
    with pytest.raises(DataError, match=r"missing: can't be read \(No such file or directory\)"):
        list(read_score_blocks(tmp_path / "missing"))
    (tmp_path / "scores").write_bytes(b"a u 1\nb\xff u 2\n")
    with pytest.raises(DataError, match=r"scores:2: found byte 0xff, expected UTF-8 text"):
        list(read_score_blocks(tmp_path / "scores"))


def test_normalizing_a_file_takes_no_more_memory_than_a_block(tmp_path, monkeypatch):
    monkeypatch.setattr(score_files, "BLOCK", 500)
    rng = np.random.default_rng(0)
    cohort = Scores(["a"] * 5 + ["b"] * 5, list("vwxyz") * 2, rng.normal(size=10))
    normalizer = ScoreNormalizer("z", model_cohort=cohort)
    peaks = []
    for count in (2_000, 40_000):
        path = tmp_path / f"scores{count}"
        path.write_text("".join(f"{'ab'[i % 2]} t{i} {i / 7:.9g}\n" for i in range(count)))
        tracemalloc.start()
        map_scores(path, tmp_path / "out", normalizer.apply)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        expected = normalizer.apply(read_scores(path))
        found = read_scores(tmp_path / "out")
        assert list(found.tests) == list(expected.tests)
        np.testing.assert_allclose(found.values, expected.values, rtol=1e-8)
    assert peaks[1] < 1.2 * peaks[0]
