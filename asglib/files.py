"""Files that are never half-written, never written twice at once, and never used damaged."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import os
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from pathlib import Path

log = logging.getLogger("asglib")
_known: dict[Path, tuple[int, int]] = {}  # files that this process found whole: size and time


@contextmanager
def locked(path: Path, wait: bool = True):
    """Holds an exclusive lock; others wait (wait=False: BlockingIOError); death lets go.

    Where nothing can be written, in a colleague's folder, there is nothing to lock.
    """
    with ExitStack() as stack:
        with where_allowed():
            path.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(open(path, "w"))
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


@contextmanager
def where_allowed():
    """Passes over what one may only read: a colleague's folder, a read-only disk."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Calls write(temporary path), then renames it to `path`: what has that name is whole.

    A full disk or a killed process leaves what was there; so does a power failure (fsync).
    """
    _replace(path, write, lambda temporary: None)


def save_checked(path: Path, write: Callable[[Path], object]) -> None:
    """write_atomically with a checksum beside it, which load_checked asks for.

    The file beside holds the sums of the last two contents: a kill between the two renames leaves
    the old content with its old sum. The caller holds a lock, so that another process's temporary
    file is what a kill has left: it goes.
    """
    for left in path.parent.glob(f".[0-9]*.{path.name}"):
        left.unlink(missing_ok=True)

    def note(temporary: Path) -> None:
        sums = [_sum(path)] if path.exists() else []
        sums.append(_sum(temporary))
        write_atomically(_beside(path), lambda out: out.write_text("\n".join(sums)))

    _replace(path, write, note)


def load_checked(path: Path, load: Callable[[Path], object]):
    """load(path), or None when there is no such file or it is damaged.

    A damaged file is named in the log and set aside as <name>.damaged, so that it is made again.
    """
    if not path.exists():
        return None
    if not whole(path):
        _set_aside(path)
        return None
    return load(path)


def whole(path: Path) -> bool:
    """Whether a file has the checksum that was written with it."""
    state = path.stat()
    if _known.get(path) == (state.st_size, state.st_mtime_ns):
        return True
    beside = _beside(path)
    if not beside.exists() or _sum(path) not in beside.read_text(errors="replace").split():
        return False
    _known[path] = state.st_size, state.st_mtime_ns
    return True


def _replace(path: Path, write: Callable, before: Callable[[Path], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        write(temporary)
        _to_disk(temporary)
        before(temporary)
        os.replace(temporary, path)
        _to_disk(path.parent)
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno, f"{error.strerror or error}; make room", str(path)) from None
    finally:
        temporary.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.sha256")


def _sum(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _set_aside(path: Path) -> None:
    aside = path.with_name(f"{path.name}.damaged")
    log.warning("%s is damaged: it is set aside as %s and made again.", path, aside.name)
    try:
        os.replace(path, aside)
    except OSError as error:
        log.warning("%s cannot be set aside (%s).", path, error)
