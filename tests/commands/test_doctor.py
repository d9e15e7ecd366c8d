"""What `doctor` tells of an installation, and that it finds one which is not well."""

import time

import numpy as np
import pytest

from gmmspeech.commands import doctor
from gmmspeech.gmm.kernels import native_kernel


def test_all_is_right_here_and_quick(monkeypatch):
    monkeypatch.setattr(doctor.time, "perf_counter", time.process_time)  # others may be at work on this machine
    found = list(doctor.checks())
    assert [wrong for _, wrong, _ in found] == [""] * len(found)
    assert sum(seconds for *_, seconds in found) < 10


@pytest.mark.parametrize(
    ("name", "stand_in", "told"),
    [
        ("eer", lambda *_: 0.2, "error rate: found numbers that are off by 0.075"),
        ("mfcc", lambda *_, **__: np.zeros((1, 13)), "features are Kaldi's: found numbers that are off by 126"),
        ("load", lambda *_: 1 / 0, "files are read as written: ZeroDivisionError: division by zero"),
    ],
)
def test_what_is_wrong_is_told(monkeypatch, name, stand_in, told):
    monkeypatch.setattr(doctor, name, stand_in)
    assert [f"{check}: {wrong}"[: len(told)] for check, wrong, _ in doctor.checks() if wrong] == [told]


def test_parts_and_versions_are_told(monkeypatch):
    found = dict(doctor.installed())
    assert f"numpy {np.__version__}" in found["libraries"]
    assert ("EM (" in found["compiled parts"]) == native_kernel.available()
    monkeypatch.setattr(doctor.native_kernel, "instruction_sets", lambda: [])
    for kernel in (doctor.mel_kernel, doctor.mixture_kernel, doctor.viterbi_kernel, doctor.chain_kernel):
        monkeypatch.setattr(kernel, "available", lambda: True)
    assert dict(doctor.installed())["compiled parts"].startswith("none for EM: NumPy does their work")
