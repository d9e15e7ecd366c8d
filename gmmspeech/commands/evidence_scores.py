"""Systems of a forensic comparison: GMM-UBM and i-vectors with PLDA, trained under all conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmspeech.commands.population import Recorded
from gmmspeech.commands.systems import ENOUGH_FOR_PLDA, VERIFIER, num_components, spread, train_ivectors
from gmmspeech.commands.verify_protocol import Protocol
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.scoring.trials import of_matrix
from gmmspeech.speaker.ubm import train_ubm
from gmmspeech.speaker.verifier import SpeakerVerifier

SYSTEMS = {
    "gmm-ubm": "GMM-UBM: MAP of means, variances and weights, relevance factor 10, scores of both directions",
    "ivector-plda": "i-vectors, whitened, of length 1, and PLDA",
}
COMPONENTS_A_SPEAKER = 1
MOST_FRAMES = 6000  # of a speaker of the background, under each of the conditions: a minute of speech
PIECE = 200  # frames, about two seconds of speech: what PLDA learns of is cut into such pieces
MOST_PIECES = 40  # of a speaker
CASE = "known"

Scored = Mapping[str, tuple[NDArray[np.float64], float]]  # of each system the validation's trials, and the case


@dataclass(frozen=True)
class Sides:
    """What is compared: the trials of the validation and the case, and the background to learn from.

    Parameters
    ----------
    protocol : Protocol
    background : sequence of dict
        Recordings of the background by name, under each of the conditions.
    enrolled, tests : dict
        Recordings of the validation by name.
    known, questioned : Recorded
        The case.
    """

    protocol: Protocol
    background: Sequence[Mapping[str, Recorded]]
    enrolled: Mapping[str, Recorded]
    tests: Mapping[str, Recorded]
    known: Recorded
    questioned: Recorded

    def models(self) -> dict[str, NDArray[np.float32]]:
        """Give the frames of each model of the validation, no more than the known speaker has."""
        most = len(self.known.frames)
        return {
            speaker: np.concatenate([self.enrolled[name].frames for name in names])[:most]
            for speaker, names in self.protocol.enrollment.items()
        }

    def of_background(self) -> dict[str, list[NDArray[np.float32]]]:
        """Give the frames of each speaker of the background, recording by recording."""
        frames: dict[str, list[NDArray[np.float32]]] = {}
        for recordings in self.background:
            for name, speaker in self.protocol.background.items():
                frames.setdefault(speaker, []).append(recordings[name].frames)
        return frames


def background_model(
    sides: Sides, front: FrontEnd, n_components: int | None, *, random_state: int, n_jobs: int | None
) -> DiagonalGMM:
    """Train on the background under all conditions, no speaker counting more than a minute of speech under each."""
    rng, parts = np.random.default_rng(random_state), []
    most = MOST_FRAMES * len(sides.background)
    for frames in sides.of_background().values():
        together = np.concatenate(frames)
        drawn = np.sort(rng.choice(len(together), most, replace=False)) if len(together) > most else slice(None)
        parts.append(together[drawn])
    size = n_components or num_components(len(parts), COMPONENTS_A_SPEAKER)
    ubm = train_ubm(parts, min(size, sum(map(len, parts)) // 20 or 1), random_state=random_state, n_jobs=n_jobs)
    ubm.front_end_ = front.to_json()
    return ubm


def score_systems(ubm: DiagonalGMM, sides: Sides, *, n_jobs: int | None) -> Scored:
    """Scores of the validation's trials, and of the case, by each system that the background is enough for."""
    scored: dict[str, tuple[NDArray[np.float64], float]] = {"gmm-ubm": _gmm_scores(ubm, sides, n_jobs)}
    if len(set(sides.protocol.background.values())) >= ENOUGH_FOR_PLDA:
        scored["ivector-plda"] = _ivector_scores(ubm, sides, n_jobs)
    return scored


def _gmm_scores(ubm: DiagonalGMM, sides: Sides, n_jobs: int | None) -> tuple[NDArray[np.float64], float]:
    verifier = SpeakerVerifier(ubm, n_jobs=n_jobs, **VERIFIER)
    for speaker, frames in sides.models().items():
        verifier.enroll(speaker, frames)
    tests = {name: each.frames for name, each in sides.tests.items()}
    of_case = SpeakerVerifier(ubm, **VERIFIER)
    of_case.enroll(CASE, sides.known.frames)
    of_trials = verifier.score_trials(sides.protocol.trials, tests).values
    return of_trials, of_case.score(CASE, sides.questioned.frames)


def _ivector_scores(ubm: DiagonalGMM, sides: Sides, n_jobs: int | None) -> tuple[NDArray[np.float64], float]:
    """Train an extractor and PLDA on pieces of the background, and score trials and case."""
    pieces: list[NDArray[np.float32]] = []
    speakers: list[str] = []
    for speaker, recordings in sides.of_background().items():
        found = [piece for frames in recordings for piece in np.array_split(frames, max(len(frames) // PIECE, 1))]
        drawn = spread(found, MOST_PIECES)
        pieces += drawn
        speakers += [speaker] * len(drawn)
    vectors, backend = train_ivectors(ubm, pieces, speakers, n_jobs=n_jobs)
    models, tests = sides.models(), {name: each.frames for name, each in sides.tests.items()}
    matrix = backend.score(vectors(models.values()), vectors(tests.values()))
    of_case = backend.score(vectors([sides.known.frames]), vectors([sides.questioned.frames]))
    return of_matrix(matrix, list(models), list(tests), sides.protocol.trials), float(of_case[0, 0])
