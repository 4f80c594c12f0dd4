"""The adversary: what is done to a world, and when. The plan follows from a seed alone.

A plan names boxes by number (a training process or a warden is one of the next box that has any)
and processes by a share (0.37: the one that stands at 37 % of those that there are), so the same
seed plans the same; what it hits depends on timing all the same.
`Adversary` carries a plan out and keeps a journal, by which `books.py` judges what may have run
twice: only what was out of reach for longer than its lease.
"""

from __future__ import annotations

import heapq
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from chaos_world import World
from drop_proxy import DOWN, UP
from parts import Box, PostgresLock

from agent import kernel
from sweeps.protocol.live import LEASE_S

PAUSE_S = 1.7
"""Between two acts, on average."""
QUICK_S = (0.2, 6.0)
LONG_S = (LEASE_S + 2, LEASE_S + 8)
_LEARNS_S = 10.0
"""After so long within reach at the latest an attempt that lost its lease has been killed."""

# What is done, how often in comparison, and whether it may last longer than a lease. What all
# boxes need is hit seldom: while it is away nothing new begins that could be hit.
ACTIONS: dict[str, tuple[int, bool]] = {
    "kill_trial": (30, False),
    "kill_warden": (12, False),
    "kill_agent": (14, False),
    "kill_box": (12, False),
    "term_agent": (8, False),
    "term_agent_twice": (3, False),
    "freeze_trial": (8, True),
    "freeze_warden": (6, True),
    "freeze_agent": (10, True),
    "freeze_box": (10, True),
    "kill_server": (4, False),
    "term_server": (2, False),
    "freeze_server": (2, True),
    "kill_redis": (4, False),
    "wipe_redis": (3, False),
    "forget_redis": (3, False),
    "freeze_redis": (2, True),
    "stop_redis": (1, True),
    "cut_both": (6, True),
    "cut_up": (4, True),
    "cut_down": (4, True),
    "cut_http": (4, True),
    "cut_redis": (4, True),
    "snap": (8, False),
    "lock_database": (3, False),
    "snap_database": (2, False),
    "kill_wandb": (2, False),
    "pause_sweep": (1, False),
}


@dataclass(frozen=True)
class Act:
    """One thing that is done.

    Attributes:
        at: seconds since the sweep began.
        what: one of ACTIONS.
        box: number of the box (or W&B agent) that it is done to.
        share: which of the processes that fit.
        lasts: seconds until it is undone, or what was killed may be started again.
    """

    at: float
    what: str
    box: int
    share: float
    lasts: float

    def __str__(self) -> str:
        return f"{self.at:6.1f} s  {self.what} box{self.box} {self.share:.2f} {self.lasts:.1f} s"


def plan(seed: int, seconds: float, boxes: int, pause_s: float = PAUSE_S) -> list[Act]:
    """What is done within `seconds`; the first acts come when the first trials run."""
    rng = random.Random(seed)
    names = list(ACTIONS)
    weights = [ACTIONS[name][0] for name in names]
    acts, at = [], 3.0
    while (at := at + rng.expovariate(1 / pause_s)) < seconds:
        [what] = rng.choices(names, weights)
        lasts = rng.uniform(*QUICK_S)
        long = rng.random() < 0.2
        if long and ACTIONS[what][1]:
            lasts = rng.uniform(*LONG_S)
        acts.append(Act(round(at, 1), what, rng.randrange(boxes), rng.random(), round(lasts, 1)))
    return acts


@dataclass(frozen=True)
class Done:
    """An act, and when it was done and undone (`time.time()`)."""

    act: Act
    began: float
    ends: float


class Adversary:
    """Carries a plan out, from one thread: `look` does what is due."""

    def __init__(self, world: World, acts: list[Act]) -> None:
        self._world = world
        self._began = time.monotonic()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self.journal: list[Done] = []
        for act in acts:
            self._at(act.at, lambda act=act: self._do(act))

    @property
    def is_done(self) -> bool:
        return not self._due

    def look(self) -> None:
        now = time.monotonic() - self._began
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2]()

    def stop(self) -> None:
        """Nothing more is done, and all that lasts is undone."""
        self._due.clear()
        self._world.heal()

    def _at(self, second: float, what: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._due, (second, self._count, what))

    def _do(self, act: Act) -> None:
        now = time.time()
        self.journal.append(Done(act, now, now + act.lasts))
        verb, _, whom = act.what.partition("_")
        with suppress(ConnectionError, OSError):
            undo = getattr(self, f"_{verb}")(whom, act)
            if undo is not None:
                self._at(time.monotonic() - self._began + act.lasts, undo)

    # -- processes ------------------------------------------------------------------------------

    def _kill(self, whom: str, act: Act) -> Callable[[], None] | None:
        world, box = self._world, self._box(act)
        if whom == "server":
            world.rest("server", act.lasts)
            world.server.kill()
        elif whom == "redis":
            world.rest("valkey", act.lasts)
            world.valkey.part.kill()
        elif whom == "wandb":
            if world.wandb:
                world.wandb[act.box % len(world.wandb)].kill()
        else:
            if whom in ("agent", "box"):
                box.resting_until = time.monotonic() + act.lasts
            for one in self._processes(whom, box, act):
                kernel.send(one, signal.SIGKILL)
        return None

    def _term(self, whom: str, act: Act) -> Callable[[], None] | None:
        part = self._world.server if whom == "server" else self._box(act).agent
        if part is not None:
            part.send(signal.SIGTERM)
        if whom == "agent_twice":
            return lambda: None if part is None else part.send(signal.SIGTERM)
        return None

    def _freeze(self, whom: str, act: Act) -> Callable[[], None]:
        part = {"server": self._world.server, "redis": self._world.valkey.part}.get(whom)
        if part is None:
            found = self._processes(whom, self._box(act), act)
        else:
            found = [part.entry] if part.entry is not None else []
        self._world.freeze(found)
        return lambda: self._world.thaw(found)

    def _processes(self, whom: str, box: Box, act: Act) -> list[kernel.Entry]:
        if whom == "box":
            return box.members()
        if whom == "agent":
            agent = None if box.agent is None else box.agent.entry
            return [] if agent is None else [agent]
        boxes = self._world.boxes
        for i in range(len(boxes)):  # the next one that has any
            box = boxes[(act.box + i) % len(boxes)]
            found = box.trials() if whom == "trial" else box.wardens()
            if found:
                found.sort(key=lambda one: one.started)
                return [found[int(act.share * len(found))]]
        return []

    # -- Redis and the database -----------------------------------------------------------------

    def _wipe(self, _: str, act: Act) -> None:
        self._kill("redis", act)
        self._world.valkey.wipe()

    def _forget(self, _: str, __: Act) -> None:
        self._world.valkey.forget()

    def _stop(self, _: str, act: Act) -> None:
        self._kill("redis", act)

    def _lock(self, _: str, __: Act) -> Callable[[], None]:
        self._world.lock.take()
        return self._world.lock.release

    def _pause(self, _: str, __: Act) -> Callable[[], None]:
        self._world.steer("pause")
        return lambda: self._world.steer("resume")

    # -- the network ----------------------------------------------------------------------------

    def _cut(self, how: str, act: Act) -> Callable[[], None]:
        box = self._box(act)
        wires = {"http": [box.http], "redis": [box.redis]}.get(how, list(box.wires))
        ways = {"up": [UP], "down": [DOWN]}.get(how, [UP, DOWN])
        for wire in wires:
            wire.cut(*ways)

        def heal() -> None:
            for wire in wires:
                wire.heal()

        return heal

    def _snap(self, whom: str, act: Act) -> Callable[[], None] | None:
        """Connections end; of PostgreSQL also, as often, with the server itself."""
        postgres = self._world.postgres
        if whom != "database":
            for wire in self._box(act).wires:
                wire.snap()
        elif postgres is not None and act.share < 0.5:
            postgres.kill()
            return postgres.start
        elif isinstance(self._world.lock, PostgresLock):
            self._world.lock.snap()
        return None

    def _box(self, act: Act) -> Box:
        return self._world.boxes[act.box % len(self._world.boxes)]


def out_of_reach(journal: list[Done], box: str, at: float) -> bool:
    """Whether an attempt on this box may still have run at `at` although another had its place: it
    had been frozen or cut off, and could not know."""
    return any(
        box == f"box{done.act.box}"
        and done.act.what.startswith(("freeze", "cut"))
        and done.began <= at <= done.ends + _LEARNS_S
        for done in journal
    )
