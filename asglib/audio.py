"""Audio files to 16 kHz mono waves (paper section 3.2): decode, resample, crop, segment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile
import soxr

RATE = 16_000  # Hz; 3.2
# what soundfile decodes
SOUNDS = frozenset((".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au"))
RATES = (1_000, 768_000)  # Hz: what is believed of a header
LONGEST_FILE = 24 * 3600  # s: what is believed of a header
LONGEST = 2 * 3600  # s read at once: 0.5 GB, which an empty FLAC of some kB can ask for
SHORTEST = 16  # samples: a millisecond
LOUDEST = 100.0  # times full scale: 16-bit integers stored as floats reach 32,768
BLOCK = 2**20  # samples decoded at once, all channels together


class AudioError(ValueError):
    """A file that cannot become a wave; the message names the file and the reason."""


class Clips(Protocol):
    """What training and evaluation need of the clips of a corpus; data/clips.py has them."""

    def __len__(self) -> int: ...

    def path(self, i: int) -> str:
        """The file of clip i."""

    def samples(self, i: int) -> int:
        """Length of clip i."""

    def whole(self, i: int) -> np.ndarray:
        """Clip i, [N]; AudioError when it cannot be decoded."""

    def crop(self, i: int, length: int, rng: np.random.Generator) -> np.ndarray:
        """A random part [length] of clip i; AudioError as above."""


def info(path: Path) -> tuple[int, int, int]:
    """(frames, sample rate in Hz, channels) from the header.

    AudioError: there is no header, or its length or rate cannot be believed.
    """
    try:
        header = soundfile.info(str(path))
    except (soundfile.LibsndfileError, OSError) as error:
        raise AudioError(f"{path}: cannot be decoded ({error}).") from None
    _believe(path, header.frames, header.samplerate)
    return header.frames, header.samplerate, header.channels


def read(path: Path, start: float = 0.0, stop: float | None = None) -> np.ndarray:
    """The part from `start` to `stop` seconds (None: the end), float32 [N] in [-1, 1], 16 kHz.

    Only that part is decoded; channels are averaged; soxr's HQ resampler. AudioError: no such file,
    not audio, next to nothing in that part, too much of it, or samples that are no sound.
    """
    return read_part(path, lambda seconds: (start, stop))


def read_part(path: Path, choose: Callable[[float], tuple[float, float | None]]) -> np.ndarray:
    """`read` of the part that `choose` names, which is given the file's length in seconds.

    The file is opened once, and decoded and resampled block by block: memory holds the result.
    """
    try:
        with soundfile.SoundFile(str(path)) as file:
            rate = file.samplerate
            _believe(path, file.frames, rate)
            start, stop = choose(file.frames / rate)
            first = min(round(start * rate), file.frames)
            count = file.frames - first
            if stop is not None:
                count = min(count, max(round((stop - start) * rate), 0))
            if count > LONGEST * rate:
                raise AudioError(
                    f"{path}: {count / rate / 3600:.1f} h at once, the limit is {LONGEST / 3600:g} "
                    "h; split the file."
                )
            if first:  # some formats can be read but not searched
                file.seek(first)
            wave = _resample(_blocks(file, count), rate, count)
    except (soundfile.LibsndfileError, OSError, RuntimeError, MemoryError) as error:
        raise AudioError(f"{path}: cannot be decoded ({error}).") from None
    if not len(wave):
        raise AudioError(f"{path}: holds no samples from {start:g} s on.")
    if len(wave) < SHORTEST:
        raise AudioError(f"{path}: holds {len(wave)} samples at 16 kHz, less than a millisecond.")
    peak = max(wave.max(), -wave.min())
    if not np.isfinite(peak):
        raise AudioError(f"{path}: has samples that are not finite numbers.")
    if peak > LOUDEST:
        raise AudioError(
            f"{path}: its largest sample is {peak:.3g} where full scale is 1; write it anew with "
            "its samples scaled."
        )
    return wave


def _believe(path: Path, frames: int, rate: int) -> None:
    """AudioError for a header that no recording has."""
    if not RATES[0] <= rate <= RATES[1]:
        raise AudioError(
            f"{path}: its header says {rate:,} samples a second; {RATES[0]:,} to {RATES[1]:,} are "
            "believed."
        )
    if frames > LONGEST_FILE * rate:
        raise AudioError(
            f"{path}: its header promises {frames:,} samples, more than a day; write it anew, as a "
            "file instead of through a pipe."
        )


def _blocks(file: soundfile.SoundFile, count: int) -> Iterator[np.ndarray]:
    """The next `count` samples of an open file, or those that are there, channels averaged."""
    while count > 0:
        wanted = min(count, max(BLOCK // file.channels, 1))
        block = file.read(wanted, "float32")
        if block.ndim == 2:
            block = np.add.reduce(block, axis=1) / block.shape[1]
        yield block
        count = count - wanted if len(block) == wanted else 0


def _resample(blocks: Iterator[np.ndarray], rate: int, count: int) -> np.ndarray:
    """Blocks of `count` samples together, at 16 kHz; bit-equal to resampling them at once."""
    stream = soxr.ResampleStream(rate, RATE, 1, dtype="float32", quality="HQ")
    wave, filled = np.empty(-(-count * RATE // rate) + 1, np.float32), 0
    for block in blocks:
        part = block if rate == RATE else stream.resample_chunk(block)
        wave[filled : filled + len(part)] = part
        filled += len(part)
    if rate != RATE:
        rest = stream.resample_chunk(np.zeros(0, np.float32), last=True)
        wave[filled : filled + len(rest)] = rest
        filled += len(rest)
    return wave[:filled]


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


def segments(wave: np.ndarray, length: int, overlap: float = 0.0) -> np.ndarray:
    """Parts of which neighbours share `overlap`: [N] -> [S, length] (3.2: none).

    A rest of half a part or more is padded and kept; a clip shorter than a part is in its middle
    (D13). Where they overlap, the last part ends with the clip.

    >>> segments(np.arange(5.0), 2).tolist()
    [[0.0, 1.0], [2.0, 3.0], [4.0, 0.0]]
    """
    if overlap and len(wave) > length:
        step, last = round(length * (1 - overlap)), len(wave) - length
        return np.stack([wave[i : i + length] for i in sorted({*range(0, last, step), last})])
    whole, rest = divmod(len(wave), length)
    count = max(whole + (2 * rest >= length), 1)
    if whole == 0:
        return pad(wave, length)[None]
    return pad(wave, count * length, 0.0)[: count * length].reshape(count, length)
