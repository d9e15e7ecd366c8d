import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from said import fails

from gmmspeech.audio import RawAudio, read_audio
from gmmspeech.errors import AudioError
from gmmspeech.files.text import BLANKS, normal_form
from gmmspeech.formats.datadir import Segment, load_utterance, read_data_dir, read_list_map, read_map, write_map


@pytest.fixture
def data(tmp_path):
    """A corpus of two recordings, one second each, with three segments."""
    folder = tmp_path / "corpus/data/train"
    folder.mkdir(parents=True)
    (tmp_path / "corpus/audio").mkdir()
    for name in ("r1", "r2"):
        with wave.open(str(tmp_path / f"corpus/audio/{name}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 8000, "NONE", "not compressed"))
            file.writeframes(np.arange(8000, dtype="<i2").tobytes())
    (folder / "wav.scp").write_text("r1 audio/r1.wav\nr2 audio/r2.wav\n")
    (folder / "segments").write_text("b-2 r1 0.5 1.0\na-1 r1 0 0.5\nb-3 r2 0.25 -1\n")
    (folder / "utt2spk").write_text("a-1 a\nb-2 b\nb-3 b\n")
    (folder / "text").write_text("a-1 one  two\nb-2\n")
    return folder


def test_what_a_data_directory_says(data):
    found = read_data_dir(data)
    assert found.utterances == ("a-1", "b-2", "b-3")
    assert found.segments is not None
    assert found.segments["b-3"] == Segment("r2", 0.25, None)
    assert found.utt2spk == {"a-1": "a", "b-2": "b", "b-3": "b"}
    assert found.text == {"a-1": "one  two", "b-2": ""}
    whole = np.arange(8000) / np.float32(32768)
    for utterance, expected in [("a-1", whole[:4000]), ("b-2", whole[4000:]), ("b-3", whole[2000:])]:
        signal, rate = load_utterance(found, utterance)
        np.testing.assert_array_equal(signal, expected)
        assert rate == 8000


def test_without_segments_each_recording_is_an_utterance(data):
    for name in ("segments", "text"):
        (data / name).unlink()
    (data / "utt2spk").write_text("r1 a\nr2 b\n")
    found = read_data_dir(data)
    assert found.utterances == ("r1", "r2")
    assert found.segments is None
    assert found.text is None
    assert len(load_utterance(found, "r2")[0]) == 8000


def test_all_test_corpora_are_read(corpus):
    count = 0
    for path in sorted(corpus("").glob("*/data/*")):
        found = read_data_dir(path)
        assert all(file.exists() for file in found.recordings.values())
        assert set(found.utterances) == set(found.utt2spk)
        signal, rate = load_utterance(found, found.utterances[-1])
        if (path / "utt2dur").exists():
            assert abs(len(signal) / rate - float(read_map(path / "utt2dur")[found.utterances[-1]])) < 1e-3
        count += 1
    assert count > 10


def test_segments_of_a_corpus_cover_their_recordings(corpus):
    found = read_data_dir(corpus("librispeech-mini") / "data/sv80")
    assert found.segments is not None
    for recording in list(found.recordings)[:3]:
        pieces = [load_utterance(found, f"{recording}-{part}")[0] for part in "et"]
        whole, _ = read_audio(found.recordings[recording])
        np.testing.assert_array_equal(np.concatenate(pieces), whole[: sum(map(len, pieces))])


@pytest.mark.parametrize("where", ["corpus", "corpus/data/train", "here"])
def test_relative_paths_are_looked_for_in_three_places(data, tmp_path, monkeypatch, where):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "corpus/audio").rename(tmp_path / "audio")
    fails("wav.scp: found no file audio/r1.wav, expected it under one of", read_data_dir, data)
    (tmp_path / "audio").rename(tmp_path / where / "audio")
    assert len(load_utterance(read_data_dir(data), "a-1")[0]) == 4000


def test_absolute_paths_are_taken_as_they_are(data, tmp_path):
    elsewhere = tmp_path / "a file with blanks.wav"
    (tmp_path / "corpus/audio/r2.wav").rename(elsewhere)
    (data / "wav.scp").write_text(f"r1 audio/r1.wav\nr2 {elsewhere}\n")
    assert read_data_dir(data).recordings["r2"] == elsewhere


def test_errors_name_the_utterance_and_the_file(data, tmp_path):
    found = read_data_dir(data)
    fails("no utterance zoe, expected one of 3", load_utterance, found, "zoe")
    (tmp_path / "corpus/audio/r2.wav").write_bytes(b"")
    with pytest.raises(AudioError, match=r"utterance b-3: .*r2.wav: found 0 bytes"):
        load_utterance(found, "b-3")


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("wav.scp", "r1 sox r1.mp3 -t wav - |\n", "wav.scp:1: found a command for r1"),
        ("wav.scp", "r1\n", "wav.scp:1: found r1 alone"),
        ("wav.scp", "r1 a.wav\nr1 b.wav\n", "wav.scp:2: found r1 again"),
        ("wav.scp", "", "wav.scp: found 0 bytes"),
        ("utt2spk", "a-1 a\nb-2 b b\nb-3 b\n", "utt2spk:2: found 3 fields, expected 2"),
        ("utt2spk", "a-1 a\n b-2 b\nb-3 b\n", "utt2spk:2: found a blank before b-2"),
        ("utt2spk", "a-1 a\n\nb-2 b\nb-3 b\n", "utt2spk:2: found an empty line"),
        ("utt2spk", "a-1 a\nb-2 b\n", "segments: found utterance b-3, expected only those that are in .*utt2spk"),
        ("utt2spk", "a-1 a\nb-2 b\nb-3 b\nc d\ne f\n", r"utt2spk: found utterance c \(and 1 more\), .* in .*segments"),
        ("text", "a-1 one\nc two\n", "text: found utterance c,"),
        ("text", b"a-1 one\nb-2 na\xefve\n", "text:2: found byte 0xef, expected UTF-8"),
        ("segments", "a-1 r1 0\n", "segments:1: found 3 fields, expected 4"),
        ("segments", "a-1 r9 0 1\n", "segments:1: found recording r9"),
        ("segments", "a-1 r1 0.5 0.5\n", "segments:1: found 0.5 0.5, expected 0 <= start < end"),
        ("segments", "a-1 r1 -0.5 0.5\n", "segments:1: found -0.5 0.5"),
        ("segments", "a-1 r1 nan 0.5\n", "segments:1: found nan 0.5"),
        ("segments", "a-1 r1 zero 0.5\n", "segments:1: found zero 0.5"),
        ("segments", "a-1 r1 0 0.5 A\n", "segments:1: found 0 0.5 A"),
        ("segments", "a-1 r1 0 1\na-1 r1 0 1\n", r"segments:2: found a-1 again, .* \(it is in line 1\)"),
    ],
)
def test_malformed_files_are_named_with_the_line(data, name, content, match):
    (data / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    fails(match, read_data_dir, data)


def test_missing_files(data, tmp_path):
    fails("no such folder, expected a data directory", read_data_dir, tmp_path / "none")
    (data / "utt2spk").unlink()
    fails("utt2spk: can't be read", read_data_dir, data)
    fails("found no wav.scp, expected a data directory .*gmmspeech prepare speakers", read_data_dir, tmp_path)


def test_channel_of_a_segment_goes_before_the_callers(data, tmp_path):
    with wave.open(str(tmp_path / "corpus/audio/r1.wav"), "wb") as file:
        file.setparams((2, 2, 8000, 8000, "NONE", "not compressed"))
        file.writeframes(np.tile(np.array([1, 2], "<i2") * 1024, 8000).tobytes())
    (data / "segments").write_text("a-1 r1 0 0.5 1\nb-2 r1 0 0.5\nb-3 r2 0 1\n")
    found = read_data_dir(data)
    assert load_utterance(found, "a-1")[0][0] == 2 / 32
    assert load_utterance(found, "b-2", channel=0)[0][0] == 1 / 32
    with pytest.raises(AudioError, match=r"utterance b-2: .*found 2 channels"):
        load_utterance(found, "b-2")


def test_maps_come_back_as_written_and_sorted_as_bytes(tmp_path):
    entries = {"b": "x", "É": "y", "a-1": "z", "a": "w", "B": "v"}
    write_map(tmp_path / "utt2spk", entries)
    found = read_map(tmp_path / "utt2spk")
    assert found == entries
    assert list(found) == sorted(entries, key=str.encode)
    lists = {"spk": ["u2", "u1"], "zoe": ["u3"]}
    write_map(tmp_path / "spk2utt", lists)
    assert read_list_map(tmp_path / "spk2utt") == lists
    for bad in ({"a b": "c"}, {"": "c"}, {"a": "b\nc d"}):
        fails("can't hold", write_map, tmp_path / "bad", bad)
    assert not (tmp_path / "bad").exists()


def test_list_maps(tmp_path):
    path = Path(tmp_path / "spk2utt")
    for content, match in [
        ("a u1\nb\n", "spk2utt:2: found b alone"),
        ("a u1\na u2\n", "spk2utt:2: found a again"),
        ("a u1 u2 u1\n", "spk2utt:1: found u1 twice for a"),
    ]:
        path.write_text(content)
        fails(match, read_list_map, path)


def test_line_ends_and_marks_of_windows_are_read(tmp_path):
    (tmp_path / "utt2spk").write_bytes(b"\xef\xbb\xbfu1 a\r\nu2 b\r\n")
    assert read_map(tmp_path / "utt2spk") == {"u1": "a", "u2": "b"}
    (tmp_path / "text").write_bytes("u1 oui\u00a0! \u2028non\r\nu2 b".encode())
    assert read_map(tmp_path / "text", rest_of_line=True) == {"u1": "oui\u00a0! \u2028non", "u2": "b"}


# --- commands in wav.scp


def piped(data, command):
    """A data directory whose recordings are printed by commands; {} stands for the file."""
    audio = data.parents[1] / "audio"
    lines = [f"{name} {command.format(audio / f'{name}.wav')} |" for name in ("r1", "r2")]
    (data / "wav.scp").write_text("\n".join(lines) + "\n")
    return data


PRINT = f"{sys.executable} -c \"import sys; sys.stdout.buffer.write(open(r'{{}}', 'rb').read())\""


def test_commands_are_run_where_that_is_allowed(data):
    plain = read_data_dir(data)
    expected = {name: load_utterance(plain, name)[0] for name in plain.utterances}
    fails("wav.scp:1: found a command for r1, expected a file .commands are not run", read_data_dir, piped(data, PRINT))
    found = read_data_dir(data, allow_pipes=True)
    assert (found.recordings, list(found.commands)) == ({}, ["r1", "r2"])
    for name, signal in expected.items():
        np.testing.assert_array_equal(load_utterance(found, name)[0], signal)


def test_files_beside_commands(data):
    line = (piped(data, PRINT) / "wav.scp").read_text().splitlines()[0]
    (data / "wav.scp").write_text(f"{line}\nr2 audio/r2.wav\n")
    (data / "segments").unlink()
    (data / "text").unlink()
    (data / "utt2spk").write_text("r1 a\nr2 b\n")
    found = read_data_dir(data, allow_pipes=True)
    assert (list(found.recordings), list(found.commands)) == (["r2"], ["r1"])
    np.testing.assert_array_equal(load_utterance(found, "r1")[0], load_utterance(found, "r2")[0])


@pytest.mark.parametrize(
    ("command", "match"),
    [
        ("echo oh no >&2; exit 3; {}", "utterance a-1: command .*found status 3, 0 bytes; oh no, expected status 0"),
        ("true {}", "utterance a-1: command true .*found status 0, 0 bytes"),
        ("no-such-command-here {}", "utterance a-1: command no-such-command-here .*found status 127"),
        ("echo {}", "utterance a-1: output of echo .*can't be decoded"),
        ("head -c 1000 {}", "utterance a-1: output of head .*cut short: found 956 bytes"),
    ],
)
def test_commands_that_fail(data, command, match):
    found = read_data_dir(piped(data, command), allow_pipes=True)
    with pytest.raises(AudioError, match=match) as caught:
        load_utterance(found, "a-1")
    assert "\n" not in str(caught.value)


def test_an_empty_command(data):
    (data / "wav.scp").write_text("r1 |\nr2 audio/r2.wav\n")
    fails("wav.scp:1: found r1 alone", read_data_dir, data, allow_pipes=True)


def test_recordings_without_headers(data):
    audio = data.parents[1] / "audio"
    for name in ("r1", "r2"):
        (audio / f"{name}.wav").write_bytes((audio / f"{name}.wav").read_bytes()[44:])
    found = read_data_dir(data, raw=RawAudio(8000))
    np.testing.assert_array_equal(load_utterance(found, "b-2")[0], np.arange(4000, 8000) / np.float32(32768))


COMPOSED, DECOMPOSED = "ren\u00e9", "rene\u0301"


@pytest.mark.parametrize("name", ["utt2spk", "text", "segments"])
def test_ids_that_look_alike_are_told(data, name):
    files = {
        "wav.scp": "r1 audio/r1.wav\n",
        "segments": f"{COMPOSED} r1 0 0.5\n",
        "utt2spk": f"{COMPOSED} a\n",
        "text": f"{COMPOSED} one\n",
    }
    for file, content in files.items():
        (data / file).write_text(content, encoding="utf-8")
    assert read_data_dir(data).utterances == (COMPOSED,)
    fails("no utterance .* looks alike, in another Unicode", load_utterance, read_data_dir(data), DECOMPOSED)
    (data / name).write_text(files[name].replace(COMPOSED, DECOMPOSED), encoding="utf-8")
    fails("found utterance .* looks alike, in another Unicode normalization form", read_data_dir, data)
    both = files[name] + files[name].replace(COMPOSED, DECOMPOSED)
    (data / name).write_text(both, encoding="utf-8")
    fails(f"{name}: found .* twice, in two Unicode normalization forms", read_data_dir, data)


def test_numbers_of_segments_are_those_of_c(data):
    for times in ("1_0 2", "0 ٢", "0 inf", "nan 1", "0 1e999", "0x0 1", "0 1 ١"):
        (data / "segments").write_text(f"a-1 r1 {times}\n", encoding="utf-8")
        fails("segments:1: found .*, expected 0 <= start < end in seconds", read_data_dir, data)


def test_a_blank_that_is_not_ascii_is_part_of_a_field(data):
    (data / "text").write_text("a-1 10\u00a0000 euros\u3000\x85\nb-2 one\nb-3 two\x1cthree\n", encoding="utf-8")
    found = read_data_dir(data).text
    assert found == {"a-1": "10\u00a0000 euros\u3000\x85", "b-2": "one", "b-3": "two\x1cthree"}


IDS = st.text(st.characters(exclude_characters=BLANKS + "\0\ufeff", exclude_categories=["Cs"]), min_size=1)
MAPS = st.lists(
    st.tuples(IDS, st.lists(IDS, min_size=1, max_size=3)), min_size=1, unique_by=lambda e: normal_form(e[0])
)


@given(MAPS)
def test_maps_come_back_as_written(tmp_path_factory, entries):
    path = tmp_path_factory.mktemp("maps") / "map"
    write_map(path, {name: values[0] for name, values in entries})
    assert read_map(path) == {name: values[0] for name, values in entries}
    once = {name: list(dict.fromkeys(values)) for name, values in entries}
    write_map(path, once)
    assert read_list_map(path) == once


def test_what_could_not_be_read_back_is_not_written(tmp_path):
    for entries in (
        {"a b": "x"},
        {"": "x"},
        {"a": "x\ny"},
        {"a": "x\ry"},
        {"a": ["x y"]},
        {"a": "\0"},
        {"\udcff": "x"},
    ):
        fails("can't hold ", write_map, tmp_path / "map", entries)
    assert list(tmp_path.iterdir()) == []
