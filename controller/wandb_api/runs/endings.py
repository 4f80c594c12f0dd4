"""How runs end that W&B's client records: by its last word, for a trial by its attempt's.

A process that falls silent is shown as crashed by the store's own rule; a trial's lease runs out.
Neighbours: streams/ (who calls), sweeps/attempts.py (trials), store/runs.py.
"""

from __future__ import annotations

import asyncio
import logging

from controller.server.services import Services
from controller.wandb_api.runs.writers import Recording
from controller.wandb_api.sweeps import attempts
from sweeps.errors import Fenced

log = logging.getLogger(__name__)

_PREEMPTING = "preempting"
"""Metadata, as our own logger has it: the script said that its machine is being taken away."""


def end(found: Services, recording: Recording, exit_code: int) -> None:
    """Records a process's end, of which all that it logged must be recorded. Safe to repeat; that
    of one in whose place another has come changes nothing.

    Raises NotFoundError.
    """
    if recording.sweep_id is not None:
        attempts.end_trial(found, recording.run_id, recording.writer, exit_code)
        return
    try:
        found.store.end_run(recording.run_id, recording.writer, exit_code)
    except Fenced:
        log.info("an earlier process of run %s has ended", recording.run_id)


def is_held(found: Services, recording: Recording) -> bool:
    """Whether an end is not on record because its script may begin again."""
    return found.notes.is_held(recording.run_id, recording.writer)


async def settle(found: Services, recording: Recording) -> None:
    """Sees to an end that is held until it is on record, or the script has begun again."""
    settled = False
    while not settled:
        await asyncio.sleep(attempts.HELD_S)
        settled = await found.call(attempts.settle, found, recording.run_id, recording.writer)


def preempting(found: Services, recording: Recording) -> None:
    """Records that a process's machine is being taken away. Raises NotFoundError."""
    if recording.sweep_id is not None:
        attempts.preempting(found, recording.run_id, recording.writer)
    found.store.edit_run(recording.run_id, metadata={_PREEMPTING: True})
