"""A data set written once as 16 kHz mono FLAC, with its index (input of paper section 3.2)."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import soundfile
import soxr

from asglib import audio, files
from asglib.counting import counted
from asglib.data import converted, index, places
from asglib.data.inspection import each, inspect_all
from asglib.data.listing import Uncopied

LARGEST_FLAC_BLOCK = 65_535  # samples
LONGEST_STEM = 150  # bytes: with hash, suffix and a temporary name below the 255 of a file name


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

    `out` is then a data root of its own. Files that are there, whole and made from the same bytes
    are left alone, so that a killed conversion goes on where it was. Files that cannot be decoded
    or are too loud are among the index's missing ones, with the reason in out/<name>/convert.json.
    """
    target = target_of(name, data_root, out)
    clips, folder = index.load(name, data_root, cache), index.find(name, data_root)
    checked = inspect_all(name, folder, clips.path, cache, workers)
    left_out = checked.problem.isin(("undecodable", "too_loud"))
    failed = dict(zip(checked.path[left_out], checked.reason[left_out]))
    sources = list(zip(checked.path[~left_out], checked.sha256[~left_out]))

    def task(source: tuple[str, str]) -> str:
        path, mark = source
        return convert_file(folder / path, target / flac_name(path), mark)

    try:
        with places.locked(target / converted.LOCK, wait=False):
            for leftover in filter(_temporary, (*target.glob("??/.*"), *target.glob(".*"))):
                leftover.unlink()  # of a killed run: the lock says that nobody writes now
            reasons = each(task, sources, workers, "converting")
            failed |= {path: why for (path, _), why in zip(sources, reasons) if why}
            os.sync()  # once, not for each of two million files: the index must not outlive them
            about = {"source": str(folder), "failed": failed}
            about["fingerprint"] = index.fingerprint(clips, folder, cache)
            about["resampler"] = f"soxr {soxr.__version__} HQ"
            kept = clips[~clips.path.isin(failed)]
            kept = kept.assign(path=kept.path.map(flac_name)).sort_values(["path", "start", "stop"])
            kept.attrs["missing"] = Uncopied(sorted({*clips.attrs["missing"], *failed}))
            content = kept.reset_index(drop=True).to_parquet()
            about["index"] = converted.sum_of(content)
            _write(target / converted.ABOUT, json.dumps(about, indent=1).encode())
            _write(target / converted.INDEX, content)
    except BlockingIOError:
        raise ConvertError(f"{target}: another process is converting; wait for that one.") from None
    done = len(checked) - len(failed)
    echo(f"{target}: {counted(done, 'file')} converted, {len(failed):,} could not be")
    return target


def target_of(name: str, data_root: Path, out: Path) -> Path:
    """out/<name>; ConvertError: it is among the originals, or there and no conversion's."""
    target, folder = Path(out) / name, index.find(name, data_root)
    among = folder is not None and target.resolve().is_relative_to(folder.resolve())
    if among or Path(out).resolve() == Path(data_root).resolve():
        raise ConvertError(f"{target} lies among the originals: choose a folder outside of them.")
    free = not os.path.lexists(target) or target.is_dir() and not any(target.iterdir())
    if not (free or (target / converted.LOCK).exists() or converted.is_one(target)):
        raise ConvertError(
            f"{target} is there and no conversion has made it: choose another folder for --convert."
        )
    return target


def _temporary(path: Path) -> bool:
    """Whether a file has a name that only a half-written one has: .<process>.<its name to be>."""
    number, _, rest = path.name[1:].partition(".")
    return number.isdigit() and rest.endswith((".flac", converted.INDEX, converted.ABOUT))


def _write(path: Path, content: bytes) -> None:
    places.clear(path)
    files.write_atomically(path, lambda out: out.write_bytes(content))


def flac_name(source: str) -> str:
    """Where a file goes: its stem stays readable, the hash of its path keeps equal stems apart.

    >>> flac_name("id10001/1zcIwhmdeo4/00001.wav")
    'ce/00001-ceae32b3d922.flac'
    """
    digest = hashlib.sha256(source.encode()).hexdigest()[:12]
    stem = Path(source).stem.encode()[:LONGEST_STEM].decode(errors="ignore")
    return f"{digest[:2]}/{stem}-{digest}.flac"


def convert_file(source: Path, target: Path, mark: str) -> str:
    """Converts a file unless `target` has that mark of it; why it cannot be decoded, or ""."""
    places.clear(target)
    if target.exists() and is_whole(target, mark):
        return ""
    try:
        wave = audio.read(source)
    except audio.AudioError as error:
        return str(error)
    temporary = target.with_name(f".{os.getpid()}.{target.name}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with soundfile.SoundFile(temporary, "w", audio.RATE, 1, "PCM_16", format="FLAC") as file:
            file.comment = mark
            file.write(wave)  # D35
        if not is_whole(temporary, mark):
            raise OSError(f"{len(wave)} samples were written and cannot be read back")
        os.replace(temporary, target)
    except (OSError, soundfile.LibsndfileError) as error:
        raise ConvertError(
            f"{target}: cannot be written ({error}); make room or choose another folder, then run "
            "it again: it goes on where it was."
        ) from None
    return ""


def is_whole(path: Path, mark: str) -> bool:
    """Whether a FLAC file has that mark and as many samples as its header says."""
    try:
        with soundfile.SoundFile(path) as file:
            last = min(file.frames, LARGEST_FLAC_BLOCK)
            file.seek(file.frames - last)
            return file.comment == mark and len(file.read(last)) == last > 0
    except (soundfile.LibsndfileError, RuntimeError):
        return False
