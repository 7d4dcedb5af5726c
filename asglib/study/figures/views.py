"""Clips, matrices and curves (paper figures 1 to 4)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from asglib.config import Frontend
from asglib.study.figures.style import GUIDE, drawn, looks, one_legend, panels
from asglib.study.statistics import mean_t

RANGE = 60.0  # dB below the loudest cell that a colour bar spans
MARKED = 40  # points of a curve that can be told apart
WIDE = 5  # panels side by side, whose titles can be told apart


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
    step, half = frontend.hop / frontend.sample_rate, frontend.sample_rate / frontend.n_fft / 2000
    low, high = -half, (2 * len(level) - 1) * half
    if frontend.n_mels:
        low, high = 0.5, len(level) + 0.5
    return -step / 2, (level.shape[1] - 0.5) * step, low, high


@drawn
def curves(
    dots: pd.DataFrame,
    xlabel: str,
    ylabel: str = "",
    zero: bool = False,
    same: bool = True,
    doubling: bool = False,
) -> Figure | str:
    """Dots of study.tables with a place `x`: a panel a column, a line a row through the means over
    seeds; the band is their 95 % t interval. `same`: one y axis for all panels; `doubling`: an x
    axis on which twice as much is always as far."""
    if dots.empty:
        return "nothing is measured"
    columns = list(dots["column"].unique())
    palette, markers = looks(dots["row"].unique()).values()
    by = {"hue": "row", "palette": palette, "style": "row", "dashes": False}
    by["markers"] = markers if dots["x"].nunique() <= MARKED else False
    fig, axes = panels(len(columns), 3.4, min(len(columns), WIDE), sharey=same)
    for axis, column in zip(axes.flat, columns):
        part = dots[dots["column"] == column]
        sns.lineplot(part, x="x", y="value", errorbar=_band, ax=axis, **by)
        axis.set(title=column, xlabel=xlabel, ylabel=ylabel if axis in axes[:, 0] else "")
        axis.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        if doubling:
            axis.set_xscale("log", base=2)
            axis.xaxis.set_major_formatter("{x:g}")
        if zero:
            axis.axhline(0, linestyle=":", **GUIDE)
    one_legend(fig)
    return fig


def _band(values: pd.Series) -> tuple[float, float]:
    return mean_t(values)[1:3] if len(values) > 1 else (np.nan, np.nan)
