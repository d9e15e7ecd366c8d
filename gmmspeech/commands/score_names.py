"""Short unique names of score files, and their assignment to the systems of a fusion."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from gmmspeech.errors import DataError, shown


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """Names of files, with as much of their folders as tells them apart."""
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            break
    return names


def check_order(calibration: Path, learned: Sequence[str], scores: Sequence[Path]) -> None:
    """Raise a DataError where the name of a score file has nothing of its system's, and something of another's.

    Files of other trials have other names: only words count that some of the files have and others lack.
    """
    words, known = _words(list(map(str, scores))), _words(learned)
    for place in range(len(scores)):
        if not words[place] & known[place] and any(words[place] & other for other in known):
            order = ", ".join(map(shown, learned))
            found = f"found scores {', '.join(map(shown, scores))}"
            raise DataError(f"{calibration}: {found}, expected them in the order of what it was learned of: {order}")


def _words(names: Sequence[str]) -> list[set[str]]:
    """Words of each name, without those that all have."""
    words = [set(re.split(r"[\W_]+", name.casefold())) - {""} for name in names]
    return [each - set.intersection(*words) for each in words]
