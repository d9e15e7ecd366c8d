"""Fixtures that find the corpora and golden files through the environment, and a server to download from."""

from __future__ import annotations

import gc
import inspect
import os
import re
import sys

if "PYTEST_XDIST_WORKER" in os.environ:  # side by side, a second thread of BLAS would spin while it waits for a core
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is imported

import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import gmmspeech as gs
from gmmspeech.corpora.voices import write_voices
from gmmspeech.files.atomic import one_run_at_a_time

# what the tests start is compiled once, as on a user's machine, wherever the environment says otherwise
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# fewer examples than the default of 100 keep the whole suite short; a busy machine is no failure
settings.register_profile("suite", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


gc.disable()  # while tests are collected, which takes a fifth longer otherwise


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the examples of public names as a reader types them, without what their module imports."""
    examples = [item for item in items if isinstance(item, pytest.DoctestItem)]
    typed = _public_classes_and_functions() if examples else frozenset()
    for item in examples:
        if typed & {item.dtest.name, item.dtest.name.rpartition(".")[0]}:
            item.dtest.globs = {"__name__": "__main__"}


def _public_classes_and_functions() -> frozenset[str]:
    rooms = [gs, *(room for name in gs.__all__ if inspect.ismodule(room := getattr(gs, name)))]
    public = [getattr(room, name) for room in rooms for name in getattr(room, "__all__", dir(room))]
    classes = [base for each in public if inspect.isclass(each) for base in each.__mro__]
    return frozenset(
        f"{each.__module__}.{each.__qualname__}" for each in (*public, *classes) if hasattr(each, "__qualname__")
    )


def pytest_collection_finish() -> None:
    """Leave thousands of tests, which stay, out of every search for garbage."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """Leave out what only a power cut would show, and what takes milliseconds for each of thousands of files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", os.fstat)  # which refuses what is no open file, as it does
        yield


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if value and Path(value).is_dir():
        return Path(value)
    message = f"{variable} is {'unset' if not value else f'{value!r}, which is no folder'}; this test needs it"
    if os.environ.get("GMMSPEECH_REQUIRE_DATA") == "1":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """A function that makes a folder unreadable, to root too."""
    scandir, refused = os.scandir, set[str]()

    def refusing(path: str = ".") -> object:
        if os.fspath(path) in refused:
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    return lambda folder: refused.add(os.fspath(folder))


@pytest.fixture
def golden() -> Path:
    """The folder of numbers computed by Kaldi, HTK and bob."""
    return _folder("GMMSPEECH_GOLDEN")


@pytest.fixture
def corpus() -> Callable[[str], Path]:
    """A function: corpus name to its folder."""
    root = _folder("GMMSPEECH_CORPORA")
    return lambda name: root / name


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without pictures, which take longer than all else in a test."""
    monkeypatch.setattr("gmmspeech.report.html.figure_of", lambda *_, **__: None)
    monkeypatch.setattr("gmmspeech.report.html.inline_svg", lambda *_, **__: "")


@pytest.fixture
def kept_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints keep every state, however soon it comes behind the one before."""
    monkeypatch.setattr("gmmspeech.files.checkpoints.SECONDS_APART", 0.0)


def _text_archive(path):
    """Name to array of every ``NAME [ numbers ]`` in a file of Kaldi's text format, (T, D) where it has lines."""
    found = {}
    for name, body in re.findall(r"<?([\w-]+)>?\s*\[([^\]]*)\]", path.read_text()):
        rows = [line.split() for line in body.strip().splitlines()]
        found[name] = np.array(rows if len(rows) > 1 else rows[0], dtype=np.float64)
    return found


@pytest.fixture
def kaldi(golden):
    """A function: file name in golden/kaldi/gmm to its arrays by name."""
    return lambda name: _text_archive(golden / "kaldi" / "gmm" / name)


@pytest.fixture
def kaldi_mixture(kaldi):
    """A function: file of a DiagGmm in text to weights, means, variances."""

    def read(name):
        gmm = kaldi(name)
        variances = 1 / gmm["INV_VARS"]
        return gmm["WEIGHTS"], gmm["MEANS_INVVARS"] * variances, variances

    return read


@pytest.fixture
def kaldi_frames(golden):
    """Utterance to the frames on which the golden mixture was trained."""
    return _text_archive(golden / "kaldi" / "feats" / "deltas_w3.txt")


@pytest.fixture
def bob(golden):
    """A function: name of a file in golden/bob to its array in float64."""

    def read(name):
        with h5py.File(golden / "bob" / f"{name}.hdf5") as file:
            return next(iter(file.values()))[()].astype(np.float64)

    return read


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """A function: a name, and what fills a folder, to the folder, filled by the first of xdist's processes that asks.

    Nothing is written to it afterwards.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def once(name: str, fill: Callable[[Path], object]) -> Path:
        folder = shared / name
        with warnings.catch_warnings(action="ignore"), one_run_at_a_time(folder):
            if not folder.exists():
                made = tmp_path_factory.mktemp(name)
                fill(made)
                made.rename(folder)
        return folder

    return once


@pytest.fixture(scope="session")
def synthetic_voices(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """The corpus of synthetic voices."""
    pytest.importorskip("espeakng_loader")
    return made_once("synthetic_voices", write_voices)


class Origin:
    """A server on the loopback device: files in memory, HTTP's ranges, connections that break off as told."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cuts: dict[str, list[int]] = {}  # bytes that each of the next answers has before it breaks off
        self.ranges = True
        self.chunked = False  # without a length, as archives that are made while they are sent
        self.asked: list[tuple[str, str | None]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"origin": self}))
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/{name}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    origin: Origin

    def do_GET(self) -> None:
        name, asked = self.path[1:], self.headers.get("Range")
        self.origin.asked.append((name, asked))
        self.close_connection = True
        if name not in self.origin.files:
            self.send_error(404)
            return
        content = self.origin.files[name]
        begin = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.origin.ranges else 0
        if begin >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        rest = content[begin:]
        cuts = self.origin.cuts.get(name)
        sent = rest[: cuts.pop(0)] if cuts else rest
        if self.origin.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(sent), sent))
            self.wfile.write(b"0\r\n\r\n" if sent == rest else b"")
        else:
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(sent)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def origin() -> Iterator[Origin]:
    """A place to download from."""
    server = Origin()
    yield server
    server.close()
