"""`sweep run`: create a sweep, run it on this machine, watch it, and tell what came out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from opensweep.commands import agent, connection, create, dashboard, options, report

if TYPE_CHECKING:
    from agent.events import Event, Summary
    from sweeps.protocol.client import Client


@click.command(
    epilog="\b\nExample:\n  sweep run sweep.yaml\n  sweep run sweep.yaml --count 20 --slots 2"
)
@click.argument("file", type=click.Path(allow_dash=True))
@options.overrides
@options.agent_options
@options.json_option("each event as one line of JSON, the sweep's status last, all")
def run(
    file: str,
    name: str | None,
    project: str | None,
    entity: str | None,
    as_json: bool,
    **settings: Any,
) -> int:
    """Create a sweep and run it here, with live progress.

    FILE is a sweep file in W&B's format. Other machines may join with `sweep agent ID`. Takes the
    options of `sweep agent`. Ctrl-C once: wait for the running trials; twice: stop them. Ends with
    1 when no trial succeeded.
    """
    text = create.read(file, {"name": name, "project": project, "entity": entity})
    tables = create.prior_tables(file, create.check(file, text, program_here=True))
    agent.check_devices(settings)
    agent.load_ahead()
    with connection.server() as client:
        sweep_id = create.record(client, file, text, tables)["id"]
        status: dict[str, Any] | None
        if as_json:
            summary, ends = agent.work(client, sweep_id, settings, agent.json_line)
            status = client.sweep(sweep_id)
            options.print_json_line(status)
        else:
            click.echo(report.title(client.sweep(sweep_id)))
            click.echo(f"in the browser: {dashboard.link(client, 'sweeps', sweep_id)}")
            if connection.is_shared(client):
                connection.say(f"to help from another machine: sweep agent {sweep_id}")
            if sys.stdout.isatty():
                summary, ends = _with_picture(client, sweep_id, settings)
            else:
                summary, ends = agent.work(client, sweep_id, settings, agent.Lines().show)
            status = agent.print_end(client, sweep_id, summary, ends)
        # What other machines did counts too, once the sweep is over.
        if status is not None and report.over(status):
            failed = report.all_failed(status)
        else:
            failed = ends.all_failed
        if not failed or summary.exit_code:  # the latter has told why it ends so
            return summary.exit_code
        connection.say(ends.complaint(sweep_id))
    return 1


def _with_picture(
    client: Client, sweep_id: str, settings: dict[str, Any]
) -> tuple[Summary, agent.Ends]:
    """The agent at work under a live picture; only trouble is printed above it."""
    from agent import events
    from opensweep.commands.live import LiveDisplay

    with LiveDisplay(client, sweep_id, alone=False) as display:
        lines = agent.Lines(out=display.print, trouble=display.print)

        def show(event: Event) -> None:
            dull = isinstance(event, events.Started) or (
                isinstance(event, events.Ended) and event.outcome.state in agent.DULL_ENDS
            )
            if not dull:
                lines.show(event)

        display.follow()
        return agent.work(client, sweep_id, settings, show)
