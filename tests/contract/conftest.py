"""Databases for the contract suites: SQLite files, and a private PostgreSQL server.

The `url` and `migrated_url` fixtures are parametrised over both: one suite holds for the two.
"""

from __future__ import annotations

import itertools
import os
import shutil

import psycopg
import pytest
from postgresql_server import USER, find_binaries, running_server

from controller.store import open_store
from controller.store.schema import metadata

_names = itertools.count()


@pytest.fixture(scope="session")
def postgresql_folder():
    """The socket folder of a PostgreSQL server; one for each test process."""
    binaries = find_binaries()
    if binaries is None:
        if os.environ.get("OPENSWEEP_TEST_NO_POSTGRES") == "1":
            pytest.skip("OPENSWEEP_TEST_NO_POSTGRES=1, and there is no PostgreSQL here")
        pytest.fail(
            "the store must be tested on PostgreSQL too, and there is none on this machine: "
            "apt-get install postgresql (or set OPENSWEEP_TEST_NO_POSTGRES=1 to leave it out)"
        )
    with running_server(binaries) as server:
        yield server.folder


@pytest.fixture(scope="session")
def new_postgresql(postgresql_folder):
    """Makes an empty PostgreSQL database, and gives its address."""

    def make() -> str:
        name = f"test{next(_names)}"
        with psycopg.connect(
            host=postgresql_folder, user=USER, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql://{USER}@/{name}?host={postgresql_folder}"

    return make


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory):
    """Makes a SQLite file with empty tables, by copying one."""
    folder = tmp_path_factory.mktemp("stores")
    template = folder / "template.db"
    open_store(f"sqlite:///{template}").close()

    def make() -> str:
        path = folder / f"{next(_names)}.db"
        shutil.copyfile(template, path)
        return f"sqlite:///{path}"

    return make


@pytest.fixture(scope="session")
def migrated_postgresql(new_postgresql):
    """Gives a PostgreSQL database with empty tables: always the same one, emptied."""
    url = new_postgresql()
    open_store(url).close()

    def make() -> str:
        with psycopg.connect(url) as connection:
            connection.execute(f"TRUNCATE {', '.join(metadata.tables)}")
        return url

    return make


DIALECTS = ["sqlite", "postgresql"]


@pytest.fixture(params=DIALECTS)
def url(request, tmp_path):
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return request.getfixturevalue("new_postgresql")()


@pytest.fixture(params=DIALECTS)
def migrated_url(request):
    """The address of a database with empty tables."""
    return request.getfixturevalue(f"migrated_{request.param}")()
