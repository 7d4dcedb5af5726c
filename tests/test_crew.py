"""Workers that are killed, jobs that others have taken, errors of single runs."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import crew_tasks
import pytest

from asglib.config import Evaluation, Pretraining
from asglib.files import locked
from asglib.study import crew

ENCODER = Pretraining("none", crew_tasks.NoSettings())


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    return SimpleNamespace(runs=tmp_path)


def evaluation(task: str, seed: int = 0) -> Evaluation:
    return Evaluation(ENCODER, "toy", task, seed=seed)


def finish(workspace, *jobs, size=2, said=None):
    """The errors of jobs, each a list of runs that costs as much as it has runs."""
    made = [
        crew.Job(list(runs), workspace.runs / f"{number}.lock", len(runs))
        for number, runs in enumerate(jobs)
    ]
    tell = (lambda line: None) if said is None else said.append
    return crew.Crew(crew_tasks.compute, made, workspace, size).finish(tell)


def times(workspace, name):
    """[begun, ended] of every time that a run was computed; killed: [begun]."""
    words = (workspace.runs / name).read_text().split()
    return [float(word) for word in words]


def test_an_error_is_of_its_own_run_alone(workspace):
    said = []
    runs = [ENCODER, evaluation("a"), evaluation("b", 7), evaluation("c")]
    errors = finish(workspace, runs, [evaluation("d")], said=said)
    assert errors == {evaluation("b", 7): "ValueError: seven"}
    assert {"a-0", "b-7", "c-0", "d-0"} <= {path.name for path in workspace.runs.iterdir()}
    assert said[-1] == "2/2 encoders" and any("encoder-0" in line for line in said)


def test_a_worker_that_is_killed_once_loses_nothing(workspace):
    errors = finish(workspace, [evaluation("a"), evaluation("b", 8), evaluation("c")])
    assert errors == {} and len(times(workspace, "a-0")) == 2  # what was done is not done again
    assert len(times(workspace, "b-8")) == 3 and len(times(workspace, "c-0")) == 2


def test_a_run_that_is_always_killed_is_named_and_loses_itself_only(workspace):
    others = [[evaluation(f"other{i}")] for i in range(4)]
    errors = finish(workspace, [evaluation("a"), evaluation("b", 9), evaluation("c")], *others)
    reason = "its process ended by SIGKILL, and again when it ran alone"
    assert errors == {evaluation("b", 9): reason}
    assert len(times(workspace, "c-0")) == 2
    last = times(workspace, "b-9")[-1]  # the second time, after all others
    assert all(last > max(times(workspace, f"other{i}-0")) for i in range(4))


def test_a_pretraining_that_is_always_killed_takes_its_evaluations_along(workspace):
    encoder = replace(ENCODER, seed=9)
    errors = finish(workspace, [encoder, evaluation("a")], [evaluation("b")])
    assert errors.keys() == {encoder, evaluation("a")}
    assert len(times(workspace, "b-0")) == 2 and not (workspace.runs / "a-0").exists()


def test_a_job_that_another_command_has_taken_waits_while_others_are_computed(workspace):
    taken = crew.Job([evaluation("a")], workspace.runs / "0.lock", 2.0)
    free = crew.Job([evaluation("b")], workspace.runs / "1.lock", 1.0)

    def enough(line):
        if taken.after and (workspace.runs / "b-0").exists():
            raise InterruptedError

    with locked(taken.lock), pytest.raises(InterruptedError):
        crew.Crew(crew_tasks.compute, [taken, free], workspace, 1).finish(enough)
    assert not (workspace.runs / "a-0").exists()
    assert finish(workspace, [evaluation("a")]) == {}
    assert (workspace.runs / "a-0").exists()


def test_no_worker_outlives_its_crew(workspace):
    def interrupt(line):
        raise KeyboardInterrupt

    jobs = [crew.Job([evaluation("a")], workspace.runs / "0.lock", 1.0)]
    team = crew.Crew(crew_tasks.compute, jobs, workspace, 1)
    with pytest.raises(KeyboardInterrupt):
        team.finish(interrupt)
    (job,) = team.begun.values()
    assert job.process.returncode is not None
