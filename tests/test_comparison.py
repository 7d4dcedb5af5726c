"""Differences: paired by seed or by clip, in points, and what lacks is named."""

import numpy as np
import pytest
from made_records import SPEAKERS, TASKS, record, study
from scipy import stats

from asglib.study.comparison import Cell, as_system, choose, compare, describe, rows_of
from asglib.study.records import ResultsError, evaluations
from asglib.study.tables import differences, scores


def test_the_paired_t_interval_in_points():
    table = evaluations(study(ASG=[0.80, 0.84, 0.83], NONE=[0.78, 0.79, 0.80]))
    found = compare(table, "ASG", "NONE")
    theirs = stats.ttest_rel([80, 84, 83], [78, 79, 80]).confidence_interval()
    for cell in (found.tasks["fsdd/speaker"], found.average):
        assert cell[:3] == pytest.approx((10 / 3, theirs.low, theirs.high))
        assert (cell.n, cell.unit) == (3, "seeds")
    assert found.left_out == [] and describe(found.average) == "+3.3 [-0.5, +7.1], 3 seeds"
    assert found.points["fsdd/digit"].tolist() == pytest.approx([2, 5, 3])


def test_the_average_is_taken_within_a_seed_first():
    records = study(NONE=[0.7, 0.7])
    records += study(TASKS[:1], ASG=[0.8, 0.7]) + study(TASKS[1:], ASG=[0.7, 0.8])
    found = compare(evaluations(records), "ASG", "NONE")
    assert found.average[:3] == pytest.approx((5, 5, 5))  # 5 in either seed
    assert min(cell.high for cell in found.tasks.values()) > 50  # while a task says little


def test_only_common_seeds_and_tasks_count_and_the_rest_is_named():
    records = study(ASG=[0.8, 0.9, 0.7], NONE=[0.7, 0.7, 0.7])
    del records[-1]  # NONE, speaker, seed 2
    records += study(["notes/octave"], ASG=[0.1, 0.1, 0.1])
    records[0] |= {"value": None, "undefined": "nothing to score"}  # ASG, digit, seed 0
    found = compare(evaluations(records), "ASG", "NONE")
    counts = {key: cell.n for key, cell in found.tasks.items()}
    assert counts == {"fsdd/digit": 2, "fsdd/speaker": 2, "notes/octave": 0}
    assert found.left_out == [
        "ASG has no number for seed 0 on fsdd/digit",
        "NONE has no number for seed 2 on fsdd/speaker",
        "NONE has no number on notes/octave",
    ]
    tuned = compare(evaluations(records), "ASG", "NONE@setting=fine-tuned")
    assert any(told.startswith("NONE (fine-tuned) has no number") for told in tuned.left_out)
    assert found.average.n == 1 and found.average.unit == ""  # seed 1 is whole, without clips
    assert found.average.mean == pytest.approx(20) and "no clips recorded" in found.average.note


def test_one_seeds_average_counts_a_task_without_clips_and_has_no_interval():
    """As scores and dots do: (10 + 10 + 80) / 3 points, and no interval over two of three tasks."""
    records = []
    for method, right, value in (("ASG", 36, 0.9), ("NONE", 32, 0.1)):
        records += [record(method, right, key) for key in TASKS]
        records += [record(method, value, "audioset/events")]
    keys = [*TASKS, "audioset/events"]
    table = evaluations(records)
    cells, dots = differences(table, {"ASG - NONE": ("ASG", "NONE")}, keys)
    average = cells[cells["column"] == "average"].iloc[0]
    assert average["mean"] == pytest.approx(100 / 3) and average["text"] == "+33.3, no interval"
    assert dots[dots["column"] == "average"]["value"].tolist() == pytest.approx([100 / 3])
    assert compare(table, "ASG", "NONE", list(TASKS)).average.unit == "clips"


def test_a_gap_on_several_tasks_is_told_once():
    records = study(ASG=[0.8, 0.9, 0.7], NONE=[0.7, 0.7])
    found = compare(evaluations(records), "ASG", "NONE")
    assert found.left_out == ["NONE has no number for seed 2 on fsdd/digit, fsdd/speaker"]


def test_one_seed_falls_back_to_the_clips_and_says_so():
    records = [record(m, v, key) for m, v in (("ASG", 36), ("NONE", 24)) for key in TASKS]
    found = compare(evaluations(records), "ASG", "NONE").average
    assert found.mean == pytest.approx(100 * 12 / 40) and found.low < 30 < found.high
    assert (found.n, found.unit, found.groups) == (1, "clips", 8)
    assert describe(found).endswith("1 seed, 8 groups of clips")
    alone = [r | {"groups": [""] * 40} for r in records]
    narrow = compare(evaluations(alone), "ASG", "NONE").average
    assert narrow.groups == 40 and narrow.high - narrow.low < found.high - found.low


def test_one_seeds_interval_is_of_the_difference_and_has_two_sides():
    """Of 40 clips ASG has 20 right and NONE 10 of these, each its own group: 10 of 40 differ, so
    a draw's mean is 100 k/40 with k binomial (40, 1/4): 2.5 and 97.5 percent lie at k = 5 and 15
    (printed tables: P(k <= 4) = 0.016, P(k <= 5) = 0.043, P(k <= 14) = 0.946, P(k <= 15) = 0.974).
    """
    groups = {"groups": [f"g{i}" for i in range(40)]}
    table = evaluations([record("ASG", 20) | groups, record("NONE", 10) | groups])
    cell = compare(table, "ASG", "NONE").average
    assert cell.mean == 25
    assert (cell.low, cell.high) == pytest.approx((12.5, 37.5), abs=1)
    turned = compare(table, "NONE", "ASG").average
    assert turned[:3] == pytest.approx((-cell.mean, -cell.high, -cell.low), abs=2.6)


def test_one_seed_pairs_clips_by_name_not_by_position():
    flip = {
        "correct": [0] * 20 + [1] * 20,
        "clips": [f"{i}.wav" for i in range(39, -1, -1)],
        "groups": SPEAKERS[::-1],
    }
    table = evaluations([record("ASG", 20), record("NONE", 20) | flip])
    # the same clips are right on both sides
    assert compare(table, "ASG", "NONE").average[:3] == (0, 0, 0)


def test_several_segments_of_one_file_are_paired_in_their_order():
    clips = {"clips": ["a", "a", "b", "b"], "groups": ["a 1", "a 2", "b 1", "b 2"]}
    one = record("ASG", 0.5) | clips | {"correct": [1, 0, 1, 0]}
    other = record("NONE", 0.5) | clips | {"correct": [1, 0, 1, 0]}
    assert compare(evaluations([one, other]), "ASG", "NONE").average[:3] == (0, 0, 0)


def test_one_seed_without_clips_has_no_interval():
    records = study(["audioset/class"], ASG=[0.35], NONE=[0.31])
    found = compare(evaluations(records), "ASG", "NONE")
    assert found.average.unit == "" and "audioset/class" in describe(found.average)


def test_corpora_do_not_mix():
    records = study(NONE=[0.7, 0.7], ASG=[0.8, 0.9])
    records += [r | {"corpus": "notes"} for r in study(ASG=[0.1, 0.1])]
    records += [record("spectrogram", 0.5, seed=s, corpus="") for s in (0, 1)]
    table = evaluations(records)
    for ask in (lambda: compare(table, "ASG", "NONE"), lambda: scores(table, ["ASG"], TASKS)):
        with pytest.raises(ResultsError, match="pretrained on esc50 and notes: name the corpus"):
            ask()
    assert compare(table, "ASG", "NONE", corpus="esc50").average.mean == pytest.approx(15)
    beside = compare(table, "ASG", "spectrogram", corpus="notes")
    assert beside.tasks["fsdd/digit"].mean == pytest.approx(-40)
    across = compare(table, "ASG@corpus=esc50", {"method": "ASG", "corpus": "notes"})
    assert across.average.mean == pytest.approx(75)


def test_two_systems_of_two_corpora_do_not_mix_either():
    records = study(ASG=[0.8, 0.9]) + [r | {"corpus": "notes"} for r in study(NONE=[0.1, 0.1])]
    with pytest.raises(ResultsError, match="name the corpus"):
        compare(evaluations(records), "ASG", "NONE")
    with pytest.raises(ResultsError, match="name the corpus"):
        scores(evaluations(records), ["ASG", "NONE"], TASKS)


def test_an_untrained_encoder_stands_beside_every_corpus():
    other = [r | {"corpus": "notes"} for r in study(ASG=[0.8, 0.9])]
    table = evaluations(other + study(untrained=[0.5, 0.5]))
    assert compare(table, "ASG", "untrained", corpus="notes").average.mean == pytest.approx(35)


def test_a_system_is_chosen_by_all_that_it_is():
    mel = [r | {"frontend": "mel", "run": r["run"] + "m"} for r in study(ASG=[0.1])]
    tuned = [r | {"setting": "fine-tuned", "run": r["run"] + "t"} for r in study(ASG=[0.2])]
    table = evaluations([*study(ASG=[0.8]), *mel, *tuned])

    def values(*asked, **shared):
        return set(choose(table, *asked, **shared)["value"])

    assert values("ASG") == {0.8} and values("ASG@frontend=mel") == {0.1}
    assert values("ASG", setting="fine-tuned") == {0.2} and values("NONE") == set()
    assert as_system("ASG@frontend=mel", frontend="linear")["frontend"] == "mel"
    with pytest.raises(
        ResultsError, match="A setting is one of frozen, fine-tuned, pretext, got 'tuned'"
    ):
        values("ASG", setting="tuned")


def test_intervals_over_made_records_cover_in_93_to_97_percent_of_2000_trials():
    rng = np.random.default_rng(0)
    common = rng.normal(0.7, 0.05, (2000, 5, 1)) + rng.normal([0.02, 0], 0.01, (2000, 5, 2))
    records = [
        record(method, float(common[t, s, side]), f"fsdd/{t}", s)
        for t in range(2000)
        for s in range(5)
        for side, method in enumerate(("ASG", "NONE"))
    ]
    tasks = compare(evaluations(records), "ASG", "NONE").tasks.values()
    covered = [cell.low <= 2 <= cell.high for cell in tasks]
    assert len(covered) == 2000 and 0.93 <= np.mean(covered) <= 0.97


def test_a_cell_in_words():
    assert describe(Cell(1.26, 0.24, 2.4, 3, unit="seeds")) == "+1.3 [+0.2, +2.4], 3 seeds"
    told = describe(Cell(-1, -2, 0, 1, 8, "clips"))
    assert told == "-1.0 [-2.0, +0.0], 1 seed, 8 groups of clips"
    assert describe(Cell(note="no record")) == "no record" and describe(Cell()) == "not tested"


def test_what_one_system_gains_over_another_is_compared_like_a_system():
    """ASG gains 3, 5 points and ST 1, 2 over NONE: ASG gains 2, 3 more, 2.5 -+ 12.706 * 0.5."""
    table = evaluations(study(ASG=[0.73, 0.75], ST=[0.71, 0.72], NONE=[0.70, 0.70]))
    found = compare(table, "ASG - NONE", "ST - NONE").average
    limits = (2.5, 2.5 - 12.7062 * 0.5, 2.5 + 12.7062 * 0.5)
    assert (found.mean, found.low, found.high) == pytest.approx(limits, abs=1e-3)
    plain = compare(table, "ASG", "ST").average  # what both lack goes out
    assert plain == pytest.approx(found) and found.unit == "seeds"


def test_a_gain_of_one_seed_is_drawn_over_the_clips_that_both_have():
    marks = {"ASG": [1, 1, 1, 0], "NONE": [1, 0, 0, 0], "ST": [1, 1, 0, 0], "FT": [0, 0, 1, 0]}
    clips = {name: list("abcd") for name in marks} | {"FT": list("abce")}
    records = [
        record(name, sum(row) / 4, correct=row, clips=clips[name], groups=clips[name])
        for name, row in marks.items()
    ]
    table = evaluations(records)
    found = rows_of(table, "ASG - NONE").iloc[0]
    assert found["correct"].tolist() == [0, 1, 1, 0] and found["value"] == 0.5
    cell = compare(table, "ASG - NONE", "ST - NONE").average  # 0, 0, 1, 0
    assert cell.unit == "clips" and cell.mean == pytest.approx(25) and cell.low == 0
    lost = compare(table, "ASG - FT", "ST - NONE").average  # other clips: no clip in common
    assert (lost.unit, lost.n) == ("", 1) and "no interval from one seed" in lost.note


def test_systems_stand_in_one_table_across_front_ends_and_encoders():
    own = {"frontend": "mel", "encoder": "audio2vec", "corpus": "toy-scenes"}
    records = [*study(NONE=[0.7, 0.8])]
    records += [record("SG", 0.5 + seed / 10, key, seed, **own) for key in TASKS for seed in (0, 1)]
    table = evaluations(records)
    cells, _ = scores(table, {"SG, toy-scenes": {"method": "SG"} | own, "NONE": "NONE"}, TASKS)
    assert cells[cells["column"] == "average"]["mean"].tolist() == pytest.approx([55, 75])
    any_of_it = {"frontend": None}
    assert len(choose(table, "SG", **any_of_it)) == 4 and choose(table, "SG").empty
    found = compare(table, {"method": "SG"} | own, {"method": "NONE", "corpus": "esc50"})
    assert found.average.mean == pytest.approx(-20)
    with pytest.raises(ResultsError, match="pretrained on esc50 and toy-scenes: name the corpus"):
        compare(table, "SG", "NONE", **any_of_it)  # only who is named may differ
    with pytest.raises(ResultsError, match="pretrained on esc50 and toy-scenes: name the corpus"):
        scores(table, ["SG", "NONE"], TASKS, **any_of_it)


def test_a_system_of_two_front_ends_or_encoders_is_refused():
    mel = [one | {"frontend": "mel", "run": f"{one['run']}-mel"} for one in study(ASG=[0.7])]
    table = evaluations([*study(ASG=[0.8]), *mel])
    with pytest.raises(ResultsError, match="front ends linear and mel: name one of them"):
        choose(table, "ASG", frontend=None)
    large = [one | {"encoder": "large", "run": f"{one['run']}-large"} for one in study(ASG=[0.9])]
    table = evaluations([*study(ASG=[0.8]), *large])
    with pytest.raises(ResultsError, match="encoders large and tiny: name one of them"):
        choose(table, "ASG")
    assert set(choose(table, "ASG@encoder=large")["value"]) == {0.9}


def test_an_untrained_encoder_of_any_kind_stands_beside_any_corpus():
    records = [record("untrained CPC", 0.4, corpus="toy"), record("CPC", 0.5, corpus="esc50")]
    found = compare(evaluations(records), "CPC", "untrained CPC", ["fsdd/digit"], corpus="esc50")
    assert found.points["fsdd/digit"].tolist() == pytest.approx([10])
