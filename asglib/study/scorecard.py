"""README's findings and scorecard, from published records and nothing else."""

import re
from pathlib import Path

import pandas as pd

from asglib.files import write_atomically
from asglib.study import lessons, paper, plans, predictions, profiles, sentences
from asglib.study.limits import NO_ROOM
from asglib.study.profiles import Profile
from asglib.study.publish import MAKE, runs_of
from asglib.study.records import UNREADABLE, ResultsError, evaluations, load_records, set_aside
from asglib.study.rows import in_the_way_of
from asglib.study.tables import average, scores, seeds
from asglib.study.verdicts import READ, WORST_FIRST, judge

MARKS = "<!-- scorecard -->", "<!-- /scorecard -->"
TITLES = {"ours": "ours, points [95 % interval], n"}


def scorecard(path: Path) -> str:
    """The finding, the levels, the verdicts by table and every measured claim, in Markdown;
    ResultsError where there are no published records at `path`."""
    records = load_records(path) if path.exists() else []
    table = evaluations(records)
    if table.empty:
        told = f"There are no published records in {path}: run {MAKE.format(path.stem)}, then"
        why = " ".join([f"`python -m asglib publish --profile {path.stem}`.", *set_aside(records)])
        raise ResultsError(f"{told} {why}")
    profile = profiles.profile(table["profile"].iloc[0])
    predicted = _predicted(table, profile)
    table = in_the_way_of(_of_claims(table, profile), profile)
    found = judge(table, paper.read("asg").claims, profile)
    sound = sum(record["kind"] != UNREADABLE for record in records)
    planned = len(runs_of(plans.everything(profile)))
    part = "**Not whole yet**: a claim whose runs are missing is *not tested*. "
    shown = found["measurable"] & ((found["verdict"] != "not tested") | (not profile.evidence))
    claims = found[shown][READ].replace("", "not tested").rename(columns=TITLES)
    lines = [
        lessons.headline(table, profile),
        "",
        _levels(table, profile),
        *predicted,
        "",
        f"Of all {len(found)} claims: {sentences.verdicts(found)}. Not tested are those whose runs "
        "are not among these records or are not made here; the scorecard names each. "
        f"{_stand_ins(found[shown])}{_no_room(found[shown])}",
        "",
        sentences.in_markdown(_by_table(found)),
        "",
        f"Profile `{profile.name}`, {seeds(table)}, {sound:,} of {planned:,} runs. "
        f"{part * (sound < planned)}{profile.standing}",
        *set_aside(records),
        "",
        f"<details><summary>The {len(claims)} measured claims, one by one</summary>",
        "",
        sentences.in_markdown(claims),
        "",
        "</details>",
    ]
    return "\n".join(lines)


def _of_claims(table: pd.DataFrame, profile: Profile) -> pd.DataFrame:
    """The rows that claims are judged on: not the embedded corpus beside other data (D70)."""
    if profile.pretraining.corpus == plans.EMBEDDED:
        return table
    return table[table["data_set"] != plans.EMBEDDED]


def _predicted(table: pd.DataFrame, profile: Profile) -> list[str]:
    """What the moves do on the embedded corpus, where that was run beside other data (D70)."""
    own = table[table["data_set"] == plans.EMBEDDED]
    if own.empty or profile.pretraining.corpus == plans.EMBEDDED:
        return []
    told = predictions.in_words(predictions.judged(own, predictions.MARGIN))
    as_long = sentences.apart(predictions.gains(own, plans.TWICE))
    return [
        "",
        f"What the hypothesis predicts for the embedded corpus, {seeds(own)} (D70) – {told}. "
        f"Beside NONE at equal work, on the average of its four factors – {as_long}.",
    ]


def _levels(table: pd.DataFrame, profile: Profile) -> str:
    """Where the systems stand beside the controls."""
    tasks, corpus = profile.tasks, profile.pretraining.corpus
    systems = [*plans.CONTROLS, "NONE", plans.TWICE, "Sup.", "ASG"]
    cells, _ = scores(table, systems, tasks, corpus=corpus)
    told = average(cells)["text"].to_frame().T
    title = f"Frozen, mean over the {len(tasks)} tasks of table 4, in percent ± half the 95 %"
    return f"{title} interval (seeds):\n\n{sentences.in_markdown(told)}"


def _by_table(judged: pd.DataFrame) -> pd.DataFrame:
    """How many verdicts of each kind the claims on each table of the paper have."""
    names = judged["table"].str.replace("/", " and ").replace("", "none")
    counts = pd.crosstab(names, judged["verdict"])
    counts = counts.reindex(columns=reversed(WORST_FIRST), fill_value=0)
    return counts.reset_index().rename(columns={"table": "claims on table"})


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


def write_readme(readme: Path, path: Path) -> None:
    """Replaces what stands between README's two marks; without records an old scorecard goes too,
    and ResultsError."""
    parts = re.split("|".join(map(re.escape, MARKS)), readme.read_text(encoding="utf-8"))
    if len(parts) != 3:
        told = f"the line {MARKS[0]} and, below it, {MARKS[1]}, each once"
        raise ResultsError(f"{readme} needs {told}.")
    try:
        block, problem = scorecard(path), None
    except ValueError as error:
        block, problem = f"There is no scorecard. {error}", error
    text = f"{parts[0]}{MARKS[0]}\n{block}\n{MARKS[1]}{parts[2]}"
    write_atomically(readme, lambda out: out.write_text(text, encoding="utf-8"))
    if problem:
        raise ResultsError(str(problem)) from problem
