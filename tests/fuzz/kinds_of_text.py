"""Text: data directories, lists, trials, scores, labels, dictionaries, configurations, manifests, marks of stages."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from fuzz.kinds import add
from fuzz.targets import Target, call, command, data_dir, front_end_json, lhotse, stages
from fuzz.world import FRONT_END, LABELS, UTTERANCES

import gmmspeech as gs
from gmmspeech.features.conf_files import read_kaldi_vad
from gmmspeech.formats.labels.labels import read_labels
from gmmspeech.formats.labels.tiers import read_tiers
from gmmspeech.formats.score_files import map_scores
from gmmspeech.phones.labels.labels import Label

_FEATURES = "features {folder} {out}/f.h5 --config {world}/front.toml --skip-bad"
_ALIGN = "align {folder} {world}/hmm.h5 --dictionary {world}/words.dict --out {out} --skip-bad"
_KALDI = "--sample-frequency=8000\n--num-ceps=6 # few\n--use-energy=false\n--low-freq=20\n--window-type=hamming\n"
_HCOPY = (
    "SOURCERATE = 1250.0\nTARGETKIND = MFCC_0_D_A\nTARGETRATE = 100000.0\nWINDOWSIZE = 250000.0\nUSEHAMMING = T\n"
    "PREEMCOEF = 0.97\nNUMCHANS = 26\nCEPLIFTER = 22\nNUMCEPS = 12\nENORMALISE = F\n"
)
_TOML = FRONT_END + '[deltas]\norder = 2\nwindow = 2\n[cmvn]\nmethod = "utterance"\n[vad]\nmethod = "relative"\n'
_LAB = "0 2000000 AA -12.5\n2000000 3500000 S -3\n3500000 4500000 SIL\n"
_MLF = "#!MLF!#\n" + "".join(f'"*/{u}.lab"\n{_LAB}.\n' for u in UTTERANCES)
_PHN = "0 1600 aa\n1600 2800 s\n2800 3600 h#\n"
_AUDACITY = "0.000000\t0.200000\tAA\n\\\t100.0\t200.0\n0.200000\t0.350000\ta b\n"
_SHORT_GRID = (
    'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n0.5\n<exists>\n2\n"IntervalTier"\n"phones"\n0\n0.45\n2\n'
    '0\n0.2\n"AA"\n0.2\n0.45\n"S"\n"TextTier"\n"points"\n0\n0.45\n1\n0.1\n"x ""y"""\n'
)
_RECORDING = {"sampling_rate": 8000, "num_samples": 4000, "duration": 0.5, "channel_ids": [0]}


def _text(text: str) -> Callable[[Path, Path], None]:
    return lambda path, world: path.write_text(text, encoding="utf-8") and None


def _directory(path: Path, world: Path) -> None:
    for name in ("wav.scp", "utt2spk", "text"):
        (path.parent / name).write_text((world / name).read_text())


def _segments(path: Path, world: Path) -> None:
    _directory(path, world)
    names = [f"{u}-{i}" for u in UTTERANCES for i in (1, 2)]
    path.write_text("".join(f"{n} {n[:-2]} {0.2 * (n[-1] == '2')} {0.2 + 0.25 * (n[-1] == '2')}\n" for n in names))
    (path.parent / "utt2spk").write_text("".join(f"{n} {n[:3]}\n" for n in names))
    (path.parent / "text").write_text("".join(f"{n} one two\n" for n in names))


def _grid(path: Path, world: Path) -> None:
    labels = {"ann-1": [Label(0.0, 0.2, "AA"), Label(0.2, 0.35, "S"), Label(0.35, 0.45, "b c")]}
    gs.formats.write_labels(path, labels, format="textgrid")


def _manifest(supervised: bool) -> Callable[[Path, Path], None]:
    def make(path: Path, world: Path) -> None:
        recordings = [
            {"id": u, "sources": [{"type": "file", "channels": [0], "source": f"{world}/{u}.wav"}], **_RECORDING}
            for u in UTTERANCES[:2]
        ]
        fixed = {"start": 0.0, "duration": 0.5, "channel": 0, "text": "one", "speaker": "ann"}
        supervisions = [{"id": f"s{u}", "recording_id": u, **fixed} for u in UTTERANCES[:2]]
        parts = {"recordings": recordings} | ({"supervisions": supervisions} if supervised else {})
        for name, items in parts.items():
            (path.parent / f"{name}.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))

    return make


def _mark(path: Path, world: Path) -> None:
    from gmmspeech.pipeline import Run

    run = Run(path.parent.parent)
    run.todo("one", makes=[])
    run.cpu_seconds("one")


def _mapped(path: Path) -> object:
    map_scores(path, path.parent / "mapped", lambda scores: scores)
    return {"files": (path.parent / "mapped").read_bytes()}


def _world_text(name: str) -> Callable[[Path, Path], None]:
    return lambda path, world: path.write_text((world / name).read_text()) and None


_DIRECTORY: dict[str, Target] = {"read": data_dir, "features": command(_FEATURES)}
for _name in ("wav.scp", "utt2spk", "text"):
    add(_name, _name, "text", {**_DIRECTORY, **({"align": command(_ALIGN)} if _name == "text" else {})}, _directory)
add("segments", "segments", "text", _DIRECTORY, _segments)
add(
    *("lists of utterances", "enroll", "text"),
    {
        "read": call(gs.read_list_map),
        "enroll": command("enroll {world}/u.h5 {world}/f.h5 {path} {out}/m.h5"),
        "all-trials": command("all-trials {path} {world}/utt2spk {out}/trials"),
        "make-trials": command("make-trials {path} {world}/utt2spk {out}/trials"),
    },
    _world_text("enroll"),
)
add(
    *("groups of utterances", "groups", "text"),
    {"score": command("score {world}/m.h5 {world}/f.h5 {world}/trials {out}/scores --groups {path}")},
    _text("ann-3 ann-3 ann-2\nbob-3 bob-3\n"),
)
add(
    *("classes", "utt2spk", "text"),
    {
        "train": command("train-classifier {world}/f.h5 {path} {out}/c.h5 -k 2"),
        "reference": command("classify {world}/c.h5 {world}/f.h5 --reference {path}"),
        "plda": command("train-plda {world}/ivectors.h5 {path} {out}/b.h5 --max-iter 2"),
    },
    _world_text("utt2spk"),
)
add(
    *("trials", "trials", "text"),
    {
        "read": call(gs.read_trials),
        "score": command("score {world}/m.h5 {world}/f.h5 {path} {out}/scores"),
        "evaluate": command("evaluate {world}/scores {path}"),
    },
    _world_text("trials"),
)
add(
    *("scores", "scores", "text"),
    {
        "read": call(gs.read_scores),
        "blocks": call(_mapped),
        "evaluate": command("evaluate {path} {world}/trials --report {out}"),
        "calibrate": command("calibrate {path} {world}/trials {out}/c.h5"),
        "apply": command("apply-calibration {world}/calibration.h5 {path} {out}/llrs"),
        "identify": command("identify {path}"),
        "normalize": command("normalize-scores {path} {out}/n --method z --model-cohort {world}/scores"),
        "cohort": command("normalize-scores {world}/scores {out}/n --method z --model-cohort {path}"),
        "fuse": command("fuse {path} {world}/scores {world}/trials {out}/f.h5"),
    },
    _world_text("scores"),
)
add(
    *("dictionary", "words.dict", "text"),
    {
        "read": call(gs.formats.read_dictionary),
        "align": command("align {world} {world}/hmm.h5 --dictionary {path} --out {out}"),
    },
    _text(";;; digits\nONE AA0 S # a comment\nONE(2) S AA\nTWO S AA1\nİI AA\n"),
)
_CLASSIFY = command(
    "train-phone-classifier {world} {out}/m.h5 --labels {path} -k 1 --parts 1 --dim 2 --config {world}/front.toml"
)
_LABELED = {"read": call(read_labels)}
_RECOGNIZE = {
    "classify": command("classify-phones {world} {world}/labeled.h5 --labels {path} --out {out}"),
    "recognize": command("recognize {world} {world}/hmm.h5 --phones {path} --reference {world}/phones.ctm"),
    "reference": command("recognize {world} {world}/hmm.h5 --phones {world}/phones.ctm --reference {path}"),
}
add("CTM", "phones.ctm", "text", {**_LABELED, "train": _CLASSIFY, **_RECOGNIZE}, _text(LABELS))
add("MLF", "phones.mlf", "text", {**_LABELED, "train": _CLASSIFY}, _text(_MLF))
add("HTK labels", "ann-1.lab", "text", _LABELED, _text(_LAB))
add("TIMIT's labels", "ann-1.phn", "text", _LABELED, _text(_PHN))
add("Audacity's labels", "ann-1.txt", "text", _LABELED, _text(_AUDACITY))
add("TextGrid", "ann-1.TextGrid", "text", _LABELED, _grid)
add("short TextGrid", "ann-1.TextGrid", "text", {"read": call(read_labels, tier="phones")}, _text(_SHORT_GRID))
_TIERS = {"read": call(read_tiers)}
_OF_MFA = {
    "start": 0,
    "end": 0.5,
    "tiers": {"phones": {"type": "interval", "entries": [[0, 0.2, "AA"], [0.2, 0.5, "S"]]}},
}
add("MFA's JSON", "ann-1.json", "text", _TIERS, _text(json.dumps(_OF_MFA, indent=4)))
_ROWS_OF_MFA = "Begin,End,Label,Type,Speaker\n0.0,0.2,AA,phones,ann\n0.2,0.5,S,phones,ann\n0.0,0.5,us,words,ann\n"
add("MFA's table", "ann-1.csv", "text", _TIERS, _text(_ROWS_OF_MFA))
_CONF = {"features": command("features {world} {out}/f.h5 --config {path}"), "show": command("show {path}")}
add("TOML", "front.toml", "text", {"read": call(gs.FrontEnd.from_toml), **_CONF}, _text(_TOML))
add("Kaldi's configuration", "mfcc.conf", "text", {"read": call(gs.FrontEnd.from_kaldi_conf), **_CONF}, _text(_KALDI))
add("HCopy's configuration", "hcopy.conf", "text", {"read": call(gs.FrontEnd.from_htk_conf), **_CONF}, _text(_HCOPY))
_VAD = "--vad-energy-threshold=5.5\n--vad-energy-mean-scale=0.5\n--vad-frames-context=2\n"
add("Kaldi's VAD", "vad.conf", "text", {"read": call(read_kaldi_vad)}, _text(_VAD))
add("front end in JSON", "front.json", "text", {"read": front_end_json}, _text(gs.FrontEnd().to_json()))
add("marks of stages", ".stages/1-one", "text", {"ask": stages}, _mark)
add(
    *("gselect", "gselect", "text", {"read": call(gs.formats.read_gselect)}),
    lambda path, world: gs.formats.write_gselect(path, {"u": np.array([[1, 2], [2, 1]]), "v": np.array([[0, 1]])}),
)
if importlib.util.find_spec("lhotse"):
    add("lhotse's recordings", "recordings.jsonl", "text", {"read": lhotse}, _manifest(False))
    add("lhotse's supervisions", "supervisions.jsonl", "text", {"read": lhotse}, _manifest(True))
