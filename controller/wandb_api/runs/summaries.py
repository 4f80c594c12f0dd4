"""Summaries in W&B's form and in ours.

On the wire a summary is nested and has the client's own keys in it (`_step`, `_timestamp`,
`_runtime`, `_wandb`); on record its names are flat and dotted, as our own logger has them, and of
those keys it has `_runtime` alone: how long the script itself ran, which nothing else tells of a
run that went on later. A name may also have been logged with a dot in it ("val.loss"), and is to
come back as it was; so which names were dicts is kept beside (metadata). JSON knows no NaN and no
infinity: on the wire they are texts. Pure.
Neighbours: buckets.py and streams/ (what comes in), fields.py (what goes out).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from controller.server.wire import spell_out
from controller.store.records import RunRecord
from controller.wandb_api.runs.configs import WANDB
from logging_core.nesting import nested
from logging_core.summary import KINDS
from logging_core.values import flatten

NESTED = "wandb_nested"
"""Metadata: the names in the summary that are dicts on the wire; all others are as on record."""

_OF_THE_CLIENT = ("_step", "_timestamp", "_wandb")
_FOLDED = frozenset(KINDS)
_FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def plain_summary(document: Mapping[str, Any]) -> dict[str, Any]:
    """What is put on record of a whole summary that a client sent."""
    found: dict[str, Any] = {}
    for name, value in document.items():
        if name in _OF_THE_CLIENT:
            continue
        if isinstance(value, dict) and not (value and value.keys() <= _FOLDED):
            found |= {key: _number(each) for key, each in flatten({name: value}).items()}
        elif isinstance(value, dict):  # what define_metric makes: one value, as with our logger
            found[name] = {kind: _number(each) for kind, each in value.items()}
        else:
            found[name] = _number(value)
    return found


def nested_names(document: Mapping[str, Any]) -> set[str]:
    """The names in a whole summary whose dicts are laid flat on record."""
    return {
        name
        for name, value in document.items()
        if name not in _OF_THE_CLIENT
        and isinstance(value, dict)
        and not value.keys() <= _FOLDED
        and name not in flatten({name: value})
    }


def wandb_summary(run: RunRecord) -> dict[str, Any]:
    """The summary as clients read it, with the keys that they go by."""
    found = _as_logged(run) if WANDB in run.metadata else nested(run.summary)
    until = run.ended or run.heard
    if run.steps > 0:
        found.setdefault("_step", run.steps - 1)
        if until is not None:
            found.setdefault("_timestamp", until)
    runtime = runtime_s(run)
    if runtime is not None:
        found.setdefault("_runtime", runtime)
        found["_wandb"] = {"runtime": int(runtime)}
    shown = spell_out(found)
    assert isinstance(shown, dict)  # noqa: S101
    return shown


def _as_logged(run: RunRecord) -> dict[str, Any]:
    """A summary that a client recorded."""
    heads = [f"{name}." for name in run.metadata.get(NESTED, ())]
    found, below = dict[str, Any](), dict[str, dict[str, Any]]()
    for name, value in run.summary.items():
        head = next((head for head in heads if name.startswith(head)), None)
        if head is None:
            found[name] = value
        else:
            below.setdefault(head[:-1], {})[name.removeprefix(head)] = value
    return found | {head: nested(values) for head, values in below.items()}


def runtime_s(run: RunRecord) -> float | None:
    """How long its scripts ran: by their own word, else by the clock; None: it never did."""
    said = run.summary.get("_runtime")
    if isinstance(said, int | float) and math.isfinite(said):
        return float(said)
    until = run.ended or run.heard
    if run.started is None or until is None or run.writer == 0:
        return None
    return max(0.0, until - run.started)


def _number(value: Any) -> Any:
    return _FLOATS.get(value, value) if isinstance(value, str) else value
