"""Clips, views, and what encoders notice of a move (paper figures 1 to 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from asglib.config import Frontend
from asglib.study.figures.style import GUIDE, TICK, drawn, look, looks, one_legend, panels, single

CELLS = ("#FFFFFF", "#029E73", "#D55E00", "#DCE6F2")  # itself, positive, own moved clip, another
ANSWERS = {  # what a classifier says of a moved clip
    "label after the move": "#029E73",
    "another label": "#E3E3E3",
    "label before the move": "#D55E00",
}
RANGE = 60.0  # dB below the loudest cell that a colour bar spans


def decibels(spectrogram) -> np.ndarray:
    """Natural logarithm of power -> dB: [..., F, T]."""
    return np.asarray(spectrogram, dtype=np.float64) * 10 / np.log(10)


@drawn
def spectrograms(
    clips: Mapping[str, np.ndarray], frontend: Frontend, columns: int = 0, height: float = 2.6
) -> Figure:
    """Named spectrograms [F, T] (natural log of power) side by side in dB, on one colour scale."""
    levels = {name: decibels(clip) for name, clip in clips.items()}
    top = max(level.max() for level in levels.values())
    scale = {"cmap": "viridis", "vmin": top - RANGE, "vmax": top, "interpolation": "nearest"}
    fig, axes = panels(len(levels), height, columns, sharex=True, sharey=True)
    for axis, (name, level) in zip(axes.flat, levels.items()):
        extent = _extent(level, frontend)
        image = axis.imshow(level, origin="lower", aspect="auto", extent=extent, **scale)
        axis.set_title(name)
        axis.grid(False)
    fig.supxlabel("time (s)")
    fig.supylabel("mel band" if frontend.n_mels else "frequency (kHz)")
    bar = {"extend": "min", "pad": 0.01, "aspect": 15 * len(axes)}
    fig.colorbar(image, ax=axes, label="level (dB)", **bar)
    return fig


def _extent(level: np.ndarray, frontend: Frontend) -> tuple[float, float, float, float]:
    """Left, right, bottom, top of the cells' outer edges: s, and kHz or mel bands."""
    bins, frames = level.shape
    step = frontend.hop / frontend.sample_rate
    half = frontend.sample_rate / frontend.n_fft / 2000
    low, high = (0.5, bins + 0.5) if frontend.n_mels else (-half, (2 * bins - 1) * half)
    return -step / 2, (frames - 0.5) * step, low, high


@drawn
def histograms(
    draws: Mapping[str, tuple[Sequence, Sequence, tuple[float, float]]],
    xlabels: Sequence[str],
    height: float = 2.6,
) -> Figure:
    """{title: (values, bin edges, (low, high))}: counts; dashed: the limits of the stated range."""
    fig, axes = panels(len(draws), height)
    for axis, (title, (values, edges, limits)), xlabel in zip(axes[0], draws.items(), xlabels):
        sns.histplot(x=values, bins=list(edges), color="#56B4E9", alpha=1, ax=axis)
        for limit in limits:
            axis.axvline(limit, color="#D55E00", linestyle="--", linewidth=1.5)
        axis.set(title=title, xlabel=xlabel, ylabel="draws")
    return fig


@drawn
def batch_similarity(
    kinds: np.ndarray,
    similarities: Mapping[str, np.ndarray],
    names: Sequence[str],
    groups: Sequence[str],
    height: float = 3.9,
) -> Figure:
    """What the cells of the similarity matrix are, kinds [M, M] in 0 ... 3, and cosines [M, M].

    `names` name the kinds, `groups` the equal parts of the rows.
    """
    matrices = {"what each cell is": kinds, **similarities}
    scales = [{"cmap": ListedColormap(CELLS), "vmin": -0.5, "vmax": 3.5}]
    scales += [{"cmap": "cividis", "vmin": -1, "vmax": 1}] * len(similarities)
    edges = np.linspace(0, len(kinds), len(groups) + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    fig, axes = panels(len(matrices), height)
    for axis, (title, values), scale in zip(axes[0], matrices.items(), scales):
        sns.heatmap(values, ax=axis, square=True, cbar=False, **scale)
        axis.set_title(title)
        axis.set_xticks(middles, groups, rotation=0)
        axis.set_yticks(middles, groups, rotation=0)
        axis.hlines(edges[1:-1], 0, len(kinds), **GUIDE)
        axis.vlines(edges[1:-1], 0, len(kinds), **GUIDE)
    roles, *cosines = [axis.collections[0] for axis in axes[0]]
    below = {"location": "bottom", "aspect": 12}
    bar = fig.colorbar(roles, ax=axes[0, 0], ticks=range(4), drawedges=True, **below)
    bar.ax.set_xticklabels(names, fontsize=8)
    fig.colorbar(cosines[0], ax=axes[0, 1:], label="cosine similarity", **below | {"aspect": 25})
    return fig


@drawn
def lines(
    curves: Mapping[str, Mapping[str, tuple[Sequence, Sequence]]],
    xlabel: str,
    ylabels: Sequence[str],
    levels: Mapping[str, float] | None = None,
    marks: Sequence[float] = (),
    markers: bool = True,
    same: bool = False,
    height: float = 3.3,
) -> Figure:
    """{title: {method: (x, y)}} as panels of lines, with the `same` y axis or each its own.

    `levels` {name: y}: dotted lines in the first panel; `marks`: dashed lines at some x in all.
    """
    fig, axes = panels(len(curves), height, sharey=same)
    for axis, (title, methods), ylabel in zip(axes[0], curves.items(), ylabels):
        for method, (x, y) in methods.items():
            style = look(method) if markers else {"color": look(method)["color"]}
            sns.lineplot(x=x, y=y, errorbar=None, label=method, ax=axis, **style)
        for mark in marks:
            axis.axvline(mark, linestyle="--", **GUIDE)
        axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
    for name, level in (levels or {}).items():
        corner = {"xycoords": ("axes fraction", "data"), "ha": "right", "va": "bottom"}
        axes[0, 0].axhline(level, color=look(name)["color"], linestyle=":", linewidth=1.2)
        axes[0, 0].annotate(name, (1, level), fontsize=8, **corner)
    one_legend(fig)
    return fig


@drawn
def shift_curves(records: Sequence[Mapping], height: float = 3.6) -> Figure | str:
    """Similarity of moved to unmoved clips by shift: a line or marker the mean, a dot a seed."""
    if not records:
        return "no encoder was asked what it notices of a move"
    rows = [
        (record["method"], kind, 100 * shift, value)
        for record in records
        for kind, values in record["curves"].items()
        for shift, value in zip(record["shifts"], values)
    ]
    table = pd.DataFrame(rows, columns=["method", "move", "shift", "similarity"])
    palette, markers = looks(table["method"]).values()
    by = {"y": "similarity", "hue": "method", "palette": palette}
    seed = {"legend": False, "alpha": 0.8}
    fig, axes = panels(3, height, sharey=True, width_ratios=(5, 5, 2.6))
    for axis, kind in zip(axes[0], ("SF", "ST")):
        mine = table[table["move"] == kind]
        means = {"style": "method", "markers": markers, "dashes": False, "errorbar": None}
        sns.lineplot(mine, x="shift", ax=axis, **means, **by)
        sns.scatterplot(mine, x="shift", ax=axis, s=14, zorder=3, **seed, **by)
    flips = table[table["move"].isin(["FT", "FF"])]
    apart = 0.8 * (1 - 1 / len(markers))  # between the first and the last method of a flip
    means = {"markers": list(markers.values()), "linestyle": "none", "markersize": 7}
    means |= {"dodge": apart or False, "errorbar": None, "legend": False}
    sns.pointplot(flips, x="move", ax=axes[0, 2], **means, **by)
    sns.stripplot(flips, x="move", dodge=True, jitter=False, size=4, ax=axes[0, 2], **seed, **by)
    titles = ("SF: scrolled along frequency", "ST: scrolled along time", "flipped")
    for axis, title in zip(axes[0], titles):
        axis.axhline(0, linestyle=":", **GUIDE)
        axis.set(title=title, xlabel="" if title == "flipped" else "shift (% of the axis)")
    axes[0, 0].set_ylabel("similarity to the unmoved clip\n(1: the same, 0: another clip)")
    one_legend(fig, 8)
    return fig


@drawn
def answers(shares: Mapping[str, Mapping[str, Sequence[float]]], height: float = 2.7) -> Figure:
    """{title: {system: (new, old, before)}}: as bars, the shares of moved clips that get the new or
    the old label; as a black tick, the share of unmoved clips that get the right one."""
    fig, axes = panels(len(shares), height, sharex=True, sharey=True)
    for axis, (title, systems) in zip(axes[0], shares.items()):
        new, old, before = 100 * np.array(list(systems.values())).T
        bars = pd.DataFrame(dict(zip(ANSWERS, (new, 100 - new - old, old))), index=list(systems))
        bars.plot.barh(stacked=True, width=0.8, color=ANSWERS, legend=False, ax=axis)
        right = {"color": "black", "zorder": 3, "label": "right on the unmoved clips"}
        axis.scatter(before, range(len(systems)), **TICK, **right)
        axis.set(title=title, xlim=(0, 100), ylim=(len(systems) - 0.5, -0.5))
        axis.grid(False)
    fig.supxlabel("share of test clips (%)")
    one_legend(fig)
    return fig


@drawn
def dots(
    values: Mapping[str, Mapping[str, float]],
    xlabel: str,
    chance: Mapping[str, float],
    height: float = 2.6,
) -> Figure:
    """{method: {row: share}} as a dot a method in each row, and the row's chance as a tick."""
    rows = list(chance)
    fig, axis = single(7.5, height)
    expected = [100 * chance[row] for row in rows]
    axis.scatter(expected, range(len(rows)), **TICK, color="#888888", label="chance")
    for method, shares in values.items():
        x = [100 * shares[row] for row in rows]
        style = look(method) | {"s": 80, "alpha": 0.9, "label": method}
        sns.scatterplot(x=x, y=range(len(rows)), ax=axis, **style)
    axis.set(xlabel=xlabel, xlim=(0, 100), ylim=(len(rows) - 0.4, -0.6))
    axis.set_yticks(range(len(rows)), rows)
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return fig
