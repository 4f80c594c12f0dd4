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
FIGURES = ("mean", "min", "max", "std")


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
    figure: str = "mean",
) -> GroupPage:
    """The rows in groups, sorted, a page of them.

    A field that groups go by sorts by its value, `COUNT` by the number of runs, any other by this
    figure of its numbers, or by its first value where it has none.
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
        if order.field == COUNT:
            keys.append(-counts if order.descending else counts)
            continue
        column = columns(order.field)
        figures = {} if order.field in by else _figures(column, rows, codes, len(counts))
        if figures and figures["count"].any():
            values = figures[figure]
            keys += [figures["count"] == 0, -values if order.descending else values]
        else:
            firsts = column.sort_keys(descending=order.descending)
            keys += [key[rows[first]] for key in firsts]
    groups = sorted_rows(groups, [*keys, -counts])
    shown = groups[offset : offset + limit]
    leaders = rows[first[shown]]
    return GroupPage(
        len(groups),
        len(rows),
        counts[shown].tolist(),
        [columns(each).values(leaders) for each in by],
        [_told(columns(each), rows, codes, shown, leaders, len(counts)) for each in wanted],
    )


def _figures(column: Column, rows: Rows, codes: Rows, groups: int) -> dict[str, NDArray[Any]]:
    """Of each group: figures of its finite numbers (0.0 without any), and how many there are."""
    numbers = column.numbers(rows)
    good = np.isfinite(numbers)
    mine, numbers = codes[good], numbers[good]
    count = np.bincount(mine, minlength=groups)
    least, most = np.full(groups, np.inf), np.full(groups, -np.inf)
    np.minimum.at(least, mine, numbers)
    np.maximum.at(most, mine, numbers)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.bincount(mine, numbers, groups) / np.maximum(count, 1)
        squares = np.bincount(mine, (numbers - mean[mine]) ** 2, groups)
        spread = np.sqrt(squares / np.maximum(count, 1))
    found = {"mean": mean, "min": least, "max": most, "std": spread}
    return {"count": count} | {
        name: np.where(count > 0, values, 0.0) for name, values in found.items()
    }


def _told(
    column: Column, rows: Rows, codes: Rows, shown: Rows, leaders: Rows, groups: int
) -> dict[str, list[Any]]:
    """What `GroupPage.figures` has of a column."""
    figures = _figures(column, rows, codes, groups)
    there = figures["count"][shown]
    kinds = _kinds(column, rows, codes, groups)[shown]
    found: dict[str, list[Any]] = {"count": there.tolist(), "kinds": kinds.tolist()}
    for name in FIGURES:
        picked = figures[name][shown]
        fine = np.isfinite(picked) & (there > 0)
        pairs = zip(picked.tolist(), fine.tolist(), strict=True)
        found[name] = [value if good else None for value, good in pairs]
    pairs = zip(column.values(leaders), kinds.tolist(), strict=True)
    found["value"] = [value if kind == 1 else None for value, kind in pairs]
    return found


def _kinds(column: Column, rows: Rows, codes: Rows, groups: int) -> Rows:
    """How many values each group has."""
    values = column.codes(rows)
    pairs = np.unique(codes * (int(values.max(initial=0)) + 1) + values)
    return np.bincount(pairs // (int(values.max(initial=0)) + 1), minlength=groups)
