"""Which commands there are: in sections, by what they are for, each with an example that ends its help.

The examples are run one after another by `tests/cli/test_catalog.py`: what one writes, others read. A new command is a
line here.
"""

from __future__ import annotations

import click

WIDTH = 76

SECTIONS: dict[str, dict[str, str]] = {
    "Start here": {
        "demo": "demo --out demo",
        "align": "align recordings --out aligned",
        "verify": "verify speakers --out results",
        "compare": "compare questioned.wav known.wav --population speakers --out case",
        "show": "show ubm.h5",
        "doctor": "doctor",
    },
    "Corpora and data directories": {
        "prepare": "prepare speakers speakers corpus",
        "validate-data": "validate-data data/train",
        "fix-data": "fix-data data/train",
        "subset-data": "subset-data data/train data/few --count 4",
        "split-data": "split-data data/train 2",
        "combine-data": "combine-data data/both data/train data/eval",
        "perturb-data": "perturb-data data/train data/slow --speed 0.9",
        "measure": "measure data/eval measures --groups data/eval/enroll_spk2utt",
        "pitch-groups": "pitch-groups data/train spk2group",
    },
    "Features": {
        "features": "features data/train train.h5 --config clean_speech --jobs 2",
        "feature-info": "feature-info train.h5",
        "compute-vad": "compute-vad train.h5 ark,scp:vad.ark,vad.scp",
        "compute-cmvn": "compute-cmvn train.h5 ark,scp:cmvn.ark,cmvn.scp --spk2utt data/train/spk2utt",
        "copy-features": "copy-features train.h5 ark,scp:train.ark,train.scp --deltas 2",
    },
    "Mixtures": {
        "train-ubm": "train-ubm train.h5 ubm.h5 --components 64 --jobs 2",
        "accumulate": "accumulate ubm.h5 train.h5 sums.h5",
        "estimate": "estimate ubm.h5 sums.h5 next.h5",
        "gselect": "gselect ubm.h5 train.h5 gselect.txt --num-gselect 10",
        "copy-model": "copy-model ubm.h5 final.dubm --to kaldi",
        "train-classifier": "train-classifier train.h5 data/train/utt2spk speakers.h5 --components 8",
        "classify": "classify speakers.h5 train.h5 --reference data/train/utt2spk",
    },
    "Speaker verification": {
        "enroll": "enroll ubm.h5 eval.h5 data/eval/enroll_spk2utt models.h5",
        "make-trials": "make-trials data/eval/enroll_spk2utt data/eval/utt2spk trials",
        "all-trials": "all-trials data/eval/enroll_spk2utt data/train/utt2spk cohort_trials",
        "score": "score models.h5 eval.h5 trials scores",
        "identify": "identify scores --reference data/eval/utt2spk",
        "evaluate": "evaluate scores trials --report report",
    },
    "Scores and calibration": {
        "normalize-scores": "normalize-scores scores znorm --method z --model-cohort cohort",
        "calibrate": "calibrate scores trials calibration.h5",
        "fuse": "fuse scores znorm trials fusion.h5",
        "apply-calibration": "apply-calibration calibration.h5 scores llrs",
    },
    "i-vectors and factor analysis": {
        "statistics": "statistics ubm.h5 train.h5 train_stats.h5",
        "train-ivector": "train-ivector ubm.h5 train_stats.h5 extractor.h5 --rank 10",
        "extract-ivectors": "extract-ivectors extractor.h5 train_stats.h5 ivectors.h5",
        "train-plda": "train-plda ivectors.h5 data/train/utt2spk backend.h5",
        "adapt-plda": "adapt-plda backend.h5 eval_ivectors.h5 adapted.h5",
        "score-ivectors": "score-ivectors backend.h5 eval_ivectors.h5 data/eval/enroll_spk2utt trials plda",
        "supervectors": "supervectors ubm.h5 train_stats.h5 vectors.h5",
        "train-isv": "train-isv ubm.h5 train_stats.h5 data/train/utt2spk isv.h5 --rank 10",
        "train-jfa": "train-jfa ubm.h5 train_stats.h5 data/train/utt2spk jfa.h5 --speaker-rank 5 --session-rank 10",
        "score-statistics": "score-statistics isv.h5 eval_stats.h5 data/eval/enroll_spk2utt trials isv",
    },
    "Spoofing": {
        "score-classes": "score-classes spoofs.h5 eval.h5 spoof_scores --target bonafide --other spoof",
        "evaluate-spoofing": "evaluate-spoofing spoof_scores protocol",
    },
    "Phones and words": {
        "train-phones": "train-phones data/train phones.h5 --init flat --dictionary cmudict --jobs 2",
        "recognize": "recognize data/eval phones.h5 --dictionary cmudict",
        "make-ngram": "make-ngram data/train words.arpa",
        "pronounce": "pronounce Häuser Zeit --language de",
        "compare-alignment": "compare-alignment corrected aligned --plot errors.png",
        "ali-to-phones": "ali-to-phones mono/final.mdl ark:ali.ark phones.ctm",
        "plot-alignment": "plot-alignment a.wav a.TextGrid a.png",
        "train-phone-classifier": "train-phone-classifier data/train classifier.h5 --labels phones.ctm",
        "classify-phones": "classify-phones data/train classifier.h5 --labels phones.ctm --out classified",
    },
}


def example_of(name: str) -> str:
    """Give the end of a command's help: an example in lines that can be pasted; "" for a command that has none."""
    import re
    import textwrap

    for commands in SECTIONS.values():
        if name in commands:
            words = re.sub(r"(?<= )(--?\S+) (?!-)", "\\1\N{NO-BREAK SPACE}", f"gmmspeech {commands[name]}")
            lines = textwrap.wrap(words, WIDTH - 4, break_long_words=False, break_on_hyphens=False)
            return "\b\nExample:\n  " + " \\\n    ".join(lines).replace("\N{NO-BREAK SPACE}", " ")
    return ""


def sections_of(context: click.Context, names: list[str]) -> dict[str, list[tuple[str, click.Command]]]:
    """Give commands by section, in the order of the catalog; those that are not in it come last."""
    group = context.command
    assert isinstance(group, click.Group)
    placed = {section: [name for name in commands if name in names] for section, commands in SECTIONS.items()}
    placed["Others"] = [name for name in names if not any(name in commands for commands in SECTIONS.values())]
    return {section: [(name, group.commands[name]) for name in commands] for section, commands in placed.items()}
