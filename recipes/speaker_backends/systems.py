"""The family of speaker verification systems, all called alike: enrollments and tests in, scores of all pairs out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sessions import Sessions
from sklearn.svm import SVC

import gmmspeech as gs

Scorer = Callable[[Sessions, Sessions], NDArray[np.float64]]


@dataclass(frozen=True)
class SystemSettings:
    """What the systems' sizes are.

    Parameters
    ----------
    relevance_factor : float
        Of relevance MAP, in frames.
    rank : int
        Of the i-vectors.
    session_rank : int
        Of the session matrix of ISV.
    session_relevance_factor : float
        Of ISV, in frames.
    svm_c : float
        Cost of errors of the SVM.
    top_c : int
        Components that top-C scoring evaluates.
    seed : int
        Of what starts at random.
    """

    relevance_factor: float = 10.0
    rank: int = 100
    session_rank: int = 10
    session_relevance_factor: float = 4.0
    svm_c: float = 0.1
    top_c: int = 10
    seed: int = 0


def gmm_full(ubm: gs.DiagonalGMM, background: Sessions, settings: SystemSettings, *, n_jobs: int = 1) -> Scorer:
    """Log-likelihood ratios of adapted means, all components evaluated."""
    return _gmm(ubm, settings, "m", None, n_jobs)


def gmm_top_c(ubm: gs.DiagonalGMM, background: Sessions, settings: SystemSettings, *, n_jobs: int = 1) -> Scorer:
    """Log-likelihood ratios of adapted means, by the best components of each frame."""
    return _gmm(ubm, settings, "m", min(settings.top_c, len(ubm.weights_)), n_jobs)


def gmm_symmetric(ubm: gs.DiagonalGMM, background: Sessions, settings: SystemSettings, *, n_jobs: int = 1) -> Scorer:
    """Mean of both directions of the log-likelihood ratio; means, variances and weights adapted."""
    one_way = _gmm(ubm, settings, "mvw", None, n_jobs)
    return lambda models, tests: (one_way(models, tests) + one_way(tests, models).T) / 2


def _gmm(ubm: gs.DiagonalGMM, settings: SystemSettings, update: str, top_c: int | None, n_jobs: int) -> Scorer:
    def score(models: Sessions, tests: Sessions) -> NDArray[np.float64]:
        adapted = [
            gs.map_adapt(ubm, stats, relevance_factor=settings.relevance_factor, update=update)
            for stats in models.stats.values()
        ]
        return gs.scoring.log_likelihood_ratios(adapted, ubm, list(tests.frames.values()), top_c=top_c, n_jobs=n_jobs)

    return score


def gmm_linear(ubm: gs.DiagonalGMM, background: Sessions, settings: SystemSettings, *, n_jobs: int = 1) -> Scorer:
    """Linear scores of adapted means, from statistics alone."""

    def score(models: Sessions, tests: Sessions) -> NDArray[np.float64]:
        means = gs.speaker.adapted_means(ubm, models.stats, relevance_factor=settings.relevance_factor)
        return gs.linear_score(means, ubm, tests.stats)

    return score


def supervector_svm(ubm: gs.DiagonalGMM, background: Sessions, settings: SystemSettings, *, n_jobs: int = 1) -> Scorer:
    """Linear support vector machine for each model: its supervector against those of all other background speakers."""

    def vectors(sessions: Sessions) -> NDArray[np.float64]:
        means = gs.speaker.adapted_means(ubm, sessions.stats, relevance_factor=settings.relevance_factor)
        return gs.speaker.supervectors(
            ubm, means - ubm.means_
        )  # a shift moves no boundary, and small numbers keep their digits

    others, owners = vectors(background), np.array(background.speakers)
    among = others @ others.T

    def score(models: Sessions, tests: Sessions) -> NDArray[np.float64]:
        enrolled, claims = vectors(models), vectors(tests)
        with_others, claims_others, claims_models = enrolled @ others.T, claims @ others.T, claims @ enrolled.T
        scores = np.empty((len(enrolled), len(claims)))
        for i, speaker in enumerate(models.speakers):
            used = np.flatnonzero(owners != speaker)  # a cohort model is made of the background, too
            kernel = np.empty((len(used) + 1, len(used) + 1))
            kernel[1:, 1:] = among[np.ix_(used, used)]
            kernel[0, 1:] = kernel[1:, 0] = with_others[i, used]
            kernel[0, 0] = enrolled[i] @ enrolled[i]
            machine = SVC(kernel="precomputed", C=settings.svm_c, class_weight="balanced")
            machine.fit(kernel, np.arange(len(kernel)) == 0)
            scores[i] = machine.decision_function(np.column_stack([claims_models[:, i], claims_others[:, used]]))
        return scores

    return score


def isv(ubm: gs.DiagonalGMM, background: Sessions, settings: SystemSettings, *, n_jobs: int = 1) -> Scorer:
    """Inter-session variability: linear scores, the sessions' shifts taken off models and tests."""
    model = gs.speaker.train_isv(
        ubm,
        background.stats,
        background.speakers,
        settings.session_rank,
        relevance_factor=settings.session_relevance_factor,
        random_state=settings.seed,
        n_jobs=n_jobs,
    )

    def score(models: Sessions, tests: Sessions) -> NDArray[np.float64]:
        means = np.array([model.enroll([stats]) for stats in models.stats.values()])
        return model.score(means, tests.stats, n_jobs=n_jobs)

    return score


def ivector_cosine(ubm: gs.DiagonalGMM, background: Sessions, settings: SystemSettings, *, n_jobs: int = 1) -> Scorer:
    """Cosines of i-vectors after LDA to half of their dimensions and WCCN (Dehak et al. 2011)."""
    return _ivector(ubm, background, settings, n_jobs, steps=("center", "lda", "wccn"), plda=False)


def ivector_plda(ubm: gs.DiagonalGMM, background: Sessions, settings: SystemSettings, *, n_jobs: int = 1) -> Scorer:
    """PLDA of whitened i-vectors of length 1 (Garcia-Romero and Espy-Wilson 2011)."""
    return _ivector(ubm, background, settings, n_jobs, steps=("whiten", "length"), plda=True)


def _ivector(
    ubm: gs.DiagonalGMM,
    background: Sessions,
    settings: SystemSettings,
    n_jobs: int,
    *,
    steps: tuple[str, ...],
    plda: bool,
) -> Scorer:
    extractor = gs.speaker.train_ivector_extractor(
        ubm, background.stats, settings.rank, random_state=settings.seed, n_jobs=n_jobs
    )
    speakers = len(set(background.speakers))
    backend = gs.speaker.train_backend(
        extractor.extract(background.stats, n_jobs=n_jobs),
        background.speakers,
        steps=steps,
        lda_dim=min(settings.rank // 2, speakers - 1) if "lda" in steps else None,
        plda=plda,
    )

    def vectors(sessions: Sessions) -> NDArray[np.float64]:
        return backend.transform(extractor.extract(sessions.stats, n_jobs=n_jobs))

    return lambda models, tests: backend.score(vectors(models), vectors(tests))


SYSTEMS: dict[str, Callable[..., Scorer]] = {
    "gmm-full": gmm_full,
    "gmm-top": gmm_top_c,
    "gmm-linear": gmm_linear,
    "gmm-symmetric": gmm_symmetric,
    "svm": supervector_svm,
    "isv": isv,
    "ivector-cosine": ivector_cosine,
    "ivector-plda": ivector_plda,
}
