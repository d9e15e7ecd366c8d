"""The family of speaker verification systems in one table: GMM-UBM, supervectors, ISV, i-vectors, on three corpora."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
from comparison import NORMS, evaluate, score, shared_row, timed
from sessions import Session, count_sessions, cut, join, of_groups, write_sessions
from systems import SYSTEMS, SystemSettings

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands.verification import train_ubm_file
from gmmspeech.formats.datadir import DataDir

ENGLISH, ARABIC, DIGITS = "librispeech-mini", "arabic-speech-commands-mini", "fsdd"
NEEDED = {
    "sv80": (ENGLISH,),
    "arabic": (ENGLISH, ARABIC),
    "fsdd": (ENGLISH, DIGITS),
    "arabic-open": (ENGLISH, ARABIC),
    "fsdd-open": (ENGLISH, DIGITS),
}
RECIPES = Path(__file__).parent.parent
SIZES = {  # of the background model, if it isn't the one that comes along, and of i-vectors, and the relevance factor
    "sv80": {"components": 128, "rank": 100, "relevance_factor": 10.0},
    "arabic": {"components": 128, "rank": 60, "relevance_factor": 10.0},
    "fsdd": {"components": 64, "rank": 60, "relevance_factor": 4.0},
    "arabic-open": {"components": None, "rank": 60, "relevance_factor": 10.0},
    "fsdd-open": {"components": None, "rank": 60, "relevance_factor": 4.0},
}
TOP_N = 50  # sessions of the cohort that a score is normalized by
COUNT = click.IntRange(1)


@dataclass(frozen=True)
class Task:
    """Speakers who are in no trial, and trials: each list with the utterances that are scored as one, if not each."""

    background: str
    front_end: gs.FrontEnd
    parts: Sequence[DataDir]
    sessions: Sequence[Session]
    cohort: Sequence[Session]
    fused: Sequence[str]
    test: DataDir
    trials: Mapping[str, tuple[str, str | None]]
    components: int | None
    rank: int
    relevance_factor: float


def sv80(corpora: Path, part: str = "sv80") -> Task:
    """80 readers, an utterance each, cut in two; 121 others in the background."""
    ubm, test = (gs.read_data_dir(corpora / ENGLISH / "data" / name) for name in ("ubm", part))
    front, own, fused = gs.FrontEnd.from_toml("clean_speech"), utt2spk_of(ubm), ("gmm-symmetric", "ivector-plda")
    # an utterance each: parts of it are its speaker's sessions
    background = "english", front, [ubm], cut(own, 4), cut(own, 1)
    return Task(*background, fused, test, {part: ("trials", None)}, **SIZES["sv80"])


def arabic(corpora: Path, part: str = "eval", *, name: str = "arabic") -> Task:
    """10 speakers of Arabic words; 8 others, and 121 readers of English, in the background."""
    ubm, test = (gs.read_data_dir(corpora / ARABIC / "data" / each) for each in ("ubm", part))
    english = gs.read_data_dir(corpora / ENGLISH / "data" / "ubm")
    own, pooled = utt2spk_of(ubm), utt2spk_of(english)
    front = gs.FrontEnd.from_toml(RECIPES / "arabic_commands" / "front_end.toml")
    sessions = [*join(own, 5), *cut(pooled, 4)]  # all of about three seconds
    cohort = [*join(own, 20), *cut(pooled, 1)]  # as long as an enrollment
    background = name, front, [ubm, english], sessions, cohort
    label = name if part == "eval" else part
    trials = {f"{label}-one-word": ("trials", None), f"{label}-five-words": ("trials_group5", "group2utt")}
    return Task(*background, ("gmm-full", "ivector-plda"), test, trials, **SIZES[name])


def fsdd(corpora: Path, part: str = "verify", *, name: str = "fsdd") -> Task:
    """6 speakers of digits; 121 readers of English in the background."""
    english = gs.read_data_dir(corpora / ENGLISH / "data" / "ubm")
    test = gs.read_data_dir(corpora / DIGITS / "data" / part)
    front, pooled = gs.FrontEnd.from_toml(RECIPES / "fsdd" / "front_end.toml"), utt2spk_of(english)
    background = name, front, [english], cut(pooled, 4), cut(pooled, 1)
    fused = "gmm-symmetric", "ivector-plda"
    label = name if part == "verify" else part
    return Task(*background, fused, test, {label: ("trials", None)}, **SIZES[name])


TASKS: dict[str, Callable[..., Task]] = {
    "sv80": sv80,  # whose speakers the background model that comes along knows
    "arabic": arabic,
    "fsdd": fsdd,
    "arabic-open": partial(arabic, name="arabic-open"),
    "fsdd-open": partial(fsdd, name="fsdd-open"),
}


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


def utt2spk_of(data: DataDir) -> dict[str, str]:
    """Utterances of a part, sorted, and their speakers."""
    return {utterance: data.utt2spk[utterance] for utterance in data.utterances}


if __name__ == "__main__":
    main()
