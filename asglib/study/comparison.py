"""One system - another, paired by seed or by clip (the differences of sections 3.3 to 3.5).

A system is a method's name, "ASG@frontend=mel", or a dict ({"method": "ASG", "frontend": "mel"}),
which override what is shared: setting, and front end, encoder and corpus (None: the only one that
the records have).
Numbers are percent, differences points.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from asglib.config import SETTINGS
from asglib.study.records import PRETEXT, ResultsError
from asglib.study.statistics import cluster_draws, mean_t, percentiles

SHARED = {"setting": "frozen", "frontend": "linear", "encoder": None, "corpus": None}


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

    >>> as_system("ASG@frontend=mel")
    {'setting': 'frozen', 'frontend': 'mel', 'encoder': None, 'corpus': None, 'method': 'ASG'}
    """
    if isinstance(system, str):
        method, *changes = system.split("@")
        system = {"method": method} | dict(change.split("=") for change in changes)
    return SHARED | shared | system


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


def _clips(side: pd.DataFrame, key: str, seed: int) -> pd.DataFrame | None:
    """One seed's test clips on one task, a column each: clip, part (of one file), group, points."""
    row = side[(side["key"] == key) & (side["seed"] == seed)].iloc[0]
    if not all(np.ndim(row[name]) and len(row[name]) for name in ("correct", "clips")):
        return None  # a metric that is no mean over clips, or a number of the pretraining itself
    clips = pd.DataFrame({"clip": row["clips"], "points": 100.0 * np.array(row["correct"])})
    groups = pd.Series(row["groups"] or "", clips.index).astype(str)
    clips["group"] = groups.where(groups != "", clips["clip"])
    clips["part"] = clips.groupby("clip").cumcount()
    return clips.assign(key=key, data_set=row["data_set"])


def _paired(a: pd.DataFrame, b: pd.DataFrame | None, key: str, seed: int) -> pd.DataFrame | None:
    """The clips that both have, with their difference as points; b None: those of a."""
    one, other = (None if side is None else _clips(side, key, seed) for side in (a, b))
    if b is None or one is None or other is None:
        return one if b is None else None
    both = one.merge(other[["clip", "part", "points"]], on=["clip", "part"])
    return both.assign(points=both["points_x"] - both["points_y"])


def bootstrap(a: pd.DataFrame, b: pd.DataFrame | None, keys: list[str], seeds: list[int]) -> Cell:
    """The mean over seeds and tasks, and how far it depends on the draw of the test clips.

    A clip counts with its mean over the seeds. Tasks on the same clips are drawn together, data
    sets apart.
    """
    drawn = {}
    for key in keys:
        parts = [_paired(a, b, key, seed) for seed in seeds]
        if all(part is not None for part in parts):
            whose = ["clip", "part", "group", "key", "data_set"]
            clips = pd.concat(parts).groupby(whose, sort=False)["points"].mean().reset_index()
            if clips["group"].nunique() > 1:
                drawn[key] = clips
    lacking = ", ".join(key for key in keys if key not in drawn)
    why = f"no interval from one seed for {lacking} (no clips recorded, or under 2 groups)"
    note = why if lacking else ""
    if not drawn:
        return Cell(n=len(seeds), note=note)
    generator, draws, groups = np.random.default_rng(0), [], 0
    for _, clips in pd.concat(drawn.values()).groupby("data_set"):
        draws.append(cluster_draws(clips["points"], clips["group"], clips["key"], generator))
        groups += clips["group"].nunique()
    limits = percentiles(np.concatenate(draws, axis=1).mean(axis=1))
    mean = np.mean([clips["points"].mean() for clips in drawn.values()])
    return Cell(float(mean), *limits, len(seeds), groups, "clips", note)


def interval(values: pd.DataFrame, a: pd.DataFrame, b: pd.DataFrame | None = None) -> Cell:
    """The mean over tasks, over the seeds that are whole in all of `values` [seeds, tasks]."""
    whole = values.dropna()
    if whole.empty:
        return Cell(note="no seed that both have in every task")
    if len(whole) == 1:
        return bootstrap(a, b, list(whole.columns), list(whole.index))
    return Cell(*mean_t(whole.mean(axis=1)), unit="seeds")


def _gaps(side: pd.DataFrame, system: str | dict, points: pd.DataFrame) -> list[str]:
    """What one side lacks of `points` [seeds, tasks]: seeds without a number, by task."""
    name = system if isinstance(system, str) else " ".join(filter(None, system.values()))
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
    **shared,
) -> Comparison:
    """The seed-paired difference on each task ("data_set/task", None: all) and on their average.

    A task counts the seeds that both have. The average leaves out tasks without a common seed and
    then takes the seeds that are whole in all the others; `left_out` says what was not there.
    """
    a, b, points = _sides(table, minuend, subtrahend, tasks, shared)
    left_out = [*_gaps(a, minuend, points), *_gaps(b, subtrahend, points)]
    each = {key: interval(points[[key]], a, b) for key in points}
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
    systems = [as_system(side, **shared) for side in (minuend, subtrahend)]
    a, b = (choose(table, system) for system in systems)
    if None in (system["corpus"] for system in systems):
        one_corpus(pd.concat([a, b]))
    either = {*a["key"], *b["key"]}
    keys = [key for key in table["key"].unique() if key in either] if tasks is None else list(tasks)
    return a, b, percent(a, keys) - percent(b, keys)


def describe(cell: Cell) -> str:
    """'+1.3 [+0.2, +2.4], 3 seeds', or the reason why there is none."""
    if not cell.unit:
        return cell.note or "not tested"
    seeds = f"{cell.n} seeds"
    count = seeds if cell.unit == "seeds" else f"1 seed, {cell.groups} groups of clips"
    return f"{cell.mean:+.1f} [{cell.low:+.1f}, {cell.high:+.1f}], {count}"
