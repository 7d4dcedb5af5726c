"""A table's runs, opened in one call: what every notebook of results begins with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd
from IPython.display import clear_output

from asglib.config import SENSITIVITY, Evaluation, Pretraining, need
from asglib.data.workspace import Workspace
from asglib.study import names, paper, plans, pool, profiles, report, verdicts
from asglib.study.cluster import StudyError
from asglib.study.notes import notes
from asglib.study.operations import multiply_adds
from asglib.study.records import evaluations, pretext
from asglib.study.rows import in_the_way_of
from asglib.study.runs import record_of

LISTED = 20  # limits that a page names one by one


@dataclass(frozen=True)
class Opened:
    """The runs of a plan: those that are done, and what is absent and why."""

    profile: profiles.Profile
    workspace: Workspace
    planned: list[Evaluation]
    able: list[Evaluation]  # the planned ones whose data are there
    done: dict[Evaluation, dict]  # their records, where there is one
    absent: dict[str, str]  # set, corpus or "failed runs": why, and how to get it
    paper: str = ""  # a compared one, whose plan it is

    @property
    def records(self) -> list[dict]:
        """Of all that was measured: evaluations, and what encoders notice of a move."""
        return list(self.done.values())

    @cached_property
    def table(self) -> pd.DataFrame:
        """The evaluations, a row each; of a compared paper's plan those in that paper's way."""
        return self._under(self.paper)

    def _under(self, paper: str) -> pd.DataFrame:
        told = evaluations([*self.records, *self.pretrainings])
        return in_the_way_of(told, self.profile, paper)

    @property
    def sensitivity(self) -> list[dict]:
        """The records of what the encoders notice of a move."""
        return [record for record in self.records if record["kind"] == SENSITIVITY]

    @cached_property
    def _trained(self) -> dict[Pretraining, dict]:
        runs = dict.fromkeys(e.pretraining for e in self.done if e.pretraining)
        found = {run: record_of(run, self.workspace) for run in runs}
        return {run: record for run, record in found.items() if record}

    @property
    def pretrainings(self) -> list[dict]:
        """The records of the encoders that were evaluated, each once."""
        return list(self._trained.values())

    @cached_property
    def worked(self) -> list[dict]:
        """The same with their multiply-adds, which are counted now (D67)."""
        device = self.workspace.device
        return [
            record | {"multiply_adds": multiply_adds(run, record["steps"], device)}
            for run, record in self._trained.items()
        ]

    def judged(self, *tables: str, name: str = "asg") -> pd.DataFrame:
        """The claims of a paper on some of its tables ("4", "2/4"; none: on all), with verdicts."""
        claims = paper.read(name).claims
        chosen = claims[claims["table"].isin(tables)] if tables else claims
        table = self._under(name)
        rows = [each for each in (table, pretext(self.pretrainings)) if len(each)]
        return verdicts.judge(pd.concat([table[:0], *rows]), chosen, self.profile)

    def all_judged(self) -> pd.DataFrame:
        """The claims of every paper; `source` is the paper's title."""
        found = [
            self.judged(name=name).assign(source=one.title) for name, one in paper.papers().items()
        ]
        return pd.concat(found, ignore_index=True)

    def standing(self) -> None:
        """Show what the profile's numbers are worth."""
        report.markdown(f"> {self.profile.standing}")

    def absent_table(self) -> None:
        """Show how many of the planned runs are there, and what the others lack."""
        asked = f"the {self.profile.name} profile asks for"
        there = f"{len(self.done):,} of the {len(self.planned):,} evaluations"
        report.markdown(f"{there} that {asked} are there.")
        if self.absent:  # a table and no list: Markdown would make links of the addresses
            ways = pd.DataFrame({"why, and how to get it": self.absent}).sort_index()
            report.table(ways.rename_axis("what"), f"Not there: what {asked}.")

    def limits(self) -> None:
        """Show what a reader of the tables must know about the runs behind them."""
        told = [*self._lost(), *notes([*self.records, *self.pretrainings])]
        if not told:
            told = [
                "Nothing: every planned run is there, every metric is defined, and the runs of a "
                "table share data, code and recipe."
            ]
        rest = len(told) - LISTED
        lines = told[:LISTED] + [f"and {rest} more"] * (rest > 0)
        report.markdown("\n".join(f"- {line}" for line in lines))

    def _lost(self) -> list[str]:
        """A sentence for each system of which runs are missing though their data are there."""
        systems: dict[str, list[str]] = {}
        for e in self.able:
            if e not in self.done:
                before = e.pretraining
                method = f"{before.method}, {before.corpus}" if before else "spectrogram"
                runs = systems.setdefault(f"{method} ({e.frontend.name}, {e.setting})", [])
                task = f"{e.data_set}/{e.task}".rstrip("/")
                runs.append(f"{task} with seed {e.seed}")
        return [
            f"{system}: no record of {runs[0]}{f', and {len(runs) - 1} more' if runs[1:] else ''}."
            for system, runs in systems.items()
        ]


def open(
    name: str, profile: str = "smoke", workspace: Workspace | None = None, strict: bool = True
) -> Opened:
    """The runs of a plan ("table 4", ...): found, or computed now; says how many.

    Where `workspace` computes nothing, what is missing is left out. A run that fails raises
    StudyError; not `strict`, it is named among what is absent.
    """
    need(name in plans.PLANS, f"runs {name!r} are unknown; use {', '.join(plans.PLANS)}.")
    names.forget()  # a kernel may be older than a change of the data
    size, workspace = profiles.profile(profile), workspace or Workspace.here()
    planned = plans.PLANS[name](size)
    able, absent = pool.available(planned, workspace)
    found, errors = pool.computed(able, workspace, progress=_say)
    if errors and workspace.computes:
        failure = pool.failure(list(errors), len(able), errors)
        if strict:
            raise StudyError(failure)
        absent["failed runs"] = failure
    done = {e: {"profile": size.name} | found[e] for e in able if e in found}
    return Opened(size, workspace, planned, able, done, absent, plans.PAPERS.get(name, ""))


def _say(text: str) -> None:
    """In a notebook the last line alone stays."""
    clear_output(wait=True)
    print(text)
