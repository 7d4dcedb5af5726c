"""Executed notebooks as HTML files that open with what was found, and their index."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asglib.files import write_atomically
from asglib.study.report.checks import (
    POLICY,
    ReportError,
    clean,
    parse,
    problems,
    read_entry,
    without_paths,
)
from asglib.study.report.display import FINDING
from asglib.study.report.progress import duration

if TYPE_CHECKING:
    import nbformat
    from bs4 import BeautifulSoup

TEMPLATE = Path(__file__).parent / "template"
NARROW = 620  # pixels of a picture that can be read on a phone, all of it at once
DATA_TYPES = ["text/html", "text/markdown", "image/svg+xml", "image/png", "text/plain"]
EMPTY = {"figure": None, "alt": "", "sentence": "", "error": "", "seconds": None, "verdicts": {}}


def write_text(path: Path, text: str) -> None:
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def markdown_to_html(text: str) -> str:
    """Markdown as HTML; HTML in it is shown as text, for names in it are not the author's."""
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    return MarkdownWithMath(IPythonRenderer(exclude_anchor_links=True)).render(text)


def title(notebook: nbformat.NotebookNode, fallback: str) -> str:
    """Return a notebook's metadata.title, else the fallback."""
    return notebook.metadata.get("title") or fallback


def _about(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What both templates show of where a page comes from; empty values are left out."""
    rows = [
        (label, ", ".join(map(str, value)) if isinstance(value, list) else str(value))
        for label, value in provenance.items()
        if value not in ("", [], None)
    ]
    named = {"profile": "profile", "command": "command", "differs": "differs from the paper"}
    told = {name: provenance.get(label, "") for name, label in named.items()}
    return told | {"provenance": rows, "policy": POLICY}


def render(
    executed_notebook: Path,
    out_html: Path,
    previous: tuple[str, str] | None,
    next: tuple[str, str] | None,
    provenance: Mapping[str, Any],
) -> None:
    """Write one executed notebook as one HTML file; previous and next are (address, title).

    Same input, same bytes. Raises ReportError, and leaves what was there, when the page has not
    exactly one H1, or has an image without alt text, an external address, a script, an error
    cell or more than 5 MB.
    """
    import nbformat  # here: a kernel that only shows things need not wait for them
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    notebook = nbformat.read(executed_notebook, as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    found = [output.data[FINDING] for output in outputs if FINDING in output.get("data", {})]
    page = _about(provenance) | {
        "title": title(notebook, out_html.stem),
        "previous": previous,
        "next": next,
        "finding": _best_first(found[-1]) if found else None,
    }
    exporter = HTMLExporter(
        config=Config({"NbConvertBase": {"display_data_priority": DATA_TYPES}}),
        template_name=TEMPLATE.name,
        extra_template_basedirs=[str(TEMPLATE.parent)],
    )
    exporter.register_filter("markdown2html", markdown_to_html)
    soup = parse(exporter.from_notebook_node(notebook, {"report": page})[0])
    if (ones := len(soup.find_all("h1"))) != 1:
        told = f"{out_html.name}: {ones} first-level headings"
        raise ReportError(f"{told}; a page has exactly one, in its first cell.")
    _contents(soup)
    above = soup.h1
    for name in ("page-answer", "page-contents"):  # right below the title
        if part := soup.find(id=name):
            above.insert_after(part.extract())
            above = part
    clean(soup)
    _mark_narrow(soup)
    text = str(soup)
    if found := problems(soup, out_html.name, len(text.encode())):
        raise ReportError(" ".join(found))
    write_text(out_html, text)


def _mark_narrow(soup: BeautifulSoup) -> None:
    """Gives narrow pictures a class; wider ones scroll on a phone."""
    for image in soup.find_all("img", src=re.compile("^data:image/png;base64,")):
        head = base64.b64decode(image["src"].partition(",")[2][:32])  # a PNG's width stands there
        if int.from_bytes(head[16:20], "big") <= NARROW:
            image["class"] = [*image.get("class", []), "narrow"]


def _contents(soup: BeautifulSoup) -> None:
    """Give every heading an anchor of its own; list the second and third level as contents."""
    items, used = [], Counter()
    for heading in soup.main.find_all(["h1", "h2", "h3", "h4"]):
        slug = re.sub(r"\W+", "-", heading.get_text().lower()).strip("-") or "section"
        used[slug] += 1
        heading["id"] = slug if used[slug] == 1 else f"{slug}-{used[slug]}"
        if heading.name in ("h2", "h3"):
            link = f'<a href="#{heading["id"]}">{heading.decode_contents()}</a>'
            items.append(f'<li class="{heading.name}">{link}</li>')
    nav = soup.find(id="page-contents")
    if items:
        nav.append(parse(f"<ol>{''.join(items)}</ol>"))
    else:
        nav.decompose()


def _best_first(finding: Mapping[str, Any]) -> dict[str, Any]:
    """A finding with its verdicts in their order, which notebooks do not keep."""
    from asglib.study.figures.results import VERDICTS  # takes seconds

    counts = finding.get("verdicts") or {}
    order = dict.fromkeys([*VERDICTS, *counts])
    return {**finding, "verdicts": {word: counts[word] for word in order if word in counts}}


def index(out_dir: Path, entries: list[dict[str, Any]], provenance: Mapping[str, Any]) -> Path:
    """Write index.html with the study's answer, then one entry a notebook; return its path."""
    judged = [entry for entry in entries if entry["status"] == "ok" and entry.get("verdicts")]
    path, answer = Path(out_dir) / "index.html", _best_first(judged[0]) if judged else None
    _write_page(path, provenance, kind="index", entries=entries, answer=answer)
    return path


def failed(out_dir: Path, entry: dict[str, Any], provenance: Mapping[str, Any]) -> None:
    """Say where a failed notebook's page would be that it failed: no old number stays there."""
    path = Path(out_dir) / f"{entry['name']}.html"
    _write_page(path, provenance, kind="failed", entries=[entry], answer=None)


def write_entry(out_dir: Path, entry: dict[str, Any]) -> None:
    """Keep a notebook's entry, so that a batch of one notebook leaves the others as they are."""
    told = {key: without_paths(entry[key]) for key in ("sentence", "error") if key in entry}
    text = json.dumps(entry | told, indent=1, ensure_ascii=False)
    write_text(Path(out_dir) / "entries" / f"{entry['name']}.json", text + "\n")


def entries(out_dir: Path, notebooks: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """Return the entries of (name, title) notebooks, "not run" where there is none."""
    found = []
    for name, heading in notebooks:
        blank = {"name": name, "number": name[:2], "title": heading, "status": "not run"}
        found.append(read_entry(Path(out_dir) / "entries" / f"{name}.json") or blank)
    return found


def _write_page(path: Path, provenance: Mapping[str, Any], **parts: Any) -> None:
    shown = [EMPTY | entry for entry in parts.pop("entries")]
    for entry in shown:
        entry["took"] = "" if entry["seconds"] is None else duration(entry["seconds"])
        entry["page"] = (path.parent / f"{entry['name']}.html").is_file()
    fill(path, "entries.html.j2", entries=shown, **_about(provenance), **parts)


def fill(path: Path, template: str, **values: Any) -> None:
    """Write a page from a template, with its style and policy."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(TEMPLATE)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    environment.filters["markdown2html"] = markdown_to_html
    shared = {"css": (TEMPLATE / "style.css").read_text(), "policy": POLICY}
    soup = parse(environment.get_template(template).render(shared | values))
    clean(soup)
    _mark_narrow(soup)
    write_text(path, str(soup))
