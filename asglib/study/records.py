"""Evaluation records as one table, with what is wrong or missing in them named (behind sections 3.3 to 3.5)."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd

from asglib.config import SETTINGS
from asglib.methods import METHODS

IDENTITY = ["method", "frontend", "corpus", "data_set", "task", "setting", "seed"]
NEEDED = ["run", "profile", *IDENTITY, "metric", "value"]
OPTIONAL = [
    "undefined",
    "clips",
    "groups",
    "labels",
    "predictions",
    "correct",
    "average_precision",
    "classes",
    "counts",
]
SAME = ["data", "code", "encoder"]  # what the rows of one table should share
SAME_RECIPE = [
    "epochs",
    "batch",
    "rir",
]  # and those of contrastive pretraining; Sup. differs by section 3.4
OTHER = ("Sup.", "untrained", "spectrogram")
AGREE = 1e-5  # a recorded accuracy and the mean of its clips


class ResultsError(ValueError):
    """Records that cannot stand in one table, or a question that they cannot answer."""


def _read(path: Path) -> dict:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ResultsError(
            f"{path} is not a whole JSON record ({error}): delete it and run again."
        ) from error
    if not isinstance(record, dict) or "kind" not in record:
        raise ResultsError(f"{path} is not a run record: it has no 'kind'.")
    return record


def load_records(folder: Path | str) -> list[dict]:
    """Every `*.json` and `*/record.json` of a folder, by name; half-written ones (.name) are not read."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ResultsError(
            f"There is no folder of records at {folder}: run `python -m asglib reproduce` first."
        )
    paths = sorted([*folder.glob("*.json"), *folder.glob("*/record.json")])
    return [
        _read(path)
        for path in paths
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _value(record: dict) -> float:
    value = record["value"]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ResultsError(
            f"Record {record['run']}: value must be a fraction in [0, 1] or null, got {value!r}."
        )
    return float(value)


def _checked(record: dict) -> dict:
    lacking = [name for name in NEEDED if name not in record]
    if lacking:
        raise ResultsError(
            f"Record {record.get('run', '?')} lacks {', '.join(lacking)}: delete it and run again."
        )
    if record["setting"] not in SETTINGS:
        raise ResultsError(
            f"Record {record['run']}: setting is {' or '.join(SETTINGS)}, got {record['setting']!r}."
        )
    fixed = {
        "value": _value(record),
        "corpus": record["corpus"] or "",
        "key": f"{record['data_set']}/{record['task']}",
    }
    return dict.fromkeys([*OPTIONAL, *SAME, *SAME_RECIPE]) | record | fixed


def frame(records: list[dict]) -> pd.DataFrame:
    """The evaluation records as rows, other kinds left out; value is a fraction or NaN, key is data_set/task.

    Refuses records of two profiles and two records of one run.
    """
    rows = [_checked(record) for record in records if record.get("kind") == "evaluation"]
    if not rows:
        return pd.DataFrame(columns=[*NEEDED, *OPTIONAL, *SAME, *SAME_RECIPE, "key"])
    table = pd.DataFrame(rows)
    profiles = table.groupby("profile", sort=False)["run"].first()
    if len(profiles) > 1:
        named = " and ".join(f"{run} ({profile})" for profile, run in profiles.items())
        raise ResultsError(f"Records of several profiles cannot stand in one table: {named}.")
    twice = table[table.duplicated(IDENTITY, keep=False)]
    if len(twice):
        one = twice.iloc[0]
        runs = twice.loc[(twice[IDENTITY] == one[IDENTITY]).all(axis=1), "run"]
        raise ResultsError(
            f"{_label(one)} is recorded {len(runs)} times, by {', '.join(runs)}: keep one."
        )
    order = [name for name in METHODS if name in set(table["method"])]
    rank = {
        name: i
        for i, name in enumerate([*order, *(m for m in table["method"].unique() if m not in order)])
    }
    return table.sort_values(
        "method", key=lambda names: names.map(rank), kind="stable"
    ).reset_index(drop=True)


def _label(row) -> str:
    corpus = f", pretrained on {row['corpus']}" if row["corpus"] else ""
    return f"{row['method']} ({row['frontend']}, {row['setting']}{corpus}) on {row['key']}, seed {row['seed']},"


def missing_seeds(frame: pd.DataFrame) -> pd.DataFrame:
    """The (method, task, seed) holes: what another method or seed of that front end, corpus and setting has."""
    columns = [*IDENTITY, "key"]
    holes = []
    for (frontend, corpus, setting), rows in frame.groupby(
        ["frontend", "corpus", "setting"], sort=False
    ):
        there = set(zip(rows["method"], rows["key"], rows["seed"]))
        for method in rows["method"].unique():
            for key in rows["key"].unique():
                for seed in sorted(rows["seed"].unique()):
                    if (method, key, seed) not in there:
                        holes.append(
                            (method, frontend, corpus, *key.split("/", 1), setting, seed, key)
                        )
    return pd.DataFrame(holes, columns=columns)


def _undefined(frame: pd.DataFrame):
    for _, row in frame[frame["value"].isna()].iterrows():
        yield f"{_label(row)} has no {row['metric']}: {row['undefined'] or 'undefined, no reason recorded'}."


def _counts(frame: pd.DataFrame):
    """One sentence a task, data set and kind of defect, however many runs saw it."""
    for _, row in frame[frame["counts"].notna()].iterrows():
        counts, name = row["counts"], row["data_set"]
        if absent := counts.get("absent_from_test"):
            yield f"{row['key']}: no test clip of {', '.join(absent)}, so {row['metric']} says nothing about it."
        if skipped := counts.get("skipped"):
            yield f"{name}: {len(skipped)} clips skipped, the first {skipped[0]['path']} ({skipped[0]['reason']})."
        if missing := counts.get("missing"):
            yield f"{name}: {missing} clips of the release are not there."


def _uneven(frame: pd.DataFrame):
    for (frontend, corpus, setting, key), rows in frame.groupby(
        ["frontend", "corpus", "setting", "key"], sort=False
    ):
        for field in [*SAME, *SAME_RECIPE]:
            alike = rows[~rows["method"].isin(OTHER)] if field in SAME_RECIPE else rows
            values = alike.groupby(alike[field].astype(str), sort=False)["method"].unique()
            if len(values) > 1:
                told = "; ".join(
                    f"{value} ({', '.join(methods)})" for value, methods in values.items()
                )
                yield f"{key} ({frontend}, {setting}{', ' + corpus if corpus else ''}): {field} differs: {told}."


def _untrue(frame: pd.DataFrame):
    rows = frame[frame["correct"].map(lambda correct: bool(correct)) & frame["value"].notna()]
    for _, row in rows.iterrows():
        mean = sum(row["correct"]) / len(row["correct"])
        if row["metric"] == "accuracy" and abs(mean - row["value"]) > AGREE:
            yield f"{_label(row)} states {row['value']:.4f}, but the mean over its clips is {mean:.4f}."


def notes(frame: pd.DataFrame) -> list[str]:
    """What a reader of a table over these records must be told, each once.

    Undefined metrics, absent classes, skipped and missing clips, rows that differ in data, code, encoder, epochs, batch
    or rooms, and values that their own clips contradict.
    """
    if frame.empty:
        return ["No run is there, so nothing is measured."]
    told = [*_undefined(frame), *_counts(frame), *_uneven(frame), *_untrue(frame)]
    return list(dict.fromkeys(told))
