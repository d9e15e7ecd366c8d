"""Phones of Kaldi's alignments on the command line: the golden CTM, and tables of numbers."""

import shutil

import numpy as np
import pytest
from said import stops

from gmmspeech.formats.kaldi.alignments import read_kaldi_alignments
from gmmspeech.formats.labels.lines import read_ctm
from gmmspeech.phones.hmm.model import PhoneHMM

FRAME = 0.01


@pytest.fixture
def mono(golden):
    return golden / "kaldi_models/mono"


def test_times_are_kaldis(mono, run_command, tmp_path):
    expected = read_ctm(mono / "phones.ctm")
    for ali in (f"ark:{mono}/ali.ark", mono / "ali.txt"):
        run_command("ali-to-phones", mono / "final.mdl", ali, tmp_path / "phones.ctm")
        assert read_ctm(tmp_path / "phones.ctm") == expected
    run_command("ali-to-phones", mono / "final.mdl", ali, tmp_path / "half.ctm", "--frame-shift", 5)
    halved = read_ctm(tmp_path / "half.ctm")
    for name, labels in expected.items():
        np.testing.assert_allclose([x.end for x in halved[name]], [x.end / 2 for x in labels], atol=1e-6)


def test_numbers_are_those_of_phones_txt(mono, run_command, tmp_path):
    for name in ("final.mdl", "tree"):
        shutil.copyfile(mono / name, tmp_path / name)
    known = dict(line.split() for line in (mono / "phones.txt").read_text().splitlines())
    words = ("ali-to-phones", tmp_path / "final.mdl", f"ark:{mono}/ali.ark")
    (tmp_path / "phones.txt").write_text("".join(f"{phone} {number}\n" for phone, number in known.items()))
    run_command(*words, f"ark,scp:{tmp_path}/p.ark,{tmp_path}/p.scp")
    run_command(*words, f"ark,t:{tmp_path}/f.txt", "--per-frame")
    found, frames = (read_kaldi_alignments(f"{tmp_path}/{name}") for name in ("p.ark", "f.txt"))
    for name, labels in read_ctm(mono / "phones.ctm").items():
        numbers = [int(known[label.name]) for label in labels]
        assert found[name].tolist() == numbers
        counts = [round((label.end - label.start) / FRAME) for label in labels]
        assert frames[name].tolist() == np.repeat(numbers, counts).tolist()


def test_a_model_of_ours(run_command, tmp_path):
    PhoneHMM.from_phones(["SIL", "AA"], mean=[0.0], variance=[1.0], num_states=1).save(tmp_path / "m.h5")
    (tmp_path / "ali.txt").write_text("u 2 1 4\n")
    run_command("ali-to-phones", tmp_path / "m.h5", tmp_path / "ali.txt", f"ark,t:{tmp_path}/p")
    assert (tmp_path / "p").read_text() == "u 1 2 \n"


def test_what_is_wrong_is_named(run_command, tmp_path):
    PhoneHMM.from_phones(["SIL"], mean=[0.0], variance=[1.0]).save(tmp_path / "m.h5")
    ali = tmp_path / "ali.txt"
    for line, message in (("u 1 9", "from 1 to 6"), ("u 3", "no beginning of a phone"), ("u x", "found x")):
        ali.write_text(f"{line}\n")
        done = run_command("ali-to-phones", tmp_path / "m.h5", ali, tmp_path / "p.ctm")
        stops(done, f"{ali}: utterance u: found", message)
        assert not (tmp_path / "p.ctm").exists()
    done = run_command("ali-to-phones", tmp_path / "m.h5", ali, tmp_path / "p.ctm", "--per-frame")
    assert "--per-frame: found" in done.stderr
