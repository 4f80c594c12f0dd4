"""A manifest: what an artifact holds, path by path, and the digest that names the whole.

    {"version": 1, "contents": {"data/a.csv": {"digest": <SHA-256>, "size": 12},
                                "big.bin": {"ref": "s3://…", "digest": <etag>, "size": 3}}}

An entry without `ref` is a blob: its digest is the SHA-256 of its bytes. One with `ref` lies
elsewhere: its digest is what that place calls its content (an ETag, a checksum, or the address).
Pure. Neighbours: artifact.py (fills one), the server (reads one, and believes nothing).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Iterable, Mapping

from logging_core.artifacts.names import check_digest, check_path
from logging_core.errors import UsageError

VERSION = 1
ELSEWHERE = "opensweep-artifact://"
"""A reference to a file of another artifact: its id and the path follow."""
_LONGEST_TEXT = 8192


class Entry:
    """One file of an artifact.

    Attributes:
        path: in the artifact, with slashes.
        digest: see the module.
        size: bytes; None when a reference does not tell.
        ref: the address of a reference; None for a file.
        extra: what else is known of a reference, such as its version.
        local_path: where its bytes lie on this machine, if they do.
    """

    __slots__ = ("digest", "extra", "local_path", "owner", "path", "ref", "size")

    def __init__(
        self,
        path: str,
        digest: str,
        size: int | None,
        ref: str | None = None,
        extra: Mapping[str, Any] | None = None,
        local_path: str | None = None,
    ) -> None:
        self.path = path
        self.digest = digest
        self.size = size
        self.ref = ref
        self.extra = dict(extra or {})
        self.local_path = local_path
        self.owner: Any = None  # the artifact that it is of

    def __repr__(self) -> str:
        return f"<Entry {self.path} {self.digest[:12]}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Entry) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]

    @property
    def name(self) -> str:
        return self.path

    def download(self, root: str | None = None, skip_cache: bool | None = None) -> str:
        """Brings this file into `root` (as Artifact.download); returns its path."""
        del skip_cache  # W&B's: what is in the cache is checked when it comes in
        path: str = self._owned().download_entry(self, root)
        return path

    def ref_target(self) -> str:
        """The address of a reference. ValueError for a file."""
        if self.ref is None:
            raise ValueError(f"{self.path} is no reference")
        return self.ref

    def ref_url(self) -> str:
        """An address under which another artifact can refer to this entry."""
        return f"{ELSEWHERE}{self._owned().id}/{self.path}"

    def _owned(self) -> Any:
        if self.owner is None:
            raise UsageError(f"{self.path} belongs to no artifact yet")
        return self.owner

    def to_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {"digest": self.digest}
        if self.size is not None:
            said["size"] = self.size
        if self.ref is not None:
            said["ref"] = self.ref
        if self.extra:
            said["extra"] = self.extra
        return said


class Manifest:
    """The entries of an artifact, by path."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries: dict[str, Entry] = {entry.path: entry for entry in entries}

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def size(self) -> int:
        """Bytes of all entries that tell theirs."""
        return sum(entry.size or 0 for entry in self.entries.values())

    @property
    def blobs(self) -> dict[str, int]:
        """Digest and size of every blob that it takes."""
        own = (entry for entry in self.entries.values() if entry.ref is None)
        return {entry.digest: entry.size or 0 for entry in own}

    def digest(self) -> str:
        """Names the content: paths, bytes and references, and nothing else."""
        lines = [
            [entry.path, entry.digest, entry.ref or ""]
            for entry in sorted(self.entries.values(), key=lambda entry: entry.path)
        ]
        return hashlib.sha256(json.dumps(lines).encode()).hexdigest()

    def get_entries_in_directory(self, directory: str) -> list[Entry]:
        """The entries below a folder."""
        prefix = directory.rstrip("/") + "/" if directory else ""
        return [entry for path, entry in self.entries.items() if path.startswith(prefix)]

    def to_json(self) -> dict[str, Any]:
        ordered = sorted(self.entries)
        contents = {path: self.entries[path].to_json() for path in ordered}
        return {"version": VERSION, "contents": contents}

    @classmethod
    def from_json(cls, value: Any) -> Manifest:
        """Reads one with suspicion. Raises UsageError."""
        contents = value.get("contents") if isinstance(value, dict) else None
        if not isinstance(contents, dict) or value.get("version") != VERSION:
            raise UsageError("this is no manifest of this version")
        return cls(_entry(path, said) for path, said in contents.items())


def _entry(path: str, said: Any) -> Entry:
    check_path(path)
    if not isinstance(said, dict):
        raise UsageError(f"{path!r} in the manifest: expected an object")
    digest, size, ref, extra = (said.get(name) for name in ("digest", "size", "ref", "extra"))
    if size is not None and (type(size) is not int or not 0 <= size < 1 << 62):
        raise UsageError(f"{path!r} in the manifest: its size is no number of bytes")
    if extra is not None and not isinstance(extra, dict):
        raise UsageError(f"{path!r} in the manifest: extra is no object")
    if ref is None:
        check_digest(digest)  # type: ignore[arg-type]
        if size is None:
            raise UsageError(f"{path!r} in the manifest: no size")
    else:
        for text in (ref, digest):
            if not isinstance(text, str) or len(text) > _LONGEST_TEXT:
                raise UsageError(f"{path!r} in the manifest: its reference is no text")
    return Entry(path, digest, size, ref, extra)  # type: ignore[arg-type]
