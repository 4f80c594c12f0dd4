"""History packed and read back: the same rows and the same charts, however it lies in the store."""

from __future__ import annotations

import itertools
import json
import math
import os
import threading

import numpy as np
import pytest
from sqlalchemy import func, select

from controller.packing import Packer
from controller.store import Chunk, ChunkKind, NewRun, NewTrial, open_store, packing
from controller.store import packer as packer_module
from controller.store import stretches as stretches_module
from controller.store.drawing import PROCESS, RUNTIME, TIMESTAMP, SeriesQuery
from controller.store.levels import Points, bin_size, thin
from controller.store.packer import Due
from controller.store.schema import chunks, segments
from controller.store.streams import StreamName
from sweeps.errors import ChunkError, NotFoundError, UsageError
from sweeps.protocol import columns as columns_module
from sweeps.protocol.chunks import encode, encode_columns, pack_points
from sweeps.protocol.columns import Column, Columns
from sweeps.trial import AttemptState, Outcome, Reason

SWEEP = "aaaaaaaa"
RUN = f"{SWEEP}-1"
LOST = Outcome(AttemptState.LOST, Reason.LEASE_EXPIRED)
ODD = [math.nan, math.inf, -math.inf]


@pytest.fixture
def store(migrated_url):
    with open_store(migrated_url) as opened:
        new = {"name": "", "project": "", "yaml": "", "spec": {}, "seed": 1, "origin": {}}
        opened.create_sweep(sweep_id=SWEEP, **new)
        generation = opened.take_sweep(SWEEP, "controller", 60)
        opened.add_trials(SWEEP, generation, [NewTrial(n, {}) for n in (1, 2, 3)], {})
        yield opened


def send(store, rows, *, run=RUN, writer=1, seq=0, kind="history", lane="", points=None):
    steps = [row[0] for row in rows]
    chunk = Chunk(
        *(run, writer, kind, seq, min(steps), max(steps), len(rows), encode(rows)),
        objective=points,
        lane=lane,
    )
    assert store.add_chunk(chunk)


def dense(steps, seed=0, **columns):
    """A chunk's rows as columns: a noisy loss, a rare one, and what is given."""
    rng = np.random.default_rng(seed + int(steps[0]))
    rare = np.flatnonzero(steps % 50 == 0)
    given = {
        "loss": Column(np.exp(-steps / 5000) + rng.normal(0, 0.1, len(steps))),
        "rare": Column(rng.normal(size=len(rare)), rare),
        "epoch": Column(steps // 100),
    }
    return Columns(steps, 1e9 + steps * 0.5, {**given, **columns})


def send_columns(store, columns, *, run=RUN, writer=1, seq=0, lane=""):
    first, last = int(columns.steps[0]), int(columns.steps[-1])
    data = encode_columns(columns)
    chunk = Chunk(run, writer, "history", seq, first, last, len(columns), data, None, lane)
    assert store.add_chunk(chunk)


def pack_all(store, run=RUN, *, over=False):
    for name in store.streams(run):
        while name.kind != "console" and store.pack_stream(Due(name, over)):
            pass


def waiting(store):
    """How many chunks have their data still."""
    with store._db.read() as connection:
        query = select(func.count()).where(func.length(chunks.c.data) > 0)
        return connection.scalar(query)


def stretches(store, run=RUN):
    with store._db.read() as connection:
        query = select(segments.c.part, segments.c.rows).where(
            segments.c.run_id == run, segments.c.key == ""
        )
        return [tuple(row) for row in connection.execute(query.order_by(segments.c.part))]


def logged(store, run=RUN, keys=None, **how):
    return [
        (step, when, dict(sorted(row.items())))
        for step, when, row in store.history(run, keys, **how).rows()
    ]


def paged(store, keys=None, limit=7, run=RUN, **how):
    rows, after = [], None
    while True:
        page = store.rows(run, keys, after=after, limit=limit, **how)
        assert len(page.rows) <= limit
        rows += [(s, t, dict(sorted(row.items()))) for s, t, row in page.rows.rows()]
        after = page.next
        if after is None:
            return rows


def both_ways(store, look, run=RUN):
    """What `look` gives before packing and after; it must be the same."""
    before = look()
    pack_all(store, run)
    assert waiting(store) == 0
    after = look()
    assert repr(after) == repr(before)
    return after


ROWS = [
    (
        step,
        1e9 + step / 7,
        {
            "loss": ODD[step % 3] if step % 11 == 0 else step / 3,
            "count": step,
            "flag": step % 2 == 0,
            **({"note": f"é{step}\0", "image": {"_type": "image-file"}} if step % 5 == 0 else {}),
            **({"mixed": [step, None]} if step % 7 == 0 else {"mixed": step / 2}),
            **({"": 1.0, "a.b": 2, "\x01x": "odd", "x" * 2000: 0.5} if step == 20 else {}),
        },
    )
    for step in range(40)
]


class TestExact:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch):
        """Every kind of segment appears within forty rows."""
        monkeypatch.setattr(packing, "ROWS", 16)
        monkeypatch.setattr(packing, "LONG", 12)
        monkeypatch.setattr(packing, "_ALONE_BYTES", 80)
        monkeypatch.setattr(packing, "_ALONE_LONG", 80)
        monkeypatch.setattr(packer_module, "ROWS", 16)

    def test_rows_of_every_kind_come_back(self, store):
        for seq in range(10):
            send(store, ROWS[4 * seq : 4 * seq + 4], seq=seq)
        rows = both_ways(store, lambda: logged(store))
        assert [(step, when) for step, when, _ in rows] == [row[:2] for row in ROWS]
        assert repr(rows[20][2]) == repr(dict(sorted(ROWS[20][2].items())))
        some = ["note", "", "\x01x", "mixed", "none"]
        expected = [(s, t, {k: v for k, v in row.items() if k in some}) for s, t, row in rows]
        assert logged(store, keys=some) == expected

    def test_pages_are_the_whole(self, store):
        for seq in range(10):
            send(store, ROWS[4 * seq : 4 * seq + 4], seq=seq)
        both_ways(store, lambda: paged(store))
        assert repr(paged(store)) == repr(logged(store))
        noted = [row for row in logged(store, keys=["note"]) if row[2]]
        assert paged(store, ["note"], limit=3) == noted
        middle = [row[0] for row in paged(store, limit=4, first=5, last=30)]
        assert middle == list(range(5, 31))
        assert paged(store, first=99) == paged(store, ["none"]) == []

    def test_packing_goes_on_where_it_ended(self, store):
        for seq in range(10):
            send(store, ROWS[4 * seq : 4 * seq + 4], seq=seq)
            if seq % 3:
                pack_all(store)
        assert repr([row[2] for row in logged(store)]) == repr(
            [dict(sorted(row[2].items())) for row in ROWS]
        )
        parts = stretches(store)
        assert [number for number, _ in parts] == list(range(len(parts)))
        assert sum(rows for _, rows in parts) == len(ROWS) - 4

    def test_what_a_finished_run_left_in_crumbs_is_put_together(self, store):
        for seq in range(12):
            send(store, [ROWS[seq]], seq=seq)
            pack_all(store)
        assert 1 < len(stretches(store)) < 8
        send(store, [ROWS[12]], seq=12)
        pack_all(store, over=True)
        assert stretches(store) == [(0, 13)]
        assert len(logged(store)) == 13

    def test_a_later_attempt_replaces_what_was_packed(self, store):
        for writer, first in ((1, 0), (2, 10), (3, 25)):
            store.start_attempt(RUN, writer, agent_id="a", host="h", device="")
            rows = [(s, 1e9 + s, {"v": 100 * writer + s}) for s in range(first, first + 20)]
            send(store, rows[:10], writer=writer)
            send(store, rows[10:], writer=writer, seq=1)
            if writer < 3:
                store.end_attempt(RUN, writer, LOST, retry=lambda _: True)
        expected = [*range(100, 110), *range(210, 225), *range(325, 345)]
        rows = both_ways(store, lambda: logged(store))
        assert [row["v"] for _, _, row in rows] == expected
        assert [row["v"] for _, _, row in paged(store)] == expected
        (series,) = store.series([RUN], SeriesQuery(("v",)))
        assert series.y.tolist() == expected
        assert series.x.tolist() == list(range(45))

    def test_a_page_that_a_later_attempt_has_replaced_says_so(self, store):
        store.start_attempt(RUN, 1, agent_id="a", host="h", device="")
        send(store, ROWS)
        page = store.rows(RUN, limit=5)
        store.end_attempt(RUN, 1, LOST, retry=lambda _: True)
        store.start_attempt(RUN, 2, agent_id="a", host="h", device="")
        send(store, ROWS[:1], writer=2)
        with pytest.raises(UsageError, match="from the beginning"):
            store.rows(RUN, after=page.next)
        for odd in ("", "x", "[]", "[1]", "null", page.next[:-1]):
            with pytest.raises(UsageError):
                store.rows(RUN, after=odd)

    def test_lanes_become_one_row_a_step(self, store):
        send(store, [(s, s + 0.5, {"a": s, "both": "first"}) for s in range(30)])
        send(store, [(s, s + 0.7, {"b": s}) for s in range(0, 50, 5)], lane="r1")
        send(store, [(s, s + 0.6, {"both": "last"}) for s in (3, 60)], lane="r2")
        rows = both_ways(store, lambda: logged(store))
        assert [row[0] for row in rows] == [*range(30), 30, 35, 40, 45, 60]
        assert rows[5] == (5, 5.7, {"a": 5, "b": 5, "both": "first"})
        assert rows[3][2] == {"a": 3, "both": "last"}
        assert paged(store, limit=4) == rows
        assert [row[0] for row in paged(store, first=28, last=40)] == [28, 29, 30, 35, 40]
        a, b = store.series([RUN], SeriesQuery(("a", "b")))
        assert (a.x.tolist(), b.x.tolist()) == (list(range(30)), list(range(0, 50, 5)))
        (over,) = store.series([RUN], SeriesQuery(("b",), x="a"))
        assert (over.x.tolist(), over.y.tolist()) == ([0, 5, 10, 15, 20, 25],) * 2

    def test_a_fork_begins_with_its_parents_rows(self, store):
        def run(run_id, base, steps, **more):
            store.register_run(NewRun(run_id, uid=run_id, **more))
            send(store, [(s, float(base), {"v": base + s}) for s in steps], run=run_id)

        run("root", 0, range(20))
        run("child", 100, range(11, 20), parent="root", fork_step=10)
        run("grand", 200, range(16, 18), parent="child", fork_step=15)
        run("early", 300, range(6, 8), parent="child", fork_step=5)
        expected = {
            "child": [*range(11), *range(111, 120)],
            "grand": [*range(11), *range(111, 116), 216, 217],
            "early": [*range(6), 306, 307],
        }
        for packed in (False, True):
            for run_id, values in expected.items():
                assert [row["v"] for _, _, row in logged(store, run_id)] == values
                assert [row["v"] for _, _, row in paged(store, run=run_id, limit=3)] == values
                (series,) = store.series([run_id], SeriesQuery(("v",)))
                assert series.y.tolist() == values
            if not packed:
                for run_id in ("root", *expected):
                    pack_all(store, run_id)

    def test_a_fork_keeps_what_its_parent_went_back_behind(self, store):
        def run(run_id, writer, steps, base, **more):
            store.register_run(NewRun(run_id, run_id, writer, **more))
            send(store, [(s, 1.0, {"v": base + s}) for s in steps], run=run_id, writer=writer)

        run("root", 1, range(4), 0)
        run("child", 1, range(3, 6), 50, parent="root", fork_step=2)
        run("grand", 1, range(5, 6), 70, parent="child", fork_step=4)
        run("root", 2, range(1, 3), 900)  # goes back behind the fork
        run("child", 2, range(4, 5), 800)
        run("late", 1, range(3, 4), 60, parent="root", fork_step=2)
        expected = {
            "root": [0, 901, 902],
            "child": [0, 1, 2, 53, 804],
            "grand": [0, 1, 2, 53, 54, 75],
            "late": [0, 901, 902, 63],
        }
        for packed in (False, True):
            for run_id, values in expected.items():
                assert [row["v"] for _, _, row in logged(store, run_id)] == values
                assert [row["v"] for _, _, row in paged(store, run=run_id, limit=2)] == values
                (series,) = store.series([run_id], SeriesQuery(("v",)))
                assert series.y.tolist() == values
            if not packed:
                for run_id in expected:
                    pack_all(store, run_id, over=True)

    def test_a_page_costs_the_same_however_many_names_the_other_rows_have(self, store, monkeypatch):
        monkeypatch.setattr(columns_module, "_MASK_BITS", 10_000)
        unpacked = []

        def count(original):
            def counting(*given, **more):
                found = original(*given, **more)
                unpacked.append(len(found.columns))
                return found

            return counting

        monkeypatch.setattr(stretches_module, "unpack", count(stretches_module.unpack))
        monkeypatch.setattr(stretches_module, "decode", count(stretches_module.decode))

        def cost(run_id, rows):
            """Columns unpacked for the last rows: (waiting, packed)."""
            store.register_run(NewRun(run_id, run_id))
            for begin in range(0, rows, 50):
                steps = range(begin, begin + 50)
                send(store, [(s, 1.0, {f"k{s}": s}) for s in steps], run=run_id, seq=begin // 50)
            found = []
            for packed in (False, True):
                if packed:
                    pack_all(store, run_id, over=True)
                unpacked.clear()
                page = store.rows(run_id, first=rows - 20, limit=20)
                assert [row for _, _, row in page.rows.rows()] == [
                    {f"k{s}": s} for s in range(rows - 20, rows)
                ]
                after = json.dumps([run_id, 1, "", rows - 20])
                assert len(store.rows(run_id, after=after, limit=20).rows) == 20
                found.append(sum(unpacked))
            return found

        few, many = cost("few", 200), cost("many", 1600)
        assert many[1] <= 2 * few[1]
        assert many[0] <= 1600 + 2 * few[0]  # by steps, chunks that wait are looked through

    def test_machine_metrics_of_all_attempts_are_kept(self, store):
        for writer in (1, 2):
            store.start_attempt(RUN, writer, agent_id="a", host="h", device="")
            rows = [(s, 100.0 * writer + s, {"system.cpu": 10 * writer + s}) for s in range(5)]
            send(store, rows, writer=writer, kind="system")
            if writer == 1:
                store.end_attempt(RUN, 1, LOST, retry=lambda _: True)
        values = [*range(10, 15), *range(20, 25)]
        rows = both_ways(store, lambda: logged(store, kind="system"))
        assert [row["system.cpu"] for _, _, row in rows] == values
        query = SeriesQuery(("system.cpu",), x=TIMESTAMP, kind=ChunkKind.SYSTEM)
        (series,) = store.series([RUN], query)
        assert series.y.tolist() == values
        assert logged(store) == []

    def test_what_is_not_there(self, store):
        for call in (store.history, store.rows):
            with pytest.raises(NotFoundError):
                call("none")
        for ask in (store.series, store.series_version):
            with pytest.raises(NotFoundError):
                ask([RUN, "none"], SeriesQuery(("a",)))
        assert paged(store) == []
        (series,) = store.series([RUN], SeriesQuery(("none",)))
        assert (len(series.x), series.bin, series.cursor) == (0, 1, "")


@pytest.fixture
def long_run(store):
    """12,000 rows in uneven chunks, small stretches; half of it packed."""
    steps = np.arange(12_000)
    values = dense(steps).columns["loss"].values.copy()
    values[[5, 4000, 9001]] = ODD
    edges = [0, 100, 1000, 2500, 2501, 5000, 7700, 11_000, 11_900, 12_000]
    for seq, (begin, end) in enumerate(itertools.pairwise(edges)):
        part = dense(steps[begin:end], loss=Column(values[begin:end]))
        send_columns(store, part, seq=seq)
    return store


QUERIES = {
    "whole": SeriesQuery(("loss",), points=100),
    "coarse": SeriesQuery(("loss",), points=10),
    "time": SeriesQuery(("loss",), x=TIMESTAMP, points=100),
    "runtime": SeriesQuery(("loss",), x=RUNTIME, low=1000, high=5000.25, points=100),
    "window": SeriesQuery(("loss",), low=1234, high=9876, points=50),
    "close": SeriesQuery(("loss",), low=4000, high=4099, points=100),
    "nothing": SeriesQuery(("loss",), low=4000.1, high=4000.9),
    "rare": SeriesQuery(("rare",), points=100),
    "rare, all": SeriesQuery(("rare",)),
    "over": SeriesQuery(("loss",), x="epoch", points=100),
    "over rare": SeriesQuery(("loss",), x="rare", points=100),
    "several": SeriesQuery(("loss", "epoch", "none", "rare"), low=77, points=64),
}


class TestSeries:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch):
        monkeypatch.setattr(packing, "ROWS", 4096)
        monkeypatch.setattr(packing, "LONG", 1024)
        monkeypatch.setattr(packer_module, "ROWS", 4096)
        monkeypatch.setattr(packer_module, "_PIECE_BYTES", 1)

    @pytest.mark.parametrize("name", QUERIES)
    def test_it_is_the_same_packed_or_not_and_right(self, long_run, name):
        query = QUERIES[name]
        columns = long_run.history(RUN)
        start = columns.times[0]
        for key in query.keys:
            rows, values = columns.points(key)
            axes = {"_step": columns.steps * 1.0, TIMESTAMP: columns.times}
            axes[RUNTIME] = columns.times - start
            if query.x in axes:
                x = axes[query.x][rows]
            else:
                other, over = columns.points(query.x)
                rows, mine, theirs = np.intersect1d(rows, other, return_indices=True)
                x, values = over[theirs], values[mine]
            inside = (x >= query.low) & (x <= query.high)
            points = Points(rows[inside], x[inside], values[inside])
            size, (expected,) = thin([points], query.points, bin_size(len(points), query.points))
            for _ in range(12):  # as packing goes on
                (series,) = [s for s in long_run.series([RUN], query) if s.key == key]
                assert series.bin == size
                np.testing.assert_array_equal(series.x, expected.x)
                np.testing.assert_array_equal(series.y, expected.y)
                if not long_run.pack_stream(Due(StreamName(RUN, "history", 1, ""), over=False)):
                    break
        assert all(len(each.x) <= query.points for each in long_run.series([RUN], query))

    def test_odd_values_and_extremes_are_shown(self, long_run):
        pack_all(long_run)
        (series,) = long_run.series([RUN], SeriesQuery(("loss",), points=50))
        values = long_run.history(RUN).columns["loss"].values
        finite = values[np.isfinite(values)]
        shown = series.y[np.isfinite(series.y)]
        assert (shown.min(), shown.max()) == (finite.min(), finite.max())
        assert [np.isnan(series.y).sum(), np.isposinf(series.y).sum()] == [1, 1]
        assert (series.x[0], series.x[-1]) == (0, 11_999)

    def test_a_second_look_is_the_first_ones_and_never_stale(self, long_run):
        query = SeriesQuery(("loss",), points=20)
        (first,) = long_run.series([RUN], query)
        (again,) = long_run.series([RUN], query)
        assert again.x is first.x or np.array_equal(again.x, first.x)
        version = long_run.series_version([RUN], query)
        assert long_run.series_version([RUN], query) == version
        pack_all(long_run)
        assert long_run.series_version([RUN], query) == version, "packing changes no answer"
        send_columns(long_run, dense(np.arange(12_000, 12_100)), seq=9)
        assert long_run.series_version([RUN], query) != version
        (now,) = long_run.series([RUN], query)
        assert now.x[-1] == 12_099

    @pytest.mark.parametrize("points", [60, 1000, 100_000])
    def test_a_live_chart_fetches_what_is_new(self, store, points):
        """It keeps what it has, appends what comes, and has what a whole look would show."""
        query = SeriesQuery(("loss",), points=points)
        x, y, cursor, sent = [], [], "", 0
        for seq in range(25):
            send_columns(store, dense(np.arange(100 * seq, 100 * seq + 100)), seq=seq)
            if seq % 7 == 6:
                pack_all(store)
            cursors = {(RUN, "loss"): cursor}
            (new,) = store.series([RUN], query, cursors)
            x, y = [*x[: new.keep], *new.x.tolist()], [*y[: new.keep], *new.y.tolist()]
            cursor, sent = new.cursor, sent + len(new.x)
            (whole,) = store.series([RUN], query)
            assert (x, y) == (whole.x.tolist(), whole.y.tolist())
        assert sent < 20 * points
        if points == 100_000:
            assert sent == 2500

    def test_a_cursor_of_another_question_begins_anew(self, long_run):
        query = SeriesQuery(("loss",), points=100)
        (first,) = long_run.series([RUN], query)
        other = SeriesQuery(("loss",), points=100, low=5)
        for cursor in (first.cursor, "", "x", "[]", "[1,2,3,4]", "null"):
            (series,) = long_run.series([RUN], other, {(RUN, "loss"): cursor})
            assert series.keep == 0
            assert len(series.x) > 10
        (same,) = long_run.series([RUN], query, {(RUN, "loss"): first.cursor})
        assert same.keep > 10
        assert same.keep + len(same.x) == len(first.x)

    def test_a_later_attempt_begins_anew(self, store):
        query = SeriesQuery(("loss",))
        store.start_attempt(RUN, 1, agent_id="a", host="h", device="")
        send_columns(store, dense(np.arange(100)))
        (first,) = store.series([RUN], query)
        store.end_attempt(RUN, 1, LOST, retry=lambda _: True)
        store.start_attempt(RUN, 2, agent_id="a", host="h", device="")
        send_columns(store, dense(np.arange(50, 60)), writer=2)
        (now,) = store.series([RUN], query, {(RUN, "loss"): first.cursor})
        assert (now.keep, len(now.x)) == (0, 60)

    def test_many_runs_in_one_question(self, store):
        for number in (1, 2, 3):
            send_columns(store, dense(np.arange(2000), seed=number), run=f"{SWEEP}-{number}")
        pack_all(store, f"{SWEEP}-2")
        runs = [f"{SWEEP}-{number}" for number in (3, 1, 2)]
        series = store.series(runs, SeriesQuery(("loss", "epoch")))
        assert [(s.run, s.key) for s in series] == [(r, k) for r in runs for k in ("loss", "epoch")]
        alone = store.series([runs[2]], SeriesQuery(("loss",)))[0]
        np.testing.assert_array_equal(series[4].y, alone.y)


class TestPacker:
    def test_the_objective_stays_where_the_loop_reads_it(self, store):
        for seq in range(4):
            points = pack_points([(seq, seq / 2)]) if seq % 2 else None
            send(store, [(seq, 1.0, {"loss": seq / 2})], seq=seq, points=points)
        feed, curve = store.objective_feed(SWEEP, 0), store.objective_curve(RUN)
        pack_all(store)
        assert waiting(store) == 0
        assert (store.objective_feed(SWEEP, 0), store.objective_curve(RUN)) == (feed, curve)
        assert [chunk.seq for chunk in store.chunks(RUN, "history")] == [1, 3]
        assert not store.add_chunk(Chunk(RUN, 1, "history", 2, 0, 0, 1, b"")), "still a repeat"

    def test_what_is_due(self, store, monkeypatch):
        monkeypatch.setattr(packer_module, "WAITING_CHUNKS", 3)
        monkeypatch.setattr(packer_module, "SETTLED_S", 0.0)
        send(store, [(0, 1.0, {"a": 1})])
        send(store, [(0, 1.0, {"a": 1})], run=f"{SWEEP}-2", kind="system")
        for seq in range(5):
            store.add_chunk(Chunk(RUN, 1, "console", seq, 0, 1, 1, b"x"))
        assert store.due_streams() == []
        for seq in (1, 2):
            send(store, [(seq, 1.0, {"a": 1})], seq=seq)
        assert store.due_streams() == [Due(StreamName(RUN, "history", 1, ""), over=False)]
        pack_all(store)
        assert store.due_streams() == []
        store.start_attempt(f"{SWEEP}-2", 1, agent_id="a", host="h", device="")
        store.end_attempt(f"{SWEEP}-2", 1, LOST, retry=lambda _: False)
        assert store.due_streams() == [Due(StreamName(f"{SWEEP}-2", "system", 1, ""), over=True)]
        monkeypatch.setattr(packer_module, "SETTLED_S", 1e9)
        assert store.due_streams() == []
        monkeypatch.setattr(packer_module, "QUIET_S", 0.0)
        assert len(store.due_streams()) == 1

    def test_a_damaged_chunk_holds_up_no_other_run(self, store, monkeypatch, caplog):
        monkeypatch.setattr(packer_module, "QUIET_S", 0.0)
        store.add_chunk(Chunk(RUN, 1, "history", 0, 0, 1, 2, b"not a chunk"))
        send(store, [(0, 1.0, {"a": 1})], run=f"{SWEEP}-2")
        thread = Packer(store)
        assert thread.pack_due()
        assert not thread.pack_due()
        assert caplog.text.count("stays unpacked") == 1
        assert stretches(store, f"{SWEEP}-2") == [(0, 1)]
        with pytest.raises(ChunkError):
            store.history(RUN)

    def test_chunks_come_while_two_servers_pack_and_a_reader_reads(self, migrated_url, monkeypatch):
        monkeypatch.setattr(packer_module, "QUIET_S", 0.0)
        monkeypatch.setattr(packer_module, "_PIECE_CHUNKS", 5)
        total = 60
        with open_store(migrated_url) as first, open_store(migrated_url) as second:
            first.register_run(NewRun(RUN, uid="u"))
            over = threading.Event()
            wrong = []

            def guarded(work):
                def run():
                    try:
                        while not over.is_set():
                            work()
                    except Exception as error:
                        wrong.append(error)

                return threading.Thread(target=run)

            def read():
                steps = [step for step, _, _ in second.history(RUN).rows()]
                assert steps == list(range(len(steps)))
                (series,) = first.series([RUN], SeriesQuery(("a",), points=10_000))
                assert series.x.tolist() == list(range(len(series.x)))

            packers = [Packer(first), Packer(second)]
            threads = [guarded(packer.pack_due) for packer in packers] + [guarded(read)]
            for thread in threads:
                thread.start()
            for seq in range(total):
                send([first, second][seq % 2], [(seq, 1.0, {"a": seq})], seq=seq)
            over.set()
            for thread in threads:
                thread.join()
            assert wrong == []
            pack_all(first)
            assert logged(second) == [(n, 1.0, {"a": n}) for n in range(total)]
            assert sum(rows for _, rows in stretches(first)) == total

    def test_a_crash_between_reading_and_writing_loses_nothing(self, store, monkeypatch):
        send(store, ROWS)
        real = packer_module._write_piece

        def crash(connection, *args):
            real(connection, *args)
            raise RuntimeError("the power went")

        monkeypatch.setattr(packer_module, "_write_piece", crash)
        with pytest.raises(RuntimeError):
            store.pack_stream(Due(StreamName(RUN, "history", 1, ""), over=False))
        assert (waiting(store), stretches(store)) == (1, [])
        monkeypatch.undo()
        both_ways(store, lambda: logged(store))


def test_the_space_of_packed_chunks_is_used_again(tmp_path):
    path = tmp_path / "store.db"
    with open_store(f"sqlite:///{path}") as store:
        store.register_run(NewRun(RUN, uid="u"))
        for seq in range(60):
            noise = np.random.default_rng(seq).normal(size=2000)
            columns = Columns(np.arange(2000) + 2000 * seq, np.zeros(2000), {"a": Column(noise)})
            send_columns(store, columns, seq=seq)
            if seq % 10 == 9:
                pack_all(store)
    # Doubles that are noise cannot be made smaller; chunks and segments together are twice that.
    assert 60 * 2000 * 7 < os.path.getsize(path) < 60 * 2000 * 8 * 1.6


@pytest.mark.parametrize("packed", [False, True])
def test_time_within_processes_leaves_out_what_lies_between_attempts(store, packed):
    """An attempt of 10 s from 1,000 s on, and one of a day later that goes on at step 5."""
    store.start_attempt(RUN, 1, agent_id="a", host="h", device="")
    first = [(n, 1000.0 + n, {"loss": n}) for n in range(11)]
    send(store, first, seq=0)
    store.end_attempt(RUN, 1, LOST, retry=lambda _: True)
    store.start_attempt(RUN, 2, agent_id="a", host="h", device="")
    second = [(n, 90_000.0 + n, {"loss": n}) for n in range(5, 20)]
    send(store, second[:10], writer=2)
    send(store, second[10:], writer=2, seq=1)
    if packed:
        pack_all(store, over=True)
    (wall,) = store.series([RUN], SeriesQuery(keys=("loss",), x=RUNTIME))
    (process,) = store.series([RUN], SeriesQuery(keys=("loss",), x=PROCESS))
    assert wall.x.tolist() == [0, 1, 2, 3, 4, *(89_000.0 + n for n in range(5, 20))]
    # The first one ended at 10 s, with rows that do not count any more.
    assert process.x.tolist() == [0, 1, 2, 3, 4, *(10.0 + n for n in range(15))]
    window = SeriesQuery(keys=("loss",), x=PROCESS, low=12, high=14)
    assert store.series([RUN], window)[0].y.tolist() == [7, 8, 9]


def test_what_many_runs_logged_is_known_by_name_kind_and_type(store):
    histogram = {"_type": "histogram", "values": [1], "bins": [0, 1]}
    for number in (1, 2):
        run = f"{SWEEP}-{number}"
        rows = [(0, 0.0, {"loss": 1, "flag": True, f"own{number}": "text", "w": histogram})]
        send(store, rows, run=run)
        send_columns(store, dense(np.arange(1, 9000)), run=run, seq=1)
        store.register_run(NewRun(f"empty{number}", f"uid{number}"))
    runs = [f"{SWEEP}-1", f"{SWEEP}-2", "empty1"]
    waiting = store.keys_of_runs(runs)
    pack_all(store, runs[0], over=True)
    packed = store.keys_of_runs(runs)
    assert packed == waiting
    own = {"own1": ("string", "")}
    shared = {"flag": ("bool", ""), "w": ("map", "histogram")}
    numbers = dict.fromkeys(("loss", "rare", "epoch"), ("number", ""))
    assert packed[runs[0]] == own | shared | numbers
    assert packed["empty1"] == {}
    send(store, [(9000, 0.0, {"late": [{"_type": "image-file"}]})], run=runs[0], seq=2)
    assert store.keys_of_runs(runs)[runs[0]]["late"] == ("list", "image-file")
    with pytest.raises(NotFoundError):
        store.keys_of_runs(["nobody"])


@pytest.mark.parametrize("packed", ["waiting", "half", "packed"])
def test_what_was_logged_is_told_by_name_and_kind(store, packed):
    """Long columns, small ones, odd names and odd values; wherever they lie."""
    names = {f"many{n}": n for n in range(600)}
    odd = {"\0odd": 1, "\x01": "text", "text": "t", "flag": True, "list": [1], "table": {"a": 1}}
    send_columns(store, dense(np.arange(10_000)), seq=0)
    if packed == "half":
        pack_all(store, over=True)
    send(store, [(10_000, 1.0, {**odd, **names}), (10_001, 1.0, {"flag": None, "loss": 2})], seq=1)
    if packed == "packed":
        pack_all(store, over=True)
    found = store.logged_keys(RUN)
    assert found["loss"] == ("number", 10_001)
    assert found["rare"] == ("number", 200)
    assert found["epoch"] == ("number", 10_000)
    kinds = ["number", "string", "string", "bool", "list", "map"]
    assert [found[name].kind for name in odd] == kinds
    assert {found[name] for name in names} == {("number", 1)}
    assert len(found) == 3 + len(odd) + len(names)
    assert list(found) == sorted(found)
    assert store.logged_keys(RUN, "system") == {}
    with pytest.raises(NotFoundError):
        store.logged_keys("nobody")
