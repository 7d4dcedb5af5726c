"""Intervals for the comparisons of the paper's sections 3.3 to 3.5, which prints bare means.

Two sources of chance are kept apart: pretraining seeds (t intervals over seeds, paired by seed) and the draw of the
test clips (a bootstrap over clips, paired by clip, in whole groups where clips share a speaker or a recording).
Arrays: `[n]` one value a seed, `[clips]` one value a test clip. Units are the caller's: fractions or points.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

BLOCK = 4_000_000  # weights held at once by the bootstrap: 32 MB


class StatisticsError(ValueError):
    """Too few, unequal or undefined values for the interval that was asked for."""


class Interval(NamedTuple):
    """A mean, its two-sided limits, and the number of independent units (seeds or groups of clips) behind it."""

    mean: float
    low: float
    high: float
    n: int


def _finite(values, name: str) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise StatisticsError(
            f"{name} must be one row of finite numbers: leave undefined values out and say so."
        )
    return values


def _same_length(a: np.ndarray, b: np.ndarray, unit: str) -> None:
    if len(a) != len(b):
        raise StatisticsError(
            f"A paired comparison needs the same {unit} on both sides, got {len(a)} and {len(b)}."
        )


def _level(level: float) -> float:
    if not 0 < level < 1:
        raise StatisticsError(
            f"The level of an interval lies between 0 and 1 (say 0.95), got {level}."
        )
    return level


def mean_t(values, level: float = 0.95) -> Interval:
    """The mean of [n] values with its t interval; n = 1 is refused.

    >>> mean_t([1.0, 2.0, 3.0]).mean
    2.0
    """
    values = _finite(values, "values")
    if len(values) < 2:
        raise StatisticsError(
            f"A t interval needs at least 2 seeds, got {len(values)}: use a bootstrap over clips."
        )
    half = (
        stats.t.ppf((1 + _level(level)) / 2, len(values) - 1)
        * values.std(ddof=1)
        / np.sqrt(len(values))
    )
    return Interval(
        float(values.mean()), float(values.mean() - half), float(values.mean() + half), len(values)
    )


def paired_t(values_a, values_b, level: float = 0.95) -> Interval:
    """The mean of a - b over seeds, both [n] in the same order of seeds, with its t interval; n = 1 is refused."""
    a, b = _finite(values_a, "values_a"), _finite(values_b, "values_b")
    _same_length(a, b, "seeds")
    return mean_t(a - b, level)


def cluster_draws(
    differences, clusters, tasks, generator: np.random.Generator, draws: int = 2000
) -> np.ndarray:
    """Bootstrap means of `differences` [items] within each task: -> [draws, number of tasks].

    `clusters` and `tasks` [items] say which group and which task an item belongs to. A draw takes as many groups as
    there are, with replacement, and every item of a group in all tasks with it: so tasks on the same clips stay tied.
    """
    differences = _finite(differences, "differences")
    names, cluster = np.unique(np.asarray(clusters), return_inverse=True)
    kinds, task = np.unique(np.asarray(tasks), return_inverse=True)
    _same_length(differences, cluster, "clips")
    if len(names) < 2:
        raise StatisticsError(
            f"A bootstrap over clips needs at least 2 groups of clips, got {len(names)}."
        )
    sums, counts = np.zeros((len(names), len(kinds))), np.zeros((len(names), len(kinds)))
    np.add.at(sums, (cluster, task), differences)
    np.add.at(counts, (cluster, task), 1)
    chance, parts = np.full(len(names), 1 / len(names)), []
    step = max(1, BLOCK // len(names))
    for first in range(0, draws, step):
        weights = generator.multinomial(len(names), chance, size=min(step, draws - first))
        with np.errstate(
            invalid="ignore"
        ):  # a draw without a clip of some task: NaN, left out of the percentiles
            parts.append((weights @ sums) / (weights @ counts))
    return np.concatenate(parts)


def percentiles(draws: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The two-sided percentile limits of [draws] bootstrap means."""
    low, high = np.nanquantile(draws, [(1 - _level(level)) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired_bootstrap(
    correct_a,
    correct_b,
    generator: np.random.Generator,
    groups=None,
    draws: int = 2000,
    level: float = 0.95,
) -> Interval:
    """The mean of a - b over test clips, both [clips] in the same order, with its percentile bootstrap interval.

    `groups` [clips]: clips of one group (speaker, recording) are drawn together; None: every clip is its own group.
    The interval covers the draw of the test clips only, not another pretraining seed.
    """
    a, b = _finite(correct_a, "correct_a"), _finite(correct_b, "correct_b")
    _same_length(a, b, "clips")
    groups = np.arange(len(a)) if groups is None else np.asarray(groups)
    means = cluster_draws(a - b, groups, np.zeros(len(a)), generator, draws)[:, 0]
    return Interval(float((a - b).mean()), *percentiles(means, level), len(np.unique(groups)))


def d_prime(auc: float) -> float:
    """The distance, in standard deviations, between two unit normals that a detector of this area under the ROC has.

    More robust than mAP to the AudioSet clips that are gone (audioset/ontology#8). 0.5 -> 0; 1 is infinite.

    >>> d_prime(0.5)
    0.0
    """
    if not 0 <= auc <= 1:
        raise StatisticsError(f"An area under the ROC curve lies in [0, 1], got {auc}.")
    return float(np.sqrt(2) * stats.norm.ppf(auc))
