"""Constraints: what each allows, and the one line that says what was found and what was expected."""

import dataclasses
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeVar

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from typing_extensions import TypeAliasType

from gmmspeech.arguments import (
    FLAG,
    NOTHING,
    SEED,
    any_of,
    check,
    check_fields,
    check_options,
    checked,
    expanded,
    instance,
    is_masked,
    jobs,
    listed,
    mapped,
    one_of,
    real,
    told,
    whole,
)
from gmmspeech.errors import ConfigError, GmmSpeechError


@pytest.mark.parametrize(
    ("constraint", "right", "wrong", "expected"),
    [
        (whole(1), [1, np.int8(2)], [0, -1], "1 or more"),
        (whole(1), [], [1.0, "1", True, None, np.array([1])], "an integer, 1 or more"),
        (whole(0, 9), [0, 9], [10], "at least 0 and at most 9"),
        (real(least=0), [0, 0.5, np.float32(1), np.inf], [-1, np.nan], "0 or more"),
        (real(above=0, below=1), [0.5], [0, 1.0], "above 0 and below 1"),
        (real(), [1], ["1", 1j, None, False], "a number"),
        (one_of("a", "b", "c"), ["a", "c"], ["d", None, 3, np.array(["a", "b"])], "a, b or c"),
        (FLAG, [True, np.False_], [0, 1, "no", None], "True or False"),
        (SEED, [0, None, np.random.RandomState(0)], [-1, 1.0, "0", True, np.random.default_rng()], None),
        (jobs, [1, -1, None, np.int64(2)], ["1", 1.0, True], "an integer or None"),
        (jobs, [], [0], "1 or more, -1 for all processors, or None"),
        (listed(whole(1)), [[1, 2], (), np.arange(1, 3)], [[0]], "a list, each item 1 or more"),
        (listed(), [[]], [{1}, {}, "ab", b"ab", 3, None, np.array(3)], "a list"),
        (mapped(listed()), [{}, {"a": [1]}], [{"a": "b"}], "a dict, each value a list"),
        (any_of(whole(1), NOTHING), [1, None], ["a"], "an integer, 1 or more or None"),
        (instance(dict, Path), [{}, Path()], ["a"], "a dict or a Path"),
    ],
)
def test_constraints(constraint, right, wrong, expected):
    for value in right:
        check(constraint, option=value)
    for value in wrong:
        for kind in (ConfigError, ValueError, TypeError):
            with pytest.raises(kind) as caught:
                check(constraint, fine=right[0] if right else 1, option=value)
        words = "" if expected is None else f"{told(value)}, expected {expected}"
        assert str(caught.value).startswith(f"option: found {words}")


def test_values_are_told_in_one_short_line():
    class Mute:
        def __repr__(self):
            raise RuntimeError

    assert told(np.zeros((3, 2))) == "ndarray of shape (3, 2)"
    assert told(Mute()) == "an object of type Mute"
    for value in ("x" * 10**6, list(range(10**5)), dict.fromkeys(range(99), "y" * 99), "a\nb", 10**5000):
        assert len(told(value)) <= 100
        assert "\n" not in told(value)


@checked
def example(
    count: int,
    share: float = 0.5,
    *more: str,
    frames: ArrayLike | None = None,
    names: Sequence[str] = (),
    sizes: Mapping[str, Sequence[int]] | None = None,
    kind: Literal["a", "b"] = "a",
    limits: tuple[float, float] = (0, 1),
    path: str | os.PathLike[str] = "",
    each: Callable[[int], int] | None = None,
    anything: Any = None,
    n_jobs: int | None = 1,
    **options: object,
) -> tuple[type, ...]:
    """Give the types of the first two arguments.

    >>> example(1)
    (<class 'int'>, <class 'float'>)
    """
    return type(count), type(share)


def test_annotations_are_constraints():
    assert example(np.int8(3), np.float32(0.5), "x", frames="abc", anything={}, option=3) == (int, float)
    assert example(1, sizes={"a": [1]}, names=np.array(["a"]), kind="b", path=Path("x"), each=abs, n_jobs=-1)
    for arguments, words in (
        ({"count": 1.0}, "count: found 1.0, expected an integer"),
        ({"count": None}, "count: found None, expected an integer"),
        ({"share": "a"}, "share: found 'a', expected a number"),
        ({"names": "abc"}, "names: found 'abc', expected a list of str"),
        ({"names": [3]}, "names: found [3], expected a list of str, each item text"),
        ({"sizes": [1]}, "sizes: found [1], expected a dict or None"),
        ({"sizes": {"a": ["1"]}}, "sizes: found {'a': ['1']}, expected a dict, each value a list of int"),
        ({"kind": "c"}, "kind: found 'c', expected a or b"),
        ({"limits": (1,)}, "limits: found (1,), expected 2 in a tuple"),
        ({"limits": (1, "2")}, "limits: found (1, '2'), expected 2 in a tuple, a number"),
        ({"path": 3}, "path: found 3, expected text or a path"),
        ({"each": 3}, "each: found 3, expected a function or None"),
        ({"n_jobs": 0}, "n_jobs: found 0, expected 1 or more"),
    ):
        with pytest.raises(ConfigError) as caught:
            example(**{"count": 1, **arguments})
        assert str(caught.value).startswith(words)
    assert example.__doc__.startswith("Give")
    with pytest.raises(TypeError, match=r"unexpected keyword|missing"):  # Python's own
        example()


def test_fields_and_tables():
    @dataclasses.dataclass
    class Line:
        slope: float
        points: "NDArray[np.float64]"

        def __post_init__(self):
            check_fields(self)

    Line(1, np.zeros(2))
    with pytest.raises(ConfigError, match=r"^Line: slope: found 'a', expected a number$"):
        Line("a", np.zeros(2))
    with pytest.raises(ConfigError, match=r"^Line: points: found \[1\], expected an array of numbers$"):
        Line(1, [1])

    class Estimator(BaseEstimator):
        _parameter_constraints = {"count": whole(1)}  # noqa: RUF012

        def __init__(self, count=1):
            self.count = count

    check_options(Estimator(2))
    with pytest.raises(GmmSpeechError, match=r"^count: found '2', expected an integer, 1 or more$"):
        check_options(Estimator("2"))


def test_masked_arrays_are_told_while_their_module_is_being_imported(monkeypatch):
    assert is_masked(np.ma.array([1.0]))
    monkeypatch.setitem(sys.modules, "numpy.ma", ModuleType("numpy.ma"))  # as another thread finds it meanwhile
    assert not is_masked(np.array([1.0]))


def test_aliases_of_types_are_what_they_stand_for():
    number = TypeVar("number", bound=np.generic)
    array = TypeAliasType("array", np.ndarray[Any, np.dtype[number]], type_params=(number,))
    outer = TypeAliasType("outer", array[np.float64])
    assert expanded(outer) == np.ndarray[Any, np.dtype[np.float64]]
    assert expanded(int | None) == int | None
