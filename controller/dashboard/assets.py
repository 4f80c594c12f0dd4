"""The files of the pages, each under an address that names their content.

All lie below `/static/<digest of all of them>/`, so that a browser keeps them for good, modules
find each other by relative paths, and a new version is never mixed with an old one. Neighbours:
shell.py (refers to them); hatch_build.py (brings `static/vendor` from npm).
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import posixpath
import re
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from sweeps.errors import NotFoundError

PREFIX = "/static/"
FOLDER = Path(__file__).parent / "static"

_IMPORT = re.compile(r"""^\s*(?:import|export)\b[^'";]*?["'](\.[^'"]+)["']""", re.MULTILINE)
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".svg": "image/svg+xml"}
_COMPRESS_BYTES = 1000


class Asset(NamedTuple):
    """A file as it is sent: `packed` is its gzip form, or None where that saves nothing."""

    media_type: str
    plain: bytes
    packed: bytes | None


class Assets:
    """Everything in a folder, read once."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._kept: dict[str, Asset] = {}

    @cached_property
    def files(self) -> dict[str, bytes]:
        """Contents by path below the folder, with `/` between its parts."""
        found = sorted(
            path
            for path in self._folder.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        )
        return {path.relative_to(self._folder).as_posix(): path.read_bytes() for path in found}

    @cached_property
    def version(self) -> str:
        """Names the content of all files together."""
        digest = hashlib.sha256()
        for path, data in self.files.items():
            digest.update(f"{path}\0{len(data)}\0".encode() + data)
        return digest.hexdigest()[:16]

    def url(self, path: str) -> str:
        """The address of a file."""
        return f"{PREFIX}{self.version}/{path}"

    def get(self, path: str) -> Asset:
        """Raises NotFoundError."""
        if path not in self._kept:
            if path not in self.files:
                raise NotFoundError(f"there is no {path!r} among the files of the pages")
            self._kept[path] = _asset(path, self.files[path])
        return self._kept[path]

    def needed_by(self, path: str) -> list[str]:
        """The modules that a module imports by relative paths, and those that these import."""
        found: dict[str, None] = {}
        waiting = [path]
        while waiting:
            at = waiting.pop()
            for name in _IMPORT.findall(self.files.get(at, b"").decode("utf-8", "replace")):
                target = posixpath.normpath(posixpath.join(posixpath.dirname(at), name))
                if target in self.files and target not in found and target != path:
                    found[target] = None
                    waiting.append(target)
        return list(found)


def _asset(path: str, data: bytes) -> Asset:
    suffix = Path(path).suffix
    media_type = _TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    packed = gzip.compress(data, 6, mtime=0) if len(data) > _COMPRESS_BYTES else None
    if packed is not None and len(packed) > 0.9 * len(data):
        packed = None
    return Asset(media_type, data, packed)
