"""Ids as GraphQL clients hold them: opaque texts that name a type and a key of ours."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from sweeps.errors import NotFoundError


def global_id(kind: str, key: str) -> str:
    """Of one object: `kind` is its GraphQL type, `key` what finds it in the store."""
    return base64.b64encode(f"{kind}:{key}".encode()).decode()


def parse_id(text: Any, kind: str) -> str:
    """The key of an object of this kind. Raises NotFoundError when `text` is no id of one."""
    try:
        found, _, key = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, ValueError, TypeError):
        found, key = "", ""
    if found != kind or not key:
        raise NotFoundError(f"{text!r} is not the id of any {kind}")
    return key
