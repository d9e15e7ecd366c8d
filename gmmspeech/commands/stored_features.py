"""Processing of stored features before a command uses them, with the files beside them.

The steps are those of `StoredFrontEnd`; a model keeps the steps of its features, and requires them again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import ConfigError, DataError, FeatureError, all_of, counted, shown
from gmmspeech.features.compatibility import check_same_front_end
from gmmspeech.files.atomic import temporary_folder
from gmmspeech.files.text import first_fields, look_alike
from gmmspeech.formats.datadir import read_map
from gmmspeech.formats.kaldi.plda import read_kaldi_vectors
from gmmspeech.formats.kaldi.tables import read_table
from gmmspeech.stores.features import FeatureStore, write_store

if TYPE_CHECKING:  # pydantic, which takes a seventh of a second, is not needed where there are no steps
    from gmmspeech.features.stored import StoredFrontEnd

_DELTA_WINDOW = 2  # Kaldi's
_STEPS = '"stored"'  # is in the text of every front end that has steps

Frames = NDArray[np.float32]
Value = TypeVar("Value")


@dataclass(frozen=True)
class Beside:
    """What lies beside features, and what is asked to be done with them; each left out where nothing is given for it.

    Parameters
    ----------
    cmvn : mapping of str to ndarray, shape (2, D + 1)
        Statistics by utterance, or by speaker: sums and their count, and sums of squares.
    utt2spk : mapping of str to str, optional
        Speakers that statistics are of.
    norm_vars : bool
        Divide by deviations too.
    deltas : int
        Their order.
    delta_window : int, optional
        2, or what a model has.
    sliding : bool
        Subtract the mean of 300 frames around each, as the recipes for speakers do.
    vad : mapping of str to ndarray, shape (T,)
        Above 0 where a frame is voiced.
    subset : set of str, optional
        The only utterances that are kept.
    paste : FeatureStore, optional
        Whose columns are put beside those there are, at the end.
    skipped : dict of str to str, optional
        Takes the utterances that can't go through the steps, with what is wrong; without it the first stops the work.
    """

    cmvn: Mapping[str, NDArray[np.float64]] | None = None
    utt2spk: Mapping[str, str] | None = None
    norm_vars: bool = False
    deltas: int = 0
    delta_window: int | None = None
    sliding: bool = False
    vad: Mapping[str, NDArray[np.float64]] | None = None
    subset: frozenset[str] | None = None
    paste: FeatureStore | None = None
    skipped: dict[str, str] | None = field(default=None, compare=False)

    def front_end(self, columns: int, wanted: StoredFrontEnd | None) -> StoredFrontEnd:
        """Steps that are asked for, those that need nothing beside the features as a model wants them by default."""
        from gmmspeech.features.sections import DeltaOptions
        from gmmspeech.features.stored import SLIDING, StoredCmvn, StoredFrontEnd

        of_model = wanted or StoredFrontEnd(columns=columns)
        steps: dict[str, Any] = {"columns": columns, "frame_shift": of_model.frame_shift}
        if self.cmvn is not None:
            norm_vars = self.norm_vars or bool(of_model.cmvn and of_model.cmvn.norm_vars)
            steps["cmvn"] = StoredCmvn(owner="utterance" if self.utt2spk is None else "speaker", norm_vars=norm_vars)
        if self.deltas:
            window = self.delta_window or (of_model.deltas.window if of_model.deltas else _DELTA_WINDOW)
            steps["deltas"] = DeltaOptions(order=self.deltas, window=window)
        else:
            steps["deltas"] = of_model.deltas
        steps["sliding"] = SLIDING if self.sliding else of_model.sliding
        if self.paste is not None:
            steps["paste"] = self.paste.dim
        return StoredFrontEnd(**steps, vad=self.vad is not None)

    def through(self, front: StoredFrontEnd, items: Iterable[tuple[str, Frames]]) -> Iterator[tuple[str, Frames]]:
        """Take utterances through the steps of a front end."""
        for utterance, frames in items:
            if self.subset is not None and utterance not in self.subset:
                continue
            try:
                taken = self._frames(front, utterance, frames)
            except (DataError, FeatureError) as error:
                if self.skipped is None:
                    raise
                self.skipped[utterance] = str(error)
            else:
                yield utterance, taken

    def only_taken(self, groups: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """Leave skipped utterances out of groups, and skip the groups of which none is left."""
        kept = {}
        for name, utterances in groups.items():
            there = [utterance for utterance in utterances if utterance not in (self.skipped or {})]
            if there or self.skipped is None:
                kept[name] = there
            else:
                self.skipped[name] = f"{shown(name)}: {all_of(len(utterances), 'utterance')} bad"
        return kept

    def _frames(self, front: StoredFrontEnd, utterance: str, frames: Frames) -> Frames:
        """Take one utterance through the steps."""
        where = f"utterance {shown(utterance)}"
        beside: dict[str, Any] = {}
        if self.cmvn is not None:
            owner = utterance if self.utt2spk is None else _of(self.utt2spk, utterance, where, "a speaker in utt2spk")
            remedy = " (give cmvn_utt2spk if they are of speakers)" if self.utt2spk is None else ""
            where += f" of speaker {shown(owner)}" if owner != utterance else ""
            beside["cmvn"] = _of(self.cmvn, owner, where, "statistics of CMVN", remedy)
        if self.vad is not None:
            beside["voiced"] = _of(self.vad, utterance, where, "voice activity") > 0
        if self.paste is not None:
            beside["pasted"] = self.paste[utterance]
        try:
            return front(frames, **beside)
        except (DataError, FeatureError) as error:
            raise type(error)(f"{where}: {error}") from None


NOTHING = Beside()


@dataclass(frozen=True)
class Stored:
    """Features to take in place of those that recordings give, and what lies beside them."""

    features: str
    beside: Beside = NOTHING


def _of(values: Mapping[str, Value], name: str, where: str, what: str, remedy: str = "") -> Value:
    """Give what a name has, or raise a DataError."""
    if name not in values:
        expected = f"{what}, as of {counted(len(values), 'other')}{look_alike(name, values)}"
        lacking = re.split(" of | in ", what.removeprefix("a "))[0]
        raise DataError(f"{where}: found no {lacking} for it, expected {expected}{remedy}")
    return values[name]


def read_beside(
    *,
    cmvn: str | None = None,
    cmvn_utt2spk: str | os.PathLike[str] | None = None,
    norm_vars: bool = False,
    deltas: int = 0,
    delta_window: int | None = None,
    sliding_cmvn: bool = False,
    vad: str | None = None,
    subset: str | os.PathLike[str] | None = None,
    paste: str | None = None,
) -> Beside:
    """Read what steps need: tables, and lists."""
    if cmvn is None and (cmvn_utt2spk is not None or norm_vars):
        given = "cmvn_utt2spk" if cmvn_utt2spk is not None else "norm_vars"
        raise ConfigError(f"{given}: found it without cmvn, expected both")
    if delta_window is not None and not deltas:
        raise ConfigError("delta_window: found it without deltas, expected both")
    return Beside(
        cmvn=None if cmvn is None else read_cmvn(cmvn),
        utt2spk=None if cmvn_utt2spk is None else read_map(cmvn_utt2spk),
        norm_vars=norm_vars,
        deltas=deltas,
        delta_window=delta_window,
        sliding=sliding_cmvn,
        vad=None if vad is None else read_kaldi_vectors(vad, same_dim=False),
        subset=None if subset is None else frozenset(first_fields(subset)),
        paste=None if paste is None else FeatureStore(paste),
    )


def read_cmvn(place: str) -> dict[str, NDArray[np.float64]]:
    """Read statistics of CMVN: (2, D + 1) for each utterance or speaker."""
    found = {}
    for key, stats in read_table(place):
        if stats.ndim != 2 or len(stats) != 2 or not np.isfinite(stats).all():
            raise DataError(f"{shown(place)}: {shown(key)}: found shape {stats.shape}, expected finite (2, D + 1)")
        found[key] = stats.astype(np.float64)
    return found


@contextmanager
def open_features(
    source: str | os.PathLike[str],
    beside: Beside = NOTHING,
    *,
    front_end: str | None = None,
    model: object = "the model",
) -> Iterator[FeatureStore]:
    """Open features as `FeatureStore` does, and take them through steps as `through_steps` does."""
    with FeatureStore(source) as store, through_steps(store, beside, front_end=front_end, model=model) as taken:
        yield taken


@contextmanager
def through_steps(
    store: FeatureStore, beside: Beside, *, front_end: str | None = None, model: object = "the model"
) -> Iterator[FeatureStore]:
    """Give features as a model wants them: taken through the steps that are asked for, and those that it keeps.

    Parameters
    ----------
    store : FeatureStore
    beside : Beside
    front_end : str, optional
        That of a model, named `model` in messages. Its steps are done by default; features that have taken steps
        before are left as they are.

    Yields
    ------
    FeatureStore
        In a temporary file if there are steps; the front end that it keeps has them.
    """
    if beside == NOTHING and not any(_STEPS in (text or "") for text in (store.front_end, front_end)):
        yield store
        return
    from gmmspeech.features.stored import joined_options, split_options

    of_waveforms, done = split_options(store.front_end)
    wanted = None if done is not None and done.steps else split_options(front_end)[1]
    if wanted is not None and wanted.columns != store.dim:
        steps = f"{wanted.columns} as {model} was trained on, whose steps are done here: {wanted.describe()}"
        raise FeatureError(f"{store.path}: found features of {counted(store.dim, 'column')}, expected {steps}")
    front = beside.front_end(store.dim, wanted)
    if wanted is not None:
        _check_given(beside, wanted, model)
    whole = front if done is None else front.behind(done)
    subset = beside.subset
    if subset is not None and not any(name in subset for name in store):
        raise DataError(f"{store.path}: found none of {counted(len(subset), 'utterance')} of the subset")
    if not front.steps and (subset is None or subset.issuperset(store)):
        yield store
        return
    text = joined_options(of_waveforms, whole if whole.steps else None)
    check_same_front_end(front_end, text, model=str(model), frames=store.path)
    with temporary_folder() as folder:
        file = folder / "features.h5"
        write_store(file, _some(store.path, beside, beside.through(front, store.items())), front_end=text)
        with FeatureStore(file) as prepared:
            prepared.path, prepared.frame_shift = store.path, store.frame_shift  # which people know
            yield prepared


def _some(path: str, beside: Beside, items: Iterator[tuple[str, Frames]]) -> Iterator[tuple[str, Frames]]:
    """Yield items, or raise a DataError where all were skipped."""
    first = next(items, None)
    if first is None and beside.skipped:
        found = f"{all_of(len(beside.skipped), 'utterance')} bad; the first: {next(iter(beside.skipped.values()))}"
        raise DataError(f"{path}: {found}")
    if first is not None:
        yield first
        yield from items


def _check_given(beside: Beside, wanted: StoredFrontEnd, model: object) -> None:
    """Check that what steps of a model need is given."""
    if wanted.cmvn is not None:
        if beside.cmvn is None:
            raise DataError(f"cmvn: found none, expected statistics for features, as {model} was trained on")
        if wanted.cmvn.owner == "speaker" and beside.utt2spk is None:
            raise DataError(
                f"cmvn_utt2spk: found none, expected speakers that statistics are of, as {model} was trained on"
            )
    if wanted.vad and beside.vad is None:
        raise DataError(f"vad: found none, expected voice activity for features, as {model} was trained on")
    if wanted.paste is not None and beside.paste is None:
        raise DataError(f"paste: found none, expected {counted(wanted.paste, 'column')} as {model} was trained on")
