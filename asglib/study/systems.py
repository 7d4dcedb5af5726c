"""How the compared systems are pretrained: each paper's own numbers, and those of small studies.

A recipe is what the pretraining of a method changes of the profile's (numbers of the papers:
augmented contrastive learning 3.1, CPC 3.1 and 3.2, Audio2Vec 4, BYOL-A's own).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from asglib.config import Downstream, Frontend
from asglib.methods import (
    METHODS,
    audio2vec,
    autoencoder,
    byol_a,
    cola,
    cpc,
    multi_head,
    temporal_gap,
    triplet,
)

MEL = Frontend(window=400, n_mels=64, f_min=60.0, f_max=7_800.0)  # 25 ms, 10 ms; D51
FAMILIES = {  # the methods of a recipe, by the files of their settings
    "COLA": (cola,),
    "BYOL-A": (byol_a,),
    "CPC": (cpc,),
    "Audio2Vec": (audio2vec, autoencoder, multi_head),
    "slow": (temporal_gap, triplet),
}
CONTEXT = ("CBoW", "SG", "TemporalGap", "Triplet", "AutoEncoder")  # Audio2Vec's, without labels
COMPARED = {  # the systems of each paper's report
    "cpc": tuple(name for name in METHODS if name.startswith("CPC")),
    "augmented": (*(name for name in METHODS if name.startswith("COLA")), "BYOL-A"),
    "audio2vec": (*CONTEXT, "MultiHead"),
}
FEW = {  # the same where minutes must do
    "cpc": ("CPC", "CPC exclusive", "CPC gauss", "CPC adv-55"),
    "augmented": ("COLA", "COLA stretch+mask", "BYOL-A"),
    "audio2vec": CONTEXT,
}
# CPC's adversary at three of its five strengths, and not the dot product: hours fewer (D52)
MOST = COMPARED | {
    "cpc": tuple(n for n in COMPARED["cpc"] if n not in ("CPC adv-65", "CPC adv-45", "CPC dot"))
}
NAMED = {"cpc": ("COLA", "CBoW", "SG", "TemporalGap", "Triplet")}  # by claims, of other papers
UNTRAINED = {  # the control of a method with a network of its own, by its file
    "cola": "untrained COLA",
    "byol_a": "untrained BYOL-A",
    "cpc": "untrained CPC",
    "audio2vec": "untrained A2V",
    "autoencoder": "untrained A2V",
    "multi_head": "untrained A2V",
    "temporal_gap": "untrained A2V",
    "triplet": "untrained A2V",
}
ON_WAVES = (*COMPARED["cpc"], "untrained CPC")  # without a front end
SLICED = ("CBoW", "SG", "TemporalGap")  # need seconds of sound
# how two of the papers evaluate where it is not ASG's way (D59): by task, "*" is any other
PROTOCOLS = {
    "cpc": {"audioset/events": {"hidden": 512}},  # 3.2; scenes by a linear classifier, table 2
    "audio2vec": {"*": {"max_frames": 96, "overlap": 0.5, "aggregate": "naive Bayes"}},  # 4
}
SYSTEMS = ("COLA", "BYOL-A", "CPC", *CONTEXT)


def control(method: str) -> str:
    """The method's own network and input, with random weights.

    >>> control("CPC adv-55"), control("SG"), control("ASG")
    ('untrained CPC', 'untrained A2V', 'untrained')
    """
    room = type(METHODS[method]).__module__.rpartition(".")[2]
    return UNTRAINED.get(room, "untrained")


def controls(methods: Iterable[str]) -> tuple[str, ...]:
    """Those of several methods, each once."""
    return tuple(dict.fromkeys(map(control, methods)))


@dataclass(frozen=True)
class Variant:
    """Some systems of a paper once more, with one thing changed."""

    methods: tuple[str, ...]
    pretraining: dict[str, str] = field(default_factory=dict)  # its corpus or encoder
    training: dict[str, int] = field(default_factory=dict)  # on a downstream task
    setting: str = "frozen"
    tasks: tuple[str, ...] = ()  # of its own; none: the paper's


HEAD = Variant(  # its table 5; as wide as an embedding, D60
    ("SG", "TemporalGap", "Triplet", "AutoEncoder"), training={"hidden": 128}
)
LARGER = Variant((*HEAD.methods, "untrained A2V"), {"encoder": "audio2vec-large"})  # its table 4


def last_layers(*tasks: str) -> dict[str, Variant]:
    """SG with its last one, two or three layers trained on a task too (Audio2Vec, figure 3)."""
    return {f"last {n}": Variant(("SG",), {}, {"last": n}, "fine-tuned", tasks) for n in (1, 2, 3)}


VARIANTS = {
    "audio2vec": {
        "LibriSpeech": Variant(CONTEXT, {"corpus": "librispeech"}),  # its table 3
        "larger": LARGER,
        "hidden layer": HEAD,
        **last_layers("speech_commands_v2/words", "tut2018/scene"),
    }
}


def protocol(training: Downstream) -> str:
    """How a task is evaluated, where it is not ASG's way, in words; "" is ASG's.

    >>> protocol(Downstream(overlap=0.5, aggregate="naive Bayes"))
    'overlap 0.5, aggregate naive Bayes'
    """
    usual, names = Downstream(), ("hidden", "overlap", "aggregate", "last")
    return ", ".join(
        f"{name} {getattr(training, name)}"
        for name in names
        if getattr(training, name) != getattr(usual, name)
    )


def recipes(by_family: dict[str, dict], sliced: dict | None = None) -> dict[str, dict]:
    """Method -> what its pretraining changes; `sliced` is added for the methods of SLICED."""
    found = {}
    for family, files in FAMILIES.items():
        modules = {file.__name__ for file in files}
        for name, settings in METHODS.items():
            if type(settings).__module__ in modules:
                more = sliced if name in SLICED and sliced else {}
                found[name] = by_family[family] | more
    return found


def _adam(rate: float, batch: int) -> dict:
    return {
        "optimizer": "adam",
        "lr_per_256": rate * 256 / batch,
        "batch": batch,
        "weight_decay": 0.0,
        "warmup_epochs": 0,
    }


# papers that state steps have as many on any corpus: an epoch is that of ASG's AudioSet
_epoch = {"clips_per_epoch": 1_793_632}
_slices = {"encoder": "audio2vec", "frontend": MEL, "frames": 96} | _epoch
_slices |= {"epochs": 214}  # 1.5 M steps
PAPER = recipes(
    {
        "COLA": _adam(1e-3, 128)  # length of training not given
        | {"encoder": "efficientnet_b0", "frontend": MEL, "frames": 96},
        "BYOL-A": _adam(3e-4, 256)
        | {"encoder": "byol_a", "frontend": MEL, "frames": 96, "epochs": 100},
        "CPC": _adam(1e-4, 256)  # 400,000 steps of 10 s
        | {"encoder": "cpc", "frames": 1_000, "epochs": 57, **_epoch},
        "Audio2Vec": _adam(1e-3, 256) | _slices,
        "slow": _adam(1e-4, 256) | _slices,
    }
)
PAPER["MultiHead"] |= {  # the sets that it is tested on (D48)
    "corpus": "speech_commands_v2+spoken_language+librispeech+musan+tut2018+birds2018"
}


def few_steps(frames: int, cpc_encoder: str, cpc_frames: int, batch: int, scenes: str) -> dict:
    """The recipes of a small study: one rate and schedule for all, small networks (D52)."""
    common = _adam(1e-3, batch)
    mel = common | {"frontend": MEL, "frames": frames}
    slices = mel | {"encoder": "audio2vec"}
    families = {
        "COLA": mel,
        "BYOL-A": mel,
        # in bf16 its loss was once nan on a CPU; the reason was not found (D8)
        "CPC": common | {"encoder": cpc_encoder, "frames": cpc_frames, "precision": "fp32"},
        "Audio2Vec": slices,
        "slow": slices,
    }
    return recipes(families, {"corpus": scenes})


SMALL_SETTINGS = {  # of methods, by file
    "cola": {"similarity_deviation": 0.01},  # D42
    "byol_a": {"head": (256, 64), "memory": 256},
}
