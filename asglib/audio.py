"""Audio files to 16 kHz mono waves (paper section 3.2): decode, resample, crop, segment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import soxr

from asglib.files import locked, write_atomically

RATE = 16_000  # Hz; 3.2
CACHE_LIMIT = (
    4 * 2**30
)  # bytes of float32 waves kept decoded on disk; larger corpora are read crop by crop


class AudioError(ValueError):
    """A file that cannot become a wave; the message names the file and the reason."""


def info(path: Path) -> tuple[int, int, int]:
    """(frames, sample rate in Hz, channels) from the header; AudioError when there is none."""
    try:
        header = soundfile.info(str(path))
    except (soundfile.LibsndfileError, OSError) as error:
        raise AudioError(f"{path}: cannot be decoded ({error}).") from None
    return header.frames, header.samplerate, header.channels


def read(path: Path, start: float = 0.0, stop: float | None = None) -> np.ndarray:
    """The part from `start` to `stop` seconds (None: the end) as float32 [N] in [-1, 1], mono, 16 kHz.

    Only that part is decoded; channels are averaged; soxr's HQ resampler. AudioError: no such file, not audio,
    nothing in that part, or samples that are not finite.
    """
    return _read(path, lambda seconds: (start, stop))


def _read(path: Path, choose: Callable[[float], tuple[float, float | None]]) -> np.ndarray:
    """`read` of the part that `choose` names once the file's length in seconds is known: the file is opened once."""
    try:
        with soundfile.SoundFile(str(path)) as file:
            rate = file.samplerate
            start, stop = choose(file.frames / rate)
            file.seek(min(round(start * rate), file.frames))
            wave = file.read(
                -1 if stop is None else max(round((stop - start) * rate), 0), "float32"
            )
    except (soundfile.LibsndfileError, OSError, RuntimeError, ValueError, MemoryError) as error:
        raise AudioError(f"{path}: cannot be decoded ({error}).") from None
    if not len(wave):
        raise AudioError(f"{path}: holds no samples from {start:g} s on.")
    if wave.ndim == 2:
        wave = np.add.reduce(wave, axis=1) / wave.shape[1]
    if not np.isfinite(wave).all():
        raise AudioError(f"{path}: has samples that are not finite numbers.")
    return wave if rate == RATE else soxr.resample(wave, rate, RATE, quality="HQ")


def pad(wave: np.ndarray, length: int, before: float = 0.5) -> np.ndarray:
    """[N] -> [max(N, length)], zeros added; the share `before` of them in front (0.5: the clip in the middle, D13)."""
    missing = max(length - len(wave), 0)
    if not missing:
        return wave
    front = int(missing * before)
    return np.pad(wave, (front, missing - front))


def crop(wave: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """A random part [length] of [N]; a shorter clip is placed at random among zeros (D13)."""
    if len(wave) <= length:
        return pad(wave, length, rng.random())
    start = rng.integers(len(wave) - length + 1)
    return wave[start : start + length]


def segments(wave: np.ndarray, length: int) -> np.ndarray:
    """Non-overlapping parts: [N] -> [S, length] (3.2). A rest of half a part or more is padded and kept (D13).

    >>> segments(np.arange(5.0), 2).tolist()
    [[0.0, 1.0], [2.0, 3.0], [4.0, 0.0]]
    """
    whole, rest = divmod(len(wave), length)
    count = max(whole + (2 * rest >= length), 1)
    if count == 1 and whole == 0:
        return pad(wave, length)[None]
    return np.pad(wave, (0, max(count * length - len(wave), 0)))[: count * length].reshape(
        count, length
    )


class Clips:
    """The waves of (path, start, stop) rows; start and stop in seconds, NaN for the whole file.

    Corpora up to CACHE_LIMIT are decoded once into one float32 file that all processes map; of larger ones each
    crop is read from its file. `skipped` lists {path, reason} of the rows that could not be decoded; `keep` holds
    the positions of the others, and clip i is row keep[i].
    """

    def __init__(self, paths: pd.Series, start: np.ndarray, stop: np.ndarray, cache: Path):
        self.paths = paths.astype("string[pyarrow]").array  # one buffer that worker processes share
        self.start, self.stop = np.nan_to_num(np.asarray(start, float)), np.asarray(stop, float)
        self.skipped, self.waves, self.keep = [], None, np.arange(len(self.paths))
        if self._small():
            self._map(Path(cache) / "waves")

    def __len__(self) -> int:
        return len(self.keep)

    def seconds(self, row: int) -> float:
        """Length of a row in seconds, from the file's header; 0 for a file without one."""
        try:
            frames, rate, _ = info(Path(self.paths[row]))
        except AudioError:
            return 0.0
        return (
            min(frames / rate, self.stop[row] if np.isfinite(self.stop[row]) else np.inf)
            - self.start[row]
        )

    def path(self, i: int) -> str:
        """The file of clip i."""
        return str(self.paths[self.keep[i]])

    def whole(self, i: int) -> np.ndarray:
        """Clip i, [N]; AudioError when it cannot be decoded."""
        if self.waves is not None:
            return self.waves[self.offsets[i] : self.offsets[i + 1]]
        return self._whole(self.keep[i])

    def crop(self, i: int, length: int, rng: np.random.Generator) -> np.ndarray:
        """A random part [length] of clip i; from a file, only that part is decoded."""
        if self.waves is not None:
            return crop(self.whole(i), length, rng)
        row = self.keep[i]
        first, last, whole = self.start[row], self._stop(row), True

        def choose(seconds: float) -> tuple[float, float | None]:
            nonlocal whole
            spare = min(seconds, np.inf if last is None else last) - first - length / RATE
            whole = spare <= 0
            start = first + (0 if whole else rng.random() * spare)
            return start, last if whole else start + length / RATE

        wave = _read(Path(self.paths[row]), choose)
        return (
            crop(wave, length, rng) if whole else pad(wave, length, 0.0)[:length]
        )  # resampling may lose one sample

    def _stop(self, row: int) -> float | None:
        return self.stop[row] if np.isfinite(self.stop[row]) else None

    def _whole(self, row: int) -> np.ndarray:
        return read(Path(self.paths[row]), self.start[row], self._stop(row))

    def _small(self) -> bool:
        left = CACHE_LIMIT / (4 * RATE)
        for row in range(len(self.paths)):
            left -= self.seconds(row)
            if left < 0:
                return False
        return True

    def _map(self, cache: Path) -> None:
        states = [Path(path).stat() if Path(path).exists() else None for path in self.paths]
        states = [state and (state.st_size, state.st_mtime_ns) for state in states]
        rows = (list(self.paths), self.start.tolist(), self.stop.tolist(), states)
        key = hashlib.sha256(repr(rows).encode()).hexdigest()[:16]
        waves, listing = cache / f"{key}.f32", cache / f"{key}.json"
        with locked(cache / f"{key}.lock"):
            if not listing.exists():
                found = {}
                write_atomically(waves, lambda out: found.update(self._decode(out)))
                write_atomically(listing, lambda out: out.write_text(json.dumps(found)))
        found = json.loads(listing.read_text())
        self.skipped, self.keep = found["skipped"], np.array(found["keep"], dtype=np.int64)
        self.offsets = np.array(found["offsets"], dtype=np.int64)
        self.waves = (
            np.memmap(waves, np.float32, "r") if self.offsets[-1] else np.zeros(0, np.float32)
        )

    def _decode(self, out: Path) -> dict:
        keep, offsets, skipped = [], [0], []
        with open(out, "wb") as file:
            for row, path in enumerate(self.paths):
                try:
                    wave = self._whole(row)
                except AudioError as error:
                    skipped.append({"path": str(path), "reason": str(error)})
                    continue
                file.write(wave.astype(np.float32).tobytes())
                keep.append(row)
                offsets.append(offsets[-1] + len(wave))
        return {"keep": keep, "offsets": offsets, "skipped": skipped}
