"""A model of Kaldi's on the command line: it aligns recordings, and gives the transitions that Kaldi gives."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from gmmspeech.formats.kaldi_alignments import read_kaldi_alignments
from gmmspeech.formats.labels import read_ctm

UTTERANCE = "1688-142285-0004"


@pytest.fixture
def aligning(golden, corpus, tmp_path):
    """Words that align the recordings of a speaker with a model of Kaldi's, one of them alone with a transcript."""
    mono, root = golden / "kaldi_models/mono", corpus("librispeech-mini")
    data = root / "data/test-other"
    for folder in ("model", "data"):
        (tmp_path / folder).mkdir()
    for name in ("final.mdl", "tree", "phones.txt", "mfcc.conf"):
        shutil.copyfile(mono / name, tmp_path / "model" / name)
    for name in ("wav.scp", "utt2spk", "text"):
        lines = [line for line in (data / name).read_text().splitlines() if line.startswith("1688-142285-000")]
        lines = [line for line in lines if name != "text" or line.startswith(UTTERANCE)]
        if name == "wav.scp":
            lines = [f"{key} {root / place}" for key, place in map(str.split, lines)]
        (tmp_path / "data" / name).write_text("\n".join(lines) + "\n")
    model = tmp_path / "model/final.mdl"
    words = ["align", tmp_path / "data", model, "--dictionary", mono / "lexicon.txt", "--times", "start"]
    return [*words, "--no-adapt", "--acoustic-scale", 0.1, "--self-loop-scale", 0.1, "--out", tmp_path / "out"]


def test_align(run, golden, tmp_path, aligning):
    done = run(*aligning, "--write-ali", f"ark,t:{tmp_path}/ali.txt")
    assert done.exit_code == 0, done.output
    found = read_kaldi_alignments(tmp_path / "ali.txt")[UTTERANCE]
    expected = read_kaldi_alignments(golden / "kaldi_models/mono/ali.ark")[UTTERANCE]
    assert len(found) == len(expected)
    names = [label.name for label in read_ctm(tmp_path / "out/phones.ctm")[UTTERANCE]]
    assert names == [label.name for label in read_ctm(golden / "kaldi_models/mono/phones.ctm")[UTTERANCE]]
    # the speaker's mean here is that of the utterance alone, for want of transcripts
    assert np.mean(found == expected) > 0.8


def test_phones_that_the_model_lacks_have_no_transitions(run, tmp_path, aligning):
    lexicon = tmp_path / "words.dict"
    lexicon.write_text(aligning[4].read_text().replace(" AH", " AX"))
    done = run(*aligning[:4], lexicon, *aligning[5:], "--write-ali", f"ark:{tmp_path}/ali.ark")
    assert done.exit_code == 1
    assert "found phones AX of the dictionary, which the model lacks" in done.stderr
    assert not (tmp_path / "ali.ark").exists()


def test_a_back_end_of_kaldis_on_the_command_line(golden, tmp_path, run):
    shutil.copytree(golden / "kaldi_models/plda", tmp_path / "plda")
    folder = tmp_path / "plda"
    archive, trials = f"ark:{folder}/ivectors.ark", tmp_path / "trials"
    trials.write_text("".join(f"{line}\n" for line in (folder / "tr").read_text().splitlines()[:200]))
    (tmp_path / "out").mkdir()
    assert run("copy-model", folder / "plda", tmp_path / "b.h5").exit_code == 0
    assert run("copy-model", tmp_path / "b.h5", tmp_path / "out/plda", "--to", "kaldi").exit_code == 0
    expected = [float(line.split()[2]) for line in (folder / "scores").read_text().splitlines()[:200]]
    for backend in (folder / "plda", tmp_path / "b.h5", tmp_path / "out/plda"):
        words = ("score-ivectors", backend, archive, folder / "enroll", trials, tmp_path / "scores")
        assert run(*words, "--normalize-length").exit_code == 0
        found = [float(line.split()[2]) for line in (tmp_path / "scores").read_text().splitlines()]
        np.testing.assert_allclose(found, expected, atol=1e-3)
