"""Options of features: what lies beside stored ones, such as CMVN, and how speech in a folder is read."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click
from click.core import ParameterSource

from gmmspeech.cli.group import allow_pipes_option, channel_option, strict_option, tell_skipped
from gmmspeech.cli.messages import option_name
from gmmspeech.cli.places import FEATURES, LIST
from gmmspeech.errors import ConfigError, say

_CMVN = click.option(
    *("--cmvn", "--apply-cmvn", "cmvn"),
    type=FEATURES,
    metavar="scp:FILE",
    help="Normalize by these statistics, like apply-cmvn.",
)
_OTHERS = (
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
_NAMES = ("cmvn", "cmvn_utt2spk", "norm_vars", "deltas", "delta_window", "sliding_cmvn", "vad", "subset", "paste")


_SKIP = click.option(
    "--skip-bad/--strict",
    "skip_steps",
    default=False,
    show_default="stop",
    help="Leave out utterances without voice activity or CMVN statistics, listed and counted, or stop at the first.",
)


def steps_options(*, skip: bool = False, has_utt2spk: bool = False) -> Callable[[Any], Any]:
    """Give what adds the options to a command that reads features, which gets what they ask for as `beside`.

    With `skip`, utterances that lack something can be left out; they are listed when the command is done. --utt2spk is
    the speakers of CMVN's statistics, unless the command has another use for it.
    """
    speakers = click.option(
        *([] if has_utt2spk else ["--utt2spk"]),
        *("--cmvn-utt2spk", "cmvn_utt2spk"),
        type=LIST,
        help="With --cmvn: file with utterances and the speakers of the statistics.",
    )

    def decorate(function: Any) -> Any:
        @functools.wraps(function)
        def with_beside(**options: Any) -> None:
            from gmmspeech.commands.stored_features import read_beside

            given = {name: options.pop(name) for name in _NAMES if name in options}
            skipped: dict[str, str] | None = {} if options.pop("skip_steps", False) else None
            function(**options, beside=replace(read_beside(**given), skipped=skipped))
            if skipped:
                tell_skipped(skipped.values())
                say(f"{len(skipped)} skipped")

        made: Any = with_beside
        for option in reversed((*([_SKIP] if skip else []), _CMVN, speakers, *_OTHERS)):
            made = option(made)
        return made

    return decorate


def _given() -> str:
    """Names of the options about stored features that were given."""
    context = click.get_current_context()
    given = {name for name in _NAMES if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    return ", ".join(option_name(option) for option in context.command.params if option.name in given)


def speech_options(function: Any) -> Any:
    """Add the options of how speech in a folder is read, or of features to take instead, which are `stored`."""

    @functools.wraps(function)
    def with_stored(*, feats: str | None, beside: Any, **options: Any) -> None:
        from gmmspeech.commands.stored_features import NOTHING, Stored

        if feats is None and beside != NOTHING:
            raise ConfigError(f"found {_given()} without --feats, expected both: it is about stored features")
        function(**options, stored=None if feats is None else Stored(feats, beside))

    feats_option = click.option(
        "--feats",
        type=FEATURES,
        metavar="scp:FILE",
        help="Use these features, such as Kaldi's feats.scp, instead of computing them from the recordings.",
    )
    of_recordings = channel_option(allow_pipes_option(strict_option(with_stored)))
    return feats_option(steps_options()(of_recordings))
