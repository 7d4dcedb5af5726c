"""Questions put to encoders (section 1, figures 1 and 2): what of a move do they notice?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from asglib import encoder, evaluation, training
from asglib.adversaries import move
from asglib.batches import Batches
from asglib.config import Frontend, Pretraining
from asglib.data import rirs, toy
from asglib.data.corpus import load
from asglib.data.workspace import Workspace
from asglib.encoder import Encoder
from asglib.frontend import LogSpectrogram
from asglib.methods.contract import Material
from asglib.sensitivity import similarity_to_moved
from asglib.study import figures, plans, runs
from asglib.study.evaluator import Evaluator
from asglib.study.profiles import Profile

EVENT_CENTRE = 600.0  # Hz above its register: the middle of what most toy patterns occupy
CELL_KINDS = ("itself", "positive", "own clip,\nmoved", "another\nclip")


def encoders(
    profile: Profile,
    names: Iterable[str],
    seed: int,
    workspace: Workspace,
    say: Callable[[str], object] = print,
) -> tuple[dict[str, Encoder], list[dict]]:
    """The profile's pretrained encoders by method, and their records; says which were found."""
    found, records = {}, []
    for name in names:
        config = plans.pretraining(profile, name, seed)
        state = "found" if runs.record_of(config, workspace) else "computed"
        found[name], record = runs.trained(config, workspace)
        cost = f"{record['seconds']:.1f} s on {record['device']}"
        say(f"{record['run']}: {state}, pretrained in {cost}")
        records.append(record)
    return found, records


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


def register_step(frontend: Frontend) -> int:
    """Bins from one register of the embedded corpus to the next."""
    return round((toy.REGISTERS[1] - toy.REGISTERS[0]) * frontend.n_fft / frontend.sample_rate)


@dataclass(frozen=True)
class Question:
    """A move of a given length, and the factor whose label is asked for before and after."""

    kind: str
    factor: str
    length: int = 0


def labels_after(question: Question, ids: np.ndarray, frontend: Frontend) -> np.ndarray:
    """What toy clips' labels are once their spectrograms have been moved; -1: none of the classes.

    A time flip swaps direction and order. Frequency moves change the register alone: SF takes it
    up by `length` bins, FF puts the event's middle at its mirror image; the register within half a
    step of that is the new label. Shapes: [clips] -> [clips].
    """
    kind, factor = question.kind, question.factor
    if kind == "FT" and factor in ("direction", "order"):
        return 1 - ids
    if kind not in ("FF", "SF") or factor != "register":
        return ids
    registers = np.array(toy.REGISTERS)
    if kind == "FF":
        moved = frontend.sample_rate / 2 - 2 * EVENT_CENTRE - registers[ids]
    else:
        moved = registers[ids] + question.length * frontend.sample_rate / frontend.n_fft
    gap = np.abs(moved[:, None] - registers)
    return np.where(gap.min(1) <= (registers[1] - registers[0]) / 2, gap.argmin(1), -1)


def answers(
    systems: dict[str, nn.Module],
    questions: Iterable[Question],
    profile: Profile,
    seed: int,
    workspace: Workspace,
) -> pd.DataFrame:
    """A row a system and question: a linear classifier learns unmoved clips and hears moved ones.

    new, old: shares of test clips that get the label after, or before, the move; before: share of
    unmoved clips that are labelled rightly. Only clips whose label after the move is one of the
    classes take part.
    """
    frontend = LogSpectrogram(profile.pretraining.frontend)
    (train, train_rows), (test, test_rows) = (toy_clips(workspace, s) for s in ("train", "test"))
    train, test = frontend(train), frontend(test)
    questions = list(questions)
    found = []
    for name, system in systems.items():
        h, plain = embed(system, train, workspace), embed(system, test, workspace)
        layers = {}
        for factor in {question.factor for question in questions}:
            ids, classes = torch.from_numpy(_ids(train_rows, factor)), len(toy.CLASSES[factor])
            layers[factor] = evaluation.train_linear(h, ids, classes, profile.frozen, seed)
        for question in questions:
            moved = embed(system, move(test, question.kind, question.length), workspace)
            old = _ids(test_rows, question.factor)
            new = labels_after(question, old, frontend.config)
            said, told = (layers[question.factor](x).argmax(1).numpy() for x in (plain, moved))
            row = {"system": name, "move": question.kind, "factor": question.factor}
            found.append(row | _shares(said, told, old, new))
    return pd.DataFrame(found)


def _ids(rows: pd.DataFrame, factor: str) -> np.ndarray:
    return np.array([toy.CLASSES[factor].index(name) for name in rows[factor]])


def _shares(said: np.ndarray, told: np.ndarray, old: np.ndarray, new: np.ndarray) -> dict:
    """What is answered of unmoved (`said`) and moved (`told`) clips, against both labels."""
    used = new >= 0
    said, told, old, new = said[used], told[used], old[used], new[used]
    return {
        "clips": int(used.sum()),
        "before": (said == old).mean(),
        "new": (told == new).mean(),
        "old": ((told == old) & (old != new)).mean(),
    }


def stride(network: Encoder) -> int:
    """Spectrogram cells from one cell of the last feature map to the next, along either axis."""
    return network.network.feature_info[-1]["reduction"]


def step_by_step(
    systems: dict[str, Encoder],
    spectrograms: Tensor,
    kind: str,
    lengths: Iterable[int],
    workspace: Workspace,
) -> dict[str, list[float]]:
    """The mean similarity to the moved clips [B, F, T] at every length, by encoder."""
    x = spectrograms.to(workspace.device)
    return {
        name: [similarity_to_moved(network, x, kind, n).mean().item() for n in lengths]
        for name, network in systems.items()
    }


def history(record: dict) -> dict[str, tuple[list[float], list[float]]]:
    """{column: (epochs, values)} of a pretraining record: loss by step, geometry by epoch."""
    log, measured = record["log"], record["measured"]
    columns = {name: values for name, values in measured.items() if name != "epoch"}
    found = {name: (measured["epoch"], values) for name, values in columns.items()}
    return {"loss": (log["epoch"], log["loss"])} | found


def cell_kinds(clips: int) -> np.ndarray:
    """What the cells of the similarity matrix of [x; x_n; x_p; x_pn] are: [4N, 4N] of CELL_KINDS.

    >>> cell_kinds(1).tolist()
    [[0, 2, 1, 2], [2, 0, 2, 1], [1, 2, 0, 2], [2, 1, 2, 0]]
    """
    row = np.arange(4 * clips)
    kinds = np.where(row[:, None] % clips == row % clips, 2, 3)
    kinds[row, (row + 2 * clips) % (4 * clips)] = 1
    kinds[row, row] = 0
    return kinds


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
