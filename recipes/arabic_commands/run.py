"""Text-independent speaker verification on single Arabic words, and on five words together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from gmmspeech.cli.recipe import FOLDER, recipe_command
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.formats.datadir import read_data_dir
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
CONFIGS = {
    "own": VerificationConfig(n_components=64, relevance_factor=10.0, scoring="statistics"),
    "pooled": VerificationConfig(n_components=128, relevance_factor=10.0, scoring="statistics"),
}


@click.option(
    "--seeds", type=click.IntRange(1), default=3, show_default=True, help="Background models to average over."
)
@click.option("--pool", type=FOLDER, help="Corpus whose part `ubm` is added to a second background model.")
@recipe_command(fetch="arabic-speech-commands-mini")
def main(corpus: Path, out: Path, jobs: int, stage: int | None, pool: Path | None, seeds: int) -> None:
    """Verify speakers of the Arabic speech commands: UBM on `ubm`, trials of `eval`, one word and five words each."""
    front = FrontEnd.from_toml(FRONT_END)
    data = corpus / "data"
    test = data / "eval"
    features, sessions = features_path(out, "eval"), test / "enroll_spk2utt"
    protocols = [
        Protocol("one-word", features, sessions, test / "trials"),
        Protocol("five-words", features, sessions, test / "trials_group5", groups=test / "group2utt"),
    ]
    backgrounds = {"own": [data / "ubm"]}
    if pool is not None:
        backgrounds["pooled"] = [data / "ubm", pool / "data" / "ubm"]

    configs = {name: replace(CONFIGS[name], seeds=tuple(range(seeds))) for name in backgrounds}
    stages = [features_stage("eval", [read_data_dir(test)], out, front, jobs=jobs)]
    for name, folders in backgrounds.items():
        stages += [
            features_stage(f"ubm-{name}", [read_data_dir(folder) for folder in folders], out, front, jobs=jobs),
            train_stage(name, features_path(out, f"ubm-{name}"), out, configs[name], jobs=jobs),
            *(verify_stage(name, protocol, out, configs[name], jobs=jobs) for protocol in protocols),
        ]
    run_stages(stages, out, first=stage)
    tell_results(
        [
            verification_row(f"{protocol.name}, {name} UBM", summaries(out, name, protocol, configs[name]))
            for protocol in protocols
            for name in backgrounds
        ],
        out,
    )


if __name__ == "__main__":
    main()
