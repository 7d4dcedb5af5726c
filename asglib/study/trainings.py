"""What pretrainings were and cost, and whether they collapsed: from their records alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from asglib.methods import METHODS
from asglib.study.tables import AVERAGE, means

CHANCE = 1 / 3  # that a positive is above both negatives of CPC


def systems(records: Sequence[Mapping], methods: Iterable[str]) -> pd.DataFrame:
    """A line a method: its network, input and corpus, what it was shown, and what came of it."""
    lines = {}
    for method in methods:
        mine = [record for record in records if record["method"] == method]
        if mine:
            lines[method] = _line(mine)
    columns = ["encoder", "input", "corpus", "clips", "too short", "epochs", "loss", "spread"]
    columns += ["ranked first", "collapsed"]
    found = pd.DataFrame.from_dict(lines, orient="index").reindex(columns=columns)
    return found.rename_axis("method").fillna("–")


def _line(mine: list[Mapping]) -> dict:
    first = mine[0]
    collapsed = sum(bool(record.get("collapsed")) for record in mine)
    return {
        "encoder": first["encoder"],
        "input": first["frontend"],
        "corpus": first["corpus"],
        "clips": first["clips"],
        "too short": first["too_short"],
        "epochs": first["epochs"],
        "loss": _mean([record["final_loss"] for record in mine]),
        "spread": _mean([record["measured"]["spread"][-1] for record in mine]),
        "ranked first": _mean([ranked(record) for record in mine]),
        "collapsed": f"{collapsed} of {len(mine)}" if first["epochs"] else "not trained",
    }


def ranked(record: Mapping) -> float | None:
    """The share of positives that CPC ranks first; None for another method, or no training."""
    return record.get("seen", {}).get("ranked")


def _mean(values: Iterable[float | None]) -> str:
    there = [value for value in values if value is not None]
    return f"{np.mean(there):.3f}" if there else "–"


def costs(records: Sequence[Mapping], methods: Iterable[str], cells: pd.DataFrame) -> pd.DataFrame:
    """At equal clips and epochs, what each method costs, and what it gains for its time.

    `cells` are differences of averages, rows "method - control".
    """
    averages = cells[cells["column"] == AVERAGE]
    gains = averages.set_index(averages["row"].str.split(" - ").str[0])["mean"]
    lines = {}
    for method in methods:
        mine = [record for record in records if record["method"] == method]
        if not mine:
            continue
        shown = mine[0]["batch"] * mine[0]["steps"]
        seconds = [record["seconds"] for record in mine]
        gain = gains.get(method, np.nan)
        lines[method] = {
            "clips shown": shown,
            "views encoded": shown * METHODS[method].views,
            "seconds": _seconds(method, seconds),
            "gain over its control, points": gain,
            "gain per minute": 60 * gain / np.mean(seconds),
        }
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("method")


def _seconds(method: str, values: list[float]) -> str:
    dots = {"row": method, "column": "seconds", "seed": range(len(values)), "value": values}
    return means(pd.DataFrame(dots))["text"].iloc[0]


def collapsed(records: Sequence[Mapping]) -> str:
    """Which runs collapsed, in a sentence."""
    trained = [record for record in records if record["epochs"]]
    lost = [f"{r['method']}, seed {r['seed']}" for r in trained if r.get("collapsed")]
    if not trained:
        return "No pretraining is there"
    named = f": {'; '.join(lost)}" if lost else ""
    return f"{len(lost)} of {len(trained)} pretrainings collapsed{named}"
