"""Runs and alerts over HTTP: what a request does, what it answers, what is refused and how."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from test_server_api import KEY, World, running

import opensweep
from controller.store.records import NewRun
from sweeps import errors
from sweeps.trial import AttemptState, Outcome, Reason


@pytest.fixture(scope="class")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One for all tests of a class, which keep out of each other's runs."""
    with running(tmp_path_factory.mktemp("runs")) as found:
        yield found


def refused(world: World, method: str, path: str, status: int, body: object = None) -> str:
    """The message of a request that is refused with this status."""
    data = b"" if body is None else json.dumps(body).encode()
    answered, value = world.raw(method, path, data)
    assert answered == status, value
    return str(value["error"]["message"])


class TestRuns:
    def test_a_run_without_a_sweep_lives_and_ends(self, world: World) -> None:
        client = world.client
        said = {"project": "p", "name": "n", "config": {"lr": math.inf}, "started": 1000.0}
        done = client.register_run("r1", "uid", **said)  # type: ignore[arg-type]
        assert done == {"id": "r1", "writer": 1, "steps": 0, "state": "running", "new": True}
        client.describe_run("r1", 1, summary={"loss": math.nan}, metrics={"loss": {"goal": "min"}})
        client.beat_run("r1", 1)
        client.end_run("r1", 1, 3, ended=2000.0)
        run = client.run("r1")
        assert (run["state"], run["exit_code"], run["ended"]) == ("failed", 3, 2000.0)
        assert run["config"] == {"lr": math.inf}
        assert math.isnan(run["summary"]["loss"])
        assert run["metrics"] == {"loss": {"goal": "min"}}
        status, run = world.raw("GET", "/api/runs/r1")  # people's programs: JSON's own values
        assert (status, run["config"], run["summary"]) == (200, {"lr": "Infinity"}, {"loss": "NaN"})
        assert [each["name"] for each in client.projects()] == ["p"]
        client.delete_run("r1")
        with pytest.raises(errors.NotFoundError):
            client.run("r1")

    def test_a_project_has_its_own_runs_alone(self, world: World) -> None:
        world.client.register_run("same", "uid", project="here")
        world.store.register_run(NewRun("same.2", "uid", project="there", local_id="same"))
        world.client.register_run("bare", "uid")
        for project, asked, key in (
            ("here", "same", "same"),
            ("there", "same", "same.2"),
            ("there", "same.2", "same.2"),
            ("opensweep/there", "same", "same.2"),
            ("uncategorized", "bare", "bare"),
            ("opensweep/uncategorized", "bare", "bare"),
            ("", "same", "same"),
        ):
            assert world.client.run(asked, project)["id"] == key
        for project, asked, home in (
            ("here", "same.2", "there"),
            ("none", "same", "here"),
            ("here", "bare", "uncategorized"),
        ):
            said = refused(world, "GET", f"/api/runs/{asked}?project={project}", 404)
            assert said == f"there is no run '{asked}' in project '{project}'; it is in '{home}'"
        world.client.register_run("ours", "uid", project="here", entity="team")
        said = refused(world, "GET", "/api/runs/ours?project=here", 404)
        assert "in project 'opensweep/here'; it is in 'team/here'" in said
        refused(world, "GET", "/api/runs/nothing?project=here", 404)

    def test_another_folder_is_told_so_by_the_errors_kind(self, world: World) -> None:
        world.client.register_run("r2", "uid")
        with pytest.raises(errors.RunExists):
            world.client.register_run("r2", "other")
        assert world.client.register_run("r2", "other", resume="allow")["writer"] == 2
        with pytest.raises(errors.Fenced):
            world.client.beat_run("r2", 1)
        with pytest.raises(errors.IllegalTransition, match="still runs"):
            world.client.delete_run("r2")

    @pytest.mark.parametrize("run_id", ["", "a/b", "a b", "..", "a\nb", "é?", "x" * 129])
    def test_an_id_that_no_address_can_carry_is_refused(self, world: World, run_id: str) -> None:
        assert "id" in refused(world, "POST", "/api/runs", 400, {"id": run_id, "uid": "u"})

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("uid", None),
            ("writer", 0),
            ("writer", "x"),
            ("config", [1]),
            ("resume", "perhaps"),
            ("started", "now"),
            ("fork_step", -1),
        ],
    )
    def test_what_does_not_fit_is_named(self, world: World, field: str, value: object) -> None:
        body = {"id": "r1", "uid": "u", field: value}
        assert field in refused(world, "POST", "/api/runs", 400, body)

    def test_what_is_said_of_a_run_is_checked(self, world: World) -> None:
        world.client.register_run("r3", "uid")
        for what, body, named in (
            ("describe", {"writer": 1, "summary": 7}, "summary"),
            ("end", {"writer": 1, "state": "running"}, "finished, failed, crashed"),
            ("end", {"writer": 1, "exit_code": 1 << 40}, "exit_code"),
            ("beat", {}, "writer"),
            ("edit", {"removed": "x"}, "removed"),
        ):
            assert named in refused(world, "POST", f"/api/runs/r3/{what}", 400, body)
        assert "no run 'x'" in refused(world, "POST", "/api/runs/x/beat", 404, {"writer": 1})


class TestListing:
    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def runs(cls, world: World) -> None:
        for n in range(5):
            world.client.register_run(f"r{n}", "uid", project="p", config={"n": n, "a,b": n})
            world.client.describe_run(f"r{n}", 1, summary={"loss": math.nan if n == 4 else n})

    def test_a_page_has_whole_runs(self, world: World) -> None:
        page = world.client.runs(project="p", order="-config.n", limit=2)
        assert ([run["id"] for run in page["runs"]], page["total"]) == (["r4", "r3"], 5)
        page = world.client.runs(project="p", order="-config.n", limit=3, after=page["next"])
        assert ([run["id"] for run in page["runs"]], page["next"]) == (["r2", "r1", "r0"], None)

    def test_columns_come_by_name(self, world: World) -> None:
        names = ["summary.loss", "config.a,b", "state", "config.none"]
        page = world.client.runs(filters={"config.n": {"$gte": 3}}, columns=names)
        assert page == {
            "total": 2,
            "next": None,
            "ids": ["r3", "r4"],
            "columns": {
                "summary.loss": [3, "NaN"],
                "config.a,b": [3, 4],
                "state": ["running", "running"],
                "config.none": [None, None],
            },
        }
        status, page = world.raw("GET", "/api/runs?project=p&columns=name,config.n&limit=1")
        assert (status, page["columns"]) == (200, {"name": ["r0"], "config.n": [0]})

    def test_a_number_too_large_for_the_quick_way_still_comes(self, world: World) -> None:
        world.client.register_run("large", "uid", project="q")
        world.client.describe_run("large", 1, summary={"loss": 2**70})
        page = world.client.runs(search="large", columns=["summary.loss"])
        assert page["columns"] == {"summary.loss": [2**70]}

    @pytest.mark.parametrize(
        ("query", "named"),
        [
            ("filters=%7B", "no JSON"),
            ("filters=" + quote('{"config.n":{"$near":1}}'), "$near: no such operator"),
            ("filters=" + quote('{"config.n":{"$gt":[]}}'), "expected a number or a text"),
            ("order=loss", "runs have no 'loss'"),
            ("columns=%5B1%5D", "list of names"),
            ("columns=loss", "config.NAME"),
            ("limit=0", "limit"),
            ("after=x", "after"),
        ],
    )
    def test_a_wrong_question_is_answered_with_what_would_do(
        self, world: World, query: str, named: str
    ) -> None:
        assert named in refused(world, "GET", f"/api/runs?{query}", 400)

    def test_samples_are_checked(self, world: World) -> None:
        assert "kind" in refused(world, "GET", "/api/runs/r0/samples?kind=console", 400)
        refused(world, "GET", "/api/runs/none/samples", 404)
        assert world.raw("GET", "/api/runs/r0/samples?key=x") == (200, {"rows": []})


ALERT = {"number": 0, "time": 1.0, "level": "WARN", "wait_s": 0, "title": "t", "text": "x"}


class TestAlerts:
    def test_an_alert_is_listed_and_nobody_told(self, world: World) -> None:
        world.client.register_run("r1", "uid", project="p")
        assert world.client.post_alert("r1", 1, "rank1", ALERT) == "kept"
        assert world.client.post_alert("r1", 1, "rank1", ALERT) == "kept"
        answer = world.client.alerts(project="p")
        (alert,) = answer["alerts"]
        assert (alert["run_id"], alert["lane"], alert["title"], alert["told"]) == (
            *("r1", "rank1", "t"),
            0,
        )
        assert answer["delivery"] == {"addresses": 0, "problem": ""}
        assert world.client.alerts(run="other")["alerts"] == []

    def test_what_does_not_fit_is_named(self, world: World) -> None:
        world.client.register_run("r2", "uid")
        for change in ({"level": "LOUD"}, {"title": None}, {"number": -1}, {"wait_s": "1"}):
            body = {**ALERT, "writer": 1, **change}
            assert next(iter(change)) in refused(world, "POST", "/api/runs/r2/alerts", 400, body)
        with pytest.raises(errors.NotFoundError):
            world.client.post_alert("x", 1, "", ALERT)


def test_the_best_run_of_a_sweep_is_that_of_its_best_trial(
    world: World,
) -> None:
    sweep_id = world.sweep_with_trials(3)
    finished = Outcome(AttemptState.FINISHED, Reason.OK, exit_code=0)
    for number, loss in ((1, 0.5), (2, 0.1), (3, 0.3)):
        trial = f"{sweep_id}-{number}"
        world.client.start(trial, 1, "agent", "box", "CPU")
        summary = {"loss": loss, "acc": -loss}
        world.client.finish(trial, 1, finished, summary, config={"more": number})
    api = opensweep.Api({"base_url": world.url}, api_key=KEY)
    sweep = api.sweep(sweep_id)
    best = sweep.best_run()
    assert best is not None
    assert (best.id, best.state, best.summary["loss"]) == (f"{sweep_id}-2", "finished", 0.1)
    assert best.config == {"lr": 0.02, "more": 2}
    assert best.sweep is not None
    assert (best.sweep.id, best.sweep_name) == (sweep_id, sweep_id)
    worst = sweep.best_run(order="+summary_metrics.acc")
    assert worst is not None
    assert worst.id == f"{sweep_id}-1"
    assert [run.id for run in sweep.runs] == [f"{sweep_id}-{n}" for n in (1, 2, 3)]
    assert [run.id for run in api.runs("uncategorized", {"sweep": sweep_id})] == [
        run.id for run in sweep.runs
    ]
    with pytest.raises(opensweep.UsageError, match="is a trial of"):
        best.delete()
