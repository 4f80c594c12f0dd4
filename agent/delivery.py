"""Tells the server how attempts ended, until it says that it knows; also for agents that died.

A result is in the outbox before the first try. With the server's answer it is recorded, and leaves
the outbox when the rest of its run is brought, too; or it is fenced (somebody else's attempt
counts, and this result is of no use to anybody).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.claim import Claim
from agent.listening import Backoff, Listener
from agent.outbox import Outbox, Result, abandoned
from agent.shipper import Shipper
from logging_core.folder import RunFolder
from sweeps.errors import (
    ConfigurationError,
    Fenced,
    NotFoundError,
    OpensweepError,
    ServerUnreachable,
    StoreUnavailable,
)
from sweeps.protocol.client import Client
from sweeps.trial import TrialState

_REFUSALS = 5


@dataclass(frozen=True)
class Receipt:
    """The server's last word on a result.

    Attributes:
        recorded: False when it was fenced.
        state: the trial's state now, "" when fenced.
        will_retry: it was queued again.
        scored: it is over, and the server said what it scores.
        objective: that score, over all attempts; None without a value.
        detail: what the server has to say of the end.
    """

    recorded: bool
    state: str = ""
    will_retry: bool = False
    scored: bool = False
    objective: float | None = None
    detail: str = ""


def deliver(
    client: Client, outbox: Outbox, result: Result, listener: Listener, give_up: threading.Event
) -> Receipt | None:
    """Delivers one result, however long the server is away.

    Returns None when `give_up` was set first, or the server refuses it: then it stays in the
    outbox.
    """
    backoff, refused = Backoff(), 0
    while True:
        try:
            answer = client.finish(
                result.trial_id,
                result.token,
                result.outcome,
                result.summary,
                result.logged_keys,
                config=result.config,
                metadata=result.metadata,
                seconds=result.seconds,
            )
        except Fenced:
            receipt = Receipt(recorded=False)
            break
        except (ServerUnreachable, StoreUnavailable, ConfigurationError) as error:
            listener.server_away(error)
        except NotFoundError as error:
            listener.warn(f"the server does not know {result.trial_id} any more: {error}")
            receipt = Receipt(recorded=False)
            break
        except OpensweepError as error:
            refused += 1
            if refused == _REFUSALS:
                listener.warn(
                    f"the server refuses the result of {result.trial_id} (it stays in"
                    f" {outbox.path}): {error}"
                )
                return None
        else:
            receipt = _receipt(answer)
            break
        if give_up.wait(backoff.seconds()):
            return None
    listener.server_back()
    if receipt.recorded:
        outbox.record(result)
    else:
        outbox.settle(result)
    return receipt


def _receipt(answer: Mapping[str, Any]) -> Receipt:
    state, will_retry = str(answer.get("state", "")), bool(answer.get("will_retry"))
    over = any(state == one for one in TrialState if one.over)
    if not over or "objective" not in answer:
        return Receipt(True, state, will_retry)
    return Receipt(
        True,
        state,
        will_retry,
        scored=True,
        objective=answer["objective"],
        detail=str(answer.get("detail") or ""),
    )


def deliver_abandoned(
    client: Client, server_id: str, home: Path, listener: Listener, give_up: threading.Event
) -> int:
    """Ships and reports what agents that died on this machine left; returns how many results.

    Those of another server stay where they are, until an agent of that one comes.
    """
    delivered = 0
    for outbox in abandoned(home):
        try:
            for result in outbox.pending():
                if result.server_id != server_id:
                    continue
                shipper = ship_rest(
                    client,
                    RunFolder(result.folder),
                    result.trial_id,
                    result.token,
                    result.metric,
                    listener,
                    give_up,
                )
                if give_up.is_set():
                    return delivered
                receipt = deliver(client, outbox, result, listener, give_up)
                if receipt is not None:
                    delivered += 1
                    finish(shipper, outbox, result, give_up, compacts=not receipt.will_retry)
            for result in outbox.recorded():
                if result.server_id != server_id or give_up.is_set():
                    continue
                folder = RunFolder(result.folder)
                if not Claim(folder).take():
                    continue  # another process is at it: `sweep sync`, say
                told = (result.trial_id, result.token, result.metric, listener, give_up)
                finish(ship_rest(client, folder, *told), outbox, result, give_up)
        finally:
            outbox.close()
    return delivered


def ship_rest(
    client: Client,
    folder: RunFolder,
    trial_id: str,
    token: int,
    metric: str | None,
    listener: Listener,
    give_up: threading.Event,
) -> Shipper | None:
    """Sends what is not acknowledged yet of a dead attempt's run folder, if that is still there.

    Returns what has sent it, for `finish`; None when nothing could be done here.
    """
    if not folder.path.is_dir():
        return None
    try:
        shipper = Shipper(client, folder, trial_id, token, metric, listener, resume=True)
    except ValueError as error:
        listener.warn(f"some of what {trial_id} logged was not delivered: {error}")
        return None
    if not shipper.claim.take():
        return None
    shipper.stop()
    shipper.drain(give_up)
    return shipper


def finish(
    shipper: Shipper | None,
    outbox: Outbox,
    result: Result,
    give_up: threading.Event,
    *,
    compacts: bool = True,
) -> None:
    """What is left to do once a result is recorded: the errands of its run, then its compaction.

    When `give_up` is set before that is done, the outbox keeps a note of it. `compacts`: nobody
    will go on from this run's records on this machine.
    """
    if shipper is not None:
        shipper.result_is_told()
        if not shipper.finish_errands(give_up):
            return
        if compacts:
            from agent.compact import compact_all

            with suppress(OSError):  # a full disk, say: the raw file is as good
                compact_all(RunFolder(result.folder), result.token)
    outbox.settle(result)
