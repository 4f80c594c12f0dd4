"""`sweep agent` and `sweep run`: events become lines, JSON, a live picture, and a summary.

The agent is a scripted one: it emits what it is told to and changes the server's sweep on the way.
Real agents are tested end to end elsewhere; here it is what a person reads.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from cli_world import KEY, World, serving, sweep, trial

from agent import events
from opensweep.commands import connection, report
from sweeps.trial import AttemptState, Outcome, Reason

FINISHED = Outcome(AttemptState.FINISHED, Reason.OK)
OUT_OF_MEMORY = Outcome(
    AttemptState.FAILED, Reason.OUT_OF_GPU_MEMORY, "CUDA ran out of memory.", exit_code=1
)
FILE = "program: train.py\nmethod: random\nrun_cap: 2\nparameters: {lr: {min: 0.0, max: 1.0}}\n"


def started(number: int, **fields: Any) -> events.Started:
    given = {"attempt": 1, "slot": 0, "device": "GPU 0", "config": {"lr": 0.5}, "folder": "/r"}
    return events.Started(f"new00001-{number}", number, **{**given, **fields})


def ended(number: int, outcome: Outcome, objective: float | None, retry: bool) -> events.Ended:
    return events.Ended(f"new00001-{number}", outcome, objective, 12.3, retry, "/r/console.log")


SCRIPT = (
    started(1),
    ended(1, FINISHED, 0.91234, False),
    started(2, attempt=2, device=""),
    ended(2, OUT_OF_MEMORY, None, True),
    events.Waiting("the server does not answer"),
    events.Reconnected("the server answers again"),
    events.Warned("GPU 3 is busy"),
    events.Finishing("the sweep is finished", 1),
)


def summary(**fields: Any) -> events.Summary:
    made = {
        "finished": 1,
        "stopped": 0,
        "failed": 1,
        "other": 0,
        "best_trial": "new00001-1",
        "best_objective": 0.91234,
        "why": "the sweep is finished",
        "exit_code": 0,
        "undelivered": 0,
    }
    return events.Summary(**{**made, **fields})


class ScriptedAgent:
    """Stands for agent.agent.Agent; the class attributes are set by each test."""

    world: World
    summary: events.Summary
    settings: dict[str, Any]

    def __init__(
        self, client: object, sweep_id: str, *, on_event: Callable[[Any], None], **settings: Any
    ) -> None:
        self.sweep_id, self.on_event = sweep_id, on_event
        type(self).settings = settings

    def run(self) -> events.Summary:
        for event in SCRIPT:
            self.on_event(event)
        self.world.trials[self.sweep_id] = [
            trial(self.sweep_id, 1, objective=0.91234),
            trial(self.sweep_id, 2, objective=0.95, config={"lr": 0.25, "net": {"depth": 2}}),
            trial(self.sweep_id, 3, state="failed", objective=None),
        ]
        self.world.sweeps[self.sweep_id].update(state="finished", ended=1100.0, run_cap=3)
        return self.summary


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    with serving() as made:
        monkeypatch.setenv("OPENSWEEP_URL", made.url)
        monkeypatch.setenv("OPENSWEEP_API_KEY", KEY)
        monkeypatch.setenv("OPENSWEEP_HOME", str(tmp_path / "home"))
        monkeypatch.chdir(tmp_path)
        (tmp_path / "sweep.yaml").write_text(FILE)
        (tmp_path / "train.py").write_text("")
        made.add("new00001")
        monkeypatch.setattr("agent.agent.Agent", ScriptedAgent)
        ScriptedAgent.world, ScriptedAgent.summary = made, summary()
        yield made


def without_clock(text: str) -> list[str]:
    """Lines without their leading HH:MM:SS."""
    return [line[9:] if line[2:3] == ":" else line for line in text.splitlines()]


def test_agent_tells_each_start_and_end(world: World) -> None:
    result = sweep("agent", "proj/new00001")
    assert result.exit_code == 0, result.stderr
    out = without_clock(result.stdout)
    assert out[0] == "new00001 digits: bayes, maximize val/acc"
    assert out[1] == "new00001-1 started (GPU 0): lr=0.5"
    assert out[2] == "new00001-1 finished: 0.9123 in 12s"
    assert out[3] == "new00001-2 started, attempt 2: lr=0.5"
    assert out[4] == (
        "new00001-2 failed (out_of_gpu_memory) in 12s: CUDA ran out of memory; "
        "it is queued again; see `sweep logs new00001-2`"
    )
    trouble = without_clock(result.stderr)
    assert trouble == [
        "waiting: the server does not answer",
        "going on: the server answers again",
        "warning: GPU 3 is busy",
        "no new trials: the sweep is finished; waiting for 1 trial",
    ]


def test_agent_ends_with_a_summary(world: World) -> None:
    out = sweep("agent", "new00001").stdout
    assert "this agent ran 2 trials: 1 finished, 1 failed. It ends: the sweep is finished." in out
    assert "sweep new00001 is finished after 1m 01s: 3 of 3 trials done" in out
    assert "best val/acc 0.95, trial new00001-2:\n  lr: 0.25\n  net.depth: 2\n" in out
    for command in ("sweep trials new00001 ", "sweep best new00001", "sweep logs new00001-2"):
        assert command in out
    assert "--state failed" in out


def test_agent_ended_by_its_failure_policy(world: World) -> None:
    ScriptedAgent.summary = summary(exit_code=1, why="3 trials failed at once", undelivered=2)
    result = sweep("agent", "new00001")
    assert result.exit_code == 1
    assert "It ends: 3 trials failed at once." in result.stdout
    assert "2 results could not be delivered; they are kept" in result.stdout


def test_options_reach_the_agent(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = "--count 3 --slots 2 --gpus 0,1 --gpus-per-trial 2 --forward-signals"
    options += " --provide-wandb"
    more = ["--max-consecutive-failed-runs", "5", "--workdir", str(tmp_path)]
    monkeypatch.setattr("agent.devices.find_devices", lambda **asked: None)
    for command in (["agent", "new00001"], ["run", "sweep.yaml"]):
        assert sweep(*command, *options.split(), *more).exit_code == 0
        settings = dict(ScriptedAgent.settings)
        assert settings.pop("reconnect").__name__ == "ensure_server"
        assert settings == {
            "count": 3,
            "slots": 2,
            "gpus": "0,1",
            "gpus_per_trial": 2,
            "workdir": str(tmp_path),
            "forward_signals": True,
            "provide_wandb": True,
            "max_consecutive_failed_runs": 5,
        }


def test_agent_as_json(world: World) -> None:
    lines = [json.loads(line) for line in sweep("agent", "new00001", "--json").stdout.splitlines()]
    assert [line["event"] for line in lines] == [
        "started", "ended", "started", "ended", "waiting", "reconnected", "warned", "finishing",
        "summary",
    ]  # fmt: skip
    assert lines[0]["config"] == {"lr": 0.5}
    assert lines[3]["outcome"]["reason"] == "out_of_gpu_memory"
    assert lines[-1]["exit_code"] == 0


def test_an_unknown_sweep(world: World) -> None:
    result = sweep("agent", "new0000x")
    assert result.exit_code == 2
    assert "did you mean new00001?" in result.stderr


def test_run_creates_runs_and_tells(world: World) -> None:
    result = sweep("run", "sweep.yaml", "--name", "mine")
    assert result.exit_code == 0, result.stderr
    assert "mine" in world.created[0]["yaml"]
    assert "another machine" not in result.stderr  # this server is on loopback
    assert "new00001-1 finished: 0.9123 in 12s" in result.stdout
    assert "best val/acc 0.95" in result.stdout


@pytest.mark.parametrize(
    ("host", "others"),
    [
        ("127.0.0.1", False),
        ("127.0.1.1", False),
        ("localhost", False),
        ("::1", False),
        ("box1", True),
        ("10.0.0.4", True),
        ("0.0.0.0", True),
    ],
)
def test_who_can_reach_a_server(
    world: World, monkeypatch: pytest.MonkeyPatch, host: str, others: bool
) -> None:
    """The one that OPENSWEEP_URL names by its name, the local one by where it listens."""
    from sweeps.protocol.client import Client

    at = f"[{host}]" if ":" in host else host
    with Client(f"http://{at}:8080", KEY) as client:
        assert connection.is_shared(client) is others
    monkeypatch.delenv("OPENSWEEP_URL")
    note = {"url": "http://127.0.0.1:8080", "host": host}
    monkeypatch.setattr("opensweep.local.server_status", lambda settings: note)
    with Client("http://127.0.0.1:8080", KEY) as client:
        assert connection.is_shared(client) is others


def test_run_says_how_to_join_a_server_that_others_reach(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opensweep.commands.connection.is_loopback", lambda host: False)
    result = sweep("run", "sweep.yaml")
    assert "to help from another machine: sweep agent new00001" in result.stderr


FAILS = Outcome(AttemptState.FAILED, Reason.ERROR, "ValueError: no such file.", exit_code=1)
LOST = Outcome(AttemptState.LOST, Reason.LEASE_EXPIRED)
ALL_FAILED = [ended(1, OUT_OF_MEMORY, None, False), ended(2, FAILS, None, False)]
COMPLAINT = (
    "error: no trial succeeded; the last one failed: ValueError: no such file; "
    "see `sweep logs new00001-2`\n"
)


def script(
    monkeypatch: pytest.MonkeyPatch,
    ends: list[events.Ended],
    *,
    state: str = "finished",
    others: tuple[dict[str, Any], ...] = (),
) -> None:
    """The agent ends its trials so, and leaves a sweep in `state`: trials 1 and 2 failed, and
    `others`, which other machines ran."""

    def run(self: ScriptedAgent) -> events.Summary:
        for event in ends:
            self.on_event(event)
        failed = [trial(self.sweep_id, n, state="failed", objective=None) for n in (1, 2)]
        self.world.trials[self.sweep_id] = [*failed, *others]
        self.world.sweeps[self.sweep_id].update(state=state)
        states = [event.outcome.state for event in ends]
        return summary(
            finished=states.count(AttemptState.FINISHED), failed=states.count(AttemptState.FAILED)
        )

    monkeypatch.setattr(ScriptedAgent, "run", run)


@pytest.mark.parametrize("command", [["run", "sweep.yaml"], ["agent", "new00001"]])
@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_where_every_trial_failed_the_command_fails(
    world: World, monkeypatch: pytest.MonkeyPatch, command: list[str], as_json: list[str]
) -> None:
    script(monkeypatch, ALL_FAILED)
    result = sweep(*command, *as_json)
    assert result.exit_code == 1
    assert result.stderr.endswith(COMPLAINT)
    if as_json and command[0] == "agent":
        assert json.loads(result.stdout.splitlines()[-1])["exit_code"] == 1


@pytest.mark.parametrize(
    ("state", "others", "code"),
    [
        ("finished", {}, 0),
        ("finished", {"state": "stopped", "objective": 0.5}, 0),
        ("finished", {"state": "stopped", "objective": None}, 1),
        ("canceled", {"state": "canceled", "objective": None}, 1),
        ("running", {}, 1),  # after --count, say: what this machine did is all there is to tell
    ],
)
def test_what_other_machines_did_counts_for_run(
    world: World, monkeypatch: pytest.MonkeyPatch, state: str, others: dict[str, Any], code: int
) -> None:
    script(monkeypatch, ALL_FAILED, state=state, others=(trial("new00001", 3, **others),))
    assert sweep("run", "sweep.yaml").exit_code == code
    assert sweep("agent", "new00001").exit_code == 1


@pytest.mark.parametrize(
    "ends",
    [
        [*ALL_FAILED, ended(3, FINISHED, 0.5, False)],
        [ended(1, LOST, None, True), ended(1, FINISHED, 0.5, False)],  # made good
    ],
)
def test_one_success_is_enough(
    world: World, monkeypatch: pytest.MonkeyPatch, ends: list[events.Ended]
) -> None:
    script(monkeypatch, ends, others=(trial("new00001", 3),))
    for command in (["run", "sweep.yaml"], ["agent", "new00001"]):
        result = sweep(*command)
        assert (result.exit_code, "no trial succeeded" in result.stderr) == (0, False)


def test_a_machine_without_trials(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its agent has not failed; but the sweep has, wherever its trials ran."""
    script(monkeypatch, [])
    assert sweep("agent", "new00001").exit_code == 0
    result = sweep("run", "sweep.yaml")
    assert result.exit_code == 1
    assert "no trial succeeded; see `sweep trials new00001 --state failed`" in result.stderr


def test_the_last_words_say_that_a_sweep_is_stuck(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch, [ended(1, FINISHED, 0.5, False)], state="running")
    world.sweeps["new00001"]["trouble"] = "the search (gp) fails (ValueError: x)"
    monkeypatch.setattr(world, "add", lambda sweep_id: None)  # `run` creates that very sweep
    for command in (["run", "sweep.yaml"], ["agent", "new00001"]):
        out = sweep(*command).stdout
        assert "sweep new00001 is stuck after" in out
        assert "\nstuck: the search (gp) fails (ValueError: x)\n" in out
        assert "is running" not in out
        steps = out[out.index("next:") :].splitlines()
        assert steps[1].split("  ")[1:2] == ["sweep status new00001"]
        assert "sweep update new00001 FILE" in steps[2]
        assert steps[3].endswith("go on with it, once it is stuck no more")


def test_attempts_are_told_as_attempts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, [ended(1, FAILS, None, True), ended(1, FINISHED, 0.5, False)])
    out = sweep("agent", "new00001").stdout
    assert "this agent ran 2 attempts: 1 finished, 1 failed. It ends:" in out


def test_run_as_json(world: World) -> None:
    lines = sweep("run", "sweep.yaml", "--json").stdout.splitlines()
    assert json.loads(lines[0])["event"] == "started"
    last = json.loads(lines[-1])
    assert (last["id"], last["state"], last["best"]["number"]) == ("new00001", "finished", 2)


def test_the_end_knows_several_objectives_and_limits(world: World) -> None:
    from sweeps.protocol.client import Client

    def end() -> str:
        with Client(world.url, KEY) as client:
            return click.unstyle("\n".join(report.ending(client, client.sweep("new00001"))))

    gb: dict[str, Any] = {
        "name": "gb", "goal": None, "at_most": 2, "at_least": None, "broken": 0, "of": 2
    }  # fmt: skip
    ms = {"name": "ms", "goal": "minimize", "at_most": None, "at_least": None, "missing": 1}
    trials = [
        trial("new00001", 1, objective=0.8, summary={"ms": 10, "gb": 1}),
        trial("new00001", 2, objective=0.9, summary={"ms": 30, "gb": 2}),
    ]
    world.add("new00001", trials, state="finished", metrics=[ms, gb], keeps_limits=True)
    world.outcomes["new00001"] = {"keeps_limits": True, "front": trials}
    out = end()
    assert "best val/acc 0.9, trial new00001-2:\n" in out
    assert "ms: 30 (its last; minimize)\ngb: 2 (its last; at most 2)\n" in out
    assert "2 trials that no other one beats in every objective:\n" in out
    assert "missing: ms: 1 finished trial ended without it" in out
    gb |= {"broken": 2, "nearest": 2.5}
    world.sweeps["new00001"]["keeps_limits"] = False
    world.outcomes["new00001"] = {"keeps_limits": False, "front": []}
    out = end()
    assert "no trial keeps the limits: it is the best of all\n" in out
    assert "gb at most 2: broken by every trial; the nearest has 2.5\n" in out


@pytest.mark.parametrize(
    ("trials", "words"),
    [
        (
            [trial("new00001", 1, objective=0.8), trial("new00001", 2, objective=0.9)],
            "first enqueued configuration 0.8 (trial 1) -> best 0.9 (trial 2)",
        ),
        (
            [trial("new00001", 1, objective=0.8), trial("new00001", 2, objective=0.7)],
            "nothing beat the first enqueued configuration (0.8, trial 1)",
        ),
    ],
)
def test_the_end_compares_to_what_was_enqueued_first(
    world: World, trials: list[dict[str, Any]], words: str
) -> None:
    from sweeps.protocol.client import Client

    world.trials["new00001"] = trials
    with Client(world.url, KEY) as client:
        status = client.sweep("new00001")
        assert words not in report.ending(client, status)
        world.specs["new00001"]["enqueue"] = [{"lr": 0.1}]
        assert words in report.ending(client, status)


def test_an_agent_that_ends_before_the_sweep_says_how_to_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ScriptedAgent.summary = summary(why="Ctrl-C; again to stop the running trials", exit_code=130)
    monkeypatch.setattr(ScriptedAgent, "run", lambda self: self.summary)
    result = sweep("agent", "new00001")
    assert result.exit_code == 130
    assert "It ends: Ctrl-C.\n" in result.stdout
    assert "sweep agent new00001 " in result.stdout


def test_run_without_the_gpus_that_it_asks_for_records_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no nvidia-smi there, whatever this machine has
    monkeypatch.setenv("OPENSWEEP_PYTHON", sys.executable)
    (tmp_path / "sweep.yaml").write_text(FILE + 'command: ["${interpreter}", "${program}"]\n')
    result = sweep("run", "sweep.yaml", "--gpus", "0")
    assert result.exit_code == 2
    assert "--gpus 0" in result.stderr
    assert world.created == []
