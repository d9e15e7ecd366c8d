"""The family of speaker verification systems in one table: GMM-UBM, supervectors, ISV, i-vectors, on three corpora."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click
from comparison import NORMS, evaluate, score, shared_row, timed
from sessions import count_sessions, of_groups, write_sessions
from systems import SYSTEMS, SystemSettings
from tasks import NEEDED, TASKS, Task

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands.verification import train_ubm_file

TOP_N = 50  # sessions of the cohort that a score is normalized by
COUNT = click.IntRange(1)


@click.option("--corpora", type=pipeline.FOLDER, help="Folder with the corpora by name.  [default: fetched]")
@click.option("--task", "names", type=click.Choice(list(TASKS)), multiple=True, help="Not all of them.")
@click.option(
    "--test",
    "tests",
    metavar="PART",
    multiple=True,
    help="Another part of the corpus of the one --task, with the lists of its own: compared too. May be given again.",
)
@click.option("--components", type=COUNT, help="Of all background models.  [default: each task's own]")
@click.option("--rank", type=click.IntRange(2), help="Of all i-vectors.  [default: each task's own]")
@click.option("--top-n", type=click.IntRange(2), default=TOP_N, show_default=True, help="Size of adaptive cohorts.")
@click.option("--resamples", type=COUNT, default=1000, show_default=True, help="Of speakers, for intervals.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of all models.")
@pipeline.recipe(corpus=False)
def main(
    run: pipeline.Run,
    names: Sequence[str],
    corpora: Path | None,
    tests: Sequence[str],
    components: int | None,
    rank: int | None,
    top_n: int,
    resamples: int,
    seed: int,
) -> None:
    """Compare systems on sv80, on Arabic words and on digits; backgrounds have none of the speakers in trials."""
    rows: list[dict[str, str]] = []
    shared: list[dict[str, str]] = []
    if tests and len(names) != 1:
        raise gs.errors.ConfigError(f"--test: found {len(names)} --task, expected the one whose corpus has the part")
    for each, *part in [*((name,) for name in names or TASKS), *((names[0], part) for part in tests)]:
        fetched = [pipeline.fetched(corpus, option="--corpora") for corpus in NEEDED[each]] if corpora is None else []
        task = TASKS[each](fetched[0].parent if corpora is None else corpora, *part)
        settings = SystemSettings(task.relevance_factor, rank or task.rank, seed=seed)
        background = run.out / f"background-{task.background}"
        sets = {"sessions": task.sessions, "cohort": task.cohort}
        kinds = "background", "-".join(["test", *part])
        features = [run.out / f"feats-{kind}-{task.background}.h5" for kind in kinds]
        for path, parts in zip(features, (task.parts, [task.test]), strict=True):
            if run.todo(path.stem, makes=[path], of=parts, settings=task.front_end):
                gs.extract_features(parts, path, task.front_end, n_jobs=run.jobs)

        frames = [background / kind / "frames.h5" for kind in sets]
        if run.todo(f"sessions-{task.background}", makes=frames, settings=sets):
            for kind, sessions in sets.items():
                write_sessions(background / kind, features[:1], sessions)

        ubm = background_model(run, task, frames[0], components or task.components, seed)
        counted = [background / kind / "statistics.h5" for kind in sets]
        if run.todo(f"count-{task.background}", makes=counted):
            for kind in sets:
                count_sessions(background / kind, gs.load(ubm), n_jobs=run.jobs)

        for name, (trials, groups) in task.trials.items():
            folder, listed = run.out / name, task.test.path / trials
            count(run, task, folder, listed, task.test.path / groups if groups else None, features[1:], ubm)
            for system in SYSTEMS:
                makes = [folder / "times" / f"{system}.json", *(folder / "scores" / f"{system}-{n}" for n in NORMS)]
                if run.todo(f"score-{name}-{system}", makes=makes, of=[listed], settings=[settings, top_n]):
                    score(system, folder, background, ubm, listed, settings, top_n, run.jobs)
            figures = folder / "figures.json"
            makes = [figures, folder / "report" / "index.html"]
            if run.todo(f"evaluate-{name}", makes=makes, of=[listed], settings=[task.fused, resamples]):
                found = evaluate(name, folder, listed, task.fused, resamples)
                figures.write_text(json.dumps(found, indent=1, ensure_ascii=False), encoding="utf-8")
            rows += json.loads(figures.read_text(encoding="utf-8"))
            shared.append(shared_row(name, background, folder, listed))
    run.results(rows)
    run.results(shared, "shared")


def background_model(run: pipeline.Run, task: Task, frames: Path, components: int | None, seed: int) -> Path:
    """Train a background model on the sessions of the background, or take the one that comes along."""
    if components is None:
        return pipeline.take_open_background(run, task.front_end.sample_frequency)
    background = run.out / f"background-{task.background}"
    if run.todo(f"ubm-{task.background}", makes=[background / "ubm.h5"], settings=[components, seed]):
        with timed(background / "ubm.json", "training"):
            train_ubm_file(frames, background / "ubm.h5", components, random_state=seed, n_jobs=run.jobs)
    return background / "ubm.h5"


def count(
    run: pipeline.Run,
    task: Task,
    folder: Path,
    trials: Path,
    groups: Path | None,
    features: Sequence[Path],
    ubm: Path,
) -> None:
    """Count the statistics of a task's enrollments and tests; tests are utterances, or the groups that a file names."""
    enrolled = gs.read_list_map(task.test.path / "enroll_spk2utt")
    tests = gs.read_list_map(groups) if groups else {u: [u] for u in dict.fromkeys(gs.read_trials(trials).tests)}
    sets = {"models": of_groups(enrolled, task.test.utt2spk), "tests": of_groups(tests, task.test.utt2spk)}
    if run.todo(f"count-{folder.name}", makes=[folder / kind / "statistics.h5" for kind in sets], settings=sets):
        for kind, sessions in sets.items():
            write_sessions(folder / kind, features, sessions)
        with timed(folder / "counting.json", "counting"):
            for kind in sets:
                count_sessions(folder / kind, gs.load(ubm), n_jobs=run.jobs)


if __name__ == "__main__":
    main()
