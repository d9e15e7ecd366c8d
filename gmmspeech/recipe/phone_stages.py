"""Stages that the phone recipes have in common: training, alignment, recognition, and what to tell of them.

Stages find each other's files by name: the phone HMMs of the name n are at `hmm_path(out, n)`, and so on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmspeech.commands.phones import frame_times, training_bar, write_alignment
from gmmspeech.commands.verification import checkpoint_of
from gmmspeech.errors import DataError
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.files.atomic import write_lines
from gmmspeech.formats.labels import read_ctm, write_ctm
from gmmspeech.formats.loading import load
from gmmspeech.metrics.error_rate import ErrorRate, Times, boundary_agreement
from gmmspeech.phones.decoding.alignment import align
from gmmspeech.phones.decoding.recognition import decode
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem, adapt_speakers, train_adapted_system
from gmmspeech.phones.hmm.graph import (
    PhoneBigram,
    Pronunciations,
    phone_loop_graph,
    pronunciations,
    train_bigram,
    word_sequence_graph,
)
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.training import train_phone_hmm, train_phone_hmm_on_labels
from gmmspeech.phones.hmm.training_state import TrainingState
from gmmspeech.phones.labels.labels import Label
from gmmspeech.recipe.stages import Stage
from gmmspeech.stores.features import FeatureStore

# Of log-likelihoods beside a phone bigram.
LOOP_SCALE = 0.2
ADAPTED_LOOP_SCALE = 0.3


@dataclass(frozen=True)
class Speech:
    """Utterances: where their frames are, and what is said in them.

    Parameters
    ----------
    features : Path
        Feature store.
    words : mapping of str to sequence of str
        By utterance.
    """

    features: Path
    words: Mapping[str, Sequence[str]]

    def only(self, utterances: Iterable[str]) -> Speech:
        """Give some of the utterances."""
        return Speech(self.features, {name: self.words[name] for name in utterances})

    def entries(self, dictionary: Pronunciations) -> Pronunciations:
        """Give what a dictionary has of the words that are said."""
        said = dict.fromkeys(word for words in self.words.values() for word in words)
        return {word: pronunciations(dictionary, word, optional=True) for word in said}


def hmm_path(out: Path, name: str) -> Path:
    """Where phone HMMs are written."""
    return out / f"hmm-{name}.h5"


def state_path(out: Path, name: str) -> Path:
    """Where the end of their training is written: the alignment above all."""
    return out / f"hmm-{name}-state.h5"


def system_path(out: Path, name: str) -> Path:
    """Where `system_stage` writes."""
    return out / f"system-{name}.h5"


def aligned_path(out: Path, name: str) -> Path:
    """Folder that `align_stage` writes to."""
    return out / f"aligned-{name}"


def recognized_path(out: Path, name: str) -> Path:
    """Where phones or words that were recognized are written."""
    return out / f"recognized-{name}.ctm"


def flat_start_stage(
    name: str,
    speech: Speech,
    dictionary: Pronunciations,
    out: Path,
    *,
    jobs: int,
    skip_bad: bool = False,
    **options: Any,
) -> Stage:
    """Stage that trains phone HMMs on transcripts; `options` of `train_phone_hmm`."""
    entries = speech.entries(dictionary)

    def train(store: FeatureStore, **common: Any) -> PhoneHMM:
        return train_phone_hmm(store, speech.words, entries, skip_bad=skip_bad, n_jobs=jobs, **common, **options)

    updates = options.get("num_passes", 1) * options.get("max_iter", 40)
    return _training_stage(name, speech, out, train, updates, [], [entries, options, skip_bad])


def labels_stage(name: str, speech: Speech, labels: Path, out: Path, *, jobs: int, **options: Any) -> Stage:
    """Stage that trains phone HMMs on phones with times, a CTM; `options` of `train_phone_hmm_on_labels`."""

    def train(store: FeatureStore, **common: Any) -> PhoneHMM:
        found = read_ctm(labels)
        theirs = {utterance: found[utterance] for utterance in speech.words}
        common |= {"n_jobs": jobs, **_start_times(store)}
        return train_phone_hmm_on_labels(store, theirs, **common, **options)

    return _training_stage(name, speech, out, train, options.get("max_iter", 40), [labels], [options])


def _training_stage(
    name: str,
    speech: Speech,
    out: Path,
    train: Callable[..., PhoneHMM],
    updates: int,
    inputs: Sequence[Path],
    configuration: Sequence[Any],
) -> Stage:
    step = f"train {name}"

    def run() -> None:
        target = hmm_path(out, name)
        with (
            FeatureStore(speech.features) as store,
            checkpoint_of(target) as checkpoint,
            training_bar(updates) as (show, last),
        ):
            with _timed(out, step, _seconds(store, speech.words)):
                model = train(store, callback=show, checkpoint=checkpoint)
            model.save(target)
            last[0].save(state_path(out, name))

    return Stage(
        f"train-{name}",
        run,
        outputs=[hmm_path(out, name), state_path(out, name), _timing_path(out, step)],
        inputs=inputs,
        configuration=[speech.words, *configuration],
    )


def align_stage(
    name: str,
    model: str,
    speech: Speech,
    dictionary: Pronunciations,
    out: Path,
    *,
    jobs: int,
    skip_bad: bool = False,
    **options: Any,
) -> Stage:
    """Stage that aligns transcripts with the phone HMMs `model`; `options` of `align`."""
    entries, step = speech.entries(dictionary), f"align {name}"

    def run() -> None:
        hmm = load(hmm_path(out, model), PhoneHMM)
        with FeatureStore(speech.features) as store:
            common: dict[str, Any] = {"skip_bad": skip_bad, "n_jobs": jobs, **_start_times(store)}
            with _timed(out, step, _seconds(store, speech.words)):
                found = align(hmm, store, speech.words, entries, **common, **options)
        write_alignment(aligned_path(out, name), found.alignments)

    return Stage(
        f"align-{name}",
        run,
        outputs=[aligned_path(out, name) / "phones.ctm", _timing_path(out, step)],
        configuration=[model, speech.words, entries, options, skip_bad],
    )


def recognize_phones_stage(name: str, model: str, speech: Speech, learned: Path, out: Path, *, jobs: int) -> Stage:
    """Stage that recognizes phones, with a bigram of the phones in the CTM `learned`."""

    def run() -> None:
        hmm = load(hmm_path(out, model), PhoneHMM)
        graph = phone_loop_graph(hmm, _bigram(learned, hmm))
        with FeatureStore(speech.features) as store, _timed(out, step, _seconds(store, speech.words)):
            frames = {utterance: store[utterance] for utterance in speech.words}
            times = _start_times(store)
            found = decode(hmm, frames, graph, acoustic_scale=LOOP_SCALE, n_jobs=jobs, **times)
        write_ctm(recognized_path(out, name), {utterance: a.phones for utterance, a in found.items()})

    step = f"recognize {name}"
    return Stage(
        f"recognize-{name}",
        run,
        outputs=[recognized_path(out, name), _timing_path(out, step)],
        configuration=[model, list(speech.words), str(learned), LOOP_SCALE],
    )


def recognize_word_stage(
    name: str, model: str, speech: Speech, dictionary: Pronunciations, out: Path, *, jobs: int
) -> Stage:
    """Stage that recognizes one word in each utterance, out of those that the utterances have together."""
    entries = dict(sorted(speech.entries(dictionary).items()))

    def run() -> None:
        hmm = load(hmm_path(out, model), PhoneHMM)
        graph = word_sequence_graph(hmm, [list(entries)], entries)
        with FeatureStore(speech.features) as store:
            frames = {utterance: store[utterance] for utterance in speech.words}
            found = decode(hmm, frames, graph, n_jobs=jobs, **_start_times(store))
        write_ctm(recognized_path(out, name), {utterance: a.words for utterance, a in found.items()})

    return Stage(f"recognize-{name}", run, [recognized_path(out, name)], configuration=[model, speech.words, entries])


def system_stage(
    name: str,
    speech: Speech,
    utt2spk: Mapping[str, str],
    dictionary: Pronunciations,
    out: Path,
    *,
    jobs: int,
    **options: Any,
) -> Stage:
    """Stage that trains the full system from the phone HMMs of the same name; `options` of `train_adapted_system`."""
    entries, step = speech.entries(dictionary), f"train the full system {name}"
    speakers = {utterance: utt2spk[utterance] for utterance in speech.words}

    def run() -> None:
        state = load(state_path(out, name), TrainingState)
        with FeatureStore(speech.features) as store, _timed(out, step, _seconds(store, speech.words)):
            frames = _cepstra(store, state.posteriors)
            system = train_adapted_system(frames, speech.words, entries, speakers, state, n_jobs=jobs, **options)
        system.save(system_path(out, name))

    return Stage(
        f"system-{name}",
        run,
        outputs=[system_path(out, name), _timing_path(out, step)],
        configuration=[speech.words, speakers, entries, options],
    )


def recognize_adapted_stage(
    name: str, system: str, speech: Speech, utt2spk: Mapping[str, str], learned: Path, out: Path, *, jobs: int
) -> Stage:
    """Stage that recognizes phones with the full system, in two passes: fMLLR needs to know what was said, roughly."""
    step = f"recognize {name}"
    speakers = {utterance: utt2spk[utterance] for utterance in speech.words}

    def run() -> None:
        models = load(system_path(out, system), AdaptedSystem)
        graph = phone_loop_graph(models.adapted, _bigram(learned, models.adapted))
        options: dict[str, Any] = {"acoustic_scale": ADAPTED_LOOP_SCALE, "n_jobs": jobs}
        with FeatureStore(speech.features) as store, _timed(out, step, _seconds(store, speech.words)):
            frames = adapt_speakers(models, _cepstra(store, speech.words), speakers, graph, **options)
            found = decode(models.adapted, frames, graph, **options, **_start_times(store))
        write_ctm(recognized_path(out, name), {utterance: a.phones for utterance, a in found.items()})

    return Stage(
        f"recognize-{name}",
        run,
        outputs=[recognized_path(out, name), _timing_path(out, step)],
        configuration=[system, speakers, str(learned), ADAPTED_LOOP_SCALE],
    )


def boundary_row(
    task: str, reference: Mapping[str, Times], found: Mapping[str, Times], *, ignore: Collection[str] = ("SIL",)
) -> dict[str, str]:
    """One row of a recipe's results: how far the starts of phones are from those of other labels."""
    theirs = {utterance: reference[utterance] for utterance in found}
    agreement = boundary_agreement(theirs, found, ignore=ignore)
    matched = len(agreement.differences)
    return {
        "task": task,
        "utterances": str(len(found)),
        "phones": str(agreement.num_reference),
        "unmatched": str(agreement.num_reference - matched),
        "within 20 ms": f"{100 * agreement.within(0.02):.2f} %",
        "within 10 ms": f"{100 * agreement.within(0.01):.2f} %",
        "median difference": f"{1000 * np.median(agreement.differences):+.1f} ms",
    }


def error_row(task: str, errors: ErrorRate) -> dict[str, str]:
    """One row of a recipe's results: phone or word errors."""
    return {
        "task": task,
        "reference": str(errors.num_reference),
        "error rate": f"{100 * errors.rate:.2f} %",
        "substitutions": str(errors.substitutions),
        "deletions": str(errors.deletions),
        "insertions": str(errors.insertions),
    }


def speed_rows(out: Path, stages: Sequence[Stage]) -> list[dict[str, str]]:
    """Rows of a recipe's results: how long the steps took that are timed."""
    known = (output for stage in stages for output in stage.outputs if output.parent == _timing_path(out, "").parent)
    rows = []
    for path in known:
        timing = json.loads(path.read_text(encoding="utf-8"))
        rows.append(
            {
                "step": timing["step"],
                "speech": f"{timing['speech']:.0f} s",
                "CPU": f"{timing['cpu']:.1f} s",
                "times faster than real time": f"{timing['speech'] / timing['cpu']:.0f}",
            }
        )
    return rows


def names_of(labels: Mapping[str, Sequence[Label]]) -> dict[str, list[str]]:
    """Give the phones or words of labels without their times."""
    return {utterance: [label.name for label in theirs] for utterance, theirs in labels.items()}


def _bigram(path: Path, model: PhoneHMM) -> PhoneBigram:
    return train_bigram(list(names_of(read_ctm(path)).values()), model.phones)


def _cepstra(store: FeatureStore, utterances: Iterable[str]) -> dict[str, NDArray[np.float32]]:
    """Frames without their deltas, which are the columns after the first; each was normalized for itself."""
    if store.front_end is None:
        raise DataError(f"{store.path}: found features without a front end, expected to know which columns are deltas")
    dim = FrontEnd.from_json(store.front_end).features.dim
    return {utterance: store[utterance][:, :dim] for utterance in utterances}


def _start_times(store: FeatureStore) -> dict[str, Any]:
    """Frames count from their start, as in the labels that come with corpora."""
    return {**frame_times(store.front_end), "times": "start"}


def _seconds(store: FeatureStore, utterances: Iterable[str]) -> float:
    """Length of utterances."""
    shift = frame_times(store.front_end)["frame_shift"]
    return sum(store.num_frames(utterance) for utterance in utterances) * shift / 1000


def _timing_path(out: Path, step: str) -> Path:
    return out / "timings" / f"{step.replace(' ', '-')}.json"


@contextmanager
def _timed(out: Path, step: str, speech: float) -> Iterator[None]:
    """Write how much CPU time, of all threads together, a step took for so many seconds of speech."""
    began = time.process_time()
    yield
    timing = {"step": step, "speech": speech, "cpu": time.process_time() - began}
    write_lines(_timing_path(out, step), [json.dumps(timing)])
