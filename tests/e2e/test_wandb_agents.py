"""Agents of W&B's client, replayed word by word, at a real server, queue and database.

What must hold is what holds for our own agents: each trial once, whatever is lost on the way or
dies; orders that reach those that run; an attempt that was given up records nothing. The real
agent says the same (tests/wandb_client/test_client_sweeps.py), only five seconds apart.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from benchmarks.fake_slots import DONE, FakeSlots
from benchmarks.wandb_sweeps import KEY, Door, ReplayedAgent, ReplayedScript
from controller import record
from controller.broker import Broker
from controller.loop import Loop
from controller.queue import TrialQueue
from controller.server.process import make_http
from controller.server.services import Services
from controller.store.records import TrialRecord
from controller.store.store import Store, open_store
from controller.wandb_api.sweeps import agents as door_agents
from controller.wandb_api.sweeps import attempts
from controller.wandb_api.sweeps.notes import Notes
from sweeps.protocol import live as protocol
from sweeps.protocol.live import Live
from sweeps.trial import Reason, SweepState, TrialState

LINE = """
program: train.py
method: grid
metric: {name: loss}
parameters:
  x: {values: [%s]}
  model: {parameters: {depth: {value: 3}}}
"""


def wait_for(condition: Callable[[], Any], what: str, timeout_s: float = 30) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}"
        time.sleep(0.02)
    return value


class World:
    """A server, and what a client of W&B's needs to reach it."""

    def __init__(self, services: Services, connection: redis.Redis, url: str) -> None:
        self.services, self.connection = services, connection
        self.store: Store = services.store
        self.live: Live = services.live
        self.door = Door(url, KEY, 8)

    def sweep(self, values: str = "1, 2, 3", extra: str = "") -> str:
        sweep, _ = record.create_sweep(self.store, LINE % values + extra, origin={})
        self.services.loop.wake()
        return sweep.id

    def agent(self, sweep: str, host: str = "box") -> ReplayedAgent:
        return ReplayedAgent(self.door, sweep, host)

    def given(self, agent: ReplayedAgent) -> dict[str, Any]:
        """The next trial that an agent is told to run."""
        command = wait_for(agent.beat, "a command")
        assert command["type"] == "run", command
        return dict(command)

    def script(self, sweep: str, command: dict[str, Any]) -> ReplayedScript:
        return ReplayedScript(self.door, sweep, command["run_id"])

    def trial(self, trial_id: str) -> TrialRecord:
        return self.store.get_trial(trial_id)

    def state(self, trial_id: str) -> TrialState:
        return self.trial(trial_id).state

    def steer(self, sweep: str, action: str) -> None:
        record.change_state(self.store, sweep, action)
        self.services.loop.wake()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("wandb-agents")
    broker = Broker(folder / "broker", "test")
    broker.launch()
    connection = broker.connect()
    with open_store(f"sqlite:///{folder / 'opensweep.db'}") as store, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        live = Live(connection)
        loop = Loop(store, live, TrialQueue(connection), "server")
        found = Services(
            store=store,
            live=live,
            loop=loop,
            broker=broker,
            key=KEY,
            server_id="server",
            version="1.2.3",
        )
        ready = threading.Event()
        server = make_http(found, ready.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        loop.start()
        try:
            assert ready.wait(10)
            yield World(found, connection, f"http://127.0.0.1:{listener.getsockname()[1]}")
        finally:
            server.should_exit = True
            thread.join()
            loop.close()
            broker.close()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds between real agents takes none here."""
    monkeypatch.setattr(door_agents, "REPEATED_S", 0.0)
    monkeypatch.setattr(door_agents, "GRACE_S", 0.0)
    monkeypatch.setattr(door_agents, "PATIENCE_S", 0.0)


def test_a_trial_from_the_first_question_to_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_agents, "PAUSES_S", (0.05,) * 200)
    sweep = world.sweep("1")
    agent = world.agent(sweep)
    command = agent.beat()  # at the first question: the server waits for the suggestion
    assert command == {
        "type": "run",
        "run_id": f"{sweep}-1",
        "program": "train.py",
        "args": {"x": {"value": 1}, "model": {"value": {"depth": 3}}},
    }
    trial = world.trial(f"{sweep}-1")
    assert (trial.state, trial.host) == (TrialState.RUNNING, "box")
    (shown,) = world.live.agents(sweep)
    assert shown.info["running"] == [trial.id]
    script = world.script(sweep, command)
    assert agent.beat(trial.id) is None
    script.log({"loss": 0.5}, {"loss": 0.25}, {"loss": 0.75})
    script.end()
    trial = world.trial(trial.id)
    assert (trial.state, trial.objective, trial.steps) == (TrialState.FINISHED, 0.25, 3)
    assert agent.beat() == {"type": "exit"}
    assert world.live.agents(sweep) == []
    assert world.store.get_sweep(sweep).state is SweepState.FINISHED


def test_an_answer_that_was_lost_is_given_again_and_no_second_trial(world: World) -> None:
    sweep = world.sweep()
    agent = world.agent(sweep)
    command = world.given(agent)
    assert [agent.beat(), agent.beat()] == [command, command]
    world.services.notes = Notes()  # the server was started anew
    assert agent.beat() == command
    other = world.given(world.agent(sweep))
    assert (command["run_id"], other["run_id"]) == (f"{sweep}-1", f"{sweep}-2")
    # Once its script has spoken, "not listed" does not mean that the answer was lost.
    script = world.script(sweep, command)
    world.services.notes = Notes()
    assert world.given(agent)["run_id"] == f"{sweep}-3"
    script.end()
    world.steer(sweep, "cancel")


def test_questions_at_the_same_time_hand_out_one_trial(world: World) -> None:
    sweep = world.sweep()
    agent = world.agent(sweep)
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda: answers.append(world.given(agent))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer["run_id"] for answer in answers] == [f"{sweep}-1"] * 4
    world.steer(sweep, "cancel")


def test_both_kinds_of_agent_share_a_sweep(world: World) -> None:
    sweep = world.sweep(", ".join(map(str, range(24))))
    started = threading.Event()

    def score(trial: TrialRecord, token: int) -> Any:
        del token
        started.set()
        return DONE, {"loss": trial.config["x"]}

    theirs = world.agent(sweep)
    first = world.given(theirs)
    ours = FakeSlots(world.store, world.connection, sweep, 2, score, world.services.loop.wake)
    ours.start()
    try:
        assert started.wait(10)
        command: dict[str, Any] | None = first
        while command is None or command["type"] == "run":
            if command is not None:
                script = world.script(sweep, command)
                script.log({"loss": float(command["args"]["x"]["value"])})
                script.end()
            command = theirs.beat()
        assert ours.join(10)
    finally:
        ours.close()
    trials = world.store.trials(sweep)
    assert sorted(trial.config["x"] for trial in trials) == list(range(24))
    assert all(trial.objective == trial.config["x"] for trial in trials)
    assert {trial.attempts for trial in trials} == {1}
    hosts = {trial.host for trial in trials}
    assert hosts == {"box", "here"}


def test_how_a_script_ends_is_how_its_trial_ends(world: World) -> None:
    sweep = world.sweep()
    agent = world.agent(sweep)
    failing = world.given(agent)
    world.script(sweep, failing).end(3)
    trial = world.trial(failing["run_id"])
    assert (trial.state, trial.reason) == (TrialState.FAILED, Reason.ERROR)
    assert "exit code 3" in trial.detail

    silent = world.given(agent)
    world.script(sweep, silent).end(0)
    taken = world.given(agent)
    trial = world.trial(silent["run_id"])
    assert (trial.state, trial.reason) == (TrialState.FAILED, Reason.NO_OBJECTIVE)

    script = world.script(sweep, taken)
    script.stream({"preempting": True})
    script.end(1)
    again = world.given(agent)
    assert again["run_id"] == f"{taken['run_id']}_2"
    assert again["args"] == taken["args"]
    script = world.script(sweep, again)
    script.log({"loss": 1.0})
    script.end()
    trial = world.trial(taken["run_id"])
    assert (trial.state, trial.attempts) == (TrialState.FINISHED, 2)


def test_a_script_may_end_its_run_and_begin_it_again(world: World) -> None:
    """As Hugging Face's Trainer does in each trial of a search."""
    sweep = world.sweep("1")
    agent = world.agent(sweep)
    command = world.given(agent)
    world.script(sweep, command).end()
    assert agent.beat(command["run_id"]) is None
    assert world.state(command["run_id"]) is TrialState.RUNNING
    script = world.script(sweep, command)
    script.log({"loss": 0.5})
    script.end()
    trial = world.trial(command["run_id"])
    assert (trial.state, trial.objective, trial.attempts) == (TrialState.FINISHED, 0.5, 1)


def test_the_end_of_a_script_whose_agent_has_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent asked for one trial only, which logged nothing."""
    monkeypatch.setattr(attempts, "HELD_S", 0.05)
    monkeypatch.setattr(attempts, "SILENT_S", 0.1)
    sweep = world.sweep("1")
    agent = world.agent(sweep)
    command = world.given(agent)
    script = world.script(sweep, command)
    agent.beat(command["run_id"])
    script.end()
    wait_for(lambda: world.state(command["run_id"]) is TrialState.FAILED, "the end")
    assert world.trial(command["run_id"]).reason is Reason.NO_OBJECTIVE


@pytest.mark.usefixtures("soon")
def test_a_script_that_is_gone_without_a_word(world: World) -> None:
    sweep = world.sweep()
    agent = world.agent(sweep)
    killed = world.given(agent)
    world.script(sweep, killed).log({"loss": 1.0})
    agent.beat(killed["run_id"])
    world.given(agent)  # with this question the first one is over
    trial = world.trial(killed["run_id"])
    assert (trial.state, trial.reason) == (TrialState.FAILED, Reason.KILLED)
    world.steer(sweep, "cancel")


def test_a_script_that_never_began_a_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It died at its first line, before its agent asked again: it is not started once more."""
    monkeypatch.setattr(door_agents, "REPEATED_S", 0.0)
    sweep = world.sweep()
    agent = world.agent(sweep)
    first = world.given(agent)
    assert world.given(agent)["run_id"] != first["run_id"]
    trial = world.trial(first["run_id"])
    assert (trial.state, trial.reason) == (TrialState.FAILED, Reason.ERROR)
    assert "wandb.init()" in trial.detail
    world.steer(sweep, "cancel")


def test_a_last_word_may_come_after_the_process_is_gone(world: World) -> None:
    sweep = world.sweep("1")
    agent = world.agent(sweep)
    command = world.given(agent)
    script = world.script(sweep, command)
    script.log({"loss": 1.0})
    assert agent.beat() is None
    assert world.state(command["run_id"]) is TrialState.RUNNING
    script.end()
    assert world.state(command["run_id"]) is TrialState.FINISHED


EARLY = "early_terminate: {type: hyperband, min_iter: 1, eta: 2}\n"


def worse_one(world: World, sweep: str) -> tuple[ReplayedAgent, str, ReplayedScript]:
    """Two good runs, and a bad one that the rule has given up."""
    agent = world.agent(sweep)
    for value in (1.0, 2.0):
        script = world.script(sweep, world.given(agent))
        script.log({"loss": value})
        script.end()
    bad = world.given(agent)
    script = world.script(sweep, bad)
    script.log({"loss": 9.0})
    wait_for(lambda: world.live.attempt(bad["run_id"]).get("order") == "stop", "the order")
    return agent, bad["run_id"], script


def test_early_termination_comes_by_the_stream_first(world: World) -> None:
    sweep = world.sweep(extra=EARLY)
    agent, bad, script = worse_one(world, sweep)
    assert agent.beat(bad) is None  # the agent would kill it: later
    assert script.stream({}) is True
    script.log({"loss": 8.0})
    script.end(255)
    trial = world.trial(bad)
    assert (trial.state, trial.reason) == (TrialState.STOPPED, Reason.EARLY_STOP)
    assert trial.objective == 8.0
    assert "best half" in trial.detail


@pytest.mark.usefixtures("soon")
def test_a_script_that_does_not_listen_is_ended_by_its_agent(world: World) -> None:
    sweep = world.sweep(extra=EARLY)
    agent, bad, _ = worse_one(world, sweep)
    assert agent.beat(bad) == {"type": "stop", "run_id": bad}
    assert agent.beat() in (None, {"type": "exit"})  # it is gone
    assert world.state(bad) is TrialState.STOPPED
    assert wait_for(agent.beat, "the end") == {"type": "exit"}


def test_cancel_ends_what_runs_and_then_the_agent(world: World) -> None:
    sweep = world.sweep()
    agent = world.agent(sweep)
    command = world.given(agent)
    world.script(sweep, command)
    name = command["run_id"]
    assert agent.beat(name) is None
    world.steer(sweep, "cancel")
    assert wait_for(lambda: agent.beat(name), "a command") == {"type": "stop", "run_id": name}
    assert agent.beat() == {"type": "exit"}
    assert world.state(name) is TrialState.CANCELED


def test_a_paused_sweep_gives_nothing_and_a_stopped_one_lets_go(world: World) -> None:
    sweep = world.sweep()
    agent = world.agent(sweep)
    command = world.given(agent)
    world.steer(sweep, "pause")
    script = world.script(sweep, command)
    script.log({"loss": 1.0})
    script.end()
    assert agent.beat() is None
    world.steer(sweep, "resume")
    second = world.given(agent)
    world.steer(sweep, "stop")
    assert agent.beat(second["run_id"]) is None  # what runs may end
    script = world.script(sweep, second)
    script.log({"loss": 2.0})
    script.end()
    assert agent.beat() == {"type": "exit"}
    assert world.state(second["run_id"]) is TrialState.FINISHED


def test_a_silent_agent_loses_its_trial_and_its_late_word_does_not_count(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = world.sweep("1")
    monkeypatch.setattr(protocol, "WANDB_LEASE_S", 0.3)
    silent = world.agent(sweep, "silent")
    first = world.given(silent)
    late = world.script(sweep, first)
    wait_for(lambda: world.trial(first["run_id"]).token == 2, "the trial to be lost")
    monkeypatch.undo()
    other = world.agent(sweep, "other")
    again = world.given(other)
    assert again["run_id"] == f"{sweep}-1_2"
    script = world.script(sweep, again)
    script.log({"loss": 1.0})
    assert late.log({"loss": -9.0}) is True  # told to stop, and not recorded
    assert silent.beat(first["run_id"]) == {"type": "stop", "run_id": first["run_id"]}
    script.end()
    late.end()
    trial = world.trial(f"{sweep}-1")
    assert (trial.state, trial.objective, trial.attempts) == (TrialState.FINISHED, 1.0, 2)
    assert silent.beat() == {"type": "exit"}


def test_a_script_keeps_its_trial_while_its_agent_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = world.sweep("1")
    monkeypatch.setattr(protocol, "WANDB_LEASE_S", 1.0)
    script = world.script(sweep, world.given(world.agent(sweep)))
    until = time.monotonic() + 2.0
    while time.monotonic() < until:
        script.log({"loss": 1.0})
        time.sleep(0.2)
    script.end()
    trial = world.trial(f"{sweep}-1")
    assert (trial.state, trial.attempts) == (TrialState.FINISHED, 1)


def test_a_wiped_redis_changes_nothing_for_what_runs(world: World) -> None:
    sweep = world.sweep("1, 2")
    agent = world.agent(sweep)
    first = world.given(agent)
    script = world.script(sweep, first)
    agent.beat(first["run_id"])
    world.connection.flushall()
    assert agent.beat(first["run_id"]) is None
    wait_for(lambda: world.live.attempt(first["run_id"]), "the attempt to be projected anew")
    script.log({"loss": 1.0})
    script.end()
    second = world.given(agent)
    assert second["args"]["x"] == {"value": 2}
    world.steer(sweep, "cancel")


def test_what_is_not_there_is_said_as_the_client_expects(world: World) -> None:
    def status(query: str, **variables: Any) -> tuple[int, str]:
        code, answer = world.door.post("/graphql", {"query": query, "variables": variables})
        return code, answer["errors"][0]["message"]

    beat = "mutation($id: ID!) { agentHeartbeat(input: {id: $id}) { commands } }"
    create = 'mutation($s: String!) { createAgent(input: {host: "h", sweep: $s}) { agent { id } } }'
    assert status(beat, id="nobody")[0] == 404
    gone = door_agents.Agent("abcdefgh", "box", "1").global_id
    assert status(beat, id=gone)[0] == 404
    assert status(create, s="abcdefgh")[0] == 404
    sweep = world.sweep()
    world.steer(sweep, "cancel")
    code, message = status(create, s=sweep)
    assert code == 400
    assert "canceled by a user" in message
