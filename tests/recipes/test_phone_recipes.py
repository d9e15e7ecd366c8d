"""The phone recipes do what they promise on little speech, name what they can't use, and read TIMIT's layout.

They run in this process, with fewer Gaussians, dimensions and updates than their own, so that all of it takes seconds.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import digit_phones
import numpy as np
import pytest
import soundfile
import soxr
from click.testing import CliRunner, Result
from said import stops, works

from gmmspeech.corpora.timit import DEV
from gmmspeech.formats.datadir import read_data_dir
from gmmspeech.formats.labels.lines import read_ctm, write_timit
from gmmspeech.phones.gmm.classification import AdaptedClassifierConfig, PhoneClassifierConfig
from gmmspeech.phones.labels.labels import Label
from gmmspeech.pipeline import Run

RECIPES = Path(__file__).parent.parent.parent / "recipes"
# two men and a woman of each of TIMIT's eight dialect regions
CORE_TEST = (
    "FELC0 MDAB0 MWBT0 FPAS0 MTAS1 MWEW0 FPKT0 MJMP0 MLNT0 FJLM0 MLLL0 MTLS0 "
    "FNLP0 MBPM0 MKLT0 FMGD0 MCMJ0 MJDH0 FDHC0 MGRT0 MNJM0 FMLD0 MJLN0 MPAM0"
)

UPDATES = {"max_iter": 5}
BESIDE = {"context": 2, "dim": 15, "total_gaussians": 200, "rounds": 1}
NETWORK = {"context": 1, "hidden": 32, "rates": [3e-3] * 2}
ONE = PhoneClassifierConfig(1, parts=2, dim=13, context=2, max_iter=1)
CLASSIFIER = AdaptedClassifierConfig(ONE, adapter_components=1, segment_components=1, edges=((0, 2),), passes=1)


@pytest.fixture(autouse=True)
def _few_updates_of_the_full_system(monkeypatch: pytest.MonkeyPatch) -> None:
    short = {"MLLT_ROUNDS": 1, "MLLT_UPDATES": 2, "UPDATES": 4, "REALIGN_UNADAPTED": (3,), "REALIGN_ADAPTED": (3,)}
    for name, value in short.items():
        monkeypatch.setattr(f"gmmspeech.phones.hmm.adapted_system.{name}", value)
    monkeypatch.setattr("gmmspeech.phones.hmm.ladder.ADAPTATION_ROUNDS", 1)


@pytest.fixture(autouse=True)
def _no_pictures_of_confusions(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `classify-phones` draws as well is tested there."""
    for name in ("figure_of", "save_figure"):
        monkeypatch.setattr(f"gmmspeech.commands.phone_gmms.{name}", lambda *_, **__: None)


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModuleType]:
    """A function that gives a recipe's module, some of its constants replaced."""

    def load(name: str, **constants: Any) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"recipe_{name}", RECIPES / name / "run.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)  # where dataclasses look for it
        spec.loader.exec_module(module)
        for constant, value in constants.items():
            monkeypatch.setattr(module, constant, value)
        return module

    return load


def run(module: ModuleType, *options: object) -> Result:
    return CliRunner().invoke(module.main, [*map(str, options), "--jobs", "2"])


def done_before(stderr: str) -> bool:
    return 0 < stderr.count("stage ") == stderr.count("done before")


def right(rows: list[dict[str, str]]) -> dict[tuple[str, str], float]:
    """Per cent of the test part that are right, by system and unit."""
    return {(row["system"], row["of"]): float(row["test"].split()[0]) for row in rows}


def table(out: Path, name: str) -> list[dict[str, str]]:
    return json.loads((out / "results.json").read_text(encoding="utf-8"))["tables"][name]


def rows(out: Path, name: str) -> dict[str, dict[str, str]]:
    return {row["task"]: row for row in table(out, name)}


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def percent(cell: str) -> float:
    return float(cell.removesuffix(" %"))


@pytest.fixture
def little_librispeech(thinned) -> Path:
    """A twentieth of the background, and an utterance of each test speaker."""
    return thinned("librispeech-mini", background=20, test_other=10)


def test_phones_librispeech(recipe, little_librispeech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    text = little_librispeech / "data" / "test-other" / "text"
    first, *others = lines(text)
    text.write_text("\n".join([f"{first} XYZZYISH QWERTIED", *others, ""]), encoding="utf-8")
    (tmp_path / "more.dict").write_text("XYZZYISH Z IH Z IY IH SH\n", encoding="utf-8")
    out = tmp_path / "out"
    few = {"TRAINING": UPDATES, "CLASSIFIER": CLASSIFIER, "BESIDE": BESIDE, "NETWORK": NETWORK}
    module = recipe("phones_librispeech", TOP="tri1", **few)
    monkeypatch.setattr(module.vocal_tract.vtln, "WARPS", (0.95, 1.0))
    both = module.experiments
    monkeypatch.setattr(module, "experiments", lambda *of: both(*of)[1:])  # the one on dev is the same
    options = ["--corpus", little_librispeech, "--out", out, "--gaussians", "150"]

    for more, named in (([], "XYZZYISH, QWERTIED"), (["--dictionary", tmp_path / "more.dict"], "QWERTIED")):
        stops(run(module, *options, *more), f"test-other/text: found no pronunciation of {named}, expected")

    done = works(run(module, *options, "--skip-bad"))
    assert "test-other: not in the dictionary: XYZZYISH (1 time)" in done.stderr
    utterance = first.split()[0]
    assert f"skipped 1 utterance; the first: utterance {utterance}: found no pronunciation of XYZZYISH" in done.stderr
    alignment, recognition = rows(out, "alignment"), rows(out, "recognition")
    rungs = ("monophone", "tri1", "tri2", "tri3", "tri1 and VTLN")
    for rung in rungs:
        assert alignment[f"test-other, {rung}"]["utterances"] == "6"
        assert percent(alignment[f"test-other, {rung}"]["within 20 ms"]) > 65
    for system in (*rungs, "tri1, VTLN and noise", "tri1, VTLN and network"):
        assert percent(recognition[f"test-other, {system}"]["error rate"]) < 75  # always the commonest phone: over 90
    assert utterance in read_ctm(out / "recognized-test-other.ctm")  # recognition needs no words
    found = right(table(out, "classification"))
    for system, unit, limit in (  # the most frequent phone is one of nine
        ("one model", "segments", 35),
        ("one model", "frames", 28),
        ("one model, adapted", "frames", 28),
        ("full system", "segments", 40),
    ):
        assert found[system, unit] > limit
    assert done_before(run(module, *options, "--skip-bad").stderr)

    for part in ("background", "test-other"):  # as fetched
        (little_librispeech / "data" / part / "phones.ctm").unlink()
    parts = [read_data_dir(little_librispeech / "data" / part) for part in ("background", "test-other")]
    beside_the_alignment = module.recognition_rows(module.experiments(*parts, module.DEV_EVERY)[0], out, module.TOP)
    for row, expected in zip(beside_the_alignment, recognition.values(), strict=True):
        assert int(row["reference"]) < int(expected["reference"])  # without the utterance that was not aligned
        assert percent(row["error rate"]) == pytest.approx(percent(expected["error rate"]), abs=6)


def test_a_network_gives_posteriors_over_priors(recipe, tmp_path: Path):
    recipe("phones_librispeech")
    network = sys.modules["network"]
    rng = np.random.default_rng(0)
    means = np.array([[0, 0], [9, 9], [2, 0], [0, 2]])  # of four states; one is never seen
    states = [rng.choice([0, 2, 3], p=[0.7, 0.2, 0.1], size=600) for _ in range(4)]
    frames = [(means[y] + rng.normal(size=(600, 2))).astype(np.float32) for y in states]
    network.fit(frames, states, 4, context=0, hidden=20, rates=[1e-2] * 8).save(tmp_path / "net.npz")
    asked = np.array([[0.5, 1], [2, 0.5], [1, 2], [-1, 0]])
    found = network.Network.load(tmp_path / "net.npz").log_likelihoods(asked)
    densities = -0.5 * ((asked[:, None] - means) ** 2).sum(axis=2)
    for state in (2, 3):
        np.testing.assert_allclose((found[:, state] - found[:, 0]), densities[:, state] - densities[:, 0], atol=0.8)
    assert (found[:, 1] < found.max(axis=1) - 5).all()


def test_voices(recipe, synthetic_voices: Path, tmp_path: Path):
    data = read_data_dir(synthetic_voices / "data" / "all")
    few = sorted(set(data.utt2spk.values()))[::4]
    data = replace(data, utterances=tuple(u for u in data.utterances if data.utt2spk[u] in few))
    module = recipe("voices", FOLDS=2, PASSES=1, TRAINING={"max_iter": 8}, CLASSIFIER=ONE)
    module.align_and_classify(Run(tmp_path, jobs=2), data, hold_out=False)
    within = {row["boundaries"]: percent(row["within 20 ms"]) for row in table(tmp_path, "alignment")}
    assert within["flat start"] > 50  # a path through all phones in even steps: about 10
    assert within["trained on the exact times"] > 85
    assert within["English model"] > 65
    found = right(table(tmp_path, "phones"))
    assert found["one model", "segments"] > 60  # the most frequent of 40 phones: about 10
    assert found["one model", "frames"] > 45
    assert (tmp_path / "classified-phones-1" / "classifier.h5").is_file()


def test_voices_and_sentences_are_held_out(recipe, synthetic_voices: Path):
    data = read_data_dir(synthetic_voices / "data" / "all")
    tested = []
    for train, test in recipe("voices").folds(data, hold_out=True):
        said = [{(data.utt2spk[u], data.text[u]) for u in part.utterances} for part in (train, test)]
        for learned, asked in zip(*(zip(*part, strict=True) for part in said), strict=True):
            assert not set(learned) & set(asked)
        tested += test.utterances
    assert len(tested) == len(set(tested)) == 80
    same = list(recipe("voices").folds(data, hold_out=False))
    assert sorted(u for _, test in same for u in test.utterances) == sorted(data.utterances)


def test_voices_do_without_phones_unless_asked(recipe):
    assert "--phones" in run(recipe("voices"), "--help").output
    assert "--phones" in run(recipe("fsdd"), "--help").output


def test_fsdd(corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    folder = corpus("fsdd-tiny") / "data"
    parts = {name: read_data_dir(folder / name) for name in ("train", "test", "all")}
    for name, part in parts.items():  # four speakers, each recognized by a model of the three others
        few = {
            u: part.utt2spk[u] for u in part.utterances if part.utt2spk[u] in ("jackson", "lucas", "nicolas", "theo")
        }
        parts[name] = replace(part, utterances=tuple(few), utt2spk=few)
    for name, value in (("TRAINING", {"total_gaussians": 120, "max_iter": 4}), ("CLASSIFIER", ONE)):
        monkeypatch.setattr(digit_phones, name, value)
    digit_phones.recognize_by_phones(Run(tmp_path, jobs=2), *parts.values())
    words = {task: percent(row["error rate"]) for task, row in rows(tmp_path, "recognition").items()}
    assert words["train → test"] < 10  # by chance: 90
    assert words["others → one, all six"] < 35
    adapted = rows(tmp_path, "adapted")
    assert percent(adapted["others → one, all six"]["error rate"]) < words["others → one, all six"]
    assert percent(rows(tmp_path, "alignment")["train → test"]["within 20 ms"]) > 40
    found = right(table(tmp_path, "phones"))
    assert found["one model", "segments"] > 85  # the most frequent of 19 phones: 13
    assert found["one model", "frames"] > 70
    capsys.readouterr()
    digit_phones.recognize_by_phones(Run(tmp_path, jobs=2), *parts.values())
    assert done_before(capsys.readouterr().err)
    run = Run(tmp_path)
    monkeypatch.setattr(run, "todo", lambda name, **_: sys.exit(name))
    with pytest.raises(SystemExit, match="features-phones-train"):  # without labels, as fetched, no classification
        digit_phones.recognize_by_phones(run, replace(parts["train"], path=tmp_path), parts["test"], parts["all"])


@pytest.fixture(scope="module")
def little_timit(synthetic_voices: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic voices in TIMIT's layout: twelve training speakers, those of the core test set, and those of dev."""
    folder = tmp_path_factory.mktemp("timit")
    labels = read_ctm(synthetic_voices / "data" / "all" / "phones.ctm")
    names = dict.fromkeys(utterance.rpartition("-s")[0] for utterance in labels)
    for number, (voice, tested) in enumerate(zip(names, CORE_TEST.split(), strict=True)):
        region, trained = f"DR{number // 3 + 1}", f"MAA{chr(65 + number)}0"
        sentences = [("TRAIN", trained, f"SX{i}") for i in range(4)] if number % 2 else []
        sentences += [("TRAIN", trained, "SA7"), ("TEST", tested, "SX8")]
        sentences += [("TEST", speaker, "SX8") for speaker in DEV[number::24]]
        sentences.append(("TEST", f"MZZ{chr(65 + number)}0", "SX9"))  # of the whole test set, but of neither
        for part, speaker, sentence in sentences:
            utterance = f"{voice}-s{sentence[2]}"
            signal, rate = soundfile.read(synthetic_voices / "audio" / f"{utterance}.wav", dtype="float32")
            path = folder / "TIMIT" / part / region / speaker / f"{sentence}.WAV"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, soxr.resample(signal, rate, 16000), 16000, "PCM_16", format="NIST")
            timit = [Label(*times, "h#" if name == "SIL" else name.lower()) for *times, name in labels[utterance]]
            write_timit(path.with_suffix(".PHN"), timit)
    return folder / "TIMIT"


def test_timit(recipe, little_timit: Path, tmp_path: Path):
    ladder = {"num_leaves": 160, "total_gaussians": 200}
    module = recipe("timit", TRAINING=UPDATES | {"num_passes": 1}, LADDER=ladder, CLASSIFIER=ONE)
    works(run(module, "--corpus", little_timit, "--out", tmp_path, "--gaussians", "150"))
    train, test = (read_ctm(tmp_path / f"labels-{name}.ctm") for name in ("train", "test"))
    assert len(train) == 48
    assert set(test) == {f"{speaker}_SX8" for speaker in CORE_TEST.split()}
    assert set(read_ctm(tmp_path / "labels-dev.ctm")) == {f"{speaker}_SX8" for speaker in DEV}
    assert "MAAB0_SX1" in train
    assert not any("SA7" in utterance for utterance in train)
    alignment, recognition = rows(tmp_path, "alignment"), rows(tmp_path, "recognition")
    assert percent(alignment["core test, 48 phones, trained on labels"]["within 20 ms"]) > 70
    # four sentences are too few for frames with their neighbors, which learn the order of their phones
    for rung, within, limit in (("monophone", 60, 50), ("tri1", 60, 50), ("tri2", 55, 85), ("tri3", 50, 92)):
        assert percent(alignment[f"core test, 48 phones, {rung}"]["within 20 ms"]) > within
        for part in ("dev", "core test"):
            with_silence, without = (recognition[f"{part}, {rung}{end}"] for end in ("", ", without silence"))
            assert percent(with_silence["error rate"]) < limit
            assert int(without["reference"]) < int(with_silence["reference"])
    found = right(table(tmp_path, "classification"))
    assert found["one model", "segments"] > 55
    assert found["one model", "frames"] > 38
    assert {label.name for labels in read_ctm(tmp_path / "labels-test-39.ctm").values() for label in labels} >= {"SIL"}


def test_timit_without_a_speaker_of_the_core_test_set(recipe, little_timit: Path, tmp_path: Path):
    folder = tmp_path / "TIMIT"
    shutil.copytree(little_timit / "TRAIN", folder / "TRAIN")
    shutil.copytree(little_timit / "TEST", folder / "TEST", ignore=shutil.ignore_patterns("MPAM0"))
    done = run(recipe("timit"), "--corpus", folder, "--out", tmp_path / "out")
    stops(done, "found no sentence of MPAM0, expected TEST/REGION/SPEAKER/SENTENCE.WAV")


def test_librispeech_words(recipe, little_librispeech: Path, tmp_path: Path):
    out = tmp_path / "out"
    module = recipe("librispeech_words", TRAINING=UPDATES)
    options = ["--corpus", little_librispeech, "--out", out, "--gaussians", "150"]
    works(run(module, *options))
    found = rows(out, "recognition")
    for task in ("any speaker", "adapted to speakers"):  # of words that the n-gram knows
        assert percent(found[task]["error rate"]) < 90
    assert {label.name for labels in read_ctm(out / "words-0.ctm").values() for label in labels}
    assert done_before(run(module, *options).stderr)
    (tmp_path / "few.arpa").write_text((out / "closed.arpa").read_text().replace("ngram 1=", "ngram 1=9"))
    refused = run(module, *options, "--lm", tmp_path / "few.arpa")
    assert refused.exit_code == 1
    assert "few.arpa: found " in refused.stderr
