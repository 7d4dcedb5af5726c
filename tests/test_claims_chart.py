"""The chart of claims: what is drawn is read back and compared with numbers known here."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb

from asglib.study import figures, report
from asglib.study.figures.results import LETTERS, VERDICTS


def why(fig):
    """What a Figure without data says."""
    (axis,) = fig.axes
    assert not axis.axison
    return axis.texts[0].get_text()


def scorecard():
    rows = [
        ("ft-none", "FT - NONE: +2.0 [+1.0, +3.0], 8 seeds", "FT - NONE = 2.2 (Average, frozen)"),
        ("sf-none", "SF - NONE on a/b: -1.0 [-2.0, +0.5], 8 seeds", "SF - NONE = 1.3 (VC, frozen)"),
        ("all", f"ASG - {'the longest name ' * 9}: +0.5 [+0.0, +1.0]", "ASG - it > 0 (VC, frozen)"),
        ("text", "ASG - NONE: +0.2 [+0.1, +0.3], 8 seeds", "no number"),
        ("w2v", "", "ASG - Wav2Vec2.0 = 11.6 (VC, frozen)"),
    ]
    numbers = {
        "mean": [2.0, -1.0, 0.5, 0.2, np.nan],
        "low": [1.0, -2.0, 0.0, 0.1, np.nan],
        "high": [3.0, 0.5, 1.0, 0.3, np.nan],
        "stated": [2.2, np.nan, np.nan, np.nan, 11.6],
        "verdict": ["reproduced", "not reproduced", "partly", "reproduced", "not tested"],
    }
    return pd.DataFrame(rows, columns=["id", "ours", "paper"]).assign(**numbers)


def test_the_claims_chart_draws_measured_claims_with_interval_and_stated_size():
    (axis,) = figures.claims_chart(scorecard()).axes
    parts = {part.get_gid(): part for part in axis.collections}
    assert np.allclose(parts["mean"].get_offsets(), [(2, 0), (-1, 1), (0.5, 2), (0.2, 3)])
    ends = [[(1, 0), (3, 0)], [(-2, 1), (0.5, 1)], [(0, 2), (1, 2)], [(0.1, 3), (0.3, 3)]]
    assert np.allclose(parts["interval"].get_segments(), ends)
    stated = parts["stated"].get_offsets()
    assert stated[0].tolist() == [2.2, 0] and stated[1:, 0].mask.all()
    colours = [to_rgb(VERDICTS[word][0]) for word in scorecard()["verdict"][:4]]
    assert np.allclose(parts["mean"].get_facecolors()[:, :3], colours)
    assert np.allclose(parts["interval"].get_colors()[:, :3], colours)
    assert axis.get_ylim()[0] > axis.get_ylim()[1], "the first claim stands on top"


def test_a_claim_stands_above_its_line_with_its_systems_and_the_papers_column():
    (axis,) = figures.claims_chart(scorecard()).axes
    one, other, long, alone = (text.get_text() for text in axis.texts)
    assert one == "ft-none: FT - NONE (Average, frozen)"
    assert other == "sf-none: SF - NONE on a/b (VC, frozen)"
    assert long.startswith("all: ASG - the longest name") and long.endswith(" ...")
    assert len(long) <= LETTERS and alone == "text: ASG - NONE"
    assert [text.get_position()[1] for text in axis.texts] == [-0.24, 0.76, 1.76, 2.76]


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
