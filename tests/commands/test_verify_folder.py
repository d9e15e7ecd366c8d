"""From folders of recordings to figures and a report, with whatever people have in such folders."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile

import gmmspeech as gs
from gmmspeech.commands import verify_folder as steps, verify_systems as systems
from gmmspeech.formats.datadir import read_list_map, read_map
from gmmspeech.gmm.kernels import get_backend, native_kernel

SPEAKERS = "Ann Lee", "Bjørn", "张伟", "a#b%c", "  two  ", "José"


def voice(number: int, take: int, rate: int = 8000, seconds: float = 1.0) -> np.ndarray:
    """Noise of a band that is the speaker's."""
    rng = np.random.default_rng([number, take])
    band = np.cos(np.arange(40) * (number + 1) / 3) * np.hanning(40)
    return np.convolve(rng.normal(0, 0.1, round(seconds * rate)), band, "same") / 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, speaker in enumerate(SPEAKERS):
        for take in range(4):
            place = tmp_path / "in" / speaker / f"day {take // 2}"
            place.mkdir(parents=True, exist_ok=True)
            soundfile.write(place / f"take {take}.{'flac' if number % 2 else 'wav'}", voice(number, take), 8000)
    return tmp_path / "in"


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "RESAMPLES", 20)


def quietly(*args: object, **options: object) -> steps.Verification:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return gs.verify_folder(*args, **options)


def test_all_that_lies_in_folders(folder: Path, tmp_path: Path) -> None:
    stereo, faster = np.stack([voice(1, 9)] * 2, 1), voice(2, 9, 16000)
    soundfile.write(folder / "Bjørn" / "day 0" / "stereo.wav", stereo, 8000)
    soundfile.write(folder / "张伟" / "day 0" / "faster.wav", faster, 16000)
    soundfile.write(folder / "Bjørn" / "silent.wav", np.zeros(8000), 8000)
    soundfile.write(folder / "stray.wav", np.zeros(8000), 8000)
    (folder / "Bjørn" / "x.m4a").write_bytes(b"\0\0\0 ftypM4A ")
    (folder / "Bjørn" / "broken.wav").write_bytes(b"RIFFxx")
    with pytest.warns(gs.errors.GmmSpeechWarning, match="3 speakers in the background, expected 10 or more"):
        found = gs.verify_folder(folder, tmp_path / "out")
    assert set(found.left_out) == {"Bjørn/x.m4a", "Bjørn/broken", "Bjørn/silent", "stray.wav"}
    assert "ffmpeg -i" in found.left_out["Bjørn/x.m4a"]
    assert any(note.startswith("3 speakers are in trials. These figures mean little.") for note in found.notes)
    assert any("8000 to 16000 Hz; all are worked on at 8000 Hz" in note for note in found.notes)
    assert any("not calibrated" in note for note in found.notes)
    page = found.report.read_text()
    assert "What the figures are worth" in page
    assert "These figures mean little" in page
    assert "Errors by group" in page
    assert "take 3" in page
    assert "%20" not in page

    lists = tmp_path / "out" / "protocol"
    background, enrolled = read_map(lists / "background"), read_list_map(lists / "spk2utt")
    assert len(enrolled) == 3
    assert not set(background.values()) & set(enrolled)
    trials = gs.read_trials(lists / "trials")
    for model, test, is_target in zip(trials.models, trials.tests, trials.is_target, strict=True):
        assert is_target == test.startswith(f"{model}/")
        if is_target:  # days are whole on one side
            assert test.split("/")[1] not in {u.split("/")[1] for u in enrolled[model]}
    summary = found.evaluation.systems[0].summary
    assert summary.eer_rocch < 0.35  # bands are not hard to tell apart


@pytest.mark.usefixtures("no_pictures")
def test_goes_on_where_it_was(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"

    def killed(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(steps, "report_file", killed)
        with pytest.raises(KeyboardInterrupt):
            quietly(folder, out)
    assert not (out / "report").exists()
    with monkeypatch.context() as patch:
        patch.setattr(steps, "extract_features", killed)
        patch.setattr(systems, "train_ubm", killed)
        first = quietly(folder, out)
    state = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    again = quietly(folder, out)
    assert again.notes == first.notes
    assert (again.evaluation.systems[0].scores == first.evaluation.systems[0].scores).all()
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()} == state

    other = quietly(folder, tmp_path / "other", protocol=out / "protocol")  # as is, and written again
    assert (other.evaluation.systems[0].scores == first.evaluation.systems[0].scores).all()
    for path in (out / "protocol").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / "protocol" / path.name).read_bytes()

    listed = (out / "protocol" / "trials").read_text().splitlines()
    listed.remove(next(line for line in listed if line.endswith(" nontarget")))
    (out / "protocol" / "trials").write_text("\n".join(listed) + "\n")  # of the same recordings
    edited = quietly(folder, tmp_path / "other", protocol=out / "protocol")
    assert len(edited.evaluation.trials) == len(listed)
    assert (tmp_path / "other" / "protocol" / "trials").read_text().splitlines() == listed


@pytest.mark.usefixtures("no_pictures")
def test_background_of_strangers(folder: Path, tmp_path: Path) -> None:
    """All speakers are in trials, none is learned from; a file of the same model gives the same scores."""
    found = gs.verify_folder(folder, tmp_path / "out", background="open")  # which warns of nothing
    assert len(read_list_map(tmp_path / "out" / "protocol" / "spk2utt")) == len(SPEAKERS)
    assert not (tmp_path / "out" / "protocol" / "background").exists()
    assert any(note.startswith("The background model is open, trained on other speakers") for note in found.notes)
    assert "in the background" not in found.report.read_text()
    ubm = gs.speaker.open_background(8000)
    assert (gs.load(tmp_path / "out" / "ubm.h5").means_ == ubm.means_).all()
    ubm.save(tmp_path / "ubm.h5")
    again = gs.verify_folder(
        folder, tmp_path / "again", background=tmp_path / "ubm.h5", protocol=tmp_path / "out" / "protocol"
    )
    assert (again.evaluation.systems[0].scores == found.evaluation.systems[0].scores).all()


def test_background_and_front_end_go_together(folder: Path, tmp_path: Path) -> None:
    front = gs.FrontEnd.from_toml("clean_speech")
    with pytest.raises(
        gs.errors.FeatureError, match=r"^front_end: found frames with .* as the background was.*; without any,"
    ):
        gs.verify_folder(folder, tmp_path / "out", background="open", front_end=front)
    gs.DiagonalGMM(1).fit(np.random.default_rng(0).normal(size=(50, 2))).save(tmp_path / "ubm.h5")
    with pytest.raises(gs.errors.ConfigError, match=r"ubm.h5: found no front end in it, expected a background model"):
        gs.verify_folder(folder, tmp_path / "out", background=tmp_path / "ubm.h5")
    assert not (tmp_path / "out").exists()


def test_length_of_tests_is_told_by_the_front_end(folder: Path, tmp_path: Path) -> None:
    """Frames that come every 5 ms are half as long as those that come every 10; and whether they lack frequencies."""
    lengths, lacking = [], "Recordings of 8000 Hz are worked on at 16000 Hz but have no sound above 4000 Hz"
    for shift, rate in ((5.0, 8000), (10.0, 16000)):
        config = tmp_path / f"{shift}.toml"
        config.write_text(
            f"sample_frequency = {rate}\nresample = true\n"
            f'[features]\ntype = "mfcc"\nframe_shift = {shift}\nnum_mel_bins = 15\n',
            encoding="utf-8",
        )
        found = quietly(folder, tmp_path / f"{shift}", front_end=gs.FrontEnd.from_toml(config), random_state=0)
        lengths += [float(note.split()[4]) for note in found.notes if note.startswith("The median test has ")]
        assert any(note.startswith(lacking) for note in found.notes) == (rate == 16000)
    assert lengths == [1.0, 1.0]


@pytest.mark.usefixtures("no_pictures")
def test_one_recording_each_and_plda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systems, "ENOUGH_FOR_PLDA", 5)
    monkeypatch.setattr(systems, "SESSION", 100)
    for number in range(10):
        (tmp_path / "in" / f"s{number}").mkdir(parents=True)
        signal = voice(number, 0, seconds=6)
        signal[:: 40 + 3 * number] += 0.5  # a pitch
        soundfile.write(tmp_path / "in" / f"s{number}" / "a.wav", signal, 8000)
    found = quietly(tmp_path / "in", tmp_path / "out", random_state=3)
    names = [system.name for system in found.evaluation.systems]
    assert names == ["calibrated", "gmm-ubm", "ivector-plda", "gmm-ubm-pitch"]
    assert any("4 of the 4 speakers in trials have one recording: it is cut in two" in note for note in found.notes)
    enrolled = read_list_map(tmp_path / "out" / "protocol" / "spk2utt")
    assert all(utterances == [f"{model}/a#1"] for model, utterances in enrolled.items())
    assert gs.load(tmp_path / "out" / "calibration.h5").weights.shape == (3,)
    interval = found.evaluation.systems[0].intervals["Cllr"]
    assert interval.low <= found.evaluation.systems[0].summary.cllr <= interval.high


def test_plda_learns_of_words_joined_and_alone() -> None:
    """Nine words of 0.5 s make a piece of 3 s, one of the rest, and one each; a long recording makes pieces only."""
    store = {f"u{i}": np.full((50, 1), i, np.float32) for i in range(9)} | {"long": np.zeros((650, 1), np.float32)}
    speakers = {u: "b" if u == "long" else "a" for u in store}
    pieces, whose = systems._sessions(store, speakers)  # type: ignore[arg-type]
    assert [len(piece) for piece in pieces] == [300, 150, *[50] * 9, 325, 325]
    assert whose == ["a"] * 11 + ["b"] * 2


@pytest.mark.usefixtures("no_pictures")
def test_pitch_counts_where_tests_are_short(tmp_path: Path) -> None:
    """Words are scored by means alone and with the pitch of every recording; long tests as ever."""
    rng = np.random.default_rng(0)
    for seconds, place in ((1.0, "words"), (5.0, "read")):
        for number in range(6):
            (tmp_path / place / f"s{number}").mkdir(parents=True)
            for take in range(2):
                pulses = rng.normal(0, 1e-3, round(16000 * seconds))
                pulses[:: 100 + 20 * number + take] += 0.5
                soundfile.write(tmp_path / place / f"s{number}" / f"{take}.wav", pulses, 16000)
    found = quietly(tmp_path / "words", tmp_path / "out", background="open")
    names = ["gmm-ubm", "same-channel", "gmm-ubm-pitch", "same-channel-pitch"]
    assert [system.name for system in found.evaluation.systems] == ["calibrated", *names]
    assert systems.PITCH_NOTE in found.notes
    verifier = gs.load(tmp_path / "out" / "models.h5")
    assert (verifier.update, verifier.relevance_factor) == ("m", 4.0)
    plain, kept, with_it, _ = (gs.read_scores(tmp_path / "out" / "scores" / name) for name in names)

    def pitch(utterance: str) -> float | None:
        return gs.features.median_pitch(*gs.read_audio(tmp_path / "words" / f"{utterance}.wav"))

    enrolled = read_list_map(tmp_path / "out" / "protocol" / "spk2utt")
    pitches = [gs.scoring.pitch_llr([[pitch(u) for u in enrolled[model]]], [pitch(test)])[0, 0] for model, test in
               zip(plain.models, plain.tests, strict=True)]  # fmt: skip
    np.testing.assert_allclose(with_it.values - plain.values, 0.2 * np.array(pitches), atol=1e-6)
    assert np.ptp(pitches) > 1
    assert steps.NOISE_NOTE in found.notes
    assert systems.ADAPTED_NOTE in found.notes
    assert gs.load(tmp_path / "out" / "calibration.h5").systems == ("gmm-ubm-pitch", "same-channel-pitch")
    with (
        gs.FeatureStore(tmp_path / "out" / "features.h5") as heard,
        gs.FeatureStore(tmp_path / "out" / "features_without_noise.h5") as free,
    ):
        snr = gs.features.speech_quality(*gs.read_audio(tmp_path / "words" / "s0" / "0.wav")).snr
        np.testing.assert_array_equal(free["s0/0"], gs.speaker.without_noise(heard["s0/0"], snr))
        strangers = gs.speaker.open_background(16000)

        def adapted(speakers: list[str]) -> gs.DiagonalGMM:
            return gs.map_adapt(
                strangers, np.vstack([free[u] for s in speakers for u in enrolled[s]]), relevance_factor=50
            )

        rounding = 1e-6 if get_backend() is native_kernel else 1e-5  # NumPy adds up more frames in float32
        for model, test, value in zip(plain.models, plain.tests, plain.values, strict=True):
            others = [s for s in enrolled if s not in (model, test.split("/")[0])]
            expected = gs.SpeakerVerifier(adapted(others), relevance_factor=4.0, scoring="symmetric")
            expected.enroll(model, [free[u] for u in enrolled[model]])
            assert value == pytest.approx(expected.score(model, free[test]), abs=rounding)
        np.testing.assert_allclose(verifier.ubm.means_, adapted(list(enrolled)).means_, atol=1e-5)
    ubm = gs.speaker.open_background(16000, same_channel=True)
    front, words = gs.FrontEnd.from_json(ubm.front_end_), tmp_path / "words"
    expected = gs.SpeakerVerifier(ubm, relevance_factor=4.0, update="mvw", scoring="symmetric")
    expected.enroll("s0", [front(*gs.read_audio(words / f"{u}.wav")) for u in enrolled["s0"]])
    score = expected.score("s0", front(*gs.read_audio(words / f"{plain.tests[0]}.wav")))
    assert (plain.models[0], kept.models[0]) == ("s0", "s0")
    assert kept.values[0] == pytest.approx(score, abs=1e-6)

    long = quietly(tmp_path / "read", tmp_path / "other", background="open")
    assert [system.name for system in long.evaluation.systems] == ["calibrated", "gmm-ubm"]
    assert systems.PITCH_NOTE not in long.notes
    assert steps.NOISE_NOTE not in long.notes
    assert systems.CHANNEL_NOTE not in long.notes
    assert systems.ADAPTED_NOTE not in long.notes
    assert gs.load(tmp_path / "other" / "models.h5").update == "mvw"


@pytest.mark.usefixtures("no_pictures")
def test_who_whispers_has_no_pitch(folder: Path, tmp_path: Path) -> None:
    """Where nobody has one, no scores know of it; where some have, a note counts those without."""
    rng = np.random.default_rng(0)
    for path in folder.rglob("*.*"):
        soundfile.write(path, rng.normal(0, 0.1, 8000), 8000)
    found = quietly(folder, tmp_path / "out", background="open")
    assert "gmm-ubm-pitch" not in [system.name for system in found.evaluation.systems]
    assert systems.NO_PITCH_NOTE in found.notes
    for path in (folder / "Bjørn").rglob("*.*"):
        pulses = rng.normal(0, 1e-3, 8000)
        pulses[::60] += 0.5
        soundfile.write(path, pulses, 8000)
    found = quietly(folder, tmp_path / "out", background="open")
    assert found.evaluation.systems[-1].name == "gmm-ubm-pitch"
    assert any("20 of 24 recordings have no pitch" in note for note in found.notes)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "found no recording that can be used, expected SPEAKER/.../NAME.wav"),
        (["a/1.wav", "a/2.wav", "b/1.wav"], "found 2 speakers, 1 of them with several recordings, 0 with one of 6 s"),
        (
            ["a.wav"],
            r"found no recording that can be used \(1 file left out; the first: a.wav: found a",
        ),
        (["a/b.m4a"], r"the first: a/b.m4a: found audio that libsndfile does not read; ffmpeg -i .*b.wav makes WAV"),
    ],
)
def test_too_little(tmp_path: Path, names: list[str], message: str) -> None:
    (tmp_path / "in").mkdir()
    for take, name in enumerate(names):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / "in" / name, voice(0, take), 8000, format="WAV")
    with pytest.raises(gs.errors.DataError, match=message):
        gs.verify_folder(tmp_path / "in", tmp_path / "out")


def test_copies_are_left_out_and_told(folder: Path, tmp_path: Path) -> None:
    """Of several speakers, nobody knows whose; of one, it would be enrollment and test."""
    for speaker in SPEAKERS[2:]:
        shutil.rmtree(folder / speaker)
    for place in sorted((folder / SPEAKERS[1]).glob("*/*"))[1:]:
        place.unlink()
    (copied,) = (folder / SPEAKERS[1]).glob("*/*")
    shutil.copy(copied, folder / SPEAKERS[0])
    with pytest.raises(gs.errors.DataError, match=r"found 1 speaker.*2 files left out; the first: .*: found the same"):
        gs.verify_folder(folder, tmp_path / "out")


@pytest.mark.usefixtures("no_pictures")
def test_two_speakers_are_enough_beside_a_background_of_others(folder: Path, tmp_path: Path) -> None:
    for speaker in SPEAKERS[2:]:
        shutil.rmtree(folder / speaker)
    with pytest.raises(gs.errors.DataError, match=r"expected at least 4 speakers.*, or a background model of others"):
        gs.verify_folder(folder, tmp_path / "out")
    found = quietly(folder, tmp_path / "out", background="open")
    assert set(found.evaluation.trials.models) == {"Ann%20Lee", "Bjørn"}


@pytest.mark.usefixtures("no_pictures")
def test_hidden_folders_hold_no_speakers(folder: Path, tmp_path: Path) -> None:
    (folder / ".Trash").mkdir()
    (folder / "Bjørn" / ".ipynb_checkpoints").mkdir()
    for place in (folder / ".Trash", folder / "Bjørn" / ".ipynb_checkpoints"):
        soundfile.write(place / "copy.wav", voice(1, 0), 8000)
    quietly(folder, tmp_path / "out", background="open")
    used = read_list_map(tmp_path / "out" / "protocol" / "spk2utt")
    assert len(used) == len(SPEAKERS)
    assert "copy" not in (tmp_path / "out" / "protocol" / "trials").read_text(encoding="utf-8")


@pytest.mark.usefixtures("no_pictures")
def test_results_go_elsewhere(folder: Path) -> None:
    with pytest.raises(gs.errors.ConfigError, match="the folder of the recordings, expected another"):
        gs.verify_folder(folder, folder)
