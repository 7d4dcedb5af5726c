"""The timing of each kind of run: counts, and the seconds of a training by those of its steps."""

import sys
from dataclasses import replace

import pandas as pd
import pytest
from conftest import ROOT

from asglib.data.workspace import Workspace
from asglib.study import plans, profiles

sys.path.insert(0, str(ROOT / "benchmarks"))
import hours  # noqa: E402

SMOKE = profiles.profile("smoke")


@pytest.fixture(scope="module")
def found():
    return hours.kinds(plans.everything(profiles.profile("small")))


def test_every_run_of_small_is_of_one_kind(found):
    evaluations = set(plans.everything(profiles.profile("small")))
    trained = {e.pretraining for e in evaluations if e.pretraining and e.pretraining.epochs}
    assert sorted(map(repr, sum(found.values(), []))) == sorted(map(repr, evaluations | trained))


def test_the_published_kinds_are_those_of_the_plans(found):
    table = pd.read_csv(ROOT / "reports/hours.csv")
    known = {tuple(row[:5]): row.runs for row in table.itertuples(index=False)}
    assert known == {one: len(alike) for one, alike in found.items()}


def test_tasks_of_one_set_are_timed_together(found):
    groups = hours.together(found)
    assert sorted(sum(groups, [])) == sorted(found)
    spoken = next(g for g in groups if g[0][:4] == ("evaluation", "frozen", "linear", "small"))
    assert len({one[4].split("/")[0] for one in spoken}) == 1


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on by what `later` is told."""
    now = [100.0]
    monkeypatch.setattr(hours.time, "perf_counter", lambda: now[0])

    def later(seconds):
        now[0] += seconds

    return later


def test_a_training_is_told_by_its_steps_after_the_first_ones(clock, monkeypatch):
    """Five seconds until the first step has ended, three slow steps, then half a second each."""
    seen = []

    def trained(run, workspace, tell):
        seen.append(run.seed)
        for step in range(1, 1_001):
            clock(5.0 if step == 1 else 2.0 if step < 5 else 0.5)
            tell({"step": step, "steps": 1_000})

    monkeypatch.setattr(hours.runs, "trained", trained)
    run = plans.pretraining(SMOKE, "NONE", 0)
    assert hours.training(run, Workspace()) == pytest.approx(5.0 + 1_000 * 0.5)
    assert seen == [hours.SEED]


def test_an_evaluation_is_timed_and_nothing_is_kept(tmp_path):
    workspace = Workspace(runs=tmp_path / "runs")
    workspace.cache.mkdir(parents=True)
    (one,) = plans.evaluations(replace(SMOKE, seeds=(0,)), "spectrogram", ("toy/order",))
    (seconds,) = hours.evaluated([[one]], workspace)
    assert 0 < seconds < 300
    assert [path.name for path in workspace.runs.iterdir()] == ["cache"]


def test_without_its_encoder_an_evaluation_has_no_seconds(tmp_path):
    one, other = plans.evaluations(SMOKE, "NONE", ("toy/order", "toy/pattern"))[:2]
    assert pd.isna(hours.evaluated([[one], [other]], Workspace(runs=tmp_path))).all()
