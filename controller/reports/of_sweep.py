"""The report of a sweep that nobody has written: its text, with the panels that show a sweep.

Pure. `sweep report SWEEP` and the page's "Report" begin with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from sweeps.distributions import Constant
from sweeps.spec import Goal, SweepSpec

_BEST = 10
_PARAMETERS = 8
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~!&])")


def report_of_sweep(sweep_id: str, name: str, spec: SweepSpec) -> tuple[str, str]:
    """(title, text) for a sweep."""
    title = f"Sweep {name}" if name != sweep_id else f"Sweep {sweep_id}"
    metric = spec.metric
    aim = f"{metric.goal.value} **{_plain(metric.name)}**" if metric else "no metric"
    parts = [f"Method {spec.method.value}, {aim}. [Open the sweep](/sweeps/{sweep_id})."]
    if spec.description:
        parts.append(_plain(spec.description))
    if metric is not None:
        parts += [
            panel("number", title="Trials", sweep=sweep_id),
            "## The best",
            panel("best", sweep=sweep_id, count=_BEST),
            "## How it went",
            panel("objective", sweep=sweep_id),
            panel("curves", sweep=sweep_id, best=_BEST, metrics=[metric.name]),
            "## What mattered",
            panel("parallel", sweep=sweep_id),
            panel("importance", sweep=sweep_id),
        ]
    else:
        parts.append(panel("parallel", sweep=sweep_id))
    parts += ["## Trials", _table(sweep_id, spec)]
    return title, "\n\n".join(parts) + "\n"


def panel(kind: str, **fields: Any) -> str:
    """A block of markdown."""
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()]
    return "\n".join(["```panel", f"kind: {kind}", *lines, "```"])


def _table(sweep_id: str, spec: SweepSpec) -> str:
    columns = ["name", "state", *[f"config.{name}" for name in _tunable(spec)[:_PARAMETERS]]]
    order = ""
    if spec.metric is not None:
        value = f"summary.{spec.metric.name}"
        columns.insert(2, value)
        order = ("+" if spec.metric.goal is Goal.MINIMIZE else "-") + value
    return panel("table", sweep=sweep_id, columns=columns, order=order, limit=100)


def _tunable(spec: SweepSpec) -> Sequence[str]:
    chosen = spec.parameters.parameters
    return [".".join(p.path) for p in chosen if not isinstance(p.distribution, Constant)]


def _plain(text: str) -> str:
    """Text that markdown leaves as it is."""
    return _MARKDOWN.sub(r"\\\1", text)
