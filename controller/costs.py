"""What a trial cost: accelerator-seconds, over all its attempts.

Wall seconds of each attempt from its start to its end, a lost one's silence included, times the
devices that it held; what a search by `search: {per: seconds}` weighs gains against. Neighbours:
driver.py (who tells the searcher), store/trials.py (who reads the attempts).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from controller.store.records import AttemptTime

_GPUS = re.compile(r"GPU ([^ ]+)")


def accelerators(device: str | None) -> int:
    """How many devices an attempt held, by its slot's name ("GPU 0,1 (…)", "CPU"); a CPU is 1."""
    named = _GPUS.match(device or "")
    return named[1].count(",") + 1 if named else 1


def seconds(times: Iterable[AttemptTime]) -> dict[int, float]:
    """The accelerator-seconds of trials, by number."""
    found: dict[int, float] = {}
    for time in times:
        ran = max(time.ended - time.started, 0.0) * accelerators(time.device)
        found[time.number] = found.get(time.number, 0.0) + ran
    return found
