"""The command `doctor`: list what is installed, and check that it gives the right numbers."""

from __future__ import annotations

import importlib.util
import os
import platform
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import soundfile

from gmmspeech.audio import read_audio
from gmmspeech.errors import counted, one_line
from gmmspeech.features import mfcc
from gmmspeech.features.native import mel_kernel
from gmmspeech.files.atomic import temporary_folder
from gmmspeech.formats.loading import load
from gmmspeech.gmm.kernels import get_backend, native_kernel, numpy_kernel, pack
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.metrics.eer import eer
from gmmspeech.phones.hmm.native import chain_kernel, mixture_kernel, viterbi_kernel

LIBRARIES = ("numpy", "scipy", "scikit-learn", "librosa", "soundfile", "soxr", "h5py", "kaldiio", "click", "pydantic")
EXTRAS = {
    "demo, g2p": "espeakng_loader",
    "plot": "matplotlib",
    "dask": "distributed",
    "torch": "torch",
    "lhotse": "lhotse",
    "decode": "kaldi_decoder",
    "spoofing": "pyworld",
}
RATE = 16000
# of the two tones of `_tones`, first frame, by kaldi-native-fbank 1.23 with Kaldi's defaults, without dither
KALDI_MFCC = (44.0279, -10.8462, 92.6995, -112.5596, -125.5518, 23.8467, -82.3669, -87.4435, 76.5815, 4.9416, -13.9967)


def installed() -> Iterator[tuple[str, str]]:
    """Yield names of parts, and what there is of each."""
    system = (
        f"{platform.system()} {platform.release()}, {platform.machine()}, {counted(os.cpu_count() or 1, 'processor')}"
    )
    yield "gmmspeech", version("gmmspeech")
    yield "Python", f"{platform.python_version()}, {system}"
    yield "libraries", ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)
    kernels = {
        "features": mel_kernel.available(),
        "mixtures": mixture_kernel.available(),
        "Viterbi": viterbi_kernel.available(),
        "boundaries": chain_kernel.available(),
    }
    sets = native_kernel.instruction_sets()
    missing = [name for name, there in {"EM": bool(sets), **kernels}.items() if not there]
    advice = f"none for {', '.join(missing)}: NumPy does their work, slower; a C compiler at install mends it"
    yield "compiled parts", advice if missing else f"EM ({sets[-1]}), {', '.join(kernels)}"
    yield "backend", get_backend().name
    yield "BLAS", _blas()
    for extra, module in EXTRAS.items():
        there = importlib.util.find_spec(module) is not None
        name = module.replace("_", "-")
        yield (
            f"extra {extra}",
            f"{name} {_version(name)}" if there else f"not installed: gmmspeech[{extra.split(',')[0]}]",
        )


def checks() -> Iterator[tuple[str, str, float]]:
    """Yield what is checked, what is wrong about it ("" where nothing is), and the seconds that it took."""
    for name, check in _CHECKS.items():
        began = time.perf_counter()
        try:
            wrong = check()
        except Exception as error:
            wrong = f"{type(error).__name__}: {one_line(error)}"
        yield name, wrong, time.perf_counter() - began


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(none)"


def _blas() -> str:
    from threadpoolctl import threadpool_info

    found = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    told = {
        f"{pool['internal_api']} {pool['version']} ({pool.get('architecture') or 'unknown'}), "
        f"{counted(pool['num_threads'], 'thread')}"
        for pool in found
    }
    return "; ".join(sorted(told)) or "unknown"


def _tones() -> np.ndarray:
    """A tenth of a second of two tones, (1600,)."""
    time_of = np.arange(RATE // 10) / RATE
    return (0.5 * np.sin(2 * np.pi * 440 * time_of) + 0.1 * np.sin(2 * np.pi * 3000 * time_of)).astype(np.float32)


def _compared(found: object, expected: object, tolerance: float) -> str:
    """Tell what was found where it is not what was expected, within an absolute tolerance."""
    worst = float(np.max(np.abs(np.asarray(found, np.float64) - np.asarray(expected, np.float64))))
    return "" if worst <= tolerance else f"found numbers that are off by {worst:.3g}, expected {tolerance:g} at most"


def _features() -> str:
    return _compared(mfcc(_tones(), RATE, dither=0.0)[0, 1:12], KALDI_MFCC, 0.05)


def _densities() -> str:
    """The standard normal distribution's at 0, and far out, in three dimensions."""
    gmm = DiagonalGMM.from_parameters([0.25, 0.75], np.zeros((2, 3)), np.ones((2, 3)))
    expected = -1.5 * np.log(2 * np.pi) - np.array([0.0, 1.5 * 100])
    return _compared(gmm.score_samples(np.array([[0.0] * 3, [10.0] * 3])), expected, 1e-9)


def _training() -> str:
    """A component alone is the mean and the variance; two far apart are those of their halves."""
    rng = np.random.default_rng(0)
    halves = rng.normal([-50.0, 3.0], 1, (500, 2)), rng.normal([50.0, 3.0], 2, (500, 2))
    gmm = DiagonalGMM(2, random_state=0).fit(np.concatenate(halves))
    order = np.argsort(gmm.means_[:, 0])
    found = np.stack([gmm.means_[order], gmm.covariances_[order]])
    return _compared(found, [[h.mean(axis=0) for h in halves], [h.var(axis=0) for h in halves]], 1e-6)


def _kernels() -> str:
    """The compiled kernel and its twin in NumPy."""
    if not native_kernel.available():
        return ""
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(300, 20)).astype(np.float32)
    packed = pack(np.full(16, 1 / 16), rng.normal(size=(16, 20)), np.ones((16, 20)))
    compiled, plain = (kernel.accumulate(frames, packed) for kernel in (native_kernel, numpy_kernel))
    return _compared(compiled.sum_x, plain.sum_x, 1e-3)


def _error_rate() -> str:
    return _compared(eer([1.0, 2.0, 3.0, 4.0], [-1.0, 0.0, 0.5, 1.5]), 0.125, 1e-12)


def _files() -> str:
    """A recording and a model are read as they were written."""
    with temporary_folder() as folder:
        soundfile.write(folder / "a.flac", _tones(), RATE)
        wrong = _compared(read_audio(folder / "a.flac")[0], _tones(), 2**-14)
        gmm = DiagonalGMM.from_parameters([1.0], [[1.0, 2.0]], [[3.0, 4.0]])
        gmm.save(folder / "gmm.h5")
        return wrong or _compared(load(folder / "gmm.h5", DiagonalGMM).covariances_, gmm.covariances_, 0.0)


def _pronunciations() -> str:
    if importlib.util.find_spec("espeakng_loader") is None:
        return ""
    from gmmspeech.formats.espeak import pronounce_words

    found = [" ".join(phones) for phones in pronounce_words(["see"], "en")["SEE"]]
    return "" if found == ["s iː"] else f"found {found} for see, expected s iː"


_CHECKS: dict[str, Callable[[], str]] = {
    "features are Kaldi's": _features,
    "densities": _densities,
    "training": _training,
    "compiled parts are as NumPy": _kernels,
    "error rate": _error_rate,
    "files are read as written": _files,
    "eSpeak pronounces": _pronunciations,
}
