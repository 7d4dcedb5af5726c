"""Segments under a frozen encoder, decoded ahead of it; a large set's embeddings go to disk."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from asglib import evaluation
from asglib.audio import AudioError, Clips
from asglib.config import Evaluation
from asglib.data.index import DataError
from asglib.data.places import load_checked, save_checked
from asglib.evaluation import Segments, Task

LARGE = 500_000  # clips from which on embeddings lie on disk, in half precision (D65)
PART = 16_384  # clips a file


def large(config: Evaluation, clips: int) -> bool:
    """Whether an evaluation of so many clips rounds embeddings to half precision; its name says."""
    return config.setting == "frozen" and clips >= LARGE


def embed(network: nn.Module, task: Task, device: torch.device, loaders: int = 0) -> Segments:
    """evaluation.embed of all clips, which `loaders` other processes decode: the same bits."""
    if not loaders or getattr(task.clips, "waves", None) is not None:  # decoded before
        return evaluation.embed(network, task.clips, task.samples, device, overlap=task.overlap)
    return _of_rows(network, task, device, loaders, np.arange(len(task.clips)))


def embed_to_disk(
    network: nn.Module, task: Task, device: torch.device, loaders: int, folder: Path
) -> Stored:
    """The same in files of PART clips in `folder`; those that are there are not made again.

    DataError: an embedding that half precision cannot hold.
    """
    count = len(task.clips)
    parts = np.array_split(np.arange(count), math.ceil(count / PART))
    paths = [folder / f"{number:06d}.safetensors" for number in range(len(parts))]
    for path, rows in zip(paths, parts):
        if load_checked(path, _opened) is None:
            found = _of_rows(network, task, device, loaders, rows)
            save_checked(path, lambda out, found=found: _save(found, out))
    return Stored(paths)


class Stored:
    """Segments in files, as evaluation.frozen asks for them; open, so that they may be removed."""

    def __init__(self, paths: list[Path]):
        self.parts = [_opened(path) for path in paths]
        told = [json.loads(part.metadata()["skipped"]) for part in self.parts]
        self.skipped = list(itertools.chain(*told))

    def of(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Features [S, D] in single precision and clips [S] of the segments of clips `rows`."""
        clips = [part.get_tensor("clip") for part in self.parts]
        chosen = [torch.from_numpy(np.isin(clip.numpy(), rows)) for clip in clips]
        width = max(part.get_slice("features").get_shape()[1] for part in self.parts)
        features = torch.empty(sum(int(mine.sum()) for mine in chosen), width)
        filled = 0
        for part, mine in zip(self.parts, chosen):
            if mine.any():
                found = part.get_tensor("features")[mine]
                features[filled : filled + len(found)] = found
                filled += len(found)
        return features, torch.cat([clip[mine] for clip, mine in zip(clips, chosen)])


def _opened(path: Path):
    return safe_open(path, "pt")


def _save(segments: Segments, path: Path) -> None:
    half = segments.features.half()
    if not half.isfinite().all():
        largest = segments.features.abs().max().item()
        raise DataError(
            f"an embedding of {largest:.3g} is more than half precision holds (65,504); evaluate "
            f"fewer than {LARGE:,} clips (max_clips), whose embeddings are not rounded."
        )
    tensors = {"features": half, "clip": segments.clip}
    save_file(tensors, path, {"skipped": json.dumps(segments.skipped)})


def _of_rows(
    network: nn.Module, task: Task, device: torch.device, loaders: int, rows: np.ndarray
) -> Segments:
    ahead = Ahead(task.clips, rows, loaders)
    there = ahead.rows()
    first = next(there, None)
    if first is None:  # none of these clips can be decoded
        return Segments(torch.zeros(0, 0), torch.zeros(0, dtype=torch.long), ahead.skipped)
    there = itertools.chain([first], there)
    found = evaluation.embed(network, ahead, task.samples, device, there, task.overlap)
    return Segments(found.features, found.clip, ahead.skipped)


class Ahead:
    """Whole clips in the order of `rows`, decoded before they are asked for."""

    def __init__(self, clips: Clips, rows: np.ndarray, loaders: int):
        self.clips, self.wave, self.skipped = clips, None, []
        self.loader = DataLoader(
            Whole(clips),
            batch_size=None,
            sampler=rows.tolist(),
            num_workers=loaders,
            collate_fn=_as_it_is,
            generator=torch.Generator(),  # else the global stream is drawn from
        )

    def rows(self) -> Iterator[int]:
        """Those that can be decoded; `whole` is that of the last one."""
        for row, wave, reason in self.loader:
            self.wave = wave
            if wave is None:
                self.skipped.append({"path": self.clips.path(row), "reason": reason})
            else:
                yield row

    def whole(self, row: int) -> np.ndarray:
        return self.wave


class Whole(Dataset):
    """Clip i, or why it cannot be decoded."""

    def __init__(self, clips: Clips):
        self.clips = clips

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, i: int) -> tuple[int, np.ndarray | None, str]:
        try:
            return i, self.clips.whole(i), ""
        except AudioError as error:
            return i, None, str(error)


def _as_it_is(item):
    return item
