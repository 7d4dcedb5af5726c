"""One task, class by class: confusions and gains (paper tables 2 and 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix


class ClassesError(ValueError):
    """Records that cannot be counted together."""


def confusion(records: Sequence[Mapping]) -> pd.DataFrame:
    """Test clips by true class (row) and predicted class (column), summed over the records' seeds.

    Records without predictions (several labels a clip, or none at all) give an empty table.
    """
    told = [record for record in records if record["labels"]]
    names = list(told[0]["classes"]) if told else []
    if any(list(record["classes"]) != names for record in told):
        runs = ", ".join(record["run"] for record in told)
        raise ClassesError(
            f"The records {runs} have different classes: draw them in panels of their own."
        )
    counts = np.zeros((len(names), len(names)), dtype=int)
    for record in told:
        counts += confusion_matrix(
            record["labels"], record["predictions"], labels=range(len(names))
        )
    return pd.DataFrame(counts, index=names, columns=names)


def confused(records: Sequence[Mapping]) -> str:
    """The most frequent confusion: "up taken for down in 12 of 90 clips", counted once a seed."""
    counts = confusion(records)
    wrong = counts.to_numpy() - np.diag(np.diag(counts))
    if not wrong.any():
        return "no clip is confused" if counts.size else "not tested"
    true, taken = np.unravel_index(wrong.argmax(), wrong.shape)
    names, clips = counts.index, counts.iloc[true].sum()
    return f"{names[true]} taken for {names[taken]} in {wrong[true, taken]} of {clips} clips"


def gains(records: Sequence[Mapping], minuend: str, subtrahend: str) -> pd.DataFrame:
    """Points by class (row) and seed (column) that one method has more than another, lowest first.

    Recall where a clip has one label, average precision where it may have several. Left out:
    classes without a test clip, and seeds that only one of the two methods has.
    """
    one, other = (
        {record["seed"]: _by_class(record) for record in records if record["method"] == method}
        for method in (minuend, subtrahend)
    )
    seeds = sorted(set(one) & set(other))
    found = pd.DataFrame({seed: 100 * (one[seed] - other[seed]) for seed in seeds}, dtype=float)
    found = found.dropna()
    return found.loc[found.mean(axis=1).sort_values(kind="stable").index]


def _by_class(record: Mapping) -> pd.Series:
    """The fraction of each class, NaN for one without a test clip."""
    if record["metric"] == "mAP":
        return pd.Series(record["average_precision"], index=list(record["classes"]), dtype=float)
    counts = confusion([record])
    right = pd.Series(np.diag(counts), index=counts.index)
    return right / counts.sum(axis=1).where(lambda clips: clips > 0)
