"""Tables: every number worked out here, and nothing is averaged over in silence."""

import math
from statistics import mean, stdev

import pandas as pd
import pytest
from made_records import TASKS, record, study

from asglib.study import tables
from asglib.study.paper import PaperError
from asglib.study.records import evaluations

T_2 = 4.302653  # 97.5 percent point of Student's t with 2 degrees of freedom, from a printed table
FT, NONE = [0.70, 0.71, 0.75], [0.60, 0.64, 0.62]


def text(cells):
    return cells.set_index(["row", "column"])["text"]


def t_interval(values):
    half = T_2 * stdev(values) / math.sqrt(len(values))
    return mean(values) - half, mean(values) + half


def scored(records, systems, columns=TASKS, **options):
    return tables.scores(evaluations(records), systems, columns, **options)


def test_scores_are_means_with_t_intervals_and_a_dot_a_seed():
    records = study(NONE=[0.70, 0.72, 0.74], ASG=[0.8, 0.8, 0.8])
    cells, dots = scored(records, ["NONE", "ASG", "Sup."], [*TASKS, "notes/octave"])
    # 70, 72, 74: deviation 2, half-width 4.302653 * 2 / sqrt(3) = 4.97
    wide = tables.wide(cells)
    assert wide.loc["NONE"].tolist()[1:] == ["72.0 ± 5.0 (3)", "72.0 ± 5.0 (3)", "not tested"]
    assert wide.loc["NONE", "average"] == "no average (2 of 3 tasks, 0 whole seeds)"
    assert wide.loc["Sup."].tolist() == ["not tested"] * 4
    assert list(wide.columns) == ["average", *TASKS, "notes/octave"]
    assert list(wide.index) == ["NONE", "ASG", "Sup."] and wide.index.name == "method"
    numbers = tables.wide(cells, "mean")
    assert numbers.loc["ASG", TASKS].tolist() == pytest.approx([80, 80])
    assert numbers.isna().sum().sum() == 8
    assert sorted(dots[dots["row"] == "NONE"]["value"]) == pytest.approx([70, 70, 72, 72, 74, 74])


def test_the_average_has_a_dot_a_seed_that_is_whole():
    records = study(TASKS[:1], FT=[0.7, 0.8]) + study(TASKS[1:], FT=[0.5])
    _, dots = scored(records, ["FT"])
    average = dots[dots["column"] == "average"]
    assert average[["seed", "value"]].values.tolist() == [[0, pytest.approx(60)]]


def test_fewer_seeds_undefined_and_one_seed_are_said():
    records = study(TASKS[:1], NONE=[0.70, 0.72, 0.74], ST=[0.6, 0.62])
    records += [record("ASG", None, undefined="no positives"), record("FT", 30)]
    cells, _ = scored(records, ["NONE", "ASG", "FT", "ST"], TASKS[:1])
    column = tables.wide(cells)["fsdd/digit"]
    assert column["ASG"] == "undefined" and column["NONE"].endswith("(3)")
    assert column["ST"].endswith("(2 of 3)")
    assert column["FT"].startswith("75.0 ± ") and column["FT"].endswith("(1 of 3, over clips)")


def test_a_number_without_clips_to_draw_from_stands_without_an_interval():
    records = [record("ASG", 30), record("ASG", 0.35, "audioset/class", metric="mAP")]
    cells, _ = scored(records, ["ASG"], ["fsdd/digit", "audioset/class"])
    found = text(cells)
    assert found["ASG", "audioset/class"] == "35.0 (1, no interval)"
    # of both tasks: no interval over one of them alone
    assert found["ASG", "average"] == "55.0 (1, no interval)"


def test_rows_of_other_front_ends_and_corpora_are_told_apart():
    records = study(NONE=[0.6, 0.62])
    records += [r | {"frontend": "mel", "run": "m" + r["run"]} for r in study(NONE=[0.3, 0.31])]
    records += [r | {"corpus": "b", "run": "b" + r["run"]} for r in study(NONE=[0.1, 0.12])]
    rows = {
        "NONE": {"method": "NONE", "corpus": "esc50"},
        "NONE, mel": {"method": "NONE", "frontend": "mel", "corpus": "esc50"},
        "NONE, b": {"method": "NONE", "corpus": "b"},
    }
    cells, _ = scored(records, rows)
    assert cells[cells["column"] == "average"]["mean"].tolist() == pytest.approx([61, 30.5, 11])


def test_a_changed_record_changes_its_cells_and_no_other():
    records = study(NONE=[0.70, 0.72], ASG=[0.8, 0.82])

    def now():
        return tables.wide(scored(records, ["NONE", "ASG"])[0])

    before = now()
    assert (records[5]["method"], records[5]["task"]) == ("ASG", "digit")
    records[5]["value"] = 0.92
    changed = before != now()
    assert changed.loc["ASG", ["fsdd/digit", "average"]].all() and changed.sum().sum() == 2
    del records[5]
    assert "(1 of 2" in now().loc["ASG", "fsdd/digit"]


def test_differences_are_paired_by_seed():
    records = study(TASKS[:1], FT=FT, NONE=NONE) + study(TASKS[1:], FT=NONE, NONE=FT)
    pair = {"FT": ("FT", "NONE"), "turned": ("NONE", "FT")}
    cells, dots = tables.differences(evaluations(records), pair, TASKS)
    cell = cells.iloc[0]
    low, high = t_interval([10, 7, 13])
    assert cell[["mean", "low", "high"]].tolist() == pytest.approx([10, low, high], abs=1e-4)
    assert cell["text"] == "+10.0 [+2.5, +17.5], 3 seeds"
    assert cells["mean"].tolist() == pytest.approx([10, -10, 0, -10, 10, 0])
    mine = dots[(dots["row"] == "FT") & (dots["column"] == TASKS[0])]
    assert mine["value"].tolist() == pytest.approx([10, 7, 13])


def test_the_average_of_differences_takes_the_tasks_that_both_have_and_says_so():
    records = study(NONE=NONE) + study(TASKS[:1], FT=FT)
    cells, dots = tables.differences(evaluations(records), {"FT": ("FT", "NONE")}, TASKS)
    found = text(cells)["FT"]
    assert found["fsdd/speaker"] == "not tested"
    assert found["average"] == found["fsdd/digit"] + ", 1 of 2 tasks"
    assert dots[dots["column"] == "average"]["value"].tolist() == pytest.approx([10, 7, 13])


def test_means_of_plain_values():
    values = {"row": ["FT"] * 3 + ["FF"], "column": "s", "seed": [0, 1, 2, 0]}
    cells = tables.means(pd.DataFrame(values | {"value": [10, 12, 17, 4]})).set_index("row")
    low, high = t_interval([10, 12, 17])
    assert cells.loc["FT", ["low", "high"]].tolist() == pytest.approx([low, high], abs=1e-4)
    # half-width 4.302653 * 3.6056 / sqrt(3) = 8.957
    assert cells["text"].tolist() == ["13.0 ± 9.0 (3)", "4.0 (1)"]
    assert math.isnan(cells.loc["FF", "low"]) and list(cells["unit"]) == ["seeds", ""]
    assert tables.means(pd.DataFrame(columns=["row", "column", "seed", "value"])).empty


def test_the_papers_numbers():
    asked = {"NONE": (4, "NONE"), "ASG": (2, "ASG"), "FT": None}
    cells = tables.printed(asked, ("LS", "VC"), "frozen")
    found = tables.wide(cells, "mean")
    assert found.loc["NONE"].tolist() == [70.0, 99.1, 21.8]  # table 4 prints its average
    assert found.loc["ASG"].tolist() == pytest.approx([(100 + 39) / 2, 100, 39])  # table 2: none
    assert tables.wide(cells).loc["FT"].tolist() == ["–"] * 3 and set(cells["unit"]) == {""}
    with pytest.raises(PaperError, match="Table 4 has no 'MS'"):
        tables.printed({"NONE": (4, "NONE")}, ("MS",), "frozen")


def test_what_the_intervals_stand_on():
    table = evaluations(study(NONE=[0.7, 0.8, 0.9], FT=[0.7, 0.8]))
    cells, _ = tables.scores(table, ["NONE", "FT"], TASKS)
    assert tables.basis(cells) == "n = 2 to 3 seeds, 95 % t intervals over seeds"
    assert tables.basis(cells, table).endswith(", 40 test clips a task")
    one = evaluations([record("FT", 30)])
    cells, _ = tables.scores(one, ["FT"], TASKS[:1])
    assert tables.basis(cells) == "n = 1 seed, 95 % bootstrap intervals over test clips"
    assert tables.basis(cells[:0]) == "no runs"


def test_the_number_of_seeds_is_said():
    table = evaluations(study(NONE=[0.7, 0.8, 0.9], FT=[0.7]))
    assert tables.seeds(table) == "1 to 3 pretraining seeds"
    assert tables.seeds(table[table["method"] == "NONE"]) == "3 pretraining seeds"
    assert tables.seeds(table[table["seed"] == 0]) == "1 pretraining seed"
    assert tables.seeds(table[:0]) == "0 pretraining seeds"


def test_clear_names_the_intervals_that_leave_out_zero():
    records = study(TASKS[:1], FT=FT, NONE=NONE) + study(TASKS[1:], FT=NONE, NONE=FT)
    records += study(ASG=[0.6, 0.7, 0.8])
    pairs = {"FT": ("FT", "NONE"), "ASG": ("ASG", "NONE")}
    cells, _ = tables.differences(evaluations(records), pairs, TASKS)
    # differences 10, 7, 13 and their opposite lie clear of 0, by t_interval; ASG's do not
    assert tables.clear(cells) == (
        "2 of 4 intervals leave out zero (about 0.2 would if nothing differed): "
        "FT on fsdd/digit +10.0; FT on fsdd/speaker -10.0"
    )


def test_clear_names_the_largest_of_many_and_counts_the_others():
    lines = {f"m{i}": (("t", 5.0 - i, 4.5 - i, 5.5 - i),) for i in range(12)}
    cells = pd.DataFrame(
        [(row, *one) for row, every in lines.items() for one in every],
        columns=["row", "column", "mean", "low", "high"],
    ).assign(unit="seeds")
    told = "11 of 12 intervals leave out zero (about 0.6 would if nothing differed): "
    told += "m11 on t -6.0; m0 on t +5.0; m10 on t -5.0; m1 on t +4.0; m9 on t -4.0; m2 on t +3.0; "
    told += "and 5 smaller"
    assert tables.clear(cells) == told
    assert tables.clear(cells.assign(low=-1, high=1)).endswith(
        "leave out zero (about 0.6 would if nothing differed)"
    )


def test_bands_are_stacked_for_reading_and_cut_to_their_averages():
    records = study(NONE=[0.70, 0.72, 0.74], ASG=[0.8, 0.8, 0.8])
    both = scored(records, ["NONE", "ASG"])
    few = scored(records, ["ASG"], TASKS[:1])
    table = tables.stacked({"frozen": both, "fine-tuned": few})
    assert list(table.index) == [("frozen", "NONE"), ("frozen", "ASG"), ("fine-tuned", "ASG")]
    assert table.loc[("fine-tuned", "ASG"), TASKS[1]] == "", "what is not asked has no entry"
    assert tables.average(both[0])["text"].to_dict() == {
        "NONE": "72.0 ± 5.0 (3)",
        "ASG": "80.0 ± 0.0 (3)",
    }
    cells, dots = tables.on_average({"": both})[""]
    assert set(cells["column"]) == set(dots["column"]) == {"average"} and len(dots) == 6


def test_seeds_that_are_the_same_everywhere_are_said_once():
    def table(*texts):
        rows = [f"r{i}" for i in range(len(texts))]
        return tables.wide(pd.DataFrame({"row": rows, "column": "c", "text": texts}))["c"].tolist()

    same = ("+1 [0, 2], 8 seeds", "not tested", "-1 [-2, 0], 8 seeds")
    assert table(*same) == ["+1 [0, 2]", "not tested", "-1 [-2, 0]"]
    for mixed in (
        ("+1 [0, 2], 8 seeds", "+1 [0, 2], 3 seeds"),
        ("+1 [0, 2], 8 seeds", "+1 [0, 2], 1 seed, 24 groups of clips"),
        ("+1 [0, 2], 8 seeds", "+1 [0, 2], 8 seeds, 1 of 2 tasks"),
        ("93.3 ± 1.5 (8)", "not tested"),
    ):
        assert table(*mixed) == list(mixed)


def test_of_nothing_no_interval_is_counted():
    cells, _ = tables.differences(evaluations(study(ASG=[0.5])), {"d": ("ASG", "NONE")}, TASKS)
    assert tables.clear(cells) == "nothing is tested"
