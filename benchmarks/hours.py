"""What one run of each kind of a profile takes; reports/hours.csv keeps the seconds of `small`.

Of a training only the first steps are made. The encoders that are evaluated are those of `--runs`,
in which nothing is written. As many kinds are timed at a time as there are cores; those of which
`--out` has all seconds are not timed again.

    python benchmarks/hours.py --data FOLDER --runs FOLDER --out hours.csv
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

import pandas as pd

from asglib import encoder
from asglib.config import Evaluation, Frontend, Pretraining
from asglib.data.cores import cores
from asglib.data.workspace import Workspace
from asglib.processes import settle
from asglib.study import children, plans, profiles, runs
from asglib.study.evaluator import Evaluator
from asglib.study.worker import Run

SECONDS = 8.0  # of a training's steps
WARM = 3  # steps that do not count
SEED = 999  # of trainings that are not finished
KIND = ["kind", "what", "frontend", "encoder", "data"]


class Enough(Exception):
    """A training has been timed."""


def kind(run: Run) -> tuple[str, ...]:
    """What runs of one length share, as the first columns of the table."""
    before = run if isinstance(run, Pretraining) else run.pretraining
    network = before.encoder if before else "spectrogram"
    inputs = "waves" if before and _takes_waves(network, run.frontend) else run.frontend.name
    if isinstance(run, Pretraining):
        return "pretraining", run.method, inputs, network, run.corpus
    return "evaluation", run.setting, inputs, network, f"{run.data_set}/{run.task}".rstrip("/")


@cache
def _takes_waves(network: str, frontend: Frontend) -> bool:
    return encoder.build(network, frontend).takes_waves


def kinds(evaluations: list[Evaluation]) -> dict[tuple[str, ...], list[Run]]:
    """The runs of each kind, without encoders that are not trained."""
    trainings = [e.pretraining for e in evaluations if e.pretraining and e.pretraining.epochs]
    found: dict[tuple[str, ...], list[Run]] = {}
    for run in dict.fromkeys([*trainings, *evaluations]):
        found.setdefault(kind(run), []).append(run)
    return found


def together(found: dict[tuple[str, ...], list[Run]]) -> list[list[tuple[str, ...]]]:
    """Kinds that are timed one after another: a frozen encoder embeds a set once for its tasks."""
    groups: dict[tuple[str, ...], list] = {}
    for one in found:
        groups.setdefault((*one[:4], one[4].split("/")[0]), []).append(one)
    return list(groups.values())


def training(run: Pretraining, workspace: Workspace) -> float:
    """Seconds of a whole training by those of its first steps, and what comes before them."""
    began, told = time.perf_counter(), []

    def tell(row: dict) -> None:
        told.append((row["step"], time.perf_counter(), row["steps"]))
        if told[-1][1] - told[0][1] > SECONDS:
            raise Enough

    with suppress(Enough):
        runs.trained(replace(run, seed=SEED), workspace, tell)
    (step, first, steps), (end, last, _) = told[min(WARM, len(told) - 2)], told[-1]
    return told[0][1] - began + steps * (last - first) / (end - step)


def evaluated(tasks: list[list[Evaluation]], workspace: Workspace) -> list[float]:
    """Seconds of an evaluation of each kind, all of one encoder that is there."""
    one = next((e for e in tasks[0] if _ready(e, workspace)), None)
    if one is None:
        return [float("nan")] * len(tasks)
    with tempfile.TemporaryDirectory() as folder:
        aside = replace(workspace, runs=Path(folder))
        aside.cache.symlink_to(workspace.cache)
        if one.pretraining:
            name = runs.run_name(one.pretraining, workspace)
            (aside.runs / name).symlink_to(workspace.runs / name)
        evaluator = Evaluator(one.pretraining, aside)
        evaluator.trained(one.after)
        return [_seconds(evaluator, one, alike[0]) for alike in tasks]


def _ready(e: Evaluation, workspace: Workspace) -> bool:
    return e.pretraining is None or runs.is_trained(e.pretraining, workspace)


def _seconds(evaluator: Evaluator, one: Evaluation, like: Evaluation) -> float:
    mine = replace(like, pretraining=one.pretraining, after=one.after, seed=one.seed)
    began = time.perf_counter()
    evaluator(mine)
    return time.perf_counter() - began


def timed(order: tuple[list[list[Run]], Workspace]) -> list[float]:
    """In a process of its own: one thread, as a worker of the study has."""
    settle(1)
    alike, workspace = order
    if isinstance(alike[0][0], Evaluation):
        return evaluated(alike, workspace)
    with tempfile.TemporaryDirectory() as folder:
        aside = replace(workspace, runs=Path(folder))
        aside.cache.symlink_to(workspace.cache)
        return [training(runs_of[0], aside) for runs_of in alike]


def table(profile: str, workspace: Workspace, known: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """`known` rows with those that were timed since, whenever there are more of them."""
    found = kinds(plans.everything(profiles.profile(profile)))
    seconds = dict(zip(map(tuple, known[KIND].to_numpy()), known["seconds"]))
    groups = [group for group in together(found) if not seconds.keys() >= set(group)]
    orders = [([found[one] for one in group], workspace) for group in groups]
    os.environ.update(children.PAGES)  # as the processes of a study have it
    with multiprocessing.get_context("spawn").Pool(cores()) as pool:
        for group, times in zip(groups, pool.imap(timed, orders)):
            seconds |= dict(zip(group, times))
            rows = [[*one, len(found[one]), seconds[one]] for one in found if one in seconds]
            yield pd.DataFrame(rows, columns=[*KIND, "runs", "seconds"]).dropna().round(1)
        pool.close()
        pool.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="small")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("hours.csv"))
    options = parser.parse_args()
    workspace = Workspace(data=options.data, runs=options.runs)
    workspace.cache.mkdir(parents=True, exist_ok=True)
    rows = pd.DataFrame(columns=[*KIND, "runs", "seconds"])
    if options.out.exists():
        rows = pd.read_csv(options.out)
    for more in table(options.profile, workspace, rows):
        rows = more
        rows.to_csv(options.out, index=False)
        print(f"{len(rows)} kinds in {options.out}", flush=True)
    hours = rows["runs"] * rows["seconds"] / 3600
    print(hours.groupby(rows["kind"]).sum().round(1).to_string())


if __name__ == "__main__":
    main()
