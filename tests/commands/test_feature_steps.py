"""What is done to stored features: as NumPy does it, in Kaldi's order; and what is wrong with what lies beside them."""

import kaldiio
import numpy as np
import pytest

from gmmspeech.commands.feature_steps import compute_cmvn, compute_vad, prepare_features, read_cmvn, read_steps
from gmmspeech.errors import ConfigError, DataError, FeatureError
from gmmspeech.features.deltas import add_deltas
from gmmspeech.features.normalization import cmvn, sliding_cmvn
from gmmspeech.features.vad import energy_vad
from gmmspeech.formats.kaldi_ark import write_kaldi_ark
from gmmspeech.formats.kaldi_models import read_gselect
from gmmspeech.formats.kaldi_plda import read_kaldi_vectors, write_kaldi_vectors
from gmmspeech.stores.features import FeatureStore

RNG = np.random.default_rng(0)
CENTER = np.array([12, 0, 0, 0, 5, 0])
FRAMES = {f"u{i}": (RNG.normal(size=(30 + i, 6)) + CENTER).astype(np.float32) for i in range(3)}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_kaldi_ark("a.ark", FRAMES.items(), scp="a.scp")
    (tmp_path / "utt2spk").write_text("u0 ann\nu1 ann\nu2 bob\n")
    (tmp_path / "spk2utt").write_text("ann u0 u1\nbob u2\n")
    return tmp_path


def prepared(**options):
    prepare_features("scp:a.scp", read_steps(**options), "out.ark")
    with FeatureStore("ark:out.ark") as store:
        return dict(store)


def test_cmvn_by_utterance_and_speaker(here):
    assert compute_cmvn("ark:a.ark", "ark,scp:cmvn.ark,cmvn.scp") == 3
    stats = read_cmvn("scp:cmvn.scp")
    assert stats["u0"].dtype == np.float64
    np.testing.assert_allclose(stats["u1"][0, :-1], FRAMES["u1"].sum(axis=0, dtype=np.float64), rtol=1e-12)
    assert dict(kaldiio.load_ark("cmvn.ark"))["u2"][0, -1] == 32
    for norm_vars in (False, True):
        found = prepared(cmvn="scp:cmvn.scp", norm_vars=norm_vars)
        for name, frames in FRAMES.items():
            np.testing.assert_allclose(found[name], cmvn(frames, norm_vars=norm_vars), atol=1e-5)
    assert compute_cmvn("ark:a.ark", "ark,t:speakers.txt", spk2utt="spk2utt") == 2
    found = prepared(cmvn="ark:speakers.txt", utt2spk="utt2spk")
    both = np.concatenate([FRAMES["u0"], FRAMES["u1"]])
    np.testing.assert_allclose(found["u1"], FRAMES["u1"] - both.mean(axis=0), atol=1e-4)


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


def test_voice_activity(here):
    (here / "vad.conf").write_text("--vad-energy-threshold=6\n--vad-energy-mean-scale=0.5\n--vad-frames-context=2\n")
    assert compute_vad("ark:a.ark", "ark,t:vad.txt", config="vad.conf") == 3
    options = {"vad_energy_threshold": 6.0, "vad_energy_mean_scale": 0.5, "vad_frames_context": 2}
    for name, voiced in read_kaldi_vectors("ark:vad.txt", same_dim=False).items():
        assert np.array_equal(voiced > 0, energy_vad(FRAMES[name], **options))
        assert set(voiced) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"vad": "ark:short.ark"}, FeatureError, "utterance u0: found voice activity of 29 frames, expected"),
        ({"vad": "ark:none.ark"}, FeatureError, "utterance u0: found no voiced frame"),
        ({"vad": "ark:some.ark"}, DataError, "utterance u1: found no voice activity for it"),
        ({"cmvn": "ark:wide.ark"}, DataError, r"utterance u0: found statistics of CMVN of shape .2, 8. and 9 frames"),
        ({"cmvn": "ark:wide.ark", "utt2spk": "utt2spk"}, DataError, "u0 of speaker ann: found no statistics for it"),
        ({"cmvn": "ark:a.ark"}, DataError, "a.ark: u0: found shape .30, 6., expected finite .2, D . 1."),
        ({"utt2spk": "utt2spk"}, ConfigError, "without cmvn, expected both"),
        ({"norm_vars": True}, ConfigError, "without cmvn, expected both"),
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
    with pytest.raises(error, match=match) as caught:
        prepared(**options)
    assert "\n" not in str(caught.value)
    assert not (here / "out.ark").exists()


def test_commands(here, run_command):
    assert run_command("feature-info", "scp:a.scp").stdout == "dim 6\nutterances 3\nframes 93\n"
    assert run_command("feature-info", "ark:a.ark", "--lengths").stdout == "u0 30\nu1 31\nu2 32\n"
    assert run_command("compute-cmvn", "scp:a.scp", "ark:cmvn.ark").exit_code == 0
    assert run_command("compute-vad", "scp:a.scp", "ark,scp:vad.ark,vad.scp").exit_code == 0
    steps = ("--cmvn", "ark:cmvn.ark", "--deltas", 1, "--vad", "scp:vad.scp")
    assert run_command("copy-features", "scp:a.scp", "ark:b.ark", *steps).exit_code == 0
    few = ("-k", 2, "--max-iter", 2)
    for features, out, options in (("ark:b.ark", "one.h5", ()), ("scp:a.scp", "two.h5", steps)):
        done = run_command("train-ubm", features, out, *few, *options)
        assert done.exit_code == 0, done.output
    assert (here / "one.h5").read_bytes() == (here / "two.h5").read_bytes()
    assert run_command("gselect", "one.h5", "ark:b.ark", "g.txt", "-n", 9).exit_code == 0
    assert read_gselect("g.txt")["u0"].shape[1] == 2
    named = ("--apply-cmvn", "ark:cmvn.ark", "--add-deltas", 1, "--select-voiced", "scp:vad.scp")
    assert run_command("copy-features", "scp:a.scp", "ark:c.ark", *named).exit_code == 0
    assert (here / "b.ark").read_bytes() == (here / "c.ark").read_bytes()
    done = run_command("copy-features", "ark:-", "ark:d.ark", "--vad", "ark:-")
    assert done.exit_code == 1
    assert "standard input: found it as" in done.stderr
