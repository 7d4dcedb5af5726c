"""Intervals for the comparisons of the paper's sections 3.3 to 3.5, which prints bare means.

Two sources of chance are kept apart: pretraining seeds (t intervals over seeds) and the draw of
the test clips (a bootstrap in whole groups, where an index names what clips share, say a speaker or
a recording; else clip by clip, as of Free Spoken Digits).
"""

import warnings

import numpy as np
from scipy import stats

LEVEL = 0.95
DRAWS = 2000
SEEDS = 10_000  # as good as never


class StatisticsError(ValueError):
    """Too few or undefined values for the interval that was asked for."""


def _finite(values) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise StatisticsError("values must be one row of finite numbers: leave others out.")
    return values


def mean_t(values) -> tuple[float, float, float, int]:
    """The mean of [n] values, the limits of its t interval, and n; n = 1 is refused.

    >>> mean_t([2.0, 2.0, 2.0])
    (2.0, 2.0, 2.0, 3)
    """
    values = _finite(values)
    if len(values) < 2:
        raise StatisticsError(f"A t interval needs at least 2 seeds, got {len(values)}.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # scipy warns of seeds that are all equal
        low, high = stats.ttest_1samp(values, 0).confidence_interval(LEVEL)
    return float(values.mean()), float(low), float(high), len(values)


def seeds_needed(low: float, high: float, n: int, half: float) -> int:
    """The fewest seeds of which a t interval reaches at most `half` to either side, if their
    deviation is that of the `n` seeds whose interval is [low, high]; SEEDS if it takes more.

    >>> seeds_needed(-1.0, 1.0, 4, 1.0)
    4
    """
    deviation = (high - low) / 2 * np.sqrt(n) / stats.t.ppf((1 + LEVEL) / 2, n - 1)
    counts = np.arange(2, SEEDS)
    reach = stats.t.ppf((1 + LEVEL) / 2, counts - 1) * deviation / np.sqrt(counts)
    enough = counts[reach <= half * (1 + 1e-9)]
    return int(enough[0]) if len(enough) else SEEDS


def cluster_draws(
    differences, clusters, tasks, generator: np.random.Generator, draws: int = DRAWS
) -> np.ndarray:
    """Bootstrap means of `differences` [items] within each task: -> [draws, number of tasks].

    `clusters` and `tasks` [items] say which group and which task an item belongs to. A draw takes
    as many groups as there are, with replacement, and every item of a group in all tasks with it:
    so tasks on the same clips stay tied.
    """
    names, cluster = np.unique(np.asarray(clusters), return_inverse=True)
    kinds, task = np.unique(np.asarray(tasks), return_inverse=True)
    if len(names) < 2:
        raise StatisticsError(f"A bootstrap needs at least 2 groups of clips, got {len(names)}.")
    sums, counts = np.zeros((2, len(names), len(kinds)))
    np.add.at(sums, (cluster, task), _finite(differences))
    np.add.at(counts, (cluster, task), 1)
    chosen = generator.integers(len(names), size=(draws, len(names)))
    chosen += len(names) * np.arange(draws)[:, None]  # how often a draw has each group, counted
    weights = np.bincount(chosen.ravel(), minlength=chosen.size).reshape(chosen.shape)
    with np.errstate(invalid="ignore"):  # a draw without a clip of some task: NaN
        return (weights @ sums) / (weights @ counts)


def percentiles(draws: np.ndarray) -> tuple[float, float]:
    """The two-sided percentile limits of [draws] bootstrap means; NaN ones are left out."""
    low, high = np.nanquantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
