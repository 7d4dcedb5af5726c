"""One look for every figure: the theme, and a colour and a marker for every system."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import wraps

import matplotlib.style
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from asglib.methods import METHODS
from asglib.study.plans import CONTROLS
from asglib.study.profiles import ABLATION

MAIN = (*ABLATION, "Sup.", *reversed(CONTROLS))  # these have the clearest looks
OTHER = "#444444"  # a row that belongs to no system
GUIDE = {"color": "#666666", "linewidth": 1}  # lines to read a figure by
# seaborn's colour-blind safe palette in our order, without its two colours too pale for white.
HUES = [sns.color_palette("colorblind")[number] for number in (7, 9, 1, 2, 3, 4, 0, 5)]
STARS = [(points, 1, 0) for points in (4, 3, 6, 8)]
POLYGONS = [(corners, 0, 20) for corners in range(3, 9)]
MARKERS = [*"ov<^sDPX*>pdh", *STARS, *POLYGONS]
STYLE = {
    "font.sans-serif": ["DejaVu Sans"],  # matplotlib's own: the same on every machine
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "figure.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#E5E5E5",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 7,
}


def theme() -> AbstractContextManager:
    """A context with the settings of all figures, whatever the reader's own are."""
    return matplotlib.style.context(["default", sns.axes_style("whitegrid"), STYLE])


class Picture(Figure):
    """A Figure that is saved in the theme too: fonts, ticks and paper are chosen only then."""

    def savefig(self, *args, **keywords) -> None:
        with theme():
            super().savefig(*args, **keywords)


def drawn(draw: Callable[..., Figure | str]) -> Callable[..., Figure]:
    """`draw` within the theme. Where it finds nothing to draw it returns why, and this is drawn."""

    @wraps(draw)
    def inside(*args, **keywords) -> Figure:
        with theme():
            found = draw(*args, **keywords)
            if isinstance(found, Figure):
                return found
            fig, axes = panels(1, 1)
            axes[0, 0].set_axis_off()
            axes[0, 0].text(0.5, 0.5, found, ha="center", va="center", color=OTHER)
            return fig

    return inside


def panels(
    count: int, height: float, columns: int = 0, width: float = 10, **keywords
) -> tuple[Figure, np.ndarray]:
    """A figure and its axes [rows, columns]; those beyond `count` are hidden."""
    columns = columns or count
    rows = -(-count // columns)
    fig = Picture(figsize=(width, height * rows), layout="constrained")
    axes = fig.subplots(rows, columns, squeeze=False, **keywords)
    for axis in axes.flat[count:]:
        axis.set_axis_off()
    return fig, axes


def one_legend(fig: Figure, columns: int = 5) -> None:
    """One legend above all panels, in place of each panel's own."""
    entries = {}
    for axis in fig.axes:
        for handle, label in zip(*axis.get_legend_handles_labels()):
            entries.setdefault(label, handle)
        if axis.get_legend():
            axis.get_legend().remove()
    fig.legend(entries.values(), entries.keys(), loc="outside upper center", ncols=columns)


def look(label: str) -> dict:
    """The `color` and `marker` of the system that a label begins with: "ASG, mel", "ASG - NONE".

    The first system is black; then come the hues, and the same hues darker. What is named after no
    system is grey and round.
    """
    systems = list(dict.fromkeys([*MAIN, *METHODS]))
    named = [one for one in systems if label == one or label.startswith((f"{one} ", f"{one},"))]
    if not named:
        return {"color": OTHER, "marker": "o"}
    number = systems.index(max(named, key=len))
    darker, hue = divmod(number - 1, len(HUES))
    colour = tuple(0.6**darker * part for part in HUES[hue]) if number else (0.0, 0.0, 0.0)
    return {"color": colour, "marker": MARKERS[number % len(MARKERS)]}


def looks(labels: Iterable[str]) -> dict[str, dict]:
    """The same as seaborn's `palette` and `markers`."""
    found = {label: look(label) for label in labels}
    names = {"palette": "color", "markers": "marker"}
    return {k: {label: one[name] for label, one in found.items()} for k, name in names.items()}
