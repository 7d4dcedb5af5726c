"""What a verdict must be read with: systems that collapsed, ceilings, what a profile leaves out."""

from collections.abc import Iterator, Sequence

import pandas as pd

from asglib.study.comparison import parts, percent, rows_of, spoken
from asglib.study.systems import COMPARED

NO_ROOM = "cannot be reached here"
COLLAPSED_IN = "collapsed in"
STAND_IN = "stand-in: "  # begins a reason that holds only where our tasks stand in
# of what another thing is judged than the claim says
LINEAR = "ours: a linear classifier, the paper's has a hidden layer"
RELATIVE = "the stated size is relative: only the sign is judged"


def collapsed(rows: pd.DataFrame, tasks: list[str]) -> Iterator[str]:
    """A sentence for each system of which encoders collapsed."""
    for method, mine in rows[rows["key"].isin(tasks)].groupby("method", sort=False):
        lost, seeds = mine.loc[mine["collapsed"].eq(True), "seed"].nunique(), mine["seed"].nunique()
        if lost:
            yield f"{method} {COLLAPSED_IN} {lost} of {seeds} seeds and learned nothing there"


def room(table: pd.DataFrame, claim, pair: Sequence[str], tasks: list[str], shared: dict) -> str:
    """That the lower system of a pair leaves less than the stated size below 100 percent; or ""."""
    lower = pair[claim.direction != "<"]
    if len(parts(lower)) > 1:
        return ""
    level = percent(rows_of(table, lower, **shared), tasks).mean().mean()
    if not claim.stated - claim.rounding > 100 - level:
        return ""
    left = f"{spoken(lower)} has {level:.1f} %, which leaves {100 - level:.1f} points"
    return f"{left}: the stated {claim.stated:.1f} {NO_ROOM}"


def left_out(pair: tuple, profile) -> list[str]:
    """Methods of compared papers in a pair that the profile leaves out, to save hours."""
    every = {name for names in COMPARED.values() for name in names}
    there = {name for names in profile.compared.values() for name in names}
    names = [one.split("@")[0] for system in pair for one in parts(system)]
    return [name for name in names if name in every - there]


def of_the_claim(claim, rows: pd.DataFrame, stands: str) -> Iterator[str]:
    """What limits a claim whatever was measured: a stand-in, another classifier, no points."""
    if stands and claim.reason.startswith(STAND_IN):
        yield claim.reason.removeprefix(STAND_IN)
    if claim.setting == "mlp" and not rows["protocol"].str.contains("hidden", na=False).all():
        yield LINEAR
    if claim.kind == "relative":
        yield RELATIVE
