"""What lies below a folder of sounds: one answer for data sets and for one's own recordings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# what people have instead of audio.SOUNDS
UNREAD = frozenset((".m4a", ".mp4", ".aac", ".webm", ".mkv", ".wma", ".3gp", ".amr", ".sph"))


def tree(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """(path below `folder` that ends in "/", names of its files) of it and every folder below.

    Names that begin with "." are skipped; of links to folders those that lead out of `folder` are
    followed, each place once. OSError: a folder cannot be listed.
    """

    def refuse(error: OSError) -> None:
        raise error

    root = os.path.realpath(folder)
    followed: set[str] = set()

    def enters(path: str) -> bool:
        if not os.path.islink(path):
            return True
        place = os.path.realpath(path)
        known = place in followed or os.path.commonpath((place, root)) in (place, root)
        followed.add(place)
        return not known

    for top, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        seen = [name for name in sorted(folders) if name[0] != "."]
        folders[:] = [name for name in seen if enters(f"{top}/{name}")]
        prefix = f"{top}/"[len(f"{folder}/") :]
        yield prefix, [name for name in names if name[0] != "."]
