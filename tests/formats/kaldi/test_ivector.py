"""Kaldi's i-vector extractors: golden i-vectors, numbers that come back, and what is wrong with bad ones."""

import kaldiio
import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.errors import DataError, ModelError
from gmmspeech.formats.kaldi.ivector import (
    read_kaldi_extractor,
    read_kaldi_posteriors,
    stats_of_posteriors,
    write_kaldi_extractor,
)
from gmmspeech.formats.kaldi.plda import read_kaldi_vectors
from gmmspeech.formats.loading import load
from gmmspeech.speaker.ivector import IVectorExtractor, train_ivector_extractor

RNG = np.random.default_rng(0)


def utterances():
    return [RNG.normal(RNG.normal(), 1, (30, 2)) for _ in range(8)]


def trained():
    said = utterances()
    ubm = gs.train_ubm(said, n_components=2)
    stats = [ubm.accumulate(x) for x in said]
    return ubm, stats, train_ivector_extractor(ubm, stats, rank=2, max_iter=2)


def test_ivectors_are_kaldis(golden):
    folder = golden / "kaldi_models/ivector"
    extractor = load(folder / "final.ie")
    posteriors = read_kaldi_posteriors(folder / "post.ark")
    expected = read_kaldi_vectors(folder / "ivectors.txt")
    for name, frames in kaldiio.load_ark(str(folder / "feats.ark")):
        found = extractor.extract([stats_of_posteriors(np.array(frames), posteriors[name], 128)])[0]
        np.testing.assert_allclose(found, expected[name], atol=1e-5)


def test_kaldis_extractor_comes_back(golden, tmp_path):
    extractor = read_kaldi_extractor(golden / "kaldi_models/ivector/final.ie")
    write_kaldi_extractor(tmp_path / "final.ie", extractor)
    again = read_kaldi_extractor(tmp_path / "final.ie")
    for name in ("weights", "means", "matrix"):
        assert np.array_equal(getattr(again, name), getattr(extractor, name))
    np.testing.assert_allclose(again.whitening, extractor.whitening, atol=1e-12)
    extractor.save(tmp_path / "a.h5")
    assert load(tmp_path / "a.h5").digest == extractor.digest


@pytest.mark.parametrize("binary", [True, False])
def test_ours_have_a_dimension_more_there(tmp_path, binary):
    _, stats, extractor = trained()
    write_kaldi_extractor(tmp_path / "final.ie", extractor, binary=binary)
    again = read_kaldi_extractor(tmp_path / "final.ie")
    np.testing.assert_allclose(again.means, extractor.means, rtol=1e-9)
    found = again.extract(stats)
    assert np.abs(found[:, 0]).max() < 1e-2
    np.testing.assert_allclose(found[:, 1:], extractor.extract(stats), atol=1e-5)


def test_full_covariances_are_as_of_whitened_frames():
    ubm, stats, extractor = trained()
    turn = np.linalg.qr(RNG.normal(size=(2, 2)))[0] * [2.0, 0.5]
    # the same model in other coordinates, x = turn y, where covariances are full
    whitening = np.stack([np.diag(1 / np.sqrt(v)) @ np.linalg.inv(turn) for v in extractor.variances])
    diagonals = np.stack([np.diagonal(turn @ np.diag(v) @ turn.T) for v in extractor.variances])
    means, matrix = extractor.means @ turn.T, turn @ extractor.matrix
    turned = IVectorExtractor(extractor.weights, means, diagonals, matrix, whitening=whitening)
    moved = [gs.gmm.GMMStats(s.n, s.sum_x @ turn.T, s.sum_xx, 0.0, s.num_frames) for s in stats]
    for fast in (False, True):
        np.testing.assert_allclose(turned.extract(moved, fast=fast), extractor.extract(stats, fast=fast), rtol=1e-9)
    with pytest.raises(ModelError, match="full covariances"):
        train_ivector_extractor(ubm, stats, rank=2, init=turned)
    with pytest.raises(ModelError, match="whitening of shape"):
        IVectorExtractor(extractor.weights, means, diagonals, matrix, whitening=whitening[:1])


def test_posteriors_in_text(tmp_path):
    path = tmp_path / "post"
    path.write_text("u1 [ 3 0.75 1 0.25 ] [ ] [ 3 1 ] \n")
    assert read_kaldi_posteriors(path) == {"u1": [[(3, 0.75), (1, 0.25)], [], [(3, 1.0)]]}
    for text, match in (
        ("u1 [ 3 0.75 1 ]\n", "expected . component posterior"),
        ("u1 [ 3 0.75", "cut short"),
        ("u1 [ 3 x ]\n", "could not convert"),
        ("", "found no utterance"),
        ("u1 [ 3 1 ]\nu1 [ 3 1 ]\n", "u1: found it twice"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=f"post: .*{match}"):
            read_kaldi_posteriors(path)
    with pytest.raises(DataError, match="found 1 frame, expected 2"):
        stats_of_posteriors(np.ones((2, 1)), [[(0, 1.0)]], 1)
    with pytest.raises(DataError, match="found component 1, expected 0 to 0"):
        stats_of_posteriors(np.ones((1, 1)), [[(1, 1.0)]], 1)


def test_bad_extractors(tmp_path):
    path = tmp_path / "final.ie"
    write_kaldi_extractor(path, trained()[2], binary=False)
    text = path.read_text()
    for old, new, match in (
        ("<M> 2", "<M> 3", "found 3 components with 2 weights"),
        ("<w>  [ ]", "<w>  [ \n 1 ]", "weights that depend on the i-vector"),
        ("<SigmaInv>", "<Sigma>", "expected <SigmaInv>"),
        ("</IvectorExtractor>", "", "cut short"),
        ("<IvectorOffset> 10000.0", "<IvectorOffset> x", "expected a number"),
    ):
        assert old in text
        path.write_text(text.replace(old, new))
        with pytest.raises(DataError, match=f"final.ie: .*{match}"):
            load(path)
    start = text.index("<SigmaInv>")
    body = text[start : text.index("]", start)]
    path.write_text(text.replace(body, "<SigmaInv>  [\n  1.0 \n  9.0 1.0 "))
    with pytest.raises(DataError, match=r"final.ie: SigmaInv: .*positive definite"):
        load(path)
