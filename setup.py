"""The compiled parts, each optional: without a C compiler the install succeeds and their NumPy twins do the work.

They are plain libraries called through ctypes: one file serves every version of Python.
"""

import sys

from setuptools import Extension, setup

GCC = sys.platform != "win32"


def extension(name: str, source: str, *flags: str, **options: list[str]) -> Extension:
    """A library in C, with the flags of GCC and Clang."""
    arguments = ["-O3", "-std=gnu11", "-fno-math-errno", "-fvisibility=hidden", *flags] if GCC else []
    return Extension(name, [source], extra_compile_args=arguments, optional=True, py_limited_api=True, **options)


setup(
    ext_modules=[
        # products and sums keep the roundings that are written
        extension(
            "gmmspeech.features.native._mel_kernel", "gmmspeech/features/native/mel_kernel.c", "-ffp-contract=off"
        ),
        extension(
            "gmmspeech.phones.hmm.native._viterbi_kernel",
            "gmmspeech/phones/hmm/native/viterbi_kernel.c",
            "-fno-trapping-math",
        ),
        # products and sums become one instruction
        extension(
            "gmmspeech.gmm.kernels._em_kernel",
            "gmmspeech/gmm/kernels/em_kernel.c",
            "-ffp-contract=fast",
            "-fno-trapping-math",
            depends=["gmmspeech/gmm/kernels/em_pass.h"],
        ),
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
