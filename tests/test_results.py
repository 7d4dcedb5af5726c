"""Records to tables and verdicts: what is bad or missing is named, and nothing is averaged over in silence."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from asglib.study import paper as audit
from asglib.study import tables as results
from asglib.study.tables import ResultsError

TASKS = ["fsdd/digit", "fsdd/speaker"]
SPEAKERS = [f"speaker {i // 5}" for i in range(40)]


def record(method="ASG", value=0.8, key="fsdd/digit", seed=0, **changes):
    """An evaluation record; a number of correct clips in place of a fraction also fills in its 40 clips."""
    data_set, task = key.split("/")
    base = {
        "kind": "evaluation",
        "profile": "small",
        "method": method,
        "frontend": "linear",
        "corpus": "esc50",
        "data_set": data_set,
        "task": task,
        "setting": "frozen",
        "seed": seed,
        "metric": "accuracy",
        "value": value,
        "undefined": None,
        "clips": [],
        "groups": [],
        "labels": [],
        "predictions": [],
        "correct": [],
        "counts": {"train": 100, "test": 40, "skipped": [], "absent_from_test": [], "missing": 0},
        "encoder": "tiny",
        "epochs": 6,
        "batch": 64,
        "rir": "simulated bank",
        "code": "c0",
        "data": "d0",
    } | changes
    base.setdefault(
        "run", f"evaluation-{base['method']}-{key}-{base['setting']}-{base['corpus']}-{seed}"
    )
    if isinstance(value, int):
        correct = [1] * value + [0] * (40 - value)
        base |= {
            "value": value / 40,
            "correct": correct,
            "clips": [f"{i}.wav" for i in range(40)],
            "groups": SPEAKERS,
        }
    return base


def study(**values):
    """Records of some methods on both tasks: NONE=[0.7, 0.72] means digit and speaker at these, seeds 0 and 1."""
    return [
        record(m, v, key, s)
        for m, row in values.items()
        for key in TASKS
        for s, v in enumerate(row)
    ]


def claim(**changes):
    return SimpleNamespace(**{"direction": ">", "stated": float("nan")} | changes)


def write(folder, records):
    folder.mkdir(exist_ok=True)
    for i, one in enumerate(records):
        (folder / f"{i:02d}.json").write_text(json.dumps(one))


# records


def test_records_are_read_from_both_layouts_and_unfinished_ones_are_not(tmp_path):
    write(tmp_path, study(ASG=[0.8]))
    (tmp_path / "evaluation-ASG-0a1b").mkdir()
    (tmp_path / "evaluation-ASG-0a1b" / "record.json").write_text(json.dumps(record(seed=5)))
    (tmp_path / "evaluation-ASG-0a1b" / "config.json").write_text("{}")
    (tmp_path / ".123.07.json").write_text('{"kind": "eval')
    assert [r["seed"] for r in results.load_records(tmp_path)] == [0, 0, 5]


def test_a_broken_record_is_named(tmp_path):
    write(tmp_path, study(ASG=[0.8]))
    (tmp_path / "07.json").write_text('{"kind": "eval')
    with pytest.raises(ResultsError, match=r"07\.json is not a whole JSON record"):
        results.load_records(tmp_path)
    (tmp_path / "07.json").write_text("[1, 2]")
    with pytest.raises(ResultsError, match=r"07\.json is not a run record"):
        results.load_records(tmp_path)


def test_no_folder_says_what_to_do(tmp_path):
    with pytest.raises(
        ResultsError, match="no folder of records at .*nowhere: run `python -m asglib reproduce`"
    ):
        results.load_records(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        (
            record("ASG", 0.9, profile="smoke", run="other"),
            r"profiles .*-NONE-.* \(small\) and other \(smoke\)",
        ),
        (
            record("NONE", 0.9, run="again"),
            r"NONE \(linear, frozen, pretrained on esc50\) on fsdd/digit, seed 0, is "
            r"recorded 2 times, by evaluation-NONE-fsdd/digit-frozen-esc50-0, again",
        ),
        (record(value=87.9, run="percent"), "percent: value must be a fraction"),
        (
            record(setting="finetuned", run="typo"),
            "typo: setting is frozen or fine-tuned, got 'finetuned'",
        ),
        (
            {"kind": "evaluation", "run": "short", "profile": "small"},
            "short lacks method, frontend",
        ),
    ],
)
def test_refused_in_one_sentence(extra, told):
    with pytest.raises(ResultsError, match=told) as error:
        results.frame([*study(NONE=[0.7]), extra])
    assert "\n" not in str(error.value)


def test_frame_keeps_evaluations_in_the_papers_order():
    rows = results.frame(
        [{"kind": "pretraining"}, *study(ASG=[0.8], NONE=[0.7]), *study(spectrogram=[0.5])]
    )
    assert list(rows["method"].unique()) == ["NONE", "ASG", "spectrogram"] and len(rows) == 6
    assert results.frame([]).empty


def test_missing_seeds_are_named():
    records = study(NONE=[0.7, 0.7, 0.7], ASG=[0.8, 0.8, 0.8])
    del records[-2]
    holes = results.missing_seeds(results.frame(records))
    assert holes[["method", "key", "seed"]].values.tolist() == [["ASG", "fsdd/speaker", 1]]
    assert results.missing_seeds(results.frame(study(NONE=[0.7], ASG=[0.8]))).empty


def test_notes_name_each_defect_once():
    counts = {
        "absent_from_test": ["seven"],
        "skipped": [{"path": "a.wav", "reason": "NaN"}],
        "missing": 3,
    }
    records = [record("ASG", 0.8, seed=s, counts=counts) for s in (0, 1)] + [
        record("NONE", None, seed=0, undefined="no positives", counts=counts),
        record("NONE", 0.7, seed=1, data="d1", epochs=3),
        record("untrained", 0.3, seed=1, epochs=0),
        record("ST", 30, seed=1) | {"value": 0.9},
    ]
    told = results.notes(results.frame(records))
    assert told == [
        "NONE (linear, frozen, pretrained on esc50) on fsdd/digit, seed 0, has no accuracy: no positives.",
        "fsdd/digit: no test clip of seven, so accuracy says nothing about it.",
        "fsdd: 1 clips skipped, the first a.wav (NaN).",
        "fsdd: 3 clips of the release are not there.",
        "fsdd/digit (linear, frozen, esc50): data differs: d0 (NONE, ST, ASG, untrained); d1 (NONE).",
        "fsdd/digit (linear, frozen, esc50): epochs differs: 6 (NONE, ST, ASG); 3 (NONE).",
        "ST (linear, frozen, pretrained on esc50) on fsdd/digit, seed 1, states 0.9000, "
        "but the mean over its clips is 0.7500.",
    ]
    assert results.notes(results.frame(study(ASG=[0.8, 0.9]))) == []


# comparisons


def test_compare_is_the_paired_t_interval_in_points():
    found = results.compare(
        results.frame(study(ASG=[0.80, 0.84, 0.83], NONE=[0.78, 0.79, 0.80])), "ASG", "NONE"
    )
    theirs = stats.ttest_rel([80, 84, 83], [78, 79, 80]).confidence_interval()
    for row in (found.tasks.loc["fsdd/speaker"], found.average):
        assert (row["mean"], row["low"], row["high"]) == pytest.approx(
            (10 / 3, theirs.low, theirs.high)
        )
        assert (row["n"], row["unit"]) == (3, "seeds")
    assert found.left_out == () and results.describe(found.average) == "+3.3 [-0.5, +7.1], 3 seeds"


def test_the_average_is_taken_within_a_seed_first():
    records = study(NONE=[0.7, 0.7]) + [
        record("ASG", v, key, s)
        for key, row in zip(TASKS, ([0.8, 0.7], [0.7, 0.8]))
        for s, v in enumerate(row)
    ]
    found = results.compare(results.frame(records), "ASG", "NONE")
    assert found.average["mean"] == pytest.approx(5) and found.average["high"] == pytest.approx(
        5
    )  # 5 in either seed
    assert found.tasks["high"].min() > 50  # while each task alone says little


def test_only_common_seeds_and_tasks_count_and_the_rest_is_named():
    records = study(ASG=[0.8, 0.9, 0.7], NONE=[0.7, 0.7, 0.7])
    records = [
        r
        for r in records
        if not (r["method"] == "NONE" and r["task"] == "speaker" and r["seed"] == 2)
    ]
    records += [record("ASG", v, "notes/octave", s) for s, v in enumerate([0.1, 0.1, 0.1])]
    records[0] |= {"value": None, "undefined": "nothing to score"}  # ASG, digit, seed 0
    found = results.compare(results.frame(records), "ASG", "NONE")
    assert found.tasks["n"].to_dict() == {"fsdd/digit": 2, "fsdd/speaker": 2, "notes/octave": 0}
    assert set(found.left_out) == {
        "fsdd/digit: ASG is undefined for seed 0",
        "fsdd/speaker: NONE has no record for seed 2",
        "notes/octave: NONE has no record",
    }
    assert (
        found.average["n"] == 1 and found.average["unit"] == ""
    )  # seed 1 is whole, and has no clips recorded
    assert np.isnan(found.average["mean"]) and "no clips recorded" in found.average["note"]


def test_one_seed_falls_back_to_the_clips_and_says_so():
    records = [record(m, v, key) for m, v in (("ASG", 36), ("NONE", 24)) for key in TASKS]
    found = results.compare(results.frame(records), "ASG", "NONE").average
    assert found["mean"] == pytest.approx(100 * 12 / 40) and found["low"] < 30 < found["high"]
    assert (found["n"], found["unit"], found["groups"]) == (1, "clips", 8)
    assert results.describe(found).endswith("1 seed, 8 groups of clips")
    alone = [r | {"groups": [""] * 40} for r in records]
    narrow = results.compare(results.frame(alone), "ASG", "NONE").average
    assert narrow["groups"] == 40 and narrow["high"] - narrow["low"] < found["high"] - found["low"]


def test_one_seed_pairs_clips_by_name_not_by_place():
    flip = {
        "correct": [0] * 20 + [1] * 20,
        "clips": [f"{i}.wav" for i in range(39, -1, -1)],
        "groups": SPEAKERS[::-1],
    }
    found = results.compare(
        results.frame([record("ASG", 20), record("NONE", 20) | flip]), "ASG", "NONE"
    ).average
    assert (found["mean"], found["low"], found["high"]) == (
        0,
        0,
        0,
    )  # the same clips are right on both sides


def test_one_seed_without_clips_has_no_interval_and_no_verdict():
    records = [
        record(m, v, "audioset/class", metric="mAP") for m, v in (("ASG", 0.35), ("NONE", 0.31))
    ]
    found = results.compare(results.frame(records), "ASG", "NONE")
    assert found.average["unit"] == "" and "audioset/class" in results.describe(found.average)
    assert results.verdict(claim(), found).word == "not tested"


def test_corpora_do_not_mix():
    records = study(NONE=[0.7, 0.7], ASG=[0.8, 0.9]) + [
        r | {"corpus": "notes"} for r in study(ASG=[0.1, 0.1])
    ]
    rows = results.frame(records + [record("spectrogram", 0.5, seed=s, corpus="") for s in (0, 1)])
    for ask in (
        lambda: results.compare(rows, "ASG", "NONE"),
        lambda: results.table(rows, ["ASG"], TASKS),
    ):
        with pytest.raises(ResultsError, match="pretrained on esc50 and notes: name the corpus"):
            ask()
    assert results.compare(rows, "ASG", "NONE", corpus="esc50").average["mean"] == pytest.approx(15)
    beside = results.compare(rows, "ASG", "spectrogram", corpus="notes")
    assert beside.tasks.loc["fsdd/digit", "mean"] == pytest.approx(-40)
    across = results.compare(
        rows, {"method": "ASG", "corpus": "esc50"}, {"method": "ASG", "corpus": "notes"}
    )
    assert across.average["mean"] == pytest.approx(75)


def test_intervals_over_simulated_records_cover_in_93_to_97_percent_of_2000_trials():
    rng = np.random.default_rng(0)
    common = rng.normal(0.7, 0.05, (2000, 5, 1)) + rng.normal([0.02, 0], 0.01, (2000, 5, 2))
    records = [
        record(method, float(common[t, s, side]), f"fsdd/{t}", s, run=f"{method} {t} {s}")
        for t in range(2000)
        for s in range(5)
        for side, method in enumerate(("ASG", "NONE"))
    ]
    tasks = results.compare(results.frame(records), "ASG", "NONE").tasks
    assert (
        len(tasks) == 2000 and 0.93 <= ((tasks["low"] <= 2) & (tasks["high"] >= 2)).mean() <= 0.97
    )


def test_an_untrained_encoder_stands_beside_every_corpus():
    other = [r | {"corpus": "notes", "run": r["run"] + " notes"} for r in study(ASG=[0.8, 0.9])]
    rows = results.frame(other + study(untrained=[0.5, 0.5]))
    assert results.compare(rows, "ASG", "untrained", corpus="notes").average[
        "mean"
    ] == pytest.approx(35)


# tables


def test_table_text_and_numbers():
    rows = results.frame(study(NONE=[0.70, 0.72, 0.74], ASG=[0.8, 0.8, 0.8]))
    text, numbers = results.table(rows, ["NONE", "ASG", "Sup."], [*TASKS, "notes/octave"])
    # 70, 72, 74: deviation 2, half-width 4.302653 * 2 / sqrt(3) = 4.97
    assert text.loc["NONE"].tolist()[:3] == ["72.0 ± 5.0 (3)", "72.0 ± 5.0 (3)", "not tested"]
    assert text.loc["NONE", "average"] == "no average (2 of 3 tasks, 0 whole seeds)"
    assert text.loc["Sup."].tolist() == ["not tested"] * 4
    assert (
        numbers.loc["ASG", TASKS].tolist() == pytest.approx([80, 80])
        and numbers.isna().sum().sum() == 8
    )
    assert list(text.columns) == [*TASKS, "notes/octave", "average"] and list(text.index) == [
        "NONE",
        "ASG",
        "Sup.",
    ]


def test_table_says_fewer_seeds_undefined_and_one_seed():
    records = study(NONE=[0.70, 0.72, 0.74]) + [
        record("ASG", None, undefined="no positives"),
        record("FT", 30),
    ]
    records += [record("ST", v, seed=s) for s, v in enumerate([0.6, 0.62])]
    text, _ = results.table(results.frame(records), ["NONE", "ASG", "FT", "ST"], ["fsdd/digit"])
    column = text["fsdd/digit"]
    assert (
        column["ASG"] == "undefined"
        and column["NONE"].endswith("(3)")
        and column["ST"].endswith("(2 of 3)")
    )
    assert column["FT"].startswith("75.0 ± ") and column["FT"].endswith("(1 of 3, over clips)")


def test_a_number_without_clips_to_draw_from_stands_without_an_interval():
    rows = results.frame([record("ASG", 30), record("ASG", 0.35, "audioset/class", metric="mAP")])
    text, numbers = results.table(rows, ["ASG"], ["fsdd/digit", "audioset/class"])
    assert (
        text.loc["ASG", "audioset/class"] == "35.0 (1, no interval)"
        and numbers.loc["ASG", "average"] == 55
    )
    assert (
        text.loc["ASG", "average"] == "55.0 (1, no interval)"
    )  # of both tasks: no interval over one of them alone


def test_a_mutated_record_changes_the_table(tmp_path):
    records = study(NONE=[0.70, 0.72], ASG=[0.8, 0.82])
    write(tmp_path, records)
    before, _ = results.table(results.frame(results.load_records(tmp_path)), ["NONE", "ASG"], TASKS)
    path = tmp_path / "05.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"value": 0.92}))
    after, _ = results.table(results.frame(results.load_records(tmp_path)), ["NONE", "ASG"], TASKS)
    changed = before != after
    assert changed.loc["ASG", ["fsdd/digit", "average"]].all() and changed.sum().sum() == 2
    path.unlink()
    gone, _ = results.table(results.frame(results.load_records(tmp_path)), ["NONE", "ASG"], TASKS)
    assert "(1 of 2" in gone.loc["ASG", "fsdd/digit"]


def test_the_paper_beside_ours():
    assert (
        results.paper(4, "FF", "VC", "frozen") == 27.3
        and results.paper(5, "NONE", "Average", "fine-tuned") == 83.8
    )
    assert results.paper(3, "ASG", "AS", "frozen") is None
    with pytest.raises(audit.PaperError):
        results.paper(4, "FF", "VC", "fine-tuned")


# verdicts


def compared(low, mean, high, unit="seeds", profile="small"):
    row = pd.Series(
        {
            "mean": mean,
            "low": low,
            "high": high,
            "n": 3,
            "groups": 0,
            "unit": unit,
            "note": "nothing in common",
        }
    )
    return results.Comparison(profile, "ASG", "NONE", "frozen", pd.DataFrame(), row, ())


@pytest.mark.parametrize(
    ("rule", "interval", "word"),
    [
        ({}, (0.5, 1.0, 1.5), "reproduced"),
        ({"stated": 1.4}, (0.5, 1.0, 1.5), "reproduced"),
        ({"stated": 1.5}, (2.0, 3.0, 4.0), "reproduced"),  # more than claimed
        ({"stated": 2.2}, (0.5, 1.0, 1.5), "partly"),  # the right side, too small
        ({}, (-0.5, 1.0, 2.5), "inconclusive"),
        ({}, (0.0, 1.0, 2.0), "inconclusive"),
        (
            {"stated": 2.0},
            (-0.5, 1.0, 2.5),
            "inconclusive",
        ),  # 0 and the stated size are both possible
        (
            {"stated": 2.0},
            (-0.5, 0.1, 0.8),
            "not reproduced",
        ),  # 0 is possible, the stated size is not
        ({}, (1.0, 1.0, 1.0), "partly"),  # no spread between seeds is no certainty
        ({}, (-2.5, -1.0, 0.5), "inconclusive"),  # the mean decides nothing
        ({}, (-1.5, -1.0, -0.5), "not reproduced"),
        ({}, (0.0, 0.0, 0.0), "not reproduced"),
        ({"direction": "<"}, (-1.5, -1.0, -0.5), "reproduced"),
        ({"direction": "<"}, (0.5, 1.0, 1.5), "not reproduced"),
        ({"direction": "<"}, (-2.0, -0.5, 1.0), "inconclusive"),
        ({"direction": ">="}, (0.0, 0.5, 1.0), "reproduced"),
        ({"direction": ">="}, (0.0, 0.0, 0.0), "partly"),
        ({"direction": ">="}, (-1.0, -0.5, 0.0), "inconclusive"),
        ({"direction": ">="}, (-1.0, -0.5, -0.1), "not reproduced"),
    ],
)
def test_the_rule(rule, interval, word):
    assert results.verdict(claim(**rule), compared(*interval)).word == word


def test_smoke_one_seed_and_nothing_are_no_reproduction():
    assert results.verdict(claim(), compared(0.5, 1, 1.5, profile="smoke")) == (
        "not tested",
        "smoke is not evidence",
    )
    assert results.verdict(claim(), compared(0.5, 1, 1.5, unit="clips")) == (
        "partly",
        "one pretraining seed",
    )
    assert results.verdict(claim(), compared(*[np.nan] * 3, unit="")) == (
        "not tested",
        "nothing in common",
    )


def test_scorecard():
    moves = {"NONE": 0.70, "ST": 0.70, "FT": 0.75, "SF": 0.72, "FF": 0.69}
    rows = results.frame(
        [r for m, v in moves.items() for r in study(**{m: [v, v + 0.011, v - 0.008 - v / 100]})]
    )
    claims = audit.paper_claims()
    card = results.scorecard(rows, claims).set_index("id")
    assert list(card.index) == list(claims["id"])
    assert list(card.columns) == ["section", *results.SHOWN, "mean", "low", "high"]
    assert card.loc["ft-none", "verdict"] == "reproduced"
    assert card.loc["ft-none", "paper"] == "FT - NONE = 2.2 (Average, frozen)"
    assert (
        card.loc["ft-none", "ours"].startswith("+5.0 [+4.9")
        and "3 seeds" in card.loc["ft-none", "ours"]
    )
    assert card.loc["ff-none", "verdict"] == "not reproduced"
    assert card.loc["moves-none", "verdict"] == "not reproduced"  # as its weakest move
    assert card.loc["moves-none", "ours"].startswith("FF - NONE: -1.0")
    assert "the mean over our tasks stands in for librispeech" in card.loc["ft-st", "limits"]
    assert "fsdd/digit stands in for speech_commands_v1" in card.loc["st-negative-scv1", "limits"]
    assert card.loc["linear-frozen", "verdict"] == "not tested"
    assert "ASG has no record" in card.loc["linear-frozen", "limits"]
    assert card.loc["w2v-ns", ["ours", "verdict"]].tolist() == ["", "not tested"]
    assert "Wav2Vec2.0" in card.loc["w2v-ns", "limits"]
    assert (
        "no records of the first pretraining corpus" in card.loc["data-audioset-frozen", "limits"]
    )
    assert card.loc["sup-frozen-vc", "verdict"] == "not tested"


def test_a_claim_about_every_data_set_is_judged_by_its_weakest():
    """ "On all datasets": a large gain on one task is no gain on another."""

    def judged(other):
        records = [
            record(m, v + s / 100, key, s, setting="frozen")
            for s in range(3)
            for m, key, v in (
                ("Sup.", TASKS[0], 0.5),
                ("ASG", TASKS[0], 0.8 + s / 1000),
                ("Sup.", TASKS[1], 0.7),
                ("ASG", TASKS[1], other[s]),
            )
        ]
        return (
            results.scorecard(results.frame(records), audit.paper_claims())
            .set_index("id")
            .loc["sup-frozen-all"]
        )

    worse, unsure, better = (
        judged([0.6, 0.601, 0.602]),
        judged([0.72, 0.69, 0.7]),
        judged([0.8, 0.801, 0.802]),
    )
    assert worse["verdict"] == "not reproduced" and worse["ours"].startswith(
        f"ASG - Sup. on {TASKS[1]}: -9.9 ["
    )
    assert (
        unsure["verdict"] == "inconclusive"
        and better["verdict"] == "reproduced"
        and better["mean"] == pytest.approx(10.1)
    )


def test_scorecard_of_table_6_and_of_smoke():
    def records(profile):
        of = {"first": {"NONE": 0.5, "ASG": 0.6}, "second": {"NONE": 0.5, "ASG": 0.4}}
        return [
            r | {"corpus": corpus, "profile": profile, "run": f"{r['run']} {corpus}"}
            for corpus, methods in of.items()
            for m, v in methods.items()
            for r in study(**{m: [v, v * 1.01, v * 0.98]})
        ]

    corpora = {"first": "first", "second": "second"}
    card = results.scorecard(
        results.frame(records("small")), audit.paper_claims(), corpora
    ).set_index("id")
    assert card.loc["data-audioset-frozen", "verdict"] == "reproduced"
    assert card.loc["data-vggsound-frozen", "verdict"] == "not reproduced"
    assert "no records of the main" in card.loc["ft-none", "limits"]
    smoke = results.scorecard(results.frame(records("smoke")), audit.paper_claims(), corpora)
    assert set(smoke["verdict"]) == {"not tested"}
    assert "smoke is not evidence" in smoke.set_index("id").loc["data-audioset-frozen", "limits"]


def test_scorecard_of_nothing_tests_nothing():
    card = results.scorecard(results.frame([]), audit.paper_claims(), {"main": "esc50"})
    assert set(card["verdict"]) == {"not tested"} and (card["limits"] != "").all()
