"""Readers of the golden files of Kaldi and HTK, and librosa."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import kaldiio
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from gmmspeech.features.native import mel_kernel


@pytest.fixture
def kaldi_feats(golden: Path) -> Callable[[str], dict[str, NDArray]]:
    """A function: name of a result to its matrices by utterance."""
    return lambda name: dict(kaldiio.load_ark(str(golden / "kaldi" / "feats" / f"{name}.txt")))


@pytest.fixture
def kaldi_conf(golden: Path) -> Callable[[str], dict[str, Any]]:
    """A function: name of a configuration to our keyword arguments."""

    def value(text: str) -> Any:
        if text in ("true", "false"):
            return text == "true"
        try:
            return float(text) if "." in text else int(text)
        except ValueError:
            return text

    def read(name: str) -> dict[str, Any]:
        lines = (golden / "kaldi" / "conf" / f"{name}.conf").read_text().split()
        pairs = (line.removeprefix("--").split("=") for line in lines)
        options = {key.replace("-", "_"): value(text) for key, text in pairs}
        options.pop("sample_frequency", None)
        return options

    return read


@pytest.fixture
def kaldi_wav(golden: Path) -> Callable[[str], tuple[NDArray[np.float32], int]]:
    """A function: utterance to its samples and rate."""
    return lambda utterance: soundfile.read(golden / "kaldi" / "wav" / f"{utterance}.wav", dtype="float32")


@pytest.fixture
def htk_feats(golden: Path) -> Callable[[str], NDArray]:
    """A function: name of a parameter file of HTK to its matrix."""

    def read(name: str) -> NDArray:  # a header of 12 bytes, then big-endian float32
        data = (golden / "htk" / name).read_bytes()
        num_frames = int.from_bytes(data[:4], "big")
        width = int.from_bytes(data[8:10], "big") // 4
        return np.frombuffer(data, dtype=">f4", offset=12).reshape(num_frames, width)

    return read


class LeavesAllAsItIs(ModuleType):
    """In place of Numba: its decorators, with and without arguments, leave functions as they are."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *given, **_: given[0] if given and callable(given[0]) else lambda function: function


@pytest.fixture(scope="session")
def librosa() -> ModuleType:
    """The library without Numba, which would compile for 17 s what no test calls."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "numba", LeavesAllAsItIs("numba"))
        import librosa.feature
    return librosa


@pytest.fixture(params=["compiled", "numpy"])
def either_kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with the compiled loops, and as after an install without a compiler."""
    if request.param == "numpy":
        monkeypatch.setattr(mel_kernel, "_library", lambda: None)
    elif not mel_kernel.available():
        pytest.skip("installed without a C compiler")
