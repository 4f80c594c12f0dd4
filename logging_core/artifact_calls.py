"""What a script does with artifacts: log, use, link; models are artifacts."""

from __future__ import annotations

from typing import Any

from logging_core.errors import UsageError


def log_artifact(run: Any, *_args: Any, **_kwargs: Any) -> Any:  # noqa: ARG001
    raise UsageError("log_artifact() is not there yet")


def use_artifact(run: Any, *_args: Any, **_kwargs: Any) -> Any:  # noqa: ARG001
    raise UsageError("use_artifact() is not there yet")


def upsert_artifact(run: Any, *_args: Any, **_kwargs: Any) -> Any:  # noqa: ARG001
    raise UsageError("upsert_artifact() is not there yet")


def finish_artifact(run: Any, *_args: Any, **_kwargs: Any) -> Any:  # noqa: ARG001
    raise UsageError("finish_artifact() is not there yet")


def link_artifact(run: Any, *_args: Any, **_kwargs: Any) -> Any:  # noqa: ARG001
    raise UsageError("link_artifact() is not there yet")


def log_model(run: Any, *_args: Any, **_kwargs: Any) -> Any:  # noqa: ARG001
    raise UsageError("log_model() is not there yet")


def use_model(run: Any, *_args: Any, **_kwargs: Any) -> str:  # noqa: ARG001
    raise UsageError("use_model() is not there yet")


def link_model(run: Any, *_args: Any, **_kwargs: Any) -> Any:  # noqa: ARG001
    raise UsageError("link_model() is not there yet")
