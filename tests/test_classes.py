"""Classes and claims: what is drawn is read back and compared with numbers known here."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from asglib.study import classes, figures, paper
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
    assert classes.confused(counts) == "dog taken for rain in 3 of 6 clips"


def test_nothing_confused_and_nothing_tested_are_told_apart():
    right, empty = classes.confusion([record([0, 0, 0, 1, 1, 2])]), classes.confusion([])
    assert classes.confused(right) == "no clip is confused"
    assert classes.confusion([record([], labels=[])]).empty
    assert classes.confused(empty) == "not tested"


def test_records_with_different_classes_are_refused():
    with pytest.raises(ClassesError, match="evaluate-ASG-1 have different classes"):
        classes.confusion(
            [record([0] * 6), record([0] * 6, seed=1, classes=["dog", "clock", "rain"])]
        )


def test_shares_are_of_the_true_class_and_an_untested_class_is_an_empty_row_and_no_nan():
    counts = classes.confusion([record([0, 0, 1, 1, 1, 2])])
    assert np.allclose(classes.shares(counts), [[200 / 3, 100 / 3, 0], [0, 100, 0], [0, 0, 100]])
    lone = classes.confusion([record([0, 1], labels=[0, 0])])
    assert classes.shares(lone).to_numpy().tolist() == [[50, 50, 0], [0, 0, 0], [0, 0, 0]]


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


def test_without_cells_the_figure_says_why():
    nothing = pd.DataFrame(columns=["row", "column", "mean", "low", "high", "n", "unit", "note"])
    assert why(figures.dot_intervals({"frozen": (nothing, None)}, "points")) == "nothing is tested"
