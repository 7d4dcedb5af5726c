"""Adversarial samples: positional moves of a spectrogram (paper section 2.2).

A moved spectrogram shows the same local patterns at another place or in another direction. FT flips time, FF flips
frequency, SF and ST scroll along frequency and time; scrolling is circular.
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
    """SF, [..., F, T] -> [..., F, T]: up by `length` bins; what leaves at the top enters at the bottom.

    >>> scroll_frequency(torch.tensor([[1, 2], [3, 4], [5, 6]]), 1).tolist()
    [[5, 6], [1, 2], [3, 4]]
    """
    return spectrogram.roll(length, -2)


def scroll_time(spectrogram: Tensor, length: int) -> Tensor:
    """ST, [..., F, T] -> [..., F, T]: later by `length` frames; what leaves at the end enters at the start."""
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
    """Draws one move per clip and gives it to both members of the pair: S, S_p [B, F, T] -> S_n, S_pn [B, F, T].

    Scroll lengths are uniform on [min_scroll, F - min_scroll], for ST on [min_scroll_time, T - min_scroll_time].
    Both members get the same move with the same length, else they would not be a positive pair (D10); the kind is
    drawn per clip, not per batch (D11).
    """

    def __init__(
        self, kinds: tuple[str, ...], min_scroll: int = 30, min_scroll_time: int | None = None
    ):
        unknown = [kind for kind in kinds if kind not in KINDS]
        if unknown or not kinds:
            raise ConfigError(
                f"moves {unknown or kinds} are unknown; choose from {', '.join(KINDS)}."
            )
        self.kinds = kinds
        self.min_scroll = min_scroll
        self.min_scroll_time = min_scroll if min_scroll_time is None else min_scroll_time

    def draw(
        self, clips: int, bins: int, frames: int, generator: Generator
    ) -> list[tuple[str, int]]:
        """(kind, length) of each clip; the length of a flip is 0."""
        device = generator.device
        kinds = torch.randint(
            len(self.kinds), (clips,), generator=generator, device=device
        ).tolist()
        uniform = torch.rand(
            clips, generator=generator, device=device, dtype=torch.float64
        ).tolist()
        return [
            (self.kinds[k], self._length(self.kinds[k], u, bins, frames))
            for k, u in zip(kinds, uniform)
        ]

    def _length(self, kind: str, uniform: float, bins: int, frames: int) -> int:
        if kind not in ("SF", "ST"):
            return 0
        size, least = (bins, self.min_scroll) if kind == "SF" else (frames, self.min_scroll_time)
        if size < 2 * least:
            raise ConfigError(
                f"{kind}: scrolling by at least {least} needs a size of {2 * least} or more, not {size}."
            )
        return least + int(uniform * (size - 2 * least + 1))

    def __call__(
        self, spectrogram: Tensor, positive: Tensor, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        moves = self.draw(*spectrogram.shape, generator)
        return apply(spectrogram, moves), apply(positive, moves)


def apply(spectrogram: Tensor, moves: list[tuple[str, int]]) -> Tensor:
    """Clip i of [B, F, T] moved by moves[i]; one gather on a GPU, slice by slice elsewhere (measured faster there)."""
    if spectrogram.is_cuda:
        return gathered(spectrogram, moves)
    out = torch.empty_like(spectrogram)
    for clip, (kind, length) in enumerate(moves):
        out[clip] = move(spectrogram[clip], kind, length)
    return out


def gathered(spectrogram: Tensor, moves: list[tuple[str, int]]) -> Tensor:
    """The same as `apply` in one indexing kernel: each move maps an output bin and frame to an input bin and frame."""
    _, bins, frames = spectrogram.shape
    table = torch.tensor(
        [
            [
                kind == "FF",
                length if kind == "SF" else 0,
                kind == "FT",
                length if kind == "ST" else 0,
            ]
            for kind, length in moves
        ]
    ).to(spectrogram.device)
    rows = _sources(bins, table[:, 0:1], table[:, 1:2])
    columns = _sources(frames, table[:, 2:3], table[:, 3:4])
    clips = torch.arange(len(moves), device=spectrogram.device)
    return spectrogram[clips[:, None, None], rows[:, :, None], columns[:, None, :]]


def _sources(size: int, flipped: Tensor, shift: Tensor) -> Tensor:
    place = torch.arange(size, device=shift.device)[None]
    return torch.where(flipped.bool(), size - 1 - place, (place - shift) % size)
