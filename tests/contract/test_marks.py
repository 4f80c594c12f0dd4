"""Marks on both databases: another one when something has changed, the same when nothing has."""

from __future__ import annotations

import pytest
from redis.exceptions import ConnectionError
from sqlalchemy import update

from controller.changes import AWAY_S, SILENCE_S, Changes, check_topic
from controller.store import Chunk, ChunkKind, NewRun, NewTrial, open_store
from controller.store.files import NewFile
from controller.store.keys import Role
from controller.store.records import SILENT_S, RunState
from controller.store.schema import runs
from sweeps.errors import UsageError
from sweeps.protocol.chunks import encode
from sweeps.protocol.live import AgentBeat
from sweeps.trial import AttemptState, Outcome, Reason, SweepState


@pytest.fixture
def store(migrated_url):
    with open_store(migrated_url) as opened:
        yield opened


class Agents:
    def __init__(self):
        self.beats = []
        self.away = False

    def agents(self):
        if self.away:
            raise ConnectionError("away")
        return self.beats


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class Looker:
    """What changes from one look to the next."""

    def __init__(self, store, *topics):
        self.live, self.clock = Agents(), Clock()
        self.changes = Changes(store, self.live, self.clock)
        self.topics = topics
        self.marks = self.changes.look(topics)

    def news(self):
        before, self.marks = self.marks, self.changes.look(self.topics)
        return {topic for topic, mark in self.marks.items() if mark.text != before[topic].text}


@pytest.fixture
def looker(store):
    made = []

    def look(*topics):
        made.append(Looker(store, *topics))
        return made[-1]

    yield look
    for each in made:
        each.changes.close()


def add_run(store, run_id, project="p"):
    store.register_run(NewRun(run_id, f"uid-{run_id}", project=project))


def log(store, run_id, seq=0, kind=ChunkKind.HISTORY, objective=None):
    data = encode([(seq, 1e9, {"loss": 1.0})])
    store.add_chunk(Chunk(run_id, 1, kind, seq, seq, seq, 1, data, objective=objective))


def add_sweep(store, sweep_id="s", trials=2):
    spec = {"method": "random", "parameters": {}}
    store.create_sweep(
        sweep_id=sweep_id, name="s", project="p", yaml="", spec=spec, seed=1, origin={}
    )
    store.set_sweep_state(sweep_id, SweepState.RUNNING)
    generation = store.take_sweep(sweep_id, "me", 60)
    numbers = range(1, trials + 1)
    store.add_trials(sweep_id, generation, [NewTrial(n, {"lr": n}) for n in numbers], {})


def start(store, trial_id):
    store.start_attempt(trial_id, 1, agent_id="a", host="h", device="cpu")


def test_runs_and_projects(store, looker):
    add_run(store, "a")
    add_run(store, "b", "q")
    look = looker("run/a", "run/b", "run/new", "project/p", "project/q", "projects")
    assert look.news() == set()
    log(store, "a")
    assert look.news() == {"run/a", "project/p"}
    log(store, "a", kind=ChunkKind.CONSOLE)
    assert look.news() == {"run/a", "project/p"}
    store.edit_run("b", metadata={"notes": "better"})
    assert look.news() == {"run/b", "project/q"}
    store.end_run("a", 1, 0)
    add_run(store, "new", "")
    assert look.news() == {"run/a", "run/new", "project/p"}
    assert look.news() == set()


def test_what_is_recorded_beside_a_run_is_news_of_it(store, looker):
    add_run(store, "a")
    look = looker("run/a")
    store.begin_blobs({"d" * 64: 3})
    store.finish_blobs(["d" * 64])
    assert store.add_files("a", 1, [NewFile("x.txt", "d" * 64)]) == []
    assert look.news() == {"run/a"}
    store.delete_file("a", "x.txt")
    assert look.news() == {"run/a"}
    more = {"level": "INFO", "title": "t", "text": "", "wait_s": 0, "raised": 1.0}
    store.add_alert("a", 1, "", 0, **more, deliver=False)
    assert look.news() == {"run/a"}


def test_a_run_that_falls_silent_is_news_though_nothing_was_recorded(store, looker):
    add_run(store, "a")
    with store._db.write() as connection:
        soon = store._db.now() - SILENT_S + 0.2
        connection.execute(update(runs).values(heard=soon))
    look = looker("run/a")
    while not (news := look.news()):
        look.clock.now += SILENCE_S  # what the database's clock says takes 0.2 s
    assert news == {"run/a"}
    assert store.get_run("a").state is RunState.CRASHED


def test_a_transaction_that_is_seen_late_is_news_of_its_project(store, looker):
    add_run(store, "a")
    add_run(store, "b")
    look = looker("project/p")
    with store._db.write() as connection:  # read the clock before the newest did
        before = store._db.read_clock(connection) - 0.5
        connection.execute(update(runs).where(runs.c.id == "a").values(updated=before))
    assert look.news() == {"project/p"}


def test_runs_that_are_deleted_are_seen_with_the_next_count(store, looker):
    for run_id in ("a", "b"):
        add_run(store, run_id)
        store.end_run(run_id, 1, 0)
    with store._db.write() as connection:
        connection.execute(update(runs).where(runs.c.id == "a").values(updated=1.0))
    look = looker("project/p", "projects")
    store.delete_run("a")
    look.clock.now += 60
    assert look.news() == {"project/p", "projects"}


def test_sweeps(store, looker):
    add_sweep(store)
    add_sweep(store, "t")
    look = looker("sweep/s", "sweep/t", "sweeps", "server")
    start(store, "s-1")
    assert look.news() == {"sweep/s", "sweeps", "server"}
    log(store, "s-1", 0)  # no objective value
    assert look.news() == set()
    log(store, "s-1", 1, objective=bytes(0))
    look.news()
    outcome = Outcome(AttemptState.FINISHED, Reason.OK, exit_code=0)
    store.end_attempt("s-1", 1, outcome, objective=0.5, retry=lambda _: False)
    assert look.news() == {"sweep/s", "sweeps", "server"}
    store.set_sweep_state("s", SweepState.PAUSED)
    assert look.news() == {"sweep/s", "sweeps", "server"}
    store.change_sweep("t", name="another")
    assert look.news() == {"sweep/t"}
    store.set_trouble("t", "its search fails")
    assert look.news() == {"sweep/t", "sweeps", "server"}
    assert look.news() == set()


def test_agents(store, looker):
    add_sweep(store)
    add_sweep(store, "t")
    look = looker("sweep/s", "sweep/t", "sweeps", "server")
    look.live.beats = [AgentBeat("a", "s", 1, {"host": "h"})]
    look.clock.now += 1
    assert look.news() == {"sweep/s", "sweeps", "server"}
    look.clock.now += 1
    assert look.news() == set()


def test_a_redis_that_is_away_keeps_no_news_back(store, looker):
    add_sweep(store)
    add_run(store, "a")
    look = looker("sweep/s", "run/a", "server")
    look.live.away = True
    look.clock.now += 1
    assert look.news() == {"server"}
    log(store, "a")
    assert look.news() == {"run/a"}
    look.live.away = False
    look.clock.now += AWAY_S
    assert look.news() == {"server"}


def test_what_is_over_has_been_quiet_for_long(store, looker):
    add_run(store, "a")
    store.end_run("a", 1, 0)
    with store._db.write() as connection:
        connection.execute(update(runs).values(updated=runs.c.updated - 1000))
    marks = looker("run/a", "project/p").marks
    assert all(999 < mark.quiet_s < 1100 for mark in marks.values())
    add_run(store, "b")
    marks = looker("run/b", "project/p").marks
    assert all(mark.quiet_s < 100 for mark in marks.values())


def test_keys(store, looker):
    look = looker("server")
    record, _ = store.add_key("ann", Role.READ)
    look.clock.now += 60
    assert look.news() == {"server"}
    store.revoke_key(record.id)
    look.clock.now += 60
    assert look.news() == {"server"}


@pytest.mark.parametrize("text", ["", "run/", "runs", "sweep", "trial/x", "project/" + "x" * 601])
def test_what_is_no_topic_is_told_so(text):
    with pytest.raises(UsageError, match="expected one of run/"):
        check_topic(text)
