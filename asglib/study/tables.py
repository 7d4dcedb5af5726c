"""Tables and verdicts over run records, in percent, beside the paper's (paper sections 3.3 to 3.5, tables 2 to 6)."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from asglib.config import PROFILES
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
from asglib.study.records import ResultsError, frame, load_records, missing_seeds, notes

__all__ = [
    "ResultsError",
    "frame",
    "load_records",
    "missing_seeds",
    "notes",  # from records
    "Comparison",
    "compare",  # from comparison
    "Verdict",
    "cells",
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


def cells(
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
    found = cells(frame, rows, columns, setting, **options)
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
