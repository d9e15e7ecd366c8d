"""Plot of a triphone decision tree: its questions about neighboring phones, and its states."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from gmmspeech.arguments import checked
from gmmspeech.errors import ConfigError, ModelError
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.tree import ContextTree
from gmmspeech.plot.style import INK, MUTED, TARGETS, drawing_on, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 2.6, 0.62  # inches of a level, and of a leaf
LETTERS = 26  # of a line of a question


@checked
def tree(model: PhoneHMM | AdaptedSystem, phone: str, position: int = 1, *, ax: Axes | Figure | None = None) -> Axes:
    """Plot the decision tree of one position of a phone: questions from left to right, states at the leaves.

    Each question asks whether the left or the right neighbor is one of the listed phones.

    Parameters
    ----------
    model : PhoneHMM or AdaptedSystem
        With trees, such as from ``train-phones --ladder tri1`` or ``tri3``. Both models of a system have the same.
    phone : str
    position : int
        Position in the phone, counted from 1.
    ax : matplotlib.axes.Axes or empty Figure, optional
        Where to draw; by default a new pyplot figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ModelError
        The model has no tree, or no such phone.
    ConfigError
        The phone has no such position; matplotlib is not installed, or `ax` is something else.

    Examples
    --------
    >>> import dataclasses, gmmspeech as gs
    >>> from gmmspeech.phones.hmm.tree import ContextTree
    >>> model = gs.phones.PhoneHMM.from_phones(["SIL", "AA"], mean=[0.0], variance=[1.0])
    >>> axes = gs.plot.tree(dataclasses.replace(model, tree=ContextTree.untied([3, 3])), "AA", 2)
    >>> [text.get_text() for text in axes.texts]
    ['phone AA, state 2 of 3, context 1']
    """
    model = model.adapted if isinstance(model, AdaptedSystem) else model
    model.states(phone)  # or an error that names it
    if model.tree is None:
        raise ModelError("phone HMM: found no tree of contexts, expected triphones, such as train_triphone_hmm makes")
    first, end = model.tree.root_offsets[model.phone_index[phone] :][:2].tolist()
    if not 1 <= position <= end - first:
        raise ConfigError(f"position: found {position}, expected 1 to {end - first}, those of {phone}")
    root = int(model.tree.roots[first + position - 1])
    depth, leaves = _depth(model.tree, root), _leaves(model.tree, root)
    with drawing_on(ax, WIDTH * (depth + 1.2), HEIGHT * leaves + 0.8) as ax:
        ax.set(xlim=(-0.05, depth + 1.2), ylim=(leaves - 0.4, -0.6))
        ax.axis("off")
        ax.set_title(f"{plain(phone)}, state {position} of {end - first}", loc="left", fontsize=12)
        _draw(ax, model, root, 0, 0)
    return ax


def _leaves(tree: ContextTree, node: int) -> int:
    if tree.question[node] < 0:
        return 1
    return _leaves(tree, int(tree.yes[node])) + _leaves(tree, int(tree.no[node]))


def _depth(tree: ContextTree, node: int) -> int:
    if tree.question[node] < 0:
        return 0
    return 1 + max(_depth(tree, int(tree.yes[node])), _depth(tree, int(tree.no[node])))


def _draw(ax: Axes, model: PhoneHMM, node: int, level: int, above: int) -> float:
    """Draw what hangs on a node, below so many leaves; give its height."""
    assert model.tree is not None
    tree = model.tree
    if tree.question[node] < 0:
        text = plain(model.state_name(int(tree.state[node])))
        ax.text(level + 0.02, above, text, color=TARGETS, va="center", fontsize=8)
        return above
    behind = [int(tree.yes[node]), int(tree.no[node])]
    places = [above, above + _leaves(tree, behind[0])]
    heights = [_draw(ax, model, child, level + 1, place) for child, place in zip(behind, places, strict=True)]
    middle = float(np.mean(heights))
    for answer, height in zip(("yes", "no"), heights, strict=True):
        ax.plot([level + 0.78, level + 0.86, level + 1], [middle, height, height], color=MUTED, linewidth=1)
        ax.text(level + 0.88, height, answer, color=MUTED, va="bottom", fontsize=7)
    phones = " ".join(np.array(model.phones)[tree.questions[tree.question[node]]])
    side = "right" if tree.right[node] else "left"
    asked = textwrap.shorten(f"{side}: {phones}", 3 * LETTERS, placeholder=" …")
    ax.text(level + 0.02, middle, plain(textwrap.fill(asked, LETTERS)), color=INK, va="center", fontsize=8)
    return middle
