"""Sweeps over GraphQL: created, changed, steered and read in the words of clients old and new."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import yaml
from door_world import opened

from controller.store.records import NewTrial
from sweeps.protocol.live import AgentBeat
from sweeps.trial import AttemptState, Outcome, Reason, SweepState

UPSERT = """mutation UpsertSweep($id: ID, $config: String, $description: String,
    $entityName: String, $projectName: String, $controller: JSONString,
    $launchScheduler: JSONString, $templateVariableValues: JSONString, $scheduler: JSONString,
    $state: String, $priorRunsFilters: JSONString, $displayName: String) {
  upsertSweep(input: {id: $id, config: $config, description: $description, entityName: $entityName,
      projectName: $projectName, controller: $controller, launchScheduler: $launchScheduler,
      templateVariableValues: $templateVariableValues, scheduler: $scheduler, state: $state,
      priorRunsFilters: $priorRunsFilters, displayName: $displayName}) {
    sweep { name project { name entity { name } } } configValidationWarnings } }"""
SWEEP = """query Sweep($sweep: String!, $project: String = "p", $entity: String,
    $specs: [JSONString!]!) {
  project(name: $project, entityName: $entity) { sweep(sweepName: $sweep) {
    id name displayName method state description config createdAt updatedAt bestLoss controller
    scheduler runCount runCountExpected
    priorRuns { edges { node { name } } }
    runs { edges { node { name state summaryMetrics sampledHistory(specs: $specs) } } }
    agents { edges { node { id name host state totalRuns createdAt heartbeatAt
      runs { edges { node { name } } } } } } } } }"""
CONFIG = {
    "method": "grid",
    "metric": {"name": "loss"},
    "parameters": {"a": {"values": [1, 2, 3]}, "b": {"value": "x"}},
}


@pytest.fixture
def world(tmp_path):
    with opened(tmp_path) as made:
        made.door.found.loop = SimpleNamespace(wake=lambda: None)
        made.door.found.live = SimpleNamespace(agents=lambda: [])
        yield made


def upsert(world, config=None, **variables):
    """The sweep's id, of one that is created or changed."""
    if config is not None:
        variables["config"] = yaml.dump(config)
    variables.setdefault("projectName", "p")
    return world.ask(UPSERT, templateVariableValues="null", **variables)["upsertSweep"]


def read(world, sweep, **variables):
    project = world.ask(SWEEP, sweep=sweep, specs=["{}"], **variables)["project"]
    return project and project["sweep"]


def run_trials(world, sweep, *values, agent="wandb-box-1"):
    """Trials as a controller and an agent record them, finished with these objectives."""
    store = world.store
    begin = store.get_sweep(sweep).next_number
    store.set_sweep_state(sweep, SweepState.RUNNING)
    generation = store.take_sweep(sweep, "test", 60)
    new = [NewTrial(begin + n, {"a": begin + n, "b": "x"}) for n in range(len(values))]
    for attempt, value in zip(store.add_trials(sweep, generation, new, {}), values, strict=True):
        name = (attempt.trial_id, attempt.token)
        store.start_attempt(*name, agent_id=agent, host="box", device="")
        store.end_attempt(
            *name,
            Outcome(AttemptState.FINISHED, Reason.OK, exit_code=0),
            summary={"loss": value},
            objective=value,
            retry=lambda _: False,
        )


def test_a_sweep_is_created_and_read(world):
    made = upsert(world, {**CONFIG, "name": "mine", "description": "why"}, projectName="p")
    assert made["configValidationWarnings"] == []
    project = made["sweep"]["project"]
    assert (project["name"], project["entity"]["name"]) == ("p", "opensweep")
    name = made["sweep"]["name"]
    assert len(name) == 8
    sweep = read(world, name)
    assert (sweep["name"], sweep["displayName"], sweep["description"]) == (name, "mine", "why")
    assert (sweep["method"], sweep["state"]) == ("grid", "PENDING")
    assert yaml.safe_load(sweep["config"])["parameters"] == CONFIG["parameters"]
    assert (sweep["runCount"], sweep["runCountExpected"], sweep["bestLoss"]) == (0, 3, None)
    assert sweep["runs"]["edges"] == sweep["agents"]["edges"] == []


def test_trials_and_agents_are_shown(world):
    name = upsert(world, CONFIG)["sweep"]["name"]
    run_trials(world, name, 0.5, 0.25)
    beats = [AgentBeat("wandb-new-2", name, 1, {"host": "new"}), AgentBeat("else", "other", 1)]
    world.door.found.live.agents = lambda: beats
    sweep = read(world, name)
    assert (sweep["state"], sweep["runCount"], sweep["bestLoss"]) == ("RUNNING", 2, 0.25)
    runs = [edge["node"] for edge in sweep["runs"]["edges"]]
    assert [run["name"] for run in runs] == [f"{name}-1", f"{name}-2"]
    assert json.loads(runs[1]["summaryMetrics"])["loss"] == 0.25
    first, second = (edge["node"] for edge in sweep["agents"]["edges"])
    assert (first["name"], first["host"], first["state"]) == ("wandb-box-1", "box", "FINISHED")
    assert first["totalRuns"] == 2
    assert [edge["node"]["name"] for edge in first["runs"]["edges"]] == [
        f"{name}-1",
        f"{name}-2",
    ]
    assert (second["host"], second["state"], second["totalRuns"]) == ("new", "RUNNING", 0)
    one = """query($s: String!, $a: String!) { project(name: "p") { sweep(sweepName: $s) {
      agent(agentName: $a) { name } } } }"""
    for said in (first["id"], first["name"]):
        found = world.ask(one, s=name, a=said)["project"]["sweep"]["agent"]
        assert found == {"name": "wandb-box-1"}


def test_a_sweep_is_found_in_its_project_and_by_who_names_none(world):
    name = upsert(world, CONFIG, projectName="p", entityName="team")["sweep"]["name"]
    world.record("r", project="q")
    assert read(world, name, entity="team")["name"] == name
    assert read(world, name, project=None)["name"] == name
    assert read(world, name, project="q") is None
    assert read(world, "nobody12", entity="team") is None
    listed = """query { project(name: "p", entityName: "team") { totalSweeps
      sweeps(first: 5) { edges { node { name } } pageInfo { hasNextPage } } } }"""
    project = world.ask(listed)["project"]
    assert project["totalSweeps"] == 1
    assert [edge["node"]["name"] for edge in project["sweeps"]["edges"]] == [name]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({**CONFIG, "method": "bayes", "metric": None}, "metric"),
        ({**CONFIG, "parameters": {"a": {"min": 0.0, "max": 1.0}}}, "parameters.a: a grid needs"),
        ({**CONFIG, "method": "best"}, "method"),
        ("method: [", "line"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_key_and_recorded_nowhere(world, config, says):
    text = config if isinstance(config, str) else yaml.dump(config)
    assert says in world.failing(UPSERT, config=text, projectName="p")
    assert world.store.list_sweeps() == []


@pytest.mark.parametrize("name", ["controller", "scheduler", "launchScheduler"])
def test_what_only_the_service_has_is_refused_in_words(world, name):
    refusal = world.failing(UPSERT, config=yaml.dump(CONFIG), **{name: '{"type": "local"}'})
    assert refusal.startswith(f"{name}: ")
    assert "start" in refusal


def test_warnings_are_handed_back(world):
    deprecated = {"distribution": "log_uniform", "min": -3, "max": 0}
    config = {**CONFIG, "method": "random", "parameters": {"lr": deprecated}}
    (warning,) = upsert(world, config)["configValidationWarnings"]
    assert "lr" in warning


def test_states_in_the_words_of_the_client(world):
    name = upsert(world, CONFIG)["sweep"]["name"]
    known = read(world, name)["id"]
    for word, state in [
        ("PAUSED", "PAUSED"),
        ("RUNNING", "RUNNING"),
        ("FINISHED", "FINISHED"),
        ("FINISHED", "FINISHED"),
    ]:
        upsert(world, id=known, state=word)
        assert read(world, name)["state"] == state
    assert "expected one of" in world.failing(UPSERT, id=known, state="AWAY")
    other = upsert(world, CONFIG)["sweep"]["name"]
    upsert(world, id=other, state="CANCELED")  # a person may write the short id
    assert read(world, other)["state"] == "CANCELED"
    assert "cannot resume" in world.failing(UPSERT, id=other, state="RUNNING")


def test_another_file_lets_a_finished_sweep_go_on(world):
    name = upsert(world, {**CONFIG, "run_cap": 2})["sweep"]["name"]
    run_trials(world, name, 1.0, 2.0)
    world.store.set_sweep_state(name, SweepState.FINISHED)
    wider = {**CONFIG, "name": "wider", "parameters": {"a": {"values": [2, 3, 4, 5]}}}
    upsert(world, wider, id=read(world, name)["id"])
    sweep = read(world, name)
    assert (sweep["state"], sweep["displayName"]) == ("RUNNING", "wider")
    # Trials 1 (of the old grid) and 2 (of both), and 3 to come: 3, 4 and 5.
    assert sweep["runCountExpected"] == 5
    other = {**wider, "metric": {"name": "accuracy", "goal": "maximize"}}
    refusal = world.failing(UPSERT, id=name, config=yaml.dump(other))
    assert refusal.startswith("metric: ")
    upsert(world, id=name, displayName="shown")
    assert read(world, name)["displayName"] == "shown"
    upsert(world, id=name, state="CANCELED")
    assert "canceled" in world.failing(UPSERT, id=name, config=yaml.dump(wider))


def test_prior_runs_are_known_to_the_search(world):
    rows = [(0, {"loss": 0.5}), (1, {"loss": 0.125}), (2, {"loss": 3.0})]
    world.record("good", rows=rows, config={"a": 2, "b": "x", "more": 1}, summary={"loss": 3.0})
    world.record("bad", config={"a": 3, "b": "x"})
    world.store.end_run("bad", 1, 1)
    world.record("other", config={"a": 1, "b": "x"})
    filters = json.dumps({"$or": [{"name": "good"}, {"name": "bad"}]})
    name = upsert(world, CONFIG, priorRunsFilters=filters)["sweep"]["name"]
    by_run = {each["run"]: each for each in world.store.get_sweep(name).prior}
    assert by_run["good"] == {"run": "good", "config": {"a": 2, "b": "x"}, "objective": 0.125}
    assert by_run["bad"]["objective"] is None
    sweep = read(world, name)
    assert sweep["runCountExpected"] == 1
    assert {edge["node"]["name"] for edge in sweep["priorRuns"]["edges"]} == {"good", "bad"}
    everyone = json.dumps({"$or": [{"name": name} for name in ("good", "bad", "other", "else")]})
    world.record("else", config={"b": "x"})
    made = upsert(world, CONFIG, priorRunsFilters=everyone)
    assert made["configValidationWarnings"] == [
        "prior runs: 3 of 4 are used; left out: 1 without `a`."
    ]
    nobody = json.dumps({"$or": [{"name": "nobody"}]})
    assert "no run" in world.failing(
        UPSERT, config=yaml.dump(CONFIG), projectName="p", priorRunsFilters=nobody
    )
