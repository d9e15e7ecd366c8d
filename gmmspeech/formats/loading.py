"""`load`: read a model of this package or of another system; imports only the code for that model."""

from __future__ import annotations

import os
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, overload

from gmmspeech.arguments import checked
from gmmspeech.files import saving
from gmmspeech.files.regular import open_regular

if TYPE_CHECKING:
    from gmmspeech.files.hdf5_content import Content

Model = TypeVar("Model")

_HDF5, _ZIP = b"\x89HDF", b"PK\x03\x04"
_KALDI = re.compile(rb"(?:\0B)?\s*<(\w+)")  # what a model of Kaldi's begins with, in binary or text

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

# What reads models of others: by the token that a file of Kaldi's begins with, or by what the file is.
_READERS = {
    "TransitionModel": ("gmmspeech.formats.kaldi.folder", "load_kaldi_model"),
    "Plda": ("gmmspeech.formats.kaldi.plda", "read_kaldi_backend"),
    "IvectorExtractor": ("gmmspeech.formats.kaldi.ivector", "read_kaldi_extractor"),
    **dict.fromkeys(("FullGMM", "FullGMMBegin"), ("gmmspeech.formats.kaldi.full_gmm", "read_kaldi_full_gmm")),
    **dict.fromkeys(("DiagGMM", "DiagGMMBegin"), ("gmmspeech.formats.kaldi.models", "read_kaldi_gmm")),
    "mmf": ("gmmspeech.formats.mmf", "read_only_mixture"),
    "zip": ("gmmspeech.formats.mfa", "read_mfa_model"),
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
    name, wanted, foreign = os.fspath(path), saving.as_kinds(kind), _foreign_kind(path)
    if foreign is None:
        model = saving.load(name, kind, modules=MODULES, foreign=_read_other_hdf5)
    else:
        module, function = _READERS[foreign]
        model = getattr(import_module(module), function)(name)
    if wanted and not isinstance(model, wanted):
        raise saving.wrong_kind(name, type(model).__name__, wanted)
    return model


def is_foreign(path: str | os.PathLike[str]) -> bool:
    """Say whether a file is a model of Kaldi's, HTK's or MFA's, whole or not."""
    return _foreign_kind(path) is not None


def is_kaldi_model(path: str | os.PathLike[str]) -> bool:
    """Say whether a file is a model of phones of Kaldi's, whole or not."""
    return _foreign_kind(path) == "TransitionModel"


def _foreign_kind(path: str | os.PathLike[str]) -> str | None:
    """Tell which of `_READERS` reads a file, None where it is no model of Kaldi's, HTK's or MFA's."""
    try:
        with open_regular(os.fspath(path)) as file:
            head = file.read(256)
    except OSError:
        return None
    if head.startswith(_HDF5):
        return None
    if head.startswith(_ZIP):
        return "zip"
    if (token := _KALDI.match(head)) and (kind := token[1].decode()) in _READERS:
        return kind
    from gmmspeech.formats.mmf import is_mmf

    return "mmf" if is_mmf(head) else None


def _read_other_hdf5(name: str, content: Content) -> Any:
    """Read a mixture that bob or SIDEKIT wrote, or None where the file is none."""
    from gmmspeech.formats.bob import read_bob
    from gmmspeech.formats.sidekit import read_sidekit

    return read_bob(name, content) or read_sidekit(name, content)
