"""Scripts that `import wandb` where it is not installed, as they are, under an agent and alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_world import World

from agent.inject import inject_folder, wandb_folder
from logging_core import wandb_module

# After W&B's own examples: a sweep's train function, artifacts, tables, alerts.
TRAINING = """
import math, random
import wandb
from wandb.errors import CommError

def main():
    wandb.login()
    with wandb.init(project="examples", config={"epochs": 4, "x": 9}, tags=["a"]) as run:
        assert run is wandb.run and isinstance(run, wandb.sdk.wandb_run.Run)
        config = wandb.config
        for epoch in range(config.epochs):
            wandb.log({"loss": config.x / (epoch + 1), "epoch": epoch})
        wandb.define_metric("val/*", summary="min")
        run.log({"val/acc": 1.0, "page": wandb.Html("<b>hi</b>")})
        run.alert(title="done", text="all of it", level=wandb.AlertLevel.WARN)
        wandb.summary["best"] = dict(wandb.summary)["loss"]
        print("config", sorted(config.items()), wandb.__version__)

if __name__ == "__main__":
    main()
"""


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    worlds: list[World] = []

    def make(script: str, **spec: Any) -> World:
        world = World(tmp_path, "", spec)
        (tmp_path / "train.py").write_text(script)
        worlds.append(world)
        return world

    yield make
    for world in worlds:
        world.close()


@pytest.mark.parametrize("how", ["the sweep file", "the command"])
def test_a_sweep_over_a_wandb_script(make_world: Callable[..., World], how: str) -> None:
    world = make_world(TRAINING, **({"provide_wandb": True} if how == "the sweep file" else {}))
    ids = world.add({"x": 4}, {"x": 8})
    with world.agent(slots=1, provide_wandb=how == "the command") as agent:
        summary = agent.finish()
    assert (summary.finished, summary.best_objective) == (2, 1.0)
    trial = world.trials[ids[0]]
    assert [row.get("loss") for _, row in trial.rows()][:4] == [4.0, 2.0, 4 / 3, 1.0]
    assert trial.summary["val/acc"] == {"min": 1.0}
    assert trial.summary["best"] == 1.0
    assert (
        "config [('epochs', 4), ('x', 4)] 0.31.0" in trial.console()
    )  # the sweep's value is locked
    assert [alert["level"] for alert in trial.alerts] == ["WARN"]


def test_without_being_asked_nothing_is_provided(make_world: Callable[..., World]) -> None:
    pytest.importorskip("importlib.metadata")
    world = make_world(TRAINING)
    (trial_id,) = world.add({"x": 4})
    with world.agent(slots=1) as agent:
        agent.finish()
    assert "No module named 'wandb'" in world.trials[trial_id].console()


def python(folder: Path, code: str, *more: Path) -> subprocess.CompletedProcess[str]:
    """Runs code with the stand-in in front of its path, as the agent does."""
    path = [wandb_folder(folder / "home"), inject_folder(folder / "home"), *more]
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, path)),
             "OPENSWEEP_MODE": "offline", "OPENSWEEP_DIR": str(folder / "runs")},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


def test_libraries_find_it_and_its_version(tmp_path: Path) -> None:
    code = (
        "import importlib.util, importlib.metadata\n"
        "assert importlib.util.find_spec('wandb') is not None\n"
        "assert importlib.util.find_spec('wandb.sdk.wandb_run') is not None\n"
        "print(importlib.metadata.version('wandb'), importlib.metadata.metadata('wandb')['Name'])\n"
        "import wandb; print(wandb.__version__, wandb.__opensweep__)\n"
    )
    done = python(tmp_path, code)
    assert done.returncode == 0, done.stderr
    version = wandb_module.VERSION
    assert done.stdout.split() == [version, "wandb", version, __import__("opensweep").__version__]
    assert done.stderr == ""


def test_every_name_that_is_listed_is_there(tmp_path: Path) -> None:
    """But for the callbacks of frameworks that are not installed here."""
    code = (
        "import importlib, wandb\n"
        "from logging_core.wandb_module.modules import _MODULES\n"
        "frameworks = ('keras', 'lightgbm', 'sb3', 'sklearn', 'xgboost')\n"
        "for below in _MODULES:\n"
        "    module = importlib.import_module('wandb.' + below)\n"
        "    if not below.endswith(frameworks):\n"
        "        for name in dir(module): getattr(module, name)\n"
        "missing = []\n"
        "for name in dir(wandb):\n"
        "    try: getattr(wandb, name)\n"
        "    except ImportError: missing.append(name)\n"
        "print(sorted(missing))\n"
        "from wandb.data_types import *; from wandb.errors import *; from wandb.sdk import *\n"
        "assert Table is wandb.Table and Error is wandb.Error and AlertLevel is wandb.AlertLevel\n"
    )
    done = python(tmp_path, code)
    assert done.returncode == 0, done.stderr
    assert set(eval(done.stdout)) <= {"keras", "lightgbm", "sb3", "sklearn", "xgboost"}


def test_what_is_not_there_says_so_by_its_name(tmp_path: Path) -> None:
    code = (
        "import wandb\n"
        "def said(what):\n"
        "    try: exec(what)\n"
        "    except Exception as error: print(type(error).__name__, error)\n"
        "    else: print('nothing')\n"
        "said('wandb.launch'); said('wandb.sdk.lib.telemetry'); said('import wandb.sdk.internal')\n"
        "said('from wandb.sdk.lib import telemetry'); said('wandb.controller()')\n"
        "said('wandb.EvalTable()'); said('wandb.init(mode=\"disabled\").telemetry')\n"
        "assert not hasattr(wandb, 'launch')\n"
    )
    done = python(tmp_path, code)
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["AttributeError", "wandb.launch"],
        ["AttributeError", "wandb.sdk.lib.telemetry"],
        ["ModuleNotFoundError", "wandb.sdk.internal"],
        ["ImportError", "cannot"],  # Python's own words; they name it, too
        ["NotImplementedError", "wandb.controller()"],
        ["NotImplementedError", "wandb.EvalTable()"],
        ["AttributeError", "opensweep's"],
    ]
    assert [number for number, line in enumerate(lines) if "stand-in" not in line] == [3, 6]


def test_it_hides_an_installed_wandb_and_says_so_once(tmp_path: Path) -> None:
    (tmp_path / "site" / "wandb").mkdir(parents=True)
    (tmp_path / "site" / "wandb" / "__init__.py").write_text("raise SystemExit('the real one')")
    (tmp_path / "wandb").mkdir()  # W&B's folder of runs, in the working directory: no package
    code = (
        "import wandb, subprocess, sys\n"
        "assert wandb.__opensweep__\n"
        "subprocess.run([sys.executable, '-c', 'import wandb; assert wandb.__opensweep__'])\n"
    )
    done = python(tmp_path, code, tmp_path / "site")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("stand-in") == 1
    assert str(tmp_path / "site") in done.stderr


def test_the_last_object_of_a_script_may_ask_for_the_run(tmp_path: Path) -> None:
    code = (
        "import wandb\n"
        "class Logger:\n"
        "    def __init__(self): self._wandb = wandb\n"
        "    def __del__(self):\n"
        "        if self._wandb.run: self._wandb.finish()\n"
        "keep = Logger(); keep.keep = keep\n"
        "import sys; sys.keep = keep\n"
    )
    done = python(tmp_path, code)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_folder_of_it_that_was_cleaned_away_is_made_again(tmp_path: Path) -> None:
    folder = wandb_folder(tmp_path)
    assert folder == wandb_folder(tmp_path)
    (folder / "wandb" / "__init__.py").unlink()
    assert (wandb_folder(tmp_path) / "wandb" / "__init__.py").is_file()
    assert not (inject_folder(tmp_path) / "wandb").exists()
