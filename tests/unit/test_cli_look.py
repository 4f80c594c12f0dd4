"""`sweep ls`, `status`, `trials`, `best` and `logs`, against a server that speaks the API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cli_world import KEY, World, serving, sweep, trial


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    with serving() as made:
        monkeypatch.setenv("OPENSWEEP_URL", made.url)
        monkeypatch.setenv("OPENSWEEP_API_KEY", KEY)
        monkeypatch.setenv("OPENSWEEP_HOME", str(tmp_path / "home"))
        yield made


FAILED = {"state": "failed", "objective": None, "reason": "out_of_gpu_memory", "detail": "CUDA"}


def a_sweep(world: World, **fields: object) -> None:
    trials = [
        trial("abc12345", 1),
        trial("abc12345", 2, **FAILED),
        trial("abc12345", 3, state="stopped", reason="early_stop", objective=0.5),
        trial("abc12345", 4, state="running", ended=None, objective=None, reason=None),
    ]
    world.add("abc12345", trials, **fields)


def test_ls_lists_the_newest_first(world: World) -> None:
    world.add("old00000", state="finished")
    a_sweep(world)
    result = sweep("ls")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["ID", "STATE", "DONE", "BEST", "SLOTS", "CREATED", "NAME", "SEARCH"]
    assert [line.split()[0] for line in lines[1:]] == ["abc12345", "old00000"]
    assert "3 of 25" in lines[1]
    assert "0.91" in lines[1]

    listed = json.loads(sweep("ls", "--json", "--state", "finished").stdout)
    assert [row["id"] for row in listed] == ["old00000"]


def test_ls_with_nothing_says_what_to_do(world: World) -> None:
    result = sweep("ls")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "sweep create FILE" in result.stderr
    assert json.loads(sweep("ls", "--json").stdout) == []


def test_a_state_that_is_none_is_wrong_use(world: World) -> None:
    result = sweep("ls", "--state", "flying")
    assert result.exit_code == 2
    assert "'flying' is no state of a sweep: pending, running" in result.stderr


@pytest.mark.parametrize("id_", ["abc12345", "proj/abc12345", "me/proj/abc12345"])
def test_status(world: World, id_: str) -> None:
    a_sweep(world)
    result = sweep("status", id_)
    assert result.exit_code == 0
    assert "abc12345 digits: bayes, maximize val/acc" in result.stdout
    assert "3 of 25 done: 1 finished, 1 stopped, 1 failed, 1 running" in result.stdout
    assert "0.91  trial 1  lr=0.1 optimizer.name=adam" in result.stdout
    assert "sweep agent abc12345" in result.stdout  # nobody works for it

    told = json.loads(sweep("status", id_, "--json").stdout)
    assert (told["id"], told["state"], told["counts"]["failed"]) == ("abc12345", "running", 1)


def test_a_sweep_that_is_stuck_says_why_and_what_to_do(world: World) -> None:
    a_sweep(world, trouble="Optuna's sampler CmaEsSampler fails (ValueError: too few)")
    told = sweep("status", "abc12345").stdout
    why = "stuck: Optuna's sampler CmaEsSampler fails (ValueError: too few)"
    assert f"  state   {why}\n" in told
    assert "running" not in told.partition("trials")[0]
    assert "`sweep update abc12345 FILE`" in told
    assert "`sweep stop abc12345`" in told
    listed = sweep("ls").stdout
    assert " stuck " in listed
    assert f"abc12345 is {why}; " in listed


def test_status_says_which_of_its_metrics_trials_lack(world: World) -> None:
    limit = {"name": "gb", "goal": None, "at_most": 2, "at_least": None}
    why = "the sweep's `metrics` want 'gb', too, the script logged 'ms'"
    world.add("abc12345", [trial("abc12345", 1, detail=why)], metrics=[{**limit, "missing": 1}])
    told = sweep("status", "abc12345").stdout
    assert "missing gb: 1 finished trial ended without it" in told
    assert why in sweep("trials", "abc12345").stdout
    world.sweeps["abc12345"]["metrics"] = [{**limit, "missing": 0}]
    assert "missing" not in sweep("status", "abc12345").stdout


def test_status_names_agents(world: World) -> None:
    agent = {"id": "a", "host": "gpu1", "slots": 4, "free": 1, "running": [], "devices": ["GPU 0"]}
    a_sweep(world, agents=[{**agent, "quarantined": []}])
    assert "gpu1: 3 of 4 slots busy (GPU 0)" in sweep("status", "abc12345").stdout


def test_status_says_that_an_agent_is_in_quarantine_not_busy(world: World) -> None:
    agent = {"id": "a", "host": "gpu1", "slots": 1, "free": 0, "running": [], "devices": ["GPU 0"]}
    why = "in quarantine: trials fail here in seconds. The last was s-1: no driver"
    a_sweep(world, agents=[{**agent, "quarantined": [why]}])
    told = sweep("status", "abc12345").stdout
    assert "gpu1: in quarantine (GPU 0)  trials fail here in seconds\n" in told
    world.sweeps["abc12345"]["agents"] = [{**agent, "running": ["s-4"], "quarantined": [why]}]
    assert "gpu1: in quarantine, 1 of 1 slots busy" in sweep("status", "abc12345").stdout


def test_a_run_cap_below_what_there_is_takes_nothing_back(world: World) -> None:
    a_sweep(world, run_cap=1, total=1)
    assert "3 of 4 done" in sweep("status", "abc12345").stdout


def test_a_stopped_trial_tells_why_and_as_the_best_that_it_was_stopped(world: World) -> None:
    why = "hyperband at iteration 4 (step 3): 0.5 is worse than 0.7"
    stopped = {"state": "stopped", "reason": "early_stop", "objective": 0.5, "detail": why}
    world.add("abc12345", [trial("abc12345", 1, **stopped)])
    header, row = sweep("trials", "abc12345").stdout.splitlines()
    assert "WHY" in header
    assert why in row
    assert "0.5  trial 1 (stopped)  " in sweep("status", "abc12345").stdout
    assert sweep("best", "abc12345").stdout.startswith("# trial abc12345-1 (stopped) of sweep")


def test_status_without_an_id_is_the_newest(world: World) -> None:
    assert "no sweep yet" in sweep("status").stderr
    a_sweep(world)
    assert "abc12345" in sweep("status").stdout


def test_watch_ends_with_the_sweep(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opensweep.commands.status.WATCH_S", 0.01)
    a_sweep(world)

    def finish() -> None:
        while sum("GET /api/sweeps/abc12345" in line for line in world.requests) < 3:
            pass
        world.trials["abc12345"][3].update(state="finished", objective=0.99)
        world.sweeps["abc12345"]["state"] = "finished"

    other = threading.Thread(target=finish)
    other.start()
    result = sweep("status", "abc12345", "--watch")
    other.join()
    lines = result.stdout.splitlines()
    assert "abc12345 running: 3 of 25 done" in lines[0]
    assert lines[0].endswith("; no agent works for it: `sweep agent abc12345`")
    assert "abc12345 finished: 4 of 25 done" in lines[-1]
    assert "best 0.99" in lines[-1]
    assert len(lines) == 2  # told once, however often it looked


def test_trials(world: World) -> None:
    a_sweep(world)
    result = sweep("trials", "abc12345")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["TRIAL", "STATE", "val/acc(best)", "STEPS", "TIME", "WHY", "CONFIG"]
    assert "failed (out_of_gpu_memory)" in lines[2]
    assert "lr=0.1 optimizer.name=adam" in lines[1]
    assert "  CUDA  lr=" in lines[2]

    told = json.loads(sweep("trials", "abc12345", "--json").stdout)
    assert [row["number"] for row in told] == [1, 2, 3, 4]
    assert {"id", "number", "config", "state", "objective", "attempts"} <= set(told[0])


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (["--sort", "objective"], [1, 3, 2, 4]),
        (["--sort", "config.lr"], [4, 3, 2, 1]),
        (["--sort", "config.lr", "--reverse"], [1, 2, 3, 4]),
        (["--sort", "objective", "--limit", "1"], [1]),
        (["--state", "failed,stopped"], [2, 3]),
        (["--state", "failed"], [2]),
        (["--sort", "state", "--limit", "2"], [2, 1]),
    ],
)
def test_trials_chosen_and_sorted(world: World, options: list[str], numbers: list[int]) -> None:
    a_sweep(world)
    told = json.loads(sweep("trials", "abc12345", "--json", *options).stdout)
    assert [row["number"] for row in told] == numbers


def test_trials_of_a_population_tell_where_they_went_on_from(world: World) -> None:
    rows = [trial("abc12345", 1), trial("abc12345", 2, parent="abc12345-1")]
    world.add("abc12345", rows)
    head, first, second = sweep("trials", "abc12345").stdout.splitlines()
    at = head.index("FROM")
    assert (first[at:].split()[0], second[at:].split()[0]) == ("-", "abc12345-1")
    assert json.loads(sweep("trials", "abc12345", "--json").stdout)[1]["parent"] == "abc12345-1"
    table = sweep("export", "abc12345").stdout.splitlines()
    assert "parent" in table[0].split(",")
    assert "abc12345-1" in table[2].split(",")[1:]
    world.add("abc12345", rows[:1])
    assert "FROM" not in sweep("trials", "abc12345").stdout
    assert "parent" not in sweep("export", "abc12345").stdout


def test_trials_sorted_by_nothing_known(world: World) -> None:
    a_sweep(world)
    result = sweep("trials", "abc12345", "--sort", "beauty")
    assert result.exit_code == 2
    assert "config.NAME" in result.stderr


def test_an_objective_that_is_no_number_sorts_last(world: World) -> None:
    """NaN comes as the string "NaN" over the wire."""
    world.add("abc12345", [trial("abc12345", 1, objective="NaN"), trial("abc12345", 2)])
    told = json.loads(sweep("trials", "abc12345", "--json", "--sort", "objective").stdout)
    assert [row["number"] for row in told] == [2, 1]


def test_pages_of_trials_are_put_together(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opensweep.commands.trials.PAGE", 2)
    world.add("abc12345", [trial("abc12345", number) for number in range(1, 6)])
    told = json.loads(sweep("trials", "abc12345", "--json").stdout)
    assert [row["number"] for row in told] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("state", ["queued", "preempted"])
def test_a_trial_that_waits_for_another_go_has_no_time(world: World, state: str) -> None:
    waits = trial("abc12345", 1, state=state, ended=None, objective=None, attempts=2)
    world.add("abc12345", [waits])
    header, row = sweep("trials", "abc12345").stdout.splitlines()
    assert row.split()[header.split().index("TIME")] == "-"


def test_why_is_cut_unless_all_is_wanted(world: World) -> None:
    why = "ValueError: " + "too long " * 50 + "END"
    world.add("abc12345", [trial("abc12345", 1, **{**FAILED, "detail": why})])
    row = sweep("trials", "abc12345").stdout.splitlines()[1]
    assert f"  {why[:99]}…  lr=0.1" in row
    assert f"  {why}  lr=0.1" in sweep("trials", "abc12345", "--wide").stdout
    assert json.loads(sweep("trials", "abc12345", "--json").stdout)[0]["detail"] == why


def test_best_is_yaml(world: World) -> None:
    a_sweep(world)
    result = sweep("best", "abc12345")
    assert yaml.safe_load(result.stdout) == {"lr": 0.1, "optimizer": {"name": "adam"}}
    assert result.stdout.startswith("# trial abc12345-1 of sweep abc12345\n# val/acc: 0.91")
    assert json.loads(sweep("best", "abc12345", "--json").stdout)["id"] == "abc12345-1"


def test_several_metrics_have_columns_and_a_front(world: World) -> None:
    trials = [
        trial("abc12345", 1, objective=0.9, summary={"ms": 30, "gb": 4.0}),
        trial("abc12345", 2, objective=0.8, summary={"ms": 10}),
    ]
    metrics = [
        {"name": "ms", "goal": "minimize", "at_most": 50, "at_least": None},
        {"name": "gb", "goal": None, "at_most": 2, "at_least": None},
    ]
    metrics[1] |= {"broken": 2, "of": 2, "nearest": 4.0}
    world.add("abc12345", trials, metrics=metrics, keeps_limits=False)
    world.outcomes["abc12345"] = {"keeps_limits": False, "front": trials}
    head = sweep("trials", "abc12345").stdout.splitlines()[0].split()
    assert head[:5] == ["TRIAL", "STATE", "val/acc(best)", "ms", "gb"]
    lines = sweep("best", "abc12345").stdout.splitlines()
    assert lines[2:9] == [
        "# ms: 30 (its last; minimize, at most 50)",
        "# gb: 4 (its last; at most 2)",
        "# no trial keeps the limits: it is the best of all",
        "# gb at most 2: broken by every trial; the nearest has 4",
        "#",
        "# 2 trials that no other one beats in every objective:",
        "# TRIAL       val/acc  ms  CONFIG",
    ]
    assert yaml.safe_load("\n".join(lines)) == trials[0]["config"]
    status = sweep("status", "abc12345").stdout
    assert "limits  no trial keeps them: it is the best of all\n" in status
    assert "gb at most 2: broken by every trial; the nearest has 4\n" in status
    told = json.loads(sweep("best", "abc12345", "--json").stdout)
    assert told["id"] == "abc12345-1"
    assert [member["id"] for member in told["front"]] == ["abc12345-1", "abc12345-2"]
    assert "maximize val/acc, minimize ms" in sweep("status", "abc12345").stdout


def test_best_as_arguments(world: World) -> None:
    world.add("abc12345", [trial("abc12345", 1, config={"lr": 0.1, "tag": "a b"})])
    assert sweep("best", "abc12345", "--args").stdout == "--lr=0.1 '--tag=a b'\n"


def test_best_of_nothing_fails(world: World) -> None:
    world.add("abc12345", [trial("abc12345", 1, **FAILED)])
    result = sweep("best", "abc12345")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no trial of sweep abc12345 has an objective" in result.stderr


def test_logs(world: World) -> None:
    a_sweep(world)
    world.consoles["abc12345-1"] = ["epoch 1\n", "epoch 2\n"]
    assert sweep("logs", "abc12345-1").stdout == "epoch 1\nepoch 2\n"
    told = json.loads(sweep("logs", "abc12345-1", "--json").stdout)
    assert told == {"id": "abc12345-1", "state": "finished", "text": "epoch 1\nepoch 2\n"}


def test_logs_of_a_silent_trial(world: World) -> None:
    a_sweep(world)
    result = sweep("logs", "abc12345-2")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "abc12345-2 is failed and printed nothing (CUDA)" in result.stderr


def test_logs_follow_to_the_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opensweep.commands.trials.FOLLOW_S", 0.01)
    a_sweep(world)
    world.consoles["abc12345-4"] = ["one\n"]

    def go_on() -> None:
        while sum("/console" in line for line in world.requests) < 4:
            pass
        world.consoles["abc12345-4"].append("two\n")
        world.trials["abc12345"][3].update(state="finished")

    other = threading.Thread(target=go_on)
    other.start()
    result = sweep("logs", "abc12345-4", "-f")
    other.join()
    assert result.stdout == "one\ntwo\n"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["status", "abc1234x"], "no sweep 'abc1234x' here (did you mean abc12345?); `sweep ls`"),
        (["best", "zzz"], "no sweep 'zzz' here; `sweep ls` lists them."),
        (["trials", "abc12345-2"], "'abc12345-2' is a trial; the sweep is abc12345"),
        (["status", "a/b/c/d"], "expected ID, PROJECT/ID or ENTITY/PROJECT/ID"),
        (["logs", "abc12345"], "is a sweep, not a trial: name one as abc12345-1"),
        (["logs", "abc12345-99"], "sweep abc12345 has no trial 99"),
        (["logs", "abc12346-9"], "no trial 'abc12346-9' here (did you mean the sweep abc12345?)"),
    ],
)
def test_unknown_ids(world: World, args: list[str], words: str) -> None:
    a_sweep(world)
    result = sweep(*args)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_columns_that_tell_nothing_are_left_out(world: World) -> None:
    world.add("abc12345", [trial("abc12345", 1, attempts=2), trial("abc12345", 2, host="box2")])
    header, first, _ = sweep("trials", "abc12345").stdout.splitlines()
    assert header.split()[5:7] == ["TRIES", "WHERE"]
    assert first.split()[5:8] == ["2", "box1", "CPU"]
