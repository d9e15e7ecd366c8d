"""Words that a dictionary must have, and labels as names and as a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import click

import gmmspeech as gs
from gmmspeech.commands.transcripts import said_pronunciations, said_words


def check_words(data: gs.formats.DataDir, known: Mapping, skip_bad: bool) -> dict:
    """Pronunciations of the words of a part; those that no dictionary has are named."""
    said = said_words(data)
    dictionary, count = (
        said_pronunciations(said, known),
        Counter(word for words in said.values() for word in words),
    )
    lacking = [word for word in count if not dictionary[word]]
    if lacking and not skip_bad:
        expected = "them in CMUdict, the supplement or a --dictionary (or --skip-bad)"
        raise gs.errors.DataError(
            f"{data.path}/text: found no pronunciation of {', '.join(lacking)}, expected {expected}"
        )
    for word in lacking:
        times = f"{count[word]} time{'s' * (count[word] > 1)}"
        click.echo(f"{data.path.name}: not in the dictionary: {word} ({times})", err=True)
    return dictionary


def names_of(path: Path) -> dict[str, list[str]]:
    """Phones of a CTM without their times."""
    return {utterance: [label.name for label in labels] for utterance, labels in gs.formats.read_labels(path).items()}


def draw(data: gs.formats.DataDir, aligned: Path, labels: Path | None, span: tuple[float, float], target: Path) -> None:
    """Draw the beginning of the first utterance and both sides' phones."""
    found = gs.formats.read_labels(aligned)
    utterance = next(iter(found))
    tiers = {"this alignment": found[utterance]}
    if labels:
        tiers["the corpus"] = gs.formats.read_labels(labels)[utterance]
    signal, rate = gs.formats.load_utterance(data, utterance)
    axes = gs.plot.spectrogram(signal, rate, labels=tiers, start=span[0], end=span[1])
    axes.set_title(utterance, loc="left")
    axes.figure.savefig(target, dpi=72)
