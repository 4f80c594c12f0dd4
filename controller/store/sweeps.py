"""The store's part for sweeps: creation, state, and the lease of the controller that works on one.

Neighbours: `trials.py` and `history.py`, which raise a sweep's counters through `raise_counter`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column as TableColumn
from sqlalchemy import (
    Connection,
    RowMapping,
    Select,
    and_,
    case,
    exists,
    insert,
    null,
    or_,
    select,
    update,
)

from controller.store.engine import Database
from controller.store.records import SweepRecord
from controller.store.schema import attempts, sweeps
from sweeps.errors import NotFoundError, StoreError
from sweeps.project import NO_PROJECT
from sweeps.trial import AttemptState, SweepState, check_sweep

_ALL = select(sweeps)


class SweepStore:
    """Sweeps. Each method is one transaction."""

    _db: Database

    def create_sweep(
        self,
        *,
        sweep_id: str,
        name: str,
        project: str,
        yaml: str,
        spec: Mapping[str, Any],
        seed: int,
        origin: Mapping[str, Any],
        prior: Sequence[Mapping[str, Any]] = (),
    ) -> SweepRecord:
        """Records a pending sweep; the arguments are those of `SweepRecord`.

        Raises StoreError when the id is taken: draw another.
        """
        with self._db.write() as connection:
            if connection.scalar(select(sweeps.c.id).where(sweeps.c.id == sweep_id)):
                raise StoreError(f"there is a sweep {sweep_id!r} already")
            connection.execute(
                insert(sweeps).values(
                    id=sweep_id,
                    name=name,
                    project=project,
                    yaml=yaml,
                    spec=spec,
                    seed=seed,
                    origin=origin,
                    prior=list(prior),
                    state=SweepState.PENDING,
                    reason="",
                    created=self._db.now(),
                    generation=0,
                    next_number=1,
                    ended_seq=0,
                    feed=0,
                )
            )
            return read_sweep(connection, sweep_id)

    def change_sweep(
        self,
        sweep_id: str,
        *,
        name: str | None = None,
        yaml: str | None = None,
        spec: Mapping[str, Any] | None = None,
        prior: Sequence[Mapping[str, Any]] | None = None,
    ) -> SweepRecord:
        """Replaces what is given; text and mapping of the file go together. Raises NotFoundError.

        Who works on the sweep sees by `changed` that its file is another one.
        """
        given = {"name": name, "yaml": yaml, "spec": spec, "prior": prior}
        changes: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
        with self._db.write() as connection:
            old = read_sweep(connection, sweep_id, lock=True)
            if changes.keys() - {"name"}:
                now = self._db.read_clock(connection)
                # Two changes within one tick of the clock are two.
                changes["changed"] = max(now, (old.changed or 0.0) + 1e-3)
                changes["trouble"] = ""  # that of the old file; of the new one nothing is known
            if changes:
                connection.execute(update(sweeps).where(sweeps.c.id == sweep_id).values(changes))
            return read_sweep(connection, sweep_id)

    def get_sweep(self, sweep_id: str) -> SweepRecord:
        """Raises NotFoundError."""
        with self._db.read() as connection:
            return read_sweep(connection, sweep_id)

    def list_sweeps(self, state: SweepState | None = None) -> list[SweepRecord]:
        """All sweeps, or those in one state; the newest first."""
        query = _ALL.order_by(sweeps.c.created.desc(), sweeps.c.id.desc())
        return self._select(query if state is None else query.where(sweeps.c.state == state))

    def sweep_metrics(self, project: str | None, newest: int = 50) -> list[str]:
        """Names of the metrics of a project's newest sweeps, or of everybody's; each once, the
        newest sweep's first."""
        query = select(sweeps.c.spec).order_by(sweeps.c.created.desc(), sweeps.c.id.desc())
        if project is not None:
            names = [project, ""] if project == NO_PROJECT else [project]
            query = query.where(sweeps.c.project.in_(names))
        with self._db.read() as connection:
            specs = connection.scalars(query.limit(newest)).all()
        metrics = (spec.get("metric") for spec in specs)
        named = (metric.get("name") for metric in metrics if isinstance(metric, Mapping))
        return list(dict.fromkeys(name for name in named if isinstance(name, str)))

    def open_sweeps(self) -> list[SweepRecord]:
        """The sweeps that a controller has work with; the oldest first.

        Those that are not over, and canceled ones while attempts of theirs still wait or run.
        """
        states = [state for state in SweepState if not state.over]
        unfinished = exists().where(
            attempts.c.sweep_id == sweeps.c.id,
            attempts.c.state.in_([AttemptState.QUEUED, AttemptState.RUNNING]),
        )
        canceled = and_(sweeps.c.state == SweepState.CANCELED, unfinished)
        query = _ALL.where(or_(sweeps.c.state.in_(states), canceled))
        return self._select(query.order_by(sweeps.c.created, sweeps.c.id))

    def set_sweep_state(self, sweep_id: str, state: SweepState, reason: str = "") -> SweepRecord:
        """Moves a sweep to a state, and notes why; staying in a state may change the reason.

        The first time that it runs is its start; it ends when it is over, and no longer has an end
        if it goes on after that. Raises NotFoundError, and IllegalTransition for a change that
        `check_sweep` does not have.
        """
        with self._db.write() as connection:
            old = read_sweep(connection, sweep_id, lock=True)
            check_sweep(old.state, state)
            changes: dict[str, Any] = {"state": state, "reason": reason}
            if state is SweepState.RUNNING and old.started is None:
                changes["started"] = self._db.now()
            if state.over is not old.state.over:
                changes["ended"] = self._db.now() if state.over else null()
                changes["trouble"] = ""
            connection.execute(update(sweeps).where(sweeps.c.id == sweep_id).values(changes))
            return read_sweep(connection, sweep_id)

    def set_trouble(self, sweep_id: str, trouble: str) -> None:
        """Notes why a sweep gets no new trials; "": it gets some again. One that is over, and one
        that is not there, have no such note."""
        there = (sweeps.c.id == sweep_id, sweeps.c.ended.is_(None))
        with self._db.write() as connection:
            connection.execute(update(sweeps).where(*there).values(trouble=trouble))

    def take_sweep(self, sweep_id: str, owner: str, ttl_s: float) -> int | None:
        """Takes or renews the lease of a sweep, by the database's clock.

        Args:
            owner: who asks; unique for each controller process.
            ttl_s: for how many seconds from now.

        Returns the lease's generation, which rises with each change of owner; None when another
        owner's lease is still good. Raises NotFoundError.
        """
        now = self._db.now()
        mine = sweeps.c.owner == owner
        take = (
            update(sweeps)
            .where(
                sweeps.c.id == sweep_id,
                or_(sweeps.c.owner.is_(None), mine, sweeps.c.lease_until <= now),
            )
            .values(
                owner=owner,
                lease_until=now + ttl_s,
                generation=case((mine, sweeps.c.generation), else_=sweeps.c.generation + 1),
            )
            .returning(sweeps.c.generation)
        )
        with self._db.write() as connection:
            generation: int | None = connection.scalar(take)
            if generation is None:
                read_sweep(connection, sweep_id)
            return generation

    def raise_tokens(self, by: int) -> None:
        """Trials that are recorded from now on begin with tokens higher by so many."""
        with self._db.write() as connection:
            connection.execute(update(sweeps).values(first_token=sweeps.c.first_token + by))

    def release_sweep(self, sweep_id: str, owner: str) -> None:
        """Gives the lease back, so that another controller need not wait for its end.

        The generation that it was held under is stale from now on. Nothing happens when `owner`
        does not hold it.
        """
        with self._db.write() as connection:
            connection.execute(
                update(sweeps)
                .where(sweeps.c.id == sweep_id, sweeps.c.owner == owner)
                .values(owner=None, lease_until=None, generation=sweeps.c.generation + 1)
            )

    def _select(self, query: Select[Any]) -> list[SweepRecord]:
        with self._db.read() as connection:
            return [sweep_record(row) for row in connection.execute(query).mappings()]


def raise_counter(
    connection: Connection, sweep_id: str, counter: TableColumn[Any], by: int = 1
) -> int:
    """Raises one of a sweep's counters and gives its new value.

    The row stays locked until the transaction ends: whoever comes next waits, and so the numbers
    rise in the order of the commits, without a gap. Take it last, after any lock on trials or runs
    (all transactions lock in the order trial, run, sweep, and so never wait in a circle).
    """
    query = update(sweeps).where(sweeps.c.id == sweep_id).values({counter: counter + by})
    return int(connection.execute(query.returning(counter)).scalar_one())


def read_sweep(connection: Connection, sweep_id: str, *, lock: bool = False) -> SweepRecord:
    """One sweep, within a transaction. Raises NotFoundError."""
    query = _ALL.where(sweeps.c.id == sweep_id)
    if lock:
        query = query.with_for_update(key_share=True)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"there is no sweep {sweep_id!r}: `sweep ls` lists those that are")
    return sweep_record(row)


def sweep_record(row: RowMapping) -> SweepRecord:
    return SweepRecord(**{**row, "state": SweepState(row["state"])})
