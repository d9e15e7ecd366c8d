"""Saving and loading of any registered class in HDF5: plain arrays, numbers and text; no code, never pickle.

A class that has `Saved` among its bases and names its ``kind`` has a method ``save``, and `load` restores its objects
if the class has been imported. `gmmspeech.load` imports it by itself.

An object is written as its state, a dict by name: arrays become datasets, numbers and text attributes, dicts groups.
The state of a dataclass is its fields, read back by their annotations; None is "" for text, and left out otherwise. For
any other class, the methods ``to_state`` and ``from_state`` convert to and from the state.

The layout: the attributes ``format`` (such as "gmmspeech model") and ``kind`` identify the type of the state; a format
with only one kind has no ``kind``.
"""

from __future__ import annotations

import importlib
import os
import types
from collections.abc import Callable, Hashable, Mapping
from dataclasses import Field, fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import PATH, check, expanded
from gmmspeech.checks import first_bad
from gmmspeech.errors import DataError, shown
from gmmspeech.files.text import parse_object

if TYPE_CHECKING:
    import h5py

    from gmmspeech.files.hdf5_content import Content

MODEL = "gmmspeech model"

_JSON = ("front_end", "options")  # text that is an object in JSON, or empty
_MAY_BE_UNKNOWN = ("sum_xx", "squares")  # NaN where statistics were counted without

State = dict[str, Any]
Object = TypeVar("Object")

_CLASSES: dict[str, type[Saved]] = {}  # by kind, or format where there is no kind


class Saved:
    """Base class of objects that can be written to files and read back.

    Parameters
    ----------
    kind : str, optional
        Name in files, usually that of the class. A subclass without one is saved like its base.
    format : str, optional
        Format of its files; without a kind, the class is the only one of that format.
    version : int
        Version of the format.
    hint : str, optional
        Name in messages if another kind is found: "a mixture (made by train-ubm)".

    Examples
    --------
    >>> import dataclasses, tempfile
    >>> from gmmspeech.files.saving import Saved, load
    >>> @dataclasses.dataclass
    ... class Line(Saved, kind="Line"):
    ...     slope: float
    ...     names: tuple[str, ...] = ()
    >>> path = tempfile.mkdtemp() + "/line.h5"
    >>> Line(2.0, ("a", "b")).save(path)
    >>> load(path)
    Line(slope=2.0, names=('a', 'b'))
    """

    _format: ClassVar[str] = MODEL
    _kind: ClassVar[str] = ""
    _version: ClassVar[int] = 1
    _hint: ClassVar[str] = ""

    def __init_subclass__(
        cls, *, kind: str = "", format: str = MODEL, version: int = 1, hint: str = "", **options: Any
    ) -> None:
        super().__init_subclass__(**options)
        if kind or format != MODEL:
            cls._kind, cls._format, cls._version, cls._hint = kind or format, format, version, hint or cls.__name__
            _CLASSES[cls._kind] = cls

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to an HDF5 file, from which `gmmspeech.load` restores the same bits.

        Parameters
        ----------
        path : path-like
            The file is written atomically. Its folder must exist.

        Raises
        ------
        DataError
            The file can't be written, or the folder does not exist.
        """
        from gmmspeech.files.hdf5 import create_hdf5

        check(PATH, path=path)
        folder = os.path.dirname(os.fspath(path))
        if folder and not os.path.isdir(folder):
            raise DataError(f"{shown(path)}: found no folder {shown(folder)}, expected one that is there")
        state = nested_state(self)
        try:
            _check(state)
        except ValueError as error:
            raise DataError(f"{os.fspath(path)}: can't be written: {error}") from error
        with create_hdf5(path, format=self._format, version=self._version) as file:
            if self._kind != self._format:
                file.attrs["kind"] = self._kind
            _write_state(file, state)

    def to_state(self) -> State:
        """Return the state to save by name: arrays, numbers, text, lists of text, objects, tuples and dicts."""
        return fields_of(self)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Build the object from a state that was read: numbers, text, arrays, lists of text, and states of objects."""
        return from_fields(cls, state)


def load(
    path: str | os.PathLike[str],
    kind: type | tuple[type, ...] | None = None,
    *,
    modules: Mapping[str, Mapping[str, str]] | None = None,
    foreign: Callable[[str, Content], Any] | None = None,
) -> Any:
    """Read what `Saved.save` wrote.

    Parameters
    ----------
    path : path-like
    kind : type or tuple of types, optional
        What it must be.
    modules : mapping, optional
        For every format, kinds and the modules that define them, imported where they have not been yet.
    foreign : callable, optional
        Given path and content, makes an object of what has no format of this package; None where it can't.

    Raises
    ------
    DataError
        The file is missing, truncated, damaged, of a newer version, or holds something else.
    """
    from gmmspeech.files.hdf5 import check_format, damage_named, kind_of, open_content

    name, wanted = os.fspath(path), as_kinds(kind)
    known = modules or {c._format: dict.fromkeys(_CLASSES, c.__module__) for c in _CLASSES.values()}
    formats = list(dict.fromkeys(getattr(c, "_format", MODEL) for c in wanted)) or list(known)
    content = open_content(name, expected=formats[0])
    with content.file as file:
        if foreign is not None and "format" not in content.header:
            made = foreign(name, content)
            if made is not None:
                return made
        format, found = kind_of(content)
        if found in known.get(format, {}):
            importlib.import_module(known[format][found])
        cls = _CLASSES.get(found)
        expected = format if format in formats else formats[0]
        check_format(content, format=expected, version=cls._version if cls else 1)
        if cls is None or cls._format != format:
            kinds = list(known.get(format, ()))
            expected = " or ".join(kinds) if len(kinds) < 3 else f"one of {', '.join(kinds)}"
            kind_found = file.attrs.get("kind")
            what = "without a kind" if kind_found is None else f"of kind {shown(repr(kind_found))}"
            raise DataError(f"{name}: found a {format.removeprefix('gmmspeech ')} {what}, expected {expected}")
        if wanted and not issubclass(cls, wanted):
            raise wrong_kind(name, found, wanted)
        with damage_named(name, format.removeprefix("gmmspeech ")):
            return _made(cls, _read_state(file))


def write(group: h5py.Group, saved: Saved) -> None:
    """Fill a group with an object, for `read`."""
    group.attrs["kind"] = saved._kind
    _write_state(group, nested_state(saved))


def read(group: h5py.Group) -> Any:
    """Make the object of what `write` wrote; damage raises whatever error it leads to."""
    return _made(_CLASSES[group.attrs["kind"]], _read_state(group))


def fields_of(value: Any) -> State:
    """Give the fields of a dataclass, by the names that they have in files."""
    hints = _hints(type(value))  # type: ignore[arg-type]
    state = {_name_of(f): getattr(value, f.name) for f in fields(value)}
    return {
        name: "" if state[name] is None and hints[f.name] == (str | None) else state[name]
        for name, f in zip(state, fields(value), strict=True)
    }


def from_fields(cls: type[Object], state: State) -> Object:
    """Make an object of a dataclass of its saved fields; what else there is in the state is passed over."""
    hints = _hints(cls)  # type: ignore[arg-type]
    return cls(**{f.name: _field(hints[f.name], state, _name_of(f)) for f in fields(cls)})  # type: ignore[arg-type]


@cache
def _hints(kind: Hashable) -> dict[str, Any]:
    """Annotations of a class, which would be compiled anew each time."""
    return get_type_hints(kind)


def as_kinds(kind: type | tuple[type, ...] | None) -> tuple[type, ...]:
    """Give the kinds that a file may be of, none of them for any."""
    return () if kind is None else kind if isinstance(kind, tuple) else (kind,)


def wrong_kind(name: str, found: str, wanted: tuple[type, ...]) -> DataError:
    """Make the error for a file that holds another kind of object."""
    hints = dict.fromkeys(getattr(c, "_hint", c.__name__) for c in wanted)
    article = "an" if found[:1] in "AEIOU" else "a"
    return DataError(f"{name}: found {article} {found}, expected {' or '.join(hints)}")


def _made(cls: type[Saved], state: State) -> Any:
    """Make the object of a state that was read, which its class checks first: it knows what its parts are."""
    made = cls.from_state(state)
    _check(state)
    return made


def _check(state: State, place: str = "") -> None:
    """Raise a ValueError that names the first number that is not finite, or JSON that is not an object."""
    for name, value in state.items():
        if isinstance(value, dict):
            _check(value, f"{place}{name}/")
        elif name in _JSON:
            if not isinstance(value, str):
                raise ValueError(f"{place}{name}: found {type(value).__name__}, expected text")
            try:
                parse_object(value or "{}")
            except ValueError as error:
                raise ValueError(f"{place}{name}: {error}") from None
        elif isinstance(value, np.ndarray | np.floating | float) and name not in _MAY_BE_UNKNOWN:
            array = np.asarray(value)
            bad = first_bad(array) if array.dtype.kind == "f" else None
            if bad is not None:
                raise ValueError(f"{place}{name}: found {array[bad]}, expected finite numbers")


def _name_of(field: Field[Any]) -> str:
    return str(field.metadata.get("saved_as", field.name))


def nested_state(value: Any) -> Any:
    """State of an object, and of all that is in it: nested dicts of arrays, lists of text, numbers and text."""
    if hasattr(value, "to_state"):
        return nested_state(value.to_state())
    if is_dataclass(value):
        return nested_state(fields_of(value))
    if isinstance(value, dict):
        return {name: nested_state(v) for name, v in value.items() if v is not None}
    if isinstance(value, tuple) and value:
        if isinstance(value[0], str):
            return list(value)
        if isinstance(value[0], np.ndarray) or is_dataclass(value[0]) or hasattr(value[0], "to_state"):
            return {str(i): nested_state(v) for i, v in enumerate(value)}
    return np.array(value) if isinstance(value, tuple) else value


def _write_state(group: h5py.Group, state: State) -> None:
    import h5py

    for name, value in state.items():
        if isinstance(value, dict):
            _write_state(group.create_group(name), value)
        elif isinstance(value, list):
            group[name] = np.array(value, dtype=h5py.string_dtype())
        elif isinstance(value, np.ndarray):
            group[name] = value
        else:
            group.attrs[name] = value


def _read_state(group: h5py.Group) -> State:
    import h5py

    from gmmspeech.files.hdf5_content import CHECKSUM

    state: State = {name: value for name, value in group.attrs.items() if name != CHECKSUM}
    for name, item in group.items():
        if isinstance(item, h5py.Group):
            state[name] = _read_state(item)
        elif h5py.check_string_dtype(item.dtype):
            state[name] = item.asstr()[:].tolist()
        else:
            state[name] = item[:]
    return state


def _field(hint: Any, state: State, name: str) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = (h for h in get_args(hint) if h is not type(None))
        if hint is str:
            return _restored(str, state[name], name) or None
        if name not in state:
            return None
    return _restored(hint, state[name], name)


def _restored(hint: Any, value: Any, name: str) -> Any:
    """Bring a value that was read to what an annotation says; TypeError where it is of another type."""
    hint = expanded(hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin is tuple and not isinstance(value, str):
        items = [value[str(i)] for i in range(len(value))] if isinstance(value, dict) else np.asarray(value).tolist()
        if not isinstance(items, list):
            raise TypeError(f"{name}: found one value, expected several")
        kinds = [args[0]] * len(items) if args[-1] is Ellipsis else args
        return tuple(_restored(h, item, name) for h, item in zip(kinds, items, strict=True))
    kind = origin or hint
    if kind in _SCALARS and isinstance(value, _SCALARS[kind]):
        return kind(value)
    if kind is np.ndarray and isinstance(value, np.ndarray):
        return _of_type(hint, value, name)
    if kind in (tuple, np.ndarray, *_SCALARS) or not isinstance(value, dict | kind):
        raise TypeError(f"{name}: found {type(value).__name__}, expected {kind.__name__}")
    if isinstance(value, kind):
        return value
    return kind.from_state(value) if hasattr(kind, "from_state") else from_fields(kind, value)


def _of_type(hint: Any, array: NDArray, name: str) -> NDArray:
    """Give an array in the type that an annotation names, if it is one of such numbers."""
    args = get_args(get_args(hint)[-1])
    if args and isinstance(args[0], type) and issubclass(args[0], np.floating | np.integer):
        wanted = np.dtype(args[0]) if args[0] not in (np.floating, np.integer) else array.dtype
        if array.dtype.kind not in ("f" if issubclass(args[0], np.floating) else "iu"):
            raise TypeError(f"{name}: found {array.dtype} numbers, expected {wanted}")
        return array.astype(wanted, copy=False)
    return array


# What a number or text is where it has been read from a file, or made here.
_SCALARS: dict[Any, tuple[type, ...]] = {
    bool: (bool, np.bool_),
    int: (int, np.integer),
    float: (float, int, np.floating, np.integer),
    str: (str,),
}
