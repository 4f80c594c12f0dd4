"""`wandb sweep` and `wandb agent`, unmodified, at a server of ours.

The client's agents wait five seconds between two questions, so there are few trials here; what is
lost or dies on the way is tested with replayed agents (tests/e2e/test_wandb_agents.py).
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from wandb_clients import (
    ALL,
    NEWEST,
    TRIED,
    TRIED_OLD_TOO,
    Finished,
    Script,
    WandbServer,
    client_python,
)

from sweeps.protocol.client import Client

TRAIN = """
import time
import wandb

run = wandb.init()
assert run.config.model["depth"] == 3, dict(run.config)
run.config.update({"x": -1}, allow_val_change=True)  # sweep values are locked
for step in range(3):
    run.log({"loss": run.config.x + 1 / (step + 1)})
time.sleep(0.5)
run.finish()
"""
GRID: dict[str, Any] = {
    "program": "train.py",
    "method": "grid",
    "metric": {"name": "loss"},
    "command": ["python", "${program}"],
    "parameters": {
        "x": {"values": [1, 2, 3, 4]},
        "model": {"parameters": {"depth": {"value": 3}}},
    },
}


@pytest.fixture
def client(wandb_server: WandbServer) -> Iterator[Client]:
    with wandb_server.client() as made:
        yield made


def create(
    wandb_cli: Script, folder: Path, config: dict[str, Any], *options: str, **env: str
) -> str:
    """The path that `wandb agent` is to be told."""
    (folder / "sweep.yaml").write_text(yaml.dump(config))
    (folder / "train.py").write_text(TRAIN)
    done = wandb_cli("sweep", *options, "sweep.yaml", **env)
    assert done.code == 0, done.output
    found = re.search(r"wandb agent (\S+)", done.output)
    assert found, done.output
    return re.sub(r"\x1b\[\d*m", "", found[1])


def ours(server: WandbServer, environment: dict[str, str], folder: Path, sweep: str) -> Finished:
    """An agent of ours, whose scripts use the real client all the same."""
    here = Path(sys.executable).parent / "sweep"
    command = [str(here), "agent", sweep, "--slots", "1", "--gpus", "none", "--count", "2"]
    path = f"{client_python(NEWEST).parent}:{environment['PATH']}"
    opened = {"OPENSWEEP_URL": server.url, "OPENSWEEP_API_KEY": server.key, "PATH": path}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment | opened | {"OPENSWEEP_HOME": str(folder / "opensweep")},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    return Finished(done.returncode, done.stdout + done.stderr)


def test_agents_of_both_kinds_run_each_point_once_and_the_sweep_is_steered(
    wandb_server: WandbServer,
    wandb_cli: Script,
    wandb_environment: dict[str, str],
    client: Client,
    tmp_path: Path,
) -> None:
    path = create(wandb_cli, tmp_path, GRID, "--name", "both")
    sweep = path.split("/")[-1]
    with ThreadPoolExecutor() as pool:
        theirs = pool.submit(wandb_cli, "agent", path)
        mine = pool.submit(ours, wandb_server, wandb_environment, tmp_path, sweep)
        for each in (theirs.result(), mine.result()):
            assert each.code == 0, each.output
    trials = client.trials(sweep)
    assert sorted(trial["config"]["x"] for trial in trials) == [1, 2, 3, 4]
    assert {trial["state"] for trial in trials} == {"finished"}
    for trial in trials:
        assert trial["objective"] == pytest.approx(trial["config"]["x"] + 1 / 3)
        assert trial["attempts"] == 1
    kinds = {trial["agent_id"].startswith("wandb-") for trial in trials}
    assert kinds == {True, False}
    status = client.sweep(sweep)
    assert (status["state"], status["name"]) == ("finished", "both")

    wider = {**GRID["parameters"], "x": {"values": [3, 4, 5]}}
    (tmp_path / "sweep.yaml").write_text(yaml.dump({**GRID, "parameters": wider}))
    done = wandb_cli("sweep", "--update", path, "sweep.yaml")
    assert done.code == 0, done.output
    assert (client.sweep(sweep)["state"], client.sweep(sweep)["total"]) == ("running", 5)
    done = wandb_cli("sweep", "--cancel", path)
    assert done.code == 0, done.output
    assert client.sweep(sweep)["state"] == "canceled"
    # Two of its runs are what another sweep begins with.
    other = create(wandb_cli, tmp_path, GRID, "-R", f"{sweep}-1", "-R", f"{sweep}-2")
    assert client.sweep(other.split("/")[-1])["total"] == 2


IN_PROCESS = """
import os
import time

import wandb

def train():
    with wandb.init() as run:
        run.log({"loss": (run.config.x - 0.3) ** 2})

def look(state):
    path = os.environ["WANDB_PROJECT"] + "/" + sweep  # the oldest client knows no shorter one
    for _ in range(100):  # the end is noted a moment after the run's
        found = wandb.Api().sweep(path)
        if found.state == state:
            break
        time.sleep(0.1)
    best = min(run.summary["loss"] for run in found.runs)
    print("SAID", len(found.runs), found.state, found.best_run().summary["loss"] == best)

sweep = wandb.sweep({
    "method": "bayes", "metric": {"name": "loss"}, "run_cap": 2,
    "parameters": {"x": {"min": 0.0, "max": 1.0}},
})
wandb.agent(sweep, function=train, count=1)
look("RUNNING")
wandb.agent(sweep, function=train, count=1)
look("FINISHED")
for config in ({"method": "bayes"}, {"method": "grid", "metric": {"name": "loss"}}):
    config["parameters"] = {"x": {"min": 0.0, "max": 1.0}}
    try:
        wandb.sweep(config)
    except Exception as error:
        print("SAID", str(error).replace(chr(10), " "))
try:
    wandb.agent(sweep, function=train)
except Exception as error:
    print("SAID", error)
"""


@pytest.mark.parametrize("version", TRIED)
def test_functions_are_run_by_an_agent_in_the_same_process(
    version: str, wandb_script: Script
) -> None:
    done = wandb_script(IN_PROCESS, version, timeout_s=150)
    assert done.code == 0, done.output
    said = [line[5:] for line in done.output.splitlines() if line.startswith("SAID ")]
    assert said[:2] == ["1 RUNNING True", "2 FINISHED True"], done.output
    assert "needs a `metric`" in said[2]
    assert "parameters.x: a grid needs a finite list of values" in said[3]
    assert "run_cap 2 is reached" in said[4]


@pytest.mark.skipif(not ALL, reason="make test-wandb runs the command's agent of every version")
@pytest.mark.parametrize("version", [each for each in TRIED_OLD_TOO if each != NEWEST])
def test_the_agent_of_every_version(
    version: str, wandb_cli: Script, client: Client, tmp_path: Path
) -> None:
    config = {**GRID, "parameters": {**GRID["parameters"], "x": {"values": [1, 2]}}}
    path = create(wandb_cli, tmp_path, config, version=version)
    done = wandb_cli("agent", path, version=version, timeout_s=120)
    assert done.code == 0, done.output
    trials = client.trials(path.split("/")[-1])
    assert [trial["objective"] for trial in trials] == [pytest.approx(x + 1 / 3) for x in (1, 2)]
