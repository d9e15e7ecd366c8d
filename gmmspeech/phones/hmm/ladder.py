"""The ladder of phone models: monophones, tied triphones, triphones on LDA and MLLT, and speaker-adapted triphones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.errors import DataError, counted, shown
from gmmspeech.features.compatibility import front_end_of
from gmmspeech.features.stored import static_columns
from gmmspeech.files.checkpoints import Checkpoint
from gmmspeech.phones.hmm.adaptation import MappedFrames
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem, train_adapted_system
from gmmspeech.phones.hmm.graph import Pronunciations
from gmmspeech.phones.hmm.inventory import neighbors_trained, replaced_phones, with_copies
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.training_state import TrainingState, keeping_last
from gmmspeech.phones.hmm.tree import Contexts
from gmmspeech.phones.hmm.triphones import train_triphone_hmm

if TYPE_CHECKING:
    from distributed import Client

Rung = Literal["tri1", "tri2", "tri3"]
RUNGS: tuple[str, ...] = get_args(Rung)
CONTEXT, DIM = 9, 45  # frames on either side, and what LDA leaves of them
ADAPTATION_ROUNDS = 2
FRAMES_AN_ADAPTED_GAUSSIAN = 40  # where their number is not given


@checked
def train_ladder(
    frames: Mapping[str, NDArray],
    transcripts: Mapping[str, Sequence[str]],
    dictionary: Pronunciations,
    utt2spk: Mapping[str, str],
    alignment: TrainingState,
    *,
    rung: Rung = "tri3",
    contexts: Contexts = "cross-word",
    num_leaves: int | None = None,
    total_gaussians: int | None = None,
    static: int | None = None,
    n_jobs: int | None = 1,
    client: Client | None = None,
    checkpoint: Callable[[str], Checkpoint | None] = lambda step: None,
    callback: Callable[[TrainingState], None] | None = None,
    progress: bool = True,
) -> PhoneHMM | AdaptedSystem:
    """Train triphones from monophones, up to a given stage of Kaldi's recipes.

    Parameters
    ----------
    frames : mapping of str to ndarray, shape (T, D)
        Frames that the monophones were trained on: cepstra, followed by their deltas.
    transcripts : mapping of str to sequence of str
    dictionary : mapping
    utt2spk : mapping of str to str
        Speaker of each utterance.
    alignment : TrainingState
        Final state of the monophone training, as last passed to the `callback` of `train_phone_hmm`.
    rung : {"tri1", "tri2", "tri3"}
        tri1: tied triphones on the frames. tri2: tied triphones on cepstra spliced with 9 neighbors on either side,
        with LDA to 45 dimensions (fewer if there are no more states) and MLLT. tri3: the same on frames adapted to each
        speaker by fMLLR, in training (speaker-adaptive training) and in use.
    contexts : {"cross-word", "word-internal"}
        Whether contexts cross word boundaries, as for `train_triphone_hmm`.
    num_leaves, total_gaussians : int, optional
        Number of tied states and of Gaussians; by default as for `train_triphone_hmm`, except for the last model of
        tri3, which has one Gaussian per 40 frames.
    static : int, optional
        Number of columns that are static cepstra; by default that of the front end of a `FeatureStore`, else all.
    n_jobs : int
        Number of threads; the result has the same bits for any number.
    client : distributed.Client, optional
        Run the passes over utterances (alignments and statistics, also those of fMLLR) on the workers of a Dask
        cluster, as for `train_triphone_hmm`. Frames are transformed and kept in memory locally.
    checkpoint : callable, optional
        Returns the `Checkpoint` of a step by its name; an interrupted run resumes from existing ones.
    callback : callable, optional
        Called with the `TrainingState` after every update of every step.
    progress : bool
        Show a progress bar for each step in a terminal or notebook if it takes longer than two seconds.

    Returns
    -------
    PhoneHMM or AdaptedSystem
        An `AdaptedSystem` for tri2 and tri3. `align` takes either.

    Raises
    ------
    DataError
        An utterance without a speaker (the message names it); too few frames for LDA; as for `train_triphone_hmm`.

    Examples
    --------
    >>> from gmmspeech.phones import train_ladder
    >>> import numpy as np
    >>> from gmmspeech.phones.hmm.training import train_phone_hmm
    >>> rng = np.random.default_rng(0)
    >>> sounds = {"SIL": -4.0, "AA": 0.0, "S": 4.0}
    >>> def say(*phones): return np.concatenate([rng.normal(sounds[p], 1, (12, 1)) for p in phones])
    >>> frames = {f"u{i}": say("SIL", "AA", "S", "SIL") for i in range(5)} | {"v": say("SIL", "S", "AA", "SIL")}
    >>> words = {name: ["ASS" if name[0] == "u" else "SAH"] for name in frames}
    >>> dictionary, states = {"ASS": [["AA", "S"]], "SAH": [["S", "AA"]]}, []
    >>> _ = train_phone_hmm(frames, words, dictionary, total_gaussians=9, max_iter=4, callback=states.append)
    >>> model = train_ladder(frames, words, dictionary, dict.fromkeys(frames, "speaker"), states[-1], rung="tri1")
    >>> model.phones, model.tree is not None
    (('SIL', 'AA', 'S'), True)
    """
    homeless = [name for name in alignment.posteriors if name not in utt2spk]
    if homeless:
        raise DataError(f"utterance {shown(homeless[0])}: found no speaker, expected one in utt2spk")
    front_end = front_end_of(frames)
    columns = static or static_columns(front_end)
    if rung != "tri1":
        _check_enough(frames, transcripts, alignment, rung, columns)
    said = {name: transcripts[name] for name in alignment.posteriors if name in transcripts}
    near = neighbors_trained(alignment.model, said, dictionary)
    keep, last = keeping_last(callback)
    size: dict[str, Any] = {
        "contexts": contexts,
        "num_leaves": num_leaves,
        "total_gaussians": total_gaussians,
        "n_jobs": n_jobs,
        "client": client,
        "progress": progress,
    }
    train_triphone_hmm(
        *(frames, said, replaced_phones(dictionary, said, near), alignment),
        checkpoint=checkpoint("tri1"),
        callback=keep,
        **size,
    )
    tied = last[0].model
    if rung == "tri1":
        return with_copies(tied, near)
    aligned = last[0].posteriors.values()
    columns = columns or frames[next(iter(said))].shape[1]
    classes = len(np.unique(np.concatenate([posterior.state for posterior in aligned])))
    system = train_adapted_system(
        *(MappedFrames(frames, lambda name, x: x[:, :columns]), said, dictionary, utt2spk, last[0]),
        context=CONTEXT,
        dim=min(DIM, (2 * CONTEXT + 1) * columns, classes - 1),  # no class more, no direction in which they differ
        adapted_gaussians=total_gaussians
        or sum(len(posterior.frame) for posterior in aligned) // FRAMES_AN_ADAPTED_GAUSSIAN,
        rounds=ADAPTATION_ROUNDS if rung == "tri3" else 0,
        checkpoint=checkpoint,
        callback=callback,
        **size | {"num_leaves": num_leaves or tied.num_states},
    )
    return system.with_front_end(front_end)


def _check_enough(
    frames: Mapping[str, NDArray],
    transcripts: Mapping[str, Sequence[str]],
    alignment: TrainingState,
    rung: str,
    columns: int | None,
) -> None:
    """Raise a `DataError` for what LDA lacks, before anything is trained."""
    for name in alignment.posteriors:
        lacking = "frames" if name not in frames else "transcript" if name not in transcripts else ""
        if lacking:
            raise DataError(f"utterance {shown(name)}: found no {lacking}, expected all that were aligned to have some")
    found = sum(len(posterior.frame) for posterior in alignment.posteriors.values())
    static = frames[next(iter(alignment.posteriors))][:, :columns]
    least = (2 * CONTEXT + 1) * static.shape[1] + alignment.model.num_states
    if found < least:
        expected = f"{least} or more for its LDA: give it more speech, or take tri1"
        raise DataError(f"rung: found {rung} with {counted(found, 'frame')}, expected {expected}")
