"""Constraints on arguments, with one-line errors that name the argument, what was found and what was expected.

Estimators have a table of them (``_parameter_constraints``), functions call `check`, and for functions wrapped in
`checked` the annotations are the table. Arrays are checked by `gmmspeech.checks`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import os
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin

import numpy as np

from gmmspeech.errors import ConfigError, shown

Constraint = Callable[[Any], str]
"""Gives what was expected instead of a value, "" where the value is right."""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def told(value: object) -> str:
    """Tell a value in a message: of an array kind and shape, else its text, of bounded length."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"{type(value).__name__} of shape {shape}"
    if isinstance(value, os.PathLike):
        return shown(value)
    try:
        text = repr(value[:100] if isinstance(value, str) else value)
    except Exception:  # of an object that can't say what it is
        text = "<"
    return f"an object of type {type(value).__name__}" if text.startswith("<") else shown(text)


def check(constraint: Constraint, **values: object) -> None:
    """Raise a `ConfigError` that names the first argument that a constraint doesn't allow."""
    for name, value in values.items():
        expected = constraint(value)
        if expected:
            raise ConfigError(f"{name}: found {told(value)}, expected {expected}")


def check_options(estimator: Any) -> None:
    """Raise a `ConfigError` for the first parameter that its estimator's table of constraints doesn't allow."""
    for name, constraint in estimator._parameter_constraints.items():
        check(constraint, **{name: getattr(estimator, name)})


def whole(least: int | None = None, most: int | None = None) -> Constraint:
    """Allow integers, NumPy's too, but neither 4.0 nor True."""
    bounds = _bounds(least=least, most=most)

    def expected(value: object) -> str:
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
            return f"an integer{', ' if bounds else ''}{bounds}"
        return bounds if (least is not None and value < least) or (most is not None and value > most) else ""

    return expected


def real(
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    nan: bool = False,
) -> Constraint:
    """Allow numbers within bounds where those are given; without a greatest infinity too, and NaN if asked for."""
    bounds = _bounds(least=least, above=above, most=most, below=below)

    def expected(value: object) -> str:
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
            return f"a number{', ' if bounds else ''}{bounds}"
        within = (
            (least is None or value >= least)
            and (above is None or value > above)
            and (most is None or value <= most)
            and (below is None or value < below)
        )
        return "" if within and (nan or not math.isnan(value)) else bounds or "a number"

    return expected


def _bounds(
    *, least: float | None = None, above: float | None = None, most: float | None = None, below: float | None = None
) -> str:
    """Tell the bounds of a number in words, "" for none."""
    low = "" if least is None and above is None else f"at least {least}" if above is None else f"above {above}"
    high = "" if most is None and below is None else f"at most {most}" if below is None else f"below {below}"
    if low and not high:
        return f"{least} or more" if above is None else low
    return " and ".join(filter(None, (low, high)))


def one_of(*choices: str) -> Constraint:
    """Allow some words."""
    words = " or ".join(filter(None, (", ".join(choices[:-1]), choices[-1])))
    return lambda value: "" if isinstance(value, str) and value in choices else words


def instance(*kinds: type, words: str = "") -> Constraint:
    """Allow objects of some classes."""
    expected = words or " or ".join(f"{'an' if kind.__name__[0] in 'AEIOU' else 'a'} {kind.__name__}" for kind in kinds)
    return lambda value: "" if isinstance(value, kinds) else expected


def any_of(*constraints: Constraint) -> Constraint:
    """Allow what one of several constraints does."""

    def expected(value: object) -> str:
        found: dict[str, None] = {}
        for constraint in constraints:
            words = constraint(value)
            if not words:
                return ""
            found[words] = None
        return " or ".join(found)

    return expected


def _numbers(value: object) -> str:
    right = isinstance(value, np.ndarray) and value.ndim > 0 and value.dtype.kind in "fiu"
    return "" if right and not is_masked(value) else "an array of numbers"


def is_masked(value: object) -> bool:
    """Say whether a value is a masked array, whose module, which takes a while, there is no need to import."""
    kind = getattr(sys.modules.get("numpy.ma"), "MaskedArray", None)  # which it lacks while another thread imports it
    return kind is not None and isinstance(value, kind)


def listed(item: Constraint | None = None, words: str = "a list") -> Constraint:
    """Allow lists and the like, never text, a dict or a set, whose items one more constraint allows."""

    def expected(value: object) -> str:
        if isinstance(value, (str, bytes, Mapping, Set)) or not hasattr(value, "__len__"):
            return words
        if getattr(value, "shape", None) == ():
            return words
        if item is None:
            return ""
        first = next(filter(None, map(item, value)), "")  # type: ignore[call-overload]
        return f"{words}, each item {first}" if first else ""

    return expected


def _tuple(items: Sequence[Constraint | None]) -> Constraint:
    words = f"{len(items)} in a tuple"

    def expected(value: object) -> str:
        if not isinstance(value, (tuple, list)) or len(value) != len(items):
            return words
        found = [item(part) for item, part in zip(items, value, strict=True) if item is not None]
        return f"{words}, {', '.join(filter(None, found))}" if any(found) else ""

    return expected


def mapped(item: Constraint | None = None, words: str = "a dict") -> Constraint:
    """Allow mappings whose values one more constraint allows."""

    def expected(value: object) -> str:
        if not isinstance(value, Mapping):
            return words
        first = next(filter(None, map(item, value.values())), "") if item else ""
        return f"{words}, each value {first}" if first else ""

    return expected


FLAG = instance(bool, np.bool_, words="True or False")
TEXT = instance(str, words="text")
NOTHING = instance(type(None), words="None")
PATH = instance(str, os.PathLike, words="a path")
FUNCTION: Constraint = lambda value: "" if callable(value) else "a function"  # noqa: E731


def _generator(value: object) -> str:
    """Allow a generator; that of None is not asked for, since NumPy imports them when they are first named."""
    return "" if value is not None and isinstance(value, np.random.RandomState) else "a RandomState"


SEED = any_of(whole(0, 2**32 - 1), _generator, NOTHING)
POSITIVE: Constraint = lambda value: "" if not real(above=0)(value) and math.isfinite(value) else "a number above 0"  # noqa: E731


def random_state_of(seed: int | np.random.RandomState | None) -> np.random.RandomState:
    """Give the generator that a ``random_state`` means, as scikit-learn takes it: None is NumPy's global one."""
    if seed is None:
        return np.random.mtrand._rand
    return seed if isinstance(seed, np.random.RandomState) else np.random.RandomState(seed)


def jobs(value: object) -> str:
    """Allow numbers of threads as joblib takes them: 1 or more, -1 for all processors, -2 for all but one, None."""
    if whole()(value):
        return "" if value is None else "an integer or None"
    return "1 or more, -1 for all processors, or None" if value == 0 else ""


_NAMED: Mapping[str, Constraint] = {"n_jobs": jobs, "random_state": SEED}


def checked(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Check the arguments of a function by their annotations: options, objects, lists and dicts, but not arrays."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    table: dict[str, Constraint] = {}
    read = False

    def own(name: str, value: Any) -> Any:
        if name not in table:
            return value
        check(table[name], **{name: value})
        return value.item() if isinstance(value, np.generic) else value  # products with an int8 would overflow

    @functools.wraps(function)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        nonlocal read
        if not read:  # at the first call: importing stays quick
            table.update(_table(function.__annotations__, function.__globals__))
            read = True
        given: Any = [own(name, value) for name, value in zip(names, args, strict=False)] + list(args[len(names) :])
        named: Any = {name: own(name, value) for name, value in kwargs.items()}
        return function(*given, **named)

    return call


def check_fields(value: Any) -> None:
    """Check the fields of a dataclass by their annotations; those that are to be arrays must be."""
    for name, constraint in _fields(value.__class__).items():
        check(constraint, **{f"{type(value).__name__}: {name}": getattr(value, name)})


def set_fields(value: Any, **fields: object) -> None:
    """Give fields of a frozen dataclass, while it is made, the values that checks made of them."""
    for name, field in fields.items():
        object.__setattr__(value, name, field)


@functools.cache
def _fields(cls: type) -> dict[str, Constraint]:
    hints = {field.name: field.type for field in dataclasses.fields(cls)}
    return _table(hints, vars(sys.modules[cls.__module__]), arrays=True)


def _table(hints: Mapping[str, Any], names: dict[str, Any], *, arrays: bool = False) -> dict[str, Constraint]:
    """Constraints that annotations come to, by argument."""
    table: dict[str, Constraint] = {}
    for name, hint in hints.items():
        try:
            found = eval(hint, names) if isinstance(hint, str) else hint
        except NameError:  # known to type checkers only
            continue
        constraint = _NAMED[name] if name in _NAMED else _constraint(found, arrays=arrays)
        if constraint is not None and name != "return":
            table[name] = constraint
    return table


def expanded(hint: Any) -> Any:
    """Give what an alias in an annotation stands for: NumPy's types of arrays are such from its version 2.5 on.

    Examples
    --------
    >>> expanded(int)
    <class 'int'>
    """
    alias, args = get_origin(hint) or hint, get_args(hint)
    if type(alias).__name__ != "TypeAliasType":
        return hint
    return expanded(alias.__value__[args] if args else alias.__value__)


def _constraint(hint: Any, *, arrays: bool = False) -> Constraint | None:
    """Give the constraint that an annotation comes to, None where it has none."""
    number = real(nan=arrays)  # of a file, whose class tells of it
    hint = expanded(hint)
    simple = {bool: FLAG, int: whole(), float: number, str: TEXT, None: NOTHING, type(None): NOTHING}
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return None
    if isinstance(hint, type | None) and hint in simple:
        return simple[hint]
    if origin is Literal:
        return one_of(*args)
    if origin in (Union, types.UnionType):
        parts = [_constraint(part, arrays=arrays) for part in args]
        return None if None in parts else any_of(*filter(None, parts))
    if isinstance(hint, TypeVar):  # of some classes
        return any_of(*map(instance, hint.__constraints__)) if hint.__constraints__ else None
    if origin is np.ndarray:
        return _numbers if arrays else None
    kind = origin or hint
    if not isinstance(kind, type) or getattr(kind, "_is_protocol", False) or kind is object:
        return None
    if kind is os.PathLike or issubclass(kind, os.PathLike):
        return PATH
    if kind is Callable:
        return FUNCTION
    if origin and issubclass(kind, Mapping):
        return mapped(_constraint(args[1]))
    if kind is tuple and args[-1] is not ...:
        return _tuple([_constraint(part) for part in args])
    if origin and issubclass(kind, Sequence):
        return listed(_constraint(args[0]), f"a list of {getattr(args[0], '__name__', 'items')}")
    if origin and issubclass(kind, Iterable):
        return lambda value: "" if isinstance(value, Iterable) and not isinstance(value, (str, bytes)) else "a list"
    return instance(type, words="a class") if kind is type else instance(kind)
