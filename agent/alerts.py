"""Brings a run's alerts to the server, which tells people (controller/alerts.py).

Neighbours: errands.py works it; logging_core/alerts.py raised them.
"""

from __future__ import annotations

from collections import deque

from logging_core.records import AlertRaised, Record
from sweeps.protocol.client import Client


class AlertErrand:
    """The alerts of one record file, in its order; that order is their number, so that the server
    knows one that it has from another, even of a script that calls init() twice."""

    def __init__(self, client: Client, run_id: str, writer: int, lane: str = "") -> None:
        self._client, self._run_id, self._writer, self._lane = client, run_id, writer, lane
        self._raised: deque[AlertRaised] = deque()
        self._count = 0

    def take(self, record: Record) -> None:
        if isinstance(record, AlertRaised):
            self._raised.append(record._replace(number=self._count))
            self._count += 1

    def work(self, *, final: bool) -> bool:  # noqa: ARG002 - all are due at once
        while self._raised:
            alert = self._raised[0]._asdict()
            self._client.post_alert(self._run_id, self._writer, self._lane, alert)
            self._raised.popleft()
        return True
