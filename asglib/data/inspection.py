"""Audio files decoded to see what is wrong with them (data sets of paper section 3.1)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from tqdm import tqdm

from asglib import audio
from asglib.data import content, listing, places
from asglib.data.containers import cut_off
from asglib.data.cores import cores

DEFECTS = ("undecodable", "truncated", "too_short", "too_loud", "silent")
SHORTEST = 0.1  # s: fewer than ten STFT frames of 10 ms, D34
SILENT = 1e-4  # largest sample, -80 dB: muted clips that went through a lossy codec are not 0
LOUDEST = 2.0  # largest sample: lossy codecs and resampling overshoot full scale by less
ZERO = 1e-6  # largest sample: what a resampler makes of zeros; a 16-bit step is 30 times that
SAVE_EVERY = 60  # s: what a killed check loses
BLOCK = 4_096  # files that wait for a thread: two million waiting tasks would be gigabytes


def inspect(path: Path) -> dict:
    """One file: frames, rate, channels, decoded seconds and peak, problem, reason.

    `problem` is one of DEFECTS, or "" for none; `silent_end`: seconds of digital silence there.
    """
    row = {"frames": 0, "rate": 0, "channels": 0, "seconds": 0.0, "peak": 0.0, "silent_end": 0.0}
    try:
        row["frames"], row["rate"], row["channels"] = audio.info(path)
        wave = audio.read(path)
    except audio.AudioError as error:
        reason = cut_off(path) or str(error).removeprefix(f"{path}: ")
        return row | {"problem": "undecodable", "reason": reason}
    row["seconds"] = len(wave) / audio.RATE
    row["peak"] = float(max(wave.max(), -wave.min()))
    row["silent_end"] = _silent_end(wave) / audio.RATE
    problem, reason = _judge(path, row)
    return row | {"problem": problem, "reason": reason}


def _judge(path: Path, row: dict) -> tuple[str, str]:
    """The first of DEFECTS that a decoded file has, and why."""
    promised, seconds, peak = row["frames"] / row["rate"], row["seconds"], row["peak"]
    reason = cut_off(path)
    if not reason and seconds < promised - 0.001 and path.suffix.lower() != ".mp3":
        reason = f"its header promises {promised:.3f} s, {seconds:.3f} s can be decoded"
    if reason:
        return "truncated", reason
    if seconds < SHORTEST:
        return "too_short", f"{seconds:.3f} s, the limit is {SHORTEST} s"
    if peak > LOUDEST:
        return "too_loud", f"its largest sample is {peak:.1f} where full scale is 1"
    if peak < SILENT and row["channels"] > 1 and _loudest_channel(path) >= SILENT:
        return "silent", "its channels cancel when averaged"
    if peak < SILENT:
        return "silent", f"its largest sample is {peak:.1e}"
    return "", ""


def _silent_end(wave: np.ndarray) -> int:
    """Samples of digital silence at the end."""
    sounds = (wave > ZERO) | (wave < -ZERO)
    return int(np.argmax(sounds[::-1])) if sounds.any() else len(wave)


def _loudest_channel(path: Path) -> float:
    """The largest sample of all channels, which their mean may not have."""
    with soundfile.SoundFile(str(path)) as file:
        return max(float(np.abs(block).max()) for block in file.blocks(2**16, dtype="float32"))


def inspect_all(
    name: str, folder: Path, paths: pd.Series, cache: Path, workers: int | None = None
) -> pd.DataFrame:
    """`inspect` of every path below `folder`, once each, with path, size and sha256 first.

    The table in cache/prepare/<name>.parquet spares files of the same path and bytes; it is written
    now and then, so that a killed check goes on where it was. Of two commands one waits.
    """
    saved = Path(cache) / "prepare" / f"{name}.parquet"
    with places.locked(saved.with_suffix(".lock")):
        return _inspected(saved, folder, paths, cache, workers)


def _inspected(
    saved: Path, folder: Path, paths: pd.Series, cache: Path, workers: int | None
) -> pd.DataFrame:
    paths = pd.Series(paths.unique(), dtype="str")
    keys = list(zip(paths, content.sums(folder, paths, cache)))
    rows = places.load_checked(saved, pd.read_parquet)
    rows = [] if rows is None or "silent_end" not in rows else rows.to_dict("records")
    known = {(row["path"], row["sha256"]): row for row in rows}
    todo = [key for key in keys if key not in known]
    last = time.monotonic()
    results = each(lambda key: inspect(folder / key[0]), todo, workers, "decoding")
    for (path, digest), row in zip(todo, results):
        size = listing.size(folder / path)
        known[path, digest] = {"path": path, "size": size, "sha256": digest} | row
        if time.monotonic() - last > SAVE_EVERY:
            places.save_checked(saved, pd.DataFrame(known.values()).to_parquet)
            last = time.monotonic()
    table = pd.DataFrame([known[key] for key in keys])
    places.save_checked(saved, table.to_parquet)
    return table


def each(task: Callable, items: list, workers: int | None, what: str) -> Iterator:
    """task(item) for all items in order, on threads, with one line of progress and time left.

    Threads, because decoding, resampling, hashing and FLAC all run outside Python's lock.
    """
    pause = 0.5 if sys.stderr.isatty() else 60
    bar = tqdm(total=len(items), desc=what, unit="file", leave=False, mininterval=pause)
    with bar, ThreadPoolExecutor(workers or cores()) as pool:
        for first in range(0, len(items), BLOCK):
            for result in pool.map(task, items[first : first + BLOCK]):
                bar.update()
                yield result
