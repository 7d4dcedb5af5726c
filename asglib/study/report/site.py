"""The front page over the reports of all profiles, for any static host."""

from __future__ import annotations

from pathlib import Path

from asglib.study.profiles import PROFILES
from asglib.study.report.checks import POLICY, clean, parse
from asglib.study.report.pages import TEMPLATE, write_text


def site(html_dir: Path) -> Path:
    """Write index.html over the profiles that are there and are evidence; return its path.

    Each stands with what its own index found: the answer in words, and the verdicts.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    shown = []
    for name, profile in PROFILES.items():
        page = Path(html_dir) / name / "index.html"
        if profile.evidence and page.is_file():
            found = parse(page.read_text(encoding="utf-8")).select(".answer .lead, .verdicts")
            shown.append((name, profile.standing, "\n".join(map(str, found))))
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE), autoescape=True, undefined=StrictUndefined
    )
    css = (TEMPLATE / "style.css").read_text()
    text = environment.get_template("site.html.j2").render(profiles=shown, css=css, policy=POLICY)
    soup = parse(text)
    clean(soup)
    path = Path(html_dir) / "index.html"
    write_text(path, str(soup))
    return path
