"""Each file in sweep_configs/ does what it is there to show: run by `sweep run`, as a user would.

Real server, real agent, real training. Nothing is cut short but the demo. A file without a check
here fails, and so does a process that outlives it all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from sweeps.parameters import DISTRIBUTIONS
from sweeps.spec import load_spec

FOLDER = Path(__file__).resolve().parents[2] / "sweep_configs"
FILES = sorted(path.name for path in FOLDER.glob("*.yaml"))
SCRIPTS = sorted(path.name for path in FOLDER.glob("train_*.py"))
SWEEP = Path(sys.executable).with_name("sweep")
LONG_S = 100


@dataclass
class Place:
    """A home with a server of its own, and the command to use it."""

    folder: Path
    env: dict[str, str]

    def sweep(self, *arguments: str) -> str:
        done = subprocess.run(
            [SWEEP, *arguments],
            cwd=FOLDER,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=LONG_S,
        )
        assert done.returncode == 0, f"sweep {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.sweep(*arguments, "--json"))

    def processes(self) -> list[psutil.Process]:
        """Those that live in this home: server, Valkey, agents, wardens, training."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("OPENSWEEP_HOME") == str(self.folder):
                    found.append(process)
            except psutil.Error:
                continue
        return [process for process in found if lives(process)]


def lives(process: psutil.Process) -> bool:
    """A zombie does not: it is its parent's to bury."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("home")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("OPENSWEEP_", "WANDB_"))}
    place = Place(folder, {**env, "OPENSWEEP_HOME": str(folder), "USER": "ada", "HOME": "/home/a"})
    try:
        yield place
        server = psutil.Process(place.json("server", "status")["pid"])
        family = [server, *server.children(recursive=True)]
        assert len(family) > 1, "the server and its Valkey"
        place.sweep("server", "stop")
        left = [process for process in family if lives(process)]
        assert left == []
        assert place.processes() == []
    finally:
        for process in place.processes():
            process.kill()


@dataclass
class Outcome:
    """What `sweep run FILE` came to: the sweep's status, and its trials by number."""

    place: Place
    file: dict[str, Any]
    status: dict[str, Any]
    trials: list[dict[str, Any]]

    @property
    def configs(self) -> list[dict[str, Any]]:
        return [trial["config"] for trial in self.trials]

    def log(self, number: int) -> str:
        return self.place.sweep("logs", f"{self.status['id']}-{number}")

    def all_finished(self, trials: int) -> None:
        assert [trial["number"] for trial in self.trials] == list(range(1, trials + 1))
        assert {trial["state"] for trial in self.trials} == {"finished"}
        assert all(isinstance(trial["objective"], float) for trial in self.trials)

    def some_stopped(self, trials: int) -> None:
        """Stopped with their values kept, before their last epoch, and the best one not."""
        assert len(self.trials) == trials
        assert {trial["state"] for trial in self.trials} == {"finished", "stopped"}
        epochs = self.file["parameters"]["epochs"]["value"]
        for trial in self.trials:
            assert isinstance(trial["objective"], float)
            assert (trial["steps"] == epochs) or trial["state"] == "stopped"
        stopped = [trial for trial in self.trials if trial["state"] == "stopped"]
        assert min(trial["steps"] for trial in stopped) < epochs
        assert all(trial["reason"] == "early_stop" and trial["detail"] for trial in stopped)
        assert self.status["best"]["state"] == "finished"


CHECKS: dict[str, Callable[[Outcome], None]] = {}


def check(function: Callable[[Outcome], None]) -> Callable[[Outcome], None]:
    """Registers the check of the file that the function is named for."""
    CHECKS[f"{function.__name__}.yaml"] = function
    return function


@pytest.mark.parametrize("name", FILES)
def test_a_sweep_file_runs_and_shows_what_it_is_for(
    name: str, place: Place, tmp_path: Path
) -> None:
    assert name in CHECKS, f"{name} needs a check in this file"
    file, path = yaml.safe_load((FOLDER / name).read_text()), FOLDER / name
    if name == "digits.yaml":  # the demo takes half a minute: three trials of three epochs
        file["run_cap"], file["parameters"]["epochs"]["value"] = 3, 3
        path = tmp_path / name
        path.write_text(yaml.safe_dump(file))
    *_, status = place.sweep("run", str(path), "--slots", "2", "--json").splitlines()
    sweep = json.loads(status)
    assert sweep["state"] == "finished"
    CHECKS[name](Outcome(place, file, sweep, place.json("trials", sweep["id"])))
    assert len(place.processes()) <= 2, "the server and its Valkey alone outlive a sweep"


@check
def digits(outcome: Outcome) -> None:
    assert len(outcome.trials) == 3
    assert {trial["state"] for trial in outcome.trials} <= {"finished", "stopped"}
    assert outcome.configs[0] == {**outcome.file["enqueue"][0], "epochs": 3}
    assert outcome.status["best"]["objective"] >= outcome.trials[0]["objective"] > 0.3


@check
def grid(outcome: Outcome) -> None:
    outcome.all_finished(6)
    points = {(config["lr"], config["activation"]) for config in outcome.configs}
    assert points == {(lr, name) for lr in (0.003, 0.01, 0.03) for name in ("relu", "tanh")}
    assert outcome.status["best"]["objective"] == min(t["objective"] for t in outcome.trials)


@check
def random(outcome: Outcome) -> None:
    outcome.all_finished(8)
    assert {type(config["degree"]) for config in outcome.configs} == {int}
    assert all(trial["steps"] == 1 for trial in outcome.trials)
    assert 0.4 < outcome.status["best"]["objective"] < 1.0
    again = outcome.place.sweep("run", "random.yaml", "--count", "1", "--json").splitlines()[-1]
    (first,) = outcome.place.json("trials", json.loads(again)["id"])
    assert first["config"] == outcome.configs[0], "the same seed, the same draw"
    outcome.place.sweep("cancel", json.loads(again)["id"])


@check
def bayes(outcome: Outcome) -> None:
    outcome.all_finished(12)
    first, second, *_ = outcome.configs
    assert {"lr": 0.01, "hidden": 16, "optimizer": "sgd"}.items() <= first.items()
    assert second["lr"] == 0.001
    assert all(config["hidden"] % 4 == 0 for config in outcome.configs)
    assert outcome.status["best"]["objective"] < 0.1


@check
def hyperband(outcome: Outcome) -> None:
    outcome.some_stopped(9)
    assert outcome.status["best"]["objective"] > 0.9


@check
def curve(outcome: Outcome) -> None:
    outcome.some_stopped(12)
    stopped = [trial["detail"] for trial in outcome.trials if trial["state"] == "stopped"]
    assert all(detail.startswith("curve at iteration ") for detail in stopped)


@check
def asha(outcome: Outcome) -> None:
    outcome.some_stopped(9)


@check
def median(outcome: Outcome) -> None:
    outcome.some_stopped(9)


@check
def percentile(outcome: Outcome) -> None:
    outcome.some_stopped(9)


@check
def target(outcome: Outcome) -> None:
    assert "0.97" in outcome.status["reason"]
    assert outcome.status["best"]["objective"] >= 0.97
    assert len(outcome.trials) < 60


@check
def nested(outcome: Outcome) -> None:
    outcome.all_finished(5)
    enqueued = outcome.configs[0]["optimizer"]
    assert enqueued == {"name": "sgd", "lr": 0.01, "schedule": {"decay": 1.0}}
    for trial in outcome.trials:
        optimizer = trial["config"]["optimizer"]
        last = optimizer["lr"] * optimizer["schedule"]["decay"] ** 7
        assert trial["summary"]["lr"] == pytest.approx(last), "the script saw these very values"


@check
def conditional(outcome: Outcome) -> None:
    outcome.all_finished(7)
    first = outcome.configs[0]
    assert (first["model"], first["layers"], first["second"]) == ("network", 2, 8)
    for trial in outcome.trials:
        config = trial["config"]
        assert ("momentum" in config) == (config["optimizer"] == "sgd")
        assert ("layers" in config) == ("first" in config) == (config["model"] == "network")
        assert ("second" in config) == (config.get("layers") == 2)
        assert config.get("second", 0) <= config.get("first", 64)
        assert config["optimizer"] == "sgd" or config["lr"] < 0.1
    for trial in outcome.trials[:2]:
        config = trial["config"]
        passed = {word.partition("=")[0][2:] for word in outcome.log(trial["number"]).split()}
        assert passed >= config.keys(), "as arguments"
        assert passed.isdisjoint({"momentum", "layers", "first", "second"} - config.keys())


@check
def trade_offs(outcome: Outcome) -> None:
    outcome.all_finished(6)
    best = outcome.place.json("best", outcome.status["id"])
    assert best["keeps_limits"]
    assert best["id"] == best["front"][0]["id"] == outcome.status["best"]["id"]
    scores = [(each["objective"], each["summary"]["parameters"]) for each in best["front"]]
    assert scores == sorted(scores)
    assert [size for _, size in scores] == sorted((size for _, size in scores), reverse=True)
    table = outcome.place.sweep("best", outcome.status["id"])
    assert "that no other one beats in every objective:" in table
    assert "parameters: " in table


@check
def distributions(outcome: Outcome) -> None:
    outcome.all_finished(4)
    used = [parameter["distribution"] for parameter in outcome.file["parameters"].values()]
    assert sorted(used) == sorted(DISTRIBUTIONS), "each once"


@check
def command(outcome: Outcome) -> None:
    outcome.all_finished(2)
    settings = "{'model.hidden': 8, 'optimizer.lr': 0.005, 'epochs': 8, 'label': "
    assert f"{settings}'by ada in /home/a'}}" in outcome.log(1)


@check
def hydra(outcome: Outcome) -> None:
    outcome.all_finished(4)
    for number, config in enumerate(outcome.configs, 1):
        assert f"'model.hidden': {config['model.hidden']}," in outcome.log(number)


@check
def retry(outcome: Outcome) -> None:
    outcome.all_finished(4)
    assert [trial["attempts"] for trial in outcome.trials] == [1, 1, 2, 2]
    assert "goes on after 5 epochs" in outcome.log(3)
    assert {trial["steps"] for trial in outcome.trials} == {8}, "nothing missing, nothing twice"


@check
def pbt(outcome: Outcome) -> None:
    outcome.all_finished(24)
    epochs = [trial["summary"]["epoch"] for trial in outcome.trials]
    assert epochs[:6] == [2] * 6
    assert set(epochs[6:]) <= {4, 6, 8, 10, 12, 14}, "each goes on where its parent was"
    for trial, reached in zip(outcome.trials[6:12], epochs[6:12], strict=True):
        assert f"goes on after {reached - 2} epochs" in outcome.log(trial["number"])
    copied = {repr(config) for config in outcome.configs}
    assert 6 < len(copied) < 24, "some went on as they were, some with others' settings"
    assert outcome.status["best"]["objective"] < 0.2


@check
def wandb_script(outcome: Outcome) -> None:
    outcome.all_finished(5)
    for trial in outcome.trials:
        assert trial["summary"]["val/loss"] == {"min": pytest.approx(trial["objective"])}
        assert trial["summary"]["parameters"] == 33 * trial["config"]["hidden"] + 2
    assert "import wandb" in (FOLDER / "train_wandb.py").read_text()


@check
def provide_wandb(outcome: Outcome) -> None:
    outcome.all_finished(2)
    for trial in outcome.trials:
        assert trial["summary"]["val/loss"] >= trial["objective"] > 0
        assert trial["summary"]["labels"]["_type"] == "table-file"


def test_no_check_is_left_of_a_file_that_is_gone() -> None:
    assert set(CHECKS) == set(FILES)


def test_every_script_is_run_by_a_file() -> None:
    programs = {load_spec((FOLDER / name).read_text(), path=name).program for name in FILES}
    assert programs == set(SCRIPTS)


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name != "train_untouched.py"])
def test_a_script_runs_by_itself(name: str, tmp_path: Path) -> None:
    """With its defaults, recording beside the folder that it was started in."""
    options = ["--epochs=1"] if name == "train_digits.py" else []
    env = {k: v for k, v in os.environ.items() if not k.startswith(("OPENSWEEP_", "WANDB_"))}
    done = subprocess.run(
        [sys.executable, FOLDER / name, *options],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=LONG_S,
    )
    assert done.returncode == 0, done.stderr
    assert "Run summary" in done.stdout + done.stderr
    assert len(list((tmp_path / "opensweep").glob("*/records.*.bin"))) == 1
