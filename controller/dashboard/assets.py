"""The files of the pages, each under an address that names the content of all of them.

All lie below `/static/<digest>/`, so that a browser keeps them for good, modules find each other by
relative paths, and a new version is never mixed with an old one: an address of another version
finds nothing. It must never serve what is not below its folder. Neighbours: shell.py (refers to
them); hatch_build.py (brings `static/vendor` from npm).
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from sweeps.errors import NotFoundError

PREFIX = "/static/"
FOLDER = Path(__file__).parent / "static"
STYLES = "styles.css"
"""All style sheets in one, so that a first visit waits for one answer."""
BARE = {
    "preact": "vendor/preact.mjs",
    "preact/hooks": "vendor/preact-hooks.mjs",
    "htm": "vendor/htm.mjs",
    "uplot": "vendor/uplot.mjs",
    "marked": "vendor/marked.mjs",
}
"""What modules import by name, and where it lies."""

_FIRST_STYLES = ("vendor/uplot.css", "css/base.css")
_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
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
        found = {
            path.relative_to(self._folder).as_posix(): path.read_bytes()
            for path in sorted(self._folder.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        }
        others = (path for path in found if path.startswith("css/") and path not in _FIRST_STYLES)
        sheets = [path for path in (*_FIRST_STYLES, *others) if path in found]
        styles = b"".join(b"/* %b */\n%b\n" % (path.encode(), found[path]) for path in sheets)
        return {**found, STYLES: styles}

    @cached_property
    def version(self) -> str:
        """Names the content of all files together."""
        digest = hashlib.sha256()
        for path, data in self.files.items():
            digest.update(f"{path}\0{len(data)}\0".encode() + data)
        return digest.hexdigest()[:16]

    @property
    def missing(self) -> list[str]:
        """What modules import and the build has not brought."""
        return [path for path in BARE.values() if path not in self.files]

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


def _asset(path: str, data: bytes) -> Asset:
    suffix = Path(path).suffix
    media_type = _TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    return Asset(media_type, data, packed(data))


def packed(data: bytes) -> bytes | None:
    """The gzip form; None where it saves little."""
    if len(data) < _COMPRESS_BYTES:
        return None
    small = gzip.compress(data, 6, mtime=0)
    return small if len(small) < 0.9 * len(data) else None
