"""What is done with a file: readers of the package, and whole commands."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner
from fuzz.verdicts import Refused

import gmmspeech as gs
from gmmspeech.files.text import read_text

Target = Callable[[Path, Path], Any]  # of a file, in the world of all others
_OUTPUT = 1 << 20  # bytes of an output that are looked at


def load(path: Path, world: Path) -> Any:
    """Load a model, and tell what it is."""
    model = gs.load(path)
    try:
        return {"model": model, "told": "\n".join(model.describe())}
    except gs.errors.ConfigError as error:  # of its front end, which nobody has looked at before
        raise gs.GmmSpeechError(f"{path}: {error}") from None


def score_frames(path: Path, world: Path) -> Any:
    """Score frames by a mixture."""
    gmm = gs.load(path, gs.DiagonalGMM)
    x = np.linspace(-1, 1, 7 * gmm.means_.shape[1]).reshape(7, -1)
    return {"model": gmm, "scores": gmm.score_samples(x), "posteriors": gmm.predict_proba(x)}


def copy_model(path: Path, world: Path) -> Any:
    """Copy a mixture by the command, and load the copy."""
    done = command("copy-model {path} {out}/a.txt")(path, world)
    return {**done, "model": gs.load(path.parent / "out" / "a.txt")}


def store(prefix: str = "") -> Target:
    """Give a target that reads all frames of a store, by utterances and in blocks."""

    def read(path: Path, world: Path) -> Any:
        with gs.FeatureStore(f"{prefix}{path}") as frames:
            found = {utterance: frames[utterance] for utterance in frames}
            blocks = [len(block) for block in frames.blocks(1000)]
            return {"frames": found, "blocks": sum(blocks), "told": "\n".join(frames.describe())}

    return read


def statistics(path: Path, world: Path) -> Any:
    """Read statistics of utterances."""
    with gs.stores.StatisticsStore(path) as stats:
        batches = [batch.sum_x for batch in stats.batches(2)]
        return {"stats": {name: stats[name] for name in stats}, "batches": batches, "told": "\n".join(stats.describe())}


def checkpoint(path: Path, world: Path) -> Any:
    """Go on with training."""
    x = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    return gs.train_ubm(x, 2, max_iter=3, checkpoint=gs.Checkpoint(path))


def audio(path: Path, world: Path) -> Any:
    """Read a recording, whole and a segment of it."""
    signal, rate = gs.read_audio(path)
    piece, _ = gs.read_audio(path, start=0.01, end=0.05)
    return {"signal": signal[:100000], "rate": rate, "piece": piece}


def data_dir(path: Path, world: Path) -> Any:
    """Read a data directory, and all utterances that can be."""
    data = gs.read_data_dir(path.parent)
    found: dict[str, Any] = {"speakers": data.utt2spk, "text": data.text}
    for utterance in data.utterances[:20]:
        found[utterance] = gs.formats.load_utterance(data, utterance)[0]
    return found


def call(function: Callable[..., Any], **options: Any) -> Target:
    """Give a target that calls a function with the path."""
    return lambda path, world: function(path, **options)


def lhotse(path: Path, world: Path) -> Any:
    """Read manifests, of which there may be two."""
    other = path.parent / "supervisions.jsonl"
    return gs.formats.read_lhotse(path.parent / "recordings.jsonl", other if other.exists() else None)


def front_end_json(path: Path, world: Path) -> Any:
    """Read a front end from JSON, as files of features have it."""
    text = read_text(path)
    try:
        return gs.FrontEnd.from_json(text).to_json()
    except gs.GmmSpeechError as error:
        raise gs.GmmSpeechError(f"{path}: {error}") from None


def stages(path: Path, world: Path) -> Any:
    """Ask a run of a recipe whether its first stage is done, and how long it took."""
    from gmmspeech.pipeline import Run

    run = Run(path.parent.parent)
    run.todo("one", makes=[])
    return [run.cpu_seconds("one") > 0]


def command(line: str) -> Target:
    """Give a target that runs a command: ``{path}`` is the file, ``{world}`` all others, ``{out}`` a new folder."""

    def run(path: Path, world: Path) -> Any:
        out = path.parent / "out"
        out.mkdir(exist_ok=True)
        words = [word.format(path=path, folder=path.parent, world=world, out=out) for word in shlex.split(line)]
        done = CliRunner().invoke(_main(), words, prog_name="gmmspeech")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        if done.exit_code == 2:
            raise Refused(f"usage: {done.stderr}")
        lines = done.stderr.rstrip("\n").split("\n")
        if done.exit_code != 0:
            if done.exit_code != 1 or not lines[-1].startswith("gmmspeech: error: "):
                raise RuntimeError(f"exit status {done.exit_code}, {done.stderr[-200:]}")
            raise Refused(lines[-1].removeprefix("gmmspeech: error: "))
        if longest := max(lines, key=len)[1200:]:
            raise Refused(f"a warning of {len(longest)} characters more than 1200: {longest[:1000]}")
        return {"told": done.stdout[:_OUTPUT], "files": dict(_outputs(out))}

    return run


def _outputs(out: Path) -> list[tuple[str, bytes]]:
    found = []
    for file in sorted(out.rglob("*")):
        if file.is_file():
            with open(file, "rb") as opened:
                found.append((file.name, opened.read(_OUTPUT)))
    return found


@functools.cache
def _main() -> Any:
    from gmmspeech.cli.main import main

    return main
