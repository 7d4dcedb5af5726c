"""What one study runs: how large, on which data, with how many seeds (paper section 3)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from asglib.config import FINE_TUNING, Downstream, Frontend, Pretraining, need
from asglib.methods import asg
from asglib.study import systems

TWICE = "NONE x2"  # for twice the epochs: as many spectrograms as ASG encodes (D57)
ABLATION = ("NONE", "ST", "FT", "SF", "FF", "ASG")  # table 4, and ASG beside it


@dataclass(frozen=True)
class Profile:
    """A study's size; methods take `pretraining` with their own settings and what differs."""

    name: str
    pretraining: Pretraining  # of ASG
    seeds: tuple[int, ...]
    tasks: tuple[str, ...]  # "set/task" of the ablation (table 4)
    evaluation_tasks: tuple[str, ...]  # of tables 2 and 3
    fine_tuned_tasks: tuple[str, ...]
    corpora: tuple[str, str]  # the two corpora of table 6
    corpora_tasks: tuple[str, ...]  # on which models of either corpus are evaluated
    settings: dict[str, dict] = field(default_factory=dict)  # file of a method: its other numbers
    recipes: dict[str, dict] = field(default_factory=dict)  # method: what its pretraining changes
    compared: dict[str, tuple[str, ...]] = field(default_factory=lambda: systems.COMPARED)
    compared_tasks: dict[str, tuple[str, ...]] = field(default_factory=dict)  # where papers differ
    variants: dict[str, dict[str, systems.Variant]] = field(default_factory=dict)  # by paper, name
    protocols: dict[str, dict[str, dict]] = field(default_factory=dict)  # as systems.PROTOCOLS
    compared_seeds: int | None = None  # at most so many of `seeds` for these; None: all
    n_mels: int = 64  # table 5, D4
    frozen: Downstream = Downstream()
    fine_tuning: Downstream = FINE_TUNING
    folded: tuple[str, ...] = ()  # tasks that are evaluated, frozen, by all their folds, D54
    more_seeds: tuple[int, ...] = ()  # beside `seeds`: our paper's tables, frozen; D56, D66
    embedded_seeds: tuple[int, ...] = ()  # of the moves on the embedded corpus, D70
    evidence: bool = True  # False: it shows that everything works, and says nothing of the claims
    differs: str = ""  # from the paper, one sentence for the first screen of a report

    def tasks_of(self, paper: str, setting: str = "frozen") -> tuple[str, ...]:
        """The tasks of a compared paper's report: its own, or those of every system."""
        every = self.evaluation_tasks if setting == "frozen" else self.fine_tuned_tasks
        return self.compared_tasks.get(paper, every)

    def downstream(
        self, task: str, setting: str, paper: str = "", variant: dict | None = None
    ) -> Downstream:
        """How "set/task" is trained on: frozen by all its folds where the profile does that (D54);
        for a compared paper's report in that paper's way, where the profile has it."""
        own = self.protocols.get(paper, {})
        changes = own.get(task, own.get("*", {})) | (variant or {})
        if setting == "fine-tuned":
            return replace(self.fine_tuning, **changes)
        return replace(self.frozen, folds=task in self.folded, **changes)

    @property
    def standing(self) -> str:
        """What the profile's numbers are worth: for the first screen of a report."""
        told = f"What differs from the paper: {self.differs}."
        told = told if self.differs else "The paper's own configuration."
        return told if self.evidence else f"**No evidence for the paper's claims.** {told}"


_few_steps = Pretraining(
    method="ASG",
    settings=asg.Settings(),
    corpus="esc50+fsdd+notes",
    frames=96,
    encoder="tiny",
    batch=32,
    epochs=6,
    warmup_epochs=0.5,
    clips_per_epoch=2_048,
    lr_per_256=4.0,  # few steps: what a short trial on the embedded corpus wanted, D19
)
_supervised = {"optimizer": "adamw", "lr_per_256": 0.04}  # from a trial on held-out toy clips, D53
_toy_tasks = ("toy/pattern", "toy/register", "toy/direction", "toy/order")
_toy_tuned = ("toy/direction", "toy/register")

SMOKE = Profile(
    name="smoke",
    pretraining=replace(
        _few_steps,
        corpus="toy",
        frames=64,
        epochs=8,
        warmup_epochs=1,
        clips_per_epoch=None,
        frontend=Frontend(window=256, n_fft=256),  # F = 129: a third of the paper's cost a frame
    ),
    seeds=(0, 1, 2),
    tasks=_toy_tasks,
    evaluation_tasks=_toy_tasks,
    fine_tuned_tasks=_toy_tuned,
    corpora=("toy-a", "toy-b"),
    corpora_tasks=("toy-a/order", "toy-b/order"),
    settings=systems.SMALL_SETTINGS | {"asg": {"head": (256, 64)}},
    compared=systems.FEW,
    variants={
        "audio2vec": {
            "larger": replace(systems.LARGER, methods=("SG", "untrained A2V")),
            "hidden layer": systems.HEAD,
            **systems.last_layers(*_toy_tuned),
        }
    },
    compared_seeds=1,
    recipes=systems.few_steps(64, "cpc-tiny", 80, 32, "toy-scenes") | {"Sup.": _supervised},
    fine_tuning=Downstream(epochs=3, drop_epoch=2),
    evidence=False,
    differs="synthesised clips of about a second, a tiny encoder and minutes of training: it shows "
    "that everything works and the mechanism under controlled conditions, and is no evidence for "
    "the paper's claims",
)

_small_tasks = (
    "fsdd/digit",
    "fsdd/speaker",
    "notes/instrument",
    "notes/octave",
    "esc50/sound",
    "ravdess/speaker",
    "ravdess/emotion",
    "wake-words/keyword",
)
_small_tuned = ("fsdd/speaker", "notes/instrument", "ravdess/speaker")
_small_data = "a pool of open sounds (six hours) instead of AudioSet, five small sets to test on"

SMALL = Profile(
    name="small",
    pretraining=replace(  # network and recipe from reports/sweep.csv, D55
        _few_steps, corpus="open-pool", encoder="small", epochs=8, clips_per_epoch=None
    ),
    seeds=(0, 1, 2),
    more_seeds=(3, 4, 5, 6, 7),  # how many: D56
    embedded_seeds=tuple(range(3, 36)),
    tasks=_small_tasks,
    evaluation_tasks=_small_tasks,
    fine_tuned_tasks=_small_tuned,
    corpora=("open-pool", "esc50+fsdd+notes"),
    corpora_tasks=("ravdess/speaker", "wake-words/keyword"),  # sets that neither holds, D63
    settings=systems.SMALL_SETTINGS | {"asg": {"head": (512, 128)}},
    compared=systems.MOST,
    variants={  # the larger encoder is left to a GPU: an hour of training and more
        "audio2vec": {"hidden layer": systems.HEAD} | systems.last_layers(*_small_tuned)
    },
    recipes=systems.few_steps(96, "cpc-small", 100, 32, "open-pool") | {"Sup.": _supervised},
    fine_tuning=Downstream(epochs=6, drop_epoch=4),
    folded=("esc50/sound", "ravdess/emotion"),
    differs=f"{_small_data}, 8 epochs of 2,565 clips instead of 50 of 1.8 million, segments of "
    f"{_few_steps.frames} frames instead of 300, a ResNet of 1.2 million weights instead of "
    "ResNet-50, batch 32 instead of 512, fine-tuned for 6 epochs instead of 50",
)

SMALL_GPU = replace(
    SMALL,
    name="small-gpu",
    seeds=(0, 1, 2, 3, 4),
    more_seeds=(),
    compared=systems.COMPARED,
    variants={"audio2vec": {"larger": systems.LARGER} | SMALL.variants["audio2vec"]},
    pretraining=replace(
        _few_steps,
        corpus="open-pool",
        encoder="resnet50",
        batch=256,
        epochs=40,
        warmup_epochs=2,
        clips_per_epoch=None,
        lr_per_256=1.2,
    ),
    settings={},
    recipes=SMALL.recipes | {"Sup.": {"optimizer": "adamw", "lr_per_256": 1e-3}},  # D53
    fine_tuning=FINE_TUNING,
    differs=f"{_small_data}, 40 epochs of 2,565 clips instead of 50 of 1.8 million, segments of 96 "
    "frames instead of 300, batch 256 instead of 512",
)

_frozen_tasks = (
    "librispeech/speaker",
    "speech_commands_v1/words",
    "speech_commands_v2/words",
    "voxceleb1/speaker",
    "nsynth/family",
)
_compared_tasks = {  # CPC: tables 1 to 3, and ESC-50; augmented contrastive: 1, 2; Audio2Vec: 2
    "cpc": ("audioset/events", "dcase2013/scene", "esc50/sound"),
    "augmented": ("desed_events/event", "audioset10/class"),
    "audio2vec": (
        "speech_commands_v2/words",
        "spoken_language/language",
        "librispeech/speaker",
        "musan/kind",
        "tut2018/scene",
        "birds2018/bird",
    ),
}
_all_tasks = (*_frozen_tasks[:3], "musan/kind", *_frozen_tasks[3:], "audioset/events")

PAPER = Profile(
    name="paper",
    pretraining=Pretraining(method="ASG", settings=asg.Settings()),
    seeds=(0,),
    tasks=_frozen_tasks,
    evaluation_tasks=(*_all_tasks, "esc50/sound"),
    fine_tuned_tasks=(*_all_tasks, "esc50/sound"),
    compared_tasks=_compared_tasks,
    variants=systems.VARIANTS,
    protocols=systems.PROTOCOLS,
    corpora=("audioset", "vggsound"),
    corpora_tasks=("audioset/events", "vggsound/events"),
    # 3.4: LARS at lr 0.4, batch 1024 for 52,560 steps, which is 30 epochs of AudioSet, D15
    recipes=systems.PAPER
    | {"Sup.": {"batch": 1024, "lr_per_256": 0.1, "epochs": 30, "warmup_epochs": 0}},
)

_two_steps = {"batch": 8, "epochs": 1, "warmup_epochs": 0, "clips_per_epoch": 16}
_few_clips = {"epochs": 1, "drop_epoch": 1, "batch": 2, "max_clips": 4, "max_frames": 300}

REHEARSAL = replace(  # the paper profile's data, networks and plans, cut to two steps a run
    PAPER,
    name="rehearsal",
    pretraining=replace(PAPER.pretraining, **_two_steps),
    recipes={
        name: recipe | _two_steps | {"frames": min(recipe.get("frames", 300), 300)}
        for name, recipe in PAPER.recipes.items()
    },
    frozen=Downstream(**_few_clips),
    fine_tuning=Downstream(**_few_clips),
    evidence=False,
    differs="two steps of a few clips a run and at most 4 clips of each split, in segments of 3 s: "
    "it shows that the data, the machine and every step of the paper profile work before days are "
    "spent, and its numbers mean nothing",
)

PROFILES = {each.name: each for each in (SMOKE, SMALL, SMALL_GPU, REHEARSAL, PAPER)}


def profile(name: str) -> Profile:
    """The profile of that name; "small:0,1,2,3" has other seeds. ConfigError: no such profile."""
    name, _, text = name.partition(":")
    need(name in PROFILES, f"profile {name!r} is unknown; use {', '.join(PROFILES)}.")
    if not text:
        return PROFILES[name]
    parts = text.split(",")
    need(all(part.isdecimal() for part in parts), f"seeds {text!r}: give them as 0,1,2.")
    need(len(set(map(int, parts))) == len(parts), f"seeds {text!r}: give each once.")
    return replace(PROFILES[name], seeds=tuple(map(int, parts)), more_seeds=(), embedded_seeds=())
