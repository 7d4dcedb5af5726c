"""Records: read, published as one table, and made into the rows of a study's tables."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from asglib.config import SETTINGS
from asglib.data.index import DATASETS
from asglib.files import write_atomically
from asglib.methods import METHODS

SYSTEM = ["method", "frontend", "encoder", "corpus", "data_set", "task", "setting", "seed"]
IDENTITY = [*SYSTEM, "protocol"]
NEEDED = ["run", "profile", *SYSTEM, "metric", "value"]
PER_CLIP = ["clips", "groups", "correct"]
TRAINED = ["pretraining", "collapsed"]  # the encoder's run; whether that collapsed
MEASURED = ["f1", "weighted_precision", "labels", "predictions"]
OTHERS = ["undefined", "classes", "counts", "data", *MEASURED]
RECIPE = ["code", "epochs", "batch", "rir"]
COLUMNS = [*NEEDED, "protocol", "variant", *PER_CLIP, *OTHERS, *RECIPE, *TRAINED, "key"]
PRETEXT = "pretext"  # the setting of rows that are no evaluations: a method's own task
AGREE = 1e-5  # a recorded accuracy and the mean of its clips
MAKE = ("python -m asglib reproduce", "python -m asglib publish")
UNREADABLE = "unreadable"  # the kind of a record that stands for a bad file and says why


class ResultsError(ValueError):
    """Records that cannot stand in one table, or a question that they cannot answer."""


def load_records(path: Path) -> list[dict]:
    """The records of a published table.

    In the place of a bad file stands a record of the kind "unreadable", of which `set_aside` and
    `notes` tell.
    """
    if not path.exists():
        told = f"There are no records at {path}"
        made = " and then ".join(f"`{word} --profile {path.stem}`" for word in MAKE)
        raise ResultsError(f"{told}: run {made} first.")
    try:
        table = pq.read_table(path)
        nested = {field.name for field in table.schema if isinstance(field.type, pa.JsonType)}
        rows = table.to_pylist()
        chosen = [{name: row[name] for name in row["record_fields"]} for row in rows]
    except (pa.ArrowException, KeyError, ValueError) as error:
        why = f"{path} is not a table of records ({error}): delete it and run again."
        return [{"kind": UNREADABLE, "run": path.name, "why": why}]
    return [{k: json.loads(v) if k in nested else v for k, v in one.items()} for one in chosen]


def write_records(records: list[dict], path: Path) -> None:
    """One row a record, one column a field; `record_fields` names those that a record has."""
    names = dict.fromkeys(name for record in records for name in record)
    columns = {name: _column([record.get(name) for record in records]) for name in names}
    columns["record_fields"] = pa.array([list(record) for record in records])
    table = pa.table(columns)
    write_atomically(path, lambda out: pq.write_table(table, out, compression="zstd"))


def _column(values: list) -> pa.Array:
    """Plain values and lists of them as they are, if they come back the same; the rest as JSON."""
    texts = [json.dumps(value) for value in values]
    try:
        column = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        column = pa.nulls(len(values))
    kind = column.type.value_type if pa.types.is_list(column.type) else column.type
    plain = not pa.types.is_nested(kind)
    if plain and [json.dumps(value) for value in column.to_pylist()] == texts:
        return column
    return pa.ExtensionArray.from_storage(pa.json_(), pa.array(texts))


def _fault(record: dict) -> str:
    """What keeps a record out of every table, in a sentence; "" is nothing."""
    if record["kind"] == UNREADABLE:
        return record["why"]
    if record["kind"] != "evaluation":
        return ""
    name = f"Record {record.get('run', '?')}"
    if lacking := [field for field in NEEDED if field not in record]:
        return f"{name} lacks {', '.join(lacking)}: delete it and run again."
    if record["setting"] not in SETTINGS:
        return f"{name}: setting is {' or '.join(SETTINGS)}, got {record['setting']!r}."
    value = record["value"]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not (number and 0 <= value <= 1):
        return f"{name}: value must be a fraction in [0, 1] or null, got {value!r}."
    lists = [record[field] for field in PER_CLIP if record.get(field)]
    if len({len(values) for values in lists}) > 1 or not set(record.get("correct") or []) <= {0, 1}:
        return f"{name}: its clips, groups and marks (0 or 1) do not belong together."
    marks = record.get("correct") if record["metric"] == "accuracy" else None
    if marks and value is not None and abs(sum(marks) / len(marks) - value) > AGREE:
        return f"{name}: value {value:.4f} is not the {sum(marks) / len(marks):.4f} of its clips."
    return ""


def set_aside(records: list[dict]) -> list[str]:
    """One sentence for each record that stands in no table, as it is broken."""
    return [fault for record in records if (fault := _fault(record))]


def evaluations(records: list[dict]) -> pd.DataFrame:
    """The sound evaluation records as rows: value is a fraction or NaN, key is data_set/task.

    Encoders on their way ("after" some epochs) stand in no table of finished ones. `collapsed` is
    known of encoders whose pretraining is among the records. Refuses records of two profiles and
    two records of one run.
    """
    ended = [r for r in records if r["kind"] == "evaluation" and not r.get("after")]
    sound = [record for record in ended if not _fault(record)]
    table = pd.DataFrame([dict.fromkeys(COLUMNS) | r for r in sound], columns=COLUMNS)
    table["value"] = table["value"].astype(float)
    for name in ("corpus", "protocol"):
        table[name] = table[name].fillna("")
    table["variant"] = table["protocol"]
    lost = {r.get("run", "") for r in records if r["kind"] == "pretraining" and r.get("collapsed")}
    table["collapsed"] = table["pretraining"].isin(lost)  # "" is nobody's
    table["key"] = table["data_set"] + "/" + table["task"]
    _refuse_mixtures(table)
    known = [*METHODS, *table["method"].unique()]
    order = table["method"].map(known.index).sort_values(kind="stable").index
    return table.loc[order].reset_index(drop=True)


def fewer_classes(table: pd.DataFrame) -> list[str]:
    """A sentence for each task whose data here hold a part of the release's classes, say ESC-10."""
    found = []
    for row in table.drop_duplicates("key").itertuples():
        known = DATASETS.get(row.data_set)
        wanted = known.counts.get("classes") if known else None
        if wanted and np.ndim(row.classes) and 0 < len(row.classes) < wanted:
            found.append(f"{row.key} has {len(row.classes)} of the release's {wanted} classes here")
    return found


def of_variants(table: pd.DataFrame, name_of: Callable[[Mapping], str | None]) -> pd.DataFrame:
    """The rows with a variant's name, "" for systems as they are; those of None are left out."""
    names = [name_of(row) for row in table.to_dict("records")]
    named = table.assign(variant=pd.Series(names, table.index, dtype=object))
    return named[named["variant"].notna()].reset_index(drop=True)


def pretext(records: list[dict]) -> pd.DataFrame:
    """What methods saw of their own task, of pretraining records, as rows: a key a measure."""
    rows = [
        {
            **record,
            "setting": PRETEXT,
            "protocol": "",
            "variant": "",
            "data_set": PRETEXT,
            "task": name,
            "value": value,
        }
        | {"metric": name, "key": f"{PRETEXT}/{name}"}
        for record in records
        for name, value in _pretext(record).items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _pretext(record: dict) -> dict[str, float]:
    held_out = {f"held-out {name}": value for name, value in record.get("held_out", {}).items()}
    return record.get("seen", {}) | held_out


def _refuse_mixtures(table: pd.DataFrame) -> None:
    profiles = table.groupby("profile", sort=False)["run"].first()
    if len(profiles) > 1:
        named = " and ".join(f"{run} ({profile})" for profile, run in profiles.items())
        raise ResultsError(f"Records of several profiles cannot stand in one table: {named}.")
    for _, rows in table[table.duplicated(IDENTITY, keep=False)].groupby(IDENTITY):
        told = f"is recorded {len(rows)} times, by {', '.join(rows['run'])}: keep one."
        raise ResultsError(f"{label(rows.iloc[0])} {told}")


def label(row) -> str:
    """A row in words: "ASG (linear, frozen, pretrained on esc50) on fsdd/digit, seed 0,"."""
    corpus = f", pretrained on {row['corpus']}" if row["corpus"] else ""
    made = f"{row['method']} ({row['frontend']}, {row['setting']}{corpus})"
    return f"{made} on {row['key']}, seed {row['seed']},"
