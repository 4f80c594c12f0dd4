"""Which process of W&B's client is which writer of a run.

Every process that records a run is a writer: 1, 2, 3, … (for a trial, the attempt's token), so that
a later one replaces what earlier ones logged from its first step on. The client does not number its
processes, and most of what it sends says nothing of who sends it. What does: clients up to 0.16 put
their start time into the config; those from 0.22 on an id of their own, but not in their first
word; in shared mode each request has a header. A first word is known by what only it has (the
host, the program), and when it comes again, because its answer was lost, by its own digest.

`recognise` is the rule, a pure function over what the store knows. Neighbours:
controller/store/processes.py (carries it out), buckets.py (who calls), streams/ (asks
`recording` as whom a process records).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from controller.store.processes import Recognised, Recorders
from controller.store.store import Store
from controller.wandb_api.sweeps import attempts

_CLIENT_HEADERS = ("x-wandb-async-client-id", "x-wandb-client-id")
_SHARED = "client:"
_PROCESS = "process:"
_STARTED = "started:"
_FIRST_WORD = "word:"
_REWOUND = "rewound:"


class Recording(NamedTuple):
    """As whom a process records.

    Attributes:
        run_id: the run's key in the store.
        writer, lane: as in `Chunk`.
        sweep_id: of a trial's run; None for any other.
        name: the run's, as the process knows it.
    """

    run_id: str
    writer: int
    lane: str
    sweep_id: str | None
    name: str


@dataclass(frozen=True)
class Told:
    """What a request says of the process that sent it.

    Attributes:
        introduces: it has what is sent when a process begins.
        process: ids by which newer processes name themselves.
        started: by which older ones do; "" when it is none of them.
        digest: of the request.
        goes_on: it was told what there is of the run, and goes on with it.
        placed: it has names that a server answered before: it is no first word.
        client: in shared mode, the process's; "" otherwise.
    """

    introduces: bool
    process: tuple[str, ...]
    started: str
    digest: str
    goes_on: bool = False
    placed: bool = False
    client: str = ""


def told(given: Mapping[str, Any], wandb: Mapping[str, Any], client: str) -> Told:
    """Of the input of an upsertBucket and what its config has under `_wandb`."""
    environments = wandb.get("e")
    started = wandb.get("start_time")
    process = environments if isinstance(environments, dict) else {}
    return Told(
        introduces=any(given.get(name) for name in ("host", "jobProgram")),
        process=tuple(f"{_PROCESS}{each}" for each in process),
        started=f"{_STARTED}{started!r}" if isinstance(started, int | float) else "",
        digest=_digest(given),
        goes_on=bool(given.get("id")),
        placed=bool(given.get("entityName") and given.get("displayName")),
        client=client,
    )


def recognise(who: Told) -> Callable[[Recorders], Recognised]:
    """The rule for `register_process`."""
    return lambda there: _recognised(who, there)


def _recognised(who: Told, there: Recorders) -> Recognised:
    if who.client:
        return _sharing(who, there)
    names = (*who.process, who.started) if who.started else who.process
    known = [there.names[name] for name in names if name in there.names]
    if known:
        return Recognised(max(known), names)
    if there.writer == 0 or who.started:
        # Whether one of the older clients goes on or begins anew, its first step will tell.
        return _next(who, there, None)
    word = _first_word(who, there.writer)
    begins = _next(who, there, None if who.goes_on else 0)
    if who.introduces and word in there.names:
        # Its answer was lost; or the same script runs once more.
        return Recognised(there.writer, names) if there.fresh else begins
    named = _is_named(there)
    if who.process and not (who.introduces and named):  # the second word of the newest
        return Recognised(None if named else there.writer, names)
    if not who.introduces:
        return Recognised(there.writer)
    if there.fresh and who.goes_on and _was_rewound(there):
        return Recognised(there.writer, (word,))
    if who.placed and not named and not there.over:
        return Recognised(there.writer)
    return begins


def _sharing(who: Told, there: Recorders) -> Recognised:
    """Processes of one run side by side: they belong to its newest writer, a lane each. Only when
    all of them have ended and the run is gone on with, a new one begins."""
    name = shared_name(who.client)
    if name in there.names:
        return Recognised(there.names[name])
    if there.writer == 0 or (there.over and who.goes_on):
        return Recognised(None, (name,))
    return Recognised(there.writer, (name,))


def _next(who: Told, there: Recorders, cut: int | None) -> Recognised:
    own = who.started or _first_word(who, there.writer + 1)
    return Recognised(None, (*who.process, own), cut)


def _first_word(who: Told, writer: int) -> str:
    return f"{_FIRST_WORD}{who.digest}.{writer}"


def _is_named(there: Recorders) -> bool:
    """Whether the newest writer is known by more than its first word."""
    return any(
        writer == there.writer and not name.startswith((_FIRST_WORD, _REWOUND))
        for name, writer in there.names.items()
    )


def rewinding(step: int) -> Callable[[Recorders], Recognised]:
    """The rule for `rewind`: one that is asked for again, before anybody has recorded since, was
    done already."""

    def recognised(there: Recorders) -> Recognised:
        if there.fresh and there.names.get(f"{_REWOUND}{step}.{there.writer}") == there.writer:
            return Recognised(there.writer)
        return Recognised(None, (f"{_REWOUND}{step}.{there.writer + 1}",), step + 1)

    return recognised


def _was_rewound(there: Recorders) -> bool:
    return any(
        name.startswith(_REWOUND) and writer == there.writer for name, writer in there.names.items()
    )


# -- afterwards ------------------------------------------------------------------------------------


def client_of(headers: Mapping[str, str]) -> str:
    """Which of several processes of a run sent a request; "" but in shared mode."""
    return next((headers[name] for name in _CLIENT_HEADERS if headers.get(name)), "")


def recording(store: Store, project: str, name: str, client: str = "") -> Recording:
    """As whom the process records that calls its run `name`.

    Args:
        project: its whole name.
        client: as `client_of` has it.

    Raises NotFoundError.
    """
    run = store.find_run(project, name)
    own = run.sweep_id is None
    writer = max(run.writer, 1) if own else attempts.token_of(store, run, name)
    if not client:
        return Recording(run.id, writer, "", run.sweep_id, name)
    names = store.recorders(run.id).names
    if own:
        writer = names.get(shared_name(client), writer)
    return Recording(run.id, writer, _lane(names, client, writer), run.sweep_id, name)


def shared_name(client: str) -> str:
    """By which a process of shared mode is known."""
    return f"{_SHARED}{client}"


def _lane(names: Mapping[str, int], client: str, writer: int) -> str:
    """ "" for the first process of the writer, a short name for each other."""
    first = next(
        (name for name, theirs in names.items() if theirs == writer and name.startswith(_SHARED)),
        "",
    )
    if first in ("", shared_name(client)):
        return ""
    return hashlib.sha256(client.encode()).hexdigest()[:8]


def _digest(given: Mapping[str, Any]) -> str:
    """Of what was sent, whatever its order: newer clients write objects in any."""
    said = dict(given)
    if isinstance(said.get("config"), str):
        with contextlib.suppress(ValueError, RecursionError):
            said["config"] = json.loads(said["config"])
    text = json.dumps(said, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
