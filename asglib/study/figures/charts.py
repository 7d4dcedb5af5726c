"""Records as pictures (paper tables 2 to 6): every seed a dot, every mean with its interval.

Numbers come as two tables. `cells` has a line for each row and column of a picture, as results.cells makes them: row,
column, mean, low, high, n, unit, note, text. `dots` has a line for each seed of a cell: row, column, seed, value.
The average of a system or a difference is the last column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from asglib.study.figures import METHOD_COLOURS, METHOD_MARKERS, styled
from asglib.study.tables import (  # noqa: F401  (numbers; to be asked of study.tables)
    basis,
    clear,
    differences,
    extremes,
    means,
    printed,
    scores,
    similarities,
    wide,
)

OTHER = "#444444"  # a row whose label does not begin with a method
SHORT = ("not printed", "undefined")  # notes that fit into a panel
ABOVE = 0.27  # of a line's height that the seeds' dots lie above the interval


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
