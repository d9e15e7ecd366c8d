"""Groups of speakers, such as low and high voices: their members, and the error rates of each group."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmspeech.commands.measures import members_of
from gmmspeech.errors import DataError, shown
from gmmspeech.files.text import look_alike
from gmmspeech.formats.datadir import DataDir, write_map
from gmmspeech.metrics.summary import summarize
from gmmspeech.scoring.trials import TrialList

EDGE = 165.0  # Hz, between most men and most women
LACKING = 0.25  # of its share in the tests: a group with less in the background is warned of
HEAD = ("group", "trials (targets)", "EER", "misses", "false alarms", "minDCF 0.01", "actual DCF 0.01")


def pitch_groups_file(
    data: DataDir,
    out: Path,
    pitches: Mapping[str, float | None],
    *,
    groups: Sequence[Path] = (),
    edge: float = EDGE,
) -> dict[str, str]:
    """Write ``low`` or ``high``, by the speaker's median pitch, for utterances, speakers and names of several.

    Pitches of utterances are what `pitches_of` finds. Who has none in any gets ``unknown``.
    """
    of_speaker = speaker_pitch_groups(pitches, data.utt2spk, edge)
    labels = {**of_speaker, **{name: of_speaker[data.utt2spk[name]] for name in pitches}}
    for name, members in members_of(groups, labels, data.path):
        labels[name] = labels[members[0]]
    write_map(out, labels)
    return of_speaker


def speaker_pitch_groups(
    pitches: Mapping[str, float | None], utt2spk: Mapping[str, str], edge: float = EDGE
) -> dict[str, str]:
    """Group of each speaker of utterances with these median pitches, in the order in which they come."""
    said = defaultdict(list)
    for utterance, pitch in pitches.items():
        said[utt2spk[utterance]].append(pitch)
    return {speaker: pitch_group(own, edge) for speaker, own in said.items()}


def pitch_group(pitches: Sequence[float | None], edge: float = EDGE) -> str:
    """Group of a speaker whose recordings have these median pitches, None where they have none."""
    known = [pitch for pitch in pitches if pitch is not None]
    return "unknown" if not known else "high" if np.median(known) > edge else "low"


def rows_of_groups(
    scores: NDArray[np.float64], trials: TrialList, groups: Mapping[str, str], path: Path
) -> list[list[str]]:
    """Table of the trials within each group and between groups, as text, its head first.

    Misses and false alarms are those at the one threshold at which all trials have their EER.
    """
    for kind, names in (("model", trials.models), ("test", trials.tests)):
        alone = next((name for name in names if name not in groups), None)
        if alone is not None:
            expected = f"those of all models and tests{look_alike(alone, groups)}"
            raise DataError(f"{path}: found no group of {kind} {shown(alone)}, expected {expected}")
    is_target = np.asarray(trials.is_target)
    threshold = summarize(scores[is_target], scores[~is_target]).eer_point.threshold
    sides = [np.array([groups[name] for name in names]) for names in (trials.models, trials.tests)]
    rows = [list(HEAD), _row("all", scores, is_target, threshold)]
    for group in sorted(set(sides[0].tolist())):
        here = (sides[0] == group) & (sides[1] == group)
        if here.any():
            rows.append(_row(f"{group} against {group}", scores[here], is_target[here], threshold))
    between = sides[0] != sides[1]
    if between.any():
        rows.append(_row("of different groups", scores[between], is_target[between], threshold))
    return rows


def _row(name: str, scores: NDArray[np.float64], is_target: NDArray[np.bool_], threshold: float) -> list[str]:
    targets, nontargets = scores[is_target], scores[~is_target]
    rates = [f"{100 * np.mean(wrong):.2f} %" if len(wrong) else "–" for wrong in
             (targets < threshold, nontargets >= threshold)]  # fmt: skip
    eer, costs = "–", ("–", "–")
    if len(targets) and len(nontargets):
        found = summarize(targets, nontargets, p_targets=(0.01,))
        eer = f"{100 * found.eer_rocch:.2f} %"
        costs = f"{found.costs[0].min_dcf:.3f}", f"{found.costs[0].actual_dcf:.3f}"
    return [name, f"{len(scores)} ({len(targets)})", eer, *rates, *costs]


def lacking(background: Sequence[str], tests: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each group of the tests that a background has hardly any speakers of."""
    learned, tried = Counter(background), Counter(tests)
    for group, count in sorted(tried.items()):
        share = learned[group] / max(len(background), 1)
        if share < LACKING * count / len(tests):
            shares = f"{100 * count / len(tests):.0f} % of the tests are of the group {shown(group)}"
            yield (
                f"{shares}, but {100 * share:.0f} % of the background: scores of this group mean something else, and a "
                "common threshold serves it worse. Add speakers of it to the background."
            )
