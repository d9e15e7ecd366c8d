"""One vocabulary: each thing has one name, one spelling and one default in everything public."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import click
import pytest
from sklearn.base import BaseEstimator

import gmmspeech as gs
from gmmspeech.cli.main import main

OTHER_NAMES = {
    "n_jobs": r"jobs|num_jobs|n_threads|num_threads|threads|n_workers|workers",
    "max_iter": r"n_?iter|num_iter|max_iterations|num_iterations|n_iterations|iterations",
    "random_state": r"seed|random_seed",
    "relevance_factor": r"relevance|tau|map_factor",
    "times": r"frame_times|time_convention|where",
    "sample_weight": r"frame_weights|sample_weights",
}
DEFAULTS: dict[str, Any] = {"n_jobs": 1, "relevance_factor": 16.0, "times": "center"}
COMMAND_LINE = {
    "--jobs": r"--(n-jobs|num-jobs|threads|workers|nj)",
    "--max-iter": r"--(num-iter|n-iter|iterations)",
    "--seed": r"--(random-state|random-seed)",
    "--relevance-factor": r"--(relevance|tau)",
}
BRITISH = re.compile(
    r"(normalis|recognis|initialis|summaris|optimis|organis|quantis|discretis|centre|centring|enrol(?!l)|colour|labell"
    r"|modell|behaviour|neighbour|favour|licence|analys(?=e[ds]?\b|ing))",
    re.IGNORECASE,
)
NO_VERBS = ("estimate_", "learn_", "calc_", "calculate_", "do_")
NAMESPACES = [name for name in gs.__all__ if hasattr(getattr(gs, name), "__path__")]
ROOMS = ("blocks", "audio", "metrics", "features", "gmm", "scoring", "linear", "speaker", "phones", "stores", "corpora")
ROOMS += ("plot", "commands")
CORPUS = re.compile(r"Mapping|Store|Iterable|DataDir|Path")


def public(module: ModuleType | SimpleNamespace) -> Iterator[tuple[str, Any]]:
    """Everything that a namespace exports, and the public methods of its classes."""
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.ismodule(value):
            continue
        yield name, value
        if inspect.isclass(value):
            for method, function in inspect.getmembers(value, inspect.isroutine):
                if not method.startswith("_") and (getattr(function, "__module__", None) or "").startswith("gmmspeech"):
                    yield f"{name}.{method}", function


def inside(room: str) -> Iterator[tuple[str, Any]]:
    """The functions and classes of the files of a room without a leading underscore."""
    package = importlib.import_module(f"gmmspeech.{room}")
    paths = getattr(package, "__path__", [])
    files = [info.name for info in pkgutil.walk_packages(paths, f"{package.__name__}.") if "._" not in info.name]
    for module in map(importlib.import_module, [package.__name__, *files]):
        own = {n: v for n, v in vars(module).items() if callable(v) and getattr(v, "__module__", "") == module.__name__}
        names = [name for name in own if not name.startswith("_")]
        yield from public(SimpleNamespace(__all__=names, **{name: own[name] for name in names}))


def parameters(value: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(value).parameters)
    except (TypeError, ValueError):  # a builtin
        return {}


def violations(name: str, value: Any) -> list[str]:
    """What of the vocabulary a public name breaks."""
    found = []
    own = name.rsplit(".", 1)[-1]
    has = parameters(value) if callable(value) else {}
    for right, others in OTHER_NAMES.items():
        found += [f"{name}({other}): say {right}" for other in has if re.fullmatch(others, other)]
    defaults = dict(DEFAULTS)
    if "." not in name:
        estimator = inspect.isclass(value) and hasattr(value, "get_params")
        defaults["random_state"] = None if estimator else 0
    for parameter, default in defaults.items():
        given = has[parameter].default if parameter in has else inspect.Parameter.empty
        if given is not inspect.Parameter.empty and given != default:
            found.append(f"{name}({parameter}={given!r}): default {default!r}")
    found += [f"{name}({word}): American spelling" for word in (own, *has) if BRITISH.search(word)]
    if BRITISH.search(inspect.getdoc(value) or ""):
        found.append(f"{name}: American spelling in its docstring ({BRITISH.search(inspect.getdoc(value) or '')})")
    if own.startswith(NO_VERBS) and not own.endswith("_file"):  # which is named as its command
        found.append(f"{name}: say fit_, train_, or what it gives")
    if own.startswith("fit_"):
        needed = [p for p in has.values() if p.default is p.empty and CORPUS.search(str(p.annotation))]
        found += [f"{name}({p.name}): fit_ takes arrays, train_ a corpus" for p in needed]
    return found


@pytest.mark.parametrize("module", [gs, *(getattr(gs, name) for name in NAMESPACES)], ids=["gmmspeech", *NAMESPACES])
def test_public_names(module):
    assert [line for name, value in public(module) for line in violations(name, value)] == []


@pytest.mark.parametrize("room", ROOMS)
def test_parameters_of_everything_that_is_not_private(room):
    assert [line for name, value in inside(room) for line in violations(name, value) if "docstring" not in line] == []


def test_options_of_the_command_line():
    found = []
    for name, command in main.commands.items():
        for option in command.params:
            for flag in option.opts if isinstance(option, click.Option) else ():
                found += [
                    f"{name} {flag}: say {right}"
                    for right, others in COMMAND_LINE.items()
                    if re.fullmatch(others, flag)
                ]
                if BRITISH.search(flag):
                    found.append(f"{name} {flag}: American spelling")
    assert found == []


def test_docstrings_and_comments_are_spelled_the_american_way():
    package = Path(gs.__file__).parent
    found = [
        f"{path.relative_to(package)}:{number}: {line.strip()}"
        for path in sorted(package.rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"\blest\b", line) or (BRITISH.search(line) and not re.search(r"ENORMALISE|\[centre\]", line))
    ]
    assert found == []


class Estimator(BaseEstimator):
    def __init__(self, n_components: int = 1, random_state: int = 0) -> None:
        self.n_components, self.random_state = n_components, random_state

    def normalise(self) -> None: ...


def train_thing(frames, *, jobs=1, num_iter=3, seed=None, relevance=16.0): ...
def map_thing(frames, *, relevance_factor=4.0, n_jobs=2, random_state=None): ...
def align_thing(frames, *, times="start"): ...
def fit_thing(store: "FeatureStore"): ...  # type: ignore[name-defined]  # noqa: F821
def estimate_thing(x): ...
def good(x):
    """The colour of a frame."""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (train_thing, ["n_jobs", "max_iter", "random_state", "relevance_factor"]),
        (map_thing, ["n_jobs=2", "relevance_factor=4.0", "random_state=None"]),
        (align_thing, ["times='start'"]),
        (fit_thing, ["train_ a corpus"]),
        (estimate_thing, ["say fit_"]),
        (good, ["docstring"]),
        (Estimator, ["random_state=0"]),
        (Estimator.normalise, ["American"]),
    ],
)
def test_a_planted_violation_is_found(value, expected):
    """Of a module made for it: each is found, and only those."""
    module = SimpleNamespace(__all__=[value.__name__], **{value.__name__: value})
    found = [line for name, member in public(module) for line in violations(name, member)]
    assert len(found) == len(expected)
    assert all(any(part in line for line in found) for part in expected), found
