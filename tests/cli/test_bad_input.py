"""What the command line says of bad input: one line that names it, exit status 1, and nothing half-written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import kaldiio
import numpy as np
import pytest
import soundfile
from click.testing import Result

import gmmspeech as gs

RATE = 8000
Run = Callable[..., Result]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def says(result: Result, *expected: str) -> None:
    """The command failed with one line on stderr that has all that is expected in it."""
    assert result.exit_code == 1, result.output
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("gmmspeech: error: ")
    assert "Traceback" not in result.output
    for words in expected:
        assert words in lines[0], f"{words!r} is not in {lines[0]!r}"


def fails(run: Run, folder: Path, words: tuple[object, ...], *expected: str) -> None:
    """The command fails as `says`, and changes no file."""
    before = contents(folder)
    says(run(*words), *expected)
    after = contents(folder)
    assert after.keys() == before.keys()
    assert after == before


def noise(seconds: float = 0.5, channels: int = 1) -> np.ndarray:
    samples = np.random.default_rng(1).standard_normal((int(seconds * RATE), channels)) / 10
    return samples.squeeze(1) if channels == 1 else samples


def missing(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:3000])


def truncated_flac(path: Path) -> None:
    flac = path.with_suffix(".flac")
    soundfile.write(flac, noise(2), RATE)
    path.write_bytes(flac.read_bytes()[: flac.stat().st_size // 2])
    flac.unlink()


def no_audio(path: Path) -> None:
    path.write_text("these are words, and no sound\n" * 100)


def header_only(path: Path) -> None:
    soundfile.write(path, np.zeros(0), RATE)


def stereo(path: Path) -> None:
    soundfile.write(path, noise(channels=2), RATE)


def other_rate(path: Path) -> None:
    soundfile.write(path, noise(), 16000)


def not_a_number(path: Path) -> None:
    samples = noise()
    samples[800] = np.nan
    soundfile.write(path, samples, RATE, subtype="FLOAT")


def infinite(path: Path) -> None:
    samples = noise()
    samples[800] = np.inf
    soundfile.write(path, samples, RATE, subtype="FLOAT")


def silent(path: Path) -> None:
    soundfile.write(path, np.zeros(RATE), RATE)


def short(path: Path) -> None:
    soundfile.write(path, noise(0.02), RATE)


BAD_RECORDINGS = [
    (missing, ["ann-2.wav: no such file"]),
    (empty, ["ann-2.wav: found 0 bytes, expected a recording"]),
    (truncated, ["ann-2.wav: cut short: found 2956 bytes", "expected 8000"]),
    (truncated_flac, ["ann-2.wav:", "expected"]),
    (no_audio, ["ann-2.wav: can't be decoded", "expected whole audio"]),
    (header_only, ["ann-2.wav: found 0 samples, expected some"]),
    (stereo, ["ann-2.wav: found 2 channels, expected one", "--channel"]),
    (other_rate, ["found 16000 Hz, expected 8000 Hz", "resample = true"]),
    (not_a_number, ["ann-2.wav: sample at 0.100 s: found nan, expected finite"]),
    (infinite, ["ann-2.wav: sample at 0.100 s: found inf, expected finite"]),
    (silent, ["found no voiced frame among 98", "expected at least one"]),
    (short, ["found 160 samples", "expected at least 200"]),
]
BAD_RECORDINGS = [pytest.param(*row, id=row[0].__name__) for row in BAD_RECORDINGS]


@pytest.mark.parametrize(("spoil", "expected"), BAD_RECORDINGS)
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_bad_recording_stops_the_run(
    voices: Path, run: Run, spoil: Callable[[Path], None], expected: list[str], jobs: int
) -> None:
    out = voices / "f.h5"
    out.write_text("what was there before")
    spoil(voices / "ann-2.wav")
    words = ("features", voices, out, "--config", voices / "front.toml", "--jobs", jobs)
    fails(run, voices, words, "utterance ann-2", *expected)


@pytest.mark.parametrize(("spoil", "expected"), BAD_RECORDINGS)
def test_a_bad_recording_is_skipped_by_name_and_reason(
    voices: Path, run: Run, spoil: Callable[[Path], None], expected: list[str]
) -> None:
    whole, rest = voices / "whole.h5", voices / "rest.h5"
    assert run("features", voices, whole, "--config", voices / "front.toml").exit_code == 0
    spoil(voices / "ann-2.wav")
    result = run("features", voices, rest, "--config", voices / "front.toml", "--skip-bad")
    assert result.exit_code == 0, result.output
    (line,) = result.stderr.splitlines()
    for words in ("gmmspeech: skipped: ", "utterance ann-2", *expected):
        assert words in line
    assert result.stdout.splitlines()[-1].startswith("5 utterances, ")
    assert result.stdout.splitlines()[-1].endswith(" 1 skipped")
    with gs.FeatureStore(whole) as a, gs.FeatureStore(rest) as b:
        assert list(b) == [u for u in a if u != "ann-2"]
        for utterance in b:
            np.testing.assert_array_equal(a[utterance], b[utterance])


def test_each_skipped_utterance_has_its_line(voices: Path, run: Run) -> None:
    empty(voices / "ann-2.wav")
    silent(voices / "bob-1.wav")
    result = run("features", voices, voices / "f.h5", "--config", voices / "front.toml", "--skip-bad")
    assert [line.split()[2:4] for line in result.stderr.splitlines()] == [
        ["utterance", "ann-2:"],
        ["utterance", "bob-1:"],
    ]
    assert result.stdout.splitlines()[-1].endswith(" 2 skipped")


def test_all_bad_is_an_error_though_bad_ones_are_skipped(voices: Path, run: Run) -> None:
    for path in voices.glob("*.wav"):
        empty(path)
    words = ("features", voices, voices / "f.h5", "--config", voices / "front.toml", "--skip-bad")
    fails(run, voices, words, "all 6 utterances are bad", "ann-1.wav: found 0 bytes")


def test_a_channel_of_a_stereo_recording(voices: Path, run: Run) -> None:
    words = ("features", voices, voices / "f.h5", "--config", voices / "front.toml", "--channel")
    for path in voices.glob("*.wav"):
        stereo(path)
    assert run(*words, 1).exit_code == 0
    fails(run, voices, (*words, 2), "ann-1", "channel 2 of 2", "expected 0 to 1")


def test_another_rate_is_converted_on_request(voices: Path, run: Run) -> None:
    for path in voices.glob("*.wav"):
        other_rate(path)
    front = voices / "front.toml"
    front.write_text("resample = true\n" + front.read_text())
    result = run("features", voices, voices / "f.h5", "--config", front)
    assert result.exit_code == 0, result.output


def test_python_functions_warn_of_a_signal_shorter_than_a_frame() -> None:
    for function, columns in ((gs.mfcc, 13), (gs.fbank, 23)):
        with pytest.warns(gs.GmmSpeechWarning, match="signal of 199 samples has no frame, expected at least 200"):
            frames = function(noise()[:199], RATE)
        assert frames.shape == (0, columns)
        assert frames.dtype == np.float32


# --- lists ---------------------------------------------------------------------------------------------------------

BAD_LISTS = {
    "wav.scp twice": ("wav.scp", lambda t: t + "ann-1 ann-1.wav\n", ["wav.scp:7", "ann-1 again", "line 1"]),
    "utt2spk twice": ("utt2spk", lambda t: t + "ann-1 ann\n", ["utt2spk:7", "ann-1 again", "line 1"]),
    "blank first": ("utt2spk", lambda t: " " + t, ["utt2spk:1", "found a blank before ann-1"]),
    "tab first": ("wav.scp", lambda t: t + "\tann-9 a.wav\n", ["wav.scp:7", "found a blank before ann-9"]),
    "empty line": ("utt2spk", lambda t: t.replace("ann-2", "\nann-2"), ["utt2spk:2", "found an empty line"]),
    "empty last line": ("wav.scp", lambda t: t + "\n", ["wav.scp:7", "found an empty line"]),
    "blank in a name": ("utt2spk", lambda t: t.replace("ann-1 ann", "ann-1 ann smith"), ["utt2spk:1", "3 fields"]),
    "id alone": ("wav.scp", lambda t: t.replace("ann-1 ann-1.wav", "ann-1"), ["wav.scp:1", "found ann-1 alone"]),
    "a command": ("wav.scp", lambda t: t.replace("ann-1.wav", "sox a - |"), ["wav.scp:1", "commands are not run"]),
    "no speaker": ("utt2spk", lambda t: t.replace("ann-1 ann\n", ""), ["wav.scp: found utterance ann-1", "utt2spk"]),
    "no recording": ("utt2spk", lambda t: t + "eve-1 eve\n", ["utt2spk: found utterance eve-1", "wav.scp"]),
    "nothing": ("wav.scp", lambda t: "", ["wav.scp: found 0 bytes, expected one entry a line"]),
    "not UTF-8": ("utt2spk", lambda t: t.encode() + b"j\xfcrg-1 j\n", ["utt2spk:7", "byte 0xfc", "expected UTF-8"]),
}


@pytest.mark.parametrize("case", BAD_LISTS)
def test_a_bad_list(voices: Path, run: Run, case: str) -> None:
    name, spoil, expected = BAD_LISTS[case]
    content = spoil((voices / name).read_text())
    (voices / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    words = ("features", voices, voices / "f.h5", "--config", voices / "front.toml", "--skip-bad")
    fails(run, voices, words, *expected)


@pytest.mark.parametrize("name", ["wav.scp", "utt2spk"])
def test_a_missing_list(voices: Path, run: Run, name: str) -> None:
    (voices / name).unlink()
    fails(run, voices, ("features", voices, voices / "f.h5"), name, "No such file")


def test_a_missing_data_directory(voices: Path, run: Run) -> None:
    fails(run, voices, ("features", voices / "nowhere", voices / "f.h5"), "nowhere: no such folder", "expected a data")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("s1 ann-2 0 0.1", ["segments:2", "s1 again", "line 1"]),
        ("s2 eve-1 0 0.1", ["segments:2", "recording eve-1", "wav.scp"]),
        ("s2 ann-2 0.2 0.1", ["segments:2", "found 0.2 0.1", "start < end"]),
        ("s2 ann-2 0", ["segments:2", "3 fields"]),
        ("s2 ann-2 0 9", ["utterance s2", "ann-2.wav: piece ends at 9.0 s", "0.500 s"]),
    ],
)
def test_bad_segments(voices: Path, run: Run, line: str, expected: list[str]) -> None:
    (voices / "segments").write_text(f"s1 ann-1 0 0.3\n{line}\n")
    (voices / "utt2spk").write_text("s1 ann\ns2 ann\n")
    fails(run, voices, ("features", voices, voices / "f.h5", "--config", voices / "front.toml"), *expected)


def test_an_utterance_in_two_data_directories(voices: Path, run: Run) -> None:
    words = ("features", voices, voices, voices / "f.h5", "--config", voices / "front.toml")
    fails(run, voices, words, "utterance ann-1 again", "expected each once")


def test_blanks_and_line_ends_that_do_no_harm(voices: Path, run: Run) -> None:
    for name in ("wav.scp", "utt2spk"):
        (voices / name).write_bytes((voices / name).read_bytes().replace(b" ", b" \t").replace(b"\n", b" \r\n"))
    result = run("features", voices, voices / "f.h5", "--config", voices / "front.toml")
    assert result.exit_code == 0, result.output


# --- configurations ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("num_ceps", "num_cep", ["[features] unknown key 'num_cep'", "'num_ceps'"]),
        ("sample_frequency", "sample_freq", ["unknown key 'sample_freq'", "'sample_frequency'"]),
        ("[vad]", "[vads]", ["unknown key 'vads'", "'vad'"]),
        ('"relative"', '"relativ"', ["[vad] method: found 'relativ'", "'relative'"]),
        ("num_ceps = 6", 'num_ceps = "6"', ["[features] num_ceps: found '6', expected", "integer"]),
        ("num_ceps = 6", "num_ceps = 99", ["num_ceps: found 99, expected at most num_mel_bins, 23"]),
        ("= 6", "=", ["not readable as TOML"]),
    ],
)
def test_a_bad_configuration(voices: Path, run: Run, old: str, new: str, expected: list[str]) -> None:
    front = voices / "front.toml"
    front.write_text(front.read_text().replace(old, new))
    fails(run, voices, ("features", voices, voices / "f.h5", "--config", front), "front.toml: ", *expected)
    says(run("show", front), *expected)


def test_a_configuration_that_is_not_there(voices: Path, run: Run) -> None:
    for words in (("features", voices, voices / "f.h5", "--config", "no-such"), ("show", "no-such.toml")):
        fails(run, voices, words, "no-such", "no such file", "clean_speech, mfcc_htk")


# --- frames and models ---------------------------------------------------------------------------------------------


def test_fewer_frames_than_components(scored: Path, run: Run) -> None:
    fails(run, scored, ("train-ubm", scored / "f.h5", scored / "u.h5", "-k", 999), "found 288 frames", "999")
    words = ("train-classifier", scored / "f.h5", scored / "utt2spk", scored / "c.h5", "-k", 200)
    fails(run, scored, words, "class ann", "found 144 frames", "200")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_frames_that_are_no_numbers(scored: Path, run: Run, value: float) -> None:
    with gs.FeatureStore(scored / "f.h5") as store:
        frames = {utterance: store[utterance] for utterance in store}
    frames["ann-2"] = frames["ann-2"].copy()
    frames["ann-2"][5, 3] = value
    kaldiio.save_ark(str(scored / "f.ark"), frames, scp=str(scored / "f.scp"))
    feats = f"scp:{scored / 'f.scp'}"
    expected = "utterance ann-2", f"found {value}", "frame 5", "column 3", "expected finite"
    fails(run, scored, ("train-ubm", feats, scored / "u.h5", "-k", 4), *expected)
    fails(run, scored, ("enroll", scored / "u.h5", feats, scored / "enroll", scored / "m.h5"), *expected)
    (scored / "trials").write_text("ann ann-2\n")
    fails(run, scored, ("score", scored / "m.h5", feats, scored / "trials", scored / "scores"), *expected)
    fails(run, scored, ("train-classifier", feats, scored / "utt2spk", scored / "c.h5"), *expected)
    fails(run, scored, ("classify", scored / "c.h5", feats), *expected)


def test_frames_of_another_front_end(scored: Path, run: Run) -> None:
    other, front = scored / "other.h5", scored / "front.toml"
    front.write_text(front.read_text().replace("num_ceps = 6", "num_ceps = 7"))
    assert run("features", scored, other, "--config", front).exit_code == 0
    expected = "other.h5: found frames with features.num_ceps = 7, expected features.num_ceps = 6"
    fails(run, scored, ("enroll", scored / "u.h5", other, scored / "enroll", scored / "m.h5"), expected)
    fails(run, scored, ("score", scored / "m.h5", other, scored / "trials", scored / "scores"), expected)
    fails(run, scored, ("classify", scored / "c.h5", other), expected)


def test_archives_with_another_number_of_columns(scored: Path, run: Run) -> None:
    kaldiio.save_ark(
        str(scored / "f.ark"),
        {u: np.ones((9, 7), np.float32) for u in ("ann-1", "ann-2", "ann-3", "bob-1", "bob-2", "bob-3")},
        scp=str(scored / "f.scp"),
    )
    feats = f"scp:{scored / 'f.scp'}"
    for words in (
        ("enroll", scored / "u.h5", feats, scored / "enroll", scored / "m.h5"),
        ("score", scored / "m.h5", feats, scored / "trials", scored / "scores"),
        ("classify", scored / "c.h5", feats),
    ):
        fails(run, scored, words, "7 columns", "6")


def test_a_bad_archive(scored: Path, run: Run) -> None:
    ark, scp = scored / "f.ark", scored / "f.scp"
    kaldiio.save_ark(str(ark), {"ann-1": np.ones((50, 6), np.float32)}, scp=str(scp))
    words = ("train-ubm", f"scp:{scp}", scored / "u.h5", "-k", 4)
    ark.write_bytes(ark.read_bytes()[:200])
    fails(run, scored, words, "utterance ann-1", "f.ark", "can't be read")
    ark.unlink()
    fails(run, scored, words, "f.ark")
    scp.write_text("ann-1 gunzip -c f.ark.gz |\n")
    fails(run, scored, words, "ann-1", "commands are not run")


# --- files of ours -------------------------------------------------------------------------------------------------


def commands_that_read(scored: Path, name: str) -> list[tuple[object, ...]]:
    f, u, m, c = (scored / f"{letter}.h5" for letter in "fumc")
    return {
        "f.h5": [
            ("train-ubm", f, u),
            ("enroll", u, f, scored / "enroll", m),
            ("score", m, f, scored / "trials", scored / "scores"),
            ("train-classifier", f, scored / "utt2spk", c),
            ("classify", c, f),
            ("show", f),
        ],
        "u.h5": [("enroll", u, f, scored / "enroll", m), ("show", u)],
        "m.h5": [
            ("score", m, f, scored / "trials", scored / "scores"),
            ("evaluate", scored / "scores", scored / "trials", "--models", m, "--report", scored / "report"),
            ("show", m),
        ],
        "c.h5": [("classify", c, f), ("show", c)],
    }[name]


@pytest.mark.parametrize("name", ["f.h5", "u.h5", "m.h5", "c.h5"])
def test_a_file_that_is_damaged_or_of_another_kind(scored: Path, run: Run, name: str) -> None:
    path = scored / name
    whole = path.read_bytes()
    for words in commands_that_read(scored, name):
        for length in (0, 7, 100, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:length])
            fails(run, scored, words, f"{name}: ", "HDF5")
        path.write_text("this is text\n" * 999)
        fails(run, scored, words, f"{name}: ", "HDF5")
        path.unlink()
        fails(run, scored, words, name, "no such file")
        shutil.copy(scored / {"f.h5": "u.h5"}.get(name, "f.h5"), path)
        if words[0] != "show":
            fails(run, scored, words, f"{name}: found gmmspeech ", ", expected gmmspeech ")
        with h5py.File(path, "w") as file:
            file["something"] = [1, 2, 3]
        fails(run, scored, words, f"{name}: found HDF5 of another kind")
        path.write_bytes(whole)
        with h5py.File(path, "r+") as file:
            file.attrs["format_version"] = 99
        fails(run, scored, words, f"{name}: ", "version 99", "reads up to 1")
        path.write_bytes(whole)


def test_a_model_of_another_kind(scored: Path, run: Run) -> None:
    f, u, m = scored / "f.h5", scored / "u.h5", scored / "m.h5"
    fails(run, scored, ("enroll", m, f, scored / "enroll", m), "m.h5: found a SpeakerVerifier, expected a mixture")
    fails(run, scored, ("score", u, f, scored / "trials", scored / "s"), "u.h5: found a DiagonalGMM, expected enrolled")
    fails(run, scored, ("classify", u, f), "u.h5: found a DiagonalGMM, expected a classifier")


@pytest.mark.parametrize("name", ["u.h5", "m.h5", "c.h5"])
def test_a_model_with_a_part_missing(scored: Path, run: Run, name: str) -> None:
    whole = (scored / name).read_bytes()
    with h5py.File(scored / name, "r") as file:
        parts: list[str] = []
        file.visititems(lambda part, item: parts.append(part) if isinstance(item, h5py.Dataset) else None)
    for part in parts:
        with h5py.File(scored / name, "r+") as file:
            del file[part]
        fails(run, scored, ("show", scored / name), f"{name}: damaged")
        (scored / name).write_bytes(whole)


def test_a_front_end_that_is_damaged(scored: Path, run: Run) -> None:
    for text in ("{broken", "[]", json.dumps({"deltas": 7})):
        with h5py.File(scored / "f.h5", "r+") as file:
            file.attrs["front_end"] = text
        for words in (("show", scored / "f.h5"), ("classify", scored / "c.h5", scored / "f.h5")):
            fails(run, scored, words, "f.h5", "front end")


# --- enrolment, trials and scores ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ann eve-1", ["model ann", "utterance eve-1", "f.h5"]),
        ("ann", ["enroll:1", "found ann alone"]),
        ("ann ann-1 ann-1", ["enroll:1", "found ann-1 twice for ann"]),
        ("ann ann-1\nann ann-2", ["enroll:2", "ann again", "line 1"]),
        (" ann ann-1", ["enroll:1", "found a blank before ann"]),
    ],
)
def test_a_bad_enrolment(scored: Path, run: Run, line: str, expected: list[str]) -> None:
    (scored / "enroll").write_text(line + "\n")
    words = ("enroll", scored / "u.h5", scored / "f.h5", scored / "enroll", scored / "m.h5")
    fails(run, scored, words, *expected)


@pytest.mark.parametrize("update", ["", "x", "mx"])
def test_an_unknown_part_to_adapt(scored: Path, run: Run, update: str) -> None:
    words = ("enroll", scored / "u.h5", scored / "f.h5", scored / "enroll", scored / "m.h5", "--update", update)
    fails(run, scored, words, "update", repr(update), "expected")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ann ann-3 true", ["trials:5", "found 'true'", "expected model test target or nontarget"]),
        ("ann ann-1", ["trials:5", "2 fields", "expected model test target or nontarget"]),
        ("ann ann-1 target 3", ["trials:5", "4 fields"]),
        (" ann ann-1 target", ["trials:5", "found a blank before ann"]),
        ("ann ann-3 target", ["trials:5", "model ann, test ann-3 again", "line 1"]),
        ("eve ann-3 target", ["model eve is not enrolled"]),
        ("ann eve-3 nontarget", ["test eve-3", "f.h5"]),
    ],
)
def test_bad_trials(scored: Path, run: Run, line: str, expected: list[str]) -> None:
    (scored / "trials").write_text((scored / "trials").read_text() + line + "\n")
    words = ("score", scored / "m.h5", scored / "f.h5", scored / "trials", scored / "scores")
    fails(run, scored, words, *expected)


def test_bad_groups(scored: Path, run: Run) -> None:
    words = ("score", scored / "m.h5", scored / "f.h5", scored / "trials", scored / "scores", "--groups")
    (scored / "groups").write_text("ann-3 ann-1 ann-2\n")
    fails(run, scored, (*words, scored / "groups"), "test bob-3", "group")
    (scored / "groups").write_text("ann-3 ann-1 ann-2\nbob-3 eve-1\n")
    fails(run, scored, (*words, scored / "groups"), "test bob-3", "utterance eve-1", "f.h5")


def test_top_c_of_another_scoring(scored: Path, run: Run) -> None:
    words = ("score", scored / "m.h5", scored / "f.h5", scored / "trials", scored / "scores", "--top-c", 2)
    fails(run, scored, (*words, "--scoring", "symmetric"), "top_c", "symmetric", "frames")


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda t: t.replace("ann ann-3", "ann eve-3"), ["model ann, test ann-3", "found no score (1 such of 4)"]),
        (lambda t: "ann ann-3 nan\n" + t, ["scores:1", "found 'nan'", "expected a number"]),
        (lambda t: "ann ann-3 high\n" + t, ["scores:1", "found 'high'"]),
        (lambda t: "ann ann-3\n" + t, ["scores:1", "2 fields"]),
        (lambda t: t + "ann ann-3 1.0\n", ["scores:5", "model ann, test ann-3 again"]),
        (lambda t: "", ["scores: found 0 bytes"]),
    ],
)
def test_bad_scores(scored: Path, run: Run, spoil: Callable[[str], str], expected: list[str]) -> None:
    (scored / "scores").write_text(spoil((scored / "scores").read_text()))
    fails(run, scored, ("evaluate", scored / "scores", scored / "trials", "--report", scored / "report"), *expected)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda t: t.replace("nontarget", "target"), ["nontarget"]),
        (lambda t: t.replace(" nontarget", " target").replace(" target", " nontarget"), ["target"]),
        (lambda t: t.replace(" nontarget", "").replace(" target", ""), ["trials", "no labels", "target or nontarget"]),
    ],
)
def test_trials_that_give_no_figures(scored: Path, run: Run, spoil: Callable[[str], str], expected: list[str]) -> None:
    (scored / "trials").write_text(spoil((scored / "trials").read_text()))
    fails(run, scored, ("evaluate", scored / "scores", scored / "trials", "--report", scored / "report"), *expected)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("eve-1 eve", ["f.h5", "no utterance eve-1", "6"]),
        ("ann-1 ann", ["utt2spk:7", "ann-1 again"]),
        ("ann-9 ann smith", ["utt2spk:7", "3 fields"]),
    ],
)
def test_bad_classes(scored: Path, run: Run, line: str, expected: list[str]) -> None:
    (scored / "utt2spk").write_text((scored / "utt2spk").read_text() + line + "\n")
    fails(run, scored, ("train-classifier", scored / "f.h5", scored / "utt2spk", scored / "c.h5", "-k", 2), *expected)
    says(run("classify", scored / "c.h5", scored / "f.h5", "--reference", scored / "utt2spk"), *expected)
