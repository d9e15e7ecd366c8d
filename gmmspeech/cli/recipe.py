"""The options that all recipes have."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gmmspeech.errors import DownloadError, report_errors

FOLDER = click.Path(path_type=Path, file_okay=False)


def recipe_command(
    *, corpus: bool = True, stages: bool = True, fetch: str | None = None, quick: str | None = None
) -> Callable[[Callable[..., None]], click.Command]:
    """Make a recipe's main function a command.

    It is called with ``corpus`` (Path; unless the recipe makes its own), ``out`` (Path), ``jobs`` (int) and ``stage``
    (int or None; where there are stages), and with the options that it declares itself.

    Parameters
    ----------
    corpus : bool
        Whether the recipe reads a corpus.
    stages : bool
        Whether the recipe has stages, or is done at once.
    fetch : str, optional
        Open corpus that is fetched where ``--corpus`` is not given.
    quick : str, optional
        Smaller one in its place for ``--quick``; the function is called with ``quick`` (bool) then.
    """

    def decorate(function: Callable[..., None]) -> click.Command:
        jobs = os.cpu_count() or 1
        options = [
            click.option("--debug", is_flag=True, help="Show the traceback of an error."),
            click.option("--jobs", type=click.IntRange(1), default=jobs, help="Threads.  [default: one a core]"),
            click.option("--out", type=FOLDER, required=True, help="Folder for everything the recipe makes."),
        ]
        if stages:
            help_text = "Begin with this stage; do it and all later ones anew."
            options.insert(1, click.option("--stage", type=int, help=help_text))
        if corpus:
            help_text = "Folder of the corpus, with audio/ and data/."
            default = "  [default: fetched from its origin]" if fetch else ""
            options.append(click.option("--corpus", type=FOLDER, required=not fetch, help=help_text + default))
        if quick:
            options.append(click.option("--quick", is_flag=True, help=f"A quick try, on the corpus {quick}."))
        command = report_errors(_with_corpus(function, fetch, quick) if fetch else function)
        for option in options:
            command = option(command)
        return click.command(help=function.__doc__)(command)

    return decorate


def fetched(name: str, *, option: str = "--corpus") -> Path:
    """Fetch an open corpus; an error tells of the option that takes one from a folder.

    Raises
    ------
    DownloadError, DataError
        As `gmmspeech.corpora.open_corpora.fetch_corpus`.
    """
    from gmmspeech.corpora.open_corpora import fetch_corpus  # whose libraries for downloads take time to import

    try:
        return fetch_corpus(name)
    except DownloadError as error:
        raise DownloadError(f"{error}; {option} DIR takes the corpus from a folder instead") from error


def _with_corpus(function: Callable[..., None], name: str, quick: str | None) -> Callable[..., None]:
    """Wrap a recipe's main function: where no corpus is given, it is fetched."""

    @functools.wraps(function)
    def wrapped(*, corpus: Path | None, **options: Any) -> None:
        chosen = quick if quick and options["quick"] else name
        function(corpus=fetched(chosen) if corpus is None else corpus, **options)

    return wrapped
