"""Tables of percents as heat maps (augmented contrastive learning, figures 3 and 4)."""

from collections.abc import Mapping

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from seaborn.utils import relative_luminance

from asglib.study.figures.style import drawn, panels

NUMBERED = 16  # columns up to which a cell has room for its number
DARK = 0.18  # a ground's luminance at which black and white are told from it as well
SIDE = {"height": 0.34, "least": 1.6}  # inches of a line of cells, and of a panel without any


@drawn
def heat_maps(
    tables: Mapping[str, pd.DataFrame], xlabel: str = "", ylabel: str = "", columns: int = 0
) -> Figure | str:
    """Named tables of percents, each cell with its number, on one scale from 0 to 100."""
    tables = {name: table for name, table in tables.items() if len(table)}
    if not tables:
        return "nothing is tested"
    first = next(iter(tables.values()))
    height = SIDE["least"] + SIDE["height"] * len(first)
    fig, axes = panels(len(tables), height, columns, sharex=True, sharey=True)
    numbers = {"annot": len(first.columns) <= NUMBERED, "fmt": ".0f", "annot_kws": {"fontsize": 8}}
    scale = {"vmin": 0, "vmax": 100, "cmap": "cividis", "cbar": False, "linewidths": 0.5}
    for axis, (name, table) in zip(axes.flat, tables.items()):
        sns.heatmap(table, ax=axis, xticklabels=True, yticklabels=True, **numbers, **scale)
        for text, ground in zip(axis.texts, axis.collections[0].get_facecolors()):
            text.set_color("black" if relative_luminance(ground) > DARK else "white")
        axis.set(title=name, xlabel="", ylabel="")
        axis.tick_params(axis="x", labelrotation=90, labelsize=8)
        axis.tick_params(axis="y", labelrotation=0, labelsize=8)
    fig.supxlabel(xlabel)
    fig.supylabel(ylabel)
    bar = fig.colorbar(axes.flat[0].collections[0], ax=axes, pad=0.01, aspect=15 * len(axes))
    bar.set_label("percent")
    return fig
