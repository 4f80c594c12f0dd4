"""Whose fault it is that trials fail: the machine's or their own; on every database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controller.store.records import NewTrial
from controller.store.store import Store, open_store
from sweeps.trial import AttemptState, Outcome, Reason, SweepState, TrialState

SWEEP = "aaaaaaaa"
BAD = Outcome(AttemptState.FAILED, Reason.ERROR, "no driver", exit_code=1)
GOOD = Outcome(AttemptState.FINISHED, Reason.OK, exit_code=0)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with open_store(url) as store:
        store.create_sweep(
            sweep_id=SWEEP, name="q", project="p", yaml="", spec={}, seed=1, origin={}
        )
        generation = store.take_sweep(SWEEP, "server", 60.0)
        assert generation is not None
        store.set_sweep_state(SWEEP, SweepState.RUNNING)
        new = [NewTrial(number, {"x": number}) for number in range(1, 7)]
        store.add_trials(SWEEP, generation, new, {})
        yield store


def start(store: Store, number: int, agent: str, token: int = 1) -> str:
    """`agent`: on the host of its name, up to a colon."""
    trial_id = f"{SWEEP}-{number}"
    host = agent.partition(":")[0]
    store.start_attempt(trial_id, token, agent_id=agent, host=host, device="")
    return trial_id


def end(store: Store, number: int, agent: str, outcome: Outcome, token: int = 1) -> str:
    trial_id = start(store, number, agent, token)
    told = {"objective": 1.0, "seconds": 0.0, "retry": lambda _: False}
    store.end_attempt(trial_id, token, outcome, **told)
    return trial_id


def test_trials_of_a_bad_machine_are_queued_again_once(store: Store) -> None:
    before = store.get_sweep(SWEEP).changed
    failed = [end(store, number, "bad", BAD) for number in (1, 2, 3)]
    end(store, 4, "good", GOOD)
    assert store.quarantine(SWEEP, "bad", failed) == failed
    trials = [store.get_trial(trial_id) for trial_id in failed]
    assert {(t.state, t.token, t.attempts) for t in trials} == {(TrialState.QUEUED, 2, 2)}
    # The searcher was told that they had failed; whoever drives the sweep must begin anew.
    assert store.get_sweep(SWEEP).changed != before
    assert store.quarantine(SWEEP, "bad", failed) == [], "asked again, as after a lost answer"
    end(store, 1, "bad", BAD, token=2)  # it came back to the same machine
    assert store.quarantine(SWEEP, "bad", failed[:1]) == []
    assert store.get_trial(failed[0]).state is TrialState.FAILED


def test_a_trial_that_has_long_got_past_the_failures_elsewhere_is_proof_enough(
    store: Store,
) -> None:
    start(store, 4, "good")
    failed = [end(store, 1, "bad", BAD)]
    assert store.quarantine(SWEEP, "bad", failed) == failed


def test_alone_no_machine_is_bad(store: Store) -> None:
    end(store, 4, "good", GOOD)  # long before
    failed = [end(store, number, "bad", BAD) for number in (1, 2, 3)]
    assert store.quarantine(SWEEP, "bad", failed) is None
    assert store.get_trial(failed[0]).state is TrialState.FAILED


def test_what_fails_elsewhere_too_is_not_the_machines_fault(store: Store) -> None:
    failed = [end(store, number, "one", BAD) for number in (1, 2, 3)]
    end(store, 4, "good", GOOD)
    assert store.quarantine(SWEEP, "one", failed) == failed
    for number in (1, 2, 3):
        end(store, number, "two", BAD, token=2)
    assert store.quarantine(SWEEP, "two", failed) is None
    assert {store.get_trial(one).state for one in failed} == {TrialState.FAILED}


def test_a_sweep_that_is_over_stays_over(store: Store) -> None:
    failed = [end(store, 1, "bad", BAD)]
    end(store, 4, "good", GOOD)
    store.set_sweep_state(SWEEP, SweepState.FINISHED)
    assert store.quarantine(SWEEP, "bad", failed) is None
    assert store.quarantine("nosuch", "bad", failed) is None


def test_an_agent_on_the_same_host_proves_nothing(store: Store) -> None:
    failed = [end(store, number, "one:a", BAD) for number in (1, 2, 3)]
    end(store, 4, "one:b", GOOD)
    assert store.quarantine(SWEEP, "one:a", failed) is None
    end(store, 5, "one:b", BAD)  # fails as the box does, for it is the same
    end(store, 6, "two", GOOD)
    assert store.quarantine(SWEEP, "one:a", failed) == failed


def test_an_error_that_other_hosts_have_too_is_not_the_machines(store: Store) -> None:
    """A value that cannot work fails wherever it comes: other trials, the same error."""
    known = Outcome(AttemptState.FAILED, Reason.ERROR, "ValueError: opt=broken at 0x7f", 1)
    same = Outcome(AttemptState.FAILED, Reason.ERROR, "ValueError: opt=broken at 0x80", 1)
    end(store, 5, "two", known)
    broken = [end(store, number, "one", same) for number in (1, 2)]
    end(store, 4, "two", GOOD)
    assert store.quarantine(SWEEP, "one", broken[:1]) is None
    assert store.quarantine(SWEEP, "one", broken) is None
    odd = end(store, 3, "one", BAD)
    end(store, 6, "two", GOOD)
    assert store.quarantine(SWEEP, "one", [broken[0], odd]) is None, "half of them"
    assert store.quarantine(SWEEP, "one", [odd]) == [odd]
