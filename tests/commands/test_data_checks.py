"""What is wrong with data directories is told, and mended as Kaldi's scripts mend it."""

import os
import random
from pathlib import Path

import pytest

from gmmspeech.commands.data_checks import fix_data, validate_data
from gmmspeech.errors import DataError
from gmmspeech.formats.data_tables import OWNERS

UTTERANCES = [f"{speaker}-{i}" for speaker in ("B1", "a0", "a1") for i in range(3)]


def written(folder: Path, **lists: str) -> Path:
    """A folder with lists, in which ``_`` of a name is ``.scp``."""
    folder.mkdir(exist_ok=True)
    for name, lines in lists.items():
        (folder / name.replace("_", ".")).write_text(lines)
    return folder


def lines(ids: list[str], value: str = "x") -> str:
    return "".join(f"{each} {value}\n" for each in ids)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    spk = {u: u[:2] for u in UTTERANCES}
    return written(
        tmp_path / "data",
        utt2spk="".join(f"{u} {s}\n" for u, s in spk.items()),
        spk2utt="".join(f"{s} {' '.join(u for u in UTTERANCES if spk[u] == s)}\n" for s in sorted(set(spk.values()))),
        text=lines(UTTERANCES),
        feats_scp=lines(UTTERANCES),
        vad_scp=lines(UTTERANCES),
        segments=lines(UTTERANCES, "r1 0.5 1.5"),
        wav_scp="r1 cat r1.wav |\n",
        reco2dur="r1 2\n",
        spk2gender="B1 m\na0 f\na1 f\n",
        cmvn_scp="B1 x\na0 x\na1 x\n",
    )


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def test_a_whole_directory(data: Path) -> None:
    before = contents(data)
    assert validate_data(data) == []
    assert fix_data(data) == (["kept 9 of 9 utterances"], [])
    assert contents(data) == before == contents(data / ".backup")


@pytest.mark.parametrize(
    ("name", "change", "expected", "kept"),
    [
        ("text", lambda t: t.replace("a0-1 x\n", ""), "text: found no utterance a0-1, expected all of utt2spk", 8),
        ("text", lambda t: t + "zz-1 x\n", "text: found utterance zz-1, expected only those of utt2spk", 9),
        ("feats.scp", lambda t: "".join(reversed(t.splitlines(True))), "found a1-1 after a1-2, expected the order", 9),
        ("utt2spk", lambda t: t + "a1-2 a1\n", "utt2spk:10: found the same line again, expected each id once", 9),
        ("spk2utt", lambda t: t.replace("a0-1 ", ""), "spk2utt: found other utterances than in utt2spk", 9),
        ("spk2utt", None, "spk2utt: no such file, expected what follows from utt2spk", 9),
        (
            "spk2gender",
            lambda t: t.replace("a0 f\n", ""),
            "spk2gender: found no speaker a0, expected all of utt2spk",
            6,
        ),
        ("cmvn.scp", lambda t: t.replace("a0 x\n", ""), "cmvn.scp: found no speaker a0, expected all of utt2spk", 6),
        ("wav.scp", lambda t: t + "r2 r2.wav |\n", "wav.scp: found recording r2, expected only those of segments", 9),
        ("segments", lambda t: t.replace("a0-1 r1", "a0-1 r3"), "wav.scp: found no recording r3, expected all of", 8),
        (
            "segments",
            lambda t: t.replace("a0-1 r1 0.5 1.5", "a0-1 r1 1 2.6"),
            "segments: a0-1: found 1 to 2.6 s, expected times in 2 s of r1",
            8,
        ),
    ],
)
def test_each_thing_is_named_and_mended(data: Path, name: str, change, expected: str, kept: int) -> None:
    if change is None:
        (data / name).unlink()
    else:
        (data / name).write_text(change((data / name).read_text()))
    before = contents(data)
    wrong = validate_data(data)
    assert sum(expected in line and "fix-data" in line for line in wrong) == 1, wrong
    done, left = fix_data(data)
    assert left == []
    assert done[-1].startswith(f"kept {kept} of 9 utterances")
    assert {line for line in wrong if "fix-data" in line} <= set(done)
    assert validate_data(data) == []
    assert contents(data / ".backup") == before


def test_what_is_left_to_be_done_by_hand(data: Path) -> None:
    (data / "vad.scp").write_text(lines(UTTERANCES[1:]))
    (data / "spk2gender").write_text("B1 male\na0 f\na1 f\n")
    done, left = fix_data(data)
    assert done == ["kept 9 of 9 utterances"]
    assert len(left) == 2
    assert "spk2gender:1: found male for B1, expected m or f" in left[0]
    assert "vad.scp: found no utterance B1-0, expected all of utt2spk (compute it anew, or remove it)" in left[1]


@pytest.mark.parametrize("name", ["utt2dur", "vad.scp", "utt2num_frames", "reco2dur"])
def test_a_list_of_which_nothing_is_left_goes(data: Path, name: str) -> None:
    (data / name).write_text("stale-1 3\n")
    before = contents(data)
    done, left = fix_data(data)
    assert any(line.startswith(f"{data / name}: found none of the ") and "removes it" in line for line in done), done
    assert left == []
    assert not (data / name).exists()
    assert contents(data / ".backup") == before
    assert validate_data(data) == []


def test_ids_that_do_not_begin_with_their_speaker(tmp_path: Path) -> None:
    data = written(tmp_path, utt2spk="u1 b\nu2 a\n", spk2utt="a u2\nb u1\n", wav_scp="u1 x |\nu2 x |\n")
    assert validate_data(data, text=False, sorted_by_speaker=False) == []
    (wrong,) = validate_data(data, text=False)
    assert "found utterance u2 of speaker a elsewhere when sorted by speaker" in wrong


def test_lists_that_have_nothing_in_common_stay(data: Path) -> None:
    (data / "cmvn.scp").write_text(lines(UTTERANCES))
    before = contents(data)
    with pytest.raises(DataError, match=r"cmvn\.scp: found none of the speakers that other lists agree on"):
        fix_data(data)
    assert contents(data) == before


def test_a_list_that_cannot_be_written_leaves_all_as_they_were(data: Path) -> None:
    (data / "text").write_text(lines(UTTERANCES[1:]))
    (data / "wav.scp").chmod(0o444)
    before = contents(data)
    with pytest.raises(DataError, match=r"wav\.scp: can't be written \(it is read-only\)"):
        fix_data(data)
    assert contents(data) == before
    assert not (data / ".backup").exists()


def test_the_backup_of_a_run_that_was_stopped_stays(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fix_data(data)
    (data / "text").write_text(lines(UTTERANCES[1:]))
    before = contents(data)
    replace, left = os.replace, [3]

    def replace_three(*places: Path) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        replace(*places)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace_three)
        with pytest.raises(KeyboardInterrupt):
            fix_data(data)
    changed = contents(data)
    assert changed != before  # half mended
    assert changed["wav.scp"] == before["wav.scp"]
    done, wrong = fix_data(data)
    assert "found lists of a run that was stopped, which stay" in "".join(done)
    assert wrong == validate_data(data) == []
    assert {name: (data / ".backup" / name).read_text() for name in before} == before
    (data / ".backup/text").chmod(0o444)
    after = contents(data)
    assert fix_data(data) == (["kept 8 of 8 utterances"], [])
    assert contents(data / ".backup") == after


def test_mending_agrees_with_a_slow_way(data: Path) -> None:
    """Filter each list by each other until nothing changes, as Kaldi's script does in its passes."""
    rng = random.Random(0)
    whole = contents(data)
    for _ in range(20):
        for name, text in whole.items():
            kept = [line for line in text.splitlines(True) if name == "wav.scp" or rng.random() < 0.9]
            rng.shuffle(kept)
            (data / name).write_text("".join(kept + kept[:1]) or text)
        rows = {name: dict(line.split(" ", 1) for line in contents(data)[name].splitlines()) for name in whole}
        for _ in range(5):
            utterances, speakers = rows["utt2spk"], set(rows["utt2spk"].values())
            for name in ("feats.scp", "text", "segments"):
                rows["utt2spk"] = utterances = {u: s for u, s in utterances.items() if u in rows[name]}
            speakers = {s for s in speakers if s in rows["cmvn.scp"] and s in rows["spk2gender"]}
            rows["utt2spk"] = {u: s for u, s in utterances.items() if s in speakers}
        if not rows["utt2spk"]:
            continue
        owners = {"utterance": set(rows["utt2spk"]), "speaker": set(rows["utt2spk"].values()), "recording": {"r1"}}
        fix_data(data)
        for name in whole.keys() - {"spk2utt"}:
            expected = {k: v for k, v in rows[name].items() if k in owners[OWNERS[name]]}
            assert contents(data)[name] == "".join(f"{k} {expected[k]}\n" for k in sorted(expected)), name


def test_commands(data: Path, run_command) -> None:
    done = run_command("validate-data", data)
    assert (done.exit_code, done.stdout) == (0, f"{data}: found nothing wrong\n")
    (data / "text").unlink()
    (data / "spk2utt").unlink()
    done = run_command("validate-data", data)
    assert done.exit_code == 1
    assert done.stdout.count("\n") == 2
    assert "found 2 things wrong, expected lists that fit together" in done.stderr
    done = run_command("fix-data", data)
    assert (done.exit_code, done.stdout.count("\n")) == (0, 2)
    assert run_command("validate-data", data, "--no-text").exit_code == 0
