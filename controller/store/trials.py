"""The store's part for reading trials and their attempts, and for adding new ones.

Neighbours: `attempts.py` (how an attempt starts and ends), `sweeps.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, Select, func, insert, select, update

from controller.store.engine import Database
from controller.store.records import (
    AttemptRecord,
    AttemptTime,
    NewTrial,
    SeenAgent,
    TrialRecord,
)
from controller.store.schema import attempts, runs, sweeps, trials
from sweeps.errors import Fenced, IllegalTransition, NotFoundError
from sweeps.trial import AttemptState, Reason, SweepState, TrialState

TrialOrder = Literal["number", "newest", "ended"]

TRIALS = select(trials, runs.c.summary, runs.c.steps).join(runs, runs.c.id == trials.c.id)
_ATTEMPTS = select(attempts)
_MOST_NAMED = 500  # numbers in one query; with more, all are read


class TrialStore:
    """Trials and attempts, as they are listed. Each method is one transaction."""

    _db: Database

    def add_trials(
        self,
        sweep_id: str,
        generation: int,
        new: Sequence[NewTrial],
        snapshot: Mapping[str, Any],
    ) -> list[AttemptRecord]:
        """Records suggestions, each as a queued trial with a queued first attempt, and the
        searcher's snapshot with them.

        Args:
            sweep_id: the sweep.
            generation: of the lease under which the caller works.
            new: the suggestions; their numbers go on from the sweep's `next_number`.
            snapshot: the searcher's after these suggestions.

        Raises:
            NotFoundError: no such sweep.
            Fenced: the lease was taken by another controller, or the numbers do not go on.
            IllegalTransition: the sweep is neither pending nor running: it takes no new trials.
        """
        with self._db.write() as connection:
            query = select(
                sweeps.c.owner,
                sweeps.c.generation,
                sweeps.c.next_number,
                sweeps.c.state,
                sweeps.c.project,
            ).where(sweeps.c.id == sweep_id)
            sweep = connection.execute(query.with_for_update(key_share=True)).one_or_none()
            if sweep is None:
                raise NotFoundError(f"there is no sweep {sweep_id!r}")
            if sweep.generation != generation:
                raise Fenced(
                    f"the lease on sweep {sweep_id} of generation {generation} is gone: "
                    f"{sweep.owner or 'nobody'} holds generation {sweep.generation}"
                )
            if sweep.state not in (SweepState.PENDING, SweepState.RUNNING):
                raise IllegalTransition(f"sweep {sweep_id} is {sweep.state}: it takes no trials")
            numbers = [trial.number for trial in new]
            if numbers != list(range(sweep.next_number, sweep.next_number + len(new))):
                raise Fenced(
                    f"the next trial of sweep {sweep_id} is number {sweep.next_number}, "
                    f"not {numbers}: somebody else has added trials to it"
                )
            now = self._db.read_clock(connection)
            queued = insert_trials(connection, sweep_id, sweep.project, new, now)
            connection.execute(
                update(sweeps)
                .where(sweeps.c.id == sweep_id)
                .values(next_number=sweep.next_number + len(new), snapshot=snapshot)
            )
            return queued

    def get_trial(self, trial_id: str) -> TrialRecord:
        """Raises NotFoundError."""
        with self._db.read() as connection:
            return read_trial(connection, trial_id)

    def trials(
        self,
        sweep_id: str,
        *,
        after_number: int = 0,
        limit: int | None = None,
        state: TrialState | None = None,
        order: TrialOrder = "number",
    ) -> list[TrialRecord]:
        """A sweep's trials, a page at a time; [] for a sweep that is not there.

        Args:
            after_number: only trials with a higher number.
            limit: at most so many; None: all.
            state: only those in this state.
            order: "number": from the first on; "newest": from the last number back; "ended": those
                that are over, the latest first.
        """
        query = TRIALS.where(trials.c.sweep_id == sweep_id)
        if after_number:
            query = query.where(trials.c.number > after_number)
        if state is not None:
            query = query.where(trials.c.state == state)
        if order == "ended":
            query = query.where(trials.c.ended_seq.is_not(None))
        by = {
            "number": trials.c.number,
            "newest": trials.c.number.desc(),
            "ended": trials.c.ended_seq.desc(),
        }
        return self._trials(query.order_by(by[order]).limit(limit))

    def ended_since(self, sweep_id: str, seq: int, limit: int | None = None) -> list[TrialRecord]:
        """The trials whose `ended_seq` is above `seq`, in the order in which they ended."""
        query = TRIALS.where(trials.c.sweep_id == sweep_id, trials.c.ended_seq > seq)
        return self._trials(query.order_by(trials.c.ended_seq).limit(limit))

    def best_trial(self, sweep_id: str, goal: str) -> TrialRecord | None:
        """The finished or stopped trial with the best objective; of equals, the lower number.

        Args:
            goal: "minimize" or "maximize".

        Returns None when no trial has an objective.
        """
        if goal not in ("minimize", "maximize"):
            raise ValueError(f"{goal!r} is no goal")
        value = trials.c.objective if goal == "minimize" else trials.c.objective.desc()
        query = TRIALS.where(trials.c.sweep_id == sweep_id, trials.c.objective.is_not(None))
        found = self._trials(query.order_by(value, trials.c.number).limit(1))
        return found[0] if found else None

    def counts(self, sweep_id: str) -> dict[TrialState, int]:
        """How many trials of a sweep are in each state; every state is there, if only with 0."""
        query = select(trials.c.state, func.count()).where(trials.c.sweep_id == sweep_id)
        with self._db.read() as connection:
            rows = connection.execute(query.group_by(trials.c.state))
            found: dict[str, int] = {state: n for state, n in rows}  # noqa: C416
        return {state: found.get(state.value, 0) for state in TrialState}

    def attempts(self, trial_id: str) -> list[AttemptRecord]:
        """The attempts at a trial, by token. Raises NotFoundError."""
        query = _ATTEMPTS.where(attempts.c.trial_id == trial_id).order_by(attempts.c.token)
        found = self._attempts(query)
        if not found:
            raise NotFoundError(f"there is no trial {trial_id!r}")
        return found

    def attempt_times(
        self, sweep_id: str, numbers: Sequence[int] | None = None
    ) -> list[AttemptTime]:
        """When the attempts ran that were started and are over, by trial and token.

        Args:
            numbers: of the trials; None: all of the sweep.
        """
        a = attempts.c
        query = select(a.number, a.started, a.ended, a.device).where(
            a.sweep_id == sweep_id, a.started.is_not(None), a.ended.is_not(None)
        )
        if numbers is not None and len(numbers) <= _MOST_NAMED:
            query = query.where(a.number.in_(numbers))
        with self._db.read() as connection:
            rows = connection.execute(query.order_by(a.number, a.token))
            return [AttemptTime(*row) for row in rows]

    def sweep_agents(self, sweep_id: str) -> list[SeenAgent]:
        """The agents that have run trials of a sweep, in the order in which they began."""
        began, ended = func.min(attempts.c.started), func.max(attempts.c.ended)
        query = (
            select(attempts.c.agent_id, func.max(attempts.c.host), func.count(), began, ended)
            .where(attempts.c.sweep_id == sweep_id, attempts.c.agent_id.is_not(None))
            .group_by(attempts.c.agent_id)
            .order_by(began)
        )
        with self._db.read() as connection:
            return [SeenAgent(*row) for row in connection.execute(query)]

    def agent_trials(self, sweep_id: str, agent_id: str) -> list[str]:
        """The ids of a sweep's trials that an agent has run, by number."""
        query = select(attempts.c.trial_id, attempts.c.number).where(
            attempts.c.sweep_id == sweep_id, attempts.c.agent_id == agent_id
        )
        with self._db.read() as connection:
            found = connection.execute(query.distinct().order_by(attempts.c.number))
            return [row.trial_id for row in found]

    def queued_attempts(self, sweep_id: str) -> list[AttemptRecord]:
        """The attempts of a sweep that wait for a slot, by trial number."""
        return self._in_state(sweep_id, AttemptState.QUEUED)

    def running_attempts(self, sweep_id: str) -> list[AttemptRecord]:
        """The attempts of a sweep that run, by trial number."""
        return self._in_state(sweep_id, AttemptState.RUNNING)

    def _in_state(self, sweep_id: str, state: AttemptState) -> list[AttemptRecord]:
        query = _ATTEMPTS.where(attempts.c.sweep_id == sweep_id, attempts.c.state == state)
        return self._attempts(query.order_by(attempts.c.number))

    def _trials(self, query: Select[Any]) -> list[TrialRecord]:
        with self._db.read() as connection:
            return [trial_record(row) for row in connection.execute(query).mappings()]

    def _attempts(self, query: Select[Any]) -> list[AttemptRecord]:
        with self._db.read() as connection:
            return [attempt_record(row) for row in connection.execute(query).mappings()]


PARENT = "parent"
"""The name in a run's metadata of the trial whose checkpoint folder it started with."""


def insert_trials(
    connection: Connection,
    sweep_id: str,
    project: str,
    new: Sequence[NewTrial],
    now: float,
    enqueued: Sequence[str | None] | None = None,
) -> list[AttemptRecord]:
    """Each as a queued trial with a queued first attempt, which is returned, and a run; within a
    transaction that has the sweep's row. `enqueued`: of each, the order by which a person asked
    for it."""
    if not new:
        return []
    first = select(sweeps.c.first_token).where(sweeps.c.id == sweep_id)
    token = connection.execute(first).scalar_one()
    queued = [queued_attempt(sweep_id, trial.number, token, now) for trial in new]
    ids = [f"{sweep_id}-{trial.number}" for trial in new]
    names = enqueued or [None] * len(new)
    common = {"sweep_id": sweep_id, "created": now}
    connection.execute(
        insert(trials).values(state=TrialState.QUEUED, token=token, attempts=1, detail=""),
        [
            {
                **common,
                "id": i,
                "number": trial.number,
                "config": trial.config,
                "enqueued": name,
                "parent": trial.parent,
            }
            for i, trial, name in zip(ids, new, names, strict=True)
        ],
    )
    connection.execute(insert(attempts), [vars(attempt) for attempt in queued])
    connection.execute(
        insert(runs).values(state=TrialState.QUEUED, writer=0, steps=0),
        [
            {
                **common,
                "id": trial_id,
                "project": project,
                "local_id": trial_id,
                "name": trial_id,
                "config": trial.config,
                "summary": {},
                "metadata": (
                    {} if trial.parent is None else {PARENT: f"{sweep_id}-{trial.parent}"}
                ),
                "updated": now,
            }
            for trial_id, trial in zip(ids, new, strict=True)
        ],
    )
    return queued


def read_trial(connection: Connection, trial_id: str) -> TrialRecord:
    """One trial, within a transaction. Raises NotFoundError."""
    row = connection.execute(TRIALS.where(trials.c.id == trial_id)).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"there is no trial {trial_id!r}: `sweep trials SWEEP` lists them")
    return trial_record(row)


def trial_record(row: RowMapping) -> TrialRecord:
    state, reason = TrialState(row["state"]), row["reason"] and Reason(row["reason"])
    return TrialRecord(**{**row, "state": state, "reason": reason})


def attempt_record(row: RowMapping) -> AttemptRecord:
    state, reason = AttemptState(row["state"]), row["reason"] and Reason(row["reason"])
    return AttemptRecord(**{**row, "state": state, "reason": reason})


def queued_attempt(sweep_id: str, number: int, token: int, now: float) -> AttemptRecord:
    """An attempt as it is when it is queued."""
    return AttemptRecord(
        trial_id=f"{sweep_id}-{number}",
        token=token,
        sweep_id=sweep_id,
        number=number,
        state=AttemptState.QUEUED,
        agent_id=None,
        host=None,
        device=None,
        pid=None,
        created=now,
        started=None,
        ended=None,
        reason=None,
        detail="",
        exit_code=None,
        signal=None,
    )
