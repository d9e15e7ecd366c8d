"""Training of phone models on a data directory of real digits."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import gmmspeech as gs
from gmmspeech.commands.phone_training import train_phones_dir
from gmmspeech.errors import DataError
from gmmspeech.formats.datadir import read_data_dir
from gmmspeech.formats.labels import read_ctm
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
        return train_phones_dir(digits, out, front, dictionary, total_gaussians=60, max_iter=3, num_passes=1, n_jobs=2)

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
