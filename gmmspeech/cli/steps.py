"""Options for what lies beside stored features: voice activity, statistics of CMVN, deltas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gmmspeech.cli.places import FEATURES, FILE

_OPTIONS = (
    click.option(
        *("--cmvn", "--apply-cmvn", "cmvn"),
        type=FEATURES,
        metavar="scp:FILE",
        help="Normalize by these statistics, as apply-cmvn does.",
    ),
    click.option(
        *("--cmvn-utt2spk", "cmvn_utt2spk"), type=FILE, help="With --cmvn: speakers that the statistics are of."
    ),
    click.option("--norm-vars", is_flag=True, help="With --cmvn: divide by deviations too."),
    click.option(
        "--deltas", "--add-deltas", "deltas", type=click.IntRange(0, 10), default=0, help="Add deltas of this order."
    ),
    click.option("--delta-window", type=click.IntRange(1, 1000), default=2, help="With --deltas: frames to a side."),
    click.option("--sliding-cmvn", is_flag=True, help="Subtract the mean of 300 frames around each frame."),
    click.option(
        *("--vad", "--select-voiced", "vad"), type=FEATURES, metavar="scp:FILE", help="Keep voiced frames alone."
    ),
    click.option("--subset", type=FILE, help="Keep these utterances alone, one a line."),
)
_NAMES = ("cmvn", "cmvn_utt2spk", "norm_vars", "deltas", "delta_window", "sliding_cmvn", "vad", "subset", "paste")
_SPEAKERS = "--utt2spk"
_KEY = "__gmmspeech_steps__"


def steps_options(function: Any) -> Any:
    """Add the options to a command that reads features; what they ask for is done before it, in their order here."""
    for option in reversed(_OPTIONS):
        function = option(function)
    setattr(function, _KEY, True)
    return function


def utt2spk_for_cmvn(function: Any) -> Any:
    """Let utt2spk be the speakers that statistics of CMVN are of, in a command that has no other use for it."""
    for parameter in function.__click_params__:
        if parameter.name == "cmvn_utt2spk":
            parameter.opts.append(_SPEAKERS)
    return function


def apply_steps(function: Any, context: click.Context, options: dict[str, Any], made: Callable[[str], Path]) -> None:
    """Replace the features that a command reads by what the steps make of them; `made` names a temporary file."""
    if not getattr(function, _KEY, False):
        return
    given = {name: options.pop(name) for name in _NAMES if name in options}
    if not any(value for name, value in given.items() if name != "delta_window"):
        return
    from gmmspeech.commands.feature_steps import prepare_features, read_steps

    steps = read_steps(utt2spk=given.pop("cmvn_utt2spk"), **given)
    for parameter in context.command.params:
        key = parameter.name or ""
        if parameter.type is FEATURES and key not in _NAMES and isinstance(options.get(key), str):
            file = made(options[key])
            prepare_features(options[key], steps, str(file))
            options[key] = f"ark:{file}"
