"""Configs in W&B's form and in ours.

On the wire a config is {"lr": {"value": 0.1}, …}; under `_wandb` the client keeps what it says of
itself: versions, features that were used (`t`), metric definitions (`m`), the processes that
recorded (`e`), the run that this one was forked from (`branch_point`), and how charts and overlays
are drawn. On record a config is plain; of `_wandb` the drawing stays in it, as our own logger has
it, the rest is metadata (`WANDB`), and metric definitions are our own. Pure. Neighbours: buckets.py
(what comes in), fields.py and resuming.py (what goes out).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controller.server.wire import spell_out
from controller.store.records import RunRecord
from logging_core.records import MetricDefined
from sweeps.errors import UsageError

WANDB = "wandb"
"""Under this name a run's metadata has what the client said under `_wandb`."""

INTERNAL = "_wandb"
_DRAWING = ("visualize", "viz", "mask/class_labels", "bounding_box/class_labels")
# Metric definitions come as numbered fields.
_KINDS = {1: "min", 2: "max", 3: "mean", 4: "best", 5: "last", 6: "none", 7: "copy", 8: "first"}
_GOALS = {1: "minimize", 2: "maximize"}
_STEP_SYNC, _HIDDEN = 1, 2


@dataclass(frozen=True)
class Said:
    """A config, taken apart.

    Attributes:
        config: the user's, plain.
        wandb: what the client says of itself; {} when it says nothing.
        metrics: what define_metric said, as `RunRecord.metrics` has it.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    wandb: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def metadata(self) -> dict[str, Any]:
        """What of it belongs into the run's metadata."""
        return {WANDB: dict(self.wandb)} if self.wandb else {}


def read_config(value: Any) -> Said:
    """What a client sent: JSON text, an object, or None. Raises UsageError."""
    given = parse_object("config", value)
    plain = {key: _unwrapped(each) for key, each in given.items()}
    wandb = plain.pop(INTERNAL, None)
    if not isinstance(wandb, dict):
        return Said(plain)
    drawing = {key: wandb[key] for key in _DRAWING if key in wandb}
    if drawing:
        plain[INTERNAL] = drawing
    said = {key: value for key, value in wandb.items() if key not in drawing}
    return Said(plain, said, _metrics(wandb.get("m")))


def parse_object(what: str, value: Any) -> dict[str, Any]:
    """An object that may come as JSON text; None is an empty one. Raises UsageError."""
    if value is None:
        return {}
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{what}: this is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise UsageError(f"{what}: expected a JSON object, not {type(found).__name__}")
    return found


def wandb_config(run: RunRecord) -> dict[str, Any]:
    """The config as clients read it, `_wandb` and all."""
    found = {key: {"value": spell_out(value), "desc": None} for key, value in run.config.items()}
    said = run.metadata.get(WANDB)
    if isinstance(said, Mapping):
        found[INTERNAL] = {"value": _internal(run, said), "desc": None}
    return found


def wandb_part(run: RunRecord, keys: Sequence[str] | None) -> dict[str, Any]:
    """What is under `_wandb`, or what of it has these keys.

    A client goes on with a run only where it finds `t` here. Runs that our own logger began have
    none, so one is made up; runs that nobody has begun yet must not have any.
    """
    said = run.metadata.get(WANDB)
    if isinstance(said, Mapping):
        found = _internal(run, said)
    elif run.steps > 0 or "started" in run.metadata:
        found = {"t": {"3": []}}
    else:
        found = {}
    return found if keys is None else {key: found[key] for key in keys if key in found}


def _internal(run: RunRecord, said: Mapping[str, Any]) -> dict[str, Any]:
    drawing = run.config.get(INTERNAL)
    return {**said, **drawing} if isinstance(drawing, Mapping) else dict(said)


def _unwrapped(value: Any) -> Any:
    return value["value"] if isinstance(value, dict) and "value" in value else value


def _metrics(given: Any) -> dict[str, dict[str, Any]]:
    """`m`: a list of definitions; they name each other by their places, counted from 1."""
    if not isinstance(given, list):
        return {}
    found = [each if isinstance(each, dict) else {} for each in given]
    names = [str(each.get("1") or each.get("2") or "") for each in found]
    defined = {}
    for name, each in zip(names, found, strict=True):
        if not name:
            continue
        place = each.get("5")
        step = each.get("4")
        if not step and type(place) is int and 0 < place <= len(names):
            step = names[place - 1]
        options = set(_numbers(each.get("6")))
        defined[name] = MetricDefined(
            name=name,
            step_metric=str(step) if step else None,
            step_sync=_STEP_SYNC in options,
            hidden=_HIDDEN in options,
            summary=[_KINDS[kind] for kind in _numbers(each.get("7")) if kind in _KINDS],
            goal=_GOALS.get(each.get("8") or 0),
        )._asdict()
    return defined


def _numbers(value: Any) -> Iterable[int]:
    return [each for each in value if type(each) is int] if isinstance(value, list) else []
