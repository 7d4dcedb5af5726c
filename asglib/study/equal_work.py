"""Systems beside NONE where both did the same work: as many multiply-adds (D67)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from asglib.study.opened import Opened
from asglib.study.profiles import TWICE, Profile
from asglib.study.records import evaluations
from asglib.study.rows import in_the_way_of, systems_of
from asglib.study.sentences import listed
from asglib.study.tables import AVERAGE, means, scores, wide

EPOCHS, WORK = "at equal epochs", "at equal work"
SAME = 1.01  # ASG's larger matrix of similarities is no other work than that of NONE x2


class BesideNone(NamedTuple):
    """cells: each system - NONE at equal epochs and at equal work; places: dots of the average over
    the tasks against work, NONE as a line; work: each system's, NONE's being 1."""

    cells: pd.DataFrame
    places: pd.DataFrame
    work: dict[str, float]

    @property
    def told(self) -> str:
        """What is left at equal work, in words, and of which systems nothing can be said; of ASG,
        NONE x2 says it on all seeds (D57)."""
        texts = self.cells[self.cells["column"] == WORK].set_index("row")["text"]
        outside = [name for name in self.work if name not in ("NONE", "ASG", *texts.index)]
        beside = listed(texts.drop("ASG", errors="ignore"))
        alone = f"NONE was not evaluated at the work of {', '.join(outside)}"
        told = [beside] * bool(beside) + [alone] * bool(outside)
        return "; ".join(told) or "no system's work is among those of NONE"

    def table(self) -> pd.DataFrame:
        """The cells for reading, with each system's work."""
        found = wide(self.cells, name="system").fillna("–")
        found.insert(0, "work, NONE = 1", pd.Series(self.work))
        return found


def beside_none(compared: Opened, records: Sequence[Mapping]) -> BesideNone:
    """The systems of one opened plan beside NONE; `records` hold NONE's lengths, and NONE x2."""
    profile, systems = compared.profile, systems_of(compared.profile)
    none = curve(records, profile)
    work = relative(compared.worked, systems)
    _, ends = scores(compared.table, systems, profile.tasks)
    cells = means(differences(ends, none, work), "{:+.1f}")
    return BesideNone(cells, placed(ends, none, work), work)


def relative(pretrainings: Sequence[Mapping], systems: Mapping[str, Mapping]) -> dict[str, float]:
    """The multiply-adds of a training of each system that is trained, NONE's being 1; {} without
    NONE."""
    work = {record["method"]: record["multiply_adds"] for record in pretrainings}
    there = {label: work.get(how["method"], 0.0) for label, how in systems.items()}
    one = work.get("NONE")
    return {label: each / one for label, each in there.items() if each and one}


def curve(records: Sequence[Mapping], profile: Profile) -> pd.DataFrame:
    """NONE's average over the tasks of table 4 against its work, 1 being the profile's: dots.

    Its own runs on their way and at their end, and NONE x2 at its end, each once.
    """
    found = {record["run"]: record for record in records if record["kind"] == "evaluation"}
    mine = [r for r in found.values() if r["method"] == "NONE" or _is_twice(r)]
    mine = [record | {"method": "NONE", "after": None} for record in mine]
    parts = [pd.DataFrame(columns=["row", "column", "seed", "x", "value"])]
    for epochs in sorted({record["epochs"] for record in mine}):
        some = evaluations([record for record in mine if record["epochs"] == epochs])
        usual = in_the_way_of(some, profile)
        _, dots = scores(usual, ["NONE"], profile.tasks, corpus=profile.pretraining.corpus)
        length = epochs / profile.pretraining.epochs
        parts.append(dots[dots["column"] == AVERAGE].assign(x=length))
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
            at_its_end = [(EPOCHS, 1.0)] * (1.0 in x)
            for column, place in (*at_its_end, (WORK, work[dot.row])):
                if x[0] <= place * SAME and place <= x[-1] * SAME:
                    beside = np.interp(np.log2(place), np.log2(x), y)
                    lines.append((dot.row, column, dot.seed, dot.value - beside))
    return pd.DataFrame(lines, columns=["row", "column", "seed", "value"])


def placed(dots: pd.DataFrame, none: pd.DataFrame, work: Mapping[str, float]) -> pd.DataFrame:
    """NONE's `curve` and the averages of all other systems, each at its work: dots."""
    others = dots[(dots["column"] == AVERAGE) & dots["row"].isin(set(work) - {"NONE"})]
    return pd.concat([none, others.assign(x=others["row"].map(work))], ignore_index=True)
