"""The commands of the back end: from statistics of utterances to i-vectors and their scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gmmspeech.cli.group import command, groups_option, jobs_option, max_iter_option, scheduler_option, seed_option
from gmmspeech.cli.places import FEATURES, FILE, LIST, OUT, OUT_TABLE, TABLE
from gmmspeech.cli.process import tell
from gmmspeech.cli.steps import steps_options
from gmmspeech.errors import ConfigError, counted


@command("statistics")
@click.argument("ubm", metavar="UBM.h5", type=FILE)
@click.argument("feats", type=FEATURES)
@click.argument("out", metavar="STATS.h5", type=OUT)
@click.option(
    "--groups",
    type=LIST,
    show_default="each utterance separately",
    help="File with a name and the utterances that are combined under it in each line.",
)
@steps_options(skip=True)
@click.option("--second-order", is_flag=True, help="Store the sums of squares too, which Fisher vectors need.")
@jobs_option
@scheduler_option
def statistics(ubm: Path, feats: str, out: Path, **options: Any) -> None:
    """Compute statistics of utterances.

    Statistics under a background model are the input of train-ivector, extract-ivectors and supervectors. FEATS is a
    file of features written by `features`, or scp:PATH.
    """
    from gmmspeech.commands.speaker import statistics_file

    count = statistics_file(ubm, feats, out, **options)
    tell(f"statistics of {counted(count, 'utterance')}")


@command("train-ivector")
@click.argument("ubm", metavar="UBM.h5", type=FILE)
@click.argument("stats", metavar="STATS.h5", type=FILE)
@click.argument("extractor", metavar="EXTRACTOR.h5", type=OUT)
@click.option("-r", "--rank", type=click.IntRange(1), default=100, help="Dimension of the i-vectors.")
@max_iter_option
@seed_option
@jobs_option
@scheduler_option
def train_ivector(ubm: Path, stats: Path, extractor: Path, rank: int, max_iter: int, **options: Any) -> None:
    """Train an i-vector extractor.

    STATS.h5 has the statistics of many utterances, at least as many as the rank, under UBM.h5. EXTRACTOR.h5.checkpoint
    is written at most once a second and removed at the end. To resume an interrupted training, repeat the same command:
    it ends with the same model.
    """
    from gmmspeech.commands.speaker import train_ivector_file

    found = train_ivector_file(ubm, stats, extractor, rank, max_iter=max_iter, **options)
    tell(
        f"rank {rank}, {counted(max_iter, 'iteration')}, {found.history[-1]:.4f} nats a frame "
        "above the background model"
    )


@command("extract-ivectors")
@click.argument("extractor", metavar="EXTRACTOR.h5", type=FILE)
@click.argument("stats", metavar="STATS.h5", type=FILE)
@click.argument("ivectors", metavar="IVECTORS.h5", type=OUT_TABLE)
@click.option("--fast", is_flag=True, help="Use a fast approximation, for many components and a high rank.")
@jobs_option
def extract_ivectors(extractor: Path, stats: Path, ivectors: str, fast: bool, n_jobs: int) -> None:
    """Extract the i-vector of each utterance.

    EXTRACTOR.h5 is the output of train-ivector, or Kaldi's final.ie. For Kaldi, IVECTORS.h5 may be ark:PATH, ark,t:PATH
    (text) or ark,scp:ARK,SCP; train-plda and score-ivectors also take ark:PATH and scp:PATH.
    """
    from gmmspeech.commands.speaker import extract_ivectors_file

    found = extract_ivectors_file(extractor, stats, Path(ivectors), fast=fast, n_jobs=n_jobs)
    tell(f"{counted(len(found.names), 'i-vector')} of {counted(found.vectors.shape[1], 'dimension')}")


@command("train-plda")
@click.argument("ivectors", metavar="IVECTORS.h5", type=TABLE)
@click.argument("utt2spk", type=LIST)
@click.argument("backend", metavar="BACKEND.h5", type=OUT)
@click.option(
    "--steps",
    default="whiten,length",
    help="Transforms of the i-vectors, in order: any of center, whiten, lda, wccn, length, with commas between.",
)
@click.option("--lda-dim", type=click.IntRange(1), help="Dimension after the transform lda.")
@click.option("--rank", type=click.IntRange(1), show_default="all", help="Dimension of PLDA's speaker subspace.")
@click.option(
    "--max-iter",
    type=click.IntRange(1),
    default=20,
    help="Number of EM iterations, all of which are run; Kaldi runs 10.",
)
@click.option("--cosine", is_flag=True, help="Score by the cosine, without PLDA.")
def train_plda(
    ivectors: str,
    utt2spk: Path,
    backend: Path,
    steps: str,
    lda_dim: int | None,
    rank: int | None,
    max_iter: int,
    cosine: bool,
) -> None:
    """Train a back end that scores i-vectors.

    Each line of UTT2SPK has a training utterance and its speaker. Speakers need several utterances, and the number of
    utterances must exceed that of speakers by at least the dimension. Kaldi's back end is --steps center,lda,length.
    """
    from gmmspeech.commands.speaker import train_plda_file

    if cosine and rank is not None:
        raise ConfigError("found --rank with --cosine, expected it for PLDA only")
    parts = [step.strip() for step in steps.split(",") if step.strip()]
    found = train_plda_file(
        ivectors, utt2spk, backend, steps=parts, lda_dim=lda_dim, plda=not cosine, plda_rank=rank, max_iter=max_iter
    )
    if found.plda is None:
        tell(f"{', '.join([*parts, 'cosine'])}")
        return
    dim, rank = found.plda.factors.shape
    tell(f"{', '.join([*parts, 'PLDA'])} of {counted(dim, 'dimension')}, {rank} of speakers")


@command("adapt-plda")
@click.argument("backend", metavar="BACKEND.h5", type=FILE)
@click.argument("ivectors", metavar="IVECTORS.h5", type=TABLE)
@click.argument("adapted", metavar="ADAPTED.h5", type=OUT)
@click.option(
    "--within-scale",
    type=click.FloatRange(0),
    default=0.3,
    help="Share of the excess covariance that within-speaker variation gets.",
)
@click.option(
    "--between-scale",
    type=click.FloatRange(0),
    default=0.7,
    help="Share of the excess covariance that between-speaker variation gets.",
)
@click.option(
    "--mean-scale",
    type=click.FloatRange(0),
    default=1.0,
    help="Weight of the shift of the mean in the excess covariance.",
)
def adapt_plda(backend: Path, ivectors: str, adapted: Path, **scales: float) -> None:
    """Adapt a back end to another domain.

    IVECTORS.h5 has hundreds of i-vectors of that domain, which may be unlabeled. They are centered anew, and PLDA takes
    over the excess of their covariance over what it expects, as in Kaldi's ivector-adapt-plda.
    """
    from gmmspeech.commands.speaker import adapt_plda_file

    for line in adapt_plda_file(backend, ivectors, adapted, **scales).describe():
        tell(line)


@command("score-ivectors")
@click.argument("backend", metavar="BACKEND.h5", type=FILE)
@click.argument("ivectors", metavar="IVECTORS.h5", type=TABLE)
@click.argument("spk2utt", type=LIST)
@click.argument("trials", type=FILE)
@click.argument("scores", type=OUT)
@click.option("--enrollment", type=TABLE, help="i-vectors of the enrollment utterances, if not in IVECTORS.h5.")
@click.option(
    "--count-sessions",
    is_flag=True,
    help="Let PLDA count a model's sessions, as independent ones; by default their mean counts as one.",
)
@click.option(
    "--normalize-length",
    is_flag=True,
    help="Normalize vectors to the length that PLDA expects, as Kaldi's ivector-plda-scoring does by default.",
)
def score_ivectors(backend: Path, ivectors: str, spk2utt: Path, trials: Path, scores: Path, **options: Any) -> None:
    """Score trials by i-vectors.

    BACKEND.h5 is the output of train-plda, or Kaldi's plda, with mean.vec and transform.mat beside it if they were
    used. Each line of SPK2UTT has a model and its enrollment utterances: the model is the mean of their i-vectors. Each
    line of TRIALS has a model, a test utterance and optionally target or nontarget. Each line of SCORES has model, test
    and score.
    """
    from gmmspeech.commands.speaker import score_ivectors_file

    done = score_ivectors_file(backend, ivectors, spk2utt, trials, scores, **options)
    tell(f"{counted(len(done), 'trial')} scored")


@command("supervectors")
@click.argument("ubm", metavar="UBM.h5", type=FILE)
@click.argument("stats", metavar="STATS.h5", type=FILE)
@click.argument("out", metavar="VECTORS.h5", type=OUT)
@click.option(
    "-r",
    "--relevance-factor",
    type=click.FloatRange(0, min_open=True),
    show_default="16",
    help="Weight of the background model in MAP adaptation, in frames.",
)
@click.option(
    "--fisher",
    is_flag=True,
    help="Write Fisher vectors instead: the gradient for weights, means and variances. They need the output of "
    "statistics --second-order.",
)
def supervectors(ubm: Path, stats: Path, out: Path, relevance_factor: float | None, fisher: bool) -> None:
    """Export supervectors for other classifiers.

    A supervector contains the means of the mixture adapted to an utterance, scaled so that dot products are the kernel
    of a linear SVM. VECTORS.h5 receives the datasets `utterances` and `vectors`; train-plda and score-ivectors also
    take it.
    """
    from gmmspeech.commands.speaker import supervectors_file

    if fisher and relevance_factor is not None:
        raise ConfigError("found --relevance-factor with --fisher, expected it for supervectors only")
    found = supervectors_file(ubm, stats, out, relevance_factor=relevance_factor or 16.0, fisher=fisher)
    kind = "Fisher vector" if fisher else "supervector"
    tell(f"{counted(len(found.names), kind)} of {counted(found.vectors.shape[1], 'dimension')}")


@command("all-trials")
@click.argument("models", type=LIST)
@click.argument("tests", type=LIST)
@click.argument("trials", type=OUT)
def all_trials(models: Path, tests: Path, trials: Path) -> None:
    """List the trials of all models against all tests.

    Cohort scores and identification need such trials. Each line of MODELS and TESTS starts with a name, as in spk2utt
    and utt2spk.
    """
    from gmmspeech.commands.scores import all_trials_file

    tell(counted(all_trials_file(models, tests, trials), "trial"))


@command("make-trials")
@click.argument("spk2utt", type=LIST)
@click.argument("utt2spk", type=LIST)
@click.argument("trials", type=OUT)
@groups_option
def make_trials(spk2utt: Path, utt2spk: Path, trials: Path, groups: Path | None) -> None:
    """List trials with target or nontarget.

    Each line of SPK2UTT has a model and its enrollment utterances, each line of UTT2SPK an utterance and its speaker.
    Every model is tried against every utterance on which no model is enrolled. The speaker of a model is that of its
    utterances; if UTT2SPK has none of them, it is the model's name. `all-trials` lists pairs of any names, without
    labels.
    """
    from gmmspeech.commands.scores import make_trials_file

    made = make_trials_file(spk2utt, utt2spk, trials, groups=groups)
    targets = int(made.is_target.sum())  # type: ignore[union-attr]
    tell(f"{counted(len(made), 'trial')}, {counted(targets, 'target')}")
