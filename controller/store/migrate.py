"""Brings a database to the tables that this opensweep knows, by alembic's revisions.

A database that is up to date costs one query: alembic (0.2 s to import) is only loaded when there
is something to do. Never touches tables that are not ours. Neighbours: `engine.py` (calls it),
`migrations/` (the revisions).
"""

from __future__ import annotations

import os

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select, text

from controller.store.schema import metadata
from sweeps.errors import StoreError, StoreTooNew

HEAD = "0013"
"""The newest revision; a test holds it against migrations/versions."""

VERSION_TABLE = "opensweep_schema"
"""Where a database says which revision it has: not alembic's usual name, which others use."""

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "migrations")

# Any number will do, as long as no other program takes it for a lock of its own.
_ADVISORY_LOCK = 0x6F70656E73777031

_version = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32), primary_key=True))


def migrate(connection: Connection, where: str, target: str = HEAD) -> None:
    """Upgrades inside the connection's transaction, which must be a writing one.

    Args:
        connection: to the database, in a transaction; two servers that open one at the same time
            wait for each other here.
        where: the database's name in messages.
        target: the revision to reach; tests stop at earlier ones.

    Raises:
        StoreTooNew: a newer opensweep wrote it.
        StoreError: it holds another program's tables under our names.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    current = current_revision(connection)
    if current == target:
        return
    if current is None:
        _check_nobody_elses(connection, where)

    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", SCRIPTS.replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = VERSION_TABLE
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise StoreTooNew(
            f"{where} was written by a newer opensweep: its schema is {current}, and this one "
            f"knows up to {HEAD}. Upgrade opensweep here, or name another database."
        )
    command.upgrade(config, target)


def current_revision(connection: Connection) -> str | None:
    """The database's revision; None when opensweep never wrote to it."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    revision: str | None = connection.execute(select(_version.c.version_num)).scalar()
    return revision


def _check_nobody_elses(connection: Connection, where: str) -> None:
    taken = sorted(set(inspect(connection).get_table_names()) & set(metadata.tables))
    if taken:
        raise StoreError(
            f"{where} holds another program's data (tables {', '.join(taken)}): "
            "give opensweep a database of its own."
        )
