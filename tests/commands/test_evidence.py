"""Comparisons from files to a report: the same and another speaker, of made voices, and what can't be compared."""

import hashlib
import re
from types import SimpleNamespace

import kaldiio
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from said import stops, works
from scipy.signal import lfilter

import gmmspeech as gs
from gmmspeech.cli.main import main
from gmmspeech.commands import evidence
from gmmspeech.commands.evidence import compare_recordings
from gmmspeech.commands.population import read_population
from gmmspeech.errors import DataError
from gmmspeech.metrics.bootstrap import Interval
from gmmspeech.report.evidence import _numbers as figures, ratio_text, verdict

SPEAKERS, RATE = 12, 8000


def voice(speaker, take, seconds=2):
    """Noise through resonances of the speaker, in bursts."""
    rng = np.random.default_rng([speaker, take])
    own = np.random.default_rng(speaker)
    sound = rng.normal(0, 0.1, seconds * RATE)
    for center in own.uniform(300, 3500, 3):
        pole = 0.97 * np.exp(2j * np.pi * center / RATE)
        sound = lfilter([1.0], [1.0, -2 * pole.real, abs(pole) ** 2], sound)
    sound *= 0.1 / np.abs(sound).std() * (0.02 + (np.arange(len(sound)) // 1600 % 3 > 0))
    return np.clip(sound, -1, 1)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    for speaker in range(SPEAKERS):
        (folder / "population" / f"s {speaker:02d}").mkdir(parents=True)
        for take in range(3):
            path = folder / "population" / f"s {speaker:02d}" / f"{take}.wav"
            soundfile.write(path, voice(speaker, take), RATE)
    for name, speaker, take in (("questioned", 50, 0), ("same", 50, 1), ("same2", 50, 2), ("other", 51, 0)):
        soundfile.write(folder / f"{name}.wav", voice(speaker, take), RATE)
    return folder


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(evidence, "RESAMPLES", 20)


def compared(world, known, **options):
    paths = world / "questioned.wav", [world / f"{name}.wav" for name in known], world / "population"
    return compare_recordings(*paths, world / "out", n_components=4, **options)


def test_same_and_other_speaker(world):
    """The ratio is on the right side; all that it is made of is kept, and is what it says."""
    (world / "out").mkdir()
    (world / "out" / "ivector-plda.case").touch()  # of a run with more speakers
    same = compared(world, ["same", "same2"])
    assert same.llr.low > 0
    kept = {"index.html", "trials", "scores", "llrs", "ubm.h5", "calibration.h5", "gmm-ubm.scores", "gmm-ubm.case"}
    assert {path.name for path in (world / "out").iterdir()} == kept
    page = (world / "out" / "index.html").read_text(encoding="utf-8")
    assert len(set(re.findall("SHA-256 ([0-9a-f]{64})", page))) == 4
    assert re.search(r"<td>s \d\d</td>\s*<td>s \d\d/\d</td>", page)  # of the folders, whose blanks ids have escaped
    for told in ("log10 LR", "Cllr", "devPAV", "Tippett", "ELUB", "as recorded", "Morrison"):
        assert told in page
    trials, llrs = gs.read_trials(world / "out" / "trials"), gs.read_scores(world / "out" / "llrs")
    is_target = np.asarray(trials.is_target)
    cost = gs.cllr(llrs.values[is_target], llrs.values[~is_target])
    assert same.intervals["cllr"].value == pytest.approx(cost, abs=1e-6)
    calibration = gs.load(world / "out" / "calibration.h5")
    assert calibration.lower <= same.llr.value <= calibration.upper
    case, scores = (gs.read_scores(world / "out" / f"gmm-ubm.{kind}") for kind in ("case", "scores"))
    assert calibration.apply(case.values) == pytest.approx([same.llr.value], abs=1e-6)
    again = gs.scoring.fit_bounded(scores.values[is_target], scores.values[~is_target])
    assert [*again.weights, again.offset, again.lower, again.upper] == pytest.approx(
        [*calibration.weights, calibration.offset, calibration.lower, calibration.upper], rel=1e-6
    )
    assert same.notes[-1].startswith("5 speakers are in the validation")
    assert compared(world, ["other"]).llr.high < 0


def test_conditions_are_heard_by_the_population(world):
    """Tests are narrow and noisy then, and ratios worth less."""
    noisy = compared(world, ["same"], conditions="noise:3,gsm")
    assert np.median([each.snr for each in noisy.tests]) < np.median([each.snr for each in noisy.enrolled]) - 6
    assert ("bound" in verdict(noisy)) == bool(noisy.bound)
    assert noisy.settings["Conditions"] == {
        "tests, as the questioned recording:": "noise:3, gsm",
        "models, as the known ones:": "as recorded",
    }


def test_the_case_is_not_in_the_population(world):
    """Whoever has the same file there is left out as a whole."""
    digest = read_population(world / "population", []).digests["s%2003/0"]
    found = read_population(world / "population", [digest])
    assert set(found.left_out) == {"s%2003/0", "s%2003/1", "s%2003/2"}
    assert not any(name.startswith("s%2003") for name in found.seconds)
    assert found.speakers == {f"s%20{speaker:02d}" for speaker in range(SPEAKERS)} - {"s%2003"}
    with pytest.raises(DataError, match="found the questioned recording among the known ones"):
        compared(world, ["questioned"])


def test_a_population_in_an_archive(tmp_path):
    """Its digest is that of the archive."""
    with kaldiio.WriteHelper(f"ark,scp:{tmp_path}/wav.ark,{tmp_path}/wav.scp") as writer:
        for name in "ab":
            writer(name, (RATE, np.arange(RATE, dtype=np.int16)))
    (tmp_path / "utt2spk").write_text("a a\nb b\n")
    found = read_population(tmp_path, [])
    assert set(found.digests.values()) == {hashlib.sha256((tmp_path / "wav.ark").read_bytes()).hexdigest()}


def test_a_population_of_whom_some_are_silent(world, tmp_path):
    """They are found out late, and told as others that are left out."""
    for speaker in range(9):
        (tmp_path / f"s{speaker}").mkdir()
        for take in range(2):
            sound = np.zeros(RATE + 9 * speaker + take) if speaker else voice(speaker, take, 1)
            soundfile.write(tmp_path / f"s{speaker}" / f"{take}.wav", sound, RATE)
    with pytest.raises(
        DataError, match=f"^{tmp_path}: found .* that can be used, expected recordings that hold speech"
    ):
        compare_recordings(world / "questioned.wav", [world / "same.wav"], tmp_path, world / "few", n_components=4)
    for speaker in range(1, 9):
        if speaker % 4:
            for take in range(2):
                soundfile.write(tmp_path / f"s{speaker}" / f"{take}.wav", voice(speaker, take, 1), RATE)
    with pytest.raises(
        DataError, match=r"found [23] speakers for trials \(\d files left out.*silence.* expected 4 with"
    ):
        compare_recordings(world / "questioned.wav", [world / "same.wav"], tmp_path, world / "few", n_components=4)


def test_recordings_of_the_case_are_different_ones_in_any_format(world, tmp_path):
    """Of 16 bits, each format gives the same samples; what is above half of the rate is not there."""
    samples, _ = soundfile.read(world / "same.wav")
    soundfile.write(tmp_path / "copy.flac", samples, RATE)
    soundfile.write(tmp_path / "slow.wav", samples, 4000)
    case, population = world / "questioned.wav", world / "population"
    with pytest.raises(DataError, match=r"copy.flac: found the samples of .*same.wav, expected others"):
        compare_recordings(case, [world / "same.wav", tmp_path / "copy.flac"], population, tmp_path / "out")
    with pytest.raises(DataError, match=r"slow.wav: found 4000 Hz, expected 8000 or more"):
        compare_recordings(case, [tmp_path / "slow.wav"], population, tmp_path / "out")


def test_a_population_of_too_few(world, tmp_path):
    for speaker in range(8):
        (tmp_path / f"s{speaker}").symlink_to(world / "population" / f"s {speaker:02d}")
    with pytest.raises(DataError, match="found 8 speakers, expected 9 or more"):
        compare_recordings(world / "questioned.wav", [world / "same.wav"], tmp_path, world / "few", n_components=4)


def test_kinds_that_a_threshold_separates():
    """There is no devPAV of them, which is said."""
    nothing = Interval(0.0, 0.0, 0.0)
    calm = SimpleNamespace(
        sides=(np.array([2.0, 3.0]), np.array([-1.0, -2.0])),
        intervals=dict.fromkeys(("eer", "cllr", "min_cllr"), nothing),
        calibration=SimpleNamespace(lower=None, upper=None),
    )
    assert re.search("devPAV .powers of ten.</td><td[^>]*>undefined: a threshold separates all<", figures(calm))


def test_words_for_ratios():
    nothing = SimpleNamespace(llr=Interval(-0.004, -1.0, 1.0), bound="")
    assert "about as probable if the known speaker speaks in it as if another speaker" in verdict(nothing)
    assert [ratio_text(np.log(x)) for x in (1.0, 12.34, 0.0456, 123456.0, 2.5e9)] == [
        "1.0", "12", "0.046", "120,000", "2.5e+9",
    ]  # fmt: skip


def test_command_line(world):
    """One line for what is wrong, and the verdict for what is right."""

    def run(*words):
        return CliRunner().invoke(main, [str(word) for word in words], prog_name="gmmspeech")

    words = ["compare", world / "questioned.wav", world / "same.wav", "--population", world / "population"]
    done = works(run(*words, "--out", world / "told", "-k", 4))
    assert "times more probable if the known speaker speaks in it" in done.stdout
    assert "does not hold: enough speakers (5, expected 30)" in done.stdout
    assert "does not hold: speech and noise" not in done.stdout
    stops(run(*words, "--out", world / "told", "--conditions", "tape"), "--conditions")
    stops(run(*words[:-1], world / "nowhere", "--out", world / "told"), "nowhere: no such folder")
