"""Copies of the speech to learn from, in noise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import soundfile

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands import rungs, vocal_tract
from gmmspeech.commands.perturbation import perturb_data, sloped_noise
from gmmspeech.formats.loading import load
from gmmspeech.phones.hmm.training_state import TrainingState
from gmmspeech.stores.features import FeatureStore, write_store

SNR = 18  # dB
NOISES, SECONDS, RATE = 24, 20, 16000
STEEPEST = 6.0  # dB an octave, by which a noise falls, or less
OFF = 0.06  # share by which the warps of copies differ from those of their speakers, down and up by turns


def write_noises(folder: Path) -> None:
    """Write noises whose powers fall by 0 to 6 dB an octave: between that of a fan and that of a street."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for number, slope in enumerate(np.linspace(0, STEEPEST, NOISES)):
        noise = sloped_noise(SECONDS * RATE, RATE, slope, rng)
        soundfile.write(folder / f"noise-{number:02}.wav", 0.3 * noise / np.abs(noise).max(), RATE)


def copy_in_noise(run: pipeline.Run, part: gs.formats.DataDir) -> gs.formats.DataDir:
    """Copy a part of the corpus with noise."""
    noises, out = run.out / "noises", run.out / f"{part.path.name}-snr{SNR}"
    settings = [SNR, NOISES, SECONDS, RATE, STEEPEST]
    if run.todo(f"noise-{part.path.name}", makes=[out / "wav.scp"], of=[part], settings=settings):
        write_noises(noises)
        perturb_data(part.path, out, noise=noises, snr=SNR)
    return gs.read_data_dir(out)


def with_copies(
    run: pipeline.Run, name: str, speech: rungs.Speech, copies: gs.formats.DataDir, front: gs.FrontEnd
) -> rungs.Speech:
    """Give speech with its copies as other speakers', whose vocal tracts are a little shorter or longer."""
    of = copies_of(speech.words)
    place = run.out / f"feats-{name}-train-copies.h5"
    if run.todo(f"copies-{name}", makes=[place], settings=[speech.words, OFF]):
        warps = other_voices(vocal_tract.read_warps(run, name), {speech.utt2spk[u] for u in speech.words})
        own = vocal_tract.frames_at_own_warps(copies.only(of), front, warps, n_jobs=run.jobs)
        with FeatureStore(speech.features) as store:
            plain = ((u, store[u]) for u in speech.words)
            write_store(place, chain(plain, own), front_end=front.to_json())
    return rungs.Speech(
        features=place,
        words={**speech.words, **{copy: speech.words[u] for copy, u in of.items()}},
        utt2spk={**speech.utt2spk, **{copy: f"{speech.utt2spk[u]}-snr{SNR}" for copy, u in of.items()}},
    )


def other_voices(warps: Mapping[str, float], speakers: Iterable[str]) -> dict[str, float]:
    """Warps of copies: with those of their speakers, voices would be as alike as normalization makes them."""
    return {s: round(warps[s] * (1 + OFF if i % 2 else 1 - OFF), 2) for i, s in enumerate(sorted(speakers))}


def copies_of(utterances: Iterable[str]) -> dict[str, str]:
    """Names of copies, and what each is a copy of."""
    return {f"{u}-snr{SNR}": u for u in utterances}


def states_with_copies(run: pipeline.Run, name: str) -> TrainingState:
    """Give the states of monophones' frames: those of a copy are those of the speech, which begins and ends with it."""
    state = load(rungs.state_of(run, name), TrainingState)
    of = copies_of(state.posteriors)
    return replace(state, posteriors={**state.posteriors, **{copy: state.posteriors[u] for copy, u in of.items()}})
