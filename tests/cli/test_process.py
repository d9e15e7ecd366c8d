"""Real processes end in one line and with the right status, whatever happens to their streams, and when interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from said import stops

import gmmspeech as gs
import gmmspeech.formats.loading
from gmmspeech.cli.main import main
from gmmspeech.cli.process import tell

Run = Callable[..., Result]
GMMSPEECH = f"{sys.executable} -m gmmspeech"
pytestmark = pytest.mark.skipif(os.name == "nt", reason="Unix has the means to test it")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A mixture u.h5, features f.h5, a dictionary and a front end."""
    gs.DiagonalGMM.from_parameters([0.5, 0.5], [[0.0], [3.0]], [[1.0], [1.0]]).save(tmp_path / "u.h5")
    gs.write_store(tmp_path / "f.h5", [("u", np.random.default_rng(0).normal(size=(20_000, 8)))])
    (tmp_path / "that.dict").write_text("THAT DH AE T\n")
    (tmp_path / "front.toml").write_text('sample_frequency = 8000\n[features]\ntype = "mfcc"\nnum_ceps = 6\n[deltas]\n')
    return tmp_path


def shell(script: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of shell, in which G is the command."""
    environment = {**os.environ, "G": GMMSPEECH, **variables}
    return subprocess.run(["bash", "-c", script], env=environment, capture_output=True, timeout=120)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii", "utf-8"])
def test_any_encoding_of_standard_output(folder: Path, encoding: str) -> None:
    done = shell(f"$G show {folder}/front.toml", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    if encoding in ("ascii", "utf-8"):  # click takes ASCII for a mistake
        assert "6 MFCC + Δ + ΔΔ" in done.stdout.decode()
    else:
        assert r"6 MFCC + \u0394 + \u0394\u0394" in done.stdout.decode(encoding)


@pytest.mark.parametrize(
    ("script", "status", "out", "error"),
    [
        ("$G pronounce THAT --dictionary $D/that.dict >&-", 0, "", ""),
        ("$G pronounce THAT --dictionary $D/that.dict 2>&-", 0, "THAT DH AE T", ""),
        ("$G pronounce THAT --dictionary $D/that.dict <&- >&- 2>&-", 0, "", ""),
        ("$G pronounce THAT --dictionary $D/none 2>&-", 1, "", ""),
        ("$G show --what 2>&-", 2, "", ""),
        ("$G pronounce THAT --dictionary $D/none 2>/dev/full", 1, "", ""),
        (
            "$G pronounce THAT --dictionary $D/that.dict >/dev/full",
            1,
            "",
            "gmmspeech: error: standard output: can't be written (No space left",
        ),
        ("$G --help >/dev/full", 1, "", "standard output: can't be written (No space left"),
        ("$G show --help >/dev/full", 1, "", "standard output: can't be written (No space left"),
        ("$G pronounce THAT --dictionary $D/that.dict | head -0; exit ${PIPESTATUS[0]}", 141, "", ""),
        ("$G pronounce THAT --dictionary $D/that.dict --debug | head -0; exit ${PIPESTATUS[0]}", 141, "", ""),
        ("$G --help | head -0; exit ${PIPESTATUS[0]}", 141, "", ""),
        ("$G copy-features $D/f.h5 ark:- >&-", 1, "", "standard output: found it closed, expected a file or a pipe"),
        ("$G copy-features ark:- $D/new <&-", 1, "", "ark:-: found standard input closed, expected a pipe or a file"),
        ("$G --help | head -1", 0, "Usage: gmmspeech", ""),
        ("$G copy-features $D/f.h5 ark,t:$D/new >&- 2>&- <&- && head -1 $D/new && tail -1 $D/new", 0, "u  [", ""),
    ],
)
def test_streams_that_are_closed_or_full(folder: Path, script: str, status: int, out: str, error: str) -> None:
    done = shell(script, D=str(folder))
    assert done.returncode == status, done
    assert out in done.stdout.decode()
    assert bool(out) == bool(done.stdout)
    assert error in done.stderr.decode()
    assert done.stderr.count(b"\n") == bool(error)


AS_A_MODULE = "import runpy; runpy.run_module({!r}, None, '__main__', True)"


@pytest.mark.parametrize(
    "start",
    [
        "from gmmspeech.cli.entry import run; run()",
        AS_A_MODULE.format("gmmspeech"),
        AS_A_MODULE.format("gmmspeech.cli.main"),
    ],
)
def test_ctrl_c_at_any_time_is_one_line(folder: Path, start: str) -> None:
    """From the first moment that Python has begun with our code, while it imports, and while it works."""
    code = f"import gmmspeech.cli.entry; print(1, flush=True); {start}"  # which takes its time on a busy machine
    words = ["train-ubm", folder / "f.h5", folder / "new.h5", "-k", "64", "--max-iter", "99999", "--tol=0", "--quiet"]
    command = [sys.executable, "-c", code, *map(str, words)]
    heed = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    for wait in (0.05, 0.1, 0.2, 0.4, 0.7, 1.0) if "entry" in start else (0.2, 0.5, 1.0):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **heed) as process:
            process.stdout.readline()
            time.sleep(wait)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=120)
        assert (process.returncode, said) == (130, b"gmmspeech: interrupted\n"), wait
        # a training that has begun leaves what the same command goes on from
        assert {path.suffix for path in folder.glob(".new*")} <= {".checkpoint"}


@pytest.mark.skipif(os.name == "nt", reason="Windows ends processes without asking them")
def test_a_process_that_is_to_end_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    """While it works on what it keeps of a stream; the process ends by the signal, as others expect."""
    (tmp_path / "kept").mkdir()
    words = ["copy-features", "ark:-", tmp_path / "new.h5", "--quiet"]
    with subprocess.Popen(
        [sys.executable, "-m", "gmmspeech", *map(str, words)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path / "kept")},
    ) as process:
        while not list((tmp_path / "kept").glob("*/0.in")):
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        said = process.stderr.read()
    assert (process.returncode, said) == (-signal.SIGTERM, b"gmmspeech: terminated\n")
    assert not list((tmp_path / "kept").iterdir())
    assert {path.name for path in tmp_path.iterdir()} == {"u.h5", "f.h5", "that.dict", "front.toml", "kept"}


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("x"),
        MemoryError(),
        RecursionError("x"),
        OSError(5, "x"),
        UnicodeEncodeError("ascii", "é", 0, 1, "x"),
    ],
)
def test_only_debug_shows_a_traceback(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("gmmspeech.commands.show.load", fail)  # first: imported after the other, it would keep this
    monkeypatch.setattr(gmmspeech.formats.loading, "load", fail)
    stops(run("show", folder / "u.h5"))
    debugged = run("show", folder / "u.h5", "--debug")
    assert debugged.exit_code == 1
    assert "Traceback" in debugged.stderr


def run_code(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process that heeds SIGINT, which whoever began the tests may ignore."""
    code = f"import os, signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n{code}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("wait", [0, 0.2])
def test_an_interruption_that_python_drops_comes_again(wait: float) -> None:
    """Though a busy machine is slow to start what sends it, so that it comes while Python still drops the first."""
    code = f"""
import signal, threading, time, weakref
from gmmspeech.cli.process import orderly
waits, start = [{wait}], threading.Timer.start
def slowly(timer):
    start(timer)
    time.sleep(waits.pop() if waits else 0)
threading.Timer.start = slowly
class A: pass
with orderly():
    a = A()
    found = weakref.ref(a, lambda _: signal.raise_signal(signal.SIGINT))
    del a
    time.sleep(20)
"""
    done = run_code(code)
    assert (done.returncode, done.stderr) == (130, "gmmspeech: interrupted\n")


@pytest.mark.parametrize(("more", "out"), [(1, "cleared up\n"), (2, "")])
def test_a_second_interruption_does_not_keep_from_clearing_up_and_a_third_does(more: int, out: str) -> None:
    code = f"""
from gmmspeech.cli.process import orderly
with orderly():
    try:
        signal.raise_signal(signal.SIGINT)
    finally:
        for _ in range({more}):
            signal.raise_signal(signal.SIGINT)
        print("cleared up", flush=True)
"""
    done = run_code(code)
    assert (done.returncode, done.stdout, done.stderr) == (130, out, "gmmspeech: interrupted\n")


@pytest.mark.parametrize("before", [0, 130])
@pytest.mark.parametrize("moment", ["threads are waited for", "modules are removed"])
def test_an_interruption_while_python_ends(moment: str, before: int) -> None:
    """Python no longer heeds one when it removes the modules, and would end by the signal."""
    code = f"""
import threading, time
from gmmspeech.cli.entry import run
def interrupt(kill=os.kill, process=os.getpid(), number=signal.SIGINT):
    kill(process, number)
class Last:
    def __del__(self, interrupt=interrupt):
        interrupt()
def wait():
    threading.main_thread().join()
    time.sleep(0.3)
    interrupt()
    time.sleep(20)
if {before}:
    import gmmspeech.cli.main
    gmmspeech.cli.main.main.callback = interrupt
sys.argv = ["gmmspeech", "show", "none"] if {before} else ["gmmspeech", "--help"]
if "threads" in "{moment}":
    threading.Thread(target=wait).start()
else:
    sys.modules["last"] = Last()
run()
"""
    done = run_code(code)
    assert done.returncode == (130 if "threads" in moment else before), done
    assert done.stderr == ("gmmspeech: interrupted\n" if before else "")


def test_an_interruption_of_an_import_waits_for_its_end(tmp_path: Path) -> None:
    """Libraries in C print tracebacks of it, or make another error; and there may be files to clear up."""
    raising = (
        "import signal\ntry:\n    signal.raise_signal(signal.SIGINT)\nexcept BaseException as error:\n    print(error)"
    )
    (tmp_path / "printing.py").write_text(raising)
    code = f"""
import time
import gmmspeech.cli.main
from gmmspeech.cli.entry import run
sys.path.append({str(tmp_path)!r})
def work():
    try:
        __import__("printing")
        time.sleep(20)
    finally:
        print("cleared up")
gmmspeech.cli.main.main.callback = work
sys.argv = ["gmmspeech", "show", "none"]
run()
"""
    done = run_code(code)
    assert (done.returncode, done.stdout, done.stderr) == (130, "cleared up\n", "gmmspeech: interrupted\n")


def test_an_error_after_an_interruption_is_the_interruption(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries that are being imported may make another error of it."""

    def fail(*_: object, **__: object) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("numpy: you should not try") from None

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        monkeypatch.setattr("gmmspeech.commands.show.load", fail)
        result = CliRunner().invoke(main, ["show", str(folder / "u.h5")])
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert (result.exit_code, result.output) == (130, "gmmspeech: interrupted\n")


def test_what_commands_a_terminal_is_escaped(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = "u\x1b]0;title\x07\x1b[2J"
    result = run("show", folder / hostile)
    stops(result, r"u\x1b]0;title\x07\x1b[2J")
    assert result.stderr.rstrip("\n").isprintable()
    said: list[str] = []
    monkeypatch.setattr("gmmspeech.cli.process.click.echo", said.append)
    for terminal in (True, False):
        monkeypatch.setattr("sys.stdout.isatty", lambda terminal=terminal: terminal, raising=False)
        tell(f"{hostile} one\nü two")
    assert said == [r"u\x1b]0;title\x07\x1b[2J one" + "\nü two", f"{hostile} one\nü two"]
