"""How a moved spectrogram sounds (paper section 2.2): the wave that has it, exactly or nearly."""

import torch
from torch import Tensor

from asglib.adversaries import scroll_frequency
from asglib.config import ConfigError, Frontend

HOW = {
    "FT": "the wave backwards, turned about the middle of a frame",
    "FF": "every second sample with its sign changed (the wave times (-1)^n)",
    "SF": "resynthesised: the complex short-time spectrum scrolled by the same number of bins, "
    "phases turned as far as the new frequency turns from frame to frame, and inverted",
    "ST": "the wave moved around in a circle by length times hop samples",
}


def moved(wave: Tensor, kind: str, length: int, frontend: Frontend) -> Tensor:
    """The sound of a move, [N] -> [N]; `length` in bins (SF) or frames (ST), flips have none.

    Away from the edges, FT, FF and ST are exact: the wave's spectrogram is the moved spectrogram.

    >>> moved(torch.tensor([1.0, 2, 3, 4]), "FF", 0, Frontend()).tolist()
    [1.0, -2.0, 3.0, -4.0]
    """
    if kind not in HOW:
        raise ConfigError(f"move {kind!r} is unknown; use {', '.join(HOW)}.")
    if kind == "FT":  # rolled: frame t is frame T - 1 - t of the wave, to the sample
        return wave.flip(0).roll(1 - frontend.hop)
    if kind == "FF":
        return wave * (1 - 2 * (torch.arange(len(wave)) % 2)).to(wave.dtype)
    return wave.roll(length * frontend.hop) if kind == "ST" else scrolled(wave, length, frontend)


def scrolled(wave: Tensor, length: int, frontend: Frontend) -> Tensor:
    """The wave whose short-time spectrum is that of `wave`, circularly `length` bins up.

    A bin that goes up by d bins turns by d x hop / n_fft more of a circle from frame to frame;
    without that turn the frames would cancel where they overlap. Shapes: [N] -> [N].
    """
    window = torch.hann_window(frontend.window)
    shape = (frontend.n_fft, frontend.hop, frontend.window, window)
    spectrum = torch.stft(wave.float(), *shape, return_complex=True)
    bins, frames = spectrum.shape
    distance = torch.arange(bins) - scroll_frequency(torch.arange(bins)[:, None], length)[:, 0]
    turn = distance[:, None] * torch.arange(frames) * frontend.hop % frontend.n_fft / frontend.n_fft
    spectrum = scroll_frequency(spectrum, length) * torch.exp(2j * torch.pi * turn)
    return torch.istft(spectrum, *shape, length=len(wave))


def playable(*waves: Tensor) -> list[Tensor]:
    """The waves times one factor, so that none exceeds [-1, 1] and their levels compare."""
    peak = max(1.0, *(wave.abs().max().item() for wave in waves))
    return [wave / peak for wave in waves]
