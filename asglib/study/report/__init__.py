"""Reports: executed notebooks as self-contained HTML pages, their index, and the check of both."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.display import display as emit

from asglib.files import write_atomically

# The one door for notebooks: report.figure(...), report.finding(...).
from asglib.study.report.display import (
    Progress,
    audio,
    duration,
    figure,
    markdown,
    need_alt,
    png,
    table,
)

if TYPE_CHECKING:
    import nbformat
    from bs4 import BeautifulSoup, Tag
    from matplotlib.figure import Figure

__all__ = [
    "Progress",
    "ReportError",
    "audio",
    "cards",
    "check",
    "failed",
    "figure",
    "finding",
    "index",
    "markdown",
    "provenance",
    "render",
    "table",
    "title",
    "write_card",
]

FINDING = "application/vnd.asg.finding+json"
LARGEST = 5 * 2**20  # bytes of one page: it must travel by mail
HERE = Path(__file__).parent
TEMPLATE = "template"
MISSING_ALT = (
    "No description has been provided for this image"  # what nbconvert 7 writes where there is none
)
DATA_TYPES = [
    "text/html",
    "text/markdown",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "text/plain",
]


class ReportError(ValueError):
    """A page that cannot be published, in one sentence."""


def provenance(records: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return where records come from: each distinct commit, data fingerprint, device and version, and their seconds."""
    records = list(records)
    known: dict[str, Any] = {}
    for name, key in (("commit of the runs", "commit"), ("data", "data"), ("device", "device")):
        if values := sorted({str(record[key]) for record in records if record.get(key)}):
            known[name] = values
    versions = sorted(
        {(k, str(v)) for record in records for k, v in (record.get("versions") or {}).items()}
    )
    if versions:
        known["versions"] = [f"{k} {v}" for k, v in versions]
    if records:
        known["runs"] = len(records)
        known["time of the runs"] = duration(
            sum(record.get("seconds") or 0.0 for record in records)
        )
    return known


def finding(
    number: int,
    sentence: str,
    figure: Figure | None = None,
    alt: str = "",
    records: Iterable[Mapping[str, Any]] = (),
) -> None:
    """Show a notebook's one-sentence finding and keep it, with its key figure, for the card on the index page.

    The records behind it fill the provenance at the foot of the page. The batch also asks for a file (ASG_STATUS)
    that says this line was reached: papermill marks cells as completed that a dead kernel never ran.
    """
    if not sentence.strip():
        raise ValueError(
            f"Notebook {number:02d} without a finding: say in one sentence what was seen."
        )
    image = (
        None if figure is None else png(figure, dpi=360 / figure.get_figwidth())
    )  # a card is some 360 px wide
    alt = alt if figure is None else need_alt(alt, f"Key figure of notebook {number:02d}")
    card = {
        "number": number,
        "sentence": sentence,
        "figure": image,
        "alt": alt,
        "provenance": provenance(records),
    }
    emit(
        {"text/markdown": f"**Finding.** {sentence}", "text/plain": sentence, FINDING: card},
        raw=True,
    )
    if status := os.environ.get("ASG_STATUS"):
        _write(Path(status), json.dumps({"number": number}))


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
    """Write one executed notebook as one HTML file; previous and next are (address, title). Same input, same bytes.

    Raises ReportError, and leaves what was there, when the page has not exactly one H1, an image without alt text,
    an external address, a script, an error cell or more than 5 MB.
    """
    import nbformat  # here, as below: a kernel that only shows things need not wait for it

    notebook = nbformat.read(executed_notebook, as_version=4)
    page = {
        "title": title(notebook, out_html.stem),
        "previous": previous,
        "next": next,
        "profile": provenance.get("profile", ""),
        "provenance": _rows(provenance),
    }
    soup = _soup(_exporter().from_notebook_node(copy.deepcopy(notebook), {"report": page})[0])
    if (ones := len(soup.find_all("h1"))) != 1:
        raise ReportError(
            f"{out_html.name}: {ones} first-level headings; a page has exactly one, in its first cell."
        )
    _contents(soup)
    text = str(soup)
    if found := [*_problems(soup, out_html.name), *_size(text.encode(), out_html.name)]:
        raise ReportError(" ".join(found))
    _write(out_html, text)


def index(out_dir: Path, cards: list[dict[str, Any]], provenance: Mapping[str, Any]) -> Path:
    """Write index.html with one card a notebook, in the given order, and return its path."""
    text = _page("index", out_dir, cards, provenance)
    _write(out_dir / "index.html", text)
    return out_dir / "index.html"


def failed(out_dir: Path, card: dict[str, Any], provenance: Mapping[str, Any]) -> None:
    """Put a page that says so where the page of a failed notebook would be: no old number stays, no link breaks."""
    _write(out_dir / f"{card['name']}.html", _page("failed", out_dir, [card], provenance))


def write_card(out_dir: Path, card: dict[str, Any]) -> None:
    """Keep a notebook's card, so that a batch of one notebook leaves the others' cards as they are."""
    text = json.dumps(card, indent=1, sort_keys=True, ensure_ascii=False)
    _write(out_dir / "cards" / f"{card['name']}.json", text + "\n")


def cards(out_dir: Path, notebooks: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """Return the cards of (name, title) notebooks from disk, "not run" where there is none."""
    found = []
    for name, heading in notebooks:
        path = Path(out_dir) / "cards" / f"{name}.json"
        blank = {"name": name, "number": name.split("_")[0], "title": heading, "status": "not run"}
        found.append(json.loads(path.read_text()) if path.is_file() else blank)
    return found


def check(html_dir: Path) -> list[str]:
    """Return what is wrong with a folder of reports, one sentence each; an empty list means it can be published."""
    folder = Path(html_dir)
    pages = {path.name: _soup(path.read_text()) for path in sorted(folder.glob("*.html"))}
    found = [] if "index.html" in pages else [f"{folder}: index.html is missing."]
    if len(pages) < 2:
        found.append(f"{folder}: no page of a notebook.")
    for name, soup in pages.items():
        found += [
            *_problems(soup, name),
            *_size((folder / name).read_bytes(), name),
            *_links(soup, name, pages),
        ]
    for path in sorted(folder.glob("cards/*.json")):
        card = json.loads(path.read_text())
        if card["status"] != "ok":
            found.append(f"{card['name']}: {card['status']}: {card.get('error', '')}")
        elif f"{card['name']}.html" not in pages:
            found.append(f"{card['name']}.html is missing: its card says that it is there.")
    return found


def _write(path: Path, text: str) -> None:
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _problems(soup: BeautifulSoup, name: str) -> list[str]:
    """What must not be on one page: external addresses, scripts, images without alt text, error cells."""
    found = []
    for tag in soup.find_all(True):
        where = f"{name}{_cell(tag)}"
        for key in ("src", "srcset", "href", "poster", "data", "action", "xlink:href"):
            if re.match(r"\s*(https?:)?//", tag.get(key, ""), re.I):
                found.append(
                    f"{where}: external address {tag[key][:60]} in {key} of <{tag.name}>; "
                    "put the content in the page."
                )
        styles = tag.get("style", "") + (tag.text if tag.name == "style" else "")
        if re.search(r"(url\(|@import)\W*(https?:)?//", styles):
            found.append(f"{where}: external address in a style; put the content in the page.")
        if tag.name == "script":
            found.append(f"{where}: a script; show a figure or a table instead.")
        if tag.name == "img" and tag.get("alt", "").strip() in ("", MISSING_ALT):
            found.append(
                f"{where}: image without alt text; show it with report.figure(fig, alt, caption)."
            )
        if tag.name == "svg" and not (tag.get("aria-label") or tag.find("title")):
            found.append(
                f"{where}: drawing without aria-label or title; say in one sentence what is seen."
            )
        if "error" in tag.get("class", []) and tag.name == "pre":
            found.append(f"{where}: error output: {(tag.text.strip().splitlines() or [''])[-1]}")
    return found


def _cell(tag: Tag) -> str:
    """Which cell a tag is in: its number in the executed notebook and its first words."""
    cell = tag.find_parent(id=re.compile(r"^cell-\d+$"))
    if cell is None:
        return ""
    words = (cell.pre or cell).get_text().strip().split("\n")[0][:40]
    return f", cell {cell['id'][5:]} ({words})"


def _links(soup: BeautifulSoup, name: str, pages: Mapping[str, Any]) -> list[str]:
    """The links of a page that lead nowhere in its folder."""
    found = []
    for tag in soup.select("a[href]"):
        target, _, anchor = tag["href"].partition("#")
        there = pages.get(target or name)
        if re.match(r"[a-z]+:|//", target):
            continue
        if there is None or (anchor and there.find(id=anchor) is None):
            found.append(f"{name}: the link to {tag['href']} leads nowhere.")
    return found


def _size(data: bytes, name: str) -> list[str]:
    if len(data) <= LARGEST:
        return []
    return [
        f"{name}: {len(data) / 2**20:.1f} MB, above {LARGEST / 2**20:g} MB; show fewer or smaller figures."
    ]


def _contents(soup: BeautifulSoup) -> None:
    """Give every heading an anchor of its own and list the second and third level in the page's contents."""
    levels = ["h1", "h2", "h3", "h4"]
    used = {tag["id"] for tag in soup.find_all(id=True) if tag.name not in levels}
    items = []
    for heading in soup.main.find_all(levels):
        slug = re.sub(r"\W+", "-", heading.get_text().lower()).strip("-") or "section"
        anchor = next(
            name for n in count(1) if (name := slug if n == 1 else f"{slug}-{n}") not in used
        )
        used.add(anchor)
        heading["id"] = anchor
        if heading.name in ("h2", "h3"):
            items.append(
                f'<li class="{heading.name}"><a href="#{anchor}">{heading.decode_contents()}</a></li>'
            )
    nav = soup.find(id="page-contents")
    nav.append(_soup(f"<ol>{''.join(items)}</ol>")) if items else nav.decompose()


def _rows(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Provenance as label and text; empty values are left out."""
    known = {label: value for label, value in provenance.items() if value not in ("", [], None)}
    return [
        (label, ", ".join(map(str, v)) if isinstance(v, list) else str(v))
        for label, v in known.items()
    ]


def _page(
    kind: str, out_dir: Path, cards: list[dict[str, Any]], provenance: Mapping[str, Any]
) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE / TEMPLATE), autoescape=True, undefined=StrictUndefined
    )
    shown = [
        {
            "figure": None,
            "alt": "",
            "sentence": "",
            "error": "",
            **card,
            "seconds": duration(card["seconds"]) if card.get("seconds") is not None else "",
            "page": (out_dir / f"{card['name']}.html").is_file(),
        }
        for card in cards
    ]
    return environment.get_template("cards.html.j2").render(
        kind=kind,
        cards=shown,
        profile=provenance.get("profile", ""),
        provenance=_rows(provenance),
        command=provenance.get("command", ""),
        differs=provenance.get("differs from the paper", ""),
        css=(HERE / TEMPLATE / "style.css").read_text(),
    )


def _soup(text: str) -> BeautifulSoup:
    from bs4 import BeautifulSoup

    return BeautifulSoup(text, "html.parser")


def _exporter() -> Any:
    # Imported here, so that a notebook that only shows things does not wait for nbconvert.
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    settings = Config({"NbConvertBase": {"display_data_priority": DATA_TYPES}})
    return HTMLExporter(
        config=settings,
        template_name=TEMPLATE,
        extra_template_basedirs=[str(HERE)],
        exclude_anchor_links=True,
        embed_images=True,
    )
