"""The store's part for a machine that fails every trial: is it the machine? Then they go elsewhere.

A script that is broken fails on every box, and so does a configuration that cannot work. So the
word of the agent alone is not enough: its box is believed bad only while trials of the same sweep
run on other hosts, none of those that failed here has failed elsewhere too, and most failed with
errors that no other host has had lately. Another agent on the same host proves nothing, either way.
Neighbours: `attempts.py` (every other way back into the queue); the rule's other half is the
agent's (`agent/quarantine.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import Connection, and_, exists, or_, select, update

from controller.store.attempts import AttemptStore
from controller.store.records import AttemptRecord
from controller.store.schema import attempts, sweeps, trials
from controller.store.trials import attempt_record
from sweeps.trial import AttemptState, SweepState, TrialState

_LONGER = 2.0
"""A trial that has run this many times as long as the longest that failed, has got past it."""
_LATELY_S = 3600.0
"""For how long an error elsewhere is remembered."""
_NUMBER = re.compile(r"0x[0-9a-f]+|[0-9]+", re.IGNORECASE)
_ENDED_WELL = (AttemptState.FINISHED, AttemptState.STOPPED)
_HANDS_OUT = (SweepState.PENDING, SweepState.RUNNING, SweepState.PAUSED)


class QuarantineStore(AttemptStore):
    """Decides about an agent's failures. One transaction."""

    def quarantine(
        self, sweep_id: str, agent_id: str, trial_ids: Sequence[str]
    ) -> list[str] | None:
        """Whether it is the agent's box that failed these trials; if so, they are queued again.

        Args:
            trial_ids: trials that failed on the agent one after another, each soon.

        Returns those that were queued again: each that has failed this once, and never before.
        None: nothing says that it is the box (no other host runs trials of the sweep, some of
        these failed elsewhere too, or half of them failed as others do there), or the sweep hands
        out no trials any more.
        """
        with self._db.write() as connection:
            # Locked in the order of all transactions: trials, runs, and the sweep last.
            chosen = and_(trials.c.sweep_id == sweep_id, trials.c.id.in_(trial_ids))
            query = select(trials).where(chosen).order_by(trials.c.id)
            found = connection.execute(query.with_for_update(key_share=True)).all()
            failures = [one for trial in found for one in _failures(connection, trial.id)]
            here = [one for one in failures if one.agent_id == agent_id]
            if not here or len(here) < len(failures):
                return None
            now = self._db.read_clock(connection)
            if not _others_do_well(connection, sweep_id, here, now):
                return None
            known = _errors_elsewhere(connection, sweep_id, here, now)
            odd = [one for one in here if _error(one.reason, one.detail) not in known]
            if 2 * len(odd) <= len(here):
                return None
            state = select(sweeps.c.state).where(sweeps.c.id == sweep_id)
            if connection.scalar(state) not in _HANDS_OUT:
                return None
            failed_once = [
                trial
                for trial in found
                if trial.state == TrialState.FAILED
                and [one in odd for one in here if one.trial_id == trial.id] == [True]
            ]
            for trial in failed_once:
                changes = {"attempts": trial.attempts + 1, "ended": None, "ended_seq": None}
                self._queue_next(connection, trial, now, {}, **changes)
            # The searcher was told that they had failed: its driver is to be built anew.
            connection.execute(
                update(sweeps)
                .where(sweeps.c.id == sweep_id)
                .values(changed=max(now, _changed(connection, sweep_id) + 1e-3))
            )
            return [trial.id for trial in failed_once]


def _failures(connection: Connection, trial_id: str) -> list[AttemptRecord]:
    query = select(attempts).where(
        attempts.c.trial_id == trial_id, attempts.c.state == AttemptState.FAILED
    )
    return [attempt_record(row) for row in connection.execute(query).mappings()]


def _error(reason: str | None, detail: str) -> tuple[str, str]:
    """What tells one error from another: numbers (a value, an address) do not."""
    return str(reason or ""), _NUMBER.sub("#", detail)


def _errors_elsewhere(
    connection: Connection, sweep_id: str, here: Sequence[AttemptRecord], now: float
) -> set[tuple[str, str]]:
    query = select(attempts.c.reason, attempts.c.detail).where(
        attempts.c.sweep_id == sweep_id,
        attempts.c.state == AttemptState.FAILED,
        attempts.c.host != here[0].host,
        attempts.c.ended >= now - _LATELY_S,
    )
    return {_error(reason, detail) for reason, detail in connection.execute(query.distinct())}


def _others_do_well(
    connection: Connection, sweep_id: str, here: Sequence[AttemptRecord], now: float
) -> bool:
    """Whether meanwhile a trial on another host ended well, or has long got past these ends."""
    longest = max((one.ended or now) - (one.started or now) for one in here)
    began = min(one.started or now for one in here)
    well = exists().where(
        attempts.c.sweep_id == sweep_id,
        attempts.c.host != here[0].host,
        or_(
            and_(attempts.c.state.in_(_ENDED_WELL), attempts.c.ended >= began),
            and_(
                attempts.c.state == AttemptState.RUNNING,
                attempts.c.started <= now - _LONGER * longest,
            ),
        ),
    )
    return bool(connection.scalar(select(well)))


def _changed(connection: Connection, sweep_id: str) -> float:
    return connection.scalar(select(sweeps.c.changed).where(sweeps.c.id == sweep_id)) or 0.0
