"""A person's orders about trials, by HTTP and by the command; all trials of a sweep as columns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_world import sweep
from test_server_api import KEY, OK, World, running

from controller.store.keys import Role
from sweeps import errors
from sweeps.trial import AttemptState, Outcome, Reason, TrialState

BROKE = Outcome(AttemptState.FAILED, Reason.ERROR, "it broke", exit_code=1)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    with running(tmp_path) as made:
        monkeypatch.setenv("OPENSWEEP_URL", made.url)
        monkeypatch.setenv("OPENSWEEP_API_KEY", KEY)
        monkeypatch.setenv("OPENSWEEP_HOME", str(tmp_path / "home"))
        monkeypatch.chdir(tmp_path)
        yield made


PICTURE = {"_type": "image-file", "path": "media/images/a.png", "height": 9, "size": 100}


def run(world: World, trial_id: str, outcome: Outcome, objective: float | None = None) -> None:
    world.store.start_attempt(trial_id, 1, agent_id="a", host="box1", device="cuda:0")
    world.store.end_attempt(
        trial_id,
        1,
        outcome,
        objective=objective,
        summary={
            "loss": objective,
            "val": {"acc": 0.5, "pic": PICTURE},
            "note": "text",
            "pic": PICTURE,
        },
        retry=lambda _: False,
    )


def test_a_configuration_is_enqueued(world: World, tmp_path: Path) -> None:
    id = world.sweep_with_trials()
    result = sweep("enqueue", id, "lr=1e-2")
    assert result.exit_code == 0
    assert result.stdout == f"trial {id}-2 is tried next: lr=0.01\n"
    assert world.loop.woken.is_set()
    trial = world.client.trial(f"{id}-2")
    assert (trial["config"], trial["enqueued"], trial["state"]) == ({"lr": 0.01}, "owner", "queued")

    (tmp_path / "two.yaml").write_text("- {lr: 0.02}\n- {}\n")
    made = json.loads(sweep("enqueue", id, "--file", "two.yaml", "--json").stdout)
    assert [each["number"] for each in made] == [3, 4]
    assert 0.001 <= made[1]["config"]["lr"] <= 0.1  # what it lacked is filled in
    result = sweep("enqueue", id, "lr=0.03")
    assert result.exit_code == 1
    assert "4 of the 4 trials that its run_cap allows" in result.stderr
    assert f"`sweep update {id} --run-cap 5`" in result.stderr
    assert sweep("update", id, "--run-cap", "9").stdout == (
        f"sweep {id} has run_cap 9; no agent works for it: `sweep agent {id}`\n"
    )
    assert "run_cap: 9" in world.client.spec(id)["yaml"]
    assert sweep("enqueue", id, "lr=0.03").exit_code == 0


def test_a_configuration_is_tried_once_more(world: World) -> None:
    id = world.sweep_with_trials()
    first = world.client.trial(f"{id}-1")["config"]
    made = json.loads(sweep("enqueue", id, "--again", "1", "--times", "3", "--json").stdout)
    assert [(each["number"], each["config"]) for each in made] == [(n, first) for n in (2, 3, 4)]
    result = sweep("enqueue", id, "--again", "9")
    assert f"sweep {id} has no trial 9" in result.stderr
    assert sweep("enqueue", id, "lr=0.01", "--times", "2").exit_code == 2


def test_a_configuration_is_completed_and_checked_as_a_whole(world: World) -> None:
    file = """
program: t.py
method: random
parameters:
  opt: {values: [adam, sgd]}
  momentum: {min: 0.0, max: 1.0, when: {opt: sgd}}
  lr: {min: 0.0, max: 1.0}
constraints: [lr + momentum <= 1]
"""
    id = world.client.create_sweep(file)["id"]
    (made,) = world.client.enqueue(id, [{"momentum": 0.9}], key="a")
    assert made["config"]["opt"] == "sgd"
    assert made["config"]["lr"] <= 0.1
    for wrong, words in (
        ({"opt": "adam", "momentum": 0.5}, "momentum: it is there only when opt is 'sgd'"),
        ({"lr": 0.6, "momentum": 0.5}, "the constraint `lr + momentum <= 1` does not hold"),
    ):
        with pytest.raises(errors.SpecError, match=re.escape(words)):
            world.client.enqueue(id, [wrong], key="b")


def test_the_same_order_twice_is_one(world: World) -> None:
    id = world.sweep_with_trials()
    first = world.client.enqueue(id, [{"lr": 0.01}], key="mine")
    assert world.client.enqueue(id, [{"lr": 0.01}], key="mine") == first
    assert len(world.client.trials(id)) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lr=7"], "lr"),
        (["momentum=0.5"], "momentum"),
        (["lr"], "'lr' is no NAME=VALUE"),
        (["lr=1", "lr=2"], "lr is given twice"),
        ([], "no configuration"),
        (["--file", "none.yaml"], "there is no file none.yaml"),
        (["--file", "odd.yaml"], "configuration 2 is no mapping"),
    ],
)
def test_what_is_no_configuration(
    world: World, tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "odd.yaml").write_text("- {lr: 0.02}\n- 7\n")
    id = world.sweep_with_trials()
    result = sweep("enqueue", id, *arguments)
    assert result.exit_code in (1, 2)
    assert words in result.stderr
    assert len(world.client.trials(id)) == 1


def test_failed_trials_are_retried(world: World) -> None:
    id = world.sweep_with_trials(3)
    assert sweep("retry", id).stdout == "no trial has failed\n"
    for number in (1, 2):
        run(world, f"{id}-{number}", BROKE)
    run(world, f"{id}-3", OK, 0.5)
    assert sweep("retry", f"{id}-2").stdout == f"1 trial queued again: {id}-2\n"
    assert sweep("retry", f"{id}-2").stdout == "no trial has failed\n"
    shown = json.loads(sweep("retry", id, "--json").stdout)
    assert [each["number"] for each in shown] == [1]
    result = sweep("retry", f"{id}-3")
    assert result.exit_code == 1
    assert "is finished: only a failed one can be retried" in result.stderr
    status, answer = world.raw("POST", f"/api/trials/{id}-1/retry", b"{}")
    assert (status, answer) == (200, {"trials": []})


def test_single_trials_are_stopped(world: World) -> None:
    id = world.sweep_with_trials(2)
    world.store.start_attempt(f"{id}-1", 1, agent_id="a", host="box1", device="cuda:0")
    result = sweep("stop-trial", f"{id}-1", f"{id}-2")
    assert result.stdout.splitlines() == [
        f"trial {id}-1 is being stopped",
        f"trial {id}-2 is canceled",
    ]
    (attempt,) = world.client.trial(f"{id}-1")["attempts_list"]
    assert attempt["ordered"] == "stopped by owner"
    result = sweep("stop-trial", f"{id}-2")
    assert result.exit_code == 1
    assert "is canceled: there is nothing to stop" in result.stderr
    assert "no trial" in sweep("stop-trial", "zzzzzzzz-1").stderr


def test_who_may_only_read_orders_nothing(world: World) -> None:
    id = world.sweep_with_trials()
    _, key = world.store.add_key("kim", Role.READ)
    for path in (
        f"sweeps/{id}/enqueue",
        f"sweeps/{id}/retry",
        f"trials/{id}-1/stop",
        f"trials/{id}-1/retry",
    ):
        status, answer = world.raw("POST", f"/api/{path}", b"{}", Authorization=f"Bearer {key}")
        assert (status, answer["error"]["kind"]) == (403, "NotAllowed")
    assert world.store.get_trial(f"{id}-1").state is TrialState.QUEUED


def test_run_cap_alone_is_changed(world: World) -> None:
    id = world.sweep_with_trials()
    for cap in (2, None, 7):
        assert world.client.change_run_cap(id, cap)["run_cap"] == cap
    assert world.client.spec(id)["yaml"].count("run_cap") == 1
    with pytest.raises(errors.UsageError, match="run_cap"):
        world.client.change_run_cap(id, 0)
    assert sweep("update", id).exit_code == 2


def test_all_trials_come_as_columns(world: World) -> None:
    id = world.sweep_with_trials(3)
    run(world, f"{id}-1", OK, 0.25)
    run(world, f"{id}-2", BROKE)
    world.client.enqueue(id, [{"lr": 0.05}], key="k")
    _, told = world.raw("GET", f'/api/sweeps/{id}/columns?metrics=["val.acc","note"]')
    assert told["whole"] is True
    assert told["total"] == 4
    assert told["numbers"]["number"] == [1, 2, 3, 4]
    assert told["numbers"]["objective"] == [0.25, None, None, None]
    assert told["params"] == {"lr": [0.01, 0.02, 0.03, 0.05]}
    assert told["metrics"] == {"val.acc": [0.5, 0.5, None, None], "note": 4 * [None]}
    assert told["metric_names"] == ["loss", "val.acc"]
    state, by = told["texts"]["state"], told["texts"]["enqueued"]
    assert [state["names"][at] for at in state["at"]] == ["finished", "failed", "queued", "queued"]
    assert (by["names"], by["at"]) == (["owner"], [-1, -1, -1, 0])

    assert told["numbers"]["parent"] == 4 * [None]

    later = told["cursor"] + 1000
    _, news = world.raw("GET", f"/api/sweeps/{id}/columns?since={later}")
    assert (news["whole"], news["total"], news["numbers"]["number"]) == (False, 4, [])
    _, news = world.raw("GET", f"/api/sweeps/{id}/columns?since={told['cursor']}")
    assert news["numbers"]["number"] == [1, 2, 3, 4]  # of the last seconds, all come again
    status, _ = world.raw("GET", "/api/sweeps/nothing/columns")
    assert status == 404
    status, _ = world.raw("GET", f"/api/sweeps/{id}/columns?metrics=7")
    assert status == 400


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("search: {sampler: CmaEsSamplr}", "search.sampler: Optuna"),
        ("early_terminate: {pruner: MedianPrunr}", "early_terminate.pruner: Optuna"),
        ("prior: [k3j9x2ab]", "prior[0]: there is no sweep"),
    ],
)
def test_what_the_server_refuses_is_said_by_the_name_that_was_given(
    world: World, tmp_path: Path, wrong: str, told: str
) -> None:
    (tmp_path / "train.py").write_text("")
    text = (
        "program: train.py\nmethod: bayes\nmetric: {name: loss}\n"
        f"parameters: {{lr: {{min: 0.001, max: 0.1}}}}\n{wrong}\n"
    )
    (tmp_path / "wrong.yaml").write_text(text)
    id = world.sweep_with_trials()
    for command in (["create", "wrong.yaml"], ["update", id, "wrong.yaml"]):
        result = sweep(*command)
        assert result.exit_code == 2
        assert result.stderr.startswith(f"error: wrong.yaml:5: {told}")
    assert sweep("create", "-", input=text).stderr.startswith("error: <stdin>:5: ")
