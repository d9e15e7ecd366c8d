"""The commands of countermeasures against spoofing: score-classes, evaluate-spoofing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gmmspeech.cli.group import command, jobs_option
from gmmspeech.cli.places import FEATURES, FILE, OUT
from gmmspeech.cli.process import tell, tell_columns
from gmmspeech.errors import ConfigError, counted


@command("score-classes")
@click.argument("classifier", metavar="CLASSIFIER.h5", type=FILE)
@click.argument("feats", type=FEATURES)
@click.argument("scores", type=OUT)
@click.option("--target", default="bonafide", help="Class with high scores.")
@click.option("--other", show_default="the other of two classes", help="Class with low scores.")
@click.option(
    "--protocol",
    type=FILE,
    help="Score the utterances of this ASVspoof protocol, and write SCORES in the format of 2019.",
)
@jobs_option
def score_classes(classifier: Path, feats: str, scores: Path, target: str, **options: Any) -> None:
    """Score utterances by the mixtures of two classes.

    CLASSIFIER.h5 is the output of `train-classifier`, for example with the classes bonafide and spoof. Each line of
    SCORES has utterance and score, as in ASVspoof 2021: the log-likelihood ratio of the two mixtures, in nats a frame.
    FEATS is a file of features written by `features`, or scp:PATH.
    """
    from gmmspeech.commands.spoofing import score_classes_file

    done = score_classes_file(classifier, feats, scores, target, **options)
    tell(f"{counted(len(done), 'utterance')} scored")


@command("evaluate-spoofing")
@click.argument("scores", type=FILE)
@click.argument("protocol", type=FILE)
@click.option("--asv-scores", type=FILE, help="Scores of speaker verification, needed for min t-DCF.")
@click.option("--asv-keys", type=FILE, help="For 2021: ASV/trial_metadata.txt, the key of these scores.")
@click.option(
    "--asv-rates",
    nargs=3,
    type=click.FloatRange(0, 1),
    metavar="MISS FA SPOOF",
    help="Instead of scores: the miss, false alarm and spoof acceptance rates of the verification, as shares.",
)
@click.option(
    "--form",
    type=click.Choice(["2021", "2019"]),
    default="2021",
    help="Form of min t-DCF: the revised one, or the legacy one of ASVspoof 2019.",
)
@click.option("--phase", help="For 2021: use only the trials of progress, eval or hidden.")
def evaluate_spoofing(scores: Path, protocol: Path, **options: Any) -> None:
    """Print error rates and costs by attack.

    Each line of SCORES has an utterance and its score, as from `score-classes`, or the four fields of ASVspoof 2019.
    PROTOCOL is a protocol of ASVspoof 2019, or CM/trial_metadata.txt of 2021.
    """
    from gmmspeech.commands.spoofing import evaluate_spoofing, rows_of_spoofing

    if options["asv_scores"] is not None and options["asv_rates"] is not None:
        raise ConfigError("found both --asv-scores and --asv-rates, expected one of them")
    if options["asv_keys"] is not None and options["asv_scores"] is None:
        raise ConfigError("found --asv-keys without --asv-scores, expected both")
    tell_columns(rows_of_spoofing(evaluate_spoofing(scores, protocol, **options)))
