"""Speaker verification on read English: a background model of 121 speakers, 87 others to tell apart."""

from __future__ import annotations

from pathlib import Path

import click

from gmmspeech.cli.recipe import recipe_command
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

FRONT_END = "clean_speech"  # enrollment and test are of one session: the channel tells the speaker too
TESTS = ("sv80", "test-other")
QUICK_TESTS = ("dev-clean",)


@click.option("--components", type=click.IntRange(1), default=128, show_default=True, help="Of the background model.")
@click.option(
    "--seeds", type=click.IntRange(1), default=3, show_default=True, help="Background models to average over."
)
@recipe_command(fetch="librispeech-mini", quick="librispeech-dev-clean")
def main(corpus: Path, out: Path, jobs: int, stage: int | None, components: int, seeds: int, quick: bool) -> None:
    """Verify speakers of LibriSpeech: UBM on `ubm`, trials of `sv80` and of `test-other`."""
    tests = QUICK_TESTS if quick else TESTS
    config = VerificationConfig(
        n_components=components, relevance_factor=10.0, update="mvw", scoring="symmetric", seeds=tuple(range(seeds))
    )
    front = FrontEnd.from_toml(FRONT_END)
    data = corpus / "data"
    protocols = [
        Protocol(name, features_path(out, name), data / name / "enroll_spk2utt", data / name / "trials")
        for name in tests
    ]
    run_stages(
        [
            *(features_stage(name, [read_data_dir(data / name)], out, front, jobs=jobs) for name in ("ubm", *tests)),
            train_stage("librispeech", features_path(out, "ubm"), out, config, jobs=jobs),
            *(verify_stage("librispeech", protocol, out, config, jobs=jobs) for protocol in protocols),
        ],
        out,
        first=stage,
    )
    tell_results([verification_row(p.name, summaries(out, "librispeech", p, config)) for p in protocols], out)


if __name__ == "__main__":
    main()
