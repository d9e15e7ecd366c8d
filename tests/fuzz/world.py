"""The whole files beside the one that is damaged: recordings, features, models, lists; and the files of secrets."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import soundfile
from click.testing import CliRunner
from fuzz.verdicts import CANARY, SECRET_NUMBER

import gmmspeech as gs
from gmmspeech.cli.main import main
from gmmspeech.phones.hmm.model import PhoneHMM

RATE = 8000
UTTERANCES = [f"{speaker}-{i}" for speaker in ("ann", "bob") for i in (1, 2, 3)]
FRONT_END = """\
sample_frequency = 8000
[features]
type = "mfcc"
num_ceps = 6
dither = 0.0
"""
DICTIONARY = "ONE AA S\nTWO S AA\n"
LABELS = "".join(f"{u} 1 0.00 0.20 AA\n{u} 1 0.20 0.15 S\n{u} 1 0.35 0.10 SIL\n" for u in UTTERANCES)
TRIALS = [(model, f"{test}-3") for model in ("ann", "bob") for test in ("ann", "bob")]


def build(folder: Path) -> None:
    """Make the world; a few seconds."""
    rng = np.random.default_rng(0)
    for utterance in UTTERANCES:
        noise = rng.standard_normal(RATE // 2) / 10
        if utterance.startswith("bob"):
            noise = np.convolve(noise, np.ones(8) / 8, mode="same")
        soundfile.write(folder / f"{utterance}.wav", noise, RATE)
    texts = {
        "front.toml": FRONT_END,
        "wav.scp": "".join(f"{u} {folder}/{u}.wav\n" for u in UTTERANCES),
        "utt2spk": "".join(f"{u} {u[:3]}\n" for u in UTTERANCES),
        "text": "".join(f"{u} one two\n" for u in UTTERANCES),
        "enroll": "ann ann-1 ann-2\nbob bob-1 bob-2\n",
        "trials": "".join(f"{m} {t} {('nontarget', 'target')[t.startswith(m)]}\n" for m, t in TRIALS),
        "words.dict": DICTIONARY,
        "phones.ctm": LABELS,
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    front = gs.FrontEnd.from_toml(folder / "front.toml")
    gs.extract_features([gs.read_data_dir(folder)], folder / "f.h5", front)
    with gs.FeatureStore(folder / "f.h5") as store:
        _models(folder, {name: store[name] for name in store}, front.to_json())
    for line in (
        "accumulate u.h5 f.h5 a.h5",
        "train-phone-classifier . labeled.h5 --labels phones.ctm -k 1 --parts 1 --dim 2 --config front.toml",
    ):
        name, *words = line.split()
        paths = [str(folder / word) if "." in word else word for word in words]
        done = CliRunner().invoke(main, [name, *paths])
        assert done.exit_code == 0, done.output
    _secrets(folder)


def _models(folder: Path, frames: dict[str, np.ndarray], front_end: str) -> None:
    x = np.concatenate(list(frames.values()))
    ubm = gs.DiagonalGMM(2, random_state=0, max_iter=3).fit(x)
    ubm.front_end_ = front_end
    ubm.save(folder / "u.h5")
    verifier = gs.SpeakerVerifier(ubm)
    for speaker in ("ann", "bob"):
        verifier.enroll(speaker, np.concatenate([frames[f"{speaker}-1"], frames[f"{speaker}-2"]]))
    verifier.save(folder / "m.h5")
    classifier = gs.GMMClassifier(2, random_state=0).fit(x, np.repeat(["ann", "bob"], len(x) // 2))
    classifier.front_end_ = front_end
    classifier.save(folder / "c.h5")
    gs.stores.write_statistics(folder / "s.h5", ubm, frames.items(), front_end=front_end)
    stats = [ubm.accumulate(each) for each in frames.values()]
    extractor = gs.speaker.train_ivector_extractor(ubm, stats, 2, max_iter=2)
    extractor.save(folder / "extractor.h5")
    vectors = rng_vectors()
    gs.speaker.IVectors(tuple(UTTERANCES), extractor.extract(stats), extractor.digest).save(folder / "ivectors.h5")
    speakers = np.arange(len(vectors)) % 6
    backend = gs.speaker.train_backend(vectors, speakers, plda_rank=1, max_iter=2, extractor_digest=extractor.digest)
    backend.save(folder / "backend.h5")
    mean, variance = x.mean(axis=0), x.var(axis=0)
    hmm = PhoneHMM.from_phones(["SIL", "AA", "S"], mean=mean, variance=variance, num_states=2, front_end=front_end)
    hmm.save(folder / "hmm.h5")
    rng = np.random.default_rng(1)
    scores = gs.Scores([m for m, _ in TRIALS], [t for _, t in TRIALS], np.array([1.5, -0.5, 0.25, 1.0]))
    gs.write_scores(folder / "scores", scores)
    gs.scoring.fit_calibration(rng.normal(1, 1, 20), rng.normal(0, 1, 20)).save(folder / "calibration.h5")


def rng_vectors() -> np.ndarray:
    """Vectors of two dimensions, of six speakers."""
    rng = np.random.default_rng(2)
    return rng.normal(size=(6, 2))[np.arange(24) % 6] + rng.normal(size=(24, 2))


def _secrets(folder: Path) -> None:
    (folder / "secret.txt").write_bytes(CANARY * 512)
    with h5py.File(folder / "secret.h5", "w") as file:
        file["means"], file["flat"] = np.full((64, 64), SECRET_NUMBER), np.full(64, SECRET_NUMBER)
