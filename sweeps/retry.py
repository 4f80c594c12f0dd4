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
"""A trial is queued again after this many lost attempts, unless `retry: {lost: N}` says otherwise,
and given up at the next: one that takes its machine down with it (poison) must not walk through all
of them."""

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
        lost: how many lost attempts are retried, counted apart.
    """

    max: int = 0
    on: frozenset[Ending] = frozenset({Ending.LOST, Ending.PREEMPTED})
    lost: int = LOST_LIMIT


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
        return endings.count(Ending.LOST) <= policy.lost
    return True


def given_up(outcomes: Sequence[Outcome]) -> str:
    """What people are told of a trial that lost too many machines; "" for any other.

    Args:
        outcomes: of all ended attempts of a trial that is not queued again, the newest last.
    """
    lost = [outcome for outcome in outcomes if ending(outcome) is Ending.LOST]
    if len(lost) < 2 or outcomes[-1] is not lost[-1]:
        return ""
    last = lost[-1].detail or lost[-1].reason.value
    return (
        f"given up after {len(lost)} lost attempts: it may be what takes its machines down, out of "
        f"memory, say (`retry: {{lost: N}}` in the sweep file sets the limit). The last: {last}"
    )
