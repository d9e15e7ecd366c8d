"""A model of Kaldi's on the command line: it aligns recordings, and gives the transitions that Kaldi gives."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from itertools import pairwise

import numpy as np
import pytest
from said import stops, works

from gmmspeech.formats.kaldi.alignments import read_kaldi_alignments
from gmmspeech.formats.labels.lines import read_ctm
from gmmspeech.phones.labels.phone_sets import ARPABET_VOWELS

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
    works(run(*aligning, "--write-ali", f"ark,t:{tmp_path}/ali.txt"))
    found = read_kaldi_alignments(tmp_path / "ali.txt")[UTTERANCE]
    expected = read_kaldi_alignments(golden / "kaldi_models/mono/ali.ark")[UTTERANCE]
    assert len(found) == len(expected)
    names = [label.name for label in read_ctm(tmp_path / "out/phones.ctm")[UTTERANCE]]
    assert names == [label.name for label in read_ctm(golden / "kaldi_models/mono/phones.ctm")[UTTERANCE]]
    # the speaker's mean here is that of the utterance alone, for want of transcripts
    assert np.mean(found == expected) > 0.8


def test_align_by_the_features_that_kaldi_had(run, golden, tmp_path, aligning):
    mono = golden / "kaldi_models/mono"
    works(run(*aligning, "--feats", f"ark:{mono}/feats.ark", "--write-ali", f"ark,t:{tmp_path}/ali.txt"))
    found = read_kaldi_alignments(tmp_path / "ali.txt")[UTTERANCE]
    np.testing.assert_array_equal(found, read_kaldi_alignments(mono / "ali.ark")[UTTERANCE])


def test_align_by_features_as_kaldis_scripts_take_them(run, golden, tmp_path, aligning, monkeypatch):
    """Cepstra of all of the speaker's utterances become what Kaldi had, by statistics beside them and deltas."""
    monkeypatch.chdir(tmp_path)
    mono = golden / "kaldi_models/mono"
    run("features", "data", "ark,scp:f.ark,f.scp", "--config", mono / "mfcc.conf")
    speaker, utterances = UTTERANCE.split("-")[0], [f"{UTTERANCE[:-1]}{i}" for i in range(10)]
    (tmp_path / "spk2utt").write_text(f"{speaker} {' '.join(utterances)}\n")
    run("compute-cmvn", "scp:f.scp", "ark:cmvn.ark", "--spk2utt", "spk2utt")
    beside = ("--feats", "scp:f.scp", "--cmvn", "ark:cmvn.ark", "--utt2spk", "data/utt2spk")
    works(run(*aligning, *beside, "--write-ali", "ark:ali"))
    expected = read_kaldi_alignments(mono / "ali.ark")[UTTERANCE]
    assert np.mean(read_kaldi_alignments("ali")[UTTERANCE] == expected) >= 0.995
    run("copy-model", "model/final.mdl", "mono.h5")  # which keeps what lies beside
    works(run(*aligning[:2], "mono.h5", *aligning[3:], *beside, "--write-ali", "ark:again"))
    assert (tmp_path / "again").read_bytes() == (tmp_path / "ali").read_bytes()
    run("copy-features", "scp:f.scp", "plain.h5")
    run("features", "data", "known.h5", "--config", mono / "mfcc.conf")  # which knows how they were made
    for features in ("plain.h5", "known.h5"):
        done = run(
            *aligning[:2], "mono.h5", *aligning[3:], "--feats", features, *beside[2:], "--write-ali", "ark:again"
        )
        assert done.exit_code == 0, done.output
        assert (tmp_path / "again").read_bytes() == (tmp_path / "ali").read_bytes()
    (tmp_path / "model/cmvn_opts").write_text("--norm-vars=true\n")
    (tmp_path / "model/delta_opts").write_text("--delta-window=3\n")
    for options, expected in (
        (beside[:2], "--cmvn: found none, expected statistics for features"),
        (beside[:4], "--utt2spk: found none, expected speakers"),
        ((*beside, "--deltas", 1), "found frames with stored.deltas.order = 1, expected stored.deltas.order = 2"),
        ((*beside, "--delta-window", 2, "--deltas", 2), "stored.deltas.window = 2, expected stored.deltas.window = 3"),
    ):
        stops(run(*aligning, *options), expected)
    (tmp_path / "model/mfcc.conf").unlink()
    (tmp_path / "model/delta_opts").write_text("--delta-order=1\n")
    refused = run(*aligning, *beside)
    assert "f.scp: found features of 13 columns, expected 39 as" in refused.output


def test_features_come_as_often_as_the_model_says(run, tmp_path, aligning, monkeypatch):
    """The same phones meet at the same times; edges of silence are placed by the sound, which features have no more."""

    def met():
        alignments = read_ctm("out/phones.ctm")
        pairs = [(a, b.name) for labels in alignments.values() for a, b in pairwise(labels)]
        return [(a.name, name, None if "SIL" in (a.name, name) else a.end) for a, name in pairs]

    monkeypatch.chdir(tmp_path)
    with open("model/mfcc.conf", "a") as conf:
        conf.write("--frame-shift=5\n")
    (tmp_path / "model/cmvn_opts").write_text("--norm-means=false\n")
    assert run(*aligning).exit_code == 0
    expected = met()
    run("features", "data", "ark,scp:f.ark,f.scp", "--config", "model/mfcc.conf")
    assert run(*aligning, "--feats", "scp:f.scp").exit_code == 0
    assert met() == expected


def test_align_with_a_model_of_mfas(run, golden, tmp_path, aligning):
    """The same model, its vowels called as with stress, with a dictionary in such phones, gives the same times."""
    mono, folder = golden / "kaldi_models/mono", tmp_path / "model"
    assert run(*aligning).exit_code == 0
    expected = read_ctm(tmp_path / "out/phones.ctm")[UTTERANCE]
    stressed = [(vowel, f"{vowel}1") for vowel in ARPABET_VOWELS]
    named = (folder / "phones.txt").read_text()
    for vowel, name in stressed:
        named = named.replace(f"{vowel} ", f"{name} ")
    features = {"feature_type": "mfcc", "uses_deltas": True, "high_frequency": 0, "dither": 0}
    with zipfile.ZipFile(tmp_path / "own.zip", "w") as archive:
        archive.write(folder / "final.mdl", "own/final.mdl")
        archive.write(folder / "tree", "own/tree")
        archive.writestr("own/phones.txt", named)
        archive.writestr("own/meta.json", json.dumps({"features": features, "optional_silence_phone": "SIL"}))
    lines = [line.split() for line in (mono / "lexicon.txt").read_text().splitlines()]
    lexicon = ("\t".join([w, "1.0", "0.5", "1.0", "1.0", *(dict(stressed).get(p, p) for p in ps)]) for w, *ps in lines)
    (tmp_path / "own.dict").write_text("\n".join(lexicon) + "\n")
    (tmp_path / "out/phones.ctm").unlink()
    done = run("align", aligning[1], tmp_path / "own.zip", "--dictionary", tmp_path / "own.dict", *aligning[5:])
    assert (done.exit_code, "lacks" in done.stderr) == (0, False), done.output
    found = read_ctm(tmp_path / "out/phones.ctm")[UTTERANCE]
    assert [(start, end, name.replace("1", "")) for start, end, name in found] == list(map(tuple, expected))


def test_phones_that_the_model_lacks_have_no_transitions(run, tmp_path, aligning):
    lexicon = tmp_path / "words.dict"
    lexicon.write_text(aligning[4].read_text().replace(" AH", " AX"))
    done = run(*aligning[:4], lexicon, *aligning[5:], "--write-ali", f"ark:{tmp_path}/ali.ark")
    stops(done, "found phones AX of the dictionary, which the model lacks")
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


def test_what_lies_beside_a_stream_is_named(golden, tmp_path):
    with open(golden / "kaldi_models/mono/final.mdl", "rb") as model:
        words = [sys.executable, "-m", "gmmspeech", "copy-model", "-", str(tmp_path / "a.h5")]
        done = subprocess.run(words, stdin=model, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("gmmspeech: error: phones.txt beside standard input: can't be read")
