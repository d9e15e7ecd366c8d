"""Files that somebody made with care: each with a name, what is done with it, and what has to come of it."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from fuzz.mutations_of_hdf5 import HDF5
from fuzz.mutations_of_places import PLACES
from fuzz.sealing import sealed_again

Edit = Callable[[Path, Path], None]  # of a whole file, in the world of all others


class Hostile(NamedTuple):
    """A file of a kind, edited.

    Parameters
    ----------
    kind, target : str
        Of `fuzz.kinds.KINDS`.
    edit : callable
    verdict : str
    words : tuple of str
        What the message says.
    """

    kind: str
    target: str
    edit: Edit
    verdict: str = "refused"
    words: tuple[str, ...] = ()


def _hdf5(change: Callable[[h5py.File, Path], None], *, seal: bool = True) -> Edit:
    def edit(path: Path, world: Path) -> None:
        with h5py.File(path, "r+") as file:
            change(file, world)
        if seal:
            sealed_again(path)

    return edit


def _member(name: str, make: Callable[[h5py.File, str, tuple[int, ...], Path], object]) -> Edit:
    def change(file: h5py.File, world: Path) -> None:
        shape = file[name].shape
        del file[name]
        make(file, name, shape, world)

    return _hdf5(change)


def _attribute(name: str, value: object) -> Edit:
    return _hdf5(lambda file, world: file.attrs.__setitem__(name, value))


def _put(name: str, value: float) -> Edit:
    return _hdf5(lambda file, world: file[name].__setitem__((0,) * file[name].ndim, value))


def _link(target: str) -> Edit:
    def make(file: h5py.File, name: str, shape: tuple[int, ...], world: Path) -> None:
        file[name] = h5py.ExternalLink(str(world / target), "means")

    return _member("means", make)


def _pipe(path: Path, world: Path) -> None:
    os.mkfifo(path.parent / "pipe")
    _member("means", lambda file, name, shape, _: file.__setitem__(name, h5py.ExternalLink("pipe", "means")))(
        path, world
    )


def _virtual(file: h5py.File, name: str, shape: tuple[int, ...], world: Path) -> None:
    layout = h5py.VirtualLayout(shape, np.float64)
    layout[:] = h5py.VirtualSource(str(world / "secret.h5"), "means", (64, 64))[: shape[0], : shape[1]]
    file.create_virtual_dataset(name, layout)


def _external(file: h5py.File, name: str, shape: tuple[int, ...], world: Path) -> None:
    file.create_dataset(name, shape, np.float64, external=[(str(world / "secret.txt"), 0, h5py.h5f.UNLIMITED)])


def _huge(file: h5py.File, name: str, shape: tuple[int, ...], world: Path) -> None:
    file.create_dataset(name, (shape[0], 10**9), np.float64, chunks=(1, 1024), maxshape=(None, None))


def _text(text: str, encoding: str = "utf-8") -> Edit:
    return lambda path, world: path.write_text(text, encoding=encoding, newline="") and None


def _replaced(old: str, new: str) -> Edit:
    def edit(path: Path, world: Path) -> None:
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return edit


def _added(line: str) -> Edit:
    def edit(path: Path, world: Path) -> None:
        path.write_text(path.read_text(encoding="utf-8") + line, encoding="utf-8")

    return edit


def _beside(name: str, edit: Edit) -> Edit:
    """Edit a file beside the one of the kind."""
    return lambda path, world: edit(path.parent / name, world)


def _scp_of(place: str) -> Edit:
    def edit(path: Path, world: Path) -> None:
        os.mkfifo(path.parent / "pipe")
        path.write_text(f"u1 {place.format(folder=path.parent)}\n")

    return edit


def _wav_of(place: str) -> Edit:
    def edit(path: Path, world: Path) -> None:
        os.mkfifo(path.parent / "pipe")
        lines = path.read_text().splitlines()
        path.write_text("\n".join([f"ann-1 {place.format(folder=path.parent)}", *lines[1:]]) + "\n")

    return edit


def _list_of(place: str) -> Edit:
    def edit(path: Path, world: Path) -> None:
        os.mkfifo(path.parent / "pipe")
        path.write_text(f"{place.format(folder=path.parent)}\n")

    return edit


def _flac_of_hours(path: Path, world: Path) -> None:
    """Say that there are 2^36 - 1 samples: the last 36 bits of the 8 bytes behind the block and frame sizes."""
    content = bytearray(path.read_bytes())
    at = content.index(b"fLaC") + 8 + 10
    packed = int.from_bytes(content[at : at + 8], "big") | (1 << 36) - 1
    content[at : at + 8] = packed.to_bytes(8, "big")
    path.write_bytes(content)


def _ark_of_gibibytes(path: Path, world: Path) -> None:
    """A matrix of 5 GiB, of which nothing is there."""
    path.write_bytes(b"u1 \0BFM \4" + struct.pack("<i", 35_000_000) + b"\4" + struct.pack("<i", 39) + bytes(99))


def _ark_of_holes(path: Path, world: Path) -> None:
    """A matrix of 5 GiB, all of them holes in the file."""
    with open(path, "wb") as file:
        file.write(b"u1 \0BFM \4" + struct.pack("<i", 35_000_000) + b"\4" + struct.pack("<i", 39))
        file.truncate(file.tell() + 4 * 39 * 35_000_000)


def _long_ark(path: Path, world: Path) -> None:
    rows = ("  " + " ".join(["0.123456"] * 39) + "\n") * 20_000
    path.write_text(f"u1  [\n{rows.rstrip()} ]\n")


def _long_mmf(path: Path, world: Path) -> None:
    numbers = " ".join(["0.5"] * 39)
    mixture = f"<MEAN> 39\n{numbers}\n<VARIANCE> 39\n{numbers}\n"
    count = 4000
    lines = "".join(f"<MIXTURE> {k + 1} {1 / count:.9g}\n{mixture}" for k in range(count))
    head = '~o\n<STREAMINFO> 1 39\n<VECSIZE> 39<NULLD><USER><DIAGC>\n~h "a"\n<BEGINHMM>\n<NUMSTATES> 3\n<STATE> 2\n'
    path.write_text(f"{head}<NUMMIXES> {count}\n{lines}<TRANSP> 3\n0 1 0\n0 .9 .1\n0 0 0\n<ENDHMM>\n")


def _toml(line: str) -> Edit:
    return _text(f'sample_frequency = 8000\n[features]\ntype = "mfcc"\n{line}\n')


def _place(change: Callable[[Path, np.random.Generator], None], path: Path, world: Path) -> None:
    change(path, np.random.default_rng(0))


def _damaged(change: Callable[..., None], path: Path, world: Path) -> None:
    with h5py.File(path, "r+") as file:
        change(file, np.random.default_rng(0), world)
    sealed_again(path)


def _replaced_number(pattern: bytes, number: str) -> Edit:
    def edit(path: Path, world: Path) -> None:
        content, count = re.subn(pattern, number.encode(), path.read_bytes(), count=1)
        assert count == 1
        path.write_bytes(content)

    return edit


_WHERE = {
    "mixture": "load",
    "features": "read",
    "statistics of utterances": "show",
    "checkpoint": "resume",
    "WAV": "read",
    "archive": "read",
    "MMF": "read",
    "DiagGmm": "load",
    "parameters of HTK's": "read",
    "trials": "read",
    "scores": "blocks",
    "dictionary": "read",
    "CTM": "read",
    "TextGrid": "read",
    "TOML": "read",
    "HCopy's configuration": "read",
    "segments": "read",
}
_DEEP = "[" * 100_000
_JSON = {
    "a list": "[]",
    "a number": "7",
    "deep": _DEEP,
    "null": "null",
    "text": '"x"',
    "another section": '{"features": 7}',
}
_NUMBERS = ("nan", "inf", "1e999", "1_0", "٣", "-1e5")

HOSTILE: dict[str, Hostile] = {
    # other files
    "means stored on a text file": Hostile("mixture", "copy-model", _member("means", _external), words=("means",)),
    "means stored on a text file, shown": Hostile("mixture", "show", _member("means", _external)),
    "means linked from another file": Hostile("mixture", "copy-model", _link("secret.h5"), words=("means",)),
    "means linked from a device": Hostile("mixture", "load", _link("../../../../../../../../../dev/zero")),
    "means linked from a pipe": Hostile("mixture", "load", _pipe, words=("means",)),
    "means of a virtual dataset": Hostile("mixture", "copy-model", _member("means", _virtual), words=("means",)),
    "means that are a soft link": Hostile(
        "mixture", "load", _member("means", lambda file, name, *_: file.__setitem__(name, h5py.SoftLink("/variances")))
    ),
    "means of bob's linked from another file": Hostile(
        "bob",
        "copy-model",
        _member(
            "gaussians/means", lambda f, n, s, w: f.__setitem__(n, h5py.ExternalLink(str(w / "secret.h5"), "means"))
        ),
    ),
    "means of SIDEKIT's stored on a text file": Hostile("SIDEKIT", "copy-model", _member("mu", _external)),
    "frames stored on a text file": Hostile("features", "read", _member("frames", _external), words=("frames",)),
    "sums stored on a text file": Hostile(
        "statistics of utterances",
        "read",
        _member("n", lambda f, n, s, w: f.create_dataset(n, s, "f8", external=[(str(w / "secret.txt"), 0, 9999)])),
    ),
    "a model of version 0.1 with means on a text file": Hostile(
        "mixture of version 0.1", "load", _member("means", _external)
    ),
    # memory
    "means of terabytes": Hostile("mixture", "show", _member("means", _huge), words=("means",)),
    "means of terabytes in version 0.1": Hostile("mixture of version 0.1", "show", _member("means", _huge)),
    "frames of terabytes": Hostile("features", "read", _member("frames", _huge), words=("frames",)),
    "FLAC of 2^36 samples": Hostile("FLAC", "read", _flac_of_hours),
    "FLAC of 2^36 samples among others": Hostile("FLAC", "skip-bad", _flac_of_hours, "ok"),
    "an archive's matrix of 5 GiB that is not there": Hostile("archive", "read", _ark_of_gibibytes, words=("u1",)),
    "an archive's matrix of 5 GiB of holes": Hostile("archive", "read", _ark_of_holes, words=("u1",)),
    "TOML with frames of hours": Hostile("TOML", "features", _toml("frame_length = 1e10")),
    "TOML with 10^9 filters": Hostile("TOML", "features", _toml("num_mel_bins = 1000000000")),
    "TOML with deltas of order 10^6": Hostile("TOML", "features", _toml("num_ceps = 6\n[deltas]\norder = 1000000")),
    "TOML with deltas over 10^9 frames": Hostile(
        "TOML", "features", _toml("num_ceps = 6\n[deltas]\nwindow = 1000000000")
    ),
    "TOML with 10^15 samples a second": Hostile("TOML", "features", _text("sample_frequency = 1000000000000000\n")),
    "TOML with a shift of nothing": Hostile("TOML", "features", _toml("frame_shift = 1e-300")),
    # types
    **{
        f"a front end that is {name}": Hostile("features", "show", _attribute("front_end", text))
        for name, text in _JSON.items()
        if name not in ("another section",)
    },
    **{
        f"a front end of a mixture that is {name}": Hostile("mixture", "show", _attribute("front_end", text))
        for name, text in _JSON.items()
    },
    **{
        f"settings of a checkpoint that are {name}": Hostile("checkpoint", "resume", _attribute("settings", text))
        for name, text in _JSON.items()
    },
    **{
        f"settings of a shown checkpoint that are {name}": Hostile("checkpoint", "show", _attribute("settings", text))
        for name, text in _JSON.items()
        if name != "another section"
    },
    **{f"JSON that is {name}": Hostile("front end in JSON", "read", _text(text)) for name, text in _JSON.items()},
    "i-vectors with names that are numbers": Hostile(
        "i-vectors", "load", _member("utterances", lambda f, n, s, w: f.__setitem__(n, np.arange(6.0)))
    ),
    "an index whose dimension is text": Hostile("index of features", "read", _attribute("dim", "x")),
    "an index of shards elsewhere": Hostile(
        "index of features",
        "read",
        _hdf5(lambda f, w: f["shards"].__setitem__(0, str(w / "f.h5"))),
    ),
    "a mark of a stage that is no text": Hostile(
        "marks of stages", "ask", lambda path, world: path.write_bytes(b"\xff\xfe\0x y") and None, "ok"
    ),
    "a projection of frames that is no matrix": Hostile(
        "phone-classifier", "load", _member("projection", lambda f, n, s, w: f.__setitem__(n, np.ones(3)))
    ),
    "frames that are no numbers": Hostile("features", "read", _put("frames", np.nan), words=("utterance u0",)),
    # values
    "priors that are no numbers": Hostile("classifier", "load", _put("priors", np.nan)),
    "a history that is infinite": Hostile("mixture", "load", _put("history", np.inf)),
    "i-vectors that are infinite": Hostile("i-vectors", "load", _put("vectors", np.inf)),
    "a variance below 0": Hostile("mixture", "load", _put("variances", -1.0)),
    "statistics that are no numbers": Hostile("statistics of utterances", "extract", _put("sum_x", np.nan)),
    "counts below 0": Hostile("statistics of utterances", "read", _put("n", -1.0)),
    "scores that are infinite": Hostile("scores", "evaluate", _replaced(" 1.5\n", " inf\n")),
    **{
        f"a score of {number}": Hostile("scores", "read", _replaced(" 1.5\n", f" {number}\n"), words=("scores:1",))
        for number in ("nan", "1_0", "٣", "1e999", "0x10")
    },
    **{
        f"a segment from {number}": Hostile(
            "segments", "read", _replaced("ann-1 0.0 ", f"ann-1 {number} "), words=("segments:1",)
        )
        for number in _NUMBERS
    },
    "a segment that ends after 1e300 s": Hostile("segments", "features", _replaced(" 0.0 0.2\n", " 0.0 1e300\n"), "ok"),
    **{
        f"a CTM's time of {number}": Hostile(
            "CTM", "read", _replaced("0.00 0.20", f"{number} 0.20"), words=("phones.ctm:1",)
        )
        for number in ("nan", "inf", "1e999", "1_0", "٣")
    },
    **{
        f"a label's time of {number}": Hostile("HTK labels", "read", _replaced("0 2000000", f"{number} 2000000"))
        for number in ("nan", "inf", "1_0", "٣", "9" * 400)
    },
    **{
        f"Kaldi's option of {number}": Hostile(
            "Kaldi's configuration", "read", _replaced("low-freq=20", f"low-freq={number}")
        )
        for number in ("nan", "inf", "1e999", "1_0", "٣")
    },
    **{
        f"HCopy's period of {number}": Hostile("HCopy's configuration", "read", _replaced("1250.0", number))
        for number in ("nan", "inf", "1e999", "1_0", "٣", "0", "1e-300")
    },
    # places
    "a pipe in a script": Hostile("script of an archive", "read", _scp_of("{folder}/pipe:0"), words=("u1",)),
    "a device in a script": Hostile("script of an archive", "read", _scp_of("/dev/zero"), words=("u1",)),
    "a folder in a script": Hostile("script of an archive", "read", _scp_of("{folder}"), words=("u1",)),
    "a pipe in a list of HTK's": Hostile("script of HTK's", "read", _list_of("{folder}/pipe"), words=("pipe",)),
    "a device in a list of HTK's": Hostile("script of HTK's", "read", _list_of("/dev/zero"), words=("zero",)),
    "a device in wav.scp": Hostile("wav.scp", "read", _wav_of("/dev/zero"), words=("utterance ann-1", "/dev/zero")),
    "a null byte in a script's path": Hostile("script of an archive", "read", _scp_of("a\0b"), words=("f.scp",)),
    "a null byte in wav.scp": Hostile("wav.scp", "read", _wav_of("a\0b"), words=("wav.scp",)),
    "a pipe in wav.scp": Hostile("wav.scp", "read", _wav_of("{folder}/pipe"), words=("utterance ann-1", "pipe")),
    "a pipe in wav.scp, left out": Hostile("wav.scp", "features", _wav_of("{folder}/pipe"), "ok"),
    "a folder in wav.scp, left out": Hostile("wav.scp", "features", _wav_of("{folder}"), "ok"),
    "a null byte in a list of HTK's": Hostile("script of HTK's", "read", _list_of("a\0b"), words=("f.list",)),
    **{
        f"{name} in place of {kind}": Hostile(kind, target, partial(_place, change))
        for name, change in PLACES.items()
        if name != "sparse"
        for kind, target in _WHERE.items()
    },
    # numbers that only Python takes
    **{
        f"{number} in {kind}": Hostile(kind, target, _replaced_number(old, number))
        for number in ("1_0", "\u0663", "nan", "1e999")
        for kind, target, old in (
            ("archive in text", "read", rb"-?0\.[0-9]+"),
            ("MMF of one", "load", rb"(?<=\n )-?[0-9.]+"),
            ("DiagGmm in text", "load", rb"(?<=  )-?[0-9.]+"),
            ("TextGrid", "read", rb"(?<=xmin = )0\.[0-9]+"),
            ("MLF", "read", rb"(?<=\n)2000000"),
            ("TIMIT's labels", "read", b"1600"),
            ("Audacity's labels", "read", rb"0\.200000"),
            ("Kaldi's VAD", "read", rb"5\.5"),
        )
    },
    # length and depth
    **{
        f"{name.removeprefix('hdf5 ')} in {kind}": Hostile(kind, target, partial(_damaged, HDF5[name]))
        for name in ("hdf5 bomb", "hdf5 hard_circle", "hdf5 wide_text", "hdf5 huge")
        for kind, target in (("mixture", "show"), ("features", "read"), ("statistics of utterances", "read"))
    },
    "a text archive of 20,000 frames": Hostile("archive in text", "read", _long_ark, "ok"),
    "an MMF of 4,000 components": Hostile("MMF", "read", _long_mmf, "ok"),
    "a word of a million letters": Hostile("trials", "read", _added("x" * 10**6 + "\n"), words=("trials:5",)),
    "a model's kind of 60 kB": Hostile("mixture", "load", _attribute("kind", "x" * 60_000)),
    "an escape of a terminal": Hostile("trials", "read", _added("\x1b[2J x y z\n"), words=("trials:5",)),
    "labels with carriage returns alone": Hostile("HTK labels", "read", _text("0 1000 a\r1000 2000 b\r")),
    "a CTM with carriage returns alone": Hostile("CTM", "read", _text("u 1 0.0 0.1 a\ru 1 0.1 0.1 b\r")),
}
