"""Recomputation (Chen et al. 2016): exact gradients, statistics counted once, fewer bytes kept."""

import copy
from dataclasses import replace

import pytest
import torch
from conftest import assert_same_steps, small
from torch import nn

from asglib import encoder, memory
from asglib.config import ConfigError, Frontend, Pretraining
from asglib.methods import METHODS


@pytest.mark.parametrize("name", ["tiny", "resnet50", "audio2vec"])
def test_gradients_and_batch_statistics_are_those_of_one_computation(name):
    plain = encoder.build(name, Frontend()).train()
    again = copy.deepcopy(plain)
    memory.recompute(again.network)
    assert_same_steps(plain, again)


def test_a_recomputing_network_keeps_the_moments_of_its_layers():
    network = encoder.build("tiny", Frontend()).train()
    memory.recompute(network.network)
    network(torch.zeros(2, 8_000)).sum().backward()
    layers = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert layers and all(layer.momentum == 0.1 for layer in layers)


@pytest.mark.parametrize("name", ["tiny", "resnet50"])
def test_layers_that_are_put_in_later_count_a_batch_once_too(name):
    """As SyncBatchNorm takes the place of every layer where there are several GPUs."""
    network = encoder.build(name, Frontend()).train()
    memory.recompute(network.network)
    for part in list(network.modules()):
        for child, layer in list(part.named_children()):
            if isinstance(layer, nn.BatchNorm2d):
                setattr(part, child, copy.deepcopy(layer))
    network(torch.zeros(2, 8_000)).sum().backward()
    state = network.state_dict()
    counted = [value for key, value in state.items() if key.endswith("num_batches_tracked")]
    assert counted and all(count == 1 for count in counted)


def test_bytes_of_a_layer_by_hand():
    """A convolution keeps its input, batch normalisation its own and two numbers a channel."""

    class One(nn.Module):
        takes_waves, num_features = True, 4

        def __init__(self):
            super().__init__()
            self.convolution, self.normalisation = nn.Conv1d(1, 4, 1), nn.BatchNorm1d(4)

        def forward(self, x):
            return self.normalisation(self.convolution(x[:, None])).sum(2)

    network = encoder.Encoder("one", Frontend(), One())
    kept, largest = memory.bytes_a_view(network, 1_000)
    assert kept == 4 * (1_000 + 4_000) + 2 * 4 * 4 / memory.MEASURED
    assert largest == kept  # no block to recompute


def test_resnet50_keeps_at_least_three_times_less():
    network = encoder.build("resnet50", Frontend())
    plain, _ = memory.bytes_a_view(network, 48_000)
    memory.recompute(network.network)
    recomputed, _ = memory.bytes_a_view(network, 48_000)
    assert plain / recomputed > 3


def test_the_papers_batch_fits_one_card_of_80_gb():
    paper = Pretraining("ASG", METHODS["ASG"])
    plain, recomputed = memory.forecast(paper, amp=True)
    assert recomputed < memory.USED * 80e9 < plain


FITS_RECOMPUTED = memory.forecast(small(), False)[1] * 1.2 / 2**30


def test_a_network_that_is_not_recomputed_says_so():
    plain, again = memory.forecast(replace(small(), encoder="audio2vec", frames=64), False)
    assert plain == again > 0


class Device:
    """What `fit` asks of a GPU."""

    type = "cuda"

    def __str__(self):
        return "cuda:0"


@pytest.mark.parametrize(("free", "recomputes"), [(10, False), (FITS_RECOMPUTED, True)])
def test_recomputation_is_switched_on_by_what_is_free(monkeypatch, free, recomputes):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free * 2**30, 80 * 2**30))
    network = encoder.build("tiny", small().frontend)
    memory.fit(small(), network.network, Device(), 1, False)
    assert ("forward_features" in vars(network.network)) == recomputes


def test_a_gpu_that_is_full_is_named_with_the_bytes_missing_and_what_would_fit(monkeypatch):
    config = replace(small(), batch=512)
    _, needed = memory.forecast(config, False)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (needed / 2 / 0.9, 80 * 2**30))
    network = encoder.build(config.encoder, config.frontend)
    with pytest.raises(ConfigError, match="on cuda:0, .* are missing.* a batch of 256 or less"):
        memory.fit(config, network.network, Device(), 1, False)
    memory.fit(config, network.network, Device(), 4, False)  # four processes share the batch
