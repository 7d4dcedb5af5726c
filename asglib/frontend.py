"""Waves to log-spectrograms, linear or mel (paper sections 2.2 and 3.2)."""

from __future__ import annotations

import librosa
import torch
from torch import Tensor, nn

from asglib.config import Frontend


class LogSpectrogram(nn.Module):
    """log(power + floor) of the short-time Fourier transform: waves [B, N] -> [B, F, T], T = N // hop, float32.

    The window is a periodic Hann; frame t is centred on sample t x hop, edges are reflected, and the last centred
    frame is dropped so that 48,000 samples give the paper's T = 300 (D2). N must exceed n_fft / 2.

    >>> LogSpectrogram(Frontend())(torch.zeros(2, 48_000)).shape
    torch.Size([2, 257, 300])
    """

    def __init__(self, config: Frontend):
        super().__init__()
        self.config = config
        self.register_buffer("window", torch.hann_window(config.window), persistent=False)
        mel = mel_filters(config) if config.n_mels else torch.empty(0)
        self.register_buffer("mel", mel, persistent=False)

    def forward(self, waves: Tensor) -> Tensor:
        with torch.autocast(waves.device.type, enabled=False):
            power = self.power(waves.float())
            if self.config.n_mels:
                power = self.mel @ power
            return torch.log(power + self.config.floor)

    def power(self, waves: Tensor) -> Tensor:
        """[B, N] -> power spectrogram [B, n_fft / 2 + 1, T]."""
        c = self.config
        if waves.shape[-1] <= c.n_fft // 2:
            raise ValueError(
                f"a wave of {waves.shape[-1]} samples is too short; more than {c.n_fft // 2} are needed, "
                "pad it first (audio.pad)."
            )
        stft = torch.stft(
            waves,
            c.n_fft,
            c.hop,
            c.window,
            self.window,
            center=True,
            pad_mode="reflect",
            return_complex=True,
        )
        return torch.view_as_real(stft[..., : waves.shape[-1] // c.hop]).square().sum(-1)


def mel_filters(config: Frontend) -> Tensor:
    """librosa's triangular filters [n_mels, n_fft / 2 + 1], Slaney scale and area norm, f_min to f_max (D4)."""
    filters = librosa.filters.mel(
        sr=config.sample_rate,
        n_fft=config.n_fft,
        n_mels=config.n_mels,
        fmin=config.f_min,
        fmax=config.f_max,
        norm="slaney",
        htk=False,
    )
    return torch.from_numpy(filters)
