"""The front page over the reports of all profiles, for any static host."""

from pathlib import Path

from asglib.study.profiles import PROFILES
from asglib.study.report.checks import parse
from asglib.study.report.pages import fill


def site(html_dir: Path) -> Path:
    """Write index.html over the profiles that are there and are evidence; return its path.

    Each stands with what its own index says: the answer, the verdicts, and what differs from the
    paper, which may be another version's than today's.
    """
    shown = []
    for name, profile in PROFILES.items():
        page = Path(html_dir) / name / "index.html"
        if profile.evidence and page.is_file():
            index = parse(page.read_text(encoding="utf-8"))
            found = index.select(".answer .lead, .verdicts")
            said = [p.get_text() for p in index.select("p") if "from the paper" in p.get_text()]
            shown.append((name, said[0] if said else "", "\n".join(map(str, found))))
    path = Path(html_dir) / "index.html"
    fill(path, "site.html.j2", profiles=shown)
    return path
