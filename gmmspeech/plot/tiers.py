"""Labels below a plot of speech: tiers with boundaries, and names where there is room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from gmmspeech.arguments import check, instance, listed, mapped
from gmmspeech.errors import ConfigError, DataError
from gmmspeech.phones.decoding.alignment import Alignment
from gmmspeech.phones.labels.labels import Label
from gmmspeech.plot.style import INK, MUTED, NONTARGETS, TARGETS, THIRD, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Tiers = Mapping[str, Sequence[Label]]

LONGEST = 10.0  # seconds that are drawn where no end is given
MOST_TIERS = 12
INCHES_A_SECOND, NARROWEST, WIDEST = 4.0, 6.0, 28.0
TIER = 0.42  # inches
LETTER = 0.0095  # inches of a letter's width, for a point of its size
LARGEST, SMALLEST = 10.0, 5.5  # points
NO_LINES = "confidence"  # the tier whose boundaries are those of another one
COLORS = (INK, TARGETS, NONTARGETS, THIRD)


def tiers_of(labels: object, expected: str = "an Alignment, labels, or tiers by name") -> dict[str, list[Label]]:
    """Give tiers by name, of an alignment, labels in a row, or tiers."""
    if isinstance(labels, Alignment):
        return {"words": labels.words, "phones": labels.phones}
    if isinstance(labels, Mapping):
        check(mapped(listed(instance(Label), "a list of Label")), labels=labels)
        return {str(name): list(found) for name, found in labels.items()}
    if isinstance(labels, (list, tuple)):
        check(listed(instance(Label), "a list of Label"), labels=labels)
        return {"labels": list(labels)}
    raise ConfigError(f"labels: found {type(labels).__name__}, expected {expected}")


def check_tiers(tiers: dict[str, list[Label]]) -> dict[str, list[Label]]:
    """Give tiers back where there are as many as can be drawn."""
    if not 1 <= len(tiers) <= MOST_TIERS:
        raise DataError(f"tiers: found {len(tiers)}, expected 1 to {MOST_TIERS}")
    return tiers


def width_of(seconds: float) -> float:
    """Give the inches that a stretch of speech asks for."""
    return 1.0 + float(np.clip(INCHES_A_SECOND * seconds, NARROWEST, WIDEST))


def draw_tiers(parts: Sequence[Axes], tiers: Tiers, limits: tuple[float, float]) -> None:
    """Draw a tier on each part."""
    for part, (name, labels), color in zip(parts, tiers.items(), cycle(COLORS), strict=False):
        _draw_tier(part, name, labels, limits, color)


def draw_lines(ax: Axes, tiers: Tiers, limits: tuple[float, float]) -> None:
    """Draw the boundaries of tiers over a picture: those of phones if there are any.

    Each tier that has some has a part of it, so that no tier's lines hide another's.
    """
    colors = dict(zip(tiers, cycle(COLORS), strict=False))
    phones = [name for name in tiers if name.lower().endswith("phones")]
    found = {name: boundaries(tiers[name], *limits) for name in phones or tiers if not name.endswith(NO_LINES)}
    drawn = [name for name, times in found.items() if times]  # who is silent there needs no part
    reach = np.linspace(1, 0, len(drawn) + 1).tolist()
    for name, top, bottom in zip(drawn, reach, reach[1:], strict=False):
        times, color = found[name], TARGETS if name in phones else colors[name]
        ax.vlines(times, bottom, top, transform=ax.get_xaxis_transform(), color=color, linewidth=0.9, alpha=0.85)


def boundaries(labels: Sequence[Label], start: float, end: float) -> list[float]:
    """Starts and ends of labels in a stretch, each once."""
    times = {round(time, 6) for label in labels for time in label[:2]}
    return sorted(time for time in times if start < time < end)


def _draw_tier(ax: Axes, name: str, labels: Sequence[Label], limits: tuple[float, float], color: str) -> None:
    """Draw a tier's boundaries, and the names that have room, as large as they can be."""
    start, end = limits
    inches = ax.get_window_extent().width / ax.figure.dpi / (end - start)
    ax.vlines(boundaries(labels, start, end), 0, 1, color=color, linewidth=1.0)
    for label in labels:
        first, last = max(label.start, start), min(label.end, end)
        size = min(LARGEST, 0.94 * (last - first) * inches / (LETTER * max(len(label.name), 1)))
        if last > first and size >= SMALLEST:
            middle = (first + last) / 2
            ax.text(middle, 0.47, plain(label.name), ha="center", va="center", color=INK, fontsize=size)
    ax.set(yticks=[], ylim=(0, 1))
    ax.spines["left"].set_visible(False)
    ax.spines["bottom"].set_color(MUTED)
    ax.set_ylabel(plain(name), rotation=0, ha="right", va="center", color=color)
