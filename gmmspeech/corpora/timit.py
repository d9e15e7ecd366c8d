"""TIMIT, for those who have it: its sentences, its core test set, and its phones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gmmspeech.corpora.layouts import find_recordings
from gmmspeech.errors import DataError
from gmmspeech.formats.datadir import DataDir
from gmmspeech.formats.labels import read_timit
from gmmspeech.phones.labels.labels import Label
from gmmspeech.phones.labels.phone_sets import TIMIT_61_TO_48, map_labels

# The core test set of the corpus' documentation: two men and a woman of each of the eight dialect regions.
_CORE_TEST = (
    "MDAB0 MWBT0 FELC0 MTAS1 MWEW0 FPAS0 MJMP0 MLNT0 FPKT0 MLLL0 MTLS0 FJLM0 "
    "MBPM0 MKLT0 FNLP0 MCMJ0 MJDH0 FMGD0 MGRT0 MNJM0 FDHC0 MJLN0 MPAM0 FMLD0"
)
CORE_TEST = tuple(_CORE_TEST.split())


def find_sentences(corpus: Path, part: str, speakers: Sequence[str] | None = None) -> DataDir:
    """Find the sentences of a part (or of some speakers), those that all speakers read (SA) left out."""
    listing = find_recordings("timit", corpus)
    chosen = {
        utterance: path
        for utterance, path in listing.recordings.items()
        if path.parts[-4].upper() == part
        and (speakers is None or listing.utt2spk[utterance] in speakers)
        and not path.name.upper().startswith("SA")
    }
    utt2spk = {utterance: listing.utt2spk[utterance] for utterance in chosen}
    missing = set(speakers or ()) - set(utt2spk.values())
    if not chosen or missing:
        found = f"no sentence of {min(missing)}" if missing else "no sentence"
        expected = f"{part}/REGION/SPEAKER/SENTENCE.WAV, as in TIMIT"
        raise DataError(f"{corpus}: found {found}, expected {expected}")
    return DataDir(corpus, chosen, None, tuple(sorted(chosen)), utt2spk, None)


def read_phones(data: DataDir, utterance: str) -> list[Label]:
    """Read an utterance's phones, folded to 48."""
    audio = data.recordings[utterance]
    path = audio.with_suffix(".PHN" if audio.suffix.isupper() else ".phn")
    return map_labels(read_timit(path), TIMIT_61_TO_48, silence="sil", owner=str(path))
