"""Vocal tract length normalization: the warping factor of a speaker's filters that fits a model best.

Lee and Rose, "Speaker normalization using efficient frequency warping procedures", ICASSP 1996: frames are computed at
several warping factors, and those that the model explains best, along the transcript, are used. Frames of all factors
are normalized by speaker, in mean and variance, so that likelihoods are comparable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from numpy.typing import NDArray

from gmmspeech.phones.decoding.alignment import align
from gmmspeech.phones.decoding.recognition import decode
from gmmspeech.phones.hmm.graph import Pronunciations, phone_loop_graph, train_bigram
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.training import train_phone_hmm_on_labels
from gmmspeech.phones.labels.labels import Label

WARPS = (0.85, 0.88, 0.91, 0.94, 0.97, 1.0, 1.03, 1.06, 1.09, 1.12)
GAUSSIANS, UPDATES = 250, 6  # of models that choose: larger ones know the voices that they were trained on as they are
ROUNDS = 2
SCALE = 0.2  # of log-likelihoods beside a phone bigram

Warped = Mapping[float, Mapping[str, NDArray]]
"""Frames of utterances, at each warp."""


def choose_warps(
    model: PhoneHMM,
    frames: Warped,
    transcripts: Mapping[str, Sequence[str]],
    dictionary: Pronunciations,
    utt2spk: Mapping[str, str],
    *,
    n_jobs: int | None = 1,
) -> dict[str, float]:
    """Give the warp of each speaker whose frames fit best, by the likelihood of all of their utterances."""
    found: dict[str, dict[float, float]] = {}
    for warp, own in frames.items():
        plain = {name: own[name] for name in transcripts}  # their front end differs from the model's, in the warp
        aligned = align(model, plain, transcripts, dictionary, refine=False, skip_bad=True, n_jobs=n_jobs)
        for name, alignment in aligned.alignments.items():
            scores = found.setdefault(utt2spk[name], dict.fromkeys(frames, 0.0))
            scores[warp] += alignment.log_likelihood * len(plain[name])
    chosen = {speaker: max(scores, key=lambda w, own=scores: own[w]) for speaker, scores in found.items()}  # type: ignore[misc]
    return dict.fromkeys(utt2spk.values(), 1.0) | chosen


def frames_at(warps: Mapping[str, float], frames: Warped, utt2spk: Mapping[str, str]) -> dict[str, NDArray]:
    """Frames of each utterance at the warp of its speaker."""
    return {name: frames[warps[speaker]][name] for name, speaker in utt2spk.items()}


def warps_of_training(
    frames: Warped,
    labels: Mapping[str, Sequence[Label]],
    transcripts: Mapping[str, Sequence[str]],
    dictionary: Pronunciations,
    utt2spk: Mapping[str, str],
    *,
    n_jobs: int | None = 1,
) -> tuple[PhoneHMM, dict[str, float]]:
    """Train a small model on labeled frames and choose warps by it, in turn; give the last one and the warps.

    Labels tell times as Kaldi does, from the starts of frames.
    """
    warps = dict.fromkeys(utt2spk.values(), 1.0)
    how = {"total_gaussians": GAUSSIANS, "max_iter": UPDATES, "times": "start", "n_jobs": n_jobs}
    for _ in range(ROUNDS):
        model = train_phone_hmm_on_labels(frames_at(warps, frames, utt2spk), labels, **how)  # type: ignore[arg-type]
        warps = choose_warps(model, frames, transcripts, dictionary, utt2spk, n_jobs=n_jobs)
    return model, warps


def warps_of_unknown_speech(
    model: PhoneHMM,
    frames: Warped,
    learned: Sequence[Sequence[str]],
    utt2spk: Mapping[str, str],
    *,
    n_jobs: int | None = 1,
) -> dict[str, float]:
    """Choose warps of speakers by the phones that are recognized, as a bigram of `learned` ones has them."""
    graph = phone_loop_graph(model, train_bigram(learned, model.phones))
    warps = dict.fromkeys(utt2spk.values(), 1.0)
    entries = {phone: [[phone]] for phone in model.phones}
    for _ in range(ROUNDS):
        recognized = decode(model, frames_at(warps, frames, utt2spk), graph, acoustic_scale=SCALE, n_jobs=n_jobs)
        said = {name: [p.name for p in a.phones if p.name != model.silence] for name, a in recognized.items()}
        warps = choose_warps(model, frames, said, entries, utt2spk, n_jobs=n_jobs)
    return warps
