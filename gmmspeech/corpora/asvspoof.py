"""ASVspoof 2019 and 2021, from a local copy: utterances with their keys, and the protocols of the parts of 2019."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath

from gmmspeech.corpora.corpus import Layout, Listing
from gmmspeech.corpora.listing import find_utterances, select, write_listing
from gmmspeech.errors import DataError, counted, shown
from gmmspeech.formats.asvspoof import SpoofTrial, read_protocol, write_protocol

PARTS = {"train": ("train", "train.trn"), "dev": ("dev", "dev.trl"), "test": ("eval", "eval.trl")}
"""Of each part its folder, and what its protocol is called, after the condition (LA, PA)."""


PROTOCOLS = {
    "ASVspoof2019_LA_cm_protocols": ("*_cm_protocols/*.cm.*.txt",),
    "keys/LA/CM/trial_metadata.txt": ("keys/*/CM/trial_metadata.txt", "keys/CM/trial_metadata.txt"),
}
"""Where protocols are, in the folder of recordings or beside it, by what is said of it: those of 2019, and of 2021."""


def _identify(path: PurePath, _: PurePath) -> tuple[str, str] | None:
    """Files do not tell who speaks: protocols do."""
    return (path.stem, path.stem) if re.fullmatch(r"(LA|PA|DF)_[TDE]_[0-9]+", path.stem) else None


def _complete(expected: str, listing: Listing, source: Path) -> Listing:
    """Add speakers and classes from the protocols in the folder, or beside it; others have no use here."""
    places = [(place, pattern) for place in (source, source.parent) for pattern in PROTOCOLS[expected]]
    protocols = [file for place, pattern in places for file in sorted(place.glob(pattern))]
    if not protocols:
        raise DataError(f"{source}: found no protocols, expected {expected} in it or beside it")
    trials = {trial.utterance: trial for path in dict.fromkeys(protocols) for trial in read_protocol(path)}
    known = {u: path for u, path in listing.recordings.items() if u in trials}
    if not known:
        raise DataError(f"{source}: found no recording of {counted(len(protocols), 'protocol')}, expected some")
    unknown = len(listing.recordings) - len(known)
    return replace(
        listing,
        recordings=known,
        utt2spk={u: trials[u].speaker for u in known},
        utt2class={u: "bonafide" if trials[u].is_bonafide else "spoof" for u in known},
        left_out=listing.left_out | ({"in no protocol": unknown} if unknown else {}),
    )


def _belongs(path: PurePath, _: set[str] | None) -> bool:
    return path.suffix == ".txt"


LAYOUTS = {
    f"asvspoof{year}": Layout(
        f"LA_{letter}_NUMBER.flac, as in ASVspoof {year}", _identify, partial(_complete, protocols), _belongs
    )
    for year, letter, protocols in zip(("2019", "2021"), "TE", PROTOCOLS, strict=True)
}


def is_asvspoof(corpus: Path) -> bool:
    """Say whether a folder is that of ASVspoof 2019 LA, with its protocols."""
    return (corpus / "ASVspoof2019_LA_cm_protocols").is_dir()


def find_asv_scores(corpus: Path, part: str) -> Path:
    """Scores of the organizers' speaker verification on a part, of LA."""
    return corpus / "ASVspoof2019_LA_asv_scores" / f"ASVspoof2019.LA.asv.{PARTS[part][0]}.gi.trl.scores.txt"


def write_asvspoof(corpus: Path, out: Path) -> None:
    """Write a data directory of each part of ASVspoof 2019 LA: train, dev and test, with ``protocol`` beside."""
    for part, (folder, name) in PARTS.items():
        trials = read_protocol(corpus / "ASVspoof2019_LA_cm_protocols" / f"ASVspoof2019.LA.cm.{name}.txt")
        listing = find_utterances(LAYOUTS["asvspoof2019"], corpus / f"ASVspoof2019_LA_{folder}")
        _check_recorded(corpus, trials, listing)
        write_protocol(out / part / "protocol", trials)
        write_listing(out / part, select(listing, [trial.utterance for trial in trials]))


def _check_recorded(corpus: Path, trials: list[SpoofTrial], listing: Listing) -> None:
    missing = [trial.utterance for trial in trials if trial.utterance not in listing.recordings]
    if missing:
        such = f"no recording of {shown(missing[0])} ({counted(len(missing), 'such utterance')})"
        raise DataError(f"{corpus}: found {such}, expected one for each line of its protocol")
