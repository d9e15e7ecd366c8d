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
    help="Let utterances sorted by their ids not be sorted by speaker too; Kaldi needs them to be.",
)


@command("validate-data")
@click.argument("data_dir", type=FOLDER)
@click.option("--no-text", is_flag=True, help="Do without text; what there is of it is still checked.")
@spk_sort_option
def validate_data(data_dir: Path, no_text: bool, no_spk_sort: bool) -> None:
    """Check the lists of a data directory.

    They are those of Kaldi: utt2spk and what there is of spk2utt, wav.scp, segments, text, spk2gender, utt2dur,
    reco2dur, feats.scp, vad.scp, cmvn.scp and others. Each thing that is wrong, or does not fit the others, is a line,
    with what mends it, and the exit status is then 1.
    """
    from gmmspeech.commands.data_checks import validate_data

    _told_all(data_dir, validate_data(data_dir, text=not no_text, sorted_by_speaker=not no_spk_sort))
    tell(f"{data_dir}: found nothing wrong")


@command("fix-data")
@click.argument("data_dir", type=FOLDER)
@spk_sort_option
def fix_data(data_dir: Path, no_spk_sort: bool) -> None:
    """Mend a data directory.

    Its lists are sorted by the bytes of their ids, and have each once; utterances are left out that one of wav.scp,
    segments, text, feats.scp, cmvn.scp and spk2gender lacks, or whose segment is not in its recording; spk2utt is
    written anew. The lists as they were are kept in DATA_DIR/.backup. What has to be done by hand is a line each, and
    the exit status is then 1.
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
@click.option("-n", "--count", type=click.IntRange(1), help="How many utterances, spread over all of them.")
@click.option("--first", "way", flag_value="first", help="With --count: the first ones.")
@click.option("--last", "way", flag_value="last", help="With --count: the last ones.")
@click.option("--shortest", "way", flag_value="shortest", help="With --count: the shortest ones.")
@click.option("--per-spk", "way", flag_value="per-speaker", help="With --count: so many of each speaker.")
@click.option(
    "--speakers", "way", flag_value="speakers", help="With --count: all of speakers drawn at random, until enough."
)
@click.option(
    "--seed", "random_state", type=int, default=0, show_default=True, help="With --speakers: seed of the draw."
)
@click.option("--spk-list", type=LIST, help="Those of the speakers that lines of this file begin with.")
@click.option("--utt-list", type=LIST, help="Those that lines of this file begin with.")
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

    OUT gets the lines of these utterances, their speakers and recordings, of all lists that DATA_DIR has. Women alone,
    for a background model of theirs:

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
@click.option("--per-utt", is_flag=True, help="Part the utterances of a speaker too: folders are then in splitNutt.")
def split_data(data_dir: Path, count: int, per_utt: bool) -> None:
    """Split a data directory into N parts.

    They are DATA_DIR/splitN/1 to DATA_DIR/splitN/N, of about as many utterances each; no speaker is in two of them.
    """
    from gmmspeech.commands.data_dirs import not_carried, split_data

    made = split_data(data_dir, count, per_utterance=per_utt)
    _say(not_carried(data_dir))
    tell(f"{counted(len(made), 'part')} in {made[0].parent}")


@command("combine-data")
@click.argument("out", type=OUT_FOLDER)
@click.argument("data_dirs", metavar="DATA_DIR...", type=FOLDER, nargs=-1, required=True)
def combine_data(out: Path, data_dirs: tuple[Path, ...]) -> None:
    """Make one data directory of several.

    OUT gets the lists that all of them have, sorted; segments too if any has them. Two that say different things of
    one id are refused.
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
@click.option("--speed", type=click.FloatRange(0.5, 2), help="How many times as fast, such as 0.9 or 1.1.")
@click.option("--noise", type=FILE_OR_FOLDER, help="Add this recording, or one drawn of a folder or list of such.")
@click.option("--snr", type=click.FloatRange(-20, 100), metavar="DB", help="With --noise: how far below the speech.")
@click.option(
    "--reverb",
    type=FILE_OR_FOLDER,
    help="Put it into a room: by this impulse response, or one drawn of a folder or list of such, as Kaldi's rir_list.",
)
@click.option(
    "--seed", "random_state", type=int, default=0, show_default=True, help="Of what is drawn for --noise and --reverb."
)
@channel_option
@allow_pipes_option
def perturb_data(data_dir: Path, out: Path, channel: Any, allow_pipes: bool, **options: Any) -> None:
    """Make a data directory that is faster or slower, with noise or in a room.

    Each utterance becomes a recording in OUT/wav, of 16 bits at the rate it had. Of another speed, ids of utterances
    and speakers begin with sp0.9- and so on, as in Kaldi; those of utterances end with -snr10 and so on with noise, and
    with -reverb in a room, where they stay as long and as loud. text, spk2gender and utt2lang go along, and utt2uniq
    says which utterance each was. combine-data puts OUT beside DATA_DIR.
    """
    from gmmspeech.commands.data_dirs import not_carried
    from gmmspeech.commands.perturbation import perturb_data

    channel = "mix" if channel is None else channel
    made, changed = perturb_data(data_dir, out, channel=channel, allow_pipes=allow_pipes, **options)
    for name in changed:
        say(f"{name}: left out, as it is of the sound as it was")
    _say(not_carried(data_dir))
    tell(f"{counted(made, 'utterance')} in {out}")


def _say(line: str) -> None:
    if line:
        say(line)
