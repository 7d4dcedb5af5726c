"""What pretrainings were and cost, and whether they collapsed: from their records alone."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from asglib.methods import METHODS
from asglib.study.tables import of_all_tasks


def _by_method(records: Sequence[Mapping], methods: Iterable[str]) -> dict[str, list[Mapping]]:
    found = {method: [one for one in records if one["method"] == method] for method in methods}
    return {method: mine for method, mine in found.items() if mine}


def systems(records: Sequence[Mapping], methods: Iterable[str]) -> pd.DataFrame:
    """A line a method: its network, input and corpus, what it was shown, and what came of it.

    "ranked first" is the share of positives that CPC ranks before both negatives, of the last batch
    and of held-out clips.
    """
    lines = {}
    for method, mine in _by_method(records, methods).items():
        first = mine[0]
        same = {name: first[name] for name in ("encoder", "corpus", "clips", "epochs")}
        lost = sum(bool(record.get("collapsed")) for record in mine)
        lines[method] = same | {
            "input": first["frontend"],
            "too short": first["too_short"],
            "loss": _mean(record["final_loss"] for record in mine),
            "spread": _mean(record["measured"]["spread"][-1] for record in mine),
            "ranked first": _mean(record.get("seen", {}).get("ranked") for record in mine),
            "on held-out clips": _mean(r.get("held_out", {}).get("ranked") for r in mine),
            "collapsed": f"{lost} of {len(mine)}" if first["epochs"] else "not trained",
        }
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("method")


def _mean(values: Iterable[float | None]) -> str:
    there = [value for value in values if value is not None]
    return f"{np.mean(there):.3f}" if there else "–"


def costs(records: Sequence[Mapping], methods: Iterable[str], cells: pd.DataFrame) -> pd.DataFrame:
    """At equal clips and epochs, what each method costs (D67), and what it gains.

    `cells` are differences of averages, rows "method" or "method - control".
    """
    gains = of_all_tasks(cells)
    gains = gains.set_axis(gains.index.str.split(" - ").str[0])
    mine = {method: runs[0] for method, runs in _by_method(records, methods).items()}
    shown = pd.Series({method: run["batch"] * run["steps"] for method, run in mine.items()})
    table = pd.DataFrame({"clips shown": shown}).rename_axis("method")
    table["views encoded"] = shown * [METHODS[method].views for method in mine]
    work = pd.Series({method: run["multiply_adds"] for method, run in mine.items()})
    table["multiply-adds, 10^12"] = work / 1e12
    table["gain, points"] = gains.reindex(table.index)
    return table


def collapsed(records: Sequence[Mapping], methods: Iterable[str] = METHODS) -> str:
    """Which runs of these methods collapsed, in a sentence."""
    every = [record for mine in _by_method(records, methods).values() for record in mine]
    trained = [record for record in every if record["epochs"]]
    counts = Counter(record["method"] for record in trained)
    lost = Counter(record["method"] for record in trained if record.get("collapsed"))
    if not trained:
        return "No pretraining is there"
    each = [f"{method} in {count} of {counts[method]} seeds" for method, count in lost.items()]
    named = f": {', '.join(each)}" if lost else ""
    return f"{lost.total()} of {len(trained)} pretrainings collapsed{named}"
