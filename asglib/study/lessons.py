"""What was learned: claims that hold, that do not, and what would settle the open ones."""

import pandas as pd

from asglib.study import plans, sentences, tables
from asglib.study.gains import in_words, two_intervals
from asglib.study.limits import COLLAPSED_IN
from asglib.study.profiles import Profile
from asglib.study.statistics import seeds_needed
from asglib.study.verdicts import EXCLUDES

HOLDS, FAILS, OPEN = ("reproduced", "partly"), ("not reproduced",), ("inconclusive",)
MANY = 100  # seeds: beyond, more seeds are no way to settle a claim


def headline(table: pd.DataFrame, profile: Profile) -> str:
    """ASG beside NONE after as many epochs, and after as much work (D57), and beside a linear
    classifier on the spectrogram itself (D17), on the mean of tasks."""
    tasks, corpus = profile.tasks, profile.pretraining.corpus
    chance = in_words(two_intervals(table, ("ASG", "NONE"), tasks, corpus=corpus))
    pairs = {"epochs": ("ASG", "NONE"), "work": ("ASG", plans.TWICE)}
    pairs["spectrogram"] = ("ASG", "spectrogram")
    cells, _ = tables.differences(table, pairs, tasks, corpus=corpus)
    text = tables.average(cells)["text"]
    epochs, work, plain = (sentences.side(cells, name) for name in pairs)
    return (
        f"In points on the mean of {len(tasks)} tasks, at equal epochs ASG is {epochs} NONE: "
        f"{chance}. At equal work (NONE for twice the epochs) ASG is {work} NONE: {text['work']}. "
        f"ASG is {plain} a linear classifier on the spectrogram itself: {text['spectrogram']}."
    )


def lessons(judged: pd.DataFrame, verdicts: tuple[str, ...]) -> pd.DataFrame:
    """The claims of some verdicts: what we measured, what the paper says, and of open ones what
    would settle them. Several seeds come before one, then those farthest from zero for their width.
    Claims beside a system that collapsed come last: that effect is large whatever else is true.
    """
    found = judged[judged["verdict"].isin(verdicts)]
    sure = found["mean"].abs() / (found["high"] - found["low"])
    learned = ~found["limits"].str.contains(COLLAPSED_IN, regex=False)
    found = found.assign(learned=learned, several=found["n"] > 1, sure=sure)
    found = found.sort_values(["learned", "several", "sure"], ascending=False, kind="stable")
    shown = ["claim", "source", "id"]
    if verdicts == OPEN:
        found["what would settle it"] = [settles(claim) for claim in found.itertuples()]
        shown.insert(0, "what would settle it")
    if len(verdicts) > 1:
        shown.insert(0, "verdict")
    return found.set_index("ours")[shown]


def settles(claim) -> str:
    """How many seeds would give an interval that leaves out zero or the stated size, if the mean
    and the seeds' deviation stay as they are.

    `claim` is a row of verdicts.judge, with `n` seeds.
    """
    small = f"; the interval is {EXCLUDES}" if EXCLUDES in claim.limits else ""
    return f"{_seeds(claim)}{small}"


def _seeds(claim) -> str:
    if not claim.n or claim.n < 2:
        return "more than one seed"
    far = [abs(claim.mean)] + [abs(claim.stated - claim.mean)] * (claim.stated == claim.stated)
    needed = seeds_needed(claim.low, claim.high, claim.n, max(far))
    if needed > MANY:
        return f"more than {MANY} seeds: other data or a longer training, not more seeds"
    return f"about {needed} seeds instead of {claim.n}"
