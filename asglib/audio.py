"""Audio files to 16 kHz mono waves (paper section 3.2): decode, resample, crop, segment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile
import soxr

RATE = 16_000  # Hz; 3.2


class AudioError(ValueError):
    """A file that cannot become a wave; the message names the file and the reason."""


class Clips(Protocol):
    """What training and evaluation need of the clips of a corpus; data/clips.py has them."""

    def __len__(self) -> int: ...

    def path(self, i: int) -> str:
        """The file of clip i."""

    def whole(self, i: int) -> np.ndarray:
        """Clip i, [N]; AudioError when it cannot be decoded."""

    def crop(self, i: int, length: int, rng: np.random.Generator) -> np.ndarray:
        """A random part [length] of clip i; AudioError as above."""


def info(path: Path) -> tuple[int, int, int]:
    """(frames, sample rate in Hz, channels) from the header; AudioError when there is none."""
    try:
        header = soundfile.info(str(path))
    except (soundfile.LibsndfileError, OSError) as error:
        raise AudioError(f"{path}: cannot be decoded ({error}).") from None
    return header.frames, header.samplerate, header.channels


def read(path: Path, start: float = 0.0, stop: float | None = None) -> np.ndarray:
    """From `start` to `stop` seconds (None: the end) as float32 [N] in [-1, 1], mono, 16 kHz.

    Only that part is decoded; channels are averaged; soxr's HQ resampler. AudioError: no such file,
    not audio, nothing in that part, or samples that are not finite.
    """
    return read_part(path, lambda seconds: (start, stop))


def read_part(path: Path, choose: Callable[[float], tuple[float, float | None]]) -> np.ndarray:
    """`read` of the part that `choose` names, given the file's seconds: it is opened once."""
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
    """[N] -> [max(N, length)]: zeros added, the share `before` of them in front (D13)."""
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
    """Non-overlapping parts: [N] -> [S, length] (3.2).

    A rest of half a part or more is padded and kept; a clip shorter than a part is in its middle
    (D13).

    >>> segments(np.arange(5.0), 2).tolist()
    [[0.0, 1.0], [2.0, 3.0], [4.0, 0.0]]
    """
    whole, rest = divmod(len(wave), length)
    count = max(whole + (2 * rest >= length), 1)
    if whole == 0:
        return pad(wave, length)[None]
    return pad(wave, count * length, 0.0)[: count * length].reshape(count, length)
