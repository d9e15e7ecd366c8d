"""Who is verified after whom: the tasks of the recipe, each with a background and trials of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sessions import Session, cut, join

import gmmspeech as gs
from gmmspeech.formats.datadir import DataDir

ENGLISH, ARABIC, DIGITS = "librispeech-mini", "arabic-speech-commands-mini", "fsdd"
NEEDED = {
    "sv80": (ENGLISH,),
    "arabic": (ENGLISH, ARABIC),
    "fsdd": (ENGLISH, DIGITS),
    "arabic-open": (ENGLISH, ARABIC),
    "fsdd-open": (ENGLISH, DIGITS),
}
RECIPES = Path(__file__).parent.parent
SIZES = {  # of the background model, if it isn't the one that comes along, and of i-vectors, and the relevance factor
    "sv80": {"components": 128, "rank": 100, "relevance_factor": 10.0},
    "arabic": {"components": 128, "rank": 60, "relevance_factor": 10.0},
    "fsdd": {"components": 64, "rank": 60, "relevance_factor": 4.0},
    "arabic-open": {"components": None, "rank": 60, "relevance_factor": 10.0},
    "fsdd-open": {"components": None, "rank": 60, "relevance_factor": 4.0},
}


@dataclass(frozen=True)
class Task:
    """Speakers who are in no trial, and trials: each list with the utterances that are scored as one, if not each."""

    background: str
    front_end: gs.FrontEnd
    parts: Sequence[DataDir]
    sessions: Sequence[Session]
    cohort: Sequence[Session]
    fused: Sequence[str]
    test: DataDir
    trials: Mapping[str, tuple[str, str | None]]
    components: int | None
    rank: int
    relevance_factor: float


def sv80(corpora: Path, part: str = "sv80") -> Task:
    """80 readers, an utterance each, cut in two; 121 others in the background."""
    ubm, test = (gs.read_data_dir(corpora / ENGLISH / "data" / name) for name in ("ubm", part))
    front, own, fused = gs.FrontEnd.from_toml("clean_speech"), utt2spk_of(ubm), ("gmm-symmetric", "ivector-plda")
    # an utterance each: parts of it are its speaker's sessions
    background = "english", front, [ubm], cut(own, 4), cut(own, 1)
    return Task(*background, fused, test, {part: ("trials", None)}, **SIZES["sv80"])


def arabic(corpora: Path, part: str = "eval", *, name: str = "arabic") -> Task:
    """10 speakers of Arabic words; 8 others, and 121 readers of English, in the background."""
    ubm, test = (gs.read_data_dir(corpora / ARABIC / "data" / each) for each in ("ubm", part))
    english = gs.read_data_dir(corpora / ENGLISH / "data" / "ubm")
    own, pooled = utt2spk_of(ubm), utt2spk_of(english)
    front = gs.FrontEnd.from_toml(RECIPES / "arabic_commands" / "front_end.toml")
    sessions = [*join(own, 5), *cut(pooled, 4)]  # all of about three seconds
    cohort = [*join(own, 20), *cut(pooled, 1)]  # as long as an enrollment
    background = name, front, [ubm, english], sessions, cohort
    label = name if part == "eval" else part
    trials = {f"{label}-one-word": ("trials", None), f"{label}-five-words": ("trials_group5", "group2utt")}
    return Task(*background, ("gmm-full", "ivector-plda"), test, trials, **SIZES[name])


def fsdd(corpora: Path, part: str = "verify", *, name: str = "fsdd") -> Task:
    """6 speakers of digits; 121 readers of English in the background."""
    english = gs.read_data_dir(corpora / ENGLISH / "data" / "ubm")
    test = gs.read_data_dir(corpora / DIGITS / "data" / part)
    front, pooled = gs.FrontEnd.from_toml(RECIPES / "fsdd" / "front_end.toml"), utt2spk_of(english)
    background = name, front, [english], cut(pooled, 4), cut(pooled, 1)
    fused = "gmm-symmetric", "ivector-plda"
    label = name if part == "verify" else part
    return Task(*background, fused, test, {label: ("trials", None)}, **SIZES[name])


TASKS: dict[str, Callable[..., Task]] = {
    "sv80": sv80,  # whose speakers the background model that comes along knows
    "arabic": arabic,
    "fsdd": fsdd,
    "arabic-open": partial(arabic, name="arabic-open"),
    "fsdd-open": partial(fsdd, name="fsdd-open"),
}


def utt2spk_of(data: DataDir) -> dict[str, str]:
    """Utterances of a part, sorted, and their speakers."""
    return {utterance: data.utt2spk[utterance] for utterance in data.utterances}
