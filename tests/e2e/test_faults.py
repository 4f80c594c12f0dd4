"""One fault at a time over real processes: server, Redis, agents on boxes of their own, scripts.

FAILURES.md says what is promised; `benchmarks/faults.py` measures the same with real leases. What
only needs an agent, or only a controller, is in `test_agent.py`, `test_supervisor.py` and
`test_faults_controller.py`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_world import LEASE_S, FaultWorld, fault_world, wait_for
from postgresql_server import Postgres

from agent import kernel

OUTAGE_S = float(os.environ.get("OPENSWEEP_TEST_OUTAGE_S", 2 * LEASE_S))
"""How long Redis is away; ten minutes with OPENSWEEP_TEST_OUTAGE_S=600 and --timeout 900."""
LOG_ONCE = "run.log({'loss': x})\n"
HOLD = """
run.log({"loss": float(attempt)})
while attempt == 1 and not (root / "go").exists():
    time.sleep(0.05)
"""
CHECKPOINT = """
saved = Path(run.checkpoint_dir) / "step"
assert run.resumed == (attempt > 1)
for step in range(int(saved.read_text()) if run.resumed else 0, 30):
    run.log({"loss": 30.0 - step}, step=step)
    saved.with_suffix(".new").write_text(str(step + 1))
    saved.with_suffix(".new").replace(saved)
    time.sleep(0.1 if attempt == 1 else 0.0)
"""


def grid(last: int, more: str = "") -> str:
    return f"method: grid\nparameters: {{x: {{values: {list(range(1, last + 1))}}}}}\n{more}"


@pytest.fixture(scope="module")
def whole_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultWorld]:
    with fault_world(tmp_path_factory.mktemp("faults"), boxes=5) as world:
        yield world


@pytest.fixture
def world(whole_world: FaultWorld) -> Iterator[FaultWorld]:
    """The same for all tests here, each with a sweep of its own."""
    (whole_world.root / "go").unlink(missing_ok=True)
    yield whole_world
    whole_world.heal()
    with whole_world.client() as client:
        if client.sweep(whole_world.sweep_id)["state"] not in ("finished", "canceled"):
            client.change(whole_world.sweep_id, "cancel")
    whole_world.end_boxes()


def test_a_box_that_fails_every_trial_is_in_quarantine_and_the_sweep_keeps_its_budget(
    world: FaultWorld,
) -> None:
    bad = "if box == 'box1':\n    sys.exit('the GPU has fallen off the bus')\n"
    hold = "while x == 1 and not (root / 'go').exists():\n    time.sleep(0.05)\n"
    world.create(bad + hold + LOG_ONCE, grid(8))
    world.begin_box(0)
    world.wait(world.running(1), "the first trial")
    world.begin_box(1, WANDB_AGENT_DISABLE_FLAPPING="false", FAULT_HOST="another")

    def quarantined() -> list[str]:
        status = world.counts()
        return [why for agent in status["agents"] for why in agent["quarantined"]] if status else []

    [why] = world.wait(quarantined, "the quarantine")
    assert "the GPU has fallen off the bus" in why
    (world.root / "go").touch()
    status = world.over()
    assert status["counts"]["finished"] == 8
    assert status["counts"].get("failed", 0) == 0
    attempts = [trial["attempts"] for trial in world.trials()]
    assert sorted(attempts)[-5:] == [2] * 5, "five were tried there"
    assert sum(attempts) == 13
    said = (world.root / "box1.log").read_text()
    assert "in quarantine" in said
    assert "5 trials are queued again for other machines" in said
    wait_for(lambda: world.boxes[1].agent.code is not None, "its end with the sweep", 20)


def test_a_trial_that_kills_its_machine_is_given_up_and_the_sweep_goes_on(
    world: FaultWorld,
) -> None:
    poison = """
if x == 2:
    for each in Path("/proc").glob("[0-9]*"):
        try:
            mine = f"OPENSWEEP_CHAOS_BOX={box}".encode() in (each / "environ").read_bytes()
        except OSError:
            continue
        if mine and int(each.name) != os.getpid():
            os.kill(int(each.name), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    world.create(poison + LOG_ONCE, grid(4, "retry: {max: 1, lost: 1}\n"))
    world.begin_box(0)
    world.begin_box(1)
    status = world.over(90)
    assert status["state"] == "finished"
    assert status["counts"]["finished"] == 3
    trial = world.trial(2)
    assert trial["state"] == "failed"
    assert trial["detail"].startswith("given up after 2 lost attempts")
    assert {one["state"] for one in trial["attempts_list"]} == {"lost"}


@pytest.mark.parametrize("how", ["spot", "slurm"])
def test_a_preempted_trial_goes_on_after_its_last_step(world: FaultWorld, how: str) -> None:
    """spot: SIGTERM to the agent. slurm: CONT and TERM to all processes, the grace, KILL to all."""
    world.create(CHECKPOINT, grid(1, "retry: {lost: 0}\n"))
    box = world.begin_box(0)
    world.wait(lambda: world.running(1)() and len(world.rows(world.trial(1)["id"])) > 3, "steps")
    if how == "spot":
        box.agent.send(signal.SIGTERM)
    else:
        for number in (signal.SIGCONT, signal.SIGTERM):
            for process in box.members():
                kernel.send(process, number)
    wait_for(lambda: world.trial(1)["attempts"] == 2, "the second attempt", 20)
    world.end_boxes()
    world.begin_box(0)
    world.over()
    trial = world.trial(1)
    states = [(one["state"], one["reason"]) for one in trial["attempts_list"]]
    assert states == [("preempted", "preempted"), ("finished", "ok")], trial
    steps = [step for step, _ in world.rows(trial["id"])]
    assert steps == list(range(30)), "gapless, without repeats"


def test_boxes_out_of_reach_lose_their_trials_and_record_nothing_when_they_are_back(
    world: FaultWorld,
) -> None:
    """Cut off both ways, one way, the other way; and an agent that is frozen while it trains."""
    world.create(HOLD, grid(4))
    for number in range(4):
        world.begin_box(number)
    world.wait(lambda: all(world.running(x)() for x in range(1, 5)), "four trials")
    both, up, down, frozen = world.boxes[:4]
    for box, ways in ((both, ("up", "down")), (up, ("up",)), (down, ("down",))):
        for wire in box.wires:
            wire.cut(*ways)
    world.freeze([frozen.agent.entry])
    world.begin_box(4)
    world.wait(lambda: all(t["state"] == "finished" for t in world.trials()), "attempts elsewhere")
    assert any(box.trials() for box in (both, up, down, frozen)), "they cannot know yet"
    world.heal()
    for box in (both, up, down, frozen):
        wait_for(lambda box=box: not box.trials(), f"the end of what ran on {box.name}", 20)
    world.over()
    for x in range(1, 5):
        trial = world.trial(x)
        states = [(one["state"], one["reason"]) for one in trial["attempts_list"]]
        assert states == [("lost", "lease_expired"), ("finished", "ok")]
        assert (trial["objective"], trial["summary"]["loss"]) == (2.0, 2.0), "the newer one's word"
        assert world.rows(trial["id"]) == [(0, 2.0)]


@pytest.mark.parametrize("what", ["redis", "database"])
def test_trials_that_end_while_redis_or_the_database_is_gone_are_recorded_once(
    world: FaultWorld, what: str
) -> None:
    script = "for step in range(20):\n    run.log({'loss': x + step}, step=step)\n"
    world.create(HOLD + script.replace("step=step", "step=step + 1"), grid(4))
    world.begin_box(0)
    world.begin_box(1)
    world.wait(lambda: sum(world.running(x)() for x in range(1, 5)) == 2, "two trials")
    if what == "redis":
        world.rest("valkey", OUTAGE_S)
        world.valkey.part.kill()
    else:
        wait_for(lambda: world.lock.take() or world.lock._connection, "the lock", 20)
    (world.root / "go").touch()
    wait_for(lambda: not any(box.trials() for box in world.boxes), "the scripts' ends", 20)
    if what == "redis":
        ended = lambda: sum(t["state"] == "finished" for t in world.trials()) == 2  # noqa: E731
        wait_for(ended, "their record, without Redis", 10)
    else:
        assert not any(trial["state"] == "finished" for trial in world.trials())
        world.lock.release()
    world.over(OUTAGE_S + 90)
    for trial in world.trials():
        assert (trial["state"], trial["attempts"]) == ("finished", 1)
        assert [step for step, _ in world.rows(trial["id"])] == list(range(21))


def test_a_database_server_that_is_killed_costs_nothing(tmp_path: Path, postgres: Postgres) -> None:
    """Trials run and end while it is away; nothing is acknowledged that is not in it."""
    with fault_world(tmp_path, postgres=postgres) as world:
        step = "    run.log({'loss': x + step}, step=step)\n    time.sleep(0.02)\n"
        world.create(f"import time\nfor step in range(100):\n{step}", grid(8))
        world.begin_box(0)
        world.begin_box(1)
        for ended in (1, 4):
            over = lambda n=ended: _ended(world) >= n  # noqa: E731
            world.wait(over, f"{ended} trials", 60)
            postgres.kill()
            wait_for(lambda: not any(box.trials() for box in world.boxes), "the scripts' ends", 30)
            postgres.start()
        world.over(90)
        assert sorted(trial["config"]["x"] for trial in world.trials()) == list(range(1, 9))
        for trial in world.trials():
            assert (trial["state"], trial["attempts"]) == ("finished", 1)
            assert [step for step, _ in world.rows(trial["id"])] == list(range(100))


def _ended(world: FaultWorld) -> int:
    return sum(trial["state"] == "finished" for trial in world.trials())


def test_a_clock_that_jumps_and_another_time_zone_change_nothing(world: FaultWorld) -> None:
    """Leases run on the clock of Redis, trials on the monotonic one."""
    clock = world.root / "clock"
    clock.write_text("0")
    world.create(HOLD, grid(2))
    world.begin_box(0, FAULT_CLOCK=str(clock), TZ="Pacific/Kiritimati")
    world.begin_box(1, TZ="America/Adak")
    world.wait(lambda: world.running(1)() and world.running(2)(), "two trials")
    for jump in (86400.0, -86400.0):
        draft = clock.with_suffix(".new")
        draft.write_text(str(jump))
        draft.replace(clock)
        beats = [_last_beat(world)]
        # Longer than a lease: whoever judged by that clock would have lost the trial.
        wait_for(lambda before=beats[0]: _last_beat(world) > before + LEASE_S, "beats", 20)
    (world.root / "go").touch()
    world.over()
    assert [(t["state"], t["attempts"]) for t in world.trials()] == [("finished", 1)] * 2


def _last_beat(world: FaultWorld) -> float:
    """Until when the first box's agent is believed to live, by the clock of Redis, in seconds."""
    with world.valkey.connection() as connection:
        pid = str(world.boxes[0].agent.entry.pid)
        agents = connection.zrange("sweep:agents", 0, -1, withscores=True)
        return max((score for name, score in agents if f"-{pid}-" in name), default=0.0) / 1000
