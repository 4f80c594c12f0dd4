"""W&B's limits: when failing trials end an agent."""

from __future__ import annotations

import pytest

from agent.policy import FailurePolicy
from sweeps.errors import ConfigurationError
from sweeps.trial import AttemptState, Outcome, Reason

OK = Outcome(AttemptState.FINISHED, Reason.OK, exit_code=0)
BAD = Outcome(AttemptState.FAILED, Reason.ERROR, exit_code=1)
KILLED = Outcome(AttemptState.FAILED, Reason.KILLED, signal=9)
OTHERS = [
    KILLED,
    Outcome(AttemptState.PREEMPTED, Reason.AGENT, exit_code=1),
    Outcome(AttemptState.CANCELED, Reason.USER, signal=15),
]


def tripped_at(policy: FailurePolicy, outcomes: list[Outcome], at_s: float) -> int | None:
    """How many ends it took to end the agent."""
    for i, outcome in enumerate(outcomes, start=1):
        if policy.ended(outcome, at_s):
            return i
    return None


def test_three_failures_within_the_first_minute() -> None:
    assert tripped_at(FailurePolicy(), [BAD, OK, OK, BAD, OK, OK, BAD], 59.9) == 7
    assert tripped_at(FailurePolicy(), [BAD, BAD, BAD, BAD], 60.0) is None
    assert tripped_at(FailurePolicy(flapping=False), [BAD, BAD, BAD, BAD], 1.0) is None


def test_five_failures_unless_two_trials_end_well() -> None:
    """W&B's agent (0.23, `is_failing`) counts what ended before, the failures too."""
    assert tripped_at(FailurePolicy(), [BAD] * 9, 100.0) == 5
    assert tripped_at(FailurePolicy(), [BAD, OK] + [BAD] * 9, 100.0) == 6
    assert tripped_at(FailurePolicy(), [BAD, OK, OK] + [BAD] * 9, 100.0) is None
    assert tripped_at(FailurePolicy(), [OK, OK, BAD] * 9, 100.0) is None
    assert tripped_at(FailurePolicy(initial=0), [BAD] * 50, 100.0) is None
    assert tripped_at(FailurePolicy(initial=2), [BAD] * 50, 100.0) == 2


def test_failures_in_a_row_at_any_time() -> None:
    policy = FailurePolicy(consecutive=3)
    assert tripped_at(policy, [OK] * 20 + [BAD, BAD, OK, BAD, BAD, BAD, BAD], 9999.0) == 26


@pytest.mark.parametrize("outcome", OTHERS)
def test_what_says_nothing_about_the_script_does_not_count(outcome: Outcome) -> None:
    policy = FailurePolicy(consecutive=1)
    assert tripped_at(policy, [outcome] * 20, 1.0) is None


def test_reads_the_environment() -> None:
    environ = {"WANDB_AGENT_DISABLE_FLAPPING": "true", "WANDB_AGENT_MAX_INITIAL_FAILURES": "7"}
    policy = FailurePolicy.from_environment(environ, consecutive=2)
    assert (policy.flapping, policy.initial, policy.consecutive) == (False, 7, 2)
    assert FailurePolicy.from_environment({}).flapping
    with pytest.raises(ConfigurationError, match="WANDB_AGENT_MAX_INITIAL_FAILURES"):
        FailurePolicy.from_environment({"WANDB_AGENT_MAX_INITIAL_FAILURES": "-1"})
