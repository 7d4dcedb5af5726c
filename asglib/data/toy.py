"""The embedded corpus: clips of known, independent factors, so that the hypothesis can be tested.

A clip of CLIP_SECONDS holds two events. One has a **pattern** (which local time-frequency shape),
lies in a **register** (where on the frequency axis; spacing in Hz unchanged) and runs in a
**direction** (forwards or reversed in time). The other is a short click of noise; the **order**
says which of the two comes first. What the paper calls positional is exactly register, direction
and order: the same shapes elsewhere or the other way round. Level, duration, onset, timbre and
background noise vary and mean nothing.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd

from asglib.data.sound import write_sound

RATE = 16_000  # Hz
CLIP_SECONDS = 0.8
EVENT_SECONDS = 0.36  # the middle of its range
PATTERNS = ("harmonic stack", "chirp", "click train", "noise band", "AM tone", "FM bell")
REGISTERS = tuple(float(hertz) for hertz in range(600, 4600, 500))  # added to every frequency, Hz
CLASSES = {
    "pattern": PATTERNS,
    "register": tuple(f"{hertz:.0f} Hz" for hertz in REGISTERS),
    "direction": ("forwards", "reversed"),
    "order": ("event first", "click first"),
}
CORPORA = {"toy": PATTERNS, "toy-a": PATTERNS[::2], "toy-b": PATTERNS[1::2]}  # a and b share none
CORPORA |= {"toy-scenes": PATTERNS}
CLIPS = {"train": 64, "test": 64}  # of each pattern: test clips are draws of their own
SCENES, PARTS = "toy-scenes", 5  # a scene is five clips long, for methods that need context
SCENE_CLIPS = {"train": 32, "test": 16}


def _phase(hertz: float | np.ndarray, samples: int) -> np.ndarray:
    """The argument of a complex tone [samples] of one frequency or of one a sample."""
    return 2j * np.pi * np.cumsum(np.broadcast_to(hertz, samples)) / RATE


def pattern(name: str, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """The analytic signal [N], complex, of one event at register 0: it lies in 0 to 1500 Hz.

    Every pattern begins hard and dies away, so that its reverse is another sound.
    """
    t = np.arange(int(seconds * RATE)) / RATE
    share = t / seconds
    decay = np.exp(-rng.uniform(2.5, 4) * share) * np.minimum(t / 0.004, 1)
    base = rng.uniform(180, 220)
    if name == "harmonic stack":
        weights = rng.uniform(0.5, 1, 5)
        return decay * sum(w * np.exp(_phase(base * k, len(t))) for k, w in enumerate(weights, 1))
    if name == "chirp":
        return decay * np.exp(_phase(base + rng.uniform(900, 1100) * share, len(t)))
    if name == "click train":
        spacing = rng.uniform(0.035, 0.05) * (1 + 0.8 * share)
        gate = np.exp(-(np.cumsum(1 / spacing) / RATE % 1) * 12)
        return decay * gate * np.exp(_phase(base * 3, len(t)))
    if name == "noise band":
        spectrum = np.fft.fft(rng.standard_normal(len(t)))
        hertz = np.fft.fftfreq(len(t), 1 / RATE)
        return decay * np.fft.ifft(spectrum * ((hertz > 200) & (hertz < 1000))) * 3
    if name == "AM tone":
        tremolo = 1 + np.cos(2 * np.pi * rng.uniform(22, 30) * t)
        return decay * tremolo * np.exp(_phase(base * 2.5, len(t)))
    index = 6 * np.exp(-3 * share)  # FM bell: the modulation dies away faster than the tone
    modulation = index * np.sin(2 * np.pi * base * 0.71 * t)
    return decay * np.exp(_phase(base * 3, len(t)) + 1j * modulation)


def clip(factors: dict[str, int], rng: np.random.Generator, patterns=PATTERNS) -> np.ndarray:
    """One wave [CLIP_SECONDS x RATE] float32 from factor ids; `rng` draws the nuisances.

    >>> factors = {"pattern": 1, "register": 0, "direction": 1, "order": 0}
    >>> clip(factors, np.random.default_rng(0)).shape
    (12800,)
    """
    seconds = EVENT_SECONDS * rng.uniform(0.9, 1.1)
    event = pattern(patterns[factors["pattern"]], seconds, rng)
    hertz = REGISTERS[factors["register"]] + rng.uniform(-120, 120)
    event = np.real(event * np.exp(2j * np.pi * hertz * np.arange(len(event)) / RATE))
    event = event[::-1] if factors["direction"] else event
    click = rng.standard_normal(int(0.03 * RATE)) * np.hanning(int(0.03 * RATE))
    parts = [event / np.abs(event).max(), 0.5 * click / np.abs(click).max()]
    parts = parts[::-1] if factors["order"] else parts
    gap = np.zeros(int(rng.uniform(0.03, 0.06) * RATE))
    sound = np.concatenate([parts[0], gap, parts[1]])
    wave = np.zeros(int(CLIP_SECONDS * RATE))
    start = rng.integers(int(0.1 * RATE), int(0.16 * RATE))
    wave[start : start + len(sound)] += sound
    level = 0.4 * 10 ** (rng.uniform(-9, 0) / 20)
    noise = rng.uniform(0.0005, 0.003)
    wave = level * wave + noise * rng.standard_normal(len(wave))
    return np.clip(wave, -1, 1).astype(np.float32)


def scene(factors: dict[str, int], rng: np.random.Generator, patterns=PATTERNS) -> np.ndarray:
    """PARTS clips one after another: one pattern and register, direction and order drawn anew.

    So the context tells pattern and register, and nothing of direction and order.
    """
    parts = []
    for _ in range(PARTS):
        drawn = {"direction": int(rng.integers(2)), "order": int(rng.integers(2))}
        parts.append(clip(factors | drawn, rng, patterns))
    return np.concatenate(parts)


def plan(corpus: str) -> pd.DataFrame:
    """The index of a corpus: every combination of factors equally often in each split."""
    classes = CLASSES | {"pattern": CORPORA[corpus]}
    counts = CLIPS
    if corpus == SCENES:
        classes = {name: classes[name] for name in ("pattern", "register")}
        counts = SCENE_CLIPS
    combinations = list(itertools.product(*classes.values()))
    rows = []
    for split, count in counts.items():
        for number in range(count * len(CORPORA[corpus])):
            names = combinations[number % len(combinations)]
            rows.append((f"{split}/{number:04d}.flac", *names, split, -1, np.nan, np.nan, ""))
    table = pd.DataFrame(
        rows, columns=["path", *classes, "split", "fold", "start", "stop", "group"]
    )
    table.attrs = {"missing": [], "empty": [], "classes": classes}
    return table


def build(folder: Path) -> pd.DataFrame:
    """Synthesises what is missing of the corpus named like `folder` as 16-bit FLAC; its index."""
    folder = Path(folder)
    index, corpus = plan(folder.name), sorted(CORPORA).index(folder.name)
    classes = index.attrs["classes"]
    for number, row in enumerate(index.itertuples()):
        if not (folder / row.path).exists():
            ids = {key: names.index(getattr(row, key)) for key, names in classes.items()}
            rng = np.random.default_rng((corpus, row.split == "test", number))
            make = scene if folder.name == SCENES else clip
            wave = make(ids, rng, classes["pattern"])
            write_sound(folder / row.path, wave, format="FLAC", subtype="PCM_16")
    return index
