"""Pictures of one task at a time (behind paper tables 2 and 3), and of the claims: functions of records."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import wraps

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from asglib.study.figures import METHOD_COLOURS, styled

CLASS_COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#B8A90A",
)
CLASS_MARKERS = "osD^vXP<"
OTHERS = "#BBBBBB"
VERDICTS = {  # colour and marker: told apart without colour too
    "reproduced": ("#009E73", "o"),
    "partly": ("#E69F00", "^"),
    "inconclusive": ("#0072B2", "s"),
    "not reproduced": ("#D55E00", "X"),
    "not tested": ("#777777", "D"),
}
NAMED = 20  # classes whose names fit on an axis
WRITTEN = 12  # classes whose cells can hold a number


class PanelError(ValueError):
    """Records that cannot be drawn together."""


def _or_why(draw: Callable) -> Callable:
    """`draw`, or a Figure that says why there is nothing to draw: an absent task leaves a place, not a hole."""

    @wraps(draw)
    def inside(*args, **keywords) -> Figure:
        found = styled(draw)(*args, **keywords)
        if not isinstance(found, str):
            return found
        fig = Figure(figsize=(10, 1), layout="constrained")
        fig.text(0.5, 0.5, found, ha="center", va="center", color="#444444", gid="why")
        return fig

    return inside


def confusion(records: Sequence[Mapping]) -> tuple[np.ndarray, list[str]]:
    """Test clips by true class (row) and predicted class (column), summed over the records' seeds: [C, C], class names.

    Records without predictions (several labels a clip, or none at all) give an empty matrix.
    """
    told = [record for record in records if record["labels"]]
    classes = list(told[0]["classes"]) if told else []
    if any(list(record["classes"]) != classes for record in told):
        runs = ", ".join(record["run"] for record in told)
        raise PanelError(
            f"The records {runs} have different classes: draw them in panels of their own."
        )
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    for record in told:
        np.add.at(counts, (np.array(record["labels"]), np.array(record["predictions"])), 1)
    return counts, classes


def confused(records: Sequence[Mapping]) -> str:
    """The most frequent confusion in words: "up taken for down in 12 of 90 clips", clips counted once a seed."""
    counts, classes = confusion(records)
    wrong = counts - np.diag(np.diag(counts))
    if not wrong.any():
        return "no clip is confused" if counts.any() else "not tested"
    true, taken = np.unravel_index(wrong.argmax(), wrong.shape)
    return f"{classes[true]} taken for {classes[taken]} in {wrong[true, taken]} of {counts[true].sum()} clips"


@_or_why
def confusion_matrices(panels: Mapping[str, Sequence[Mapping]], columns: int = 2) -> Figure | str:
    """{title: records of one system on one task, a record a seed}: percent of each true class, the seeds summed."""
    found = {title: confusion(records) for title, records in panels.items()}
    found = {title: pair for title, pair in found.items() if pair[1]}
    if not found:
        return "no confusion matrix: no record with one prediction a clip"
    rows = -(-len(found) // columns)
    fig = Figure(figsize=(10, 4.2 * rows), layout="constrained")
    axes = fig.subplots(rows, columns, squeeze=False)
    for axis, (title, (counts, classes)) in zip(axes.flat, found.items()):
        share = 100 * counts / counts.sum(1, keepdims=True).clip(1)
        image = axis.imshow(share, cmap="cividis", vmin=0, vmax=100)
        axis.set(title=title, xlabel="predicted class", ylabel="true class")
        axis.grid(False)
        if len(classes) <= NAMED:
            axis.set(xticks=range(len(classes)), yticks=range(len(classes)), yticklabels=classes)
            axis.set_xticklabels(
                classes, **{"rotation": 45, "ha": "right"} if len(classes) > 4 else {}
            )
        for (row, column), value in np.ndenumerate(share) if len(classes) <= WRITTEN else ():
            axis.text(
                column,
                row,
                f"{value:.0f}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if value < 50 else "black",
            )
    for axis in axes.flat[len(found) :]:
        axis.set_axis_off()
    fig.colorbar(image, ax=axes, label="share of the true class (%)", aspect=30, pad=0.01)
    return fig


def gains(records: Sequence[Mapping], minuend: str, subtrahend: str) -> pd.DataFrame:
    """Points by class (row) and seed (column) that one method has more than another, lowest mean first.

    Recall where a clip has one label, average precision where it may have several. Left out: classes without a test
    clip, and seeds that only one of the two methods has.
    """
    sides = [
        {record["seed"]: _by_class(record) for record in records if record["method"] == method}
        for method in (minuend, subtrahend)
    ]
    seeds = sorted(set(sides[0]) & set(sides[1]))
    found = pd.DataFrame(
        {seed: 100 * (sides[0][seed] - sides[1][seed]) for seed in seeds}, dtype=float
    ).dropna()
    return found.loc[found.mean(axis=1).sort_values(kind="stable").index]


def _by_class(record: Mapping) -> pd.Series:
    """The fraction of each class, NaN for one without a test clip."""
    if record["metric"] == "mAP":
        return pd.Series(record["average_precision"], index=list(record["classes"]), dtype=float)
    counts, classes = confusion([record])
    with np.errstate(invalid="ignore"):
        return pd.Series(np.diag(counts) / counts.sum(1), index=classes)


@_or_why
def class_gains(found: pd.DataFrame, minuend: str, subtrahend: str, ends: int = 15) -> Figure | str:
    """`gains` as bars for the means and a dot a seed; of many classes the `ends` lowest and the `ends` highest."""
    if found.empty:
        return f"no gain by class: {minuend} and {subtrahend} have no seed in common"
    shown = found if len(found) <= 2 * ends else pd.concat([found.head(ends), found.tail(ends)])
    fig = Figure(figsize=(8, 1.1 + 0.28 * len(shown)), layout="constrained")
    axis = fig.subplots()
    place, means = np.arange(len(shown)), shown.mean(axis=1)
    colours = [
        METHOD_COLOURS[minuend] if mean > 0 else METHOD_COLOURS[subtrahend] for mean in means
    ]
    axis.barh(place, means, color=colours, alpha=0.35, height=0.7, gid="means")
    for seed in shown:
        axis.plot(
            shown[seed],
            place,
            linestyle="",
            marker="o",
            markersize=4,
            color="#333333",
            gid=f"seed {seed}",
        )
    axis.axvline(0, color="#666666", linewidth=1)
    axis.set(
        yticks=place,
        yticklabels=shown.index,
        ylim=(-0.6, len(shown) - 0.4),
        xlabel=f"{minuend} less {subtrahend} (points)",
    )
    axis.grid(axis="y", visible=False)
    return fig


@_or_why
def embedding_maps(
    maps: Mapping[str, tuple[np.ndarray, np.ndarray]], labels: Sequence[str], title: str
) -> Figure | str:
    """{system: (points [n, 2], shares of the variance [2])} side by side, a dot a clip; the 8 most frequent of `labels`
    [n] have a colour and a marker, the others are grey."""
    if not maps:
        return "no map: no encoder on this task"
    names = pd.Series(list(labels)).value_counts(sort=False)
    names = sorted(
        names.sort_values(ascending=False, kind="stable").index[: len(CLASS_COLOURS)], key=_natural
    )
    labels, fig = np.array(labels), Figure(figsize=(10, 4.6), layout="constrained")
    for axis, (system, (points, share)) in zip(
        fig.subplots(1, len(maps), squeeze=False)[0], maps.items()
    ):
        others = ~np.isin(labels, names)
        if others.any():
            axis.plot(
                *points[others].T,
                ".",
                color=OTHERS,
                markersize=4,
                gid="others",
                label=f"{len(set(labels[others]))} others",
            )
        for name, colour, marker in zip(names, CLASS_COLOURS, CLASS_MARKERS):
            axis.plot(
                *points[labels == name].T,
                linestyle="",
                marker=marker,
                markersize=4.5,
                color=colour,
                alpha=0.65,
                gid=name,
                label=name,
            )
        axis.set(
            title=system,
            xlabel=f"first component ({100 * share[0]:.0f} % of the variance)",
            ylabel=f"second ({100 * share[1]:.0f} %)",
            xticks=[],
            yticks=[],
        )
    fig.legend(
        *fig.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, title=title
    )
    return fig


def _natural(name: str) -> list:
    """A key that puts 600 Hz before 1100 Hz."""
    return [(len(part), part) if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


def separation(points: np.ndarray, labels: Sequence[str]) -> float:
    """The share of the map's variance that lies between the classes' centres: 0 mixed, 1 each class one point."""
    points, labels = np.asarray(points), np.array(labels)
    spread = ((points - points.mean(0)) ** 2).sum()
    centres = {
        name: points[labels == name].mean(0) - points.mean(0) for name in sorted(set(labels))
    }
    between = sum((labels == name).sum() * (centre**2).sum() for name, centre in centres.items())
    return float(between / max(spread, 1e-300))


@_or_why
def claims_chart(card: pd.DataFrame) -> Figure | str:
    """The measured lines of `scorecard.card`: mean and interval in points, right of 0 as claimed; bar: stated size."""
    shown = card.dropna(subset="mean")
    if shown.empty:
        return "no claim is measured"
    fig = Figure(figsize=(10, 1.2 + 0.32 * len(shown)), layout="constrained")
    axis, stated = (
        fig.subplots(),
        {
            "marker": "|",
            "markersize": 14,
            "markeredgewidth": 2.5,
            "color": "black",
            "linestyle": "",
        },
    )
    for place, row in enumerate(shown.itertuples()):
        colour, marker = VERDICTS[row.verdict]
        axis.plot([row.low, row.high], [place, place], color=colour, gid=f"interval|{row.id}")
        axis.plot(
            [row.mean], [place], marker=marker, color=colour, linestyle="", gid=f"mean|{row.id}"
        )
        axis.plot([row.stated], [place], **stated, gid=f"paper|{row.id}")
    for word in dict.fromkeys(shown["verdict"]):
        axis.plot([], [], color=VERDICTS[word][0], marker=VERDICTS[word][1], label=f"ours: {word}")
    axis.plot([], [], **stated, label="stated by the paper")
    axis.axvline(0, color="#666666", linewidth=1, linestyle=":")
    axis.set(
        yticks=range(len(shown)),
        yticklabels=shown["id"],
        ylim=(len(shown) - 0.4, -0.6),
        xlabel="points; right of the dotted line: as the paper claims",
    )
    axis.grid(axis="y", visible=False)
    fig.legend(loc="outside upper center", ncols=5)
    return fig
