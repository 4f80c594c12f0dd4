"""An agent against a real Valkey and real training processes; the server is played."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from agent_world import SWEEP, World, until
from rq import Queue
from rq.serializers import JSONSerializer

from agent.agent import Agent
from agent.events import Ended, Reconnected, Started, Waiting, Warned
from sweeps.errors import NotFoundError, UsageError
from sweeps.protocol.client import Client
from sweeps.protocol.live import Order, queue_name

LOG_ONCE = "log(0, loss=float(config['x']), other=1)\nprint('trained', config['x'])\n"
WAIT_FOR_FILE = """
log(0, loss=1.0)
print("running", flush=True)
while not Path("go").exists():
    time.sleep(0.01)
log(1, loss=0.5)
"""
WAIT_FOR_TERM = """
def leave(*_):
    log(1, loss=0.25)
    print("left", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
log(0, loss=1.0)
print("running", flush=True)
while True:
    time.sleep(0.05)
"""


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    worlds: list[World] = []

    def make(script: str, **spec: Any) -> World:
        worlds.append(World(tmp_path, script, spec))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


def test_runs_every_trial_and_ends_with_the_sweep(make_world: Callable[..., World]) -> None:
    world = make_world(LOG_ONCE)
    ids = world.add(*({"x": i} for i in range(1, 7)))
    with world.agent(slots=2) as agent:
        summary = agent.finish()
    assert (summary.finished, summary.failed, summary.exit_code) == (6, 0, 0)
    assert (summary.best_trial, summary.best_objective) == (ids[0], 1.0)
    assert "finished" in summary.why
    for i, trial_id in enumerate(ids, start=1):
        trial = world.trials[trial_id]
        assert trial.state == "finished"
        assert trial.starts == [1]
        assert trial.rows() == [(0, {"loss": float(i), "other": 1})]
        assert trial.points() == [(0, float(i))]
        assert trial.summary == {"loss": float(i), "other": 1}
        assert trial.console() == f"trained {i}\n"
    assert {event.slot for event in agent.seen(Started)} == {0, 1}
    assert [e.outcome.state for e in agent.seen(Ended)] == ["finished"] * 6
    assert world.live.agents(SWEEP) == []
    left = world.connection.keys("rq:job:*") + world.connection.keys("sweep:attempt:*")
    assert left == [], "nothing of the trials stays in Redis"
    assert not (world.folder / "home/outbox").exists() or not list(
        (world.folder / "home/outbox").iterdir()
    )


def test_two_agents_share_thirty_trials_and_none_runs_twice(
    make_world: Callable[..., World],
) -> None:
    world = make_world(
        "log(0, loss=1.0)\nopen('ran', 'a').write(os.environ['OPENSWEEP_RUN_ID']+' ')"
    )
    ids = world.add(*({"x": i} for i in range(30)))
    for trial_id in ids[:5]:  # queued twice: the second claim must lose
        world.queue.enqueue(SWEEP, [(trial_id, 1)])
    with world.agent(slots=2) as one, world.agent(slots=2) as two:
        total = one.finish().finished + two.finish().finished
    assert total == 30
    assert sorted((world.folder / "ran").read_text().split()) == sorted(ids)
    assert one.seen(Started)
    assert two.seen(Started)


def test_count_is_kept_over_all_slots(make_world: Callable[..., World]) -> None:
    world = make_world(LOG_ONCE)
    world.add(*({"x": i} for i in range(8)))
    with world.agent(slots=3, count=4) as agent:
        summary = agent.finish()
    assert summary.finished == 4
    assert "--count" in summary.why
    assert sum(t.state == "queued" for t in world.trials.values()) == 4


def test_a_foreign_job_is_refused_and_never_run(make_world: Callable[..., World]) -> None:
    world = make_world(LOG_ONCE)
    mark = world.folder / "owned"
    queue = Queue(queue_name(SWEEP), connection=world.connection, serializer=JSONSerializer)
    queue.enqueue("os.system", f"touch {mark}", job_id="evil")
    queue.enqueue("opensweep.trial", "othersweep-1", 1, job_id="othersweep-1_1")
    queue.enqueue("opensweep.trial", f"{SWEEP}-x", 1, job_id=f"{SWEEP}-x_1")
    pickled = Queue(queue_name(SWEEP), connection=world.connection)
    pickled.enqueue("os.system", f"touch {mark}", job_id="pickled")
    world.connection.lpush(queue.key, b"\xff\xfe")
    [trial_id] = world.add({"x": 1})
    with world.agent() as agent:
        assert agent.finish().finished == 1
    assert world.trials[trial_id].state == "finished"
    assert not mark.exists()
    told = " ".join(event.message for event in agent.seen(Warned))
    assert all(name in told for name in ("evil", "os.system", "othersweep-1", "-x", "pickled"))
    assert len(agent.seen(Warned)) == 5
    assert world.connection.keys("rq:job:*") == []
    assert world.connection.llen(queue.intermediate_queue_key) == 0


def test_the_home_that_an_agent_makes_is_for_its_user_alone(
    make_world: Callable[..., World],
) -> None:
    """What trials print lies there."""
    world = make_world(LOG_ONCE)
    home = world.folder / "home"
    assert not home.exists()
    world.add({"x": 1})
    with world.agent() as agent:
        agent.finish()
    assert home.stat().st_mode & 0o077 == 0


def test_an_order_to_stop_keeps_what_the_trial_reached(make_world: Callable[..., World]) -> None:
    world = make_world(WAIT_FOR_TERM)
    [trial_id] = world.add({"x": 1})
    with world.agent() as agent:
        until(lambda: world.trials[trial_id].points())
        ordered = time.monotonic()
        assert world.live.order(trial_id, 1, Order.STOP, "band 1: worse than the third")
        agent.finish()
    assert time.monotonic() - ordered < 2.5, "the wake call makes it quicker than a beat"
    trial = world.trials[trial_id]
    assert trial.state == "stopped"
    assert trial.outcomes[0]["detail"] == "band 1: worse than the third"
    assert trial.points() == [(0, 1.0), (1, 0.25)]


@pytest.mark.parametrize(
    ("ends", "state"),
    [
        ("log_end()\nlog_value()\nwait()", "stopped"),  # it went on
        ("log_end()\nwait()", "finished"),  # the interpreter's own end takes its time
        ("log_end()\nwait_for_term()", "finished"),
        ("wait_for_term()\nlog_end()", "stopped"),  # it heard the order, and ended well
    ],
)
def test_an_order_to_stop_a_run_that_had_ended_comes_too_late(
    make_world: Callable[..., World], ends: str, state: str
) -> None:
    world = make_world(
        "from logging_core.records import Finished\n"
        "told = []\n"
        "def log_end(): writer.add(Finished(0, time.time()))\n"
        "def log_value(): log(2, loss=0.5)\n"
        "def wait(): Path('ready').touch(); time.sleep(60)\n"
        "def wait_for_term():\n"
        "    signal.signal(signal.SIGTERM, lambda *_: told.append(1))\n"
        "    Path('ready').touch()\n"
        "    while not told: time.sleep(0.01)\n"
        f"log(0, loss=2.0)\nlog(1, loss=1.0)\n{ends}\n"
    )
    [trial_id] = world.add({"x": 1})
    with world.agent() as agent:
        until(lambda: world.trials[trial_id].points() and (world.folder / "ready").exists())
        world.live.order(trial_id, 1, Order.STOP, "curve at iteration 2 (step 1)")
        agent.finish()
    trial = world.trials[trial_id]
    assert (trial.state, len(trial.outcomes)) == (state, 1)


def test_a_trial_that_ignores_term_is_killed_after_the_grace(
    make_world: Callable[..., World],
) -> None:
    world = make_world(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nlog(0, loss=1.0)\n"
        "import subprocess\n"
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "Path('child').write_text(str(child.pid))\n"
        "time.sleep(600)\n"
    )
    [trial_id] = world.add({"x": 1})
    with world.agent(environ={"WANDB_AGENT_KILL_DELAY": "0.3"}) as agent:
        until(lambda: world.trials[trial_id].points() and (world.folder / "child").exists())
        child = int((world.folder / "child").read_text())
        world.live.order(trial_id, 1, Order.CANCEL, "")
        agent.finish()
    assert world.trials[trial_id].state == "canceled"
    assert world.trials[trial_id].outcomes[0]["signal"] == signal.SIGKILL
    assert not _lives(child), "a grandchild in a session of its own is dead too"


def test_an_attempt_that_is_taken_over_is_killed_and_not_recorded(
    make_world: Callable[..., World],
) -> None:
    world = make_world(WAIT_FOR_FILE)
    [trial_id] = world.add({"x": 1})
    with world.agent() as agent:
        until(lambda: world.trials[trial_id].points())
        world.supersede(trial_id)
        until(lambda: agent.seen(Warned))
        assert world.trials[trial_id].outcomes == []
        (world.folder / "go").touch()
        world.queue.enqueue(SWEEP, [(trial_id, 2)])
        agent.finish()
    assert world.trials[trial_id].starts == [1, 2]
    assert world.trials[trial_id].state == "finished"
    assert "another agent" in agent.seen(Warned)[0].message


def test_a_script_that_fails_at_once_does_not_eat_the_sweep(
    make_world: Callable[..., World],
) -> None:
    world = make_world("raise SystemExit('no such dataset: mnist')")
    world.add(*({"x": i} for i in range(20)))
    with world.agent() as agent:
        summary = agent.finish()
    assert summary.exit_code == 1
    assert summary.failed == 5
    assert "5 trials failed here and none has ended well yet" in summary.why
    assert "no such dataset: mnist" in summary.why
    log = summary.why.rpartition(" ")[2]
    assert "no such dataset" in Path(log).read_text()
    assert sum(t.state == "queued" for t in world.trials.values()) == 15


def test_a_trial_without_the_objective_counts_as_a_failure(
    make_world: Callable[..., World],
) -> None:
    world = make_world("log(0, accuracy=1.0)")
    world.add(*({"x": i} for i in range(9)))
    with world.agent() as agent:
        summary = agent.finish()
    assert (summary.exit_code, summary.failed) == (1, 5)
    assert agent.seen(Ended)[0].outcome.reason == "no_objective"
    assert "accuracy" in agent.seen(Ended)[0].outcome.detail, "what it did log"


def test_a_metric_that_trials_lack_is_told_of_at_the_first(
    make_world: Callable[..., World],
) -> None:
    world = make_world(LOG_ONCE)
    world.score = {"objective": 1.0, "detail": "the sweep's `metrics` want 'ms', too"}
    world.add(*({"x": i} for i in range(3)))
    with world.agent() as agent:
        assert agent.finish().finished == 3
    (said,) = agent.seen(Warned)
    assert said.message.endswith("finished, but the sweep's `metrics` want 'ms', too")


def test_a_program_that_is_not_there_is_told_before_any_trial(
    make_world: Callable[..., World],
) -> None:
    world = make_world(LOG_ONCE, program="missing.py")
    world.add({"x": 1})
    with world.agent() as agent, pytest.raises(UsageError, match=r"missing\.py"):
        agent.finish()
    assert world.trials[f"{SWEEP}-1"].starts == []


def test_an_unknown_sweep_is_told(make_world: Callable[..., World]) -> None:
    world = make_world(LOG_ONCE)
    with Client(world.url, "key") as client:
        agent = Agent(client, "nosuch", environ=world.environ, gpus="none")
        with pytest.raises(NotFoundError):
            agent.run()


def test_training_goes_on_while_redis_restarts(make_world: Callable[..., World]) -> None:
    world = make_world(WAIT_FOR_FILE)
    [first, second] = world.add({"x": 1}, {"x": 2})
    with world.agent() as agent:
        until(lambda: world.trials[first].points())
        os.kill(world.broker.pid, signal.SIGKILL)
        (world.folder / "go").touch()  # the trial ends, and its result goes to the server
        until(lambda: world.trials[first].state == "finished")
        agent.finish()
    assert world.trials[second].state == "finished"
    assert world.trials[first].starts == world.trials[second].starts == [1]


def test_the_server_may_be_away_while_a_trial_runs_and_ends(
    make_world: Callable[..., World],
) -> None:
    world = make_world(
        "log(0, loss=1.0)\nprint('early', flush=True)\n"
        "while not Path('go').exists(): time.sleep(0.01)\n"
        "for step in range(1, 400): log(step, loss=1.0 / step)\n"
        "print('late', flush=True)\n"
    )
    [trial_id] = world.add({"x": 1})
    with world.agent() as agent:
        until(lambda: world.trials[trial_id].points())
        world.away = True
        (world.folder / "go").touch()
        outbox = world.folder / "home/outbox"
        until(lambda: list(outbox.rglob("*.json")))
        until(lambda: agent.seen(Waiting))
        assert world.trials[trial_id].outcomes == []
        world.away = False
        assert agent.finish().finished == 1
    trial = world.trials[trial_id]
    assert [step for step, _ in trial.rows()] == list(range(400))
    assert trial.points()[-1] == (399, 1.0 / 399)
    assert trial.console() == "early\nlate\n"
    assert len(agent.seen(Waiting)) == len(agent.seen(Reconnected)) == 1


def test_an_agent_says_that_its_sweep_is_stuck_and_that_it_goes_on(
    make_world: Callable[..., World],
) -> None:
    world = make_world(LOG_ONCE)
    with world.agent() as agent:
        until(lambda: world.live.agents(SWEEP))
        world.live.set_sweep_state(SWEEP, "running", "the search (gp) fails (ValueError: x)")
        until(lambda: agent.seen(Waiting))
        world.live.set_sweep_state(SWEEP, "running")
        until(lambda: agent.seen(Reconnected))
        world.end_sweep()
        agent.finish()
    (said,) = agent.seen(Waiting)
    assert said.reason == (
        "the sweep is stuck: the search (gp) fails (ValueError: x); `sweep status` says what to do"
    )


def test_a_server_that_moved_is_found_again(make_world: Callable[..., World]) -> None:
    world = make_world(WAIT_FOR_FILE)
    [trial_id] = world.add({"x": 1})
    asked = []

    def reconnect() -> Client:
        asked.append(True)
        return Client(world.url, "key")

    with world.agent(reconnect=reconnect) as agent:
        until(lambda: world.trials[trial_id].points())
        agent.client.url = "http://127.0.0.1:9"  # nobody answers there
        (world.folder / "go").touch()
        assert agent.finish().finished == 1
    assert asked
    assert world.trials[trial_id].points() == [(0, 1.0), (1, 0.5)]


def test_a_result_outlives_its_agent(make_world: Callable[..., World]) -> None:
    world = make_world(
        "log(0, loss=1.0)\nwhile not Path('go').exists(): time.sleep(0.01)\n"
        "for step in range(1, 50): log(step, loss=0.5)\nprint('bye')\n"
    )
    [trial_id] = world.add({"x": 1})
    process = world.start_process()
    try:
        until(lambda: world.trials[trial_id].points())
        world.away = True
        (world.folder / "go").touch()
        outbox = world.folder / "home/outbox"
        until(lambda: list(outbox.rglob("*.json")))
    finally:
        process.kill()
        process.communicate()
    assert world.trials[trial_id].outcomes == []
    world.away = False
    world.url = world.url.replace("127.0.0.1", "localhost")  # the same server, reached otherwise
    with world.agent() as agent:  # any other agent on this machine
        agent.finish()
    assert world.trials[trial_id].state == "finished"
    assert [step for step, _ in world.trials[trial_id].rows()] == list(range(50))
    assert world.trials[trial_id].console() == "bye\n"
    assert world.trials[trial_id].starts == [1]


def test_ctrl_c_waits_and_a_second_one_gives_the_trial_back(
    make_world: Callable[..., World],
) -> None:
    world = make_world(WAIT_FOR_TERM)
    world.retry_preempted = False
    [trial_id, other] = world.add({"x": 1}, {"x": 2})
    process = world.start_process()
    try:
        until(lambda: world.trials[trial_id].points())
        process.send_signal(signal.SIGINT)
        assert "Started" in process.stdout.readline()
        assert "Finishing" in process.stdout.readline()
        assert world.trials[trial_id].outcomes == []
        process.send_signal(signal.SIGINT)
        told = process.stdout.readline()
        assert "Finishing" in told
        assert "stopping 1 trial; Ctrl-C again to kill them, or in 30 s" in told
        out, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    summary = json.loads(out.splitlines()[-1])
    assert process.returncode == 130
    assert summary["other"] == 1
    trial = world.trials[trial_id]
    assert (trial.state, trial.outcomes[0]["reason"]) == ("preempted", "agent")
    assert trial.points() == [(0, 1.0), (1, 0.25)], "it could save before it left"
    assert world.trials[other].starts == []


def test_a_third_ctrl_c_kills_and_says_so(make_world: Callable[..., World]) -> None:
    world = make_world(
        "signal.signal(signal.SIGTERM, lambda *_: log(1, loss=0.5))\nlog(0, loss=1.0)\n"
        "while True: time.sleep(0.05)\n"
    )
    world.retry_preempted = False
    [trial_id] = world.add({"x": 1})
    process = world.start_process()
    try:
        until(lambda: world.trials[trial_id].points())
        assert "Started" in process.stdout.readline()
        for said in ("again to stop", "stopping 1 trial;", "killing 1 trial"):
            process.send_signal(signal.SIGINT)
            told = process.stdout.readline()
            assert "Finishing" in told
            assert said in told
        process.communicate(timeout=15)  # well before the 30 s are over
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert world.trials[trial_id].outcomes[0]["signal"] == signal.SIGKILL


def test_a_trial_scores_what_the_server_says(make_world: Callable[..., World]) -> None:
    """It knows the attempts before this one, and its word is what everybody else is shown."""
    world = make_world("log(0, loss=1.0)\ntime.sleep(0.3)\n")
    world.score = {"objective": 0.125}
    [trial_id] = world.add({"x": 1})
    with world.agent() as agent:
        summary = agent.finish()
    [ended] = agent.seen(Ended)
    assert ended.objective == summary.best_objective == 0.125
    assert world.trials[trial_id].seconds == ended.seconds
    assert 0.3 <= ended.seconds < 10


def test_an_empty_outbox_of_a_killed_agent_is_cleared_away(
    make_world: Callable[..., World],
) -> None:
    world = make_world(WAIT_FOR_FILE)
    [trial_id] = world.add({"x": 1})
    process = world.start_process()
    try:
        until(lambda: world.trials[trial_id].points())
    finally:
        process.kill()
        process.communicate()
    outbox = world.folder / "home/outbox"
    assert list(outbox.iterdir())
    (world.folder / "go").touch()
    world.supersede(trial_id)
    world.queue.enqueue(SWEEP, [(trial_id, 2)])
    with world.agent() as agent:
        agent.finish()
    assert list(outbox.iterdir()) == []


def test_sigterm_gives_trials_back_as_preempted(make_world: Callable[..., World]) -> None:
    world = make_world(WAIT_FOR_TERM)
    world.retry_preempted = False
    [trial_id] = world.add({"x": 1})
    process = world.start_process()
    try:
        until(lambda: world.trials[trial_id].points())
        process.terminate()
        out, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 143
    assert "stopping 1 trial; SIGTERM again to kill them, or in 30 s" in out
    assert "SIGTERM" in json.loads(out.splitlines()[-1])["why"]
    assert world.trials[trial_id].outcomes[0]["reason"] == "preempted"


def test_a_forwarded_signal_reaches_the_trial_at_once(make_world: Callable[..., World]) -> None:
    world = make_world(WAIT_FOR_TERM.replace("SIGTERM", "SIGINT"))
    [trial_id] = world.add({"x": 1})
    process = world.start_process(forward_signals=True)
    try:
        until(lambda: world.trials[trial_id].points())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert world.trials[trial_id].state == "finished"  # it ended well, by its own handler
    assert world.trials[trial_id].points() == [(0, 1.0), (1, 0.25)]


def test_a_lost_attempts_last_rows_arrive_before_the_next_one_starts(
    make_world: Callable[..., World],
) -> None:
    world = make_world(
        "token = os.environ['OPENSWEEP_WRITER']\n"
        "if token == '2':\n    log(7, loss=0.1)\n    sys.exit()\n"
        "log(0, loss=1.0)\n"
        "while not Path('go').exists(): time.sleep(0.01)\n"
        "for step in range(1, 7): log(step, loss=1.0)\n"
        "Path('logged').touch()\ntime.sleep(600)\n"
    )
    [trial_id] = world.add({"x": 1})
    process = world.start_process()
    try:
        until(lambda: world.trials[trial_id].points())
        world.away = True
        (world.folder / "go").touch()
        until(lambda: (world.folder / "logged").exists())
    finally:
        process.kill()
        process.communicate()
    world.away = False
    world.supersede(trial_id)
    world.queue.enqueue(SWEEP, [(trial_id, 2)])
    with world.agent() as agent:
        assert agent.finish().finished == 1
    assert [step for step, _ in world.trials[trial_id].points()] == list(range(8))


def test_free_slots_are_told_as_they_come_and_go(make_world: Callable[..., World]) -> None:
    world = make_world(WAIT_FOR_FILE)

    def free() -> int | None:
        beats = world.live.agents(SWEEP)
        return beats[0].free if beats else None

    with world.agent(slots=2) as agent:
        until(lambda: free() == 2)
        [first] = world.add({"x": 1})
        until(lambda: free() == 1)
        [second] = world.add({"x": 2})
        until(lambda: free() == 0)
        until(lambda: set(world.live.agents(SWEEP)[0].info["running"]) == {first, second})
        world.connection.delete("sweep:doorbell")
        (world.folder / "go").touch()
        assert world.live.wait_for_ring(5), "a slot that comes free rings"
        agent.finish()
    assert free() is None


def test_a_frozen_agent_whose_lease_ran_out_kills_its_trial(
    make_world: Callable[..., World],
) -> None:
    world = make_world(WAIT_FOR_FILE)
    [trial_id] = world.add({"x": 1})
    process = world.start_process()
    try:
        until(lambda: world.trials[trial_id].points())
        process.send_signal(signal.SIGSTOP)
        world.supersede(trial_id)  # as the reaper does after the lease
        process.send_signal(signal.SIGCONT)
        until(lambda: "Warned" in process.stdout.readline())
        world.end_sweep()
        process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert world.trials[trial_id].outcomes == []
    assert process.returncode == 0


def test_a_trial_that_was_given_up_meanwhile_is_ended(make_world: Callable[..., World]) -> None:
    """No newer attempt takes its place in Redis: the server alone can tell."""
    world = make_world(WAIT_FOR_FILE)
    [trial_id] = world.add({"x": 1})
    with world.agent() as agent:
        until(lambda: world.trials[trial_id].points())
        with world.lock:
            world.trials[trial_id].state = "failed"  # as the reaper does: lost once too often
        world.live.finish(trial_id, 1)
        told = f"{trial_id} is ended here"
        until(lambda: any(told in warned.message for warned in agent.seen(Warned)))
        until(lambda: not world.live.agents(SWEEP)[0].info["running"])
        world.end_sweep()
        agent.finish()
    assert world.trials[trial_id].outcomes == []


def test_the_next_trial_starts_within_a_tenth_of_a_second(
    make_world: Callable[..., World],
) -> None:
    world = make_world("log(0, loss=1.0, began=time.time())\nlog(1, loss=1.0, ended=time.time())")
    ids = world.add(*({"x": i} for i in range(12)))
    with world.agent() as agent:
        agent.finish()
    ends = sorted(world.trials[i].rows()[1][1]["ended"] for i in ids)
    begins = sorted(world.trials[i].rows()[0][1]["began"] for i in ids)
    gaps = sorted(b - e for b, e in zip(begins[1:], ends[:-1], strict=True))
    # The gap holds the end of one interpreter and the start of the next one, with its imports;
    # 1 s is far from any poll, and loose enough for a busy machine.
    assert gaps[len(gaps) // 2] < 1.0


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
