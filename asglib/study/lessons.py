"""What was learned: claims that hold, that do not, and what would settle the open ones."""

import pandas as pd

from asglib.study import plans, sentences, tables
from asglib.study.gains import in_words, two_intervals
from asglib.study.profiles import Profile
from asglib.study.statistics import seeds_needed
from asglib.study.verdicts import EXCLUDES

HOLDS, FAILS, OPEN = ("reproduced", "partly"), ("not reproduced",), ("inconclusive",)
MANY = 100  # seeds: beyond, more seeds are no way to settle a claim


def headline(table: pd.DataFrame, profile: Profile) -> str:
    """ASG beside NONE after as many epochs, and after as much work (D57), on the mean of tasks."""
    tasks, corpus = profile.tasks, profile.pretraining.corpus
    chance = in_words(two_intervals(table, ("ASG", "NONE"), tasks, corpus=corpus))
    pairs = {"epochs": ("ASG", "NONE"), "work": ("ASG", plans.TWICE)}
    cells, _ = tables.differences(table, pairs, tasks, corpus=corpus)
    longer = tables.average(cells)["text"]["work"]
    epochs, work = (sentences.side(cells, name) for name in pairs)
    return (
        f"In points on the mean of {len(tasks)} tasks, at equal epochs ASG is {epochs} NONE: "
        f"{chance}. At equal work ASG is {work} NONE: {longer}."
    )


def lessons(judged: pd.DataFrame, verdicts: tuple[str, ...]) -> pd.DataFrame:
    """The claims of some verdicts, the surest first: what the paper says, what we measured, how
    sure that is, and of open ones what would settle them."""
    found = judged[judged["verdict"].isin(verdicts)]
    found = found.assign(sure=found["mean"].abs() / (found["high"] - found["low"]))
    found = found.sort_values("sure", ascending=False, kind="stable")
    shown = found[["source", "claim", "ours", "verdict"]]
    if verdicts == OPEN:
        ways = [settles(claim) for claim in found.itertuples()]
        shown = shown.assign(**{"what would settle it": ways})
    return shown.set_axis(found["id"]).rename_axis("id")


def settles(claim) -> str:
    """How many seeds would give an interval that leaves out zero or the stated size, if the mean
    and the seeds' deviation stay as they are.

    `claim` is a row of verdicts.judge, with `n` seeds.
    """
    small = f"; the interval is {EXCLUDES} for it" if EXCLUDES in claim.limits else ""
    return f"{_seeds(claim)}{small}"


def _seeds(claim) -> str:
    if not claim.n or claim.n < 2:
        return "more than one seed"
    far = [abs(claim.mean)] + [abs(claim.stated - claim.mean)] * (claim.stated == claim.stated)
    needed = seeds_needed(claim.low, claim.high, claim.n, max(far))
    if needed > MANY:
        return f"more than {MANY} seeds: other data or a longer training, not more seeds"
    return f"about {needed} seeds instead of {claim.n}"
