"""Chaos in short: one round, with a seed that has all kinds of faults near its beginning.

`make chaos` goes on for as long as asked. What a failing seed has shown is tested where its cause
is; here only that the whole stands, and that the books would say so if it did not.
"""

from __future__ import annotations

from pathlib import Path

import books
import pytest
from adversary import ACTIONS, Act, Done, out_of_reach, plan
from rounds import Round, run


@pytest.mark.timeout(600)
def test_a_short_round_of_chaos() -> None:
    assert "balanced" in run(Round(seed=7, seconds=35, trials=60, agents=4))


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
