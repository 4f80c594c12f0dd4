"""When failing trials end an agent."""

from __future__ import annotations

import random

import pytest

from agent.policy import FailurePolicy
from sweeps.errors import ConfigurationError
from sweeps.trial import AttemptState, Outcome, Reason

OK = Outcome(AttemptState.FINISHED, Reason.OK, exit_code=0)
STOPPED = Outcome(AttemptState.STOPPED, Reason.EARLY_STOP, exit_code=0)
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


def test_failures_end_an_agent_only_until_a_trial_ends_well() -> None:
    assert tripped_at(FailurePolicy(), [BAD] * 9, 100.0) == 5
    assert tripped_at(FailurePolicy(), [BAD] * 9, 1.0) == 5
    assert tripped_at(FailurePolicy(), [BAD, BAD, BAD, BAD, OK] + [BAD] * 99, 1.0) is None
    assert tripped_at(FailurePolicy(), [STOPPED] + [BAD] * 99, 1.0) is None
    assert tripped_at(FailurePolicy(initial=0), [BAD] * 50, 100.0) is None
    assert tripped_at(FailurePolicy(initial=2), [BAD] * 50, 100.0) == 2


@pytest.mark.parametrize("slots", [1, 4, 8, 32])
def test_a_space_that_fails_in_parts_keeps_its_agent(slots: int) -> None:
    """What fails ends at once, what trains ends long after every slot trains."""
    lost = 0
    for seed in range(1000):
        chance = random.Random(seed)
        policy = FailurePolicy.from_environment({}, slots=slots)
        training = 0
        while training < slots and lost <= seed:
            if chance.random() >= 0.3:
                training += 1
            elif policy.ended(BAD, 5.0):
                lost += 1
                break
    assert lost <= 10, "one start in 200, about"


def test_the_first_minute_is_forgiven_where_that_is_asked_for() -> None:
    policy = FailurePolicy(forgiving=True)
    assert tripped_at(policy, [BAD] * 50, 59.0) is None
    assert tripped_at(policy, [BAD] * 50, 61.0) == 5


def test_failures_in_a_row_at_any_time() -> None:
    policy = FailurePolicy(consecutive=3)
    assert tripped_at(policy, [OK] * 20 + [BAD, BAD, OK, BAD, BAD, BAD, BAD], 9999.0) == 26


@pytest.mark.parametrize("outcome", OTHERS)
def test_what_says_nothing_about_the_script_does_not_count(outcome: Outcome) -> None:
    policy = FailurePolicy(consecutive=1)
    assert tripped_at(policy, [outcome] * 20, 1.0) is None


def test_reads_the_environment() -> None:
    environ = {"WANDB_AGENT_DISABLE_FLAPPING": "true", "WANDB_AGENT_MAX_INITIAL_FAILURES": "7"}
    policy = FailurePolicy.from_environment(environ, slots=4, consecutive=2)
    assert (policy.forgiving, policy.initial, policy.consecutive) == (True, 7, 2)
    assert FailurePolicy.from_environment({}, slots=4) == FailurePolicy(initial=8)
    with pytest.raises(ConfigurationError, match="WANDB_AGENT_MAX_INITIAL_FAILURES"):
        FailurePolicy.from_environment({"WANDB_AGENT_MAX_INITIAL_FAILURES": "-1"})
