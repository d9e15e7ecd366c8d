"""Extraction of features: what is written, by how many, and after what."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import joblib
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

import gmmspeech as gs
from gmmspeech.commands import extraction, shards
from gmmspeech.commands.extraction import extract_features
from gmmspeech.errors import AudioError, ConfigError, DataError, FeatureError
from gmmspeech.features.frontend import DeltaOptions, SpeakerCmvnOptions
from gmmspeech.formats.datadir import DataDir, load_utterance, read_data_dir, write_map

FRONT = gs.FrontEnd(sample_frequency=8000, features={"type": "mfcc", "num_ceps": 8}, vad={"method": "relative"})


@pytest.fixture
def digits(corpus) -> Path:
    return corpus("fsdd-tiny") / "data"


@pytest.fixture
def features(digits: Path, tmp_path: Path) -> Path:
    extract_features([read_data_dir(digits / "all")], tmp_path / "f.h5", FRONT)
    return tmp_path / "f.h5"


def test_extracted_features_are_those_of_each_utterance(digits: Path, features: Path, tmp_path: Path) -> None:
    data = read_data_dir(digits / "all")
    done = extract_features([data], tmp_path / "again.h5", FRONT, n_jobs=2)
    with gs.FeatureStore(features) as store:
        assert tuple(store) == data.utterances
        assert store.front_end == FRONT.to_json()
        for utterance in data.utterances[::40]:
            np.testing.assert_array_equal(store[utterance], FRONT(*load_utterance(data, utterance), utterance))
        assert (done.num_utterances, done.num_frames, done.skipped) == (240, store.total_frames, {})
    assert (tmp_path / "again.h5").read_bytes() == features.read_bytes()


def test_dither_depends_on_the_utterance_alone(digits: Path, tmp_path: Path) -> None:
    front = gs.FrontEnd(sample_frequency=8000, features={"type": "mfcc", "dither": 1.0})
    whole = read_data_dir(digits / "all")
    extract_features([whole], tmp_path / "whole.h5", front)
    extract_features([read_data_dir(digits / "test")], tmp_path / "part.h5", front, n_jobs=2)
    with gs.FeatureStore(tmp_path / "whole.h5") as a, gs.FeatureStore(tmp_path / "part.h5") as b:
        for utterance in b:
            np.testing.assert_array_equal(a[utterance], b[utterance])


def test_speakers_are_normalized_over_all_their_utterances(digits: Path, features: Path, tmp_path: Path) -> None:
    data = read_data_dir(digits / "all")
    by_speaker = FRONT.model_copy(update={"cmvn": SpeakerCmvnOptions(norm_vars=True)})
    extract_features([data], tmp_path / "speakers.h5", by_speaker, n_jobs=2)
    with gs.FeatureStore(features) as plain, gs.FeatureStore(tmp_path / "speakers.h5") as normalized:
        assert set(normalized) == set(plain)
        for speaker in set(data.utt2spk.values()):
            own = [u for u in data.utterances if data.utt2spk[u] == speaker]
            expected = gs.cmvn(np.concatenate([plain[u] for u in own]), norm_vars=True)
            np.testing.assert_array_equal(np.concatenate([normalized[u] for u in own]), expected)


def test_a_bad_utterance(digits: Path, tmp_path: Path) -> None:
    data = read_data_dir(digits / "test")
    bad = data.utterances[7]
    data.recordings[bad] = tmp_path / "not-there.flac"
    with pytest.raises(AudioError, match=f"utterance {bad}: .*not-there.flac: no such file"):
        extract_features([data], tmp_path / "f.h5", FRONT)
    assert not list(tmp_path.iterdir())
    done = extract_features([data], tmp_path / "f.h5", FRONT, skip_bad=True)
    assert list(done.skipped) == [bad]
    assert "no such file" in done.skipped[bad]
    assert done.num_utterances == len(data.utterances) - 1


# --- shards, and going on -------------------------------------------------------------------------------------------


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work is cut into some twenty shards."""
    monkeypatch.setattr(shards, "SHARD_BYTES", 50_000)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Utterances whose audio is read, as they are read."""
    read: list[str] = []

    def load(data: DataDir, utterance: str, **options: int | None) -> tuple[NDArray[np.float32], int]:
        read.append(utterance)
        return load_utterance(data, utterance, **options)

    monkeypatch.setattr(extraction, "load_utterance", load)
    return read


def same_frames(found: Path, expected: Path) -> None:
    with gs.FeatureStore(found) as a, gs.FeatureStore(expected) as b:
        assert list(a) == list(b)
        assert a.front_end == b.front_end
        for utterance in a:
            np.testing.assert_array_equal(a[utterance], b[utterance])


@pytest.mark.usefixtures("small_shards")
def test_any_number_of_jobs_gives_the_same_bytes(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = read_data_dir(digits / "test")
    one = extract_features([data], tmp_path / "1.h5", FRONT, compression="lzf")
    sent: list[str] = []

    def elsewhere(task: shards.Shard) -> extraction._Receipt:
        """What a process of its own would do with what it is sent."""
        sent.append(task.path.name)
        return extract_alone(pickle.loads(pickle.dumps(task)))

    extract_alone = extraction._extract_alone
    monkeypatch.setattr(extraction, "_extract_alone", elsewhere)
    for jobs, worth in ((2, 10**9), (3, 10**9), (2, 400_000), (3, 400_000)):
        monkeypatch.setattr(extraction, "WORTH_PROCESSES", worth)
        with joblib.parallel_config(backend="threading"):  # processes would take seconds to start
            assert extract_features([data], tmp_path / "n.h5", FRONT, n_jobs=jobs, compression="lzf") == one
        assert (tmp_path / "n.h5").read_bytes() == (tmp_path / "1.h5").read_bytes()
        assert (len(sent) > 4) is (worth < 10**9)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1.h5", "n.h5"]


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
import gmmspeech as gs
from gmmspeech.formats.datadir import read_data_dir
from gmmspeech.commands import extraction, shards

shards.SHARD_BYTES = 50_000
front = gs.FrontEnd.from_json(sys.argv[3])
data, out = read_data_dir(sys.argv[1]), Path(sys.argv[2])
waits = random.Random(0)
def finished():
    return len(list(out.parent.glob(".f.unfinished/*.json")))
for i in range(8):
    child = os.fork()
    if child == 0:
        extraction.extract_features([data], out, front, n_jobs=2)
        os._exit(0)
    time.sleep(waits.uniform(0, 0.5))
    while i == 0 and not finished() and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(0.001)  # one is killed in between however busy the machine is
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print(finished())
extraction.extract_features([data], out, front, n_jobs=2)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs fork")
def test_killed_at_random_it_ends_with_the_same_bytes(digits: Path, tmp_path: Path) -> None:
    data = digits / "all"
    (tmp_path / "out").mkdir()
    words = [sys.executable, "-c", KILLED, str(data), str(tmp_path / "out" / "f.h5"), FRONT.to_json()]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    finished = [int(line) for line in done.stdout.split()]
    assert len(finished) == 8
    assert any(finished)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SHARD_BYTES", 50_000)
        extract_features([read_data_dir(data)], tmp_path / "expected.h5", FRONT)
    assert (tmp_path / "out" / "f.h5").read_bytes() == (tmp_path / "expected.h5").read_bytes()
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["f.h5"]


@pytest.mark.usefixtures("small_shards")
def test_what_was_done_is_not_done_again(digits: Path, tmp_path: Path, counted: list[str]) -> None:
    data = read_data_dir(digits / "all")
    bad = data.utterances[200]
    whole, data.recordings[bad] = data.recordings[bad], tmp_path / "none.wav"
    with pytest.raises(AudioError, match=bad):
        extract_features([data], tmp_path / "f.h5", FRONT)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".f.unfinished"]
    again = list(counted)
    data.recordings[bad] = whole
    counted.clear()
    extract_features([data], tmp_path / "f.h5", FRONT)
    assert len(counted) < 120  # of 240
    assert set(again) | set(counted) == set(data.utterances)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f.h5"]
    extract_features([data], tmp_path / "expected.h5", FRONT)
    assert (tmp_path / "f.h5").read_bytes() == (tmp_path / "expected.h5").read_bytes()


@pytest.mark.usefixtures("small_shards")
def test_a_shard_that_is_gone_is_made_again(digits: Path, tmp_path: Path, counted: list[str]) -> None:
    """A run that is killed while it removes its shards leaves records of shards that are not there."""
    data = read_data_dir(digits / "test")
    extract_features([data], tmp_path / "s.h5", FRONT, shards=4)
    expected = (tmp_path / "s.h5").read_bytes()
    gone = sorted((tmp_path / "s.shards").glob("*.h5"))[2]
    gone.unlink()
    counted.clear()
    extract_features([data], tmp_path / "s.h5", FRONT, shards=4)
    assert gone.exists()
    assert 0 < len(counted) < 60
    assert (tmp_path / "s.h5").read_bytes() == expected


@pytest.mark.parametrize("damage", ["frames", "record"])
def test_what_the_power_took_is_done_again(damage, digits, tmp_path, monkeypatch):
    """Shards of a file in the making don't wait for the disk; a later run takes none that isn't whole."""
    monkeypatch.setattr(shards, "SHARD_BYTES", 50_000)
    data = read_data_dir(digits / "all")
    extract_features([data], tmp_path / "expected.h5", FRONT)
    with monkeypatch.context() as patch:
        patch.setattr(extraction, "_check_any", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            extract_features([data], tmp_path / "f.h5", FRONT)
    left = sorted((tmp_path / ".f.unfinished").glob("*.raw" if damage == "frames" else "*.json"))
    left[0].write_bytes(bytes(left[0].stat().st_size))
    extract_features([data], tmp_path / "f.h5", FRONT)
    assert (tmp_path / "f.h5").read_bytes() == (tmp_path / "expected.h5").read_bytes()


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("change", ["front end", "audio", "option"])
def test_what_was_done_otherwise_is_done_again(digits: Path, tmp_path: Path, counted: list[str], change: str) -> None:
    data = read_data_dir(digits / "test")
    first, last = data.utterances[0], data.utterances[-1]
    copy = tmp_path / data.recordings[first].name
    shutil.copy(data.recordings[first], copy)
    whole, data.recordings[first], data.recordings[last] = data.recordings[last], copy, tmp_path / "none.wav"
    with pytest.raises(AudioError, match=last):
        extract_features([data], tmp_path / "f.h5", FRONT)
    data.recordings[last] = whole
    front, options, fewest = FRONT, {}, 119
    if change == "front end":
        front = FRONT.model_copy(update={"deltas": DeltaOptions()})
    elif change == "option":
        options = {"storage": "float16"}
    else:
        os.utime(copy, (1, 1))
        fewest = 1
    counted.clear()
    extract_features([data], tmp_path / "f.h5", front, **options)
    assert fewest <= len(set(counted) - {last})
    assert first in counted
    extract_features([data], tmp_path / "expected.h5", front, **options)
    assert (tmp_path / "f.h5").read_bytes() == (tmp_path / "expected.h5").read_bytes()


def test_shards_under_an_index(digits: Path, features: Path, tmp_path: Path) -> None:
    data, out = read_data_dir(digits / "all"), tmp_path / "new" / "s.h5"
    one_by_one = [extract_features([data], out, FRONT, shards=3, shard=i).num_utterances for i in (2, 3, 1)]
    assert sum(one_by_one) == 240
    assert min(one_by_one) > 40
    assert not out.exists()
    (out.parent / "s.shards" / ".0001-0123456789abcdef.01234567.h5").write_text("by a killed process")
    done = extract_features([data], out, FRONT, shards=3)
    assert done.num_utterances == 240
    same_frames(out, features)
    assert sorted(p.suffix for p in (out.parent / "s.shards").iterdir()) == [".h5"] * 3 + [".json"] * 3
    before = out.read_bytes()
    extract_features([data], out, FRONT, shards=3, n_jobs=2)
    assert out.read_bytes() == before


@pytest.mark.usefixtures("small_shards")
def test_bad_utterances_are_told_of_again_when_a_run_goes_on(digits: Path, tmp_path: Path) -> None:
    data = read_data_dir(digits / "all")
    bad = {data.utterances[0], data.utterances[17]}
    for utterance in bad:
        data.recordings[utterance] = tmp_path / "none.wav"
    for _ in range(2):
        done = extract_features([data], tmp_path / "f.h5", FRONT, skip_bad=True, shards=5)
        assert set(done.skipped) == bad
        assert done.num_utterances == 238


def test_numbers_too_large_for_their_storage_are_bad(digits: Path, tmp_path: Path) -> None:
    data = read_data_dir(digits / "test")
    front = gs.FrontEnd(sample_frequency=8000, features={"type": "fbank", "use_log_fbank": False})
    with pytest.raises(FeatureError, match=f"utterance {data.utterances[0]}: found .*inf .*expected finite float16"):
        extract_features([data], tmp_path / "f.h5", front, storage="float16")
    with pytest.raises(DataError, match=r"all 120 utterances are bad; the first: .*expected finite float16"):
        extract_features([data], tmp_path / "f.h5", front, storage="float16", skip_bad=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shard": 1}, r"^shard: found 1, expected 1 to the number of shards \(not given\)$"),
        ({"shards": 3, "shard": 4}, r"^shard: found 4, expected 1 to the number of shards \(3\)$"),
        ({"shards": 999}, "^shards: found 999, expected 1 to 120, as there is work to divide$"),
    ],
)
def test_shards_that_can_not_be(digits: Path, tmp_path: Path, options: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        extract_features([read_data_dir(digits / "test")], tmp_path / "f.h5", FRONT, **options)
    assert not list(tmp_path.iterdir())


def test_an_utterance_that_is_in_two_folders(digits: Path, tmp_path: Path) -> None:
    parts = [read_data_dir(digits / name) for name in ("all", "test")]
    with pytest.raises(DataError, match=f"f.h5: found utterance {parts[1].utterances[0]} again"):
        extract_features(parts, tmp_path / "f.h5", FRONT)
    assert not list(tmp_path.iterdir())


# --- whatever one utterance can do


def noises(folder: Path) -> DataDir:
    """Eight recordings of noise, u0 to u7."""
    rng = np.random.default_rng(0)
    for number in range(8):
        soundfile.write(folder / f"u{number}.wav", rng.normal(0, 0.1, 1600), 8000)
    write_map(folder / "wav.scp", {f"u{number}": f"{folder}/u{number}.wav" for number in range(8)})
    write_map(folder / "utt2spk", {f"u{number}": "ann" for number in range(8)})
    return read_data_dir(folder)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("odd"),
        MemoryError(),
        PermissionError(13, "Permission denied"),
        OverflowError("too large"),
        RuntimeError("a decoder's"),
        ZeroDivisionError("by 0"),
        IndexError("list index out of range"),
        UnicodeError("no text"),
    ],
)
def test_skip_bad_survives_what_a_decoder_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    data = noises(tmp_path)
    load = extraction.load_utterance

    def failing(data: DataDir, utterance: str, **options: object) -> object:
        if utterance == "u0":
            raise error
        return load(data, utterance, **options)

    monkeypatch.setattr(extraction, "load_utterance", failing)
    done = extract_features([data], tmp_path / "a.h5", FRONT, skip_bad=True)
    assert list(done.skipped) == ["u0"]
    assert done.skipped["u0"].startswith(f"utterance u0: {type(error).__name__}")
    assert done.num_utterances == len(data.utterances) - 1
    with pytest.raises(FeatureError, match=f"utterance u0: {type(error).__name__}"):
        extract_features([data], tmp_path / "b.h5", FRONT)


def test_skip_bad_survives_any_file(tmp_path: Path) -> None:
    data = noises(tmp_path)
    paths = {}
    for number, name in enumerate(data.utterances[:6]):
        paths[name] = path = tmp_path / f"bad{number}.wav"
        if number == 0:
            os.mkfifo(path)
        elif number == 1:
            path.mkdir()
        elif number == 2:
            path.symlink_to(path)
        elif number == 3:
            path.write_bytes(b"RIFF" + b"\xff" * 100)
    last = data.utterances[6]
    paths[last] = Path(f"{tmp_path}/null\0byte.wav")
    data = replace(data, recordings={**data.recordings, **paths})
    done = extract_features([data], tmp_path / "a.h5", FRONT, skip_bad=True)
    assert set(done.skipped) == set(paths)
    assert all(reason.startswith(f"utterance {name}: ") for name, reason in done.skipped.items())


# --- long recordings


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"cmvn": {"method": "utterance"}, "deltas": {}},
        {"cmvn": {"method": "speaker"}},
        {"cmvn": {"method": "sliding", "cmn_window": 30}, "vad": {"method": "energy", "vad_energy_mean_scale": 0.0}},
        {"vad": {"method": "relative"}},  # which needs the whole
        {"sample_frequency": 16000, "resample": True},
    ],
)
def test_long_recordings_give_the_same_frames_in_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sections: dict[str, object]
) -> None:
    data = noises(tmp_path)
    front = gs.FrontEnd(**{"sample_frequency": 8000, "features": {"type": "mfcc", "dither": 1.0}, **sections})
    extract_features([data], tmp_path / "whole.h5", front)
    monkeypatch.setattr(extraction, "LONG", 500)
    monkeypatch.setattr(extraction, "LONG_FILE", 1000)
    extract_features([data], tmp_path / "blocks.h5", front)
    with gs.FeatureStore(tmp_path / "whole.h5") as whole, gs.FeatureStore(tmp_path / "blocks.h5") as blocks:
        for utterance in data.utterances:
            np.testing.assert_array_equal(whole[utterance], blocks[utterance])


def test_a_missing_file_is_no_reason_to_skip_the_others(tmp_path: Path) -> None:
    noises(tmp_path)
    write_map(tmp_path / "wav.scp", {"u0": "missing.wav", "u1": "u1.wav", "u2": "u2.wav"})
    write_map(tmp_path / "utt2spk", {"u0": "ann", "u1": "ann", "u2": "ann"})
    done = extract_features([read_data_dir(tmp_path)], tmp_path / "a.h5", FRONT, skip_bad=True)
    assert (list(done.skipped), done.num_utterances) == (["u0"], 2)
