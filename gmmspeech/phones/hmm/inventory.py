"""The phones to train: those of the words in the transcripts; rare phones are trained as similar ones."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from gmmspeech.errors import FeatureError, GmmSpeechWarning, counted
from gmmspeech.features.compatibility import check_same_front_end, front_end_of
from gmmspeech.phones.hmm.corpus import Corpus
from gmmspeech.phones.hmm.graph import Pronunciations, pronunciations
from gmmspeech.phones.hmm.mapping import backing_off, collapsed, mapped_model, told_pairs
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.labels.dictionary import as_probable
from gmmspeech.phones.labels.ipa import notation_of
from gmmspeech.phones.labels.labels import Label
from gmmspeech.phones.labels.word_positions import without_positions

FARTHEST = 1.0  # of a neighbor that a rare phone is trained as: another length, place or voice, not another class


def phones_of(
    transcripts: Mapping[str, Sequence[str]], names: Iterable[str], dictionary: Pronunciations, silence: str
) -> tuple[str, ...]:
    """Phones of the words of utterances, silence first; none of a word that the dictionary lacks."""
    words = {word for name in names for word in transcripts[name]}
    return silence_first(
        {p for word in words for phones in pronunciations(dictionary, word, optional=True) for p in phones}, silence
    )


def silence_first(phones: Iterable[str], silence: str) -> tuple[str, ...]:
    """Phones in order, behind silence."""
    return (silence, *sorted(set(phones) - {silence}))


def unsaid_phones(phones: set[str], model: PhoneHMM | None, silence: str) -> set[str]:
    """Give the phones of a model to begin with that labels lack, where both are in one notation: they stay in it."""
    if model is None:
        return set()
    said, known = phones - {silence}, set(model.phones) - {model.silence}
    return known - {*said, *without_positions(said)} if notation_of(said) == notation_of(known) else set()


def first_models(
    corpus: Corpus,
    phones: Sequence[str],
    num_states: int,
    silence: str,
    init_model: PhoneHMM | None,
    phone_map: Mapping[str, str] | None,
) -> tuple[PhoneHMM, PhoneHMM | None]:
    """Give the model of one Gaussian a state that training begins with, and the one it was made of, if any."""
    alike = corpus.first_model(phones, num_states, silence)
    if init_model is None:
        return alike, None
    _check_fits(init_model, corpus)
    started = mapped_model(init_model, phones, phone_map, silence=silence)
    return collapsed(started), started


def _check_fits(model: PhoneHMM, corpus: Corpus) -> None:
    """Raise a `FeatureError` if a model to begin with is of other features than those to be trained on."""
    front_end = front_end_of(corpus.frames)
    if front_end is not None and model.front_end is not None:
        owner = str(getattr(corpus.frames, "path", "the frames"))
        check_same_front_end(model.front_end, front_end, model="the model to begin with", frames=owner)
    if model.dim != len(corpus.mean):
        expected = f"{model.dim}, as the model to begin with has"
        raise FeatureError(f"found frames of {counted(len(corpus.mean), 'column')}, expected {expected}")


def rare_phones(
    transcripts: Mapping[str, Sequence[str]],
    dictionary: Pronunciations,
    phones: Sequence[str],
    corpus: Corpus,
    num_states: int,
    min_occupancy: float,
    silence: str,
) -> dict[str, str]:
    """Give the neighbor of each phone that is too rare for its states to be trained, with a warning.

    Too rare is a phone that comes so seldom that, at the mean length of phones, a state of it would have fewer than
    `min_occupancy` frames. Its neighbor is the phone articulated most like it of those that are not rare: its base
    letter where diacritics tell them apart. One that has no near neighbor is left as it is, unless it never comes.
    """
    counts: Counter[str] = Counter()
    for words in transcripts.values():
        for word in words:
            variants = pronunciations(dictionary, word, optional=True)
            if variants:
                counts.update(variants[0])
    frames = sum(corpus.lengths[name] for name in transcripts)
    length = frames / max(sum(counts.values()) + len(transcripts), 1)
    return _neighbors({p: counts[p] * length for p in phones}, min_occupancy * num_states, silence)


def rare_labels(
    labels: Mapping[str, Sequence[Label]], phones: Sequence[str], shift: float, least: float, silence: str
) -> dict[str, str]:
    """Give the neighbor of each phone that labels have for fewer frames than `least`, with a warning."""
    lasting = dict.fromkeys(phones, 0.0)
    for each in labels.values():
        for label in each:
            if label.name in lasting and label.end > label.start:
                lasting[label.name] += 1000 * (label.end - label.start) / shift
    return _neighbors(lasting, least, silence)


def _neighbors(frames: Mapping[str, float], least: float, silence: str) -> dict[str, str]:
    """Neighbors of phones with few frames, or none at all, among the others."""
    seldom = [p for p in frames if p != silence and frames[p] < least]
    common = [p for p in frames if p not in seldom]
    never = [p for p in seldom if not frames[p]]
    near = backing_off(never, common, silence=silence) | backing_off(seldom, common, silence=silence, farthest=FARTHEST)
    if near:
        found = f"{len(near)} too rare to be trained: each is trained as its neighbor, {told_pairs(near)}"
        warnings.warn(f"phones: found {found}", GmmSpeechWarning)
    return near


def neighbors_trained(
    model: PhoneHMM, transcripts: Mapping[str, Sequence[str]], dictionary: Pronunciations
) -> dict[str, str]:
    """Give the phone of a model that each phone of transcripts that it lacks, being too rare, was trained as."""
    lacking = set(phones_of(transcripts, transcripts, dictionary, model.silence)) - set(model.phones)
    return backing_off(sorted(lacking), model.phones, silence=model.silence)


def with_copies(model: PhoneHMM, near: Mapping[str, str]) -> PhoneHMM:
    """Give a model more phones, as copies of those that they were trained as."""
    sources = {phone: phone for phone in model.phones} | dict(near)
    return mapped_model(model, list(sources), sources, silence=model.silence) if near else model


def replaced_phones(
    dictionary: Pronunciations, transcripts: Mapping[str, Sequence[str]], phones: Mapping[str, str]
) -> Pronunciations:
    """Give what a dictionary has of the words of transcripts, with other phones for some."""
    if not phones:
        return dictionary
    words = {word for line in transcripts.values() for word in line}
    found = {word: pronunciations(dictionary, word, optional=True) for word in words}
    return {word: [as_probable([phones.get(p, p) for p in v], v) for v in variants] for word, variants in found.items()}
