"""A data set checked: what is expected, found and wrong; its fingerprint and statistics (paper section 3.1)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import soxr
import torch

from asglib import audio, config, files
from asglib.data import convert
from asglib.data import index as datasets
from asglib.data.inspection import DEFECTS, each, inspect_all
from asglib.frontend import LogSpectrogram

NOMINAL = 0.95  # of the usual length: below it a clip of a set of equal lengths is reported
CLIPS, SECONDS, SEED = (
    2_000,
    10.0,
    0,
)  # the spectrogram's statistics: so many clips, at most so long, drawn with SEED
SHOWN = 20  # names a list in the readable report; the JSON has all


def prepare(
    name: str,
    data_root: Path,
    cache: Path,
    workers: int | None = None,
    convert_to: Path | None = None,
    echo: Callable[[str], None] = print,
) -> dict:
    """Checks a data set, and with `convert_to` writes it as 16 kHz mono FLAC there; returns the report.

    The report is also written to cache/prepare/<name>.json and .md; a second call decodes only files that changed.
    DataError: no such set or folder.
    """
    began, place = time.monotonic(), Path(cache) / "prepare"
    frame = datasets.load(name, data_root, cache)
    folder = datasets.find(name, data_root)
    echo(f"{datasets.DATASETS[name].title}: {len(frame):,} clips in {folder}")
    table = inspect_all(folder, list(dict.fromkeys(frame.path)), place / f"{name}.parquet", workers)
    report = summary(name, folder, frame, table)
    usable = frame.path.isin(table.path[table.problem == ""]) & ~outside(frame, table)
    report["spectrogram"] = statistics(frame[usable], folder, workers)
    if convert_to is not None:
        report["converted"] = str(
            convert.convert(name, data_root, cache, convert_to, workers, echo)
        )
    report |= {
        "seconds_taken": round(time.monotonic() - began, 1),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "soundfile": soundfile.__version__,
            "libsndfile": soundfile.__libsndfile_version__,
            "soxr": soxr.__version__,
        },
    }
    files.write_atomically(
        place / f"{name}.json", lambda out: out.write_text(json.dumps(report, indent=1))
    )
    files.write_atomically(place / f"{name}.md", lambda out: out.write_text(as_text(report)))
    echo(
        ", ".join(
            f"{len(report[kind]):,} {kind.replace('_', ' ')}"
            for kind in ("missing", "empty", *DEFECTS)
        )
        + f"; the report is {place / name}.md"
    )
    return report


def read_report(name: str, cache: Path) -> dict | None:
    """The last report of a set, None when it was never prepared."""
    path = Path(cache) / "prepare" / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def summary(name: str, folder: Path, frame: pd.DataFrame, table: pd.DataFrame) -> dict:
    """Counts and lists of a set from its index and the table of `inspect_all`; paths are relative to `folder`."""
    row, good = datasets.DATASETS[name], table[table.problem.isin(("", "too_short", "silent"))]
    usual = good.seconds.median()
    equal_lengths = (good.seconds - usual).abs().median() < (1 - NOMINAL) * usual
    short = good[good.seconds < NOMINAL * usual] if equal_lengths else good[:0]
    twins = good[good.duplicated("sha256", keep=False)].groupby("sha256").path.apply(list)
    return {
        "name": name,
        "title": row.title,
        "folder": str(folder),
        "licence": row.licence,
        "split_rule": row.split_rule,
        "expected": row.counts,
        "found": {"clips": len(frame), "files": len(table), **frame.split.value_counts().to_dict()},
        "missing": list(frame.attrs.get("missing", [])),
        "empty": list(frame.attrs.get("empty", [])),
        **{
            kind: table[table.problem == kind][["path", "reason"]].to_dict("records")
            for kind in DEFECTS
        },
        "shorter_than_usual": short[["path", "seconds"]].to_dict("records"),
        "duplicated": sorted(twins),
        "stereo": good.path[good.channels > 1].tolist(),
        "other_rate": good.path[good.rate != good.rate.mode().max()].tolist() if len(good) else [],
        "rates": {str(rate): int(count) for rate, count in good.rate.value_counts().items()},
        "not_16_khz": int((good.rate != audio.RATE).sum()),
        "outside_file": frame.path[outside(frame, table)].tolist(),
        "groups_on_both_sides": groups_on_both_sides(frame),
        "seconds": float(good.seconds.sum()),
        "bytes": int(table["size"].sum()),
        "durations": {}
        if good.empty
        else {"shortest": good.seconds.min(), "median": usual, "longest": good.seconds.max()},
        "fingerprint": datasets.fingerprint(frame, folder),
    }


def outside(frame: pd.DataFrame, table: pd.DataFrame) -> pd.Series:
    """Which rows start or stop after the end of their file (a tenth of a second is forgiven)."""
    seconds = frame.path.map(table.set_index("path").seconds)
    return (frame.start >= seconds) | (frame.stop > seconds + 0.1)


def groups_on_both_sides(frame: pd.DataFrame) -> list[str]:
    """Speakers, sources or recordings that are both in train and in test."""
    sides = [set(frame.group[frame.split == side]) - {""} for side in ("train", "test")]
    return sorted(set.intersection(*sides))


def statistics(frame: pd.DataFrame, folder: Path, workers: int | None = None) -> dict:
    """Mean and standard deviation over all cells of the linear log-spectrograms of a seeded draw of training clips."""
    rows = frame[frame.split == "train"]
    if len(rows) > CLIPS:
        rows = rows.iloc[
            np.sort(np.random.default_rng(SEED).choice(len(rows), CLIPS, replace=False))
        ]
    spectrogram = LogSpectrogram(config.Frontend())
    clips = list(zip(rows.path, rows.start, rows.stop))
    sums = list(each(lambda clip: _sums(spectrogram, folder, *clip), clips, workers, "measuring"))
    cells, total, squares = np.sum(sums, axis=0) if sums else (0, 0.0, 0.0)
    if not cells:
        return {"clips": 0, "mean": None, "deviation": None}
    mean = total / cells
    return {
        "clips": len(sums),
        "mean": float(mean),
        "deviation": float(np.sqrt(max(squares / cells - mean**2, 0))),
        "seconds_at_most": SECONDS,
        "seed": SEED,
        "frontend": asdict(config.Frontend()),
    }


def _sums(
    spectrogram: LogSpectrogram, folder: Path, path: str, start: float, stop: float
) -> tuple[int, float, float]:
    """Cells, sum and sum of squares of one clip's log-spectrogram, float64."""
    start = start if np.isfinite(start) else 0.0
    stop = min(start + SECONDS, stop) if np.isfinite(stop) else start + SECONDS
    wave = audio.pad(audio.read(folder / path, start, stop), config.Frontend().n_fft)
    cells = spectrogram(torch.from_numpy(wave)[None]).double()
    return cells.numel(), float(cells.sum()), float(cells.square().sum())


def as_text(report: dict) -> str:
    """The report as Markdown: one table, then the names behind each count."""
    lists = (
        "missing",
        "empty",
        *DEFECTS,
        "shorter_than_usual",
        "duplicated",
        "stereo",
        "other_rate",
        "outside_file",
        "groups_on_both_sides",
    )
    spectrogram = report["spectrogram"]
    rows = [
        ("folder", report["folder"]),
        ("licence", report["licence"]),
        ("split", report["split_rule"]),
        ("published", _counts(report["expected"])),
        ("found", _counts(report["found"])),
        *((kind.replace("_", " "), f"{len(report[kind]):,}") for kind in lists),
        (
            "sample rates",
            ", ".join(f"{rate} Hz: {count:,}" for rate, count in report["rates"].items()),
        ),
        ("sound", f"{report['seconds'] / 3600:.2f} h, {report['bytes'] / 1e9:.3f} GB"),
        ("clip length", _counts(report["durations"], " s")),
        ("fingerprint", f"`{report['fingerprint']}`"),
    ]
    if spectrogram["clips"]:
        rows.append(
            (
                "log-spectrogram",
                f"mean {spectrogram['mean']:.3f}, deviation {spectrogram['deviation']:.3f} "
                f"({spectrogram['clips']:,} training clips)",
            )
        )
    parts = [
        f"# {report['title']}\n",
        "| | |",
        "|---|---|",
        *(f"| {key} | {_cell(value)} |" for key, value in rows),
    ]
    for kind in lists:
        if report[kind]:
            parts += [
                f"\n## {kind.replace('_', ' ').capitalize()}: {len(report[kind]):,}\n",
                *(f"- {_item(item)}" for item in report[kind][:SHOWN]),
            ]
            if len(report[kind]) > SHOWN:
                parts.append(
                    f"- and {len(report[kind]) - SHOWN:,} more: the JSON beside this file has all"
                )
    return "\n".join(parts) + "\n"


def _counts(counts: dict, unit: str = "") -> str:
    return ", ".join(f"{key}: {round(value, 2):,}{unit}" for key, value in counts.items())


def _cell(value: str) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _item(item) -> str:
    if isinstance(item, dict):
        return f"`{item['path']}`: {item['reason'] if 'reason' in item else format(item['seconds'], '.2f') + ' s'}"
    return " = ".join(f"`{path}`" for path in item) if isinstance(item, list) else f"`{item}`"
