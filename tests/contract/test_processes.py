"""What the store promises of processes that introduce themselves, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from controller.store import AlertState, Chunk, ChunkKind, NewRun, NewTrial, RunState, open_store
from controller.store.processes import Recognised, Recorders
from sweeps.errors import Fenced, IllegalTransition, NotFoundError, RunExists
from sweeps.protocol.chunks import encode


@pytest.fixture
def store(migrated_url):
    with open_store(migrated_url) as opened:
        yield opened


def register(store, recognised, run_id="r", *, metrics=None, beside=False, state=None, **given):
    """Registers; what the store knew of the run by then is told to `recognised` if it can be."""
    answer = recognised if callable(recognised) else lambda _: recognised
    state = state or RunState.RUNNING
    new = NewRun(run_id, "", **given)
    return store.register_process(new, answer, metrics=metrics, beside=beside, state=state)


def new_writer(*names, cut=None):
    return Recognised(None, names, cut)


def log(store, writer, steps, run_id="r", seq=0, lane=""):
    rows = [(step, 100.0 + step, {"loss": float(writer * 100 + step)}) for step in steps]
    chunk = Chunk(
        *(run_id, writer, ChunkKind.HISTORY, seq, min(steps), max(steps), len(steps)),
        encode(rows),
        lane=lane,
    )
    return store.add_chunk(chunk)


def losses(store, run_id="r"):
    return [(step, row["loss"]) for step, _, row in store.history(run_id).rows()]


def told(store, run_id="r"):
    """What the rule would be told now."""
    seen = []

    def look(there):
        seen.append(there)
        return Recognised(there.writer)

    register(store, look, run_id)
    return seen[0]


class TestRegistering:
    def test_a_new_run_has_its_first_writer(self, store):
        seen = []

        def rule(there):
            seen.append(there)
            return new_writer("a", "b")

        done = register(
            store, rule, config={"x": 1}, metadata={"tags": []}, name="n", metrics={"m": {}}
        )
        assert (done.writer, done.steps, done.state, done.new) == (1, 0, RunState.RUNNING, True)
        assert seen == [Recorders(0, False, True, {})]
        run = store.get_run("r")
        assert (run.name, run.config, run.metrics, run.writer) == ("n", {"x": 1}, {"m": {}}, 1)
        assert told(store) == Recorders(1, False, True, {"a": 1, "b": 1})

    def test_a_process_that_is_known_changes_what_it_says_and_nothing_else(self, store):
        register(store, new_writer("a"), config={"x": 1, "y": 1}, metadata={"name": "n"})
        store.end_run("r", 1, 0)
        done = register(
            store, Recognised(1, ("b",)), config={"x": 2}, metadata={"tags": ["t"]}, name="other"
        )
        assert (done.writer, done.new, done.state) == (1, False, RunState.FINISHED)
        run = store.get_run("r")
        assert (run.config, run.metadata) == ({"x": 2, "y": 1}, {"name": "n", "tags": ["t"]})
        assert (run.name, run.state) == ("n", RunState.FINISHED)
        assert told(store).names == {"a": 1, "b": 1}

    def test_a_new_writer_goes_on_with_a_config_of_its_own(self, store):
        register(store, new_writer("a"), config={"x": 1}, metadata={"notes": "n"})
        log(store, 1, range(4))
        store.describe_run("r", 1, summary={"loss": 3})
        store.end_run("r", 1, 1)
        assert told(store) == Recorders(1, True, False, {"a": 1})
        done = register(store, new_writer("b"), config={"y": 1}, metadata={"tags": ["t"]})
        assert (done.writer, done.steps, done.state, done.new) == (2, 4, RunState.RUNNING, False)
        run = store.get_run("r")
        assert (run.config, run.metadata) == ({"y": 1}, {"notes": "n", "tags": ["t"]})
        assert (run.summary, run.exit_code, run.ended) == ({"loss": 3}, None, None)
        assert told(store) == Recorders(2, False, True, {"a": 1, "b": 2})
        with pytest.raises(Fenced):
            store.describe_run("r", 1, summary={})
        assert [step for step, _ in losses(store)] == [0, 1, 2, 3]

    def test_an_earlier_writer_changes_nothing_any_more(self, store):
        register(store, new_writer("a"), config={"x": 1})
        register(store, new_writer("b"), config={"x": 2})
        done = register(store, Recognised(1, ("c",)), config={"x": 3})
        assert done.writer == 1
        assert store.get_run("r").config == {"x": 2}
        assert told(store).names == {"a": 1, "b": 2}

    def test_several_that_describe_one_run_keep_what_the_others_said(self, store):
        register(store, new_writer("a"), config={"x": {"one": 1}}, metrics={"m": {"goal": 1}})
        register(
            store,
            Recognised(1, ("b",)),
            config={"x": {"two": 2}},
            metadata={"deep": {"a": {"b": 1}}},
            metrics={"n": {}},
            beside=True,
        )
        register(store, Recognised(1), metadata={"deep": {"a": {"c": 2}}}, beside=True)
        run = store.get_run("r")
        assert run.config == {"x": {"one": 1, "two": 2}}
        assert run.metadata == {"deep": {"a": {"b": 1, "c": 2}}}
        assert run.metrics == {"m": {"goal": 1}, "n": {}}

    def test_a_run_that_is_made_for_a_script_waits_for_it(self, store):
        done = register(store, new_writer("nobody"), state=RunState.PENDING)
        assert (done.writer, done.state) == (0, RunState.PENDING)
        assert store.get_run("r").state is RunState.PENDING
        created = store.get_run("r").started
        done = register(store, new_writer("a"))
        assert (done.writer, done.state) == (1, RunState.RUNNING)
        assert store.get_run("r").started >= created
        assert told(store).names == {"a": 1}

    def test_a_trials_id_is_not_to_be_had(self, store):
        store.create_sweep(
            sweep_id="aaaaaaaa", name="n", project="p", yaml="", spec={}, seed=1, origin={}
        )
        with pytest.raises(RunExists, match="aaaaaaaa"):
            register(store, new_writer(), "aaaaaaaa-1")

    def test_many_at_once_begin_one_run(self, store):
        def rule(there):
            return Recognised(there.writer or None, ("a",))

        with ThreadPoolExecutor(8) as pool:
            done = list(pool.map(lambda _: register(store, rule), range(16)))
        assert [each.writer for each in done] == [1] * 16
        assert sum(each.new for each in done) == 1

    def test_a_folder_of_our_logger_and_such_a_process_go_on_with_each_other(self, store):
        store.register_run(NewRun("r", "folder"))
        log(store, 1, range(3))
        assert told(store).names == {"folder": 1}
        assert register(store, new_writer("a")).writer == 2
        log(store, 2, range(3, 5))
        done = store.register_run(NewRun("r", "another", resume="allow"))
        assert (done.writer, done.steps) == (3, 5)
        log(store, 3, range(5, 6))
        assert [step for step, _ in losses(store)] == [0, 1, 2, 3, 4, 5]


class TestCutting:
    def test_a_run_that_begins_anew_has_nothing_at_once(self, store):
        register(store, new_writer("a"), metrics={"m": {}})
        log(store, 1, range(4))
        store.describe_run("r", 1, summary={"loss": 3})
        done = register(store, new_writer("b", cut=0))
        assert (done.writer, done.steps) == (2, 0)
        run = store.get_run("r")
        assert (run.summary, run.metrics, run.steps) == ({}, {}, 0)
        assert losses(store) == []
        log(store, 2, [2])  # its first row is not its first step
        assert losses(store) == [(2, 202.0)]
        assert store.get_run("r").steps == 3

    def test_it_also_has_nothing_for_charts_and_samples(self, store):
        register(store, new_writer("a"))
        log(store, 1, range(4))
        register(store, new_writer("b", cut=0))
        assert len(store.sample("r", None, samples=10)) == 0
        assert len(store.rows("r", None).rows) == 0

    def test_a_cut_holds_after_packing(self, store):
        register(store, new_writer("a"))
        log(store, 1, range(6))
        for due in store.due_streams():
            store.pack_stream(due)
        register(store, new_writer("b", cut=4))
        assert [step for step, _ in losses(store)] == [0, 1, 2, 3]
        log(store, 2, range(4, 6))
        for due in store.due_streams():
            store.pack_stream(due)
        assert losses(store)[3:] == [(3, 103.0), (4, 204.0), (5, 205.0)]

    def test_a_fork_keeps_what_its_parent_had_when_that_is_cut_later(self, store):
        register(store, new_writer("a"))
        log(store, 1, range(6))
        register(store, new_writer("f"), "fork", parent="r", fork_step=3)
        register(store, new_writer("b", cut=1))
        assert [step for step, _ in losses(store)] == [0]
        assert [step for step, _ in losses(store, "fork")] == [0, 1, 2, 3]


class TestRewinding:
    def test_it_is_done_once_however_often_it_is_asked_for(self, store):
        register(store, new_writer("a"), config={"x": 1})
        log(store, 1, range(6))
        store.end_run("r", 1, 0)

        def rule(there):
            return Recognised(there.writer) if there.writer == 2 else new_writer("w", cut=3)

        done = store.rewind("r", rule)
        assert (done.writer, done.steps, done.state) == (2, 3, RunState.RUNNING)
        done = store.rewind("r", rule)
        assert (done.writer, done.steps) == (2, 3)
        assert [step for step, _ in losses(store)] == [0, 1, 2]
        run = store.get_run("r")
        assert (run.steps, run.config, run.writer) == (3, {"x": 1}, 2)

    def test_a_trial_and_a_run_that_is_not_there_cannot_be(self, store):
        store.create_sweep(
            sweep_id="aaaaaaaa", name="n", project="p", yaml="", spec={}, seed=1, origin={}
        )
        generation = store.take_sweep("aaaaaaaa", "controller", 60)
        store.add_trials("aaaaaaaa", generation, [NewTrial(1, {})], {})
        with pytest.raises(IllegalTransition, match="trial of aaaaaaaa"):
            store.rewind("aaaaaaaa-1", lambda _: new_writer(cut=0))
        with pytest.raises(NotFoundError):
            store.rewind("none", lambda _: new_writer(cut=0))
        store.name_process("aaaaaaaa-1", 1, "client")
        store.name_process("aaaaaaaa-1", 2, "client")
        assert store.recorders("aaaaaaaa-1").names == {"client": 1}
        with pytest.raises(NotFoundError):
            store.name_process("none", 1, "client")
        with pytest.raises(NotFoundError):
            store.recorders("none")


def test_rows_are_counted_by_kind(store):
    register(store, new_writer("a"))
    log(store, 1, range(4))
    register(store, new_writer("b", cut=0))
    log(store, 2, range(2))
    text = Chunk("r", 2, ChunkKind.CONSOLE, 0, 0, 8, 3, b"a\nb\nc\n..")
    store.add_chunk(text)
    kinds = (ChunkKind.HISTORY, ChunkKind.CONSOLE, ChunkKind.SYSTEM)
    assert [store.count_rows("r", kind) for kind in kinds] == [6, 3, 0]
    assert store.count_rows("none", ChunkKind.HISTORY) == 0


def test_alerts_of_those_who_do_not_count_get_the_next_number(store):
    register(store, new_writer("a"))

    def raise_alert(title, number=None, lane=""):
        return store.add_alert(
            *("r", 1, lane, number),
            level="INFO",
            title=title,
            text="",
            wait_s=60.0,
            raised=0.0,
            deliver=True,
        )

    assert raise_alert("t") is AlertState.KEPT
    assert raise_alert("t") is AlertState.HELD
    raise_alert("u", number=7)
    raise_alert("v")
    raise_alert("w", lane="b")
    found = {alert.title: (alert.lane, alert.number) for alert in store.alerts(run_id="r")}
    del found["t"]
    assert found == {"u": ("", 7), "v": ("", 8), "w": ("b", 0)}
    assert {alert.number for alert in store.alerts(run_id="r") if alert.title == "t"} == {0, 1}


def test_an_edit_takes_names_out_of_config_and_summary(store):
    register(store, new_writer("a"), config={"x": 1, "y": 2})
    store.describe_run("r", 1, summary={"a": 1, "b": 2})
    store.edit_run("r", config={"z": 3}, removed_config=["x"], removed=["b"])
    run = store.get_run("r")
    assert (run.config, run.summary) == ({"y": 2, "z": 3}, {"a": 1})
