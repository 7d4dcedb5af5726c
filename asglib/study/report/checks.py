"""What no page may hold: code that runs, outside addresses, pictures without words, local paths.

`clean` takes out what can reach a page through the name of a file or a class; `check` looks at
finished pages and trusts nothing.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

ROOT = Path(__file__).parents[3]
LARGEST = 5 * 2**20  # bytes of one page: it must travel by mail
# What nbconvert 7 writes where there is no alt text.
MISSING_ALT = "No description has been provided for this image"
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; "
    "base-uri 'none'; form-action 'none'"
)
ACTIVE = ("script", "iframe", "frame", "object", "embed", "form", "base", "link")
# Attributes whose value a browser may follow, and what may stand there: nothing in most of them.
ADDRESSES = dict.fromkeys(("srcset", "xlink:href", "poster", "data", "action", "formaction"), "$.")
ADDRESSES |= {"src": "data:(image|audio)/", "href": r"#|[\w.-]+\.html(#|$)"}
# Every scheme but the web's may run code. Browsers skip blanks and control characters.
BLANKS = r"[\x00-\x20]"
RUNS = re.compile(r"(?!https?:|data:(image|audio)/)[a-z][a-z0-9+.-]*:", re.I)
WORDS = ("alt", "title", "aria-label")
# An absolute path and its file name; "and/or", "1/2" and the slashes of an address are none.
PATH = re.compile(r"(?<![\w.:/~<>-])/(?:[\w.@+-]+/)+([\w.@+-]+)")


class ReportError(ValueError):
    """A page that cannot be published, in one sentence."""


def parse(text: str) -> BeautifulSoup:
    from bs4 import BeautifulSoup  # here, so that a kernel that only shows things need not wait

    return BeautifulSoup(text, "html.parser")


def without_paths(text: str) -> str:
    """Name files relative to the data root, the runs or the clone; elsewhere by their names.

    >>> without_paths("/mnt/x/y.wav is silent and/or short, see https://host/a/b")
    'y.wav is silent and/or short, see https://host/a/b'
    """
    for root in (os.environ.get("ASG_DATA"), os.environ.get("ASG_RUNS"), str(ROOT)):
        if root and len(root) > 1:
            text = text.replace(root.rstrip("/") + "/", "")
    return PATH.sub(r"\1", text)


def clean(soup: BeautifulSoup) -> None:
    """Take handlers, addresses that run code and paths of this machine out of a page."""
    for tag in soup.find_all(True):
        for key, value in list(tag.attrs.items()):
            if key.startswith("on") or (key in ADDRESSES and RUNS.match(re.sub(BLANKS, "", value))):
                del tag[key]
            elif key in WORDS:
                tag[key] = without_paths(value)
    for text in soup.find_all(string=PATH):
        if text.parent.name != "style":
            text.replace_with(without_paths(text))


def problems(soup: BeautifulSoup, name: str, size: int) -> list[str]:
    """What is wrong with one page of `size` bytes, a sentence each."""
    found = []
    policy = soup.find("meta", {"http-equiv": "Content-Security-Policy"})
    if policy is None or policy.get("content") != POLICY:
        found.append(f"{name}: no content security policy; render the page again.")
    for tag in soup.find_all(True):
        found += [f"{name}{_cell(tag)}: {fault}" for fault in _faults(tag)]
    if size > LARGEST:
        limit = f"{size / 2**20:.1f} MB, above {LARGEST / 2**20:g} MB"
        found.append(f"{name}: {limit}; show fewer or smaller figures.")
    return found


def check(html_dir: Path) -> list[str]:
    """Return what is wrong with a folder of reports, one sentence each; none: publish it."""
    folder = Path(html_dir)
    texts = {path.name: path.read_bytes() for path in sorted(folder.glob("*.html"))}
    pages = {name: parse(data.decode(errors="replace")) for name, data in texts.items()}
    found = [] if "index.html" in pages else [f"{folder}: index.html is missing."]
    if len(pages) < 2:
        found.append(f"{folder}: no page of a notebook.")
    for name, soup in pages.items():
        found += problems(soup, name, len(texts[name]))
        found += [*_links(soup, name, pages), *_warnings(soup, name)]
    for path in sorted(folder.glob("entries/*.json")):
        found += _entry(path, pages)
    return found


def _entry(path: Path, pages: Mapping[str, BeautifulSoup]) -> Iterator[str]:
    entry = read_entry(path)
    if entry is None:
        yield f"{path.name} cannot be read; run its notebook again."
    elif entry["status"] != "ok":
        yield f"{entry['name']}: {entry['status']}: {entry.get('error', '')}"
    elif f"{entry['name']}.html" not in pages:
        yield f"{entry['name']}.html is missing: its entry says that it is there."


def read_entry(path: Path) -> dict | None:
    """A notebook's entry, or None where there is none or it is damaged."""
    try:
        entry = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return entry if isinstance(entry, dict) and {"name", "title", "status"} <= set(entry) else None


def _cell(tag: Tag) -> str:
    """Which cell a tag is in: its number in the executed notebook and its first words."""
    cell = tag.find_parent(id=re.compile(r"^cell-\d+$"))
    if cell is None:
        return ""
    words = (cell.pre or cell).get_text().strip().split("\n")[0][:40]
    return f", cell {cell['id'][5:]} ({words})"


def _links(soup: BeautifulSoup, name: str, pages: Mapping[str, BeautifulSoup]) -> Iterator[str]:
    """The links of a page that lead nowhere in its folder."""
    for tag in soup.select("a[href]"):
        target, _, anchor = tag["href"].partition("#")
        there = pages.get(target or name)
        if there is None or (anchor and there.find(id=anchor) is None):
            yield f"{name}: the link to {tag['href']} leads nowhere."


def _warnings(soup: BeautifulSoup, name: str) -> Iterator[str]:
    """What a library said on standard error: no defect of a page, and nothing for its readers."""
    for tag in soup.select("pre.stderr"):
        first = (tag.get_text().strip().splitlines() or [""])[0]
        yield f"{name}{_cell(tag)}: a warning on the page: {first[:100]}"


def _faults(tag: Tag) -> Iterator[str]:
    if tag.name in ACTIVE or tag.get("http-equiv", "").lower() == "refresh":
        yield f"a <{tag.name}>; show a figure or a table instead."
    for key, value in tag.attrs.items():
        if key.startswith("on"):
            yield f"{key} of <{tag.name}> runs code; escape the name or text it came with."
        if key in ADDRESSES and not re.match(ADDRESSES[key], value):
            told = f"external address {value[:60]} in {key} of <{tag.name}>"
            yield f"{told}, which may run code; put the content in the page."
    styles = tag.get("style", "") + (tag.text if tag.name == "style" else "")
    if re.search(r"(url\(|@import)\W*(https?:)?//", styles):
        yield "external address in a style; put the content in the page."
    if tag.name == "img" and tag.get("alt", "").strip() in ("", MISSING_ALT):
        yield "image without alt text; show it with report.figure(fig, alt, caption)."
    if tag.name == "svg" and not (tag.get("aria-label") or tag.find("title")):
        yield "drawing without aria-label or title; say in one sentence what is seen."
    if tag.name == "pre" and "error" in tag.get("class", []):
        yield f"error output: {(tag.text.strip().splitlines() or [''])[-1]}"
    own = tag.find_all(string=PATH, recursive=False) if tag.name != "style" else []
    words = [tag.get(key, "") for key in WORDS]
    if found := next(filter(None, map(PATH.search, [*own, *words])), None):
        yield f"path of a machine ...{found[1]}; name files relative to the data root."
