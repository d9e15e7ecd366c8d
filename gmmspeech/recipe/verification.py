"""Stages that the verification recipes have in common: train, verify, tell the results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from gmmspeech.commands.evaluation import evaluate_file, split_scores
from gmmspeech.commands.extraction import extract_features
from gmmspeech.commands.verification import enroll_file, score_file, train_ubm_file
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.files.atomic import write_lines
from gmmspeech.formats.datadir import DataDir
from gmmspeech.metrics.summary import Summary, summarize
from gmmspeech.recipe.stages import Stage


@dataclass(frozen=True)
class VerificationConfig:
    """A GMM-UBM verification system; see `train_ubm` and `SpeakerVerifier` for what the fields mean.

    Everything is done once for each seed of the background model, and results are means over them.
    """

    n_components: int
    relevance_factor: float
    scoring: str
    update: str = "m"
    seeds: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Protocol:
    """Who is enrolled on what, and the trials: the files that one verification test consists of."""

    name: str
    features: Path
    sessions: Path
    trials: Path
    groups: Path | None = None

    def files(self) -> list[Path]:
        """List the files that don't come from an earlier stage."""
        return [path for path in (self.sessions, self.trials, self.groups) if path is not None]


def features_stage(name: str, parts: Sequence[DataDir], out: Path, front: FrontEnd, *, jobs: int) -> Stage:
    """Stage that writes the frames of some data directories to `features_path`."""
    target = features_path(out, name)

    def extract() -> None:
        extract_features(parts, target, front, n_jobs=jobs)

    return Stage(
        f"features-{name}",
        extract,
        outputs=[target],
        inputs=[file for part in parts for file in _files(part)],
        configuration=[front.to_json(), [part.utterances for part in parts]],
    )


def _files(part: DataDir) -> list[Path]:
    """Files that decide an utterance's samples."""
    return [part.path / "wav.scp", part.path / "segments", *part.recordings.values()]


def train_stage(name: str, features: Path, out: Path, config: VerificationConfig, *, jobs: int) -> Stage:
    """Stage that trains a background model for every seed."""
    targets = {seed: ubm_path(out, name, seed) for seed in config.seeds}

    def train() -> None:
        for seed, target in targets.items():
            train_ubm_file(features, target, config.n_components, random_state=seed, n_jobs=jobs)

    configuration = [config.n_components, config.seeds]
    return Stage(f"ubm-{name}", train, outputs=list(targets.values()), configuration=configuration)


def verify_stage(ubm: str, protocol: Protocol, out: Path, config: VerificationConfig, *, jobs: int) -> Stage:
    """Stage that enrolls, scores and (for the first seed) writes a report, with background models of the name `ubm`."""
    targets = {seed: scores_path(out, ubm, protocol, seed) for seed in config.seeds}
    report = out / f"report-{ubm}-{protocol.name}"

    def verify() -> None:
        for seed, scores in targets.items():
            models = scores.with_name(f"{scores.name}.models.h5")
            enroll_file(
                ubm_path(out, ubm, seed),
                protocol.features,
                protocol.sessions,
                models,
                relevance_factor=config.relevance_factor,
                update=config.update,
                scoring=config.scoring,
                n_jobs=jobs,
            )
            score_file(models, protocol.features, protocol.trials, scores, groups=protocol.groups, jobs=jobs)
            if seed == config.seeds[0]:
                evaluate_file(scores, protocol.trials, report=report, models=models)

    return Stage(
        f"verify-{ubm}-{protocol.name}",
        verify,
        outputs=[*targets.values(), report / "index.html"],
        inputs=protocol.files(),
        configuration=asdict(config),
    )


def features_path(out: Path, name: str) -> Path:
    """Where `features_stage` writes."""
    return out / f"feats-{name}.h5"


def ubm_path(out: Path, name: str, seed: int) -> Path:
    """Where `train_stage` writes."""
    return out / f"ubm-{name}-seed{seed}.h5"


def scores_path(out: Path, ubm: str, protocol: Protocol, seed: int) -> Path:
    """Where `verify_stage` writes."""
    return out / f"scores-{ubm}-{protocol.name}-seed{seed}"


def summaries(out: Path, ubm: str, protocol: Protocol, config: VerificationConfig) -> list[Summary]:
    """Figures of every seed."""
    return [summarize(*split_scores(scores_path(out, ubm, protocol, s), protocol.trials)) for s in config.seeds]


def verification_row(task: str, found: Sequence[Summary]) -> dict[str, str]:
    """One row of a recipe's results: means over seeds."""
    rates = [100 * s.eer_rocch for s in found]
    return {
        "task": task,
        "trials (targets)": f"{found[0].num_targets + found[0].num_nontargets} ({found[0].num_targets})",
        "EER, ROC hull": f"{np.mean(rates):.2f} % ({', '.join(f'{r:.2f}' for r in rates)})",
        "EER, Kaldi": f"{100 * np.mean([s.eer_kaldi for s in found]):.2f} %",
        "minDCF 0.01": f"{np.mean([s.costs[0].min_dcf for s in found]):.3f}",
    }


def tell_results(rows: Sequence[dict[str, str]], out: Path, name: str = "results") -> None:
    """Print rows as a Markdown table, and keep them in `out` as ``NAME.md`` and ``NAME.json``."""
    columns = list(rows[0])
    cells = [columns, ["---"] * len(columns), *([row[c] for c in columns] for row in rows)]
    lines = [f"| {' | '.join(line)} |" for line in cells]
    write_lines(out / f"{name}.md", lines)
    write_lines(out / f"{name}.json", [json.dumps(list(rows), indent=1, ensure_ascii=False)])
    print("\n".join(lines))
