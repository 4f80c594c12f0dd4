"""When a trial is queued again: by the endings of all its attempts."""

from __future__ import annotations

import pytest

from sweeps.retry import LOST_LIMIT, Ending, Retry, decide, given_up
from sweeps.trial import AttemptState, Outcome, Reason

CRASH = Outcome(AttemptState.FAILED, Reason.ERROR, exit_code=1)
LOST = Outcome(AttemptState.LOST, Reason.LEASE_EXPIRED)
PREEMPTED = Outcome(AttemptState.PREEMPTED, Reason.PREEMPTED)
EVERYTHING = Retry(max=100, on=frozenset(Ending))


def test_by_default_a_crash_stays_failed_as_in_wandb() -> None:
    assert not decide(Retry(), [CRASH])


def test_by_default_a_lost_machine_and_a_preemption_are_retried() -> None:
    assert decide(Retry(), [LOST])
    assert decide(Retry(), [PREEMPTED])


def test_crashes_are_retried_up_to_max() -> None:
    policy = Retry(max=2, on=frozenset(Ending))
    assert decide(policy, [CRASH])
    assert decide(policy, [CRASH, CRASH])
    assert not decide(policy, [CRASH, CRASH, CRASH])


def test_lost_and_preempted_attempts_use_up_no_max() -> None:
    policy = Retry(max=1, on=frozenset(Ending))
    assert decide(policy, [LOST, PREEMPTED, PREEMPTED, CRASH])
    assert not decide(policy, [CRASH, LOST, PREEMPTED, CRASH])


def test_a_trial_that_takes_every_machine_down_is_given_up() -> None:
    assert decide(Retry(), [LOST] * LOST_LIMIT)
    assert not decide(Retry(), [LOST] * (LOST_LIMIT + 1))
    assert not decide(Retry(), [LOST, PREEMPTED, LOST, LOST, LOST])


def test_the_file_says_how_many_machines_a_trial_may_cost() -> None:
    assert not decide(Retry(lost=0), [LOST])
    assert decide(Retry(lost=1), [LOST])
    assert not decide(Retry(lost=1), [LOST, LOST])
    assert decide(Retry(max=1, on=frozenset(Ending), lost=0), [CRASH]), "counted apart"


def test_one_that_is_given_up_says_why() -> None:
    said = given_up([LOST, CRASH, LOST])
    assert said.startswith("given up after 2 lost attempts")
    assert "retry: {lost: N}" in said
    assert given_up([LOST]) == ""
    assert given_up([LOST, LOST, CRASH]) == "", "it was the script, at last"


def test_preemptions_never_run_out() -> None:
    assert decide(Retry(), [PREEMPTED] * 1000)


def test_endings_that_the_file_does_not_name_are_not_retried() -> None:
    policy = Retry(max=1, on=frozenset({Ending.CRASH}))
    assert decide(policy, [CRASH])
    assert not decide(policy, [LOST])
    assert not decide(policy, [PREEMPTED])


@pytest.mark.parametrize(
    "reason",
    [Reason.ERROR, Reason.KILLED, Reason.OUT_OF_MEMORY, Reason.OUT_OF_GPU_MEMORY],
)
def test_every_way_to_crash_is_a_crash(reason: Reason) -> None:
    assert decide(EVERYTHING, [Outcome(AttemptState.FAILED, reason)])


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(AttemptState.FINISHED, Reason.OK),
        Outcome(AttemptState.STOPPED, Reason.EARLY_STOP),
        Outcome(AttemptState.CANCELED, Reason.USER),
        Outcome(AttemptState.FAILED, Reason.NO_OBJECTIVE),
        Outcome(AttemptState.FAILED, Reason.LAUNCH),
    ],
)
def test_what_another_go_would_not_change_is_never_retried(outcome: Outcome) -> None:
    assert not decide(EVERYTHING, [outcome])
    assert not decide(EVERYTHING, [CRASH, outcome])


def test_without_an_end_there_is_nothing_to_retry() -> None:
    assert not decide(EVERYTHING, [])
