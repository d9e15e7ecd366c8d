"""Spoken noise: the phone for words with unknown pronunciation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gmmspeech.phones.hmm.mapping import pooled
from gmmspeech.phones.hmm.model import PhoneHMM

SPOKEN_NOISE = "SPN"


def add_spoken_noise(model: PhoneHMM) -> PhoneHMM:
    """Give a model the phone SPN, if it has none, that fits any speech a little: one Gaussian for each other phone.

    Its states are all alike, as long as the others are on average. A Gaussian has the mean and the variance of a
    phone's states together, so it fits each sound worse than the sound's own phone does.

    Examples
    --------
    >>> import numpy as np
    >>> model = PhoneHMM.from_phones(["SIL", "AA", "S"], mean=np.zeros(2), variance=np.ones(2), num_states=3)
    >>> add_spoken_noise(model).phones, add_spoken_noise(model).num_gaussians
    (('SIL', 'AA', 'S', 'SPN'), 15)
    """
    spoken = [i for i, phone in enumerate(model.phones) if phone != model.silence]
    if SPOKEN_NOISE in model.phone_index or not spoken:
        return model
    phone_of_gaussian = model.phone_of_state[model.state_of_gaussian]
    share = model.frames_of_gaussians
    share = share / np.bincount(phone_of_gaussian, share)[phone_of_gaussian]
    means, variances = pooled(model, share, model.mixture_offsets[model.state_offsets[:-1]])
    states = round(float(np.diff(model.position_offsets)[spoken].mean()))
    stay = np.full(states, model.self_loop[model.phone_of_state != model.phone_index[model.silence]].mean())
    number = len(spoken)
    scale = model.deviation_scale
    return replace(
        model,
        deviation_scale=None if scale is None else scale.mapped([*range(len(model.phones)), None]),
        phones=(*model.phones, SPOKEN_NOISE),
        state_offsets=np.append(model.state_offsets, model.num_states + states),
        self_loop=np.concatenate([model.self_loop, stay]),
        mixture_offsets=np.concatenate(
            [model.mixture_offsets, model.num_gaussians + number * np.arange(1, states + 1)]
        ),
        weights=np.concatenate([model.weights, np.full(number * states, 1 / number)]),
        means=np.concatenate([model.means, np.tile(means[spoken], (states, 1))]),
        variances=np.concatenate([model.variances, np.tile(variances[spoken], (states, 1))]),
        tree=None if model.tree is None else model.tree.mapped([*range(len(model.phones)), None], states),
        pdfs=None,
    )
