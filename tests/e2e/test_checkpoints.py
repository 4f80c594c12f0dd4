"""A checkpoint folder goes from trial to trial, also from one machine to another: real processes.

Two homes stand for two machines: neither agent sees the other's run folders.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SWEEP = Path(sys.executable).with_name("sweep")

SCRIPT = """
import os, pathlib, opensweep
run = opensweep.init()
kept = pathlib.Path(run.checkpoint_dir)
large, deep = kept / "weights.bin", kept / "state" / "done.txt"
done = int(deep.read_text()) if deep.exists() else 0
assert run.resumed == (done > 0), (run.resumed, done)
if done:
    assert large.read_bytes() == bytes([done]) * 9_000_000
deep.parent.mkdir(exist_ok=True)
deep.write_text(str(done + 1))
large.write_bytes(bytes([done + 1]) * 9_000_000)
run.log({"loss": run.config.x, "done": done + 1})
"""
YAML = """
program: train.py
method: bayes
search: {type: pbt, population: 2}
metric: {name: loss}
parameters: {x: {min: 0.0, max: 1.0}}
run_cap: 5
"""


def test_a_segment_goes_on_on_another_machine(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "sweep.yaml").write_text(YAML)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENSWEEP_", "WANDB_"))}
    first = {**kept, "OPENSWEEP_HOME": str(tmp_path / "first")}

    said: list[str] = []

    def sweep(env: dict[str, str], *arguments: str) -> str:
        done = subprocess.run(
            [SWEEP, *arguments], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        said.append(done.stderr)
        return done.stdout

    try:
        sweep_id = json.loads(sweep(first, "create", "sweep.yaml", "--json"))["id"]
        server = json.loads(sweep(first, "server", "status", "--json"))
        second = {
            **kept,
            "OPENSWEEP_HOME": str(tmp_path / "second"),
            "OPENSWEEP_URL": server["url"],
            "OPENSWEEP_API_KEY": (tmp_path / "first" / "api_key").read_text().strip(),
        }
        for env, count in ((first, "2"), (second, "3")):
            said.append(sweep(env, "agent", sweep_id, "--slots", "1", "--count", count))
        assert "begins from nothing" not in "".join(said)
        trials: list[dict[str, Any]] = json.loads(sweep(first, "trials", sweep_id, "--json"))
        assert {trial["state"] for trial in trials} == {"finished"}, trials
        done = [trial["summary"]["done"] for trial in trials]
        assert done[:2] == [1, 1]
        assert min(done[2:]) == 2
        assert max(done) == 3, "five segments of two members"
        best = json.loads(sweep(first, "best", sweep_id, "--json"))
        assert len(best["chain"]) == best["summary"]["done"]
        assert best["checkpoint"]["files"] == 2
        assert "# its checkpoint: 2 files below _checkpoints/" in sweep(first, "best", sweep_id)
    finally:
        sweep(first, "server", "stop")
