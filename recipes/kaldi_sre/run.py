"""Kaldi's recipe for NIST SRE 2010, line by line in commands of gmmspeech, on files that Kaldi reads and writes."""

import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import chdir, redirect_stdout
from pathlib import Path

import click
import numpy as np

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.cli import main as commands
from gmmspeech.commands.data_checks import fix_data
from gmmspeech.commands.evaluation import evaluate_file
from gmmspeech.formats.datadir import DataDir, read_map, write_map
from gmmspeech.formats.trials import write_trials
from gmmspeech.report import rows

HERE = Path(__file__).parent
PIECE = 4.0  # seconds of a session: each speaker of the background has one recording
STEPS = "--deltas 2 --delta-window 3 --sliding-cmvn"  # which the models keep
GSELECT = 20
SEXES = {"pooled": "", "female": "f", "male": "m"}
COUNT = click.IntRange(1)


@click.option("--components", type=COUNT, default=64, show_default=True, help="Of the background model.")
@click.option("--rank", type=COUNT, default=40, show_default=True, help="Of the i-vectors.")
@click.option("--lda-dim", type=COUNT, default=25, show_default=True, help="Of the i-vectors after LDA.")
@pipeline.other_parts("with enroll_spk2utt and trials: scored by the pooled models, whose speakers it must not have")
@pipeline.recipe(fetch="librispeech-mini")
def main(run: pipeline.Run, corpus: Path, components: int, rank: int, lda_dim: int, tests: Sequence[str]) -> None:
    """Train on `ubm`, score the trials of `sv80`; pooled and, in each sex, by models of that sex alone."""
    pipeline.check_other_names(tests, SEXES)
    others = {name: gs.read_data_dir(corpus / "data" / name) for name in tests}
    pipeline.check_other_speakers(gs.read_data_dir(corpus / "data/ubm"), others.values())
    makes = [run.out / "data" / part / "wav.scp" for part in ("train_pooled", "test_pooled")]
    if run.todo("data", makes=makes, of=[corpus / "data/ubm", corpus / "data/sv80"], settings=PIECE):
        prepare(corpus, run.out)
    for name, data in others.items():
        if run.todo(f"data-{name}", makes=[run.out / "data" / f"test_{name}" / "wav.scp"], of=[data]):
            write_sessions(data, run.out / "data" / f"test_{name}")
            for file in ("enroll_spk2utt", "trials"):
                shutil.copy(data.path / file, run.out / f"{file.split('_')[0]}_{name}")
    for part in ("train_pooled", "test_pooled", *(f"test_{name}" for name in tests)):
        do(run, f"features-{part}", [f"data/{part}/feats.scp", f"data/{part}/vad.scp"], [
            f"features data/{part} ark,scp:mfcc_{part}.ark,data/{part}/feats.scp --config mfcc.conf",
            f"compute-vad scp:data/{part}/feats.scp ark,scp:vad_{part}.ark,data/{part}/vad.scp --vad-config vad.conf",
            f"validate-data data/{part} --no-text",
        ])  # fmt: skip
    found = []
    for name, sex in SEXES.items():
        if sex:
            parts = ("train", "test")
            do(run, f"data-{name}", [f"data/{part}_{name}/wav.scp" for part in parts], [
                f"subset-data data/{part}_pooled data/{part}_{name} --spk-list speakers_{name}" for part in parts
            ])  # fmt: skip
        train, exp = f"data/train_{name}", f"exp/{name}"
        do(run, f"ubm-{name}", [f"{exp}/ubm.h5", f"{exp}/final.dubm"], [
            f"train-ubm scp:{train}/feats.scp {exp}/ubm.h5 -k {components} {STEPS} --vad scp:{train}/vad.scp JOBS",
            f"copy-model {exp}/ubm.h5 {exp}/final.dubm",
        ])  # fmt: skip
        scores = verify(run, name, f"{exp}/ubm.h5", exp, rank=rank, lda_dim=lda_dim)
        for label in [name] if sex else SEXES:
            found.append(figures(run, f"{label} trials, {name} models", scores, f"trials_{label}"))
    for name in tests:
        scores = score(run, name, "exp/pooled/ubm.h5", "exp/pooled", f"exp/{name}")
        found.append(figures(run, f"{name} trials, pooled models", scores, f"trials_{name}"))
    train, exp = "data/train_pooled", "exp/full"
    do(run, "ubm-full", [f"{exp}/ubm.h5", f"{exp}/final.ubm"], [
        f"train-ubm scp:{train}/feats.scp {exp}/ubm.h5 -k {components} --covariance-type full --init exp/pooled/ubm.h5 "
        f"--num-gselect {GSELECT} --max-iter 4 --vad scp:{train}/vad.scp JOBS",
        f"copy-model {exp}/ubm.h5 {exp}/final.ubm",
    ])  # fmt: skip
    scores = verify(run, "pooled", f"{exp}/ubm.h5", exp, rank=rank, lda_dim=lda_dim)
    found.append(figures(run, "pooled trials, pooled models, full covariances", scores, "trials_pooled"))
    run.results(found)


def verify(run: pipeline.Run, name: str, ubm: str, exp: str, *, rank: int, lda_dim: int) -> Path:
    """Train i-vectors and PLDA on some speakers under a background model, and score the trials of as many."""
    train, stage = f"data/train_{name}", exp.removeprefix("exp/")
    do(run, f"extractor-{stage}", [f"{exp}/extractor.h5"], [
        f"statistics {ubm} scp:{train}/feats.scp {exp}/train.h5 --vad scp:{train}/vad.scp JOBS",
        f"train-ivector {ubm} {exp}/train.h5 {exp}/extractor.h5 --rank {rank} --max-iter 5 JOBS",
        f"copy-model {exp}/extractor.h5 {exp}/final.ie",
    ])  # fmt: skip
    do(run, f"plda-{stage}", [f"{exp}/ivector_train.scp", f"{exp}/plda.h5"], [
        f"extract-ivectors {exp}/extractor.h5 {exp}/train.h5 ark,scp:{exp}/ivector_train.ark,{exp}/ivector_train.scp",
        f"train-plda scp:{exp}/ivector_train.scp {train}/utt2spk {exp}/plda.h5 "
        f"--steps center,lda,length --lda-dim {lda_dim}",
        f"copy-model {exp}/plda.h5 {exp}/kaldi/plda --to kaldi",
    ])  # fmt: skip
    return score(run, name, ubm, exp, exp)


def score(run: pipeline.Run, name: str, ubm: str, exp: str, out: str) -> Path:
    """Score the trials of some speakers by the i-vectors and PLDA of a folder; all of it is written into another."""
    test, stage = f"data/test_{name}", out.removeprefix("exp/")
    (run.out / out).mkdir(exist_ok=True)
    do(run, f"scores-{stage}", [f"{out}/ivector_test.scp", f"{out}/scores"], [
        f"statistics {ubm} scp:{test}/feats.scp {out}/test.h5 --vad scp:{test}/vad.scp JOBS",
        f"extract-ivectors {exp}/extractor.h5 {out}/test.h5 ark,scp:{out}/ivector_test.ark,{out}/ivector_test.scp",
        f"score-ivectors {exp}/plda.h5 scp:{out}/ivector_test.scp enroll_{name} trials_{name} {out}/scores",
    ])  # fmt: skip
    return run.out / out / "scores"


def figures(run: pipeline.Run, task: str, scores: Path, trials: str) -> dict[str, str]:
    """Row of the table of results."""
    return rows.verification_row(task, [evaluate_file(scores, run.out / trials)])


def do(run: pipeline.Run, stage: str, makes: Sequence[str], lines: Sequence[str]) -> None:
    """Do commands of gmmspeech in the folder of results, if their stage is to be done."""
    if not run.todo(stage, makes=[run.out / name for name in makes], settings=list(lines)):
        return
    for line in lines:
        words = shlex.split(line.replace("JOBS", f"--jobs {run.jobs}"))
        with chdir(run.out), redirect_stdout(sys.stderr):
            commands.main(words, prog_name="gmmspeech", standalone_mode=False)


def prepare(corpus: Path, out: Path) -> None:
    """Write data directories: pieces of the background's recordings, and sessions and trials as the corpus has them."""
    out.mkdir(parents=True, exist_ok=True)
    for name in ("mfcc.conf", "vad.conf"):
        shutil.copy(HERE / name, out / name)
    genders = {}
    for part, source in (("train_pooled", "ubm"), ("test_pooled", "sv80")):
        data, folder = gs.read_data_dir(corpus / "data" / source), out / "data" / part
        known, speakers = read_map(data.path / "spk2gender"), set(data.utt2spk.values())
        genders |= {speaker: known[speaker] for speaker in speakers}
        write_map(folder / "spk2gender", {speaker: known[speaker] for speaker in speakers})
        write_sessions(data, folder, cut=not data.segments)
    write_protocol(corpus / "data/sv80", out, genders)


def write_sessions(data: DataDir, folder: Path, *, cut: bool = False) -> None:
    """Write a data directory of what the corpus tells apart, or of pieces of its recordings."""
    segments, utt2spk = pieces(data) if cut else sessions(data)
    write_map(folder / "utt2spk", utt2spk)
    used = {recording for recording, _, _ in segments.values()} if segments else set(utt2spk)
    if segments:
        write_map(folder / "segments", segments)
    write_map(folder / "wav.scp", {r: str(path.absolute()) for r, path in data.recordings.items() if r in used})
    fix_data(folder)


def sessions(data: DataDir) -> tuple[dict[str, tuple[str, str, str]], dict[str, str]]:
    """Segments and speakers of utterances that a corpus cuts itself."""
    cuts = data.segments or {}
    return {name: (cut.recording, f"{cut.start:g}", f"{cut.end:g}") for name, cut in cuts.items()}, data.utt2spk


def pieces(data: DataDir) -> tuple[dict[str, tuple[str, str, str]], dict[str, str]]:
    """Segments of equal length, as sessions of a speaker with one recording, and their speakers."""
    segments = {}
    for name, seconds in read_map(data.path / "utt2dur").items():
        for i in range(int(float(seconds) // PIECE)):
            segments[f"{name}-{i}"] = (name, f"{i * PIECE:g}", f"{(i + 1) * PIECE:g}")
    return segments, {name: data.utt2spk[recording] for name, (recording, _, _) in segments.items()}


def write_protocol(source: Path, out: Path, genders: Mapping[str, str]) -> None:
    """Write speakers, enrollment and trials: of all, and within each sex."""
    enrolled, speaker_of = gs.read_list_map(source / "enroll_spk2utt"), read_map(source / "utt2spk")
    listed = gs.read_trials(source / "trials")
    is_target = np.asarray(listed.is_target)
    for name, sex in SEXES.items():
        of = {speaker for speaker in genders if sex in ("", genders[speaker])}
        kept = [i for i in range(len(listed)) if listed.models[i] in of and speaker_of[listed.tests[i]] in of]
        models, tests = [listed.models[i] for i in kept], [listed.tests[i] for i in kept]
        write_trials(out / f"trials_{name}", gs.TrialList(models, tests, is_target[kept]))
        write_map(out / f"enroll_{name}", {model: names for model, names in enrolled.items() if model in of})
        write_map(out / f"speakers_{name}", {speaker: genders[speaker] for speaker in of})


if __name__ == "__main__":
    main()
