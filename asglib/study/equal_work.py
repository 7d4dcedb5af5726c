"""Systems beside NONE where both did the same work: as many multiply-adds (D67)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from asglib.study.profiles import TWICE
from asglib.study.records import evaluations
from asglib.study.tables import AVERAGE, scores, wide

EPOCHS, WORK = "at equal epochs", "at equal work"
SAME = 1.01  # ASG's larger matrix of similarities is no other work than that of NONE x2


def relative(pretrainings: Sequence[Mapping], systems: Mapping[str, Mapping]) -> dict[str, float]:
    """The multiply-adds of a training of each system that is trained, NONE's being 1."""
    work = {record["method"]: record["multiply_adds"] for record in pretrainings}
    there = {label: work.get(how["method"], 0.0) for label, how in systems.items()}
    return {label: each / work["NONE"] for label, each in there.items() if each}


def curve(records: Sequence[Mapping], tasks: Sequence[str], epochs: int) -> pd.DataFrame:
    """NONE's average over `tasks` against its work, 1 being `epochs`: dots.

    Its own runs on their way and at their end, and NONE x2 at its end.
    """
    found = {r["run"]: r for r in records if r["kind"] == "evaluation" and r["setting"] == "frozen"}
    mine = [r for r in found.values() if r["method"] == "NONE" or _is_twice(r)]
    mine = [record | {"method": "NONE", "after": None} for record in mine]
    parts = [pd.DataFrame(columns=["row", "column", "seed", "x", "value"])]
    for length in sorted({record["epochs"] for record in mine}):
        some = evaluations([record for record in mine if record["epochs"] == length])
        _, dots = scores(some, ["NONE"], tasks)
        parts.append(dots[dots["column"] == AVERAGE].assign(x=length / epochs))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _is_twice(record: Mapping) -> bool:
    return record["method"] == TWICE and not record.get("after")


def differences(dots: pd.DataFrame, none: pd.DataFrame, work: Mapping[str, float]) -> pd.DataFrame:
    """Each system - NONE on average in points, paired by seed: dots, a column EPOCHS, one WORK.

    NONE at a system's work is read off its `curve`, a straight line between two lengths on a
    logarithmic scale; there is none outside of it.
    """
    lines = []
    averages = dots[(dots["column"] == AVERAGE) & dots["row"].isin(work)]
    lengths = {seed: part.sort_values("x") for seed, part in none.groupby("seed")}
    for dot in averages.itertuples():
        if dot.seed in lengths and dot.row != "NONE":
            x, y = (lengths[dot.seed][name].to_numpy(float) for name in ("x", "value"))
            for column, place in ((EPOCHS, 1.0), (WORK, work[dot.row])):
                if x[0] <= place * SAME and place <= x[-1] * SAME:
                    beside = np.interp(np.log2(place), np.log2(x), y)
                    lines.append((dot.row, column, dot.seed, dot.value - beside))
    return pd.DataFrame(lines, columns=["row", "column", "seed", "value"])


def placed(dots: pd.DataFrame, none: pd.DataFrame, work: Mapping[str, float]) -> pd.DataFrame:
    """NONE's `curve` and the averages of all other systems, each at its work: dots."""
    others = dots[(dots["column"] == AVERAGE) & dots["row"].isin(set(work) - {"NONE"})]
    return pd.concat([none, others.assign(x=others["row"].map(work))], ignore_index=True)


def beside(cells: pd.DataFrame, work: Mapping[str, float]) -> pd.DataFrame:
    """The cells of `differences` as a table for reading, with each system's work."""
    found = wide(cells, name="system").fillna("–")
    found.insert(0, "work, NONE = 1", pd.Series(work))
    return found
