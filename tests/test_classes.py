"""F1 by class, confusions and metrics from recorded predictions, against values written out."""

import pandas as pd
import pytest
from contrast import contrast
from made_records import record

from asglib.study import classes, figures, tables
from asglib.study.records import evaluations

NAMES = ["cat", "dog", "rain"]
SYSTEMS = {"COLA": {"method": "COLA"}, "COLA mask": {"method": "COLA mask"}}


def predicted(method, labels, predictions, seed=0, key="esc50/sound", f1=0.5, **changes):
    right = [int(a == b) for a, b in zip(labels, predictions)]
    own = {"labels": labels, "predictions": predictions, "correct": right, "classes": NAMES}
    own |= {"f1": f1, "weighted_precision": 0.25, "clips": [f"c{i}" for i in range(len(labels))]}
    own |= {"groups": own["clips"]}
    return record(method, sum(right) / len(right), key, seed, **own | changes)


def study():
    """COLA, two seeds: all right; then one cat taken for a dog, and never rain."""
    return evaluations(
        [
            predicted("COLA", [0, 0, 1, 2], [0, 0, 1, 2]),
            predicted("COLA", [0, 0, 1, 2], [0, 1, 1, 0], seed=1),
            predicted("COLA mask", [0, 0, 1, 2], [0, 0, 2, 2]),
        ]
    )


def test_f1_of_every_class_is_the_mean_over_seeds():
    """Seed 1: cat has precision 1/2 and recall 1/2, dog 1/2 and 1, rain is never said."""
    found = classes.by_class(study(), SYSTEMS, "esc50/sound")
    assert list(found.columns) == NAMES and list(found.index) == list(SYSTEMS)
    assert found.loc["COLA"].tolist() == pytest.approx([75, 100 * (1 + 2 / 3) / 2, 50])
    # mask: dog is never said; rain has precision 1/2 and recall 1
    assert found.loc["COLA mask"].tolist() == pytest.approx([100, 0, 100 * 2 / 3])


def test_confusions_are_shares_of_the_true_class():
    found = classes.confusions(study(), SYSTEMS, "esc50/sound")["COLA"]
    assert list(found.index) == list(found.columns) == NAMES
    expected = [[75, 25, 0], [0, 100, 0], [50, 0, 50]]
    assert found.to_numpy().tolist() == [pytest.approx(row) for row in expected]


def test_metrics_stand_beside_each_other_for_the_seeds_that_are_whole():
    """COLA's seed 1 lacks a task, so seed 0 counts alone: 100 and 50 percent right. The mean of
    COLA mask, which lacks it in every seed, would be one of other tasks: there is none."""
    other = predicted("COLA", [0, 1], [0, 2], key="fsdd/digit", f1=0.75)
    both = pd.concat([study(), evaluations([other])], ignore_index=True)
    dots = classes.measures(both, SYSTEMS, ["esc50/sound", "fsdd/digit"])
    cells = tables.wide(tables.means(dots), "mean", "system")
    assert list(cells.columns) == ["the task's metric", "macro F1", "wAP"]
    assert cells.loc["COLA"].tolist() == [75, 62.5, 25]
    assert list(cells.index) == ["COLA"]
    alone = tables.means(classes.measures(study(), SYSTEMS, ["esc50/sound", "fsdd/digit"]))
    assert tables.wide(alone, "mean", "system").loc["COLA mask"].tolist() == [75, 50, 25]


def test_what_has_no_predictions_is_left_out():
    table = evaluations([record("COLA", 0.3, "audioset/events", metric="mAP", correct=[])])
    assert classes.by_class(table, SYSTEMS, "audioset/events").empty
    assert classes.confusions(table, SYSTEMS, "audioset/events") == {}
    assert classes.measures(table, SYSTEMS, ["audioset/events"]).empty


def test_classes_in_which_a_variant_is_better_are_counted():
    f1 = pd.DataFrame(
        {"cat": [50, 60, 70, 90], "dog": [50, 40, 40, 90], "rain": [50, 10, 60, 0]},
        ["COLA", "COLA mask", "COLA stretch+mask", "ASG"],
    )
    told = "In 2 of 3 classes one of 2 variants is above COLA; COLA stretch+mask is first or second"
    assert classes.better(f1, "COLA", "COLA stretch+mask") == f"{told} in 3"
    one = classes.better(f1.drop("COLA stretch+mask"), "COLA", "COLA stretch+mask")
    assert one == "In 1 of 3 classes COLA mask is above COLA"
    none = classes.better(f1.loc[["COLA", "ASG"]], "COLA", "COLA stretch+mask")
    assert none == "No COLA with another augmentation is here"


def test_a_heat_map_has_a_cell_a_number_and_one_scale():
    table = classes.confusions(study(), SYSTEMS, "esc50/sound")
    fig = figures.heat_maps(table, "taken for", "class")
    first, second = fig.axes[:2]
    texts = [text.get_text() for text in first.texts]
    assert texts == ["75", "25", "0", "0", "100", "0", "50", "0", "50"]
    assert [label.get_text() for label in first.get_yticklabels()] == NAMES
    assert first.collections[0].get_clim() == second.collections[0].get_clim() == (0, 100)
    for text, ground in zip(first.texts, first.collections[0].get_facecolors()):
        assert contrast(text.get_color(), ground) >= 4.5, text.get_text()
    many = pd.DataFrame([[1.0] * 17], ["COLA"], [str(i) for i in range(17)])
    assert not figures.heat_maps({"a task": many}).axes[0].texts  # no room
    assert (
        figures.heat_maps({"a task": many[:0]}).axes[0].texts[0].get_text() == "nothing is tested"
    )
