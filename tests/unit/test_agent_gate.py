"""The gate that slots wait at: how many are free, and never more trials than --count."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from agent.slots import Gate


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(work()), daemon=True)
    thread.start()
    return thread, answers


def waits(thread: threading.Thread) -> bool:
    thread.join(0.1)
    return thread.is_alive()


def test_a_slot_is_free_between_entering_and_taking() -> None:
    gate = Gate(None)
    assert gate.free == 0
    assert gate.enter(0) == (True, True)
    assert gate.enter(0) == (True, False), "asked again while it waits"
    assert gate.enter(1) == (True, True)
    assert gate.free == 2
    gate.taken(0)
    assert gate.free == 1
    assert gate.enter(0) == (True, True)
    gate.withdraw(1)
    assert gate.free == 1


def test_no_more_slots_are_free_than_trials_are_left() -> None:
    gate = Gate(2)
    gate.enter(0)
    gate.enter(1)
    third, answers = in_thread(lambda: gate.enter(2))
    assert waits(third)
    assert gate.free == 2
    gate.taken(0)
    assert waits(third), "the other slot still means to take the last one"
    gate.withdraw(1)
    third.join(5)
    assert answers == [(True, True)]
    gate.taken(2)
    assert gate.enter(0) == (False, False)


def test_closing_sends_everybody_home() -> None:
    gate = Gate(1)
    gate.enter(0)
    waiting, answers = in_thread(lambda: gate.enter(1))
    assert waits(waiting)
    gate.close()
    waiting.join(5)
    assert answers == [(False, False)]
    assert gate.enter(0)[0] is False
    assert (gate.free, gate.closed) == (0, True)


def test_many_slots_take_exactly_so_many_trials() -> None:
    gate = Gate(50)
    taken: list[int] = []

    def slot(index: int) -> None:
        while gate.enter(index)[0]:
            time.sleep(0.0005)
            gate.taken(index)
            taken.append(index)

    threads = [threading.Thread(target=slot, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(taken) == 50
