"""The family of speaker verification systems in one table: GMM-UBM, supervectors, ISV, i-vectors, on three corpora."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from gmmspeech.cli.recipe import FOLDER, fetched, recipe_command
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.formats.datadir import DataDir, read_data_dir, read_list_map
from gmmspeech.formats.trials import read_trials
from gmmspeech.recipe.sides import Entry, cut, join, of_groups
from gmmspeech.recipe.speaker_comparison import (
    Background,
    Task,
    background_stages,
    comparison_rows,
    shared_row,
    task_stages,
)
from gmmspeech.recipe.speaker_systems import SystemSettings
from gmmspeech.recipe.stages import Stage, run_stages
from gmmspeech.recipe.verification import features_path, features_stage, tell_results

ENGLISH, ARABIC, DIGITS = "librispeech-mini", "arabic-speech-commands-mini", "fsdd"
NEEDED = {"sv80": (ENGLISH,), "arabic": (ENGLISH, ARABIC), "fsdd": (ENGLISH, DIGITS)}
RECIPES = Path(__file__).parent.parent
TOP_N = 50


@dataclass(frozen=True)
class Options:
    """Of the command line."""

    corpora: Path
    out: Path
    jobs: int
    components: int | None
    rank: int | None
    top_n: int
    resamples: int
    seed: int

    def background(self, name: str, sessions: list[Entry], cohort: list[Entry], components: int) -> Background:
        """Background of a name."""
        folder = self.out / f"background-{name}"
        return Background(folder, sessions, cohort, self.components or components, self.seed)

    def settings(self, relevance_factor: float, rank: int) -> SystemSettings:
        """Sizes of the systems."""
        return SystemSettings(relevance_factor, self.rank or rank, seed=self.seed)


Work = tuple[list[Task], list[Stage]]


@click.option(
    "--corpora",
    type=FOLDER,
    help="Folder with the corpora, each under its own name.  [default: fetched from their origins]",
)
@click.option("--task", "names", type=click.Choice(["sv80", "arabic", "fsdd"]), multiple=True, help="Not all of them.")
@click.option("--components", type=click.IntRange(1), help="Of all background models.  [default: each task's own]")
@click.option("--rank", type=click.IntRange(2), help="Of all i-vectors.  [default: each task's own]")
@click.option("--top-n", type=click.IntRange(2), default=TOP_N, show_default=True, help="Size of adaptive cohorts.")
@click.option(
    "--resamples", type=click.IntRange(1), default=1000, show_default=True, help="Of speakers, for intervals."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of all models.")
@recipe_command(corpus=False)
def main(out: Path, jobs: int, stage: int | None, names: Sequence[str], corpora: Path | None, **options: Any) -> None:
    """Compare systems on sv80, on Arabic words and on digits; backgrounds have none of the speakers in trials."""
    tasks: list[Task] = []
    stages: list[Stage] = []
    for name in names or TASKS:
        folder = fetched_for(name) if corpora is None else corpora
        found, needed = TASKS[name](Options(corpora=folder, out=out, jobs=jobs, **options))
        tasks += found
        stages += needed
    run_stages(stages, out, first=stage)
    tell_results([row for task in tasks for row in comparison_rows(task)], out)
    tell_results([shared_row(task) for task in tasks], out, "shared")


def fetched_for(task: str) -> Path:
    """Fetch the corpora of a task; give the folder that has them."""
    folders = [fetched(name, option="--corpora") for name in NEEDED[task]]
    return folders[0].parent


def sv80(options: Options) -> Work:
    """80 readers, an utterance each, cut in two; 121 others in the background."""
    data = options.corpora / ENGLISH / "data"
    ubm, test = read_data_dir(data / "ubm"), read_data_dir(data / "sv80")
    # an utterance each: pieces of it are its speaker's sessions
    background = options.background("english", cut(of(ubm), 4), cut(of(ubm), 1), 128)
    fused = ("gmm-symmetric", "ivector-plda")
    tasks = [task(options, "sv80", background, test, options.settings(10.0, 100), fused, test.path / "trials")]
    return tasks, all_stages(options, "english", FrontEnd.from_toml("clean_speech"), [ubm], test, tasks)


def arabic(options: Options) -> Work:
    """10 speakers of Arabic words; 8 others, and 121 readers of English, in the background."""
    data = options.corpora / ARABIC / "data"
    own, test = read_data_dir(data / "ubm"), read_data_dir(data / "eval")
    pooled = read_data_dir(options.corpora / ENGLISH / "data" / "ubm")
    sessions = [*join(of(own), 5), *cut(of(pooled), 4)]  # all of about three seconds
    cohort = [*join(of(own), 20), *cut(of(pooled), 1)]  # as long as an enrollment
    background = options.background("arabic", sessions, cohort, 128)
    common = background, test, options.settings(10.0, 60), ("gmm-full", "ivector-plda")
    groups = test.path / "group2utt"
    tasks = [
        task(options, "arabic-one-word", *common, test.path / "trials"),
        task(options, "arabic-five-words", *common, test.path / "trials_group5", groups=groups),
    ]
    front = FrontEnd.from_toml(RECIPES / "arabic_commands" / "front_end.toml")
    return tasks, all_stages(options, "arabic", front, [own, pooled], test, tasks)


def fsdd(options: Options) -> Work:
    """6 speakers of digits; 121 readers of English in the background."""
    pooled = read_data_dir(options.corpora / ENGLISH / "data" / "ubm")
    test = read_data_dir(options.corpora / DIGITS / "data" / "verify")
    background = options.background("digits", cut(of(pooled), 4), cut(of(pooled), 1), 64)
    fused = ("gmm-symmetric", "ivector-plda")
    tasks = [task(options, "fsdd", background, test, options.settings(4.0, 60), fused, test.path / "trials")]
    front = FrontEnd.from_toml(RECIPES / "fsdd" / "front_end.toml")
    return tasks, all_stages(options, "digits", front, [pooled], test, tasks)


TASKS: dict[str, Callable[[Options], Work]] = {"sv80": sv80, "arabic": arabic, "fsdd": fsdd}


def of(data: DataDir) -> dict[str, str]:
    """Utterances of a part, sorted, and their speakers."""
    return {utterance: data.utt2spk[utterance] for utterance in data.utterances}


def task(
    options: Options,
    name: str,
    background: Background,
    test: DataDir,
    settings: SystemSettings,
    fused: Sequence[str],
    trials: Path,
    *,
    groups: Path | None = None,
) -> Task:
    """Trials of a test part; their tests are utterances, or the groups that a file names."""
    tests = {u: [u] for u in dict.fromkeys(read_trials(trials).tests)} if groups is None else read_list_map(groups)
    models = read_list_map(test.path / "enroll_spk2utt")
    sides = (of_groups(side, test.utt2spk) for side in (models, tests))
    return Task(name, options.out / name, background, *sides, trials, settings, options.top_n, fused, options.resamples)


def all_stages(
    options: Options, name: str, front: FrontEnd, parts: Sequence[DataDir], test: DataDir, tasks: Sequence[Task]
) -> list[Stage]:
    """Stages of tasks that have a background of some parts in common."""
    out, jobs = options.out, options.jobs
    trained_on, tested_on = f"background-{name}", f"test-{name}"
    return [
        features_stage(trained_on, parts, out, front, jobs=jobs),
        features_stage(tested_on, [test], out, front, jobs=jobs),
        *background_stages(tasks[0].background, [features_path(out, trained_on)], jobs=jobs),
        *(stage for task in tasks for stage in task_stages(task, [features_path(out, tested_on)], jobs=jobs)),
    ]


if __name__ == "__main__":
    main()
