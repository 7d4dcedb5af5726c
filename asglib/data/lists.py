"""Reading the lists of a release: text, csv and JSON, each complaint with the file and the line."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from asglib.counting import counted
from asglib.data.listing import DataError, need

FOLDERS = ("", "metadata", "meta", "csv", "data")  # where users keep a release's lists
NUMBER = re.compile(r"(?:fold ?)?0*(\d+)(?:\.0+)?", re.IGNORECASE)
ANYTHING = re.compile(".*")
BACK = "put the release's own file back."
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}  # that programs write for commas
OWN = "mend it; README says which columns there are."  # of a list that the user wrote


def find(folder: Path, name: str) -> Path | None:
    """Where the release's list `name` is: in the folder, or in its metadata, meta, csv or data."""
    paths = [folder / below / name for below in FOLDERS]
    return next((path for path in paths if path.is_file()), None)


def text(path: Path) -> str:
    """The file's text without its byte order mark, line ends as they are."""
    content = need(path).read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {number} is no UTF-8: save the file as UTF-8.") from None


def lines(path: Path) -> list[str]:
    """The lines of a text file that are not blank, stripped."""
    return [line for _, line in numbered(path)]


def numbered(path: Path) -> list[tuple[int, str]]:
    """The same, each with its number in the file, from 1 on."""
    every = enumerate(map(str.strip, text(path).splitlines()), 1)
    return [(number, line) for number, line in every if line]


def cells(path: Path, sep: str = ",", remedy: str = BACK) -> Iterator[tuple[str, list[str]]]:
    """("file, line n", the stripped cells) of every row of a csv that is not blank."""
    file = io.StringIO(text(path), newline="")
    reader = csv.reader(file, delimiter=sep, strict=True, skipinitialspace=True)
    first = 1
    try:
        for row in reader:
            if any(row):
                yield f"{path}, line {first}", [cell.strip() for cell in row]
            first = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}, line {first} is no row of a csv ({error}): {remedy}") from None


def records(
    path: Path, columns: Iterable[str], sep: str = ",", own: bool = False
) -> list[dict[str, str]]:
    """The rows of a csv with a header, all cells as text ("nan" and "NA" too), and "where" each is.

    Cells of other columns that a row lacks are "". `own`: the user wrote it. DataError: the header
    or a row lacks one of `columns`, or the header has one twice (`own`: or any other).
    """
    remedy = OWN if own else BACK
    rows = cells(path, sep, remedy)
    _, header = next(rows, ("", []))
    lacking = sorted(set(columns) - set(header))
    if lacking:
        if own and len(header) == 1:
            remedy = _separator(header[0]) or remedy
        raise DataError(f"{path} has no column {', '.join(lacking)}: {remedy}")
    twice = [name for name in (filter(None, header) if own else columns) if header.count(name) > 1]
    if twice:
        raise DataError(f"{path} has two columns {twice[0]}: {remedy}")
    if own and "where" in header:
        raise DataError(f"{path}: a column may not be called where: rename it.")
    wanted = max(map(header.index, columns)) + 1
    found = []
    for where, row in rows:
        if len(row) < wanted or any(row[len(header) :]):
            raise DataError(
                f"{where} has {counted(len(row), 'cell')} where {len(header)} belong: {remedy}"
            )
        found.append(dict.fromkeys(header, "") | dict(zip(header, row)) | {"where": where})
    return found


def _separator(header: str) -> str:
    """What to do about a header that is parted by something else than commas, "" for others."""
    found = next((name for mark, name in SEPARATORS.items() if mark in header), "")
    return found and f"its cells are parted by {found}; part them by commas."


def entries(path: Path, keys: Iterable[str]) -> dict[str, dict]:
    """A JSON object of objects; DataError when it is none, or an object lacks one of `keys`."""
    try:
        found = json.loads(text(path))
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, line {error.lineno} is no JSON ({error.msg}): {BACK}") from None
    for name, entry in found.items() if isinstance(found, dict) else [("the file", found)]:
        lacking = [key for key in keys if not isinstance(entry, dict) or key not in entry]
        if lacking:
            raise DataError(f"{path}: {name} has no {', '.join(lacking)}: {BACK}")
    return found


def number(cell: str, what: str, where: str | Path, remedy: str = BACK) -> int:
    """The number in a cell, also where a spreadsheet or a fork writes it "5.0", "05" or "fold5"."""
    match = NUMBER.fullmatch(cell)
    if match is None:
        raise DataError(f"{where}: '{cell}' is no {what}: {remedy}")
    return int(match[1])


def seconds(cell: str, what: str, where: str | Path) -> float:
    """A time from 0 on."""
    if not re.fullmatch(r"\d+(\.\d*)?", cell):
        raise DataError(f"{where}: '{cell}' is no {what} in seconds: {BACK}")
    return float(cell)


def parts(lists: dict[str, Path], known: set[str], form: re.Pattern = ANYTHING) -> dict[str, str]:
    """Entry -> split, from one text file a split: what stands in a line before its first tab.

    DataError: a list of which no entry is `known` to be there, an entry that has not the `form` of
    this release's, or that is in two lists.
    """
    splits: dict[str, str] = {}
    for split, path in lists.items():
        names = [line.split("\t")[0].strip() for line in lines(path)]
        if names and known and known.isdisjoint(names):
            raise DataError(
                f"{path}: no file here is in this list of {counted(len(names), 'name')}, the first "
                f"is '{names[0]}': {BACK}"
            )
        for name in names:
            if form.fullmatch(name) is None:
                raise DataError(f"{path}: '{name}' is no clip of this set: {BACK}")
            if splits.setdefault(name, split) != split:
                raise DataError(f"{path}: '{name}' is in the {splits[name]} list as well: {BACK}")
    return splits
