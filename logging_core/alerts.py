"""alert and mark_preempting: what a script tells people and the agent."""

from __future__ import annotations

from typing import Any

from logging_core.errors import UsageError


def alert(run: Any, *_args: Any, **_kwargs: Any) -> Any:  # noqa: ARG001
    raise UsageError("alert() is not there yet")


def mark_preempting(run: Any, *_args: Any, **_kwargs: Any) -> Any:  # noqa: ARG001
    raise UsageError("mark_preempting() is not there yet")
