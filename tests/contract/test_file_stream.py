"""What clients of W&B stream, posted to real servers on both databases: every row once, whatever
is lost on the way, and the answers that keep a client from hanging at its end."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import logging
import math
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import urllib3

from controller.server.process import make_http
from controller.server.services import Services
from controller.store import NewRun, NewTrial, open_store
from controller.store.chunk_records import ChunkKind
from controller.store.packer import Due
from controller.store.records import RunState
from controller.store.streams import StreamName
from controller.wandb_api.streams.lines import POST_BYTES
from sweeps.console_text import shown
from sweeps.errors import StoreUnavailable
from sweeps.protocol.live import Claim, Order
from sweeps.trial import AttemptState, Outcome, Reason, TrialState

KEY = "k" * 40
AT = "2026-11-21T06:46:02.032923 "
SPEC = {
    "program": "t.py",
    "method": "random",
    "metric": {"name": "val.loss", "goal": "minimize"},
    "parameters": {"lr": {"min": 0.0, "max": 1.0}},
}


class Loop:
    def __init__(self):
        self.woken = 0

    def wake(self):
        self.woken += 1


class Live:
    """One agent of W&B's client holds every attempt; `order` is what they are told."""

    order = Order.NONE
    token = 1

    def attempt(self, trial_id):
        return {"token": str(self.token), "agent": "wandb-agent-1"}

    def renew(self, trial_id, token, agent_id):
        return SimpleNamespace(status=Claim.OK, order=self.order)


class Server:
    """One of several on a database, as a client reaches it."""

    def __init__(self, store, url, found):
        self.store, self.url, self.found = store, url, found
        self.pool = urllib3.PoolManager(retries=False)

    def send(self, path, body, **headers):
        secret = base64.b64encode(f"api:{KEY}".encode()).decode()
        answer = self.pool.request(
            "POST",
            self.url + path,
            body=body,
            headers={"Authorization": f"Basic {secret}", **headers},
        )
        return answer.status, json.loads(answer.data)

    def post(self, run="r", *, client="", project="opensweep/p", **said):
        """(status, answer) of file_stream; history, events, console: (offset, lines)."""
        names = {
            "history": "wandb-history.jsonl",
            "events": "wandb-events.jsonl",
            "console": "output.log",
            "summary": "wandb-summary.json",
        }
        files = {
            names[name]: dict(zip(("offset", "content"), said.pop(name), strict=True))
            for name in list(said)
            if name in names
        }
        body = json.dumps({"files": files, **said} if files else said).encode()
        shared = {"X-WANDB-ASYNC-CLIENT-ID": client, "X-WANDB-USE-ASYNC-FILESTREAM": "true"}
        return self.send(f"/files/{project}/{run}/file_stream", body, **(shared if client else {}))

    def rows(self, run="r", kind="history"):
        return [(step, row) for step, _, row in self.store.history(run, kind=kind).rows()]

    def console(self, run="r"):
        return shown(self.found.consoles.read(run, 0)["text"])


@contextlib.contextmanager
def serving(url):
    with open_store(url) as store, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        found = Services(
            store=store,
            live=Live(),
            loop=Loop(),
            broker=None,
            key=KEY,
            server_id="server-of-test",
            version="1.2.3",
        )
        ready = threading.Event()
        server = make_http(found, ready.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            assert ready.wait(20)
            yield Server(store, f"http://127.0.0.1:{listener.getsockname()[1]}", found)
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


@pytest.fixture
def server(migrated_url):
    with serving(migrated_url) as here:
        here.store.register_run(NewRun("r", "uid", project="p"))
        yield here


def lines(*steps):
    return [json.dumps({"_step": n, "_timestamp": 1.0 + n, "a": n}) for n in steps]


def steps(server, run="r"):
    return [step for step, _ in server.rows(run)]


OK = (200, {})


def test_what_a_script_streams_is_its_runs(server):
    row = '{"_step": 0, "_timestamp": 5, "_runtime": 1, "loss": NaN, "deep": {"er": 1}}'
    said = {
        "history": (0, [row]),
        "events": (0, ['{"_wandb": true, "_timestamp": 6, "system.cpu": 2.5}']),
        "summary": (0, ['{"loss": NaN, "_step": 0, "deep": {"er": 1}}']),
        "console": (0, [f"{AT}hello", f"ERROR {AT}10 %"]),
    }
    assert server.post(**said) == OK
    assert server.post(console=(1, [f"ERROR {AT}99 %", f"{AT}done"])) == OK
    ((step, found),) = server.rows()
    assert (step, found["deep.er"], math.isnan(found["loss"])) == (0, 1, True)
    assert server.rows(kind="system") == [(0, {"system.cpu": 2.5})]
    assert server.console() == "hello\n99 %\ndone\n"
    run = server.store.get_run("r")
    assert (str(run.summary["loss"]), run.summary["deep.er"]) == ("nan", 1)
    assert run.state is RunState.RUNNING


def test_every_row_once(server, caplog):
    """Repeats (an answer was lost), overlaps and lines that are lost for good."""
    for begin, end in [(0, 3), (0, 3), (1, 5), (5, 6), (8, 10), (5, 10), (10, 11)]:
        assert server.post(history=(begin, lines(*range(begin, end)))) == OK
    assert steps(server) == [0, 1, 2, 3, 4, 5, 8, 9, 10]
    (said,) = [r for r in caplog.records if "never came" in r.message]
    assert said.message == "run r: lines 6 to 7 of its history never came"


def test_another_server_knows_what_is_there(server, migrated_url):
    """One that was started anew, or a second one on the database."""
    assert server.post(history=(0, lines(0, 1, 2)), console=(0, [f"{AT}a"])) == OK
    with serving(migrated_url) as other:
        again = {"history": (1, lines(1, 2, 3)), "console": (0, [f"{AT}a", f"{AT}b"])}
        assert other.post(**again) == OK
        # What the first one remembers is out of date now.
        assert server.post(history=(2, lines(2, 3, 4)), console=(2, [f"{AT}c"])) == OK
        assert other.post(history=(5, lines(5))) == OK
    assert steps(server) == [0, 1, 2, 3, 4, 5]
    assert server.console() == "a\nb\nc\n"


def test_the_same_post_twice_at_once(server, migrated_url):
    with serving(migrated_url) as other, ThreadPoolExecutor(4) as pool:
        for begin in range(0, 200, 20):
            post = {"history": (begin, lines(*range(begin, begin + 20)))}
            sent = [pool.submit(each.post, **post) for each in (server, other, server, other)]
            assert [each.result() for each in sent] == [OK] * 4
    assert steps(server) == list(range(200))


def test_what_was_packed_is_known(server):
    assert server.post(history=(0, lines(*range(100)))) == OK
    assert server.store.due_streams() == []  # one chunk, whatever its number
    assert server.store.pack_stream(Due(StreamName("r", "history", 1, ""), over=False))
    assert server.post(history=(50, lines(*range(50, 110)))) == OK
    assert steps(server) == list(range(110))


def test_many_small_posts_are_packed(server):
    for n in range(64):
        assert server.post(history=(n, lines(n))) == OK
    assert [due.name.kind for due in server.store.due_streams()] == ["history"]


def test_a_bad_line_is_said_once(server, caplog):
    caplog.set_level(logging.WARNING)
    assert server.post(history=(0, [*lines(0), "{torn", *lines(2)])) == OK
    assert server.post(history=(3, ["", *lines(4)])) == OK
    assert steps(server) == [0, 2, 4]
    assert [r.message for r in caplog.records if "no JSON" in r.message] == [
        "run r: 1 of 3 lines of its history are no JSON objects; line 1 is '{torn'"
    ]


def test_wide_rows_and_long_texts(server):
    wide = {f"k{n}": n for n in range(20_000)}
    long = {"text": "é" * 1_000_000}
    rows = [json.dumps({"_step": n, **each}) for n, each in enumerate([wide, long])]
    assert server.post(history=(0, rows)) == OK
    assert [row for _, row in server.rows()] == [wide, long]


def test_a_resumed_run_goes_on_behind(server):
    assert server.post(history=(0, lines(0, 1, 2)), console=(0, [f"{AT}a"]), complete=True) == OK
    server.store.register_run(NewRun("r", "uid", writer=2, project="p"))
    assert server.post(history=(3, lines(2, 3)), console=(1, [f"{AT}b"])) == OK
    assert server.store.get_run("r").state is RunState.RUNNING
    assert server.post(history=(3, lines(2, 3)), console=(1, [f"{AT}B"]), complete=True) == OK
    assert steps(server) == [0, 1, 2, 3]
    assert server.console() == "a\nB\n"


def test_processes_that_share_a_run(server):
    """Each counts its own lines and steps; the run's steps are given out to all."""
    clients = ["one", "two", "three"]
    for client in clients:
        document = "mutation M($i: Any!) { upsertBucket(input: $i) { bucket { name } } }"
        given = {"name": "shared", "entityName": "opensweep", "modelName": "p"}
        asked = json.dumps({"query": document.replace("Any!", "Any"), "variables": {"i": given}})
        status, answer = server.send("/graphql", asked, **{"X-WANDB-CLIENT-ID": client})
        assert (status, answer.get("errors")) == (200, None)

    def work(client):
        for n in range(10):
            row = json.dumps({"_step": n, client: n, "same": n})
            said = {"history": (n, [row]), "summary": (0, [json.dumps({client: n})])}
            assert server.post("shared", client=client, **said) == OK

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, clients))
    rows = server.rows("shared")
    assert [step for step, _ in rows] == list(range(30))
    for client in clients:
        assert [row[client] for _, row in rows if client in row] == list(range(10))
    assert server.store.get_run("shared").summary == dict.fromkeys(clients, 9)


def test_a_compressed_post(server):
    files = {"wandb-history.jsonl": {"offset": 0, "content": lines(0, 1)}}
    body = gzip.compress(json.dumps({"files": files}).encode())
    path = "/files/opensweep/p/r/file_stream"
    assert server.send(path, body, **{"Content-Encoding": "gzip"}) == OK
    assert steps(server) == [0, 1]


def test_heartbeats_and_ends(server):
    before = server.store.get_run("r").heard
    assert server.post() == OK
    assert server.store.get_run("r").heard > before
    assert server.post(preempting=True, complete=False) == OK
    assert server.store.get_run("r").metadata["preempting"] is True
    for _ in range(2):
        end = {"history": (0, lines(0)), "complete": True, "exitcode": 3}
        assert server.post(**end) == OK
    run = server.store.get_run("r")
    assert (run.state, run.exit_code, steps(server)) == (RunState.FAILED, 3, [0])


@pytest.fixture
def trial(server):
    """A trial's run whose attempt has begun."""
    store = server.store
    store.create_sweep(
        sweep_id="ssssssss", name="s", project="p", yaml="", spec=SPEC, seed=1, origin={}
    )
    generation = store.take_sweep("ssssssss", "test", 60)
    store.add_trials("ssssssss", generation, [NewTrial(1, {"lr": 0.5})], {})
    store.start_attempt("ssssssss-1", 1, agent_id="wandb-agent-1", host="box", device="", pid=None)
    return "ssssssss-1"


def test_the_objective_of_a_trial_is_fed_at_once(server, trial):
    rows = [json.dumps({"_step": n, "val": {"loss": 1 / (n + 1)}}) for n in range(2)]
    assert server.post(trial, history=(0, rows)) == OK
    (points,) = server.store.objective_feed("ssssssss", 0)
    assert (points.trial_id, points.token, points.points) == (trial, 1, [(0, 1.0), (1, 0.5)])
    assert server.found.loop.woken == 1
    assert server.post(trial, history=(0, rows)) == OK
    assert len(server.store.objective_feed("ssssssss", 0)) == 1


def test_a_trial_is_told_to_stop(server, trial):
    assert server.post(trial) == OK
    server.found.live.order = Order.STOP
    assert server.post(trial, history=(0, lines(0))) == (200, {"stopped": True})
    assert steps(server, trial) == [0]


def test_an_attempt_that_was_given_up_is_told_to_stop(server, trial):
    assert server.post(trial, history=(0, lines(0))) == OK
    lost = Outcome(AttemptState.LOST, Reason.LEASE_EXPIRED)
    server.store.end_attempt(trial, 1, lost, retry=lambda _: True)
    server.store.start_attempt(trial, 2, agent_id="wandb-agent-2", host="b", device="", pid=None)
    server.found.live.token = 2
    assert server.post(trial, history=(1, lines(1))) == (200, {"stopped": True})
    assert server.post(f"{trial}_2", history=(0, lines(0, 1, 2))) == OK
    assert server.post(trial, complete=True, exitcode=1) == (200, {"stopped": True})
    assert steps(server, trial) == [0, 1, 2]
    assert server.store.get_trial(trial).state is TrialState.RUNNING


# -- what is not taken -----------------------------------------------------------------------------


def test_a_run_that_is_not_there_is_given_up(server):
    """404: clients of all versions then go on without us, and end normally."""
    for project, run in [("opensweep/p", "none"), ("opensweep/other", "r"), ("them/p", "r")]:
        assert server.post(run, project=project, history=(0, lines(0)))[0] == 404


def test_a_run_that_is_deleted_meanwhile_is_given_up(server):
    assert server.post(history=(0, lines(0)), complete=True) == OK
    server.store.delete_run("r")
    assert server.post(history=(1, lines(1)))[0] == 404
    server.store.register_run(NewRun("r", "other", project="p"))
    assert server.post(history=(1, lines(1))) == OK
    assert steps(server) == [1]


def test_what_can_never_be_taken_is_400(server):
    """Any other status but 404 and 409 is tried again for days by some client."""
    path = "/files/opensweep/p/r/file_stream"
    for body in (b"{", b"[]", b'{"files": {"output.log": 3}}'):
        status, answer = server.send(path, body)
        assert (status, answer["error"]["kind"]) == (400, "UsageError")
    assert server.send(path, b"{}", **{"Content-Encoding": "br"})[0] == 400
    with socket.create_connection(urllib3.util.parse_url(server.url).netloc.split(":")) as raw:
        secret = base64.b64encode(f"api:{KEY}".encode()).decode()
        raw.sendall(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {secret}\r\n"
            f"Content-Length: {POST_BYTES + 1}\r\n\r\n".encode()
        )
        assert raw.recv(100).startswith(b"HTTP/1.1 400")


def test_while_the_database_is_away_a_client_is_to_ask_again(server, monkeypatch):
    def away(*_):
        raise StoreUnavailable("locked")

    with monkeypatch.context() as patched:
        patched.setattr(server.store, "offer_chunk", away)
        assert server.post(history=(0, lines(0)), summary=(0, ['{"a": 1}']))[0] == 503
    assert server.post(history=(0, lines(0)), summary=(0, ['{"a": 1}'])) == OK
    assert steps(server) == [0]
    assert server.store.stream_places("r", 1, "")[ChunkKind.HISTORY].seq == 0
