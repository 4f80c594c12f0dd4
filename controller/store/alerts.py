"""The store's part for alerts: what scripts told people, and who has heard it.

Only keeps the books; controller/alerts.py delivers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    Text,
    and_,
    exists,
    func,
    select,
    type_coerce,
    update,
)

from controller.store.engine import Database
from controller.store.marks import touch_run
from controller.store.records import AlertRecord, AlertState
from controller.store.runs import no_run
from controller.store.schema import alerts, runs

STALE_S = 86_400.0
"""An alert that is older when it arrives (a run that is synced later) is only listed."""

_FIELDS = tuple(AlertRecord.__dataclass_fields__)
_ALERT = select(*(alerts.c[name] for name in _FIELDS))


def _named(run_id: str, writer: int, lane: str, number: int) -> ColumnElement[bool]:
    return and_(
        alerts.c.run_id == run_id,
        alerts.c.writer == writer,
        alerts.c.lane == lane,
        alerts.c.number == number,
    )


class AlertStore:
    """Alerts. Each method is one transaction."""

    _db: Database

    def add_alert(
        self,
        run_id: str,
        writer: int,
        lane: str,
        number: int | None,
        *,
        level: str,
        title: str,
        text: str,
        wait_s: float,
        raised: float,
        deliver: bool,
    ) -> AlertState:
        """Records an alert; safe to repeat: (run, writer, lane, number) names it.

        Args:
            number: None: the next one of this process, for those who do not count.
            wait_s: it is held when one of this run with this title was recorded in the last
                `wait_s` seconds and was not itself held.
            deliver: whether there is anybody to be told.

        The other arguments are those of `AlertRecord`. Returns what becomes of it. Raises
        NotFoundError. Not fenced: what an earlier attempt had to say stays said.
        """
        with self._db.write() as connection:
            # The run's row is locked, so that two of one title cannot both come first.
            query = select(runs.c.project).where(runs.c.id == run_id)
            run = connection.execute(query.with_for_update(key_share=True)).one_or_none()
            if run is None:
                raise no_run(run_id)
            if number is None:
                mine = (alerts.c.run_id == run_id, alerts.c.writer == writer, alerts.c.lane == lane)
                newest = connection.scalar(select(func.max(alerts.c.number)).where(*mine))
                number = 0 if newest is None else newest + 1
            name = (run_id, writer, lane, number)
            now = self._db.read_clock(connection)
            like = and_(
                alerts.c.run_id == run_id,
                alerts.c.title == title,
                alerts.c.state != AlertState.HELD,
                alerts.c.created > now - wait_s,
            )
            state = AlertState.DUE if deliver and raised > now - STALE_S else AlertState.KEPT
            if wait_s > 0 and connection.scalar(select(exists().where(like))):
                state = AlertState.HELD
            row = {
                **dict(zip(("run_id", "writer", "lane", "number"), name, strict=True)),
                "project": run.project,
                "state": state,
                "created": now,
                "raised": raised,
                "wait_s": wait_s,
                "level": level,
                "title": title,
                "text": text,
                "told": [],
            }
            insert = self._db.insert_absent(alerts).values(row).returning(alerts.c.state)
            if connection.scalar(insert) is not None:
                touch_run(connection, run_id, now)
                return state
            query = select(alerts.c.state).where(_named(*name))
            return AlertState(connection.execute(query).scalar_one())

    def alerts(
        self,
        *,
        run_id: str | None = None,
        project: str | None = None,
        limit: int = 100,
    ) -> list[AlertRecord]:
        """The newest alerts of a run, of a project or of all."""
        wanted = {"run_id": run_id, "project": project}
        query = _ALERT.where(
            *(alerts.c[name] == value for name, value in wanted.items() if value is not None)
        )
        query = query.order_by(alerts.c.created.desc(), alerts.c.number.desc())
        return self._alerts(query.limit(limit))

    def due_alerts(self, digest: str, limit: int) -> list[AlertRecord]:
        """Those that the address with this digest is still to be told, the oldest first."""
        has_it = type_coerce(alerts.c.told, Text).contains(digest)
        query = _ALERT.where(alerts.c.state == AlertState.DUE, ~has_it)
        query = query.order_by(alerts.c.created, alerts.c.number)
        return self._alerts(query.limit(limit))

    def alert_told(self, alert: AlertRecord, told: str, addresses: Sequence[str]) -> None:
        """Notes that the address with the digest `told` has the alert; with it the last of
        `addresses`, it is delivered."""
        with self._db.write() as connection:
            query = select(alerts.c.told).where(_named(*alert.name)).with_for_update()
            heard = connection.execute(query).scalar_one_or_none()
            if heard is None or told in heard:
                return
            heard = [*heard, told]
            changes: dict[str, Any] = {"told": heard}
            if set(heard) >= set(addresses):
                changes |= {"state": AlertState.DELIVERED, "delivered": self._db.now()}
            connection.execute(update(alerts).where(_named(*alert.name)).values(changes))

    def fail_alerts(self, older_s: float) -> int:
        """Gives up on what is still due after so many seconds; returns how many those were."""
        old = and_(alerts.c.state == AlertState.DUE, alerts.c.created < self._db.now() - older_s)
        with self._db.write() as connection:
            change = update(alerts).where(old).values(state=AlertState.FAILED)
            return connection.execute(change).rowcount

    def _alerts(self, query: Select[Any]) -> list[AlertRecord]:
        with self._db.read() as connection:
            return [_record(row) for row in connection.execute(query).mappings()]


def _record(row: RowMapping) -> AlertRecord:
    return AlertRecord(**{**row, "state": AlertState(row["state"])})
