"""Frameworks whose callbacks report to W&B, with the real client, against our server.

Each trains something tiny in a process of an environment that has the framework: `make
test-frameworks` makes it, and runs these; the everyday suite skips them.
"""

from __future__ import annotations

import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from trained import READ_BACK, Train, Trained
from wandb_clients import (
    NEWEST,
    ROOT,
    Script,
    WandbServer,
    client_python,
    run_to_end,
)

import opensweep
from logging_core.api.http import Server


@cache
def python_with(library: str) -> Path:
    """An interpreter that has `library` and the client; skips the test where there is none."""
    named = os.environ.get("OPENSWEEP_TEST_FRAMEWORKS")
    python = Path(named) if named else ROOT / ".venv-frameworks" / "bin" / "python"
    if python.exists():
        if library in ("lightgbm", "sklearn", "xgboost"):
            return client_python(NEWEST, "boosting")
        if library == "tensorflow":
            return client_python(NEWEST, library)
        looks = f"import importlib.util as u, sys; sys.exit(u.find_spec({library!r}) is None)"
        if subprocess.run([str(python), "-c", looks], check=False).returncode == 0:
            return python
    pytest.skip(f"{library} is not installed: make test-frameworks")


@pytest.fixture
def train(
    wandb_environment: dict[str, str],
    wandb_script: Script,
    wandb_server: WandbServer,
    project: str,
    tmp_path: Path,
    api: opensweep.Api,
) -> Train:
    """Runs a training to its good end; what was recorded, seen by our API and by W&B's alike."""

    def run(library: str, text: str, *, timeout_s: float = 240, **env: str) -> Trained:
        python = str(python_with(library))
        path = tmp_path / "train.py"
        path.write_text(text)
        before = unknown(wandb_server)
        given = wandb_environment | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "2"} | env
        ended = run_to_end([python, str(path)], given, tmp_path, timeout_s)
        assert ended.code == 0, ended.output
        assert "wandb: ERROR" not in ended.output, ended.output
        read = wandb_script(READ_BACK)
        assert read.code == 0, read.output
        assert unknown(wandb_server) == before
        runs = list(api.runs(project, order="+created_at"))
        trained = Trained(ended.output, runs, tmp_path)
        trained.seen_alike(json.loads(read.output.split("SEEN ")[1].splitlines()[0]))
        return trained

    return run


def unknown(server: WandbServer) -> Any:
    """What clients asked for, up to now, and did not get."""
    return Server(server.url, server.key).json("GET", "/api/wandb/unknown")
