"""Trainings in processes that are ended by SIGKILL: at random moments, and at the worst places. Prints JSON.

A program, run by `test_checkpoints.py`: it imports gmmspeech once, and every training runs in a fork of it.
"""

import hashlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import scipy.linalg  # what trainings import when they need it, before they are forked
import scipy.sparse  # noqa: F401

import gmmspeech as gs
import gmmspeech.speaker.ivector
from gmmspeech.commands.phone_training import train_phones_file
from gmmspeech.commands.verification import checkpoint_of, train_ubm_file
from gmmspeech.files import checkpoints
from gmmspeech.phones.hmm import adapted_system, ladder

KILLS_A_KIND, MOST = 4, 8


def trainings(folder: Path) -> dict[str, Callable[[Path], None]]:
    """Give a function for each kind, which trains and writes a model to a path."""
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(1_000, 4)) + rng.normal(0, 2, (9, 4))[rng.integers(9, size=1_000)]
    gs.write_store(folder / "frames.h5", [("u", frames)])
    ubm = gs.DiagonalGMM.from_parameters(np.full(8, 1 / 8), frames[:8], np.ones((8, 4)))
    stats = [ubm.accumulate(part) for part in np.array_split(frames, 50)]
    sounds = {"SIL": -3.0, "AA": 0.0, "S": 3.0}

    def say(*phones: str) -> np.ndarray:
        return np.concatenate([rng.normal(sounds[p], 1, (15, 4)) for p in phones])

    spoken = {f"u{i}": say("SIL", *(["AA", "S"] if i % 2 else ["S", "AA"]), "SIL") for i in range(8)}
    words = {name: ["ASS" if int(name[1:]) % 2 else "SAH"] for name in spoken}
    dictionary = {"ASS": [["AA", "S"]], "SAH": [["S", "AA"]]}

    def mixture(out: Path, **options: object) -> None:
        train_ubm_file(folder / "frames.h5", out, 9, max_iter=9, tol=0, n_jobs=2, **options)

    def extractor(out: Path) -> None:
        with checkpoint_of(out) as checkpoint:
            gs.speaker.train_ivector_extractor(ubm, stats, 6, max_iter=9, checkpoint=checkpoint).save(out)

    def phones(out: Path) -> None:
        with checkpoint_of(out) as checkpoint:
            options = {"max_iter": 4, "total_gaussians": 12, "method": "baum-welch"}
            gs.train_phone_hmm(spoken, words, dictionary, checkpoint=checkpoint, **options).save(out)

    gs.write_store(folder / "spoken.h5", spoken.items())
    for module, name, value in (
        *((ladder, "CONTEXT", 1), (ladder, "DIM", 4), (ladder, "ADAPTATION_ROUNDS", 1)),
        *((adapted_system, "UPDATES", 2), (adapted_system, "MLLT_UPDATES", 1), (adapted_system, "MLLT_ROUNDS", 1)),
        *((adapted_system, "REALIGN_UNADAPTED", (2,)), (adapted_system, "REALIGN_ADAPTED", (2,))),
    ):
        setattr(module, name, value)
    speakers = {name: name[-1] for name in spoken}

    def rungs(out: Path) -> None:
        options = {"max_iter": 2, "num_passes": 1, "total_gaussians": 12, "rung": "tri3", "utt2spk": speakers}
        train_phones_file(folder / "spoken.h5", words, dictionary, out, n_jobs=2, **options)

    return {
        "ubm": mixture,
        "ubm, accelerated": lambda out: mixture(out, accelerate=True, init="random"),
        "i-vector extractor": extractor,
        "phone HMMs": phones,
        "triphones adapted to speakers": rungs,
    }


def forked(work: Callable[[], None]) -> int:
    """Start some work in a process of its own."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)
    return child


def was_killed(child: int) -> bool:
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL), f"a training ended with status {status}"
    return status < 0


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def with_death(train: Callable[[], None], place: str, at: Callable[[str, int], bool]) -> Callable[[], None]:
    """Train, but die where a file is written: `at` says of which file (its final name and its number) that shall be."""
    count = 0

    def reached(name: str) -> bool:
        nonlocal count
        count += 1
        return at(name, count)

    def replace(source: Path, target: Path) -> None:
        here = reached(Path(target).name)
        if here and place == "before the rename":
            die()
        plainly(source, target)
        if here:
            die()

    def write_bytes(path: Path, data: bytes) -> int:
        if reached(path.name):
            os.write(os.open(path, os.O_WRONLY), data[: len(data) // 2])
            die()
        return written(path, data)

    plainly, written = os.replace, Path.write_bytes

    def work() -> None:
        if place == "half written":
            Path.write_bytes = write_bytes
        else:
            os.replace = replace
        train()

    return work


def deaths(name: str) -> Iterator[tuple[str, Callable[[str, int], bool]]]:
    """Places to die at, one after the other: in checkpoints, and in the model itself."""
    for place in ("half written", "before the rename", "after the rename"):
        yield place, lambda _, count: count == 3
    for place in ("before the rename", "after the rename"):
        yield place, lambda file, _: file == name


def main() -> None:
    checkpoints.SECONDS_APART = 0.0  # these trainings take less than a second
    os.fsync = os.fstat  # a killed process loses nothing that it has written: only a power cut does
    folder = Path(sys.argv[1])
    chance = random.Random(0)
    results = {}
    for kind, train in trainings(folder).items():
        target = folder / kind.replace(" ", "-").replace(",", "") / "model.h5"
        target.parent.mkdir()

        def run(target: Path = target, train: Callable[[Path], None] = train) -> None:
            train(target)

        began = time.perf_counter()
        assert not was_killed(forked(run))
        duration = time.perf_counter() - began
        expected = target.read_bytes()
        hashes, kills = [], 0
        while kills < KILLS_A_KIND:
            target.unlink()
            while True:
                child = forked(run)
                if kills < MOST:  # on a busy machine it might never end
                    time.sleep(chance.uniform(0, 0.9 * duration))
                    os.kill(child, signal.SIGKILL)
                if not was_killed(child):
                    break
                kills += 1
                assert not target.exists() or target.read_bytes() == expected
            hashes.append(hashlib.sha256(target.read_bytes()).hexdigest())
        target.unlink()
        places = list(deaths(target.name))
        for place, at in places:
            assert was_killed(forked(with_death(run, place, at))), f"{kind}: was not killed {place}"
        assert not was_killed(forked(run))
        hashes.append(hashlib.sha256(target.read_bytes()).hexdigest())
        results[kind] = {
            "kills": kills + len(places),
            "random kills": kills,
            "expected": hashlib.sha256(expected).hexdigest(),
            "found": hashes,
            "left": sorted(path.name for path in target.parent.iterdir()),
            "seconds": duration,
        }
    print(json.dumps(results))


if __name__ == "__main__":
    main()
