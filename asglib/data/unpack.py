"""Archives to folders, trusting nothing that an archive says (data sets of paper section 3.1)."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from asglib import files

RATIO, SMALLEST_LIMIT = (
    20,
    100 * 2**20,
)  # unpacked bytes allowed: 20 x the archive (audio needs 2), or 100 MiB
CORRUPT = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)


class ArchiveError(ValueError):
    """An archive that is refused or broken; the message says which entry and why."""


def unpack(archive: Path, folder: Path, limit: int | None = None) -> Path:
    """Unpacks a tar or zip archive as `folder`, all of it or nothing; a single folder at its top becomes `folder`.

    Refused: absolute paths, "..", links, devices, a name twice, more than `limit` bytes (RATIO x the archive).
    """
    archive, folder = Path(archive), Path(folder)
    if folder.exists():
        raise ArchiveError(
            f"{folder}: exists already; move it away to unpack {archive.name} again."
        )
    limit = max(RATIO * archive.stat().st_size, SMALLEST_LIMIT) if limit is None else limit
    temporary = folder.with_name(f".{folder.name}.unpacking")
    lock = folder.with_name(f".{folder.name}.lock")
    with files.locked(lock):
        shutil.rmtree(temporary, ignore_errors=True)  # what a killed process left
        try:
            temporary.mkdir(parents=True)
            _extract(archive, temporary, limit)
            inside = list(temporary.iterdir())
            if not inside:
                raise ArchiveError(f"{archive}: holds no files.")
            os.rename(inside[0] if len(inside) == 1 and inside[0].is_dir() else temporary, folder)
        except CORRUPT as error:
            raise ArchiveError(
                f"{archive}: broken archive ({error}); delete it and download it again."
            ) from None
        except OSError as error:
            raise ArchiveError(f"{archive}: cannot be unpacked to {folder} ({error}).") from None
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            lock.unlink(missing_ok=True)
    return folder


def _extract(archive: Path, folder: Path, limit: int) -> None:
    left = limit
    for name, kind, size, content in (_zip if zipfile.is_zipfile(archive) else _tar)(archive):
        place = folder / _safe(archive, name, kind)
        left -= 512 + max(size, 0)  # an empty entry costs something too
        if left < 0:
            raise ArchiveError(
                f"{archive}: unpacks to more than the {limit:,} bytes allowed; it is not the data set, "
                "delete it."
            )
        if kind == "folder":
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            raise ArchiveError(
                f"{archive}: entry {name!r} is there twice; it is not the data set, delete it."
            )
        with content() as source, open(place, "xb") as file:
            shutil.copyfileobj(source, file, 2**20)  # tarfile and zipfile give at most `size` bytes


def _safe(archive: Path, name: str, kind: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or name[1:2] == ":":
        raise ArchiveError(
            f"{archive}: entry {name!r} points outside the folder; it is not the data set, delete it."
        )
    if kind not in ("file", "folder"):
        raise ArchiveError(
            f"{archive}: entry {name!r} is a {kind}; only files and folders are unpacked, delete it."
        )
    return path


def _tar(archive: Path):
    if not tarfile.is_tarfile(archive):
        raise tarfile.ReadError("neither a tar archive nor a whole zip archive")
    with tarfile.open(archive, "r:*") as tar:
        for entry in tar:
            kind = (
                "file"
                if entry.isreg()
                else "folder"
                if entry.isdir()
                else "link"
                if entry.issym() or entry.islnk()
                else "device"
            )
            yield entry.name, kind, entry.size, lambda entry=entry: tar.extractfile(entry)


def _zip(archive: Path):
    with zipfile.ZipFile(archive) as packed:
        for entry in packed.infolist():
            form = stat.S_IFMT(entry.external_attr >> 16)
            kind = (
                "folder"
                if entry.is_dir()
                else "file"
                if form in (0, stat.S_IFREG)
                else "link"
                if form == stat.S_IFLNK
                else "device"
            )
            yield entry.filename, kind, entry.file_size, lambda entry=entry: packed.open(entry)
