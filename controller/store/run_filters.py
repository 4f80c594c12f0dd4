"""Which runs somebody asks for: filters in W&B's MongoDB style, and orders.

    {"$and": [{"state": "finished"}, {"summary_metrics.loss": {"$lt": 0.5}}]}     -summary.loss

Read with suspicion: what does not fit is a UsageError that says what would. Pure: a filter is a
function from columns to a mask of rows. Neighbours: run_fields.py (the names), run_columns.py.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from controller.store.run_columns import Column, Mask
from controller.store.run_fields import RunField, run_field
from sweeps.errors import UsageError

_DEEPEST = 20
_LONGEST_PATTERN = 1000
_MEMBERS = 10_000

_JOINS = ("$and", "$or", "$nor", "$not")
_OPERATORS = (
    *("$eq", "$ne", "$gt", "$gte", "$lt", "$lte"),
    *("$in", "$nin", "$exists", "$regex", "$not"),
)

Columns = Callable[[RunField], Column]
Predicate = Callable[[Columns], Mask]


class Filter(NamedTuple):
    """A filter that was understood: which fields it looks at, and what it says of each row."""

    fields: frozenset[RunField]
    keep: Predicate


class Order(NamedTuple):
    """One field to sort by."""

    field: RunField
    descending: bool


_ID = RunField("run", "id")
EVERYTHING = Filter(frozenset(), lambda columns: np.ones(len(columns(_ID)), np.bool_))


def parse_filters(text: str) -> Filter:
    """The filter that a JSON text is; "" and {} let everything through. Raises UsageError."""
    if not text.strip():
        return EVERYTHING
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"filters: this is no JSON: {error}") from None
    return as_filter(given)


def as_filter(given: Any) -> Filter:
    """The same for a mapping."""
    fields: set[RunField] = set()
    keep = _all(_conditions(given, fields, _DEEPEST))
    return Filter(frozenset(fields), keep)


def parse_order(text: str) -> list[Order]:
    """What to sort by: names parted by commas, each with "+" (rising) or "-" (falling) before it;
    a bare name rises. Raises UsageError."""
    orders = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        sign, name = (part[0], part[1:]) if part[0] in "+-" else ("+", part)
        orders.append(Order(run_field(name.strip()), sign == "-"))
    return orders


def _conditions(given: Any, fields: set[RunField], depth: int) -> list[Predicate]:
    if not isinstance(given, dict):
        raise UsageError(f"filters: expected an object such as {_EXAMPLE}; not {_shown(given)}")
    if not depth:
        raise UsageError(f"filters: nested more than {_DEEPEST} deep")
    return [_condition(key, value, fields, depth - 1) for key, value in given.items()]


_EXAMPLE = '{"config.lr": {"$gt": 0.1}}'


def _condition(key: str, value: Any, fields: set[RunField], depth: int) -> Predicate:
    if key == "$not":
        return _none([_all(_conditions(value, fields, depth))])
    if key in _JOINS:
        if not isinstance(value, list) or not value:
            raise UsageError(f"filters: {key}: expected a list of objects, not {_shown(value)}")
        parts = [_all(_conditions(each, fields, depth)) for each in value]
        return {"$and": _all, "$or": _any, "$nor": _none}[key](parts)
    if key.startswith("$"):
        raise UsageError(f"filters: no operator {key!r} here; there are {', '.join(_JOINS)}")
    field = run_field(key)
    fields.add(field)
    return _of_field(key, field, value, depth)


def _of_field(key: str, field: RunField, value: Any, depth: int) -> Predicate:
    """What is asked of one field: a value that it must have, or operators."""
    if not isinstance(value, dict) or not any(name.startswith("$") for name in value):
        value = {"$eq": value}
    if not depth:
        raise UsageError(f"filters: nested more than {_DEEPEST} deep")
    flags = value.get("$options", "")
    parts = []
    for operator, operand in value.items():
        where = f"filters: {key}: {operator}"
        if operator == "$options" and "$regex" in value:
            continue
        if operator not in _OPERATORS:
            raise UsageError(f"{where}: no such operator; there are {', '.join(_OPERATORS)}")
        if operator == "$not":
            if not isinstance(operand, dict):
                raise UsageError(f"{where}: expected an object of operators, not {_shown(operand)}")
            parts.append(_none([_of_field(key, field, operand, depth - 1)]))
        elif operator == "$regex":
            parts.append(_regex(where, field, operand, flags))
        else:
            parts.append(_operator(where, field, operator, operand))
    return _all(parts)


def _operator(where: str, field: RunField, operator: str, operand: Any) -> Predicate:
    if operator == "$exists":
        if not isinstance(operand, bool | int):
            raise UsageError(f"{where}: expected true or false, not {_shown(operand)}")
        there = bool(operand)
        return lambda columns: columns(field).exists() == there
    if operator in ("$in", "$nin"):
        if not isinstance(operand, list) or len(operand) > _MEMBERS:
            raise UsageError(
                f"{where}: expected a list of at most {_MEMBERS} values, not {_shown(operand)}"
            )
        members = [_operand(where, field, each) for each in operand]
        among: Predicate = lambda columns: columns(field).among(members)  # noqa: E731
        return among if operator == "$in" else _none([among])
    value = _operand(where, field, operand)
    if operator in ("$eq", "$ne"):
        same: Predicate = lambda columns: columns(field).equal(value)  # noqa: E731
        return same if operator == "$eq" else _none([same])
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise UsageError(f"{where}: expected a number or a text, not {_shown(operand)}")
    return lambda columns: columns(field).compare(operator, value)


def _operand(where: str, field: RunField, value: Any) -> Any:
    """What a value is compared with: of a time, seconds since 1970."""
    if not field.is_time or value is None:
        return value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is not None:
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    elif type(value) in (int, float) and math.isfinite(value):
        return float(value)
    raise UsageError(
        f"{where}: expected a time, such as 2026-01-31T12:00:00 (UTC) or seconds since 1970; "
        f"not {_shown(value)}"
    )


def _regex(where: str, field: RunField, pattern: Any, flags: Any) -> Predicate:
    if not isinstance(pattern, str) or len(pattern) > _LONGEST_PATTERN:
        raise UsageError(f"{where}: expected a pattern of at most {_LONGEST_PATTERN} characters")
    if not isinstance(flags, str) or set(flags) - set("imsx"):
        raise UsageError(f"{where}: $options has i, m, s and x; not {_shown(flags)}")
    number = 0
    for flag in flags:
        number |= getattr(re, flag.upper())
    try:
        compiled = re.compile(pattern, number)
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(f"{where}: {pattern!r} is no regular expression: {error}") from None
    return lambda columns: columns(field).matches(compiled)


def _all(parts: Iterable[Predicate]) -> Predicate:
    held = list(parts)

    def keep(columns: Columns) -> Mask:
        mask = np.ones(len(columns(_ID)), np.bool_)
        for part in held:
            mask &= part(columns)
        return mask

    return keep


def _any(parts: list[Predicate]) -> Predicate:
    return _none([_none(parts)])


def _none(parts: list[Predicate]) -> Predicate:
    def keep(columns: Columns) -> Mask:
        mask = np.zeros(len(columns(_ID)), np.bool_)
        for part in parts:
            mask |= part(columns)
        return ~mask

    return keep


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
