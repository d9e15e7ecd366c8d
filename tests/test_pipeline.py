"""Stages are done once, and again when what they depend on has changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.pipeline import RECEIPTS, Stage, run_stages

NAMES = ("features", "train", "score")


class Recipe:
    """Three stages, each of which copies what it reads, and notes that it was done."""

    def __init__(self, folder: Path) -> None:
        self.out = folder / "exp"
        self.source = folder / "source.txt"
        self.source.write_text("first")
        self.configuration: dict[str, object] = dict.fromkeys(NAMES)
        self.done: list[str] = []
        self.fail: Callable[[str], None] = lambda name: None

    def stage(self, name: str, source: Path, *, inputs: list[Path]) -> Stage:
        target = self.out / name

        def work() -> None:
            self.done.append(name)
            self.fail(name)
            target.parent.mkdir(exist_ok=True, parents=True)
            target.write_text(f"{name} of {source.read_text()}")

        return Stage(name, work, [target], inputs, self.configuration[name])

    def run(self, first: int | None = None) -> list[str]:
        """Run the stages; give those that were done."""
        self.done = []
        stages = [
            self.stage("features", self.source, inputs=[self.source]),
            self.stage("train", self.out / "features", inputs=[]),
            self.stage("score", self.out / "train", inputs=[]),
        ]
        run_stages(stages, self.out, first=first)
        return self.done

    def result(self) -> str:
        return (self.out / "score").read_text()

    def receipts(self) -> list[str]:
        return sorted(p.name for p in (self.out / RECEIPTS).iterdir())


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return Recipe(tmp_path)


ALL = list(NAMES)


def test_finished_stages_are_not_redone(recipe: Recipe, capsys: pytest.CaptureFixture[str]) -> None:
    assert recipe.run() == ALL
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "stage 1 of 3, features ..."
    assert said[1].startswith("stage 1 of 3, features: ")
    assert said[1].endswith(" s")
    assert len(said) == 6
    assert recipe.receipts() == ["1-features", "2-train", "3-score"]
    assert recipe.run() == []
    assert capsys.readouterr().err.splitlines() == [
        f"stage {i} of 3, {name}: done before" for i, name in enumerate(NAMES, 1)
    ]


def test_an_input_of_other_content(recipe: Recipe) -> None:
    recipe.run()
    recipe.source.write_text("other")  # of the same length
    assert recipe.run() == ALL
    assert recipe.result() == "score of train of features of other"
    assert recipe.run() == []


def test_an_input_that_appears_or_vanishes(tmp_path: Path) -> None:
    done: list[int] = []
    stage = Stage("s", lambda: done.append(1), [], [tmp_path / "perhaps"])
    run_stages([stage], tmp_path / "exp")
    (tmp_path / "perhaps").touch()
    run_stages([stage], tmp_path / "exp")
    run_stages([stage], tmp_path / "exp")
    (tmp_path / "perhaps").unlink()
    run_stages([stage], tmp_path / "exp")
    assert len(done) == 3


@pytest.mark.parametrize("change", ["content", "new", "gone"])
def test_a_folder_stands_for_all_files_under_it(tmp_path: Path, change: str) -> None:
    data = tmp_path / "data" / "train"
    data.mkdir(parents=True)
    (data / "utt2spk").write_text("a b\n")
    done: list[int] = []
    stage = Stage("s", lambda: done.append(1), [], [tmp_path / "data"])
    run_stages([stage], tmp_path / "exp")
    run_stages([stage], tmp_path / "exp")
    assert len(done) == 1
    if change == "content":
        (data / "utt2spk").write_text("a c\n")
    elif change == "new":
        (data / "text").touch()
    else:
        (data / "utt2spk").unlink()
    run_stages([stage], tmp_path / "exp")
    assert len(done) == 2


@pytest.mark.parametrize("number", [0, 1, 2])
def test_another_configuration_redoes_the_stage_and_those_after_it(recipe: Recipe, number: int) -> None:
    recipe.run()
    recipe.configuration[NAMES[number]] = {"n_components": 64, "path": Path("x")}
    assert recipe.run() == ALL[number:]
    assert recipe.run() == []
    recipe.configuration[NAMES[number]] = {"path": Path("x"), "n_components": 64}  # in another order
    assert recipe.run() == []


@pytest.mark.parametrize("number", [0, 1, 2])
def test_an_output_that_vanished(recipe: Recipe, number: int) -> None:
    recipe.run()
    (recipe.out / NAMES[number]).unlink()
    assert recipe.run() == ALL[number:]
    assert recipe.run() == []


def test_a_stage_that_fails_is_not_finished(recipe: Recipe) -> None:
    def fail(name: str) -> None:
        if name == "train":
            raise DataError("no room")

    recipe.fail = fail
    with pytest.raises(DataError, match="no room"):
        recipe.run()
    assert recipe.done == ["features", "train"]
    assert recipe.receipts() == ["1-features"]
    recipe.fail = lambda name: None
    assert recipe.run() == ["train", "score"]


@pytest.mark.parametrize("stop", [DataError("failed"), KeyboardInterrupt()])
def test_what_a_redone_stage_leaves_behind_does_not_pass_for_finished(recipe: Recipe, stop: BaseException) -> None:
    """The later stages still have their outputs, made of what was there before."""
    recipe.run()

    def fail(name: str) -> None:
        if name == "score":
            raise stop

    recipe.fail = fail
    with pytest.raises(type(stop)):
        recipe.run(first=2)
    assert recipe.receipts() == ["1-features", "2-train"]
    recipe.fail = lambda name: None
    assert recipe.run() == ["score"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_beginning_with_a_stage(recipe: Recipe, number: int) -> None:
    recipe.run()
    assert recipe.run(first=number) == ALL[number - 1 :]
    assert recipe.run() == []


def test_earlier_stages_are_taken_as_they_are(recipe: Recipe) -> None:
    recipe.run()
    recipe.source.write_text("other")
    assert recipe.run(first=3) == ["score"]
    assert recipe.result() == "score of train of features of first"
    assert recipe.run() == ALL  # and it is still known that they are of another input
    assert recipe.result() == "score of train of features of other"


@pytest.mark.parametrize("number", [0, 4, -1])
def test_a_stage_that_there_is_not(recipe: Recipe, number: int) -> None:
    with pytest.raises(ConfigError, match=f"--stage: found {number}, expected 1 to 3"):
        recipe.run(first=number)
    assert recipe.done == []


def test_beginning_where_earlier_outputs_are_missing(recipe: Recipe) -> None:
    with pytest.raises(ConfigError, match=r"--stage 2: .*exp.features of stage 1, features, is not there"):
        recipe.run(first=2)
    assert recipe.done == []
    assert not recipe.out.exists()


def test_an_input_that_changes_while_the_stage_works(recipe: Recipe) -> None:
    recipe.fail = lambda name: recipe.source.write_text("changed meanwhile") if name == "train" else None
    recipe.run()
    recipe.fail = lambda name: None
    assert recipe.run() == ALL
    assert recipe.result() == "score of train of features of changed meanwhile"


def test_a_receipt_that_is_damaged(recipe: Recipe) -> None:
    recipe.run()
    for content in (b"", b"\xff\xfe", b"0" * 64):
        (recipe.out / RECEIPTS / "2-train").write_bytes(content)
        assert recipe.run() == ["train", "score"]


def test_an_output_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises((DataError, OSError), match=r"(?i)not a directory"):
        run_stages([Stage("s", lambda: None, [])], tmp_path / "file" / "exp")


def test_times_are_compared_exactly(recipe: Recipe) -> None:
    recipe.run()
    before = recipe.source.stat()
    os.utime(recipe.source, ns=(before.st_atime_ns, before.st_mtime_ns + 1000))
    assert recipe.run() == ALL
