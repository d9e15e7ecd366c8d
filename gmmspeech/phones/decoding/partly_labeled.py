"""Phone HMMs from a few utterances with time labels and from the transcripts of the others.

Labelers follow conventions, such as whether a closure belongs to its stop, or where a vowel ends before a nasal.
Training on transcripts alone can't know these, and a few labeled utterances are too little to train on. Therefore a
model is trained on all transcripts first. The labels, which were not used for that, then give the offsets between their
boundaries and the model's. The other utterances are aligned with boundaries shifted by these offsets, and serve as
labels in a second training.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.errors import DataError, GmmSpeechWarning, shown
from gmmspeech.features.compatibility import front_end_of
from gmmspeech.files.checkpoints import Checkpoint
from gmmspeech.phones.decoding.alignment import align
from gmmspeech.phones.decoding.calibration import LEAST, calibrated
from gmmspeech.phones.hmm.graph import Pronunciations
from gmmspeech.phones.hmm.inventory import phones_of, silence_first, unsaid_phones
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.passes import Method
from gmmspeech.phones.hmm.training import train_phone_hmm, train_phone_hmm_on_labels
from gmmspeech.phones.hmm.training_state import TrainingState
from gmmspeech.phones.labels.labels import FrameClock, FrameTimes, Label
from gmmspeech.phones.labels.phone_sets import is_speech

if TYPE_CHECKING:
    from distributed import Client

SILENCE = "SIL"
MOST_UNKNOWN = 0.1  # of the labels may be of phones that no pronunciation has


@checked
def train_phone_hmm_on_some_labels(
    frames: Mapping[str, NDArray],
    transcripts: Mapping[str, Sequence[str]],
    dictionary: Pronunciations,
    labels: Mapping[str, Sequence[Label]],
    *,
    utt2spk: Mapping[str, str] | None = None,
    frame_length: float | None = None,
    frame_shift: float | None = None,
    times: FrameTimes = "center",
    total_gaussians: int | None = None,
    max_iter: int = 20,
    method: Method = "viterbi",
    init_model: PhoneHMM | None = None,
    phone_map: Mapping[str, str] | None = None,
    skip_bad: bool = False,
    n_jobs: int | None = 1,
    client: Client | None = None,
    callback: Callable[[TrainingState], None] | None = None,
    checkpoint: Callable[[str], Checkpoint | None] = lambda step: None,
    progress: bool = True,
) -> PhoneHMM:
    """Train phone HMMs from time labels of some utterances and transcripts of the others.

    First `train_phone_hmm` trains on all transcripts. Offsets of its boundaries are learned from the labels
    (`gmmspeech.phones.decoding.calibration`), and the utterances without labels are aligned with them. Then
    `train_phone_hmm_on_labels` trains on the labels and on these alignments. Offsets and deviations of the boundaries
    of that model are learned from the labels and kept in it for `align`.

    Parameters
    ----------
    frames : mapping of str to ndarray, shape (T, D)
        Frames of each utterance: a dict, or a `FeatureStore`.
    transcripts : mapping of str to sequence of str
        Words of each utterance: of all training utterances without labels, and of as many with labels as possible.
    dictionary : mapping
        Pronunciations of each word.
    labels : mapping of str to sequence of Label
        Phones of some utterances, SIL for silence, in the phones of the dictionary.
    utt2spk : mapping of str to str, optional
        Speaker of each utterance, to align speaker-adapted frames.
    frame_length, frame_shift, times
        As for `train_phone_hmm_on_labels`.
    total_gaussians, max_iter, method, init_model, phone_map, skip_bad, n_jobs, client, callback, progress
        As for `train_phone_hmm`, in both trainings.
    checkpoint : callable, optional
        Returns the `Checkpoint` of a training by its name, transcripts or labels; an interrupted run resumes from
        existing ones.

    Returns
    -------
    PhoneHMM

    Raises
    ------
    DataError
        Labels with phones that are not in the dictionary; as for both trainings.

    Warns
    -----
    GmmSpeechWarning
        Fewer than 200 boundaries to learn from: labels of utterances with transcripts, not counting silence.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng, sounds = np.random.default_rng(0), {"SIL": -8.0, "A": 0.0, "S": 6.0}
    >>> def say(length): return np.repeat([*sounds.values(), -8.0], [12, length, 12, 12])[:, None]
    >>> frames = {f"u{i}": say(8 + i % 9) + rng.normal(0, 1, (44 + i % 9, 1)) for i in range(130)}
    >>> def label(length): return np.cumsum([0, 12, length + 3, 9, 12]) / 100  # S begins late, says the labeler
    >>> names = ["SIL", "A", "S", "SIL"]
    >>> labels = {
    ...     f"u{i}": [gs.phones.Label(a, b, p) for a, b, p in zip(label(8 + i % 9), label(8 + i % 9)[1:], names)]
    ...     for i in range(110)
    ... }
    >>> said, options = dict.fromkeys(frames, ["ASS"]), {"frame_length": 10.0, "times": "start"}
    >>> model = gs.phones.train_phone_hmm_on_some_labels(
    ...     frames, said, {"ASS": [["A", "S"]]}, labels, total_gaussians=9, max_iter=4, **options
    ... )
    >>> found = gs.align(model, frames, {"u120": ["ASS"]}, {"ASS": [["A", "S"]]}, **options).alignments["u120"]
    >>> round(found.phones[2].start - (12 + 8 + 120 % 9) / 100, 2)
    0.03
    """
    foreign, are_many = foreign_phones(transcripts, dictionary, labels)
    if are_many:
        expected = shown(" ".join(phones_of(transcripts, transcripts, dictionary, SILENCE)), 300)
        raise DataError(f"labels: found phones {shown(' '.join(foreign), 300)}, expected those of words: {expected}")
    training: dict[str, Any] = {
        "total_gaussians": total_gaussians,
        "max_iter": max_iter,
        "method": method,
        "init_model": init_model,
        "phone_map": phone_map,
        "skip_bad": skip_bad,
        "n_jobs": n_jobs,
        "client": client,
        "callback": callback,
        "progress": progress,
    }
    told = FrameClock.of(front_end_of(frames), frame_shift, frame_length, times)
    clock: dict[str, Any] = {"frame_length": told.frame_length, "frame_shift": told.frame_shift, "times": times}
    said: dict[str, Any] = {"transcripts": transcripts, "dictionary": dictionary, "offsets": True, "n_jobs": n_jobs}

    names = [name for name in transcripts if name in frames]
    spoken = set(phones_of(transcripts, names, dictionary, SILENCE))
    phones = silence_first(spoken | unsaid_phones(spoken, init_model, SILENCE), SILENCE)
    one = training | {"phones": phones, "checkpoint": checkpoint("transcripts")}
    first = train_phone_hmm(frames, transcripts, dictionary, **one)
    first = calibrated(first, frames, labels, **clock, **said)
    if first.deviation_scale is None:
        found = f"found fewer than {LEAST} boundaries in utterances whose words are known"
        warnings.warn(f"labels: {found}, too few to tell how they differ from the model's", GmmSpeechWarning)
    others = {name: words for name, words in transcripts.items() if name not in labels}
    searching: dict[str, Any] = {"utt2spk": utt2spk, "skip_bad": skip_bad, "n_jobs": n_jobs, "progress": progress}
    followed = align(first, frames, others, dictionary, **clock, **searching).alignments
    known = {name: found.phones for name, found in followed.items()} | dict(labels)
    phones = silence_first({*first.phones, *(label.name for own in labels.values() for label in own)}, SILENCE)
    other = training | {"phones": phones, "checkpoint": checkpoint("labels")}
    model = train_phone_hmm_on_labels(frames, known, **clock, **other)
    return calibrated(model, frames, labels, **clock, **said)


def foreign_phones(
    transcripts: Mapping[str, Sequence[str]], dictionary: Pronunciations, labels: Mapping[str, Sequence[Label]]
) -> tuple[list[str], bool]:
    """Give the phones of labels that no word is pronounced with, and say whether more than a few labels have them."""
    known = phones_of(transcripts, transcripts, dictionary, SILENCE)
    counts = Counter(label.name for own in labels.values() for label in own if is_speech(label.name))
    foreign = sorted(phone for phone in counts if phone not in known)
    return foreign, sum(counts[phone] for phone in foreign) > MOST_UNKNOWN * counts.total()
