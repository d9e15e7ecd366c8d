"""The documentation's shell blocks run as they stand, a page at a time from top to bottom, on a few recordings."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile
import soxr
from click.testing import CliRunner

import gmmspeech as gs
from gmmspeech.cli.main import main
from gmmspeech.commands import evidence, verify_folder
from gmmspeech.formats.datadir import read_map, write_map
from gmmspeech.phones.shipped import english_model

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"(?:<!-- ([^\n]+) -->\n)?^```(?:sh|bash|shell|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)
MARKED = {
    "main job": ".ci/run",
    "tests": ".ci/run",
    "command line quick start": "tests/test_readme.py",
    "fusion": "tests/test_readme.py",
}  # blocks behind a comment, and what runs them
PAGES = {
    str(page.relative_to(ROOT).with_suffix("")): BLOCK.findall(page.read_text(encoding="utf-8"))
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if not {"reference", "results"} & {page.parent.name}
}
PAGES = {name: blocks for name, blocks in sorted(PAGES.items()) if blocks}

INSTALLS, CLUSTER = "installs packages", "needs a cluster: tests/test_cluster.py starts one"
NOT_RUN = {
    ("CONTRIBUTING", "git clone"): "has no address",
    ("CONTRIBUTING", "python3 -m venv"): INSTALLS,
    ("CONTRIBUTING", "pip install"): INSTALLS,
    ("docs/index", "pip install"): INSTALLS,
    ("docs/index", "gmmspeech demo"): "tests/test_readme.py does",
    ("docs/how_to/cluster", "pip install"): INSTALLS,
    ("docs/how_to/cluster", "dask "): CLUSTER,
    ("docs/how_to/cluster", "gmmspeech features"): CLUSTER,
    ("docs/how_to/cluster", "gmmspeech train-ubm feats.h5 ubm.h5 -k 512 --scheduler"): CLUSTER,
    ("docs/how_to/cluster", "gmmspeech statistics"): CLUSTER,
    ("docs/how_to/cluster", "gmmspeech train-ivector"): CLUSTER,
    ("docs/how_to/corpora", "python recipes"): "downloads a corpus",
    ("docs/how_to/english_model", "pip install"): INSTALLS,
    ("docs/how_to/english_model", "python tests/benchmarks"): "takes minutes and the peer",
    ("docs/how_to/formats", "copy-feats"): "is a program of Kaldi's",
    ("docs/how_to/triphones", "gmmspeech train-phones FOLDER PHONES.h5 --ladder tri3"): "test_rungs.py does",
    ("docs/how_to/gpu", "pip install"): INSTALLS,
    ("docs/how_to/gpu", "gmmspeech train-ubm"): "needs a GPU",
    ("docs/tutorials/alignment", "pip install"): INSTALLS,
    ("docs/tutorials/alignment", "gmmspeech demo"): "tests/test_readme.py does",
}  # page, and how the line begins: all that nothing runs here, and why

SPEAKERS = ["adam", "andy", "lee", "m3"]


def write_lines(path: str | Path, lines: Iterable[str]) -> None:
    Path(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_data(folder: Path, voices: Path, speakers: Iterable[str], takes: Iterable[int]) -> None:
    """A data directory of some voices' sentences."""
    names = [f"{speaker}-s{take}" for speaker in speakers for take in takes]
    folder.mkdir(parents=True)
    write_map(folder / "wav.scp", {name: str(Path(f"audio/{name}.wav").resolve()) for name in names})
    Path("audio").mkdir(exist_ok=True)
    for name in names:
        sound, rate = gs.read_audio(voices / "audio" / f"{name}.wav")
        soundfile.write(f"audio/{name}.wav", soxr.resample(sound, rate, 16000), 16000)
    speaker_of = {name: name.partition("-")[0] for name in names}
    write_map(folder / "utt2spk", speaker_of)
    write_map(folder / "spk2gender", {speaker: "m" if speaker in SPEAKERS else "f" for speaker in speaker_of.values()})
    write_map(folder / "spk2utt", {s: [n for n in names if speaker_of[n] == s] for s in speakers})
    text = read_map(voices / "data" / "all" / "text", rest_of_line=True)
    write_map(folder / "text", {name: text[name] for name in names})
    rows = (voices / "data" / "all" / "phones.ctm").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "phones.ctm").write_text("".join(row for row in rows if row.split()[0] in speaker_of), encoding="utf-8")


def write_recordings(folder: Path, voices: Path, speakers: Iterable[str], takes: Iterable[int]) -> None:
    """A folder a speaker, with some of the sentences and what is said in them."""
    text = read_map(voices / "data" / "all" / "text", rest_of_line=True)
    for speaker in speakers:
        (folder / speaker).mkdir(parents=True)
        for name in (f"{speaker}-s{take}" for take in takes):
            shutil.copyfile(voices / "audio" / f"{name}.wav", folder / speaker / f"{name}.wav")
            (folder / speaker / f"{name}.txt").write_text(f"{text[name]}\n", encoding="utf-8")


def recordings(*folders: str, takes: Iterable[int] = (1, 2)) -> Callable[[Path], None]:
    def make(voices: Path) -> None:
        for folder in folders:
            write_recordings(Path(folder), voices, SPEAKERS, takes)

    return make


def features(voices: Path) -> None:
    write_data(Path("data/train"), voices, [*SPEAKERS, "f1", "f3"], (1, 3))
    front = gs.FrontEnd.from_toml(ROOT / "conf" / "mfcc_kaldi.toml")
    gs.extract_features([gs.read_data_dir("data/train")], "feats.h5", front)


def corpora(voices: Path) -> None:
    write_data(Path("data/more"), voices, ["m5"], (1,))
    write_lines("utterances", ["1-1-0001", "4-1-0000"])
    rng = np.random.default_rng(0)
    soundfile.write("babble.wav", rng.normal(0, 0.1, 16000), 16000)
    Path("RIRS").mkdir()
    soundfile.write("RIRS/room.wav", np.exp(-np.arange(800) / 100) * rng.normal(0, 0.3, 800), 16000)
    write_lines("RIRS/rir_list", ["--rir-id room --room-id small RIRS/room.wav"])
    folder = Path("LibriSpeech/train-clean-360")
    for speaker in range(1, 7):
        (folder / f"{speaker}/1").mkdir(parents=True)
        names = [f"{speaker}-1-000{take}" for take in range(3)]
        write_lines(folder / f"{speaker}/1/{speaker}-1.trans.txt", (f"{name} ONE TWO" for name in names))
        for name in names:
            bursts = rng.normal(0, 0.1, 64000) * np.tile(np.repeat([1, 0.01], 16000), 2)
            soundfile.write(folder / f"{speaker}/1/{name}.flac", bursts, 16000)
    write_lines("LibriSpeech/SPEAKERS.TXT", (f"{i} | {'FM'[i % 2]} | train-clean-360 | 25 | Name" for i in range(1, 7)))


def shards(voices: Path) -> None:
    Path("data/train").mkdir(parents=True)
    names, rng = [f"u{number:02d}" for number in range(64)], np.random.default_rng(0)
    for name in names:
        soundfile.write(f"{name}.wav", rng.normal(0, 0.1, 4000), 16000)
    write_map(Path("data/train/wav.scp"), {name: str(Path(f"{name}.wav").resolve()) for name in names})
    write_map(Path("data/train/utt2spk"), dict(zip(names, names, strict=True)))


def case(voices: Path) -> None:
    write_recordings(
        Path("SPEAKERS"), voices, [*SPEAKERS, "f1", "f3", "f5", "m1", "m5", "m7", "steph", "belinda"], (1, 2)
    )
    for name, sentence in (("questioned", "linda-s3"), ("known1", "linda-s4"), ("known2", "linda-s5")):
        shutil.copyfile(voices / "audio" / f"{sentence}.wav", f"{name}.wav")
    write_data(Path("DATA_DIR"), voices, SPEAKERS, (1, 2))
    shutil.copyfile("DATA_DIR/spk2utt", "SPK2UTT")
    shutil.copyfile("DATA_DIR/utt2spk", "UTT2SPK")
    speaker_of, rng = read_map("UTT2SPK"), np.random.default_rng(0)
    pairs = [(model, test, speaker_of[test] == model) for model in SPEAKERS for test in speaker_of]
    write_lines("TRIALS", (f"{model} {test} {'target' if same else 'nontarget'}" for model, test, same in pairs))
    write_lines("SCORES", (f"{model} {test} {rng.normal(2 * same)}" for model, test, same in pairs))
    for name in ("SCORES", "QUALITY", "PITCH"):
        Path(f"OTHER_{name}").symlink_to(name)


def formats(voices: Path) -> None:
    features(voices)
    Path("data/spk2utt").symlink_to("train/spk2utt")
    Path("data/utt2spk").symlink_to("train/utt2spk")
    Path("conf").mkdir()
    Path("conf/mfcc.conf").write_text("--num-ceps=13\n")
    Path("conf/vad.conf").write_text("--vad-energy-threshold=5.5\n")
    with gs.FeatureStore("feats.h5") as store:
        verifier = gs.SpeakerVerifier(gs.train_ubm(store, n_components=2))
        for speaker in SPEAKERS:
            verifier.enroll(speaker, store[f"{speaker}-s1"])
        verifier.save("models.h5")
    pairs = [(model, test) for model in SPEAKERS for test in SPEAKERS]
    write_lines("trials", (f"{m} {t}-s3 {'target' if m == t else 'nontarget'}" for m, t in pairs))
    rng = np.random.default_rng(0)
    gmm = gs.DiagonalGMM.from_parameters([0.5, 0.5], rng.normal(size=(2, 3)), np.ones((2, 3)))
    gs.formats.write_kaldi_gmm("final.dubm", gmm)
    gs.GMMClassifier(n_components=1).fit([rng.normal(size=(9, 3)), rng.normal(size=(9, 3))], ["a", "b"]).save(
        "classifier.h5"
    )
    mono = Path(os.environ["GMMSPEECH_GOLDEN"]) / "kaldi_models" / "mono"
    Path("exp/mono").mkdir(parents=True)
    Path("data/local/dict").mkdir(parents=True)
    for name in ("final.mdl", "tree", "phones.txt"):
        shutil.copyfile(mono / name, Path("exp/mono") / name)
    shutil.copyfile(mono / "mfcc.conf", "conf/mfcc.conf")
    shutil.copyfile(mono / "lexicon.txt", "lexicon.txt")
    shutil.copyfile(mono / "lexicon.txt", "data/local/dict/lexicon.txt")
    write_data(Path("data/test"), voices, SPEAKERS[:2], (1,))
    write_map(Path("data/test/text"), dict.fromkeys(read_map("data/test/utt2spk"), "YOU DON'T MEAN THAT"))
    english_model().save("phones.h5")
    Path("mine").mkdir()
    Path("test").symlink_to(".")


def sidekit(voices: Path) -> None:
    with h5py.File("sidekit_ubm.h5", "w") as file:
        file["w"], file["mu"], file["invcov"] = np.full(2, 0.5), np.zeros((2, 3)), np.ones((2, 3))
        file["invchol"], file["cov_var_ctl"] = np.array([]), np.ones((2, 3))
        file["cst"], file["det"], file["a"] = np.ones(2), np.ones(2), np.zeros(2)


def spoofing(voices: Path) -> None:
    rng, root = np.random.default_rng(0), Path("LA")
    (root / "ASVspoof2019_LA_cm_protocols").mkdir(parents=True)
    (root / "ASVspoof2019_LA_train" / "flac").mkdir(parents=True)
    keys = [f"LA_01 LA_T_{i} - {('- bonafide', 'A07 spoof')[i % 2]}" for i in range(20)]
    write_lines(root / "ASVspoof2019_LA_cm_protocols" / "ASVspoof2019.LA.cm.train.trn.txt", keys)
    write_lines("protocol.txt", keys)
    write_lines("asv.txt", ["- target 2", "- target 3", "- nontarget 0", "A07 spoof 2.5"])
    for i in range(20):
        noise = np.convolve(rng.normal(0, 0.1, 16000), [1, (0.9, -0.9)[i % 2]], mode="same")
        soundfile.write(root / "ASVspoof2019_LA_train" / "flac" / f"LA_T_{i}.flac", noise, 16000)
    Path("eval").symlink_to("train")


def languages(voices: Path) -> None:
    recordings("recordings")(voices)
    write_recordings(Path("transcribed"), voices, ["adam"], (1,))
    write_lines("transcribed/adam/adam-s1.txt", ["ə ˈdʒʌdʒ ɪn ə beɪʒ kloʊk"])
    write_lines("words.txt", ["klowk", "judge"])


def tutorial(voices: Path) -> None:
    recordings("demo/recordings", takes=(1, 2, 8))(voices)
    write_recordings(Path("recordings"), voices, ["m3"], (1, 2))
    write_data(Path("demo/voices/data/eval"), voices, SPEAKERS, (1, 2, 8))


def phones(voices: Path) -> None:
    write_data(Path("demo/voices/data/train"), voices, SPEAKERS[:2], (1, 2, 3))
    write_data(Path("demo/voices/data/test"), voices, SPEAKERS, (1,))


def words(voices: Path) -> None:
    recordings("FOLDER")(voices)
    write_lines("more_sentences.txt", ["a judge in a crowd", "good bakers push the gate"])
    write_lines("more.dict", ["klowk K L OW K"])
    english_model().save("PHONES.h5")


BEFORE: dict[str, Callable[[Path], object]] = {
    "README": recordings("FOLDER", takes=range(1, 4)),
    "docs/how_to/cluster": features,
    "docs/how_to/corpora": corpora,
    "docs/how_to/evidence": case,
    "docs/how_to/formats": formats,
    "docs/how_to/languages": languages,
    "docs/how_to/spoofing": spoofing,
    "docs/how_to/stores": shards,
    "docs/how_to/triphones": recordings("FOLDER"),
    "docs/how_to/words": words,
    "docs/tutorials/alignment": tutorial,
    "docs/tutorials/phones": phones,
    "docs/tutorials/sidekit_bob": sidekit,
}


def unmarked(page: str) -> str:
    """Blocks of a page that no other test runs."""
    return "".join(block for marker, block in PAGES[page] if not marker)


def commands(page: str) -> Iterator[str]:
    """Commands of a page that are run: lines and loops."""
    for line in re.findall(r"^for .*?^done|^[^\n]+", unmarked(page), re.DOTALL | re.MULTILINE):
        if not any(page == where and line.startswith(start) for where, start in NOT_RUN):
            yield line


def run(line: str) -> None:
    """A command of this package in this process, anything else by the shell."""
    words = [] if re.search("[|;]", line) else shlex.split(line, comments=True)
    if words[:1] != ["gmmspeech"]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        return
    words, _, place = (words[1:-2], *words[-2:]) if ">" in words else (words[1:], "", "")
    ran = CliRunner().invoke(main, words, prog_name="gmmspeech")
    assert ran.exit_code == 0, f"{line}\n{ran.output}"
    if place:
        Path(place).write_text(ran.stdout, encoding="utf-8")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", [page for page in PAGES if [*commands(page)]])
def test_shell_blocks_of_a_page_run(page, request, synthetic_voices, tmp_path, monkeypatch):
    if page == "docs/how_to/formats":
        request.getfixturevalue("golden")  # with a model of Kaldi's
    monkeypatch.chdir(tmp_path)
    for module in (evidence, verify_folder):
        monkeypatch.setattr(module, "RESAMPLES", 20)
    for parameter in main.commands["train-phones"].params:
        if parameter.name == "max_iter":  # of seconds of speech, more take longer and say no more
            monkeypatch.setattr(parameter, "default", 4)
    BEFORE.get(page, lambda voices: None)(synthetic_voices)
    for line in commands(page):
        run(line.replace("-k 512", "-k 32"))  # of seconds of speech, 512 take longer and say no more


def test_what_is_not_run_is_in_the_pages():
    lines = {page: "\n".join(block for _, block in blocks) for page, blocks in PAGES.items()}
    for page, start in NOT_RUN:
        assert re.search(f"^{re.escape(start)}", lines[page], re.MULTILINE), (page, start)
    assert {marker for blocks in PAGES.values() for marker, _ in blocks} == {"", *MARKED}
