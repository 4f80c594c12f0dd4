"""Names: of artifacts, of their aliases, and of the files in them. What may be one, and what not.

Used on both sides: by the script before it records anything, and by the server, which believes
nobody. Pure.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from logging_core.errors import UsageError

LATEST = "latest"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_VERSION = re.compile(r"v[0-9]+")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LONGEST_PATH = 4096  # bytes


class Name(NamedTuple):
    """`project/name:alias`; `project` None: that of whoever asks."""

    project: str | None
    name: str
    alias: str


def check_name(name: str, what: str = "an artifact's name") -> str:
    """`name` itself. Raises UsageError."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or not name.strip("."):
        raise UsageError(
            f"{name!r} is not {what}: letters, digits, '_', '-' and '.', at most 128 characters"
        )
    return name


def fitting_name(text: str) -> str:
    """`text` as a name may have it: at most 100 characters, '-' for those that may not be in it."""
    return re.sub("[^A-Za-z0-9_.-]", "-", text)[-100:] or "-"


def check_alias(alias: str) -> str:
    """`alias` itself. Raises UsageError."""
    if not isinstance(alias, str) or not alias or len(alias) > 256 or set(alias) & set("/:\0"):
        raise UsageError(f"{alias!r} is not an alias: 1 to 256 characters, no '/' and no ':'")
    if _VERSION.fullmatch(alias):
        raise UsageError(f"{alias!r} is not an alias: v0, v1, … are the versions themselves")
    return alias


def parse(text: str) -> Name:
    """The name in "[[entity/]project/]name[:alias]". The entity says nothing here.

    Raises UsageError.
    """
    front, _, alias = text.partition(":") if isinstance(text, str) else ("", "", "")
    parts = front.split("/")
    if len(parts) > 3 or not all(parts):
        raise UsageError(
            f"{text!r} names no artifact: expected name:alias or project/name:alias, such as"
            " my-model:latest or my-model:v3"
        )
    if not _VERSION.fullmatch(alias or LATEST):
        check_alias(alias or LATEST)
    project = parts[-2] if len(parts) > 1 else None
    return Name(project, check_name(parts[-1]), alias or LATEST)


def check_path(path: str) -> str:
    """`path` itself: of a file in an artifact or in a run's files, relative, with slashes.

    Raises UsageError for one that leads elsewhere ("../x", "/x"), or that no file can have.
    """
    try:
        encoded = path.encode()
    except (AttributeError, UnicodeEncodeError):
        encoded = b""
    parts = encoded.split(b"/")
    if (
        not 0 < len(encoded) <= _LONGEST_PATH
        or b"\0" in encoded
        or any(part in (b"", b".", b"..") or len(part) > 255 for part in parts)
    ):
        raise UsageError(f"{path!r} is not the path of a file: relative, with '/', no '..' in it")
    return path


def check_digest(digest: str) -> str:
    """`digest` itself: a SHA-256 in hex. Raises UsageError."""
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise UsageError(f"{digest!r} is no SHA-256: expected 64 hex digits in lower case")
    return digest
