"""Adversarial samples: positional moves of a spectrogram (paper section 2.2).

A moved spectrogram shows the same local patterns elsewhere or the other way round. FT flips time,
FF flips frequency, SF and ST scroll along frequency and time; scrolling is circular.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from asglib.config import ConfigError

KINDS = ("FT", "FF", "SF", "ST")


def flip_time(spectrogram: Tensor) -> Tensor:
    """FT, [..., F, T] -> [..., F, T].

    >>> flip_time(torch.tensor([[1, 2, 3], [4, 5, 6]])).tolist()
    [[3, 2, 1], [6, 5, 4]]
    """
    return spectrogram.flip(-1)


def flip_frequency(spectrogram: Tensor) -> Tensor:
    """FF, [..., F, T] -> [..., F, T].

    >>> flip_frequency(torch.tensor([[1, 2, 3], [4, 5, 6]])).tolist()
    [[4, 5, 6], [1, 2, 3]]
    """
    return spectrogram.flip(-2)


def scroll_frequency(spectrogram: Tensor, length: int) -> Tensor:
    """SF, [..., F, T] -> [..., F, T]: up by `length` bins; the top enters at the bottom.

    >>> scroll_frequency(torch.tensor([[1, 2], [3, 4], [5, 6]]), 1).tolist()
    [[5, 6], [1, 2], [3, 4]]
    """
    return spectrogram.roll(length, -2)


def scroll_time(spectrogram: Tensor, length: int) -> Tensor:
    """ST, [..., F, T] -> [..., F, T]: later by `length` frames; the end enters at the start."""
    return spectrogram.roll(length, -1)


def move(spectrogram: Tensor, kind: str, length: int = 0) -> Tensor:
    """One of KINDS applied to [..., F, T]; `length` in bins or frames, for the scrolls only."""
    if kind == "FT":
        return flip_time(spectrogram)
    if kind == "FF":
        return flip_frequency(spectrogram)
    return (
        scroll_frequency(spectrogram, length) if kind == "SF" else scroll_time(spectrogram, length)
    )


class Adversary:
    """Draws one move a clip and gives it to both members of the pair.

    S, S_p [B, F, T] -> S_n, S_pn [B, F, T]. Scroll lengths are uniform on
    [min_scroll, F - min_scroll], for ST on [min_scroll_time, T - min_scroll_time]. Both members get
    the same move with the same length, else they would not be a positive pair (D10); the kind is
    drawn per clip, not per batch (D11).
    """

    def __init__(self, kinds: tuple[str, ...], min_scroll: int, min_scroll_time: int):
        unknown = [kind for kind in kinds if kind not in KINDS]
        if unknown or not kinds:
            raise ConfigError(
                f"moves {unknown or kinds} are unknown; choose from {', '.join(KINDS)}."
            )
        self.kinds = kinds
        self.least = {"SF": min_scroll, "ST": min_scroll_time}

    def __call__(
        self, spectrogram: Tensor, positive: Tensor, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        kinds, lengths = self.draw(*spectrogram.shape, generator)
        return apply(spectrogram, kinds, lengths), apply(positive, kinds, lengths)

    def draw(
        self, clips: int, bins: int, frames: int, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        """A move of each clip: which of KINDS [B], and its length [B], 0 for a flip."""
        where = {"generator": generator, "device": generator.device}
        chosen = torch.randint(len(self.kinds), (clips,), **where)
        uniform = torch.rand(clips, **where, dtype=torch.float64)
        ranges = torch.tensor([self._range(kind, bins, frames) for kind in self.kinds])
        least, count = ranges.to(generator.device)[chosen].unbind(1)
        kinds = torch.tensor([KINDS.index(kind) for kind in self.kinds])
        return kinds.to(generator.device)[chosen], least + (uniform * count).long()

    def _range(self, kind: str, bins: int, frames: int) -> tuple[int, int]:
        """(shortest scroll, number of lengths); (0, 0) for a flip."""
        if kind not in self.least:
            return 0, 0
        size, least = bins if kind == "SF" else frames, self.least[kind]
        if size < 2 * least:
            raise ConfigError(
                f"{kind}: scrolling by at least {least} needs a size of {2 * least} or more, "
                f"not {size}."
            )
        return least, size - 2 * least + 1


def apply(spectrogram: Tensor, kinds: Tensor, lengths: Tensor) -> Tensor:
    """Clip i of [B, F, T] moved by KINDS[kinds[i]] and lengths[i].

    One gather on a GPU; slice by slice elsewhere, where that is faster.
    """
    if spectrogram.is_cuda:
        return gathered(spectrogram, kinds, lengths)
    out = torch.empty_like(spectrogram)
    for clip, (kind, length) in enumerate(zip(kinds.tolist(), lengths.tolist())):
        out[clip] = move(spectrogram[clip], KINDS[kind], length)
    return out


def gathered(spectrogram: Tensor, kinds: Tensor, lengths: Tensor) -> Tensor:
    """The same as `apply` in one indexing kernel: each output cell takes its input cell."""
    _, bins, frames = spectrogram.shape
    rows = _sources(bins, kinds == KINDS.index("FF"), lengths * (kinds == KINDS.index("SF")))
    columns = _sources(frames, kinds == KINDS.index("FT"), lengths * (kinds == KINDS.index("ST")))
    clips = torch.arange(len(kinds), device=spectrogram.device)
    return spectrogram[clips[:, None, None], rows[:, :, None], columns[:, None, :]]


def _sources(size: int, flipped: Tensor, shift: Tensor) -> Tensor:
    """Where each of `size` cells comes from: [B] flags, [B] lengths -> [B, size]."""
    cells = torch.arange(size, device=shift.device)[None]
    return torch.where(flipped[:, None], size - 1 - cells, (cells - shift[:, None]) % size)
