"""Data sets with a stable public address: fetched, verified and unpacked (paper section 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from asglib.data import index, recipe
from asglib.data.fetch import DownloadError, Source, fetch
from asglib.data.sets import SOURCES
from asglib.data.unpack import unpack

LISTS_ONLY = ("audioset", "vggsound")  # their sound is on YouTube


def download(name: str, data_root: Path, echo: Callable[[str], None] = print) -> list[Path]:
    """Fetches and unpacks what a set's publishers offer; what is there already is left alone.

    DownloadError for a set that needs a form, a login or a crawler, with the steps.
    """
    data_set = index.DATASETS.get(name)
    if name in recipe.SETS:
        return [recipe.make(name, Path(data_root), echo)]
    if name not in SOURCES and data_set:
        raise DownloadError(f"{data_set.title}: no stable public address. {data_set.obtain}")
    if name not in SOURCES:
        known = ", ".join(sorted({*SOURCES, *recipe.SETS}))
        raise DownloadError(f"{name}: no such data set; these can be downloaded: {known}.")
    targets = [_obtain(source, Path(data_root), echo) for source in SOURCES[name]]
    if name in LISTS_ONLY:
        echo(f"{data_set.title}: these are the lists only. {data_set.obtain}")
    return targets


def _obtain(source: Source, root: Path, echo: Callable[[str], None]) -> Path:
    """The file or the unpacked folder of a source, fetched unless it is there."""
    target = root / source.target
    if target.exists():
        echo(f"{target}: already there.")
        return target
    suffix = next((end for end in (".tar.gz", ".zip") if source.url.endswith(end)), "")
    if not suffix:
        return fetch(source, target, echo)
    archive = root / "downloads" / f"{source.target.replace('/', '-')}{suffix}"
    unpack(fetch(source, archive, echo), target)
    echo(f"{target}: unpacked; {archive} is no longer needed.")
    return target
