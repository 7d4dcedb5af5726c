"""Rows of the performance table against other people's code, each in the way its users have it.

Two peers are no dependencies of the project: pip install -e '.[peers]' installs them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import noise
import numpy as np
import soundfile
import torch
import torchaudio

from asglib import positives, training
from asglib.audio import RATE
from asglib.config import Frontend, Pretraining
from asglib.frontend import LogSpectrogram
from asglib.loss import nt_xent
from asglib.methods import METHODS


def loss_against_lightly():
    """NT-Xent forward and backward, 4N = 2048, D = 256, against lightly."""
    from lightly.loss import NTXentLoss

    z = torch.randn(2048, 256, requires_grad=True)
    other = NTXentLoss(0.1)
    return (
        lambda: nt_xent(z[:1024], z[1024:], 0.1).backward(),
        lambda: other(z[:1024], z[1024:]).backward(),
    )


def lars_against_lightly():
    """A step of LARS on the weights of ResNet-18, against lightly."""
    import torchvision
    from lightly.utils.lars import LARS

    config = Pretraining("NONE", METHODS["NONE"])
    ours, theirs = (torchvision.models.resnet18() for _ in range(2))
    for network in (ours, theirs):
        for weight in network.parameters():
            weight.grad = torch.randn_like(weight)
    settings = {"lr": 0.3, "momentum": 0.9, "weight_decay": 1e-6}
    return training.optimizer(ours, config).step, LARS(theirs.parameters(), **settings).step


def spectrogram_against_torchaudio():
    """Log-spectrograms of 64 waves of 3 s, against torchaudio's Spectrogram and a logarithm."""
    waves, frontend = torch.randn(64, 48_000) / 10, LogSpectrogram(Frontend())
    other = torchaudio.transforms.Spectrogram(512, hop_length=160)
    return lambda: frontend(waves), lambda: torch.log(other(waves)[..., :300] + 1e-6)


def mel_against_torchaudio():
    """64 mel bands of 64 waves of 3 s, against torchaudio.transforms.MelSpectrogram."""
    waves, frontend = torch.randn(64, 48_000) / 10, LogSpectrogram(Frontend(n_mels=64))
    other = torchaudio.transforms.MelSpectrogram(
        16_000, 512, hop_length=160, f_min=50.0, n_mels=64, norm="slaney", mel_scale="slaney"
    )
    return lambda: frontend(waves), lambda: torch.log(other(waves)[..., :300] + 1e-6)


def rooms_against_torchaudio():
    """64 waves of 3 s through responses of 0.5 s, against torchaudio.functional.fftconvolve."""
    waves, rirs = torch.randn(64, 48_000), torch.randn(64, 8_000)
    return lambda: positives.convolve(waves, rirs), lambda: torchaudio.functional.fftconvolve(
        waves, rirs
    )[:, :48_000]


def rooms_against_torch_audiomentations():
    """The same waves and responses, against torch-audiomentations."""
    from torch_audiomentations.utils.convolution import convolve

    waves, rirs = torch.randn(64, 48_000), torch.randn(64, 8_000)
    return lambda: positives.convolve(waves, rirs), lambda: convolve(waves, rirs)[:, :48_000]


def loading_against_whole_files():
    """64 crops of 1 s to spectrograms, against BYOL-A's way: all 10 s read, cropped, one by one."""
    paths = noise.files(Path(tempfile.mkdtemp()), 64, ".wav")
    clips = noise.clips(paths, decoded=True)
    frontend = LogSpectrogram(Frontend())
    other = torchaudio.transforms.Spectrogram(512, hop_length=160)
    rng = np.random.default_rng(0)

    def ours():
        crops = [clips.crop(i, RATE, rng) for i in range(64)]
        return frontend(torch.from_numpy(np.stack(crops)))

    def whole():
        found = []
        for path in paths:
            wave = torch.from_numpy(soundfile.read(str(path), dtype="float32")[0])
            start = int(rng.integers(len(wave) - RATE))
            found.append(torch.log(other(wave[start : start + RATE])[:, :100] + 1e-6))
        return torch.stack(found)

    return ours, whole


PEERS = [
    loss_against_lightly,
    lars_against_lightly,
    spectrogram_against_torchaudio,
    mel_against_torchaudio,
    rooms_against_torchaudio,
    rooms_against_torch_audiomentations,
    loading_against_whole_files,
]
