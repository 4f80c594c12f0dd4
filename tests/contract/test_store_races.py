"""Many threads, and two processes' worth of stores, at one database: each thing happens once."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, event

from controller.store import Chunk, ChunkKind, NewTrial, open_store
from controller.store.drawing import SeriesQuery
from controller.store.packer import Due
from controller.store.streams import StreamName
from sweeps.errors import Fenced
from sweeps.protocol.chunks import encode, pack_points
from sweeps.trial import AttemptState, Outcome, Reason, SweepState, TrialState

SWEEP = "aaaaaaaa"
THREADS = 8
FINISHED = Outcome(AttemptState.FINISHED, Reason.OK)
LOST = Outcome(AttemptState.LOST, Reason.LEASE_EXPIRED)


@pytest.fixture
def stores(migrated_url):
    """Two stores on one database, as two processes would have them."""
    with open_store(migrated_url) as first, open_store(migrated_url) as second:
        yield [first, second]


def new_sweep(store, trials):
    store.create_sweep(sweep_id=SWEEP, name="", project="", yaml="", spec={}, seed=1, origin={})
    generation = store.take_sweep(SWEEP, "controller", 60)
    new = [NewTrial(number, {}) for number in range(1, trials + 1)]
    store.add_trials(SWEEP, generation, new, {})
    return generation


def race(work):
    """Calls work(thread number) on all threads at the same moment; gives the results."""
    barrier = threading.Barrier(THREADS, timeout=30)

    def run(number):
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def test_each_attempt_is_started_by_one_agent_and_ended_once(stores):
    trials = 12
    new_sweep(stores[0], trials)

    def work(agent):
        store = stores[agent % 2]
        started, ended = [], []
        for number in range(1, trials + 1):
            trial_id = f"{SWEEP}-{number}"
            try:
                store.start_attempt(trial_id, 1, agent_id=f"a{agent}", host="h", device="")
                started.append(number)
            except Fenced:
                pass
            outcome = FINISHED if agent % 2 else LOST
            try:
                if not store.end_attempt(trial_id, 1, outcome, retry=lambda _: False).repeat:
                    ended.append(number)
            except Fenced:
                pass
        return started, ended

    results = race(work)
    started = Counter(number for mine, _ in results for number in mine)
    ended = Counter(number for _, mine in results for number in mine)
    assert set(started.values()) == {1}
    assert ended == dict.fromkeys(range(1, trials + 1), 1)
    ends = stores[0].ended_since(SWEEP, 0)
    assert [trial.ended_seq for trial in ends] == list(range(1, trials + 1))
    assert stores[1].get_sweep(SWEEP).ended_seq == trials
    assert all(len(stores[0].attempts(trial.id)) == 1 for trial in ends)


def test_one_of_all_controllers_gets_the_lease_and_adds_each_number_once(stores):
    new_sweep(stores[0], 0)
    stores[0].release_sweep(SWEEP, "controller")

    def work(owner):
        store = stores[owner % 2]
        generation = store.take_sweep(SWEEP, f"c{owner}", 60)
        added = 0
        for _ in range(5):
            number = store.get_sweep(SWEEP).next_number
            try:
                store.add_trials(SWEEP, generation or 0, [NewTrial(number, {})], {})
                added += 1
            except Fenced:
                pass
        return generation, added

    results = race(work)
    assert sum(generation is not None for generation, _ in results) == 1
    assert sum(added for _, added in results) == 5
    assert [trial.number for trial in stores[0].trials(SWEEP)] == [1, 2, 3, 4, 5]


def test_a_chunk_sent_by_all_is_kept_once(stores):
    new_sweep(stores[0], 1)
    points = pack_points([(0, 1.0)])

    def work(sender):
        kept = 0
        for seq in range(5):
            chunk = Chunk(f"{SWEEP}-1", 1, ChunkKind.HISTORY, seq, seq, seq, 1, b"data", points)
            kept += stores[sender % 2].add_chunk(chunk)
        return kept

    assert sum(race(work)) == 5
    assert [p.feed for p in stores[0].objective_feed(SWEEP, 0)] == [1, 2, 3, 4, 5]


def test_a_reader_that_follows_the_numbers_misses_nothing(stores):
    """A number is seen only when all lower ones are: they rise in the order of the commits."""
    each = 10
    new_sweep(stores[0], THREADS)
    stop_at = time.monotonic() + 60
    feeds, ends = [], []

    def follow():
        while len(feeds) < THREADS * each or len(ends) < THREADS:
            assert time.monotonic() < stop_at, (feeds, ends)
            feeds.extend(p.feed for p in stores[1].objective_feed(SWEEP, len(feeds), limit=7))
            ends.extend(t.ended_seq for t in stores[1].ended_since(SWEEP, len(ends)))

    reader = threading.Thread(target=follow)
    reader.start()

    def work(number):
        run = f"{SWEEP}-{number + 1}"
        store = stores[number % 2]
        store.start_attempt(run, 1, agent_id="a", host="h", device="")
        for seq in range(each):
            points = pack_points([(seq, 1.0)])
            store.add_chunk(Chunk(run, 1, ChunkKind.HISTORY, seq, seq, seq, 1, b"", points))
        store.end_attempt(run, 1, FINISHED, retry=lambda _: False)

    race(work)
    reader.join()
    assert feeds == list(range(1, THREADS * each + 1))
    assert ends == list(range(1, THREADS + 1))


def test_all_kinds_of_changes_at_once_end_in_no_deadlock(stores):
    """Starts, ends with retries, late chunks, cancels and new trials, all on the same rows."""
    generation = new_sweep(stores[0], 6)
    points = pack_points([(0, 1.0)])

    def work(thread):
        store = stores[thread % 2]
        for turn in range(6):
            for trial in store.trials(SWEEP):
                try:
                    if thread == 0 and turn % 3 == 2:
                        store.cancel_queued(SWEEP)
                    elif thread in (2, 3):
                        seq = thread * 100 + turn
                        store.add_chunk(
                            Chunk(trial.id, 1, ChunkKind.HISTORY, seq, 0, 0, 1, b"", points)
                        )
                    elif thread % 2:
                        store.start_attempt(
                            trial.id, trial.token, agent_id="a", host="h", device=""
                        )
                    else:
                        store.end_attempt(
                            trial.id, trial.token, LOST, retry=lambda seen: len(seen) < 3
                        )
                except Fenced:
                    pass
            if thread == 1:
                number = store.get_sweep(SWEEP).next_number
                store.add_trials(SWEEP, generation, [NewTrial(number, {})], {"n": number})
            if thread == 7:
                store.set_sweep_state(SWEEP, SweepState.RUNNING, f"turn {turn}")

    race(work)
    trials = stores[0].trials(SWEEP)
    ends = sorted(trial.ended_seq for trial in trials if trial.state.over)
    assert ends == list(range(1, len(ends) + 1))
    assert stores[0].get_sweep(SWEEP).next_number == len(trials) + 1
    for trial in trials:
        tokens = [(a.token, a.state.over) for a in stores[0].attempts(trial.id)]
        *old, (newest, over) = tokens
        assert newest == trial.token == len(tokens)
        assert over is trial.state.over
        assert all(is_over for _, is_over in old)


def test_two_servers_may_open_an_empty_database_at_the_same_time(url):
    def work(_):
        with open_store(url) as store:
            return store.list_sweeps()

    assert race(work) == [[]] * THREADS


# One made-up row; and an index of no more than what waits to be packed.
HARMLESS = ("CONSTANT ROW", "USING INDEX ix_streams_waiting")


def test_what_is_done_for_each_trial_reads_no_table_through(migrated_sqlite):
    """Cost stays flat to any number of trials: SQLite's plans for the hot calls know no SCAN."""
    url = migrated_sqlite()
    seen = []

    def note(connection, cursor, statement, parameters, context, many):
        seen.append((statement, parameters[0] if many else parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        with open_store(url) as store:
            generation = new_sweep(store, 3)
            seen.clear()
            store.add_trials(SWEEP, generation, [NewTrial(4, {})], {})
            store.queued_attempts(SWEEP)
            store.running_attempts(SWEEP)
            store.start_attempt(f"{SWEEP}-1", 1, agent_id="a", host="h", device="")
            data, points = encode([(0, 1.0, {"loss": 1.0})]), pack_points([(0, 1.0)])
            store.add_chunk(Chunk(f"{SWEEP}-1", 1, ChunkKind.HISTORY, 0, 0, 0, 1, data, points))
            store.due_streams()
            store.series([f"{SWEEP}-1"], SeriesQuery(("loss",)))
            store.pack_stream(Due(StreamName(f"{SWEEP}-1", "history", 1, ""), over=True))
            store.series([f"{SWEEP}-1"], SeriesQuery(("loss",), points=2))
            store.rows(f"{SWEEP}-1", ["loss"])
            store.history(f"{SWEEP}-1")
            store.end_attempt(f"{SWEEP}-1", 1, LOST, retry=lambda _: True)
            store.requeue_attempt(f"{SWEEP}-1", 2)
            store.end_attempt(f"{SWEEP}-2", 1, FINISHED, objective=1.0, retry=lambda _: False)
            store.ended_since(SWEEP, 0)
            store.objective_feed(SWEEP, 0)
            store.objective_curve(f"{SWEEP}-1")
            store.best_trial(SWEEP, "maximize")
            store.best_trial(SWEEP, "minimize")
            store.trials(SWEEP, after_number=1, limit=10)
            store.trials(SWEEP, state=TrialState.QUEUED, limit=10)
            store.get_trial(f"{SWEEP}-1")
            store.attempts(f"{SWEEP}-1")
            store.counts(SWEEP)
            store.take_sweep(SWEEP, "controller", 60)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    raw = sqlite3.connect(url.removeprefix("sqlite:///"))
    try:
        plans = {
            statement: [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
            for statement, values in seen
            if not statement.startswith(("BEGIN", "PRAGMA"))
        }
    finally:
        raw.close()
    assert len(plans) > 20
    scans = {
        statement: plan
        for statement, plan in plans.items()
        if any(step.startswith("SCAN") and not step.endswith(HARMLESS) for step in plan)
    }
    assert scans == {}
