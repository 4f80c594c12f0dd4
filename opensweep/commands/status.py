"""`sweep ls` and `sweep status`: which sweeps there are, and where one stands."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from opensweep import _text
from opensweep.commands import connection, options, report
from sweeps.errors import NotFoundError

if TYPE_CHECKING:
    from sweeps.protocol.client import Client

WATCH_S = 1.0
"""Seconds between two looks of `--watch`."""


def terminal_width() -> int | None:
    """Columns of the terminal that stdout is; None when it is none (then nothing is cut)."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


@click.command(epilog="\b\nExample:\n  sweep ls --state running")
@click.option("--state", metavar="STATE", help="Only sweeps in this state, such as running.")
@options.json_option("the sweeps' status documents")
def ls(state: str | None, as_json: bool) -> None:
    """List the sweeps.

    The newest comes first.
    """
    check_states(state, "sweep")
    with connection.server() as client:
        sweeps = [row for row in client.sweeps() if state is None or row["state"] == state]
    if as_json:
        options.print_json(sweeps)
        return
    if not sweeps:
        connection.say(
            f"no sweep is {state}" if state else "no sweeps yet; `sweep create FILE` records one"
        )
        return
    now = time.time()
    rows = [
        [
            row["id"],
            report.standing(row),
            report.progress(row),
            _text.number((row.get("best") or {}).get("objective")),
            str(sum(int(agent.get("slots") or 0) for agent in row.get("agents") or [])),
            _text.ago(row.get("created"), now),
            report.own_name(row) or _text.NOTHING,
            report.aim(row),
        ]
        for row in sweeps
    ]
    headers = ["ID", "STATE", "DONE", "BEST", "SLOTS", "CREATED", "NAME", "SEARCH"]
    click.echo(
        _text.table(
            headers, rows, right={"BEST", "SLOTS"}, states={"STATE"}, width=terminal_width()
        )
    )
    for row in sweeps:
        if why := report.stuck(row):
            click.echo(f"{row['id']} is {why}; `sweep status {row['id']}` says what to do")


def check_states(given: str | None, of: str) -> None:
    """Raises click.BadParameter when `given` (comma-separated) names a state that is none."""
    from sweeps.trial import SweepState, TrialState

    known = [state.value for state in (SweepState if of == "sweep" else TrialState)]
    for name in (given or "").split(","):
        if name and name not in known:
            raise click.BadParameter(
                f"{name!r} is no state of a {of}: {', '.join(known)}", param_hint="--state"
            )


@click.command(epilog="\b\nExample:\n  sweep status k3j9x2ab --watch")
@options.sweep_argument(required=False)
@click.option("--watch", "-w", is_flag=True, help="Stay and update until the sweep is over.")
@options.json_option("the status document (with --watch: one line for each change)")
def status(sweep: str | None, watch: bool, as_json: bool) -> None:
    """Show where a sweep stands.

    Without an ID: the newest sweep. ID may be a run that is of no sweep, too.
    """
    with connection.server() as client:
        now = connection.latest(client) if sweep is None else _named(client, sweep)
        if "counts" not in now:
            _show_run(now, watch, as_json)
        elif watch:
            _watch(client, now, as_json)
        elif as_json:
            options.print_json(now)
        else:
            report.print_status(now, time.time(), terminal_width())


def _named(client: Client, text: str) -> dict[str, Any]:
    """The sweep of that id, or else the run without a sweep. NotFoundError: neither."""
    try:
        return connection.sweep_status(client, text)
    except NotFoundError as error:
        run = connection.run_or(error, client, text)
        if run["sweep_id"]:
            raise
        return run


def _show_run(run: dict[str, Any], watch: bool, as_json: bool) -> None:
    if watch:
        raise click.UsageError(f"{run['id']} is a run: `sweep logs {run['id']} -f` follows it")
    from opensweep.commands.runs import for_people, print_run

    if as_json:
        options.print_json(for_people(run))
    else:
        print_run(run)


def _watch(client: Client, first: dict[str, Any], as_json: bool) -> None:
    """Follows a sweep to its end: a live picture on a terminal, else a line for each change."""
    if as_json or not sys.stdout.isatty():
        _watch_lines(client, first, as_json)
        return
    from opensweep.commands.live import LiveDisplay

    try:
        with LiveDisplay(client, first["id"]) as display:
            while not report.over(display.look()):
                time.sleep(WATCH_S)
    except KeyboardInterrupt:
        connection.say(f"the sweep goes on: `sweep status {first['id']} --watch` shows it again")
        raise
    for line in report.ending(client, display.status):
        click.echo(line)


def _watch_lines(client: Client, first: dict[str, Any], as_json: bool) -> None:
    now, told = first, None
    while True:
        alone = not now.get("agents") and not report.over(now)
        stuck = report.stuck(now)
        marks = (now["state"], now["counts"], (now.get("best") or {}).get("id"), alone, stuck)
        if marks != told:
            told = marks
            if as_json:
                options.print_json_line(now)
            else:
                best = report.best_line(now.get("best"))
                click.echo(
                    f"{now['id']} {_text.state(report.standing(now))}: {report.progress(now)} done "
                    f"({_text.counts_line(now['counts'])}); best {best}"
                    + (f"; {report.no_agent(now)}" if alone else "")
                    + (f"; {stuck}" if stuck else "")
                )
            sys.stdout.flush()
        if report.over(now):
            return
        now = _next_status(client, first["id"])


def _next_status(client: Client, sweep_id: str) -> dict[str, Any]:
    """That of a moment later; a server that does not answer is waited for."""
    away = False
    while True:
        time.sleep(WATCH_S)
        try:
            status = client.sweep(sweep_id)
        except connection.AWAY as error:
            if not away:
                connection.say(f"{error} Waiting for it.")
            away = True
            continue
        if away:
            connection.say("the server is back")
        return status
