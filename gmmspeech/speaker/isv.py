"""Inter-session variability: speaker models whose means are compensated for session effects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import check_fields, checked, random_state_of
from gmmspeech.blocks import single_threaded_blas
from gmmspeech.checks import all_finite, as_labels, check_at_least, check_each_has, check_positive
from gmmspeech.errors import DataError, FeatureError, ModelError, counted
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.utterance_stats import Statistics, StatsBatch, check_of_ubm, gmm_digest, stats_batches
from gmmspeech.progress import progress_bar
from gmmspeech.scoring.linear import linear_score
from gmmspeech.speaker.subspace import BATCH, Accumulator, OfSessions, Subspace, random_loading


@dataclass(frozen=True, eq=False, repr=False)
class ISV(OfSessions, kind="ISV", hint="ISV"):
    r"""Inter-session variability (ISV) model (Vogt and Sridharan 2008; McCool et al. 2013).

    Session h of speaker s has the means :math:`m + U x_{sh} + D z_s`; x and z are standard normal. D is diagonal,
    :math:`D^2 = \Sigma / r`, so that without session effects (U = 0) enrollment is relevance MAP of the means. Built by
    `train_isv`, or from given parameters.

    Parameters
    ----------
    ubm : DiagonalGMM
        Background model, with m and Σ.
    session : ndarray, shape (K, D, R), float64
        U.
    relevance_factor : float
        r, in frames.

    References
    ----------
    R. Vogt, S. Sridharan, "Explicit modeling of session variability for speaker verification", Computer Speech and
    Language 22 (1), 2008. C. McCool, R. Wallace, M. McLaren, L. El Shafey, S. Marcel, "Session variability modeling
    for face authentication", IET Biometrics 2 (3), 2013.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> ubm = gs.DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])
    >>> isv = gs.speaker.ISV(ubm, np.zeros((1, 1, 1)), relevance_factor=4.0)
    >>> isv.enroll([ubm.accumulate(np.full((4, 1), 2.0))])
    array([[1.]])
    """

    ubm: DiagonalGMM
    session: NDArray[np.float64]
    relevance_factor: float = 16.0

    def __post_init__(self) -> None:
        check_fields(self)
        shape = self.ubm.parameters()[1].shape
        if self.session.ndim != 3 or self.session.shape[:2] != shape or not all_finite(self.session):
            raise ModelError(
                f"ISV: found a session matrix of shape {self.session.shape}, expected (K, D, R) = "
                f"({shape[0]}, {shape[1]}, R) and finite numbers"
            )
        check_positive(relevance_factor=self.relevance_factor)

    @property
    def rank(self) -> int:
        """Dimension R of the session subspace."""
        return int(self.session.shape[2])

    @checked
    def session_factors(self, stats: Statistics, *, n_jobs: int | None = 1) -> NDArray[np.float64]:
        """Posterior means of x, (U, R), for utterances of unknown speakers (z = 0).

        Parameters
        ----------
        stats : sequence of GMMStats, or StatisticsStore
        n_jobs : int
            Threads.
        """
        check_of_ubm(stats, self.ubm)
        found = [np.empty((0, self.rank))]
        for batch in stats_batches(stats, self.ubm.means_.shape, BATCH):
            f = batch.centered(self.ubm.means_, self._deviations)
            found.append(self.subspace.means(batch.n, f, n_jobs=n_jobs))
        return np.concatenate(found)

    @checked
    def channel_offsets(self, stats: Statistics, *, n_jobs: int | None = 1) -> NDArray[np.float64]:
        """Shifts U x of the means by the sessions of utterances, (U, K, D), for `linear_score`."""
        factors = self.session_factors(stats, n_jobs=n_jobs)
        return (factors @ self.session.reshape(-1, self.rank).T).reshape(len(factors), *self.ubm.means_.shape)

    @checked
    def compensate(self, X: NDArray, *, scale: float = 1.0) -> NDArray[np.float32]:
        r"""Subtract the session effect from the frames of a session (Castaldo et al. 2007).

        With the posteriors γ of the components, a frame becomes :math:`x_t - s \sum_k \gamma_k(x_t) U_k x_h`. Any
        system can use the result.

        Parameters
        ----------
        X : ndarray, shape (T, D)
        scale : float
            s, the fraction of the offsets to subtract.

        Returns
        -------
        ndarray, shape (T, D), float32

        Raises
        ------
        FeatureError
            No frames, or frames of a dimension other than the background model's.

        References
        ----------
        F. Castaldo, D. Colibro, E. Dalmasso, P. Laface, C. Vair, "Compensation of nuisance factors for speaker and
        language recognition", IEEE Transactions on Audio, Speech, and Language Processing 15 (7), 2007.

        Examples
        --------
        >>> import numpy as np, gmmspeech as gs
        >>> ubm = gs.DiagonalGMM.from_parameters([1.0], [[0.0, 0.0]], [[1.0, 1.0]])
        >>> isv = gs.speaker.ISV(ubm, np.array([[[10.0], [0.0]]]))  # sessions differ in the first column
        >>> isv.compensate(np.array([[3.0, 3.0], [5.0, 3.0]])).round(1)
        array([[-1.,  3.],
               [ 1.,  3.]], dtype=float32)
        """
        offset = self.channel_offsets([self.ubm.accumulate(X)])[0]
        return np.asarray(X - scale * (self.ubm.predict_proba(X) @ offset), dtype=np.float32)

    @checked
    def enroll(self, sessions: Statistics, *, max_iter: int = 1) -> NDArray[np.float64]:
        """Enroll a speaker from one or more sessions: means m + D z, (K, D).

        x of every session and z are estimated in turn, each given the others. One iteration is as in bob; with more,
        the means approach those of the joint posterior of all x and z.

        Parameters
        ----------
        sessions : sequence of GMMStats, or StatisticsStore
        max_iter : int

        Raises
        ------
        FeatureError
            No session, or one without frames.
        ModelError
            Statistics of another shape, or stored statistics of another background model.
        """
        means = self.ubm.means_
        n, f = enrollment_sessions(self.ubm, self._deviations, sessions, max_iter)
        offset = np.zeros(means.shape)
        for _ in range(max_iter):
            x = self.subspace.means(n, f - n[:, :, None] * offset)
            offset = self._speaker_offset(n.sum(axis=0), f.sum(axis=0), n.T @ x)
        return means + self._deviations * offset

    @checked
    def score(self, models: NDArray[np.floating], stats: Statistics, *, n_jobs: int | None = 1) -> NDArray[np.float64]:
        """Linear scores per frame of models against tests, with the session shifts of the tests subtracted.

        Parameters
        ----------
        models : ndarray, shape (M, K, D)
            From `enroll`.
        stats : sequence of GMMStats, or StatisticsStore
            Statistics of the U tests.
        n_jobs : int
            Number of threads.

        Returns
        -------
        ndarray, shape (M, U), float64
            See `linear_score`.
        """
        check_of_ubm(stats, self.ubm)
        found = [np.empty((len(models), 0))]
        for batch in stats_batches(stats, self.ubm.means_.shape, BATCH):
            offsets = self.channel_offsets(batch, n_jobs=n_jobs)
            found.append(linear_score(models, self.ubm, batch, channel_offset=offsets))
        return np.concatenate(found, axis=1)

    @cached_property
    def subspace(self) -> Subspace:
        """U in units of the background model's standard deviations, ready for posteriors."""
        return Subspace(self.session / self._deviations[:, :, None])

    def _speaker_offset(
        self, n: NDArray[np.float64], f: NDArray[np.float64], nx: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """D z in deviations, (..., K, D), of a speaker's counts, centered sums and ``sum_h n_h x_h`` (..., K, R)."""
        sessions = np.einsum("kdr,...kr->...kd", self.subspace.loading, nx)
        return (f - sessions) / (n + self.relevance_factor)[..., None]

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        return [f"ISV: rank {self.session.shape[2]} of sessions", *self.ubm.describe()]


@checked
def train_isv(
    ubm: DiagonalGMM,
    stats: Statistics,
    labels: ArrayLike,
    rank: int,
    *,
    relevance_factor: float = 16.0,
    max_iter: int = 10,
    init: ISV | None = None,
    random_state: Any = 0,
    n_jobs: int | None = 1,
    callback: Callable[[ISV], None] | None = None,
    progress: bool = True,
) -> ISV:
    r"""Train the session matrix U by EM on speakers with several sessions each, as in bob.

    An iteration estimates x of every session with z = 0, z of every speaker given its x, and

    .. math:: U_k = \left( \sum_{sh} (f_{shk} - n_{shk} D_k z_{sk}) E[x_{sh}]^T \right)
                    \left( \sum_{sh} n_{shk} E[x_{sh} x_{sh}^T] \right)^{-1}.

    As x and z are estimated in turn, not jointly, this is not exact EM, and the likelihood may decrease. Time and
    memory are those of `train_ivector_extractor`, plus 8 S K (D + R) bytes for S speakers.

    Parameters
    ----------
    ubm : DiagonalGMM
    stats : sequence of GMMStats, or StatisticsStore
        Statistics of the sessions, under `ubm`.
    labels : array_like, shape (U,)
        Their speakers.
    rank : int
        R, at most the number of sessions.
    relevance_factor : float
        r, in frames.
    max_iter : int
    init : ISV, optional
        Model to continue from, with the same result as uninterrupted training.
    random_state : int, numpy RandomState or None
        Seed of the random start.
    n_jobs : int
        Number of threads; the result has the same bits for any number.
    callback : callable, optional
        Called with the model after every iteration.
    progress : bool
        Show a progress bar in a terminal or notebook if the work takes longer than two seconds.

    Returns
    -------
    ISV

    Raises
    ------
    ConfigError
        `rank`, `max_iter` or `relevance_factor` out of range, or `init` of another rank.
    DataError
        The number of labels is not that of sessions, or no speaker has two sessions.
    ModelError
        Fewer sessions than the rank; statistics or `init` of another shape or background model.
    FeatureError
        A session without frames, statistics that are not finite, or stored ones of another front end.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> speakers = np.repeat(np.arange(20), 3)
    >>> sessions = [rng.normal([s / 10, 2 * rng.normal()], 1, (50, 2)) for s in speakers]
    >>> ubm = gs.train_ubm(sessions, n_components=1)
    >>> isv = gs.speaker.train_isv(ubm, [ubm.accumulate(x) for x in sessions], speakers, rank=1)
    >>> x, y = abs(isv.session.ravel())
    >>> y > 10 * x  # the second dimension is the session's
    np.True_
    """
    check_at_least(1, rank=rank, max_iter=max_iter)
    check_of_ubm(stats, ubm)
    speakers = session_speakers(labels, stats, rank)
    model = init or ISV(ubm, _start(ubm, rank, random_state), relevance_factor)
    if model.rank != rank or gmm_digest(model.ubm) != gmm_digest(ubm):
        raise ModelError(f"init: found ISV of rank {model.rank}, expected rank {rank} and the same background model")
    sums = None
    bar = progress_bar("EM", "iteration", shown=progress)
    for _ in bar(range(max_iter)):
        with single_threaded_blas():  # the last bits would depend on its threads
            sums = sums or speaker_sums(ubm, stats, speakers)
            model = replace(model, session=_updated(model, stats, speakers, sums, n_jobs))
        if callback is not None:
            callback(model)
    return model


def enrollment_sessions(
    ubm: DiagonalGMM, deviations: NDArray[np.float64], sessions: Statistics, max_iter: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Check what `enroll` is given; counts (S, K) of the sessions and their sums about the means, in deviations."""
    check_at_least(1, max_iter=max_iter)
    check_of_ubm(sessions, ubm)
    batch = next(stats_batches(sessions, ubm.means_.shape, max(len(sessions), 1)), None)
    if batch is None:
        raise FeatureError("found no session to enroll from, expected one or more")
    return batch.n, batch.centered(ubm.means_, deviations)


def session_speakers(labels: ArrayLike, stats: Statistics, rank: int) -> NDArray[np.intp]:
    """Number of each session's speaker, (U,), after a check that sessions can be told from speakers."""
    names = as_labels(labels)
    check_each_has(names, len(stats), "of the statistics")
    if len(names) < rank:
        raise ModelError(f"found {counted(len(names), 'session')}, expected at least as many as the rank ({rank})")
    _, speakers, counts = np.unique(names, return_inverse=True, return_counts=True)
    if counts.max() < 2:
        raise DataError(f"found {counted(len(counts), 'speaker')} of one session each, expected speakers with several")
    return speakers


def speaker_sums(ubm: DiagonalGMM, stats: Statistics, speakers: NDArray[np.intp]) -> StatsBatch:
    """Statistics of every speaker: sums over the sessions."""
    shape, count = ubm.means_.shape, int(speakers.max()) + 1
    sums = StatsBatch(np.zeros((count, shape[0])), np.zeros((count, *shape)), np.zeros(count))
    start = 0
    for batch in stats_batches(stats, shape, BATCH):
        here = speakers[start : start + len(batch)]
        np.add.at(sums.n, here, batch.n)
        np.add.at(sums.sum_x, here, batch.sum_x)
        np.add.at(sums.num_frames, here, batch.num_frames)
        start += len(batch)
    return sums


def _start(ubm: DiagonalGMM, rank: int, random_state: Any) -> NDArray[np.float64]:
    rng = np.random.default_rng(random_state_of(random_state).randint(2**31))
    _, means, variances = ubm.parameters()
    return random_loading(means.shape, rank, rng) * np.sqrt(variances)[:, :, None]


def _updated(
    model: ISV, stats: Statistics, speakers: NDArray[np.intp], sums: StatsBatch, n_jobs: int | None
) -> NDArray[np.float64]:
    """New session matrix. As f - n D z is linear in D z, one pass over the sessions does."""
    means, deviations = model.ubm.means_, model._deviations
    subspace = Subspace(model.session / deviations[:, :, None], n_jobs=n_jobs)
    accumulator = Accumulator(means.shape, model.rank)
    nx = np.zeros((len(sums), len(means), model.rank))
    start = 0
    for batch in stats_batches(stats, means.shape, BATCH):
        f = batch.centered(means, deviations)
        found = subspace.posteriors(batch.n, f, n_jobs=n_jobs)
        accumulator.add(batch.n, f, found, n_jobs=n_jobs)
        for s, n, x in zip(speakers[start : start + len(batch)], batch.n, found.mean, strict=True):
            nx[s] += np.outer(n, x)
        start += len(batch)
    offsets = model._speaker_offset(sums.n, sums.centered(means, deviations), nx)
    accumulator.first -= np.einsum("skd,skr->kdr", offsets, nx)
    return accumulator.loading(subspace.loading, n_jobs=n_jobs) * deviations[:, :, None]
