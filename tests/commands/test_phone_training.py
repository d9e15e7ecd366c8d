"""Training of phone models on a data directory of real digits."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

import gmmspeech as gs
from gmmspeech.commands.phone_features import features_of, frame_times
from gmmspeech.commands.phone_training import train_phones_dir
from gmmspeech.commands.quiet_edges import without_quiet_edges
from gmmspeech.errors import DataError, GmmSpeechWarning
from gmmspeech.formats.datadir import DataDir, Segment, read_data_dir
from gmmspeech.formats.labels.labels import write_labels
from gmmspeech.formats.labels.lines import read_ctm
from gmmspeech.phones.hmm.model import PhoneHMM


def test_training_on_labels(digits: Path, dictionary, tmp_path: Path) -> None:
    front = gs.FrontEnd.from_toml("phones_8khz")
    hmm, _, _ = train_phones_dir(
        *(digits, tmp_path / "m.h5", front, dictionary),
        labels=digits / "phones.ctm",
        total_gaussians=100,
        max_iter=4,
        skip_bad=True,
    )
    said = {label.name for labels in read_ctm(digits / "phones.ctm").values() for label in labels}
    assert set(hmm.phones) == {*said, "SPN"}
    assert hmm.deviation_scale.offsets is None  # which are for others that follow the labels


def test_deviations_are_learned_where_words_are_known(digits: Path, dictionary, tmp_path: Path) -> None:
    """In a folder of recordings too, where transcripts lie beside some of them; labels alone teach none."""
    data, folder = read_data_dir(digits), tmp_path / "in"
    folder.mkdir()
    for name in data.utterances[:140]:
        shutil.copy(data.recordings[name], folder)
    options = {"labels": digits / "phones.ctm", "total_gaussians": 100, "max_iter": 3, "skip_bad": True}
    where = (folder, tmp_path / "m.h5", gs.FrontEnd.from_toml("phones_8khz"), dictionary)
    assert train_phones_dir(*where, **options)[0].deviation_scale is None
    for name in data.utterances[:120]:
        (folder / f"{data.recordings[name].stem}.txt").write_text(data.text[name])
    assert train_phones_dir(*where, **options)[0].deviation_scale is not None


@pytest.mark.usefixtures("kept_at_once")
def test_training_goes_on_from_its_checkpoint(digits: Path, dictionary, tmp_path: Path, monkeypatch) -> None:
    """From its end too, where only the model was not written yet."""
    out, front = tmp_path / "m.h5", gs.FrontEnd.from_toml("phones_8khz")

    def train():
        few = {"total_gaussians": 60, "max_iter": 3, "num_passes": 1}
        return train_phones_dir(digits.with_name("test"), out, front, dictionary, n_jobs=2, **few)

    def no_space(*_: object) -> None:
        raise DataError("m.h5: can't be written")

    with monkeypatch.context() as patched:
        patched.setattr(PhoneHMM, "save", no_space)
        with pytest.raises(DataError, match="can't be written"):
            train()
    assert [path.name for path in tmp_path.iterdir()] == ["m.h5.checkpoint"]
    _, state, _ = train()
    again = out.read_bytes()
    assert (state.iteration, [path.name for path in tmp_path.iterdir()]) == (3, ["m.h5"])
    train()
    assert out.read_bytes() == again


def labels_of(digits: Path, count: int, place: Path) -> list[str]:
    """Write the labels of some utterances."""
    labels = read_ctm(digits / "phones.ctm")
    names = list(labels)[: 2 * count : 2]
    write_labels(place, {name: labels[name] for name in names}, format="ctm")
    return names


def test_recordings_with_transcripts_alone_follow_the_labels(digits: Path, dictionary, tmp_path: Path) -> None:
    """To the same bits with any number of threads."""
    front, few = gs.FrontEnd.from_toml("phones_8khz"), {"total_gaussians": 60, "max_iter": 2, "skip_bad": True}
    names = labels_of(digits, 100, tmp_path / "some.ctm")
    data, made = read_data_dir(digits), []
    for jobs in (1, 2):
        made.append(tmp_path / f"{jobs}.h5")
        with pytest.warns(GmmSpeechWarning, match=f"those of {len(names)} utterances; [0-9]+ with words alone follow"):
            model, state, done = train_phones_dir(
                *(digits, made[-1], front, dictionary), labels=tmp_path / "some.ctm", n_jobs=jobs, **few
            )
        assert len(state.posteriors) + len(done.skipped) >= len(data.utterances) - 2
        assert model.deviation_scale.offsets is not None
    assert made[0].read_bytes() == made[1].read_bytes()
    assert not list(tmp_path.glob("*.checkpoint"))


def test_recordings_that_can_not_follow_the_labels_are_left_out(digits: Path, dictionary, tmp_path: Path) -> None:
    """Those with neither labels nor a transcript, and all where labels are in other phones than the dictionary."""
    data, folder = read_data_dir(digits), tmp_path / "in"
    folder.mkdir()
    names = data.utterances[:100]
    labels = {data.recordings[n].stem: own for n, own in read_ctm(digits / "phones.ctm").items() if n in names[:60]}
    for name in names:
        path = data.recordings[name]
        shutil.copy(path, folder)
        if name != names[-1]:
            (folder / f"{path.stem}.txt").write_text(data.text[name])
    lacking = data.recordings[names[-1]]
    front, few = gs.FrontEnd.from_toml("phones_8khz"), {"total_gaussians": 60, "max_iter": 2}
    options = {"labels": tmp_path / "some.ctm", **few}
    other = {name: [label._replace(name=label.name.lower()) for label in own] for name, own in labels.items()}
    slip = labels | {(first := min(labels)): [labels[first][0]._replace(name="typo"), *labels[first][1:]]}
    for own, trained, told in (
        (slip, 99, f"labels: found phones that no word has, typo, the first in {first}; .*; trained as they are"),
        (labels, 99, f"found no labels of 1 recording of {folder} and no transcript, left out: {lacking.name}"),
        (other, 60, "labels: found phones that no word has, .*; .*; left out 39 utterances with words alone"),
        (labels, 60, "found no utterance with words that can be used; .*; left out 39 utterances with words alone"),
    ):
        write_labels(tmp_path / "some.ctm", own, format="ctm")
        words = {"word": [["A"]]} if "can be used" in told else None if own is other else dictionary
        with pytest.warns(GmmSpeechWarning, match=told):
            model, state, _ = train_phones_dir(folder, tmp_path / "m.h5", front, words, **options)
        assert len(state.posteriors) == trained
        assert model.language is None
    with pytest.raises(DataError, match="and no transcript, expected one of them for all; the first: "):
        train_phones_dir(folder, tmp_path / "m.h5", front, dictionary, **options, skip_bad=False)


def test_quiet_edges_of_recordings_that_follow_are_left_out_and_labels_keep_their_times(tmp_path: Path) -> None:
    data = DataDir(tmp_path, {n: tmp_path / f"{n}.wav" for n in "ab"}, None, ("a", "b"), {"a": "s", "b": "s"})
    quiet = np.concatenate([np.zeros(40000), np.random.default_rng(0).normal(0, 0.3, 8000)]).astype(np.float32)
    for path in data.recordings.values():
        soundfile.write(path, quiet, 8000)
    with pytest.warns(GmmSpeechWarning, match="long silence before or after the speech of 1 recording"):
        cut = without_quiet_edges(data, "mix", ["b"])
    assert cut.segments == {"a": Segment("a", 0.0, None), "b": Segment("b", 5.0, None)}
    assert cut.utterances == ("a", "b")


def test_features_last_as_long_as_they_are_needed(digits: Path) -> None:
    with features_of(read_data_dir(digits), gs.FrontEnd.from_toml("phones_8khz"), n_jobs=2) as (store, done):
        path = Path(store.path)
        assert path.exists()
        assert len(store) == done.num_utterances == 240
    assert not path.exists()
    with pytest.raises(DataError, match="found a model without a front end"):
        frame_times(None)
