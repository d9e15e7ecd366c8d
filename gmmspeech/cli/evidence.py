"""The command that compares recordings as evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gmmspeech.cli.group import command, config_option, jobs_option, tell_left_out
from gmmspeech.cli.places import FILE, FOLDER, OUT_FOLDER
from gmmspeech.cli.process import tell


@command("compare")
@click.argument("questioned", type=FILE)
@click.argument("known", type=FILE, nargs=-1, required=True)
@click.option(
    "--population",
    type=FOLDER,
    required=True,
    help="Recordings of the relevant population: one subfolder for each speaker, or a data directory.",
)
@click.option("--out", type=OUT_FOLDER, required=True, help="Folder for the report and all intermediate files.")
@click.option(
    "--conditions",
    default="",
    show_default="as recorded",
    help="Conditions of the questioned recording, applied to the population's test recordings: telephone, gsm, "
    "mp3, opus, noise:DB, separated by commas.",
)
@click.option(
    "--known-conditions",
    default="",
    show_default="as recorded",
    help="Conditions of the known recordings, applied to the population's enrollment recordings.",
)
@config_option(default="voice_comparison")
@click.option(
    "-k",
    "--components",
    "n_components",
    type=click.IntRange(1),
    show_default="by the number of speakers",
    help="Number of components of the background model.",
)
@click.option("--seed", "random_state", type=int, default=0, help="Seed of the random split of the population.")
@jobs_option
def compare(questioned: Path, known: tuple[Path, ...], population: Path, out: Path, **options: Any) -> None:
    """Compare voices by a likelihood ratio.

    QUESTIONED is a recording of an unknown speaker, KNOWN are recordings of one known speaker. How probable is
    QUESTIONED if that speaker speaks in it, and how probable if another speaker of the population does? Some speakers
    of the population train the system. Trials of the others, made like the case, calibrate it and validate its ratios.
    The report, index.html, can be printed on paper.
    """
    from gmmspeech.commands.evidence import compare_recordings
    from gmmspeech.report.evidence import points, verdict

    found = compare_recordings(questioned, known, population, out, **options)
    tell_left_out(found.left_out)
    cost = found.intervals["cllr"]
    tell(verdict(found))
    decades = [x / 2.302585092994046 for x in (found.llr.value, found.llr.low, found.llr.high)]
    tell(f"log10 LR {decades[0]:.2f} ({decades[1]:.2f} to {decades[2]:.2f})")
    tell(f"validation: {found.num_speakers} speakers, Cllr {cost.value:.3f} ({cost.low:.3f} to {cost.high:.3f})")
    for asked, answer, holds in points(found):
        if holds == "no":
            tell(f"does not hold: {asked} ({answer})")
    for note in found.notes:
        tell(note)
    tell(f"report: {out / 'index.html'}")
