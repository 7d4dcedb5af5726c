"""The networks of encoders: one function a name, what they share with the papers beside it."""

from __future__ import annotations

import timm
import torch
import torch.nn.functional as F
from timm.models.resnet import BasicBlock, ResNet
from torch import Tensor, nn


def resnet50() -> nn.Module:
    """timm's, one input channel (ASG 2.3); the last BN weight of each block starts at 0 (D12)."""
    return timm.create_model("resnet50", in_chans=1, num_classes=0)


def resnet18() -> nn.Module:
    """The same with 18 layers."""
    return timm.create_model("resnet18", in_chans=1, num_classes=0)


def tiny() -> nn.Module:
    """0.31 M weights for two CPU cores."""
    form = {"channels": (16, 32, 64, 128), "stem_type": "deep", "stem_width": 8}
    # hundreds of steps do not wake a block that starts at 0, D12
    return ResNet(BasicBlock, (1, 1, 1, 1), 0, 1, zero_init_last=False, **form)


def small() -> nn.Module:
    """Twice the channels of `tiny`: 1.23 M weights for less than twice its time (D55)."""
    form = {"channels": (32, 64, 128, 256), "stem_type": "deep", "stem_width": 16}
    return ResNet(BasicBlock, (1, 1, 1, 1), 0, 1, zero_init_last=False, **form)


def efficientnet_b0() -> nn.Module:
    """COLA's (augmented COLA 3.1): max pooling, 1,280 numbers, nothing dropped at random."""
    return timm.create_model("efficientnet_b0", in_chans=1, num_classes=0, global_pool="max")


class ByolA(nn.Module):
    """BYOL-A's encoder: [B, 1, F, T] -> [B, dim] for F of 64; from its description alone (D43).

    Three blocks of 3 x 3 convolutions halve both axes, two linear layers follow on each frame, and
    the mean and the maximum over time are added.
    """

    def __init__(self, bins: int = 64, channels: int = 64, dim: int = 2048):
        super().__init__()
        blocks = []
        for before in (1, channels, channels):
            blocks += [_convolution(before, channels, (3, 3), (1, 1)), nn.ReLU(), nn.MaxPool2d(2)]
        self.blocks = nn.Sequential(*blocks)
        first, second = nn.Linear(channels * (bins // 8), dim), nn.Linear(dim, dim)
        self.frames = nn.Sequential(first, nn.ReLU(), second, nn.ReLU())
        self.num_features = dim

    def forward(self, x: Tensor) -> Tensor:
        x = self.frames(self.blocks(x).flatten(1, 2).transpose(1, 2))
        return x.mean(1) + x.amax(1)


class Audio2Vec(nn.Module):
    """The encoder of Audio2Vec's table 1: [B, 1, F, T] -> [B, dim]; T and F of 32 or more.

    A layer is a convolution along time, one along frequency and a 1 x 1 around both; the text has
    the second one from Cin, the printed numbers of weights only fit Cout (D40).
    """

    def __init__(self, channels: tuple[int, ...] = (8, 16, 32, 64, 128), dim: int = 128):
        super().__init__()
        pairs = zip((1, *channels), channels)
        self.layers = nn.ModuleList(SeparableLayer(before, after) for before, after in pairs)
        self.last = nn.Linear(channels[-1], dim)
        self.num_features = dim

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = F.max_pool2d(layer(x), 2)
        return self.last(x.amax((2, 3)))


class SeparableLayer(nn.Module):
    """ReLU(BN(time)) -> BN(frequency) + BN(1 x 1 of the input) -> ReLU: [B, Cin, F, T]."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.time = _convolution(before, after, (1, 3), (0, 1))
        self.frequency = _convolution(after, after, (3, 1), (1, 0))
        self.around = _convolution(before, after, (1, 1), (0, 0))

    def forward(self, x: Tensor) -> Tensor:
        return (self.frequency(self.time(x).relu()) + self.around(x)).relu()


def _convolution(before: int, after: int, kernel: tuple, padding: tuple) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, kernel, padding=padding, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after))


class Cpc(nn.Module):
    """CPC's encoder f and two contexts g: waves [B, N] -> [B, 2 C], the mean over time (3.1, 3.2).

    The nine printed layers give a latent of 955 samples every 320; contexts of kernels 2 ... 13
    see 1.62 s (D37). `normalised`: batch normalisation of the latents, without which the objective
    collapses in short trainings (D39); the paper has none.
    """

    takes_waves = True
    KERNELS = (10, 4, 4, 4, 4, 4, 4, 1, 1)
    STRIDES = (5, 2, 2, 2, 2, 2, 2, 1, 1)

    def __init__(self, channels: int = 512, widest: int = 13, normalised: bool = False):
        super().__init__()
        sizes = zip((1, *[channels] * 8), self.KERNELS, self.STRIDES)
        self.local = nn.Sequential(
            *(
                FrameLayer(before, channels, kernel, stride, F.silu)
                for before, kernel, stride in sizes
            )
        )
        self.norm = nn.BatchNorm1d(channels, affine=False) if normalised else nn.Identity()
        self.forwards = Context(channels, widest)
        self.backwards = Context(channels, widest)
        self.num_features = 2 * channels

    def forward(self, waves: Tensor) -> Tensor:
        contexts = self.contexts(self.latents(waves))
        return torch.cat([context.mean(2) for context in contexts], dim=1)

    def latents(self, waves: Tensor) -> Tensor:
        """[B, N] -> z [B, C, M], M = (N - 955) // 320 + 1."""
        return self.norm(self.local(waves[:, None]))

    def contexts(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z [B, C, M] -> what came up to each latent, and what comes from it on: [B, C, M]."""
        return self.forwards(z), self.backwards(z.flip(2)).flip(2)


class FrameLayer(nn.Module):
    """Convolution, normalisation of each frame over its channels, activation: [B, C, M].

    A normalisation over time would show the future.
    """

    def __init__(self, before: int, after: int, kernel: int, stride: int, activation):
        super().__init__()
        self.convolution = nn.Conv1d(before, after, kernel, stride)
        self.norm = nn.LayerNorm(after)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.convolution(x).transpose(1, 2)).transpose(1, 2)
        return self.activation(x)


class Context(nn.Module):
    """Causal convolutions of kernels 2 ... widest; each sees the sum of all before it (D38)."""

    def __init__(self, channels: int, widest: int):
        super().__init__()
        kernels = range(2, widest + 1)
        self.layers = nn.ModuleList(
            FrameLayer(channels, channels, kernel, 1, F.relu) for kernel in kernels
        )

    def forward(self, z: Tensor) -> Tensor:
        total, out = z, z
        for layer in self.layers:
            out = layer(F.pad(total, (layer.convolution.kernel_size[0] - 1, 0)))
            total = total + out
        return out


def audio2vec_large() -> nn.Module:
    """Four times the channels and 256 numbers (Audio2Vec 4): 1.88 M weights."""
    return Audio2Vec((32, 64, 128, 256, 512), 256)


def cpc_small() -> nn.Module:
    """For a CPU: 64 channels, contexts of kernels 2 ... 7, latents normalised (D39)."""
    return Cpc(64, 7, normalised=True)


def cpc_tiny() -> nn.Module:
    """For less than a second of sound: 32 channels, contexts of kernels 2 ... 5 (D39)."""
    return Cpc(32, 5, normalised=True)


NETWORKS = {
    "resnet50": resnet50,
    "resnet18": resnet18,
    "tiny": tiny,
    "small": small,
    "efficientnet_b0": efficientnet_b0,
    "byol_a": ByolA,
    "audio2vec": Audio2Vec,
    "audio2vec-large": audio2vec_large,
    "cpc": Cpc,
    "cpc-small": cpc_small,
    "cpc-tiny": cpc_tiny,
}
