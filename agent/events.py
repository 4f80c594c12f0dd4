"""What an agent tells whoever started it: typed events while it works, a summary at the end.

The agent itself prints nothing; the `sweep` command turns these into lines. Events are delivered
from the agent's threads, one at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

from sweeps.trial import Outcome


@dataclass(frozen=True)
class Started:
    """A trial's process runs.

    Attributes:
        trial_id: which.
        number: its number in the sweep.
        attempt: 1 for the first go at it.
        slot: index of the slot, from 0.
        device: the slot's device in words, "" for none.
        config: the trial's parameters, nested as in the sweep file.
        folder: its run folder.
    """

    trial_id: str
    number: int
    attempt: int
    slot: int
    device: str
    config: dict[str, object]
    folder: str


@dataclass(frozen=True)
class Ended:
    """A trial's end is recorded.

    Attributes:
        trial_id: which.
        outcome: how it ended.
        objective: what the trial scores, None without a value.
        seconds: from the start of its process to its end.
        will_retry: the server queued it again.
        log: its console's file.
    """

    trial_id: str
    outcome: Outcome
    objective: float | None
    seconds: float
    will_retry: bool
    log: str


@dataclass(frozen=True)
class Waiting:
    """The agent waits for something outside it; said once, until `Reconnected` or the end."""

    reason: str


@dataclass(frozen=True)
class Reconnected:
    """What `Waiting` named is over."""

    what: str


@dataclass(frozen=True)
class Finishing:
    """No new trials are taken; told again when those that run are stopped, and when killed.

    Attributes:
        reason: why, or what is done with them.
        running: trials that this agent still waits for.
    """

    reason: str
    running: int


@dataclass(frozen=True)
class Warned:
    """Something is wrong, and the agent goes on; what happened and what to do."""

    message: str


Event = Started | Ended | Waiting | Reconnected | Finishing | Warned


@dataclass(frozen=True)
class Summary:
    """What an agent did.

    Attributes:
        finished, stopped, failed, other: its trials by their end (other: canceled, preempted,
            taken over by another agent).
        best_trial, best_objective: the best of its own trials, None when there is none.
        why: why it ended, one sentence.
        exit_code: what `sweep agent` ends with.
        undelivered: results that are still in the outbox; the next agent on this box delivers
            them.
    """

    finished: int
    stopped: int
    failed: int
    other: int
    best_trial: str | None
    best_objective: float | None
    why: str
    exit_code: int
    undelivered: int
