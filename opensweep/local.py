"""Which server this machine talks to: the one that is named, or its own, started when needed.

Finds the local server by its home folder, starts it in the background, stops it. Two commands that
start at once make one server. A server that was started so ends by itself when idle; one of
`sweep server start` stays. The controller's heavy parts are imported in the server's process alone.
Neighbours: opensweep/commands (all that a user calls), settings.py (the environment),
controller/server/process.py (what runs), controller/server/home.py (lock and notes in the folder).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from opensweep.background import READY_S, open_private, serve, spawn
from opensweep.settings import Settings
from sweeps import errors
from sweeps.errors import ConfigurationError, ServerError

if TYPE_CHECKING:
    from controller.server.home import Home
    from sweeps.protocol.client import Client

_STOP_S = 30.0

__all__ = [
    "Settings",
    "ensure_server",
    "find_server",
    "run_server",
    "server_status",
    "start_server",
    "stop_server",
]

Say = Callable[[str], None]


# -- finding and starting ---------------------------------------------------------------------


def ensure_server(settings: Settings | None = None, say: Say | None = None) -> Client:
    """A client of the server that OPENSWEEP_URL names, else of the local one, started if need be.

    Args:
        settings: None: from the environment.
        say: is told, in one line, that a server was started; None: stderr.

    Raises:
        ServerUnreachable: the named server does not answer.
        ConfigurationError: the key is missing or wrong, or the settings are.
        HomeInUse, BrokerError, StoreError, ServerError: the local one cannot start.
    """
    settings = settings or Settings.from_env()
    if settings.url is not None:
        client = _named(settings)
        client.handshake()
        return client
    home = _home_of(settings)
    found = _running(settings, home)
    if found is not None:
        return found
    home.prepare()
    with _one_at_a_time(home):
        found = _running(settings, home)
        if found is not None:
            return found
        url = spawn(settings, home, ["--idle-s", str(settings.idle_s)])
    (say or _say)(
        f"started the opensweep server at {url} (home {settings.home}); "
        f"it ends by itself after {settings.idle_s:g} s with nothing to do."
    )
    return _client(url, _key(settings, home))


def find_server(settings: Settings | None = None, *, within_s: float = 2.0) -> Client | None:
    """A client of the server if it is there already; None: there is none. Never starts one.

    Raises ConfigurationError when the settings are wrong.
    """
    settings = settings or Settings.from_env()
    if settings.url is not None:
        client = _named(settings)
    else:
        home = _home_of(settings)
        note = home.note() if home.server_lives() else None
        if note is None:
            return None
        client = _client(note["url"], _key(settings, home))
    if client.healthy(within_s=within_s) is None:
        client.close()
        return None
    return client


def start_server(
    settings: Settings | None = None,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    redis_port: int | None = None,
    say: Say | None = None,
) -> str:
    """Starts a local server in the background that stays until it is stopped; returns its URL.

    One that was started on demand, and would end when idle, makes way for it: it is stopped in good
    order, and the new one answers at the same port unless another is asked for.

    Args:
        say: is told, in one line, that such a server makes way, and that the usual port is taken;
            None: stderr.

    Raises as ensure_server does; HomeInUse when one lives already that stays.
    """
    settings = settings or Settings.from_env()
    home = _home_of(settings)
    home.prepare()
    arguments = ["--host", host]
    arguments += [] if port is None else ["--port", str(port)]
    arguments += [] if redis_port is None else ["--redis-port", str(redis_port)]
    with _one_at_a_time(home):
        note = home.note() if home.server_lives() else None
        if note is not None and note.get("idle_s") is not None:
            (say or _say)(
                f"the server at {note['url']} would end after {note['idle_s']:g} idle seconds: "
                "one that stays takes its place."
            )
            stop_server(settings)
        usual = home.usual_port()
        url = spawn(settings, home, arguments)
        if port is None and not url.endswith(f":{usual}"):
            (say or _say)(
                f"port {usual} is taken by another program: this server answers at {url}, and will "
                "again. To choose: sweep server start --port N"
            )
        return url


def run_server(
    settings: Settings | None = None,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    redis_port: int | None = None,
    say: Say | None = None,
) -> None:
    """The same in this process (`sweep server start --foreground`): returns when it has ended."""
    settings = settings or Settings.from_env()
    ready = say or _say
    serve(
        settings,
        lambda url: ready(f"the opensweep server answers at {url} (home {settings.home})."),
        host=host,
        port=port,
        redis_port=redis_port,
        idle_s=None,
    )


def server_status(settings: Settings | None = None) -> dict[str, Any] | None:
    """What the local server published (controller/server/home.py), and `home`; None: there is none.

    Raises ServerError when one lives that does not say where.
    """
    settings = settings or Settings.from_env()
    home = _home_of(settings)
    if not home.server_lives():
        return None
    note = home.note()
    if note is None:
        raise ServerError(
            f"a server (pid {home.server_pid()}) holds {settings.home}, but has not said where it "
            "answers: it is starting or ending. Try again in a moment."
        )
    return {**note, "home": str(settings.home)}


def stop_server(settings: Settings | None = None, *, within_s: float = _STOP_S) -> bool:
    """Ends the local server and waits for it: True. False: there was none.

    It is told to end in good order (SIGTERM), and killed if it has not after `within_s` seconds;
    its embedded Redis dies with it. Raises ServerError when even that does not help.
    """
    settings = settings or Settings.from_env()
    home = _home_of(settings)
    for number in (signal.SIGTERM, signal.SIGKILL):
        pid = home.server_pid() if home.server_lives() else None
        if pid is None:
            return number is signal.SIGKILL
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if not (home.server_lives() and home.server_pid() == pid) and not _runs(pid):
                return True
            time.sleep(0.02)
    raise ServerError(f"the server (pid {home.server_pid()}) of {settings.home} does not end.")


def _runs(pid: int) -> bool:
    """Whether there is such a process, a zombie apart."""
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _running(settings: Settings, home: Home) -> Client | None:
    """A client of the local server; None: none lives, start one."""
    deadline = time.monotonic() + READY_S
    while home.server_lives():
        note = home.note()
        if note is not None:
            client = _client(note["url"], _key(settings, home))
            try:
                client.handshake()
            except errors.ServerUnreachable:
                client.close()  # it has just ended, or is about to: look again
            except BaseException:
                client.close()
                raise
            else:
                return client
        if time.monotonic() > deadline:
            raise ServerError(
                f"the server (pid {home.server_pid()}) of {settings.home} does not answer. "
                f"{home.log_file} may say why; `sweep server stop` ends it."
            )
        time.sleep(0.02)
    return None


def _named(settings: Settings) -> Client:
    """A client of the server that OPENSWEEP_URL names."""
    if settings.url is None:
        raise ConfigurationError("OPENSWEEP_URL is not set.")
    key = settings.key or _home_of(settings).key()
    if key is None:
        raise ConfigurationError(
            f"OPENSWEEP_URL names the server {settings.url}, but OPENSWEEP_API_KEY is not set: it "
            "is the content of the file api_key in the server's home folder (~/.opensweep)."
        )
    return _client(settings.url, key)


def _key(settings: Settings, home: Home) -> str:
    key = settings.key or home.key()
    if key is None:
        raise ConfigurationError(
            f"the local server has a key of its own, and {home.key_file} has none: set "
            "OPENSWEEP_API_KEY to the key that it was started with."
        )
    return key


def _client(url: str, key: str) -> Client:
    from sweeps.protocol.client import Client

    return Client(url, key)


def _home_of(settings: Settings) -> Home:
    from controller.server.home import Home

    return Home(settings.home)


@contextlib.contextmanager
def _one_at_a_time(home: Home) -> Iterator[None]:
    """Held while a server is being started, so that the second command finds the first one's."""
    with open_private(home.folder / "start.lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
