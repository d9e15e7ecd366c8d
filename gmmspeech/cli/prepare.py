"""The command that makes data directories of corpora."""

from __future__ import annotations

from pathlib import Path

import click

from gmmspeech.cli.group import command
from gmmspeech.cli.places import FOLDER, OUT_FOLDER
from gmmspeech.cli.process import tell
from gmmspeech.errors import counted, say

LAYOUTS = ("librispeech", "voxceleb", "timit", "fsdd", "arabic-commands", "asvspoof2019", "asvspoof2021", "speakers")


@command("prepare")
@click.argument("layout", metavar="LAYOUT", type=click.Choice(LAYOUTS))
@click.argument("source", type=FOLDER)
@click.argument("out", type=OUT_FOLDER)
def prepare(layout: str, source: Path, out: Path) -> None:
    """Make a data directory of a known corpus.

    LAYOUT is the publisher's naming of audio files, which gives utterances and speakers:

    \b
      librispeech      SPEAKER/CHAPTER/SPEAKER-CHAPTER-NUMBER.flac
      voxceleb         idNUMBER/VIDEO/NUMBER.wav
      timit            TRAIN or TEST/REGION/SPEAKER/SENTENCE.WAV
      fsdd             DIGIT_SPEAKER_TAKE.wav
      arabic-commands  WORD/SPEAKER_NO_TAKE.wav
      asvspoof2019     LA_T_NUMBER.flac, with ..._cm_protocols in or beside it
      asvspoof2021     LA_E_NUMBER.flac, with keys/LA/CM/... in or beside it
      speakers         SPEAKER/.../NAME.wav, any folders of speakers; no
                       blanks in names

    All audio files under the folder SOURCE, a part of a corpus or all of it, are listed; they stay where they are. OUT
    receives wav.scp, utt2spk and spk2utt; text and spk2gender if they are known; phones.ctm for TIMIT; utt2class for
    ASVspoof. Links to folders are followed. Other files are counted by extension, such as video, which you must convert
    first.
    """
    from gmmspeech.audio.folders import OTHER_AUDIO
    from gmmspeech.corpora.listing import of_kinds, write_listing
    from gmmspeech.corpora.registry import list_corpus

    listing = list_corpus(layout, source)
    write_listing(out, listing)
    speakers = len(set(listing.utt2spk.values()))
    if listing.left_out:
        convert = " (ffmpeg -i FILE FILE.wav converts audio and video)" if OTHER_AUDIO & set(listing.left_out) else ""
        say(f"left out: {of_kinds(listing.left_out)}{convert}")
    tell(
        f"{counted(len(listing.recordings), 'utterance')}, {counted(speakers, 'speaker')}, "
        f"{counted(len(listing.text), 'transcript')}"
    )
