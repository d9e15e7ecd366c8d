"""The report of phone classification: accuracy, confusions, and segments to listen to."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import counted
from gmmspeech.metrics.confusion import confusion_matrix, precision_recall
from gmmspeech.phones.labels.manner import MANNERS, OTHER, by_manner, manners
from gmmspeech.plot.confusions import confusion
from gmmspeech.plot.style import figure_of
from gmmspeech.report.page import Configuration, configuration_section, figures, section, table, write_page

WORST = 20  # rows of a table

Segments = Sequence[tuple[str, str, str]]
"""Id, speaker and label of each segment."""


def write_phone_report(
    place: str | os.PathLike[str],
    *,
    title: str,
    phones: Sequence[str],
    segments: Segments,
    log_posteriors: NDArray[np.float64],
    frames: tuple[int, int] = (0, 0),
    configuration: Configuration | None = None,
) -> Path:
    """Write confusions by phone and by manner of articulation, figures of phones and speakers, and the worst errors.

    Shapes: `log_posteriors` (number of segments, number of phones); `frames` are those right and all. The file refers
    to nothing outside itself and has no scripts.
    """
    said = [label for *_, label in segments]
    found = [phones[i] for i in log_posteriors.argmax(axis=1)]
    right = sum(a == b for a, b in zip(said, found, strict=True))
    names = by_manner({*phones, *said})
    counts = confusion_matrix(said, found, names)
    classes = manners(names)
    of_manner = [manner for manner in (*MANNERS, OTHER) if manner in classes.values()]
    by_class = confusion_matrix([classes[name] for name in said], [classes[name] for name in found], of_manner)
    alike = int(np.trace(by_class))
    headline = [
        (f"{100 * right / max(len(said), 1):.1f} %", "segments right", f"{right:,} of {len(said):,}"),
        (f"{100 * frames[0] / max(frames[1], 1):.1f} %", "frames right", f"{frames[0]:,} of {frames[1]:,}"),
        (f"{100 * alike / max(len(said), 1):.1f} %", "manners right", f"{len(of_manner)} of articulation"),
        (f"{len(names)}", "phones", counted(len({speaker for _, speaker, _ in segments}), "speaker")),
    ]
    captions = (
        "What each phone was taken for, by manner of articulation: rows are labels, columns what was found.",
        "The same by manner of articulation alone.",
    )
    pictures = (
        ("phones", figure_of(confusion, counts, names, groups=classes), captions[0]),
        ("manners", figure_of(confusion, by_class, of_manner), captions[1]),
    )
    parts = [
        section("Confusions", f"{figures(*pictures)}\n{_pairs(said, found)}"),
        section("Phones", _phones(names, counts)),
        section("Speakers", _speakers(segments, found)),
        section("Worst errors", _worst(segments, phones, log_posteriors)),
        section("Configuration", configuration_section(configuration or {})),
    ]
    return write_page(place, title=title, headline=headline, body="".join(parts))


def _pairs(said: Sequence[str], found: Sequence[str]) -> str:
    pairs = Counter((a, b) for a, b in zip(said, found, strict=True) if a != b)
    if not pairs:
        return "<p>No segment is wrong.</p>"
    totals = Counter(said)
    rows = [
        (a, b, count, f"{100 * count / totals[a]:.1f} %")
        for (a, b), count in sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))[:WORST]
    ]
    return (
        f"<p>The most frequent confusions.</p>\n{table(['label', 'found', 'times', 'of the label'], rows, numbers=2)}"
    )


def _phones(names: Sequence[str], counts: NDArray[np.int64]) -> str:
    classes, (precision, recall) = manners(names), precision_recall(counts)
    rows = []
    for i, name in enumerate(names):
        wrong = np.where(np.arange(len(names)) == i, 0, counts[i])
        mostly = f"{names[int(wrong.argmax())]} ({wrong.max()})" if wrong.any() else "–"
        totals = counts[:, i].sum(), counts[i].sum()
        shares = (
            f"{100 * value:.1f} %" if total else "–"
            for value, total in zip((precision[i], recall[i]), totals, strict=True)
        )
        rows.append((name, classes[name], mostly, int(counts[i].sum()), *shares))
    return table(["phone", "manner", "mostly taken for", "segments", "precision", "recall"], rows, numbers=3)


def _speakers(segments: Segments, found: Sequence[str]) -> str:
    totals = Counter(speaker for _, speaker, _ in segments)
    right = Counter(speaker for (_, speaker, label), name in zip(segments, found, strict=True) if label == name)
    order = sorted(totals, key=lambda speaker: (right[speaker] / totals[speaker], speaker))
    rows = [(who, totals[who], f"{100 * right[who] / totals[who]:.1f} %") for who in order]
    return table(["speaker", "segments", "right"], rows, numbers=2)


def _worst(segments: Segments, phones: Sequence[str], log_posteriors: NDArray[np.float64]) -> str:
    """Table of the errors whose label is the least probable; one that was not trained has no probability."""
    place = {name: i for i, name in enumerate(phones)}
    best = log_posteriors.argmax(axis=1)
    rows = []
    for row, (segment, speaker, label) in enumerate(segments):
        if phones[best[row]] != label:
            own = log_posteriors[row, place[label]] if label in place else -np.inf
            rows.append((float(own), segment, speaker, label, phones[best[row]], float(log_posteriors[row, best[row]])))
    if not rows:
        return "<p>No segment is wrong.</p>"
    cells = [
        (segment, speaker, label, found, "–" if np.isinf(own) else f"{own:.2f}", f"{other:.2f}")
        for own, segment, speaker, label, found, other in sorted(rows)[:WORST]
    ]
    heads = ["segment", "speaker", "label", "found", "log posterior of the label", "of what was found"]
    note = "Segments whose label is the least probable: wrong labels and boundaries are among them."
    return f"<p>{note}</p>\n{table(heads, cells, numbers=2)}"
