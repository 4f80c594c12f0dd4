"""The main job through the front door: the `sweep` command, a real server, agents and scripts.

One OPENSWEEP_HOME a test; everything that a test starts ends with it, and that is checked.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from opensweep.local import find_server
from opensweep.settings import Settings
from sweeps.protocol.client import Client

SWEEP = Path(sys.executable).with_name("sweep")

GRID = """
program: train.py
method: grid
metric: {name: loss}
parameters: {x: {values: [1, 2, 3, 4, 5, 6, 7, 8]}}
"""
SCRIPT = """
import time
import opensweep
run = opensweep.init()
for step in range(4):
    run.log({"loss": run.config.x + 1 / (step + 1)})
    time.sleep(0.15)
"""


def wait_for(condition: Callable[[], Any], what: str, timeout_s: float = 40) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}"
        time.sleep(0.05)
    return value


class Box:
    """A machine with nothing set but its home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENSWEEP_", "WANDB_"))}
        self.home = folder / "home"
        self.env = {**kept, "OPENSWEEP_HOME": str(self.home), "OPENSWEEP_PYTHON": sys.executable}
        self.started: list[subprocess.Popen[str]] = []

    def write(self, script: str = SCRIPT, file: str = GRID) -> None:
        (self.folder / "train.py").write_text(script)
        (self.folder / "sweep.yaml").write_text(file)

    def start(self, *args: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [SWEEP, *args],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def sweep(self, *args: str, code: int = 0) -> str:
        process = self.start(*args)
        out, err = process.communicate(timeout=90)
        assert process.returncode == code, f"sweep {args}: exit {process.returncode}\n{out}\n{err}"
        return out

    def json(self, *args: str) -> Any:
        return json.loads(self.sweep(*args, "--json"))

    def create(self) -> str:
        return str(self.json("create", "sweep.yaml")["id"])

    def server_pid(self) -> int:
        return int(json.loads((self.home / "server.json").read_text())["pid"])

    def client(self) -> Client:
        """Of the living server. What is asked again and again goes here: a command is a process."""
        client = find_server(Settings.from_env(self.env))
        assert client is not None
        return client

    def trial(self, trial_id: str) -> dict[str, Any]:
        with self.client() as client:
            return client.trial(trial_id)

    def wait_for_trials(self, sweep_id: str, state: str, count: int) -> None:
        """Until so many of a sweep's trials, or more, are in a state."""
        with self.client() as client:
            wait_for(
                lambda: sum(t["state"] == state for t in client.trials(sweep_id)) >= count,
                f"{count} {state} trials",
            )

    def end(self) -> None:
        """Ends all that was started, and waits until nothing of it is left."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        self.sweep("server", "stop")
        wait_for(lambda: not self.leftovers(), f"the end of {self.leftovers()}")

    def leftovers(self) -> list[str]:
        """Processes of this box that still live, by the home in their environment."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("OPENSWEEP_HOME") == str(self.home):
                    found.append(" ".join(process.cmdline()))
            except (psutil.Error, OSError):
                continue
        return found


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    try:
        yield box
    finally:
        box.end()


def test_create_then_agent_and_it_ends_with_a_summary(box: Box) -> None:
    box.write()
    said = box.sweep("create", "sweep.yaml")
    sweep_id = box.json("ls")[0]["id"]
    assert f"sweep agent {sweep_id}" in said
    end = box.sweep("agent", sweep_id, "--slots", "4")
    assert "8 finished" in end
    assert f"{sweep_id}-1" in end  # the best
    trials = box.json("trials", sweep_id)
    assert sorted(t["config"]["x"] for t in trials) == list(range(1, 9))
    assert {(t["state"], t["attempts"], t["steps"]) for t in trials} == {("finished", 1, 4)}
    assert box.json("best", sweep_id)["objective"] == pytest.approx(1.25)


def test_what_a_script_adds_to_its_config_and_says_of_itself_is_recorded(box: Box) -> None:
    box.write(
        "import opensweep\n"
        "run = opensweep.init(name='mine', tags=['a'], config={'x': 99, 'layers': 2})\n"
        "run.config.extra = {'deep': [1, 2]}\n"
        "run.log({'loss': run.config.x})\n",
        GRID + "run_cap: 1\n",
    )
    sweep_id = box.create()
    box.sweep("agent", sweep_id)
    trial = box.trial(f"{sweep_id}-1")
    assert trial["config"] == {"x": 1}  # as suggested: the sweep's values are locked
    assert trial["run"]["config"] == {"x": 1, "layers": 2, "extra": {"deep": [1, 2]}}
    assert trial["run"]["metadata"]["name"] == "mine"
    assert trial["run"]["metadata"]["tags"] == ["a"]


def test_a_hopeless_script_may_save_before_it_goes(box: Box) -> None:
    box.write(
        "import os, signal, sys, time\n"
        "import opensweep\n"
        "run = opensweep.init()\n"
        "def save(*_):\n"
        "    with open(os.path.join(run.checkpoint_dir, 'saved.txt'), 'w') as f: f.write('yes')\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, save)\n"
        "for step in range(2 if run.config.x < 3 else 10_000):\n"
        "    run.log({'loss': run.config.x})\n"
        "    time.sleep(0.05)\n",
        GRID.replace("[1, 2, 3, 4, 5, 6, 7, 8]", "[1, 2, 9]")
        + "early_terminate: {type: hyperband, min_iter: 2, eta: 2}\n",
    )
    sweep_id = box.create()
    box.sweep("agent", sweep_id)
    trials = {t["config"]["x"]: t for t in box.json("trials", sweep_id)}
    assert {x: t["state"] for x, t in trials.items()} == {
        1: "finished",
        2: "finished",
        9: "stopped",
    }
    assert trials[9]["objective"] == 9  # its values are kept
    assert "9" in trials[9]["detail"]
    runs = box.home / "runs" / sweep_id
    assert (runs / trials[9]["id"] / "checkpoints" / "saved.txt").read_text() == "yes"


def test_the_server_is_killed_in_mid_sweep(box: Box) -> None:
    box.write()
    sweep_id = box.create()
    agent = box.start("agent", sweep_id, "--slots", "2")
    box.wait_for_trials(sweep_id, "finished", 2)
    os.kill(box.server_pid(), signal.SIGKILL)
    out, err = agent.communicate(timeout=90)
    assert agent.returncode == 0, out + err
    trials = box.json("trials", sweep_id)
    assert sorted(t["config"]["x"] for t in trials) == list(range(1, 9))
    assert {(t["state"], t["attempts"], t["steps"]) for t in trials} == {("finished", 1, 4)}


def test_the_agent_is_killed_and_another_one_goes_on(box: Box) -> None:
    box.write(SCRIPT.replace("0.15", "0.5"), GRID.replace(", 3, 4, 5, 6, 7, 8", ""))
    sweep_id = box.create()
    first = box.start("agent", sweep_id)
    box.wait_for_trials(sweep_id, "running", 1)
    first.kill()
    first.communicate()
    box.sweep("agent", sweep_id)
    trials = box.json("trials", sweep_id)
    assert {t["state"] for t in trials} == {"finished"}
    assert trials[0]["attempts"] == 2
    attempts = box.trial(f"{sweep_id}-1")["attempts_list"]
    assert [a["state"] for a in attempts] == ["lost", "finished"]
