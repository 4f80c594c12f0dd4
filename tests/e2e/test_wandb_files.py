"""Files as the `wandb` client sends and fetches them, over HTTP, without that client."""

from __future__ import annotations

import base64
import errno
import hashlib
import http.client
import json
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from files_world import KEY, FilesWorld, files_world, sha

from controller.garbage import collect
from controller.server.keyring import Caller
from controller.store.keys import Role
from controller.store.runs import NewRun
from controller.wandb_api.context import Door
from controller.wandb_api.files.transfers import join_parts, part_urls
from sweeps.errors import DigestMismatch, StoreUnavailable, UsageError

CREATE = """mutation CreateRunFiles ($entity: String!, $run: String!, $files: [String!]!) {
  createRunFiles(input: {entityName: $entity, projectName: "p", runName: $run, files: $files}) {
    runID uploadHeaders files { name uploadUrl }
  }
}"""
LIST = """query RunFiles($names: [String] = [], $pattern: String, $after: String, $first: Int,
                       $upload: Boolean = false) {
  project(name: "p", entityName: "opensweep") { run(name: "r") { fileCount
    files(names: $names, pattern: $pattern, after: $after, first: $first) {
      edges {
        node { id name url(upload: $upload) directUrl sizeBytes mimetype updatedAt md5 }
        cursor
      }
      pageInfo { endCursor hasNextPage }
    }
  } }
}"""
DELETE = "mutation d($files: [ID!]!) { deleteFiles(input: {files: $files}) { success } }"


@pytest.fixture
def world(tmp_path):
    with files_world(tmp_path) as made:
        made.store.register_run(NewRun("r", "uid", project="p"))
        yield made


class Answer:
    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status, self.body = answer.status, answer.read()
        self.headers = answer.headers


def request(url: str, method: str = "GET", body: Any = None, **headers: str) -> Answer:
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.netloc, timeout=20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, where.path, body, named)
    try:
        return Answer(connection.getresponse())
    finally:
        connection.close()


def ask(world: FilesWorld, query: str, key: str = KEY, **variables: Any) -> dict[str, Any]:
    body = json.dumps({"query": query, "variables": variables})
    basic = base64.b64encode(f"api:{key}".encode()).decode()
    answer = request(f"{world.url}/graphql", "POST", body, Authorization=f"Basic {basic}")
    found: dict[str, Any] = json.loads(answer.body)
    return found


def addresses(world: FilesWorld, *names: str) -> dict[str, str | None]:
    found = ask(world, CREATE, entity="opensweep", run="r", files=names)
    files = found["data"]["createRunFiles"]["files"]
    assert [each["name"] for each in files] == list(names)
    return {each["name"]: each["uploadUrl"] for each in files}


def address(world: FilesWorld, name: str) -> str:
    url = addresses(world, name)[name]
    assert url is not None
    return url


def listed(world: FilesWorld, **variables: Any) -> list[dict[str, Any]]:
    run = ask(world, LIST, **variables)["data"]["project"]["run"]
    return [edge["node"] for edge in run["files"]["edges"]]


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()


# -- sending ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 5, 3 << 20, 9_000_001])
def test_a_file_is_sent_listed_and_fetched(world, size):
    data, name = bytes(range(256)) * (size // 256) + b"x" * (size % 256), "media/bilder/ü 1.png"
    put = request(address(world, name), "PUT", data, Content_MD5=md5(data))
    assert (put.status, put.headers["ETag"]) == (200, f'"{hashlib.md5(data).hexdigest()}"')
    (file,) = listed(world)
    assert (file["name"], file["sizeBytes"], file["mimetype"]) == (name, size, "image/png")
    assert file["md5"] == md5(data)
    assert request(file["directUrl"]).body == data
    assert request(file["url"], Authorization=f"Bearer {KEY}").body == data
    assert request(file["url"]).status == 401
    assert world.store.files("r")[0].digest == sha(data)
    assert not list((world.blobs_folder / "incoming").iterdir())


def test_the_newest_bytes_count_and_sending_again_does_no_harm(world):
    first = address(world, "model.bin")
    for data in (b"one", b"two", b"two"):
        assert request(first, "PUT", data).status == 200
    assert world.store.get_file("r", "model.bin").digest == sha(b"two")


def test_an_earlier_process_does_not_replace_what_a_later_one_sent(world):
    old = address(world, "model.bin")
    world.store.register_run(NewRun("r", "uid", writer=2, project="p"))
    assert request(address(world, "model.bin"), "PUT", b"new").status == 200
    assert request(old, "PUT", b"old").status == 200
    assert world.store.get_file("r", "model.bin").digest == sha(b"new")


def test_bytes_that_are_others_than_announced_are_refused(world):
    url = address(world, "x")
    assert request(url, "PUT", b"other", Content_MD5=md5(b"these")).status == 400
    assert request(url, "PUT", b"other", Content_MD5="nonsense").status == 400
    assert world.store.files("r") == []


def test_a_full_disk_is_told_so_that_the_client_tries_again(world, monkeypatch, caplog):
    url, data = address(world, "x"), b"x" * (3 << 20)
    with monkeypatch.context() as patch:

        def full(*_: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr("controller.arrivals.os.write", full)
        answer = request(url, "PUT", data)
        assert answer.status == 503
        assert b"is full" in answer.body
    assert "PUT /wandb-files/…/x" in caplog.text
    assert url.split("/")[4] not in caplog.text  # it is a credential
    assert not any((world.blobs_folder / "incoming").iterdir())
    assert request(url, "PUT", data).status == 200


def test_an_upload_that_breaks_off_leaves_nothing(world):
    where = urlsplit(address(world, "large"))
    connection = http.client.HTTPConnection(where.netloc)
    connection.putrequest("PUT", where.path)
    connection.putheader("Content-Length", str(50 << 20))
    connection.endheaders()
    connection.send(b"x" * (12 << 20))
    incoming = world.blobs_folder / "incoming"
    until(lambda: any(incoming.iterdir()))
    connection.close()
    until(lambda: not any(incoming.iterdir()))
    assert world.store.files("r") == []


def until(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/x", "a\0b", "x" * 256, "/".join(["y" * 200] * 25), "", "."]
)
def test_hostile_names_are_refused(world, name):
    found = ask(world, CREATE, entity="opensweep", run="r", files=[name])
    assert "path of a file" in found["errors"][0]["message"]
    both = addresses(world, name, "good.txt")
    assert both[name] is None
    assert request(both["good.txt"] or "", "PUT", b"good").status == 200


def test_doubled_slashes_mean_one(world):
    assert request(address(world, "media//a/./b.txt"), "PUT", b"x").status == 200
    assert [file["name"] for file in listed(world)] == ["media/a/b.txt"]


def test_a_run_that_is_not_there_gets_no_addresses(world):
    found = ask(world, CREATE, entity="opensweep", run="nobody", files=["x"])
    assert "no run 'nobody'" in found["errors"][0]["message"]


def test_who_may_only_read_gets_no_address_to_write(world):
    _, reader = world.store.add_key("eve", Role.READ)
    found = ask(world, CREATE, reader, entity="opensweep", run="r", files=["x"])
    assert "needs write" in found["errors"][0]["message"]
    found = ask(world, LIST, reader, names=["x"], upload=True)
    assert "needs write" in found["errors"][0]["message"]


def test_nothing_is_had_without_a_good_address(world):
    url = address(world, "x")
    for bad in (url.replace("/wandb-files/", "/wandb-files/A"), f"{world.url}/wandb-files/x/y"):
        assert request(bad, "PUT", b"x").status == 403
        assert request(bad).status == 403
    assert request(url).status == 403  # signed for PUT


def test_an_address_outlives_a_restart(tmp_path):
    made = FilesWorld(tmp_path)
    made.store.register_run(NewRun("r", "uid", project="p"))
    with made.serving():
        url = address(made, "x")
    with made.serving():
        assert request(url, "PUT", b"x").status == 200
    made.store.close()


def test_what_the_client_says_of_its_machine_becomes_metadata(world):
    said = {
        "os": "Linux-6.8",
        "python": "CPython 3.12.1",
        "args": ["--lr=1", "--password=hush"],
        "program": "train.py",
        "git": {"remote": "https://me:hush@example.org/x.git", "commit": "c0ffee"},
        "host": "box",
        "cpu_count": 2,
        "gpu": "H200",
        "gpu_count": 1,
        "cudaVersion": "12.4",
        "memory": {"total": "8589934592"},
    }
    url = address(world, "wandb-metadata.json")
    assert request(url, "PUT", json.dumps(said)).status == 200
    kept = world.store.get_run("r").metadata
    assert kept["python"] == "3.12.1"
    assert (kept["host"], kept["gpu"], kept["cuda"], kept["memory"]) == (
        "box",
        "H200",
        "12.4",
        8 << 30,
    )
    assert kept["git"]["commit"] == "c0ffee"
    assert "hush" not in json.dumps(kept)
    for nonsense in (b"no json", b"[1]", b'{"host": 7, "args": "x", "git": []}'):
        assert request(url, "PUT", nonsense).status == 200
    assert world.store.get_run("r").metadata == kept


# -- fetching --------------------------------------------------------------------------------------


def test_pieces_heads_and_what_is_known_already(world):
    request(address(world, "page.html"), "PUT", b"<script>0123456789</script>")
    url = listed(world)[0]["directUrl"]
    part = request(url, Range="bytes=8-11")
    assert (part.status, part.body) == (206, b"0123")
    head = request(url, "HEAD")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", "27")
    assert request(url, If_None_Match=head.headers["ETag"]).status == 304
    # An origin of its own, where no script runs and nothing is fetched from elsewhere.
    assert head.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none';")
    assert head.headers["X-Content-Type-Options"] == "nosniff"
    assert "page.html" in head.headers["Content-Disposition"]


def test_pages_and_patterns_and_names(world):
    names = [f"a_{n}.json" for n in range(4)] + ["Axe.JSON", "b%.txt", "sub/c.txt"]
    for name, url in addresses(world, *names).items():
        request(url or "", "PUT", name.encode())
    assert ask(world, LIST)["data"]["project"]["run"]["fileCount"] == 7
    pages, after = [], None
    while True:
        run = ask(world, LIST, first=3, after=after)["data"]["project"]["run"]["files"]
        pages.append([edge["node"]["name"] for edge in run["edges"]])
        after = run["edges"][-1]["cursor"]
        ask(world, DELETE, files=[run["edges"][0]["node"]["id"]])  # misses none behind it
        if not run["pageInfo"]["hasNextPage"]:
            break
    assert [len(page) for page in pages] == [3, 3, 1]
    assert sorted(name for page in pages for name in page) == sorted(names)
    left = {one.path for one in world.store.files("r")}
    fitting = {
        "%.json": {"a_", "Ax"},
        "a\\_%": {"a_"},
        "%\\%%": {"b%"},
        "%c.txt": {"su"},
        "x\\": set(),
    }
    for pattern, begins in fitting.items():
        found = {file["name"] for file in listed(world, pattern=pattern)}
        assert found == {name for name in left if name[:2] in begins}, pattern
    there, absent = listed(world, names=["sub/c.txt" if "sub/c.txt" in left else "b%.txt", "nope"])
    assert there["sizeBytes"] > 0
    assert (absent["sizeBytes"], absent["updatedAt"], absent["directUrl"]) == (0, None, None)
    assert request(absent["url"], Authorization=f"Bearer {KEY}").status == 404


def test_an_old_client_asks_for_places_by_a_question(world):
    (file,) = listed(world, names=["new.txt"], upload=True)
    assert request(file["url"], "PUT", b"data").status == 200
    assert world.store.get_file("r", "new.txt").size == 4


def test_files_of_our_own_logger_have_md5s_and_are_fetched_the_same_way(world):
    world.run(
        "run = opensweep.init(project='q')\n"
        "pathlib.Path(run.dir, 'notes.txt').write_text('all is well')\n"
        "run.finish()\n",
        "own",
    )
    query = LIST.replace('"p"', '"q"').replace('"r"', '"own"')
    names = ["notes.txt", "wandb-metadata.json"]
    run = ask(world, query, names=names)["data"]["project"]["run"]
    notes, metadata = (edge["node"] for edge in run["files"]["edges"])
    assert notes["md5"] == md5(b"all is well")
    assert request(notes["directUrl"]).body == b"all is well"
    # Our logger's file of the machine is what W&B's API reads as such.
    told = json.loads(request(metadata["directUrl"]).body)
    assert {"os", "host", "python", "program", "cpu_count"} <= told.keys()
    assert metadata["sizeBytes"] > 0


def test_an_object_store_does_as_well_as_a_folder(tmp_path):
    with files_world(tmp_path, "memory://wandb/files") as made:
        made.store.register_run(NewRun("r", "uid", project="p"))
        for data in (b"small", b"large" * (1 << 20)):
            assert request(address(made, "x"), "PUT", data).status == 200
            url = listed(made)[0]["directUrl"]
            assert request(url).body == data
            assert request(url, Range="bytes=1-3").body == data[1:4]
        assert made.bytes_kept() == 0
        assert not list((made.blobs_folder / "incoming").iterdir())


@pytest.mark.parametrize(
    ("said", "begin"),
    [
        ({}, "http://sweeps.example/wandb-files/"),
        ({"X_Forwarded_Proto": "https"}, "https://sweeps.example/wandb-files/"),
        (
            {
                "X_Forwarded_Proto": "https, http",
                "X_Forwarded_Host": "out.example:8443, sweeps.example",
                "X_Forwarded_Prefix": "/opensweep",
            },
            "https://out.example:8443/opensweep/wandb-files/",
        ),
        (
            {
                "X_Forwarded_Proto": "javascript",
                "X_Forwarded_Host": "a/b",
                "X_Forwarded_Prefix": "x",
            },
            "http://sweeps.example/wandb-files/",
        ),
    ],
)
def test_addresses_are_those_that_the_client_reaches(world, said, begin):
    body = json.dumps({"query": LIST, "variables": {"names": ["x"], "upload": True}})
    head = {"Authorization": f"Bearer {KEY}", "Host": "sweeps.example", **said}
    answer = json.loads(request(f"{world.url}/graphql", "POST", body, **head).body)
    (edge,) = answer["data"]["project"]["run"]["files"]["edges"]
    assert edge["node"]["url"].startswith(begin)


# -- parts -----------------------------------------------------------------------------------------


def door(world: FilesWorld) -> Door:
    return Door(world.services, Caller("ada", Role.ADMIN), world.url)


def test_parts_are_joined_once_also_after_a_restart(tmp_path):
    made = FilesWorld(tmp_path)
    data = [b"a" * (5 << 20), b"b" * (5 << 20), b"c"]
    sums = {number: hashlib.md5(part).hexdigest() for number, part in enumerate(data, 1)}
    with made.serving():
        upload, urls = part_urls(door(made), list(sums.items()))
        for number, url in reversed(urls[:2]):
            put = request(url, "PUT", data[number - 1])
            assert put.headers["ETag"] == f'"{sums[number]}"'
        with pytest.raises(UsageError, match="part 3"):
            join_parts(made.services, upload, sums)
    made.store.close()
    made = FilesWorld(tmp_path)
    made.port = urlsplit(urls[2][1]).port or 0
    with made.serving():
        assert request(urls[2][1], "PUT", data[2]).status == 200
        whole = b"".join(data)
        tags = {number: f'"{each}"' for number, each in sums.items()}
        for _ in range(2):
            came = join_parts(made.services, upload, tags, md5=md5(whole))
            assert (came.digest, came.size) == (sha(whole), len(whole))
        assert made.store.known_md5s([came.digest]) == {came.digest: came.md5}
        assert b"".join(made.blobs.read(came.digest)) == whole
        names = [path.name for path in (made.blobs_folder / "incoming").iterdir()]
        assert names == [f"part.{upload}.done"]
    made.store.close()


def test_wrong_parts_are_told(world):
    upload, ((_, url),) = part_urls(door(world), [(1, None)])
    assert request(url, "PUT", b"x").status == 200
    with pytest.raises(DigestMismatch, match="part 1 has another MD5"):
        join_parts(world.services, upload, {1: "0" * 32})
    right = hashlib.md5(b"x").hexdigest()
    for parts in ({}, {2: right}, {1: "../../etc"}):
        with pytest.raises(UsageError):
            join_parts(world.services, upload, parts)
    with pytest.raises(UsageError):
        join_parts(world.services, "../x", {1: right})
    with pytest.raises(DigestMismatch, match="something else"):
        join_parts(world.services, upload, {1: right}, md5=md5(b"y"))
    with pytest.raises(UsageError):  # dropped
        join_parts(world.services, upload, {1: right})


def test_a_join_that_takes_long_is_asked_for_again(world, monkeypatch):
    monkeypatch.setattr("controller.parts.PATIENCE_S", 0.0)
    upload, ((_, url),) = part_urls(door(world), [(1, None)])
    request(url, "PUT", b"x" * (3 << 20))
    parts = {1: hashlib.md5(b"x" * (3 << 20)).hexdigest()}
    with pytest.raises(StoreUnavailable, match="ask again"):
        join_parts(world.services, upload, parts)

    def joined() -> bool:
        try:
            return join_parts(world.services, upload, parts).size == 3 << 20
        except StoreUnavailable:
            return False

    until(joined)


def test_what_was_given_up_is_collected(world, monkeypatch):
    monkeypatch.setattr("controller.garbage.STALE_UPLOAD_S", -1.0)
    _, ((_, url),) = part_urls(door(world), [(1, None)])
    request(url, "PUT", b"x")
    assert collect(world.store, world.blobs).uploads == 1
    assert not list((world.blobs_folder / "incoming").iterdir())
