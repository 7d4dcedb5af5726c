"""The scorecard: published records are the runs' own numbers, and README's table is made from nothing else."""

import json
import re

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from test_results import record

from asglib import config
from asglib.data.workspace import Workspace
from asglib.study import paper as audit
from asglib.study import plans, pool, scorecard
from asglib.study import tables as results
from asglib.study.report import display
from asglib.study.scorecard import ScorecardError

SMALL = config.profile("small")
MAIN = SMALL.pretraining.corpus


def study(**values):
    """Records of the small profile's main corpus: ft-none can be judged on two tasks and three seeds."""
    return [
        record(method, value, key, seed, corpus=MAIN)
        for method, row in values.items()
        for key in ("fsdd/digit", "fsdd/speaker")
        for seed, value in enumerate(row)
    ]


BETTER = {"NONE": [0.70, 0.71, 0.72], "FT": [0.75, 0.765, 0.765], "ST": [0.70, 0.72, 0.71]}


def folder_of(path, records):
    path.mkdir(parents=True, exist_ok=True)
    for one in records:
        (path / f"{one['run'].replace('/', '-')}.json").write_text(json.dumps(one))
    return path


def line(text, paper):
    return next(row for row in text.splitlines() if f"| {paper}" in row)


# README


def test_the_readme_table_shows_claim_paper_ours_and_verdict(tmp_path):
    text = scorecard.readme(folder_of(tmp_path / "small", study(**BETTER)))
    found = line(text, "FT - NONE = 2.2").split(" | ")
    assert found[0].startswith("| FT, SF, FF outperforms NONE by 2.2%")
    assert (
        found[2] == "+5.0 [+3.8, +6.2], 3 seeds" and found[3] == "reproduced |"
    )  # differences 5, 5.5, 4.5; t = 4.303
    assert line(text, "ST - NONE < 0 (SCV1").split(" | ")[3] == "inconclusive |"
    assert (
        "ASG - Sup. >= 0" not in text
    )  # no supervised run among the records: counted below, not shown as a row
    assert "3 pretraining seeds, 18 records" in text and SMALL.differs in text


def test_the_controls_stand_below_the_table(tmp_path):
    """The mean of all tasks within a seed, then over seeds; a system without all of them has no average."""
    records = [
        record(method, value, key, seed, corpus="" if method == "spectrogram" else MAIN)
        for method, value in (("spectrogram", 0.8), ("ASG", 0.6))
        for seed in range(3)
        for key, value in zip(SMALL.tasks, (value - 0.1, value + 0.1, value, value, value))
    ]
    text = scorecard.readme(folder_of(tmp_path / "small", records[:-1])).splitlines()[-1]
    assert (
        "spectrogram 80.0 ± 0.0 (3), untrained not tested" in text
        and "ASG 60.0 ± 0.0 (2 of 3)." in text
    )


def test_unequal_numbers_of_seeds_are_said():
    rows = results.frame(study(**BETTER))
    assert (
        scorecard.seeds(rows) == "3 pretraining seeds"
        and scorecard.seeds(rows[rows.seed == 0]) == "1 pretraining seed"
    )
    assert (
        scorecard.seeds(rows[(rows.seed == 0) | (rows.method == "FT")])
        == "1 to 3 pretraining seeds"
    )


def test_every_claim_is_in_the_table_or_counted_below_it(tmp_path):
    text = scorecard.readme(folder_of(tmp_path / "small", study(**BETTER)))
    claims = audit.paper_claims()
    rows = len([row for row in text.splitlines() if row.startswith("| ")]) - 1
    waiting, rest = map(
        int, re.search(r"Not tested: (\d+) claims .* and (\d+) that", text).groups()
    )
    assert (
        rows >= 3
        and rows + waiting == (claims.ours_minuend != "").sum()
        and rest == (claims.ours_minuend == "").sum()
    )
    counts = {
        word: int(n)
        for n, word in re.findall(
            r"(\d+) (reproduced|partly|inconclusive|not tested|not reproduced)[,.]", text
        )
    }
    assert (
        sum(counts.values()) == len(claims) and list(counts)[0] == "reproduced" and len(counts) == 5
    )


def test_one_changed_record_changes_the_table(tmp_path):
    folder = folder_of(tmp_path / "small", study(**BETTER))
    before = scorecard.readme(folder)
    path = next(
        path
        for path in sorted(folder.glob("*.json"))
        if json.loads(path.read_text())["method"] == "FT"
    )
    one = json.loads(path.read_text())
    path.write_text(json.dumps(one | {"value": one["value"] - 0.06}))
    after = scorecard.readme(folder)
    assert line(before, "FT - NONE = 2.2") != line(after, "FT - NONE = 2.2")
    assert scorecard.readme(folder) == after, "and nothing else does"


def test_a_smoke_table_says_that_it_is_no_evidence(tmp_path):
    smoke = [one | {"profile": "smoke", "corpus": "toy"} for one in study(**BETTER)]
    text = scorecard.readme(folder_of(tmp_path / "smoke", smoke))
    assert text.splitlines()[0].count("No evidence") == 1
    assert line(text, "FT - NONE = 2.2").endswith("| +5.0 [+3.8, +6.2], 3 seeds | not tested |")
    assert "0 reproduced, 0 partly, " in text


def readme_file(path, inside="old 12.3"):
    path.write_text(f"# Title\n\n<!-- scorecard -->\n{inside}\n<!-- /scorecard -->\n\nThe end.\n")
    return path


def test_the_readme_is_changed_between_its_marks_only(tmp_path):
    path, folder = (
        readme_file(tmp_path / "README.md"),
        folder_of(tmp_path / "small", study(**BETTER)),
    )
    scorecard.write_readme(path, folder)
    text = path.read_text()
    assert text.startswith("# Title\n\n<!-- scorecard -->\nProfile `small`") and text.endswith(
        "<!-- /scorecard -->\n\nThe end.\n"
    )
    assert "old 12.3" not in text and scorecard.readme(folder) in text
    scorecard.write_readme(path, folder)
    assert path.read_text() == text, "twice is once"


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: None,
        lambda folder: folder.mkdir(),
        lambda folder: folder_of(folder, [{"kind": "pretraining", "run": "p"}]),
    ],
)
def test_without_records_the_old_numbers_go_and_one_sentence_says_what_is_missing(tmp_path, make):
    path, folder = readme_file(tmp_path / "README.md"), tmp_path / "small"
    make(folder)
    with pytest.raises(
        ScorecardError,
        match="no published records in .*small: run `python -m asglib reproduce --profile small`",
    ):
        scorecard.write_readme(path, folder)
    assert (
        "12.3" not in path.read_text()
        and "There is no scorecard. There are no published records" in path.read_text()
    )


def test_a_broken_record_removes_the_old_numbers_too(tmp_path):
    path, folder = (
        readme_file(tmp_path / "README.md"),
        folder_of(tmp_path / "small", study(**BETTER)),
    )
    (folder / "half.json").write_text('{"kind": "eval')
    with pytest.raises(ScorecardError, match="half.json is not a whole JSON record"):
        scorecard.write_readme(path, folder)
    assert "12.3" not in path.read_text()


@pytest.mark.parametrize(
    "text",
    ["no marks", "<!-- scorecard --> only one", "<!-- scorecard -->\n" * 2 + "<!-- /scorecard -->"],
)
def test_a_readme_without_its_marks_is_left_alone(tmp_path, text):
    (tmp_path / "README.md").write_text(text)
    with pytest.raises(ScorecardError, match="needs the line <!-- scorecard -->"):
        scorecard.write_readme(
            tmp_path / "README.md", folder_of(tmp_path / "small", study(**BETTER))
        )
    assert (tmp_path / "README.md").read_text() == text


# the card


def test_what_is_measured_is_turned_to_the_claimed_side():
    card = scorecard.card(results.frame(study(**BETTER)), audit.paper_claims(), SMALL).set_index(
        "id"
    )
    ft, st = card.loc["ft-none"], card.loc["st-negative-scv1"]
    assert ft[["mean", "low", "high"]].round(1).tolist() == [5.0, 3.8, 6.2] and ft["ours"].endswith(
        "3 seeds"
    )
    assert (
        ft["direction"] == "as claimed (interval clear of 0)"
        and ft["notebook"] == "05"
        and ft["stated"] == 2.2
    )
    assert (
        st["ours"] == "+0.0 [-2.5, +2.5], 3 seeds"
        and st["direction"] == "no difference (interval reaches 0)"
    )
    assert card.loc["sup-frozen-vc", "direction"] == "not measured"
    assert card["notebook"].isin(["05", "06", "07", "08", ""]).all()


def test_a_claim_that_something_is_lower_counts_a_loss_as_claimed():
    worse = BETTER | {"ST": [0.66, 0.68, 0.69]}
    card = (
        scorecard.card(results.frame(study(**worse)), audit.paper_claims(), SMALL)
        .set_index("id")
        .loc["st-negative-scv1"]
    )
    assert (
        card["ours"].startswith("-3.3 [")
        and card["mean"] == pytest.approx(10 / 3)
        and card["low"] < 3.3 < card["high"]
    )


def test_a_weakest_pair_is_read_with_its_name_and_numbers():
    card = scorecard.card(
        results.frame(study(**BETTER, FF=[0.80] * 3, SF=[0.80, 0.79, 0.78])),
        audit.paper_claims(),
        SMALL,
    )
    row = card.set_index("id").loc["moves-none"]
    assert row["ours"].startswith("FT - NONE: +5.0") and row["mean"] == pytest.approx(5)


def test_every_report_behind_a_claim_is_a_notebook():
    pages = scorecard.pages()
    assert set(scorecard.BEHIND.values()) <= set(pages)
    assert all(
        (scorecard.NOTEBOOKS / page).with_suffix(".ipynb").is_file() for page in pages.values()
    )
    assert set(audit.paper_claims()["table"]) - {""} <= set(scorecard.BEHIND)


def test_a_cell_becomes_a_link_and_nothing_else_does(monkeypatch):
    shown = []
    monkeypatch.setattr(display, "display", lambda bundle: shown.append(bundle.data))
    frame = pd.DataFrame(
        {"report": ["report 05", "see report 05", "<b>"]}, index=["report 05", "b", "c"]
    )
    display.table(frame, "Links.", links={"report 05": 'x".html', "<b>": "y.html"})
    soup = BeautifulSoup(shown[0], "html.parser")
    assert [(a["href"], a.text, a.parent.name) for a in soup.find_all("a")] == [
        ('x".html', "report 05", "td"),
        ("y.html", "<b>", "td"),
    ]
    assert [cell.text for cell in soup.find_all("td") if cell.text] == [
        "report 05",
        "see report 05",
        "<b>",
    ]


# tables 2 and 3


def test_the_papers_rows_are_quoted_and_ours_stand_below():
    ours = [
        record("ASG", value, "esc50/sound", seed, corpus=MAIN, classes=[str(i) for i in range(10)])
        for seed, value in enumerate((0.5, 0.6, 0.7))
    ]
    table = scorecard.beside(results.frame(ours), ["NONE", "ASG"], "frozen")
    assert table.loc["paper: COLA", "SCV2"] == "62.4" and table.loc["paper: COLA", "AS"] == "–"
    assert table.loc["paper: Sup.", "VC"] == "20.4" and list(table.columns) == [
        "LS",
        "SCV1",
        "SCV2",
        "MS",
        "VC",
        "NS",
        "AS",
        "ESC",
    ]
    assert table.loc["ours: ASG", "ESC"] == "60.0 ± 24.8 (3); 10 classes, not 50"
    assert (table.loc["ours: NONE"] == "not tested").all() and table.loc[
        "ours: ASG", "LS"
    ] == "not tested"
    assert (
        scorecard.beside(results.frame([]), ["ASG"], "fine-tuned")
        .loc["ours: ASG"]
        .eq("not tested")
        .all()
    )


def test_a_task_that_is_not_there_keeps_its_line_with_the_way_to_get_it():
    counts = {
        "train": 1200,
        "test": 400,
        "skipped": [{"path": "a.wav", "reason": "no sound"}],
        "absent_from_test": ["7"],
        "missing": 2,
    }
    frame = results.frame(
        [record("ASG", 0.5, corpus=MAIN, counts=counts, classes=[str(i) for i in range(10)])]
    )
    table = scorecard.used(
        ["fsdd/digit", "musan/kind", "nsynth/family"],
        frame,
        {"musan": "MUSAN is not there: fetch it."},
        MAIN,
    )
    digit = table.loc["fsdd/digit"]
    assert list(digit[["classes", "train", "test", "skipped", "missing"]]) == [
        "10",
        "1,200",
        "400",
        "1",
        "2",
    ]
    assert digit["note"] == "1 of 10 classes have no test clip: 7"
    assert table.loc["musan/kind", "note"] == "not tested: musan is not there"
    lone = scorecard.used(["fsdd/digit"], frame, {MAIN: "The corpus is not there."}, MAIN).loc[
        "fsdd/digit", "note"
    ]
    assert lone == f"{digit['note']}; only the spectrogram is tested: {MAIN} is not there"
    assert (
        table.loc["nsynth/family", "note"] == "not tested: no record"
        and table.loc["nsynth/family", "train"] == "–"
    )


# publishing


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Three planned runs of which two are finished, one with a float of 17 digits."""
    planned = plans.evaluations(config.profile("smoke"), "NONE", config.profile("smoke").tasks)[:2]
    names = {
        planned[0]: "evaluate-NONE-1",
        planned[1]: "evaluate-NONE-2",
        planned[0].pretraining: "pretrain-NONE-1",
    }
    monkeypatch.setattr(plans, "everything", lambda profile: planned)
    monkeypatch.setattr(pool, "available", lambda evaluations, place: (evaluations, {}))
    monkeypatch.setattr(scorecard, "run_name", lambda config, place: names[config])
    for name in ("evaluate-NONE-1", "pretrain-NONE-1"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "record.json").write_text(
            f'{{"kind": "x", "run": "{name}", "value": 0.30000000000000004, "a": 1.50e-05}}'
        )
    return Workspace(None, tmp_path / "runs")


def test_records_are_published_byte_by_byte_with_their_profile(runs, tmp_path):
    folder = tmp_path / "records" / "smoke"
    assert scorecard.publish(config.profile("smoke"), runs, folder) == 2
    assert sorted(path.name for path in folder.iterdir()) == [
        "evaluate-NONE-1.json",
        "pretrain-NONE-1.json",
    ]
    text, original = (
        (folder / "evaluate-NONE-1.json").read_text(),
        (runs.runs / "evaluate-NONE-1" / "record.json").read_text(),
    )
    assert text == '{"profile": "smoke", ' + original[1:]
    assert json.loads(text) == json.loads(original) | {"profile": "smoke"}


def test_what_is_no_finished_run_of_the_plans_is_removed_and_nothing_else(runs, tmp_path):
    folder = folder_of(tmp_path / "records" / "smoke", [{"run": "evaluate-old-1"}])
    (folder / "NOTE.md").write_text("kept")
    other = folder_of(tmp_path / "records" / "small", [{"run": "evaluate-small-1"}])
    scorecard.publish(config.profile("smoke"), runs, folder)
    assert (
        not (folder / "evaluate-old-1.json").exists()
        and (folder / "NOTE.md").exists()
        and len(list(other.iterdir())) == 1
    )


def test_without_a_finished_run_nothing_is_published_and_nothing_removed(runs, tmp_path):
    folder = folder_of(tmp_path / "records" / "smoke", [{"run": "evaluate-old-1"}])
    for path in runs.runs.glob("*/record.json"):
        path.unlink()
    with pytest.raises(
        ScorecardError,
        match="no finished run of the profile: run `python -m asglib reproduce --profile smoke`",
    ):
        scorecard.publish(config.profile("smoke"), runs, folder)
    assert (folder / "evaluate-old-1.json").exists()


def test_missing_runs_are_gathered_with_their_reasons(runs, monkeypatch):
    planned = plans.everything(None)
    monkeypatch.setattr(
        pool, "available", lambda evaluations, place: (planned[:1], {"musan": "is not there."})
    )
    monkeypatch.setattr(pool, "collect", lambda able, profile, place, progress: [{"run": "a"}])
    monkeypatch.setattr(
        scorecard, "record_of", lambda e, place: None
    )  # every record was found: none is asked for again
    found, reasons = scorecard.gather(planned, config.profile("smoke"), runs)
    assert found == [{"run": "a"}] and reasons == ["musan: is not there."]

    def fails(able, profile, place, progress):
        raise pool.StudyError("1 of 2 records are missing: boom")

    monkeypatch.setattr(pool, "available", lambda evaluations, place: (planned, {}))
    monkeypatch.setattr(pool, "collect", fails)
    monkeypatch.setattr(
        scorecard, "record_of", lambda e, place: {"run": "a"} if e == planned[0] else None
    )
    found, reasons = scorecard.gather(planned, config.profile("smoke"), runs)
    assert (
        found == [{"run": "a", "profile": "smoke"}]
        and reasons[0] == "1 of 2 records are missing: boom"
    )
    assert reasons[1:] == [
        f"1 runs whose data are there have no record: {pool.describe(planned[1])}."
    ]
