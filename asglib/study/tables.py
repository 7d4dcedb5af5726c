"""Numbers as tables, to be read or drawn (paper tables 2 to 6); values in percent or points.

`cells` have a line for each row and column of a table: row, column, what a Cell holds, and text.
`dots` have a line for each seed of a cell: row, column, seed, value; those of curves a place `x`
too. The average of a system or of a difference is a column too, the first one for reading.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from asglib.study import comparison, paper
from asglib.study.comparison import Cell, describe
from asglib.study.statistics import LEVEL, mean_t

AVERAGE = "average"
LARGEST = 6  # differences that a sentence names
Bands = Mapping[str, tuple[pd.DataFrame, pd.DataFrame | None]]  # {title: (cells, dots)}
BASES = {
    "seeds": "95 % t intervals over seeds",
    "clips": "95 % bootstrap intervals over test clips",
}


def _cells(lines: list[tuple[str, str, Cell, str]]) -> pd.DataFrame:
    columns = ["row", "column", *Cell._fields, "text"]
    return pd.DataFrame([(row, key, *cell, text) for row, key, cell, text in lines], None, columns)


def dots_of(row: str, values: pd.DataFrame, averaged: Sequence[str]) -> pd.DataFrame:
    """[seeds, tasks] as dots, with the average of the seeds that are whole in all of `averaged`."""
    average = values[list(averaged)].mean(axis=1, skipna=False) if len(averaged) else np.nan
    whole = values.assign(**{AVERAGE: average}).rename_axis(index="seed", columns="column")
    return whole.reset_index().melt("seed").dropna(subset="value").assign(row=row)


def scores(
    table: pd.DataFrame,
    systems: Sequence[str] | Mapping[str, str | Mapping],
    columns: Sequence[str],
    setting: str = "frozen",
    **shared,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Systems by tasks ("set/task") in percent: (cells, dots).

    systems: methods, or {label: what comparison.choose takes}; `shared` holds for all. One seed
    has a bootstrap over its test clips, if its metric is a mean over clips. The average is over
    all columns, for the seeds that are whole in them; else it says how many columns there are.
    """
    named = systems if isinstance(systems, Mapping) else dict(zip(systems, systems))
    shared |= {"setting": setting}
    asked = {label: comparison.as_system(how, **shared) for label, how in named.items()}
    sides = {label: comparison.choose(table, how) for label, how in asked.items()}
    anywhere = [sides[label] for label, how in asked.items() if not how["corpus"]]
    comparison.one_corpus(pd.concat([table[:0], *anywhere]))
    seeds = pd.concat([table[:0], *sides.values()])["seed"].nunique()
    lines, dots = [], []
    for label, side in sides.items():
        values = comparison.percent(side, list(columns))
        for column in [*columns, AVERAGE]:
            cell = _score(side, values, column)
            lines.append((label, column, cell, _text(cell, seeds)))
        dots.append(dots_of(label, values, columns))
    return _cells(lines), pd.concat(dots, ignore_index=True)


def _score(side: pd.DataFrame, values: pd.DataFrame, column: str) -> Cell:
    part = values if column == AVERAGE else values[[column]]
    cell = comparison.interval(part, side)
    if cell.n:
        return cell
    if column == AVERAGE and part.notna().any(axis=None):
        there, whole = part.notna().any().sum(), len(part.dropna())
        return Cell(note=f"no average ({there} of {len(part.columns)} tasks, {whole} whole seeds)")
    return Cell(note="undefined" if column in set(side["key"]) else "not tested")


def _text(cell: Cell, seeds: int) -> str:
    if not cell.n:
        return cell.note
    count = f"{cell.n}" if cell.n == seeds else f"{cell.n} of {seeds}"
    if not cell.unit:
        return f"{cell.mean:.1f} ({count}, no interval)"
    clips = ", over clips" if cell.unit == "clips" else ""
    return f"{cell.mean:.1f} ± {(cell.high - cell.low) / 2:.1f} ({count}{clips})"


def differences(
    table: pd.DataFrame,
    pairs: Mapping[str, tuple],
    columns: Sequence[str],
    setting: str = "frozen",
    **shared,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """{label: (minuend, subtrahend)} by tasks, paired by seed, in points: (cells, dots).

    An average over fewer than all tasks says so in its text.
    """
    lines, dots = [], []
    for label, pair in pairs.items():
        found = comparison.compare(table, *pair, list(columns), setting=setting, **shared)
        common = [column for column, cell in found.tasks.items() if cell.n]
        part = f", {len(common)} of {len(columns)} tasks" if 0 < len(common) < len(columns) else ""
        for column, cell in (found.tasks | {AVERAGE: found.average}).items():
            bare = f"{cell.mean:+.1f}, no interval" if cell.n else "not tested"
            text = describe(cell) if cell.unit else bare
            lines.append((label, column, cell, text + part * (column == AVERAGE)))
        dots.append(dots_of(label, found.points, common))
    return _cells(lines), pd.concat(dots, ignore_index=True)


def means(dots: pd.DataFrame, form: str = "{:.1f}") -> pd.DataFrame:
    """The cells of dots of any kind, say seconds: mean and t interval over seeds; none for one."""
    lines, each = [], dots.groupby(["row", "column", "seed"], sort=False)["value"].mean()
    for (row, column), values in each.astype(float).groupby(["row", "column"], sort=False):
        cell, half = Cell(values.iloc[0], n=1, note="one seed"), ""
        if len(values) > 1:
            cell = Cell(*mean_t(values), unit="seeds")
            half = " ± " + form.replace("+", "").format((cell.high - cell.low) / 2)
        lines.append((row, column, cell, f"{form.format(cell.mean)}{half} ({len(values)})"))
    return _cells(lines)


def printed(
    rows: Mapping[str, tuple[int, str] | None], columns: Sequence[str], setting: str
) -> pd.DataFrame:
    """The numbers of ASG's paper as cells: {label: (table, method)}, None: not printed.

    The average is the printed one, or computed where a table prints none.
    """
    source, lines = paper.read("asg"), []
    for label, where in rows.items():
        values = [where and paper.cell(source, *where, column, setting) for column in columns]
        average = None if None in values else float(np.mean(values))
        if where and paper.averages(source, where[0]):
            average = paper.cell(source, *where, paper.AVERAGE, setting)
        for column, value in zip([*columns, AVERAGE], [*values, average]):
            cell = Cell(note="not printed") if value is None else Cell(value)
            lines.append((label, column, cell, "–" if value is None else f"{value:.1f}"))
    return _cells(lines)


def similarities(records: Sequence[Mapping]) -> pd.DataFrame:
    """Of records with curves, the similarity of moved clips to themselves: dots, a column a move.

    `x` is the shift in percent of the axis, NaN for a flip, which has no length.
    """
    lines = []
    for record in records:
        for move, curve in record["curves"].items():
            shifts = [100 * shift for shift in record["shifts"]] if len(curve) > 1 else [np.nan]
            who = record["method"], move, record["seed"]
            lines += [(*who, shift, value) for shift, value in zip(shifts, curve)]
    return pd.DataFrame(lines, columns=["row", "column", "seed", "x", "value"])


def wide(cells: pd.DataFrame, value: str = "text", name: str = "method") -> pd.DataFrame:
    """The cells as a table for reading: rows by columns, in their order, the average first.

    Where all intervals are of as many seeds, the caption's `basis` says how many.
    """
    if value == "text":
        cells = cells.assign(text=_once(cells["text"]))
    found = cells.pivot(index="row", columns="column", values=value)
    return found.loc[cells["row"].unique(), columns_of(cells)].rename_axis(name)


def columns_of(cells: pd.DataFrame) -> list[str]:
    """The columns in their order, but the average first: a narrow screen shows what stands left."""
    return sorted(cells["column"].unique(), key=lambda column: column != AVERAGE)


def _once(texts: pd.Series) -> pd.Series:
    """Without the number of seeds behind each interval, if it is the same for all."""
    intervals = texts[texts.str.contains("[", regex=False)]
    seeds = intervals.str.extract(r"(, \d+ seeds)$")[0]
    same = len(seeds) and seeds.notna().all() and seeds.nunique() == 1
    return texts.str.removesuffix(seeds.iloc[0]) if same else texts


def stacked(bands: Bands) -> pd.DataFrame:
    """All bands as one table for reading."""
    parts = {title: wide(cells) for title, (cells, _) in bands.items()}
    return pd.concat(parts, names=["setting", "system"]).fillna("")


def average(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells of the average, by row."""
    return cells[cells["column"] == AVERAGE].set_index("row")


def of_all_tasks(cells: pd.DataFrame) -> pd.Series:
    """The means of the average, by row; NaN where a task has no number."""
    counts = cells[cells["column"] != AVERAGE].groupby("row")["n"].min()
    means = average(cells)["mean"]
    return means.where(counts.reindex(means.index, fill_value=1) > 0)


def on_average(bands: Bands) -> dict[str, tuple]:
    """The bands with their averages alone: for a small figure."""
    return {t: tuple(part[part["column"] == AVERAGE] for part in both) for t, both in bands.items()}


def seeds(table: pd.DataFrame) -> str:
    """How many seeds the systems of a table have: "3 to 5 pretraining seeds"."""
    return seeds_of(table.groupby(["method", "frontend", "corpus", "setting"])["seed"].nunique())


def seeds_of(counts: pd.Series) -> str:
    """How many there are, from several numbers of seeds: "3 to 5 pretraining seeds"."""
    told = _range(counts) if len(counts) else "0"
    return f"{told} pretraining seed{'s' * (told != '1')}"


def _range(numbers: pd.Series) -> str:
    low, high = int(numbers.min()), int(numbers.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def basis(cells: pd.DataFrame, table: pd.DataFrame | None = None) -> str:
    """Of intervals: "n = 3 seeds, 95 % t intervals over seeds, 384 test clips a task"."""
    there = cells[cells["n"] > 0]
    if there.empty:
        return "no runs"
    told = [f"n = {_range(there['n'])} seed" + "s" * int(there["n"].max() > 1)]
    told += [words for unit, words in BASES.items() if unit in set(there["unit"])]
    if table is not None:
        counts = table.loc[table["key"].isin(there["column"]), "counts"].dropna()
        told += [f"{_range(counts.str['test'])} test clips a task"] * (len(counts) > 0)
    return ", ".join(told)


def clear(cells: pd.DataFrame) -> str:
    """How many intervals of differences leave out 0, how many would if no two systems differed, and
    the LARGEST of them, in a sentence; averages are not counted again."""
    tested = cells[(cells["unit"] != "") & (cells["column"] != AVERAGE)]
    if tested.empty:
        return "nothing is tested"
    found = tested[(tested["low"] > 0) | (tested["high"] < 0)]
    found = found.sort_values("mean", key=abs, ascending=False, kind="stable")
    told = [f"{line.row} on {line.column} {line.mean:+.1f}" for line in found.itertuples()]
    rest = [f"and {len(told) - LARGEST} smaller"] * (len(told) > LARGEST)
    named = ": " + "; ".join(told[:LARGEST] + rest) if told else ""
    chance = f"about {(1 - LEVEL) * len(tested):.1f} would if nothing differed"
    return f"{len(found)} of {len(tested)} intervals leave out zero ({chance}){named}"
