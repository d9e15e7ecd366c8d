"""The command make-ngram: how words follow one another, from transcripts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from gmmspeech.cli.group import command, tiers_option
from gmmspeech.cli.places import FILE_OR_FOLDER, FILE_OR_NAME, OUT
from gmmspeech.cli.process import tell
from gmmspeech.errors import counted


@command("make-ngram")
@click.argument("transcripts", metavar="TRANSCRIPTS...", type=FILE_OR_FOLDER, nargs=-1, required=True)
@click.argument("out", metavar="OUT.arpa", type=OUT)
@click.option(
    "--order", type=click.IntRange(1, 9), default=3, show_default=True, help="Length of the longest n-grams, in words."
)
@click.option(
    "--language",
    default="en",
    metavar="CODE",
    help="Language of the transcripts, such as de or pt-br, for its letters.",
)
@click.option(
    "--dictionary",
    "dictionaries",
    type=FILE_OR_NAME,
    multiple=True,
    metavar="FILE|cmudict",
    help="Split words as in this dictionary (x-ray, Mr.), as recognition with it does.",
)
@tiers_option
def make_ngram(
    transcripts: Sequence[Path],
    out: Path,
    order: int,
    language: str,
    dictionaries: Sequence[str],
    tiers: Sequence[str],
) -> None:
    """Train an n-gram language model.

    TRANSCRIPTS are folders of recordings with transcripts, Kaldi data directories, or files with one sentence on each
    line. OUT.arpa is an n-gram in ARPA format with Kneser-Ney smoothing. Words that differ only in case are one word,
    in its most frequent spelling.

    \b
      gmmspeech make-ngram FOLDER more_sentences.txt OUT.arpa
      gmmspeech recognize FOLDER --lm OUT.arpa --dictionary cmudict
    """
    from gmmspeech.commands.ngrams import make_ngram
    from gmmspeech.commands.transcripts import open_pronunciations

    dictionary = open_pronunciations(dictionaries) if dictionaries else None
    ngram, sentences, words = make_ngram(
        transcripts, out, order=order, language=language, dictionary=dictionary, tiers=tiers
    )
    counts = ", ".join(f"{count} {length}-grams" for length, count in enumerate(ngram.counts, 1))
    tell(f"{counted(sentences, 'sentence')}, {counted(words, 'word')}: {counts} in {out}")
