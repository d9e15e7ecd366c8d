"""Genuine speech against spoofs: mixtures on LFCC, MFCC and CQCC, attacks of the test unseen in training."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from attacks import CODECS
from spoofs import MOST_PIECES, PIECE, write_part
from threadpoolctl import threadpool_limits

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands.spoofing import SpoofRow, evaluate_spoofing, score_classes_file, spoofing_rows
from gmmspeech.commands.verification import train_classifier_file
from gmmspeech.corpora.asvspoof import find_asv_scores, is_asvspoof, write_asvspoof
from gmmspeech.files.atomic import write_lines
from gmmspeech.formats.datadir import read_map

ALONE = {"order": 2, "window": 1, "convention": "rastamat", "static": False}  # deltas without what carries the channel
FINE = {  # filters as the baseline of 2021, over the whole band, and frames and floor as those of 2019
    "type": "lfcc",
    "convention": "asvspoof2021",
    "high_freq": 8000.0,
    "num_ceps": 40,
    "frame_length": 20.0,
    "frame_shift": 10.0,
    "mel_floor": float(np.finfo(np.float64).eps),
}
FRONT_ENDS = {
    "LFCC-2019": gs.FrontEnd.from_toml("lfcc_asvspoof2019"),
    "LFCC": gs.FrontEnd(features=FINE, deltas={"order": 1, "window": 1, "convention": "rastamat"}),
    "MFCC": gs.FrontEnd(
        features={"type": "mfcc", "num_ceps": 20, "num_mel_bins": 40, "use_energy": False}, deltas=ALONE
    ),
    "CQCC": gs.FrontEnd(features={"type": "cqcc"}, deltas={**ALONE, "window": 3, "convention": "htk"}),
}
SEEN = (  # attacks of training, and of dev
    "WORLD",
    "WORLD-converted",
    "cepstral-vocoder",
    "channel-vocoder",
    "phase-vocoder",
    "other-phases",
    "eSpeak",
    "MP3",
    "Vorbis",
    "A-law",
)
UNSEEN = ("WORLD-coded", "LPC-vocoder", "Griffin-Lim", "eSpeak-Klatt", "Opus", "GSM")
# Whose recordings are copied: a part of the corpus, and if named the part whose speakers are taken.
SOURCES = {"train": ("ubm", None), "dev": ("test-other", None), "test": ("background", "sv80")}
COMPONENTS = 512
ITERATIONS = 10  # of EM, as in the baselines


@click.option("--components", type=click.IntRange(1), default=COMPONENTS, show_default=True, help="Of each mixture.")
@click.option("--compare", is_flag=True, help="Time scikit-learn's mixtures on the same frames of LFCC.")
@pipeline.other_parts("with text: copied by the attacks of the test; its speakers must not be those of training")
@pipeline.recipe(fetch="librispeech-mini")
def main(run: pipeline.Run, corpus: Path, components: int, compare: bool, tests: Sequence[str]) -> None:
    """Tell genuine speech from spoofs that are made on the spot, or from those of ASVspoof 2019 LA, if it is given."""
    data, official = run.out / "data", is_asvspoof(corpus)
    if official and tests:
        raise gs.errors.ConfigError(f"--test: found {tests[0]}, expected none: ASVspoof has parts of its own")
    pipeline.check_other_names(tests, SOURCES)
    sources = [] if official else [gs.read_data_dir(corpus / "data" / part) for part, _ in SOURCES.values()]
    lists = [data / part / name for part in SOURCES for name in ("protocol", "utt2class", "wav.scp")]
    if run.todo("corpus", makes=lists, of=sources, settings=[str(corpus), SOURCES, SEEN, UNSEEN, PIECE, MOST_PIECES]):
        if official:
            write_asvspoof(corpus, data)
        else:
            make_corpus(corpus / "data", data)
    others = [gs.read_data_dir(corpus / "data" / part) for part in tests]
    pipeline.check_other_speakers(gs.read_data_dir(data / "train"), others)
    for part, source in zip(tests, others, strict=True):
        made = [data / part / name for name in ("protocol", "utt2class", "wav.scp")]
        if run.todo(f"corpus-{part}", makes=made, of=[source], settings=[UNSEEN, PIECE, MOST_PIECES]):
            write_part(source.path, data / part, UNSEEN)

    figures: dict[str, dict[str, list[SpoofRow]]] = {part: {} for part in ("test", "dev", *tests)}
    for name, front in FRONT_ENDS.items():
        stores = {part: run.out / f"feats-{name}-{part}.h5" for part in (*SOURCES, *tests)}
        if run.todo(f"features-{name}", makes=stores.values(), settings=front):
            for part, path in stores.items():
                gs.extract_features([gs.read_data_dir(data / part)], path, front, n_jobs=run.jobs)

        model, options = run.out / f"cm-{name}.h5", {"max_iter": ITERATIONS, "random_state": 0}
        if run.todo(f"train-{name}", makes=[model], settings=[components, options]):
            labels = data / "train" / "utt2class"
            train_classifier_file(stores["train"], labels, model, components, n_jobs=run.jobs, **options)

        scores = {part: run.out / f"scores-{name}-{part}" for part in figures}
        if run.todo(f"score-{name}", makes=scores.values()):
            for part, path in scores.items():
                trials = data / part / "protocol"
                score_classes_file(model, stores[part], path, "bonafide", protocol=trials, n_jobs=run.jobs)
        for part, path in scores.items():
            asv = find_asv_scores(corpus, part) if official else None
            whole, *by_attack = evaluate_spoofing(path, data / part / "protocol", asv_scores=asv, form="2019")
            synthetic = [] if official else [without_codecs(path, data / part / "protocol")]
            figures[part][name] = [whole, *synthetic, *by_attack]

    for part, of_front_ends in figures.items():
        run.results(rows_of(of_front_ends), part)
    if compare:
        seconds = run.out / "seconds.json"
        if run.todo("scikit-learn", makes=[seconds], settings=[components, ITERATIONS]):
            time_mixtures(run.out / "feats-LFCC-train.h5", data / "train" / "utt2class", components, seconds)
        run.results(rows_of_speed(json.loads(seconds.read_text(encoding="utf-8"))), "speed")


def make_corpus(source: Path, data: Path) -> None:
    """Make the three parts: no speaker is in two of them, no attack of the test in training."""
    for part, (recordings, of) in SOURCES.items():
        speakers = None if of is None else set(read_map(source / of / "utt2spk").values())
        write_part(source / recordings, data / part, UNSEEN if part == "test" else SEEN, speakers)


def without_codecs(scores: Path, protocol: Path) -> SpoofRow:
    """Figures of the attacks that make speech, not of those that send it over another channel."""
    trials = [trial for trial in gs.formats.read_protocol(protocol) if trial.attack not in CODECS]
    found = gs.formats.read_cm_scores(scores)
    row = spoofing_rows(trials, np.array([found[trial.utterance] for trial in trials]))[0]
    return row._replace(attack="all but codecs")


def rows_of(figures: dict[str, list[SpoofRow]]) -> list[dict[str, str]]:
    """Figures of the front ends beside one another, a row for all attacks and for each."""
    rows = []
    for together in zip(*figures.values(), strict=True):
        row = {"attack": together[0].attack, "spoofs": str(together[0].num_spoof)}
        for name, one in zip(figures, together, strict=True):
            row[f"{name}, EER"] = f"{100 * one.eer:.2f} %"
            if one.min_tdcf is not None:
                row[f"{name}, min t-DCF"] = f"{one.min_tdcf:.4f}"
        rows.append(row)
    return rows


def time_mixtures(features: Path, labels: Path, components: int, out: Path) -> None:
    """Write processor seconds of one thread that trains a mixture on the genuine frames, here and with scikit-learn."""
    from sklearn.mixture import GaussianMixture

    with gs.FeatureStore(features) as store:
        frames = np.concatenate([store[u] for u, label in read_map(labels).items() if label == "bonafide"])
    frames = frames[::4]
    options = {"max_iter": ITERATIONS, "tol": 0.0, "random_state": 0}
    here = gs.DiagonalGMM(components, **options)
    there = GaussianMixture(components, covariance_type="diag", **options)
    taken = {"frames": len(frames), "columns": frames.shape[1], "components": components}
    # Single precision fails in scikit-learn, where frames of digital silence are equal.
    for name, mixture, given in (("gmmspeech", here, frames), ("scikit-learn", there, frames.astype(np.float64))):
        with threadpool_limits(1):
            began = time.process_time()
            mixture.fit(given)
            taken[name] = round(time.process_time() - began, 2)
        taken[f"{name}, log-likelihood"] = round(float(mixture.score(given)), 4)
    write_lines(out, [json.dumps(taken)])


def rows_of_speed(taken: dict[str, float]) -> list[dict[str, str]]:
    """Both trainings beside one another."""
    rows = []
    for name in ("gmmspeech", "scikit-learn"):
        times = taken[name] / taken["gmmspeech"]
        fit = f"{taken[f'{name}, log-likelihood']:.3f}"
        rows.append({"mixture": name, "processor seconds": f"{taken[name]:.1f}", "times": f"{times:.1f}",
                     "log-likelihood a frame": fit})  # fmt: skip
    return rows


if __name__ == "__main__":
    main()
