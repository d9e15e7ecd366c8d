"""Parsers of text on any text, and on text that is nearly right: an object, or one line that names the file."""

from __future__ import annotations

from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from fuzz.verdicts import GOOD, examine
from hypothesis import given

import gmmspeech as gs
from gmmspeech.features.conf_files import read_kaldi_vad
from gmmspeech.formats.dictionary import read_dictionary
from gmmspeech.formats.kaldi.models import read_gselect
from gmmspeech.formats.labels.labels import read_labels
from gmmspeech.formats.labels.tiers import read_tiers
from gmmspeech.formats.mmf import read_mmf
from gmmspeech.formats.trials import read_speakers
from gmmspeech.gmm.mixture import DiagonalGMM

NUMBERS = st.one_of(
    st.integers(-3, 9).map(str),
    st.floats().map(str),
    st.sampled_from(["1_0", "٣", "1e999", "0x10", "1e-3", "00", "+1", "1.", ".5", "9" * 400, "1e+5", "-0"]),
)
WORDS = st.one_of(
    st.sampled_from(
        ["a", "ann", "target", "nontarget", "AA", "SIL", "é", "#", ";;;", '"', "'", ".", "<MEAN>", "~h", "=", "[", "]"]
    ),
    st.text(max_size=4),
)
BLANKS = st.sampled_from([" ", " ", " ", "\t", "  ", "\u00a0", "\u2028", "\x0b", "\x1c"])
ENDS = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r", "", "\n\n"])


@st.composite
def lines(draw: st.DrawFn, heads: tuple[str, ...] = ("",)) -> str:
    """Lines of words and numbers, with all sorts of blanks and line ends, perhaps behind a head that is right."""
    text = draw(st.sampled_from(heads))
    for _ in range(draw(st.integers(0, 4))):
        for _ in range(draw(st.integers(0, 5))):
            text += draw(st.one_of(WORDS, NUMBERS)) + draw(BLANKS)
        text = text.rstrip(" ") + draw(ENDS)
    return text


READERS = {
    "utt2spk": (lambda path: read_speakers([path]), ("", "u1 ann\n")),
    "spk2utt": (gs.read_list_map, ("", "ann u1 u2\n")),
    "trials": (gs.read_trials, ("", "ann u1 target\n", "ann u1\n")),
    "scores": (gs.read_scores, ("", "ann u1 0.5\n")),
    "words.dict": (read_dictionary, ("", "ONE W AH N\n", ";;; x\n")),
    "a.ctm": (read_labels, ("", "u1 1 0.0 0.5 AA\n", ";; x\n")),
    "a.mlf": (read_labels, ("#!MLF!#\n", '#!MLF!#\n"*/u1.lab"\n0 100000 AA\n')),
    "a.lab": (read_labels, ("", "0 100000 AA\n")),
    "a.phn": (read_labels, ("", "0 100 aa\n")),
    "a.txt": (read_labels, ("", "0.0\t0.5\tAA\n")),
    "a.TextGrid": (
        read_labels,
        ('File type = "ooTextFile"\nObject class = "TextGrid"\n\n0 1 <exists> 1\n"IntervalTier" "a" 0 1 1\n0 1 "x"\n',),
    ),
    "a.csv": (
        read_tiers,
        ("Begin,End,Label,Type,Speaker\n0,0.5,AA,phones,ann\n", "file,speaker,begin,end,label,tier\na,ann,"),
    ),
    "a.json": (
        read_tiers,
        ('{"tiers": {"phones": {"entries": [[0, ', '{"tiers": {"phones": {"entries": [[0, 1, "AA"]]}}}'),
    ),
    "mfcc.conf": (gs.FrontEnd.from_kaldi_conf, ("", "--num-ceps=13\n", "--sample-frequency=8000\n--low-freq=")),
    "vad.conf": (read_kaldi_vad, ("", "--vad-frames-context=")),
    "hcopy.conf": (
        gs.FrontEnd.from_htk_conf,
        ("", "TARGETKIND = MFCC_0\nTARGETRATE = 1e5\nSOURCERATE = 625\nNUMCEPS = "),
    ),
    "front.toml": (gs.FrontEnd.from_toml, ("", "[features]\n", "sample_frequency = 8000\n[features]\nnum_ceps = ")),
    "gselect": (read_gselect, ("", "u1 1 2 ; 2 1 ; \n")),
    "a.mmf": (read_mmf, ("~o <VECSIZE> 1\n", '~h "a"\n<BEGINHMM> <NUMSTATES> 3 <STATE> 2 <MEAN> 1 ')),
    "final.txt": (gs.load, ("<DiagGMM> ", "<DiagGMM>\n<WEIGHTS>  [ 1 ]\n<MEANS_INVVARS>  [\n  0 ]\n<INV_VARS>  [\n  ")),
    "f.ark": (lambda path: dict(gs.FeatureStore(f"ark:{path}")), ("u1  [\n  1 2\n  3 4 ]\n", "u1  [\n ")),
}


@pytest.mark.parametrize("name", READERS)
def test_any_text(name, tmp_path_factory):
    read, heads = READERS[name]
    path = tmp_path_factory.mktemp("text") / name

    @given(lines(heads))
    def check(text: str) -> None:
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        judged = examine(lambda: read(path), [str(path), name])
        assert judged.verdict in GOOD, (judged, text)

    check()


@pytest.mark.parametrize("score", ["INF", "-inf", "+Infinity"])
def test_infinite_scores_make_sense(tmp_path, score):
    path = tmp_path / "scores"
    path.write_text(f"a a {score}\n")
    assert examine(lambda: gs.read_scores(path), [str(path)]).verdict == "ok"
    wrong = examine(lambda: {"values": np.array([float(score)])}, [str(path)])
    assert wrong.verdict == "nonsense"  # as any other number would be


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=8)
ID = NAMES.filter(lambda name: "\ufeff" not in name and name not in ("-", "."))


@given(
    st.dictionaries(
        st.tuples(ID, ID), st.floats(allow_nan=False, width=32, allow_infinity=False), min_size=1, max_size=5
    )
)
def test_scores_come_back(tmp_path_factory, scores):
    path = tmp_path_factory.mktemp("scores") / "scores"
    models, tests = zip(*scores, strict=True)
    values = np.array(list(scores.values()))
    gs.write_scores(path, gs.Scores(models, tests, values))
    found = gs.read_scores(path)
    assert (tuple(found.models), tuple(found.tests)) == (models, tests)
    np.testing.assert_allclose(found.values, values, rtol=1e-8)


@given(
    st.lists(st.floats(0.01, 1), min_size=1, max_size=4),
    st.integers(1, 3),
    st.floats(-1e6, 1e6),
    st.floats(1e-6, 1e6),
)
def test_mixtures_come_back_from_text(tmp_path_factory, weights, dim, mean, variance):
    folder = tmp_path_factory.mktemp("mixtures")
    total = sum(weights)
    shape = len(weights), dim
    gmm = DiagonalGMM.from_parameters([w / total for w in weights], np.full(shape, mean), np.full(shape, variance))
    gs.formats.write_mmf(folder / "a.mmf", {"a": gmm})
    gs.formats.write_kaldi_gmm(folder / "a.txt", gmm, binary=False)
    for path in (Path(folder / "a.mmf"), Path(folder / "a.txt")):
        found = gs.load(path)
        assert found.means_ == pytest.approx(gmm.means_, rel=1e-5)
        assert found.covariances_ == pytest.approx(gmm.covariances_, rel=1e-5)
