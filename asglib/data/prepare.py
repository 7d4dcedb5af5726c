"""A data set checked: what is expected, found and wrong; its statistics (paper section 3.1)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import soxr
import torch

from asglib import audio, config, files
from asglib.data import index
from asglib.data.convert import convert
from asglib.data.inspection import DEFECTS, SHORTEST, each, inspect_all
from asglib.data.sets import DataSet
from asglib.frontend import LogSpectrogram

NOMINAL = 0.95  # of the usual length: below it a clip of a set of equal lengths is reported
CLIPS = 2_000  # training clips drawn for the spectrogram's statistics,
SECONDS = 10.0  # at most so much of each,
SEED = 0  # drawn with this seed
SHOWN = 20  # names a list in the readable report; the JSON has all


def prepare(
    name: str,
    data_root: Path,
    cache: Path,
    workers: int | None = None,
    convert_to: Path | None = None,
    echo: Callable[[str], None] = print,
) -> dict:
    """Checks a data set; with `convert_to` writes it as 16 kHz mono FLAC there. Returns the report.

    The report is also written to cache/prepare/<name>.json and .md; a second call decodes only
    files that changed. DataError: no such set or folder.
    """
    reports = Path(cache) / "prepare"
    clips, folder = index.load(name, data_root, cache), index.find(name, data_root)
    echo(f"{index.row(name, data_root).title}: {len(clips):,} clips in {folder}")
    checked = inspect_all(name, folder, clips.path, cache, workers)
    report = summary(index.row(name, data_root), folder, clips, checked)
    report["fingerprint"] = index.fingerprint(clips, folder, cache)
    usable = clips.path.isin(checked.path[checked.problem == ""]) & ~outside(clips, checked)
    report["spectrogram"] = statistics(clips[usable], folder, workers)
    if convert_to is not None:
        report["converted"] = str(convert(name, data_root, cache, convert_to, workers, echo))
    report["written"] = datetime.now(UTC).isoformat(timespec="seconds")
    report["libsndfile"] = soundfile.__libsndfile_version__
    report["soxr"] = soxr.__version__
    text = json.dumps(report, indent=1)
    files.save_checked(reports / f"{name}.json", lambda out: out.write_text(text))
    files.write_atomically(reports / f"{name}.md", lambda out: out.write_text(as_text(report)))
    wrong = (f"{len(report[kind]):,} {_words(kind)}" for kind in ("missing", "empty", *DEFECTS))
    echo(f"{', '.join(wrong)}; the report is {reports / name}.md")
    return report


def read_report(name: str, cache: Path) -> dict | None:
    """The last report of a set, None when it was never prepared or its report is damaged."""
    path = Path(cache) / "prepare" / f"{name}.json"
    return files.load_checked(path, lambda path: json.loads(path.read_text()))


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


def statistics(clips: pd.DataFrame, folder: Path, workers: int | None = None) -> dict:
    """Mean and deviation over all cells of the linear log-spectrograms of drawn training clips."""
    rows = clips[clips.split == "train"]
    if len(rows) > CLIPS:
        drawn = np.random.default_rng(SEED).choice(len(rows), CLIPS, replace=False)
        rows = rows.iloc[np.sort(drawn)]
    frontend = config.Frontend()
    spectrogram = LogSpectrogram(frontend)

    def measure(clip: tuple[str, float, float]) -> tuple[int, float, float]:
        path, start, stop = clip
        start = np.nan_to_num(start)
        wave = audio.read(folder / path, start, np.fmin(start + SECONDS, stop))
        wave = torch.from_numpy(audio.pad(wave, frontend.n_fft))
        cells = spectrogram(wave[None]).double()
        return cells.numel(), float(cells.sum()), float(cells.square().sum())

    found = list(each(measure, list(zip(rows.path, rows.start, rows.stop)), workers, "measuring"))
    if not found:
        return {"clips": 0}
    cells, total, squares = np.sum(found, axis=0)
    mean = total / cells
    deviation = np.sqrt(max(squares / cells - mean**2, 0))
    return {"clips": len(found), "mean": float(mean), "deviation": float(deviation)}


def as_text(report: dict) -> str:
    """The report as Markdown: one table, then the names behind each count."""
    lines = [f"# {report['title']}", "", "| | |", "|---|---|"]
    lines += [f"| {_words(key)} | {_cell(value)} |" for key, value in report.items()]
    for kind, items in report.items():
        if not (isinstance(items, list) and items and isinstance(items[0], str | list | dict)):
            continue
        lines += ["", f"## {_words(kind).capitalize()}: {len(items):,}", ""]
        lines += [_item(item) for item in items[:SHOWN]]
        if len(items) > SHOWN:
            left = len(items) - SHOWN
            lines.append(f"- and {left:,} more: the JSON beside this file has all")
    return "\n".join(lines) + "\n"


def _cell(value: str | float | dict | list) -> str:
    """A value of the report in the table: of a list its length."""
    if isinstance(value, dict):
        return ", ".join(f"{_words(key)}: {_cell(number)}" for key, number in value.items())
    if isinstance(value, list):
        return f"{len(value):,}"
    text = value if isinstance(value, str) else f"{round(value, 3):,}"
    return text.replace("|", "\\|").replace("\n", " ")


def _item(item: str | list[str] | dict[str, str]) -> str:
    """A name, names of the same bytes, or a name with a reason, as a line of a list."""
    if isinstance(item, dict):
        return f"- `{item['path']}`: {item['reason']}"
    names = [item] if isinstance(item, str) else item
    return "- " + " = ".join(f"`{name}`" for name in names)


def _words(kind: str) -> str:
    return kind.replace("_", " ")
