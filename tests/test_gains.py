"""A difference with its two sources of chance, and against training length: made records."""

import numpy as np
import pytest
from made_records import TASKS, record, study

from asglib.study import figures, gains, tables
from asglib.study.comparison import over_clips
from asglib.study.records import evaluations

PAIR = ("ASG", "NONE")


def clips(right, method, seed, key="fsdd/digit"):
    """40 clips of 8 speakers with five clips each, of which all of the first `right` are known."""
    return record(method, 5 * right, key, seed)


def test_seeds_that_agree_still_leave_the_chance_of_the_clips():
    rows = [
        clips(right, method, seed) for method, right in (("ASG", 6), ("NONE", 4)) for seed in (0, 1)
    ]
    found = gains.two_intervals(evaluations(rows), PAIR, ["fsdd/digit"])
    line = found.loc["fsdd/digit"]
    assert (line["points"], line["95 % over seeds"], line["seeds"]) == (
        "+25.0",
        "[+25.0, +25.0]",
        2,
    )
    # Of 8 speakers 2 gain, each with a whole: 0 to 5 of 8 in 95 of 100 draws (binomial, p = 1/4).
    assert line["95 % over test clips"] in ("[+0.0, +50.0]", "[+0.0, +62.5]")
    told = gains.in_words(found)
    assert told.startswith("+25.0, [+25.0, +25.0] over seeds and [+0.0,") and "(2 seeds)" in told


def test_a_clip_counts_with_its_mean_over_the_seeds():
    """What one seed gains on a clip and another loses there is no chance of the clips."""
    gain, loss = ([1] * 20 + [0] * 20, [0] * 20 + [1] * 20)
    rows = [record("ASG", 20, seed=seed) | {"correct": c} for seed, c in enumerate((gain, loss))]
    rows += [record("NONE", 0, seed=seed) for seed in (0, 1)]
    cell = over_clips(evaluations(rows), *PAIR, ["fsdd/digit"])["fsdd/digit"]
    assert (cell.mean, cell.low, cell.high, cell.n, cell.groups) == (50, 50, 50, 2, 8)


def test_a_task_without_clips_has_no_interval_over_clips_and_neither_has_the_average():
    rows = [clips(r, m, s) for m, r in (("ASG", 6), ("NONE", 4)) for s in (0, 1)]
    rows += study(["fsdd/speaker"], ASG=[0.5, 0.6], NONE=[0.5, 0.5])
    found = gains.two_intervals(evaluations(rows), PAIR, TASKS)
    assert found["95 % over test clips"]["fsdd/digit"] != "–"
    assert found.loc[["fsdd/speaker", "average"], "95 % over test clips"].tolist() == ["–", "–"]
    empty = gains.two_intervals(evaluations(rows), ("FT", "NONE"), TASKS)
    assert set(empty["points"]) == {"not tested"} and gains.in_words(empty) == "not tested"
    one = gains.two_intervals(
        evaluations([clips(6, "ASG", 0), clips(4, "NONE", 0)]), PAIR, TASKS[:1]
    )
    assert gains.in_words(one).startswith("+25.0, [") and gains.in_words(one).endswith("(1 seed)")


def lengths():
    """ASG gains 2 and 4 points after 6 epochs, 6 and 10 after 24; FT is no part of the pair."""
    points = {6: [(0.52, 0.5), (0.54, 0.5)], 24: [(0.56, 0.5), (0.6, 0.5)]}
    rows = [
        record(method, value, key, seed, epochs=epochs, run=f"{method}{key}{seed}{epochs}")
        for epochs, seeds in points.items()
        for seed, values in enumerate(seeds)
        for method, value in zip(PAIR, values)
        for key in TASKS
    ]
    return [*rows, record("FT", 0.9, TASKS[0], epochs=6), {"kind": "pretraining"}]


def test_the_gain_against_training_length_is_paired_by_seed_and_length():
    dots = gains.by_length(lengths(), PAIR, TASKS)
    assert set(dots["row"]) == {"ASG - NONE"} and set(dots["column"]) == {*TASKS, "average"}
    average = dots[dots["column"] == "average"].set_index(["x", "seed"])["value"]
    assert average.to_dict() == pytest.approx({(6, 0): 2, (6, 1): 4, (24, 0): 6, (24, 1): 10})
    axis = figures.curves(dots, "epochs", "points", zero=True).axes[-1]
    assert axis.get_title("left") == "average"
    assert np.allclose(axis.lines[0].get_xydata(), [(6, 3), (24, 8)])
    told = gains.on_average(dots).set_index("column")["text"]
    # t of one degree of freedom is 12.706; two seeds two points apart have a standard error of 1
    assert told.to_dict() == {6: "+3.0 ± 12.7 (2)", 24: "+8.0 ± 25.4 (2)"}
    assert gains.by_length([], PAIR, TASKS).empty and gains.on_average(dots[:0]).empty


def test_encoders_on_their_way_stand_in_no_table_of_finished_ones():
    """They are marked: without it 6 epochs and 24 of one seed would be one cell twice."""
    rows = [r | {"after": 6} if r.get("epochs") == 6 else r for r in lengths()]
    assert set(evaluations(rows)["epochs"]) == {24}
    dots = gains.by_length(rows, PAIR, TASKS)
    assert sorted(set(dots["x"])) == [6, 24]


def test_the_rule_of_seeds_reads_the_width_alone():
    """Deviation 1.5 of 8 seeds: t = 2.365, half 1.254, n = (2.365 * 1.5)^2 = 12.6, so 13."""
    values = np.array([-1.0, 1.0] * 4) * 1.5 * np.sqrt(7 / 8)

    def told(shift, count=8):
        rows = []
        for seed, value in enumerate(values[:count]):
            rows += [record("ASG", 0.5 + (value + shift) / 100, TASKS[0], seed)]
            rows += [record("NONE", 0.5, TASKS[0], seed)]
        cells, _ = tables.differences(evaluations(rows), {"d": PAIR}, TASKS[:1])
        return gains.planned(cells, "d")

    assert (
        told(0)
        == told(9)
        == "8 seeds give ± 1.25 points on average; by the rule of D56 13 are needed"
    )
    assert told(0, 4).endswith("the rule of D56 begins with 8")
    assert told(0, 1).startswith("1 of the 8 seeds")
    values = values / 2
    assert told(3).endswith("by the rule of D56 8 are enough")


def test_an_average_over_fewer_tasks_says_so():
    rows = [clips(r, m, s) for m, r in (("ASG", 6), ("NONE", 4)) for s in (0, 1)]
    found = gains.two_intervals(evaluations(rows), PAIR, TASKS)
    assert found.loc["average", "points"] == "+25.0, 1 of 2 tasks"
    assert gains.in_words(found).startswith("+25.0, 1 of 2 tasks, [")
    cells, _ = tables.differences(evaluations(rows), {"ASG - NONE": PAIR}, TASKS)
    assert tables.of_all_tasks(cells).isna().all()
    cells, _ = tables.differences(evaluations(rows), {"ASG - NONE": PAIR}, TASKS[:1])
    assert tables.of_all_tasks(cells).tolist() == [25]
