"""What is done to features that are stored: CMVN from statistics, deltas, sliding CMVN, selection of voiced frames.

In this order, as Kaldi's recipes have it: of phones, ``apply-cmvn`` and then ``add-deltas``; of speakers,
``add-deltas``, ``apply-cmvn-sliding`` and then ``select-voiced-frames``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import told
from gmmspeech.commands.verification import check_frames
from gmmspeech.errors import ConfigError, DataError, FeatureError, counted, shown
from gmmspeech.features.conf_files import read_kaldi_vad
from gmmspeech.features.deltas import add_deltas
from gmmspeech.features.normalization import sliding_cmvn
from gmmspeech.features.vad import energy_vad
from gmmspeech.files.names import parse_output
from gmmspeech.files.text import look_alike, read_lines, split_fields
from gmmspeech.formats.datadir import read_list_map, read_map
from gmmspeech.formats.kaldi_ark import read_table, write_kaldi_ark, write_table
from gmmspeech.formats.kaldi_plda import read_kaldi_vectors, write_kaldi_vectors
from gmmspeech.stores.features import FeatureStore

_LEAST_VARIANCE = 1e-20  # Kaldi's

Frames = NDArray[np.float32]
Value = TypeVar("Value")


@dataclass(frozen=True)
class FeatureSteps:
    """Steps, each left out where nothing is given for it.

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
    delta_window : int
    sliding : bool
        Subtract the mean of 300 frames around each, as the recipes for speakers do.
    vad : mapping of str to ndarray, shape (T,)
        Above 0 where a frame is voiced.
    subset : set of str, optional
        The only utterances that are kept.
    paste : FeatureStore, optional
        Whose columns are put beside those there are, at the end.
    """

    cmvn: Mapping[str, NDArray[np.float64]] | None = None
    utt2spk: Mapping[str, str] | None = None
    norm_vars: bool = False
    deltas: int = 0
    delta_window: int = 2
    sliding: bool = False
    vad: Mapping[str, NDArray[np.float64]] | None = None
    subset: frozenset[str] | None = None
    paste: FeatureStore | None = None

    def through(self, items: Iterable[tuple[str, Frames]]) -> Iterator[tuple[str, Frames]]:
        """Take utterances through the steps."""
        for utterance, frames in items:
            if self.subset is None or utterance in self.subset:
                yield utterance, self(utterance, frames)

    def __call__(self, utterance: str, frames: Frames) -> Frames:
        """Take one utterance through the steps."""
        x = frames
        if self.cmvn is not None:
            x = self._normalized(utterance, x)
        if self.deltas:
            x = add_deltas(x, order=self.deltas, window=self.delta_window)
        if self.sliding:
            x = sliding_cmvn(x, cmn_window=300, center=True)
        if self.paste is not None:
            x = self._pasted(utterance, x)
        return x if self.vad is None else self._selected(utterance, x)

    def _normalized(self, utterance: str, frames: Frames) -> Frames:
        assert self.cmvn is not None
        owner = utterance
        if self.utt2spk is not None:
            owner = _of(self.utt2spk, utterance, f"utterance {shown(utterance)}", "a speaker in utt2spk")
        where = f"utterance {shown(utterance)}" + (f" of speaker {shown(owner)}" if owner != utterance else "")
        stats = _of(self.cmvn, owner, where, "statistics of CMVN")
        if stats.shape != (2, frames.shape[1] + 1) or not stats[0, -1] > 0:
            found = f"statistics of CMVN of shape {stats.shape} and {stats[0, -1]:g} frames"
            raise DataError(f"{where}: found {found}, expected (2, {frames.shape[1] + 1}) and some frames")
        mean = stats[0, :-1] / stats[0, -1]
        if not self.norm_vars:
            return (frames - mean).astype(np.float32)
        variance = np.maximum(stats[1, :-1] / stats[0, -1] - mean**2, _LEAST_VARIANCE)
        return ((frames - mean) / np.sqrt(variance)).astype(np.float32)

    def _selected(self, utterance: str, frames: Frames) -> Frames:
        assert self.vad is not None
        voiced = _of(self.vad, utterance, f"utterance {shown(utterance)}", "voice activity") > 0
        if len(voiced) != len(frames):
            found = f"voice activity of {counted(len(voiced), 'frame')}"
            raise FeatureError(
                f"utterance {shown(utterance)}: found {found}, expected {len(frames)} as the features have"
            )
        if not voiced.any():
            raise FeatureError(f"utterance {shown(utterance)}: found no voiced frame, expected one or more")
        return frames[voiced]

    def _pasted(self, utterance: str, frames: Frames) -> Frames:
        assert self.paste is not None
        other = self.paste[utterance]
        if len(other) != len(frames):
            found = f"{counted(len(other), 'frame')} to paste"
            raise FeatureError(
                f"utterance {shown(utterance)}: found {found}, expected {len(frames)} as the features have"
            )
        return np.concatenate([frames, other], axis=1)


def _of(values: Mapping[str, Value], name: str, where: str, what: str) -> Value:
    """Give what a name has, or raise a DataError."""
    if name not in values:
        expected = f"{what} of one of {len(values)}{look_alike(name, values)}"
        raise DataError(f"{where}: found no {what.split(' of ')[0]} for it, expected {expected}")
    return values[name]


def read_steps(
    *,
    cmvn: str | None = None,
    utt2spk: str | os.PathLike[str] | None = None,
    norm_vars: bool = False,
    deltas: int = 0,
    delta_window: int = 2,
    sliding_cmvn: bool = False,
    vad: str | None = None,
    subset: str | os.PathLike[str] | None = None,
    paste: str | None = None,
) -> FeatureSteps:
    """Read what steps need: tables, and lists."""
    if cmvn is None and (utt2spk is not None or norm_vars):
        given = "utt2spk" if utt2spk is not None else "norm_vars"
        raise ConfigError(f"{given}: found {told(utt2spk or norm_vars)} without cmvn, expected both")
    return FeatureSteps(
        cmvn=None if cmvn is None else read_cmvn(cmvn),
        utt2spk=None if utt2spk is None else read_map(utt2spk),
        norm_vars=norm_vars,
        deltas=deltas,
        delta_window=delta_window,
        sliding=sliding_cmvn,
        vad=None if vad is None else read_kaldi_vectors(vad, same_dim=False),
        subset=None
        if subset is None
        else frozenset(fields[0] for fields in map(split_fields, read_lines(subset)) if fields),
        paste=None if paste is None else FeatureStore(paste),
    )


def _first_fields(path: str | os.PathLike[str]) -> Iterator[str]:
    """Yield the first field of each line that has one."""
    return (fields[0] for fields in map(split_fields, read_lines(path)) if fields)


def read_cmvn(place: str) -> dict[str, NDArray[np.float64]]:
    """Read statistics of CMVN: (2, D + 1) for each utterance or speaker."""
    found = {}
    for key, stats in read_table(place):
        if stats.ndim != 2 or len(stats) != 2 or not np.isfinite(stats).all():
            raise DataError(f"{shown(place)}: {shown(key)}: found shape {stats.shape}, expected finite (2, D + 1)")
        found[key] = stats.astype(np.float64)
    return found


def prepare_features(source: str, steps: FeatureSteps, out: str) -> int:
    """Take the features of a store through steps, into an archive; give the number of utterances."""
    count = 0

    def counting(items: Iterable[tuple[str, Frames]]) -> Iterator[tuple[str, Frames]]:
        nonlocal count
        for item in items:
            count += 1
            yield item

    with FeatureStore(source) as store:
        if steps.subset is not None and not any(name in steps.subset for name in store):
            raise DataError(f"{shown(source)}: found none of {counted(len(steps.subset), 'utterance')} of the subset")
        write_kaldi_ark(out, counting(steps.through(store.items())))
    return count


def compute_cmvn(source: str, out: str, *, spk2utt: str | os.PathLike[str] | None = None) -> int:
    """Write statistics of CMVN of utterances, or of speakers, as Kaldi's ``compute-cmvn-stats`` does."""
    with FeatureStore(source) as store:
        groups = {name: [name] for name in store} if spk2utt is None else read_list_map(spk2utt)

        def stats() -> Iterator[tuple[str, NDArray[np.float64]]]:
            for speaker, utterances in groups.items():
                total = np.zeros((2, store.dim + 1))
                for utterance in utterances:
                    x = store[utterance].astype(np.float64)
                    total[0, :-1] += x.sum(axis=0)
                    total[0, -1] += len(x)
                    total[1, :-1] += (x**2).sum(axis=0)
                yield speaker, total

        return write_table(parse_output(out, archives=True), stats())


def compute_vad(source: str, out: str, *, config: str | os.PathLike[str] | None = None) -> int:
    """Write which frames are voiced, by energies in column 0, as Kaldi's ``compute-vad`` does: 1 or 0."""
    options = {} if config is None else read_kaldi_vad(Path(config))
    options.pop("method", None)
    with FeatureStore(source) as store:
        voiced = {name: energy_vad(frames, **options).astype(np.float32) for name, frames in store.items()}
    place = parse_output(out, archives=True)
    write_kaldi_vectors(place.path, voiced, scp=place.script, text=place.text)
    return len(voiced)


def gselect_file(ubm: Path, source: str, out: Path, num_gselect: int) -> int:
    """Write the best components of each frame, the best first."""
    from gmmspeech.formats.kaldi_models import write_gselect
    from gmmspeech.formats.loading import load
    from gmmspeech.gmm.mixture import DiagonalGMM

    gmm = load(ubm, DiagonalGMM)
    with FeatureStore(source) as store:
        check_frames(store, gmm, ubm)
        count = min(num_gselect, len(gmm.weights_))
        found = {
            name: np.argsort(-gmm.predict_proba(frames), axis=1, kind="stable")[:, :count]
            for name, frames in store.items()
        }
    write_gselect(out, found)
    return len(found)
