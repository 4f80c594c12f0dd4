"""What the pages of runs and artifacts ask: folders, tables, exports, differences, lineage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import urllib3
from test_runs_api import refused
from test_server_api import KEY, World, running

from controller.blobs import open_blobs
from controller.store.chunk_records import Chunk, ChunkKind
from controller.store.records import NewRun
from logging_core.artifacts.manifest import Entry, Manifest
from sweeps.protocol.chunks import encode


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One for all tests, which keep out of each other's runs."""
    folder = tmp_path_factory.mktemp("pages")
    with running(folder) as found:
        found.services.blobs = open_blobs(folder / "blobs")
        yield found


def ask(world: World, where: str, **query: Any) -> Any:
    status, told = world.raw("GET", f"{where}?{urlencode(query, doseq=True)}")
    assert status == 200, told
    return told


def put(world: World, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    status, told = world.raw("PUT", f"/api/blobs/{digest}?offset=0&size={len(content)}", content)
    assert status == 200, told
    return digest


def save(world: World, run_id: str, files: dict[str, bytes]) -> None:
    world.store.register_run(NewRun(run_id, f"uid-{run_id}", project="p"))
    listed = [{"path": path, "digest": put(world, data)} for path, data in files.items()]
    body = json.dumps({"writer": 1, "files": listed}).encode()
    assert world.raw("POST", f"/api/runs/{run_id}/files", body) == (200, {"missing": []})


def log(world: World, run_id: str, rows: list[dict[str, Any]]) -> None:
    world.store.register_run(NewRun(run_id, f"uid-{run_id}", project="p"))
    timed = [(i, 1000.0 + i, row) for i, row in enumerate(rows)]
    last = len(rows) - 1
    world.store.add_chunk(Chunk(run_id, 1, ChunkKind.HISTORY, 0, 0, last, len(rows), encode(timed)))


def artifact(
    world: World, name: str, files: dict[str, bytes], run: str | None = None, **more: Any
) -> str:
    entries = [Entry(path, put(world, data), len(data)) for path, data in files.items()]
    digest = put(world, json.dumps(Manifest(entries).to_json()).encode())
    given = {"project": "p", "type": "data", "name": name, "manifest": digest, **more}
    body = {**given, "run": run} if run else given
    status, told = world.raw("POST", "/api/artifacts", json.dumps(body).encode())
    assert status == 200, told
    return str(told["artifact"]["id"])


def test_a_folder_has_folders_and_files(world: World) -> None:
    names = ("a.txt", "d/x.txt", "d/e/y.txt", "d/z.txt")
    save(world, "files", {name: name.encode() for name in names})
    top = ask(world, "/api/runs/files/folder")
    assert top["folders"] == [{"name": "d", "files": 3, "size": 23}]
    assert [one["path"] for one in top["files"]] == ["a.txt"]
    inner = ask(world, "/api/runs/files/folder", prefix="d/", limit=1)
    assert ([one["path"] for one in inner["files"]], inner["more"]) == (["d/x.txt"], True)
    rest = ask(world, "/api/runs/files/folder", prefix="d/", after="x.txt")
    assert ([one["path"] for one in rest["files"]], rest["folders"]) == (["d/z.txt"], [])
    alone = ask(world, "/api/runs/files/folder", file="d/e/y.txt")
    assert [one["type"] for one in alone["files"]] == ["text/plain"]
    assert ask(world, "/api/runs/files/folder", file="gone")["files"] == []
    refused(world, "GET", "/api/runs/nobody/folder", 404)


def test_a_saved_file_runs_nothing_and_fetches_nothing(world: World) -> None:
    save(world, "html", {"page.html": b"<script>1</script>"})

    def policy(more: str) -> tuple[str, str]:
        answer = urllib3.request(
            "GET",
            f"{world.url}/api/runs/html/file?path=page.html{more}",
            headers={"Authorization": f"Bearer {KEY}"},
        )
        headers = answer.headers
        return headers["Content-Security-Policy"], headers["Content-Disposition"]

    plain, inline = policy("")
    assert plain.startswith("sandbox; default-src 'none'")
    assert "script" not in plain
    assert inline.startswith("inline")
    own, _ = policy("&scripts=1")
    assert own.startswith("sandbox allow-scripts; default-src 'none'")
    for word in ("'self'", "allow-same-origin", "http"):
        assert word not in own
    assert policy("&download=1")[1].startswith("attachment; filename*=UTF-8''page.html")


def test_a_table_by_pages(world: World) -> None:
    def part(*rows: list[Any]) -> bytes:
        return json.dumps({"columns": ["n", "word"], "data": rows}).encode()

    first, second = part([1, "one"], [2, "two"]), part([3, "three"])
    save(world, "tables", {"a.table.json": first, "b.table.json": second, "c.csv": b"x\n1\n2\n"})
    paths, url = ["a.table.json", "b.table.json"], "/api/runs/tables/table"
    told = ask(world, url, path=paths, limit=2)
    assert (told["columns"], told["total"], told["found"]) == (["n", "word"], 3, 3)
    assert told["rows"] == [[0, [1, "one"]], [1, [2, "two"]]]
    down = ask(world, url, path=paths, sort="n", descending=1, offset=1)
    assert [row for row, _ in down["rows"]] == [1, 0]
    some = ask(world, url, path=paths, filter='[["n", ">", "1"]]', search="o")
    assert (some["found"], some["rows"][0][1]) == (1, [2, "two"])
    assert ask(world, url, path=paths, of="word")["distinct"] == 3
    assert ask(world, url, path="c.csv")["rows"] == [[0, [1]], [1, [2]]]
    said = refused(world, "GET", f"{url}?path=a.table.json&sort=none", 400)
    assert "it has n, word" in said
    refused(world, "GET", f"{url}?path=a.table.json&filter=[1]", 400)
    refused(world, "GET", f"{url}?path=gone.csv", 404)


def test_history_as_a_file_and_the_steps_of_a_key(world: World) -> None:
    picture = {"_type": "image-file", "path": "p.png"}
    log(world, "rows", [{"a": 1.5}, {"b, c": picture}, {"a": float("nan"), "b, c": picture}])
    steps = ask(world, "/api/runs/rows/steps", key=["b, c", "none"])["steps"]
    assert steps == {"b, c": [1, 2], "none": []}
    answer = urllib3.request(
        "GET", f"{world.url}/api/runs/rows/export", headers={"Authorization": f"Bearer {KEY}"}
    )
    lines = answer.data.decode().splitlines()
    assert lines[0] == '_step,_timestamp,a,"b, c"'
    assert len(lines) == 4
    assert lines[1] == "0,1000.0,1.5,"
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = ask(world, "/api/runs/rows/export", format="json")
    assert [row.get("a") for row in rows] == [1.5, None, "NaN"]
    assert ask(world, "/api/runs/rows/export", format="json", kind="system") == []
    refused(world, "GET", "/api/runs/nobody/export", 404)


def test_who_can_be_stopped(world: World) -> None:
    hand = NewRun("hand", "uid-hand", metadata={"host": "box", "pid": 7})
    world.store.register_run(hand)
    said = refused(world, "POST", "/api/runs/hand/stop", 409)
    assert said == "run hand was started by hand: end its process 7 on box"
    world.store.register_run(NewRun("client", "uid-client", metadata={"wandb": {"t": {}}}))
    assert world.raw("POST", "/api/runs/client/stop") == (204, None)
    assert world.store.get_run("client").metadata["stop_ordered"] == 1
    world.store.end_run("client", 1, 0)
    refused(world, "POST", "/api/runs/client/stop", 409)


def test_versions_their_difference_and_their_folders(world: World) -> None:
    old = artifact(world, "v", {"same": b"1", "changed": b"22", "gone": b"3"})
    new = artifact(world, "v", {"same": b"1", "changed": b"333", "sub/new": b"4"})
    told = ask(world, f"/api/artifacts/{new}/difference", **{"with": old})
    assert (told["same"], told["added"]["files"][0]["path"]) == (1, "sub/new")
    assert told["removed"] == {
        "count": 1,
        "files": [{"path": "gone", "size": None, "before": 1}],
    }
    assert told["changed"]["files"] == [{"path": "changed", "size": 3, "before": 2}]
    top = ask(world, f"/api/artifacts/{new}/folder")
    assert top["folders"] == [{"name": "sub", "files": 1, "size": 1}]
    uses = ask(world, "/api/artifact-collections", project="p", uses=1)["collections"]
    mine = next(each for each in uses if each["name"] == "v")
    assert (mine["versions"], mine["size"], mine["newest"]) == (2, 9, new)


def test_lineage_goes_both_ways_and_no_further_than_asked(world: World) -> None:
    for run in ("prep", "train", "eval", "other"):
        world.store.register_run(NewRun(run, f"uid-{run}", project="p"))
    data = artifact(world, "dataset", {"d": b"d"}, "prep")
    world.store.use_artifact("train", data)
    world.store.use_artifact("other", data)
    model = artifact(world, "model", {"m": b"m"}, "train")
    world.store.use_artifact("eval", model)
    told = ask(world, f"/api/artifacts/{model}/lineage")
    names = {node["id"] for node in told["nodes"]}
    assert names == {
        f"artifact:{model}", "run:train", f"artifact:{data}", "run:prep", "run:eval"
    }  # not the other use of the data  # fmt: skip
    assert ["run:train", f"artifact:{model}"] in told["edges"]
    whole = ask(world, f"/api/artifacts/{data}/lineage")
    assert len(whole["nodes"]) == 6
    short = ask(world, f"/api/artifacts/{data}/lineage", limit=2)
    assert len(short["nodes"]) == 2
    assert next(n for n in short["nodes"] if n["key"] == data)["hidden"] == 2
    of_run = ask(world, f"/api/runs/{quote('train')}/lineage")
    assert of_run["start"] == "run:train"
    assert len(of_run["nodes"]) == 5
    refused(world, "GET", "/api/artifacts/none/lineage", 404)
