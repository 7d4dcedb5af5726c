"""ASG and its ablations: NT-Xent of two views, and what the moved pairs are (2.2, 2.3, 3.5)."""

import pytest
import torch
from conftest import gen
from small_methods import batch, build

from asglib.adversaries import move
from asglib.config import Positives
from asglib.loss import nt_xent

MOVES = {"ST": {"ST"}, "FT": {"FT"}, "SF": {"SF"}, "FF": {"FF"}, "ASG": {"FT", "FF", "SF"}}  # 3.5
AS_IT_IS = Positives(rir_probability=0, volume_probability=0, noise_probability=0)


@pytest.mark.parametrize("name", ["NONE", "untrained"])
def test_none_is_nt_xent_of_the_two_views(name):
    method, data = build(name), batch()
    x = method.encoder.spectrogram(data.crops[:, 0])
    x_p = method.encoder.spectrogram(method.positives(data.crops[:, 1], gen(5)))
    z, z_p = method.head(method.encoder.embed(torch.cat([x, x_p]))).chunk(2)
    assert method(data, gen(5)).item() == nt_xent(z, z_p, 0.1).item()


@pytest.mark.parametrize("name", MOVES)
def test_the_batch_also_holds_the_moved_pairs(name):
    """first = [x; x_n], second = [x_p; x_pn]; x and x_p are NONE's, x_n and x_pn their moves."""
    data = batch()
    first, second = build(name).views(data, gen(6))
    x, x_p = build("NONE").views(data, gen(6))
    assert first.shape == second.shape == (16, 129, 24)
    assert torch.equal(first[:8], x) and torch.equal(second[:8], x_p)
    for plain, other in ((x, first), (x_p, second)):
        assert torch.equal(other[8:].flatten(1).sort().values, plain.flatten(1).sort().values)
        assert not any(torch.equal(a, b) for a, b in zip(plain, other[8:]))


@pytest.mark.parametrize("name", MOVES)
def test_both_members_of_a_pair_get_the_same_of_the_methods_moves(name):
    """With x_p = x every moved pair is two equal spectrograms, each a move that the method has."""
    data = batch()
    data = data._replace(crops=data.crops[:, :1].expand(-1, 2, -1))
    method, found = build(name, positives=AS_IT_IS), set()
    # L_ms = 30 of 257 bins, of 300 frames
    lengths = {"SF": range(15, 115), "ST": range(2, 23), "FT": [0], "FF": [0]}
    for seed in range(4):
        first, second = method.views(data, gen(seed))
        assert torch.equal(first, second)
        for plain, moved in zip(first[:8], first[8:]):
            kinds = {
                kind
                for kind in lengths
                if any(torch.equal(move(plain, kind, n), moved) for n in lengths[kind])
            }
            assert len(kinds) == 1
            found |= kinds
    assert found == MOVES[name]


def test_more_negatives_make_a_higher_loss():
    """An untrained network: ASG's loss is about log((4N - 1) / (2N - 1)) above NONE's."""
    data = batch()
    asg, none = (build(name, temperature=5.0)(data, gen(11)).item() for name in ("ASG", "NONE"))
    assert asg - none == pytest.approx(torch.tensor(31 / 15).log().item(), abs=0.1)
