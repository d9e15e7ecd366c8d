"""The compiled parts, each optional: without a C compiler the install succeeds and their NumPy twins do the work."""

import sys

from setuptools import Extension, setup

FLAGS = [] if sys.platform == "win32" else ["-O3", "-std=c11", "-ffp-contract=off", "-fno-math-errno"]

setup(
    ext_modules=[
        Extension(
            "gmmspeech.features._kaldi_fft",
            ["gmmspeech/features/kaldi_fft.c"],
            extra_compile_args=FLAGS,
            optional=True,
        )
    ]
)
