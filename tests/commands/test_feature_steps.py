"""What is done to stored features: as NumPy does it, in Kaldi's order; and what is wrong with what lies beside them."""

import kaldiio
import numpy as np
import pytest
from said import stops, works
from stored import FRAMES, prepared, write_table

import gmmspeech as gs
from gmmspeech.commands.feature_steps import compute_cmvn, compute_vad
from gmmspeech.commands.stored_features import read_cmvn
from gmmspeech.features.normalization import cmvn
from gmmspeech.features.vad import energy_vad
from gmmspeech.formats.kaldi.models import read_gselect
from gmmspeech.formats.kaldi.plda import read_kaldi_vectors


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path)
    return tmp_path


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
    found = prepared(cmvn="ark:speakers.txt", cmvn_utt2spk="utt2spk")
    both = np.concatenate([FRAMES["u0"], FRAMES["u1"]])
    np.testing.assert_allclose(found["u1"], FRAMES["u1"] - both.mean(axis=0), atol=1e-4)


def test_voice_activity(here):
    (here / "vad.conf").write_text("--vad-energy-threshold=6\n--vad-energy-mean-scale=0.5\n--vad-frames-context=2\n")
    assert compute_vad("ark:a.ark", "ark,t:vad.txt", config="vad.conf") == 3
    options = {"vad_energy_threshold": 6.0, "vad_energy_mean_scale": 0.5, "vad_frames_context": 2}
    for name, voiced in read_kaldi_vectors("ark:vad.txt", same_dim=False).items():
        assert np.array_equal(voiced > 0, energy_vad(FRAMES[name], **options))
        assert set(voiced) == {0.0, 1.0}


def test_best_components_of_full_covariances(golden, run_command, tmp_path):
    """Kaldi's two mixtures of the same Gaussians have the same best components."""
    folder = golden / "kaldi_models/ivector"
    for name in ("final.dubm", "final.ubm"):
        run_command("gselect", folder / name, f"ark:{folder}/feats.ark", tmp_path / name, "-n", 5)
    one, other = (read_gselect(tmp_path / name) for name in ("final.dubm", "final.ubm"))
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


def test_commands(here, run_command):
    assert run_command("feature-info", "scp:a.scp").stdout == "dim 6\nutterances 3\nframes 93\n"
    assert run_command("feature-info", "ark:a.ark", "--lengths").stdout == "u0 30\nu1 31\nu2 32\n"
    assert run_command("compute-cmvn", "scp:a.scp", "ark:cmvn.ark").exit_code == 0
    assert run_command("compute-vad", "scp:a.scp", "ark,scp:vad.ark,vad.scp").exit_code == 0
    steps = ("--cmvn", "ark:cmvn.ark", "--deltas", 1, "--vad", "scp:vad.scp")
    assert run_command("copy-features", "scp:a.scp", "ark:b.ark", *steps).exit_code == 0
    few = ("-k", 2, "--max-iter", 2)
    for features, out, options in (("ark:b.ark", "one.h5", ()), ("scp:a.scp", "two.h5", steps)):
        works(run_command("train-ubm", features, out, *few, *options))
    one, two = (gs.load(name) for name in ("one.h5", "two.h5"))
    for name in ("weights_", "means_", "covariances_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert run_command("gselect", "one.h5", "ark:b.ark", "g.txt", "-n", 9).exit_code == 0
    assert read_gselect("g.txt")["u0"].shape[1] == 2
    assert run_command("gselect", "one.h5", "ark:b.ark", "-", "-n", 9).stdout == (here / "g.txt").read_text()
    assert run_command("gselect", "two.h5", "scp:a.scp", "ark,scp:g.ark,g.scp", "-n", 9, *steps).exit_code == 0
    assert {name: rows.tolist() for name, rows in read_gselect("ark:g.ark").items()} == {
        name: rows.tolist() for name, rows in read_gselect("g.txt").items()
    }
    assert run_command("accumulate", "one.h5", "ark:b.ark", "one.acc").exit_code == 0
    assert run_command("accumulate", "two.h5", "scp:a.scp", "two.acc", *steps).exit_code == 0
    one, two = (gs.load(name).stats for name in ("one.acc", "two.acc"))
    np.testing.assert_array_equal(one.sum_xx, two.sum_xx)
    named = ("--apply-cmvn", "ark:cmvn.ark", "--add-deltas", 1, "--select-voiced", "scp:vad.scp")
    assert run_command("copy-features", "scp:a.scp", "ark:c.ark", *named).exit_code == 0
    assert (here / "b.ark").read_bytes() == (here / "c.ark").read_bytes()
    stops(run_command("copy-features", "ark:-", "ark:d.ark", "--vad", "ark:-"), "standard input: found it as")
