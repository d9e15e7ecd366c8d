"""How long every command takes to start, beside `import numpy`.

    python tests/benchmarks/startup.py [--repetitions 5]

Prints the median seconds of fresh processes, and how many times as long as one that imports NumPy alone: of
`import gmmspeech`, of every command's --help, and of commands that have next to nothing to do. The bars: 2.5 times for
`import gmmspeech`, 3 for `gmmspeech --help`. Then the slowest imports of `import gmmspeech`, as Python tells them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import soundfile

from gmmspeech.cli.main import main as commands

GMMSPEECH = [sys.executable, "-m", "gmmspeech"]
NUMPY = [sys.executable, "-c", "import numpy"]
RUNS = """\
prepare speakers audio data
features data f.h5 --config clean_speech
show f.h5
copy-features f.h5 ark:f.ark
train-ubm f.h5 u.h5 -k 2 --max-iter 1
show u.h5
copy-model u.h5 u.dubm
accumulate u.h5 f.h5 a.h5
estimate u.h5 a.h5 e.h5
enroll u.h5 f.h5 data/spk2utt m.h5
all-trials data/spk2utt data/utt2spk pairs
score m.h5 f.h5 trials scores
evaluate scores trials
calibrate scores trials c.h5
apply-calibration c.h5 scores llrs
identify scores
statistics u.h5 f.h5 s.h5
train-ivector u.h5 s.h5 x.h5 --rank 2 --max-iter 1
extract-ivectors x.h5 s.h5 i.h5
train-plda i.h5 data/utt2spk b.h5 --cosine --steps length
score-ivectors b.h5 i.h5 data/spk2utt trials scores2
supervectors u.h5 s.h5 v.h5
train-classifier f.h5 data/utt2spk k.h5 -k 1
classify k.h5 f.h5
"""


def main() -> None:
    """Print three tables and the slowest imports."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    repetitions = parser.parse_args().repetitions
    table("start", {"import gmmspeech": [sys.executable, "-c", "import gmmspeech"]}, repetitions)
    helps = {name: [*GMMSPEECH, *name.split(), "--help"] for name in ("", *commands.commands)}
    table("--help", {f"gmmspeech {name}".strip(): words for name, words in helps.items()}, repetitions)
    with tempfile.TemporaryDirectory() as folder:
        make_audio(Path(folder))
        table("run", {run: [*GMMSPEECH, *run.split()] for run in RUNS.splitlines()}, repetitions, folder)
    done = run([sys.executable, "-X", "importtime", "-c", "import gmmspeech"])
    slowest = sorted(done.stderr.splitlines()[1:], key=lambda line: int(line.split("|")[1]))[-15:]
    print("\npython -X importtime -c 'import gmmspeech': self µs | with what it imports, µs | module")
    print("\n".join(line.removeprefix("import time:") for line in slowest))


def table(what: str, processes: dict[str, list[str]], repetitions: int, folder: str | None = None) -> None:
    """Print the median seconds of some processes, each in turn with NumPy's."""
    print(f"\n| {what} | s | of NumPy's |\n| --- | --- | --- |")
    for name, words in processes.items():
        seconds: dict[str, list[float]] = {"numpy": [], "this": []}
        for _ in range(repetitions):
            for key, one in (("numpy", NUMPY), ("this", words)):
                start = time.perf_counter()
                run(one, folder)
                seconds[key].append(time.perf_counter() - start)
        numpy, this = median(seconds["numpy"]), median(seconds["this"])
        print(f"| `{name}` | {this:.2f} | {this / numpy:.1f} |")


def run(words: list[str], folder: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run to the end; an error stops the benchmark with its message."""
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stderr}")
    return done


def make_audio(folder: Path) -> None:
    """Write a second of noise four times for each of two speakers, and trials of all of them."""
    rng = np.random.default_rng(0)
    trials = []
    for speaker in ("ann", "bob"):
        (folder / "audio" / speaker).mkdir(parents=True)
        for take in range(4):
            soundfile.write(folder / "audio" / speaker / f"{take}.wav", rng.normal(0, 0.1, 16000), 16000)
            trials += [f"{m} {speaker}-{take} {'target' if m == speaker else 'nontarget'}" for m in ("ann", "bob")]
    (folder / "trials").write_text("\n".join(trials) + "\n")


if __name__ == "__main__":
    main()
