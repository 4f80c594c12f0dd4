"""What the input objects of GraphQL mutations hold, checked where a wrong shape would be a fault.

The schema takes them as they come (`Any`), because clients of all ages send other fields. Raises
UsageError, never anything else. Neighbours: graphql.py (an input is an object), the resolvers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sweeps.errors import UsageError


def listed(given: Any, what: str) -> list[Any]:
    """A list; nothing is an empty one."""
    if not isinstance(given or [], list):
        raise UsageError(f"{what}: expected a list")
    return given or []


def objects(given: Any, what: str) -> list[Mapping[str, Any]]:
    """A list of objects; nothing is an empty one."""
    found = listed(given, what)
    if not all(isinstance(one, Mapping) for one in found):
        raise UsageError(f"{what}: expected a list of objects")
    return found


def number(given: Any, what: str) -> int:
    """A whole number, as JSON has it or in digits."""
    try:
        return int(given)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"{what}: expected a whole number") from None
