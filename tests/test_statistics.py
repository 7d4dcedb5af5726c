"""The intervals are right: against scipy, by hand, and by how often they cover a known difference."""

import numpy as np
import pytest
from scipy import stats

from asglib.study.statistics import (
    StatisticsError,
    cluster_draws,
    d_prime,
    mean_t,
    paired_bootstrap,
    paired_t,
)

ASG = [71.2, 73.4, 70.9, 72.8, 74.0]
NONE = [69.8, 72.9, 71.1, 70.0, 71.9]


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("n", [2, 3, 5])
def test_paired_t_is_scipys(n, level):
    ours = paired_t(ASG[:n], NONE[:n], level)
    theirs = stats.ttest_rel(ASG[:n], NONE[:n]).confidence_interval(level)
    assert ours.n == n and (ours.low, ours.high) == pytest.approx(
        (theirs.low, theirs.high), abs=1e-12
    )


def test_paired_t_by_hand():
    # differences 1, 2, 3: mean 2, deviation 1, t(0.975, 2) = 4.302653 -> half-width 4.302653 / sqrt(3) = 2.484138
    assert paired_t([2, 4, 6], [1, 2, 3]) == pytest.approx((2, -0.484138, 4.484138, 3), abs=1e-6)


def test_pairing_matters():
    paired = paired_t(ASG, [a - 1 for a in ASG])
    assert (paired.low, paired.high) == pytest.approx((1, 1))
    assert mean_t(ASG).high - mean_t(ASG).low > 1


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: paired_t([1.0], [2.0]), "at least 2 seeds, got 1"),
        (lambda: mean_t([]), "at least 2 seeds, got 0"),
        (lambda: paired_t([1, 2], [1, 2, 3]), "same seeds on both sides, got 2 and 3"),
        (lambda: paired_t([1, np.nan], [1, 2]), "values_a must be one row of finite numbers"),
        (lambda: paired_t([1, 2], [1, 3], level=95), "between 0 and 1"),
        (
            lambda: paired_bootstrap([1, 0], [1], np.random.default_rng(0)),
            "same clips on both sides, got 2 and 1",
        ),
        (
            lambda: paired_bootstrap([1, 0], [0, 0], np.random.default_rng(0), ["a", "a"]),
            "at least 2 groups .* got 1",
        ),
        (lambda: d_prime(1.2), r"\[0, 1\], got 1.2"),
    ],
)
def test_refused_in_one_sentence(call, told):
    with pytest.raises(StatisticsError, match=told) as error:
        call()
    assert "\n" not in str(error.value)


def test_bootstrap_of_two_groups_is_the_binomial():
    # groups with mean differences 1 and 0: a draw's mean is 0, 1/2 or 1 with chances 1/4, 1/2, 1/4
    draws = cluster_draws(
        [1, 1, 0, 0], ["a", "a", "b", "b"], [0] * 4, np.random.default_rng(0), 40_000
    )[:, 0]
    values, counts = np.unique(draws, return_counts=True)
    assert values.tolist() == [0, 0.5, 1]
    assert counts / 40_000 == pytest.approx([0.25, 0.5, 0.25], abs=0.01)


def test_bootstrap_keeps_the_tasks_of_a_clip_together():
    rng = np.random.default_rng(1)
    value, clip = rng.normal(size=50), np.arange(50)
    draws = cluster_draws([*value, *-value], [*clip, *clip], [0] * 50 + [1] * 50, rng, 500)
    assert draws.sum(axis=1) == pytest.approx(0)  # drawn apart, the two tasks would not cancel
    assert draws.std(axis=0).min() > 0.05


def test_bootstrap_agrees_with_the_normal_interval():
    rng = np.random.default_rng(2)
    a, b = rng.random(2000) < 0.8, rng.random(2000) < 0.7
    ours = paired_bootstrap(a, b, rng, draws=4000)
    difference = a.astype(float) - b
    half = 1.96 * difference.std() / np.sqrt(2000)
    assert (ours.low, ours.high) == pytest.approx(
        (difference.mean() - half, difference.mean() + half), abs=0.003
    )
    assert ours.mean == pytest.approx(difference.mean()) and ours.n == 2000


def test_same_generator_same_interval():
    a, b = np.arange(40) % 2, np.arange(40) % 3 == 0
    one, other = (paired_bootstrap(a, b, np.random.default_rng(7)) for _ in range(2))
    assert one == other


def test_t_intervals_cover_in_93_to_97_percent_of_2000_trials():
    rng = np.random.default_rng(3)
    trials = rng.normal(70, 3, (2000, 5, 1)) + rng.normal(
        [1.5, 0.0], 1.0, (2000, 5, 2)
    )  # a seed moves both sides
    covered = [
        low <= 1.5 <= high for _, low, high, _ in (paired_t(t[:, 0], t[:, 1]) for t in trials)
    ]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_grouping_repairs_the_coverage_of_clustered_clips():
    rng, covered = np.random.default_rng(4), []
    speaker = np.repeat(np.arange(30), 10)
    for _ in range(200):
        a = (
            rng.random(300) < rng.beta(3, 1, 30)[speaker]
        )  # a speaker's clips are easy or hard together; mean 0.75
        b = rng.random(300) < 0.6
        pair = [paired_bootstrap(a, b, rng, groups, draws=400) for groups in (speaker, None)]
        covered.append([low <= 0.15 <= high for _, low, high, _ in pair])
    grouped, alone = np.mean(covered, axis=0)
    assert 0.88 <= grouped <= 0.98 and grouped - alone > 0.05, (grouped, alone)


def test_d_prime():
    assert d_prime(0.5) == 0
    assert d_prime(stats.norm.cdf(1 / np.sqrt(2))) == pytest.approx(
        1
    )  # two unit normals one deviation apart
    assert d_prime(0.2) == pytest.approx(-d_prime(0.8))
