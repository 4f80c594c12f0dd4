"""`sweep backup` and `sweep restore`: the home folder of this machine's server in one file."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from opensweep.commands import connection, options
from sweeps.errors import ConfigurationError

if TYPE_CHECKING:
    from controller.backup import Contents
    from opensweep.local import Settings


@click.command(epilog="\b\nExample:\n  sweep backup opensweep-friday.tar.zst")
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@options.json_option("what it holds")
def backup(file: Path, as_json: bool) -> None:
    """Write all that the server keeps into one file.

    On the server's own machine, while it runs or not: sweeps, trials, runs and their histories as
    they are at one moment, files and artifacts, keys. FILE holds secrets: only you can read it.
    A database in PostgreSQL is for pg_dump to save, and files in an object store stay there.
    """
    settings = _settings("back up")
    from controller.backup import backup as write

    made = write(settings.home, file.absolute(), artifacts_url=settings.artifacts_url or "")
    if as_json:
        options.print_json({**asdict(made), "file": str(file)})
        return
    click.echo(f"{file}: {_described(made)}")
    if made.artifacts_url:
        connection.say(f"files and artifacts stay where they are: {made.artifacts_url}")


@click.command(epilog="\b\nExample:\n  sweep restore opensweep-friday.tar.zst")
@click.argument(
    "file", metavar="[FILE]", required=False, type=click.Path(dir_okay=False, path_type=Path)
)
@click.option(
    "--database-done",
    is_flag=True,
    help="The database was put back by other means (pg_restore): only do what follows from that.",
)
@click.option("--force", is_flag=True, help="Put aside what the home folder holds.")
@options.json_option("what was restored")
def restore(file: Path | None, database_done: bool, force: bool, as_json: bool) -> None:
    """Put a backup into the home folder.

    The server must not run, and the folder must hold no database yet. Everything is checked before
    anything is written. Sweeps go on when a server and agents start. Agents may live on meanwhile:
    what they began before the restore is void, and runs again.
    """
    if (file is None) != database_done:
        raise click.UsageError("give the FILE of a backup, or --database-done instead of it.")
    if file is None:
        _turn_back()
        return
    settings = _settings("restore")
    from controller.backup import restore as put_back

    done, aside = put_back(file.absolute(), settings.home, force=force)
    if as_json:
        told = None if aside is None else str(aside)
        options.print_json({**asdict(done), "home": str(settings.home), "put_aside": told})
        return
    click.echo(f"restored into {settings.home}: {_described(done)}")
    if aside is not None:
        connection.say(f"what was there is in {aside}")
    if done.artifacts_url:
        connection.say(
            f"its files are in {done.artifacts_url}: set OPENSWEEP_ARTIFACTS_URL to that"
        )


def _turn_back() -> None:
    from controller.backup import turn_back
    from controller.server.home import Home
    from controller.store.store import open_store
    from opensweep.local import Settings

    settings = Settings.from_env()
    home = Home(settings.home)
    home.prepare()
    home.acquire()
    try:
        with open_store(settings.database_url or f"sqlite:///{home.database_file}") as store:
            turn_back(store)
            click.echo(f"what was under way in {store.where} is void, and will run again")
    finally:
        home.release()


def _settings(what: str) -> Settings:
    """Raises ConfigurationError where the home does not hold the database."""
    from opensweep.local import Settings

    settings = Settings.from_env()
    if settings.database_url is not None:
        tool = "pg_restore --clean --if-exists" if what == "restore" else "pg_dump -Fc -f FILE"
        scheme = urlsplit(settings.database_url).scheme.partition("+")[0]
        hint = f"`{tool} …`" if scheme == "postgresql" else "a copy of that file"
        then = ", then run `sweep restore --database-done`" if what == "restore" else ""
        raise ConfigurationError(
            f"OPENSWEEP_DATABASE_URL names a database outside the home: {what} that with {hint}, "
            f"and the folder {settings.home} with tar{then}."
        )
    return settings


def _described(contents: Contents) -> str:
    taken = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(contents.taken))
    return f"taken {taken}, {contents.blobs} files, {contents.size / 1e6:,.1f} MB"
