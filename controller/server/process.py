"""The life of the server process: lock, socket, broker, store, loop, HTTP; and all of it back.

One call, `serve`, from the first to the last moment. What was begun is ended in the opposite order
however it goes: requests in flight are answered, the leases of sweeps given back, the embedded
Redis stopped and waited for, server.json removed. Reads no environment and starts no other process
than the broker's. Neighbours: home.py (lock and notes), app.py, broker.py, loop.py;
opensweep/local.py starts servers in the background and stops them.

The order of the start is that of the waits: the embedded Redis boots while Python still imports.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import os
import pwd
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from controller.broker import Broker
from controller.private import kept_secret, kept_text
from controller.server.home import DEFAULT_PORT, Home
from sweeps.errors import ConfigurationError
from sweeps.project import OWN_ENTITY

if TYPE_CHECKING:
    import uvicorn

    from controller.server.services import Services

log = logging.getLogger(__name__)

_GRACE_S = 10
"""Seconds that requests in flight get at the end."""


@dataclass(frozen=True)
class ServerOptions:
    """What a server is told.

    Attributes:
        home: its folder.
        host: the address to listen on; anything but loopback also opens the embedded Redis to
            agents of other machines.
        port: of HTTP; None: that of last time, else 8080, else another free one.
        redis_port: of the embedded Redis off loopback; None: the port above HTTP's, or another.
        key: the API key; None: the one kept in `home`, made at the first start.
        redis_url: an existing Redis; None: an embedded one.
        agent_redis_url: what agents are told of that Redis (another user, another address); None:
            the same.
        database_url: as SQLAlchemy reads it; None: SQLite in `home`.
        alerts: apprise's addresses, as `controller.alerts.split_addresses` takes them; None: those
            in the file `alerts` in `home`, if there is one.
        artifacts_url: where files go, as fsspec reads it; None: into `home`.
        entity: what the server's own entity is called (sweeps/project.py).
        idle_s: end after so many seconds with no live agent and no request; None: never.
    """

    home: Path
    host: str = "127.0.0.1"
    port: int | None = None
    redis_port: int | None = None
    key: str | None = None
    redis_url: str | None = None
    agent_redis_url: str | None = None
    database_url: str | None = None
    alerts: str | None = None
    artifacts_url: str | None = None
    entity: str = OWN_ENTITY
    idle_s: float | None = None


def serve(options: ServerOptions, on_ready: Callable[[str], None]) -> None:
    """Runs a server until SIGTERM, SIGINT or SIGHUP, or until it is idle.

    Args:
        on_ready: called once with the server's URL when it answers.

    Raises:
        HomeInUse, ConfigurationError, BrokerError, StoreError: it could not start.
    """
    home = Home(options.home)
    with _Signals() as signals, ExitStack() as stack:
        home.prepare()
        home.acquire()
        stack.callback(home.release)
        listener = stack.enter_context(_listen(options.host, options.port, home.usual_port()))
        port = listener.getsockname()[1]
        home.keep_port(port)
        loopback = _is_loopback(options.host)
        server_id = home.server_id()
        broker = Broker(
            home.broker_folder,
            server_id,
            redis_url=options.redis_url,
            agent_url=options.agent_redis_url,
            listen=None if loopback else options.host,
            port=options.redis_port or (port + 1 if port < 65535 else None),
        )
        stack.callback(broker.close)
        broker.launch()
        found = _assemble(options, home, broker, server_id, stack)
        root = logging.getLogger()
        root.addHandler(found.warnings)
        stack.callback(root.removeHandler, found.warnings)
        url = _url(options.host, port)

        def ready() -> None:
            home.publish(
                {
                    "pid": os.getpid(),
                    "url": url,
                    "host": options.host,
                    "started": time.time(),
                    "version": found.version,
                    "server_id": server_id,
                    "idle_s": options.idle_s,
                }
            )
            log.info("serving %s at %s", options.home, url)
            if broker.tcp_port is not None:
                log.info("agents of other machines reach Redis at port %d", broker.tcp_port)
            on_ready(url)

        server = make_http(found, ready)
        signals.handle_with(lambda: setattr(server, "should_exit", True))
        if options.idle_s is not None:
            stack.enter_context(_idle_watch(found, options.idle_s, server))
        server.run(sockets=[listener])
    log.info("ended")


def _assemble(
    options: ServerOptions, home: Home, broker: Broker, server_id: str, stack: ExitStack
) -> Services:
    """Store, Redis and loop, each to be closed by `stack`. Imported here: the broker is booting."""
    from controller.alerts import Alerts, split_addresses
    from controller.blobs import open_blobs
    from controller.garbage import Collector
    from controller.loop import Loop
    from controller.packing import Packer
    from controller.queue import TrialQueue
    from controller.server.services import Services
    from controller.store.store import open_store
    from sweeps.protocol.live import Live

    key = options.key or kept_secret(home.key_file)
    store = open_store(options.database_url or f"sqlite:///{home.database_file}")
    stack.callback(store.close)
    connection = broker.connect()
    live = Live(connection)
    loop = Loop(store, live, TrialQueue(connection), server_id)
    stack.callback(loop.close)
    loop.start()
    alerts = Alerts(split_addresses(options.alerts or kept_text(home.folder / "alerts") or ""))
    stack.callback(alerts.close)
    alerts.start(store)
    blobs = open_blobs(home.folder / "artifacts", options.artifacts_url)
    collector = Collector(store, blobs)
    stack.callback(collector.close)
    collector.start()
    packer = Packer(store)
    stack.callback(packer.close)
    packer.start()
    return Services(
        store=store,
        live=live,
        loop=loop,
        broker=broker,
        key=key,
        server_id=server_id,
        version=version(),
        entity=options.entity,
        owner=_user(),
        idle_s=options.idle_s,
        alerts=alerts,
        blobs=blobs,
        signing_secret=kept_secret(home.signing_file),
    )


def make_http(found: Services, on_ready: Callable[[], None]) -> uvicorn.Server:
    """The HTTP server of the application; it leaves signals alone."""
    import uvicorn

    from controller.server.app import make_app

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            if self.started:
                on_ready()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            found.events.close()  # else it would wait for pages that are open
            await super().shutdown(sockets=sockets)

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    return Server(
        uvicorn.Config(
            make_app(found),
            lifespan="off",
            ws="none",
            access_log=False,
            log_config=None,
            log_level=logging.WARNING,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,  # agents speak every few seconds: keep their connections
            timeout_graceful_shutdown=_GRACE_S,
        )
    )


def version() -> str:
    """Of the installed package; of a bare checkout: 0+unknown."""
    try:
        return importlib.metadata.version("opensweep")
    except importlib.metadata.PackageNotFoundError:
        return "0+unknown"


class _Stopped(BaseException):
    """A signal came while the server was still starting."""


class _Signals:
    """SIGTERM, SIGINT and SIGHUP end the server in good order; a second one changes nothing.

    Before `handle_with` they break the start off. Outside the main thread: does nothing.
    """

    _NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def __init__(self) -> None:
        self._handler: Callable[[], None] | None = None
        self._came = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> _Signals:
        if threading.current_thread() is threading.main_thread():
            self._before = {each: signal.signal(each, self._on) for each in self._NUMBERS}
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        return kind is _Stopped

    def handle_with(self, handler: Callable[[], None]) -> None:
        self._handler = handler

    def _on(self, _number: int, _frame: FrameType | None) -> None:
        first, self._came = not self._came, True
        if self._handler is not None:
            self._handler()
        elif first:
            raise _Stopped


@contextlib.contextmanager
def _idle_watch(found: Services, idle_s: float, server: uvicorn.Server) -> Iterator[None]:
    """Ends the server when for `idle_s` no agent lived and nobody asked anything."""
    from redis.exceptions import RedisError

    over = threading.Event()

    def watch() -> None:
        alone_since = time.monotonic()
        while not over.wait(min(idle_s / 4, 1.0)):
            try:
                alone = not found.live.agents()
            except RedisError:
                alone = False  # nobody knows: stay
            if not alone:
                alone_since = time.monotonic()
            if min(time.monotonic() - alone_since, found.activity.quiet_s()) >= idle_s:
                log.info("idle for %g s: ending", idle_s)
                server.should_exit = True
                return

    thread = threading.Thread(target=watch, name="idle", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=5)


def _listen(host: str, port: int | None, usual: int) -> socket.socket:
    """A listening socket, on `port` if that was asked for (taken: an error).

    Else on the port of last time, which agents that are still there know; 8080; any free one.
    """
    wanted = DEFAULT_PORT if port is None else port
    candidates = [wanted] if port is not None else [usual, wanted, 0]
    reason = ""
    for candidate in candidates:
        try:
            return _bind(host, candidate)
        except OSError as error:
            reason = error.strerror or str(error)
    raise ConfigurationError(
        f"the server cannot listen on {host}:{wanted}: {reason}. "
        "Choose another with `sweep server start --port N` (or --host)."
    )


def _bind(host: str, port: int) -> socket.socket:
    family, kind, proto, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, proto)
    try:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # "::" alone means both families; any other address is what it says
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        listener.bind(address)
        listener.listen(1024)
    except BaseException:
        listener.close()
        raise
    return listener


def _user() -> str:
    """Whose server it is, as the machine calls them."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # in a container, say
        return f"uid{os.geteuid()}"


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _url(host: str, port: int) -> str:
    """How processes of this machine reach the server."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host)  # noqa: S104
    if shown is None:
        shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"
