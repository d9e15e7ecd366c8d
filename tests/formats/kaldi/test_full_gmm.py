"""Kaldi's mixtures of full covariance: golden files, numbers that come back, and what is wrong with bad ones."""

import kaldiio
import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from gmmspeech.errors import DataError
from gmmspeech.formats.kaldi.full_gmm import read_kaldi_full_gmm, write_kaldi_full_gmm
from gmmspeech.formats.loading import load
from gmmspeech.gmm.full import GMM


def test_full_mixtures(golden):
    folder = golden / "kaldi_models/ivector"
    full, diagonal = load(folder / "final.ubm"), load(folder / "final.dubm")
    assert full.covariances_.shape == (128, 60, 60)
    frames = np.array(next(iter(kaldiio.load_ark(str(folder / "feats.ark"))))[1], np.float64)[:20]
    expected = logsumexp(
        [
            np.log(weight) + multivariate_normal(mean, covariance).logpdf(frames)
            for weight, mean, covariance in zip(full.weights_, full.means_, full.covariances_, strict=True)
        ],
        axis=0,
    )
    np.testing.assert_allclose(full.score_samples(frames), expected, rtol=1e-5)
    np.testing.assert_allclose(
        full.score_samples(frames), diagonal.score_samples(frames), rtol=1e-5
    )  # the same mixture


def parts(content):
    """Constants of a binary file, and the bytes of all that is not computed of it."""
    at, end = content.index(b"<GCONSTS> ") + 18, content.index(b"<WEIGHTS> ")
    return np.frombuffer(content[at:end], "<f4"), content[:at], content[end:]


def test_kaldis_mixture_keeps_its_bits(golden, tmp_path):
    original = golden / "kaldi_models/ivector/final.ubm"
    gmm = load(original)
    gmm.save(tmp_path / "a.h5")
    write_kaldi_full_gmm(tmp_path / "text", gmm, binary=False)
    constants, *expected = parts(original.read_bytes())
    for again in (gmm, load(tmp_path / "a.h5"), load(tmp_path / "text")):
        write_kaldi_full_gmm(tmp_path / "again", again)
        found, *rest = parts((tmp_path / "again").read_bytes())
        assert rest == expected
        np.testing.assert_allclose(found, constants, rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "covariances"),
    [("tied", [[2.0, 0.5], [0.5, 1.0]]), ("diag", [[2.0, 1.0], [1.0, 4.0]]), ("spherical", [2.0, 1.0])],
)
def test_covariances_of_other_types_are_written_in_full(tmp_path, kind, covariances):
    gmm = GMM.from_parameters([0.25, 0.75], [[1.0, 2.0], [3.0, 4.0]], covariances, covariance_type=kind)
    frames = np.random.default_rng(0).normal(size=(5, 2))
    for binary in (True, False):
        write_kaldi_full_gmm(tmp_path / "final.ubm", gmm, binary=binary)
        again = read_kaldi_full_gmm(tmp_path / "final.ubm")
        np.testing.assert_allclose(again.score_samples(frames), gmm.score_samples(frames), rtol=1e-5)


def test_numbers_beyond_float32(tmp_path):
    gmm = GMM.from_parameters([1.0], [[0.0]], [[[1e-40]]])
    with pytest.raises(DataError, match=r"final\.ubm: INV_COVARS: found numbers beyond float32"):
        write_kaldi_full_gmm(tmp_path / "final.ubm", gmm)
    assert not list(tmp_path.iterdir())
