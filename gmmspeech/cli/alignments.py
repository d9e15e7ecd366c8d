"""The commands that look at alignments: compare-alignment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from gmmspeech.cli.group import command
from gmmspeech.cli.places import FILE_OR_FOLDER, OUT
from gmmspeech.cli.process import tell, tell_columns
from gmmspeech.errors import ConfigError, say


@command("compare-alignment")
@click.argument("reference", metavar="REF", type=FILE_OR_FOLDER)
@click.argument("hypothesis", metavar="HYP", type=FILE_OR_FOLDER)
@click.option(
    "--tolerance",
    type=click.FloatRange(1),
    default=20.0,
    help="Milliseconds, for precision, recall, F1 and R-value.",
)
@click.option(
    "--tier",
    "tiers",
    multiple=True,
    show_default="the only one, or phones",
    help="Tier of both sides, such as words; given twice, that of REF and that of HYP.",
)
@click.option(
    "--fold",
    type=click.Choice(["timit39"]),
    help="Rename phones of ARPAbet, TIMIT and Buckeye to TIMIT's 39 on both sides.",
)
@click.option("--plot", type=OUT, metavar="FILE.png", help="Draw the errors: a histogram, and by manner.")
def compare_alignment(
    reference: Path, hypothesis: Path, tolerance: float, tiers: Sequence[str], fold: str | None, plot: Path | None
) -> None:
    """Tell how far the boundaries of HYP are from those of REF.

    REF and HYP are a file or a folder each: TextGrids, CTM, MLF, TIMIT's .phn and .wrd, Buckeye's .phones and .words,
    HTK's .lab, Audacity's labels, or what `align` wrote. Files are matched by their names, labels by their order.
    """
    from gmmspeech.commands.compare import compare_alignments
    from gmmspeech.report.rows import agreement_row, detection_row

    if len(tiers) > 2:
        raise ConfigError(f"--tier: found {len(tiers)}, expected one, or one of each side")
    found = compare_alignments(reference, hypothesis, tolerance=tolerance / 1000, tiers=tiers, fold=fold)
    for note in found.notes:
        say(note)
    tell(f"{found.files} files compared\n")
    _tell_rows([agreement_row(name, part) for name, part in found.parts()])
    tell()
    _tell_rows([detection_row(found.tolerance, found.detection)])
    if plot is not None:
        from gmmspeech.files.atomic import atomic_path
        from gmmspeech.plot.boundaries import plot_boundary_errors

        figure = plot_boundary_errors(found.agreement, classes=found.classes, tolerance=found.tolerance)
        with atomic_path(plot) as path:
            figure.savefig(path, dpi=150)


def _tell_rows(rows: Sequence[Mapping[str, str]]) -> None:
    tell_columns([list(rows[0]), *(list(row.values()) for row in rows)])
