"""Kaldi's numbers, lists and matrices: what is written comes back, and bytes that are none are refused."""

import kaldiio
import numpy as np
import pytest

from gmmspeech.errors import DataError
from gmmspeech.formats.kaldi.objects import Reader, Writer, read_array_file


@pytest.mark.parametrize("binary", [True, False])
def test_everything_comes_back(tmp_path, binary):
    path, rng = tmp_path / "objects", np.random.default_rng(0)
    square = rng.normal(size=(3, 3))
    symmetric, matrix, row = square + square.T, rng.normal(size=(2, 3)), np.float32([1.5, -2.5])
    writer = Writer(binary=binary)
    writer.token("<A>", "<B>", end="\n")
    writer.integer(7, -1)
    writer.integer(8, unsigned=True)
    writer.real(0.1)
    writer.real(0.1, double=True)
    writer.integers([3, 1, 2])
    writer.integers([])
    writer.array(matrix)
    writer.array(row)
    writer.symmetric(symmetric)
    writer.save(path)
    reader = Reader(path, "objects")
    assert reader.token() == "<A>"
    assert reader.comes("<B>")
    assert reader.angles() == "B"
    assert [reader.integer() for _ in range(3)] == [7, -1, 8]
    assert reader.real() == pytest.approx(0.1, rel=1e-7)
    assert reader.real() == 0.1
    assert (reader.integers(), reader.integers()) == ([3, 1, 2], [])
    assert np.array_equal(reader.named_array("matrix", 2), matrix)
    assert np.array_equal(reader.named_array("row", 1), row)
    assert np.array_equal(reader.symmetric("half"), symmetric)
    reader.end()
    content = path.read_bytes()
    for length in range(0, len(content) - 1, 5):
        path.write_bytes(content[:length])
        cut = Reader(path, "objects")
        with pytest.raises(DataError, match="objects: "):  # noqa: PT012
            cut.expect("<A>")
            cut.expect("<B>")
            [cut.integer() for _ in range(3)], cut.real(), cut.real(), cut.integers(), cut.integers()
            cut.named_array("matrix", 2), cut.named_array("row", 1), cut.symmetric("half")


def test_matrices_are_kaldis(tmp_path):
    path = tmp_path / "final.mat"
    matrix = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    for text in (False, True):
        kaldiio.save_mat(str(path), matrix) if not text else path.write_text(" [\n  0 1 2 \n  3 4 5 ]\n")
        assert np.array_equal(read_array_file(path, "a matrix"), matrix)
    writer = Writer()
    writer.array(matrix)
    writer.save(path)
    assert np.array_equal(kaldiio.load_mat(str(path)), matrix)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(DataError, match=r"final.mat: found .*more.*expected the end"):
        read_array_file(path, "a matrix")
    path.write_text(" [ 1 nan ]\n")
    with pytest.raises(DataError, match="not finite"):
        read_array_file(path, "a matrix")
