"""What a study would run, before it runs: clips, steps, hours and disk (paper section 3.2)."""

from __future__ import annotations

import pandas as pd

from asglib.audio import RATE
from asglib.data.clips import CACHE_LIMIT
from asglib.config import Evaluation, Pretraining
from asglib.data import index as datasets
from asglib.data.corpus import load
from asglib.data.workspace import Workspace
from asglib.study import pool
from asglib.study.runs import record_of

BYTES_PER_WEIGHT = {
    "resnet50": 94e6,
    "resnet18": 45e6,
    "tiny": 1.3e6,
}  # of one saved encoder, float32
RECORD = 0.5e6  # bytes of an evaluation's record
VIEWS_PER_SECOND = (
    1_900.0  # of the paper's size through ResNet-50, forward and backward, on one H100
)
STATES = ("done", "to run", "left out")


def clips(names: str, place: Workspace, limit: int | None = None) -> tuple[int, int]:
    """(training clips, all others) of the sets in `names`, at most `limit` of each split.

    The index's numbers where the sets are there, else the published ones.
    """
    try:
        sizes = load(names, place).rows.split.value_counts().to_dict()
    except datasets.DataError:
        published = [datasets.DATASETS[name].counts for name in names.split("+")]
        train = sum(c.get("train", c.get("clips", max(c.values(), default=0))) for c in published)
        sizes = {"train": train, "test": sum(c.get("test", 0) for c in published)}
    sizes = {split: min(size, limit or size) for split, size in sizes.items()}
    return sizes.get("train", 0), sum(sizes.values()) - sizes.get("train", 0)


def forecast(
    evaluations: list[Evaluation], place: Workspace, views_per_second: float = VIEWS_PER_SECOND
) -> pd.DataFrame:
    """One row a run: what, its encoder's corpus, its set, training clips, steps, GPU hours, GB, state and, where it is
    left out, for want of what.

    Hours count every spectrogram through the encoder, forward and backward, at `views_per_second` spectrograms of
    the paper's size (257 x 300) a second; the loader is taken to keep up. attrs["left out"]: what is not there, and
    how to get it; attrs["decoded"]: GB of the sets that are kept decoded beside the runs.
    """
    reasons = pool.available(evaluations, place)[1]
    needed = dict.fromkeys([*(e.pretraining for e in evaluations if e.pretraining), *evaluations])
    rows = []
    for run in needed:
        want = "; ".join(name for name in pool.needs(run) if name in reasons)
        state = "left out" if want else "done" if record_of(run, place) else "to run"
        row = _pretraining(run, place) if isinstance(run, Pretraining) else _evaluation(run, place)
        rows.append(
            row
            | {"hours": row["hours"] / views_per_second / 3600, "state": state, "for want of": want}
        )
    table = pd.DataFrame(rows)
    able = dict.fromkeys(table.data[table.state != "left out"].str.split("/").str[0])
    table.attrs = {
        "left out": reasons,
        "decoded": sum(_decoded(name, place) for name in able) / 1e9,
    }
    return table


def _pretraining(p: Pretraining, place: Workspace) -> dict:
    train, _ = clips(p.corpus, place)
    steps = (p.clips_per_epoch or train) // p.batch * p.epochs
    views = steps * p.batch * p.settings.views
    return {
        "run": f"pretrain {p.method} {p.frontend.name}, seed {p.seed}",
        "pretrained on": "",
        "data": p.corpus,
        "clips": train,
        "steps": steps,
        "hours": views * p.frames * p.frontend.bins / (257 * 300),
        "GB": BYTES_PER_WEIGHT.get(p.encoder, 0) / 1e9,
    }


def _evaluation(e: Evaluation, place: Workspace) -> dict:
    train, others = clips(e.data_set, place, e.training.max_clips)
    method = e.pretraining.method if e.pretraining else "spectrogram"
    frames = 100 * sum(
        datasets.DATASETS[n].seconds for n in e.data_set.split("+")
    )  # of a whole clip, in however many segments
    forward = (
        0 if e.pretraining is None else others if e.setting == "fine-tuned" else train + others
    )
    views = forward / 3 + (train * e.training.epochs if e.setting == "fine-tuned" else 0)
    batches = (
        max(train // e.training.batch, 1)
        if e.setting == "fine-tuned"
        else -(-train // e.training.batch)
    )
    return {
        "run": f"{e.setting} {method} {e.frontend.name}, seed {e.seed}",
        "pretrained on": e.pretraining.corpus if e.pretraining else "",
        "data": f"{e.data_set}/{e.task}",
        "clips": train,
        "steps": batches * e.training.epochs,
        "hours": views * frames * e.frontend.bins / (257 * 300),
        "GB": RECORD / 1e9,
    }


def _decoded(name: str, place: Workspace) -> float:
    """Bytes of a set's waves if they are few enough to be kept decoded."""
    size = (
        4
        * RATE
        * sum(datasets.DATASETS[part].seconds * sum(clips(part, place)) for part in name.split("+"))
    )
    return size if size <= CACHE_LIMIT else 0


def states(tables: dict[str, pd.DataFrame]) -> str:
    """A line a notebook: how many of its runs are done, can run and are left out, the hours to run, what is absent."""
    rows = {
        name: {
            **table.state.value_counts().reindex(STATES, fill_value=0),
            "GPU hours": f"{table.hours[table.state == 'to run'].sum():.1f}",
            "for want of": "; ".join(sorted(table.attrs["left out"])),
        }
        for name, table in tables.items()
    }
    return pd.DataFrame(rows).T.rename_axis("notebook").to_string()


def summary(table: pd.DataFrame) -> str:
    """How many runs are done, can run and are left out, with hours and disk; then a line for everything absent."""
    parts = {state: table[table.state == state] for state in STATES}
    able, left = parts["to run"], parts["left out"]
    text = (
        f"{len(table)} runs: {len(parts['done'])} done, {len(able)} can run on the data present (about "
        f"{able.hours.sum():.1f} GPU hours and {able.GB.sum():.1f} GB, besides {table.attrs['decoded']:.1f} GB of "
        f"decoded audio), {len(left)} left out (about {left.hours.sum():.1f} GPU hours)."
    )
    wants = left["for want of"].str.split("; ").explode().value_counts()
    lines = [
        f"left out for want of {name}, {wants.get(name, 0)} runs: {reason}"
        for name, reason in sorted(table.attrs["left out"].items())
    ]
    return "\n".join([text, *lines])
