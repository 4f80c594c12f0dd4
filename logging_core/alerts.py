"""alert and mark_preempting: what a script tells people and the agent.

An alert is a record like any other: whoever ships the run folder delivers it (agent/alerts.py), and
the server decides whether people are told (one of its title went out within `wait_duration`).
Neighbour: reach.py, whose methods end here.
"""

from __future__ import annotations

import time
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from logging_core import terminal
from logging_core.errors import UsageError
from logging_core.records import AlertRaised, MetadataUpdate

if TYPE_CHECKING:
    from logging_core.run import Run

WAIT_S = 60.0
_MAX_TITLE, _MAX_TEXT = 1000, 100_000


class AlertLevel(Enum):
    """How serious an alert is."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


def alert(run: Run, title: str, text: str, level: Any, wait_duration: Any) -> None:
    """See Run.alert."""
    said = getattr(level, "value", level)
    name = "INFO" if said is None else str(said).upper()
    name = {"WARNING": "WARN"}.get(name, name)
    if name not in AlertLevel.__members__:
        known = ", ".join(AlertLevel.__members__)
        raise UsageError(f"alert(): level {level!r} is none of {known}")
    run._journal.record(
        AlertRaised(
            0, time.time(), name, _seconds(wait_duration), str(title)[:_MAX_TITLE],
            str(text)[:_MAX_TEXT],
        )
    )  # fmt: skip


def _seconds(wait_duration: Any) -> float:
    if wait_duration is None:
        return WAIT_S
    if isinstance(wait_duration, timedelta):
        return max(0.0, wait_duration.total_seconds())
    if isinstance(wait_duration, (int, float)) and 0 <= wait_duration < float("inf"):
        return float(wait_duration)
    raise UsageError(
        f"alert(): wait_duration is a timedelta or a number of seconds, not {wait_duration!r}"
    )


def mark_preempting(run: Run) -> None:
    """See Run.mark_preempting."""
    if run._folder is None or run.disabled:
        return
    try:
        run._folder.preempting.touch()
    except OSError as error:
        terminal.warn(f"{run._folder.preempting} cannot be written: {error.strerror}")
    if run.sweep_id is None:  # of a trial, the agent says it with the outcome
        run._journal.record(MetadataUpdate({"preempting": True}))
