"""A server and two agents on three machines: network namespaces that only a bridge joins.

Each has its own OPENSWEEP_HOME; the agents know OPENSWEEP_URL and OPENSWEEP_API_KEY, as on a real
GPU box, and get the address of Redis from the server.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SWEEP = Path(sys.executable).with_name("sweep")
ADDRESS = "10.87.0.{}"

SCRIPT = """
import time
import opensweep
run = opensweep.init()
for step in range(3):
    run.log({"loss": run.config.x + 1 / (step + 1)})
    time.sleep(0.1)  # so that neither machine can do them all before the other has begun
"""
YAML = """
program: train.py
method: grid
metric: {name: loss}
parameters: {x: {values: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}}
"""


def ip(*args: str) -> None:
    subprocess.run(["ip", *args], check=True, capture_output=True, text=True)


@dataclass
class Machine:
    namespace: str
    address: str
    home: Path
    env: dict[str, str]

    def command(self, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["ip", "netns", "exec", self.namespace, str(SWEEP), *args],
            cwd=self.home,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def sweep(self, *args: str, code: int = 0) -> str:
        process = self.command(*args)
        out, err = process.communicate(timeout=60)
        assert process.returncode == code, f"sweep {args}: exit {process.returncode}\n{out}\n{err}"
        return out + err if code else out


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[list[Machine]]:
    if os.geteuid() != 0:
        pytest.skip("only root may make network namespaces; CI runs this")
    tag = secrets.token_hex(3)
    made = []
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OPENSWEEP_")}
    try:
        for i in range(3):
            namespace = f"os-{tag}-{i}"
            ip("netns", "add", namespace)
            home = tmp_path / f"box{i}"
            home.mkdir()
            (home / "train.py").write_text(SCRIPT)
            (home / "sweep.yaml").write_text(YAML)
            env = {**kept, "OPENSWEEP_HOME": str(home / "home")}
            env["OPENSWEEP_PYTHON"] = sys.executable
            made.append(Machine(namespace, ADDRESS.format(i + 1), home, env))
            ip("-n", namespace, "link", "set", "lo", "up")
        hub = made[0].namespace
        ip("-n", hub, "link", "add", "hub", "type", "bridge")
        ip("-n", hub, "address", "add", f"{made[0].address}/24", "dev", "hub")
        ip("-n", hub, "link", "set", "hub", "up")
        for i, machine in enumerate(made[1:], 1):
            near = f"port{i}"
            ip("-n", hub, "link", "add", near, "type", "veth", "peer", "name", "eth0")
            ip("-n", hub, "link", "set", "eth0", "netns", machine.namespace)
            ip("-n", hub, "link", "set", near, "master", "hub", "up")
            ip("-n", machine.namespace, "address", "add", f"{machine.address}/24", "dev", "eth0")
            ip("-n", machine.namespace, "link", "set", "eth0", "up")
        yield made
    finally:
        for machine in made:
            subprocess.run(["ip", "netns", "delete", machine.namespace], check=False)


def test_a_server_and_two_agents_on_three_machines(machines: list[Machine]) -> None:
    server, *boxes = machines
    server.sweep("server", "start", "--host", "0.0.0.0", "--port", "8080")
    try:
        key = (server.home / "home" / "api_key").read_text().strip()
        for box in boxes:
            box.env["OPENSWEEP_URL"] = f"http://{server.address}:8080"
            box.env["OPENSWEEP_API_KEY"] = "not-the-key"
        refused = boxes[0].sweep("create", "sweep.yaml", code=2)
        assert "OPENSWEEP_API_KEY" in refused
        for box in boxes:
            box.env["OPENSWEEP_API_KEY"] = key

        sweep_id = json.loads(boxes[0].sweep("create", "sweep.yaml", "--json"))["id"]
        agents = [box.command("agent", sweep_id) for box in boxes]
        said = [agent.communicate(timeout=90) for agent in agents]
        assert [agent.returncode for agent in agents] == [0, 0], said

        status = json.loads(boxes[1].sweep("status", sweep_id, "--json"))
        assert status["state"] == "finished"
        trials = json.loads(boxes[1].sweep("trials", sweep_id, "--json"))
        assert sorted(t["config"]["x"] for t in trials) == list(range(1, 13))
        assert {(t["state"], t["attempts"]) for t in trials} == {("finished", 1)}
        # Each machine ran some of them, and none was run by both.
        ran = [
            {folder.name for folder in (box.home / "home" / "runs" / sweep_id).iterdir()}
            for box in boxes
        ]
        assert all(ran)
        assert ran[0] | ran[1] == {t["id"] for t in trials}
        assert not ran[0] & ran[1]
        assert json.loads(boxes[0].sweep("best", sweep_id, "--json"))["config"] == {"x": 1}
    finally:
        server.sweep("server", "stop")
