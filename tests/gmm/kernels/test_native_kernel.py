"""What the native kernel alone has: instruction sets, and memory that a sanitizer can watch."""

import pytest
from sanitizing import expect_nothing

from gmmspeech.gmm.kernels import native_kernel


@pytest.mark.usefixtures("native")
def test_instruction_sets():
    assert native_kernel.available()
    sets = native_kernel.instruction_sets()
    assert sets == ["base", "avx2", "avx512"][: len(sets)]


@pytest.mark.usefixtures("native")
def test_a_library_of_another_version_is_not_called(monkeypatch):
    monkeypatch.setattr(native_kernel, "INTERFACE", 1)
    assert native_kernel._library.__wrapped__() is None


def test_sanitizers_find_nothing():
    expect_nothing(__file__)
