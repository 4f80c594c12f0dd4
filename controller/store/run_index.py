"""Runs as columns in memory: what lists, filters and sorts thousands of them in milliseconds.

A table a project (or sweep), made when it is first asked for, with the columns that were asked for;
brought up to date by `runs.updated` before every answer. Bounded: what was not used for longest
goes first. The database stays the truth; all of this can be thrown away at any time. Neighbours:
run_filters.py, run_columns.py, run_fields.py; runs.py asks.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np
from sqlalchemy import ColumnElement, Connection, RowMapping, and_, func, select, true

from controller.store.documents import DOCUMENTS, as_text, parse, values_in
from controller.store.engine import Database
from controller.store.records import SILENT_S, RunState
from controller.store.run_columns import Column, Mask, Rows, sorted_rows
from controller.store.run_fields import RUN_COLUMNS, RunField
from controller.store.run_filters import EVERYTHING, Filter, Order
from controller.store.run_groups import COUNT, GroupPage, group
from controller.store.run_keys import Known, RunKeys
from controller.store.schema import runs
from sweeps.project import NO_PROJECT

T = TypeVar("T")

_BUDGET = 256 << 20  # bytes of columns
_LATE_S = 60.0  # a transaction may be seen so long after the time that it wrote
_SAME_S = 1.0  # two changes of one run may carry the same time
_PAGE = 500

_BASE = (
    *("id", "name", "project", "local_id", "state", "sweep_id"),
    *("created", "started", "ended", "heard", "updated", "steps", "exit_code"),
)
_ROW = select(*(runs.c[name] for name in _BASE))


class Scope(NamedTuple):
    """Which runs: of a project, of a sweep, of both or all."""

    project: str | None = None
    sweep_id: str | None = None

    def condition(self) -> ColumnElement[bool]:
        project, sweep_id = self
        found: list[ColumnElement[bool]] = []
        if project is not None:
            found.append(runs.c.project.in_([project, ""] if project == NO_PROJECT else [project]))
        if sweep_id is not None:
            found.append(runs.c.sweep_id == sweep_id)
        return and_(true(), *found)


_ALL = Scope()


@dataclass(frozen=True)
class RunQuery:
    """What is asked for.

    Attributes:
        search: words that must all be in a run's name or id, in any case.
        orders: the weightiest first; what they leave equal is sorted by creation.
        columns: the fields whose values are wanted.
        offset, limit: which of the runs that fit; limit None: all.
    """

    scope: Scope = _ALL
    filter: Filter = EVERYTHING
    search: str = ""
    orders: Sequence[Order] = ()
    columns: Sequence[RunField] = ()
    offset: int = 0
    limit: int | None = None

    def fields(self) -> set[RunField]:
        ordered = {order.field for order in self.orders} - {COUNT}
        return {*self.filter.fields, *self.columns, *ordered}


@dataclass(frozen=True)
class RunPage:
    """Attributes:
    total: how many runs fit.
    ids: of those in the page, in order.
    columns: the wanted values of each, as `Column.values` gives them.
    """

    total: int
    ids: list[str]
    columns: list[list[Any]]


@dataclass(frozen=True)
class FieldValues:
    """Attributes:
    frequent: values with how many runs have each, the most frequent first.
    members: the same of texts within lists.
    span: the least and the greatest of the finite numbers; None: there are none.
    """

    frequent: list[tuple[Any, int]]
    members: list[tuple[str, int]]
    span: tuple[float, float] | None


class RunIndex:
    """The tables. Thread-safe."""

    def __init__(self, database: Database, budget: int = _BUDGET) -> None:
        self._db = database
        self._budget = budget
        self._lock = threading.Lock()
        self._tables: OrderedDict[Scope, _Table] = OrderedDict()

    def find(self, query: RunQuery) -> RunPage:
        return self._ask(query.scope, query.fields(), lambda table: table.page(query))

    def groups(self, query: RunQuery, by: Sequence[RunField], figure: str = "mean") -> GroupPage:
        """The runs that fit in groups; `columns`, `orders`, `offset`, `limit` and `figure` are
        those of `run_groups.group`."""

        def ask(table: _Table) -> GroupPage:
            limit = len(table) if query.limit is None else query.limit
            rows, columns = table.rows(query), table.columns.__getitem__
            wanted, orders = query.columns, query.orders
            return group(rows, columns, by, wanted, orders, query.offset, limit, figure)

        return self._ask(query.scope, {*query.fields(), *by}, ask)

    def values(self, query: RunQuery, of: RunField, limit: int) -> FieldValues:
        """What the runs that fit have in one field."""

        def ask(table: _Table) -> FieldValues:
            rows, column = table.rows(query), table.columns[of]
            numbers = column.numbers(rows)
            numbers = numbers[np.isfinite(numbers)]
            return FieldValues(
                column.most_frequent(rows, limit),
                column.members(rows, limit),
                (float(numbers.min()), float(numbers.max())) if len(numbers) else None,
            )

        return self._ask(query.scope, {*query.fields(), of}, ask)

    def known(self, scope: Scope) -> tuple[int, dict[str, list[Known]]]:
        """How many runs there are, and which names their documents have."""

        def ask(table: _Table) -> tuple[int, dict[str, list[Known]]]:
            return len(table), {name: keys.known() for name, keys in table.keys.items()}

        return self._ask(scope, (), ask, keys=True)

    def _ask(
        self,
        scope: Scope,
        wanted: Iterable[RunField],
        ask: Callable[[_Table], T],
        *,
        keys: bool = False,
    ) -> T:
        with self._lock:
            table = self._tables.setdefault(scope, _Table(scope))
            self._tables.move_to_end(scope)
        with table.lock:
            with self._db.read() as connection:
                now = self._db.read_clock(connection)
                table.refresh(connection, now, wanted, keys=keys)
            found = ask(table)
        self._bound()
        return found

    def _bound(self) -> None:
        with self._lock:
            used = sum(table.bytes for table in self._tables.values())
            while used > self._budget and len(self._tables) > 1:
                used -= self._tables.popitem(last=False)[1].bytes
            (newest,) = list(self._tables.values())[-1:]
        if used > self._budget:
            with newest.lock:
                newest.forget(used - self._budget)


@dataclass
class _Table:
    """The runs of one scope; use it under its lock.

    Attributes:
        columns: the least recently used first; those of the run's own row are always there.
        keys: the names in each document; none until they are asked for.
        bytes: about how much memory they take.
    """

    scope: Scope
    lock: threading.Lock = field(default_factory=threading.Lock)
    columns: OrderedDict[RunField, Column] = field(default_factory=OrderedDict)
    keys: dict[str, RunKeys] = field(default_factory=dict)
    bytes: int = 0
    _row_of: dict[str, int] = field(default_factory=dict)
    _ids: list[str] = field(default_factory=list)
    _updated: dict[str, float] = field(default_factory=dict)
    _alive: set[int] = field(default_factory=set)  # runs without a sweep that have not ended
    _gone: set[int] = field(default_factory=set)  # rows of runs that were deleted
    _now: float | None = None  # of the last refresh, by the database's clock

    # -- kept up to date ---------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._ids) - len(self._gone)

    def refresh(
        self, connection: Connection, now: float, wanted: Iterable[RunField], *, keys: bool = False
    ) -> None:
        """Everything that was committed by now, and the columns (and names) that are wanted."""
        if self._now is None:
            self.columns = OrderedDict((RunField("run", name), Column()) for name in RUN_COLUMNS)
            self._read(connection, self.scope.condition())
        else:
            self._follow(connection, now, self._now)
            self._bury(connection)
            if len(self._gone) > max(len(self), _PAGE):
                self._start_anew()
                self.refresh(connection, now, wanted, keys=keys)
                return
        new = [each for each in dict.fromkeys(wanted) if each not in self.columns]
        if new or (keys and not self.keys):
            self._add(connection, new, keys=keys and not self.keys)
        for each in wanted:
            self.columns.move_to_end(each)
        self._now = now
        self._judge(now)
        self.bytes = sum(column.bytes for column in self.columns.values()) + 200 * len(self._ids)
        self.bytes += sum(keys.bytes for keys in self.keys.values())

    def forget(self, surplus: int) -> None:
        """Lets go of the columns that were not used for longest."""
        for each in [each for each in self.columns if each.source != "run"]:
            if surplus <= 0:
                break
            surplus -= self.columns[each].bytes
            self.bytes -= self.columns.pop(each).bytes

    def _start_anew(self) -> None:
        self._row_of, self._ids, self._updated, self._alive, self._gone = {}, [], {}, set(), set()
        self.keys, self._now = {}, None

    def _follow(self, connection: Connection, now: float, before: float) -> None:
        since = min(before, now)
        query = select(runs.c.id, runs.c.updated)
        query = query.where(self.scope.condition(), runs.c.updated > since - _LATE_S)
        changed = [
            run_id
            for run_id, updated in connection.execute(query)
            if updated != self._updated.get(run_id) or updated > since - _SAME_S
        ]
        for start in range(0, len(changed), _PAGE):
            self._read(connection, runs.c.id.in_(changed[start : start + _PAGE]))

    def _bury(self, connection: Connection) -> None:
        """Finds runs that were deleted; their rows stay, and are nobody's."""
        condition = self.scope.condition()
        count = connection.scalar(select(func.count()).select_from(runs).where(condition))
        if count == len(self):
            return
        there = set(connection.scalars(select(runs.c.id).where(condition)))
        for run_id, row in self._row_of.items():
            if run_id not in there and row not in self._gone:
                self._gone.add(row)
                self._alive.discard(row)
                for keys in self.keys.values():
                    keys.drop(row)

    def _read(self, connection: Connection, condition: ColumnElement[bool]) -> None:
        """Takes the runs that fit the condition into every column."""
        columns = _by_document(self.columns)
        documents = sorted({*columns, *self.keys})
        query = _ROW.add_columns(*(as_text(name) for name in documents)).where(condition)
        query = query.order_by(runs.c.created, runs.c.id).execution_options(yield_per=_PAGE)
        with connection.execute(query) as found:
            for row in found.mappings():
                place = self._place(row["id"])
                for name in documents:
                    _fill(place, row[name], columns.get(name), self.keys.get(name))
                self._take(place, row)

    def _place(self, run_id: str) -> int:
        place = self._row_of.get(run_id)
        if place is None:
            place = self._row_of[run_id] = len(self._ids)
            self._ids.append(run_id)
            for column in self.columns.values():
                column.grow(len(self._ids))
        self._gone.discard(place)
        return place

    def _take(self, place: int, row: RowMapping) -> None:
        values: dict[str, Any] = {name: row[name] for name in RUN_COLUMNS if name in _BASE}
        values["project"] = row["project"] or NO_PROJECT
        values["entity"] = row["project"].rpartition("/")[0]
        values["heard"] = row["updated"] if row["heard"] is None else row["heard"]
        until = row["ended"] or values["heard"]
        values["duration"] = max(0.0, until - row["started"]) if row["started"] else None
        for name, value in values.items():
            self.columns[RunField("run", name)][place] = value
        self._updated[row["id"]] = row["updated"]
        alive = row["sweep_id"] is None and row["state"] == RunState.RUNNING
        (self._alive.add if alive else self._alive.discard)(place)

    def _judge(self, now: float) -> None:
        """A run that fell silent is shown as crashed; see runs.py."""
        state, heard = self.columns[RunField("run", "state")], RunField("run", "heard")
        for place in self._alive:
            silent = self.columns[heard][place] < now - SILENT_S
            state[place] = (RunState.CRASHED if silent else RunState.RUNNING).value

    def _add(self, connection: Connection, new: Sequence[RunField], *, keys: bool) -> None:
        fresh = {each: Column(len(self._ids)) for each in new}
        names = {name: RunKeys() for name in DOCUMENTS} if keys else {}
        columns = _by_document(fresh)
        documents = sorted({*columns, *names})
        query = select(runs.c.id, *(as_text(name) for name in documents))
        query = query.where(self.scope.condition()).execution_options(yield_per=_PAGE)
        with connection.execute(query) as found:
            for row in found.mappings():
                place = self._row_of.get(row["id"])
                if place is not None:  # else it is newer than the last refresh
                    for name in documents:
                        _fill(place, row[name], columns.get(name), names.get(name))
        self.columns.update(fresh)
        self.keys.update(names)

    # -- asked -------------------------------------------------------------------------------

    def page(self, query: RunQuery) -> RunPage:
        rows = self.rows(query)
        orders = [*query.orders, Order(RunField("run", "created"), descending=False)]
        keys = [
            key
            for order in orders
            for key in self.columns[order.field].sort_keys(descending=order.descending)
        ]
        end = None if query.limit is None else query.offset + query.limit
        total, rows = len(rows), sorted_rows(rows, keys)[query.offset : end]
        return RunPage(
            total,
            [self._ids[row] for row in rows.tolist()],
            [self.columns[each].values(rows) for each in query.columns],
        )

    def rows(self, query: RunQuery) -> Rows:
        """Those of the runs that fit, in the order in which they became known."""
        mask = query.filter.keep(self.columns.__getitem__)
        if query.search:
            mask &= self._named(query.search)
        mask[list(self._gone)] = False
        return np.flatnonzero(mask)

    def _named(self, search: str) -> Mask:
        words = search.casefold().split()
        names = self.columns[RunField("run", "name")]
        found = np.zeros(len(self._ids), np.bool_)
        for row, run_id in enumerate(self._ids):
            text = f"{names[row]} {run_id}".casefold()
            found[row] = all(word in text for word in words)
        return found


_Columns = tuple[tuple[str, ...], tuple[Column, ...]]


def _by_document(columns: Mapping[RunField, Column]) -> dict[str, _Columns]:
    """Those that are filled from documents: names and columns of each document."""
    sources = sorted({each.source for each in columns} - {"run"})
    found = {}
    for source in sources:
        mine = [(each.name, column) for each, column in columns.items() if each.source == source]
        found[source] = (tuple(name for name, _ in mine), tuple(column for _, column in mine))
    return found


def _fill(place: int, text: str, columns: _Columns | None, keys: RunKeys | None) -> None:
    document = parse(text)
    if columns is not None:
        names, filled = columns
        for column, value in zip(filled, values_in(document, text, names), strict=True):
            column[place] = value
    if keys is not None:
        keys.take(place, document)
