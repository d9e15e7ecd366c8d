"""Files that would make HDF5 read other files, or take memory without having the bytes, are refused; damage is seen."""

import os
import re
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t
from said import fails

from gmmspeech.errors import DataError
from gmmspeech.files.hdf5 import create_hdf5, open_hdf5, stream_hdf5
from gmmspeech.formats.loading import load
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.stores.features import FeatureStore, write_store
from gmmspeech.stores.statistics import StatisticsStore, write_statistics

FORMAT = "gmmspeech example"
GMM = DiagonalGMM.from_parameters([0.25, 0.75], [[0.0, 1.0], [2.0, 3.0]], [[1.0, 2.0], [0.5, 1.0]])


def refused(path, match):
    assert len(fails(match, open_hdf5, path, format=FORMAT, version=1)) < 400


# --- what leads to other files, or round in circles


def external_data(file, other):
    file.create_dataset("x", (4,), "f8", external=[(str(other), 0, h5py.h5f.UNLIMITED)])


def virtual_data(file, other):
    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource(str(other), "x", shape=(4,))
    file.create_virtual_dataset("x", layout)


def external_link(file, other):
    file["x"] = h5py.ExternalLink(str(other), "/x")


def soft_link(file, other):
    file["y"] = np.ones(3)
    file["x"] = h5py.SoftLink("/y")


def soft_link_to_itself(file, other):
    file["x"] = h5py.SoftLink("/x")


def group_in_itself(file, other):
    group = file.create_group("a")
    group["b"] = group


def second_link(file, other):
    file["y"] = np.ones(3)
    file["x"] = file["y"]


def deep_groups(file, other):
    file.create_group("/".join("abcdefghijkl"))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (external_data, "/x: found data that lie in another file"),
        (virtual_data, "/x: found data that lie in another file"),
        (external_link, "/x: found a link"),
        (soft_link, "/x: found a link"),
        (soft_link_to_itself, "/x: found a link"),
        (group_in_itself, "/a/b: found a second link"),
        (second_link, "/y: found a second link"),
        (deep_groups, "without end"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders")
def test_other_files_are_not_read(tmp_path, make, match):
    pipe = tmp_path / "pipe"  # who opens it waits for ever
    os.mkfifo(pipe)
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["format"], file.attrs["format_version"] = FORMAT, 1
        make(file, pipe)
    refused(path, match)


def test_a_model_does_not_show_another_file(tmp_path):
    """Parameters that lie in a text file would come out with the model."""
    secret, path = tmp_path / "secret", tmp_path / "gmm.h5"
    secret.write_bytes(np.full(4, 7.0).tobytes())
    GMM.save(path)
    with h5py.File(path, "r+") as file:
        del file["means"], file.attrs["checksum"]
        file.create_dataset("means", (2, 2), "f8", external=[(str(secret), 0, 32)])
    with pytest.raises(DataError, match="means: found data that lie in another file"):
        load(path)


@pytest.mark.parametrize("kind", ["bob", "sidekit"])
@pytest.mark.parametrize("make", [external_data, external_link, soft_link])
def test_files_of_others_neither(tmp_path, kind, make):
    path, name = tmp_path / "a.h5", {"bob": "weights", "sidekit": "w"}[kind]
    with h5py.File(path, "w") as file:
        if kind == "bob":
            file["gaussians/means"], file["gaussians/variances"] = GMM.means_, GMM.covariances_
        else:
            file["mu"], file["invcov"] = GMM.means_, 1 / GMM.covariances_
        make(file, tmp_path / "pipe")
        file.move("x", name)
    with pytest.raises(DataError, match=f"{name}: found (a link|data that lie in another file)"):
        load(path)


# --- shapes and types


def never_written(file):
    file.create_dataset("x", (10**9,), "f8")


def never_written_chunks(file):
    file.create_dataset("x", (10**9, 3), "f8", chunks=(100, 3), compression="gzip")


def half_written(file):
    file.create_dataset("x", (400,), "f8", chunks=(100,), compression="gzip")[:200] = 1


def bomb(file):
    file.create_dataset("x", (30_000_000,), "f4", chunks=(10**6,), compression="gzip")[:] = 0


def huge_chunks(file):
    count = (1 << 24) + 1  # of which 2^24 may be unpacked at once
    file.create_dataset("x", (count,), "f4", chunks=(count,), compression="gzip")[:10] = 0


def other_filter(file):
    file.create_dataset("x", data=np.arange(100), chunks=(10,), scaleoffset=0)


def compound(file):
    file["x"] = np.zeros(3, dtype=[("a", "f8"), ("b", "i4")])


def reference(file):
    file["y"] = np.ones(3)
    file["x"] = np.array([file["y"].ref], dtype=h5py.ref_dtype)


def ragged(file):
    file.create_dataset("x", (2,), h5py.vlen_dtype(np.float64))


def type_only(file):
    file["x"] = np.dtype("f8")


def opaque(file):
    file["x"] = np.zeros(2, "V8")


def complex_numbers(file):
    file["x"] = np.zeros(2, complex)


def quadruple(file):
    file["x"] = np.zeros(2, np.longdouble)


def nothing(file):
    file["x"] = h5py.Empty("f8")


def several_texts(file):
    file.attrs["x"] = np.array(["a", "b"], dtype=object)


def reference_attribute(file):
    file.attrs["x"] = file.ref


def long_and_empty(file):
    file["x"] = np.zeros((10**9, 0))


def text_in_chunks(file):
    file.create_dataset("x", data=["a", "b"], dtype=h5py.string_dtype(), chunks=(1,))


def chunk_shorter_than_its_checksum(file):
    """HDF5 crashes where it reads one."""
    made = file.create_dataset("x", data=np.arange(9.0), chunks=(9,), compression="gzip", fletcher32=True)
    made.id.write_direct_chunk((0,), b"abc")


def chunk_without_its_filters(file):
    made = file.create_dataset("x", data=np.arange(9.0), chunks=(9,), compression="gzip")
    made.id.write_direct_chunk((0,), np.arange(9.0).tobytes()[1:], filter_mask=1)


def chunk_of_another_length(file):
    file.create_dataset("x", data=np.arange(9.0), chunks=(9,), shuffle=True).id.write_direct_chunk((0,), bytes(64))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (chunk_shorter_than_its_checksum, "/x: found a chunk of 3 bytes"),
        (chunk_without_its_filters, "/x: found a chunk of 71 bytes"),
        (chunk_of_another_length, "/x: found a chunk of 64 bytes, expected the 72"),
        (never_written, "/x: found a shape of 8000000000 bytes and 0 bytes stored"),
        (never_written_chunks, "/x: found 0 chunks of data, expected 10000000"),
        (half_written, "/x: found 2 chunks of data, expected 4"),
        (bomb, "/x: found a shape of 120000000 bytes"),
        (huge_chunks, "/x: found chunks of shape"),
        (other_filter, "/x: found a filter"),
        (compound, "/x: found values of a type"),
        (reference, "/x: found values of a type"),
        (ragged, "/x: found values of a type"),
        (opaque, "/x: found values of a type"),
        (complex_numbers, "/x: found values of a type"),
        (quadruple, "/x: found values of a type"),
        (type_only, "/x: found a type, expected a group or a dataset"),
        (nothing, "/x: found nothing"),
        (several_texts, "attribute x: found several texts"),
        (reference_attribute, "attribute x: found values of a type"),
        (long_and_empty, "/x: found a shape of 0 bytes"),
        (text_in_chunks, "/x: found text in chunks"),
    ],
)
def test_what_we_never_write_is_refused(tmp_path, make, match):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["format"], file.attrs["format_version"] = FORMAT, 1
        make(file)
    refused(path, match)


def test_texts_that_are_one_text_many_times(tmp_path):
    """16 bytes stand for a megabyte, over and over."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["format"], file.attrs["format_version"] = FORMAT, 1
        file["x"] = np.array(["a" * 10**6] + ["b"] * 9999, dtype=h5py.string_dtype())
        place = file["x"].id.get_offset()
    content = bytearray(path.read_bytes())
    content[place : place + 16 * 10000] = content[place : place + 16] * 10000
    path.write_bytes(content)
    refused(path, "/x: found more bytes of data than the file has")


def test_datasets_that_share_their_bytes(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["format"], file.attrs["format_version"] = FORMAT, 1
        for i in range(20):
            file[f"x{i}"] = np.full(1000, float(i))
        places = [file[f"x{i}"].id.get_offset() for i in range(20)]
    content = path.read_bytes()
    for place in places[1:]:
        content = content.replace(place.to_bytes(8, "little"), places[0].to_bytes(8, "little"))
    path.write_bytes(content[: max(places)])
    refused(path, "damaged|no readable HDF5")


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_a_small_model_takes_little_memory(tmp_path):
    path = tmp_path / "gmm.h5"
    GMM.save(path)
    with h5py.File(path, "r+") as file:
        del file["means"], file["variances"], file.attrs["checksum"]
        for name in ("means", "variances"):
            file.create_dataset(name, (2, 400_000_000), "f8", chunks=(2, 1000), compression="gzip")
    code = (
        "import sys\nfrom gmmspeech.cli.main import main\nsys.argv = ['gmmspeech', 'show', sys.argv[1]]\n"
        "try:\n    main()\nfinally:\n    print(open('/proc/self/status').read())"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("gmmspeech: error:")
    assert int(re.search(r"VmHWM:\s*(\d+) kB", done.stdout)[1]) < 500_000


def test_what_we_could_not_read_we_don_t_write(tmp_path):
    zeros = np.zeros((1_000_000, 64), np.float32)
    with pytest.raises(DataError, match=r"a\.h5: can't be written: /frames: found a shape of 256000000 bytes"):
        write_store(tmp_path / "a.h5", [("u", zeros)], compression="gzip")
    assert list(tmp_path.iterdir()) == []


def test_a_file_with_a_long_tail_is_refused_at_once(tmp_path):
    GMM.save(tmp_path / "a.h5")
    with open(tmp_path / "a.h5", "r+b") as file:
        file.truncate(1 << 33)  # a hole, which takes no room
    with pytest.raises(DataError, match=r"a\.h5: damaged model \(found 85\d+ bytes beside the values of datasets"):
        load(tmp_path / "a.h5")


def test_plain_files_of_other_layouts_are_read(tmp_path):
    """As version 0.1 wrote them, or other programs."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["format"], file.attrs["format_version"] = FORMAT, 1
        file.attrs["text"], file.attrs["ascii"], file.attrs["numbers"] = "ü", np.bytes_("a"), np.arange(3)
        file["g/text"] = np.array(["a", "", "ü"], dtype=h5py.string_dtype())
        file["g/none"] = np.array([], dtype=h5py.string_dtype())
        file["g/fixed"] = np.array([b"a", b"bc"])
        file["g/yes"] = np.array([True, False])
        file.create_dataset("z", data=np.arange(100.0), chunks=(30,), compression="gzip", shuffle=True, fletcher32=True)
        file.create_dataset("l", data=np.arange(100, dtype=np.int8), chunks=(30,), compression="lzf")
        compact = h5p.create(h5p.DATASET_CREATE)
        compact.set_layout(h5d.COMPACT)
        h5d.create(file.id, b"compact", h5t.NATIVE_DOUBLE, h5s.create_simple((3,)), compact)
    with open_hdf5(path, format=FORMAT, version=1) as file:
        assert file["z"][99] == 99.0


# --- damage


def values(path, read):
    """All that `read` gives, or None for an error."""
    try:
        return read(path)
    except DataError:
        return None


def model_values(path):
    gmm = load(path)
    arrays = [gmm.weights_, gmm.means_, gmm.covariances_]
    return [*(a.tobytes() for a in arrays), gmm.history_, gmm.num_frames_, gmm.front_end_, gmm.get_params()]


def frame_values(path):
    with FeatureStore(path) as store:
        return [(name, frames.tobytes()) for name, frames in store.items()], store.front_end


def statistics_values(path):
    with StatisticsStore(path) as store:
        rows = [(name, s.n.tobytes(), s.sum_x.tobytes(), s.sum_xx.tobytes()) for name, s in store.items()]
        rest = [(s.log_likelihood, s.num_frames) for s in store.values()]
        return rows, rest, store.ubm_digest, store.front_end


FRAMES = [("u1", np.arange(6.0).reshape(3, 2)), ("u2", np.ones((2, 2)))]
KINDS = {
    "model": (GMM.save, model_values),
    "features": (lambda path: write_store(path, FRAMES), frame_values),
    "packed features": (lambda path: write_store(path, FRAMES, compression="gzip"), frame_values),
    "statistics": (lambda path: write_statistics(path, GMM, FRAMES), statistics_values),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_bit_that_changed_is_seen_or_changes_nothing(tmp_path, kind):
    write, read = KINDS[kind]
    path = tmp_path / "a.h5"
    write(path)
    good, right = path.read_bytes(), read(path)
    rng = np.random.default_rng(0)
    bits = np.arange(8 * len(good))
    changed = []
    for bit in rng.choice(bits, int(os.environ.get("GMMSPEECH_FLIPS", "60")), replace=False):
        content = bytearray(good)
        content[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(content)
        found = values(path, read)
        if found is not None and found != right:
            changed.append(int(bit))
    assert changed == []


def test_a_checksum_is_of_all_that_there_is(tmp_path):
    """Whichever value, name or attribute changes; the same content has the same one."""

    def write(path, attribute="a", numbers=(1.0, 2.0), text="b", name="x", create=create_hdf5):
        with create(path, format=FORMAT, version=1) as file:
            file.attrs["attribute"] = attribute
            file[f"group/{name}"] = np.array(numbers)
            file["text"] = np.array([text, "c"], dtype=h5py.string_dtype())
        with h5py.File(path) as file:
            return file.attrs["checksum"]

    same = {write(tmp_path / "a"), write(tmp_path / "b", create=stream_hdf5)}
    others = [{"attribute": "b"}, {"numbers": (1.0, 3.0)}, {"numbers": ((1.0, 2.0),)}, {"text": "bc"}, {"name": "y"}]
    assert len(same) == 1
    assert len(same | {write(tmp_path / "c", **other) for other in others}) == 1 + len(others)


def test_an_attribute_may_be_most_of_a_file(tmp_path):
    GMM.front_end_ = '{"a": "' + 60_000 * "x" + '"}'
    try:
        GMM.save(tmp_path / "gmm.h5")
        assert load(tmp_path / "gmm.h5").front_end_ == GMM.front_end_
    finally:
        GMM.front_end_ = None


def test_a_hole_of_many_gigabytes_is_not_read(tmp_path):
    GMM.save(tmp_path / "gmm.h5")
    os.truncate(tmp_path / "gmm.h5", 1 << 36)
    start = time.process_time()
    with pytest.raises(DataError, match="beside the values of datasets"):
        load(tmp_path / "gmm.h5")
    assert time.process_time() - start < 5
