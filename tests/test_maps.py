"""Embeddings of test clips and their projection: known planes, and clips whose spectrogram is computed here too."""

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from asglib import audio, evaluation
from asglib.config import Evaluation
from asglib.data import index as datasets
from asglib.data.corpus import Corpus
from asglib.data.workspace import Workspace
from asglib.frontend import LogSpectrogram
from asglib.study import maps


def test_the_projection_keeps_what_lies_in_a_plane():
    angle = np.array([0.1, 0.9, 2.0, 3.5, 5.0])
    plane = np.stack([np.cos(angle), np.sin(angle), np.zeros(5)], 1)
    points, share = maps.project(7 * plane)  # the length of an embedding does not count
    distances = [np.linalg.norm(x[:, None] - x[None], axis=2) for x in (points, plane)]
    assert np.allclose(*distances) and share.sum() == pytest.approx(1) and share[0] >= share[1]


def test_the_map_does_not_depend_on_the_order_of_the_clips_or_the_sign_of_chance():
    h = np.random.default_rng(3).normal(size=(40, 6))
    order = np.random.default_rng(4).permutation(40)
    assert np.allclose(maps.project(h)[0][order], maps.project(h[order])[0])


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
    monkeypatch.setattr(maps, "load", lambda name, place: Corpus(rows, {}, "", 0, tmp_path))
    task = Evaluation(None, "toy", "direction")
    h, labels = maps.of_test_clips(task, Workspace(None, tmp_path))
    assert labels == [f"label {i}" for i in range(24) if i % 2 and i != 3] and h.shape == (
        11,
        257 * 10,
    )
    length = (
        evaluation.frames_of(datasets.DATASETS["toy"].seconds, task.training) * task.frontend.hop
    )
    segments = torch.from_numpy(
        np.stack(audio.segments(soundfile.read(tones[1], dtype="float32")[0], length))
    )
    assert np.allclose(
        h[0], evaluation.blocks(LogSpectrogram(task.frontend)(segments)).mean(0), atol=1e-4
    )
    few, some = maps.of_test_clips(task, Workspace(None, tmp_path), limit=3)
    assert some == ["label 1", "label 13", "label 23"] and np.allclose(
        few, h[[0, 5, 10]], atol=1e-4
    )
