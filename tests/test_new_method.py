"""A new method goes through a run, an evaluation, a table and a figure without any other edit."""

from dataclasses import replace

import dummy_method
import pytest
from conftest import QUICK, TINY

from asglib.config import ConfigError
from asglib.data.workspace import Workspace
from asglib.methods import METHODS, asg
from asglib.methods.contract import change, table
from asglib.study import figures, plans, runs, systems, tables
from asglib.study.evaluator import Evaluator
from asglib.study.identity import closure
from asglib.study.profiles import SMOKE
from asglib.study.records import evaluations


@pytest.fixture
def profile(monkeypatch):
    """A small profile, and the row that the method adds."""
    monkeypatch.setitem(METHODS, "Near", dummy_method.Settings())
    made = replace(TINY, settings=asg.Settings())
    tasks = ("toy-a/direction",)
    return replace(SMOKE, pretraining=made, seeds=(0, 1), tasks=tasks, frozen=QUICK, settings={})


def test_it_is_pretrained_evaluated_tabled_and_drawn(profile, tmp_path):
    workspace = Workspace(None, tmp_path)
    records = []
    for method in ("Near", "untrained"):
        for e in plans.evaluations(profile, method, profile.tasks):
            records.append(Evaluator(e.pretraining, workspace)(e) | {"profile": "smoke"})
    rows = evaluations(records)
    cells, dots = tables.scores(rows, ["Near", "untrained"], profile.tasks)
    mean = cells[(cells["row"] == "Near") & (cells["column"] == "toy-a/direction")]["mean"].iloc[0]
    expected = 100 * sum(r["value"] for r in records if r["method"] == "Near") / 2
    assert mean == pytest.approx(expected)
    figure = figures.dot_intervals({"": (cells, dots)}, "percent")
    labels = [text.get_text() for axis in figure.axes for text in axis.get_yticklabels()]
    assert "Near" in labels
    before = runs.record_of(plans.pretraining(profile, "Near", 0), workspace)
    loss = before["log"]["loss"]
    assert min(loss[1:]) < loss[0] and before["method"] == "Near"


def test_its_code_is_in_its_runs_name_and_asgs_is_not(profile):
    config = plans.pretraining(profile, "Near", 0)
    found = closure(("asglib.training", type(config.settings).__module__))
    assert "dummy_method" in found and "asglib.methods.asg" not in found
    assert config.settings.views == 2 and not config.settings.labels


def test_its_control_is_the_profiles_network_with_random_weights(profile):
    """It was Audio2Vec's, another network on another front end."""
    one, two = (plans.pretraining(profile, name, 0) for name in ("Near", systems.control("Near")))
    assert (one.encoder, one.frontend) == (two.encoder, two.frontend) and two.epochs == 0


def test_a_name_means_one_method_and_a_setting_one_field():
    with pytest.raises(ConfigError, match="two methods are called 'ASG'; a name means one method"):
        table(("ASG", asg.Settings()), ("FT", asg.Settings()), ("ASG", asg.Settings(moves=())))
    with pytest.raises(ConfigError, match="asg has no setting tau; it has moves, min_scroll, temp"):
        change(asg.Settings(), tau=0.5)
    assert change(asg.Settings(), temperature=0.5).temperature == 0.5
