"""Connections: pages of a list as GraphQL clients walk through them. A cursor is an offset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sweeps.errors import UsageError

PAGE = 50
_LONGEST = 10_000


def offset_of(after: str | None) -> int:
    """Where the page behind a cursor begins. Raises UsageError."""
    if not after:
        return 0
    if not (after.isascii() and after.isdigit() and len(after) < 16):
        raise UsageError(f"after: {after!r} is no cursor of this server")
    return int(after)


def page_size(first: int | None) -> int:
    """How many items a page has. Raises UsageError for a negative number."""
    if first is None:
        return PAGE
    if first < 0:
        raise UsageError("first: expected a whole number, at least 0")
    return min(first, _LONGEST)


def connection(nodes: Sequence[Any], offset: int, total: int) -> dict[str, Any]:
    """One page, of the items from `offset` on, of a list of `total` items."""
    end = offset + len(nodes)
    return {
        "edges": [
            {"node": node, "cursor": str(number)} for number, node in enumerate(nodes, offset + 1)
        ],
        "pageInfo": {
            "startCursor": str(offset + 1) if nodes else None,
            "endCursor": str(end) if nodes else None,
            "hasNextPage": end < total,
            "hasPreviousPage": offset > 0,
        },
        "totalCount": total,
    }


def paged(items: Sequence[Any], first: int | None, after: str | None) -> dict[str, Any]:
    """A page of a list that is there as a whole."""
    offset = offset_of(after)
    return connection(items[offset : offset + page_size(first)], offset, len(items))
