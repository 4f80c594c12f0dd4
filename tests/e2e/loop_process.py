"""Controllers as processes of their own, for tests that kill them in the middle of a tick.

Each line in is JSON: the settings of a controller (its pid is the answer), or {"wait": pid} (its
exit code is). With `point` it kills itself, as nobody can handle: before or after its first call of
that method. They are forked from here, since a fresh Python would take a second each.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import redis

from controller.loop import Loop
from controller.queue import TrialQueue
from controller.store.store import Store, open_store
from sweeps.protocol.live import LEASE_S, Live

PARTS = {"store": Store, "live": Live, "queue": TrialQueue}


def die_at(when: str, part: str, method: str) -> None:
    """Kills this process before or after the first call of `part.method`."""
    real = getattr(PARTS[part], method)

    def deadly(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        real(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(PARTS[part], method, deadly)


def work(given: Mapping[str, Any]) -> None:
    """One controller, until it is killed."""
    if point := given.get("point"):
        die_at(*point)
        signal.alarm(30)  # one that never comes there dies too, but otherwise
    connection = redis.Redis.from_url(given["redis"])
    with open_store(given["database"]) as store:
        lease_s = given.get("lease_s", LEASE_S)
        live, queue = Live(connection, lease_s), TrialQueue(connection)
        loop = Loop(store, live, queue, given["name"], lease_s=lease_s)
        loop.start()
        loop.wake()
        while True:
            signal.pause()


def main() -> None:
    children: set[int] = set()
    for line in sys.stdin:
        given = json.loads(line)
        if (pid := given.get("wait")) is not None:
            children.discard(pid)
            answer = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        else:
            answer = os.fork()  # nothing but this thread is here
            if not answer:
                try:
                    work(given)
                finally:
                    os._exit(1)
            children.add(answer)
        print(answer, flush=True)
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


main()
