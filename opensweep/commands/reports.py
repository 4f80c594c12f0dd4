"""`sweep report`: reports listed, read, and saved as one file that opens without a server.

Reports are written in the pages of the server. What stands after `sweep report` and is no
sub-command is a report's or a sweep's id: `sweep report ID -o out.html`. Neighbours: report.py has
a sweep in words, for the terminal.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from opensweep import _text
from opensweep.commands import connection, options
from sweeps.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from sweeps.protocol.client import Client

_NO_NAME = re.compile(r"[^\w.-]+")


class _Reports(click.Group):
    """A group in which an id stands for `export ID`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            args = ["export", *args]
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Reports,
    invoke_without_command=True,
    epilog="\b\nExample:\n  sweep report export k3j9x2ab -o digits.html\n  sweep report ls vision",
)
@click.pass_context
def report(ctx: click.Context) -> None:
    """List reports, read them, save one as a file.

    `sweep report ID` saves a report, or the one that every sweep has, as one HTML file that opens
    without a server.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@report.command(epilog="\b\nExample:\n  sweep report ls vision")
@click.argument("project", required=False)
@options.json_option("the reports")
def ls(project: str | None, as_json: bool) -> None:
    """List reports, of a project or all."""
    with connection.server() as client:
        reports = client.reports(project)
    if as_json:
        options.print_json(reports)
        return
    if not reports:
        where = f"project {project} has" if project else "there are"
        connection.say(f"{where} no reports yet; they are written in the pages (`sweep open`)")
        return
    now = time.time()
    rows = [
        (one["id"], one["project"], one["author"], _text.ago(one["updated"], now), one["title"])
        for one in reports
    ]
    click.echo(_text.table(("ID", "PROJECT", "BY", "CHANGED", "TITLE"), rows))


@report.command(epilog="\b\nExample:\n  sweep report show 4f1c09aa > report.md")
@click.argument("id_", metavar="ID")
@options.json_option("the report")
def show(id_: str, as_json: bool) -> None:
    """Print the markdown of a report, or of a sweep's."""
    with connection.server() as client:
        told = _either(client, id_)
    if as_json:
        options.print_json(told)
    else:
        click.echo(f"# {told['title']}\n\n{told['text']}", nl=not told["text"].endswith("\n"))


@report.command(epilog="\b\nExample:\n  sweep report export 4f1c09aa -o report.html")
@click.argument("id_", metavar="ID")
@click.option("-o", "--output", metavar="FILE", help="Default: a new file of the report's name.")
def export(id_: str, output: str | None) -> None:
    """Save a report, or a sweep's, as one HTML file that opens without a server.

    It holds what its panels show now, and asks nobody anything.
    """
    with connection.server() as client:
        told = _either(client, id_)
        target = Path(output) if output else _new_file(told["title"])
        if target.is_dir() or not target.parent.is_dir():
            raise UsageError(f"{target}: expected the name of a file in a folder that is there")
        if "id" in told:
            data = client.report_page(told["id"])
        else:
            data = client.sweep_page(connection.bare_id(id_))
    _write(target, data)
    click.echo(target)


def _either(client: Client, text: str) -> dict[str, Any]:
    """The report that `text` names, or else that of the sweep (which has no "id")."""
    name = connection.bare_id(text)
    try:
        return client.report(name)
    except NotFoundError:
        pass
    try:
        return client.report_of_sweep(name)
    except NotFoundError:
        raise NotFoundError(
            f"no report and no sweep {name!r} here; `sweep report ls` lists reports, "
            "`sweep ls` sweeps."
        ) from None


def _new_file(title: str) -> Path:
    name = _NO_NAME.sub("-", title).strip("-.")[:80] or "report"
    path = Path(f"{name}.html")
    if path.exists():
        raise UsageError(f"{path} is there already: name a file with `-o FILE`")
    return path


def _write(target: Path, data: bytes) -> None:
    """Whole or not at all."""
    handle, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(beside, 0o644)
        os.replace(beside, target)
    except BaseException:
        os.unlink(beside)
        raise
