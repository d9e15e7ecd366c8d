"""Speaker verification on single Arabic words, and on five words, by the background that comes along."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands.evaluation import evaluate_file
from gmmspeech.commands.groups import HEAD, pitch_groups_file, rows_of_groups
from gmmspeech.commands.measures import measure_pitch_file, pitches_of
from gmmspeech.commands.scores import apply_calibration_file, calibrate_file, cross_calibrate_files
from gmmspeech.files.checkpoints import checkpoint_of
from gmmspeech.formats.datadir import DataDir, read_map, write_map
from gmmspeech.formats.measures import read_measures
from gmmspeech.report import rows

FRONT_END = gs.FrontEnd.from_toml(Path(__file__).with_name("front_end.toml"))
RIDGE = 3.0  # of calibration: ratios of few speakers are better modest


@dataclass(frozen=True)
class System:
    """Background model and scores; `balanced` lets each speaker of the background count alike."""

    components: int | None
    verifier: Mapping[str, Any]
    balanced: bool = False


ONE_WAY = {"relevance_factor": 10.0, "scoring": "statistics"}
SYMMETRIC = {"relevance_factor": 10.0, "update": "m", "scoring": "symmetric"}
HEARD = "open-with-pitch"  # the open one, scores with the pitch of the voices
COMPONENTS = {"own": 64, "pooled": 128, "strangers": 128}  # of the background models
VERIFIERS = {"own": ONE_WAY, "pooled": ONE_WAY, "strangers": SYMMETRIC, "open": SYMMETRIC,
             HEARD: {**SYMMETRIC, "relevance_factor": 4.0}}  # fmt: skip
PITCH = " and pitch"  # of ratios that depend on how far apart the two voices are in pitch
TASKS = {"one-word": ("trials", None), "five-words": ("trials_group5", "group2utt")}  # and the words scored as one


@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="UBMs to average over.")
@click.option("--pool", type=pipeline.FOLDER, help="Corpus of other speakers, such as librispeech-mini.")
@pipeline.test_option
@pipeline.recipe(fetch="arabic-speech-commands-mini")
def main(run: pipeline.Run, corpus: Path, pool: Path | None, tests: Sequence[str], seeds: int) -> None:
    """Verify speakers of `eval`, one word and five words each, by the open UBM, and by others for comparison."""
    parts = {name: gs.read_data_dir(corpus / "data" / name) for name in ("eval", *tests)}
    own = gs.read_data_dir(corpus / "data" / "ubm")
    backgrounds: dict[str, list[DataDir]] = {"open": [], HEARD: [], "own": [own]}
    if pool is not None:
        backgrounds["pooled"] = [own, gs.read_data_dir(pool / "data" / "ubm")]
        backgrounds["strangers"] = [gs.read_data_dir(pool / "data" / "background")]
    for name, part in parts.items():
        if run.todo(f"features-{name}", makes=[run.out / f"feats-{name}.h5"], of=[part], settings=FRONT_END):
            gs.extract_features([part], run.out / f"feats-{name}.h5", FRONT_END, n_jobs=run.jobs)
        lists = [part.path / "enroll_spk2utt", *(part.path / groups for _, groups in tasks_of(part).values() if groups)]
        voices, pitch = (run.out / f"{kind}-{name}" for kind in ("voices", "pitch"))
        if run.todo(f"pitch-{name}", makes=[voices, pitch], of=[part, *lists]):
            pitches = pitches_of(part, n_jobs=run.jobs)
            pitch_groups_file(part, voices, pitches, groups=lists[1:])
            measure_pitch_file(part, pitch, pitches, groups=lists)

    found: dict[tuple[str, str], dict[str, str]] = {}
    calibrated, by_group = [], []
    for system, background in backgrounds.items():
        ubms = train(run, system, background, seeds)
        for name, part in parts.items():
            verify(run, system, name, part, ubms)
        for task, (trials, groups) in TASKS.items():
            tested = {name: part for name, part in parts.items() if task in tasks_of(part)}
            places = {name: run.out / f"scores-{system}-{name}-{task}" for name in tested}
            summaries = [evaluate_file(Path(f"{places['eval']}-seed{seed}"), parts["eval"].path / trials)
                         for seed in range(len(ubms))]  # fmt: skip
            found[task, system] = rows.verification_row(f"{task}, {system} UBM", summaries)
            for kind in ("", PITCH) if groups and system != HEARD else ("",):
                calibrated += calibrate(run, system, task + kind, tested, places, (trials, groups), kind)
            if task == "five-words":
                for name, part in tested.items():
                    labels, scores = read_map(run.out / f"voices-{name}"), gs.read_scores(places[name])
                    listed = gs.read_trials(part.path / trials)
                    table = rows_of_groups(scores.align(listed), listed, labels, run.out / f"voices-{name}")[1:]
                    label = f"{name}, {task}, {system} UBM"
                    by_group += [{"system": label, **dict(zip(HEAD[:-1], row[:-1], strict=True))} for row in table]
    run.results([found[task, system] for task in TASKS for system in backgrounds])
    run.results(calibrated, "calibrated")
    run.results(by_group, "groups")


def tasks_of(part: DataDir) -> dict[str, tuple[str, str | None]]:
    """Tasks that a part has the lists of: a further part need not have words that are scored as one."""
    return {task: lists for task, lists in TASKS.items() if not lists[1] or (part.path / lists[1]).exists()}


def system_of(name: str) -> System:
    """Give a system by its name; in that of strangers each of the many speakers counts alike."""
    return System(COMPONENTS.get(name), VERIFIERS[name], name == "strangers")


def train(run: pipeline.Run, name: str, background: Sequence[DataDir], seeds: int) -> list[Path]:
    """Train a background model of each seed, or take the one that comes along."""
    if not background:
        return [pipeline.take_open_background(run, FRONT_END.sample_frequency)]
    features, system = run.out / f"feats-ubm-{name}.h5", system_of(name)
    ubms = [run.out / f"ubm-{name}-seed{seed}.h5" for seed in range(seeds)]
    if run.todo(f"features-ubm-{name}", makes=[features], of=background, settings=FRONT_END):
        gs.extract_features(background, features, FRONT_END, n_jobs=run.jobs)
    if run.todo(f"ubm-{name}", makes=ubms, settings=[system, seeds]):
        utt2spk = {utterance: part.utt2spk[utterance] for part in background for utterance in part.utterances}
        for seed, ubm in enumerate(ubms):
            with gs.FeatureStore(features) as store, checkpoint_of(ubm) as checkpoint:
                options: dict[str, Any] = {"random_state": seed, "n_jobs": run.jobs, "checkpoint": checkpoint}
                frames: Any = store
                if system.balanced:
                    frames, options["sample_weight"] = gs.speaker.balanced_frames(store, utt2spk)
                model = gs.train_ubm(frames, system.components, **options)
                model.front_end_ = store.front_end
                model.save(ubm)
    return ubms


def verify(run: pipeline.Run, name: str, part_name: str, part: DataDir, ubms: Sequence[Path]) -> None:
    """Score the trials of a part by every background model, and by the mean of their scores; report the first."""
    sessions, features = part.path / "enroll_spk2utt", run.out / f"feats-{part_name}.h5"
    for task, (trials, groups) in tasks_of(part).items():
        mean = run.out / f"scores-{name}-{part_name}-{task}"
        scores = [Path(f"{mean}-seed{seed}") for seed in range(len(ubms))]
        report, lists = run.out / f"report-{name}-{part_name}-{task}-seed0", [sessions, part.path / trials]
        makes, settings = [mean, *scores, report / "index.html"], [system_of(name), len(ubms)]
        if run.todo(f"verify-{name}-{part_name}-{task}", makes=makes, of=lists, settings=settings):
            listed, values = gs.read_trials(part.path / trials), []
            joined = gs.read_list_map(part.path / groups) if groups else None
            for ubm, path in zip(ubms, scores, strict=True):
                verifier = gs.SpeakerVerifier(gs.load(ubm), n_jobs=run.jobs, **VERIFIERS[name])
                with gs.FeatureStore(features) as store:
                    verifier.enroll_all(gs.read_list_map(sessions), store)
                    found = verifier.score_trials(listed, store, groups=joined)
                if name == HEARD:
                    pitches = pitches_by_utterance(run.out / f"pitch-{part_name}", part)
                    found = gs.scoring.with_pitch(found, gs.read_list_map(sessions), pitches, groups=joined)
                gs.write_scores(path, found)
                values.append(found.values)
                verifier.save(f"{path}.models.h5")
            gs.write_scores(mean, gs.Scores(listed.models, listed.tests, np.mean(values, axis=0)))
            evaluate_file(scores[0], part.path / trials, report=report, models=Path(f"{scores[0]}.models.h5"))


def pitches_by_utterance(table: Path, part: DataDir) -> dict[str, float | None]:
    """Give the pitch of each utterance, in Hz, of a table of its logarithm."""
    known = read_measures(table)[1]
    return {u: float(np.exp(known[u][0])) if u in known else None for u in part.utterances}


def calibrate(
    run: pipeline.Run,
    system: str,
    task: str,
    parts: Mapping[str, DataDir],
    scores: Mapping[str, Path],
    lists: tuple[str, str | None],
    kind: str,
) -> list[dict[str, str]]:
    """Calibrate the scores of `eval` by others of it, and of further parts by it; give a row for each."""
    calibration, (trials, groups), found = run.out / f"calibration-{system}-{task}.h5", lists, []
    for name, part in parts.items():
        llrs, listed = Path(f"{scores[name]}{kind}-llrs"), part.path / trials
        side: dict[str, Any] = {"distances": run.out / f"pitch-{name}"} if kind else {}
        settings = [RIDGE, [*side]]
        if run.todo(f"calibrate-{system}-{name}-{task}", makes=[llrs, calibration], settings=settings):
            if name == "eval":
                calibrate_file(scores[name], listed, calibration, ridge=RIDGE, **side)
                speakers = speakers_of(part, groups, run.out / f"speakers-{name}-{task}")
                cross_calibrate_files([scores[name]], listed, llrs, [speakers], ridge=RIDGE, **side)
            else:
                apply_calibration_file(calibration, [scores[name]], llrs, **side)
        report = None if name == "eval" else run.out / f"report-{system}-{name}-{task}"
        label, learned = f"{name}, {task}, {system} UBM", "others of eval" if name == "eval" else "eval"
        found.append(rows.calibrated_row(label, learned, evaluate_file(llrs, listed, report=report)))
    return found


def speakers_of(part: DataDir, groups: str | None, out: Path) -> Path:
    """Write who speaks in which test: an utterance, or a group of utterances."""
    members = gs.read_list_map(part.path / groups) if groups else {u: [u] for u in part.utterances}
    write_map(out, {name: part.utt2spk[utterances[0]] for name, utterances in members.items()})
    return out


if __name__ == "__main__":
    main()
