"""The sweep of encoders: what is held out for it is no test clip, and no group is on both sides."""

import sys

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

sys.path.append(str(ROOT / "benchmarks"))
import sweep  # noqa: E402


def listing():
    """Ten groups of three training clips, four clips without a group, and test clips."""
    lines = [(f"{g}-{i}.wav", "train", f"g{g}") for g in range(10) for i in range(3)]
    lines += [(f"alone-{i}.wav", "train", "") for i in range(4)]
    lines += [(f"test-{i}.wav", "test", f"t{i}") for i in range(5)]
    return pd.DataFrame(lines, columns=["path", "split", "group"])


def test_a_fifth_of_the_training_groups_is_held_out_whole():
    rows = listing()
    train, valid = sweep.parts(rows)
    assert len(np.intersect1d(train, valid)) == 0
    assert sorted([*train, *valid]) == list(range(34))  # every training clip, no test clip
    sides = [set(rows.group[part][rows.group[part] != ""]) for part in (train, valid)]
    assert not sides[0] & sides[1]
    held = rows.group.where(rows.group != "", rows.path)[valid].nunique()
    assert held == round(0.2 * 14)
    assert all(np.array_equal(a, b) for a, b in zip(sweep.parts(rows), (train, valid)))


@pytest.mark.parametrize("name", [n for n, changed in sweep.VARIANTS.items() if changed])
def test_a_variant_is_a_pretraining(name):
    """A name that the library does not know, or a value out of its limits, is refused."""
    config = sweep.replace(sweep.BASE, **sweep.VARIANTS[name])
    assert name.startswith(config.encoder) and (config != sweep.BASE)
