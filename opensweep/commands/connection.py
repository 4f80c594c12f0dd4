"""Which server a command talks to, and which sweep or trial an id means.

The one place of the commands that knows how a server is found or started (opensweep/local.py
does it) and what a person hears when an id is unknown. It must never start a server for shell
completion.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from sweeps.errors import (
    BrokerError,
    NotFoundError,
    OpensweepError,
    ServerError,
    StoreUnavailable,
)

if TYPE_CHECKING:
    from sweeps.protocol.client import Client

AWAY = (ServerError, StoreUnavailable, BrokerError)
"""What a command that stays meets while the server, or what it works with, does not answer."""
COMPLETION_S = 0.5
"""Seconds that shell completion waits for a server before it offers nothing."""


@contextmanager
def server() -> Iterator[Client]:
    """A client of the server; the local one is started first when no other is named."""
    from opensweep.local import ensure_server

    with ensure_server() as client:
        yield client


def bare_id(text: str) -> str:
    """The sweep id in `id`, `project/id` or `entity/project/id`, as W&B writes them."""
    parts = text.split("/")
    if len(parts) > 3 or not all(parts):
        raise NotFoundError(
            f"{text!r} is no sweep id: expected ID, PROJECT/ID or ENTITY/PROJECT/ID."
        )
    return parts[-1]


def sweep_status(client: Client, text: str) -> dict[str, Any]:
    """The status of the sweep that `text` names. NotFoundError says which id is near."""
    sweep_id = bare_id(text)
    try:
        return client.sweep(sweep_id)
    except NotFoundError:
        raise unknown_sweep(client, sweep_id) from None


def unknown_sweep(client: Client, sweep_id: str) -> NotFoundError:
    """What to say of a sweep id that the server does not know."""
    if "-" in sweep_id:
        head, _, number = sweep_id.rpartition("-")
        if number.isdigit() and any(sweep["id"] == head for sweep in client.sweeps()):
            return NotFoundError(
                f"{sweep_id!r} is a trial; the sweep is {head}. `sweep logs {sweep_id}` shows it."
            )
    known = [str(sweep["id"]) for sweep in client.sweeps()]
    return NotFoundError(f"no sweep {sweep_id!r} here{_nearest(sweep_id, known)}; {LISTS}")


LISTS = "`sweep ls` lists them."


def trial(client: Client, text: str) -> dict[str, Any]:
    """The trial that `text` names (SWEEP-NUMBER). NotFoundError says what to do instead."""
    trial_id = bare_id(text)
    try:
        return client.trial(trial_id)
    except NotFoundError:
        pass
    sweep_id, _, number = trial_id.rpartition("-")
    known = [str(sweep["id"]) for sweep in client.sweeps()]
    if trial_id in known:
        raise NotFoundError(
            f"{trial_id!r} is a sweep, not a trial: name one as {trial_id}-1; "
            f"`sweep trials {trial_id}` lists them."
        )
    if sweep_id in known and number.isdigit():
        raise NotFoundError(
            f"sweep {sweep_id} has no trial {number}; `sweep trials {sweep_id}` lists them."
        )
    raise NotFoundError(
        f"no trial {trial_id!r} here{_nearest(sweep_id or trial_id, known, 'the sweep ')}; {LISTS}"
    )


def trial_or_run(client: Client, text: str) -> dict[str, Any]:
    """The trial that `text` names, or else the run. NotFoundError says what to do instead."""
    try:
        return trial(client, text)
    except NotFoundError as error:
        return run_or(error, client, text)


def run_of(client: Client, text: str) -> dict[str, Any]:
    """The run that `text` names, a trial's too: by the server's id of it, or with its project by
    the id that it has there. What asks for more of it asks by the record's `id`.

    Raises NotFoundError.
    """
    run_id = bare_id(text)
    return client.run(run_id, text.rpartition("/")[0] or None)


def run_or(error: NotFoundError, client: Client, text: str) -> dict[str, Any]:
    """The run that `text` names. NotFoundError: `error`, which says what else it is not; after a
    word on the project, where `text` names one.
    """
    try:
        return run_of(client, text)
    except NotFoundError as why:
        if "/" in text:
            raise NotFoundError(f"{why}; {error}") from None
        raise error from None


def project(client: Client, text: str) -> str:
    """The project that `text` names (NAME or ENTITY/NAME). NotFoundError says what is near."""
    known = [str(each["name"]) for each in client.projects()]
    name = text if text in known else text.rpartition("/")[2]
    if name not in known:
        raise NotFoundError(
            f"no project {name!r} has runs here{_nearest(name, known)}; `sweep runs` lists runs."
        )
    return name


def _nearest(text: str, known: list[str], what: str = "") -> str:
    from difflib import get_close_matches

    near = get_close_matches(text, known, n=1, cutoff=0.5)
    return f" (did you mean {what}{near[0]}?)" if near else ""


def latest(client: Client) -> dict[str, Any]:
    """The newest sweep. NotFoundError when there is none."""
    sweeps = client.sweeps()
    if not sweeps:
        raise NotFoundError("there is no sweep yet; `sweep create FILE` records one.")
    return sweeps[0]


def is_loopback(host: str) -> bool:
    """Whether a name or an address means this machine alone, whoever says it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_shared(client: Client) -> bool:
    """Whether other machines can reach the server that `client` talks to."""
    from opensweep.local import Settings, server_status

    settings = Settings.from_env()
    if settings.url is not None:
        return not is_loopback(urlsplit(client.url).hostname or "")
    note = server_status(settings) or {}
    return not is_loopback(str(note.get("host", "localhost")))


def running_server() -> Client | None:
    """A client of the server if one is there already; never starts one, never complains."""
    from opensweep.local import find_server

    try:
        return find_server(within_s=COMPLETION_S)
    except OpensweepError:
        return None


def say(message: str) -> None:
    """Talk: to stderr, so that stdout stays the result."""
    click.echo(message, err=True)
