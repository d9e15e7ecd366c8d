"""Kaldi's PLDA: golden scores, numbers that come back, and what is wrong with bad ones."""

import shutil

import kaldiio
import numpy as np
import pytest

from gmmspeech.errors import DataError, GmmSpeechWarning
from gmmspeech.formats.kaldi.folder import write_kaldi_matrix
from gmmspeech.formats.kaldi.objects import Reader
from gmmspeech.formats.kaldi.plda import (
    read_kaldi_backend,
    read_kaldi_plda,
    read_kaldi_vectors,
    write_kaldi_backend,
    write_kaldi_plda,
    write_kaldi_vectors,
)
from gmmspeech.formats.loading import load
from gmmspeech.speaker.backend import BackEnd, train_backend
from gmmspeech.speaker.plda import PLDA


def model(dim=3, rank=3, seed=0):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(dim, dim))
    return PLDA(rng.normal(size=dim), rng.normal(size=(dim, rank)), root @ root.T + np.eye(dim))


def test_scores_are_kaldis(golden, recwarn):
    folder = golden / "kaldi_models/plda"
    backend = load(folder / "plda")
    assert not recwarn.list
    vectors = read_kaldi_vectors(f"ark:{folder}/ivectors.ark")
    transformed = dict(zip(vectors, backend.transform(np.stack(list(vectors.values()))), strict=True))
    enrolled = dict(line.split() for line in (folder / "enroll").read_text().splitlines())
    counts = [int(line.split()[1]) for line in (folder / "num_utts").read_text().splitlines()]
    trials = [line.split() for line in (folder / "scores").read_text().splitlines()]
    tests = list(dict.fromkeys(test for _, test, _ in trials))
    rows, columns = (np.stack([transformed[name] for name in names]) for names in (enrolled.values(), tests))
    scores = backend.score(rows, columns, sessions=counts, normalize_length=True)
    row, column = ({name: i for i, name in enumerate(names)} for names in (enrolled, tests))
    found = [scores[row[claimed], column[test]] for claimed, test, _ in trials]
    np.testing.assert_allclose(found, [float(score) for *_, score in trials], atol=1e-3)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("rank", [1, 3])
def test_numbers_come_back(tmp_path, binary, rank):
    plda = model(rank=rank)
    write_kaldi_plda(tmp_path / "plda", plda, binary=binary)
    again = read_kaldi_plda(tmp_path / "plda")
    for name in ("mean", "within", "between"):
        np.testing.assert_allclose(getattr(again, name), getattr(plda, name), rtol=1e-9, atol=1e-12)
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 3)), rng.normal(size=(4, 3))
    for options in ({}, {"normalize_length": True, "sessions": [1, 3]}):
        np.testing.assert_allclose(again.score(x, y, **options), plda.score(x, y, **options), rtol=1e-8)


def test_lengths_are_those_that_the_model_expects():
    plda, rng = model(), np.random.default_rng(2)
    transform, psi = plda.diagonal
    x, y = rng.normal(size=(2, 3)), rng.normal(size=(4, 3))
    for i, n in enumerate((1, 4)):
        u, v = transform @ (x[i] - plda.mean), (y - plda.mean) @ transform.T
        u = u * np.sqrt(3 / (u**2 / (psi + 1 / n)).sum())
        v = v * np.sqrt(3 / (v**2 / (psi + 1)).sum(axis=1, keepdims=True))
        back = np.linalg.inv(transform)
        expected = plda.score([back @ u + plda.mean], v @ back.T + plda.mean, sessions=n)
        np.testing.assert_allclose(plda.score(x[i : i + 1], y, sessions=n, normalize_length=True), expected, rtol=1e-9)


def test_kaldis_numbers_come_back(golden, tmp_path):
    """Of the transform too, whose rows might be turned."""
    original = golden / "kaldi_models/plda/plda"
    write_kaldi_plda(tmp_path / "plda", read_kaldi_plda(original))
    for expected, found in zip(*(fields(path) for path in (original, tmp_path / "plda")), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def fields(path):
    reader = Reader(path, "PLDA")
    reader.expect("<Plda>")
    return [reader.named_array("field", ndim) for ndim in (1, 2, 1)]


@pytest.mark.parametrize("steps", [("center", "length"), ("center", "lda", "length"), ("whiten", "lda", "length")])
def test_back_ends_come_back(tmp_path, steps):
    rng = np.random.default_rng(0)
    speakers = np.repeat(np.arange(30), 4)
    x = 3 * rng.normal(size=(30, 4))[speakers] + rng.normal(size=(120, 4)) + 5
    backend = train_backend(x, speakers, steps=steps, lda_dim=2 if "lda" in steps else None)
    write_kaldi_backend(tmp_path / "plda", backend)
    again = read_kaldi_backend(tmp_path / "plda")
    scores = [b.score(b.transform(x[::4]), b.transform(x[1::4])) for b in (backend, again)]
    np.testing.assert_allclose(*scores, rtol=1e-4, atol=1e-4)
    write_kaldi_backend(tmp_path / "plda", again)
    np.testing.assert_allclose(read_kaldi_backend(tmp_path / "plda").plda.within, again.plda.within, rtol=1e-6)


def test_a_transform_with_an_offset(tmp_path):
    write_kaldi_plda(tmp_path / "plda", model(dim=2, rank=2))
    matrix, offset, mean = np.arange(6.0).reshape(2, 3), np.array([3.0, -1.0]), np.array([1.0, 2.0, 4.0])
    write_kaldi_matrix(tmp_path / "mean.vec", mean)
    write_kaldi_matrix(tmp_path / "transform.mat", np.c_[matrix, offset])
    expected = matrix @ (np.ones(3) - mean) + offset
    found = load(tmp_path / "plda").transform(np.ones((1, 3)))[0]
    np.testing.assert_allclose(found, np.sqrt(2) * expected / np.linalg.norm(expected), rtol=1e-6)


@pytest.mark.parametrize("text", [True, False])
def test_vectors(tmp_path, text):
    vectors = {"a": np.array([0.5, -1.25]), "b": np.array([1.0, 2.0])}
    write_kaldi_vectors(tmp_path / "v.ark", vectors, scp=tmp_path / "v.scp", text=text)
    for place in (f"ark:{tmp_path}/v.ark", f"scp:{tmp_path}/v.scp", tmp_path / "v.ark"):
        found = read_kaldi_vectors(place)
        assert list(found) == ["a", "b"]
        assert all(np.array_equal(found[name], vectors[name]) for name in vectors)
    for name, vector in kaldiio.load_scp(str(tmp_path / "v.scp")).items():
        assert np.array_equal(vector, vectors[name])


def test_without_a_mean_there_is_a_warning(golden, tmp_path):
    shutil.copy(golden / "kaldi_models/plda/plda", tmp_path)
    with pytest.warns(GmmSpeechWarning, match=r"plda: found no mean\.vec beside it, .*taken as they are"):
        backend = load(tmp_path / "plda")
    np.testing.assert_allclose(backend.transforms[0].mean, 0)


def test_bad_files(tmp_path, golden):
    path = tmp_path / "plda"
    write_kaldi_plda(path, model(), binary=False)
    text = path.read_text()
    cases = {
        "found <Bad>": text.replace("<Plda>", "<Bad>", 1),
        "cut short": text[:40],
        "transform: .*Singular|transform: ": "<Plda>  [ 1 1 ]\n [\n 1 1\n 1 1 ]\n [ 1 1 ]\n</Plda> ",
        "found mean, transform, psi of shapes": "<Plda>  [ 1 1 ]\n [\n 1 1\n 1 2 ]\n [ 1 -1 ]\n</Plda> ",
        "expected the end": text + "more",
    }
    for match, content in cases.items():
        path.write_text(content)
        with pytest.raises(DataError, match=f"plda: .*({match})"):
            read_kaldi_plda(path)
    write_kaldi_plda(path, model())
    write_kaldi_matrix(tmp_path / "mean.vec", np.ones(4))
    with pytest.raises(DataError, match="expected 3 rows, and columns as the mean has"):
        load(path)
    for backend, match in ((BackEnd(), "without PLDA"), (BackEnd((), model()), "0 steps to length 1")):
        with pytest.raises(DataError, match=match):
            write_kaldi_backend(path, backend)
    archive = tmp_path / "v.ark"
    for content, match in (
        ("a  [ 1 2 ]\nb  [ 1 ]\n", "utterance b: found 1 dimension, expected 2"),
        ("a  [ 1 nan ]\n", "utterance a: found numbers that are not finite"),
        ("a  [\n 1 2\n 3 4 ]\n", "utterance a: found shape .2, 2."),
        ("a  [ 1 2 \n", "utterance a: .*cut short"),
        ("", "found no utterance"),
    ):
        archive.write_text(content)
        with pytest.raises(DataError, match=f"v.ark: {match}"):
            read_kaldi_vectors(archive)
    for vectors in ({"a b": [1.0]}, {"a": [[1.0]]}, {"a": [1e60]}, {}):
        with pytest.raises(DataError, match=r"v.ark: "):
            write_kaldi_vectors(archive, vectors)
