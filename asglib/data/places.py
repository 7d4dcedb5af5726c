"""The places of a study's files, also where something stands in one that is no file to be read.

A folder, a pipe, a link to nowhere, a file that may not be read: it is named and set aside, and the
file is made again like one whose content is damaged.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from asglib import files


def load_checked(path: Path, load: Callable[[Path], object]):
    """files.load_checked from a place that is clear."""
    clear_folder(path.parent)
    clear(path)
    return files.load_checked(path, load)


def save_checked(path: Path, write: Callable[[Path], object]) -> None:
    """files.save_checked to a place that is clear."""
    clear_folder(path.parent)
    clear(path)
    files.save_checked(path, write)


def locked(path: Path, wait: bool = True):
    """files.locked at a place that is clear."""
    clear_lock(path)
    return files.locked(path, wait)


def clear(path: Path) -> None:
    """Sets aside what cannot be read in the places of a file and of its checksum."""
    for place in (path, files._beside(path)):
        if os.path.lexists(place) and not _readable(place):
            _set_aside(place)


def clear_lock(path: Path) -> None:
    """Sets aside what is no file, or no folder for it; a lock that may not be read stays, as
    somebody may hold it."""
    clear_folder(path.parent)
    if os.path.lexists(path) and not path.is_file():
        _set_aside(path)


def clear_folder(path: Path) -> None:
    """Sets aside what stands where a folder belongs."""
    if os.path.lexists(path) and not path.is_dir():
        _set_aside(path, "folder")


@contextmanager
def told_when_full(path: Path):
    """OSError with the file where torch.save finds no room and says "unexpected pos 576 vs 534"."""
    try:
        yield
    except RuntimeError as error:
        if "inline_container" not in str(error) or "Reader" in str(error):
            raise
        raise OSError(errno.ENOSPC, "it cannot be written; make room", str(path)) from None


def _readable(path: Path) -> bool:
    if not path.is_file():  # opening a pipe would wait for ever
        return False
    try:
        with open(path, "rb"):
            return True
    except OSError:
        return False


def _set_aside(path: Path, wanted: str = "file that can be read") -> None:
    names = (path.with_name(f"{path.name}.damaged{number or ''}") for number in count())
    aside = next(name for name in names if not os.path.lexists(name))
    told = "%s is no %s: it is set aside as %s and made again."
    files.log.warning(told, path, wanted, aside.name)
    try:
        os.rename(path, aside)
    except FileNotFoundError:
        pass  # another process was faster
    except OSError as error:
        files.log.warning("%s cannot be set aside (%s).", path, error)
