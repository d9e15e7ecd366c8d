"""Stages that normalize speakers by the length of their vocal tracts (VTLN)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from numpy.typing import NDArray

from gmmspeech.commands.extraction import extract_features
from gmmspeech.commands.phone_features import features_of
from gmmspeech.commands.rungs import Speech
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.files.atomic import write_lines
from gmmspeech.formats.datadir import DataDir
from gmmspeech.formats.labels.labels import read_labels
from gmmspeech.phones.decoding import vocal_tract as vtln
from gmmspeech.phones.hmm.graph import Pronunciations
from gmmspeech.pipeline import Run
from gmmspeech.stores.features import FeatureStore, write_store


def extract_warped(run: Run, part: DataDir, front: FrontEnd) -> dict[float, Path]:
    """Compute features at every warp, and give where they are."""
    name = part.path.name
    places = {warp: run.out / f"feats-{name}-{warp:g}.h5" for warp in vtln.WARPS}
    if run.todo(f"features-{name}-warped", makes=list(places.values()), of=[part], settings=[front, list(vtln.WARPS)]):
        for warp, place in places.items():
            extract_features([part], place, _at_warp(front, warp), n_jobs=run.jobs)
    return places


def _at_warp(front: FrontEnd, warp: float) -> FrontEnd:
    """Front end whose filters are warped."""
    sections = front.model_dump()
    return FrontEnd(**{**sections, "features": {**sections["features"], "vtln_warp": warp}})


def normalized_at(run: Run, name: str) -> list[Path]:
    """Where the features are that `normalize_speakers` writes: of those to learn from, and of the others."""
    return [run.out / f"feats-{name}-{side}-normalized.h5" for side in ("train", "test")]


def warps_at(run: Run, name: str) -> Path:
    """Where the warps of speakers are."""
    return run.out / f"warps-{name}.json"


def read_warps(run: Run, name: str) -> dict[str, float]:
    """Read the warps of speakers, as chosen by `normalize_speakers`."""
    found: dict[str, float] = json.loads(warps_at(run, name).read_text(encoding="utf-8"))
    return found


def frames_at_own_warps(
    part: DataDir, front: FrontEnd, warps: Mapping[str, float], *, n_jobs: int | None = 1
) -> Iterator[tuple[str, NDArray]]:
    """Compute the features of each utterance of a part at the warp of its speaker."""
    for warp in sorted(set(warps.values())):
        own = part.only(u for u in part.utterances if warps[part.utt2spk[u]] == warp)
        if own.utterances:
            with features_of(own, _at_warp(front, warp), n_jobs=n_jobs) as (store, _):
                yield from store.items()


def normalize_speakers(
    run: Run,
    name: str,
    front: FrontEnd,
    train: tuple[Speech, Mapping[float, Path]],
    test: tuple[Speech, Mapping[float, Path]],
    dictionary: Pronunciations,
    learned: Path,
) -> tuple[Speech, Speech]:
    """Choose a warp for each speaker, of those to learn from by what they say, of the others by what is recognized.

    `learned` has the times of the phones of the former. Give both with features at these warps, which are kept too.
    """
    sides = (train, test)
    one_speakers, other_speakers = ({u: speech.utt2spk[u] for u in speech.words} for speech, _ in sides)
    places = normalized_at(run, name)
    if run.todo(f"warps-{name}", makes=[*places, warps_at(run, name)], settings=[speech.words for speech, _ in sides]):
        labels = {u: found for u, found in read_labels(learned).items() if u in train[0].words}
        with ExitStack() as open_files:
            one, other = (
                {warp: open_files.enter_context(FeatureStore(place)) for warp, place in warped.items()}
                for _, warped in sides
            )
            words = {utterance: train[0].words[utterance] for utterance in labels}  # all that could be aligned
            model, warps = vtln.warps_of_training(one, labels, words, dictionary, one_speakers, n_jobs=run.jobs)
            said = [[label.name for label in found] for found in labels.values()]
            tested = vtln.warps_of_unknown_speech(model, other, said, other_speakers, n_jobs=run.jobs)
            found = (vtln.frames_at(warps, one, one_speakers), vtln.frames_at(tested, other, other_speakers))
            for place, frames in zip(places, found, strict=True):
                write_store(place, frames.items(), front_end=front.to_json())
            write_lines(warps_at(run, name), [json.dumps(warps | tested)])
    return replace(train[0], features=places[0]), replace(test[0], features=places[1])
