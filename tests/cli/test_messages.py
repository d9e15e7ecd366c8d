"""Messages name options as they are typed, and only those that the command has."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
import pytest
import soundfile
from click.testing import Result
from said import stops

import gmmspeech
from gmmspeech.cli.main import main
from gmmspeech.cli.messages import _FUNCTIONS, as_typed
from gmmspeech.formats.labels.textgrid import write_textgrid
from gmmspeech.phones.labels.labels import Label

Run = Callable[..., Result]
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
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
        ("align", "x.toml: [cmvn] unknown key 'norm_vars'", "x.toml: [cmvn] unknown key 'norm_vars'"),
        ("all-trials", "n_jobs: found 0", "n_jobs: found 0"),
    ],
)
def test_parameters_become_options(command: str, message: str, expected: str) -> None:
    assert as_typed(main.commands[command])(message) == expected


def test_functions_names_are_of_options_there_are() -> None:
    everything = {parameter.name for command in main.commands.values() for parameter in command.params}
    assert set(_FUNCTIONS.values()) <= everything


def with_options() -> Iterator[tuple[Path, ast.Module]]:
    """Files of the package in which an option is named somewhere, and their code."""
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if OPTION.search(text):
            yield path, ast.parse(text)


def messages(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Text that a piece of code may say: all of it but docstrings and what click is told of options."""
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.lineno, each.value


def test_only_commands_and_recipes_name_options() -> None:
    """All others name parameters, which become options where a command has them."""
    known = {option for command in main.commands.values() for option in options(command)}
    allowed = {
        ("pipeline.py", "--stage"),
        ("pipeline.py", "--test"),
        ("conf_files.py", "--name"),
        ("folder.py", "--name"),
    }
    for path, tree in with_options():
        raised = [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
        for number, text in (each for node in raised for each in messages(node)):
            for option in OPTION.findall(text):
                place = f"{path.relative_to(PACKAGE)}:{number}: {option}"
                if path.parent.name == "cli":
                    assert option in known, place
                else:
                    assert (path.name, option) in allowed, place


def texts(node: ast.AST) -> list[str]:
    """Texts in a function, but for its documentation: whatever it may print."""
    documented = ast.get_docstring(node, clean=False) if isinstance(node, ast.FunctionDef) else None
    body = node.body if isinstance(node, ast.FunctionDef) else [node]
    found = [part.value for each in body for part in ast.walk(each) if isinstance(part, ast.Constant)]
    return [text for text in found if isinstance(text, str) and text != documented]


def test_a_command_names_no_option_of_another() -> None:
    """Neither do functions beside it that it calls, in errors, warnings, and what is printed."""
    names = {command.callback.__wrapped__.__name__: command for command in main.commands.values()}  # type: ignore[union-attr]
    seen = set()
    for path in sorted((PACKAGE / "cli").glob("*.py")):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        functions = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
        for name in functions.keys() & names.keys() - {"demo"}:  # which prints what other commands are called with
            reached, wanted = set(), {name}
            while wanted:
                function = wanted.pop()
                reached.add(function)
                called = {part.id for part in ast.walk(functions[function]) if isinstance(part, ast.Name)}
                wanted |= called & functions.keys() - reached
            for text in (text for function in reached for text in texts(functions[function])):
                for option in OPTION.findall(text):
                    assert option in known_to(names[name]), f"{path.name}: {name}: {option}"
            seen.add(name)
    assert seen == names.keys() - {"demo"}


def known_to(command: click.Command) -> set[str]:
    """Options of a command, in both forms of those that are yes or no."""
    both = {name for each in command.params if isinstance(each, click.Option) for name in each.secondary_opts}
    return options(command) | both | {"--help"}


def test_help_names_no_option_of_another_command() -> None:
    for name, command in main.commands.items():
        asked = [each for each in command.params if isinstance(each, click.Option)]
        told = [command.help or "", *(f"{each.help} {each.show_default}" for each in asked)]
        lines = [line for text in told for line in text.splitlines() if not line.strip().startswith("gmmspeech ")]
        # an option right behind a command's name is of that command
        own = re.sub(rf"\b({'|'.join(main.commands)}) --[a-z0-9-]+", "", "\n".join(lines))
        for option in OPTION.findall(own):
            assert option in known_to(command), f"{name}: {option}"


def test_other_texts_name_options_that_there_are() -> None:
    """Where a warning, or a page, names an option, a command has it."""
    known = {option for command in main.commands.values() for option in known_to(command)}
    others = {
        "pipeline.py",
        "conf_files.py",
        "frontend.py",
        "ark.py",
        "folder.py",
    }  # of recipes, and in files of Kaldi's
    for path, tree in with_options():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and path.name not in others:
                for text in texts(node):
                    named = {option for option in OPTION.findall(text) if f"var({option})" not in text}
                    assert named <= known, f"{path.relative_to(PACKAGE)}: {node.name}: {named - known}"


def test_a_stereo_recording_asks_for_no_parameter(run: Run, tmp_path: Path) -> None:
    """Commands that have --channel name that, the others read it as it is."""
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        soundfile.write(tmp_path / f"{name}.wav", rng.normal(0, 0.1, (9000, 2)), 16000)
        write_textgrid(tmp_path / f"{name}.TextGrid", {"phones": [Label(0.1, 0.4, "AA"), Label(0.4, 0.7, "S")]})
        (tmp_path / f"{name}.lab").write_text("ah")
    for file in ("wav.scp", "utt2spk"):
        lines = [f"{name} {name}{'.wav' if file == 'wav.scp' else ''}" for name in "abc"]
        (tmp_path / file).write_text("\n".join(lines) + "\n")
    (tmp_path / "text").write_text("a ah\nb ah\nc ah\n")
    labels = ("--labels", tmp_path / "a.TextGrid")
    chosen = [["--channel", channel] for channel in ("mix", 0, 1)]  # what the message offers is taken
    assert [run("features", tmp_path, tmp_path / "f.h5", *each).exit_code for each in chosen] == [0, 0, 0]
    for bad in ("left", "-1", "1.5"):
        done = run("features", tmp_path, tmp_path / "f.h5", "--channel", bad)
        assert done.exit_code == 2
        assert f"found {bad}, expected the number of a channel, from 0, or mix" in done.stderr
    for words in (
        ("features", tmp_path, tmp_path / "f.h5", "--config", "clean_speech"),
        ("align", tmp_path),
        ("recognize", tmp_path, "--dictionary", "cmudict", "--words", "ah"),
        ("train-phone-classifier", tmp_path, tmp_path / "c.h5", *labels, "-k", 1, "--dim", 1),
        ("train-phones", tmp_path, tmp_path / "m.h5", *labels),
        ("plot-alignment", tmp_path / "a.wav", tmp_path / "a.TextGrid", tmp_path / "a.png"),
    ):
        result = run(*words)
        command = main.commands[str(words[0])]
        bare = r"(?<!-)\b(channel|tier|format|skip_bad|n_jobs|unknown_words) ?="
        assert not re.search(bare, result.output), result.output
        assert set(OPTION.findall(result.output)) <= known_to(command), result.output


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
    stops(result, f"error: {expected}")
    assert set(OPTION.findall(result.stderr)) <= options(main.commands[command])
