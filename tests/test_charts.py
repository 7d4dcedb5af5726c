"""Scores, differences and their chart: what is drawn is compared with numbers worked out here."""

import math
from statistics import mean, stdev

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from asglib.study import figures
from asglib.study import tables as results
from asglib.study.profiles import PAPER
from asglib.study.records import ResultsError, evaluations

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
        "encoder": "tiny",
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


def bands_of(fig):
    """(an axis, the names of its rows from the top), over all bands and panels."""
    for band in fig.subfigs:
        names = [label.get_text() for label in band.axes[0].get_yticklabels()]
        for axis in band.axes:
            yield axis, names


def spots(fig, kind):
    """{(row, column): x of each mark} of one kind: "interval", "mean" or "seeds"."""
    found = {}
    for axis, names in bands_of(fig):
        for part in axis.collections:
            if part.get_gid() == kind == "interval":
                ends = [end for segment in part.get_segments() for end in segment]
            else:
                ends = part.get_offsets() if part.get_gid() == kind else []
            for x, y in ends:
                key = names[round(y)], axis.get_title(loc="left")
                found.setdefault(key, []).append(float(x))
    return {key: sorted(values) for key, values in found.items()}


def chart(records, rows=("NONE", "FT", "ASG"), tasks=TASKS, **options):
    cells, dots = results.scores(evaluations(records), rows, tasks)
    return figures.dot_intervals({"ours": (cells, dots)}, "test clips right (%)", **options)


def test_every_seed_is_a_dot_at_its_value():
    dots = spots(chart(study()), "seeds")
    assert len(dots) == 3 * (len(TASKS) + 1)
    for (method, task), values in VALUES.items():
        assert dots[method, f"toy/{task}"] == pytest.approx(sorted(values))
    average = [mean(pair) for pair in zip(VALUES["FT", "order"], VALUES["FT", "pattern"])]
    assert dots["FT", "average"] == pytest.approx(sorted(average))


def test_intervals_end_at_the_t_limits_around_the_mean():
    fig = chart(study())
    intervals, means = spots(fig, "interval"), spots(fig, "mean")
    for (method, task), values in VALUES.items():
        assert intervals[method, f"toy/{task}"] == pytest.approx(t_interval(values), abs=1e-4)
        assert means[method, f"toy/{task}"] == pytest.approx([mean(values)])


def test_one_changed_record_moves_its_dot_and_no_other():
    before, after = (
        spots(chart(study(**change)), "seeds") for change in ({}, {"FT_order": (70, 71, 90)})
    )
    moved = {key for key in before if before[key] != after[key]}
    assert moved == {("FT", "toy/order"), ("FT", "average")}
    assert after["FT", "toy/order"] == pytest.approx([70, 71, 90])


def test_lines_stand_in_the_order_asked_for_from_the_top():
    order = ("ASG", "NONE", "FT")
    axes = chart(study(), order).get_axes()
    assert [axis.get_title(loc="left") for axis in axes] == ["average", *TASKS]
    assert [label.get_text() for label in axes[0].get_yticklabels()] == list(order)
    assert axes[0].get_ylim()[0] > axes[0].get_ylim()[1]  # row 0 is on top
    (average,) = (part for part in axes[0].collections if part.get_gid() == "mean")
    scores = [mean(VALUES[method, "order"] + VALUES[method, "pattern"]) for method in order]
    assert np.allclose(average.get_offsets(), list(zip(scores, (0, 1, 2))))


def test_dots_lie_above_their_interval():
    for axis in chart(study()).get_axes():
        parts = {part.get_gid(): part for part in axis.collections}
        seeds = parts["seeds"].get_offsets()[:, 1].reshape(3, -1)
        for segment, heights in zip(parts["interval"].get_segments(), seeds):
            assert all(0.2 < y - height < 0.4 for y in segment[:, 1] for height in heights)


def test_a_row_has_the_colour_and_marker_of_its_system_in_all_that_is_drawn_of_it():
    rows = {f"{method}, linear": {"method": method} for method in ("NONE", "FT", "ASG")}
    palette = figures.looks(rows)["palette"]
    (axis, *_) = chart(study(), rows).get_axes()
    parts = {part.get_gid(): part for part in axis.collections}
    colours = [to_rgb(palette[row]) for row in rows]
    assert np.allclose(parts["interval"].get_colors()[:, :3], colours)
    assert np.allclose(parts["mean"].get_facecolors()[:, :3], colours)
    assert np.allclose(parts["seeds"].get_facecolors()[:, :3], np.repeat(colours, 3, axis=0))
    paths = [path.vertices.tobytes() for path in parts["mean"].get_paths()]
    assert len(set(paths)) == 3


def test_differences_are_paired_by_seed():
    frame = evaluations(study())
    cells, dots = results.differences(frame, {"FT": ("FT", "NONE")}, TASKS)
    fig = figures.dot_intervals({"": (cells, dots)}, "points", zero=True)
    pairs = [a - b for a, b in zip(VALUES["FT", "order"], VALUES["NONE", "order"])]
    assert spots(fig, "seeds")["FT", "toy/order"] == pytest.approx(sorted(pairs))
    assert spots(fig, "interval")["FT", "toy/order"] == pytest.approx(t_interval(pairs), abs=1e-4)
    zeros = [line for axis in fig.get_axes() for line in axis.get_lines()]
    assert [line.get_xdata()[0] for line in zeros] == [0, 0, 0]
    average, *tasks = (axis.get_xlim() for axis in fig.get_axes())
    assert tasks[0] == tasks[1], "tasks have one scale"
    assert average[1] - average[0] < 0.8 * (tasks[0][1] - tasks[0][0]), "the average has its own"
    assert fig.subfigs[0].get_supxlabel().startswith("points; the average")
    other = results.differences(frame, {"FT": ("NONE", "FT")}, TASKS)[0]
    assert list(other["mean"]) == pytest.approx([-value for value in cells["mean"]])


def test_the_average_of_differences_takes_the_tasks_that_both_have_and_says_so():
    frame = evaluations(study(FT_pattern=None))
    cells, dots = results.differences(frame, {"FT": ("FT", "NONE")}, TASKS)
    text = cells.set_index("column")["text"]
    assert text["toy/pattern"] == "not tested" and text["average"].endswith("1 of 2 tasks")
    assert text["toy/order"] == text["average"].removesuffix(", 1 of 2 tasks")
    assert sorted(dots[dots["column"] == "average"]["value"]) == sorted(
        dots[dots["column"] == "toy/order"]["value"]
    )


def texts(fig):
    """{(row, column): what is said there}."""
    return {
        (names[round(text.get_position()[1])], axis.get_title(loc="left")): text.get_text()
        for axis, names in bands_of(fig)
        for text in axis.texts
    }


def test_what_is_not_there_is_said_and_not_drawn():
    fig = chart(study(FT_order=None))
    assert texts(fig) == {("FT", "toy/order"): "not tested", ("FT", "average"): "not tested"}
    assert ("FT", "toy/order") not in spots(fig, "interval") | spots(fig, "seeds")
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
    cells, dots = results.scores(evaluations(study(FT_order=(70, 71))), ("NONE", "FT"), TASKS)
    text = cells.set_index(["row", "column"])["text"]
    assert (
        "(2 of 3)" in text["FT", "toy/order"]
        and "(2 of 3)" in text["FT", "average"]
        and "(3)" in text["NONE", "average"]
    )
    assert set(dots[(dots["row"] == "FT") & (dots["column"] == "average")]["seed"]) == {0, 1}


def test_one_seed_is_given_a_bootstrap_over_clips_and_the_caption_says_it():
    records = [r for r in study() if r["seed"] == 0]
    frame = evaluations(records)
    cells, dots = results.scores(frame, ("NONE", "FT"), TASKS)
    fig = figures.dot_intervals({"": (cells, dots)}, "")
    low, high = spots(fig, "interval")["FT", "toy/order"]
    assert low < 70 < high and high - low < 40
    assert (
        results.basis(cells, frame)
        == "n = 1 seed, 95 % bootstrap intervals over test clips, 100 test clips a task"
    )
    assert (
        results.basis(results.scores(evaluations(study()), ("NONE",), TASKS)[0])
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
    cells, dots = results.scores(evaluations(study() + more), rows, ("toy/order",))
    found = {
        row: sorted(part["value"])
        for row, part in dots[dots["column"] == "toy/order"].groupby("row")
    }
    assert found == {
        "NONE": pytest.approx([60, 62, 64]),
        "NONE, mel": pytest.approx([30, 31, 32]),
        "NONE, toy-b": pytest.approx([10, 11, 12]),
    }
    assert list(results.wide(cells).index) == list(rows)
    with pytest.raises(ResultsError, match="name the corpus"):
        results.scores(evaluations(study() + more), ("NONE",), ("toy/order",))


def test_the_papers_numbers_are_open_marks_without_interval():
    theirs = results.printed(
        {"NONE": (4, "NONE"), "ASG": (2, "ASG"), "FT": None}, ("LS", "VC"), "frozen"
    )
    fig = figures.dot_intervals({"paper": (theirs, None)}, "")
    means = spots(fig, "mean")
    assert means["NONE", "LS"] == [99.1] and means["NONE", "average"] == [
        70.0
    ]  # table 4 prints its average
    assert means["ASG", "average"] == pytest.approx([(100.0 + 39.0) / 2])  # table 2 prints none
    (points, *_) = (part for part in fig.get_axes()[0].collections if part.get_gid() == "mean")
    assert np.allclose(points.get_facecolors(), 1) and not spots(fig, "interval")
    assert to_rgb(points.get_edgecolors()[0]) == figures.looks(["NONE"])["palette"]["NONE"]
    assert texts(fig)["FT", "LS"] == "not printed" and results.wide(theirs).loc["FT", "VC"] == "–"
    with pytest.raises(Exception, match="Table 4 has no 'MS'"):
        results.printed({"NONE": (4, "NONE")}, ("MS",), "frozen")


def test_bands_lie_below_each_other_with_their_own_rows_and_columns():
    frame = evaluations(study())
    bands = {
        "one": results.scores(frame, ("NONE", "ASG"), TASKS),
        "other": results.scores(frame, ("FT",), ("toy/order",)),
    }
    fig = figures.dot_intervals(bands, "percent")
    assert [axis.get_title(loc="left") for axis in fig.get_axes()] == [
        "average",
        "toy/pattern",
        "toy/order",
        "average",
        "toy/order",
    ]
    assert [part.get_suptitle() for part in fig.subfigs] == list(bands)
    assert {row for row, _ in spots(fig, "mean")} == {"NONE", "ASG", "FT"}


def test_the_names_of_many_tasks_do_not_lie_upon_each_other():
    """The six of Audio2Vec's paper, beside the longest names of systems in its report."""
    tasks = PAPER.tasks_of("audio2vec")
    rows = ["TemporalGap, LibriSpeech - TemporalGap", "SG, LibriSpeech - SG"]
    cells = pd.DataFrame([{"row": r, "column": c} for r in rows for c in (*tasks, "average")])
    cells = cells.assign(mean=1.0, low=0.0, high=2.0, n=3, unit="seeds", note="", text="")
    fig = figures.dot_intervals({"LibriSpeech": (cells, None)}, "points", zero=True)
    fig.draw_without_rendering()
    boxes = [axis._left_title.get_window_extent() for axis in fig.get_axes()]
    assert len(boxes) == 7
    assert all(a.x1 < b.x0 for a, b in zip(boxes, boxes[1:]))
    titles = [axis.get_title(loc="left").replace("\n", "") for axis in fig.get_axes()]
    assert titles == ["average", *tasks]


def test_similarities_average_the_shifts_above_zero():
    one = {
        "method": "FF",
        "seed": 3,
        "shifts": [0.0, 0.1, 0.5],
        "curves": {"FT": [0.7], "FF": [0.2], "SF": [1.0, 0.4, 0.6], "ST": [1.0, 0.9, 0.7]},
    }
    found = results.similarities([one, one | {"seed": 4, "method": "NONE"}])
    assert set(found["seed"]) == {3, 4} and len(found) == 2 * (1 + 1 + 3 + 3)
    assert found.loc[found["column"] == "SF", "x"].tolist() == [0, 10, 50] * 2
    assert found.loc[found["column"] == "FT", "x"].isna().all(), "a flip has no length"
    mine = results.means(found[(found["x"] != 0) & (found["row"] == "FF")]).set_index("column")
    assert mine["mean"].to_dict() == pytest.approx({"FT": 0.7, "FF": 0.2, "SF": 0.5, "ST": 0.8})


def test_means_give_the_interval_over_seeds_and_none_to_one_seed():
    dots = pd.DataFrame(
        {"row": ["FT"] * 3 + ["FF"], "column": "s", "seed": [0, 1, 2, 0], "value": [10, 12, 17, 4]}
    )
    cells = results.means(dots).set_index("row")
    assert (cells.loc["FT", "low"], cells.loc["FT", "high"]) == pytest.approx(
        t_interval([10, 12, 17]), abs=1e-4
    )
    assert cells.loc["FT", "text"].startswith("13.0 ± ") and cells.loc["FF", "text"] == "4.0 (1)"
    assert math.isnan(cells.loc["FF", "low"]) and cells.loc["FF", "mean"] == 4
    assert list(cells["unit"]) == ["seeds", ""]  # what a caption reads


def test_clear_names_the_intervals_that_leave_out_zero():
    cells = results.differences(
        evaluations(study()), {m: (m, "NONE") for m in ("FT", "ASG")}, TASKS
    )[0]
    pairs = {
        m: [a - b for a, b in zip(VALUES[m, "order"], VALUES["NONE", "order"])]
        for m in ("FT", "ASG")
    }
    assert t_interval(pairs["FT"])[0] > 0 and t_interval(pairs["ASG"])[0] > 0
    assert results.clear(cells) == (
        "2 of 4 intervals leave out zero (about 0.2 would if nothing differed): "
        "ASG on toy/order +19.0; FT on toy/order +10.0"
    )
