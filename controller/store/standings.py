"""The store's part for how sweeps stand, many at once: a list of 500 is a handful of statements.

Neighbours: `sweeps.py`, `trials.py` (one at a time), controller/server/status.py (words it).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Connection, func, select

from controller.store.engine import Database
from controller.store.marks import same_project
from controller.store.records import SweepRecord, TrialRecord
from controller.store.schema import runs, sweeps, trials
from controller.store.sweeps import sweep_record
from controller.store.trials import TRIALS, trial_record
from sweeps.trial import SweepState, TrialState

RECENT_ENDS = 30
"""How many of a sweep's last ends are looked at, for its throughput."""
_PAGE = 400
_LAST_FIRST = {SweepState.RUNNING: 0, SweepState.STOPPING: 1, SweepState.PAUSED: 2}

SweepOrder = Literal["state", "activity", "created", "name"]


@dataclass(frozen=True)
class Standing:
    """Attributes:
    counts: how many trials are in each state; every state is there.
    best: the finished or stopped trial with the best objective; None: there is none, or no goal.
    ends: how many trials ended since `since`, RECENT_ENDS of the last at most.
    since: when the end before those was; None: there was none.
    """

    counts: Mapping[TrialState, int]
    best: TrialRecord | None = None
    ends: int = 0
    since: float | None = None


@dataclass(frozen=True)
class SweepPage:
    """Attributes:
    sweeps: a page of those that fit.
    activity: by id, when anything of theirs last happened.
    total: how many fit.
    states: how many there are in each state, of all that fit but for their state.
    """

    sweeps: Sequence[SweepRecord]
    activity: Mapping[str, float]
    total: int
    states: Mapping[str, int] = field(default_factory=dict)


class StandingStore:
    """Sweeps as they are listed. Each method is one transaction."""

    _db: Database

    def standings(
        self, listed: Sequence[SweepRecord], goals: Mapping[str, str]
    ) -> dict[str, Standing]:
        """By id. `goals`: minimize or maximize, of the sweeps that have one."""
        found: dict[str, Standing] = {}
        with self._db.snapshot() as connection:
            for start in range(0, len(listed), _PAGE):
                some = [sweep.id for sweep in listed[start : start + _PAGE]]
                counts = _counts(connection, some)
                best = _best(connection, some, goals)
                ends = _ends(connection, some)
                for sweep_id in some:
                    found[sweep_id] = Standing(
                        {state: counts.get((sweep_id, state), 0) for state in TrialState},
                        best.get(sweep_id),
                        *ends.get(sweep_id, (0, None)),
                    )
        return found

    def find_sweeps(
        self,
        *,
        search: str = "",
        states: Iterable[str] = (),
        project: str | None = None,
        order: SweepOrder = "state",
        offset: int = 0,
        limit: int = 100,
    ) -> SweepPage:
        """A page of the sweeps.

        Args:
            search: words that must all be in the id, the name or the project.
            project: only those of this whole name.
            states: only sweeps in one of these; none named: all.
            order: "state": those that run first, and of each state the latest active; "activity",
                "created": the latest first; "name".
        """
        latest = select(func.max(runs.c.updated)).where(runs.c.sweep_id == sweeps.c.id)
        names = ("id", "name", "project", "state", "created", "started", "ended")
        query = select(*(sweeps.c[name] for name in names), latest.scalar_subquery().label("last"))
        if project is not None:
            query = query.where(sweeps.c.project.in_(same_project(project)))
        words, wanted = search.casefold().split(), set(states)
        with self._db.snapshot() as connection:
            rows = [
                row
                for row in connection.execute(query).all()
                if all(word in f"{row.id} {row.name} {row.project}".casefold() for word in words)
            ]
            found: dict[str, int] = {}
            for row in rows:
                found[row.state] = found.get(row.state, 0) + 1
            rows = [row for row in rows if not wanted or row.state in wanted]
            active = {row.id: max(filter(None, row[4:])) for row in rows}
            rows.sort(key=lambda row: _place(order, row, active[row.id]))
            page = [row.id for row in rows[offset : offset + limit]]
            records = {}
            for start in range(0, len(page), _PAGE):
                some = select(sweeps).where(sweeps.c.id.in_(page[start : start + _PAGE]))
                for whole in connection.execute(some).mappings():
                    records[whole["id"]] = sweep_record(whole)
        return SweepPage([records[each] for each in page], active, len(rows), found)


def _place(order: SweepOrder, row: Any, active: float) -> tuple[Any, ...]:
    match order:
        case "name":
            return (row.name.casefold(), row.created)
        case "created":
            return (-row.created, row.id)
        case "activity":
            return (-active, row.id)
        case "state":
            return (_LAST_FIRST.get(SweepState(row.state), 3), -active, row.id)


def _counts(connection: Connection, sweep_ids: Sequence[str]) -> dict[tuple[str, str], int]:
    query = select(trials.c.sweep_id, trials.c.state, func.count())
    query = query.where(trials.c.sweep_id.in_(sweep_ids))
    rows = connection.execute(query.group_by(trials.c.sweep_id, trials.c.state))
    return {(sweep_id, state): count for sweep_id, state, count in rows}


def _best(
    connection: Connection, sweep_ids: Sequence[str], goals: Mapping[str, str]
) -> dict[str, TrialRecord]:
    ids: list[str] = []
    for goal in ("minimize", "maximize"):
        mine = [sweep_id for sweep_id in sweep_ids if goals.get(sweep_id) == goal]
        value = trials.c.objective if goal == "minimize" else trials.c.objective.desc()
        first = select(trials.c.id).where(
            trials.c.sweep_id == sweeps.c.id, trials.c.objective.is_not(None)
        )
        first = first.order_by(value, trials.c.number).limit(1)
        query = select(first.scalar_subquery()).where(sweeps.c.id.in_(mine))
        ids += [found for found in connection.scalars(query) if found is not None]
    rows = connection.execute(TRIALS.where(trials.c.id.in_(ids))).mappings()
    return {row["sweep_id"]: trial_record(row) for row in rows}


def _ends(connection: Connection, sweep_ids: Sequence[str]) -> dict[str, tuple[int, float | None]]:
    """(how many trials ended of late, when the one before them did), by sweep."""
    late = (
        trials.c.sweep_id == sweeps.c.id,
        trials.c.ended_seq > sweeps.c.ended_seq - (RECENT_ENDS + 1),
    )
    count = select(func.count()).select_from(trials).where(*late).scalar_subquery()
    first = select(trials.c.ended).where(*late).order_by(trials.c.ended_seq).limit(1)
    query = select(sweeps.c.id, count, first.scalar_subquery())
    query = query.where(sweeps.c.id.in_(sweep_ids), sweeps.c.ended_seq > 0)
    return {
        sweep_id: (number - 1, since) if number > RECENT_ENDS else (number, None)
        for sweep_id, number, since in connection.execute(query)
    }
