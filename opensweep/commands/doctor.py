"""`sweep doctor`: is this machine ready for sweeps, and if not, what to do.

Each check is a function of the settings that gives one or more findings; none starts a server,
and none raises: what goes wrong in a check is its finding.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from opensweep import _text
from opensweep.commands import options
from sweeps.errors import OpensweepError

if TYPE_CHECKING:
    from opensweep.local import Settings

_GIB = 1 << 30
_LOW_DISK = 2 * _GIB
_NO_DISK = _GIB // 10
_SKEW_S = 5.0
_WANDB_KEY = 40


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        check: what was looked at.
        status: ok, warn or fail.
        message: what was found.
        todo: what to do about it; "" when there is nothing to do.
    """

    check: str
    status: str
    message: str
    todo: str = ""


@click.command(epilog="\b\nExample:\n  sweep doctor")
@options.json_option("a list of {check, status, message, todo}")
def doctor(as_json: bool) -> int:
    """Check that this machine is ready for sweeps.

    Looks at Python, the home folder and its disk, the server, the broker, the database, the GPUs,
    the clock, and the Python that trains. Ends with 1 when something is broken.
    """
    findings = list(examine())
    if as_json:
        options.print_json([asdict(finding) for finding in findings])
    else:
        width = max(len(finding.check) for finding in findings)
        for finding in findings:
            click.echo(
                f"{_text.state(finding.status, 4)}  {finding.check.ljust(width)}  {finding.message}"
            )
            if finding.todo:
                click.echo(f"{' ' * (width + 8)}-> {finding.todo}")
    return 1 if any(finding.status == "fail" for finding in findings) else 0


def examine() -> Iterator[Finding]:
    """Every finding, in the order of the report."""
    from opensweep.local import Settings

    yield _python()
    try:
        settings = Settings.from_env()
    except OpensweepError as error:
        yield Finding("settings", "fail", str(error))
        return
    for name, check in _CHECKS.items():
        try:
            yield from check(settings)
        except (OpensweepError, OSError) as error:
            yield Finding(name, "fail", str(error))


def _python() -> Finding:
    what = f"{platform.python_version()} ({sys.executable})"
    if platform.system() != "Linux":
        todo = "Linux is what opensweep is made for and tested on."
        return Finding("python", "warn", f"{what} on {platform.system()}", todo)
    return Finding("python", "ok", what)


def _home(settings: Settings) -> Iterator[Finding]:
    home = settings.home
    place = home
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK | os.X_OK):
        todo = "Set OPENSWEEP_HOME to a folder that you may write to."
        yield Finding("home", "fail", f"{place} cannot be written", todo)
        return
    made = "" if home.exists() else " (will be made)"
    yield Finding("home", "ok", f"{home}{made}")
    free = shutil.disk_usage(place).free
    words = f"{free / _GIB:.1f} GiB free at {place}"
    if free < _NO_DISK:
        yield Finding("disk", "fail", words, "Make room, or set OPENSWEEP_HOME to another disk.")
    elif free < _LOW_DISK:
        yield Finding("disk", "warn", words, "Consoles, checkpoints and histories need some.")
    else:
        yield Finding("disk", "ok", words)


def _server(settings: Settings) -> Iterator[Finding]:
    """The server, and what only it can tell: its Redis and its database."""
    from opensweep.local import find_server

    client = find_server(settings)
    if client is None and settings.url is not None:
        yield Finding(
            "server",
            "fail",
            f"{settings.url} (OPENSWEEP_URL) does not answer",
            "Start it there with `sweep server start --host 0.0.0.0`, or mend OPENSWEEP_URL.",
        )
        return
    if client is None:
        yield Finding("server", "ok", "does not run; the first command that needs it starts it")
        yield _own_broker(settings)
        yield _own_database(settings)
        return
    with client:
        hands = client.handshake()
        yield _version(client.url, str(hands["version"]))
        yield _key(client.key, str(hands["user"]), str(hands["role"]))
        if hands["role"] != "read":  # which is not told the broker's password
            yield _broker(hands["redis_url"], hands["server_id"])
        count = len(client.sweeps())
        yield Finding("database", "ok", f"holds {_text.plural(count, 'sweep')}")
        yield _alerts(client.alerts(limit=0)["delivery"])
        if settings.url is not None:
            yield _clock(client.url)


def _version(url: str, theirs: str) -> Finding:
    from importlib.metadata import version

    ours = version("opensweep")
    if theirs != ours:
        todo = "Install the same version on both."
        return Finding("server", "warn", f"{url} is version {theirs}, this is {ours}", todo)
    return Finding("server", "ok", f"answers at {url}, version {theirs}")


def _key(key: str, user: str, role: str) -> Finding:
    """Whose API key it is, and whether the wandb client can use it as well."""
    words = f"of {user}, role {role}"
    if role == "read":
        todo = "To record runs and to run agents: `sweep server key create USER` by an admin."
        return Finding("key", "ok", words, todo)
    if len(key) < _WANDB_KEY:
        todo = f"The wandb client wants {_WANDB_KEY} characters: `sweep server key create USER`."
        return Finding("key", "ok", words, todo)
    return Finding("key", "ok", words)


def _broker(url: str | None, server_id: str) -> Finding:
    from sweeps.protocol.connect import connect, redact

    if url is None:
        return Finding("broker", "fail", "the server gave no address of its Redis")
    try:
        connect(url, server_id=server_id, within_s=2.0).close()
    except OpensweepError as error:
        return Finding("broker", "fail", str(error))
    return Finding("broker", "ok", f"answers at {redact(url)}")


def _alerts(delivery: Mapping[str, Any]) -> Finding:
    """Whether `run.alert()` reaches anybody, by the server's word."""
    count, problem = delivery["addresses"], delivery["problem"]
    if problem:
        todo = "OPENSWEEP_ALERTS (or the file alerts in its home) is read when the server starts."
        return Finding("alerts", "warn", problem, todo)
    if not count:
        return Finding("alerts", "ok", "are only listed: the server has no OPENSWEEP_ALERTS")
    return Finding("alerts", "ok", f"go to {count} address{'es' if count > 1 else ''}")


def _own_broker(settings: Settings) -> Finding:
    """What a server that is started here would use."""
    from controller.valkey import find_binary
    from sweeps.protocol.connect import connect, redact

    try:
        if settings.redis_url is None:
            return Finding("broker", "ok", f"the server will start {find_binary()}")
        connect(settings.redis_url, within_s=2.0).close()
    except OpensweepError as error:
        return Finding("broker", "fail", str(error))
    return Finding("broker", "ok", f"answers at {redact(settings.redis_url)}")


def _own_database(settings: Settings) -> Finding:
    if settings.database_url is not None:
        scheme = settings.database_url.partition(":")[0]
        if scheme.startswith("postgresql") and not _importable("psycopg"):
            todo = f"{sys.executable} -m pip install 'psycopg[binary]'"
            return Finding("database", "fail", "PostgreSQL needs psycopg", todo)
        return Finding("database", "ok", f"{scheme} (OPENSWEEP_DATABASE_URL)")
    file = settings.home / "opensweep.db"
    if not file.exists():
        return Finding("database", "ok", f"{file} will be made")
    if not os.access(file, os.R_OK | os.W_OK):
        todo = f"Give yourself the right: chown or chmod {file}"
        return Finding("database", "fail", f"{file} cannot be written", todo)
    return Finding("database", "ok", f"{file}, {file.stat().st_size / (1 << 20):.1f} MiB")


def _importable(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None


def _gpus(_settings: Settings) -> Iterator[Finding]:
    from agent.devices import find_devices

    devices = find_devices()
    gpus = [slot.device for slot in devices.slots if slot.gpus]
    for device in gpus:
        yield Finding("gpu", "ok", device)
    if not gpus:
        yield Finding("gpu", "ok", "none: trials run on the CPU, one at a time (--slots N: N)")
    for note in devices.notes:
        yield Finding("gpu", "warn", note)


def _trainer(_settings: Settings) -> Iterator[Finding]:
    """The Python that `${interpreter}` in a sweep's command stands for on this machine."""
    from agent.launch import check_program

    program = check_program(("${interpreter}",), None, cwd=Path.cwd())
    todo = ""
    if program.interpreter == sys.executable and sys.prefix == sys.base_prefix:
        todo = "Activate your environment, or set OPENSWEEP_PYTHON, if that is not the one."
    yield Finding("trainer", "ok", f"scripts run with {program.interpreter}", todo)


def _clock(url: str) -> Finding:
    """Our clock against the server's, by the Date of an answer (whole seconds)."""
    from email.utils import parsedate_to_datetime

    import urllib3

    with urllib3.PoolManager(retries=False) as pool:
        before = time.time()
        answer = pool.request("GET", f"{url}/healthz", timeout=urllib3.Timeout(total=5.0))
        after = time.time()
    date = answer.headers.get("Date")
    if date is None:
        return Finding("clock", "warn", "the server does not tell its time")
    then = parsedate_to_datetime(date).timestamp()
    skew = max(before - (then + 1.0), then - after, 0.0)
    if skew > _SKEW_S:
        todo = "Let both set their clocks by NTP: times of trials will look wrong."
        return Finding("clock", "warn", f"{_text.duration(skew)} off the server's", todo)
    return Finding("clock", "ok", "agrees with the server's")


_CHECKS: dict[str, Callable[[Settings], Iterator[Finding]]] = {
    "home": _home,
    "server": _server,
    "gpu": _gpus,
    "trainer": _trainer,
}
