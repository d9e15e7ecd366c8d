"""The commands that share an iteration of EM among the jobs of a queue: accumulate, estimate."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from gmmspeech.cli.group import command, jobs_option
from gmmspeech.cli.places import FEATURES, FILE, OUT
from gmmspeech.cli.process import tell
from gmmspeech.cli.steps import steps_options
from gmmspeech.errors import counted


def _shard(_: click.Context, parameter: click.Parameter, value: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", value)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise click.BadParameter(f"found {value!r}, expected i/n with i from 1 to n, such as 3/8")
    return int(found[1]), int(found[2])


@command("accumulate")
@click.argument("ubm", metavar="UBM.h5", type=FILE)
@click.argument("feats", type=FEATURES)
@click.argument("stats", metavar="STATS.h5", type=OUT)
@click.option(
    "--shard", metavar="i/n", default="1/1", callback=_shard, help="Process only the i-th of n shards of the frames."
)
@steps_options()
@jobs_option
def accumulate(ubm: Path, feats: str, stats: Path, shard: tuple[int, int], beside: Any, n_jobs: int) -> None:
    """Compute the sums that EM needs of frames.

    This splits an iteration of train-ubm into shards. Each job of a queue runs it on a shard of the frames, or on its
    own features; `estimate` then makes a new model from all statistics. FEATS is a file of features written by
    `features`, or scp:PATH.
    """
    from gmmspeech.commands.statistics import accumulate_file

    summed = accumulate_file(ubm, feats, stats, shard=shard[0], num_shards=shard[1], beside=beside, n_jobs=n_jobs).stats
    tell(f"{counted(summed.num_frames, 'frame', '.0f')}, {summed.log_likelihood / summed.num_frames:.4f} nats a frame")


@command("estimate")
@click.argument("ubm", metavar="UBM.h5", type=FILE)
@click.argument("stats", metavar="STATS.h5...", type=FILE, nargs=-1, required=True)
@click.argument("out", metavar="OUT.h5", type=OUT)
def estimate(ubm: Path, stats: tuple[Path, ...], out: Path) -> None:
    """Update a model from accumulated statistics.

    STATS.h5 are the outputs of `accumulate` under UBM.h5, all shards, in any order. OUT.h5 is the result of one
    iteration of train-ubm from UBM.h5.
    """
    from gmmspeech.commands.statistics import estimate_file

    gmm = estimate_file(ubm, stats, out)
    tell(
        f"{counted(len(gmm.weights_), 'component')}, {counted(gmm.num_frames_ or 0, 'frame', '.0f')}, "
        f"{gmm.history_[-1]:.4f} nats a frame"
    )
