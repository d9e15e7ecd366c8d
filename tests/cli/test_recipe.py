"""The options that recipes share."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gmmspeech.cli.recipe import recipe_command
from gmmspeech.errors import DataError, DownloadError
from gmmspeech.pipeline import Stage, run_stages


def test_options_reach_the_recipe(tmp_path: Path) -> None:
    given: dict[str, object] = {}

    @click.option("--seeds", type=int, default=3)
    @recipe_command()
    def recipe(**options: object) -> None:
        """Do the work."""
        given.update(options)

    words = ["--corpus", str(tmp_path), "--out", "exp", "--jobs", "4", "--stage", "2"]
    result = CliRunner().invoke(recipe, words)
    assert result.exit_code == 0, result.output
    assert given == {"corpus": tmp_path, "out": Path("exp"), "jobs": 4, "stage": 2, "seeds": 3}


def test_defaults_and_help(tmp_path: Path) -> None:
    given: dict[str, object] = {}

    @recipe_command(corpus=False)
    def recipe(**options: object) -> None:
        """Do the work."""
        given.update(options)

    assert CliRunner().invoke(recipe, ["--out", str(tmp_path)]).exit_code == 0
    jobs = given.pop("jobs")
    assert isinstance(jobs, int)
    assert jobs >= 1
    assert given == {"out": tmp_path, "stage": None}
    said = CliRunner().invoke(recipe, ["--help"]).output
    for words in ("Do the work.", "--out", "--jobs", "one a core", "--stage", "--debug"):
        assert words in said
    assert "--corpus" not in said


def test_bad_usage() -> None:
    @recipe_command()
    def recipe(**options: object) -> None:
        """Do the work."""

    for words in (["--out", "exp"], ["--corpus", "c"], ["--corpus", "c", "--out", "exp", "--jobs", "0"]):
        assert CliRunner().invoke(recipe, words).exit_code == 2


def test_a_corpus_is_fetched_where_none_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch_corpus(name: str) -> Path:
        if name == "out-of-reach":
            raise DownloadError("https://example.org/a.tar.gz: can't be downloaded (no connection)")
        return tmp_path / name

    monkeypatch.setattr("gmmspeech.corpora.open_corpora.fetch_corpus", fetch_corpus)
    given: list[tuple[Path, bool]] = []

    @recipe_command(fetch="large", quick="small")
    def recipe(corpus: Path, quick: bool, **options: object) -> None:
        """Do the work."""
        given.append((corpus, quick))

    for words in ([], ["--quick"], ["--corpus", "c"], ["--corpus", "c", "--quick"]):
        assert CliRunner().invoke(recipe, ["--out", "exp", *words]).exit_code == 0
    assert given == [(tmp_path / "large", False), (tmp_path / "small", True), (Path("c"), False), (Path("c"), True)]

    @recipe_command(fetch="out-of-reach")
    def other(**options: object) -> None:
        """Do the work."""

    result = CliRunner().invoke(other, ["--out", "exp"])
    assert result.exit_code == 1
    assert result.stderr == (
        "gmmspeech: error: https://example.org/a.tar.gz: can't be downloaded (no connection); "
        "--corpus DIR takes the corpus from a folder instead\n"
    )


def test_an_error_is_one_line(tmp_path: Path) -> None:
    @recipe_command(corpus=False)
    def recipe(out: Path, **options: object) -> None:
        """Do the work."""
        raise DataError(f"{out}/trials: found nothing")

    result = CliRunner().invoke(recipe, ["--out", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stderr == f"gmmspeech: error: {tmp_path}/trials: found nothing\n"
    with pytest.raises(DataError):
        CliRunner().invoke(recipe, ["--out", str(tmp_path), "--debug"], catch_exceptions=False)


@pytest.mark.parametrize("number", ["0", "-1", "2"])
def test_a_stage_that_there_is_not(tmp_path: Path, number: str) -> None:
    @recipe_command(corpus=False)
    def recipe(out: Path, stage: int | None, **options: object) -> None:
        """Do the work."""
        run_stages([Stage("only", lambda: None, [])], out, first=stage)

    result = CliRunner().invoke(recipe, ["--out", str(tmp_path), "--stage", number])
    assert result.exit_code == 1
    assert result.stderr == f"gmmspeech: error: --stage: found {number}, expected 1 to 1\n"
