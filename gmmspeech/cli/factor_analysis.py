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
@click.option("-r", "--rank", type=click.IntRange(1), default=20, help="Dimension of the session subspace.")
@click.option(
    "--relevance-factor",
    type=click.FloatRange(0, min_open=True),
    default=16.0,
    help="Weight of the background model in enrollment, in frames.",
)
@max_iter_option
@seed_option
@jobs_option
def train_isv(ubm: Path, stats: Path, utt2spk: Path, isv: Path, rank: int, max_iter: int, **options: Any) -> None:
    """Train inter-session variability (ISV).

    STATS.h5 has statistics of utterances under UBM.h5. Each line of UTT2SPK has a training utterance, which counts as a
    session, and its speaker. Speakers need several utterances, and there must be at least as many utterances as the
    rank. `score-statistics` uses ISV.h5.
    """
    from gmmspeech.commands.factor_analysis import train_isv_file

    train_isv_file(ubm, stats, utt2spk, isv, rank, max_iter=max_iter, **options)
    tell(f"ISV: rank {rank} of sessions, {counted(max_iter, 'iteration')}")


@command("train-jfa")
@click.argument("ubm", metavar="UBM.h5", type=FILE)
@click.argument("stats", metavar="STATS.h5", type=FILE)
@click.argument("utt2spk", type=LIST)
@click.argument("jfa", metavar="JFA.h5", type=OUT)
@click.option("--speaker-rank", type=click.IntRange(1), default=20, help="Dimension of the speaker subspace.")
@click.option("--session-rank", type=click.IntRange(1), default=20, help="Dimension of the session subspace.")
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
    """Train joint factor analysis (JFA).

    STATS.h5 has statistics of utterances under UBM.h5. Each line of UTT2SPK has a training utterance, which counts as a
    session, and its speaker. Speakers need several utterances. There must be at least as many speakers as the speaker
    rank, and as many utterances as the session rank. `score-statistics` uses JFA.h5.
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
@click.option("--enrollment", type=FILE, help="Statistics of the enrollment utterances, if not in STATS.h5.")
@groups_option
@click.option(
    "--max-iter", type=click.IntRange(1), default=1, help="Number of rounds that separate speaker and sessions."
)
@jobs_option
def score_statistics(model: Path, stats: Path, spk2utt: Path, trials: Path, scores: Path, **options: Any) -> None:
    """Score trials by ISV or JFA.

    MODEL.h5 is the output of train-isv or train-jfa. Each line of SPK2UTT has a model and its enrollment utterances,
    which count as sessions. Each line of TRIALS has a model, a test utterance and optionally target or nontarget. Each
    line of SCORES has model, test and score: linear scores in nats a frame, compensated for the test's session.
    """
    from gmmspeech.commands.factor_analysis import score_statistics_file

    done = score_statistics_file(model, stats, spk2utt, trials, scores, **options)
    tell(f"{counted(len(done), 'trial')} scored")
