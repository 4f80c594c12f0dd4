"""`sweep server key`, against a real server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from cli_world import sweep
from test_server_api import KEY, SWEEP, World, running

from sweeps import errors
from sweeps.protocol.client import Client


@pytest.fixture
def world(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("keys")) as found:
        monkeypatch.setenv("OPENSWEEP_URL", found.url)
        monkeypatch.setenv("OPENSWEEP_API_KEY", KEY)
        yield found


def test_a_key_is_made_listed_and_revoked(world: World) -> None:
    assert "no keys" in sweep("server", "key", "ls").stderr
    made = sweep("server", "key", "create", "alice", "--description", "her laptop")
    assert re.fullmatch("[0-9a-f]{40}\n", made.stdout)  # alone: `KEY=$(sweep server key create …)`
    assert "role write" in made.stderr
    key = made.stdout.strip()
    with Client(world.url, key) as client:
        assert client.handshake()["user"] == "alice"
    listed = sweep("server", "key", "ls").stdout
    assert key not in listed
    assert all(text in listed for text in (key[:8], "alice", "write", "her laptop"))
    (record,) = json.loads(sweep("server", "key", "ls", "--json").stdout)
    assert record["prefix"] == key[:8]
    assert "alice is revoked" in sweep("server", "key", "revoke", key[:8]).stdout
    assert "revoked" in sweep("server", "key", "ls").stdout
    with Client(world.url, key) as client, pytest.raises(errors.ConfigurationError):
        client.handshake()


def test_json_has_the_key_when_it_is_made_alone(world: World) -> None:
    made = json.loads(sweep("server", "key", "create", "bob", "--role", "read", "--json").stdout)
    assert (made["user"], made["role"], len(made["key"])) == ("bob", "read", 40)
    again = json.loads(sweep("server", "key", "revoke", made["id"], "--json").stdout)
    assert "key" not in again
    assert again["revoked"] is not None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["create", "a b"], "no name"),
        (["create", "ann", "--role", "king"], "'king'"),
        (["revoke", "nosuch"], "sweep server key ls"),
    ],
)
def test_what_cannot_be_done_is_said(world: World, words: list[str], told: str) -> None:
    result = sweep("server", "key", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr


def test_only_an_admin_makes_keys(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSWEEP_API_KEY", sweep("server", "key", "create", "ann").stdout.strip())
    result = sweep("server", "key", "create", "eve", "--role", "admin")
    assert result.exit_code == 2
    assert "this needs admin" in result.stderr


def test_an_agent_needs_more_than_a_key_to_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world.client.create_sweep(SWEEP)
    key = str(world.client.create_key("ann", "read")["key"])
    monkeypatch.setenv("OPENSWEEP_API_KEY", key)
    assert made["id"] in sweep("ls").stdout
    result = sweep("agent", made["id"])
    assert result.exit_code == 2
    assert "may only read" in result.stderr
