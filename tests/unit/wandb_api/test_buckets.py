"""Runs are registered, described, edited and changed, in the words of clients old and new."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from door_world import opened
from sqlalchemy import update

from controller.store import Chunk, ChunkKind
from controller.store.records import NewTrial, RunState
from controller.store.schema import runs
from controller.wandb_api.ids import global_id
from controller.wandb_api.runs import endings, stopping, writers
from controller.wandb_api.sweeps.notes import Notes
from sweeps.errors import NotFoundError
from sweeps.protocol.chunks import encode
from sweeps.protocol.live import Order

UPSERT = """mutation UpsertBucket($id: String, $name: String, $project: String, $entity: String,
    $groupName: String, $description: String, $displayName: String, $notes: String,
    $commit: String, $config: JSONString, $host: String, $debug: Boolean, $program: String,
    $repo: String, $jobType: String, $state: String, $sweep: String, $tags: [String!],
    $summaryMetrics: JSONString) {
  upsertBucket(input: {id: $id, name: $name, groupName: $groupName, modelName: $project,
      entityName: $entity, description: $description, displayName: $displayName, notes: $notes,
      config: $config, commit: $commit, host: $host, debug: $debug, jobProgram: $program,
      jobRepo: $repo, jobType: $jobType, state: $state, sweep: $sweep, tags: $tags,
      summaryMetrics: $summaryMetrics}) {
    bucket { id name displayName description config sweepName
      project { id name entity { id name } } historyLineCount }
    inserted
    serverSettings { serverMessages { utfText plainText htmlText messageType messageLevel } } } }"""
RESUME = """query RunResumeStatus($project: String, $entity: String, $name: String!) {
  model(name: $project, entityName: $entity) { id name entity { id name }
    bucket(name: $name, missingOk: true) { id name summaryMetrics displayName logLineCount
      historyLineCount eventsLineCount historyTail eventsTail config tags notes
      wandbConfig(keys: ["t"]) } } }"""
REWIND = """mutation RewindRun($runName: String!, $entity: String, $project: String,
    $metricName: String!, $metricValue: Float!) {
  rewindRun(input: {runName: $runName, entityName: $entity, projectName: $project,
      metricName: $metricName, metricValue: $metricValue}) {
    rewoundRun { id name displayName config historyLineCount } } }"""
ALERT = """mutation NotifyScriptableRunAlert($entityName: String!, $projectName: String!,
    $runName: String!, $title: String!, $text: String!, $severity: AlertSeverity = INFO,
    $waitDuration: Duration) {
  notifyScriptableRunAlert(input: {entityName: $entityName, projectName: $projectName,
      runName: $runName, title: $title, text: $text, severity: $severity,
      waitDuration: $waitDuration}) { success } }"""
STOP = "mutation StopRun($id: ID!) { stopRun(input: {id: $id}) { success } }"
STOPPED = """query RunStoppedStatus($entityName: String, $projectName: String, $runId: String!) {
  project(name: $projectName, entityName: $entityName) { run(name: $runId) { stopped } } }"""
STATE = """mutation UpdateRunState($input: UpdateRunStateInput!) {
  updateRunState(input: $input) { success } }"""
DELETE = "mutation DeleteRun($id: ID!) { deleteRun(input: {id: $id}) { clientMutationId } }"


@pytest.fixture
def world(tmp_path):
    with opened(tmp_path) as made:
        made.door.found.alerts = SimpleNamespace(addresses=1, wake=lambda: None)
        made.door.found.notes = Notes()
        yield made


def config_of(values, **wandb):
    wrapped = {name: {"value": value} for name, value in values.items()}
    return json.dumps({**wrapped, "_wandb": {"value": {"t": {"3": [1]}, "m": [], **wandb}}})


def begin(world, name="r", config=None, wandb=None, **given):
    """What a process sends first."""
    given.setdefault("project", "p")
    return upsert(
        world,
        name=name,
        config=config_of(config or {}, **(wandb or {})),
        host="box",
        program="train.py",
        **given,
    )


def upsert(world, **given):
    return world.ask(UPSERT, **given)["upsertBucket"]


def log(world, steps, run_id="r", writer=1):
    rows = [(step, 100.0 + step, {"loss": float(step), "acc": step % 3}) for step in steps]
    place = (run_id, writer, ChunkKind.HISTORY, max(steps), min(steps), max(steps), len(rows))
    assert world.store.add_chunk(Chunk(*place, encode(rows)))


def resume(world, name="r"):
    model = world.ask(RESUME, project="p", name=name)["model"]
    return model and model["bucket"]


def run_id(name="r"):
    return global_id("Run", name)


def add_trial(world, sweep="aaaaaaaa"):
    store = world.store
    store.create_sweep(sweep_id=sweep, name="n", project="p", yaml="", spec={}, seed=1, origin={})
    generation = store.take_sweep(sweep, "controller", 60)
    store.add_trials(sweep, generation, [NewTrial(1, {"a": 1, "b": {"c": 2}})], {})
    store.start_attempt(f"{sweep}-1", 1, agent_id="wandb-x", host="box", device="")
    return f"{sweep}-1"


class TestRegistering:
    def test_a_run_has_everything_that_its_process_says(self, world):
        metrics = [{"1": "acc", "7": [2]}]
        machine = {"os": "Linux", "python": "CPython 3.12.1", "args": ["--x"], "cpu_count": 4}
        done = begin(
            world,
            config={"lr": 0.1, "model": {"layers": 2}},
            wandb={"m": metrics, "e": {"abc": machine}},
            displayName="first",
            notes="a note",
            tags=["t"],
            groupName="g",
            jobType="train",
            commit="c0ffee",
            repo="https://example.com/r.git",
        )
        assert done["inserted"] is True
        bucket = done["bucket"]
        assert (bucket["id"], bucket["name"], bucket["displayName"]) == (run_id(), "r", "first")
        assert bucket["project"]["name"] == "p"
        assert bucket["project"]["entity"]["name"] == world.door.own_entity
        assert (bucket["historyLineCount"], bucket["sweepName"]) == (0, None)
        assert json.loads(bucket["config"])["model"]["value"] == {"layers": 2}
        assert done["serverSettings"] == {"serverMessages": []}
        run = world.store.find_run("p", "r")
        assert run.config == {"lr": 0.1, "model": {"layers": 2}}
        assert run.metrics["acc"]["summary"] == ["max"]
        said = dict(run.metadata)
        assert said.pop("wandb")["e"] == {"abc": machine}
        assert said == {
            "name": "first",
            "notes": "a note",
            "tags": ["t"],
            "group": "g",
            "job_type": "train",
            "host": "box",
            "program": "train.py",
            "git": {"commit": "c0ffee", "remote": "https://example.com/r.git"},
            "os": "Linux",
            "python": "3.12.1",
            "args": ["--x"],
            "cpu_count": 4,
            "username": "ada",
        }

    def test_a_run_that_nobody_named_gets_a_name_and_keeps_it(self, world):
        first = begin(world)["bucket"]["displayName"]
        assert first.count("-") == 2
        assert first.endswith("-1")
        assert begin(world)["bucket"]["displayName"] == first
        assert begin(world, "other")["bucket"]["displayName"].endswith("-2")

    def test_a_repeat_of_the_first_word_changes_nothing(self, world):
        begin(world, config={"x": 1})
        before = world.store.get_run("r")
        assert begin(world, config={"x": 1})["inserted"] is False
        after = world.store.get_run("r")
        assert (after.writer, after.config, after.created) == (1, before.config, before.created)

    def test_projects_of_two_entities_have_runs_of_one_id(self, world):
        begin(world)
        done = begin(world, entity="lab")
        assert done["inserted"] is True
        assert done["bucket"]["name"] == "r"
        assert done["bucket"]["project"]["entity"]["name"] == "lab"
        assert world.store.find_run("p", "r").id != world.store.find_run("lab/p", "r").id

    def test_a_run_without_an_id_gets_one(self, world):
        name = upsert(world, project="p", state="running")["bucket"]["name"]
        assert world.store.find_run("p", name).state is RunState.RUNNING

    @pytest.mark.parametrize("name", ["a/b", "a?b", "..", " ", "x" * 129])
    def test_an_id_that_no_path_can_carry_is_refused(self, world, name):
        assert "cannot be a run's id" in world.failing(UPSERT, name=name, project="p")

    def test_a_config_that_is_none_is_refused(self, world):
        assert "no JSON" in world.failing(UPSERT, name="r", project="p", config="{")

    def test_a_stray_of_a_sweep_is_a_run_of_its_own(self, world, caplog):
        add_trial(world)
        done = begin(world, "stray", sweep="e/p/aaaaaaaa")
        assert done["bucket"]["sweepName"] is None
        assert world.store.find_run("p", "stray").metadata["sweep_id"] == "aaaaaaaa"
        assert "no agent was given it" in caplog.text

    def test_a_run_is_made_for_a_script_to_come(self, world):
        made = upsert(world, name="r", project="p", state="pending")
        assert made["inserted"] is True
        assert upsert(world, name="r", project="p", state="pending")["inserted"] is False
        assert resume(world)["wandbConfig"] == "{}"
        assert world.store.get_run("r").state is RunState.PENDING
        assert begin(world, id=run_id())["inserted"] is False
        assert (world.store.get_run("r").state, world.store.get_run("r").writer) == ("running", 1)


class TestGoingOn:
    def test_a_process_is_told_where_its_run_stands(self, world):
        assert resume(world) is None  # not even the project is there
        begin(world, config={"x": 1}, tags=["t"], notes="n")
        log(world, range(20))
        world.store.describe_run("r", 1, summary={"loss": 0.5, "_runtime": 12.5})
        assert resume(world, "none") is None
        found = resume(world)
        assert (found["id"], found["name"], found["tags"], found["notes"]) == (
            *(run_id(), "r"),
            *(["t"], "n"),
        )
        assert (found["historyLineCount"], found["eventsLineCount"]) == (20, 0)
        assert json.loads(found["wandbConfig"]) == {"t": {"3": [1]}}
        assert json.loads(found["config"])["x"]["value"] == 1
        summary = json.loads(found["summaryMetrics"])
        assert (summary["_step"], summary["_runtime"], summary["loss"]) == (19, 12.5, 0.5)
        assert summary["_wandb"] == {"runtime": 12}
        (tail,) = json.loads(found["historyTail"])
        row = json.loads(tail)
        assert (row["_step"], row["_timestamp"], row["_runtime"]) == (19, 119.0, 12.5)
        assert json.loads(found["eventsTail"]) == []

    def test_a_run_of_our_own_logger_can_be_gone_on_with(self, world):
        world.record(
            "r", rows=[(0, {"a": 1}), (1, {"a": 2})], config={"x": 1}, metadata={"started": 5.0}
        )
        assert resume(world)["historyLineCount"] == 2
        assert "t" in json.loads(resume(world)["wandbConfig"])
        done = begin(world, id=run_id(), config={"x": 1, "y": 2}, entity=world.door.own_entity)
        assert (done["inserted"], done["bucket"]["historyLineCount"]) == (False, 2)
        run = world.store.get_run("r")
        assert (run.writer, run.config, run.metadata["started"]) == (2, {"x": 1, "y": 2}, 5.0)

    def test_one_that_begins_anew_is_told_to_count_from_nothing(self, world):
        begin(world, config={"x": 1}, displayName="n")
        log(world, range(4))
        world.store.describe_run("r", 1, summary={"loss": 3})
        world.store.end_run("r", 1, 0)
        done = begin(world, config={"y": 1}, displayName="n")
        assert (done["inserted"], done["bucket"]["historyLineCount"]) == (False, 0)
        run = world.store.get_run("r")
        assert (run.writer, run.config, run.summary, run.state) == (2, {"y": 1}, {}, "running")
        assert len(world.store.history("r")) == 0

    def test_a_fork_begins_with_its_parents_rows(self, world):
        begin(world)
        log(world, range(10))
        point = {"branch_point": {"run_id": "r", "step": 4.0}}
        done = begin(world, "fork", wandb=point)
        assert done["inserted"] is True
        run = world.store.find_run("p", "fork")
        assert (run.parent_id, run.fork_step, run.steps) == ("r", 4, 5)
        assert world.store.history("fork").steps.tolist() == [0, 1, 2, 3, 4]
        assert json.loads(done["bucket"]["config"])["_wandb"]["value"]["branch_point"]

    def test_a_fork_of_nothing_is_refused(self, world):
        point = config_of({}, branch_point={"run_id": "none", "step": 4})
        said = world.failing(UPSERT, name="fork", project="p", config=point, host="box")
        assert "there is no run 'none'" in said

    def test_a_run_goes_back_to_a_step(self, world):
        begin(world, config={"x": 1}, wandb={"m": [{"1": "acc", "7": [2]}]})
        log(world, range(10))
        world.store.describe_run("r", 1, summary={"loss": 9.0, "acc": {"max": 2}})
        asked = {"runName": "r", "project": "p", "metricName": "_step", "metricValue": 1.0}
        for _ in range(2):  # an answer may get lost
            back = world.ask(REWIND, **asked)["rewindRun"]["rewoundRun"]
            assert (back["historyLineCount"], json.loads(back["config"])["x"]["value"]) == (2, 1)
        run = world.store.get_run("r")
        assert (run.writer, run.summary) == (2, {"loss": 1.0, "acc": {"max": 1}})
        done = begin(world, id=run_id(), config={"x": 1}, wandb={"branch_point": {"run_id": "r"}})
        assert done["bucket"]["historyLineCount"] == 2
        assert world.store.get_run("r").writer == 2

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            ({"metricValue": 99}, "its last one is 3"),
            ({"metricName": "epoch"}, "goes back to a _step"),
            ({"metricValue": -1}, "goes back to a _step"),
            ({"runName": "none"}, "there is no run 'none'"),
        ],
    )
    def test_what_cannot_be_gone_back_to_is_said(self, world, asked, said):
        begin(world)
        log(world, range(4))
        given = {"runName": "r", "project": "p", "metricName": "_step", "metricValue": 1}
        assert said in world.failing(REWIND, **{**given, **asked})
        assert world.store.get_run("r").writer == 1


class TestTrials:
    def test_what_a_trials_script_says_is_its_runs(self, world):
        trial = add_trial(world)
        done = begin(
            world,
            trial,
            sweep="aaaaaaaa",
            project="another",
            config={"a": 1, "extra": 5},
            tags=["t"],
            wandb={"m": [{"1": "loss", "7": [1]}]},
        )
        bucket = done["bucket"]
        assert (done["inserted"], bucket["name"], bucket["sweepName"]) == (False, trial, "aaaaaaaa")
        assert bucket["project"]["name"] == "p"  # where the sweep is
        run = world.store.get_run(trial)
        assert run.config == {"a": 1, "b": {"c": 2}, "extra": 5}
        assert (run.metadata["tags"], run.metrics["loss"]["summary"]) == (["t"], ["min"])
        assert (run.metadata["host"], run.metadata["username"]) == ("box", "ada")
        assert (run.writer, run.state) == (1, "running")
        assert world.door.found.notes.of(trial, 1).spoke

    def test_an_attempt_that_was_given_up_changes_nothing(self, world):
        trial = add_trial(world)
        name = f"{trial}_2"
        with world.store._db.write() as connection:
            connection.execute(update(runs).where(runs.c.id == trial).values(writer=2))
        assert begin(world, name, sweep="aaaaaaaa", config={"new": 1})["bucket"]["name"] == name
        assert begin(world, trial, sweep="aaaaaaaa", config={"old": 1})["bucket"]["name"] == trial
        assert world.store.get_run(trial).config == {"a": 1, "b": {"c": 2}, "new": 1}


class TestSharing:
    def test_each_process_has_a_lane_of_one_writer(self, world):
        for client in ("one", "two"):
            object.__setattr__(world.door, "client", client)
            begin(world, config={client: 1})
        found = [writers.recording(world.store, "p", "r", each) for each in ("one", "two", "new")]
        assert {each.writer for each in found} == {1}
        lanes = [each.lane for each in found]
        assert lanes[0] == ""
        assert len(set(lanes)) == 3
        assert writers.recording(world.store, "p", "r").lane == ""
        assert world.store.get_run("r").config == {"one": 1, "two": 1}

    def test_so_have_those_of_a_trial(self, world):
        trial = add_trial(world)
        for client in ("one", "two"):
            object.__setattr__(world.door, "client", client)
            begin(world, trial, sweep="aaaaaaaa")
        found = [writers.recording(world.store, "p", trial, each) for each in ("one", "two")]
        assert [(each.writer, each.sweep_id) for each in found] == [(1, "aaaaaaaa")] * 2
        assert found[0].lane == ""
        assert found[1].lane != ""

    def test_a_run_that_is_not_there_is_recorded_by_nobody(self, world):
        with pytest.raises(NotFoundError):
            writers.recording(world.store, "p", "none")


class TestEditing:
    def test_a_person_changes_what_a_run_is_called_and_what_it_has(self, world):
        begin(world, config={"x": 1, "y": 2}, tags=["t"], notes="n", groupName="g")
        upsert(
            world,
            id=run_id(),
            displayName="renamed",
            notes="other",
            tags=[],
            groupName="h",
            jobType="eval",
            config=json.dumps({"y": {"value": 3, "desc": None}, "z": {"value": [1]}}),
        )
        run = world.store.get_run("r")
        assert (run.name, run.config) == ("renamed", {"y": 3, "z": [1]})
        said = run.metadata
        assert (said["notes"], said["tags"], said["group"], said["job_type"]) == (
            *("other", []),
            *("h", "eval"),
        )
        assert "t" in said["wandb"]
        assert run.writer == 1

    def test_a_summary_comes_whole(self, world):
        begin(world)
        world.store.describe_run("r", 1, summary={"a": 1, "v.x": 2, "_runtime": 5.0})
        sent = {"a": 3, "n": {"m": 1}, "_step": 4, "_runtime": 5.0, "_wandb": {"runtime": 5}}
        upsert(world, id=run_id(), summaryMetrics=json.dumps(sent))
        assert world.store.get_run("r").summary == {"a": 3, "n.m": 1, "_runtime": 5.0}

    def test_a_description_is_the_notes_unless_those_are_new_themselves(self, world):
        begin(world, notes="n")
        upsert(world, id=run_id(), description="d", notes="n")
        assert world.store.get_run("r").metadata["notes"] == "d"
        upsert(world, id=run_id(), description="d", notes="new")
        assert world.store.get_run("r").metadata["notes"] == "new"

    def test_what_is_not_said_stays(self, world):
        begin(world, config={"x": 1}, tags=["t"], notes="n", displayName="d")
        upsert(world, id=run_id(), config=json.dumps({"x": {"value": 1}}))
        run = world.store.get_run("r")
        assert (run.name, run.metadata["tags"], run.metadata["notes"]) == ("d", ["t"], "n")

    def test_an_id_of_nothing_is_refused(self, world):
        assert "there is no run" in world.failing(UPSERT, id=run_id("none"), notes="x")
        assert "is not the id of any Run" in world.failing(UPSERT, id="none", notes="x")


class TestEndings:
    def test_the_exit_code_is_the_runs(self, world):
        begin(world)
        found = writers.recording(world.store, "p", "r")
        endings.preempting(world.door.found, found)
        endings.end(world.door.found, found, 3)
        endings.end(world.door.found, found, 3)
        run = world.store.get_run("r")
        assert (run.state, run.exit_code, run.metadata["preempting"]) == ("failed", 3, True)

    def test_the_end_of_an_earlier_process_is_not(self, world):
        begin(world)
        found = writers.recording(world.store, "p", "r")
        log(world, range(2))
        begin(world, id=run_id(), entity="")
        endings.end(world.door.found, found, 1)
        assert world.store.get_run("r").state is RunState.RUNNING

    def test_a_run_is_set_to_failed_and_to_pending(self, world):
        begin(world)
        for state in ("failed", "pending"):
            asked = {"id": run_id(), "state": state}
            assert world.ask(STATE, input=asked)["updateRunState"]["success"]
            assert world.store.get_run("r").state == state
        assert "pending or failed" in world.failing(
            STATE, input={"id": run_id(), "state": "finished"}
        )
        world.store.end_run("r", 1, 0)
        assert "cannot become" in world.failing(STATE, input={"id": run_id(), "state": "pending"})
        trial = add_trial(world)
        assert "is a trial" in world.failing(STATE, input={"id": run_id(trial), "state": "failed"})

    def test_a_script_is_stopped_and_one_that_begins_later_is_not(self, world):
        def stopped():
            asked = world.ask(STOPPED, projectName="p", runId="r")["project"]["run"]["stopped"]
            found = writers.recording(world.store, "p", "r")
            assert stopping.stop_ordered(world.door.found, found) is asked
            return asked

        begin(world)
        assert not stopped()
        assert world.ask(STOP, id=run_id())["stopRun"]["success"]
        assert stopped()
        log(world, range(2))
        begin(world, id=run_id(), entity="")
        assert not stopped()
        world.store.end_run("r", 2, 0)
        assert world.ask(STOP, id=run_id())["stopRun"]["success"]
        assert not stopped()

    def test_a_trial_is_ordered_to_end_as_any_other(self, world):
        orders = []

        def order(*given):
            orders.append(given)
            return len(orders) == 1

        world.door.found.live = SimpleNamespace(order=order)
        trial = add_trial(world)
        assert world.ask(STOP, id=run_id(trial))["stopRun"]["success"]
        assert orders == [(trial, 1, Order.CANCEL, "stopped by a user")]
        assert "is not running" in world.failing(STOP, id=run_id(trial))

    def test_a_run_is_deleted_once_it_is_over(self, world):
        begin(world)
        assert "still runs" in world.failing(DELETE, id=run_id())
        world.store.end_run("r", 1, 0)
        world.ask(DELETE, id=run_id())
        with pytest.raises(NotFoundError):
            world.store.get_run("r")
        assert "there is no run" in world.failing(DELETE, id=run_id())


class TestAlerts:
    def notify(self, world, **given):
        asked = {"entityName": "", "projectName": "p", "runName": "r", "title": "t", "text": "x"}
        return world.ask(ALERT, **{**asked, **given})["notifyScriptableRunAlert"]["success"]

    def test_they_are_kept_and_delivered_as_our_own(self, world):
        begin(world)
        assert self.notify(world, severity="WARN", waitDuration=60_000)
        assert self.notify(world, waitDuration=60_000)
        assert self.notify(world, title="u", waitDuration=0)
        alerts = {(a.title, a.number): a for a in world.store.alerts(run_id="r")}
        assert [alerts[key].state for key in (("t", 0), ("t", 1), ("u", 2))] == [
            *("due", "held", "due")
        ]
        first = alerts["t", 0]
        assert (first.level, first.text, first.wait_s, first.project) == ("WARN", "x", 60.0, "p")

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"severity": "LOUD"}, "severity"),
            ({"title": ""}, "title"),
            ({"runName": "none"}, "there is no run"),
        ],
    )
    def test_what_is_wrong_is_said(self, world, given, said):
        begin(world)
        asked = {"entityName": "", "projectName": "p", "runName": "r", "title": "t", "text": "x"}
        assert said in world.failing(ALERT, **{**asked, **given})
