"""Predictions for the embedded corpus: judged by their intervals alone."""

import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import ROOT, evaluation_record
from scipy import stats

from asglib.study import plans, predictions
from asglib.study.profiles import SMOKE
from asglib.study.records import evaluations, load_records

RECORDS = ROOT / "reports/records/small.parquet"


@pytest.mark.parametrize(
    "predicted, low, high, told",
    [
        ("helps", 0.1, 9.0, "as predicted"),
        ("helps", -0.1, 9.0, "open"),
        ("helps", -9.0, -0.1, "opposite"),
        ("not needed", -4.9, 4.9, "as predicted"),
        ("not needed", -4.9, 5.1, "open"),
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
        ("FF", "register"): "open",
        ("SF", "register"): "as predicted",
        ("FT", "pattern"): "as predicted",
        ("FF", "pattern"): "as predicted",
        ("SF", "pattern"): "as predicted",
    }
    assert found["move - NONE, points"]["FT", "direction"] == "+50.0 [+50.0, +50.0], 3 seeds"


def test_predictions_are_told_by_their_outcomes():
    lines = [
        ("FT", "direction", "helps", "+2.8 [+1.6, +4.0], 33 seeds", "as predicted"),
        ("FT", "pattern", "not needed", "not tested", "not tested"),
        ("SF", "register", "helps", "+9.0 [+8.0, +10.0], 1 seed, 9 groups", "as predicted"),
    ]
    columns = ["move", "factor", "predicted", "move - NONE, points", "outcome"]
    assert predictions.in_words(pd.DataFrame(lines, columns=columns)) == (
        "as predicted: FT helps direction (+2.8 [+1.6, +4.0]), SF helps register (+9.0 [+8.0, "
        "+10.0]); not tested: FT not needed for pattern (not tested)"
    )


def test_the_published_predictions_are_those_of_the_records():
    """By hand: D70's seeds, differences paired by seed, Student's t."""
    table = pq.read_table(RECORDS).to_pandas()
    toy = table[(table["kind"] == "evaluation") & (table["data_set"] == "toy")]
    values = 100 * toy.pivot(index="seed", columns=["method", "task"], values="value").astype(float)
    assert values.index.tolist() == list(range(3, 36)) and values.notna().all(axis=None)
    found = [one for one in load_records(RECORDS) if one.get("data_set") == "toy"]
    found = predictions.judged(evaluations(found), predictions.MARGIN)
    widest = 0.0
    for row in found.itertuples():
        gain = values[row.move, row.factor] - values["NONE", row.factor]
        low, high = stats.t.interval(0.95, len(gain) - 1, gain.mean(), stats.sem(gain))
        assert row[4] == f"{gain.mean():+.1f} [{low:+.1f}, {high:+.1f}], 33 seeds"
        assert row.outcome == predictions.outcome(row.predicted, low, high, predictions.MARGIN)
        widest = max(widest, (high - low) / 2)
    told = predictions.in_words(found)
    below = []
    for move in ("FT", "FF", "SF"):
        gain = (values[move] - values["NONE x2"]).mean(axis=1)
        low, high = stats.t.interval(0.95, 32, gain.mean(), stats.sem(gain))
        below += [f"{move} {gain.mean():+.1f}"] if high < 0 else []
        assert low < 0 and (high < 0 or move == "FT")
    at_equal_work = f"below: {', '.join(below)}; not told apart: FT."
    readme = (ROOT / "README.md").read_text()
    assert f"the widest came out at +-{widest:.1f}." in readme
    assert f"{told}. Beside NONE at equal work" in readme and at_equal_work in readme


def test_the_margin_of_the_notebook_is_that_of_the_summary():
    (notebook,) = (ROOT / "notebooks").glob("05_*.ipynb")
    assert f"MARGIN: float = {predictions.MARGIN}" in notebook.read_text()
