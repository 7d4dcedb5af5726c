"""The encoder f and the head g (paper section 2.3): the architecture counted by hand, and their seeds."""

import pytest
import torch
from conftest import gen, same_bits
from torch import nn

from asglib import encoder
from asglib.config import ConfigError


def resnet50_weights(channels):
    """He et al. 2016, table 1, in weights: a 7 x 7 stem and 3 + 4 + 6 + 3 bottlenecks, each convolution with its BN."""

    def convolution(inside, outside, side):
        return inside * outside * side**2 + 2 * outside

    total, inside = convolution(channels, 64, 7), 64
    for blocks, width in ((3, 64), (4, 128), (6, 256), (3, 512)):
        for block in range(blocks):
            total += (
                convolution(inside, width, 1)
                + convolution(width, width, 3)
                + convolution(width, 4 * width, 1)
            )
            total += (
                convolution(inside, 4 * width, 1) if block == 0 else 0
            )  # the shortcut changes width
            inside = 4 * width
    return total


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_resnet50_has_the_weights_of_resnet50():
    assert (
        resnet50_weights(3) + 2048 * 1000 + 1000 == 25_557_032
    )  # the published count: the formula is right
    built = encoder.build("resnet50")
    assert count(built) == resnet50_weights(1) == 23_501_760
    assert built.dim == 2048


def test_the_stem_takes_one_channel_and_is_untouched():
    stem = next(m for m in encoder.build("resnet50").modules() if isinstance(m, nn.Conv2d))
    assert (stem.in_channels, stem.out_channels, stem.kernel_size, stem.stride) == (
        1,
        64,
        (7, 7),
        (2, 2),
    )


@pytest.mark.parametrize(
    "name, dim, least, most", [("resnet18", 512, 11.1e6, 11.2e6), ("tiny", 128, 0.3e6, 0.32e6)]
)
def test_smaller_encoders(name, dim, least, most):
    built = encoder.build(name)
    assert built.dim == dim and least < count(built) < most
    assert built(torch.randn(2, 129, 40)).shape == (2, dim)


def test_blocks_begin_as_identities():
    """D12: the last batch normalisation of every residual block has weight 0, all others 1."""
    built = encoder.build("resnet50")
    norms = {name: m.weight for name, m in built.named_modules() if isinstance(m, nn.BatchNorm2d)}
    last = [weight for name, weight in norms.items() if name.endswith("bn3")]
    others = [weight for name, weight in norms.items() if not name.endswith("bn3")]
    assert len(last) == 16 and not any(w.any() for w in last)
    assert len(others) == 37 and all((w == 1).all() for w in others)


def test_the_head_is_the_papers():
    head = encoder.projection_head(2048, 4096, 256)
    assert [type(layer) for layer in head] == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]
    assert count(head) == 2048 * 4096 + 4096 + 2 * 4096 + 4096 * 256 + 256
    h = torch.randn(6, 2048, generator=gen())
    hidden = h @ head[0].weight.T + head[0].bias
    hidden = ((hidden - hidden.mean(0)) / (hidden.var(0, unbiased=False) + 1e-5).sqrt()).clamp(
        min=0
    )
    torch.testing.assert_close(
        head(h), hidden @ head[3].weight.T + head[3].bias, rtol=1e-4, atol=1e-5
    )


def test_the_corpus_mean_and_deviation_standardise_the_input():
    x = 3 * torch.randn(2, 65, 30, generator=gen()) - 5
    plain, standardising = (
        encoder.build("tiny").eval(),
        encoder.build("tiny", mean=-5, std=3).eval(),
    )
    torch.testing.assert_close(standardising(x), plain((x + 5) / 3), rtol=1e-5, atol=1e-6)
    assert not torch.allclose(standardising(x), plain(x), rtol=1e-2)
    assert {"mean", "std"} <= set(standardising.state_dict())


@pytest.mark.parametrize(
    "build",
    [
        lambda seed: encoder.build("tiny", seed),
        lambda seed: encoder.projection_head(16, 8, 4, seed),
    ],
)
def test_weights_are_a_function_of_the_seed_alone(build):
    torch.manual_seed(1)
    one = build(3)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    two, other = build(3), build(4)
    assert torch.equal(
        torch.get_rng_state(), state
    )  # and building leaves the global stream where it was
    assert same_bits(one, two) and not same_bits(one, other)


def test_an_unknown_encoder_is_refused():
    with pytest.raises(ConfigError, match="'resnet51' is unknown; use resnet50, resnet18, tiny"):
        encoder.build("resnet51")
