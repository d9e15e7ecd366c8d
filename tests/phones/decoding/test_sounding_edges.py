"""Edges of silence in the waveform: those of sounds that rise and fade by known decibels a second, in noise."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.signal import butter, sosfilt

from gmmspeech.phones.decoding import sounding_edges
from gmmspeech.phones.decoding.alignment import Alignment
from gmmspeech.phones.decoding.sounding_edges import (
    FALL,
    FRICTION,
    UNSURE,
    VOICE,
    band_levels,
    fading,
    manners_of,
    with_sounding_edges,
)
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.labels.labels import Label

RATE = 16000
MANNER = {"SIL": "silence", "a": "vowel", "s": "fricative", "t": "stop", "p": "stop", "SPN": "other"}
TIMES = np.arange(RATE) / RATE


def noise(level, seed=0):
    """White noise of a second, in dB."""
    return np.random.default_rng(seed).normal(0, 10 ** (level / 20), RATE)


def voice(begin, end, slope=300.0):
    """A hum at 0 dB from one time to another, which rises and fades by so many dB a second."""
    outside = np.maximum(begin - TIMES, TIMES - end).clip(0)
    hum = sum(np.sin(2 * np.pi * 120 * k * TIMES + k) for k in range(1, 8))
    return hum * 10 ** (-slope * outside / 20)


def hiss(begin, end):
    """Noise above 3 kHz at about 0 dB between two times, loud for nothing that listens to voices."""
    high = sosfilt(butter(6, 3000, "high", fs=RATE, output="sos"), noise(0, 1))
    return np.where((begin <= TIMES) & (end > TIMES), high, 0.0)


def alignment_of(*names, edges):
    phones = [Label(start, end, name) for name, (start, end) in zip(names, itertools.pairwise(edges), strict=True)]
    spoken = [phone for phone in phones if phone.name != "SIL"]
    words = [Label(spoken[0].start, spoken[-1].end, "w")]
    return Alignment(words, phones, np.zeros(len(phones)), None, 0.0)


def edges_of(alignment):
    return [phone.start for phone in alignment.phones] + [alignment.phones[-1].end]


@pytest.mark.parametrize("aligned", [0.45, 0.55, 0.7])  # too early, about right, too late
@pytest.mark.parametrize("floor", [-80, -50, -30])
def test_a_voice_ends_where_it_has_fallen_in_any_noise(aligned, floor):
    signal = voice(0.2, 0.5) + noise(floor)
    found = fading(signal, RATE, 0.2, aligned, 1.0, VOICE)
    assert found == pytest.approx(0.5 + FALL / 300, abs=0.006)


@pytest.mark.parametrize("aligned", [0.12, 0.3])
def test_it_begins_as_it_ends_in_time_reversed(aligned):
    signal = voice(0.3, 0.6) + noise(-40)
    began = fading(signal, RATE, 0.6, aligned, 0.0, VOICE)
    assert began == pytest.approx(0.3 - FALL / 300, abs=0.006)
    assert fading(signal[::-1].copy(), RATE, 0.4, 1 - aligned, 1.0, VOICE) == pytest.approx(1 - began, abs=1e-3)


def test_in_loud_noise_it_ends_where_noise_begins():
    """It is some 9 dB above it, and passes three quarters of them at 300 dB a second."""
    signal = voice(0.2, 0.5) + noise(6)
    found = fading(signal, RATE, 0.2, 0.5, 1.0, VOICE)
    assert 0.5 < found < 0.5 + FALL / 300 - 0.005
    assert fading(1e-3 * signal, RATE, 0.2, 0.5, 1.0, VOICE) == pytest.approx(found, abs=1e-9)


def test_friction_is_found_beside_a_hum():
    signal = 3 * voice(0.0, 1.0) + hiss(0.3, 0.6) + noise(-60)
    assert fading(signal, RATE, 0.6, 0.2, 0.0, FRICTION) == pytest.approx(0.3, abs=0.012)
    assert fading(signal, RATE, 0.3, 0.55, 1.0, FRICTION) == pytest.approx(0.6, abs=0.012)


@pytest.mark.parametrize(
    ("signal", "inner", "now", "outer"),
    [
        (noise(-40), 0.2, 0.5, 1.0),  # nothing but noise
        (voice(0.0, 1.0), 0.2, 0.5, 1.0),  # no silence where it was found
        (np.zeros(RATE), 0.2, 0.5, 1.0),
        (voice(0.2, 0.5), 0.5, 0.5, 1.0),  # no frame
        (voice(0.2, 0.5)[:200], 0.0, 0.01, 0.0125),  # less than a window
    ],
)
def test_what_cannot_be_told_stays(signal, inner, now, outer):
    assert fading(signal, RATE, inner, now, outer, VOICE) == now


def test_frequencies_that_a_recording_lacks_tell_nothing():
    assert fading(voice(0.2, 0.5)[::8], RATE / 8, 0.2, 0.45, 1.0, FRICTION) == 0.45


def test_words_move_with_their_phones():
    signal = hiss(0.2, 0.35) + voice(0.35, 0.6, slope=3000) + noise(-50)
    before = alignment_of("SIL", "s", "a", "SIL", edges=[0.0, 0.16, 0.37, 0.5, 0.99])
    after = with_sounding_edges(before, MANNER, signal, RATE)
    np.testing.assert_allclose(edges_of(after), [0.0, 0.2, 0.37, 0.6, 0.99], atol=0.012)
    assert after.words == [Label(after.phones[1].start, after.phones[2].end, "w")]
    assert [phone.end for phone in after.phones[:-1]] == [phone.start for phone in after.phones[1:]]


def test_times_of_starts_of_frames_stay_such():
    signal = voice(0.0, 0.3, slope=3000) + noise(-50)
    centers = alignment_of("a", "SIL", edges=[0.0, 0.2775, 0.9875])
    starts = alignment_of("a", "SIL", edges=[0.0, 0.27, 0.98])
    found = edges_of(with_sounding_edges(centers, MANNER, signal, RATE))
    earlier = edges_of(with_sounding_edges(starts, MANNER, signal, RATE, later=0.0075))
    np.testing.assert_allclose(np.subtract(found, earlier), [0.0, 0.0075, 0.0075], atol=1e-6)
    assert found[1] == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("name", ["a", "s", "t"])
def test_first_silence_is_found_that_frames_do_not_show(name):
    signal = (voice(0.06, 0.3, 3000) if name == "a" else hiss(0.06, 0.3)) + noise(-50)
    before = alignment_of(name, "p", "SIL", edges=[0.0, 0.3, 0.5, 0.99])
    before = replace(before, log_likelihoods=np.arange(3.0), deviations=np.array([0.0, 0.01, 0.02]))
    after = with_sounding_edges(before, MANNER, signal, RATE)
    assert [phone.name for phone in after.phones] == ["SIL", name, "p", "SIL"]
    np.testing.assert_allclose(edges_of(after), [0.0, 0.06, 0.3, 0.5, 0.99], atol=0.012)
    assert after.words == [Label(after.phones[1].start, 0.5, "w")]
    np.testing.assert_array_equal(after.log_likelihoods, [0, 0, 1, 2])
    np.testing.assert_array_equal(after.deviations, [0.0, UNSURE, 0.01, 0.02])


@pytest.mark.parametrize("name", ["a", "SPN"])
def test_no_silence_is_found_before_what_begins_with_the_recording_or_has_no_band(name):
    signal = voice(0.0 if name == "a" else 0.06, 0.3, 3000) + noise(-50)
    before = alignment_of(name, "SIL", edges=[0.0, 0.3, 0.99])
    after = with_sounding_edges(before, MANNER, signal, RATE)
    assert [phone.name for phone in after.phones] == [name, "SIL"]
    assert after.phones[0].start == 0.0


def test_other_edges_stay():
    """Those of stops, within words, of the recording, and the starts of words after other pauses."""
    signal = voice(0.0, 0.2, 3000) + voice(0.4, 0.6, 3000) + noise(-50)
    before = alignment_of("a", "SIL", "a", "t", "SIL", edges=[0.0, 0.3, 0.44, 0.55, 0.7, 0.99])
    after = edges_of(with_sounding_edges(before, MANNER, signal, RATE))
    assert after[1] == pytest.approx(0.2, abs=0.01)
    assert after[:1] + after[2:] == edges_of(before)[:1] + edges_of(before)[2:]
    silent = alignment_of("SIL", "a", edges=[0.0, 0.5, 0.99])
    assert edges_of(with_sounding_edges(silent, {**MANNER, "SIL": "vowel"}, signal, RATE)) == edges_of(silent)


@given(
    phones=st.lists(st.tuples(st.sampled_from([*MANNER]), st.sampled_from([1, 2, 5, 20])), min_size=1, max_size=8),
    rate=st.sampled_from([8000, 16000, 44100]),
    later=st.sampled_from([0.0, 0.0075, 0.03]),
    levels=st.lists(st.sampled_from([0.0, 1e-4, 1e-2, 1.0]), min_size=1, max_size=30),
)
@settings(max_examples=100)
def test_phones_follow_one_another_whatever_sounds(phones, rate, later, levels):
    names, frames = zip(*phones, strict=True)
    if set(names) == {"SIL"}:
        return
    before = alignment_of(*names, edges=[0.01 * frame for frame in np.cumsum([0, *frames])])
    before = replace(before, deviations=np.zeros(len(names)))
    number = int(rate * (before.phones[-1].end + later))
    signal = np.random.default_rng(0).normal(0, 1, number) * np.resize(np.repeat(levels, rate // 50), number)
    after = with_sounding_edges(before, MANNER, signal.astype(np.float32), rate, later=later)
    edges = edges_of(after)
    assert (np.diff(edges) > 0.004).all()
    assert [phone.end for phone in after.phones[:-1]] == edges[1:-1]
    assert (edges[0], edges[-1]) == (0.0, before.phones[-1].end)
    assert {*after.words[0][:2]} <= {*edges}
    assert len(after.phones) == len(after.log_likelihoods) == len(after.deviations)


def test_a_silence_by_any_name_is_that_of_the_model():
    model = PhoneHMM.from_phones(["epi", "stille", "JH_B"], mean=np.zeros(1), variance=np.ones(1), silence="stille")
    found = manners_of(model, [alignment_of("SPN_S", edges=[0.0, 1.0])])
    assert found == {"stille": "silence", "epi": "silence", "JH_B": "affricate", "SPN_S": "other"}
    assert next(iter(found)) == "stille"


def test_levels_of_many_windows_are_those_of_each(monkeypatch):
    signal, times = voice(0.2, 0.5) + noise(-50), np.arange(0, 1, 0.005)
    at_once = band_levels(signal, RATE, times, VOICE)
    monkeypatch.setattr(sounding_edges, "BLOCK", 7)
    np.testing.assert_array_equal(band_levels(signal, RATE, times, VOICE), at_once)
