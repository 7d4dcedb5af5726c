"""The numbers that all methods share (paper section 3.2 and table 1): the paper's as defaults.

Frozen dataclasses; other values are made with `dataclasses.replace`, never by a branch in the
code. A method's own numbers stand in its file. D1 ... are the numbered decisions of README.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field

SETTINGS = ("frozen", "fine-tuned")  # of the result tables
SENSITIVITY = "sensitivity"  # what an encoder notices of a move: no score


class ConfigError(ValueError):
    """A value that the study does not know or that cannot be; the message names the limit."""


def need(condition: bool, message: str) -> None:
    """Raises ConfigError with `message` unless `condition` holds."""
    if not condition:
        raise ConfigError(message)


def between(name: str, value: float, low: float, high: float = float("inf")) -> None:
    """Raises ConfigError unless low <= value <= high."""
    limits = f"{low:g} or more" if high == float("inf") else f"{low:g} to {high:g}"
    need(low <= value <= high, f"{name} is {value}; give {limits}.")


def one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    """Raises ConfigError unless `value` is among the known ones."""
    need(value in known, f"{name} {value!r} is unknown; use {', '.join(known)}.")


@dataclass(frozen=True)
class Frontend:
    """Waves to log-spectrograms."""

    sample_rate: int = 16_000  # Hz; 3.2
    window: int = 512  # samples = 32 ms; 3.2
    hop: int = 160  # samples = 10 ms; 3.2
    n_fft: int = 512  # F = 257 bins; 3.2
    n_mels: int | None = None  # None: linear; table 5 uses mel, number of bins not stated, D4
    f_min: float = 50.0  # Hz; 3.2; mel only, D3
    f_max: float = 8_000.0  # Hz; 3.2; mel only, D3
    floor: float = 1e-6  # added to the power before the natural logarithm, D2

    def __post_init__(self):
        between("frontend.window", self.window, 1, self.n_fft)
        between("frontend.hop", self.hop, 1, self.window)
        between("frontend.n_mels", self.n_mels or 8, 8, 256)
        between("frontend.f_max", self.f_max, 1, self.sample_rate / 2)
        between("frontend.f_min", self.f_min, 0, self.f_max - 1)
        between("frontend.floor", self.floor, 1e-30)  # at 0 silence would be -inf

    @property
    def bins(self) -> int:
        return self.n_mels or self.n_fft // 2 + 1

    @property
    def name(self) -> str:
        return "mel" if self.n_mels else "linear"


@dataclass(frozen=True)
class Positives:
    """Table 1: what makes x_p from the second crop (2.1); its rows are misaligned in print, D1."""

    rir_probability: float = 0.5  # table 1
    rir_bank: str = "simulated"  # paper does not name its set, D5; or a folder of responses
    volume_probability: float = 1.0  # table 1
    volume_db: tuple[float, float] = (-10.0, 10.0)  # table 1
    noise_probability: float = 1.0  # table 1
    noise_max: float = 0.03  # table 1, amplitude of the uniform noise

    def __post_init__(self):
        for name in ("rir_probability", "volume_probability", "noise_probability", "noise_max"):
            between(f"positives.{name}", getattr(self, name), 0, 1)
        low, high = self.volume_db
        between("the low end of positives.volume_db", low, -120, high)


@dataclass(frozen=True)
class Pretraining:
    """One pretraining run (section 3.2)."""

    method: str  # its name in the result tables
    settings: object  # the method's own numbers: a dataclass of its file in methods/
    corpus: str = "audioset"  # set names joined by "+"; only their training rows are used
    seed: int = 0
    frames: int = 300  # T; 3.2
    encoder: str = "resnet50"  # 2.3
    batch: int = 512  # clips, all processes together; 3.2
    epochs: int = 50  # 3.2
    warmup_epochs: float = 2  # 3.2
    optimizer: str = "lars"  # 3.2
    lr_per_256: float = 0.3  # 3.2: learning rate = 0.3 x batch / 256
    weight_decay: float = 1e-6  # 3.2
    momentum: float = 0.9  # paper silent, D6
    clips_per_epoch: int | None = None  # None: every clip once (3.2); else a seeded draw of so many
    precision: str = "auto"  # bf16 where the device computes in it, D8
    frontend: Frontend = field(default_factory=Frontend)

    def __post_init__(self):
        one_of("optimizer", self.optimizer, ("lars", "adamw", "adam"))
        one_of("precision", self.precision, ("auto", "bf16", "fp32"))
        between("batch", self.batch, 2)
        between("epochs", self.epochs, 0)
        between("warmup_epochs", self.warmup_epochs, 0, self.epochs)
        between("lr_per_256", self.lr_per_256, 1e-12)
        self.settings.check(self)

    @property
    def lr(self) -> float:
        return self.lr_per_256 * self.batch / 256

    @property
    def samples(self) -> int:
        return self.frames * self.frontend.hop


@dataclass(frozen=True)
class Downstream:
    """Training on a downstream task (section 3.2); defaults are the frozen setting."""

    epochs: int = 100  # 3.2; 50 when fine-tuned
    drop_epoch: int = 50  # learning rate x 0.1 from here; 3.2; 25 when fine-tuned
    batch: int = 64  # 3.2
    lr: float = 1e-3  # 3.2, Adam: D7
    max_frames: int = 1_000  # T is 100 x the set's average seconds, but not more, D9
    hidden: int = 0  # units of a hidden layer before the classifier; CPC 3.2: 512
    overlap: float = 0.0  # of neighbouring segments; Audio2Vec 4: a half
    aggregate: str = "mean"  # of a clip's segments, D18; Audio2Vec 4: "naive Bayes"
    last: int | None = None  # fine-tuned: only so many last layers of the encoder; None: all
    max_clips: int | None = None  # None: every clip (3.2); else a seeded draw of so many a split
    folds: bool = False  # frozen only: every fold is the test part once, their clips pooled, D54

    def __post_init__(self):
        between("downstream.epochs", self.epochs, 1)
        between("downstream.batch", self.batch, 2)
        between("downstream.lr", self.lr, 1e-12)
        between("downstream.hidden", self.hidden, 0)
        between("downstream.overlap", self.overlap, 0, 0.9)
        one_of("downstream.aggregate", self.aggregate, ("mean", "naive Bayes"))
        between("downstream.last", self.last or 0, 0)
        between("downstream.max_clips", self.max_clips or 2, 2)

    def frames(self, seconds: float) -> int:
        """T of one segment of a set whose clips last `seconds` on average (3.2, D9)."""
        return min(round(100 * seconds), self.max_frames)


FINE_TUNING = Downstream(epochs=50, drop_epoch=25)  # 3.2


@dataclass(frozen=True)
class Evaluation:
    """One number of a table: an encoder, or the spectrogram itself, on one task.

    Setting "sensitivity" has no task: it measures what the encoder notices of a move.
    """

    pretraining: Pretraining | None  # None: the spectrogram itself, no encoder
    data_set: str = "esc50"
    task: str = "sound"
    setting: str = "frozen"
    training: Downstream = field(default_factory=Downstream)
    seed: int = 0
    frontend: Frontend = field(default_factory=Frontend)
    after: int | None = None  # epochs of the pretraining; None: all

    def __post_init__(self):
        one_of("setting", self.setting, (*SETTINGS, SENSITIVITY))
        pre = self.pretraining
        need(pre is not None or self.setting == "frozen", "the spectrogram cannot be fine-tuned.")
        need(not self.training.folds or self.setting == "frozen", "only frozen takes all folds.")
        need(
            pre is None or pre.frontend == self.frontend,
            "an encoder is evaluated on the front end it was pretrained with.",
        )
        trained = pre.epochs if pre else 0
        need(
            self.after is None or self.after in kept(trained),
            f"after {self.after} epochs of {trained} no encoder is kept; "
            f"those are: {', '.join(map(str, kept(trained))) or 'none'}.",
        )


def kept(epochs: int) -> list[int]:
    """After how many epochs, before its end, a pretraining keeps its encoder: powers of two.

    >>> kept(8)
    [1, 2, 4]
    """
    return [2**n for n in range(epochs.bit_length()) if 2**n < epochs]


def as_dict(config) -> dict:
    """The configuration as plain JSON types, tuples as lists."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def digest(*parts) -> str:
    """10 hex digits of the SHA-256 of the canonical JSON of `parts` (dataclasses or plain)."""
    plain = [as_dict(part) if dataclasses.is_dataclass(part) else part for part in parts]
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def seed_of(*parts: int) -> int:
    """63 bits that depend on every part: the seed of one generator."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1
