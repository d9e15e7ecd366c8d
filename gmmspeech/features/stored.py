"""A front end on stored features: their processing before a model uses them.

The order follows Kaldi's recipes: for phones, ``apply-cmvn`` and then ``add-deltas``; for speakers, ``add-deltas``,
``apply-cmvn-sliding`` and then ``select-voiced-frames``. Stores and models keep it in the same text as the front end
that made the features, if that is known, in the section ``stored``.
"""

from __future__ import annotations

import json
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from gmmspeech.errors import ConfigError, DataError, FeatureError, counted, shown
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.features.normalization import UTTERANCE_FLOOR
from gmmspeech.features.options import Section
from gmmspeech.features.sections import DeltaOptions, SlidingCmvnOptions, describe_cmvn
from gmmspeech.features.wrong_options import explain
from gmmspeech.files.text import parse_object

SECTION = "stored"
ORDER = ("cmvn", "deltas", "sliding", "paste", "vad")  # in which the steps are done
SLIDING = SlidingCmvnOptions(cmn_window=300, center=True)  # as the recipes for speakers have it

Frames = NDArray[np.float32]


class StoredCmvn(Section):
    """Normalization by statistics that lie beside the features, of an utterance or of a speaker."""

    owner: Literal["utterance", "speaker"] = "utterance"
    norm_vars: bool = False


class StoredFrontEnd(Section):
    """Steps from stored features with a given number of columns to frames; steps that are not given are left out.

    Parameters
    ----------
    columns : int
        Number of columns of the stored features.
    cmvn : StoredCmvn, optional
        Requires CMVN statistics beside the features.
    deltas : DeltaOptions, optional
    sliding : SlidingCmvnOptions, optional
    paste : int, optional
        Number of columns of other features to append.
    vad : bool
        Keep only voiced frames; requires voice activity decisions beside the features.
    frame_shift : float, optional
        Frame shift in milliseconds, if the features give it but not their front end.
    """

    columns: int = Field(ge=1)
    cmvn: StoredCmvn | None = None
    deltas: DeltaOptions | None = None
    sliding: SlidingCmvnOptions | None = None
    paste: int | None = Field(default=None, ge=1)
    vad: bool = False
    frame_shift: float | None = Field(default=None, gt=0)

    @property
    def steps(self) -> list[str]:
        """Names of the steps that are taken, in their order."""
        return [name for name in ORDER if getattr(self, name)]

    @property
    def dim(self) -> int:
        """Number of columns of the frames."""
        return self.columns * (1 + (self.deltas.order if self.deltas else 0)) + (self.paste or 0)

    def __call__(
        self,
        frames: Frames,
        *,
        cmvn: NDArray[np.float64] | None = None,
        pasted: Frames | None = None,
        voiced: NDArray[np.bool_] | None = None,
    ) -> Frames:
        """Take an utterance's features through the steps, with what lies beside them where it is asked for."""
        x = frames
        if self.cmvn is not None and cmvn is not None:
            x = normalized(x, cmvn, norm_vars=self.cmvn.norm_vars)
        if self.deltas is not None:
            x = self.deltas(x)
        if self.sliding is not None:
            x = self.sliding(x)
        if pasted is not None:
            x = np.concatenate([x, _as_long(pasted, frames, "{} to paste")], axis=1)
        if voiced is None:
            return x
        kept = x[_as_long(voiced, frames, "voice activity of {}")]
        if not len(kept):
            raise FeatureError("found no voiced frame, expected one or more")
        return kept

    def behind(self, earlier: StoredFrontEnd) -> StoredFrontEnd:
        """Give the steps of both, these behind the earlier ones; ConfigError unless that is the order of steps."""
        if earlier.steps and self.steps and ORDER.index(self.steps[0]) <= ORDER.index(earlier.steps[-1]):
            found = f"found it on features behind {_WORDS[earlier.steps[-1]]}"
            raise ConfigError(f"{_WORDS[self.steps[0]]}: {found}, expected {', '.join(_WORDS.values())} in this order")
        return earlier.model_copy(update={name: getattr(self, name) for name in self.steps})

    def describe(self) -> str:
        """Describe it in one line of plain text."""
        parts = [f"stored features of {counted(self.columns, 'column')}"]
        if self.cmvn is not None:
            parts.append(f"{'CMVN' if self.cmvn.norm_vars else 'CMN'} by {self.cmvn.owner}")
        if self.deltas is not None:
            parts.append(f"deltas of order {self.deltas.order} ({self.deltas.window} to a side)")
        if self.sliding is not None:
            parts.append(describe_cmvn(self.sliding))
        if self.paste is not None:
            parts.append(f"{self.paste} pasted")
        if self.frame_shift is not None:
            parts.append(f"every {self.frame_shift:g} ms")
        return ", ".join(parts + ["voiced frames alone"] * self.vad)


_WORDS = {"cmvn": "CMVN", "deltas": "deltas", "sliding": "sliding CMVN", "paste": "pasting", "vad": "voice activity"}


def _as_long(beside: NDArray, frames: Frames, what: str) -> NDArray:
    if len(beside) != len(frames):
        found = what.format(counted(len(beside), "frame"))
        raise FeatureError(f"found {found}, expected {len(frames)} as the features have")
    return beside


def normalized(frames: Frames, stats: NDArray[np.float64], *, norm_vars: bool = False) -> Frames:
    """Normalize by sums and their count, and sums of squares, (2, D + 1), as Kaldi's ``apply-cmvn`` does."""
    if stats.shape != (2, frames.shape[1] + 1) or not stats[0, -1] > 0:
        found = f"statistics of CMVN of shape {stats.shape} and {stats[0, -1]:g} frames"
        raise DataError(f"found {found}, expected (2, {frames.shape[1] + 1}) and some frames")
    mean = stats[0, :-1] / stats[0, -1]
    if not norm_vars:
        return (frames - mean).astype(np.float32)
    variance = np.maximum(stats[1, :-1] / stats[0, -1] - mean**2, UTTERANCE_FLOOR)
    return ((frames - mean) / np.sqrt(variance)).astype(np.float32)


def split_options(text: str | None) -> tuple[dict[str, Any], StoredFrontEnd | None]:
    """Read both parts of what a store or a model keeps: how waveforms became features, and what was done to these."""
    try:
        sections = parse_object(text or "{}")
    except ValueError as error:
        raise ConfigError(f"front end: {error}") from None
    given = sections.pop(SECTION, None)
    if not isinstance(given, dict | None):
        raise ConfigError(f"front end: {SECTION}: found {shown(given)}, expected a section of options")
    try:
        return sections, None if given is None else StoredFrontEnd.model_validate(given)
    except ValidationError as error:
        raise ConfigError(f"front end over stored features: {explain(error)}") from None


def joined_options(of_waveforms: dict[str, Any], stored: StoredFrontEnd | None) -> str | None:
    """Text that `split_options` reads; None where nothing is known."""
    whole = of_waveforms if stored is None else {**of_waveforms, SECTION: stored.model_dump(exclude_none=True)}
    return json.dumps(whole, sort_keys=True) if whole else None


def split_front_end(text: str | None) -> tuple[FrontEnd | None, StoredFrontEnd | None]:
    """Front ends of waveforms, and over stored features, as far as a store or a model knows them."""
    sections, stored = split_options(text)
    return FrontEnd(**sections) if sections else None, stored


def static_columns(text: str | None) -> int | None:
    """Columns of frames before their deltas, at their beginning; None where no front end is known."""
    of_waveforms, stored = split_front_end(text)
    if stored is not None and (stored.deltas is not None or of_waveforms is None):
        return stored.columns
    return None if of_waveforms is None else of_waveforms.features.dim
