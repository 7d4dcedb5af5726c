"""The panels of notebooks 08 and 09: what is drawn is read back from the Figure and compared with numbers known here."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from asglib.study.figures import METHOD_COLOURS, panels
from asglib.study.figures.panels import PanelError

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


def artists(fig):
    """By gid, every line of the only axis."""
    return {line.get_gid(): line for line in fig.axes[0].lines if line.get_gid()}


def why(fig):
    """What a Figure without axes says."""
    return (
        None if fig.axes else next(text.get_text() for text in fig.texts if text.get_gid() == "why")
    )


# confusions


def test_a_confusion_is_counted_in_the_row_of_the_truth_and_summed_over_seeds():
    one, other = record([0, 0, 1, 1, 1, 2]), record([0, 1, 1, 1, 2, 2], seed=1)
    counts, classes = panels.confusion([one, other])
    assert classes == CLASSES and counts.tolist() == [[3, 3, 0], [0, 3, 1], [0, 0, 2]]
    assert panels.confused([one, other]) == "dog taken for rain in 3 of 6 clips"


def test_nothing_confused_and_nothing_tested_are_told_apart():
    assert panels.confused([record([0, 0, 0, 1, 1, 2])]) == "no clip is confused"
    assert panels.confused([]) == panels.confused([record([], labels=[])]) == "not tested"


def test_records_with_different_classes_are_refused():
    with pytest.raises(PanelError, match="evaluate-ASG-1 have different classes"):
        panels.confusion(
            [record([0] * 6), record([0] * 6, seed=1, classes=["dog", "clock", "rain"])]
        )


def test_the_drawn_matrix_is_the_share_of_each_true_class():
    fig = panels.confusion_matrices(
        {"A": [record([0, 0, 1, 1, 1, 2])], "B": [record([2, 2, 2, 1, 0, 2])]}
    )
    first, second = (axis.images[0].get_array() for axis in fig.axes[:2])
    assert np.allclose(first, [[200 / 3, 100 / 3, 0], [0, 100, 0], [0, 0, 100]])
    assert np.allclose(second, [[0, 0, 100], [50, 50, 0], [0, 0, 100]])
    assert [axis.images[0].get_clim() for axis in fig.axes[:2]] == [
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
    fig = panels.confusion_matrices({"A": [record([0, 1], labels=[0, 0])]})
    assert fig.axes[0].images[0].get_array().tolist() == [[50, 50, 0], [0, 0, 0], [0, 0, 0]]


def test_many_classes_get_neither_names_nor_numbers():
    classes = [f"speaker {i}" for i in range(30)]
    fig = panels.confusion_matrices({"A": [record(range(30), labels=range(30), classes=classes)]})
    assert not fig.axes[0].texts and "speaker 3" not in [
        t.get_text() for t in fig.axes[0].get_yticklabels()
    ]


@pytest.mark.parametrize("nothing", [{}, {"A": []}, {"A": [record([], labels=[], metric="mAP")]}])
def test_where_there_is_no_matrix_the_figure_says_why(nothing):
    assert (
        why(panels.confusion_matrices(nothing))
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
    found = panels.gains(pair(), "ASG", "NONE")
    assert list(found) == [0, 1], "NONE's seed 2 has no partner"
    assert found.to_dict("index") == {
        "dog": {0: pytest.approx(100 / 3), 1: 0},
        "rain": {0: 50, 1: 0},
        "clock": {0: 0, 1: 100},
    }
    assert list(found.index) == ["dog", "rain", "clock"]
    assert np.allclose(panels.gains(pair(), "NONE", "ASG").loc["rain"], [-50, 0])


def test_with_several_labels_gains_are_average_precisions_and_undefined_classes_are_left_out():
    sides = [
        record([], labels=[], method=name, metric="mAP", average_precision=values)
        for name, values in (("ASG", [0.5, None, 0.25]), ("NONE", [0.25, None, 0.75]))
    ]
    assert panels.gains(sides, "ASG", "NONE")[0].to_dict() == {"clock": -50, "dog": 25}


def test_a_class_without_a_test_clip_has_no_gain():
    sides = [record([0, 1], labels=[0, 1], method=name) for name in ("ASG", "NONE")]
    assert list(panels.gains(sides, "ASG", "NONE").index) == ["dog", "rain"]


def test_the_drawn_gains_are_bars_of_means_and_a_dot_a_seed():
    found = panels.gains(pair(), "ASG", "NONE")
    fig = panels.class_gains(found, "ASG", "NONE")
    assert np.allclose([bar.get_width() for bar in fig.axes[0].patches], [100 / 6, 25, 50])
    dots = artists(fig)
    assert np.allclose(dots["seed 0"].get_xdata(), [100 / 3, 50, 0]) and np.allclose(
        dots["seed 1"].get_xdata(), [0, 0, 100]
    )
    assert [t.get_text() for t in fig.axes[0].get_yticklabels()] == ["dog", "rain", "clock"]
    assert fig.axes[0].get_xlabel() == "ASG less NONE (points)"


def test_a_loss_has_the_colour_of_the_other_method():
    fig = panels.class_gains(pd.DataFrame({0: [-5.0, 5.0]}, index=["a", "b"]), "ASG", "NONE")
    assert [to_hex(bar.get_facecolor()).upper() for bar in fig.axes[0].patches] == [
        METHOD_COLOURS["NONE"],
        METHOD_COLOURS["ASG"],
    ]


def test_of_many_classes_both_ends_are_shown():
    fig = panels.class_gains(
        pd.DataFrame({0: np.arange(100.0)}, index=[f"c{i}" for i in range(100)]),
        "ASG",
        "NONE",
        ends=2,
    )
    assert [t.get_text() for t in fig.axes[0].get_yticklabels()] == ["c0", "c1", "c98", "c99"]


def test_without_a_common_seed_the_figure_says_why():
    found = panels.gains([record([0] * 6), record([0] * 6, method="NONE", seed=1)], "ASG", "NONE")
    assert (
        why(panels.class_gains(found, "ASG", "NONE"))
        == "no gain by class: ASG and NONE have no seed in common"
    )


# maps


def test_a_map_shows_every_clip_once_in_its_class():
    points, labels = np.arange(12.0).reshape(6, 2), ["600 Hz", "1100 Hz"] * 3
    fig = panels.embedding_maps(
        {"untrained": (points, np.array([0.5, 0.25])), "ASG": (-points, np.array([0.4, 0.1]))},
        labels,
        "t",
    )
    first = {line.get_gid(): line.get_xydata().tolist() for line in fig.axes[0].lines}
    assert first == {"600 Hz": points[::2].tolist(), "1100 Hz": points[1::2].tolist()}
    assert list(first) == ["600 Hz", "1100 Hz"], "numbers in a name are ordered as numbers"
    assert fig.axes[1].lines[0].get_xydata().tolist() == (-points[::2]).tolist()
    assert "50 %" in fig.axes[0].get_xlabel() and "10 %" in fig.axes[1].get_ylabel()


def test_beyond_eight_classes_the_rarest_are_grey():
    labels = [f"c{i}" for i in range(10) for _ in range(12 - i)]
    fig = panels.embedding_maps(
        {"ASG": (np.random.default_rng(0).normal(size=(len(labels), 2)), np.array([0.5, 0.1]))},
        labels,
        "t",
    )
    drawn = {line.get_gid(): len(line.get_xdata()) for line in fig.axes[0].lines}
    assert drawn == {"others": 4 + 3} | {f"c{i}": 12 - i for i in range(8)}
    looks = [(line.get_color(), line.get_marker()) for line in fig.axes[0].lines]
    assert len(set(looks)) == 9 and len({marker for _, marker in looks}) == 9, (
        "classes differ in more than colour"
    )


def test_separation_is_the_share_between_the_classes():
    labels = ["a", "a", "b", "b"]
    assert panels.separation([[0, 0], [0, 0], [1, 1], [1, 1]], labels) == pytest.approx(1)
    assert panels.separation([[0, 0], [1, 1], [0, 0], [1, 1]], labels) == pytest.approx(0)
    assert panels.separation([[0, 0], [2, 0], [4, 0], [6, 0]], labels) == pytest.approx(16 / 20)
    assert why(panels.embedding_maps({}, [], "t")) == "no map: no encoder on this task"


# claims


def card():
    return pd.DataFrame(
        [
            ("ft-none", 2.0, 1.0, 3.0, 2.2, "reproduced"),
            ("st", -1.0, -2.0, 0.5, np.nan, "not reproduced"),
            ("w2v", np.nan, np.nan, np.nan, 11.6, "not tested"),
        ],
        columns=["id", "mean", "low", "high", "stated", "verdict"],
    )


def test_the_claims_chart_draws_measured_claims_only_with_interval_and_stated_size():
    fig = panels.claims_chart(card())
    lines = artists(fig)
    assert set(lines) == {
        f"{kind}|{name}" for kind in ("interval", "mean", "paper") for name in ("ft-none", "st")
    }
    assert list(lines["interval|ft-none"].get_xdata()) == [1, 3] and list(
        lines["mean|ft-none"].get_xdata()
    ) == [2]
    assert list(lines["paper|ft-none"].get_xdata()) == [2.2] and np.isnan(
        lines["paper|st"].get_xdata()[0]
    )
    assert lines["mean|st"].get_color() == panels.VERDICTS["not reproduced"][0]
    places = [lines[f"mean|{name}"].get_ydata()[0] for name in ("ft-none", "st")]
    assert [fig.axes[0].get_yticklabels()[place].get_text() for place in places] == [
        "ft-none",
        "st",
    ]
    assert fig.axes[0].get_ylim()[0] > fig.axes[0].get_ylim()[1], "the first claim stands on top"


def test_verdicts_differ_in_colour_and_marker_and_an_empty_card_says_so():
    assert (
        len({colour for colour, _ in panels.VERDICTS.values()})
        == len({m for _, m in panels.VERDICTS.values()})
        == 5
    )
    assert why(panels.claims_chart(card().tail(1))) == "no claim is measured"
