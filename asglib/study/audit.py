"""The arithmetic of a paper, recomputed from its own tables."""

import operator
from collections.abc import Iterator

import pandas as pd

from asglib.study import paper as papers
from asglib.study.paper import AVERAGE, ORDERED, SIZED, SLACK, Paper, PaperError, Span, measure


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
        found = papers.recomputed(paper, row.table, row.row, row.setting)
        agrees = found.meets(papers.span(row.value, row.rounding))
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
    span = min(found.values())
    same = f"{span.value:.1f}" == f"{claim.stated:.1f}"
    note = "" if same else f"the cells alone give {span.value:.2f}"
    return span.meets(papers.span(claim.stated, claim.rounding)), note


def _ordered(claim, found: dict[str, Span]) -> tuple[bool, str]:
    least = -SLACK if claim.direction == ">=" else SLACK
    holds = sum(span.high > least for span in found.values())
    ties = ", ".join(name for name, span in found.items() if abs(span.value) < SLACK)
    note = f"holds in {holds} of {len(found)}" + (f", a tie in print: {ties}" if ties else "")
    return holds > len(found) / 2 if claim.kind == "most" else holds == len(found), note
