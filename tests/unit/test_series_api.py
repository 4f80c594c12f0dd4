"""What runs logged, over HTTP: rows, pages, series; and chunks by the hundred."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import urllib3
from test_server_api import KEY, World, running

from sweeps import errors
from sweeps.protocol.chunks import encode, pack_points
from sweeps.protocol.series import Series, pack_series, unpack_series

Asked = tuple[int, bytes, dict[str, str]]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running(tmp_path) as here:
        yield here


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One for all questions that are refused."""
    with running(tmp_path_factory.mktemp("quiet")) as here:
        yield here


@pytest.fixture
def run(world: World) -> str:
    """A running trial's."""
    trial = f"{world.sweep_with_trials(3)}-1"
    world.client.start(trial, 1, "agent", "box", None)
    return trial


def post(world: World, run: str, rows: list[Any], seq: int = 0, **more: Any) -> None:
    steps = [row[0] for row in rows]
    given = {"writer": 1, "kind": "history", "objective": b"", **more}
    world.client.post_chunk(
        run,
        seq=seq,
        first=min(steps),
        last=max(steps),
        rows=len(rows),
        data=encode(rows),
        **given,
    )


def ask(world: World, path: str, body: Any = None, **headers: str) -> Asked:
    """(status, body, headers) of a request as a dashboard makes it."""
    headers = {"Authorization": f"Bearer {KEY}", "Connection": "close", **headers}
    with urllib3.PoolManager(retries=False) as pool:
        answer = pool.request(
            "GET" if body is None else "POST",
            world.url + path,
            body=None if body is None else json.dumps(body),
            headers=headers,
        )
        return answer.status, answer.data, dict(answer.headers)


def rows_of(count: int) -> list[Any]:
    return [(s, 1e9 + s, {"loss": 1 / (s + 1), "a,b": s}) for s in range(count)]


class TestSeries:
    def test_it_comes_as_bytes_and_as_json(self, world: World, run: str) -> None:
        odd = [(0, 10.0, {"loss": math.nan}), (1, 11.0, {"loss": math.inf}), (2, 12.5, {"loss": 3})]
        post(world, run, odd)
        path = f"/api/runs/{run}/series?key=loss&key=none&x=_runtime"
        status, data, headers = ask(world, path)
        assert (status, headers["content-type"]) == (200, "application/octet-stream")
        loss, none = unpack_series(data)
        assert (loss.run, loss.key, none.key, len(none.x)) == (run, "loss", "none", 0)
        assert loss.x.tolist() == [0.0, 1.0, 2.5]
        assert repr(loss.y.tolist()) == "[nan, inf, 3.0]"
        status, data, _ = ask(world, path, Accept="application/json")
        shown = json.loads(data)["series"][0]
        assert shown["y"] == ["NaN", "Infinity", 3.0]
        assert shown.keys() == {"run", "key", "x", "y", "bin", "keep", "cursor"}
        (same, _) = world.client.series([run], ["loss", "none"], x="_runtime")
        assert np.array_equal(same.y, loss.y, equal_nan=True)

    def test_an_answer_that_is_still_right_is_not_sent_again(self, world: World, run: str) -> None:
        post(world, run, rows_of(5))
        path, body = f"/api/runs/{run}/series?key=loss", {"runs": [run], "keys": ["loss"]}
        for given in (None, body):
            where = path if given is None else "/api/series"
            _, _, headers = ask(world, where, given)
            etag = headers["etag"]
            status, data, _ = ask(world, where, given, **{"If-None-Match": etag})
            assert (status, data) == (304, b"")
            other = where + "&points=2" if given is None else where
            status, data, _ = ask(world, other, given, **{"If-None-Match": '"other"'})
            assert status == 200
            assert data
        post(world, run, rows_of(6)[5:], seq=1)
        status, data, headers = ask(world, path, **{"If-None-Match": etag})
        assert status == 200
        assert headers["etag"] != etag

    def test_a_live_chart_asks_for_what_is_new(self, world: World, run: str) -> None:
        post(world, run, rows_of(5))
        _, data, _ = ask(world, f"/api/runs/{run}/series?key=loss&key=a%2Cb")
        cursors = [each.cursor for each in unpack_series(data)]
        post(world, run, rows_of(8)[5:], seq=1)
        query = "&".join(f"after={cursor}" for cursor in cursors)
        _, data, _ = ask(world, f"/api/runs/{run}/series?key=loss&key=a%2Cb&{query}")
        assert [(s.keep, s.x.tolist()) for s in unpack_series(data)] == [(5, [5, 6, 7])] * 2
        known = dict(zip([(run, "loss"), (run, "a,b")], cursors, strict=True))
        again = world.client.series([run], ["loss", "a,b"], cursors=known)
        assert [(s.keep, s.x.tolist()) for s in again] == [(5, [5, 6, 7])] * 2

    def test_many_runs_and_a_window(self, world: World, run: str) -> None:
        others = [f"{run[:-1]}{number}" for number in (3, 2)]
        for each in others:
            post(world, each, rows_of(1000))
        series = world.client.series(others, ["loss", "a,b"], low=-5.5, high=800, points=50)
        assert [(s.run, s.key) for s in series] == [(r, k) for r in others for k in ("loss", "a,b")]
        assert all(len(s.x) <= 50 and s.x[-1] == 800 and s.bin > 1 for s in series)
        (over,) = world.client.series(others[:1], ["loss"], x="a,b", points=2000)
        assert over.x.tolist() == list(range(1000))

    @pytest.mark.parametrize(
        "query",
        [
            "",
            "key=loss&points=1",
            "key=loss&points=100001",
            "key=loss&points=x",
            "key=loss&from=x",
            "key=loss&to=nan",
            "key=loss&kind=console",
            "key=loss&after=a&after=b",
            "key=loss&x=%00",
            "&".join(f"key={n}" for n in range(300)) + "&points=100000",
        ],
    )
    def test_nonsense_is_told(self, quiet: World, query: str) -> None:
        status, data, _ = ask(quiet, f"/api/runs/any/series?{query}")
        assert status == 400
        assert json.loads(data)["error"]["kind"] == "UsageError"

    @pytest.mark.parametrize(
        "body",
        [
            {},
            [],
            {"runs": "x", "keys": ["a"]},
            {"runs": [], "keys": ["a"]},
            {"runs": ["x"], "keys": [1]},
            {"runs": ["x"], "keys": ["a"], "from": True},
            {"runs": ["x"], "keys": ["a"], "to": {}},
            {"runs": ["x"], "keys": ["a"], "after": ["", ""]},
            {"runs": [str(n) for n in range(10_001)], "keys": ["a"]},
        ],
    )
    def test_nonsense_in_a_body_is_told(self, quiet: World, body: Any) -> None:
        status, data, _ = ask(quiet, "/api/series", body)
        assert (status, json.loads(data)["error"]["kind"]) == (400, "UsageError")

    def test_a_run_that_is_not_there(self, world: World) -> None:
        assert ask(world, "/api/runs/none/series?key=a")[0] == 404
        with pytest.raises(errors.NotFoundError):
            world.client.series(["none"], ["a"])

    def test_a_foreign_answer_is_no_series(self) -> None:
        whole = pack_series([Series("r", "k", np.arange(3.0), np.arange(3.0))])
        for data in (b"", b"abc", b"\xff" * 100, whole[:-1], whole[:20], b"\2\0\0\0{}"):
            with pytest.raises(ValueError, match=r"."):
                unpack_series(data)
        assert len(whole) % 8 == 0


class TestRows:
    def test_pages_are_the_history(self, world: World, run: str) -> None:
        post(world, run, rows_of(25))
        whole = world.client.history(run)
        pages, after = [], None
        while True:
            page, after = world.client.rows(run, after=after, limit=10)
            pages.append(page)
            if after is None:
                break
        assert [len(page) for page in pages] == [10, 10, 5]
        assert [row for page in pages for row in page] == whole
        assert whole[3] == {"_step": 3, "_timestamp": 1e9 + 3, "loss": 0.25, "a,b": 3}

    def test_steps_and_keys_are_picked(self, world: World, run: str) -> None:
        post(world, run, [*rows_of(9), (9, 1.0, {"other": 1})])
        page, after = world.client.rows(run, ["a,b"], first=4, last=6)
        assert ([row["_step"] for row in page], after) == ([4, 5, 6], None)
        assert page[0].keys() == {"_step", "_timestamp", "a,b"}
        assert world.client.rows(run, ["none"]) == ([], None)
        assert [row["other"] for row in world.client.history(run, ["other"])] == [1]
        assert world.client.history(run, []) == []
        _, data, _ = ask(world, f"/api/runs/{run}/history?keys=loss,other")
        assert len(json.loads(data)["rows"]) == 10

    def test_machine_metrics_are_apart(self, world: World, run: str) -> None:
        post(world, run, [(0, 5.0, {"system.cpu": 12.5})], kind="system")
        assert world.client.history(run) == []
        row = {"_step": 0, "_timestamp": 5.0, "system.cpu": 12.5}
        assert world.client.history(run, kind="system") == [row]
        assert world.client.rows(run, kind="system") == ([row], None)
        (cpu,) = world.client.series([run], ["system.cpu"], kind="system", x="_timestamp")
        assert (cpu.x.tolist(), cpu.y.tolist()) == ([5.0], [12.5])

    @pytest.mark.parametrize("query", ["limit=0", "from=a", "to=1.5", "kind=console"])
    def test_nonsense_is_told(self, quiet: World, query: str) -> None:
        status, data, _ = ask(quiet, f"/api/runs/any/rows?{query}")
        assert (status, json.loads(data)["error"]["kind"]) == (400, "UsageError")

    def test_a_place_that_is_none_and_a_name_that_is_odd(self, world: World, run: str) -> None:
        with pytest.raises(errors.UsageError, match="no place"):
            world.client.rows(run, after="x")
        assert world.client.rows(run, ["\0", "", "é,"]) == ([], None)


class TestChunks:
    def test_hundreds_at_once_are_each_kept_once(self, world: World, run: str) -> None:
        runs = [f"{run[:-1]}{number}" for number in (1, 2, 3)]

        def work(number: int) -> None:
            lane = f"rank{number}"
            for seq in range(12):
                points = pack_points([(seq, 0.5)])
                rows = [(seq, 1.0, {lane: seq})]
                for _ in range(2):
                    post(world, runs[number % 3], rows, seq, lane=lane, objective=points)

        with ThreadPoolExecutor(12) as pool:
            list(pool.map(work, range(12)))
        for number, each in enumerate(runs):
            rows = world.client.history(each)
            assert [row["_step"] for row in rows] == list(range(12))
            lanes = {f"rank{lane}": 3 for lane in range(number, 12, 3)}
            assert rows[3] == {"_step": 3, "_timestamp": 1.0, **lanes}
        feed = world.store.objective_feed(run.partition("-")[0], 0)
        assert [points.feed for points in feed] == list(range(1, 145))

    def test_its_route_is_behind_the_gate_and_takes_posts(self, world: World, run: str) -> None:
        path = "/api/agent/chunk"
        assert world.raw("POST", path, Authorization="Bearer wrong")[0] == 401
        assert world.raw("GET", path)[0] == 405
        assert world.raw("POST", path)[0] == 400
        assert world.raw("POST", f"{path}/more")[0] == 404
        good = f"run={run}&writer=1&kind=console&seq=0&first=0&last=1&rows=1"
        for odd in ("&lane=a-b", "&lane=" + "x" * 41, "&lane=%C3%A9", "&seq=-1", "&rows"):
            assert world.raw("POST", f"{path}?{good}{odd}", b"\0\0\0\0x")[0] == 400
        assert world.raw("POST", f"{path}?{good}&lane=rank_1", b"\0\0\0\0x")[0] == 204
        assert [c.lane for c in world.store.chunks(run, "console", lane="rank_1")] == ["rank_1"]


class TestLogged:
    def test_names_definitions_and_charts_of_several_runs(self, world: World) -> None:
        query = {"queryFields": [{"fields": [{"args": [{"name": "tableKey", "value": "t"}]}]}]}
        panel = {
            "panelDefId": "wandb/bar/v0",
            "fieldSettings": {"label": "a"},
            "stringSettings": {"title": "Bars"},
            "userQuery": query,
        }
        drawing = {"visualize": {"bars": {"panel_config": panel}, "odd": 7}, "viz": {"t2": 1}}
        for name in ("one", "two"):
            config = {"_wandb": drawing} if name == "two" else {"_wandb": "odd"}
            body = {"id": name, "uid": name, "project": "p", "config": config}
            assert ask(world, "/api/runs", body)[0] == 200
            defined = {"val/*": {"name": "val/*", "step_metric": "epoch", "hidden": False}}
            describe = {"writer": 1, "metrics": defined}
            assert ask(world, f"/api/runs/{name}/describe", describe)[0] == 204
            post(world, name, [(0, 1.0, {"loss": 1, name: "text"})])
        _, data, _ = ask(world, "/api/logged", {"runs": ["one", "two"]})
        logged = json.loads(data)
        assert logged["keys"] == [
            {"name": "loss", "kind": "number", "type": "", "runs": 2},
            {"name": "one", "kind": "string", "type": "", "runs": 1},
            {"name": "two", "kind": "string", "type": "", "runs": 1},
        ]
        assert logged["metrics"] == {"val/*": {"step_metric": "epoch", "hidden": False}}
        bars = {"spec": "wandb/bar/v0", "fields": {"label": "a"}, "texts": {"title": "Bars"}}
        assert logged["charts"]["bars"] == {**bars, "table": "t"}
        assert logged["charts"]["odd"]["table"] is None
        assert logged["charts"]["t2"]["table"] == "t2"
        _, data, _ = ask(world, "/api/logged", {"runs": ["one"], "kind": "system"})
        assert json.loads(data) == {"keys": [], "total": 0, "metrics": {}, "charts": {}}

    def test_runs_that_logged_other_media(self, world: World, run: str) -> None:
        page = {"_type": "html-file", "path": "media/html/a.html"}
        tall = {"_type": "image-file", "path": "media/images/a.png", "height": 9}
        logged = {run: {"loss": 1, "page": page}, "ended": {"loss": 2, "pic": tall, "page": page}}
        assert ask(world, "/api/runs", {"id": "ended", "uid": "ended", "project": "p"})[0] == 200
        for name, row in logged.items():
            post(world, name, [(0, 1.0, row)])
        asked = {"runs": [run, "ended"], "kind": "history"}
        status, data, _ = ask(world, "/api/logged", asked)
        assert status == 200
        assert [(key["name"], key["type"], key["runs"]) for key in json.loads(data)["keys"]] == [
            ("loss", "", 2),
            ("page", "html-file", 2),
            ("pic", "image-file", 1),
        ]
        for key, having in {"page": [run, "ended"], "pic": ["ended"], "none": []}.items():
            _, data, _ = ask(world, "/api/logged", {**asked, "key": key})
            assert json.loads(data) == {"runs": having}

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({"runs": [str(n) for n in range(1001)]}, "at most 1,000"),
            ({"runs": ["nobody"]}, "nobody"),
            ({"runs": [], "kind": "console"}, "history or system"),
        ],
    )
    def test_a_bad_question_is_answered(self, quiet: World, body: Any, message: str) -> None:
        status, data, _ = ask(quiet, "/api/logged", body)
        assert status in (400, 404)
        assert message in json.loads(data)["error"]["message"]
