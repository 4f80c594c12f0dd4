"""Which versions or collections somebody asks for: filters in W&B's MongoDB style, and orders.

    {"$and": [{"state": "COMMITTED"}, {"tags": "good"}]}     -created_at

A filter is a question to facts: name -> value. A value that is a list fits when one of its members
does. Read with suspicion: what does not fit is a UsageError. Pure; runs have filters of their own
(controller/store/run_filters.py), over columns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from sweeps.errors import UsageError

T = TypeVar("T")
Facts = Mapping[str, Any]

_DEEPEST = 20
_LONGEST_PATTERN = 1000
_MISSING: Any = object()


def read(given: Any) -> dict[str, Any]:
    """The filter in a JSON text (or one that was read already); {} lets everything through."""
    if isinstance(given, str):
        try:
            given = json.loads(given or "{}")
        except (ValueError, RecursionError) as error:
            raise UsageError(f"filters: this is no JSON: {error}") from None
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise UsageError("filters: expected an object")
    return given


def select(
    items: Iterable[T], given: Any, order: str | None, facts: Callable[[T], Facts]
) -> list[T]:
    """Those that fit a filter, in an order ("" or None: as they came). Raises UsageError."""
    asked = read(given)
    found = [item for item in items if fits(asked, facts(item))] if asked else list(items)
    for part in reversed([part.strip() for part in (order or "").split(",") if part.strip()]):
        sign, name = (part[0], part[1:]) if part[0] in "+-" else ("+", part)
        name = _snake(name)
        found.sort(key=lambda item: _sortable(facts(item).get(name)), reverse=sign == "-")
    return found


def fits(asked: Mapping[str, Any], facts: Facts, depth: int = _DEEPEST) -> bool:
    """Whether facts answer a filter. Raises UsageError."""
    if not isinstance(asked, Mapping) or not depth:
        raise UsageError(f"filters: expected objects, at most {_DEEPEST} deep")
    return all(_holds(key, value, facts, depth - 1) for key, value in asked.items())


def _holds(key: str, value: Any, facts: Facts, depth: int) -> bool:
    if key == "$not":
        return not fits(value, facts, depth)
    if key in ("$and", "$or", "$nor"):
        if not isinstance(value, list):
            raise UsageError(f"filters: {key}: expected a list")
        answers = [fits(each, facts, depth) for each in value]
        return all(answers) if key == "$and" else any(answers) is (key == "$or")
    if key.startswith("$"):
        raise UsageError(f"filters: no operator {key!r} here")
    return _answers(_look_up(_snake(key), facts), value, depth)


def _look_up(name: str, facts: Facts) -> Any:
    """A fact, or what is inside of one: metadata.lr."""
    if name in facts:
        return facts[name]
    first, _, rest = name.partition(".")
    inside = facts.get(first, _MISSING)
    for part in filter(None, rest.split(".")):
        inside = inside.get(part, _MISSING) if isinstance(inside, Mapping) else _MISSING
    if inside is _MISSING and not rest:
        raise UsageError(f"filters: there is no {name!r} here; there are {', '.join(facts)}")
    return inside


def _answers(value: Any, asked: Any, depth: int) -> bool:
    if not isinstance(asked, dict) or not any(key.startswith("$") for key in asked):
        asked = {"$eq": asked}
    if not depth:
        raise UsageError(f"filters: nested more than {_DEEPEST} deep")
    return all(_operator(key, operand, value, depth) for key, operand in asked.items())


def _operator(key: str, operand: Any, value: Any, depth: int) -> bool:
    if key == "$not":
        return not _answers(value, operand, depth - 1)
    if key == "$exists":
        return (value is not _MISSING and value is not None) is bool(operand)
    if key == "$ne":
        return not _any(value, lambda one: _equal(one, operand))
    if key == "$nin":
        return not _operator("$in", operand, value, depth)
    if key == "$in":
        if not isinstance(operand, list):
            raise UsageError("filters: $in: expected a list")
        return _any(value, lambda one: any(_equal(one, each) for each in operand))
    if key in ("$regex", "$contains"):
        if not isinstance(operand, str) or len(operand) > _LONGEST_PATTERN:
            raise UsageError(f"filters: {key}: expected text")
        if key == "$contains":
            return _any(value, lambda one: isinstance(one, str) and operand in one)
        return _any(value, _matcher(operand))
    if key in _COMPARED:
        return _any(value, lambda one: _compared(key, one, operand))
    raise UsageError(f"filters: no operator {key!r} here")


_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": lambda one, other: bool(one == other),
    "$gt": lambda one, other: bool(one > other),
    "$gte": lambda one, other: bool(one >= other),
    "$lt": lambda one, other: bool(one < other),
    "$lte": lambda one, other: bool(one <= other),
}


def _matcher(pattern: str) -> Callable[[Any], bool]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"filters: $regex: {error}") from None
    return lambda one: isinstance(one, str) and compiled.search(one) is not None


def _any(value: Any, test: Callable[[Any], bool]) -> bool:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return any(test(one) for one in value)
    return value is not _MISSING and test(value)


def _equal(one: Any, other: Any) -> bool:
    return _compared("$eq", one, other)


def _compared(key: str, one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, str):
        other = _seconds(other)
    if key != "$eq" and (
        one is None or other is None or isinstance(one, str) != isinstance(other, str)
    ):
        return False
    try:
        return _COMPARED[key](one, other)
    except TypeError:
        return False


def _seconds(text: str) -> Any:
    """A time as people and clients write it, in seconds since the epoch."""
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()


def _snake(name: str) -> str:
    """createdAt is created_at; what is inside of something keeps its name."""
    first, dot, rest = name.partition(".")
    return re.sub("([a-z])([A-Z])", r"\1_\2", first).lower() + dot + rest


def _sortable(value: Any) -> tuple[int, Any]:
    """Numbers before texts before lists; what is not there comes first."""
    if value is None:
        return (0, 0)
    if isinstance(value, (int, float)):
        return (1, value)
    return (2, str(value))
