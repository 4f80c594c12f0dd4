"""One value for each of many runs, as arrays: compared, sorted and read at once.

Numbers of all rows are in one NumPy array; text, lists and mappings in a dict by row. Values are
JSON's, and compare as MongoDB compares them: only with their own kind, a list by its elements.
Pure. Neighbours: run_filters.py (what is asked), run_index.py (who fills them).
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.store.run_fields import MISSING

Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]

_MISSING, _NULL, _BOOL, _INT, _FLOAT, _TEXT, _OTHER = range(7)
_EXACT = 1 << 53  # whole numbers up to here are exact in a float
_ROW_BYTES = 9  # a number and its kind
_OBJECT_BYTES = 120  # about what a short text costs in a dict

_SPELLED = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""What JSON has no numbers for, as it is answered and asked for."""

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "$gt": lambda a, b: a > b,
    "$gte": lambda a, b: a >= b,
    "$lt": lambda a, b: a < b,
    "$lte": lambda a, b: a <= b,
}


class Column:
    """Row by row one value, MISSING at first."""

    def __init__(self, rows: int = 0) -> None:
        self._count = rows
        self._kinds = np.zeros(max(rows, 16), np.uint8)
        self._numbers = np.full(max(rows, 16), np.nan)
        self._objects: dict[int, Any] = {}

    def __len__(self) -> int:
        return self._count

    @property
    def bytes(self) -> int:
        """About how much memory it takes."""
        return _ROW_BYTES * len(self._kinds) + _OBJECT_BYTES * len(self._objects)

    def grow(self, rows: int) -> None:
        """Room for more rows, MISSING in them."""
        room = len(self._kinds)
        if rows > room:
            more = max(rows, 2 * room) - room
            self._kinds = np.concatenate([self._kinds, np.zeros(more, np.uint8)])
            self._numbers = np.concatenate([self._numbers, np.full(more, np.nan)])
        self._count = rows

    def __setitem__(self, row: int, value: Any) -> None:
        self._objects.pop(row, None)
        number = math.nan
        if type(value) is float:
            kind, number = _FLOAT, value
        elif value is MISSING:
            kind = _MISSING
        elif value is None:
            kind = _NULL
        elif type(value) is bool:
            kind, number = _BOOL, float(value)
        elif type(value) is int:
            kind, number = _INT, _float(value)
            if abs(value) > _EXACT:
                self._objects[row] = value
        else:
            kind = _TEXT if isinstance(value, str) else _OTHER
            self._objects[row] = value
        self._kinds[row] = kind
        self._numbers[row] = number

    def __getitem__(self, row: int) -> Any:
        kind = self._kinds[row]
        if kind == _FLOAT:
            return float(self._numbers[row])
        if row in self._objects:
            return self._objects[row]
        if kind == _INT:
            return int(self._numbers[row])
        if kind == _BOOL:
            return bool(self._numbers[row])
        return None if kind == _NULL else MISSING

    def values(self, rows: Rows) -> list[Any]:
        """Of these rows, as JSON has them: None where there is no value; NaN and the infinities as
        the texts NaN, Infinity and -Infinity."""
        found: list[Any] = self._numbers[rows].tolist()
        finite = np.isfinite(self._numbers[rows]) & (self._kinds[rows] == _FLOAT)
        for place in np.flatnonzero(~finite).tolist():
            value = self[int(rows[place])]
            if type(value) is float:
                value = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
            found[place] = None if value is MISSING else value
        return found

    # -- asked -------------------------------------------------------------------------------

    def numbers(self, rows: Rows) -> NDArray[np.float64]:
        """Of these rows; NaN where there is no number."""
        return np.where(self._is_number[rows], self._numbers[rows], np.nan)

    def codes(self, rows: Rows) -> Rows:
        """A small number for each row: the same for the same value (nothing and null are one)."""
        kinds = self._kinds[rows]
        kinds = np.choose(kinds, [_MISSING, _MISSING, _BOOL, _INT, _INT, _TEXT, _TEXT])
        values = self._numbers[rows].copy()
        ranks: dict[object, int] = {}
        places = np.flatnonzero(kinds == _TEXT)
        for place, row in zip(places.tolist(), rows[places].tolist(), strict=True):
            each = self._objects[row]
            if type(each) is not str:
                each = (json.dumps(each, sort_keys=True),)  # no text is equal to it
            values[place] = ranks.setdefault(each, len(ranks))
        values[kinds == _MISSING] = 0.0
        codes = np.unique(values, return_inverse=True)[1]  # all NaNs are one
        codes = codes * (_TEXT + 1) + kinds
        return np.asarray(np.unique(codes, return_inverse=True)[1], np.intp)

    def most_frequent(self, rows: Rows, limit: int) -> list[tuple[Any, int]]:
        """Values of these rows, as `values` has them, with how many rows have each."""
        codes = self.codes(rows)
        first, counts = np.unique(codes, return_index=True, return_counts=True)[1:]
        most = np.argsort(-counts, kind="stable")[:limit]
        return list(zip(self.values(rows[first[most]]), counts[most].tolist(), strict=True))

    def members(self, rows: Rows, limit: int) -> list[tuple[str, int]]:
        """Texts in the lists of these rows (tags, say), with how many rows have each."""
        found: Counter[str] = Counter()
        for row in rows.tolist():
            value = self._objects.get(row)
            if isinstance(value, list):
                found.update({each for each in value if isinstance(each, str)})
        return found.most_common(limit)

    def exists(self) -> Mask:
        return np.asarray(self._all_kinds != _MISSING)

    def among(self, values: Sequence[Any]) -> Mask:
        """The rows with one of these values."""
        mask = np.zeros(self._count, np.bool_)
        texts = {value for value in values if isinstance(value, str)} - _SPELLED.keys()
        for row, each in self._objects.items() if texts else ():
            if isinstance(each, str):
                mask[row] = each in texts
            elif type(each) is list:
                mask[row] = any(isinstance(one, str) and one in texts for one in each)
        for value in values:
            if not isinstance(value, str) or value in _SPELLED:
                mask |= self.equal(value)
        return mask

    def equal(self, value: Any) -> Mask:
        """The rows with this value, or with a list that has it; null is missing as well."""
        if value is None:
            return np.isin(self._all_kinds, (_MISSING, _NULL))
        if isinstance(value, str):  # what is asked most, of states and names
            mask = np.zeros(self._count, np.bool_)
            mask[
                [
                    row
                    for row, each in self._objects.items()
                    if each == value or (type(each) is list and value in each)
                ]
            ] = True
            if value in _SPELLED:
                same = np.array(_SPELLED[value])
                mask |= self._is_number & np.isclose(
                    self._all_numbers, same, rtol=0, atol=0, equal_nan=True
                )
            return mask
        if isinstance(value, bool):
            mask = (self._all_kinds == _BOOL) & (self._all_numbers == float(value))
        elif isinstance(value, int | float):
            mask = self._is_number & (self._all_numbers == _float(value))
            if isinstance(value, int) and abs(value) > _EXACT:
                for row, large in self._objects.items():
                    mask[row] &= large == value
        else:
            mask = np.zeros(self._count, np.bool_)
        return self._where(lambda each: _same(each, value), mask)

    def compare(self, operator: str, value: Any) -> Mask:
        """The rows whose value ($gt, $gte, $lt, $lte) is so to `value`, a number or a text."""
        ask = _COMPARE[operator]
        mask = np.zeros(self._count, np.bool_)
        if isinstance(value, str):
            return self._where(lambda each: isinstance(each, str) and bool(ask(each, value)), mask)
        mask = self._is_number & ask(self._all_numbers, _float(value))

        def fits(each: Any) -> bool:
            return type(each) in (int, float) and bool(ask(each, value))

        return self._where(fits, mask, texts=False)

    def matches(self, pattern: re.Pattern[str]) -> Mask:
        """The rows with a text in which the pattern is found."""

        def fits(each: Any) -> bool:
            return isinstance(each, str) and pattern.search(each) is not None

        return self._where(fits, np.zeros(self._count, np.bool_))

    def sort_keys(self, *, descending: bool) -> list[NDArray[Any]]:
        """Two keys, the weightier first: numbers, texts, all else, NaN, nothing, in this order
        whatever the direction; then the value."""
        place = np.choose(self._all_kinds, [4, 4, 0, 0, 0, 1, 2]).astype(np.int8)
        values = self._all_numbers.copy()
        place[(place == 0) & np.isnan(values)] = 3
        texts = {row: text for row, text in self._objects.items() if isinstance(text, str)}
        ranks = {text: rank for rank, text in enumerate(sorted(set(texts.values())))}
        for row, text in texts.items():
            values[row] = ranks[text]
        values[np.isnan(values)] = 0.0
        return [place, -values if descending else values]

    @property
    def _all_kinds(self) -> NDArray[np.uint8]:
        return self._kinds[: self._count]

    @property
    def _all_numbers(self) -> NDArray[np.float64]:
        return self._numbers[: self._count]

    @property
    def _is_number(self) -> Mask:
        return np.isin(self._all_kinds, (_INT, _FLOAT))

    def _where(self, fits: Callable[[Any], bool], mask: Mask, *, texts: bool = True) -> Mask:
        """`mask`, and the rows of texts, lists and mappings that fit (a list by an element)."""
        for row, value in self._objects.items():
            if isinstance(value, list):
                mask[row] = fits(value) or any(map(fits, value))
            elif isinstance(value, str):
                mask[row] = texts and fits(value)
            elif isinstance(value, dict):
                mask[row] = fits(value)
        return mask


def sorted_rows(rows: Rows, keys: Sequence[NDArray[Any]]) -> Rows:
    """`rows` by the keys, the weightiest first; equal ones stay as they were."""
    if not keys or not len(rows):
        return rows
    picked = [key[rows] for key in keys]
    return rows[np.lexsort(picked[::-1])]


def _same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
