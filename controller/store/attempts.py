"""The store's part for the life of an attempt: start, end, and what takes its place.

This is where exactly-once recording is made: every change first locks the trial's row, then looks
whether the token is the newest, then asks the tables in `sweeps.trial`. Whether a trial is tried
again is not decided here (the caller hands the policy in), only carried out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from controller.store.engine import Database
from controller.store.records import AttemptRecord, Ended, TrialRecord
from controller.store.schema import attempts, runs, sweeps, trials
from controller.store.sweeps import raise_counter
from controller.store.trials import attempt_record, queued_attempt, read_trial
from sweeps.errors import Fenced, IllegalTransition, NotFoundError
from sweeps.retry import given_up
from sweeps.trial import (
    AttemptState,
    Outcome,
    Reason,
    TrialState,
    check_attempt,
    check_trial,
)

_END = {
    AttemptState.FINISHED: TrialState.FINISHED,
    AttemptState.STOPPED: TrialState.STOPPED,
    AttemptState.CANCELED: TrialState.CANCELED,
    AttemptState.FAILED: TrialState.FAILED,
    AttemptState.PREEMPTED: TrialState.FAILED,
    AttemptState.LOST: TrialState.FAILED,
}
"""What becomes of a trial that is not tried again."""

_TAKEN_AWAY = frozenset({AttemptState.PREEMPTED, AttemptState.LOST})
_RETRIABLE = _TAKEN_AWAY | {AttemptState.FAILED}
_SCORED = frozenset({TrialState.FINISHED, TrialState.STOPPED})


class AttemptStore:
    """The life of attempts. Each method is one transaction."""

    _db: Database

    def start_attempt(
        self,
        trial_id: str,
        token: int,
        *,
        agent_id: str,
        host: str,
        device: str,
        pid: int | None = None,
    ) -> TrialRecord:
        """Records that an agent starts an attempt; to be answered before the process is launched.

        From now on, what older attempts still send is fenced. A repeat by the same agent changes
        nothing (but a pid that it now knows).

        Raises:
            NotFoundError: no such trial.
            Fenced: the attempt is not the trial's newest, is over, or runs on another agent.
        """
        with self._db.write() as connection:
            trial = lock_trial(connection, trial_id)
            attempt = _newest(trial, token, _attempt(connection, trial_id, token))
            if attempt.state.over:
                raise Fenced(f"attempt {token} of trial {trial_id} is over: {attempt.state}")
            if attempt.state is AttemptState.RUNNING:
                if attempt.agent_id != agent_id:
                    raise Fenced(
                        f"attempt {token} of trial {trial_id} runs on agent {attempt.agent_id} "
                        f"({attempt.host}), not on {agent_id}"
                    )
                if pid is not None:
                    _change_attempt(connection, trial_id, token, pid=pid)
                return read_trial(connection, trial_id)
            check_attempt(attempt.state, AttemptState.RUNNING)
            check_trial(TrialState(trial.state), TrialState.RUNNING)
            now = self._db.read_clock(connection)
            where = {"agent_id": agent_id, "host": host, "device": device}
            _change_attempt(
                connection,
                trial_id,
                token,
                **where,
                pid=pid,
                state=AttemptState.RUNNING,
                started=now,
            )
            changes = {"state": TrialState.RUNNING, "started": now}
            connection.execute(
                update(trials).where(trials.c.id == trial_id).values(**changes, **where)
            )
            _change_run(connection, trial_id, **changes, writer=token, updated=now)
            return read_trial(connection, trial_id)

    def end_attempt(
        self,
        trial_id: str,
        token: int,
        outcome: Outcome,
        *,
        summary: Mapping[str, Any] | None = None,
        objective: float | None = None,
        seconds: float | None = None,
        retry: Callable[[Sequence[Outcome]], bool],
    ) -> Ended:
        """Records how an attempt ended, and what that makes of its trial: over, or queued again.

        Args:
            outcome: how it ended (finished, stopped, failed, canceled, preempted or lost).
            summary: replaces the run's, if given.
            objective: kept for a finished or stopped trial; one that is not finite counts as none.
            seconds: how long it ran, by its agent's clock: its word may come much later than its
                end. None: until now.
            retry: told all outcomes of the trial so far, this one last; asked only after a failed,
                preempted or lost attempt. Runs inside the transaction: it must be quick, and must
                not call the store.

        One that a person wants to end (`AttemptRecord.ordered`) is not tried again.

        Returns the trial as it is now; `repeat` when this attempt's end is on record with the same
        outcome, and nothing changed.

        Raises:
            NotFoundError: no such trial.
            Fenced: a newer attempt owns the trial, or this one's end is on record with another
                outcome (it was reaped as lost, say, and now its agent reports).
            IllegalTransition: an outcome that is no end.
        """
        if outcome.state not in _END:
            raise IllegalTransition(f"an attempt cannot end as {outcome.state}")
        with self._db.write() as connection:
            trial = lock_trial(connection, trial_id)
            found = _attempt(connection, trial_id, token)
            if found is not None and found.state is outcome.state:
                return Ended(read_trial(connection, trial_id), repeat=True)
            attempt = _newest(trial, token, found)
            if attempt.state.over:
                raise Fenced(
                    f"the end of attempt {token} of trial {trial_id} is on record as "
                    f"{attempt.state}: it cannot become {outcome.state} now"
                )
            check_attempt(attempt.state, outcome.state)
            outcome = _of_whom(outcome, attempt.ordered)
            now = self._db.read_clock(connection)
            ended = now
            if seconds is not None and attempt.started is not None:
                ended = min(now, attempt.started + max(0.0, seconds))
            _change_attempt(connection, trial_id, token, ended=ended, **outcome.to_json())
            outcomes = _outcomes(connection, trial_id)
            run = {} if summary is None else {"summary": summary}
            if outcome.state in _RETRIABLE and attempt.ordered is None and retry(outcomes):
                _check_way(TrialState(trial.state), TrialState.QUEUED)
                why: dict[str, Any] = {"reason": outcome.reason, "detail": outcome.detail}
                self._queue_next(connection, trial, now, run, attempts=trial.attempts + 1, **why)
            else:
                state, reason = _END[outcome.state], outcome.reason
                detail = given_up(outcomes) or outcome.detail
                if attempt.ordered is not None and outcome.state in _TAKEN_AWAY:
                    # It was taken away before the order reached it: that is as good.
                    state, reason, detail = TrialState.STOPPED, Reason.USER, attempt.ordered
                self._end_trial(
                    connection, trial, state, reason, detail, ended, _finite(objective), **run
                )
            return Ended(read_trial(connection, trial_id), repeat=False)

    def _end_trial(
        self,
        connection: Connection,
        trial: Row[Any],
        state: TrialState,
        reason: Reason,
        detail: str,
        ended: float,
        objective: float | None = None,
        **run: Any,
    ) -> None:
        """A trial is over; `run` goes into the run's row."""
        _check_way(TrialState(trial.state), state)
        now = self._db.read_clock(connection)
        _change_run(connection, trial.id, state=state, ended=ended, updated=now, **run)
        connection.execute(
            update(trials)
            .where(trials.c.id == trial.id)
            .values(
                state=state,
                ended=ended,
                # The sweep's row comes last: see raise_counter.
                ended_seq=raise_counter(connection, trial.sweep_id, sweeps.c.ended_seq),
                objective=objective if state in _SCORED else None,
                reason=reason,
                detail=detail,
            )
        )

    def requeue_attempt(self, trial_id: str, token: int, *, skip: int = 0) -> AttemptRecord:
        """Replaces an attempt that was never claimed by one with the next token (after a queue
        that forgot it, say): if somebody should claim it yet, he is fenced.

        Args:
            skip: so many tokens are left out.

        Raises NotFoundError, and Fenced when the attempt has moved on.
        """
        with self._db.write() as connection:
            trial = lock_trial(connection, trial_id)
            attempt = _newest(trial, token, _attempt(connection, trial_id, token))
            if attempt.state is not AttemptState.QUEUED:
                raise Fenced(f"attempt {token} of trial {trial_id} has moved on: {attempt.state}")
            check_attempt(attempt.state, AttemptState.SUPERSEDED)
            now = self._db.read_clock(connection)
            _change_attempt(connection, trial_id, token, state=AttemptState.SUPERSEDED, ended=now)
            return self._queue_next(connection, trial, now, {}, skip=skip)

    def cancel_queued(self, sweep_id: str) -> list[TrialRecord]:
        """Cancels all trials of a sweep that wait for a slot; their ends are in number order."""
        waiting = (
            select(trials)
            .where(trials.c.sweep_id == sweep_id, trials.c.state == TrialState.QUEUED)
            .order_by(trials.c.number)
            .with_for_update(key_share=True)
        )
        outcome = Outcome(AttemptState.CANCELED, Reason.USER)
        with self._db.write() as connection:
            found = connection.execute(waiting).all()
            if not found:
                return []
            # Several runs are locked by id, as those who take chunks in do.
            ids = [trial.id for trial in found]
            locked = select(runs.c.id).where(runs.c.id.in_(ids)).order_by(runs.c.id)
            connection.execute(locked.with_for_update(key_share=True))
            now = self._db.read_clock(connection)
            for trial in found:
                _change_attempt(connection, trial.id, trial.token, ended=now, **outcome.to_json())
                _change_run(connection, trial.id, state=TrialState.CANCELED, ended=now, updated=now)
            # The sweep's row comes last: see raise_counter.
            newest = raise_counter(connection, sweep_id, sweeps.c.ended_seq, by=len(found))
            for seq, trial in enumerate(found, newest - len(found) + 1):
                connection.execute(
                    update(trials)
                    .where(trials.c.id == trial.id)
                    .values(
                        state=TrialState.CANCELED,
                        ended=now,
                        ended_seq=seq,
                        reason=outcome.reason,
                        detail="",
                    )
                )
            return [read_trial(connection, trial.id) for trial in found]

    def _queue_next(
        self,
        connection: Connection,
        trial: Row[Any],
        now: float,
        run: Mapping[str, Any],
        *,
        skip: int = 0,
        **changes: Any,
    ) -> AttemptRecord:
        """Queues a trial with the next token, or one higher by `skip`; `run` and `changes` go into
        the run's and the trial's row with it."""
        attempt = queued_attempt(trial.sweep_id, trial.number, trial.token + 1 + skip, now)
        connection.execute(insert(attempts).values(**vars(attempt)))
        connection.execute(
            update(trials)
            .where(trials.c.id == trial.id)
            .values(state=TrialState.QUEUED, token=attempt.token, **changes)
        )
        _change_run(connection, trial.id, state=TrialState.QUEUED, ended=None, updated=now, **run)
        return attempt


def lock_trial(connection: Connection, trial_id: str) -> Row[Any]:
    """The trial's row, which nobody else changes until this transaction ends; or NotFoundError.

    What depends on it is read by later statements only: those see what was committed while this
    one waited.
    """
    query = select(trials).where(trials.c.id == trial_id).with_for_update(key_share=True)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no trial {trial_id!r}: `sweep trials SWEEP` lists them")
    return row


def _attempt(connection: Connection, trial_id: str, token: int) -> AttemptRecord | None:
    query = select(attempts).where(attempts.c.trial_id == trial_id, attempts.c.token == token)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else attempt_record(row)


def _outcomes(connection: Connection, trial_id: str) -> list[Outcome]:
    query = select(attempts).where(attempts.c.trial_id == trial_id).order_by(attempts.c.token)
    found = [attempt_record(row).outcome for row in connection.execute(query).mappings()]
    return [outcome for outcome in found if outcome is not None]


def _change_attempt(connection: Connection, trial_id: str, token: int, **changes: Any) -> None:
    connection.execute(
        update(attempts)
        .where(attempts.c.trial_id == trial_id, attempts.c.token == token)
        .values(**changes)
    )


def _newest(trial: Row[Any], token: int, attempt: AttemptRecord | None) -> AttemptRecord:
    """The attempt, or Fenced unless it is the trial's newest."""
    if attempt is None or token != trial.token:
        holder = f" (last seen on agent {trial.agent_id}, {trial.host})" if trial.agent_id else ""
        raise Fenced(
            f"attempt {token} of trial {trial.id} may not record anything: "
            f"attempt {trial.token} owns the trial{holder}"
        )
    return attempt


def _change_run(connection: Connection, run_id: str, **changes: Any) -> None:
    connection.execute(update(runs).where(runs.c.id == run_id).values(**changes))


def _of_whom(outcome: Outcome, ordered: str | None) -> Outcome:
    """An agent knows that it was told to stop, not whether by a rule or by a person."""
    if ordered is not None and outcome.state is AttemptState.STOPPED and outcome.detail == ordered:
        return replace(outcome, reason=Reason.USER)
    return outcome


def _check_way(old: TrialState, new: TrialState) -> None:
    """A trial whose start never reached the database ran all the same."""
    if old is TrialState.QUEUED and new is not TrialState.QUEUED:
        check_trial(old, TrialState.RUNNING)
        old = TrialState.RUNNING
    check_trial(old, new)


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
