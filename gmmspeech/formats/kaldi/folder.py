"""Kaldi model folders: ``final.mdl`` and the files beside it, which describe the features of the model."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import ValidationError

from gmmspeech.arguments import checked
from gmmspeech.checks import all_finite, real_array
from gmmspeech.errors import ConfigError, DataError, GmmSpeechWarning, ModelError, counted, shown
from gmmspeech.features.conf_files import KALDI_KINDS, kaldi_conf_lines, read_kaldi_options
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.features.sections import DeltaOptions, SpeakerCmvnOptions
from gmmspeech.features.stored import StoredCmvn, StoredFrontEnd, split_front_end
from gmmspeech.features.wrong_options import explain
from gmmspeech.files.atomic import write_lines
from gmmspeech.files.text import read_bytes
from gmmspeech.formats.kaldi.hmm import read_kaldi_hmm, write_kaldi_hmm
from gmmspeech.formats.kaldi.objects import Reader, Writer, read_array_file, write_array_file
from gmmspeech.linear.fmllr import FMLLRStats
from gmmspeech.phones.hmm.adaptation import SplicedTransform, model_statistics
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem
from gmmspeech.phones.hmm.model import PhoneHMM

_MODEL, _OF_ANY, _MATRIX = "final.mdl", "final.alimdl", "final.mat"
_PRIOR = "fmllr_prior"  # a file of ours, in Kaldi's form: what adaptation expects of speakers
_CONTEXT = 4  # of splice-feats
_DELTA_ORDER = 2  # of add-deltas
_SHIFT = 10.0  # ms, of compute-mfcc-feats
_MOST_DELTAS = 10  # orders
_PRIOR_FRAMES = 100.0  # of a speaker: fmllr's least count is of so many


def load_kaldi_model(path: str | os.PathLike[str], *, silence: str | None = None) -> PhoneHMM | AdaptedSystem:
    """Read ``final.mdl`` with ``tree`` and ``phones.txt`` beside it, and what tells of its frames.

    With ``final.mat`` it is a system of spliced and transformed frames, whose model of any speaker is ``final.alimdl``,
    or ``final.mdl`` itself. With ``mfcc.conf``, ``plp.conf`` or ``fbank.conf`` the front end is known: that one,
    ``cmvn_opts`` by speaker, and ``delta_opts``. Which phone is `silence` is told where its name does not.
    """
    name, folder = os.fspath(path), Path(path).parent
    model = read_kaldi_hmm(path, silence=silence)
    matrix = folder / _MATRIX
    if not matrix.exists():
        _check_alone(Path(path))
        return model.with_front_end(_front_end(folder, model.dim))
    transform = _transform(matrix, folder, name, model.dim)
    of_any = folder / _OF_ANY
    unadapted = read_kaldi_hmm(of_any, silence=silence) if of_any.exists() else model
    prior = folder / _PRIOR
    is_adapted = Path(path).name != _OF_ANY  # of which alone there is a prior
    expected = (
        read_prior(prior, Path(path)) if is_adapted and prior.exists() else (model_statistics(model), _PRIOR_FRAMES)
    )
    try:
        system = AdaptedSystem(transform, unadapted, model, *expected)
    except ModelError as error:
        raise DataError(f"{name}: {error}") from error
    return system.with_front_end(_front_end(folder, system.dim))


def _check_alone(path: Path) -> None:
    """See that what lies beside a model without ``final.mat`` is not of an adapted system, and can be read."""
    _splicing(path.parent)
    if path.name != _OF_ANY and (path.parent / _OF_ANY).exists():
        expected = f"{_MATRIX} beside it, or {_OF_ANY} to be named, which is the model of any speaker"
        raise DataError(f"{path}: found {_OF_ANY} without {_MATRIX}, expected {expected}")


def write_kaldi_model(path: str | os.PathLike[str], model: PhoneHMM | AdaptedSystem, *, binary: bool = True) -> None:
    """Write ``final.mdl``, and what belongs to it, into a folder that has no model of another name.

    ``cmvn_opts``, ``delta_opts`` and a configuration of the features tell of its frames. A step over stored features
    that they can't tell of is refused; of recordings, a warning says that they don't tell how frames are made.
    """
    name, folder = Path(path), Path(path).parent
    if name.name != _MODEL:
        raise ConfigError(f"{name}: found {shown(name.name)}, expected {_MODEL}, beside which go tree and phones.txt")
    there = [other for other in ("tree", "phones.txt", "final.mat") if (folder / other).exists()]
    if there and not name.exists():
        raise DataError(f"{folder / there[0]}: found it without {_MODEL}, expected a folder of its own for the model")
    front, stored = split_front_end(model.front_end)
    if stored is not None and (untold := _untold_of_stored(stored, model)):
        raise ConfigError(f"{name}: found a model of frames behind {untold}, expected steps that Kaldi's options tell")
    _write_hmms(name, model, binary=binary)
    if stored is not None:
        _write_options(folder, stored, model)
    if front is not None:
        whole = front if stored is None else _behind(front, stored)
        untold = "steps over stored features" if whole is None else _untold_of_recordings(whole, model)
        if whole is not None and not untold:
            _write_options(folder, whole, model)
            untold = "" if _write_conf(folder, whole, model) else "all that is done"
        if untold:
            told = f"nothing in it tells how recordings become frames, for {untold} is not among Kaldi's options"
            warnings.warn(f"{folder}: {told}", GmmSpeechWarning)


def _behind(front: FrontEnd, stored: StoredFrontEnd) -> FrontEnd | None:
    """Give the front end that makes of recordings what steps make of its features; None where it has such steps too."""
    if front.cmvn is not None or front.deltas is not None or front.features.dim != stored.columns:
        return None
    cmvn = None if stored.cmvn is None else SpeakerCmvnOptions(norm_vars=stored.cmvn.norm_vars, static=True)
    return front.model_copy(update={"cmvn": cmvn, "deltas": stored.deltas})


def _write_hmms(name: Path, model: PhoneHMM | AdaptedSystem, *, binary: bool) -> None:
    """Write the model, or both models of a system and its transform."""
    folder = name.parent
    if isinstance(model, PhoneHMM):
        write_kaldi_hmm(folder, model, binary=binary)
        return
    matrix = model.transform.matrix
    write_kaldi_hmm(folder, model.unadapted, binary=binary)
    name.rename(folder / _OF_ANY)
    write_kaldi_hmm(folder, model.adapted, binary=binary)
    write_kaldi_matrix(folder / _MATRIX, matrix, binary=binary)
    context = model.transform.context
    write_lines(folder / "splice_opts", [f"--left-context={context} --right-context={context}"])
    _write_prior(folder / _PRIOR, name, model)


def _write_prior(path: Path, model: Path, system: AdaptedSystem) -> None:
    """Write what Kaldi's files of a system don't hold: statistics of its training speakers, and how much they count."""
    writer = Writer()
    writer.token("<FmllrPrior>")
    writer.integer(_checksum(model))
    for number in (system.prior_frames, system.prior.beta):
        writer.real(number, double=True)
    writer.array(system.prior.k)
    for matrix in system.prior.g:
        writer.symmetric(matrix)
    writer.token("</FmllrPrior>")
    writer.save(path)


def read_prior(path: str | os.PathLike[str], model: Path | None = None) -> tuple[FMLLRStats, float]:
    """Read the same; a DataError where it is of another model than is told, such as one that was trained further."""
    reader = Reader(path, "a prior of speakers")
    reader.expect("<FmllrPrior>")
    checksum = reader.integer()
    if model is not None and checksum != _checksum(model):
        raise reader.error(f"found the prior of another model, expected that of {model} (without it, there is none)")
    frames, beta = reader.real(), reader.real()
    k = reader.named_array("k", 2)
    g = [reader.symmetric("g") for _ in k]
    reader.expect("</FmllrPrior>")
    reader.end()
    if {len(matrix) for matrix in g} != {k.shape[1]}:
        raise reader.error(f"found k of shape {k.shape} and g of other sizes, expected g of one size, that of k")
    return FMLLRStats(beta, k, np.stack(g)), frames


def _checksum(path: Path) -> int:
    """Give a whole number of 32 bits that tells a file from others."""
    return int.from_bytes(crc32(read_bytes(path)).to_bytes(4, "big"), "big", signed=True)


def _untold_of_stored(steps: StoredFrontEnd, model: PhoneHMM | AdaptedSystem) -> str:
    """Name the first step to a model's frames that no file of Kaldi's beside it tells of, or ""."""
    if steps.sliding is not None or steps.paste is not None:
        return "pasting" if steps.sliding is None else "sliding CMVN"
    if steps.frame_shift not in (None, _SHIFT):
        return f"a frame shift of {steps.frame_shift:g} ms"
    deltas = _deltas_of(steps, model)
    if isinstance(model, AdaptedSystem) and deltas is not None:
        return "deltas that are spliced"
    return "voice activity" if steps.vad else _untold_deltas(deltas)


def _untold_of_recordings(front: FrontEnd, model: PhoneHMM | AdaptedSystem) -> str:
    """Do the same for a front end."""
    cmvn, deltas = front.cmvn, _deltas_of(front, model)
    if cmvn is not None and not isinstance(cmvn, SpeakerCmvnOptions):
        return f"CMVN of method {cmvn.method}"
    if cmvn is not None and not cmvn.static and deltas is not None:
        return "CMVN behind deltas"
    return _untold_deltas(deltas) if front.vad is None else "voice activity"


def _untold_deltas(deltas: DeltaOptions | None) -> str:
    told = deltas is None or deltas == DeltaOptions(order=deltas.order, window=deltas.window)
    return "" if told else "deltas of this kind"


def _deltas_of(steps: FrontEnd | StoredFrontEnd, model: PhoneHMM | AdaptedSystem) -> DeltaOptions | None:
    """Deltas that a model's frames have: most systems are of spliced frames without them."""
    static = steps.features.dim if isinstance(steps, FrontEnd) else steps.columns
    return None if isinstance(model, AdaptedSystem) and model.dim == static else steps.deltas


def _write_options(folder: Path, steps: FrontEnd | StoredFrontEnd, model: PhoneHMM | AdaptedSystem) -> None:
    """Write ``cmvn_opts`` and ``delta_opts``."""
    norm_vars = isinstance(steps.cmvn, SpeakerCmvnOptions | StoredCmvn) and steps.cmvn.norm_vars
    truth = [str(value).lower() for value in (steps.cmvn is not None, norm_vars)]
    write_lines(folder / "cmvn_opts", [f"--norm-means={truth[0]} --norm-vars={truth[1]}"])
    deltas = _deltas_of(steps, model) or DeltaOptions(order=0)
    write_lines(folder / "delta_opts", [f"--delta-order={deltas.order} --delta-window={deltas.window}"])


def _write_conf(folder: Path, front: FrontEnd, model: PhoneHMM | AdaptedSystem) -> bool:
    """Write the configuration of a model's features; say whether what is read gives the same frames."""
    kind = front.features.type
    if kind not in KALDI_KINDS:
        return False
    cmvn = None if front.cmvn is None else front.cmvn.model_copy(update={"static": True})
    wanted = front.model_copy(update={"cmvn": cmvn, "deltas": _deltas_of(front, model)})
    file = folder / f"{kind}.conf"
    write_lines(file, kaldi_conf_lines(front.model_dump(exclude_none=True)))
    found = _front_end(folder, model.dim)
    if found is not None and FrontEnd.from_json(found) == wanted:
        return True
    file.unlink()
    return False


def _transform(file: Path, folder: Path, model: str, dim: int) -> SplicedTransform:
    """Give the transform of spliced frames: of as many frames as ``splice_opts`` says."""
    matrix = read_array_file(file, "a matrix")
    context = _splicing(folder)
    if matrix.ndim != 2 or matrix.shape[0] != dim or matrix.shape[1] % (2 * context + 1):
        expected = f"({dim}, a multiple of {2 * context + 1}), as {model} and the frames that are spliced have"
        raise DataError(f"{file}: found shape {matrix.shape}, expected {expected}")
    return SplicedTransform(context, matrix)


def _front_end(folder: Path, dim: int) -> str | None:
    """Front end of so many columns, as JSON text; None where no configuration lies beside the model."""
    confs = [(kind, folder / f"{kind}.conf") for kind in KALDI_KINDS if (folder / f"{kind}.conf").exists()]
    if not confs:
        return None
    if len(confs) > 1:
        found = ", ".join(str(file) for _, file in confs)
        raise DataError(f"{folder}: found {found}, expected the configuration of one kind of features")
    (kind, file) = confs[0]
    sections: dict[str, Any] = {}
    norm_vars = _cmvn(folder)
    if norm_vars is not None:
        sections["cmvn"] = {"method": "speaker", "norm_vars": norm_vars, "static": True}
    static = FrontEnd.from_kaldi_conf(file, kind).features.dim
    deltas = _deltas(folder, default=min(max(dim // static - 1, 0), _MOST_DELTAS))
    if deltas.order:
        sections["deltas"] = {"order": deltas.order, "window": deltas.window}
    front = FrontEnd.from_kaldi_conf(file, kind, **sections)
    if front.dim != dim:
        found = f"{counted(static, 'column')} and {counted(deltas.order, 'order')} of deltas"
        raise DataError(f"{file}: found {found}, expected the {dim} columns of the model")
    return front.to_json()


def stored_steps(path: str | os.PathLike[str], model: PhoneHMM | AdaptedSystem) -> StoredFrontEnd | None:
    """Steps that Kaldi's scripts take from ``feats.scp`` to the frames of a model, by the options beside it.

    ``apply-cmvn`` by speaker with ``cmvn_opts``; ``add-deltas`` with ``delta_opts`` where there is no ``final.mat``.
    None for a model whose columns are no such features and deltas.
    """
    folder = Path(path).parent
    norm_vars = _cmvn(folder)
    steps: dict[str, Any] = {} if norm_vars is None else {"cmvn": StoredCmvn(owner="speaker", norm_vars=norm_vars)}
    if isinstance(model, AdaptedSystem):
        return StoredFrontEnd(columns=model.dim, **steps)
    deltas = _deltas(folder, default=_DELTA_ORDER)
    columns, rest = divmod(model.dim, deltas.order + 1)
    if rest:
        return None
    if deltas.order:
        steps["deltas"] = deltas
    return StoredFrontEnd(columns=columns, **steps)


def kaldi_steps(model: PhoneHMM | AdaptedSystem) -> StoredFrontEnd | None:
    """Give the same of a model that knows its front end: None where that has steps which Kaldi's options don't tell."""
    front, stored = split_front_end(model.front_end)
    if stored is not None:
        return None if front is not None or _untold_of_stored(stored, model) else stored
    if front is None or _untold_of_recordings(front, model):
        return None
    norm_vars = isinstance(front.cmvn, SpeakerCmvnOptions) and front.cmvn.norm_vars
    cmvn = None if front.cmvn is None else StoredCmvn(owner="speaker", norm_vars=norm_vars)
    return StoredFrontEnd(columns=front.features.dim, cmvn=cmvn, deltas=_deltas_of(front, model))


def _cmvn(folder: Path) -> bool | None:
    """Say whether variances are normalized, by ``cmvn_opts``; None where nothing is."""
    options = _options(folder / "cmvn_opts", {"norm_means": bool, "norm_vars": bool})
    norm_vars: bool = options.get("norm_vars", False)
    if options.get("norm_means", True):
        return norm_vars
    if norm_vars:
        raise DataError(f"{folder / 'cmvn_opts'}: found variances without means, expected both, means alone or none")
    return None


def _deltas(folder: Path, *, default: int) -> DeltaOptions:
    """Deltas, by ``delta_opts``."""
    file = folder / "delta_opts"
    options = _options(file, {"delta_order": int, "delta_window": int})
    try:
        return DeltaOptions(order=options.get("delta_order", default), window=options.get("delta_window", 2))
    except ValidationError as error:
        raise DataError(f"{file}: delta {explain(error)}") from error


def _splicing(folder: Path) -> int:
    """Frames that are spliced on either side, by ``splice_opts``."""
    file = folder / "splice_opts"
    options = _options(file, {"left_context": int, "right_context": int})
    left, right = (options.get(f"{side}_context", _CONTEXT) for side in ("left", "right"))
    if left != right or left < 0:
        raise DataError(f"{file}: found {left} frames before and {right} behind, expected as many, 0 or more")
    return int(left)


def _options(file: Path, types: Mapping[str, type]) -> dict[str, Any]:
    """Options of a file such as ``cmvn_opts``, by name; nothing where there is no file, or an empty one."""
    if not file.exists() or not os.path.getsize(file):
        return {}
    try:
        return read_kaldi_options(file, types)
    except ConfigError as error:
        raise DataError(str(error)) from error


@checked
def read_kaldi_matrix(path: str | os.PathLike[str]) -> NDArray[np.float64]:
    """Read a matrix or vector from a Kaldi file of its own: ``final.mat``, ``full.mat``, ``mean.vec``.

    Parameters
    ----------
    path : path-like
        Binary or text.

    Returns
    -------
    ndarray, shape (M, N) or (N,), float64

    Raises
    ------
    DataError
        The file is missing, truncated, of another kind, or has numbers that are not finite.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/final.mat"
    >>> gs.formats.write_kaldi_matrix(path, [[1.0, 2.0]])
    >>> gs.formats.read_kaldi_matrix(path)
    array([[1., 2.]])
    """
    return read_array_file(path, "a matrix or vector of Kaldi")


@checked
def write_kaldi_matrix(path: str | os.PathLike[str], matrix: ArrayLike, *, binary: bool = True) -> None:
    """Write a matrix or vector for Kaldi, atomically, in float32.

    Parameters
    ----------
    path : path-like
    matrix : array_like, shape (M, N) or (N,)
    binary : bool
        Write text if False.

    Raises
    ------
    DataError
        `matrix` is neither a matrix nor a vector, or not finite in float32; or the file can't be written.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/mean.vec"
    >>> gs.formats.write_kaldi_matrix(path, [1.0, 2.0], binary=False)
    >>> open(path).read()
    ' [ 1.0 2.0 ]\\n'
    """
    with np.errstate(over="ignore"):
        array = real_array(matrix, "matrix", DataError).astype(np.float32)
    if array.ndim not in (1, 2) or not array.size or not all_finite(array):
        raise DataError(f"matrix: found shape {array.shape} or numbers beyond float32, expected finite (M, N) or (N,)")
    write_array_file(path, array, binary=binary)
