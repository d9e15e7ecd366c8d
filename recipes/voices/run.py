"""The main job on synthetic voices: who of 24 speaks, and is it who he claims to be. No corpus is needed."""

from __future__ import annotations

from pathlib import Path

from gmmspeech import voices
from gmmspeech.cli.recipe import recipe_command
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.io.datadir import read_data_dir
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

FRONT_END = "voices"
CLASS_COMPONENTS = 16
CONFIG = VerificationConfig(n_components=64, relevance_factor=10.0, update="mvw", scoring="symmetric")


@recipe_command(corpus=False)
def main(out: Path, jobs: int, stage: int | None) -> None:
    """Identify and verify synthetic voices: features, models, scores, a report, in under a minute."""
    corpus = voices.write_voices(out / "corpus")
    front = FrontEnd.from_toml(FRONT_END)
    parts = {name: read_data_dir(corpus / "data" / name) for name in ("train", "test", "ubm", "eval")}
    test = parts["eval"].path
    protocol = Protocol("eval", features_path(out, "eval"), test / "enroll_spk2utt", test / "trials")
    run_stages(
        [
            *(features_stage(name, [part], out, front, jobs=jobs) for name, part in parts.items()),
            classification_stage("speakers", "utt2spk", parts, out, CLASS_COMPONENTS, CONFIG.seeds, jobs=jobs),
            train_stage("voices", features_path(out, "ubm"), out, CONFIG, jobs=jobs),
            verify_stage("voices", protocol, out, CONFIG, jobs=jobs),
        ],
        out,
        first=stage,
    )
    tell_results([classification_row("speakers", out, CONFIG.seeds)], out, "classification")
    tell_results(
        [verification_row("verify 12 voices", summaries(out, "voices", protocol, CONFIG))], out, "verification"
    )


if __name__ == "__main__":
    main()
