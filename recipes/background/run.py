"""The background models that come with the package: many speakers, women and men, read speech, words and prompts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import numpy as np
import soundfile

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands.evaluation import evaluate_file
from gmmspeech.commands.measures import of_utterances, pitches_of
from gmmspeech.commands.perturbation import sloped_noise, with_noise, within_range
from gmmspeech.commands.systems import VERIFIER as READ, WORDS, WORDS_SAME_CHANNEL as SHORT
from gmmspeech.files.checkpoints import checkpoint_of
from gmmspeech.formats.datadir import DataDir, write_map
from gmmspeech.report import rows
from gmmspeech.speaker.shipped import noise_scale

ENGLISH, ARABIC, PROMPTS, DIGITS = "librispeech-mini", "arabic-speech-commands-mini", "asterisk-prompts", "fsdd"
RECIPES = Path(__file__).parents[1]
FRONT_ENDS = {  # by the model
    "16000": gs.FrontEnd.from_toml(RECIPES / "arabic_commands" / "front_end.toml"),
    "same_channel_16000": gs.FrontEnd.from_toml("clean_speech"),
    "8000": gs.FrontEnd.from_toml(RECIPES / "fsdd" / "front_end.toml"),
}
BACKGROUND = {  # corpora and their parts whose speakers make it, by the rate in Hz
    16000: ((ENGLISH, "background"), (ARABIC, "ubm")),
    8000: ((ENGLISH, "background"), (ARABIC, "ubm"), (PROMPTS, "multilang")),
}
FREE_PROMPTS = ("carlo_it", "ivrvoice_ru")  # what is made of the others must be shared alike
COMPONENTS = 128
EVERY = 2  # second recording of the background is copied with noise
NOISE_RATE = 16000
COPIES = 4  # of each reader, from which is learned what noise does to frames
NOISE = {"rank": 3, "relevance_factor": 4.0, "max_iter": 5}
SNR = (0.0, 25.0)  # dB that the noise is below it, drawn evenly
STEEPEST = 6.0  # dB an octave, by which a noise falls, or less: between that of a fan and that of a street


@dataclasses.dataclass(frozen=True)
class Test:
    """Trials of speakers who are not in the background, and how they are scored."""

    model: str
    corpus: str
    part: str
    verifier: Mapping[str, object]
    trials: str = "trials"
    groups: str | None = None
    snr: float | None = None  # of enrollment and test, each recording in another noise
    pitch: bool = False  # whether the scores know of it
    compensated: bool = False  # whether what noise does to frames is subtracted


SAID = {"one word": ("trials", None), "five words": ("trials_group5", "group2utt")}
HEARD = {"": None, ", noise at 20 dB": 20.0, ", noise at 10 dB": 10.0}
KNOWN = {"": (False, False), ", pitch": (True, False), ", pitch, compensated": (True, True)}
ARABIC_TESTS = {
    f"Arabic, {said}{heard}{known}": Test("16000", ARABIC, "eval", WORDS, *lists, snr, *what)
    for said, lists in SAID.items()
    for heard, snr in HEARD.items()
    for known, what in KNOWN.items()
}
TESTS = {
    "read English": Test("16000", ENGLISH, "test-other", READ),
    **ARABIC_TESTS,
    "English digits": Test("8000", DIGITS, "verify", SHORT),
    "English digits, pitch": Test("8000", DIGITS, "verify", SHORT, pitch=True),
}


@click.option("--corpora", type=pipeline.FOLDER, required=True, help="Folder with the corpora by name.")
@pipeline.recipe(corpus=False)
def main(run: pipeline.Run, corpora: Path) -> None:
    """Train background models, and what noise does to one; verify speakers who are not in them."""
    for name, front in FRONT_ENDS.items():
        background = [part_of(corpora, *part) for part in BACKGROUND[front.sample_frequency]]
        background += [in_noise(run, part.only(part.utterances[::EVERY]), SNR, "-noise") for part in background]
        features, model = run.out / f"feats-{name}.h5", run.out / f"background_{name}.h5"
        if run.todo(f"features-{name}", makes=[features], of=background, settings=front):
            gs.extract_features(background, features, front, n_jobs=run.jobs)
        if run.todo(f"train-{name}", makes=[model], settings=COMPONENTS):
            train(features, background, model, run.jobs)
    learn_noise(run, part_of(corpora, *BACKGROUND[NOISE_RATE][0]))
    found = []
    for name, test in TESTS.items():
        data = gs.read_data_dir(corpora / test.corpus / "data" / test.part)
        features, scores = run.out / f"feats {name}.h5", run.out / f"scores {name}"
        front = FRONT_ENDS[test.model]
        heard = data if test.snr is None else in_noise(run, data, (test.snr, test.snr), "")
        if run.todo(f"verify-{name}", makes=[scores], of=[heard, data.path / test.trials], settings=[test, front]):
            gs.extract_features([heard], features, front, n_jobs=run.jobs)
            score(run.out, test, heard, data.path, features, scores, run.jobs)
        row = rows.verification_row(name, [evaluate_file(scores, data.path / test.trials)])
        found.append({"rate": f"{front.sample_frequency:g} Hz", **row})
    run.results(found)


def part_of(corpora: Path, corpus: str, part: str) -> DataDir:
    """Read a part of a corpus, of the prompts as far as their license lets a model go anywhere."""
    data = gs.read_data_dir(corpora / corpus / "data" / part)
    free = set(data.utt2spk.values()) if corpus != PROMPTS else set(FREE_PROMPTS)
    return data.only(u for u in data.utterances if data.utt2spk[u] in free)


def in_noise(run: pipeline.Run, part: DataDir, snr: tuple[float, float], ending: str, *seed: int) -> DataDir:
    """Copy a part, each recording in a noise of its own, at a ratio that is drawn; names get an ending."""
    out = run.out / "-".join([part.path.parents[1].name, part.path.name, *(f"{number:g}" for number in (*snr, *seed))])
    if run.todo(f"copy-{out.name}", makes=[out / "wav.scp"], of=[part], settings=[snr, STEEPEST, ending]):
        out.mkdir(parents=True, exist_ok=True)
        for number, utterance in enumerate(part.utterances):
            signal, rate = gs.formats.load_utterance(part, utterance)
            rng = np.random.default_rng([number, *map(int, snr), *seed])
            noise = sloped_noise(len(signal), rate, rng.uniform(0, STEEPEST), rng)
            noisy = with_noise(signal, noise, rng, snr=rng.uniform(*snr))
            soundfile.write(out / f"{utterance}{ending}.flac", within_range(noisy), rate)
        write_map(out / "utt2spk", {f"{u}{ending}": part.utt2spk[u] for u in part.utterances})
        write_map(out / "wav.scp", {f"{u}{ending}": f"{u}{ending}.flac" for u in part.utterances})
    return gs.read_data_dir(out)


def train(features: Path, background: Sequence[DataDir], out: Path, n_jobs: int) -> None:
    """Train a model of speakers who each count alike."""
    speakers = {u: part.utt2spk[u] for part in background for u in part.utterances}
    with gs.FeatureStore(features) as store, checkpoint_of(out) as checkpoint:
        frames, weight = gs.speaker.balanced_frames(store, speakers)
        model = gs.train_ubm(frames, COMPONENTS, sample_weight=weight, n_jobs=n_jobs, checkpoint=checkpoint)
        model.front_end_ = store.front_end
    model.save(out)


def learn_noise(run: pipeline.Run, readers: DataDir) -> None:
    """Train the subspace in which a recording's copies in noise differ from it."""
    features, out = run.out / "feats-noise.h5", run.out / f"noise_{NOISE_RATE}.h5"
    copies = {f"-noise{i}": in_noise(run, readers, SNR, f"-noise{i}", i) for i in range(1, COPIES + 1)}
    if run.todo("features-noise", makes=[features], of=copies.values(), settings=FRONT_ENDS[str(NOISE_RATE)]):
        gs.extract_features([readers, *copies.values()], features, FRONT_ENDS[str(NOISE_RATE)], n_jobs=run.jobs)
    model = run.out / f"background_{NOISE_RATE}.h5"
    if run.todo("train-noise", makes=[out], of=[model], settings=NOISE):
        ubm = gs.load(model)
        names = [(u, f"{u}{ending}") for u in readers.utterances for ending in ("", *copies)]
        with gs.FeatureStore(features) as store:
            stats = [ubm.accumulate(store[name]) for _, name in names]
        gs.speaker.train_isv(ubm, stats, [u for u, _ in names], **NOISE, n_jobs=run.jobs).save(out)


def score(models: Path, test: Test, heard: DataDir, lists: Path, features: Path, out: Path, n_jobs: int) -> None:
    """Score the trials of a test."""
    ubm = gs.load(models / f"background_{test.model}.h5")
    verifier = gs.SpeakerVerifier(ubm, n_jobs=n_jobs, **test.verifier)
    groups = gs.read_list_map(lists / test.groups) if test.groups else None
    enrollment = gs.read_list_map(lists / "enroll_spk2utt")
    with gs.FeatureStore(features) as store:
        frames = store
        if test.compensated:
            noise = gs.load(models / f"noise_{test.model}.h5")
            quality = of_utterances(gs.features.speech_quality, heard, "noise", n_jobs=n_jobs)
            frames = {u: noise.compensate(x, scale=noise_scale(quality[u].snr)) for u, x in store.items()}
        verifier.enroll_all(enrollment, frames)
        scores = verifier.score_trials(gs.read_trials(lists / test.trials), frames, groups=groups)
    if test.pitch:
        pitches = pitches_of(heard, n_jobs=n_jobs)
        scores = gs.scoring.with_pitch(scores, enrollment, pitches, groups=groups)
    gs.write_scores(out, scores)


if __name__ == "__main__":
    main()
