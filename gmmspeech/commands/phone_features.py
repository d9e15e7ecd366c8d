"""Features for training, alignment and recognition of phones: computed from recordings, or from a store."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from gmmspeech.audio.samples import Channel
from gmmspeech.commands.conversion import audio_formats, converting, known_seconds, warn_of_conversions
from gmmspeech.commands.extraction import Extraction, extract_features
from gmmspeech.commands.shards import extracted_together
from gmmspeech.commands.stored_features import Beside, Stored, through_steps
from gmmspeech.errors import DataError, FeatureError, GmmSpeechWarning, counted, shown
from gmmspeech.features.compatibility import describe_front_end, first_difference, timed_front_end, told_shift
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.features.stored import StoredFrontEnd, joined_options, split_front_end, split_options
from gmmspeech.files.atomic import temporary_folder
from gmmspeech.formats.datadir import DataDir
from gmmspeech.formats.kaldi.folder import kaldi_steps, stored_steps
from gmmspeech.formats.loading import is_kaldi_model
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.labels.labels import UNKNOWN_FRAMES, FrameClock
from gmmspeech.stores.features import FeatureStore

FEATURES = "features.h5"
SHARDS = 16  # of features that are kept: a killed run loses the work on a few; each that is open takes some megabytes

_NO_FRONT_END = (
    "found a model without a front end, expected one of `train-phones`, or of Kaldi with mfcc.conf beside it"
)

_OF_THIS_SHIFT = "features of this frame shift, or HTK's or those of `gmmspeech features`, which tell theirs"


def front_end_of_waveforms(text: str | None) -> FrontEnd:
    """Front end of waveforms that a model keeps, or a DataError."""
    if not text:
        raise DataError(_NO_FRONT_END)
    of_waveforms, stored = split_front_end(text)
    if stored is not None or of_waveforms is None:
        expected = f"features, as the model was trained on: {describe_front_end(text)}"
        raise DataError(f"feats: found recordings alone, expected {expected}")
    return of_waveforms


def frame_times(front_end: str | None) -> dict[str, Any]:
    """Length and shift in ms of the frames of a front end given as JSON text, as `FrameClock` takes them."""
    if not front_end:
        raise DataError(_NO_FRONT_END)
    clock = FrameClock.of(front_end)
    return {"frame_length": clock.frame_length, "frame_shift": clock.frame_shift}


@contextlib.contextmanager
def features_of(
    data: DataDir,
    front: FrontEnd | str | None,
    *,
    stored: Stored | None = None,
    n_jobs: int | None = 1,
    skip_bad: bool = False,
    channel: Channel = "mix",
    place: Path | None = None,
) -> Iterator[tuple[FeatureStore, Extraction]]:
    """Compute the features of a data directory, to be read while the context lasts, or take those that are stored.

    Recordings of other rates than the front end's are resampled, those of several channels mixed unless one is chosen,
    with a warning that counts them. Of a model of stored features, `front` is the text that it keeps. In a `place` they
    are kept, in shards of which a later call takes those that are there.
    """
    if stored is not None:
        text = front.to_json() if isinstance(front, FrontEnd) else front
        with (
            FeatureStore(stored.features) as source,
            _stored_features(data, text, source, stored.beside, skip_bad=skip_bad) as found,
        ):
            yield found
        return
    of_waveforms = front if isinstance(front, FrontEnd) else front_end_of_waveforms(front)
    warn_of_conversions(audio_formats(data), of_waveforms.sample_frequency, channel)
    how: dict[str, Any] = {"n_jobs": n_jobs, "skip_bad": skip_bad, "channel": channel}
    if place is not None:
        how["shards"] = min(SHARDS, len(list(extracted_together(data, of_waveforms))))
    with temporary_folder() if place is None else contextlib.nullcontext(place) as folder:
        path = folder / FEATURES
        done = extract_features([data], path, converting(of_waveforms), **how)
        with FeatureStore(path) as store:
            yield store, done


@contextlib.contextmanager
def features_for(
    model: PhoneHMM | AdaptedSystem,
    path: Path | None,
    data: DataDir,
    *,
    stored: Stored | None = None,
    skip_bad: bool = False,
    **how: Any,
) -> Iterator[tuple[PhoneHMM | AdaptedSystem, FeatureStore, Extraction]]:
    """Give the features that a model takes of a data directory, as `features_of` does, and the model.

    That of `stored` features has the steps to its frames from them; those of one of Kaldi's lie at its `path`.
    """
    if stored is None:
        with features_of(data, model.front_end, skip_bad=skip_bad, **how) as (store, done):
            yield model, store, done
        return
    with FeatureStore(stored.features) as source:
        model = _for_stored(model, path, source)
        with _stored_features(data, model.front_end, source, stored.beside, skip_bad=skip_bad) as (store, done):
            yield model, store, done


def _for_stored(model: PhoneHMM | AdaptedSystem, place: Path | None, source: FeatureStore) -> PhoneHMM | AdaptedSystem:
    """Give a model with the steps to its frames from stored features, as Kaldi's scripts take them.

    Features that have as many columns as the model are taken as they are: as ``feats.ark`` behind ``add-deltas``; so
    are those that know that they were made as the model's.
    """
    kaldis = place if place is not None and is_kaldi_model(place) else None
    steps = kaldi_steps(model) if kaldis is None else stored_steps(kaldis, model)
    made_alike = bool(source.front_end) and first_difference(model.front_end, source.front_end) is None
    if kaldis is None and (steps is None or made_alike):
        return model
    if steps is not None and source.dim == steps.columns:
        static = {k: v for k, v in split_options(model.front_end)[0].items() if k not in ("cmvn", "deltas")}
        return model.with_front_end(joined_options(static, steps))
    if source.dim != model.dim:
        before = "" if steps is None else f", or {steps.columns} that become these ({steps.describe()})"
        expected = f"{model.dim} as {place} has{before}"
        raise FeatureError(f"{source.path}: found features of {counted(source.dim, 'column')}, expected {expected}")
    if kaldis is not None or source.front_end:
        return model
    shift = told_shift(model.front_end)
    every = None if shift == UNKNOWN_FRAMES[0] else _every(shift, StoredFrontEnd(columns=source.dim))
    return model.with_front_end(joined_options({}, every))


@contextlib.contextmanager
def _stored_features(
    data: DataDir, front_end: str | None, source: FeatureStore, beside: Beside, *, skip_bad: bool
) -> Iterator[tuple[FeatureStore, Extraction]]:
    """Take the stored features of a data directory's utterances through the steps to frames."""
    wanted = frozenset(data.utterances) if beside.subset is None else beside.subset & frozenset(data.utterances)
    skipped: dict[str, str] | None = {} if skip_bad else None
    misfits = _misfits(data.only(sorted(wanted)), front_end, source)
    if misfits and not (skip_bad and len(misfits) < len(wanted)):
        raise DataError(next(iter(misfits.values())))
    beside = replace(beside, subset=wanted - misfits.keys(), skipped=skipped)
    with through_steps(source, beside, front_end=front_end) as store:
        known, steps = split_options(store.front_end)
        if not known:  # frames come as often as the model says, or as their headers do
            of_model = split_options(front_end)[0] if steps is not None else {}
            told = steps or StoredFrontEnd(columns=store.dim)
            shift = source.frame_shift or told_shift(front_end)
            store.front_end = joined_options(of_model, told if of_model else _every(shift, told))
        FrameClock.of(store.front_end)  # which refuses frames without times
        lacking = {name: f"found no features of it in {store.path}" for name in wanted if name not in store}
        lacking |= misfits | (skipped or {})
        if lacking and not skip_bad:
            name = min(lacking)
            expected = f"those of {counted(len(wanted), 'utterance')}"
            raise DataError(
                f"{store.path}: found no features of {shown(name)} ({len(lacking)} such), expected {expected}"
            )
        yield store, Extraction(len(store), store.total_frames, dict(sorted(lacking.items())))


def _every(shift: float | None, steps: StoredFrontEnd) -> StoredFrontEnd:
    """Steps over features that come every so many milliseconds."""
    return steps if shift is None else steps.model_copy(update={"frame_shift": shift})


def _misfits(data: DataDir, front_end: str | None, store: FeatureStore) -> dict[str, str]:
    """Find the utterances that last otherwise than their stored features do, with reasons.

    What is off by more than a tenth and the edges has another frame shift, or leaves frames out.
    """
    own, wanted = store.frame_shift or told_shift(store.front_end), told_shift(front_end)
    if own and wanted and not math.isclose(own, wanted, rel_tol=1e-3):  # HTK rounds to 100 ns
        raise FeatureError(f"{store.path}: found frames every {own:g} ms, expected {wanted:g} as the model's are")
    clock = FrameClock.of(timed_front_end(front_end, store), store.frame_shift)
    edges = (clock.frame_length + 3 * clock.frame_shift) / 1000
    lasting, found = known_seconds(data), {}
    for name in data.utterances:
        if name in lasting and name in store:
            with contextlib.suppress(DataError, FeatureError):  # which is told where they are taken
                count, seconds = store.num_frames(name), lasting[name]
                of_frames = count * clock.frame_shift / 1000
                if abs(of_frames - seconds) > seconds / 10 + edges:
                    frames = f"{counted(count, 'frame')} every {clock.frame_shift:g} ms, {of_frames:.2f} s"
                    expected = f"{seconds:.2f} s as it lasts ({_OF_THIS_SHIFT})"
                    found[name] = f"{store.path}: utterance {shown(name)}: found {frames}, expected {expected}"
    return found


def warn_of_skipped(done: Extraction) -> None:
    """Warn of the utterances that have no features: how many, which, and what is wrong with the first."""
    if done.skipped:
        names, reason = ", ".join(map(shown, done.skipped)), next(iter(done.skipped.values()))
        warnings.warn(
            f"skipped {counted(len(done.skipped), 'utterance')} ({shown(names, 300)}); the first: {reason}",
            GmmSpeechWarning,
        )
