"""Tools for stored features: voice activity, statistics of CMVN, what there is, and best components."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gmmspeech.cli.group import command
from gmmspeech.cli.places import FEATURES, FILE, LIST, OUT_TABLE, OUT_TEXT
from gmmspeech.cli.process import tell
from gmmspeech.cli.steps import steps_options
from gmmspeech.errors import counted


@command("compute-vad")
@click.argument("feats", type=FEATURES)
@click.argument("out", metavar="OUT.ark", type=OUT_TABLE)
@click.option("--vad-config", type=FILE, help="VAD settings: Kaldi's vad.conf.")
def compute_vad_command(feats: str, out: str, vad_config: Path | None) -> None:
    """Detect voiced frames by their energy.

    FEATS is a file of features written by `features`, or scp:PATH, with the log energy or c0 in column 0. OUT.ark
    receives a vector of 1 and 0 for each utterance, as in Kaldi's vad.scp: ark:PATH, ark,t:PATH (text), ark,scp:ARK,SCP
    or ark:-.
    """
    from gmmspeech.commands.feature_steps import compute_vad

    tell(f"voice activity of {counted(compute_vad(feats, out, config=vad_config), 'utterance')}")


@command("compute-cmvn")
@click.argument("feats", type=FEATURES)
@click.argument("out", metavar="OUT.ark", type=OUT_TABLE)
@click.option(
    "--spk2utt", type=LIST, show_default="each utterance separately", help="File with speakers and their utterances."
)
def compute_cmvn_command(feats: str, out: str, spk2utt: Path | None) -> None:
    """Compute CMVN statistics.

    FEATS is a file of features written by `features`, or scp:PATH. OUT.ark receives sums and sums of squares for each
    utterance or speaker, as in Kaldi's cmvn.scp: ark:PATH, ark,t:PATH (text), ark,scp:ARK,SCP or ark:-.
    """
    from gmmspeech.commands.feature_steps import compute_cmvn

    count = compute_cmvn(feats, out, spk2utt=spk2utt)
    tell(f"statistics of {counted(count, 'utterance' if spk2utt is None else 'speaker')}")


@command("feature-info")
@click.argument("feats", type=FEATURES)
@click.option("--lengths", is_flag=True, help="Print the number of frames of each utterance instead, like feat-to-len.")
def feature_info(feats: str, lengths: bool) -> None:
    """Print dimension, utterances and frames.

    FEATS is a file of features written by `features`, or scp:PATH. Prints one line each: dim, utterances, frames.
    """
    from gmmspeech.stores.features import FeatureStore

    with FeatureStore(feats) as store:
        if lengths:
            for utterance in store:
                tell(f"{utterance} {store.num_frames(utterance)}")
            return
        tell(f"dim {store.dim}")
        tell(f"utterances {len(store)}")
        tell(f"frames {store.total_frames}")


@command("gselect")
@click.argument("ubm", metavar="UBM.h5", type=FILE)
@click.argument("feats", type=FEATURES)
@click.argument("out", metavar="OUT.txt", type=OUT_TEXT)
@click.option("-n", "--num-gselect", type=click.IntRange(1), default=50, help="Number of components for each frame.")
@steps_options()
def gselect(ubm: Path, feats: str, out: str, num_gselect: int, beside: Any) -> None:
    """List the best components of each frame.

    FEATS is a file of features written by `features`, or scp:PATH. OUT.txt is text as Kaldi's gmm-gselect writes it
    with ark,t:, best component first (- prints it). It may also be ark:PATH (binary), ark,t:PATH, ark,scp:ARK,SCP or
    ark:-.
    """
    from gmmspeech.commands.feature_steps import gselect_file

    count = gselect_file(ubm, feats, out, num_gselect, beside=beside)
    tell(f"best components of {counted(count, 'utterance')}")
