"""What pretrainings were, what they cost and whether they collapsed, from made records."""

import pytest
from made_records import study

from asglib.study import trainings
from asglib.study.records import evaluations, pretext
from asglib.study.runs import _collapsed
from asglib.study.tables import differences


def run(method="CPC", seed=0, spread=0.3, ranked=0.62, before=0.1, **changes):
    base = {
        "kind": "pretraining",
        "run": f"{method}-{seed}",
        "profile": "small",
        "method": method,
        "seed": seed,
        "frontend": "waves",
        "encoder": "cpc-small",
        "corpus": "esc50",
        "clips": 320,
        "too_short": 3,
        "epochs": 6,
        "batch": 32,
        "steps": 60,
        "multiply_adds": 4.2e12,
        "final_loss": 1.5,
        "measured": {"spread": [before, spread]},
        "seen": {} if ranked is None else {"ranked": ranked},
    } | changes
    return base | {"collapsed": _collapsed(base)}


@pytest.mark.parametrize(
    ("changes", "collapsed"),
    [
        ({}, False),
        ({"spread": 0.0099}, True),
        ({"spread": 0.0101, "ranked": None}, False),  # training left more than a tenth of it
        ({"spread": 0.019, "before": 0.5}, True),
        ({"spread": 0.021, "before": 0.5, "ranked": None}, False),
        ({"spread": 0.001, "before": 0.0005, "ranked": None}, False),  # it began as narrow
        ({"ranked": 0.359}, True),
        ({"ranked": 0.361}, False),
        ({"spread": 0.001, "steps": 0, "ranked": None}, False),  # nothing was trained
    ],
)
def test_a_collapse_is_a_narrow_spread_or_chance(changes, collapsed):
    assert run(**changes)["collapsed"] is collapsed


def test_what_was_pretrained():
    records = [run(), run(seed=1, ranked=0.34), run("SG", ranked=None, frontend="mel")]
    found = trainings.systems(records, ["SG", "CPC", "COLA"])
    assert list(found.index) == ["SG", "CPC"]
    assert found.loc["CPC", ["ranked first", "collapsed", "too short"]].tolist() == [
        "0.480",
        "1 of 2",
        3,
    ]
    assert found.loc["SG", ["input", "ranked first", "collapsed"]].tolist() == [
        "mel",
        "–",
        "0 of 1",
    ]
    assert trainings.collapsed(records) == "1 of 3 pretrainings collapsed: CPC in 1 of 2 seeds"
    assert trainings.collapsed(records, ["SG"]) == "0 of 1 pretrainings collapsed"
    assert trainings.collapsed([]) == "No pretraining is there"


def test_the_cost_of_a_gain():
    names = {"CPC adv-55": [0.8, 0.9], "untrained CPC": [0.7, 0.8]}
    pairs = {"CPC adv-55 - untrained CPC": ("CPC adv-55", "untrained CPC")}
    cells, _ = differences(evaluations(study(**names)), pairs, ["fsdd/digit", "fsdd/speaker"])
    found = trainings.costs([run("CPC adv-55"), run("CPC adv-55", 1)], ["CPC adv-55"], cells)
    line = found.loc["CPC adv-55"]
    assert (line["clips shown"], line["views encoded"]) == (32 * 60, 3 * 32 * 60)
    assert line["gain, points"] == pytest.approx(10)
    assert line["multiply-adds, 10^12"] == pytest.approx(4.2)


def test_what_a_method_saw_becomes_rows():
    rows = pretext([run(), run("SG", ranked=None)])
    line = rows.iloc[0]
    assert len(rows) == 1 and (line["setting"], line["key"]) == ("pretext", "pretext/ranked")
    assert line["value"] == 0.62 and pretext([]).empty
