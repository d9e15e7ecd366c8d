"""Commands that bring features and models from one format to another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gmmspeech.cli.group import command
from gmmspeech.cli.places import FEATURES, FILE, OUT, OUT_FEATURES
from gmmspeech.cli.process import tell
from gmmspeech.cli.steps import steps_options
from gmmspeech.errors import counted


@command("copy-features")
@click.argument("source", metavar="FEATS", type=FEATURES)
@click.argument("out", type=OUT_FEATURES)
@steps_options(skip=True)
@click.option("--paste", type=FEATURES, help="Append these columns to those of FEATS, like paste-feats.")
@click.option("--compress", is_flag=True, help="Compress archives (one byte a number) or HTK files (two), with loss.")
@click.option("--kind", default="USER", help="Parameter kind for HTK files, such as MFCC_0_D_A.")
@click.option(
    "--frame-shift",
    type=click.FloatRange(0, min_open=True),
    show_default="that of the features, or 10",
    help="Frame shift in milliseconds, for HTK files.",
)
def copy_features_command(source: str, out: str, **options: Any) -> None:
    """Copy features into another format.

    Formats are HDF5, Kaldi archives and HTK files.

    FEATS is a file of features written by `features`, Kaldi's scp:PATH or ark:PATH, or htk:PATH, a folder or list of
    parameter files. OUT is a path (HDF5), ark:PATH, ark,t:PATH (text), ark,scp:ARK,SCP, or htk:FOLDER. Options process
    the features on the way, as Kaldi's programs do, in this order: --cmvn, --deltas, --sliding-cmvn, --paste, --vad. As
    in Kaldi, - is standard input or output, names in .gz are compressed, and PATH may be a command in a pipe with
    --allow-pipes.
    """
    from gmmspeech.commands.copy import copy_features
    from gmmspeech.progress import progress_bar

    utterances, frames = copy_features(source, out, progress=progress_bar("copying", "utt"), **options)
    tell(f"{counted(utterances, 'utterance')}, {counted(frames, 'frame')} copied")


@command("copy-model")
@click.argument("model", type=FILE)
@click.argument("out", type=OUT)
@click.option(
    "--to",
    "format",
    type=click.Choice(["hdf5", "kaldi", "kaldi-text", "htk"]),
    show_default="by the suffix of OUT: .h5, .dubm, .ubm or .mdl, .txt, .mmf",
    help="Format of OUT: this package's, Kaldi's binary or text, or HTK's MMF.",
)
def copy_model_command(model: Path, out: Path, format: str | None) -> None:
    """Copy a model into another format.

    Formats are those of this package, Kaldi and HTK.

    MODEL is a mixture of this package, Kaldi's DiagGmm or FullGmm, an HTK MMF with one mixture, or a mixture of bob or
    SIDEKIT. A classifier becomes an MMF with one mixture for each class. Phone HMMs of train-phones become Kaldi's
    final.mdl, with tree and phones.txt beside it; i-vector extractors become final.ie; back ends become plda with
    mean.vec and transform.mat beside it (--to kaldi). The reverse also works.
    """
    from gmmspeech.commands.copy import copy_model

    count = copy_model(model, out, format=format)
    tell(f"{counted(count, 'mixture') if count else '1 model'} copied")
