"""Networks of the compared papers: printed numbers of weights, receptive fields, no leaks."""

import pytest
import torch
from conftest import gen

from asglib import networks
from asglib.config import ConfigError, Frontend
from asglib.encoder import build


def weights(module):
    return sum(p.numel() for p in module.parameters() if p.ndim > 1)


def test_audio2vecs_encoder_has_the_printed_weights_in_every_layer():
    network = networks.Audio2Vec()
    assert [weights(layer) for layer in network.layers] == [224, 1_280, 5_120, 20_480, 81_920]
    assert weights(network.last) == 16_384 and weights(network) == 125_408
    assert weights(networks.audio2vec_large()) == 1_875_072


def test_a_separable_layer_runs_along_time_first_and_then_along_frequency():
    layer = networks.SeparableLayer(1, 1).eval()
    x = torch.zeros(1, 1, 7, 9)
    x[0, 0, 3, 4] = 1
    with torch.no_grad():
        for part in (layer.time, layer.frequency, layer.around):
            part[0].weight.fill_(1)
        assert layer.time(x)[0, 0].nonzero().tolist() == [[3, 3], [3, 4], [3, 5]]
        assert layer.frequency(x)[0, 0].nonzero().tolist() == [[2, 4], [3, 4], [4, 4]]


def test_cpcs_encoder_has_the_printed_rate_and_reach():
    network = networks.Cpc(8).eval()
    for samples, latents in ((160_000, 498), (80_000, 248), (16_000, 48), (12_800, 38)):
        assert network.latents(torch.zeros(1, samples)).shape[2] == latents
    waves = torch.randn(1, 40_000, generator=gen(), requires_grad=True)
    z = network.latents(waves)
    assert reach(z[0, :, 50], waves) == (16_000, 955)
    before, after = network.contexts(z)
    assert reach(before[0, :, 100], waves) == (100 * 320 - 78 * 320, 25_915)  # 1.62 s
    assert reach(after[0, :, 10], waves) == (10 * 320, 25_915)


def reach(values, waves):
    """The first sample that decides `values`, and how many from it to the last."""
    gradient = torch.autograd.grad(values.sum(), waves, retain_graph=True)[0][0]
    used = gradient.nonzero().flatten()
    return used.min().item(), (used.max() - used.min() + 1).item()


def test_a_context_knows_nothing_of_the_future_and_the_other_nothing_of_the_past():
    network = networks.cpc_tiny().eval()
    waves = torch.randn(1, 16_000, generator=gen())
    other = waves.clone()
    other[:, 320 * 20 + 955 :] = 0.5
    one, two = (network.contexts(network.latents(w)) for w in (waves, other))
    assert torch.equal(one[0][..., :21], two[0][..., :21])
    assert not torch.equal(one[0][..., 21:], two[0][..., 21:])
    other = waves.clone()
    other[:, : 320 * 20] = 0.5
    one, two = (network.contexts(network.latents(w)) for w in (waves, other))
    assert torch.equal(one[1][..., 20:], two[1][..., 20:])
    assert not torch.equal(one[1][..., :20], two[1][..., :20])


def test_cpcs_local_encoder_has_the_papers_size():
    assert sum(p.numel() for p in networks.Cpc().local.parameters()) == 6_834_688


def test_colas_network_has_the_published_size():
    network = networks.efficientnet_b0()
    assert sum(p.numel() for p in network.parameters()) == 4_006_972
    assert network.num_features == 1_280


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_every_network_is_an_encoder_of_waves(name):
    encoder = build(name, Frontend(n_mels=64)).eval()
    with torch.no_grad():
        h = encoder(0.1 * torch.randn(2, 15_360, generator=gen()))
    assert h.shape == (2, encoder.dim) and h.isfinite().all() and not torch.equal(h[0], h[1])


def test_an_unknown_network_is_one_sentence():
    with pytest.raises(ConfigError, match="encoder 'vgg' is unknown; use resnet50, "):
        build("vgg", Frontend())
