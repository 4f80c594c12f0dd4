"""Drafts: what a run wants done with artifacts, in its folder, until the server has done it.

    artifacts/<draft>/manifest.json  what the artifact holds, as the server will keep it
    artifacts/<draft>/blobs/<digest> the bytes, as they were when they were added
    artifacts/<draft>/draft.json     what is to be done; written last, whole or not at all
    artifacts/<draft>/answer.json    what the server said: {"artifact": …} or {"error": …}

draft.json is one of
    {"log": {type, name, description, metadata, aliases, tags, ttl_s, use}}
    {"link": {artifact | draft, project, name, aliases}}
    {"use": {artifact | draft}}
where an artifact is named by its id or, while it has none, by its draft. The names of drafts sort
in the order in which they were made, and so they are done. Written by artifact_calls.py, read by
agent/artifacts.py.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import time
from typing import Any, Mapping

from logging_core.artifacts.manifest import Manifest
from logging_core.artifacts.staging import fresh_name
from logging_core.values import dumps

_numbers = itertools.count()


def new_name() -> str:
    """Names a draft; later ones sort behind it."""
    return f"{time.time_ns():020d}-{next(_numbers):06d}-{os.urandom(3).hex()}"


class Draft:
    """One draft, by its folder. Making the object touches nothing."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    @property
    def name(self) -> str:
        return os.path.basename(self.folder)

    @property
    def blobs(self) -> str:
        return os.path.join(self.folder, "blobs")

    @property
    def manifest_path(self) -> str:
        return os.path.join(self.folder, "manifest.json")

    def blob(self, digest: str) -> str:
        return os.path.join(self.blobs, digest)

    def write(self, what: Mapping[str, Any], manifest: Manifest | None = None) -> None:
        """Completes it. Raises OSError."""
        os.makedirs(self.folder, exist_ok=True)
        if manifest is not None:
            self._write("manifest.json", manifest.to_json())
        self._write("draft.json", what)

    def answer(self, what: Mapping[str, Any]) -> None:
        """What the server said. Raises OSError."""
        self._write("answer.json", what)

    def read(self) -> dict[str, Any] | None:
        """What is to be done; None while it is not complete."""
        return self._read("draft.json")

    def read_answer(self) -> dict[str, Any] | None:
        """None while there is none."""
        return self._read("answer.json")

    def read_manifest(self) -> Manifest:
        """Raises OSError, UsageError."""
        with open(self.manifest_path, encoding="utf-8") as file:
            return Manifest.from_json(json.load(file))

    def _write(self, name: str, value: Mapping[str, Any]) -> None:
        fresh = fresh_name(self.folder)
        try:
            with open(fresh, "xb") as file:
                file.write(dumps(value))
            os.replace(fresh, os.path.join(self.folder, name))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(fresh)
            raise

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            with open(os.path.join(self.folder, name), encoding="utf-8") as file:
                value = json.load(file)
        except (OSError, ValueError):
            return None
        return value if isinstance(value, dict) else None


def all_drafts(artifacts: str | os.PathLike[str]) -> list[Draft]:
    """Those in a run's folder of artifacts, in the order in which they were made."""
    try:
        names = sorted(os.listdir(artifacts))
    except OSError:
        return []
    return [Draft(os.path.join(os.fspath(artifacts), name)) for name in names]
