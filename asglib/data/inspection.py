"""One audio file, or all of a data set, decoded to see what is wrong with it (data sets of paper section 3.1)."""

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
SHORTEST = 0.1  # s: fewer than ten frames of 10 ms, D34
SILENT = 1e-4  # largest sample: -80 dB of full scale; muted clips that went through a lossy codec are not exactly 0
LARGEST_OGG_PAGE = 65_307  # bytes, RFC 3533
UNREADABLE = (
    audio.AudioError,
    OSError,
    ValueError,
    MemoryError,
)  # a header may promise 2**63 samples
SAVE_EVERY = 60  # s: what a killed check loses


def inspect(path: Path) -> dict:
    """One file: frames, rate, channels, decoded seconds, largest sample, sha256, problem ("" or of DEFECTS), reason."""
    row = {"frames": 0, "rate": 0, "channels": 0, "seconds": 0.0, "peak": 0.0}
    row |= {"sha256": "", "problem": "", "reason": ""}
    try:
        with open(path, "rb") as file:
            row["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        row["frames"], row["rate"], row["channels"] = audio.info(path)
        wave = audio.read(path)
    except UNREADABLE as error:
        return row | {"problem": "undecodable", "reason": str(error)}
    row["seconds"], row["peak"] = len(wave) / audio.RATE, float(np.abs(wave).max())
    cut = cut_off(path)
    if (
        not cut
        and path.suffix.lower() != ".mp3"
        and row["seconds"] < row["frames"] / row["rate"] - 0.001
    ):
        cut = f"its header promises {row['frames'] / row['rate']:.3f} s, {row['seconds']:.3f} s can be decoded"
    if cut:
        return row | {"problem": "truncated", "reason": cut}
    if row["seconds"] < SHORTEST:
        return row | {
            "problem": "too_short",
            "reason": f"{row['seconds']:.3f} s, the limit is {SHORTEST} s",
        }
    if row["peak"] < SILENT:
        return row | {"problem": "silent", "reason": f"its largest sample is {row['peak']:.1e}"}
    return row


def cut_off(path: Path) -> str:
    """Why a WAV or Ogg file ends too early, or "": libsndfile reads cut ones without a word.

    An MP3's header only estimates its length (0.5 to 0.9 of it were there in a thousand whole files), so cut ones pass.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(12)
        if head[:4] == b"RIFF":
            promised = int.from_bytes(head[4:8], "little") + 8
            unknown = promised >= 0xFFFFFF00  # what programs that write to a pipe put there
            return (
                ""
                if unknown or promised <= size + 1
                else f"its header promises {promised} bytes, it has {size}"
            )
        if head[:4] == b"OggS":
            file.seek(max(size - LARGEST_OGG_PAGE, 0))
            tail = file.read()
            page = tail[tail.rfind(b"OggS") :]
            whole = len(page) > 26 and len(page) == 27 + page[26] + sum(page[27 : 27 + page[26]])
            return (
                "" if whole and page[5] & 4 else "the last page of its Ogg stream is missing"
            )  # 4: end of stream
    return ""


def inspect_all(
    folder: Path, paths: list[str], saved: Path, workers: int | None = None
) -> pd.DataFrame:
    """`inspect` of every path below `folder`, one row each in that order, with path, size and changed (ns).

    The table in `saved` spares files of the same size and time of change; it is rewritten now and then.
    """
    known, last = {}, time.monotonic()
    if saved.exists():
        known = {
            (row["path"], row["size"], row["changed"]): row
            for row in pd.read_parquet(saved).to_dict("records")
        }
    keys = [
        (path, status.st_size, status.st_mtime_ns)
        for path in paths
        for status in [os.stat(folder / path)]
    ]
    todo = [key for key in keys if key not in known]
    for key, row in zip(
        todo, each(lambda key: inspect(folder / key[0]), todo, workers, "decoding")
    ):
        known[key] = dict(zip(("path", "size", "changed"), key)) | row
        if time.monotonic() - last > SAVE_EVERY:
            _save(pd.DataFrame(known.values()), saved)
            last = time.monotonic()
    table = pd.DataFrame([known[key] for key in keys])
    _save(table, saved)
    return table


def each(task: Callable, items: list, workers: int | None, what: str) -> Iterator:
    """task(item) for all items in order, on threads, with one line of progress and time left.

    Threads, because decoding, resampling, hashing and FLAC all run outside Python's lock; in blocks, because two
    million waiting tasks would be gigabytes.
    """
    block = 4_096
    pause = 0.5 if sys.stderr.isatty() else 60
    with (
        ThreadPoolExecutor(workers or os.cpu_count()) as pool,
        tqdm(total=len(items), desc=what, unit="file", leave=False, mininterval=pause) as bar,
    ):
        for first in range(0, len(items), block):
            for result in pool.map(task, items[first : first + block]):
                bar.update()
                yield result


def _save(table: pd.DataFrame, path: Path) -> None:
    files.write_atomically(path, lambda out: table.to_parquet(out))
