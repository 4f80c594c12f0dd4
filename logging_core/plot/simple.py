"""Charts that draw columns of a table as they are."""

from __future__ import annotations

from typing import Any, Iterable, Sequence

from logging_core.errors import UsageError
from logging_core.media.table import Table
from logging_core.plot.chart import CustomChart, plot_table


def line(
    table: Table,
    x: str,
    y: str,
    stroke: str | None = None,
    title: str = "",
    split_table: bool = False,
) -> CustomChart:
    """Column `y` over column `x`; a line for each value of column `stroke`."""
    fields = {"x": x, "y": y, "stroke": stroke}
    return plot_table("wandb/line/v0", table, fields, {"title": title}, split_table)


def scatter(
    table: Table, x: str, y: str, title: str = "", split_table: bool = False
) -> CustomChart:
    """A point for each row."""
    return plot_table("wandb/scatter/v0", table, {"x": x, "y": y}, {"title": title}, split_table)


def bar(
    table: Table, label: str, value: str, title: str = "", split_table: bool = False
) -> CustomChart:
    """A bar for each row."""
    fields = {"label": label, "value": value}
    return plot_table("wandb/bar/v0", table, fields, {"title": title}, split_table)


def histogram(table: Table, value: str, title: str = "", split_table: bool = False) -> CustomChart:
    """How the values of a column are distributed."""
    return plot_table("wandb/histogram/v0", table, {"value": value}, {"title": title}, split_table)


def line_series(
    xs: Sequence[Any],
    ys: Sequence[Iterable[Any]],
    keys: Sequence[str] | None = None,
    title: str = "",
    xname: str = "x",
    split_table: bool = False,
) -> CustomChart:
    """Several lines: `ys` has a series for each, `xs` one for all or one for each.

    `keys` names them. Raises UsageError when the numbers of series differ.
    """
    ys = list(ys)
    shared = not len(xs) or isinstance(xs[0], (str, bytes)) or not hasattr(xs[0], "__iter__")
    each_x = [xs] * len(ys) if shared else list(xs)
    if len(each_x) != len(ys):
        raise UsageError(f"line_series has {len(each_x)} series of x and {len(ys)} of y")
    names = [f"line_{number}" for number in range(len(ys))] if keys is None else list(keys)
    if len(names) != len(ys):
        raise UsageError(f"line_series has {len(names)} keys for {len(ys)} series")
    rows = [
        [x, name, y]
        for name, series, values in zip(names, each_x, ys)
        for x, y in zip(series, values)
    ]
    table = Table(columns=["step", "lineKey", "lineVal"], data=rows)
    fields = {"step": "step", "lineKey": "lineKey", "lineVal": "lineVal"}
    texts = {"title": title, "xname": xname}
    return plot_table("wandb/lineseries/v0", table, fields, texts, split_table)
