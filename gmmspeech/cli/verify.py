"""The command that goes from a folder of speakers to an equal error rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gmmspeech.cli.group import command, config_option, jobs_option, tell_left_out
from gmmspeech.cli.places import FOLDER, OUT_FOLDER
from gmmspeech.cli.process import tell, tell_columns
from gmmspeech.errors import counted


@command("verify")
@click.argument("folder", type=FOLDER)
@click.option("--out", type=OUT_FOLDER, required=True, help="Folder for all output, including the report.")
@click.option(
    "--protocol",
    type=FOLDER,
    show_default="random, with --seed",
    help="Folder with background, spk2utt and trials; by default the command writes them to OUT/protocol.",
)
@config_option(show_default="clean_speech, at the lowest rate of the recordings, 16 or 8 kHz")
@click.option(
    "--background",
    metavar="MODEL.h5|open",
    show_default="trained on speakers of FOLDER",
    help="Background model of train-ubm, with its front end. open: a model of 200 other speakers that ships "
    "with the package, better for folders with few speakers. All speakers of FOLDER then take part in "
    "trials.",
)
@click.option("--seed", "random_state", type=int, default=0, show_default=True, help="Seed of the random split.")
@jobs_option
def verify(folder: Path, out: Path, config: str | None, **options: Any) -> None:
    """Measure how well speakers can be told apart.

    FOLDER has one subfolder for each speaker, with their recordings in it or in subfolders for sessions. Recordings may
    have any format, rate and name. Speakers are split into a background and those in trials, and recordings of the
    latter into enrollment and test. The command computes features, GMM-UBM, i-vectors with PLDA (from 30 background
    speakers), the pitch of the voices if tests are short, calibration by cross-validation and a report. To resume an
    interrupted run, repeat the same command.
    """
    from gmmspeech.commands.evaluation import rows_of_figures
    from gmmspeech.commands.verify_folder import verify_folder
    from gmmspeech.features.frontend import FrontEnd

    front = None if config is None else FrontEnd.from_file(config)
    found = verify_folder(folder, out, front_end=front, **options)
    tell_left_out(found.left_out)
    for note in found.notes:
        tell(note)
    tell(f"{counted(len(found.evaluation.trials), 'trial')} in {out / 'protocol' / 'trials'}")
    tell_columns(rows_of_figures(found.evaluation))
    tell(f"report: {found.report}")
