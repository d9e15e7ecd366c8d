"""Copies of the speech to learn from, in noise, and in noise and echo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import soundfile
import vocal_tract

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands import rungs
from gmmspeech.commands.perturbation import perturb_data, sloped_noise
from gmmspeech.formats.loading import load
from gmmspeech.phones.hmm.training_state import TrainingState
from gmmspeech.stores.features import FeatureStore, write_store

SNR = 18  # dB
NOISY, REVERB = f"-snr{SNR}", f"-snr{SNR}-reverb"  # what names of copies end with
NOISES, SECONDS, RATE = 24, 20, 16000
STEEPEST = 6.0  # dB an octave, by which a noise falls, or less
ROOMS, SHORTEST, LONGEST = 24, 0.15, 0.6  # s that echo takes to fall by 60 dB
ECHO = -3.0  # dB of all of it beside the direct sound
OFF = 0.06  # share by which the warps of copies differ from those of their speakers, down and up by turns


def write_noises(folder: Path) -> None:
    """Write noises whose powers fall by 0 to 6 dB an octave: between that of a fan and that of a street."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for number, slope in enumerate(np.linspace(0, STEEPEST, NOISES)):
        noise = sloped_noise(SECONDS * RATE, RATE, slope, rng)
        soundfile.write(folder / f"noise-{number:02}.wav", 0.3 * noise / np.abs(noise).max(), RATE)


def write_rooms(folder: Path) -> None:
    """Write impulse responses of rooms: the direct sound, and 2 ms later noise that falls as echo does."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    for number, seconds in enumerate(np.linspace(SHORTEST, LONGEST, ROOMS)):
        size = round(RATE * seconds)
        response = rng.normal(size=size) * 10 ** (-3 * np.arange(size) / size)
        response[:32] = 0
        response *= 10 ** (ECHO / 20) / np.linalg.norm(response)
        response[0] = 1
        soundfile.write(folder / f"room-{number:02}.wav", response, RATE)


def copy_in_noise(run: pipeline.Run, part: gs.formats.DataDir) -> gs.formats.DataDir:
    """Copy a part of the corpus with noise."""
    noises, out = run.out / "noises", run.out / f"{part.path.name}{NOISY}"
    settings = [SNR, NOISES, SECONDS, RATE, STEEPEST]
    if run.todo(f"noise-{part.path.name}", makes=[out / "wav.scp"], of=[part], settings=settings):
        write_noises(noises)
        perturb_data(part.path, out, noise=noises, snr=SNR)
    return gs.read_data_dir(out)


def copy_in_rooms(run: pipeline.Run, copies: gs.formats.DataDir) -> gs.formats.DataDir:
    """Copy the copies in noise as rooms with echo have them."""
    rooms, out = run.out / "rooms", run.out / f"{copies.path.name}-reverb"
    settings = [ROOMS, SHORTEST, LONGEST, ECHO]
    if run.todo(f"rooms-{copies.path.name}", makes=[out / "wav.scp"], settings=settings):
        write_rooms(rooms)
        perturb_data(copies.path, out, reverb=rooms)
    return gs.read_data_dir(out)


def with_copies(
    run: pipeline.Run, name: str, speech: rungs.Speech, copies: gs.formats.DataDir, front: gs.FrontEnd
) -> rungs.Speech:
    """Give speech with its copies as other speakers', whose vocal tracts are a little shorter or longer."""
    of = copies_of(speech.words)
    place = copies_at(run, name)
    if run.todo(f"copies-{name}", makes=[place], settings=[speech.words, OFF]):
        warps = other_voices(vocal_tract.read_warps(run, name), {speech.utt2spk[u] for u in speech.words})
        own = vocal_tract.frames_at_own_warps(copies.only(of), front, warps, n_jobs=run.jobs)
        with FeatureStore(speech.features) as store:
            plain = ((u, store[u]) for u in speech.words)
            write_store(place, chain(plain, own), front_end=front.to_json())
    return together(run, name, speech)


def copies_at(run: pipeline.Run, name: str) -> Path:
    """Where the features of speech with its copies are."""
    return run.out / f"feats-{name}-train-copies.h5"


def together(run: pipeline.Run, name: str, speech: rungs.Speech) -> rungs.Speech:
    """Speech with its copies, which `with_copies` has made."""
    of = copies_of(speech.words)
    return rungs.Speech(
        features=copies_at(run, name),
        words={**speech.words, **{copy: speech.words[u] for copy, u in of.items()}},
        utt2spk={**speech.utt2spk, **{copy: f"{speech.utt2spk[u]}{NOISY}" for copy, u in of.items()}},
    )


def copies_apart(
    run: pipeline.Run,
    name: str,
    speech: rungs.Speech,
    rooms: gs.formats.DataDir,
    front: gs.FrontEnd,
) -> dict[str, rungs.Speech]:
    """Give the copies in noise, and those in rooms at warps on the other side, by what their names end with."""
    place = run.out / f"feats-{name}-train-rooms.h5"
    of = copies_of(speech.words, REVERB)
    if run.todo(f"copies-{name}-rooms", makes=[place], settings=[speech.words, OFF]):
        speakers = {speech.utt2spk[u] for u in speech.words}
        warps = other_voices(vocal_tract.read_warps(run, name), speakers, first=1)
        own = vocal_tract.frames_at_own_warps(rooms.only(of), front, warps, n_jobs=run.jobs)
        write_store(place, own, front_end=front.to_json())
    both = together(run, name, speech)
    noisy = replace(both, words={copy: both.words[copy] for copy in copies_of(speech.words)})
    words, speakers_of = ({copy: table[u] for copy, u in of.items()} for table in (speech.words, speech.utt2spk))
    return {NOISY: noisy, REVERB: rungs.Speech(place, words, speakers_of)}


def other_voices(warps: Mapping[str, float], speakers: Iterable[str], first: int = 0) -> dict[str, float]:
    """Warps of copies: with those of their speakers, voices would be as alike as normalization makes them.

    The `first` speaker has a smaller one if it is 0, and a larger one if it is 1.
    """
    ordered = enumerate(sorted(speakers), start=first)
    return {s: round(warps[s] * (1 + OFF if i % 2 else 1 - OFF), 2) for i, s in ordered}


def copies_of(utterances: Iterable[str], end: str = NOISY) -> dict[str, str]:
    """Names of copies, and what each is a copy of."""
    return {f"{u}{end}": u for u in utterances}


def states_with_copies(run: pipeline.Run, name: str) -> TrainingState:
    """Give the states of monophones' frames: those of a copy are those of the speech, which begins and ends with it."""
    state = load(rungs.state_of(run, name), TrainingState)
    of = copies_of(state.posteriors)
    return replace(state, posteriors={**state.posteriors, **{copy: state.posteriors[u] for copy, u in of.items()}})
