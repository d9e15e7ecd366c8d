"""Recordings of many formats, and what Kaldi and HTK write: archives, scripts, mixtures, parameter files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from fuzz.kinds import add
from fuzz.targets import audio, call, command, load, store

import gmmspeech as gs

_RATE = 8000
_AUDIO = {
    "WAV": ("a.wav", {"subtype": "PCM_16"}),
    "WAV of floats": ("a.wav", {"subtype": "FLOAT"}),
    "WAV of doubles": ("a.wav", {"subtype": "DOUBLE"}),
    "ADPCM": ("a.wav", {"subtype": "MS_ADPCM"}),
    "FLAC": ("a.flac", {}),
    "OGG": ("a.ogg", {}),
    "Opus": ("a.opus", {"format": "OGG", "subtype": "OPUS"}),
    "MP3": ("a.mp3", {}),
    "AIFF": ("a.aiff", {}),
    "AU": ("a.au", {"subtype": "ULAW"}),
    "SPHERE": ("a.sph", {"format": "NIST"}),
    "W64": ("a.w64", {}),
    "CAF": ("a.caf", {}),
}


def _gmm() -> gs.DiagonalGMM:
    rng = np.random.default_rng(0)
    return gs.DiagonalGMM.from_parameters([0.25, 0.75], rng.normal(size=(2, 3)), rng.gamma(1, 1, (2, 3)))


def _full() -> gs.GMM:
    gmm = _gmm()
    return gs.GMM.from_parameters(gmm.weights_, gmm.means_, gmm.covariances_, covariance_type="diag")


def _frames() -> list[tuple[str, np.ndarray]]:
    rng = np.random.default_rng(1)
    return [("u1", rng.normal(size=(5, 3))), ("u2", rng.normal(size=(4, 3))), ("u3", rng.normal(size=(1, 3)))]


def _sound(**options: Any) -> Callable[[Path, Path], None]:
    def make(path: Path, world: Path) -> None:
        t = np.arange(_RATE // 2) / _RATE
        soundfile.write(path, 0.3 * np.sin(2 * np.pi * 440 * t), _RATE, **options)
        (path.parent / "wav.scp").write_text(f"u1 {world}/ann-1.wav\nu2 {path.name}\n")
        (path.parent / "utt2spk").write_text("u1 ann\nu2 ann\n")

    return make


def _ark(**options: bool) -> Callable[[Path, Path], None]:
    return lambda path, world: gs.formats.write_kaldi_ark(path, _frames(), **options)


def _scp(path: Path, world: Path) -> None:
    """Two of the entries with a range of rows; relative to the script, so that a case may be anywhere."""
    gs.formats.write_kaldi_ark(path.parent / "f.ark", _frames(), scp=path)
    path.write_text(path.read_text().replace(f"{path.parent}/", "").replace("\n", "[0:1]\n", 1))


def _htk_list(path: Path, world: Path) -> None:
    for name, frames in _frames():
        gs.formats.write_htk(path.parent / f"{name}.mfc", frames)
    path.write_text("u1.mfc\nother=u2.mfc[0,2]\nu3.mfc\n")


def _models(path: Path, world: Path) -> None:
    gs.formats.write_mmf(path, {"a": _gmm(), "b": _gmm()})


_FEATURES = "features {folder} {out}/f.h5 --config {world}/front.toml"
_SOUND = {"read": audio, "features": command(_FEATURES), "skip-bad": command(f"{_FEATURES} --skip-bad")}
for _name, (_file, _options) in _AUDIO.items():
    add(_name, _file, "audio", _SOUND, _sound(**_options))

_ARK = {
    "read": store("ark:"),
    "copy": command("copy-features ark:{path} {out}/f.h5"),
    "show": command("show ark:{path}"),
}
add("archive", "f.ark", "binary", _ARK, _ark())
add("compressed archive", "f.ark", "binary", _ARK, _ark(compress=True))
add("archive in text", "f.ark", "text", _ARK, _ark(text=True))
add("script of an archive", "f.scp", "text", {"read": store("scp:"), "show": command("show scp:{path}")}, _scp)
add(
    "script of HTK's",
    "f.list",
    "text",
    {"read": store("htk:"), "copy": command("copy-features htk:{path} {out}/f.h5")},
    _htk_list,
)
_MODEL = {"load": load, "copy-model": command("copy-model {path} {out}/a.h5"), "show": command("show {path}")}
add("DiagGmm", "final.dubm", "binary", _MODEL, lambda path, world: gs.formats.write_kaldi_gmm(path, _gmm()))
add(
    "DiagGmm in text",
    "final.txt",
    "text",
    _MODEL,
    lambda path, world: gs.formats.write_kaldi_gmm(path, _gmm(), binary=False),
)
add("FullGmm", "final.ubm", "binary", _MODEL, lambda path, world: gs.formats.write_kaldi_full_gmm(path, _full()))
add(
    "FullGmm in text",
    "final.txt",
    "text",
    _MODEL,
    lambda path, world: gs.formats.write_kaldi_full_gmm(path, _full(), binary=False),
)
add("MMF", "models.mmf", "text", {"read": call(gs.formats.read_mmf)}, _models)
add("MMF of one", "one.mmf", "text", _MODEL, lambda path, world: gs.formats.write_mmf(path, {"a": _gmm()}))
_HTK = {"read": call(gs.formats.read_htk)}
add(
    "parameters of HTK's",
    "a.mfc",
    "binary",
    _HTK,
    lambda path, world: gs.formats.write_htk(path, _frames()[0][1], kind="MFCC_E"),
)
add(
    *("compressed parameters of HTK's", "a.mfc", "binary", _HTK),
    lambda path, world: gs.formats.write_htk(path, _frames()[0][1], kind="MFCC_C_K"),
)
