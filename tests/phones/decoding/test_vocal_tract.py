"""Warps of speakers: those whose frames fit a model, or speech that is alike."""

import dataclasses

import numpy as np
import pytest

from gmmspeech.phones.decoding.vocal_tract import choose_warps, frames_at, warps_of_training, warps_of_unknown_speech
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.labels.labels import Label

WARPS = (0.9, 1.0, 1.1)
TRUE = {"ann": 0.9, "bea": 1.0, "carl": 1.1}
DICTIONARY = {"SEE": [["S", "IY"]]}
SOUNDS = {"SIL": 0.0, "S": 9.0, "IY": -9.0}


@pytest.fixture
def speech():
    """Frames at each warp, of two utterances of each speaker: sounds, moved by how wrong the warp is."""
    rng = np.random.default_rng(0)
    said = np.repeat([SOUNDS[p] for p in ("SIL", "S", "IY", "SIL")], 8)
    utt2spk = {f"{name}{i}": name for name in TRUE for i in range(2)}
    plain = {utterance: said[:, None] + rng.normal(0, 0.5, (32, 2)) for utterance in utt2spk}
    frames = {w: {u: x + np.array([0, 20 * (w - TRUE[utt2spk[u]])]) for u, x in plain.items()} for w in WARPS}
    return frames, utt2spk


@pytest.fixture
def model():
    flat = PhoneHMM.from_phones(list(SOUNDS), mean=[0.0, 0.0], variance=[1.0, 1.0], num_states=2)
    means = np.repeat(list(SOUNDS.values()), 2)
    return dataclasses.replace(flat, means=np.stack([means, means], axis=1))


def test_the_warp_that_fits(speech, model):
    frames, utt2spk = speech
    transcripts = {utterance: ["SEE"] for utterance in utt2spk}
    found = choose_warps(model, frames, transcripts, DICTIONARY, utt2spk)
    assert found == TRUE
    fitting = frames_at(found, frames, utt2spk)
    assert list(fitting) == list(utt2spk)
    np.testing.assert_array_equal(fitting["ann1"], frames[0.9]["ann1"])
    del transcripts["bea0"], transcripts["bea1"]  # nobody knows what she says
    assert choose_warps(model, frames, transcripts, DICTIONARY, utt2spk) == TRUE
    transcripts["ann0"] = ["SEE"] * 40  # too much for its frames: the other one tells
    with pytest.warns(match="ann0"):
        assert choose_warps(model, frames, transcripts, DICTIONARY, utt2spk) == TRUE


def test_the_warp_that_fits_what_is_recognized(speech, model):
    frames, utt2spk = speech
    assert warps_of_unknown_speech(model, frames, [["SIL", "S", "IY", "SIL"]], utt2spk) == TRUE


def test_warps_in_training_bring_speakers_together(speech):
    frames, utt2spk = speech
    phones = [Label(0.08 * i, 0.08 * (i + 1), name) for i, name in enumerate(("SIL", "S", "IY", "SIL"))]
    transcripts = {utterance: ["SEE"] for utterance in utt2spk}
    how = (dict.fromkeys(utt2spk, phones), transcripts, DICTIONARY, utt2spk)
    model, found = warps_of_training(frames, *how)
    assert found["ann"] <= found["bea"] <= found["carl"]
    assert found["ann"] < found["carl"]
    together = np.stack(list(frames_at(found, frames, utt2spk).values()))[:, :, 1]
    apart = np.stack(list(frames[1.0].values()))[:, :, 1]
    assert together.std(axis=0).mean() < apart.std(axis=0).mean()
    assert set(model.phones) == set(SOUNDS)
