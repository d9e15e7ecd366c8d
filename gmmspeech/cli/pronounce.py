"""The command pronounce: lines of a dictionary for words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from gmmspeech.cli.group import command
from gmmspeech.cli.places import FILE, FILE_OR_NAME
from gmmspeech.cli.process import tell
from gmmspeech.errors import ConfigError


@command("pronounce")
@click.argument("words", metavar="[WORDS]...", nargs=-1)
@click.option(
    "--words", "file", type=FILE, help="File with a word at the start of each line, such as unknown_words.txt."
)
@click.option(
    "--language",
    show_default="that of the model, or en",
    help="eSpeak NG language code, such as de, pt-br or cmn.",
)
@click.option(
    "--dictionary",
    "dictionaries",
    type=FILE_OR_NAME,
    multiple=True,
    metavar="FILE|cmudict",
    help="Use the pronunciations of this dictionary, and pronounce other words in its phones.",
)
@click.option("--model", type=FILE, help="Pronounce in the phones of this model of train-phones.")
def pronounce(
    words: Sequence[str], file: Path | None, language: str | None, dictionaries: Sequence[str], model: Path | None
) -> None:
    """Print dictionary lines for words.

    Keep the lines as a dictionary, and correct them. eSpeak NG (pip install "gmmspeech[g2p]") pronounces the words in
    IPA, or in the phones of a dictionary or a model: each of its phones is replaced by the one with the most similar
    articulation.

    \b
      gmmspeech pronounce Häuser Zeit --language de
      gmmspeech pronounce --words unknown_words.txt --dictionary cmudict
    """
    from gmmspeech.commands.pronounce import pronounced
    from gmmspeech.commands.transcripts import dictionary_lines, open_pronunciations
    from gmmspeech.files.text import first_fields
    from gmmspeech.formats.loading import load
    from gmmspeech.phones.hmm.model import PhoneHMM

    listed = [*words, *(first_fields(file) if file is not None else ())]
    if not listed:
        raise ConfigError("WORDS: found none, expected words, or a file of them with --words")
    hmm = None if model is None else load(model, PhoneHMM)
    phones = None if hmm is None else [phone for phone in hmm.phones if phone != hmm.silence]
    code = language or (None if hmm is None else hmm.language) or "en"
    found = pronounced(
        listed, code, dictionary=open_pronunciations(dictionaries) if dictionaries else None, phones=phones
    )
    for line in dictionary_lines(found):
        tell(line)
