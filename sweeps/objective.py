"""What counts as a value of the objective, and which value a trial scores.

One reading for the agent (which marks objective values in what it ships) and the controller
(which records a trial's score). A value that is missing, not finite, a bool or a string is no
value; it never crashes anything.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

_SHOWN_KEYS = 12


def metric_value(row: Mapping[str, Any], name: str) -> float | None:
    """The finite numeric value of metric `name` in a logged row or a summary; None without one.

    A key spelled exactly so wins; else dots lead into nested mappings ("val.loss" finds
    {"val": {"loss": 0.1}}), as in W&B, or stand for the slashes of a section ("val/loss").
    """
    return _finite(_entry(row, name))


def lost_value(row: Mapping[str, Any], name: str) -> bool:
    """Whether metric `name` is there as a number that is not finite: training went astray."""
    value = _entry(row, name)
    return isinstance(value, float) and not math.isfinite(value)


def _entry(row: Mapping[str, Any], name: str) -> Any:
    for key in (name, name.replace(".", "/")):
        if key in row:
            return row[key]
    value: Any = row
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def best_of(values: Iterable[float | None], *, maximize: bool) -> float | None:
    """The best of the finite values: what a trial scores (W&B scores the best, not the last)."""
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if not finite:
        return None
    return max(finite) if maximize else min(finite)


def no_objective(metric: str, logged: Collection[str]) -> str:
    """What is wrong with a trial that ended well and never logged `metric` as a number, but logged
    `logged`."""
    wants = f"no objective was reported: the sweep wants {metric!r}"
    if metric in logged or metric.replace(".", "/") in logged:
        return f"{wants}, which the script logged, but never as a finite number (not NaN, not text)"
    if not logged:
        return f"{wants}, and the script logged nothing; log({{{metric!r}: value}}) in it"
    return f"{wants}, {_logged(logged)}{_nearest([metric], logged)}"


def no_measures(missing: Collection[str], logged: Collection[str]) -> str:
    """What is wrong with a trial that ended well and has no last value for `missing`, further
    names in the `metrics` of its sweep, but logged `logged`."""
    wants = f"the sweep's `metrics` want {' and '.join(map(repr, missing))}, too"
    if all(name in logged or name.replace(".", "/") in logged for name in missing):
        return f"{wants}: the script's last value was no finite number (not NaN, not text)"
    if not logged:
        return f"{wants}: the script logged nothing"
    return f"{wants}: {_logged(logged)}{_nearest(missing, logged)}"


def _nearest(wanted: Collection[str], logged: Collection[str]) -> str:
    """`; did you mean 'val.accuracy'?`; "" where nothing that was logged is like it."""
    plain: dict[str, str] = {}
    for key in sorted(logged):
        plain.setdefault(_letters(key), key)
    close = [difflib.get_close_matches(_letters(name), plain, n=1, cutoff=0.7) for name in wanted]
    found = dict.fromkeys(repr(plain[each[0]]) for each in close if each)
    return f"; did you mean {' and '.join(found)}?" if found else ""


def _letters(name: str) -> str:
    """Without what sets its parts apart: `val/accuracy` and `val.accuracy` are alike."""
    return re.sub(r"[\W_]+", "", name).lower() or name


def _logged(keys: Collection[str]) -> str:
    shown = ", ".join(repr(key) for key in sorted(keys)[:_SHOWN_KEYS])
    more = len(keys) - _SHOWN_KEYS
    return f"the script logged {shown}" + (f" and {more} more" if more > 0 else "")
