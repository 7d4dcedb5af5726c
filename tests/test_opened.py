"""What notebooks open: the runs of a plan, what is absent and why, and what limits them."""

import pytest
from conftest import evaluation_record

from asglib import study
from asglib.config import SENSITIVITY, ConfigError
from asglib.data.workspace import Workspace
from asglib.study import opened, plans, pool
from asglib.study.cluster import StudyError
from asglib.study.profiles import SMOKE, profile


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would show, in order."""
    found = []
    monkeypatch.setattr(opened.report, "markdown", found.append)
    monkeypatch.setattr(opened.report, "table", lambda rows, caption: found.append((rows, caption)))
    monkeypatch.setattr(opened, "record_of", lambda run, workspace: None)
    return found


@pytest.fixture
def table_6(monkeypatch):
    """Table 6 of the smoke profile, whose runs of toy-b are absent and whose seed 2 failed."""
    planned = plans.pretraining_data(SMOKE)
    able = [e for e in planned if e.data_set != "toy-b"]
    failed = {e: "OSError: full" for e in able if e.seed == 2}
    done = {e: evaluation_record(e) for e in able if e not in failed}
    asked = {}

    def computed(wanted, workspace, progress):
        asked.update(wanted=wanted, computes=workspace.computes)
        return done, failed

    monkeypatch.setattr(pool, "available", lambda runs, workspace: (able, {"toy-b": "make it."}))
    monkeypatch.setattr(pool, "computed", computed)
    return planned, able, done, asked


def opens(workspace=None, **options):
    return study.open("table 6", "smoke", workspace or Workspace(), **options)


def test_an_unknown_name_is_told_the_known_ones():
    with pytest.raises(
        ConfigError, match="'table 7' are unknown; use encoders, table 4, lengths, embedded corpus"
    ):
        study.open("table 7", "smoke")


def test_every_plan_can_be_opened_by_name(table_6):
    for name in plans.PLANS:
        found = study.open(name, "smoke:0", Workspace(), strict=False)
        assert found.planned and found.planned == plans.PLANS[name](profile("smoke:0"))


def test_data_are_read_anew_whenever_runs_are_opened(table_6, monkeypatch):
    forgotten = []
    monkeypatch.setattr(opened.names, "forget", lambda: forgotten.append(True))
    opens(strict=False)
    assert forgotten == [True]


def test_a_failed_run_stops_a_strict_notebook_and_is_named_by_one_that_is_not(table_6):
    planned, able, done, asked = table_6
    with pytest.raises(StudyError, match="records are missing .* OSError: full"):
        opens()
    runs = opens(strict=False)
    assert asked == {"wanted": able, "computes": True}
    assert "OSError: full" in runs.absent["failed runs"] and runs.absent["toy-b"] == "make it."
    assert (runs.planned, runs.able, list(runs.done)) == (planned, able, list(done))


def test_where_nothing_may_be_computed_what_is_missing_is_left_out(table_6, monkeypatch):
    monkeypatch.setenv("ASG_COMPUTE", "0")
    runs = opens(Workspace.here())
    assert table_6[3]["computes"] is False and list(runs.absent) == ["toy-b"]
    assert set(runs.table["seed"]) == {0, 1} and set(runs.table["profile"]) == {"smoke"}


def test_rows_records_and_sensitivity_are_told_apart(table_6):
    _, _, done, _ = table_6
    e = next(iter(done))
    done[e] = {"kind": SENSITIVITY, "run": "s", "method": "ASG"}
    runs = opens(strict=False)
    assert len(runs.table) == len(done) - 1 == len(runs.records) - 1
    assert [record["run"] for record in runs.sensitivity] == ["s"]


def test_only_the_claims_of_the_tables_asked_for_are_judged(table_6):
    runs = opens(strict=False)
    assert set(runs.judged("6")["table"]) == {"6"}
    assert len(runs.judged()) > len(runs.judged("4", "2/4")) > 1


def test_what_is_absent_is_a_table_with_the_way_to_get_it(table_6, shown):
    planned, _, done, _ = table_6
    opens(strict=False).absent_table()
    asked = "that the smoke profile asks for are there."
    assert shown[0] == f"{len(done)} of the {len(planned)} evaluations {asked}"
    rows, caption = shown[1]
    assert rows["why, and how to get it"]["toy-b"] == "make it." and "Not there" in caption


def test_limits_name_every_system_that_lacks_a_run_and_the_rest_of_a_long_list(
    table_6, shown, monkeypatch
):
    runs = opens(strict=False)
    runs.limits()
    lines = shown[0].split("\n")
    assert "- spectrogram (linear, frozen): no record of toy-a/order with seed 2." in lines
    assert "- ASG, toy-b (linear, fine-tuned): no record of toy-a/order with seed 2." in lines
    monkeypatch.setattr(opened, "LISTED", 2)
    runs.limits()
    assert shown[1].split("\n") == [*lines[:2], f"- and {len(lines) - 2} more"]


def test_nothing_to_say_is_said(table_6, shown):
    _, able, done, _ = table_6
    done.update({e: evaluation_record(e) for e in able})
    opens(strict=False).limits()
    assert shown == [
        "- Nothing: every planned run is there, every metric is defined, and the runs of a table "
        "share data, code and recipe."
    ]


def test_the_standing_of_the_profile_is_a_quotation(table_6, shown):
    opens(strict=False).standing()
    assert shown == [f"> {SMOKE.standing}"]
