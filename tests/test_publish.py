"""Published records are the runs' own numbers, and go back to where runs are looked for."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from conftest import ROOT
from made_records import small_records, table

from asglib.data.places import locked
from asglib.data.workspace import Workspace
from asglib.study import paper, plans, pool, profiles, publish, runs
from asglib.study.records import ResultsError, load_records
from asglib.study.report.checks import parse

SMOKE = profiles.profile("smoke")


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """Two planned evaluations and their pretraining; one evaluation is not finished."""
    one, other = plans.evaluations(SMOKE, "NONE", SMOKE.tasks)[:2]
    finished = {
        one: {"kind": "x", "run": "evaluate-NONE-1", "value": 0.1 + 0.2, "a": 1.5e-5},
        one.pretraining: {"kind": "pretraining", "run": "pretrain-NONE-1", "loss": None},
    }
    monkeypatch.setattr(plans, "everything", lambda profile: [one, other])
    monkeypatch.setattr(pool, "available", lambda evaluations, workspace: (evaluations, {}))
    monkeypatch.setattr(publish, "record_of", lambda config, workspace: finished.get(config))
    workspace = Workspace(None, tmp_path / "runs")
    return workspace, finished


def test_records_are_published_to_the_bit_with_their_profile(workspace, tmp_path):
    path = table(tmp_path / "smoke.parquet", small_records()[:2])  # what was there before goes
    workspace, finished = workspace
    assert publish.publish(SMOKE, workspace, path) == 2
    expected = [{"profile": "smoke"} | r for r in reversed(finished.values())]
    assert json.dumps(load_records(path)) == json.dumps(expected)


def test_fewer_records_replace_no_more(workspace, tmp_path):
    path = table(tmp_path / "smoke.parquet")
    before = path.read_bytes()
    with pytest.raises(ResultsError, match=r"holds 18 records, here are 2: restore them"):
        publish.publish(SMOKE, workspace[0], path)
    assert path.read_bytes() == before


def test_a_profile_is_published_with_its_own_seeds(workspace, tmp_path):
    """README's count of planned runs is that of the profile as it is."""
    with pytest.raises(ResultsError, match="publish takes smoke with its own seeds"):
        publish.publish(replace(SMOKE, seeds=(0,)), workspace[0], tmp_path / "smoke.parquet")


def test_the_front_page_says_what_the_page_of_small_says():
    front, page = ROOT / "reports/html/index.html", ROOT / "reports/html/small/index.html"
    said = [parse(path.read_text()).select_one(".lead").get_text() for path in (front, page)]
    assert said[0] == said[1] and "claims" in said[0]


def test_without_a_finished_run_nothing_is_published_and_nothing_removed(workspace, tmp_path):
    path = table(tmp_path / "smoke.parquet")
    workspace, finished = workspace
    finished.clear()
    told = "no finished run of the profile: run `python -m asglib reproduce --profile smoke`"
    with pytest.raises(ResultsError, match=told):
        publish.publish(SMOKE, workspace, path)
    assert len(load_records(path)) == 18


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Two planned runs' records in a table, beside that of a run that nobody plans."""
    one = plans.evaluations(SMOKE, "NONE", SMOKE.tasks)[0]
    monkeypatch.setattr(plans, "everything", lambda profile: [one])
    workspace = Workspace(None, tmp_path / "runs")
    names = [runs.run_name(run, workspace) for run in (one.pretraining, one)]
    found = [
        {"profile": "smoke", "kind": "pretraining", "run": names[0], "loss": None},
        {"profile": "smoke", "kind": "evaluation", "run": names[1], "value": 0.1 + 0.2},
        {"profile": "smoke", "kind": "evaluation", "run": "evaluate-NONE-of-other-code"},
    ]
    return one, workspace, found, table(tmp_path / "smoke.parquet", found)


def test_a_study_goes_on_from_published_records(published, tmp_path):
    one, workspace, found, path = published
    assert publish.restore(SMOKE, workspace, path) == (2, 2)
    done, missing = pool.computed([one], replace(workspace, computes=False))
    assert done == {one: {"kind": "evaluation", "run": found[1]["run"], "value": 0.1 + 0.2}}
    assert not missing and not (workspace.runs / "evaluate-NONE-of-other-code").exists()
    assert publish.publish(SMOKE, workspace, again := tmp_path / "again.parquet") == 2
    assert json.dumps(load_records(again)) == json.dumps(found[:2])
    # its weights are not published: what needs them trains them again
    assert runs.record_of(one.pretraining, workspace)
    assert not runs.is_trained(one.pretraining, workspace)


def test_a_record_that_is_there_is_not_replaced_by_a_published_one(published):
    one, workspace, found, path = published
    own = {"kind": "evaluation", "run": found[1]["run"], "value": 0.5}
    (workspace.runs / own["run"]).mkdir(parents=True)
    (workspace.runs / own["run"] / "checkpoint.pt").touch()
    runs.keep_record(workspace.runs / own["run"], one, own)
    assert publish.restore(SMOKE, workspace, path) == (1, 2)
    assert runs.record_of(one, workspace) == own
    assert (workspace.runs / own["run"] / "checkpoint.pt").exists()
    assert publish.restore(SMOKE, workspace, path) == (0, 2)


def test_nothing_is_restored_from_what_is_no_table(published):
    _, workspace, _, path = published
    path.write_bytes(b"PAR1")
    with pytest.raises(ResultsError, match="smoke.parquet is not a table of records"):
        publish.restore(SMOKE, workspace, path)


def test_records_that_all_stay_out_are_told(published, monkeypatch):
    """Without --data every run has another name: "0 records written" and status 0."""
    _, workspace, _, path = published
    monkeypatch.setattr(publish, "run_name", lambda run, workspace: "of other data")
    with pytest.raises(ResultsError, match="smoke.parquet: none of its records fits this code a"):
        publish.restore(SMOKE, workspace, path)


def test_a_run_that_is_being_computed_is_left_alone(published):
    one, workspace, found, path = published
    with locked(workspace.runs / found[1]["run"] / "lock"):
        assert publish.restore(SMOKE, workspace, path) == (1, 2)
    assert runs.record_of(one, workspace) is None
    assert publish.restore(SMOKE, workspace, path) == (1, 2)


def test_every_report_behind_a_claim_is_a_notebook():
    pages = publish.pages()
    for one in paper.papers().values():
        assert set(one.reports.values()) <= set(pages)
    notebooks = [(publish.NOTEBOOKS / page).with_suffix(".ipynb") for page in pages.values()]
    assert len(notebooks) >= 9 and all(path.is_file() for path in notebooks)
    judged = pd.DataFrame({"source": ["ASG", "ASG", "Audio2Vec"], "table": ["2/4", "", "5"]})
    assert publish.behind(judged).fillna("none").tolist() == ["05", "none", "11"]
