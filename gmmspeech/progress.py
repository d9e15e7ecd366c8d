"""Bars that show how far a work is, on stderr, silent when that is no terminal."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm


def progress(items: Iterable | None = None, **options: Any) -> tqdm:
    """Wrap an iterable in a bar, or make one to be updated by hand; `options` of `tqdm.tqdm`.

    Examples
    --------
    >>> [item for item in progress("ab", desc="letters", unit="letter")]
    ['a', 'b']
    """
    from tqdm import tqdm  # which takes a while

    return tqdm(items, disable=None, leave=False, file=sys.stderr, **options)


def progress_bar(description: str, unit: str, total: int | None = None) -> Callable[[Iterable], Iterable]:
    """Wrap an iterable in a bar on stderr, silent when that is no terminal."""
    if not sys.stderr.isatty():
        return lambda items: items
    return functools.partial(progress, desc=description, unit=unit, total=total)
