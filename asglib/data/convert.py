"""A data set written once as 16 kHz mono FLAC beside an index of the new files (input of paper section 3.2)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr

from asglib import audio, files
from asglib.data import converted, listing
from asglib.data import index as datasets
from asglib.data.inspection import UNREADABLE, each

LARGEST_FLAC_BLOCK = 65_535  # samples


class ConvertError(ValueError):
    """A conversion that cannot go on; the message says where and what to do."""


def convert(
    name: str,
    data_root: Path,
    cache: Path,
    out: Path,
    workers: int | None = None,
    echo: Callable[[str], None] = print,
) -> Path:
    """Writes <2 hex>/<file>-<12 hex>.flac (16 bits, soxr HQ) and index.parquet into out/<name>; returns it.

    `out` is then a data root of its own: `datasets.load` needs nothing else. Files that are there and whole are left
    alone, so that a killed conversion goes on where it was. Files that cannot be decoded are no rows of the index but
    among its missing ones, with the reason in out/<name>/convert.json.
    """
    frame = datasets.load(name, data_root, cache)
    folder, place = datasets.find(name, data_root), Path(out) / name
    if Path(out).resolve() == Path(data_root).resolve() or place.resolve().is_relative_to(
        folder.resolve()
    ):
        raise ConvertError(
            f"{place}: lies among the originals, which must stay what they are; choose a folder for "
            f"the converted sets that is neither {data_root} nor in {folder}."
        )
    try:
        with files.locked(place / converted.LOCK, wait=False):
            for leftover in (*place.glob("??/.*"), *place.glob(".[0-9]*")):
                leftover.unlink()  # of a killed run: the lock says that nobody writes now
            sources = list(dict.fromkeys(frame.path))
            targets = {source: target(source) for source in sources}
            reasons = each(
                lambda source: convert_file(folder / source, place / targets[source]),
                sources,
                workers,
                "converting",
            )
            failed = {source: reason for source, reason in zip(sources, reasons) if reason}
            _write_index(frame, targets, failed, folder, place)
    except BlockingIOError:
        raise ConvertError(
            f"{place}: another process is converting into it; wait for that one."
        ) from None
    echo(
        f"{place}: {len(sources) - len(failed):,} files converted, {len(failed):,} could not be decoded"
    )
    return place


def target(source: str) -> str:
    """Where a file goes: its stem stays readable, the hash of its path keeps equal stems of two folders apart.

    >>> target("id10001/1zcIwhmdeo4/00001.wav")
    'ce/00001-ceae32b3d922.flac'
    """
    digest = hashlib.sha256(source.encode()).hexdigest()[:12]
    return f"{digest[:2]}/{Path(source).stem}-{digest}.flac"


def convert_file(source: Path, place: Path) -> str:
    """Converts one file unless `place` is whole and not older; returns why it cannot be decoded, or ""."""
    if place.exists() and place.stat().st_mtime_ns >= source.stat().st_mtime_ns and whole(place):
        return ""
    try:
        wave = audio.read(source)
    except UNREADABLE as error:
        return str(error)
    try:
        files.write_atomically(place, lambda out: _write(out, wave))
    except (OSError, soundfile.LibsndfileError) as error:
        raise ConvertError(
            f"{place}: cannot be written ({error}); make room or choose another folder, then run it "
            "again: it goes on where it was."
        ) from None
    return ""


def whole(path: Path, samples: int | None = None) -> bool:
    """Whether a FLAC file has as many samples as its header says (and as `samples`): its last ones can be decoded."""
    try:
        with soundfile.SoundFile(str(path)) as file:
            last = min(file.frames, LARGEST_FLAC_BLOCK)
            file.seek(file.frames - last)
            return len(file.read(last)) == last > 0 and samples in (None, file.frames)
    except (soundfile.LibsndfileError, RuntimeError):
        return False


def _write(path: Path, wave: np.ndarray) -> None:  # D35
    soundfile.write(str(path), wave, audio.RATE, "PCM_16", format="FLAC")
    if not whole(path, len(wave)):
        raise OSError(f"{len(wave)} samples were written and cannot be read back")


def _write_index(frame, targets: dict, failed: dict, folder: Path, place: Path) -> None:
    index = frame[~frame.path.isin(failed)].assign(path=lambda rows: rows.path.map(targets))
    index = index.sort_values(["path", "start"], ignore_index=True)
    index.attrs = frame.attrs | {
        "missing": listing.Uncopied(sorted({*frame.attrs["missing"], *failed}))
    }
    about = {
        "source": str(folder),
        "clips": len(index),
        "fingerprint": datasets.fingerprint(frame, folder),
        "resampler": f"soxr {soxr.__version__} HQ",
        "format": "FLAC, 16 bits, 16 kHz, mono",
        "failed": failed,
    }
    files.write_atomically(
        place / converted.ABOUT, lambda out: out.write_text(json.dumps(about, indent=1))
    )
    files.write_atomically(place / converted.INDEX, lambda out: index.to_parquet(out))
