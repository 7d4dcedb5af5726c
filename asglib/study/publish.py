"""Records published as one table, and README's scorecard made from nothing else."""

import re
from contextlib import suppress
from pathlib import Path

import pandas as pd

from asglib.config import Evaluation, Pretraining
from asglib.data.places import locked
from asglib.data.workspace import Workspace
from asglib.files import write_atomically
from asglib.study import lessons, paper, plans, pool, profiles, sentences
from asglib.study.limits import NO_ROOM
from asglib.study.profiles import Profile
from asglib.study.records import (
    UNREADABLE,
    evaluations,
    load_records,
    set_aside,
    write_records,
)
from asglib.study.rows import in_the_way_of
from asglib.study.runs import keep_record, record_of, run_name
from asglib.study.tables import average, scores, seeds
from asglib.study.verdicts import judge

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
MARKS = "<!-- scorecard -->", "<!-- /scorecard -->"


class ScorecardError(ValueError):
    """A scorecard that cannot be made; the message says what is missing and how to make it."""


def pages() -> dict[str, str]:
    """The report of each notebook number, as a link from its neighbours."""
    notebooks = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    return {path.stem[:2]: f"{path.stem}.html" for path in notebooks}


def behind(judged: pd.DataFrame) -> pd.Series:
    """The notebook on which each claim rests."""
    reports = {one.title: one.reports for one in paper.papers().values()}
    asked = zip(judged["source"], judged["table"])
    return pd.Series([reports[s].get(t, reports[s].get("*")) for s, t in asked], judged.index)


def publish(profile: Profile, workspace: Workspace, path: Path) -> int:
    """Writes the record of every finished run of the profile's plans into one table; their number.

    The values stay bit by bit, the profile's name stands before them. ScorecardError: there is
    none, the table holds more, or the profile has other seeds than its own.
    """
    if profile != profiles.PROFILES[profile.name]:
        raise ScorecardError(f"publish takes {profile.name} with its own seeds: leave others out.")
    able, _ = pool.available(plans.everything(profile), workspace)
    found = [record for one in _runs(able) if (record := record_of(one, workspace))]
    if not found:
        told = f"{workspace.runs} holds no finished run of the profile"
        raise ScorecardError(f"{told}: run {_make(profile.name)} first.")
    _keep_what_is_there(path, len(found))
    write_records([{"profile": profile.name} | record for record in found], path)
    return len(found)


def _keep_what_is_there(path: Path, count: int) -> None:
    """Refuses to replace a table by one of fewer records."""
    there = len(load_records(path)) if path.is_file() else 0
    if count < there:
        raise ScorecardError(
            f"{path} holds {there:,} records, here are {count:,}: restore them or compute the "
            "rest; to publish fewer, move that file away first."
        )


def restore(profile: Profile, workspace: Workspace, path: Path) -> tuple[int, int]:
    """Writes the published records that `workspace` lacks into it: how many, and how many it has
    then; ScorecardError if the table cannot be read.

    A record of other code or data has no planned run's name and stays out. Encoders are not
    published: a run that needs one trains it again.
    """
    published = {record["run"]: record for record in load_records(path)}
    if broken := [one["why"] for one in published.values() if one["kind"] == UNREADABLE]:
        raise ScorecardError(broken[0])
    able, _ = pool.available(plans.everything(profile), workspace)
    planned = {run_name(one, workspace): one for one in _runs(able)}
    there = [name for name in published if name in planned]
    lacking = [name for name in there if record_of(planned[name], workspace) is None]
    written = 0
    for name in lacking:
        record = {key: value for key, value in published[name].items() if key != "profile"}
        with suppress(BlockingIOError), locked(workspace.runs / name / "lock", wait=False):
            keep_record(workspace.runs / name, planned[name], record)
            written += 1  # else it is computed just now
    return written, len(there)


def _runs(evaluations: list[Evaluation]) -> list[Pretraining | Evaluation]:
    """Evaluations and, before them, their pretrainings, each once."""
    before = (e.pretraining for e in evaluations if e.pretraining)
    return list(dict.fromkeys([*before, *evaluations]))


def _make(profile: str) -> str:
    return f"`python -m asglib reproduce --profile {profile}`"


def readme(path: Path) -> str:
    """README's scorecard in Markdown, from published records; ScorecardError if none."""
    records = load_records(path) if path.exists() else []
    table = evaluations(records)
    if table.empty:
        told = f"There are no published records in {path}: run {_make(path.stem)}, then"
        why = " ".join([f"`python -m asglib publish --profile {path.stem}`.", *set_aside(records)])
        raise ScorecardError(f"{told} {why}")
    profile = profiles.profile(table["profile"].iloc[0])
    table = in_the_way_of(table, profile)
    found = judge(table, paper.read("asg").claims, profile)
    sound = sum(record["kind"] != UNREADABLE for record in records)
    planned = len(_runs(plans.everything(profile)))
    part = "**Not whole yet**: a claim whose runs are missing is *not tested*. "
    shown = found["measurable"] & ((found["verdict"] != "not tested") | (not profile.evidence))
    lines = [
        levels(table, profile),
        "",
        f"Of all {len(found)} claims: {sentences.verdicts(found)}. Not tested are those whose runs "
        "are not among these records or are not made here; the scorecard names each. "
        f"{_stand_ins(found[shown])}{_no_room(found[shown])}",
        "",
        f"Profile `{profile.name}`, {seeds(table)}, {sound:,} of {planned:,} runs. "
        f"{part * (sound < planned)}{profile.standing}",
        *set_aside(records),
        "",
        "| claim | paper | ours, points [95 % interval], n | verdict |",
        "|---|---|---|---|",
        *(_row(line) for line in found[shown].itertuples()),
    ]
    return "\n".join(lines)


def _no_room(rows: pd.DataFrame) -> str:
    """How many claims failed because the other system is too near 100 percent; "" if none did."""
    failed = rows[rows["verdict"] == "not reproduced"]
    count = failed["limits"].str.contains(NO_ROOM, regex=False).sum()
    if not count:
        return ""
    told = f" {count} of the {len(failed)} rows that are *not reproduced* could not be reproduced"
    return f"{told} here: the other system leaves less than the stated size below 100 %."


def _stand_ins(rows: pd.DataFrame) -> str:
    """How many rows rest on other data sets than the paper's."""
    count = rows["limits"].str.contains("stands? in for").sum()
    told = f"In {count} of the {len(rows)} rows below other tasks stand in for the paper's data"
    return f"{told}: notebook 12 says which."


def _row(line) -> str:
    texts = (line.claim, line.paper, line.ours or "not tested", line.verdict)
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"


def levels(table: pd.DataFrame, profile: Profile) -> str:
    """Where the systems stand beside the controls, and the study's headline, which comes first."""
    tasks, corpus = profile.tasks, profile.pretraining.corpus
    systems = [*plans.CONTROLS, "NONE", plans.TWICE, "Sup.", "ASG"]
    cells, _ = scores(table, systems, tasks, corpus=corpus)
    told = ", ".join(f"{row} {text}" for row, text in average(cells)["text"].items())
    return (
        f"{lessons.headline(table, profile)}\n\n"
        f"Frozen, mean over the {len(tasks)} tasks of table 4 in percent ± half the 95 % interval "
        f"(seeds): {told}."
    )


def write_readme(readme_path: Path, path: Path) -> None:
    """Replaces what stands between README's two marks; without records an old table goes too, and
    ScorecardError."""
    parts = re.split("|".join(map(re.escape, MARKS)), readme_path.read_text(encoding="utf-8"))
    if len(parts) != 3:
        told = f"the line {MARKS[0]} and, below it, {MARKS[1]}, each once"
        raise ScorecardError(f"{readme_path} needs {told}.")
    try:
        block, problem = readme(path), None
    except ValueError as error:
        block, problem = f"There is no scorecard. {error}", error
    text = f"{parts[0]}{MARKS[0]}\n{block}\n{MARKS[1]}{parts[2]}"
    write_atomically(readme_path, lambda out: out.write_text(text, encoding="utf-8"))
    if problem:
        raise ScorecardError(str(problem)) from problem
