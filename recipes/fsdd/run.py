"""Spoken digits: which digit, who says it, and is it who he claims to be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from gmmspeech.cli.recipe import FOLDER, recipe_command
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.io.datadir import DataDir, read_data_dir, read_list_map
from gmmspeech.recipe.classification import classification_row, classification_stage
from gmmspeech.recipe.stages import run_stages
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
# Few components: the background model knows the very speakers it is compared with, and a large one knows each apart.
CONFIGS = {
    "alone": VerificationConfig(n_components=16, relevance_factor=4.0, scoring="frames"),
    "pooled": VerificationConfig(n_components=32, relevance_factor=4.0, scoring="frames"),
}


@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="Models to average over.")
@click.option("--pool", type=FOLDER, help="Corpus whose part `ubm` is added to a second background model.")
@recipe_command()
def main(corpus: Path, out: Path, jobs: int, stage: int | None, pool: Path | None, seeds: int) -> None:
    """Classify digits and speakers of `test` after `train`; verify speakers of `verify`."""
    front = FrontEnd.from_toml(FRONT_END)
    parts = {name: read_data_dir(corpus / "data" / name) for name in ("train", "test", "verify")}
    stages = [features_stage(name, [part], out, front, jobs=jobs) for name, part in parts.items()]
    for task, label_file in (("digits", "text"), ("speakers", "utt2spk")):
        stages.append(classification_stage(task, label_file, parts, out, CLASS_COMPONENTS, range(seeds), jobs=jobs))

    verify = parts["verify"].path
    protocol = Protocol("verify", features_path(out, "verify"), verify / "enroll_spk2utt", verify / "trials")
    own = without_enrolment(parts["train"], protocol.sessions)
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
    run_stages(stages, out, first=stage)

    tell_results(
        [classification_row(task, out, range(seeds)) for task in ("digits", "speakers")], out, "classification"
    )
    tell_results(
        [verification_row(f"verify, UBM {name}", summaries(out, name, protocol, c)) for name, c in configs.items()],
        out,
        "verification",
    )


def without_enrolment(train: DataDir, sessions: Path) -> DataDir:
    """Give the training part without the utterances that speakers are enrolled on."""
    enrolled = {utterance for utterances in read_list_map(sessions).values() for utterance in utterances}
    return replace(train, utterances=tuple(u for u in train.utterances if u not in enrolled))


if __name__ == "__main__":
    main()
