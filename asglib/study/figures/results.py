"""Scores, differences, classes and claims as pictures (paper tables 2 to 6).

Numbers come as two tables. `cells` has a line for each row and column of a picture: row, column,
mean, low, high, n, unit, note, text. `dots` has a line for each seed of a cell: row, column, seed,
value.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from asglib.study import classes
from asglib.study.figures.style import (
    GUIDE,
    MARKERS,
    TICK,
    Picture,
    colour,
    drawn,
    looks,
    one_legend,
    panels,
    single,
)

VERDICTS = {  # colour and marker: told apart without colour too
    "reproduced": ("#029E73", "o"),
    "partly": ("#DE8F05", "^"),
    "inconclusive": ("#0173B2", "s"),
    "not reproduced": ("#D55E00", "X"),
    "not tested": ("#777777", "D"),
}
SHORT = ("not printed", "undefined")  # notes that fit into a panel
ABOVE = 0.27  # of a line's height that the seeds' dots lie above the interval
NAMED = 20  # classes whose names fit on an axis
WRITTEN = 12  # classes whose cells can hold a number
COLOURED = 8  # classes of a map that have a colour
LETTERS = 58  # of a claim on each of its two lines


@drawn
def dot_intervals(
    bands: Mapping[str, tuple[pd.DataFrame, pd.DataFrame | None]],
    xlabel: str,
    zero: bool = False,
    titles: Mapping[str, str] | None = None,
    width: float = 10,
) -> Figure | str:
    """{title: (cells, dots)}: a line of panels each, a panel a column; above an interval its seeds.

    dots None: plain numbers, say the paper's, as open markers. `zero` draws a line at 0, `titles`
    renames columns.
    """
    if any(cells.empty for cells, _ in bands.values()):
        return "nothing is tested"
    heights = [1.0 + 0.3 * cells["row"].nunique() for cells, _ in bands.values()]
    fig = Picture(figsize=(width, sum(heights)), layout="constrained")
    parts = fig.subfigures(len(bands), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, (title, (cells, dots)) in zip(parts, bands.items()):
        columns = list(cells["column"].unique())
        crowded = len(columns) * max(map(len, columns)) > 9 * width
        axes = part.subplots(1, len(columns), squeeze=False, sharey=True, sharex=zero)[0]
        for axis, column in zip(axes, columns):
            _panel(axis, cells, dots, column)
            if zero:
                axis.axvline(0, linestyle=":", **GUIDE)
            broken = column.replace("/", "/\n") if crowded else column
            axis.set_title((titles or {}).get(column, broken), fontsize=8 if crowded else 10)
        part.suptitle(title, x=0.005, ha="left", fontsize=10, fontweight="bold")
        part.supxlabel(xlabel)
    return fig


def _panel(axis, cells: pd.DataFrame, dots: pd.DataFrame | None, column: str) -> None:
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
        why = "no interval" if cell.n else "not tested"
        why = cell.note if cell.note in SHORT else why
        middle = {"transform": axis.get_yaxis_transform(), "ha": "center", "va": "center"}
        axis.text(0.5, cell.y, why, fontsize=8, color=GUIDE["color"], **middle)
    _name_rows(axis, rows)
    axis.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
    if len(axis.texts) == len(rows):
        axis.set_xticks([])


def _intervals(
    axis, table: pd.DataFrame, by: str, palette: Mapping, markers: Mapping, hollow: bool = False
) -> None:
    """Lines from `low` to `high` and markers at `mean`, in height `y`; column `by` has the look."""
    ranges = table.dropna(subset="low")
    hues = ranges[by].map(palette)
    axis.hlines(ranges["y"], ranges["low"], ranges["high"], colors=hues, gid="interval")
    style = {"hue": by, "style": by, "palette": palette, "markers": markers, "legend": False}
    style |= {"linewidth": 0.5, "zorder": 3}
    sns.scatterplot(table, x="mean", y="y", s=60, ax=axis, gid="mean", **style)
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
def confusion_matrices(systems: Mapping[str, Sequence[Mapping]], columns: int = 2) -> Figure | str:
    """{title: records of a system on a task, a record a seed}: percent of each true class."""
    found = {title: classes.confusion(records) for title, records in systems.items()}
    found = {title: counts for title, counts in found.items() if counts.size}
    if not found:
        return "no confusion matrix: no record with one prediction a clip"
    fig, axes = panels(len(found), 4.2, columns)
    for axis, (title, counts) in zip(axes.flat, found.items()):
        share = 100 * counts.div(counts.sum(axis=1).clip(1), axis=0)
        text = {"annot": len(counts) <= WRITTEN, "fmt": ".0f", "annot_kws": {"size": 8}}
        names = {"xticklabels": len(counts) <= NAMED, "yticklabels": len(counts) <= NAMED}
        scale = {"vmin": 0, "vmax": 100, "cmap": "cividis", "cbar": False}
        sns.heatmap(share, ax=axis, **scale, **text, **names)
        axis.set(title=title, xlabel="predicted class", ylabel="true class")
        axis.tick_params("x", rotation=90 if len(counts) > 4 else 0)
    image = axes.flat[0].collections[0]
    fig.colorbar(image, ax=axes, label="share of the true class (%)", aspect=30, pad=0.01)
    return fig


@drawn
def class_gains(gains: pd.DataFrame, minuend: str, subtrahend: str, ends: int = 15) -> Figure | str:
    """Gains [class, seed] as a bar for the mean and a dot a seed; of many classes both `ends`."""
    if gains.empty:
        return f"no gain by class: {minuend} and {subtrahend} have no seed in common"
    both = pd.concat([gains.head(ends), gains.tail(ends)])
    shown = gains if len(gains) <= 2 * ends else both
    means = shown.mean(axis=1)
    seeds = shown.melt(ignore_index=False)["value"]
    palette = looks([minuend, subtrahend])["palette"]
    fig, axis = single(8, 1.1 + 0.28 * len(shown))
    bars = {"hue": np.where(means > 0, minuend, subtrahend), "palette": palette, "legend": False}
    sns.barplot(x=means.values, y=means.index, alpha=0.4, saturation=1, width=0.7, ax=axis, **bars)
    sns.stripplot(x=seeds.values, y=seeds.index, color="#333333", size=4, jitter=False, ax=axis)
    axis.axvline(0, **GUIDE)
    axis.set(xlabel=f"{minuend} - {subtrahend} (points)", ylabel="")
    axis.grid(axis="y", visible=False)
    return fig


@drawn
def embedding_maps(
    maps: Mapping[str, tuple[np.ndarray, np.ndarray]], labels: Sequence[str], title: str
) -> Figure | str:
    """{system: (points [n, 2], shares of the variance [2])} side by side, a dot a clip; the most
    frequent of `labels` [n] have a colour and a marker, the others are grey."""
    if not maps:
        return "no map: no encoder on this task"
    shown = pd.Series(list(labels), dtype=object)
    counts = shown.value_counts(sort=False).sort_values(ascending=False, kind="stable")
    names = sorted(counts.index[:COLOURED], key=_natural)
    others = f"{len(counts) - len(names)} others"
    shown = shown.where(shown.isin(names), others)
    palette = {name: colour(number) for number, name in enumerate(names)} | {others: "#BBBBBB"}
    markers = dict(zip(names, MARKERS)) | {others: "."}
    order = [name for name in palette if name in set(shown)]
    by = {"hue": shown, "style": shown, "hue_order": order, "style_order": order}
    fig, axes = panels(len(maps), 4.6)
    for axis, (system, (points, share)) in zip(axes[0], maps.items()):
        x, y = np.asarray(points).T
        mark = {"palette": palette, "markers": markers, "s": 25, "alpha": 0.65, "linewidth": 0}
        sns.scatterplot(x=x, y=y, ax=axis, **mark, **by)
        axis.set_xlabel(f"first component ({100 * share[0]:.0f} % of the variance)")
        axis.set(title=system, ylabel=f"second ({100 * share[1]:.0f} %)", xticks=[], yticks=[])
    one_legend(fig, title=title, loc="outside lower center")
    return fig


def _natural(name: str) -> list:
    """A key that puts 600 Hz before 1100 Hz."""
    return [(len(part), part) if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


@drawn
def claims_chart(scorecard: pd.DataFrame) -> Figure | str:
    """The measured claims: mean and interval in points, right of 0 as claimed; tick: as stated."""
    shown = scorecard.dropna(subset="mean")
    if shown.empty:
        return "no claim is measured"
    shown = shown.assign(y=range(len(shown)))
    palette = {word: hue for word, (hue, _) in VERDICTS.items()}
    markers = {word: marker for word, (_, marker) in VERDICTS.items()}
    fig, axis = single(10, 1.2 + 0.36 * len(shown))
    _intervals(axis, shown, "verdict", palette, markers)
    for word in dict.fromkeys(shown["verdict"]):
        axis.scatter([], [], color=palette[word], marker=markers[word], label=f"ours: {word}")
    stated = {"color": "black", "label": "stated by the paper", "gid": "stated"}
    axis.scatter(shown["stated"], shown["y"], **TICK | {"s": 150}, **stated)
    axis.axvline(0, linestyle=":", **GUIDE)
    _name_rows(axis, _in_words(shown))
    axis.tick_params(axis="y", labelsize=8)
    axis.set_xlabel("points; right of the dotted line: as the paper claims")
    one_legend(fig)
    return fig


def _in_words(claims: pd.DataFrame) -> list[str]:
    """Each claim on at most two lines; where several stand in one sentence, with its id behind."""
    shared = claims["claim"].duplicated(keep=False)
    ids = (" [" + claims["id"] + "]").where(shared, "")
    found = []
    for claim, name in zip(claims["claim"], ids):
        short = textwrap.shorten(claim, 2 * LETTERS - 15 - len(name), placeholder=" ...")
        found.append(textwrap.fill(short + name, LETTERS, break_on_hyphens=False))
    return found
