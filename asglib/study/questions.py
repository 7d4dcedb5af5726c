"""Clips and encoders looked at one by one: notebooks 01 to 04 (section 1, figures 1 to 4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from asglib import encoder, training
from asglib.adversaries import move
from asglib.batches import Batches
from asglib.config import Frontend, Pretraining
from asglib.data import rirs
from asglib.data.corpus import load
from asglib.data.workspace import Workspace
from asglib.encoder import Encoder
from asglib.frontend import LogSpectrogram
from asglib.methods.contract import Material
from asglib.sensitivity import similarity_to_moved
from asglib.study import figures, plans, runs
from asglib.study.evaluator import Evaluator
from asglib.study.profiles import Profile


def encoders(
    profile: Profile, names: Iterable[str], seed: int, workspace: Workspace
) -> tuple[dict[str, Encoder], list[dict]]:
    """The profile's pretrained encoders by method, found or trained now, and their records."""
    configs = {name: plans.pretraining(profile, name, seed) for name in names}
    found = {name: runs.trained(config, workspace) for name, config in configs.items()}
    return {name: one for name, (one, _) in found.items()}, [record for _, record in found.values()]


def noticed(profile: Profile, names: Iterable[str], seed: int, workspace: Workspace) -> list[dict]:
    """The records of what the profile's encoders notice of a move: found, or measured now."""
    asked = plans.measured(replace(profile, seeds=(seed,)), names)
    return [Evaluator(e.pretraining, workspace)(e) for e in asked]


def toy_clips(workspace: Workspace, split: str) -> tuple[Tensor, pd.DataFrame]:
    """Waves [clips, N] and index rows of one split of the embedded corpus."""
    corpus = load("toy", workspace)
    rows = corpus.rows[corpus.rows.split == split].reset_index(drop=True)
    clips = corpus.clips(rows)
    waves = [clips.whole(number) for number in range(len(clips))]
    return torch.from_numpy(np.stack(waves)), rows


def toy_clip(workspace: Workspace, number: int) -> tuple[Tensor, pd.Series]:
    """Test clip `number` of the embedded corpus: wave [N] and its row of the index."""
    waves, rows = toy_clips(workspace, "test")
    return waves[number], rows.loc[number]


def four_moves(workspace: Workspace, number: int = 44) -> Figure:
    """The picture of README: one clip as it is, and moved in ASG's three ways (figure 4)."""
    frontend = LogSpectrogram(Frontend())
    wave, _ = toy_clip(workspace, number)
    (clip,) = frontend(wave[None])
    panels = {
        "as it is": clip,
        "FT: flipped in time": move(clip, "FT"),
        "FF: flipped in frequency": move(clip, "FF"),
        "SF: scrolled in frequency": move(clip, "SF", 80),
    }
    return figures.spectrograms(panels, frontend.config)


@torch.no_grad()
def embed(system: nn.Module, spectrograms: Tensor, workspace: Workspace, batch: int = 64) -> Tensor:
    """Embeddings of [B, F, T] in batches: -> [B, D] on the CPU."""
    parts = (part.to(workspace.device) for part in spectrograms.split(batch))
    return torch.cat([system.embed(part).float().cpu() for part in parts])


def stride(network: Encoder) -> int:
    """Spectrogram cells from one cell of the last feature map to the next, along either axis."""
    return network.network.feature_info[-1]["reduction"]


def step_by_step(
    systems: dict[str, Encoder],
    spectrograms: Tensor,
    kinds: dict[str, str],
    lengths: Iterable[int],
    workspace: Workspace,
) -> pd.DataFrame:
    """The mean similarity to the moved clips [B, F, T] at every length: dots, {kind: column}."""
    x = spectrograms.to(workspace.device)
    lines = [
        (name, column, n, similarity_to_moved(network, x, kind, n).mean().item())
        for kind, column in kinds.items()
        for name, network in systems.items()
        for n in lengths
    ]
    return pd.DataFrame(lines, columns=["row", "column", "x", "value"])


def history(records: Iterable[dict], columns: dict[str, str]) -> pd.DataFrame:
    """Of pretrainings, the loss by step and what was measured by epoch: dots, {measure: column}."""
    parts = []
    for record in records:
        for name, column in columns.items():
            log = record["log" if name == "loss" else "measured"]
            curve = {"x": log["epoch"], "value": log[name]}
            parts.append(pd.DataFrame({"row": record["method"], "column": column} | curve))
    return pd.concat(parts, ignore_index=True)


@torch.no_grad()
def first_batch(
    config: Pretraining, clips: int, workspace: Workspace
) -> tuple[nn.Module, Tensor, Tensor]:
    """The method before its first step, and [x; x_n] and [x_p; x_pn] of a batch of `clips`."""
    config = replace(config, batch=clips)
    corpus = load(config.corpus, workspace)
    waves = corpus.clips(corpus.rows[corpus.rows.split == "train"])
    batch, _ = Batches(config, waves)[0]
    bank = torch.from_numpy(rirs.bank(config.settings.rir_bank, workspace.cache))
    network = encoder.build(config.encoder, config.frontend, config.seed)
    network.standardise(training.statistics_waves(waves, config))
    method = config.settings.build(config, Material(network, bank))
    return method, *method.views(batch, torch.Generator().manual_seed(config.seed))
