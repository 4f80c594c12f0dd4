"""The JSON documents of many runs (config, summary, metadata), read as fast as can be.

orjson reads a document in a fifth of json's time, but knows no NaN and makes whole numbers beyond
64 bits into floats: where one of these is met, json reads the document again. Pure. Neighbours:
run_index.py (reads thousands), run_fields.py (how a name finds its value).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Text, type_coerce

from controller.store.run_fields import value_at
from controller.store.schema import runs

DOCUMENTS = ("config", "summary", "metadata")
_EXACT = float(1 << 63)


def as_text(name: str) -> ColumnElement[str]:
    """A document's column, as the text that the database holds."""
    return type_coerce(runs.c[name], Text).label(name)


def parse(text: str) -> dict[str, Any]:
    """The document; whole numbers beyond 64 bits may be floats."""
    try:
        found: dict[str, Any] = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = json.loads(text)
    return found


def values_in(document: dict[str, Any], text: str, names: Sequence[str]) -> list[Any]:
    """The values under these names in a document, which was parsed from `text`; exact."""
    values = [value_at(document, name) for name in names]
    if any(type(value) is float and abs(value) >= _EXACT for value in values):
        exact = json.loads(text)
        values = [value_at(exact, name) for name in names]
    return values
