"""Artifacts and files through the front door: `sweep run`, `sweep artifact`, opensweep.Api()."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from opensweep.local import Settings, stop_server

SWEEP = Path(sys.executable).with_name("sweep")
FILE = """
program: train.py
method: grid
metric: {name: loss}
parameters: {x: {values: [1, 2]}}
"""
SCRIPT = """
import os, pathlib
import opensweep
assert "OPENSWEEP_API_KEY" not in os.environ
run = opensweep.init()
data = pathlib.Path(run.use_artifact("data:v0").download(f"data-{run.config.x}"))
pathlib.Path(run.dir, "seen.txt").write_text((data / "input.txt").read_text())
model = opensweep.Artifact("net", "model", metadata={"x": run.config.x})
with model.new_file("weights", "wb") as file:
    file.write(bytes([run.config.x]) * 3_000_000)
run.log_artifact(model, aliases=[f"x{run.config.x}"])
run.log({"loss": 1 / run.config.x})
os.kill(os.getpid(), 9) if run.config.x == 1 else None
"""
READ = """
import opensweep
api = opensweep.Api()
versions = {v.metadata["x"]: v for v in api.artifacts("model", "net")}
for x in (1, 2):
    run = versions[x].logged_by()
    files = {file.name: file.size for file in run.files()}
    print(x, versions[x].aliases[-1], files["seen.txt"], run.used_artifacts()[0].name, run.state)
print(open(versions[1].file(), "rb").read() == b"\\1" * 3_000_000)
print(versions[2].logged_by().file("seen.txt").download("read").read())
"""


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Path]:
    try:
        yield tmp_path
    finally:
        stop_server(Settings(home=tmp_path / "home"))


def run(folder: Path, *argv: str | Path) -> str:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENSWEEP_", "WANDB_"))}
    root = str(Path(__file__).parents[2])
    env = {**kept, "OPENSWEEP_HOME": str(folder / "home"), "OPENSWEEP_PYTHON": sys.executable}
    done = subprocess.run(
        argv,
        cwd=folder,
        env={**env, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_trials_use_and_make_artifacts(box: Path) -> None:
    (box / "train.py").write_text(SCRIPT)
    (box / "sweep.yaml").write_text(FILE)
    (box / "input").mkdir()
    (box / "input" / "input.txt").write_text("given")
    put = run(box, SWEEP, "artifact", "put", "input", "--name", "data", "--alias", "best")
    assert put == "uncategorized/data:v0 (1 file, 5 bytes)\n"
    run(box, SWEEP, "run", "sweep.yaml")
    lines = run(box, sys.executable, "-c", READ).splitlines()
    assert lines == [
        "1 x1 5 data:v0 failed",
        "2 x2 5 data:v0 finished",
        "True",
        "given",
    ]
    listed = json.loads(run(box, SWEEP, "artifact", "ls", "--json"))
    assert [(one["name"], one["version"]) for one in listed] == [("data", 0), ("net", 1)]
    assert run(box, SWEEP, "artifact", "get", "data:best") == "artifacts/data:v0\n"
    assert (box / "artifacts/data:v0/input.txt").read_text() == "given"
    assert "net:v1" in run(box, SWEEP, "artifact", "ls", "--type", "model")
    same = run(box, SWEEP, "artifact", "put", "input", "-n", "data", "-d", "again", "--json")
    assert json.loads(same)["version"] == 0
