"""Plans: each paper's systems beside the controls, in every profile."""

import re
from dataclasses import replace
from itertools import product

import pytest

from asglib import encoder
from asglib.config import FINE_TUNING, Downstream
from asglib.methods import METHODS
from asglib.study import plans, rows, systems
from asglib.study.paper import read
from asglib.study.profiles import PAPER, PROFILES, SMALL, SMOKE

CONTROL = {  # of random weights, each with a paper's own network and input
    "cpc": ["untrained CPC"],
    "augmented": ["untrained COLA", "untrained BYOL-A"],
    "audio2vec": ["untrained A2V"],
}
NAMES = {"cpc": "cpc", "augmented": "cola", "audio2vec": "audio2vec"}


def methods(plan, profile, setting="frozen"):
    found = [e for e in plans.PLANS[plan](profile) if e.setting == setting]
    return {e.pretraining.method if e.pretraining else "spectrogram" for e in found}


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_the_plan_of_a_paper_has_its_systems_and_the_controls(profile):
    for paper, plan in NAMES.items():
        shared = {*plans.CONTROLS, *CONTROL[paper], "NONE", "ASG"}
        others = systems.NAMED.get(paper, ())
        assert methods(plan, profile) == shared | {*profile.compared[paper], *others}
    beyond = {name for names in CONTROL.values() for name in names} | set(systems.SYSTEMS)
    assert methods("systems", profile) == {*plans.CONTROLS, "NONE", "ASG"} | beyond
    every = set(plans.everything(profile))
    for plan in plans.PLANS.values():
        assert every.issuperset(plan(profile))


def test_every_method_is_in_a_plan_where_there_is_time():
    papers = {name for paper in systems.COMPARED.values() for name in paper}
    tables = methods("table 4", SMALL) | methods("table 6", SMALL)
    controls = {name for names in CONTROL.values() for name in names}
    assert papers | tables | controls == {*METHODS, "spectrogram"}


def test_fine_tuning_is_planned_where_a_paper_does_it():
    tuned = methods("cola", SMALL, "fine-tuned")
    assert tuned == {"untrained COLA"} | {name for name in METHODS if name.startswith("COLA")}
    # SG: its last layers alone
    assert methods("audio2vec", SMALL, "fine-tuned") == {"untrained A2V", "SG"}


def test_folded_tasks_are_tested_by_all_folds_when_frozen_and_by_one_part_when_fine_tuned():
    frozen = plans.evaluations(SMALL, "ASG", SMALL.tasks)
    folded = {f"{e.data_set}/{e.task}" for e in frozen if e.training.folds}
    assert folded == {"esc50/sound", "ravdess/emotion"}
    tuned = plans.evaluations(SMALL, "ASG", ("esc50/sound",), "fine-tuned")
    assert {e.training for e in tuned} == {SMALL.fine_tuning}
    assert not any(e.training.folds for e in plans.everything(PROFILES["paper"]))


def test_one_seed_and_few_systems_in_smoke():
    for plan in (*NAMES.values(), "systems"):
        assert {e.seed for e in plans.PLANS[plan](SMOKE)} == {0}
        assert {e.seed for e in plans.PLANS[plan](SMALL)} == {0, 1, 2}
        other = replace(SMOKE, seeds=(5, 6))
        assert {e.seed for e in plans.PLANS[plan](other)} == {5}
    runs = {e.pretraining for name in NAMES.values() for e in plans.PLANS[name](SMOKE)}
    assert len({run.method for run in runs if run} - {"untrained", "NONE", "ASG"}) == 16


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_an_untrained_control_learns_nothing_and_has_its_systems_network_and_input(profile):
    for paper, names in CONTROL.items():
        assert list(systems.controls(systems.COMPARED[paper])) == names
        for method in systems.COMPARED[paper]:
            own, control = (
                plans.pretraining(profile, name, 0) for name in (method, systems.control(method))
            )
            assert (control.epochs, own.epochs > 0) == (0, True)
            for part in ("encoder", "frontend", "frames", "corpus"):
                alike = getattr(own, part) == getattr(control, part)
                assert alike or part == "corpus" and method in (*systems.SLICED, "MultiHead")
    assert systems.control("ASG") == systems.control("Sup.") == "untrained"


@pytest.mark.parametrize("method", [name for name in METHODS if name not in systems.SLICED])
def test_a_system_is_found_as_its_records_name_it(method):
    made = plans.pretraining(SMOKE, method, 0)
    waves = encoder.build(made.encoder, made.frontend).takes_waves
    expected = {"method": method, "encoder": made.encoder, "corpus": "toy"}
    assert rows.system(SMOKE, method) == expected | {
        "frontend": "waves" if waves else made.frontend.name
    }


def test_what_needs_seconds_of_sound_says_on_what_it_was_trained():
    elsewhere = {name: {**SMALL.recipes[name], "corpus": "esc50"} for name in systems.SLICED}
    profile = replace(SMALL, recipes=SMALL.recipes | elsewhere)
    labels = list(rows.systems_of(profile, "audio2vec"))
    sliced = [f"{name}, esc50" for name in systems.SLICED]
    assert labels[:3] == ["spectrogram", "untrained", "untrained A2V"] and set(sliced) < set(labels)
    assert "Triplet" in labels and labels[-2:] == ["NONE", "ASG"]


@pytest.mark.parametrize("name", NAMES)
def test_a_papers_plan_has_every_system_that_its_claims_name(name):
    """On both sides; the page that opens this plan judges these claims."""
    planned = plans.PLANS[NAMES[name]](PROFILES["paper"])
    there = {e.pretraining.method if e.pretraining else "spectrogram" for e in planned}
    claims = read(name).claims
    sides = ";".join([*claims["ours_minuend"], *claims["ours_subtrahend"]])
    asked = {one.split("@")[0] for one in re.split("; ?| - ", sides) if one}
    assert len(asked) > 3 and asked <= there, asked - there


def test_a_compared_paper_is_evaluated_on_its_own_tasks_at_the_papers_size():
    """Every set that a claim names is one on which the claim's systems are evaluated."""
    others = {"", "pretext", "*", "audioset10"}  # no sets, or one that is not made
    for name, plan in NAMES.items():
        planned = plans.PLANS[plan](PROFILES["paper"])
        for claim in read(name).claims.itertuples():
            scopes = claim.ours_scope.replace("|", ";").split(";")
            asked = {scope.split("/")[0] for scope in scopes} - others
            first = claim.ours_minuend.split(";")[0].split("@")[0]
            there = {e.data_set for e in planned if e.pretraining and e.pretraining.method == first}
            assert asked <= there or not first, (claim.id, asked - there)
    asked = {f"{e.data_set}/{e.task}" for e in plans.PLANS["cpc"](SMALL)}
    assert asked == set(SMALL.tasks) == set(SMALL.tasks_of("cpc"))


def test_a_compared_paper_is_evaluated_in_its_own_way_at_the_papers_size_alone():
    """CPC 3.2: a hidden layer of 512 on AudioSet; Audio2Vec 4: 0.96 s, half overlapping."""
    plain = Downstream()
    found = {
        name: {(f"{e.data_set}/{e.task}", e.setting): e.training for e in plans.PLANS[name](PAPER)}
        for name in ("cpc", "cola", "audio2vec", "systems")
    }
    assert found["cpc"]["audioset/events", "frozen"] == replace(plain, hidden=512)
    assert found["cpc"]["dcase2013/scene", "frozen"] == plain
    assert set(found["cola"].values()) == {plain, FINE_TUNING}
    half = {"max_frames": 96, "overlap": 0.5, "aggregate": "naive Bayes"}
    usual = [e for e in plans.PLANS["audio2vec"](PAPER) if not (e.training.hidden or last(e))]
    assert {e.training for e in usual} == {replace(plain, **half), replace(FINE_TUNING, **half)}
    assert set(found["systems"].values()) == {plain}
    assert {e.training for e in plans.PLANS["cpc"](SMOKE) if e.setting == "frozen"} == {plain}


def last(e):
    return e.training.last is not None


def test_audio2vecs_systems_have_a_second_corpus_at_the_papers_size_alone():
    """Its table 3: five systems pretrained on LibriSpeech, on the same tasks, in the same way."""
    planned = plans.PLANS["audio2vec"](PAPER)
    mine = [e for e in planned if e.pretraining and e.pretraining.corpus == "librispeech"]
    five = {"CBoW", "SG", "TemporalGap", "Triplet", "AutoEncoder"}
    assert {e.pretraining.method for e in mine} == five
    for e in mine:
        assert replace(e, pretraining=replace(e.pretraining, corpus="audioset")) in planned
    pairs = rows.varied(PAPER, "audio2vec", "LibriSpeech")
    own = {"method": "SG", "frontend": "mel", "encoder": "audio2vec", "corpus": "audioset"}
    second = {"corpus": "librispeech", "variant": "LibriSpeech", "setting": "frozen"}
    assert pairs["SG, LibriSpeech - SG"] == (own | second, own)
    assert len(pairs) == 5
    for profile, paper in ((SMALL, "audio2vec"), (PAPER, "cpc")):
        assert rows.varied(profile, paper, "LibriSpeech") == {}


def test_audio2vecs_tables_4_and_5_and_figure_3_change_one_thing():
    """Four times the channels, a hidden layer, the last layers of SG on two sets; all else is as
    in its table 2, which has CBoW too."""
    planned = plans.PLANS["audio2vec"](PAPER)
    trained = {e for e in planned if e.pretraining and e.pretraining.corpus == "audioset"}
    four = {"SG", "TemporalGap", "Triplet", "AutoEncoder"}
    larger = {e for e in trained if e.pretraining.encoder == "audio2vec-large"}
    assert {e.pretraining.method for e in larger} == four | {"untrained A2V"}
    assert len(larger) == 5 * 6 and {e.setting for e in larger} == {"frozen"}
    small = {"encoder": "audio2vec"}
    assert {replace(e, pretraining=replace(e.pretraining, **small)) for e in larger} < trained
    hidden = {e for e in trained if e.training.hidden}
    assert {(e.pretraining.method, e.training.hidden) for e in hidden} == {(m, 128) for m in four}
    assert {replace(e, training=replace(e.training, hidden=0)) for e in hidden} < trained
    retrained = [e for e in trained if last(e)]
    assert {(e.pretraining.method, e.setting) for e in retrained} == {("SG", "fine-tuned")}
    sets = {"speech_commands_v2", "tut2018"}
    asked = {(e.data_set, e.training.last) for e in retrained}
    assert asked == {(name, n) for name in sets for n in (1, 2, 3)} and len(retrained) == 6


def test_a_row_of_a_table_has_the_name_of_its_variant():
    """A row is a variant's if its encoder, corpus and way of evaluating are; no other is."""
    half = "overlap 0.5, aggregate naive Bayes"
    usual = {"key": "tut2018/scene", "setting": "frozen", "protocol": half}
    usual |= {"encoder": "audio2vec", "corpus": "audioset"}
    name_of, elsewhere = rows.variant_of(PAPER, "audio2vec"), rows.variant_of(PAPER, "")
    expected = {
        "": {},
        "LibriSpeech": {"corpus": "librispeech"},
        "larger": {"encoder": "audio2vec-large"},
        "hidden layer": {"protocol": f"hidden 128, {half}"},
        "last 2": {"protocol": f"{half}, last 2", "setting": "fine-tuned"},
    }
    for name, change in expected.items():
        assert name_of(usual | change) == name
        assert elsewhere(usual | change) is None  # ASG's way is another
    assert elsewhere(usual | {"protocol": ""}) == ""
    assert elsewhere(usual | {"protocol": "", "encoder": "audio2vec-large"}) is None
    assert name_of(usual | {"encoder": "audio2vec-large", "corpus": "librispeech"}) is None
    assert name_of(usual | {"protocol": f"hidden 64, {half}"}) is None


def test_the_steps_that_a_paper_states_are_made_on_any_corpus():
    """Audio2Vec 4: 1.3 to 1.8 million; CPC 3.1: 400,000. LibriSpeech has 22,830 clips."""
    steps = {}
    for plan in ("audio2vec", "cpc"):
        for e in plans.PLANS[plan](PAPER):
            run = e.pretraining
            if (
                run
                and run.epochs
                and run.method in set(systems.COMPARED[plan]) & set(systems.PAPER)
            ):
                made = run.epochs * (run.clips_per_epoch // run.batch)
                steps.setdefault((plan, run.corpus), set()).add(made)
    (slices,) = steps["audio2vec", "audioset"]
    assert steps["audio2vec", "librispeech"] == {slices} and 1.3e6 < slices < 1.8e6
    (made,) = steps["cpc", "audioset"]
    assert made == pytest.approx(400_000, rel=0.01)


def test_what_is_retrained_goes_from_nothing_to_everything():
    steps = rows.retrained(SMALL, "audio2vec")
    assert list(steps) == [
        "SG, none",
        "SG, last 1",
        "SG, last 2",
        "SG, last 3",
        "all, from scratch",
    ]
    assert "variant" not in steps["SG, none"] and steps["SG, last 3"]["variant"] == "last 3"
    assert steps["all, from scratch"]["method"] == "untrained A2V"
    assert {how.get("setting", "frozen") for how in list(steps.values())[1:]} == {"fine-tuned"}
    assert rows.retrained(SMALL, "cpc") == {}


def test_a_variants_pretraining_is_not_counted_among_the_systems():
    plain = {"method": "SG", "encoder": "audio2vec", "corpus": "audioset"}
    others = [plain | {"encoder": "audio2vec-large"}, plain | {"corpus": "librispeech"}]
    assert rows.usual(PAPER, "audio2vec", [*others, plain]) == [plain]
    assert rows.usual(PAPER, "cpc", others) == others


def test_the_embedded_corpus_has_seeds_of_its_own_in_small_and_no_part_in_the_claims():
    """D70: NONE, NONE x2, FT, FF and SF as in `smoke`, by 33 seeds that it has never shown."""
    own = plans.PLANS["embedded corpus"](SMALL)
    made = {e.pretraining for e in own}
    assert {(e.method, e.seed) for e in made} == set(
        product(("NONE", "NONE x2", "FT", "FF", "SF"), range(3, 36))
    )
    assert {f"{e.data_set}/{e.task}" for e in own} == set(SMOKE.tasks) and len(own) == 5 * 33 * 4
    shown = plans.PLANS["embedded corpus"](SMOKE)
    usual = {replace(e, seed=0) for e in {e.pretraining for e in shown}}
    assert {replace(e, seed=0) for e in made} == usual
    assert not set(own) & set(plans.PLANS["all"](SMALL)) and set(own) < set(plans.everything(SMALL))
    assert set(shown) < set(plans.PLANS["all"](SMOKE))
    assert plans.PLANS["embedded corpus"](PROFILES["paper"]) == []
