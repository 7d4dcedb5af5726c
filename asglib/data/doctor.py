"""The machine and every data set of the study at a glance (paper section 3.1)."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch

from asglib.data import index, listing
from asglib.data.cores import cores
from asglib.data.prepare import read_report

SHOWN = ["state", "found", "published", "missing", "hours", "GB"]


def doctor(
    data_root: Path | None, cache: Path, echo: Callable[[str], None] = print
) -> pd.DataFrame:
    """One row a set: its state, clips found and published, missing files, hours, bytes, advice.

    Hours are known once a set was prepared. Embedded sets are always there: no row. DataError: no
    such folder.
    """
    for key, value in machine(cache).items():
        echo(f"{key}: {value}")
    echo(f"data: {data_root or 'no folder given (--data or ASG_DATA)'}")
    names = [name for name, data_set in index.DATASETS.items() if not data_set.embedded]
    table = pd.DataFrame([_row(name, data_root, cache) for name in names], index=names)
    echo(table[SHOWN].to_string(na_rep="-", float_format="{:.2f}".format))
    for name, advice in table.advice[table.advice != ""].items():
        echo(f"{name}: {advice}")
    return table


def machine(cache: Path) -> dict[str, str]:
    """Python, torch, GPUs, cores, memory and free disk, as text."""
    cache = Path(cache).resolve()
    folder = next(path for path in (cache, *cache.parents) if path.exists())
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": f"{torch.version.cuda}, {', '.join(gpus)}" if gpus else "no GPU that torch can use",
        "cores": f"{cores()} of {os.cpu_count()}",
        "memory": f"{memory / 1e9:.0f} GB",
        "disk": f"{shutil.disk_usage(folder).free / 1e9:.0f} GB free in {folder}",
    }


def _row(name: str, data_root: Path | None, cache: Path) -> dict:
    """A set's line; `advice` says what to do, "" for a set that is there and prepared."""
    data_set = index.DATASETS[name]
    parts = sum(data_set.counts.get(split, 0) for split in listing.SPLITS)
    published = data_set.counts.get("clips", parts)
    unknown = float("nan")
    row = {"state": "absent", "found": 0, "published": published, "missing": 0}
    row |= {"hours": unknown, "GB": unknown, "advice": data_set.obtain}
    folder = index.find(name, data_root) if data_root is not None else None
    if folder is None:
        return row
    try:
        return row | _found(name, folder, data_root, cache)
    except Exception as error:  # whatever one set's files bring about, the others are shown
        sentence = str(error) if isinstance(error, index.DataError) else f"{folder}: {error!r}"
        return row | {"state": "unusable", "advice": sentence}


def _found(name: str, folder: Path, data_root: Path, cache: Path) -> dict:
    """What is known of a set that is there."""
    clips, report = index.load(name, data_root, cache), read_report(name, cache)
    others = ", ".join(clips.attrs["unlisted"])
    row = {"state": "found", "found": len(clips)}
    row["advice"] = f"no clips of it: {others}" if others else ""
    row["missing"] = len(clips.attrs["missing"]) + len(clips.attrs["empty"])
    row["GB"] = sum(listing.size(folder / path) for path in set(clips.path)) / 1e9
    if report and report["folder"] == str(folder):
        row |= {"state": "prepared", "hours": report["seconds"] / 3600}
        if report["fingerprint"] != index.fingerprint(clips, folder, cache):
            row["state"] = "changed"
            row["advice"] = "its files changed since it was prepared; prepare it again."
    return row
