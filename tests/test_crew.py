"""Workers that are killed or far away, jobs that others have taken, errors of single runs."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import crew_tasks
import pytest
import tiny_study
import torch
from conftest import essence
from distributed import Client, LocalCluster

from asglib.config import Evaluation, Pretraining
from asglib.data.workspace import Workspace
from asglib.files import locked
from asglib.study import cluster, crew, names, pool, runs, worker
from asglib.study.evaluator import Evaluator

ROOT = Path(__file__).parents[1]
ENCODER = Pretraining("none", crew_tasks.NoSettings())


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    return SimpleNamespace(runs=tmp_path, cache=tmp_path / "cache", device="cpu", processes=1)


def evaluation(task: str, seed: int = 0, encoder: Pretraining = ENCODER) -> Evaluation:
    return Evaluation(encoder, "toy", task, seed=seed)


def made(workspace, *jobs, size=2):
    """A crew for jobs, each a list of runs that costs as much as it has runs."""
    orders = [
        crew.Job(list(runs), workspace.runs / f"{number}.lock", len(runs))
        for number, runs in enumerate(jobs)
    ]
    return crew.Crew(crew_tasks.compute, orders, workspace, size)


def finish(workspace, *jobs, size=2, said=None):
    """The errors of jobs."""
    return made(workspace, *jobs, size=size).finish(print if said is None else said.append)


def times(workspace, name):
    """[begun, ended] of every time that a run was computed; killed: [begun]."""
    words = (workspace.runs / name).read_text().split()
    return [float(word) for word in words]


def test_an_error_is_of_its_own_run_alone_and_evaluations_wait_for_their_encoder(workspace):
    said = []
    tested = [evaluation("a"), evaluation("b", 7), evaluation("c")]
    errors = finish(workspace, tested, [evaluation("d")], [ENCODER], said=said)
    assert errors == {evaluation("b", 7): "ValueError: seven"}
    begun = {name: times(workspace, name)[0] for name in ("a-0", "b-7", "c-0", "d-0")}
    assert min(begun.values()) > times(workspace, "encoder-0")[1]
    assert said[-1] == "5/5 runs" and any(": encoder-0" in line for line in said)


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
    lost = evaluation("a", encoder=encoder)
    errors = finish(workspace, [encoder], [lost], [evaluation("b")])
    assert errors.keys() == {encoder, lost} and len(set(errors.values())) == 1
    assert len(times(workspace, "b-0")) == 2 and not (workspace.runs / "a-0").exists()


def test_a_job_that_another_command_has_taken_waits_while_others_are_computed(workspace):
    team = made(workspace, [evaluation("a"), evaluation("a2")], [evaluation("b")], size=1)

    def enough(line):
        if "1 job with another command" in line and (workspace.runs / "b-0").exists():
            raise InterruptedError

    with locked(workspace.runs / "0.lock"), pytest.raises(InterruptedError):
        team.finish(enough)
    assert not (workspace.runs / "a-0").exists()
    assert finish(workspace, [evaluation("a")]) == {}
    assert (workspace.runs / "a-0").exists()


def test_an_answer_that_its_worker_took_along_is_awaited_again(workspace):
    def lost(timeout):
        raise TimeoutError

    team, awaited = made(workspace, [evaluation("a")]), []
    job = team.waiting.pop()
    future = SimpleNamespace(result=lost, add_done_callback=awaited.append)
    future = type("Hashed", (SimpleNamespace,), {"__hash__": object.__hash__})(**vars(future))
    team._hear(future, job, None)
    assert team.begun == {future: job} and awaited == [team.ended.put]


@pytest.fixture
def started(monkeypatch):
    """The worker processes that were started here, in order."""
    found, start = [], cluster.children.start

    def noted(*words, **how):
        found.append(start(*words, **how))
        return found[-1]

    monkeypatch.setattr(cluster.children, "start", noted)
    return found


def test_no_worker_outlives_its_crew(workspace, started):
    def interrupt(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(workspace, [evaluation("a")]).finish(interrupt)
    assert len(started) == 2 and all(process.returncode is not None for process in started)


def test_workers_that_cannot_start_are_one_sentence(workspace, monkeypatch):
    monkeypatch.setattr(cluster, "SERVE", "raise SystemExit(3)")
    with pytest.raises(
        cluster.StudyError, match="workers end as they start, the last by exit status 3"
    ):
        finish(workspace, [evaluation("a")])


def test_a_worker_that_cannot_start_is_no_worker_beside_others_that_can(
    workspace, scheduler, monkeypatch
):
    """On a broken node of a cluster: the others' being there said nothing of it."""
    with cluster.opened(scheduler, "cpu", 1, workspace.cache) as sound:
        while not sound.size():
            time.sleep(0.1)
        monkeypatch.setattr(cluster, "SERVE", "raise SystemExit(3)")
        monkeypatch.setattr(cluster.socket, "gethostname", lambda: "broken")
        with cluster.opened(scheduler, "cpu", 1, workspace.cache) as broken:
            deadline = time.monotonic() + 60
            with pytest.raises(cluster.StudyError, match="workers end as they start"):
                while time.monotonic() < deadline:
                    broken.size()
                    time.sleep(0.1)


def test_workers_with_gpus_share_the_cores_and_have_names_of_their_own(monkeypatch, scheduler):
    """Two jobs of a cluster on one machine, each with two GPUs that it calls 0 and 1."""
    environments, names = [], []

    def start(code, address, name, folder, share, environment):
        names.append(name)
        environments.append(environment)
        return SimpleNamespace(poll=lambda: None)

    monkeypatch.setattr(cluster.children, "start", start)
    monkeypatch.setattr(cluster, "cores", lambda: 12)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("ASG_LOADERS", raising=False)
    for job in (101, 102):
        monkeypatch.setattr(cluster.os, "getpid", lambda job=job: job)
        cluster.Team(scheduler).hire("cuda", None, Path("work"))
    assert len(set(names)) == 4 and [e["ASG_LOADERS"] for e in environments] == ["6"] * 4
    assert [e["CUDA_VISIBLE_DEVICES"] for e in environments] == ["0", "1"] * 2
    cluster.Team(scheduler, 2).hire("cuda", 4, Path("work"))
    assert environments[-1]["ASG_LOADERS"] == "1", "each of two processes has as many"
    monkeypatch.setenv("ASG_LOADERS", "0")
    cluster.Team(scheduler).hire("cuda", None, Path("work"))
    assert environments[-1]["ASG_LOADERS"] == "0", "the user's own number stays"


@pytest.fixture
def scheduler():
    with LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as made:
        yield made.scheduler_address


def test_a_killed_run_is_resumed_and_every_record_is_that_of_a_plain_run(
    workspace, tmp_path, started, monkeypatch
):
    monkeypatch.setattr(pool, "compute", crew_tasks.noted)
    there, wanted = Workspace(None, tmp_path / "there"), tiny_study.runs()
    records, errors = pool.computed(wanted, there, 2, lambda line: None)
    assert errors == {} and len(started) == 3  # two, and one for that which was killed
    notes = sorted(path.read_text().split() for path in there.runs.glob("steps-*"))
    whole = [str(step) for step in range(1, 9)]
    assert notes == [[*whole[:5], *whole[4:]], whole]  # the step whose end was lost, again
    plain = Workspace(None, tmp_path / "plain")
    for encoder in dict.fromkeys(e.pretraining for e in wanted):
        evaluator = Evaluator(encoder, plain)
        for e in wanted:
            if e.pretraining == encoder:
                assert essence(records[e]) == essence(evaluator(e))
        assert essence(runs.record_of(encoder, there)) == essence(runs.record_of(encoder, plain))


@pytest.fixture
def hired(scheduler, tmp_path, workspace):
    """`asglib work` with two workers for the scheduler, as on another machine."""
    words = ["work", scheduler, "--workers", "2", "--device", "cpu"]
    environment = os.environ | {"ASG_RUNS": str(tmp_path)}
    command = [sys.executable, "-m", "asglib", *words]
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    yield process
    process.terminate()
    assert process.wait(timeout=10) == 128 + 15


def test_the_workers_of_a_scheduler_compute_and_one_that_dies_is_replaced(
    workspace, scheduler, hired
):
    team = made(workspace, [evaluation("a"), evaluation("b", 8)], [evaluation("c", 7)], size=0)
    assert team.finish(print, scheduler) == {evaluation("c", 7): "ValueError: seven"}
    assert len(times(workspace, "a-0")) == 2 and len(times(workspace, "b-8")) == 3


OTHER_CODE = """
import sys
from asglib.study import worker
worker.LOADED = "other"
worker.serve(*sys.argv[1:])
"""


@contextmanager
def of_dask(scheduler: str, folder: Path):
    """A worker that dask's own command starts; its name."""
    words = ["--nthreads", "1", "--no-dashboard", "--local-directory", folder, "--name", "stray"]
    command = [sys.executable, "-m", "dask", "worker", scheduler, *words]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    yield "stray"
    process.terminate()
    process.wait(timeout=10)


@contextmanager
def of_asglib(scheduler: str, folder: Path, code: str = cluster.SERVE):
    """A worker of `asglib work` on another machine; its name."""
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cluster, "SERVE", code)
            patch.setattr(cluster.socket, "gethostname", lambda: "far")
            team = stack.enter_context(cluster.opened(scheduler, "cpu", 1, folder))
        yield next(iter(team.processes))


def of_other_code(scheduler: str, folder: Path):
    return of_asglib(scheduler, folder, OTHER_CODE)


def come(scheduler: str) -> None:
    """Waits until a worker is there."""
    with Client(scheduler, set_as_default=False) as client:
        client.wait_for_workers(1, timeout=60)


WHY = "of other code, other --processes, or dask worker"


@pytest.mark.parametrize("stray", [of_dask, of_other_code])
def test_a_worker_of_another_kind_is_left_out_and_named_while_others_compute(
    workspace, scheduler, stray
):
    said = []
    with stray(scheduler, workspace.runs) as name:
        come(scheduler)
        assert made(workspace, [evaluation("a")], size=1).finish(said.append, scheduler) == {}
    assert all(f"\n1 left out, the first {name}: {WHY}" in text for text in said)


def test_a_command_of_two_processes_leaves_out_workers_of_one(workspace, scheduler):
    def heard(text):
        words = f"start some by python -m asglib work {scheduler} --processes 2"
        left_out = f"1 left out, the first {name}: {WHY}"
        assert text.splitlines() == ["0/1 runs", f"no worker for this command: {words}", left_out]
        raise InterruptedError

    workspace.processes = 2
    with of_asglib(scheduler, workspace.runs) as name:
        come(scheduler)
        with pytest.raises(InterruptedError):
            made(workspace, [evaluation("a")], size=0).finish(heard, scheduler)


def test_a_command_whose_own_code_has_changed_is_one_sentence(workspace, monkeypatch):
    """A worker that is started again, after a run was killed, has the new code."""
    monkeypatch.setattr(cluster, "SERVE", OTHER_CODE)
    with pytest.raises(cluster.StudyError, match="the code has changed since this command began"):
        finish(workspace, [evaluation("a")], size=1)


def test_a_command_without_workers_says_what_to_start_and_waits(workspace, scheduler):
    said, words = [], f"start some by python -m asglib work {scheduler}"
    with ExitStack() as stack:

        def heard(text):
            said.append(text.splitlines())
            if len(said) == 1:
                assert said == [["0/1 runs", f"no worker for this command: {words}"]]
                stack.enter_context(of_asglib(scheduler, workspace.runs))

        assert made(workspace, [evaluation("a")], size=0).finish(heard, scheduler) == {}
    assert said[-1] == ["1/1 runs"]


def test_a_stopped_command_stops_its_jobs_at_a_scheduler_and_leaves_the_workers(
    workspace, scheduler, hired
):
    def interrupt(line):
        if "long-6" in line:
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        made(workspace, [evaluation("long", 6)], size=0).finish(interrupt, scheduler)
    with locked(workspace.runs / "0.lock"):  # which the job holds until it ends
        assert time.monotonic() - began < 40  # of 60
    assert made(workspace, [evaluation("a")], size=0).finish(print, scheduler) == {}


def test_a_scheduler_that_ends_is_one_sentence(workspace, tmp_path):
    with LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as made_here:
        address = made_here.scheduler_address
        with pytest.raises(cluster.StudyError, match=f"the scheduler at {address} has gone"):
            made(workspace, [evaluation("a")]).finish(lambda line: made_here.close(), address)


def test_a_scheduler_that_does_not_answer_is_one_sentence(workspace, monkeypatch):
    monkeypatch.setattr(cluster, "ANSWER", 1)
    with pytest.raises(
        cluster.StudyError, match="no scheduler answers at 'tcp://127.0.0.1:9' within"
    ):
        made(workspace, [evaluation("a")]).finish(print, "tcp://127.0.0.1:9")


EARLY = """
import sys
from pathlib import Path
from asglib.study import cluster
cluster.ANSWER = 1
cluster.work(sys.argv[1], "cpu", 1, Path(sys.argv[2]), 1)
"""


def test_workers_that_start_before_their_scheduler_wait_for_it(workspace):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = cluster.children.start(EARLY, address, str(workspace.runs), **pipes)
    try:
        assert process.stdout.readline() == f"waiting at most 10 min for a scheduler at {address}\n"
        time.sleep(1.5)  # longer than ANSWER
        where = {"host": "127.0.0.1", "scheduler_port": port, "dashboard_address": "127.0.0.1:0"}
        with LocalCluster(n_workers=0, **where):
            come(address)
        said, error = process.communicate(timeout=20)
        assert said == "" and error.endswith(f"the scheduler at {address} has gone.\n")
    finally:
        cluster.children.end([process])


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("tcp://127.0.0.1:9", "no scheduler answers at 'tcp://127.0.0.1:9' within 1 s"),
        ("tcp://no.invalid:8786", "the host of tcp://no.invalid:8786 is unknown here"),
    ],
)
def test_workers_without_a_scheduler_are_one_sentence(workspace, monkeypatch, address, told):
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    monkeypatch.setattr(cluster, "ANSWER", 1)
    with pytest.raises(cluster.StudyError, match=told):
        cluster.work(address, "cpu", 1, workspace.runs, 1)


def test_a_file_system_without_locks_is_one_sentence(workspace, monkeypatch):
    def refused(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refused)
    with pytest.raises(
        cluster.StudyError, match="jobs is on a file system without locks .No locks"
    ):
        finish(workspace, [evaluation("a")])


def test_a_runs_folder_that_one_may_only_read_is_one_sentence(workspace, monkeypatch):
    def refused(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("fcntl.flock", refused)
    monkeypatch.setattr(Path, "exists", lambda path: False)
    with pytest.raises(cluster.StudyError, match="nothing can be written in .*jobs: give --runs"):
        finish(workspace, [evaluation("a")])


def test_a_worker_on_a_disk_of_its_own_refuses(workspace, monkeypatch):
    monkeypatch.setattr(worker, "get_worker", lambda: SimpleNamespace(name="far"))
    witness, lock = workspace.runs / "witness", workspace.runs / "0.lock"
    order = worker.Order(crew_tasks.compute, [], workspace, lock, witness)
    with pytest.raises(worker.Unfit, match="far does not see the locks in .* share the runs"):
        worker.perform(order)
    with locked(witness):
        assert worker.perform(order) == []


def test_a_worker_reads_the_data_anew_for_each_command(workspace, monkeypatch):
    """Between two commands data may change; the jobs of one share what was read."""
    monkeypatch.setattr(worker, "get_worker", lambda: SimpleNamespace(name="far"))
    monkeypatch.setattr(worker, "known", [])
    forgotten, lock = [], workspace.runs / "0.lock"
    monkeypatch.setattr(names, "forget", lambda: forgotten.append(True))
    for name, count in (("one", 1), ("one", 1), ("two", 2)):
        order = worker.Order(crew_tasks.compute, [], workspace, lock, workspace.runs / name)
        with locked(order.witness):
            assert worker.perform(order) == [] and len(forgotten) == count


def test_a_worker_tells_which_run_how_fast_and_how_long_still(workspace, monkeypatch):
    told, clock = [], iter([10.0, 10.5, 12.0, 20.0])
    here = SimpleNamespace(name="far GPU 3", log_event=lambda topic, row: told.append(row["text"]))
    monkeypatch.setattr(worker, "get_worker", lambda: here)
    monkeypatch.setattr(worker.time, "monotonic", lambda: next(clock))
    lock = workspace.runs / "0.lock"
    tell = worker._reporter(worker.Order(crew_tasks.compute, [], workspace, lock, lock))
    for step in (10, 12, 20, 10):  # the last after a process of it had died: from its checkpoint
        tell({"run": "r", "step": step, "steps": 100, "epoch": step / 10, "loss": 1, "views": 64})
    speed = "320 views/s, 0.3 min left"  # 10 steps in 2 s, and 80 more
    assert told == [
        "far GPU 3: r epoch 1.0, loss 1.000",
        f"far GPU 3: r epoch 2.0, loss 1.000, {speed}",
        "far GPU 3: r epoch 1.0, loss 1.000",
    ]


def test_each_gpu_is_a_place_that_sees_no_other(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    two = {f"GPU {gpu}": {"CUDA_VISIBLE_DEVICES": gpu} for gpu in "25"}
    assert cluster.places("cuda") == two
    assert cluster.places("cuda:1") == {"GPU 5": {"CUDA_VISIBLE_DEVICES": "5"}}
    assert len(cluster.places("cpu")) == len(os.sched_getaffinity(0))


def test_a_part_of_the_cores_is_all_that_there_is(monkeypatch):
    """As Slurm, taskset and containers give it; a system that does not say it has them all."""
    monkeypatch.setenv("ASG_DEVICE", "cuda")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {2, 3, 6, 7})
    assert len(cluster.places("cpu")) == 4 and len(cluster.places("cpu", 2)) == 2
    assert Workspace.here().workers == 3  # beside the process that they read audio for
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert len(cluster.places("cpu")) == 6 and Workspace.here().workers == 5


def test_no_time_is_foretold_before_a_run_has_ended(workspace, monkeypatch):
    """Costs that add up in another order differ in their last bits: 0.1 + 0.2 + 0.3."""
    costs = (0.1, 0.2, 0.3)
    jobs = [crew.Job([evaluation(name)], workspace.runs / name, c) for name, c in zip("abc", costs)]
    team = crew.Crew(crew_tasks.compute, jobs, workspace, 1)
    team.waiting.sort(key=lambda job: -job.cost)
    assert sum(job.cost for job in team.waiting) != team.cost
    assert team._count() == "0/3 runs"
    monkeypatch.setattr(time, "monotonic", lambda: team.start + 60)
    team.waiting = team.waiting[:2]  # 0.1 is done in a minute, 0.5 is left
    assert team._count() == "1/3 runs, about 5.0 min left"
