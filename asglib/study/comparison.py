"""One system - another, paired by seed or by clip (the differences of sections 3.3 to 3.5).

A system is a method's name, "ASG@frontend=mel", or a dict ({"method": "ASG", "frontend": "mel"}).
It overrides what is shared: setting, front end, encoder, corpus (None: the only one that is there).
In the place of a system may stand the gain of one over another, "ASG - NONE".
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from asglib.config import SETTINGS
from asglib.study.records import PRETEXT, ResultsError
from asglib.study.statistics import cluster_draws, mean_t, percentiles

SHARED = {"setting": "frozen", "frontend": "linear", "encoder": None, "corpus": None}
SHARED |= {"variant": ""}


class Cell(NamedTuple):
    """A mean with its interval, from n seeds. unit "seeds": a t interval over them; "clips": one
    seed, so a bootstrap over groups of test clips; "": no interval, and note says why."""

    mean: float = np.nan
    low: float = np.nan
    high: float = np.nan
    n: int = 0
    groups: int = 0
    unit: str = ""
    note: str = ""


class Comparison(NamedTuple):
    """minuend - subtrahend: a cell a task, that of their average, [seeds, tasks] and what lacks."""

    tasks: dict[str, Cell]
    average: Cell
    points: pd.DataFrame
    left_out: list[str]


def as_system(system: str | dict, **shared) -> dict:
    """All that a system is, with what is shared where it does not say otherwise.

    >>> asked = as_system("ASG@frontend=mel")
    >>> asked["method"], asked["frontend"], asked["setting"]
    ('ASG', 'mel', 'frozen')
    """
    if isinstance(system, str):
        method, *changes = system.split("@")
        system = {"method": method} | dict(change.split("=") for change in changes)
    return SHARED | shared | system


def spoken(system: str) -> str:
    """A system, or the two of a gain, as a reader is told it.

    >>> spoken("SG@variant=last 2@setting=fine-tuned - SG")
    '(SG (last 2, fine-tuned) - SG)'
    """
    told = []
    for one in parts(system):
        method, *changes = one.split("@")
        words = {value.lower(): value for _, value in (change.split("=") for change in changes)}
        told.append(f"{method} ({', '.join(words.values())})" if words else method)
    return told[0] if len(told) == 1 else f"({' - '.join(told)})"


def choose(table: pd.DataFrame, system: str | dict, **shared) -> pd.DataFrame:
    """The rows of one system; ResultsError where these are several systems."""
    asked = as_system(system, **shared)
    corpus, known = asked.pop("corpus"), (*SETTINGS, PRETEXT)
    if asked["setting"] not in known:
        raise ResultsError(f"A setting is one of {', '.join(known)}, got {asked['setting']!r}.")
    for name, value in asked.items():
        if value is not None:
            table = table[table[name] == value]
    if corpus is None:
        one_corpus(table)
    else:
        rows = table[table["corpus"].isin([corpus, ""])]
        if len(rows) or not asked["method"].startswith("untrained"):
            table = rows  # an untrained encoder saw no corpus: it stands beside any
    for name, title in (("frontend", "front ends"), ("encoder", "encoders")):
        found = sorted(table[name].unique())
        if len(found) > 1:
            told = f"These records have the {title} {' and '.join(found)}"
            raise ResultsError(f"{told}: name one of them ({name}).")
    return table


def parts(system: str | dict) -> list[str | dict]:
    """A system alone, or the two of a gain, "A - B"."""
    return system.split(" - ") if isinstance(system, str) else [system]


def rows_of(table: pd.DataFrame, system: str | dict, **shared) -> pd.DataFrame:
    """The rows of one system, or of a gain, "A - B": its values and marks are A's less B's.

    A gain has no marks where the two were not tested on the same clips.
    """
    a, *less = (choose(table, one, **shared) for one in parts(system))
    if not less:
        return a
    (b,) = less
    both = a.merge(b, on=["key", "seed"], suffixes=("", "_b"))
    both["value"] = both["value"] - both["value_b"]
    marks = zip(both["correct"], both["correct_b"], both["clips"], both["clips_b"])
    differences = [np.subtract(x, y) if x and y and p == q else None for x, y, p, q in marks]
    return both.assign(correct=pd.Series(differences, both.index, dtype=object))[table.columns]


def one_corpus(rows: pd.DataFrame) -> None:
    """Refuses rows that were pretrained on several corpora."""
    corpora = sorted(set(rows.loc[~rows["method"].str.startswith("untrained"), "corpus"]) - {""})
    if len(corpora) > 1:
        told = f"These records were pretrained on {' and '.join(corpora)}"
        raise ResultsError(f"{told}: name the corpus.")


def percent(side: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """[seeds, tasks] in percent."""
    values = side.pivot(index="seed", columns="key", values="value").reindex(columns=keys)
    return 100 * values.astype(float)


def _clips(side: pd.DataFrame, keys: list[str], seeds: list[int]) -> pd.DataFrame:
    """Test clips of several tasks and seeds, in points; of records that have some."""
    parts = [pd.DataFrame(columns=["key", "seed", "clip", "part", "group", "points"])]
    for row in side[side["key"].isin(keys) & side["seed"].isin(seeds)].itertuples():
        if all(np.ndim(values) and len(values) for values in (row.correct, row.clips)):
            clips = pd.DataFrame({"clip": row.clips, "points": 100.0 * np.array(row.correct)})
            groups = pd.Series(row.groups or "", clips.index).astype(str)
            clips["group"] = groups.where(groups != "", clips["clip"])
            clips["part"] = clips.groupby("clip").cumcount()  # several parts of one file
            parts.append(clips.assign(key=row.key, seed=row.seed, data_set=row.data_set))
    return pd.concat(parts[1:] or parts)


def bootstrap(a: pd.DataFrame, b: pd.DataFrame | None, keys: list[str], seeds: list[int]) -> Cell:
    """The mean over seeds and tasks of a - b (None: of a), with an interval over test clips.

    A clip counts with its mean over the seeds. Tasks on the same clips are drawn together, data
    sets apart.
    """
    clips, own = _clips(a, keys, seeds), ["key", "seed", "clip", "part"]
    if b is not None:
        others = _clips(b, keys, seeds)[[*own, "points"]]
        clips = clips.merge(others, on=own) if len(clips) and len(others) else clips[:0]
        clips = clips.assign(points=clips.get("points_x", 0) - clips.get("points_y", 0))
    counts = clips.groupby("key")[["seed", "group"]].nunique()
    drawn = counts.index[(counts["seed"] == len(seeds)) & (counts["group"] > 1)]
    lacking, note = ", ".join(key for key in keys if key not in drawn), ""
    if lacking:
        note = f"no interval from one seed for {lacking} (no clips recorded, or under 2 groups)"
    if drawn.empty:
        return Cell(n=len(seeds), note=note)
    whose = ["data_set", "key", "group", "clip", "part"]
    clips = clips[clips["key"].isin(drawn)].groupby(whose)["points"].mean().reset_index()
    generator, draws = np.random.default_rng(0), []
    for _, some in clips.groupby("data_set"):
        draws.append(cluster_draws(some["points"], some["group"], some["key"], generator))
    limits = percentiles(np.concatenate(draws, axis=1).mean(axis=1))
    groups = len(clips[["data_set", "group"]].drop_duplicates())
    mean = clips.groupby("key")["points"].mean().mean()
    return Cell(float(mean), *limits, len(seeds), groups, "clips", note)


def interval(values: pd.DataFrame, a: pd.DataFrame, b: pd.DataFrame | None = None) -> Cell:
    """The mean over tasks, over the seeds that are whole in all of `values` [seeds, tasks].

    One seed whose clips cannot be drawn in every task has a mean without an interval.
    """
    whole = values.dropna()
    if whole.empty:
        return Cell(note="no seed that both have in every task")
    if len(whole) == 1:
        found = bootstrap(a, b, list(whole.columns), list(whole.index))
        alone = Cell(float(whole.to_numpy().mean()), n=1, note=found.note)
        return alone if found.note else found
    return Cell(*mean_t(whole.mean(axis=1)), unit="seeds")


def _gaps(side: pd.DataFrame, system: str | dict, points: pd.DataFrame) -> list[str]:
    """What one side lacks of `points` [seeds, tasks]: seeds without a number, by task."""
    name = spoken(system) if isinstance(system, str) else " ".join(filter(None, system.values()))
    there = set(side.dropna(subset="value")[["key", "seed"]].itertuples(index=False, name=None))
    tasks: dict[str, list[str]] = {}
    for key in points:
        lost = [str(seed) for seed in points.index if (key, seed) not in there]
        seeds = "" if len(lost) == len(points) else f" for seed {', '.join(lost)}"
        if lost or points.empty:
            tasks.setdefault(f"{name} has no number{seeds}", []).append(key)
    return [f"{told} on {', '.join(keys)}" for told, keys in tasks.items()]


def compare(
    table: pd.DataFrame,
    minuend: str | dict,
    subtrahend: str | dict,
    tasks: list[str] | None = None,
    by_task: bool = True,
    **shared,
) -> Comparison:
    """The seed-paired difference on each task ("data_set/task", None: all) and on their average.

    A task counts the seeds that both have. The average leaves out tasks without a common seed and
    then takes the seeds that are whole in all the others; `left_out` says what was not there.
    Where only the average is asked for, not `by_task`, there is no cell of a task.
    """
    a, b, points = _sides(table, minuend, subtrahend, tasks, shared)
    left_out = [*_gaps(a, minuend, points), *_gaps(b, subtrahend, points)]
    each = {key: interval(points[[key]], a, b) for key in points if by_task}
    common = points.columns[points.notna().any()]
    return Comparison(each, interval(points[common], a, b), points, left_out)


def over_clips(
    table: pd.DataFrame, minuend: str | dict, subtrahend: str | dict, tasks: list[str], **shared
) -> dict[str, Cell]:
    """The same differences with intervals over the test clips, the seeds being given: by task, and
    "average" over the tasks for the seeds that are whole in all of them."""
    a, b, points = _sides(table, minuend, subtrahend, tasks, shared)
    found = {}
    for name, part in [*((key, points[[key]]) for key in points), ("average", points)]:
        seeds = list(part.dropna().index)
        found[name] = bootstrap(a, b, list(part), seeds) if seeds else Cell(note="not tested")
    return found


def _sides(table, minuend, subtrahend, tasks, shared) -> tuple:
    """The rows of both systems, and minuend - subtrahend in points [seeds, tasks]."""
    a, b = (rows_of(table, side, **shared) for side in (minuend, subtrahend))
    systems = [as_system(one, **shared) for one in (*parts(minuend), *parts(subtrahend))]
    if None in (system["corpus"] for system in systems):
        one_corpus(pd.concat([a, b]))
    either = {*a["key"], *b["key"]}
    keys = [key for key in table["key"].unique() if key in either] if tasks is None else list(tasks)
    return a, b, percent(a, keys) - percent(b, keys)


def describe(cell: Cell) -> str:
    """'+1.3 [+0.2, +2.4], 3 seeds', or the reason why there is none."""
    if not cell.unit:
        return cell.note or "not tested"
    count = f"{cell.n} seeds" if cell.unit == "seeds" else f"1 seed, {cell.groups} groups of clips"
    return f"{cell.mean:+.1f} [{cell.low:+.1f}, {cell.high:+.1f}], {count}"
