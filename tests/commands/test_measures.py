"""Quality of recordings from audio to a table, and from there into a calibration."""

import math
import warnings

import numpy as np
import pytest
import soundfile

from gmmspeech.commands.measures import measure_file, measure_pitch_file, pitches_of
from gmmspeech.commands.scores import apply_calibration_file, calibrate_file, cross_calibrate_files
from gmmspeech.commands.side_information import warn_of_few_models
from gmmspeech.errors import ConfigError, DataError, FeatureError, GmmSpeechWarning
from gmmspeech.features.quality import speech_quality
from gmmspeech.formats.datadir import read_data_dir, write_map
from gmmspeech.formats.measures import read_measures, write_measures
from gmmspeech.formats.trials import read_labeled_trials, read_scores
from gmmspeech.metrics.cllr import cllr
from gmmspeech.scoring.calibration import fit_bounded, fit_calibration
from gmmspeech.scoring.folds import cross_calibrate
from gmmspeech.scoring.side_information import distance_information, side_information


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name, seconds in (("a", 1), ("b", 2)):
        burst = rng.normal(0, 0.1, 16000 * seconds) * (np.arange(16000 * seconds) // 4000 % 2)
        soundfile.write(tmp_path / f"{name}.wav", burst + rng.normal(0, 0.003, len(burst)), 16000)
    write_map(tmp_path / "wav.scp", {name: f"{tmp_path}/{name}.wav" for name in "ab"})
    write_map(tmp_path / "utt2spk", {"a": "ann", "b": "ann"})
    return tmp_path


def test_table_of_utterances_and_models(folder):
    """Models have the speech of their utterances together, and the mean of their ratios."""
    (folder / "models").write_text("ann a b\n")
    measure_file(read_data_dir(folder), folder / "out", groups=[folder / "models"])
    names, rows = read_measures(folder / "out")
    found = {name: speech_quality(*soundfile.read(folder / f"{name}.wav")) for name in "ab"}
    assert names == ("log_seconds", "snr_db")
    assert list(rows) == ["a", "b", "ann"]
    assert rows["a"] == pytest.approx([math.log(found["a"].seconds), found["a"].snr], abs=1e-3)
    together = math.log(found["a"].seconds + found["b"].seconds), (found["a"].snr + found["b"].snr) / 2
    assert rows["ann"] == pytest.approx(together, abs=1e-3)


def test_bad_recordings_and_lists_are_named(folder):
    data = read_data_dir(folder)
    (folder / "models").write_text("ann a c\n")
    with pytest.raises(DataError, match="models: found utterance c, expected one of"):
        measure_file(data, folder / "out", groups=[folder / "models"])
    soundfile.write(folder / "b.wav", np.zeros(10), 16000)
    with pytest.raises(FeatureError, match=r"^utterance b: signal: found 10 samples"):
        measure_file(data, folder / "out")
    assert not (folder / "out").exists()


def write_scored(folder, models, tests, is_target, scores):
    """Trials of models and tests by their numbers, and their scores."""
    kinds = np.where(is_target, "target", "nontarget")
    trials = [(f"m{m}", f"t{t}") for m, t in zip(models, tests, strict=True)]
    for name, values in (("trials", kinds), ("scores", map(repr, scores.tolist()))):
        lines = [f"{model} {test} {value}\n" for (model, test), value in zip(trials, values, strict=True)]
        (folder / name).write_text("".join(lines))


def test_calibration_takes_them(tmp_path):
    """The files give what the functions give; a calibration and its table belong together."""
    rng = np.random.default_rng(1)
    models, tests = (axis.ravel() for axis in np.indices((20, 20)))
    is_target, quality = models == tests, rng.uniform(0, 2, (40, 1))
    scores = rng.normal(3.0 * is_target * quality[20 + tests, 0])
    write_scored(tmp_path, models, tests, is_target, scores)
    names = [f"m{i}" for i in range(20)] + [f"t{i}" for i in range(20)]
    write_measures(tmp_path / "table", ["q"], dict(zip(names, quality.round(4), strict=True)))
    paths = tmp_path / "scores", tmp_path / "trials", tmp_path / "c.h5"
    made = calibrate_file(*paths, measures=tmp_path / "table", bounds="elub")
    columns = side_information(scores, quality[models].round(4), quality[20 + tests].round(4))
    expected = fit_bounded(columns[is_target], columns[~is_target], fit=fit_calibration)
    np.testing.assert_allclose(made.weights, expected.weights, rtol=1e-6)
    assert (made.lower, made.upper, made.measures) == (expected.lower, expected.upper, ("q",))
    apply_calibration_file(paths[2], [paths[0]], tmp_path / "llrs", measures=tmp_path / "table")
    np.testing.assert_allclose(read_scores(tmp_path / "llrs").values, expected.apply(columns), rtol=1e-5, atol=1e-6)
    with pytest.raises(ConfigError, match=r"^measures: found none for .*, learned with q, expected a file"):
        apply_calibration_file(paths[2], [paths[0]], tmp_path / "llrs")
    more = np.column_stack([np.ones(40), quality])
    write_measures(tmp_path / "table", ["r", "q"], dict(zip(names, more.round(4), strict=True)))
    apply_calibration_file(paths[2], [paths[0]], tmp_path / "by name", measures=tmp_path / "table")
    assert (tmp_path / "by name").read_bytes() == (tmp_path / "llrs").read_bytes()
    write_measures(tmp_path / "table", ["r"], dict(zip(names, quality, strict=True)))
    with pytest.raises(DataError, match="table: found measures r, expected q"):
        apply_calibration_file(paths[2], [paths[0]], tmp_path / "llrs", measures=tmp_path / "table")
    with pytest.raises(ConfigError, match=r"^measures: found the method 'pav', expected one system and logistic"):
        calibrate_file(*paths, measures=tmp_path / "table", method="pav")


def test_pitch_of_utterances_and_models(tmp_path):
    """Pulse trains have the pitch they were made with; a model the median of its utterances, noise none."""
    rng = np.random.default_rng(2)
    for name, period in (("a", 160), ("b", 80), ("c", 100)):
        pulses = np.zeros(16000)
        pulses[::period] = 0.5
        soundfile.write(tmp_path / f"{name}.wav", pulses, 16000)
    soundfile.write(tmp_path / "d.wav", rng.normal(0, 0.1, 16000), 16000)
    write_map(tmp_path / "wav.scp", {name: f"{tmp_path}/{name}.wav" for name in "abcd"})
    write_map(tmp_path / "utt2spk", dict.fromkeys("abcd", "ann"))
    (tmp_path / "models").write_text("ann a b c d\n")
    data = read_data_dir(tmp_path)
    measure_pitch_file(data, tmp_path / "out", pitches_of(data), groups=[tmp_path / "models"])
    names, rows = read_measures(tmp_path / "out")
    assert names == ("log_pitch",)
    assert {name: round(math.exp(pitch)) for name, (pitch,) in rows.items()} == {
        "a": 100,
        "b": 200,
        "c": 160,
        "ann": 160,
    }
    write_map(tmp_path / "wav.scp", {"d": f"{tmp_path}/d.wav"})
    write_map(tmp_path / "utt2spk", {"d": "ann"})
    noise = read_data_dir(tmp_path)
    with pytest.raises(DataError, match="found no pitch in 1 utterance, expected some"):
        measure_pitch_file(noise, tmp_path / "none", pitches_of(noise))


def test_calibration_takes_distances(tmp_path):
    """The files give what the functions give, with measures too; a table with too little is refused."""
    rng = np.random.default_rng(3)
    models, tests = (axis.ravel() for axis in np.indices((12, 12)))
    is_target, pitch, quality = (
        models == tests,
        rng.uniform(4.6, 5.5, (24, 1)).round(4),
        rng.normal(size=(24, 1)).round(4),
    )
    scores = rng.normal(3.0 * is_target)
    write_scored(tmp_path, models, tests, is_target, scores)
    names = [f"m{i}" for i in range(12)] + [f"t{i}" for i in range(12)]
    for table, values in (("pitch", pitch), ("quality", quality)):
        write_measures(tmp_path / table, [table], dict(zip(names, values, strict=True)))
    paths, side = (tmp_path / "scores", tmp_path / "trials", tmp_path / "c.h5"), {"distances": tmp_path / "pitch"}
    made = calibrate_file(*paths, measures=tmp_path / "quality", **side)
    columns = np.hstack([side_information(scores, quality[models], quality[12 + tests]),
                         distance_information(scores, pitch[models], pitch[12 + tests])])  # fmt: skip
    expected = fit_calibration(columns[is_target], columns[~is_target])
    np.testing.assert_allclose(made.weights, expected.weights, rtol=1e-6)
    assert made.describe()[0].startswith("calibration by quality, distance of pitch: weights")
    with pytest.raises(ConfigError, match=r"^distances: found none for .*, learned with pitch, expected a file"):
        apply_calibration_file(paths[2], [paths[0]], tmp_path / "llrs", measures=tmp_path / "quality")
    alone = calibrate_file(*paths, **side)
    apply_calibration_file(paths[2], [paths[0]], tmp_path / "llrs", **side)
    columns = np.column_stack([scores, columns[:, 5:]])
    np.testing.assert_allclose(read_scores(tmp_path / "llrs").values, alone.apply(columns), rtol=1e-5, atol=1e-6)
    (tmp_path / "spk").write_text("".join(f"m{i} s{i}\nt{i} s{i}\n" for i in range(12)))
    with pytest.warns(GmmSpeechWarning, match="12 speakers don't teach what it says of others"):
        cross_calibrate_files([paths[0]], paths[1], tmp_path / "crossed", [tmp_path / "spk"], **side)
    with pytest.raises(ConfigError, match=r"^distances: found several systems, expected one system"):
        cross_calibrate_files([paths[0]] * 2, paths[1], tmp_path / "crossed", [tmp_path / "spk"], **side)
    write_measures(tmp_path / "pitch", ["pitch"], dict(zip(names[:-1], pitch[:-1], strict=True)))
    with pytest.raises(DataError, match="pitch: found no measures of test t11"):
        calibrate_file(*paths, **side)


def test_side_information_that_is_of_no_use_is_told(tmp_path):
    """Measures that say nothing of the scores raise the Cllr, and a warning gives both figures; others raise none."""
    rng = np.random.default_rng(4)
    models, tests = (axis.ravel() for axis in np.indices((10, 30)))
    is_target, quality = models == tests % 10, rng.uniform(0, 2, (40, 1)).round(4)
    who = is_target, [f"s{m}" for m in models], [f"s{t % 10}" for t in tests]
    (tmp_path / "spk").write_text(
        "".join(f"m{i} s{i}\n" for i in range(10)) + "".join(f"t{i} s{i % 10}\n" for i in range(30))
    )
    names = [f"m{i}" for i in range(10)] + [f"t{i}" for i in range(30)]
    write_measures(tmp_path / "table", ["q"], dict(zip(names, quality, strict=True)))

    def crossed(scores):
        write_scored(tmp_path, models, tests, is_target, scores)
        paths = [tmp_path / "scores"], tmp_path / "trials", tmp_path / "llrs", [tmp_path / "spk"]
        return cross_calibrate_files(*paths, measures=tmp_path / "table").cllr

    untouched = rng.normal(3.0 * is_target)
    alone = cross_calibrate(untouched, *who)
    with pytest.warns(GmmSpeechWarning, match="^side information: found a cross-validated Cllr of ") as warned:
        cost = crossed(untouched)
    without = cllr(alone[is_target], alone[~is_target])
    assert cost > without
    assert f"Cllr of {cost:.4f} with it, {without:.4f} without" in str(warned[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        crossed(rng.normal(3.0 * is_target) + 20 * quality[10 + tests, 0])


def test_side_information_of_few_models_is_told(tmp_path):
    for models, warned in ((29, 1), (30, 0)):
        (tmp_path / "trials").write_text("".join(f"m{i} t target\nm{i} u nontarget\n" for i in range(models)))
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            warn_of_few_models(read_labeled_trials(tmp_path / "trials"))
        assert len(found) == warned
