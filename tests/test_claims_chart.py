"""The chart of claims: what is drawn is read back and compared with numbers known here."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb

from asglib.study import figures, paper, report
from asglib.study.figures.results import VERDICTS, _in_words


def why(fig):
    """What a Figure without data says."""
    (axis,) = fig.axes
    assert not axis.axison
    return axis.texts[0].get_text()


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
    assert np.allclose(axis.get_yticks(), [-0.16, 0.84, 1.84]), "a claim stands above its line"
    assert {label.get_ha() for label in axis.get_yticklabels()} == {"left"}


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


def test_the_bar_of_verdicts_has_the_colours_of_the_chart():
    css = (Path(report.__file__).parent / "template" / "style.css").read_text()
    for word in ("reproduced", "partly", "inconclusive", "not reproduced"):
        (found,) = re.findall(rf"\.key\.{word.replace(' ', '-')} {{ background: (#\w+)", css)
        assert found.upper() == VERDICTS[word][0], word


def test_verdicts_differ_in_colour_and_marker_and_an_empty_scorecard_says_so():
    colours, markers = zip(*VERDICTS.values())
    assert len(set(colours)) == len(set(markers)) == 5
    assert why(figures.claims_chart(scorecard().tail(1))) == "no claim is measured"


def test_without_cells_the_figure_says_why():
    nothing = pd.DataFrame(columns=["row", "column", "mean", "low", "high", "n", "unit", "note"])
    assert why(figures.dot_intervals({"frozen": (nothing, None)}, "points")) == "nothing is tested"
