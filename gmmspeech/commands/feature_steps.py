"""Tools for stored features: statistics of CMVN, voice activity, best components."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmspeech.commands.stored_features import NOTHING, Beside, open_features
from gmmspeech.commands.verification import check_frames
from gmmspeech.features.conf_files import read_kaldi_vad
from gmmspeech.features.vad import energy_vad
from gmmspeech.files.table_places import parse_output
from gmmspeech.formats.datadir import read_list_map
from gmmspeech.formats.kaldi.plda import write_kaldi_vectors
from gmmspeech.formats.kaldi.tables import write_table
from gmmspeech.stores.features import FeatureStore


def compute_cmvn(source: str, out: str, *, spk2utt: str | os.PathLike[str] | None = None) -> int:
    """Write statistics of CMVN of utterances, or of speakers, as Kaldi's ``compute-cmvn-stats`` does."""
    with FeatureStore(source) as store:
        groups = {name: [name] for name in store} if spk2utt is None else read_list_map(spk2utt)

        def stats() -> Iterator[tuple[str, NDArray[np.float64]]]:
            for speaker, utterances in groups.items():
                total = np.zeros((2, store.dim + 1))
                for utterance in utterances:
                    x = store[utterance].astype(np.float64)
                    total[0, :-1] += x.sum(axis=0)
                    total[0, -1] += len(x)
                    total[1, :-1] += (x**2).sum(axis=0)
                yield speaker, total

        return write_table(parse_output(out, archives=True), stats())


def compute_vad(source: str, out: str, *, config: str | os.PathLike[str] | None = None) -> int:
    """Write which frames are voiced, by energies in column 0, as Kaldi's ``compute-vad`` does: 1 or 0."""
    options = {} if config is None else read_kaldi_vad(Path(config))
    options.pop("method", None)
    with FeatureStore(source) as store:
        voiced = {name: energy_vad(frames, **options).astype(np.float32) for name, frames in store.items()}
    place = parse_output(out, archives=True)
    write_kaldi_vectors(place.path, voiced, scp=place.script, text=place.text)
    return len(voiced)


def gselect_file(
    ubm: str | os.PathLike[str], source: str, out: str, num_gselect: int, *, beside: Beside = NOTHING
) -> int:
    """Write the best components of each frame, the best first."""
    from gmmspeech.formats.kaldi.models import write_gselect
    from gmmspeech.formats.loading import load
    from gmmspeech.gmm.full import GMM
    from gmmspeech.gmm.mixture import DiagonalGMM

    gmm = load(ubm, (DiagonalGMM, GMM))
    place = parse_output(out, archives=True)
    with open_features(source, beside, front_end=gmm.front_end_, model=ubm) as store:
        check_frames(store, gmm, Path(ubm))
        count = min(num_gselect, len(gmm.weights_))
        found = {
            name: np.argsort(-gmm.predict_proba(frames), axis=1, kind="stable")[:, :count]
            for name, frames in store.items()
        }
    write_gselect(place.path, found, scp=place.script, binary=place.kind == "ark" and not place.text)
    return len(found)
