"""The commands that classify phones between known boundaries: train-phone-classifier, classify-phones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from gmmspeech.cli.group import allow_pipes_option, command, config_option, jobs_option, skip_bad_option
from gmmspeech.cli.places import FILE, FILE_OR_FOLDER, FOLDER, OUT, OUT_FOLDER
from gmmspeech.cli.process import tell
from gmmspeech.errors import ConfigError, counted, say

labels_option = click.option(
    "--labels",
    type=FILE_OR_FOLDER,
    show_default="phones.ctm in a data directory, TextGrids beside recordings",
    help="Time-stamped phones: a CTM, an MLF, a folder of TextGrids or other label files, or the output of align.",
)
tier_option = click.option("--tier", show_default="the only one, or phones", help="Tier of the TextGrids.")
silence_option = click.option(
    "--silence", default="SIL", help="Label of silence, which is trained, but not scored and never an answer."
)


@command("train-phone-classifier")
@click.argument("data_dir", metavar="DATA_DIR", type=FOLDER)
@click.argument("model", metavar="MODEL.h5", type=OUT)
@labels_option
@tier_option
@config_option(default="phones")
@click.option(
    "-k",
    "--components",
    "n_components",
    type=click.IntRange(1),
    default=16,
    help="Number of components of each mixture.",
)
@click.option(
    "--size",
    type=click.Choice(["fixed", "frames", "bic"]),
    default="fixed",
    help="Number of components: all of these, at most one for 50 frames, or the number chosen by BIC.",
)
@click.option("--parts", type=click.IntRange(1), default=3, help="Number of parts into which a phone is cut.")
@click.option(
    "--dim",
    type=click.IntRange(1),
    default=None,
    show_default="50, or fewer with few phones",
    help="Dimension of frames with their neighbors.",
)
@click.option(
    "--smoothing",
    type=click.FloatRange(0),
    default=2.0,
    help="Width (standard deviation, in frames) of the window over neighboring frames, for classifying frames.",
)
@click.option(
    "--full",
    is_flag=True,
    help="Use segment vectors and speaker adaptation too; every fifth speaker is held out to weight them.",
)
@silence_option
@allow_pipes_option
@skip_bad_option
@jobs_option
def train_phone_classifier(
    data_dir: Path,
    model: Path,
    config: str,
    n_components: int,
    size: str,
    parts: int,
    dim: int | None,
    smoothing: float,
    full: bool,
    silence: str,
    **options: Any,
) -> None:
    """Train phone mixtures on time-stamped labels.

    Each part of each phone has one mixture, trained on frames without the front end's deltas. DATA_DIR has Kaldi's
    wav.scp and utt2spk, or is a folder of recordings, one subfolder for each speaker, with a TextGrid beside each
    recording.
    """
    from gmmspeech.commands.phone_gmms import train_phone_classifier_dir
    from gmmspeech.features.frontend import FrontEnd
    from gmmspeech.phones.gmm.classification import AdaptedClassifierConfig, PhoneClassifierConfig

    one = PhoneClassifierConfig(n_components, parts, dim, size=size, smoothing=smoothing)
    how = replace(AdaptedClassifierConfig(), unadapted=one) if full else one
    front = FrontEnd.from_file(config)
    classifier = train_phone_classifier_dir(data_dir, model, front, how, silence=silence, **options)
    if silence not in classifier.phones:
        say(f"no segment is labeled {silence}, all phones are possible answers")
    tell(f"{counted(len(classifier.phones), 'phone')} in {counted(parts, 'part')}: {' '.join(classifier.phones)}")


@command("classify-phones")
@click.argument("data_dir", metavar="DATA_DIR", type=FOLDER)
@click.argument("model", metavar="MODEL.h5", type=FILE)
@labels_option
@tier_option
@click.option(
    "--out", type=OUT_FOLDER, help="Folder for the results; without it, one line for each segment is printed."
)
@click.option(
    "--report",
    type=OUT,
    metavar="FILE.html",
    help="Write a report of confusions by phone and speaker, and the worst errors.",
)
@silence_option
@allow_pipes_option
@skip_bad_option
@jobs_option
def classify_phones(
    data_dir: Path,
    model: Path,
    labels: Path | None,
    out: Path | None,
    report: Path | None,
    silence: str,
    **options: Any,
) -> None:
    """Classify the phone of each labeled segment.

    Prints how many agree with their label. DATA_DIR has Kaldi's wav.scp and utt2spk, or is a folder of recordings, one
    subfolder for each speaker, with a TextGrid beside each recording. MODEL.h5 is the output of train-phone-classifier.
    --out receives segments.txt, log_posteriors.tsv (all phones, one line for each segment), phones.tsv (precision and
    recall of each phone), and the confusion matrix by manner of articulation, confusion.csv and confusion.png (with
    matplotlib).
    """
    from gmmspeech.commands.phone_gmms import classify_phones_dir, report_phones, segment_lines, write_classified

    done = classify_phones_dir(data_dir, model, labels=labels, silence=silence, **options)
    if not done.labels:
        raise ConfigError(f"--silence: found {silence} on all segments, expected others too")
    if out is None:
        for line in segment_lines(done):
            tell(line)
    else:
        write_classified(out, done)
    if report is not None:
        settings = {"folder": data_dir, "model": model, "labels": labels or "beside the recordings", "silence": silence}
        place = report_phones(report, done, title=f"Phones of {data_dir.resolve().name}", settings=settings)
        say(f"report: {place}")
    for unit, right, count in (("segments", done.right, len(done.labels)), ("frames", *done.frames)):
        tell(f"{unit}: {right} of {count} right ({100 * right / count:.2f} %)")
