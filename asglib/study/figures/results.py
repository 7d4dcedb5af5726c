"""Scores, differences and claims as pictures, of the cells and dots of study.tables."""

import re
import textwrap
from collections.abc import Mapping, Sequence

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from asglib.study.figures.style import GUIDE, Picture, drawn, looks, one_legend, panels
from asglib.study.tables import AVERAGE, columns_of

VERDICTS = {  # colour, the bar's in style.css too, and marker: told apart without colour
    "reproduced": ("#0173B2", "o"),
    "partly": ("#56B4E9", "^"),
    "inconclusive": ("#737373", "s"),
    "not reproduced": ("#C85200", "X"),
    "not tested": ("#FFFFFF", "D"),
}
OWN = "the average on its own scale"
SHORT = ("not printed", "undefined")  # notes that fit into a panel
ABOVE = 0.27  # of a line's height that the seeds' dots lie above the interval
LETTERS = 66  # of a claim on its line


@drawn
def dot_intervals(
    bands: Mapping[str, tuple[pd.DataFrame, pd.DataFrame | None]],
    xlabel: str,
    zero: bool = False,
    width: float = 10,
) -> Figure | str:
    """{title: (cells, dots)}: a line of panels each, a panel a column; above an interval its seeds.

    dots None: plain numbers, say the paper's, as open markers. `zero` draws a line at 0, and gives
    all tasks one scale; the average keeps its own, on which its small interval is seen.
    """
    if any(cells.empty for cells, _ in bands.values()):
        return "nothing is tested"
    heights = [1.0 + 0.3 * cells["row"].nunique() for cells, _ in bands.values()]
    fig = Picture(figsize=(width, sum(heights)), layout="constrained")
    parts = fig.subfigures(len(bands), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, (title, (cells, dots)) in zip(parts, bands.items()):
        columns = columns_of(cells)
        crowded = len(columns) * max(map(len, columns)) > 9 * width
        axes = part.subplots(1, len(columns), squeeze=False, sharey=True)[0]
        tasks = [axis for axis, column in zip(axes, columns) if column != AVERAGE]
        for axis in tasks[1:] if zero else ():
            axis.sharex(tasks[0])
        for axis, column in zip(axes, columns):
            _panel(axis, cells, dots, column, ticks=2 if crowded else 3)
            axis.tick_params(axis="x", labelsize=7 if crowded else 10)
            if zero:
                axis.axvline(0, linestyle=":", **GUIDE)
            axis.set_title(_broken(column) if crowded else column, fontsize=8 if crowded else 10)
        part.suptitle(title, x=0.005, ha="left", fontsize=10, fontweight="bold")
        part.supxlabel(f"{xlabel}; {OWN}" if zero and 0 < len(tasks) < len(axes) else xlabel)
    return fig


def _broken(column: str) -> str:
    """A task's name on lines that a narrow panel holds, broken behind "/" and "_"."""
    lines = textwrap.wrap(re.sub("([/_])", r"\1 ", column), 13, break_long_words=False)
    return re.sub("([/_]) ", r"\1", "\n".join(lines))


def _panel(axis, cells: pd.DataFrame, dots: pd.DataFrame | None, column: str, ticks: int) -> None:
    """The rows of one column; a row without a mean says why."""
    rows = list(cells["row"].unique())
    palette, markers = looks(rows).values()
    shown = cells[cells["column"] == column]
    shown = shown.assign(y=[rows.index(row) for row in shown["row"]])
    _intervals(axis, shown, "row", palette, markers, hollow=dots is None)
    seeds = [] if dots is None else dots[dots["column"] == column]
    if len(seeds):
        seeds = seeds.assign(y=[rows.index(row) - ABOVE for row in seeds["row"]])
        style = {"hue": "row", "palette": palette, "alpha": 0.75, "legend": False}
        sns.scatterplot(seeds, x="value", y="y", s=14, ax=axis, gid="seeds", **style)
    for cell in shown[shown["mean"].isna()].itertuples():
        why = cell.note if cell.note in SHORT else "no interval" if cell.n else "not tested"
        middle = {"transform": axis.get_yaxis_transform(), "ha": "center", "va": "center"}
        axis.text(0.5, cell.y, why, fontsize=8, color=GUIDE["color"], **middle)
    _name_rows(axis, rows)
    axis.xaxis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 5, 10]))
    if len(axis.texts) == len(rows):
        axis.tick_params(axis="x", bottom=False, labelbottom=False)


def _intervals(
    axis,
    table: pd.DataFrame,
    by: str,
    palette: Mapping,
    markers: Mapping,
    hollow: bool = False,
    size: int = 60,
) -> None:
    """Lines from `low` to `high` and markers at `mean`, in height `y`; column `by` has the look."""
    ranges = table.dropna(subset="low")
    hues = ranges[by].map(palette)
    axis.hlines(ranges["y"], ranges["low"], ranges["high"], colors=hues, gid="interval")
    style = {"hue": by, "style": by, "palette": palette, "markers": markers, "legend": False}
    style |= {"linewidth": 0.5, "zorder": 3}
    sns.scatterplot(table, x="mean", y="y", s=size, ax=axis, gid="mean", **style)
    marks = axis.collections[-1]
    if hollow and marks.get_gid() == "mean":
        marks.set(edgecolor=marks.get_facecolor(), facecolor="white", linewidth=1.5)


def _name_rows(axis, names: Sequence[str]) -> None:
    """Row 0 on top, each row named, without lines across."""
    axis.set(xlabel="", ylabel="", ylim=(len(names) - 0.5, -0.6))
    axis.set_yticks(range(len(names)), names)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="y", visible=False)


@drawn
def claims_chart(scorecard: pd.DataFrame) -> Figure | str:
    """The measured claims: mean and interval in points, right of 0 as claimed; tick: as stated."""
    shown = scorecard.dropna(subset="mean")
    if shown.empty:
        return "no claim is measured"
    shown = shown.assign(y=range(len(shown)))
    palette, markers = (dict(zip(VERDICTS, part)) for part in zip(*VERDICTS.values()))
    fig, ((axis,),) = panels(1, 1.4 + 0.42 * len(shown), width=4.6)
    _intervals(axis, shown, "verdict", palette, markers, size=35)
    for word in dict.fromkeys(shown["verdict"]):
        axis.scatter([], [], color=palette[word], marker=markers[word], label=f"ours: {word}")
    stated = {"color": "black", "label": "stated by the paper", "gid": "stated"}
    axis.scatter(shown["stated"], shown["y"], marker="|", s=110, linewidth=2.5, **stated)
    axis.axvline(0, linestyle=":", **GUIDE)
    _name_rows(axis, [""] * len(shown))
    # above its line, so that a narrow screen shows both; on white, so that no guide crosses it
    where = {"transform": axis.get_yaxis_transform(), "va": "bottom", "fontsize": 8}
    where["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    for y, text in zip(shown["y"], _compared(shown)):
        axis.text(0.005, y - 0.24, text, **where)
    axis.set_ylim(top=-0.85)
    axis.set_xlabel("points; right of the dotted line: as the paper claims")
    one_legend(fig, columns=2)
    return fig


def _compared(claims: pd.DataFrame) -> list[str]:
    """Each claim's id, the two systems that were measured and the paper's column, on a line."""
    systems = claims["ours"].str.rpartition(": ")[0]
    column = claims["paper"].str.extract(r"(\([^()]*\))$", expand=False).fillna("")
    lines = claims["id"] + ": " + systems + " " + column
    return [textwrap.shorten(line, LETTERS, placeholder=" ...") for line in lines]
