"""Sentences and small tables that notebooks make of cells, dots and records.

`cells`, `dots` and bands {title: (cells, dots)} are those of study.tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from asglib.methods import METHODS
from asglib.study.tables import AVERAGE, Bands, extremes, means, wide
from asglib.study.verdicts import WORST_FIRST


def listed(values: Mapping, form: str = "{}") -> str:
    """Names with their values.

    >>> listed({"FT": 2.24, "SF": 1.3}, "{:+.1f}")
    'FT +2.2; SF +1.3'
    """
    return "; ".join(f"{name} {form.format(value)}" for name, value in values.items())


def bullets(values: Mapping) -> str:
    """A list in Markdown: names, each with what is said of it."""
    return "\n".join(f"- {name}: {text}." for name, text in values.items())


def counts(words: Iterable[str]) -> str:
    """How often each word is there, verdicts from best to worst: "3 reproduced, 1 partly"."""
    found = pd.Series(list(words)).value_counts()
    order = [*reversed(WORST_FIRST), *found.index]
    return ", ".join(f"{found[word]} {word}" for word in dict.fromkeys(order) if word in found)


def limits(judged: pd.DataFrame) -> str:
    """What limits the verdicts, each thing once, with the claims that it is about."""
    ids: dict[str, list[str]] = {}
    for claim in judged.itertuples():
        for limit in filter(None, claim.limits.split("; ")):
            ids.setdefault(limit, []).append(claim.id)
    told = {limit: "all" if len(of) == len(judged) else ", ".join(of) for limit, of in ids.items()}
    return bullets(told)


def seen(bands: Bands, unit: str = "percent", form: str = "{:.1f}") -> str:
    """The ends of every panel, for the alt text of a figure of bands."""
    told = [f"{title}: {extremes(cells, unit, form)}" for title, (cells, _) in bands.items()]
    return ". ".join(told)


def highest(cells: pd.DataFrame) -> str:
    """The row with the highest mean in each column."""
    there = cells.dropna(subset="mean")
    best = there.loc[there.groupby("column", sort=False)["mean"].idxmax()]
    told = "; ".join(f"**{line.row}** on {line.column}" for line in best.itertuples())
    return f"Highest mean: {told}" if told else "Nothing is tested yet"


def gap(dots: pd.DataFrame, one: str, other: str) -> str:
    """One row's average - another's, seed by seed: mean ± half the interval (seeds)."""
    averages = dots[dots["column"] == AVERAGE].pivot(index="seed", columns="row", values="value")
    both = averages.reindex(columns=[one, other]).dropna()
    found = means(
        pd.DataFrame({"row": one, "column": AVERAGE, "value": both[one] - both[other]}), "{:+.1f}"
    )
    return found["text"].iloc[0] if len(found) else "not tested"


def spread(dots: pd.DataFrame) -> str:
    """How far the seeds of one row and task lie apart."""
    values = dots[dots["column"] != AVERAGE].groupby(["row", "column"])["value"]
    apart = (values.max() - values.min()).dropna()
    if apart.empty:
        return "No seeds are there"
    middle = f"{apart.median():.1f} in the median"
    return f"The seeds of one method lie up to {apart.max():.1f} points apart, {middle}"


def ends(gains: pd.DataFrame) -> str:
    """The lowest and the highest of gains by class (row) and seed, and how many classes gain."""
    means = gains.mean(axis=1)
    if means.empty:
        return "not tested"
    first, last = (f"{means.index[i]} {means.iloc[i]:+.1f}" for i in (0, -1))
    return f"from {first} to {last} points; {(means > 0).sum()} of {len(means)} classes gain"


def own_moves(near: pd.DataFrame) -> str:
    """How similar a moved clip is to itself, for methods on the moves they were trained with."""
    kept = wide(near, "mean") if len(near) else pd.DataFrame()
    moves = [move for move in kept.columns if {move, "NONE"} <= set(kept.index)]
    own = [f"**{m}** {kept.loc[m, m]:.2f}, NONE {kept.loc['NONE', m]:.2f}" for m in moves]
    told = []
    if own:
        told += [
            "Similarity to the unmoved clip, each method on its own move:",
            f"{'; '.join(own)}.",
        ]
    if "ASG" in kept.index:
        mixed = listed(kept.loc["ASG"].drop("ST"), "{:.2f}")
        told.append(f"ASG, which draws one of three: {mixed}.")
    return " ".join(told) or "Nothing is measured yet."


def costs(records: Sequence[Mapping], methods: Sequence[str]) -> pd.DataFrame:
    """What one pretraining of each method costs: spectrograms encoded, seconds, times NONE."""
    mine = [record for record in records if record["method"] in methods]
    dots = [(record["method"], "seconds", record["seed"], record["seconds"]) for record in mine]
    cells = means(pd.DataFrame(dots, columns=["row", "column", "seed", "value"]))
    table = cells.set_index("row").reindex([m for m in methods if m in set(cells["row"])])
    encoded = {r["method"]: METHODS[r["method"]].views * r["batch"] * r["steps"] for r in mine}
    return pd.DataFrame(
        {
            "spectrograms encoded": pd.Series(encoded),
            "seconds": table["text"],
            "seconds, times NONE": table["mean"] / table["mean"].get("NONE", float("nan")),
        },
        index=table.index.rename("method"),
    )
