"""The intervals are right: against scipy, by hand, and by how often they cover a known value."""

import warnings

import numpy as np
import pytest
from scipy import stats

from asglib.study.statistics import StatisticsError, cluster_draws, mean_t, percentiles

ASG = [71.2, 73.4, 70.9, 72.8, 74.0]


def bootstrap(values, generator, groups=None, draws=2000):
    groups = np.arange(len(values)) if groups is None else groups
    return percentiles(cluster_draws(values, groups, [0] * len(values), generator, draws)[:, 0])


@pytest.mark.parametrize("n", [2, 3, 5])
def test_the_t_interval_is_the_textbooks(n):
    half = stats.t.ppf(0.975, n - 1) * np.std(ASG[:n], ddof=1) / np.sqrt(n)
    mean = np.mean(ASG[:n])
    assert mean_t(ASG[:n]) == pytest.approx((mean, mean - half, mean + half, n), abs=1e-12)


def test_the_t_interval_by_hand():
    # mean 2, deviation 1, t(0.975, 2) = 4.302653 -> half-width 4.302653 / sqrt(3) = 2.484138
    assert mean_t([1, 2, 3]) == pytest.approx((2, -0.484138, 4.484138, 3), abs=1e-6)


def test_equal_seeds_have_no_width_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mean_t([5.0, 5.0, 5.0]) == (5, 5, 5, 3)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: mean_t([1.0]), "at least 2 seeds, got 1"),
        (lambda: mean_t([]), "at least 2 seeds, got 0"),
        (lambda: mean_t([1, np.nan]), "must be one row of finite numbers"),
        (
            lambda: bootstrap([1, 0], np.random.default_rng(0), ["a", "a"]),
            "at least 2 groups .* got 1",
        ),
    ],
)
def test_refused_in_one_sentence(call, told):
    with pytest.raises(StatisticsError, match=told) as error:
        call()
    assert "\n" not in str(error.value)


def test_percentiles_are_two_sided_and_leave_out_what_is_undefined():
    # of 0, 1, ..., 1000 the limits of 95 % are 25 and 975
    assert percentiles(np.arange(1001.0)) == pytest.approx((25, 975))
    assert percentiles(np.array([*range(1001), np.nan])) == pytest.approx((25, 975))


def test_bootstrap_of_two_groups_is_the_binomial():
    # groups with means 1 and 0: a draw's mean is 0, 1/2 or 1 with chances 1/4, 1/2, 1/4
    rng = np.random.default_rng(0)
    draws = cluster_draws([1, 1, 0, 0], ["a", "a", "b", "b"], [0] * 4, rng, 40_000)[:, 0]
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
    difference = (rng.random(2000) < 0.8).astype(float) - (rng.random(2000) < 0.7)
    half = 1.96 * difference.std() / np.sqrt(2000)
    mean = difference.mean()
    limits = bootstrap(difference, rng, draws=4000)
    assert limits == pytest.approx((mean - half, mean + half), abs=0.003)


def test_t_intervals_cover_in_93_to_97_percent_of_2000_trials():
    rng = np.random.default_rng(3)
    trials = rng.normal(70, 3, (2000, 5, 1)) + rng.normal([1.5, 0.0], 1.0, (2000, 5, 2))
    intervals = [mean_t(trial[:, 0] - trial[:, 1]) for trial in trials]
    covered = [low <= 1.5 <= high for _, low, high, _ in intervals]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_grouping_repairs_the_coverage_of_clustered_clips():
    rng, covered = np.random.default_rng(4), []
    speaker = np.repeat(np.arange(30), 10)
    for _ in range(200):
        # a speaker's clips are easy or hard together; their mean is 0.75
        easy = rng.random(300) < rng.beta(3, 1, 30)[speaker]
        difference = easy.astype(float) - (rng.random(300) < 0.6)
        pair = [bootstrap(difference, rng, groups, draws=400) for groups in (speaker, None)]
        covered.append([low <= 0.15 <= high for low, high in pair])
    grouped, alone = np.mean(covered, axis=0)
    assert 0.88 <= grouped <= 0.98 and grouped - alone > 0.05, (grouped, alone)
