"""Evaluation settings of the compared papers: hidden layer, overlap, naive Bayes, last layers."""

import numpy as np
import pytest
import torch
from conftest import gen
from torch import nn

from asglib import audio, encoder, metrics
from asglib.batches import Batch
from asglib.config import ConfigError, Downstream, Frontend
from asglib.evaluation import head, train_linear
from asglib.fine_tuning import Classifier, network_parts


def test_overlapping_segments_stand_half_a_length_apart_and_the_last_ends_with_the_clip():
    wave = np.arange(11.0)
    assert audio.segments(wave, 4, 0.5)[:, 0].tolist() == [0, 2, 4, 6, 7]
    assert audio.segments(wave, 4, 0.5)[-1].tolist() == [7, 8, 9, 10]
    assert audio.segments(wave[:4], 4, 0.5).tolist() == [[0, 1, 2, 3]]
    assert audio.segments(wave[:3], 4, 0.5).shape == (1, 4)


def test_naive_bayes_multiplies_where_the_mean_adds():
    sure, unsure = [0.999, 0.001], [0.3, 0.7]
    logits = torch.tensor([sure, *[unsure] * 4]).log()
    clip, prior = torch.zeros(5, dtype=torch.long), torch.tensor([0.5, 0.5])
    posterior = metrics.naive_bayes(logits, clip, prior)
    odds = (0.999 / 0.001) * (0.3 / 0.7) ** 4
    assert posterior[0, 0].item() == pytest.approx(odds / (1 + odds), abs=1e-5)
    assert posterior.argmax() == 0
    assert metrics.per_clip(logits.softmax(1), clip, 1).argmax() == 1


def test_naive_bayes_of_the_prior_is_the_prior_and_of_one_segment_itself():
    prior = torch.tensor([0.2, 0.3, 0.5])
    many = metrics.naive_bayes(prior.log().expand(6, -1), torch.zeros(6, dtype=torch.long), prior)
    assert torch.allclose(many[0], prior, atol=1e-6)
    one = torch.tensor([[0.1, 0.7, 0.2]])
    same = metrics.naive_bayes(one.log(), torch.zeros(1, dtype=torch.long), prior)
    assert torch.allclose(same, one, atol=1e-6)


def test_f1_and_weighted_precision_of_a_majority_predictor():
    targets = torch.tensor([0] * 6 + [1] * 3 + [2])
    scores = torch.zeros(10, 3)
    scores[:, 0] = 1
    found = metrics.outcome(scores, targets, "accuracy")
    share = 0.6
    assert found["value"] == pytest.approx(share)
    assert found["f1"] == pytest.approx(2 * share / (1 + share) / 3)
    assert found["weighted_precision"] == pytest.approx(share**2)


def test_a_hidden_layer_solves_what_a_linear_one_cannot():
    x = torch.randn(400, 2, generator=gen())
    targets = (x[:, 0] * x[:, 1] > 0).long()
    right = {}
    for hidden in (0, 32):
        config = Downstream(epochs=60, drop_epoch=50, lr=1e-2, hidden=hidden)
        layers = train_linear(x, targets, 2, config, 0)
        right[hidden] = (layers(x).argmax(1) == targets).float().mean().item()
    assert right[0] < 0.65 and right[32] > 0.95


def test_a_classifier_sees_standardised_features_and_keeps_their_scale():
    x = torch.cat(
        [1_000 + torch.randn(50, 3, generator=gen()), torch.randn(50, 3, generator=gen(1))]
    )
    targets = torch.arange(100) // 50
    layers = train_linear(x, targets, 2, Downstream(epochs=20, drop_epoch=10), 0)
    assert (layers(x).argmax(1) == targets).all()
    assert torch.allclose(layers[0](x).mean(0), torch.zeros(3), atol=1e-4)
    assert layers[0](x).std(0).tolist() == pytest.approx([1, 1, 1], abs=1e-4)


def test_only_the_last_parts_are_trained_and_the_others_keep_their_statistics():
    network = encoder.build("audio2vec", Frontend(n_mels=64))
    assert len(network_parts(network.network)) == 6
    model = Classifier(network, 3, 0, last=2).train()
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    expected = ("encoder.network.layers.4.", "encoder.network.last.", "head.")
    assert trained and all(name.startswith(expected) for name in trained)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    batch = Batch(
        0.1 * torch.randn(8, 1, 10_240, generator=gen()), torch.arange(8), torch.arange(8) % 3
    )
    optim = torch.optim.Adam([w for w in model.parameters() if w.requires_grad], 1e-2)
    model(batch, gen()).backward()
    optim.step()
    after = model.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert all(name.startswith(expected) for name in changed)
    assert "encoder.network.last.weight" in changed
    assert any("running_mean" in name for name in changed)
    everything = Classifier(network, 3, 0)
    assert all(weight.requires_grad for weight in everything.parameters())


def test_a_linear_head_starts_at_zero():
    """So that before the first step every label is as likely as not."""
    layer = head(4, 3, 0, 0)
    assert layer.weight.shape == (3, 4) and not layer.weight.any() and not layer.bias.any()


def test_a_hidden_head_is_a_function_of_its_seed():
    one, same, other = (head(4, 3, 8, seed) for seed in (0, 0, 1))
    assert isinstance(one[1], nn.ReLU)
    assert torch.equal(one[0].weight, same[0].weight)
    assert not torch.equal(one[0].weight, other[0].weight)


def test_unknown_settings_are_one_sentence():
    with pytest.raises(ConfigError, match="downstream.aggregate 'max' is unknown; use mean, naive"):
        Downstream(aggregate="max")
    with pytest.raises(ConfigError, match="downstream.overlap is 1.0; give 0 to 0.9."):
        Downstream(overlap=1.0)
