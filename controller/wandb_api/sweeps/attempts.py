"""Attempts at trials whose scripts speak W&B's language: which one a script belongs to, its lease,
its orders, and its end.

Whoever takes in what such a script sends asks here. The record decides as for our own agents: what
an attempt that was given up still sends is fenced, and whether a trial is tried again is the retry
policy's. A script that uses the real client under an agent of ours is left to that agent, which
holds its lease, stops it, and says how it ended.

A script that ends well and has logged nothing may only be about to begin its run anew (the Hugging
Face Trainer's search does): such an end is held until its agent has nothing of it any more.
Neighbours: agents.py (the agents themselves), sweeps/run_name.py (the names), notes.py.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping
from typing import Any

from redis.exceptions import RedisError

from controller import record
from controller.server.services import Services
from controller.store.chunk_records import ChunkKind
from controller.store.records import AttemptRecord, Ended, RunRecord
from controller.store.store import Store
from logging_core.values import flatten
from sweeps.errors import Fenced, NotFoundError
from sweeps.protocol.live import Claim, Order, is_wandb_agent
from sweeps.run_name import attempt_of
from sweeps.trial import AttemptState, Outcome, Reason

log = logging.getLogger(__name__)

_WELL = Outcome(AttemptState.FINISHED, Reason.OK, exit_code=0)

HELD_S = 15.0
"""How often it is looked whether an end that is held is one."""
SILENT_S = 12.0
"""Agents speak every five seconds. Who has not for so long is gone."""

_GIVEN_UP = (AttemptState.LOST, AttemptState.CANCELED, AttemptState.SUPERSEDED)


# -- whose script it is ----------------------------------------------------------------------------


def trial_run(store: Store, sweep_id: str, name: str) -> RunRecord | None:
    """The run of a sweep's trial that a script means by `name`, whichever project it names."""
    named = attempt_of(name)
    if named is None:
        return None
    try:
        run = store.get_run(named[0])
    except NotFoundError:
        return None
    return run if run.sweep_id == sweep_id else None


def token_of(store: Store, run: RunRecord, name: str) -> int:
    """Which attempt at a trial the script belongs to that calls the trial's run `name`.

    W&B's agents were told a name of its own for each attempt. Scripts under our agents know the
    trial's name alone: they belong to the newest.
    """
    if name != run.id and (named := attempt_of(name)) is not None:
        return named[1]
    newest = store.attempts(run.id)[-1]
    return 1 if is_wandb_agent(newest.agent_id) else max(run.writer, 1)


# -- while it runs ---------------------------------------------------------------------------------


def registered(found: Services, trial_id: str, token: int) -> None:
    """The script of an attempt has introduced its run."""
    note = found.notes.of(trial_id, token)
    note.spoke, note.held = True, False


def preempting(found: Services, trial_id: str, token: int) -> None:
    """The script says that its machine is being taken away: if it fails now, that is why."""
    found.notes.of(trial_id, token).preempting = True


def stop_ordered(found: Services, trial_id: str, token: int) -> bool:
    """Whether the script of an attempt is to end, which it is told thereupon; prolongs its lease.

    To be asked whenever the script speaks. True also for an attempt that was given up. While Redis
    is away nobody is stopped.
    """
    if attempt_of(trial_id) is None:
        return False
    try:
        held = found.live.attempt(trial_id)
        if not held:
            return _was_given_up(found.store, trial_id, token)
        if held["token"] != str(token):
            return int(held["token"]) > token
        agent_id = held.get("agent", "")
        if not is_wandb_agent(agent_id):
            return False
        renewal = found.live.renew(trial_id, token, agent_id)
    except RedisError:
        return False
    if renewal.status is Claim.FENCED:
        return True
    if renewal.order is Order.NONE:
        return False
    note = found.notes.of(trial_id, token)
    note.ordered = note.ordered or time.monotonic()
    note.told = True
    return True


def stop_pending(found: Services, run: RunRecord) -> bool:
    """Whether a run is to end, for those who look on."""
    return run.sweep_id is not None and _order(found, run.id, run.writer)[0] is not Order.NONE


def _was_given_up(store: Store, trial_id: str, token: int) -> bool:
    """What Redis does not know: the attempt is over, or Redis has forgotten everything."""
    try:
        listed = store.attempts(trial_id)
    except NotFoundError:
        return False
    return any(each.token == token and was_given_up(each) for each in listed)


def was_given_up(attempt: AttemptRecord) -> bool:
    """Whether an attempt ended on somebody else's word than its script's."""
    return attempt.state in _GIVEN_UP


def _order(found: Services, trial_id: str, token: int) -> tuple[Order, str]:
    """What an attempt is ordered to do, and why."""
    try:
        held = found.live.attempt(trial_id)
    except RedisError:
        return Order.NONE, ""
    if held.get("token") != str(token):
        return Order.NONE, ""
    return Order(held.get("order", "")), held.get("why", "")


# -- its end ---------------------------------------------------------------------------------------


def end_trial(
    found: Services,
    trial_id: str,
    token: int,
    exit_code: int,
    *,
    summary: Mapping[str, Any] | None = None,
    preempting: bool = False,
) -> Ended | None:
    """Records the end of an attempt as its script says it; all that it logged must be recorded.

    Args:
        exit_code: the script's.
        summary: the run's; None: as it is on record.
        preempting: the script has said that its machine is being taken away.

    Returns None when this is not the word that counts: an agent of ours runs it, or the attempt is
    over already, or its end is held (`settle`). Raises NotFoundError: no such trial.
    """
    attempt = _attempt(found.store, trial_id, token)
    if attempt is None or not is_wandb_agent(attempt.agent_id):
        return None
    note = found.notes.of(trial_id, token)
    order, why = _order(found, trial_id, token)
    if order is not Order.NONE and (exit_code != 0 or note.told):
        outcome = _as_ordered(order, why, exit_code)
    elif exit_code == 0 and _logged_nothing(found.store, attempt, summary):
        note.held = True
        return None
    elif exit_code == 0:
        outcome = _WELL
    elif preempting or note.preempting:
        why = "its machine was taken away"
        outcome = Outcome(AttemptState.PREEMPTED, Reason.PREEMPTED, why, exit_code=exit_code)
    else:
        why = f"the script ended with exit code {exit_code}"
        outcome = Outcome(AttemptState.FAILED, Reason.ERROR, why, exit_code=exit_code)
    return _end(found, attempt, outcome, summary)


def settle(found: Services, trial_id: str, token: int) -> bool:
    """Records an end that is held, if it is one by now; whether there is nothing to wait for."""
    if not found.notes.is_held(trial_id, token):
        return True
    note = found.notes.of(trial_id, token)
    if note.seen is not None and time.monotonic() - note.seen < SILENT_S:
        return False
    attempt = _attempt(found.store, trial_id, token)
    if attempt is not None:
        end_held(found, attempt)
    return True


def end_held(found: Services, attempt: AttemptRecord) -> None:
    """Records the end of an attempt whose script has ended well, and did not begin again."""
    _end(found, attempt, _WELL, None)


def _logged_nothing(
    store: Store, attempt: AttemptRecord, summary: Mapping[str, Any] | None
) -> bool:
    if summary is None:
        summary = store.get_run(attempt.trial_id).summary
    places = store.stream_places(attempt.trial_id, attempt.token, "")
    return places[ChunkKind.HISTORY].seq < 0 and not summary.keys() - {"_runtime"}


def end_silent(found: Services, attempt: AttemptRecord, *, spoke: bool) -> Ended | None:
    """Records the end of an attempt whose agent says that its process is gone, and whose script
    never said how it ended.

    Args:
        spoke: whether the script had introduced its run.
    """
    order, why = _order(found, attempt.trial_id, attempt.token)
    if order is not Order.NONE:
        outcome = _as_ordered(order, why, None)
    elif spoke:
        why = "its process is gone and never said how it ended: it was killed, or it crashed"
        outcome = Outcome(AttemptState.FAILED, Reason.KILLED, why)
    else:
        why = "its process ended before wandb.init(): its agent's terminal shows why"
        outcome = Outcome(AttemptState.FAILED, Reason.ERROR, why)
    return _end(found, attempt, outcome, None)


def _as_ordered(order: Order, why: str, exit_code: int | None) -> Outcome:
    if order is Order.CANCEL:
        return Outcome(AttemptState.CANCELED, Reason.USER, why, exit_code=exit_code)
    return Outcome(AttemptState.STOPPED, Reason.EARLY_STOP, why, exit_code=exit_code)


def _end(
    found: Services, attempt: AttemptRecord, outcome: Outcome, summary: Mapping[str, Any] | None
) -> Ended | None:
    trial_id, token = attempt.trial_id, attempt.token
    if summary is None:
        summary = found.store.get_run(trial_id).summary
    names = tuple(flatten(summary))
    try:
        ended = record.record_end(
            found.store, trial_id, token, outcome, summary=summary, logged_keys=names
        )
    except Fenced as error:
        log.info("the end of %s, attempt %d, is not recorded: %s", trial_id, token, error)
        return None
    found.notes.drop(trial_id, token)
    with contextlib.suppress(RedisError):  # its lease runs out, and the loop lets go of it
        found.live.finish(trial_id, token)
    found.loop.wake()
    return ended


def _attempt(store: Store, trial_id: str, token: int) -> AttemptRecord | None:
    return next((each for each in store.attempts(trial_id) if each.token == token), None)
