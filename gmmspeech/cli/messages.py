"""Messages in the words of the command line: options as they are typed, not as Python's functions call them."""

from __future__ import annotations

import re
from collections.abc import Callable

import click

# What functions call what an option of another name sets.
_FUNCTIONS = {
    "n_resamples": "bootstrap",
    "plda_rank": "rank",
    "insertion_penalty": "penalty",
    "dictionary": "dictionaries",
    "init_model": "init",
    "rung": "ladder",
    "tier": "tiers",
    "tiers": "tier",
}


def option_name(option: click.Parameter) -> str:
    """Give an option's name: the first of its long ones."""
    return next((name for name in option.opts if name.startswith("--")), option.opts[0])


def typed_name(parameter: click.Parameter, context: click.Context) -> str:
    """Give what an argument or option is called in the help."""
    return parameter.make_metavar(context) if isinstance(parameter, click.Argument) else option_name(parameter)


def as_typed(command: click.Command) -> Callable[[str], str]:
    """Give a function that puts a command's options into a message in place of parameters of functions.

    A parameter is known by where it stands: a name of several words anywhere; a plain word before ``: found`` at the
    beginning, or before ``=``. What stands in quotes is what somebody wrote.

    Examples
    --------
    >>> from gmmspeech.cli.main import main
    >>> as_typed(main.commands["score"])("top_c: found 9, expected 1 to 4")
    '--top-c: found 9, expected 1 to 4'
    """
    typed = {
        parameter.name or "": option_name(parameter)
        for parameter in command.params
        if isinstance(parameter, click.Option)
    }
    typed |= {function: typed[name] for function, name in _FUNCTIONS.items() if name in typed and function not in typed}
    names = "|".join(sorted(map(re.escape, typed), key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w./\\'-])(?P<name>{names})(?!:\d|[\w./\\-]|\[)")

    def replace(found: re.Match[str]) -> str:
        name, rest = found["name"], found.string[found.end() :]
        first = found.start() == 0 and rest.startswith(": ")
        return typed[name] if "_" in name or first or re.match(r" ?=(?!=)", rest) else name

    return lambda message: pattern.sub(replace, message)
