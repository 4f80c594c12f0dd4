"""A sweep's analysis over HTTP and by the command: worked out elsewhere, kept, and never awaited
by others."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cli_world import sweep
from test_server_api import KEY, OK, World, running

from controller import analysis
from controller.store.records import NewTrial
from opensweep.commands.advise import _once_more
from sweeps import errors
from sweeps.trial import AttemptState, Outcome, Reason

YAML = """
program: train.py
method: random
metric: {name: loss, goal: minimize}
early_terminate: {type: %s}
parameters:
  lr: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
  layers: {min: 1, max: 6}
  optimizer: {values: [adam, sgd]}
  tree: {parameters: {depth: {distribution: normal, mu: 3, sigma: 1}}}
  seed: {value: 7}
"""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    with running(tmp_path) as made:
        monkeypatch.setenv("OPENSWEEP_URL", made.url)
        monkeypatch.setenv("OPENSWEEP_API_KEY", KEY)
        monkeypatch.setenv("OPENSWEEP_HOME", str(tmp_path / "home"))
        monkeypatch.chdir(tmp_path)
        yield made


def create(world: World, rule: str = "hyperband, min_iter: 3, eta: 3") -> str:
    return str(world.client.create_sweep(YAML % rule, "s.yaml", "/here", "box")["id"])


def end(world: World, sweep_id: str, trials: int, first: int = 1) -> None:
    """Trials whose loss is their number of layers, mostly."""
    numbers = range(first, first + trials)
    new = [
        NewTrial(
            n,
            {
                "lr": 10 ** -(1 + 3 * (n * 0.618 % 1)),
                "layers": n % 6 + 1,
                "optimizer": "adam" if n % 2 else "sgd",
                "tree": {"depth": 3 + (n * 0.414 % 1)},
                "seed": 7,
            },
        )
        for n in numbers
    ]
    world.store.enqueue_trials(sweep_id, new, [f"test:{n}" for n in numbers])
    for trial in new:
        name = f"{sweep_id}-{trial.number}"
        world.store.start_attempt(name, 1, agent_id="a", host="box", device="cpu")
        loss = trial.config["layers"] + 0.3 * trial.config["tree"]["depth"]
        world.store.end_attempt(name, 1, OK, objective=loss, retry=lambda _: False)


def ask(world: World, path: str) -> Any:
    status, answer = world.raw("GET", path)
    assert status == 200, answer
    return answer


def test_the_axes_of_a_space_and_the_rungs_of_its_rule(world: World) -> None:
    space = ask(world, f"/api/sweeps/{create(world)}/space")
    axes = {axis.pop("name"): axis for axis in space["parameters"]}
    plain = {"log": False, "whole": False, "low": None, "high": None, "values": None, "when": ""}
    assert axes["lr"] == {**plain, "kind": "number", "log": True, "low": 0.0001, "high": 0.1}
    assert axes["layers"] == {**plain, "kind": "number", "whole": True, "low": 1, "high": 6}
    assert axes["optimizer"] == {**plain, "kind": "category", "values": ["adam", "sgd"]}
    assert axes["tree.depth"] == {**plain, "kind": "number"}  # a normal has no ends
    assert axes["seed"] == {**plain, "kind": "constant", "values": [7]}
    assert space["metric"] == {"name": "loss", "goal": "minimize"}
    assert space["rule"]["type"] == "hyperband"
    assert space["rule"]["rungs"][:3] == [3, 9, 27]
    assert space["rule"]["from"] == 3


@pytest.mark.parametrize(
    ("rule", "rungs", "first"),
    [
        ("asha, max_iter: 30, eta: 3", [2, 6, 18], 2),
        ("median, min_iter: 4", [], 4),
        ("percentile, percentile: 50, min_iter: 5", [], 5),
    ],
)
def test_each_rule_says_where_it_looks(
    world: World, rule: str, rungs: list[int], first: int
) -> None:
    found = ask(world, f"/api/sweeps/{create(world, rule)}/space")["rule"]
    assert (found["rungs"], found["from"]) == (rungs, first)


def test_importance_comes_when_there_are_enough_trials(world: World) -> None:
    id = create(world)
    path = f"/api/sweeps/{id}/importance"
    assert ask(world, path)["needs"] == 16
    end(world, id, 40)
    world.client.change(id, "cancel")  # over: the next answer is of all trials
    found = ask(world, path)
    assert (found["trials"], found["needs"], found["problem"]) == (40, 0, None)
    best = found["parameters"][0]
    assert best["name"] == "layers"
    assert best["share"] > 0.8
    assert best["marginal"]["at"] == [1, 2, 3, 4, 5, 6]
    assert best["marginal"]["mean"] == sorted(best["marginal"]["mean"])
    assert found["correlations"][0]["name"] == "layers"
    assert found["correlations"][0]["low"] > 0.8
    assert ask(world, f"{path}?of=rank")["of"] == "rank"


def test_an_answer_is_kept_until_there_is_news(world: World) -> None:
    id = create(world)
    end(world, id, 20)
    kept = analysis.Analyses()
    first = kept.importance(world.store, id, "value")
    assert kept.importance(world.store, id, "value") is first
    assert first["stale"] is False
    end(world, id, 1, first=21)
    # While it runs, an answer that is seconds old will do; it says that there is more.
    assert kept.importance(world.store, id, "value") == {**first, "stale": True}
    late = analysis.Analyses(clock=iter([0.0, 0.1, 1000.0, 1000.0, 1000.1]).__next__)
    late.importance(world.store, id, "value")
    end(world, id, 1, first=22)
    assert late.importance(world.store, id, "value")["trials"] == 22


def test_one_that_takes_too_long_is_given_up_and_holds_nobody_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = create(world)
    end(world, id, 20)
    monkeypatch.setattr(analysis, "_COMMAND", (sys.executable, "-c", "import time; time.sleep(60)"))
    world.services.analyses = analysis.Analyses(limit_s=3.0)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(ask, world, f"/api/sweeps/{id}/importance")
        for _ in range(5):
            ask(world, f"/api/sweeps/{id}")
        assert not asked.done()
        found = asked.result(20)
    assert "took more than 3 s" in found["problem"]
    with pytest.raises(errors.NotFoundError):
        world.client.importance("none0000")
    assert world.raw("GET", f"/api/sweeps/{id}/importance?of=luck")[0] == 400


def test_the_command_says_what_matters_and_how_sure_that_is(world: World) -> None:
    id = create(world)
    result = sweep("importance", id)
    assert result.exit_code == 1
    assert "0 trials" in result.stderr
    end(world, id, 40)
    world.services.analyses = analysis.Analyses()
    lines = sweep("importance", id).stdout.splitlines()
    assert lines[0].split() == ["PARAMETER", "SHARE", "PROBABLY", "CORRELATION"]
    assert lines[1].startswith("layers ")
    assert any("no more than chance" in line for line in lines)
    assert lines[-1].startswith("of 40 trials; the model explains")
    assert json.loads(sweep("importance", id, "--json").stdout)["trials"] == 40


def test_failed_trials_say_nothing(world: World) -> None:
    id = create(world)
    end(world, id, 20)
    new = NewTrial(21, {"lr": 0.01, "layers": 2, "optimizer": "adam", "seed": 7})
    world.store.enqueue_trials(id, [new], ["test:21"])
    world.store.start_attempt(f"{id}-21", 1, agent_id="a", host="box", device="cpu")
    broke = Outcome(AttemptState.FAILED, Reason.ERROR, "it broke", 1)
    world.store.end_attempt(f"{id}-21", 1, broke, retry=lambda _: False)
    assert ask(world, f"/api/sweeps/{id}/importance")["trials"] == 20


def test_advice_on_what_to_do_next(world: World) -> None:
    id = create(world, "median")
    path = f"/api/sweeps/{id}/advice"
    assert ask(world, path)["needs"] == 5
    result = sweep("advise", id)
    assert result.exit_code == 1
    assert "it takes 5 more" in result.stderr
    end(world, id, 30)
    world.services.analyses = analysis.Analyses()
    found = ask(world, f"{path}?trials=4")
    assert (found["trials"], found["more"], found["needs"], found["problem"]) == (30, 4, 0, None)
    best = found["best"][0]
    assert best["config"]["layers"] == 1
    assert best["low"] <= best["value"] <= best["high"]
    assert found["gain"]["trials"] == 4
    assert found["gain"]["each_s"] is not None
    layers = next(part for part in found["region"]["parameters"] if part["name"] == "layers")
    assert layers["at"] == "min"
    assert world.raw("GET", f"{path}?trials=51")[0] == 400

    said = sweep("advise", id, "--trials", "4").stdout
    assert said.startswith("TRIAL")
    assert "4 more trials: loss is expected to get better by" in said
    assert "layers is best at its min of 1: widen that bound." in said
    assert "\nparameters:\n" in said
    assert json.loads(sweep("advise", id, "--trials", "4", "--json").stdout) == found


@pytest.mark.parametrize(
    ("fields", "commands"),
    [
        ({}, ["enqueue abc12345 --again 4 --times 3", "agent abc12345"]),
        (
            {"run_cap": 6},
            ["update abc12345 --run-cap 9", "enqueue abc12345 --again 4 --times 3",
             "agent abc12345"],
        ),
        ({"agents": [{"id": "a"}]}, ["enqueue abc12345 --again 4 --times 3"]),
        ({"state": "canceled"}, []),
    ],
)  # fmt: skip
def test_where_noise_is_unknown_the_commands_that_show_it_are_named(
    fields: dict[str, Any], commands: list[str]
) -> None:
    status = {"id": "abc12345", "state": "finished", "counts": {"finished": 5, "stopped": 1}}
    found = {"noisy": "unknown", "best": [{"number": 4}]}
    assert _once_more(found, {**status, **fields}) == [f"  sweep {each}" for each in commands]
    assert _once_more({**found, "noisy": "yes"}, status) == []


def test_the_best_says_how_sure_it_is(world: World) -> None:
    id = create(world, "median")
    end(world, id, 4)
    assert "probably" not in sweep("best", id).stdout
    assert json.loads(sweep("best", id, "--json").stdout)["believed"] is None
    end(world, id, 20, first=5)
    world.services.analyses = analysis.Analyses()
    lines = sweep("best", id).stdout.splitlines()
    assert lines[2].startswith("# true value probably ")
    told = json.loads(sweep("best", id, "--json").stdout)
    assert told["number"] in told["believed"]["best"][0]["numbers"]
    assert "probably" not in sweep("best", id, "--args").stdout


def test_what_a_sweep_lacks_for_advice_is_said(world: World) -> None:
    yaml = YAML.replace("metric: {name: loss, goal: minimize}\nearly_terminate: {type: %s}\n", "")
    id = str(world.client.create_sweep(yaml, "s.yaml", "/here", "box")["id"])
    assert "no metric" in ask(world, f"/api/sweeps/{id}/advice")["problem"]
    assert sweep("advise", id).exit_code == 1
