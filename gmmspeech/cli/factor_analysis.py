"""The commands of ISV and JFA: speaker models freed of what sessions do, from statistics of utterances."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gmmspeech.cli.group import command, groups_option, jobs_option, max_iter_option, seed_option
from gmmspeech.cli.places import FILE, LIST, OUT
from gmmspeech.cli.process import tell
from gmmspeech.errors import counted


@command("train-isv")
@click.argument("ubm", metavar="UBM.h5", type=FILE)
@click.argument("stats", metavar="STATS.h5", type=FILE)
@click.argument("utt2spk", type=LIST)
@click.argument("isv", metavar="ISV.h5", type=OUT)
@click.option("-r", "--rank", type=click.IntRange(1), default=20, help="Dimension of the space of sessions.")
@click.option(
    "--relevance-factor",
    type=click.FloatRange(0, min_open=True),
    default=16.0,
    help="Weight of the background model in the enrollment, in frames.",
)
@max_iter_option
@seed_option
@jobs_option
def train_isv(ubm: Path, stats: Path, utt2spk: Path, isv: Path, rank: int, max_iter: int, **options: Any) -> None:
    """Train inter-session variability.

    STATS.h5 has statistics of utterances under UBM.h5. UTT2SPK names those to train on, each a session: in each line
    one, and its speaker. There must be several of a speaker, and at least as many utterances as the rank.
    `score-statistics` takes ISV.h5.
    """
    from gmmspeech.commands.factor_analysis import train_isv_file

    train_isv_file(ubm, stats, utt2spk, isv, rank, max_iter=max_iter, **options)
    tell(f"ISV: rank {rank} of sessions, {counted(max_iter, 'iteration')}")


@command("train-jfa")
@click.argument("ubm", metavar="UBM.h5", type=FILE)
@click.argument("stats", metavar="STATS.h5", type=FILE)
@click.argument("utt2spk", type=LIST)
@click.argument("jfa", metavar="JFA.h5", type=OUT)
@click.option("--speaker-rank", type=click.IntRange(1), default=20, help="Dimension of the space of speakers.")
@click.option("--session-rank", type=click.IntRange(1), default=20, help="Dimension of the space of sessions.")
@max_iter_option
@seed_option
@jobs_option
def train_jfa(
    ubm: Path,
    stats: Path,
    utt2spk: Path,
    jfa: Path,
    speaker_rank: int,
    session_rank: int,
    max_iter: int,
    **options: Any,
) -> None:
    """Train joint factor analysis.

    STATS.h5 has statistics of utterances under UBM.h5. UTT2SPK names those to train on, each a session: in each line
    one, and its speaker. There must be several of a speaker, at least as many speakers as their rank, and as many
    utterances as that of sessions. `score-statistics` takes JFA.h5.
    """
    from gmmspeech.commands.factor_analysis import train_jfa_file

    ranks = {"speaker_rank": speaker_rank, "session_rank": session_rank}
    train_jfa_file(ubm, stats, utt2spk, jfa, **ranks, max_iter=max_iter, **options)
    tell(f"JFA: rank {speaker_rank} of speakers, {session_rank} of sessions, {counted(max_iter, 'iteration')} each")


@command("score-statistics")
@click.argument("model", metavar="MODEL.h5", type=FILE)
@click.argument("stats", metavar="STATS.h5", type=FILE)
@click.argument("spk2utt", type=LIST)
@click.argument("trials", type=FILE)
@click.argument("scores", type=OUT)
@click.option("--enrollment", type=FILE, help="Statistics of the enrollment, if not in STATS.h5.")
@groups_option
@click.option(
    "--max-iter", type=click.IntRange(1), default=1, help="Rounds in which speaker and sessions are told apart."
)
@jobs_option
def score_statistics(model: Path, stats: Path, spk2utt: Path, trials: Path, scores: Path, **options: Any) -> None:
    """Score the trials of a list by ISV or JFA.

    MODEL.h5 is what train-isv or train-jfa wrote. SPK2UTT has a model and its enrollment utterances in each line, each
    a session. TRIALS has a model, a test utterance and perhaps target or nontarget in each line. SCORES gets a line of
    model, test and score for each: linear scores in nats a frame, the shift that the test's session makes taken off.
    """
    from gmmspeech.commands.factor_analysis import score_statistics_file

    done = score_statistics_file(model, stats, spk2utt, trials, scores, **options)
    tell(f"{counted(len(done), 'trial')} scored")
