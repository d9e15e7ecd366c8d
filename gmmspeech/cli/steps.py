"""Options for what lies beside stored features: voice activity, statistics of CMVN, deltas."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from gmmspeech.cli.places import FEATURES, LIST
from gmmspeech.errors import ConfigError

_OPTIONS = (
    click.option(
        *("--cmvn", "--apply-cmvn", "cmvn"),
        type=FEATURES,
        metavar="scp:FILE",
        help="Normalize by these statistics, like apply-cmvn.",
    ),
    click.option(
        *("--cmvn-utt2spk", "cmvn_utt2spk"),
        type=LIST,
        help="With --cmvn: file with utterances and the speakers of the statistics.",
    ),
    click.option("--norm-vars", is_flag=True, help="With --cmvn: normalize variances too."),
    click.option(
        "--deltas", "--add-deltas", "deltas", type=click.IntRange(0, 10), default=0, help="Add deltas of this order."
    ),
    click.option(
        "--delta-window",
        type=click.IntRange(1, 1000),
        show_default="2",
        help="With --deltas: number of frames on each side.",
    ),
    click.option(
        "--sliding-cmvn",
        is_flag=True,
        help="Subtract the mean of the 300 frames around each, as in Kaldi's speaker recipes; the window is fixed.",
    ),
    click.option(
        *("--vad", "--select-voiced", "vad"), type=FEATURES, metavar="scp:FILE", help="Keep only voiced frames."
    ),
    click.option("--subset", type=LIST, help="Keep only these utterances, one on each line."),
)
skip_steps_option = click.option(
    "--skip-bad/--strict",
    "skip_steps",
    default=False,
    show_default="stop",
    help="Leave out utterances without voice activity or CMVN statistics, listed and counted, or stop at the first.",
)
_NAMES = ("cmvn", "cmvn_utt2spk", "norm_vars", "deltas", "delta_window", "sliding_cmvn", "vad", "subset", "paste")
_SPEAKERS = "--utt2spk"
_KEY = "__gmmspeech_steps__"


def steps_options(function: Any) -> Any:
    """Add the options to a command that reads features, as its parameter `beside`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    setattr(function, _KEY, True)
    return function


feats_option = click.option(
    "--feats",
    type=FEATURES,
    metavar="scp:FILE",
    help="Use these features, such as Kaldi's feats.scp, instead of computing them from the recordings.",
)


def utt2spk_for_cmvn(function: Any) -> Any:
    """Let utt2spk be the speakers that statistics of CMVN are of, in a command that has no other use for it."""
    for parameter in function.__click_params__:
        if parameter.name == "cmvn_utt2spk":
            parameter.opts.insert(0, _SPEAKERS)
    return function


def stored_or_none(feats: str | None, beside: Any) -> Any:
    """Give stored features with what lies beside them, if they are to be taken."""
    from gmmspeech.commands.stored_features import NOTHING, Stored

    if feats is None and beside != NOTHING:
        raise ConfigError("found what is done to stored features without --feats, expected both")
    return None if feats is None else Stored(feats, beside)


def gather_steps(function: Any, options: dict[str, Any]) -> None:
    """Read what a command's options ask to be done to features, and what lies beside them, for it as `beside`."""
    if not getattr(function, _KEY, False):
        return
    from gmmspeech.commands.stored_features import read_beside

    given = {name: options.pop(name) for name in _NAMES if name in options}
    skip = options.pop("skip_steps", False)
    options["beside"] = replace(read_beside(**given), skipped={} if skip else None)
