"""Who is learned from and who is recognized, where the files of each system are, and what they are called in tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import vocal_tract
from network import ALL
from words import names_of

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands import rungs
from gmmspeech.commands.transcripts import said_words
from gmmspeech.report import rows


@dataclass(frozen=True)
class Experiment:
    """Who is learned from and who is recognized; `labels` are the corpus' own, None if it was fetched without any."""

    name: str
    train: gs.formats.DataDir
    test: gs.formats.DataDir
    labels: Path | None


def experiments(background: gs.formats.DataDir, test: gs.formats.DataDir, every: int) -> list[Experiment]:
    """One of so many speakers of the background after the rest, and test speakers after the whole background."""
    labels = [part.path / "phones.ctm" for part in (background, test)]
    own = labels if all(path.exists() for path in labels) else [None, None]
    return [Experiment("dev", *split(background, every), own[0]), Experiment(test.path.name, background, test, own[1])]


def split(background: gs.formats.DataDir, every: int) -> tuple[gs.formats.DataDir, gs.formats.DataDir]:
    """One of so many speakers is kept for development."""
    held_out = sorted(set(background.utt2spk.values()))[::every]
    kept = [background.utt2spk[utterance] in held_out for utterance in background.utterances]
    sides = ((u for u, k in zip(background.utterances, kept, strict=True) if k == side) for side in (False, True))
    return background.only(next(sides)), background.only(next(sides))


def features_of(run: pipeline.Run, part: gs.formats.DataDir) -> Path:
    """Where the features of a part are."""
    return run.out / f"feats-{part.path.name}.h5"


def normalized(run: pipeline.Run, task: Experiment) -> list[rungs.Speech]:
    """Speech to learn from and to recognize, normalized by the length of vocal tracts."""
    places = vocal_tract.normalized_at(run, task.name)
    parts = zip(places, (task.train, task.test), strict=True)
    return [rungs.Speech(place, said_words(part), part.utt2spk) for place, part in parts]


def aligners_of(name: str, top: str) -> list[tuple[str, str, str]]:
    """What each system that aligns is called in tables, and the name and the rung that its files have."""
    return [*((rung, name, rung) for rung in rungs.RUNGS), (f"{top} and VTLN", f"{name}-vtln", top)]


def recognizers_of(name: str, top: str) -> list[tuple[str, str, str]]:
    """What each system that recognizes is called, and its files: those that align, and those of more models."""
    more = [
        (f"{top}, VTLN and noise", f"{name}-vtln-beside", top),
        (f"{top}, VTLN and network", f"{name}-vtln", ALL),
    ]
    return [*aligners_of(name, top), *more]


def alignment_rows(task: Experiment, out: Path, top: str) -> list[rows.Row]:
    """Differences of the starts of phones from the corpus' own, of each system."""
    read = gs.formats.read_labels
    placed = [(told, rungs.aligned_at(out, name, rung)) for told, name, rung in aligners_of(task.name, top)]
    return [rows.boundary_row(f"{task.name}, {told}", read(task.labels), read(at)) for told, at in placed]


def recognition_rows(task: Experiment, out: Path, top: str) -> list[rows.Row]:
    """Phone errors on each rung of the ladder, beside the corpus' phones or those of the alignment."""
    names = names_of(task.labels or rungs.aligned_at(out, task.name, rungs.MONOPHONE))
    # what could not be aligned has no phones to compare with, where those of the alignment are used
    said = {u: names[u] for u in said_words(task.test) if task.labels or u in names}
    found = []
    for told, name, rung in recognizers_of(task.name, top):
        recognized = names_of(rungs.recognized_at(out, name, rung))
        errors = gs.metrics.error_rate(said, {utterance: recognized[utterance] for utterance in said})
        found.append(rows.error_row(f"{task.name}, {told}", errors))
    return found
