"""The database's face: what the controller records and reads, each method one transaction.

Put together from one part a subject; see `records.py` for what is given and taken. It keeps the
truth of sweeps and trials, and decides nothing. Neighbours: the controller's loop and its server.
"""

from __future__ import annotations

from types import TracebackType

from controller.store.alerts import AlertStore
from controller.store.cache import Cache
from controller.store.census import CensusStore
from controller.store.drafts import DraftStore
from controller.store.engine import LOCK_TIMEOUT_S, Database
from controller.store.files import FileStore
from controller.store.history import HistoryStore
from controller.store.ingest import IngestStore, Taken, chunk_commits
from controller.store.keys import KeyStore
from controller.store.logged import LoggedStore
from controller.store.logged_keys import LoggedKeyStore
from controller.store.marks import MarkStore
from controller.store.names import NameStore
from controller.store.orders import OrderStore
from controller.store.packer import PackingStore
from controller.store.processes import ProcessStore
from controller.store.projects import ProjectStore
from controller.store.quarantine import QuarantineStore
from controller.store.reports import ReportStore
from controller.store.run_index import RunIndex
from controller.store.runs import RunStore
from controller.store.samples import SampleStore
from controller.store.series import SeriesStore
from controller.store.standings import StandingStore
from controller.store.sweeps import SweepStore
from controller.store.trial_columns import TrialColumnStore
from controller.store.trials import TrialStore

CACHE_BYTES = 64 << 20
"""What a store keeps of unpacked history, for charts that are looked at again."""


class Store(
    SweepStore,
    TrialStore,
    TrialColumnStore,
    QuarantineStore,
    OrderStore,
    RunStore,
    ProcessStore,
    NameStore,
    ProjectStore,
    AlertStore,
    IngestStore,
    PackingStore,
    HistoryStore,
    LoggedStore,
    LoggedKeyStore,
    SeriesStore,
    SampleStore,
    FileStore,
    DraftStore,
    KeyStore,
    ReportStore,
    MarkStore,
    StandingStore,
    CensusStore,
):
    """All that is on record. Thread-safe; use one for each process, and close it.

    Each method is one transaction, done when it returns. Beyond the errors that a method names,
    each may raise StoreUnavailable (locked, full, out of reach: nothing was recorded, or, if the
    connection broke at the very end, it was, and a repeat does no harm: try again) and StoreError
    (somebody has to do something first; the message says what).
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        self._index = RunIndex(database)
        self.taken = Taken()
        self._commits = chunk_commits(self)
        self._cache = Cache(CACHE_BYTES)

    @property
    def where(self) -> str:
        """The database's name in messages, without its password."""
        return self._db.where

    def check(self) -> None:
        """Raises StoreError unless the database answers."""
        with self._db.read() as connection:
            self._db.read_clock(connection)

    def close(self) -> None:
        """Commits what was handed in, and closes the connections."""
        self._commits.close()
        self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_store(url: str, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> Store:
    """Opens a database, which becomes one of this version's if it is empty or older.

    Args:
        url: `sqlite:////path/to/file.db` or `postgresql://user:password@host/name`.
        lock_timeout_s: how long a transaction waits for another one.

    Raises:
        ConfigurationError: no such kind of database.
        StoreTooNew: a newer opensweep wrote it.
        StoreUnavailable: locked or out of reach for now.
        StoreError: it cannot be opened, is no database, or holds another program's data.
    """
    return Store(Database(url, lock_timeout_s))
