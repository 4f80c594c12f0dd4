"""`sweep open`, and the addresses of pages that other commands print.

A link that logs in holds a code that is good once, for minutes (controller/server/sessions.py). It
is in the address's fragment, which a browser sends to no server; it is printed only to a terminal,
or where it was asked for, never into a log. The API key itself never leaves this process so.
"""

from __future__ import annotations

import getpass
import os
import sys
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import click

from opensweep.commands import connection, options
from sweeps.errors import NotFoundError, OpensweepError

if TYPE_CHECKING:
    from sweeps.protocol.client import Client


@click.command(
    "open",
    epilog="\b\nExample:\n"
    "  sweep open                 the home page\n"
    "  sweep open k3j9x2ab        a sweep, a run, or a project by its name\n"
    "  sweep open --print         only the link, to open it elsewhere",
)
@click.argument("what", metavar="[SWEEP|RUN|PROJECT]", type=options.SweepId(), required=False)
@click.option("--print", "only_print", is_flag=True, help="Print the link; open no browser.")
def open_(what: str | None, only_print: bool) -> None:
    """Open the dashboard in the browser, logged in.

    Where there is no browser (over SSH, say) it prints a link, and how to reach it from your own
    machine. The link logs in once, within 10 minutes, with the rights of your API key.
    """
    with connection.server() as client:
        parts = () if what is None else _place(client, what)
        link = logged_in(client, *parts)
        plain = address(client, *parts)
        where = client.url
    if only_print:
        click.echo(link)
    elif _has_browser() and _browse(link):
        click.echo(f"opened {plain} in the browser")
    else:
        click.echo(link)
        for line in _how_to_open(plain, where):
            connection.say(line)


def address(client: Client, *parts: str) -> str:
    """The address of a page, as it is reached from where the person sits."""
    path = "/".join(quote(part, safe="") for part in parts)
    return f"{_seen_url(client.url)}/{path}"


def link(client: Client, *parts: str) -> str:
    """The address of a page; on a terminal, one that logs in by a click."""
    if sys.stdout.isatty():
        try:
            return logged_in(client, *parts)
        except OpensweepError:
            pass  # an older server: people log in with their key
    return address(client, *parts)


def logged_in(client: Client, *parts: str) -> str:
    """The address of a page, with a code that logs in."""
    return f"{address(client, *parts)}#login={client.login_code()}"


def _place(client: Client, text: str) -> tuple[str, ...]:
    """The path of the page of what `text` names. Raises NotFoundError."""
    try:
        return ("sweeps", str(client.sweep(connection.bare_id(text))["id"]))
    except NotFoundError:
        pass
    try:
        return ("runs", str(connection.run_of(client, text)["id"]))
    except NotFoundError:
        pass
    try:
        return ("projects", connection.project(client, text))
    except NotFoundError:
        raise NotFoundError(
            f"no sweep, run or project {text!r} here; `sweep ls` and `sweep runs` list them."
        ) from None


def _has_browser() -> bool:
    """Whether a browser would open where the person sits. $BROWSER says so whatever else is."""
    if os.environ.get("BROWSER"):
        return True
    if _ssh() is not None:
        return False
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return sys.platform == "darwin" or bool(screen)


def _browse(link: str) -> bool:
    import webbrowser

    try:
        browser = webbrowser.get()
        # Those that show text in the terminal run no scripts.
        shows_text = type(browser) is webbrowser.GenericBrowser and not os.environ.get("BROWSER")
        return not shows_text and browser.open(link)
    except webbrowser.Error:
        return False


def _ssh() -> tuple[str, str] | None:
    """(address, port) of this machine as the person's SSH reached it; None: nobody came so."""
    parts = os.environ.get("SSH_CONNECTION", "").split()
    return (parts[2], parts[3]) if len(parts) == 4 else None


def _seen_url(url: str) -> str:
    """A server's address as the person reaches it: over SSH, a server of this machine that listens
    on the network is at this machine's address, and not at the person's own loopback."""
    ssh = _ssh()
    if ssh is None or not _is_here(url) or not _listens_on_the_network():
        return url
    host = f"[{ssh[0]}]" if ":" in ssh[0] else ssh[0]
    return f"http://{host}:{urlsplit(url).port}"


def _is_here(url: str) -> bool:
    return connection.is_loopback(urlsplit(url).hostname or "")


def _listens_on_the_network() -> bool:
    from opensweep.local import Settings, server_status

    settings = Settings.from_env()
    if settings.url is not None:
        return False
    note = server_status(settings) or {}
    return not connection.is_loopback(str(note.get("host", "localhost")))


def _how_to_open(page: str, server: str) -> list[str]:
    """What to say beside a link that no browser opened here."""
    once = "the link logs in once, within 10 minutes; `sweep open` makes another."
    ssh = _ssh()
    if not _is_here(server):
        return [once]
    port = urlsplit(server).port
    if ssh is None:
        return [once, "no browser opens here: open it in one on this machine."]
    there = f"{getpass.getuser()}@{ssh[0]}"
    at = "" if ssh[1] == "22" else f" -p {ssh[1]}"
    first = "from your own machine, first:"
    if not _is_here(page):
        first = f"if your machine cannot reach that address: with localhost:{port} in it, after"
    return [once, first, f"  ssh -N{at} -L {port}:127.0.0.1:{port} {there}"]
