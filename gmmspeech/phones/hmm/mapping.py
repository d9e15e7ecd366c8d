"""Phone HMMs of one language as a start for another: phones are copied from similar ones."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.errors import DataError, GmmSpeechWarning, counted, shown
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.labels.articulation import nearest_phones
from gmmspeech.phones.labels.ipa import notation_of, to_ipa
from gmmspeech.phones.labels.phone_sets import is_speech


@checked
def mapped_model(
    model: PhoneHMM, phones: Sequence[str], phone_map: Mapping[str, str] | None = None, *, silence: str = "SIL"
) -> PhoneHMM:
    """Build a model with other phones, each a copy of a phone of the given model.

    Parameters
    ----------
    model : PhoneHMM
    phones : sequence of str
        In any notation: IPA, X-SAMPA, ARPAbet.
    phone_map : mapping of str to str, optional
        Phone of the model that each new phone starts as. By default, and for phones not given, the phone of the same
        name, or the one with the most similar articulation
        (``gmmspeech.phones.labels.articulation.nearest_phones``).
    silence : str
        The silence phone among the new ones; it starts as the model's.

    Returns
    -------
    PhoneHMM

    Raises
    ------
    DataError
        A phone in `phone_map` that the model lacks.

    Warns
    -----
    GmmSpeechWarning
        Phones without a similar one, which start as all of the model's phones together; and phones in `phone_map` that
        are not among the new ones.

    Examples
    --------
    >>> import numpy as np
    >>> english = PhoneHMM.from_phones(["SIL", "T", "IY"], mean=[0.0], variance=[1.0])
    >>> mapped_model(english, ["SIL", "ʈ", "y"]).phones
    ('SIL', 'ʈ', 'y')
    """
    sources = phone_sources(model, phones, phone_map, silence=silence)
    unsaid = [phone for phone in phone_map or () if phone not in set(phones)]
    if unsaid:
        found = f"{counted(len(unsaid), 'phone')} that no word has: {shown(' '.join(unsaid), 300)}"
        warnings.warn(f"phone map: found {found}; expected some of {shown(' '.join(phones), 300)}", GmmSpeechWarning)
    unlike = [phone for phone in phones if phone not in sources]
    if unlike:
        found = f"{counted(len(unlike), 'phone')} like none of the model's: {shown(' '.join(unlike), 300)}"
        warnings.warn(f"phone map: found {found}; begun as the mean of all", GmmSpeechWarning)
    count = int(np.median(np.diff(model.position_offsets)))
    parts = [_states(model, sources[phone]) if phone in sources else _average(model, count) for phone in phones]
    places = [model.phone_index[sources[phone]] if phone in sources else None for phone in phones]
    sizes = [size for part in parts for size in part[1]]
    return PhoneHMM(
        phones=tuple(phones),
        state_offsets=np.cumsum([0, *(len(part[1]) for part in parts)]),
        self_loop=np.concatenate([part[0] for part in parts]),
        mixture_offsets=np.cumsum([0, *sizes]),
        weights=np.concatenate([part[2] for part in parts]),
        means=np.concatenate([part[3] for part in parts]),
        variances=np.concatenate([part[4] for part in parts]),
        silence=silence,
        front_end=model.front_end,
        tree=None if model.tree is None else model.tree.mapped(places, count),
        topology=None if model.topology is None else model.topology.of_copies(_copied(model, places, count)),
    )


def _copied(model: PhoneHMM, places: Sequence[int | None], count: int) -> list[int]:
    """State that each state is a copy of, -1 of those of phones without a source."""
    offsets = model.state_offsets
    return [state for p in places for state in ([-1] * count if p is None else range(offsets[p], offsets[p + 1]))]


def phone_sources(
    model: PhoneHMM, phones: Sequence[str], phone_map: Mapping[str, str] | None = None, *, silence: str = "SIL"
) -> dict[str, str]:
    """Give the phone of the model that each phone begins as; nothing for one that is like none."""
    given = dict(phone_map or {})
    for new, old in given.items():
        if old not in model.phone_index:
            known = f"one of {shown(' '.join(model.phones), 300)}"
            raise DataError(f"phone map: found {shown(old)} for {shown(new)}, expected {known}")
    near = {phone: found for phone, (found, _) in nearest_phones(phones, model.phones).items()}
    sources = {p: p for p in phones if p in model.phone_index} | near | {silence: model.silence}
    return {phone: given.get(phone, sources.get(phone, "")) for phone in phones if phone in given or phone in sources}


def backing_off(
    phones: Iterable[str], known: Sequence[str], *, silence: str = "SIL", farthest: float = math.inf
) -> dict[str, str]:
    """Give the known phone that each phone is nearest to; not silence, nor one that is farther than a distance."""
    spoken = [phone for phone in known if phone != silence]
    return {phone: near for phone, (near, far) in nearest_phones(phones, spoken).items() if far <= farthest}


def extended_model(model: PhoneHMM, phones: Iterable[str]) -> PhoneHMM:
    """Give a model phones that it lacks, as copies of their neighbors, with a warning that names both.

    Another warning names those that are like none: they stay out.
    A neighbor that is not among the phones itself goes: it would be as likely as its copy wherever phones are compared.
    """
    needed = list(dict.fromkeys(phones))
    sources = extended_sources(model, needed)
    unlike = [phone for phone in needed if phone not in sources]
    if unlike:
        found = f"{counted(len(unlike), 'phone')} like none of the model's: {shown(' '.join(unlike), 300)}"
        warnings.warn(f"pronunciations: found {found}, expected IPA, X-SAMPA, ARPAbet or its own", GmmSpeechWarning)
    near = {phone: source for phone, source in sources.items() if phone != source}
    if not near:
        return model
    found = f"{counted(len(near), 'phone')} that the model lacks: each is taken for its neighbor, {told_pairs(near)}"
    warnings.warn(f"pronunciations: found {found}", GmmSpeechWarning)
    extended = mapped_model(model, list(sources), sources, silence=model.silence)
    scale, places = model.deviation_scale, [model.phone_index[source] for source in sources.values()]
    return extended if scale is None else replace(extended, deviation_scale=scale.mapped(places))


def extended_sources(model: PhoneHMM, phones: Iterable[str]) -> dict[str, str]:
    """Give the phones of a model that is to have others too, and what each is a copy of."""
    needed = list(dict.fromkeys(phones))
    lacking = [phone for phone in needed if phone not in model.phone_index]
    if lacking:
        lacking += _other_sounds(needed, model.phones)
    nearest = backing_off(needed, model.phones, silence=model.silence) if lacking else {}
    near = {phone: nearest[phone] for phone in lacking if phone in nearest}
    gone = set(near.values()) - set(needed) | set(near)
    return {phone: phone for phone in model.phones if phone not in gone} | near


def _other_sounds(phones: Sequence[str], known: Sequence[str]) -> list[str]:
    """Phones called like one of a model's in another notation, where that is another sound: X-SAMPA's ``S``, ``SH``."""
    mine, theirs = notation_of(phones), notation_of(known)
    alike = [phone for phone in phones if phone in known and is_speech(phone)]
    if any(len(phone) > 1 for phone in alike):  # some words are in the model's notation
        return []
    return [phone for phone in alike if to_ipa(phone, mine) != to_ipa(phone, theirs)]


def told_pairs(pairs: Mapping[str, str]) -> str:
    """Pairs of phones for a message."""
    return shown(", ".join(f"{a} as {b}" for a, b in pairs.items()), 800)


def collapsed(model: PhoneHMM) -> PhoneHMM:
    """Give a model with one Gaussian a state, of the same mean and variance as the state's mixture."""
    means, variances = pooled(model, model.weights, model.mixture_offsets[:-1])
    count = np.arange(model.num_states + 1)
    ones = np.ones(model.num_states)
    return replace(model, mixture_offsets=count, weights=ones, means=means, variances=variances)


def without_contexts(model: PhoneHMM) -> PhoneHMM:
    """Give a model of triphones as one of phones: each position has the Gaussians of all its states, equally probable.

    What another language's phones begin as: their neighbors are not those that trees ask for.
    """
    if model.tree is None:
        return model
    starts = model.position_starts
    first = model.mixture_offsets[starts]
    share = model.frames_of_gaussians
    share = share / np.repeat(np.add.reduceat(share, first[:-1]), np.diff(first))
    return replace(
        model,
        state_offsets=model.position_offsets,
        self_loop=model.self_loop_of_position,
        mixture_offsets=first,
        weights=share,
        tree=None,
        topology=None if model.topology is None else model.topology.of_copies(starts[:-1].tolist()),
        pdfs=None,
    )


def pooled(
    model: PhoneHMM, share: NDArray[np.float64], starts: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means and variances of runs of Gaussians together, that begin at `starts` and have such shares of their run."""
    means = np.add.reduceat(share[:, None] * model.means, starts)
    squares = np.add.reduceat(share[:, None] * (model.variances + model.means**2), starts)
    return means, squares - means**2


_Part = tuple[NDArray[np.float64], list[int], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _states(model: PhoneHMM, phone: str) -> _Part:
    """Self-loops, sizes of mixtures, weights, means and variances of a phone's states."""
    first, stop = model.states(phone)[[0, -1]] + [0, 1]
    here = slice(model.mixture_offsets[first], model.mixture_offsets[stop])
    sizes = np.diff(model.mixture_offsets[first : stop + 1]).tolist()
    return model.self_loop[first:stop], sizes, model.weights[here], model.means[here], model.variances[here]


def _average(model: PhoneHMM, count: int) -> _Part:
    """A phone of some states that is as all phones are but silence, one Gaussian a state."""
    one = collapsed(model)
    spoken = one.phone_of_state != model.phone_index[model.silence]
    spoken = spoken if spoken.any() else ~spoken
    mean = one.means[spoken].mean(axis=0)
    variance = (one.variances[spoken] + one.means[spoken] ** 2).mean(axis=0) - mean**2
    stay = np.full(count, model.self_loop[spoken].mean())
    return stay, [1] * count, np.ones(count), np.tile(mean, (count, 1)), np.tile(variance, (count, 1))
