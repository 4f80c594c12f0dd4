"""watch: histograms of a PyTorch model's gradients and parameters."""

from __future__ import annotations

from typing import Any

from logging_core.errors import UsageError


def watch(run: Any, *_args: Any, **_kwargs: Any) -> Any:  # noqa: ARG001
    raise UsageError("watch() is not there yet")


def unwatch(run: Any, *_args: Any, **_kwargs: Any) -> Any:  # noqa: ARG001
    raise UsageError("unwatch() is not there yet")
