"""What systems tell apart, class by class, from the predictions in their records.

Figures 3 and 4 of augmented contrastive learning, and its metrics beside each task's own.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix, f1_score

from asglib.study.comparison import choose

MEASURES = {"value": "the task's metric", "f1": "macro F1", "weighted_precision": "wAP"}


def measures(
    table: pd.DataFrame, systems: Mapping[str, Mapping], tasks: Sequence[str]
) -> pd.DataFrame:
    """Dots, a column a metric, in percent, frozen: over the tasks of which any system has
    predictions; of a system the seeds that are whole in all of them."""
    found = [pd.DataFrame(columns=["row", "column", "seed", "value"])]
    predicted = {label: _predicted(table, how, tasks) for label, how in systems.items()}
    count = len({key for rows in predicted.values() for key in rows["key"]})
    for label, rows in predicted.items():
        whole = rows.groupby("seed")["key"].transform("nunique") == count
        for field, name in MEASURES.items():
            values = rows.loc[whole, ["seed"]].assign(value=100 * rows[field].astype(float))
            found.append(values.assign(row=label, column=name))
    return pd.concat([each for each in found if len(each)] or found, ignore_index=True)


def by_class(table: pd.DataFrame, systems: Mapping[str, Mapping], task: str) -> pd.DataFrame:
    """F1 of each class in percent, mean over seeds: [systems, classes]."""

    def scores(row) -> np.ndarray:
        classes = range(len(row.classes))
        pair = row.labels, row.predictions
        return f1_score(*pair, labels=classes, average=None, zero_division=0)

    found = _by_system(table, systems, task, scores)
    return pd.DataFrame({label: values for label, (values, _) in found.items()}, _names(found)).T


def confusions(
    table: pd.DataFrame, systems: Mapping[str, Mapping], task: str
) -> dict[str, pd.DataFrame]:
    """Of each system, what the clips of a class are taken for, in percent: [true, predicted]."""

    def shares(row) -> np.ndarray:
        classes = range(len(row.classes))
        return confusion_matrix(row.labels, row.predictions, labels=classes, normalize="true")

    found = _by_system(table, systems, task, shares)
    return {label: pd.DataFrame(values, names, names) for label, (values, names) in found.items()}


def better(f1: pd.DataFrame, base: str, combined: str) -> str:
    """In how many classes a row of `f1` that begins with `base` lies above it, and where
    `combined` is; in a sentence."""
    changed = f1[f1.index.str.startswith(f"{base} ")]
    if base not in f1.index or changed.empty:
        return f"No {base} with another augmentation is here"
    above = (changed.max() > f1.loc[base]).sum()
    who = f"one of {len(changed)} variants" if len(changed) > 1 else changed.index[0]
    told = f"In {above} of {len(f1.columns)} classes {who} is above {base}"
    if combined in changed.index and len(changed) > 1:
        rank = f1.loc[[base, *changed.index]].rank(ascending=False, method="min")
        told += f"; {combined} is first or second in {(rank.loc[combined] <= 2).sum()}"
    return told


def _by_system(
    table: pd.DataFrame, systems: Mapping[str, Mapping], task: str, of: Callable
) -> dict[str, tuple[np.ndarray, list[str]]]:
    """100 x the mean of `of` over the seeds, and the classes; of systems that have predictions."""
    found = {}
    for label, how in systems.items():
        rows = list(_predicted(table, how, [task]).itertuples())
        if rows:
            found[label] = 100 * np.mean([of(row) for row in rows], axis=0), list(rows[0].classes)
    return found


def _names(found: Mapping[str, tuple[np.ndarray, list[str]]]) -> list[str]:
    return next((names for _, names in found.values()), [])


def _predicted(table: pd.DataFrame, how: Mapping, tasks: Sequence[str]) -> pd.DataFrame:
    rows = choose(table, dict(how))
    return rows[rows["key"].isin(tasks) & rows["predictions"].str.len().gt(0)]
