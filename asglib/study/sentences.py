"""Sentences that notebooks make of cells, verdicts and numbers."""

from collections.abc import Iterable, Mapping

import pandas as pd

from asglib.study.statistics import LEVEL
from asglib.study.tables import AVERAGE, Bands, average, of_all_tasks
from asglib.study.verdicts import EXCLUDES, READ, WORST_FIRST


def listed(values: Mapping, form: str = "{}") -> str:
    """Names with their values.

    >>> listed({"FT": 2.24, "SF": 1.3}, "{:+.1f}")
    'FT +2.2; SF +1.3'
    """
    return "; ".join(f"{name} {form.format(value)}" for name, value in values.items())


def bullets(values: Mapping) -> str:
    """A list in Markdown: names, each with what is said of it."""
    return "\n".join(f"- {name}: {text}." for name, text in values.items())


def in_markdown(table: pd.DataFrame) -> str:
    """A table's columns in Markdown, without its index."""
    texts = table.astype(str).apply(lambda column: column.str.replace("|", "\\|", regex=False))
    rows = [map(str, table.columns), ["---"] * table.shape[1], *texts.itertuples(index=False)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def counts(words: Iterable[str]) -> str:
    """How often each word is there, verdicts from best to worst: "3 reproduced, 1 partly"."""
    found = pd.Series(list(words)).value_counts()
    order = [*reversed(WORST_FIRST), *found.index]
    return ", ".join(f"{found[word]} {word}" for word in dict.fromkeys(order) if word in found)


def verdicts(judged: pd.DataFrame) -> str:
    """How many of each, and how many of the open ones exclude what the paper's tables print."""
    small = judged["limits"].str.contains(EXCLUDES, regex=False).sum()
    more = f" ({small} of these {EXCLUDES})" if small else ""
    return counts(judged["verdict"]).replace(" inconclusive", f" inconclusive{more}")


def behind(measured: pd.DataFrame) -> str:
    """How many differences measured claims rest on, and how many would hold by chance alone."""
    if measured.empty:
        return "No claim is measured"
    different = measured["ours"].nunique()
    chance = (1 - LEVEL) / 2 * different  # one side of each interval
    return (
        f"{len(measured)} measured claims rest on {different} differences, as some share one. No "
        f"verdict is corrected for their number: if nothing differed, up to about {chance:.1f} of "
        "these intervals would lie on the claimed side of zero"
    )


def limits(judged: pd.DataFrame) -> str:
    """What limits the verdicts, each thing once, as a numbered list in Markdown."""
    each = _limits(judged).unique()
    return "\n".join(f"{number}. {text}." for number, text in enumerate(each, 1))


def numbers(judged: pd.DataFrame) -> pd.Series:
    """By a claim's id, which lines of that list are about it: "1, 3"."""
    each = _limits(judged)
    lines = pd.Series(each.factorize()[0] + 1, each.index, name="limits").astype(str)
    return lines.groupby(level=0).agg(", ".join).reindex(judged["id"], fill_value="")


def claims(judged: pd.DataFrame) -> pd.DataFrame:
    """The claims as a report shows them, with the numbers of their limits."""
    return judged.set_index("id")[READ].assign(limits=numbers(judged))


def _limits(judged: pd.DataFrame) -> pd.Series:
    """Every limit of every claim, by the claim's id."""
    each = judged.set_index("id")["limits"].str.split("; ").explode()
    return each[each != ""]


def seen(bands: Bands) -> str:
    """The averages of every band, for the alt text of its figure."""
    told = [f"{title}: {listed(average(cells)['text'])}" for title, (cells, _) in bands.items()]
    return f"On average, {'. '.join(told)}"


def side(cells: pd.DataFrame, row: str) -> str:
    """Where an average difference "A - B" puts A by its interval over seeds: "above" B, ..."""
    cell = average(cells).loc[row]
    if cell["unit"] != "seeds":
        return "not compared over seeds with"
    if cell["low"] <= 0 <= cell["high"]:
        return "not told apart from"
    return "above" if cell["low"] > 0 else "below"


def apart(cells: pd.DataFrame) -> str:
    """Which average differences "A - B" lie above zero by their intervals over seeds, which below,
    and which reach it: "above: Triplet +6.5; not told apart: SG, TemporalGap"."""
    alone = "not compared over seeds"
    heaps = {"above": [], "below": [], "not told apart": [], alone: []}
    for row, cell in average(cells).iterrows():
        where, name = side(cells, row), row.split(" - ")[0]
        size = f" {cell['mean']:+.1f}" if where in ("above", "below") else ""
        heaps[where.removesuffix(" from").removesuffix(" with")].append(f"{name}{size}")
    told = [f"{where}: {', '.join(names)}" for where, names in heaps.items() if names]
    return alone if len(heaps[alone]) == len(average(cells)) else "; ".join(told)


def by_task(cells: pd.DataFrame) -> str:
    """A difference's means, task by task, where its average is over two or three; else ""."""
    each = cells[cells["column"] != AVERAGE].set_index("column")["mean"].dropna()
    return listed(each, "{:+.1f}") if len(each) in (2, 3) else ""


def span(cells: pd.DataFrame, methods: Iterable[str], beside: Iterable[str]) -> str:
    """The lowest and the highest of some systems' averages in percent, and what stands beside them.

    Rows of `cells` are methods, or "method, corpus".
    """
    levels = of_all_tasks(cells).dropna()
    levels = levels.set_axis(levels.index.str.split(", ").str[0])
    mine = levels[levels.index.isin(list(methods))]
    others = listed(levels[levels.index.isin(list(beside))], "{:.1f}").replace(";", ",")
    if mine.empty:
        return f"none of them is tested on every task; {others}"
    low, high = mine.idxmin(), mine.idxmax()
    return f"from {mine[low]:.1f} ({low}) to {mine[high]:.1f} ({high}); {others}"


def learned(pretrainings: Iterable[Mapping]) -> str:
    """How many classes the supervised model learned, which says what its labels can teach."""
    counts = {r["corpus"]: r["classes"] for r in pretrainings if r["method"] == "Sup."}
    told = " and ".join(f"the {count} classes of {corpus}" for corpus, count in counts.items())
    return f"Sup. learned {told}" if told else "Sup. is not pretrained here"
