"""What agents say: here I am, this attempt starts, this is what it logged, this is how it ended.

Everything is safe to repeat and answered only after the commit, so that an agent may send again
until it hears 200, or 409: the attempt is somebody else's now, and what it says is not recorded.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import struct
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from controller import record
from controller.server.auth import caller
from controller.server.commits import offered
from controller.server.services import Services, services
from controller.server.status import metric_json
from controller.server.wire import json_response, read_body, read_json, read_query
from controller.store.chunk_records import Chunk, ChunkKind
from controller.store.keys import Role
from controller.store.trials import PARENT
from sweeps.errors import BrokerError, NotFoundError, UsageError
from sweeps.protocol import chunks
from sweeps.search_section import Algorithm
from sweeps.trial import Outcome, TrialState

log = logging.getLogger(__name__)

CHUNK_BYTES = 64 << 20
"""A chunk's body may not be longer."""

_CHECKED_HERE = 64 << 10
"""A chunk of up to so many bytes is checked sooner than a thread could be asked to."""

_SUSPICIOUS = 1000
"""So many failed trials of one agent are looked at, at most."""

_NOTHING = Response(status_code=204)
_LANE = re.compile(r"[A-Za-z0-9_]{1,40}")
_LENGTH = struct.Struct("<I")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}")


async def handshake(request: Request) -> Response:
    """GET /api/handshake: the address of Redis as this client reaches it, and who we are.

    The address holds a password: a key that may only read gets null.
    """
    found = services(request)
    if found.broker.conflict:
        raise BrokerError(found.broker.conflict)
    who = caller(request)
    url = found.broker.agent_url(reached_as(request)) if who.role.includes(Role.WRITE) else None
    return json_response(
        {
            "version": found.version,
            "user": who.user,
            "role": who.role.value,
            "redis_url": url,
            "server_id": found.server_id,
            "idle_s": found.idle_s,
        }
    )


def reached_as(request: Request) -> str | None:
    """By which name or address the client reached this machine; None: it is on it.

    A name other than localhost counts as another machine's view, even from here: behind a proxy
    every client seems to be local.
    """
    try:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        host = ""
    try:
        return None if ipaddress.ip_address(host).is_loopback else host
    except ValueError:
        pass
    if not _HOST.fullmatch(host):
        raise UsageError(f"the Host header {host!r} names no host")
    return None if host == "localhost" or host.endswith(".localhost") else host


async def start(request: Request) -> Response:
    """POST /api/agent/start: an attempt is about to run; answers what it is to run."""
    found = services(request)
    body = await read_json(request)
    answer = await found.call(
        _start,
        found,
        body.text("trial_id", longest=200),
        body.whole("token", least=1),
        agent_id=body.text("agent_id", longest=200),
        host=body.text("host", longest=300),
        device=body.text("device", "", longest=1000),
        pid=body.optional_whole("pid", least=1),
    )
    # Until now it counted as waiting, though its slot was taken: another free slot may get a trial.
    found.loop.wake()
    return json_response(answer, exact=True)


def _start(
    found: Services,
    trial_id: str,
    token: int,
    *,
    agent_id: str,
    host: str,
    device: str,
    pid: int | None,
) -> dict[str, Any]:
    trial = found.store.start_attempt(
        trial_id, token, agent_id=agent_id, host=host, device=device, pid=pid
    )
    spec = record.spec_of(found.store.get_sweep(trial.sweep_id))
    in_segments = spec.search is not None and spec.search.type is Algorithm.PBT
    before = found.store.attempts(trial_id) if token > 1 else []
    began = [old.token for old in before if old.token < token and old.started is not None]
    return {
        "trial": {
            "id": trial.id,
            "number": trial.number,
            "config": dict(trial.config),
            "attempt": token,
            "resumed": bool(began),
            "last": max(began, default=0),
            # Population based training: what it starts with, and that others may start with it.
            **({"parent": _parent(found, trial_id), "keep": True} if in_segments else {}),
        },
        "sweep_id": trial.sweep_id,
        "metric": metric_json(spec),
    }


def _parent(found: Services, trial_id: str) -> dict[str, Any] | None:
    name = found.store.get_run(trial_id).metadata.get(PARENT)
    if not isinstance(name, str):
        return None
    try:
        return {"id": name, "token": found.store.get_trial(name).token}
    except NotFoundError:
        return None  # it was deleted


async def chunk(request: Request) -> Response:
    """POST /api/agent/chunk: a piece of a run's records; 204 once it is committed (or was)."""
    found = services(request)
    query = read_query(request)
    kind = query.text("kind", longest=20)
    if kind not in list(ChunkKind):
        raise UsageError(f"kind: expected {', '.join(ChunkKind)}; not {kind!r}")
    run, writer = query.text("run", longest=200), query.whole("writer", least=1)
    lane = query.text("lane", "", longest=40)
    if lane and not _LANE.fullmatch(lane):
        raise UsageError(f"lane: expected letters, digits and _; not {lane!r}")
    seq, rows = query.whole("seq"), query.whole("rows")
    first, last = query.whole("first"), query.whole("last")
    if last < first:
        raise UsageError("last: is before first")
    body = await read_body(request, CHUNK_BYTES)
    objective, data = _split(body)
    piece = Chunk(
        run, writer, ChunkKind(kind), seq, first, last, rows, data, objective or None, lane
    )
    if len(data) > _CHECKED_HERE:
        await found.call(_check, piece)
    else:
        _check(piece)
    if await offered(found.store.offer_chunk, piece) and objective:
        found.loop.wake()
    return _NOTHING


def _split(body: bytes) -> tuple[bytes, bytes]:
    """(objective, data) of a chunk's body."""
    if len(body) < _LENGTH.size:
        raise UsageError("the chunk's body is torn: shorter than its length field")
    (length,) = _LENGTH.unpack_from(body)
    behind = _LENGTH.size + length
    if behind > len(body):
        raise UsageError("the chunk's body is torn: shorter than the objective that it announces")
    return body[_LENGTH.size : behind], body[behind:]


def _check(piece: Chunk) -> None:
    if piece.kind is not ChunkKind.CONSOLE:
        chunks.verify(piece.data)


async def finish(request: Request) -> Response:
    """POST /api/agent/finish: an attempt ended; answers what the trial is now."""
    found = services(request)
    body = await read_json(request)
    try:
        outcome = Outcome.from_json(body.mapping("outcome"))
    except (ValueError, KeyError) as error:
        raise UsageError(f"outcome: {error!r} does not fit") from None
    if not outcome.state.over or not isinstance(outcome.detail, str):
        raise UsageError(f"outcome: {outcome.state} is no end")
    for name, value in (("exit_code", outcome.exit_code), ("signal", outcome.signal)):
        if value is not None and (type(value) is not int or abs(value) > 1 << 31):
            raise UsageError(f"outcome.{name}: expected a whole number or null")
    ended = await found.call(
        record.record_end,
        found.store,
        body.text("trial_id", longest=200),
        body.whole("token", least=1),
        outcome,
        summary=body.optional_mapping("summary"),
        logged_keys=body.texts("logged_keys"),
        config=body.optional_mapping("config"),
        metadata=body.optional_mapping("metadata"),
        seconds=body.optional_number("seconds"),
    )
    found.loop.wake()
    state = ended.trial.state
    waits = state in (TrialState.QUEUED, TrialState.PREEMPTED)
    answer = {
        "state": state.value,
        "will_retry": waits,
        "objective": ended.trial.objective,
        "detail": ended.trial.detail,
    }
    return json_response(answer, exact=True)


async def quarantine(request: Request) -> Response:
    """POST /api/agent/quarantine: an agent fails every trial; is it the agent's machine?"""
    found = services(request)
    body = await read_json(request)
    sweep_id = body.text("sweep_id", longest=200)
    agent_id = body.text("agent_id", longest=200)
    trial_ids = body.texts("trial_ids")[-_SUSPICIOUS:]
    why = body.text("why", "", longest=2000)
    queued = await found.call(found.store.quarantine, sweep_id, agent_id, trial_ids)
    if queued is not None:
        log.warning("agent %s takes no trials for a while: %r", agent_id, why)
        found.loop.wake()
    return json_response({"queued": queued})


ROUTES = (
    ("GET", "/api/handshake", handshake),
    ("POST", "/api/agent/start", start),
    ("POST", "/api/agent/chunk", chunk),
    ("POST", "/api/agent/finish", finish),
    ("POST", "/api/agent/quarantine", quarantine),
)
