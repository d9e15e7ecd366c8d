"""Convert features and mixtures from one format to another."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from gmmspeech.commands.stored_features import NOTHING, Beside, open_features
from gmmspeech.errors import ConfigError, DataError, GmmSpeechWarning, shown
from gmmspeech.features.compatibility import told_shift
from gmmspeech.files.atomic import remove_leftovers
from gmmspeech.files.names import check_apart, file_name, id_of_name
from gmmspeech.files.table_places import Output, parse_output
from gmmspeech.formats.htk import write_htk
from gmmspeech.formats.kaldi.ark import write_kaldi_ark
from gmmspeech.formats.loading import is_kaldi_model, load
from gmmspeech.phones.labels.labels import UNKNOWN_FRAMES
from gmmspeech.stores.features import FeatureStore, write_store

# Format of a mixture to the suffixes of its files; the first format of a suffix is its default.
MODEL_FORMATS = {
    "hdf5": (".h5", ".hdf5"),
    "kaldi": (".dubm", ".ubm", ".gmm", ".bin", ".mdl", ".plda", ".ie"),
    "kaldi-text": (".txt",),
    "htk": (".mmf",),
}
_MIXTURES = ("DiagonalGMM", "GMM")
_OF_KALDI = ("PhoneHMM", "AdaptedSystem", "BackEnd", "IVectorExtractor")
_OF_HTK = ("DiagonalGMM", "GMMClassifier")


def copy_features(
    source: str,
    out: str,
    *,
    compress: bool = False,
    kind: str = "USER",
    frame_shift: float | None = None,
    beside: Beside = NOTHING,
    progress: Callable[[Iterator[Any]], Any] = iter,
) -> tuple[int, int]:
    """Copy frames between HDF5 stores, Kaldi's archives and HTK's parameter files."""
    to = _output(out, compress)
    with open_features(source, beside) as store:
        written = _written(store, to)
        _check_not_read(store, written)
        if to.kind == "htk":
            _check_ids_come_back(store)
        remove_leftovers(*written)
        counts = [0, 0]

        def items() -> Iterator[tuple[str, NDArray]]:
            for utterance, frames in progress(iter(store.items())):
                counts[0] += 1
                counts[1] += len(frames)
                yield utterance, frames

        if to.kind == "ark":
            _write_ark(to, items(), store, compress=compress)
        elif to.kind == "htk":
            shift = frame_shift or store.frame_shift or told_shift(store.front_end) or UNKNOWN_FRAMES[0]
            full = f"{kind}_C" if compress and "C" not in kind.split("_") else kind
            for utterance, frames in items():
                write_htk(Path(to.path, file_name(utterance, ".htk")), frames, kind=full, frame_shift=shift)
        else:
            write_store(out, items(), front_end=_with_shift(store))
    return counts[0], counts[1]


def copy_model(source: str | os.PathLike[str], out: str | os.PathLike[str], *, format: str | None = None) -> int:
    """Copy a mixture between HDF5, Kaldi's DiagGmm or FullGmm and HTK's MMF, or another model between HDF5 and Kaldi.

    Mixtures of bob's and SIDEKIT's are read too. Gives the number of mixtures, 0 of another model.
    """
    suffix, by_name = Path(out).suffix.lower(), format is None
    if by_name:
        format = next((name for name, suffixes in MODEL_FORMATS.items() if suffix in suffixes), None)
    if format not in MODEL_FORMATS:
        known = ", ".join(f"{name} ({' '.join(suffixes)})" for name, suffixes in MODEL_FORMATS.items())
        found = f"found format {format or suffix!r}"
        raise ConfigError(f"{os.fspath(out)}: {found}, expected format=FORMAT, one of {known}")
    model = load(source)
    kind = type(model).__name__
    if format == "hdf5" and is_kaldi_model(source) and model.front_end is None:
        model = _with_steps(source, model)
    if by_name and suffix == ".dubm" and kind == "GMM":
        found = f"found {model.covariance_type} covariances for {os.fspath(out)}"
        raise DataError(f"{os.fspath(source)}: {found}, expected diagonal ones there, or a name ending in .ubm")
    if kind not in (_OF_HTK if format == "htk" else (*_MIXTURES, *_OF_KALDI)):
        expected = "a mixture with diagonal covariances" if format == "htk" else f"a mixture, {', '.join(_OF_KALDI)}"
        raise DataError(f"{os.fspath(source)}: found a {kind}, expected {expected}")
    if format == "hdf5":
        model.save(out)
    elif format == "htk":
        from gmmspeech.formats.mmf import write_mmf

        mixtures = {Path(source).stem: model}
        if kind == "GMMClassifier":
            mixtures = dict(zip(map(str, model.classes_), model.models_, strict=True))
        write_mmf(out, mixtures)
        return len(mixtures)
    else:
        _write_for_kaldi(out, model, binary=format == "kaldi")
    return int(kind in _MIXTURES)


def _with_steps(source: str | os.PathLike[str], model: Any) -> Any:
    """Let a model of Kaldi's keep what lies beside it: the steps from ``feats.scp`` to its frames."""
    from gmmspeech.features.stored import joined_options  # pydantic, which copying features needs not wait for
    from gmmspeech.formats.kaldi.folder import stored_steps

    steps = stored_steps(source, model)
    return model if steps is None else model.with_front_end(joined_options({}, steps))


def _write_for_kaldi(out: str | os.PathLike[str], model: Any, *, binary: bool) -> None:
    """Write a model as Kaldi has it."""
    from gmmspeech.formats.kaldi.folder import write_kaldi_model
    from gmmspeech.formats.kaldi.full_gmm import write_kaldi_full_gmm
    from gmmspeech.formats.kaldi.ivector import write_kaldi_extractor
    from gmmspeech.formats.kaldi.models import write_kaldi_gmm
    from gmmspeech.formats.kaldi.plda import write_kaldi_backend

    writers: dict[str, Callable[..., None]] = {
        "DiagonalGMM": write_kaldi_gmm,
        "GMM": write_kaldi_full_gmm,
        "BackEnd": write_kaldi_backend,
        "IVectorExtractor": write_kaldi_extractor,
    }
    writers.get(type(model).__name__, write_kaldi_model)(out, model, binary=binary)


def _output(out: str, compress: bool) -> Output:
    """Give the place that an argument says, to which features can be copied, compressed if they are to be."""
    try:
        to = parse_output(out, archives=True)
    except ConfigError as error:
        raise ConfigError(f"output: {error}") from error
    if compress and to.text:
        raise ConfigError(f"{out}: found text and compression, expected one of them")
    if compress and to.kind == "file":
        raise ConfigError(f"{out}: found compression to HDF5, expected an archive or HTK's files")
    return to


def _written(store: FeatureStore, to: Output) -> list[Path]:
    """Files that an output consists of."""
    if to.kind == "htk":
        names = [file_name(utterance, ".htk") for utterance in store]
        check_apart(names, to.path)
        return [Path(to.path, name) for name in names]
    return [Path(path) for path in to.paths]


def _check_not_read(store: FeatureStore, written: list[Path]) -> None:
    """Raise a DataError if an output is a file that the frames are read from, which it would replace."""
    there = {(found.st_dev, found.st_ino): path for path in written if path.exists() for found in [path.stat()]}
    if there:
        for file in filter(os.path.exists, store.files):
            found = os.stat(file)
            if path := there.get((found.st_dev, found.st_ino)):
                raise DataError(f"{path}: found it in {store.path}, which is read, expected another place to write to")


def _check_ids_come_back(store: FeatureStore) -> None:
    """Raise a DataError if a file's name can't hold an id, which would be read back as another one."""
    for utterance in store:
        if id_of_name(file_name(utterance, ".htk").removesuffix(".htk")) != utterance:
            found = f"an id of {len(utterance.encode('utf-8', 'surrogatepass'))} bytes"
            expected = "one that the name of a file can hold; an archive of Kaldi's or HDF5 holds any"
            raise DataError(f"{store.path}: utterance {shown(utterance)}: found {found}, expected {expected}")


def _with_shift(store: FeatureStore) -> str | None:
    """Front end of frames, with the milliseconds from one to the next where headers alone tell them."""
    if store.frame_shift is None:
        return store.front_end
    from gmmspeech.features.stored import StoredFrontEnd, joined_options, split_options

    of_waveforms, stored = split_options(store.front_end)
    stored = stored or StoredFrontEnd(columns=store.dim)
    return joined_options(of_waveforms, stored.model_copy(update={"frame_shift": store.frame_shift}))


def _write_ark(to: Output, items: Iterator[tuple[str, NDArray]], store: FeatureStore, *, compress: bool) -> None:
    """Write an archive of Kaldi's, with a warning where headers tell a frame shift that readers would not guess."""
    write_kaldi_ark(to.path, items, scp=to.script, text=to.text, compress=compress)
    if store.frame_shift not in (None, UNKNOWN_FRAMES[0]):
        found = f"frames every {store.frame_shift:g} ms by their headers, which archives of Kaldi's don't have"
        warnings.warn(f"{store.path}: found {found}; HDF5 keeps it", GmmSpeechWarning)
