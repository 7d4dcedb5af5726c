"""What was learned, from judged claims: heaps, their order, and what would settle open ones."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from asglib.study import lessons
from asglib.study.statistics import mean_t, seeds_needed
from asglib.study.verdicts import EXCLUDES


def judged():
    lines = [
        # id, verdict, low, mean, high, n, stated
        ("wide", "reproduced", 0.1, 2.0, 3.9, 5, np.nan),
        ("sure", "partly", 1.9, 2.0, 2.1, 5, 4.0),
        ("fails", "not reproduced", -3.0, -2.0, -1.0, 5, 1.0),
        ("near", "inconclusive", -1.0, 1.0, 3.0, 4, 2.0),
        ("never", "inconclusive", -2.0, 0.01, 2.02, 4, np.nan),
        ("alone", "inconclusive", -1.0, 1.0, 3.0, 1, 2.0),
        ("absent", "not tested", np.nan, np.nan, np.nan, 0, 2.0),
    ]
    columns = ["id", "verdict", "low", "mean", "high", "n", "stated"]
    texts = {"source": "ASG", "claim": "it helps", "ours": "+1", "limits": ""}
    return pd.DataFrame(lines, columns=columns).assign(**texts)


def test_every_heap_has_its_claims_the_surest_first():
    holds, fails, still = (
        lessons.lessons(judged(), words) for words in (lessons.HOLDS, lessons.FAILS, lessons.OPEN)
    )
    assert list(holds["id"]) == ["sure", "wide"] and list(holds["verdict"]) == [
        "partly",
        "reproduced",
    ]
    assert list(fails["id"]) == ["fails"] and list(fails.columns) == ["claim", "source", "id"]
    assert list(still["id"]) == ["near", "never", "alone"]  # one seed comes last
    assert lessons.lessons(judged()[:0], lessons.OPEN).empty


def test_an_effect_beside_a_collapsed_system_comes_last():
    table = judged().set_index("id")
    table.loc["sure", "limits"] = "CPC local collapsed in 3 of 3 seeds and learned nothing there"
    holds = lessons.lessons(table.reset_index(), lessons.HOLDS)
    assert list(holds["id"]) == ["wide", "sure"]


def test_what_would_settle_an_open_claim():
    told = lessons.lessons(judged(), lessons.OPEN).set_index("id")["what would settle it"]
    # half 2 of 4 seeds: deviation 2 * 2 / 3.182 = 1.257; half 1 needs 9: 2.306 * 1.257 / 3 = 0.97
    assert told["near"] == "about 9 seeds instead of 4"
    assert told["never"].startswith("more than 100 seeds")
    assert told["alone"] == "more than one seed"
    small = judged().assign(limits=f"one seed; it is {EXCLUDES}, 2.0")
    told = lessons.lessons(small, lessons.OPEN).set_index("id")["what would settle it"]
    assert told["alone"] == f"more than one seed; the interval is {EXCLUDES}"


@pytest.mark.parametrize("half", [0.2, 0.5, 1.0, 3.0])
def test_the_fewest_seeds_that_are_enough(half):
    """Found again by a search over counts, from the deviation of the seeds themselves."""
    values = np.random.default_rng(0).normal(1.0, 1.3, 6)
    _, low, high, n = mean_t(values)

    def reach(count):
        return stats.t.ppf(0.975, count - 1) * values.std(ddof=1) / count**0.5

    count = 2
    while reach(count) > half:
        count += 1
    assert seeds_needed(low, high, n, half) == count


def test_as_many_seeds_as_there_are_reach_as_far_as_they_do():
    assert seeds_needed(-1.0, 1.0, 7, 1.0) == 7
