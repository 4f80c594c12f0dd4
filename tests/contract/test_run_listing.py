"""Runs listed by filter and order, on both databases: the index in memory says what they say."""

from __future__ import annotations

import math
import threading

import pytest
from sqlalchemy import delete, update

from controller.store import Chunk, ChunkKind, NewRun, NewTrial, open_store
from controller.store.run_fields import run_field
from controller.store.run_filters import as_filter, parse_order
from controller.store.run_index import RunIndex, RunQuery, Scope
from controller.store.runs import SILENT_S
from controller.store.schema import runs
from sweeps.errors import NotFoundError
from sweeps.protocol.chunks import encode


@pytest.fixture
def store(migrated_url):
    with open_store(migrated_url) as opened:
        yield opened


def add(store, *numbers, project="p", **given):
    for number in numbers:
        said = {"config": {"n": number}, "started": 1000.0 + number, **given}
        store.register_run(NewRun(f"r{number}", "uid", project=project, **said))
        store.describe_run(f"r{number}", 1, summary={"loss": number / 10})


def find(store, filters=None, order="", columns=(), project="p", sweep=None, **query):
    return store.find_runs(
        RunQuery(
            Scope(project, sweep),
            as_filter(filters or {}),
            orders=parse_order(order),
            columns=[run_field(name) for name in columns],
            **query,
        )
    )


def ids(*args, **kwargs):
    return find(*args, **kwargs).ids


def test_runs_are_found_sorted_and_paged(store):
    add(store, 1, 2, 3, 4)
    add(store, 5, project="q")
    assert ids(store) == ["r1", "r2", "r3", "r4"]
    assert ids(store, {"summary_metrics.loss": {"$gt": 0.15}}, "-config.n") == ["r4", "r3", "r2"]
    page = find(store, {}, "-summary.loss", ["summary.loss", "config.n"], offset=1, limit=2)
    assert (page.total, page.ids, page.columns) == (4, ["r3", "r2"], [[0.3, 0.2], [3, 2]])
    assert ids(store, project=None) == ["r1", "r2", "r3", "r4", "r5"]
    assert ids(store, project="nowhere") == []


def test_what_changes_is_seen_at_once(store):
    add(store, 1, 2)
    ask = {"filters": {"summary.loss": {"$gte": 0.2}}, "columns": ["config.more"]}
    assert find(store, **ask).ids == ["r2"]
    store.describe_run("r1", 1, summary={"loss": 7}, config={"more": "x"})
    assert find(store, **ask).columns == [["x", None]]
    store.describe_run("r1", 1, summary={})
    assert ids(store, **ask) == ["r2"]
    add(store, 3)
    assert ids(store, **ask) == ["r2", "r3"]
    store.edit_run("r2", metadata={"name": "a new name", "tags": ["t"]})
    assert ids(store, {"tags": "t", "display_name": {"$regex": "new"}}) == ["r2"]
    with store._db.write() as connection:
        connection.execute(delete(runs).where(runs.c.id == "r2"))
    assert ids(store, **ask) == ["r3"]


def test_many_changes_in_a_row_are_each_seen(store):
    add(store, 1)
    for value in range(50):  # several within one tick of the clock
        store.describe_run("r1", 1, summary={"loss": value})
        assert find(store, columns=["summary.loss"]).columns == [[value]]


def test_a_silent_run_is_found_as_crashed(store):
    add(store, 1, 2)
    with store._db.write() as connection:
        late = {"heard": store._db.now() - SILENT_S - 1}
        connection.execute(update(runs).where(runs.c.id == "r1").values(late))
    assert ids(store, {"state": "crashed"}) == ["r1"]
    assert ids(store, {"state": "running"}) == ["r2"]
    store.beat_run("r1", 1)
    assert ids(store, {"state": "running"}) == ["r1", "r2"]
    store.end_run("r1", 1, 0)
    assert ids(store, {"state": "finished"}) == ["r1"]


def test_trials_are_found_by_their_sweep(store):
    store.create_sweep(
        sweep_id="aaaaaaaa", name="n", project="p", yaml="", spec={}, seed=1, origin={}
    )
    generation = store.take_sweep("aaaaaaaa", "controller", 60)
    store.add_trials("aaaaaaaa", generation, [NewTrial(n, {"x": n}) for n in (1, 2)], {})
    add(store, 1)
    assert ids(store, sweep="aaaaaaaa", project=None) == ["aaaaaaaa-1", "aaaaaaaa-2"]
    assert ids(store, {"sweep": None}) == ["r1"]
    assert ids(store, {"state": "queued", "config.x": 2}) == ["aaaaaaaa-2"]
    store.start_attempt("aaaaaaaa-2", 1, agent_id="a", host="h", device="")
    assert ids(store, {"state": "running"}) == ["r1", "aaaaaaaa-2"]


def test_a_run_of_no_project_is_uncategorized(store):
    add(store, 1, project="")
    add(store, 2, project="uncategorized")
    assert ids(store, project="uncategorized") == ["r1", "r2"]
    assert find(store, project="uncategorized", columns=["project"]).columns == [
        ["uncategorized"] * 2
    ]
    assert [(each.name, each.runs) for each in store.projects()] == [("uncategorized", 2)]


def test_names_are_searched_word_by_word(store):
    add(store, 1, name="Quiet Run 17")
    add(store, 2, name="loud run 17")
    assert ids(store, search="run quiet") == ["r1"]
    assert ids(store, search="17") == ["r1", "r2"]
    assert ids(store, search="R2") == ["r2"]


def test_values_of_every_kind_come_as_columns(store):
    add(store, 1, 2)
    store.describe_run("r1", 1, summary={"a": math.nan, "b": {"min": 1}, "c": [1], "d": "x"})
    columns = ["summary.a", "summary.b", "summary.b.min", "summary.c", "summary.d", "created_at"]
    assert find(store, columns=columns).columns == [
        ["NaN", None],
        [{"min": 1}, None],
        [1, None],
        [[1], None],
        ["x", None],
        [1001.0, 1002.0],
    ]


def test_whole_runs_come_in_the_order_asked_for(store):
    add(store, 1, 2, 3)
    assert [run.id for run in store.get_runs(["r3", "r1", "gone"])] == ["r3", "r1"]
    assert store.get_runs([]) == []


def test_memory_is_bounded(store):
    add(store, 1, 2)
    index = RunIndex(store._db, budget=5000)
    fields = [run_field(f"summary.x{n}") for n in range(20)]
    for project in ("p", "q", None):
        for field in fields:
            query = RunQuery(Scope(project), columns=[field, run_field("summary.loss")])
            page = index.find(query)
            assert page.columns[1] == ([] if project == "q" else [0.1, 0.2])
    assert len(index._tables) == 1
    assert sum(table.bytes for table in index._tables.values()) < 6000


def test_many_threads_ask_while_runs_are_added(store):
    wrong = []

    def ask():
        seen = 0
        while not over.is_set():
            page = find(store, {"summary.loss": {"$gt": 0}}, "-config.n", ["config.n"])
            (numbers,) = page.columns
            if numbers != sorted(numbers, reverse=True) or len(numbers) < seen:
                wrong.append(numbers)
            seen = len(numbers)

    over = threading.Event()
    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        add(store, *range(1, 31))
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert len(ids(store)) == 30


class TestSamples:
    @pytest.fixture(autouse=True)
    def run(self, store):
        store.register_run(NewRun("r", "uid"))
        for seq, begin in enumerate(range(0, 1000, 250)):
            steps = range(begin, begin + 250)
            rows = [
                (n, 100.0 + n, {"loss": float(n)} | ({"acc": n} if n % 10 == 0 else {}))
                for n in steps
            ]
            chunk = Chunk("r", 1, ChunkKind.HISTORY, seq, begin, begin + 249, 250, encode(rows))
            store.add_chunk(chunk)

    def test_a_few_rows_are_evenly_spaced_and_whole(self, store):
        rows = list(store.sample("r", samples=11).rows())
        assert [step for step, _, _ in rows] == [
            0,
            100,
            200,
            300,
            400,
            500,
            599,
            699,
            799,
            899,
            999,
        ]
        assert rows[1] == (100, 200.0, {"loss": 100.0, "acc": 100})
        assert rows[-1][2] == {"loss": 999.0}
        assert [step for step, _, _ in store.sample("r", samples=1).rows()] == [0]

    def test_with_keys_only_rows_with_all_of_them_count(self, store):
        rows = list(store.sample("r", ["acc", "loss"], samples=3).rows())
        assert [row for _, _, row in rows] == [{"acc": n, "loss": float(n)} for n in (0, 500, 990)]
        assert len(store.sample("r", ["acc"], samples=500)) == 100
        assert len(store.sample("r", ["acc", "none"])) == 0

    def test_a_short_run_is_given_whole(self, store):
        assert len(store.sample("r", samples=1000)) == 1000
        assert len(store.sample("r", samples=10, kind="system")) == 0
        with pytest.raises(NotFoundError):
            store.sample("x")
