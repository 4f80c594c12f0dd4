"""sweep() and agent(function=…) from Python, as W&B's tutorials have them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from test_main_job import Box, box  # noqa: F401 - box is a fixture

TUTORIAL = """
import sys
import opensweep as wandb

def train():
    with wandb.init() as run:
        for epoch in range(2):
            run.log({"loss": run.config.lr * (epoch + 1)})

sweep_id = wandb.sweep({
    "method": "grid",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"lr": {"values": [1e-05, 0.1]}},
}, project="tutorial")
print("before", sys.argv[1:], flush=True)
wandb.agent(sweep_id, function=train, count=4)
second = wandb.sweep({
    "method": "random",
    "metric": {"name": "loss"},
    "parameters": {"lr": {"min": 5.0, "max": 6.0}},
})
wandb.agent(second, train, count=1)
print("after", sweep_id, second, flush=True)
"""


def test_a_tutorial_runs_as_it_is(box: Box) -> None:  # noqa: F811
    box.write(TUTORIAL)
    done = subprocess.run(
        [sys.executable, "train.py", "--mine"],
        cwd=box.folder,
        env=box.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("before ['--mine']") == 1  # the trials' own go to their consoles
    first, second = done.stdout.splitlines()[-1].split()[1:]
    trials = box.json("trials", first)
    assert {t["config"]["lr"]: (t["state"], t["objective"]) for t in trials} == {
        1e-05: ("finished", 1e-05),
        0.1: ("finished", 0.1),
    }
    assert box.json("status", first)["project"] == "tutorial"
    [trial] = box.json("trials", second)
    assert trial["state"] == "finished"
    assert trial["objective"] >= 5
    assert "before ['--mine']" in box.sweep("logs", trial["id"])


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("opensweep.sweep({'method': 'magic', 'program': 'a.py', 'parameters': {}})", "magic"),
        ("opensweep.sweep({'method': 'grid', 'parameters': {'a': {'value': 1}}})", "here is none"),
        ("opensweep.agent('nowhere', function=print)", "here is none"),
    ],
)
def test_what_cannot_be_run_from_python(box: Box, code: str, problem: str) -> None:  # noqa: F811
    done = subprocess.run(
        [sys.executable, "-c", f"import opensweep\n{code}"],
        cwd=box.folder,
        env=box.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "UsageError" in done.stderr
    assert problem in done.stderr
