"""A trial that is tried here, then elsewhere, and here again: its history fits its checkpoint.

Two machines that share no disk. What the first attempt had recorded is on the first machine; the
server shows the second attempt's rows instead, since it began anew; the third goes on from the
first one's checkpoint.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_main_job import Box, box

__all__ = ["box"]

FILE = """
program: train.py
method: grid
metric: {name: loss}
parameters: {x: {values: [1]}}
"""
SCRIPT = """
import os
import sys
from pathlib import Path
import opensweep
run = opensweep.init()
attempt = int(os.environ["GO"])
saved = Path(run.checkpoint_dir) / "next"
begin = int(saved.read_text()) if saved.exists() else 0
last = {1: 6, 2: 3, 3: 10}[attempt]
for step in range(begin, last):
    run.log({"loss": 10 - step, "attempt": attempt}, step=step)
if attempt < 3:
    if attempt == 1:
        saved.write_text(os.environ.get("SAVED", "6"))
    run.mark_preempting()
    sys.exit(1)
"""


@pytest.mark.parametrize("saved", [6, 4])  # 4: the rows behind the checkpoint are recorded again
def test_there_elsewhere_and_there_again(box: Box, tmp_path: Path, saved: int) -> None:
    box.write(SCRIPT, FILE)
    box.env["SAVED"] = str(saved)
    sweep_id = box.create()
    here = dict(box.env)
    url = json.loads((box.home / "server.json").read_text())["url"]
    there = {**here, "OPENSWEEP_HOME": str(tmp_path / "there"), "OPENSWEEP_URL": url}
    there["OPENSWEEP_API_KEY"] = (box.home / "api_key").read_text().strip()
    for go, env in enumerate((here, there, here), start=1):
        box.env = {**env, "GO": str(go)}
        box.sweep("agent", sweep_id, "--gpus", "none", "--count", "1")
    [trial] = box.json("trials", sweep_id)
    assert (trial["state"], trial["steps"]) == ("finished", 10)
    assert trial["attempts"] >= 3  # one that nobody claimed may have been replaced
    assert trial["summary"]["loss"] == 1
    assert rows(box, trial["id"]) == [
        (step, 10 - step, 1 if step < saved else 3) for step in range(10)
    ]


def rows(box: Box, trial_id: str) -> list[tuple[int, int, int]]:
    from opensweep.local import find_server
    from opensweep.settings import Settings

    client = find_server(Settings.from_env(box.env))
    assert client is not None
    with client:
        found = client.history(trial_id)
    return [(row["_step"], row["loss"], row["attempt"]) for row in found]
