"""Speaker verification on read English: three systems that know 121 speakers, 87 others to tell apart."""

import json
from collections.abc import Sequence
from pathlib import Path

import click
from three_systems import calibrate, extract, score_adapted, score_ivectors, train_plda, train_ubms, write_means

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands.evaluation import evaluate_file
from gmmspeech.report.rows import verification_row

# Enrollment and test are of one session: the channel tells the speaker too.
MFCC = gs.FrontEnd.from_toml("clean_speech")
_LFCC = {"type": "lfcc", "num_ceps": 24, "num_mel_bins": 30, "use_energy": False, "mel_floor": 1.0}
FRONT_ENDS = {"MFCC": MFCC, "LFCC": gs.FrontEnd(**{**json.loads(MFCC.to_json()), "features": _LFCC})}
TESTS, QUICK_TESTS = ("sv80", "test-other"), ("dev-clean",)
VERIFIER = {"relevance_factor": 10.0, "update": "mvw", "scoring": "symmetric"}
RANK = 100  # of the i-vectors
PIECES = 4  # of each recording of the background: sessions of a speaker, for PLDA
SPEEDS = (0.9, 1.1)  # at which the background is played to it too: each speaker is two others then


@click.option("--components", type=click.IntRange(1), default=128, show_default=True, help="Of the background models.")
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="UBMs to average over.")
@pipeline.test_option
@pipeline.recipe(fetch="librispeech-mini", quick="librispeech-dev-clean")
def main(run: pipeline.Run, corpus: Path, components: int, seeds: int, tests: Sequence[str], quick: bool) -> None:
    """Verify speakers of LibriSpeech: UBMs and PLDA on `ubm`, trials of `sv80` and of `test-other`."""
    public = QUICK_TESTS if quick else TESTS
    parts = {name: gs.read_data_dir(corpus / "data" / name) for name in ("ubm", *public, *tests)}
    for kind, front in FRONT_ENDS.items():
        extract(run, kind, front, parts)
        train_ubms(run, kind, components, seeds)
    train_plda(run, parts["ubm"], MFCC, SPEEDS, PIECES, RANK, seeds)

    rows, calibrated = [], []
    for name in (*public, *tests):
        trials = parts[name].path / "trials"
        scores = {kind: score_adapted(run, kind, name, parts[name], VERIFIER, seeds) for kind in FRONT_ENDS}
        scores["PLDA"] = score_ivectors(run, name, parts[name], [RANK, PIECES], seeds)
        for kind, paths in scores.items():
            rows.append(verification_row(f"{name}, {kind}", [evaluate_file(path, trials) for path in paths]))
        means = write_means(run, name, scores, trials)
        if not quick:  # whose speakers are too few to calibrate
            calibrated += calibrate(run, name, means, parts[name], public[0])
    run.results(rows)
    if calibrated:
        run.results(calibrated, "calibrated")


if __name__ == "__main__":
    main()
