"""The server in the background: started as a process of its own, and what that process does.

The parent waits on a pipe until the server answers, and relays its error if it does not start.
Secrets travel in the environment, never in an argv. Neighbours: local.py (decides whether one is to
be started), controller/server/process.py (the server itself, imported in its own process alone).
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from opensweep.settings import Settings
from sweeps import errors
from sweeps.errors import ConfigurationError, ServerError

if TYPE_CHECKING:
    from controller.server.home import Home

READY_S = 60.0
_LOG_BYTES = 4 << 20
_READY_FD = "OPENSWEEP_READY_FD"
# A search's matrices are small: more threads cost more than they save, the more so on a busy box.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

# The server imports from where we do, and from nowhere else: not from the working directory (-P).
_START = "import sys; sys.path[:0] = sys.argv[1:]; from opensweep.background import main; main()"


def spawn(settings: Settings, home: Home, arguments: list[str]) -> str:
    """Starts a server process and waits until it answers; returns its URL, raises its error."""
    if home.log_file.exists() and home.log_file.stat().st_size > _LOG_BYTES:
        home.log_file.replace(home.log_file.with_suffix(".log.1"))
    ours, theirs = os.pipe()
    try:
        with open_private(home.log_file) as log:
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
        answer = _await_line(ours, time.monotonic() + READY_S)
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


def open_private(path: Path) -> BinaryIO:
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
        ("OPENSWEEP_AGENT_REDIS_URL", settings.agent_redis_url),
        ("OPENSWEEP_DATABASE_URL", settings.database_url),
        ("OPENSWEEP_ALERTS", settings.alerts),
        ("OPENSWEEP_ARTIFACTS_URL", settings.artifacts_url),
        ("OPENSWEEP_ENTITY", settings.entity),
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
        serve(
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


def serve(
    settings: Settings,
    on_ready: Callable[[str], None],
    *,
    host: str,
    port: int | None,
    redis_port: int | None,
    idle_s: float | None,
) -> None:
    import logging

    for name in _THREADS:  # before NumPy is imported
        os.environ.setdefault(name, "1")
    from controller.server.process import ServerOptions, serve
    from sweeps.project import OWN_ENTITY

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
        agent_redis_url=settings.agent_redis_url,
        database_url=settings.database_url,
        alerts=settings.alerts,
        artifacts_url=settings.artifacts_url,
        entity=settings.entity or OWN_ENTITY,
        idle_s=None if idle_s is None or math.isinf(idle_s) else idle_s,
    )
    serve(options, on_ready)


def _kind(name: str) -> type[errors.OpensweepError]:
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, errors.OpensweepError):
        return kind if kind is not errors.SpecError else errors.UsageError
    return ServerError
