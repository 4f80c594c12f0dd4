"""`sweep server`: start, look at, stop the server of this machine, or be it.

What a server is and how it is found is opensweep/local.py's; `sweep server key` is server_keys.py.
The server's own API key is never printed: only the file that holds it is named.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from opensweep import _text
from opensweep.commands import connection, dashboard, options, report, server_keys
from sweeps import errors

if TYPE_CHECKING:
    from opensweep.local import Settings


@click.group(
    invoke_without_command=True,
    epilog="\b\nExample:\n"
    "  sweep server start --host 0.0.0.0     for agents on other machines\n"
    "  sweep server stop",
)
@click.pass_context
def server(ctx: click.Context) -> int | None:
    """Start, stop or look at the server.

    It keeps the sweeps and hands out trials. On one machine you need none of this: the first
    command that needs the server starts it, and it ends by itself when idle. Alone, this shows
    its status. The environment decides where it lives: OPENSWEEP_HOME, OPENSWEEP_DATABASE_URL,
    OPENSWEEP_REDIS_URL.
    """
    if ctx.invoked_subcommand is not None:
        return None
    code: int = ctx.invoke(status)
    return code


server.add_command(server_keys.key)


def listen_options(command: Callable[..., Any]) -> Callable[..., Any]:
    port = options.Whole(1, 65535)
    for option in (
        click.option("--redis-port", type=port, metavar="PORT", help="Of the embedded Valkey."),
        click.option("--port", type=port, metavar="PORT", help="Default: 8080, or a free one."),
        click.option(
            "--host",
            default="127.0.0.1",
            show_default=True,
            metavar="ADDRESS",
            help="Address to listen at; 0.0.0.0 lets other machines in.",
        ),
    ):
        command = option(command)
    return command


@server.command(epilog="\b\nExample:\n  sweep server start --host 0.0.0.0 --port 8080")
@listen_options
def start(host: str, port: int | None, redis_port: int | None) -> None:
    """Start the server in the background.

    It stays until `sweep server stop`, and starts again after a reboot only if something (systemd,
    say) does it. A server that was started on demand makes way for it.
    """
    from opensweep.local import Settings, start_server

    settings = Settings.from_env()
    url = start_server(settings, host=host, port=port, redis_port=redis_port, say=connection.say)
    click.echo(f"the server answers at {click.style(url, bold=True)} (home {settings.home})")
    _print_pages()
    for line in _how_to_join(settings, host, url):
        connection.say(line)


def _print_pages() -> None:
    client = connection.running_server()
    if client is not None:
        with client:
            click.echo(f"in the browser: {dashboard.link(client)}")


def _how_to_join(settings: Settings, host: str, url: str) -> list[str]:
    if connection.is_loopback(host):
        return ["other machines cannot reach it: for them, start it with --host 0.0.0.0"]
    port = url.rpartition(":")[2]
    return [
        "on each other machine:",
        f"  export OPENSWEEP_URL=http://{socket.gethostname()}:{port}",
        f"  export OPENSWEEP_API_KEY=…      the content of {settings.home / 'api_key'},",
        "                                  or of `sweep server key create USER`",
    ]


@server.command(epilog="\b\nExample:\n  sweep server run --host 0.0.0.0      (under systemd, say)")
@listen_options
def run(host: str, port: int | None, redis_port: int | None) -> None:
    """Be the server, in the foreground, until Ctrl-C or SIGTERM."""
    from opensweep.local import run_server

    run_server(host=host, port=port, redis_port=redis_port)


@server.command(epilog="\b\nExample:\n  sweep server stop")
@options.json_option('{"stopped": …}')
def stop(as_json: bool) -> None:
    """Stop this machine's server.

    Nothing is lost: agents keep their results until a server answers again, and a sweep goes on
    where it was.
    """
    from opensweep.local import stop_server

    stopped = stop_server()
    if as_json:
        options.print_json({"stopped": stopped})
    elif stopped:
        click.echo("the server is stopped")
    else:
        connection.say("no server runs here")


@server.command(epilog="\b\nExample:\n  sweep server status --json")
@options.json_option("what is known of it")
def status(as_json: bool = False) -> int:
    """Show whether the server runs, and where.

    Ends with 1 when none does.
    """
    known = known_server()
    if as_json:
        options.print_json(known)
    elif not known["running"]:
        click.echo(f"no server answers at {known['url']}" if known.get("url") else _NONE)
    else:
        click.echo(f"the server answers at {click.style(known['url'], bold=True)}")
        _print_pages()
        for label, value in (
            ("version", known.get("version")),
            ("home", known.get("home")),
            ("pid", known.get("pid")),
            ("since", _text.ago(known.get("started"), time.time())),
        ):
            if value not in (None, _text.NOTHING):
                click.echo(f"  {label:<8} {value}")
        for label, value in _figures(known["figures"]):
            click.echo(f"  {label:<8} {value}")
        unknown = known["unknown"]
        if unknown:
            click.echo("asked for by wandb clients, and not here:")
            for each in unknown[:_FEW]:
                times = _text.plural(each["count"], "time")
                click.echo(f"  {each['operation']}: {each['field']} ({times})")
            if len(unknown) > _FEW:
                click.echo(f"  and {len(unknown) - _FEW} more: sweep server status --json")
    return 0 if known["running"] else 1


_FEW = 5


def _figures(known: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the server says of itself, in lines with a label."""
    if not known:
        return
    agents = known["agents"]
    slots = sum(int(agent.get("slots") or 0) for agent in agents)
    busy = sum(report.busy(agent) for agent in agents)
    resting = sum(bool(agent.get("quarantined")) for agent in agents)
    told = _text.plural(len(agents), "agent")
    told += f", {busy} of {slots} slots busy" if agents else ""
    yield "agents", told + (f", {resting} in quarantine" if resting else "")
    yield "trials", _text.counts_line(known["trials"])
    yield "runs", f"{known['runs']:,}, {known['rows']:,} rows"
    rates = known["rates"]
    yield "takes in", f"{rates['rows']:,.0f} rows/s, {rates['requests']:,.0f} requests/s"
    database, broker = known["database"], known["broker"]
    yield "database", f"{_text.size(database['bytes'])}, {database['kind']}"
    yield "files", f"{_text.size(known['files']['bytes'])} in {known['files']['count']:,}"
    product = broker["product"] or "Redis"
    yield "broker", product if broker["reachable"] else f"{product} is out of reach"
    yield "memory", f"{_text.size(known['process']['memory'])}; {known['pages']} pages open"


@server.command(epilog="\b\nExample:\n  sweep server acl")
def acl() -> None:
    """Print the ACL line for a Redis of your own.

    It makes a user who may do what agents and server need, and nothing else. Put a password in
    PASSWORD's place, and give the command to redis-cli.
    """
    from controller.valkey import acl_line

    click.echo(acl_line())


_NONE = "no server runs here; the first command that needs it starts it"


def known_server() -> dict[str, Any]:
    """{running, url, version, …}: of the server that OPENSWEEP_URL names, else the local one."""
    from opensweep.local import Settings, find_server, server_status

    settings = Settings.from_env()
    client = find_server(settings)
    note: dict[str, Any] = {} if settings.url else server_status(settings) or {}
    if client is None:
        return {"running": False, "url": settings.url or note.get("url")}
    with client:
        health = client.healthy() or {}
        unknown: list[dict[str, Any]] = []
        figures: dict[str, Any] = {}
        with contextlib.suppress(errors.OpensweepError):  # no key of this server is known here
            unknown = client.unknown_operations()
            figures = client.server()
    told = {**health, **note, "unknown": unknown, "figures": figures}
    return {"running": True, "url": client.url, **told}
