"""Extractors, PLDA, back ends, ISV and i-vectors come back to the bit; damaged and other files are named."""

import numpy as np
import pytest
from editing import check_every_part

from gmmspeech.errors import DataError, FeatureError
from gmmspeech.formats.loading import load
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.speaker.backend import BackEnd, train_backend
from gmmspeech.speaker.isv import ISV
from gmmspeech.speaker.ivector import IVectorExtractor, train_ivector_extractor
from gmmspeech.speaker.ivectors import IVectors
from gmmspeech.speaker.jfa import JFA
from gmmspeech.speaker.plda import PLDA

FRONT_END = '{"num_ceps": 3}'


def mixture():
    rng = np.random.default_rng(0)
    return DiagonalGMM.from_parameters(
        rng.dirichlet(np.ones(4)), rng.normal(size=(4, 3)), rng.uniform(0.5, 2, (4, 3)), front_end=FRONT_END
    )


def statistics():
    rng, ubm = np.random.default_rng(1), mixture()
    return [ubm.accumulate(rng.normal(rng.normal(), 1, (20, 3))) for _ in range(10)]


def extractor():
    return train_ivector_extractor(mixture(), statistics(), 2, max_iter=2)


def backend():
    rng = np.random.default_rng(2)
    names = np.arange(60) % 15
    x = rng.normal(size=(15, 4))[names] + rng.normal(size=(60, 4))
    return train_backend(x, names, steps=("whiten", "length", "lda"), lda_dim=3, plda_rank=2, extractor_digest="e" * 64)


def isv():
    return ISV(mixture(), np.random.default_rng(3).normal(size=(4, 3, 2)), 5.5)


def jfa():
    rng = np.random.default_rng(4)
    return JFA(mixture(), rng.normal(size=(4, 3, 2)), rng.normal(size=(4, 3, 1)), rng.normal(size=(4, 3)))


MAKERS = {"extractor": extractor, "plda": lambda: backend().plda, "backend": backend, "isv": isv, "jfa": jfa}
KINDS = {"extractor": IVectorExtractor, "plda": PLDA, "backend": BackEnd, "isv": ISV, "jfa": JFA}


@pytest.fixture(params=MAKERS)
def saved(request, tmp_path):
    """The kind of a model, and a file that holds one."""
    path = tmp_path / "model.h5"
    MAKERS[request.param]().save(path)
    return request.param, path


def same(a, b, names):
    for name in names:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_an_extractor_comes_back(tmp_path):
    made = extractor()
    made.save(tmp_path / "x.h5")
    again = load(str(tmp_path / "x.h5"), IVectorExtractor)
    same(again, made, ("weights", "means", "variances", "matrix"))
    assert (again.ubm_digest, again.front_end, again.history) == (made.ubm_digest, FRONT_END, made.history)
    assert again.digest == made.digest
    np.testing.assert_array_equal(again.extract(statistics()), made.extract(statistics()))
    resumed = train_ivector_extractor(mixture(), statistics(), 2, max_iter=1, init=again)
    whole = train_ivector_extractor(mixture(), statistics(), 2, max_iter=3)
    np.testing.assert_array_equal(resumed.matrix, whole.matrix)


def test_a_back_end_and_its_plda_come_back(tmp_path):
    made = backend()
    made.save(tmp_path / "b.h5")
    made.plda.save(tmp_path / "p.h5")
    again, plda = load(tmp_path / "b.h5", BackEnd), load(tmp_path / "p.h5", PLDA)
    assert again.extractor_digest == "e" * 64
    assert [t.unit_length for t in again.transforms] == [False, True, False]
    for ours, theirs in zip(again.transforms, made.transforms, strict=True):
        same(ours, theirs, ("mean", "matrix"))
    for one in (again.plda, plda):
        same(one, made.plda, ("mean", "factors", "within"))
        assert one.history == made.plda.history
    x = np.random.default_rng(4).normal(size=(5, 4))
    np.testing.assert_array_equal(again.transform(x), made.transform(x))
    BackEnd().save(tmp_path / "none.h5")
    assert load(tmp_path / "none.h5", BackEnd) == BackEnd()


def test_isv_comes_back(tmp_path):
    made = isv()
    made.save(tmp_path / "isv.h5")
    again = load(tmp_path / "isv.h5", ISV)
    same(again, made, ("session", "relevance_factor"))
    same(again.ubm, made.ubm, ("weights_", "means_", "covariances_", "front_end_"))
    np.testing.assert_array_equal(again.enroll(statistics()), made.enroll(statistics()))


def test_jfa_comes_back(tmp_path):
    made = jfa()
    made.save(tmp_path / "jfa.h5")
    again = load(tmp_path / "jfa.h5", JFA)
    same(again, made, ("speaker", "session", "residual"))
    same(again.ubm, made.ubm, ("weights_", "means_", "covariances_", "front_end_"))


def test_ivectors_come_back(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(3, 2))
    IVectors(["ü1", "b", "a"], vectors, "e" * 64).save(tmp_path / "v.h5")
    again = load(tmp_path / "v.h5", IVectors)
    assert (again.names, again.extractor_digest) == (("ü1", "b", "a"), "e" * 64)
    np.testing.assert_array_equal(again.vectors, vectors)
    np.testing.assert_array_equal(again.by_name()["b"], vectors[1])
    for names in (["a", "b"], ["a", "b", "a"]):
        with pytest.raises(DataError, match="i-vectors: found 3 vectors and 2 different names"):
            IVectors(names, vectors)
    with pytest.raises(FeatureError, match="vector 0: found NaN"):
        IVectors(["a"], [[np.nan]])


def test_another_kind_than_expected(saved, tmp_path):
    kind, path = saved
    for other, wanted in KINDS.items():
        if other != kind:
            with pytest.raises(DataError, match=r"model\.h5: found an? \w+, expected \w+"):
                load(path, wanted)
    with pytest.raises(DataError, match=r"model\.h5: found gmmspeech model, expected gmmspeech i-vectors"):
        load(path, IVectors)
    with pytest.raises(DataError, match=r"none\.h5: no such file"):
        load(tmp_path / "none.h5", KINDS[kind])


def test_a_part_missing_or_replaced_is_a_damaged_file(saved):
    kind, path = saved
    check_every_part(path, KINDS[kind], may_lack="plda|transforms/2.*")


def test_damaged_ivectors(tmp_path):
    path = tmp_path / "v.h5"
    IVectors(["a", "b"], np.ones((2, 2))).save(path)
    check_every_part(path, IVectors)
