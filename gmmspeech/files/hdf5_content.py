"""What an HDF5 file holds, looked at before it is read: only plain data that lie in the file itself.

HDF5 does what a file says. Data may lie in other files (external storage, external links, virtual datasets), a shape
of terabytes takes a few bytes, links may lead in circles, and filters are programs looked for in folders. All that is
read in this package must be numbers, truth values or text, stored in the file in as many bytes as they take, behind
hard links, in groups that are each reached once.

`content_digest` names all that a file holds. Values of datasets with HDF5's own checksum (fletcher32) are left to it.
"""

from __future__ import annotations

import hashlib
import math
import os
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

import h5py
import numpy as np
from h5py import h5a, h5d, h5l, h5o, h5s, h5t, h5z

from gmmspeech.errors import counted, shown

CHECKSUM = "checksum"  # attribute of the file that has the digest of all else

_MOST_OBJECTS = 100_000
_DEEPEST = 8  # groups in groups; our own files have 4
_FILTERS = {h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32}
_COMPRESSIONS = {h5z.FILTER_DEFLATE, h5z.FILTER_LZF}
_FLETCHER32_BYTES = 4
_MOST_CHUNK_BYTES = 1 << 26  # of what has to be unpacked at once
_MOST_TIMES = 200  # as large as it is stored may compressed data be, beside what is small
_SMALL = 1 << 26
_MOST_BESIDE = 1 << 28  # names, heaps of texts, indexes of chunks
_LONGEST_EMPTY = 1 << 20  # side of an array without numbers

_HEAP = b"GCOL\1"  # where a heap begins, in which texts are
_HEAP_HEADER = 16
_HEAP_ITEM = struct.Struct("<H6xQ")  # index, 0 for what is free, and number of bytes
_BLOCK = 1 << 22

_PLACE = np.dtype([("length", "<u4"), ("heap", "<u8"), ("index", "<u4")])  # what stands for a text of any length


class Content:
    """The objects of an open file, each looked at once; ValueError, with its name, for one that is not plain.

    Those of a file that is read are looked at before all else, of one that is written when they are gone through.
    """

    def __init__(self, file: h5py.File) -> None:
        self.file = file
        self._size = os.path.getsize(file.filename) if file.mode == "r" else None
        self._budget = self._size  # bytes that data may still take, each time that all of them are gone through
        self._data: list[tuple[int, int]] = []  # begin and end of the datasets' values in the file
        if file.id.get_create_plist().get_sizes() != (8, 8):
            raise ValueError("found addresses of an uncommon size, expected 8 bytes")
        self._known = False  # whether all of them were looked at
        if self._size is not None:
            for _ in self.objects():
                pass
            with open(file.filename, "rb") as raw:
                check_heaps(raw, sorted(self._data), self._size)
            self._known, self._size = True, self._budget  # what is left for attributes
            self.header = self.attributes(file)

    def objects(self) -> Iterator[tuple[str, h5py.Group | h5py.Dataset]]:
        """Yield name and object of the file itself and all that is in it, groups before what they hold."""
        self._budget = self._size
        waiting: list[tuple[str, h5py.Group]] = [("", self.file["/"])]
        seen = {h5o.get_info(self.file["/"].id).addr}
        while waiting:
            name, group = waiting.pop()
            yield name, group
            for key in sorted(group.id):
                place = f"{name}/{key.decode('utf-8')}"
                item = self.item(group, key, place)
                if not self._known:
                    address = h5o.get_info(item.id).addr
                    if address in seen:
                        raise ValueError(f"{shown(place)}: found a second link to an object, expected one")
                    seen.add(address)
                    if len(seen) > _MOST_OBJECTS or place.count("/") > _DEEPEST:
                        raise ValueError(f"{shown(place)}: found groups and datasets without end")
                if isinstance(item, h5py.Group):
                    waiting.append((place, item))
                else:
                    yield place, item

    def item(self, group: h5py.Group, key: bytes, place: str) -> h5py.Group | h5py.Dataset:
        """Open a group or dataset that lies in the file."""
        if not self._known and group.id.links.get_info(key).type != h5l.TYPE_HARD:
            raise ValueError(f"{shown(place)}: found a link, expected what lies in the file itself")
        opened = h5o.open(group.id, key)
        if isinstance(opened, h5py.h5g.GroupID):
            return h5py.Group(opened)
        if not isinstance(opened, h5d.DatasetID):
            raise ValueError(f"{shown(place)}: found a type, expected a group or a dataset")
        try:
            if not self._known:
                self._check(opened)
        except ValueError as error:
            raise ValueError(f"{shown(place)}: {error}") from None
        return h5py.Dataset(opened)

    def __contains__(self, name: str) -> bool:
        return name in self.file

    def array(self, name: str) -> Any:
        """Read a dataset by its full name; KeyError where there is none."""
        found = self.file.get(name)
        if not isinstance(found, h5py.Dataset):
            raise KeyError(f"{name!r} doesn't exist")
        return found[()]

    def attributes(self, item: h5py.Group | h5py.Dataset) -> dict[str, Any]:
        """Read the attributes of an object."""
        found = {}
        for index in range(h5a.get_num_attrs(item.id)):
            attribute = h5a.open(item.id, index=index)
            name = attribute.name.decode("utf-8")
            try:
                self._take(_num_bytes(attribute.get_space(), attribute.get_type()))
                if attribute.shape and _is_text(attribute.get_type()):
                    raise ValueError("found several texts, expected one")
                value = item.attrs[name]
                if isinstance(value, str):
                    self._take(len(value))
            except ValueError as error:
                raise ValueError(f"attribute {shown(name)}: {error}") from None
            found[name] = value
        return found

    def _check(self, dataset: h5d.DatasetID) -> None:
        """Raise a ValueError unless the values of a dataset are plain and all there."""
        settings = dataset.get_create_plist()
        if settings.get_layout() == h5d.VIRTUAL or settings.get_external_count():
            raise ValueError("found data that lie in another file, expected them in this one")
        filters = [settings.get_filter(i)[0] for i in range(settings.get_nfilters())]
        if not set(filters) <= _FILTERS | _COMPRESSIONS:
            raise ValueError("found a filter that is not one of gzip, lzf, shuffle and fletcher32")
        declared, stored = _num_bytes(dataset.get_space(), dataset.get_type()), dataset.get_storage_size()
        self._take(stored)
        most = stored
        if settings.get_layout() == h5d.CHUNKED:
            chunk = settings.get_chunk()
            size = math.prod(chunk) * dataset.get_type().get_size()
            if size > _MOST_CHUNK_BYTES:
                raise ValueError(f"found chunks of shape {shown(chunk)}, expected at most {_MOST_CHUNK_BYTES} bytes")
            count = math.prod(-(-size // part) for size, part in zip(dataset.shape, chunk, strict=True))
            found: list[h5d.StoreInfo] = []
            dataset.chunk_iter(found.append)
            if len(found) != count:
                raise ValueError(f"found {counted(len(found), 'chunk')} of data, expected {count}")
            for place in found if not _is_text(dataset.get_type()) else ():
                _check_chunk(place, size, filters)
            self._data += [(place.byte_offset, place.byte_offset + place.size) for place in found]
            most = _SMALL + _MOST_TIMES * stored if _COMPRESSIONS & set(filters) else stored
        elif dataset.get_offset() is not None:
            self._data.append((dataset.get_offset(), dataset.get_offset() + stored))
        if declared > most or (not declared and max(dataset.shape, default=0) > _LONGEST_EMPTY):
            raise ValueError(
                f"found a shape of {counted(declared, 'byte')} and "
                f"{counted(stored, 'byte')} stored, expected all of them"
            )
        if _is_text(dataset.get_type()):
            self._check_text(dataset)

    def _check_text(self, dataset: h5d.DatasetID) -> None:
        """Raise a ValueError where texts are longer, all together, than the file."""
        count = math.prod(dataset.shape)
        if self._budget is None or not count or not dataset.get_type().is_variable_str():
            return
        if dataset.get_offset() is None:
            raise ValueError("found text in chunks, expected it in one piece")
        places = np.fromfile(self.file.filename, _PLACE, count, offset=dataset.get_offset())
        self._take(int(places["length"].sum(dtype=np.int64)))

    def _take(self, num_bytes: int) -> None:
        """Raise a ValueError where data take more bytes than the file has."""
        if self._budget is not None:
            self._budget -= num_bytes
            if self._budget < 0:
                raise ValueError("found more bytes of data than the file has")


def check_content(content: Content) -> None:
    """Look at all that a file holds; ValueError if it is not plain, or has another digest than its checksum, if any."""
    checksum = content.header.get(CHECKSUM)
    if checksum is None:  # of version 0.1
        for _, item in content.objects():
            content.attributes(item)
    elif content_digest(content) != checksum:
        raise ValueError("found content that does not fit its checksum")


def check_heaps(raw: BinaryIO, data: list[tuple[int, int]], size: int) -> None:
    """Raise a ValueError for a heap of texts in which HDF5 would go round for ever.

    Heaps are looked for wherever the values of datasets are not.
    """
    beside = size - sum(end - begin for begin, end in data)
    if beside > _MOST_BESIDE:
        raise ValueError(
            f"found {counted(beside, 'byte')} beside the values of datasets, expected at most {_MOST_BESIDE}"
        )
    at = 0
    for begin, end in [*data, (size, size)]:
        while at < begin:
            raw.seek(at)
            block = raw.read(min(_BLOCK, begin - at + len(_HEAP)))
            found = block.find(_HEAP)
            if found >= 0:
                at = _end_of_heap(raw, at + found, size)
            else:
                at += max(len(block) - len(_HEAP) + 1, 1)
        at = max(at, end)


def _end_of_heap(raw: BinaryIO, at: int, size: int) -> int:
    raw.seek(at)
    head = raw.read(_HEAP_HEADER)
    length = int.from_bytes(head[8:], "little")
    if not _HEAP_HEADER <= length <= size - at:
        raise ValueError(f"found a heap of {counted(length, 'byte')}, expected at most {size - at}")
    heap = raw.read(length - _HEAP_HEADER)
    place = 0
    while place + _HEAP_HEADER <= len(heap):
        index, num_bytes = _HEAP_ITEM.unpack_from(heap, place)
        needed = _HEAP_HEADER + -(-num_bytes // 8) * 8 if index else num_bytes
        if not _HEAP_HEADER <= needed <= len(heap) - place:
            raise ValueError(
                f"found a text of {counted(num_bytes, 'byte')} in a heap that has {len(heap) - place} left"
            )
        place += needed
    return at + length


def content_digest(content: Content) -> str:
    """SHA-256 of all that a file holds but `CHECKSUM`, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, item in content.objects():
        attributes = content.attributes(item)
        if not name:
            attributes.pop(CHECKSUM, None)
        for key in sorted(attributes):
            _add(digest, f"{name}@{key}", attributes[key])
        if isinstance(item, h5py.Group):
            _add(digest, name, "group")
        elif item.fletcher32:
            _add(digest, name, f"{item.dtype.str}{item.shape}")
        else:
            _add(digest, name, item.asstr()[()] if _is_text(item.id.get_type()) else item[()])
    return digest.hexdigest()


def _add(digest: Any, name: str, value: Any) -> None:
    """Take a name and a value into a digest, with all lengths, so that no two contents give the same bytes."""
    texts = [value] if isinstance(value, str) else value.tolist() if np.asarray(value).dtype.kind == "O" else None
    array = np.ascontiguousarray(value if texts is None else [len(text.encode()) for text in texts])
    parts = [name, "".join(texts or ()), f"{texts is None}{array.dtype.str}{np.shape(value)}"]
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    digest.update(array.reshape(-1).view(np.uint8))


def _check_chunk(place: h5d.StoreInfo, num_bytes: int, filters: list[int]) -> None:
    """Raise a ValueError for a chunk that can't be whole: HDF5 crashes where one is shorter than its checksum."""
    applied = {each for i, each in enumerate(filters) if not place.filter_mask >> i & 1}  # those that were of any use
    checksum = _FLETCHER32_BYTES if h5z.FILTER_FLETCHER32 in applied else 0
    packed = place.size > checksum if applied & _COMPRESSIONS else place.size == num_bytes + checksum
    if not packed:
        raise ValueError(
            f"found a chunk of {counted(place.size, 'byte')}, expected the {num_bytes + checksum} that it takes"
        )


def _num_bytes(space: h5s.SpaceID, kind: h5t.TypeID) -> int:
    """Bytes that values take as they are stored, or a ValueError for what is no number, truth value or text."""
    if space.get_simple_extent_type() == h5s.NULL:
        raise ValueError("found nothing, expected a value")
    size = kind.get_size()
    plain = {h5t.INTEGER: size <= 8, h5t.FLOAT: size in (2, 4, 8), h5t.STRING: True}.get(kind.get_class(), False)
    if not plain and not (kind.get_class() == h5t.ENUM and kind.dtype == np.bool_):
        raise ValueError("found values of a type that is not a number, a truth value or text")
    return math.prod(space.shape) * size


def _is_text(kind: h5t.TypeID) -> bool:
    return bool(kind.get_class() == h5t.STRING)
