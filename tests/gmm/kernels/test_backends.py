"""Which kernels are taken: by name, by the environment, and where nothing was compiled."""

import warnings

import pytest

from gmmspeech.errors import ConfigError, GmmSpeechWarning
from gmmspeech.gmm import kernels
from gmmspeech.gmm.kernels import get_backend, native_kernel, numpy_kernel


@pytest.fixture
def nothing_compiled(monkeypatch):
    """A machine without the compiled kernels, on which nobody was told so yet."""
    monkeypatch.delenv("GMMSPEECH_BACKEND", raising=False)
    monkeypatch.setattr(native_kernel, "_library", lambda: None)
    kernels._native_or_say_so.cache_clear()
    yield
    kernels._native_or_say_so.cache_clear()


def test_backends_by_name(monkeypatch, native):
    monkeypatch.delenv("GMMSPEECH_BACKEND", raising=False)
    assert get_backend("numpy") is numpy_kernel
    assert get_backend("native") is get_backend("auto") is get_backend() is native
    with pytest.raises(ConfigError, match=r"^backend: found 'cuda', expected one of auto, native, numpy, torch$"):
        get_backend("cuda")


def test_backends_by_environment(monkeypatch, native):
    for value, expected in {"numpy": numpy_kernel, "native": native, "auto": native, "": native}.items():
        monkeypatch.setenv("GMMSPEECH_BACKEND", value)
        assert get_backend() is expected
        assert get_backend("numpy") is numpy_kernel
        assert get_backend("native") is native
    monkeypatch.setenv("GMMSPEECH_BACKEND", "cuda")
    with pytest.raises(
        ConfigError, match=r"^GMMSPEECH_BACKEND: found 'cuda', expected one of auto, native, numpy, torch$"
    ):
        get_backend()


@pytest.mark.usefixtures("nothing_compiled")
def test_without_compiled_kernels_numpy_does_their_work():
    assert native_kernel.instruction_sets() == []
    with pytest.warns(GmmSpeechWarning, match="not compiled") as caught:
        assert get_backend() is numpy_kernel
    assert len(caught) == 1
    with warnings.catch_warnings(action="error"):
        assert get_backend() is get_backend("auto") is numpy_kernel


@pytest.mark.usefixtures("nothing_compiled")
@pytest.mark.parametrize(
    ("beside", "why"), [("setup.py", "from its sources in .*start Python in another folder"), ("x", "compiler at")]
)
def test_who_starts_python_among_the_sources_is_told_so(tmp_path, monkeypatch, beside, why):
    (tmp_path / beside).touch()
    monkeypatch.setattr(kernels, "__file__", str(tmp_path / "gmmspeech" / "gmm" / "kernels" / "__init__.py"))
    with pytest.warns(GmmSpeechWarning, match=why):
        get_backend()


@pytest.mark.usefixtures("nothing_compiled")
def test_without_compiled_kernels_native_is_an_error(monkeypatch):
    with pytest.raises(ConfigError, match=r"^backend 'native': found no compiled kernels"):
        get_backend("native")
    monkeypatch.setenv("GMMSPEECH_BACKEND", "native")
    with pytest.raises(ConfigError, match=r"^GMMSPEECH_BACKEND 'native': found no compiled kernels"):
        get_backend()
    monkeypatch.setenv("GMMSPEECH_BACKEND", "numpy")
    with warnings.catch_warnings(action="error"):
        assert get_backend() is numpy_kernel
