"""Long quiet around speech is left out, and times are those of the recording."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import soundfile

import gmmspeech as gs
from gmmspeech.commands import quiet_edges
from gmmspeech.commands.alignment import align_dir
from gmmspeech.commands.quiet_edges import loud_part, without_quiet_edges
from gmmspeech.errors import GmmSpeechWarning
from gmmspeech.formats.datadir import load_utterance
from gmmspeech.formats.labels.textgrid import read_timed_textgrid

RATE = 8000


def quiet(kind: str, seconds: float, rate: int) -> np.ndarray:
    rng, n = np.random.default_rng(0), round(seconds * rate)
    return {"zeros": np.zeros(n), "dither": rng.integers(-1, 2, n) / 32768, "hiss": rng.normal(0, 3e-4, n)}[kind]


@pytest.mark.parametrize("kind", ["dither", "hiss"])
@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(0, 30, (0.0, 1.3)), (30, 0, (29.7, None)), (5, 5, (4.7, 6.3)), (0.5, 0.5, (0.0, None)), (0, 0, (0.0, None))],
)
def test_edges_of_a_second_of_sound(kind, before, after, expected):
    sound = np.random.default_rng(1).normal(0, 0.1, RATE)
    parts = [quiet(kind, before, RATE), sound, quiet(kind, after, RATE)]
    assert loud_part(np.concatenate(parts), RATE) == pytest.approx(expected)


@pytest.mark.parametrize("offset", [0.0, 0.2])
@pytest.mark.parametrize("leak", [0.0, 1e-7])
def test_none_of_digital_silence_is_kept(offset, leak):
    sound = np.concatenate([quiet("hiss", 0.2, RATE), np.random.default_rng(1).normal(0, 0.1, RATE)])
    signal = np.concatenate([np.zeros(RATE // 4), sound, np.zeros(RATE)]) + offset
    signal += leak * np.random.default_rng(2).uniform(-1, 1, len(signal))
    assert loud_part(signal, RATE) == pytest.approx((0.25, 1.45), abs=0.001)
    assert loud_part(signal[RATE // 4 - 80 : -RATE + 80], RATE) == (0.0, None)  # less than a block


@pytest.mark.parametrize(("snr", "expected"), [(20, (1.7, 3.3)), (10, (0.0, None))])
def test_noise_that_stays_as_it_is_counts_as_quiet_where_words_are_louder(snr, expected):
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 0.1 * 10 ** (-snr / 20), 5 * RATE)
    noise[2 * RATE : 3 * RATE] += rng.normal(0, 0.1, RATE)
    assert loud_part(noise, RATE) == pytest.approx(expected)
    if snr == 20:
        noise[RATE // 4 : RATE // 4 + RATE // 10] *= 10  # somebody who is softer than the word
        assert loud_part(noise, RATE) == pytest.approx((0.0, expected[1]))


def test_nothing_is_left_out_where_some_of_it_is_as_loud():
    signal, sound = np.zeros(30 * RATE), np.random.default_rng(0).normal(0, 0.1, 30 * RATE)
    assert loud_part(signal, RATE) == loud_part(sound[:9], RATE) == loud_part(sound[:0], RATE) == (0.0, None)
    assert loud_part(sound, RATE) == (0.0, None)
    signal[:RATE] = 5 * sound[:RATE]
    signal[-RATE:] = sound[-RATE:] * 2
    assert loud_part(signal, RATE) == (0.0, None)
    signal[15 * RATE :] = sound[15 * RATE :] / 100
    assert loud_part(signal, RATE) == pytest.approx((0.0, 1.3))
    assert loud_part(np.append(signal, np.nan), RATE) == (0.0, None)


def test_times_are_those_without_the_quiet(synthetic_voices: Path, tmp_path: Path) -> None:
    source = sorted((synthetic_voices / "audio").glob("*.wav"))[0]
    text = gs.read_data_dir(synthetic_voices / "data" / "all").text[source.stem]
    x, rate = soundfile.read(source)
    found = {}
    for name, before, after in (("bare", 0, 0), ("tail", 0, 30), ("head", 20, 0)):
        folder = tmp_path / name / "ann"
        folder.mkdir(parents=True)
        soundfile.write(folder / "a.wav", np.concatenate([np.zeros(before * rate), x, np.zeros(after * rate)]), rate)
        (folder / "a.txt").write_text(text)
        if name == "bare":
            align_dir(tmp_path / name, None, None, out=tmp_path / "out" / name)
        else:
            with pytest.warns(
                GmmSpeechWarning, match="left out long silence before or after the speech of 1 recording"
            ):
                align_dir(tmp_path / name, None, None, out=tmp_path / "out" / name)
        end, tiers = read_timed_textgrid(tmp_path / "out" / name / "ann" / "a.TextGrid")
        assert end == pytest.approx(before + after + len(x) / rate)
        found[name] = np.array([label[:2] for label in tiers["words"] if label.name]) - before
        alone = gs.align_file(folder / "a.wav", text)
        np.testing.assert_allclose([label[:2] for label in alone.words], found[name] + before, atol=1e-3)
    for name in ("tail", "head"):
        moved = np.abs(found[name] - found["bare"])
        assert np.median(moved) < 0.02
        assert (moved < 0.1).mean() > 0.9
    shutil.rmtree(tmp_path / "out")


def test_one_recording_has_the_times_of_its_folder_if_its_text_is_too_long_for_quiet(synthetic_voices, tmp_path):
    x, rate = soundfile.read(sorted((synthetic_voices / "audio").glob("*.wav"))[0])
    (tmp_path / "ann").mkdir()
    soundfile.write(tmp_path / "ann" / "a.wav", np.concatenate([np.zeros(rate), x]), rate)
    text = "One two three" + "." * 99  # as many letters as fill the recording
    (tmp_path / "ann" / "a.txt").write_text(text)
    (found,) = align_dir(tmp_path, None, None).alignments.values()
    assert gs.align_file(tmp_path / "ann" / "a.wav", text).phones == found.phones


@pytest.mark.parametrize(("before", "level", "whole"), [(0, 0.1, False), (20, 0.1, True), (0, 0.001, True)])
def test_of_long_recordings_with_loud_edges_only_these_are_read(tmp_path, monkeypatch, before, level, whole):
    bursts = np.repeat(np.arange(60 * 10) % 2, RATE // 10) + 0.01
    sound = np.random.default_rng(1).normal(0, level, 60 * RATE) * bursts
    sound = np.concatenate([quiet("dither", before, RATE), sound])
    (tmp_path / "ann").mkdir()
    soundfile.write(tmp_path / "ann" / "a.wav", sound, RATE)
    (tmp_path / "ann" / "a.txt").write_text("ah")
    read = []

    def load(data, name, **options):
        found = load_utterance(data, name, **options)
        read.append(len(found[0]) / RATE)
        return found

    monkeypatch.setattr(quiet_edges, "load_utterance", load)
    data = gs.formats.read_recordings(tmp_path)[0]
    with pytest.warns(GmmSpeechWarning) if before else nullcontext():
        found = without_quiet_edges(data, "mix")
    assert (found is data) == (before == 0)
    assert (max(read) > 10) == whole
