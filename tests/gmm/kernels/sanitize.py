"""Run the compiled kernels over odd shapes under AddressSanitizer and UndefinedBehaviorSanitizer.

``python tests/gmm/kernels/sanitize.py`` compiles em_kernel.c anew, with the sanitizers, and compares what every
function gives, with every instruction set of the machine and either type of numbers, with the NumPy kernel. Exit status
1 is a finding, or a difference. Needs GCC with its sanitizers' libraries, and exits with status 77 where they are not.

The space that the kernel works in ends where its memory ends, and is full of NaN, so that neither a write past it nor
a read of what was not written goes unseen.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from sanitizing import run_sanitized

SOURCE = Path(__file__).parents[3] / "gmmspeech" / "gmm" / "kernels" / "em_kernel.c"
FLAGS = ("-O0", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math")

# K, D, numbers of frames, numbers of models, top_c: K and models about the vectors' and tiles' widths, N about the
# blocks' 96 frames and the 1024 scored at once, and the sizes at their limits
SHAPES = [
    *((k, 2, (7,), (1,), (1, k)) for k in (1, 2, 15, 16, 17, 31, 33, 47, 63, 64, 65, 80)),
    *((5, d, (6, 97), (1,), (3,)) for d in (1, 3, 4, 5, 6)),
    (5, 7, (0, 1, 2), (0, 1), (3,)),
    *((3, 1, (n,), (2,), (2,)) for n in (5, 95, 96, 191, 193, 767, 769, 1023, 1025)),
    *((4, 3, (33,), (m,), (2, 4)) for m in (0, 14, 15, 16, 31, 32, 47, 62, 63, 64, 79)),
    (16, 512, (7,), (1,), (2,)),
    (8192, 1, (2,), (1,), (3,)),
]


def check(folder: str) -> None:
    """Compare the library in a folder with the NumPy kernel."""
    import numpy as np

    from gmmspeech.gmm.kernels import native_kernel, numpy_kernel, pack

    native_kernel.__file__ = f"{folder}/native_kernel.py"  # beside which it looks for the library
    library = native_kernel._library()
    if library is None or Path(library._name).parent != Path(folder):
        raise SystemExit(f"found the library {library}, expected the one in {folder}")
    native_kernel._work = exact_work
    sets = native_kernel.instruction_sets()

    def everything(kernel, frames, weight, background, models, top_c):
        packed, stack = pack(*background), kernel.stack_models(background, models, frames.dtype)
        for stats in (kernel.accumulate(frames, packed), kernel.accumulate(frames, packed, weight)):
            yield from (stats.n, stats.sum_x, stats.sum_xx, stats.log_likelihood)
        yield kernel.log_likelihood(frames, packed)
        yield from (kernel.top_c_log_likelihood(frames, stack, c) for c in top_c)

    def mixture(rng, k, d):
        return rng.dirichlet(np.ones(k)), rng.normal(0, 1, (k, d)), rng.uniform(0.5, 2, (k, d))

    def cases():
        for k, d, sizes, counts, top_c in SHAPES:
            rng = np.random.default_rng(k * d)
            background = mixture(rng, k, d)
            for count in counts:
                models = [mixture(rng, k, d) for _ in range(count)]
                moved = [(weights, means, background[2]) for weights, means, _ in models]
                for num_frames in sizes:
                    frames, weight = rng.normal(0, 1, (num_frames, d)), rng.uniform(0, 2, num_frames)
                    for dtype in (np.float32, np.float64):
                        yield frames.astype(dtype), weight, background, models, top_c
                        yield frames.astype(dtype), weight, background, moved, top_c

    num_cases = 0
    for case in cases():
        num_cases += 1
        expected = list(everything(numpy_kernel, *case))
        tolerance = 1e-2 if case[0].dtype == np.float32 else 1e-10
        for i, name in enumerate(sets):
            native_kernel._best_set = lambda i=i: i
            frames, _, background, models, top_c = case
            where = f"{name} {frames.dtype} K, D {background[1].shape} N {len(frames)} models {len(models)} C {top_c}"
            for found, wanted in zip(everything(native_kernel, *case), expected, strict=True):
                scale = np.abs(wanted).max(initial=1)
                np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance * scale, err_msg=where)
    print(f"{num_cases} cases, with {', '.join(sets)}: no finding")


def exact_work(mixture, frames, top_c=0):
    """What `native_kernel._work` gives, one byte past an aligned address and shorter by that byte.

    All that alignment may take is taken then, and no byte is left to spare.
    """
    import numpy as np

    from gmmspeech.gmm.kernels import native_kernel

    wide = int(frames.dtype == np.float64)
    size = native_kernel._library().em_work_bytes(wide, mixture.dim, mixture.columns, len(frames), top_c)
    memory = np.full(size, 0xFF, np.uint8)  # as numbers, NaN
    if memory.ctypes.data % 64:
        raise SystemExit(
            f"found memory at {memory.ctypes.data:#x}, expected a multiple of 64 of the sanitizer's malloc"
        )
    return memory[1:]


if __name__ == "__main__":
    sys.exit(check(sys.argv[1]) if len(sys.argv) > 1 else run_sanitized(__file__, [SOURCE], *FLAGS))
