"""Tables and verdicts over run records, in percent, beside the paper's (paper sections 3.3 to 3.5, tables 2 to 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd

from asglib.study import paper as audit
from asglib.study.comparison import (
    DRAWS,
    Comparison,
    choose,
    compare,
    interval,
    one_corpus,
    percent,
    row_of,
)
from asglib.study.profiles import PROFILES
from asglib.study.records import ResultsError, frame, load_records, missing_seeds, notes
from asglib.study.statistics import mean_t

__all__ = [
    "ResultsError",
    "frame",
    "load_records",
    "missing_seeds",
    "notes",  # from records
    "Comparison",
    "compare",  # from comparison
    "Verdict",
    "cells_of",
    "describe",
    "paper",
    "scorecard",
    "table",
    "verdict",
]
AVERAGE = "average"
WORST_FIRST = ("not reproduced", "not tested", "inconclusive", "partly", "reproduced")
SHOWN = ["claim", "paper", "ours", "verdict", "limits"]  # of a scorecard, in a report


class Verdict(NamedTuple):
    """One of WORST_FIRST, and the reason in a few words."""

    word: str
    reason: str


@cache
def _paper_tables() -> pd.DataFrame:
    return audit.paper_tables()


def paper(table: int, row: str, column: str, setting: str) -> float | None:
    """The percentage that the paper prints, None for "-"; methods go by our names too ("ASG", "NONE").

    >>> paper(4, "FT", "Average", "frozen")
    72.2
    """
    return audit.cell(_paper_tables(), table, row, column, setting)


def _text(row, seeds: int) -> str:
    if row["n"] == 0:
        return row["note"]
    half = (row["high"] - row["low"]) / 2
    count = str(row["n"]) if row["n"] == seeds else f"{row['n']} of {seeds}"
    if not row["unit"]:
        return f"{row['mean']:.1f} ({count}, no interval)"
    return f"{row['mean']:.1f} ± {half:.1f} ({count}{', over clips' * (row['unit'] == 'clips')})"


def _absence(side: pd.DataFrame, values: pd.DataFrame, column: str) -> str:
    """Why a method has no number in this column of a table."""
    if column == AVERAGE and values.notna().any(axis=None):
        there, whole = values.notna().any().sum(), len(values.dropna())
        return f"no average ({there} of {len(values.columns)} tasks, {whole} whole seeds)"
    return "undefined" if (side["key"] == column).any() else "not tested"


def cells_of(
    frame: pd.DataFrame,
    rows: list[str],
    columns: list[str],
    setting: str = "frozen",
    frontend: str = "linear",
    corpus: str | None = None,
    level: float = 0.95,
    draws: int = DRAWS,
) -> pd.DataFrame:
    """One line a method and task ("data_set/task", then "average"): mean, low, high, n, groups, unit, note, text.

    n >= 2 seeds: a t interval; one seed: a bootstrap over its test clips, and no interval for a metric that is no mean
    over clips. The average is only given over all columns, for the seeds that are whole in them; otherwise it says how
    many of the columns there are.
    """
    sides = {row: choose(frame, row, setting, frontend, corpus) for row in rows}
    if corpus is None:
        one_corpus(pd.concat(list(sides.values())))
    seeds = len({seed for side in sides.values() for seed in side["seed"]})
    found = []
    for name, side in sides.items():
        values = percent(side, columns)
        for column in [*columns, AVERAGE]:
            part = columns if column == AVERAGE else [column]
            cell = interval(values[part], side, None, level, draws)
            if cell["n"] == 0:
                cell = row_of(note=_absence(side, values, column))
            elif cell[
                "note"
            ]:  # one seed, and a task without clips to draw from: its number, without an interval
                cell = row_of(
                    values[part].dropna().to_numpy().mean(), n=cell["n"], note=cell["note"]
                )
            found.append({"row": name, "column": column, **cell, "text": _text(cell, seeds)})
    return pd.DataFrame(found)


def table(
    frame: pd.DataFrame, rows: list[str], columns: list[str], setting: str = "frozen", **options
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Methods by tasks and their average: as text "mean ± half-width (n)" or "not tested", and as means (NaN: none)."""
    found = cells_of(frame, rows, columns, setting, **options)
    order = {"index": rows, "columns": [*columns, AVERAGE]}
    return tuple(
        found.pivot(index="row", columns="column", values=kind).reindex(**order)
        for kind in ("text", "mean")
    )


def verdict(claim, comparison: Comparison) -> Verdict:
    """The rule; it reads the interval of the average alone, never its mean (D36).

    not tested: a run of a profile that is no evidence, or no interval (no record in common).
    not reproduced: the interval excludes the claim: all of it lies on the other side of 0, or it reaches 0 and stays
    below the size that the paper states.
    inconclusive: the interval reaches 0 and, if a size is stated, that size too.
    partly: all of it lies on the claimed side of 0, but below the stated size; or it comes from the test clips of one
    pretraining seed, or from seeds that all gave one difference.
    reproduced: all of it lies on the claimed side of 0 and it reaches the stated size, if there is one.
    For ">=" 0 itself is on the claimed side. A larger effect than stated counts as reproduced.
    """
    row, sign = comparison.average, -1 if claim.direction == "<" else 1
    if comparison.profile and not PROFILES[comparison.profile].evidence:
        return Verdict("not tested", f"{comparison.profile} is not evidence")
    if not row["unit"]:
        return Verdict("not tested", row["note"])
    low, high = sorted(
        round(sign * float(row[name]), 9) for name in ("low", "high")
    )  # 9: float error
    tie = claim.direction == ">="
    small = high < claim.stated - audit.ROUNDING  # False without a stated size (NaN)
    if high < 0 or (high == 0 and not tie):
        return Verdict("not reproduced", "the interval lies on the other side of 0")
    if low < 0 or (low == 0 and not tie):
        return (
            Verdict(
                "not reproduced",
                f"the interval reaches 0 and stays below the stated {claim.stated:.1f}",
            )
            if small
            else Verdict("inconclusive", "the interval reaches 0")
        )
    if row["unit"] == "clips":
        return Verdict("partly", "one pretraining seed")
    if low == high:
        return Verdict("partly", "every seed gave the same difference")
    return (
        Verdict("partly", f"smaller than the stated {claim.stated:.1f}")
        if small
        else Verdict("reproduced", "")
    )


def describe(row) -> str:
    """'+1.3 [+0.2, +2.4], 3 seeds', or the reason why there is none."""
    if not row["unit"]:
        return row["note"] or "not tested"
    count = (
        f"{row['n']} seeds"
        if row["unit"] == "seeds"
        else f"1 seed, {row['groups']} groups of clips"
    )
    return f"{row['mean']:+.1f} [{row['low']:+.1f}, {row['high']:+.1f}], {count}"


def _scope(frame: pd.DataFrame, scope: str) -> tuple[list[str] | None, str]:
    """The tasks of the first alternative of which all is recorded ("*": every task), and whom they stand in for."""
    keys, alternatives = list(frame["key"].unique()), scope.split("|")
    for i, alternative in enumerate(alternatives):
        of_name = {
            name: [key for key in keys if name in (key, key.split("/")[0])]
            for name in alternative.split(";")
        }
        found = None if alternative == "*" else [key for these in of_name.values() for key in these]
        if keys if found is None else all(of_name.values()):
            ours = "the mean over our tasks" if found is None else ", ".join(found)
            return found, f"{ours} stands in for {alternatives[0].replace(';', ', ')}" if i else ""
    return [], f"no record of {' or '.join(a for a in alternatives if a != '*').replace(';', ', ')}"


def _weigh(
    frame: pd.DataFrame, claim, corpus: str | None, draws: int
) -> tuple[str, Verdict, list[str], pd.Series]:
    """The weakest of the claim's pairs of methods: described, judged, what limits it, and its numbers.

    A claim about several columns of a table, each for itself, is judged on every task, and the weakest decides.
    """
    pairs = [
        (a, b) for a in claim.ours_minuend.split(";") for b in claim.ours_subtrahend.split(";")
    ]
    shared = {"setting": claim.setting, "frontend": claim.ours_frontend, "corpus": corpus}
    rows = pd.concat([choose(frame, method, **shared) for pair in pairs for method in pair])
    tasks, scope = _scope(rows, claim.ours_scope)
    judged = []
    for a, b in pairs:
        found = compare(frame, a, b, tasks, draws=draws, **shared)
        each = (
            [(f" on {task}", row) for task, row in found.tasks.iterrows()]
            if ";" in claim.columns
            else []
        )
        for on, row in each or [("", found.average)]:
            found = replace(found, average=row)
            judged.append(
                (verdict(claim, found), f"{a} - {b}{on}: " if len(pairs) > 1 or on else "", found)
            )
    sign = -1 if claim.direction == "<" else 1
    judgement, which, found = min(
        judged,
        key=lambda one: (
            WORST_FIRST.index(one[0].word),
            sign * np.nan_to_num(one[2].average["mean"]),
        ),
    )
    return (
        which + describe(found.average),
        judgement,
        [scope, found.average["note"], *found.left_out],
        found.average,
    )


def _stated(claim) -> str:
    if claim.kind == "untabled":
        return "no number"
    size = f"= {claim.stated:.1f}" if claim.stated == claim.stated else f"{claim.direction} 0"
    return f"{claim.minuend} - {claim.subtrahend} {size} ({claim.columns}, {claim.setting})"


def scorecard(
    frame: pd.DataFrame,
    claims: pd.DataFrame,
    corpora: dict[str, str] | None = None,
    draws: int = DRAWS,
) -> pd.DataFrame:
    """Each claim with the paper's number, ours with its interval, the verdict and what limits it.

    mean, low, high: ours as numbers, in points, turned so that above 0 is as claimed; NaN where nothing is measured.
    corpora: which of our pretraining corpora is "main" (tables 2 to 5), "first" and "second" (table 6's two).
    Without it a frame with one corpus takes it as main.
    """
    known = sorted(set(frame["corpus"]) - {""})
    corpora = corpora or ({"main": known[0]} if len(known) == 1 else {})
    lines = []
    for claim in claims.itertuples():
        ours, judged, limits, row = "", Verdict("not tested", ""), [], row_of()
        if claim.ours_minuend and claim.ours_corpus not in corpora:
            limits = [f"no records of the {claim.ours_corpus} pretraining corpus"]
        elif claim.ours_minuend:
            ours, judged, limits, row = _weigh(frame, claim, corpora[claim.ours_corpus], draws)
        told = "; ".join(
            dict.fromkeys(text for text in (judged.reason, *limits, claim.reason) if text)
        )
        low, mean, high = sorted(
            (-1 if claim.direction == "<" else 1) * row[name] for name in ("low", "mean", "high")
        )
        lines.append(
            [
                claim.id,
                claim.section,
                claim.sentence,
                _stated(claim),
                ours,
                judged.word,
                told,
                mean,
                low,
                high,
            ]
        )
    return pd.DataFrame(lines, columns=["id", "section", *SHOWN, "mean", "low", "high"])


def scores(
    frame: pd.DataFrame,
    rows: Sequence[str] | Mapping[str, Mapping],
    columns: Sequence[str],
    setting: str = "frozen",
    **shared,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Systems by tasks ("set/task") in percent: (cells, dots).

    rows: methods, or {label: {"method": "ASG", "frontend": "mel", "corpus": "toy-a"}}; `shared` holds for all rows.
    """
    named = rows.items() if isinstance(rows, Mapping) else [(row, {"method": row}) for row in rows]
    asked = {label: {"frontend": "linear", "corpus": None} | shared | row for label, row in named}
    columns, known, cells, dots = list(columns), {}, [], []
    for label, how in asked.items():
        kind = how["frontend"], how["corpus"]
        if kind not in known:
            peers = [
                other["method"]
                for other in asked.values()
                if (other["frontend"], other["corpus"]) == kind
            ]
            known[kind] = cells_of(frame, peers, columns, setting, *kind)
        cells.append(known[kind][known[kind]["row"] == how["method"]].assign(row=label))
        dots.append(
            _dots(label, percent(choose(frame, how["method"], setting, *kind), columns), columns)
        )
    return pd.concat(cells, ignore_index=True), pd.concat(dots, ignore_index=True)


def differences(
    frame: pd.DataFrame,
    pairs: Mapping[str, tuple],
    columns: Sequence[str],
    setting: str = "frozen",
    frontend: str = "linear",
    corpus: str | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """{label: (minuend, subtrahend)} by tasks, paired by seed, in points: (cells, dots).

    A side is a method or a dict as in `scores`. An average over fewer than all tasks says so in its text.
    """
    cells, dots = [], []
    for label, pair in pairs.items():
        found = compare(frame, *pair, list(columns), setting, frontend, corpus)
        one, other = (
            percent(choose(frame, side, setting, frontend, corpus), list(columns)) for side in pair
        )
        used = [column for column in columns if found.tasks.loc[column, "n"]]
        lines = pd.DataFrame([*found.tasks.to_dict("records"), found.average.to_dict()])
        texts = [_difference(line) for line in lines.to_dict("records")]
        texts[-1] += f", {len(used)} of {len(columns)} tasks" * (0 < len(used) < len(columns))
        cells.append(lines.assign(row=label, column=[*columns, AVERAGE], text=texts))
        dots.append(_dots(label, one - other, used))
    return pd.concat(cells, ignore_index=True), pd.concat(dots, ignore_index=True)


def _difference(cell: Mapping) -> str:
    if not cell["unit"]:
        return "no interval" if cell["n"] else "not tested"
    clips = ", over clips" * (cell["unit"] == "clips")
    return f"{cell['mean']:+.1f} [{cell['low']:+.1f}, {cell['high']:+.1f}] ({cell['n']}{clips})"


def _dots(label: str, values: pd.DataFrame, averaged: list[str]) -> pd.DataFrame:
    """[seeds, tasks] as dots, with the average of the seeds that are whole in all of `averaged`."""
    full = values.assign(
        **{AVERAGE: values[averaged].mean(axis=1, skipna=False) if averaged else np.nan}
    )
    long = full.rename_axis(index="seed", columns="column").reset_index().melt("seed")
    return long.dropna(subset="value").assign(row=label)


def means(dots: pd.DataFrame, form: str = "{:.1f}") -> pd.DataFrame:
    """The cells of plain values, say seconds: the mean and its t interval over seeds; one seed has no interval."""
    found = []
    for (row, column), part in dots.groupby(["row", "column"], sort=False):
        values = part["value"].astype(float)
        cell = (
            row_of(*mean_t(values), unit="seeds")
            if len(part) > 1
            else row_of(values.iloc[0], n=1, note="one seed")
        )
        half = (
            " ± " + form.replace("+", "").format((cell["high"] - cell["low"]) / 2)
            if len(part) > 1
            else ""
        )
        found.append(
            {
                "row": row,
                "column": column,
                **cell,
                "text": f"{form.format(cell['mean'])}{half} ({len(part)})",
            }
        )
    return pd.DataFrame(found, columns=["row", "column", *row_of(), "text"])


def printed(
    rows: Mapping[str, tuple[int, str] | None], columns: Sequence[str], setting: str
) -> pd.DataFrame:
    """The paper's numbers as cells without intervals: {label: (table, method)}, None where it prints nothing.

    The average is the printed one, or computed where a table prints none, so that table 2 can stand beside table 4.
    """
    tables, found = audit.paper_tables(), []
    named = set(tables.loc[tables["column"] == audit.AVERAGE, "table"])
    for label, where in rows.items():
        values = [where and audit.cell(tables, *where, column, setting) for column in columns]
        average = where and where[0] in named and audit.cell(tables, *where, audit.AVERAGE, setting)
        values.append(average or (None if None in values else float(np.mean(values))))
        for column, value in zip([*columns, AVERAGE], values):
            cell = row_of(note="not printed") if value is None else row_of(value)
            found.append(
                {
                    "row": label,
                    "column": column,
                    **cell,
                    "text": "–" if value is None else f"{value:.1f}",
                }
            )
    return pd.DataFrame(found)


def similarities(records: Sequence[Mapping]) -> pd.DataFrame:
    """Of pretraining records, the similarity of moved clips to themselves, averaged over the shifts above 0: dots."""
    kinds = ("FT", "FF", "SF", "ST")
    found = []
    for record, kind in product(records, kinds):
        moved = [value for shift, value in zip(record["shifts"], record["curves"][kind]) if shift]
        value = np.mean(moved or record["curves"][kind])  # a flip has no length, and one value
        found.append((record["method"], kind, record["seed"], value))
    return pd.DataFrame(found, columns=["row", "column", "seed", "value"])


def wide(cells: pd.DataFrame, value: str = "text", name: str = "method") -> pd.DataFrame:
    """The cells as a table for reading: rows by columns, in their order."""
    table = cells.pivot(index="row", columns="column", values=value)
    return table.loc[cells["row"].unique(), cells["column"].unique()].rename_axis(name)


def basis(cells: pd.DataFrame, frame: pd.DataFrame | None = None) -> str:
    """What the intervals stand on, for a caption: "n = 3 seeds, 95 % t intervals over seeds, 384 test clips a task"."""
    there = cells[cells["n"] > 0]
    if there.empty:
        return "no runs"
    told = [f"n = {_range(there['n'])} seed" + "s" * int(there["n"].max() > 1)]
    told += ["95 % t intervals over seeds"] * ("seeds" in set(there["unit"]))
    told += ["95 % bootstrap intervals over test clips"] * ("clips" in set(there["unit"]))
    if frame is not None:
        tested = frame[frame["key"].isin(there["column"]) & frame["counts"].notna()]["counts"].map(
            lambda c: c["test"]
        )
        told += [f"{_range(tested)} test clips a task"] if len(tested) else []
    return ", ".join(told)


def _range(numbers: pd.Series) -> str:
    low, high = int(numbers.min()), int(numbers.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def extremes(cells: pd.DataFrame, unit: str = "percent", form: str = "{:.1f}") -> str:
    """Each column's highest and lowest row, for an alt text: "toy/order: FT highest at 92.1, NONE lowest at 80.0"."""
    told = []
    for column, part in cells.groupby("column", sort=False):
        there = (
            part.dropna(subset="mean")
            .sort_values("mean", kind="stable")[["row", "mean"]]
            .values.tolist()
        )
        ends = [f"{row} highest at {form.format(mean)}" for row, mean in there[-1:]]
        ends += [f"{row} lowest at {form.format(mean)}" for row, mean in there[:-1][:1]]
        told.append(
            f"{column}: {', '.join(ends)} {unit}".rstrip() if ends else f"{column}: not tested"
        )
    return "; ".join(told)


def clear(cells: pd.DataFrame) -> str:
    """Which intervals of differences leave out 0, in a sentence; averages are not counted again."""
    tested = cells[(cells["unit"] != "") & (cells["column"] != AVERAGE)]
    found = tested[(tested["low"] > 0) | (tested["high"] < 0)]
    named = "".join(
        f"; {line.row} on {line.column} {line.mean:+.1f}" for line in found.itertuples()
    )
    return f"{len(found)} of {len(tested)} intervals leave out zero{named}; by chance {0.05 * len(tested):.1f} would"
