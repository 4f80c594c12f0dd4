"""`sweep artifact`: put files into an artifact, get them back, list them. Without a run.

What scripts do by `run.log_artifact` and `run.use_artifact`, by hand, with W&B's words. The work is
logging_core/artifacts' and agent/sending.py's.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from opensweep import _text
from opensweep.commands import connection, options
from sweeps import errors

if TYPE_CHECKING:
    from logging_core.api.http import Server
    from logging_core.artifacts.artifact import Artifact
    from sweeps.protocol.client import Client

_TURNS = 3


@click.group(
    invoke_without_command=True,
    epilog="\b\nExample:\n"
    "  sweep artifact put data/ --name cifar --type dataset\n"
    "  sweep artifact get cifar:latest",
)
@click.pass_context
def artifact(ctx: click.Context) -> None:
    """Put files into artifacts, get them back, list them.

    NAME is name:version or name:alias, with the project before it if it is not `uncategorized`:
    vision/cifar:v3.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@artifact.command(
    epilog="\b\nExample:\n  sweep artifact put model.pt --name vision/net --type model --alias best"
)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("-n", "--name", metavar="NAME", help="Default: the file's or folder's own.")
@click.option("-t", "--type", "kind", default="dataset", show_default=True, help="Its type.")
@click.option("-d", "--description", default="", help="For people.")
@click.option("-a", "--alias", "aliases", multiple=True, metavar="ALIAS", help="Beside latest.")
@options.json_option("the version")
def put(
    path: Path,
    name: str | None,
    kind: str,
    description: str,
    aliases: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make a file or a folder a version of an artifact.

    The same content is no new version: the aliases move to the one that has it.
    """
    from logging_core.artifacts import names
    from logging_core.artifacts.artifact import Artifact

    if not path.exists():
        raise errors.UsageError(f"{path}: there is no such file or folder")
    with _ours():
        given = names.parse(name or names.fitting_name(path.resolve().name))
        made = Artifact(given.name, kind)
        wanted = [names.check_alias(alias) for alias in aliases]
        # Linked where that is possible: the files are not expected to change under our hands.
        if path.is_dir():
            made.add_dir(path, policy="immutable")
        else:
            made.add_file(path, policy="immutable")
    said = {
        "project": given.project,
        "name": given.name,
        "type": kind,
        "description": description,
        "aliases": wanted,
    }
    with connection.server() as client:
        told = _send(client, made, said)
    if as_json:
        options.print_json(told)
    else:
        size = f"{_text.plural(told['files'], 'file')}, {told['size']:,} bytes"
        click.echo(f"{told['project']}/{told['name']}:v{told['version']} ({size})")


@artifact.command(epilog="\b\nExample:\n  sweep artifact get vision/net:best --root models")
@click.argument("name")
@click.option("--root", metavar="DIR", help="Where to; default: ./artifacts/NAME:VERSION.")
def get(name: str, root: str | None) -> None:
    """Bring the files of an artifact here; prints the folder that has them."""
    from logging_core.api.artifacts import artifact as find

    with _server() as server, _ours():
        click.echo(os.path.relpath(find(server, name).download(root)))


@artifact.command(epilog="\b\nExample:\n  sweep artifact ls vision --type model")
@click.argument("project", default="uncategorized")
@click.option("-t", "--type", "kind", metavar="TYPE", help="Those of one type alone.")
@options.json_option("the versions")
def ls(project: str, kind: str | None, as_json: bool) -> None:
    """List the artifacts of a project, each by its newest version."""
    from logging_core.api.artifacts import artifact_collections

    with _server() as server, _ours():
        newest = [
            version
            for found in artifact_collections(server, project, kind)
            for version in found.artifacts()[:1]
        ]
    if as_json:
        options.print_json([version._told for version in newest])
        return
    if not newest:
        click.echo(f"project {project} has no artifacts" + (f" of type {kind}" if kind else ""))
        return
    now = time.time()
    rows = [
        (one.name, one.type, ", ".join(one.aliases), f"{one.size:,}", _text.ago(one.created, now))
        for one in newest
    ]
    click.echo(_text.table(("NAME", "TYPE", "ALIASES", "BYTES", "CREATED"), rows))


def _send(client: Client, made: Artifact, said: dict[str, Any]) -> dict[str, Any]:
    """The version, as the server tells it."""
    from agent.sending import Origin, send_steps
    from logging_core.artifacts.staging import digest_of
    from logging_core.values import dumps

    entries = made.manifest.entries.values()
    with tempfile.TemporaryDirectory(prefix="opensweep-") as folder:
        path = Path(folder, "manifest.json")
        path.write_bytes(dumps(made.manifest.to_json()))
        digest, size = digest_of(str(path))
        wanted = {one.digest: Origin(str(one.local_path), one.size or 0) for one in entries}
        for _ in range(_TURNS):
            for _ in send_steps(client, {**wanted, digest: Origin(str(path), size)}):
                pass
            answer = client.commit_artifact({**said, "manifest": digest})
            if "artifact" in answer:
                return dict(answer["artifact"])
    raise errors.OpensweepError("some files changed while they were sent: try again.")


@contextmanager
def _server() -> Iterator[Server]:
    from logging_core.api.http import Server

    with connection.server() as client:
        server = Server(client.url, client.key)
        try:
            yield server
        finally:
            server.close()


@contextmanager
def _ours() -> Iterator[None]:
    """The logger's errors as those of the command."""
    from logging_core.errors import Error, NotFoundError, UsageError

    try:
        yield
    except NotFoundError as error:
        raise errors.NotFoundError(str(error)) from error
    except UsageError as error:
        raise errors.UsageError(str(error)) from error
    except Error as error:
        raise errors.OpensweepError(str(error)) from error
