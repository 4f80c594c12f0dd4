"""Ends scripts on a person's word: the flag that a run's process finds with its next message.

A trial's attempt is ordered to end as any other is, in Redis. A run without a sweep has no lease
and no agent: the order is in its metadata, and names the writer that it is meant for, so that one
that begins later is not stopped by it. Neighbours: streams/ (tells the process),
sweeps/attempts.py.
"""

from __future__ import annotations

from controller.server.services import Services
from controller.store.records import RunRecord
from controller.wandb_api.runs.writers import Recording
from controller.wandb_api.sweeps import attempts
from sweeps.errors import IllegalTransition
from sweeps.protocol.live import Order

_ORDERED = "stop_ordered"
"""Metadata: the newest writer that was told to end."""


def order_stop(found: Services, run: RunRecord) -> None:
    """Has the process end that records the run. Without effect on one that is over.

    Raises IllegalTransition for a trial that does not run.
    """
    if run.sweep_id is None:
        if not run.state.over:
            found.store.edit_run(run.id, metadata={_ORDERED: max(run.writer, 1)})
        return
    if not found.live.order(run.id, run.writer, Order.CANCEL, "stopped by a user"):
        raise IllegalTransition(f"trial {run.id} is not running: it cannot be stopped")


def stop_pending(run: RunRecord) -> bool:
    """Whether the process that records a run without a sweep is to end."""
    ordered = run.metadata.get(_ORDERED)
    return isinstance(ordered, int) and ordered >= max(run.writer, 1) and not run.state.over


def stop_ordered(found: Services, recording: Recording) -> bool:
    """Whether the process that has just spoken is to end, which it is told thereupon."""
    if recording.sweep_id is not None:
        return attempts.stop_ordered(found, recording.run_id, recording.writer)
    return stop_pending(found.store.get_run(recording.run_id))
