"""How much commands say: passes in lines, `--quiet`, `--verbose`, `--log`; and options of the same name everywhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import Result
from said import stops, works

from gmmspeech.cli.main import main

Run = Callable[..., Result]
PASS = re.compile(r"EM: pass (\d+), (-?[\d.]+) nats a frame(, gain [+-][\d.]+)?, \d+\.\d\d s")

# of options that many commands have, what each is everywhere: type, default (or any), flag
SAME = {
    "--config": ("text", ..., False),
    "--out": ("directory", ..., False),
    "--jobs": ("integer range", 1, False),
    "--seed": ("integer", 0, False),
    "--skip-bad": ("boolean", None, True),
    "--quiet": ("boolean", False, True),
    "--verbose": ("boolean", False, True),
    "--debug": ("boolean", False, True),
    "--log": ("file", None, False),
    "--channel": ("channel", ..., False),
    "--scheduler": ("text", None, False),
    "--allow-pipes": ("boolean", False, True),
}
EVERYWHERE = ("--quiet", "--verbose", "--log", "--debug")


def test_options_of_one_meaning_are_the_same_everywhere() -> None:
    helps: dict[str, set[str | None]] = {}
    for name, command in main.commands.items():
        there = {
            word: p for p in command.params if isinstance(p, click.Option) for word in (*p.opts, *p.secondary_opts)
        }
        assert set(EVERYWHERE) <= there.keys(), name
        for word in there.keys() & SAME.keys():
            option = there[word]
            assert (option.type.name, option.is_flag) == SAME[word][::2], f"{name} {word}"
            default = option.get_default(click.Context(command))
            default = None if "UNSET" in repr(default) else default  # what click calls none
            assert SAME[word][1] in (..., default) or word == "--skip-bad", f"{name} {word}: {default}"
            helps.setdefault(word, set()).add(option.help)
        assert not there.keys() & {"--num-jobs", "--nj", "--workers", "--random-state", "--output", "--output-dir"}, (
            name
        )
        if "--skip-bad" in there:
            assert "--strict" in there, name
    assert len(helps["--config"]) == 1


def test_passes_are_told_with_objective_gain_and_seconds(run: Run, scored: Path) -> None:
    result = works(run("train-ubm", scored / "f.h5", scored / "v.h5", "-k", 2, "--max-iter", 3, "--tol", 0))
    said = [PASS.fullmatch(line.removeprefix("gmmspeech: ")) for line in result.stderr.splitlines()]
    passes = [found for found in said if found]
    assert [int(found[1]) for found in passes] == list(range(1, len(passes) + 1))
    assert [bool(found[3]) for found in passes] == [False] + [True] * (len(passes) - 1)
    values = [float(found[2]) for found in passes]
    assert float(passes[1][3].split()[-1]) == pytest.approx(values[1] - values[0], abs=2e-4)
    assert f"{values[-1]:.4f} nats a frame" in result.stdout


def test_quiet_says_nothing_but_errors(run: Run, scored: Path) -> None:
    words = ("train-ubm", scored / "f.h5", scored / "v.h5", "-k", 200, "--quiet")
    assert run(*words[:-1]).stderr.count("warning") > 0
    (scored / "v.h5").unlink()
    assert run(*words).stderr == ""
    result = run("train-ubm", scored / "none.h5", scored / "w.h5", "--quiet")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith("gmmspeech: error: ")


def test_verbose_tells_the_command_and_how_it_ended(run: Run, scored: Path) -> None:
    first, *_, last = run("show", scored / "u.h5", "--verbose").stderr.splitlines()
    assert first.startswith("gmmspeech: version ")
    assert first.endswith(f"gmmspeech show {scored / 'u.h5'} --verbose")
    assert re.fullmatch(r"gmmspeech: ended after \d+\.\d\d s(, at most \d+ MiB of memory)?", last)
    result = run("show", scored / "u.h5", "--verbose", "--quiet")
    assert (result.exit_code, "found both --quiet and --verbose" in result.stderr) == (2, True)


def test_a_log_has_it_all_and_grows(run: Run, scored: Path) -> None:
    log = scored / "logs" / "log"
    assert run("train-ubm", scored / "f.h5", scored / "v.h5", "-k", 2, "--quiet", "--log", log).stderr == ""
    assert run("train-ubm", scored / "none.h5", scored / "w.h5", "--log", log).exit_code == 1
    lines = [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \d+ ", "", line) for line in log.read_text().splitlines()]
    assert sum(line.startswith("version ") for line in lines) == 2
    assert sum(line.startswith("ended after ") for line in lines) == 2
    assert any(PASS.fullmatch(line) for line in lines)
    assert f"error: {scored}/none.h5: no such file" in lines[-2]


def test_a_log_is_no_file_that_a_command_works_on(run: Run, scored: Path) -> None:
    before = (scored / "f.h5").read_bytes()
    for log in (scored / "f.h5", scored / "u.h5"):
        stops(run("train-ubm", scored / "f.h5", scored / "u.h5", "--log", log), "and as --log, expected two places")
    assert (scored / "f.h5").read_bytes() == before
    assert "can't be written" in run("show", scored / "u.h5", "--log", scored).stderr + "can't be written"
    assert run("show", scored / "u.h5", "--log", scored / "f.h5" / "log").exit_code == 1


def test_a_log_is_no_stream(run: Run, scored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(scored)
    refused = run("show", "u.h5", "--log", "-")
    assert (refused.exit_code, "found -, expected the name of a file" in refused.stderr) == (2, True)
    assert not (scored / "-").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete(shell: str, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setenv("_GMMSPEECH_COMPLETE", f"{shell}_source")
    assert "_GMMSPEECH_COMPLETE=" in run().stdout
    monkeypatch.setenv("_GMMSPEECH_COMPLETE", f"{shell}_complete")
    words = {"COMP_WORDS": "gmmspeech train-u", "COMP_CWORD": "train-u" if shell == "fish" else "1"}
    for name, value in words.items():
        monkeypatch.setenv(name, value)
    assert "train-ubm" in run().stdout
