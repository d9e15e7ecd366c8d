"""Agreement of two labelings on boundaries: for matching labels, and by time alone.

A boundary is the start of a label other than silence, or its end before silence. Boundaries of matching labels show how
far a hypothesis is off (`boundary_agreement`). Boundaries as events without names show which are found and which are
surplus within a tolerance (`detect_boundaries`), even if the labels differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import check_positive
from gmmspeech.metrics.error_rate import Times, align_symbols, check_same

_SAME = 1e-6  # s: far more than the rounding of sums of seconds, far less than a sample
_GAP = 0.001  # s: files round a start and a duration apart, so that labels that touch have gaps
TOLERANCES = (0.005, 0.010, 0.020, 0.050)  # s
SILENCE, OTHER = "silence", "other"  # classes of what has no name, and of names without a class


class _Boundary(NamedTuple):
    """Where one label ends and another begins; "" is the name of silence."""

    time: float
    before: str
    after: str
    label: int
    is_end: bool


@dataclass(frozen=True, eq=False)
class BoundaryAgreement:
    """Distances in time between the boundaries of matched labels.

    Parameters
    ----------
    num_reference : int
        Boundaries of the reference.
    differences : ndarray, shape (N,), float64
        For the N that have a partner: time of the hypothesis minus that of the reference, in seconds.
    utterances, before, after : ndarray, shape (N,), str
        Utterance, and names of the labels on both sides in the reference; "" means silence, or no label.
    times : ndarray, shape (N,), float64
        Time in the reference.

    Examples
    --------
    >>> reference = {"u": [(0.0, 0.3, "SIL"), (0.3, 0.5, "AA"), (0.5, 0.6, "T")]}
    >>> agreement = boundary_agreement(reference, {"u": [(0.0, 0.31, "AA"), (0.47, 0.6, "T")]})
    >>> agreement.differences.round(3), agreement.within(0.03)
    (array([-0.3 , -0.03]), 0.5)
    >>> round(agreement.mean_absolute, 3), round(agreement.median_absolute, 3), round(agreement.bias, 3)
    (0.165, 0.165, -0.165)
    """

    num_reference: int
    differences: NDArray[np.float64]
    utterances: NDArray[np.str_]
    times: NDArray[np.float64]
    before: NDArray[np.str_]
    after: NDArray[np.str_]

    @property
    def matched(self) -> float:
        """Share of the reference's boundaries that have a partner."""
        return len(self.differences) / self.num_reference if self.num_reference else float("nan")

    @property
    def mean_absolute(self) -> float:
        """Mean absolute difference in seconds (boundary error); NaN without boundaries."""
        return float(np.mean(np.abs(self.differences))) if len(self.differences) else float("nan")

    @property
    def median_absolute(self) -> float:
        """Median absolute difference in seconds; NaN without boundaries."""
        return float(np.median(np.abs(self.differences))) if len(self.differences) else float("nan")

    @property
    def bias(self) -> float:
        """Mean difference in seconds, above 0 if the hypothesis is late; NaN without boundaries."""
        return float(np.mean(self.differences)) if len(self.differences) else float("nan")

    @property
    def median(self) -> float:
        """Median signed difference in seconds; NaN without boundaries."""
        return float(np.median(self.differences)) if len(self.differences) else float("nan")

    def within(self, tolerance: float = 0.02) -> float:
        """Share of the matched boundaries that are at most `tolerance` seconds apart; NaN without boundaries."""
        if not len(self.differences):
            return float("nan")
        return float(np.mean(~self.beyond(tolerance)))

    def beyond(self, tolerance: float = 0.02) -> NDArray[np.bool_]:
        """Mask of the matched boundaries that are more than `tolerance` seconds apart."""
        far: NDArray[np.bool_] = np.abs(self.differences) > tolerance + _SAME
        return far

    @property
    def is_end(self) -> NDArray[np.bool_]:
        """Mask of the boundaries that are ends of labels before silence."""
        return self.after == ""

    def of(self, rows: NDArray) -> BoundaryAgreement:
        """Select some of the matched boundaries, by index or mask."""
        names = ("differences", "utterances", "times", "before", "after")
        chosen = {name: getattr(self, name)[rows] for name in names}
        return replace(self, num_reference=len(chosen["differences"]), **chosen)

    def by_class(self, classes: Mapping[str, str]) -> dict[tuple[str, str], BoundaryAgreement]:
        """Split by the classes of the labels on both sides, the most frequent pair first.

        Names that are not in `classes` have the class "other", silence has "silence".

        Examples
        --------
        >>> reference = {"u": [(0.0, 0.3, "SIL"), (0.3, 0.5, "AA"), (0.5, 0.6, "T")]}
        >>> agreement = boundary_agreement(reference, {"u": [(0.31, 0.52, "AA"), (0.52, 0.6, "T")]})
        >>> parts = agreement.by_class({"AA": "vowel", "T": "stop"})
        >>> {pair: round(part.mean_absolute, 3) for pair, part in parts.items()}
        {('silence', 'vowel'): 0.01, ('vowel', 'stop'): 0.02}
        """
        named = {"": SILENCE, **classes}
        pairs = [
            (named.get(a, OTHER), named.get(b, OTHER))
            for a, b in zip(self.before.tolist(), self.after.tolist(), strict=True)
        ]
        rows: dict[tuple[str, str], list[int]] = {}
        for i, pair in enumerate(pairs):
            rows.setdefault(pair, []).append(i)
        return {pair: self.of(np.array(rows[pair])) for pair in sorted(rows, key=lambda pair: (-len(rows[pair]), pair))}


@checked
def boundary_agreement(
    reference: Mapping[str, Times],
    hypothesis: Mapping[str, Times],
    *,
    ignore: Collection[str] = ("SIL",),
    ends: bool = False,
) -> BoundaryAgreement:
    """Compare the boundaries of two labelings.

    Labels are matched in order, as for `error_rate`: one by one if both sides have the same names; otherwise by minimum
    edit distance, and only labels with the same name on both sides are compared.

    Parameters
    ----------
    reference, hypothesis : mapping of str to sequence of tuple
        Labels of the same utterances, as tuples of start and end in seconds and name.
    ignore : collection of str
        Names of silence.
    ends : bool
        Also compare the ends of labels before silence (of the reference), not only starts.

    Returns
    -------
    BoundaryAgreement

    Raises
    ------
    DataError
        An utterance that only one side has; the message names it.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> reference = {"u": [(0.1, 0.3, "AA"), (0.3, 0.5, "T")]}
    >>> found = gs.metrics.boundary_agreement(reference, {"u": [(0.1, 0.32, "AA"), (0.32, 0.49, "T")]}, ends=True)
    >>> found.differences.round(3).tolist(), found.before.tolist(), found.after.tolist()
    ([0.0, 0.02, -0.01], ['', 'AA', 'T'], ['AA', 'T', ''])
    """
    check_same(reference, hypothesis)
    count = 0
    found: list[tuple[float, str, float, str, str]] = []
    for name in reference:
        ours, theirs = (_spoken(side[name], ignore) for side in (reference, hypothesis))
        partners = partners_of([label[2] for label in ours], [label[2] for label in theirs])
        for boundary in _boundaries(ours, ends=ends):
            count += 1
            if boundary.label in partners:
                start, end, _ = theirs[partners[boundary.label]]
                other = end if boundary.is_end else start
                found.append((other - boundary.time, name, boundary.time, boundary.before, boundary.after))
    differences, utterances, times, before, after = zip(*found, strict=True) if found else ((),) * 5
    return BoundaryAgreement(
        count,
        np.array(differences, np.float64),
        np.array(utterances, np.str_),
        np.array(times, np.float64),
        np.array(before, np.str_),
        np.array(after, np.str_),
    )


@dataclass(frozen=True)
class BoundaryDetection:
    """Boundaries found within a tolerance, whatever their labels.

    Parameters
    ----------
    hits : int
        Number of matched boundaries, one to one.
    num_reference, num_hypothesis : int
        Number of boundaries on each side.

    Examples
    --------
    >>> found = BoundaryDetection(hits=8, num_reference=10, num_hypothesis=10)
    >>> found.precision, found.recall, round(found.f1, 3), round(found.r_value, 3)
    (0.8, 0.8, 0.8, 0.829)
    """

    hits: int
    num_reference: int
    num_hypothesis: int

    @property
    def precision(self) -> float:
        """Share of the hypothesis' boundaries that are correct; NaN without boundaries."""
        return self.hits / self.num_hypothesis if self.num_hypothesis else float("nan")

    @property
    def recall(self) -> float:
        """Share of the reference's boundaries that are found (hit rate); NaN without boundaries."""
        return self.hits / self.num_reference if self.num_reference else float("nan")

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.num_reference + self.num_hypothesis
        return 2 * self.hits / total if total else float("nan")

    @property
    def r_value(self) -> float:
        """R-value: closeness to all hits without surplus boundaries, at best 1; random extra boundaries don't raise it.

        References
        ----------
        O. Räsänen, U. Laine and T. Altosaar, "An improved speech segmentation quality measure: the R-value",
        Interspeech 2009.
        """
        if not self.num_reference:
            return float("nan")
        surplus = self.num_hypothesis / self.num_reference - 1
        ideal = np.hypot(1 - self.recall, surplus)
        line = abs(self.recall - surplus - 1) / np.sqrt(2)
        return float(1 - (ideal + line) / 2)


@checked
def detect_boundaries(
    reference: Mapping[str, Times],
    hypothesis: Mapping[str, Times],
    *,
    tolerance: float = 0.02,
    ignore: Collection[str] = ("SIL",),
) -> BoundaryDetection:
    """Count the boundaries that are found within a tolerance, matched one to one.

    Parameters
    ----------
    reference, hypothesis : mapping of str to sequence of tuple
        Labels of the same utterances, as tuples of start and end in seconds and name.
    tolerance : float
        Maximum distance of a boundary from its partner in seconds.
    ignore : collection of str
        Names of silence; boundaries between two of these don't count.

    Returns
    -------
    BoundaryDetection

    Raises
    ------
    DataError
        An utterance that only one side has; the message names it.
    ConfigError
        A tolerance that is not above 0.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> reference = {"u": [(0.1, 0.3, "AA"), (0.3, 0.5, "T")]}
    >>> gs.metrics.detect_boundaries(reference, {"u": [(0.11, 0.36, "AE"), (0.36, 0.4, "T"), (0.4, 0.5, "S")]})
    BoundaryDetection(hits=2, num_reference=3, num_hypothesis=4)
    """
    check_positive(tolerance=tolerance)
    check_same(reference, hypothesis)
    hits = ours = theirs = 0
    for name in reference:
        one, other = (
            sorted(boundary.time for boundary in _boundaries(_spoken(side[name], ignore), ends=True))
            for side in (reference, hypothesis)
        )
        hits += _hits(one, other, tolerance + _SAME)
        ours, theirs = ours + len(one), theirs + len(other)
    return BoundaryDetection(hits, ours, theirs)


def _spoken(labels: Times, ignore: Collection[str]) -> list[tuple[float, float, str]]:
    return [label for label in labels if label[2] not in ignore]


def _boundaries(labels: Times, *, ends: bool) -> Iterator[_Boundary]:
    """Boundaries of an utterance's labels without silence; perhaps also where labels end in front of silence."""
    before, last = "", -np.inf
    for i, (start, end, name) in enumerate(labels):
        yield _Boundary(start, before if start - last <= _GAP else "", name, i, False)
        before, last = name, end
        following = labels[i + 1][0] if i + 1 < len(labels) else np.inf
        if ends and following - end > _GAP:
            yield _Boundary(end, name, "", i, True)


def partners_of(ours: Sequence[str], theirs: Sequence[str]) -> dict[int, int]:
    """Place of the label of the same name on the other side, for each label that has one."""
    if ours == theirs:
        return dict(zip(range(len(ours)), range(len(ours)), strict=True))
    found, i, j = {}, 0, 0
    for a, b in align_symbols(ours, theirs):
        if a == b:
            found[i] = j
        i, j = i + bool(a), j + bool(b)
    return found


def _hits(ours: Sequence[float], theirs: Sequence[float], tolerance: float) -> int:
    """Give the most pairs of sorted times that can be made within a tolerance: the earliest ones, again and again."""
    i = j = hits = 0
    while i < len(ours) and j < len(theirs):
        if abs(ours[i] - theirs[j]) <= tolerance:
            i, j, hits = i + 1, j + 1, hits + 1
        elif ours[i] < theirs[j]:
            i += 1
        else:
            j += 1
    return hits
