"""Kernels in torch, for GPUs: float32 products with sums in float64, on the device.

The use of float32 and float64 is as in `numpy_kernel`, the readable equivalent. The device has its own threads: calls
from several Python threads take turns.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gmmspeech.blocks import Frames, weighted_blocks
from gmmspeech.checks import finite
from gmmspeech.errors import ConfigError
from gmmspeech.gmm.kernels import parameters as packing
from gmmspeech.gmm.kernels.parameters import KernelParameters, Mixture, ModelStack, unscaled, working_frames
from gmmspeech.gmm.stats import GMMStats

try:
    import torch
except ModuleNotFoundError:  # without the extra [torch]: `torch_kernel` says so
    torch = None  # type: ignore[assignment, unused-ignore]

ROWS = 2048  # frames summed in float32; their sums are added in float64
GPU_FRAMES = 2**17  # at once, of which memory may leave less: enough work for all of a GPU between two calls
WORK_SHARE = 1 / 8  # of the GPU's free memory, for a block's work
SPARE_SHARE = 1 / 4  # of all its memory, which no frames are left in

_one_at_a_time = threading.RLock()
if hasattr(os, "register_at_fork"):  # no thread holds it for ever in a new process
    os.register_at_fork(
        before=_one_at_a_time.acquire,
        after_in_parent=_one_at_a_time.release,
        after_in_child=_one_at_a_time.release,
    )


@cache
def torch_kernel(device: str | None = None) -> TorchKernel:
    """Give the kernels on a device; by default the first GPU where there is one, else the CPU."""
    if torch is None:
        raise ConfigError("backend 'torch': found no torch, expected it installed: pip install 'gmmspeech[torch]'")
    name = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(name)
        torch.zeros(1, dtype=torch.float64, device=place).sum().item()
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ConfigError(f"device {name!r}: torch can't use it ({reason}), expected cpu, cuda or cuda:N") from error
    return TorchKernel(place)


class _OnDevice(NamedTuple):
    """A packed mixture as tensors of one type of numbers."""

    shift: torch.Tensor  # float64 whatever the type, as differences from it are
    scale: torch.Tensor
    means: torch.Tensor
    matrix: torch.Tensor


class TorchKernel:
    """The functions of a backend (see `gmmspeech.gmm.kernels`) on one device."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.name = f"torch {device.type}"
        self._mixtures: WeakKeyDictionary[KernelParameters, dict[torch.dtype, _OnDevice]] = WeakKeyDictionary()
        self._stacks: WeakKeyDictionary[ModelStack, torch.Tensor] = WeakKeyDictionary()

    def __reduce__(self) -> tuple[Callable[[str], TorchKernel], tuple[str]]:
        return torch_kernel, (str(self.device),)

    def accumulate(
        self, frames: NDArray, parameters: KernelParameters, sample_weight: NDArray[np.float64] | None = None
    ) -> GMMStats:
        """Statistics of the frames under the mixture; see `numpy_kernel.accumulate`."""
        return Pass(self, frames, sample_weight)(parameters)

    def log_likelihood(self, frames: NDArray, parameters: KernelParameters) -> NDArray[np.float64]:
        """Log-likelihood of every frame, shape (T,), float64, in nats; see `numpy_kernel.log_likelihood`."""
        frames = working_frames(frames, parameters)
        with _exact_products():
            moved = self.moved(frames)
            size = self.block_size(parameters.num_components, parameters.dim)
            blocks = (moved[start : start + size] for start in range(0, len(frames), size))
            parts = [_posteriors(self._densities(block, parameters)[0])[1] for block in blocks]
            out = torch.cat(parts).cpu().numpy() if parts else np.empty(0)
        if frames.dtype == np.float32 and not np.isfinite(out).all():  # a square too large for it
            return self.log_likelihood(frames.astype(np.float64), parameters)
        return out

    @staticmethod
    def stack_models(background: Mixture, models: Sequence[Mixture], dtype: DTypeLike) -> ModelStack:
        """Put models, as (weights, means, variances), side by side for `top_c_log_likelihood` on frames of a type."""
        return packing.stack_models(background, models, dtype=dtype, columns=1 + len(models))

    def top_c_log_likelihood(self, frames: NDArray, stack: ModelStack, top_c: int) -> NDArray[np.float64]:
        """Log-likelihoods over the background's `top_c` best components; see `numpy_kernel.top_c_log_likelihood`."""
        frames = frames.astype(stack.differences.dtype, copy=False)
        with _exact_products():
            differences = self._stacks.get(stack)
            if differences is None:
                differences = self._stacks[stack] = self.moved(stack.differences[0])  # (K, terms, models)
            moved = self.moved(frames)
            mixture = self._mixture(stack.background, moved.dtype)
            total = torch.zeros(1 + stack.num_models, dtype=torch.float64, device=self.device)
            for start in range(0, len(frames), ROWS):
                total += _top_c(_expanded(moved[start : start + ROWS], mixture), mixture, differences, top_c)
            out = total.cpu().numpy()
        if frames.dtype == np.float32 and not np.isfinite(out).all():  # a square too large for it
            return self.top_c_log_likelihood(frames, stack.astype(np.float64), top_c)
        return out

    def e_step(self, frames: Frames, sample_weight: NDArray[np.float64] | None) -> Pass:
        """Make a function from a packed mixture to the statistics of all frames, to be called once an iteration."""
        return Pass(self, frames, sample_weight)

    def block_statistics(
        self, frames: torch.Tensor, parameters: KernelParameters, weight: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Sums (K, 2D + 1) of the posteriors times 1, z and z**2, and the log-likelihood; float64, on the device."""
        joint, expanded, exact = self._densities(frames, parameters)
        posteriors, log_likelihood = _posteriors(joint)
        if weight is not None:
            log_likelihood = log_likelihood * weight
            expanded *= weight.to(frames.dtype)[:, None]
            exact = None if exact is None else exact * weight[:, None]
        whole = len(frames) // ROWS * ROWS
        sums = (posteriors[whole:].T @ expanded[whole:]).double()
        if whole:
            left, right = (x[:whole].unflatten(0, (-1, ROWS)) for x in (posteriors, expanded))
            sums += torch.bmm(left.transpose(1, 2), right).sum(dim=0, dtype=torch.float64)
        if exact is not None:
            narrow = torch.as_tensor(parameters.narrow, device=self.device)
            sums[narrow] = posteriors[:, narrow].double().T @ exact
        return sums, log_likelihood.sum()

    def _densities(
        self, frames: torch.Tensor, parameters: KernelParameters
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Log w_k N(x_t), shape (B, K), and [1, z, z**2], (B, 2D + 1); see `numpy_kernel`.

        The last is [1, z, z**2] in float64, where there are components that float32 is not enough for.
        """
        mixture = self._mixture(parameters, frames.dtype)
        expanded = _expanded(frames, mixture)
        joint, exact = expanded @ mixture.matrix, None
        if frames.dtype == torch.float32 and len(parameters.narrow):
            narrow = torch.as_tensor(parameters.narrow, device=self.device)
            doubled = self._mixture(parameters, torch.float64)
            exact = _expanded(frames.double(), doubled)
            joint[:, narrow] = (exact @ doubled.matrix[:, narrow]).to(joint.dtype)
        return joint, expanded, exact

    def block_size(self, num_components: int, dim: int) -> int:
        """Frames to work on at once: on the CPU what its caches hold, on a GPU a power of two that fits its memory."""
        if self.device.type != "cuda":
            return ROWS
        size, room = GPU_FRAMES, self._memory()[0] * WORK_SHARE
        while size > ROWS and size * self._bytes_a_frame(num_components, dim) > room:
            size //= 2
        return size

    def has_room(self, num_bytes: int) -> bool:
        """Whether so much more may stay on the device; never where that is the CPU, whose memory has the frames."""
        if self.device.type != "cuda":
            return False
        free, everything = self._memory()
        return free - num_bytes > SPARE_SHARE * everything

    def moved(self, array: NDArray) -> torch.Tensor:
        """Array on the device, without a copy where that is the CPU; a GPU fetches it while this thread goes on."""
        tensor = torch.from_numpy(np.require(array, requirements=["C", "A", "W"]))
        return tensor if self.device.type == "cpu" else tensor.pin_memory().to(self.device, non_blocking=True)

    def _memory(self) -> tuple[int, int]:
        """Bytes that the GPU has left, with what torch holds unused, and those that it has at all."""
        free, everything = torch.cuda.mem_get_info(self.device)
        return free + torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device), everything

    @staticmethod
    def _bytes_a_frame(num_components: int, dim: int) -> int:
        return 8 * (3 * num_components + 6 * dim)  # in float64: densities and posteriors, [1, z, z**2] and differences

    def _mixture(self, parameters: KernelParameters, dtype: torch.dtype) -> _OnDevice:
        cached = self._mixtures.setdefault(parameters, {})
        if dtype not in cached:
            arrays = (parameters.shift, parameters.scale, parameters.means, parameters.matrix)
            shift, *others = (torch.as_tensor(a, device=self.device) for a in arrays)
            cached[dtype] = _OnDevice(shift, *(a.to(dtype) for a in others))
        return cached[dtype]


class Pass:
    """E-steps over the same frames: called with a mixture, packed, it gives the statistics of all frames.

    From the second call on, a GPU has the frames already, if all of them fit. The statistics stay on the device until
    all frames are done.

    Parameters
    ----------
    kernel : TorchKernel
    frames : ndarray (T, D), list of those, or FeatureStore
    sample_weight : ndarray, shape (T,), optional
    """

    def __init__(self, kernel: TorchKernel, frames: Frames, sample_weight: NDArray[np.float64] | None) -> None:
        self._kernel, self._frames, self._weight = kernel, frames, sample_weight
        self._held: list[tuple[torch.Tensor, torch.Tensor | None]] = []
        self._may_hold, self._all_held = True, False
        self._size = 0  # of a block, from the first call on: sums must not depend on what else the GPU holds

    def __call__(self, parameters: KernelParameters) -> GMMStats:
        """Statistics of all frames under a mixture."""
        with _exact_products():
            sums, log_likelihood, num_frames = self._sum(parameters, careful=False)
            if not np.isfinite(log_likelihood):  # somewhere a square too large for float32
                sums, log_likelihood, num_frames = self._sum(parameters, careful=True)
        return unscaled(sums, parameters, log_likelihood, num_frames)

    def _sum(self, parameters: KernelParameters, *, careful: bool) -> tuple[NDArray[np.float64], float, float]:
        kernel = self._kernel
        shape = parameters.num_components, 2 * parameters.dim + 1
        total = torch.zeros(shape, dtype=torch.float64, device=kernel.device)
        log_likelihood = torch.zeros((), dtype=torch.float64, device=kernel.device)
        num_frames = 0
        self._size = self._size or kernel.block_size(parameters.num_components, parameters.dim)
        for frames, weight in self._blocks():
            if not parameters.in_float32:
                frames = frames.double()
            sums, part = kernel.block_statistics(frames, parameters, weight)
            if careful and frames.dtype == torch.float32 and not torch.isfinite(part):
                sums, part = kernel.block_statistics(frames.double(), parameters, weight)
            total += sums
            log_likelihood += part
            num_frames += len(frames)
        count = float(num_frames) if self._weight is None else float(self._weight.sum())
        return total.cpu().numpy(), float(log_likelihood), count

    def _blocks(self) -> Iterator[tuple[torch.Tensor, torch.Tensor | None]]:
        if self._all_held:
            yield from self._held
            return
        kernel = self._kernel
        for start, frames, weight in weighted_blocks(self._frames, self._weight, self._size):
            frames = finite(frames if frames.dtype == np.float32 else frames.astype(np.float64), start)
            self._may_hold = self._may_hold and kernel.has_room(frames.nbytes)
            block = kernel.moved(frames), None if weight is None else kernel.moved(weight)
            if self._may_hold:
                self._held.append(block)
            else:
                self._held.clear()
            yield block
        self._all_held = self._may_hold


@contextmanager
def _exact_products() -> Iterator[None]:
    """Hold torch to float32 products in float32: TF32 and bfloat16 have too few digits for EM."""
    with _one_at_a_time, torch.inference_mode():
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)


def _expanded(frames: torch.Tensor, mixture: _OnDevice) -> torch.Tensor:
    """[1, z, z**2], shape (B, 2D + 1)."""
    dim = frames.shape[1]
    expanded = frames.new_empty(len(frames), 2 * dim + 1)
    z = expanded[:, 1 : 1 + dim]
    expanded[:, 0] = 1
    z.copy_(frames - mixture.shift)  # frames far from zero: in float64, only the result is float32
    z *= mixture.scale
    torch.square(z, out=expanded[:, 1 + dim :])
    return expanded


def _posteriors(joint: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Posteriors (B, K), and log-likelihoods (B,), float64, from log densities (B, K).

    A frame's log-likelihood is the log density of its best component less the log of that one's posterior, so that the
    (B, K) arrays are gone through as few times as can be.
    """
    posteriors = torch.softmax(joint, dim=1)
    highest, best = posteriors.max(dim=1)
    return posteriors, joint.gather(1, best[:, None])[:, 0].double() - highest.double().log()


def _top_c(expanded: torch.Tensor, mixture: _OnDevice, differences: torch.Tensor, top_c: int) -> torch.Tensor:
    """Sums (1 + models,), float64, of the frames' log-likelihoods over the background's best components."""
    joint, best = torch.topk(expanded @ mixture.matrix, top_c, dim=1, sorted=False)
    order = torch.argsort(best.flatten(), stable=True)  # (frame, rank) places sorted by component
    counts = torch.bincount(best.flatten(), minlength=len(differences)).tolist()
    dim = mixture.shift.shape[0]
    z = expanded[:, 1 : 1 + dim]
    chosen = expanded.new_empty(len(order), differences.shape[2])
    for k, places in enumerate(torch.split(order, counts)):  # the frames that chose it meet all models in one product
        if len(places):
            y = z[places // top_c] - mixture.means[k]
            product = differences[k, 0] + y @ differences[k, 1 : 1 + dim]
            if differences.shape[1] > 1 + dim:
                product += y**2 @ differences[k, 1 + dim :]
            chosen[places] = product
    scores = chosen.unflatten(0, (-1, top_c)) + joint[:, :, None]
    # -inf, a model without weight here, would make the difference from it NaN
    peak = scores.amax(dim=1).clamp(min=torch.finfo(scores.dtype).min)
    totals = torch.exp(scores - peak[:, None]).sum(dim=1)
    return (peak.double() + totals.double().log()).sum(dim=0)
