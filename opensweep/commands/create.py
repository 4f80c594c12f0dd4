"""`sweep create`: a sweep file is checked here and recorded by the server.

All that can be checked without the server is checked first, so that a wrong file starts nothing.
`sweep run` begins the same way.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from opensweep.commands import connection, dashboard, options
from sweeps.errors import SpecError, UsageError

if TYPE_CHECKING:
    from sweeps.protocol.client import Client
    from sweeps.spec import SweepSpec

_HERE = "-"
_MOST_OF_A_TABLE = 5_000_000


@click.command(
    epilog="\b\nExample:\n"
    "  sweep create sweep.yaml --name first-try\n"
    "  cat sweep.yaml | sweep create -"
)
@click.argument("file", type=click.Path(allow_dash=True))
@options.overrides
@click.option(
    "--program-elsewhere",
    is_flag=True,
    help="Do not look for the program: this machine runs no trials.",
)
@options.json_option('{"id": …, "url": …}')
def create(
    file: str,
    name: str | None,
    project: str | None,
    entity: str | None,
    program_elsewhere: bool,
    as_json: bool,
) -> None:
    """Check a sweep file and record the sweep.

    FILE is a sweep file in W&B's format (`-`: standard input). Prints the sweep's id and the line
    that makes a machine work for it.
    """
    text = read(file, {"name": name, "project": project, "entity": entity})
    tables = prior_tables(file, check(file, text, program_here=not program_elsewhere))
    with connection.server() as client:
        made = record(client, file, text, tables)
        place = ("sweeps", str(made["id"]))
        if as_json:
            told = {key: made[key] for key in ("id", "name") if made.get(key)}
            options.print_json({**told, "url": dashboard.address(client, *place)})
            return
        link = dashboard.link(client, *place)
    click.echo(f"sweep {click.style(made['id'], bold=True)} is recorded")
    command = click.style(f"sweep agent {made['id']}", bold=True)
    click.echo(f"run on each machine: {command}")
    click.echo(f"in the browser: {link}")


def read(file: str, replace: dict[str, str | None]) -> str:
    """The text of a sweep file, with some of its top-level values replaced.

    Raises UsageError when it cannot be read.
    """
    try:
        if file == _HERE:
            text = sys.stdin.read()
        else:
            with open(file, encoding="utf-8") as stream:
                text = stream.read()
    except FileNotFoundError:
        raise UsageError(f"there is no file {file} in {os.getcwd()}.{_yaml_files(file)}") from None
    except IsADirectoryError:
        raise UsageError(f"{file} is a folder: name the sweep file in it.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not a text file (UTF-8).") from None
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}.") from None
    wanted = {key: value for key, value in replace.items() if value is not None}
    if not wanted:
        return text
    from sweeps.yaml_edit import with_values

    return with_values(text, wanted, path=shown(file))


def _yaml_files(file: str) -> str:
    """A hint: the YAML files that are where `file` was looked for."""
    folder = os.path.dirname(file) or "."
    try:
        names = sorted(n for n in os.listdir(folder) if n.endswith((".yaml", ".yml")))
    except OSError:
        return ""
    shown_names = [os.path.join(os.path.dirname(file), name) for name in names[:5]]
    return f" There is: {', '.join(shown_names)}." if names else ""


def shown(file: str) -> str:
    return "<stdin>" if file == _HERE else file


def check(file: str, text: str, *, program_here: bool) -> SweepSpec:
    """The sweep that `text` describes. Raises SpecError, or UsageError when its program is not
    to be found by an agent that starts in this folder."""
    from sweeps.spec import load_spec

    spec = load_spec(text, path=shown(file))
    if program_here:
        from agent.launch import NoProgram, check_program

        try:
            check_program(spec.command, spec.program, origin=origin(file))
        except UsageError as error:
            what = (
                f"{str(error).rstrip('.')}. (If trials run on other machines only: "
                "--program-elsewhere.)"
            )
            if isinstance(error, NoProgram) and spec.program is not None:
                raise spec.error(what, "program") from None
            raise UsageError(what) from None
    return spec


def origin(file: str) -> dict[str, Any]:
    """Where a sweep comes from: what the server keeps, and agents look for the program by."""
    path = None if file == _HERE else os.path.abspath(file)
    return {"path": path, "cwd": os.getcwd(), "host": socket.gethostname()}


def prior_tables(file: str, spec: SweepSpec) -> dict[str, str]:
    """The texts of the CSV files that the sweep file names under `prior`, by those names; their
    paths begin where the sweep file is. Raises SpecError when one cannot be read."""
    folder = os.getcwd() if file == _HERE else os.path.dirname(os.path.abspath(file))
    found = {}
    listed = isinstance(spec.source.get("prior"), list)
    for n, entry in enumerate(spec.prior):
        if not entry.lower().endswith(".csv"):
            continue
        place = ("prior", n) if listed else ("prior",)
        path = os.path.join(folder, os.path.expanduser(entry))
        try:
            with open(path, encoding="utf-8-sig", newline="") as stream:
                found[entry] = stream.read(_MOST_OF_A_TABLE + 1)
        except UnicodeDecodeError:
            raise spec.error(f"{path} is not a text file (UTF-8).", *place) from None
        except OSError as error:
            raise spec.error(
                f"cannot read {path}: {error.strerror}.",
                *place,
                hint="A path begins where the sweep file is.",
            ) from None
        if len(found[entry]) > _MOST_OF_A_TABLE:
            raise spec.error(f"{path} is longer than {_MOST_OF_A_TABLE:,} characters.", *place)
    return found


def record(client: Client, file: str, text: str, tables: dict[str, str]) -> dict[str, Any]:
    """Records the sweep: {id, name, warnings, notes}. Says warnings and notes on stderr."""
    with as_named(file):
        made = client.create_sweep(text, **origin(file), tables=tables)
    say_warnings(made)
    return made


@contextlib.contextmanager
def as_named(file: str) -> Iterator[None]:
    """What the server finds wrong with a sweep file is said by the name that the user gave it."""
    try:
        yield
    except SpecError as error:
        raise SpecError(
            error.problem,
            key_path=error.key_path,
            path=shown(file),
            line=error.line,
            hint=error.hint,
        ) from None


def say_warnings(made: dict[str, Any]) -> None:
    """What is not quite right with a sweep's file, and what came of it, as the server said it."""
    for note in made.get("notes") or ():
        connection.say(note)
    for warning in made.get("warnings") or ():
        connection.say(f"{click.style('warning:', fg='yellow')} {warning}")
