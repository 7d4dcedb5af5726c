"""Sentences and small tables made of cells, dots and records, against words written out here."""

import numpy as np
import pandas as pd
import pytest

from asglib.study import sentences
from asglib.study.tables import AVERAGE

COLUMNS = ["row", "column", "mean", "low", "high", "n", "unit", "note", "text"]


def cells(*lines):
    """(row, column, mean) as cells."""
    rest = (0.0, 0.0, 2, "seeds", "")
    return pd.DataFrame([(*line, *rest, f"{line[2]:.1f}") for line in lines], columns=COLUMNS)


def dots(*lines):
    return pd.DataFrame(lines, columns=["row", "column", "seed", "value"])


def test_words_are_counted_with_verdicts_from_best_to_worst():
    words = ["not tested", "partly", "reproduced", "partly", "odd"]
    assert sentences.counts(words) == "1 reproduced, 2 partly, 1 not tested, 1 odd"
    assert sentences.counts([]) == ""


def test_a_limit_is_told_once_with_the_claims_that_it_is_about():
    judged = pd.DataFrame({"id": ["a", "b"], "limits": ["one seed; small", "one seed"]})
    assert sentences.limits(judged) == "- one seed: all.\n- small: a."
    assert sentences.limits(judged.assign(limits="")) == ""


def test_the_highest_row_of_each_column_is_named_and_what_has_no_mean_is_passed_over():
    found = cells(("FT", "x", 1.0), ("ASG", "x", 2.0), ("FT", "y", 3.0), ("ASG", "y", np.nan))
    assert sentences.highest(found) == "Highest mean: **ASG** on x; **FT** on y"
    assert sentences.highest(cells(("FT", "x", np.nan))) == "Nothing is tested yet"


def test_the_spread_of_seeds_leaves_out_the_average():
    found = dots(("A", "x", 0, 1.0), ("A", "x", 1, 4.0), ("A", "y", 0, 5.0), ("A", "y", 1, 6.0))
    found = pd.concat([found, dots(("A", AVERAGE, 0, 0.0), ("A", AVERAGE, 1, 90.0))])
    assert sentences.spread(found).endswith("3.0 points apart, 2.0 in the median")
    assert sentences.spread(found[:0]) == "No seeds are there"


def test_the_gap_of_two_rows_is_taken_seed_by_seed():
    both = [("mel", AVERAGE, 0, 3.0), ("mel", AVERAGE, 1, 5.0), ("mel", AVERAGE, 2, 9.0)]
    both += [("linear", AVERAGE, 0, 1.0), ("linear", AVERAGE, 1, 3.0), ("linear", "x", 2, 0.0)]
    assert sentences.gap(dots(*both), "mel", "linear") == "+2.0 ± 0.0 (2)"
    assert sentences.gap(dots(*both[:3]), "mel", "linear") == "not tested"


def test_the_ends_of_gains_by_class_and_how_many_gain():
    gains = pd.DataFrame({0: [-2.0, 1.0, 5.0], 1: [-4.0, 1.0, 7.0]}, index=["a", "b", "c"])
    assert sentences.ends(gains) == "from a -3.0 to c +6.0 points; 2 of 3 classes gain"
    assert sentences.ends(gains[:0]) == "not tested"


def test_methods_are_told_on_their_own_moves_beside_none():
    lines = [("NONE", "FT", 0.9), ("FT", "FT", 0.4), ("ASG", "FT", 0.5)]
    lines += [(method, "ST", 1.0) for method in ("NONE", "FT", "ASG")]
    told = sentences.own_moves(cells(*lines))
    assert "each method on its own move: **FT** 0.40, NONE 0.90." in told
    assert told.endswith("ASG, which draws one of three: FT 0.50.")
    alone = sentences.own_moves(cells(("ASG", "FT", 0.5), ("ASG", "ST", 1.0)))
    assert alone == "ASG, which draws one of three: FT 0.50."
    assert sentences.own_moves(cells()) == "Nothing is measured yet."


def test_costs_count_views_and_put_seconds_beside_those_of_none():
    records = [
        {"method": method, "seed": seed, "seconds": seconds, "batch": 8, "steps": 10}
        for method, seed, seconds in [("ASG", 0, 4.0), ("ASG", 1, 4.0), ("NONE", 0, 2.0)]
    ]
    found = sentences.costs([*records, records[0] | {"method": "COLA"}], ["NONE", "ST", "ASG"])
    assert list(found.index) == ["NONE", "ASG"]
    assert list(found["spectrograms encoded"]) == [160, 320]
    assert list(found["seconds"]) == ["2.0 (1)", "4.0 ± 0.0 (2)"]
    assert list(found["seconds, times NONE"]) == pytest.approx([1, 2])
    assert sentences.costs([], ["NONE"]).empty


def test_bands_are_told_panel_by_panel():
    bands = {"frozen": (cells(("A", "x", 1.0), ("B", "x", 2.0)), None)}
    assert sentences.seen(bands) == "frozen: x: B highest at 2.0, A lowest at 1.0 percent"
