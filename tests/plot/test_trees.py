"""Pictures of trees have every question and every state."""

import numpy as np
import pytest
from trees import grown, model_of, system_of

from gmmspeech.errors import ConfigError, ModelError
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.plot.trees import tree


def test_questions_and_states_of_a_position():
    model = model_of(grown(np.random.default_rng(2), [1, 3, 2, 1], 25), ("SIL", "A", "B", "C"))
    for position in (1, 2, 3):
        texts = [text.get_text().replace("\n", " ") for text in tree(model, "A", position).texts]
        states = np.flatnonzero(model.tree.root_of_state == position)
        assert sorted(t for t in texts if t.startswith("phone")) == sorted(map(model.state_name, states))
        asked = [t for t in texts if t.startswith(("left:", "right:"))]
        assert len(asked) == len(states) - 1
        assert texts.count("yes") == texts.count("no") == len(asked)


def test_a_system_has_the_trees_of_its_models():
    rng = np.random.default_rng(2)
    model = model_of(grown(rng, [1, 3, 2, 1], 25), ("SIL", "A", "B", "C"))
    one, other = ([text.get_text() for text in tree(x, "A", 2).texts] for x in (model, system_of(model, rng)))
    assert one == other


def test_names_are_no_formulas():
    model = model_of(grown(np.random.default_rng(2), [1, 3, 2, 1], 25), ("SIL", "$A$", "$_1$", "C"))
    axes = tree(model, "$A$")
    axes.figure.canvas.draw()
    assert axes.get_title("left") == r"\$A\$, state 1 of 3"
    assert all("$" not in text.get_text().replace(r"\$", "") for text in axes.texts)


def test_what_has_no_tree_is_named():
    plain = PhoneHMM.from_phones(["SIL", "A"], mean=[0.0], variance=[1.0])
    with pytest.raises(ModelError, match="found no tree of contexts"):
        tree(plain, "A")
    tied = model_of(grown(np.random.default_rng(2), [1, 3], 6), ("SIL", "A"))
    with pytest.raises(ConfigError, match="position: found 4, expected 1 to 3"):
        tree(tied, "A", 4)
    with pytest.raises(ModelError, match="phone X: not in the model"):
        tree(tied, "X")
