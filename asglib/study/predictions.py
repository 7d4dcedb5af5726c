"""What the hypothesis predicts for the embedded corpus, move by move and factor by factor (2.2)."""

import pandas as pd

from asglib.study.tables import differences

HELPS, NEEDLESS = "helps", "not needed"
MARGIN = 5.0  # points; where no help is predicted, a difference within this counts as none
PREDICTED = {  # a move and a task of the embedded corpus
    ("FT", "toy/direction"): HELPS,
    ("FT", "toy/order"): HELPS,
    ("FF", "toy/register"): HELPS,
    ("SF", "toy/register"): HELPS,
    ("FT", "toy/pattern"): NEEDLESS,
    ("FF", "toy/pattern"): NEEDLESS,
    ("SF", "toy/pattern"): NEEDLESS,
}


def outcome(predicted: str, low: float, high: float, margin: float) -> str:
    """Whether the interval of move - NONE, in points, is as predicted.

    >>> outcome("helps", 0.5, 2.0, 5.0), outcome("not needed", -1.0, 6.0, 5.0)
    ('as predicted', 'open')
    """
    if predicted == HELPS:
        inside, outside = low > 0, high < 0
    else:
        inside, outside = low > -margin and high < margin, low > margin or high < -margin
    return "as predicted" if inside else "opposite" if outside else "open"


def gains(table: pd.DataFrame, beside: str = "NONE") -> pd.DataFrame:
    """Each move - NONE, or - NONE x2, on each factor, in points: cells of study.tables."""
    moves = dict.fromkeys(move for move, _ in PREDICTED)
    tasks = dict.fromkeys(task for _, task in PREDICTED)
    cells, _ = differences(table, {move: (move, beside) for move in moves}, list(tasks))
    return cells


def judged(table: pd.DataFrame, margin: float) -> pd.DataFrame:
    """Each prediction with the difference to NONE and its outcome."""
    cells = gains(table).set_index(["row", "column"])
    lines = []
    for (move, task), predicted in PREDICTED.items():
        cell, factor = cells.loc[(move, task)], task.split("/")[1]
        told = outcome(predicted, cell["low"], cell["high"], margin)
        told = told if cell["unit"] else "not tested"
        lines.append((move, factor, predicted, cell["text"], told))
    columns = ["move", "factor", "predicted", "move - NONE, points", "outcome"]
    return pd.DataFrame(lines, columns=columns)


def in_words(judged: pd.DataFrame) -> str:
    """The predictions by their outcomes: "as predicted: FT helps direction (+2.8 [+1.6, +4.0])"."""
    verb = judged["predicted"].replace(NEEDLESS, f"{NEEDLESS} for")
    size = judged["move - NONE, points"].str.split(", [0-9]", regex=True).str[0]
    told = judged["move"] + " " + verb + " " + judged["factor"] + " (" + size + ")"
    heaps = told.groupby(judged["outcome"], sort=False).agg(", ".join)
    return "; ".join(f"{outcome}: {which}" for outcome, which in heaps.items())
