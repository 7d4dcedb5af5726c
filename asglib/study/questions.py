"""Questions put to trained encoders (paper section 1, figures 1 and 2): what of a move do they notice?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from asglib import encoder, evaluation, training
from asglib import sensitivity as measures
from asglib.adversaries import move
from asglib.batches import Batches
from asglib.config import Frontend, Pretraining
from asglib.data import rirs, toy
from asglib.data.corpus import load
from asglib.data.workspace import Workspace
from asglib.frontend import LogSpectrogram
from asglib.methods.contract import Material
from asglib.study import figures, plans, runs
from asglib.study.profiles import Profile
from asglib.study.runs import record_of

EVENT_CENTRE = 600.0  # Hz above its register: the middle of what most toy patterns occupy
CELL_KINDS = ("itself", "positive", "own clip,\nmoved", "another\nclip")


def encoders(
    profile: Profile,
    names: Iterable[str],
    seed: int,
    place: Workspace,
    say: Callable[[str], object] = print,
) -> tuple[dict[str, nn.Module], list[dict]]:
    """The profile's pretrained encoders by method, in evaluation mode, and their records; says which were found."""
    found, records = {}, []
    for name in names:
        config = plans.pretraining(profile, name, seed)
        state = "computed" if record_of(config, place) is None else "found"
        network, record = runs.trained(config, place)
        say(
            f"{record['run']}: {state}, pretrained in {record['seconds']:.1f} s on {record['device']}"
        )
        found[name] = network
        records.append(record)
    return found, records


def toy_clip(place: Workspace, number: int) -> tuple[Tensor, pd.Series]:
    """Test clip `number` of the embedded corpus: wave [N] and its row of the index."""
    waves, rows = toy_clips(place, "test")
    return waves[number], rows.loc[number]


def four_moves(place: Workspace, number: int = 44) -> Figure:
    """The picture of README: one synthesised clip as it is, and moved in ASG's three ways (figure 4)."""
    frontend = Frontend()
    spectrogram = LogSpectrogram(frontend)(toy_clip(place, number)[0][None])[0]
    panels = {
        "as it is": spectrogram,
        "FT: flipped in time": move(spectrogram, "FT"),
        "FF: flipped in frequency": move(spectrogram, "FF"),
        "SF: scrolled in frequency": move(spectrogram, "SF", 80),
    }
    return figures.spectrograms({name: panel.numpy() for name, panel in panels.items()}, frontend)


def toy_clips(place: Workspace, split: str) -> tuple[Tensor, pd.DataFrame]:
    """Waves [clips, N] and index rows of one split of the embedded corpus."""
    corpus = load("toy", place)
    rows = corpus.rows[corpus.rows.split == split].reset_index(drop=True)
    clips = corpus.clips(rows)
    return torch.from_numpy(np.stack([clips.whole(i) for i in range(len(clips))])), rows


@torch.no_grad()
def embed(
    features: Callable[[Tensor], Tensor], spectrograms: Tensor, place: Workspace, batch: int = 64
) -> Tensor:
    """features of [B, F, T] in batches: -> [B, D] on the CPU."""
    return torch.cat(
        [features.embed(part.to(place.device)).float().cpu() for part in spectrograms.split(batch)]
    )


def register_step(frontend: Frontend) -> int:
    """Bins from one register of the embedded corpus to the next."""
    return round((toy.REGISTERS[1] - toy.REGISTERS[0]) * frontend.n_fft / frontend.sample_rate)


def labels_after(
    kind: str, length: int, factor: str, ids: np.ndarray, frontend: Frontend
) -> np.ndarray:
    """What a toy clip's label is once its spectrogram has been moved, [clips] -> [clips]; -1: in none of the classes.

    A time flip swaps direction and order. Frequency moves change the register alone: SF takes it up by `length` bins,
    FF puts the event's middle at its mirror image; the register within half a step of that is the new label.
    """
    if kind == "FT" and factor in ("direction", "order"):
        return 1 - ids
    if kind not in ("FF", "SF") or factor != "register":
        return ids
    registers = np.array(toy.REGISTERS)
    mirrored = frontend.sample_rate / 2 - 2 * EVENT_CENTRE - registers[ids]
    scrolled = registers[ids] + length * frontend.sample_rate / frontend.n_fft
    gap = np.abs((mirrored if kind == "FF" else scrolled)[:, None] - registers)
    return np.where(gap.min(1) <= (registers[1] - registers[0]) / 2, gap.argmin(1), -1)


@dataclass(frozen=True)
class Question:
    """A move of a given length, and the factor whose label is asked for before and after."""

    kind: str
    factor: str
    length: int = 0


def answers(
    systems: dict[str, Callable[[Tensor], Tensor]],
    questions: Iterable[Question],
    profile: Profile,
    seed: int,
    place: Workspace,
) -> pd.DataFrame:
    """One row a system and question: a linear classifier is trained on unmoved clips, then asked about moved ones.

    new, old: shares of test clips that get the label after, or before, the move; before: share of unmoved clips that
    are labelled rightly. Only clips whose label after the move is one of the classes take part.
    """
    frontend = LogSpectrogram(profile.pretraining.frontend)
    parts = {split: toy_clips(place, split) for split in ("train", "test")}
    seen = {split: frontend(waves) for split, (waves, _) in parts.items()}
    ids = {
        split: {
            factor: np.array([names.index(name) for name in rows[factor]])
            for factor, names in toy.CLASSES.items()
        }
        for split, (_, rows) in parts.items()
    }
    rows = []
    for system, features in systems.items():
        h = {split: embed(features, spectrograms, place) for split, spectrograms in seen.items()}
        moved = {
            (q.kind, q.length): embed(features, move(seen["test"], q.kind, q.length), place)
            for q in questions
        }
        layers = {
            factor: _classifier(
                h["train"], ids["train"][factor], len(toy.CLASSES[factor]), profile, seed
            )
            for factor in {q.factor for q in questions}
        }
        for q in questions:
            layer = layers[q.factor]
            old = ids["test"][q.factor]
            new = labels_after(q.kind, q.length, q.factor, old, frontend.config)
            used = new >= 0
            plain, told = (
                layer(x).argmax(1).numpy()[used] for x in (h["test"], moved[q.kind, q.length])
            )
            rows.append(
                {
                    "system": system,
                    "move": q.kind,
                    "factor": q.factor,
                    "clips": int(used.sum()),
                    "before": (plain == old[used]).mean(),
                    "new": (told == new[used]).mean(),
                    "old": ((told == old[used]) & (old[used] != new[used])).mean(),
                }
            )
    return pd.DataFrame(rows)


def _classifier(h: Tensor, ids: np.ndarray, classes: int, profile: Profile, seed: int) -> nn.Module:
    return evaluation.train_linear(h, torch.as_tensor(ids), classes, profile.frozen, seed)


def stride(network: nn.Module) -> int:
    """Cells of the spectrogram from one cell of the last feature map to the next, along either axis."""
    return network.network.feature_info[-1]["reduction"]


def step_by_step(
    systems: dict[str, nn.Module],
    spectrograms: Tensor,
    kind: str,
    lengths: Iterable[int],
    place: Workspace,
) -> dict[str, list[float]]:
    """The mean relative similarity (measures.similarity_to_moved) of [B, F, T] at every length, by encoder."""
    x = spectrograms.to(place.device)
    return {
        name: [
            measures.similarity_to_moved(network, x, kind, length).mean().item()
            for length in lengths
        ]
        for name, network in systems.items()
    }


def history(record: dict) -> dict[str, tuple[list[float], list[float]]]:
    """{column: (epochs, values)} of a pretraining record: the loss by step, the geometry by epoch."""
    log, measured = record["log"], record["measured"]
    columns = {name: values for name, values in measured.items() if name != "epoch"}
    found = {name: (measured["epoch"], values) for name, values in columns.items()}
    return {"loss": (log["epoch"], log["loss"])} | found


def cell_kinds(clips: int) -> np.ndarray:
    """What the cells of the similarity matrix of [x; x_n; x_p; x_pn] are, as numbers of CELL_KINDS: [4N, 4N].

    >>> cell_kinds(1).tolist()
    [[0, 2, 1, 2], [2, 0, 2, 1], [1, 2, 0, 2], [2, 1, 2, 0]]
    """
    kinds = np.full((4 * clips, 4 * clips), 3)
    place = np.arange(4 * clips)
    kinds[place[:, None] % clips == place % clips] = 2
    kinds[place, (place + 2 * clips) % (4 * clips)] = 1
    kinds[place, place] = 0
    return kinds


@torch.no_grad()
def first_batch(
    config: Pretraining, clips: int, place: Workspace
) -> tuple[nn.Module, Tensor, Tensor]:
    """The method before its first step and the two halves [x; x_n] and [x_p; x_pn] of a batch of `clips` clips."""
    config = replace(config, batch=clips)
    corpus = load(config.corpus, place)
    waves = corpus.clips(corpus.rows[corpus.rows.split == "train"])
    batch, _ = Batches(config, waves)[0]
    bank = torch.from_numpy(rirs.bank(config.settings.rir_bank, place.cache))
    network = encoder.build(config.encoder, config.frontend, config.seed)
    network.standardise(training.statistics_waves(waves, config))
    method = config.settings.build(config, Material(network, bank))
    return method, *method.views(batch, torch.Generator().manual_seed(config.seed))
