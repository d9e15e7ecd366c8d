"""Fixtures that find the corpora and golden files through the environment."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if value and Path(value).is_dir():
        return Path(value)
    message = f"{variable} is {'unset' if not value else f'{value!r}, which is no folder'}; this test needs it"
    if os.environ.get("GMMSPEECH_REQUIRE_DATA") == "1":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture
def golden() -> Path:
    """The folder of numbers computed by Kaldi, HTK and bob."""
    return _folder("GMMSPEECH_GOLDEN")


@pytest.fixture
def corpus() -> Callable[[str], Path]:
    """A function: corpus name to its folder."""
    root = _folder("GMMSPEECH_CORPORA")
    return lambda name: root / name


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
