"""Records as pictures (paper tables 2 to 6): every seed a dot, every mean with its interval.

Numbers come as two tables. `cells` has a line for each row and column of a picture, as results.cells makes them: row,
column, mean, low, high, n, unit, note, text. `dots` has a line for each seed of a cell: row, column, seed, value.
The average of a system or a difference is the last column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from asglib.study import paper as audit
from asglib.study import tables as results
from asglib.study.comparison import choose, percent, row_of
from asglib.study.figures import METHOD_COLOURS, METHOD_MARKERS, styled
from asglib.study.statistics import mean_t

OTHER = "#444444"  # a row whose label does not begin with a method
SHORT = ("not printed", "undefined")  # notes that fit into a panel
ABOVE = 0.27  # of a line's height that the seeds' dots lie above the interval


def scores(
    frame: pd.DataFrame,
    rows: Sequence[str] | Mapping[str, Mapping],
    columns: Sequence[str],
    setting: str = "frozen",
    **shared,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Systems by tasks ("set/task") in percent: (cells, dots).

    rows: methods, or {label: {"method": "ASG", "frontend": "mel", "corpus": "toy-a"}}; `shared` holds for all rows.
    """
    named = rows.items() if isinstance(rows, Mapping) else [(row, {"method": row}) for row in rows]
    asked = {label: {"frontend": "linear", "corpus": None} | shared | row for label, row in named}
    columns, known, cells, dots = list(columns), {}, [], []
    for label, how in asked.items():
        kind = how["frontend"], how["corpus"]
        if kind not in known:
            peers = [
                other["method"]
                for other in asked.values()
                if (other["frontend"], other["corpus"]) == kind
            ]
            known[kind] = results.cells(frame, peers, columns, setting, *kind)
        cells.append(known[kind][known[kind]["row"] == how["method"]].assign(row=label))
        dots.append(
            _dots(label, percent(choose(frame, how["method"], setting, *kind), columns), columns)
        )
    return pd.concat(cells, ignore_index=True), pd.concat(dots, ignore_index=True)


def differences(
    frame: pd.DataFrame,
    pairs: Mapping[str, tuple],
    columns: Sequence[str],
    setting: str = "frozen",
    frontend: str = "linear",
    corpus: str | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """{label: (minuend, subtrahend)} by tasks, paired by seed, in points: (cells, dots).

    A side is a method or a dict as in `scores`. An average over fewer than all tasks says so in its text.
    """
    cells, dots = [], []
    for label, pair in pairs.items():
        found = results.compare(frame, *pair, list(columns), setting, frontend, corpus)
        one, other = (
            percent(choose(frame, side, setting, frontend, corpus), list(columns)) for side in pair
        )
        used = [column for column in columns if found.tasks.loc[column, "n"]]
        lines = pd.DataFrame([*found.tasks.to_dict("records"), found.average.to_dict()])
        texts = [_difference(line) for line in lines.to_dict("records")]
        texts[-1] += f", {len(used)} of {len(columns)} tasks" * (0 < len(used) < len(columns))
        cells.append(lines.assign(row=label, column=[*columns, results.AVERAGE], text=texts))
        dots.append(_dots(label, one - other, used))
    return pd.concat(cells, ignore_index=True), pd.concat(dots, ignore_index=True)


def _difference(cell: Mapping) -> str:
    if not cell["unit"]:
        return "no interval" if cell["n"] else "not tested"
    clips = ", over clips" * (cell["unit"] == "clips")
    return f"{cell['mean']:+.1f} [{cell['low']:+.1f}, {cell['high']:+.1f}] ({cell['n']}{clips})"


def _dots(label: str, values: pd.DataFrame, averaged: list[str]) -> pd.DataFrame:
    """[seeds, tasks] as dots, with the average of the seeds that are whole in all of `averaged`."""
    full = values.assign(
        **{results.AVERAGE: values[averaged].mean(axis=1, skipna=False) if averaged else np.nan}
    )
    long = full.rename_axis(index="seed", columns="column").reset_index().melt("seed")
    return long.dropna(subset="value").assign(row=label)


def means(dots: pd.DataFrame, form: str = "{:.1f}") -> pd.DataFrame:
    """The cells of plain values, say seconds: the mean and its t interval over seeds; one seed has no interval."""
    found = []
    for (row, column), part in dots.groupby(["row", "column"], sort=False):
        values = part["value"].astype(float)
        cell = (
            row_of(*mean_t(values), unit="seeds")
            if len(part) > 1
            else row_of(values.iloc[0], n=1, note="one seed")
        )
        half = (
            " ± " + form.replace("+", "").format((cell["high"] - cell["low"]) / 2)
            if len(part) > 1
            else ""
        )
        found.append(
            {
                "row": row,
                "column": column,
                **cell,
                "text": f"{form.format(cell['mean'])}{half} ({len(part)})",
            }
        )
    return pd.DataFrame(found, columns=["row", "column", *row_of(), "text"])


def printed(
    rows: Mapping[str, tuple[int, str] | None], columns: Sequence[str], setting: str
) -> pd.DataFrame:
    """The paper's numbers as cells without intervals: {label: (table, method)}, None where it prints nothing.

    The average is the printed one, or computed where a table prints none, so that table 2 can stand beside table 4.
    """
    tables, found = audit.paper_tables(), []
    named = set(tables.loc[tables["column"] == audit.AVERAGE, "table"])
    for label, where in rows.items():
        values = [where and audit.cell(tables, *where, column, setting) for column in columns]
        average = where and where[0] in named and audit.cell(tables, *where, audit.AVERAGE, setting)
        values.append(average or (None if None in values else float(np.mean(values))))
        for column, value in zip([*columns, results.AVERAGE], values):
            cell = row_of(note="not printed") if value is None else row_of(value)
            found.append(
                {
                    "row": label,
                    "column": column,
                    **cell,
                    "text": "–" if value is None else f"{value:.1f}",
                }
            )
    return pd.DataFrame(found)


def similarities(records: Sequence[Mapping]) -> pd.DataFrame:
    """Of pretraining records, the similarity of moved clips to themselves, averaged over the shifts above 0: dots."""
    kinds = ("FT", "FF", "SF", "ST")
    found = []
    for record, kind in product(records, kinds):
        moved = [value for shift, value in zip(record["shifts"], record["curves"][kind]) if shift]
        value = np.mean(moved or record["curves"][kind])  # a flip has no length, and one value
        found.append((record["method"], kind, record["seed"], value))
    return pd.DataFrame(found, columns=["row", "column", "seed", "value"])


def wide(cells: pd.DataFrame, value: str = "text", name: str = "method") -> pd.DataFrame:
    """The cells as a table for reading: rows by columns, in their order."""
    table = cells.pivot(index="row", columns="column", values=value)
    return table.loc[cells["row"].unique(), cells["column"].unique()].rename_axis(name)


def basis(cells: pd.DataFrame, frame: pd.DataFrame | None = None) -> str:
    """What the intervals stand on, for a caption: "n = 3 seeds, 95 % t intervals over seeds, 384 test clips a task"."""
    there = cells[cells["n"] > 0]
    if there.empty:
        return "no runs"
    told = [f"n = {_range(there['n'])} seed" + "s" * int(there["n"].max() > 1)]
    told += ["95 % t intervals over seeds"] * ("seeds" in set(there["unit"]))
    told += ["95 % bootstrap intervals over test clips"] * ("clips" in set(there["unit"]))
    if frame is not None:
        tested = frame[frame["key"].isin(there["column"]) & frame["counts"].notna()]["counts"].map(
            lambda c: c["test"]
        )
        told += [f"{_range(tested)} test clips a task"] if len(tested) else []
    return ", ".join(told)


def _range(numbers: pd.Series) -> str:
    low, high = int(numbers.min()), int(numbers.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def extremes(cells: pd.DataFrame, unit: str = "percent", form: str = "{:.1f}") -> str:
    """Each column's highest and lowest row, for an alt text: "toy/order: FT highest at 92.1, NONE lowest at 80.0"."""
    told = []
    for column, part in cells.groupby("column", sort=False):
        there = (
            part.dropna(subset="mean")
            .sort_values("mean", kind="stable")[["row", "mean"]]
            .values.tolist()
        )
        ends = [f"{row} highest at {form.format(mean)}" for row, mean in there[-1:]]
        ends += [f"{row} lowest at {form.format(mean)}" for row, mean in there[:-1][:1]]
        told.append(
            f"{column}: {', '.join(ends)} {unit}".rstrip() if ends else f"{column}: not tested"
        )
    return "; ".join(told)


def clear(cells: pd.DataFrame) -> str:
    """Which intervals of differences leave out 0, in a sentence; averages are not counted again."""
    tested = cells[(cells["unit"] != "") & (cells["column"] != results.AVERAGE)]
    found = tested[(tested["low"] > 0) | (tested["high"] < 0)]
    named = "".join(
        f"; {line.row} on {line.column} {line.mean:+.1f}" for line in found.itertuples()
    )
    return f"{len(found)} of {len(tested)} intervals leave out zero{named}; by chance {0.05 * len(tested):.1f} would"


@styled
def dot_intervals(
    bands: Mapping[str, tuple[pd.DataFrame, pd.DataFrame | None]],
    xlabel: str,
    zero: bool = False,
    titles: Mapping[str, str] | None = None,
    width: float = 10,
) -> Figure:
    """{title: (cells, dots)}: a line of panels each, a panel a column; mean, interval, and above it every seed a dot.

    dots None: plain numbers, say the paper's, as open markers. `zero` draws a line at 0, `titles` renames columns.
    """
    heights = [1.0 + 0.3 * cells["row"].nunique() for cells, _ in bands.values()]
    fig = Figure(figsize=(width, sum(heights)), layout="constrained")
    parts = fig.subfigures(len(bands), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, (band, (cells, dots)) in zip(parts, bands.items()):
        rows, columns = cells["row"].unique(), cells["column"].unique()
        crowded = len(columns) * max(map(len, columns)) > 9 * width
        axes = part.subplots(1, len(columns), squeeze=False, sharey=True, sharex=zero)[0]
        for axis, column in zip(axes, columns):
            mine = None if dots is None else dots[dots["column"] == column]
            _panel(axis, rows, cells[cells["column"] == column].set_index("row"), mine, column)
            title = (titles or {}).get(column, column.replace("/", "/\n") if crowded else column)
            axis.set_title(title, fontsize=8 if crowded else 10)
            if zero:
                axis.axvline(0, color="#666666", linewidth=1, linestyle=":", gid="zero")
        axes[0].set(yticks=range(len(rows)), yticklabels=rows, ylim=(len(rows) - 0.5, -0.6))
        part.suptitle(band, x=0.005, ha="left", fontsize=10, fontweight="bold")
        part.supxlabel(xlabel, fontsize=10)
    return fig


def _panel(
    axis, rows: Sequence[str], cells: pd.DataFrame, dots: pd.DataFrame | None, column: str
) -> None:
    """One column: artists carry "interval", "mean" or "seeds", the row and the column as their gid."""
    for place, row in enumerate(rows):
        cell, method = cells.loc[row], row.split()[0].rstrip(",")
        look = {
            "color": METHOD_COLOURS.get(method, OTHER),
            "marker": METHOD_MARKERS.get(method, "o"),
        }
        if np.isnan(cell["mean"]):
            note = (
                cell["note"]
                if cell["note"] in SHORT
                else "no interval"
                if cell["n"]
                else "not tested"
            )
            axis.text(
                0.5,
                place,
                note,
                transform=axis.get_yaxis_transform(),
                ha="center",
                va="center",
                fontsize=8,
                color="#666666",
                gid=f"absent|{row}|{column}",
            )
        if not np.isnan(cell["low"]):
            axis.plot(
                [cell["low"], cell["high"]],
                [place, place],
                color=look["color"],
                gid=f"interval|{row}|{column}",
            )
        axis.plot(
            [cell["mean"]],
            [place],
            **look,
            linestyle="",
            gid=f"mean|{row}|{column}",
            **{"markerfacecolor": "white"} if dots is None else {},
        )
        values = [] if dots is None else dots.loc[dots["row"] == row, "value"]
        axis.plot(
            values,
            [place - ABOVE] * len(values),
            linestyle="",
            marker="o",
            markersize=3.2,
            color=look["color"],
            alpha=0.75,
            gid=f"seeds|{row}|{column}",
        )
    axis.tick_params(axis="y", length=0)
    axis.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
    axis.grid(axis="y", visible=False)
    if cells["mean"].isna().all() and (dots is None or dots.empty):
        axis.set_xticks([])
