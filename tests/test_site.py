"""The front page over profiles."""

from asglib.study.report import checks, pages, site
from asglib.study.report.checks import parse


def made(folder, profile):
    entry = {"name": "12_scorecard", "number": "12", "title": "Scorecard", "status": "ok"}
    entry |= {"sentence": f"What {profile} found.", "verdicts": {"reproduced": 4, "partly": 1}}
    # what an earlier version of the profile wrote
    pages.index(
        folder / profile,
        [entry],
        {"profile": profile, "differs from the paper": f"fewer clips in {profile}"},
    )


def test_it_lists_the_profiles_that_are_evidence_with_their_answers(tmp_path):
    for profile in ("small", "paper", "smoke"):
        made(tmp_path, profile)
    (tmp_path / "notes").mkdir()
    page = parse(site(tmp_path).read_text())
    links = [link["href"] for link in page.select("h2 a")]
    assert links == ["small/index.html", "paper/index.html"]
    assert [lead.get_text(strip=True) for lead in page.select(".lead")] == [
        "What small found.",
        "What paper found.",
    ]
    assert len(page.select(".verdicts")) == 2
    told = [text for text in page.stripped_strings if "fewer clips" in text]
    assert len(told) == 2 and "fewer clips in small" in told[0]
    found = checks.problems(page, "index.html", len(str(page)))
    assert [fault for fault in found if "/index.html in href" not in fault] == []
    assert "@media print" in page.style.text  # it can be printed


def test_without_reports_it_says_how_to_make_some(tmp_path):
    assert "No reports yet" in site(tmp_path).read_text()
