"""Stages of the ladder: their names, and the places of what they make (the recipes' tests run them)."""

from pathlib import Path

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.commands import rungs
from gmmspeech.commands.phone_training import train_phones_file
from gmmspeech.formats.labels.alignments import write_alignments
from gmmspeech.formats.labels.lines import read_ctm
from gmmspeech.formats.loading import load
from gmmspeech.phones.hmm.training_state import TrainingState
from gmmspeech.pipeline import Run
from gmmspeech.stores.features import write_store


def test_rungs_have_places_of_their_own_but_tri2_is_in_the_model_of_tri3(tmp_path: Path) -> None:
    models = {rung: rungs.model_of(Run(tmp_path), "dev", rung).name for rung in rungs.RUNGS}
    assert models == {"monophone": "hmm-dev.h5", "tri1": "tri1-dev.h5", "tri2": "tri3-dev.h5", "tri3": "tri3-dev.h5"}
    found = {rungs.recognized_at(tmp_path, "dev", rung) for rung in rungs.RUNGS}
    assert len(found) == len({rungs.aligned_at(tmp_path, "dev", rung) for rung in rungs.RUNGS}) == 4
    assert rungs.step_of("align", "dev", "monophone") == "align-dev"
    assert rungs.step_of("align", "dev", "tri2") == "align-dev-tri2"


SOUNDS = {"SIL": -6.0, "AA": 6.0, "S": 0.0}  # vowels are loud
PRONUNCIATIONS = {"ASS": [["AA", "S"]], "SAH": [["S", "AA"]]}
WORDS = {f"u{i}": ["ASS" if i % 3 else "SAH"] for i in range(30)}


def test_from_a_feature_store_to_phones(tmp_path: Path) -> None:
    """Silence, two phones, silence; each lasts twelve frames."""
    rng = np.random.default_rng(0)
    frames = {
        name: np.concatenate([rng.normal(SOUNDS[p], 1, (12, 2)) for p in ("SIL", *PRONUNCIATIONS[word][0], "SIL")])
        for name, (word,) in WORDS.items()
    }
    features, (m, n), state = tmp_path / "feats.h5", (tmp_path / "hmm-m.h5", tmp_path / "n.h5"), tmp_path / "state.h5"
    write_store(features, frames.items(), front_end=gs.FrontEnd().to_json())
    train, test = dict(list(WORDS.items())[:20]), dict(list(WORDS.items())[20:])
    small = {"total_gaussians": 9, "max_iter": 6}
    train_phones_file(features, train, PRONUNCIATIONS, m, alignment=state, **small)
    assert load(m).phones == ("SIL", "AA", "S")
    assert set(load(state, TrainingState).posteriors) == set(train)
    assert not list(tmp_path.glob("*.checkpoint"))
    with gs.FeatureStore(features) as store:
        learned = gs.align(load(m), store, train, PRONUNCIATIONS, times="start")
        write_alignments(tmp_path / "train", learned.alignments, format="ctm")
        labels = {name: alignment.phones for name, alignment in learned.alignments.items()}
        train_phones_file(features, train, {}, n, labels=labels, times="start", **small)
        found = gs.align(load(n), store, test, PRONUNCIATIONS, times="start").alignments
    for name, alignment in found.items():
        assert [label.name for label in alignment.phones] == ["SIL", *PRONUNCIATIONS[WORDS[name][0]][0], "SIL"]
        starts = [label.start for label in alignment.phones]
        np.testing.assert_allclose(starts, [0, 0.12, 0.24, 0.36], atol=0.0101)
    what = "test", rungs.Speech(features, test, {}), tmp_path / "train" / "phones.ctm"
    recognized = rungs.recognize_on(Run(tmp_path), "m", rungs.MONOPHONE, *what, scale=1.0)
    for name, phones in read_ctm(recognized).items():
        assert [phone.name for phone in phones] == [phone.name for phone in found[name].phones]
    assert rungs.seconds_of(features, train) == pytest.approx(20 * 0.48)
