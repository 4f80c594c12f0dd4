"""`sweep pause`, `resume`, `stop`, `cancel` and `update`: what a person may do to a sweep that
runs."""

from __future__ import annotations

from typing import Any

import click

from opensweep import _text
from opensweep.commands import connection, create, options, report
from sweeps.errors import Fenced, IllegalTransition, OpensweepError


def _order(sweep: str, action: str, as_json: bool) -> None:
    with connection.server() as client:
        before = connection.sweep_status(client, sweep)
        try:
            after = client.change(before["id"], action)
        except (IllegalTransition, Fenced):
            raise OpensweepError(_refusal(before, action)) from None
    if as_json:
        options.print_json(after)
    else:
        click.echo(_said(after, action))


def _refusal(status: dict[str, Any], action: str) -> str:
    sweep_id, state = status["id"], status["state"]
    if action == "resume":
        why = "only a paused sweep can be resumed"
    elif state in ("finished", "canceled", "failed"):
        why = f"it is over, there is nothing to {action}"
    else:
        why = f"it cannot {action} from there"
    return f"sweep {sweep_id} is {state}: {why}."


def _said(status: dict[str, Any], action: str) -> str:
    running = int(status["counts"].get("running", 0))
    trials = _text.plural(running, "running trial")
    head = f"sweep {status['id']} is {_text.state(status['state'])}"
    if action == "pause":
        rest = f"{trials} may end, no new one starts; `sweep resume {status['id']}` goes on"
    elif action == "resume":
        rest = "agents get trials again"
    elif action == "stop":
        rest = f"{trials} may end, no new one starts"
    else:
        rest = f"{trials} being killed" if running else "nothing is running"
    return f"{head}: {rest}"


@click.command(epilog="\b\nExample:\n  sweep pause k3j9x2ab")
@options.sweep_argument()
@options.json_option("the status document after it")
def pause(sweep: str, as_json: bool) -> None:
    """Hand out no new trials; those running go on.

    `sweep resume` undoes it. Agents wait meanwhile.
    """
    _order(sweep, "pause", as_json)


@click.command(epilog="\b\nExample:\n  sweep resume k3j9x2ab")
@options.sweep_argument()
@options.json_option("the status document after it")
def resume(sweep: str, as_json: bool) -> None:
    """Go on with a paused sweep."""
    _order(sweep, "resume", as_json)


@click.command(epilog="\b\nExample:\n  sweep stop k3j9x2ab")
@options.sweep_argument()
@options.json_option("the status document after it")
def stop(sweep: str, as_json: bool) -> None:
    """End a sweep once its running trials are done.

    No new trial starts. To kill the running ones too: `sweep cancel`.
    """
    _order(sweep, "stop", as_json)


@click.command(epilog="\b\nExample:\n  sweep cancel k3j9x2ab")
@options.sweep_argument()
@options.json_option("the status document after it")
def cancel(sweep: str, as_json: bool) -> None:
    """End a sweep now, killing its running trials.

    Each script gets SIGTERM, and SIGKILL if it does not end within its grace. What trials logged
    so far is kept. A canceled sweep cannot be resumed.
    """
    _order(sweep, "cancel", as_json)


@click.command(
    epilog="\b\nExample:\n  sweep update k3j9x2ab sweep.yaml\n  sweep update k3j9x2ab --run-cap 200"
)
@options.sweep_argument()
@click.argument("file", type=click.Path(allow_dash=True), required=False)
@click.option("--run-cap", type=options.Whole(), metavar="N", help="Change the run_cap alone.")
@options.json_option('{"id": …, "state": …}')
def update(sweep: str, file: str | None, run_cap: int | None, as_json: bool) -> None:
    """Give a sweep another file, while it runs or after it.

    A larger run_cap or a wider space lets a finished sweep go on. Trials that were suggested stay
    as they are, and the search knows them; trials to come are of the new file. The metric cannot
    change once there are trials. FILE is a sweep file (`-`: standard input).
    """
    if (file is None) == (run_cap is None):
        raise click.UsageError("name a sweep file, or --run-cap alone")
    if file is not None:
        text = create.read(file, {})
        tables = create.prior_tables(file, create.check(file, text, program_here=False))
    with connection.server() as client:
        status = connection.sweep_status(client, sweep)
        if file is not None:
            path = create.origin(file)["path"]
            with create.as_named(file):
                changed = client.update_sweep(status["id"], text, path, tables=tables)
        else:
            changed = client.change_run_cap(status["id"], run_cap)
    create.say_warnings(changed)
    if as_json:
        options.print_json({key: changed[key] for key in ("id", "name", "state")})
        return
    what = "a new file" if run_cap is None else f"run_cap {run_cap}"
    head = f"sweep {click.style(changed['id'], bold=True)} has {what}"
    if changed["state"] in ("pending", "running") and not status.get("agents"):
        click.echo(f"{head}; {report.no_agent(status)}")
    else:
        click.echo(f"{head} and is {_text.state(changed['state'])}")
