"""Normalization of listed scores against that of matrices."""

import numpy as np
import pytest

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.scoring.normalization import s_norm, t_norm, z_norm, zt_norm
from gmmspeech.scoring.score_normalizer import ScoreNormalizer
from gmmspeech.scoring.trials import Scores

M, T, CZ, CT = 5, 6, 8, 7
MODELS = [f"m{i}" for i in range(M)]
TESTS = [f"t{i}" for i in range(T)]
COHORT_TESTS = [f"ct{i}" for i in range(CZ)]
COHORT_MODELS = [f"cm{i}" for i in range(CT)]


def listed(matrix, models, tests, rng):
    """A list of the scores in a matrix, shuffled."""
    rows, columns = (axis.ravel() for axis in np.indices(matrix.shape))
    order = rng.permutation(matrix.size)
    names = [models[i] for i in rows[order]], [tests[j] for j in columns[order]]
    return Scores(*names, matrix.ravel()[order])


def in_blocks(scores, size):
    """The same list in blocks."""
    for start in range(0, len(scores), size):
        block = slice(start, start + size)
        yield Scores(scores.models[block], scores.tests[block], scores.values[block])


@pytest.fixture
def world():
    """Matrices, lists of the same scores, and speakers."""
    rng = np.random.default_rng(0)
    matrices = {
        "scores": rng.normal(size=(M, T)),
        "model_cohort": rng.normal(size=(M, CZ)),
        "test_cohort": rng.normal(size=(T, CT)),
        "cohort_cohort": rng.normal(size=(CT, CZ)),
    }
    lists = {
        "scores": listed(matrices["scores"], MODELS, TESTS, rng),
        "model_cohort": listed(matrices["model_cohort"], MODELS, COHORT_TESTS, rng),
        "test_cohort": listed(matrices["test_cohort"].T, COHORT_MODELS, TESTS, rng),
        "cohort_cohort": listed(matrices["cohort_cohort"], COHORT_MODELS, COHORT_TESTS, rng),
    }
    speakers = {name: f"s{rng.integers(6)}" for name in MODELS + COHORT_TESTS + COHORT_MODELS}
    return matrices, lists, speakers


METHODS = {
    "z": (z_norm, ["model_cohort"], {}),
    "t": (t_norm, ["test_cohort"], {}),
    "s": (s_norm, ["model_cohort", "test_cohort"], {}),
    "adaptive": (s_norm, ["model_cohort", "test_cohort"], {"top_n": 3}),
    "zt": (zt_norm, ["model_cohort", "test_cohort", "cohort_cohort"], {}),
}


@pytest.mark.parametrize("with_speakers", [False, True])
@pytest.mark.parametrize("method", list(METHODS))
def test_lists_are_as_matrices(world, method, with_speakers):
    """In any order of lines, in blocks or not, and whatever part of the trials is asked for."""
    matrices, lists, speakers = world
    function, cohorts, options = METHODS[method]
    columns = {
        "model_speakers": [speakers[name] for name in MODELS],
        "model_cohort_speakers": [speakers[name] for name in COHORT_TESTS],
        "test_cohort_speakers": [speakers[name] for name in COHORT_MODELS],
    }
    taken = ["model_speakers", *(f"{name}_speakers" for name in cohorts if name != "cohort_cohort")]
    given = {name: columns[name] for name in taken} if with_speakers else {}
    expected = function(matrices["scores"], *(matrices[name] for name in cohorts), **options, **given)
    normalizer = ScoreNormalizer(
        {"adaptive": "s"}.get(method, method),
        **{name: in_blocks(lists[name], 5) for name in cohorts},
        **options,
        speakers=speakers if with_speakers else None,
    )
    for block in [lists["scores"], *in_blocks(lists["scores"], 4)]:
        found = normalizer.apply(block)
        assert (found.models, found.tests) == (block.models, block.tests)
        for model, test, value in zip(found.models, found.tests, found.values, strict=True):
            assert value == pytest.approx(expected[MODELS.index(model), TESTS.index(test)], rel=1e-10)


def without(scores, bad):
    """A list without the lines that a function picks."""
    kept = [i for i, pair in enumerate(zip(scores.models, scores.tests, strict=True)) if not bad(*pair)]
    return Scores([scores.models[i] for i in kept], [scores.tests[i] for i in kept], scores.values[kept])


def test_models_and_tests_missing_from_the_cohort_are_named(world):
    """With how many there are of them."""
    _, lists, speakers = world
    cohort = without(lists["model_cohort"], lambda model, _: model in ("m1", "m3"))
    z = ScoreNormalizer("z", model_cohort=cohort)
    with pytest.raises(DataError, match=r"^model m[13]: found no cohort scores \(2 such of 5 models\), expected some"):
        z.apply(lists["scores"])
    t = ScoreNormalizer("t", test_cohort=without(lists["test_cohort"], lambda _, test: test == "t2"))
    with pytest.raises(DataError, match=r"^test t2: found no cohort scores \(1 such of 6 tests\)"):
        t.apply(lists["scores"])
    holes = without(lists["model_cohort"], lambda model, test: (model, test) == ("m1", "ct2"))
    with pytest.raises(DataError, match=r"^model m1: found no score against cohort entry ct2 \(1 such pair\)"):
        ScoreNormalizer("z", model_cohort=holes)
    zt = {name: lists[name] for name in METHODS["zt"][1]}
    zt["cohort_cohort"] = without(lists["cohort_cohort"], lambda model, _: model == "cm4")
    with pytest.raises(DataError, match=r"^cohort model cm4: found no cohort scores"):
        ScoreNormalizer("zt", **zt)
    del speakers["m0"]
    with pytest.raises(DataError, match=r"^m0: found no speaker of it, expected one for every model and cohort entry"):
        ScoreNormalizer("z", model_cohort=lists["model_cohort"], speakers=speakers)
    with pytest.raises(DataError, match=r"^m0: found no speaker of it"):
        ScoreNormalizer("t", test_cohort=lists["test_cohort"], speakers=speakers).apply(lists["scores"])


def test_bad_cohorts_are_named(world):
    """Scores twice, infinite, all equal, or too few."""
    _, lists, speakers = world
    cohort = lists["model_cohort"]
    twice = Scores([*cohort.models, "m2"], [*cohort.tests, "ct5"], np.append(cohort.values, 1.0))
    with pytest.raises(
        DataError, match=r"^cohort scores of models: found model m2 and cohort entry ct5 more than once"
    ):
        ScoreNormalizer("z", model_cohort=twice)
    infinite = Scores(cohort.models, cohort.tests, np.where(np.arange(len(cohort)) == 3, -np.inf, cohort.values))
    with pytest.raises(DataError, match=rf"^model {cohort.models[3]}, cohort entry \d: found -inf"):
        ScoreNormalizer("z", model_cohort=infinite)
    equal = Scores(cohort.models, cohort.tests, np.where(np.array(cohort.models) == "m1", 0.5, cohort.values))
    with pytest.raises(DataError, match=r"^model m1: found scores against the cohort that are all 0\.5"):
        ScoreNormalizer("z", model_cohort=equal)
    with pytest.raises(ConfigError, match=r"^cohort of tests: found 7 scores, expected at least top_n, 8$"):
        ScoreNormalizer("s", model_cohort=cohort, test_cohort=lists["test_cohort"], top_n=8)
    with pytest.raises(DataError, match=r"^cohort scores of models: found none"):
        ScoreNormalizer("z", model_cohort=[])
    all_of_one = dict.fromkeys(speakers, "s")
    with pytest.raises(
        DataError, match=r"^cohort of models: found 0 scores for model m\d without those of the claimed"
    ):
        ScoreNormalizer("z", model_cohort=cohort, speakers=all_of_one)


def test_options_that_do_not_fit_are_refused(world):
    """Each method takes what it uses, and nothing else."""
    _, lists, _ = world
    with pytest.raises(ConfigError, match=r"^method: found 'as', expected z, t, zt or s$"):
        ScoreNormalizer("as")
    with pytest.raises(ConfigError, match=r"^test_cohort: found none, expected some for the method 's'$"):
        ScoreNormalizer("s", model_cohort=lists["model_cohort"])
    with pytest.raises(ConfigError, match=r"^model_cohort: found some, expected none for the method 't'$"):
        ScoreNormalizer("t", model_cohort=lists["model_cohort"], test_cohort=lists["test_cohort"])
    with pytest.raises(ConfigError, match=r"^top_n: found 3, expected none for the method 'z'"):
        ScoreNormalizer("z", model_cohort=lists["model_cohort"], top_n=3)
