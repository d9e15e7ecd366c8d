"""The command recognize: phones, words of a small grammar, and words as an n-gram has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gmmspeech.cli.group import (
    command,
    tiers_option,
    times_format_option,
)
from gmmspeech.cli.places import FILE, FILE_OR_FOLDER, FILE_OR_NAME, FOLDER, OUT_FOLDER
from gmmspeech.cli.process import tell
from gmmspeech.cli.steps import speech_options
from gmmspeech.errors import ConfigError, DataError, counted, say, shown

if TYPE_CHECKING:
    from gmmspeech.phones.labels.labels import Label

_OF_GRAPH = ("lm_scale", "self_loop_scale")
_OF_SEARCH = ("beam", "max_active", "lattice_beam", "confidence", "n_best")
_OF_LM = (*_OF_GRAPH, *_OF_SEARCH, "out", "format", "unknown_words")


@command("recognize")
@click.argument("data_dir", metavar="DATA_DIR", type=FOLDER)
@click.argument("model", metavar="[PHONES.h5]", type=FILE, required=False)
@click.option(
    "--dictionary",
    "dictionaries",
    type=FILE_OR_NAME,
    multiple=True,
    metavar="FILE|cmudict",
    show_default="cmudict with --lm and an English model",
    help="Recognize words with these pronunciations, as for train-phones.",
)
@click.option("--words", help="Vocabulary, separated by commas; the default is the words of the transcripts.")
@click.option(
    "--lm",
    type=FILE,
    metavar="FILE.arpa",
    help="Recognize words with this n-gram, such as the output of make-ngram; plain or gzip (pip install "
    '"gmmspeech[decode]").',
)
@click.option("--isolated", is_flag=True, help="Expect exactly one word in each utterance.")
@click.option(
    "--phones",
    type=FILE_OR_FOLDER,
    help="Recognize phones: labels of training speech, such as phones.ctm of align, which give the frequencies "
    "of phone sequences.",
)
@click.option("--reference", type=FILE_OR_FOLDER, help="With --phones: labels of this speech, for the error rate.")
@click.option(
    "--penalty", type=float, default=0.0, help="Cost of each word or phone, in nats: higher values give fewer."
)
@click.option(
    "--acoustic-scale",
    type=click.FloatRange(0),
    show_default="1 for words, 0.2 for phones, 0.1 with --lm",
    help="Scale of the log-likelihoods.",
)
@click.option(
    "--adapt/--no-adapt",
    default=None,
    show_default="for a speaker-adapted system",
    help="Adapt the frames of each speaker to the model in a first pass (fMLLR).",
)
@click.option("--lm-scale", type=click.FloatRange(0), show_default="1", help="Scale of the n-gram's log probabilities.")
@click.option(
    "--beam",
    type=click.FloatRange(0, min_open=True),
    show_default="13",
    help="With --lm: beam of the search, in nats of scaled log-likelihoods.",
)
@click.option(
    "--max-active",
    type=click.IntRange(1),
    show_default="7000",
    help="With --lm, without a lattice: maximum number of active states in a frame.",
)
@click.option(
    "--lattice-beam",
    type=click.FloatRange(0, min_open=True),
    show_default="6",
    help="With --lm: beam of the lattice, in nats.",
)
@click.option(
    "--self-loop-scale",
    type=click.FloatRange(0),
    show_default="0.1",
    help="With --lm: scale of the log transition probabilities.",
)
@click.option(
    "--confidence", is_flag=True, help="With --lm: compute each word's posterior probability in a lattice; slower."
)
@click.option(
    "--n-best",
    type=click.IntRange(1),
    help="With --lm and --out: number of alternatives to write, from a lattice; slower.",
)
@click.option(
    "--unknown-words",
    type=click.Choice(["error", "skip", "g2p"]),
    show_default="error",
    help="With --lm: treatment of its words that the dictionary lacks: stop with an error, never recognize "
    "them (skip), or let eSpeak NG pronounce them (g2p, extra g2p).",
)
@click.option(
    "--language",
    metavar="CODE",
    show_default="that of the model, or en",
    help="Language for --unknown-words g2p, such as de or pt-br.",
)
@click.option(
    "--out", type=OUT_FOLDER, help="With --lm: folder for time-stamped words and phones, and alternatives.csv."
)
@times_format_option
@tiers_option
@speech_options
@click.option(
    "--jobs",
    "n_jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Number of threads; with --lm, of search processes.",
)
def recognize(
    data_dir: Path,
    model: Path | None,
    dictionaries: Sequence[str],
    words: str | None,
    lm: Path | None,
    isolated: bool,
    phones: Path | None,
    reference: Path | None,
    penalty: float,
    acoustic_scale: float | None,
    language: str | None,
    **options: Any,
) -> None:
    """Recognize words or phones.

    Words follow an n-gram language model (--lm), or are all equally probable. Phones follow each other as in given
    labels. DATA_DIR is a folder of recordings, optionally with transcripts beside them as for align, or a Kaldi data
    directory. PHONES.h5 is the output of train-phones; the default is the English model of the package. Prints one line
    for each utterance, and the error rate if DATA_DIR has text (or with --reference).

    \b
      gmmspeech recognize FOLDER --lm OUT.arpa --dictionary cmudict --adapt
      gmmspeech recognize FOLDER --dictionary cmudict --words yes,no --isolated
    """
    found = {name: options.pop(name) for name in _OF_LM}
    of_lm = {name: value for name, value in found.items() if value is not None and value is not False}
    if acoustic_scale is not None:
        options["acoustic_scale"] = acoustic_scale
    if lm is not None:
        for name, value in (("--phones", phones), ("--words", words), ("--isolated", isolated)):
            if value:
                raise ConfigError(f"{name}: found it beside --lm, expected one of them")
        _recognize_with_lm(data_dir, model, lm, dictionaries, penalty, of_lm, language=language, **options)
        return
    if of_lm:
        raise ConfigError(f"--{next(iter(of_lm)).replace('_', '-')}: found it without --lm, expected both")
    if bool(dictionaries) == (phones is not None):
        both = "neither" if phones is None else "both"
        raise ConfigError(f"found {both} of --dictionary and --phones, expected one: for words, or for phones")
    from gmmspeech.commands.recognition import recognize_grammar_dir, recognize_phones_dir

    options["penalty"] = penalty
    if phones is not None:
        _tell_recognized("phone", *recognize_phones_dir(data_dir, model, phones, reference=reference, **options))
        return
    options["words"] = None if words is None else [word.strip() for word in words.split(",") if word.strip()]
    _tell_recognized("word", *recognize_grammar_dir(data_dir, model, dictionaries, isolated=isolated, **options))


def _recognize_with_lm(
    data_dir: Path,
    model: Path | None,
    lm: Path,
    dictionaries: Sequence[str],
    penalty: float,
    of_lm: dict[str, Any],
    **options: Any,
) -> None:
    """Recognize words as an n-gram has them."""
    from gmmspeech.commands.recognition import recognize_words_dir
    from gmmspeech.phones.decoding.word_search import SearchOptions
    from gmmspeech.phones.labels.dictionary import dictionary_key

    if "n_best" in of_lm and "out" not in of_lm:
        raise ConfigError("--n-best: found it without --out, expected both: alternatives are written")
    graph, searching = ({name: of_lm.pop(name) for name in names if name in of_lm} for names in (_OF_GRAPH, _OF_SEARCH))
    if "acoustic_scale" in options:
        searching["acoustic_scale"] = options.pop("acoustic_scale")
    how: dict[str, Any] = {"graph": {"word_insertion_penalty": penalty, **graph}, **of_lm, **options}
    found, spoken, vocabulary = recognize_words_dir(
        data_dir, model, lm, dictionaries or None, SearchOptions(**searching), **how
    )
    if spoken is not None:
        _tell_out_of_vocabulary(spoken.values(), {dictionary_key(word) for word in vocabulary.entries})
    words = {name: a.words for name, a in found.items()}
    _tell_recognized("word", words, spoken, key=dictionary_key)
    if "out" in of_lm:
        say(f"times of {counted(sum(map(len, words.values())), 'word')} in {of_lm['out']}")


def _tell_out_of_vocabulary(spoken: Iterable[Sequence[str]], known: set[str]) -> None:
    """Tell how many words of the transcripts can't be recognized, for the n-gram lacks them."""
    from gmmspeech.phones.labels.dictionary import dictionary_key

    said = [word for line in spoken for word in line]
    unknown = [word for word in said if dictionary_key(word) not in known]
    if unknown:
        listed = shown(", ".join(dict.fromkeys(unknown)), 200)
        say(f"not in the n-gram: {len(unknown)} of {counted(len(said), 'word')} of the transcripts ({listed})")


def _tell_recognized(
    what: str,
    found: Mapping[str, Sequence[Label]],
    spoken: Mapping[str, Sequence[str]] | None,
    key: Callable[[str], str] = str,
) -> None:
    """Print what was recognized, and the error rate if the truth is known; names whose `key` is the same are one."""
    from gmmspeech.metrics.error_rate import error_rate

    said = {name: [label.name for label in labels] for name, labels in found.items()}
    for name, line in said.items():
        tell(f"{name} {' '.join(line)}")
    if spoken is not None:
        known = {name: spoken[name] for name in said if name in spoken}
        if not any(known.values()):
            raise DataError(
                f"reference: found no {what} of any of {counted(len(said), 'utterance')}, expected what was said"
            )
        if missing := [name for name in said if name not in known]:
            say(f"not counted: {counted(len(missing), 'utterance')} without a reference, the first: {missing[0]}")
        references = {name: list(map(key, line)) for name, line in known.items()}
        tell(f"{what} error rate: {error_rate(references, {name: list(map(key, said[name])) for name in known})}")
