"""What a pretext method is: settings with the paper's numbers, and loss = method(batch, generator).

A file in methods/ holds a frozen dataclass that inherits Settings and the nn.Module that its
`build` returns: `forward(batch, generator)` gives a scalar, `.encoder` is what is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from asglib.config import ConfigError, Pretraining
from asglib.encoder import Encoder


@dataclass(frozen=True)
class Material:
    """What a run gives its method: a new encoder, impulse responses [R, K], the label space."""

    encoder: Encoder
    rirs: Tensor | None = None
    classes: int = 0
    multi_label: bool = False


class Settings:
    """What a method needs of a batch; a method overrides what differs."""

    labels: ClassVar[bool] = False  # whether batch.labels are needed
    crops: ClassVar[int] = 2  # random parts of each clip in batch.crops
    pads: ClassVar[bool] = True  # False: a clip shorter than a crop is no training clip
    views: int = 2  # inputs a clip that go through the encoder in a step: the cost
    rir_bank: str | None = None  # which impulse responses, None: none are needed

    def samples(self, config: Pretraining) -> int:
        """The length of a crop."""
        return config.samples

    def check(self, config: Pretraining) -> None:
        """Raises ConfigError when these settings do not fit the run."""

    def build(self, config: Pretraining, material: Material) -> nn.Module:
        """The method before its first step."""
        raise NotImplementedError


def table(*rows: tuple[str, Settings]) -> dict[str, Settings]:
    """Name -> settings in the given order; ConfigError when a name comes twice."""
    names = [name for name, _ in rows]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ConfigError(f"two methods are called {min(twice)!r}; a name means one method.")
    return dict(rows)


def change(settings: Settings, **values) -> Settings:
    """The same settings with other values; ConfigError names a value that they do not have."""
    known = [field.name for field in fields(settings)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigError(
            f"{type(settings).__module__.rpartition('.')[2]} has no setting "
            f"{', '.join(unknown)}; it has {', '.join(known) or 'none'}."
        )
    return replace(settings, **values)


def seeded(seed: int, build: Callable[[], nn.Module]) -> nn.Module:
    """build() with weights that are a function of `seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()
