"""The calls about reports: read, and saved as one file."""

from __future__ import annotations

import json
from typing import Any, cast

import urllib3

from sweeps.protocol.wire import CONNECT_S, Wire, part

PAGE_S = 300.0
"""Seconds that the server may take to put all of a report into one file."""


class ReportCalls(Wire):
    """Reports. Each is {id, project, title, text, author, editor, version, created, updated}."""

    def reports(self, project: str | None = None) -> list[dict[str, Any]]:
        """Without their texts, the one that changed last first; of one project, or all."""
        told = self._object("GET", "/api/reports", query={"project": project})["reports"]
        return cast("list[dict[str, Any]]", told)

    def report(self, report_id: str) -> dict[str, Any]:
        return self._object("GET", f"/api/reports/{part(report_id)}")

    def report_of_sweep(self, sweep_id: str) -> dict[str, Any]:
        """{project, title, text} of the report that every sweep has."""
        return self._object("GET", f"/api/sweeps/{part(sweep_id)}/report")

    def report_page(self, report_id: str) -> bytes:
        """A report as one HTML file."""
        return self._page(f"/api/reports/{part(report_id)}/page")

    def sweep_page(self, sweep_id: str) -> bytes:
        """A sweep's as one HTML file."""
        return self._page(f"/api/sweeps/{part(sweep_id)}/report/page")

    def _page(self, path: str) -> bytes:
        timeout = urllib3.Timeout(connect=CONNECT_S, read=PAGE_S)
        answer = self._ask("GET", path, None, None, timeout=timeout)
        if answer.status < 400:
            return answer.data
        try:
            told = json.loads(answer.data)
        except ValueError:
            raise self._foreign(answer.status) from None
        raise self._error(answer.status, told)
