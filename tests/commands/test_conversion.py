"""Recordings of any rate and number of channels are converted, and told of in one line."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

import gmmspeech as gs
from gmmspeech.audio import AudioFormat
from gmmspeech.commands.conversion import audio_formats, conversion_note, known_seconds, readable_utterances
from gmmspeech.commands.phone_features import features_of
from gmmspeech.errors import AudioError, DataError, GmmSpeechWarning


@pytest.mark.parametrize(
    ("formats", "channel", "expected"),
    [
        ([(16000, 1), (16000, 1)], "mix", ""),
        ([(16000, 2), (16000, 1)], "mix", "mixed 1 of 2 recordings from two channels"),
        ([(16000, 2)], 0, ""),
        ([(8000, 1), (44100, 1), (48000, 1)], 0, "resampled 3 of 3 recordings from 8000, 44100 and 48000 Hz to 16000"),
        (
            [(8000, 1), (44100, 2), (16000, 8)],
            "mix",
            "resampled 2 of 3 recordings from 8000 and 44100 Hz to 16000; mixed 2 of 3 from two and 8 channels",
        ),
    ],
)
def test_what_is_told(formats, channel, expected) -> None:
    assert conversion_note([AudioFormat(*found, 100) for found in formats], 16000, channel) == expected


def test_frames_are_those_of_what_was_converted_before(tmp_path) -> None:
    rng = np.random.default_rng(0)
    signal = (rng.standard_normal(44100) / 8).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", np.stack([signal, -0.5 * signal], axis=1), 44100, subtype="FLOAT")
    soundfile.write(tmp_path / "b.wav", signal, 44100, subtype="FLOAT")
    (tmp_path / "wav.scp").write_text("a a.wav\nb b.wav\nc c.wav\n")
    (tmp_path / "utt2spk").write_text("a s\nb t\nc t\n")
    front = gs.FrontEnd.from_toml("phones")
    data = gs.read_data_dir(tmp_path)
    assert audio_formats(data) == {"a": AudioFormat(44100, 2, 44100), "b": AudioFormat(44100, 1, 44100)}
    data = data.only(["a", "b"])
    told = r"^resampled 2 of 2 recordings from 44100 Hz to 16000; mixed 1 of 2 from two channels$"
    with pytest.warns(GmmSpeechWarning, match=told), features_of(data, front) as (store, done):
        mixed, other = store["a"], store["b"]
    assert done.num_utterances == 2
    halved = gs.audio.resample(signal / np.float32(4), 44100, 16000)
    np.testing.assert_allclose(mixed, front(halved, 16000), atol=1e-3)
    np.testing.assert_allclose(other, front(gs.audio.resample(signal, 44100, 16000), 16000), atol=1e-5)
    second = gs.audio.resample(np.float32(-0.5) * signal, 44100, 16000)
    with pytest.warns(GmmSpeechWarning, match=r"from 44100 Hz to 16000$"):
        np.testing.assert_allclose(_frames(data, front, "a"), front(second, 16000), atol=1e-3)
    with pytest.warns(GmmSpeechWarning), pytest.raises(AudioError, match=r"utterance b: .*channel 1 of 1"):
        _frames(data, front, "b")


def _frames(data, front, utterance):
    with features_of(data.only([utterance]), front, channel=1) as (store, _):
        return store[utterance]


@pytest.mark.parametrize(("of_second", "told"), [("1", 1), ("", 2)])
def test_channels_that_segments_choose_are_not_mixed(of_second, told, tmp_path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((800, 2)), 8000)
    (tmp_path / "wav.scp").write_text("a a.wav\n")
    (tmp_path / "segments").write_text(f"u a 0 0.05 0\nv a 0.05 0.1 {of_second}\n")
    (tmp_path / "utt2spk").write_text("u s\nv s\n")
    assert audio_formats(gs.read_data_dir(tmp_path)) == {"a": AudioFormat(8000, told, 800)}


def test_utterances_that_can_be_read(tmp_path) -> None:
    """Segments are as long as they say, the last to the end of its recording; what is no audio is left out."""
    for name, rate in (("a", 8000), ("b", 16000)):
        soundfile.write(tmp_path / f"{name}.wav", np.zeros(2 * rate), rate)
    (tmp_path / "c.wav").write_text("no audio")
    (tmp_path / "wav.scp").write_text("".join(f"{name} {tmp_path}/{name}.wav\n" for name in "abc"))
    (tmp_path / "segments").write_text("a1 a 0.5 0.75\na2 a 1.5 -1\nb1 b 0 2\nc1 c 0 1\n")
    (tmp_path / "utt2spk").write_text("a1 a\na2 a\nb1 b\nc1 c\n")
    data, left_out = gs.read_data_dir(tmp_path), {}
    assert readable_utterances(data, left_out) == ({"a1": 0.25, "a2": 0.5, "b1": 2.0}, [8000, 16000])
    assert list(left_out) == ["c1"]
    with pytest.raises(DataError, match=f"{tmp_path.name}: found no recording that can be read; the first: "):
        readable_utterances(data.only(["c1"]), {})


def test_how_long_utterances_are_as_far_as_it_is_known(tmp_path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(16000, np.int16), 16000)
    (tmp_path / "b.wav").touch()
    (tmp_path / "wav.scp").write_text("a a.wav\nb b.wav\n")
    (tmp_path / "utt2spk").write_text("a s\nb s\n")
    assert known_seconds(gs.read_data_dir(tmp_path)) == {"a": 1.0}
    (tmp_path / "utt2dur").write_text("b 2.5\n")
    assert known_seconds(gs.read_data_dir(tmp_path)) == {"a": 1.0, "b": 2.5}
    (tmp_path / "utt2dur").write_text("b long\n")
    with pytest.raises(DataError, match=r"utt2dur: found 'long' for b, expected seconds"):
        known_seconds(gs.read_data_dir(tmp_path))
    (tmp_path / "utt2dur").unlink()
    (tmp_path / "segments").write_text("u a 0.25 0.75\nv a 0.5 1.25\nw b 1 3\n")  # the second beyond the end
    (tmp_path / "utt2spk").write_text("u s\nv s\nw s\n")
    assert known_seconds(gs.read_data_dir(tmp_path)) == {"u": 0.5, "v": 0.5, "w": 2.0}
