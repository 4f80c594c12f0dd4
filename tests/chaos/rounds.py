"""One round of chaos: a world, a sweep, an adversary for a while, and then the books.

A round follows from its seed as far as it can: the shape of its world, the plan of its adversary.
When the adversary is done, everything is healed, and the sweep has to come to its end by itself;
it is stuck when no trial ends for `STUCK_S`.
"""

from __future__ import annotations

import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import books
from adversary import PAUSE_S, Act, Adversary, plan
from chaos_world import Shape, World
from parts import wait_for

if TYPE_CHECKING:
    from postgresql_server import Postgres

REPOSITORY = Path(__file__).resolve().parents[2]
STUCK_S = 150.0
"""Longer than a lost trial of a W&B agent takes to be seen (90 s), and tried once more."""
_TICK_S = 0.1


@dataclass(frozen=True)
class Round:
    """What a round is.

    Attributes:
        seed: all that is not given here follows from it.
        seconds: the adversary acts for so long at most.
        trials: of the sweep.
        agents: boxes with an agent of ours.
        pause_s: between two acts, on average.
    """

    seed: int
    seconds: float
    trials: int
    agents: int
    pause_s: float = PAUSE_S

    @property
    def shape(self) -> Shape:
        rng = random.Random(f"shape {self.seed}")
        postgres = rng.random() < 0.3 and _postgresql() is not None
        return Shape(
            trials=self.trials,
            agents=self.agents,
            wandb=rng.choice((0, 1, 1, 2)),
            database="postgresql" if postgres else "sqlite",
            method=rng.choice(("grid", "grid", "random")),
            seed=self.seed,
        )

    @property
    def plan(self) -> list[Act]:
        return plan(self.seed, self.seconds, self.agents, self.pause_s)


class Wrong(Exception):
    """The books do not balance, or the sweep does not end; says what is wrong and where to look."""


def run(this: Round, say: bool = True) -> str:
    """Runs a round; returns a line about it. Raises Wrong."""
    root = Path(tempfile.mkdtemp(prefix="opensweep-chaos-"))
    shape, began = this.shape, time.monotonic()
    if say:
        print(f"round {this}: {shape}, {len(this.plan)} acts, in {root}", flush=True)
    ends = ""
    with _database(shape) as postgres:
        world = World(root, shape, postgres)
        adversary = None
        try:
            world.begin()
            adversary = Adversary(world, this.plan)
            _suffer(world, adversary)
            adversary.stop()
            _come_to_an_end(world)
            wrong, ends = books.check(world, adversary.journal), books.tally(world)
            _shut_down(world)
            wrong += books.check_rest(world)
        except TimeoutError as error:
            wrong = [str(error)]
        except KeyboardInterrupt:
            world.end()
            shutil.rmtree(root)
            raise
        finally:
            world.end()
    done = [str(one.act) for one in adversary.journal] if adversary is not None else []
    if wrong:
        raise Wrong(_complaint(this, shape, root, wrong, done))
    shutil.rmtree(root)
    seconds = time.monotonic() - began
    told = f"{shape.trials} trials, {len(done)} acts, {seconds:.0f} s; attempts: {ends}"
    return f"seed {this.seed} is balanced: {told}"


def _suffer(world: World, adversary: Adversary) -> None:
    """Until the adversary is done or the sweep is over."""
    looked = 0.0
    while not adversary.is_done:
        adversary.look()
        world.keep()
        time.sleep(_TICK_S)
        if time.monotonic() - looked > 1.0:
            looked = time.monotonic()
            found = world.counts()
            if found is not None and found["state"] == "finished":
                return


def _come_to_an_end(world: World) -> None:
    """The sweep ends by itself, the agents end with it, and the last results arrive."""
    counts, moved = None, time.monotonic()
    while True:
        world.keep()
        found = world.counts()
        if found is not None and found["state"] in ("finished", "failed", "canceled"):
            break
        if found is not None and found["state"] == "paused":
            world.steer("resume")
        if found is not None and found["counts"] != counts:
            counts, moved = found["counts"], time.monotonic()
        if time.monotonic() - moved > STUCK_S:
            raise TimeoutError(f"the sweep is stuck: {found}")
        time.sleep(_TICK_S)
    for agent in world.wandb:
        agent.join(30)
        if agent.is_alive() or agent.failure is not None:
            raise TimeoutError(f"the W&B agent {agent.name} does not end: {agent.failure!r}")
    wait_for(lambda: _agents_are_gone(world), "the agents to end", 120)
    for box in world.boxes:  # what a dead one has left, the next one delivers
        if any(box.home == path.parents[2] for path in books.undelivered(world)):
            box.start(world.sweep_id)
    wait_for(lambda: _agents_are_gone(world), "the agents to end", 120)
    if left := books.undelivered(world):
        raise TimeoutError(f"these were never delivered: {left}")


def _agents_are_gone(world: World) -> bool:
    world.keep()
    return all(box.agent is not None and box.agent.code == 0 for box in world.boxes)


def _shut_down(world: World) -> None:
    """In good order: what is left after that is left for good."""
    world.server.send(signal.SIGTERM)
    wait_for(lambda: world.server.entry is None, "the server to end", 60)
    world.valkey.part.kill()


def _complaint(this: Round, shape: Shape, root: Path, wrong: list[str], done: list[str]) -> str:
    lines = [f"  {line}" for line in wrong[:40]]
    if len(wrong) > 40:
        lines.append(f"  and {len(wrong) - 40} more")
    again = (
        f"make chaos SEED={this.seed} SECONDS={this.seconds:g} TRIALS={this.trials} "
        f"AGENTS={this.agents} PAUSE={this.pause_s:g}"
    )
    return "\n".join(
        [f"the books do not balance, {shape}:", *lines, "what the adversary did:"]
        + [f"  {act}" for act in done]
        + [f"logs and folders: {root}", f"again: {again}"]
    )


# -- PostgreSQL ---------------------------------------------------------------------------------


def _postgresql() -> str | None:
    """Its binaries, where it is installed."""
    sys.path.append(str(REPOSITORY / "tests" / "contract"))
    from postgresql_server import find_binaries

    return find_binaries()


@contextmanager
def _database(shape: Shape) -> Iterator[Postgres | None]:
    """A PostgreSQL server of the round's own; None with SQLite."""
    binaries = _postgresql() if shape.database == "postgresql" else None
    if binaries is None:
        yield None
        return
    from postgresql_server import running_server

    with running_server(binaries, durable=True) as server:
        yield server
