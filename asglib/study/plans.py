"""Which runs each table needs (paper section 3): lists of Evaluation made from a profile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from asglib.config import SENSITIVITY, SETTINGS, Evaluation, Frontend, Pretraining, kept
from asglib.methods import METHODS
from asglib.methods.contract import change
from asglib.study import systems
from asglib.study.profiles import ABLATION, SMOKE, TWICE, Profile

# in every table: a linear classifier without an encoder, and one with random weights
CONTROLS = ("spectrogram", "untrained")
MAIN = ("NONE", "ASG")
EMBEDDED = SMOKE.pretraining.corpus
PAPERS = {"cpc": "cpc", "cola": "augmented", "audio2vec": "audio2vec"}  # plans of compared papers


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
    if method == TWICE:
        recipe |= {"epochs": 2 * profile.pretraining.epochs}
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
    paper: str = "",
    variant: systems.Variant | None = None,
) -> list[Evaluation]:
    """One method on `tasks` ("set/task") for every seed; method "spectrogram": no encoder.

    For the report of a compared `paper` in that paper's way, where the profile has it.
    """
    variant = variant or systems.Variant(())
    found = []
    for seed in profile.seeds:
        pre, frontend = None, front_end(profile, mel)
        if method != "spectrogram":
            pre = pretraining(profile, method, seed, mel, corpus)
            pre = replace(pre, **variant.pretraining)
            frontend = pre.frontend
        found += [
            Evaluation(
                pre,
                *task.split("/"),
                setting,
                profile.downstream(task, setting, paper, variant.training),
                seed,
                frontend,
            )
            for task in tasks
        ]
    return found


def controls(
    profile: Profile, tasks: tuple[str, ...], tuned: tuple[str, ...] = (), mel: bool = False
) -> list[Evaluation]:
    """CONTROLS frozen on `tasks`, by all seeds, and training from scratch on those in `tuned`."""
    every = _all_seeds(profile)
    frozen = [e for method in CONTROLS for e in evaluations(every, method, tasks, mel=mel)]
    return frozen + evaluations(profile, "untrained", tuned, "fine-tuned", mel)


def ablation(profile: Profile) -> list[Evaluation]:
    """Table 4 with ASG, and NONE at ASG's work (D57), for the profile's further seeds too."""
    every = _all_seeds(profile)
    methods = (*ABLATION, TWICE)
    found = [e for method in methods for e in evaluations(every, method, profile.tasks)]
    return controls(profile, profile.tasks) + found


def spectrogram_type(profile: Profile) -> list[Evaluation]:
    """Table 5: linear and mel, with and without ASG, frozen (by all seeds, D66) and fine-tuned."""
    found, every = [], _all_seeds(profile)
    for mel in (False, True):
        found += controls(profile, profile.tasks, profile.fine_tuned_tasks, mel)
        for method in MAIN:
            found += evaluations(every, method, profile.tasks, mel=mel)
            found += evaluations(profile, method, profile.fine_tuned_tasks, "fine-tuned", mel)
    return found


def pretraining_data(profile: Profile) -> list[Evaluation]:
    """Table 6: two corpora, each supervised, without and with ASG (these frozen by all seeds, D66);
    and from scratch (3.5)."""
    found = controls(profile, profile.corpora_tasks, profile.corpora_tasks)
    for corpus in profile.corpora:
        for method in ("Sup.", *MAIN):
            for setting in SETTINGS:
                main = method in MAIN and setting == "frozen"
                seeds = _all_seeds(profile) if main else profile
                found += evaluations(seeds, method, profile.corpora_tasks, setting, corpus=corpus)
    return found


def evaluation(profile: Profile) -> list[Evaluation]:
    """Tables 2 and 3: controls, NONE and ASG (frozen by all seeds, D66), the supervised model."""
    found = controls(profile, profile.evaluation_tasks, profile.fine_tuned_tasks)
    for method in ("NONE", "Sup.", "ASG"):
        seeds = _all_seeds(profile) if method in MAIN else profile
        found += evaluations(seeds, method, profile.evaluation_tasks)
        found += evaluations(profile, method, profile.fine_tuned_tasks, "fine-tuned")
    return found


def compared(profile: Profile, paper: str, tuned: tuple[str, ...] = ()) -> list[Evaluation]:
    """One paper's systems beside the controls, NONE, ASG and those of other papers that its claims
    name, frozen; those in `tuned` fine-tuned too; and the variants that the profile has of them.

    The controls of their encoders have random weights. Fine-tuned, they are training from scratch.
    """
    profile = _few_seeds(profile)
    own, tasks = profile.compared[paper], profile.tasks_of(paper)
    others = (*systems.NAMED.get(paper, ()), "NONE", "ASG")
    methods = dict.fromkeys([*CONTROLS, *systems.controls(own), *own, *others])
    found = [e for method in methods for e in evaluations(profile, method, tasks, paper=paper)]
    for one in profile.variants.get(paper, {}).values():
        tasks = one.tasks or profile.tasks_of(paper, one.setting)
        for method in one.methods:
            found += evaluations(profile, method, tasks, one.setting, paper=paper, variant=one)
    tasks = profile.tasks_of(paper, "fine-tuned")
    for method in (*systems.controls(tuned or own), *tuned):
        found += evaluations(profile, method, tasks, "fine-tuned", paper=paper)
    return found


def augmented(profile: Profile) -> list[Evaluation]:
    """The systems of augmented contrastive learning; its tables have both settings."""
    tuned = [name for name in profile.compared["augmented"] if name.startswith("COLA")]
    return compared(profile, "augmented", tuple(tuned))


def all_systems(profile: Profile) -> list[Evaluation]:
    """One system of each kind, ours and the compared ones, frozen, with the controls."""
    profile = _few_seeds(profile)
    own = systems.controls(systems.SYSTEMS)
    methods = [*CONTROLS, *own, *systems.SYSTEMS, "NONE", "ASG"]
    return [e for m in methods for e in evaluations(profile, m, profile.evaluation_tasks)]


def _all_seeds(profile: Profile) -> Profile:
    return replace(profile, seeds=profile.seeds + profile.more_seeds)


def _few_seeds(profile: Profile) -> Profile:
    return replace(profile, seeds=profile.seeds[: profile.compared_seeds])


def shown_encoders(profile: Profile) -> list[Evaluation]:
    """The encoders that are looked into themselves: untrained, NONE and ASG of the first seed."""
    methods = ("untrained", "NONE", "ASG")
    profile = replace(profile, seeds=profile.seeds[:1])
    scored = [e for m in methods for e in evaluations(profile, m, profile.evaluation_tasks)]
    return scored + measured(profile, methods)


def lengths(profile: Profile) -> list[Evaluation]:
    """NONE and ASG after 1, 2, 4 ... epochs and at the end: the runs of table 4 on their way."""
    ends = [e for m in ("NONE", "ASG") for e in evaluations(profile, m, profile.tasks)]
    return [replace(e, after=n) for e in ends for n in (*kept(e.pretraining.epochs), None)]


def by_work(profile: Profile) -> list[Evaluation]:
    """NONE on its way, at its end and for twice the epochs: what every system's work is set beside
    (D67)."""
    profile = _few_seeds(profile)
    ends = evaluations(profile, "NONE", profile.tasks)
    on_its_way = [replace(e, after=n) for e in ends for n in kept(e.pretraining.epochs)]
    return on_its_way + ends + evaluations(profile, TWICE, profile.tasks)


def sensitivity(profile: Profile) -> list[Evaluation]:
    """What the encoders of table 4 notice of a move."""
    return measured(_all_seeds(profile), ("untrained", *ABLATION))


def measured(profile: Profile, methods: Iterable[str]) -> list[Evaluation]:
    """What encoders notice of a move, on clips of their own corpus."""
    corpus = (f"{profile.pretraining.corpus}/",)  # no task
    return [e for m in methods for e in evaluations(profile, m, corpus, SENSITIVITY)]


def embedded_corpus(profile: Profile) -> list[Evaluation]:
    """NONE, NONE x2 and ASG's moves, each alone, in `smoke`'s way on its corpus, which predictions
    of section 2.2 are about; by the profile's seeds for it (D70)."""
    if profile.pretraining.corpus != EMBEDDED:
        profile = replace(SMOKE, seeds=profile.embedded_seeds)
    methods = ("NONE", TWICE, *METHODS["ASG"].moves)
    return [e for m in methods for e in evaluations(profile, m, profile.tasks)]


def everything(profile: Profile) -> list[Evaluation]:
    """Every evaluation of the study, each once, in the order of the notebooks."""
    return list(dict.fromkeys([*claimed(profile), *embedded_corpus(profile)]))


def claimed(profile: Profile) -> list[Evaluation]:
    """Those that the papers' claims are judged on: all but the embedded corpus of a profile that
    has other data."""
    tables = (plan for name, plan in PLANS.items() if name not in ("all", "embedded corpus"))
    return list(dict.fromkeys(e for plan in tables for e in plan(profile)))


PLANS = {  # what a notebook opens by name
    "encoders": shown_encoders,
    "table 4": lambda profile: ablation(profile) + sensitivity(profile),
    "lengths": lengths,
    "embedded corpus": embedded_corpus,
    "table 5": spectrogram_type,
    "table 6": pretraining_data,
    "tables 2 and 3": evaluation,
    "cpc": lambda profile: compared(profile, "cpc"),
    "cola": augmented,
    "audio2vec": lambda profile: compared(profile, "audio2vec"),
    "systems": all_systems,
    "equal work": by_work,
    "all": claimed,
}
