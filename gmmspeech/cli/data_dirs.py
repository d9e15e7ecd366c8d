"""Tools for data directories: check, mend, cut, split, combine and perturb them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from gmmspeech.cli.group import allow_pipes_option, channel_option, command
from gmmspeech.cli.places import FILE_OR_FOLDER, FOLDER, LIST, OUT_FOLDER
from gmmspeech.cli.process import tell
from gmmspeech.errors import DataError, counted, say

spk_sort_option = click.option(
    "--no-spk-sort",
    is_flag=True,
    help="Do not require utterances sorted by id to be sorted by speaker too, as Kaldi does.",
)


@command("validate-data")
@click.argument("data_dir", type=FOLDER)
@click.option("--no-text", is_flag=True, help="Do not require text; if present, it is still checked.")
@spk_sort_option
def validate_data(data_dir: Path, no_text: bool, no_spk_sort: bool) -> None:
    """Check the lists of a data directory.

    Checks Kaldi's lists: utt2spk and, if present, spk2utt, wav.scp, segments, text, spk2gender, utt2dur, reco2dur,
    feats.scp, vad.scp, cmvn.scp and others. Each error or contradiction is printed as one line with its remedy, and the
    exit status is then 1.
    """
    from gmmspeech.commands.data_checks import validate_data

    _told_all(data_dir, validate_data(data_dir, text=not no_text, sorted_by_speaker=not no_spk_sort))
    tell(f"{data_dir}: found nothing wrong")


@command("fix-data")
@click.argument("data_dir", type=FOLDER)
@spk_sort_option
def fix_data(data_dir: Path, no_spk_sort: bool) -> None:
    """Repair the lists of a data directory.

    Lists are sorted by the bytes of their ids, and repeated ids are removed. Utterances are left out if wav.scp,
    segments, text, feats.scp, cmvn.scp or spk2gender lacks them, or if their segment is not within the recording.
    spk2utt is written anew. The original lists are kept in DATA_DIR/.backup. What you must repair by hand is printed,
    one line each, and the exit status is then 1.
    """
    from gmmspeech.commands.data_checks import fix_data

    done, left = fix_data(data_dir, sorted_by_speaker=not no_spk_sort)
    for line in done:
        tell(line)
    _told_all(data_dir, left)


def _told_all(folder: Path, wrong: Sequence[str]) -> None:
    """Print what is wrong, and raise an error if anything is."""
    for line in wrong:
        tell(line)
    if wrong:
        raise DataError(f"{folder}: found {counted(len(wrong), 'thing')} wrong, expected lists that fit together")


@command("subset-data")
@click.argument("data_dir", type=FOLDER)
@click.argument("out", type=OUT_FOLDER)
@click.option("-n", "--count", type=click.IntRange(1), help="Number of utterances, spread over all of them.")
@click.option("--first", "way", flag_value="first", help="With --count: take the first ones.")
@click.option("--last", "way", flag_value="last", help="With --count: take the last ones.")
@click.option("--shortest", "way", flag_value="shortest", help="With --count: take the shortest ones.")
@click.option("--per-spk", "way", flag_value="per-speaker", help="With --count: take this number for each speaker.")
@click.option(
    "--speakers",
    "way",
    flag_value="speakers",
    help="With --count: take all utterances of randomly drawn speakers until there are enough.",
)
@click.option(
    "--seed", "random_state", type=int, default=0, show_default=True, help="With --speakers: seed of the random draw."
)
@click.option(
    "--spk-list", type=LIST, help="Take the utterances of the speakers at the start of each line of this file."
)
@click.option("--utt-list", type=LIST, help="Take the utterances at the start of each line of this file.")
def subset_data(
    data_dir: Path,
    out: Path,
    count: int | None,
    way: str | None,
    random_state: int,
    spk_list: Path | None,
    utt_list: Path | None,
) -> None:
    """Make a data directory of some utterances.

    OUT receives the lines of these utterances, their speakers and recordings from all lists in DATA_DIR. For example,
    to train a background model for women only:

    \b
      grep -w f DATA_DIR/spk2gender > women
      gmmspeech subset-data DATA_DIR OUT --spk-list women
    """
    from gmmspeech.commands.data_dirs import not_carried, subset_data

    kept, of = subset_data(
        data_dir,
        out,
        count=count,
        way=way or "spread",
        speakers=spk_list,
        utterances=utt_list,
        random_state=random_state,
    )
    _say(not_carried(data_dir))
    tell(f"{kept} of {counted(of, 'utterance')}")


@command("split-data")
@click.argument("data_dir", type=FOLDER)
@click.argument("count", metavar="N", type=click.IntRange(1))
@click.option(
    "--per-utt", is_flag=True, help="Split the utterances of a speaker too; the folders are then in splitNutt."
)
def split_data(data_dir: Path, count: int, per_utt: bool) -> None:
    """Split a data directory into N parts.

    The parts are DATA_DIR/splitN/1 to DATA_DIR/splitN/N, with about the same number of utterances. No speaker is in two
    parts.
    """
    from gmmspeech.commands.data_dirs import not_carried, split_data

    made = split_data(data_dir, count, per_utterance=per_utt)
    _say(not_carried(data_dir))
    tell(f"{counted(len(made), 'part')} in {made[0].parent}")


@command("combine-data")
@click.argument("out", type=OUT_FOLDER)
@click.argument("data_dirs", metavar="DATA_DIR...", type=FOLDER, nargs=-1, required=True)
def combine_data(out: Path, data_dirs: tuple[Path, ...]) -> None:
    """Combine several data directories into one.

    OUT receives the lists that all of them have, sorted, and segments if any of them has it. Directories that
    contradict each other about an id are refused.
    """
    from gmmspeech.commands.data_dirs import combine_data, not_carried

    left_out, kept = combine_data(out, data_dirs)
    for name in left_out:
        say(f"{name}: left out, as not all directories have it")
    for folder in data_dirs:
        _say(not_carried(folder))
    tell(counted(kept, "utterance"))


@command("perturb-data")
@click.argument("data_dir", type=FOLDER)
@click.argument("out", type=OUT_FOLDER)
@click.option("--speed", type=click.FloatRange(0.5, 2), help="Speed factor, such as 0.9 or 1.1.")
@click.option("--noise", type=FILE_OR_FOLDER, help="Add this recording, or one drawn from a folder or list.")
@click.option("--snr", type=click.FloatRange(-20, 100), metavar="DB", help="With --noise: signal-to-noise ratio in dB.")
@click.option(
    "--reverb",
    type=FILE_OR_FOLDER,
    help="Add reverberation with this impulse response, or one drawn from a folder or list, such as Kaldi's rir_list.",
)
@click.option(
    "--seed",
    "random_state",
    type=int,
    default=0,
    show_default=True,
    help="Seed of the random draws for --noise and --reverb.",
)
@channel_option
@allow_pipes_option
def perturb_data(data_dir: Path, out: Path, **options: Any) -> None:
    """Change speed, or add noise or reverberation.

    Each utterance becomes a 16-bit recording in OUT/wav at its original rate. With --speed, ids of utterances and
    speakers begin with sp0.9- and so on, as in Kaldi. With noise, ids of utterances end with -snr10 and so on. With
    reverberation they end with -reverb, and utterances keep their length and level. text, spk2gender and utt2lang are
    copied, and utt2uniq maps each utterance to its original. To use both, join OUT and DATA_DIR with combine-data.
    """
    from gmmspeech.commands.data_dirs import not_carried
    from gmmspeech.commands.perturbation import perturb_data

    made, changed = perturb_data(data_dir, out, **options)
    for name in changed:
        say(f"{name}: left out, as it is of the sound as it was")
    _say(not_carried(data_dir))
    tell(f"{counted(made, 'utterance')} in {out}")


def _say(line: str) -> None:
    if line:
        say(line)
