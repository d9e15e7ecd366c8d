"""The commands of the main job, and the entry point of them all."""

from __future__ import annotations

if __name__ == "__main__":  # before all that takes a while to import
    from gmmspeech.cli.entry import run

    run()

from pathlib import Path
from typing import Any, Literal

import click

from gmmspeech.cli import (
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
from gmmspeech.cli.steps import skip_steps_option, steps_options, utt2spk_for_cmvn
from gmmspeech.errors import counted, shown

__all__ = [
    "alignments",
    "data_dirs",
    "demo",
    "doctor",
    "evidence",
    "factor_analysis",
    "feature_tools",
    "formats",
    "main",
    "ngrams",
    "phone_gmms",
    "phones",
    "prepare",
    "pronounce",
    "recognition",
    "scores",
    "speaker",
    "spoofing",
    "statistics",
    "verify",
]

scoring_option = click.option(
    "--scoring",
    type=click.Choice(["frames", "symmetric", "statistics", "linear"]),
    default=None,
    show_default="frames, or as enrolled",
    help="The test's frames against the model; mean of that and of the enrollment's frames against a model of the test "
    "(to be given to enroll, which then keeps the frames); the test's statistics, the fastest; their first order only.",
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
    help="What numbers are kept as: float16 takes half the room and keeps three digits.",
)
@click.option(
    "--compress",
    "compression",
    type=click.Choice(["gzip", "lzf"]),
    help="Compress the frames: gzip is smaller, lzf is faster.",
)
@click.option("--shards", type=click.IntRange(1), help="Write so many files, and OUT.h5 as an index of them.")
@click.option(
    "--shard",
    type=click.IntRange(1),
    help="Write this shard only: a task of a cluster's job array. Once all are done, the same without --shard writes "
    "the index.",
)
@allow_pipes_option
@click.option(
    "--raw",
    metavar="RATE[:ENCODING]",
    help="Recordings have no header: their samples a second, and pcm16 (default), pcm24, pcm32, ulaw, alaw or float32, "
    "such as 8000:ulaw.",
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

    A DATA_DIR is as in Kaldi: wav.scp (recording, file) and utt2spk (utterance, speaker), perhaps segments
    (utterance, recording, start, end in seconds). `gmmspeech show` describes what is written. After a run that was
    killed or stopped by an error, the same command goes on where it was. OUT.h5 may be ark:PATH, ark,scp:ARK,SCP or
    ark:- (a stream) for Kaldi.
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
@click.option("--max-iter", type=click.IntRange(1), default=20, help="Passes of EM at most.")
@click.option(
    "--tol", type=click.FloatRange(0), default=1e-3, help="Stop when a pass gains less than this, in nats a frame."
)
@click.option(
    "--variance-floor",
    type=click.FloatRange(0, 1),
    default=0.01,
    help="Least variance of a component, relative to a robust variance within clusters of the frames.",
)
@click.option(
    "--init",
    type=FILE_OR_NAME,
    default="kmeans",
    metavar="kmeans|random|UBM.h5",
    help="Where EM starts: drawn from the frames, or a mixture of as many components, such as a diag one for full.",
)
@click.option(
    "--num-gselect",
    type=click.IntRange(1),
    show_default="all",
    help="With full: train on so many components a frame, the best by the diagonals of their covariances, as Kaldi "
    "does: approximate, and faster where there are hundreds. With diag all are taken, which is exact and faster still.",
)
@click.option(
    "--covariance-type",
    type=click.Choice(["diag", "full", "tied", "spherical"]),
    default="diag",
    help="A variance for each column; a covariance for each component; one that all have; one variance for all "
    "columns. What enrolls, selects components or makes i-vectors takes each, other commands diag alone.",
)
@click.option(
    "--backend",
    type=click.Choice(["auto", "native", "numpy", "torch"]),
    default="auto",
    help="What does the arithmetic: compiled C, NumPy, or torch (extra `torch`), for GPUs; auto is C where it was "
    "compiled.",
)
@click.option("--device", show_default="a GPU where there is one", help="With torch: cpu, cuda or cuda:N.")
@click.option(
    "--accelerate", is_flag=True, help="Give EM's steps momentum: a better model in the same number of passes."
)
@click.option(
    "--utt2spk",
    type=LIST,
    show_default="each frame counts alike",
    help="Train on the utterances of this file so that each speaker counts alike, however much he says.",
)
@click.option(
    "--spk2group",
    type=LIST,
    help="With --utt2spk: a speaker and their group (sex, corpus) in each line; each group counts alike too.",
)
@seed_option
@skip_steps_option
@steps_options
@jobs_option
@scheduler_option
def train_ubm(feats: str, ubm: Path, n_components: int, init: str, **options: Any) -> None:
    """Train a universal background model by EM.

    FEATS is a file of features as `features` writes it, or scp:PATH. Once a second at most UBM.h5.checkpoint is
    written; the same command goes on from it should this one be killed, to the same model. It is removed at the end.
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
    help="Weight of the background model in the MAP adaptation, in frames.",
)
@click.option(
    "--update",
    default="m",
    help="What to adapt: any of the letters m (means), v (variances; diagonal ones alone), w (weights).",
)
@scoring_option
@skip_steps_option
@utt2spk_for_cmvn
@steps_options
@jobs_option
def enroll(ubm: Path, feats: str, spk2utt: Path, models: Path, scoring: str | None, **options: Any) -> None:
    """Adapt a model to each speaker of a list.

    SPK2UTT has a speaker and the enrollment utterances in each line. FEATS is a file of features as `features`
    writes it, or scp:PATH.
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
    help="With scoring by frames: how many components to evaluate, the best for each frame.",
)
@groups_option
@skip_bad_option
@utt2spk_for_cmvn
@steps_options
@jobs_option
def score(models: Path, feats: str, trials: Path, scores: Path, skip_bad: bool, **options: Any) -> None:
    """Score the trials of a list.

    TRIALS has a model, a test utterance and perhaps target or nontarget in each line. SCORES gets a line of model,
    test and score for each: the log-likelihood ratio of model and background model, in nats a frame. FEATS is a file
    of features as `features` writes it, or scp:PATH.
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
    "-k", "--components", "n_components", type=click.IntRange(1), default=8, help="Components of each class's mixture."
)
@seed_option
@jobs_option
def train_classifier(
    feats: str, utt2class: Path, classifier: Path, n_components: int, random_state: int, n_jobs: int
) -> None:
    """Train one mixture a class.

    Classes may be digits, speakers, languages. UTT2CLASS has an utterance to train on and its class in each line.
    FEATS is a file of features as `features` writes it, or scp:PATH.
    """
    from gmmspeech.commands.verification import train_classifier_file

    model = train_classifier_file(feats, utt2class, classifier, n_components, random_state=random_state, n_jobs=n_jobs)
    tell(f"{counted(len(model.classes_), 'class')} of {counted(n_components, 'component')}")


@command("classify")
@click.argument("classifier", metavar="CLASSIFIER.h5", type=FILE)
@click.argument("feats", type=FEATURES)
@click.option(
    "--reference", type=LIST, help="True classes, as for train-classifier: print errors and accuracy, not all classes."
)
@jobs_option
def classify(classifier: Path, feats: str, reference: Path | None, n_jobs: int) -> None:
    """Print the most probable class of each utterance.

    FEATS is a file of features as `features` writes it, or scp:PATH.
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
    """Say what a file holds.

    FILE is one that another command wrote (features, models), scp:PATH, ark:PATH or htk:PATH, a mixture of Kaldi's,
    HTK's, bob's or SIDEKIT's, another file of Kaldi's (alignments, vectors, tree, topo, phones.txt and so on), or a
    front end: a TOML file, or the name of one that comes with gmmspeech.
    """
    from gmmspeech.commands.show import describe

    for line in describe(file):
        tell(line)
