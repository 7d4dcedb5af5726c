"""Pretraining with torch.compile: the same step in fewer kernels, rounded otherwise (D64)."""

from __future__ import annotations

from dataclasses import fields

import torch
from timm.models.resnet import BasicBlock, Bottleneck
from torch import nn

from asglib.config import Pretraining
from asglib.methods.contract import Material, Settings

RESNETS = ("resnet50", "resnet18", "tiny", "small")  # the networks that have such blocks


def compiled(settings: Settings) -> Settings:
    """The same settings, whose method has compiled networks; a checkpoint tells the two apart."""

    class Compiled(type(settings)):
        def build(self, config: Pretraining, material: Material) -> nn.Module:
            method = super().build(config, material)
            compile_networks(method)
            return method

    return Compiled(**{field.name: getattr(settings, field.name) for field in fields(settings)})


def compile_networks(method: nn.Module) -> None:
    """Compiles a ResNet's blocks, each alone, and no other network.

    Alone, so that memory.recompute may compute each of them twice: torch compiles no recomputation
    that minds batch normalisation's statistics.
    """
    torch._dynamo.config.recompile_limit = 64  # a ResNet-50's blocks share one code object
    for part in method.modules():
        if isinstance(part, (BasicBlock, Bottleneck)):
            part.forward = torch.compile(part.forward)
