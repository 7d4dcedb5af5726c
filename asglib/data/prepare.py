"""A data set checked: what is expected, found and wrong (paper section 3.1)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import soundfile
import soxr

from asglib import audio
from asglib.counting import counted
from asglib.data import converted, index, places, rirs, toy
from asglib.data.convert import convert, target_of
from asglib.data.inspection import DEFECTS, SHORTEST, inspect_all
from asglib.data.listing import walk
from asglib.data.releases.folder import INDEX, has_index
from asglib.data.sets import BANKS, DataSet

NOMINAL = 0.95  # of the usual length: below it a clip of a set of equal lengths is reported


def prepare(
    name: str,
    data_root: Path,
    cache: Path,
    workers: int | None = None,
    convert_to: Path | None = None,
    echo: Callable[[str], None] = print,
) -> dict:
    """Checks a data set; with `convert_to` writes it as 16 kHz mono FLAC there. Returns the report.

    The report is also written to cache/prepare/<name>.json; a second call decodes only files that
    changed. DataError: no such set or folder.
    """
    if name in BANKS:
        return _bank(name, data_root, cache, convert_to, echo)
    data_set = index.row(name, data_root)
    if convert_to is not None:
        target_of(name, data_root, convert_to)  # refused before hours of decoding
    if data_set.embedded:
        _refuse_others(index.find(name, data_root), name)
    clips, folder = index.load(name, data_root, cache), index.find(name, data_root)
    echo(f"{data_set.title}: {counted(len(clips), 'clip')} in {folder}")
    if name not in index.DATASETS and not converted.is_one(folder) and not has_index(folder):
        echo(f"{folder} has no {INDEX}: all its clips are for training.")
    for others in clips.attrs.get("unlisted", ()):
        echo(f"no clips of it: {others}")
    checked = inspect_all(name, folder, clips.path, cache, workers)
    report = summary(data_set, folder, clips, checked)
    report["fingerprint"] = index.fingerprint(clips, folder, cache)
    if convert_to is not None:
        report["converted"] = str(convert(name, data_root, cache, convert_to, workers, echo))
    report["written"] = datetime.now(UTC).isoformat(timespec="seconds")
    report["libsndfile"] = soundfile.__libsndfile_version__
    report["soxr"] = soxr.__version__
    text = json.dumps(report, indent=1)
    with places.locked(_path(name, cache).with_suffix(".lock")):
        places.save_checked(_path(name, cache), lambda out: out.write_text(text))
    kinds = ("missing", "empty", *DEFECTS)
    wrong = ", ".join(f"{len(report[kind]):,} {kind.replace('_', ' ')}" for kind in kinds)
    echo(f"{wrong}; the report is {_path(name, cache)}")
    return report


def _bank(
    name: str, data_root: Path, cache: Path, convert_to: Path | None, echo: Callable[[str], None]
) -> dict:
    """Reads a bank of impulse responses as runs do; DataError: it is not there."""
    folder = Path(data_root) / BANKS[name][0].target
    if not folder.is_dir():
        raise index.DataError(f"{folder} is not there: prepare {name} --download fetches it.")
    if convert_to is not None:
        raise index.DataError(f"{name} holds impulse responses: they are read as they are.")
    told = rirs.describe(str(folder), rirs.bank(str(folder), cache))
    echo(f"{folder}: {told}; Positives.rir_bank may name this folder")
    return {"title": name, "folder": str(folder), "found": told}


def _refuse_others(folder: Path, name: str) -> None:
    """DataError for a folder of that name that holds other files than the embedded corpus has."""
    there = set(walk(folder)) if folder.exists() else set()
    if others := there.difference(toy.plan(name).path):
        raise index.DataError(
            f"{folder} holds {counted(len(others), 'file')} that the embedded corpus has not, such "
            f"as {min(others)}: rename that folder, or give another one as --data."
        )


def _path(name: str, cache: Path) -> Path:
    return Path(cache) / "prepare" / f"{name}.json"


def read_report(name: str, cache: Path) -> dict | None:
    """The last report of a set, None when it was never prepared or its report is damaged."""
    return places.load_checked(_path(name, cache), lambda path: json.loads(path.read_text()))


def summary(data_set: DataSet, folder: Path, clips: pd.DataFrame, checked: pd.DataFrame) -> dict:
    """Counts and lists of a set from its index and the table of `inspect_all`."""
    good = checked[~checked.problem.isin(("undecodable", "truncated"))]
    lengths = good.seconds.quantile([0, 0.5, 1]).round(3)
    report = {
        "title": data_set.title,
        "folder": str(folder),
        "licence": data_set.licence,
        "split_rule": data_set.split_rule,
        "expected": data_set.counts,
        "found": {
            "clips": len(clips),
            "files": len(checked),
            **clips.split.value_counts().to_dict(),
        },
    }
    report |= {key: value for key, value in clips.attrs.items() if key != "classes"}
    for kind in DEFECTS:
        rows = checked[checked.problem == kind]
        report[kind] = rows[["path", "reason"]].to_dict("records")
    return report | {
        "shorter_than_usual": shorter_than_usual(good),
        "ends_in_silence": ends_in_silence(good),
        "duplicated_files": duplicated(good),
        "stereo": good.path[good.channels > 1].tolist(),
        "other_rate": good.path[good.rate != good.rate.mode().max()].tolist(),
        "outside_file": clips.path[outside(clips, checked)].tolist(),
        "groups_on_both_sides": groups_on_both_sides(clips),
        "rates": good.rate.astype(str).value_counts().to_dict(),
        "not_16_khz": int((good.rate != audio.RATE).sum()),
        "seconds": float(good.seconds.sum()),
        "shortest_median_longest": lengths.dropna().tolist(),
        "bytes": int(checked["size"].sum()),
    }


def shorter_than_usual(good: pd.DataFrame) -> list[dict]:
    """The short files of a set whose files have one length; nothing where lengths differ."""
    usual = good.seconds.median()
    if not (good.seconds - usual).abs().median() < (1 - NOMINAL) * usual:
        return []
    short = good[good.seconds < NOMINAL * usual]
    reasons = short.seconds.map(lambda seconds: f"{seconds:.2f} s, most have {usual:.2f} s")
    return short.assign(reason=reasons)[["path", "reason"]].to_dict("records")


def ends_in_silence(good: pd.DataFrame) -> list[dict]:
    """Files that end in digital silence: padded by their publisher, or by a copy that broke off."""
    ending = good[(good.silent_end >= SHORTEST) & (good.silent_end < good.seconds)]
    reasons = ending.silent_end.map("its last {:.2f} s are digital silence".format)
    return ending.assign(reason=reasons)[["path", "reason"]].to_dict("records")


def duplicated(good: pd.DataFrame) -> list[list[str]]:
    """Groups of files with the same bytes."""
    twins = good[good.duplicated("sha256", keep=False)]
    return sorted(list(paths) for _, paths in twins.groupby("sha256").path)


def outside(clips: pd.DataFrame, checked: pd.DataFrame) -> pd.Series:
    """Which rows start or stop after the end of their file (a tenth of a second is forgiven)."""
    seconds = clips.path.map(checked.set_index("path").seconds)
    return (clips.start >= seconds) | (clips.stop > seconds + 0.1)


def groups_on_both_sides(clips: pd.DataFrame) -> list[str]:
    """Speakers, sources or recordings that are both in train and in test."""
    train, test = (set(clips.group[clips.split == side]) for side in ("train", "test"))
    return sorted((train & test) - {""})
