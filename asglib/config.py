"""The study's numbers (paper section 3.2 and table 1): frozen dataclasses whose defaults are the paper's.

A profile is a value made with `dataclasses.replace`, never a branch in the code. D1 ... are the numbered decisions
of README, "Where the paper is silent, and where we differ".
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field, replace

METHODS = (
    "NONE",
    "ST",
    "FT",
    "SF",
    "FF",
    "ASG",
    "Sup.",
    "untrained",
)  # in the order of the results table
SETTINGS = ("frozen", "fine-tuned")


class ConfigError(ValueError):
    """A value that the study does not know or that cannot be; the message names the limit."""


def _need(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


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
        _need(
            0 < self.hop <= self.window <= self.n_fft,
            f"frontend: need 0 < hop <= window <= n_fft, got {self}.",
        )
        _need(
            self.n_mels is None or 8 <= self.n_mels <= 256,
            f"frontend.n_mels is {self.n_mels}; use None or 8 to 256.",
        )
        _need(
            0 <= self.f_min < self.f_max <= self.sample_rate / 2,
            f"frontend: 0 <= f_min < f_max <= {self.sample_rate / 2:g} Hz needed, got {self.f_min:g} and {self.f_max:g}.",
        )
        _need(
            self.floor > 0,
            f"frontend.floor is {self.floor}; it must be above 0, or silence becomes -inf.",
        )

    @property
    def bins(self) -> int:
        return self.n_mels or self.n_fft // 2 + 1

    @property
    def name(self) -> str:
        return "mel" if self.n_mels else "linear"


@dataclass(frozen=True)
class Positives:
    """Table 1: what makes x_p from the second crop (section 2.1); its rows are misaligned in print, D1."""

    rir_probability: float = 0.5  # table 1
    rir_bank: str = (
        "simulated"  # paper does not name its set, D5; or the path of a folder of impulse responses
    )
    volume_probability: float = 1.0  # table 1
    volume_db: tuple[float, float] = (-10.0, 10.0)  # table 1
    noise_probability: float = 1.0  # table 1
    noise_max: float = 0.03  # table 1, amplitude of the uniform noise

    def __post_init__(self):
        for name in ("rir_probability", "volume_probability", "noise_probability"):
            value = getattr(self, name)
            _need(0 <= value <= 1, f"positives.{name} is {value}; a probability lies in [0, 1].")
        _need(
            self.volume_db[0] <= self.volume_db[1],
            f"positives.volume_db is {self.volume_db}; give (low, high) in dB.",
        )
        _need(
            0 <= self.noise_max <= 1,
            f"positives.noise_max is {self.noise_max}; waves lie in [-1, 1], give 0 to 1.",
        )


@dataclass(frozen=True)
class Pretraining:
    """One pretraining run (section 3.2)."""

    method: str = "ASG"  # one of METHODS
    corpus: str = "audioset"  # set names joined by "+"; only their training rows are used
    seed: int = 0
    frames: int = 300  # T; 3.2
    min_scroll: int = 30  # L_ms in bins of F = 257; 3.2; scaled to other F, D4
    temperature: float = 0.1  # tau; 3.2
    encoder: str = "resnet50"  # 2.3
    head: tuple[int, int] = (4096, 256)  # 2.3
    batch: int = 512  # clips, all processes together; 3.2
    epochs: int = 50  # 3.2
    warmup_epochs: float = 2  # 3.2
    optimizer: str = "lars"  # 3.2
    lr_per_256: float = 0.3  # 3.2: learning rate = 0.3 x batch / 256
    weight_decay: float = 1e-6  # 3.2
    momentum: float = 0.9  # paper silent, D6
    clips_per_epoch: int | None = (
        None  # None: every clip once, as in the paper; otherwise a seeded draw of so many
    )
    precision: str = "auto"  # bf16 where the device computes in it, D8
    frontend: Frontend = field(default_factory=Frontend)
    positives: Positives = field(default_factory=Positives)

    def __post_init__(self):
        _need(
            self.method in METHODS,
            f"method {self.method!r} is unknown; the study has {', '.join(METHODS)}.",
        )
        _need(
            self.optimizer in ("lars", "adamw"),
            f"optimizer {self.optimizer!r} is unknown; use 'lars' or 'adamw'.",
        )
        _need(
            self.precision in ("auto", "bf16", "fp32"),
            f"precision {self.precision!r}: use 'auto', 'bf16' or 'fp32'.",
        )
        _need(
            self.batch >= 2, f"batch is {self.batch}; the contrastive loss needs at least 2 clips."
        )
        _need(self.temperature > 0, f"temperature is {self.temperature}; it must be above 0.")
        _need(
            0 <= self.warmup_epochs <= self.epochs,
            f"warmup_epochs is {self.warmup_epochs}; give 0 to {self.epochs}.",
        )
        _need(
            1 <= self.scroll <= self.frontend.bins // 2,
            f"min_scroll is {self.scroll} of {self.frontend.bins} bins; give 1 to {self.frontend.bins // 2}.",
        )
        _need(
            self.method != "ST" or self.scroll_time <= self.frames // 2,
            f"scrolling by at least {self.scroll_time} of {self.frames} frames is impossible; the limit is half of them.",
        )
        _need(
            self.lr_per_256 > 0 and self.epochs >= 0,
            "the learning rate must be above 0, the epochs 0 or more.",
        )

    @property
    def lr(self) -> float:
        return self.lr_per_256 * self.batch / 256

    @property
    def scroll(self) -> int:
        """L_ms in bins of this front end."""
        return round(self.min_scroll * self.frontend.bins / 257)

    @property
    def scroll_time(self) -> int:
        """ST's minimal length in frames: the same share of T = 300 as in the paper's input."""
        return round(self.min_scroll * self.frames / 300)

    @property
    def samples(self) -> int:
        return self.frames * self.frontend.hop


@dataclass(frozen=True)
class Downstream:
    """Training on a downstream task (section 3.2); defaults are the frozen setting."""

    epochs: int = 100  # 3.2; 50 when fine-tuned
    drop_epoch: int = 50  # learning rate x 0.1 from here; 3.2; 25 when fine-tuned
    batch: int = 64  # 3.2
    lr: float = 1e-3  # 3.2
    optimizer: str = "adam"  # paper silent, D7
    max_frames: int = 1_000  # T of a segment is 100 x the set's average seconds, but not more, D9
    max_clips: int | None = (
        None  # None: every clip, as in the paper; otherwise a seeded draw of so many of each split
    )

    def __post_init__(self):
        _need(
            self.epochs >= 1 and self.batch >= 2,
            f"downstream: epochs >= 1 and batch >= 2 needed, got {self}.",
        )
        _need(self.lr > 0, f"downstream.lr is {self.lr}; it must be above 0.")
        _need(
            self.max_clips is None or self.max_clips >= 2,
            f"downstream.max_clips is {self.max_clips}; give 2 or more.",
        )
        _need(
            self.optimizer == "adam",
            f"downstream.optimizer {self.optimizer!r} is unknown; use 'adam'.",
        )


FINE_TUNING = Downstream(epochs=50, drop_epoch=25)  # 3.2


@dataclass(frozen=True)
class Evaluation:
    """One number of a table: an encoder (or the spectrogram itself) on one task."""

    pretraining: Pretraining | None  # None: the spectrogram itself, no encoder
    data_set: str = "esc50"
    task: str = "sound"
    setting: str = "frozen"
    training: Downstream = field(default_factory=Downstream)
    seed: int = 0
    frontend: Frontend = field(default_factory=Frontend)

    def __post_init__(self):
        _need(
            self.setting in SETTINGS,
            f"setting {self.setting!r} is unknown; use {' or '.join(SETTINGS)}.",
        )
        _need(
            self.pretraining is not None or self.setting == "frozen",
            "the spectrogram has no encoder to fine-tune.",
        )
        _need(
            self.pretraining is None or self.pretraining.frontend == self.frontend,
            "an encoder is evaluated on the front end it was pretrained with.",
        )


@dataclass(frozen=True)
class Profile:
    """What one study runs: how large, on which data, with how many seeds."""

    name: str
    pretraining: Pretraining
    seeds: tuple[int, ...]
    tasks: tuple[str, ...]  # "set/task" of the ablation (table 4)
    evaluation_tasks: tuple[str, ...]  # "set/task" of tables 2 and 3
    fine_tuned_tasks: tuple[str, ...]
    corpora: tuple[str, str]  # the two corpora of table 6
    corpora_tasks: tuple[str, ...]  # on which models of either corpus are evaluated
    n_mels: int  # table 5, D4
    frozen: Downstream = Downstream()
    fine_tuning: Downstream = FINE_TUNING
    more_seeds: tuple[
        int, ...
    ] = ()  # beside `seeds`, for table 4 alone: the paper's main ablation, and the cheapest
    supervised: Pretraining | None = None  # what Sup. is trained with; None: as the others
    evidence: bool = (
        True  # False: shows that everything works, says nothing about the paper's claims
    )
    differs: str = ""  # from the paper, one sentence for the first screen of a report

    @property
    def standing(self) -> str:
        """What the profile's numbers are worth: the first screen of a report."""
        told = (
            f"What differs from the paper: {self.differs}."
            if self.differs
            else "The paper's own configuration."
        )
        return told if self.evidence else f"**No evidence for the paper's claims.** {told}"


ABLATION = ("NONE", "ST", "FT", "SF", "FF", "ASG")

_small_training = Pretraining(  # few steps: the learning rate is what a short trial on the embedded corpus wanted, D19
    corpus="esc50+fsdd+notes",
    frames=96,
    encoder="tiny",
    head=(512, 128),
    batch=32,
    epochs=6,
    warmup_epochs=0.5,
    clips_per_epoch=2_048,
    lr_per_256=4.0,
)

SMOKE = Profile(
    name="smoke",
    pretraining=replace(
        _small_training,
        corpus="toy",
        frames=64,
        head=(256, 64),
        epochs=8,
        warmup_epochs=1,
        clips_per_epoch=None,
        frontend=Frontend(window=256, n_fft=256),
    ),  # F = 129: a third of the paper's cost a frame
    seeds=(0, 1, 2),
    tasks=("toy/pattern", "toy/register", "toy/direction", "toy/order"),
    evaluation_tasks=("toy/pattern", "toy/register", "toy/direction", "toy/order"),
    fine_tuned_tasks=("toy/direction", "toy/register"),
    corpora=("toy-a", "toy-b"),
    corpora_tasks=("toy-a/order", "toy-b/order"),
    n_mels=64,
    fine_tuning=Downstream(epochs=3, drop_epoch=2),
    evidence=False,
    differs="synthesised clips of about a second, a tiny encoder and minutes of training: it shows that everything "
    "works and the mechanism under controlled conditions, and is no evidence for the paper's claims",
)

SMALL = Profile(
    name="small",
    pretraining=_small_training,
    seeds=(0, 1, 2),
    more_seeds=(3, 4),
    tasks=("fsdd/digit", "fsdd/speaker", "notes/instrument", "notes/octave", "esc50/sound"),
    evaluation_tasks=(
        "fsdd/digit",
        "fsdd/speaker",
        "notes/instrument",
        "notes/octave",
        "esc50/sound",
    ),
    fine_tuned_tasks=("fsdd/speaker", "notes/instrument", "esc50/sound"),
    corpora=("esc50+notes", "esc50+fsdd"),
    corpora_tasks=("fsdd/speaker", "notes/instrument", "esc50/sound"),
    n_mels=64,
    fine_tuning=Downstream(epochs=6, drop_epoch=4),
    differs="three small open corpora (about an hour and a half of sound) instead of AudioSet, "
    f"{_small_training.epochs} epochs of {_small_training.clips_per_epoch:,} clips instead of 50 of 1.8 million, "
    f"segments of {_small_training.frames} frames instead of 300, a ResNet of a third of a million weights instead "
    f"of ResNet-50, batch {_small_training.batch} instead of 512",
)

PAPER = Profile(
    name="paper",
    pretraining=Pretraining(),
    seeds=(0,),
    tasks=(
        "librispeech/speaker",
        "speech_commands_v1/words",
        "speech_commands_v2/words",
        "voxceleb1/speaker",
        "nsynth/family",
    ),
    evaluation_tasks=(
        "librispeech/speaker",
        "speech_commands_v1/words",
        "speech_commands_v2/words",
        "musan/kind",
        "voxceleb1/speaker",
        "nsynth/family",
        "audioset/events",
        "esc50/sound",
    ),
    fine_tuned_tasks=(
        "librispeech/speaker",
        "speech_commands_v1/words",
        "speech_commands_v2/words",
        "musan/kind",
        "voxceleb1/speaker",
        "nsynth/family",
        "audioset/events",
        "esc50/sound",
    ),
    corpora=("audioset", "vggsound"),
    corpora_tasks=("audioset/events", "vggsound/events"),
    n_mels=64,
    # 3.4: LARS at lr 0.4, batch 1024 for 52,560 steps, which is 30 epochs of AudioSet
    supervised=Pretraining(method="Sup.", batch=1024, lr_per_256=0.1, epochs=30, warmup_epochs=0),
)

SMALL_GPU = replace(
    SMALL,
    name="small-gpu",
    seeds=(0, 1, 2, 3, 4),
    more_seeds=(),
    pretraining=replace(
        _small_training,
        encoder="resnet50",
        head=(4096, 256),
        batch=256,
        epochs=40,
        warmup_epochs=2,
        clips_per_epoch=None,
        lr_per_256=1.2,
    ),
    fine_tuning=FINE_TUNING,
    differs="three small open corpora (about an hour and a half of sound) instead of AudioSet, 40 epochs of 4,400 clips "
    "instead of 50 of 1.8 million, segments of 96 frames instead of 300, batch 256 instead of 512",
)

_two_steps = {"batch": 8, "epochs": 1, "warmup_epochs": 0, "clips_per_epoch": 16}
_few_clips = {"epochs": 1, "drop_epoch": 1, "batch": 2, "max_clips": 4, "max_frames": 300}

REHEARSAL = replace(  # the paper profile's data, networks and plans; everything that takes days cut to two steps
    PAPER,
    name="rehearsal",
    pretraining=replace(PAPER.pretraining, **_two_steps),
    supervised=replace(PAPER.supervised, **_two_steps),
    frozen=Downstream(**_few_clips),
    fine_tuning=Downstream(**_few_clips),
    evidence=False,
    differs="two steps of a few clips a run and at most 4 clips of each split, in segments of 3 s: it shows that the "
    "data, the machine and every step of the paper profile work before days are spent, and its numbers mean "
    "nothing",
)

PROFILES = {profile.name: profile for profile in (SMOKE, SMALL, SMALL_GPU, PAPER, REHEARSAL)}


def profile(name: str) -> Profile:
    """The profile of that name, with other seeds as in "small:0,1,2,3,4"; ConfigError names the ones there are."""
    name, _, seeds = name.partition(":")
    _need(name in PROFILES, f"profile {name!r} is unknown; use {', '.join(PROFILES)}.")
    _need(
        all(seed.isdecimal() for seed in seeds.split(",")) or not seeds,
        f"seeds {seeds!r}: give them as 0,1,2.",
    )
    return (
        replace(PROFILES[name], seeds=tuple(map(int, seeds.split(","))), more_seeds=())
        if seeds
        else PROFILES[name]
    )


def as_dict(config) -> dict:
    """The configuration as plain JSON types, tuples as lists."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def digest(*parts) -> str:
    """10 hex digits of the SHA-256 of the canonical JSON of `parts` (dataclasses or plain values)."""
    plain = [as_dict(part) if dataclasses.is_dataclass(part) else part for part in parts]
    return hashlib.sha256(
        json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()[:10]
