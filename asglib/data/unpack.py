"""Archives to folders, trusting nothing that an archive says (data sets of paper section 3.1)."""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from asglib import files

RATIO = 20  # unpacked bytes allowed, times the archive's (audio needs 2)
SMALLEST_LIMIT = 100 * 2**20  # unpacked bytes that are always allowed
LONGEST_HEADER = 2**16  # bytes of a long name or of attributes, which tarfile reads whole
CORRUPT = (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError)
CORRUPT += (EOFError, RuntimeError)


class ArchiveError(ValueError):
    """An archive that is refused or broken; the message says which entry and why."""


def unpack(archive: Path, folder: Path, limit: int | None = None) -> Path:
    """Unpacks a tar or zip archive as `folder`, all of it or nothing.

    A single folder at its top becomes `folder`. Refused: absolute paths, "..", links, devices, a
    name twice, more than `limit` bytes (RATIO x the archive).
    """
    archive, folder = Path(archive), Path(folder)
    if folder.exists():
        raise ArchiveError(f"{folder}: exists already; move it away to unpack {archive} again.")
    limit = limit or max(RATIO * archive.stat().st_size, SMALLEST_LIMIT)
    temporary = folder.with_name(f".{folder.name}.unpacking")
    lock = folder.with_name(f".{folder.name}.lock")
    with files.locked(lock):
        if folder.exists():  # another command was faster
            return folder
        shutil.rmtree(temporary, ignore_errors=True)  # what a killed process left
        try:
            temporary.mkdir(parents=True)
            _extract(archive, temporary, limit)
            inside = list(temporary.iterdir())
            if not inside:
                raise ArchiveError(f"{archive}: holds no files.")
            os.rename(inside[0] if len(inside) == 1 and inside[0].is_dir() else temporary, folder)
        except CORRUPT as error:
            reason = str(error).partition(":\n")[0]  # tarfile says on more lines what it tried
            raise ArchiveError(f"{archive}: broken ({reason}); download it again.") from None
        except OSError as error:
            raise ArchiveError(f"{archive}: cannot be unpacked to {folder} ({error}).") from None
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    lock.unlink(missing_ok=True)  # only now: who waits for it or takes a new one finds the folder
    return folder


def _extract(archive: Path, folder: Path, limit: int) -> None:
    """Writes all entries below `folder`; ArchiveError at the first that a data set has not."""
    left = limit
    entries = _zip(archive, folder) if zipfile.is_zipfile(archive) else _tar(archive, folder)
    for name, kind, size, extract in entries:
        left -= 512 + max(size, 0)  # an empty entry costs something too
        path = PurePosixPath(name)
        wrong = ""
        if path.is_absolute() or ".." in path.parts or "\\" in name or name[1:2] == ":":
            wrong = "points outside the folder"
        elif kind not in ("file", "folder"):
            wrong = f"is a {kind}"
        elif kind == "file" and (folder / path).exists():
            wrong = "is there twice"
        elif left < 0:
            wrong = f"unpacks to more than the {limit:,} bytes allowed"
        if wrong:
            raise ArchiveError(f"{archive}: entry {name!r} {wrong}; it is no data set, delete it.")
        extract()  # tarfile and zipfile write at most `size` bytes


Entry = tuple[str, str, int, Callable[[], object]]  # name, kind, size, what extracts it


class _Header(tarfile.TarInfo):
    """A tar header that is refused before tarfile reads as much as it says."""

    @classmethod
    def frombuf(cls, buf: bytes, encoding: str, errors: str) -> tarfile.TarInfo:
        header = super().frombuf(buf, encoding, errors)
        if header.type == tarfile.GNUTYPE_SPARSE:
            raise tarfile.TarError("a file with holes")
        if header.type not in tarfile.REGULAR_TYPES and header.size > LONGEST_HEADER:
            raise tarfile.TarError(f"a header of {header.size} bytes")
        return header

    def _proc_gnusparse_10(self, *_) -> None:
        raise tarfile.TarError("a file with holes")


def _tar(archive: Path, folder: Path) -> Iterator[Entry]:
    with tarfile.open(archive, tarinfo=_Header) as tar:
        for entry in tar:
            kind = "link" if entry.issym() or entry.islnk() else "device"
            kind = "file" if entry.isreg() else "folder" if entry.isdir() else kind
            extract = partial(_write, tar, entry, folder)
            headers = entry.offset_data - entry.offset
            yield entry.name, kind, entry.size + headers, extract
        while tar.fileobj.read(2**20):  # the sum of what was unpacked stands at the end
            pass


def _write(tar: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> None:
    """A file or folder without owner, mode, time: Debian's Python 3.11.2 has no filters for it."""
    target = folder / entry.name
    if entry.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tar.extractfile(entry) as source, open(target, "xb") as out:
        shutil.copyfileobj(source, out)


def _zip(archive: Path, folder: Path) -> Iterator[Entry]:
    kinds = {0: "file", stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
    with zipfile.ZipFile(archive) as packed:
        for entry in packed.infolist():
            kind = kinds.get(stat.S_IFMT(entry.external_attr >> 16), "device")
            kind = "folder" if entry.is_dir() else kind
            extract = partial(packed.extract, entry, folder)
            yield entry.filename, kind, entry.file_size, extract
