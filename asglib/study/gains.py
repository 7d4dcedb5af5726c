"""One difference, say ASG - NONE, looked at closely: how sure, and after how much training."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from asglib.study.comparison import Cell, compare, over_clips
from asglib.study.records import evaluations
from asglib.study.tables import AVERAGE, dots_of, means

PLANNED, MOST, WIDTH = 8, 16, 1.0  # seeds at first, at most, and points to either side (D56)


def by_length(
    records: Sequence[Mapping], pair: tuple[str, str], tasks: Sequence[str], **shared
) -> pd.DataFrame:
    """The seed-paired difference of two methods against the epochs that both were pretrained: dots.

    `records` hold several lengths of one method and seed; `x` is the number of epochs. Each task
    is a column, and so is their average, of the seeds that are whole in all tasks.
    """
    mine = [r for r in records if r["kind"] == "evaluation" and r["method"] in pair]
    mine = [record | {"after": None} for record in mine]  # each length is a table of its own
    parts = [pd.DataFrame(columns=["seed", "column", "value", "row", "x"])]
    for epochs in sorted({record["epochs"] for record in mine}):
        some = evaluations([record for record in mine if record["epochs"] == epochs])
        found = compare(some, *pair, list(tasks), **shared)
        parts.append(dots_of(" - ".join(pair), found.points, tasks).assign(x=epochs))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def on_average(dots: pd.DataFrame) -> pd.DataFrame:
    """The averages of `by_length` as cells: a column a number of epochs."""
    averages = dots[dots["column"] == AVERAGE]
    return means(averages.assign(column=averages["x"]), "{:+.1f}")


def two_intervals(
    table: pd.DataFrame, pair: tuple, columns: Sequence[str], **shared
) -> pd.DataFrame:
    """A difference by task and on average, in points: a t interval over seeds, on these clips, and
    a bootstrap over whole groups of test clips, with these seeds."""
    found = compare(table, *pair, list(columns), **shared)
    clips = over_clips(table, *pair, list(columns), **shared)
    there = sum(cell.n > 0 for cell in found.tasks.values())
    part = f", {there} of {len(columns)} tasks" if 0 < there < len(columns) else ""
    lines = []
    for column, cell in (found.tasks | {AVERAGE: found.average}).items():
        points = f"{cell.mean:+.1f}" if cell.n else "not tested"
        points += part * (column == AVERAGE)
        lines.append((points, _limits(cell, "seeds"), _limits(clips[column], "clips"), cell.n))
    titles = ["points", "95 % over seeds", "95 % over test clips", "seeds"]
    return pd.DataFrame(lines, [*found.tasks, AVERAGE], titles).rename_axis("task")


def _limits(cell: Cell, unit: str) -> str:
    """A dash, too, where some task has no clips to draw from."""
    whole = cell.unit == unit and not cell.note
    return f"[{cell.low:+.1f}, {cell.high:+.1f}]" if whole else "–"


def planned(cells: pd.DataFrame, row: str) -> str:
    """How many seeds the rule of D56 asks for, from the width of an average's interval alone."""
    cell = cells[(cells["row"] == row) & (cells["column"] == AVERAGE)].iloc[0]
    if cell.unit != "seeds":
        return f"{cell.n} of the {PLANNED} seeds with which the rule of D56 begins"
    half = (cell.high - cell.low) / 2
    told = f"{cell.n} seeds give ± {half:.2f} points on average"
    if cell.n < PLANNED:
        return f"{told}; the rule of D56 begins with {PLANNED}"
    # n = (t s / 1.0)^2: the interval's own t and deviation
    needed = min(MOST, math.ceil(cell.n * (half / WIDTH) ** 2))
    enough = f"{cell.n} are enough" if needed <= cell.n else f"{needed} are needed"
    return f"{told}; by the rule of D56 {enough}"


def in_words(intervals: pd.DataFrame) -> str:
    """The average of `two_intervals`: "+1.2, [-0.1, +2.5] over seeds and ... over test clips"."""
    line = intervals.loc[AVERAGE]
    limits = {what: line[f"95 % over {what}"] for what in ("seeds", "test clips")}
    told = " and ".join(f"{text} over {what}" for what, text in limits.items() if text != "–")
    count = "(1 seed)" if line["seeds"] == 1 else f"({line['seeds']} seeds)"
    return f"{line['points']}, {told} {count}" if told else line["points"]
