"""Embeddings of test clips: nearest neighbours by hand, projections of known planes."""

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from asglib import audio
from asglib.config import Evaluation
from asglib.data.corpus import Corpus
from asglib.data.index import DATASETS
from asglib.data.workspace import Workspace
from asglib.evaluation import SpectrogramControl
from asglib.frontend import LogSpectrogram
from asglib.study import neighbours
from asglib.study.profiles import SMOKE


@pytest.fixture
def workspace(tmp_path):
    return Workspace(None, tmp_path, "cpu")


def test_neighbours_by_hand():
    rows = pd.DataFrame({"digit": ["1", "1", "2", "2"], "speaker": ["a", "b", "a", "b"]})
    found = neighbours.Neighbours(
        "set", rows, ("digit", "speaker"), {"ASG": np.array([1, 0, 0, 2])}
    )
    assert found.agreement() == {"ASG": {"digit": 0.75, "speaker": 0.25}}
    assert found.chance() == {"digit": 4 / 12, "speaker": 4 / 12}
    assert found.table([3]).iloc[0].tolist() == ["2, b", "2, a"]


def test_neighbours_of_a_system_that_sees_the_register(workspace):
    spectrogram = LogSpectrogram(SMOKE.pretraining.frontend)
    where = lambda waves: spectrogram(waves).exp().mean(2).add(1e-3).log()  # noqa: E731
    found = neighbours.neighbours({"where": where}, SMOKE, workspace, limit=128)
    near = found.nearest["where"]
    assert found.name == "toy" and len(near) == 128 and not (near == np.arange(128)).any()
    assert found.agreement()["where"]["register"] > 0.7 > 2 * found.chance()["register"]
    assert abs(found.agreement()["where"]["order"] - found.chance()["order"]) < 0.25


def test_the_projection_keeps_what_lies_in_a_plane():
    angle = np.array([0.1, 0.9, 2.0, 3.5, 5.0])
    plane = np.stack([np.cos(angle), np.sin(angle), np.zeros(5)], 1)
    points, share = neighbours.project(7 * plane)  # the length of an embedding does not count
    distances = [np.linalg.norm(x[:, None] - x[None], axis=2) for x in (points, plane)]
    assert np.allclose(*distances) and share.sum() == pytest.approx(1) and share[0] >= share[1]


def test_the_map_does_not_depend_on_the_order_of_the_clips_or_the_sign_of_chance():
    h = np.random.default_rng(3).normal(size=(40, 6))
    order = np.random.default_rng(4).permutation(40)
    assert np.allclose(neighbours.project(h)[0][order], neighbours.project(h[order])[0])


def test_embeddings_are_those_of_the_test_clips_with_their_labels(tones, tmp_path, monkeypatch):
    rows = pd.DataFrame(
        {
            "file": [str(path) for path in tones],
            "split": ["train", "test"] * 12,
            "start": np.nan,
            "stop": np.nan,
            "direction": [f"label {i}" for i in range(24)],
        }
    )
    rows.loc[3, "direction"] = ""  # takes no part in the task
    monkeypatch.setattr(neighbours, "load", lambda name, workspace: Corpus(rows, {}, 0, tmp_path))
    task = Evaluation(None, "toy", "direction")
    h, labels = neighbours.of_test_clips(task, Workspace(None, tmp_path))
    assert labels == [f"label {i}" for i in range(24) if i % 2 and i != 3] and h.shape == (
        11,
        257 * 10,
    )
    length = task.training.frames(DATASETS["toy"].seconds) * task.frontend.hop
    wave, _ = soundfile.read(tones[1], dtype="float32")
    segments = torch.from_numpy(np.stack(audio.segments(wave, length)))
    assert np.allclose(h[0], SpectrogramControl(task.frontend)(segments).mean(0), atol=1e-4)
    few, some = neighbours.of_test_clips(task, Workspace(None, tmp_path), limit=3)
    assert some == ["label 1", "label 13", "label 23"] and np.allclose(
        few, h[[0, 5, 10]], atol=1e-4
    )


def test_alike_embeddings_have_no_variance_to_share():
    points, share = neighbours.project(np.ones((5, 3)))
    assert not points.any() and not share.any()
