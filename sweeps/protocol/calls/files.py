"""The calls about files: blobs by digest, files of a run, artifacts that are made.

Mostly sending: what a training process may bring as well goes over the standard library
(logging_core/artifacts). How a file becomes these calls: agent/sending.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import urllib3

from sweeps.protocol.wire import CONNECT_S, Wire, part

STORING_S = 900.0
"""Seconds that the server may take to put a whole blob in its place (an object store, perhaps)."""


@dataclass(frozen=True)
class Arrived:
    """How much of a blob the server has.

    Attributes:
        have: bytes; send on from there.
        stored: all is there and checked.
        busy: another client is sending it just now: wait a little and ask again.
    """

    have: int
    stored: bool = False
    busy: bool = False


class FileCalls(Wire):
    """Blobs, run files and artifacts, sent."""

    def missing_blobs(self, digests: Sequence[str]) -> list[str]:
        """Those that must be sent (at most 20,000 at a time); the others are kept for a day."""
        answer = self._object("POST", "/api/blobs/missing", body={"digests": list(digests)})
        return list(answer["missing"])

    def send_piece(self, digest: str, size: int, offset: int, data: bytes) -> Arrived:
        """Sends the bytes of a blob of `size` bytes from `offset` on, 64 MiB at most; with no
        bytes at all it only asks.

        DigestMismatch: all arrived and it is something else: it was thrown away.
        """
        answer = self._call(
            "PUT",
            f"/api/blobs/{part(digest)}",
            query={"offset": offset, "size": size},
            body=data,
            timeout=urllib3.Timeout(connect=CONNECT_S, read=STORING_S),
        )
        return Arrived(int(answer["have"]), bool(answer["stored"]), bool(answer["busy"]))

    def send_bundle(self, bundle: bytes) -> None:
        """Sends small blobs, as logging_core/artifacts/bundles.py packs them. DigestMismatch."""
        timeout = urllib3.Timeout(connect=CONNECT_S, read=STORING_S)
        self._call("POST", "/api/blobs/bundle", body=bundle, timeout=timeout)

    def save_files(self, run: str, writer: int, files: Mapping[str, str]) -> list[str]:
        """Records files of a run, path -> digest (at most 10,000). Safe to repeat.

        Returns the digests that must be sent first; then nothing was recorded.
        """
        listed = [{"path": path, "digest": digest} for path, digest in files.items()]
        answer = self._object(
            "POST", f"/api/runs/{part(run)}/files", body={"writer": writer, "files": listed}
        )
        return list(answer["missing"])

    def files(
        self, run: str, *, prefix: str = "", after: str = "", limit: int = 1000
    ) -> list[dict[str, Any]]:
        """Files of a run by path, each {path, digest, size, …}; those behind `after`."""
        query = {"prefix": prefix, "after": after, "limit": limit}
        answer = self._object("GET", f"/api/runs/{part(run)}/files", query=query)
        return list(answer["files"])

    def read_blob(self, digest: str, start: int, length: int) -> bytes:
        """`length` bytes of a blob, which must have as many from `start` on."""
        return self._bytes("GET", f"/api/blobs/{part(digest)}", span=(start, length))

    def commit_artifact(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Records a version of an artifact; {artifact} or {missing}. Safe to repeat.

        Args:
            given: run, project, type, name, manifest (its digest), use, aliases, tags,
                description, metadata, ttl_s.
        """
        return self._object("POST", "/api/artifacts", body=given)

    def link_artifact(
        self, artifact_id: str, project: str, name: str, aliases: Sequence[str]
    ) -> dict[str, Any]:
        """Gives an artifact a second name; {artifact}. Safe to repeat."""
        body = {"project": project, "name": name, "aliases": list(aliases)}
        return self._object("POST", f"/api/artifacts/{part(artifact_id)}/links", body=body)

    def use_artifact(self, run: str, artifact_id: str) -> None:
        """Records that a run uses an artifact. Safe to repeat."""
        body = json.dumps({"artifact": artifact_id}).encode()
        self._call("POST", f"/api/runs/{part(run)}/uses", body=body)
