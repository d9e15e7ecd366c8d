"""The compiled parts, each optional: without a C compiler the install succeeds and their NumPy twins do the work.

They are plain libraries called through ctypes: one file serves every version of Python.
"""

import shutil
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

WINDOWS = sys.platform == "win32"


class BuildLibraries(build_ext):
    """Make libraries, not modules."""

    def build_extensions(self) -> None:
        """On Windows by Clang, where it is: Microsoft's compiler, whose options it takes, has no vectors."""
        clang = shutil.which("clang-cl")
        if self.compiler.compiler_type == "msvc" and clang:
            self.compiler.initialize()
            self.compiler.cc = clang
        super().build_extensions()

    def get_export_symbols(self, ext: Extension) -> list[str]:
        """Not the function that Windows would look for in a module; the source says what is exported."""
        return ext.export_symbols


def extension(name: str, *flags: str, depends: tuple[str, ...] = ()) -> Extension:
    """A library in C, with the flags of GCC and Clang; Microsoft's compiler ignores those that it doesn't know."""
    source = name.replace(".", "/").replace("/_", "/") + ".c"
    common = ["-O3", "-std=gnu11", "-fno-math-errno", "-fvisibility=hidden"]
    windows = ["/O2", "/std:c11", *(f"/clang:{flag}" for flag in flags)]
    return Extension(
        name,
        [source],
        extra_compile_args=windows if WINDOWS else [*common, *flags],
        libraries=["kernel32"] if WINDOWS else [],
        depends=["gmmspeech/compiled.h", *depends],
        optional=True,
        py_limited_api=True,
    )


setup(
    cmdclass={"build_ext": BuildLibraries},
    ext_modules=[
        # products and sums keep the roundings that are written
        extension("gmmspeech.features.native._mel_kernel", "-ffp-contract=off"),
        extension("gmmspeech.phones.hmm.native._viterbi_kernel", "-fno-trapping-math"),
        # products and sums become one instruction
        *(
            extension(
                f"gmmspeech.phones.hmm.native._{name}_kernel",
                *("-ffp-contract=fast", "-fno-trapping-math"),
                depends=("gmmspeech/phones/hmm/native/exponential.h",),
            )
            for name in ("mixture", "chain")
        ),
        extension(
            "gmmspeech.gmm.kernels._em_kernel",
            *("-ffp-contract=fast", "-fno-trapping-math"),
            depends=tuple(f"gmmspeech/gmm/kernels/{part}_pass.h" for part in ("em", "top_c")),
        ),
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
