"""Which runs each table needs (paper section 3): lists of Evaluation made from a profile."""

from __future__ import annotations

from dataclasses import replace

from asglib.config import ABLATION, SETTINGS, Evaluation, Pretraining, Profile


def pretraining(profile: Profile, method: str, seed: int, mel: bool = False, corpus: str | None = None) -> Pretraining:
    """The profile's pretraining of one method; Sup. and untrained differ from the others as section 3.4 says."""
    base = profile.supervised if method == "Sup." and profile.supervised else profile.pretraining
    frontend = replace(base.frontend, n_mels=profile.n_mels) if mel else base.frontend
    run = replace(base, seed=seed, frontend=frontend, corpus=corpus or base.corpus)
    if method == "untrained":
        return replace(run, method=method, warmup_epochs=0, epochs=0)
    return replace(run, method=method)


def evaluations(profile: Profile, method: str, tasks: tuple[str, ...], setting: str = "frozen", mel: bool = False,
                corpus: str | None = None, seeds: tuple[int, ...] | None = None) -> list[Evaluation]:
    """One method on `tasks` ("set/task") for every seed; method "spectrogram" is the control without an encoder."""
    training = profile.frozen if setting == "frozen" else profile.fine_tuning
    found = []
    for seed in profile.seeds if seeds is None else seeds:
        run = None if method == "spectrogram" else pretraining(profile, method, seed, mel, corpus)
        frontend = run.frontend if run else profile.pretraining.frontend
        found += [Evaluation(run, *task.split("/"), setting, training, seed, frontend) for task in tasks]
    return found


def ablation(profile: Profile) -> list[Evaluation]:
    """Table 4, with ASG beside the single moves."""
    return [e for method in ABLATION for e in evaluations(profile, method, profile.tasks)]


def spectrogram_type(profile: Profile) -> list[Evaluation]:
    """Table 5: linear and mel, with and without ASG, frozen and fine-tuned."""
    return [e for mel in (False, True) for method in ("NONE", "ASG")
            for setting, tasks in (("frozen", profile.tasks), ("fine-tuned", profile.fine_tuned_tasks))
            for e in evaluations(profile, method, tasks, setting, mel)]


def pretraining_data(profile: Profile) -> list[Evaluation]:
    """Table 6: two pretraining corpora, each supervised, without and with ASG; and training from scratch (3.5)."""
    pretrained = [e for corpus in profile.corpora for method in ("Sup.", "NONE", "ASG") for setting in SETTINGS
                  for e in evaluations(profile, method, profile.corpora_tasks, setting, corpus=corpus)]
    return pretrained + evaluations(profile, "untrained", profile.corpora_tasks, "fine-tuned")


def evaluation(profile: Profile) -> list[Evaluation]:
    """Tables 2 and 3: ASG beside the spectrogram, the untrained encoder, NONE and the supervised model."""
    frozen = [e for method in ("spectrogram", "untrained", "NONE", "Sup.", "ASG")
              for e in evaluations(profile, method, profile.evaluation_tasks)]
    tuned = [e for method in ("untrained", "NONE", "Sup.", "ASG")
             for e in evaluations(profile, method, profile.fine_tuned_tasks, "fine-tuned")]
    return frozen + tuned


PLANS = {"05": ablation, "06": spectrogram_type, "07": pretraining_data, "08": evaluation}


def everything(profile: Profile) -> list[Evaluation]:
    """Every evaluation of the study, each once, in the order of the notebooks."""
    return list(dict.fromkeys(e for plan in PLANS.values() for e in plan(profile)))
