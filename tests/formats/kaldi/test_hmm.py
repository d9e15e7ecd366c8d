"""Kaldi's acoustic models: golden likelihoods, numbers that come back, and what is wrong with bad ones."""

import dataclasses

import kaldiio
import numpy as np
import pytest

from gmmspeech.errors import DataError
from gmmspeech.formats.kaldi.hmm import read_kaldi_hmm, write_kaldi_hmm
from gmmspeech.formats.kaldi.objects import Reader
from gmmspeech.formats.loading import load
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.tree import ContextTree

RNG = np.random.default_rng(0)


def triphones():
    """SIL of one state, two phones of two states, one of which depends on its neighbors; a mixture of 1 to 3 each."""
    tree = ContextTree(
        questions=[[False, True, False], [True, False, True]],
        root_offsets=[0, 1, 3, 5],
        roots=[0, 1, 4, 5, 6],
        question=[-1, 1, -1, -1, -1, -1, 0, -1, 1, -1, -1],
        right=np.array([0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0], bool),
        yes=[-1, 2, -1, -1, -1, -1, 7, -1, 9, -1, -1],
        no=[-1, 3, -1, -1, -1, -1, 8, -1, 10, -1, -1],
        state=[0, -1, 1, 2, 3, 4, -1, 5, -1, 6, 7],
    )
    offsets = np.array([0, 1, 4, 6, 7, 8, 9, 11, 12])
    weights = RNG.random(12)
    return PhoneHMM(
        phones=("SIL", "A", "B"),
        state_offsets=[0, 1, 4, 8],
        self_loop=RNG.uniform(0.3, 0.9, 8),
        mixture_offsets=offsets,
        weights=weights / np.repeat(np.add.reduceat(weights, offsets[:-1]), np.diff(offsets)),
        means=RNG.normal(size=(12, 4)),
        variances=RNG.uniform(0.5, 2, (12, 4)),
        tree=tree,
    )


@pytest.mark.parametrize("name", ["final.mdl", "final.txt"])
def test_log_likelihoods_are_kaldis(golden, name):
    folder = golden / "kaldi_models/mono"
    model = load(folder / name)
    frames = dict(kaldiio.load_ark(str(folder / "feats.ark")))
    for utterance, expected in kaldiio.load_ark(str(folder / "likes.ark")):
        np.testing.assert_allclose(model.log_likelihoods(frames[utterance])[:, np.argsort(model.pdfs)], expected, 1e-4)


@pytest.mark.parametrize("binary", [True, False])
def test_what_is_written_is_read_back(golden, tmp_path, binary):
    folder = golden / "kaldi_models/mono"
    model = read_kaldi_hmm(folder / "final.mdl")
    write_kaldi_hmm(tmp_path / "first", model, binary=binary)
    again = read_kaldi_hmm(tmp_path / "first/final.mdl")
    write_kaldi_hmm(tmp_path / "second", again, binary=binary)
    for name in ("final.mdl", "tree", "phones.txt"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    for field in ("weights", "means", "variances", "self_loop", "pdfs"):
        np.testing.assert_allclose(getattr(again, field), getattr(model, field), rtol=3e-7)
    np.testing.assert_allclose(again.topology.probability, model.topology.probability, rtol=1e-6)
    assert again.phones == model.phones
    if binary:
        assert (tmp_path / "first/tree").read_bytes() == (folder / "tree").read_bytes()
        assert (tmp_path / "first/final.mdl").read_bytes() == (folder / "final.mdl").read_bytes()
        assert np.array_equal(again.means, model.means)


def test_kaldis_topology_comes_back(golden, tmp_path):
    folder = golden / "kaldi_models/mono"
    write_kaldi_hmm(tmp_path, read_kaldi_hmm(folder / "final.mdl"), binary=False)
    ours, theirs = (
        (place).read_text().split("<Triples>")[0] for place in (tmp_path / "final.mdl", folder / "final.txt")
    )
    assert ours.split() == theirs.split()
    first, second = (Reader(place / "final.mdl", "a model") for place in (tmp_path, folder))
    assert (first.binary, second.binary) == (False, True)


@pytest.mark.parametrize("binary", [True, False])
def test_triphones_come_back(tmp_path, binary):
    model, x = triphones(), RNG.normal(size=(9, 4))
    write_kaldi_hmm(tmp_path, model, binary=binary)
    again = read_kaldi_hmm(tmp_path / "final.mdl")
    ours, theirs = model.log_likelihoods(x), again.log_likelihoods(x)
    for phone in range(3):
        for left in range(3):
            for right in range(3):
                here, there = (m.tree.states(phone, left, right) for m in (model, again))
                np.testing.assert_allclose(ours[:, here], theirs[:, there], rtol=1e-5)
                np.testing.assert_allclose(model.self_loop[here], again.self_loop[there], rtol=1e-6)
    again.save(tmp_path / "hmm.h5")
    write_kaldi_hmm(tmp_path / "again", load(tmp_path / "hmm.h5"), binary=binary)
    assert (tmp_path / "again/final.mdl").read_bytes() == (tmp_path / "final.mdl").read_bytes()


def test_shared_mixtures_and_new_tuples(tmp_path):
    model = PhoneHMM.from_phones(["SIL", "A_B", "A_E"], mean=[0.0, 1.0], variance=[1.0, 2.0], num_states=1)
    shared = dataclasses.replace(model, pdfs=[1, 0, 0])
    write_kaldi_hmm(tmp_path, shared, binary=False)
    text = (tmp_path / "final.mdl").read_text()
    assert text.count("<DiagGMM>") == 2
    assert "<Triples> 3 \n1 0 1 \n2 0 0 \n3 0 0 \n</Triples>" in text
    assert read_kaldi_hmm(tmp_path / "final.mdl").pdfs.tolist() == [1, 0, 0]
    newer = text.replace("1 0 1 \n2 0 0 \n3 0 0 \n", "1 0 1 1 \n2 0 0 0 \n3 0 0 0 \n").replace("Triples", "Tuples")
    newer = newer.replace("<PdfClass> 0", "<ForwardPdfClass> 0 <SelfLoopPdfClass> 0")
    (tmp_path / "final.mdl").write_text(newer)
    assert read_kaldi_hmm(tmp_path / "final.mdl").pdfs.tolist() == [1, 0, 0]
    changed = dataclasses.replace(shared, means=[[0.0, 1.0], [0.0, 1.0], [0.0, 1.5]])
    write_kaldi_hmm(tmp_path, changed, binary=False)  # no longer the same: each has its own
    assert (tmp_path / "final.mdl").read_text().count("<DiagGMM>") == 3


def test_bad_models(tmp_path):
    model = PhoneHMM.from_phones(["SIL", "A"], mean=[0.0], variance=[1.0], num_states=2)
    write_kaldi_hmm(tmp_path, model, binary=False)
    path = tmp_path / "final.mdl"
    text = path.read_text()
    cases = {
        "found phone|found no mixture of phone A": text.replace("2 1 3 \n", "2 0 3 \n").replace(
            "<Triples> 4", "<Triples> 4"
        ),
        "found mixtures .*expected the tree": text.replace("2 1 3 \n", "2 1 2 \n"),
        "found 1 mixture|found 3 mixtures": text.replace("<NUMPDFS> 4", "<NUMPDFS> 3").rsplit("<DiagGMM>", 1)[0],
        "mixture 0: found 1 dimension, expected 2": text.replace("<DIMENSION> 1", "<DIMENSION> 2"),
        "mixture 0: found weights that sum to 2": text.replace("<WEIGHTS>  [ 1.0 ]", "<WEIGHTS>  [ 2.0 ]", 1),
        "found state 0 of phone 1 with 0 self-loops": text.replace(
            "<State> 0 <PdfClass> 0 <Transition> 0 0.75", "<State> 0 <PdfClass> 0 <Transition> 1 0.75", 1
        ).replace("<Transition> 1 0.75 <Transition> 1 0.25", "<Transition> 1 0.75 <Transition> 2 0.25"),
        "without one last state": text.replace("<PdfClass> 1", ""),
        "found ways": text.replace("<Transition> 1 0.75 <Transition> 2", "<Transition> 2 0.75 <Transition> 1"),
        "found 9 log probabilit": text.replace("<Triples> 4", "<Triples> 3").replace("2 1 3 \n", ""),
        "found <Trans> in a state": text.replace("<Transition>", "<Trans>"),
        "classes .0, 1. for one state": text.replace("<PdfClass> 0", "<ForwardPdfClass> 0 <SelfLoopPdfClass> 1"),
        "LogProbs: found": text.replace("<LogProbs> \n [", "<LogProbs> \n [ x"),
        "cut short": text[: len(text) // 2],
    }
    for match, content in cases.items():
        path.write_text(content)
        with pytest.raises(DataError, match=match) as caught:
            load(path)
        assert "\n" not in str(caught.value)
        assert str(tmp_path) in str(caught.value)


def test_what_lies_beside(tmp_path):
    model = PhoneHMM.from_phones(["sil", "A"], mean=[0.0], variance=[1.0], silence="sil")
    write_kaldi_hmm(tmp_path, model)
    assert read_kaldi_hmm(tmp_path / "final.mdl").silence == "sil"
    (tmp_path / "tree").unlink()  # which tells nothing where phones are the same everywhere
    assert read_kaldi_hmm(tmp_path / "final.mdl").num_states == 6
    (tmp_path / "phones.txt").write_text("<eps> 0\nQ 1\nA 2\n#0 3\n")
    with pytest.raises(DataError, match="found none of Q A called as silence is"):
        read_kaldi_hmm(tmp_path / "final.mdl")
    assert read_kaldi_hmm(tmp_path / "final.mdl", silence="Q").silence == "Q"
    (tmp_path / "phones.txt").write_text("<eps> 0\nsil 1\n")
    with pytest.raises(DataError, match=r"phones.txt: found no name for phone 2"):
        load(tmp_path / "final.mdl")
    (tmp_path / "phones.txt").unlink()
    with pytest.raises(DataError, match=r"phones.txt: can't be read"):
        load(tmp_path / "final.mdl")
    write_kaldi_hmm(tmp_path / "tri", triphones())
    (tmp_path / "tri/tree").unlink()
    with pytest.raises(DataError, match=r"tree: can't be read"):
        load(tmp_path / "tri/final.mdl")
    internal = dataclasses.replace(triphones(), tree=dataclasses.replace(triphones().tree, word_internal=True))
    with pytest.raises(DataError, match="word-internal"):
        write_kaldi_hmm(tmp_path / "none", internal)
    assert not (tmp_path / "none").exists()
