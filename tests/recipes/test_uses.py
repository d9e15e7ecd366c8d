"""The recipes for what mixtures are used for beside speech: on less data, they beat the usual alternative too."""

import json
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner
from said import works

PNG = b"\x89PNG"


def run(module: ModuleType, out: Path, picture: str) -> list[dict[str, str]]:
    works(CliRunner().invoke(module.main, ["--out", str(out), "--jobs", "1", "--debug"], catch_exceptions=False))
    assert (out / picture).read_bytes().startswith(PNG)
    return json.loads((out / "results.json").read_text(encoding="utf-8"))["tables"]["results"]


def figure(cell: str) -> float:
    return float(cell.split()[0].rstrip(",%"))


def test_clustering(tmp_path, monkeypatch, recipe):
    module = recipe("clustering")
    monkeypatch.setattr(module, "STARTS", 3)
    rows = run(module, tmp_path, "clusters.png")
    for row in rows:
        assert figure(row["mixture"]) > figure(row["k-means, standardized"])
        right, wrong = row["doubt where right / wrong (bits)"].split(" / ")
        assert float(right) < float(wrong)


def test_outliers(tmp_path, monkeypatch, recipe):
    module = recipe("outliers")
    monkeypatch.setattr(module, "SHARES", (0.0, 0.2))
    monkeypatch.setattr(module, "REPEATS", 1)
    monkeypatch.setattr(module, "STARTS", 5)
    for row in run(module, tmp_path, "outliers.png"):
        robust, plain = (figure(row[method]) for method in ("robust EM", "plain EM"))
        if row["outliers"] == "20%":
            assert robust > plain + 0.2
            assert figure(row["found"]) == pytest.approx(20, abs=3)


def test_image_segmentation(tmp_path, monkeypatch, recipe):
    module = recipe("image_segmentation")
    monkeypatch.setattr(module, "SEEDS", (0,))
    monkeypatch.setattr(module, "load_sample_image", lambda name, whole=module.load_sample_image: whole(name)[::4, ::4])
    rows = run(module, tmp_path, "segments.png")
    assert [row["pixels"] for row in rows] == ["17120", "17120"]
    for row in rows:
        ours, theirs = (float(row[side].split(", ")[1].split()[0]) for side in ("gmmspeech", "scikit-learn"))
        assert ours > theirs - 0.5  # one start each


def test_anomaly_detection(tmp_path, monkeypatch, recipe, synthetic_voices):
    (tmp_path / "corpus").symlink_to(synthetic_voices)  # which it finds made
    module = recipe("anomaly_detection")
    monkeypatch.setattr(module, "DIGITS", (3, 8))
    for row in run(module, tmp_path, "anomalies.png"):
        assert figure(row["mixture, ROC AUC"]) > figure(row["isolation forest, ROC AUC"]) > 80
        assert figure(row["false alarms at the threshold for 5%"]) < 15
        assert figure(row["anomalies found"]) > 70


def test_density_generation(tmp_path, monkeypatch, recipe, synthetic_voices):
    (tmp_path / "corpus").symlink_to(synthetic_voices)  # which it finds made
    module = recipe("density_generation")
    monkeypatch.setattr(module, "FOLDS", 5)
    monkeypatch.setattr(module, "COMPONENTS", (1, 4))
    monkeypatch.setattr(module, "SECONDS", 1)
    [row] = run(module, tmp_path, "densities.png")
    assert figure(row["mixture, best number of components"]) > figure(row["kernel densities, best width"]) - 0.05
    sound, rate = module.gs.read_audio(tmp_path / "drawn.wav")
    assert 0.8 < len(sound) / rate < 1.1
    assert 0.01 < sound.std() < 0.5
