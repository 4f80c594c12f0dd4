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
import json
import math
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from opensweep.settings import Settings
from sweeps import errors
from sweeps.errors import ConfigurationError, ServerError

if TYPE_CHECKING:
    from controller.server.home import Home
    from sweeps.protocol.client import Client

_READY_S = 60.0
_STOP_S = 30.0
_LOG_BYTES = 4 << 20
_READY_FD = "OPENSWEEP_READY_FD"

# The server imports from where we do, and from nowhere else: not from the working directory (-P).
_START = "import sys; sys.path[:0] = sys.argv[1:]; from opensweep.local import main; main()"

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
        url = _spawn(settings, home, ["--idle-s", str(settings.idle_s)])
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
) -> str:
    """Starts a local server in the background that stays until it is stopped; returns its URL.

    Raises as ensure_server does; HomeInUse when one lives already.
    """
    settings = settings or Settings.from_env()
    home = _home_of(settings)
    home.prepare()
    arguments = ["--host", host]
    arguments += [] if port is None else ["--port", str(port)]
    arguments += [] if redis_port is None else ["--redis-port", str(redis_port)]
    with _one_at_a_time(home):
        return _spawn(settings, home, arguments)


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
    _serve(
        settings,
        lambda url: ready(f"the opensweep server answers at {url} (home {settings.home})."),
        host=host,
        port=port,
        redis_port=redis_port,
        idle_s=None,
    )


def server_status(settings: Settings | None = None) -> dict[str, Any] | None:
    """{pid, url, started, version, server_id, home} of the local server; None: there is none.

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
    deadline = time.monotonic() + _READY_S
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
    with _open_private(home.folder / "start.lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _spawn(settings: Settings, home: Home, arguments: list[str]) -> str:
    """Starts a server process and waits until it answers; returns its URL, raises its error."""
    if home.log_file.exists() and home.log_file.stat().st_size > _LOG_BYTES:
        home.log_file.replace(home.log_file.with_suffix(".log.1"))
    ours, theirs = os.pipe()
    try:
        with _open_private(home.log_file) as log:
            child = subprocess.Popen(
                [sys.executable, "-P", "-c", _START, *_import_folders()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={**_environment(settings), _READY_FD: json.dumps([theirs, *arguments])},
                pass_fds=[theirs],
                start_new_session=True,
            )
    finally:
        os.close(theirs)
    try:
        answer = _await_line(ours, time.monotonic() + _READY_S)
    finally:
        os.close(ours)
    if answer is not None and "url" in answer:
        child.returncode = 0  # it lives on without us: no ResourceWarning about that
        return str(answer["url"])
    child.kill()
    child.wait()
    if answer is not None:
        raise _kind(str(answer.get("kind")))(str(answer.get("message")))
    last = home.log_file.read_text(errors="replace").splitlines()[-1:]
    raise ServerError(
        f"the server did not start: {last[0] if last else 'it said nothing'}. "
        f"The log is {home.log_file}."
    )


def _open_private(path: Path) -> BinaryIO:
    """Opens a file of this user's alone for appending."""
    try:
        return open(path, "ab", opener=lambda name, flags: os.open(name, flags, 0o600))
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror} (OPENSWEEP_HOME)."
        ) from error


def _await_line(descriptor: int, deadline: float) -> dict[str, Any] | None:
    """The JSON line that a starting server writes; None: it died, or said nothing in time."""
    data = b""
    while not data.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            return None
        part = os.read(descriptor, 65536)
        if not part:
            return None
        data += part
    value = json.loads(data)
    return value if isinstance(value, dict) else None


def _environment(settings: Settings) -> dict[str, str]:
    """Ours, with the settings spelled out: secrets travel here, never in an argv."""
    env = {name: value for name, value in os.environ.items() if name != "OPENSWEEP_URL"}
    env["OPENSWEEP_HOME"] = str(settings.home)
    for name, value in (
        ("OPENSWEEP_API_KEY", settings.key),
        ("OPENSWEEP_REDIS_URL", settings.redis_url),
        ("OPENSWEEP_DATABASE_URL", settings.database_url),
    ):
        env.pop(name, None)
        if value is not None:
            env[name] = value
    return env


def _import_folders() -> list[str]:
    """Where `opensweep` and `controller` are imported from, in this process."""
    import controller

    ours = [Path(__file__).resolve().parent.parent]
    theirs = [Path(place).resolve().parent for place in controller.__path__]
    return [str(folder) for folder in dict.fromkeys([*theirs, *ours])]


# -- the server's own process -----------------------------------------------------------------


def main() -> None:
    """What a server in the background runs; tells its parent that it answers, or why not."""
    descriptor, *arguments = json.loads(os.environ.pop(_READY_FD))
    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    os.set_inheritable(descriptor, False)

    def tell(value: dict[str, str]) -> None:
        with contextlib.suppress(OSError):  # the parent may be gone
            os.write(descriptor, (json.dumps(value) + "\n").encode())
            os.close(descriptor)

    def number(name: str) -> int | None:
        return int(options[name]) if name in options else None

    try:
        _serve(
            Settings.from_env(),
            lambda url: tell({"url": url}),
            host=options.get("--host", "127.0.0.1"),
            port=number("--port"),
            redis_port=number("--redis-port"),
            idle_s=float(options["--idle-s"]) if "--idle-s" in options else None,
        )
    except errors.OpensweepError as error:
        print(f"{time.strftime('%F %T')} {error}", file=sys.stderr, flush=True)
        tell({"kind": type(error).__name__, "message": str(error)})
        sys.exit(error.exit_code)


def _serve(
    settings: Settings,
    on_ready: Say,
    *,
    host: str,
    port: int | None,
    redis_port: int | None,
    idle_s: float | None,
) -> None:
    import logging

    from controller.server.process import ServerOptions, serve

    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    os.umask(0o077)  # the database and the logs are this user's alone
    options = ServerOptions(
        home=settings.home,
        host=host,
        port=port,
        redis_port=redis_port,
        key=settings.key,
        redis_url=settings.redis_url,
        database_url=settings.database_url,
        idle_s=None if idle_s is None or math.isinf(idle_s) else idle_s,
    )
    serve(options, on_ready)


def _kind(name: str) -> type[errors.OpensweepError]:
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, errors.OpensweepError):
        return kind if kind is not errors.SpecError else errors.UsageError
    return ServerError


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
