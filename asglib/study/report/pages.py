"""An executed notebook as one HTML file that opens with what was found."""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asglib.study.report.checks import POLICY, ReportError, clean, problems
from asglib.study.report.findings import FINDING
from asglib.study.report.markup import TEMPLATE, markdown_to_html, parse, rows, write_text

if TYPE_CHECKING:
    import nbformat
    from bs4 import BeautifulSoup

HEADINGS = ["h1", "h2", "h3", "h4"]
DATA_TYPES = ["text/html", "text/markdown", "image/svg+xml", "image/png", "text/plain"]


def title(notebook: nbformat.NotebookNode, fallback: str) -> str:
    """Return a notebook's metadata.title, else its first H1, else the fallback."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    heading = re.search(r"^# +(.+?)\s*$", text, re.M)
    return notebook.metadata.get("title") or (heading[1] if heading else fallback)


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
    import nbformat  # here, as below: a kernel that only shows things need not wait for it

    notebook = nbformat.read(executed_notebook, as_version=4)
    page = {
        "title": title(notebook, out_html.stem),
        "previous": previous,
        "next": next,
        "profile": provenance.get("profile", ""),
        "differs": provenance.get("differs from the paper", ""),
        "finding": _finding(notebook),
        "provenance": rows(provenance),
        "policy": POLICY,
    }
    soup = parse(_exporter().from_notebook_node(copy.deepcopy(notebook), {"report": page})[0])
    if (ones := len(soup.find_all("h1"))) != 1:
        raise ReportError(
            f"{out_html.name}: {ones} first-level headings; "
            "a page has exactly one, in its first cell."
        )
    _contents(soup)
    _answer_first(soup)
    clean(soup)
    text = str(soup)
    if found := problems(soup, out_html.name, len(text.encode())):
        raise ReportError(" ".join(found))
    write_text(out_html, text)


def _finding(notebook: nbformat.NotebookNode) -> dict[str, Any] | None:
    """The last finding among a notebook's outputs."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    found = [output.data[FINDING] for output in outputs if FINDING in output.get("data", {})]
    return found[-1] if found else None


def _answer_first(soup: BeautifulSoup) -> None:
    """Put the finding and then the contents right below the title."""
    above = soup.h1
    for name in ("page-answer", "page-contents"):
        if part := soup.find(id=name):
            above.insert_after(part.extract())
            above = part


def _contents(soup: BeautifulSoup) -> None:
    """Give every heading an anchor of its own; list the second and third level as contents."""
    items, used = [], Counter()
    for heading in soup.main.find_all(HEADINGS):
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


def _exporter() -> Any:
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    exporter = HTMLExporter(
        config=Config({"NbConvertBase": {"display_data_priority": DATA_TYPES}}),
        template_name=TEMPLATE.name,
        extra_template_basedirs=[str(TEMPLATE.parent)],
    )
    exporter.register_filter("markdown2html", markdown_to_html)
    return exporter
