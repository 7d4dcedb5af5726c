"""The index page: what was found, what limits it, and an entry for each notebook."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from asglib.study.report.checks import POLICY, clean, read_entry, without_paths
from asglib.study.report.markup import TEMPLATE, markdown_to_html, parse, rows, write_text
from asglib.study.report.progress import duration

EMPTY = {"figure": None, "alt": "", "sentence": "", "error": "", "seconds": None, "verdicts": {}}


def index(out_dir: Path, entries: list[dict[str, Any]], provenance: Mapping[str, Any]) -> Path:
    """Write index.html with the study's answer, then one entry a notebook; return its path."""
    judged = [entry for entry in entries if entry["status"] == "ok" and entry.get("verdicts")]
    path = Path(out_dir) / "index.html"
    _write_page(
        path, provenance, kind="index", entries=entries, answer=judged[0] if judged else None
    )
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
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATE), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["markdown2html"] = markdown_to_html
    shown = [EMPTY | entry for entry in parts.pop("entries")]
    for entry in shown:
        entry["took"] = "" if entry["seconds"] is None else duration(entry["seconds"])
        entry["page"] = (path.parent / f"{entry['name']}.html").is_file()
    text = environment.get_template("entries.html.j2").render(
        entries=shown,
        profile=provenance.get("profile", ""),
        provenance=rows(provenance),
        command=provenance.get("command", ""),
        differs=provenance.get("differs from the paper", ""),
        css=(TEMPLATE / "style.css").read_text(),
        policy=POLICY,
        **parts,
    )
    soup = parse(text)
    clean(soup)
    write_text(path, str(soup))
