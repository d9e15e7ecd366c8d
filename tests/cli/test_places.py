"""Outputs are checked before any command works: what they are, and that nothing that is read is replaced."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import Result
from contents import contents
from said import stops

from gmmspeech.cli.main import main
from gmmspeech.cli.places import OUT, OUT_FOLDER, WRITTEN

Run = Callable[..., Result]
UNIX = pytest.mark.skipif(os.name == "nt", reason="Unix has such files")


def commands(folder: Path) -> dict[str, list[object]]:
    """Words of every command that writes, by name; each of its outputs is OUT."""
    f, u, m, scores, trials = (folder / name for name in ("f.h5", "u.h5", "m.h5", "scores", "trials"))
    return {
        "features": [folder, "OUT", "--config", folder / "front.toml"],
        "train-ubm": [f, "OUT", "-k", 2],
        "enroll": [u, f, folder / "enroll", "OUT"],
        "score": [m, f, trials, "OUT"],
        "train-classifier": [f, folder / "utt2spk", "OUT"],
        "score-classes": [folder / "c.h5", f, "OUT", "--target", "ann"],
        "copy-features": [f, "OUT"],
        "compute-vad": [f, "OUT"],
        "compute-cmvn": [f, "OUT"],
        "gselect": [u, f, "OUT"],
        "ali-to-phones": [u, f"ark:{folder}/ali.ark", "OUT"],
        "copy-model": [u, "OUT", "--to", "kaldi"],
        "statistics": [u, f, "OUT"],
        "train-ivector": [u, folder / "st.h5", "OUT", "-r", 2],
        "extract-ivectors": [folder / "e.h5", folder / "st.h5", "OUT"],
        "train-plda": [folder / "i.h5", folder / "utt2spk", "OUT"],
        "adapt-plda": [folder / "b.h5", folder / "i.h5", "OUT"],
        "score-ivectors": [folder / "b.h5", folder / "i.h5", folder / "enroll", trials, "OUT"],
        "supervectors": [u, folder / "st.h5", "OUT"],
        "train-isv": [u, folder / "st.h5", folder / "utt2spk", "OUT", "-r", 2],
        "train-jfa": [u, folder / "st.h5", folder / "utt2spk", "OUT", "--speaker-rank", 2, "--session-rank", 2],
        "score-statistics": [folder / "isv.h5", folder / "st.h5", folder / "enroll", trials, "OUT"],
        "all-trials": [folder / "enroll", folder / "utt2spk", "OUT"],
        "make-trials": [folder / "enroll", folder / "utt2spk", "OUT"],
        "pitch-groups": [folder, "OUT"],
        "accumulate": [u, f, "OUT"],
        "estimate": [u, folder / "acc.h5", "OUT"],
        "normalize-scores": [scores, "OUT", "--method", "t", "--test-cohort", scores],
        "calibrate": [scores, trials, "OUT"],
        "fuse": [scores, trials, "OUT"],
        "apply-calibration": [folder / "cal.h5", scores, "OUT"],
        "measure": [folder, "OUT"],
        "train-phones": [folder, "OUT", "--dictionary", folder / "words.dict"],
        "train-phone-classifier": [folder, "OUT", "--labels", folder / "phones.ctm"],
        "make-ngram": [folder / "text", "OUT"],
        "align": [folder, u, "--dictionary", folder / "words.dict", "--report", "OUT"],
        "classify-phones": [folder, u, "--labels", folder / "phones.ctm", "--report", "OUT"],
        "compare-alignment": [folder / "phones.ctm", folder / "phones.ctm", "--plot", "OUT"],
        "plot-alignment": [folder / "a.wav", folder / "phones.ctm", "OUT"],
    }


def filled(name: str, words: list[object], out: object) -> list[object]:
    return [name, *(out if word == "OUT" else word for word in words)]


def test_every_command_that_writes_is_here(tmp_path: Path) -> None:
    writing = {
        name
        for name, command in main.commands.items()
        if any(parameter.type in (OUT, *WRITTEN) for parameter in command.params)
    }
    assert writing == set(commands(tmp_path))
    folders = {n for n, c in main.commands.items() if any(p.type is OUT_FOLDER for p in c.params)}
    assert folders == {
        *("align", "classify-phones", "combine-data", "compare", "demo", "evaluate", "prepare", "recognize"),
        *("perturb-data", "subset-data", "verify"),
    }
    for command in main.commands.values():
        for parameter in command.params:
            if isinstance(parameter, click.Argument) and (parameter.metavar or parameter.name).startswith("OUT"):
                assert parameter.type in (OUT, OUT_FOLDER, *WRITTEN)


STREAMING = (
    "features",
    "copy-features",
    "extract-ivectors",
    "compute-vad",
    "compute-cmvn",
    "gselect",
    "ali-to-phones",
)  # tables, into standard output too


@pytest.mark.parametrize("out", ["-", "ark,t:-", "ark:| gzip -c > x.gz", "| cat", "scp,ark:a,b", "ark:", ""])
def test_what_is_no_file_to_write_is_bad_usage(
    voices: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name, words in commands(voices).items():
        if out == "-" or (name in STREAMING and out == "ark,t:-"):
            continue  # into standard output
        result = run(*filled(name, words, out))
        assert result.exit_code == 2, result.output
        assert "found" in result.stderr
        assert "expected" in result.stderr
        assert not list(Path().iterdir())
    for name, words in {
        "align": [voices, voices / "u.h5", "--dictionary", "cmudict", "--out"],
        "classify-phones": [voices, voices / "u.h5", "--out"],
        "evaluate": [voices / "scores", voices / "trials", "--report"],
        "prepare": ["speakers", voices],
        "subset-data": [voices, "--count", 2],
        "perturb-data": [voices, "--speed", 0.9],
        "demo": ["--out"],
    }.items():
        assert run(name, *words, out).exit_code == 2
        assert not list(Path().iterdir())


@UNIX
def test_what_killed_runs_left_in_folders_is_removed(scored: Path, run: Run) -> None:
    out = scored / "out"
    for words in (
        ["copy-features", scored / "f.h5", f"htk:{out}"],
        ["evaluate", scored / "scores", scored / "trials", "--report", out],
        ["prepare", "speakers", scored.parent, out],
    ):
        assert run(*words).exit_code == 0
        written = contents(out)
        for name in written:
            (out / f".{Path(name).stem}.01234567{Path(name).suffix}").touch()
        (out / ".other.01234567.htk").touch()
        assert run(*words).exit_code == 0
        assert contents(out) == {**written, ".other.01234567.htk": b""}, words
        shutil.rmtree(out)


@UNIX
@pytest.mark.parametrize(
    "name", ["features", "train-ubm", "enroll", "score", "train-classifier", "copy-model", "statistics", "accumulate"]
)
def test_a_run_that_is_killed_before_its_end_leaves_nothing_half_done(scored: Path, run: Run, name: str) -> None:
    out = scored / "out.h5"
    words = list(map(str, filled(name, commands(scored)[name], out)))
    before = contents(scored)
    assert run(*words).exit_code == 0
    expected = contents(scored)
    out.unlink()
    child = os.fork()
    if child == 0:
        try:
            os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
            main(words, standalone_mode=False)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    left = contents(scored)
    assert "out.h5" not in left
    assert len(left) > len(before)
    assert run(*words).exit_code == 0
    assert contents(scored) == expected


@pytest.mark.parametrize("link", ["same", "hard", "symbolic", "another way"])
def test_an_input_is_never_replaced(scored: Path, run: Run, link: str) -> None:
    for name, words in commands(scored).items():
        for source in [word for word in words if isinstance(word, Path) and word.is_file()]:
            before = contents(scored)
            out = {"same": source, "another way": scored / "." / ".." / scored.name / source.name}.get(link)
            if out is None:
                out = scored / "link"
                out.hardlink_to(source) if link == "hard" else out.symlink_to(source)
            stops(run(*filled(name, words, out)), f"{out}: found it as ")
            (scored / "link").unlink(missing_ok=True)
            assert contents(scored) == before


@pytest.mark.parametrize("prefix", ["ark:", "ark,t:"])
def test_features_are_not_copied_onto_themselves(scored: Path, run: Run, prefix: str) -> None:
    assert run("copy-features", scored / "f.h5", f"ark,scp:{scored}/f.ark,{scored}/f.scp").exit_code == 0
    before = contents(scored)
    for source in (f"ark:{scored}/f.ark", f"scp:{scored}/f.scp"):
        for out in (f"{prefix}{source.partition(':')[2]}", f"ark,scp:{scored}/new.ark,{source.partition(':')[2]}"):
            assert "found it as FEATS and as OUT" in run("copy-features", source, out).stderr
    assert (
        "found it as OUT and as OUT" in run("copy-features", scored / "f.h5", f"ark,scp:{scored}/x,{scored}/x").stderr
    )
    assert contents(scored) == before


def test_folders_and_shards_are_not_copied_onto_themselves(scored: Path, run: Run) -> None:
    assert run("copy-features", scored / "f.h5", f"htk:{scored}/htk").exit_code == 0
    words = ("features", scored, scored / "s.h5", "--config", scored / "front.toml", "--shards", 2)
    assert run(*words).exit_code == 0
    before = contents(scored)
    assert "ann-1.htk: found it in htk:" in run("copy-features", f"htk:{scored}/htk", f"htk:{scored}/htk").stderr
    shard = next((scored / "s.shards").glob("*.h5"))
    assert f"{shard.name}: found it in " in run("copy-features", scored / "s.h5", shard).stderr
    assert contents(scored) == before


@pytest.mark.parametrize("kind", ["scp", "htk", "shards"])
def test_what_features_lead_to_is_not_replaced(scored: Path, run: Run, kind: str) -> None:
    if kind == "shards":
        words = ("features", scored, scored / "s.h5", "--config", scored / "front.toml", "--shards", 2)
        assert run(*words).exit_code == 0
        source, file = f"{scored}/s.h5", next((scored / "s.shards").glob("*.h5"))
    elif kind == "scp":
        assert run("copy-features", scored / "f.h5", f"ark,scp:{scored}/f.ark,{scored}/f.scp").exit_code == 0
        source, file = f"scp:{scored}/f.scp", scored / "f.ark"
    else:
        assert run("copy-features", scored / "f.h5", f"htk:{scored}/htk").exit_code == 0
        source, file = f"htk:{scored}/htk", scored / "htk" / "ann-1.htk"
    (scored / "link.h5").symlink_to(file)
    before = contents(scored)
    for out in (file, scored / "link.h5"):
        stops(run("train-ubm", source, out, "-k", 1), f"{out.name}: found it in {source}, which is read")
        assert contents(scored) == before


@pytest.mark.parametrize("command", ["align", "classify-phones"])
def test_a_data_directory_is_no_folder_for_results(voices: Path, run: Run, command: str) -> None:
    (voices / "phones.ctm").write_text("kept")
    before = contents(voices)
    for option in (["--dictionary", "cmudict"] if command == "align" else ["--labels", voices / "phones.ctm"],):
        result = run(command, voices, voices / "none.h5", *option, "--out", voices / ".")
        assert "found it as DATA_DIR and as output" in result.stderr
    assert contents(voices) == before


def test_a_data_directory_is_not_made_of_itself(voices: Path, run: Run) -> None:
    before = contents(voices)
    for words in (
        ("subset-data", voices, voices / ".", "--count", 2),
        ("combine-data", voices, voices / "."),
        ("perturb-data", voices, voices / ".", "--speed", 0.9),
    ):
        assert "found it as DATA_DIR and as output" in run(*words).stderr
    assert contents(voices) == before


@pytest.mark.parametrize("command", ["features", "train-phones", "train-phone-classifier"])
def test_recordings_are_not_replaced(voices: Path, run: Run, command: str) -> None:
    (voices / "text").write_text("".join(f"{speaker}-{i} a\n" for speaker in ("ann", "bob") for i in (1, 2, 3)))
    (voices / "words.dict").write_text("a AH\n")
    (voices / "phones.ctm").write_text("".join(f"{s}-{i} 1 0 0.5 AH\n" for s in ("ann", "bob") for i in (1, 2, 3)))
    before = contents(voices)
    words = {"train-phones": ["--dictionary", voices / "words.dict"]}.get(command, [])
    result = run(command, voices, voices / "ann-2.wav", *words)
    assert "ann-2.wav: found it as recording ann-2, expected another place" in result.stderr
    assert contents(voices) == before


@pytest.mark.parametrize("name", ["wav.scp", "utt2spk"])
def test_the_lists_of_a_data_directory_are_not_replaced(voices: Path, run: Run, name: str) -> None:
    before = contents(voices)
    for words in (
        ["features", voices, voices / name],
        ["train-phones", voices, voices / name, "--dictionary", "cmudict"],
    ):
        assert f"{name}: found it as DATA_DIR" in run(*words).stderr
        assert contents(voices) == before


def test_two_outputs_are_two_files(scored: Path, run: Run) -> None:
    words = ["calibrate", scored / "scores", scored / "trials", scored / "x", "--cross-validated", scored / "x"]
    result = run(*words, "--speakers", scored / "utt2spk")
    assert "x: found it as CALIBRATION.h5 and as --cross-validated, expected two places" in result.stderr


@UNIX
def test_an_output_that_can_not_be_written_is_told_before_the_work(scored: Path, run: Run) -> None:
    (scored / "kept").write_text("kept")
    (scored / "kept").chmod(0o400)
    os.mkfifo(scored / "pipe")
    (scored / "pipe.link").symlink_to("pipe")
    before = sorted(scored.iterdir())
    for name, words in commands(scored).items():
        for out, reason in (("kept", "it is read-only"), ("pipe", "a pipe"), ("pipe.link", "a pipe")):
            stops(run(*filled(name, words, scored / out)), f"{out}: can't be written ({reason}")
        for out in ("/dev/null", "/dev/full"):
            assert "a device, not a regular file" in run(*filled(name, words, out)).stderr
    assert sorted(scored.iterdir()) == before
    assert (scored / "kept").read_text() == "kept"


@UNIX
def test_outputs_are_not_where_messages_go(scored: Path) -> None:
    words = [sys.executable, "-m", "gmmspeech", "score", scored / "m.h5", scored / "f.h5", scored / "trials"]
    said = scored / "said"
    for stream in ("stdout", "stderr"):
        with open(said, "w") as file:
            done = subprocess.run(
                [*words, said], **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: file}
            )
        assert done.returncode == 1
    assert "said: found where standard error goes" in said.read_text()
    with open(said, "a") as file:
        done = subprocess.run([*words, "/dev/stdout"], stdout=file, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "/dev/stdout: found where standard output goes" in done.stderr
    done = subprocess.run([*words, "/dev/stdout"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "/dev/stdout: can't be written (a pipe, not a regular file)" in done.stderr


@UNIX
def test_permissions_and_links_of_outputs_stay(scored: Path, run: Run) -> None:
    words = ("score", scored / "m.h5", scored / "f.h5", scored / "trials")
    out, link = scored / "scores", scored / "link"
    out.chmod(0o600)
    link.symlink_to("scores")
    for place in (out, link):
        assert run(*words, place).exit_code == 0
        assert out.stat().st_mode & 0o777 == 0o600
        assert link.is_symlink()


def test_leftovers_of_killed_runs_are_removed(scored: Path, run: Run) -> None:
    left, other = scored / ".st.01234567.h5", scored / ".stats.01234567.h5"
    for path in (left, other):
        path.write_bytes(b"half")
    assert run("statistics", scored / "u.h5", scored / "f.h5", scored / "st.h5").exit_code == 0
    assert not left.exists()
    assert other.exists()


def test_a_command_that_fails_leaves_no_folder(run, tmp_path):
    (tmp_path / "kept").mkdir()
    for out in ("new/deep/m.h5", "kept/m.h5"):
        assert run("copy-model", tmp_path / "none.h5", tmp_path / out).exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
