"""Commands that are interrupted or find a full or failing disk: what was there stays, and one line tells."""

from __future__ import annotations

import functools
import os
import re
import signal
import struct
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import Result
from contents import contents
from said import beside_passes, stops, works

import gmmspeech as gs
from gmmspeech.formats.arpa import write_arpa
from gmmspeech.phones.labels.ngram import train_ngram

Run = Callable[..., Result]
UNIX = pytest.mark.skipif(os.name == "nt", reason="Unix has the means to test it")


def test_exit_status_of_processes(process, scored: Path) -> None:
    good = process("show", scored / "u.h5")
    assert (good.returncode, good.stderr) == (0, "")
    bad = process("show", scored / "trials")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.startswith(f"gmmspeech: error: {scored / 'trials'}: found no HDF5")
    assert bad.stderr.count("\n") == 1
    debugged = process("show", scored / "trials", "--debug")
    assert debugged.returncode == 1
    assert "Traceback" in debugged.stderr
    assert "DataError" in debugged.stderr
    usage = process("show", "--what")
    assert usage.returncode == 2
    assert "Traceback" not in usage.stderr


@UNIX
def test_a_closed_pipe_is_no_error_message(scored: Path) -> None:
    script = f"{sys.executable} -m gmmspeech show {scored / 'front.toml'} | true"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def interrupted(words: list[object], bar: str, number: int) -> tuple[int, str]:
    """Run a command with a terminal as stderr, send it a signal when a bar shows; give exit status and stderr."""
    import fcntl
    import pty
    import termios

    terminal, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    soon = "from gmmspeech import progress; progress.DELAY = 0.1; from gmmspeech.cli.entry import run; run()"
    command = [sys.executable, "-c", soon, *map(str, words)]
    # the shell that began the tests may have left SIGINT ignored, as for what it runs in the background
    heed = functools.partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command, stderr=side, stdout=subprocess.DEVNULL, preexec_fn=heed) as process:
        os.close(side)
        said, sent = b"", None
        try:
            while piece := os.read(terminal, 4096):
                said += piece
                if bar.encode() in said and (sent is None or time.monotonic() - sent > 2):
                    time.sleep(0.2)
                    process.send_signal(number)
                    sent = time.monotonic()
        except OSError:  # Linux: the other side is closed
            pass
        os.close(terminal)
    # Python itself drops an interrupt that falls into a weak reference's callback, and says so
    dropped = r"Exception ignored in.*?KeyboardInterrupt: ?"
    return process.returncode, re.sub(dropped, "", said.decode(), flags=re.DOTALL)


@UNIX
@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_while_training(scored: Path, jobs: int) -> None:
    before = contents(scored)
    with gs.FeatureStore(scored / "f.h5") as store:
        frames = np.concatenate(list(store.values()))
    noise = np.random.default_rng(0).normal(size=(100, *frames.shape)).astype(np.float32)
    gs.write_store(scored / "long.h5", [(str(i), frames + step) for i, step in enumerate(noise)])
    words = [
        "train-ubm",
        scored / "long.h5",
        scored / "u.h5",
        "-k",
        64,
        "--max-iter",
        99999,
        "--tol",
        0,
        "--jobs",
        jobs,
    ]
    status, said = interrupted(words, "nats a frame", signal.SIGINT)
    assert status == 130, said
    assert said.rstrip().endswith("gmmspeech: interrupted")
    assert "Traceback" not in said
    (scored / "long.h5").unlink()
    (scored / "u.h5.checkpoint").unlink()  # from which the same command would go on
    assert contents(scored) == before


def test_training_goes_on_from_its_checkpoint(
    scored: Path, run: Run, fails: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train-ubm", scored / "f.h5", scored / "new.h5", "-k", 4, "--max-iter", 9, "--tol", 0)
    assert run(*words).exit_code == 0
    expected = (scored / "new.h5").read_bytes()
    assert not (scored / "new.h5.checkpoint").exists()
    (scored / "new.h5").unlink()

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device", "new.h5")

    with monkeypatch.context() as patched:
        patched.setattr(gs.DiagonalGMM, "save", no_space)
        assert run(*words).exit_code == 1
    assert (scored / "new.h5.checkpoint").exists()
    other = ("train-ubm", scored / "f.h5", scored / "new.h5", "-k", 5, "--max-iter", 9, "--tol", 0)
    fails(scored, other, "new.h5.checkpoint: found a checkpoint of another training: --components 4, expected 5")
    works(run(*words, "--jobs", 2))
    assert (scored / "new.h5").read_bytes() == expected
    assert not (scored / "new.h5.checkpoint").exists()


@UNIX
@pytest.mark.parametrize("limit", [0, 3000, 9000])
def test_a_disk_that_fills_up_while_training(scored: Path, fails: Callable[..., None], limit: int) -> None:
    """What was there stays, and nothing half written; the system refuses files over the limit."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        fails(scored, ("train-ubm", scored / "f.h5", scored / "u.h5", "-k", 8), "u.h5", "can't be written")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@UNIX
@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_while_a_file_is_written(voices: Path, jobs: int) -> None:
    count = 6000
    soundfile.write(voices / "ann-1.wav", np.random.default_rng(0).standard_normal(4000) / 10, 8000)
    (voices / "wav.scp").write_text("".join(f"u{i:05d} ann-1.wav\n" for i in range(count)))
    (voices / "utt2spk").write_text("".join(f"u{i:05d} ann\n" for i in range(count)))
    (voices / "f.h5").write_text("what was there before")
    names = sorted(p.name for p in voices.iterdir())
    words = ["features", voices, voices / "f.h5", "--config", voices / "front.toml", "--jobs", jobs]
    status, said = interrupted(words, "utt/s", signal.SIGINT)
    assert status == 130, said
    assert said.rstrip().endswith("gmmspeech: interrupted")
    assert "Traceback" not in said
    assert sorted(p.name for p in voices.iterdir() if p.name != ".f.unfinished") == names  # what a later run takes
    assert (voices / "f.h5").read_text() == "what was there before"


@UNIX
@pytest.mark.parametrize("limit", [0, 700, 5000, 9000, 60000])
def test_a_full_disk(voices: Path, limit: int) -> None:
    """The system refuses to let files grow over a limit, as it does when the disk is full."""
    rng = np.random.default_rng(0)
    soundfile.write(voices / "ann-2.wav", rng.standard_normal(40 * 8000) / 10, 8000)
    (voices / "f.h5").write_text("what was there before")
    names = sorted(p.name for p in voices.iterdir())
    script = f"""
        import resource, signal
        from gmmspeech.cli.main import main
        import gmmspeech
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
        main(["features", "{voices}", "{voices / "f.h5"}", "--config", "{voices / "front.toml"}"])
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    place = re.escape(str(voices / ".f.unfinished"))
    said = rf"gmmspeech: error: {place}/\S+: can't be written \(File too large\), expected a place to write a file to\n"
    assert re.fullmatch(said, done.stderr), done.stderr
    assert sorted(p.name for p in voices.iterdir()) == names
    assert (voices / "f.h5").read_text() == "what was there before"


def outputs(scored: Path, place: Path) -> list[tuple[object, ...]]:
    f, u, m, _ = (scored / f"{letter}.h5" for letter in "fumc")
    return [
        ("features", scored, place / "f.h5", "--config", scored / "front.toml"),
        ("train-ubm", f, place / "u.h5", "-k", 4),
        ("enroll", u, f, scored / "enroll", place / "m.h5"),
        ("score", m, f, scored / "trials", place / "scores"),
        ("train-classifier", f, scored / "utt2spk", place / "c.h5", "-k", 2),
        ("evaluate", scored / "scores", scored / "trials", "--report", place / "report"),
    ]


def test_an_output_folder_that_cannot_be(run: Run, scored: Path) -> None:
    before = sorted(scored.iterdir())
    for words in outputs(scored, scored / "trials" / "folder"):
        stops(run(*words), "can't be written (Not a directory)")
        assert sorted(scored.iterdir()) == before


@pytest.mark.parametrize(("call", "error"), [("replace", 28), ("fsync", 28), ("fsync", 5), ("replace", 13)])
def test_a_disk_that_fails_at_the_end(
    run: Run, scored: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: int
) -> None:
    def files() -> dict[Path, bytes]:
        kept = (p for p in scored.rglob("*") if p.is_file() and p.parent.name != ".f.unfinished")  # for a later run
        return {p: p.read_bytes() for p in kept}

    before = files()

    def fail(*arguments: object) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, call, fail)
    for words in outputs(scored, scored)[:-1]:
        result = run(*words)
        assert result.exit_code == 1, result.output
        (line,) = beside_passes(result.stderr).splitlines()
        assert line.startswith("gmmspeech: error: ")
        assert f"can't be written ({os.strerror(error)})" in line
        assert files() == before


@UNIX
@pytest.mark.parametrize("command", ["align", "recognize"])
def test_a_kill_while_speech_is_searched_or_written_leaves_nothing_half_written(
    command: str, run: Run, digits: Path, tmp_path: Path
) -> None:
    """Killed once frames have been computed, and once results are being written; gone on with to the same files."""
    write_arpa(tmp_path / "digits.arpa", train_ngram([[word] for word in ["zero", "one", "two", "three"]], order=2))
    out = tmp_path / "here" / "out"
    more = {"align": [], "recognize": ["--lm", tmp_path / "digits.arpa", "--confidence"]}[command]
    out.parent.mkdir()
    assert run(command, digits, *more, "--out", tmp_path / "whole").exit_code == 0
    expected = contents(tmp_path / "whole")
    for place in ("gmmspeech.phones.hmm.model.PhoneHMM.log_likelihoods", "os.replace"):
        owner, name = place.rsplit(".", 1)
        dying = f"""
            import os, pkgutil, signal, sys
            from gmmspeech.cli.main import main
            owner = pkgutil.resolve_name({owner!r})
            setattr(owner, {name!r}, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
            main({list(map(str, [command, digits, *more, "--out", out]))!r}, prog_name="gmmspeech")
        """
        killed = subprocess.run([sys.executable, "-c", textwrap.dedent(dying)], capture_output=True, check=False)
        assert killed.returncode == -signal.SIGKILL, (place, killed.stderr)
        assert not out.exists() or contents(out) == expected
    assert run(command, digits, *more, "--out", out).exit_code == 0
    assert contents(out) == expected
    assert [path.name for path in out.parent.iterdir()] == ["out"]
