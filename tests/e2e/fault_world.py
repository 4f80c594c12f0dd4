"""A sweep over real processes for tests that break one thing at a time: server, Redis, boxes.

The chaos suite's world (`tests/chaos/chaos_world.py`) with a script of the test's own and, unless a
test asks for the real ones, leases of 4 s instead of 15.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

_HERE = Path(__file__).parent
sys.path.insert(0, str(_HERE.parent / "chaos"))

from chaos_world import REPOSITORY, Shape, World  # noqa: E402
from parts import Box, wait_for  # noqa: E402

from agent import kernel  # noqa: E402

if TYPE_CHECKING:
    from postgresql_server import Postgres

__all__ = ["Box", "FaultWorld", "fault_world", "wait_for"]

LEASE_S = 4.0
HEAD = """
import os, signal, subprocess, sys, time
from pathlib import Path
import opensweep
box = os.environ["OPENSWEEP_CHAOS_BOX"]
root = Path(os.environ["OPENSWEEP_CHAOS_ROOT"])
run = opensweep.init()
x, attempt = run.config.x, int(os.environ["OPENSWEEP_WRITER"])
"""


class FaultWorld(World):
    """Boxes (of one slot) and sweeps are started one by one, with `create` and `begin_box`."""

    def __init__(
        self,
        root: Path,
        boxes: int = 2,
        *,
        real_leases: bool = False,
        postgres: Postgres | None = None,
    ) -> None:
        super().__init__(root, Shape(1, boxes, 0, "sqlite", "grid", 1), postgres)
        for box in self.boxes:
            box._slots = ["--gpus", "none", "--slots", "1"]
        self._programs = 0
        if not real_leases:
            short = f"{_HERE / 'short_leases'}:{REPOSITORY}"
            for part in (self.server._env, *(box.env for box in self.boxes)):
                part["PYTHONPATH"] = short

    def begin(self) -> None:
        """Starts Redis and server."""
        self.valkey.start()
        wait_for(self._redis_answers, "Valkey", 60)
        self.server.start()
        wait_for(self._server_answers, "the server", 60)
        self.key = (self.server_home / "api_key").read_text().strip()

    def create(self, script: str, yaml: str) -> str:
        """A sweep, for the boxes that are started from now on; its id.

        Args:
            script: what each trial does; `run`, `x`, `box`, `attempt` and `root` are there.
            yaml: all but program and metric.
        """
        self._programs += 1
        program = f"train{self._programs}.py"
        (self.root / program).write_text(HEAD + script)
        with self.client() as client:
            made = client.create_sweep(f"program: {program}\nmetric: {{name: loss}}\n{yaml}")
        self.sweep_id = str(made["id"])
        return self.sweep_id

    def end_boxes(self) -> None:
        """Kills all agents and what they started, and waits for it."""
        for box in self.boxes:
            for process in box.members():
                kernel.send(process, signal.SIGKILL)
            if box.agent is not None:
                box.agent.kill()
            box.agent = None

    def begin_box(self, number: int, **env: str) -> Box:
        box = self.boxes[number]
        box.env.update({"OPENSWEEP_API_KEY": self.key, **env})
        box.start(self.sweep_id)
        return box

    def trials(self) -> list[dict[str, Any]]:
        with self.client() as client:
            return client.trials(self.sweep_id)

    def trial(self, x: int) -> dict[str, Any] | None:
        """The trial with this x, with its attempts; None before there is one."""
        found = [one["id"] for one in self.trials() if one["config"]["x"] == x]
        if not found:
            return None
        with self.client() as client:
            return client.trial(found[0])

    def running(self, x: int) -> Callable[[], bool]:
        return lambda: (self.trial(x) or {}).get("state") == "running"

    def wait(self, condition: Callable[[], Any], what: str, timeout_s: float = 60.0) -> Any:
        """Waits for it, and meanwhile starts again what has ended, as a service manager does."""

        def look() -> Any:
            self.keep()
            return condition()

        return wait_for(look, what, timeout_s)

    def keep(self) -> None:
        """Only boxes that were begun."""
        absent = [box for box in self.boxes if box.agent is None]
        self.boxes = [box for box in self.boxes if box.agent is not None]
        try:
            super().keep()
        finally:
            self.boxes += absent

    def over(self, timeout_s: float = 60.0) -> dict[str, Any]:
        """Waits for the sweep's end."""

        def ended() -> dict[str, Any] | None:
            status = self.counts()
            return status if status and status["state"] in ("finished", "failed") else None

        found: dict[str, Any] = self.wait(ended, "the sweep's end", timeout_s)
        return found

    def rows(self, trial_id: str) -> list[tuple[int, float]]:
        """(step, loss) of all that is recorded of a trial's history."""
        with self.client() as client:
            return [(row["_step"], row["loss"]) for row in client.history(trial_id)]


@contextmanager
def fault_world(*args: Any, **settings: Any) -> Iterator[FaultWorld]:
    world = FaultWorld(*args, **settings)
    try:
        world.begin()
        yield world
    finally:
        world.end()
