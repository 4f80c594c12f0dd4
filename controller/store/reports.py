"""The store's part for reports: markdown that people write about runs, with panels in it.

A report is changed by whoever has seen its newest version (optimistic locking): of two editors the
second is told, and neither is overwritten unseen. What its panels mean is no matter here.
Neighbours: controller/reports/ (panels, pages), controller/server/reports_api.py.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, Select, delete, insert, select, update

from controller.store.engine import Database
from controller.store.schema import reports
from sweeps.errors import NotFoundError, ReportChanged
from sweeps.project import NO_PROJECT


@dataclass(frozen=True)
class ReportRecord:
    """One report.

    Attributes:
        id: 8 characters of [0-9a-f].
        project: its whole name; NO_PROJECT for none.
        title: one line.
        text: markdown; "" in lists.
        author: who made it.
        editor: who changed it last.
        version: 1, and one more with each change.
    """

    id: str
    project: str
    title: str
    text: str
    author: str
    editor: str
    version: int
    created: float
    updated: float


_LISTED = tuple(reports.c[name] for name in ReportRecord.__dataclass_fields__ if name != "text")


class ReportStore:
    """Reports. Each method is one transaction."""

    _db: Database

    def add_report(self, project: str, title: str, text: str, author: str) -> ReportRecord:
        """Makes a report."""
        with self._db.write() as connection:
            now = self._db.read_clock(connection)
            record = ReportRecord(
                id=secrets.token_hex(4),
                project=project or NO_PROJECT,
                title=title,
                text=text,
                author=author,
                editor=author,
                version=1,
                created=now,
                updated=now,
            )
            connection.execute(insert(reports).values(vars(record)))
        return record

    def list_reports(self, project: str | None = None) -> list[ReportRecord]:
        """Without their texts, the one that changed last first.

        Args:
            project: its whole name; None: those of all projects.
        """
        query = select(*_LISTED).order_by(reports.c.updated.desc(), reports.c.id)
        if project is not None:
            query = query.where(reports.c.project == (project or NO_PROJECT))
        with self._db.read() as connection:
            return [_record(row) for row in connection.execute(query).mappings()]

    def get_report(self, report_id: str) -> ReportRecord:
        """Raises NotFoundError."""
        with self._db.read() as connection:
            row = connection.execute(_one(report_id)).mappings().one_or_none()
        if row is None:
            raise _unknown(report_id)
        return _record(row)

    def change_report(
        self, report_id: str, seen: int, editor: str, *, title: str, text: str
    ) -> ReportRecord:
        """Gives a report another title and text. What changes nothing is no new version.

        Args:
            seen: the version that the change was made to.

        Raises NotFoundError, and ReportChanged when somebody else was there first.
        """
        with self._db.write() as connection:
            row = connection.execute(_one(report_id).with_for_update()).mappings().one_or_none()
            if row is None:
                raise _unknown(report_id)
            if (row["title"], row["text"]) == (title, text):
                return _record(row)
            if row["version"] != seen:
                raise ReportChanged(
                    f"report {report_id} is at version {row['version']}, which {row['editor']} "
                    f"saved after you had opened version {seen}: look at theirs, then save again."
                )
            change: dict[str, Any] = {
                "title": title,
                "text": text,
                "editor": editor,
                "version": seen + 1,
                "updated": self._db.read_clock(connection),
            }
            connection.execute(update(reports).where(reports.c.id == report_id).values(change))
            return _record({**row, **change})

    def delete_report(self, report_id: str) -> None:
        """Raises NotFoundError."""
        with self._db.write() as connection:
            gone = connection.execute(delete(reports).where(reports.c.id == report_id))
            if not gone.rowcount:
                raise _unknown(report_id)


def _one(report_id: str) -> Select[Any]:
    return select(reports).where(reports.c.id == report_id)


def _unknown(report_id: str) -> NotFoundError:
    return NotFoundError(f"there is no report {report_id!r}; `sweep report ls` lists them.")


def _record(row: RowMapping | dict[str, Any]) -> ReportRecord:
    return ReportRecord(**{"text": "", **row})
