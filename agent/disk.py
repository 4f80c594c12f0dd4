"""Whether a full disk is to blame for how an attempt ended.

Where the disk of the run folder is full, the logger pauses and the script may even end well: what
is left looks like a script that broke or never reported its objective. It is the machine's fault,
so the attempt counts as lost, and another machine may take the trial.

Neighbours: `agent.classify` says what the end means otherwise; `agent.attempt` asks both.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from sweeps.trial import AttemptState, Outcome, Reason

ROOM_BYTES = 64 * 1024
"""With less than that, what a script logs finds no place any more."""


def is_full(folder: Path) -> bool:
    """Whether the file system of `folder` (which need not exist yet) has no room for us."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        told = os.statvfs(folder)
    except OSError:
        return False
    root = os.geteuid() == 0  # may use what is reserved
    blocks, files = (told.f_bfree, told.f_ffree) if root else (told.f_bavail, told.f_favail)
    # Some file systems do not count their files, and say 0 of 0.
    return blocks * told.f_frsize < ROOM_BYTES or bool(told.f_files and not files)


def blame(outcome: Outcome, runs: Path, *, scored: bool) -> Outcome:
    """`outcome`, or the full disk where that explains it better.

    Args:
        outcome: what the end of the process means by itself.
        runs: where this machine keeps its run folders.
        scored: the attempt reported its objective, or need not.
    """
    ended_badly = outcome.state is AttemptState.FAILED
    unscored = outcome.state is AttemptState.FINISHED and not scored
    if not (ended_badly or unscored) or not is_full(runs):
        return outcome
    return replace(
        outcome,
        state=AttemptState.LOST,
        reason=Reason.DISK_FULL,
        detail=f"no space left on the disk of {runs}: make room, or set OPENSWEEP_HOME to another"
        " disk",
    )
