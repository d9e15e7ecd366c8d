"""Files of others with bytes lost, changed or put in at random: they are read, or one line names the file."""

import h5py
import numpy as np
import pytest

from gmmspeech.errors import GmmSpeechError
from gmmspeech.formats.htk import read_htk, write_htk
from gmmspeech.formats.kaldi.alignments import read_kaldi_alignments, write_kaldi_alignments
from gmmspeech.formats.kaldi.ark import write_kaldi_ark
from gmmspeech.formats.kaldi.full_gmm import write_kaldi_full_gmm
from gmmspeech.formats.kaldi.hmm import write_kaldi_hmm
from gmmspeech.formats.kaldi.ivector import write_kaldi_extractor
from gmmspeech.formats.kaldi.models import read_gselect, write_gselect, write_kaldi_gmm
from gmmspeech.formats.kaldi.plda import read_kaldi_vectors, write_kaldi_plda, write_kaldi_vectors
from gmmspeech.formats.kaldi.tree import read_tree, write_tree
from gmmspeech.formats.loading import load
from gmmspeech.formats.mmf import read_mmf, write_mmf
from gmmspeech.gmm.full import GMM as FullGMM
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.speaker.ivector import IVectorExtractor
from gmmspeech.speaker.plda import PLDA
from gmmspeech.stores.features import FeatureStore

RNG = np.random.default_rng(0)
GMM = DiagonalGMM.from_parameters([0.25, 0.75], RNG.normal(size=(2, 3)), RNG.gamma(1, 1, (2, 3)))
FULL = FullGMM.from_parameters(*GMM.parameters(), covariance_type="diag")
EXTRACTOR = IVectorExtractor(GMM.weights_, GMM.means_, GMM.covariances_, RNG.normal(size=(2, 3, 2)))
FRAMES = {"u1": RNG.normal(size=(4, 3)), "u2": RNG.normal(size=(2, 3))}


def read_ark(path):
    with FeatureStore(f"ark:{path}") as store:
        return dict(store)


def write_sidekit(path):
    with h5py.File(path, "w") as file:
        file["w"], file["mu"], file["invcov"] = GMM.weights_, GMM.means_, 1 / GMM.covariances_


def write_hmm(path, *, binary=True):
    write_kaldi_hmm(path.parent, PhoneHMM.from_phones(["SIL", "A"], mean=[0.0], variance=[1.0]), binary=binary)
    (path.parent / "final.mdl").rename(path)


def write_tree_alone(path):
    write_tree(str(path), list(range(6)), [0, 3, 6], None)


FORMATS = {
    "final.mdl": (write_hmm, load),
    "final.mdl in text": (lambda path: write_hmm(path, binary=False), load),
    "tree": (write_tree_alone, read_tree),
    "plda": (lambda path: write_kaldi_plda(path, PLDA(np.ones(2), np.eye(2), np.eye(2))), load),
    "final.ie": (lambda path: write_kaldi_extractor(path, EXTRACTOR), load),
    "ivectors": (lambda path: write_kaldi_vectors(path, {"u": [1.0, 2.0], "v": [0.5, 1.0]}), read_kaldi_vectors),
    "ali": (lambda path: write_kaldi_alignments(path, {"u": [1, 2], "v": [3]}), read_kaldi_alignments),
    "DiagGmm": (lambda path: write_kaldi_gmm(path, GMM), load),
    "DiagGmm in text": (lambda path: write_kaldi_gmm(path, GMM, binary=False), load),
    "FullGmm": (lambda path: write_kaldi_full_gmm(path, FULL), load),
    "MMF": (lambda path: write_mmf(path, {"a": GMM, "b": GMM}), read_mmf),
    "gselect": (lambda path: write_gselect(path, {"u": [[1, 2], [2, 1]]}), read_gselect),
    "ark": (lambda path: write_kaldi_ark(path, FRAMES.items()), read_ark),
    "ark in text": (lambda path: write_kaldi_ark(path, FRAMES.items(), text=True), read_ark),
    "compressed ark": (lambda path: write_kaldi_ark(path, FRAMES.items(), compress=True), read_ark),
    "HTK": (lambda path: write_htk(path, FRAMES["u1"], kind="MFCC_E"), read_htk),
    "compressed HTK with CRC": (lambda path: write_htk(path, FRAMES["u1"], kind="MFCC_C_K"), read_htk),
    "SIDEKIT": (write_sidekit, load),
}


def damaged(good, rng):
    content = bytearray(good)
    at = rng.integers(len(content))
    way = rng.integers(4)
    if way == 0:
        return bytes(content[:at])
    if way == 1:
        content[at] = rng.integers(256)
    elif way == 2:
        content[at:at] = rng.bytes(rng.integers(1, 9))
    else:
        del content[at : at + rng.integers(1, 9)]
    return bytes(content)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", FORMATS)
def test_a_line_that_names_the_file(tmp_path, kind):
    write, read = FORMATS[kind]
    path = tmp_path / "the-file"
    write(path)
    read(path)
    good, rng, said = path.read_bytes(), np.random.default_rng(1), []
    for _ in range(50):
        path.write_bytes(damaged(good, rng))
        try:
            read(path)
        except GmmSpeechError as error:
            said.append(str(error))
    assert len(said) > 20
    assert [line for line in said if "the-file" not in line or "\n" in line] == []
