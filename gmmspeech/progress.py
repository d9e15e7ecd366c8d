"""Progress bars: on stderr in a terminal, or as widgets in a notebook.

A bar appears after two seconds. Functions that may take longer have an argument ``progress``; if it is false, nothing
is shown.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from gmmspeech.errors import bars_wanted, say_step

if TYPE_CHECKING:
    from tqdm import tqdm

State = TypeVar("State")

DELAY = 2.0  # seconds until a bar appears


def progress(items: Iterable | None = None, *, shown: bool = True, **options: Any) -> tqdm:
    """Wrap an iterable in a bar, or make one to be updated by hand, if it is to be `shown`; `options` of `tqdm.tqdm`.

    Examples
    --------
    >>> [item for item in progress("ab", desc="letters", unit="letter")]
    ['a', 'b']
    """
    options = {"leave": False, "delay": DELAY, "disable": not (shown and is_watched()), **options}
    bar = _notebook_bar(items, **options) if in_notebook() else _terminal_bar(items, **options)
    if not bar.disable:
        first = threading.Timer(options["delay"], bar.refresh)  # the first step may take minutes
        first.daemon = True
        first.start()
    return bar


def _terminal_bar(items: Iterable | None, **options: Any) -> tqdm:
    from tqdm import tqdm  # which takes a while

    return tqdm(items, file=sys.stderr, **options)


def _notebook_bar(items: Iterable | None, **options: Any) -> tqdm:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has no widgets, and shows a bar of text
        from tqdm.auto import tqdm
    return tqdm(items, **options)


def progress_bar(
    description: str, unit: str, total: int | None = None, *, shown: bool = True
) -> Callable[[Iterable], Iterable]:
    """Wrap an iterable in a bar where one is seen, if it is to be `shown`."""
    if not (shown and is_watched()):
        return lambda items: items
    return functools.partial(progress, desc=description, unit=unit, total=total)


@contextmanager
def showing(
    callback: Callable[[State], None] | None,
    count: Callable[[State], int],
    *,
    note: Callable[[State], str] = lambda state: "",
    shown: bool = True,
    **options: Any,
) -> Iterator[Callable[[State], None] | None]:
    """Give a callback that moves a bar to the count of what it is called with, and then calls another one.

    Examples
    --------
    >>> with showing(print, lambda state: state, total=3) as show:
    ...     show(1)
    1
    """
    if not (shown and is_watched()):
        yield callback
        return
    with progress(**options) as bar:

        def show(state: State) -> None:
            bar.set_postfix_str(note(state), refresh=False)
            bar.update(count(state) - bar.n)
            if callback is not None:
                callback(state)

        yield show


def telling(
    description: str, unit: str, pass_of: Callable[[Any], tuple[int, float | None]], *, of: str = "frame"
) -> Callable[[Any], None]:
    """Give a callback that tells each pass of a training, of which it is given number and mean log-likelihood.

    The mean is that `of` a frame, or whatever else is learned from. A line has the
    objective, what the pass gained, and the seconds that it took; where a command is not watched.

    Examples
    --------
    >>> tell = telling("EM", "pass", lambda history: (len(history), history[-1]))
    >>> tell([-45.2])
    """
    began = time.perf_counter()
    last, before = None, 0

    def tell(state: Any) -> None:
        nonlocal began, last, before
        number, log_likelihood = pass_of(state)
        if number <= before:  # another training has begun
            last = None
        words = [f"{description}: {unit} {number}"]
        if log_likelihood is not None:
            words.append(f"{log_likelihood:.4f} nats a {of}")
            words += [] if last is None else [f"gain {log_likelihood - last:+.4f}"]
        now = time.perf_counter()
        say_step(", ".join([*words, f"{now - began:.2f} s"]))
        began, last, before = now, log_likelihood, number

    return tell


def is_watched() -> bool:
    """Say whether someone may see a bar: in a terminal or a notebook, and not of a thread beside others."""
    here = threading.current_thread() is threading.main_thread()
    return here and bars_wanted() and (sys.stderr.isatty() or in_notebook())


def in_notebook() -> bool:
    """Say whether this runs in a notebook's kernel, which alone has imported IPython by then."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return "IPKernelApp" in getattr(shell, "config", {})
