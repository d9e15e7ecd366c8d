"""Recordings of any rate and number of channels are converted, and told of in one line."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

import gmmspeech as gs
from gmmspeech.audio import AudioFormat
from gmmspeech.commands.conversion import audio_formats, conversion_note
from gmmspeech.commands.phones import features_of
from gmmspeech.errors import AudioError, GmmSpeechWarning


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
