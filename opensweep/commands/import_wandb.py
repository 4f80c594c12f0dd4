"""`sweep import-wandb`: a project of a W&B server, brought to ours.

The work is opensweep/importing/wandb_import.py's; here is which server and project are meant, and
what a person sees.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opensweep import _text
from opensweep.commands import connection, options
from sweeps.errors import OpensweepError, UsageError

if TYPE_CHECKING:
    from opensweep.importing.wandb_import import Import
    from opensweep.importing.wandb_server import WandbServer
    from sweeps.protocol.client import Client


@click.command(
    "import-wandb",
    epilog="\b\nExample:\n"
    "  sweep import-wandb my-team/digits\n"
    "  sweep import-wandb my-team/digits --base-url https://wandb.example.org --project digits-2\n"
    "  sweep import-wandb my-team/digits --no-files --no-artifacts",
)
@click.argument("path", metavar="ENTITY/PROJECT")
@click.option("--base-url", metavar="URL", help="The W&B server [WANDB_BASE_URL, else W&B's own].")
@click.option("--api-key", metavar="KEY", help="A key of it [WANDB_API_KEY, else ~/.netrc].")
@click.option("--project", metavar="NAME", help="Put it into this project.")
@click.option("--no-files", is_flag=True, help="Leave the runs' files where they are.")
@click.option("--no-artifacts", is_flag=True, help="Leave the artifacts where they are.")
@options.json_option("what came")
def import_wandb(
    path: str,
    base_url: str | None,
    api_key: str | None,
    project: str | None,
    no_files: bool,
    no_artifacts: bool,
    as_json: bool,
) -> None:
    """Bring a project of a W&B server here.

    Runs with their history, config, summary, console, system metrics and files, sweeps, and every
    version of every artifact. A run that is not over is left for the next time. The command may be
    interrupted and given again: what is here already is not brought twice.

    A sweep comes with its runs as what its search knows of before; resume it, and it goes on.
    """
    from opensweep.importing.wandb_import import as_json as told
    from opensweep.importing.wandb_server import CLOUD, WandbServer, known_key

    entity, _, name = path.partition("/")
    if not entity or not name or "/" in name:
        raise UsageError(f"{path!r}: expected ENTITY/PROJECT, as in the address of its page")
    base_url = base_url or os.environ.get("WANDB_BASE_URL", "").strip() or CLOUD
    source = WandbServer(base_url, api_key or known_key(base_url, os.environ))
    with connection.server() as client:
        if source.url == client.url.rstrip("/"):
            raise UsageError(
                f"{base_url} is the server that this would be brought to: name the other one by "
                "--base-url (WANDB_BASE_URL leads here)"
            )
        work = _import(client, source, entity, name, project or name, files=not no_files)
        try:
            work.runs()
            work.sweeps()
            if not no_artifacts:
                work.artifacts()
        except KeyboardInterrupt:
            connection.say("stopping: give the same command again, and it goes on from there")
            raise
        done = work.outcome
        if as_json:
            options.print_json(told(done))
        else:
            click.echo(
                f"{_text.plural(len(done.runs), 'run')}, {_text.plural(len(done.sweeps), 'sweep')}"
                f" and {_text.plural(len(done.artifacts), 'version')} of artifacts came to"
                f" {client.url}" + (f"; {done.unchanged} runs were here" if done.unchanged else "")
            )
        if done.open:
            are = "run is" if done.open == 1 else "runs are"
            connection.say(f"{done.open} {are} not over there: give the command again later")
        if done.failed:
            raise OpensweepError(f"{_text.plural(done.failed, 'run')} did not come, see above")


def _import(
    client: Client, source: WandbServer, entity: str, name: str, project: str, *, files: bool
) -> Import:
    from opensweep.importing.wandb_import import Import
    from opensweep.importing.wandb_project import SourceProject
    from opensweep.settings import Settings

    host = source.url.partition("://")[2].replace("/", "_").replace(":", "_")
    server_id = str(client.handshake()["server_id"])
    base = Settings.from_env().home / "imports" / "wandb-server" / server_id
    base = base / f"{host}_{entity}_{name}"
    there = SourceProject(source, entity, name, base / "downloads", files=files)
    return Import(there, client, project, base, lambda runs: _send(client, runs), connection.say)


def _send(client: Client, folders: list[Path]) -> list[str | None]:
    """The id of each run here; None for one that could not be sent, which was told."""
    from opensweep.commands.sync import send_folders
    from sweeps.errors import RunExists

    ids: list[str | None] = []
    for sent in send_folders(client, folders):
        if isinstance(sent.error, RunExists):
            # Ids are W&B's projects' own, and here the server's.
            (sent,) = send_folders(client, [sent.folder], run_id=sent.folder.name)
        ids.append(sent.carried.run_id if sent.carried and sent.carried.complete else None)
    return ids
