"""The connection to the database: opening, transactions, and what the two dialects differ in.

All that is particular to SQLite or PostgreSQL is here; the rest of the store is the same for both.
Neighbours: `failures.py` (drivers' errors in our words), `migrate.py`, and the store's parts,
which get their transactions from `Database`.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Double,
    Engine,
    Insert,
    Table,
    create_engine,
    event,
    func,
    literal_column,
    make_url,
    select,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from controller.store import failures
from controller.store.migrate import migrate
from sweeps.errors import ConfigurationError, StoreError, StoreUnavailable

LOCK_TIMEOUT_S = 10.0
"""How long a transaction waits for another one before it gives up."""

_LOG_BYTES = 32 << 20
_OLDEST_SQLITE = (3, 35)  # the first with RETURNING


class Database:
    """One database; hands out transactions. Thread-safe.

    Args:
        url: `sqlite:////path/to/file.db` or `postgresql://user:password@host/name`.
        lock_timeout_s: as LOCK_TIMEOUT_S.

    Raises:
        ConfigurationError: the address is none that we can use.
        StoreTooNew, StoreUnavailable, StoreError: as their messages say.
    """

    def __init__(self, url: str, lock_timeout_s: float = LOCK_TIMEOUT_S) -> None:
        self._lock_timeout_s = lock_timeout_s
        parsed = _parse(url)
        self.where = _where(parsed)
        # SQLite has one writer at a time: in this process they queue here, which is fair and
        # needs no polling; its own busy handler is for other processes.
        self._writer: threading.Lock | None = None
        if parsed.get_backend_name() == "sqlite":
            self._writer = threading.Lock()
            self._engine = self._open_sqlite(parsed)
        else:
            self._engine = self._open_postgresql(parsed)
        self._clock = select(self.now())
        try:
            with self.write() as connection:
                migrate(connection, self.where)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Closes all connections. Transactions still open on other threads end first or fail."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with self._failures(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A transaction that only reads, and all of whose queries see the same moment."""
        with self._failures(), self._engine.connect() as connection:
            if self._writer is None:  # SQLite's see it anyway
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes: committed at the end, rolled back on any exception."""
        with self._failures(), self._turn(), self._engine.connect() as connection:
            if self._writer is not None:
                connection = connection.execution_options(sqlite_begin="BEGIN IMMEDIATE")
            with connection.begin():
                yield connection

    @contextmanager
    def pulse(self) -> Iterator[Callable[[], str]]:
        """Gives a function, for one thread at a time, that answers with another text than last
        time whenever there may have been a commit. It costs next to nothing: SQLite counts the
        commits of others for a connection that stays open, and PostgreSQL knows which transactions
        one can see.
        """
        sqlite = self._writer is not None
        query = "PRAGMA data_version" if sqlite else "SELECT txid_current_snapshot()::text"
        with self._failures(), self._engine.connect() as connection:

            def look() -> str:
                with self._failures(), connection.begin():
                    return str(connection.exec_driver_sql(query).scalar_one())

            yield look

    def facts(self, connection: Connection) -> tuple[str, int]:
        """(kind and version, bytes) of the database."""

        def ask(query: str) -> Any:
            return connection.exec_driver_sql(query).scalar_one()

        if self._writer is None:
            size = ask("SELECT pg_database_size(current_database())")
            return f"PostgreSQL {ask('SHOW server_version').partition(' ')[0]}", int(size)
        size = ask("PRAGMA page_count") * ask("PRAGMA page_size")
        return f"SQLite {sqlite3.sqlite_version}", int(size)

    def insert_absent(self, table: Table) -> Insert:
        """INSERT that leaves alone a row that is there already: RETURNING then gives none."""
        if self._writer is not None:
            return sqlite_insert(table).on_conflict_do_nothing()
        return postgresql_insert(table).on_conflict_do_nothing()

    def now(self) -> ColumnElement[float]:
        """The database's clock: seconds since the epoch."""
        if self._writer is not None:
            return literal_column("((julianday('now') - 2440587.5) * 86400.0)", Double)
        return func.extract("epoch", func.clock_timestamp()).cast(Double)

    def read_clock(self, connection: Connection) -> float:
        """What `now` says at this moment, also when the transaction has waited for a lock."""
        return float(connection.execute(self._clock).scalar_one())

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self._writer is None:
            yield
            return
        if not self._writer.acquire(timeout=self._lock_timeout_s):
            raise StoreUnavailable(
                f"{self.where} was busy with other writers for {self._lock_timeout_s:g} s. Try "
                "again; if it goes on, its disk is too slow for so many trials."
            )
        try:
            yield
        finally:
            self._writer.release()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise failures.explain(error, self.where) from error
        except PoolTimeout as error:
            raise StoreUnavailable(
                f"{self.where}: all connections were in use for {self._lock_timeout_s:g} s. "
                "Try again."
            ) from error

    # -- SQLite -------------------------------------------------------------------------------

    def _open_sqlite(self, url: URL) -> Engine:
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise StoreError(
                f"this Python has SQLite {sqlite3.sqlite_version}, and opensweep needs "
                f"{'.'.join(map(str, _OLDEST_SQLITE))} or newer: use a newer Python."
            )
        path = url.database
        if not path or path == ":memory:" or path.startswith("file:"):
            raise ConfigurationError(
                "a SQLite database must be a file, as in sqlite:////home/me/opensweep.db"
            )
        failures.check_sqlite_path(path)
        engine = create_engine(
            url.set(drivername="sqlite+pysqlite"),
            connect_args={"timeout": self._lock_timeout_s, "check_same_thread": False},
            pool_size=8,
            max_overflow=24,
            pool_timeout=self._lock_timeout_s,
        )
        event.listen(engine, "connect", self._prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _prepare_sqlite(self, raw: Any, _record: Any) -> None:
        raw.isolation_level = None  # we begin transactions ourselves
        try:
            (mode,) = raw.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                raise StoreError(
                    f"{self.where} cannot use a write-ahead log (it is on a network file system, "
                    "perhaps): put OPENSWEEP_HOME on a local disk, or use PostgreSQL."
                )
            # FULL: a commit that was answered survives a power cut; it costs a few percent.
            raw.execute("PRAGMA synchronous = FULL").close()
            raw.execute("PRAGMA foreign_keys = ON").close()
            # After a burst the log goes back to this size.
            raw.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}").close()
        except BaseException:
            raw.close()
            raise

    # -- PostgreSQL ---------------------------------------------------------------------------

    def _open_postgresql(self, url: URL) -> Engine:
        try:
            import psycopg  # noqa: F401
        except ImportError as error:
            raise ConfigurationError(
                "PostgreSQL needs one more package here: pip install 'opensweep[postgresql]'"
            ) from error
        timeout_ms = int(self._lock_timeout_s * 1000)
        options = url.query.get("options", "")
        options = options if isinstance(options, str) else " ".join(options)
        engine = create_engine(
            url.set(drivername="postgresql+psycopg").difference_update_query(["options"]),
            connect_args={
                "connect_timeout": max(2, int(self._lock_timeout_s)),
                "options": f"{options} -c lock_timeout={timeout_ms}".strip(),
                "application_name": "opensweep",
            },
            pool_size=8,
            max_overflow=24,
            pool_timeout=self._lock_timeout_s,
            pool_pre_ping=True,
        )
        event.listen(engine, "connect", _prepare_postgresql)
        return engine


def _prepare_postgresql(raw: Any, _record: Any) -> None:
    """Lets answers come in binary: as text, a chunk takes twice its bytes, and time to parse."""
    from psycopg import Cursor, ServerCursor, pq

    class BinaryCursor(Cursor[Any]):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.format = pq.Format.BINARY

    class BinaryServerCursor(ServerCursor[Any]):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.format = pq.Format.BINARY

    raw.cursor_factory = BinaryCursor
    raw.server_cursor_factory = BinaryServerCursor


def _begin_sqlite(connection: Connection) -> None:
    begin = connection.get_execution_options().get("sqlite_begin", "BEGIN")
    connection.exec_driver_sql(begin)


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ConfigurationError(
            "OPENSWEEP_DATABASE_URL is no address of a database: expected something like "
            "postgresql://user:password@host:5432/opensweep or sqlite:////path/to/file.db"
        ) from error
    if parsed.drivername == "postgres":
        parsed = parsed.set(drivername="postgresql")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise ConfigurationError(
            f"opensweep keeps its records in SQLite or PostgreSQL, not in {parsed.drivername!r}: "
            "expected an address that begins with postgresql:// or sqlite:///"
        )
    return parsed


def _where(url: URL) -> str:
    """The database's name in messages: never with its password."""
    if url.get_backend_name() == "sqlite":
        return f"the database {os.path.abspath(url.database or '')}"
    place = url.host or url.query.get("host") or "localhost"
    return f"the PostgreSQL database {url.database or ''!r} at {place}"
