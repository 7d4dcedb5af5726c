"""The machine and every data set of the study at a glance (paper section 3.1)."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch

from asglib.data import index as datasets
from asglib.data.prepare import read_report


def doctor(
    data_root: Path | None, cache: Path, echo: Callable[[str], None] = print
) -> pd.DataFrame:
    """One row a set: present, clips indexed and published, missing files, seconds of sound and bytes, how to get it.

    Seconds are known once a set was prepared. Embedded sets are always there: no row. DataError: no such folder.
    """
    for key, value in machine(cache).items():
        echo(f"{key}: {value}")
    echo(f"data: {data_root or 'no folder given (--data or ASG_DATA)'}")
    names = [name for name, data_set in datasets.DATASETS.items() if not data_set.embedded]
    table = pd.DataFrame([_row(name, data_root, cache) for name in names]).set_index("set")
    echo(_text(table))
    echo(
        f"disk used: {table['bytes'].sum() / 1e9:.2f} GB by these sets, {_size(cache.parent) / 1e9:.2f} GB by runs in "
        f"{cache.parent}, {_size(cache) / 1e9:.2f} GB of it their cache"
    )
    for name, row in table.iterrows():
        if row.problem or not row.present:
            echo(f"{name}: {row.problem or row.obtain}")
    return table


def machine(cache: Path) -> dict[str, str]:
    """Python, torch, GPUs, cores, memory and free disk, as text."""
    place = next(
        path for path in [Path(cache).resolve(), *Path(cache).resolve().parents] if path.exists()
    )
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": f"{torch.version.cuda}, {', '.join(gpus)}" if gpus else "no GPU that torch can use",
        "cores": str(os.cpu_count()),
        "memory": f"{memory / 1e9:.0f} GB",
        "disk": f"{shutil.disk_usage(place).free / 1e9:.0f} GB free in {place}",
    }


def _row(name: str, data_root: Path | None, cache: Path) -> dict:
    data_set = datasets.DATASETS[name]
    row = {
        "set": name,
        "present": False,
        "found": 0,
        "published": _published(data_set.counts),
        "missing": 0,
        "seconds": float("nan"),
        "bytes": float("nan"),
        "prepared": False,
        "problem": "",
        "folder": "",
        "obtain": data_set.obtain,
    }
    folder = datasets.find(name, data_root) if data_root is not None else None
    if folder is None:
        return row
    row |= {"present": True, "folder": str(folder)}
    try:
        frame = datasets.load(name, data_root, cache)
    except datasets.DataError as error:
        return row | {"problem": str(error)}
    row |= {
        "found": len(frame),
        "missing": len(frame.attrs.get("missing", [])) + len(frame.attrs.get("empty", [])),
    }
    report = read_report(name, cache)
    if report and report["folder"] == str(folder):
        stale = report["fingerprint"] != datasets.fingerprint(frame, folder)
        return row | {
            "seconds": report["seconds"],
            "bytes": report["bytes"],
            "prepared": True,
            "problem": "its files changed since it was prepared; prepare it again."
            if stale
            else "",
        }
    return row | {"bytes": float(sum(os.stat(folder / path).st_size for path in set(frame.path)))}


def _size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _published(counts: dict[str, int]) -> int:
    return counts.get("clips", sum(counts.get(split, 0) for split in ("train", "valid", "test")))


def _text(table: pd.DataFrame) -> str:
    shown = pd.DataFrame(
        {
            "present": table.present.map({True: "yes", False: "-"}).where(
                table.found.gt(0) | ~table.present, "unusable"
            ),
            "indexed": table.found,
            "published": table.published.map(lambda count: count or "-"),
            "missing": table.missing,
            "hours": (table.seconds / 3600).map("{:.1f}".format).where(table.prepared, "-"),
            "GB": (table["bytes"] / 1e9).map("{:.2f}".format).where(table["bytes"].notna(), "-"),
            "prepared": table.prepared.map({True: "yes", False: "-"}),
        }
    )
    return shown.to_string()
