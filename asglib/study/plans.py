"""Which runs each table needs (paper section 3): lists of Evaluation made from a profile."""

from __future__ import annotations

from dataclasses import replace

from asglib.config import SENSITIVITY, SETTINGS, Evaluation, Frontend, Pretraining
from asglib.methods import METHODS
from asglib.methods.contract import change
from asglib.study.profiles import ABLATION, Profile

# in every table: a linear classifier without an encoder, and one with random weights
CONTROLS = ("spectrogram", "untrained")


def front_end(profile: Profile, mel: bool) -> Frontend:
    """The profile's front end, linear or mel (table 5)."""
    linear = profile.pretraining.frontend
    return replace(linear, n_mels=profile.n_mels) if mel else linear


def pretraining(
    profile: Profile, method: str, seed: int, mel: bool = False, corpus: str | None = None
) -> Pretraining:
    """The profile's pretraining of one method: its settings, and what the profile changes."""
    settings = METHODS[method]
    room = type(settings).__module__.rpartition(".")[2]
    recipe = dict(profile.recipes.get(method, {}))
    if method.startswith("untrained"):
        recipe |= {"epochs": 0, "warmup_epochs": 0}
    shared = {
        "method": method,
        "settings": change(settings, **profile.settings.get(room, {})),
        "seed": seed,
        "frontend": front_end(profile, mel),
        "corpus": corpus or profile.pretraining.corpus,
    }
    return replace(profile.pretraining, **(shared | recipe))


def evaluations(
    profile: Profile,
    method: str,
    tasks: tuple[str, ...],
    setting: str = "frozen",
    mel: bool = False,
    corpus: str | None = None,
) -> list[Evaluation]:
    """One method on `tasks` ("set/task") for every seed; method "spectrogram": no encoder."""
    training = profile.fine_tuning if setting == "fine-tuned" else profile.frozen
    found = []
    for seed in profile.seeds:
        pre, frontend = None, front_end(profile, mel)
        if method != "spectrogram":
            pre = pretraining(profile, method, seed, mel, corpus)
            frontend = pre.frontend
        found += [
            Evaluation(pre, *task.split("/"), setting, training, seed, frontend) for task in tasks
        ]
    return found


def controls(
    profile: Profile, tasks: tuple[str, ...], tuned: tuple[str, ...] = (), mel: bool = False
) -> list[Evaluation]:
    """CONTROLS frozen on `tasks`, and training from scratch on those in `tuned`."""
    frozen = [e for method in CONTROLS for e in evaluations(profile, method, tasks, mel=mel)]
    return frozen + evaluations(profile, "untrained", tuned, "fine-tuned", mel)


def ablation(profile: Profile) -> list[Evaluation]:
    """Table 4, with ASG beside the single moves; this table has the profile's further seeds too."""
    profile = replace(profile, seeds=profile.seeds + profile.more_seeds)
    return [
        *controls(profile, profile.tasks),
        *(e for method in ABLATION for e in evaluations(profile, method, profile.tasks)),
    ]


def spectrogram_type(profile: Profile) -> list[Evaluation]:
    """Table 5: linear and mel, with and without ASG, frozen and fine-tuned."""
    found = []
    for mel in (False, True):
        found += controls(profile, profile.tasks, profile.fine_tuned_tasks, mel)
        for method in ("NONE", "ASG"):
            found += evaluations(profile, method, profile.tasks, mel=mel)
            found += evaluations(profile, method, profile.fine_tuned_tasks, "fine-tuned", mel)
    return found


def pretraining_data(profile: Profile) -> list[Evaluation]:
    """Table 6: two corpora, each supervised, without and with ASG; and from scratch (3.5)."""
    pretrained = [
        e
        for corpus in profile.corpora
        for method in ("Sup.", "NONE", "ASG")
        for setting in SETTINGS
        for e in evaluations(profile, method, profile.corpora_tasks, setting, corpus=corpus)
    ]
    return controls(profile, profile.corpora_tasks, profile.corpora_tasks) + pretrained


def evaluation(profile: Profile) -> list[Evaluation]:
    """Tables 2 and 3: ASG beside the controls, NONE and the supervised model."""
    found = controls(profile, profile.evaluation_tasks, profile.fine_tuned_tasks)
    for method in ("NONE", "Sup.", "ASG"):
        found += evaluations(profile, method, profile.evaluation_tasks)
        found += evaluations(profile, method, profile.fine_tuned_tasks, "fine-tuned")
    return found


def compared(profile: Profile) -> list[Evaluation]:
    """Every system of the compared papers, with the control of its encoder, frozen.

    One seed where the profile is no evidence.
    """
    profile = profile if profile.evidence else replace(profile, seeds=profile.seeds[:1])
    methods = [*(name for name in METHODS if name not in ("Sup.", *ABLATION)), "NONE", "ASG"]
    return [e for m in methods for e in evaluations(profile, m, profile.evaluation_tasks)]


def shown_encoders(profile: Profile) -> list[Evaluation]:
    """The encoders that are looked into themselves: untrained, NONE and ASG of the first seed."""
    methods = ("untrained", "NONE", "ASG")
    profile = replace(profile, seeds=profile.seeds[:1])
    return [e for m in methods for e in evaluations(profile, m, profile.evaluation_tasks)]


def sensitivity(profile: Profile) -> list[Evaluation]:
    """What the encoders of table 4 notice of a move, on clips of their own corpus."""
    profile = replace(profile, seeds=profile.seeds + profile.more_seeds)
    measured = (f"{profile.pretraining.corpus}/",)  # no task
    methods = ("untrained", *ABLATION)
    return [e for m in methods for e in evaluations(profile, m, measured, SENSITIVITY)]


def everything(profile: Profile) -> list[Evaluation]:
    """Every evaluation of the study, each once, in the order of the notebooks."""
    return list(dict.fromkeys(e for plan in TABLES for e in plan(profile)))


TABLES = (ablation, sensitivity, spectrogram_type, pretraining_data, evaluation)
PLANS = {  # what a notebook opens by name
    "encoders": shown_encoders,
    "table 4": lambda profile: ablation(profile) + sensitivity(profile),
    "table 5": spectrogram_type,
    "table 6": pretraining_data,
    "tables 2 and 3": evaluation,
    "all": everything,
}
