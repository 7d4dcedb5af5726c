"""Embeddings decoded ahead, and those of a large set on disk: the same segments, rounded once."""

import numpy as np
import pytest
import torch
from conftest import CPU, TINY, asked
from digits import BROKEN, TAKES, digits, spoil
from safetensors import safe_open
from torch import nn

from asglib import encoder, evaluation
from asglib.data import clips, corpus, index
from asglib.data.workspace import Workspace
from asglib.study import embedded, names
from asglib.study.evaluator import EMBEDDINGS, Evaluator

SAMPLES, PART = 1_600, 16  # three segments a clip


@pytest.fixture
def task(tmp_path, monkeypatch):
    """Digits, four of which are no sound, read from their files and not decoded before."""
    monkeypatch.setattr(clips, "CACHE_LIMIT", 0)
    monkeypatch.setattr(embedded, "PART", PART)
    root = digits(tmp_path)
    spoil(root)
    found = corpus.load("fsdd", Workspace(root, tmp_path / "runs"))
    read = found.clips(found.rows)
    assert read.waves is None and len(read) == 10 * len(TAKES)
    return evaluation.Task(read, None, None, None, 10, SAMPLES, 0.5)


class Moments(nn.Module):
    """Features that anybody can compute: sums of a wave's powers."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, waves):
        self.calls += 1
        return torch.stack([waves.pow(power).sum(1) for power in (1, 2, 3)], 1)


def at_once(task):
    return evaluation.embed(Moments(), task.clips, SAMPLES, CPU, overlap=task.overlap)


@pytest.mark.parametrize("loaders", [0, 1, 2])
def test_other_processes_decode_to_the_same_bits_in_the_same_order(task, loaders):
    wanted, found = at_once(task), embedded.embed(Moments(), task, CPU, loaders)
    assert torch.equal(found.features, wanted.features) and torch.equal(found.clip, wanted.clip)
    assert found.skipped == wanted.skipped
    assert {clip["path"].rpartition("/")[2] for clip in found.skipped} == set(BROKEN)


@pytest.mark.parametrize("loaders", [0, 2])
def test_on_disk_they_are_rounded_to_half_precision_and_nothing_else(task, tmp_path, loaders):
    wanted = at_once(task)
    found = embedded.embed_to_disk(Moments(), task, CPU, loaders, tmp_path / "there")
    rows = np.array([3, 7, 8, 33, 34, 59])
    features, clip = found.of(rows)
    expected = np.isin(wanted.clip.numpy(), rows)
    assert clip.tolist() == wanted.clip[expected].tolist() and features.dtype == torch.float32
    rounded = wanted.features[expected].numpy().astype(np.float16).astype(np.float32)
    assert np.array_equal(features.numpy(), rounded)
    assert not np.array_equal(rounded, wanted.features[expected].numpy())
    assert found.skipped == wanted.skipped
    files = sorted((tmp_path / "there").glob("[0-9]*.safetensors"))
    assert len(files) == -(-len(task.clips) // PART)
    with safe_open(files[0], "np") as part:
        assert part.get_tensor("features").dtype == np.float16


def test_only_parts_that_are_not_there_are_made(task, tmp_path):
    """Each part is one batch; a killed run has left two of them, one of which is damaged."""
    before = embedded.embed_to_disk(Moments(), task, CPU, 0, tmp_path / "there")
    everything = np.arange(len(task.clips))
    wanted, bad = before.of(everything), before.skipped
    paths = sorted((tmp_path / "there").glob("[0-9]*.safetensors"))
    for path in paths[2:]:
        path.unlink()
    network = Moments()
    again = embedded.embed_to_disk(network, task, CPU, 0, tmp_path / "there")
    assert network.calls == len(paths) - 2
    assert all(map(torch.equal, wanted, again.of(everything))) and again.skipped == bad
    paths[1].write_bytes(b"\0" * 100)
    network = Moments()
    third = embedded.embed_to_disk(network, task, CPU, 0, tmp_path / "there")
    assert network.calls == 1
    assert all(map(torch.equal, wanted, third.of(everything))) and third.skipped == bad


def test_a_part_of_which_no_clip_can_be_decoded_is_empty(task, tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "PART", 1)
    found = embedded.embed_to_disk(Moments(), task, CPU, 0, tmp_path / "there")
    wanted = at_once(task)
    _, clip = found.of(np.arange(len(task.clips)))
    assert torch.equal(clip, wanted.clip) and found.skipped == wanted.skipped


def test_what_half_precision_cannot_hold_is_refused_and_not_kept(task, tmp_path):
    class Loud(Moments):
        def forward(self, waves):
            return 1e5 + super().forward(waves)

    with pytest.raises(index.DataError, match="is more than half precision holds .65,504.; eval"):
        embedded.embed_to_disk(Loud(), task, CPU, 0, tmp_path / "there")
    assert not list((tmp_path / "there").glob("*.safetensors"))


# --- in a study ----------------------------------------------------------------------------------


def test_a_large_set_has_another_name_and_leaves_no_embeddings(study, monkeypatch):
    config = asked("pattern", pretraining=TINY, seed=3)
    exact = Evaluator(TINY, study)(config)
    monkeypatch.setattr(embedded, "LARGE", 384)  # as many as the set has
    monkeypatch.setattr(embedded, "PART", 100)
    seen, frozen = [], evaluation.frozen
    monkeypatch.setattr(evaluation, "frozen", lambda *args: seen.append(args[0]) or frozen(*args))
    evaluator = Evaluator(TINY, study)
    record = evaluator(config)
    assert record["run"] != exact["run"] and not (study.runs / record["run"] / EMBEDDINGS).exists()
    network, _ = evaluator.trained()
    read = names.evaluated(config, study)
    read = read.clips(read.rows)
    samples = record["frames"] * config.frontend.hop
    wanted = evaluation.embed(network, read, samples, CPU).features.half().float()
    assert torch.equal(seen[0].of(np.arange(len(read)))[0], wanted)
    agree = np.mean(np.equal(record["predictions"], exact["predictions"]))
    assert agree > 0.95 and record["clips"] == exact["clips"]


def test_a_killed_evaluation_goes_on_with_the_embeddings_that_are_there(study, monkeypatch):
    monkeypatch.setattr(embedded, "LARGE", 384)
    monkeypatch.setattr(embedded, "PART", 128)  # one batch
    config, calls, forward = asked("direction", seed=4), [], encoder.Encoder.forward

    def counted(network, waves):
        calls.append(len(waves))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return forward(network, waves)

    monkeypatch.setattr(encoder.Encoder, "forward", counted)
    with pytest.raises(KeyboardInterrupt):
        Evaluator(TINY, study)(config)
    record = Evaluator(TINY, study)(config)
    assert calls == [128] * 4 and record["counts"]["test"] == 192


def test_small_sets_keep_the_names_that_published_records_have(study, monkeypatch):
    whole = names.run_name(asked(), study)
    monkeypatch.setattr(embedded, "LARGE", 385)
    assert names.run_name(asked(), study) == whole
    monkeypatch.setattr(embedded, "LARGE", 384)
    assert names.run_name(asked(), study) != whole
    tuned = names.run_name(asked(setting="fine-tuned"), study)
    monkeypatch.setattr(embedded, "LARGE", 385)
    assert names.run_name(asked(setting="fine-tuned"), study) == tuned
