"""What a trial cost, from the times of its attempts."""

from __future__ import annotations

import pytest

from controller.costs import accelerators, seconds
from controller.store.records import AttemptTime


@pytest.mark.parametrize(
    ("device", "count"),
    [
        (None, 1),
        ("CPU", 1),
        ("GPU 0 (NVIDIA H200)", 1),
        ("GPU 0,1,5 (NVIDIA A100-SXM4-40GB, NVIDIA H100)", 3),
        ("GPU 0:1 (NVIDIA A100 MIG 1g.5gb)", 1),
    ],
)
def test_a_slot_says_how_many_devices_it_holds(device: str | None, count: int) -> None:
    assert accelerators(device) == count


def test_attempts_of_a_trial_add_up() -> None:
    times = [
        AttemptTime(1, 10.0, 12.0, "GPU 0,1 (A)"),
        AttemptTime(1, 20.0, 23.0, "GPU 0 (A)"),
        AttemptTime(2, 5.0, 4.0, None),  # a clock that was set back
    ]
    assert seconds(times) == {1: 7.0, 2: 0.0}
