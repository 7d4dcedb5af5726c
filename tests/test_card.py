"""The model card: every number from records, none typed."""

import pytest
from conftest import evaluation_record

from asglib.config import ConfigError
from asglib.data.index import DATASETS
from asglib.study import plans, profiles, systems
from asglib.study.card import card

SMOKE = profiles.profile("smoke")


def records():
    """Two seeds of ASG and untrained on every task of the profile: 75 and 50 percent."""
    found = []
    for method, value in (("ASG", 1.0), ("untrained", 0.5)):
        for e in plans.evaluations(SMOKE, method, SMOKE.evaluation_tasks):
            found.append(evaluation_record(e, value, run=f"run {len(found)}"))
    one = {"kind": "pretraining", "profile": "smoke", "method": "ASG", "frontend": "linear"}
    one |= {"corpus": SMOKE.pretraining.corpus, "seed": 7, "encoder": "tiny", "epochs": 11}
    one |= {"batch": 13, "steps": 17, "clips": 19, "precision": "fp32", "device": "CPU of a test"}
    return [*found, one]


def test_it_states_data_settings_scores_and_limits():
    text = card(records(), "ASG")
    assert text.startswith("# ASG, profile `smoke`: an audio encoder\n")
    toy = DATASETS["toy"]
    assert f"- **{toy.title}**: {toy.licence}" in text
    for line in ("epochs: 11", "batch: 13", "steps: 17", "clips: 19", "device: CPU of a test"):
        assert f"\n- {line}\n" in text
    assert "**No evidence for the paper's claims.**" in text
    assert "\nIn percent ± half the 95 % interval (seeds): accuracy; for" in text
    frozen = text.split("### Frozen")[1].split("###")[0]
    (row,) = [line for line in frozen.splitlines() if line.startswith("| ASG |")]
    assert row.count("100.0 ± 0.0") == len(SMOKE.evaluation_tasks) + 1  # and the average
    (row,) = [line for line in frozen.splitlines() if line.startswith("| untrained |")]
    assert row.count("50.0") == len(SMOKE.evaluation_tasks) + 1
    assert "## What it is not for\n\n- Not for decisions about people" in text


def test_it_names_the_metrics_of_its_tasks():
    paper = profiles.profile("paper")
    found = [
        evaluation_record(e, run=e.data_set) | {"profile": "paper", "metric": metric}
        for task, metric in (("esc50/sound", "accuracy"), ("audioset/events", "mAP"))
        for e in plans.evaluations(paper, "ASG", (task,))[:1]
    ]
    wanted = plans.pretraining(paper, "ASG", 0)
    one = records()[-1] | {"profile": "paper", "corpus": wanted.corpus, "encoder": wanted.encoder}
    assert "(seeds): accuracy, mAP; for" in card([*found, one], "ASG")


def test_records_that_tell_nothing_of_it_are_refused():
    with pytest.raises(ConfigError, match="profile 'smoke' has no record of a pretraining of COLA"):
        card(records(), "COLA")
    with pytest.raises(ConfigError, match="the records of one profile; there are none"):
        card([], "ASG")
    with pytest.raises(ConfigError, match="method 'BYOL' is unknown; use NONE"):
        card(records(), "BYOL")


def test_a_compared_system_has_its_own_scores_and_not_those_of_its_variants():
    """SG takes mel bands of another corpus; beside it lie a larger encoder and a hidden layer."""
    named = SMOKE.variants["audio2vec"]
    found, pretrained = [], records()[-1] | {"method": "SG", "frontend": "mel"}
    for value, name in ((1.0, None), (0.5, "larger"), (0.5, "hidden layer")):
        asked = plans.evaluations(SMOKE, "SG", SMOKE.tasks, variant=named.get(name))
        protocol = systems.protocol(asked[0].training)
        own = {"protocol": protocol} if protocol else {}
        found += [evaluation_record(e, value, run=f"{name} {e.task}", **own) for e in asked]
        run = asked[0].pretraining
        about = {"encoder": run.encoder, "corpus": run.corpus, "clips": len(run.encoder)}
        found.append(pretrained | about)
    text = card(found, "SG")
    frozen = text.split("### Frozen")[1].split("###")[0]
    (row,) = [line for line in frozen.splitlines() if line.startswith("| SG |")]
    assert row.count("100.0") == len(SMOKE.tasks) + 1 and "50.0" not in row
    assert "- encoder: audio2vec\n" in text and f"- clips: {len('audio2vec')}\n" in text
