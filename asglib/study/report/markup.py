"""Text as HTML, and HTML as a tree."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asglib.files import write_atomically

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

TEMPLATE = Path(__file__).parent / "template"


def parse(text: str) -> BeautifulSoup:
    from bs4 import BeautifulSoup  # here, so that a kernel that only shows things need not wait

    return BeautifulSoup(text, "html.parser")


def write_text(path: Path, text: str) -> None:
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def markdown_to_html(text: str) -> str:
    """Markdown as HTML; HTML in it is shown as text, for names in it are not the author's."""
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    renderer = IPythonRenderer(exclude_anchor_links=True)
    return MarkdownWithMath(renderer).render(text)


def rows(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Provenance as label and text; empty values are left out."""
    return [
        (label, ", ".join(map(str, value)) if isinstance(value, list) else str(value))
        for label, value in provenance.items()
        if value not in ("", [], None)
    ]
