"""`sweep sync`: run folders that are on this machine, sent to the server.

For runs that were offline, whose script or follower was killed, and for what an agent left of its
trials. The work is agent/follow.py's; here is which folders are meant, and what a person sees.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from logging_core.folder import RunFolder
from opensweep import _text
from opensweep.commands import connection, options
from sweeps.errors import OpensweepError, RunExists, UsageError

if TYPE_CHECKING:
    from agent.follow import Carried, Courier
    from sweeps.protocol.client import Client

_AT_ONCE = 4
_DEPTH = 3  # levels below a folder that are looked through: runs/SWEEP/TRIAL
_LOOK_S = 0.2


@click.command(
    epilog="\b\nExample:\n"
    "  sweep sync ./opensweep/k3j9x2ab       one run\n"
    "  sweep sync ./opensweep                all that were recorded there\n"
    "  sweep sync ./opensweep/k3j9x2ab --id second-try"
)
@click.argument("folders", metavar="DIR...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--id", "run_id", metavar="NEW", help="Record the run under this id.")
@click.option("--follow", is_flag=True, help="Go on while a script still writes, until it ends.")
@options.json_option("what became of each folder")
def sync(folders: tuple[Path, ...], run_id: str | None, follow: bool, as_json: bool) -> None:
    """Send runs that are kept on this machine to the server.

    DIR is a run folder, or one that has run folders in it (default: ./opensweep). History,
    console, system metrics, files, artifacts and alerts go; a run whose script was killed is
    recorded as crashed. What the server has already is not sent again, so the command may be
    interrupted and given again.
    """
    found = [run for folder in folders or (Path("opensweep"),) for run in _runs_in(folder)]
    runs = list(dict.fromkeys(found))
    if run_id is not None and len(runs) > 1:
        raise UsageError(f"--id names one run, and there are {len(runs)} run folders: name one")
    with connection.server() as client:
        send(client, runs, run_id=run_id, follow=follow, as_json=as_json)


def send(
    client: Client,
    runs: Sequence[Path],
    *,
    run_id: str | None = None,
    follow: bool = False,
    as_json: bool = False,
) -> None:
    """Sends run folders and says what became of each. OpensweepError if any was not sent."""
    sent = send_folders(client, runs, run_id, follow)
    failed = [one for one in sent if one.error is not None]
    if as_json:
        options.print_json([one.to_json() for one in sent])
    elif len(sent) > 1:
        good = sum(one.error is None for one in sent)
        are = "is" if good == 1 else "are"
        click.echo(f"{_text.plural(good, 'run')} {are} at {client.url}" + _but(len(failed)))
    if failed:
        if len(sent) == 1 and failed[0].error is not None:
            raise failed[0].error
        raise OpensweepError(f"{_text.plural(len(failed), 'folder')} could not be sent, see above")


@dataclass(frozen=True)
class Sent:
    """What became of a folder: carried, or not because of an error that was told."""

    folder: Path
    carried: Carried | None = None
    error: OpensweepError | None = None

    def to_json(self) -> dict[str, Any]:
        said = {"folder": str(self.folder)}
        if self.carried is None:
            return {**said, "error": str(self.error)}
        one = self.carried
        return {
            **said,
            "id": one.run_id,
            "state": one.state,
            "sent": one.sent,
            "complete": one.complete,
            "fenced": list(one.fenced),
            "rows": one.rows,
        }


def _runs_in(folder: Path) -> list[Path]:
    """The run folders at or below `folder`, by name. Raises UsageError when there is none."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder: give a run folder, or one that has some in it")
    found = _below(folder.absolute(), _DEPTH)
    if not found:
        raise UsageError(
            f"{folder} is not a run folder, and has none in it (a run folder has a run.json)"
        )
    return found


def _below(folder: Path, depth: int) -> list[Path]:
    if RunFolder(folder).run_json.exists():
        return [folder]
    try:
        inside = sorted(path for path in folder.iterdir() if path.is_dir()) if depth else []
    except OSError:
        return []
    return [run for path in inside for run in _below(path, depth - 1)]


def send_folders(
    client: Client, runs: Sequence[Path], run_id: str | None = None, follow: bool = False
) -> list[Sent]:
    """Sends run folders, some at a time, and tells of each; in the order of `runs`."""
    from agent.follow import Courier

    give_up = threading.Event()
    people = _People()
    server_id = str(client.handshake()["server_id"])
    courier = Courier(client, server_id, people, give_up)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        jobs = [pool.submit(_one, courier, run, run_id, follow) for run in runs]
        try:
            with _picture(runs, jobs):
                sent = [_told(client, job) for job in jobs]
        except KeyboardInterrupt:
            give_up.set()
            for job in jobs:
                job.cancel()
            connection.say("stopping: what was sent is noted; the same command goes on from there")
            raise
    if any(_is_trial(run) for run in runs):
        _deliver_results(client, server_id, people, give_up)
    return sent


def _one(courier: Courier, run: Path, run_id: str | None, follow: bool) -> Sent:
    try:
        return Sent(run, courier.carry(RunFolder(run), live=follow, run_id=run_id))
    except RunExists as error:
        said = str(error).partition(":")[0]
        return Sent(
            run, error=RunExists(f"{said}: `sweep sync {run} --id NEW` records it under another id")
        )
    except OpensweepError as error:
        return Sent(run, error=error)


def _told(client: Client, job: Future[Sent]) -> Sent:
    """What became of a folder, told as soon as it is known; Ctrl-C gets through meanwhile."""
    while True:
        with suppress(TimeoutError):
            one = job.result(timeout=_LOOK_S)
            break
    if one.carried is None:
        connection.say(f"{one.folder}: {one.error}")
        return one
    done = one.carried
    if not done.sent:
        what = "there already"
    else:
        what = f"sent, {_text.plural(done.rows, 'row')} of history"
    for token in done.fenced:
        what += f"; attempt {token} had been overtaken, the server took no more of it"
    connection.say(f"{done.run_id} ({done.state}): {what}; {client.url}/runs/{done.run_id}")
    return one


@contextmanager
def _picture(runs: Sequence[Path], jobs: Sequence[Future[Sent]]) -> Iterator[None]:
    """A bar of the bytes that are sent, where somebody looks."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("sending"), BarColumn(), DownloadColumn(), TextColumn("{task.fields[n]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", n="")
        over = threading.Event()

        def draw() -> None:
            while not over.wait(_LOOK_S):
                parts = [_sent_of(run) for run in runs]
                ready = sum(job.done() for job in jobs)
                progress.update(
                    task,
                    completed=sum(part for part, _ in parts),
                    total=sum(whole for _, whole in parts),
                    n=f"{ready} of {_text.plural(len(jobs), 'run')}",
                )

        thread = threading.Thread(target=draw, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _sent_of(run: Path) -> tuple[int, int]:
    """(bytes sent, bytes in all) of a folder's history and console."""
    from agent.streams import Progress

    folder, sent, whole = RunFolder(run), 0, 0
    for writer in folder.writers():
        progress = Progress(folder.shipped(writer))
        with suppress(ValueError):
            progress.load()
        for kind, path in (
            ("history", folder.records(writer)),
            ("console", folder.console(writer)),
        ):
            with suppress(OSError):
                size = path.stat().st_size
                sent, whole = sent + min(progress.at(kind)[1], size), whole + size
    return sent, whole


def _is_trial(run: Path) -> bool:
    from agent.parcel import read_who

    with suppress(UsageError):
        return read_who(RunFolder(run)).trial
    return False


def _deliver_results(
    client: Client, server_id: str, people: _People, give_up: threading.Event
) -> None:
    """The results that agents which died on this machine left in their outboxes."""
    from agent.delivery import deliver_abandoned
    from opensweep.settings import Settings

    home = Settings.from_env().home
    count = deliver_abandoned(client, server_id, home, people, give_up)
    if count:
        connection.say(f"and {_text.plural(count, 'result')} of trials that an agent had left")


class _People:
    """The Listener: what a person hears meanwhile."""

    def __init__(self) -> None:
        self._away = False

    def server_away(self, error: OpensweepError) -> None:
        if not self._away:
            connection.say(f"waiting for the server: {error}")
        self._away = True

    def server_back(self) -> None:
        self._away = False

    def warn(self, message: str) -> None:
        connection.say(message)


def _but(failed: int) -> str:
    return f"; {_text.plural(failed, 'folder')} could not be sent, see above" if failed else ""
