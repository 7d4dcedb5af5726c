"""The encoder f and the head g (paper section 2.3): counted by hand, saved whole, their seeds."""

import json
from dataclasses import replace

import pytest
import torch
from conftest import gen, noise, same_bits
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

import asglib
from asglib import encoder
from asglib.config import ConfigError, Frontend
from asglib.encoder import build, load, projection_head, save_encoder
from asglib.frontend import LogSpectrogram

SMALL = Frontend(window=256, n_fft=256)


def resnet50_weights(channels):
    """He et al. 2016, table 1: a 7 x 7 stem and 3 + 4 + 6 + 3 bottlenecks, with their BN."""

    def convolution(inside, outside, side):
        return inside * outside * side**2 + 2 * outside

    total, inside = convolution(channels, 64, 7), 64
    for blocks, width in ((3, 64), (4, 128), (6, 256), (3, 512)):
        for block in range(blocks):
            total += convolution(inside, width, 1)
            total += convolution(width, width, 3)
            total += convolution(width, 4 * width, 1)
            if block == 0:  # the shortcut changes width
                total += convolution(inside, 4 * width, 1)
            inside = 4 * width
    return total


def count(module):
    return sum(p.numel() for p in module.parameters())


# --- the architecture ----------------------------------------------------------------------------


def test_resnet50_has_the_weights_of_resnet50():
    published = 25_557_032
    assert resnet50_weights(3) + 2048 * 1000 + 1000 == published  # the formula is right
    built = build("resnet50", Frontend())
    assert count(built) == resnet50_weights(1) == 23_501_760
    assert built.dim == 2048


def test_the_stem_takes_one_channel_and_is_untouched():
    modules = build("resnet50", Frontend()).modules()
    stem = next(m for m in modules if isinstance(m, nn.Conv2d))
    assert (stem.in_channels, stem.out_channels) == (1, 64)
    assert (stem.kernel_size, stem.stride) == ((7, 7), (2, 2))


@pytest.mark.parametrize(
    "name, dim, least, most", [("resnet18", 512, 11.1e6, 11.2e6), ("tiny", 128, 0.3e6, 0.32e6)]
)
def test_smaller_encoders(name, dim, least, most):
    built = build(name, SMALL)
    assert built.dim == dim and least < count(built) < most
    assert built(torch.randn(2, 6_400)).shape == (2, dim)


def test_blocks_begin_as_identities_in_the_papers_network_and_alive_in_the_tiny_one():
    """D12: the last batch normalisation of ResNet-50's residual blocks has weight 0, others 1."""
    modules = build("resnet50", Frontend()).named_modules()
    norms = {name: m.weight for name, m in modules if isinstance(m, nn.BatchNorm2d)}
    last = [weight for name, weight in norms.items() if name.endswith("bn3")]
    others = [weight for name, weight in norms.items() if not name.endswith("bn3")]
    assert len(last) == 16 and not any(w.any() for w in last)
    assert len(others) == 37 and all((w == 1).all() for w in others)
    tiny = [m for m in build("tiny", SMALL).modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(tiny) > 8 and all((m.weight == 1).all() for m in tiny)


def test_the_head_is_the_papers():
    head = projection_head(2048, 4096, 256)
    assert [type(layer) for layer in head] == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]
    assert count(head) == 2048 * 4096 + 4096 + 2 * 4096 + 4096 * 256 + 256
    h = torch.randn(6, 2048, generator=gen())
    hidden = h @ head[0].weight.T + head[0].bias
    hidden = (hidden - hidden.mean(0)) / (hidden.var(0, unbiased=False) + 1e-5).sqrt()
    expected = hidden.clamp(min=0) @ head[3].weight.T + head[3].bias
    torch.testing.assert_close(head(h), expected, rtol=1e-4, atol=1e-5)


# --- from waves to embeddings --------------------------------------------------------------------


def waves(clips=3, samples=4_800):
    return torch.from_numpy(noise(clips * samples)).view(clips, samples)


def test_an_encoder_is_its_front_end_its_standardisation_and_its_network():
    f, x = build("tiny", SMALL).eval(), waves()
    spectrogram = LogSpectrogram(SMALL)(x)
    assert torch.equal(f.spectrogram(x), spectrogram)
    f.mean.fill_(-5.0)
    f.std.fill_(3.0)
    assert torch.equal(f(x), f.embed(spectrogram))
    expected = f.network(((spectrogram + 5) / 3)[:, None])
    torch.testing.assert_close(f(x), expected, rtol=1e-5, atol=1e-6)
    plain = build("tiny", SMALL).eval()
    assert not torch.allclose(f(x), plain(x), rtol=1e-2)


def test_standardised_input_has_mean_0_and_deviation_1_over_all_cells():
    f, x = build("tiny", SMALL), waves()
    f.standardise(x)
    values = f.spectrogram(x).double()
    assert f.mean.item() == pytest.approx(values.mean().item(), abs=1e-4)
    assert f.std.item() == pytest.approx(values.std().item(), abs=1e-4)
    assert f.mean.item() == torch.tensor(round(f.mean.item(), 4)).item()  # rounded, D2


def test_clips_do_not_touch_each_other_in_evaluation():
    f, x = build("tiny", SMALL).eval(), waves(5)
    alone = torch.cat([f(row[None]) for row in x])
    assert torch.equal(f(x), alone) and torch.equal(f(x[:2]), alone[:2])  # to the bit


@pytest.mark.parametrize(
    "make",
    [lambda seed: build("tiny", SMALL, seed), lambda seed: projection_head(16, 8, 4, seed)],
)
def test_weights_are_a_function_of_the_seed_alone(make):
    torch.manual_seed(1)
    one = make(3)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    two, other = make(3), make(4)
    assert torch.equal(torch.get_rng_state(), state)  # the global stream is where it was
    assert same_bits(one, two) and not same_bits(one, other)


def test_an_unknown_encoder_is_refused():
    with pytest.raises(ConfigError, match="'resnet51' is unknown; use resnet50, resnet18, tiny"):
        build("resnet51", Frontend())


# --- one file ------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    """An encoder that has seen data, and its file."""
    f = build("tiny", replace(SMALL, n_mels=32, floor=1e-5), 3)
    f.standardise(waves())
    f.train()(waves())  # batch statistics
    save_encoder(f, tmp_path / "encoder.safetensors")
    return f.eval(), tmp_path / "encoder.safetensors"


def test_a_saved_encoder_is_whole(saved):
    f, path = saved
    found = asglib.load(path)
    assert found.frontend.config == f.frontend.config and found.name == "tiny"
    assert not found.training and same_bits(found, f)
    assert torch.equal(found(waves()), f(waves()))
    assert torch.equal(asglib.load(str(path))(waves()), f(waves()))


def test_a_file_that_is_none_of_ours_is_named(tmp_path, saved):
    f, path = saved
    other = tmp_path / "other.safetensors"
    save_file({"weight": torch.ones(3)}, other)
    with pytest.raises(ConfigError, match=r"other\.safetensors: .* \(its format is '', 'as"):
        load(other)
    save_file({"weight": torch.ones(3)}, other, {encoder.FORMAT: "{}"})
    with pytest.raises(ConfigError, match=r"other\.safetensors: is no whole encoder of asglib"):
        load(other)
    text = tmp_path / "text.safetensors"
    text.write_text("this is a text file\n" * 40)
    with pytest.raises(ConfigError, match=r"text\.safetensors: is no whole encoder of asglib"):
        load(text)
    with pytest.raises(ConfigError, match=r"gone\.safetensors: there is no such file; give an"):
        load(tmp_path / "gone.safetensors")
    with pytest.raises(ConfigError, match="there is no such file"):
        load(tmp_path)


@pytest.mark.parametrize("size", [0, 4, 300, -1])
def test_a_truncated_encoder_is_named(saved, size):
    _, path = saved
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ConfigError, match=r"encoder\.safetensors: is no whole encoder") as error:
        load(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "about",
    [
        {"name": "resnet18"},
        {"name": "resnet51"},
        {"frontend": {"colour": 1}},
        {"frontend": {"hop": -1}},
    ],
)
def test_an_encoder_that_does_not_fit_its_own_words_is_named(saved, about):
    f, path = saved
    with safe_open(path, "pt") as file:
        told = json.loads(file.metadata()[encoder.FORMAT])
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    words = {encoder.FORMAT: json.dumps(told | about)}
    save_file(state, path, words)
    with pytest.raises(ConfigError, match=r"encoder\.safetensors") as error:
        load(path)
    assert "\n" not in str(error.value)
