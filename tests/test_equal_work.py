"""Systems beside NONE at equal work, by hand."""

from dataclasses import replace

import pytest
from made_records import record

from asglib.study import equal_work, figures, profiles, tables
from asglib.study.equal_work import EPOCHS, WORK
from asglib.study.records import evaluations

TASKS = ["fsdd/digit", "fsdd/speaker"]
SMALL = profiles.profile("small")
ESC50 = replace(SMALL.pretraining, corpus="esc50")  # of made records
PROFILE = replace(SMALL, tasks=tuple(TASKS), pretraining=ESC50)
LENGTHS = {("NONE", 2): 0.5, ("NONE", 8): 0.7, ("NONE x2", 16): 0.8}
SYSTEMS = {"COLA": 0.65, "ASG": 0.77, "SG": 0.3}
WORKS = {"NONE": 4.0, "COLA": 2.0, "ASG": 8.00003, "SG": 0.9, "untrained": 0.0}


def rows(values, **changes):
    """Every task as good; the second seed is two points better."""
    return [
        record(method, value + seed / 50, key, seed, **own, **changes)
        for (method, value), own in values
        for key in TASKS
        for seed in (0, 1)
    ]


def none():
    """Beside what is not NONE's way: mel, another corpus, fine-tuned, NONE x2 on its own way."""
    ways = [((m, value), {"epochs": n, "run": f"{m} {n}"}) for (m, n), value in LENGTHS.items()]
    found = [r | {"run": f"{r['run']} {r['task']} {r['seed']}"} for r in rows(ways)]
    found = [r | {"after": 2} if r["epochs"] == 2 else r for r in found]
    last = found[-1]
    others = {"frontend": "mel"}, {"corpus": "vggsound"}, {"setting": "fine-tuned"}, {"after": 8}
    found += [last | other | {"run": str(other), "value": 0.0} for other in others]
    return equal_work.curve([*found, last, {"kind": "pretraining", "run": "p"}], PROFILE)


def ends():
    found = rows([(one, {}) for one in [*SYSTEMS.items(), ("NONE", 0.7), ("untrained", 0.2)]])
    return tables.scores(evaluations(found), [*SYSTEMS, "NONE", "untrained"], TASKS)[1]


@pytest.fixture
def work():
    pretrainings = [{"method": name, "multiply_adds": 1e12 * x} for name, x in WORKS.items()]
    systems = {name: {"method": name} for name in [*WORKS, "spectrogram"]}
    return equal_work.relative(pretrainings, systems)


def test_work_is_relative_to_that_of_none(work):
    assert work == pytest.approx({"NONE": 1, "COLA": 0.5, "ASG": 2.0000075, "SG": 0.225})


def test_without_none_nothing_is_beside_it():
    """As in a study whose NONE is not there yet: the page says so, and stands."""
    assert (
        equal_work.relative(
            [{"method": "COLA", "multiply_adds": 2.0}], {"COLA": {"method": "COLA"}}
        )
        == {}
    )
    empty = equal_work.curve([], PROFILE)
    cells = tables.means(equal_work.differences(ends(), empty, {}), "{:+.1f}")
    compared = equal_work.BesideNone(cells, equal_work.placed(ends(), empty, {}), {})
    assert compared.table().empty and compared.told.startswith("no system's work")
    assert figures.curves(compared.places, "work", doubling=True).axes[0].texts


def test_twice_the_work_is_always_as_far(work):
    axis = figures.curves(equal_work.placed(ends(), none(), work), "work", doubling=True).axes[0]
    assert axis.get_xscale() == "log" and axis.xaxis.get_transform().base == 2
    assert [tuple(dot) for dot in axis.lines[0].get_xydata()] == [(0.25, 51), (1, 71), (2, 81)]


def test_the_curve_is_none_on_its_way_at_its_end_and_for_twice_as_long():
    found = none().set_index(["x", "seed"])["value"].to_dict()
    by_hand = {(0.25, 0): 50, (0.25, 1): 52, (1, 0): 70, (1, 1): 72, (2, 0): 80, (2, 1): 82}
    assert found == pytest.approx(by_hand)
    assert equal_work.curve([], PROFILE).empty


def test_none_at_equal_work_lies_between_two_lengths(work):
    """COLA did half of NONE's work: halfway, in doublings, between a quarter and all: 60. ASG did
    that of NONE x2: 80. SG did less than a quarter: NONE was never looked at there."""
    found = equal_work.differences(ends(), none(), work).set_index(["row", "column", "seed"])[
        "value"
    ]
    by_hand = {("COLA", EPOCHS): -5, ("COLA", WORK): 5, ("ASG", EPOCHS): 7, ("ASG", WORK): -3}
    by_hand |= {("SG", EPOCHS): -40}
    expected = {(*which, seed): value for which, value in by_hand.items() for seed in (0, 1)}
    assert found.to_dict() == pytest.approx(expected)


def test_a_seed_that_none_lacks_is_left_out(work):
    one = none()[lambda dots: dots["seed"] == 0]
    assert set(equal_work.differences(ends(), one, work)["seed"]) == {0}


def test_equal_epochs_are_never_read_off_a_line(work):
    """A seed without NONE at its end: between a quarter and twice the work lies no record."""
    found = equal_work.differences(ends(), none()[lambda dots: dots["x"] != 1], work)
    assert set(found["column"]) == {WORK}


def test_the_table_and_the_figure_hold_every_trained_system(work):
    cells = tables.means(equal_work.differences(ends(), none(), work), "{:+.1f}")
    places = equal_work.placed(ends(), none(), work)
    compared = equal_work.BesideNone(cells, places, work)
    told = "COLA +5.0 ± 0.0 (2); NONE was not evaluated at the work of SG"
    assert compared.told == told, "NONE x2 says it of ASG, on all seeds"
    alone = equal_work.BesideNone(cells, places, {name: work[name] for name in ("NONE", "COLA")})
    assert alone.told == "COLA +5.0 ± 0.0 (2)"
    table = compared.table()
    assert table.loc["COLA"].tolist() == [0.5, "-5.0 ± 0.0 (2)", "+5.0 ± 0.0 (2)"]
    assert table.loc["SG", WORK] == "–" and list(table.index) == [*SYSTEMS]
    nothing = equal_work.BesideNone(cells[:0], places, work)
    assert nothing.told == "NONE was not evaluated at the work of COLA, SG"
    found = places[places["seed"] == 1].set_index(["row", "x"])["value"].to_dict()
    assert found == pytest.approx(
        {
            ("NONE", 0.25): 52,
            ("NONE", 1): 72,
            ("NONE", 2): 82,
            ("COLA", 0.5): 67,
            ("ASG", 2.0000075): 79,
            ("SG", 0.225): 32,
        }
    )
