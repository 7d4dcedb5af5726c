"""The scorecard (paper sections 3.3 to 3.5): its records gathered and published, its table beside the paper's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from asglib.config import Evaluation
from asglib.data import index as datasets
from asglib.data.workspace import Workspace
from asglib.files import write_atomically
from asglib.study import paper as audit
from asglib.study import plans, pool, profiles
from asglib.study import tables as results
from asglib.study.profiles import Profile
from asglib.study.runs import record_of, run_name

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
BEHIND = {
    "2": "08",
    "3": "08",
    "4": "05",
    "2/4": "05",
    "5": "06",
    "6": "07",
}  # table of the paper: our notebook
COLUMNS = {  # of tables 2 and 3: our task, and the number of classes in section 3.1
    "LS": ("librispeech/speaker", 251),
    "SCV1": ("speech_commands_v1/words", 11),
    "SCV2": ("speech_commands_v2/words", 35),
    "MS": ("musan/kind", 3),
    "VC": ("voxceleb1/speaker", 1211),
    "NS": ("nsynth/family", 11),
    "AS": ("audioset/events", 527),
    "ESC": ("esc50/sound", 50),
}
MARKS = "<!-- scorecard -->", "<!-- /scorecard -->"


class ScorecardError(ValueError):
    """A scorecard that cannot be made; the message is one sentence that says what is missing and how to make it."""


def gather(
    evaluations: list[Evaluation],
    profile: Profile,
    place: Workspace,
    progress: Callable[[str], object] = print,
) -> tuple[list[dict], list[str]]:
    """The records of all evaluations whose data are there, found or computed, and a sentence for each reason why some
    are missing: a set that is not there, a run that failed or that was not to be computed."""
    able, absent = pool.available(evaluations, place)
    reasons = [f"{name}: {why}" for name, why in sorted(absent.items())]
    try:
        found = pool.collect(able, profile, place, progress=progress)
    except pool.StudyError as error:
        reasons.append(str(error))
        found = [
            record | {"profile": profile.name} for e in able if (record := record_of(e, place))
        ]
    if lost := [
        pool.describe(e) for e in able if len(found) < len(able) and record_of(e, place) is None
    ]:
        named = "; ".join(lost[:3]) + "; ..." * (len(lost) > 3)
        reasons.append(f"{len(lost)} runs whose data are there have no record: {named}.")
    return found, reasons


def card(frame: pd.DataFrame, claims: pd.DataFrame, profile: Profile) -> pd.DataFrame:
    """`results.scorecard` with `direction` in words and `notebook`, the number of the one behind the claim."""
    corpora = {
        "main": profile.pretraining.corpus,
        "first": profile.corpora[0],
        "second": profile.corpora[1],
    }
    found = results.scorecard(frame, claims, corpora)
    found["direction"] = [
        _direction(*row) for row in found[["mean", "low", "high"]].itertuples(index=False)
    ]
    return found.assign(
        stated=claims["stated"].to_numpy(),
        measurable=(claims["ours_minuend"] != "").to_numpy(),
        notebook=claims["table"].map(BEHIND).fillna("").to_numpy(),
    )


def _direction(mean: float, low: float, high: float) -> str:
    if np.isnan(mean):
        return "not measured"
    side = "as claimed" if mean > 0 else "opposite" if mean < 0 else "no difference"
    return f"{side} (interval {'reaches' if low <= 0 <= high else 'clear of'} 0)"


def pages() -> dict[str, str]:
    """The report of each notebook number, as a link from its neighbours."""
    return {
        path.stem[:2]: f"{path.stem}.html" for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    }


def beside(
    frame: pd.DataFrame,
    systems: list[str],
    setting: str,
    absent: Mapping[str, str] = {},
    corpus: str = "",
) -> pd.DataFrame:
    """Tables 2 and 3 in one: the paper's rows as it prints them ("–": not printed), ours below as mean ± half-width
    (seeds) or "not tested" and, of set and pretraining `corpus`, what is `absent`; a task with other classes than the
    paper's says so."""
    printed = audit.paper_tables()
    rows = printed[(printed["table"] == 2) | ((printed["table"] == 3) & (printed["row"] == "Sup."))]
    rows = rows[rows["setting"] == setting]
    quoted = rows.pivot(index="row", columns="column", values="value").reindex(
        rows["row"].unique()
    )[list(COLUMNS)]
    quoted = quoted.map(lambda value: "–" if np.isnan(value) else f"{value:.1f}").rename(
        "paper: {}".format
    )
    ours = results.table(frame, systems, [task for task, _ in COLUMNS.values()], setting)[0]
    ours = ours.drop(columns=results.AVERAGE).set_axis(list(COLUMNS), axis=1)
    for name, (task, classes) in COLUMNS.items():
        for count in sorted(
            {len(names) for names in frame.loc[frame["key"] == task, "classes"]} - {classes}
        ):
            ours[name] = [
                text + f"; {count} classes, not {classes}" * (text != "not tested")
                for text in ours[name]
            ]
        for row in ours.index[ours[name] == "not tested"]:
            needed = (task.split("/")[0], *([] if row == "spectrogram" else [corpus]))
            wants = [key for need in needed for key in absent if key.split(", ")[0] == need]
            ours.loc[row, name] += f" for want of {wants[0]}" if wants else ""
    return pd.concat([quoted, ours.rename("ours: {}".format)])


def used(
    tasks: Iterable[str], frame: pd.DataFrame, absent: Mapping[str, str], corpus: str
) -> pd.DataFrame:
    """One line a task ("set/task"): its set, metric and classes, the clips that took part and those that did not, and,
    where it or its encoders are not tested, which set or pretraining corpus of `absent` that is for."""
    lines, unheard = (
        [],
        [f"only the spectrogram is tested: {corpus} is not there"] if corpus in absent else [],
    )
    for task in tasks:
        name, key = task.split("/")
        row, told = datasets.DATASETS[name], frame[frame["key"] == task]
        line = {"set": row.title, "metric": row.tasks[key].metric}
        if told.empty:
            gone = next(
                (f"{each} is not there" for each in (name, corpus) if each in absent), "no record"
            )
            lines.append(line | {"note": f"not tested: {gone}"})
            continue
        counts, classes = told["counts"].iloc[0], told["classes"].iloc[0]
        clips = {split: f"{counts[split]:,}" for split in ("train", "test")}
        lines.append(
            line
            | {
                "classes": str(len(classes)),
                **clips,
                "skipped": str(len(counts["skipped"])),
                "missing": str(counts["missing"]),
                "note": "; ".join([*_without(counts["absent_from_test"], classes), *unheard]),
            }
        )
    columns = ["set", "metric", "classes", "train", "test", "skipped", "missing", "note"]
    return pd.DataFrame(lines, index=pd.Index(list(tasks), name="task"), columns=columns).fillna(
        "–"
    )


def _without(names: list[str], classes: list[str]) -> list[str]:
    return (
        [f"{len(names)} of {len(classes)} classes have no test clip: {', '.join(names[:5])}"]
        if names
        else []
    )


def publish(profile: Profile, place: Workspace, folder: Path) -> int:
    """Copies the record of every finished run of the profile's plans to `folder`/<run>.json and returns their number.

    The values stay byte by byte, the profile's name stands before them; what is no such run's record is removed.
    """
    able, _ = pool.available(plans.everything(profile), place)
    configs = dict.fromkeys([*(e.pretraining for e in able if e.pretraining), *able])
    done = [
        name
        for name in (run_name(c, place) for c in configs)
        if (place.runs / name / "record.json").exists()
    ]
    if not done:
        raise ScorecardError(
            f"{place.runs} holds no finished run of the profile: run {_make(profile.name)} first."
        )
    for name in done:
        text = (place.runs / name / "record.json").read_text(encoding="utf-8")
        whole = f'{{"profile": {json.dumps(profile.name)}, {text.lstrip()[1:]}'
        write_atomically(
            folder / f"{name}.json", lambda out: out.write_text(whole, encoding="utf-8")
        )
    for old in set(folder.glob("*.json")) - {folder / f"{name}.json" for name in done}:
        old.unlink()  # of other code or data: two records of one number cannot stand in one table
    return len(done)


def _make(profile: str) -> str:
    return f"`python -m asglib reproduce --profile {profile}`"


def readme(folder: Path) -> str:
    """README's scorecard in Markdown, from published records; ScorecardError when there are none."""
    there = results.load_records(folder) if Path(folder).is_dir() else []
    frame = results.frame(there)
    if frame.empty:
        raise ScorecardError(
            f"There are no published records in {folder}: run {_make(Path(folder).name)}, "
            f"then `python -m asglib publish --profile {Path(folder).name}`."
        )
    profile, claims = profiles.profile(frame["profile"].iloc[0]), audit.paper_claims()
    found = card(frame, claims, profile)
    counts = found["verdict"].value_counts().reindex(results.WORST_FIRST[::-1], fill_value=0)
    lines = [
        f"Profile `{profile.name}`, {seeds(frame)}, {len(there)} records. {profile.standing}",
        "",
        "| claim | paper | ours, points [95 % interval], n | verdict |",
        "|---|---|---|---|",
    ]
    shown = found["measurable"] & ((found["verdict"] != "not tested") | (not profile.evidence))
    for row in found[shown].itertuples():
        cells = (row.claim, row.paper, row.ours or "not tested", row.verdict)
        lines.append("| " + " | ".join(text.replace("|", "\\|") for text in cells) + " |")
    waiting, rest = (found["measurable"] & ~shown).sum(), (~found["measurable"]).sum()
    total = ", ".join(f"{count} {word}" for word, count in counts.items())
    lines += [
        "",
        f"Not tested: {waiting} claims whose runs are not among these records, and {rest} that have no number "
        f"or are about systems that the study does not run; the scorecard names each. In all: {total}.",
        "",
        levels(frame, profile),
    ]
    return "\n".join(lines)


def levels(frame: pd.DataFrame, profile: Profile) -> str:
    """One sentence: where the systems stand beside the controls, on average; what a difference is a difference of."""
    systems = [*plans.CONTROLS, "NONE", "Sup.", "ASG"]
    cells = results.cells_of(frame, systems, list(profile.tasks), corpus=profile.pretraining.corpus)
    average = cells[cells["column"] == results.AVERAGE].set_index("row")["text"]
    told = ", ".join(f"{name} {average[name]}" for name in systems)
    return (
        f"Beside the controls, frozen, mean over the {len(profile.tasks)} tasks of table 4 in percent ± half the "
        f"95 % interval (seeds): {told}."
    )


def seeds(frame: pd.DataFrame) -> str:
    """How many pretraining seeds the systems of a frame have, as text: "3 to 5 pretraining seeds"."""
    counts = sorted(
        frame.groupby(["method", "frontend", "corpus", "setting"])["seed"].nunique()
    ) or [0]
    told = f"{counts[0]} to {counts[-1]}" if counts[0] < counts[-1] else f"{counts[0]}"
    return f"{told} pretraining seed{'s' * (told != '1')}"


def write_readme(readme_path: Path, folder: Path) -> None:
    """Replaces what stands between README's two marks; without records an old table goes too, and ScorecardError."""
    parts = re.split("|".join(map(re.escape, MARKS)), readme_path.read_text(encoding="utf-8"))
    if len(parts) != 3:
        raise ScorecardError(
            f"{readme_path} needs the line {MARKS[0]} and, below it, {MARKS[1]}, each once."
        )
    try:
        block, problem = readme(folder), None
    except ValueError as error:
        block, problem = f"There is no scorecard. {error}", error
    text = f"{parts[0]}{MARKS[0]}\n{block}\n{MARKS[1]}{parts[2]}"
    write_atomically(readme_path, lambda out: out.write_text(text, encoding="utf-8"))
    if problem:
        raise ScorecardError(str(problem)) from problem
