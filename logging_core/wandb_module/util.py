"""What scripts and libraries use of W&B's `wandb.util`."""

from __future__ import annotations

import importlib
import json
import math
import os
import re
import sys
from typing import Any, Mapping

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def generate_id(length: int = 8) -> str:
    """A run id: `length` letters and digits, at random."""
    return "".join(_LETTERS[byte % 36] for byte in os.urandom(length))


def make_artifact_name_safe(name: str) -> str:
    """`name` with what an artifact's name may not have made "_", at most 128 characters."""
    cleaned = re.sub(r"[^a-zA-Z0-9_\-.]", "_", name)
    return cleaned if len(cleaned) <= 128 else cleaned[:63] + ".." + cleaned[-63:]


def to_forward_slash_path(path: str) -> str:
    return path.replace(os.sep, "/")


def get_module(name: str, required: str | bool | None = None, lazy: bool = True) -> Any:  # noqa: ARG001
    """The module `name`; None where it cannot be imported, unless it is `required`."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if required:
            raise ImportError(required if isinstance(required, str) else str(error)) from error
        return None


def json_friendly(value: Any) -> tuple[Any, bool]:
    """(a plain value, whether it had to be made one)."""
    from logging_core.values import plain

    made = plain(value)
    return made, made is not value


def json_dumps_safer(value: Any, **kwargs: Any) -> str:
    return json.dumps(json_friendly(value)[0], **kwargs)


def is_numpy_array(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def is_pandas_data_frame(value: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def is_matplotlib_typename(typename: str) -> bool:
    return typename.startswith("matplotlib.")


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def merge_dicts(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """`first` with the values of `second`, nested ones merged."""
    merged = dict(first)
    for name, value in second.items():
        if isinstance(value, Mapping) and isinstance(merged.get(name), Mapping):
            merged[name] = merge_dicts(merged[name], value)
        else:
            merged[name] = value
    return merged
