"""What W&B's public API reads of runs, asked in the words of clients old and new."""

from __future__ import annotations

import json
import math

import pytest
from door_world import STARTED, opened

from controller.wandb_api.runs.fields import our_filters
from sweeps.errors import UsageError

RUNS = """query Runs($filters: JSONString, $order: String, $cursor: String, $perPage: Int) {
  project(name: "p", entityName: "opensweep") {
    runCount(filters: $filters)
    runs(filters: $filters, after: $cursor, first: $perPage, order: $order) {
      edges { node { name displayName state config summaryMetrics tags } cursor }
      pageInfo { endCursor hasNextPage }
    }
  }
}"""
RUN = 'query {{ project(name: "{project}") {{ run(name: "{run}") {{ {fields} }} }} }}'


@pytest.fixture
def world(tmp_path):
    with opened(tmp_path) as made:
        for n in range(5):
            made.record(
                f"r{n}",
                rows=[(step, {"loss": 1 / (step + 1)}) for step in range(n + 1)],
                config={"lr": n / 10, "bad": math.nan, "_wandb": {"v": 1}},
                metadata={"tags": ["odd"] if n % 2 else [], "name": f"number {n}"},
                summary={"loss": 1 / (n + 1)},
            )
        made.store.end_run("r1", 1, 0)
        made.store.end_run("r2", 1, 1)
        yield made


def names(answer):
    return [edge["node"]["name"] for edge in answer["project"]["runs"]["edges"]]


def of_run(world, fields, run="r4", project="p"):
    query = RUN.format(project=project, run=run, fields=fields)
    return world.ask(query)["project"]["run"]


def test_runs_come_in_pages(world):
    pages, cursor = [], None
    while True:
        answer = world.ask(RUNS, cursor=cursor, perPage=2, order="-config.lr.value")
        assert answer["project"]["runCount"] == 5
        pages.append(names(answer))
        page = answer["project"]["runs"]["pageInfo"]
        cursor = page["endCursor"]
        if not page["hasNextPage"]:
            break
    assert pages == [["r4", "r3"], ["r2", "r1"], ["r0"]]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"state": "finished"}, ["r1"]),
        ({"state": {"$in": ["failed", "killed"]}}, ["r2"]),
        ({"state": "killed"}, []),
        ({"$or": [{"config.lr.value": {"$gt": 0.35}}, {"tags": "odd"}]}, ["r1", "r3", "r4"]),
        ({"displayName": {"$regex": "number [03]"}}, ["r0", "r3"]),
        ({"name": "r3"}, ["r3"]),
        ({"summary_metrics.loss": {"$lt": 0.3}}, ["r3", "r4"]),
    ],
)
def test_filters_are_wandbs(world, filters, found):
    assert names(world.ask(RUNS, filters=json.dumps(filters))) == found


def test_a_wrong_filter_says_what_there_is(world):
    assert "there are $eq" in world.failing(RUNS, filters='{"config.lr": {"$near": 1}}')
    assert "no JSON" in world.failing(RUNS, filters="{")
    assert "no cursor" in world.failing(RUNS, cursor="xyz")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("killed", {"$in": ["stopped", "canceled"]}),
        ({"$eq": "killed"}, {"$in": ["stopped", "canceled"]}),
        ({"$ne": "killed"}, {"$nin": ["stopped", "canceled"]}),
        ({"$nin": ["killed", "failed"]}, {"$nin": ["stopped", "canceled", "failed"]}),
        ({"$ne": "pending"}, {"$nin": ["pending", "queued"]}),
        ({"$regex": "f.*"}, {"$regex": "f.*"}),
        ("running", "running"),
    ],
)
def test_states_that_wandb_alone_has_become_ours(theirs, ours):
    found = json.loads(our_filters(json.dumps({"$and": [{"state": theirs}]})))
    assert found == {"$and": [{"state": ours}]}


def test_a_filter_has_a_bottom():
    deep = '{"$not":' * 60 + '{"state": "x"}' + "}" * 60
    with pytest.raises(UsageError, match="nested too deeply"):
        our_filters(deep)


def test_config_and_summary_have_wandbs_form(world):
    found = of_run(world, "id config summaryMetrics state createdAt projectId user { username }")
    config = json.loads(found["config"])
    assert config["lr"] == {"value": 0.4, "desc": None}
    assert config["bad"]["value"] == "NaN"
    assert config["_wandb"]["value"] == {"v": 1}
    summary = json.loads(found["summaryMetrics"])
    assert (summary["loss"], summary["_step"]) == (0.2, 4)
    assert found["state"] == "running"
    assert found["createdAt"] == "2025-06-15T15:06:40Z"
    assert found["user"] == {"username": "ada"}


def test_a_run_that_is_not_there_is_none(world):
    assert of_run(world, "id", run="nobody") is None
    assert world.ask(RUN.format(project="nothing", run="r1", fields="id")) == {"project": None}


class TestHistory:
    @pytest.fixture(autouse=True)
    def _long(self, world):
        rows = [
            (s, {"a": s, "text": "t", **({"b": s / 3} if s % 3 == 0 else {})}) for s in range(90)
        ]
        world.record("long", rows=[*rows, (100, {"a": math.inf})])

    def test_a_sample_is_even_and_has_both_ends(self, world):
        rows = [
            json.loads(text) for text in of_run(world, "history(samples: 4)", "long")["history"]
        ]
        assert [row["_step"] for row in rows] == [0, 30, 60, 100]
        assert rows[1]["_timestamp"] == STARTED + 15
        assert rows[1]["_runtime"] == 15
        assert rows[-1]["a"] == "Infinity"

    def test_a_page_has_all_rows_of_its_steps(self, world):
        found = of_run(world, "history(minStep: 85, maxStep: 101, samples: 16)", "long")["history"]
        assert [json.loads(text)["_step"] for text in found] == [*range(85, 90), 100]

    @pytest.mark.parametrize(
        ("spec", "steps"),
        [
            ({"keys": ["_step", "b"], "samples": 3}, [0, 42, 87]),
            ({"keys": ["a", "b"], "minStep": 6, "maxStep": 12, "samples": 1000}, [6, 9]),
            ({"keys": ["a", "b"], "minStep": 6, "maxStep": 12, "samples": 7}, [6, 9, 12]),
            ({"keys": ["nothing"], "samples": 3}, []),
        ],
    )
    def test_specs_ask_for_rows_that_have_all_of_their_keys(self, world, spec, steps):
        text = json.dumps(json.dumps({**spec, "keys": [*spec["keys"], "_step"]}))
        (rows,) = of_run(world, f"sampledHistory(specs: [{text}])", "long")["sampledHistory"]
        assert [row["_step"] for row in rows] == steps
        assert all(set(row) == {*spec["keys"], "_step"} for row in rows)

    def test_names_and_their_kinds(self, world):
        keys = of_run(world, "historyKeys", "long")["historyKeys"]
        assert keys["lastStep"] == 100
        assert keys["keys"]["a"]["typeCounts"] == [{"type": "number", "count": 91}]
        assert keys["keys"]["text"]["typeCounts"] == [{"type": "string", "count": 90}]
        assert set(keys["keys"]) == {"a", "b", "text"}

    def test_a_scan_begins_at_the_first_step(self, world):
        query = 'parquetHistory(liveKeys: ["_step"]) { parquetUrls liveData }'
        assert of_run(world, query, "long") == {
            "parquetHistory": {"parquetUrls": [], "liveData": [{"_step": 0}]}
        }
        world.record("empty")
        assert of_run(world, query, "empty")["parquetHistory"]["liveData"] == []


class TestLogLines:
    @pytest.fixture(autouse=True)
    def _printed(self, world):
        world.record("loud")
        printed = "".join(f"line {n}\n" for n in range(40)) + "bar 1\rbar 2\nend"
        world.print("loud", printed)

    def pages(self, world, query):
        lines = "{ edges { node { number line label level } } pageInfo { endCursor hasNextPage } }"
        return of_run(world, f"logLines({query}) {lines}", "loud")["logLines"]

    def test_they_come_in_pages_as_a_terminal_shows_them(self, world):
        found, cursor = [], "null"
        while True:
            page = self.pages(world, f"first: 15, after: {cursor}, useImprovedPagination: true")
            found += [edge["node"] for edge in page["edges"]]
            cursor = json.dumps(page["pageInfo"]["endCursor"])
            if not page["pageInfo"]["hasNextPage"]:
                break
        assert [line["line"] for line in found] == [
            *(f"line {n}" for n in range(40)),
            "bar 2",
            "end",
        ]
        assert [line["number"] for line in found] == list(range(42))

    def test_the_last_ones_and_what_came_since(self, world):
        assert [e["node"]["line"] for e in self.pages(world, "last: 2")["edges"]] == [
            "bar 2",
            "end",
        ]
        world.print("loud", " of it\n")
        lines = [edge["node"] for edge in self.pages(world, "last: 1")["edges"]]
        assert lines == [{"number": 41, "line": "end of it", "label": "", "level": ""}]


def test_a_file_has_one_name(world):
    """`wandb verify` asks for "./model.txt"."""
    found = of_run(world, 'files(names: ["./a//b.txt"]) { edges { node { name sizeBytes } } }')
    assert found["files"]["edges"] == [{"node": {"name": "a/b.txt", "sizeBytes": 0}}]
