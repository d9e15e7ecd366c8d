"""Joint factor analysis: speaker factors, session factors, and a speaker residual."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import check_fields, checked, random_state_of
from gmmspeech.blocks import single_threaded_blas
from gmmspeech.checks import check_at_least, check_parameters_finite
from gmmspeech.errors import ConfigError, ModelError, counted
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.utterance_stats import Statistics, StatsBatch, check_of_ubm, stats_batches
from gmmspeech.progress import showing
from gmmspeech.speaker.isv import ISV, enrollment_sessions, session_speakers, speaker_sums
from gmmspeech.speaker.subspace import BATCH, Accumulator, OfSessions, Subspace, random_loading

Each = Callable[[NDArray[np.float64]], None]  # called with what an iteration gave


@dataclass(frozen=True, eq=False, repr=False)
class JFA(OfSessions, kind="JFA", hint="JFA"):
    r"""Joint factor analysis (JFA) model (Kenny et al. 2008).

    Session h of speaker s has the means :math:`m + V y_s + U x_{sh} + D z_s`; y, x and z are standard normal, and D is
    diagonal. Built by `train_jfa`, or from given parameters.

    Parameters
    ----------
    ubm : DiagonalGMM
        Background model, with m and Σ.
    speaker : ndarray, shape (K, D, Q), float64
        V.
    session : ndarray, shape (K, D, R), float64
        U.
    residual : ndarray, shape (K, D), float64
        D.

    References
    ----------
    P. Kenny, P. Ouellet, N. Dehak, V. Gupta, P. Dumouchel, "A study of interspeaker variability in speaker
    verification", IEEE Transactions on Audio, Speech, and Language Processing 16 (5), 2008.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> ubm = gs.DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])
    >>> jfa = gs.speaker.JFA(ubm, np.ones((1, 1, 1)), np.zeros((1, 1, 1)), np.zeros((1, 1)))
    >>> jfa.enroll([ubm.accumulate(np.full((4, 1), 2.0))])
    array([[1.6]])
    """

    ubm: DiagonalGMM
    speaker: NDArray[np.float64]
    session: NDArray[np.float64]
    residual: NDArray[np.float64]

    def __post_init__(self) -> None:
        check_fields(self)
        shape = self.ubm.parameters()[1].shape
        shapes = (self.speaker.shape, self.session.shape, self.residual.shape)
        if [len(s) for s in shapes] != [3, 3, 2] or any(s[:2] != shape for s in shapes):
            raise ModelError(
                f"JFA: found speaker, session, residual of shapes {', '.join(map(str, shapes))}, expected (K, D, Q), "
                f"(K, D, R), (K, D) with (K, D) = {shape}"
            )
        check_parameters_finite("JFA", speaker=self.speaker, session=self.session, residual=self.residual)

    @checked
    def enroll(self, sessions: Statistics, *, max_iter: int = 1) -> NDArray[np.float64]:
        """Enroll a speaker from one or more sessions: means m + V y + D z, (K, D).

        y, x of every session, and z are estimated in turn, each given the others, as in bob.

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
        n_all, f_all = n.sum(axis=0), f.sum(axis=0)
        residual = self.residual / self._deviations
        session_shift, offset = np.zeros_like(means), np.zeros_like(means)
        for _ in range(max_iter):
            rest = f_all - session_shift - n_all[:, None] * offset
            y = self._speakers.means(n_all[None], rest[None])[0]
            shift = self._speakers.loading @ y
            x = self._isv.subspace.means(n, f - n[:, :, None] * (shift + offset))
            session_shift = np.einsum("kdr,kr->kd", self._isv.subspace.loading, n.T @ x)
            offset = residual * _latent_residual(residual, n_all, f_all - session_shift - n_all[:, None] * shift)
        return means + self._deviations * (shift + offset)

    @checked
    def score(self, models: NDArray[np.floating], stats: Statistics, *, n_jobs: int | None = 1) -> NDArray[np.float64]:
        """Linear scores per frame of models against tests, with the session shifts subtracted as in `ISV.score`.

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
        return self._isv.score(models, stats, n_jobs=n_jobs)

    @cached_property
    def _speakers(self) -> Subspace:
        return Subspace(self.speaker / self._deviations[:, :, None])

    @cached_property
    def _isv(self) -> ISV:
        """For the sessions of tests, which JFA takes as ISV does: as if of the background model's speaker."""
        return ISV(self.ubm, self.session)

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        ranks = f"rank {self.speaker.shape[2]} of speakers, {self.session.shape[2]} of sessions"
        return [f"JFA: {ranks}", *self.ubm.describe()]


@checked
def train_jfa(
    ubm: DiagonalGMM,
    stats: Statistics,
    labels: ArrayLike,
    *,
    speaker_rank: int,
    session_rank: int,
    max_iter: int = 10,
    init: JFA | None = None,
    random_state: Any = 0,
    n_jobs: int | None = 1,
    callback: Callable[[JFA], None] | None = None,
    progress: bool = True,
) -> JFA:
    r"""Train V, then U, then D by EM, with the previous ones fixed ("decoupled"), as in bob.

    V is trained on the summed statistics of each speaker with x and z at 0, U on those of each session with the
    speaker's y at its posterior mean, D with both y and x at their posterior means. Each step takes the time and memory
    of `train_ivector_extractor` with as many utterances as there are speakers, or sessions.

    Parameters
    ----------
    ubm : DiagonalGMM
    stats : sequence of GMMStats, or StatisticsStore
        Statistics of the sessions, under `ubm`.
    labels : array_like, shape (U,)
        Their speakers.
    speaker_rank, session_rank : int
        Q, at most the number of speakers, and R, at most that of sessions.
    max_iter : int
        Iterations for each of V, U and D.
    init : JFA, optional
        Model to start from.
    random_state : int, numpy RandomState or None
        Seed of the random start without `init`; D then starts at a quarter of the standard deviations.
    n_jobs : int
        Number of threads; the result has the same bits for any number.
    callback : callable, optional
        Called with the model after every iteration, of V, of U and of D.
    progress : bool
        Show a progress bar in a terminal or notebook if the work takes longer than two seconds.

    Returns
    -------
    JFA

    Raises
    ------
    ConfigError
        A rank or `max_iter` below 1, or `init` of other ranks.
    DataError
        The number of labels is not that of sessions, or no speaker has two sessions.
    ModelError
        Fewer speakers or sessions than the ranks; statistics of another shape or background model.
    FeatureError
        A session without frames, statistics that are not finite, or stored ones of another front end.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> speakers = np.repeat(np.arange(20), 3)
    >>> first = 2 * rng.normal(size=20)
    >>> sessions = [rng.normal([first[s], 2 * rng.normal()], 1, (50, 2)) for s in speakers]
    >>> ubm = gs.train_ubm(sessions, n_components=1)
    >>> stats = [ubm.accumulate(x) for x in sessions]
    >>> jfa = gs.speaker.train_jfa(ubm, stats, speakers, speaker_rank=1, session_rank=1)
    >>> abs(jfa.speaker[0]).argmax(), abs(jfa.session[0]).argmax()
    (np.int64(0), np.int64(1))
    """
    check_at_least(1, speaker_rank=speaker_rank, session_rank=session_rank, max_iter=max_iter)
    check_of_ubm(stats, ubm)
    speakers = session_speakers(labels, stats, session_rank)
    if speakers.max() + 1 < speaker_rank:
        raise ModelError(
            f"found {counted(speakers.max() + 1, 'speaker')}, expected at least as many as speaker_rank, {speaker_rank}"
        )
    start = init or _start(ubm, speaker_rank, session_rank, random_state)
    if (start.speaker.shape[2], start.session.shape[2]) != (speaker_rank, session_rank):
        raise ConfigError(
            f"init: found JFA of ranks {start.speaker.shape[2]}, {start.session.shape[2]}, "
            f"expected {speaker_rank}, {session_rank}"
        )
    deviations = np.sqrt(ubm.covariances_)
    wide, numbers = deviations[:, :, None], itertools.count(1)
    with (
        showing(
            callback, lambda _: next(numbers), desc="EM", unit="iteration", total=3 * max_iter, shown=progress
        ) as show,
        single_threaded_blas(),  # the last bits would depend on its threads
    ):

        def each(**trained: Any) -> None:
            if show is not None:
                show(replace(start, **trained))

        how: dict[str, Any] = {"max_iter": max_iter, "n_jobs": n_jobs}
        sums = speaker_sums(ubm, stats, speakers)
        v, y = _train_speakers(start.speaker / wide, ubm, sums, lambda v: each(speaker=v * wide), **how)
        shifts = (y @ v.reshape(-1, speaker_rank).T).reshape(sums.sum_x.shape)
        done = {"speaker": v * wide}
        u, sessions = _train_sessions(
            *(start.session / wide, ubm, stats, speakers, shifts), lambda u: each(**done, session=u * wide), **how
        )
        rest = sums.centered(ubm.means_, deviations) - sums.n[:, :, None] * shifts - sessions
        done |= {"session": u * wide}
        d = _train_residual(
            *(start.residual / deviations, sums.n, rest), lambda d: each(**done, residual=d * deviations), max_iter
        )
    return JFA(ubm, **done, residual=d * deviations)


def _start(ubm: DiagonalGMM, speaker_rank: int, session_rank: int, random_state: Any) -> JFA:
    rng = np.random.default_rng(random_state_of(random_state).randint(2**31))
    _, means, variances = ubm.parameters()
    deviations = np.sqrt(variances)
    speaker, session = (
        random_loading(means.shape, rank, rng) * deviations[:, :, None] for rank in (speaker_rank, session_rank)
    )
    return JFA(ubm, speaker, session, deviations / 4)


def _train_speakers(
    loading: NDArray[np.float64], ubm: DiagonalGMM, sums: StatsBatch, each: Each, *, max_iter: int, n_jobs: int | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """V, in deviations, and y of every speaker, (S, Q)."""
    means, deviations = ubm.means_, np.sqrt(ubm.covariances_)
    for _ in range(max_iter):
        subspace, accumulator = Subspace(loading, n_jobs=n_jobs), Accumulator(means.shape, loading.shape[2])
        for batch in sums.batches(BATCH):
            f = batch.centered(means, deviations)
            accumulator.add(batch.n, f, subspace.posteriors(batch.n, f, n_jobs=n_jobs), n_jobs=n_jobs)
        loading = accumulator.loading(loading, n_jobs=n_jobs)
        each(loading)
    subspace = Subspace(loading, n_jobs=n_jobs)
    y = [subspace.means(batch.n, batch.centered(means, deviations), n_jobs=n_jobs) for batch in sums.batches(BATCH)]
    return loading, np.concatenate(y)


def _train_sessions(
    loading: NDArray[np.float64],
    ubm: DiagonalGMM,
    stats: Statistics,
    speakers: NDArray[np.intp],
    shifts: NDArray[np.float64],
    each: Each,
    *,
    max_iter: int,
    n_jobs: int | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """U, in deviations, and ``sum_h n_h U x_h`` of every speaker, (S, K, D)."""
    deviations = np.sqrt(ubm.covariances_)
    for last in [False] * max_iter + [True]:
        subspace, accumulator = Subspace(loading, n_jobs=n_jobs), Accumulator(ubm.means_.shape, loading.shape[2])
        nx = np.zeros((len(shifts), len(loading), loading.shape[2]))
        start = 0
        for batch in stats_batches(stats, ubm.means_.shape, BATCH):
            here = speakers[start : start + len(batch)]
            f = batch.centered(ubm.means_, deviations)
            f -= batch.n[:, :, None] * shifts[here]
            found = subspace.posteriors(batch.n, f, n_jobs=n_jobs)
            if last:
                np.add.at(nx, here, batch.n[:, :, None] * found.mean[:, None, :])
            else:
                accumulator.add(batch.n, f, found, n_jobs=n_jobs)
            start += len(batch)
        if not last:
            loading = accumulator.loading(loading, n_jobs=n_jobs)
            each(loading)
    return loading, np.einsum("kdr,skr->skd", loading, nx)


def _train_residual(
    residual: NDArray[np.float64], n: NDArray[np.float64], rest: NDArray[np.float64], each: Each, max_iter: int
) -> NDArray[np.float64]:
    """D, in deviations; a component without any frame keeps its own."""
    counts = n[:, :, None]
    for _ in range(max_iter):
        z = _latent_residual(residual, n, rest)
        second = (counts * (1 / (1 + counts * residual**2) + z**2)).sum(axis=0)
        residual = np.divide((rest * z).sum(axis=0), second, out=residual.copy(), where=second > 0)
        each(residual)
    return residual


def _latent_residual(
    residual: NDArray[np.float64], n: NDArray[np.float64], rest: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Posterior mean of z, all in deviations."""
    return residual * rest / (1 + n[..., None] * residual**2)
