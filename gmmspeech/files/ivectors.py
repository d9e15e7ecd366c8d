"""i-vectors, and the models that make and score them, in HDF5: plain arrays and attributes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.errors import DataError, one_line
from gmmspeech.files.hdf5 import create_hdf5, open_hdf5
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.speaker.backend import AffineTransform, as_vectors
from gmmspeech.speaker.backend_training import BackEnd
from gmmspeech.speaker.isv import ISV
from gmmspeech.speaker.ivector import IVectorExtractor
from gmmspeech.speaker.jfa import JFA
from gmmspeech.speaker.plda import PLDA

MODEL_FORMAT = "gmmspeech model"
VECTORS_FORMAT = "gmmspeech i-vectors"
VERSION = 1

Content = TypeVar("Content")


def save_extractor(path: str | os.PathLike[str], extractor: IVectorExtractor) -> None:
    """Write an i-vector extractor.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> extractor = IVectorExtractor(np.ones(1), np.zeros((1, 2)), np.ones((1, 2)), np.ones((1, 2, 1)))
    >>> path = tempfile.mkdtemp() + "/extractor.h5"
    >>> save_extractor(path, extractor)
    >>> load_extractor(path).rank
    1
    """
    with create_hdf5(path, format=MODEL_FORMAT, version=VERSION) as file:
        file.attrs["kind"] = "IVectorExtractor"
        write_extractor(file, extractor)


def load_extractor(path: str | os.PathLike[str]) -> IVectorExtractor:
    """Read an i-vector extractor.

    Raises
    ------
    DataError
        The file is missing, truncated, damaged, of a newer version of the format, or holds something else.
    """
    return _load(path, "IVectorExtractor")


def write_extractor(file: h5py.Group, extractor: IVectorExtractor) -> None:
    """Fill a group with an i-vector extractor."""
    for name in _EXTRACTOR:
        file[name] = getattr(extractor, name)
    file["history"] = np.array(extractor.history, dtype=np.float64)
    file.attrs["ubm_digest"] = extractor.ubm_digest or ""
    file.attrs["front_end"] = extractor.front_end or ""


def read_extractor(file: h5py.Group) -> IVectorExtractor:
    """Make an i-vector extractor of what `write_extractor` wrote."""
    return IVectorExtractor(
        **{name: file[name][:] for name in _EXTRACTOR},
        ubm_digest=file.attrs["ubm_digest"] or None,
        front_end=file.attrs["front_end"] or None,
        history=tuple(file["history"][:].tolist()),
    )


_EXTRACTOR = ("weights", "means", "variances", "matrix")


def save_plda(path: str | os.PathLike[str], plda: PLDA) -> None:
    """Write a PLDA model."""
    with create_hdf5(path, format=MODEL_FORMAT, version=VERSION) as file:
        file.attrs["kind"] = "PLDA"
        _write_plda(file, plda)


def load_plda(path: str | os.PathLike[str]) -> PLDA:
    """Read a PLDA model; errors as `load_extractor`."""
    return _load(path, "PLDA")


def read_plda(file: h5py.Group) -> PLDA:
    """Make a PLDA model of what `save_plda` wrote."""
    mean, factors, within = (file[name][:] for name in _PLDA)
    return PLDA(mean, factors, within, tuple(file["history"][:].tolist()))


_PLDA = ("mean", "factors", "within")


def _write_plda(group: h5py.Group, plda: PLDA) -> None:
    for name in _PLDA:
        group[name] = getattr(plda, name)
    group["history"] = np.array(plda.history, dtype=np.float64)


def save_backend(path: str | os.PathLike[str], backend: BackEnd) -> None:
    """Write a back end: its transforms, numbered, and its PLDA model."""
    with create_hdf5(path, format=MODEL_FORMAT, version=VERSION) as file:
        file.attrs["kind"] = "BackEnd"
        file.attrs["extractor_digest"] = backend.extractor_digest or ""
        transforms = file.create_group("transforms")
        for i, transform in enumerate(backend.transforms):
            group = transforms.create_group(str(i))
            group["mean"], group["matrix"] = transform.mean, transform.matrix
            group.attrs["unit_length"] = transform.unit_length
        if backend.plda is not None:
            _write_plda(file.create_group("plda"), backend.plda)


def load_backend(path: str | os.PathLike[str]) -> BackEnd:
    """Read a back end; errors as `load_extractor`."""
    return _load(path, "BackEnd")


def read_backend(file: h5py.Group) -> BackEnd:
    """Make a back end of what `save_backend` wrote."""
    groups = [file["transforms"][str(i)] for i in range(len(file["transforms"]))]
    transforms = [AffineTransform(g["mean"][:], g["matrix"][:], bool(g.attrs["unit_length"])) for g in groups]
    plda = read_plda(file["plda"]) if "plda" in file else None
    return BackEnd(tuple(transforms), plda, file.attrs["extractor_digest"] or None)


def save_isv(path: str | os.PathLike[str], isv: ISV) -> None:
    """Write an ISV model and its background model."""
    with create_hdf5(path, format=MODEL_FORMAT, version=VERSION) as file:
        file.attrs["kind"] = "ISV"
        _write_ubm(file, isv.ubm)
        file["session"] = isv.session
        file.attrs["relevance_factor"] = isv.relevance_factor


def load_isv(path: str | os.PathLike[str]) -> ISV:
    """Read an ISV model; errors as `load_extractor`."""
    return _load(path, "ISV")


def read_isv(file: h5py.Group) -> ISV:
    """Make an ISV model of what `save_isv` wrote."""
    return ISV(_read_ubm(file), file["session"][:], float(file.attrs["relevance_factor"]))


def save_jfa(path: str | os.PathLike[str], jfa: JFA) -> None:
    """Write a JFA model and its background model."""
    with create_hdf5(path, format=MODEL_FORMAT, version=VERSION) as file:
        file.attrs["kind"] = "JFA"
        _write_ubm(file, jfa.ubm)
        for name in _JFA:
            file[name] = getattr(jfa, name)


def load_jfa(path: str | os.PathLike[str]) -> JFA:
    """Read a JFA model; errors as `load_extractor`."""
    return _load(path, "JFA")


def read_jfa(file: h5py.Group) -> JFA:
    """Make a JFA model of what `save_jfa` wrote."""
    return JFA(_read_ubm(file), **{name: file[name][:] for name in _JFA})


_JFA = ("speaker", "session", "residual")


def _write_ubm(group: h5py.Group, ubm: DiagonalGMM) -> None:
    group["weights"], group["means"], group["variances"] = ubm.parameters()
    group.attrs["front_end"] = ubm.front_end_ or ""


def _read_ubm(group: h5py.Group) -> DiagonalGMM:
    parameters = (group[name][:] for name in ("weights", "means", "variances"))
    return DiagonalGMM.from_parameters(*parameters, front_end=group.attrs["front_end"] or None)


@dataclass(frozen=True)
class IVectors:
    """Named i-vectors.

    Parameters
    ----------
    names : tuple of str
        Utterances.
    vectors : ndarray, shape (U, R), float64
    extractor_digest : str, optional
        Which extractor made them; see `IVectorExtractor.digest`.
    """

    names: tuple[str, ...]
    vectors: NDArray[np.float64]
    extractor_digest: str | None = None

    def by_name(self) -> dict[str, NDArray[np.float64]]:
        """Utterance to vector (R,), as `average_sessions` takes them."""
        return dict(zip(self.names, self.vectors, strict=True))


def save_ivectors(
    path: str | os.PathLike[str], names: Sequence[str], vectors: ArrayLike, *, extractor_digest: str | None = None
) -> None:
    """Write the i-vectors of named utterances, (U, R).

    Raises
    ------
    DataError
        The file can't be written; names of another number than the vectors, or one twice.
    FeatureError
        Vectors that are not finite or not two-dimensional.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/ivectors.h5"
    >>> save_ivectors(path, ["u1", "u2"], [[0.5], [1.5]])
    >>> load_ivectors(path).by_name()
    {'u1': array([0.5]), 'u2': array([1.5])}
    """
    rows = as_vectors(vectors)
    if len(names) != len(rows) or len(set(names)) != len(rows):
        raise DataError(
            f"{os.fspath(path)}: found {len(rows)} vectors and {len(set(names))} different names, expected as many"
        )
    with create_hdf5(path, format=VECTORS_FORMAT, version=VERSION) as file:
        file["utterances"] = np.array(names, dtype=h5py.string_dtype("utf-8"))
        file["vectors"] = rows
        file.attrs["extractor_digest"] = extractor_digest or ""


def load_ivectors(path: str | os.PathLike[str]) -> IVectors:
    """Read i-vectors; errors as `load_extractor`."""

    def read(file: h5py.File) -> IVectors:
        names = tuple(file["utterances"].asstr()[:].tolist())
        vectors = as_vectors(file["vectors"][:])
        if len(names) != len(vectors) or len(set(names)) != len(names):
            raise ValueError(f"{len(names)} names and {len(vectors)} vectors")
        return IVectors(names, vectors, file.attrs["extractor_digest"] or None)

    return _read(path, VECTORS_FORMAT, read)


READERS: dict[str, Callable[[h5py.Group], Any]] = {
    "IVectorExtractor": read_extractor,
    "PLDA": read_plda,
    "BackEnd": read_backend,
    "ISV": read_isv,
    "JFA": read_jfa,
}


def _load(path: str | os.PathLike[str], kind: str) -> Any:
    def checked(file: h5py.File) -> Any:
        found = file.attrs.get("kind")
        if found != kind:
            raise DataError(f"{os.fspath(path)}: found a model of kind {found!r}, expected {kind}")
        return READERS[kind](file)

    return _read(path, MODEL_FORMAT, checked)


def _read(path: str | os.PathLike[str], format: str, read: Callable[[h5py.File], Content]) -> Content:
    try:
        with open_hdf5(path, format=format, version=VERSION) as file:
            return read(file)
    except DataError:
        raise
    except (LookupError, OSError, RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{os.fspath(path)}: damaged {format} ({one_line(error)})") from error
