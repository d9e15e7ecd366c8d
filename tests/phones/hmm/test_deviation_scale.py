"""What deviations are worth: the formula, what is refused, and that models keep it."""

import dataclasses

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.errors import GmmSpeechWarning, ModelError
from gmmspeech.phones.hmm.deviation_scale import DeviationScale
from gmmspeech.phones.hmm.mapping import extended_model, mapped_model
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.spoken_noise import add_spoken_noise

SCALE = DeviationScale([-1.0, 0.5, 1.0], [0.0, 0.1, 0.2], [0.0, 0.3, -0.3])


def model():
    return dataclasses.replace(
        PhoneHMM.from_phones(["SIL", "A", "S"], mean=[0.0], variance=[1.0]), deviation_scale=SCALE
    )


def test_it_is_a_product_of_powers():
    found = SCALE(np.array([0.7, 3.7]), np.array([1.7, 0.7]), np.array([0, 1]), np.array([1, 2]))
    np.testing.assert_allclose(found, np.exp([-1 + 0.3, -1 + 0.1 - 0.3]) * [2.0, 2.0])


def test_no_deviation_is_endless():
    steep = DeviationScale([0.0, 500.0, 500.0], [0.0], [0.0])
    assert np.isfinite(steep(np.array([1e3]), np.array([1e3]), np.array([0]), np.array([0]))).all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"weights": [1.0, 2.0]}, "found 2 weights, 3 and 3 phones, expected 3 weights"),
        ({"before": [0.0]}, "1 and 3 phones, expected 3 weights and as many phones before as after"),
        ({"after": [0.0, np.nan, 0.0]}, "after: expected a row of finite numbers"),
        ({"offsets": np.zeros((3, 2))}, r"found offsets of shape \(3, 2\), expected finite numbers of shape \(3, 3\)"),
        ({"offsets": np.full((3, 3), np.inf)}, "found offsets of shape .*, expected finite numbers of shape"),
    ],
)
def test_what_makes_no_scale(fields, message):
    with pytest.raises(ModelError, match=message):
        dataclasses.replace(SCALE, **fields)


def test_a_model_keeps_it_in_its_file(tmp_path):
    model().save(tmp_path / "model.h5")
    kept = gs.load(tmp_path / "model.h5").deviation_scale
    for name in ("weights", "before", "after"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(SCALE, name))


def test_offsets_go_with_the_phones_of_their_model(tmp_path):
    offsets = np.arange(9.0).reshape(3, 3)
    moved = dataclasses.replace(model(), deviation_scale=dataclasses.replace(SCALE, offsets=offsets))
    moved.save(tmp_path / "model.h5")
    kept = gs.load(tmp_path / "model.h5").deviation_scale
    np.testing.assert_array_equal(kept.offsets, offsets)
    others = kept.mapped([2, None, 0])
    np.testing.assert_array_equal(others.offsets, [[8, 0, 6], [0, 0, 0], [2, 0, 0]])


def test_a_model_of_other_phones():
    with pytest.raises(ModelError, match="found a deviation scale of 2 phones, expected 3"):
        dataclasses.replace(model(), deviation_scale=DeviationScale([0.0] * 3, [0.0] * 2, [0.0] * 2))
    assert add_spoken_noise(model()).deviation_scale.after.tolist() == [0.0, 0.3, -0.3, 0.0]
    assert mapped_model(model(), ["SIL", "a"]).deviation_scale is None
    with pytest.warns(GmmSpeechWarning, match="ʃ as S"):
        extended = extended_model(model(), ["SIL", "A", "S", "ʃ"])
    assert dict(zip(extended.phones, extended.deviation_scale.after.tolist(), strict=True)) == {
        **{"SIL": 0.0, "A": 0.3, "S": -0.3, "ʃ": -0.3}
    }
