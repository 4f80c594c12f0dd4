"""By which name a script of W&B's client records an attempt at a trial. Pure.

Such a script knows its run by one name, which is in all that it sends. The name says which attempt
it belongs to: `<trial>` for a trial's first, `<trial>_2` and so on for those that follow. So an
attempt that was given up and goes on all the same is told from the one that took its place. Both
names mean the trial's run. Neighbours: controller/wandb_api/sweeps/agents.py hands them out,
controller/store/names.py finds the run.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"([a-z0-9]{1,40}-[1-9][0-9]{0,11})(?:_([1-9][0-9]{0,8}))?")


def run_name(trial_id: str, token: int) -> str:
    """The name under which attempt `token` of a trial is recorded."""
    return trial_id if token == 1 else f"{trial_id}_{token}"


def attempt_of(name: str) -> tuple[str, int] | None:
    """(trial id, token) that a name would mean; None: it is no such name. Other runs may be called
    so, too: whether there is such a trial is for the store to say."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    return found[1], int(found[2] or 1)
