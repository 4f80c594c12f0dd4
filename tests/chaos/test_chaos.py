"""Chaos in short: one round, with a seed that has all kinds of faults near its beginning.

`make chaos` goes on for as long as asked. What a failing seed has shown is tested where its cause
is; here only that the whole stands, and that the books would say so if it did not.
"""

from __future__ import annotations

import time
from pathlib import Path

import books
import pytest
from adversary import ACTIONS, Act, Done, out_of_reach, plan
from chaos_script import note
from rounds import Round, run

from controller.store.records import AttemptRecord
from sweeps.trial import AttemptState, Reason


@pytest.mark.timeout(600)
def test_a_short_round_of_chaos() -> None:
    assert "balanced" in run(Round(seed=7, seconds=20, trials=60, agents=4, pause_s=1.0))


def test_a_plan_follows_from_its_seed_and_a_shorter_one_is_its_beginning() -> None:
    long, short = plan(3, 200, 4), plan(3, 40, 4)
    assert long[: len(short)] == short
    assert plan(4, 200, 4) != long
    assert {act.what for act in plan(3, 3000, 4)} == set(ACTIONS)


def test_only_what_was_out_of_reach_may_have_run_beside_its_successor() -> None:
    frozen = Done(Act(1.0, "freeze_agent", 2, 0.5, 20.0), began=100.0, ends=120.0)
    killed = Done(Act(1.0, "kill_agent", 1, 0.5, 20.0), began=100.0, ends=120.0)
    assert out_of_reach([frozen, killed], "box2", 121.0)
    assert not out_of_reach([frozen, killed], "box2", 99.0)
    assert not out_of_reach([frozen, killed], "box2", 150.0)
    assert not out_of_reach([frozen, killed], "box1", 121.0)


def test_a_lock_that_somebody_holds_is_seen(tmp_path: Path) -> None:
    import fcntl

    (tmp_path / "free").write_text("")
    with open(tmp_path / "held", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert books.locked_files(tmp_path) == [str(tmp_path / "held")]
    assert books.locked_files(tmp_path) == []


def _attempt(token: int, state: AttemptState, reason: Reason | None) -> AttemptRecord:
    nobody = dict.fromkeys(AttemptRecord.__dataclass_fields__)
    known = {"trial_id": "s-1", "sweep_id": "s", "number": 1, "detail": "", "agent_id": "a"}
    return AttemptRecord(**{**nobody, **known, "token": token, "state": state, "reason": reason})


LOST = _attempt(1, AttemptState.LOST, Reason.LEASE_EXPIRED)
FINISHED = _attempt(2, AttemptState.FINISHED, Reason.OK)


def test_what_the_scripts_noted_is_held_against_the_record(tmp_path: Path) -> None:
    attempts = {"s-1": [LOST, FINISHED]}
    began, overlaps = tmp_path / "began.jsonl", tmp_path / "overlaps.jsonl"
    note(began, number=1, attempt=1)
    assert list(books._runs(tmp_path, attempts)) == [
        "attempt 2 of trial 1 has finished and never began"
    ]
    note(began, number=1, attempt=2)
    assert list(books._runs(tmp_path, attempts)) == []
    note(began, number=1, attempt=2)
    note(began, number=1, attempt=3)
    twice, unknown = books._runs(tmp_path, attempts)
    assert "ran 2 times" in twice
    assert "nobody knows of it" in unknown

    frozen = Done(Act(1.0, "freeze_box", 0, 0.5, 20.0), time.time() - 20, time.time())
    note(overlaps, number=1, attempt=2, holder={"number": 1, "attempt": 1, "box": "box0"})
    assert list(books._overlaps(tmp_path, attempts, [frozen])) == []
    assert len(list(books._overlaps(tmp_path, attempts, []))) == 1
    finished_before = {"s-1": [_attempt(1, AttemptState.FINISHED, Reason.OK), FINISHED]}
    assert len(list(books._overlaps(tmp_path, finished_before, [frozen]))) == 1
