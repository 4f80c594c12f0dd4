"""Libraries that a script may have: known by name, imported only when a value needs one."""

from __future__ import annotations

import importlib
from typing import Any

from logging_core.errors import UsageError


def library(module: str, needed_for: str, install: str = "") -> Any:
    """The module, imported. Raises UsageError that says what to install when it is missing."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = install or module.split(".")[0]
        raise UsageError(
            f"{needed_for} needs {module.split('.')[0]}, which is not installed here: "
            f"pip install {package} ({error})"
        ) from error


def comes_from(value: Any, *packages: str) -> bool:
    """Whether the class of `value`, or one that it inherits from, belongs to one of `packages`."""
    return any(
        str(getattr(kind, "__module__", "")).split(".", 1)[0] in packages
        for kind in type(value).__mro__
    )
