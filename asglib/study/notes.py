"""What a reader of a table must be told of the records behind it, each thing once."""

import math
from collections.abc import Iterator

import pandas as pd

from asglib.counting import counted
from asglib.study import systems
from asglib.study.profiles import TWICE
from asglib.study.records import evaluations, fewer_classes, label, set_aside
from asglib.study.runs import RANKED

APART = ("Sup.", TWICE, "untrained", "spectrogram")  # of another recipe, or not pretrained
NEAR = 0.9  # of the loss of guessing: a supervised model above it has hardly learned


def notes(records: list[dict]) -> list[str]:
    """Broken records, undefined metrics, absent classes, skipped and missing clips, rows that
    differ in data, code or recipe; of pretraining records, encoders that failed."""
    table = evaluations(records)
    told = set_aside(records)
    if table.empty:
        return [*told, "No run is there, so nothing is measured."]
    for tell in (_undefined, _counts, _uneven):
        told += tell(table)
    told += [f"{sentence}." for sentence in fewer_classes(table)]
    return list(dict.fromkeys([*told, *_encoders(records)]))


def _undefined(table: pd.DataFrame) -> Iterator[str]:
    for _, row in table[table["value"].isna()].iterrows():
        reason = row["undefined"] or "undefined, no reason recorded"
        yield f"{label(row)} has no {row['metric']}: {reason}."


def _counts(table: pd.DataFrame) -> Iterator[str]:
    """One sentence a task, data set and kind of defect, however many runs saw it."""
    for _, row in table[table["counts"].notna()].iterrows():
        counts, name = row["counts"], row["data_set"]
        if absent := ", ".join(counts.get("absent_from_test", [])):
            yield f"{row['key']}: no test clip of class {absent}: {row['metric']} is of the others."
        yield from left_out(name, counts)


def left_out(name: str, counts: dict) -> Iterator[str]:
    """What a run on a data set, or a corpus, could not use of its clips."""
    for kind, what in (("skipped", "skipped clip"), ("truncated", "file cut short")):
        if clips := counts.get(kind):
            first = f"{clips[0]['path']} ({clips[0]['reason']})"
            yield f"{name}: {counted(len(clips), what)}, the first {first}."
    if missing := counts.get("missing"):
        yield f"{name}: {counted(missing, 'clip')} missing or empty."


def _uneven(table: pd.DataFrame) -> Iterator[str]:
    """Fields in which the rows of one column of a table differ, and should not."""
    shared = ["frontend", "setting", "corpus", "protocol", "key"]
    for (*kind, key), rows in table.groupby(shared, sort=False):
        encoders = rows[~rows["method"].isin(("spectrogram", *systems.PAPER))]
        alike = encoders[~encoders["method"].isin(APART)]
        fields = {"data": rows, "code": rows, "encoder": encoders}
        fields |= dict.fromkeys(("epochs", "batch", "rir"), alike)
        for field, some in fields.items():
            values = some.groupby(some[field].astype(str), sort=False)["method"].unique()
            if len(values) > 1:
                told = "; ".join(f"{value} ({', '.join(who)})" for value, who in values.items())
                where = f"{key} ({', '.join(filter(None, kind))})"
                yield f"{where}: {field} differs: {told}."


def _encoders(records: list[dict]) -> Iterator[str]:
    """What became of pretrainings, the seeds of one method in one sentence."""
    told: dict[tuple[str, str], list[str]] = {}
    for run in (record for record in records if record["kind"] == "pretraining"):
        name = f"{run['method']} ({run['frontend']}, {run['corpus']})"
        for what in _faults(run):
            told.setdefault((name, what), []).append(str(run["seed"]))
    for (name, what), seeds in told.items():
        yield f"{name}, seed {', '.join(dict.fromkeys(seeds))}, {what}."


def _faults(run: dict) -> Iterator[str]:
    """A pretraining that collapsed or left out clips, and a supervised one that hardly learned."""
    ranked = run.get("seen", {}).get("ranked", 1.0)
    if run.get("collapsed") and ranked < RANKED:
        yield f"collapsed: it ranks {ranked:.0%} of the positives first, chance a third"
    elif run.get("collapsed"):
        yield "collapsed: its encoder gives all clips nearly one embedding"
    if run.get("too_short"):
        yield f"left out {counted(run['too_short'], 'clip')} too short for its task"
    classes, loss = run.get("classes"), run.get("final_loss")
    if run["method"] == "Sup." and classes and loss and loss > NEAR * math.log(classes):
        chance = f"guessing among {classes} classes gives {math.log(classes):.2f}"
        yield f"is near chance: its loss ends at {loss:.2f}, {chance}"
