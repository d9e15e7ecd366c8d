"""The kernels, the native one with each instruction set of this machine, and mixtures to try them with."""

import os
import shutil
from contextlib import contextmanager

import numpy as np
import pytest

from gmmspeech.gmm.kernels import get_backend, native_kernel, numpy_kernel

NATIVE = native_kernel.instruction_sets() or ["not compiled"]
TORCH = ["torch on cpu", "torch on cuda"]


@contextmanager
def _native_with(instruction_set):
    if instruction_set == "not compiled":
        message = "nothing was compiled when the package was installed; this test needs it"
        if os.environ.get("GMMSPEECH_REQUIRE_DATA") == "1" and (shutil.which("cc") or shutil.which("gcc")):
            pytest.fail(message)
        pytest.skip(message)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native_kernel, "_best_set", lambda: NATIVE.index(instruction_set))
        yield native_kernel


@pytest.fixture(scope="module", params=NATIVE)
def native(request):
    """The native kernel's module, held to one instruction set."""
    with _native_with(request.param) as module:
        yield module


def _torch_on(device):
    torch = pytest.importorskip("torch", reason="needs the extra [torch]")
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    torch.set_num_threads(1)  # other tests want the cores too
    return get_backend("torch", device)


@pytest.fixture(scope="module", params=TORCH)
def on_torch(request):
    """The kernels of torch, on one device."""
    return _torch_on(request.param.split()[-1])


@pytest.fixture(scope="module", params=["numpy", *TORCH, *NATIVE])
def kernel(request):
    """A backend, the native one held to one instruction set."""
    if request.param == "numpy":
        yield numpy_kernel
        return
    if request.param in TORCH:
        yield _torch_on(request.param.split()[-1])
        return
    with _native_with(request.param) as module:
        yield module


@pytest.fixture(scope="session")
def mixture():
    """A function: random weights (K,), means (K, D) and variances (K, D)."""

    def draw(rng, k, d, spread=2.0):
        return rng.dirichlet(np.ones(k)), rng.normal(0, spread, (k, d)), rng.uniform(0.3, 2, (k, d))

    return draw
