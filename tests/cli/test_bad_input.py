"""What the command line says of bad input: one line that names it, exit status 1, and nothing half-written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import Result
from said import works

import gmmspeech as gs

RATE = 8000
Run = Callable[..., Result]
Fails = Callable[..., None]


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
    voices: Path, fails: Fails, spoil: Callable[[Path], None], expected: list[str], jobs: int
) -> None:
    out = voices / "f.h5"
    out.write_text("what was there before")
    spoil(voices / "ann-2.wav")
    words = ("features", voices, out, "--config", voices / "front.toml", "--jobs", jobs)
    fails(voices, words, "utterance ann-2", *expected)


@pytest.mark.parametrize(("spoil", "expected"), BAD_RECORDINGS)
def test_a_bad_recording_is_skipped_by_name_and_reason(
    voices: Path, run: Run, spoil: Callable[[Path], None], expected: list[str]
) -> None:
    whole, rest = voices / "whole.h5", voices / "rest.h5"
    assert run("features", voices, whole, "--config", voices / "front.toml").exit_code == 0
    spoil(voices / "ann-2.wav")
    result = works(run("features", voices, rest, "--config", voices / "front.toml", "--skip-bad"))
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


def test_all_bad_is_an_error_though_bad_ones_are_skipped(voices: Path, fails: Fails) -> None:
    for path in voices.glob("*.wav"):
        empty(path)
    words = ("features", voices, voices / "f.h5", "--config", voices / "front.toml", "--skip-bad")
    fails(voices, words, "all 6 utterances are bad", "ann-1.wav: found 0 bytes")


def test_a_channel_of_a_stereo_recording(voices: Path, run: Run, fails: Fails) -> None:
    words = ("features", voices, voices / "f.h5", "--config", voices / "front.toml", "--channel")
    for path in voices.glob("*.wav"):
        stereo(path)
    assert run(*words, 1).exit_code == 0
    fails(voices, (*words, 2), "ann-1", "channel 2 of 2", "expected 0 to 1")


def test_another_rate_is_converted_on_request(voices: Path, run: Run) -> None:
    for path in voices.glob("*.wav"):
        other_rate(path)
    front = voices / "front.toml"
    front.write_text("resample = true\n" + front.read_text())
    works(run("features", voices, voices / "f.h5", "--config", front))


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
def test_a_bad_list(voices: Path, fails: Fails, case: str) -> None:
    name, spoil, expected = BAD_LISTS[case]
    content = spoil((voices / name).read_text())
    (voices / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    words = ("features", voices, voices / "f.h5", "--config", voices / "front.toml", "--skip-bad")
    fails(voices, words, *expected)


@pytest.mark.parametrize(("name", "found"), [("wav.scp", "found no wav.scp"), ("utt2spk", "No such file")])
def test_a_missing_list(voices: Path, fails: Fails, name: str, found: str) -> None:
    (voices / name).unlink()
    fails(voices, ("features", voices, voices / "f.h5"), name, found)


def test_a_missing_data_directory(voices: Path, fails: Fails) -> None:
    fails(voices, ("features", voices / "nowhere", voices / "f.h5"), "nowhere: no such folder", "expected a data")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("s1 ann-2 0 0.1", ["segments:2", "s1 again", "line 1"]),
        ("s2 eve-1 0 0.1", ["segments:2", "recording eve-1", "wav.scp"]),
        ("s2 ann-2 0.2 0.1", ["segments:2", "found 0.2 0.1", "start < end"]),
        ("s2 ann-2 0", ["segments:2", "3 fields"]),
        ("s2 ann-2 0 9", ["utterance s2", "ann-2.wav: segment ends at 9.0 s", "0.500 s"]),
    ],
)
def test_bad_segments(voices: Path, fails: Fails, line: str, expected: list[str]) -> None:
    (voices / "segments").write_text(f"s1 ann-1 0 0.3\n{line}\n")
    (voices / "utt2spk").write_text("s1 ann\ns2 ann\n")
    fails(voices, ("features", voices, voices / "f.h5", "--config", voices / "front.toml"), *expected)


def test_an_utterance_in_two_data_directories(voices: Path, fails: Fails) -> None:
    words = ("features", voices, voices, voices / "f.h5", "--config", voices / "front.toml")
    fails(voices, words, "utterance ann-1 again", "expected each once")


def test_blanks_and_line_ends_that_do_no_harm(voices: Path, run: Run) -> None:
    for name in ("wav.scp", "utt2spk"):
        (voices / name).write_bytes((voices / name).read_bytes().replace(b" ", b" \t").replace(b"\n", b" \r\n"))
    works(run("features", voices, voices / "f.h5", "--config", voices / "front.toml"))


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
def test_a_bad_configuration(voices: Path, fails: Fails, old: str, new: str, expected: list[str]) -> None:
    front = voices / "front.toml"
    front.write_text(front.read_text().replace(old, new))
    fails(voices, ("features", voices, voices / "f.h5", "--config", front), "front.toml: ", *expected)
    fails(voices, ("show", front), *expected)


def test_a_configuration_that_is_not_there(voices: Path, fails: Fails) -> None:
    for words in (("features", voices, voices / "f.h5", "--config", "no-such"), ("show", "no-such.toml")):
        fails(voices, words, "no-such", "no such file", "channels_differ, clean_speech")


def test_a_device_that_the_backend_does_not_have(scored: Path, fails: Fails) -> None:
    words = ("train-ubm", scored / "f.h5", scored / "u.h5", "--backend", "numpy", "--device", "cuda")
    fails(scored, words, "device: found 'cuda' with backend 'numpy', expected backend 'torch'")
