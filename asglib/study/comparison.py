"""One method less another, paired by seed or by clip (the differences of paper sections 3.3 to 3.5), in points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from asglib.config import SETTINGS
from asglib.study.records import ResultsError
from asglib.study.statistics import cluster_draws, mean_t, percentiles

DRAWS = 2000


@dataclass(frozen=True)
class Comparison:
    """minuend - subtrahend in points: one row a task, and their average.

    Columns mean, low, high, n (seeds), groups (of clips), unit, note. unit "seeds": a t interval over paired seeds;
    "clips": one common seed, so a bootstrap over its test clips; "": no interval, and note says why.
    """

    profile: str
    minuend: str
    subtrahend: str
    setting: str
    tasks: pd.DataFrame
    average: pd.Series
    left_out: tuple[str, ...]


def choose(
    frame: pd.DataFrame, method: str | dict, setting: str, frontend: str, corpus: str | None
) -> pd.DataFrame:
    """The rows of one method; a dict ({"method": "ASG", "frontend": "mel"}) overrides what the two sides share."""
    if setting not in SETTINGS:
        raise ResultsError(f"A setting is one of {', '.join(SETTINGS)}, got {setting!r}.")
    asked = {"setting": setting, "frontend": frontend, "corpus": corpus}
    asked |= method if isinstance(method, dict) else {"method": method}
    for name in ("method", "setting", "frontend"):
        frame = frame[frame[name] == asked[name]]
    if asked["corpus"] is None:
        one_corpus(frame)
        return frame
    rows = frame[frame["corpus"].isin([asked["corpus"], ""])]
    return (
        frame if rows.empty and asked["method"] == "untrained" else rows
    )  # it saw no corpus: it stands beside any


def one_corpus(rows: pd.DataFrame) -> None:
    """Refuses rows that were pretrained on several corpora."""
    corpora = sorted(set(rows.loc[rows["method"] != "untrained", "corpus"]) - {""})
    if len(corpora) > 1:
        raise ResultsError(
            f"These records were pretrained on {' and '.join(corpora)}: name the corpus."
        )


def percent(side: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """[seeds, tasks] in percent."""
    return 100 * side.pivot(index="seed", columns="key", values="value").reindex(
        columns=keys
    ).astype(float)


def _clips(side: pd.DataFrame, key: str, seed: int) -> pd.DataFrame | None:
    row = side[(side["key"] == key) & (side["seed"] == seed)].iloc[0]
    if not row["correct"] or not row["clips"]:
        return None
    rows = pd.DataFrame({"clip": row["clips"], "correct": row["correct"]})
    rows["group"] = [
        str(group or clip) for group, clip in zip(row["groups"] or [""] * len(rows), row["clips"])
    ]
    rows["part"] = rows.groupby("clip").cumcount()  # several segments of one file may be test items
    return rows.assign(key=key, data_set=row["data_set"])


def _paired(a: pd.DataFrame, b: pd.DataFrame | None, key: str, seed: int) -> pd.DataFrame | None:
    """The clips that both have, with `difference` in points; b None: the plain percentage."""
    one, other = _clips(a, key, seed), None if b is None else _clips(b, key, seed)
    if one is None or (b is not None and other is None):
        return None
    if b is None:
        return one.assign(difference=100.0 * one["correct"])
    both = one.merge(other[["clip", "part", "correct"]], on=["clip", "part"], suffixes=("", "_b"))
    return both.assign(difference=100.0 * (both["correct"] - both["correct_b"]))


def _bootstrap(
    a: pd.DataFrame, b: pd.DataFrame | None, keys: list[str], seed: int, level: float, draws: int
) -> dict:
    found = {key: _paired(a, b, key, seed) for key in keys}
    without = [key for key, clips in found.items() if clips is None or clips["group"].nunique() < 2]
    note = (
        f"no interval from one seed for {', '.join(without)} (no clips recorded, or under 2 groups)"
        if without
        else ""
    )
    if len(without) == len(keys):
        return row_of(note=note, n=1)
    clips = pd.concat([found[key] for key in keys if key not in without])
    generator, parts = np.random.default_rng(0), []
    for _, some in clips.groupby(
        "data_set"
    ):  # tasks on the same clips are drawn together, data sets apart
        parts.append(
            cluster_draws(some["difference"], some["group"], some["key"], generator, draws)
        )
    limits = percentiles(np.concatenate(parts, axis=1).mean(axis=1), level)
    groups = clips.groupby("data_set")["group"].nunique().sum()
    return row_of(
        clips.groupby("key")["difference"].mean().mean(), *limits, 1, int(groups), "clips", note
    )


def row_of(mean=np.nan, low=np.nan, high=np.nan, n=0, groups=0, unit="", note="") -> dict:
    return {
        "mean": float(mean),
        "low": float(low),
        "high": float(high),
        "n": n,
        "groups": groups,
        "unit": unit,
        "note": note,
    }


def interval(values: pd.DataFrame, a, b, level: float, draws: int) -> dict:
    """The mean over tasks, over the seeds that are whole in all columns of `values` [seeds, tasks]."""
    whole = values.dropna()
    if not len(whole) or not len(whole.columns):
        return row_of(note="no seed that both have in every task")
    if len(whole) == 1:
        return _bootstrap(a, b, list(whole.columns), whole.index[0], level, draws)
    return row_of(*mean_t(whole.mean(axis=1), level), unit="seeds")


def _gaps(side: pd.DataFrame, name: str, keys: list[str], seeds: list[int]):
    values = dict(zip(zip(side["key"], side["seed"]), side["value"]))
    for key in keys:
        lost = [str(seed) for seed in seeds if (key, seed) not in values]
        undefined = [str(seed) for seed in seeds if np.isnan(values.get((key, seed), 0.0))]
        if len(lost) == len(seeds):
            yield f"{key}: {name} has no record"
        elif lost:
            yield f"{key}: {name} has no record for seed {', '.join(lost)}"
        if undefined:
            yield f"{key}: {name} is undefined for seed {', '.join(undefined)}"


def compare(
    frame: pd.DataFrame,
    minuend: str | dict,
    subtrahend: str | dict,
    tasks: list[str] | None = None,
    setting: str = "frozen",
    frontend: str = "linear",
    corpus: str | None = None,
    level: float = 0.95,
    draws: int = DRAWS,
) -> Comparison:
    """The seed-paired difference on each task ("data_set/task", None: all) and on their average, with intervals.

    A task counts the seeds that both have. The average leaves out tasks without a common seed and then takes the seeds
    that are whole in all the others; `left_out` says what was not there. With one common seed: a bootstrap over clips.
    """
    a, b = (choose(frame, side, setting, frontend, corpus) for side in (minuend, subtrahend))
    if corpus is None and isinstance(minuend, str) and isinstance(subtrahend, str):
        one_corpus(pd.concat([a, b]))
    either = set(a["key"]) | set(b["key"])
    keys = [key for key in frame["key"].unique() if key in either] if tasks is None else list(tasks)
    names = [
        str(side) if isinstance(side, str) else " ".join(side.values())
        for side in (minuend, subtrahend)
    ]
    differences = percent(a, keys) - percent(b, keys)
    left_out = [
        gap
        for side, name in zip((a, b), names)
        for gap in _gaps(side, name, keys, list(differences.index))
    ]
    each = {key: interval(differences[[key]], a, b, level, draws) for key in keys}
    used = [key for key in keys if differences[key].notna().any()]
    average = interval(differences[used], a, b, level, draws)
    profile = frame["profile"].iloc[0] if len(frame) else ""
    columns = list(row_of())
    return Comparison(
        profile,
        *names,
        setting,
        pd.DataFrame.from_dict(each, orient="index", columns=columns),
        pd.Series(average),
        tuple(left_out),
    )
