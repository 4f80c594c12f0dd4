"""Tables that scripts logged or saved, for people: sorted, filtered, searched, a page at a time.

A table is W&B's JSON ({"columns", "data"}), or a CSV or TSV file; an incremental one is several of
the first kind, one after the other. All work on 200,000 rows is done here, so that a browser only
ever holds a page. Believes nothing of what it reads. Pure. Neighbour: server/tables_api.py.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from sweeps.errors import UsageError

MOST_BINS = 40
_CELL = 131_072  # characters of a cell in a CSV file
_ORDER = {bool: 1, int: 0, float: 0, str: 2}


@dataclass(frozen=True)
class Table:
    """Column names, and rows of as many cells, each a JSON value."""

    columns: list[str]
    rows: list[list[Any]]


@dataclass(frozen=True)
class Condition:
    """What a cell must be: `operator` is one of OPERATORS."""

    column: str
    operator: str
    value: str


def read_json(parts: Iterable[bytes]) -> Table:
    """Of the JSON of one table, or of all parts of an incremental one. Raises UsageError."""
    columns: list[str] = []
    rows: list[list[Any]] = []
    for part in parts:
        try:
            told = orjson.loads(part)
        except ValueError as error:
            raise UsageError(f"the table is no JSON: {error}") from None
        names = told.get("columns") if isinstance(told, dict) else None
        data = told.get("data") if isinstance(told, dict) else None
        if not isinstance(names, list) or not isinstance(data, list):
            raise UsageError('this is no table: it has no "columns" and "data"')
        columns = columns or [str(name) for name in names]
        width = len(columns)
        for row in data:
            if not isinstance(row, list):
                raise UsageError("this is no table: a row of it is no list")
            rows.append(row if len(row) == width else (row + [None] * width)[:width])
    return Table(columns, rows)


def read_csv(data: bytes, *, tabs: bool = False) -> Table:
    """Of a file with a head; what looks like a number is one. Raises UsageError."""
    text = data.decode("utf-8-sig", "replace")
    csv.field_size_limit(_CELL)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t" if tabs else ","))
    except csv.Error as error:
        raise UsageError(f"the table cannot be read: {error}") from None
    lines = [line for line in lines if line]
    if not lines:
        return Table([], [])
    columns = lines[0]
    width = max(len(columns), *(len(line) for line in lines))
    columns = [*columns, *(f"column {i + 1}" for i in range(len(columns), width))]
    rows = [[_number(cell) for cell in line] + [None] * (width - len(line)) for line in lines[1:]]
    return Table(columns, rows)


def _number(cell: str) -> Any:
    if not cell or cell[0] not in "+-.0123456789":
        return cell
    try:
        value = float(cell)
    except ValueError:
        return cell
    return int(value) if value.is_integer() and cell.lstrip("+-").isdigit() else value


# -- choosing rows --------------------------------------------------------------------------------


def choose(
    table: Table,
    *,
    search: str = "",
    conditions: Sequence[Condition] = (),
    sort: str | None = None,
    descending: bool = False,
) -> list[int]:
    """The numbers of the rows that fit, in order. Raises UsageError for a column that is none."""
    found: Iterable[int] = range(len(table.rows))
    for each in conditions:
        at, test = _column(table, each.column), _test(each)
        found = [row for row in found if test(table.rows[row][at])]
    if search:
        wanted = search.lower()
        found = [row for row in found if any(wanted in spelled(c) for c in table.rows[row])]
    if sort is None:
        return list(found)
    at = _column(table, sort)
    return sorted(found, key=lambda row: _rank(table.rows[row][at], descending), reverse=descending)


def spelled(cell: Any) -> str:
    """A cell as a search sees it."""
    if isinstance(cell, str):
        return cell.lower()
    if isinstance(cell, dict | list):
        return json.dumps(cell, ensure_ascii=False).lower()
    return "" if cell is None else str(cell).lower()


def _column(table: Table, name: str) -> int:
    if name not in table.columns:
        raise UsageError(f"the table has no column {name!r}: it has {', '.join(table.columns)}")
    return table.columns.index(name)


def _rank(cell: Any, descending: bool) -> tuple[int, Any]:
    """Numbers before texts before all else; what is missing comes last, whichever way."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)) or cell == "NaN":
        return (-1 if descending else 9, 0)
    kind = _ORDER.get(type(cell), 3)
    if kind == 3:
        return (3, json.dumps(cell, ensure_ascii=False))
    return (kind, cell.lower() if isinstance(cell, str) else cell)


def _compares(test: Callable[[Any, Any], bool]) -> Callable[[str], Callable[[Any], bool]]:
    """Numbers with numbers, texts with texts."""

    def make(value: str) -> Callable[[Any], bool]:
        number = _number(value.strip())

        def fits(cell: Any) -> bool:
            if isinstance(number, str):
                return isinstance(cell, str) and test(cell.lower(), number.lower())
            return (
                isinstance(cell, int | float) and not isinstance(cell, bool) and test(cell, number)
            )

        return fits

    return make


def _equals(value: str) -> Callable[[Any], bool]:
    number, lower = _number(value.strip()), value.lower()

    def fits(cell: Any) -> bool:
        if isinstance(cell, int | float) and not isinstance(cell, bool | str):
            return bool(cell == number)
        return spelled(cell) == lower

    return fits


def _contains(value: str) -> Callable[[Any], bool]:
    lower = value.lower()
    return lambda cell: lower in spelled(cell)


def _not(make: Callable[[str], Callable[[Any], bool]]) -> Callable[[str], Callable[[Any], bool]]:
    def turned(value: str) -> Callable[[Any], bool]:
        fits = make(value)
        return lambda cell: not fits(cell)

    return turned


OPERATORS: dict[str, Callable[[str], Callable[[Any], bool]]] = {
    "contains": _contains,
    "without": _not(_contains),
    "=": _equals,
    "!=": _not(_equals),
    "<": _compares(lambda a, b: a < b),
    "<=": _compares(lambda a, b: a <= b),
    ">": _compares(lambda a, b: a > b),
    ">=": _compares(lambda a, b: a >= b),
}


def _test(condition: Condition) -> Callable[[Any], bool]:
    make = OPERATORS.get(condition.operator)
    if make is None:
        raise UsageError(f"a filter takes one of {', '.join(OPERATORS)}; not {condition.operator}")
    return make(condition.value)


# -- a column as a whole --------------------------------------------------------------------------


def describe(table: Table, rows: Sequence[int], column: str) -> dict[str, Any]:
    """How the values of a column are spread: {"bins": [[from, to, count]]} of numbers, else
    {"values": [[value, count]]}, the most frequent first; and how many there are of each kind."""
    at = _column(table, column)
    cells = [table.rows[row][at] for row in rows]
    numbers = [c for c in cells if isinstance(c, int | float) and not isinstance(c, bool)]
    finite = np.array(numbers, float)
    finite = finite[np.isfinite(finite)]
    missing = sum(cell is None for cell in cells)
    told: dict[str, Any] = {"rows": len(cells), "missing": missing, "numbers": len(finite)}
    if len(finite) and len(finite) * 2 > len(cells) - missing:
        counts, edges = np.histogram(finite, bins=min(MOST_BINS, max(1, len(np.unique(finite)))))
        bins = zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
        told |= {"bins": [list(each) for each in bins], "mean": float(finite.mean())}
        return told
    seen: dict[str, int] = {}
    for cell in cells:
        if cell is not None and not isinstance(cell, dict | list):
            seen[str(cell)] = seen.get(str(cell), 0) + 1
    most = sorted(seen.items(), key=lambda item: (-item[1], item[0]))
    return told | {"values": [list(each) for each in most[:MOST_BINS]], "distinct": len(seen)}
