"""Sentences and small tables made of cells, dots and records, against words written out here."""

import pandas as pd

from asglib.study import sentences
from asglib.study.verdicts import EXCLUDES

COLUMNS = ["row", "column", "mean", "low", "high", "n", "unit", "note", "text"]


def cells(*lines):
    """(row, column, mean) as cells."""
    rest = (0.0, 0.0, 2, "seeds", "")
    return pd.DataFrame([(*line, *rest, f"{line[2]:.1f}") for line in lines], columns=COLUMNS)


def test_words_are_counted_with_verdicts_from_best_to_worst():
    words = ["not tested", "partly", "reproduced", "partly", "odd"]
    assert sentences.counts(words) == "1 reproduced, 2 partly, 1 not tested, 1 odd"
    assert sentences.counts([]) == ""


def test_open_claims_that_exclude_the_papers_tables_are_counted():
    judged = pd.DataFrame({"verdict": ["inconclusive", "inconclusive", "partly"], "limits": ""})
    assert sentences.verdicts(judged) == "1 partly, 2 inconclusive"
    judged.loc[1, "limits"] = f"the interval reaches 0 and is {EXCLUDES}, 1.4; one seed"
    assert sentences.verdicts(judged) == f"1 partly, 2 inconclusive (1 of these {EXCLUDES})"


def test_claims_that_share_a_difference_are_no_further_evidence():
    """Of 41 differences, 2.5 percent lie on the claimed side by chance: 1.025."""
    ours = [f"A - B: +{number}" for number in range(41)]
    told = sentences.behind(pd.DataFrame({"ours": [*ours, *ours[:3]]}))
    assert told.startswith("44 measured claims rest on 41 differences, as some share one. ")
    assert "up to about 1.0 of these" in told
    assert sentences.behind(pd.DataFrame({"ours": []})) == "No claim is measured"


def test_a_limit_is_told_once_and_each_claim_names_its_own_by_number():
    told = ["one seed; small", "one seed", "", "far; small"]
    judged = pd.DataFrame({"id": list("abcd"), "limits": told})
    assert sentences.limits(judged) == "1. one seed.\n2. small.\n3. far."
    assert sentences.numbers(judged).to_dict() == {"a": "1, 2", "b": "1", "c": "", "d": "3, 2"}
    assert sentences.limits(judged.assign(limits="")) == ""
    assert not any(sentences.numbers(judged.assign(limits="")))


def test_a_report_shows_claims_with_the_numbers_of_their_limits():
    rows = [("a", "partly", "A - B: +1", "better", "A > B", "small"), ("b", "", "", "", "", "")]
    columns = ["id", "verdict", "ours", "claim", "paper", "limits"]
    shown = sentences.claims(pd.DataFrame(rows, columns=columns))
    assert shown.loc["a"].tolist() == ["partly", "A - B: +1", "better", "A > B", "1"]
    assert shown.loc["b", "limits"] == "" and shown.columns[0] == "verdict"


def test_a_bar_in_a_cell_does_not_end_it():
    told = sentences.in_markdown(pd.DataFrame({"x": ["a|b", "c"], 2: [1.5, 2.0]}))
    assert told.splitlines() == ["| x | 2 |", "| --- | --- |", "| a\\|b | 1.5 |", "| c | 2.0 |"]


def test_bands_are_told_by_their_averages():
    lines = ("A", "average", 1.0), ("B", "average", 2.0), ("B", "x", 3.0)
    told = sentences.seen({"frozen": (cells(*lines), None)})
    assert told == "On average, frozen: A 1.0; B 2.0"


def test_a_difference_puts_one_side_above_the_other_only_by_its_interval_over_seeds():
    lines = ("up", 1.0, 0.2, "seeds"), ("down", -1.0, 0.2, "seeds"), ("open", 1.0, 1.1, "seeds")
    lines += (("one", 1.0, 0.2, "clips"),)
    told = [sentences.side(differences(*lines), row) for row, *_ in lines]
    assert told == ["above", "below", "not told apart from", "not compared over seeds with"]


def differences(*lines):
    """(row, mean, half the interval, unit) as the cells of averages."""
    columns = ["row", "mean", "low", "high", "unit", "column"]
    rows = [(row, mean, mean - h, mean + h, unit, "average") for row, mean, h, unit in lines]
    return pd.DataFrame(rows, columns=columns)


def test_differences_are_told_in_three_heaps_by_their_intervals():
    """Below one with a larger mean that is not told apart: the mean has no say."""
    found = differences(
        ("Triplet - untrained A2V", 6.5, 2.0, "seeds"),
        ("SG - untrained A2V", -9.0, 9.5, "seeds"),
        ("CBoW - untrained A2V", -2.8, 2.0, "seeds"),
        ("MultiHead - untrained A2V", 3.2, 3.1, "seeds"),
        ("one seed - untrained A2V", 30.0, 0.1, "clips"),
    )
    told = "above: Triplet +6.5, MultiHead +3.2; below: CBoW -2.8; not told apart: SG"
    assert sentences.apart(found.head(4)) == told
    assert sentences.apart(found) == f"{told}; not compared over seeds: one seed"
    assert sentences.apart(found.tail(1)) == "not compared over seeds"


def test_few_tasks_of_an_average_are_told_each():
    few = [("A", "x", -3.6), ("A", "y", 2.7), ("A", "average", -0.4)]
    assert sentences.by_task(cells(*few)) == "x -3.6; y +2.7"
    assert sentences.by_task(cells(*few[1:])) == "", "one is the average"
    assert sentences.by_task(cells(*few, *[("A", name, 1.0) for name in "zw"])) == ""


def test_the_lowest_and_the_highest_stand_beside_the_others():
    levels = ("SG, esc50", "average", 60.0), ("CPC", "average", 45.0), ("NONE", "average", 79.0)
    told = sentences.span(cells(*levels), ["SG", "CPC", "absent"], ["NONE", "ASG"])
    assert told == "from 45.0 (CPC) to 60.0 (SG); NONE 79.0"
    assert sentences.span(cells(*levels), [], ["NONE"]).startswith("none of them is tested")


def test_how_many_classes_the_supervised_model_learned():
    runs = [{"method": "Sup.", "corpus": name, "classes": n} for name, n in (("a", 7), ("b", 32))]
    told = sentences.learned([*runs, {"method": "NONE", "corpus": "a", "classes": 0}])
    assert told == "Sup. learned the 7 classes of a and the 32 classes of b"
    assert sentences.learned([]) == "Sup. is not pretrained here"
