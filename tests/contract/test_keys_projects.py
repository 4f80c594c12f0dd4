"""API keys and projects on record, on both databases."""

from __future__ import annotations

import sqlite3

import pytest

from controller.store import NewRun, open_store
from controller.store.keys import Role, digest_of
from sweeps.errors import NotFoundError, UsageError


@pytest.fixture
def store(migrated_url):
    with open_store(migrated_url) as opened:
        yield opened


def test_a_key_is_told_once_and_kept_as_a_digest(store):
    record, key = store.add_key("alice", Role.WRITE, "laptop")
    assert len(key) == 40
    assert set(key) <= set("0123456789abcdef")
    assert (record.user, record.role, record.description) == ("alice", Role.WRITE, "laptop")
    assert record.prefix == key[:8]
    assert record.last_used is record.revoked is None
    assert store.list_keys() == [record]
    assert store.good_keys() == {digest_of(key.encode()): record}


def test_the_file_of_the_database_does_not_hold_the_key(tmp_path):
    path = tmp_path / "store.db"
    with open_store(f"sqlite:///{path}") as store:
        _, key = store.add_key("alice", Role.ADMIN)
    with sqlite3.connect(path) as connection:
        dump = "\n".join(connection.iterdump())
    assert key[:8] in dump
    assert key[8:] not in dump


def test_keys_are_all_different(store):
    made = [store.add_key("alice", Role.READ) for _ in range(3)]
    assert len({key for _, key in made}) == 3
    assert {each.id for each in store.list_keys()} == {record.id for record, _ in made}


@pytest.mark.parametrize("named_by", ["id", "prefix", "beginning of the id", "key"])
def test_a_revoked_key_is_good_no_more(store, named_by):
    record, key = store.add_key("alice", Role.WRITE)
    other, _ = store.add_key("bob", Role.WRITE)
    names = {"id": record.id, "prefix": key[:8], "beginning of the id": record.id[:6], "key": key}
    revoked = store.revoke_key(names[named_by])
    assert revoked.id == record.id
    assert revoked.revoked is not None
    assert list(store.good_keys().values()) == [other]
    assert store.revoke_key(record.id) == revoked  # it stays as it is
    assert {each.id: each.revoked for each in store.list_keys()} == {
        record.id: revoked.revoked,
        other.id: None,
    }


@pytest.mark.parametrize("name", ["", "abc", "%", "nosuchkey", "f" * 40])
def test_what_names_no_key_revokes_none(store, name):
    record, _ = store.add_key("alice", Role.WRITE)
    with pytest.raises(NotFoundError, match="key ls"):
        store.revoke_key(name)
    assert store.list_keys() == [record]


def test_a_beginning_of_several_keys_revokes_none(store, monkeypatch):
    monkeypatch.setattr("controller.store.keys.new_key", iter(["a" * 40, "a" * 39 + "b"]).__next__)
    for _ in range(2):
        store.add_key("alice", Role.WRITE)
    with pytest.raises(UsageError, match="several"):
        store.revoke_key("aaaa")
    assert len(store.good_keys()) == 2
    store.revoke_key("a" * 40)  # a whole key is one
    assert len(store.good_keys()) == 1


def test_the_use_of_a_key_is_noted(store):
    record, _ = store.add_key("alice", Role.WRITE)
    store.key_used(record.id)
    (seen,) = store.list_keys()
    assert seen.last_used >= record.created


def test_roles_include_the_ones_before():
    assert [[a.includes(b) for b in Role] for a in Role] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


def test_a_project_is_there_by_what_is_recorded_under_it(store):
    assert store.projects() == []
    assert not store.project_exists("p")
    assert store.find_project("p") is None
    for name, project in (("r1", "p"), ("r2", "p"), ("r3", "team/q"), ("r4", "")):
        store.register_run(NewRun(name, uid=name, project=project))
    assert [(each.name, each.runs) for each in store.projects()] == [
        ("p", 2),
        ("team/q", 1),
        ("uncategorized", 1),
    ]
    assert [each.name for each in store.projects("team")] == ["team/q"]
    assert [each.name for each in store.projects("")] == ["p", "uncategorized"]
    assert store.entities() == {"", "team"}
    assert store.find_project("p") == store.projects("")[0]
    for name in ("", "uncategorized"):
        assert store.project_exists(name)
        assert store.find_project(name).runs == 1


def test_a_project_can_be_described_before_its_first_run(store):
    assert store.describe_project("new", "alice", description="words", settings={"a": 1})
    found = store.find_project("new")
    assert (found.runs, found.user, found.description) == (0, "alice", "words")
    assert not store.describe_project("new", "bob", access="PRIVATE", settings={"b": 2})
    again = store.find_project("new")
    assert (again.user, again.description, again.access) == ("alice", "words", "PRIVATE")
    assert again.settings == {"a": 1, "b": 2}
    assert again.created == found.created
    assert store.projects() == [again]
    store.register_run(NewRun("r", uid="r", project="new"))
    assert store.find_project("new").runs == 1


def test_only_an_empty_project_is_forgotten(store):
    store.describe_project("p", "alice")
    store.register_run(NewRun("r", uid="r", project="p"))
    with pytest.raises(UsageError, match="not empty"):
        store.delete_project("p")
    store.end_run("r", 1, 0)
    store.delete_run("r")
    assert store.delete_project("p")
    assert not store.delete_project("p")
    assert store.projects() == []
