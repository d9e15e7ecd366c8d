"""Frames of one front end are kept from a model of another."""

import json
from types import SimpleNamespace

import pytest
from hypothesis import given, strategies as st

from gmmspeech.errors import FeatureError
from gmmspeech.features.compatibility import check_same_front_end, timed_front_end
from gmmspeech.features.frontend import FrontEnd

SRE = FrontEnd.from_toml("mfcc_sre")


def check(expected, found):
    check_same_front_end(expected, found, model="ubm.h5", frames="feats.h5")


def changed(**sections):
    return FrontEnd(**{**SRE.model_dump(), **sections})


def test_what_fits():
    check(SRE.to_json(), SRE.to_json())
    check('{"a": 1, "b": {"c": 2.0}}', '{"b": {"c": 2}, "a": 1.0}')  # spelt otherwise
    for expected, found in ((None, SRE.to_json()), (SRE.to_json(), None), (None, None), ("", SRE.to_json())):
        check(expected, found)  # not known: may be anything


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (changed(deltas={"order": 1}), "found frames with deltas.order = 1, expected deltas.order = 2 as ubm.h5"),
        (changed(cmvn=None), "found frames without cmvn.center, expected cmvn.center ="),
        (
            changed(sample_frequency=48000),
            "found frames with sample_frequency = 48000, expected sample_frequency = 16000",
        ),
    ],
)
def test_the_difference_is_named(other, difference):
    with pytest.raises(FeatureError, match=f"^feats.h5: {difference}") as caught:
        check(SRE.to_json(), other.to_json())
    assert "\n" not in str(caught.value)
    with pytest.raises(FeatureError):
        check(other.to_json(), SRE.to_json())


leaves = st.one_of(st.none(), st.integers(-3, 3), st.text("ab", max_size=2))
trees = st.dictionaries(
    st.text("xyz", min_size=1, max_size=2), leaves | st.dictionaries(st.text("uv", min_size=1), leaves)
)


@given(tree=trees, key=st.text("xyz", min_size=1, max_size=2))
def test_any_changed_value_is_found(tree, key):
    changed_tree = {**tree, key: "something else"}
    check(json.dumps(tree), json.dumps(dict(reversed(tree.items()))))
    with pytest.raises(FeatureError, match=f"{key}"):
        check(json.dumps(tree), json.dumps(changed_tree))


@pytest.mark.parametrize("text", ["7", "[]", "[" * 100_000, "nothing"], ids=lambda text: text[:9])
def test_a_front_end_that_is_no_json_object(text):
    with pytest.raises(FeatureError, match=r"front end: .*JSON"):
        check(SRE.to_json(), text)


def test_which_front_end_tells_when_frames_come():
    known, steps = SRE.to_json(), '{"stored": {"columns": 13}}'
    for model, own, expected in (
        (steps, known, known),
        (known, steps, known),
        (known, None, known),
        (None, steps, steps),
        (None, None, None),
    ):
        assert timed_front_end(model, SimpleNamespace(front_end=own)) == expected
