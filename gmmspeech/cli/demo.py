"""The command that does the main job on synthetic voices."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from gmmspeech.cli.group import command, jobs_option, main
from gmmspeech.cli.places import OUT_FOLDER
from gmmspeech.cli.process import tell


@command("demo")
@click.option("--out", type=OUT_FOLDER, default=Path("gmmspeech-demo"), help="Folder for all output of the demo.")
@jobs_option
def demo(out: Path, n_jobs: int) -> None:
    """Demonstrate verification and alignment on synthetic voices.

    The demo generates a small corpus with eSpeak NG (extra `demo`). It computes features, trains a background model,
    enrolls speakers, scores trials and writes a report. It also aligns a folder of recordings with transcripts. Each
    command is printed.
    """
    from gmmspeech.corpora.voices import write_recordings, write_voices

    corpus = out / "voices"
    tell("# 24 synthetic voices, 10 sentences each")
    write_voices(corpus)
    data = corpus / "data"
    ubm_feats, eval_feats = out / "ubm_feats.h5", out / "eval_feats.h5"
    ubm, models, scores, trials = out / "ubm.h5", out / "models.h5", out / "scores", data / "eval" / "trials"
    front_end = ["--config", "voices", "--jobs", n_jobs]
    recordings = out / "recordings"
    write_recordings(corpus, recordings)
    for words in (
        ["features", data / "ubm", ubm_feats, *front_end],
        ["features", data / "eval", eval_feats, *front_end],
        ["train-ubm", ubm_feats, ubm, "-k", 32, "--jobs", n_jobs],
        ["enroll", ubm, eval_feats, data / "eval" / "enroll_spk2utt", models],
        ["score", models, eval_feats, trials, scores, "--jobs", n_jobs],
        ["evaluate", scores, trials, "--models", models, "--report", out / "report"],
        ["align", recordings, "--out", out / "aligned", "--jobs", n_jobs],
    ):
        arguments = [str(word) for word in words]
        tell(f"\n$ gmmspeech {shlex.join(arguments)}")
        main.main(arguments, standalone_mode=False)
