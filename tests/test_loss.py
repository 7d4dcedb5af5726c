"""NT-Xent (paper section 2.3): equation 2 as two loops, a second library, two processes."""

import math

import pytest
import ranks
import torch
from conftest import gen
from pytorch_metric_learning.losses import NTXentLoss, SelfSupervisedLoss

from asglib.loss import nt_xent, objective


def embeddings(rows, dim=12, seed=0):
    first, noise = torch.randn(2, rows, dim, generator=gen(seed))
    return first, 0.7 * first + noise


def equation_2(first, second, temperature):
    """The mean over all anchors of equation 2, term by term in float64."""
    z = torch.cat([first, second]).double()
    z = z / z.norm(dim=1, keepdim=True)
    s = z @ z.T  # equation 1
    count, losses = len(z), []
    for i in range(count):
        j = (i + count // 2) % count
        denominator = sum((s[i, k] / temperature).exp() for k in range(count) if k != i)
        losses.append(-((s[i, j] / temperature).exp() / denominator).log())
    return sum(losses) / count


@pytest.mark.parametrize("temperature", [0.05, 0.1, 1.0])
@pytest.mark.parametrize("rows", [2, 7, 64])
def test_equals_equation_2(rows, temperature):
    first, second = embeddings(rows, seed=rows)
    expected = equation_2(first, second, temperature).item()
    assert nt_xent(first, second, temperature).item() == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_gradient_equals_that_of_equation_2_at_negative_similarities():
    first, second = embeddings(9)
    second = -second  # every positive pair has a negative cosine
    ours, slow = first.clone().requires_grad_(), first.double().requires_grad_()
    nt_xent(ours, second, 0.1).backward()
    equation_2(slow, second, 0.1).backward()
    assert (torch.cosine_similarity(first, second) < 0).all()
    assert (ours.grad.norm(dim=1) > 1e-3).all()
    torch.testing.assert_close(ours.grad.double(), slow.grad, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_equals_another_library(temperature):
    first, second = embeddings(16)
    other = SelfSupervisedLoss(NTXentLoss(temperature))(first, second)
    assert nt_xent(first, second, temperature).item() == pytest.approx(other.item(), abs=1e-5)


@pytest.mark.parametrize("clips", [1, 8, 100])
def test_all_alike_is_the_log_of_all_others(clips):
    """N clips whose 4N embeddings are all alike: log(4N - 1), whatever the temperature."""
    z = torch.ones(2 * clips, 5)
    assert nt_xent(z, z, 0.1).item() == pytest.approx(math.log(4 * clips - 1), abs=1e-5)


def test_orthogonal_pairs_have_a_closed_form():
    """M identical pairs, orthogonal to each other: log(e^(1/t) + 2M - 2) - 1/t."""
    z = torch.eye(6)
    assert nt_xent(3 * z, z, 0.5).item() == pytest.approx(math.log(math.exp(2) + 10) - 2, abs=1e-6)


def test_order_and_scale_do_not_matter():
    first, second = embeddings(11)
    loss, order = nt_xent(first, second, 0.1).item(), torch.randperm(11, generator=gen(1))
    assert nt_xent(first[order], second[order], 0.1).item() == pytest.approx(loss, abs=2e-6)
    assert nt_xent(second, first, 0.1).item() == pytest.approx(loss, abs=2e-6)
    assert nt_xent(100 * first, 0.01 * second, 0.1).item() == pytest.approx(loss, abs=2e-6)
    assert abs(nt_xent(first[order], second, 0.1).item() - loss) > 0.1


@pytest.mark.parametrize("seed", range(10))
def test_moved_pairs_never_lower_the_loss(seed):
    """Every denominator grows, so the sum over the union is more than that over its parts."""
    x, x_p = embeddings(8, seed=seed)
    x_n, x_pn = embeddings(8, seed=seed + 100)
    together = nt_xent(torch.cat([x, x_n]), torch.cat([x_p, x_pn]), 0.1)
    assert 2 * together.item() > nt_xent(x, x_p, 0.1).item() + nt_xent(x_n, x_pn, 0.1).item()


def test_a_clip_is_pushed_away_from_its_own_moved_copy():
    """x_n is a negative of x: the nearer the two, the higher the loss of x."""
    x, x_p = torch.eye(4)[:2], torch.eye(4)[:2]
    near, far = (
        nt_xent(torch.cat([x, m]), torch.cat([x_p, m]), 0.1).item()
        for m in (0.9 * torch.eye(4)[:2] + 0.4 * torch.eye(4)[2:], torch.eye(4)[2:])
    )
    assert far < 1e-3 and near > 0.5


def test_computed_in_float32_under_autocast():
    first, second = embeddings(16)
    with torch.autocast("cpu", torch.bfloat16):
        loss = nt_xent(first, second, 0.1)
        coarse = nt_xent(first.bfloat16(), second.bfloat16(), 0.1)
    assert loss.dtype == coarse.dtype == torch.float32
    assert torch.equal(loss, nt_xent(first, second, 0.1))
    rounded = nt_xent(first.bfloat16().float(), second.bfloat16().float(), 0.1)
    assert coarse.item() == pytest.approx(rounded.item(), abs=1e-7)


@pytest.mark.parametrize(
    "first, second", [((3, 4), (4, 4)), ((3, 4), (3, 5)), ((3,), (3,)), ((2, 3, 4), (2, 3, 4))]
)
def test_other_shapes_are_refused(first, second):
    with pytest.raises(ValueError, match=r"two \[M, D\] tensors"):
        nt_xent(torch.ones(first), torch.ones(second), 0.1)


# --- labels --------------------------------------------------------------------------------------


def test_cross_entropies_written_out():
    logits = torch.tensor([[0.0, math.log(3.0)]])
    assert objective(logits, torch.tensor([0])).item() == pytest.approx(-math.log(0.25))
    expected = -(math.log(0.5) + math.log(0.25)) / 2  # the first is there, the second is not
    assert objective(logits, torch.tensor([[1, 0]])).item() == pytest.approx(expected)


# --- several processes ---------------------------------------------------------------------------


@pytest.mark.parametrize("split", [5, 4, 8])
def test_two_processes_equal_one_whatever_their_shares(tmp_path, split):
    """Shares are uneven where clips could not be decoded: the gradient is that of one process."""
    shares = split, 10 - split
    (one, first_gradient), (two, second_gradient) = ranks.together(
        ranks.loss_and_gradient, tmp_path, 2, shares
    )
    weight, first, second = ranks.model_and_inputs()
    loss = nt_xent(first @ weight.T, second @ weight.T, 0.1)
    loss.backward()
    together = (split * one + (10 - split) * two) / 10
    assert together == pytest.approx(loss.item(), abs=1e-5) and one != two
    assert weight.grad.abs().max() > 0.01
    for gradient in (first_gradient, second_gradient):
        torch.testing.assert_close(gradient, weight.grad, rtol=0, atol=1e-5)
