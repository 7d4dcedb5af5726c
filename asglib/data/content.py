"""What files hold: the SHA-256 of each, made once and kept while its size and times stay."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from asglib.data.listing import stamp
from asglib.data.places import load_checked, locked, save_checked
from asglib.files import where_allowed

BATCH = 2**14  # files between two savings: reading two million takes an hour


def sums(folder: Path, paths: pd.Series, cache: Path) -> pd.Series:
    """The SHA-256 of each file below `folder`, "" for one that cannot be read.

    Names of runs contain these, so that a file is noticed that was replaced by one of its size.
    """
    now = pd.DataFrame({"path": paths.unique()}, dtype="str")
    now["stamp"] = [stamp(f"{folder}/{path}") for path in now.path]
    key = hashlib.sha256(os.path.abspath(folder).encode()).hexdigest()[:16]
    kept = Path(cache) / "content" / f"{key}.parquet"
    with locked(kept.with_suffix(".lock")):
        known = load_checked(kept, pd.read_parquet)
        if known is None:
            known = pd.DataFrame({"path": [], "stamp": [], "sha256": []}, dtype="str")
        now = now.merge(known, "left", ["path", "stamp"])
        others = known[~known.path.isin(now.path)]
        unread = now.index[now.sha256.isna()]
        with tqdm(total=len(unread), desc="reading", unit="file", leave=False, delay=2) as bar:
            for first in range(0, len(unread), BATCH):
                rows, read = unread[first : first + BATCH], []
                for path in now.path[rows]:
                    read.append(_sum(f"{folder}/{path}"))
                    bar.update()
                now.loc[rows, "sha256"] = read  # one by one, pandas copies the column each time
                table = pd.concat([others, now[now.sha256.notna()]], ignore_index=True)
                with where_allowed():  # else they are made every time
                    save_checked(kept, table.to_parquet)
    return paths.map(now.set_index("path").sha256)


def _sum(file: str) -> str:
    if not os.path.isfile(file):  # opening a pipe would wait for ever
        return ""
    try:
        with open(file, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return ""
