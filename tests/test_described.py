"""Objects say in a console and in a notebook what a person asks first."""

import dataclasses
import re
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.described import MOST_LETTERS
from gmmspeech.phones.decoding.alignment import AlignedCorpus, Alignment
from gmmspeech.phones.hmm.tree import ContextTree

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 3))
UBM = gs.train_ubm([X], n_components=2)
HMM = gs.phones.PhoneHMM.from_phones(["SIL", "AA"], mean=[0.0], variance=[1.0])


class Cells(HTMLParser):
    """The text of a page's cells, and whether its elements are closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.cells = [], []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] in (["td"], ["th"]):
            self.cells.append(data)


def cells(thing):
    parser = Cells()
    parser.feed(thing._repr_html_())
    assert not parser.open
    return dict(zip(parser.cells[::2], parser.cells[1::2], strict=True))


def verifier():
    made = gs.SpeakerVerifier(UBM)
    for i in range(10):
        made.enroll(f"<b>{i}</b>", X[i::10])
    return made


def store(folder):
    gs.write_store(folder / "f.h5", [("a", X), ("b", X[:5])])
    return gs.FeatureStore(folder / "f.h5")


def test_a_verifier_tells_whom_it_knows():
    assert repr(verifier()).startswith("<SpeakerVerifier: 10 models; front end: unknown; background model: 2 comp")
    assert cells(verifier())["names"] == ", ".join(f"<b>{i}</b>" for i in range(8)) + ", …"
    assert repr(gs.SpeakerVerifier(UBM)).startswith("<SpeakerVerifier: 0 models; ")


def test_a_front_end_tells_its_frames():
    front = gs.FrontEnd(sample_frequency=8000, deltas={"order": 1}, resample=True)
    assert repr(front) == (
        "<FrontEnd: 13 MFCC + Δ, 25/10 ms, no VAD, no CMVN; rate: 8000 Hz, others are resampled; columns: 26; "
        f"fingerprint: {front.fingerprint}>"
    )
    assert cells(front)["columns"] == str(front(RNG.normal(size=8000), 8000).shape[1])


def test_a_store_tells_its_size_and_place(tmp_path):
    found = store(tmp_path)
    assert repr(found) == f"<FeatureStore: 2 utterances of 3 columns; path: {tmp_path / 'f.h5'}; front end: unknown>"
    assert cells(found)["path"] == str(tmp_path / "f.h5")


def test_statistics_tell_their_frames():
    stats = UBM.accumulate(X)
    assert repr(stats).startswith("<GMMStats: 300 frames under 2 components of 3 dimensions; log-likelihood: ")
    assert cells(stats)["log-likelihood"] == f"{UBM.score(X):.4f} nats a frame"
    assert repr(stats * 0.0).startswith("<GMMStats: 0 frames under 2 components of 3 dimensions")


def test_scores_and_trials_tell_how_many_there_are():
    trials = gs.TrialList(["a", "a", "b"], ["x", "y", "x"], np.array([True, False, False]))
    assert repr(trials) == "<TrialList: 3 trials of 2 models and 2 tests; claims: 1 target, 2 nontargets>"
    assert "not known" in cells(gs.TrialList(["a"], ["x"]))["claims"]
    scores = gs.Scores(["a", "a", "b"], ["x", "y", "x"], np.array([-1.0, 2.0, 1.5]))
    assert repr(scores) == "<Scores: 3 scores of 2 models and 2 tests; values: -1 to 2, median 1.5>"
    infinite = gs.Scores(["a", "a", "b"], ["x", "y", "x"], [-np.inf, 1.0, np.inf])
    assert repr(infinite).endswith("values: -inf to inf, median 1>")
    assert repr(gs.Scores([], [], np.zeros(0))) == "<Scores: 0 scores of 0 models and 0 tests>"


def test_models_tell_their_size():
    assert repr(HMM).startswith("<PhoneHMM: 2 phones, 6 states, 6 Gaussians of 1 dimension; phones: SIL AA; ")
    assert repr(gs.speaker.PLDA(np.zeros(3), np.eye(3)[:, :2], np.eye(3))).startswith("<PLDA: 3 dimensions, 2 of sp")
    ivectors = gs.speaker.IVectorExtractor(np.ones(1), np.ones((1, 2)), np.ones((1, 2)), np.ones((1, 2, 4)))
    assert repr(ivectors).startswith("<IVectorExtractor: rank 4, 1 component, 2 dimensions; ")


def test_alignments_tell_what_was_said_and_how_well_it_fits():
    words, phones = (
        [gs.phones.Label(0.1, 0.3, "a")],
        [gs.phones.Label(0.0, 0.1, "SIL"), gs.phones.Label(0.1, 0.3, "AA")],
    )
    aligned = Alignment(words, phones, np.zeros(2), None, -60.126)
    assert repr(aligned) == "<Alignment: 1 word, 2 phones, 0.30 s; words: a; log-likelihood: -60.13 nats a frame>"
    assert cells(dataclasses.replace(aligned, fit=-0.5))["fit"] == "-0.50 nats a frame"
    corpus = AlignedCorpus({"u": aligned}, {"v": "too short"}, Counter(["x", "w"]))
    assert repr(corpus) == "<AlignedCorpus: 1 utterance, 1 skipped; unknown words: w, x>"


def test_lines_are_short_in_a_console_and_whole_in_a_notebook():
    card = "card: " + "x" * 200
    told = dataclasses.replace(HMM, tree=ContextTree.untied([3, 3]), card=card)
    assert all(len(part) <= MOST_LETTERS for part in re.split("; ", repr(told)[1:-1]))
    assert cells(told)["card"] == "x" * 200


@pytest.mark.parametrize("estimator", [UBM, gs.GMM(2), gs.GMMClassifier(2), gs.PhoneGMM(1)], ids=repr)
def test_estimators_have_the_picture_of_scikit_learn(estimator):
    assert "sk-estimator" in estimator._repr_html_()
