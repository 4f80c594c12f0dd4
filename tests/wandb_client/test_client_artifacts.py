"""Artifacts of the real client: a day with them, both doors to the same ones, what goes wrong."""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from wandb_clients import (
    ALL,
    NEWEST,
    ROOT,
    TRIED,
    Finished,
    Script,
    WandbServer,
    run_to_end,
)

# Runs with each version; what came later is asked for by name.
A_DAY = """
import os, pathlib, wandb

P = os.environ["WANDB_PROJECT"]
here = pathlib.Path(".")
(here / "data").mkdir()
(here / "data" / "a.bin").write_bytes(b"a" * 3000)
(here / "data" / "b.txt").write_text("b")
(here / "ref.txt").write_text("referenced")

with wandb.init() as run:
    first = wandb.Artifact("set", "dataset", description="about", metadata={"k": 1})
    first.add_dir("data")
    first.add_reference("file://" + os.path.abspath("ref.txt"), name="r.txt")
    run.log_artifact(first, aliases=["best"])
    first.wait()
    assert (first.version, sorted(first.aliases)) == ("v0", ["best", "latest"]), first.aliases
    same = wandb.Artifact("set", "dataset")
    same.add_dir("data")
    same.add_reference("file://" + os.path.abspath("ref.txt"), name="r.txt")
    run.log_artifact(same).wait()
    assert same.version == "v0"
    more = wandb.Artifact("set", "dataset", incremental=True)
    (here / "c.txt").write_text("c")
    more.add_file("c.txt")
    run.log_artifact(more).wait()
    assert sorted(more.manifest.entries) == ["a.bin", "b.txt", "c.txt", "r.txt"]
    for name in ("one", "two", "three"):
        part = wandb.Artifact("parts", "dataset")
        (here / name).write_text(name)
        part.add_file(name)
        send = run.finish_artifact if name == "three" else run.upsert_artifact
        send(part, distributed_id="together")
    part.wait()
    assert sorted(part.manifest.entries) == ["one", "three", "two"]
    table = wandb.Table(columns=["page", "n"], data=[[wandb.Html("<b>x</b>"), 1]])
    source = wandb.Artifact("tables", "dataset")
    source.add(table, "t")
    run.log_artifact(source)
    taker = wandb.Artifact("taker", "dataset")  # refers to one that is not committed yet
    taker.add(table, "mine")
    run.log_artifact(taker).wait()
    assert taker.manifest.entries["mine.table.json"].ref.startswith("wandb-artifact://")
    run.log({"shown": table})
    run.link_artifact(first, P + "-reg/chosen", aliases=["prod"])
    name = run.id

api = wandb.Api()
got = api.artifact(P + "/set:best")
assert (got.metadata, got.description, got.type) == ({"k": 1}, "about", "dataset")
got.verify(got.download("out"))
assert sorted(os.listdir("out")) == ["a.bin", "b.txt", "r.txt"]
assert {f.name: f.size for f in got.files()} == {"a.bin": 3000, "b.txt": 1, "r.txt": 10}
got.description, got.metadata = "new", {"z": [1]}
got.aliases.append("fine")
got.aliases.remove("best")
got.save()
again = wandb.Api().artifact(P + "/set:fine")
assert (again.description, again.metadata, again.aliases) == ("new", {"z": [1]}, ["fine"])
(row,) = api.artifact(P + "/taker:latest").get("mine").data
assert row[1] == 1
assert api.artifact(P + "-reg/chosen:prod").download("linked")
assert "dataset" in [kind.name for kind in api.artifact_types(P)]
assert [v.version for v in api.artifact_versions("dataset", P + "/set")] == ["v1", "v0"]
with wandb.init() as run:
    used = run.use_artifact("set:latest")
    path = (used.get_entry if hasattr(used, "get_entry") else used.get_path)("c.txt").download()
    assert open(path).read() == "c"
    user = run.id
assert [r.id for r in wandb.Api().artifact(P + "/set:v1").used_by()] == [user]
assert got.logged_by().id == name
made = {a.name for a in api.run(P + "/" + name).logged_artifacts()}
assert {"set:v0", "set:v1", "parts:v0", "tables:v0", "taker:v0"} <= made, made
assert [a.name for a in api.run(P + "/" + user).used_artifacts()] == ["set:v1"]
api.artifact(P + "/parts:v0").delete(delete_aliases=True)
try:
    api.artifact(P + "/parts:v0")
except Exception:
    print("ALL GOOD")
"""

# What only newer clients know.
NEW_THINGS = """
import datetime, os, pathlib, wandb

P = os.environ["WANDB_PROJECT"]
pathlib.Path("w.bin").write_bytes(b"weights")
with wandb.init() as run:
    run.log_model("w.bin", name="net", aliases=["a"])
    model = wandb.Artifact("mine", "model")
    model.add_file("w.bin")
    model.ttl = datetime.timedelta(days=3)
    run.log_artifact(model, tags=["good"]).wait()
    assert (model.ttl.days, model.tags) == (3, ["good"])
    model.ttl, model.tags = None, ["good", "better"]
    model.save()
    linked = run.link_artifact(model, "wandb-registry-net/best", aliases=["champ"])
    assert (linked.is_link, linked.version, linked.source_name) == (True, "v0", "mine:v0")
    draft = model.new_draft()
    pathlib.Path("x.txt").write_text("x")
    draft.add_file("x.txt")
    draft.remove("w.bin")
    run.log_artifact(draft).wait()
    assert sorted(draft.manifest.entries) == ["x.txt"]
    run.log_code(".")
    assert open(run.use_model("net:a")).read() == "weights"
api = wandb.Api()
assert api.artifact(P + "/mine:v0").ttl is None
assert [a.version for a in api.artifacts("model", P + "/mine", tags=["better"])] == ["v0"]
assert [a.version for a in api.artifacts("model", P + "/mine", order="+created_at")] == ["v0", "v1"]
assert api.artifact_exists(P + "/mine:v1") and not api.artifact_exists(P + "/mine:v7")
assert api.artifact_collection_exists(P + "/mine", "model")
champ = api.artifact("wandb-registry-net/best:champ")
assert champ.source_qualified_name.endswith(P + "/mine:v0")
assert [c.name for c in api.registry("net").collections()] == ["best"]
assert "net" in [r.name for r in api.registries(filter={"name": "net"})]
assert [c.name for c in api.artifact_collections(P, "code")]
champ.unlink()
assert not api.artifact_exists("wandb-registry-net/best:champ")
names = api.artifact_collection("model", P + "/mine")
names.name, names.description, names.tags = "renamed", "d", ["t"]
names.save()
names = api.artifact_collection("model", P + "/renamed")
assert (names.description, names.tags, names.aliases) == ("d", ["t"], ["latest"])
names.delete()
assert not api.artifact_collection_exists(P + "/renamed", "model")
print("ALL GOOD")
"""

OURS = """
import pathlib, opensweep

pathlib.Path("in/x").mkdir(parents=True)
pathlib.Path("in/x/a.txt").write_text("from ours")
pathlib.Path("in/b.txt").write_text("b")
run = opensweep.init()
mine = opensweep.Artifact("shared", "dataset", metadata={"by": "ours"})
mine.add_dir("in")
mine.add_reference(pathlib.Path("in/b.txt").absolute().as_uri(), name="ref.txt")
run.log_artifact(mine, aliases=["ours"]).wait()
table = opensweep.Artifact("table", "dataset")
table.add(opensweep.Table(columns=["n"], data=[[7]]), "t")
run.log_artifact(table).wait()
run.finish()
print("ALL GOOD")
"""
THEIRS = """
import pathlib, wandb

with wandb.init() as run:
    used = run.use_artifact("shared:ours")
    assert used.metadata == {"by": "ours"} and used.digest == used.manifest.digest()
    used.verify(used.download("got"))
    assert pathlib.Path("got/x/a.txt").read_text() == "from ours"
    assert pathlib.Path("got/ref.txt").read_text() == "b"
    assert run.use_artifact("table:latest").get("t").data == [[7]]
    same = wandb.Artifact("shared", "dataset")
    same.add_dir("in")
    same.add_reference(pathlib.Path("in/b.txt").absolute().as_uri(), name="ref.txt")
    run.log_artifact(same).wait()
    assert same.version == "v0"  # the same content by either door
    draft = used.new_draft()
    pathlib.Path("n.txt").write_text("new")
    draft.add_file("n.txt")
    run.log_artifact(draft, aliases=["theirs"]).wait()
    back = wandb.Artifact("back", "dataset")
    back.add_reference(used.get_entry("b.txt").ref_url(), name="elsewhere.txt")
    back.add(wandb.Table(columns=["q"], data=[[5]]), "tab")
    run.log_artifact(back).wait()
print("ALL GOOD")
"""
OURS_AGAIN = """
import os, pathlib, opensweep

run = opensweep.init()
grown = run.use_artifact("shared:theirs")
grown.verify(grown.download("grown"))
assert sorted(os.listdir("grown")) == ["b.txt", "n.txt", "ref.txt", "x"]
back = run.use_artifact("back:latest")
assert pathlib.Path(back.download("back"), "elsewhere.txt").read_text() == "b"
assert back.get("tab").data == [[5]]
run.finish()
print("ALL GOOD")
"""

LOGS_A_FILE = """
import os, wandb

with open("large.bin", "wb") as file:
    file.write(os.urandom(4 << 20))
with wandb.init() as run:
    made = wandb.Artifact("large", "dataset")
    made.add_file("large.bin")
    run.log_artifact(made)
    try:
        print("LOGGED", made.wait(60).version)
    except Exception as error:
        print("REFUSED", type(error).__name__, error)
"""
MANY_VERSIONS = """
import wandb

with wandb.init() as run:
    for number in range(3):
        made = wandb.Artifact("busy", "dataset")
        with made.new_file("f.txt") as file:
            file.write(f"{run.id} {number}")
        run.log_artifact(made).wait()
        print("VERSION", made.version)
"""


def good(done: Finished) -> None:
    assert (done.code, "ALL GOOD" in done.output) == (0, True), done.output


# The oldest ones take their time; what they do every day is in test_versions.py.
@pytest.mark.parametrize("version", TRIED if ALL else (NEWEST,))
def test_a_day_with_artifacts(wandb_script: Script, version: str) -> None:
    good(wandb_script(A_DAY, version))


def test_what_newer_clients_know(wandb_script: Script) -> None:
    good(wandb_script(NEW_THINGS, NEWEST))


def test_an_artifact_logged_by_either_door_is_used_from_the_other(
    wandb_script: Script, wandb_server: WandbServer, project: str, tmp_path: Path
) -> None:
    def ours(text: str) -> Finished:
        path = tmp_path / "ours.py"
        path.write_text(text)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENSWEEP_", "WANDB_"))}
        told = {
            "PYTHONPATH": str(ROOT),
            "HOME": str(tmp_path / "home"),
            "OPENSWEEP_HOME": str(tmp_path / "home"),
            "OPENSWEEP_URL": wandb_server.url,
            "OPENSWEEP_API_KEY": wandb_server.key,
            "OPENSWEEP_PROJECT": project,
        }
        return run_to_end([sys.executable, str(path)], kept | told, tmp_path, 90)

    good(ours(OURS))
    good(wandb_script(THEIRS))
    good(ours(OURS_AGAIN))


class Wire:
    """What lies between a client and the server: it breaks in the middle of the first `cut` uploads
    of a file, or changes a byte of each."""

    def __init__(self, server: str, *, cut: int = 0, spoil: bool = False) -> None:
        self.cut, self.spoil = cut, spoil
        where = urlsplit(server)
        self._server = (where.hostname or "", where.port or 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._ends += [client, server]
                for pair in ((client, server), (server, client)):
                    thread = threading.Thread(target=self._carry, args=pair)
                    self._threads.append(thread)
                    thread.start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        sent = 0
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if not sent:
                    upload = data.startswith(b"PUT /wandb-files/")
                sent += len(data)
                if upload and sent > 1 << 20:
                    if self.cut > 0:
                        self.cut -= 1
                        break
                    if self.spoil:
                        data = bytes([data[0] ^ 1]) + data[1:]
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()
        for end in self._ends:
            end.close()


def test_an_upload_that_breaks_off_is_sent_again(
    wandb_script: Script, wandb_server: WandbServer
) -> None:
    with closing(Wire(wandb_server.url, cut=1)) as wire:
        done = wandb_script(LOGS_A_FILE, WANDB_BASE_URL=wire.url)
        assert wire.cut == 0
    assert "LOGGED v0" in done.output, done.output


def test_an_upload_that_is_damaged_is_refused_and_the_client_says_so(
    wandb_script: Script, wandb_server: WandbServer
) -> None:
    with closing(Wire(wandb_server.url, spoil=True)) as wire:
        done = wandb_script(LOGS_A_FILE, WANDB_BASE_URL=wire.url)
    assert "REFUSED ValueError" in done.output, done.output


def test_two_that_log_under_one_name_at_once_get_numbers_without_gaps(
    wandb_script: Script,
) -> None:
    done: list[Finished] = []
    threads = [
        threading.Thread(target=lambda: done.append(wandb_script(MANY_VERSIONS))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = re.findall(r"VERSION v(\d)", "".join(one.output for one in done))
    assert sorted(numbers) == list("012345"), [one.output for one in done]
