"""A good file of each kind, and arguments that are right of every public function that reads or writes files."""

from pathlib import Path

import numpy as np
import soundfile
from small_objects import (
    ALIGNER,
    ALIGNMENT,
    FULL,
    HMM,
    IVECTORS,
    NGRAM,
    NGRAM_OF_AH,
    PLDA,
    SCORES,
    SEGMENTS,
    SIGNAL,
    SPOOF_TRIALS,
    UBM,
    UTTERANCES,
    X,
)

import gmmspeech as gs
from gmmspeech.phones.decoding.boundaries import Chain

ARGUMENTS_OF_FILES = {
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


def make_good_files() -> None:
    """Write a good file of each kind into the folder in which the process is."""
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
