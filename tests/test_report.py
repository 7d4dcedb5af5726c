"""Pages, index and check: each rule holds on a good page and turns red on a planted defect."""

from __future__ import annotations

import base64
import io
import json
import os
import re
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import soundfile
from bs4 import BeautifulSoup
from contrast import contrast
from matplotlib import pyplot
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from asglib.study import report
from asglib.study.report import display, pages

PIXEL = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c02"
        "0000000b4944415478da6364f8ff1f0003030200efbfa7db0000000049454e44ae426082"
    )
).decode()
GOOD = {
    "profile": "small",
    "commit": "abc123",
    "command": "python -m asglib reproduce --profile small --only 02",
}


def image(alt: str | None = "A dot.", kind: str = "image/png", data: str = PIXEL):
    return new_output(
        "display_data", {kind: data}, metadata={kind: {"alt": alt}} if alt is not None else {}
    )


def html_output(text: str):
    return new_output("display_data", {"text/html": text, "text/plain": ""})


def executed(path: Path, *outputs, cells=()) -> Path:
    """Write an executed notebook whose third cell has these outputs."""
    notebook = new_notebook(
        metadata={"title": "Two moves"},
        cells=[
            new_markdown_cell("# Two moves\n\nText."),
            new_markdown_cell("## Look\n\n### Closer\n\n## Look"),
            new_code_cell("show(1)", outputs=list(outputs)),
            *cells,
        ],
    )
    for n, cell in enumerate(notebook.cells):
        cell["id"] = f"c{n}"
    nbformat.write(notebook, path)
    return path


def page(folder: Path, *outputs, cells=(), about=GOOD, previous=None, next=None) -> BeautifulSoup:
    source = executed(folder / "02_two.ipynb", *outputs, cells=cells)
    report.render(source, folder / "02_two.html", previous, next, about)
    return BeautifulSoup((folder / "02_two.html").read_text(), "html.parser")


def test_a_good_page_has_everything_a_reader_needs(tmp_path):
    cells = [
        new_code_cell("import this", metadata={"tags": ["hide-input"]}),
        new_code_cell("SEED = 3", metadata={"tags": ["injected-parameters"]}),
    ]
    soup = page(
        tmp_path,
        image(),
        cells=cells,
        previous=("01_one.html", "One"),
        next=("index.html#03_x", "Three"),
    )
    assert (
        soup.html["lang"] == "en"
        and soup.title.text == "Two moves"
        and len(soup.find_all("h1")) == 1
    )
    assert [a["href"] for a in soup.select("#page-contents a")] == ["#look", "#closer", "#look-2"]
    assert all(len(soup.find_all(id=name)) == 1 for name in ("look", "closer", "look-2"))
    assert {a["href"] for a in soup.select(".neighbours a")} == {
        "01_one.html",
        "index.html",
        "index.html#03_x",
    }
    assert soup.main.img["alt"] == "A dot." and soup.main.img["src"].endswith(PIXEL)
    folded = {
        d.summary.text: (d.pre.text.strip(), d.has_attr("open")) for d in soup.find_all("details")
    }
    assert folded == {
        "Code": ("show(1)", False),
        "Set-up code": ("import this", False),
        "Parameters of this run": ("SEED = 3", False),
    }
    assert (
        dict(
            zip(
                [t.text for t in soup.select("dt")],
                [d.text for d in soup.select("dd")],
                strict=True,
            )
        )
        == GOOD
    )
    assert soup.find(class_="banner") is None and soup.find("script") is None
    assert not re.search(r"(src|href)=.?(https?:)?//", str(soup))


def test_only_a_smoke_page_carries_the_banner(tmp_path):
    soup = page(tmp_path, about={"profile": "smoke"})
    assert soup.find(class_="banner").text == "smoke run: not evidence for the paper's claims"


def test_rendering_twice_gives_the_same_bytes(tmp_path):
    page(tmp_path, image())
    first = (tmp_path / "02_two.html").read_bytes()
    page(tmp_path, image())
    assert (tmp_path / "02_two.html").read_bytes() == first and len(first) < 20_000


SVG = '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>'
DEFECTS = {
    "png without alt": (image(None), "02_two.html, cell 3 (show(1)): image without alt text"),
    "blank alt": (image("  "), "cell 3 (show(1)): image without alt text"),
    "svg without alt": (
        image(None, "image/svg+xml", SVG),
        "cell 3 (show(1)): image without alt text",
    ),
    "img without alt": (
        html_output(f'<img src="data:,{PIXEL}">'),
        "cell 3 (show(1)): image without alt text",
    ),
    "unnamed drawing": (html_output(SVG), "drawing without aria-label"),
    "external image": (
        html_output('<img alt="x" src="https://example.org/x">'),
        "external address https://example.org/x",
    ),
    "external link": (
        html_output('<a href="//example.org">x</a>'),
        "external address //example.org in href",
    ),
    "external style": (
        html_output("<style>p { src: url('http://example.org/x') }</style>"),
        "external address in a style",
    ),
    "script": (html_output("<script>alert(1)</script>"), "a <script>"),
    "error": (
        new_output(
            "error", ename="ValueError", evalue="boom", traceback=["one", "ValueError: boom"]
        ),
        "error output: ValueError: boom",
    ),
    "second title": (html_output("<h1>Again</h1>"), "2 first-level headings"),
    "size": (image(data="A" * (report.LARGEST + 1)), "5.0 MB, above 5 MB"),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_is_refused_in_one_sentence_and_leaves_the_old_page(tmp_path, name):
    output, sentence = DEFECTS[name]
    page(tmp_path)
    before = (tmp_path / "02_two.html").read_bytes()
    with pytest.raises(report.ReportError, match=re.escape(sentence)):
        page(tmp_path, output)
    assert (tmp_path / "02_two.html").read_bytes() == before
    assert not list(tmp_path.glob(".*"))


def test_a_described_drawing_and_a_player_pass(tmp_path):
    player = html_output('<audio controls preload="none" src="data:audio/flac;base64,A"></audio>')
    soup = page(tmp_path, image("A line.", "image/svg+xml", SVG), player)
    assert (
        base64.b64decode(soup.img["src"].split(",")[1]).decode() == SVG
        and soup.audio["preload"] == "none"
    )


def entry(name: str, **more) -> dict:
    return {
        "name": name,
        "number": name[:2],
        "title": f"Title {name}",
        "status": "ok",
        "seconds": 61.0,
        "sentence": "FT helps <direction>.",
        "figure": PIXEL,
        "alt": "A dot.",
        "error": "",
        **more,
    }


def folder_of_reports(folder: Path) -> Path:
    page(folder, image(), previous=("index.html#01_one", "One"))
    report.write_entry(folder, entry("02_two"))
    titles = [("01_one", "Title 01_one"), ("02_two", "Title 02_two")]
    report.index(folder, report.entries(folder, titles), {**GOOD, "profile": "smoke"})
    return folder


def test_the_index_has_one_entry_a_notebook(tmp_path):
    soup = BeautifulSoup((folder_of_reports(tmp_path) / "index.html").read_text(), "html.parser")
    first, second = soup.select("li.entry")
    assert (
        "not run" in first.text
        and "--only 01" in first.text
        and first.a is None
        and first.img is None
    )
    assert "ok, 1 min 1 s" in second.text and "FT helps <direction>." in second.text
    assert (
        second.a["href"] == "02_two.html"
        and second.img["alt"] == "A dot."
        and second.img["src"].endswith(PIXEL)
    )
    assert soup.find(class_="banner") and "1 of 2 notebooks" in soup.select_one(".made").text
    report.write_entry(
        tmp_path, entry("01_one", status="failed", error="ValueError: <boom>", sentence="")
    )
    report.index(
        tmp_path,
        report.entries(tmp_path, [("01_one", "")]),
        GOOD | {"differs from the paper": "less <data>"},
    )
    soup = BeautifulSoup((tmp_path / "index.html").read_text(), "html.parser")
    assert soup.select_one(".limits").text.endswith("differs from the paper: less <data>.")
    assert (
        soup.select_one("li.entry pre").text == "ValueError: <boom>"
        and soup.find(class_="banner") is None
    )


def test_check_passes_good_reports_and_finds_each_planted_defect(tmp_path):
    folder = folder_of_reports(tmp_path)
    assert report.check(folder) == []
    good = (folder / "02_two.html").read_text()
    for old, new, sentence in [
        ('alt="A dot."', "", "image without alt text"),
        ('alt="A dot."', 'alt=""', "image without alt text"),
        (
            "<main",
            '<script src="https://example.org/x"></script><main',
            "external address https://example.org/x",
        ),
        (
            "<main",
            '<link href="http://example.org/x.css"><main',
            "external address http://example.org/x.css",
        ),
        (
            "<main",
            '<pre class="output error">NameError: x</pre><main',
            "error output: NameError: x",
        ),
        (
            "<main",
            '<pre class="output stderr">x.py:1: UserWarning: no widgets</pre><main',
            "02_two.html: a warning on the page: x.py:1: UserWarning: no widgets",
        ),
        ('href="index.html#01_one"', 'href="01_one.html"', "the link to 01_one.html leads nowhere"),
        ('href="#closer"', 'href="#further"', "the link to #further leads nowhere"),
        ("<main", "<!--" + "x" * report.LARGEST + "--><main", "5.0 MB, above 5 MB"),
    ]:
        assert old in good
        (folder / "02_two.html").write_text(good.replace(old, new))
        assert any(sentence in line for line in report.check(folder)), sentence
    (folder / "02_two.html").write_text(good)
    report.write_entry(folder, entry("03_three"))
    assert report.check(folder) == ["03_three.html is missing: its entry says that it is there."]
    report.write_entry(folder, entry("03_three", status="failed", error="boom in /home/me/x.pt"))
    assert report.check(folder) == ["03_three: failed: boom in x.pt"]
    assert len(report.check(folder / "nowhere")) == 2  # nothing to check is not "nothing wrong"


BAD = '<svg onload="document.title=1"></svg>'  # what a folder, and so a class, may be named


def hostile(folder: Path, monkeypatch) -> BeautifulSoup:
    """A page whose names, links and notes come from a hostile data set."""
    monkeypatch.setenv("ASG_DATA", "/srv/my data")
    finding = {"number": 2, "sentence": f"{BAD} leads.", "figure": PIXEL, "alt": f'">{BAD}'}
    bundle = {"text/markdown": finding["sentence"], report.FINDING: finding}
    markdown = f"{BAD} [x](javascript:document.title=1)\n\n## <img src=x onerror=alert(1)>"
    notes = "skipped /srv/my data/esc50/a b.wav, /home/me/sets/x.wav (and/or 1/2)"
    return page(
        folder,
        new_output("display_data", {"text/markdown": markdown}),
        html_output('<a href="java\nscript:alert(1)" onclick="alert(1)">y</a>'),
        html_output('<a href="data:text/html,<script>alert(1)</script>">z</a>'),
        new_output("stream", name="stderr", text=f"{BAD} {notes}"),
        new_output("execute_result", {"text/plain": BAD}, execution_count=1),
        image(f'">{BAD}'),
        new_output("display_data", bundle),
        about=GOOD | {"data": [BAD], "profile": BAD},
        previous=("01_one.html", BAD),
    )


def test_names_bring_no_script_and_no_paths_of_the_machine_into_a_page(tmp_path, monkeypatch):
    soup = hostile(tmp_path, monkeypatch)
    assert soup.find(["svg", "script"]) is None and len(soup.find_all("img")) == 2
    keys = {key for tag in soup.find_all(True) for key in tag.attrs}
    assert "alt" in keys and not [key for key in keys if key.startswith("on")]
    assert not re.search(r'(href|src)="[^"]*(script|text/html)', str(soup))
    assert soup.main.get_text().count(BAD) >= 4 and BAD in soup.img["alt"]
    notes = soup.select_one(".stderr").text
    assert notes.endswith("skipped esc50/a b.wav, x.wav (and/or 1/2)")
    policy = soup.find("meta", {"http-equiv": True})["content"]
    assert "default-src 'none'" in policy and "script" not in policy
    told = [line for line in report.check(tmp_path) if line.startswith("02_two")]
    known = ("html leads nowhere.", "and/or 1/2)")  # the note is a warning
    assert len(told) > 1 and all(line.endswith(known) for line in told)


def test_names_bring_no_script_and_no_paths_into_the_index(tmp_path):
    planted = entry("02_two", sentence=BAD, title=BAD, alt=f'">{BAD}', verdicts={BAD: 1})
    broken = entry("03_three", status="failed", error=f"{BAD} /home/me/runs/x.pt is full")
    report.index(tmp_path, [planted, broken], GOOD | {"differs from the paper": BAD})
    report.failed(tmp_path, broken, GOOD)
    for name in ("index.html", "03_three.html"):
        soup = BeautifulSoup((tmp_path / name).read_text(), "html.parser")
        assert soup.find(["svg", "script"]) is None
        assert soup.find("pre").text == f"{BAD} x.pt is full"
    assert [line for line in report.check(tmp_path) if "runs code" in line] == []


@pytest.mark.parametrize(
    ("planted", "sentence"),
    [
        ("<svg aria-label='x' onload='alert(1)'></svg>", "onload of <svg> runs code"),
        (
            "<a href='javascript:alert(1)'>x</a>",
            "address javascript:alert(1) in href of <a>, which",
        ),
        ("<a href='jav\n a\tscript:x'>x</a>", "in href of <a>, which may run code"),
        ("<a href='data:text/html,x'>x</a>", "address data:text/html,x in href of <a>, which may"),
        ("<a href='file:///etc/x'>x</a>", "address file:///etc/x in href of <a>, which may run"),
        ("<a href='../secret.txt'>x</a>", "external address ../secret.txt in href of <a>"),
        ("<img alt='x' srcset='x.png 2x'>", "external address x.png 2x in srcset of <img>"),
        ("<a href='\\\\example.org'>x</a>", "external address"),
        ("<img alt='x' src='x.png'>", "external address x.png in src of <img>"),
        ("<iframe srcdoc='x'></iframe>", "a <iframe>"),
        ("<meta http-equiv='Refresh' content='0;url=x'>", "a <meta>"),
        ("<form action='x'></form>", "a <form>"),
        ("<p>clips of /home/me/data/x.wav</p>", "path of a machine ...x.wav"),
    ],
)
def test_check_finds_what_may_run_or_tell(tmp_path, planted, sentence):
    folder = folder_of_reports(tmp_path)
    good = (folder / "02_two.html").read_text()
    (folder / "02_two.html").write_text(good.replace("</main>", f"{planted}</main>"))
    found = report.check(folder)
    assert any(sentence in line and line.startswith("02_two.html") for line in found), found
    (folder / "02_two.html").write_text(re.sub("<meta content=.default-src[^>]*>", "", good))
    assert report.check(folder) == [
        "02_two.html: no content security policy; render the page again."
    ]


def test_a_page_opens_with_its_finding_and_what_limits_it(tmp_path):
    finding = {"number": 2, "sentence": "FT *helps*.", "figure": PIXEL, "alt": "Bars."}
    bundle = {"text/markdown": "**Finding.** FT *helps*.", report.FINDING: finding}
    shown = new_output("display_data", bundle)
    soup = page(tmp_path, shown, about=GOOD | {"differs from the paper": "less data"})
    top = soup.h1.find_next_sibling()
    assert top["class"] == ["answer"] and top.em.text == "helps" and top.img["alt"] == "Bars."
    assert top.select_one(".limits").text.endswith(
        "profile small differs from the paper: less data."
    )
    assert top.find_next_sibling()["id"] == "page-contents"
    assert "helps" in soup.select_one(".cell .finding").text
    assert page(tmp_path).find(class_="answer") is None


def test_the_index_opens_with_the_verdicts(tmp_path):
    counts = {"reproduced": 2, "inconclusive": 17, "not reproduced": 0, "not tested": 3}
    judged = entry("12_scorecard", sentence="Of 22 claims: 2 hold.", verdicts=counts)
    report.write_entry(tmp_path, judged)
    titles = [("01_one", "One"), ("12_scorecard", "Scorecard")]
    report.index(tmp_path, report.entries(tmp_path, titles), GOOD)
    soup = BeautifulSoup((tmp_path / "index.html").read_text(), "html.parser")
    top = soup.h1.find_next_sibling()
    assert top["class"] == ["answer"] and top.select_one(".lead").text.strip() == judged["sentence"]
    assert [span.text for span in top.select(".bar span")] == ["2", "17", "3"]
    assert top.select_one(".bar")["aria-label"].startswith("2 reproduced, 17 inconclusive, 0 not")
    assert [item.text for item in top.select("li")] == [f"{n} {word}" for word, n in counts.items()]
    report.write_entry(tmp_path, judged | {"status": "failed"})
    report.index(tmp_path, report.entries(tmp_path, titles), GOOD)
    text = (tmp_path / "index.html").read_text()
    assert "No verdicts yet" in text and 'class="bar"' not in text


def test_a_damaged_entry_is_named_and_stops_no_batch(tmp_path):
    folder = folder_of_reports(tmp_path)
    for damage in ("", "{", "null", "[]", "{}"):
        (folder / "entries" / "02_two.json").write_text(damage)
        assert report.entries(folder, [("02_two", "Two")])[0]["status"] == "not run"
        assert report.check(folder) == ["02_two.json cannot be read; run its notebook again."]


def test_provenance_names_every_distinct_source_once():
    records = [
        {"commit": "b", "data": "d1", "device": "cpu", "seconds": 30.0, "versions": {"torch": "2"}},
        {"commit": "a", "data": "d1", "device": "cpu", "seconds": 45.5, "versions": {"torch": "2"}},
    ]
    assert report.provenance(records) == {
        "commit of the runs": ["a", "b"],
        "data": ["d1"],
        "device": ["cpu"],
        "versions": ["torch 2"],
        "runs": 2,
        "time of the runs": "1 min 16 s",
    }
    assert report.provenance([]) == {}


@pytest.fixture
def shown(monkeypatch) -> list:
    """Collect what is displayed, as (data, metadata)."""
    seen = []

    def collect(thing, raw=False, metadata=None, **_):
        seen.append((thing if raw else thing.data, metadata))

    monkeypatch.setattr(display, "display", collect)
    monkeypatch.setattr(display, "_numbers", {"Figure": {}, "Table": {}, "Sound": {}})
    return seen


def test_figures_are_numbered_described_and_closed(shown):
    for caption in ("One.", "Two.", "One."):  # the third is a cell run again
        figure = pyplot.figure(figsize=(2, 1))
        report.figure(figure, "A square.", caption)
        assert not pyplot.fignum_exists(figure.number)
    assert [metadata["caption"] for _, metadata in shown[::2]] == [
        "Figure 1: One.",
        "Figure 2: Two.",
        "Figure 1: One.",
    ]
    assert shown[0][1]["image/png"]["alt"] == "A square."
    assert base64.b64decode(shown[0][0]["image/png"]).startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="without alt text"):
        report.figure(figure, " ", "Three.")
    with pytest.raises(ValueError, match="without a caption"):
        report.figure(figure, "A square.", "")


def test_tables_have_caption_and_scopes(shown):
    report.table(
        pd.DataFrame({"a": [1.25, None]}, index=pd.Index(["<x>", "y"], name="set")),
        "T & U.",
        digits=1,
    )
    report.table(pd.DataFrame({"a": [1]}), "Plain.")
    report.table(pd.DataFrame({"a": []}), "<Nothing>.")
    first, second, third = (BeautifulSoup(data, "html.parser") for data, _ in shown)
    assert third.text == "Table 3: <Nothing>. None." and third.table is None
    assert first.caption.text == "Table 1: T & U."
    assert [(t.text, t["scope"]) for t in first.find_all("th")] == [
        ("set", "col"),
        ("a", "col"),
        ("<x>", "row"),
        ("y", "row"),
    ]
    assert [t.text for t in first.find_all("td")] == ["1.2", "–"]
    assert [t.text for t in second.find_all("th")] == ["a"]


def test_sound_keeps_its_level_and_the_highest_octave(shown):
    wave = 0.25 * np.sin(2 * np.pi * 7800 * np.arange(16000) / 16000)  # where FF puts 200 Hz
    report.audio(wave, 16000, "A flipped tone.", "Very high and quiet.")
    soup = BeautifulSoup(shown[0][0], "html.parser")
    played, rate = soundfile.read(io.BytesIO(base64.b64decode(soup.audio["src"].split(",")[1])))
    assert rate == 16000 and np.abs(played - wave).max() <= 2**-15
    assert soup.audio["preload"] == "none" and "autoplay" not in soup.audio.attrs
    assert soup.figcaption.text == "Sound 1: A flipped tone.Very high and quiet."
    for wrong in (
        np.zeros((2, 100)),
        np.zeros(0),
        np.zeros(80_001),
        np.full(9, 1.5),
        np.full(9, np.nan),
    ):
        with pytest.raises(ValueError, match="^Sound "):
            report.audio(wrong, 16000, "Wrong.", "Wrong.")


def test_a_finding_is_shown_and_recorded_and_says_that_it_was_reached(shown, monkeypatch, tmp_path):
    monkeypatch.setenv("ASG_STATUS", str(tmp_path / "status"))
    figure, _ = pyplot.subplots(figsize=(8, 4))
    report.finding(7, "It helps.", figure, "A square.", [{"commit": "a"}])
    pyplot.close(figure)
    bundle = shown[0][0]
    stored = bundle[report.FINDING]
    assert stored["verdicts"] == {}
    assert (
        bundle["text/markdown"] == "**Finding.** It helps."
        and json.loads(json.dumps(stored)) == stored
    )
    assert (stored["number"], stored["sentence"], stored["alt"]) == (7, "It helps.", "A square.")
    assert stored["provenance"]["commit of the runs"] == ["a"] and len(stored["figure"]) < 20_000
    assert json.loads((tmp_path / "status").read_text()) == {"number": 7}
    with pytest.raises(ValueError, match="without alt text"):
        report.finding(7, "It helps.", figure)
    with pytest.raises(ValueError, match="without a finding"):
        report.finding(7, " ")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_updates_one_line_on_a_terminal_and_prints_lines_elsewhere():
    lines, terminal = [], Terminal()
    progress = report.Progress("epochs", 10, lines.append, stream=terminal)
    progress.update(1, "loss 0.5")
    progress.update(2)  # too soon to be worth a redraw
    progress.say("10 epochs")
    assert (
        terminal.getvalue().count("epochs: 1/10, loss 0.5") == 1 and "\n" not in terminal.getvalue()
    )
    assert "2/10" not in terminal.getvalue() and lines == ["10 epochs"]
    plain = report.Progress("epochs", 10, lines.append, every=0, stream=io.StringIO())
    plain.update(5)
    assert lines[1].startswith("epochs: 5/10") and lines[1].endswith(" s")


def test_progress_of_several_lines_is_drawn_over_itself_and_never_fills_the_terminal(monkeypatch):
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((10, 4)))
    terminal = Terminal()
    progress = report.Progress("runs", stream=terminal)
    progress.pause = 0.0
    progress.tell("abcdefghijkl\n2\n3\n4\n5")
    progress.tell("next")
    assert terminal.getvalue() == "\r\x1b[Jabcdefghi\n2\n3\x1b[2F\x1b[Jnext"


def test_text_colours_reach_a_contrast_of_4_5():
    css = (Path(report.__file__).parent / "template" / "style.css").read_text()
    names = dict(re.findall(r"--(\w+): (#\w{6})", css))

    texts = [names[key] for key in ("text", "soft", "link", "bad", "good")] + re.findall(
        r"\{ color: (#\w{6})", css
    )
    assert len(texts) >= 9 and contrast("#000000", "#ffffff") == pytest.approx(21)
    assert (
        min(contrast(text, ground) for text in texts for ground in ("#ffffff", names["panel"]))
        >= 4.5
    )
    grounds = re.findall(r"\.bar \S+ \{ background: (#\w{6});( color: #fff)?", css)
    grounds += re.findall(r"\.bar .*, \S+ \{ background: (#\w{6});( color: #fff)?", css)
    assert len(grounds) == 4
    for ground, white in grounds:
        assert contrast("#ffffff" if white else names["text"], ground) >= 4.5, ground


@pytest.mark.parametrize("width", [620, 621])
def test_a_narrow_picture_may_shrink_on_a_phone(width):
    fig = Figure(figsize=(width / 100, 1))
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=100)
    data = base64.b64encode(buffer.getvalue()).decode()
    soup = BeautifulSoup(f"<img src='data:image/png;base64,{data}'>", "html.parser")
    pages._mark_narrow(soup)
    assert soup.img.get("class", []) == (["narrow"] if width == 620 else [])


def test_verdicts_stand_from_best_to_worst():
    """As an executed notebook keeps them they are in alphabetical order."""
    counts = {"inconclusive": 8, "not reproduced": 3, "not tested": 9, "other": 1, "reproduced": 2}
    found = pages._best_first({"sentence": "Seen.", "verdicts": counts})
    order = ["reproduced", "inconclusive", "not reproduced", "not tested", "other"]
    assert list(found["verdicts"]) == order and found["verdicts"]["other"] == 1
    assert pages._best_first({"sentence": "Seen."})["verdicts"] == {}
