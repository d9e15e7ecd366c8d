"""The family of speaker verification systems, all with one face: two sides in, scores of all pairs out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import SVC

from gmmspeech.gmm.adapt import map_adapt
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.recipe.sides import Side
from gmmspeech.scoring.linear import linear_score
from gmmspeech.scoring.llr import log_likelihood_ratios
from gmmspeech.speaker.backend import train_backend
from gmmspeech.speaker.isv import train_isv
from gmmspeech.speaker.ivector import train_ivector_extractor
from gmmspeech.speaker.supervectors import adapted_means, supervectors

Scorer = Callable[[Side, Side], NDArray[np.float64]]


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


def gmm_full(ubm: DiagonalGMM, background: Side, settings: SystemSettings, *, jobs: int = 1) -> Scorer:
    """Log-likelihood ratios of adapted means, all components evaluated."""
    return _gmm(ubm, settings, "m", None, jobs)


def gmm_top_c(ubm: DiagonalGMM, background: Side, settings: SystemSettings, *, jobs: int = 1) -> Scorer:
    """Log-likelihood ratios of adapted means, by the best components of each frame."""
    return _gmm(ubm, settings, "m", min(settings.top_c, len(ubm.weights_)), jobs)


def gmm_symmetric(ubm: DiagonalGMM, background: Side, settings: SystemSettings, *, jobs: int = 1) -> Scorer:
    """Mean of both directions of the log-likelihood ratio; means, variances and weights adapted."""
    one_way = _gmm(ubm, settings, "mvw", None, jobs)
    return lambda models, tests: (one_way(models, tests) + one_way(tests, models).T) / 2


def _gmm(ubm: DiagonalGMM, settings: SystemSettings, update: str, top_c: int | None, jobs: int) -> Scorer:
    def score(models: Side, tests: Side) -> NDArray[np.float64]:
        adapted = [
            map_adapt(ubm, stats, relevance_factor=settings.relevance_factor, update=update)
            for stats in models.stats.values()
        ]
        return log_likelihood_ratios(adapted, ubm, list(tests.frames.values()), top_c=top_c, n_jobs=jobs)

    return score


def gmm_linear(ubm: DiagonalGMM, background: Side, settings: SystemSettings, *, jobs: int = 1) -> Scorer:
    """Linear scores of adapted means, from statistics alone."""

    def score(models: Side, tests: Side) -> NDArray[np.float64]:
        means = adapted_means(ubm, models.stats, relevance_factor=settings.relevance_factor)
        return linear_score(means, ubm, tests.stats)

    return score


def supervector_svm(ubm: DiagonalGMM, background: Side, settings: SystemSettings, *, jobs: int = 1) -> Scorer:
    """Linear support vector machine for each model: its supervector against those of all other background speakers."""

    def vectors(side: Side) -> NDArray[np.float64]:
        means = adapted_means(ubm, side.stats, relevance_factor=settings.relevance_factor)
        return supervectors(ubm, means - ubm.means_)  # a shift moves no boundary, and small numbers keep their digits

    others, owners = vectors(background), np.array(background.speakers)
    among = others @ others.T

    def score(models: Side, tests: Side) -> NDArray[np.float64]:
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


def isv(ubm: DiagonalGMM, background: Side, settings: SystemSettings, *, jobs: int = 1) -> Scorer:
    """Inter-session variability: linear scores, the sessions' shifts taken off models and tests."""
    model = train_isv(
        ubm,
        background.stats,
        background.speakers,
        settings.session_rank,
        relevance_factor=settings.session_relevance_factor,
        random_state=settings.seed,
        n_jobs=jobs,
    )

    def score(models: Side, tests: Side) -> NDArray[np.float64]:
        means = np.array([model.enroll([stats]) for stats in models.stats.values()])
        return model.score(means, tests.stats, n_jobs=jobs)

    return score


def ivector_cosine(ubm: DiagonalGMM, background: Side, settings: SystemSettings, *, jobs: int = 1) -> Scorer:
    """Cosines of i-vectors after LDA to half of their dimensions and WCCN (Dehak et al. 2011)."""
    return _ivector(ubm, background, settings, jobs, steps=("center", "lda", "wccn"), plda=False)


def ivector_plda(ubm: DiagonalGMM, background: Side, settings: SystemSettings, *, jobs: int = 1) -> Scorer:
    """PLDA of whitened i-vectors of length 1 (Garcia-Romero and Espy-Wilson 2011)."""
    return _ivector(ubm, background, settings, jobs, steps=("whiten", "length"), plda=True)


def _ivector(
    ubm: DiagonalGMM, background: Side, settings: SystemSettings, jobs: int, *, steps: tuple[str, ...], plda: bool
) -> Scorer:
    extractor = train_ivector_extractor(ubm, background.stats, settings.rank, random_state=settings.seed, n_jobs=jobs)
    speakers = len(set(background.speakers))
    backend = train_backend(
        extractor.extract(background.stats, n_jobs=jobs),
        background.speakers,
        steps=steps,
        lda_dim=min(settings.rank // 2, speakers - 1) if "lda" in steps else None,
        plda=plda,
    )

    def vectors(side: Side) -> NDArray[np.float64]:
        return backend.transform(extractor.extract(side.stats, n_jobs=jobs))

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
