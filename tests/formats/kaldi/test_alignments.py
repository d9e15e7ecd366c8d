"""Kaldi's alignments: the golden ones, read, found again and written; and what is wrong with bad ones."""

import kaldiio
import numpy as np
import pytest

from gmmspeech.errors import DataError
from gmmspeech.formats.dictionary import read_dictionary
from gmmspeech.formats.kaldi.alignments import (
    kaldi_alignment,
    phones_of_kaldi_alignment,
    read_kaldi_alignments,
    write_kaldi_alignments,
)
from gmmspeech.formats.kaldi.hmm import read_kaldi_hmm
from gmmspeech.formats.labels.lines import read_ctm
from gmmspeech.phones.decoding.alignment import align
from gmmspeech.phones.decoding.boundaries import Chain
from gmmspeech.phones.hmm.graph import utterance_graph
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.trellis import Transitions

LOST = "1688-142285-0005"  # whose best path Kaldi's beam of 10 has lost
SCALE = 0.1


def pruned(graph, emissions, transitions, beam):
    """Nodes of the best path, where what falls behind by the beam is given up in every frame, as Kaldi does."""
    count = graph.num_nodes
    ways = [[(n, transitions.stay[graph.state[n]])] for n in range(count)]
    for n in np.flatnonzero(graph.chained):
        ways[n].append((n - 1, transitions.leave[graph.state[n - 1]]))
    for a, b, p in zip(graph.source, graph.target, graph.weight, strict=True):
        ways[b].append((a, p + transitions.leave[graph.state[a]]))
    width = max(map(len, ways))
    source = np.array([[a for a, _ in way] + [0] * (width - len(way)) for way in ways])
    cost = np.array([[p for _, p in way] + [-np.inf] * (width - len(way)) for way in ways])
    score, back = graph.initial + emissions[0, graph.state], []
    for row in emissions[1:]:
        score = np.where(score < score.max() - beam, -np.inf, score)
        found = score[source] + cost
        back.append(source[np.arange(count), found.argmax(1)])
        score = found.max(1) + row[graph.state]
    nodes = [int((score + graph.final + transitions.leave[graph.state]).argmax())]
    for row in reversed(back):
        nodes.append(int(row[nodes[-1]]))
    return np.array(nodes[::-1])


@pytest.fixture
def mono(golden):
    folder = golden / "kaldi_models/mono"
    text = {line.split()[0]: line.split()[1:] for line in (folder / "text").read_text().splitlines()}
    frames = {name: np.array(x) for name, x in kaldiio.load_ark(str(folder / "feats.ark"))}
    return folder, read_kaldi_hmm(folder / "final.mdl"), read_dictionary(folder / "lexicon.txt"), text, frames


def test_the_path_is_kaldis(mono, tmp_path):
    folder, model, dictionary, text, frames = mono
    expected = read_kaldi_alignments(folder / "ali.ark")
    scales = {"acoustic_scale": SCALE, "self_loop_scale": SCALE}
    found = align(model, frames, text, dictionary, refine=False, **scales).alignments
    ours = {name: kaldi_alignment(model, alignment.chain) for name, alignment in found.items()}
    for name in expected:
        if name != LOST:
            assert np.array_equal(ours[name], expected[name])
    # of the one that Kaldi's beam lost, ours is better; within that beam, it is the same
    transitions = Transitions.of(model.self_loop).scaled(SCALE)
    graph = utterance_graph(model, text[LOST], dictionary)
    emissions = SCALE * model.log_likelihoods(frames[LOST])
    narrow = pruned(graph, emissions, transitions, beam=10)
    assert np.array_equal(kaldi_alignment(model, Chain.of(narrow, graph.state[narrow])), expected[LOST])
    wide = pruned(graph, emissions, transitions, beam=np.inf)
    assert np.array_equal(kaldi_alignment(model, Chain.of(wide, graph.state[wide])), ours[LOST])
    # as Kaldi searches: all paths of all utterances
    found = align(model, frames, text, dictionary, refine=False, beam=10, **scales).alignments
    for name in expected:
        assert np.array_equal(kaldi_alignment(model, found[name].chain), expected[name])
    for text_form in (True, False):
        write_kaldi_alignments(tmp_path / "ali", expected, text=text_form)
        name = "ali.txt" if text_form else "ali.ark"
        written, original = ((place).read_bytes() for place in (tmp_path / "ali", folder / name))
        assert written.replace(b" \n", b"\n") == original if text_form else written == original


def test_phones_are_kaldis(mono):
    folder, model, *_ = mono
    theirs, text = (read_kaldi_alignments(folder / name) for name in ("ali.ark", "ali.txt"))
    expected = read_ctm(folder / "phones.ctm")
    for name, transitions in theirs.items():
        assert np.array_equal(transitions, text[name])
        found = phones_of_kaldi_alignment(model, transitions, times="start")
        assert [label.name for label in found] == [label.name for label in expected[name]]
        np.testing.assert_allclose([label[:2] for label in found], [label[:2] for label in expected[name]], atol=1e-9)


def test_bad_alignments(tmp_path):
    path = tmp_path / "ali.ark"
    write_kaldi_alignments(path, {"u1": [1, 2, 3], "u2": []})
    assert read_kaldi_alignments(path)["u2"].shape == (0,)
    content = path.read_bytes()
    path.write_bytes(b"u1 1\nu2\nu3\t4\nu4\n")  # no number behind an id, and a tab, as Kaldi takes them
    assert {name: row.tolist() for name, row in read_kaldi_alignments(path).items()} == {
        **{"u1": [1], "u2": []},
        **{"u3": [4], "u4": []},
    }
    for bad, match in {
        content[:18]: "u1: found .* cut short",
        b"u1 1 2 x\n": "u1: found x",
        b"u1 1 2": "u1: found no end of the line",
        b"u1 1\nu1 1\n": "u1: found it twice",
        content.replace(b"\0B\4\3", b"\0B\10\3"): "u1: found .*32 bits",
        b"": "found no utterance",
        b"u1 99999999999\n": "u1: found 99999999999",
        b"u1 \xda\n": "u1: found .*, expected a line of text",
    }.items():
        path.write_bytes(bad)
        with pytest.raises(DataError, match=f"ali.ark: .*{match}"):
            read_kaldi_alignments(path)
    for name, numbers in (("a b", [1]), ("u", [0.5]), ("u", [[1]]), ("u", [2**31])):
        with pytest.raises(DataError, match="can't hold"):
            write_kaldi_alignments(path, {name: numbers})
    model = PhoneHMM.from_phones(["SIL"], mean=[0.0], variance=[1.0])
    for numbers, match in (
        ([0], "found 0 in frame 0, .*from 1 to 6"),
        ([1, 7], "found 7 in frame 1, "),
        ([1, 2], "no beginning"),
        ([], "no beginning"),
    ):
        with pytest.raises(DataError, match=match):
            phones_of_kaldi_alignment(model, np.array(numbers, int))
    model = PhoneHMM.from_phones(["SIL", "AA"], mean=[0.0], variance=[1.0])
    with pytest.raises(DataError, match="found phone AA in frame 1 without its beginning"):
        phones_of_kaldi_alignment(model, [2, 9])
    with pytest.raises(DataError, match="found state 3 behind it"):
        kaldi_alignment(model, Chain(np.array([0, 2]), np.array([0, 1]), 2))
