"""Papers as data, and the arithmetic of each recomputed from its own tables.

`reports/papers/<name>/tables.csv` holds every printed number: the row is the method, the column
the data set, whichever way the table is laid out; "-" cells are absent. `claims.csv` holds one
comparison a line. Of several methods joined by ";" the lowest minuend is meant ("each of them") or
the highest subtrahend ("all of these"); the same methods on both sides are compared row by row.
Ours are set beside those of them that the column prints (D68).
Table "2/4" takes the minuend from table 2 and the subtrahend from table 4. `names.toml` says what
the tables do not say of themselves.
"""

from __future__ import annotations

import operator
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

PAPERS = Path(__file__).resolve().parents[2] / "reports" / "papers"
TABLE_COLUMNS = ["table", "row", "column", "setting", "value", "bold"]
OURS = ["ours_minuend", "ours_subtrahend", "ours_scope", "ours_frontend", "ours_corpus", "reason"]
CLAIM_COLUMNS = ["id", "section", "sentence", "table", "kind", "minuend", "subtrahend", "columns"]
CLAIM_COLUMNS += ["setting", "direction", "stated", *OURS]
SIZED = ("difference", "relative")
ORDERED = ("order", "most")
KINDS = (*SIZED, *ORDERED, "close", "lowest", "highest", "untabled")  # the last four: not audited
AVERAGE = "Average"
SLACK = 1e-9  # points: float error, far below a printed digit


class PaperError(ValueError):
    """A cell or a claim that the paper's tables do not hold."""


class Paper(NamedTuple):
    """One paper; in its tables `method` and `set` are row and column by our names."""

    title: str
    tables: pd.DataFrame
    claims: pd.DataFrame
    same: dict[str, str]  # printed name: ours
    reports: dict[str, str]  # table, or "*": the notebook that compares it with ours
    tasks: dict[str, list]  # column: our task, and how many classes the paper says it has


class Span(NamedTuple):
    """A number recomputed, and the lowest and highest that the printed digits allow."""

    value: float
    low: float
    high: float

    def against(self, other: Span, by=operator.sub) -> Span:
        return Span(by(self.value, other.value), by(self.low, other.high), by(self.high, other.low))

    def meets(self, other: Span) -> bool:
        return self.low <= other.high + SLACK and other.low <= self.high + SLACK


NO_SPAN = Span(*[float("nan")] * 3)


def span(value: float, rounding: float) -> Span:
    """What a printed number may stand for."""
    return Span(value, value - rounding, max(value, min(value + rounding, 100.0)))


@cache
def read(name: str = "asg", folder: Path = PAPERS) -> Paper:
    """A paper's tables and claims.

    `stated` in points, NaN where a claim has no size; `printed`, of a claim about an order: the
    smallest difference that the tables print for it.
    """
    about = tomllib.loads((folder / name / "names.toml").read_text(encoding="utf-8"))
    tables = _read(folder / name / "tables.csv", TABLE_COLUMNS, "value")
    claims = _read(folder / name / "claims.csv", CLAIM_COLUMNS, "stated")
    names = tables[["row", "column"]].replace(about["same"]).set_axis(["method", "set"], axis=1)
    unknown = sorted(set(claims["kind"]) - set(KINDS))
    if unknown or claims["id"].duplicated().any():
        told = f"ids must be unique and kinds in {', '.join(KINDS)}; got {unknown}"
        raise PaperError(f"{folder / name / 'claims.csv'}: {told}.")
    tables = tables.join(names)
    named = about["same"], about["reports"], about.get("tasks", {})
    found = Paper(about["title"], tables, claims, *named)
    printed = [_printed(found, claim) for claim in claims.itertuples()]
    return found._replace(claims=claims.assign(printed=printed))


def _printed(paper: Paper, claim) -> Span:
    return min(_differences(paper, claim).values()) if claim.kind == "order" else NO_SPAN


def papers() -> dict[str, Paper]:
    """All papers by name, in the order of their notebooks."""
    found = {folder.name: read(folder.name) for folder in PAPERS.iterdir() if folder.is_dir()}
    return dict(sorted(found.items(), key=lambda item: min(item[1].reports.values())))


def _read(path: Path, columns: list[str], number: str) -> pd.DataFrame:
    """A table with `number` as a float, and `rounding`: half of its last printed digit."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if list(table.columns) != columns:
        got = ", ".join(table.columns)
        raise PaperError(f"{path} must have the columns {', '.join(columns)}, got {got}.")
    digits = table[number].str.partition(".")[2].str.len()
    return table.assign(**{number: pd.to_numeric(table[number]), "rounding": 0.5 / 10**digits})


def cell(paper: Paper, table: int | str, row: str, column: str, setting: str) -> float | None:
    """The printed number, None where the paper prints "-"; by our names too ("ASG", "NONE").

    >>> cell(read("asg"), 4, "FT", "Average", "frozen")
    72.2
    """
    found = _span(paper, table, row, column, setting)
    return found and found.value


def _span(paper: Paper, table: int | str, row: str, column: str, setting: str) -> Span | None:
    rows = paper.tables[paper.tables["table"] == str(table)]
    same = paper.same
    asked = {"method": same.get(row, row), "set": same.get(column, column), "setting": setting}
    for name, value in asked.items():
        if value not in set(rows[name]):
            known = ", ".join(rows[name].unique())
            raise PaperError(f"Table {table} has no {value!r}: it has {known}.")
    found = rows[(rows[list(asked)] == list(asked.values())).all(axis=1)]
    return span(*found[["value", "rounding"]].iloc[0]) if len(found) else None


def averages(paper: Paper, table: int | str) -> bool:
    """Whether a table prints averages."""
    return str(table) in set(paper.tables.loc[paper.tables["column"] == AVERAGE, "table"])


def recomputed(paper: Paper, table: int | str, row: str, setting: str) -> Span:
    """An average from the cells, over the columns of the first table that prints averages."""
    tables = paper.tables
    first = tables.loc[tables["column"] == AVERAGE, "table"].iloc[0]
    columns = set(tables.loc[tables["table"] == first, "column"]) - {AVERAGE}
    cells = [_span(paper, table, row, name, setting) for name in sorted(columns)]
    mean = sum(one.value for one in cells) / len(cells)
    return span(mean, max(one.value - one.low for one in cells))


def measure(paper: Paper, table: int | str, row: str, column: str, setting: str) -> Span | None:
    """A cell, or an average as its cells and its printed value allow; None: "-"."""
    if column != AVERAGE:
        return _span(paper, table, row, column, setting)
    found = recomputed(paper, table, row, setting)
    printed = _span(paper, table, row, column, setting) if averages(paper, table) else found
    if found.meets(printed):
        return Span(found.value, max(found.low, printed.low), min(found.high, printed.high))
    return found


def audit(paper: Paper) -> pd.DataFrame:
    """Every average, stated size and order, recomputed from the cells.

    `agrees`: some unrounded values behind the printed digits satisfy it. `low`, `high`: what those
    digits allow.
    """
    lines = [*_averages(paper), *_claims(paper)]
    columns = ["check", "kind", "source", "printed", "agrees", "note", "recomputed", "low", "high"]
    return pd.DataFrame([(*line, *span) for *line, span in lines], columns=columns)


def _averages(paper: Paper) -> Iterator[tuple]:
    for row in paper.tables[paper.tables["column"] == AVERAGE].itertuples():
        found = recomputed(paper, row.table, row.row, row.setting)
        agrees = found.meets(span(row.value, row.rounding))
        check = f"average {row.row} ({row.setting})"
        yield check, "average", f"table {row.table}", row.value, agrees, "", found


def _differences(paper: Paper, claim) -> dict[str, Span]:
    """Lowest minuend - highest subtrahend in each column that has both, as the claim turns it."""
    first, second = (claim.table.split("/") * 2)[:2]
    setting, other = (claim.setting.split("/") * 2)[:2]
    rows, others = claim.minuend.split(";"), claim.subtrahend.split(";")
    pairs = [([row], [row]) for row in rows] if rows == others else [(rows, others)]
    by = (lambda a, b: 100 * (a / b - 1)) if claim.kind == "relative" else operator.sub
    found = {}
    for column in claim.columns.split(";"):
        for above, below in pairs:
            highs = [measure(paper, first, row, column, setting) for row in above]
            lows = [measure(paper, second, row, column, other) for row in below]
            if any(highs) and any(lows):
                name = f"{above[0]} on {column}" if len(pairs) > 1 else column
                lowest = Span(*map(min, zip(*filter(None, highs))))
                highest = Span(*map(max, zip(*filter(None, lows))))
                found[name] = lowest.against(highest, by)
    if not found:
        told = f"table {claim.table} has no two cells to subtract in {claim.columns}"
        raise PaperError(f"Claim {claim.id}: {told}.")
    if claim.direction == "<":
        return {name: Span(-span.value, -span.high, -span.low) for name, span in found.items()}
    return found


def _claims(paper: Paper) -> Iterator[tuple]:
    for claim in paper.claims[paper.claims["kind"].isin([*SIZED, *ORDERED])].itertuples():
        found = _differences(paper, claim)
        weigh = _sized if claim.kind in SIZED else _ordered
        source = f"section {claim.section} against table {claim.table}"
        agrees, note = weigh(claim, found)
        yield claim.id, claim.kind, source, claim.stated, agrees, note, min(found.values())


def _sized(claim, found: dict[str, Span]) -> tuple[bool, str]:
    least = min(found.values())
    same = f"{least.value:.1f}" == f"{claim.stated:.1f}"
    note = "" if same else f"the cells alone give {least.value:.2f}"
    return least.meets(span(claim.stated, claim.rounding)), note


def _ordered(claim, found: dict[str, Span]) -> tuple[bool, str]:
    least = -SLACK if claim.direction == ">=" else SLACK
    holds = sum(span.high > least for span in found.values())
    ties = ", ".join(name for name, span in found.items() if abs(span.value) < SLACK)
    note = f"holds in {holds} of {len(found)}" + (f", a tie in print: {ties}" if ties else "")
    return holds > len(found) / 2 if claim.kind == "most" else holds == len(found), note
