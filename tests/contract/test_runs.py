"""What the store promises of runs, those without a sweep above all, on both databases."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import update

from controller.store import AlertState, Chunk, ChunkKind, NewRun, NewTrial, RunState, open_store
from controller.store.alerts import STALE_S
from controller.store.runs import SILENT_S
from controller.store.schema import alerts, runs
from sweeps.errors import Fenced, IllegalTransition, NotFoundError, RunExists
from sweeps.protocol.chunks import encode
from sweeps.trial import AttemptState, Outcome, Reason, TrialState


@pytest.fixture
def store(migrated_url):
    with open_store(migrated_url) as opened:
        yield opened


def register(store, run_id="r", uid="a", writer=1, **given):
    return store.register_run(NewRun(run_id, uid, writer, **given))


def start_trial(store, sweep_id="aaaaaaaa"):
    store.create_sweep(
        sweep_id=sweep_id, name="n", project="p", yaml="", spec={}, seed=1, origin={}
    )
    generation = store.take_sweep(sweep_id, "controller", 60)
    store.add_trials(sweep_id, generation, [NewTrial(1, {"x": 1})], {})
    store.start_attempt(f"{sweep_id}-1", 1, agent_id="agent", host="box", device="")
    return f"{sweep_id}-1"


def silence(store, run_id, seconds):
    """As if nothing had been heard of a run for so long."""
    with store._db.write() as connection:
        changes = {"heard": store._db.now() - seconds}
        connection.execute(update(runs).where(runs.c.id == run_id).values(changes))


def rows(run_id, writer, seq, steps):
    data = encode([(step, 100.0 + step, {"loss": float(step)}) for step in steps])
    first, last = min(steps), max(steps)
    return Chunk(run_id, writer, ChunkKind.HISTORY, seq, first, last, len(steps), data)


class TestRegistering:
    def test_a_run_comes_back_as_it_was_registered(self, store):
        started = time.time() - 3600
        config = {"lr": 0.1, "nested": {"x": [1, math.inf]}}
        done = register(
            store,
            project="p",
            config=config,
            metadata={"name": "näme", "tags": ["t"]},
            started=started,
        )
        assert (done.writer, done.steps, done.state, done.new) == (1, 0, RunState.RUNNING, True)
        run = store.get_run("r")
        assert (run.id, run.sweep_id, run.project, run.local_id) == ("r", None, "p", "r")
        assert (run.name, run.state, run.exit_code) == ("näme", RunState.RUNNING, None)
        assert (run.config, run.metadata) == (config, {"name": "näme", "tags": ["t"]})
        assert (run.summary, run.metrics, run.writer, run.steps) == ({}, {}, 1, 0)
        assert run.created == run.started == pytest.approx(started)
        assert (run.parent_id, run.fork_step, run.ended) == (None, None, None)
        assert abs(run.heard - time.time()) < 5

    def test_a_run_that_nobody_named_has_its_id_for_a_name(self, store):
        register(store)
        assert store.get_run("r").name == "r"

    def test_a_start_in_the_future_is_now(self, store):
        register(store, started=time.time() + 1e6)
        assert store.get_run("r").created < time.time() + 5

    def test_a_repeat_changes_nothing(self, store):
        register(store, config={"x": 1})
        store.describe_run("r", 1, config={"y": 2})
        store.end_run("r", 1, 0)
        done = register(store, config={"x": 1})
        assert (done.writer, done.new, done.state) == (1, False, RunState.FINISHED)
        run = store.get_run("r")
        assert (run.config, run.state) == ({"x": 1, "y": 2}, RunState.FINISHED)

    def test_the_folders_next_attempt_runs_again(self, store):
        register(store)
        store.end_run("r", 1, 1)
        done = register(store, writer=2)
        assert (done.writer, done.new, done.state) == (2, False, RunState.RUNNING)
        run = store.get_run("r")
        assert (run.state, run.exit_code, run.ended) == (RunState.RUNNING, None, None)
        assert register(store).writer == 1  # the first attempt's shipper, come late
        assert store.get_run("r").writer == 2

    def test_another_folder_is_another_run(self, store):
        register(store)
        for resume in ("", "never"):
            with pytest.raises(RunExists, match="another folder"):
                register(store, uid="b", resume=resume)

    @pytest.mark.parametrize("resume", ["allow", "must", "auto"])
    def test_a_run_goes_on_from_another_folder_with_the_next_writers(self, store, resume):
        register(store)
        register(store, writer=2)
        store.add_chunk(rows("r", 2, 0, range(7)))
        there = {"uid": "b", "resume": resume}
        assert register(store, **there).writer == 3
        assert register(store, **there).writer == 3  # a repeat
        done = register(store, **there, writer=2)
        assert (done.writer, done.steps) == (4, 7)
        # The first folder's shipper repeats itself, and a third folder comes.
        assert register(store, writer=2, resume=resume).writer == 2
        assert register(store, uid="c", resume=resume).writer == 5
        assert register(store, **there, writer=2).writer == 4
        assert store.get_run("r").writer == 5

    def test_a_forked_run_goes_on_behind_its_parent(self, store):
        register(store, run_id="parent")
        done = register(store, parent="parent", fork_step=41)
        assert done.steps == 42
        run = store.get_run("r")
        assert (run.parent_id, run.fork_step, run.steps) == ("parent", 41, 42)
        store.add_chunk(rows("r", 1, 0, range(42, 45)))
        assert store.get_run("r").steps == 45

    def test_a_trials_id_is_not_for_others(self, store):
        trial = start_trial(store)
        for run_id in (trial, "aaaaaaaa-77"):
            with pytest.raises(RunExists, match="sweep aaaaaaaa"):
                register(store, run_id=run_id, resume="allow")
        register(store, run_id="bbbbbbbb-1")  # there is no such sweep

    def test_many_at_once_make_one_run(self, store):
        with ThreadPoolExecutor(8) as pool:
            done = list(pool.map(lambda _: register(store), range(8)))
        assert [each.new for each in done].count(True) == 1
        assert {each.writer for each in done} == {1}

    def test_many_folders_at_once_get_writers_of_their_own(self, store):
        def work(n):
            return register(store, uid=f"folder{n}", resume="allow").writer

        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(work, range(8))) == list(range(1, 9))


class TestLiving:
    def test_chunks_of_a_run_without_a_sweep_are_kept(self, store):
        register(store)
        assert store.add_chunk(rows("r", 1, 0, range(5)))
        assert not store.add_chunk(rows("r", 1, 0, range(5)))
        assert store.get_run("r").steps == 5
        assert [step for step, _, _ in store.history("r").rows()] == list(range(5))

    def test_description_merges_config_and_metadata_and_replaces_the_rest(self, store):
        register(store, config={"a": {"x": 1, "y": 2}, "b": 1}, metadata={"host": "h"})
        store.describe_run(
            "r",
            1,
            config={"a": {"x": 3}, "c": 1},
            metadata={"name": "n", "tags": ["t"]},
            metrics={"loss": {"summary": ["min"]}},
            summary={"loss": {"min": 1}, "old": 1},
        )
        store.describe_run("r", 1, summary={"loss": math.nan})
        run = store.get_run("r")
        assert run.config == {"a": {"x": 3}, "b": 1, "c": 1}
        assert (run.name, run.metadata) == ("n", {"host": "h", "name": "n", "tags": ["t"]})
        assert run.metrics == {"loss": {"summary": ["min"]}}
        assert list(run.summary) == ["loss"]
        assert math.isnan(run.summary["loss"])

    def test_a_trials_run_is_described_while_it_lives(self, store):
        trial = start_trial(store)
        store.describe_run(trial, 1, summary={"loss": 0.5}, config={"x": 1, "more": 2})
        assert store.get_trial(trial).summary == {"loss": 0.5}
        assert store.get_run(trial).config == {"x": 1, "more": 2}
        assert store.get_run(trial).state is TrialState.RUNNING
        lost = Outcome(AttemptState.LOST, Reason.LEASE_EXPIRED)
        store.end_attempt(trial, 1, lost, retry=lambda outcomes: True)
        store.start_attempt(trial, 2, agent_id="agent", host="box", device="")
        with pytest.raises(Fenced):
            store.describe_run(trial, 1, summary={})

    def test_an_older_writer_is_fenced(self, store):
        register(store)
        register(store, uid="b", resume="allow")
        for call in (
            lambda: store.describe_run("r", 1, summary={}),
            lambda: store.beat_run("r", 1),
            lambda: store.end_run("r", 1, 0),
            lambda: store.add_chunk(rows("r", 1, 0, range(3))),
        ):
            with pytest.raises(Fenced, match="attempt 2"):
                call()

    def test_what_is_not_there_is_said_so(self, store):
        for call in (
            lambda: store.get_run("x\0'; --"),
            lambda: store.describe_run("x", 1, summary={}),
            lambda: store.beat_run("x", 1),
            lambda: store.end_run("x", 1, 0),
            lambda: store.edit_run("x", summary={}),
        ):
            with pytest.raises(NotFoundError, match="`sweep runs` lists all runs"):
                call()

    @pytest.mark.parametrize("sign", ["beat", "describe", "chunk"])
    def test_a_silent_run_is_shown_as_crashed_until_it_is_heard_again(self, store, sign):
        register(store)
        silence(store, "r", SILENT_S - 30)
        assert store.get_run("r").state is RunState.RUNNING
        silence(store, "r", SILENT_S + 1)
        assert store.get_run("r").state is RunState.CRASHED
        assert register(store).state is RunState.CRASHED  # a repeat is no sign of life
        store.edit_run("r", metadata={"notes": "what happened?"})  # nor is a person's edit
        assert store.get_run("r").state is RunState.CRASHED
        if sign == "beat":
            store.beat_run("r", 1)
        elif sign == "describe":
            store.describe_run("r", 1, summary={})
        else:
            store.add_chunk(rows("r", 1, 0, range(3)))
        assert store.get_run("r").state is RunState.RUNNING

    def test_a_trials_run_does_not_crash_by_silence(self, store):
        trial = start_trial(store)
        silence(store, trial, 10 * SILENT_S)
        assert store.get_run(trial).state is TrialState.RUNNING


class TestEnding:
    @pytest.mark.parametrize(
        ("exit_code", "given", "state"),
        [
            (0, None, RunState.FINISHED),
            (1, None, RunState.FAILED),
            (-9, None, RunState.FAILED),
            (None, None, RunState.CRASHED),
            (1, RunState.CRASHED, RunState.CRASHED),
        ],
    )
    def test_an_end_has_a_state(self, store, exit_code, given, state):
        register(store)
        store.end_run("r", 1, exit_code, state=given)
        run = store.get_run("r")
        assert (run.state, run.exit_code) == (state, exit_code)
        assert abs(run.ended - time.time()) < 5
        silence(store, "r", 10 * SILENT_S)
        assert store.get_run("r").state is state

    def test_a_repeat_leaves_the_time_and_the_last_word_counts(self, store):
        register(store)
        store.end_run("r", 1, None, ended=1000.0)
        store.end_run("r", 1, None)
        assert store.get_run("r").ended == 1000.0
        store.end_run("r", 1, 0)
        run = store.get_run("r")
        assert (run.state, run.exit_code) == (RunState.FINISHED, 0)
        assert run.ended > 1e9

    def test_an_end_in_the_future_is_now(self, store):
        register(store)
        store.end_run("r", 1, 0, ended=time.time() + 1e6)
        assert store.get_run("r").ended < time.time() + 5

    def test_a_trials_run_ends_with_its_attempt(self, store):
        trial = start_trial(store)
        with pytest.raises(Fenced, match="attempt"):
            store.end_run(trial, 1, 0)

    def test_what_comes_after_the_end_is_kept(self, store):
        register(store)
        store.end_run("r", 1, 0)
        assert store.add_chunk(rows("r", 1, 0, range(3)))
        store.describe_run("r", 1, summary={"loss": 1})
        run = store.get_run("r")
        assert (run.state, run.steps, run.summary) == (RunState.FINISHED, 3, {"loss": 1})


class TestEditing:
    def test_a_persons_changes_are_merged(self, store):
        register(store, config={"a": 1}, metadata={"tags": ["x"]})
        store.describe_run("r", 1, summary={"loss": 1, "acc": 2})
        store.edit_run(
            "r",
            config={"b": 2},
            metadata={"name": "better", "notes": "n"},
            summary={"best": 3},
            removed=["acc"],
        )
        run = store.get_run("r")
        assert run.config == {"a": 1, "b": 2}
        assert run.metadata == {"tags": ["x"], "name": "better", "notes": "n"}
        assert (run.name, run.summary) == ("better", {"loss": 1, "best": 3})
        store.edit_run("r", removed=["loss"])
        assert store.get_run("r").summary == {"best": 3}

    def test_projects_are_listed(self, store):
        assert store.projects() == []
        register(store, run_id="1", project="b")
        register(store, run_id="2", project="a")
        register(store, run_id="3", project="b")
        assert [(each.name, each.runs) for each in store.projects()] == [("a", 1), ("b", 2)]


class TestAlerts:
    @pytest.fixture(autouse=True)
    def run(self, store):
        register(store, project="p")

    @staticmethod
    def add(store, number=0, run_id="r", writer=1, lane="", deliver=True, **given):
        said = {"level": "WARN", "title": "t", "text": "x", "wait_s": 0.0, "raised": time.time()}
        said |= given
        return store.add_alert(run_id, writer, lane, number, deliver=deliver, **said)

    def test_an_alert_comes_back_as_it_was_raised(self, store):
        assert self.add(store, 3, raised=time.time() - 60, title="tïtle") is AlertState.DUE
        (alert,) = store.alerts()
        assert alert.name == ("r", 1, "", 3)
        assert (alert.project, alert.level, alert.title, alert.text) == ("p", "WARN", "tïtle", "x")
        assert (alert.state, alert.told, alert.delivered) == (AlertState.DUE, [], None)
        assert alert.created - alert.raised == pytest.approx(60, abs=5)

    def test_a_repeat_is_one_alert_whatever_became_of_it(self, store):
        assert self.add(store, wait_s=60) is AlertState.DUE
        assert self.add(store, wait_s=60) is AlertState.DUE
        store.alert_told(store.alerts()[0], "a", ["a"])
        assert self.add(store, wait_s=60) is AlertState.DELIVERED
        assert self.add(store, lane="1") is AlertState.DUE
        assert self.add(store, writer=2) is AlertState.DUE
        assert len(store.alerts()) == 3

    def test_one_of_the_same_title_is_held_for_as_long_as_it_says(self, store):
        register(store, run_id="other")
        assert self.add(store, 0) is AlertState.DUE
        assert self.add(store, 1, wait_s=60) is AlertState.HELD
        assert self.add(store, 2, wait_s=0) is AlertState.DUE
        assert self.add(store, 3, wait_s=60, title="another") is AlertState.DUE
        assert self.add(store, 0, run_id="other", wait_s=60) is AlertState.DUE
        with store._db.write() as connection:
            connection.execute(update(alerts).values(created=alerts.c.created - 61))
        assert self.add(store, 4, wait_s=60) is AlertState.DUE
        assert self.add(store, 5, wait_s=60) is AlertState.HELD

    def test_many_of_one_title_at_once_tell_once(self, store):
        with ThreadPoolExecutor(8) as pool:
            states = list(pool.map(lambda n: self.add(store, n, wait_s=60), range(8)))
        assert states.count(AlertState.DUE) == 1
        assert states.count(AlertState.HELD) == 7

    def test_an_alert_that_nobody_is_told_or_that_is_old_is_only_kept(self, store):
        assert self.add(store, 0, deliver=False) is AlertState.KEPT
        assert self.add(store, 1, raised=time.time() - 2 * STALE_S) is AlertState.KEPT
        assert store.due_alerts("a", 10) == []
        assert len(store.alerts()) == 2

    def test_each_address_is_told_once_and_the_last_one_makes_it_delivered(self, store):
        self.add(store)
        (alert,) = store.due_alerts("aaaa", 10)
        store.alert_told(alert, "aaaa", ["aaaa", "bbbb"])
        store.alert_told(alert, "aaaa", ["aaaa", "bbbb"])
        assert store.due_alerts("aaaa", 10) == []
        (alert,) = store.due_alerts("bbbb", 10)
        assert (alert.told, alert.delivered) == (["aaaa"], None)
        store.alert_told(alert, "bbbb", ["aaaa", "bbbb"])
        assert store.due_alerts("bbbb", 10) == []
        (alert,) = store.alerts()
        assert alert.state is AlertState.DELIVERED
        assert abs(alert.delivered - time.time()) < 5

    def test_what_is_due_for_too_long_is_given_up(self, store):
        self.add(store, 0)
        assert store.fail_alerts(60) == 0
        assert store.fail_alerts(-1) == 1
        assert store.alerts()[0].state is AlertState.FAILED
        assert store.due_alerts("a", 10) == []

    def test_they_are_listed_by_run_and_project_the_newest_first(self, store):
        register(store, run_id="other", project="q")
        for number in range(3):
            self.add(store, number)
        self.add(store, 0, run_id="other")
        assert [alert.number for alert in store.alerts(run_id="r")] == [2, 1, 0]
        assert [alert.run_id for alert in store.alerts(project="q")] == ["other"]
        assert len(store.alerts(limit=2)) == 2
        assert [alert.number for alert in store.due_alerts("a", 2)] == [0, 1]

    def test_an_alert_of_no_run_is_refused(self, store):
        with pytest.raises(NotFoundError):
            self.add(store, run_id="x")


class TestDeleting:
    def test_a_run_goes_with_all_that_it_recorded(self, store):
        register(store)
        register(store, run_id="other")
        for run_id in ("r", "other"):
            store.add_chunk(rows(run_id, 1, 0, range(5)))
            TestAlerts.add(store, run_id=run_id)
            store.end_run(run_id, 1, 0)
        store.delete_run("r")
        with pytest.raises(NotFoundError):
            store.get_run("r")
        assert [alert.run_id for alert in store.alerts()] == ["other"]
        assert len(store.history("other")) == 5
        register(store, uid="b")
        assert len(store.history("r")) == 0
        assert store.get_run("r").steps == 0

    def test_what_others_stand_on_is_not_deleted(self, store):
        trial = start_trial(store)
        register(store)
        register(store, run_id="child", parent="r", fork_step=1)
        for run_id, why in ((trial, "trial of aaaaaaaa"), ("child", "still runs")):
            with pytest.raises(IllegalTransition, match=why):
                store.delete_run(run_id)
        store.end_run("r", 1, 0)
        with pytest.raises(IllegalTransition, match="run child was forked from it"):
            store.delete_run("r")
        with pytest.raises(NotFoundError):
            store.delete_run("x")


class TestNames:
    def test_a_run_id_of_another_project_gets_a_key_of_its_own(self, store):
        register(store, project="p")
        key = store.run_key("q", "r")
        assert key != "r"
        assert store.run_key("q", "r") == key
        assert store.run_key("p", "r") == "r"
        register(store, key, local_id="r", project="q", uid="another")
        assert store.find_run("q", "r").id == key
        assert store.find_run("p", "r").id == "r"
        assert store.run_key("q", "r") == key
        with pytest.raises(NotFoundError, match="no run 'r' in project 'z'"):
            store.find_run("z", "r")

    def test_no_project_has_two_names(self, store):
        register(store, project="")
        assert store.find_run("uncategorized", "r").id == "r"
        assert store.find_run("", "r").id == "r"

    def test_an_entity_that_has_nothing_here_is_left_out(self, store):
        register(store, project="team/p")
        assert store.known_project("team/p") == "team/p"
        assert store.known_project("team/other") == "team/other"
        assert store.known_project("nobody/p") == "p"
        assert store.known_project("p") == "team/p"  # nobody else's is meant
        register(store, "s", project="p", uid="b")
        assert store.known_project("p") == "p"
        assert store.known_project("opensweep/p") == "p"
        assert store.known_project("lab/p", own="lab") == "p"
