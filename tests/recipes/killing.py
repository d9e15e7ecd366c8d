"""A recipe in processes that end, or are ended by SIGKILL once a file is there: each a fork, the recipe imported once.

A program, run by `test_killed.py`. Every line of the input is a JSON list: the file that is awaited, or null, and the
options; every line of the output is one too: how the process ended, what it printed and what it said.
"""

import importlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from gmmspeech.report import html

sys.path.append(str(Path(__file__).parent.parent.parent / "recipes" / "fsdd"))


def ended(recipe: Callable[[list[str]], None], options: list[str], awaited: str | None) -> tuple[int, str, str]:
    """Run a recipe, and kill it once a file is there."""
    with tempfile.TemporaryFile("w+") as printed, tempfile.TemporaryFile("w+") as said:
        child = os.fork()
        if child == 0:
            os.dup2(printed.fileno(), 1)
            os.dup2(said.fileno(), 2)
            try:
                recipe(options)
            except SystemExit as end:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(end.code or 0)
            os._exit(99)
        gone = 0
        while awaited and not gone and not Path(awaited).exists():
            time.sleep(0.002)
            gone, status = os.waitpid(child, os.WNOHANG)
        if not gone:
            if awaited:
                os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
        texts = []
        for file in (printed, said):
            file.seek(0)
            texts.append(file.read())
        return os.waitstatus_to_exitcode(status), *texts


def main() -> None:
    """Run what is asked for, with few Gaussians a class and no pictures, which take most of the time."""
    recipe = importlib.import_module("run")
    recipe.CLASS_COMPONENTS = 2
    html.figure_of, html.inline_svg = (lambda *_, **__: None), (lambda *_, **__: "")
    for line in sys.stdin:
        awaited, options = json.loads(line)
        print(json.dumps(ended(recipe.main, options, awaited)), flush=True)


if __name__ == "__main__":
    main()
