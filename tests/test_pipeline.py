"""Stages are done once, and again when what they depend on has changed."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from said import works

from gmmspeech.errors import ConfigError, DataError, DownloadError, verbosity
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.formats.datadir import DataDir
from gmmspeech.pipeline import MARKS, Run, recipe as make_recipe, take_open_background

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

    def stage(self, run: Run, name: str, source: Path, *, of: Sequence[Path] = ()) -> None:
        target = self.out / name
        if run.todo(name, makes=[target], of=of, settings=self.configuration[name]):
            self.done.append(name)
            self.fail(name)
            target.parent.mkdir(exist_ok=True, parents=True)
            target.write_text(f"{name} of {source.read_text()}")

    def run(self, first: int | None = None) -> list[str]:
        """Run the stages; give those that were done."""
        self.done = []
        run = Run(self.out, first=first)
        self.stage(run, "features", self.source, of=[self.source])
        self.stage(run, "train", self.out / "features")
        self.stage(run, "score", self.out / "train")
        run.close()
        return self.done

    def result(self) -> str:
        return (self.out / "score").read_text()

    def marks(self) -> list[str]:
        return sorted(p.name for p in (self.out / MARKS).iterdir())


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return Recipe(tmp_path)


ALL = list(NAMES)


def test_quiet_says_nothing_of_stages(recipe: Recipe, capsys: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    with verbosity(quiet=True, log=told.append):
        assert recipe.run() == ALL
    assert capsys.readouterr().err == ""
    assert told[0] == "stage 1, features ..."
    assert len(told) == 6


def test_finished_stages_are_not_redone(recipe: Recipe, capsys: pytest.CaptureFixture[str]) -> None:
    assert recipe.run() == ALL
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "stage 1, features ..."
    assert said[1].startswith("stage 1, features: ")
    assert said[1].endswith(" s")
    assert len(said) == 6
    assert recipe.marks() == ["1-features", "2-train", "3-score"]
    assert recipe.run() == []
    assert capsys.readouterr().err.splitlines() == [
        f"stage {i}, {name}: done before" for i, name in enumerate(NAMES, 1)
    ]


def test_an_input_of_other_content(recipe: Recipe) -> None:
    recipe.run()
    recipe.source.write_text("other")  # of the same length
    assert recipe.run() == ALL
    assert recipe.result() == "score of train of features of other"
    assert recipe.run() == []


def runs_again(out: Path, source: Path | DataDir) -> bool:
    """Whether a recipe of one stage does it."""
    run = Run(out)
    done = run.todo("s", makes=[], of=[source])
    run.close()
    return done


def test_an_input_that_appears_or_vanishes(tmp_path: Path) -> None:
    out, perhaps = tmp_path / "exp", tmp_path / "perhaps"
    done = [runs_again(out, perhaps)]
    perhaps.touch()
    done += [runs_again(out, perhaps), runs_again(out, perhaps)]
    perhaps.unlink()
    assert [*done, runs_again(out, perhaps)] == [True, True, False, True]


@pytest.mark.parametrize("change", ["content", "new", "gone"])
def test_a_folder_stands_for_all_files_under_it(tmp_path: Path, change: str) -> None:
    data = tmp_path / "data" / "train"
    data.mkdir(parents=True)
    (data / "utt2spk").write_text("a b\n")
    assert [runs_again(tmp_path / "exp", tmp_path / "data") for _ in range(2)] == [True, False]
    if change == "content":
        (data / "utt2spk").write_text("a c\n")
    elif change == "new":
        (data / "text").touch()
    else:
        (data / "utt2spk").unlink()
    assert runs_again(tmp_path / "exp", tmp_path / "data")


@pytest.mark.parametrize("change", ["audio", "wav.scp", "segments", "utterances", "speaker"])
def test_a_data_directory_stands_for_its_utterances_and_their_audio(tmp_path: Path, change: str) -> None:
    audio, other = tmp_path / "a.wav", tmp_path / "text"
    for path in (audio, other, tmp_path / "wav.scp"):
        path.touch()
    data = DataDir(tmp_path, {"a": audio}, None, ("a",), {"a": "ann"}, None)
    assert [runs_again(tmp_path / "exp", data) for _ in range(2)] == [True, False]
    other.write_text("what is said changes no frames")
    assert not runs_again(tmp_path / "exp", data)
    if change == "utterances":
        data = replace(data, utterances=())
    elif change == "speaker":
        data = replace(data, utt2spk={"a": "bob"})
    else:
        (audio if change == "audio" else tmp_path / change).write_text("new")
    assert runs_again(tmp_path / "exp", data)


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
    assert recipe.marks() == ["1-features"]
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
    assert recipe.marks() == ["1-features", "2-train"]
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


@pytest.mark.parametrize(("number", "expected"), [(0, "1 or more"), (-1, "1 or more"), (4, "1 to 3")])
def test_a_stage_that_there_is_not(recipe: Recipe, number: int, expected: str) -> None:
    recipe.run()
    with pytest.raises(ConfigError, match=f"--stage: found {number}, expected {expected}"):
        recipe.run(first=number)
    assert recipe.done == []


def test_beginning_where_earlier_outputs_are_missing(recipe: Recipe) -> None:
    with pytest.raises(ConfigError, match=r"--stage 2: .*exp.features of stage 1, features, is not there"):
        recipe.run(first=2)
    assert recipe.done == []
    assert not recipe.out.exists()


def test_what_a_killed_stage_was_writing_is_removed(recipe: Recipe) -> None:
    """By any run that does the stage anew; what is not of its outputs stays."""
    (recipe.out / MARKS).mkdir(parents=True)
    for name in (".features.0123abcd", f"{MARKS}/.1-features.0123abcd", ".other.0123abcd"):
        (recipe.out / name).write_text("half")
    recipe.run()
    assert [path.name for path in recipe.out.rglob(".*.0123abcd")] == [".other.0123abcd"]


def test_an_input_that_changes_while_the_stage_works(recipe: Recipe) -> None:
    recipe.fail = lambda name: recipe.source.write_text("changed meanwhile") if name == "train" else None
    recipe.run()
    recipe.fail = lambda name: None
    assert recipe.run() == ALL
    assert recipe.result() == "score of train of features of changed meanwhile"


def test_a_mark_that_is_damaged(recipe: Recipe) -> None:
    recipe.run()
    for content in (b"", b"\xff\xfe", b"0" * 64):
        (recipe.out / MARKS / "2-train").write_bytes(content)
        assert recipe.run() == ["train", "score"]


@pytest.mark.parametrize("content", [b"\xff\xfe\0", b"", b"x y z", b"x 1_0", b"x nan"])
def test_a_mark_that_is_none_tells_no_time(tmp_path: Path, content: bytes) -> None:
    """It passes for no mark, whatever it is, and so does a folder."""
    (tmp_path / ".stages" / "later-than").mkdir(parents=True)
    (tmp_path / ".stages" / "1-one").write_bytes(content)
    run = Run(tmp_path, first=2)
    assert not run.todo("one", makes=[])
    assert math.isnan(run.cpu_seconds("one"))
    assert Run(tmp_path).todo("one", makes=[])


def test_an_output_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises((DataError, OSError), match=r"(?i)not a directory"):
        runs_again(tmp_path / "file" / "exp", tmp_path)


def test_times_are_compared_exactly(recipe: Recipe) -> None:
    recipe.run()
    before = recipe.source.stat()
    os.utime(recipe.source, ns=(before.st_atime_ns, before.st_mtime_ns + 1000))
    assert recipe.run() == ALL


def test_settings_of_any_kind(tmp_path: Path) -> None:
    """Front ends and dataclasses count by what is in them."""
    for front, done in ((FrontEnd(), True), (FrontEnd(), False), (FrontEnd(sample_frequency=8000), True)):
        run = Run(tmp_path)
        assert run.todo("s", makes=[], settings={"front": front, "stage": Path("x")}) == done
        run.close()


def test_results_are_printed_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(tmp_path, settings={"SEEDS": range(2)})
    rows = [{"task": "sv", "EER": "0.42 %"}, {"task": "é", "EER": "1 %"}]
    assert run.todo("s", makes=[])
    run.results(rows, "verification")
    run.results(rows[:1])
    table = "| task | EER |\n| --- | --- |\n| sv | 0.42 % |\n"
    assert capsys.readouterr().out == table + "| é | 1 % |\n" + table
    assert (tmp_path / "results.md").read_text() == table
    assert (tmp_path / "verification.md").read_text(encoding="utf-8") == table + "| é | 1 % |\n"
    found = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert found["tables"] == {"verification": rows, "results": rows[:1]}
    assert found["settings"] == {"SEEDS": "range(0, 2)"}
    assert 0 <= found["processor seconds"] < 10
    assert found["command"]
    assert 0 <= run.cpu_seconds("s") < 10


def test_options_reach_the_recipe(tmp_path: Path) -> None:
    given: dict[str, object] = {}

    @click.option("--seeds", type=int, default=3)
    @make_recipe()
    def recipe(run: Run, **options: object) -> None:
        """Do the work."""
        given.update(options, out=run.out, jobs=run.jobs)

    words = ["--corpus", str(tmp_path), "--out", "exp", "--jobs", "4"]
    works(CliRunner().invoke(recipe, words))
    assert given == {"corpus": tmp_path, "out": Path("exp"), "jobs": 4, "seeds": 3}


def test_defaults_and_help(tmp_path: Path) -> None:
    given: dict[str, object] = {}

    @make_recipe(corpus=False)
    def recipe(run: Run, **options: object) -> None:
        """Do the work."""
        given.update(options, out=run.out, jobs=run.jobs)

    assert CliRunner().invoke(recipe, ["--out", str(tmp_path)]).exit_code == 0
    jobs = given.pop("jobs")
    assert isinstance(jobs, int)
    assert jobs >= 1
    assert given == {"out": tmp_path}
    said = CliRunner().invoke(recipe, ["--help"]).output
    for words in ("Do the work.", "--out", "--jobs", "one a core", "--stage", "--debug"):
        assert words in said
    assert "--corpus" not in said


def test_bad_usage() -> None:
    @make_recipe()
    def recipe(run: Run, **options: object) -> None:
        """Do the work."""

    for words in (["--out", "exp"], ["--corpus", "c"], ["--corpus", "c", "--out", "exp", "--jobs", "0"]):
        assert CliRunner().invoke(recipe, words).exit_code == 2


def test_a_corpus_is_fetched_where_none_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch_corpus(name: str) -> Path:
        if name == "out-of-reach":
            raise DownloadError("https://example.org/a.tar.gz: can't be downloaded (no connection)")
        return tmp_path / name

    monkeypatch.setattr("gmmspeech.corpora.registry.fetch_corpus", fetch_corpus)
    given: list[tuple[Path, bool]] = []

    @make_recipe(fetch="large", quick="small")
    def recipe(run: Run, corpus: Path, quick: bool) -> None:
        """Do the work."""
        given.append((corpus, quick))

    for words in ([], ["--quick"], ["--corpus", "c"], ["--corpus", "c", "--quick"]):
        assert CliRunner().invoke(recipe, ["--out", "exp", *words]).exit_code == 0
    assert given == [(tmp_path / "large", False), (tmp_path / "small", True), (Path("c"), False), (Path("c"), True)]

    @make_recipe(fetch="out-of-reach")
    def other(run: Run, **options: object) -> None:
        """Do the work."""

    result = CliRunner().invoke(other, ["--out", "exp"])
    assert result.exit_code == 1
    assert result.stderr == (
        "gmmspeech: error: https://example.org/a.tar.gz: can't be downloaded (no connection); "
        "--corpus DIR takes the corpus from a folder instead\n"
    )


def test_an_error_is_one_line(tmp_path: Path) -> None:
    @make_recipe(corpus=False)
    def recipe(run: Run) -> None:
        """Do the work."""
        raise DataError(f"{run.out}/trials: found nothing")

    result = CliRunner().invoke(recipe, ["--out", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stderr == f"gmmspeech: error: {tmp_path}/trials: found nothing\n"
    with pytest.raises(DataError):
        CliRunner().invoke(recipe, ["--out", str(tmp_path), "--debug"], catch_exceptions=False)


@pytest.mark.parametrize(("number", "expected"), [("0", "1 or more"), ("-1", "1 or more"), ("2", "1 to 1")])
def test_a_stage_that_no_recipe_has(tmp_path: Path, number: str, expected: str) -> None:
    @make_recipe(corpus=False)
    def recipe(run: Run) -> None:
        """Do the work."""
        run.todo("only", makes=[])

    result = CliRunner().invoke(recipe, ["--out", str(tmp_path), "--stage", number])
    assert result.exit_code == 1
    assert result.stderr == f"gmmspeech: error: --stage: found {number}, expected {expected}\n"


def test_the_open_background_is_copied_anew_when_it_has_changed(tmp_path: Path, monkeypatch) -> None:
    """Even where size and time are the same, as installers may set them."""
    shipped = tmp_path / "background_8000.h5"
    monkeypatch.setattr("gmmspeech.speaker.shipped._DATA", tmp_path)
    for content, copied in (("one model", True), ("one model", False), ("two model", True)):
        shipped.write_text(content)
        os.utime(shipped, (0, 0))
        run, told = Run(tmp_path / "exp"), []
        with verbosity(log=told.append):
            assert take_open_background(run, 8000).read_text() == content
        run.close()
        assert ("done before" in "".join(told)) != copied
