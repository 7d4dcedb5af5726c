"""Tables 2 and 3 with ours below, and what each task rests on."""

from made_records import record, study

from asglib.study.beside import COLUMNS, beside, used
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


def test_what_is_wanting_is_named():
    absent = {"musan": "fetch it", "vggsound, 512 clips": "too few"}
    found = beside(evaluations([]), ["spectrogram", "ASG"], "frozen", absent, "vggsound")
    assert found.loc["ours: spectrogram", ["MS", "LS"]].tolist() == [
        "not tested for want of musan",
        "not tested",
    ]
    assert found.loc["ours: ASG", "LS"] == "not tested for want of vggsound, 512 clips"


def test_a_task_that_is_not_there_keeps_its_line_with_the_reason():
    counts = {
        "train": 1200,
        "test": 400,
        "skipped": [{"path": "a.wav", "reason": "no sound"}],
        "absent_from_test": ["7"],
        "missing": 2,
    }
    table = evaluations([record("ASG", 0.5, counts=counts, classes=TEN)])
    tasks = ["fsdd/digit", "musan/kind", "nsynth/family"]
    found = used(tasks, table, {"musan": "MUSAN is not there: fetch it."}, "esc50")
    numbers = ["classes", "train", "test", "skipped", "missing"]
    assert found.loc["fsdd/digit", numbers].tolist() == ["10", "1,200", "400", "1", "2"]
    note = found["note"]
    assert note["fsdd/digit"] == "1 of 10 classes have no test clip: 7"
    assert note["musan/kind"] == "not tested: musan is not there"
    assert note["nsynth/family"] == "not tested: no record"
    assert found.loc["nsynth/family", "train"] == "–"
    alone = used(["fsdd/digit"], table, {"esc50": "not there"}, "esc50").loc["fsdd/digit", "note"]
    assert alone == f"{note['fsdd/digit']}; only the spectrogram is tested: esc50 is not there"
