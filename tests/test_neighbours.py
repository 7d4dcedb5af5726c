"""Embeddings of test clips: nearest neighbours by hand."""

import numpy as np
import pandas as pd
import pytest

from asglib.data.workspace import Workspace
from asglib.frontend import LogSpectrogram
from asglib.study import questions as neighbours
from asglib.study.profiles import SMOKE


@pytest.fixture
def workspace(tmp_path):
    return Workspace(None, tmp_path, "cpu")


def test_neighbours_by_hand():
    labels = pd.DataFrame({"digit": ["1", "1", "2", "2"], "speaker": ["a", "b", "a", "b"]})
    found = neighbours.Neighbours("set", labels, {"ASG": np.array([1, 0, 0, 2])})
    agreement = found.agreement()
    assert agreement.loc["ASG"].to_dict() == {"digit": 75, "speaker": 25}
    assert agreement.loc["chance"].to_dict() == pytest.approx(
        {"digit": 100 / 3, "speaker": 100 / 3}
    )
    assert found.table([3]).iloc[0].tolist() == ["2, b", "2, a"]


def test_neighbours_of_a_system_that_sees_the_register(workspace):
    spectrogram = LogSpectrogram(SMOKE.pretraining.frontend)
    where = lambda waves: spectrogram(waves).exp().mean(2).add(1e-3).log()  # noqa: E731
    found = neighbours.neighbours({"where": where}, SMOKE, workspace, limit=128)
    near = found.nearest["where"]
    assert found.name == "toy" and len(near) == 128 and not (near == np.arange(128)).any()
    where, chance = (found.agreement().loc[name] for name in ("where", "chance"))
    assert where.register > 70 > 2 * chance.register and abs(where.order - chance.order) < 25
