"""What people are told of trials that failed: real scripts, the real logger, a real agent."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from agent_world import SWEEP, World, until

from agent.events import Ended
from sweeps.trial import Reason

HEAD = """
import argparse, os, sys
import opensweep
run = opensweep.init()
for step in range(3):
    run.log({"accuracy": step})
"""
FILL_THE_DISK = """
size = 1 << 20
with open(os.path.join(run.dir, "model"), "wb", buffering=0) as file:
    while size:
        try:
            file.write(bytes(size))
        except OSError:
            size //= 2
for step in range(30_000):  # the record file's own room is used up too
    run.log({"accuracy": step})
run.log({"loss": 1.0})
"""
SAID = {
    "sys.exit('no data in /data')": "no data in /data (exit code 1)",
    "print('no data yet'); sys.exit(1)": "no data yet (exit code 1)",
    "print('no data', end=''); sys.exit(1)": "no data (exit code 1)",
    "sys.exit(1)": "the script ended with exit code 1 and said nothing",
    "os._exit(5)": "the script ended with exit code 5 and said nothing",
    "argparse.ArgumentParser(prog='train.py').parse_args(['--lr=0.1'])": (
        "train.py: error: unrecognized arguments: --lr=0.1 (exit code 2)"
    ),
    "raise ValueError('lr must be positive')": "ValueError: lr must be positive",
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, "")
    yield world
    world.close()


def write(world: World, script: str) -> None:
    (world.folder / "train.py").write_text(HEAD + script)


def test_a_reason_is_the_scripts_own_word(world: World) -> None:
    """Never a line of our logger's, which prints a header first and a summary last."""
    write(world, "run.log({'loss': 0.5})\nexec(run.config.end)\n")
    ids = world.add(*({"end": end} for end in SAID))
    limits = {"WANDB_AGENT_DISABLE_FLAPPING": "true", "WANDB_AGENT_MAX_INITIAL_FAILURES": "0"}
    with world.agent(environ=limits) as agent:
        agent.finish()
        told = {event.trial_id: event.outcome.detail for event in agent.seen(Ended)}
        console = (world.folder / "home/runs" / ids[0].partition("-")[0] / ids[0]).glob("console*")
        assert "opensweep: Run summary:" in "".join(file.read_text() for file in console)
    assert [told[trial_id] for trial_id in ids] == list(SAID.values())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """The agent's home on a file system of 1 MiB."""
    home = tmp_path / "home"
    home.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "opensweep", str(home)],
        capture_output=True,
        text=True,
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield home
    finally:
        subprocess.run(["umount", str(home)], check=True)


@pytest.mark.parametrize(
    "end",
    ["", "sys.exit('gave up')", "raise OSError(28, 'No space left on device')"],
    ids=["ends well", "gives up", "fails"],
)
def test_a_full_disk_is_named_and_another_machine_may_take_the_trial(
    small_disk: Path, world: World, end: str
) -> None:
    write(world, FILL_THE_DISK + end + "\n")
    world.retry_preempted = False
    first, second = world.add({"x": 1}, {"x": 2})
    with world.agent() as agent:
        summary = agent.finish()
        [ended] = agent.seen(Ended)
    said = f"no space left on the disk of {small_disk / 'runs'}: make room, or set OPENSWEEP_HOME"
    assert ended.outcome.detail.startswith(said)
    assert (ended.outcome.state, ended.outcome.reason) == ("lost", Reason.DISK_FULL)
    [outcome] = world.trials[first].outcomes
    assert (outcome["state"], outcome["reason"]) == ("lost", "disk_full")
    assert world.trials[second].starts == [], "it would fail alike"
    assert summary.exit_code == 1
    assert summary.why.startswith(said)


def test_a_trial_that_cannot_even_begin_on_a_full_disk_is_lost_too(
    small_disk: Path, world: World
) -> None:
    write(world, "")
    world.retry_preempted = False
    with world.agent() as agent:
        until(lambda: world.live.agents(SWEEP))
        with open(small_disk / "fill", "wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        [trial_id] = world.add({"x": 1})
        summary = agent.finish()
    [outcome] = world.trials[trial_id].outcomes
    assert (outcome["state"], outcome["reason"]) == ("lost", "disk_full")
    assert summary.exit_code == 1


def test_a_disk_with_room_is_not_blamed(small_disk: Path, world: World) -> None:
    write(world, "sys.exit('gave up')")
    world.add({"x": 1})
    with world.agent() as agent:
        agent.finish()
        [ended] = agent.seen(Ended)
    assert ended.outcome.detail == "gave up (exit code 1)"
