"""Where a media value's file goes, and what it is called: by its key, its step and its content."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any, Callable, NamedTuple

_ODD = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|\ud800-\udfff]')
_MAX_PART = 120  # bytes of one part of a path; file systems take 255, step and digest come after


def _nobody(_values: dict[str, Any]) -> None:
    return


class Place(NamedTuple):
    """What a value needs to know to be stored: see `Media._opensweep_log_`.

    Attributes:
        files: the folder that stored paths are relative to (a run's `files/`).
        key: the dotted name that the value is logged under.
        step: the step that it is logged at.
        saved: told the path (relative, with slashes) of each file that was written.
        config: told values that belong into the run's config, to be merged deeply.
        lasting: what is written here stays: the value need not keep its bytes in memory.
    """

    files: Path
    key: str
    step: int | str
    saved: Callable[[str], None]
    config: Callable[[dict[str, Any]], None] = _nobody
    lasting: bool = False

    def path(self, folder: str, digest: str, suffix: str) -> str:
        """The relative path of a file with this SHA-256: media/images/loss_3_0a1b….png."""
        return f"{folder}/{safe_name(self.key)}_{self.step}_{digest[:20]}{suffix}"


def safe_name(key: str) -> str:
    """`key` as a relative path that any file system takes and that leads nowhere else.

    Slashes make folders, as with W&B. Two keys may come to the same name: the digest that follows
    it keeps different files apart.
    """
    parts = (_safe_part(part) for part in str(key).split("/"))
    return "/".join(part for part in parts if part) or "_"


def _safe_part(part: str) -> str:
    part = _ODD.sub("_", part)
    if part in (".", ".."):
        return part.replace(".", "_")
    raw = part.encode("utf-8")
    if len(raw) <= _MAX_PART:
        return part
    short = raw[: _MAX_PART - 9].decode("utf-8", "ignore")
    return f"{short}-{hashlib.sha256(raw).hexdigest()[:8]}"
