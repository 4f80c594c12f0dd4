"""When an agent believes its machine bad, and what ends that."""

from __future__ import annotations

from agent.quarantine import AT_ONCE, LONGEST_REST_S, REST_S, SUSPICIOUS, Quarantine
from agent.slots import Gate
from sweeps.trial import AttemptState, Outcome, Reason

OK = Outcome(AttemptState.FINISHED, Reason.OK, exit_code=0)
BAD = Outcome(AttemptState.FAILED, Reason.ERROR, exit_code=1)
SEGFAULT = Outcome(AttemptState.FAILED, Reason.KILLED, signal=11)
CANCELED = Outcome(AttemptState.CANCELED, Reason.USER, signal=15)


def fail(quarantine: Quarantine, count: int, seconds: float = 1.0) -> None:
    for i in range(count):
        quarantine.ended(f"s-{i}", BAD, seconds)


def test_five_that_fail_soon_one_after_another_are_suspicious() -> None:
    quarantine = Quarantine()
    fail(quarantine, SUSPICIOUS - 1)
    assert not quarantine.suspects()
    assert len(quarantine.suspects(at_once=True)) == SUSPICIOUS - 1
    quarantine.ended("s-9", SEGFAULT, 0.1)
    assert quarantine.suspects()[-1] == "s-9"


def test_a_good_end_or_a_late_failure_begins_the_count_anew() -> None:
    for outcome, seconds in ((OK, 1.0), (BAD, 31.0)):
        quarantine = Quarantine()
        fail(quarantine, SUSPICIOUS - 1)
        assert not quarantine.ended("s-8", outcome, seconds), "there was nothing to lift"
        fail(quarantine, SUSPICIOUS - 1)
        assert not quarantine.suspects()


def test_where_a_trial_ended_well_before_one_failure_is_no_row() -> None:
    """Nor for limits that end an agent: three failures with good ends between them."""
    quarantine = Quarantine()
    for number in range(3):
        fail(quarantine, 1)
        assert len(quarantine.suspects(at_once=True)) == (1 if number == 0 else 0)
        quarantine.ended("s-8", OK, 1.0)
    fail(quarantine, AT_ONCE - 1)
    assert not quarantine.suspects(at_once=True)
    fail(quarantine, 1)
    assert len(quarantine.suspects(at_once=True)) == AT_ONCE


def test_what_tells_nothing_of_the_machine_changes_nothing() -> None:
    quarantine = Quarantine()
    fail(quarantine, SUSPICIOUS - 1)
    quarantine.ended("s-8", CANCELED, 1.0)
    fail(quarantine, 1)
    assert len(quarantine.suspects()) == SUSPICIOUS


def test_in_quarantine_one_failure_doubles_the_rest_up_to_ten_minutes() -> None:
    quarantine = Quarantine()
    fail(quarantine, SUSPICIOUS)
    rests = []
    for _ in range(6):
        assert quarantine.suspects()
        rests.append(quarantine.granted("bad"))
        assert quarantine.why == "bad"
        fail(quarantine, 1)
    assert rests == [REST_S, 120.0, 240.0, 480.0, LONGEST_REST_S, LONGEST_REST_S]


def test_a_trial_that_does_not_fail_lifts_it_and_so_does_the_servers_word() -> None:
    quarantine = Quarantine()
    fail(quarantine, SUSPICIOUS)
    quarantine.granted("bad")
    assert quarantine.ended("s-8", OK, 1.0)
    assert quarantine.why == ""
    fail(quarantine, SUSPICIOUS)
    assert quarantine.granted("bad") == REST_S
    assert quarantine.declined()
    assert quarantine.why == ""
    assert not quarantine.suspects(at_once=True)


def test_a_gate_at_rest_lets_nobody_in_and_has_nothing_free() -> None:
    gate = Gate(None)
    assert gate.enter(0) == (True, True)
    gate.rest(True)
    assert (gate.free, gate.resting) == (0, True)
    gate.rest(False)
    assert gate.enter(0) == (True, True), "it is told anew that it is free"
