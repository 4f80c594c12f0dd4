"""What an agent records around its trials: where they come from, their machine, their alerts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_world import SWEEP, World, until

from agent.events import Warned
from sweeps.protocol.chunks import decode

WITH_LOGGER = """
del log
writer.close()
import opensweep
run = opensweep.init()
run.log({"loss": 1.0})
run.alert("Diverged", "loss is NaN", level=opensweep.AlertLevel.ERROR, wait_duration=300)
run.alert("Diverged", "still")
sampled = folder / f"system.{os.environ['OPENSWEEP_WRITER']}.bin"
while not sampled.exists():
    time.sleep(0.01)
"""


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    worlds: list[World] = []

    def make(script: str, **spec: Any) -> World:
        worlds.append(World(tmp_path, script, spec))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


def git(folder: Path, *args: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(["git", *who, *args], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode().strip()


def test_a_trial_says_where_it_comes_from_and_what_its_machine_did(
    make_world: Callable[..., World], tmp_path: Path
) -> None:
    world = make_world(WITH_LOGGER)
    git(tmp_path, "init", "-q", "-b", "trunk")
    git(tmp_path, "remote", "add", "origin", "https://me:hunter2@example.org/x.git")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    (tmp_path / "note.py").write_text("new\n")
    (trial_id,) = world.add({"x": 1})
    environ = {"OPENSWEEP_SYSTEM_INTERVAL": "0.1", "HF_TOKEN": "hunter2"}
    with world.agent(slots=1, environ=environ) as agent:
        summary = agent.finish()
    assert summary.finished == 1
    assert not agent.seen(Warned)
    trial = world.trials[trial_id]

    told = trial.metadata
    assert told["git"]["commit"] == git(tmp_path, "rev-parse", "HEAD")
    assert told["git"]["branch"] == "trunk"
    assert told["git"]["remote"] == "https://example.org/x.git"
    assert told["git"]["dirty"] is True
    assert told["program"] == "train.py"
    assert told["args"] == ["--x=1"]
    assert told["cpu_count"] > 0

    files = tmp_path / "home" / "runs" / SWEEP / trial_id / "files"
    said = json.loads((files / "opensweep-metadata.json").read_text())
    assert said["environment"]["HF_TOKEN"] == "***"
    assert said["environment"]["WANDB_RUN_ID"] == trial_id
    assert "hunter2" not in json.dumps(said)
    patch = (files / "diff.patch").read_bytes()
    assert b"+new\n" in patch
    changed = patch.count(b"diff --git")
    assert changed == 1  # nothing of the agent's folder, or the broker's
    assert said["cwd"] == str(tmp_path)
    assert "numpy==" in (files / "requirements.txt").read_text()

    system = [c for c in trial.chunks if c["kind"] == "system"]
    rows = [row for chunk in system for _, _, row in decode(chunk["data"]).rows()]
    assert rows
    assert rows[0]["system.proc.memory.rssMB"] > 1
    assert rows[0]["system.memory_percent"] > 0

    assert [(a["number"], a["title"], a["level"], a["wait_s"]) for a in trial.alerts] == [
        (0, "Diverged", "ERROR", 300.0),
        (1, "Diverged", "INFO", 60.0),
    ]


def test_nothing_is_sampled_or_captured_where_it_shall_not_be(
    make_world: Callable[..., World], tmp_path: Path
) -> None:
    world = make_world("log(0, loss=1.0)\nlog(1, loss=2.0)\n")
    world.add({"x": 1})
    environ = {"OPENSWEEP_SYSTEM_INTERVAL": "0", "WANDB_X_DISABLE_META": "1"}
    with world.agent(slots=1, environ=environ) as agent:
        agent.finish()
    assert not list((tmp_path / "home" / "runs").rglob("system.*"))
    assert not list((tmp_path / "home" / "runs").rglob("opensweep-metadata.json"))


def test_a_command_that_is_no_python_has_no_requirements(
    make_world: Callable[..., World], tmp_path: Path
) -> None:
    world = make_world("", command=["/bin/echo", "${args}"])
    (trial_id,) = world.add({"x": 1, "password": "p"})
    with world.agent(slots=1) as agent:
        agent.finish()
    files = tmp_path / "home" / "runs" / SWEEP / trial_id / "files"
    said = json.loads(until((files / "opensweep-metadata.json").read_text))
    assert (said["program"], said["args"]) == ("train.py", ["--x=1", "--password=***"])
    assert not (files / "requirements.txt").exists()
    assert "python" not in said
