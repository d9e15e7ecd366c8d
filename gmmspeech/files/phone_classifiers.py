"""Classifiers of phones in HDF5: plain arrays and attributes."""

from __future__ import annotations

import os

import h5py
import numpy as np

from gmmspeech.files.hdf5 import create_hdf5
from gmmspeech.files.phone_gmm import read_phone_gmm, write_phone_gmm
from gmmspeech.linear.fmllr import FMLLRStats
from gmmspeech.phones.gmm.adaptation import SpeakerAdapter
from gmmspeech.phones.gmm.classification import AdaptedPhoneClassifier, Classifier, PhoneClassifier
from gmmspeech.phones.gmm.segment_gaussian import SegmentGaussian

FORMAT = "gmmspeech model"
VERSION = 1


def save_phone_classifier(path: str | os.PathLike[str], classifier: Classifier) -> None:
    """Write one model or the full system, for `gmmspeech.load`.

    Parameters
    ----------
    path : path-like
        HDF5 file; it appears whole or not at all.
    classifier : PhoneClassifier or AdaptedPhoneClassifier
    """
    with create_hdf5(path, format=FORMAT, version=VERSION) as file:
        file.attrs["kind"] = type(classifier).__name__
        if isinstance(classifier, PhoneClassifier):
            _write_one(file, classifier)
            return
        _write_one(file.create_group("one"), classifier.one)
        _write_gaussian(file.create_group("segment_gaussian"), classifier.gaussian)
        _write_adapter(file.create_group("adapter"), classifier.adapter)
        file["edges"] = np.array(classifier.edges, dtype=np.int64).reshape(-1, 2)
        file["weights"] = classifier.weights
        for name in ("of_frames", "of_segments"):
            write_phone_gmm(file.create_group(name), getattr(classifier, name))


def read_classifier(group: h5py.Group) -> PhoneClassifier:
    """Make one model of the arrays in a group, or an open file."""
    return PhoneClassifier(group["projection"][:], read_phone_gmm(group["model"]))


def read_adapted_classifier(file: h5py.File) -> AdaptedPhoneClassifier:
    """Make the full system of the arrays in an open file."""
    return AdaptedPhoneClassifier(
        one=read_classifier(file["one"]),
        gaussian=_read_gaussian(file["segment_gaussian"]),
        edges=tuple((near, far) for near, far in file["edges"][:].tolist()),
        adapter=_read_adapter(file["adapter"]),
        of_frames=read_phone_gmm(file["of_frames"]),
        of_segments=read_phone_gmm(file["of_segments"]),
        weights=file["weights"][:],
    )


def _write_one(group: h5py.Group, classifier: PhoneClassifier) -> None:
    group["projection"] = classifier.projection
    write_phone_gmm(group.create_group("model"), classifier.model)


def _write_gaussian(group: h5py.Group, gaussian: SegmentGaussian) -> None:
    group.attrs["shrinkage"] = gaussian.shrinkage
    group["phones"] = np.array(gaussian.phones_, dtype=h5py.string_dtype())
    group["means"], group["precision_factors"] = gaussian.means_, gaussian.precision_factors_


def _read_gaussian(group: h5py.Group) -> SegmentGaussian:
    gaussian = SegmentGaussian(shrinkage=float(group.attrs["shrinkage"]))
    gaussian.phones_ = tuple(group["phones"].asstr()[:].tolist())
    gaussian.means_, gaussian.precision_factors_ = group["means"][:], group["precision_factors"][:]
    return gaussian


def _write_adapter(group: h5py.Group, adapter: SpeakerAdapter) -> None:
    group.attrs["prior_frames"] = adapter.prior_frames
    for name, prior in zip(("unadapted", "adapted"), adapter.priors, strict=True):
        write_phone_gmm(group.create_group(name), getattr(adapter, name))
        statistics = group.create_group(f"{name}_prior")
        statistics.attrs["beta"] = prior.beta
        statistics["k"], statistics["g"] = prior.k, prior.g


def _read_adapter(group: h5py.Group) -> SpeakerAdapter:
    priors = [group[f"{name}_prior"] for name in ("unadapted", "adapted")]
    first, second = (FMLLRStats(float(p.attrs["beta"]), p["k"][:], p["g"][:]) for p in priors)
    unadapted, adapted = (read_phone_gmm(group[name]) for name in ("unadapted", "adapted"))
    return SpeakerAdapter(unadapted, adapted, (first, second), float(group.attrs["prior_frames"]))
