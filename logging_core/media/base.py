"""Value and Media: how an object that a script logs becomes W&B's JSON, and its file is stored.

A file is copied or written when the value is logged, under a name that its content determines; a
reader sees it whole or not at all. Neighbours: place.py names files; rows.py calls what is here.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import threading
from pathlib import Path
from typing import Any, NamedTuple, Sequence, Union

from logging_core.errors import UsageError
from logging_core.media.place import Place
from logging_core.values import plain

_BLOCK = 1 << 20
_REMOTE = re.compile(r"^[a-z][a-z0-9+.-]*://")


class Value:
    """Anything that has a JSON form of its own in history: {"_type": …}."""

    _log_type = ""

    def _opensweep_log_(self, place: Place) -> dict[str, Any]:
        """The JSON form; a value with a file stores it at `place` first. Raises OSError."""
        raise NotImplementedError


class Stored(NamedTuple):
    """A file that was written."""

    files: Path  # what `path` is relative to
    path: str
    sha256: str
    size: int


class Media(Value):
    """A value that is kept as a file. Logged again, it refers to the file it has already."""

    _folder = ""  # below the run's files

    def __init__(self, caption: str | None = None) -> None:
        self._caption = None if caption is None else str(caption)
        self._content: Union[bytes, Path, None] = None
        self._suffix = ""
        self._stored: Stored | None = None

    def _set_bytes(self, content: bytes, suffix: str) -> None:
        self._content, self._suffix, self._stored = content, suffix, None

    def _set_path(self, path: str | os.PathLike[str], suffix: str | None = None) -> None:
        """Take the file at `path` when the value is logged. Raises OSError, UsageError."""
        text = os.fspath(path)
        if _REMOTE.match(text):
            raise UsageError(
                f"{type(self).__name__}({text!r}): what lies elsewhere is not fetched; "
                "download it and pass its path"
            )
        with open(text, "rb"):
            pass  # a missing file is an error here, not in the middle of log()
        self._content = Path(os.path.abspath(text))
        self._suffix = os.path.splitext(text)[1] if suffix is None else suffix
        self._stored = None

    def _read(self) -> bytes:
        """The file's bytes. Raises OSError."""
        if isinstance(self._content, bytes):
            return self._content
        assert self._content is not None, "a value without content"
        return self._content.read_bytes()

    def _store(self, place: Place) -> Stored:
        if self._stored is not None and self._stored.files == place.files:
            return self._stored
        assert self._content is not None, "a value without content"
        stored = write(place, self._folder, self._content, self._suffix)
        self._stored = stored
        if place.lasting:  # many logged images hold no memory
            self._content = place.files / stored.path
        return stored

    def _opensweep_log_(self, place: Place) -> dict[str, Any]:
        stored = self._store(place)
        told: dict[str, Any] = {} if self._caption is None else {"caption": self._caption}
        told.update(_type=self._log_type, sha256=stored.sha256, size=stored.size, path=stored.path)
        return told


class BatchableMedia(Media):
    """Media of which a whole list may be logged under one key."""

    MAX_ITEMS = 0  # 0: any number

    @classmethod
    def _opensweep_log_list_(cls, items: Sequence[Any], place: Place) -> dict[str, Any]:
        """The JSON form of a list of such values."""
        raise NotImplementedError


def write(place: Place, folder: str, content: bytes | Path, suffix: str) -> Stored:
    """Write (or copy) a file to its content's name at `place`; tell `place.saved`. Raises OSError.

    It appears whole: written beside its place first, then renamed.
    """
    base = place.files / folder
    base.mkdir(parents=True, exist_ok=True)
    temporary = base / f".{os.getpid()}-{threading.get_ident()}.tmp"
    try:
        with open(temporary, "wb") as out:
            if isinstance(content, bytes):
                digest, size = hashlib.sha256(content).hexdigest(), len(content)
                out.write(content)
            else:
                digest, size = _copy(content, out)
        path = place.path(folder, digest, suffix)
        target = place.files / path
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    place.saved(path)
    return Stored(place.files, path, digest, size)


def _copy(source: Path, out: Any) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with open(source, "rb") as file:
        while True:
            block = file.read(_BLOCK)
            if not block:
                return digest.hexdigest(), size
            digest.update(block)
            out.write(block)
            size += len(block)


def as_json(value: Any) -> bytes:
    """Any value as JSON that every reader takes: NaN and infinities are the strings "NaN",
    "Infinity" and "-Infinity", as W&B sends them."""
    value = plain(value)
    try:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except ValueError:  # found by the encoder itself: most values have none
        text = json.dumps(_finite(value), separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace")  # a lone surrogate has no UTF-8


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value


def captions(items: Sequence[Any]) -> list[str] | None:
    """The captions of a list of media; None when none has one."""
    found = [item._caption for item in items]
    return ["" if text is None else text for text in found] if any(found) else None
