"""How close EM in torch comes to the two matrix products it can't do without, on a GPU or on the CPU.

    python tests/benchmarks/torch_speed.py [--device cuda] [--frames 2000000] [--components 512 2048] [--repetitions 7]

Prints the device, and a line of Markdown for every number of components: the two bare float32 products of an iteration
(torch's, in blocks as large as the kernel's, into memory written to beforehand), an E-step on frames that the device
has already and one that moves them there (on the CPU both are the same), with the fraction of the products' speed that
each reaches, and the scores of all frames. Times are the least of the repetitions; on the CPU those of the processor,
on a GPU wall time up to the end of its work.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from em_data import START_FRAMES_PER_COMPONENT, speech_like
from numpy.typing import NDArray

import gmmspeech as gs
from gmmspeech.gmm.kernels.torch_kernel import TorchKernel, torch_kernel


def least_seconds(kernel: TorchKernel, work: Callable[[], object], repetitions: int) -> float:
    """Time work, after one round that is not counted."""
    on_gpu = kernel.device.type == "cuda"
    clock = time.perf_counter if on_gpu else time.process_time
    times = []
    for _ in range(repetitions + 1):
        start = clock()
        work()
        if on_gpu:
            torch.cuda.synchronize(kernel.device)
        times.append(clock() - start)
    return min(times[1:])


def products(kernel: TorchKernel, num_frames: int, dim: int, num_components: int) -> Callable[[], None]:
    """The two products of an iteration, block by block in the same memory."""
    size = min(num_frames, kernel.block_size(num_components, dim))
    drawn = torch.Generator(kernel.device).manual_seed(0)
    x = torch.randn(size, 2 * dim + 1, generator=drawn, device=kernel.device)
    matrix = torch.randn(2 * dim + 1, num_components, generator=drawn, device=kernel.device)
    joint, sums = x @ matrix, matrix.T.contiguous()

    def run() -> None:
        for start in range(0, num_frames, size):
            rows = slice(min(size, num_frames - start))
            torch.matmul(x[rows], matrix, out=joint[rows])
            torch.matmul(joint[rows].T, x[rows], out=sums)

    return run


def measure(kernel: TorchKernel, frames: NDArray[np.float32], num_components: int, repetitions: int) -> list[float]:
    """Seconds of the products, of an E-step from frames on the device and from elsewhere, and of all scores."""
    some = frames[:: max(1, len(frames) // (START_FRAMES_PER_COMPONENT * num_components))]
    start = gs.DiagonalGMM(num_components, init="random", max_iter=2, tol=0, random_state=0, backend="numpy").fit(some)
    packed = start.kernel_parameters()
    again = kernel.e_step(frames, None)
    works = [
        products(kernel, *frames.shape, num_components),
        lambda: again(packed),
        lambda: kernel.e_step(frames, None)(packed),
        lambda: kernel.log_likelihood(frames, packed),
    ]
    return [least_seconds(kernel, work, repetitions) for work in works]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", help="cpu, cuda or cuda:N; by default a GPU where there is one")
    parser.add_argument("--frames", type=int, help="by default 2,000,000 on a GPU and 50,000 on the CPU")
    parser.add_argument("--dim", type=int, default=60)
    parser.add_argument("--components", type=int, nargs="+", default=[512, 2048])
    parser.add_argument("--repetitions", type=int, default=7)
    options = parser.parse_args()
    kernel = torch_kernel(options.device)
    on_gpu = kernel.device.type == "cuda"
    num_frames = options.frames or (2_000_000 if on_gpu else 50_000)
    block = speech_like(min(num_frames, 200_000), options.dim)
    frames = np.concatenate([block] * -(-num_frames // len(block)))[:num_frames]
    name = torch.cuda.get_device_name(kernel.device) if on_gpu else f"CPU, {torch.get_num_threads()} threads"
    print(f"torch {torch.__version__} on {kernel.device} ({name}); {num_frames:,} frames of {options.dim} columns\n")
    print(
        "| components | two products, s | E-step, s | of the products' speed | moving frames, s | of it | scores, s |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for num_components in options.components:
        bare, e_step, moving, scores = measure(kernel, frames, num_components, options.repetitions)
        print(
            f"| {num_components} | {bare:.4f} | {e_step:.4f} | {bare / e_step:.2f} | {moving:.4f} "
            f"| {bare / moving:.2f} | {scores:.4f} |"
        )


if __name__ == "__main__":
    main()
