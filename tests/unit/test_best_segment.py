"""`sweep best` of a population based training: a segment, and those that came before it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_world import sweep
from test_server_api import KEY, OK, World, running

from controller.store.records import NewTrial

YAML = """
program: train.py
method: bayes
metric: {name: loss, goal: minimize}
search: {type: pbt, population: 2}
parameters: {lr: {min: 0.0, max: 1.0}}
"""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    with running(tmp_path) as made:
        monkeypatch.setenv("OPENSWEEP_URL", made.url)
        monkeypatch.setenv("OPENSWEEP_API_KEY", KEY)
        monkeypatch.setenv("OPENSWEEP_HOME", str(tmp_path / "home"))
        monkeypatch.chdir(tmp_path)
        yield made


def segments(world: World, *told: tuple[float, int | None, float]) -> str:
    """A sweep whose trials had these settings, parents and losses."""
    sweep_id = str(world.client.create_sweep(YAML, "s.yaml", "/here", "box")["id"])
    new = [NewTrial(n, {"lr": lr}, parent) for n, (lr, parent, _) in enumerate(told, start=1)]
    world.store.enqueue_trials(sweep_id, new, [f"test:{trial.number}" for trial in new])
    for number, (_, _, loss) in enumerate(told, start=1):
        name = f"{sweep_id}-{number}"
        world.store.start_attempt(name, 1, agent_id="a", host="box", device="cpu")
        world.store.end_attempt(name, 1, OK, objective=loss, retry=lambda _: False)
    return sweep_id


def test_the_best_segment_comes_with_those_before_it(world: World) -> None:
    id = segments(world, (0.5, None, 3.0), (0.9, None, 4.0), (0.25, 1, 2.0), (0.125, 3, 1.0))
    said = sweep("best", id)
    lines = said.stdout.splitlines()
    at = next(i for i, line in enumerate(lines) if "a segment, the last of 3" in line)
    rows = [line.split()[1:] for line in lines[at + 2 : at + 5]]
    assert rows == [
        [f"{id}-1", "3", "lr=0.5"],
        [f"{id}-3", "2", "lr=0.25"],
        [f"{id}-4", "1", "lr=0.125"],
    ]
    assert "checkpoint: none on the server" in said.stdout
    assert lines[-1] == "lr: 0.125"
    assert all(line.startswith("#") for line in lines[:-1])

    told = json.loads(sweep("best", id, "--json").stdout)
    assert [(each["number"], each["config"]["lr"]) for each in told["chain"]] == [
        (1, 0.5),
        (3, 0.25),
        (4, 0.125),
    ]
    assert told["checkpoint"] == {
        "run": f"{id}-4",
        "prefix": "_checkpoints/",
        "files": 0,
        "bytes": 0,
    }
    told_so = sweep("best", id, "--args")
    assert told_so.stdout == "--lr=0.125\n"
    assert "settings of the last of 3 alone" in told_so.stderr


def test_a_first_segment_is_a_chain_of_its_own(world: World) -> None:
    id = segments(world, (0.5, None, 3.0))
    assert "a segment, the last of 1 " in sweep("best", id).stdout
    assert sweep("best", id, "--args").stderr == ""
