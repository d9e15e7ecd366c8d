"""Alignment of one recording from Python is that of a folder, whatever way the recording comes."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

import gmmspeech as gs
from gmmspeech.commands import alignment as module
from gmmspeech.commands.alignment import align_dir, doubtful_lines
from gmmspeech.commands.phone_training import train_phones_dir
from gmmspeech.commands.recognition import recognize_grammar_dir
from gmmspeech.commands.transcripts import said_words
from gmmspeech.errors import AudioError, ConfigError, DataError, FeatureError, GmmSpeechWarning
from gmmspeech.formats.datadir import read_data_dir
from gmmspeech.formats.labels.alignments import write_alignments
from gmmspeech.formats.labels.lines import read_ctm
from gmmspeech.formats.labels.textgrid import read_textgrid
from gmmspeech.formats.loading import load
from gmmspeech.phones.decoding.alignment import Alignment
from gmmspeech.phones.hmm.deviation_scale import DeviationScale
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.labels.labels import Label

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
RATE = 8000
DICTIONARY = {"HISS": (("S",),), "HUM": (("M",),)}


def sound(*names: str) -> np.ndarray:
    """A noise for each name, of a fifth of a second, quiet before and after."""
    rng = np.random.default_rng(0)
    hum = np.sin(2 * np.pi * 200 * np.arange(RATE // 5) / RATE) / 3
    sounds = {"HISS": rng.normal(0, 0.2, RATE // 5), "HUM": hum, "SIL": np.zeros(RATE // 5)}
    parts = [sounds[name] for name in ("SIL", *names, "SIL")]
    return np.concatenate(parts) + rng.normal(0, 1e-4, len(parts) * RATE // 5)


@pytest.fixture(scope="module")
def model() -> PhoneHMM:
    """A model of the noises, at 5 ms a frame, trained on labels."""
    front = gs.FrontEnd(
        sample_frequency=RATE,
        features={"type": "mfcc", "num_ceps": 8, "num_mel_bins": 16, "use_energy": False, "frame_shift": 5.0},
    )
    words = {"a": ("HISS", "HUM"), "b": ("HUM", "HISS"), "c": ("HISS", "HISS", "HUM")}
    frames = {name: front(sound(*said), RATE) for name, said in words.items()}
    phones = {"HISS": "S", "HUM": "M"}
    labels = {
        name: [gs.phones.Label(i / 5, (i + 1) / 5, p) for i, p in enumerate(["SIL", *map(phones.get, said), "SIL"])]
        for name, said in words.items()
    }
    labels = {name: [*each[:-1], each[-1]._replace(end=len(each) / 5 - 0.02)] for name, each in labels.items()}
    trained = gs.phones.train_phone_hmm_on_labels(
        frames, labels, frame_length=25.0, frame_shift=5.0, phones=["SIL", "M", "S", "SPN"], total_gaussians=12
    )
    return trained.with_front_end(front.to_json())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ann").mkdir()
    soundfile.write(tmp_path / "ann" / "a b.wav", sound("HISS", "HUM"), RATE, subtype="FLOAT")
    (tmp_path / "ann" / "a b.txt").write_text("Hiss, hum!")
    return tmp_path


@pytest.mark.filterwarnings("ignore:too few frames")
def test_all_ways_lead_to_the_same_times(folder: Path, model: PhoneHMM) -> None:
    path, text = folder / "ann" / "a b.wav", folder / "ann" / "a b.txt"
    found = gs.align_file(path, text, model=model, dictionary=DICTIONARY)
    assert [word.name for word in found.words] == ["Hiss", "hum"]
    edges = [label.start for label in found.phones] + [found.phones[-1].end]
    np.testing.assert_allclose(edges[:4], [0, 0.2, 0.4, 0.6], atol=0.015)
    assert edges[-1] <= 0.8
    model.save(folder / "m.h5")
    (folder / "words.dict").write_text("hiss S\nhum M\n")
    for audio, transcript, options in (
        (str(path), "hiss hum", {}),
        ((sound("HISS", "HUM"), RATE), "HISS HUM", {}),
        (path, str(text), {"model": folder / "m.h5", "dictionary": folder / "words.dict"}),
        (path, text, {"dictionary": [str(folder / "words.dict")], "channel": 0}),
    ):
        again = gs.align_file(audio, transcript, **{"model": model, "dictionary": DICTIONARY, **options})
        assert [label[:2] for label in again.phones] == [label[:2] for label in found.phones]
    done = align_dir(folder, folder / "m.h5", DICTIONARY, out=folder / "out")
    assert done.alignments["ann/a%20b"].phones == found.phones
    grid = read_textgrid(folder / "out" / "ann" / "a b.TextGrid")
    assert [label.name for label in grid["words"]] == ["Hiss", "hum"]


def test_edges_of_silence_are_those_of_the_sound_unless_labels_have_told_them(folder: Path, model: PhoneHMM) -> None:
    scale = DeviationScale(np.zeros(3), *np.zeros((2, len(model.phones))))
    edges = {}
    for name, hmm in {"free": model, "told": dataclasses.replace(model, deviation_scale=scale)}.items():
        hmm.save(folder / "m.h5")
        for times in ("center", "start"):
            done = align_dir(folder, folder / "m.h5", DICTIONARY, times=times)
            (found,) = done.alignments.values()
            edges[name, times] = np.array([label.start for label in found.phones[1:]])
    np.testing.assert_allclose(edges["free", "center"][[0, 2]], [0.2, 0.6], atol=0.008)
    np.testing.assert_allclose(edges["free", "start"], edges["free", "center"] - 0.01, atol=1e-5)
    frames = (edges["told", "center"][[0, 2]] - 0.01) / 0.005  # 10 ms is midway between the centers of the first two
    np.testing.assert_allclose(frames, np.round(frames), atol=1e-3)


def test_other_rates_and_channels(folder: Path, model: PhoneHMM) -> None:
    signal = gs.audio.resample(sound("HISS", "HUM"), RATE, 44100)
    soundfile.write(folder / "s.wav", np.stack([signal, signal], axis=1), 44100)
    told = "resampled 1 of 1 recording from 44100 Hz to 8000; mixed 1 of 1 from two channels"
    with pytest.warns(GmmSpeechWarning, match=told):
        found = gs.align_file(folder / "s.wav", "hiss hum", model=model, dictionary=DICTIONARY)
    np.testing.assert_allclose([word.start for word in found.words], [0.2, 0.4], atol=0.015)
    with pytest.warns(GmmSpeechWarning, match="resampled 1 of 1 recording from 44100 Hz to 8000"):
        again = gs.align_file((signal, 44100.0), "hiss hum", model=model, dictionary=DICTIONARY)
    assert [word.name for word in again.words] == ["hiss", "hum"]


def test_samples_of_several_channels(folder: Path, model: PhoneHMM) -> None:
    signal = sound("HISS", "HUM")
    both, how = np.stack([signal, np.zeros_like(signal)], axis=1), {"model": model, "dictionary": DICTIONARY}
    soundfile.write(folder / "s.wav", both, RATE, subtype="FLOAT")
    with pytest.warns(GmmSpeechWarning, match="mixed 1 of 1 recording from two channels"):
        mixed = gs.align_file((both, RATE), "hiss hum", **how)
    with pytest.warns(GmmSpeechWarning, match="mixed 1 of 1 recording from two channels"):
        assert gs.align_file(folder / "s.wav", "hiss hum", **how).phones == mixed.phones
    alone = gs.align_file((signal, RATE), "hiss hum", **how)
    assert gs.align_file((both, RATE), "hiss hum", channel=0, **how).phones == alone.phones
    assert gs.align_file((signal[:, None], RATE), "hiss hum", **how).phones == alone.phones


def test_unknown_words_are_told(folder: Path, model: PhoneHMM) -> None:
    audio = (sound("HISS", "HUM"), RATE)
    with pytest.warns(GmmSpeechWarning, match="not in the dictionary: plugh"):
        found = gs.align_file(audio, "hiss plugh", model=model, dictionary=DICTIONARY)
    assert [phone.name for phone in found.phones if phone.name != "SIL"] == ["S", "SPN"]
    with pytest.raises(DataError, match="found no word of 1 in the dictionary"):
        gs.align_file(audio, "plugh", model=model, dictionary=DICTIONARY)


def test_what_takes_long_to_import_is_not_imported() -> None:
    """A cold start of `gmmspeech align` takes a second less without it."""
    program = "import sys, gmmspeech.commands.alignment as _; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert {"numpy", "h5py", "gmmspeech.phones.decoding.alignment"} <= set(loaded)
    slow = {"sklearn", "pandas", "matplotlib", "librosa", "joblib", "scipy.stats", "scipy.ndimage", "scipy.linalg"}
    assert not slow & set(loaded)


def test_what_is_refused(folder: Path, model: PhoneHMM) -> None:
    audio = (sound("HISS"), RATE)
    bare = dataclasses.replace(model, front_end=None)
    for arguments, options, kind, match in (
        ((audio, " "), {}, DataError, "transcript: found ' ', expected what is said"),
        ((audio, folder / "none.txt"), {}, DataError, "none.txt: can't be read"),
        ((audio, "none.lab"), {}, DataError, "none.lab: can't be read"),
        ((audio, "a.TextGrid"), {}, DataError, "transcript: found the file a.TextGrid, expected text, or a .txt or"),
        ((audio, folder / "a.ctm"), {}, DataError, r"transcript: found the file .*a\.ctm, expected text, or a .txt or"),
        ((audio, __file__), {}, DataError, r"transcript: found the file .*\.py, expected text, or a .txt or .lab file"),
        ((folder / "none.wav", "hiss"), {}, AudioError, "none.wav: no such file"),
        (((np.zeros((2, 9)), RATE), "hiss"), {}, AudioError, r"audio: found samples of shape \(2, 9\), .*samples\.T"),
        (((np.zeros((9, 3, 3)), RATE), "hiss"), {}, AudioError, r"expected \(n,\), or \(n, channels\)$"),
        (((np.zeros((9, 2)), RATE), "hiss"), {"channel": 2}, AudioError, "audio: channel 2 of 2, expected 0 to 1"),
        (((np.zeros((9, 2)), RATE), "hiss"), {"channel": None}, AudioError, "audio: found 2 channels, expected one"),
        (((np.ma.masked_array(audio[0], audio[0] > 0.1), RATE), "hiss"), {}, AudioError, r"audio: found \d+ masked"),
        (((np.array([["a"]]), RATE), "hiss"), {}, AudioError, "audio: found something that is no number"),
        (((np.full(RATE, np.nan), RATE), "hiss"), {}, FeatureError, "signal: found nan at sample 0, expected finite"),
        ((audio, "hiss"), {"channel": 1}, AudioError, "audio: channel 1 of 1, expected 0 to 0"),
        (((np.zeros(9),), "hiss"), {}, ConfigError, r"audio: found .*, expected text or a path or 2 in a tuple"),
        (((np.zeros(9), 0), "hiss"), {}, ConfigError, "rate: found 0, expected a whole number of Hz"),
        ((audio, "hiss"), {"model": bare}, DataError, "found a model without a front end"),
        ((audio, "hiss"), {"dictionary": 3}, ConfigError, "dictionary: found 3, expected a dict or text or a path"),
    ):
        with pytest.raises(kind, match=match):
            gs.align_file(*arguments, **{"model": model, "dictionary": DICTIONARY, **options})


@pytest.fixture
def digit_model(digits: Path, dictionary, tmp_path: Path) -> Path:
    front = gs.FrontEnd.from_toml("phones_8khz")
    hmm, state, done = train_phones_dir(
        digits, tmp_path / "m.h5", front, dictionary, total_gaussians=120, max_iter=12, num_passes=1, n_jobs=2
    )
    saved = load(tmp_path / "m.h5", PhoneHMM)
    assert (saved.phones, saved.front_end, saved.num_gaussians) == (hmm.phones, front.to_json(), hmm.num_gaussians)
    np.testing.assert_array_equal(saved.means, hmm.means)
    assert (state.iteration, done.num_utterances, done.skipped) == (12, 240, {})
    return tmp_path / "m.h5"


def test_from_audio_and_words_to_times_and_words_again(
    digits: Path, digit_model: Path, dictionary, tmp_path: Path
) -> None:
    data = read_data_dir(digits)
    done = align_dir(digits, digit_model, dictionary, goodness=True)
    assert set(done.alignments) == set(data.utterances)
    assert (done.skipped, dict(done.unknown_words)) == ({}, {})
    for name, alignment in done.alignments.items():
        assert [word.name for word in alignment.words] == said_words(data)[name]
        assert np.isfinite(alignment.goodness).all()
        assert alignment.fit < 2

    # another aligner's times of the same phones
    reference = read_ctm(digits / "phones.ctm")
    starts = [
        abs(ours.start - theirs.start)
        for name, alignment in done.alignments.items()
        for ours, theirs in zip(alignment.phones, reference[name], strict=False)
        if [p.name for p in alignment.phones] == [p.name for p in reference[name]]
    ]
    assert len(starts) > 300
    assert np.mean(np.array(starts) <= 0.04) > 0.7

    words, _ = recognize_grammar_dir(digits, digit_model, dictionary, words=DIGITS, isolated=True, acoustic_scale=1.0)
    wrong = sum([word.name for word in words[name]] != said_words(data)[name] for name in words)
    assert wrong <= 5

    ctm = write_alignments(tmp_path / "ctm", done.alignments, format="ctm")
    assert [path.name for path in ctm] == ["words.ctm", "phones.ctm", "alignment.csv"]
    assert read_ctm(tmp_path / "ctm" / "phones.ctm").keys() == done.alignments.keys()
    lines = (tmp_path / "ctm" / "alignment.csv").read_text().splitlines()
    assert len(lines) == 1 + sum(len(a.phones) + len(a.words) for a in done.alignments.values())
    some = dict(list(done.alignments.items())[:2])
    for path, alignment in zip(write_alignments(tmp_path / "tg", some), some.values(), strict=False):
        assert read_textgrid(path) == {"words": alignment.words, "phones": alignment.phones}


def test_what_is_doubtful_of_alignments() -> None:
    phones = [Label(0.0, 2.0, "SIL"), Label(2.0, 2.2, "AH"), Label(2.2, 3.4, "SPN")]
    good = Alignment([], phones, np.zeros(3), None, -50.0, fit=-1.0)
    assert list(doubtful_lines({"a": good, "b": dataclasses.replace(good, phones=[], fit=None)})) == []
    long = dataclasses.replace(good, phones=[Label(0.0, 1.9, "S"), Label(1.9, 2.2, "AH")])
    lines = list(doubtful_lines({"a": good, "b": dataclasses.replace(good, fit=-4.0), "c": long}))
    assert lines[0].startswith("check 1 of 3 transcripts, which may be wrong or incomplete")
    assert lines[0].endswith(": b (-4.0)")
    assert lines[1].startswith("check 1 of 3 transcripts, for noise, music or other speech beside the words")
    assert lines[1].endswith(": c (S 1.9 s)")
    (line,) = doubtful_lines({f"ann/sentence-{i}": dataclasses.replace(good, fit=-4.0) for i in range(100)})
    assert all(f"ann/sentence-{i} (-4.0)" in line for i in range(100))


def test_of_long_recordings_the_beginnings_are_aligned_with_wrong_words(monkeypatch):
    class Store(dict):
        def num_frames(self, name):
            return len(self[name])

    store = Store(long=np.zeros((4 * module._BEGINNING, 1)), short=np.zeros((7, 1)))
    words = {"long": list("abcd"), "short": list("efgh")}
    found = SimpleNamespace(alignments={name: SimpleNamespace(fit=-5.0) for name in words})
    seen = {}

    def align(model, frames, said, dictionary, **options):
        seen.update({name: (len(frames[name]), said[name]) for name in said})
        return found

    monkeypatch.setattr(module, "align", align)
    assert module._least_fit(None, store, SimpleNamespace(words=words, entries={}), found) < module.LEAST_FIT
    assert seen == {"long": (module._BEGINNING, ["e"]), "short": (7, list("abcd"))}
