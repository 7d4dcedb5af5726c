"""Sound files as evaluation's clips, whose embeddings are kept on disk a batch at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from asglib import audio, evaluation, metrics
from asglib.audio import RATE, SOUNDS, AudioError
from asglib.counting import counted
from asglib.encoder import Encoder
from asglib.files import load_checked, save_checked
from asglib.folders import UNREAD, tree

BATCH = 128  # segments of a step, as in evaluation, and of a part on disk


class EmbeddingError(ValueError):
    """Embeddings that cannot be made, in one sentence."""


def sounds(files: Iterable[Path | str]) -> list[Path]:
    """Files as named, each once, with those of a folder in its place, sorted; none: an error."""
    named = [files] if isinstance(files, (str, Path)) else files
    found: dict[Path, None] = {}
    for given in map(Path, named):
        inside = [given]
        if given.is_dir():
            below = [given / f"{top}{name}" for top, names in tree(given) for name in names]
            known = SOUNDS | UNREAD  # of these the second are bad files, told and not passed over
            inside = sorted(path for path in below if path.suffix.lower() in known and _file(path))
            if not inside:
                ends = ", ".join(sorted(SOUNDS))
                raise EmbeddingError(f"{given}: no sound is in this folder; {ends} are read.")
        found |= dict.fromkeys(inside)
    if not found:
        raise EmbeddingError("no files are given; name sounds, or folders that hold some.")
    return list(found)


def _file(path: Path) -> bool:
    """A file, or a link to one that is gone, which is a bad file; neither a folder nor a pipe."""
    return path.is_file() or (path.is_symlink() and not path.exists())


def _read(path: Path) -> np.ndarray:
    """audio.read; AudioError: also what to do where it is not the decoder's to say."""
    try:
        return audio.read(path)
    except AudioError:
        if not path.exists():
            raise AudioError(f"{path}: there is no such file; correct its name.") from None
        if path.is_file() and not path.stat().st_size:
            raise AudioError(f"{path}: it is empty; copy it again.") from None
        if path.suffix.lower() in UNREAD:
            told = f"{path.suffix} is not read; convert it to wav or flac."
            raise AudioError(f"{path}: {told}") from None
        raise


class Recordings:
    """Files as evaluation's clips; a part on disk a batch, and what it holds is not read again.

    Evaluation's own loop runs over them, so that segments and batches, and with them every bit,
    are evaluation's. Where a batch is on disk, silence of the same length passes through instead.
    """

    def __init__(self, paths: list[Path], folder: Path, samples: int):
        self.paths, self.folder, self.samples = paths, folder, samples
        self.lengths, self.reasons = [], []  # in samples (-1: bad), and why it is bad
        self.parts = []
        for path in sorted(folder.glob("[0-9]*.npz")):
            told = load_checked(path, _told)
            if told is None:  # damaged: it and those behind it are made again
                break
            self.parts.append(path)
            self.lengths += told[0]
            self.reasons += told[1]
        self.told = self.known = len(self.lengths)  # files that parts tell of; when it began
        self.done = BATCH * len(self.parts)  # segments; the last part may have fewer, it ends all
        self.seen = self.calls = 0  # segments and batches that have passed

    def __len__(self) -> int:
        return len(self.paths)

    def path(self, i: int) -> str:
        return os.fsencode(self.paths[i]).decode(errors="replace")

    def whole(self, i: int) -> np.ndarray:
        """Clip i, or as much silence where all its segments are in parts."""
        self.bar.update()
        if i < self.known and self.lengths[i] < 0:
            raise AudioError(self.reasons[i])
        if i < self.known:
            silence = np.broadcast_to(np.float32(0), self.lengths[i])
            self.seen += len(audio.segments(silence, self.samples))
            return silence if self.seen <= self.done else audio.read(self.paths[i])
        try:
            if self.path(i) != str(self.paths[i]):
                raise AudioError(f"{self.path(i)}: its name is no UTF-8; rename it.")
            wave, reason = _read(self.paths[i]), ""
        except AudioError as error:
            wave, reason = None, str(error)
        self.lengths.append(-1 if wave is None else len(wave))
        self.reasons.append(reason)
        if wave is None:
            if i + 1 == len(self) and max(self.lengths) < 0:
                told = f"nothing can be decoded of {counted(len(self), 'file')}"
                raise EmbeddingError(f"{told}; the first: {self.reasons[0]}")
            raise AudioError(reason)
        return wave

    def embed(self, network: Encoder, device: torch.device) -> None:
        """Computes the parts that are not there, one a batch."""

        def features(waves: Tensor) -> Tensor:
            self.calls += 1
            if self.calls > len(self.parts):
                self._keep(network(waves).float().cpu().numpy())
            return torch.zeros(len(waves), 0)  # memory holds one batch

        with tqdm(total=len(self), desc="embedding", unit="file", delay=2) as self.bar:
            found = evaluation.embed(features, self, self.samples, device, batch=BATCH)
        self.owners = found.clip.numpy()
        self.stops = np.array(self.lengths) / RATE  # s

    def _keep(self, features: np.ndarray) -> None:
        told = {
            "features": features,
            "lengths": np.array(self.lengths[self.told :], np.int64),
            "reasons": np.array(self.reasons[self.told :], str),
        }
        path = self.folder / f"{len(self.parts):08d}.npz"
        save_checked(path, lambda out: _write_arrays(out, told))
        self.parts.append(path)
        self.told = len(self.lengths)

    def bad(self) -> list[dict]:
        """{path, reason} of the files that cannot be decoded."""
        return [{"path": self.path(i), "reason": r} for i, r in enumerate(self.reasons) if r]

    def rows(self, segments: bool) -> Iterator[pd.DataFrame]:
        """The table's rows, some parts' at a time; no clip is in two of these tables."""
        left, first = None, 0
        for path in self.parts:
            with np.load(path) as part:
                features = part["features"]
            features = features if left is None else np.concatenate([left, features])
            clip = self.owners[first : first + len(features)]
            cut = len(clip)
            if path != self.parts[-1]:
                cut = int(np.searchsorted(clip, clip[-1]))  # the last clip may go on
            left, first = features[cut:], first + cut
            if cut:
                yield self._table(features[:cut], clip[:cut], segments)

    def _table(self, features: np.ndarray, clip: np.ndarray, segments: bool) -> pd.DataFrame:
        """Rows of whole clips from the features [S, D] of their segments and the clip [S]."""
        whole, starts = np.unique(clip, return_index=True)
        seconds = self.samples / RATE
        if segments:
            start = (np.arange(len(clip)) - starts[np.searchsorted(whole, clip)]) * seconds
            stop = np.minimum(start + seconds, self.stops[clip])
        else:
            position = torch.from_numpy(np.searchsorted(whole, clip))
            features = metrics.per_clip(torch.from_numpy(features), position, len(whole)).numpy()
            clip, start, stop = whole, np.zeros(len(whole)), self.stops[whole]
        named = pd.DataFrame({"path": list(map(self.path, clip)), "start": start, "stop": stop})
        columns = [f"h{dim}" for dim in range(features.shape[1])]
        return pd.concat([named, pd.DataFrame(features, columns=columns)], axis=1)


def _told(path: Path) -> tuple[list[int], list[str]]:
    """What a part tells of its files."""
    with np.load(path) as part:
        return part["lengths"].tolist(), part["reasons"].tolist()


def _write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with open(path, "wb") as file:  # a name would be given another ending
        np.savez(file, **arrays)
