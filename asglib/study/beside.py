"""Tables 2 and 3 of the paper with ours below, and what each of our tasks rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from asglib.data import index
from asglib.study import paper
from asglib.study.tables import AVERAGE, scores, wide

COLUMNS = {  # of tables 2 and 3: our task, and the number of classes in section 3.1
    "LS": ("librispeech/speaker", 251),
    "SCV1": ("speech_commands_v1/words", 11),
    "SCV2": ("speech_commands_v2/words", 35),
    "MS": ("musan/kind", 3),
    "VC": ("voxceleb1/speaker", 1211),
    "NS": ("nsynth/family", 11),
    "AS": ("audioset/events", 527),
    "ESC": ("esc50/sound", 50),
}


def beside(
    table: pd.DataFrame,
    systems: list[str],
    setting: str,
    absent: Mapping[str, str] = {},
    corpus: str = "",
) -> pd.DataFrame:
    """The paper's rows as it prints them ("–": not printed), ours below as `scores` has them.

    What is not tested names what of set and pretraining `corpus` is `absent`; a task with other
    classes than the paper's says so.
    """
    printed = paper.read("asg").tables
    supervised = (printed["table"] == "3") & (printed["row"] == "Sup.")
    rows = printed[((printed["table"] == "2") | supervised) & (printed["setting"] == setting)]
    quoted = rows.pivot(index="row", columns="column", values="value").map("{:.1f}".format)
    quoted = quoted.loc[rows["row"].unique(), list(COLUMNS)].replace("nan", "–")
    tasks = [task for task, _ in COLUMNS.values()]
    ours = wide(scores(table, systems, tasks, setting)[0]).drop(columns=AVERAGE)
    for task, classes in COLUMNS.values():
        ours[task] += _other_classes(table[table["key"] == task], classes, ours[task])
        for row in ours.index[ours[task] == "not tested"]:
            needed = [task.split("/")[0], *([corpus] if row != "spectrogram" else [])]
            wants = [name for name in absent if name.split(", ")[0] in needed]
            ours.loc[row, task] += f" for want of {wants[0]}" if wants else ""
    ours = ours.set_axis(list(COLUMNS), axis=1)
    return pd.concat([quoted.rename("paper: {}".format), ours.rename("ours: {}".format)])


def _other_classes(rows: pd.DataFrame, classes: int, texts: pd.Series) -> pd.Series:
    counts = sorted({len(names) for names in rows["classes"]} - {classes})
    told = "".join(f"; {count} classes, not {classes}" for count in counts)
    return texts.map(lambda text: "" if text == "not tested" else told)


def used(
    tasks: Iterable[str], table: pd.DataFrame, absent: Mapping[str, str], corpus: str
) -> pd.DataFrame:
    """One line a task ("set/task"): its set, metric and classes, its clips, and what is not there.

    Where it or its encoders are not tested, the set or pretraining corpus of `absent` is named.
    """
    lines = {}
    for task in tasks:
        name, key = task.split("/")
        entry, rows = index.DATASETS[name], table[table["key"] == task]
        lines[task] = {"set": entry.title, "metric": entry.tasks[key].metric}
        if rows.empty:
            gone = [f"{each} is not there" for each in (name, corpus) if each in absent]
            lines[task]["note"] = f"not tested: {[*gone, 'no record'][0]}"
        else:
            lines[task] |= _counted(rows.iloc[0], corpus in absent and corpus)
    columns = ["set", "metric", "classes", "train", "test", "skipped", "missing", "note"]
    found = pd.DataFrame.from_dict(lines, orient="index").reindex(columns=columns)
    return found.rename_axis("task").fillna("–")


def _counted(row: pd.Series, lost: str | bool) -> dict[str, str]:
    counts, classes = row["counts"], row["classes"]
    untested = counts["absent_from_test"]
    named = f"{len(untested)} of {len(classes)} classes have no test clip: "
    told = [named + ", ".join(untested[:5])] if untested else []
    told += [f"only the spectrogram is tested: {lost} is not there"] if lost else []
    numbers = {"classes": len(classes), "skipped": len(counts["skipped"])}
    numbers |= {name: counts[name] for name in ("train", "test", "missing")}
    return {name: f"{number:,}" for name, number in numbers.items()} | {"note": "; ".join(told)}


def printed(
    name: str, tables: Iterable[str], columns: Iterable[str], ours: Mapping[str, pd.DataFrame] = {}
) -> pd.DataFrame:
    """Tables of a paper as it prints them; beside each system that runs here our average.

    `ours`: {setting: cells of study.tables}; their rows are methods, or "method, corpus".
    """
    source = paper.read(name).tables
    rows = source[source["table"].isin(tables) & source["column"].isin(columns)]
    several = rows["setting"].nunique() > 1
    titles = rows["column"] + (", " + rows["setting"] if several else "")
    rows = rows.assign(title=titles, text=rows["value"].map("{:g}".format))
    keys = ["table", "row", "method"]
    found = rows.pivot(index=keys, columns="title", values="text").fillna("–")
    order = pd.MultiIndex.from_frame(rows[keys].drop_duplicates())
    found = found.loc[order, titles.unique()].rename(columns="paper: {}".format)
    methods = found.index.get_level_values("method")
    for setting, cells in ours.items():
        mine = cells[cells["column"] == AVERAGE].set_index("row")["text"]
        mine.index = mine.index.str.split(",").str[0]
        found[f"ours, {setting}: average"] = mine.reindex(methods).fillna("–").to_numpy()
    return found.droplevel("method").rename_axis(columns=None)
