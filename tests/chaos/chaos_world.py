"""A sweep with all that it takes: server, Redis, database, boxes with agents, replayed W&B agents.

A world keeps itself: what was killed is started again, as a service manager or a person would, on
each `keep`. The adversary (`adversary.py`) does the rest of the damage; `books.py` looks at what is
left. Nothing of a world outlives `end`, and nothing that is not of it is ever signalled.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import chaos_script
from drop_proxy import Wires
from parts import (
    SWEEP,
    WORLD,
    Box,
    Part,
    PostgresLock,
    SqliteLock,
    Valkey,
    free_port,
    members,
    wait_for,
)
from replayed import WandbBox

from agent import kernel
from sweeps.errors import OpensweepError
from sweeps.protocol.client import Client

if TYPE_CHECKING:
    from postgresql_server import Postgres

REPOSITORY = Path(__file__).resolve().parents[2]
_START_S = 60.0
_REST_S = 1.0  # before a service manager starts again what has ended


@dataclass(frozen=True)
class Shape:
    """What a world is made of.

    Attributes:
        trials: points of the grid, or the cap of a random search.
        agents: boxes with an agent of ours; the first has two GPUs.
        wandb: replayed W&B agents.
        database: sqlite or postgresql.
        method: grid or random.
        seed: of the sweep.
    """

    trials: int
    agents: int
    wandb: int
    database: str
    method: str
    seed: int

    def sweep_file(self) -> str:
        values = f"{{values: {list(range(1, self.trials + 1))}}}"
        x = values if self.method == "grid" else "{min: 0.0, max: 1.0}"
        cap = "" if self.method == "grid" else f"run_cap: {self.trials}\n"
        return (
            f"program: chaos_script.py\nmethod: {self.method}\nseed: {self.seed}\n{cap}"
            "metric: {name: loss}\nretry: {max: 100, on: [crash, lost, preempted]}\n"
            f"parameters:\n  x: {x}\n"
        )


class World:
    """Attributes: root: the folder of all that it writes; sweep_id: of its one sweep."""

    def __init__(self, root: Path, shape: Shape, postgres: Postgres | None = None) -> None:
        self.root, self.shape, self.postgres = root, shape, postgres
        self.id = secrets.token_hex(8)
        (root / "trial-locks").mkdir(parents=True)
        (root / "tmp").mkdir()
        shutil.copy(chaos_script.__file__, root)
        self.env = self._environment()
        self._stack = ExitStack()
        self.wires = Wires()
        self._stack.callback(self.wires.close)
        self.port, self.server_home = free_port(), root / "server"
        self.valkey = Valkey(root, self.env)
        file = self.server_home / "opensweep.db"
        self.database_url = postgres.url if postgres else f"sqlite:///{file}"
        self.lock: SqliteLock | PostgresLock = (
            PostgresLock(postgres.url) if postgres else SqliteLock(file)
        )
        self.server = self._server()
        self._rests: dict[str, float] = {}  # part -> time.monotonic() of its next start
        self.boxes = [
            Box(
                root,
                f"box{i}",
                self.env,
                self.wires,
                (self.port, self.valkey.port),
                gpus=i == 0,
            )
            for i in range(shape.agents)
        ]
        self.wandb: list[WandbBox] = []
        self._frozen: list[kernel.Entry] = []
        self.sweep_id, self.key = "", ""

    def _environment(self) -> dict[str, str]:
        foreign = ("OPENSWEEP_", "WANDB_", "PYTEST_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        return {
            **kept,
            WORLD: self.id,
            chaos_script.ROOT: str(self.root),
            chaos_script.BOX: "",
            "PYTHONPATH": str(REPOSITORY),
            "OPENSWEEP_PYTHON": sys.executable,
            "TMPDIR": str(self.root / "tmp"),
        }

    def _server(self) -> Part:
        env = {
            **self.env,
            "OPENSWEEP_HOME": str(self.server_home),
            "OPENSWEEP_REDIS_URL": self.valkey.url,
            "OPENSWEEP_DATABASE_URL": self.database_url,
        }
        argv = [str(SWEEP), "server", "run", "--port", str(self.port)]
        return Part(argv, env, self.root, self.root / "server.log")

    # -- life -----------------------------------------------------------------------------------

    def begin(self) -> None:
        """Starts all of it and creates the sweep."""
        self.valkey.start()
        wait_for(self._redis_answers, "Valkey", _START_S)
        self.server.start()
        wait_for(self._server_answers, "the server", _START_S)
        self.key = (self.server_home / "api_key").read_text().strip()
        with self.client() as client:
            created = client.create_sweep(self.shape.sweep_file())
        self.sweep_id = str(created["id"])
        for box in self.boxes:
            box.env["OPENSWEEP_API_KEY"] = self.key
            box.start(self.sweep_id)
        for i in range(self.shape.wandb):
            wire = self.wires.wire(self.port)
            url = f"http://127.0.0.1:{wire.port}"
            agent = WandbBox(self.root, f"wandb{i}", url, self.key, self.sweep_id)
            agent.start()
            self.wandb.append(agent)

    def keep(self) -> None:
        """Starts what has ended and is wanted; call it often."""
        now = time.monotonic()
        for name, part in (("valkey", self.valkey.part), ("server", self.server)):
            self._keep(name, part, now)
        for box in self.boxes:
            if box.agent is None or box.agent.entry is not None or box.agent.code == 0:
                continue
            if now >= box.resting_until:
                box.resting_until = now + _REST_S
                box.start(self.sweep_id)

    def _keep(self, name: str, part: Part, now: float) -> None:
        if part.entry is not None:
            self._rests.pop(name, None)
        elif now >= self._rests.setdefault(name, now + _REST_S):
            part.start()
            del self._rests[name]

    def rest(self, name: str, seconds: float) -> None:
        """`valkey` or `server` is started again only after so long."""
        self._rests[name] = time.monotonic() + seconds

    def freeze(self, processes: list[kernel.Entry]) -> None:
        for one in processes:
            if kernel.send(one, signal.SIGSTOP):
                self._frozen.append(one)

    def thaw(self, processes: list[kernel.Entry] | None = None) -> None:
        """Lets these go on; None: all that are frozen."""
        gone_on = list(self._frozen) if processes is None else processes
        for one in gone_on:
            kernel.send(one, signal.SIGCONT)
        self._frozen = [one for one in self._frozen if one not in gone_on]

    def heal(self) -> None:
        """Ends all damage that lasts."""
        self.thaw()
        if self.postgres is not None:
            self.postgres.start()
        self.lock.release()
        for box in self.boxes:
            for wire in box.wires:
                wire.heal()

    def end(self) -> None:
        """Kills what is left of it, to the last process; safe to repeat."""
        for agent in self.wandb:
            agent.end()
        with suppress(Exception):
            self.heal()
        while left := members(self.id):
            for one in left:
                kernel.send(one, signal.SIGKILL)
            for part in (self.server, self.valkey.part, *(box.agent for box in self.boxes)):
                if part is not None:
                    part.kill()
            time.sleep(0.02)
        self._stack.close()

    # -- looking --------------------------------------------------------------------------------

    def client(self) -> Client:
        return Client(f"http://127.0.0.1:{self.port}", self.key)

    def steer(self, action: str) -> None:
        """A user's order; lost while the server is away."""
        with suppress(OpensweepError), self.client() as client:
            client.change(self.sweep_id, action)

    def counts(self) -> dict[str, Any] | None:
        """The sweep as the server tells it; None while it does not answer."""
        try:
            with self.client() as client:
                return client.sweep(self.sweep_id)
        except OpensweepError:
            return None

    def _redis_answers(self) -> bool:
        try:
            with self.valkey.connection() as connection:
                return bool(connection.ping())
        except Exception:
            return False

    def _server_answers(self) -> bool:
        with Client(f"http://127.0.0.1:{self.port}", "none") as client:
            return client.healthy() is not None
