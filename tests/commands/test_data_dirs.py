"""Parts of data directories and their sums, with figures that Kaldi's scripts gave."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from gmmspeech.commands.data_checks import validate_data
from gmmspeech.commands.data_dirs import balanced, combine_data, split_data, spread, subset_data
from gmmspeech.errors import ConfigError, DataError
from gmmspeech.formats.datadir import read_data_dir, read_list_map, read_map

SIZES = {"a": 3, "b": 1, "c": 5, "d": 2}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A directory of four speakers, whose utterances get longer and longer."""
    folder = tmp_path / "data"
    folder.mkdir()
    names = [f"{speaker}-{i}" for speaker, size in SIZES.items() for i in range(size)]
    for i, name in enumerate(names):
        soundfile.write(folder / f"{name}.wav", np.zeros(100 * (i + 1)), 8000)
    lists = {
        "wav.scp": [f"{u} {u}.wav" for u in names],
        "utt2spk": [f"{u} {u[0]}" for u in names],
        "spk2gender": ["a m", "b f", "c f", "d m"],
        "text": [f"{u} x y" for u in names],
    }
    for name, lines in lists.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder


def kept(folder: Path) -> list[str]:
    """Utterances of a directory, all of whose lists agree."""
    assert validate_data(folder, text=False) == []
    return list(read_data_dir(folder).utterances)


@pytest.mark.parametrize(
    ("length", "count", "places"),
    [  # those of subset_scp.pl
        (10, 1, [9]),
        (10, 3, [4, 6, 9]),
        (11, 4, [1, 4, 7, 10]),
        (7, 5, [0, 2, 4, 5, 6]),
        (4, 4, [0, 1, 2, 3]),
    ],
)
def test_places_spread_as_in_kaldi(length: int, count: int, places: list[int]) -> None:
    assert list(spread(length, count)) == places


@pytest.mark.parametrize(
    ("way", "count", "expected"),
    [
        ("first", 2, ["a-0", "a-1"]),
        ("last", 2, ["d-0", "d-1"]),
        ("shortest", 3, ["a-0", "a-1", "a-2"]),
        ("per-speaker", 2, ["a-0", "a-1", "b-0", "c-0", "c-2", "d-0", "d-1"]),
        ("spread", 2, ["c-0", "d-1"]),
    ],
)
def test_ways_to_choose(data: Path, tmp_path: Path, way: str, count: int, expected: list[str]) -> None:
    assert subset_data(data, tmp_path / "out", count=count, way=way) == (len(expected), 11)
    assert kept(tmp_path / "out") == expected


def test_speakers_drawn_until_there_is_enough(data: Path, tmp_path: Path) -> None:
    drawn = []
    for seed in range(4):
        number, _ = subset_data(data, tmp_path / "out", count=4, way="speakers", random_state=seed)
        speakers = read_list_map(tmp_path / "out/spk2utt")
        assert number == sum(SIZES[each] for each in speakers) >= 4
        assert all(len(mine) == SIZES[each] for each, mine in speakers.items())
        drawn.append("".join(speakers))
    assert len(set(drawn)) > 1


@pytest.mark.parametrize("name", ["utt2num_frames", "utt2dur", "segments"])
def test_what_tells_the_shortest(data: Path, tmp_path: Path, name: str) -> None:
    names = list(read_map(data / "utt2spk"))
    for i, each in enumerate(names):
        with open(data / name, "a") as file:
            value = f"{each} 0 {(20 - i) / 1e4}" if name == "segments" else f"{20 - i}"
            file.write(f"{each} {value}\n")
    subset_data(data, tmp_path / "out", count=2, way="shortest")
    assert list(read_map(tmp_path / "out/utt2spk")) == ["d-0", "d-1"]


def test_lists_of_names(data: Path, tmp_path: Path, run_command) -> None:
    (tmp_path / "women").write_text("b f\nc f\n")
    assert subset_data(data, tmp_path / "women_only", speakers=tmp_path / "women") == (6, 11)
    assert set(read_map(tmp_path / "women_only/spk2gender").values()) == {"f"}
    (tmp_path / "some").write_text("d-1\nnone\na-0 more\n")
    done = run_command("subset-data", data, tmp_path / "out", "--utt-list", tmp_path / "some")
    assert (done.exit_code, done.stdout) == (0, "2 of 11 utterances\n")
    assert "not carried along: a-0.wav, " in done.stderr
    assert kept(tmp_path / "out") == ["a-0", "d-1"]
    (tmp_path / "some").write_text("none\n")
    with pytest.raises(DataError, match="found no utterance of those asked for"):
        subset_data(data, tmp_path / "none", utterances=tmp_path / "some")
    with pytest.raises(ConfigError, match="found 0 choices of utterances, expected one of"):
        subset_data(data, tmp_path / "none")
    with pytest.raises(DataError, match="found 11 utterances, expected at least 12"):
        subset_data(data, tmp_path / "none", count=12)
    with open(data / "utt2spk", "a") as file:
        file.write("a-0 b\n")
    with pytest.raises(DataError, match="utt2spk:12: found another line of a-0 again"):
        subset_data(data, tmp_path / "none", count=1)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("sizes", "count", "parts"),
    [  # those of split_scp.pl
        ([3, 1, 5, 2], 2, ["ab", "cd"]),
        ([3, 1, 5, 2], 3, ["ab", "c", "d"]),
        ([1, 1, 1, 9, 1], 3, ["abc", "d", "e"]),
        ([30, 1, 1, 1, 1, 1], 2, ["a", "bcdef"]),
        ([5, 5, 5, 1, 1, 1, 1], 3, ["ab", "c", "defg"]),
    ],
)
def test_speakers_are_dealt_as_in_kaldi(sizes: list[int], count: int, parts: list[str]) -> None:
    of_speaker = {speaker: [f"{speaker}{i}" for i in range(n)] for speaker, n in zip("abcdefg", sizes, strict=False)}
    found = balanced(of_speaker, count, Path("x"))
    assert ["".join(dict.fromkeys(u[0] for u in part)) for part in found] == parts


def test_parts(data: Path, run_command) -> None:
    assert "2 parts in" in run_command("split-data", data, 2).stdout
    assert [kept(data / f"split2/{i}") for i in (1, 2)] == [
        ["a-0", "a-1", "a-2", "b-0"],
        ["c-0", "c-1", "c-2", "c-3", "c-4", "d-0", "d-1"],
    ]
    made = split_data(data, 3, per_utterance=True)
    assert [len(kept(folder)) for folder in made] == [4, 4, 3]
    assert made[0] == data / "split3utt/1"
    with pytest.raises(DataError, match="found 4 speakers, expected at least 5, one a part"):
        split_data(data, 5)
    with pytest.raises(DataError, match="found 11 utterances, expected at least 12"):
        split_data(data, 12, per_utterance=True)


def test_parts_are_put_together_again(data: Path, tmp_path: Path, run_command) -> None:
    made = split_data(data, 4)
    done = run_command("combine-data", tmp_path / "out", *reversed(made))
    assert (done.exit_code, done.stdout) == (0, "11 utterances\n"), done.stderr
    assert kept(tmp_path / "out") == list(read_map(data / "utt2spk"))
    (made[0] / "text").unlink()
    (made[1] / "utt2uniq").write_text("b-0 b\n")
    done = run_command("combine-data", tmp_path / "out", *made)
    assert "text: left out, as not all directories have it" in done.stderr
    assert not (tmp_path / "out/text").exists()
    assert read_map(tmp_path / "out/utt2uniq")["b-0"] == "b"
    assert read_map(tmp_path / "out/utt2uniq")["a-0"] == "a-0"


def test_segments_are_made_where_others_have_them(data: Path, tmp_path: Path) -> None:
    one, other = split_data(data, 2)
    (one / "segments").write_text("".join(f"{u} {u} 0 0.01\n" for u in kept(one)))
    assert combine_data(tmp_path / "out", [one, other]) == ([], 11)
    segments = read_data_dir(tmp_path / "out").segments
    assert segments is not None
    assert (segments["a-0"].end, segments["d-1"].end) == (0.01, None)
    (other / "utt2dur").write_text("".join(f"{u} 0.05\n" for u in kept(other)))
    left_out, _ = combine_data(tmp_path / "out", [one, other])
    segments = read_data_dir(tmp_path / "out").segments
    assert (left_out, segments and segments["d-1"].end) == (["utt2dur"], 0.05)


def test_what_contradicts_is_not_put_together(data: Path, tmp_path: Path) -> None:
    one, other = split_data(data, 2)
    for folder, value in ((one, "m"), (other, "f")):
        (folder / "spk2gender").write_text(f"{(folder / 'spk2gender').read_text()}z {value}\n")
    with pytest.raises(DataError, match=r"2/spk2gender: found z f, expected m as in .*1/spk2gender"):
        combine_data(tmp_path / "out", [one, other])
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.name == "nt", reason="Unix has sort")
def test_the_sum_is_that_of_sort(data: Path, tmp_path: Path) -> None:
    parts = split_data(data, 3)
    combine_data(tmp_path / "out", parts[::-1])
    for name in ("utt2spk", "text", "spk2gender", "wav.scp"):
        files = [part / name for part in parts]
        done = subprocess.run(["sort", "-k1", *files], capture_output=True, env={"LC_ALL": "C"})
        assert (tmp_path / "out" / name).read_bytes() == done.stdout
