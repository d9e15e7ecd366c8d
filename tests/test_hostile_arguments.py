"""Every public function, given anything for any argument, gives a right result or one error of ours."""

import inspect
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from anything import failures, finite
from small_objects import (
    AGREEMENT,
    ALIGNER,
    ALIGNMENT,
    CLASSIFIER,
    FULL,
    HMM,
    IVECTORS,
    MODEL,
    NGRAM,
    NGRAM_OF_AH,
    NONTARGETS,
    PLDA,
    SCORES,
    SEGMENTS,
    SIGNAL,
    SPEAKERS,
    SPOOF_TRIALS,
    STATS,
    TARGETS,
    TAUGHT,
    TIED,
    TRIAL_SCORES,
    UBM,
    UTTERANCES,
    VECTORS,
    X,
    costs,
    ratios,
    sides,
    signal,
    trials,
    words,
)

import gmmspeech as gs
from gmmspeech.phones.decoding.boundaries import Chain
from gmmspeech.phones.hmm.graph import phone_sequence_graph

# Of every public function, arguments that it takes; a mapping is read when the test runs.
FUNCTIONS = {
    "add_deltas": {"frames": X, "order": 1, "window": 2, "convention": "kaldi"},
    "shifted_deltas": {"frames": X, "window": 1, "num_blocks": 3, "block_shift": 2},
    "cmvn": {"frames": X, "norm_vars": True, "mean_scale": 1.0},
    "sliding_cmvn": {"frames": X, "cmn_window": 20, "min_cmn_window": 5, "center": False, "norm_vars": True},
    "rasta": {"frames": X, "pole": 0.94},
    "feature_warp": {"frames": X, "window": 21},
    "mfcc": {**signal, "num_ceps": 5, "dither": 0.0, "use_energy": True, "window_type": "hamming", "random_state": 0},
    "fbank": {**signal, "num_mel_bins": 10, "low_freq": 20.0},
    "lfcc": {**signal, "num_ceps": 5, "n_fft": 512},
    "cqcc": {**signal, "num_ceps": 5, "bins_per_octave": 12, "low_freq": 62.5, "high_freq": 0.0, "uniform_samples": 4},
    "plp": {**signal, "num_ceps": 5, "lpc_order": 6},
    "energy_vad": {"frames": X, "vad_energy_threshold": 0.0, "vad_frames_context": 1, "vad_proportion_threshold": 0.5},
    "features.relative_energy_vad": {"log_energy": X[:, 0], "range_db": 10.0, "context": 1, "above_noise_db": 6.0},
    "features.two_gaussian_vad": {"log_energy": X[:, 0] + 9, "smoothing_window": 3, "max_iter": 5, "tol": 1e-3},
    "map_adapt": {"ubm": UBM, "data": X, "relevance_factor": 8.0, "update": "mvw", "sample_weight": np.ones(60)},
    "gmm.fit_robust": {"gmm": gs.DiagonalGMM(2, max_iter=3, random_state=0), "X": X, "n_init": 2},
    "gmm.select_components": {"X": X, "n_components": [1, 2], "criterion": "bic", "progress": False},
    "train_ubm": {
        "progress": False,
        "frames": X,
        "n_components": 2,
        "max_iter": 3,
        "tol": 0.01,
        "variance_floor": 0.01,
        "init": "kmeans",
        "accelerate": False,
        "random_state": 0,
        "backend": "numpy",
        "n_jobs": 1,
    },
    "linear_score": {"models": [MODEL], "ubm": UBM, "stats": STATS[:3], "frame_length_normalization": True},
    "log_likelihood_ratio": {"model": MODEL, "ubm": UBM, "X": X, "top_c": 1},
    "scoring.log_likelihood_ratios": {"models": [MODEL], "ubm": UBM, "tests": [X], "top_c": 1, "n_jobs": 1},
    "scoring.statistics_llr": {"models": [MODEL], "ubm": UBM, "stats": STATS[:3]},
    "eer": {**sides, "method": "kaldi"},
    "min_dcf": {**sides, **costs},
    "min_tdcf": {
        "bonafide_scores": TARGETS,
        "spoof_scores": NONTARGETS,
        "asv": (0.1, 0.1, 0.5),
        "form": "2019",
        "p_spoof": 0.05,
        "p_target": 0.9,
        "c_miss": 1.0,
        "c_fa": 1.0,
        "c_fa_spoof": 1.0,
    },
    "scoring.class_llrs": {"classifier": CLASSIFIER, "tests": [X], "target": "a", "other": "b", "n_jobs": 1},
    "metrics.asv_error_rates": {**sides, "spoof_scores": NONTARGETS, "threshold": 0.5},
    "det_curve": sides,
    "cllr": ratios,
    "min_cllr": sides,
    "metrics.actual_dcf": {**ratios, **costs},
    "metrics.bayes_threshold": costs,
    "metrics.devpav": ratios,
    "metrics.elub_bounds": ratios,
    "metrics.empirical_cross_entropy": {**ratios, "prior_log_odds": [-2.0, 0.0, 2.0]},
    "bootstrap_ci": {
        "scores": TRIAL_SCORES,
        **trials,
        "metrics": ("eer",),
        **costs,
        "n_resamples": 5,
        "confidence": 0.9,
        "random_state": 0,
    },
    "metrics.paired_test": {
        "first_scores": TRIAL_SCORES,
        "second_scores": TRIAL_SCORES[::-1].copy(),
        **trials,
        "metrics": ("eer",),
        "n_resamples": 5,
        "random_state": 0,
    },
    "metrics.boundary_agreement": {"reference": SEGMENTS, "hypothesis": SEGMENTS, "ignore": ("SIL",), "ends": True},
    "metrics.detect_boundaries": {
        "reference": SEGMENTS,
        "hypothesis": SEGMENTS,
        "tolerance": 0.02,
        "ignore": ("SIL",),
    },
    "metrics.error_rate": {"references": {"u": ["A", "B"]}, "hypotheses": {"u": ["A"]}, "ignore": ("SIL",)},
    "scoring.fit_calibration": {**sides, "p_target": 0.5, "ridge": 0.1},
    "scoring.fit_pav": {**sides, "pseudo_trials": 1.0},
    "speaker.balanced_frames": {
        "frames": UTTERANCES,
        "utt2spk": {"u1": "a", "u2": "b"},
        "spk2group": {"a": "f", "b": "m"},
        "max_frames": 20,
        "random_state": 0,
    },
    "scoring.make_trials": {"models": {"m": "a"}, "tests": {"t": "a"}},
    "scoring.fit_bounded": sides,
    "scoring.llr_interval": {
        "score": 2.0,
        "scores": TRIAL_SCORES,
        **trials,
        "n_resamples": 3,
        "confidence": 0.9,
        "random_state": 0,
    },
    "audio.simulate_conditions": {**signal, "conditions": "noise:10,telephone", "random_state": 0},
    "scoring.distance_information": {"scores": TARGETS, "model_measures": VECTORS[:4], "test_measures": VECTORS[4:8]},
    "scoring.pitch_llr": {"models": [[100.0, 110.0], [200.0]], "tests": [120.0, None]},
    "scoring.with_pitch": {
        "scores": SCORES,
        "enrollment": {"m": ["u"], "n": ["v"]},
        "pitches": {"u": 100.0, "v": None, "t": 120.0},
        "groups": {"t": ["t", "u"]},
    },
    "scoring.side_information": {"scores": TARGETS, "model_measures": VECTORS[:4], "test_measures": VECTORS[4:8]},
    "features.speech_quality": signal,
    "features.median_pitch": {**signal, "lowest": 60.0, "highest": 400.0},
    "scoring.cross_calibrate": {"scores": TRIAL_SCORES, **trials, "n_folds": 3, "random_state": 0},
    "scoring.cross_fuse": {
        "scores": np.column_stack([TRIAL_SCORES, TRIAL_SCORES**2]),
        **trials,
        "n_folds": 3,
        "n_resamples": 5,
        "random_state": 0,
    },
    "scoring.z_norm": {"scores": VECTORS[:2, :2], "model_cohort": VECTORS[:2]},
    "scoring.t_norm": {"scores": VECTORS[:2, :2], "test_cohort": VECTORS[:2, :3]},
    "scoring.s_norm": {
        "scores": VECTORS[:2, :2],
        "model_cohort": VECTORS[:2],
        "test_cohort": VECTORS[:2, :3],
        "top_n": 2,
    },
    "scoring.zt_norm": {
        "scores": VECTORS[:2, :2],
        "model_cohort": VECTORS[:2],
        "test_cohort": VECTORS[:2, :3],
        "cohort_cohort": VECTORS[:3],
    },
    "speaker.adapted_means": {"ubm": UBM, "stats": STATS[:3], "relevance_factor": 4.0},
    "speaker.supervectors": {"ubm": UBM, "means": np.stack([UBM.means_])},
    "speaker.fisher_vectors": {"ubm": UBM, "stats": STATS[:2], "improved": True},
    "speaker.average_sessions": {"vectors": {"a": X[0], "b": X[1]}, "sessions": {"ann": ["a", "b"]}},
    "speaker.cosine_scores": {"models": VECTORS[:2], "tests": VECTORS[2:5]},
    "speaker.length_normalize": {"x": VECTORS},
    "speaker.gmm_vad": {"frames": X, "speech": UBM, "nonspeech": MODEL, "threshold": 0.0, "context": 1},
    "speaker.identify": {"scores": VECTORS, "threshold": 0.0},
    "speaker.train_backend": {
        "progress": False,
        "x": VECTORS,
        "labels": SPEAKERS,
        "steps": ("center", "lda", "length"),
        "lda_dim": 2,
        "plda": True,
        "plda_rank": 1,
        "max_iter": 2,
    },
    "speaker.adapt_plda": {"plda": PLDA, "x": VECTORS, "within_scale": 0.3, "between_scale": 0.7, "mean_scale": 1.0},
    "speaker.adapt_backend": {"backend": gs.speaker.BackEnd((), PLDA), "x": VECTORS, "within_scale": 0.3},
    "speaker.train_plda": {"x": VECTORS, "labels": SPEAKERS, "rank": 2, "max_iter": 2, "progress": False},
    "speaker.train_isv": {
        "progress": False,
        "ubm": UBM,
        "stats": STATS,
        "labels": SPEAKERS,
        "rank": 1,
        "relevance_factor": 4.0,
        "max_iter": 1,
        "random_state": 0,
        "n_jobs": 1,
    },
    "speaker.train_jfa": {
        "progress": False,
        "ubm": UBM,
        "stats": STATS,
        "labels": SPEAKERS,
        "speaker_rank": 1,
        "session_rank": 1,
        "max_iter": 1,
        "random_state": 0,
        "n_jobs": 1,
    },
    "speaker.train_ivector_extractor": {
        "progress": False,
        "ubm": UBM,
        "stats": STATS,
        "rank": 2,
        "max_iter": 1,
        "min_divergence": True,
        "random_state": 0,
        "n_jobs": 1,
    },
    "align": {
        "progress": False,
        "model": HMM,
        "frames": UTTERANCES,
        **words,
        "frame_shift": 10.0,
        "frame_length": 25.0,
        "times": "center",
        "unknown_words": "error",
        "goodness": True,
        "silence_probability": 0.5,
        "acoustic_scale": 1.0,
        "skip_bad": False,
        "n_jobs": 1,
    },
    "phones.decode": {
        "model": HMM,
        "frames": UTTERANCES,
        "graph": phone_sequence_graph(HMM, ["AA"]),
        "frame_shift": 10.0,
        "acoustic_scale": 1.0,
        "beside": (HMM, UTTERANCES),
        "skip_bad": False,
        "n_jobs": 1,
    },
    "phones.frame_labels": {
        "labels": SEGMENTS["u1"],
        "num_frames": 30,
        "frame_length": 25.0,
        "frame_shift": 10.0,
        "times": "center",
    },
    "train_phone_hmm": {
        "progress": False,
        "frames": UTTERANCES,
        **words,
        "phones": ["SIL", "AA"],
        "silence": "SIL",
        "num_states": 1,
        "total_gaussians": 2,
        "max_iter": 2,
        "num_passes": 1,
        "realign": [1],
        "method": "viterbi",
        "silence_probability": 0.5,
        "acoustic_scale": 1.0,
        "power": 0.25,
        "variance_floor": 0.01,
        "min_occupancy": 1.0,
        "skip_bad": False,
        "n_jobs": 1,
    },
    "phones.train_triphone_hmm": {
        "progress": False,
        "frames": UTTERANCES,
        **words,
        "alignment": TAUGHT,
        "num_leaves": 3,
        "total_gaussians": 3,
        "max_iter": 2,
        "realign": [1],
        "contexts": "cross-word",
        "questions": [["AA"]],
        "min_occupancy": 1.0,
        "silence_probability": 0.5,
        "acoustic_scale": 1.0,
        "power": 0.25,
        "variance_floor": 0.01,
        "skip_bad": False,
        "n_jobs": 1,
    },
    "phones.english_model": {"contexts": True},
    "speaker.open_background": {"rate": 8000},
    "speaker.without_noise": {"X": np.random.default_rng(0).normal(size=(20, 72)), "snr": 20.0},
    "phones.train_ladder": {
        "progress": False,
        "frames": UTTERANCES,
        **words,
        "utt2spk": {"u1": "s", "u2": "s"},
        "alignment": TAUGHT,
        "rung": "tri1",
        "contexts": "word-internal",
        "num_leaves": 3,
        "total_gaussians": 3,
        "static": 3,
        "n_jobs": 1,
    },
    "plot.tree": {"model": TIED, "phone": "AA", "position": 1},
    "phones.train_phone_hmm_on_labels": {
        "progress": False,
        "frames": UTTERANCES,
        "labels": SEGMENTS,
        "phones": ["SIL", "AA"],
        "num_states": 1,
        "total_gaussians": 2,
        "max_iter": 2,
        "n_jobs": 1,
    },
    "phones.train_phone_hmm_on_some_labels": {
        "progress": False,
        "frames": UTTERANCES,
        **words,
        "labels": {"u1": SEGMENTS["u1"]},
        "utt2spk": {"u1": "s", "u2": "s"},
        "total_gaussians": 2,
        "max_iter": 2,
        "n_jobs": 1,
    },
    "plot.alignment": {
        "audio": (SIGNAL, 16000),
        "labels": {"phones": SEGMENTS["u1"]},
        "start": 0.0,
        "end": 0.2,
        "channel": "mix",
        "tiers": ["phones"],
    },
    "plot.boundary_errors": {"agreement": AGREEMENT, "classes": {"AA": "vowel"}, "tolerance": 0.02},
    "plot.bayes_error": {**ratios, "p_targets": (0.1,), "prior_log_odds": (-2.0, 2.0)},
    "plot.ece": {**ratios, "prior_log_odds": (-2.0, 2.0)},
    "plot.confusion": {"matrix": np.eye(2, dtype=int), "labels": ["a", "b"]},
    "plot.det": sides,
    "plot.features": {"frames": X, "frame_length": 25.0, "frame_shift": 10.0},
    "plot.history": {"history": [-3.0, -2.0]},
    "plot.mixture": {"gmm": UBM, "X": X, "dims": [0, 1]},
    "plot.spectrogram": {"signal": SIGNAL, "rate": 16000, "labels": SEGMENTS["u1"], "start": 0.0, "end": 0.2},
    "plot.scores": {**sides, "threshold": 0.0},
    "plot.tippett": ratios,
    "write_scores": {"path": "out", "scores": SCORES},
    "write_store": {"path": "out", "items": UTTERANCES.items(), "storage": "float32"},
    "stores.write_statistics": {"path": "out", "ubm": UBM, "items": UTTERANCES, "second_order": True, "n_jobs": 1},
    "stores.write_index": {"path": "out", "shards": ["feats.h5"]},
    "formats.write_htk": {"path": "out", "frames": X, "kind": "USER", "frame_shift": 10.0},
    "formats.write_kaldi_ark": {"ark": "out", "items": UTTERANCES.items(), "text": False, "compress": False},
    "formats.write_kaldi_gmm": {"path": "out", "gmm": UBM, "binary": True},
    "formats.write_kaldi_hmm": {"folder": "kaldi", "model": HMM, "binary": True},
    "formats.read_kaldi_hmm": {"path": "kaldi/final.mdl", "tree": "kaldi/tree", "phones": "kaldi/phones.txt"},
    "formats.write_kaldi_plda": {"path": "out", "plda": PLDA, "binary": True},
    "formats.read_kaldi_plda": {"path": "a.plda"},
    "formats.write_kaldi_vectors": {"path": "out", "vectors": {"u": [1.0, 2.0]}, "text": True},
    "formats.read_kaldi_vectors": {"path": "ivector.ark", "same_dim": True},
    "formats.write_kaldi_extractor": {"path": "out", "extractor": IVECTORS, "binary": True},
    "formats.read_kaldi_extractor": {"path": "final.ie"},
    "formats.read_kaldi_full_gmm": {"path": "final.ubm"},
    "formats.write_kaldi_full_gmm": {"path": "out", "gmm": FULL, "binary": True},
    "formats.read_kaldi_posteriors": {"path": "post"},
    "formats.stats_of_posteriors": {"frames": X[:2], "posteriors": [[(0, 0.5)], [(1, 1.0)]], "num_components": 2},
    "formats.write_kaldi_matrix": {"path": "out", "matrix": X, "binary": True},
    "formats.read_kaldi_matrix": {"path": "final.mat"},
    "formats.write_kaldi_alignments": {"path": "out", "alignments": {"u": [1, 2]}, "text": True},
    "formats.read_kaldi_alignments": {"path": "ali.ark"},
    "formats.kaldi_alignment": {"model": HMM, "chain": Chain(np.array([0, 1]), np.array([0, 1]), 3)},
    "formats.phones_of_kaldi_alignment": {"model": HMM, "transitions": np.array([2, 1, 4]), "frame_shift": 10.0},
    "formats.write_gselect": {"path": "out", "selected": {"u": [[0, 1]]}},
    "formats.write_alignments": {
        "folder": "alignments",
        "alignments": {"u1": ALIGNMENT},
        "format": "textgrid",
        "confidence": True,
    },
    "formats.read_protocol": {"path": "protocol", "phase": None},
    "formats.write_protocol": {"path": "out", "trials": SPOOF_TRIALS},
    "formats.read_cm_scores": {"path": "cm"},
    "formats.write_cm_scores": {"path": "out", "scores": {"u1": 1.0, "u2": 2.0}, "trials": SPOOF_TRIALS},
    "formats.read_asv_scores": {"path": "asv", "keys": None, "phase": None},
    "formats.read_arpa": {"path": "a.arpa"},
    "formats.write_arpa": {"path": "out.arpa", "ngram": NGRAM},
    "phones.train_ngram": {"sentences": [["a", "b"], ["b"]], "order": 2, "words": ["c"]},
    "formats.read_tiers": {"path": "a.ctm", "tier": "phones"},
    "formats.read_alignments": {"path": "a.ctm", "data": None, "tier": "phones"},
    "formats.write_labels": {"path": "out.ctm", "labels": SEGMENTS, "format": "ctm", "tier": "phones", "rate": 16000},
    "formats.read_textgrid": {"path": "a.TextGrid"},
    "formats.write_textgrid": {"path": "out.TextGrid", "tiers": SEGMENTS, "duration": 1.0},
    "formats.write_mmf": {"path": "out", "models": {"m": UBM}, "kind": "USER"},
    "audio.resample": {"signal": SIGNAL, "rate": 16000, "target_rate": 8000},
    "load": {"path": "ubm.h5"},
    "read_audio": {"path": "a.wav", "channel": 0, "start": 0.0, "end": 0.1},
    "read_data_dir": {"path": "data"},
    "formats.read_recordings": {"path": "spoken", "transcripts": True, "tiers": []},
    "read_list_map": {"path": "data/spk2utt"},
    "read_scores": {"path": "scores"},
    "read_trials": {"path": "trials"},
    "formats.load_utterance": {"data": None, "utterance": "a", "channel": 0},
    "formats.read_dictionary": {"path": "words.dict", "keep_stress": True},
    "formats.pronounce_words": {"words": ["ich"], "language": "de", "phones": ["IH", "SH"]},
    "formats.read_htk": {"path": "a.htk"},
    "formats.read_kaldi_gmm": {"path": "a.dubm"},
    "formats.read_gselect": {"path": "gselect"},
    "formats.read_labels": {"path": "a.ctm", "format": "ctm", "rate": 16000},
    "formats.read_mmf": {"path": "a.mmf"},
    "verify_folder": {
        "progress": False,
        "folder": "speakers",
        "out": "verified",
        "front_end": gs.FrontEnd.from_json(gs.speaker.open_background(16000).front_end_),
        "background": "open",
        "random_state": 0,
        "n_jobs": 1,
    },
    "align_file": {
        "audio": "a.wav",
        "transcript": "ah",
        "model": ALIGNER,
        "dictionary": {"AH": [["AA"]]},
        "language": "en",
        "channel": 0,
        "unknown_words": "SIL",
        "goodness": True,
        "beam": 1000.0,
    },
    "recognize": {
        "audio": "a.wav",
        "lm": NGRAM_OF_AH,
        "model": ALIGNER,
        "dictionary": {"AH": [["AA"]]},
        "language": "en",
        "channel": 0,
        "unknown_words": "error",
        "adapt": False,
        "lm_scale": 1.0,
        "word_insertion_penalty": 0.0,
    },
    "extract_features": {
        "progress": False,
        "parts": None,
        "out": Path("out.h5"),
        "front": gs.FrontEnd(),
        "n_jobs": 1,
        "channel": 0,
        "skip_bad": False,
        "storage": "float32",
    },
}
ELSEWHERE = {
    "formats.cmudict_dictionary": "takes seconds; its one option is that of read_dictionary",
    "formats.espeak_languages": "takes no arguments",
    "formats.read_lhotse": "needs a package of its own",
    "plot.bic": "takes what select_components gives",
}


@pytest.fixture(scope="module")
def good_files(tmp_path_factory):
    """A folder with a good file of each kind."""
    import soundfile

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(found := tmp_path_factory.mktemp("good"))
        UBM.save("ubm.h5")
        soundfile.write("a.wav", SIGNAL, 16000)
        Path("data").mkdir()
        for name, text in {"wav.scp": "a a.wav\n", "utt2spk": "a a\n", "spk2utt": "a a\n"}.items():
            Path("data", name).write_text(text)
        Path("spoken").mkdir()
        soundfile.write("spoken/a.wav", SIGNAL, 16000)
        for number, name in enumerate(("a/1", "a/2", "b/1", "b/2", "c/1", "d/1")):
            Path("speakers", name).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(f"speakers/{name}.wav", np.roll(SIGNAL, number), 16000)
        Path("spoken/a.txt").write_text("ah")
        Path("scores").write_text("m t 1.0\n")
        Path("trials").write_text("m t target\n")
        Path("protocol").write_text("a u1 - - bonafide\n")
        Path("cm").write_text("u1 1.0\n")
        Path("asv").write_text("- target 1\n- nontarget 0\nA01 spoof 1\n")
        Path("words.dict").write_text("a AA\n")
        Path("gselect").write_text("u 0 1 ; 1 0 ;\n")
        gs.write_store("feats.h5", UTTERANCES.items())
        gs.formats.write_htk("a.htk", X)
        gs.formats.write_kaldi_gmm("a.dubm", UBM)
        gs.formats.write_kaldi_hmm("kaldi", HMM)
        gs.formats.write_kaldi_matrix("final.mat", X)
        gs.formats.write_kaldi_plda("a.plda", PLDA)
        gs.formats.write_kaldi_vectors("ivector.ark", {"u": [1.0, 2.0]})
        gs.formats.write_kaldi_extractor("final.ie", IVECTORS)
        gs.formats.write_kaldi_full_gmm("final.ubm", FULL)
        Path("post").write_text("u [ 0 1 ] \n")
        gs.formats.write_kaldi_alignments("ali.ark", {"u": [1, 2]})
        gs.formats.write_arpa("a.arpa", NGRAM)
        gs.formats.write_labels("a.ctm", SEGMENTS, format="ctm")
        gs.formats.write_textgrid("a.TextGrid", SEGMENTS)
        gs.formats.write_mmf("a.mmf", {"m": UBM})
    return found


@pytest.fixture(autouse=True)
def folder(good_files, tmp_path, monkeypatch, no_pictures):
    """A copy of the good files, where each test is."""
    shutil.copytree(good_files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gmmspeech.commands.verify_folder.RESAMPLES", 2)


def good_arguments(name):
    arguments = dict(FUNCTIONS[name])
    if name in ("formats.load_utterance", "formats.read_alignments"):
        arguments["data"] = gs.read_data_dir("data")
    if name.startswith("plot."):
        from matplotlib.figure import Figure

        arguments["ax"] = Figure().add_subplot()
    if name == "extract_features":
        arguments["parts"] = [gs.read_data_dir("data")]
    return arguments


def public_functions():
    def of(module, prefix):
        for name in module.__all__:
            thing = getattr(module, name)
            if isinstance(thing, ModuleType) and Path(thing.__file__).with_suffix(".pyi").exists():
                yield from of(thing, f"{name}.")
            elif inspect.isfunction(thing):
                yield thing, prefix + name

    names = {}
    for thing, name in of(gs, ""):
        names.setdefault(thing, set()).add(name)
    return list(names.values())


def test_every_public_function_is_here():
    known = {*FUNCTIONS, *ELSEWHERE}
    assert [sorted(names) for names in public_functions() if len(names & known) != 1] == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    function = gs
    for part in name.split("."):
        function = getattr(function, part)
    good = good_arguments(name)
    assert finite(function(**good))
    for path in ("out", "out.ctm", "out.h5"):
        Path(path).unlink(missing_ok=True)
    assert failures(function, good) == []
