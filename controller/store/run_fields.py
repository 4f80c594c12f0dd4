"""What runs are filtered, sorted and shown by: the names, and where their values are.

W&B's names are taken in both of their spellings (job_type, jobType). `name` is the run's id there,
and `display_name` what people call it. Neighbours: run_filters.py, run_index.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sweeps.errors import UsageError


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()
"""There is no such value; None is JSON's null."""


class RunField(NamedTuple):
    """Where a value is: in a column of the run's row (source "run") or below a name in one of its
    JSON documents (config, summary, metadata)."""

    source: str
    name: str

    @property
    def is_time(self) -> bool:
        return self in _TIMES


_RUN = {
    "id": "id",
    "local_id": "name local_id",
    "name": "display_name displayName",
    "project": "project",
    "entity": "entity",
    "state": "state",
    "sweep_id": "sweep sweep_id sweepName",
    "created": "created_at createdAt",
    "heard": "heartbeat_at heartbeatAt updated_at updatedAt",
    "ended": "ended_at finished_at",
    "steps": "history_line_count historyLineCount",
    "duration": "duration runtime",
    "exit_code": "exit_code exitcode exitCode",
}
_METADATA = {
    "group": "group",
    "job_type": "job_type jobType",
    "tags": "tags",
    "notes": "notes description",
    "username": "username user",
    "host": "host",
}
_FIELDS = {
    alias: RunField(source, name)
    for source, names in (("run", _RUN), ("metadata", _METADATA))
    for name, aliases in names.items()
    for alias in aliases.split()
}
_DOCUMENTS = {
    "config": "config",
    "summary": "summary",
    "summary_metrics": "summary",
    "summaryMetrics": "summary",
    "metadata": "metadata",
}
_TIMES = frozenset(RunField("run", name) for name in ("created", "heard", "ended"))
RUN_COLUMNS = tuple(_RUN)


def run_field(key: str) -> RunField:
    """The field that a name means. Raises UsageError with the names that there are."""
    document, dot, name = key.partition(".")
    if dot and name and document in _DOCUMENTS:
        return RunField(_DOCUMENTS[document], name)
    found = _FIELDS.get(key)
    if found is None:
        known = ", ".join(aliases.split()[0] for aliases in (*_RUN.values(), *_METADATA.values()))
        raise UsageError(
            f"runs have no {key!r}: expected config.NAME, summary_metrics.NAME, metadata.NAME or "
            f"one of {known}, name (the id)."
        )
    return found


def value_at(document: Mapping[str, Any], name: str) -> Any:
    """The value under a dotted name in nested mappings, whose keys may have dots themselves;
    MISSING when there is none. `x.value` is `x`, as W&B keeps its configs, unless there is one."""
    found = _below(document, name)
    if found is MISSING:
        head, _, rest = name.partition(".")
        if rest == "value" or rest.startswith("value."):
            return _below(document, head + rest[len("value") :])
    return found


def _below(document: Mapping[str, Any], name: str) -> Any:
    if name in document:
        return document[name]
    at = name.find(".")
    while at >= 0:
        inner = document.get(name[:at])
        if isinstance(inner, Mapping):
            found = _below(inner, name[at + 1 :])
            if found is not MISSING:
                return found
        at = name.find(".", at + 1)
    return MISSING
