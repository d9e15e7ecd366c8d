"""The report of an alignment: utterances to check first, and those left out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from gmmspeech.formats.labels.aligned_files import AlignedFile, AlignedUtterance, Entry
from gmmspeech.phones.labels.manner import OTHER, manners
from gmmspeech.phones.labels.phone_sets import is_silence
from gmmspeech.plot.durations import durations, histogram
from gmmspeech.plot.style import figure_of
from gmmspeech.report.page import Configuration, configuration_section, figures, section, table, write_page

WORST = 20  # rows of a table
LONGEST = 50  # characters of a transcript
MOST_UTTERANCES = 5  # named for an unknown word
FEWEST = 10  # segments of a phone by which a typical duration is told
STRANGE = 3.0  # robust deviations of the logarithm of a duration
UNSURE = 0.02  # s


@dataclass(frozen=True)
class _Place:
    """A word or a phone, and the file and the utterance it is in."""

    file: AlignedFile
    utterance: AlignedUtterance
    entry: Entry

    def cells(self) -> list[str]:
        label = self.entry.label
        return [label.name, self.file.place, self.utterance.speaker, f"{label.start:.2f}", f"{label.end:.2f}"]


_HEADS = ["label", "file", "speaker", "begin (s)", "end (s)"]


def write_alignment_report(
    place: str | os.PathLike[str],
    files: Sequence[AlignedFile],
    *,
    title: str,
    subtitle: str = "",
    unknown: Mapping[str, Sequence[str]] | None = None,
    skipped: Mapping[str, str] | None = None,
    configuration: Configuration | None = None,
) -> Path:
    """Write what is worth a look: worst words, unsure boundaries, strange durations, unknown words, what is missing.

    `unknown` has the utterances of each word that the dictionary lacks, `skipped` the reason of each utterance that was
    left out. The file refers to nothing outside itself and has no scripts.
    """
    words = [_Place(f, u, e) for f in files for u in f.utterances for e in u.words]
    phones = [_Place(f, u, e) for f in files for u in f.utterances for e in u.phones if not is_silence(e.label.name)]
    parts = [
        section("Worst words", _worst_words(words)),
        section("Utterances that fit worst", _worst_utterances(files)),
        section("Confidence", _confidence(phones)),
        section("Durations", _durations(phones)),
        section("Unknown words", _unknown(unknown or {})),
        section("Left out", _skipped(skipped or {})),
        section("Configuration", configuration_section(configuration or {})),
    ]
    seconds = sum(f.duration or 0.0 for f in files)
    missing = sum(map(len, (unknown or {}).values()))
    headline = [
        (f"{len(files):,}", "files", f"{seconds / 60:.1f} minutes" if seconds else "of unknown length"),
        (f"{sum(len(f.utterances) for f in files):,}", "utterances", f"{len(skipped or {}):,} left out"),
        (f"{len(words):,}", "words", f"{missing:,} of them unknown"),
        (f"{len(phones):,}", "phones", "without silence"),
        *_unsure_card(phones),
    ]
    return write_page(place, title=title, subtitle=subtitle, headline=headline, body="".join(parts))


def _unsure_card(phones: Sequence[_Place]) -> Iterator[tuple[str, str, str]]:
    known = [p.entry.deviation for p in phones if p.entry.deviation is not None]
    if known:
        count = sum(value > UNSURE for value in known)
        yield f"{100 * count / len(known):.1f} %", "unsure boundaries", f"deviation above {1000 * UNSURE:g} ms"


def _fit(entry: Entry) -> float | None:
    return entry.log_likelihood if entry.goodness is None else entry.goodness


def _worst_words(words: Sequence[_Place]) -> str:
    known = sorted((p for p in words if _fit(p.entry) is not None), key=lambda p: _fit(p.entry) or 0.0)[:WORST]
    if not known:
        return "<p>No word has a figure.</p>"
    by_goodness = known[0].entry.goodness is not None
    what = "goodness of pronunciation" if by_goodness else "log-likelihood"
    note = f"By {what}, the mean over the word's time, in nats a frame: a wrong word, a noise, or an odd pronunciation."
    rows = [[*p.cells(), f"{_fit(p.entry):.2f}", _milliseconds(p.entry.deviation)] for p in known]
    return f"<p>{note}</p>\n{table([*_HEADS, what, 'deviation (ms)'], rows, numbers=4)}"


def _worst_utterances(files: Sequence[AlignedFile]) -> str:
    found = [(f, u) for f in files for u in f.utterances]
    with_fit = bool(found) and all(u.fit is not None for _, u in found)
    rows = [(f, u, u.fit if with_fit else u.log_likelihood) for f, u in found]
    rows = sorted((row for row in rows if row[2] is not None), key=lambda row: row[2] or 0.0)[:WORST]
    if not rows:
        return "<p>No utterance has a figure.</p>"
    what = "likelihood against any phones" if with_fit else "log-likelihood"
    note = f"Fit is the {what}, in nats a frame. The lowest are those whose transcript may be wrong or incomplete."
    cells = [[f.place, u.speaker, _first(u.words), f"{u.start:.2f}", f"{value:.2f}"] for f, u, value in rows]
    return f"<p>{note}</p>\n{table(['file', 'speaker', 'words', 'begin (s)', 'fit'], cells, numbers=2)}"


def _first(words: Sequence[Entry]) -> str:
    """Words that an utterance begins with, as many as a cell holds."""
    text = " ".join(word.label.name for word in words)
    if len(text) <= LONGEST:
        return text
    cut = text[: LONGEST - 1]
    return f"{cut.rpartition(' ')[0] or cut[:-1]} …"


def _confidence(phones: Sequence[_Place]) -> str:
    known = [p for p in phones if p.entry.deviation is not None]
    goodness = np.array([p.entry.goodness for p in phones if p.entry.goodness is not None])
    pictures, parts = [], []
    if known:
        deviations = 1000 * np.array([p.entry.deviation for p in known])
        caption = (
            f"Deviations of where phones begin; median {np.median(deviations):.1f} ms. Beyond 60 ms in the last bin."
        )
        pictures.append(("deviations", figure_of(histogram, deviations, label="deviation (ms)", highest=60.0), caption))
        worst = sorted(known, key=lambda p: -(p.entry.deviation or 0.0))[:WORST]
        rows = [[*p.cells(), _milliseconds(p.entry.deviation)] for p in worst]
        parts.append("<p>Boundaries that are the least sure, where phones begin.</p>")
        parts.append(table([*_HEADS, "deviation (ms)"], rows, numbers=3))
    if len(goodness):
        caption = f"Goodness of pronunciation of phones; median {np.median(goodness):.2f} nats a frame."
        pictures.append(("goodness", figure_of(histogram, goodness, label="goodness (nats a frame)"), caption))
    if not pictures:
        return "<p>Neither deviations nor goodness are known (--confidence gives them).</p>"
    return "\n".join([figures(*pictures), *parts])


def _durations(phones: Sequence[_Place]) -> str:
    by_name: dict[str, list[_Place]] = {}
    for phone in phones:
        by_name.setdefault(phone.entry.label.name, []).append(phone)
    if not by_name:
        return "<p>No phone was found.</p>"
    seconds = {name: [_length(p) for p in each] for name, each in by_name.items()}
    classes = manners(seconds)
    spoken = {name: each for name, each in seconds.items() if classes[name] != OTHER} or seconds  # noise lasts longer
    caption = "Durations of phones by manner of articulation: medians, quartiles, and 5 and 95 % of the segments."
    strange = sorted(_strange(by_name, seconds), key=lambda found: -abs(found[1]))[:WORST]
    rows = [
        [*p.cells(), f"{1000 * _length(p):.0f}", f"{1000 * float(np.median(seconds[p.entry.label.name])):.0f}"]
        for p, _ in strange
    ]
    note = f"Phones much longer or shorter than others of the same name, of those with {FEWEST} segments or more."
    parts = [figures(("durations", figure_of(durations, spoken), caption))]
    if rows:
        heads = [*_HEADS, "duration (ms)", "typical (ms)"]
        parts += [f"<p>{note}</p>", table(heads, rows, numbers=4)]
    else:
        parts.append("<p>No phone is much longer or shorter than others of the same name.</p>")
    return "\n".join(parts)


def _strange(
    by_name: Mapping[str, Sequence[_Place]], seconds: Mapping[str, Sequence[float]]
) -> Iterator[tuple[_Place, float]]:
    """Phones whose duration is unlike that of others, and by how many robust deviations of its logarithm."""
    for name, places in by_name.items():
        logs = np.log(np.maximum(seconds[name], 1e-3))
        if len(logs) < FEWEST:
            continue
        middle = np.median(logs)
        deviation = max(1.4826 * float(np.median(np.abs(logs - middle))), 0.1)
        for place, far in zip(places, ((logs - middle) / deviation).tolist(), strict=True):
            if abs(far) > STRANGE:
                yield place, far


def _unknown(unknown: Mapping[str, Sequence[str]]) -> str:
    if not unknown:
        return "<p>The dictionary has all words.</p>"
    order = sorted(unknown, key=lambda word: (-len(unknown[word]), word))
    rows = []
    for word in order:
        named = ", ".join(dict.fromkeys(unknown[word][:MOST_UTTERANCES]))
        rows.append((word, named + (" …" if len(unknown[word]) > MOST_UTTERANCES else ""), len(unknown[word])))
    return f"<p>Words that the dictionary lacks.</p>\n{table(['word', 'utterances', 'times'], rows, numbers=1)}"


def _skipped(skipped: Mapping[str, str]) -> str:
    if not skipped:
        return "<p>Nothing was left out.</p>"
    items = "\n".join(f"<li><b>{escape(name)}</b>: {escape(reason)}</li>" for name, reason in skipped.items())
    return f"<ul>\n{items}\n</ul>"


def _length(place: _Place) -> float:
    return place.entry.label.end - place.entry.label.start


def _milliseconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{1000 * seconds:.0f}"
