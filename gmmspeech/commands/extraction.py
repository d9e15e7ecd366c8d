"""Feature extraction from data directories to a feature store, shard by shard, so that interrupted runs can resume.

The utterances are divided into shards by the size of their audio only. Each shard is a feature file with a record that
is written when the file is complete. Both are named after a digest of everything that decides the frames, so that a
later run reuses exactly the matching work. The shards are then merged into one file, or stay separate under an index.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.audio import audio_file
from gmmspeech.audio.samples import Channel
from gmmspeech.blocks import ordered_map, single_threaded_blas, while_wanted
from gmmspeech.cluster import map_items, on_cluster
from gmmspeech.commands.shard_folder import RAW, WHOLE, check_shard_folder, clear_shard_folder, read_record
from gmmspeech.commands.shards import Shard, divided, extracted_together, file_of, named_shard, state_of
from gmmspeech.errors import AudioError, ConfigError, DataError, FeatureError, all_of, as_of_utterance
from gmmspeech.features import conf_files
from gmmspeech.features.frontend import FrontEnd, SpeakerCmvnOptions, UtteranceCmvnOptions
from gmmspeech.features.stream import FrontEndStream
from gmmspeech.files.atomic import check_output, move_into_place, one_run_at_a_time, remove_leftovers, write_lines
from gmmspeech.formats.datadir import DataDir, load_utterance, load_utterance_blocks
from gmmspeech.progress import progress as bar_of
from gmmspeech.stores.features import write_index
from gmmspeech.stores.hdf5_frames import FeatureWriter
from gmmspeech.stores.raw_frames import raw_is_whole, raw_writer, read_raw

if TYPE_CHECKING:
    from distributed import Client

LONG = 2**23  # samples: of more, nine minutes at 16 kHz, frames are computed block by block
LONG_FILE = 2**23  # bytes of a file that may hold so many
WORTH_PROCESSES = 2**31  # of audio: from there on the seconds that processes take to start don't matter, and many of
# them don't wait for Python's interpreter lock, as many threads do


def read_front_end(config: str, parts: Sequence[DataDir], channel: Channel = None) -> FrontEnd:
    """Front end of a configuration; one of HTK's without SOURCERATE has the rate of the first recording."""
    rate = _rate_of(parts, channel) if conf_files.lacks_rate(Path(config)) else None
    return FrontEnd.from_file(config, sample_frequency=rate)


def _rate_of(parts: Sequence[DataDir], channel: Channel) -> int | None:
    """Samples a second of the first utterance that can be read; extraction names those that can't."""
    for data in parts:
        for utterance in data.utterances:
            with suppress(AudioError, OSError):
                return load_utterance(data, utterance, channel=channel)[1]
    return None


@dataclass
class Extraction:
    """Result of `extract_features`."""

    num_utterances: int = 0
    num_frames: int = 0
    skipped: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _ShardRecord:
    """Record of a finished shard: frames of each utterance, or the reason why it has none."""

    lengths: dict[str, int]
    skipped: dict[str, str]


_Made = tuple[Shard, dict[str, int]]  # a shard that is a file, and the frames of its utterances


class _NothingGood(Exception):
    """A shard of bad utterances alone is no file."""


@checked
def extract_features(
    parts: Sequence[DataDir],
    out: Path,
    front: FrontEnd,
    *,
    n_jobs: int | None = 1,
    channel: Channel = None,
    skip_bad: bool = False,
    storage: str = "float32",
    compression: str | None = None,
    shards: int | None = None,
    shard: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
) -> Extraction:
    """Compute the features of all utterances in one or more data directories and write them to one feature store.

    An interrupted run leaves a folder beside `out`; the same call resumes from it and ends with the same bytes as an
    uninterrupted run. The bytes are also the same for any number of jobs.

    Parameters
    ----------
    parts : sequence of DataDir
    out : Path
        HDF5 file.
    front : FrontEnd
    n_jobs : int
        Number of threads or, for more than 2 GiB of audio, of processes.
    channel : int or "mix", optional
        Which channel of recordings with several, counted from 0, or "mix" for the mean of all.
    skip_bad : bool
        Leave out and report utterances that can't be read or have no voiced frame, instead of stopping.
    storage, compression
        As for `FeatureWriter`.
    shards : int, optional
        Number of files to write, in a folder beside `out`; `out` becomes their index.
    shard : int, optional
        Write only this shard, counted from 1, and no index: one task of a cluster's job array. When all are done, a
        call without it writes the index.
    scheduler : str, optional
        Address of a Dask scheduler whose workers compute the shards instead of local threads. They read the audio and
        write the shards by their paths, which must lead to the same files on all machines.
    progress : bool
        Show a progress bar in a terminal or notebook if the work takes longer than two seconds.

    Returns
    -------
    Extraction
        With `num_utterances` and `num_frames` that were written, and `skipped`, the reason for each bad utterance.

    Raises
    ------
    DataError
        `out` can't be written, or all utterances are bad.
    AudioError, FeatureError
        Without `skip_bad`, an utterance that can't be read or has no voiced frame.
    ConfigError
        A shard number that does not exist.

    Examples
    --------
    >>> import pathlib, tempfile, numpy as np, soundfile, gmmspeech as gs
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> soundfile.write(folder / "u1.wav", np.random.default_rng(0).normal(0, 0.1, 16000), 16000)
    >>> _ = (folder / "wav.scp").write_text(f"u1 {folder}/u1.wav")
    >>> _ = (folder / "utt2spk").write_text("u1 ann")
    >>> data = gs.read_data_dir(folder)
    >>> done = gs.extract_features([data], folder / "feats.h5", gs.FrontEnd.from_toml("clean_speech"))
    >>> done.num_utterances, done.num_frames
    (1, 98)
    """
    out = check_output(out)
    for data in parts:
        check_not_recording(data, out)
    groups = [(data, group) for data in parts for group in extracted_together(data, front)]
    counts = Counter(utterance for _, group in groups for utterance in group)
    if not counts:
        raise DataError(f"{out}: found no utterance to extract, expected one or more")
    if len(counts) < sum(counts.values()):
        twice = next(utterance for utterance, count in counts.items() if count > 1)
        raise DataError(f"{out}: found utterance {twice} again, expected each once")
    if shard is not None and not (shards and 1 <= shard <= shards):
        raise ConfigError(f"shard: found {shard}, expected 1 to the number of shards ({shards or 'not given'})")
    if shards is not None and not 1 <= shards <= len(groups):
        raise ConfigError(f"shards: found {shards}, expected 1 to {len(groups)}, as there is work to divide")
    folder = out.with_name(f".{out.stem}.unfinished" if shards is None else f"{out.stem}.shards")
    suffix = RAW if shards is None else ".h5"
    tasks = [
        named_shard(Shard(folder, part, size, front, channel, skip_bad, storage, compression), number, suffix)
        for number, (part, size) in enumerate(divided(groups, shards), start=1)
    ]
    done = Extraction()
    with one_run_at_a_time(folder, shared=shard is not None):
        check_shard_folder(folder)
        try:
            with on_cluster(scheduler) as client:
                work = partial(_work, done=done, n_jobs=n_jobs, client=client, progress=progress)
                if shard is not None:
                    list(work([tasks[shard - 1]]))
                elif shards is None:
                    _write_one(tasks, out, work, done)
                    clear_shard_folder(folder)
                else:
                    made = list(work(tasks))
                    _check_any(done)
                    write_index(out, [task.path for task, _ in made])
                    clear_shard_folder(folder, keep={path for task in tasks for path in (task.path, task.record)})
        except BaseException:
            if not any(task.path.exists() for task in tasks):  # nothing that a later run could take
                clear_shard_folder(folder)
            raise
    return done


def check_not_recording(data: DataDir, out: Path) -> None:
    """Raise a DataError if an output is a recording of a data directory, which it would replace."""
    if out.exists():
        for recording, path in data.recordings.items():
            file = audio_file(str(path))[0]
            if os.path.exists(file) and os.path.samefile(file, out):
                raise DataError(f"{out}: found it as recording {recording}, expected another place to write to")


def _write_one(tasks: Sequence[Shard], out: Path, work: Callable[..., Generator[_Made]], done: Extraction) -> None:
    """Put the shards into one file, each as soon as it and those before are there."""
    first = tasks[0]
    whole = first.path.with_name(WHOLE)
    remove_leftovers(whole)
    with FeatureWriter(
        whole, front_end=first.front.to_json(), storage=first.storage, compression=first.compression
    ) as writer:
        with closing(work(tasks)) as finished:
            for task, lengths in finished:
                writer.write_all(lengths, read_raw(task.path, sum(lengths.values()), storage=task.storage))
        _check_any(done)
    move_into_place(whole, out)


def _work(
    tasks: Sequence[Shard], *, done: Extraction, n_jobs: int | None, client: Client | None, progress: bool
) -> Generator[_Made]:
    """Do what is not done; count it, and yield the shards that are files, in their order, with their utterances."""
    total = sum(len(group) for task in tasks for _, group in task.groups)
    bar = bar_of(total=total, desc="features", unit="utt", shown=progress)
    with bar, closing(_records(tasks, n_jobs, client)) as records:
        for task, record in zip(tasks, records, strict=True):
            done.num_utterances += len(record.lengths)
            done.num_frames += sum(record.lengths.values())
            done.skipped |= record.skipped
            bar.update(len(record.lengths) + len(record.skipped))
            if record.lengths:
                yield task, record.lengths


def _records(tasks: Sequence[Shard], n_jobs: int | None, client: Client | None) -> Generator[_ShardRecord]:
    """Compute shards in threads or processes here, or on a cluster."""
    if client is None and (n_jobs == 1 or sum(task.audio_bytes for task in tasks) < WORTH_PROCESSES):
        yield from ordered_map(_extract, tasks, n_jobs=n_jobs)
        return
    if client is not None:
        yield from map_items(_extract_alone, [_anywhere(task) for task in tasks], client)
        return
    from joblib import Parallel, delayed  # which takes a while

    yield from Parallel(n_jobs=n_jobs, return_as="generator")(delayed(_extract_alone)(task) for task in tasks)


def _anywhere(task: Shard) -> Shard:
    """Give a shard paths that lead to the same files from any folder."""

    def absolute(data: DataDir) -> DataDir:
        return replace(data, recordings={r: Path(os.path.abspath(file)) for r, file in data.recordings.items()})

    return replace(task, groups=[(absolute(data), group) for data, group in task.groups])


def _extract_alone(task: Shard) -> _ShardRecord:
    """Work on a shard in a process of its own, whose BLAS has one thread, as everywhere."""
    with single_threaded_blas():
        return _extract(task)


def _extract(task: Shard) -> _ShardRecord:
    """Write a shard and its record, unless they are there."""
    if before := _done_before(task):
        return before
    done = _ShardRecord({}, {})
    with suppress(_NothingGood), _shard_writer(task) as write:
        for utterance, frames in _frames(task):
            try:
                if isinstance(frames, str):
                    raise FeatureError(frames)
                write(utterance, frames)
                done.lengths[utterance] = len(frames)
            except (FeatureError, MemoryError) as error:
                if not task.skip_bad:
                    raise
                done.skipped[utterance] = (
                    str(error) if isinstance(frames, str) else str(as_of_utterance(utterance, error))
                )
        if not done.lengths:
            raise _NothingGood
    # A raw shard is gone at the end of the run; after a failure of the power it is looked at, not trusted.
    durable = task.path.suffix != RAW
    write_lines(task.record, [json.dumps(asdict(done))], durable=durable)
    return done


def _done_before(task: Shard) -> _ShardRecord | None:
    """Record of a shard that an earlier run finished, if its file is still there."""
    record = read_record(task.record)
    if record is None:
        return None
    before = _ShardRecord(**record)
    there = raw_is_whole(task.path) if task.path.suffix == RAW else task.path.exists()
    return before if there or not before.lengths else None  # a run may have been killed while it cleared up


@contextmanager
def _shard_writer(task: Shard) -> Iterator[Callable[[str, NDArray[np.float32]], None]]:
    """Give what writes utterances: to a store, or to what will become part of one."""
    if task.path.suffix == RAW:
        with raw_writer(task.path, storage=task.storage) as write:
            yield write
    else:
        front_end = task.front.to_json()
        with FeatureWriter(
            task.path, front_end=front_end, storage=task.storage, compression=task.compression
        ) as writer:
            yield writer.write


def _frames(task: Shard) -> Iterator[tuple[str, NDArray[np.float32] | str]]:
    """Yield the utterances, each with its frames, or with what is wrong with it."""
    for data, utterances in task.groups:
        found: dict[str, NDArray[np.float32] | str] = {}
        for utterance in while_wanted(utterances):
            with _skipping(task, [utterance], found):
                found[utterance] = _unnormalized(task.front, data, utterance, task.channel)
        good = {utterance: frames for utterance, frames in found.items() if not isinstance(frames, str)}
        with _skipping(task, list(good), found):
            found |= dict(zip(good, task.front.of_speaker(list(good.values())), strict=True)) if good else {}
        yield from found.items()


def _unnormalized(front: FrontEnd, data: DataDir, utterance: str, channel: Channel) -> NDArray[np.float32]:
    """Frames of an utterance before CMVN; those of a long one from its blocks, where the front end needs no more."""
    if state_of(file_of(data, data.segment_of(utterance).recording))[0] > LONG_FILE:
        with closing(load_utterance_blocks(data, utterance, LONG, channel=channel)) as blocks:
            first = next(blocks)
            second = next(blocks, None)
            if second is None:
                return front.unnormalized(*first, utterance)
            stream = stream_of(front, first[1], utterance)
            if stream is not None:
                parts = [stream.push(block) for block, _ in while_wanted(chain([first, second], blocks))]
                return np.concatenate([*parts, stream.flush()])
    return front.unnormalized(*load_utterance(data, utterance, channel=channel), utterance)


def stream_of(front: FrontEnd, rate: int, utterance: str) -> FrontEndStream | None:
    """Give what computes frames before utterance or speaker CMVN block by block; None where that can't be."""
    if isinstance(front.cmvn, (UtteranceCmvnOptions, SpeakerCmvnOptions)):
        front = front.model_copy(update={"cmvn": None})
    if rate != front.sample_frequency:
        return None
    with suppress(ConfigError):
        return FrontEndStream(front, rate, utterance)
    return None


@contextmanager
def _skipping(task: Shard, utterances: Sequence[str], found: dict[str, NDArray[np.float32] | str]) -> Iterator[None]:
    """Keep what is wrong with utterances in place of their frames, or raise it as an error that names the first."""
    try:
        yield
    except Exception as error:  # decoders raise what they like
        if not task.skip_bad:
            raise as_of_utterance(utterances[0], error) from error
        found |= {utterance: str(as_of_utterance(utterance, error)) for utterance in utterances}


def _check_any(done: Extraction) -> None:
    if not done.num_utterances:
        reason = next(iter(done.skipped.values()))
        raise DataError(f"{all_of(len(done.skipped), 'utterance')} bad; the first: {reason}")
