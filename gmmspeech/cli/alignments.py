"""The commands that look at alignments: compare-alignment, ali-to-phones, plot-alignment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from gmmspeech.cli.group import channel_option, command
from gmmspeech.cli.messages import as_typed
from gmmspeech.cli.places import FILE, FILE_OR_FOLDER, OUT, OUT_TEXT, TABLE
from gmmspeech.cli.process import tell, tell_columns
from gmmspeech.errors import ConfigError, counted, say, shown
from gmmspeech.files.table_places import parse_place


@command("compare-alignment")
@click.argument("reference", metavar="REF", type=FILE_OR_FOLDER)
@click.argument("hypothesis", metavar="HYP", type=FILE_OR_FOLDER)
@click.option(
    "--tolerance",
    type=click.FloatRange(1),
    default=20.0,
    help="Tolerance in milliseconds for precision, recall, F1 and R-value.",
)
@click.option(
    "--tier",
    "tiers",
    multiple=True,
    show_default="the only one, or phones",
    help="Tier on both sides, such as words; given twice, the tier of REF and that of HYP.",
)
@click.option(
    "--rate",
    "rates",
    type=click.IntRange(1),
    multiple=True,
    show_default="16000",
    help="Sampling rate of .phn and .wrd files; given twice, that of REF and that of HYP.",
)
@click.option(
    "--fold",
    type=click.Choice(["timit39"]),
    help="Map phones of ARPAbet, TIMIT and Buckeye to TIMIT's 39 on both sides.",
)
@click.option(
    "--plot", type=OUT, metavar="FILE.png", help="Plot the errors: a histogram, and by manner of articulation."
)
def compare_alignment(
    reference: Path,
    hypothesis: Path,
    tolerance: float,
    tiers: Sequence[str],
    rates: Sequence[int],
    fold: str | None,
    plot: Path | None,
) -> None:
    """Compare the boundaries of two alignments.

    Report the differences of HYP from the reference REF. Each is a file or a folder: TextGrids, CTM, MLF, TIMIT's .phn
    and .wrd, Buckeye's .phones and .words, HTK's .lab, Audacity's labels, MFA's tables and JSON, or the output of
    `align`. Files are matched by name (two single files always match), labels by their order.
    """
    from gmmspeech.commands.compare import compare_alignments
    from gmmspeech.report.rows import agreement_row, detection_row

    for name, given in (("--tier", tiers), ("--rate", rates)):
        if len(given) > 2:
            raise ConfigError(f"{name}: found {len(given)}, expected one, or one of each side")
    options: dict[str, Any] = {"tolerance": tolerance / 1000, "tiers": tiers, "fold": fold, "rates": rates}
    found = compare_alignments(reference, hypothesis, **options)
    translate = as_typed(click.get_current_context().command)
    for note in found.notes:
        say(translate(note))
    tell(f"{counted(found.files, 'file')} compared\n")
    _tell_rows([agreement_row(name, part) for name, part in found.parts()])
    tell()
    _tell_rows([detection_row(found.tolerance, found.detection)])
    if plot is not None:
        from gmmspeech.plot.boundaries import boundary_errors
        from gmmspeech.plot.style import figure_of, save_figure

        options = {"classes": found.classes, "tolerance": found.tolerance}
        save_figure(figure_of(boundary_errors, found.agreement, **options), plot)


@command("ali-to-phones")
@click.argument("model", metavar="MODEL", type=FILE)
@click.argument("alignments", metavar="ALI", type=TABLE)
@click.argument("out", metavar="OUT.ctm", type=OUT_TEXT)
@click.option("--per-frame", is_flag=True, help="In a table, give the phone of each frame.")
@click.option(
    "--frame-shift",
    type=click.FloatRange(1),
    show_default="that of the model, or 10",
    help="Frame shift in milliseconds, for time stamps.",
)
def ali_to_phones_command(model: Path, alignments: str, out: str, per_frame: bool, frame_shift: float | None) -> None:
    """Convert Kaldi alignments to phones.

    MODEL is Kaldi's final.mdl, with tree and phones.txt beside it, or a model of train-phones. ALI has the transition
    of each frame in that model, as in Kaldi's ali.ark or from `align --write-ali`: ark:PATH, scp:PATH or ark:-. OUT.ctm
    receives time-stamped phones, as from ali-to-phones --ctm-output (- prints them). If it is ark:PATH, ark,t:PATH or
    ark,scp:ARK,SCP, it receives a table with the numbers of the phones in phones.txt.
    """
    from gmmspeech.commands.kaldi_phones import ali_to_phones

    if per_frame and not parse_place(out, writing=True).kind:
        raise ConfigError(f"--per-frame: found {shown(out)}, a CTM, expected a table, such as ark,t:-")
    count = ali_to_phones(model, alignments, out, per_frame=per_frame, frame_shift=frame_shift)
    tell(f"phones of {counted(count, 'utterance')}")


@command("plot-alignment")
@click.argument("audio", metavar="AUDIO", type=FILE)
@click.argument("labels", metavar="TEXTGRID", type=FILE)
@click.argument("out", metavar="OUT.png", type=OUT)
@click.option("--start", type=click.FloatRange(0), default=0.0, help="Start of the plot, in seconds.")
@click.option("--end", type=click.FloatRange(0), show_default="10 s after --start", help="End of the plot, in seconds.")
@click.option(
    "--tier",
    "tiers",
    multiple=True,
    metavar="NAME",
    show_default="all",
    help="Tier to plot; repeat for several tiers.",
)
@channel_option
def plot_alignment(
    audio: Path, labels: Path, out: Path, start: float, end: float | None, tiers: Sequence[str], channel: Any
) -> None:
    """Plot a recording with its labels.

    The plot shows the waveform, the spectrogram and the tiers of the TEXTGRID, with a line through all of them at each
    boundary. Instead of a TextGrid, any label file of the recording works. OUT may also end in .pdf or .svg.
    """
    from gmmspeech.audio import audio_format
    from gmmspeech.plot.alignments import alignment
    from gmmspeech.plot.spectrograms import LONGEST
    from gmmspeech.plot.style import figure_of, plain, save_figure

    figure = figure_of(alignment, audio, labels, start=start, end=end, channel=channel, tiers=tiers)
    figure.axes[0].set_title(plain(audio.name), loc="left")
    save_figure(figure, out)
    tell(f"{out}")
    duration = audio_format(audio).duration
    if end is None and duration > start + LONGEST:
        say(f"drawn: {start:g} to {start + LONGEST:g} s, of {duration:.1f}; --start and --end choose others")


def _tell_rows(rows: Sequence[Mapping[str, str]]) -> None:
    tell_columns([list(rows[0]), *(list(row.values()) for row in rows)])
