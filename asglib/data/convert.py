"""A data set written once as 16 kHz mono FLAC, with its index (input of paper section 3.2)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import soxr

from asglib import audio, files
from asglib.data import converted, index, listing
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
    """Writes FLAC files (16 bits, soxr HQ) and their index into out/<name>, and returns that.

    `out` is then a data root of its own. Files that are there and whole are left alone, so that a
    killed conversion goes on where it was. Files that cannot be decoded are among the index's
    missing ones, with the reason in out/<name>/convert.json.
    """
    clips, folder = index.load(name, data_root, cache), index.find(name, data_root)
    target = Path(out) / name
    among = target.resolve().is_relative_to(folder.resolve())
    if among or Path(out).resolve() == Path(data_root).resolve():
        raise ConvertError(
            f"{target}: lies among the originals, which must stay what they are; choose a folder "
            f"for the converted sets that is neither {data_root} nor in {folder}."
        )
    try:
        with files.locked(target / converted.LOCK, wait=False):
            for leftover in (*target.glob("??/.*"), *target.glob(".[0-9]*")):
                leftover.unlink()  # of a killed run: the lock says that nobody writes now
            failed = _convert_all(folder, sorted(set(clips.path)), target, workers)
            fingerprint = index.fingerprint(clips, folder, cache)
            _write_index(clips, failed, folder, target, fingerprint)
    except BlockingIOError:
        raise ConvertError(
            f"{target}: another process is converting into it; wait for that one."
        ) from None
    done = clips.path.nunique() - len(failed)
    echo(f"{target}: {done:,} files converted, {len(failed):,} could not be decoded")
    return target


def flac_name(source: str) -> str:
    """Where a file goes: its stem stays readable, the hash of its path keeps equal stems apart.

    >>> flac_name("id10001/1zcIwhmdeo4/00001.wav")
    'ce/00001-ceae32b3d922.flac'
    """
    digest = hashlib.sha256(source.encode()).hexdigest()[:12]
    return f"{digest[:2]}/{Path(source).stem}-{digest}.flac"


def convert_file(source: Path, target: Path) -> str:
    """Converts a file unless `target` is whole and not older; why it cannot be decoded, or ""."""
    newer = target.exists() and target.stat().st_mtime_ns >= source.stat().st_mtime_ns
    if newer and is_whole(target):
        return ""
    try:
        wave = audio.read(source)
    except UNREADABLE as error:
        return str(error)
    try:
        files.write_atomically(target, lambda out: _write(out, wave))
    except (OSError, soundfile.LibsndfileError) as error:
        raise ConvertError(
            f"{target}: cannot be written ({error}); make room or choose another folder, then run "
            "it again: it goes on where it was."
        ) from None
    return ""


def is_whole(path: Path) -> bool:
    """Whether a FLAC file has as many samples as its header says: its last ones can be decoded."""
    try:
        with soundfile.SoundFile(path) as file:
            last = min(file.frames, LARGEST_FLAC_BLOCK)
            file.seek(file.frames - last)
            return len(file.read(last)) == last > 0
    except (soundfile.LibsndfileError, RuntimeError):
        return False


def _write(path: Path, wave: np.ndarray) -> None:  # D35
    soundfile.write(path, wave, audio.RATE, "PCM_16", format="FLAC")
    if not is_whole(path) or soundfile.info(path).frames != len(wave):
        raise OSError(f"{len(wave)} samples were written and cannot be read back")


def _convert_all(folder: Path, sources: list[str], target: Path, workers) -> dict[str, str]:
    """Converts the sources; {source: why} of those that cannot be decoded."""

    def task(source: str) -> str:
        return convert_file(folder / source, target / flac_name(source))

    reasons = each(task, sources, workers, "converting")
    return {source: reason for source, reason in zip(sources, reasons) if reason}


def _write_index(
    clips: pd.DataFrame, failed: dict, folder: Path, target: Path, fingerprint: str
) -> None:
    kept = clips[~clips.path.isin(failed)]
    kept = kept.assign(path=kept.path.map(flac_name))
    kept = kept.sort_values(["path", "start"], ignore_index=True)
    missing = listing.Uncopied(sorted({*clips.attrs["missing"], *failed}))
    kept.attrs = clips.attrs | {"missing": missing}
    about = {
        "source": str(folder),
        "clips": len(kept),
        "fingerprint": fingerprint,
        "resampler": f"soxr {soxr.__version__} HQ",
        "format": "FLAC, 16 bits, 16 kHz, mono",
        "failed": failed,
    }
    text = json.dumps(about, indent=1)
    files.write_atomically(target / converted.ABOUT, lambda out: out.write_text(text))
    files.write_atomically(target / converted.INDEX, kept.to_parquet)
