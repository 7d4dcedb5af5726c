"""Adversarial samples (paper section 2.2): written-out arrays, statistics of draws, physics."""

import numpy as np
import pytest
import torch
from conftest import gen
from scipy import stats

from asglib import adversaries
from asglib.adversaries import KINDS, Adversary, apply, gathered, move
from asglib.config import ConfigError, Frontend
from asglib.frontend import LogSpectrogram

# three bins, lowest first, of four frames
GRID = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]])


def drawn(adversary, clips, bins, frames, generator):
    """The draws of an adversary as two arrays: names of moves, lengths."""
    kinds, lengths = adversary.draw(clips, bins, frames, generator)
    return np.array(KINDS)[kinds.numpy()], lengths.numpy()


def image(clips, bins=21, frames=13, seed=0):
    """Spectrograms [B, F, T] in which no two cells are alike."""
    cells = torch.randperm(clips * bins * frames, generator=gen(seed)).float()
    return cells.view(clips, bins, frames)


# --- the four moves ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, length, expected",
    [
        ("FT", 0, [[4, 3, 2, 1], [8, 7, 6, 5], [12, 11, 10, 9]]),
        ("FF", 0, [[9, 10, 11, 12], [5, 6, 7, 8], [1, 2, 3, 4]]),
        ("SF", 1, [[9, 10, 11, 12], [1, 2, 3, 4], [5, 6, 7, 8]]),
        ("SF", 2, [[5, 6, 7, 8], [9, 10, 11, 12], [1, 2, 3, 4]]),
        ("ST", 1, [[4, 1, 2, 3], [8, 5, 6, 7], [12, 9, 10, 11]]),
        ("ST", 3, [[2, 3, 4, 1], [6, 7, 8, 5], [10, 11, 12, 9]]),
    ],
)
def test_written_out(kind, length, expected):
    before = GRID.clone()
    assert move(GRID, kind, length).tolist() == expected
    moves = torch.tensor([KINDS.index(kind)]), torch.tensor([length])
    assert apply(GRID[None], *moves)[0].tolist() == expected
    assert gathered(GRID[None], *moves)[0].tolist() == expected
    assert torch.equal(GRID, before)


def test_moves_are_undone():
    x = image(2)
    for flip in (adversaries.flip_time, adversaries.flip_frequency):
        assert torch.equal(flip(flip(x)), x) and not torch.equal(flip(x), x)
    for scroll, size in ((adversaries.scroll_frequency, 21), (adversaries.scroll_time, 13)):
        for length in range(1, size):
            assert torch.equal(scroll(scroll(x, length), -length), x) and not torch.equal(
                scroll(x, length), x
            )
        assert torch.equal(scroll(x, size), x)


@pytest.mark.parametrize("kind, kept", [("FT", 2), ("ST", 2), ("FF", 1), ("SF", 1)])
def test_what_a_move_keeps(kind, kept):
    """A move along time keeps each bin's values, one along frequency each frame's."""
    x = image(3)
    moved = move(x, kind, 5)
    assert torch.equal(moved.sort(kept).values, x.sort(kept).values)
    assert not torch.equal(moved.sort(3 - kept).values, x.sort(3 - kept).values)


# --- what they are to the ear --------------------------------------------------------------------


@pytest.fixture(scope="module")
def sound():
    """A wave [1, 160 x 60 + 1]: frames of the reversed wave are centred on the same samples."""
    rng = np.random.default_rng(3)
    t = np.arange(160 * 60 + 1) / 16_000
    wave = np.sin(2 * np.pi * (300 * t + 4000 * t**2)) * np.exp(
        -4 * t
    ) + 0.02 * rng.standard_normal(len(t))
    return torch.from_numpy(0.5 * wave)[None]


def test_flip_time_is_the_reversed_sound(sound):
    spectrogram = LogSpectrogram(Frontend())
    flipped, reversed_ = adversaries.flip_time(spectrogram(sound)), spectrogram(sound.flip(-1))
    torch.testing.assert_close(flipped[..., :-1], reversed_[..., 1:], rtol=0, atol=2e-3)
    assert (spectrogram(sound)[..., :-1] - reversed_[..., 1:]).abs().mean() > 0.5


def test_flip_frequency_is_the_sound_times_alternating_signs(sound):
    spectrogram = LogSpectrogram(Frontend())
    signs = torch.tensor([1.0, -1.0]).repeat(sound.shape[-1])[: sound.shape[-1]]
    flipped, alternated = adversaries.flip_frequency(spectrogram(sound)), spectrogram(sound * signs)
    torch.testing.assert_close(flipped, alternated, rtol=0, atol=2e-3)
    assert (spectrogram(sound) - alternated).abs().mean() > 0.5


def test_scroll_time_is_the_rolled_sound(sound):
    wave, spectrogram, length = sound[:, :-1], LogSpectrogram(Frontend()), 17
    scrolled, rolled = (
        adversaries.scroll_time(spectrogram(wave), length),
        spectrogram(wave.roll(160 * length, -1)),
    )
    inside = [
        t for t in range(2, 58) if abs(t - length) >= 2
    ]  # windows reach 256 samples beyond a frame's centre
    torch.testing.assert_close(scrolled[..., inside], rolled[..., inside], rtol=0, atol=2e-3)


# --- the draw ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, bins, frames, low, high", [("SF", 257, 300, 30, 227), ("ST", 257, 300, 30, 270)]
)
def test_scroll_lengths_are_uniform(kind, bins, frames, low, high):
    kinds, lengths = drawn(Adversary((kind,), 30, 30), 10_000, bins, frames, gen())
    assert set(kinds) == {kind} and lengths.min() == low and lengths.max() == high
    counts = np.bincount(lengths, minlength=high + 1)[low:]
    assert len(counts) == high - low + 1
    assert stats.chisquare(counts).pvalue > 1e-3
    uneven = counts + 40 * (np.arange(len(counts)) < 20)
    assert stats.chisquare(uneven).pvalue < 1e-9  # the check can fail


def test_scroll_in_time_has_its_own_limit():
    _, lengths = drawn(Adversary(("ST",), 30, 4), 500, 257, 12, gen())
    assert set(lengths) == {4, 5, 6, 7, 8}


@pytest.mark.parametrize("kinds", [("FT", "FF", "SF"), ("FT", "FF", "SF", "ST"), ("FF",)])
def test_kinds_are_drawn_equally_often(kinds):
    found, lengths = drawn(Adversary(kinds, 30, 30), 6_000, 257, 300, gen(1))
    counts = [(found == kind).sum() for kind in kinds]
    assert sum(counts) == 6_000
    assert len(kinds) == 1 or stats.chisquare(counts).pvalue > 1e-3
    assert ((lengths == 0) == np.isin(found, ("FT", "FF"))).all()


def test_kind_and_length_are_drawn_apart():
    """Neither the kind of one clip says anything of the next one's, nor of the length."""
    kinds, lengths = drawn(Adversary(("SF", "ST"), 30, 30), 6_000, 257, 257, gen(2))
    up = kinds == "SF"
    assert abs(np.corrcoef(up[1:], up[:-1])[0, 1]) < 0.06
    assert abs(np.corrcoef(up, lengths)[0, 1]) < 0.06
    assert abs(np.corrcoef(lengths[1:], lengths[:-1])[0, 1]) < 0.06


@pytest.mark.parametrize("kinds", [("FT",), ("FF",), ("SF",), ("ST",), ("FT", "FF", "SF", "ST")])
def test_both_members_of_a_pair_get_the_same_move(kinds):
    x = image(64)
    x_n, x_pn = Adversary(kinds, 3, 3)(x, x + 0.5, gen(4))
    assert torch.equal(x_pn, x_n + 0.5)
    assert not any(torch.equal(a, b) for a, b in zip(x, x_n))


def test_clips_do_not_touch_each_other_and_the_input_stays():
    x = image(6)
    other = x.clone()
    other[2] = 0
    adversary = Adversary(("FT", "FF", "SF", "ST"), 3, 3)
    keep = x.clone()
    one, two = adversary(x, x, gen(5))[0], adversary(other, other, gen(5))[0]
    assert torch.equal(x, keep)
    assert [torch.equal(a, b) for a, b in zip(one, two)] == [True, True, False, True, True, True]
    assert torch.equal(
        torch.stack([row.flatten().sort().values for row in one]),
        torch.stack([row.flatten().sort().values for row in x]),
    )


def test_the_draw_is_a_function_of_the_generator():
    x, adversary = image(16), Adversary(("FT", "FF", "SF"), 3, 3)
    assert torch.equal(adversary(x, x, gen(6))[0], adversary(x, x, gen(6))[0])
    assert not torch.equal(adversary(x, x, gen(6))[0], adversary(x, x, gen(7))[0])


def test_one_gather_equals_slice_by_slice():
    x = image(40)
    moves = Adversary(("FT", "FF", "SF", "ST"), 3, 3).draw(*x.shape, gen(8))
    kinds, lengths = (part.tolist() for part in moves)
    assert len(set(kinds)) == 4
    one_by_one = [move(row, KINDS[kind], n) for row, kind, n in zip(x, kinds, lengths)]
    assert torch.equal(apply(x, *moves), torch.stack(one_by_one))
    assert torch.equal(gathered(x, *moves), apply(x, *moves))


# --- what cannot be ------------------------------------------------------------------------------


@pytest.mark.parametrize("kinds", [("FX",), ("FT", "time"), ()])
def test_unknown_moves_are_refused(kinds):
    with pytest.raises(ConfigError, match="choose from FT, FF, SF, ST"):
        Adversary(kinds, 30, 30)


def test_impossible_scrolls_are_refused_with_the_limit():
    assert set(drawn(Adversary(("SF",), 30, 30), 50, 60, 9, gen())[1]) == {30}
    with pytest.raises(ConfigError, match=r"at least 30 needs a size of 60 or more, not 59"):
        Adversary(("SF",), 30, 30).draw(50, 59, 300, gen())
    with pytest.raises(ConfigError, match=r"ST: .* 60 or more, not 59"):
        Adversary(("ST",), 30, 30).draw(50, 300, 59, gen())
