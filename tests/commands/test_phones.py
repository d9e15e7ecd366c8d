"""The steps of phone modeling, from a data directory of real digits to files."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.commands import phones as module
from gmmspeech.commands.phone_features import features_of, frame_times
from gmmspeech.commands.phone_training import train_phones_dir, train_phones_file
from gmmspeech.commands.phones import (
    align_dir,
    doubtful_lines,
    recognize_phones_file,
    said_pronunciations,
    seconds_of,
    transcripts,
)
from gmmspeech.commands.recognition import recognize_grammar_dir
from gmmspeech.commands.transcripts import open_pronunciations
from gmmspeech.errors import ConfigError, DataError
from gmmspeech.formats.datadir import read_data_dir
from gmmspeech.formats.labels.alignments import write_alignments
from gmmspeech.formats.labels.lines import read_ctm
from gmmspeech.formats.labels.textgrid import read_textgrid
from gmmspeech.formats.loading import load
from gmmspeech.phones.decoding.alignment import Alignment
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.training_state import TrainingState
from gmmspeech.phones.labels.labels import Label
from gmmspeech.stores.features import write_store

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@pytest.fixture
def model(digits: Path, dictionary, tmp_path: Path) -> Path:
    front = gs.FrontEnd.from_toml("phones_8khz")
    hmm, state, done = train_phones_dir(
        digits, tmp_path / "m.h5", front, dictionary, total_gaussians=120, max_iter=12, num_passes=1, n_jobs=2
    )
    saved = load(tmp_path / "m.h5", PhoneHMM)
    assert (saved.phones, saved.front_end, saved.num_gaussians) == (hmm.phones, front.to_json(), hmm.num_gaussians)
    np.testing.assert_array_equal(saved.means, hmm.means)
    assert (state.iteration, done.num_utterances, done.skipped) == (12, 240, {})
    return tmp_path / "m.h5"


def test_from_audio_and_words_to_times_and_words_again(digits: Path, model: Path, dictionary, tmp_path: Path) -> None:
    data = read_data_dir(digits)
    done = align_dir(digits, model, dictionary, goodness=True)
    assert set(done.alignments) == set(data.utterances)
    assert (done.skipped, dict(done.unknown_words)) == ({}, {})
    for name, alignment in done.alignments.items():
        assert [word.name for word in alignment.words] == transcripts(data)[name]
        assert np.isfinite(alignment.goodness).all()
        assert alignment.fit < 2

    # another aligner's times of the same phones
    reference = read_ctm(digits / "phones.ctm")
    starts = [
        abs(ours.start - theirs.start)
        for name, alignment in done.alignments.items()
        for ours, theirs in zip(alignment.phones, reference[name], strict=False)
        if [p.name for p in alignment.phones] == [p.name for p in reference[name]]
    ]
    assert len(starts) > 300
    assert np.mean(np.array(starts) <= 0.04) > 0.7

    words, _ = recognize_grammar_dir(digits, model, dictionary, words=DIGITS, isolated=True, acoustic_scale=1.0)
    wrong = sum([word.name for word in words[name]] != transcripts(data)[name] for name in words)
    assert wrong <= 5

    ctm = write_alignments(tmp_path / "ctm", done.alignments, format="ctm")
    assert [path.name for path in ctm] == ["words.ctm", "phones.ctm", "alignment.csv"]
    assert read_ctm(tmp_path / "ctm" / "phones.ctm").keys() == done.alignments.keys()
    lines = (tmp_path / "ctm" / "alignment.csv").read_text().splitlines()
    assert len(lines) == 1 + sum(len(a.phones) + len(a.words) for a in done.alignments.values())
    some = dict(list(done.alignments.items())[:2])
    for path, alignment in zip(write_alignments(tmp_path / "tg", some), some.values(), strict=False):
        assert read_textgrid(path) == {"words": alignment.words, "phones": alignment.phones}


def test_what_is_doubtful_of_alignments() -> None:
    phones = [Label(0.0, 2.0, "SIL"), Label(2.0, 2.2, "AH"), Label(2.2, 3.4, "SPN")]
    good = Alignment([], phones, np.zeros(3), None, -50.0, fit=-1.0)
    assert list(doubtful_lines({"a": good, "b": dataclasses.replace(good, phones=[], fit=None)})) == []
    long = dataclasses.replace(good, phones=[Label(0.0, 1.9, "S"), Label(1.9, 2.2, "AH")])
    lines = list(doubtful_lines({"a": good, "b": dataclasses.replace(good, fit=-4.0), "c": long}))
    assert lines[0].startswith("check 1 of 3 transcripts, which may be wrong or incomplete")
    assert lines[0].endswith(": b (-4.0)")
    assert lines[1].startswith("check 1 of 3 transcripts, for noise, music or other speech beside the words")
    assert lines[1].endswith(": c (S 1.9 s)")
    (line,) = doubtful_lines({f"ann/sentence-{i}": dataclasses.replace(good, fit=-4.0) for i in range(100)})
    assert all(f"ann/sentence-{i} (-4.0)" in line for i in range(100))


def test_features_last_as_long_as_they_are_needed(digits: Path) -> None:
    with features_of(read_data_dir(digits), gs.FrontEnd.from_toml("phones_8khz"), n_jobs=2) as (store, done):
        path = Path(store.path)
        assert path.exists()
        assert len(store) == done.num_utterances == 240
    assert not path.exists()


def test_dictionaries_add_up(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("CAT K AE1 T\nDOG D AO1 G\n")
    (tmp_path / "b").write_text("DOG D AA1 G\nGNU N UW1\n")
    both = open_pronunciations([str(tmp_path / "a"), str(tmp_path / "b")])
    assert both == {"CAT": (("K", "AE", "T"),), "DOG": (("D", "AA", "G"),), "GNU": (("N", "UW"),)}


def test_what_is_refused(digits: Path, dictionary, tmp_path: Path) -> None:
    shutil.copytree(digits.parents[1], tmp_path / "corpus")
    silent = tmp_path / "corpus" / "data" / "all"
    (silent / "text").unlink()
    with pytest.raises(DataError, match="all: found no file text"):
        transcripts(read_data_dir(silent))
    with pytest.raises(DataError, match="found a model without a front end"):
        frame_times(None)
    with pytest.raises((ConfigError, DataError), match="nosuch"):
        open_pronunciations([str(tmp_path / "nosuch")])


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
    features, (m, n), state = tmp_path / "feats.h5", (tmp_path / "m.h5", tmp_path / "n.h5"), tmp_path / "state.h5"
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
    recognize_phones_file(m, features, test, tmp_path / "train" / "phones.ctm", tmp_path / "recognized.ctm")
    for name, phones in read_ctm(tmp_path / "recognized.ctm").items():
        assert [phone.name for phone in phones] == [phone.name for phone in found[name].phones]
    assert seconds_of(features, train) == pytest.approx(20 * 0.48)


def test_pronunciations_of_the_words_said() -> None:
    entries = said_pronunciations({"u": ["see", "me"], "v": ["see"]}, {"SEE": [["S", "IY"]], "SAW": [["S", "AO"]]})
    assert entries == {"me": (), "see": [["S", "IY"]]}


def test_of_long_recordings_the_beginnings_are_aligned_with_wrong_words(monkeypatch):
    class Store(dict):
        def num_frames(self, name):
            return len(self[name])

    store = Store(long=np.zeros((4 * module._BEGINNING, 1)), short=np.zeros((7, 1)))
    words = {"long": list("abcd"), "short": list("efgh")}
    found = SimpleNamespace(alignments={name: SimpleNamespace(fit=-5.0) for name in words})
    seen = {}

    def align(model, frames, said, dictionary, **options):
        seen.update({name: (len(frames[name]), said[name]) for name in said})
        return found

    monkeypatch.setattr(module, "align", align)
    assert module._least_fit(None, store, SimpleNamespace(words=words, entries={}), found) < module.LEAST_FIT
    assert seen == {"long": (module._BEGINNING, ["e"]), "short": (7, list("abcd"))}
