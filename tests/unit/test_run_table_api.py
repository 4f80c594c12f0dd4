"""The runs table over HTTP: columns, groups, values, exports, and changes to many runs at once."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3
from test_server_api import KEY, World, running

from controller.store.keys import Role
from controller.store.records import NewRun


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("table")) as found:
        for n in range(6):
            said = {"opt": ("adam", "sgd")[n % 2], "lr": n / 10}
            found.store.register_run(
                NewRun(
                    f"r{n}", "uid", project="p", name=f"run {n}", config=said, started=1000.0 + n
                )
            )
            loss = math.nan if n == 5 else float(n)
            found.store.describe_run(f"r{n}", 1, summary={"loss": loss, "text": "=1+1"})
            if n < 5:
                found.store.end_run(f"r{n}", 1, 0)
        yield found


def ask(world: World, path: str, status: int = 200, **params: Any) -> Any:
    answered, value = world.raw("GET", f"/api/run-table/{path}?{urlencode(params)}")
    assert answered == status, value
    return value


def download(world: World, **params: Any) -> urllib3.BaseHTTPResponse:
    return urllib3.request(
        "GET",
        f"{world.url}/api/run-table/export?{urlencode(params)}",
        headers={"Authorization": f"Bearer {KEY}"},
    )


def change(world: World, path: str, body: object, status: int = 200) -> Any:
    answered, value = world.raw("POST", f"/api/run-table/{path}", json.dumps(body).encode())
    assert answered == status, value
    return value


def test_known_fields(world: World) -> None:
    told = ask(world, "fields", project="p")
    assert told["runs"] == 6
    assert {"name": "config.lr", "runs": 6, "kinds": ["number"]} in told["fields"]
    few = ask(world, "fields", project="p", containing="LOSS")
    assert [each["name"] for each in few["fields"]] == ["summary.loss"]


def test_groups_with_figures_by_an_order(world: World) -> None:
    told = ask(
        world, "groups", project="p", by="config.opt", columns="summary.loss", order="-summary.loss"
    )
    assert told["groups"] == [{"values": ["adam"], "runs": 3}, {"values": ["sgd"], "runs": 3}]
    assert told["columns"]["summary.loss"]["mean"] == [2.0, 2.0]
    assert (told["total"], told["runs"], told["next"]) == (2, 6, None)
    page = ask(world, "groups", project="p", by='["config.lr"]', order="runs,-config.lr", limit=2)
    assert [each["values"] for each in page["groups"]] == [[0.5], [0.4]]
    assert page["next"] == 2
    said = ask(world, "groups", 400, project="p")["error"]["message"]
    assert said == "by: expected at least one name to group by, such as config.lr"


def test_values_of_a_field(world: World) -> None:
    told = ask(world, "values", project="p", field="config.opt", filters='{"config.lr":{"$gt":0}}')
    assert told["values"] == [["sgd", 3], ["adam", 2]]
    assert ask(world, "values", project="p", field="config.lr")["span"] == [0.0, 0.5]
    assert (
        "runs have no 'nothing'" in ask(world, "values", 400, field="nothing")["error"]["message"]
    )


def test_an_export_is_a_file_of_all_that_fit(world: World) -> None:
    asked = {
        "project": "p",
        "columns": "display_name,summary.loss,summary.text",
        "order": "-config.lr",
    }
    answer = download(world, **asked, format="csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="runs.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.data.decode())))
    assert [row["id"] for row in rows] == ["r5", "r4", "r3", "r2", "r1", "r0"]
    assert rows[0]["summary.loss"] == "NaN"
    assert rows[1] == {
        "id": "r4",
        "display_name": "run 4",
        "summary.loss": "4.0",
        "summary.text": "'=1+1",  # a spreadsheet would run it
    }
    exact = json.loads(download(world, **asked, format="json", search="run 4").data)
    assert exact == [
        {"id": "r4", "display_name": "run 4", "summary.loss": 4.0, "summary.text": "=1+1"}
    ]
    assert json.loads(download(world, **asked, format="json", search="nothing").data) == []
    assert ask(world, "export", 400, project="p", format="csv")["error"]["kind"] == "UsageError"


def test_many_are_tagged(world: World) -> None:
    assert change(world, "tags", {"runs": ["r0", "r1"], "add": ["t"]}) == {"done": 2, "refused": []}
    assert world.client.run("r0")["metadata"]["tags"] == ["t"]
    change(world, "tags", {"runs": ["r0"], "remove": ["t"]})
    assert world.client.run("r0")["metadata"]["tags"] == []
    for body in ({"runs": ["r0"]}, {"runs": [], "add": ["t"]}, {"runs": ["r0"], "add": [" "]}):
        change(world, "tags", body, 400)


def test_what_cannot_be_deleted_is_told_and_the_rest_is_gone(world: World) -> None:
    for name in ("d1", "d2"):
        world.store.register_run(NewRun(name, "uid", project="q"))
    world.store.end_run("d1", 1, 0)
    told = change(world, "delete", {"runs": ["d1", "d2", "never"]})
    assert told["done"] == 1
    assert told["refused"] == [{"id": "d2", "why": "run d2 still runs: it cannot be deleted"}]
    assert world.raw("GET", "/api/runs/d1")[0] == 404


def test_what_takes_no_orders_cannot_be_stopped(world: World) -> None:
    told = change(world, "stop", {"runs": ["r0", "r5"]})
    assert told["done"] == 0
    assert [each["id"] for each in told["refused"]] == ["r0", "r5"]
    assert "is over" in told["refused"][0]["why"]
    assert "end its process" in told["refused"][1]["why"]


def test_names_come_with_what_the_sweeps_are_after(world: World) -> None:
    for number, metric in enumerate(("old_loss", "val_loss", "val_loss", None)):
        spec = {"method": "random", "metric": {"name": metric}} if metric else {"method": "random"}
        given = {"name": "s", "yaml": "", "spec": spec, "seed": 1, "origin": {}}
        world.store.create_sweep(sweep_id=f"metrics{number}", project="aims", **given)
    told = world.raw("GET", "/api/run-table/fields?project=aims", Authorization=f"Bearer {KEY}")[1]
    assert told["metrics"] == ["val_loss", "old_loss"]
    told = world.raw("GET", "/api/run-table/fields?project=p", Authorization=f"Bearer {KEY}")[1]
    assert told["metrics"] == []


def test_changes_need_the_right_to_write(world: World) -> None:
    made = world.client.create_key("reader", role=Role.READ.value)
    reader = f"Bearer {made['key']}"
    for path in ("tags", "delete", "stop"):
        body = json.dumps({"runs": ["r0"], "add": ["x"]}).encode()
        assert world.raw("POST", f"/api/run-table/{path}", body, Authorization=reader)[0] == 403
    assert world.raw("GET", "/api/run-table/fields?project=p", Authorization=reader)[0] == 200
