"""`load`: read a model of this package or of another system; imports only the code for that model."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from gmmspeech.arguments import checked
from gmmspeech.errors import DataError, counted
from gmmspeech.files import saving
from gmmspeech.files.regular import open_regular

if TYPE_CHECKING:
    from gmmspeech.files.hdf5_content import Content
    from gmmspeech.gmm.mixture import DiagonalGMM

Model = TypeVar("Model")

_HDF5, _ZIP = b"\x89HDF", b"PK\x03\x04"

MODULES = {
    saving.MODEL: {
        "DiagonalGMM": "gmmspeech.gmm.mixture",
        "GMM": "gmmspeech.gmm.full",
        "GMMClassifier": "gmmspeech.gmm.classifier",
        "SummedStats": "gmmspeech.gmm.stats",
        "SpeakerVerifier": "gmmspeech.speaker.verifier",
        "IVectorExtractor": "gmmspeech.speaker.ivector",
        "PLDA": "gmmspeech.speaker.plda",
        "BackEnd": "gmmspeech.speaker.backend",
        "ISV": "gmmspeech.speaker.isv",
        "JFA": "gmmspeech.speaker.jfa",
        "PhoneGMM": "gmmspeech.phones.gmm.phone_gmm",
        "PhoneClassifier": "gmmspeech.phones.gmm.classification",
        "AdaptedPhoneClassifier": "gmmspeech.phones.gmm.classification",
        "PhoneHMM": "gmmspeech.phones.hmm.model",
        "AdaptedSystem": "gmmspeech.phones.hmm.adapted_system",
    },
    "gmmspeech calibration": {
        "Calibration": "gmmspeech.scoring.calibration",
        "PavCalibration": "gmmspeech.scoring.calibration",
    },
    "gmmspeech i-vectors": {"gmmspeech i-vectors": "gmmspeech.speaker.ivectors"},
    "gmmspeech phone training": {"gmmspeech phone training": "gmmspeech.phones.hmm.training_state"},
}


@overload
def load(path: str | os.PathLike[str], kind: type[Model]) -> Model: ...
@overload
def load(path: str | os.PathLike[str], kind: tuple[type, ...] | None = None) -> Any: ...
@checked
def load(path: str | os.PathLike[str], kind: type | tuple[type, ...] | None = None) -> Any:
    """Load a model: one written by a ``save`` method, a mixture of Kaldi, HTK, bob or SIDEKIT, or another Kaldi model.

    Parameters
    ----------
    path : path-like
        The type is recognized from the content: an object of this package; a Kaldi ``DiagGmm`` or ``FullGmm``; an HTK
        MMF with one mixture (`read_mmf` reads several); a bob ``GMMMachine``; a SIDEKIT ``Mixture``; Kaldi's
        ``final.mdl``, ``plda`` (a back end) or ``final.ie``, with the files beside it (`read_kaldi_hmm`,
        `read_kaldi_plda`, `read_kaldi_extractor`); an acoustic model of the Montreal Forced Aligner, ``NAME.zip``.
    kind : type or tuple of types, optional
        Required type, such as ``DiagonalGMM``.

    Returns
    -------
    DiagonalGMM, GMMClassifier, SpeakerVerifier, PhoneHMM, IVectorExtractor, Calibration and others
        The object in the file.

    Raises
    ------
    DataError
        The file is missing, truncated, damaged, of a newer version of the format, or contains something else.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> gmm = gs.DiagonalGMM.from_parameters([0.5, 0.5], [[0.0], [1.0]], [[1.0], [1.0]])
    >>> path = tempfile.mkdtemp() + "/gmm.h5"
    >>> gmm.save(path)
    >>> gs.load(path).means_
    array([[0.], [1.]])
    """
    name, wanted = os.fspath(path), saving.as_kinds(kind)
    read = _reader(name)
    model = saving.load(name, kind, modules=MODULES, foreign=_read_other_hdf5) if read is None else read(name)
    if wanted and not isinstance(model, wanted):
        raise saving.wrong_kind(name, type(model).__name__, wanted)
    return model


def is_foreign(path: str | os.PathLike[str]) -> bool:
    """Say whether a file is a model of Kaldi's, HTK's or MFA's, whole or not."""
    return _reader(os.fspath(path)) is not None


def is_kaldi_model(path: str | os.PathLike[str]) -> bool:
    """Say whether a file is a model of phones of Kaldi's, whole or not."""
    return _reader(os.fspath(path)) is _read_kaldi_folder


def _reader(name: str) -> Callable[[str], Any] | None:
    """Give the function that reads a file of Kaldi's, HTK's or MFA's, or None where it is none."""
    try:
        with open_regular(name) as file:
            head = file.read(256)
    except OSError:
        return None
    if head.startswith(_HDF5):
        return None
    if head.startswith(_ZIP):
        return _read_mfa_model
    from gmmspeech.formats import mmf
    from gmmspeech.formats.kaldi import models

    if models.is_kaldi_hmm(head):
        return _read_kaldi_folder
    if models.begins_with(head, "Plda"):
        return _read_kaldi_backend
    if models.begins_with(head, "IvectorExtractor"):
        return _read_kaldi_extractor
    if models.begins_with(head, "FullGMM"):
        return _read_kaldi_full_gmm
    if models.is_kaldi_gmm(head):
        return models.read_kaldi_gmm
    return _read_only_mixture if mmf.is_mmf(head) else None


def _read_kaldi_folder(name: str) -> Any:
    from gmmspeech.formats.kaldi.folder import load_kaldi_model

    return load_kaldi_model(name)


def _read_mfa_model(name: str) -> Any:
    from gmmspeech.formats.mfa import read_mfa_model

    return read_mfa_model(name)


def _read_kaldi_backend(name: str) -> Any:
    from gmmspeech.formats.kaldi.plda import read_kaldi_backend

    return read_kaldi_backend(name)


def _read_kaldi_extractor(name: str) -> Any:
    from gmmspeech.formats.kaldi.ivector import read_kaldi_extractor

    return read_kaldi_extractor(name)


def _read_kaldi_full_gmm(name: str) -> Any:
    from gmmspeech.formats.kaldi.full_gmm import read_kaldi_full_gmm

    return read_kaldi_full_gmm(name)


def _read_only_mixture(name: str) -> DiagonalGMM:
    from gmmspeech.formats.mmf import read_mmf

    models = read_mmf(name)
    if len(models) > 1:
        raise DataError(f"{name}: found {counted(len(models), 'mixture')}, expected one (read_mmf reads them all)")
    return next(iter(models.values()))


def _read_other_hdf5(name: str, content: Content) -> Any:
    """Read a mixture that bob or SIDEKIT wrote, or None where the file is none."""
    from gmmspeech.formats.bob import read_bob
    from gmmspeech.formats.sidekit import read_sidekit

    return read_bob(name, content) or read_sidekit(name, content)
