import importlib.util
import itertools
import subprocess

import numpy as np
import pytest
import soundfile

from gmmspeech.corpora import voices
from gmmspeech.corpora.voices import Sentence, say_sentences
from gmmspeech.errors import ConfigError, DataError
from gmmspeech.formats.datadir import load_utterance, read_data_dir, read_list_map, read_map
from gmmspeech.formats.trials import read_trials

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="needs the extra demo (espeakng-loader)"
)


@pytest.fixture
def made(synthetic_voices):
    return synthetic_voices


def phones_of(folder):
    found = {}
    for line in (folder / "phones.ctm").read_text().splitlines():
        utterance, _, start, duration, phone = line.split()
        found.setdefault(utterance, []).append((float(start), float(duration), phone))
    return found


def test_there_are_24_voices_and_10_sentences(made):
    data = read_data_dir(made / "data/all")
    assert len(data.utterances) == 240
    speakers = read_list_map(made / "data/all/spk2utt")
    assert len(speakers) == 24
    assert all(len(utterances) == 10 for utterances in speakers.values())
    assert {u: s for s, utterances in speakers.items() for u in utterances} == data.utt2spk
    assert data.text["m1-s0"] == "DIAL NINE EIGHT SEVEN SIX FIVE FOUR THREE TWO ONE ZERO"


def test_phone_times_cover_each_utterance(made):
    data = read_data_dir(made / "data/all")
    durations = read_map(made / "data/all/utt2dur")
    phones = phones_of(made / "data/all")
    assert set(phones) == set(data.utterances)
    for utterance in data.utterances[::10]:
        signal, rate = load_utterance(data, utterance)
        assert rate == 22050
        starts, lengths, names = zip(*phones[utterance], strict=True)
        ends = np.add(starts, lengths)
        np.testing.assert_allclose(starts[1:], ends[:-1], atol=2e-6)
        assert starts[0] == 0
        assert abs(ends[-1] - len(signal) / rate) < 1e-5
        assert abs(float(durations[utterance]) - len(signal) / rate) < 1e-4
        assert all(pair != ("SIL", "SIL") for pair in itertools.pairwise(names))


def test_the_training_part_has_all_39_phones(made):
    names = {phone for phones in phones_of(made / "data/train").values() for _, _, phone in phones}
    assert len(names - {"SIL"}) == 39
    everywhere = {phone for phones in phones_of(made / "data/all").values() for _, _, phone in phones}
    assert everywhere == names


def test_phones_sound_as_they_are_labeled(made):
    """Sibilants have their energy high, open vowels low, and speech is louder than silence."""
    data = read_data_dir(made / "data/all")
    centers, levels = {}, {}
    for utterance, phones in phones_of(made / "data/all").items():
        if not utterance.startswith(("m1", "f1", "base")):
            continue
        signal, rate = load_utterance(data, utterance)
        for start, duration, phone in phones:
            piece = signal[int((start + 0.2 * duration) * rate) : int((start + 0.8 * duration) * rate)]
            if len(piece) < 200:
                continue
            power = np.abs(np.fft.rfft(piece)) ** 2
            center = np.sum(power * np.fft.rfftfreq(len(piece), 1 / rate)) / np.sum(power)
            centers.setdefault(phone, []).append(center)
            levels.setdefault(phone, []).append(np.sqrt(np.mean(piece**2)))
    center, level = ({p: np.median(v) for p, v in found.items()} for found in (centers, levels))
    assert min(center["S"], center["SH"]) > 2 * max(center["AA"], center["AO"], center["OW"])
    assert min(level["AA"], level["AE"], level["IY"]) > 3 * level["SIL"]


def test_parts(made):
    parts = {name: read_data_dir(made / "data" / name) for name in ("all", "ubm", "eval", "train", "test")}
    assert [len(part.utterances) for part in parts.values()] == [240, 120, 120, 168, 72]
    assert not set(parts["ubm"].utt2spk.values()) & set(parts["eval"].utt2spk.values())
    assert not set(parts["train"].utterances) & set(parts["test"].utterances)
    assert set(parts["train"].utt2spk.values()) == set(parts["test"].utt2spk.values())
    enrolled = read_list_map(made / "data/eval/enroll_spk2utt")
    trials = read_trials(made / "data/eval/trials")
    assert len(trials) == 12 * 60
    assert trials.is_target is not None
    assert trials.is_target.sum() == 60
    assert set(trials.models) == set(enrolled)
    assert not set(trials.tests) & {u for utterances in enrolled.values() for u in utterances}
    speakers = parts["eval"].utt2spk
    assert [m == speakers[t] for m, t in zip(trials.models, trials.tests, strict=True)] == trials.is_target.tolist()


def test_utterances_of_a_voice_differ_in_noise(made):
    """The level in the pauses, relative to the speech, spreads over more than 10 dB."""
    data = read_data_dir(made / "data/all")
    found = []
    for utterance, phones in phones_of(made / "data/all").items():
        signal, rate = load_utterance(data, utterance)
        start, duration, _ = max((p for p in phones if p[2] == "SIL"), key=lambda p: p[1])
        pause = signal[int((start + 0.6 * duration) * rate) : int((start + 0.9 * duration) * rate)]
        if len(pause) > 1000:
            found.append(10 * np.log10(np.mean(signal**2) / np.mean(pause**2)))
    assert len(found) > 20
    assert 14 < min(found) < 18
    assert 27 < max(found) < 31


def test_the_same_bytes_every_time(made, tmp_path):
    again = voices.write_voices(tmp_path / "again")
    files = sorted(p.relative_to(made) for p in made.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(again) for p in again.rglob("*") if p.is_file())
    assert all((made / name).read_bytes() == (again / name).read_bytes() for name in files)


def test_a_corpus_that_is_there_is_left_and_anything_else_is_an_error(made, tmp_path):
    before = (made / "data/all/wav.scp").stat().st_mtime_ns
    assert voices.write_voices(made) == made
    assert (made / "data/all/wav.scp").stat().st_mtime_ns == before
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="found something else"):
        voices.write_voices(tmp_path)
    with pytest.raises(DataError, match="can't be written"):
        voices.write_voices(tmp_path / "notes.txt" / "voices")


def test_other_sentences(tmp_path):
    sentences = ["The king's horse ran.", "A small dog, too."]
    made = voices.write_voices(tmp_path / "voices", sentences)
    assert [path.name for path in (made / "data").iterdir()] == ["all"]
    data = read_data_dir(made / "data/all")
    assert len(data.utterances) == 48
    assert (data.text["m1-s0"], data.text["m1-s1"]) == ("THE KING'S HORSE RAN", "A SMALL DOG TOO")
    assert [phone for _, _, phone in phones_of(made / "data/all")["base-s1"]][:3] == ["AH", "S", "M"]
    before = (made / "data/all/text").stat().st_mtime_ns
    assert voices.write_voices(made, sentences) == made
    assert (made / "data/all/text").stat().st_mtime_ns == before
    for others in (sentences[:1], [*sentences, "No."]):
        with pytest.raises(DataError, match="found something else"):
            voices.write_voices(made, others)


def test_nothing_is_left_of_a_run_that_breaks(tmp_path, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        voices.write_voices(tmp_path / "voices")
    assert list(tmp_path.iterdir()) == []


def test_errors_of_the_synthesizer_are_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(voices.sys, "executable", "false")
    with pytest.raises(ConfigError, match="synthetic voices: can't be made") as caught:
        voices.write_voices(tmp_path / "voices")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(voices.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r'pip install "gmmspeech\[demo\]"'):
        voices.write_voices(tmp_path / "voices")


def test_phonemes_become_phones_without_gaps():
    events = [(10, "'s"), (20, "_:"), (30, "_"), (30, "t#"), (30, "aI@"), (90, "_"), (120, "_")]
    assert voices._phones(events, 100) == [
        (0, 10, "SIL"),
        (10, 20, "S"),
        (20, 30, "SIL"),
        (30, 90, "AY"),
        (90, 100, "SIL"),
    ]
    with pytest.raises(DataError, match="found eSpeak's phoneme 'xx'"):
        voices._phones([(0, "xx")], 100)


def test_recordings_of_half_the_voices_have_their_sentences_beside(made, tmp_path):
    folder = tmp_path / "recordings"
    voices.write_recordings(made, folder)
    assert len(list(folder.glob("*/*.wav"))) == len(list(folder.glob("*/*.txt"))) == 120
    assert (folder / "lee/lee-s1.txt").read_text() == f"{voices.SENTENCES[1]}\n"
    assert (folder / "lee/lee-s1.wav").read_bytes() == (made / "audio/lee-s1.wav").read_bytes()
    (folder / "lee/lee-s1.txt").write_text("changed\n")
    voices.write_recordings(made, folder)
    assert (folder / "lee/lee-s1.txt").read_text() == "changed\n"


def test_any_words_in_any_voice_are_the_same_each_time(tmp_path):
    listed = {"a": Sentence("Quixotic zephyrs vex a llama.", "en-us+klatt"), "b": Sentence("Ay!", "en-us+f2", 200, 70)}
    for folder in ("one", "two"):
        say_sentences(tmp_path / folder, listed)
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["a.wav", "b.wav"]
    (first, rate), (second, _) = (soundfile.read(tmp_path / folder / "a.wav") for folder in ("one", "two"))
    assert rate == 22050
    assert len(first) > rate
    np.testing.assert_array_equal(first, second)
    with pytest.raises(ConfigError, match="found no voice nobody"):
        say_sentences(tmp_path / "three", {"a": Sentence("Hello.", "nobody")})
