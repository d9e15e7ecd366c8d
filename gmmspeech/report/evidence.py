"""The report of a forensic comparison: the ratio of the case, its validation, and the data used."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import counted
from gmmspeech.features.quality import Quality
from gmmspeech.metrics.bootstrap import Interval
from gmmspeech.metrics.devpav import devpav
from gmmspeech.plot import score_plots, style, tradeoffs
from gmmspeech.plot.style import figure_of
from gmmspeech.report.page import configuration_section, figures, section, table, write_page
from gmmspeech.scoring.calibration import Calibration, PavCalibration
from gmmspeech.scoring.trials import TrialList

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WELL_MEASURED = 30  # speakers in trials: with fewer, figures say little
MOST_LOSS = 0.1  # bits by calibration, beside which ratios are not what they say
MOST_MISLEADING = 5  # trials of either kind that are listed
MOST_LEFT_OUT = 20

_CONSENSUS = (
    "The points are those that the consensus on validation of forensic voice comparison asks about (Morrison et al., "
    "Science & Justice 61, 2021). Whether the population is the relevant one and the conditions are those of the case "
    "is for the expert to say: the figures hold for this population, under these conditions."
)


@dataclass(frozen=True, eq=False)
class Evidence:
    """Result of a comparison.

    Attributes
    ----------
    llr : Interval
        Log-likelihood ratio of the case in nats, with its 95 % interval.
    score : float
        That without bounds.
    trials : TrialList
        Of the validation, with target or nontarget.
    scores, llrs : ndarray, shape (trials,)
        Of the validation, each by a calibration that knows neither speaker: on one scale without bounds, and as ratios.
    calibration : Calibration or PavCalibration
        That of the case.
    intervals : dict of str to Interval
        Of the validation: "eer" (of the scores), "cllr" and "min_cllr" (of the ratios).
    questioned, known : Quality
        Of the case.
    tests, enrolled : sequence of Quality
        Of the validation, to be held against those.
    settings : dict
        Tables of what decides the result, with digests.
    notes : tuple of str
        What is to be known of how it came about.
    left_out : dict of str to str
        Recordings of the population that were not used, and why.
    called : dict of str to str
        What people call the models and tests of the trials.
    """

    llr: Interval
    score: float
    trials: TrialList
    scores: NDArray[np.float64]
    llrs: NDArray[np.float64]
    calibration: Calibration | PavCalibration
    intervals: Mapping[str, Interval]
    questioned: Quality
    known: Quality
    tests: Sequence[Quality]
    enrolled: Sequence[Quality]
    settings: Mapping[str, Mapping[str, object]]
    notes: tuple[str, ...]
    left_out: Mapping[str, str]
    called: Mapping[str, str]

    @property
    def sides(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Ratios of targets and of nontargets of the validation."""
        is_target = np.asarray(self.trials.is_target)
        return self.llrs[is_target], self.llrs[~is_target]

    @property
    def num_speakers(self) -> int:
        """Models in the validation, of a speaker each."""
        return len(set(self.trials.models))

    @property
    def bound(self) -> str:
        """Name of the bound that the ratio lies at, or nothing."""
        lower, upper = self.calibration.lower, self.calibration.upper
        at = {
            "lower": lower is not None and self.llr.value <= lower,
            "upper": upper is not None and self.llr.value >= upper,
        }
        return next((name for name, there in at.items() if there), "")


def write_evidence(directory: str | os.PathLike[str], evidence: Evidence) -> Path:
    """Write ``index.html``, which needs nothing beside it and prints on paper. Equal input gives equal bytes."""
    found = evidence.intervals
    cards = [
        (ratio_text(evidence.llr.value), "likelihood ratio", f"log10 {_decades(evidence.llr)}"),
        (f"{found['cllr'].value:.3f}", "Cllr of the validation", f"95 %: {_span(found['cllr'])}"),
        (f"{100 * found['eer'].value:.2f} %", "equal error rate", f"95 %: {_span(found['eer'], 100)} %"),
        (str(evidence.num_speakers), "speakers in the validation", counted(len(evidence.trials), "trial", ",")),
    ]
    body = "".join(
        [
            section("The case", _case(evidence)),
            section("What the validation shows", _points(evidence)),
            section("Figures of the validation", _pictures(evidence) + _numbers(evidence)),
            section("Ratios that mislead the most", _misleading(evidence)),
            section("What it was made of", configuration_section(evidence.settings)),
            section("Left out", _left_out(evidence.left_out)) if evidence.left_out else "",
        ]
    )
    return write_page(
        Path(directory) / "index.html",
        title="Voice comparison: likelihood ratio and validation",
        subtitle="How probable the recordings are under two hypotheses, and how good such ratios are",
        headline=cards,
        body=body,
    )


def verdict(evidence: Evidence) -> str:
    """Say in words what the ratio of the case is."""
    value = evidence.llr.value
    times = ratio_text(abs(value))
    same, other = "the known speaker speaks in it", "another speaker of the population does"
    first, second = (same, other) if value >= 0 else (other, same)
    if times == ratio_text(0.0):
        return f"The questioned recording is about as probable if {same} as if {other}."
    said = f"The questioned recording is about {times} times more probable if {first} than if {second}"
    if evidence.bound:
        said += ". It may be more: so many trials support no ratio beyond this bound"
    return f"{said}."


def ratio_text(llr: float) -> str:
    """A likelihood ratio with two digits, of which no more are known."""
    power = llr / math.log(10)
    if abs(power) >= 6:
        return f"{10 ** (power % 1):.1f}e{math.floor(power):+d}"
    digits = max(1 - math.floor(power), 0)
    return f"{round(math.exp(llr), 1 - math.floor(power)):,.{digits}f}"


def _case(evidence: Evidence) -> str:
    interval = (
        f"log10 LR {_decades(evidence.llr)}: the interval is what other speakers to calibrate on would have given "
        "(95 %); what other recordings of the same speakers would give is not in it."
    )
    rows = [
        ("questioned recording", _quality([evidence.questioned])),
        ("tests of the validation", _quality(evidence.tests)),
        ("known recordings, together", _quality([evidence.known])),
        ("enrollment of the validation", _quality(evidence.enrolled)),
    ]
    notes = "".join(f"<p>{escape(note)}</p>\n" for note in evidence.notes)
    return (
        f"<p><strong>{escape(verdict(evidence))}</strong></p>\n<p>{escape(interval)}</p>\n{notes}"
        f"{table(['recordings', 'speech (s)', 'signal over noise (dB)'], [(name, *cells) for name, cells in rows])}"
    )


def points(evidence: Evidence) -> list[tuple[str, str, str]]:
    """Give what the consensus on validation asks about: what is asked, what was found, and whether it holds."""
    lowest, highest = (x / math.log(10) for x in (evidence.llrs.min(), evidence.llrs.max()))
    value, cost = evidence.llr.value / math.log(10), evidence.intervals["cllr"]
    lower, upper = (x / math.log(10) for x in (evidence.calibration.lower or 0.0, evidence.calibration.upper or 0.0))
    loss = cost.value - evidence.intervals["min_cllr"].value
    enough, within = evidence.num_speakers >= WELL_MEASURED, lowest <= value <= highest
    said, bound = f"log10 {value:.2f}", "at the bound" if evidence.bound else "yes"
    population, conditions = evidence.settings["Population"], evidence.settings["Conditions"]
    questioned = evidence.questioned, evidence.tests, "the tests"
    known = evidence.known, evidence.enrolled, "enrollment"
    return [
        (
            "relevant population",
            f"{population['folder']}: {evidence.num_speakers} speakers, none of whom trained the system",
            "for the expert to say",
        ),
        (
            "conditions of the case",
            "; ".join(f"{side} {way}" for side, way in conditions.items()),
            "for the expert to say",
        ),
        ("speech and noise of the questioned recording", _beside(*questioned), _yes(_is_like(*questioned[:2]))),
        ("speech and noise of the known recordings", _beside(*known), _yes(_is_like(*known[:2]))),
        ("enough speakers", f"{evidence.num_speakers}, expected {WELL_MEASURED}", _yes(enough)),
        ("ratios are worth more than none", f"Cllr {cost.value:.3f} ({_span(cost)}), below 1", _yes(cost.high < 1)),
        ("ratios are calibrated", f"Cllr minus minCllr {loss:.3f}, at most {MOST_LOSS}", _yes(loss <= MOST_LOSS)),
        ("ratio within those of the validation", f"{said} in {lowest:.2f} to {highest:.2f}", _yes(within)),
        ("ratio within the bounds (ELUB)", f"{said} in {lower:.2f} to {upper:.2f}", bound),
    ]


def _points(evidence: Evidence) -> str:
    asked = table(["asked", "found", "holds"], points(evidence))
    return f'<div class="configuration">{asked}</div>\n<p class="note">{escape(_CONSENSUS)}</p>'


def _beside(case: Quality, validation: Sequence[Quality], name: str) -> str:
    """Say what speech and noise of one side of the case are, and what they are in the validation."""
    seconds, ratios = np.array(validation).T
    speech = f"{case.seconds:.1f} s of speech, in {name} {seconds.min():.1f} to {seconds.max():.1f} s"
    return f"{speech}; {case.snr:.0f} dB over the noise, in {name} {ratios.min():.0f} to {ratios.max():.0f} dB"


def _is_like(case: Quality, validation: Sequence[Quality]) -> bool:
    """Say whether speech and noise of one side of the case are within those of the validation."""
    seconds, ratios = np.array(validation).T
    return bool(
        seconds.min() <= 1.1 * case.seconds
        and case.seconds <= 1.5 * seconds.max()
        and ratios.min() - 3 <= case.snr <= ratios.max() + 3
    )


def _pictures(evidence: Evidence) -> str:
    sides, value = evidence.sides, evidence.llr.value
    is_target = np.asarray(evidence.trials.is_target)
    scores = evidence.scores[is_target], evidence.scores[~is_target]
    return figures(
        (
            "tippett",
            _marked(figure_of(score_plots.tippett, *sides), value / math.log(10)),
            "Tippett curves: the share of the trials of each kind with at least such a ratio. What lies on the wrong "
            "side of 0 misleads.",
        ),
        (
            "entropy",
            figure_of(score_plots.ece, *sides),
            "Empirical cross-entropy: the information that is missing at each prior once the ratios are known, after "
            "the best rising calibration, and with ratios of 1.",
        ),
        (
            "scores",
            _marked(figure_of(score_plots.scores, *scores), evidence.score),
            "Scores of all systems, without bounds, each kind in percent of its own.",
        ),
        (
            "det",
            figure_of(tradeoffs.det, *scores),
            "Detection error trade-off of the scores, and the equal error rate.",
        ),
    )


def _marked(figure: Figure, place: float) -> Figure:
    """Draw where the case is."""
    axes = figure.axes[0]
    low, high = axes.get_xlim()
    margin = 0.02 * (high - low)
    axes.set_xlim(min(low, place - margin), max(high, place + margin))
    axes.axvline(place, color=style.INK, linewidth=1.4, linestyle="--")
    axes.text(place, 1.0, "the case", transform=axes.get_xaxis_transform(), ha="center", va="bottom")
    return figure


def _numbers(evidence: Evidence) -> str:
    targets, nontargets = evidence.sides
    found = evidence.intervals
    rows = [
        ("same-speaker trials", f"{len(targets):,}", ""),
        ("different-speaker trials", f"{len(nontargets):,}", ""),
        ("Cllr", f"{found['cllr'].value:.4f}", _span(found["cllr"])),
        ("minCllr", f"{found['min_cllr'].value:.4f}", _span(found["min_cllr"])),
        ("equal error rate", f"{100 * found['eer'].value:.2f} %", f"{_span(found['eer'], 100)} %"),
        ("devPAV (powers of ten)", _deviation(devpav(targets, nontargets)), ""),
        ("same-speaker ratios below 1", f"{100 * np.mean(targets < 0):.2f} %", ""),
        ("different-speaker ratios above 1", f"{100 * np.mean(nontargets > 0):.2f} %", ""),
    ]
    for name, value in (("lower", evidence.calibration.lower), ("upper", evidence.calibration.upper)):
        if value is not None:
            rows.append((f"{name} bound (log10, ELUB)", f"{value / math.log(10):.2f}", ""))
    note = (
        "Ratios of the validation are each by a calibration, with bounds, that was learned without the two speakers of "
        "the trial. Intervals are by resampling the speakers: they hold for other speakers, recorded alike. The equal "
        "error rate is that of the scores, on the ROC convex hull."
    )
    return f'{table(["figure", "value", "95 %"], rows, numbers=2)}\n<p class="note">{escape(note)}</p>'


def _deviation(value: float) -> str:
    return "undefined: a threshold separates all" if math.isnan(value) else f"{value:.3f}"


def _misleading(evidence: Evidence) -> str:
    is_target = np.asarray(evidence.trials.is_target)
    rows = []
    for kind, chosen, sign in (("same speaker", is_target, 1.0), ("different speakers", ~is_target, -1.0)):
        places = np.flatnonzero(chosen)
        for place in places[np.argsort(sign * evidence.llrs[places], kind="stable")][:MOST_MISLEADING].tolist():
            decades = evidence.llrs[place] / math.log(10)
            names = (evidence.called[side[place]] for side in (evidence.trials.models, evidence.trials.tests))
            rows.append((kind, *names, f"{decades:+.2f}"))
    said = f"The {MOST_MISLEADING} of each kind that lie the farthest on the wrong side, or come the closest to it."
    return f"<p>{said}</p>\n{table(['truth', 'model', 'test', 'log10 LR'], rows, numbers=1)}"


def _left_out(left_out: Mapping[str, str]) -> str:
    rows = list(left_out.items())[:MOST_LEFT_OUT]
    more = f"<p>The first {MOST_LEFT_OUT} of {len(left_out):,} are listed.</p>\n" if len(left_out) > len(rows) else ""
    return f'{more}<div class="configuration">{table(["recording", "reason"], rows)}</div>'


def _quality(qualities: Sequence[Quality]) -> tuple[str, str]:
    """Seconds of speech, and dB, each as a number or as a median with the ends."""
    columns = []
    for values, digits in zip(np.array(qualities).T, (1, 0), strict=True):
        text = f"{np.median(values):.{digits}f}"
        ends = f" ({values.min():.{digits}f} to {values.max():.{digits}f})"
        columns.append(text if len(values) == 1 else text + ends)
    return columns[0], columns[1]


def _span(interval: Interval, factor: float = 1.0) -> str:
    digits = 3 if factor == 1 else 2
    return f"{factor * interval.low:.{digits}f} to {factor * interval.high:.{digits}f}"


def _decades(interval: Interval) -> str:
    value, low, high = (x / math.log(10) for x in (interval.value, interval.low, interval.high))
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"
