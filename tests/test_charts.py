"""The dot-and-interval chart: its artists are read back and compared with numbers worked out here."""

import math
from statistics import mean, stdev

import numpy as np
import pandas as pd
import pytest

from asglib.study import tables as results
from asglib.study.figures import METHOD_COLOURS, charts

T_2 = 4.302653  # 97.5 percent point of Student's t with 2 degrees of freedom, from a printed table
VALUES = {  # percent of seeds 0, 1, 2
    ("NONE", "order"): (60, 64, 62),
    ("NONE", "pattern"): (50, 50, 56),
    ("FT", "order"): (70, 71, 75),
    ("FT", "pattern"): (48, 55, 53),
    ("ASG", "order"): (80, 82, 81),
    ("ASG", "pattern"): (52, 51, 59),
}
TASKS = ("toy/pattern", "toy/order")


def record(method, task, seed, percent, frontend="linear", corpus="toy", setting="frozen"):
    """100 test clips of 20 groups, the first `percent` of them right."""
    return {
        "kind": "evaluation",
        "run": f"{method}-{task}-{seed}-{frontend}-{corpus}-{setting}",
        "profile": "small",
        "method": method,
        "frontend": frontend,
        "corpus": corpus,
        "data_set": "toy",
        "task": task,
        "setting": setting,
        "seed": seed,
        "metric": "accuracy",
        "value": None if percent is None else percent / 100,
        "undefined": None,
        "clips": [f"{n}.wav" for n in range(100)],
        "groups": [f"g{n % 20}" for n in range(100)],
        "correct": [int(n < percent) for n in range(100)] if percent is not None else [],
        "counts": {"train": 9, "test": 100},
    }


def study(**changes):
    """Records of VALUES; changes: {"FT-order": (...)} in its place, None for none of it."""
    values = {(m, t): changes.get(f"{m}-{t}".replace("-", "_"), v) for (m, t), v in VALUES.items()}
    return [record(m, t, seed, p) for (m, t), v in values.items() if v for seed, p in enumerate(v)]


def t_interval(values):
    half = T_2 * stdev(values) / math.sqrt(len(values))
    return mean(values) - half, mean(values) + half


def artists(fig, kind):
    """{(row, column): its line} of one kind, over all bands and panels."""
    lines = [
        line
        for axis in fig.get_axes()
        for line in axis.get_lines()
        if (line.get_gid() or "").startswith(f"{kind}|")
    ]
    return {tuple(line.get_gid().split("|")[1:]): line for line in lines}


def chart(records, rows=("NONE", "FT", "ASG"), tasks=TASKS, **options):
    cells, dots = charts.scores(results.frame(records), rows, tasks)
    return charts.dot_intervals({"ours": (cells, dots)}, "test clips right (%)", **options)


def x(line):
    return sorted(np.asarray(line.get_xdata(), dtype=float).tolist())


def test_every_seed_is_a_dot_at_its_value():
    dots = artists(chart(study()), "seeds")
    assert len(dots) == 3 * (len(TASKS) + 1)
    for (method, task), values in VALUES.items():
        assert x(dots[method, f"toy/{task}"]) == pytest.approx(sorted(values))
    average = [mean(pair) for pair in zip(VALUES["FT", "order"], VALUES["FT", "pattern"])]
    assert x(dots["FT", "average"]) == pytest.approx(sorted(average))


def test_intervals_end_at_the_t_limits_around_the_mean():
    fig = chart(study())
    intervals, marks = artists(fig, "interval"), artists(fig, "mean")
    for (method, task), values in VALUES.items():
        assert x(intervals[method, f"toy/{task}"]) == pytest.approx(t_interval(values), abs=1e-4)
        assert x(marks[method, f"toy/{task}"]) == pytest.approx([mean(values)])


def test_one_changed_record_moves_its_dot_and_no_other():
    before, after = (
        artists(chart(study(**change)), "seeds") for change in ({}, {"FT_order": (70, 71, 90)})
    )
    moved = {key for key in before if x(before[key]) != x(after[key])}
    assert moved == {("FT", "toy/order"), ("FT", "average")}
    assert x(after["FT", "toy/order"]) == pytest.approx([70, 71, 90])


def test_lines_stand_in_the_order_asked_for_from_the_top():
    order = ("ASG", "NONE", "FT")
    axes = chart(study(), order).get_axes()
    assert [axis.get_title(loc="left") for axis in axes] == [*TASKS, "average"]
    assert [label.get_text() for label in axes[0].get_yticklabels()] == list(order)
    assert axes[0].get_ylim()[0] > axes[0].get_ylim()[1]  # row 0 is on top
    marks = artists(chart(study(), order), "mean")
    assert [marks[method, "toy/order"].get_ydata()[0] for method in order] == [0, 1, 2]


def test_dots_lie_above_their_interval():
    fig = chart(study())
    for key, line in artists(fig, "seeds").items():
        assert all(
            y < artists(fig, "interval")[key].get_ydata()[0] for y in line.get_ydata()
        )  # the axis points down


def test_methods_have_their_own_colour_and_marker_whatever_the_label_adds():
    rows = {f"{method}, linear": {"method": method} for method in ("NONE", "FT", "ASG")}
    marks = artists(chart(study(), rows), "mean")
    looks = {
        row: (line.get_color(), line.get_marker())
        for (row, column), line in marks.items()
        if column == "average"
    }
    assert (
        len({colour for colour, _ in looks.values()})
        == len({marker for _, marker in looks.values()})
        == 3
    )
    assert looks["FT, linear"][0] == METHOD_COLOURS["FT"]


def luminance(colour):
    """Relative luminance of "#rrggbb" (WCAG 2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear))


def test_colours_stand_out_from_white_and_from_each_other():
    colours = [
        METHOD_COLOURS[method]
        for method in ("NONE", "ST", "FT", "SF", "FF", "ASG", "Sup.", "untrained")
    ]
    assert len(set(colours)) == len(colours)
    assert all(1.05 / (luminance(colour) + 0.05) > 2 for colour in colours)


def test_differences_are_paired_by_seed():
    frame = results.frame(study())
    cells, dots = charts.differences(frame, {"FT": ("FT", "NONE")}, TASKS)
    fig = charts.dot_intervals({"": (cells, dots)}, "points", zero=True)
    pairs = [a - b for a, b in zip(VALUES["FT", "order"], VALUES["NONE", "order"])]
    assert x(artists(fig, "seeds")["FT", "toy/order"]) == pytest.approx(sorted(pairs))
    assert x(artists(fig, "interval")["FT", "toy/order"]) == pytest.approx(
        t_interval(pairs), abs=1e-4
    )
    zeros = [
        line for axis in fig.get_axes() for line in axis.get_lines() if line.get_gid() == "zero"
    ]
    assert [line.get_xdata()[0] for line in zeros] == [0, 0, 0]
    other = charts.differences(frame, {"FT": ("NONE", "FT")}, TASKS)[0]
    assert list(other["mean"]) == pytest.approx([-value for value in cells["mean"]])


def test_the_average_of_differences_takes_the_tasks_that_both_have_and_says_so():
    frame = results.frame(study(FT_pattern=None))
    cells, dots = charts.differences(frame, {"FT": ("FT", "NONE")}, TASKS)
    text = cells.set_index("column")["text"]
    assert text["toy/pattern"] == "not tested" and text["average"].endswith("1 of 2 tasks")
    assert text["toy/order"] == text["average"].removesuffix(", 1 of 2 tasks")
    assert sorted(dots[dots["column"] == "average"]["value"]) == sorted(
        dots[dots["column"] == "toy/order"]["value"]
    )


def texts(fig):
    return {
        tuple(text.get_gid().split("|")[1:]): text.get_text()
        for axis in fig.get_axes()
        for text in axis.texts
        if (text.get_gid() or "").startswith("absent|")
    }


def test_what_is_not_there_is_said_and_not_drawn():
    fig = chart(study(FT_order=None))
    assert texts(fig) == {("FT", "toy/order"): "not tested", ("FT", "average"): "not tested"}
    assert ("FT", "toy/order") not in artists(fig, "interval") and not x(
        artists(fig, "seeds")["FT", "toy/order"]
    )
    empty = chart([])
    assert set(texts(empty).values()) == {"not tested"} and len(texts(empty)) == 9
    undefined = [
        r | {"value": None, "undefined": "no positives"}
        if r["method"] == "FT" and r["task"] == "order"
        else r
        for r in study()
    ]
    assert texts(chart(undefined))["FT", "toy/order"] == "undefined"


def test_a_lost_seed_is_counted_and_leaves_the_average():
    cells, dots = charts.scores(results.frame(study(FT_order=(70, 71))), ("NONE", "FT"), TASKS)
    text = cells.set_index(["row", "column"])["text"]
    assert (
        "(2 of 3)" in text["FT", "toy/order"]
        and "(2 of 3)" in text["FT", "average"]
        and "(3)" in text["NONE", "average"]
    )
    assert set(dots[(dots["row"] == "FT") & (dots["column"] == "average")]["seed"]) == {0, 1}


def test_one_seed_is_given_a_bootstrap_over_clips_and_the_caption_says_it():
    records = [r for r in study() if r["seed"] == 0]
    frame = results.frame(records)
    cells, dots = charts.scores(frame, ("NONE", "FT"), TASKS)
    low, high = x(
        artists(charts.dot_intervals({"": (cells, dots)}, ""), "interval")["FT", "toy/order"]
    )
    assert low < 70 < high and high - low < 40
    assert (
        charts.basis(cells, frame)
        == "n = 1 seed, 95 % bootstrap intervals over test clips, 100 test clips a task"
    )
    assert (
        charts.basis(charts.scores(results.frame(study()), ("NONE",), TASKS)[0])
        == "n = 3 seeds, 95 % t intervals over seeds"
    )


def test_rows_of_other_front_ends_and_corpora_are_told_apart():
    more = [record("NONE", "order", seed, 30 + seed, "mel") for seed in range(3)]
    more += [record("NONE", "order", seed, 10 + seed, corpus="toy-b") for seed in range(3)]
    rows = {
        "NONE": {"method": "NONE", "corpus": "toy"},
        "NONE, mel": {"method": "NONE", "frontend": "mel", "corpus": "toy"},
        "NONE, toy-b": {"method": "NONE", "corpus": "toy-b"},
    }
    cells, dots = charts.scores(results.frame(study() + more), rows, ("toy/order",))
    found = {
        row: sorted(part["value"])
        for row, part in dots[dots["column"] == "toy/order"].groupby("row")
    }
    assert found == {
        "NONE": pytest.approx([60, 62, 64]),
        "NONE, mel": pytest.approx([30, 31, 32]),
        "NONE, toy-b": pytest.approx([10, 11, 12]),
    }
    assert list(charts.wide(cells).index) == list(rows)
    with pytest.raises(results.ResultsError, match="name the corpus"):
        charts.scores(results.frame(study() + more), ("NONE",), ("toy/order",))


def test_the_papers_numbers_are_open_marks_without_interval():
    theirs = charts.printed(
        {"NONE": (4, "NONE"), "ASG": (2, "ASG"), "FT": None}, ("LS", "VC"), "frozen"
    )
    fig = charts.dot_intervals({"paper": (theirs, None)}, "")
    marks = artists(fig, "mean")
    assert x(marks["NONE", "LS"]) == [99.1] and x(marks["NONE", "average"]) == [
        70.0
    ]  # table 4 prints its average
    assert x(marks["ASG", "average"]) == pytest.approx([(100.0 + 39.0) / 2])  # table 2 prints none
    assert marks["NONE", "LS"].get_markerfacecolor() == "white" and not artists(fig, "interval")
    assert texts(fig)["FT", "LS"] == "not printed" and charts.wide(theirs).loc["FT", "VC"] == "–"
    with pytest.raises(Exception, match="Table 4 has no 'MS'"):
        charts.printed({"NONE": (4, "NONE")}, ("MS",), "frozen")


def test_bands_lie_below_each_other_with_their_own_rows_and_columns():
    frame = results.frame(study())
    bands = {
        "one": charts.scores(frame, ("NONE", "ASG"), TASKS),
        "other": charts.scores(frame, ("FT",), ("toy/order",)),
    }
    fig = charts.dot_intervals(bands, "percent", titles={"toy/order": "which first?"})
    assert [axis.get_title(loc="left") for axis in fig.get_axes()] == [
        "toy/pattern",
        "which first?",
        "average",
        "which first?",
        "average",
    ]
    assert [part.get_suptitle() for part in fig.subfigs] == list(bands)
    assert {row for row, _ in artists(fig, "mean")} == {"NONE", "ASG", "FT"}


def test_similarities_average_the_shifts_above_zero():
    one = {
        "method": "FF",
        "seed": 3,
        "shifts": [0.0, 0.1, 0.5],
        "curves": {"FT": [0.7], "FF": [0.2], "SF": [1.0, 0.4, 0.6], "ST": [1.0, 0.9, 0.7]},
    }
    found = charts.similarities([one, one | {"seed": 4, "method": "NONE"}])
    mine = found[found["row"] == "FF"].set_index("column")["value"]
    assert mine.to_dict() == pytest.approx({"FT": 0.7, "FF": 0.2, "SF": 0.5, "ST": 0.8})
    assert set(found["seed"]) == {3, 4} and len(found) == 8


def test_means_give_the_interval_over_seeds_and_none_to_one_seed():
    dots = pd.DataFrame(
        {"row": ["FT"] * 3 + ["FF"], "column": "s", "seed": [0, 1, 2, 0], "value": [10, 12, 17, 4]}
    )
    cells = charts.means(dots).set_index("row")
    assert (cells.loc["FT", "low"], cells.loc["FT", "high"]) == pytest.approx(
        t_interval([10, 12, 17]), abs=1e-4
    )
    assert cells.loc["FT", "text"].startswith("13.0 ± ") and cells.loc["FF", "text"] == "4.0 (1)"
    assert math.isnan(cells.loc["FF", "low"]) and cells.loc["FF", "mean"] == 4
    assert list(cells["unit"]) == ["seeds", ""]  # what a caption reads


def test_extremes_name_the_highest_and_the_lowest():
    cells = charts.scores(results.frame(study(ASG_pattern=None)), ("NONE", "FT", "ASG"), TASKS)[0]
    told = charts.extremes(cells)
    assert "toy/order: ASG highest at 81.0, NONE lowest at 62.0 percent" in told
    assert "toy/pattern: NONE highest at 52.0" in told or "toy/pattern: FT highest at 52.0" in told
    assert charts.extremes(cells[cells["mean"].isna()]).endswith("not tested")


def test_clear_names_the_intervals_that_leave_out_zero():
    cells = charts.differences(
        results.frame(study()), {m: (m, "NONE") for m in ("FT", "ASG")}, TASKS
    )[0]
    pairs = {
        m: [a - b for a, b in zip(VALUES[m, "order"], VALUES["NONE", "order"])]
        for m in ("FT", "ASG")
    }
    assert t_interval(pairs["FT"])[0] > 0 and t_interval(pairs["ASG"])[0] > 0
    assert charts.clear(cells) == (
        "2 of 4 intervals leave out zero; FT on toy/order +10.0; ASG on toy/order +19.0; "
        "by chance 0.2 would"
    )
