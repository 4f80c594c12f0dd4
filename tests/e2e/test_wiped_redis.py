"""A Redis that forgets everything in mid-sweep, under a real server and a real agent."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from test_main_job import Box, box, wait_for

from controller.valkey import find_binary

__all__ = ["box"]

TRIALS = 12
FILE = f"""
program: train.py
method: grid
metric: {{name: loss}}
parameters: {{x: {{values: {list(range(1, TRIALS + 1))}}}}}
"""
SCRIPT = """
import time
import opensweep
run = opensweep.init()
with open("ran", "a") as file:
    file.write(f"{run.id}\\n")
for step in range(4):
    run.log({"loss": run.config.x})
    time.sleep(0.15)
"""


class Valkey:
    """A Valkey of the user's own, that keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.socket = folder / "own.sock"
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [find_binary(), "--port", "0", "--unixsocket", str(self.socket), "--save", ""],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
        )
        wait_for(self._answers, "an answer of Valkey")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def wipe(self) -> None:
        with redis.Redis.from_url(self.url) as connection:
            connection.flushall()

    def overwrite(self) -> None:
        """As somebody does who has the password and knows no better."""
        with redis.Redis.from_url(self.url) as connection:
            for key in connection.scan_iter("sweep:*"):
                connection.set(key, "nonsense")

    def start_empty(self) -> None:
        self.stop()
        self.start()

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as connection:
                return bool(connection.ping())
        except redis.exceptions.ConnectionError:
            return False


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    valkey = Valkey(tmp_path)
    valkey.start()
    try:
        yield valkey
    finally:
        valkey.stop()


@pytest.mark.parametrize("forget", [Valkey.wipe, Valkey.start_empty, Valkey.overwrite])
def test_forgets(valkey: Valkey, box: Box, forget: Callable[[Valkey], None]) -> None:
    """Each trial ends once and ran once; the agent stays, and ends well."""
    box.env["OPENSWEEP_REDIS_URL"] = valkey.url
    box.write(SCRIPT, FILE)
    sweep_id = box.create()
    agent = box.start("agent", sweep_id, "--slots", "2")
    ran = box.folder / "ran"
    for so_far in (3, 7):  # both slots are at work: the fourth trial began, and its job is gone
        wait_for(lambda n=so_far: ran.exists() and len(ran.read_text().split()) >= n, "trials")
        forget(valkey)
    out, err = agent.communicate(timeout=90)
    assert agent.returncode == 0, out + err
    assert "given up" not in err
    trials = box.json("trials", sweep_id)
    assert sorted(t["config"]["x"] for t in trials) == list(range(1, TRIALS + 1))
    assert {(t["state"], t["attempts"]) for t in trials} == {("finished", 1)}
    assert Counter(ran.read_text().split()) == Counter(t["id"] for t in trials)
