"""Stages of recipes for the ladder of phone models: training, alignment and recognition at each rung."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from gmmspeech.commands import phone_training
from gmmspeech.commands.alignment import open_model
from gmmspeech.commands.phone_features import frame_times
from gmmspeech.features.stored import static_columns
from gmmspeech.formats.labels.alignments import write_alignments
from gmmspeech.formats.labels.lines import read_ctm, write_ctm
from gmmspeech.formats.loading import load
from gmmspeech.phones.decoding.adapting import base_of, for_any_speaker, for_these_speakers
from gmmspeech.phones.decoding.alignment import align
from gmmspeech.phones.decoding.recognition import decode
from gmmspeech.phones.hmm.adaptation import MappedFrames
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem, train_adapted_system
from gmmspeech.phones.hmm.graph import Pronunciations, StateGraph, phone_loop_graph, train_bigram
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.training_state import TrainingState
from gmmspeech.pipeline import Run
from gmmspeech.stores.features import FeatureStore

MONOPHONE = "monophone"
TRAINED = ("tri1", "tri3")
RUNGS = (MONOPHONE, "tri1", "tri2", "tri3")


@dataclass(frozen=True)
class Speech:
    """Utterances with their frames: where those are, what is said, and by whom."""

    features: Path
    words: Mapping[str, Sequence[str]]
    utt2spk: Mapping[str, str]

    @property
    def seconds(self) -> float:
        """How long all utterances are together."""
        return seconds_of(self.features, self.words)


def model_of(run: Run, name: str, rung: str) -> Path:
    """Where the model of a rung is: that of tri2 is what tri3's knows of no speaker."""
    kind = {MONOPHONE: "hmm", "tri2": "tri3"}.get(rung, rung)
    return run.out / f"{kind}-{name}.h5"


def state_of(run: Run, name: str) -> Path:
    """Where the states of monophones' frames are, from which training goes on."""
    return run.out / f"hmm-state-{name}.h5"


def beside_at(run: Run, name: str) -> Path:
    """Where the phones without contexts are that `train_beside` trains."""
    return run.out / f"beside-{name}.h5"


def step_of(step: str, to: str, rung: str) -> str:
    """Name of a step on a rung with speech that is called `to`."""
    return f"{step}-{to}" if rung == MONOPHONE else f"{step}-{to}-{rung}"


def aligned_at(out: Path, to: str, rung: str) -> Path:
    """Where the times of phones are, aligned on a rung."""
    return out / step_of("aligned", to, rung) / "phones.ctm"


def recognized_at(out: Path, to: str, rung: str) -> Path:
    """Where the times of phones are, recognized on a rung."""
    return out / f"{step_of('recognized', to, rung)}.ctm"


def train_monophones(
    run: Run, name: str, speech: Speech, dictionary: Pronunciations, *, settings: Any = None, **options: Any
) -> None:
    """Train phones from transcripts alone, and keep their alignment for the rungs above."""
    model, state = model_of(run, name, MONOPHONE), state_of(run, name)
    if run.todo(f"train-{name}", makes=[model, state], settings=[speech.words, dictionary, settings, options]):
        what = speech.features, speech.words, dictionary, model
        phone_training.train_phones_file(*what, alignment=state, n_jobs=run.jobs, **options)


def train_rungs(
    run: Run,
    name: str,
    speech: Speech,
    dictionary: Pronunciations,
    *,
    rungs: Sequence[str] = TRAINED,
    monophones: str | None = None,
    settings: Any = None,
    **options: Any,
) -> None:
    """Go on from monophones to tri1, and from these to tri3; from those of another name, if it is told."""
    for rung in rungs:
        model, what = model_of(run, name, rung), (speech.words, dictionary, speech.utt2spk)
        if run.todo(f"{rung}-{name}", makes=[model], settings=[speech.words, speech.utt2spk, settings, options]):
            how: dict[str, Any] = {"rung": rung, "n_jobs": run.jobs, **options}
            state = state_of(run, monophones or name)
            phone_training.train_ladder_file(speech.features, *what, state, model, **how)


def align_on(
    run: Run, name: str, rung: str, to: str, speech: Speech, dictionary: Pronunciations, **options: Any
) -> Path:
    """Align speech that is called `to` by the model of a rung, and give where the times of its phones are."""
    times = aligned_at(run.out, to, rung)
    if run.todo(step_of("align", to, rung), makes=[times], settings=[speech.words, options]):
        with FeatureStore(speech.features) as store:
            clock = {**frame_times(store.front_end), "times": "start"}
            how = {**clock, **options, "utt2spk": _speakers(rung, speech), "n_jobs": run.jobs}
            model = load(model_of(run, name, rung), (PhoneHMM, AdaptedSystem))
            write_alignments(
                times.parent, align(model, store, speech.words, dictionary, **how).alignments, format="ctm"
            )
    return times


def train_beside(
    run: Run, name: str, speech: Speech, dictionary: Pronunciations, state: TrainingState, **options: Any
) -> Path:
    """Train phones without contexts, on transformed and adapted frames of their own, to be `beside` a rung's model.

    Training begins with the states of monophones, not with the rung's: models that differ err less together.
    """
    out = beside_at(run, name)
    if run.todo(f"beside-{name}", makes=[out], settings=[speech.words, speech.utt2spk, options]):
        with FeatureStore(speech.features) as store:
            columns = static_columns(store.front_end)
            static = MappedFrames(store, lambda _, x: x[:, :columns])
            what = (static, speech.words, dictionary, speech.utt2spk, state)
            train_adapted_system(*what, n_jobs=run.jobs, **options).with_front_end(store.front_end).save(out)
    return out


def recognize_on(
    run: Run,
    name: str,
    rung: str,
    to: str,
    speech: Speech,
    learned: Path,
    *,
    scale: float,
    beside: Path | None = None,
) -> Path:
    """Recognize phones by the model of a rung and a bigram of `learned` ones, and give where they are.

    A model without contexts may be `beside` it, as `decode` has it: one adapts to speakers by what it recognizes
    without the other.
    """
    found = recognized_at(run.out, to, rung)
    if run.todo(step_of("recognize", to, rung), makes=[found], settings=[list(speech.words), scale]):
        how: dict[str, Any] = {"utt2spk": _speakers(rung, speech), "acoustic_scale": scale, "n_jobs": run.jobs}
        with FeatureStore(speech.features) as store:
            what = store, list(speech.words), phone_sequences(learned)
            hmm, frames, graph = on_phone_loop(model_of(run, name, rung), *what, **how)
            other = None if beside is None else on_phone_loop(beside, *what, **how)[:2]
            clock: dict[str, Any] = {**frame_times(store.front_end), "times": "start"}
            recognized = decode(hmm, frames, graph, acoustic_scale=scale, beside=other, n_jobs=run.jobs, **clock)
        write_ctm(found, {utterance: alignment.phones for utterance, alignment in recognized.items()})
    return found


def on_phone_loop(
    model: Path,
    store: FeatureStore,
    utterances: Sequence[str],
    sequences: Sequence[Sequence[str]],
    *,
    utt2spk: Mapping[str, str] | None = None,
    acoustic_scale: float = 1.0,
    n_jobs: int | None = 1,
) -> tuple[PhoneHMM, dict[str, NDArray], StateGraph]:
    """Open a model to recognize phones; give it with the frames of utterances and a graph of all sequences of phones.

    A bigram of the `sequences` is in the graph. Frames of an `AdaptedSystem` are adapted to the speakers by what a
    first pass recognizes, if `utt2spk` tells them.
    """
    found = open_model(model)
    base = base_of(found)
    graph = phone_loop_graph(base, train_bigram(sequences, base.phones))
    if isinstance(found, AdaptedSystem) and utt2spk is not None:
        speakers = {name: utt2spk[name] for name in utterances}
        hmm, frames = for_these_speakers(
            found, store, dict.fromkeys(utterances, graph), speakers, acoustic_scale=acoustic_scale, n_jobs=n_jobs
        )
    else:
        hmm, frames = for_any_speaker(found, store)
    return hmm, {name: frames[name] for name in utterances}, graph


def phone_sequences(path: Path) -> list[list[str]]:
    """Read the phones of the utterances of a CTM, from which a bigram is learned."""
    return [[label.name for label in labels] for labels in read_ctm(path).values()]


def seconds_of(features: Path, utterances: Iterable[str]) -> float:
    """Give how long utterances of a feature store are together."""
    with FeatureStore(features) as store:
        shift = frame_times(store.front_end)["frame_shift"]
        return sum(store.num_frames(utterance) for utterance in utterances) * shift / 1000


def _speakers(rung: str, speech: Speech) -> Mapping[str, str] | None:
    """Whom to adapt to: nobody with monophones, nor on the rung below speaker-adaptive training."""
    return speech.utt2spk if rung in TRAINED else None
