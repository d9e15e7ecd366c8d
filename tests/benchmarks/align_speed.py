"""How many times faster than real time utterances are aligned on one processor, from features in a store.

OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python tests/benchmarks/align_speed.py DATA [--runs 3] [--dictionary cmudict]

DATA is a Kaldi directory with transcripts, a recording an utterance. Lines are alignment by the shipped English model
with fMLLR by speaker, without, and without finer boundaries; and pocketsphinx, where it is installed: words, then
phones and states, its features included, utterances that it gives up left out. The least of the runs, which take
turns, by wall clock and by processor seconds.
"""

import argparse
import contextlib
import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import gmmspeech as gs
from gmmspeech.audio.reading import read_audio
from gmmspeech.commands.phone_features import features_of
from gmmspeech.commands.transcripts import open_pronunciations, said_words
from gmmspeech.formats.datadir import DataDir
from gmmspeech.phones.shipped import english_model


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--dictionary", nargs="+", default=["cmudict"])
    options = parser.parse_args()
    data, model = gs.read_data_dir(options.data), english_model()
    words, known = said_words(data), open_pronunciations(options.dictionary)
    dictionary = {word: known[word] for line in words.values() for word in line if word in known}
    with features_of(data, gs.FrontEnd.from_json(model.front_end)) as (store, _):
        align = partial(gs.align, model, store, words, dictionary, unknown_words="SPN")
        ways: dict[str, Callable[[], object]] = {
            "adapted by speaker": lambda: align(utt2spk=data.utt2spk),
            "not adapted": align,
            "whole frames": lambda: align(refine=False),
        }
        seconds = sum(len(store[name]) for name in words) / 100
        peer = pocketsphinx(data, words)  # has its audio read already
        if peer:
            ways["pocketsphinx"] = peer
        print(f"{len(words)} utterances, {len(set(data.utt2spk.values()))} speakers, {seconds:.0f} s")
        for name, (wall, processor) in measure(ways, options.runs).items():
            print(f"{name:20s} {seconds / wall:5.0f} x real time, by processor seconds {seconds / processor:5.0f}")


def pocketsphinx(data: DataDir, words: dict[str, list[str]]) -> Callable[[], object] | None:
    """What aligns the same utterances with pocketsphinx; those with words that it doesn't know only in part."""
    try:
        from pocketsphinx import Decoder
    except ImportError:
        return None
    decoder = Decoder(lm=None, loglevel="FATAL")
    samples = {name: (32767 * read_audio(data.recordings[name])[0]).astype("<i2").tobytes() for name in words}
    texts = {name: [w for w in map(str.lower, line) if decoder.lookup_word(w)] for name, line in words.items()}

    def align() -> None:
        for name, text in texts.items():
            decoder.set_align_text(" ".join(text))
            with contextlib.suppress(RuntimeError):
                for _ in range(2):
                    decoder.start_utt()
                    decoder.process_raw(samples[name], full_utt=True)
                    decoder.end_utt()
                    decoder.set_alignment()

    return align


def measure(ways: dict[str, Callable[[], object]], runs: int) -> dict[str, tuple[float, float]]:
    """Least seconds of each way, by the clock and by the processor."""
    least = dict.fromkeys(ways, (math.inf, math.inf))
    for _ in range(runs):
        for name, way in ways.items():
            wall, processor = time.perf_counter(), time.process_time()
            way()
            spent = time.perf_counter() - wall, time.process_time() - processor
            least[name] = min(least[name][0], spent[0]), min(least[name][1], spent[1])
    return least


if __name__ == "__main__":
    main()
