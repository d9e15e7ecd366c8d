"""The main job on synthetic voices: who speaks, is it who he claims to be; and phones. No corpus is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gmmspeech.cli.recipe import recipe_command
from gmmspeech.commands.phones import read_pronunciations, transcripts
from gmmspeech.corpora import voices
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.formats.datadir import DataDir, read_data_dir
from gmmspeech.formats.labels import read_ctm
from gmmspeech.phones.gmm.classification import OneModel
from gmmspeech.recipe.classification import classification_row, classification_stage
from gmmspeech.recipe.phone_classification import classified_rows, of_speakers, one_model_stage
from gmmspeech.recipe.phone_stages import (
    Speech,
    align_stage,
    aligned_path,
    boundary_row,
    flat_start_stage,
    labels_stage,
)
from gmmspeech.recipe.stages import Stage, run_stages
from gmmspeech.recipe.verification import (
    Protocol,
    VerificationConfig,
    features_path,
    features_stage,
    summaries,
    tell_results,
    train_stage,
    verification_row,
    verify_stage,
)

FRONT_END = "voices"
CLASS_COMPONENTS = 16

PHONE_FRONT_END = Path(__file__).with_name("phones.toml")
DICTIONARY = Path(__file__).with_name("words.dict")
FOLDS = 3  # each time a third of the voices is aligned, after training on the others
TRAINING: dict[str, Any] = {"total_gaussians": 400, "max_iter": 20}
PASSES = 2  # of the flat start: once more from single Gaussians, as data are few
CLASSIFIER = OneModel(smoothing=0.0)  # exact times need none
ALIGNED_BY = {"flat": "flat start", "exact": "trained on the exact times"}

CONFIG = VerificationConfig(n_components=64, relevance_factor=10.0, update="mvw", scoring="symmetric")


@click.option("--phones", is_flag=True, help="Align and classify phones too, after all else.")
@recipe_command(corpus=False)
def main(out: Path, jobs: int, stage: int | None, phones: bool) -> None:
    """Identify and verify synthetic voices: features, models, scores, a report, in under a minute."""
    corpus = voices.write_voices(out / "corpus")
    front = FrontEnd.from_toml(FRONT_END)
    parts = {name: read_data_dir(corpus / "data" / name) for name in ("train", "test", "ubm", "eval")}
    everything = read_data_dir(corpus / "data" / "all")
    test = parts["eval"].path
    protocol = Protocol("eval", features_path(out, "eval"), test / "enroll_spk2utt", test / "trials")
    run_stages(
        [
            *(features_stage(name, [part], out, front, jobs=jobs) for name, part in parts.items()),
            classification_stage("speakers", "utt2spk", parts, out, CLASS_COMPONENTS, CONFIG.seeds, jobs=jobs),
            train_stage("voices", features_path(out, "ubm"), out, CONFIG, jobs=jobs),
            verify_stage("voices", protocol, out, CONFIG, jobs=jobs),
            *(phone_stages(everything, out, jobs) if phones else []),
        ],
        out,
        first=stage,
    )
    tell_results([classification_row("speakers", out, CONFIG.seeds)], out, "classification")
    tell_results(
        [verification_row("verify 12 voices", summaries(out, "voices", protocol, CONFIG))], out, "verification"
    )
    if phones:
        tell_phones(everything, out)


def phone_stages(data: DataDir, out: Path, jobs: int) -> list[Stage]:
    """Phones of two thirds of the voices are learned, those of the other third aligned and classified.

    Phone HMMs are trained without and with the exact times, mixtures of phones with them.
    """
    front = FrontEnd.from_toml(PHONE_FRONT_END)
    static = FrontEnd(**{**front.model_dump(), "deltas": None})  # frames are spliced instead
    features = features_path(out, "phones")
    stages = [features_stage("phones", [data], out, front, jobs=jobs)]
    speech, dictionary = Speech(features, transcripts(data)), read_pronunciations([str(DICTIONARY)])
    speakers = sorted({data.utt2spk[utterance] for utterance in data.utterances})
    for fold in range(FOLDS):
        others = set(speakers[fold::FOLDS])
        test = speech.only(u for u in data.utterances if data.utt2spk[u] in others)
        train = speech.only(u for u in data.utterances if data.utt2spk[u] not in others)
        flat, exact = f"flat-{fold}", f"exact-{fold}"
        stages += [
            flat_start_stage(flat, train, dictionary, out, jobs=jobs, num_passes=PASSES, **TRAINING),
            align_stage(flat, flat, test, dictionary, out, jobs=jobs),
            labels_stage(exact, train, data.path / "phones.ctm", out, jobs=jobs, **TRAINING),
            align_stage(exact, exact, test, dictionary, out, jobs=jobs),
            one_model_stage(
                f"phones-{fold}",
                of_speakers(data, set(speakers) - others),
                of_speakers(data, others),
                out,
                static,
                CLASSIFIER,
                jobs=jobs,
            ),
        ]
    return stages


def tell_phones(data: DataDir, out: Path) -> None:
    """Print what became of all folds."""
    tell_results([alignment_row(data, kind, out) for kind in ALIGNED_BY], out, "alignment")
    tell_results(classified_rows([f"phones-{fold}" for fold in range(FOLDS)], out), out, "phones")


def alignment_row(data: DataDir, kind: str, out: Path) -> dict[str, str]:
    """Boundaries of all folds beside those that the synthesizer reported."""
    folders = [aligned_path(out, f"{kind}-{fold}") for fold in range(FOLDS)]
    found = {utterance: labels for path in folders for utterance, labels in read_ctm(path / "phones.ctm").items()}
    return boundary_row(ALIGNED_BY[kind], read_ctm(data.path / "phones.ctm"), found)


if __name__ == "__main__":
    main()
