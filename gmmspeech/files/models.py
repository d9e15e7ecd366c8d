"""Models in HDF5: mixtures, classifiers, speakers, phones. Plain arrays and attributes; no code, never pickle.

`load` reads mixtures of other systems too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import DataError, one_line
from gmmspeech.files import ivectors
from gmmspeech.files.accumulators import SummedStats, read_summed_stats
from gmmspeech.files.hdf5 import create_hdf5, open_hdf5
from gmmspeech.files.phone_classifiers import read_adapted_classifier, read_classifier
from gmmspeech.files.phone_gmm import read_phone_gmm
from gmmspeech.files.phone_models import read_adapted_system, read_phone_hmm
from gmmspeech.formats.kaldi_models import is_kaldi_gmm, read_kaldi_gmm
from gmmspeech.formats.mmf import is_mmf, read_mmf
from gmmspeech.formats.peers import read_peer
from gmmspeech.gmm.classifier import GMMClassifier
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.stats import GMMStats
from gmmspeech.phones.gmm.classification import AdaptedPhoneClassifier, Classifier, PhoneClassifier
from gmmspeech.phones.gmm.phone_gmm import PhoneGMM
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.speaker.verifier import SpeakerVerifier

FORMAT = "gmmspeech model"
VERSION = 1

Model = DiagonalGMM | GMMClassifier | SpeakerVerifier | PhoneGMM | PhoneHMM | AdaptedSystem | Classifier | SummedStats


def load(path: str | os.PathLike[str]) -> Model:
    """Read a model that `save` wrote, or a diagonal mixture of Kaldi, HTK, bob or SIDEKIT.

    Parameters
    ----------
    path : path-like
        The file's content tells what it is: a model of this package; a ``DiagGmm`` of Kaldi's, binary or text; an MMF
        of HTK's with one mixture (`read_mmf` reads them all); a ``GMMMachine`` of bob's or a ``Mixture`` of SIDEKIT's.

    Returns
    -------
    DiagonalGMM, GMMClassifier, SpeakerVerifier, PhoneGMM, PhoneHMM, AdaptedSystem, SummedStats and others
        Whichever the file holds.

    Raises
    ------
    DataError
        The file is missing, truncated, no model, damaged, or of a newer version of the format.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> gmm = gs.DiagonalGMM.from_parameters([0.5, 0.5], [[0.0], [1.0]], [[1.0], [1.0]])
    >>> path = tempfile.mkdtemp() + "/gmm.h5"
    >>> gmm.save(path)
    >>> gs.load(path).means_
    array([[0.], [1.]])
    """
    name = os.fspath(path)
    foreign = _load_foreign(name)
    if foreign is not None:
        return foreign
    try:
        with open_hdf5(name, format=FORMAT, version=VERSION) as file:
            kind = file.attrs.get("kind")
            if kind not in _READERS:
                raise DataError(f"{name}: found a model of kind {kind!r}, expected one of {', '.join(_READERS)}")
            return _READERS[kind](file)
    except DataError:
        raise
    except (LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise DataError(f"{name}: damaged model ({one_line(error)})") from error


def is_foreign(path: str | os.PathLike[str]) -> bool:
    """Say whether a file is a mixture of Kaldi's or HTK's, whole or not."""
    try:
        with open(path, "rb") as file:
            head = file.read(256)
    except OSError:
        return False
    return is_kaldi_gmm(head) or is_mmf(head)


def _load_foreign(name: str) -> DiagonalGMM | None:
    """Read a mixture that another system wrote, if the file is one."""
    if not is_foreign(name):
        try:
            with h5py.File(name, "r") as file:
                return None if "format" in file.attrs else read_peer(file)
        except OSError:  # which opening it as our own format explains
            return None
        except RuntimeError as error:
            raise DataError(f"{name}: damaged HDF5 ({one_line(error)}), expected a model") from error
    with open(name, "rb") as file:
        if is_kaldi_gmm(file.read(256)):
            return read_kaldi_gmm(name)
    models = read_mmf(name)
    if len(models) > 1:
        raise DataError(f"{name}: found {len(models)} mixtures, expected one (read_mmf reads them all)")
    return next(iter(models.values()))


def load_gmm(path: str | os.PathLike[str]) -> DiagonalGMM:
    """Read a mixture, or raise a `DataError` that says what else the file holds."""
    return _expect(path, DiagonalGMM, "a mixture (made by train-ubm)")


def load_verifier(path: str | os.PathLike[str]) -> SpeakerVerifier:
    """Read enrolled speakers, or raise a `DataError` that says what else the file holds."""
    return _expect(path, SpeakerVerifier, "enrolled speakers (made by enroll)")


def load_classifier(path: str | os.PathLike[str]) -> GMMClassifier:
    """Read a classifier, or raise a `DataError` that says what else the file holds."""
    return _expect(path, GMMClassifier, "a classifier (made by train-classifier)")


def load_phone_classifier(path: str | os.PathLike[str]) -> Classifier:
    """Read a classifier of phones, or raise a `DataError` that says what else the file holds."""
    kinds = (PhoneClassifier, AdaptedPhoneClassifier)
    return _expect(path, kinds, "a classifier of phones (made by train-phone-classifier)")


def load_summed_stats(path: str | os.PathLike[str]) -> SummedStats:
    """Read summed statistics, or raise a `DataError` that says what else the file holds."""
    return _expect(path, SummedStats, "statistics (made by accumulate)")


def save_gmm(path: Path, gmm: DiagonalGMM) -> None:
    """Write a mixture."""
    gmm.parameters()
    with create_hdf5(path, format=FORMAT, version=VERSION) as file:
        file.attrs["kind"] = "DiagonalGMM"
        _write_gmm(file, gmm)


def save_classifier(path: Path, classifier: GMMClassifier) -> None:
    """Write a classifier: one group a class, numbered in the order of its labels."""
    classifier._check_fitted()
    with create_hdf5(path, format=FORMAT, version=VERSION) as file:
        file.attrs["kind"] = "GMMClassifier"
        labels = classifier.classes_
        file["classes"] = labels.astype(object) if labels.dtype.kind in "UO" else labels
        file["priors"] = classifier.priors_
        file.attrs["front_end"] = classifier.front_end_ or ""
        for i, model in enumerate(classifier.models_):
            _write_gmm(file.create_group(f"models/{i}"), model)


def save_verifier(path: Path, verifier: SpeakerVerifier) -> None:
    """Write the background model, and of each speaker what was enrolled, from which MAP makes the model again."""
    with create_hdf5(path, format=FORMAT, version=VERSION) as file:
        file.attrs["kind"] = "SpeakerVerifier"
        options = {name: getattr(verifier, name) for name in ("relevance_factor", "update", "scoring", "top_c")}
        file.attrs["options"] = json.dumps(options, sort_keys=True)
        _write_gmm(file.create_group("ubm"), verifier.ubm)
        speakers = file.create_group("speakers", track_order=True)
        speakers["names"] = np.array(list(verifier.statistics_), dtype=h5py.string_dtype())
        shape = verifier.ubm.means_.shape
        for field, trailing in _STATISTICS.items():
            values = [getattr(s, field) for s in verifier.statistics_.values()]
            speakers[field] = np.array(values, dtype=np.float64).reshape(len(values), *shape[:trailing])
        if verifier.scoring == "symmetric":
            none = np.empty((0, shape[1]), np.float32)  # of those enrolled while the scoring needed no frames
            frames = [verifier.frames_.get(name, none) for name in verifier.statistics_]
            speakers["frames"] = np.concatenate([none, *frames])
            speakers["frame_offsets"] = np.cumsum([0, *map(len, frames)])


_STATISTICS = {"n": 1, "sum_x": 2, "sum_xx": 2, "log_likelihood": 0, "num_frames": 0}


def _write_gmm(group: h5py.Group, gmm: DiagonalGMM) -> None:
    group["weights"], group["means"], group["variances"] = gmm.parameters()
    options = {k: v for k, v in gmm.get_params(deep=False).items() if k in _SAVED_OPTIONS}
    group.attrs["options"] = json.dumps(options, sort_keys=True)
    group.attrs["front_end"] = gmm.front_end_ or ""
    group["history"] = np.array(getattr(gmm, "history_", []), dtype=np.float64)
    if gmm.num_frames_ is not None:
        group.attrs["num_frames"] = gmm.num_frames_


_SAVED_OPTIONS = ("max_iter", "tol", "variance_floor")


def _read_gmm(group: h5py.Group) -> DiagonalGMM:
    gmm = DiagonalGMM.from_parameters(
        group["weights"][:],
        group["means"][:],
        group["variances"][:],
        front_end=group.attrs["front_end"] or None,
        **json.loads(group.attrs["options"]),
    )
    gmm.weights_ = group["weights"][:]  # to the bit, where another system's sum to 1 in float32 only
    gmm.history_ = group["history"][:].tolist()
    gmm.num_frames_ = float(group.attrs["num_frames"]) if "num_frames" in group.attrs else None
    return gmm


def _read_classifier(file: h5py.File) -> GMMClassifier:
    models = [_read_gmm(file[f"models/{i}"]) for i in range(len(file["classes"]))]
    classifier = GMMClassifier(n_components=max(len(m.weights_) for m in models))
    labels = file["classes"]
    classifier.classes_ = np.array(labels.asstr()[:].tolist() if h5py.check_string_dtype(labels.dtype) else labels[:])
    classifier.priors_ = file["priors"][:]
    classifier.models_ = models
    classifier.n_features_in_ = models[0].n_features_in_
    classifier.front_end_ = file.attrs["front_end"] or None
    return classifier


def _read_verifier(file: h5py.File) -> SpeakerVerifier:
    verifier = SpeakerVerifier(_read_gmm(file["ubm"]), **json.loads(file.attrs["options"]))
    speakers = file["speakers"]
    columns = [speakers[field] for field in _STATISTICS]
    for i, name in enumerate(speakers["names"].asstr()[:]):
        n, sum_x, sum_xx, log_likelihood, num_frames = (column[i] for column in columns)
        stats = GMMStats(n, sum_x, sum_xx, float(log_likelihood), float(num_frames))
        verifier.restore(name, stats, _frames_of(speakers, i))
    return verifier


def _frames_of(speakers: h5py.Group, i: int) -> NDArray | None:
    if "frames" not in speakers:
        return None
    start, end = speakers["frame_offsets"][i : i + 2]
    return speakers["frames"][start:end] if end > start else None


_READERS: dict[str, Callable[[h5py.File], Model]] = {
    "DiagonalGMM": _read_gmm,
    "GMMClassifier": _read_classifier,
    "SpeakerVerifier": _read_verifier,
    "PhoneGMM": read_phone_gmm,
    "PhoneClassifier": read_classifier,
    "AdaptedPhoneClassifier": read_adapted_classifier,
    "PhoneHMM": read_phone_hmm,
    "AdaptedSystem": read_adapted_system,
    "SummedStats": read_summed_stats,
    **ivectors.READERS,
}


def _expect(path: str | os.PathLike[str], kind: type | tuple[type, ...], expected: str) -> Any:
    model = load(path)
    if not isinstance(model, kind):
        raise DataError(f"{os.fspath(path)}: found a {type(model).__name__}, expected {expected}")
    return model
