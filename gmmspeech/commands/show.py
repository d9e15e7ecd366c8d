"""What a file holds, in a few lines for people."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.files import calibration, checkpoints, ivectors, models
from gmmspeech.files.accumulators import SummedStats
from gmmspeech.gmm.classifier import GMMClassifier
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.phones.gmm.classification import AdaptedPhoneClassifier, Classifier, PhoneClassifier
from gmmspeech.phones.gmm.phone_gmm import PhoneGMM
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.scoring.calibration import Calibration
from gmmspeech.speaker.backend_training import BackEnd
from gmmspeech.speaker.isv import ISV
from gmmspeech.speaker.ivector import IVectorExtractor
from gmmspeech.speaker.jfa import JFA
from gmmspeech.speaker.plda import PLDA
from gmmspeech.speaker.verifier import SpeakerVerifier
from gmmspeech.stores import features as store
from gmmspeech.stores import statistics
from gmmspeech.stores.statistics import StatisticsStore


def describe(path: str) -> list[str]:
    """Describe a file that a command wrote, or the configuration of a front end.

    Parameters
    ----------
    path : str
        A path, or ``scp:PATH``, ``ark:PATH``, ``htk:PATH``.

    Returns
    -------
    list of str
    """
    if path.partition(":")[0] in store.FOREIGN:
        return _describe_store(path)
    if path.endswith((".toml", ".conf")) or not Path(path).exists():
        front = FrontEnd.from_file(path)
        return [f"front end: {describe_front_end(front.to_json())}", *_as_toml(front)]
    try:
        return _DESCRIBERS.get(_format_of(path) or "", lambda path: _describe_model(models.load(path)))(path)
    except ConfigError as error:
        raise DataError(f"{path}: damaged front end ({error})") from error


def describe_front_end(front_end: str | None) -> str:
    """One line about a front end given as JSON text."""
    if not front_end:
        return "unknown"
    front = FrontEnd.from_json(front_end)
    return f"{front.describe()}, {front.sample_frequency} Hz ({front.fingerprint})"


def verifier_configuration(verifier: SpeakerVerifier) -> dict[str, dict[str, object]]:
    """Everything that decided a verifier's scores, as headed tables for the report."""
    num_components, dim = verifier.ubm.means_.shape
    adapted = ", ".join(name for name in ("means", "variances", "weights") if name[0] in verifier.update)
    system: dict[str, object] = {
        "front end": describe_front_end(verifier.ubm.front_end_),
        "background model": f"{num_components} components, {dim} dimensions",
        "adaptation": f"MAP of {adapted}, relevance factor {verifier.relevance_factor:g}",
        "scoring": verifier.scoring if verifier.top_c is None else f"{verifier.scoring}, top {verifier.top_c}",
        "models": len(verifier.models_),
    }
    tables = {"System": system}
    if verifier.ubm.front_end_:
        tables["Front end"] = json.loads(verifier.ubm.front_end_)
    return tables


def _as_toml(front: FrontEnd) -> list[str]:
    """Every option, those left to their defaults too, as a TOML file would have it."""
    options = front.model_dump(exclude_none=True)
    sections = {name: options.pop(name) for name in list(options) if isinstance(options[name], dict)}
    lines = [f"{key} = {json.dumps(value)}" for key, value in options.items()]
    for name, section in sections.items():
        lines += ["", f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in section.items())]
    return lines


def _format_of(path: str) -> str | None:
    try:
        with h5py.File(path, "r") as file:
            return file.attrs.get("format")
    except OSError:
        if models.is_foreign(path):
            return None
        raise DataError(f"{path}: found no HDF5, expected a feature store or a model") from None


def _describe_store(path: str) -> list[str]:
    with store.FeatureStore(path) as features:
        return [
            f"feature store: {len(features)} utterances, {features.total_frames} frames of {features.dim} columns",
            f"front end: {describe_front_end(features.front_end)}",
            *([f"kept as: {features.storage}"] if features.storage else []),
        ]


def _describe_statistics(path: str) -> list[str]:
    with StatisticsStore(path) as stats:
        size = "{} components, {} dimensions".format(*stats.shape)
        front = f"front end: {describe_front_end(stats.front_end)}"
        return [f"statistics: {len(stats)} utterances, {size}, background model {stats.ubm_digest[:12]}", front]


def _describe_ivectors(path: str) -> list[str]:
    found = ivectors.load_ivectors(path)
    return [
        f"i-vectors: {len(found.names)} utterances, {found.vectors.shape[1]} dimensions",
        f"extractor: {(found.extractor_digest or 'unknown')[:12]}",
    ]


def _describe_calibration(path: str) -> list[str]:
    found = calibration.load_calibration(path)
    if isinstance(found, Calibration):
        weights = " ".join(f"{weight:.6g}" for weight in found.weights)
        return [f"calibration of {len(found.weights)} system(s): weights {weights}, offset {found.offset:.6g}"]
    return [f"calibration by pool-adjacent-violators: {len(found.scores)} points"]


def _describe_checkpoint(path: str) -> list[str]:
    origin = checkpoints.read_origin(path)
    front_end = origin.pop("front_end", None)
    return [
        f"checkpoint of training: {origin.pop('training', 'unknown')}",
        f"front end: {describe_front_end(front_end)}",
        *(f"{name}: {value}" for name, value in origin.items()),
    ]


_DESCRIBERS = {
    store.FORMAT: _describe_store,
    store.INDEX_FORMAT: _describe_store,
    statistics.FORMAT: _describe_statistics,
    ivectors.VECTORS_FORMAT: _describe_ivectors,
    calibration.FORMAT: _describe_calibration,
    checkpoints.FORMAT: _describe_checkpoint,
}


def _describe_plda(plda: PLDA) -> str:
    return f"PLDA: {plda.factors.shape[0]} dimensions, {plda.factors.shape[1]} of speakers"


def _describe_model(model: models.Model) -> list[str]:
    if isinstance(model, SpeakerVerifier):
        system = verifier_configuration(model)["System"]
        return ["enrolled speakers", *(f"{name}: {value}" for name, value in system.items())]
    if isinstance(model, GMMClassifier):
        sizes = sorted({len(m.weights_) for m in model.models_})
        return [
            f"classifier: {len(model.classes_)} classes, {'/'.join(map(str, sizes))} components each",
            f"classes: {' '.join(map(str, model.classes_))}",
            f"front end: {describe_front_end(model.front_end_)}",
        ]
    if isinstance(model, PhoneGMM):
        sizes = sorted({len(mixture.weights_) for mixture in model.models_})
        return [
            f"phone mixtures: {len(model.phones_)} phones, {sizes[0]} to {sizes[-1]} components each",
            f"phones: {' '.join(model.phones_)}",
            f"front end: {describe_front_end(model.front_end_)}",
        ]
    if isinstance(model, PhoneClassifier | AdaptedPhoneClassifier):
        return _describe_phone_classifier(model)
    if isinstance(model, PhoneHMM):
        return [*_describe_hmm(model), f"front end: {describe_front_end(model.front_end)}"]
    if isinstance(model, AdaptedSystem):
        return ["phone HMMs adapted to speakers by fMLLR", *_describe_hmm(model.adapted)]
    if isinstance(model, IVectorExtractor):
        num_components, dim = model.means.shape
        size = f"rank {model.rank}, {num_components} components, {dim} dimensions"
        return [f"i-vector extractor: {size}", f"front end: {describe_front_end(model.front_end)}"]
    if isinstance(model, BackEnd):
        lines = []
        for transform in model.transforms:
            to, before = transform.matrix.shape
            lines.append(f"transform: {before} to {to} dimensions{', length 1' if transform.unit_length else ''}")
        return ["back end of i-vectors", *lines, "cosine" if model.plda is None else _describe_plda(model.plda)]
    if isinstance(model, PLDA):
        return [_describe_plda(model)]
    if isinstance(model, ISV | JFA) and model.ubm is not None:
        return [f"{type(model).__name__}: rank {model.session.shape[2]} of sessions", *_describe_gmm(model.ubm)]
    if isinstance(model, SummedStats):
        num_components, dim = model.stats.sum_x.shape
        mean = model.stats.log_likelihood / model.stats.num_frames
        return [
            f"statistics of a mixture: {num_components} components, {dim} dimensions, of {model.ubm_digest[:12]}",
            f"part {model.part}/{model.num_parts}: {model.stats.num_frames:.0f} frames, {mean:.4f} nats a frame",
            f"front end: {describe_front_end(model.front_end)}",
        ]
    if not isinstance(model, DiagonalGMM):
        return [f"model of kind {type(model).__name__}"]
    return _describe_gmm(model)


def _describe_phone_classifier(model: Classifier) -> list[str]:
    full = isinstance(model, AdaptedPhoneClassifier)
    one = model.one if isinstance(model, AdaptedPhoneClassifier) else model
    sizes = max(len(mixture.weights_) for mixture in one.model.models_)
    kind = "segment vectors and adaptation to speakers" if full else "one model"
    dim, spliced = one.projection.shape
    size = f"{len(model.phones)} phones in {one.model.parts} parts, up to {sizes} components"
    return [
        f"classifier of phones: {kind}, {size}",
        f"phones: {' '.join(model.phones)}",
        f"projection: {spliced} to {dim} dimensions",
        f"front end: {describe_front_end(model.front_end)}",
    ]


def _describe_hmm(model: PhoneHMM) -> list[str]:
    num_gaussians = f"{model.num_gaussians} Gaussians of {model.dim} dimensions"
    return [
        f"phone HMMs: {len(model.phones)} phones, {model.num_states} states, {num_gaussians}",
        f"phones: {' '.join(model.phones)}",
    ]


def _describe_gmm(gmm: DiagonalGMM) -> list[str]:
    num_components, dim = gmm.means_.shape
    lines = [
        f"mixture: {num_components} components, {dim} dimensions",
        f"weights: {gmm.weights_.min():.2g} to {gmm.weights_.max():.2g}, "
        f"perplexity {np.exp(-np.sum(gmm.weights_ * np.log(np.maximum(gmm.weights_, 1e-300)))):.1f}",
        f"front end: {describe_front_end(gmm.front_end_)}",
    ]
    if gmm.history_:
        lines.append(f"EM: {len(gmm.history_)} passes, {gmm.history_[0]:.4f} to {gmm.history_[-1]:.4f} nats a frame")
    return lines
