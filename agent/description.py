"""Tells the server what a run says of itself while it runs: config, metadata, metrics, summary.

An errand that needs no records: the shipper's thread offers a snapshot of its digest now and then,
and what has changed since the last one is sent. Neighbours: `digest.py`, `errands.py`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from agent.digest import Digest
from logging_core.records import Record
from sweeps.errors import NotFoundError
from sweeps.protocol.client import Client

EVERY_S = 2.0
"""Seconds between two looks at what has changed."""
_SHARE = 50  # a snapshot may take one part in so many of the time


@dataclass(frozen=True)
class Said:
    """What a run says of itself, at one moment."""

    config: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)


class Description:
    """The errand. `look` is called in the thread that owns the digest, the rest in another.

    Args:
        writer: the attempt, as the server counts.
        digest: where it looks.
    """

    def __init__(self, client: Client, run_id: str, writer: int, digest: Digest) -> None:
        self._client, self._run_id, self._writer, self._digest = client, run_id, writer, digest
        self._seen = (0, 0, 0)
        self._look_at = time.monotonic() + EVERY_S
        self._latest = self._sent = Said()

    def look(self, *, now: bool = False) -> bool:
        """Takes a snapshot, when it is time and something is new. Returns whether it did."""
        began = time.monotonic()
        version = self._digest.version
        if version == self._seen or (began < self._look_at and not now):
            return False
        self._seen = version
        digest = self._digest
        self._latest = Said(digest.config, digest.metadata, digest.metrics, digest.summary)
        took = time.monotonic() - began
        self._look_at = time.monotonic() + max(EVERY_S, _SHARE * took)
        return True

    def told(self) -> None:
        """All but the metrics of the latest snapshot went to the server another way."""
        self._sent = replace(self._latest, metrics=self._sent.metrics)

    def take(self, record: Record) -> None:
        """They are in the digest."""

    def work(self, *, final: bool) -> bool:
        """Sends what is new in the latest snapshot. See `Errand`."""
        if final:  # nobody else looks any more
            self.look(now=True)
        said, sent = self._latest, self._sent
        if said is sent:
            return True
        changes = {
            "config": _changed(said.config, sent.config),
            "metadata": _changed(said.metadata, sent.metadata),
            "metrics": said.metrics if said.metrics != sent.metrics else None,
            "summary": said.summary if _differs(said.summary, sent.summary) else None,
        }
        given = {name: value for name, value in changes.items() if value}
        if given:
            with suppress(NotFoundError):  # somebody deleted the run
                self._client.describe_run(self._run_id, self._writer, **given)
        self._sent = said
        return self._latest is said


def _changed(new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """Whole top-level values: those that a person edits meanwhile stay as they are."""
    return {name: value for name, value in new.items() if name not in old or old[name] != value}


def _differs(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    return new is not old and dict(new) != dict(old)
