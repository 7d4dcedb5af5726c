"""One task, class by class: which is taken for which (paper tables 2 and 3)."""

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
        raise ClassesError(f"The records {runs} have different classes: count them apart.")
    pairs = [(record["labels"], record["predictions"]) for record in told]
    counts = sum(confusion_matrix(*pair, labels=range(len(names))) for pair in pairs)
    shape = (len(names), len(names))
    counts = pd.DataFrame(np.broadcast_to(counts, shape), index=names, columns=names)
    return counts.rename_axis(index="true class", columns="predicted class")


def confused(counts: pd.DataFrame) -> str:
    """The most frequent confusion: "up taken for down in 12 of 90 clips", counted once a seed."""
    wrong = counts.to_numpy() - np.diag(np.diag(counts))
    if not wrong.any():
        return "no clip is confused" if counts.size else "not tested"
    true, taken = np.unravel_index(wrong.argmax(), wrong.shape)
    names, clips = counts.index, counts.iloc[true].sum()
    return f"{names[true]} taken for {names[taken]} in {wrong[true, taken]} of {clips} clips"


def shares(counts: pd.DataFrame) -> pd.DataFrame:
    """In percent of each true class; a class without a test clip is an empty row."""
    return 100 * counts.div(counts.sum(axis=1).clip(1), axis=0)
