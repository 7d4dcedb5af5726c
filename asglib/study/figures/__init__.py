"""The pictures of notebooks 01 to 04 (paper figures 1 to 4): functions of arrays and records that return Figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import wraps

import matplotlib
import numpy as np
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from asglib.config import Frontend

METHOD_COLOURS = {  # Okabe and Ito's, told apart by readers with any colour vision, in the order of the results table
    "NONE": "#000000",
    "ST": "#999999",
    "FT": "#56B4E9",
    "SF": "#E69F00",
    "FF": "#009E73",
    "ASG": "#D55E00",
    "Sup.": "#CC79A7",
    "untrained": "#0072B2",
    "spectrogram": "#B8A90A",
}  # the last is a darker yellow: it meets white
METHOD_MARKERS = {
    "NONE": "o",
    "ST": "v",
    "FT": "<",
    "SF": "^",
    "FF": "s",
    "ASG": "D",
    "Sup.": "P",
    "untrained": "X",
    "spectrogram": "*",
}
ANSWERS = {
    "new": "#009E73",
    "other": "#E3E3E3",
    "old": "#D55E00",
}  # what a classifier says of a moved clip
CELLS = (
    "#FFFFFF",
    "#009E73",
    "#D55E00",
    "#DCE6F2",
)  # itself, positive, its own moved recording, another recording
RANGE = 60.0  # dB below the loudest cell that a colour bar spans
STYLE = {
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E5E5E5",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 6,
    "figure.dpi": 100,
}


def styled(draw):
    """`draw` with the shared style, whatever the notebook's own settings are."""

    @wraps(draw)
    def inside(*args, **keywords) -> Figure:
        with matplotlib.rc_context(
            {**matplotlib.rcParamsDefault, "backend": matplotlib.rcParams["backend"], **STYLE}
        ):
            return draw(*args, **keywords)

    return inside


def decibels(spectrogram) -> np.ndarray:
    """Natural logarithm of power -> dB: [..., F, T]."""
    return np.asarray(spectrogram, dtype=np.float64) * 10 / np.log(10)


def _canvas(
    rows: int, columns: int, width: float, height: float, **keywords
) -> tuple[Figure, np.ndarray]:
    fig = Figure(figsize=(width, height), layout="constrained")
    return fig, fig.subplots(rows, columns, squeeze=False, **keywords)


@styled
def spectrograms(
    panels: Mapping[str, np.ndarray],
    frontend: Frontend,
    columns: int | None = None,
    height: float = 2.6,
) -> Figure:
    """Named spectrograms [F, T] (natural log of power) side by side in dB, all on one colour scale."""
    levels = {name: decibels(panel) for name, panel in panels.items()}
    top = max(level.max() for level in levels.values())
    columns = columns or len(levels)
    rows = -(-len(levels) // columns)
    fig, axes = _canvas(rows, columns, 10, height * rows, sharex=True, sharey=True)
    for axis, (name, level) in zip(axes.flat, levels.items()):
        image = axis.imshow(
            level,
            origin="lower",
            aspect="auto",
            cmap="viridis",
            vmin=top - RANGE,
            vmax=top,
            interpolation="nearest",
            extent=_extent(level, frontend),
        )
        axis.set_title(name)
        axis.grid(False)
    for axis in axes.flat[len(levels) :]:
        axis.set_axis_off()
    fig.supxlabel("time (s)", fontsize=10)
    fig.supylabel("mel band" if frontend.n_mels else "frequency (kHz)", fontsize=10)
    fig.colorbar(image, ax=axes, label="level (dB)", extend="min", pad=0.01, aspect=15 * rows)
    return fig


def _extent(level: np.ndarray, frontend: Frontend) -> tuple[float, float, float, float]:
    """Left, right, bottom, top of the cells' outer edges: s, and kHz or mel bands."""
    bins, frames = level.shape
    step, half = frontend.hop / frontend.sample_rate, frontend.sample_rate / frontend.n_fft / 2000
    low, high = (0.5, bins + 0.5) if frontend.n_mels else (-half, (2 * bins - 1) * half)
    return -step / 2, (frames - 0.5) * step, low, high


@styled
def lines(
    panels: Mapping[str, Mapping[str, tuple[Sequence, Sequence]]],
    xlabel: str,
    ylabels: Sequence[str],
    levels: Mapping[str, float] | None = None,
    marks: Sequence[float] = (),
    markers: bool = True,
    same: bool = False,
    height: float = 3.0,
) -> Figure:
    """{title: {method: (x, y)}} as panels of lines in the methods' colours, with the `same` y axis or each its own.

    `levels` {name: y} are dotted lines in the first panel, `marks` are dashed lines at some x in all.
    """
    fig, axes = _canvas(1, len(panels), 10, height, sharey=same)
    for axis, (title, curves), ylabel in zip(axes[0], panels.items(), ylabels):
        for method, (x, y) in curves.items():
            axis.plot(
                x,
                y,
                color=METHOD_COLOURS[method],
                marker=METHOD_MARKERS[method] if markers else None,
                label=method,
            )
        for mark in marks:
            axis.axvline(mark, color="#666666", linestyle="--", linewidth=1)
        axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
    for name, level in (levels or {}).items():
        axes[0, 0].axhline(
            level,
            color=METHOD_COLOURS.get(name.split()[0], "#666666"),
            linestyle=":",
            linewidth=1.2,
        )
        axes[0, 0].annotate(
            name,
            (1, level),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            fontsize=8,
        )
    axes[0, -1].legend(*axes[0, 0].get_legend_handles_labels())
    return fig


@styled
def shift_curves(records: Sequence[Mapping], height: float = 3.4) -> Figure:
    """Similarity of moved to unmoved clips against the shift, from pretraining records: a line the mean, a dot a seed."""
    fig, axes = _canvas(1, 3, 10, height, sharey=True, width_ratios=(5, 5, 2.6))
    methods = list(dict.fromkeys(record["method"] for record in records))
    for place, method in enumerate(methods):
        mine = [record for record in records if record["method"] == method]
        look = {"color": METHOD_COLOURS[method], "marker": METHOD_MARKERS[method]}
        for axis, kind in zip(axes[0], ("SF", "ST")):
            x, values = (
                100 * np.array(mine[0]["shifts"]),
                np.array([record["curves"][kind] for record in mine]),
            )
            axis.plot(x, values.mean(0), **look | {"marker": None})
            axis.plot(
                np.tile(x, len(mine)), values.ravel(), **look, linestyle="", alpha=0.8, label=method
            )
        flips = np.array([[record["curves"][kind][0] for kind in ("FT", "FF")] for record in mine])
        spots = np.array([0.0, 1.0]) + 0.14 * (place - (len(methods) - 1) / 2)
        axes[0, 2].plot(
            np.tile(spots, len(mine)), flips.ravel(), **look, linestyle="", label=method
        )
    titles = ("SF: scrolled along frequency", "ST: scrolled along time", "flipped")
    for axis, title, xlabel in zip(
        axes[0], titles, ("shift (% of the axis)", "shift (% of the axis)", "")
    ):
        axis.axhline(0, color="#666666", linewidth=1, linestyle=":")
        axis.set(title=title, xlabel=xlabel)
    axes[0, 2].set(xticks=(0, 1), xticklabels=("FT", "FF"), xlim=(-0.6, 1.6))
    axes[0, 0].set_ylabel("similarity to the unmoved clip\n(1: the same, 0: another clip)")
    fig.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(methods)
    )
    return fig


@styled
def answers(shares: Mapping[str, Mapping[str, Sequence[float]]], height: float = 2.7) -> Figure:
    """{title: {system: (new, old, before)}}: shares of moved clips whose answer is the new or the old label, as bars,
    and of the unmoved clips answered rightly, as a black tick."""
    fig, axes = _canvas(1, len(shares), 10, height, sharex=True, sharey=True)
    for axis, (title, systems) in zip(axes[0], shares.items()):
        place = np.arange(len(systems))[::-1]
        new, old, before = 100 * np.array(list(systems.values())).T
        axis.barh(place, new, color=ANSWERS["new"], label="label after the move")
        axis.barh(place, 100 - new - old, left=new, color=ANSWERS["other"], label="another label")
        axis.barh(place, old, left=100 - old, color=ANSWERS["old"], label="label before the move")
        axis.plot(
            before,
            place,
            linestyle="",
            marker="|",
            markersize=20,
            markeredgewidth=2.5,
            color="black",
            label="right on the unmoved clips",
        )
        axis.set(title=title, xlim=(0, 100), yticks=place, yticklabels=list(systems))
        axis.grid(False)
    fig.supxlabel("share of test clips (%)", fontsize=10)
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return fig


@styled
def histograms(
    panels: Mapping[str, tuple[Sequence, Sequence, tuple[float, float]]],
    xlabels: Sequence[str],
    height: float = 2.6,
) -> Figure:
    """{title: (values, bin edges, (low, high))}: counts, with the limits of the stated range as dashed lines."""
    fig, axes = _canvas(1, len(panels), 10, height)
    for axis, (title, (values, edges, limits)), xlabel in zip(axes[0], panels.items(), xlabels):
        axis.hist(values, edges, color="#56B4E9", edgecolor="white", linewidth=0.5)
        for limit in limits:
            axis.axvline(limit, color="#D55E00", linestyle="--", linewidth=1.5)
        axis.set(title=title, xlabel=xlabel, ylabel="draws")
    return fig


@styled
def batch_similarity(
    kinds: np.ndarray,
    similarities: Mapping[str, np.ndarray],
    names: Sequence[str],
    groups: Sequence[str],
    height: float = 3.9,
) -> Figure:
    """Which cells of the similarity matrix are what, and the measured ones: kinds [M, M] in 0 ... 3, cosines [M, M].

    `names` name the kinds, `groups` the equal parts of the rows.
    """
    fig, axes = _canvas(1, 1 + len(similarities), 10, height)
    parts = axes[0, 0].imshow(
        kinds, cmap=ListedColormap(CELLS), norm=BoundaryNorm(np.arange(5) - 0.5, 4)
    )
    axes[0, 0].set_title("what each cell is")
    bar = fig.colorbar(
        parts, ax=axes[0, 0], ticks=range(4), location="bottom", aspect=12, drawedges=True
    )
    bar.ax.set_xticklabels(names, fontsize=8)
    for axis, (title, values) in zip(axes[0, 1:], similarities.items()):
        image = axis.imshow(values, cmap="cividis", vmin=-1, vmax=1)
        axis.set_title(title)
    fig.colorbar(image, ax=axes[0, 1:], label="cosine similarity", location="bottom", aspect=25)
    size = len(kinds) // len(groups)
    for axis in axes[0]:
        centres = np.arange(len(groups)) * size + (size - 1) / 2
        axis.set(xticks=centres, yticks=centres, xticklabels=groups, yticklabels=groups)
        axis.tick_params(length=0)
        axis.grid(False)
        for edge in np.arange(1, len(groups)) * size - 0.5:
            (
                axis.axhline(edge, color="#666666", linewidth=0.8),
                axis.axvline(edge, color="#666666", linewidth=0.8),
            )
    return fig


@styled
def dots(
    values: Mapping[str, Mapping[str, float]],
    xlabel: str,
    chance: Mapping[str, float],
    height: float = 2.6,
) -> Figure:
    """{method: {row: share}} as one dot a method in each row, with the row's chance level as a grey tick."""
    fig, axes = _canvas(1, 1, 7.5, height)
    rows = list(chance)
    place = np.arange(len(rows))[::-1]
    axes[0, 0].plot(
        [100 * chance[row] for row in rows],
        place,
        linestyle="",
        marker="|",
        markersize=22,
        markeredgewidth=2.5,
        color="#888888",
        label="chance",
    )
    for method, shares in values.items():
        axes[0, 0].plot(
            [100 * shares[row] for row in rows],
            place,
            linestyle="",
            marker=METHOD_MARKERS[method],
            markersize=8,
            color=METHOD_COLOURS[method],
            label=method,
            alpha=0.9,
        )
    axes[0, 0].set(
        xlabel=xlabel, yticks=place, yticklabels=rows, xlim=(0, 100), ylim=(-0.6, len(rows) - 0.4)
    )
    axes[0, 0].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return fig
