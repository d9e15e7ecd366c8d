"""Spoken digits: which digit, who says it, and is it who he claims to be; which digit again, by its phones."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from gmmspeech.cli.recipe import FOLDER, recipe_command
from gmmspeech.commands.phones import read_pronunciations, transcripts
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.formats.datadir import DataDir, read_data_dir, read_list_map
from gmmspeech.formats.labels import read_ctm
from gmmspeech.metrics.error_rate import ErrorRate, error_rate
from gmmspeech.phones.gmm.classification import OneModel
from gmmspeech.recipe.classification import classification_row, classification_stage
from gmmspeech.recipe.phone_classification import classified_rows, confusion_stage, one_model_stage
from gmmspeech.recipe.phone_stages import (
    Speech,
    align_stage,
    aligned_path,
    boundary_row,
    error_row,
    flat_start_stage,
    names_of,
    recognize_word_stage,
    recognized_path,
)
from gmmspeech.recipe.stages import Stage, run_stages
from gmmspeech.recipe.verification import (
    Protocol,
    VerificationConfig,
    features_path,
    features_stage,
    summaries,
    tell_results,
    train_stage,
    verification_row,
    verify_stage,
)

FRONT_END = Path(__file__).with_name("front_end.toml")
CLASS_COMPONENTS = 32

PHONE_FRONT_END = "phones_8khz"
DICTIONARY = Path(__file__).with_name("digits.dict")
TRAINING: dict[str, Any] = {"total_gaussians": 300, "max_iter": 10}

CEPSTRA = {"type": "mfcc", "num_ceps": 16, "num_mel_bins": 26, "use_energy": False, "snip_edges": False}
# the test speakers are those of the training, each with his microphone: nothing is normalized
STATIC = FrontEnd(sample_frequency=8000, features=CEPSTRA)
PHONE_MODEL = OneModel(n_components=32, dim=40, max_iter=20, duration=False, scale=1.0, smoothing=1.0)

# Few components: the background model knows the very speakers it is compared with, and a large one knows each apart.
CONFIGS = {
    "alone": VerificationConfig(n_components=16, relevance_factor=4.0, scoring="frames"),
    "pooled": VerificationConfig(n_components=32, relevance_factor=4.0, scoring="frames"),
}


@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="Models to average over.")
@click.option("--pool", type=FOLDER, help="Corpus whose part `ubm` is added to a second background model.")
@click.option("--phones", is_flag=True, help="Recognize digits by phone HMMs, and classify phones, after all else.")
@recipe_command(fetch="fsdd")
def main(corpus: Path, out: Path, jobs: int, stage: int | None, pool: Path | None, seeds: int, phones: bool) -> None:
    """Classify digits and speakers of `test` after `train`, verify speakers of `verify`."""
    front = FrontEnd.from_toml(FRONT_END)
    parts = {name: read_data_dir(corpus / "data" / name) for name in ("train", "test", "verify")}
    stages = [features_stage(name, [part], out, front, jobs=jobs) for name, part in parts.items()]
    for task, label_file in (("digits", "text"), ("speakers", "utt2spk")):
        stages.append(classification_stage(task, label_file, parts, out, CLASS_COMPONENTS, range(seeds), jobs=jobs))

    verify = parts["verify"].path
    protocol = Protocol("verify", features_path(out, "verify"), verify / "enroll_spk2utt", verify / "trials")
    own = without_enrollment(parts["train"], protocol.sessions)
    backgrounds = {"alone": [own]}
    if pool is not None:
        backgrounds["pooled"] = [own, read_data_dir(pool / "data" / "ubm")]
    configs = {name: replace(CONFIGS[name], seeds=tuple(range(seeds))) for name in backgrounds}
    for name, background in backgrounds.items():
        stages += [
            features_stage(f"ubm-{name}", background, out, front, jobs=jobs),
            train_stage(name, features_path(out, f"ubm-{name}"), out, configs[name], jobs=jobs),
            verify_stage(name, protocol, out, configs[name], jobs=jobs),
        ]
    if phones:
        everything = read_data_dir(corpus / "data" / "all")
        stages += phone_stages({"train": parts["train"], "test": parts["test"], "all": everything}, out, jobs)
    run_stages(stages, out, first=stage)

    tell_results(
        [classification_row(task, out, range(seeds)) for task in ("digits", "speakers")], out, "classification"
    )
    tell_results(
        [verification_row(f"verify, UBM {name}", summaries(out, name, protocol, c)) for name, c in configs.items()],
        out,
        "verification",
    )
    if phones:
        tell_phones(parts["test"], everything, out)


def tell_phones(test: DataDir, everything: DataDir, out: Path) -> None:
    """Print what became of the digits and of their phones."""
    tell_results(recognition_rows(test, everything, out), out, "recognition")
    if not has_labels(test):
        return
    aligned = read_ctm(aligned_path(out, "digits") / "phones.ctm")
    tell_results([boundary_row("train → test", read_ctm(test.path / "phones.ctm"), aligned)], out, "alignment")
    tell_results(classified_rows("phones", out), out, "phones")


def phone_stages(parts: Mapping[str, DataDir], out: Path, jobs: int) -> list[Stage]:
    """Classification of phones; and phone HMMs from digits without any times.

    They are of all speakers for other takes, and of all but one for him.
    """
    stages = []
    if has_labels(parts["train"]):
        stages.append(one_model_stage("phones", parts["train"], parts["test"], out, STATIC, PHONE_MODEL, jobs=jobs))
        if importlib.util.find_spec("matplotlib"):
            stages.append(confusion_stage("phones", out))
    front, dictionary = FrontEnd.from_toml(PHONE_FRONT_END), read_pronunciations([str(DICTIONARY)])
    stages += [features_stage(f"phones-{name}", [part], out, front, jobs=jobs) for name, part in parts.items()]
    said = {name: Speech(features_path(out, f"phones-{name}"), transcripts(part)) for name, part in parts.items()}
    stages += [
        flat_start_stage("digits", said["train"], dictionary, out, jobs=jobs, **TRAINING),
        align_stage("digits", "digits", said["test"], dictionary, out, jobs=jobs),
        recognize_word_stage("digits", "digits", said["test"], dictionary, out, jobs=jobs),
    ]
    utt2spk = parts["all"].utt2spk
    for speaker in sorted(set(utt2spk.values())):
        others = said["all"].only(u for u in utt2spk if utt2spk[u] != speaker)
        his = said["all"].only(u for u in utt2spk if utt2spk[u] == speaker)
        stages += [
            flat_start_stage(f"without-{speaker}", others, dictionary, out, jobs=jobs, **TRAINING),
            recognize_word_stage(speaker, f"without-{speaker}", his, dictionary, out, jobs=jobs),
        ]
    return stages


def has_labels(data: DataDir) -> bool:
    """Whether there are phones to learn from and to compare with: not if the corpus was fetched."""
    return (data.path / "phones.ctm").exists()


def recognition_rows(test: DataDir, everything: DataDir, out: Path) -> list[dict[str, str]]:
    """Word errors of the test takes, and of each speaker after training on the others."""
    rows = [error_row("train → test", word_errors(test, "digits", out))]
    total = ErrorRate()
    for speaker in sorted(set(everything.utt2spk.values())):
        errors = word_errors(everything, speaker, out)
        rows.append(error_row(f"others → {speaker}", errors))
        total += errors
    return [*rows, error_row("others → one, all six", total)]


def word_errors(data: DataDir, name: str, out: Path) -> ErrorRate:
    """Compare what was recognized with what was said."""
    found = names_of(read_ctm(recognized_path(out, name)))
    said = transcripts(data)
    return error_rate({utterance: said[utterance] for utterance in found}, found)


def without_enrollment(train: DataDir, sessions: Path) -> DataDir:
    """Give the training part without the utterances that speakers are enrolled on."""
    enrolled = {utterance for utterances in read_list_map(sessions).values() for utterance in utterances}
    return replace(train, utterances=tuple(u for u in train.utterances if u not in enrolled))


if __name__ == "__main__":
    main()
