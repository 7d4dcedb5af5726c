"""A paper's tables as it prints them, ours beside or below, and what our tasks rest on."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from asglib.data import index
from asglib.study import paper
from asglib.study.tables import AVERAGE, average, scores, wide

COLUMNS = paper.read("asg").tasks


def _quoted(rows: pd.DataFrame, keys: list[str], columns: Iterable[str]) -> pd.DataFrame:
    """Printed cells with the digits and in the order of print; "–" is not printed."""
    digits = (-np.log10(2 * rows["rounding"])).round().astype(int)
    texts = [f"{value:.{count}f}" for value, count in zip(rows["value"], digits)]
    found = rows.assign(text=texts).pivot(index=keys, columns="title", values="text").fillna("–")
    order = rows[keys].drop_duplicates()
    order = order[keys[0]] if len(keys) == 1 else pd.MultiIndex.from_frame(order)
    return found.loc[order, list(columns)]


def beside(table: pd.DataFrame, systems: list[str], setting: str) -> pd.DataFrame:
    """Tables 2 and 3 of ASG's paper in one, ours below as `scores` has them; a task with other
    classes than the paper's says so."""
    printed = paper.read("asg").tables
    supervised = (printed["table"] == "3") & (printed["row"] == "Sup.")
    rows = printed[((printed["table"] == "2") | supervised) & (printed["setting"] == setting)]
    quoted = _quoted(rows.assign(title=rows["column"]), ["row"], COLUMNS)
    tasks = [task for task, _ in COLUMNS.values()]
    ours = wide(scores(table, systems, tasks, setting)[0]).drop(columns=AVERAGE)
    for task, classes in COLUMNS.values():
        counts = {len(names) for names in table.loc[table["key"] == task, "classes"]} - {classes}
        told = "".join(f"; {count} classes, not {classes}" for count in sorted(counts))
        ours[task] = ours[task].where(ours[task] == "not tested", ours[task] + told)
    ours = ours.set_axis(list(COLUMNS), axis=1)
    return pd.concat([quoted.rename("paper: {}".format), ours.rename("ours: {}".format)])


def used(tasks: Iterable[str], table: pd.DataFrame) -> pd.DataFrame:
    """One line a task ("set/task"): set, metric, classes and clips; "–" is not tested."""
    entries = {task: index.DATASETS[task.split("/")[0]] for task in tasks}
    found = pd.DataFrame({"set": {task: one.title for task, one in entries.items()}})
    found["metric"] = [one.tasks[task.split("/")[1]].metric for task, one in entries.items()]
    rows = table.drop_duplicates("key").set_index("key").reindex(found.index)
    found["classes"], counts = rows["classes"].str.len(), rows["counts"].astype(object)
    for name in ("train", "test", "missing"):
        found[name] = counts.str[name]
    found["skipped"] = counts.str["skipped"].str.len()
    found["classes without test clip"] = counts.str["absent_from_test"].str.join(", ")
    return found.astype(object).rename_axis("task")


def printed(
    name: str, tables: Iterable[str], columns: Iterable[str], ours: Mapping[str, pd.DataFrame] = {}
) -> pd.DataFrame:
    """Tables of a paper; beside each system that runs here our average.

    `ours`: {setting: cells of study.tables}; their rows are methods, or "method, corpus".
    """
    source = paper.read(name).tables
    rows = source[source["table"].isin(tables) & source["column"].isin(columns)]
    several = rows["setting"].nunique() > 1
    rows = rows.assign(title=rows["column"] + (", " + rows["setting"] if several else ""))
    found = _quoted(rows, ["table", "row", "method"], rows["title"].unique())
    found = found.rename(columns="paper: {}".format)
    methods = found.index.get_level_values("method")
    for setting, cells in ours.items():
        mine = average(cells)["text"]
        mine.index = mine.index.str.split(",").str[0]
        found[f"ours, {setting}: average"] = mine.reindex(methods).fillna("–").to_numpy()
    return found.droplevel("method").rename_axis(columns=None)
