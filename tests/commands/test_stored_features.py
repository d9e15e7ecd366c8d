"""Features as a model wants them: steps that are asked for, and those that it keeps, as the command line takes them."""

from pathlib import Path

import kaldiio
import numpy as np
import pytest
from said import stops, works
from stored import FRAMES, prepared, write_table

import gmmspeech as gs
from gmmspeech.commands.feature_steps import compute_cmvn
from gmmspeech.commands.phone_features import features_of
from gmmspeech.commands.stored_features import Stored, open_features, read_beside
from gmmspeech.errors import ConfigError, DataError, FeatureError
from gmmspeech.features.compatibility import check_same_front_end, timed_front_end
from gmmspeech.features.deltas import add_deltas
from gmmspeech.features.normalization import cmvn, sliding_cmvn
from gmmspeech.formats import htk
from gmmspeech.formats.datadir import write_map
from gmmspeech.formats.htk import write_htk
from gmmspeech.formats.kaldi.ark import write_kaldi_ark
from gmmspeech.formats.kaldi.plda import write_kaldi_vectors
from gmmspeech.phones.labels.labels import FrameClock
from gmmspeech.stores.features import FeatureStore


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path)
    return tmp_path


def test_steps_come_in_kaldis_order(here):
    compute_cmvn("ark:a.ark", "ark:cmvn.ark")
    vad = {name: (np.arange(len(x)) % 3 > 0).astype(float) for name, x in FRAMES.items()}
    write_kaldi_vectors("vad.ark", vad)
    found = prepared(cmvn="ark:cmvn.ark", deltas=2, delta_window=3, sliding_cmvn=True, vad="ark:vad.ark")
    for name, frames in FRAMES.items():
        expected = sliding_cmvn(add_deltas(cmvn(frames), order=2, window=3), cmn_window=300, center=True)
        np.testing.assert_allclose(found[name], expected[vad[name] > 0], atol=1e-5)
    (here / "names").write_text("u1\nu2 more\nu7\n")
    found = prepared(subset="names", paste="ark:a.ark")
    assert list(found) == ["u1", "u2"]
    np.testing.assert_array_equal(found["u2"], np.hstack([FRAMES["u2"]] * 2))


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"vad": "ark:short.ark"}, FeatureError, "utterance u0: found voice activity of 29 frames, expected"),
        ({"vad": "ark:none.ark"}, FeatureError, "utterance u0: found no voiced frame"),
        ({"vad": "ark:some.ark"}, DataError, "utterance u1: found no voice activity for it"),
        ({"cmvn": "ark:wide.ark"}, DataError, r"utterance u0: found statistics of CMVN of shape .2, 8. and 9 frames"),
        (
            {"cmvn": "ark:wide.ark", "cmvn_utt2spk": "utt2spk"},
            DataError,
            "u0 of speaker ann: found no statistics for it",
        ),
        ({"cmvn": "ark:a.ark"}, DataError, "a.ark: u0: found shape .30, 6., expected finite .2, D . 1."),
        ({"cmvn_utt2spk": "utt2spk"}, ConfigError, "^cmvn_utt2spk: found it without cmvn, expected both"),
        ({"norm_vars": True}, ConfigError, "^norm_vars: found it without cmvn, expected both"),
        ({"delta_window": 3}, ConfigError, "^delta_window: found it without deltas, expected both"),
        ({"cmvn": "ark:cmvn.ark", "cmvn_utt2spk": "few"}, DataError, "u1: found no speaker for it, expected a speaker"),
        ({"paste": "ark:pasted.ark"}, FeatureError, "utterance u0: found 2 frames to paste"),
        ({"subset": "spk2utt"}, DataError, "found none of 2 utterances of the subset"),
        ({"vad": "scp:lost.scp"}, DataError, "lost.scp: found no file gone.ark"),
    ],
)
def test_what_lies_beside_and_does_not_fit(here, options, error, match):
    write_kaldi_vectors("short.ark", {"u0": np.ones(29)})
    write_kaldi_vectors("none.ark", {"u0": np.zeros(30)})
    write_kaldi_vectors("some.ark", {"u0": np.ones(30)})
    wide = np.ones((2, 8))
    wide[:, -1] = 9, 0
    kaldiio.save_ark("wide.ark", {"u0": wide})
    write_kaldi_ark("pasted.ark", [("u0", np.ones((2, 1)))])
    (here / "lost.scp").write_text("u0 gone.ark:3\n")
    (here / "few").write_text("u0 ann\n")
    kaldiio.save_ark("cmvn.ark", {"ann": np.ones((2, 7))})
    with pytest.raises(error, match=match) as caught:
        prepared(**options)
    assert "\n" not in str(caught.value)


@pytest.fixture
def kept(here):
    """Models of features with deltas and voiced frames alone, and what is beside the features."""
    write_kaldi_vectors("vad.ark", {name: (np.arange(len(x)) % 3 > 0).astype(float) for name, x in FRAMES.items()})
    (here / "trials").write_text("ann u2\nbob u0\n")
    return here


def done_of(run_command, *words):
    return works(run_command(*words))


STEPS = ("--deltas", 1, "--delta-window", 3, "--sliding-cmvn", "--vad", "ark:vad.ark")


def test_a_model_keeps_its_steps(kept, run_command):
    done_of(run_command, "train-ubm", "scp:a.scp", "ubm.h5", "-k", 2, "--max-iter", 2, *STEPS)
    shown = run_command("show", "ubm.h5")
    assert "stored features of 6 columns, deltas of order 1 (3 to a side)" in shown.stdout, shown.stderr
    done_of(run_command, "enroll", "ubm.h5", "scp:a.scp", "spk2utt", "m.h5", "--vad", "ark:vad.ark")
    done_of(run_command, "score", "m.h5", "scp:a.scp", "trials", "one", "--vad", "ark:vad.ark")
    done_of(run_command, "copy-features", "scp:a.scp", "b.h5", *STEPS)
    done_of(run_command, "score", "m.h5", "b.h5", "trials", "two")  # which has taken the steps
    done_of(run_command, "statistics", "ubm.h5", "scp:a.scp", "s.h5", "--vad", "ark:vad.ark", "--deltas", 1)
    assert (kept / "one").read_text() == (kept / "two").read_text()
    with FeatureStore("b.h5") as store:
        frames = {name: store[name] for name in ("u0", "u2")}
        assert store.front_end == gs.load("ubm.h5").front_end_
    verifier = gs.load("m.h5")
    scores = [f"{verifier.score(*trial):.6f}" for trial in (("ann", frames["u2"]), ("bob", frames["u0"]))]
    assert [f"{float(line.split()[2]):.6f}" for line in (kept / "one").read_text().splitlines()] == scores


@pytest.mark.parametrize(
    ("features", "options", "match"),
    [
        ("scp:a.scp", (), "--vad: found none, expected voice activity for features, as m.h5 was trained on"),
        (
            "scp:a.scp",
            (*STEPS[-2:], "--deltas", 2),
            "deltas.order = 2, expected stored.deltas.order = 1 as m.h5",
        ),
        ("ark:wide.ark", STEPS[-2:], "ark:wide.ark: found features of 2 columns, expected 6 as m.h5 was trained on"),
        ("b.h5", STEPS, "--deltas: found it on features behind voice activity"),
    ],
)
def test_steps_that_a_model_lacks_or_wants(kept, run_command, features, options, match):
    done_of(run_command, "train-ubm", "scp:a.scp", "ubm.h5", "-k", 2, "--max-iter", 2, *STEPS)
    done_of(run_command, "enroll", "ubm.h5", "scp:a.scp", "spk2utt", "m.h5", "--vad", "ark:vad.ark")
    done_of(run_command, "copy-features", "scp:a.scp", "b.h5", *STEPS)
    write_kaldi_ark("wide.ark", [(name, x[:, :2]) for name, x in FRAMES.items()])
    stops(run_command("score", "m.h5", features, "trials", "scores", *options), match)
    assert not (kept / "scores").exists()


def test_phones_of_stored_features(here, run_command):
    write_map("wav.scp", {name: f"{name}.wav" for name in FRAMES})
    for name in FRAMES:
        (here / f"{name}.wav").touch()  # they are not read
    (here / "text").write_text("".join(f"{name} ASA\n" for name in FRAMES))
    (here / "words").write_text("ASA AA S AA\n")
    compute_cmvn("ark:a.ark", "ark:cmvn.ark", spk2utt="spk2utt")
    common = ("--dictionary", "words", "--feats", "scp:a.scp")
    cmvns = ("--cmvn", "ark:cmvn.ark", "--utt2spk", "utt2spk")
    trained = done_of(run_command, "train-phones", ".", "p.h5", *common, *cmvns, "--deltas", 1, "--max-iter", 2)
    assert "3 utterances" in trained.stdout
    model = gs.load("p.h5")
    assert model.dim == 12
    lines = done_of(run_command, "align", ".", "p.h5", *common, *cmvns).stdout.splitlines()
    with open_features("scp:a.scp", read_beside(cmvn="ark:cmvn.ark", cmvn_utt2spk="utt2spk", deltas=1)) as store:
        speakers = {"u0": "ann", "u1": "ann", "u2": "bob"}
        found = gs.align(
            model, store, {name: ["asa"] for name in FRAMES}, {"ASA": [["AA", "S", "AA"]]}, utt2spk=speakers
        )
    assert len(lines) - 1 == sum(len(alignment.phones) for alignment in found.alignments.values())
    for words, error in (
        (("align", ".", "p.h5", *common), "--cmvn: found none, expected statistics"),
        (("align", ".", "p.h5", *common, *cmvns[:2]), "--utt2spk: found none, expected speakers"),
        (("align", ".", "p.h5", *common[:2]), "--feats: found recordings alone, expected features, as the model"),
        (("align", ".", "p.h5", *common[:2], "--deltas", "1"), "found --deltas without --feats, expected both"),
        (("train-phones", ".", "q.h5", *common, "--config", "phones"), "--config: found phones for features that are"),
        (("train-phones", ".", "q.h5", *common, "--vad", "ark:cmvn.ark"), "expected"),
    ):
        stops(run_command(*words), error)
    (here / "few.scp").write_text((here / "a.scp").read_text().splitlines()[0])
    done = run_command("align", ".", "p.h5", *common[:2], "--feats", "scp:few.scp", *cmvns)
    assert "scp:few.scp: found no features of u1 (2 such), expected those of 3 utterances" in done.stderr


def test_frames_that_come_otherwise_than_their_utterances_last(here):
    write_map("wav.scp", {name: f"{name}.wav" for name in FRAMES})
    for name in FRAMES:
        (here / f"{name}.wav").touch()
    write_map("utt2dur", {"u0": "0.32", "u1": "0.33", "u2": "0.17"})  # the last as of frames every 5 ms
    data, stored = gs.read_data_dir(here), Stored("scp:a.scp")
    of_5_ms = gs.FrontEnd(sample_frequency=16000, features={"type": "mfcc", "num_ceps": 6, "frame_shift": 5.0})
    for front, skip_bad, known, match in (
        (None, False, data, "utterance u2: found 32 frames every 10 ms, 0.32 s, expected 0.17 s as it lasts"),
        (None, True, data.only(["u2"]), "utterance u2: found 32 frames every 10 ms"),
        (of_5_ms.to_json(), False, data, "utterance u0: found 30 frames every 5 ms, 0.15 s, expected 0.32 s"),
    ):
        with pytest.raises(DataError, match=match), features_of(known, front, stored=stored, skip_bad=skip_bad):
            pass
    with features_of(data, None, stored=stored, skip_bad=True) as (store, done):
        assert (list(store), list(done.skipped)) == (["u0", "u1"], ["u2"])


def test_frames_come_as_often_as_headers_of_htk_say(here):
    for folder, shift in (("often", 5.0), ("seldom", 10.0)):
        (here / folder).mkdir()
        for name, frames in FRAMES.items():
            write_htk(here / folder / f"{name}.htk", frames, frame_shift=shift)
    write_map("wav.scp", {name: f"{name}.wav" for name in FRAMES})
    for name in FRAMES:
        (here / f"{name}.wav").touch()
    write_map("utt2dur", {name: f"{len(x) * 0.005}" for name, x in FRAMES.items()})
    data, often = gs.read_data_dir(here), Stored("htk:often")
    for beside in (often.beside, read_beside(deltas=1)):
        with features_of(data, None, stored=Stored("htk:often", beside)) as (store, _):
            kept = store.front_end
            assert FrameClock.of(kept) == FrameClock(5.0, 25.0)
        for features in ("htk:often", "scp:a.scp"):  # the second as the model says
            with features_of(data, kept, stored=Stored(features)) as (store, _):
                assert FrameClock.of(timed_front_end(kept, store)).frame_shift == 5.0
                check_same_front_end(kept, store.front_end, model="the model", frames="frames")
    of_10_ms = gs.FrontEnd(sample_frequency=16000, features={"type": "mfcc", "num_ceps": 6}).to_json()
    with pytest.raises(FeatureError, match="htk:often: found frames every 5 ms, expected 10 as the model's are"):
        features_of(data, of_10_ms, stored=often).__enter__()
    with pytest.raises(FeatureError, match="htk:seldom: found frames every 10 ms by their headers, expected 5"):
        FeatureStore(["htk:often", "htk:seldom"])
    last = sorted(FRAMES)[-1]
    write_htk(here / "often" / f"{last}.htk", FRAMES[last], frame_shift=8.0)
    with FeatureStore("htk:often") as store:
        assert store.frame_shift == 5.0
        with pytest.raises(DataError, match=rf"utterance {last}: .*: found frames every 8 ms by its header"):
            store[last]


def test_a_file_of_htks_is_read_once_to_open_a_folder(here, monkeypatch):
    (here / "htk").mkdir()
    for name, frames in FRAMES.items():
        write_htk(here / "htk" / f"{name}.htk", frames)
    opened = []
    read = htk.read_bytes
    monkeypatch.setattr(htk, "read_bytes", lambda path, **how: opened.append(path) or read(path, **how))
    FeatureStore("htk:htk").close()
    assert [Path(path).name for path in opened] == [f"{min(FRAMES)}.htk"]


def test_utterances_that_lack_what_steps_need_are_left_out(here, run_command):
    """One has no voice, one no voice activity at all; the rest is done as if they were not there."""
    voices = {"u0": np.ones(30), "u1": np.ones(31), "u2": np.zeros(32)}
    write_kaldi_vectors("good.ark", voices)
    write_kaldi_vectors("vad.ark", {name: voices[name] for name in ("u0", "u2")})
    (here / "names").write_text("u0\n")
    (here / "trials").write_text("ann u0\nann u1\n")
    (here / "groups").write_text("one u0 u1\ntwo u1 u2\n")
    train = ("train-ubm", "scp:a.scp", "ubm.h5", "-k", 2, "--max-iter", 1, "--utt2spk", "utt2spk")
    vad = ("--vad", "ark:vad.ark")
    stopped = run_command(*train, *vad)
    assert stopped.exit_code == 1
    assert (
        stopped.stderr
        == "gmmspeech: error: utterance u1: found no voice activity for it, expected voice activity, as of 2 others\n"
    )
    lines = [
        line.removeprefix("gmmspeech: ")
        for line in done_of(run_command, *train, *vad, "--skip-bad").stderr.splitlines()
    ]
    assert [line for line in lines if "skipped" in line] == [
        "skipped: utterance u1: found no voice activity for it, expected voice activity, as of 2 others",
        "skipped: utterance u2: found no voiced frame, expected one or more",
        "2 skipped",
    ]
    for words, told in (
        (("copy-features", "scp:a.scp", "b.h5"), "1 utterance, 30 frames copied"),
        (("statistics", "ubm.h5", "scp:a.scp", "s.h5"), "statistics of 1 utterance"),
        (("statistics", "ubm.h5", "scp:a.scp", "g.h5", "--groups", "groups"), "statistics of 1 utterance"),
        (("enroll", "ubm.h5", "scp:a.scp", "spk2utt", "m.h5"), "1 model enrolled"),
        (("score", "m.h5", "scp:a.scp", "trials", "scores"), "1 trial scored, 1 test skipped"),
    ):
        done = done_of(run_command, *words, *vad, "--skip-bad")
        assert told in done.stdout
        assert "utterance u1: found no voice activity for it" in done.stderr
    assert (
        "skipped: bob: the only utterance is bad"
        in run_command("enroll", "ubm.h5", "scp:a.scp", "spk2utt", "m.h5", *vad, "--skip-bad").stderr
    )
    done_of(run_command, "copy-features", "scp:a.scp", "c.h5", "--vad", "ark:good.ark", "--subset", "names")
    with FeatureStore("b.h5") as found, FeatureStore("c.h5") as expected:
        np.testing.assert_array_equal(found["u0"], expected["u0"])
    write_kaldi_vectors("none.ark", {name: 0 * voice for name, voice in voices.items()})
    none = run_command("copy-features", "scp:a.scp", "d.h5", "--vad", "ark:none.ark", "--skip-bad")
    assert (none.exit_code, (here / "d.h5").exists()) == (1, False)
    assert "a.scp: all 3 utterances are bad; the first: utterance u0: found no voiced frame" in none.stderr
