"""The life of a sweep, of a trial, and of an attempt at a trial: states and legal transitions.

A trial is one configuration to be tried. An attempt is one go at running it, on one agent; it
carries a fencing token (1, 2, 3, … within its trial), and only the attempt with the trial's
newest token may record anything. The tables below are the whole truth: the store refuses
(IllegalTransition) whatever they do not have. ARCHITECTURE.md draws them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sweeps.errors import IllegalTransition


class SweepState(StrEnum):
    """What a sweep is doing.

    pending: recorded, no trial started yet. running: trials are handed out. paused: no new
    trials; those running go on. stopping: no new trials ever; it ends when the running ones do.
    finished, canceled, failed: over.
    """

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    FINISHED = "finished"
    CANCELED = "canceled"
    FAILED = "failed"

    @property
    def over(self) -> bool:
        return self in (SweepState.FINISHED, SweepState.CANCELED, SweepState.FAILED)


class TrialState(StrEnum):
    """Where a trial stands.

    queued: waits for a slot. running: an attempt has claimed it. finished: ended well, with an
    objective. stopped: ended early on a rule's or a user's word, values kept. failed: ended badly
    and is not retried. canceled: killed on a user's word. preempted: its machine was taken away;
    it is queued again as soon as the controller sees it.
    """

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    CANCELED = "canceled"
    PREEMPTED = "preempted"

    @property
    def over(self) -> bool:
        return self in (
            TrialState.FINISHED,
            TrialState.STOPPED,
            TrialState.FAILED,
            TrialState.CANCELED,
        )


class AttemptState(StrEnum):
    """Where one attempt stands. lost: its lease ran out. superseded: it was never claimed, and
    a newer token replaced it (after a Redis that forgot its queue, say)."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    CANCELED = "canceled"
    PREEMPTED = "preempted"
    LOST = "lost"
    SUPERSEDED = "superseded"

    @property
    def over(self) -> bool:
        return self not in (AttemptState.QUEUED, AttemptState.RUNNING)


class Reason(StrEnum):
    """Why an attempt ended as it did; what `sweep trials` shows beside a state."""

    OK = "ok"
    ERROR = "error"  # the script exited with a code other than 0
    KILLED = "killed"  # a signal that we did not send
    OUT_OF_GPU_MEMORY = "out_of_gpu_memory"
    OUT_OF_MEMORY = "out_of_memory"
    NO_OBJECTIVE = "no_objective"  # ended well, but never reported the metric
    LAUNCH = "launch"  # the program could not be started
    DISK_FULL = "disk_full"  # nothing could be written any more on its machine
    EARLY_STOP = "early_stop"
    USER = "user"  # canceled or stopped on a user's word
    PREEMPTED = "preempted"
    LEASE_EXPIRED = "lease_expired"
    RESTORED = "restored"  # the server's database went back to a backup
    AGENT = "agent"  # the agent was ended and gave the trial back


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended, as its agent reports it (or the reaper, for a lost one).

    Attributes:
        state: finished, stopped, failed, canceled, preempted or lost.
        reason: why.
        detail: one sentence for a person; "" when there is nothing to add.
        exit_code: of the training process; None when it has none.
        signal: the number of the signal that ended it; None when none did.
    """

    state: AttemptState
    reason: Reason
    detail: str = ""
    exit_code: int | None = None
    signal: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "state": self.state.value,
            "reason": self.reason.value,
            "detail": self.detail,
            "exit_code": self.exit_code,
            "signal": self.signal,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Outcome:
        """Raises ValueError or KeyError on anything that `to_json` does not make."""
        return cls(
            state=AttemptState(data["state"]),
            reason=Reason(data["reason"]),
            detail=str(data.get("detail") or ""),
            exit_code=data.get("exit_code"),
            signal=data.get("signal"),
        )


_S, _T, _A = SweepState, TrialState, AttemptState

SWEEP_TRANSITIONS: Mapping[SweepState, frozenset[SweepState]] = {
    _S.PENDING: frozenset({_S.RUNNING, _S.PAUSED, _S.STOPPING, _S.FINISHED, _S.CANCELED}),
    _S.RUNNING: frozenset({_S.PAUSED, _S.STOPPING, _S.FINISHED, _S.CANCELED, _S.FAILED}),
    _S.PAUSED: frozenset({_S.RUNNING, _S.STOPPING, _S.FINISHED, _S.CANCELED, _S.FAILED}),
    _S.STOPPING: frozenset({_S.FINISHED, _S.CANCELED, _S.FAILED}),
    # A finished sweep goes on when its space or cap is widened; a canceled one stays canceled.
    _S.FINISHED: frozenset({_S.RUNNING}),
    _S.FAILED: frozenset({_S.RUNNING}),
    _S.CANCELED: frozenset(),
}

TRIAL_TRANSITIONS: Mapping[TrialState, frozenset[TrialState]] = {
    _T.QUEUED: frozenset({_T.RUNNING, _T.CANCELED, _T.FAILED}),
    _T.RUNNING: frozenset(
        {_T.FINISHED, _T.STOPPED, _T.FAILED, _T.CANCELED, _T.PREEMPTED, _T.QUEUED}
    ),
    _T.PREEMPTED: frozenset({_T.QUEUED, _T.CANCELED, _T.FAILED}),
    _T.FINISHED: frozenset(),
    _T.STOPPED: frozenset(),
    _T.FAILED: frozenset({_T.QUEUED}),  # retried on a user's word
    _T.CANCELED: frozenset(),
}

_ENDS = frozenset({_A.FINISHED, _A.STOPPED, _A.FAILED, _A.CANCELED, _A.PREEMPTED, _A.LOST})
ATTEMPT_TRANSITIONS: Mapping[AttemptState, frozenset[AttemptState]] = {
    # An agent may report the end of an attempt whose start never reached the database.
    _A.QUEUED: frozenset({_A.RUNNING, _A.SUPERSEDED}) | _ENDS,
    _A.RUNNING: _ENDS,
    **{state: frozenset() for state in (*_ENDS, _A.SUPERSEDED)},
}


def check_sweep(old: SweepState, new: SweepState) -> None:
    """Raises IllegalTransition unless a sweep may go from `old` to `new` (staying is allowed)."""
    _check("sweep", old, new, new in SWEEP_TRANSITIONS[old])


def check_trial(old: TrialState, new: TrialState) -> None:
    """Raises IllegalTransition unless a trial may go from `old` to `new` (staying is allowed)."""
    _check("trial", old, new, new in TRIAL_TRANSITIONS[old])


def check_attempt(old: AttemptState, new: AttemptState) -> None:
    """Raises IllegalTransition unless an attempt may go from `old` to `new`."""
    _check("attempt", old, new, new in ATTEMPT_TRANSITIONS[old])


def _check(what: str, old: StrEnum, new: StrEnum, legal: bool) -> None:
    if old is not new and not legal:
        raise IllegalTransition(f"a {what} that is {old} cannot become {new}")
