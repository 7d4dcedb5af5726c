"""CBoW and skip-gram (3, 4), and what holds for all of Audio2Vec's family."""

import numpy as np
import pytest
import torch
from conftest import gen
from family import FAMILY, batch, build, config_of
from torch import nn

from asglib.config import ConfigError
from asglib.methods import slices


def test_cbow_sees_all_but_the_middle_and_skip_gram_the_middle_alone():
    for name, seen in (("CBoW", [0, 1, 3, 4]), ("SG", [2])):
        method, config = build(name)
        data = batch(config)
        method.eval()
        taken = []
        original = method.encoder.embed
        method.encoder.embed = lambda s, taken=taken, original=original: (
            taken.append(s),
            original(s),
        )[1]
        method(data, gen())
        whole = slices.cut(method.encoder.spectrogram(data.crops[:, 0]), 64, 2, 2)
        assert torch.equal(taken[0], whole[:, seen].flatten(0, 1))


@pytest.mark.parametrize(("name", "hidden"), [("CBoW", [2]), ("SG", [0, 1, 3, 4])])
def test_the_loss_is_that_of_each_hidden_slice_with_its_own_prediction(name, hidden):
    """Given predictions, a number a slice, against slices cut by hand."""
    method, config = build(name)
    data, given = batch(config), torch.tensor([0.5, -1.0, 2.0, 0.25])[: len(hidden)]
    method.decoder = Given(given)
    with torch.no_grad():
        spectrogram = method.encoder.spectrogram(data.crops[:, 0]).double()
        ours = method(data, gen()).item()
        mean, std = method.encoder.mean.double(), method.encoder.std.double()
    assert std > 1.1 and abs(mean) > 1
    errors = []
    for value, number in zip(given.double(), hidden):
        standard = (spectrogram[:, :, 66 * number : 66 * number + 64] - mean) / std
        errors.append((standard - value).square().mean())
    assert ours == pytest.approx(torch.stack(errors).mean().item(), rel=1e-5)
    assert method.decoder.z.shape == (8, 128 * (5 - len(hidden)))


class Given(nn.Module):
    """Predicts a number a slice, whatever it is given."""

    def __init__(self, values):
        super().__init__()
        self.values, self.z = values, None

    def forward(self, z):
        self.z = z
        return self.values[None, :, None, None].expand(len(z), -1, 64, 64)


def test_the_decoder_gets_the_embeddings_of_a_clips_own_slices_in_their_order():
    method, config = build("CBoW")
    method.decoder = Given(torch.zeros(1))
    numbers = torch.arange(32.0)[:, None].expand(-1, 128)
    method.encoder.embed = lambda slices: numbers
    method(batch(config), gen())
    assert method.decoder.z[:, ::128].tolist() == numbers[:, 0].view(8, 4).tolist()


@pytest.mark.parametrize("name", FAMILY)
def test_one_batch_is_learnt_and_labels_matter_to_multihead_alone(name):
    method, config = build(name)
    data = batch(config)
    same = method(data, gen(0)).item()
    method, _ = build(name)
    shuffled = method(data._replace(labels=data.labels.flip(0)), gen(0)).item()
    assert (same == shuffled) == (name != "MultiHead")
    method, _ = build(name)
    optim = torch.optim.Adam(method.parameters(), 2e-3)
    losses = []
    for _ in range(25):
        loss = method(data, gen(0))
        optim.zero_grad()
        loss.backward()
        optim.step()
        losses.append(loss.item())
    assert (
        np.mean(losses[-3:])
        < {"TemporalGap": 0.97, "SG": 0.8, "CBoW": 0.8}.get(name, 0.75) * losses[0]
    )


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("CBoW", "audio2vec: the frames of a slice"),
        ("SG", "audio2vec: the frames of a slice"),
        ("TemporalGap", "temporal_gap: the frames of a slice"),
        ("AutoEncoder", "autoencoder: the frames of a crop"),
    ],
)
def test_what_is_too_short_for_the_network_is_one_sentence(name, whose):
    with pytest.raises(ConfigError, match=f"{whose} is 31; give 32 or more"):
        config_of(name, frames=31)
    method, config = build(name, frames=32)
    assert torch.isfinite(method(batch(config), gen()))
