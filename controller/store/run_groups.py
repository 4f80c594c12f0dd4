"""Runs in groups: by the values of some fields, with figures of others for each group.

Pure: rows and columns in, arrays out. Neighbours: run_columns.py (the values), run_index.py (asks).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.store.run_columns import Column, Rows, sorted_rows
from controller.store.run_fields import RunField
from controller.store.run_filters import Order

COUNT = RunField("group", "runs")
"""To sort groups by how many runs they have."""
_FIGURES = ("mean", "min", "max", "std")


@dataclass(frozen=True)
class GroupPage:
    """Attributes:
    total: how many groups there are.
    runs: how many runs are in all of them.
    counts: of runs, of each group of the page.
    values: for each field that it goes by, the value of each group.
    figures: for each column asked for {"mean", "min", "max", "std": a number or None for each
        group, over finite numbers; "count": of these; "value": what all runs of the group have,
        else None; "kinds": how many values there are in the group}.
    """

    total: int
    runs: int
    counts: list[int]
    values: list[list[Any]]
    figures: list[dict[str, list[Any]]]


def group(
    rows: Rows,
    columns: Callable[[RunField], Column],
    by: Sequence[RunField],
    wanted: Sequence[RunField],
    orders: Sequence[Order],
    offset: int,
    limit: int,
) -> GroupPage:
    """The rows in groups, sorted, a page of them.

    A field that groups go by sorts by its value, `COUNT` by the number of runs, any other by the
    mean of its numbers, or by its first value where it has none.
    """
    codes = np.zeros(len(rows), np.intp)
    for each in by:
        more = columns(each).codes(rows)
        codes = codes * (int(more.max(initial=0)) + 1) + more
        codes = np.unique(codes, return_inverse=True)[1]
    first, counts = np.unique(codes, return_index=True, return_counts=True)[1:]
    groups = np.arange(len(counts))
    keys: list[NDArray[Any]] = []
    for order in orders:
        keys += _sort_keys(order, rows, codes, first, counts, columns, by)
    groups = sorted_rows(groups, [*keys, -counts])
    shown = groups[offset : offset + limit]
    leaders = rows[first[shown]]
    return GroupPage(
        len(groups),
        len(rows),
        counts[shown].tolist(),
        [columns(each).values(leaders) for each in by],
        [_figures(columns(each), rows, codes, shown, leaders) for each in wanted],
    )


def _sort_keys(
    order: Order,
    rows: Rows,
    codes: Rows,
    first: Rows,
    counts: Rows,
    columns: Callable[[RunField], Column],
    by: Sequence[RunField],
) -> list[NDArray[Any]]:
    sign = -1 if order.descending else 1
    if order.field == COUNT:
        return [sign * counts]
    column = columns(order.field)
    if order.field not in by:
        means, there = _means(column, rows, codes, len(counts))
        if there.any():
            return [there == 0, sign * means]
    return [key[rows[first]] for key in column.sort_keys(descending=order.descending)]


def _means(column: Column, rows: Rows, codes: Rows, groups: int) -> tuple[NDArray[Any], Rows]:
    """Of each group: the mean of its finite numbers (0.0 without any), and how many there are."""
    numbers = column.numbers(rows)
    good = np.isfinite(numbers)
    there = np.bincount(codes[good], minlength=groups)
    with np.errstate(over="ignore"):
        sums = np.bincount(codes[good], numbers[good], groups)
    return sums / np.maximum(there, 1), there


def _figures(
    column: Column, rows: Rows, codes: Rows, shown: Rows, leaders: Rows
) -> dict[str, list[Any]]:
    groups = int(codes.max(initial=-1)) + 1
    means, there = _means(column, rows, codes, groups)
    numbers = column.numbers(rows)
    good = np.isfinite(numbers)
    least, most = np.full(groups, np.inf), np.full(groups, -np.inf)
    np.minimum.at(least, codes[good], numbers[good])
    np.maximum.at(most, codes[good], numbers[good])
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.bincount(codes[good], (numbers[good] - means[codes[good]]) ** 2, groups)
        spread = np.sqrt(squares / np.maximum(there, 1))
    kinds = _kinds(column, rows, codes, groups)
    alone = [
        value if kind == 1 else None
        for value, kind in zip(column.values(leaders), kinds[shown].tolist(), strict=True)
    ]
    found: dict[str, list[Any]] = {"count": there[shown].tolist(), "kinds": kinds[shown].tolist()}
    for name, values in zip(_FIGURES, (means, least, most, spread), strict=True):
        picked = values[shown]
        finite = np.isfinite(picked) & (there[shown] > 0)
        found[name] = [
            value if fine else None
            for value, fine in zip(picked.tolist(), finite.tolist(), strict=True)
        ]
    return {**found, "value": alone}


def _kinds(column: Column, rows: Rows, codes: Rows, groups: int) -> Rows:
    """How many values each group has."""
    values = column.codes(rows)
    pairs = np.unique(codes * (int(values.max(initial=0)) + 1) + values)
    return np.bincount(pairs // (int(values.max(initial=0)) + 1), minlength=groups)
