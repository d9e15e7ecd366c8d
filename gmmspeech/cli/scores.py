"""The commands that work on scores: normalized, calibrated, fused, evaluated; what side information they take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gmmspeech.cli.group import chosen_channel_option, command, jobs_option
from gmmspeech.cli.places import FILE, FOLDER, LIST, OUT, OUT_FOLDER
from gmmspeech.cli.process import tell, tell_columns
from gmmspeech.errors import ConfigError, counted, say, shown

if TYPE_CHECKING:
    from gmmspeech.commands.evaluation import Evaluation

speakers_option = click.option(
    "--speakers",
    type=LIST,
    multiple=True,
    help="File with a name (utterance, model) and its speaker in each line, as in utt2spk. May be repeated. A "
    "speaker's own name stands for the speaker.",
)


@command("normalize-scores")
@click.argument("scores", type=FILE)
@click.argument("out", type=OUT)
@click.option(
    "--method",
    type=click.Choice(["z", "t", "zt", "s", "as"]),
    required=True,
    help="z: relative to the model's scores against cohort tests; t: to the test's against cohort models; zt: "
    "t after z; s: mean of z and t; as: adaptive s-norm, with only the highest cohort scores.",
)
@click.option("--model-cohort", type=FILE, help="Scores of all models against all cohort tests, for all but t.")
@click.option("--test-cohort", type=FILE, help="Scores of all cohort models against all tests, for all but z.")
@click.option("--cohort-cohort", type=FILE, help="Scores of all cohort models against all cohort tests, for zt.")
@click.option("--top-n", type=click.IntRange(2), help="Number of highest cohort scores to use, for as.")
@speakers_option
def normalize_scores(scores: Path, out: Path, method: str, **options: Any) -> None:
    """Normalize scores relative to a cohort.

    The cohort is a set of utterances of other speakers. Each is a cohort test, and a cohort model if it is enrolled.
    Compute its scores like all others: with `score` or `score-ivectors` on a list made by `all-trials`. With
    --speakers, cohort entries of the claimed speaker are left out; the files must then name all models and the whole
    cohort.
    """
    from gmmspeech.commands.scores import normalize_scores_file

    done = normalize_scores_file(scores, out, method, **options)
    tell(f"{counted(done, 'score')} normalized")


def _calibration_options(function: Callable[..., None]) -> Callable[..., None]:
    """Options that calibrate and fuse have in common."""
    for option in (
        click.option(
            "--folds", "n_folds", type=click.IntRange(3), default=10, help="Number of folds of the cross-validation."
        ),
        speakers_option,
        click.option(
            "--cross-validated",
            type=OUT,
            metavar="LLRS",
            help="Write ratios of these trials themselves, each from a calibration that has seen neither the speaker "
            "of its model nor that of its test; for several systems on one scale. Needs --speakers.",
        ),
        click.option(
            "--ridge",
            type=click.FloatRange(0),
            default=0.1,
            help="Strength of the prior that keeps ratios finite if few trials are errors.",
        ),
        click.option(
            "--p-target",
            type=click.FloatRange(0, 1, min_open=True, max_open=True),
            default=0.5,
            help="Prior of targets for which the ratios are optimized.",
        ),
    ):
        function = option(function)
    return function


@command("calibrate")
@click.argument("scores", type=FILE)
@click.argument("trials", type=FILE)
@click.argument("calibration", metavar="CALIBRATION.h5", type=OUT)
@click.option(
    "--method",
    type=click.Choice(["logistic", "pav"]),
    default="logistic",
    help="A linear map by logistic regression, or any rising map by pool-adjacent-violators, which needs many "
    "trials and has neither prior nor ridge.",
)
@click.option(
    "--bounds",
    type=click.Choice(["elub"]),
    show_default="none",
    help="Limit ratios to what the trials support: empirical lower and upper bounds.",
)
@click.option(
    "--measures",
    type=FILE,
    help="Quality of models and tests, from `measure`: slope and offset then depend on it.",
)
@click.option(
    "--distances",
    type=FILE,
    help="Pitch of models and tests, from `measure --pitch`: slope and offset then depend on their distance, "
    "so that one threshold serves trials within a sex and between sexes.",
)
@_calibration_options
def calibrate(scores: Path, trials: Path, calibration: Path, **options: Any) -> None:
    """Train a calibration of scores to log-likelihood ratios.

    TRIALS gives target or nontarget for each of the SCORES. `apply-calibration` then calibrates other scores. The
    threshold for a ratio depends only on prior and costs; see `evaluate`.
    """
    _train([scores], trials, calibration, **options)


@command("fuse")
@click.argument("scores", type=FILE, nargs=-1, required=True)
@click.argument("trials", type=FILE)
@click.argument("fusion", metavar="FUSION.h5", type=OUT)
@_calibration_options
def fuse(scores: Sequence[Path], trials: Path, fusion: Path, **options: Any) -> None:
    """Train a fusion of several systems' scores.

    The result is a log-likelihood ratio, as with `calibrate`. TRIALS gives target or nontarget for each trial, and each
    of the SCORES contains all of them. `apply-calibration` then fuses other scores, given in the same order.

    With --cross-validated, systems are fused only if that is better than the best system alone; otherwise the ratios of
    that system are written. The printed Cllr is that of the folds' own ratios. The ratios in the file are on one scale,
    for EER and minDCF; with few speakers their Cllr is too low.
    """
    _train(scores, trials, fusion, method="logistic", **options)


@command("apply-calibration")
@click.argument("calibration", metavar="CALIBRATION.h5", type=FILE)
@click.argument("scores", type=FILE, nargs=-1, required=True)
@click.argument("llrs", type=OUT)
@click.option("--measures", type=FILE, help="Quality of models and tests, for a calibration that was learned with it.")
@click.option("--distances", type=FILE, help="Pitch of models and tests, for a calibration that was learned with it.")
def apply_calibration(calibration: Path, scores: Sequence[Path], llrs: Path, **side: Path | None) -> None:
    """Turn scores into log-likelihood ratios.

    CALIBRATION.h5 is the output of `calibrate` or `fuse`. After a fusion, give one score file for each system; the
    first determines the trials. Files whose names show another order than in training are refused. Bounds that were
    learned are applied.
    """
    from gmmspeech.commands.scores import apply_calibration_file

    trials, systems = apply_calibration_file(calibration, scores, llrs, **side)
    tell(counted(trials, "trial"))
    for name, learned in systems:
        tell(f"{shown(name)} by the weight of {learned}")


def _train(
    scores: Sequence[Path],
    trials: Path,
    out: Path,
    *,
    method: str,
    p_target: float,
    ridge: float,
    cross_validated: Path | None,
    speakers: Sequence[Path],
    n_folds: int,
    bounds: str | None = None,
    **side: Path | None,
) -> None:
    """Calibrate or fuse, write, and tell what came out."""
    from gmmspeech.commands.evaluation import split_scores
    from gmmspeech.commands.score_names import distinct_names
    from gmmspeech.commands.scores import cross_calibrate_files, fuse_files
    from gmmspeech.metrics.summary import summarize
    from gmmspeech.scoring.calibration import Calibration

    if (cross_validated is None) != (not speakers):
        raise ConfigError("found one of --cross-validated and --speakers, expected both or none of them")
    options: dict[str, Any] = {"method": method, "bounds": bounds, **side}
    if method == "logistic":
        options |= {"p_target": p_target, "ridge": ridge}
    ratios = None
    if cross_validated is not None:  # first, since it may refuse what the calibration of all trials has no need of
        ratios = cross_calibrate_files(scores, trials, cross_validated, speakers, n_folds=n_folds, **options)
    found = fuse_files(scores, trials, out, warn_of_few=ratios is None, **options)
    names = distinct_names(scores)
    if isinstance(found, Calibration):
        terms = [*names]
        for measure in found.measures or ():
            sides = [f"{measure} of the model", f"{measure} of the test"]
            terms += [*sides, *(f"{each} and {names[0]}" for each in sides)]
        for measure in found.distances or ():
            terms += [f"distance in {measure}", f"distance in {measure} and {names[0]}"]
        for name, weight in zip(terms, found.weights, strict=True):
            tell(f"{weight:#.6g} times {name}")
        tell(f"{found.offset:+#.6g} as offset")
    else:
        tell(f"{counted(len(found.scores), 'point')}, ratios {found.llrs[0]:#.4g} to {found.llrs[-1]:#.4g}")
    if found.lower is not None and found.upper is not None:
        tell(f"ratios bounded to {found.lower:#.4g} and {found.upper:#.4g} nats")
    if cross_validated is None or ratios is None:
        return
    fusion = ratios.fusion
    summary = summarize(*split_scores(cross_validated, trials))
    tell(f"cross-validated: Cllr {ratios.cllr:.4f}, minCllr {summary.min_cllr:.4f}, "
               f"EER {100 * summary.eer_rocch:.2f} %")  # fmt: skip
    if fusion is not None:
        gain = f"{fusion.gain.value:.4f} ({fusion.gain.low:.4f} to {fusion.gain.high:.4f})"
        kept = "" if fusion.kept is None else f"; cross-validated ratios are of it alone: {names[fusion.kept]}"
        tell(f"fusing lowers the Cllr of the better system by {gain}{kept}")


@command("measure")
@click.argument("data_dir", metavar="DATA_DIR", type=FOLDER)
@click.argument("out", type=OUT)
@click.option(
    "--groups",
    type=LIST,
    multiple=True,
    help="File with a model, or a test of several utterances, and these utterances in each line, such as "
    "spk2utt: they are measured as one. May be repeated.",
)
@chosen_channel_option
@click.option("--pitch", is_flag=True, help="Measure the pitch of the voices instead, in log Hz.")
@jobs_option
def measure(data_dir: Path, out: Path, groups: Sequence[Path], channel: Any, pitch: bool, n_jobs: int) -> None:
    """Measure speech and noise, or pitch.

    Each line of OUT has an utterance, the logarithm of its seconds of speech, and the level of speech above noise in
    dB. With --pitch it has the logarithm of the median pitch instead, and utterances without pitch, such as whispers,
    have no line. `calibrate` and `apply-calibration` use it as side information.
    """
    from gmmspeech.commands.measures import measure_file, measure_pitch_file, pitches_of
    from gmmspeech.formats.datadir import read_data_dir

    data = read_data_dir(data_dir)
    if pitch:
        pitches = pitches_of(data, channel=channel, n_jobs=n_jobs)
        lines = len(measure_pitch_file(data, out, pitches, groups=groups))
        without = [utterance for utterance, pitch in pitches.items() if pitch is None]
        if without:
            tell(
                f"{len(without)} of {counted(len(pitches), 'utterance')} without pitch, the first: {shown(without[0])}"
            )
    else:
        lines = len(measure_file(data, out, groups=groups, channel=channel, n_jobs=n_jobs))
    tell(f"{counted(lines, 'line')} written")


@command("identify")
@click.argument("scores", type=FILE)
@click.option("--threshold", type=float, help="Open set: if no score reaches this, the speaker is not enrolled.")
@click.option(
    "--reference",
    type=LIST,
    help="File with a test and its speaker in each line: print errors and the number of right answers.",
)
def identify(scores: Path, threshold: float | None, reference: Path | None) -> None:
    """Print the best model for each test.

    SCORES has the scores of all models against all tests; see `all-trials`. A test of no enrolled speaker gets "-".
    This is right if the speaker in the reference has no model.
    """
    from gmmspeech.commands.scores import identify_file

    found = identify_file(scores, threshold=threshold, reference=reference)
    if reference is None:
        for one in found:
            tell(f"{one.test} {one.found or '-'}")
        return
    errors = [one for one in found if one.found != one.expected]
    for one in errors:
        tell(f"{one.test}: found {one.found or '-'}, expected {one.expected or '-'}")
    tell(f"{len(found) - len(errors)} of {len(found)} right ({100 * (1 - len(errors) / len(found)):.2f} %)")


@command("evaluate")
@click.argument("scores", type=FILE)
@click.argument("trials", type=FILE)
@click.option("--against", type=FILE, multiple=True, help="Scores of another system, reported beside. May be repeated.")
@click.option(
    "--p-target",
    "p_targets",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    multiple=True,
    default=(0.01, 0.05),
    help="Prior of targets, for the detection costs and their threshold. May be repeated.",
)
@click.option("--c-miss", type=click.FloatRange(0, min_open=True), default=1.0, help="Cost of a miss.")
@click.option("--c-fa", type=click.FloatRange(0, min_open=True), default=1.0, help="Cost of a false alarm.")
@click.option(
    "--bootstrap",
    type=click.IntRange(1),
    metavar="N",
    help="Compute 95 % confidence intervals by resampling the speakers this number of times (1000 is usual), "
    "and with --against tests of the difference. Needs --speakers.",
)
@speakers_option
@click.option("--report", type=OUT_FOLDER, help="Write a report with curves and the worst errors into this folder.")
@click.option("--models", type=FILE, help="Models that gave the scores; the report then shows their configuration.")
@click.option(
    "--groups",
    type=LIST,
    help="File with a model or test and its group in each line, such as the output of `pitch-groups`: print "
    "errors by group.",
)
@click.option(
    "--background",
    type=FILE,
    help="With --groups: the same for the speakers of the background model, to warn of groups that it lacks.",
)
def evaluate(
    scores: Path,
    trials: Path,
    against: Sequence[Path],
    p_targets: Sequence[float],
    c_miss: float,
    c_fa: float,
    bootstrap: int | None,
    speakers: Sequence[Path],
    report: Path | None,
    models: Path | None,
    groups: Path | None,
    background: Path | None,
) -> None:
    """Print error rates and costs of scored trials.

    SCORES is the output of `score`; each line of TRIALS says target or nontarget. Cllr and actual costs are meaningful
    only for log-likelihood ratios, which `calibrate` makes from scores; the other figures for any scores.
    """
    from gmmspeech.commands.evaluation import evaluate_scores

    costs = {"c_miss": c_miss, "c_fa": c_fa}
    found = evaluate_scores(
        [scores, *against], trials, p_targets=p_targets, **costs, bootstrap=bootstrap or 0, speakers=speakers
    )
    by_group, notes = _by_group(found, groups, background)
    _tell(found)
    if by_group:
        tell()
        tell_columns(by_group)
    for note in notes:
        say(f"warning: {note}")
    if report is not None:
        from gmmspeech.commands.evaluation import report_file

        report_file(found, trials, report, models=models, notes=notes, by_group=by_group)
        tell(f"report: {report / 'index.html'}")


def _by_group(found: Evaluation, groups: Path | None, background: Path | None) -> tuple[list[list[str]], list[str]]:
    """Table of errors by group, and what the background lacks; nothing without groups."""
    if groups is None:
        if background is not None:
            raise ConfigError("found --background without --groups, expected both, or no background")
        return [], []
    from gmmspeech.commands.groups import lacking, rows_of_groups
    from gmmspeech.formats.datadir import read_map

    known = read_map(groups)
    rows = rows_of_groups(found.systems[0].scores, found.trials, known, groups)
    tests = [known[test] for test in dict.fromkeys(found.trials.tests)]
    return rows, [] if background is None else list(lacking(list(read_map(background).values()), tests))


@command("pitch-groups")
@click.argument("data_dir", metavar="DATA_DIR", type=FOLDER)
@click.argument("out", type=OUT)
@click.option(
    "--groups",
    type=LIST,
    multiple=True,
    help="File with a model, or a test of several utterances, and these utterances in each line, such as "
    "spk2utt. May be repeated.",
)
@click.option("--edge", type=click.FloatRange(50, 400), default=165.0, help="Limit between low and high voices, in Hz.")
@chosen_channel_option
@jobs_option
def pitch_groups(data_dir: Path, out: Path, groups: Sequence[Path], edge: float, channel: Any, n_jobs: int) -> None:
    """Sort speakers into low and high voices.

    The median pitch of a speaker's recordings decides; most men are low, most women high. OUT has a line for each
    speaker and utterance. Use it with `evaluate --groups` for errors by group, or with `train-ubm --spk2group` to give
    both groups equal weight.
    """
    from gmmspeech.commands.groups import pitch_groups_file
    from gmmspeech.commands.measures import pitches_of
    from gmmspeech.formats.datadir import read_data_dir

    data = read_data_dir(data_dir)
    pitches = pitches_of(data, channel=channel, n_jobs=n_jobs)
    found = pitch_groups_file(data, out, pitches, groups=groups, edge=edge)
    counts = {group: list(found.values()).count(group) for group in sorted(set(found.values()))}
    tell(f"{counted(len(found), 'speaker')}: {', '.join(f'{count} {group}' for group, count in counts.items())}")


def _tell(found: Evaluation) -> None:
    from gmmspeech.commands.evaluation import rows_of_differences, rows_of_figures

    head, *rows = rows_of_figures(found)
    tell_columns([head, *rows] if len(head) > 2 else rows)
    for system in found.systems[1:]:
        if system.differences:
            tell(f"\n{found.systems[0].name} minus {system.name}")
            tell_columns(rows_of_differences(system))
