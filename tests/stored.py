"""A small table of stored features, which tests of what is done to such features share."""

import numpy as np

from gmmspeech.commands.stored_features import open_features, read_beside
from gmmspeech.formats.kaldi.ark import write_kaldi_ark

RNG = np.random.default_rng(0)
CENTER = np.array([12, 0, 0, 0, 5, 0])
FRAMES = {f"u{i}": (RNG.normal(size=(30 + i, 6)) + CENTER).astype(np.float32) for i in range(3)}


def write_table(folder):
    """Write the archive and the list of the features into a folder, and whose they are."""
    write_kaldi_ark(folder / "a.ark", FRAMES.items(), scp=folder / "a.scp")
    (folder / "utt2spk").write_text("u0 ann\nu1 ann\nu2 bob\n")
    (folder / "spk2utt").write_text("ann u0 u1\nbob u2\n")


def prepared(**options):
    """Features of the list in this folder, behind the steps that options ask for."""
    with open_features("scp:a.scp", read_beside(**options)) as store:
        return dict(store)
