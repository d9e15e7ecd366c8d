"""The commands of the main job, and the entry point of them all."""

from __future__ import annotations

if __name__ == "__main__":  # before all that takes a while to import
    from gmmspeech.cli.entry import run

    run()

from pathlib import Path
from typing import Any, Literal

import click

from gmmspeech.cli import (  # which register their commands
    alignments,
    data_dirs,
    demo,
    doctor,
    evidence,
    factor_analysis,
    feature_tools,
    formats,
    ngrams,
    phone_gmms,
    phones,
    prepare,
    pronounce,
    recognition,
    scores,
    speaker,
    spoofing,
    statistics,
    verify,
)
from gmmspeech.cli.group import (
    allow_pipes_option,
    chosen_channel_option,
    command,
    config_option,
    groups_option,
    jobs_option,
    main,
    scheduler_option,
    seed_option,
    skip_bad_option,
    tell_skipped,
)
from gmmspeech.cli.places import FEATURES, FILE, FILE_OR_NAME, FOLDER, LIST, OUT, OUT_STORE, SHOWN
from gmmspeech.cli.process import tell
from gmmspeech.cli.steps import steps_options
from gmmspeech.errors import counted, shown

scoring_option = click.option(
    "--scoring",
    type=click.Choice(["frames", "symmetric", "statistics", "linear"]),
    default=None,
    show_default="frames, or as enrolled",
    help="frames: the test's frames against the model. symmetric: the mean of that and of the enrollment "
    "frames against a model of the test (give it to enroll, which then stores the frames). statistics: "
    "the test's statistics, the fastest. linear: their first order only.",
)


@command("features")
@click.argument("data_dirs", metavar="DATA_DIR...", type=FOLDER, nargs=-1, required=True)
@click.argument("out", metavar="OUT.h5", type=OUT_STORE)
@config_option(default="mfcc_kaldi")
@chosen_channel_option
@click.option(
    "--storage",
    type=click.Choice(["float32", "float16"]),
    default="float32",
    help="Number format: float16 takes half the space and keeps three digits.",
)
@click.option(
    "--compress",
    "compression",
    type=click.Choice(["gzip", "lzf"]),
    help="Compress the frames: gzip is smaller, lzf is faster.",
)
@click.option("--shards", type=click.IntRange(1), help="Write this number of files, with OUT.h5 as their index.")
@click.option(
    "--shard",
    type=click.IntRange(1),
    help="Write only this shard, as one task of a job array. When all tasks are done, run the command without "
    "--shard to write the index.",
)
@allow_pipes_option
@click.option(
    "--raw",
    metavar="RATE[:ENCODING]",
    help="Read recordings without a header: sampling rate and pcm16 (default), pcm24, pcm32, ulaw, alaw or "
    "float32, such as 8000:ulaw.",
)
@skip_bad_option
@jobs_option
@scheduler_option
def features(
    data_dirs: tuple[Path, ...],
    out: str,
    config: str,
    channel: int | Literal["mix"] | None,
    allow_pipes: bool,
    raw: str | None,
    **options: Any,
) -> None:
    """Compute features of utterances.

    A DATA_DIR has Kaldi's files: wav.scp (recording, file), utt2spk (utterance, speaker) and optionally segments
    (utterance, recording, start, end in seconds). `gmmspeech show` describes the output. To resume an interrupted run,
    repeat the same command. For Kaldi, OUT.h5 may be ark:PATH, ark,scp:ARK,SCP or ark:- (a stream).
    """
    from gmmspeech.audio import RawAudio
    from gmmspeech.commands.extraction import extract_features, read_front_end
    from gmmspeech.formats.datadir import read_data_dir

    audio = None if raw is None else RawAudio.parse(raw)
    parts = [read_data_dir(folder, allow_pipes=allow_pipes, raw=audio) for folder in data_dirs]
    front = read_front_end(config, parts, channel)
    done = extract_features(parts, Path(out), front, channel=channel, **options)
    tell_skipped(done.skipped.values())
    tell(f"{front.describe()}")
    tell(
        f"{counted(done.num_utterances, 'utterance')}, {counted(done.num_frames, 'frame')} of "
        f"{counted(front.dim, 'column')}, "
        f"{len(done.skipped)} skipped"
    )


@command("train-ubm")
@click.argument("feats", type=FEATURES)
@click.argument("ubm", metavar="UBM.h5", type=OUT)
@click.option("-k", "--components", "n_components", type=click.IntRange(1), default=64, help="Number of components.")
@click.option("--max-iter", type=click.IntRange(1), default=20, help="Maximum number of EM passes.")
@click.option(
    "--tol", type=click.FloatRange(0), default=1e-3, help="Stop when a pass gains less than this, in nats a frame."
)
@click.option(
    "--variance-floor",
    type=click.FloatRange(0, 1),
    default=0.01,
    help="Minimum variance of a component, relative to a robust variance within clusters of the frames.",
)
@click.option(
    "--init",
    type=FILE_OR_NAME,
    default="kmeans",
    metavar="kmeans|random|UBM.h5",
    help="Start of EM: k-means, random frames, or a mixture with as many components, such as a diag one for full.",
)
@click.option(
    "--num-gselect",
    type=click.IntRange(1),
    show_default="all",
    help="With full: train on this number of components for each frame, preselected by their diagonal "
    "covariances as in Kaldi. Approximate, and faster for hundreds of components. With diag all "
    "components are used, which is exact and faster still.",
)
@click.option(
    "--covariance-type",
    type=click.Choice(["diag", "full", "tied", "spherical"]),
    default="diag",
    help="diag: a variance for each column. full: a covariance matrix for each component. tied: one matrix for "
    "all. spherical: one variance for all columns. Commands that enroll, select components or make i-vectors "
    "take all types, other commands only diag.",
)
@click.option(
    "--backend",
    type=click.Choice(["auto", "native", "numpy", "torch"]),
    default="auto",
    help="Compute with compiled C (native), NumPy, or torch (extra `torch`) for GPUs; auto uses C if it was compiled.",
)
@click.option("--device", show_default="a GPU if available", help="Device for torch: cpu, cuda or cuda:N.")
@click.option("--accelerate", is_flag=True, help="Use momentum in EM: a better model in the same number of passes.")
@click.option(
    "--utt2spk",
    type=LIST,
    show_default="all frames have equal weight",
    help="Train on the utterances of this file, with equal weight for each speaker, however much they say.",
)
@click.option(
    "--spk2group",
    type=LIST,
    help="With --utt2spk: file with a speaker and their group (sex, corpus) in each line; groups get equal weight too.",
)
@seed_option
@steps_options(skip=True, has_utt2spk=True)
@jobs_option
@scheduler_option
def train_ubm(feats: str, ubm: Path, n_components: int, init: str, **options: Any) -> None:
    """Train a universal background model by EM.

    FEATS is a file of features written by `features`, or scp:PATH. UBM.h5.checkpoint is written at most once a second
    and removed at the end. To resume an interrupted training, repeat the same command: it ends with the same model.
    """
    from gmmspeech.commands.verification import train_ubm_file

    if init not in ("kmeans", "random") and not Path(init).exists():
        raise click.UsageError(f"--init: found {shown(init)}, expected kmeans, random, or the file of a mixture")
    gmm = train_ubm_file(feats, ubm, n_components, init=init, **options)
    state = "converged" if gmm.converged_ else "not converged"
    tell(
        f"{counted(n_components, 'component')}, {counted(gmm.n_iter_, 'pass')} ({state}), "
        f"{gmm.history_[-1]:.4f} nats a frame"
    )


@command("enroll")
@click.argument("ubm", metavar="UBM.h5", type=FILE)
@click.argument("feats", type=FEATURES)
@click.argument("spk2utt", type=LIST)
@click.argument("models", metavar="MODELS.h5", type=OUT)
@click.option(
    "-r",
    "--relevance-factor",
    type=click.FloatRange(0),
    default=16.0,
    help="Weight of the background model in MAP adaptation, in frames.",
)
@click.option(
    "--update",
    default="m",
    help="Parameters to adapt: any of the letters m (means), v (variances; diagonal ones only), w (weights).",
)
@scoring_option
@steps_options(skip=True)
@jobs_option
def enroll(ubm: Path, feats: str, spk2utt: Path, models: Path, scoring: str | None, **options: Any) -> None:
    """Adapt a model to each speaker of a list.

    Each line of SPK2UTT has a speaker and the enrollment utterances. FEATS is a file of features written by `features`,
    or scp:PATH.
    """
    from gmmspeech.commands.verification import enroll_file

    verifier = enroll_file(ubm, feats, spk2utt, models, scoring=scoring or "frames", **options)
    tell(f"{counted(len(verifier.models_), 'model')} enrolled")


@command("score")
@click.argument("models", metavar="MODELS.h5", type=FILE)
@click.argument("feats", type=FEATURES)
@click.argument("trials", type=FILE)
@click.argument("scores", type=OUT)
@scoring_option
@click.option(
    "--top-c",
    type=click.IntRange(1),
    show_default="all",
    help="With scoring by frames: evaluate only this number of best components for each frame.",
)
@groups_option
@skip_bad_option
@steps_options()
@jobs_option
def score(models: Path, feats: str, trials: Path, scores: Path, skip_bad: bool, **options: Any) -> None:
    """Score the trials of a list.

    Each line of TRIALS has a model, a test utterance and optionally target or nontarget. Each line of SCORES has model,
    test and score: the log-likelihood ratio of model and background model, in nats a frame. FEATS is a file of features
    written by `features`, or scp:PATH.
    """
    from gmmspeech.commands.verification import score_file

    bad: dict[str, str] | None = {} if skip_bad else None
    done = score_file(models, feats, trials, scores, skipped=bad, **options)
    tell_skipped((bad or {}).values())
    tell(f"{counted(len(done), 'trial')} scored" + (f", {counted(len(bad), 'test')} skipped" if bad else ""))


@command("train-classifier")
@click.argument("feats", type=FEATURES)
@click.argument("utt2class", type=LIST)
@click.argument("classifier", metavar="CLASSIFIER.h5", type=OUT)
@click.option(
    "-k", "--components", "n_components", type=click.IntRange(1), default=8, help="Number of components for each class."
)
@seed_option
@jobs_option
def train_classifier(
    feats: str, utt2class: Path, classifier: Path, n_components: int, random_state: int, n_jobs: int
) -> None:
    """Train one mixture for each class.

    Classes may be digits, speakers or languages. Each line of UTT2CLASS has a training utterance and its class. FEATS
    is a file of features written by `features`, or scp:PATH.
    """
    from gmmspeech.commands.verification import train_classifier_file

    model = train_classifier_file(feats, utt2class, classifier, n_components, random_state=random_state, n_jobs=n_jobs)
    tell(f"{counted(len(model.classes_), 'class')} of {counted(n_components, 'component')}")


@command("classify")
@click.argument("classifier", metavar="CLASSIFIER.h5", type=FILE)
@click.argument("feats", type=FEATURES)
@click.option(
    "--reference",
    type=LIST,
    help="True classes, as for train-classifier: print errors and accuracy instead of all classes.",
)
@jobs_option
def classify(classifier: Path, feats: str, reference: Path | None, n_jobs: int) -> None:
    """Print the most probable class of each utterance.

    FEATS is a file of features written by `features`, or scp:PATH.
    """
    from gmmspeech.commands.verification import classify_file
    from gmmspeech.formats.datadir import read_map

    truth = None if reference is None else read_map(reference)
    found = classify_file(classifier, feats, None if truth is None else list(truth), n_jobs=n_jobs)
    if truth is None:
        for utterance, label in found.items():
            tell(f"{utterance} {label}")
        return
    errors = [u for u in found if found[u] != truth[u]]
    for utterance in errors:
        tell(f"{utterance}: found {found[utterance]}, expected {truth[utterance]}")
    tell(f"{len(found) - len(errors)} of {len(found)} right ({100 * (1 - len(errors) / len(found)):.2f} %)")


@command("show")
@click.argument("file", type=SHOWN)
def show(file: str) -> None:
    """Describe the content of a file.

    FILE is the output of another command (features, models), scp:PATH, ark:PATH or htk:PATH, a mixture of Kaldi, HTK,
    bob or SIDEKIT, another Kaldi file (alignments, vectors, tree, topo, phones.txt and so on), or a front end: a TOML
    file, or the name of a supplied one. The output for a front end is TOML, to be edited and given to
    features --config.
    """
    from gmmspeech.commands.show import describe

    for line in describe(file):
        tell(line)
