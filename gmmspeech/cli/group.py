"""The `gmmspeech` command, and what its subcommands share; they register themselves with `command`."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from gmmspeech.cli.catalog import example_of
from gmmspeech.cli.messages import as_typed
from gmmspeech.cli.places import CONFIG, LIST, OUT, READ, WRITTEN, checked_places, remedy_of
from gmmspeech.cli.process import Main, standard_output, traceback_shown
from gmmspeech.cli.streams import streams_of
from gmmspeech.cli.verbosity import told, verbosity_options
from gmmspeech.errors import GmmSpeechError, say, shown, warnings_said

jobs_option = click.option(
    "--jobs", "n_jobs", type=click.IntRange(1), default=1, show_default=True, help="Number of threads."
)
scheduler_option = click.option(
    "--scheduler", metavar="ADDRESS", help="Run on the Dask cluster with this scheduler, such as tcp://10.0.0.7:8786."
)
max_iter_option = click.option("--max-iter", type=click.IntRange(1), default=10, help="Number of EM iterations.")
seed_option = click.option("--seed", "random_state", type=int, default=0, help="Seed of the random start of EM.")
groups_option = click.option(
    "--groups",
    type=LIST,
    show_default="each utterance is a test",
    help="File with a test and the utterances that are scored as one in each line.",
)
skip_bad_option = click.option(
    "--skip-bad/--strict",
    "skip_bad",
    default=False,
    show_default="stop",
    help="Leave out bad utterances, listed and counted, or stop at the first.",
)
strict_option = click.option(
    "--skip-bad/--strict",
    "skip_bad",
    default=None,
    show_default="skip in a folder of recordings, stop in a data directory",
    help="Leave out bad files and utterances, listed and counted, or stop at the first.",
)


class _Channel(click.ParamType):
    """Number of a channel, from 0, or mix."""

    name = "channel"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and value != "mix" and not re.fullmatch("[0-9]{1,9}", value):
            self.fail(f"found {shown(value)}, expected the number of a channel, from 0, or mix", param, ctx)
        return value if value in ("mix", None) else int(value)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return "NUMBER|mix"


CHANNEL = _Channel()


def config_option(**options: Any) -> Callable[[Any], Any]:
    """Give the option that names a front end, with a command's own default."""
    words = "a TOML file, the name of a supplied one such as clean_speech (an unknown name lists them)"
    told = f"Front end, which computes the frames: {words}, or a .conf file of Kaldi or of HTK's HCopy."
    return click.option("--config", type=CONFIG, metavar="FILE|NAME", help=told, **options)


_WHICH_CHANNEL = "Channel of multi-channel recordings: a number from 0, or mix, their mean."
channel_option = click.option("--channel", type=CHANNEL, default="mix", show_default=True, help=_WHICH_CHANNEL)
chosen_channel_option = click.option(
    "--channel", type=CHANNEL, show_default="none: they are refused", help=_WHICH_CHANNEL
)
tiers_option = click.option(
    "--tier",
    "tiers",
    multiple=True,
    metavar="NAME",
    show_default="all except words, phones, notes and the like",
    help="Tier of TextGrids that is a transcript; repeat for several tiers.",
)
times_format_option = click.option(
    "--format",
    type=click.Choice(["textgrid", "ctm", "csv", "json"]),
    show_default="ctm for a data directory, textgrid for a folder",
    help="Format of the files in --out, besides alignment.csv.",
)
allow_pipes_option = click.option(
    "--allow-pipes", is_flag=True, help="Run commands that stand in place of files in wav.scp and arguments."
)

pipes_option = click.option(
    "--allow-pipes", is_flag=True, help="Run commands that stand in place of files in arguments, as in Kaldi."
)


@click.group(
    cls=Main, context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 100}
)
@click.version_option(package_name="gmmspeech")
def main() -> None:
    """Gaussian-mixture acoustic modeling: features, training, adaptation, scoring.

    To get TextGrids of words and phones from recordings with transcripts:

    \b
      gmmspeech align FOLDER --out ALIGNED

    To get an equal error rate from a folder for each speaker, or compare two recordings as evidence:

    \b
      gmmspeech verify FOLDER --out RESULTS
      gmmspeech compare QUESTIONED KNOWN --population FOLDER --out CASE

    To do speaker verification step by step, from a corpus to an equal error rate:

    \b
      gmmspeech features DATA_DIR FEATS.h5 --config clean_speech
      gmmspeech train-ubm FEATS.h5 UBM.h5 -k 64
      gmmspeech enroll UBM.h5 FEATS.h5 SPK2UTT MODELS.h5
      gmmspeech score MODELS.h5 FEATS.h5 TRIALS SCORES
      gmmspeech evaluate SCORES TRIALS --report REPORT

    `gmmspeech demo` shows alignment and verification on synthetic voices. `gmmspeech COMMAND --help` explains a
    command, with an example. FEATS is a file of features written by `features`, scp:PATH or ark:PATH for a Kaldi script
    file or archive (ark:- for a stream, and so on as in Kaldi), or htk:PATH for HTK parameter files. Results go to
    stdout, progress to stderr. The exit status is 0, 1 (the work failed) or 2 (bad usage).
    """


class _Command(click.Command):
    """A command whose options have values of their own; its help ends with its example, made when asked for."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line, and refuse what no type does: nan, and another option where a value is missing."""
        options = [parameter for parameter in self.get_params(ctx) if isinstance(parameter, click.Option)]
        names = {name for option in options for name in (*option.opts, *option.secondary_opts)}
        with_value = {name for option in options if not option.is_flag and not option.count for name in option.opts}
        for word, after in itertools.pairwise(itertools.takewhile(lambda word: word != "--", args)):
            if word in with_value and after in names:
                raise click.BadParameter(f"found the option {after}, expected a value", ctx, param_hint=repr(word))
        with standard_output():  # where help goes
            rest = super().parse_args(ctx, args)
        for parameter in self.params:
            value = ctx.params.get(parameter.name or "")
            values = value if isinstance(value, tuple) else (value,)
            if any(isinstance(each, float) and math.isnan(each) for each in values):
                raise click.BadParameter("found nan, expected a number", ctx, parameter)
        return rest

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options; defaults of one word, such as (2), without the brackets of those in words."""
        records = [record for parameter in self.get_params(ctx) if (record := parameter.get_help_record(ctx))]
        with formatter.section("Options"):
            formatter.write_dl(
                [(names, re.sub(r"\[default: \((\S+)\)", r"[default: \1", told)) for names, told in records]
            )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example."""
        self.epilog = example_of(self.name or "")
        super().format_epilog(ctx, formatter)


def command(name: str) -> Any:
    """Register a command that reports errors in one line; its help ends with its example."""

    def decorate(function: Any) -> click.Command:
        @functools.wraps(function)
        def checked(*, debug: bool, quiet: bool, verbose: bool, log: Path | None, **options: Any) -> None:
            context = click.get_current_context()
            translate = as_typed(context.command)
            said = told(context, quiet=quiet, verbose=verbose, log=log)
            with traceback_shown() if debug else nullcontext(), said, warnings_said(translate):
                try:
                    _through_streams(function, context, options)
                except GmmSpeechError as error:
                    message = translate(str(error))
                    raise type(error)(message + remedy_of(context, message)) from error

        made = verbosity_options(checked, *([pipes_option] if _lacks_pipes(function) else []))
        return main.command(name, cls=_Command)(made)

    return decorate


def _lacks_pipes(function: Any) -> bool:
    """Say whether a command reads or writes what may come from another, or go there, and has no option for it yet."""
    parameters = getattr(function, "__click_params__", [])
    has = any(parameter.name == "allow_pipes" for parameter in parameters)
    return not has and any(parameter.type in (*READ, *WRITTEN, OUT) for parameter in parameters)


def _through_streams(function: Any, context: click.Context, options: dict[str, Any]) -> None:
    """Do what a command does between its streams."""
    translate = as_typed(context.command)
    with streams_of(context, options) as streams:
        if _lacks_pipes(function):  # what was added is of streams alone
            options.pop("allow_pipes")
        try:
            with warnings_said(lambda message: translate(streams.told(message))), checked_places(context):
                for fetch in streams.before:
                    fetch()
                function(**options)
                for deliver in streams.after:
                    deliver()
        except GmmSpeechError as error:
            raise type(error)(streams.told(str(error))) from error


def tell_left_out(skipped: Mapping[str, str]) -> None:
    """Print a line on stderr for every file and utterance that was left out, with its name."""
    tell_skipped(
        reason if re.match(rf"(utterance|recording) {re.escape(name)}[:, ]", reason) else f"{name}: {reason}"
        for name, reason in skipped.items()
    )


def tell_skipped(reasons: Iterable[str]) -> None:
    """Print a line on stderr for every utterance that was left out."""
    translate = as_typed(click.get_current_context().command)
    for reason in reasons:
        say(f"skipped: {translate(reason)}")
