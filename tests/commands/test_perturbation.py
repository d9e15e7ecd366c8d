"""Perturbed copies of data directories: tones, powers and lists that are known beforehand."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly, welch

from gmmspeech.commands.data_checks import validate_data
from gmmspeech.commands.perturbation import (
    perturb_data,
    reverberated,
    sloped_noise,
    to_int16,
    with_noise,
    within_range,
)
from gmmspeech.errors import AudioError, ConfigError, DataError
from gmmspeech.formats.datadir import load_utterance, read_data_dir, read_map

RATE = 8000
RNG = np.random.default_rng(0)
NOISE = RNG.normal(0, 0.1, 3000).astype(np.float32)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One recording of two utterances, by two speakers, in segments."""
    folder = tmp_path / "data"
    folder.mkdir()
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(2 * RATE) / RATE)
    soundfile.write(folder / "call.wav", tone, RATE)
    lists = {
        "wav.scp": ["call call.wav"],
        "segments": ["ann-1 call 0 1", "bob-1 call 1 1.5"],
        "utt2spk": ["ann-1 ann", "bob-1 bob"],
        "text": ["ann-1 so it is", "bob-1 yes"],
        "spk2gender": ["ann f", "bob m"],
        "utt2num_frames": ["ann-1 98", "bob-1 48"],
    }
    for name, lines in lists.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    soundfile.write(tmp_path / "noise.wav", NOISE, RATE)
    return folder


@pytest.mark.parametrize("speed", [0.9, 1.1])
def test_another_speed_changes_pitch_length_and_names(data: Path, tmp_path: Path, speed: float) -> None:
    out = tmp_path / "out"
    assert perturb_data(data, out, speed=speed) == (2, ["segments", "utt2num_frames"])
    found = read_data_dir(out)
    prefix = f"sp{speed}-"
    assert found.utterances == (f"{prefix}ann-1", f"{prefix}bob-1")
    assert found.segments is None
    assert found.text == {f"{prefix}ann-1": "so it is", f"{prefix}bob-1": "yes"}
    assert read_map(out / "spk2gender") == {f"{prefix}ann": "f", f"{prefix}bob": "m"}
    assert read_map(out / "utt2uniq") == {f"{prefix}ann-1": "ann-1", f"{prefix}bob-1": "bob-1"}
    assert validate_data(out) == []
    signal, rate = load_utterance(found, f"{prefix}ann-1")
    assert (rate, len(signal)) == (RATE, round(RATE / speed))
    spectrum = np.abs(np.fft.rfft(signal * np.hanning(len(signal)), RATE * 2))
    assert abs(np.argmax(spectrum) / 2 - 1000 * speed) <= 0.5
    original, _ = load_utterance(read_data_dir(data), "ann-1")
    expected = resample_poly(original, 10, round(speed * 10))[: len(signal)]
    np.testing.assert_allclose(signal[500:-500], expected[500:-500], atol=2e-3)


@pytest.mark.parametrize("snr", [-5.0, 10.0])
def test_noise_lies_as_far_below_the_speech_as_asked_for(data: Path, tmp_path: Path, snr: float) -> None:
    out = tmp_path / "out"
    assert perturb_data(data, out, noise=tmp_path / "noise.wav", snr=snr)[0] == 2
    found, before = read_data_dir(out), read_data_dir(data)
    assert found.utt2spk == {f"ann-1-snr{snr:g}": "ann", f"bob-1-snr{snr:g}": "bob"}
    assert validate_data(out) == []
    for name in before.utterances:
        clean, _ = load_utterance(before, name)
        noisy, _ = load_utterance(found, f"{name}-snr{snr:g}")
        scale = noisy @ clean / (clean @ clean)  # below 1 where 16 bits do not hold the sum
        rest = noisy - scale * clean
        assert len(noisy) == len(clean)
        assert abs(10 * np.log10(np.mean((scale * clean) ** 2) / np.mean(rest**2)) - snr) < 0.3
        assert np.abs(noisy).max() < 1 or scale < 1


@pytest.mark.parametrize("slope", [0.0, 3.0, 6.0])
def test_noise_falls_by_some_decibels_an_octave(slope: float) -> None:
    frequency, power = welch(sloped_noise(60 * RATE, RATE, slope, np.random.default_rng(0)), RATE, nperseg=1024)
    octaves = [power[(frequency >= low) & (frequency < 2 * low)].mean() for low in (100, 200, 400, 800, 1600)]
    np.testing.assert_allclose(np.diff(10 * np.log10(octaves)), -slope, atol=0.3)
    assert abs(10 * np.log10(power[1:6].mean() / power[7])) < 1  # level where it would be all rumble


def test_noise_is_drawn_by_seed_and_utterance(data: Path, tmp_path: Path) -> None:
    noises = tmp_path / "noises"
    noises.mkdir()
    for i in range(3):
        soundfile.write(noises / f"n{i}.wav", RNG.normal(0, 0.1, 16000), 16000)
    (noises / "wav.scp").write_text("".join(f"n{i} n{i}.wav\n" for i in range(3)))
    (noises / "utt2spk").write_text("".join(f"n{i} n{i}\n" for i in range(3)))

    def made(name: str, seed: int) -> bytes:
        perturb_data(data, tmp_path / name, noise=noises, snr=20, random_state=seed)
        return (tmp_path / name / "wav/bob-1-snr20.wav").read_bytes()

    first = made("a", 0)
    assert made("b", 1) != first
    for name, line in (("segments", "bob-1 call 1 1.5"), ("utt2spk", "bob-1 bob"), ("text", "bob-1 yes")):
        (data / name).write_text(f"{line}\n")
    (data / "utt2num_frames").unlink()
    (data / "spk2gender").unlink()
    assert made("c", 0) == first  # whatever else there is


def test_noise_goes_on_from_its_beginning() -> None:
    signal = np.ones(10, np.float32)
    rng = np.random.default_rng(1)
    begin = np.random.default_rng(1).integers(4)
    noise = np.array([1, -1, 2, -2], np.float32)
    added = with_noise(signal, noise, rng, snr=0) - signal
    expected = np.array([noise[(begin + i) % 4] for i in range(10)])
    np.testing.assert_allclose(added, expected / np.sqrt(np.mean(expected**2)), rtol=1e-6)


def test_reverberation_as_the_convolution_has_it() -> None:
    signal = RNG.normal(0, 0.1, 200).astype(np.float32)
    response = np.concatenate([[0.01, -1.0], 0.4 * 0.9 ** np.arange(50)]).astype(np.float32)
    found = reverberated(signal, response)
    wet = np.array(
        [sum(response[j] * signal[i + 1 - j] for j in range(52) if 0 <= i + 1 - j < 200) for i in range(200)]
    )
    assert np.mean(found.astype(np.float64) ** 2) == pytest.approx(np.mean(signal.astype(np.float64) ** 2), rel=1e-5)
    np.testing.assert_allclose(found, wet * np.sqrt(np.mean(signal**2) / np.mean(wet**2)), atol=1e-5)
    np.testing.assert_allclose(reverberated(signal, np.array([0, 0, 3.0], np.float32)), signal, atol=1e-6)


def test_rooms_of_a_folder_a_list_and_a_file(data: Path, tmp_path: Path) -> None:
    rooms = tmp_path / "rooms"
    (rooms / "small").mkdir(parents=True)
    for i in range(2):
        soundfile.write(rooms / f"small/r{i}.wav", RNG.normal(0, 0.1, 600) * 0.99 ** np.arange(600), 16000)
    (rooms / "rir_list").write_text("".join(f"--rir-id r{i} --room-id 1 small/r{i}.wav\n" for i in range(2)))
    made = {}
    for name, place in (("folder", rooms), ("list", rooms / "rir_list"), ("file", rooms / "small/r0.wav")):
        assert perturb_data(data, tmp_path / name, reverb=place) == (2, ["segments", "utt2num_frames"])
        assert validate_data(tmp_path / name) == []
        found = read_data_dir(tmp_path / name)
        assert found.utt2spk == {"ann-1-reverb": "ann", "bob-1-reverb": "bob"}
        made[name] = load_utterance(found, "ann-1-reverb")[0]
    np.testing.assert_array_equal(made["folder"], made["list"])
    dry = load_utterance(read_data_dir(data), "ann-1")[0]
    assert made["file"].shape == dry.shape
    assert np.mean(made["file"] ** 2) == pytest.approx(np.mean(dry**2), rel=1e-3)
    (rooms / "none").mkdir()
    soundfile.write(tmp_path / "silence.wav", np.zeros(800), RATE)
    for place, error, match in (
        (rooms / "none", DataError, "none: found no recording, expected one response or more"),
        (tmp_path / "silence.wav", AudioError, "utterance ann-1 with response .*: found response that is silent"),
        (rooms / "gone.wav", AudioError, "gone.wav: no such file"),
    ):
        with pytest.raises(error, match=match):
            perturb_data(data, tmp_path / "x", reverb=place)
    assert not (tmp_path / "x").exists()
    with pytest.raises(ConfigError, match="found speed and reverb, expected one of them"):
        perturb_data(data, tmp_path / "x", reverb=rooms, speed=0.9)


def test_samples_of_16_bits_come_back_and_none_is_clipped() -> None:
    every = np.arange(-32768, 32768, dtype=np.int16)
    np.testing.assert_array_equal(to_int16((every / 32768).astype(np.float32)), every)
    loud = np.array([0.5, -2.0], np.float32)
    np.testing.assert_allclose(within_range(loud), loud * 0.5, rtol=1e-4)


def test_what_does_not_go_is_told_and_leaves_nothing(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    soundfile.write(tmp_path / "silence.wav", np.zeros(800), RATE)
    with pytest.raises(AudioError, match=r"utterance ann-1 with noise .*: found noise that is silent"):
        perturb_data(data, out, noise=tmp_path / "silence.wav", snr=10)
    with pytest.raises(ConfigError, match="speed, noise, reverb: found none, expected one of them"):
        perturb_data(data, out)
    with pytest.raises(ConfigError, match="noise: found it without snr"):
        perturb_data(data, out, noise=tmp_path / "noise.wav")
    for wrong in ({"speed": 0.0}, {"speed": float("nan")}, {"speed": 0.9, "random_state": -1}):
        with pytest.raises(ConfigError, match=f"{list(wrong)[-1]}: found .*, expected "):
            perturb_data(data, out, **wrong)
    (data / "call.wav").write_bytes((data / "call.wav").read_bytes()[:20044])
    with pytest.raises(AudioError, match="utterance ann-1"):
        perturb_data(data, out, speed=0.9)
    assert not out.exists()
    out.mkdir()
    with pytest.raises(AudioError, match="utterance ann-1"):
        perturb_data(data, out, speed=0.9)
    assert list(out.iterdir()) == []


def test_a_recording_is_not_replaced(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    perturb_data(data, out, speed=0.9)
    for name in ("wav.scp", "utt2spk"):
        (data / name).write_text((out / name).read_text().replace("sp0.9-", "", 1))
    (data / "segments").unlink()
    for name in ("text", "spk2gender", "utt2num_frames"):
        (data / name).unlink()
    before = {path: path.read_bytes() for path in out.rglob("*.wav")}
    with pytest.raises(DataError, match=r"sp0.9-ann-1.wav: found it as a recording"):
        perturb_data(data, out, speed=0.9)
    assert {path: path.read_bytes() for path in out.rglob("*.wav")} == before
