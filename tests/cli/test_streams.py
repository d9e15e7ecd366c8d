"""Tables through pipes: the same bits as through files, and one line for what is wrong, with nothing half written."""

from __future__ import annotations

import gzip
import io
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import kaldiio
import numpy as np
import pytest
from click.testing import CliRunner
from said import works

from gmmspeech.cli.main import main
from gmmspeech.cli.places import FILE, LIST, READ
from gmmspeech.cli.streams import streams_of
from gmmspeech.files.table_places import parse_place
from gmmspeech.formats.kaldi.ark import write_kaldi_ark
from gmmspeech.formats.kaldi.plda import write_kaldi_vectors
from gmmspeech.formats.kaldi.tables import read_table
from gmmspeech.phones.hmm.model import PhoneHMM

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Unix has such pipes")
GMMSPEECH = f"{sys.executable} -m gmmspeech"
FRAMES = {f"u{i}": np.random.default_rng(i).normal(size=(20 + i, 5)).astype(np.float32) for i in range(3)}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_kaldi_ark("a.ark", FRAMES.items(), scp="a.scp")
    return tmp_path


def shell(line, **options):
    """Do a line of bash in which G is the command."""
    line = f"set -o pipefail; {line.replace('G ', GMMSPEECH + ' ')}"
    return subprocess.run(["bash", "-c", line], capture_output=True, check=False, **options)


def piped(line, given=b""):
    """Do a pipe's commands one after the other, ours in this process: its status, what comes out and what is said."""
    said = b""
    for command in line.split(" | "):
        if command.startswith("G "):
            done = CliRunner().invoke(main, shlex.split(command)[1:], input=given, prog_name="gmmspeech")
            status, given, told = done.exit_code, done.stdout_bytes, done.stderr_bytes
        else:
            other = subprocess.run(["bash", "-c", command], input=given, capture_output=True, check=False)
            status, given, told = other.returncode, other.stdout, other.stderr
        said += told
        if status:
            break
    return SimpleNamespace(returncode=status, stdout=given, stderr=said)


def content(name):
    return {key: np.array(frames) for key, frames in kaldiio.load_ark(str(name))}


def equal(one, other):
    return list(one) == list(other) and all(np.array_equal(one[key], other[key]) for key in one)


def test_five_commands_in_a_pipe(corpus, tmp_path, monkeypatch, run):
    root = corpus("librispeech-mini")
    monkeypatch.chdir(tmp_path)
    os.mkdir("data")
    for name in ("wav.scp", "utt2spk"):
        lines = (root / "data/test-other" / name).read_text().splitlines()[:2]
        if name == "wav.scp":
            lines = [f"{key} {root / place}" for key, place in map(str.split, lines)]
        (tmp_path / "data" / name).write_text("\n".join(lines) + "\n")
    piped = shell(
        "G features data ark:- | G copy-features ark:- ark,t:- | G copy-features ark,s,cs:- ark:- "
        "| G copy-features - - | G train-ubm ark:- piped.h5 -k 4 --max-iter 2"
    )
    assert piped.returncode == 0, piped.stderr
    for line in (
        "features data f.h5",
        "copy-features f.h5 ark:f.ark",
        "train-ubm ark:f.ark u.h5 -k 4 --max-iter 2",
    ):
        assert run(*line.split()).exit_code == 0
    assert (tmp_path / "piped.h5").read_bytes() == (tmp_path / "u.h5").read_bytes()


def test_places_of_all_kinds(folder, run):
    original = (folder / "a.ark").read_bytes()
    assert run("copy-features", "ark:a.ark", "ark:b.ark.gz").exit_code == 0
    assert gzip.decompress((folder / "b.ark.gz").read_bytes()) == original
    assert run("copy-features", "ark:b.ark.gz", "ark,f:c.ark").exit_code == 0
    assert (folder / "c.ark").read_bytes() == original
    assert run("copy-features", "ark:cat a.ark |", "ark:| cat > d.ark", "--allow-pipes").exit_code == 0
    assert (folder / "d.ark").read_bytes() == original
    (folder / "b.scp.gz").write_bytes(gzip.compress((folder / "a.scp").read_bytes()))
    assert run("copy-features", "scp:b.scp.gz", "ark,scp:e.ark,e.scp").exit_code == 0
    assert (folder / "e.ark").read_bytes() == original
    assert "3 utterances, 63 frames of 5 columns" in run("show", "ark:b.ark.gz").stdout
    done = piped("cat a.scp | G copy-features scp:- ark:- | cmp - a.ark")
    assert done.returncode == 0, done.stderr
    done = shell("G copy-features ark:a.ark ark,t:- | head -1")
    assert (done.returncode, done.stdout.split()[0]) == (0, b"u0"), done.stderr
    assert b"3 utterances, 63 frames copied" in done.stderr  # results go there while a table goes to standard output


def test_files_are_compressed_by_their_names(folder, run):
    assert run("copy-features", "ark:a.ark", "f.h5").exit_code == 0
    assert run("copy-features", "f.h5", "g.h5.gz").exit_code == 0
    assert gzip.decompress((folder / "g.h5.gz").read_bytes()) == (folder / "f.h5").read_bytes()
    assert run("copy-features", "g.h5.gz", "ark:b.ark").exit_code == 0
    assert (folder / "a.ark").read_bytes() == (folder / "b.ark").read_bytes()
    for words, expected in (
        (("train-plda", "foo:v", "utt2spk", "b.h5"), "foo:v: found foo:, expected ark:PLACE, scp:PLACE"),
        (("train-plda", "ark:v", "foo:utt2spk", "b.h5"), "foo:utt2spk: found foo:, expected the name of a file"),
        (("train-plda", "ark:v", "utt2spk", "foo:b"), "foo:b: found foo:, expected the name of a file"),
        (("compute-vad", "ark:a.ark", "htk:v"), "found 'htk:v', expected a path, ark:PATH"),
        (("copy-features", "ark:a.ark", "ark"), "ark: found no place, expected ark:PLACE"),
    ):
        done = run(*words)
        assert done.exit_code == 2
        assert expected in done.stderr


def test_a_script_file_in_a_stream(folder, run):
    original = (folder / "a.scp").read_bytes()
    done = piped("G copy-features ark:a.ark ark,scp:b.ark,- | sed s/b.ark/a.ark/ | cmp - a.scp | cmp a.ark b.ark")
    assert done.returncode == 0, done.stderr
    assert run("copy-features", "ark:a.ark", "ark,scp:a2.ark,a.scp.gz").exit_code == 0
    assert gzip.decompress((folder / "a.scp.gz").read_bytes()) == original.replace(b"a.ark", b"a2.ark")
    assert run("feature-info", "scp:a.scp.gz").exit_code == 0
    done = shell(
        "G copy-features ark:<(cat a.ark) ark:/dev/stdout | G copy-features ark:/dev/stdin ark:- | cmp - a.ark"
    )
    assert done.returncode == 0, done.stderr


def test_what_is_permitted_to_be_missing(folder, run):
    (folder / "more.scp").write_text((folder / "a.scp").read_text() + "u9 none.ark:3\n")
    assert run("copy-features", "scp:more.scp", "ark:b.ark").exit_code == 1
    assert not (folder / "b.ark").exists()
    done = works(run("copy-features", "scp,p:more.scp", "ark:b.ark"))
    assert "left out 1 utterance that can't be read; the first: u9" in done.stderr
    assert equal(content("b.ark"), FRAMES)
    whole = (folder / "a.ark").read_bytes()
    done = piped("G copy-features ark,o,p:- ark:b.ark", whole[:-7])
    assert done.returncode == 0, done.stderr
    assert list(content("b.ark")) == ["u0", "u1"]
    (folder / "none.scp").write_text("u9 none.ark:3\n")
    assert "found nothing that can be read" in run("copy-features", "scp,p:none.scp", "ark:c.ark").stderr


@pytest.mark.parametrize(
    ("line", "status", "message"),
    [
        ("head -c 600 a.ark | G copy-features ark:- ark:-", 1, "ark:-: utterance u1: found .*cut short"),
        ("cat /dev/null | G copy-features ark:- ark:-", 1, "ark:-: found no utterance"),
        (
            "printf 'u1 [ 1 2\\n3 ]\\n' | G copy-features ark:- ark:-",
            1,
            "found rows of .* numbers, expected one length",
        ),
        ("G copy-features 'ark:cat a.ark |' ark:-", 2, "a command, expected --allow-pipes"),
        ("G copy-features ark:a.ark 'ark:| cat > b.ark'", 2, "a command, expected --allow-pipes"),
        ("G copy-features 'ark:exit 3 |' ark:- --allow-pipes", 1, "exit status 3 of the command, expected 0"),
        ("G copy-features ark:a.ark 'ark:| exit 3' --allow-pipes", 1, "exit status 3 of the command, expected 0"),
        ("G copy-features ark,zz:a.ark ark:-", 2, "found option zz"),
        ("G copy-features ark:a.ark ark,zz:b.ark", 2, "found option zz"),
        ("G copy-features ark:a.scp.gz ark:-", 1, "a.scp.gz: can't be read"),
        (
            "gzip -c a.ark | head -c 300 > b.ark.gz | G copy-features ark:b.ark.gz ark:-",
            1,
            "expected a whole gzip file",
        ),
    ],
)
def test_one_line_for_what_is_wrong(folder, line, status, message):
    before = set(os.listdir())
    done = piped(line)
    assert done.returncode == status, done.stderr
    assert done.stdout == b"" or "exit 3" in line
    said = done.stderr.decode().strip().splitlines()
    assert status == 2 or len(said) == 1
    assert re.search(message, said[-1]), said
    assert str(folder.parent) not in said[-1] or "a.scp.gz" in line
    assert set(os.listdir()) - before <= {"b.ark.gz"}


READING = [
    (name, parameter.name)
    for name, command in main.commands.items()
    for parameter in command.params
    if parameter.type in READ
]


@pytest.mark.parametrize(("name", "key"), READING)
def test_all_that_commands_read_may_come_through_a_stream(folder, monkeypatch, name, key):
    """Of every type that a parameter has: a table's is a plain one for the command, a file has the same content."""
    context = click.Context(main.commands[name])
    parameters = {each.name: each for each in context.command.params}
    assert "allow_pipes" in parameters
    whole = (folder / "a.ark").read_bytes()
    (folder / "a.ark.gz").write_bytes(gzip.compress(whole))
    (folder / "a.scp.gz").write_bytes(gzip.compress((folder / "a.scp").read_bytes()))
    tables = ("ark:-", "ark,t:-", "ark,s,cs:-", "ark:a.ark.gz", "ark:cat a.ark |", "scp:a.scp.gz", "ark,p:a.ark")
    refused = {FILE: tables, LIST: tables[-2:]}.get(parameters[key].type, ())
    for value in ("-", "a.ark.gz", "cat a.ark |", *tables):
        if value in refused:
            with pytest.raises(click.UsageError, match="a table of Kaldi's, expected the name of a file"):
                parameters[key].type.convert(value, parameters[key], context)
            continue
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(whole), isatty=lambda: False))
        options = {"allow_pipes": True, key: parameters[key].type.convert(value, parameters[key], context)}
        with streams_of(context, options) as streams:
            for fetch in streams.before:
                fetch()
            got = os.fspath(options[key])
            if parse_place(got).kind:
                assert dict(read_table(got)).keys() == FRAMES.keys()
            else:
                assert Path(got).read_bytes() == whole


def test_text_goes_through_a_command(scored, run, monkeypatch):
    monkeypatch.chdir(scored)
    gselect = ("gselect", "u.h5", "f.h5")
    assert run(*gselect, "plain", "-n", "2").exit_code == 0
    refused = run(*gselect, "| gzip > g.gz", "-n", "2")
    assert (refused.exit_code, "expected --allow-pipes to run it" in refused.stderr) == (2, True)
    assert run(*gselect, "| gzip > g.gz", "-n", "2", "--allow-pipes").exit_code == 0
    assert gzip.decompress((scored / "g.gz").read_bytes()) == (scored / "plain").read_bytes()


@pytest.mark.parametrize("way", ["ark,p:ali", "ark,s,cs,p:ali", "ark,t,p:-", "ark,p:cat ali |", "scp,p:ali.scp"])
def test_what_can_be_read_of_alignments(run, tmp_path, monkeypatch, way):
    monkeypatch.chdir(tmp_path)
    PhoneHMM.from_phones(["SIL", "AA"], mean=[0.0], variance=[1.0], num_states=1).save("m.h5")
    (tmp_path / "ali").write_text("u1 2 1 1\nu2 x\n")
    (tmp_path / "ali.scp").write_text("u1 ali:3\nu2 ali:12\n")
    for command in (("ali-to-phones", "m.h5", way, "-", "--allow-pipes"), ("show", way, "--allow-pipes")):
        done = CliRunner().invoke(main, command, input=(tmp_path / "ali").read_bytes())
        assert done.exit_code == 0, done.stderr
        assert "left out 1 utterance that can't be read; the first: u2: found x" in done.stderr
        assert "gmmspeech-" not in done.stderr
        assert ("1 utterance, 3 frames" in done.stdout) == (command[0] == "show")


@pytest.mark.parametrize("way", ["scp:-", "scp,p:-", "ark:-", "ark,p:-"])
def test_errors_name_the_stream(way):
    for content in (b"", b"u1 x\nu1 y\n"):
        done = CliRunner().invoke(main, ("feature-info", way), input=content)
        assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
        assert done.stderr.startswith(f"gmmspeech: error: {way}:")


def test_two_of_one_stream(folder):
    # a command with two outputs that may be streams there is none of yet: the class that decides is asked itself
    from gmmspeech.cli.streams import Streams
    from gmmspeech.errors import DataError

    streams = Streams(lambda: folder, allow_pipes=False)
    assert streams.reading("FEATS", "ark:-", check=True).startswith("ark:")
    with pytest.raises(DataError, match="standard input: found it as FEATS and as --vad, expected it once"):
        streams.reading("--vad", "scp:-", check=True)


def test_a_reader_that_goes_ends_it_as_kaldi_ends(folder):
    write_kaldi_ark("big.ark", [(f"u{i}", np.zeros((9999, 40))) for i in range(3)])  # more than any pipe holds
    command = [sys.executable, "-m", "gmmspeech", "copy-features", "ark:big.ark", "ark:-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.read(10)
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == -signal.SIGPIPE
    assert said == b"gmmspeech: 3 utterances, 29997 frames copied\n"


def test_binary_is_not_for_a_terminal(folder):
    ours, theirs = pty.openpty()
    for out, status in (("ark:-", 1), ("ark,t:-", 0)):
        command = [sys.executable, "-m", "gmmspeech", "copy-features", "ark:a.ark", out]
        done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, check=False)
        assert done.returncode == status, done.stderr
        assert (b"found a terminal for binary data" in done.stderr) == bool(status)
    os.close(theirs)
    os.close(ours)


def test_lists_from_standard_input(scored, monkeypatch, run):
    monkeypatch.chdir(scored)
    Path("one").write_text(run("evaluate", "scores", "trials").stdout)
    assert run("copy-features", "f.h5", "ark:f.ark").exit_code == 0
    for line in (
        "cut -d ' ' -f 1,2 trials | G score m.h5 f.h5 - piped | cmp piped scores",
        "cat trials | G evaluate scores - | cmp - one",
        "cat scores | G evaluate - trials | cmp - one",
        "cat enroll | G enroll u.h5 f.h5 - piped.h5 | cmp piped.h5 m.h5",
        "cat f.ark | G copy-features ark:- ark:g.ark | cmp f.ark g.ark",
        "echo ann-1 | G copy-features ark:f.ark ark:h.ark --subset - | G feature-info ark:h.ark --lengths",
    ):
        done = piped(line)
        assert done.returncode == 0, (line, done.stderr)
    for line, expected in (
        ("cat scores | G evaluate - -", "standard input: found it as SCORES and as TRIALS, expected it once"),
        ("cat f.ark | G copy-features ark:- ark:x.ark --subset -", "standard input: found it as FEATS and as --subset"),
        ("head -c 900 u.h5 | G enroll - f.h5 enroll x.h5", "standard input: "),
        (
            "printf 'ann ann-3 maybe' | G evaluate scores -",
            "standard input:1: found 'maybe', expected model test target",
        ),
    ):
        done = piped(line)
        assert done.returncode == 1, (line, done)
        assert expected in done.stderr.decode()
        assert done.stderr.count(b"\n") == 1
    assert not {"x.h5", "x.ark"} & set(os.listdir())


def test_ivectors_through_pipes(scored, run, monkeypatch):
    monkeypatch.chdir(scored)
    names = [f"{speaker}-{i}" for speaker in ("ann", "bob") for i in (1, 2, 3)]
    write_kaldi_vectors("v.ark", dict(zip(names, np.random.default_rng(0).normal(size=(6, 2)), strict=True)))
    rest = ("b.h5", "--steps", "center,length", "--rank", "1")
    assert run("train-plda", "ark:v.ark", "utt2spk", *rest).exit_code == 0
    whole = (scored / "b.h5").read_bytes()
    for words in (
        ("train-plda", "ark,s,cs:-", "ark:utt2spk", *rest),
        ("train-plda", "ark:gzip -c v.ark | gunzip |", "ark:cat utt2spk |", *rest, "--allow-pipes"),
        ("adapt-plda", "b.h5", "-", "c.h5"),
        ("score-ivectors", "b.h5", "ark:-", "ark:enroll", "trials", "| cat > s", "--allow-pipes"),
    ):
        done = CliRunner().invoke(main, words, input=(scored / "v.ark").read_bytes())
        assert done.exit_code == 0, (words, done.stderr)
        assert (scored / "b.h5").read_bytes() == whole
    assert len((scored / "s").read_text().splitlines()) == 4


def test_compressed_scores_keep_their_names(scored, monkeypatch, run):
    """What is told of files that are kept meanwhile, in the terminal, reports and fusions, calls them as they are."""
    monkeypatch.chdir(scored)
    for place in ("gmm/scores.gz", "plda/scores.gz"):
        Path(place).parent.mkdir()
        Path(place).write_bytes(gzip.compress(Path("scores").read_bytes()))
    done = run("fuse", "gmm/scores.gz", "plda/scores.gz", "trials", "f.h5")
    assert [line.split()[-1] for line in done.stdout.splitlines()[:2]] == ["gmm/scores", "plda/scores"]
    refused = run("apply-calibration", "f.h5", "plda/scores.gz", "gmm/scores.gz", "x")
    assert "found scores plda/scores.gz, gmm/scores.gz, expected" in refused.stderr
    content = Path("scores").read_bytes()
    done = CliRunner().invoke(main, ["apply-calibration", "f.h5", "scores", "-", "x"], input=content)
    assert done.stdout.splitlines()[1:] == ["scores by the weight of gmm/scores", "- by the weight of plda/scores"]
    assert run("evaluate", "gmm/scores.gz", "trials", "--report", "r").exit_code == 0
    page = Path("r/index.html").read_text(encoding="utf-8")
    assert "Speaker verification: scores<" in page
    assert "trials of trials<" in page


def test_models_and_scores_through_pipes(scored, monkeypatch, run):
    monkeypatch.chdir(scored)
    for words in (
        *("train-ubm f.h5 two.h5 -k 2 --max-iter 2", "copy-model u.h5 u.dubm", "copy-model u.h5 u.txt"),
        *("calibrate scores trials c.h5", "apply-calibration c.h5 scores l"),
    ):
        assert run(*words.split()).exit_code == 0
    for name, words in (("one", ("evaluate", "scores", "trials")), ("told", ("show", "u.dubm"))):
        Path(name).write_text(run(*words).stdout)
    for line in (
        "G score m.h5 f.h5 trials - | cmp - scores",
        "cat m.h5 | G score - f.h5 trials - | G evaluate - trials | cmp - one",
        "cat u.h5 | G enroll - f.h5 enroll - | cmp - m.h5",
        "G train-ubm f.h5 - -k 2 --max-iter 2 | cmp - two.h5",
        "G copy-model u.h5 - --to kaldi | cmp - u.dubm",
        "cat u.dubm | G copy-model - - --to kaldi-text | cmp - u.txt",
        "cat u.dubm | G show - | cmp - told",
        "cat two.h5 | G train-ubm f.h5 - -k 2 --max-iter 1 --init - | G show - | grep 'EM: 1 pass'",
        "echo THAT DH AE T | G pronounce THAT --dictionary - | grep -qx 'THAT DH AE T'",
        "G calibrate scores trials - | G apply-calibration - scores - | cmp - l",
    ):
        done = piped(line)
        assert done.returncode == 0, (line, done.stderr)
    for line, expected in (
        ("G score m.h5 f.h5 none -", "none: can't be read"),
        ("G calibrate scores trials - --cross-validated -", "standard output: found it as CALIBRATION.h5 and as"),
        ("cat two.h5 | head -c 2000 | G score - f.h5 trials -", "standard input: "),
        ("G copy-model u.h5 -", "expected --to=FORMAT, one of hdf5"),
        ("echo x | G features . f2.h5 --config -", "-: no such file, nor one of the configurations"),
    ):
        done = piped(line)
        assert (done.returncode, done.stdout) == (1, b""), (line, done)
        assert expected in done.stderr.decode(), line
        assert done.stderr.count(b"\n") == 1
