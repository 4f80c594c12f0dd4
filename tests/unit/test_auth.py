"""Who gets in, as what: keys by Bearer and Basic, roles, revocation; what is told and logged."""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3
from test_server_api import KEY, World, running

from controller.server.auth import needed
from controller.server.keyring import FRESH_S
from controller.store.keys import Role
from sweeps import errors
from sweeps.protocol.client import Client


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("auth")) as found:
        yield found


@pytest.fixture(scope="module")
def keys(world: World) -> dict[str, str]:
    """A key of each role, made over HTTP."""
    return {role: str(world.client.create_key(f"u-{role}", role)["key"]) for role in Role}


def basic(password: str, user: str = "api") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def status(world: World, method: str, path: str, authorization: str, body: bytes = b"") -> int:
    return world.raw(method, path, body, Authorization=authorization)[0]


def eventually(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("path", ["/healthz", "/ready", "/authorize"])
def test_what_a_load_balancer_asks_needs_no_key(world: World, path: str) -> None:
    with Client(world.url, "wrong") as client:
        assert client._ask("GET", path, None, None).status == 200


def test_ready_means_that_the_database_answers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise errors.StoreUnavailable("the database is away")

    monkeypatch.setattr(world.store, "check", away)
    assert status(world, "GET", "/ready", "") == 503
    assert status(world, "GET", "/healthz", "") == 200


def test_a_key_comes_by_bearer_or_as_the_password_of_anybody(
    world: World, keys: dict[str, str]
) -> None:
    for key in (KEY, keys["read"]):
        for good in (
            f"Bearer {key}",
            f"bearer  {key} ",
            basic(key),
            basic(key, ""),
            basic(key, "x"),
        ):
            assert status(world, "GET", "/api/sweeps", good) == 200, good
    for bad in (
        "",
        KEY,
        f"Token {KEY}",
        "Bearer",
        "Bearer ",
        basic(""),
        basic("wrong"),
        f"Basic {KEY}",
        "Basic ####",
        f"Bearer {KEY}x",
        "Bearer " + "x" * 5000,
        f"Bearer {keys['read'][:-1]}",
        f"Bearer {keys['read'].upper()}",
    ):
        assert status(world, "GET", "/api/sweeps", bad) == 401, bad


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/api/sweeps", "read"),
        ("HEAD", "/api/blobs/0", "read"),
        ("POST", "/graphql", "read"),  # of a mutation see the tests of controller/wandb_api
        ("POST", "/api/series", "read"),
        ("POST", "/api/blobs/fetch", "read"),
        ("POST", "/api/session/code", "read"),  # it gives no right that the asker has not
        ("POST", "/api/sweeps", "write"),
        ("DELETE", "/api/runs/r", "write"),
        ("PUT", "/api/blobs/0", "write"),
        ("POST", "/api/agent/chunk", "write"),
        ("POST", "/files/e/p/r/file_stream", "write"),
        ("POST", "/no/such/place", "write"),
        ("GET", "/api/keys", "admin"),
        ("POST", "/api/keys", "admin"),
        ("DELETE", "/api/keys/abcd", "admin"),
    ],
)
def test_what_each_role_may(method: str, path: str, role: str) -> None:
    assert needed(method, path) == role


def test_a_role_that_does_not_suffice_is_told_what_would(
    world: World, keys: dict[str, str]
) -> None:
    with Client(world.url, keys["read"]) as reader, Client(world.url, keys["write"]) as writer:
        assert reader.sweeps() == []
        with pytest.raises(errors.NotAllowed, match="sweep server key create u-read --role write"):
            reader.create_sweep("program: x")
        writer.register_run("r", "uid")
        with pytest.raises(errors.NotAllowed, match="admin"):
            writer.api_keys()
    with Client(world.url, keys["admin"]) as admin:
        assert {key["user"] for key in admin.api_keys()} >= {"u-read", "u-write", "u-admin"}


def test_the_brokers_password_is_not_for_readers(world: World, keys: dict[str, str]) -> None:
    told = {}
    for role, key in keys.items():
        with Client(world.url, key) as client:
            told[role] = client.handshake()
    assert [told[role]["redis_url"] is not None for role in Role] == [False, True, True]
    assert told["write"]["user"] == "u-write"
    assert [told[role]["role"] for role in Role] == list(Role)
    assert world.client.handshake()["role"] == "admin"


def test_a_revoked_key_opens_nothing_from_that_moment_on(world: World) -> None:
    made = world.client.create_key("gone")
    assert status(world, "GET", "/api/sweeps", basic(made["key"])) == 200
    world.client.revoke_key(made["id"])
    assert status(world, "GET", "/api/sweeps", basic(made["key"])) == 401


def test_what_another_server_did_to_the_keys_counts_within_a_second(world: World) -> None:
    record, key = world.store.add_key("elsewhere", Role.READ)
    begun = time.monotonic()
    eventually(lambda: status(world, "GET", "/api/sweeps", basic(key)) == 200)
    world.store.revoke_key(record.id)
    eventually(lambda: status(world, "GET", "/api/sweeps", basic(key)) == 401)
    assert time.monotonic() - begun < 2 * FRESH_S + 5  # a busy machine


def test_keys_are_read_once_a_second_however_many_ask(
    world: World, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    read = world.store.good_keys

    def counted() -> object:
        asked.append(time.monotonic())
        return read()

    monkeypatch.setattr(world.store, "good_keys", counted)

    def ask() -> None:
        with Client(world.url, keys["read"]) as client:
            for _ in range(20):
                client.sweeps()

    begun = time.monotonic()
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) <= (time.monotonic() - begun) / FRESH_S + 1


def test_who_comes_while_the_keys_are_read_waits_for_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, key = world.store.add_key("crowd", Role.READ)
    reading, go_on = threading.Event(), threading.Event()
    read = world.store.good_keys

    def slowly() -> object:
        reading.set()
        assert go_on.wait(20)
        return read()

    monkeypatch.setattr(world.store, "good_keys", slowly)
    world.services.keys.forget()
    codes: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: codes.append(status(world, "GET", "/api/sweeps", basic(key)))
        )
        for _ in range(3)
    ]
    threads[0].start()
    assert reading.wait(20)
    for thread in threads[1:]:
        thread.start()
        thread.join(0.2)  # one that does not wait is answered by now
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert codes == [200, 200, 200]


def test_the_use_of_a_key_is_on_record(world: World) -> None:
    made = world.client.create_key("seen", description="words")
    assert made["last_used"] is None
    assert status(world, "GET", "/api/sweeps", basic(made["key"])) == 200

    def seen() -> bool:
        (found,) = (key for key in world.client.api_keys() if key["id"] == made["id"])
        assert "key" not in found
        return found["last_used"] is not None

    eventually(seen)


def test_without_the_database_the_servers_own_key_still_opens(
    world: World, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise errors.StoreUnavailable("the database is away")

    monkeypatch.setattr(world.store, "good_keys", away)
    world.services.keys.forget()
    assert status(world, "GET", "/api/sweeps", basic(keys["admin"])) == 503
    assert status(world, "POST", "/graphql", basic(keys["admin"])) == 503
    assert status(world, "GET", "/api/keys", basic(KEY)) == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user": ""},
        {"user": "a b"},
        {"user": "x" * 65},
        {"user": "ann", "role": "root"},
        {"user": "ann", "role": 1},
        {"user": "ann", "description": 1},
    ],
)
def test_a_key_for_nobody_or_of_no_role_is_not_made(world: World, body: object) -> None:
    before = world.client.api_keys()
    assert status(world, "POST", "/api/keys", basic(KEY), json.dumps(body).encode()) == 400
    assert world.client.api_keys() == before


def test_clients_of_wandb_are_told_in_their_own_form(world: World, keys: dict[str, str]) -> None:
    for path in ("/graphql", "/files/e/p/r/file_stream"):
        code, answer = world.raw("POST", path, b"{}", Authorization=basic("0" * 40))
        assert code == 401
        assert "WANDB_API_KEY" in answer["errors"][0]["message"]
    code, answer = world.raw("POST", "/files/e/p/r/x", b"{}", Authorization=basic(keys["read"]))
    assert code == 403
    assert "role write" in answer["errors"][0]["message"]


def test_prometheus_is_told_in_its_own_form(world: World) -> None:
    for given in ({}, {"Authorization": "Bearer " + "0" * 40}):
        answer = urllib3.request("GET", f"{world.url}/metrics", headers=given)
        told = answer.data.decode()
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert "Authorization: Bearer" in told
        assert "WANDB" not in told


def test_wrong_keys_are_logged_now_and_then_and_never_the_key(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = "f00dfeed" * 5
    with running(tmp_path) as fresh, caplog.at_level(logging.DEBUG):
        for _ in range(5):
            assert status(fresh, "GET", "/api/sweeps", basic(wrong)) == 401
        made = fresh.client.create_key("ann")
        assert status(fresh, "GET", "/api/sweeps", basic(made["key"])) == 200
    assert len([each for each in caplog.messages if "without a good API key" in each]) == 1
    assert "/api/sweeps" in caplog.text
    for key in (wrong, made["key"], KEY):
        assert key not in caplog.text
        assert base64.b64encode(f"api:{key}".encode()).decode() not in caplog.text


def test_a_browser_at_any_address_gets_the_pages_and_no_data(world: World) -> None:
    def opened(path: str, accept: str) -> tuple[int, bytes]:
        with urllib3.PoolManager(retries=False) as pool:
            answer = pool.request("GET", world.url + path, headers={"Accept": accept})
            return answer.status, answer.data

    for path, accept in (("/", "text/html"), ("/opensweep/p/runs/r", "text/html,*/*")):
        status, document = opened(path, accept)
        assert status == 200
        assert document.startswith(b"<!doctype html>")
    assert opened("/opensweep/p/runs/r", "*/*")[0] == 401
    assert opened("/api/runs", "text/html")[0] == 401
    assert opened("/graphql", "text/html")[0] == 401
