"""The paper as data, and its own arithmetic recomputed from its tables (paper sections 3.3 to 3.5, tables 2 to 6).

In `reports/paper_tables.csv` the row is always the method and the column the data set, as printed, whichever way the
table is laid out (table 6: the column is the pretraining data); values are in percent, "-" cells are absent.
In `reports/claims.csv` one line is one comparison. Of several methods joined by ";" the lowest minuend is meant ("each
of them") or the highest subtrahend ("all of these"); table "2/4" takes the minuend from 2 and the subtrahend from 4.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

REPORTS = Path(__file__).resolve().parents[2] / "reports"
TABLE_COLUMNS = ["table", "row", "column", "setting", "value", "bold"]
CLAIM_COLUMNS = [
    "id",
    "section",
    "sentence",
    "table",
    "kind",
    "minuend",
    "subtrahend",
    "columns",
    "setting",
    "direction",
    "stated",
    "ours_minuend",
    "ours_subtrahend",
    "ours_scope",
    "ours_frontend",
    "ours_corpus",
    "reason",
]
KINDS = ("difference", "order", "most", "untabled")
SAME = {
    "Our ASG": "ASG",
    "w/ ASG": "ASG",
    "w/o ASG": "NONE",
    "Audioset": "AS",
    "VGGSound": "VS",
}  # printed: ours
AVERAGE = "Average"
MOVES = ("FT", "SF", "FF")  # ASG draws one of these for each clip (section 3.5)
ROUNDING = 0.05  # points: a number printed with one digit stands for this much either way
SLACK = 1e-9  # points: float error, far below a printed digit


class PaperError(ValueError):
    """A cell or a claim that the paper's tables do not hold."""


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    frame = pd.read_csv(
        path, keep_default_na=False, dtype={"stated": str, "section": str, "table": str}
    )
    if list(frame.columns) != columns:
        raise PaperError(
            f"{path.name} must have the columns {', '.join(columns)}, got {', '.join(frame.columns)}."
        )
    return frame


def paper_tables(path: Path = REPORTS / "paper_tables.csv") -> pd.DataFrame:
    """Every number of tables 2 to 6: table, row, column, setting, value (percent), bold."""
    return _read(path, TABLE_COLUMNS).astype({"table": int, "value": float, "bold": bool})


def paper_claims(path: Path = REPORTS / "claims.csv") -> pd.DataFrame:
    """Every comparative sentence of sections 3.3 to 3.5 as a rule; `stated` in points, NaN where no size is stated."""
    claims = _read(path, CLAIM_COLUMNS)
    claims["stated"] = pd.to_numeric(claims["stated"].replace("", None)).astype(float)
    unknown = set(claims["kind"]) - set(KINDS)
    if unknown or claims["id"].duplicated().any():
        raise PaperError(
            f"{path.name}: ids must be unique and kinds in {', '.join(KINDS)}; got {sorted(unknown)}."
        )
    return claims


def cell(tables: pd.DataFrame, table: int, row: str, column: str, setting: str) -> float | None:
    """The printed percentage, None where the paper prints "-"; "ASG" and "NONE" are found under their other names."""
    rows = tables[tables["table"] == int(table)]
    methods, columns = (
        rows[name].map(lambda printed: SAME.get(printed, printed)) for name in ("row", "column")
    )
    row, column = SAME.get(row, row), SAME.get(column, column)
    for name, known in ((row, methods), (column, columns), (setting, rows["setting"])):
        if name not in set(known):
            raise PaperError(f"Table {table} has no {name!r}: it has {', '.join(known.unique())}.")
    found = rows.loc[(methods == row) & (columns == column) & (rows["setting"] == setting), "value"]
    return float(found.iloc[0]) if len(found) else None


def _spread(value: float) -> tuple[float, float]:
    return value - ROUNDING, min(value + ROUNDING, 100.0)


def _averaged(tables: pd.DataFrame) -> list[str]:
    """The columns behind tables 4's and 5's averages."""
    columns = tables.loc[tables["table"] == 4, "column"].drop_duplicates()
    return [name for name in columns if name != AVERAGE]


def measure(
    tables: pd.DataFrame, table: int, row: str, column: str, setting: str
) -> tuple[float, float, float] | None:
    """The value recomputed from the cells, and the lowest and highest that the printed digits allow; None: "-"."""
    if column != AVERAGE:
        value = cell(tables, table, row, column, setting)
        return None if value is None else (value, *_spread(value))
    cells = [cell(tables, table, row, name, setting) for name in _averaged(tables)]
    mean = sum(cells) / len(cells)
    low, high = _spread(mean)
    if AVERAGE in set(
        tables.loc[tables["table"] == table, "column"]
    ):  # the printed average narrows the range
        printed = _spread(cell(tables, table, row, column, setting))
        if _meet((low, high), printed):
            low, high = max(low, printed[0]), min(high, printed[1])
    return mean, low, high


def _meet(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] <= other[1] + SLACK and other[0] <= one[1] + SLACK


def _extreme(pick, measures: list) -> tuple[float, float, float] | None:
    there = [values for values in measures if values]
    return tuple(map(pick, zip(*there))) if there else None


def _difference(tables: pd.DataFrame, claim, column: str) -> tuple[float, float, float] | None:
    """Lowest minuend less highest subtrahend: value, lowest, highest; None where one side is "-"."""
    first, second = map(int, (claim.table.split("/") * 2)[:2])
    above = _extreme(
        min,
        [measure(tables, first, row, column, claim.setting) for row in claim.minuend.split(";")],
    )
    below = _extreme(
        max,
        [
            measure(tables, second, row, column, claim.setting)
            for row in claim.subtrahend.split(";")
        ],
    )
    return (
        (above[0] - below[0], above[1] - below[2], above[2] - below[1]) if above and below else None
    )


def _line(
    check: str, kind: str, printed, recomputed, low, high, agrees: bool, source: str, note: str = ""
) -> dict:
    return {
        "check": check,
        "kind": kind,
        "printed": printed,
        "recomputed": recomputed,
        "low": low,
        "high": high,
        "agrees": bool(agrees),
        "note": note,
        "source": source,
    }


def _check_claim(tables: pd.DataFrame, claim) -> dict:
    found = {column: _difference(tables, claim, column) for column in claim.columns.split(";")}
    found = {column: values for column, values in found.items() if values}
    if not found:
        raise PaperError(
            f"Claim {claim.id}: table {claim.table} has no two cells to subtract in {claim.columns}."
        )
    source = f"section {claim.section} against table {claim.table}"
    if claim.direction == "<":
        found = {column: (-value, -high, -low) for column, (value, low, high) in found.items()}
    value, low, high = min(found.values())
    if claim.kind == "difference":
        note = (
            "" if f"{value:.1f}" == f"{claim.stated:.1f}" else f"the cells alone give {value:.2f}"
        )
        return _line(
            claim.id,
            "difference",
            claim.stated,
            value,
            low,
            high,
            _meet((low, high), _spread(claim.stated)),
            source,
            note,
        )
    least = -SLACK if claim.direction == ">=" else SLACK
    holds = [column for column, (_, _, high) in found.items() if high > least]
    ties = [column for column, (value, _, _) in found.items() if abs(value) < SLACK]
    note = f"holds in {len(holds)} of {len(found)}" + (
        f", a tie in print: {', '.join(ties)}" if ties else ""
    )
    agrees = len(holds) > len(found) / 2 if claim.kind == "most" else len(holds) == len(found)
    return _line(claim.id, claim.kind, None, value, low, high, agrees, source, note)


def _averages(tables: pd.DataFrame):
    for row in tables[tables["column"] == AVERAGE].itertuples():
        cells = [cell(tables, row.table, row.row, name, row.setting) for name in _averaged(tables)]
        mean = sum(cells) / len(cells)
        yield _line(
            f"average {row.row} ({row.setting})",
            "average",
            row.value,
            mean,
            *_spread(mean),
            _meet(_spread(mean), _spread(row.value)),
            f"table {row.table}",
        )


def _printed_twice(tables: pd.DataFrame):
    """The same method, data set, setting and front end (table 5: mel) in two tables must show the same number."""
    one = tables[tables["column"] != AVERAGE].replace({"row": SAME, "column": SAME})
    for (row, column, setting, _), cells in one.groupby(
        ["row", "column", "setting", one["table"] == 5], sort=False
    ):
        if len(cells) > 1:
            first, values = cells["value"].iloc[0], cells["value"]
            yield _line(
                f"{row} on {column} ({setting})",
                "printed twice",
                first,
                values.iloc[-1],
                values.min(),
                values.max(),
                values.nunique() == 1,
                "tables " + ", ".join(map(str, cells["table"])),
            )


def _bold(tables: pd.DataFrame):
    """Every best cell, and no other, should be bold; ties share the bold."""
    for (table, column, setting), cells in tables.groupby(
        ["table", "column", "setting"], sort=False
    ):
        best = cells["value"] == cells["value"].max()
        plain, wrong = (
            cells.loc[best & ~cells["bold"], "row"],
            cells.loc[~best & cells["bold"], "row"],
        )
        note = [f"{row} is as good and not bold" for row in plain] + [
            f"{row} is bold and not best" for row in wrong
        ]
        top = cells["value"].max()
        yield _line(
            f"best of {column} ({setting})",
            "bold",
            top,
            top,
            top,
            top,
            not note,
            f"table {table}",
            "; ".join(note),
        )


def _unexplained(tables: pd.DataFrame):
    """No arithmetic error: two relations between tables that the text does not explain."""
    moves = {row: measure(tables, 4, row, AVERAGE, "frozen") for row in ("NONE", *MOVES)}
    asg = measure(tables, 2, "ASG", AVERAGE, "frozen")
    best = max(MOVES, key=moves.get)
    gain, of_best = asg[0] - moves["NONE"][0], moves[best][0] - moves["NONE"][0]
    note = f"a random choice of the moves gains {gain:.1f} over NONE, the best of them ({best}) {of_best:.1f}"
    yield _line(
        "ASG against its own moves",
        "unexplained",
        cell(tables, 4, best, AVERAGE, "frozen"),
        *asg,
        asg[1] <= moves[best][2],
        "table 2 against table 4",
        note,
    )
    mel = {row: measure(tables, 5, row, AVERAGE, "frozen") for row in ("NONE", "ASG")}
    none, asg = (
        (a[0] - b[0], a[1] - b[2], a[2] - b[1])
        for a, b in ((moves["NONE"], mel["NONE"]), (asg, mel["ASG"]))
    )
    note = f"linear less mel: {none[0]:+.1f} without ASG, {asg[0]:+.1f} with ASG, so ASG gains more on linear"
    yield _line(
        "front end without and with ASG",
        "unexplained",
        None,
        asg[0] - none[0],
        asg[1] - none[2],
        asg[2] - none[1],
        none[1] * asg[1] > 0 or none[2] * asg[2] > 0,
        "tables 2 and 4 against table 5",
        note,
    )


def audit(tables: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """Every average, stated difference, order, repeated number and bold mark of the paper, recomputed from its cells.

    `agrees`: some unrounded values behind the printed digits satisfy it. `low`, `high`: what those digits allow.
    """
    rows = [
        *_averages(tables),
        *(_check_claim(tables, c) for c in claims[claims["kind"] != "untabled"].itertuples()),
    ]
    return pd.DataFrame([*rows, *_printed_twice(tables), *_bold(tables), *_unexplained(tables)])
