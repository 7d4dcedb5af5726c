"""What a study would run, before it runs: clips, steps, hours and disk (paper section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pandas as pd
import torch

from asglib.audio import RATE
from asglib.config import Evaluation, Pretraining, kept
from asglib.counting import counted
from asglib.data.clips import CACHE_LIMIT
from asglib.data.index import DATASETS
from asglib.data.workspace import Workspace
from asglib.networks import NETWORKS
from asglib.study import costs, footprint, pool
from asglib.study.runs import record_of, run_name
from asglib.study.worker import Run

GB_OF_RECORD = 0.0005
VIEWS_PER_SECOND = 1_900.0  # of the paper's size through ResNet-50, both ways, on one H100
STATES = ("done", "to run", "left out")
COLUMNS = ["run", "pretrained on", "data", "clips", "steps", "hours", "GB", "state", "for want of"]
TOOK = "took"  # hours, where records of the same run are published


def forecast(
    evaluations: list[Evaluation],
    workspace: Workspace,
    views_per_second: float = VIEWS_PER_SECOND,
    published: Sequence[dict] = (),
) -> pd.DataFrame:
    """One row a run: what, on which data, clips, steps, GPU hours, GB, state, and what it lacks;
    with `published` records also how long the run took that made them.

    Hours count every spectrogram through the encoder, forward and backward, at `views_per_second`
    spectrograms of the paper's size (257 x 300) a second; the loader is taken to keep up.
    attrs["left out"]: what is not there, and how to get it; attrs["decoded"]: GB of the sets that
    are kept decoded beside the runs.
    """
    _, reasons = pool.available(evaluations, workspace)
    encoders = [e.pretraining for e in evaluations if e.pretraining]
    took = {record["run"]: record.get("seconds", 0.0) / 3600 for record in published}
    rows = []
    for run in dict.fromkeys([*encoders, *evaluations]):
        want = "; ".join(name for name in pool.needs(run) if name in reasons)
        state = "left out" if want else "done" if record_of(run, workspace) else "to run"
        hours = costs.cost(run, workspace) / views_per_second / 3600
        told = {"steps": costs.steps(run, workspace), "hours": hours, "GB": _gigabytes(run)}
        if took and not want:
            told[TOOK] = took.get(run_name(run, workspace))
        rows.append(_what(run, workspace) | told | {"state": state, "for want of": want})
    table = pd.DataFrame(rows, columns=[*COLUMNS, TOOK] if took else COLUMNS)
    able = table.data[table.state != "left out"].str.split("/").str[0].unique()
    decoded = sum(_decoded(names, workspace) for names in able)
    table.attrs = {"left out": reasons, "decoded": decoded / 1e9}
    return table


def _what(run: Run, workspace: Workspace) -> dict:
    if isinstance(run, Pretraining):
        name = f"pretrain {run.method} {run.frontend.name}, seed {run.seed}"
        train, _ = costs.clips(run.corpus, workspace)
        return {"run": name, "pretrained on": "", "data": run.corpus, "clips": train}
    train, _ = costs.clips(run.data_set, workspace, run.training.max_clips)
    method = run.pretraining.method if run.pretraining else "spectrogram"
    return {
        "run": f"{run.setting} {method} {run.frontend.name}, seed {run.seed}",
        "pretrained on": run.pretraining.corpus if run.pretraining else "",
        "data": f"{run.data_set}/{run.task}",
        "clips": train,
    }


def _gigabytes(run: Run) -> float:
    """Of what stays: a record, or an encoder at its end and on its way."""
    if isinstance(run, Pretraining):
        return _weights(run.encoder) * (1 + len(kept(run.epochs)))
    return GB_OF_RECORD


@cache
def _weights(encoder: str) -> float:
    with torch.device("meta"):
        network = NETWORKS[encoder]()
    return sum(part.numel() * part.element_size() for part in network.state_dict().values()) / 1e9


def _decoded(names: str, workspace: Workspace) -> float:
    """Bytes of the waves of sets if they are few enough to be kept decoded."""
    lengths = {name: DATASETS[name].seconds for name in names.split("+")}
    seconds = sum(length * sum(costs.clips(name, workspace)) for name, length in lengths.items())
    size = 4 * RATE * seconds
    return size if size <= CACHE_LIMIT else 0


def states(tables: dict[str, pd.DataFrame]) -> str:
    """A line a notebook: how many of its runs are done, can run and are left out, and the hours."""
    rows = {
        name: {
            **table.state.value_counts().reindex(STATES, fill_value=0),
            "GPU hours": f"{table.hours[table.state == 'to run'].sum():.1f}",
            "for want of": "; ".join(sorted(table.attrs["left out"])),
        }
        for name, table in tables.items()
    }
    return pd.DataFrame(rows).T.rename_axis("notebook").to_string()


def memory_of(evaluations: list[Evaluation]) -> str:
    """A line an encoder: the bytes that its largest step keeps on a GPU, plain and recomputing."""
    largest: dict[str, Pretraining] = {}
    for run in dict.fromkeys(e.pretraining for e in evaluations if e.pretraining):
        if run.epochs and _samples(run) > _samples(largest.get(run.encoder)):
            largest[run.encoder] = run
    lines = []
    for name, run in largest.items():
        plain, recomputed = (f"{size / 2**30:.1f} GiB" for size in footprint.forecast(run))
        again = f", {recomputed} where it is recomputed" if recomputed != plain else ""
        lines.append(f"{name}: a step of {run.method}, batch {run.batch}, keeps {plain}{again}")
    return "\n".join(lines)


def _samples(run: Pretraining | None) -> int:
    """Of all views of a step."""
    return run.batch * run.settings.views * run.settings.samples(run) if run else 0


def summary(table: pd.DataFrame) -> str:
    """How many runs are in which state, with hours and disk; then a line for all that is absent."""
    done, able, left = (table[table.state == state] for state in STATES)
    text = (
        f"{len(table)} runs: {len(done)} done, {len(able)} can run on the data present (about "
        f"{able.hours.sum():.1f} GPU hours and {able.GB.sum():.1f} GB, besides "
        f"{table.attrs['decoded']:.1f} GB of decoded audio), {len(left)} left out (about "
        f"{left.hours.sum():.1f} GPU hours)."
    )
    wants = left["for want of"].str.split("; ").explode().value_counts()
    if TOOK in table and (known := able[TOOK].dropna()).size:
        text += (
            f"\n{known.size:,} of those that can run have a published record; these say "
            f"{known.sum():.1f} hours of one core or GPU: too many where others shared it, too few "
            "where a run was resumed."
        )
    lines = [
        f"left out for want of {name}, {counted(wants.get(name, 0), 'run')}: {reason}"
        for name, reason in sorted(table.attrs["left out"].items())
    ]
    return "\n".join([text, *lines])
