"""Pretrainings as pictures: a falling loss is no learning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import seaborn as sns
from matplotlib.figure import Figure

from asglib.study.figures.style import GUIDE, drawn, look, single
from asglib.study.trainings import CHANCE, ranked


@drawn
def ranked_against_loss(records: Sequence[Mapping], height: float = 3.6) -> Figure | str:
    """A point a pretraining of CPC: its last loss, and the share of positives ranked first.

    A hollow point has collapsed; the dashed line is chance.
    """
    shown = [record for record in records if ranked(record) is not None]
    if not shown:
        return "no pretraining of CPC is there"
    fig, axis = single(8, height)
    named = set()
    for record in shown:
        style = look(record["method"])
        fill = {"facecolor": "white"} if record["collapsed"] else {}
        label = None if record["method"] in named else record["method"]
        named.add(record["method"])
        point = {"x": [record["final_loss"]], "y": [100 * ranked(record)], "label": label}
        sns.scatterplot(**point, s=80, edgecolor=style["color"], ax=axis, **style | fill)
    axis.axhline(100 * CHANCE, linestyle="--", **GUIDE)
    axis.annotate("chance", (1, 100 * CHANCE), xycoords=("axes fraction", "data"), va="bottom")
    axis.set(xlabel="loss of the last step", ylabel="positives ranked first (%)", ylim=(0, 100))
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return fig
