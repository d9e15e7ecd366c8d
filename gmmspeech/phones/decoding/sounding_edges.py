"""Edges of silence in the sound itself: where the phones beside it begin and end in the waveform.

Frames of cepstra show poorly where a word dies away. Noise hides its high frequencies long before its voice, and once
frames are normalized, nobody knows by how many decibels one is softer than another. In the waveform, a sonorant stands
above noise in the low frequencies of its voice, and a fricative in high ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gmmspeech.phones.decoding.alignment import Alignment
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.labels.labels import Label
from gmmspeech.phones.labels.manner import SONORANTS, manners

VOICE, FRICTION = (100.0, 900.0), (2000.0, 8000.0)  # Hz
BANDS = {**dict.fromkeys(SONORANTS, VOICE), "fricative": FRICTION, "affricate": FRICTION}
FIRST = {**BANDS, "stop": FRICTION}  # of phones before which there is silence that frames do not show
WINDOW, HOP = 0.025, 0.005  # seconds
REACH = 0.3  # seconds of silence that are looked at
NEAR = 0.05  # seconds of silence that may still be of the phone
LOUD, QUIET = 75, 25  # percentiles: how loud a phone is, its edges aside, and silence, what sounds in it aside
FALL = 15.0  # dB below a phone, where it is taken to end
NOISE = 0.25  # of the way from silence to the phone, in dB, that noise takes up
SHORTEST = 0.025  # seconds of silence that frames need not show
UNSURE = 0.025  # seconds: deviation of where it ends, of which frames tell nothing
LEAST = 6.0  # dB above silence of a phone that can be told from it
BLOCK = 4096  # windows that are in memory at once


def manners_of(model: PhoneHMM, alignments: Iterable[Alignment]) -> dict[str, str]:
    """Manner of each phone of a model and of what it aligned; its silence comes first, whatever that is called."""
    names = [*model.phones, *(phone.name for alignment in alignments for phone in alignment.phones)]
    return {model.silence: "silence", **manners(name for name in names if name != model.silence)}


def with_sounding_edges(
    alignment: Alignment, manner: Mapping[str, str], signal: NDArray[np.floating], rate: float, *, later: float = 0.0
) -> Alignment:
    """Give an alignment whose phones end before silence where they do in the waveform, (n,), as its first one begins.

    After other pauses they begin where they did, which labels of read English agree with. `manner` is that of each
    phone, and the first silence in it the one that may be added. What the alignment takes for a time is so many seconds
    `later` in the waveform.
    """
    alignment = with_first_silence(alignment, manner, signal, rate, later)
    names = [phone.name for phone in alignment.phones]
    told = [phone.start for phone in alignment.phones] + [alignment.phones[-1].end]
    edges = [time + later if time else 0.0 for time in told]  # the audio begins at 0 whatever the times of frames
    silences = [i for i, name in enumerate(names) if manner[name] == "silence"]
    ends = [(i - 1, i - 1, i, i + 1) for i in silences if i]
    starts = [(1, 2, 1, 0)] if len(names) > 1 and silences[:1] == [0] else []
    new = {time: time for time in told}
    for phone, inner, edge, outer in ends + starts:
        band = BANDS.get(manner[names[phone]])
        if band is not None:
            found = fading(signal, rate, edges[inner], edges[edge], edges[outer], band)
            if found - later >= told[edge - 1] + HOP:  # times of starts of frames may have no room there
                edges[edge], new[told[edge]] = found, round(found - later, 6)
    moved = [
        [label._replace(start=new[label.start], end=new[label.end]) for label in labels]
        for labels in (alignment.words, alignment.phones)
    ]
    return replace(alignment, words=moved[0], phones=moved[1])


def with_first_silence(
    alignment: Alignment, manner: Mapping[str, str], signal: NDArray[np.floating], rate: float, later: float
) -> Alignment:
    """Add silence before the first phone where the waveform has some that frames do not show.

    Deltas of the first few frames already see the word, and noise there may be unlike all that the model calls silence.
    """
    first, others = alignment.phones[0], alignment.phones[1:]
    silence = next((name for name, kind in manner.items() if kind == "silence"), None)
    band = FIRST.get(manner[first.name])
    if silence is None or band is None or first.end + later < 2 * SHORTEST:
        return alignment
    begin = fading(signal, rate, first.end + later, SHORTEST, 0.0, band)
    if begin <= SHORTEST or begin < later + HOP:
        return alignment
    begin = round(begin - later, 6)
    goodness, deviations = alignment.goodness, alignment.deviations
    return replace(
        alignment,
        words=[alignment.words[0]._replace(start=begin), *alignment.words[1:]],
        phones=[Label(first.start, begin, silence), first._replace(start=begin), *others],
        log_likelihoods=np.insert(alignment.log_likelihoods, 0, alignment.log_likelihoods[0]),
        goodness=None if goodness is None else np.insert(goodness, 0, goodness[0]),
        deviations=None if deviations is None else np.insert(deviations, 1, UNSURE),
    )


def fading(
    signal: NDArray[np.floating], rate: float, inner: float, now: float, outer: float, band: tuple[float, float]
) -> float:
    """Time at which a phone fades into the silence beside it, or comes out of it; `now` where that cannot be told.

    The phone lies between the times `inner` and `now`, the silence between `now` and `outer`, which is earlier if the
    phone follows it. The phone has faded when its level in the band, in Hz, has fallen by `FALL`, or to that of noise.
    """
    step = np.copysign(HOP, outer - now)
    in_phone, in_silence = (
        int(np.ceil(seconds / HOP - 1e-6)) for seconds in (abs(now - inner), min(abs(outer - now), REACH))
    )
    times = np.append(inner + step * np.arange(in_phone), now + step * np.arange(in_silence))
    levels = band_levels(signal, rate, times, band)
    phone, silence = np.split(levels, [in_phone])
    silence = silence[round(NEAR / HOP) :] if len(silence) > 2 * NEAR / HOP else silence
    if not len(phone) or not len(silence):
        return now
    loud, quiet = np.percentile(phone, LOUD), np.percentile(silence, QUIET)
    least = max(loud - FALL, quiet + NOISE * (loud - quiet))
    loudest = int(phone.argmax())
    soft = loudest + np.flatnonzero(levels[loudest:] < least)
    if loud - quiet < LEAST or not len(soft):
        return now
    before, after = levels[soft[0] - 1], levels[soft[0]]
    found = float(times[soft[0] - 1] + step * (before - least) / (before - after))
    return found if min(abs(found - inner), abs(outer - found)) >= HOP else now


def band_levels(
    signal: NDArray[np.floating], rate: float, times: NDArray[np.float64], band: tuple[float, float]
) -> NDArray[np.float64]:
    """Power of windows around times, (T,), in a band in Hz, in dB."""
    length = min(round(WINDOW * rate), len(signal))
    starts = np.clip(np.round(times * rate - length / 2).astype(int), 0, len(signal) - length)
    windows, taper = np.lib.stride_tricks.sliding_window_view(signal, length), np.hanning(length)
    frequencies = np.fft.rfftfreq(length, 1 / rate)
    inside = (frequencies >= band[0]) & (frequencies < band[1])
    blocks = [
        np.fft.rfft(windows[some] * taper)[:, inside]
        for some in np.split(starts, range(BLOCK, len(starts), BLOCK))  # a phone may be of many minutes
    ]
    power = np.concatenate([(np.abs(block) ** 2).sum(axis=1) for block in blocks])
    return 10 * np.log10(power + np.finfo(np.float32).tiny)
