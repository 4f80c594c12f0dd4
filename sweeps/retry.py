"""Whether a trial whose attempt has just ended is queued again. Pure: outcomes in, a bool out.

The store applies it in the transaction that records an attempt's end. A crash is retried only if
the sweep file asks for it (`retry: {max: 2}`); a machine that was lost or taken away is retried
by default, as it says nothing of the configuration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sweeps.trial import AttemptState, Outcome, Reason

LOST_LIMIT = 3
"""A trial is queued again after this many lost attempts, and given up at the next: one that takes
its machine down with it (poison) must not walk through all of them."""

_HOPELESS = frozenset({Reason.NO_OBJECTIVE, Reason.LAUNCH})
"""Failures that another go would only repeat."""


class Ending(StrEnum):
    """An end that may be retried. crash: the script failed. lost: its agent fell silent.
    preempted: its machine was taken away."""

    CRASH = "crash"
    LOST = "lost"
    PREEMPTED = "preempted"


@dataclass(frozen=True)
class Retry:
    """When a trial is queued again.

    Attributes:
        max: how many crashes are retried; lost and preempted attempts use up none of it.
        on: the endings that are retried at all.
    """

    max: int = 0
    on: frozenset[Ending] = frozenset({Ending.LOST, Ending.PREEMPTED})


def ending(outcome: Outcome) -> Ending | None:
    """Which retriable ending an outcome is; None for one that is never retried."""
    if outcome.state is AttemptState.LOST:
        return Ending.LOST
    if outcome.state is AttemptState.PREEMPTED:
        return Ending.PREEMPTED
    if outcome.state is AttemptState.FAILED and outcome.reason not in _HOPELESS:
        return Ending.CRASH
    return None


def decide(policy: Retry, outcomes: Sequence[Outcome]) -> bool:
    """Whether the trial is queued again.

    Args:
        policy: the sweep's.
        outcomes: of all ended attempts of the trial, the newest last.
    """
    endings = [ending(outcome) for outcome in outcomes]
    if not endings or endings[-1] not in policy.on:
        return False
    newest = endings[-1]
    if newest is Ending.CRASH:
        return endings.count(Ending.CRASH) <= policy.max
    if newest is Ending.LOST:
        return endings.count(Ending.LOST) <= LOST_LIMIT
    return True
