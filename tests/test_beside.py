"""Tables 2 and 3 with ours below, and what each task rests on."""

from made_records import TASKS, record, study

from asglib.study import tables
from asglib.study.beside import COLUMNS, beside, printed, used
from asglib.study.records import evaluations

TEN = [str(i) for i in range(10)]


def test_the_papers_rows_are_quoted_and_ours_stand_below():
    records = study(["esc50/sound"], ASG=[0.5, 0.6, 0.7])
    table = evaluations([r | {"classes": TEN} for r in records])
    found = beside(table, ["NONE", "ASG"], "frozen")
    assert list(found.columns) == list(COLUMNS)
    assert found.loc["paper: COLA", ["SCV2", "AS"]].tolist() == ["62.4", "–"]
    assert found.loc["paper: Sup.", "VC"] == "20.4"
    # 50, 60, 70: half-width 4.303 * 10 / sqrt(3) = 24.8
    assert found.loc["ours: ASG", "ESC"] == "60.0 ± 24.8 (3); 10 classes, not 50"
    assert (found.loc["ours: NONE"] == "not tested").all()
    assert found.loc["ours: ASG", "LS"] == "not tested"
    nothing = beside(evaluations([]), ["ASG"], "fine-tuned")
    assert nothing.loc["ours: ASG"].eq("not tested").all()
    assert nothing.loc["paper: ASG" if "paper: ASG" in nothing.index else "paper: Our ASG"].any()


def test_numbers_have_the_digits_of_print():
    found = printed("audio2vec", ["2"], ["SPC", "LID"])
    assert found.loc[("2", "A2V(SG)"), "paper: SPC"] == "28"
    ours = tables.scores(evaluations(study(SG=[0.5, 0.5])), ["SG"], TASKS)[0]
    both = printed("audio2vec", ["2"], ["SPC"], {"frozen": ours})["ours, frozen: average"]
    assert both[("2", "A2V(SG)")] == "50.0 ± 0.0 (2)" and both[("2", "A2V(CBoW)")] == "–"
    assert beside(evaluations([]), ["ASG"], "frozen").loc["paper: Our ASG", "LS"] == "100.0"


def test_a_task_that_is_not_there_keeps_its_line():
    counts = {
        "train": 1200,
        "test": 400,
        "skipped": [{"path": "a.wav", "reason": "no sound"}],
        "absent_from_test": ["7"],
        "missing": 2,
    }
    table = evaluations([record("ASG", 0.5, counts=counts, classes=TEN)])
    found = used(["fsdd/digit", "nsynth/family"], table)
    numbers = ["classes", "train", "test", "skipped", "missing"]
    assert found.loc["fsdd/digit", numbers].tolist() == [10, 1200, 400, 1, 2]
    assert found.loc["fsdd/digit", "classes without test clip"] == "7"
    assert found.loc["nsynth/family", numbers].isna().all()
    assert found.loc["nsynth/family", "metric"] == "accuracy"
