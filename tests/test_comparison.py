"""Objects that hold arrays are compared by identity: fields that are arrays would be neither equal nor unequal."""

import dataclasses
import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.phones.decoding.alignment import Alignment


def is_array(field):
    return "NDArray" in str(field.type) and not str(field.type).startswith("Mapping")


def holders():
    """Dataclasses of the package with arrays among their fields."""
    for module in pkgutil.walk_packages(gs.__path__, "gmmspeech."):
        if module.name.rpartition(".")[2].startswith("_"):  # compiled, or started
            continue
        for cls in vars(importlib.import_module(module.name)).values():
            own = inspect.isclass(cls) and cls.__module__ == module.name and dataclasses.is_dataclass(cls)
            if own and any(map(is_array, dataclasses.fields(cls))):
                yield cls


def test_all_that_hold_arrays():
    found = list(holders())
    assert len(found) > 40
    assert {"Alignment", "GMMStats", "PhoneHMM", "PLDA"} <= {cls.__name__ for cls in found}
    assert [cls.__name__ for cls in found if cls.__eq__ is not object.__eq__] == []


def test_alignments_are_compared_and_kept_in_sets():
    one, other = (Alignment([], [], np.zeros(3), np.zeros(3), 0.0) for _ in range(2))
    assert one == one
    assert one != other
    assert len({one, other, one}) == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: gs.GMMStats(np.ones(2), np.ones((2, 3)), np.ones((2, 3)), 0.0, 2.0),
        lambda: gs.speaker.PLDA(np.zeros(2), np.eye(2), np.eye(2)),
    ],
)
def test_models_and_statistics(make):
    one = make()
    assert one in [make(), one]
    assert one not in [make()]
