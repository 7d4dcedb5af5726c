"""Pretraining (sections 2.3 and 3.2): schedule and LARS by hand, seeds, and what stops it."""

from dataclasses import replace

import librosa
import numpy as np
import pytest
import torch
from conftest import CPU, clips_of, gen, responses, run_small, same_bits, small, tone, write
from torch import nn

from asglib import sensitivity, training
from asglib.batches import Batch, BatchError, Batches
from asglib.config import seed_of
from asglib.data import clips
from asglib.methods import METHODS
from asglib.processes import Machine
from asglib.study.profiles import PAPER
from asglib.training import Training, TrainingError, learning_rate, optimise


@pytest.fixture(scope="module")
def whole(tones, tmp_path_factory):
    """(method, log) of the small run: 2 epochs of 3 steps."""
    return run_small(tones, tmp_path_factory.mktemp("run"))


# --- the schedule --------------------------------------------------------------------------------

QUARTERS = [1, 0.8535533906, 0.5, 0.1464466094]  # half cosines at 0, 45, 90 and 135 degrees


@pytest.mark.parametrize(
    "total, warmup, expected",
    [(6, 2, [0.5, 1, *QUARTERS]), (4, 0, QUARTERS), (4, 4, [0.25, 0.5, 0.75, 1])],
)
def test_learning_rates_written_out(total, warmup, expected):
    rates = [learning_rate(step, total, warmup, 1.0) for step in range(total)]
    assert rates == pytest.approx(expected)


def test_the_papers_learning_rates():
    """0.6 after 2 of 50 epochs, half of it half-way through the other 48, nothing at the end."""
    paper, epoch = PAPER.pretraining, 1_000
    warmup = int(paper.warmup_epochs * epoch)
    rates = [learning_rate(step, 50 * epoch, warmup, paper.lr) for step in range(50 * epoch)]
    assert paper.lr == pytest.approx(0.3 * 512 / 256) == pytest.approx(0.6)
    assert rates[0] == pytest.approx(0.6 / 2_000) and rates[999] == pytest.approx(0.3)
    assert rates[1_999] == rates[2_000] == max(rates) == pytest.approx(0.6)
    assert rates[26_000] == pytest.approx(0.3) and 0 < rates[-1] < 1e-8


def test_a_run_follows_the_schedule(tones, tmp_path, monkeypatch):
    """3 steps of warm-up to the peak, then three of a cosine: in the log and in the optimiser."""
    used, made = [], training.optimizer

    def watched(method, config):
        optim = made(method, config)
        optim.register_step_pre_hook(
            lambda *_: used.append([group["lr"] for group in optim.param_groups])
        )
        return optim

    monkeypatch.setattr(training, "optimizer", watched)
    told = []
    _, log = run_small(tones, tmp_path, tell=told.append)
    peak = small().lr
    assert peak == pytest.approx(0.3 * 8 / 256)
    expected = [peak / 3, peak * 2 / 3, peak, peak, 0.75 * peak, 0.25 * peak]
    assert log.rate == pytest.approx(expected)
    assert used == [[rate, rate] for rate in log.rate]
    assert [row["step"] for row in told] == [1, 2, 3, 4, 5, 6]
    assert [row["epoch"] for row in told] == pytest.approx([1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 2])
    assert [row["loss"] for row in told] == log.loss and {row["steps"] for row in told} == {6}


# --- the optimiser -------------------------------------------------------------------------------


def test_two_steps_of_lars_by_hand():
    """w = (3, 4), g = (0.6, 0.8): the ratio is 0.001 x 5 / (1 + 5 wd); a bias takes plain steps."""
    layer, config = nn.Linear(2, 1), replace(PAPER.pretraining, weight_decay=0.01)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, 4.0]]))
        layer.bias.copy_(torch.tensor([2.0]))
    optim = training.optimizer(layer, config)
    w, b, v_w, v_b = np.array([3.0, 4.0]), 2.0, 0.0, 0.0
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


def built(config, tones, folder):
    """The method before its first step."""
    return training.started(config, clips_of(tones, folder / "cache"), rirs=responses())


@pytest.mark.parametrize("name", ["lars", "adamw"])
def test_only_weights_decay(name, tones, tmp_path):
    """Biases and batch normalisation are 1-d; nothing is left out or trained twice."""
    config = small(optimizer=name, weight_decay=0.02)
    method = built(config, tones, tmp_path)
    decayed, others = training.optimizer(method, config).param_groups
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.02, 0.0)
    assert all(p.ndim > 1 for p in decayed["params"]) and all(p.ndim == 1 for p in others["params"])
    every = sorted(map(id, decayed["params"] + others["params"]))
    assert every == sorted(map(id, method.parameters()))


def test_adam_is_torchs(tones, tmp_path):
    config = small(optimizer="adam", weight_decay=0.0)
    optim = training.optimizer(built(config, tones, tmp_path), config)
    assert type(optim) is torch.optim.Adam and optim.defaults["weight_decay"] == 0
    assert optim.defaults["lr"] == config.lr


# --- the input's mean and deviation --------------------------------------------------------------


def test_the_encoder_is_standardised_on_the_corpus_log_spectrograms(tmp_path):
    """Clips as long as a crop leave nothing to chance: every cell of every clip counts."""
    rng, samples = np.random.default_rng(0), 24 * 160
    waves = 0.3 * rng.standard_normal((12, samples)) * np.logspace(-2, 0, 12)[:, None]
    paths = [write(tmp_path / f"{i}.wav", wave) for i, wave in enumerate(waves)]
    how = {"n_fft": 256, "hop_length": 160, "win_length": 256, "pad_mode": "reflect"}
    power = [np.abs(librosa.stft(wave.astype(np.float32), **how)[:, :24]) ** 2 for wave in waves]
    values = np.log(np.array(power, float) + 1e-6)
    encoder = built(small(), paths, tmp_path).encoder
    found = encoder.mean.item(), encoder.std.item()
    assert found == pytest.approx((values.mean(), values.std()), abs=1e-3)


@pytest.fixture
def undecoded(monkeypatch):
    """Every clip is read crop by crop."""
    monkeypatch.setattr(clips, "CACHE_LIMIT", 0)


def test_the_statistics_leave_out_what_cannot_be_decoded(tones, tmp_path, undecoded):
    broken = write(tmp_path / "broken.wav", np.full(8_000, np.nan))
    found = clips_of([broken, *tones[:3]], tmp_path)
    waves = training.statistics_waves(found, small())
    assert waves.shape == (3, small().samples) and waves.isfinite().all()
    with pytest.raises(TrainingError, match="none of the 1 clips drawn from none can be decoded"):
        training.statistics_waves(clips_of([broken], tmp_path), small())


# --- the same bits -------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bits(whole, tones, tmp_path):
    method, log = whole
    torch.manual_seed(12345)  # the global stream plays no part
    again, log_again = run_small(tones, tmp_path / "again")
    assert same_bits(method, again) and log == log_again
    other, log_other = run_small(tones, tmp_path / "other", small(seed=1))
    assert not same_bits(method, other) and log.loss != log_other.loss
    assert not same_bits(method, built(small(), tones, tmp_path))


def test_loader_processes_do_not_change_a_bit(whole, tones, tmp_path):
    method, log = run_small(tones, tmp_path, loaders=2)
    assert same_bits(method, whole[0]) and log == whole[1]


def test_training_learns(tones, tmp_path):
    _, log = run_small(tones, tmp_path, small(epochs=12, optimizer="adamw", lr_per_256=0.1))
    assert np.mean(log.loss[-3:]) < 0.75 * np.mean(log.loss[:3])


def test_seeds_depend_on_every_part():
    parts = ((0, 1), (1, 0), (0, 1, 0), (0,), (1,), (10,), (1, 0, 0))
    seeds = [seed_of(*part) for part in parts]
    assert len(set(seeds)) == 7 and all(0 <= seed < 2**63 for seed in seeds)
    assert seed_of(0, 1) == seeds[0]


# --- the log and the precision -------------------------------------------------------------------


def test_measurements_are_taken_before_the_first_step_and_after_each_epoch(
    whole, tones, tmp_path, monkeypatch
):
    method, log = whole
    assert [row["epoch"] for row in log.measured] == [0, 1, 2]
    assert all(set(row) == {"epoch", "uniformity", "spread", "alignment"} for row in log.measured)
    assert len({row["uniformity"] for row in log.measured}) == 3
    monkeypatch.setattr(sensitivity, "geometry", lambda *_: {})
    plain, _ = run_small(tones, tmp_path / "plain")
    assert same_bits(method, plain)  # measuring does not disturb training


def test_no_epochs_leave_the_weights_untrained(tones, tmp_path):
    config = small("untrained", epochs=0, warmup_epochs=0)
    method, log = run_small(tones, tmp_path, config)
    assert log.loss == log.rate == log.failed == [] and len(log.measured) == 1
    assert same_bits(method, built(config, tones, tmp_path))


def test_bf16_is_near_fp32(tones, tmp_path):
    losses = {}
    for precision in ("bf16", "fp32"):
        config = small(frames=48, epochs=1, precision=precision)
        _, log = run_small(tones, tmp_path / precision, config)
        losses[precision] = log.loss
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.05)
    assert losses["bf16"] != losses["fp32"]


# --- what stops it, and what does not ------------------------------------------------------------


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
    model, steps = Explodes(value), Batches(small(), clips_of(tones, tmp_path))
    optim = torch.optim.SGD(model.parameters(), 0.1)
    how = Training(model, optim, steps, lambda step: 0.1, 0, "")
    said = rf"the loss is {value} at step 3 \(epoch 1\), clips \["
    with pytest.raises(TrainingError, match=said) as error:
        optimise(how, tmp_path / "checkpoint.pt", Machine(CPU))
    assert len(model.seen) == 4 and str(model.seen[3]) in str(error.value)
    assert torch.isfinite(model.weight).all()


def test_what_cannot_be_decoded_is_named_once(tones, tmp_path, undecoded):
    broken = write(tmp_path / "broken.wav", np.full(8_000, np.nan))
    _, log = run_small([broken, *tones[:15]], tmp_path / "run")
    assert len(log.loss) == 4 and np.isfinite(log.loss).all()
    assert [clip["path"] for clip in log.failed] == [str(broken)]
    assert log.failed[0]["reason"].startswith(f"{broken}: has samples that are not")


def test_a_batch_of_broken_files_stops_the_run(tones, tmp_path, undecoded):
    paths = [tones[0], *(tmp_path / f"{i}.wav" for i in range(7))]
    with pytest.raises(BatchError, match="fewer than two clips of a batch .*; first: .*wav"):
        run_small(paths, tmp_path / "run")


def test_short_and_silent_clips_are_trained_on(tmp_path):
    """10 ms of sound, silence, and a clip of exactly the crop's length: padded, finite."""
    kinds = [np.full(160, 0.5), np.zeros(8_000), tone(440, 0.24), tone(440, 2.0)]
    paths = [write(tmp_path / f"{i}.wav", kinds[i % 4]) for i in range(8)]
    _, log = run_small(paths, tmp_path / "run")
    assert len(log.loss) == 2 and np.isfinite(log.loss).all()
    assert log.failed == [] and log.too_short == 0


def test_a_method_that_pads_nothing_leaves_short_clips_out_and_counts_them(tones, tmp_path):
    config = small("CBoW", METHODS["CBoW"], frames=32, encoder="audio2vec")
    length = config.settings.samples(config) / 16_000
    long = [write(tmp_path / f"{i}.wav", tone(300 + 40 * i, length)) for i in range(8)]
    _, log = run_small([*tones[:3], *long], tmp_path / "run", config)
    assert len(log.loss) == 2 and log.too_short == 3


def test_labels_stay_with_their_clips_where_short_ones_are_left_out(tmp_path, monkeypatch):
    """The label of a clip is the rank of its pitch; the first two clips are too short."""
    kinds = [tone(440, 0.1), tone(550, 0.1), *(tone(300 + 400 * i, 0.4) for i in range(8))]
    paths = [write(tmp_path / f"{i}.wav", wave) for i, wave in enumerate(kinds)]
    monkeypatch.setattr(type(METHODS["Sup."]), "pads", False)
    seen = {}

    class Noted(Batches):
        def __getitem__(self, step):
            batch, failed = super().__getitem__(step)
            pitches = np.abs(np.fft.rfft(batch.crops[:, 0].numpy())).argmax(1)
            seen.update(zip(pitches.tolist(), batch.labels.tolist()))
            return batch, failed

    monkeypatch.setattr(training, "Batches", Noted)
    config = small("Sup.", epochs=4)
    run_small(paths, tmp_path / "run", config, labels=torch.arange(10), classes=10)
    labels = [seen[pitch] for pitch in sorted(seen)]
    assert labels == [2, 3, 4, 5, 6, 7, 8, 9]


# --- the paper's own configuration ---------------------------------------------------------------


def test_the_papers_configuration_runs(tmp_path, monkeypatch):
    """ResNet-50 on 257 x 300, the 4096-256 head and LARS, one step; only the batch is not 3.2's."""
    monkeypatch.setattr(sensitivity, "geometry", lambda *_: {})
    rng = np.random.default_rng(0)
    paths = [write(tmp_path / f"{i}.wav", 0.1 * rng.standard_normal(56_000)) for i in range(2)]
    config = replace(PAPER.pretraining, batch=2, epochs=1, warmup_epochs=1)
    before = built(config, paths, tmp_path)
    method, log = run_small(paths, tmp_path, config)
    assert log.rate == pytest.approx([0.3 * 2 / 256])
    assert sum(p.numel() for p in method.encoder.parameters()) == 23_501_760
    assert [layer.out_features for layer in (method.head[0], method.head[3])] == [4096, 256]
    assert np.isfinite(log.loss).all()
    old = dict(before.named_parameters())
    moved = {name for name, new in method.named_parameters() if (new != old[name]).any()}
    branches = {name for name in old if name.endswith("bn3.weight")}  # which begin at zero
    assert len(branches) == 16
    assert branches | {"encoder.network.conv1.weight", "head.0.weight", "head.3.weight"} <= moved
    batch = Batch(torch.zeros(2, 2, 48_000), torch.arange(2), None)
    assert method.views(batch, gen())[0].shape == (4, 257, 300)
