"""Claims judged: one rule, read from the interval of a difference alone (D36)."""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd

from asglib.study.comparison import (
    Cell,
    Comparison,
    as_system,
    compare,
    describe,
    parts,
    rows_of,
    spoken,
)
from asglib.study.limits import STAND_IN, collapsed, left_out, of_the_claim, room
from asglib.study.records import ResultsError, fewer_classes

WORST_FIRST = ("not reproduced", "not tested", "inconclusive", "partly", "reproduced")
SHOWN = ["claim", "paper", "ours", "verdict", "limits"]  # of a scorecard, in a report
READ = ["verdict", "ours", "claim", "paper"]  # a narrow screen shows what stands left
NUMBERS = ["low", "mean", "high", "n", "stated", "measurable"]
DIRECTIONS = (">", ">=", "<")  # of claims that an interval can decide
ONE_SEED = "one pretraining seed"
# of claims without a stated size
EXCLUDES = "below the smallest difference that the paper's cells give for it"


class Verdict(NamedTuple):
    """One of WORST_FIRST, and the reason in a few words."""

    word: str
    reason: str = ""


class Judged(NamedTuple):
    """A difference of two systems on some tasks, all that a claim is about, and its verdict."""

    name: str
    cell: Cell
    verdict: Verdict
    found: Comparison
    pair: tuple[str, str]
    tasks: list[str]


def verdict(claim, cell: Cell, profile) -> Verdict:
    """The rule; it reads the interval alone, never the mean (D36).

    not tested: a run of a profile that is no evidence, or no interval (no record in common).
    not reproduced: the interval excludes the claim: all of it lies on the other side of 0, or it
    reaches 0 and stays below the size that the paper states.
    inconclusive: the interval reaches 0 and, if a size is stated, that size too. Of a claim without
    a size the reason says whether it excludes the smallest difference that the tables print (D36).
    partly: all of it lies on the claimed side of 0, but below the stated size; or it comes from the
    test clips of one pretraining seed, or from seeds that all gave one difference.
    reproduced: all of it lies on the claimed side of 0 and it reaches the stated size, if there is
    one. For ">=" 0 itself is on the claimed side. A larger effect than stated is reproduced.
    """
    if not profile.evidence:
        return Verdict("not tested", f"{profile.name} is not evidence")
    if not cell.unit:
        return Verdict("not tested", cell.note)
    low, _, high = (round(value, 9) for value in _turned(claim, cell))  # 9: float error
    least = 0 if claim.direction == ">=" else 1e-9  # the smallest difference that is as claimed
    small = high < claim.stated - claim.rounding  # False without a stated size (NaN)
    alone = f"; {ONE_SEED}" if cell.unit == "clips" else ""
    if high < 0:
        return Verdict("not reproduced", f"the interval lies on the other side of 0{alone}")
    if low < least:
        reaches = "the interval reaches 0"
        below = f"{reaches} and stays below the stated {claim.stated:.1f}"
        if small:
            return Verdict("not reproduced", f"{below}{alone}")
        if high < claim.printed.low:
            reaches += f" and is {EXCLUDES}, {claim.printed.value:.1f}"
        return Verdict("inconclusive", f"{reaches}{alone}")
    if cell.unit == "clips":
        return Verdict("partly", ONE_SEED)
    if low == high:
        return Verdict("partly", "every seed gave the same difference")
    if small:
        return Verdict("partly", f"smaller than the stated {claim.stated:.1f}")
    return Verdict("reproduced")


def _turned(claim, cell: Cell) -> tuple[float, float, float]:
    """low, mean, high, turned so that above 0 is as claimed."""
    if claim.direction == "<":
        return -cell.high, -cell.mean, -cell.low
    return cell.low, cell.mean, cell.high


def weakest(claim, judged: list[Judged]) -> Judged:
    """The worst verdict; among equals the smallest mean on the claimed side."""

    def weakness(one: Judged) -> tuple[int, float]:
        _, mean, _ = _turned(claim, one.cell)
        return WORST_FIRST.index(one.verdict.word), float(np.nan_to_num(mean))

    return min(judged, key=weakness)


def _scope(keys: list[str], scope: str, setting: str, several: bool) -> tuple[list[str], str]:
    """The tasks of the first alternative of which all is recorded ("*": every task), and whom they
    stand in for: their mean does, or, if a claim is about `several`, the weakest of them. Tasks of
    ours that were chosen to stand in are awaited when the first of them is there."""
    wanted = scope.split("|")[0]
    first = wanted.replace(";", ", ")
    for names in scope.split("|"):
        found = [[k for k in keys if name in (k, k.split("/")[0])] for name in names.split(";")]
        if names == "*" and keys:
            who = "the weakest" if several else "the mean"
            return keys, f"{who} of our tasks stands in for {first}" if first != "*" else ""
        if names != wanted and any(found) and not all(found):
            lost = [name for name, keys in zip(names.split(";"), found) if not keys]
            return [], f"no {setting} record of {', '.join(lost)}"
        if all(found):
            tasks = sum(found, [])
            verb = "stand" if tasks[1:] else "stands"
            told = f"{', '.join(tasks)} {verb} in for {first}"
            return tasks, "" if names == wanted else told
    lacking = scope.removesuffix("|*").replace("|", " or ").replace(";", ", ")
    return [], f"no {setting} record of {lacking}"


def _weigh(table: pd.DataFrame, claim, profile) -> tuple[Judged, list[str]]:
    """The weakest of the claim's pairs of systems, and what limits it.

    A claim about several columns of a table, each for itself, is judged on every task; one about
    most of them on their average.
    """
    sized = claim._replace(stated=np.nan) if claim.kind == "relative" else claim  # no points
    shared = _shared(table, claim, profile)
    pairs, without = _pairs(claim, profile)
    rows = pd.concat([rows_of(table, one, **shared) for pair in pairs for one in pair])
    recorded = [key for key in table["key"].unique() if key in set(rows["key"])]
    several = ";" in claim.columns and claim.kind != "most"
    tasks, stands = _scope(recorded, claim.ours_scope, shared["setting"], several)
    judged = []
    for a, b in pairs:
        found = compare(table, a, b, tasks, several, **shared)
        cells = {(key,): cell for key, cell in found.tasks.items()} or {(): found.average}
        for key, cell in cells.items():
            name = " on ".join([f"{spoken(a)} - {spoken(b)}", *key])
            own = verdict(sized, cell, profile), found, (a, b), list(key) or tasks
            judged.append(Judged(name, cell, *own))
    one = weakest(claim, judged)
    limits = [stands, one.cell.note, *one.found.left_out, *collapsed(rows, tasks)]
    limits += _others(sized, one, judged)
    if one.cell.unit:
        limits.append(room(table, sized, one.pair, one.tasks, shared))
    if tasks != recorded:  # chosen ones; of a mean over all, a report says it once
        limits += fewer_classes(rows[rows["key"].isin(tasks)])
    if without:
        limits.append(f"without {', '.join(without)}, which {profile.name} does not run")
    return one, [*limits, *of_the_claim(claim, rows, stands)]


def _shared(table: pd.DataFrame, claim, profile) -> dict:
    """The setting, front end and corpus of both sides of a claim; ResultsError: no record of it."""
    corpora = dict(zip(("first", "second"), profile.corpora)) | {"main": profile.pretraining.corpus}
    corpus = corpora[claim.ours_corpus]
    if corpus not in set(table["corpus"]):
        raise ResultsError(f"no records of the {claim.ours_corpus} pretraining corpus")
    setting = "frozen" if claim.setting.startswith("mlp") else claim.setting
    return {"setting": setting, "frontend": claim.ours_frontend or None, "corpus": corpus}


def _pairs(claim, profile) -> tuple[list[tuple[str, str]], list[str]]:
    """The pairs of systems that a claim compares, and the systems which the profile does not run
    and which are therefore left out, if any pair is left without them."""
    sides = claim.ours_minuend.split(";"), claim.ours_subtrahend.split(";")
    same = [[one.split("@")[0] for one in side] for side in sides]
    pairs = zip(*sides) if same[0] == same[1] else product(*sides)  # the same methods: row by row
    pairs = [tuple(_on_its_corpus(one, profile) for one in pair) for pair in pairs]
    planned = [pair for pair in pairs if not left_out(pair, profile)]
    if not planned:
        return pairs, []
    return planned, list(dict.fromkeys(name for pair in pairs for name in left_out(pair, profile)))


def _others(claim, one: Judged, judged: list[Judged]) -> Iterator[str]:
    """The pairs beside an open one that stay below the stated size, all their interval long."""
    for other in judged if one.verdict.word == "inconclusive" else ():
        if other.cell.unit and _turned(claim, other.cell)[2] < claim.stated - claim.rounding:
            yield f"{other.name} stays below the stated {claim.stated:.1f}"


def _on_its_corpus(system: str, profile) -> str:
    """A system that is pretrained on another corpus than the profile's names it; so do both of a
    gain, "A - B"."""
    if len(parts(system)) > 1:
        return " - ".join(_on_its_corpus(one, profile) for one in parts(system))
    method, variant = system.split("@")[0], as_system(system)["variant"]
    recipe = dict(profile.recipes.get(method, {}))
    for by_name in profile.variants.values():
        recipe |= by_name[variant].pretraining if variant in by_name else {}
    usual = profile.pretraining.corpus
    elsewhere = recipe.get("corpus", usual) != usual and "@corpus=" not in system
    return f"{system}@corpus={recipe['corpus']}" if elsewhere else system


def _stated(claim) -> str:
    if claim.kind == "untabled":
        return "no number"
    size = f"= {claim.stated:.1f}" if claim.stated == claim.stated else f"{claim.direction} 0"
    if claim.kind == "relative":
        size = f"= {claim.stated:g} % of {claim.subtrahend}"
    told = f"{claim.minuend} - {claim.subtrahend} {size} ({claim.columns}, {claim.setting})"
    return told.replace(";", "; ")


def judge(table: pd.DataFrame, claims: pd.DataFrame, profile) -> pd.DataFrame:
    """Each claim with the paper's number, ours with its interval, the verdict and what limits it.

    low, mean, high: ours as numbers, in points, turned so that above 0 is as claimed; NaN: none.
    n: seeds.
    """
    lines = []
    for claim in claims.itertuples():
        measurable = bool(claim.ours_minuend) and claim.direction in DIRECTIONS
        ours, cell, judged, limits = "", Cell(), Verdict("not tested"), []
        if measurable:
            try:
                (name, cell, judged, *_), limits = _weigh(table, claim, profile)
                ours = f"{name}: {describe(cell)}"
            except ResultsError as error:
                limits = [str(error)]
        always = "" if claim.reason.startswith(STAND_IN) else claim.reason
        told = "; ".join(dict.fromkeys(filter(None, [judged.reason, *limits, always])))
        texts = [claim.id, claim.section, claim.table, claim.sentence, _stated(claim), ours]
        stated = np.nan if claim.kind == "relative" else claim.stated
        numbers = [*_turned(claim, cell if cell.unit else Cell()), cell.n, stated, measurable]
        lines.append([*texts, judged.word, told, *numbers])
    return pd.DataFrame(lines, columns=["id", "section", "table", *SHOWN, *NUMBERS])
