"""Pretraining (paper sections 2.3 and 3.2): the schedule and LARS by hand, seeds, interruptions, and what stops it."""

import os
import random
import signal
import subprocess
import sys
from dataclasses import replace

import librosa
import numpy as np
import pytest
import ranks
import torch
import torch.multiprocessing as multiprocessing
from asglib.batch import Batch
from conftest import (
    CPU,
    ROOT,
    clips_of,
    folder_of_tones,
    gen,
    responses,
    run_small,
    same_bits,
    small,
    tone,
    write,
)
from scipy import stats
from torch import nn

from asglib import audio, config, methods, training
from asglib.config import ConfigError, Pretraining
from asglib.frontend import LogSpectrogram
from asglib.training import Batches, TrainingError, epoch_order, learning_rate, pretrain


class Interrupted(Exception):
    pass


def interrupt_at(step):
    def progress(row):
        if row["step"] == step:
            raise Interrupted

    return progress


@pytest.fixture(scope="module")
def uninterrupted(tones, tmp_path_factory):
    """(method, log) of the small run: 2 epochs of 3 steps."""
    method, log, failed = run_small(tones, tmp_path_factory.mktemp("run"))
    assert failed == []
    return method, log


# --- the schedule --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "total, warmup, expected",
    [
        (
            6,
            2,
            [0.5, 1, 1, 0.8535533906, 0.5, 0.1464466094],
        ),  # cosines of 0, 45, 90 and 135 degrees
        (4, 0, [1, 0.8535533906, 0.5, 0.1464466094]),
        (4, 4, [0.25, 0.5, 0.75, 1]),
    ],
)
def test_learning_rates_written_out(total, warmup, expected):
    assert [learning_rate(step, total, warmup, 1.0) for step in range(total)] == pytest.approx(
        expected
    )


def test_the_papers_learning_rates():
    """0.3 x 512 / 256 = 0.6 after 2 of 50 epochs, half of it half-way through the other 48, nothing at the end."""
    paper, epoch = Pretraining(), 1_000
    rates = [
        learning_rate(step, 50 * epoch, int(paper.warmup_epochs * epoch), paper.lr)
        for step in range(50 * epoch)
    ]
    assert paper.lr == pytest.approx(0.6)
    assert rates[0] == pytest.approx(0.6 / 2000) and rates[999] == pytest.approx(0.3)
    assert rates[1_999] == rates[2_000] == max(rates) == pytest.approx(0.6)
    assert rates[26_000] == pytest.approx(0.3) and 0 < rates[-1] < 1e-8


def test_a_run_follows_the_schedule(uninterrupted):
    """3 steps of warm-up to the peak, then three of a cosine, in the log and so in the optimiser."""
    _, log = uninterrupted
    peak = small().lr
    assert peak == pytest.approx(0.3 * 8 / 256)
    assert log.lr.tolist() == pytest.approx(
        [peak / 3, peak * 2 / 3, peak, peak, 0.75 * peak, 0.25 * peak]
    )
    assert log.step.tolist() == [1, 2, 3, 4, 5, 6]
    assert log.epoch.tolist() == pytest.approx([1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 2])


# --- the optimiser -------------------------------------------------------------------------------


def test_two_steps_of_lars_by_hand():
    """w = (3, 4) and g = (0.6, 0.8): the ratio is 0.001 x 5 / (1 + 5 wd); the bias takes plain steps, without decay."""
    layer, run = nn.Linear(2, 1), Pretraining(weight_decay=0.01)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, 4.0]])), layer.bias.copy_(torch.tensor([2.0]))
    optim, w, b, v_w, v_b = training.optimizer(layer, run), np.array([3.0, 4.0]), 2.0, 0.0, 0.0
    for lr, g_w, g_b in ((0.6, [0.6, 0.8], 0.5), (0.3, [-0.8, 0.6], -0.25)):
        layer.weight.grad, layer.bias.grad = torch.tensor([g_w]), torch.tensor([g_b])
        for group in optim.param_groups:
            group["lr"] = lr
        optim.step()
        ratio = 0.001 * np.linalg.norm(w) / (np.linalg.norm(g_w) + 0.01 * np.linalg.norm(w))
        v_w = 0.9 * v_w + ratio * (np.array(g_w) + 0.01 * w)
        v_b = 0.9 * v_b + g_b
        w, b = w - lr * v_w, b - lr * v_b
        np.testing.assert_allclose(layer.weight.detach()[0], w, rtol=1e-6)
        assert layer.bias.item() == pytest.approx(b, rel=1e-6)
    assert np.linalg.norm(w - [3, 4]) > 1e-3


@pytest.mark.parametrize("name", ["lars", "adamw"])
def test_only_weights_decay(name):
    """Biases and batch normalisation are 1-d and in the group without; nothing is left out or trained twice."""
    run = small(optimizer=name, weight_decay=0.02)
    method = methods.build(run, responses())
    decayed, others = training.optimizer(method, run).param_groups
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.02, 0.0)
    assert all(p.ndim > 1 for p in decayed["params"]) and all(p.ndim == 1 for p in others["params"])
    assert sorted(map(id, decayed["params"] + others["params"])) == sorted(
        map(id, method.parameters())
    )


# --- the order of the clips ----------------------------------------------------------------------


def test_an_epoch_is_every_clip_once_in_an_order_of_its_own():
    orders = [
        epoch_order(small(seed=seed), epoch, 24).tolist() for seed in (0, 1) for epoch in (0, 1)
    ]
    assert all(sorted(order) == list(range(24)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    assert epoch_order(small(), 1, 24).tolist() == orders[1]


@pytest.mark.parametrize("count, most", [(10, 1), (24, 1), (60, 3)])
def test_shorter_and_longer_epochs(count, most):
    times = np.bincount(epoch_order(small(clips_per_epoch=count), 0, 24), minlength=24)
    assert times.sum() == count and times.max() == most and times.min() >= most - 1


def test_balance_written_out():
    """One over the number of clips of a class; with several labels the mean over the clip's own."""
    assert training.balance(torch.tensor([0, 0, 0, 1])).tolist() == pytest.approx(
        [1 / 3, 1 / 3, 1 / 3, 1]
    )
    several = torch.tensor([[1, 0, 0], [1, 1, 0], [0, 0, 0]])
    assert training.balance(several).tolist() == pytest.approx([1 / 2, (1 / 2 + 1) / 2, 0])


def test_a_balanced_draw_is_balanced():
    labels = torch.tensor([0] * 90 + [1] * 10)
    run = small(clips_per_epoch=4_000)
    order = epoch_order(run, 0, 100, training.balance(labels))
    rare = int(labels[torch.from_numpy(order)].sum())
    assert len(order) == 4_000 and stats.binomtest(rare, 4_000, 0.5).pvalue > 1e-3
    assert stats.binomtest(int(labels[epoch_order(run, 0, 100)].sum()), 4_000, 0.5).pvalue < 1e-9


# --- batches -------------------------------------------------------------------------------------


def test_a_batch_is_two_crops_of_each_clip(tones, tmp_path):
    clips = clips_of(tones, tmp_path)
    batches = Batches(small(), clips, torch.arange(24) % 3)
    seen = []
    for step in range(6):
        batch, failed = batches[step]
        assert batch.first.shape == batch.second.shape == (8, 24 * 160) and failed == []
        assert batch.labels.tolist() == [n % 3 for n in batch.clips.tolist()]
        for number, *crops in zip(batch.clips.tolist(), batch.first.numpy(), batch.second.numpy()):
            windows = np.lib.stride_tricks.sliding_window_view(clips.whole(number), 24 * 160)
            places = [np.flatnonzero((windows[:, :3] == part[:3]).all(1)) for part in crops]
            assert [len(place) for place in places] == [1, 1] and places[0] != places[1]
            assert all(
                np.array_equal(windows[place[0]], part) for place, part in zip(places, crops)
            )
        seen += batch.clips.tolist()
    assert Batches(small(), clips, None)[0][0].labels is None and len(seen) == 48


def test_the_crops_of_a_clip_change_from_epoch_to_epoch(tones, tmp_path):
    batches = Batches(small(), clips_of(tones, tmp_path), None)
    crops = [{}, {}]
    for step in range(6):
        batch, _ = batches[step]
        crops[step // 3] |= dict(zip(batch.clips.tolist(), batch.first))
    assert len(crops[0]) == len(crops[1]) == 24
    assert not any(torch.equal(crops[0][clip], crops[1][clip]) for clip in range(24))


def test_processes_share_a_batch(tones, tmp_path):
    clips = clips_of(tones, tmp_path)
    whole = Batches(small(), clips, None)[4][0]
    parts = [Batches(small(), clips, None, rank, 2)[4][0] for rank in range(2)]
    assert [len(part.clips) for part in parts] == [4, 4]
    crops = {int(clip): row for part in parts for clip, row in zip(part.clips, part.first)}
    assert all(torch.equal(crops[int(clip)], row) for clip, row in zip(whole.clips, whole.first))
    with pytest.raises(ConfigError, match="batch 8 cannot be shared by 3 processes"):
        Batches(small(), clips, None, 0, 3)


def test_a_corpus_smaller_than_a_batch_is_refused(tones, tmp_path):
    with pytest.raises(
        ConfigError, match="the corpus has 7 clips, fewer than one batch of 8; use a smaller"
    ):
        Batches(small(), clips_of(tones[:7], tmp_path), None)


def test_the_corpus_statistics_are_those_of_its_log_spectrograms(tmp_path):
    """Clips as long as a crop leave nothing to chance: mean and deviation over every cell of every clip."""
    rng, samples = np.random.default_rng(0), 24 * 160
    waves = 0.3 * rng.standard_normal((12, samples)) * np.logspace(-2, 0, 12)[:, None]
    clips = clips_of(
        [write(tmp_path / f"{i}.wav", wave) for i, wave in enumerate(waves)], tmp_path / "cache"
    )
    power = [
        np.abs(
            librosa.stft(
                wave.astype(np.float32),
                n_fft=256,
                hop_length=160,
                win_length=256,
                window="hann",
                pad_mode="reflect",
            )[:, :24]
        )
        ** 2
        for wave in waves
    ]
    values = np.log(np.array(power, float) + 1e-6)
    found = training.statistics(clips, small(), LogSpectrogram(small().frontend))
    assert found == pytest.approx((values.mean(), values.std()), abs=1e-3)


# --- the same bits -------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bits(uninterrupted, tones, tmp_path):
    method, log = uninterrupted
    torch.manual_seed(12345)  # the global stream plays no part
    again, log_again, _ = run_small(tones, tmp_path / "again")
    assert same_bits(method, again) and log.equals(log_again)
    other, log_other, _ = run_small(tones, tmp_path / "other", small(seed=1))
    assert not same_bits(method, other) and not log.loss.equals(log_other.loss)
    assert not same_bits(method, methods.build(small(), responses()))


def test_workers_do_not_change_a_bit(uninterrupted, tones, tmp_path):
    method, log, _ = run_small(tones, tmp_path, workers=2)
    assert same_bits(method, uninterrupted[0]) and log.equals(uninterrupted[1])


def test_training_learns(tones, tmp_path):
    _, log, _ = run_small(tones, tmp_path, small(epochs=12, optimizer="adamw", lr_per_256=0.1))
    assert log.loss.tail(3).mean() < 0.75 * log.loss.head(3).mean()


@pytest.mark.parametrize("step", [1, 2, 5])
def test_a_stopped_run_goes_on_as_if_it_had_not(uninterrupted, tones, tmp_path, step):
    with pytest.raises(Interrupted):
        run_small(tones, tmp_path, progress=interrupt_at(step), checkpoint_seconds=0)
    assert (tmp_path / "checkpoint.pt").exists() == (step > 1)
    steps = []
    method, log, _ = run_small(
        tones, tmp_path, progress=lambda row: steps.append(row["step"]), checkpoint_seconds=0
    )
    assert steps == list(range(step, 7))  # only what had not been saved is done again
    assert same_bits(method, uninterrupted[0]) and log.equals(uninterrupted[1])


@pytest.mark.parametrize("optimizer", ["adamw", "lars"])
def test_the_optimisers_memory_is_resumed(tones, tmp_path, optimizer):
    run = small(optimizer=optimizer, method="FT")
    whole, log, _ = run_small(tones, tmp_path / "whole", run)
    with pytest.raises(Interrupted):
        run_small(tones, tmp_path / "cut", run, interrupt_at(5), checkpoint_seconds=0)
    resumed, log_resumed, _ = run_small(tones, tmp_path / "cut", run)
    assert same_bits(whole, resumed) and log.equals(log_resumed)


def test_a_killed_process_is_resumed_to_the_bit(tones, tmp_path):
    """SIGKILL at a random step of a run that saves after every one."""
    kill_at = random.SystemRandom().randint(2, 11)
    command = [
        sys.executable,
        str(ROOT / "tests" / "conftest.py"),
        str(tones[0].parent),
        str(tmp_path / "cut"),
        "4",
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        for line in process.stdout:
            if int(line) == kill_at:
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    steps = []
    method, log, _ = run_small(
        tones, tmp_path / "cut", small(epochs=4), lambda row: steps.append(row["step"])
    )
    assert 1 < steps[0] <= kill_at + 1 < 13, f"killed at {kill_at}"
    whole, log_whole, _ = run_small(tones, tmp_path / "whole", small(epochs=4))
    assert same_bits(method, whole) and log.equals(log_whole), f"killed at {kill_at}"


def test_two_processes_keep_the_same_weights(tmp_path):
    """Each sees its half of a batch; the gradients are averaged, so both hold one model."""
    folder_of_tones(tmp_path, 16)
    multiprocessing.spawn(ranks.pretraining, (str(tmp_path),), nprocs=2)
    (one, loss), (two, other_loss) = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    trained = [key for key in one if "running" not in key and "num_batches" not in key]
    assert len(trained) > 20 and all(torch.equal(one[key], two[key]) for key in trained)
    assert len(loss) == 2 and loss != other_loss


# --- the log and the device ----------------------------------------------------------------------


def test_measures_are_taken_at_the_end_of_each_epoch(tones, tmp_path):
    modes = []

    def measure(method):
        method.eval()
        modes.append(method.training)
        return {"uniformity": -float(len(modes))}

    method, log, _ = run_small(tones, tmp_path, at_epoch=measure)
    assert log.uniformity.fillna(0).tolist() == [0, 0, -1, 0, 0, -2] and modes == [False, False]
    plain, _, _ = run_small(tones, tmp_path / "plain")
    assert same_bits(method, plain)  # measuring, in evaluation mode even, does not disturb training


def test_no_epochs_leave_the_weights_untrained(tones, tmp_path):
    run = small(method="untrained", epochs=0, warmup_epochs=0)
    method, log, failed = run_small(tones, tmp_path, run)
    assert len(log) == 0 and failed == [] and same_bits(method, methods.build(run, responses()))


def test_precision():
    assert [training.precision(small(precision=p), CPU) for p in ("bf16", "fp32")] == [
        "bf16",
        "fp32",
    ]
    assert training.precision(small(precision="auto"), CPU) in ("bf16", "fp32")


def test_bf16_is_near_fp32(uninterrupted, tones, tmp_path):
    _, log, _ = run_small(tones, tmp_path, small(precision="bf16"))
    assert log.loss.tolist() == pytest.approx(uninterrupted[1].loss.tolist(), rel=0.05)
    assert log.loss.tolist() != uninterrupted[1].loss.tolist()


def test_seeds_depend_on_every_part():
    seeds = [
        training.seed_of(*parts)
        for parts in ((0, 1), (1, 0), (0, 1, 0), (0,), (1,), (10,), (1, 0, 0))
    ]
    assert len(set(seeds)) == 7 and all(0 <= seed < 2**63 for seed in seeds)
    assert training.seed_of(0, 1) == seeds[0]


# --- what stops it, and what does not ------------------------------------------------------------


def test_a_checkpoint_of_another_configuration_is_refused(tones, tmp_path):
    with pytest.raises(Interrupted):
        run_small(tones, tmp_path, progress=interrupt_at(3), checkpoint_seconds=0)
    kept = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(
        ConfigError, match=r"checkpoint\.pt is a checkpoint of another configuration; remove it or"
    ):
        run_small(tones, tmp_path, small(temperature=0.2))
    assert (tmp_path / "checkpoint.pt").read_bytes() == kept


class Explodes(nn.Module):
    """A method whose loss is not finite in its fourth step."""

    def __init__(self, value):
        super().__init__()
        self.weight, self.value, self.seen = nn.Parameter(torch.ones(2, 2)), value, []

    def forward(self, batch, generator):
        self.seen.append(batch.clips.tolist())
        return self.weight.sum() * (self.value if len(self.seen) == 4 else 1.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_with_step_and_clips(tones, tmp_path, value):
    method = Explodes(value)
    with pytest.raises(
        TrainingError, match=rf"the loss is {value} at step 3 \(epoch 1\), clips \["
    ) as error:
        pretrain(method, small(), Batches(small(), clips_of(tones, tmp_path), None), tmp_path, CPU)
    assert len(method.seen) == 4 and str(method.seen[3]) in str(error.value)
    assert torch.isfinite(method.weight).all()


def test_what_cannot_be_decoded_is_left_out_of_its_batches_and_listed(tones, tmp_path, monkeypatch):
    monkeypatch.setattr(audio, "CACHE_LIMIT", 0)
    broken = tmp_path / "broken.wav"
    broken.write_text("no audio")
    method, log, failed = run_small([broken, *tones[:15]], tmp_path / "run")
    assert len(log) == 4 and np.isfinite(log.loss).all()
    assert len(failed) == 1 and failed[0].startswith(str(broken))  # once, not once an epoch
    batches = Batches(small(), clips_of([broken, *tones[:15]], tmp_path), None)
    assert sorted(n for step in (0, 1) for n in batches[step][0].clips.tolist()) == list(
        range(1, 16)
    )


def test_the_statistics_leave_out_what_cannot_be_decoded(tones, tmp_path, monkeypatch):
    monkeypatch.setattr(audio, "CACHE_LIMIT", -1)
    broken = tmp_path / "broken.wav"
    broken.write_text("no audio")
    frontend, rng = LogSpectrogram(small().frontend), np.random.default_rng(0)
    order = rng.permutation(2)
    found = training.statistics(clips_of([broken, tones[0]], tmp_path), small(), frontend)
    crop = clips_of([broken, tones[0]], tmp_path).crop(
        1, small().samples, rng
    )  # the one crop that was drawn
    values = frontend(torch.from_numpy(crop[None].astype(np.float32))).double()
    assert sorted(order.tolist()) == [0, 1] and found == pytest.approx(
        (values.mean().item(), values.std().item()), abs=1e-3
    )
    with pytest.raises(TrainingError, match="none of the 1 clips drawn from none can be decoded"):
        training.statistics(clips_of([broken], tmp_path), small(), frontend)


def test_a_corpus_of_broken_files_stops_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(audio, "CACHE_LIMIT", -1)
    paths = [tmp_path / f"{i}.wav" for i in range(8)]
    for path in paths:
        path.write_text("no audio")
    with pytest.raises(
        TrainingError,
        match="step 0: fewer than two clips of the batch can be decoded; first: .*wav",
    ):
        run_small(paths, tmp_path / "run")


def test_short_and_silent_clips_are_trained_on(tmp_path):
    """10 ms of sound, silence, and a clip of exactly the crop's length: padded, finite."""
    kinds = [np.full(160, 0.5), np.zeros(8_000), tone(440, 0.24), tone(440, 2.0)]
    paths = [write(tmp_path / f"{i}.wav", kinds[i % 4]) for i in range(8)]
    _, log, failed = run_small(paths, tmp_path / "run")
    assert len(log) == 2 and np.isfinite(log.loss).all() and failed == []


# --- the paper's own configuration ---------------------------------------------------------------


def test_the_papers_configuration_runs(tmp_path):
    """ResNet-50 on 257 x 300, the 4096-256 head and LARS, two steps; only the batch, 8, is not 3.2's."""
    rng = np.random.default_rng(0)
    paths = [write(tmp_path / f"{i}.wav", 0.1 * rng.standard_normal(56_000)) for i in range(8)]
    run = replace(config.PAPER.pretraining, batch=8, epochs=2, warmup_epochs=1)
    method = methods.build(run, responses())
    before = [p.detach().clone() for p in method.parameters()]
    assert sum(p.numel() for p in method.encoder.parameters()) == 23_501_760
    assert [layer.out_features for layer in (method.head[0], method.head[3])] == [4096, 256]
    log, _ = pretrain(
        method, run, Batches(run, clips_of(paths, tmp_path / "cache"), None), tmp_path, CPU
    )
    assert log.lr.tolist() == pytest.approx([0.3 * 8 / 256] * 2) and np.isfinite(log.loss).all()
    assert all((p != b).any() for p, b in zip(method.parameters(), before) if p.ndim > 1)
    assert method.views(Batch(*torch.zeros(2, 2, 48_000), torch.arange(2), None), gen())[
        0
    ].shape == (4, 257, 300)
