"""Readers of Kaldi's golden files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import kaldiio
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray


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
