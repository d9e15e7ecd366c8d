"""Phone and word error rates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import kaldialign

from gmmspeech.arguments import checked
from gmmspeech.errors import DataError, counted

Times = Sequence[tuple[float, float, str]]
"""Labels: start and end in seconds, name."""

_NOTHING = "\0"  # stands for a missing partner; no name of a phone or word can be that


@dataclass(frozen=True)
class ErrorRate:
    """Counts of a minimum edit distance.

    Attributes
    ----------
    num_reference : int
        Number of symbols in the references.
    substitutions, deletions, insertions : int
    confusions : Counter
        Count of each aligned pair (reference, hypothesis) of different symbols; "" stands for a missing symbol.

    Examples
    --------
    >>> counts = error_rate({"u": ["AA", "B", "S"]}, {"u": ["AA", "P"]})
    >>> counts.rate, counts.substitutions, counts.deletions, counts.insertions
    (0.666..., 1, 1, 0)
    >>> counts.confusions.most_common()
    [(('B', 'P'), 1), (('S', ''), 1)]
    """

    num_reference: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    confusions: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Phone or word error rate: errors per symbol of the references, which may exceed one."""
        errors = self.substitutions + self.deletions + self.insertions
        return errors / self.num_reference if self.num_reference else float("nan")

    def __add__(self, other: ErrorRate) -> ErrorRate:
        return ErrorRate(
            self.num_reference + other.num_reference,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.confusions + other.confusions,
        )

    def __str__(self) -> str:
        nouns = ("substitution", "deletion", "insertion")
        errors = ", ".join(counted(getattr(self, f"{noun}s"), noun) for noun in nouns)
        return f"{100 * self.rate:.2f} % of {self.num_reference}: {errors}"


@checked
def error_rate(
    references: Mapping[str, Sequence[str]],
    hypotheses: Mapping[str, Sequence[str]],
    *,
    ignore: Collection[str] = ("SIL",),
) -> ErrorRate:
    """Count phone or word errors: the minimum number of substitutions, deletions and insertions, each of cost one.

    Parameters
    ----------
    references : mapping of str to sequence of str
        Phones or words of each utterance.
    hypotheses : mapping of str to sequence of str
        Recognized phones or words of every utterance of the references.
    ignore : collection of str
        Symbols that are not scored, on both sides.

    Returns
    -------
    ErrorRate

    Raises
    ------
    DataError
        An utterance that only one side has; the message names it.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> print(gs.metrics.error_rate({"u": ["AA", "B", "S"]}, {"u": ["AA", "P"]}))
    66.67 % of 3: 1 substitution, 1 deletion, 0 insertions
    """
    check_same(references, hypotheses)
    total = ErrorRate()
    for name in references:
        reference, hypothesis = ([s for s in side[name] if s not in ignore] for side in (references, hypotheses))
        total += _count(reference, hypothesis)
    return total


def _count(reference: Sequence[str], hypothesis: Sequence[str]) -> ErrorRate:
    confusions = Counter(pair for pair in align_symbols(reference, hypothesis) if pair[0] != pair[1])
    deletions = sum(number for (_, b), number in confusions.items() if not b)
    insertions = sum(number for (a, _), number in confusions.items() if not a)
    substitutions = confusions.total() - deletions - insertions
    return ErrorRate(len(reference), substitutions, deletions, insertions, confusions)


def align_symbols(reference: Sequence[str], hypothesis: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs along a least number of edits; "" is where a side has no partner."""
    pairs = kaldialign.align(list(reference), list(hypothesis), _NOTHING)
    return [("" if a == _NOTHING else a, "" if b == _NOTHING else b) for a, b in pairs]


def check_same(references: Mapping[str, object], hypotheses: Mapping[str, object]) -> None:
    """Raise a DataError that names an utterance which only one side has."""
    for owner, names, others in (("hypotheses", references, hypotheses), ("references", hypotheses, references)):
        missing = [name for name in names if name not in others]
        if missing:
            raise DataError(
                f"{owner}: found nothing for utterance {missing[0]}, expected all {counted(len(names), 'utterance')}"
            )
