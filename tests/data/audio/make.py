"""Make the recordings of this folder with ffmpeg and lame: ``python tests/data/audio/make.py``.

They are what libsndfile can't write: MP3 from a pipe, with and without a constant bit rate, and joined.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parents[1]))
from sounds import RATE, sweep, with_pause  # noqa: E402


def printed(samples: bytes, *command: str) -> bytes:
    """What a program prints that is given samples."""
    return subprocess.run(command, input=samples, capture_output=True, check=True).stdout


def ffmpeg(samples: bytes, *options: str) -> bytes:
    source = ("-f", "s16le", "-ar", str(RATE), "-ac", "1", "-i", "pipe:0")
    return printed(samples, "ffmpeg", "-v", "error", *source, "-bitexact", *options, "pipe:1")


def lame(samples: bytes, *options: str) -> bytes:
    source = ("-r", "-s", str(RATE / 1000), "--bitwidth", "16", "-m", "m")
    with (FOLDER / "whole.pcm").open("wb") as file:
        file.write(samples)
    made = FOLDER / "whole.mp3"
    subprocess.run(["lame", "-S", *source, *options, "-V", "4", FOLDER / "whole.pcm", made], check=True)
    content = made.read_bytes()
    made.unlink()
    (FOLDER / "whole.pcm").unlink()
    return content


def main() -> None:
    paused, tone = with_pause().tobytes(), sweep().tobytes()
    (FOLDER / "vbr_of_a_pipe.mp3").write_bytes(ffmpeg(paused, "-c:a", "libmp3lame", "-q:a", "4", "-f", "mp3"))
    (FOLDER / "cbr_of_a_pipe.mp3").write_bytes(ffmpeg(tone, "-c:a", "libmp3lame", "-b:a", "32k", "-f", "mp3"))
    (FOLDER / "joined_xing.mp3").write_bytes(lame(tone) + lame(tone))
    (FOLDER / "joined_plain.mp3").write_bytes(lame(tone, "-t") + lame(paused, "-t"))
    (FOLDER / "layer2.mp2").write_bytes(ffmpeg(tone, "-c:a", "mp2", "-b:a", "32k", "-f", "mp2"))


if __name__ == "__main__":
    main()
