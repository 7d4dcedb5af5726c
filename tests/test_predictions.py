"""Predictions for the embedded corpus: judged by their intervals alone."""

import pytest
from conftest import evaluation_record

from asglib.study import plans, predictions
from asglib.study.profiles import SMOKE
from asglib.study.records import evaluations


@pytest.mark.parametrize(
    "predicted, low, high, told",
    [
        ("helps", 0.1, 9.0, "as predicted"),
        ("helps", -0.1, 9.0, "not seen"),
        ("helps", -9.0, -0.1, "opposite"),
        ("not needed", -4.9, 4.9, "as predicted"),
        ("not needed", -4.9, 5.1, "not seen"),
        ("not needed", 5.1, 9.0, "opposite"),
        ("not needed", -9.0, -5.1, "opposite"),
    ],
)
def test_the_rule_reads_the_interval(predicted, low, high, told):
    assert predictions.outcome(predicted, low, high, margin=5.0) == told


def test_every_prediction_has_a_line_and_what_has_no_run_is_not_tested():
    runs = [e for e in plans.ablation(SMOKE) if e.task != "order"]
    helped = {("FT", "direction"), ("SF", "register")}
    records = [
        evaluation_record(e, 1.0 if (e.pretraining.method, e.task) in helped else 0.5)
        for e in runs
        if e.pretraining
    ]
    found = predictions.judged(evaluations(records), margin=5.0).set_index(["move", "factor"])
    assert len(found) == len(predictions.PREDICTED) == 7
    assert found["outcome"].to_dict() == {
        ("FT", "direction"): "as predicted",
        ("FT", "order"): "not tested",
        ("FF", "register"): "not seen",
        ("SF", "register"): "as predicted",
        ("FT", "pattern"): "as predicted",
        ("FF", "pattern"): "as predicted",
        ("SF", "pattern"): "as predicted",
    }
    assert found["move - NONE, points"]["FT", "direction"] == "+50.0 [+50.0, +50.0], 3 seeds"
