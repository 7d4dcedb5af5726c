"""The batch on small throw-away notebooks: real kernels, real papermill, planted failures."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from asglib.data.workspace import Workspace
from asglib.study import build, report
from asglib.study.cluster import StudyError

PARAMETERS = 'PROFILE: str = "unset"  # which\nRATE: float = 0.5  # a rate'


def notebook(folder: Path, name: str, *cells: str, parameters: str = "") -> None:
    """Write a notebook titled by its name, with a parameters cell if one is given."""
    made = [new_markdown_cell(f"# Title of {name}")]
    made += [new_code_cell(parameters, metadata={"tags": ["parameters"]})] if parameters else []
    made += [new_code_cell(source) for source in cells]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    about = kernel | {"title": f"Title of {name}"}
    nbformat.write(new_notebook(cells=made, metadata=about), folder / f"{name}.ipynb")


def finding(number: int, sentence: str = "'Seen.'") -> str:
    return f"from asglib.study import report\nreport.finding({number}, {sentence})"


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    """One batch with every way to fail between two notebooks that succeed."""
    root = tmp_path_factory.mktemp("study")
    source = root / "notebooks"
    source.mkdir()
    notebook(source, "01_good", finding(1, "f'{PROFILE} {RATE!r}'"), parameters=PARAMETERS)
    notebook(
        source, "02_error", "raise ValueError('boom: give 3')", finding(2), parameters=PARAMETERS
    )
    notebook(
        source, "03_killed", "import os; os.kill(os.getpid(), 9)", finding(3), parameters=PARAMETERS
    )
    notebook(source, "04_silent", "1 + 1", parameters=PARAMETERS)
    notebook(
        source,
        "05_blind",
        "from IPython.display import Image, display\nimport base64\n"
        "display({'image/png': base64.b64encode(b'x').decode()}, raw=True)",
        finding(5),
        parameters=PARAMETERS,
    )
    notebook(source, "06_runs", finding(6), parameters=PARAMETERS)
    notebook(source, "10_last", finding(10), parameters=PARAMETERS)
    lines = []
    with pytest.MonkeyPatch.context() as patch:
        lost = {source / "06_runs.ipynb": "1 of 2 records are missing"}
        patch.setattr(build.needed, "with_runs", lambda *_: ({}, {}, lost))
        patch.setenv("ASG_RUNS", str(root / "runs"))
        status = build.reproduce(
            "smoke",
            source,
            root / "html",
            parameters={"RATE": 1e-05},
            workspace=Workspace(),
            echo=lines.append,
        )
    return root, status, lines


def entries(root: Path) -> dict[str, dict]:
    return {
        path.stem: json.loads(path.read_text())
        for path in sorted((root / "html" / "entries").glob("*.json"))
    }


def test_failures_do_not_stop_the_others_and_show_in_status_index_and_terminal(batch):
    root, status, lines = batch
    assert status == 1
    errors = {name: entry.get("error") for name, entry in entries(root).items()}
    assert errors == {
        "01_good": None,
        "02_error": "ValueError: boom: give 3",
        "03_killed": "nbclient.exceptions.DeadKernelError: Kernel died",
        "04_silent": "04_silent.ipynb has 0 findings; its end calls report.finding(4, ...) once.",
        "05_blind": "05_blind.html, cell 4 (from IPython.display import Image, displ): "
        "image without alt text; show it with report.figure(fig, alt, caption).",
        "06_runs": "1 of 2 records are missing",
        "10_last": None,
    }
    index = BeautifulSoup((root / "html" / "index.html").read_text(), "html.parser")
    states = [item.select_one(".status").text.split(",")[0] for item in index.select("li.entry")]
    assert states == ["ok", "failed", "failed", "failed", "failed", "failed", "ok"]
    assert "ValueError: boom: give 3" in index.text and "Kernel died" in index.text
    assert lines[-1].startswith("2 of 7 notebooks done; read ") and any(
        "03_killed failed: " in line for line in lines
    )


def test_parameters_and_profile_reach_the_notebook_unchanged(batch):
    root, *_ = batch
    assert entries(root)["01_good"]["sentence"] == "smoke 1e-05"  # a float, not YAML's text "1e-05"
    page = BeautifulSoup((root / "html" / "01_good.html").read_text(), "html.parser")
    about = dict(
        zip([t.text for t in page.select("dt")], [d.text for d in page.select("dd")], strict=True)
    )
    assert about["profile"] == "smoke" and about["parameters"] == "RATE=1e-05"
    assert (
        about["command"] == "python -m asglib reproduce --profile smoke --only 01"
        and "torch" in about["versions"]
    )
    assert page.find(class_="banner")


def test_a_failed_notebook_has_a_page_that_says_so_and_keeps_its_log(batch):
    root, *_ = batch
    page = (root / "html" / "02_error.html").read_text()
    assert "ValueError: boom: give 3" in page and "failed" in page
    kept = {path.name for path in (root / "runs" / "executed" / "smoke").iterdir()}
    failed = {"02_error.failed.ipynb", "02_error.failed.log"}
    assert {"01_good.ipynb", "10_last.ipynb"} | failed <= kept
    assert "02_error.ipynb" not in kept
    assert [name for name in kept if name.startswith(".")] == [".lock"]


def test_links_follow_the_order_of_the_notebooks_and_lead_somewhere(batch):
    root, *_ = batch
    page = BeautifulSoup((root / "html" / "10_last.html").read_text(), "html.parser")
    assert (
        page.find("a", rel="prev")["href"] == "06_runs.html" and page.find("a", rel="next") is None
    )
    assert page.find("a", rel="prev").text == "← Title of 06_runs"
    problems = report.check(root / "html")
    assert len(problems) == 5 and all(": failed: " in line for line in problems)


def test_one_notebook_alone_keeps_the_others_entries(batch):
    root, *_ = batch
    before = entries(root)
    notebook(root / "notebooks", "04_silent", finding(4, "'Now it speaks.'"))
    assert (
        build.reproduce(
            "smoke",
            root / "notebooks",
            root / "html",
            only=["4"],
            echo=lambda line: None,
        )
        == 0
    )
    after = entries(root)
    assert (
        after.pop("04_silent")["sentence"] == "Now it speaks."
        and before.pop("04_silent")["status"] == "failed"
    )
    assert after == before
    index = BeautifulSoup((root / "html" / "index.html").read_text(), "html.parser")
    assert "3 of 7 notebooks" in index.select_one(".made").text


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"parameters": {"RAET": 1}}, "01_a.ipynb has no parameter RAET; it has PROFILE, RATE."),
        ({"only": ["07"]}, "There is no notebook '07'; there are 01_a, 02_b."),
        (
            {"parameters": {"PROFILE": "small"}},
            "PROFILE='small' contradicts the profile 'smoke'; give one of the two.",
        ),
        (
            {"notebooks_dir": "nowhere"},
            "nowhere: no notebook named NN_*.ipynb; give the folder of the study's notebooks.",
        ),
    ],
)
def test_a_wrong_request_is_refused_in_one_sentence_before_anything_runs(
    tmp_path, monkeypatch, request_, sentence
):
    monkeypatch.setattr(build, "start", lambda *_: pytest.fail("nothing may start"))
    monkeypatch.setattr(
        build.needed, "with_runs", lambda *_: pytest.fail("nothing may be computed")
    )
    for name in ("01_a", "02_b", "helper"):
        notebook(tmp_path, name, parameters=PARAMETERS)
    asked = {"notebooks_dir": ".", **request_}
    asked["notebooks_dir"] = tmp_path / asked["notebooks_dir"]
    with pytest.raises(StudyError) as refused:
        build.reproduce("smoke", out_dir=tmp_path / "html", workspace=Workspace(), **asked)
    assert str(refused.value).endswith(sentence)
    assert not (tmp_path / "html").exists()


def test_a_page_beside_one_that_was_never_made_links_to_its_entry(tmp_path):
    titles = {"01_a": "A", "02_b": "B", "03_c": "C"}
    lone = build.Batch(titles, [tmp_path / "02_b.ipynb"], tmp_path, tmp_path, {}, {})
    assert build._neighbour(lone, "02_b", -1) == ("index.html#01_a", "A")
    (tmp_path / "03_c.html").touch()
    assert (
        build._neighbour(lone, "02_b", 1) == ("03_c.html", "C")
        and build._neighbour(lone, "03_c", 1) is None
    )
