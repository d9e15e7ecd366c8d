"""Damage to what is in HDF5: types, shapes, values, members, and storage that leads elsewhere or has no bound."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import h5py
import numpy as np

_ELEMENTS = 1 << 22  # of a chunk of zeros: 32 MiB of float64
_TEXTS = (
    "",
    "nan",
    "x" * 100_000,
    "[" * 100_000,
    '{"a":' * 50_000,
    "null",
    "[]",
    '{"features": 7}',
    "\x1b[2J\n\r",
    "é\udc80",
)
_VALUES = (
    *(np.nan, np.inf, -1.0, 0, 2**31, -(2**63), 1e308, True, b"bytes", np.zeros(3), np.zeros((2, 2)), np.array([])),
    *(np.arange(40000) % 7, 10**18, np.complex128(1j), 3.7, 1e-320, h5py.Empty("f8"), h5py.Empty("S1")),
)
Secrets = Path  # a folder of files that no model may give away
Change = Callable[[h5py.File, np.random.Generator, Secrets], None]


def datasets(file: h5py.Group) -> list[str]:
    """Names of the datasets of a file."""
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    return found


def attributes(file: h5py.Group) -> list[tuple[str, str]]:
    """Names of objects and of their attributes."""
    found = [("/", name) for name in file.attrs]
    file.visititems(lambda name, item: found.extend((name, attribute) for attribute in item.attrs))
    return found


def _one(file: h5py.File, rng: np.random.Generator) -> str:
    return str(rng.choice(datasets(file) or ["nothing"]))


def _put(file: h5py.File, name: str, data: object, **options: object) -> None:
    if name in file:
        del file[name]
    file.create_dataset(name, data=data, **options)


def dtype(file: h5py.File, rng: np.random.Generator, secrets: Secrets) -> None:
    """Store the same numbers, or nearly, as another type."""
    name = _one(file, rng)
    shape = np.shape(file[name]) or (1,)
    kinds = ("i1", "u8", "f2", ">f8", "f4", "?", "c16", "S3", "V8", [("a", "f8"), ("b", "i4")], "i8")
    kind = kinds[rng.integers(len(kinds))]
    old = file[name][()]
    try:
        data = np.asarray(old).reshape(shape).astype(kind)
    except (TypeError, ValueError):
        data = np.zeros(shape, kind)
    _put(file, name, data)


def objects(file: h5py.File, rng: np.random.Generator, secrets: Secrets) -> None:
    """Store references, lists of any length, enumerations or text in place of numbers, numbers in place of text."""
    name = _one(file, rng)
    shape = np.shape(file[name]) or (1,)
    del file[name]
    kind = rng.integers(6)
    if kind == 0:
        file.create_dataset(name, shape, h5py.ref_dtype)[:] = file.ref
    elif kind == 1:
        made = file.create_dataset(name, shape, h5py.vlen_dtype(np.float64))
        made[(0,) * len(shape)] = np.arange(5.0)
    elif kind == 2:
        file.create_dataset(name, shape, h5py.enum_dtype({"A": 1, "B": 2}))
    elif kind == 3:
        text = np.full(shape, str(rng.choice(_TEXTS[:9])), object)
        file.create_dataset(name, data=text, dtype=h5py.string_dtype())
    elif kind == 4:
        file.create_dataset(name, data=np.zeros(shape))
    else:
        file.create_dataset(name, shape, h5py.regionref_dtype)


def shape(file: h5py.File, rng: np.random.Generator, secrets: Secrets) -> None:
    """Store the same numbers in another shape, or fewer or more of them."""
    name = _one(file, rng)
    data = np.asarray(file[name][()])
    ways: list[Callable[[], np.ndarray]] = [
        lambda: data.reshape(-1),
        lambda: data.T,
        lambda: data[None],
        lambda: data[..., None],
        lambda: data[:-1] if data.ndim else data,
        lambda: np.concatenate([data, data]) if data.ndim else data,
        lambda: data[:0] if data.ndim else data,
        lambda: data.reshape(-1)[0],
        lambda: data[..., :1] if data.ndim else data,
        lambda: np.concatenate([data, data], axis=-1) if data.ndim else data,
    ]
    options = {"dtype": file[name].dtype} if h5py.check_string_dtype(file[name].dtype) else {}
    _put(file, name, ways[rng.integers(len(ways))](), **options)


def empty(file: h5py.File, rng: np.random.Generator, secrets: Secrets) -> None:
    """Store nothing at all."""
    name = _one(file, rng)
    _put(file, name, h5py.Empty(file[name].dtype if file[name].dtype.kind != "O" else "f8"))


def value(file: h5py.File, rng: np.random.Generator, secrets: Secrets) -> None:
    """Put in a number that makes no sense, in one place or everywhere."""
    name = _one(file, rng)
    data = np.array(file[name][()])
    if data.dtype.kind not in "fiu" or not data.size:
        return text(file, rng, secrets)
    numbers = (
        (np.nan, np.inf, -np.inf, -1.0, 0.0, 1e308, 1e-320, -1e5) if data.dtype.kind == "f" else (-1, 0, 1 << 62, 7)
    )
    number = numbers[rng.integers(len(numbers))]
    flat = data.reshape(-1)
    where = slice(None) if rng.integers(3) == 0 else slice(int(at := rng.integers(flat.size)), int(at) + 1)
    with np.errstate(over="ignore"):
        flat[where] = -flat[where] if rng.integers(4) == 0 else np.array(number).astype(data.dtype)
    file[name][...] = data
    return None


def text(file: h5py.File, rng: np.random.Generator, secrets: Secrets) -> None:
    """Put other text into a dataset of text: nothing, the same name again, line ends, paths."""
    names = [name for name in datasets(file) if h5py.check_string_dtype(file[name].dtype)]
    if not names:
        return attribute(file, rng, secrets)
    name = str(rng.choice(names))
    data = file[name].asstr()[()]
    others = (
        "",
        str(data.reshape(-1)[0]) if data.size else "",
        "a\nb",
        "../../x",
        "/abs/x",
        "a b",
        "x" * 10**6,
        "\x1b[2J",
    )
    if data.size:
        data.reshape(-1)[rng.integers(data.size)] = others[rng.integers(len(others))]
    _put(file, name, data, dtype=h5py.string_dtype())
    return None


def attribute(file: h5py.File, rng: np.random.Generator, secrets: Secrets) -> None:
    """Give an attribute a value of another kind."""
    found = attributes(file) or [("/", "none")]
    owner, name = found[rng.integers(len(found))]
    values = (*_VALUES, *_TEXTS[:9])
    _set(file[owner], name, values[rng.integers(len(values))])


def attribute_number(file: h5py.File, rng: np.random.Generator, secrets: Secrets) -> None:
    """Give an attribute that is a number another one."""
    found = [(o, n) for o, n in attributes(file) if isinstance(file[o].attrs[n], np.number)]
    if not found:
        return attribute(file, rng, secrets)
    owner, name = found[rng.integers(len(found))]
    old = file[owner].attrs[name]
    others = (-1, 0, 2**40, old * -1) if isinstance(old, np.integer) else (np.nan, np.inf, -1.0, 0.0, 1e308, -old)
    file[owner].attrs[name] = type(old)(others[rng.integers(len(others))])
    return None


def _set(item: h5py.Group, name: str, given: object) -> None:
    """Set an attribute, small or large: HDF5 keeps those of more than 64 kB only in its newer format."""
    try:
        item.attrs[name] = given
    except (OSError, RuntimeError, ValueError, TypeError):
        item.attrs[name] = "x"


def lost(file: h5py.File, rng: np.random.Generator, secrets: Secrets) -> None:
    """Leave a member or an attribute away."""
    members: list[str] = []
    file.visit(members.append)
    found = [*((name, None) for name in members), *attributes(file)]
    owner, name = found[rng.integers(len(found))]
    if name is None:
        del file[owner]
    else:
        del file[owner].attrs[name]


def more(file: h5py.File, rng: np.random.Generator, secrets: Secrets) -> None:
    """Add members and attributes that nobody asked for."""
    groups: list[str] = ["/"]
    file.visititems(lambda name, item: groups.append(name) if isinstance(item, h5py.Group) else None)
    group = file[str(rng.choice(groups))]
    way = rng.integers(4)
    if way == 0:
        for i in range(2000):
            group.create_group(f"more{i}")
    elif way == 1:
        group[str(rng.choice(["99", "-1", "x y", "é", "." * 3, "n" * 5000]))] = np.arange(3.0)
    elif way == 2:
        for i in range(300):
            group.attrs[f"more{i}"] = i
    else:
        deepest = group
        for _ in range(1500):
            deepest = deepest.create_group("d")


def swapped(file: h5py.File, rng: np.random.Generator, secrets: Secrets) -> None:
    """Exchange two datasets."""
    names = datasets(file)
    one, other = (str(name) for name in rng.choice(names, 2))
    if one != other:
        file.move(one, "between")
        file.move(other, one)
        file.move("between", other)


def turned(file: h5py.File, rng: np.random.Generator, secrets: Secrets) -> None:
    """Put a group where a dataset should be, or a dataset in place of a group."""
    members: list[str] = []
    file.visit(members.append)
    name = str(rng.choice(members))
    is_group = isinstance(file[name], h5py.Group)
    del file[name]
    if is_group:
        file[name] = np.zeros(2)
    else:
        file.create_group(name)


def kind(file: h5py.File, rng: np.random.Generator, secrets: Secrets) -> None:
    """Say that it is of another kind, format or version."""
    name = str(rng.choice(["kind", "format", "format_version"]))
    kinds = ("DiagonalGMM", "SpeakerVerifier", "PhoneHMM", "EMState", "AcceleratedState", "os", "Saved", "__main__")
    formats = (
        "gmmspeech model",
        "gmmspeech features",
        "gmmspeech statistics",
        "gmmspeech checkpoint",
        "\n",
        "x" * 9999,
    )
    others = {"kind": kinds, "format": formats, "format_version": (0, -1, 2, 3, 99, 2**62)}[name]
    file.attrs[name] = others[rng.integers(len(others))]


def external_storage(file: h5py.File, rng: np.random.Generator, secrets: Secrets) -> None:
    """Keep the numbers of a dataset in a file of the reader's."""
    name = _one(file, rng)
    old, kind = np.shape(file[name]) or (1,), file[name].dtype
    del file[name]
    kind = kind if kind.kind in "fiuS" else np.dtype("S8")
    external = [(os.fspath(secrets / "secret.txt"), 0, h5py.h5f.UNLIMITED)]
    file.create_dataset(name, old, kind, external=external)


def external_link(file: h5py.File, rng: np.random.Generator, secrets: Secrets) -> None:
    """Take a member from another file: one of secrets, a pipe, or one that is not there."""
    name = _one(file, rng)
    del file[name]
    pipe = Path(file.filename).parent / "pipe"
    if not pipe.exists():
        os.mkfifo(pipe)
    other = (secrets / "secret.h5", secrets / "secret.h5", pipe, "nowhere.h5", "/dev/zero")[rng.integers(5)]
    file[name] = h5py.ExternalLink(os.fspath(other), "means")


def soft_link(file: h5py.File, rng: np.random.Generator, secrets: Secrets) -> None:
    """Lead from a member to another, to nowhere, or to itself."""
    names = datasets(file)
    name, other = (str(n) for n in rng.choice(names, 2))
    del file[name]
    file[name] = h5py.SoftLink((f"/{other}", "/nowhere", f"/{name}", "/")[rng.integers(4)])


def hard_circle(file: h5py.File, rng: np.random.Generator, secrets: Secrets) -> None:
    """Let a group be its own member."""
    groups: list[str] = ["/"]
    file.visititems(lambda name, item: groups.append(name) if isinstance(item, h5py.Group) else None)
    file[str(rng.choice(groups))]["circle"] = file["/"]


def virtual(file: h5py.File, rng: np.random.Generator, secrets: Secrets) -> None:
    """Take the numbers of a dataset from a dataset of another file."""
    name = _one(file, rng)
    old, kind = np.shape(file[name]) or (1,), file[name].dtype
    kind = kind if kind.kind in "fiu" else np.dtype("f8")
    del file[name]
    layout = h5py.VirtualLayout(shape=old, dtype=kind)
    size = int(np.prod(old))
    if len(old) == 1 and 0 < size <= 64:
        layout[:] = h5py.VirtualSource(os.fspath(secrets / "secret.h5"), "flat", shape=(64,))[:size]
    elif len(old) == 2 and max(old) <= 64:
        layout[:] = h5py.VirtualSource(os.fspath(secrets / "secret.h5"), "means", shape=(64, 64))[: old[0], : old[1]]
    file.create_virtual_dataset(name, layout)


def huge(file: h5py.File, rng: np.random.Generator, secrets: Secrets) -> None:
    """Declare a shape of which nothing is stored."""
    name = _one(file, rng)
    old, kind = np.shape(file[name]), file[name].dtype
    del file[name]
    large = int(rng.choice([10**8, 10**9, 10**12]))
    shapes = [(large,), (large, *old[1:]), (*old[:-1], large), (2, large), (large, 0)]
    chosen = shapes[rng.integers(len(shapes))]
    file.create_dataset(
        name, chosen, kind, chunks=tuple(min(64, max(1, n)) for n in chosen), maxshape=(None,) * len(chosen)
    )


def wide_text(file: h5py.File, rng: np.random.Generator, secrets: Secrets) -> None:
    """Declare text of a GiB an entry."""
    name = _one(file, rng)
    old = np.shape(file[name]) or (1,)
    del file[name]
    kind = h5py.h5t.C_S1.copy()
    kind.set_size(1 << 30)
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_LATE)
    group, _, last = name.rpartition("/")
    h5py.h5d.create(file.require_group(group or "/").id, last.encode(), kind, h5py.h5s.create_simple(old), properties)


@cache
def _zeros() -> bytes:
    return zlib.compress(bytes(8 * _ELEMENTS), 9)


def bomb(file: h5py.File, rng: np.random.Generator, secrets: Secrets) -> None:
    """Store 4 GiB of zeros, compressed to 4 MB."""
    name = _one(file, rng)
    old = np.shape(file[name])
    del file[name]
    rest = old[1:] if np.prod(old[1:], dtype=int) <= 64 else ()
    rows = _ELEMENTS // max(1, int(np.prod(rest, dtype=int)))
    size, count = rows * int(np.prod(rest, dtype=int)), 128
    made = file.create_dataset(name, (rows * count, *rest), "f8", chunks=(rows, *rest), compression="gzip")
    packed = _zeros() if size == _ELEMENTS else zlib.compress(bytes(8 * size), 9)
    for i in range(count):
        made.id.write_direct_chunk((i * rows, *([0] * len(rest))), packed)


def scattered(file: h5py.File, rng: np.random.Generator, secrets: Secrets) -> None:
    """Put a chunk of bytes that are no compressed numbers."""
    name = _one(file, rng)
    data = np.asarray(file[name][()])
    if data.dtype.kind not in "fiu" or not data.ndim or not data.size:
        return attribute(file, rng, secrets)
    _put(file, name, data, chunks=data.shape, compression="gzip", shuffle=True, fletcher32=bool(rng.integers(2)))
    file[name].id.write_direct_chunk((0,) * data.ndim, rng.bytes(int(rng.integers(1, 99))))
    return None


HDF5: dict[str, Change] = {
    f"hdf5 {f.__name__}": f
    for f in (
        *(dtype, objects, shape, empty, value, value, text, attribute, attribute_number, lost, more, swapped, turned),
        *(kind, external_storage, external_link, soft_link, hard_circle, virtual, huge, wide_text, bomb, scattered),
    )
}
