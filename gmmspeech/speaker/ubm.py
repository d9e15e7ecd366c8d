"""Training of universal background models."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.blocks import Frames
from gmmspeech.checks import check_at_least, check_frames
from gmmspeech.errors import ConfigError, DataError, GmmSpeechWarning, counted, shown
from gmmspeech.files.checkpoints import Checkpoint
from gmmspeech.files.text import look_alike
from gmmspeech.gmm.em import EMMonitor
from gmmspeech.gmm.full import GMM
from gmmspeech.gmm.mixture import DiagonalGMM

if TYPE_CHECKING:
    from distributed import Client


@overload
def train_ubm(
    frames: Frames, n_components: int = 512, *, covariance_type: Literal["diag"] = "diag", **options: Any
) -> DiagonalGMM: ...
@overload
def train_ubm(frames: Frames, n_components: int = 512, *, covariance_type: str, **options: Any) -> GMM: ...


@checked  # type: ignore[misc]  # it names what the others take as options
def train_ubm(
    frames: Frames,
    n_components: int = 512,
    *,
    covariance_type: str = "diag",
    max_iter: int = 20,
    tol: float = 1e-3,
    variance_floor: float = 0.01,
    init: str | DiagonalGMM | GMM = "kmeans",
    num_gselect: int | None = None,
    accelerate: bool = False,
    random_state: Any = 0,
    backend: str = "auto",
    device: str | None = None,
    n_jobs: int | None = 1,
    client: Client | None = None,
    callback: Callable[[EMMonitor], None] | None = None,
    checkpoint: Checkpoint | None = None,
    sample_weight: ArrayLike | None = None,
    progress: bool = True,
) -> DiagonalGMM | GMM:
    """Train a universal background model on the frames of many speakers.

    Parameters
    ----------
    frames : FeatureStore, list of ndarray (T, D), or ndarray (N, D)
        A store is read block by block in every iteration, never as a whole.
    n_components : int
    covariance_type : {"diag", "full", "tied", "spherical"}
        With any but "diag", the model is a `GMM`. As in Kaldi, start a model with full covariances from a trained
        diagonal one, given as `init`.
    max_iter, tol, variance_floor, init, accelerate, random_state, backend, device, n_jobs
        See `DiagonalGMM`; `accelerate`, `backend` and `device` are for diagonal covariances only.
    num_gselect : int, optional
        With full covariances, train on this number of components per frame, as Kaldi does; see `GMM`. With diagonal
        ones all are used, with a warning, because that is exact and takes less time than selecting some.
    client : distributed.Client, optional
        Train on the workers of a Dask cluster, which read a store by its path. The mixture has the same bits as on one
        machine of their kind.
    callback : callable, optional
        Called with the `EMMonitor` after every pass over the frames.
    checkpoint : Checkpoint, optional
        File that keeps the state before a pass, at most once a second. If it contains a state, training resumes from it
        and ends with the same bits as an uninterrupted run.
    sample_weight : array_like, shape (N,), optional
        Weight of each frame, for frames in memory; `balanced_frames` returns both.
    progress : bool
        Show a progress bar in a terminal or notebook if the work takes longer than two seconds.

    Returns
    -------
    DiagonalGMM or GMM
        It keeps the configuration of the front end of the store it was trained on.

    Raises
    ------
    FeatureError
        No frames, or NaN or infinity in one.
    ModelError
        Fewer frames than components, or an `init` with another number of components or dimensions.
    ConfigError
        An invalid option, or one that does not apply to such covariances.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> utterances = [np.random.default_rng(i).normal(i, 1, (200, 3)).astype("float32") for i in range(4)]
    >>> ubm = gs.train_ubm(utterances, n_components=8)
    >>> ubm.means_.shape
    (8, 3)
    """
    if client is not None:
        from gmmspeech.cluster import ClusterFrames  # which needs Dask

        frames = ClusterFrames(frames, client)
    options: dict[str, Any] = {"max_iter": max_iter, "tol": tol, "variance_floor": variance_floor, "init": init}
    options |= {"random_state": random_state, "n_jobs": n_jobs}
    if covariance_type == "diag":
        if num_gselect is not None:
            words = f"diagonal covariances: found {counted(num_gselect, 'component')} a frame to select, took all"
            warnings.warn(f"{words}: that is exact, and quicker than to select some", GmmSpeechWarning, stacklevel=3)
        gmm: Any = DiagonalGMM(n_components, accelerate=accelerate, backend=backend, device=device, **options)
    else:
        other = {"accelerate": (accelerate, False), "backend": (backend, "auto"), "device": (device, None)}
        for name, (found, default) in other.items():
            if found != default:
                given = f"{'it' if found is True else shown(found)} with covariance_type = {covariance_type!r}"
                raise ConfigError(f"{name}: found {given}, expected it with 'diag' alone")
        gmm = GMM(n_components, covariance_type=covariance_type, num_gselect=num_gselect, **options)
    fitted: DiagonalGMM | GMM = gmm.fit(
        frames, sample_weight=sample_weight, callback=callback, checkpoint=checkpoint, progress=progress
    )
    return fitted


@checked
def balanced_frames(
    frames: Mapping[str, NDArray],
    utt2spk: Mapping[str, str],
    *,
    spk2group: Mapping[str, str] | None = None,
    max_frames: int = 500_000,
    random_state: int = 0,
) -> tuple[list[NDArray], NDArray[np.float64]]:
    """Draw frames for a background model, with weights by which all speakers count equally.

    Parameters
    ----------
    frames : FeatureStore, or mapping of utterance to ndarray (T, D)
    utt2spk : mapping
        Speakers of the utterances to use.
    spk2group : mapping, optional
        Group of each speaker, such as sex or corpus. All groups then count equally, and all speakers within a group.
    max_frames : int
        Maximum number of frames to draw; the maximum per speaker is the same for all.
    random_state : int

    Returns
    -------
    frames : list of ndarray (T, D)
        Frames of each speaker, in the order of their names.
    sample_weight : ndarray, shape (number of frames,)
        Weights with a mean of 1.

    Raises
    ------
    DataError
        An utterance that has no frames, or a speaker without a group.
    FeatureError
        Frames that are not a matrix of finite numbers, or differ in the number of columns.
    ConfigError
        `max_frames` below the number of speakers.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> said = {"a1": rng.normal(0, 1, (300, 2)), "b1": rng.normal(5, 1, (50, 2)), "b2": rng.normal(5, 1, (50, 2))}
    >>> frames, weight = gs.speaker.balanced_frames(said, {"a1": "ann", "b1": "bob", "b2": "bob"})
    >>> gs.train_ubm(frames, 2, sample_weight=weight).weights_.round(2)
    array([0.5, 0.5])
    """
    missing = next((utterance for utterance in utt2spk if utterance not in frames), None)
    if missing is not None:
        raise DataError(
            f"utterance {shown(missing)}: found no frames of it, expected some{look_alike(missing, frames)}"
        )
    said: dict[str, list[str]] = {}
    for utterance, speaker in utt2spk.items():
        said.setdefault(speaker, []).append(utterance)
    if not said:
        raise DataError("utt2spk: found no utterance, expected one or more")
    check_at_least(len(said), max_frames=max_frames)
    groups = {speaker: "" if spk2group is None else spk2group.get(speaker) for speaker in sorted(said)}
    alone = next((speaker for speaker, group in groups.items() if group is None), None)
    if alone is not None:
        expected = f"one for each of the {counted(len(said), 'speaker')}"
        raise DataError(f"spk2group: found no group of speaker {shown(alone)}, expected {expected}")
    sizes, rng, most = Counter(groups.values()), np.random.default_rng(random_state), max_frames // len(said)
    drawn, shares = [], []
    dim: int | None = None
    for speaker, group in groups.items():
        parts = []
        for utterance in said[speaker]:
            parts.append(check_frames(frames[utterance], dim, owner=f"utterance {shown(utterance)}: "))
            dim = parts[0].shape[1]
        together = np.concatenate(parts)
        if len(together) > most:
            together = together[np.sort(rng.choice(len(together), most, replace=False))]
        drawn.append(together)
        shares.append(1 / (len(sizes) * sizes[group]))
    counts = np.array([len(each) for each in drawn])
    weight = np.repeat(np.array(shares) / counts, counts)
    return drawn, weight / weight.mean()
