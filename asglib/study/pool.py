"""Many runs: those that are there are found, the others computed, several at a time."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch

from asglib.config import Evaluation, Pretraining
from asglib.data.cores import cores
from asglib.data.corpus import load
from asglib.data.index import DataError
from asglib.data.places import clear_folder
from asglib.data.workspace import Workspace
from asglib.files import where_allowed
from asglib.processes import settle
from asglib.study.cluster import places
from asglib.study.costs import check_loaders, cost
from asglib.study.crew import Crew, Job
from asglib.study.evaluator import Evaluator
from asglib.study.runs import is_trained, record_of, run_name
from asglib.study.worker import Run, Unfit


def failure(missing: list[Evaluation], wanted: int, errors: dict[Evaluation, str]) -> str:
    """The sentence about runs that are missing, with each reason once."""
    reasons = "; ".join(sorted({errors[e] for e in missing}))
    first = describe(missing[0])
    return f"{len(missing)} of {wanted} records are missing ({first} is the first): {reasons}"


def describe(e: Evaluation) -> str:
    method = e.pretraining.method if e.pretraining else "spectrogram"
    task = f"{e.data_set}/{e.task}".rstrip("/")
    return f"{method} {e.frontend.name} on {task}, {e.setting}, seed {e.seed}"


def computed(
    evaluations: list[Evaluation],
    workspace: Workspace,
    workers: int | None = None,
    progress: Callable[[str], object] = print,
) -> tuple[dict[Evaluation, dict], dict[Evaluation, str]]:
    """The records, computed where they are missing and `workspace` computes; why the others have
    none."""
    records = {e: record_of(e, workspace) for e in dict.fromkeys(evaluations)}
    missing = [e for e, record in records.items() if record is None]
    reasons = {}
    if missing and workspace.computes:
        reasons = _compute(missing, workspace, workers, progress)
    records |= {e: record_of(e, workspace) for e in missing}
    found = {e: record for e, record in records.items() if record is not None}
    errors = {e: reasons.get(e, "not computed") for e in missing if e not in found}
    first = f", the first {describe(next(iter(errors)))}" if errors else ""
    progress(
        f"{len(records)} runs: {len(records) - len(missing)} found, "
        f"{len(missing) - len(errors)} computed, {len(errors)} missing{first}"
    )
    return found, errors


def _compute(
    missing: list[Evaluation], workspace: Workspace, workers: int | None, progress: Callable
) -> dict[Run, str]:
    """Computes runs, here or at the scheduler that ASG_SCHEDULER names; why which failed."""
    groups: dict[tuple, list[Run]] = {}
    for e in missing:
        if e.pretraining and not is_trained(e.pretraining, workspace):
            groups[e.pretraining, "trained"] = [e.pretraining]
        # those of a frozen encoder on a set share its embeddings
        what = f"{e.data_set}-{e.task}" if e.setting == "fine-tuned" else e.data_set
        what += f"-after-{e.after}" if e.after else ""
        groups.setdefault((e.pretraining, what), []).append(e)
    jobs = [_job(runs, what, workspace) for (_, what), runs in groups.items()]
    if scheduler := os.environ.get("ASG_SCHEDULER"):
        return Crew(compute_there, jobs, workspace, 0).finish(progress, scheduler)
    # one process a core, each with one thread: the same bits on any number of cores; one a GPU
    there = len(places(workspace.device, workspace.processes))
    size = workers or int(os.environ.get("ASG_WORKERS", there))
    size = min(size, len(jobs))
    loaders = min(workspace.workers, max(1, cores() // size))
    workspace = replace(workspace, workers=loaders)
    check_loaders([run for job in jobs for run in job.runs], workspace, size)
    return Crew(compute, jobs, workspace, size).finish(progress)


def _job(runs: list[Run], what: str, workspace: Workspace) -> Job:
    """Runs of one encoder: cheapest first."""
    encoder = runs[0] if isinstance(runs[0], Pretraining) else runs[0].pretraining
    name = run_name(encoder, workspace) if encoder else "spectrogram"
    lock = workspace.cache / "jobs" / f"{name}-{what}.lock"
    clear_folder(lock.parent)
    with where_allowed():  # here, so that a full disk is told by this command, once
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()
    costs = {run: cost(run, workspace) for run in runs}
    return Job(sorted(runs, key=costs.get), lock, 1 + sum(costs.values()))


def compute(
    runs: list[Run], workspace: Workspace, tell: Callable[[dict], object]
) -> Iterator[tuple[Run, str | None]]:
    """Computes the runs of one encoder; yields each when it has ended, with None or its error."""
    on_gpu = workspace.device.startswith("cuda")
    settle(None if on_gpu else 1)
    gc.collect()  # a recomputing network refers to itself
    torch.cuda.empty_cache()  # else memory that the last run left counts as taken
    workspace = replace(workspace, device="cuda" if on_gpu else "cpu")  # a worker sees its own GPU
    evaluator = Evaluator(
        runs[0] if isinstance(runs[0], Pretraining) else runs[0].pretraining, workspace, tell
    )
    for run in runs:
        if isinstance(run, Pretraining):
            yield run, _error(evaluator.trained)
        else:
            yield run, _error(lambda run=run: evaluator(run))


def compute_there(runs: list[Run], workspace: Workspace, tell: Callable[[dict], object]):
    """`compute` on another machine, whose GPU and cores are not those of the command's."""
    same = {name: getattr(workspace, name) for name in ("data", "runs", "processes", "compiled")}
    here = Workspace.here(**same)
    both = [place.device.partition(":")[0] for place in (workspace, here)]
    if workspace.processes > 1 and len(set(both)) > 1:
        raise Unfit(
            f"this command is on {both[0]} and its workers on {both[1]}, where a run of "
            f"{workspace.processes} processes has another name (D16): start the command on a node "
            "of the workers' kind, or leave out --processes"
        )
    return compute(runs, here, tell)


def _error(step: Callable[[], object]) -> str | None:
    try:
        step()
    except torch.OutOfMemoryError as error:
        return _full(str(error))
    except Exception as error:  # whatever stops one run must not stop the others
        return f"{type(error).__name__}: {error}"
    return None


def _full(message: str) -> str:
    """What a run lacks of its GPU's memory, and who has it."""
    free, total = torch.cuda.mem_get_info()
    own = torch.cuda.memory_reserved()
    found = re.search(r"allocate ([\d.]+) ([KMG])iB", message)
    asked = float(found[1]) * 1024 ** (" KMG".index(found[2])) if found else free
    return (
        f"OutOfMemoryError: the GPU lacks {max(asked - free, 0):,.0f} bytes: of its {total:,} this "
        f"run holds {own:,} and other processes {total - free - own:,}; end those, or choose "
        "another GPU by CUDA_VISIBLE_DEVICES."
    )


def needs(run: Run | None) -> list[str]:
    """What a run needs: its set, its encoder's corpus, and training clips for one batch."""
    if run is None:
        return []
    if isinstance(run, Evaluation):
        return list(dict.fromkeys([run.data_set, *needs(run.pretraining)]))
    whole = run.epochs and not run.clips_per_epoch
    return [run.corpus, *([f"{run.corpus}, {run.batch} clips"] if whole else [])]


def available(
    evaluations: list[Evaluation], workspace: Workspace
) -> tuple[list[Evaluation], dict[str, str]]:
    """The evaluations whose data are there, and for every absent set or corpus how to get it."""
    reasons: dict[str, str] = {}
    for name in dict.fromkeys(name for e in evaluations for name in needs(e)):
        corpus, _, batch = name.removesuffix(" clips").partition(", ")
        try:
            clips = (load(corpus, workspace).rows.split == "train").sum()
        except DataError as error:
            reasons[corpus] = str(error)
            continue
        if batch and clips < int(batch):
            reasons[name] = (
                f"{corpus} has {clips} training clips here, fewer than one batch of {batch}: "
                "add to it."
            )
    return [e for e in evaluations if not reasons.keys() & needs(e)], reasons
