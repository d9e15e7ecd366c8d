"""The commands that copy features and mixtures, and that read what others wrote."""

import sys

import numpy as np

import gmmspeech as gs
from gmmspeech.formats.htk import write_htk


def good(result):
    assert result.exit_code == 0, result.output
    return result.stdout


def test_features_there_and_back(scored, run):
    folder = scored
    out = f"ark,scp:{folder}/a.ark,{folder}/a.scp"
    assert good(run("copy-features", folder / "f.h5", out)) == "6 utterances, 288 frames copied\n"
    assert "6 utterances, 288 frames of 6 columns" in good(run("show", f"ark:{folder}/a.ark"))
    good(run("copy-features", f"scp:{folder}/a.scp", f"htk:{folder}/htk", "--kind", "MFCC_0", "--frame-shift", "5"))
    assert gs.formats.read_htk(folder / "htk/ann-1.htk")[1:] == ("MFCC_0", 5.0)
    good(run("train-ubm", f"htk:{folder}/htk", folder / "htk.h5", "-k", "4"))
    np.testing.assert_array_equal(gs.load(folder / "htk.h5").means_, gs.load(folder / "u.h5").means_)


def test_mixtures_there_and_back(scored, run):
    good(run("copy-model", scored / "u.h5", scored / "u.dubm"))
    assert good(run("show", scored / "u.dubm")).startswith("mixture: 4 components, 6 dimensions\n")
    good(run("copy-model", scored / "u.dubm", scored / "u.model", "--to", "htk"))
    assert good(run("show", scored / "u.model")).startswith("mixture: 4 components, 6 dimensions\n")
    assert good(run("copy-model", scored / "c.h5", scored / "c.mmf")) == "2 mixtures copied\n"


def test_bad_files(scored, run, fails):
    (scored / "final.dubm").write_text("<FullGMM> \n")
    expected = "final.dubm", "cut short", "FullGmm"
    fails(scored, ("show", scored / "final.dubm"), *expected)
    fails(scored, ("copy-model", scored / "final.dubm", scored / "new.h5"), *expected)
    fails(scored, ("copy-model", scored / "u.h5", scored / "new.xyz"), "new.xyz", "expected --to=FORMAT, one of hdf5")
    fails(scored, ("copy-features", f"ark:{scored}/none", scored / "new.h5"), "none", "No such file")
    write_htk(scored / "a.mfc", np.ones((2, 2)), kind="MFCC_K")
    content = bytearray((scored / "a.mfc").read_bytes())
    content[20] ^= 1
    (scored / "a.mfc").write_bytes(content)
    (scored / "list").write_text("a.mfc\n")
    fails(scored, ("show", f"htk:{scored}/list"), "utterance a", "a.mfc: CRC: found")
    (scored / "f.ark").write_bytes(b"u1 \0BFM \4\0\0\0\2\4\0\0\0\2" + np.ones(4, ">f4").tobytes())
    fails(scored, ("train-ubm", f"ark:{scored}/f.ark", scored / "new.h5"), "utterance u1", "other byte order")


def test_commands_and_raw_audio(voices, run, fails):
    words = ("features", voices, voices / "f.h5", "--config", voices / "front.toml")
    good(run(*words))
    plain = gs.FeatureStore(voices / "f.h5")["ann-1"]
    program = f"{sys.executable} -c \"import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read())\""
    lines = (voices / "wav.scp").read_text().splitlines()
    first, file = lines[0].split()
    (voices / "wav.scp").write_text("\n".join([f"{first} {program} {voices / file} |", *lines[1:]]) + "\n")
    fails(voices, words, "wav.scp:1", "found a command for ann-1", "--allow-pipes")
    good(run(*words, "--allow-pipes"))
    np.testing.assert_array_equal(gs.FeatureStore(voices / "f.h5")["ann-1"], plain)
    (voices / "wav.scp").write_text("\n".join(lines) + "\n")
    for line in lines:
        path = voices / line.split()[1]
        path.write_bytes(path.read_bytes()[44:])
    fails(voices, words, "can't be decoded")
    good(run(*words, "--raw", "8000"))
    np.testing.assert_array_equal(gs.FeatureStore(voices / "f.h5")["ann-1"], plain)
    fails(voices, (*words, "--raw", "8000:mp3"), "encoding: found 'mp3'")


def test_commands_for_phones(voices, fails):
    lines = (voices / "wav.scp").read_text().splitlines()
    (voices / "wav.scp").write_text("\n".join(["ann-1 echo no luck >&2; exit 3 |", *lines[1:]]) + "\n")
    (voices / "text").write_text("".join(f"{line.split()[0]} one\n" for line in lines))
    (voices / "dictionary").write_text("one W AH N\n")
    words = ("train-phones", voices, voices / "p.h5", "--dictionary", voices / "dictionary")
    fails(voices, words, "wav.scp:1", "--allow-pipes")
    fails(voices, (*words, "--allow-pipes"), "utterance ann-1", "found status 3, 0 bytes; no luck")


def test_a_script_file_taken_for_an_archive(scored, run, monkeypatch):
    monkeypatch.chdir(scored)
    good(run("copy-features", "f.h5", "ark,scp:a.ark,a.scp"))
    good(run("compute-vad", "f.h5", "ark,scp:vad.ark,vad.scp"))
    good(run("compute-cmvn", "f.h5", "ark,scp:cmvn.ark,cmvn.scp"))
    for words in (
        "feature-info a.scp",
        "feature-info ark:a.scp",
        "copy-features f.h5 x.h5 --vad vad.scp",
        "train-ubm f.h5 x.h5 --cmvn cmvn.scp",
    ):
        done = run(*words.split())
        assert done.exit_code == 1
        script = words.rpartition(" ")[2].removeprefix("ark:")
        assert done.stderr.endswith(f" (for a script file write scp:{script})\n"), done.stderr
    for words in ("feature-info none.scp", "feature-info scp:none.scp", "feature-info trials"):
        assert "script file" not in run(*words.split()).stderr


def test_statistics_of_speakers_taken_for_those_of_utterances(scored, run, monkeypatch):
    monkeypatch.chdir(scored)
    names = [line.split()[0] for line in good(run("feature-info", "f.h5", "--lengths")).splitlines()]
    (scored / "spk2utt").write_text(f"ann {' '.join(names)}\n")
    (scored / "utt2spk").write_text("".join(f"{name} ann\n" for name in names))
    good(run("compute-cmvn", "f.h5", "ark:cmvn.ark", "--spk2utt", "spk2utt"))
    for command, option in (("train-ubm", "--cmvn-utt2spk"), ("copy-features", "--utt2spk")):
        refused = run(command, "f.h5", "x.h5", "--cmvn", "ark:cmvn.ark")
        assert f"as of 1 other (give {option} if they are of speakers)" in refused.stderr
        assert run(command, "f.h5", "x.h5", "--cmvn", "ark:cmvn.ark", option, "utt2spk").exit_code == 0
