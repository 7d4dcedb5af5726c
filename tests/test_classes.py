"""Classes, maps and claims: what is drawn is read back and compared with numbers known here."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from asglib.study import classes, figures, neighbours, paper
from asglib.study.classes import ClassesError
from asglib.study.figures.results import VERDICTS, _in_words

CLASSES = ["dog", "rain", "clock"]


def record(predictions, labels=(0, 0, 0, 1, 1, 2), method="ASG", seed=0, **changes):
    return {
        "run": f"evaluate-{method}-{seed}",
        "method": method,
        "seed": seed,
        "metric": "accuracy",
        "classes": CLASSES,
        "labels": list(labels),
        "predictions": list(predictions),
        "average_precision": [],
    } | changes


def why(fig):
    """What a Figure without data says."""
    (axis,) = fig.axes
    assert not axis.axison
    return axis.texts[0].get_text()


# confusions


def test_a_confusion_is_counted_in_the_row_of_the_truth_and_summed_over_seeds():
    one, other = record([0, 0, 1, 1, 1, 2]), record([0, 1, 1, 1, 2, 2], seed=1)
    counts = classes.confusion([one, other])
    assert list(counts) == list(counts.index) == CLASSES
    assert counts.to_numpy().tolist() == [[3, 3, 0], [0, 3, 1], [0, 0, 2]]
    assert classes.confused([one, other]) == "dog taken for rain in 3 of 6 clips"


def test_nothing_confused_and_nothing_tested_are_told_apart():
    assert classes.confused([record([0, 0, 0, 1, 1, 2])]) == "no clip is confused"
    assert classes.confused([]) == classes.confused([record([], labels=[])]) == "not tested"


def test_records_with_different_classes_are_refused():
    with pytest.raises(ClassesError, match="evaluate-ASG-1 have different classes"):
        classes.confusion(
            [record([0] * 6), record([0] * 6, seed=1, classes=["dog", "clock", "rain"])]
        )


def test_the_drawn_matrix_is_the_share_of_each_true_class():
    fig = figures.confusion_matrices(
        {"A": [record([0, 0, 1, 1, 1, 2])], "B": [record([2, 2, 2, 1, 0, 2])]}
    )
    first, second = (axis.collections[0].get_array() for axis in fig.axes[:2])
    assert np.allclose(first, [[200 / 3, 100 / 3, 0], [0, 100, 0], [0, 0, 100]])
    assert np.allclose(second, [[0, 0, 100], [50, 50, 0], [0, 0, 100]])
    assert [axis.collections[0].get_clim() for axis in fig.axes[:2]] == [
        (0, 100)
    ] * 2  # panels can be compared
    assert [axis.get_title(loc="left") for axis in fig.axes[:2]] == ["A", "B"]
    assert [t.get_text() for t in fig.axes[0].texts] == [
        "67",
        "33",
        "0",
        "0",
        "100",
        "0",
        "0",
        "0",
        "100",
    ]
    assert [t.get_text() for t in fig.axes[0].get_yticklabels()] == CLASSES


def test_a_class_without_a_test_clip_is_an_empty_row_and_not_a_nan():
    fig = figures.confusion_matrices({"A": [record([0, 1], labels=[0, 0])]})
    assert fig.axes[0].collections[0].get_array().tolist() == [[50, 50, 0], [0, 0, 0], [0, 0, 0]]


def test_many_classes_get_neither_names_nor_numbers():
    names = [f"speaker {i}" for i in range(30)]
    fig = figures.confusion_matrices({"A": [record(range(30), labels=range(30), classes=names)]})
    assert not fig.axes[0].texts and "speaker 3" not in [
        t.get_text() for t in fig.axes[0].get_yticklabels()
    ]


@pytest.mark.parametrize("nothing", [{}, {"A": []}, {"A": [record([], labels=[], metric="mAP")]}])
def test_where_there_is_no_matrix_the_figure_says_why(nothing):
    assert (
        why(figures.confusion_matrices(nothing))
        == "no confusion matrix: no record with one prediction a clip"
    )


# gains by class


def pair():
    return [
        record([0, 0, 0, 1, 0, 2]),
        record([0, 0, 1, 1, 1, 2], seed=1),
        record([0, 0, 1, 0, 0, 2], method="NONE"),
        record([0, 0, 1, 1, 1, 1], method="NONE", seed=1),
        record([2] * 6, method="NONE", seed=2),
    ]


def test_gains_are_recalls_paired_by_seed_lowest_first():
    found = classes.gains(pair(), "ASG", "NONE")
    assert list(found) == [0, 1], "NONE's seed 2 has no partner"
    assert found.to_dict("index") == {
        "dog": {0: pytest.approx(100 / 3), 1: 0},
        "rain": {0: 50, 1: 0},
        "clock": {0: 0, 1: 100},
    }
    assert list(found.index) == ["dog", "rain", "clock"]
    assert np.allclose(classes.gains(pair(), "NONE", "ASG").loc["rain"], [-50, 0])


def test_with_several_labels_gains_are_average_precisions_and_undefined_classes_are_left_out():
    sides = [
        record([], labels=[], method=name, metric="mAP", average_precision=values)
        for name, values in (("ASG", [0.5, None, 0.25]), ("NONE", [0.25, None, 0.75]))
    ]
    assert classes.gains(sides, "ASG", "NONE")[0].to_dict() == {"clock": -50, "dog": 25}


def test_a_class_without_a_test_clip_has_no_gain():
    sides = [record([0, 1], labels=[0, 1], method=name) for name in ("ASG", "NONE")]
    assert list(classes.gains(sides, "ASG", "NONE").index) == ["dog", "rain"]


def test_the_drawn_gains_are_bars_of_means_and_a_dot_a_seed():
    found = classes.gains(pair(), "ASG", "NONE")
    fig = figures.class_gains(found, "ASG", "NONE")
    assert np.allclose([bar.get_width() for bar in fig.axes[0].patches], [100 / 6, 25, 50])
    spots = [spot for part in fig.axes[0].collections for spot in part.get_offsets().tolist()]
    wanted = [(100 / 3, 0), (0, 0), (50, 1), (0, 1), (0, 2), (100, 2)]
    assert np.allclose(sorted(spots), sorted(wanted))
    assert [t.get_text() for t in fig.axes[0].get_yticklabels()] == ["dog", "rain", "clock"]
    assert fig.axes[0].get_xlabel() == "ASG - NONE (points)"


def test_a_loss_has_the_colour_of_the_other_method():
    fig = figures.class_gains(pd.DataFrame({0: [-5.0, 5.0]}, index=["a", "b"]), "ASG", "NONE")
    palette = figures.looks(["NONE", "ASG"])["palette"]
    colours = [to_rgb(bar.get_facecolor()) for bar in fig.axes[0].patches]
    assert np.allclose(colours, [palette["NONE"], palette["ASG"]])


def test_of_many_classes_both_ends_are_shown():
    fig = figures.class_gains(
        pd.DataFrame({0: np.arange(100.0)}, index=[f"c{i}" for i in range(100)]),
        "ASG",
        "NONE",
        ends=2,
    )
    assert [t.get_text() for t in fig.axes[0].get_yticklabels()] == ["c0", "c1", "c98", "c99"]


def test_without_a_common_seed_the_figure_says_why():
    found = classes.gains([record([0] * 6), record([0] * 6, method="NONE", seed=1)], "ASG", "NONE")
    assert (
        why(figures.class_gains(found, "ASG", "NONE"))
        == "no gain by class: ASG and NONE have no seed in common"
    )


# maps


def test_a_map_shows_every_clip_in_the_look_of_its_class():
    points, labels = np.arange(12.0).reshape(6, 2), ["600 Hz", "1100 Hz"] * 3
    shares = np.array([0.5, 0.25]), np.array([0.4, 0.1])
    maps = {"untrained": (points, shares[0]), "ASG": (-points, shares[1])}
    fig = figures.embedding_maps(maps, labels, "t")
    legend = fig.legends[0]
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["600 Hz", "1100 Hz"], "numbers in a name are ordered as numbers"
    colours = dict(zip(names, [to_rgb(entry.get_color()) for entry in legend.legend_handles]))
    for axis, sign in zip(fig.axes, (1, -1)):
        (dots,) = (part for part in axis.collections if len(part.get_offsets()))
        assert np.allclose(dots.get_offsets(), sign * points)
        assert np.allclose(dots.get_facecolors()[:, :3], [colours[label] for label in labels])
        paths = [path.vertices.tobytes() for path in dots.get_paths()]
        assert len(set(paths)) == 2 and paths[0] == paths[2] != paths[1]
    assert "50 %" in fig.axes[0].get_xlabel() and "10 %" in fig.axes[1].get_ylabel()


def test_beyond_eight_classes_the_rarest_are_grey():
    labels = [f"c{i}" for i in range(10) for _ in range(12 - i)]
    points = np.random.default_rng(0).normal(size=(len(labels), 2))
    fig = figures.embedding_maps({"ASG": (points, np.array([0.5, 0.1]))}, labels, "t")
    texts = [text.get_text() for text in fig.legends[0].get_texts()]
    assert texts == [*(f"c{i}" for i in range(8)), "2 others"]
    (dots,) = fig.axes[0].collections
    looks = [
        (colour.tobytes(), path.vertices.tobytes())
        for colour, path in zip(dots.get_facecolors(), dots.get_paths())
    ]
    assert sum(look == looks[-1] for look in looks) == 4 + 3
    assert len(set(looks)) == len({marker for _, marker in looks}) == 9, "not by colour alone"


def test_separation_is_the_share_between_the_classes():
    labels = ["a", "a", "b", "b"]
    assert neighbours.separation([[0, 0], [0, 0], [1, 1], [1, 1]], labels) == pytest.approx(1)
    assert neighbours.separation([[0, 0], [1, 1], [0, 0], [1, 1]], labels) == pytest.approx(0)
    assert neighbours.separation([[0, 0], [2, 0], [4, 0], [6, 0]], labels) == pytest.approx(16 / 20)
    assert why(figures.embedding_maps({}, [], "t")) == "no map: no encoder on this task"


# claims


def scorecard():
    rows = [
        ("ft-none", "FT and SF gain 2.2% and 1.3%", 2.0, 1.0, 3.0, 2.2, "reproduced"),
        ("sf-none", "FT and SF gain 2.2% and 1.3%", -1.0, -2.0, 0.5, np.nan, "not reproduced"),
        ("all", "ASG is better " + "on this and that " * 9, 0.5, 0.0, 1.0, np.nan, "partly"),
        ("w2v", "it performs worse", np.nan, np.nan, np.nan, 11.6, "not tested"),
    ]
    columns = ["id", "claim", "mean", "low", "high", "stated", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def test_the_claims_chart_draws_measured_claims_with_interval_and_stated_size():
    (axis,) = figures.claims_chart(scorecard()).axes
    parts = {part.get_gid(): part for part in axis.collections}
    assert np.allclose(parts["mean"].get_offsets(), [(2, 0), (-1, 1), (0.5, 2)])
    ends = [[(1, 0), (3, 0)], [(-2, 1), (0.5, 1)], [(0, 2), (1, 2)]]
    assert np.allclose(parts["interval"].get_segments(), ends)
    stated = parts["stated"].get_offsets()
    assert stated[0].tolist() == [2.2, 0] and stated[1:, 0].mask.all()
    colours = [to_rgb(VERDICTS[word][0]) for word in ("reproduced", "not reproduced", "partly")]
    assert np.allclose(parts["mean"].get_facecolors()[:, :3], colours)
    assert np.allclose(parts["interval"].get_colors()[:, :3], colours)
    assert axis.get_ylim()[0] > axis.get_ylim()[1], "the first claim stands on top"


def test_claims_are_named_in_words_and_told_apart_where_they_share_a_sentence():
    (axis,) = figures.claims_chart(scorecard()).axes
    one, other, long = (label.get_text() for label in axis.get_yticklabels())
    assert one == "FT and SF gain 2.2% and 1.3% [ft-none]" and other.endswith("[sf-none]")
    assert long.endswith(" ...") and len(long.split("\n")) == 2


def test_the_label_of_every_real_claim_has_at_most_two_lines():
    claims = paper.read("asg").claims.rename(columns={"sentence": "claim"})
    labels = _in_words(claims)
    assert len(labels) > 40 and max(label.count("\n") for label in labels) == 1
    assert len(set(labels)) == len(labels)


def test_verdicts_differ_in_colour_and_marker_and_an_empty_scorecard_says_so():
    colours, markers = zip(*VERDICTS.values())
    assert len(set(colours)) == len(set(markers)) == 5
    assert why(figures.claims_chart(scorecard().tail(1))) == "no claim is measured"


def test_without_cells_or_curves_the_figure_says_why():
    nothing = pd.DataFrame(columns=["row", "column", "mean", "low", "high", "n", "unit", "note"])
    assert why(figures.dot_intervals({"frozen": (nothing, None)}, "points")) == "nothing is tested"
    assert why(figures.shift_curves([])) == "no encoder was asked what it notices of a move"
