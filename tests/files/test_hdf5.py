import h5py
import numpy as np
import pytest
import said
from editing import edited

from gmmspeech.files.hdf5 import create_hdf5, open_hdf5

FORMAT = "gmmspeech example"


def write(path, version=1):
    with create_hdf5(path, format=FORMAT, version=version) as file:
        file["x"] = np.arange(100000.0)


def fails(match, path):
    said.fails(match, open_hdf5, path, format=FORMAT, version=1)


def test_a_file_comes_back_and_the_same_content_gives_the_same_bytes(tmp_path):
    write(tmp_path / "a.h5")
    write(tmp_path / "b.h5")
    with open_hdf5(tmp_path / "a.h5", format=FORMAT, version=3) as file:
        np.testing.assert_array_equal(file["x"][:], np.arange(100000.0))
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_files_that_are_something_else(tmp_path):
    path = tmp_path / "a.h5"
    fails("found a folder, expected gmmspeech example", path.parent)
    fails("no such file, expected gmmspeech example", path)
    path.write_text("hello")
    fails("no readable HDF5", path)
    write(path, version=2)
    fails("found version 2, this gmmspeech reads up to 1", path)
    with h5py.File(path, "w") as file:
        file["x"] = 1
    fails("found HDF5 of another kind, expected gmmspeech example", path)
    with create_hdf5(path, format="gmmspeech model", version=1):
        pass
    fails("found gmmspeech model, expected gmmspeech example", path)
    with h5py.File(path, "w") as file:
        file.attrs["format"] = FORMAT
    fails("found no version", path)
    with edited(path) as file:
        file.attrs["format_version"] = "one"
    fails("found version one, this gmmspeech reads up to 1", path)


@pytest.mark.parametrize("part", [0.01, 0.5, 0.999])
def test_files_cut_short(tmp_path, part):
    path = tmp_path / "a.h5"
    write(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    fails("no readable HDF5", path)


def test_nothing_is_left_of_a_block_that_raises(tmp_path):
    with pytest.raises(RuntimeError), create_hdf5(tmp_path / "a.h5", format=FORMAT, version=1):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
