"""What the reports on the compared papers (notebooks 09 to 11) show alike, one after another."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd
from matplotlib.figure import Figure

from asglib.study import figures, paper, report, rows, sentences, tables, trainings
from asglib.study.opened import Opened

BESIDE = ("NONE", "ASG")  # of this study's own paper: what the same clips are worth to them
LEVELS = (*BESIDE, "spectrogram")
METRIC = "percent of each task's metric"
Numbers = tuple[pd.DataFrame, pd.DataFrame]  # cells and dots of study.tables


@dataclass(frozen=True)
class Compared:
    """The opened runs of one compared paper, its systems, tasks and numbers."""

    runs: Opened

    @property
    def methods(self) -> list[str]:
        """The paper's systems, its plain one first, and those of BESIDE."""
        return [*self.runs.profile.compared[self.runs.paper], *BESIDE]

    @property
    def systems(self) -> dict[str, dict]:
        """By label, which records are of each: controls first."""
        return rows.systems_of(self.runs.profile, self.runs.paper)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The columns, "set/task"."""
        return self.runs.profile.tasks_of(self.runs.paper)

    @property
    def pretrainings(self) -> list[dict]:
        """Those of the systems as they are, without the paper's variants; with their work."""
        return rows.usual(self.runs.profile, self.runs.paper, self.runs.worked)

    @property
    def collapsed(self) -> str:
        """Which pretrainings collapsed, in a sentence."""
        return trainings.collapsed(self.pretrainings, self.methods)

    @cached_property
    def frozen(self) -> Numbers:
        """Each system on each task, in percent."""
        return tables.scores(self.runs.table, self.systems, self.tasks)

    @cached_property
    def gains(self) -> Numbers:
        """Each system - the same network untrained, in points."""
        pairs = rows.above_control(self.runs.profile, self.runs.paper)
        return tables.differences(self.runs.table, pairs, self.tasks)

    @cached_property
    def changes(self) -> Numbers:
        """Each system - the paper's plain one, in points."""
        pairs = rows.above_first(self.runs.profile, self.runs.paper)
        return tables.differences(self.runs.table, pairs, self.tasks)

    @cached_property
    def judged(self) -> pd.DataFrame:
        """The paper's claims with their verdicts."""
        return self.runs.judged(name=self.runs.paper)

    def arithmetic(self) -> None:
        """Show how many checks of the paper's arithmetic agree, and which do not."""
        checks = paper.audit(paper.read(self.runs.paper))
        wrong = checks[~checks["agrees"]].set_index("check")
        agree = f"{checks['agrees'].sum()} of {len(checks)}"
        report.markdown(f"{agree} checks of its arithmetic agree.")
        if len(wrong):
            shown = wrong[["source", "printed", "recomputed", "note"]]
            report.table(shown, "What does not add up: percent, or points of a difference.", 1)

    def pretrained(self) -> None:
        """Show what was pretrained, and what collapsed."""
        caption = "What was pretrained: clips, the loss of the last batch, the embeddings' spread"
        made = trainings.systems(self.pretrainings, self.methods)
        measured = made.loc[:, (made != "–").any()]  # no method here but CPC ranks positives
        report.table(measured, f"{caption} (0: all alike).")
        report.markdown(f"{self.collapsed}.")

    def scores(self) -> None:
        """Show every system on every task, as a table and as a figure."""
        cells, bands = self.frozen[0], {"frozen": self.frozen}
        stands = tables.basis(cells, self.runs.table)
        told = f"Frozen: {METRIC}, mean ± half the interval (seeds); {stands}."
        report.table(tables.wide(cells, name="system"), told)
        alt = "Every system on every task, with mean, interval and a dot a seed."
        report.figure(
            figures.dot_intervals(bands, "percent of the task's metric"),
            f"{alt} {sentences.seen(bands)}.",
            f"Every system on every task, frozen; {stands}.",
        )

    def added(self) -> None:
        """Show what training added to random weights."""
        bands, cells = {"method - control": self.gains}, self.gains[0]
        report.figure(
            figures.dot_intervals(bands, "points", zero=True),
            f"Differences with intervals. {sentences.seen(bands)}.",
            f"Method - the untrained network, in points; {tables.basis(cells)}.",
        )
        report.markdown(f"What is seen, on average – {sentences.apart(cells)}.")
        report.markdown(f"Task by task: {tables.clear(cells)}.")

    def changed(self) -> None:
        """Show what the paper's changes add to its plain system."""
        cells, first = self.changes[0], self.methods[0]
        told = f"Method - {first}, in points; {tables.basis(cells)}."
        report.table(tables.wide(cells, name="difference"), told)
        report.markdown(f"What is seen, on average beside {first} – {sentences.apart(cells)}.")

    def claims(self) -> None:
        """Show the claims with their verdicts, and why the others have none."""
        tested = self.judged[self.judged["measurable"]]
        others = self.judged[~self.judged["measurable"]]
        told = "The claims that can be tested, ours in points with 95 % interval."
        report.table(sentences.claims(tested), told)
        verdicts = sentences.counts(self.judged["verdict"])
        report.markdown(f"Verdicts on all {len(self.judged)}: {verdicts}.")
        report.markdown(sentences.limits(tested))
        report.table(others.set_index("id")[["claim", "limits"]], "The other claims, and why not.")

    def costs(self) -> None:
        """Show what a pretraining of each system costs, beside what it gains."""
        cost = trainings.costs(self.pretrainings, self.methods, self.gains[0])
        told = "The cost of a pretraining, and the gain over the untrained network."
        report.table(cost, told, digits=2)

    def finding(self, begins: str = "") -> tuple[str, Figure, str]:
        """The finding after what the paper's own question `begins` it with, its figure, its alt."""
        own = self.methods[: -len(BESIDE)]
        cells = self.gains[0]
        cells = cells[cells["row"].str.split(" - ").str[0].isin(own)]
        verdicts = sentences.counts(self.judged["verdict"])
        sentence = (
            f"{begins}{self._against('the same network untrained', cells)}\n\n"
            f"In percent {sentences.span(self.frozen[0], own, LEVELS)}. {self.collapsed}. "
            f"Of {len(self.judged)} claims: {verdicts}."
        )
        bands = {"method - control": self.gains}
        width = f"points, average of {len(self.tasks)} tasks"
        key = figures.dot_intervals(tables.on_average(bands), width, zero=True, width=6)
        return sentence, key, f"Method - control on average. {sentences.seen(bands)}."

    def beside_first(self) -> str:
        """How a finding begins: whether the paper's changes can be told from its plain system."""
        return f"{self._against(f'plain {self.methods[0]}', self.changes[0])} "

    def _against(self, other: str, cells: pd.DataFrame) -> str:
        measure = f"points, average of {len(self.tasks)} tasks"
        return f"Against {other} ({measure}) – {sentences.apart(cells)}."
