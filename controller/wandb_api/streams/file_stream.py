"""POST /files/{entity}/{project}/{run}/file_stream: what a script streams while it runs.

Rows, machine metrics, console lines, the summary, that it lives, that it has ended: all of it goes
to where our own agents' chunks go, and is answered after the commit. A client that gets no answer,
429, 5xx or a status that it does not know sends the same again for up to a week, and its script
does not end before; after 400, 404 and 409 it goes on without us. So what will never be taken is
answered with one of those three, whatever it is.

Nothing here is truth: what standing.py remembers of who streams is found again in the store.
Neighbours: lines.py and pieces.py (what a post becomes), runs/writers.py (as whom),
runs/endings.py and runs/stopping.py (its end, and whether it is to end).
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from controller import record
from controller.server.commits import offered
from controller.server.services import Services, services
from controller.server.wire import TooLarge, read_body
from controller.store.chunk_records import Heard
from controller.store.ingest import Moved
from controller.wandb_api.runs import endings, stopping
from controller.wandb_api.runs.summaries import NESTED
from controller.wandb_api.runs.writers import client_of, recording
from controller.wandb_api.streams.lines import POST_BYTES, Post, read_post
from controller.wandb_api.streams.pieces import Pieces, Sender, pieces_of
from controller.wandb_api.streams.standing import Known, Name
from sweeps.errors import Fenced, NotFoundError, OpensweepError, StoreUnavailable, UsageError
from sweeps.project import whole_name

log = logging.getLogger(__name__)

_PATH = re.compile(r"/files/([^/]*)/([^/]*)/([^/]+)/file_stream")
_SMALL = 16 << 10
"""A post of up to so many bytes is read sooner than a thread could be asked to."""
_TRIES = 50
"""Processes that share a run take turns at its steps: so often one may come too late."""

_SETTLING: set[asyncio.Task[None]] = set()
"""Somebody must hold a task while it runs."""
_NOTHING = Response(b"{}", media_type="application/json")
_STOP = Response(b'{"stopped":true}', media_type="application/json")


def is_stream(path: str) -> bool:
    """Whether a path is this module's."""
    return path.endswith("/file_stream") and path.startswith("/files/")


async def stream(request: Request) -> Response:
    """POST /files/{entity}/{project}/{run}/file_stream: {} or {"stopped": true}."""
    found = services(request)
    path = _PATH.fullmatch(request.scope["path"])
    if path is None:
        raise NotFoundError("expected /files/ENTITY/PROJECT/RUN/file_stream")
    project = whole_name(path[2], path[1], own=found.entity)
    name = (project, path[3], client_of(request.headers))
    try:
        body = await read_body(request, POST_BYTES)
    except TooLarge as error:
        raise UsageError(str(error)) from None  # 413 would be tried again for a week
    encoding = request.headers.get("content-encoding", "")
    size = POST_BYTES if encoding else len(body)  # who knows what it unpacks to
    post = await _work(found, size, read_post, body, encoding)
    try:
        known = await _recorded(found, name, post, size)
    except Fenced:
        # A trial's attempt that was given up: its script is to end.
        known = await _standing(found, name)
        if not await _is_stopped(found, known.sender):
            raise
        return _STOP
    return await _followed_up(found, known.sender, post)


async def _recorded(found: Services, name: Name, post: Post, size: int) -> Known:
    """Records a post; all of it is committed. Returns as whom."""
    known = await _standing(found, name)
    for _ in range(_TRIES):
        sender = known.sender
        try:
            await _record(found, known, post, size)
        except Moved:
            known.places = None
        except (Fenced, NotFoundError):
            # Another process may have begun, or the run be another by now.
            found.standing.forget(name)
            known = await _standing(found, name)
            if known.sender.recording == sender.recording:
                raise
        else:
            return known
    raise StoreUnavailable(f"too many record run {sender.recording.run_id} at once: try again")


async def _record(found: Services, known: Known, post: Post, size: int) -> None:
    sender = known.sender
    who = sender.recording
    pieces = Pieces()
    if post.files:
        if known.places is None:
            known.places = await found.call(
                found.store.stream_places, who.run_id, who.writer, who.lane
            )
        pieces = await _work(found, size, pieces_of, post, sender, known.places, time.time())
    summary = None if sender.shared else post.summary
    waiting = [offered(found.store.offer_chunk, chunk) for chunk in pieces.chunks]
    if summary is not None or not waiting:
        waiting.append(offered(found.store.offer_word, Heard(who.run_id, who.writer, summary)))
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    errors = [each for each in answers if isinstance(each, BaseException)]
    for error in sorted(errors, key=lambda each: isinstance(each, Moved)):
        raise error
    if post.files:
        known.places = pieces.places
    if sender.shared and post.summary is not None:  # each process has its own part of it
        await found.call(found.store.edit_run, who.run_id, summary=json.loads(post.summary))
    if not post.nested <= known.nested:
        names = known.nested | post.nested
        await found.call(found.store.edit_run, who.run_id, metadata={NESTED: sorted(names)})
        known.nested = names
    if any(chunk.objective for chunk in pieces.chunks):
        found.loop.wake()
    if pieces.odd and not known.odd:
        known.odd = True
        more = f" (and {len(pieces.odd) - 1} more)" if len(pieces.odd) > 1 else ""
        log.warning("run %s: %s%s", who.run_id, pieces.odd[0], more)


async def _followed_up(found: Services, sender: Sender, post: Post) -> Response:
    """What a post has said beside what it brought."""
    who = sender.recording
    if post.preempting:
        await found.call(endings.preempting, found, who)
    if post.complete:
        await found.call(endings.end, found, who, post.exit_code or 0)
        if endings.is_held(found, who):
            task = asyncio.create_task(endings.settle(found, who))
            _SETTLING.add(task)
            task.add_done_callback(_SETTLING.discard)
        return _NOTHING
    return _STOP if await _is_stopped(found, sender) else _NOTHING


async def _is_stopped(found: Services, sender: Sender) -> bool:
    return await found.call(stopping.stop_ordered, found, sender.recording)


async def _work(found: Services, size: int, function: Any, *args: Any) -> Any:
    """Runs what only computes: at once where there is little to do. What it cannot do it will
    never be able to do: UsageError."""
    try:
        return function(*args) if size <= _SMALL else await found.call(function, *args)
    except OpensweepError:
        raise
    except Exception as error:
        log.exception("a post of a wandb client cannot be read")
        raise UsageError(f"the post cannot be read: {error!r}") from error


async def _standing(found: Services, name: Name) -> Known:
    """Raises NotFoundError."""
    return await found.standing.find(name, lambda name: found.call(_sender, found, name))


def _sender(found: Services, name: Name) -> Sender:
    """Raises NotFoundError."""
    project, run, client = name
    who = recording(found.store, project, run, client)
    metric = None
    if who.sweep_id is not None:
        metric = record.spec_of(found.store.get_sweep(who.sweep_id)).metric
    return Sender(who, None if metric is None else metric.name, bool(client))
