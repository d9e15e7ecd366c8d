"""Shared parts of recipes: a command line, stages that are not repeated, and tables of results.

A recipe is a script. Before each stage it asks whether to run it, and it ends with its results::

    @pipeline.recipe(fetch="librispeech-mini")
    def main(run, corpus):
        if run.todo("features", makes=[features], of=[data], settings=FRONT_END):
            gs.extract_features([data], features, FRONT_END, n_jobs=run.jobs)
        ...
        run.results(rows)
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from gmmspeech.audio import audio_file
from gmmspeech.errors import ConfigError, DataError, DownloadError, report_errors, say, shown
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.files.atomic import atomic_path, remove_leftovers, write_lines
from gmmspeech.files.text import parse_number, read_text
from gmmspeech.formats.datadir import DataDir

MARKS = ".stages"
FOLDER = click.Path(path_type=Path, file_okay=False)


class _Stage(NamedTuple):
    """The stage that is being done."""

    mark: Path
    digest: str
    title: str
    began: float
    cpu: float


class Run:
    """A run of a recipe: its finished stages and their results.

    A stage counts as done when the next one begins, so a stage that fails or is killed does not.

    Parameters
    ----------
    out : Path
        Folder for all output of the recipe; ``.stages`` in it records the finished stages.
    jobs : int
        Number of threads for the recipe.
    first : int, optional
        Number (from 1) of the first stage to run: it and all later ones are repeated, earlier ones are kept.
    settings : mapping, optional
        Settings to write with the results.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from gmmspeech.pipeline import Run
    >>> out = Path(tempfile.mkdtemp())
    >>> for _ in range(2):
    ...     run = Run(out)
    ...     if run.todo("copy", makes=[out / "copy"], settings={"text": "x"}):
    ...         print("copying", (out / "copy").write_text("x"))
    ...     run.results([{"task": "copy", "letters": "1"}])
    copying 1
    | task | letters |
    | --- | --- |
    | copy | 1 |
    | task | letters |
    | --- | --- |
    | copy | 1 |
    """

    def __init__(
        self, out: Path, *, jobs: int = 1, first: int | None = None, settings: Mapping[str, Any] | None = None
    ) -> None:
        if first is not None and first < 1:
            raise ConfigError(f"--stage: found {first}, expected 1 or more")
        self.out, self.jobs = out, jobs
        self._first, self._settings = first, settings or {}
        self._count, self._digest, self._redo = 0, "", False
        self._stage: _Stage | None = None
        self._marks: dict[str, Path] = {}
        self._tables: dict[str, Sequence[Mapping[str, str]]] = {}

    def todo(
        self, name: str, makes: Iterable[Path], *, of: Iterable[Path | DataDir] = (), settings: Any = None
    ) -> bool:
        """Return whether to run a stage, and mark the one before as done.

        A stage is skipped if its outputs exist and were made with the same settings and inputs, after the same stages.

        Parameters
        ----------
        name : str
        makes : iterable of Path
            Files that the stage makes.
        of : iterable of Path or DataDir
            Files, folders (with all their files) and data directories (with their utterances and audio) that the stage
            reads and no earlier stage made. Changes of files are recognized by size and time.
        settings : object
            Everything else that decides the outputs: anything that JSON can hold, front ends, dataclasses, and paths.

        Raises
        ------
        ConfigError
            An output of a stage before the first one to run is missing.
        """
        self._end_stage()
        self._count += 1
        outputs, mark = list(makes), self.out / MARKS / f"{self._count}-{name}"
        self._digest, self._marks[name] = _digest(self._digest, name, of, settings), mark
        title = f"stage {self._count}, {name}"
        if self._first is not None and self._count < self._first:
            missing = [path for path in outputs if not path.exists()]
            if missing:
                raise ConfigError(f"--stage {self._first}: {missing[0]} of {title}, is not there")
            return False
        same = _read_mark(mark)[0] == self._digest
        if self._first is None and not self._redo and same and all(path.exists() for path in outputs):
            say(f"{title}: done before", sender="")
            return False
        self._redo = True
        for later in (self.out / MARKS).glob("*-*"):  # to be redone too, in this run or the next
            number = later.name.split("-")[0]
            if number.isdecimal() and int(number) >= self._count and not later.is_dir():
                later.unlink()
        remove_leftovers(*outputs, mark)
        say(f"{title} ...", sender="")
        self._stage = _Stage(mark, self._digest, title, time.perf_counter(), time.process_time())
        return True

    def cpu_seconds(self, name: str) -> float:
        """Return the CPU time of all threads that a stage took in seconds; NaN if not known."""
        self._end_stage()
        return _read_mark(self._marks[name])[1]

    def results(self, rows: Sequence[Mapping[str, str]], name: str = "results") -> None:
        """Print a Markdown table and keep it in ``NAME.md``, and with all other tables in ``results.json``."""
        self._end_stage()
        columns = list(rows[0])
        cells = [columns, ["---"] * len(columns), *([row[column] for column in columns] for row in rows)]
        lines = [f"| {' | '.join(line)} |" for line in cells]
        self._tables[name] = rows
        seconds = round(sum(_read_mark(mark)[1] for mark in self._marks.values()), 1)
        everything = {"command": shlex.join(sys.argv), "settings": self._settings, "processor seconds": seconds}
        everything["tables"] = self._tables
        write_lines(self.out / f"{name}.md", lines)
        write_lines(
            self.out / "results.json",
            [json.dumps(everything, indent=1, ensure_ascii=False, skipkeys=True, default=_plain)],
        )
        print("\n".join(lines))

    def close(self) -> None:
        """End the last stage.

        Raises
        ------
        ConfigError
            There is no stage with the number of the first one to run.
        """
        self._end_stage()
        if self._first is not None and self._first > self._count:
            raise ConfigError(f"--stage: found {self._first}, expected 1 to {self._count}")

    def _end_stage(self) -> None:
        if self._stage is not None:
            stage, self._stage = self._stage, None
            write_lines(stage.mark, [stage.digest, f"{time.process_time() - stage.cpu:.3f}"])
            say(f"{stage.title}: {time.perf_counter() - stage.began:.1f} s", sender="")


def recipe(
    *, corpus: bool = True, stages: bool = True, fetch: str | None = None, quick: str | None = None
) -> Callable[[Callable[..., None]], click.Command]:
    """Turn a recipe's main function into a command.

    It is called with a `Run`, with ``corpus`` (a Path, unless the recipe makes its own corpus), and with its own
    options.

    Parameters
    ----------
    corpus : bool
        Whether the recipe reads a corpus.
    stages : bool
        Whether the recipe has stages, or is a single step.
    fetch : str, optional
        Open corpus to download if ``--corpus`` is not given.
    quick : str, optional
        Smaller corpus for ``--quick``; the function is then called with ``quick`` (bool).
    """

    def decorate(main: Callable[..., None]) -> click.Command:
        @functools.wraps(main)
        def command(out: Path, jobs: int, stage: int | None = None, **options: Any) -> None:
            constants = {name: value for name, value in main.__globals__.items() if name.isupper()}
            settings = {k: v for k, v in {**constants, **options}.items() if not isinstance(v, click.ParamType)}
            run = Run(out, jobs=jobs, first=stage, settings=settings)
            if fetch and options["corpus"] is None:
                options["corpus"] = fetched(quick if quick and options["quick"] else fetch)
            main(run, **options)
            run.close()

        done = report_errors(command)
        for option in _options(corpus, stages, fetch, quick):
            done = option(done)
        return click.command(help=main.__doc__)(done)

    return decorate


def other_parts(needs: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Option for more parts of a corpus to test on; it tells what such a part needs, and what is done with it."""
    text = f"Another part of the corpus, {needs}. May be given again."
    return click.option("--test", "tests", metavar="PART", multiple=True, help=text)


test_option = other_parts("with enroll_spk2utt and trials: verified by what was learned, and calibrated on, the others")


def check_other_names(parts: Iterable[str], own: Container[str]) -> None:
    """Raise a ConfigError where a part to test on is called as something that a recipe makes itself."""
    for part in parts:
        if part in own:
            raise ConfigError(f"--test: found {part}, a name of the recipe's own, expected a part of another name")


def check_other_speakers(training: DataDir, parts: Iterable[DataDir]) -> None:
    """Raise a DataError where a part to test on has a speaker of the one to learn from."""
    known = set(training.utt2spk.values())
    for part in parts:
        both = sorted(known & {part.utt2spk[utterance] for utterance in part.utterances})
        if both:
            found = f"speaker {shown(both[0])} of {training.path.name} ({len(both)} such)"
            raise DataError(f"{part.path}: found {found}, expected speakers that were not learned from")


def fetched(name: str, *, option: str = "--corpus") -> Path:
    """Fetch an open corpus; an error tells of the option that takes one from a folder."""
    from gmmspeech.corpora.registry import fetch_corpus  # which knows all corpora

    try:
        return fetch_corpus(name)
    except DownloadError as error:
        raise DownloadError(f"{error}; {option} DIR takes the corpus from a folder instead") from error


def take_open_background(run: Run, rate: int) -> Path:
    """Copy the background model that comes with the package to the other models of a run; anew when it has changed."""
    from gmmspeech.speaker.shipped import background_file  # and what models need, which no help needs

    shipped, path = background_file(rate), run.out / f"ubm-open-{rate}.h5"
    content = shipped.read_bytes()
    if run.todo(path.stem, makes=[path], settings=hashlib.sha256(content).hexdigest()):
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
    return path


def _options(corpus: bool, stages: bool, fetch: str | None, quick: str | None) -> Iterator[Callable]:
    """Options of a recipe, in the reverse order of its help."""
    yield click.option("--debug", is_flag=True, help="Show the traceback of an error.")
    if stages:
        yield click.option("--stage", type=int, help="Begin with this stage; do it and all later ones anew.")
    yield click.option(
        "--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, help="Threads.  [default: one a core]"
    )
    yield click.option("--out", type=FOLDER, required=True, help="Folder for everything the recipe makes.")
    if corpus:
        text = "Folder of the corpus, with audio/ and data/." + (
            "  [default: fetched from its origin]" if fetch else ""
        )
        yield click.option("--corpus", type=FOLDER, required=not fetch, help=text)
    if quick:
        yield click.option("--quick", is_flag=True, help=f"A quick try, on the corpus {quick}.")


def _digest(before: str, name: str, of: Iterable[Path | DataDir], settings: Any) -> str:
    """Tell apart what a stage and all before it are made of."""
    parts = [before, name, json.dumps(settings, sort_keys=True, default=_plain)]
    for source in of:
        if isinstance(source, DataDir):
            parts += [f"{utterance} {source.utt2spk.get(utterance)}" for utterance in source.utterances]
            parts += [_stamp(path) for path in (source.path / "wav.scp", source.path / "segments")]
            parts += [_stamp(Path(audio_file(str(path))[0])) for path in source.recordings.values()]
        elif source.is_dir():
            parts += [_stamp(path) for path in sorted(source.rglob("*")) if path.is_file()]
        else:
            parts.append(_stamp(source))
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()  # any names


def _stamp(path: Path) -> str:
    """Size and time of a file, as make has it: to read a large corpus again would take minutes."""
    found = path.stat() if path.exists() else None
    return f"{path} {found.st_size} {found.st_mtime_ns}" if found else f"{path} missing"


def _read_mark(mark: Path) -> tuple[str, float]:
    """Digest and processor seconds that the mark of a stage has, "" and NaN where it has none that make sense."""
    try:
        digest, seconds = read_text(mark).split()
        return digest, parse_number(seconds)
    except (DataError, ValueError):
        return "", float("nan")


def as_data(value: Any) -> Any:
    """Give what JSON holds in place of a front end or a dataclass; of anything else, a TypeError."""
    if isinstance(value, FrontEnd):
        return json.loads(value.to_json())
    if dataclasses.is_dataclass(value):
        return dataclasses.asdict(value)  # type: ignore[arg-type]
    raise TypeError(f"found {type(value).__name__}, expected a front end or a dataclass")


def _plain(value: Any) -> Any:
    """What JSON holds in place of an object."""
    try:
        return as_data(value)
    except TypeError:
        return str(value)
