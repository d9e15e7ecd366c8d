"""Left-to-right phone HMMs whose states emit Gaussian mixtures.

All Gaussians of all states are in one array, grouped by state, so that the log-likelihoods of a block of frames under
every state are one matrix product and a log-sum-exp over each state's rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import check_fields, checked, set_fields, told
from gmmspeech.checks import as_names, check_at_least, finite, real_array
from gmmspeech.described import Described
from gmmspeech.errors import FeatureError, ModelError, counted, shown
from gmmspeech.features.compatibility import describe_front_end
from gmmspeech.files.saving import Saved, State
from gmmspeech.phones.hmm.densities import state_log_likelihoods
from gmmspeech.phones.hmm.deviation_scale import DeviationScale
from gmmspeech.phones.hmm.topology import Topology
from gmmspeech.phones.hmm.tree import ContextTree

if TYPE_CHECKING:
    from gmmspeech.gmm.mixture import DiagonalGMM

_WEIGHT_ROUNDING = 1e-5  # by how much weights in float32, or of 7 digits each, may miss a sum of 1


class Quadratic(NamedTuple):
    """Weighted Gaussians as quadratic forms: log w N(x) = matrix @ [z, z**2, 1] with z = (x - shift) scale."""

    shift: NDArray[np.float64]
    scale: NDArray[np.float64]
    matrix: NDArray[np.float64]  # (K, 2 D + 1)


@dataclass(frozen=True, eq=False, repr=False)
class PhoneHMM(Described, Saved, kind="PhoneHMM", hint="phone HMMs"):
    """Phone HMMs: a chain of states for each phone, a diagonal mixture for each state.

    State ``s`` is left with probability ``1 - self_loop[s]``, to the next state of its phone or out of the phone; no
    state is skipped, unless a topology allows it. Its Gaussians are ``mixture_offsets[s]`` to
    ``mixture_offsets[s + 1]``. With a tree these are tied triphones: a phone has several alternatives for each of its
    states, chosen by the neighboring phones.

    Parameters
    ----------
    phones : tuple of str
        Names, in the order of their states.
    state_offsets : ndarray of int, shape (P + 1,)
        First state of each phone, and the number of states S.
    self_loop : ndarray, shape (S,), float64
        Probability of staying in a state for another frame, between 0 and 1.
    mixture_offsets : ndarray of int, shape (S + 1,)
        First Gaussian of each state, and the number of Gaussians K.
    weights : ndarray, shape (K,), float64
        They sum to one in each state.
    means, variances : ndarray, shape (K, D), float64
    silence : str
        Name of the silence phone.
    front_end : str or None
        Configuration of the front end, as JSON text, if known.
    card : str or None
        Model card of a published model: data, license, figures.
    tree : ContextTree or None
        States of a phone in each context of neighboring phones; without a tree, all states of the phone, in order.
    deviation_scale : DeviationScale or None
        Calibration of the deviations of boundaries, if it was learned from labels.
    topology : Topology or None
        Transitions of states that do not lead only to the next state.
    pdfs : ndarray of int, shape (S,), or None
        Number of each state's mixture, if states share mixtures or another system has numbered them.
    language : str or None
        Code of the language of the transcripts, such as "de", if known.

    Raises
    ------
    ModelError
        Arrays that don't match, a repeated phone, no silence among the phones, or a weight, variance or probability
        that is out of range; the message names the phone or the Gaussian.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> model = gs.phones.PhoneHMM.from_phones(["SIL", "AA"], mean=np.zeros(2), variance=np.ones(2), num_states=3)
    >>> model.num_states, model.num_gaussians
    (6, 6)
    >>> model.log_likelihoods(np.zeros((1, 2))).round(3)
    array([[-1.838, -1.838, -1.838, -1.838, -1.838, -1.838]], dtype=float32)
    """

    phones: tuple[str, ...]
    state_offsets: NDArray[np.intp]
    self_loop: NDArray[np.float64]
    mixture_offsets: NDArray[np.intp]
    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    variances: NDArray[np.float64]
    silence: str = "SIL"
    front_end: str | None = field(default=None)
    card: str | None = field(default=None)
    tree: ContextTree | None = field(default=None)
    deviation_scale: DeviationScale | None = field(default=None)
    topology: Topology | None = field(default=None)
    pdfs: NDArray[np.intp] | None = field(default=None)
    language: str | None = field(default=None)

    def __post_init__(self) -> None:
        for name in ("state_offsets", "self_loop", "mixture_offsets", "weights", "means", "variances"):
            numbers = real_array(getattr(self, name), f"PhoneHMM: {name}", ModelError)
            set_fields(self, **{name: numbers.astype(np.float64, copy=False)})
        if self.pdfs is not None:
            set_fields(self, pdfs=real_array(self.pdfs, "PhoneHMM: pdfs", ModelError))
        for name in ("state_offsets", "mixture_offsets"):
            numbers = getattr(self, name)
            if not (numbers == np.trunc(numbers)).all():
                raise ModelError(f"PhoneHMM: {name}: found {told(numbers)}, expected whole numbers")
            set_fields(self, **{name: numbers.astype(np.intp)})
        set_fields(self, phones=tuple(as_names(self.phones, "PhoneHMM: phones", ModelError).tolist()))
        check_fields(self)
        self._check_shapes()
        self._check_values()
        self._check_tree()
        self._check_topology()

    @classmethod
    @checked
    def from_phones(
        cls,
        phones: Sequence[str],
        *,
        mean: ArrayLike,
        variance: ArrayLike,
        num_states: int = 3,
        silence: str = "SIL",
        self_loop: float = 0.75,
        front_end: str | None = None,
    ) -> PhoneHMM:
        """Build a model in which all phones are equal, with one Gaussian per state, for a flat start.

        Parameters
        ----------
        phones : sequence of str
        mean, variance : array_like, shape (D,)
        num_states : int
            Emitting states per phone.
        silence : str
        self_loop : float
            0.75 as in Kaldi: a state lasts four frames on average.
        front_end : str, optional
        """
        check_at_least(1, num_states=num_states)
        total = len(phones) * num_states
        return cls(
            phones=tuple(phones),
            state_offsets=np.arange(len(phones) + 1) * num_states,
            self_loop=np.full(total, self_loop),
            mixture_offsets=np.arange(total + 1),
            weights=np.ones(total),
            means=np.tile(np.asarray(mean, np.float64), (total, 1)),
            variances=np.tile(np.asarray(variance, np.float64), (total, 1)),
            silence=silence,
            front_end=front_end,
        )

    @property
    def num_states(self) -> int:
        """Number of states S of all phones."""
        return len(self.self_loop)

    @property
    def num_gaussians(self) -> int:
        """Number of Gaussians K of all states."""
        return len(self.weights)

    @property
    def dim(self) -> int:
        """Number of columns D of the frames."""
        return int(self.means.shape[1])

    @cached_property
    def phone_index(self) -> dict[str, int]:
        """Index of each phone in `phones`."""
        return {phone: i for i, phone in enumerate(self.phones)}

    @cached_property
    def states_of_phone(self) -> list[NDArray[np.intp]]:
        """Indices of the states of each phone, in all contexts."""
        return np.split(np.arange(self.num_states), self.state_offsets[1:-1])

    @cached_property
    def phone_of_state(self) -> NDArray[np.intp]:
        """Index of the phone that each state belongs to, shape (S,)."""
        return np.repeat(np.arange(len(self.phones)), np.diff(self.state_offsets))

    @cached_property
    def state_of_gaussian(self) -> NDArray[np.intp]:
        """Index of the state that each Gaussian belongs to, shape (K,)."""
        return np.repeat(np.arange(self.num_states), np.diff(self.mixture_offsets))

    @cached_property
    def frames_of_gaussians(self) -> NDArray[np.float64]:
        """Expected number of frames of each Gaussian per visit of its state, shape (K,)."""
        return self.weights / (1 - self.self_loop)[self.state_of_gaussian]

    @checked
    def states(self, phone: str) -> NDArray[np.intp]:
        """Indices of a phone's states, in all contexts."""
        i = self._index(phone)
        return np.arange(self.state_offsets[i], self.state_offsets[i + 1])

    @checked
    def states_of(self, phones: Sequence[str]) -> list[NDArray[np.intp]]:
        """Indices of the states of each phone in a sequence of phones between silences."""
        if self.tree is None:
            return [self.states(phone) for phone in phones]
        said = [self._index(phone) for phone in (self.silence, *phones, self.silence)]
        return [self.tree.states(*each) for each in zip(said[1:-1], said, said[2:], strict=False)]

    def _index(self, phone: str) -> int:
        if phone not in self.phone_index:
            known = shown(" ".join(self.phones), 300)
            raise ModelError(f"phone {shown(phone)}: not in the model, whose phones are {known}")
        return self.phone_index[phone]

    @cached_property
    def position_offsets(self) -> NDArray[np.intp]:
        """First position (state regardless of context) of each phone, and the number of positions R, shape (P + 1,)."""
        return self.state_offsets if self.tree is None else self.tree.root_offsets

    @cached_property
    def position_starts(self) -> NDArray[np.intp]:
        """First state of each position, and the number of states, shape (R + 1,)."""
        return np.searchsorted(self.position_of_state, np.arange(self.position_offsets[-1] + 1))

    @cached_property
    def self_loop_of_position(self) -> NDArray[np.float64]:
        """Mean probability of staying in the states of each position, shape (R,)."""
        starts = self.position_starts
        return np.add.reduceat(self.self_loop, starts[:-1]) / np.diff(starts)

    @cached_property
    def position_of_state(self) -> NDArray[np.intp]:
        """Position of each state, counted over all phones, shape (S,)."""
        return np.arange(self.num_states) if self.tree is None else self.tree.root_of_state

    @checked
    def mixture(self, state: int) -> DiagonalGMM:
        """Return the mixture of one state."""
        from gmmspeech.gmm.mixture import DiagonalGMM  # whose scikit-learn takes more than half a second

        here = slice(*self.mixture_offsets[state : state + 2])
        return DiagonalGMM.from_parameters(
            self.weights[here], self.means[here], self.variances[here], front_end=self.front_end
        )

    @checked
    def log_likelihoods(self, frames: ArrayLike, *, states: NDArray[np.intp] | None = None) -> NDArray[np.float32]:
        """Log-likelihood of every frame under every state, in nats.

        Parameters
        ----------
        frames : array_like, shape (T, D)
        states : ndarray of int, shape (number of states,), optional
            States to compute; others get minus infinity.

        Returns
        -------
        ndarray, shape (T, S), float32

        Raises
        ------
        FeatureError
            A number of columns other than the model's, NaN or infinity.
        """
        x = real_array(frames)
        if x.ndim != 2 or x.shape[1] != self.dim:
            hint = "; gs.align_file takes samples" if x.ndim == 1 else ""
            raise FeatureError(
                f"found frames of shape {x.shape}, expected (frames, {self.dim}) as the phone HMM has{hint}"
            )
        finite(x)
        z = (x - self.quadratic.shift) * self.quadratic.scale
        if states is None:
            return state_log_likelihoods(z, self._forms, self.mixture_offsets)
        asked, sizes = np.zeros(self.num_states, np.bool_), np.diff(self.mixture_offsets)
        asked[states] = True
        out = np.full((len(x), self.num_states), -np.inf, np.float32)
        forms, offsets = self._forms[np.repeat(asked, sizes)], np.append(0, np.cumsum(sizes[asked]))
        out[:, asked] = state_log_likelihoods(z, forms, offsets)
        return out

    @checked
    def with_front_end(self, front_end: str | None) -> PhoneHMM:
        """Return the same model with another front-end configuration."""
        return replace(self, front_end=front_end)

    @checked
    def with_language(self, language: str | None) -> PhoneHMM:
        """Return the same model with another language code."""
        return replace(self, language=language)

    @cached_property
    def quadratic(self) -> Quadratic:
        """Return all Gaussians as quadratic forms of shifted and scaled frames."""
        share = self.weights / self.num_states
        shift = share @ self.means
        scale = 1 / np.sqrt(share @ (self.variances + (self.means - shift) ** 2))
        mean, variance = (self.means - shift) * scale, self.variances * scale**2
        with np.errstate(divide="ignore"):  # a weight of zero is a Gaussian that never answers
            constant = np.log(self.weights) + np.log(scale).sum()
        constant = constant - 0.5 * (np.log(2 * np.pi * variance) + mean**2 / variance).sum(axis=1)
        return Quadratic(shift, scale, np.concatenate([mean / variance, -0.5 / variance, constant[:, None]], axis=1))

    @cached_property
    def _forms(self) -> NDArray[np.float32]:
        return self.quadratic.matrix.astype(np.float32)

    def _check_shapes(self) -> None:
        k, s, p = len(self.weights), len(self.self_loop), len(self.phones)
        if self.means.ndim != 2 or self.means.shape != self.variances.shape or len(self.means) != k:
            found = f"{self.weights.shape}, {self.means.shape}, {self.variances.shape}"
            raise ModelError(
                f"phone HMM: found weights, means, variances of shapes {found}, expected (K,), (K, D), (K, D)"
            )
        for name, offsets, count, end in (
            ("state_offsets", self.state_offsets, p, s),
            ("mixture_offsets", self.mixture_offsets, s, k),
        ):
            if offsets.shape != (count + 1,) or offsets[0] != 0 or offsets[-1] != end or (np.diff(offsets) < 1).any():
                raise ModelError(f"phone HMM: {name}: expected {count + 1} rising numbers from 0 to {end}")

    def _check_tree(self) -> None:
        if self.deviation_scale is not None and len(self.deviation_scale.before) != len(self.phones):
            found = f"a deviation scale of {counted(len(self.deviation_scale.before), 'phone')}"
            raise ModelError(f"phone HMM: found {found}, expected {len(self.phones)}")
        if self.tree is None:
            return
        if (self.tree.num_phones, self.tree.num_states) != (len(self.phones), self.num_states):
            found = f"a tree of {self.tree.num_phones} phones and {self.tree.num_states} states"
            raise ModelError(f"phone HMM: found {found}, expected {len(self.phones)} and {self.num_states}")
        if (np.diff(self.tree.root_of_state) < 0).any() or (self.tree.phone_of_state != self.phone_of_state).any():
            raise ModelError("phone HMM: tree: expected the states of each position of each phone beside each other")

    def _check_topology(self) -> None:
        if self.pdfs is not None:
            pdfs = self.pdfs
            if pdfs.shape != (self.num_states,) or (pdfs != np.trunc(pdfs)).any() or (pdfs < 0).any():
                raise ModelError(f"phone HMM: pdfs: found {told(pdfs)}, expected a whole number for each state")
            set_fields(self, pdfs=pdfs.astype(np.intp))
        if self.topology is None:
            return
        state, position = self.topology.state, self.topology.position
        if state.max() >= self.num_states:
            raise ModelError(f"phone HMM: topology: found state {state.max()}, expected less than {self.num_states}")
        first = self.position_offsets[self.phone_of_state[state]]
        own, number = self.position_of_state[state] - first, np.diff(self.position_offsets)[self.phone_of_state[state]]
        if (position > number).any() or (position == own).any():
            raise ModelError("phone HMM: topology: expected arcs to other states of a state's phone, or out of it")

    def _check_values(self) -> None:
        if len(set(self.phones)) < len(self.phones):
            twice = next(p for i, p in enumerate(self.phones) if p in self.phones[:i])
            raise ModelError(f"phone HMM: found phone {twice} twice, expected each once")
        if self.silence not in self.phones:
            raise ModelError(
                f"phone HMM: found no phone {self.silence}, expected silence among {' '.join(self.phones)}"
            )
        if not ((self.self_loop > 0) & (self.self_loop < 1)).all():
            s = int(np.flatnonzero(~((self.self_loop > 0) & (self.self_loop < 1)))[0])
            raise ModelError(f"{self.state_name(s)}: found self_loop {self.self_loop[s]}, expected it between 0 and 1")
        good = np.isfinite(self.means).all(1) & (np.isfinite(self.variances) & (self.variances > 0)).all(1)
        good &= np.isfinite(self.weights) & (self.weights >= 0)
        if not good.all():
            k = int(np.flatnonzero(~good)[0])
            state = self.state_name(int(self.state_of_gaussian[k]))
            raise ModelError(f"{state}: Gaussian {k}: expected finite parameters and variances above 0")
        sums = np.add.reduceat(self.weights, self.mixture_offsets[:-1])
        if (np.abs(sums - 1) > _WEIGHT_ROUNDING).any():
            s = int(np.argmax(np.abs(sums - 1)))
            raise ModelError(f"{self.state_name(s)}: found weights that sum to {sums[s]:.6g}, expected 1")

    @checked
    def state_name(self, state: int) -> str:
        """Name of a state for messages: "phone AA, state 2 of 3" or "phone AA, state 2 of 3, context 4"."""
        phone = int(self.phone_of_state[state])
        first, end = self.position_offsets[phone : phone + 2]
        position = int(self.position_of_state[state])
        name = f"phone {self.phones[phone]}, state {position - first + 1} of {end - first}"
        if self.tree is None:
            return name
        return f"{name}, context {state - np.searchsorted(self.position_of_state, position) + 1}"

    def to_state(self) -> State:
        """Return the state for saving; Gaussians that float32 represents exactly are saved as float32."""
        state = super().to_state()
        for name in ("card", "tree", "deviation_scale", "topology", "pdfs", "language"):
            if getattr(self, name) is None:
                del state[name]
        for name in ("means", "variances"):
            short = state[name].astype(np.float32)
            state[name] = short if np.array_equal(short, state[name]) else state[name]
        return state

    @classmethod
    def from_state(cls, state: State) -> PhoneHMM:
        """Rebuild a model from the result of `to_state`; files may lack card and language."""
        return super().from_state({"card": "", "language": "", **state})

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        state = "state" if self.tree is None else "tied triphone state"
        least, most = 1 / (1 - self.self_loop[[self.self_loop.argmin(), self.self_loop.argmax()]])
        num_gaussians = f"{counted(self.num_gaussians, 'Gaussian')} of {counted(self.dim, 'dimension')}"
        return [
            f"phone HMMs: {counted(len(self.phones), 'phone')}, {counted(self.num_states, state)}, {num_gaussians}",
            f"phones: {' '.join(self.phones)}",
            *([] if self.language is None else [f"language: {self.language}"]),
            *([] if self.tree is None else [f"trees: {self.tree.describe()}"]),
            f"transitions: states last {least:.1f} to {most:.1f} frames",
            f"front end: {describe_front_end(self.front_end)}",
            *(self.card or "").splitlines(),
        ]
