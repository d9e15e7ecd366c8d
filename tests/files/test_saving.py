"""Any registered class comes back from a file; the files of version 0.1 are read, and written again as they were."""

import dataclasses
from pathlib import Path

import h5py
import numpy as np
import pytest
from editing import edited
from numpy.typing import NDArray

from gmmspeech.commands.show import describe
from gmmspeech.errors import DataError
from gmmspeech.files.checkpoints import Checkpoint
from gmmspeech.files.hdf5 import open_hdf5
from gmmspeech.files.saving import Saved, load
from gmmspeech.formats import loading

OLD = Path(__file__).parents[1] / "data" / "version_0_1"
FILES = sorted(path.stem for path in OLD.glob("*.h5") if path.stem != "checkpoint")


@dataclasses.dataclass
class Point:
    x: float
    name: str | None = None


class Counter(Saved, kind="test counter", format="gmmspeech tests", hint="a counter"):
    def __init__(self, words):
        self.words = words

    def to_state(self):
        return {"words": list(self.words), "counts": np.array(list(self.words.values()))}

    @classmethod
    def from_state(cls, state):
        return cls(dict(zip(state["words"], state["counts"].tolist(), strict=True)))


@dataclasses.dataclass
class Everything(Saved, kind="test everything", format="gmmspeech tests", hint="everything"):
    array: NDArray[np.float64]
    number: int
    yes: bool
    text: str
    names: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...]
    history: tuple[float, ...]
    arrays: tuple[NDArray, NDArray]
    points: tuple[Point, ...]
    counter: Counter
    point: Point | None = None
    weight: float | None = None
    note: str | None = None
    other: int = dataclasses.field(default=3, metadata={"saved_as": "another name"})


def everything(**changes):
    values = {
        "array": np.arange(6.0).reshape(2, 3),
        "number": 7,
        "yes": True,
        "text": "ü",
        "names": ("b", "a"),
        "pairs": ((0, 1), (2, 3)),
        "history": (0.5, 0.25),
        "arrays": (np.zeros(2), np.ones((1, 2))),
        "points": tuple(Point(float(i), f"p{i}") for i in range(12)),
        "counter": Counter({"one": 1, "two": 2}),
    }
    return Everything(**values | changes)


@pytest.mark.parametrize(
    "changes",
    [{}, {"point": Point(1.5), "weight": 0.5, "note": "n"}, {"names": (), "pairs": (), "history": (), "points": ()}],
)
def test_every_kind_of_field_comes_back(tmp_path, changes):
    made = everything(**changes)
    made.save(tmp_path / "e.h5")
    again = load(tmp_path / "e.h5", Everything)
    for field in dataclasses.fields(made):
        ours, theirs = getattr(again, field.name), getattr(made, field.name)
        if field.name in ("array", "arrays"):
            assert all(map(np.array_equal, ours, theirs))
        elif field.name == "counter":
            assert ours.words == theirs.words
        else:
            assert ours == theirs
            assert type(ours) is type(theirs)
    with h5py.File(tmp_path / "e.h5") as file:
        assert file.attrs["another name"] == 3


def test_another_kind_a_newer_version_and_damage_are_named(tmp_path):
    path = tmp_path / "e.h5"
    everything().save(path)
    with pytest.raises(DataError, match=r"e\.h5: found a test everything, expected a counter"):
        load(path, Counter)
    with edited(path) as file:
        file.attrs["number"] = "many"
    with pytest.raises(DataError, match=r"e\.h5: damaged tests \(number: found str, expected int"):
        load(path)
    with edited(path) as file:
        file.attrs["format_version"] = 2
    with pytest.raises(DataError, match=r"e\.h5: gmmspeech tests: found version 2, this gmmspeech reads up to 1"):
        load(path, Everything)


@pytest.mark.parametrize("kind", [5, np.bytes_("PLDA"), "", "x" * 10_000, np.arange(3)])
def test_a_kind_that_there_is_not_is_named(tmp_path, kind):
    path = tmp_path / "plda.h5"
    path.write_bytes((OLD / "plda.h5").read_bytes())
    with edited(path) as file:
        file.attrs["kind"] = kind
    with pytest.raises(DataError, match=r"plda\.h5: ") as caught:
        loading.load(path)
    assert len(str(caught.value)) < 500


# --- files of version 0.1


def content(path):
    """All that is in a file, by name."""
    found = {}

    def visit(name, item):
        found.update({(name, key): value for key, value in item.attrs.items()})
        if isinstance(item, h5py.Dataset):
            found[name] = item[()].tolist(), item.dtype.kind

    with h5py.File(path) as file:
        visit("", file)
        file.visititems(visit)
    return found


def test_there_is_a_file_of_every_kind():
    kinds = {name for kinds in loading.MODULES.values() for name in kinds}
    found = set()
    for stem in FILES:
        with h5py.File(OLD / f"{stem}.h5") as file:
            found.add(file.attrs.get("kind", file.attrs["format"]))
    assert found == kinds - {"GMM"}  # which came later


@pytest.mark.parametrize("stem", FILES)
def test_files_of_version_0_1_are_read_and_written_again_as_they_were(tmp_path, stem):
    path = OLD / f"{stem}.h5"
    loading.load(path).save(tmp_path / "again.h5")
    again, before = content(tmp_path / "again.h5"), content(path)
    assert again.keys() - before.keys() <= {("", "checksum"), "speakers/squares"}  # which came later
    for name, value in before.items():
        assert again[name] == value, name
    assert describe(str(path))


def test_a_checkpoint_of_version_0_1_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"checkpoint\.h5: found a checkpoint of gmmspeech 0\.1.*remove it to start"):
        Checkpoint(OLD / "checkpoint.h5").resume({"training": "mixture"})
    with open_hdf5(OLD / "checkpoint.h5", format="gmmspeech checkpoint", version=2) as file:
        assert file.attrs["format_version"] == 1


# --- numbers that make no sense

CHANGES = [
    ("mixture", "history", np.array([np.inf]), "history: found float64 of shape"),
    ("mixture", "history", np.array([[1.0]]), "history: found float64 of shape"),
    ("mixture", "weights", np.array([0.5, 0.5, 0.5]), "weights|found weights"),
    ("mixture", "variances", np.array([[-1.0]]), "shapes|variance"),
    ("classifier", "priors", np.array([np.nan, np.nan]), "priors: found"),
    ("classifier", "priors", np.array([0.5, 0.6]), "priors: found"),
    ("classifier", "priors", np.array([-0.5, 1.5]), "priors: found"),
    ("statistics", "n", "negative", "negative count"),
    ("statistics", "sum_x", "nan", "NaN or infinity"),
    ("verifier-frames", "speakers/n", "negative", "negative count"),
    ("verifier-frames", "speakers/sum_xx", "inf", "negative count or square"),
    ("extractor", "weights", "negative", "weights that sum to"),
    ("extractor", "history", "inf", "history: found inf"),
    ("plda", "within", "negative", "within-speaker covariance"),
    ("phone-mixtures", "priors", "nan", "priors: found"),
    ("phone-mixtures", "durations", "inf", "durations"),
    ("phone-training", "posteriors/log_likelihood", "nan", "posteriors/log_likelihood: found nan"),
    ("calibration", "weights", "nan", "don't fit|finite"),
]


@pytest.mark.parametrize(("stem", "name", "value", "match"), CHANGES)
def test_numbers_that_make_no_sense_are_refused_by_name(tmp_path, stem, name, value, match):
    path = tmp_path / f"{stem}.h5"
    path.write_bytes((OLD / f"{stem}.h5").read_bytes())
    with edited(path) as file:
        if isinstance(value, str):
            number = {"negative": -1.0}.get(value) or float(value)
            value = np.where(np.arange(file[name].size) == 0, number, file[name][()].ravel()).reshape(file[name].shape)
        del file[name]
        file[name] = value
    with pytest.raises(DataError, match=rf"{stem}\.h5: damaged .*({match})") as caught:
        loading.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[1]", "{", "[" * 100_000, '{"a": ' * 100_000, "1", "null", 5, np.bytes_(b"{}")])
@pytest.mark.parametrize("name", ["options", "front_end"])
def test_json_of_another_type_or_nested_deep_is_refused(tmp_path, name, text):
    path = tmp_path / "mixture.h5"
    path.write_bytes((OLD / "mixture.h5").read_bytes())
    with edited(path) as file:
        file.attrs[name] = text
    with pytest.raises(DataError, match=r"mixture\.h5: damaged model \(") as caught:
        loading.load(path)
    assert len(str(caught.value)) < 500
    assert str(caught.value).endswith("): copy or make it anew")


def test_what_could_not_be_read_is_not_written(tmp_path):
    with pytest.raises(DataError, match=r"e\.h5: can't be written: array: found nan"):
        everything(array=np.array([np.nan])).save(tmp_path / "e.h5")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("number", 1.5), ("number", "1"), ("yes", 1), ("text", 3.0), ("history", "x"), ("array", 1.0), ("number", [1, 2])],
)
def test_a_field_of_another_type_is_named(tmp_path, name, value):
    path = tmp_path / "e.h5"
    everything().save(path)
    with edited(path) as file:
        (file if name in file else file.attrs).pop(name)
        file.attrs[name] = value
    with pytest.raises(DataError, match=rf"e\.h5: damaged tests \({name}: found .*, expected"):
        load(path)
