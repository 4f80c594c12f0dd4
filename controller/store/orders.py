"""The store's part for what a person orders about trials: stop one, try failed ones again, try a
configuration of theirs next.

Each order is one transaction and safe to repeat; it takes the locks in the order of all of them
(trials, runs, the sweep last). What follows of it (a message to the agent, a place in the queue) is
the driver's, who reads it here: so an order stands, whoever is killed after it was answered.
Neighbours: `attempts.py` (how attempts end), controller/record.py (who may order what).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, exists, null, select, update

from controller.store.attempts import AttemptStore, lock_trial
from controller.store.records import NewTrial, SweepRecord, TrialRecord
from controller.store.schema import attempts, runs, sweeps, trials
from controller.store.sweeps import read_sweep
from controller.store.trials import insert_trials, read_trial
from sweeps.errors import Fenced, IllegalTransition
from sweeps.trial import (
    AttemptState,
    Outcome,
    Reason,
    SweepState,
    TrialState,
    check_attempt,
    check_sweep,
    check_trial,
)

_OPEN = (AttemptState.QUEUED, AttemptState.RUNNING)
_TAKES_NONE = (SweepState.STOPPING, SweepState.CANCELED)


class OrderStore(AttemptStore):
    """A person's orders. Each method is one transaction."""

    def stop_trial(self, trial_id: str, why: str) -> TrialRecord:
        """A trial is to end. One that waits is canceled at once; for one that runs, the order
        stands with its attempt until that is over, and it is not tried again.

        Args:
            why: a short text; the order's and the end's reason. A repeat does not change it.

        Raises NotFoundError, and IllegalTransition for a trial that is over.
        """
        with self._db.write() as connection:
            trial = lock_trial(connection, trial_id)
            state = TrialState(trial.state)
            if state.over:
                raise IllegalTransition(f"trial {trial_id} is {state}: there is nothing to stop")
            mine = (attempts.c.trial_id == trial_id, attempts.c.token == trial.token)
            now = self._db.read_clock(connection)
            if state is TrialState.RUNNING:
                order = update(attempts).where(*mine, attempts.c.ordered.is_(None))
                connection.execute(order.values(ordered=why))
                # So that whoever follows the run sees it.
                connection.execute(update(runs).where(runs.c.id == trial_id).values(updated=now))
                return read_trial(connection, trial_id)
            check_trial(state, TrialState.CANCELED)
            check_attempt(AttemptState.QUEUED, AttemptState.CANCELED)
            outcome = Outcome(AttemptState.CANCELED, Reason.USER, why)
            connection.execute(
                update(attempts).where(*mine).values(ended=now, ordered=why, **outcome.to_json())
            )
            self._end_trial(connection, trial, TrialState.CANCELED, Reason.USER, why, now)
            return read_trial(connection, trial_id)

    def retry_trials(
        self, sweep_id: str, trial_ids: Sequence[str] | None = None
    ) -> list[TrialRecord]:
        """Queues failed trials of a sweep again: those named, or all. A sweep that was over goes
        on with them.

        A named one that waits or runs is left as it is: that is what a repeat finds. Returns those
        that were queued, by number; they get a new `ended_seq` in their time.

        Raises:
            NotFoundError: no such sweep, or it has no such trial.
            IllegalTransition: a named trial has ended otherwise; or the sweep is canceled or about
                to end. Nothing is queued then.
        """
        with self._db.write() as connection:
            chosen = select(trials).where(trials.c.sweep_id == sweep_id)
            if trial_ids is None:
                chosen = chosen.where(trials.c.state == TrialState.FAILED)
            else:
                chosen = chosen.where(trials.c.id.in_(trial_ids))
            chosen = chosen.order_by(trials.c.id).with_for_update(key_share=True)
            found = connection.execute(chosen).all()
            for missing in sorted(set(trial_ids or ()) - {trial.id for trial in found}):
                read_sweep(connection, sweep_id)
                read_trial(connection, missing)  # of another sweep, or of none
                raise IllegalTransition(f"trial {missing} is not of sweep {sweep_id}")
            for trial in found:
                if TrialState(trial.state).over and trial.state != TrialState.FAILED:
                    raise IllegalTransition(
                        f"trial {trial.id} is {trial.state}: only a failed one can be retried"
                    )
            failed = [trial for trial in found if trial.state == TrialState.FAILED]
            now = self._db.read_clock(connection)
            for trial in failed:
                changes = {"attempts": trial.attempts + 1, "ended": None, "ended_seq": None}
                self._queue_next(connection, trial, now, {}, **changes)
            sweep = read_sweep(connection, sweep_id, lock=True)
            if failed:
                # The searcher was told that they had failed: its driver is to be built anew.
                self._go_on(connection, sweep, now)
            retried = (read_trial(connection, trial.id) for trial in failed)
            return sorted(retried, key=lambda trial: trial.number)

    def enqueue_trials(
        self,
        sweep_id: str,
        new: Sequence[NewTrial],
        names: Sequence[str | None],
        *,
        most: int | None = None,
    ) -> list[TrialRecord]:
        """Adds a person's configurations as trials that wait, before anything that is suggested
        later. A sweep that was over goes on with them.

        Args:
            new: their numbers go on from the sweep's `next_number`.
            names: of each, a name of the order, unique within the sweep: a repeat of the order
                adds nothing. None: it is the sweep file's own, whose turn came first.
            most: so many trials may the sweep have in all.

        Returns the trials of those names.

        Raises:
            NotFoundError: no such sweep.
            Fenced: somebody else has added trials: look what number comes next.
            IllegalTransition: the sweep is canceled or about to end, or `most` would be passed.
        """
        with self._db.write() as connection:
            sweep = read_sweep(connection, sweep_id, lock=True)
            wanted = [name for name in names if name is not None]
            query = select(trials.c.id).where(
                trials.c.sweep_id == sweep_id, trials.c.enqueued.in_(wanted)
            )
            if known := connection.scalars(query.order_by(trials.c.number)).all():
                return [read_trial(connection, trial_id) for trial_id in known]
            _check_takes_trials(sweep)
            numbers = [trial.number for trial in new]
            if numbers != list(range(sweep.next_number, sweep.next_number + len(new))):
                raise Fenced(
                    f"the next trial of sweep {sweep_id} is number {sweep.next_number}, not "
                    f"{numbers[:1]}: somebody else has added trials to it"
                )
            if most is not None and numbers[-1:] > [most]:
                room = max(most - sweep.next_number + 1, 0)
                raise IllegalTransition(
                    f"sweep {sweep_id} has {sweep.next_number - 1} of the {most} trials that its "
                    f"run_cap allows: there is room for {room} more, not for {len(new)}. Raise "
                    f"it first: `sweep update {sweep_id} --run-cap {numbers[-1]}`."
                )
            now = self._db.read_clock(connection)
            insert_trials(connection, sweep_id, sweep.project, new, now, names)
            connection.execute(
                update(sweeps)
                .where(sweeps.c.id == sweep_id)
                .values(next_number=sweep.next_number + len(new))
            )
            self._go_on(connection, sweep, now)
            return [
                read_trial(connection, f"{sweep_id}-{trial.number}")
                for trial, name in zip(new, names, strict=True)
                if name is not None
            ]

    def finish_sweep(self, sweep: SweepRecord, reason: str) -> SweepRecord:
        """A sweep is finished, unless somebody has given it more to do since `sweep` was read.

        Raises Fenced then, and IllegalTransition as `set_sweep_state` does.
        """
        with self._db.write() as connection:
            now = read_sweep(connection, sweep.id, lock=True)
            waits = exists().where(attempts.c.sweep_id == sweep.id, attempts.c.state.in_(_OPEN))
            known = (sweep.next_number, sweep.changed)
            if (now.next_number, now.changed) != known or connection.scalar(select(waits)):
                raise Fenced(f"sweep {sweep.id} has got more to do")
            check_sweep(now.state, SweepState.FINISHED)
            changes = {"state": SweepState.FINISHED, "reason": reason, "ended": self._db.now()}
            over = update(sweeps).where(sweeps.c.id == sweep.id)
            connection.execute(over.values({**changes, "trouble": ""}))
            return read_sweep(connection, sweep.id)

    def _go_on(self, connection: Connection, sweep: SweepRecord, now: float) -> None:
        """The sweep has more to do: whoever drives it starts from the database again."""
        _check_takes_trials(sweep)
        changes: dict[str, Any] = {"changed": max(now, (sweep.changed or 0.0) + 1e-3)}
        if sweep.state.over:
            check_sweep(sweep.state, SweepState.RUNNING)
            changes |= {"state": SweepState.RUNNING, "reason": "", "ended": null()}
        connection.execute(update(sweeps).where(sweeps.c.id == sweep.id).values(changes))


def _check_takes_trials(sweep: SweepRecord) -> None:
    if sweep.state in _TAKES_NONE:
        raise IllegalTransition(f"sweep {sweep.id} is {sweep.state}: it takes no trials")
