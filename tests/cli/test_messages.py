"""Messages name options as they are typed, and only those that the command has."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import Result

import gmmspeech
from gmmspeech.cli.main import main
from gmmspeech.cli.messages import _FUNCTIONS, as_typed

Run = Callable[..., Result]
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
PACKAGE = Path(gmmspeech.__file__).parent


def options(command: click.Command) -> set[str]:
    return {name for parameter in command.params if isinstance(parameter, click.Option) for name in parameter.opts}


@pytest.mark.parametrize(
    ("command", "message", "expected"),
    [
        ("normalize-scores", "top_n: found None, expected it for 'as'", "--top-n: found None, expected it for 'as'"),
        ("normalize-scores", "model_cohort: found none, expected some", "--model-cohort: found none, expected some"),
        ("normalize-scores", "/x/model_cohort:3: found top_n", "/x/model_cohort:3: found --top-n"),
        ("normalize-scores", "model_cohort:3: found 2 fields", "model_cohort:3: found 2 fields"),
        ("normalize-scores", "the method 'z' of method", "the method 'z' of method"),
        ("score", "top_c: found 3 with scoring = 'x'", "--top-c: found 3 with --scoring = 'x'"),
        ("score", "m.top_c: a-top_c", "m.top_c: a-top_c"),
        ("train-ubm", "n_components: found 0, n_jobs=3, random_state", "--components: found 0, --jobs=3, --seed"),
        ("train-ubm", "features.variance_floor = 3, top_c", "features.variance_floor = 3, top_c"),
        ("train-plda", "rank: found 9, expected 1 to 4", "--rank: found 9, expected 1 to 4"),
        ("train-plda", "u.h5: rank: found 9", "u.h5: rank: found 9"),
        ("all-trials", "n_jobs: found 0", "n_jobs: found 0"),
    ],
)
def test_parameters_become_options(command: str, message: str, expected: str) -> None:
    assert as_typed(main.commands[command])(message) == expected


def test_functions_names_are_of_options_there_are() -> None:
    everything = {parameter.name for command in main.commands.values() for parameter in command.params}
    assert set(_FUNCTIONS.values()) <= everything


def messages(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Text that a piece of code may say: all of it but docstrings and what click is told of options."""
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.lineno, each.value


def test_only_commands_and_recipes_name_options() -> None:
    """All others name parameters, which become options where a command has them."""
    known = {option for command in main.commands.values() for option in options(command)}
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        raised = [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
        for number, text in (each for node in raised for each in messages(node)):
            for option in OPTION.findall(text):
                place = f"{path.relative_to(PACKAGE)}:{number}: {option}"
                if path.parent.name == "cli":
                    assert option in known, place
                else:
                    assert (path.name, option) in {("pipeline.py", "--stage"), ("conf_files.py", "--name")}, place


def test_a_command_names_no_option_of_another() -> None:
    names = {command.callback.__wrapped__.__name__: command for command in main.commands.values()}  # type: ignore[union-attr]
    seen = 0
    for path in sorted((PACKAGE / "cli").glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name in names:
                seen += 1
                raised = [each for each in ast.walk(node) if isinstance(each, ast.Raise)]
                for number, text in (each for statement in raised for each in messages(statement)):
                    for option in OPTION.findall(text):
                        assert option in options(names[node.name]), f"{path.name}:{number}: {option}"
    assert seen == len(names)


@pytest.mark.parametrize(
    ("command", "words", "expected"),
    [
        (
            "normalize-scores",
            ["scores", "out", "--method", "as", "--test-cohort", "scores"],
            "--top-n: found no number of scores",
        ),
        ("normalize-scores", ["scores", "out", "--method", "z"], "--model-cohort: found none, expected some"),
        ("normalize-scores", ["scores", "out", "--method", "t"], "--test-cohort: found none, expected some"),
        ("score", ["m.h5", "f.h5", "trials", "out", "--top-c", 99], "--top-c: found 99"),
        ("score", ["m.h5", "f.h5", "trials", "out", "--top-c", 2, "--scoring", "statistics"], "--top-c: found 2"),
        ("evaluate", ["scores", "trials", "--bootstrap", 3], "found --bootstrap = 3 and 0 files of speakers"),
        ("features", [".", "out.h5", "--config", "front.toml", "--shards", 99], "--shards: found 99"),
        ("features", [".", "out.h5", "--config", "front.toml", "--shard", 2], "--shard: found 2"),
        ("enroll", ["u.h5", "f.h5", "enroll", "out.h5", "--update", "x"], "--update: found 'x'"),
        ("copy-features", ["f.h5", "htk:out", "--kind", "X"], "--kind: found 'X'"),
        ("features", [".", "out.h5", "--raw", "x"], "--raw: found"),
    ],
)
def test_what_commands_say(
    scored: Path, run: Run, monkeypatch: pytest.MonkeyPatch, command: str, words: list[object], expected: str
) -> None:
    monkeypatch.chdir(scored)
    result = run(command, *words)
    assert result.exit_code == 1, result.output
    assert f"error: {expected}" in result.stderr
    assert set(OPTION.findall(result.stderr)) <= options(main.commands[command])
