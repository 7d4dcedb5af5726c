"""Records of finished runs, published as one table and put back."""

from contextlib import suppress
from pathlib import Path

import pandas as pd

from asglib.config import Evaluation, Pretraining
from asglib.counting import counted
from asglib.data.places import locked
from asglib.data.workspace import Workspace
from asglib.study import paper, plans, pool, profiles
from asglib.study.profiles import Profile
from asglib.study.records import UNREADABLE, ResultsError, load_records, write_records
from asglib.study.runs import keep_record, record_of, run_name

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
MAKE = "`python -m asglib reproduce --profile {}`"


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

    The values stay bit by bit, the profile's name stands before them. ResultsError: there is
    none, the table holds more, or the profile has other seeds than its own.
    """
    if profile != profiles.PROFILES[profile.name]:
        raise ResultsError(f"publish takes {profile.name} with its own seeds: leave others out.")
    able, _ = pool.available(plans.everything(profile), workspace)
    found = [record for one in runs_of(able) if (record := record_of(one, workspace))]
    if not found:
        told = f"{workspace.runs} holds no finished run of the profile"
        raise ResultsError(f"{told}: run {MAKE.format(profile.name)} first.")
    _keep_what_is_there(path, len(found))
    write_records([{"profile": profile.name} | record for record in found], path)
    return len(found)


def _keep_what_is_there(path: Path, count: int) -> None:
    """Refuses to replace a table by one of fewer records."""
    there = len(load_records(path)) if path.is_file() else 0
    if count < there:
        raise ResultsError(
            f"{path} holds {counted(there, 'record')}, here are {count:,}: restore them or compute "
            "the rest; to publish fewer, move that file away first."
        )


def restore(profile: Profile, workspace: Workspace, path: Path) -> tuple[int, int]:
    """Writes the published records that `workspace` lacks into it: how many, and how many it has
    then; ResultsError if the table cannot be read, or none of its records fits.

    A record of other code or data has no planned run's name and stays out. Encoders are not
    published: a run that needs one trains it again.
    """
    published = {record["run"]: record for record in load_records(path)}
    if broken := [one["why"] for one in published.values() if one["kind"] == UNREADABLE]:
        raise ResultsError(broken[0])
    able, _ = pool.available(plans.everything(profile), workspace)
    planned = {run_name(one, workspace): one for one in runs_of(able)}
    there = [name for name in published if name in planned]
    if not there:
        data = f"the data under {workspace.data}" if workspace.data else "no data root"
        raise ResultsError(
            f"{path}: none of its records fits this code and {data}: give --data the folder of "
            "the sets, and check out the commit that published it."
        )
    lacking = [name for name in there if record_of(planned[name], workspace) is None]
    written = 0
    for name in lacking:
        record = {key: value for key, value in published[name].items() if key != "profile"}
        with suppress(BlockingIOError), locked(workspace.runs / name / "lock", wait=False):
            keep_record(workspace.runs / name, planned[name], record)
            written += 1  # else it is computed just now
    return written, len(there)


def runs_of(evaluations: list[Evaluation]) -> list[Pretraining | Evaluation]:
    """Evaluations and, before them, their pretrainings, each once."""
    before = (e.pretraining for e in evaluations if e.pretraining)
    return list(dict.fromkeys([*before, *evaluations]))
