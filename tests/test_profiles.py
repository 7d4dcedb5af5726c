"""Profiles: values by name, the paper's own among them, and plans whose runs can be compared."""

from dataclasses import replace

import pytest

from asglib.config import SENSITIVITY, SETTINGS, ConfigError
from asglib.methods import METHODS, asg
from asglib.study import plans, systems
from asglib.study.profiles import (
    ABLATION,
    PAPER,
    PROFILES,
    REHEARSAL,
    SMALL,
    SMOKE,
    TWICE,
    profile,
)

EVERY = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)


def method(e):
    """Its name in the tables."""
    return e.pretraining.method if e.pretraining else "spectrogram"


def trained(found):
    """Those whose encoder was trained."""
    return [e for e in found if e.pretraining and e.pretraining.epochs]


def test_a_profile_is_a_value():
    assert [profile(name) for name in ("smoke", "small", "paper")] == [SMOKE, SMALL, PAPER]
    assert all(profile(name).name == name for name in PROFILES)
    without = [name for name, each in PROFILES.items() if not each.evidence]
    assert without == ["smoke", "rehearsal"]
    assert [name for name, each in PROFILES.items() if not each.differs] == ["paper"]


def test_the_first_screen_says_what_a_profile_is_worth():
    assert PAPER.standing == "The paper's own configuration."
    assert SMALL.standing.startswith("What differs from the paper: a pool of open sounds")
    assert SMOKE.standing.startswith("**No evidence for the paper's claims.** What differs")


@EVERY
def test_all_systems_of_a_profile_learn_from_one_corpus_but_for_what_must_not(profile):
    """In smoke the clips are too short for some; MultiHead learns the sets that its paper tests on
    (D48); table 6 has two corpora."""
    main = profile.pretraining.corpus
    assert main == profile.corpora[0] or profile.name == "smoke"
    elsewhere = {name for name, one in profile.recipes.items() if one.get("corpus", main) != main}
    own = {"smoke": set(systems.SLICED), "paper": {"MultiHead"}, "rehearsal": {"MultiHead"}}
    assert elsewhere == own.get(profile.name, set())
    if profile.name == "paper":
        sets = [task.split("/")[0] for task in profile.tasks_of("audio2vec")]
        assert profile.recipes["MultiHead"]["corpus"] == "+".join(sets)


def test_a_rehearsal_is_two_steps_of_three_seconds_and_the_papers_runs_otherwise():
    """CPC's ten seconds took it more than half of the time."""
    for name in METHODS:
        short, whole = (plans.pretraining(each, name, 0) for each in (REHEARSAL, PAPER))
        assert short.frames == min(whole.frames, 300) and short.encoder == whole.encoder
        assert short.clips_per_epoch // short.batch == 2 and short.epochs <= 1 + (name == TWICE)
    assert plans.pretraining(PAPER, "CPC", 0).frames == 1_000


def test_adamw_has_a_rate_that_does_not_grow_with_the_batch():
    """D53: 0.02 told hardly half of what 0.005 did."""
    for name in ("smoke", "small", "small-gpu"):
        run = plans.pretraining(PROFILES[name], "Sup.", 0)
        assert run.optimizer == "adamw" and run.lr <= 0.005


def test_other_seeds_are_asked_for_by_name():
    few = profile("small:3,1")
    assert few == replace(SMALL, seeds=(3, 1), more_seeds=(), embedded_seeds=())
    with pytest.raises(ConfigError, match="profile 'big' is unknown; use smoke, small, .*paper"):
        profile("big")
    with pytest.raises(ConfigError, match="seeds '0,x': give them as 0,1,2."):
        profile("small:0,x")
    with pytest.raises(ConfigError, match="seeds '1,2,1': give each once."):
        profile("small:1,2,1")


def test_the_papers_profile_is_its_tables():
    """Section 3.2 to 3.5; the supervised model of 3.4 trains at 0.4 on batches of 1,024."""
    assert PAPER.pretraining.settings == asg.Settings() and PAPER.corpora == (
        "audioset",
        "vggsound",
    )
    supervised = plans.pretraining(PAPER, "Sup.", 0)
    assert (supervised.batch, supervised.warmup_epochs) == (1024, 0)
    assert supervised.lr == pytest.approx(0.4) and supervised.optimizer == "lars"
    assert len(PAPER.tasks) == 5 and PAPER.n_mels == 64
    frozen, tuned = PAPER.frozen, PAPER.fine_tuning
    assert (frozen.epochs, frozen.drop_epoch, tuned.epochs, tuned.drop_epoch) == (100, 50, 50, 25)
    assert (frozen.lr, frozen.batch) == (tuned.lr, tuned.batch) == (1e-3, 64)


@EVERY
def test_compared_runs_differ_in_their_method_only(profile):
    """In the ablation the same seeds, data and training for every method."""
    planned = trained(plans.ablation(profile))
    found = [e for e in planned if method(e) != TWICE]
    seeds = profile.seeds + profile.more_seeds
    assert len(found) == 6 * len(seeds) * len(profile.tasks) == len(set(found))
    none = METHODS["NONE"]
    kinds = {
        replace(e, pretraining=replace(e.pretraining, method="NONE", settings=none)) for e in found
    }
    assert len(kinds) == len(found) / 6
    differing = {replace(e.pretraining.settings, moves=()) for e in found}
    assert len(differing) == 1  # but for the moves
    assert {method(e) for e in planned} == {*ABLATION, TWICE} and len(planned) == 7 * len(found) / 6
    assert {e.setting for e in found} == {"frozen"} and {e.seed for e in found} == set(seeds)
    assert all(e.seed == e.pretraining.seed for e in found)


@EVERY
def test_none_at_equal_work_is_none_for_twice_the_epochs(profile):
    """As many spectrograms as ASG encodes, which has two more for each clip."""
    twice, none, asg = (plans.pretraining(profile, m, 1) for m in (TWICE, "NONE", "ASG"))
    assert twice == replace(none, method=TWICE, epochs=2 * none.epochs)
    assert twice.epochs * twice.settings.views == asg.epochs * asg.settings.views


@EVERY
def test_every_plan_can_be_made(profile):
    everything = plans.everything(profile)
    assert len(everything) == len(set(everything)) > 100
    assert set(everything) == {e for plan in plans.PLANS.values() for e in plan(profile)}
    untrained = [e for e in everything if method(e).startswith("untrained")]
    assert untrained and not trained(untrained)
    for name in ("table 4", "table 5", "table 6", "tables 2 and 3"):
        frozen = {method(e) for e in plans.PLANS[name](profile) if e.setting == "frozen"}
        assert set(plans.CONTROLS) < frozen, "the same controls in every table"
    evaluated = {method(e) for e in plans.evaluation(profile)}
    assert evaluated == {"spectrogram", "untrained", "NONE", "Sup.", "ASG"}


@EVERY
def test_table_5_is_half_mel_and_table_6_is_of_two_corpora(profile):
    found = plans.spectrogram_type(profile)
    mel = [e for e in found if e.frontend.n_mels]
    assert len(mel) * 2 == len(found) and {e.frontend.name for e in mel} == {"mel"}
    found = trained(plans.pretraining_data(profile))
    assert {e.pretraining.corpus for e in found} == set(profile.corpora)
    assert {e.setting for e in found} == set(SETTINGS)


@EVERY
def test_sensitivity_is_measured_of_the_ablations_encoders(profile):
    """On clips of their own corpus; the untrained one beside them."""
    found = plans.sensitivity(profile)
    assert {e.setting for e in found} == {SENSITIVITY} and {e.task for e in found} == {""}
    ablated = [e for e in trained(plans.ablation(profile)) if method(e) != TWICE]
    encoders = {e.pretraining for e in ablated}
    assert {e.pretraining for e in trained(found)} == encoders
    assert {method(e) for e in found} == {"untrained", *ABLATION}
    assert {e.data_set for e in found} == {profile.pretraining.corpus}


@EVERY
def test_every_table_has_all_seeds_of_table_4_for_asg_and_none_frozen(profile):
    """On every front end and corpus, the controls too; Sup. and what is fine-tuned have few."""
    seeds = set(profile.seeds), set(profile.seeds + profile.more_seeds)
    parted = {plans.spectrogram_type: "frontend", plans.pretraining_data: "corpus"}
    for plan, part in (parted | {plans.evaluation: "encoder"}).items():
        planned = plan(profile)
        assert len(planned) == len(set(planned))
        groups = {}
        for e in planned:
            which = e.frontend.name if part == "frontend" else getattr(e.pretraining, part, None)
            groups.setdefault((which, method(e), e.setting), set()).add(e.seed)
        assert len({which for which, *_ in groups if which}) >= 1 + (plan in parted)
        for (_, name, setting), found in groups.items():
            main = name in (*plans.MAIN, *plans.CONTROLS) and setting == "frozen"
            assert found == seeds[main], (name, setting)
