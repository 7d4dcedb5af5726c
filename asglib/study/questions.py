"""Clips and encoders looked at one by one: notebooks 01 to 04 (section 1, figures 1 to 4)."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn

from asglib import evaluation, metrics, training
from asglib.adversaries import move
from asglib.batches import Batches
from asglib.config import Frontend, Pretraining
from asglib.data import rirs
from asglib.data.corpus import load
from asglib.data.index import DATASETS, DataError
from asglib.data.workspace import Workspace
from asglib.encoder import Encoder
from asglib.frontend import LogSpectrogram
from asglib.sensitivity import similarity_to_moved
from asglib.study import figures, plans, runs
from asglib.study.cluster import StudyError
from asglib.study.evaluator import Evaluator
from asglib.study.profiles import Profile


def encoders(
    profile: Profile, names: Iterable[str], seed: int, workspace: Workspace
) -> tuple[dict[str, Encoder], list[dict]]:
    """The profile's pretrained encoders by method, found or trained now, and their records.

    Where `workspace` computes nothing, none is trained: StudyError where one is not there.
    """
    configs = {name: plans.pretraining(profile, name, seed) for name in names}
    lost = [n for n, one in configs.items() if one.epochs and not runs.is_trained(one, workspace)]
    if lost and not workspace.computes:
        raise StudyError(
            f"{workspace.runs} lacks the encoders of {', '.join(lost)}, seed {seed}: published "
            "records hold none. Without --found they are trained."
        )
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
    method = training.started(config, waves, rirs=bank)
    return method, *method.views(batch, torch.Generator().manual_seed(config.seed))


class Neighbours(NamedTuple):
    """Labels [clips, factors] of a set's test clips; by method each one's nearest neighbour."""

    name: str
    labels: pd.DataFrame
    nearest: dict[str, np.ndarray]

    def agreement(self) -> pd.DataFrame:
        """By method and factor, the percent of clips whose nearest neighbour has the same label;
        by chance as many as other clips have it."""
        labels = self.labels.to_numpy()
        found = {m: (labels == labels[near]).mean(axis=0) for m, near in self.nearest.items()}
        counts = [of.value_counts() for _, of in self.labels.items()]
        pairs = len(self.labels) * (len(self.labels) - 1)
        found["chance"] = [(count * (count - 1)).sum() / pairs for count in counts]
        return 100 * pd.DataFrame(found, index=self.labels.columns).T

    def table(self, clips: Iterable[int]) -> pd.DataFrame:
        """The labels of some clips and of each one's nearest neighbour, by method."""
        names, chosen = self.labels.astype(str).agg(", ".join, axis=1).to_numpy(), list(clips)
        nearest = {f"nearest, {m}": names[near[chosen]] for m, near in self.nearest.items()}
        return pd.DataFrame({"clip": names[chosen]} | nearest)


def neighbours(
    systems: dict[str, nn.Module], profile: Profile, workspace: Workspace, limit: int = 512
) -> Neighbours:
    """Nearest neighbours among test clips of the first of the profile's sets that is there."""
    for name in [*(task.split("/")[0] for task in profile.tasks), "toy"]:
        with suppress(DataError):
            corpus = load(name, workspace)
            break
    nearest = {}
    rows = corpus.rows[corpus.rows.split == "test"]
    rows = rows.iloc[np.linspace(0, len(rows) - 1, min(limit, len(rows))).astype(int)]
    clips, device = corpus.clips(rows), torch.device(workspace.device)
    samples = profile.frozen.frames(DATASETS[name].seconds) * profile.pretraining.frontend.hop
    for method, system in systems.items():
        found = evaluation.embed(system, clips, samples, device)
        decoded = found.clip.unique()
        h = metrics.per_clip(found.features, found.clip, len(clips))[decoded]
        h = F.normalize(h, dim=1)
        nearest[method] = (h @ h.T).fill_diagonal_(-2).argmax(1).numpy()
    factors = [task.label for task in DATASETS[name].tasks.values() if not task.multi_label]
    labels = rows.iloc[clips.keep[decoded.numpy()]][factors].reset_index(drop=True)
    return Neighbours(name, labels, nearest)
