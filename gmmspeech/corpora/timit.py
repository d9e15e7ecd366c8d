"""TIMIT, from a local copy: its sentences, its core test set, and its phones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from gmmspeech.corpora.corpus import Layout, Listing
from gmmspeech.corpora.listing import find_recordings, with_known
from gmmspeech.errors import DataError
from gmmspeech.formats.datadir import DataDir
from gmmspeech.formats.labels.lines import read_timit
from gmmspeech.phones.labels.labels import Label
from gmmspeech.phones.labels.phone_sets import TIMIT_61_TO_48, map_labels

# The core test set of the corpus' documentation: two men and a woman of each of the eight dialect regions.
_CORE_TEST = (
    "MDAB0 MWBT0 FELC0 MTAS1 MWEW0 FPAS0 MJMP0 MLNT0 FPKT0 MLLL0 MTLS0 FJLM0 "
    "MBPM0 MKLT0 FNLP0 MCMJ0 MJDH0 FMGD0 MGRT0 MNJM0 FDHC0 MJLN0 MPAM0 FMLD0"
)
CORE_TEST = tuple(_CORE_TEST.split())
# 50 other speakers of the test part, which Kaldi's recipe and many articles develop on (Halberstadt 1998).
_DEV = (
    "FADG0 FAKS0 FCAL1 FCMH0 FDAC1 FDMS0 FDRW0 FEDW0 FGJD0 FJEM0 FJMG0 FJSJ0 FKMS0 FMAH0 FMML0 FNMR0 FREW0 FSEM0 "
    "MAJC0 MBDG0 MBNS0 MBWM0 MCSH0 MDLF0 MDLS0 MDVC0 MERS0 MGJF0 MGLB0 MGWT0 MJAR0 MJFC0 MJSW0 MMDB1 MMDM2 MMJR0 "
    "MMWH0 MPDF0 MRCS0 MREB0 MRJM4 MRJR0 MROA0 MRTK0 MRWS1 MTAA0 MTDT0 MTEB0 MTHC0 MWJG0"
)
DEV = tuple(_DEV.split())


def _identify(path: PurePath, _: PurePath) -> tuple[str, str] | None:
    """Sentences have the same names with several speakers, so an utterance is SPEAKER_SENTENCE."""
    names = [part.upper() for part in path.with_suffix("").parts[-4:]]
    if len(names) < 4 or names[0] not in ("TRAIN", "TEST"):
        return None
    return f"{names[2]}_{names[3]}", names[2]


def _complete(listing: Listing, _: Path) -> Listing:
    """Words and phones lie beside the audio; a speaker's name begins with the sex."""
    beside = {u: {kind: _beside(path, kind) for kind in ("WRD", "PHN")} for u, path in listing.recordings.items()}
    words = {u: read_timit(files["WRD"]) for u, files in beside.items() if files["WRD"].exists()}
    phones = {u: read_timit(files["PHN"]) for u, files in beside.items() if files["PHN"].exists()}
    text = {u: " ".join(label.name for label in labels) for u, labels in words.items()}
    genders = {speaker: speaker[0].lower() for speaker in listing.utt2spk.values() if speaker[0] in "FM"}
    return replace(with_known(listing, text, genders), phones=phones)


def _beside(audio: Path, kind: str) -> Path:
    """File of another kind beside a TIMIT recording, in the recording's case."""
    return audio.with_suffix(f".{kind}" if audio.suffix.isupper() else f".{kind.lower()}")


def _belongs(path: PurePath, _: set[str] | None) -> bool:
    return path.suffix.upper() in (".WRD", ".PHN", ".TXT")


LAYOUT = Layout("TRAIN or TEST/REGION/SPEAKER/SENTENCE.WAV", _identify, _complete, _belongs)


def find_sentences(corpus: Path, part: str, speakers: Sequence[str] | None = None) -> DataDir:
    """Find the sentences of a part (or of some speakers), except those that all speakers read (SA)."""
    listing = find_recordings(LAYOUT, corpus)
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
    path = _beside(data.recordings[utterance], "PHN")
    return map_labels(read_timit(path), TIMIT_61_TO_48, silence="sil", owner=str(path))
