"""Alerts of scripts that use W&B's client: kept and delivered as our own logger's are.

Neighbours: controller/store/alerts.py (the books), controller/alerts.py (delivers).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from controller.wandb_api.context import Info, door
from controller.wandb_api.runs.writers import recording
from sweeps.errors import UsageError

_LEVELS = ("INFO", "WARN", "ERROR")
_TITLE, _TEXT = 1000, 1 << 16


def notify(_root: Any, info: Info, input: Mapping[str, Any]) -> dict[str, bool]:
    """Mutation.notifyScriptableRunAlert. `waitDuration` is in milliseconds.

    A repeat after a lost answer is another alert, which is held if `waitDuration` says so.
    """
    here = door(info)
    level = str(input.get("severity") or "INFO").upper()
    if level not in _LEVELS:
        raise UsageError(f"severity: expected one of {', '.join(_LEVELS)}; not {level!r}")
    title = input.get("title")
    if not isinstance(title, str) or not title:
        raise UsageError("title: expected text")
    wait = input.get("waitDuration")
    project = here.known_project(input.get("entityName"), input.get("projectName"))
    found = recording(here.store, project, str(input.get("runName") or ""), here.client)
    here.store.add_alert(
        found.run_id,
        found.writer,
        found.lane,
        None,
        level=level,
        title=title[:_TITLE],
        text=str(input.get("text") or "")[:_TEXT],
        wait_s=float(wait) / 1000 if isinstance(wait, int | float) else 0.0,
        raised=time.time(),
        deliver=here.found.alerts.addresses > 0,
    )
    here.found.alerts.wake()
    return {"success": True}


RESOLVERS = {"Mutation.notifyScriptableRunAlert": notify}
