"""The options that all recipes have."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import click

from gmmspeech.cli.errors import report_errors

FOLDER = click.Path(path_type=Path, file_okay=False)


def recipe_command(*, corpus: bool = True, stages: bool = True) -> Callable[[Callable[..., None]], click.Command]:
    """Make a recipe's main function a command.

    It is called with ``corpus`` (Path; unless the recipe makes its own), ``out`` (Path), ``jobs`` (int) and ``stage``
    (int or None; where there are stages), and with the options that it declares itself.

    Parameters
    ----------
    corpus : bool
        Whether the recipe reads a corpus.
    stages : bool
        Whether the recipe has stages, or is done at once.
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
            options.append(click.option("--corpus", type=FOLDER, required=True, help=help_text))
        command = report_errors(function)
        for option in options:
            command = option(command)
        return click.command(help=function.__doc__)(command)

    return decorate
