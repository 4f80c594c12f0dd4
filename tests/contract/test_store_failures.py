"""What the store says when its database is wrong, away, full or locked: one clear sentence."""

from __future__ import annotations

import os
import sqlite3
import warnings

import psycopg
import pytest
from sqlalchemy import Engine, event, make_url

from controller.store import Chunk, NewTrial, open_store
from controller.store.migrate import HEAD
from sweeps.errors import ConfigurationError, StoreError, StoreTooNew, StoreUnavailable

SWEEP = "aaaaaaaa"


def execute(url, *statements):
    """Runs SQL behind the store's back."""
    parsed = make_url(url)
    if parsed.drivername == "sqlite":
        connection = sqlite3.connect(parsed.database)
    else:
        connection = psycopg.connect(url)
    try:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    finally:
        connection.close()


def new_sweep(store):
    store.create_sweep(sweep_id=SWEEP, name="", project="", yaml="", spec={}, seed=1, origin={})


class TestBothKinds:
    def test_a_database_of_a_newer_version_is_left_alone(self, migrated_url, request):
        execute(migrated_url, "UPDATE opensweep_schema SET version_num = '9999'")
        request.addfinalizer(
            lambda: execute(migrated_url, f"UPDATE opensweep_schema SET version_num = '{HEAD}'")
        )
        with pytest.raises(StoreTooNew, match=r"9999.*Upgrade opensweep"):
            open_store(migrated_url)

    def test_another_programs_tables_are_left_alone(self, url):
        execute(url, "CREATE TABLE trials (mine integer)")
        with pytest.raises(StoreError, match=r"another program's data \(tables trials\)"):
            open_store(url)
        execute(url, "INSERT INTO trials VALUES (1)")

    def test_tables_that_are_not_in_the_way_do_not_matter(self, url):
        execute(url, "CREATE TABLE notes (mine integer)", "CREATE TABLE alembic_version (v text)")
        with open_store(url) as store:
            new_sweep(store)


class TestAddresses:
    @pytest.mark.parametrize(
        "url", ["mysql://me:secret@host/db", "nonsense", "", "postgresql://me:secret@host:port/x"]
    )
    def test_what_is_no_address_of_ours_is_said_so(self, url):
        with pytest.raises(ConfigurationError, match="postgresql://") as caught:
            open_store(url)
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
    def test_a_database_in_memory_is_refused(self, url):
        with pytest.raises(ConfigurationError, match="must be a file"):
            open_store(url)


class TestSqlite:
    def test_no_folder(self, tmp_path):
        with pytest.raises(StoreError, match=r"no folder .*/none. Make it first"):
            open_store(f"sqlite:///{tmp_path}/none/store.db")

    def test_a_folder_in_its_place(self, tmp_path):
        with pytest.raises(StoreError, match="is a folder"):
            open_store(f"sqlite:///{tmp_path}")

    @pytest.mark.parametrize("content", [b"these are notes of mine\n" * 100, b"x"])
    def test_no_database(self, tmp_path, content):
        path = tmp_path / "store.db"
        path.write_bytes(content)
        with pytest.raises(StoreError, match=r"store\.db is not a database") as caught:
            open_store(f"sqlite:///{path}")
        assert not isinstance(caught.value, StoreUnavailable)
        assert path.read_bytes() == content

    @pytest.mark.parametrize("what", ["file", "folder"])
    def test_not_writable(self, tmp_path, what):
        path = tmp_path / "store.db"
        open_store(f"sqlite:///{path}").close()
        for folder in [tmp_path, *tmp_path.parents[:2]]:
            folder.chmod(0o755)
        if os.geteuid() == 0:
            os.chown(path, 65534, 65534)
        (path if what == "file" else tmp_path).chmod(0o444 if what == "file" else 0o555)
        said = as_nobody(lambda: open_store(f"sqlite:///{path}"))
        tmp_path.chmod(0o755)
        assert said.startswith("StoreError: ")
        assert "writable" in said

    def test_locked_by_another_process(self, migrated_sqlite):
        url = migrated_sqlite()
        with open_store(url, lock_timeout_s=0.1) as store:
            other = sqlite3.connect(make_url(url).database)
            try:
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(StoreUnavailable, match="locked by another process"):
                    new_sweep(store)
                assert store.list_sweeps() == []  # readers do not wait for writers
            finally:
                other.close()
            new_sweep(store)

    def test_a_full_disk_loses_nothing_that_was_recorded(self, migrated_sqlite):
        def shrink(raw, _record):
            raw.execute("PRAGMA max_page_count = 200").close()

        event.listen(Engine, "connect", shrink)
        try:
            with open_store(migrated_sqlite()) as store:
                new_sweep(store)
                generation = store.take_sweep(SWEEP, "me", 60)
                store.add_trials(SWEEP, generation, [NewTrial(1, {})], {})
                kept = 0

                def fill():
                    nonlocal kept
                    for seq in range(1000):
                        data = b"x" * 9000
                        store.add_chunk(Chunk(f"{SWEEP}-1", 1, "console", seq, 0, 1, 1, data))
                        kept += 1

                with pytest.raises(StoreUnavailable, match="disk is full"):
                    fill()
                assert kept > 10
                assert len(list(store.chunks(f"{SWEEP}-1", "console"))) == kept
        finally:
            event.remove(Engine, "connect", shrink)

    def test_a_damaged_file(self, migrated_sqlite):
        url = migrated_sqlite()
        with open_store(url) as store:
            new_sweep(store)
        path = make_url(url).database
        with open(path, "r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (os.path.getsize(path) - 4096))
        with pytest.raises(StoreError, match="is damaged"), open_store(url) as store:
            store.list_sweeps()


def as_nobody(work):
    """What `work` raises for a user who may not do everything, as "Kind: message"."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child makes no use of threads
        child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            work()
        except BaseException as error:
            os.write(writing, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said


class TestPostgresql:
    def test_no_server(self, tmp_path):
        with pytest.raises(StoreUnavailable, match="out of reach") as caught:
            open_store(f"postgresql://me:secret@/db?host={tmp_path}", lock_timeout_s=1)
        assert "secret" not in str(caught.value)

    def test_no_such_database(self, postgresql_folder):
        with pytest.raises(StoreError, match="createdb") as caught:
            open_store(f"postgresql://opensweep@/none?host={postgresql_folder}")
        assert not isinstance(caught.value, StoreUnavailable)

    def test_no_such_user(self, postgresql_folder):
        with pytest.raises(StoreError, match="refuses this user"):
            open_store(f"postgresql://nobody@/postgres?host={postgresql_folder}")

    def test_the_short_form_of_the_address_does_as_well(self, new_postgresql):
        with open_store(new_postgresql().replace("postgresql://", "postgres://")) as store:
            new_sweep(store)

    def test_no_right_to_make_tables(self, new_postgresql):
        url = new_postgresql()
        execute(
            url,
            "CREATE ROLE reader LOGIN",
            "REVOKE CREATE ON SCHEMA public FROM public",
        )
        with pytest.raises(StoreError, match="grant"):
            open_store(url.replace("opensweep@", "reader@"))

    def test_locked_for_too_long(self, migrated_postgresql):
        url = migrated_postgresql()
        with open_store(url, lock_timeout_s=0.2) as store, psycopg.connect(url) as other:
            new_sweep(store)
            other.execute("SELECT * FROM sweeps FOR UPDATE")
            with pytest.raises(StoreUnavailable, match="locked by another transaction"):
                store.take_sweep(SWEEP, "me", 1)
            other.rollback()
            assert store.take_sweep(SWEEP, "me", 1) == 1

    def test_connections_that_broke_are_made_anew(self, migrated_postgresql):
        url = migrated_postgresql()
        with open_store(url) as store:
            new_sweep(store)
            execute(
                url,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'opensweep'",
            )
            assert [sweep.id for sweep in store.list_sweeps()] == [SWEEP]
