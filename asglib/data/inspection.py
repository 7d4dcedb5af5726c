"""Audio files decoded to see what is wrong with them (data sets of paper section 3.1)."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from asglib import audio, files

DEFECTS = ("undecodable", "truncated", "too_short", "silent")
SHORTEST = 0.1  # s: fewer than ten STFT frames of 10 ms, D34
SILENT = 1e-4  # largest sample, -80 dB: muted clips that went through a lossy codec are not 0
LARGEST_OGG_PAGE = 65_307  # bytes, RFC 3533
UNKNOWN_SIZE = 0xFFFFFF00  # what programs that write to a pipe put into a header, or more
UNREADABLE = (audio.AudioError, OSError, ValueError, MemoryError)  # headers may promise anything
SAVE_EVERY = 60  # s: what a killed check loses
BLOCK = 4_096  # files that wait for a thread: two million waiting tasks would be gigabytes


def inspect(path: Path) -> dict:
    """One file: frames, rate, channels, decoded seconds, largest sample, sha256, problem, reason.

    `problem` is one of DEFECTS, or "" for none.
    """
    row = {"frames": 0, "rate": 0, "channels": 0, "seconds": 0.0, "peak": 0.0, "sha256": ""}
    try:
        with open(path, "rb") as file:
            row["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        row["frames"], row["rate"], row["channels"] = audio.info(path)
        wave = audio.read(path)
    except UNREADABLE as error:
        return row | {"problem": "undecodable", "reason": str(error)}
    row["seconds"] = len(wave) / audio.RATE
    row["peak"] = float(np.abs(wave).max(initial=0))
    problem, reason = _judge(path, row)
    return row | {"problem": problem, "reason": reason}


def _judge(path: Path, row: dict) -> tuple[str, str]:
    """The first of DEFECTS that a decoded file has, and why."""
    promised, seconds = row["frames"] / row["rate"], row["seconds"]
    reason = cut_off(path)
    if not reason and seconds < promised - 0.001 and path.suffix.lower() != ".mp3":
        reason = f"its header promises {promised:.3f} s, {seconds:.3f} s can be decoded"
    if reason:
        return "truncated", reason
    if seconds < SHORTEST:
        return "too_short", f"{seconds:.3f} s, the limit is {SHORTEST} s"
    if row["peak"] < SILENT:
        return "silent", f"its largest sample is {row['peak']:.1e}"
    return "", ""


def cut_off(path: Path) -> str:
    """Why a WAV or Ogg file ends too early, or "": libsndfile reads cut ones without a word.

    An MP3's header only estimates its length, so cut ones pass.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(12)
        file.seek(max(size - LARGEST_OGG_PAGE, 0))
        tail = file.read()
    if head[:4] == b"RIFF":
        promised = int.from_bytes(head[4:8], "little") + 8
        if size + 1 < promised < UNKNOWN_SIZE:
            return f"its header promises {promised} bytes, it has {size}"
    if head[:4] == b"OggS" and not _is_last_page(tail[tail.rfind(b"OggS") :]):
        return "the last page of its Ogg stream is missing"
    return ""


def _is_last_page(page: bytes) -> bool:
    """Whether these bytes are one whole Ogg page that ends its stream (RFC 3533, section 6)."""
    if len(page) < 27:
        return False
    segments = page[26]
    whole = len(page) == 27 + segments + sum(page[27 : 27 + segments])
    return whole and bool(page[5] & 4)


def inspect_all(
    folder: Path, paths: list[str], saved: Path, workers: int | None = None
) -> pd.DataFrame:
    """`inspect` of every path below `folder`, a row each, with path, size and changed (ns) first.

    The table in `saved` spares files of the same size and time of change; it is rewritten now and
    then, so that a killed check goes on where it was.
    """
    keys = [(path, *_size_and_time(folder / path)) for path in paths]
    known = {}
    if saved.exists():
        rows = pd.read_parquet(saved).to_dict("records")
        known = {(row["path"], row["size"], row["changed"]): row for row in rows}
    todo = [key for key in keys if key not in known]
    last = time.monotonic()
    results = each(lambda key: inspect(folder / key[0]), todo, workers, "decoding")
    for key, row in zip(todo, results):
        known[key] = dict(zip(("path", "size", "changed"), key)) | row
        if time.monotonic() - last > SAVE_EVERY:
            files.write_atomically(saved, pd.DataFrame(known.values()).to_parquet)
            last = time.monotonic()
    table = pd.DataFrame([known[key] for key in keys])
    files.write_atomically(saved, table.to_parquet)
    return table


def _size_and_time(path: Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def each(task: Callable, items: list, workers: int | None, what: str) -> Iterator:
    """task(item) for all items in order, on threads, with one line of progress and time left.

    Threads, because decoding, resampling, hashing and FLAC all run outside Python's lock.
    """
    pause = 0.5 if sys.stderr.isatty() else 60
    bar = tqdm(total=len(items), desc=what, unit="file", leave=False, mininterval=pause)
    with bar, ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for first in range(0, len(items), BLOCK):
            for result in pool.map(task, items[first : first + BLOCK]):
                bar.update()
                yield result
