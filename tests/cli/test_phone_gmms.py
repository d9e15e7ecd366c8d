"""The commands that classify phones between known boundaries, as a user types them."""

from __future__ import annotations

import csv
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from said import stops, works

from gmmspeech.formats.datadir import read_data_dir
from gmmspeech.formats.labels.lines import read_ctm
from gmmspeech.formats.labels.textgrid import write_textgrid
from gmmspeech.phones.gmm.classification import AdaptedClassifierConfig

TRAIN = ("--config", "phones_8khz", "-k", 2, "--dim", 16)


@dataclass(frozen=True)
class Few(AdaptedClassifierConfig):
    """A full system that is trained in a few seconds."""

    edges: tuple[tuple[int, int], ...] = ((0, 2),)
    adapter_components: int = 1
    segment_components: int = 2
    passes: int = 1


@pytest.fixture
def digits(corpus, tmp_path: Path) -> Path:
    """A copy of half of each part of a corpus, the first or second take of each digit, whose labels may be spoilt."""
    shutil.copytree(corpus("fsdd-tiny"), tmp_path / "corpus")
    for part, kept in (("train", "5"), ("test", "0")):
        for name in ("wav.scp", "utt2spk", "text", "phones.ctm"):
            path = tmp_path / "corpus" / "data" / part / name
            lines = [line for line in path.read_text().splitlines() if line.split()[0].endswith(kept)]
            path.write_text("\n".join([*lines, ""]))
    return tmp_path / "corpus" / "data"


def shares(stdout: str) -> list[float]:
    """Right segments and frames in per cent."""
    lines = stdout.splitlines()[-2:]
    assert [line.split(":")[0] for line in lines] == ["segments", "frames"]
    return [float(line.rsplit("(", 1)[1].split()[0]) for line in lines]


def test_train_and_classify(run, corpus, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gmmspeech.phones.gmm.classification.AdaptedClassifierConfig", Few)
    for name, options, limits in (("one", (), (80, 60)), ("full", ("--full",), (80, 60))):
        model, out = tmp_path / f"{name}.h5", tmp_path / name
        trained = works(run("train-phone-classifier", corpus("fsdd-tiny") / "data" / "train", model, *TRAIN, *options))
        assert trained.stdout.startswith("20 phones in 3 parts: AH AO ")
        assert re.search(r"^gmmspeech: mixture AH\[3\]: \d+ passes, -\d+\.\d{4} nats a frame, \d", trained.stderr, re.M)
        assert "classifier of phones: " in run("show", model).stdout

        out.mkdir()
        (out / ".segments.01234567.txt").touch()  # of a run that was killed
        found = works(run("classify-phones", digits / "test", model, "--out", out))
        assert not list(out.glob(".*"))
        assert all(share > limit for share, limit in zip(shares(found.stdout), limits, strict=True)), found.stdout

    listed = run("classify-phones", digits / "test", model).stdout.splitlines()
    assert listed[:-2] == (out / "segments.txt").read_text().splitlines()
    labels = read_ctm(digits / "test" / "phones.ctm")
    segments = [line.split() for line in listed[1:-2]]
    count = sum(label.name != "SIL" for theirs in labels.values() for label in theirs)
    assert 0.97 * count < len(segments) <= count
    lines = [line.split() for line in (digits / "test" / "phones.ctm").read_text().splitlines()]
    (tmp_path / "short.ctm").write_text("".join(" ".join([*x[:3], "0.001", *x[4:]]) + "\n" for x in lines))
    found = run("classify-phones", digits / "test", model, "--labels", tmp_path / "short.ctm")
    assert "segments without a frame" in found.stderr
    utterance, start, end, _, score, name, segment = segments[0]
    assert segment == f"{utterance}-{start}-{end}"
    spoken = next(label for label in labels[utterance] if label.name != "SIL")
    assert name == spoken.name
    assert abs(float(start) - spoken.start) <= 0.01
    assert abs(float(end) - spoken.end) <= 0.01
    assert float(score) <= 0
    right = sum(found == name for *_, found, _, name, _ in segments)
    assert f"segments: {right} of {len(segments)} right" in listed[-2]
    table = (out / "log_posteriors.tsv").read_text().splitlines()
    assert table[0].split("\t")[1:] == [row.split("\t")[0] for row in (out / "phones.tsv").read_text().splitlines()[1:]]
    assert "SIL" not in table[0]
    assert table[1].split("\t")[0] == segment
    assert max(map(float, table[1].split("\t")[1:])) == float(score)


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda u, lines: [*lines, f"{u} 1 0.05 0.2 S"], "that don't"),
        (lambda u, lines: [*lines, f"{u} 1 50 1 S"], "within the audio of"),
        (lambda _, lines: lines, "found no labels"),
    ],
)
def test_bad_labels_are_named(run, digits: Path, tmp_path: Path, spoil, named: str) -> None:
    path = digits / "train" / "phones.ctm"
    lines = path.read_text().splitlines()
    first = lines[0].split()[0]
    spoilt = [line for line in lines if line.split()[0] == first]
    spoilt = [] if named == "found no labels" else spoil(first, spoilt)
    path.write_text("\n".join([*spoilt, *(line for line in lines if line.split()[0] != first)]) + "\n")
    words = ("train-phone-classifier", digits / "train", tmp_path / "m.h5", *TRAIN)
    stops(run(*words), f"gmmspeech: error: {first}: found ", named)
    assert not (tmp_path / "m.h5").exists()
    skipped = works(run(*words, "--skip-bad"))
    assert f"gmmspeech: warning: skipped: {first}: found " in skipped.stderr


def test_commands_in_place_of_recordings(run, digits: Path, tmp_path: Path) -> None:
    rows = [line.split(maxsplit=1) for line in (digits / "train" / "wav.scp").read_text().splitlines()]
    base = next(base for base in (digits, *digits.parents) if (base / rows[0][1]).exists())
    (digits / "train" / "wav.scp").write_text("".join(f"{name} cat '{base / path}' |\n" for name, path in rows))
    for words in (
        ("train-phone-classifier", digits / "train", tmp_path / "m.h5", *TRAIN),
        ("classify-phones", digits / "train", tmp_path / "m.h5"),
    ):
        stops(run(*words), "commands are not run without --allow-pipes")
        works(run(*words, "--allow-pipes"))


def test_a_phone_that_was_not_trained(run, digits: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.ctm"
    labels.write_text((digits / "train" / "phones.ctm").read_text().replace(" Z\n", " S\n"))
    words = ("train-phone-classifier", digits / "train", tmp_path / "m.h5", *TRAIN, "--labels", labels)
    assert run(*words).stdout.startswith("19 phones in 3 parts: ")
    found = works(run("classify-phones", digits / "test", tmp_path / "m.h5", "--out", tmp_path / "out"))
    assert "gmmspeech: warning: --labels: found 1 phone not trained, 6 segments wrong: Z\n" in found.stderr
    assert "Z\t6\t0.0000\t0.0000" in (tmp_path / "out" / "phones.tsv").read_text()
    labels.write_text((digits / "test" / "phones.ctm").read_text().lower())
    words = ("classify-phones", digits / "test", tmp_path / "m.h5", "--labels", labels)
    stops(run(*words), "--labels: found ", "expected phones of the classifier: ")
    wrong = run("classify-phones", digits / "test", digits / "test" / "phones.ctm")
    assert wrong.exit_code == 1
    assert "Traceback" not in wrong.output


def test_recordings_with_textgrids_beside_them(run, digits: Path, tmp_path: Path) -> None:
    """The same phones are found as with the labels of the data directory, and told of in a table and on a page."""
    data = read_data_dir(digits / "test")
    labels = read_ctm(digits / "test" / "phones.ctm")
    for name, path in data.recordings.items():
        place = tmp_path / "in" / data.utt2spk[name] / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
        write_textgrid(place.with_suffix(".TextGrid"), {"MAU": labels[name], "KAN": labels[name][:1]})
    works(run("train-phone-classifier", tmp_path / "in", tmp_path / "m.h5", *TRAIN, "--tier", "MAU"))
    out = ("--out", tmp_path / "out", "--report", tmp_path / "report.html")
    found = works(run("classify-phones", tmp_path / "in", tmp_path / "m.h5", "--tier", "MAU", *out))
    same = run("classify-phones", digits / "test", tmp_path / "m.h5")
    assert shares(found.stdout) == shares(same.stdout)
    with open(tmp_path / "out" / "confusion.csv", newline="") as file:
        head, *rows = csv.reader(file)
    assert head[1:] == [row[0] for row in rows]
    assert head[1] == "AH"
    assert set(head[-2:]) == {"K", "T"}  # stops come last
    right, count = (int(word) for word in found.stdout.splitlines()[-2].split() if word.isdigit())
    assert sum(int(row[i]) for i, row in enumerate(rows, 1)) == right
    assert sum(int(cell) for row in rows for cell in row[1:]) == count
    assert "<h2>Worst errors</h2>" in (tmp_path / "report.html").read_text()
