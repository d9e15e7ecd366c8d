"""Phone HMMs: log-likelihoods against each state's own mixture, and what is refused."""

import dataclasses

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.errors import ConfigError, FeatureError, ModelError
from gmmspeech.phones.hmm.model import PhoneHMM


def random_model(
    seed: int = 0, *, dim: int = 5, phones: tuple[str, ...] = ("SIL", "AA", "S"), most: int = 4
) -> PhoneHMM:
    """Phones of one to three states, states of one to four Gaussians, or the last of `most`."""
    rng = np.random.default_rng(seed)
    state_offsets = np.concatenate([[0], np.cumsum(rng.integers(1, 4, len(phones)))])
    sizes = rng.integers(1, 5, state_offsets[-1])
    if most > 4:
        sizes[-1] = most
    mixture_offsets = np.concatenate([[0], np.cumsum(sizes)])
    weights = np.concatenate([rng.dirichlet(np.ones(size)) for size in sizes])
    return PhoneHMM(
        phones,
        state_offsets,
        rng.uniform(0.2, 0.8, state_offsets[-1]),
        mixture_offsets,
        weights,
        rng.normal(3, 2, (len(weights), dim)),
        rng.uniform(0.3, 2, (len(weights), dim)),
    )


@pytest.mark.parametrize("most", [4, 600])
@pytest.mark.parametrize("num_frames", [0, 1, 1500])
def test_log_likelihoods_are_those_of_each_states_mixture(num_frames, most):
    model = random_model(most=most)
    frames = np.random.default_rng(1).normal(3, 3, (num_frames, model.dim)).astype(np.float32)
    expected = np.empty((num_frames, model.num_states))
    for s in range(model.num_states):
        here = slice(*model.mixture_offsets[s : s + 2])
        mean, variance = model.means[here], model.variances[here]
        z = (frames[:, None].astype(np.float64) - mean) ** 2 / variance
        joint = np.log(model.weights[here]) - 0.5 * (z + np.log(2 * np.pi * variance)).sum(axis=2)
        expected[:, s] = np.logaddexp.reduce(joint, axis=1)
    np.testing.assert_allclose(model.log_likelihoods(frames), expected, rtol=1e-5, atol=1e-4)


def test_a_frame_has_the_same_bits_whatever_is_beside_it():
    model = random_model()
    frames = np.random.default_rng(1).normal(3, 3, (1024, model.dim)).astype(np.float32)
    np.testing.assert_allclose(model.log_likelihoods(frames[:700]), model.log_likelihoods(frames)[:700], rtol=1e-6)


def test_states_that_are_not_asked_for_get_minus_infinity():
    model = random_model()
    frames = np.random.default_rng(1).normal(3, 3, (700, model.dim))
    asked = np.array([4, 1, 1])
    found = model.log_likelihoods(frames, states=asked)
    np.testing.assert_allclose(found[:, asked], model.log_likelihoods(frames)[:, asked], rtol=1e-6)
    assert (np.delete(found, asked, axis=1) == -np.inf).all()


def test_mixture_gives_a_states_gaussians():
    model = random_model()
    frames = np.random.default_rng(1).normal(3, 2, (9, model.dim))
    scores = [model.mixture(s).score_samples(frames) for s in range(model.num_states)]
    np.testing.assert_allclose(model.log_likelihoods(frames), np.stack(scores, axis=1), atol=1e-4)


def test_states_of_an_unknown_phone_are_refused():
    with pytest.raises(ModelError, match="phone ZH: not in the model"):
        random_model().states("ZH")


def test_frames_of_another_dimension_are_refused():
    with pytest.raises(FeatureError, match="found frames of shape"):
        random_model().log_likelihoods(np.zeros((4, 3)))
    with pytest.raises(FeatureError, match=r"of shape \(9,\), .*; gs.align_file takes samples"):
        random_model().log_likelihoods(np.zeros(9))


def test_frames_that_are_no_numbers_are_refused():
    frames = np.zeros((4, 5))
    frames[2, 1] = np.nan
    with pytest.raises(FeatureError, match="frame 2, column 1"):
        random_model().log_likelihoods(frames)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"phones": ("SIL", "SIL")}, "found phone SIL twice"),
        ({"silence": "PAU"}, "found no phone PAU"),
        ({"self_loop": np.r_[1.0, np.full(5, 0.5)]}, "phone SIL, state 1 of 3: found self_loop 1.0"),
        ({"weights": np.full(6, 0.5)}, "weights that sum to 0.5"),
        ({"variances": np.r_[np.ones((5, 2)), np.zeros((1, 2))]}, "phone AA, state 3 of 3: Gaussian 5"),
        ({"means": np.zeros((6, 3))}, "shapes"),
        ({"mixture_offsets": np.arange(6)}, "mixture_offsets"),
    ],
)
def test_what_makes_no_sense_is_refused(change, message):
    model = PhoneHMM.from_phones(["SIL", "AA"], mean=np.zeros(2), variance=np.ones(2))
    with pytest.raises(ModelError, match=message):
        dataclasses.replace(model, **change)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("means", [["a", "b"]], r"^PhoneHMM: means: found something that is no number \(text\)"),
        ("state_offsets", [0, 1.5, 2], r"^PhoneHMM: state_offsets: found .*, expected whole numbers$"),
        ("self_loop", None, r"^PhoneHMM: self_loop: found something that is no number \(None\)"),
        ("phones", [1, 2], r"^PhoneHMM: phones: found .*1.*, expected text$"),
        ("phones", "SA", r"^PhoneHMM: phones: found 'SA', expected a list of labels$"),
        ("silence", 3, r"^PhoneHMM: silence: found 3, expected text$"),
    ],
)
def test_fields_of_another_kind_are_refused_by_name(field, value, message):
    model = PhoneHMM.from_phones(["SIL", "A"], mean=np.zeros(2), variance=np.ones(2), num_states=1)
    with pytest.raises((ModelError, ConfigError), match=message):
        dataclasses.replace(model, **{field: value})
    lists = {name: getattr(model, name).tolist() for name in ("means", "state_offsets", "self_loop")}
    np.testing.assert_array_equal(dataclasses.replace(model, **lists).means, model.means)


def test_a_card_and_short_numbers_come_back_to_the_bit(tmp_path):
    rng = np.random.default_rng(0)
    means = rng.normal(0, 1, (2, 4000)).astype(np.float32).astype(np.float64)
    plain = PhoneHMM.from_phones(["SIL", "AA"], mean=np.zeros(4000), variance=np.ones(4000), num_states=1)
    long, short = (dataclasses.replace(plain, means=m, card="CC BY 4.0\nof nobody") for m in (means + 1e-12, means))
    sizes = []
    for number, model in enumerate((long, short)):
        path = tmp_path / f"{number}.h5"
        model.save(path)
        back = gs.load(path)
        np.testing.assert_array_equal(back.means, model.means)
        assert back.means.dtype == np.float64
        assert back.card == model.card
        assert back.describe()[-2:] == ["CC BY 4.0", "of nobody"]
        sizes.append(path.stat().st_size)
    assert sizes[1] < sizes[0]
    assert "card" not in plain.to_state()  # as files of before have it
    assert PhoneHMM.from_state(plain.to_state()).card is None


def test_the_language_is_kept_and_files_without_one_are_read():
    plain = PhoneHMM.from_phones(["SIL", "a"], mean=np.zeros(1), variance=np.ones(1))
    assert "language" not in plain.to_state()
    assert PhoneHMM.from_state(plain.to_state()).language is None
    german = plain.with_language("de")
    assert PhoneHMM.from_state(german.to_state()).language == "de"
    assert "language: de" in german.describe()
