"""save, restore and log_code: a script's own files, kept with the run."""

from __future__ import annotations

from typing import Any

from logging_core.errors import UsageError


def save(run: Any, *_args: Any, **_kwargs: Any) -> list[str]:  # noqa: ARG001
    raise UsageError("save() is not there yet")


def restore(run: Any, *_args: Any, **_kwargs: Any) -> Any:  # noqa: ARG001
    raise UsageError("restore() is not there yet")


def log_code(run: Any, *_args: Any, **_kwargs: Any) -> Any:  # noqa: ARG001
    raise UsageError("log_code() is not there yet")
