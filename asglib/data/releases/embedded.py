"""The embedded corpora as data sets: synthesised where they are asked for, nothing to download."""

from __future__ import annotations

from asglib.data import toy
from asglib.data.sets import DataSet, Task


def _row(name: str) -> DataSet:
    patterns = toy.CORPORA[name]
    counts = {split: clips * len(patterns) for split, clips in toy.CLIPS.items()}
    classes = toy.CLASSES | {"pattern": patterns}
    return DataSet(
        name=name,
        title=f"Embedded corpus ({name})",
        folders=(name,),
        build=toy.build,
        embedded=True,
        tasks={task: Task(task, names) for task, names in classes.items()},
        seconds=toy.CLIP_SECONDS,
        split_rule="Train and test clips are separate draws of all nuisances, every combination of factors in both.",
        split_source="asglib.toy",
        licence="MIT, as this project",
        citation="this project",
        obtain="it is synthesised when first asked for.",
        counts=counts | {"clips": sum(counts.values())},
    )


TOY, TOY_A, TOY_B = (_row(name) for name in ("toy", "toy-a", "toy-b"))
