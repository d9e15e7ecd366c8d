"""Training and classification of phones do what their parts do when they are called by hand, on real digits."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from contents import contents
from scipy.special import softmax

import gmmspeech as gs
from gmmspeech.commands.phone_gmms import classification_rows, labeled_frames, read_classification, train_and_classify
from gmmspeech.errors import DataError
from gmmspeech.features.normalization import cmvn
from gmmspeech.formats.datadir import DataDir, load_utterance, read_data_dir
from gmmspeech.formats.labels.lines import read_ctm
from gmmspeech.formats.loading import load
from gmmspeech.metrics.confusion import confusion_matrix
from gmmspeech.phones.gmm.adaptation import train_speaker_adapter
from gmmspeech.phones.gmm.classification import AdaptedClassifierConfig, PhoneClassifierConfig, train_phone_classifier
from gmmspeech.phones.gmm.evaluation import Result, evaluate_classifier
from gmmspeech.phones.gmm.fusion import fit_weights
from gmmspeech.phones.gmm.projection import project, train_projection
from gmmspeech.phones.gmm.segment_gaussian import SegmentGaussian
from gmmspeech.phones.labels.segments import LabeledFrames, label_utterances, segment_vectors

FRONT = gs.FrontEnd(sample_frequency=8000, features={"type": "mfcc", "num_ceps": 8, "snip_edges": False})
NORMALIZED = gs.FrontEnd(**{**FRONT.model_dump(), "cmvn": {"method": "speaker", "norm_vars": True}})
ONE = PhoneClassifierConfig(2, dim=12, context=2, max_iter=3, duration=False, scale=0.4, smoothing=1.0)
FULL = AdaptedClassifierConfig(ONE, adapter_components=1, segment_components=3, edges=((0, 2),), prior_frames=800.0)
DEV = ("george", "theo")
OUTPUTS = ["classifier.h5", "confusion.csv", "confusion.png", "phones.tsv", "results.json"]


@pytest.fixture
def parts(corpus) -> dict[str, DataDir]:
    train, test = (read_data_dir(corpus("fsdd-tiny") / "data" / name) for name in ("train", "test"))
    return {"train": train.only(train.utterances[::2]), "test": replace(test, utterances=test.utterances[::6])}


def full_system(parts: dict[str, DataDir], out: Path) -> None:
    own = set(parts["train"].utt2spk.values()) - set(DEV)
    train, dev = (of_speakers(parts["train"], who) for who in (own, DEV))
    train_and_classify(out / "full", {"train": train, "dev": dev, "test": parts["test"]}, NORMALIZED, FULL)


def of_speakers(data: DataDir, speakers: Collection[str]) -> DataDir:
    return data.only(u for u in data.utterances if data.utt2spk[u] in speakers)


def by_hand(data: DataDir, *, normalized: bool = False) -> LabeledFrames:
    frames = {name: FRONT(*load_utterance(data, name), name) for name in data.utterances}
    found = label_utterances(frames, read_ctm(data.path / "phones.ctm"), data.utt2spk, times="start")
    for speaker in set(data.utt2spk.values()) if normalized else ():
        rows = found.frame_speakers() == speaker
        found.frames[rows] = cmvn(found.frames[rows], norm_vars=True)
    return found


def is_spoken(data: LabeledFrames) -> np.ndarray:
    return data.phones != "SIL"


def count_frames(model: gs.PhoneGMM, data: LabeledFrames, smoothing: float) -> int:
    """Frames that are right, segment by segment; `model` has no silence."""
    model.set_params(smoothing=smoothing)
    found = np.concatenate([model.predict_frames(data.frames[rows]) for rows in data.utterance_rows()])
    return sum(
        int((found[first:stop] == phone).sum())
        for (first, stop), phone in zip(data.ranges, data.phones, strict=True)
        if phone != "SIL"
    )


def assert_same_frames(scores: np.ndarray, model: gs.PhoneGMM, data: LabeledFrames) -> None:
    expected = [model.frame_log_posteriors(data.frames[rows]) for rows in data.utterance_rows()]
    np.testing.assert_allclose(scores, np.concatenate(expected), atol=1e-6)


def fitted(count: int, data: LabeledFrames) -> gs.PhoneGMM:
    return gs.PhoneGMM(count, parts=3, max_iter=3, scale=0.4, random_state=0).fit(data.frames, data.ranges, data.phones)


def spoken_names(model: gs.PhoneGMM) -> list[str]:
    return [phone for phone in model.phones_ if phone != "SIL"]


def results(out: Path, name: str) -> dict[tuple[str, str, str], tuple[int, int]]:
    found = read_classification(out / name).results
    return {(result.system, result.unit, result.part): (result.right, result.count) for result in found}


def test_one_model(parts: dict[str, DataDir], tmp_path: Path) -> None:
    folder = tmp_path / "one"
    train_and_classify(folder, parts, FRONT, ONE, n_jobs=2)
    assert sorted(path.name for path in folder.iterdir()) == OUTPUTS

    train, test = by_hand(parts["train"]), by_hand(parts["test"])
    projection = train_projection(train, context=2, dim=12)
    model = fitted(2, project(train, projection))
    wide, spoken = project(test, projection), is_spoken(test)
    names = spoken_names(model)
    best = model.select(names).predict_segments(wide.frames, wide.ranges[spoken])
    truth = test.phones[spoken]
    frames = int(np.diff(test.ranges[spoken]).sum())
    assert results(tmp_path, "one") == {
        ("one model", "segments", "test"): (int((best == truth).sum()), len(truth)),
        ("one model", "frames", "test"): (count_frames(model.select(names), wide, 1.0), frames),
        ("one model, unsmoothed", "frames", "test"): (count_frames(model.select(names), wide, 0.0), frames),
    }
    labels = read_ctm(parts["test"].path / "phones.ctm")
    assert len(truth) == sum(x.name != "SIL" for name in parts["test"].utterances for x in labels[name])
    assert (best == truth).mean() > 0.7

    table = [line.split("\t") for line in (folder / "phones.tsv").read_text().splitlines()]
    assert table[0] == ["phone", "segments", "precision", "recall"]
    assert [row[0] for row in table[1:]] == names
    for phone, *row in table[1:]:
        right = ((best == phone) & (truth == phone)).sum()
        expected = [(truth == phone).sum(), right / max((best == phone).sum(), 1), right / (truth == phone).sum()]
        np.testing.assert_allclose([float(value) for value in row], expected, atol=5e-5)
    found = read_classification(folder)
    assert found.phones == tuple(names)
    np.testing.assert_array_equal(found.counts, confusion_matrix(truth, best, names))

    before = contents(folder)
    train_and_classify(folder, parts, FRONT, ONE)
    assert contents(folder) == before


def test_full_system(parts: dict[str, DataDir], tmp_path: Path) -> None:
    full_system(parts, tmp_path)
    assert sorted(path.name for path in (tmp_path / "full").iterdir()) == OUTPUTS

    own = set(parts["train"].utt2spk.values()) - set(DEV)
    train, dev = (by_hand(of_speakers(parts["train"], who), normalized=True) for who in (own, DEV))
    plain = {"dev": dev, "test": by_hand(parts["test"], normalized=True)}
    projection = train_projection(train, context=2, dim=12)
    wide = {part: project(data, projection) for part, data in plain.items()}
    wide_train = project(train, projection)
    model = fitted(2, wide_train)
    names, columns = spoken_names(model), np.array(model.phones_) != "SIL"
    expected = {}

    def expect(system: str, part: str, scores: np.ndarray) -> None:
        spoken = is_spoken(plain[part])
        best = np.array(names)[scores[spoken][:, columns].argmax(axis=1)]
        right = int((best == plain[part].phones[spoken]).sum())
        expected[system, "segments", part] = (right, int(spoken.sum()))

    def expect_frames(system: str, part: str, of_frames: gs.PhoneGMM, data: LabeledFrames) -> None:
        total = int(np.diff(data.ranges[is_spoken(data)]).sum())
        for end, smoothing in (("", 1.0), (", unsmoothed", 0.0)):
            right = count_frames(of_frames.select(names), data, smoothing)
            expected[system + end, "frames", part] = (right, total)

    def vectors_of(data: LabeledFrames) -> np.ndarray:
        found = []
        for rows in data.utterance_rows():
            inside = (data.ranges[:, 0] >= rows.start) & (data.ranges[:, 1] <= rows.stop)
            found.append(segment_vectors(data.frames[rows], data.ranges[inside] - rows.start, edges=((0, 2),)))
        return np.concatenate(found)

    gaussian = SegmentGaussian(shrinkage=1000.0).fit(vectors_of(train), train.phones)
    vectors = {part: gaussian.log_likelihoods(vectors_of(data)) for part, data in plain.items()}

    def combined(of: gs.PhoneGMM, frames: dict[str, LabeledFrames]) -> dict[str, np.ndarray]:
        systems = {}
        for part, data in frames.items():
            parts = of.average_parts(of.log_likelihoods(data.frames), data.ranges)
            priors = np.log(of.priors_) + np.zeros_like(vectors[part])
            systems[part] = np.stack([*parts, vectors[part], of.duration_log_likelihoods(data.ranges), priors])
        spoken = is_spoken(dev)
        truth = [names.index(phone) for phone in dev.phones[spoken]]
        weights = fit_weights(systems["dev"][:, spoken][:, :, columns], truth)
        return {part: sum(w * s for w, s in zip(weights, scores, strict=True)) for part, scores in systems.items()}

    scores = combined(model, wide)
    adapter, adapted_train = train_speaker_adapter(
        wide_train, gs.PhoneGMM(1, parts=3, max_iter=3, random_state=0), prior_frames=800.0
    )
    of_frames, of_segments = fitted(2, adapted_train), fitted(3, adapted_train)
    for part, data in wide.items():
        alone = model.segment_log_posteriors(data.frames, data.ranges)
        expect("one model", part, alone)
        expect_frames("one model", part, model, data)
        expect("segment vectors", part, vectors[part] + np.log(model.priors_))
        expect("both, unadapted", part, scores[part])
        expect_frames("one model, adapted", part, of_frames, adapter.adapt_frames(data))
    for _ in range(2):
        again = {p: adapter.adapt_segments(data, softmax(scores[p], axis=1)) for p, data in wide.items()}
        scores = combined(of_segments, again)
    for part in wide:
        expect("full system", part, scores[part])
    assert results(tmp_path, "full") == expected
    assert list(results(tmp_path, "full"))[-1] == ("full system", "segments", "test")

    again = load((tmp_path / "full") / "classifier.h5")
    assert again.front_end == NORMALIZED.to_json()
    np.testing.assert_allclose(again.segment_scores(plain["test"]), scores["test"], atol=1e-6)
    found = adapter.adapt_frames(wide["test"])
    assert_same_frames(again.frame_scores(plain["test"]), of_frames.set_params(smoothing=1.0), found)


def write_results(out: Path) -> None:
    """Write what might have been found."""
    results = [
        Result("a", "segments", "dev", 3, 4),
        Result("a", "segments", "test", 1, 3),
        Result("a", "frames", "dev", 0, 0),
        Result("a", "frames", "test", 10, 10),
    ]
    found = {"results": [vars(result) for result in results], "phones": ["AA", "S"], "counts": [[1, 2], [0, 0]]}
    (out / "results.json").write_text(json.dumps(found))


def test_rows(tmp_path: Path) -> None:
    write_results(tmp_path)
    assert classification_rows([tmp_path]) == [
        {"system": "a", "of": "segments", "dev": "75.00 % of 4", "test": "33.33 % of 3"},
        {"system": "a", "of": "frames", "dev": "0.00 % of 0", "test": "100.00 % of 10"},
    ]
    assert classification_rows([tmp_path, tmp_path])[0] == {
        "system": "a",
        "of": "segments",
        "dev": "75.00 % of 8",
        "test": "33.33 % of 6",
    }


def test_a_phone_that_is_not_trained(parts: dict[str, DataDir]) -> None:
    data = labeled_frames(parts["test"], FRONT, times="start")
    strange = replace(data, phones=np.where(data.phones == "Z", "ZH", data.phones))
    with pytest.raises(DataError, match="test: found phone ZH, expected those that are trained: AH AO "):
        evaluate_classifier(train_phone_classifier(data, ONE), {"test": strange})


def test_labeled_frames_are_those_of_the_front_end(parts: dict[str, DataDir]) -> None:
    for front, normalized in ((FRONT, False), (NORMALIZED, True)):
        found, expected = (
            labeled_frames(parts["test"], front, n_jobs=2, times="start"),
            by_hand(parts["test"], normalized=normalized),
        )
        np.testing.assert_array_equal(found.frames, expected.frames)
        np.testing.assert_array_equal(found.ranges, expected.ranges)
